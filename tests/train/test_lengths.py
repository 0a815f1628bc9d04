"""Rows that are too long or have nothing to learn from: said before training, never cut, never silent."""

from __future__ import annotations

import json
import statistics
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from train import sft
from train.labels import Labelled, label, pair
from train.lengths import FILE, Fitted, fit
from wellgate.base import Base
from wellgate.errors import InputError
from wellgate.model import load_tokenizer
from wellgate.recipe import Dpo, Sft, load
from wellgate.records import Conversation, Message, Preference

OWN = {"source": "s", "licence": "CC0-1.0", "consent": "synthetic", "group": "g"}


def turns(replies: int, words: int = 1, last: str = "assistant") -> list[Message]:
    """`replies` exchanges, each user turn of a few words."""
    found = []
    for number in range(replies):
        found.append(Message(role="user", content=" ".join([f"question{number}"] * words)))
        found.append(Message(role="assistant", content=f"answer{number}"))
    return found if last == "assistant" else found[:-1]


def talk(id: str, replies: int, words: int = 1) -> Conversation:
    return Conversation(id=id, messages=tuple(turns(replies, words)), **OWN)


def rows(record: Conversation) -> list[Labelled]:
    """One token a word of the conversation; the record's text is not needed here."""
    length = sum(len(message.content.split()) for message in record.messages)
    replies = sum(message.role == "assistant" for message in record.messages)
    return [Labelled(record.id, [1] * length, [1] * length, replies)] if replies else []


def fitted(folder: Path, records: list[Conversation], limit: int, overlength: str, **keys: Any) -> Fitted[Labelled]:
    section = Sft.model_validate({"max_length": limit, "overlength": overlength})
    return fit("sft", section, folder, records, rows, **keys)


def report(folder: Path) -> dict[str, Any]:
    return dict(json.loads((folder / FILE).read_text()))


CASES: list[tuple[list[int], str, dict[str, int] | str]] = [
    ([3, 9, 10], "error", {"r0": 3, "r1": 9, "r2": 10}),
    ([3, 11, 10], "drop", {"r0": 3, "r2": 10}),
    ([3, 11, 12], "error", "sft.max_length: 2 of 3 rows have more than 10 tokens (longest 12, first r1); raise sft.max_length, or set sft.overlength to drop_early_turns or drop"),
    ([11, 12], "drop", "sft.max_length: all 2 rows have more than 10 tokens"),
    ([11, 12], "error", "sft.max_length: 2 of 2 rows"),
    ([11, 3], "drop_early_turns", {"r1": 3}),
]  # fmt: skip


@pytest.mark.parametrize(("lengths", "overlength", "expected"), CASES, ids=str)
def test_a_row_of_one_exchange_that_is_too_long_is_an_error_or_dropped_whole(
    tmp_path: Path, lengths: list[int], overlength: str, expected: dict[str, int] | str
) -> None:
    records = [talk(f"r{number}", 1, length - 1) for number, length in enumerate(lengths)]
    if isinstance(expected, str):
        with pytest.raises(InputError) as refused:
            fitted(tmp_path, records, 10, overlength)
        assert expected in str(refused.value)
    else:
        assert {row.id: row.length for row in fitted(tmp_path, records, 10, overlength).rows} == expected
    assert report(tmp_path)["rows"] == len(lengths)  # also where it stops


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(st.integers(1, 5), st.integers(1, 9)), min_size=1, max_size=12), st.integers(2, 30))
def test_dropping_early_turns_keeps_as_many_late_exchanges_as_fit(
    tmp_path_factory: pytest.TempPathFactory, shapes: list[tuple[int, int]], limit: int
) -> None:
    folder = tmp_path_factory.mktemp("lengths")
    records = [talk(f"r{number}", *shape) for number, shape in enumerate(shapes)]
    kept = {f"r{n}": min(replies, limit // (words + 1)) * (words + 1) for n, (replies, words) in enumerate(shapes)}
    try:
        got = fitted(folder, records, limit, "drop_early_turns")
    except InputError:
        assert not any(kept.values())
        return
    assert {row.id: row.length for row in got.rows} == {id: length for id, length in kept.items() if length}
    assert got.dropped == [id for id, length in kept.items() if not length]
    whole = {record.id: rows(record)[0].length for record in records}
    assert got.shortened == [id for id, length in kept.items() if 0 < length < whole[id]]
    assert report(folder)["shortened"] == got.shortened


@pytest.fixture(scope="module")
def tokenizer(tiny_base: Path) -> Any:
    return load_tokenizer(Base("tiny-llama", None, tiny_base, ""))


def test_a_shortened_conversation_keeps_its_system_turn_and_its_last_reply(tokenizer: Any, tmp_path: Path) -> None:
    system = Message(role="system", content="Be kind.")
    record = Conversation(id="c", messages=(system, *turns(4, 3)), **OWN)
    short = Conversation(id="c", messages=(system, *turns(4, 3)[4:]), **OWN)
    (expected,) = label(tokenizer, "", short)
    section = Sft(max_length=expected.length, overlength="drop_early_turns")
    (row,) = fit("sft", section, tmp_path, [record], lambda one: label(tokenizer, "", one)).rows
    assert (row.input_ids, row.labels) == (expected.input_ids, expected.labels)
    with pytest.raises(InputError, match="all 1 rows"):
        fit("sft", Sft(max_length=20, overlength="drop_early_turns"), tmp_path, [record], lambda one: label(tokenizer, "", one))  # fmt: skip


def test_where_each_reply_is_a_row_each_is_shortened_by_itself(families: Any, tmp_path: Path) -> None:
    tokenizer = families("qwen3").tokenizer
    record = talk("c", 3, 4)
    alone = [
        label(tokenizer, "", Conversation(id="c", messages=one, **OWN))[0]
        for one in (record.messages[at : at + 2] for at in (0, 2, 4))
    ]
    section = Sft(max_length=max(row.length for row in alone), overlength="drop_early_turns")
    got = fit("sft", section, tmp_path, [record], lambda one: label(tokenizer, "", one))
    assert [row.id for row in got.rows] == ["c", "c", "c"]
    assert got.shortened == ["c", "c"]
    assert [row.input_ids for row in got.rows] == [row.input_ids for row in alone]


def test_a_pairs_prompt_is_shortened_and_its_replies_are_not(tokenizer: Any, tmp_path: Path) -> None:
    given = {"chosen": "answer2 " * 3, "rejected": "No.", "reason": "listens", **OWN}
    record = Preference.model_validate({"id": "p", "prompt": turns(3, 3, last="user"), **given})
    short = Preference.model_validate({"id": "p", "prompt": turns(3, 3, last="user")[2:], **given})
    expected = pair(tokenizer, "", short)
    section = Dpo(max_length=expected.length, overlength="drop_early_turns")
    got = fit("dpo", section, tmp_path, [record], lambda one: [pair(tokenizer, "", one)])
    assert got.rows == [expected]
    assert got.counts == {"shortened": 1, "dropped": 0, "unsupervised": 0}


def test_the_report_holds_the_distribution_and_no_text(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    records = [talk(f"r{number}", 1, number) for number in range(1, 101)]
    got = fitted(tmp_path, records, 90, "drop")
    found = report(tmp_path)
    lengths = range(2, 102)
    assert (found["rows"], found["tokens"], found["shortest"], found["longest"]) == (100, sum(lengths), 2, 101)
    assert abs(found["percentiles"]["50"] - statistics.median(lengths)) <= 1
    assert found["percentiles"]["95"] == 97
    assert sum(one["rows"] for one in found["histogram"]) == 100
    for one in found["histogram"]:
        assert one["rows"] == sum(one["above"] < length <= one["up_to"] for length in lengths)
    assert (found["max_length"], found["over"], found["share_over"]) == (90, 11, 0.11)
    assert found["dropped"] == got.dropped == [f"r{number}" for number in range(90, 101)]
    (line,) = capsys.readouterr().out.splitlines()
    assert line.startswith("sft: 100 rows, half of them up to 52 tokens, 95 % up to 97, longest 101; 11 over 90; 0 shortened, 11 dropped, 0 unsupervised")  # fmt: skip
    assert "question" not in line + (tmp_path / FILE).read_text()


def test_a_second_process_writes_no_report(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RANK", "1")
    assert len(fitted(tmp_path, [talk("r0", 1)], 90, "drop").rows) == 1
    assert not (tmp_path / FILE).exists()


@pytest.mark.parametrize(("allowed", "refused"), [(0.0, True), (0.2, True), (0.25, False), (0.5, False)])
def test_records_without_a_reply_are_counted_and_refused_above_a_limit(
    tiny_recipe: Path, tokenizer: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, allowed: float, refused: bool
) -> None:
    silent = Conversation(id="silent", messages=tuple(turns(1)[:1]), **OWN)
    records = [talk("a", 1), talk("b", 1), talk("c", 1), silent]
    monkeypatch.setattr(sft, "read_prepared", lambda *_: records)
    recipe = load(tiny_recipe, [f"sft.max_unsupervised={allowed}"])
    assert recipe.sft
    if refused:
        with pytest.raises(InputError, match=r"sft\.max_unsupervised: 1 of 4 records have no reply .*first silent"):
            sft.labelled_rows(recipe, recipe.sft, tokenizer, tmp_path)
        return
    got = sft.labelled_rows(recipe, recipe.sft, tokenizer, tmp_path)
    assert [row.id for row in got.rows] == ["a", "b", "c"]
    assert got.counts == {"shortened": 0, "dropped": 0, "unsupervised": 1}
    assert report(tmp_path)["unsupervised"] == ["silent"]
