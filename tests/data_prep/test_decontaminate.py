"""Evaluation items are found in records, changed or not; what merely sounds alike is not."""

from __future__ import annotations

import json
import random
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from data_prep.decontaminate import Index, items
from wellgate.errors import InputError

PROBES = sorted((Path(__file__).resolve().parents[2] / "eval" / "probes").glob("*.jsonl"))
ITEM = "My grandmother's parrot has learned the microwave beep and now the whole stairwell thinks our soup is ready, what do I tell them?"
OTHER = (
    "Every Thursday the choir leaves its folding chairs in my workshop and I trip over them with a tray of wet glue."
)
LONG = 16
"""Words: of a shorter question, a swapped word or two leave little that is its own."""
SMALL = Index([("a", ITEM), ("b", OTHER)])


def test_an_item_is_found_in_any_turn_with_other_text_around_it() -> None:
    records = [["Hello.", f"So. {ITEM} Sorry to ask."], ["Hello.", "What is on your mind?"], [OTHER, ITEM], []]
    assert SMALL.collisions(records) == [["a"], [], ["a", "b"], []]


@pytest.mark.parametrize("text", [ITEM.upper(), ITEM.replace(" ", "\n  "), ITEM.replace("'", "’"), f"“{ITEM[:-1]}…”"])
def test_case_white_space_and_punctuation_hide_nothing(text: str) -> None:
    assert SMALL.collisions([[text]]) == [["a"]]


def swapped(text: str, share: float, draw: random.Random) -> str:
    words = text.split()
    for place in draw.sample(range(len(words)), round(share * len(words))):
        words[place] = draw.choice(["lemon", "whistle", "cardboard", "seven", "gently", "marble"])
    return " ".join(words)


def test_probe_questions_are_found_with_15_percent_of_their_words_swapped() -> None:
    found, draw = Index(items(PROBES)), random.Random(0)
    probes = [(id, text) for id, text in items(PROBES) if len(text.split()) >= LONG]
    answers = found.collisions([[swapped(text, 0.15, draw), "Thank you for telling me."] for _, text in probes])
    recall = sum(id in ids for (id, _), ids in zip(probes, answers, strict=True)) / len(probes)
    assert recall >= 0.98


def test_every_probe_question_is_found_as_it_stands() -> None:
    probes = items(PROBES)
    answers = Index(probes).collisions([[text] for _, text in probes])
    missed = [id for (id, text), ids in zip(probes, answers, strict=True) if id not in ids and len(text.split()) >= 3]
    assert missed == []


def test_half_of_the_words_swapped_is_another_text() -> None:
    draw = random.Random(1)
    assert SMALL.collisions([[swapped(ITEM, 0.5, draw)] for _ in range(20)]) == [[]] * 20


@pytest.mark.parametrize(
    "text",
    [
        "what do I tell them?",
        "Now the whole stairwell thinks so.",
        "My grandmother's parrot died.",
        "I do not know what to do, what do I tell them when they ask me about it again tomorrow?",
    ],
)
def test_common_phrases_are_no_leak(text: str) -> None:
    assert SMALL.collisions([[text]]) == [[]]


def test_thirteen_words_in_a_row_are_enough_of_a_long_item() -> None:
    words = [f"w{number}" for number in range(200)]
    index = Index([("long", " ".join(words))])
    assert index.collisions([[" ".join(words[50:63])], [" ".join(words[50:62])]]) == [["long"], []]


def test_short_items_must_be_the_whole_turn() -> None:
    index = Index([("short", "Are you a person?"), ("tiny", "Help me"), ("none", "?!")])
    assert index.collisions([["are you a person"], ["Tell me, are you a person?"], ["Help me"], ["?!"]]) == [
        ["short"],
        [],
        [],
        [],
    ]
    assert index.ignored == ["none", "tiny"]


def test_items_of_equal_words_are_named_together() -> None:
    index = Index([("a", ITEM), ("b", OTHER), ("c", ITEM.lower())])
    assert index.collisions([[ITEM]]) == [["a", "c"]]


def test_the_template_of_a_file_is_no_leak() -> None:
    """Forty items in the same instruction: a record in that instruction with another text holds none of them."""
    draw = random.Random(2)
    texts = [" ".join(f"word{draw.randrange(5000)}" for _ in range(12)) for _ in range(41)]
    template = "Read the following message with care and then answer: {} Which of the two listeners understood it better, and why do you think so?"
    index = Index([(str(row), template.format(text)) for row, text in enumerate(texts[:40])])
    assert index.collisions([[template.format(texts[40])], [template.format(texts[7])], [texts[7]]]) == [
        [],
        ["7"],
        ["7"],
    ]


@pytest.mark.parametrize("variant", ["{} 7", "{}", "7 {}"])
def test_items_that_differ_in_one_word_are_no_template(variant: str) -> None:
    index = Index([(str(row), f"{row} {ITEM} {row}") for row in range(30)])
    assert len(index.collisions([[variant.format(ITEM)]])[0]) == 30


def test_no_items_and_no_records() -> None:
    assert Index([]).collisions([[ITEM]]) == [[]]
    assert SMALL.collisions([]) == []


@given(st.lists(st.lists(st.text(max_size=60), max_size=3), max_size=8), st.lists(st.text(max_size=60), max_size=5))
def test_any_text_is_read_and_a_record_holds_itself(records: list[list[str]], texts: list[str]) -> None:
    index = Index([(str(row), text) for row, text in enumerate(texts)])
    long = [row for row, text in enumerate(texts) if str(row) not in index.ignored]
    found = index.collisions([*records, *([texts[row]] for row in long)])
    assert len(found) == len(records) + len(long)
    assert all(str(row) in ids for row, ids in zip(long, found[len(records) :], strict=True))


@given(st.lists(st.sampled_from([[ITEM], [OTHER, "hm"], ["nothing"], []]), max_size=6))
def test_records_are_searched_apart(records: list[list[str]]) -> None:
    assert SMALL.collisions(records) == [found for record in records for found in SMALL.collisions([record])]


def test_every_probe_file_is_read() -> None:
    found = items(PROBES)
    assert len(found) == sum(len(path.read_text(encoding="utf-8").splitlines()) for path in PROBES)
    assert len({id for id, _ in found}) == len(found)
    assert f"{PROBES[0].name}:di-001" in dict(found)


def test_user_files_of_each_kind(tmp_path: Path) -> None:
    turns = [
        {"role": "system", "content": "s"},
        {"role": "user", "content": "one"},
        {"role": "assistant", "content": "x"},
    ]
    rows = [{"id": "q1", "messages": [*turns, {"role": "user", "content": "two"}]}, {"prompt": "three", "answer": "no"}]
    (tmp_path / "a.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    (tmp_path / "b.csv").write_text('n,question,answer\n1,"four,\nfive",no\n2,six,no\n', encoding="utf-8")
    (tmp_path / "c.txt").write_text("seven\n\neight\n", encoding="utf-8")
    pq.write_table(pa.table({"asked": ["nine", None, "ten"]}), tmp_path / "d.parquet")
    names = [tmp_path / "a.jsonl", tmp_path / "b.csv", tmp_path / "c.txt", f"{tmp_path}/d.parquet:asked"]
    with pytest.raises(InputError, match=r"d\.parquet:2: no column asked"):
        items(names)
    pq.write_table(pa.table({"asked": ["nine", "ten"]}), tmp_path / "d.parquet")
    assert items(names) == [
        ("a.jsonl:q1", "one\ntwo"),
        ("a.jsonl:2", "three"),
        ("b.csv:3", "four,\nfive"),
        ("b.csv:4", "six"),
        ("c.txt:1", "seven\n"),
        ("c.txt:3", "eight\n"),
        ("d.parquet:1", "nine"),
        ("d.parquet:2", "ten"),
    ]


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("a.csv", "x,y\nsecret words,2\n", r"a\.csv:2: no column that must be the question; name it"),
        ("a.csv:z", "x,y\nsecret words,2\n", r"a\.csv:2: no column z; it has x, y"),
        ("a.jsonl", "", "the file is empty"),
        ("a.jsonl", "{]\n", "no item in it"),
        ("a.parquet", "not parquet", "not a readable parquet file"),
        ("a.docx", "x", r"cannot tell what is in a \.docx file"),
        ("a.csv", "question\n \n", "no item in it"),
    ],
)
def test_bad_files_are_input_errors_without_their_text(tmp_path: Path, name: str, text: str, message: str) -> None:
    (tmp_path / name.split(":")[0]).write_text(text, encoding="utf-8")
    with pytest.raises(InputError, match=message) as error:
        items([f"{tmp_path}/{name}"])
    assert "secret" not in str(error.value)


def test_a_missing_file_is_an_input_error(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="cannot be read"):
        items([tmp_path / "none.jsonl"])
