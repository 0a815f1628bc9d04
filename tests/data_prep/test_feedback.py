"""Judged replies on their way through preparation: a part of their own, and nothing that spoils them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from data_prep import table
from data_prep.dedup import duplicates, sign
from data_prep.documents.card import configs
from data_prep.prepare import prepare
from wellgate.recipe import load
from wellgate.records import Conversation, Feedback, Message, Preference, read_jsonl, read_parquet

LONG = "I have been lying awake since three in the morning and I keep going over the same conversation with my sister"


def judged(number: int, desirable: Any, reply: str = "", asked: str = "", **fields: Any) -> dict[str, Any]:
    turns = [
        {"role": "user", "content": asked or f"Worry number {number} about winter"},
        {"role": "assistant", "content": reply or f"Say more about worry {number}."},
    ]
    return {"id": f"f{number}", "messages": turns, "desirable": desirable, **fields}


def run(path: Path) -> tuple[Any, dict[str, list[Any]], list[dict[str, Any]]]:
    """Manifest, parts and rejected rows."""
    recipe = load(path)
    manifest = prepare(recipe)
    (folder,) = (path.parent / "runs" / "tiny").glob("prepare-*")
    kinds = {"train": Conversation, "held_out": Conversation, "feedback": Feedback, "feedback_held_out": Feedback, "preferences": Preference}  # fmt: skip
    read: Any = read_parquet if recipe.prepare.format == "parquet" else lambda *some: list(read_jsonl(*some))
    parts = {name: read(folder / f"{name}.{recipe.prepare.format}", kind) for name, kind in kinds.items()}
    return manifest, parts, [json.loads(line) for line in (folder / "rejected.jsonl").read_text().splitlines()]


@pytest.mark.parametrize("form", ["parquet", "jsonl"])
def test_judged_rows_get_parts_of_their_own_and_keep_their_judgement(write_recipe: Any, talk: Any, form: str) -> None:
    rows = [talk(number) for number in range(30)] + [judged(number, number % 3 > 0) for number in range(60)]
    manifest, parts, _ = run(write_recipe(rows, held_out=0.3, format=form, near_duplicates=None))
    found = {one.id: one for name in ("feedback", "feedback_held_out") for one in parts[name]}
    assert {id: one.desirable for id, one in found.items()} == {f"talks/f{n}": n % 3 > 0 for n in range(60)}
    assert all(one.messages[-1].role == "assistant" for one in found.values())
    assert not any(one.id.startswith("talks/f") for name in ("train", "held_out") for one in parts[name])
    assert len(parts["feedback"]) > 20 < 60 - len(parts["feedback_held_out"])
    assert parts["feedback_held_out"]
    assert {one.group for one in parts["feedback"]}.isdisjoint(one.group for one in parts["feedback_held_out"])
    assert manifest.counts["feedback_balance"] == {"desirable": 40, "undesirable": 20}


def test_a_null_judgement_is_an_ordinary_row(write_recipe: Any) -> None:
    _, parts, _ = run(write_recipe([judged(0, None)], held_out=0.0))
    assert [type(one) for one in parts["train"]] == [Conversation]
    assert not parts["feedback"]


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        (judged(0, "yes"), "bool_type (desirable)"),
        (judged(0, 1), "bool_type (desirable)"),
        ({**judged(0, True), "messages": [*judged(0, True)["messages"], {"role": "user", "content": "And?"}]}, "the last turn, which is judged, is not the assistant's"),
    ],
)  # fmt: skip
def test_a_judgement_that_is_none_is_a_rejected_row(write_recipe: Any, talk: Any, row: Any, reason: str) -> None:
    _, parts, rejected = run(write_recipe([talk(1), row], held_out=0.0, max_rejected=0.6))
    assert [one["reason"] for one in rejected] == [reason]
    assert not parts["feedback"]


def test_hygiene_judges_desirable_replies_and_spares_undesirable_ones(write_recipe: Any, talk: Any) -> None:
    bad = "You should stop taking your medication today, you do not need it."
    rows = [talk(1), judged(1, True, bad), judged(2, False, bad.replace("today", "tonight")), judged(3, True)]
    _, parts, rejected = run(write_recipe(rows, held_out=0.0, filters=["hygiene"], near_duplicates=None))
    assert [one.id for one in parts["feedback"]] == ["talks/f2", "talks/f3"]
    assert [(one["id"], one["step"]) for one in rejected] == [("talks/f1", "hygiene")]


def test_several_judged_replies_to_one_long_question_are_no_duplicates(write_recipe: Any, talk: Any) -> None:
    rows = [
        talk(1),
        talk(2, messages=judged(1, True, asked=LONG)["messages"]),
        judged(1, True, asked=LONG),  # the conversation above, judged
        judged(2, False, "Pull yourself together.", LONG),
        judged(3, False, "pull yourself  together.", LONG),
        judged(4, True, "Pull yourself together.", LONG),
    ]
    _, parts, rejected = run(write_recipe(rows, held_out=0.0, max_rejected=0.5))
    assert [one.id for one in parts["feedback"]] == ["talks/f1", "talks/f2"]
    assert {one["id"]: one["reason"] for one in rejected} == {
        f"talks/f{number}": "exact duplicate of talks/f2" for number in (3, 4)
    }
    assert len(parts["train"]) == 2


def test_feedback_on_what_is_held_out_is_left_out(write_recipe: Any, talk: Any) -> None:
    from data_prep.split import is_held_out

    names = [f"g{number}" for number in range(40)]
    held = next(name for name in names if is_held_out(f"talks/{name}", 0.3, 0))
    free = [name for name in names if not is_held_out(f"talks/{name}", 0.3, 0)]
    theirs = [{"role": "user", "content": LONG}, {"role": "assistant", "content": "Are you sleeping at all?"}]
    rows = [
        talk(1, group=free[0]),
        talk(2, group=held, messages=theirs),
        judged(1, True, asked=LONG, group=free[1]),
        judged(2, False, group=free[2]),
    ]
    _, parts, rejected = run(write_recipe(rows, held_out=0.3))
    assert [one.id for one in parts["feedback"]] == ["talks/f2"]
    assert [(one["id"], one["step"], one["reason"]) for one in rejected] == [
        ("talks/f1", "preferences", "its prompt stands in held-out data")
    ]


def test_a_record_goes_through_the_table_and_back() -> None:
    shared: dict[str, Any] = {"source": "s", "licence": "CC0-1.0", "consent": "synthetic", "group": "g"}
    turns = (Message(role="user", content="One"), Message(role="assistant", content="Two"))
    records = [
        Conversation(id="a", messages=turns, **shared),
        Feedback(id="b", messages=turns, desirable=True, **shared),
        Feedback(id="c", messages=turns, desirable=False, **shared),
        Preference(id="d", prompt=turns[:1], chosen="Two", rejected="Three", reason="r", **shared),
    ]
    rows = table.to_table(records)
    assert table.to_records(rows) == records
    assert table.judged(rows) == [False, True, True, False]
    found = duplicates([sign(rows)], lambda wanted: ["One\nTwo"] * len(wanted), 0.5)
    assert {row: one.kind for row, one in found.items()} == {2: "exact"}


def test_the_documents_list_feedback_where_there_is_some(write_recipe: Any, talk: Any, tmp_path: Path) -> None:
    import mlcroissant

    manifest, parts, _ = run(write_recipe([talk(1), judged(1, True), judged(2, False)], held_out=0.0))
    (folder,) = (tmp_path / "runs" / "tiny").glob("prepare-*")
    sheet = (folder / "DATASHEET.md").read_text()
    assert "2 judged replies" in sheet
    assert "Judged replies: desirable (1), undesirable (1)" in sheet
    assert "Learning from feedback on 2 replies." in sheet
    kinds = {one["config_name"]: one["data_files"] for one in configs(manifest.counts, "parquet")}
    assert kinds["feedback"] == [{"split": "train", "path": "feedback.parquet"}]
    read = list(mlcroissant.Dataset(jsonld=str(folder / "croissant.json")).records("feedback"))
    assert sorted(bool(one["feedback/desirable"]) for one in read) == [False, True]
    assert pq.read_table(folder / "feedback.parquet").schema.field("desirable").type == "bool"
    assert len(parts["feedback"]) == 2
