"""Duplicates are found whatever order, process or shard they come in; the first stays; what differs is kept."""

from __future__ import annotations

import random
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from data_prep import dedup, meaning, ngrams
from data_prep.dedup import Duplicate
from data_prep.table import SCHEMA
from wellgate.errors import InputError

WORDS = (
    "lantern,river,quarrel,kettle,sister,bicycle,thunder,pocket,window,garden,letter,station,blanket,mirror,engine,"
    "harvest,ladder,puzzle,winter,orchard,candle,bridge,market,sparrow,button,island,copper,violin,shadow,ticket"
).split(",")
Said = list[str]


def table(chats: Sequence[Said], pair: bool = False, dropped: Sequence[int] = ()) -> pa.Table:
    rows = [
        {
            "turns": [{"role": "user", "content": text} for text in said],
            "pair": pair,
            "dropped": "test: gone" if row in dropped else None,
        }
        for row, said in enumerate(chats)
    ]
    return pa.Table.from_pylist(rows, schema=SCHEMA)


def found(chats: Sequence[Said], near: float | None = 0.6, shard: int = 7, **options: Any) -> dict[int, Duplicate]:
    whole = table(chats, **options)
    signed = [dedup.sign(whole.slice(first, shard)) for first in range(0, len(chats), shard)]
    return dedup.duplicates(signed, lambda rows: ["\n".join(chats[row]) for row in rows], near)


def chat(seed: int, words: int = 60) -> Said:
    """Two turns of random words: any two share next to no 3-gram."""
    drawn = random.Random(seed)
    return [" ".join(drawn.choice(WORDS) for _ in range(words // 2)) for _ in range(2)]


def changed(said: Said, *places: int) -> Said:
    words = said[0].split()
    for place in places:
        words[place] = f"changed{place}"
    return [" ".join(words), *said[1:]]


@pytest.mark.parametrize(
    "second", ["I  can't\nsleep", "i CAN'T sleep", "\tI can't sleep ", "I can't\u00a0sleep"], ids=repr
)
def test_case_and_white_space_make_no_difference(second: str) -> None:
    assert found([["I can't sleep"], ["Something else"], [second]], None) == {2: Duplicate(0, "exact", 1.0)}


@pytest.mark.parametrize("second", ["I can sleep", "I can't sleep!", "sleep I can't", "I can'tsleep"])
def test_other_texts_are_not_exact_duplicates(second: str) -> None:
    assert found([["I can't sleep"], [second]], None) == {}


def test_where_a_turn_ends_matters() -> None:
    assert found([["one two", "three"], ["one", "two three"]], None) == {}


def test_near_duplicates_go_and_name_the_first() -> None:
    chats = [chat(0), chat(3), changed(chat(0), 3), chat(2), changed(chat(3), 10, 11)]
    gone = found(chats)
    assert {row: (one.kept, one.kind) for row, one in gone.items()} == {2: (0, "near"), 4: (1, "near")}
    # 58 three-grams; a changed word in the middle takes three of them, two neighbours take four
    assert gone[2].similarity == pytest.approx(55 / 61, abs=1e-3)
    assert gone[4].similarity == pytest.approx(54 / 62, abs=1e-3)


def test_without_a_threshold_near_duplicates_stay() -> None:
    assert found([chat(0), changed(chat(0), 3)], None) == {}


@pytest.mark.parametrize(("near", "goes"), [(0.85, True), (0.92, False)])
def test_the_threshold_is_the_true_jaccard_similarity(near: float, goes: bool) -> None:
    assert bool(found([chat(0), changed(chat(0), 3)], near)) is goes


def test_a_chain_of_changes_is_one_cluster_of_which_the_first_stays() -> None:
    chain = [chat(5)]
    for step in range(6):
        chain.append(changed(chain[-1], 4 * step, 4 * step + 1))
    gone = found([chat(6), *chain])
    assert {row: one.kept for row, one in gone.items()} == dict.fromkeys(range(2, 8), 1)
    assert dedup.jaccard(["\n".join(chain[0]), "\n".join(chain[-1])], np.array([[0, 1]]))[0] < 0.6


def test_a_copy_of_a_near_duplicate_names_the_one_that_stays() -> None:
    near = changed(chat(0), 3)
    gone = found([chat(0), near, [text.upper() for text in near]])
    assert {row: (one.kept, one.kind) for row, one in gone.items()} == {1: (0, "near"), 2: (0, "exact")}


def test_what_was_left_out_before_keeps_nothing_out() -> None:
    chats = [chat(0), chat(0), changed(chat(0), 3), chat(0)]
    assert {row: one.kept for row, one in found(chats, dropped=[0]).items()} == {2: 1, 3: 1}


def test_a_pair_is_no_duplicate_of_the_conversation_it_is_made_of() -> None:
    tables = [dedup.sign(table([chat(0)])), dedup.sign(table([chat(0)], pair=True))]
    assert dedup.duplicates(tables, lambda rows: ["\n".join(chat(0)) for _ in rows], 0.1) == {}


@pytest.mark.parametrize("text", ["hi", "🙂", "🙂 🙂", "?!", "ok then"])
def test_texts_of_hardly_a_word(text: str) -> None:
    gone = found([[text], ["no"], [text], ["🙃"], ["?"], ["ok so"]], 0.6)
    assert gone == {2: Duplicate(0, "exact", 1.0)}


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("don’t you “worry” — it’s late…", "dont you worry its late"),
        ("Ｆｕｌｌ width and plain width", "full width and plain width"),
        ("zero\u200bwidth charac\u00adters between letters", "zerowidth characters between letters"),
        ("straße und größe und fluss", "STRASSE UND GRÖSSE UND FLUSS"),
    ],
)
def test_words_see_through_typography(one: str, other: str) -> None:
    assert ngrams.words(one) == ngrams.words(other)


def test_scripts_without_spaces_have_a_word_a_character() -> None:
    one = "我最近总是睡不着觉,白天也没有精神,不知道该怎么办才好。"
    assert found(
        [[one], [one.replace("白天", "晚上")], ["今天天气很好,我们一起去公园散步吧,顺便买点水果。"]], 0.5
    ).keys() == {1}
    assert ngrams.words("abc我最def") == [word.encode() for word in ("abc", "我", "最", "def")]


def test_signatures_are_the_same_in_another_process_and_in_any_shards() -> None:
    program = (
        "import sys; sys.path[:0] = ['tests/data_prep', '.']; import test_dedup as t, data_prep.dedup as d;"
        "print(d.sign(t.table([t.chat(0), t.chat(1), ['größe 🙂']])).to_pydict())"
    )
    root = Path(__file__).resolve().parents[2]
    chats = [chat(0), chat(1), ["größe 🙂"]]
    for seed in ("1", "2"):
        other = subprocess.run(
            [sys.executable, "-c", program], cwd=root, env={"PYTHONHASHSEED": seed}, capture_output=True, text=True
        )
        assert other.stdout.strip() == str(dedup.sign(table(chats)).to_pydict()), other.stderr
    apart = pa.concat_tables([dedup.sign(table([one])) for one in chats])
    assert apart.to_pydict() == dedup.sign(table(chats)).to_pydict()


def test_signing_keeps_a_row_a_row_and_the_empty_table_empty() -> None:
    assert dedup.sign(table([])).num_rows == 0
    assert found([]) == {}
    signed = dedup.sign(table([chat(0)] * 3))
    assert signed.schema == dedup.SIGNED
    assert dedup.duplicates([signed.slice(1, 1), signed.slice(2, 1)], lambda rows: [""] * len(rows), 0.6).keys() == {1}


EDITS = st.lists(st.tuples(st.integers(0, 11), st.integers(0, 29)), max_size=40)


@settings(max_examples=40, deadline=None)
@given(EDITS, st.integers(1, 9), st.sampled_from([0.3, 0.5, 0.8]))
def test_what_is_found_is_what_comparing_all_pairs_finds(edits: list[tuple[int, int]], shard: int, near: float) -> None:
    """On texts with high or no similarity, where banding is certain, clusters are exactly the true ones."""
    chats = [chat(base) for base in range(12)] + [changed(chat(base), place) for base, place in edits]
    gone = found(chats, near, shard)
    base = [*range(12), *(base for base, _ in edits)]
    assert {row: one.kept for row, one in gone.items()} == {row: base[row] for row in range(12, len(chats))}


def test_many_texts_with_one_beginning_are_compared_in_bounded_time() -> None:
    """A greeting that every chat begins with must not make all pairs of chats candidates."""
    chats = [["Welcome to the evening line of our little town. " * 2 + " ".join(chat(row, 40))] for row in range(600)]
    chats.append(changed(chats[99], 30))
    fetched = 0

    def fetch(rows: Sequence[int]) -> list[str]:
        nonlocal fetched
        fetched += len(rows)
        return [chats[row][0] for row in rows]

    assert dedup.duplicates([dedup.sign(table(chats))], fetch, 0.6).keys() == {600}
    assert fetched < 600


@pytest.fixture
def vectors(tmp_path: Path) -> Path:
    """A static model of ten words, in which `weary` is nearly `tired`."""
    from model2vec import StaticModel
    from tokenizers import Tokenizer, models, pre_tokenizers

    names = ["[UNK]", "tired", "weary", "dog", "cat", "i", "am", "my", "sings", "runs"]
    tokenizer = Tokenizer(models.WordLevel({name: row for row, name in enumerate(names)}, "[UNK]"))
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    weights = np.eye(len(names), dtype=np.float32)
    weights[2, 1] = 5.0
    StaticModel(weights, tokenizer).save_pretrained(tmp_path)
    return tmp_path


def test_the_same_meaning_in_other_words(vectors: Path) -> None:
    texts = ["i am tired", "my dog sings", "i am weary", "my cat runs", "i am tired"]
    gone = meaning.same_meaning(texts, str(vectors), 0.7)
    assert {row: (one.kept, one.kind) for row, one in gone.items()} == {2: (0, "semantic"), 4: (0, "semantic")}
    assert gone[2].similarity < gone[4].similarity == 1.0
    assert meaning.same_meaning([], str(vectors)) == {}


def test_vectors_of_an_encoder_are_averaged_without_padding(tiny_base: Path) -> None:
    texts = ["the rain and the garden", "the bus", "the rain and the garden "]
    gone = meaning.same_meaning(texts, str(tiny_base), 0.999)
    assert gone.keys() <= {2}
    long, short = meaning.Averaged(str(tiny_base)).encode(texts[:2])
    assert meaning.Averaged(str(tiny_base)).encode([texts[1]])[0] == pytest.approx(short, abs=1e-5)
    assert long != pytest.approx(short, abs=1e-3)


def test_a_missing_vector_model_is_an_input_error(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no vector model"):
        meaning.same_meaning(["a"], str(tmp_path / "none"))
