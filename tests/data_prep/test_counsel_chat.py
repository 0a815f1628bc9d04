"""A hand-made CSV in the published shape, whose own split leaks: ours must not."""

from __future__ import annotations

import csv
from pathlib import Path
from typing import Any

import pytest

from data_prep.prepare import prepare
from wellgate.errors import InputError
from wellgate.plugins import Source, load
from wellgate.recipe import load as load_recipe
from wellgate.records import Conversation, Rejected, read_parquet

COLUMNS = [
    "questionID",
    "questionTitle",
    "questionText",
    "questionLink",
    "topic",
    "therapistInfo",
    "therapistURL",
    "answerText",
    "upvotes",
    "views",
    "split",
]
Cells = dict[str, str]


def answer(question: int, author: int, text: str, split: str, **cells: str) -> Cells:
    return {
        "questionID": str(question),
        "questionTitle": f"Why do I dream of lifts, part {question}?",
        "questionText": f"Every night the lift stops between floors.\n\nThis is question {question}.",
        "questionLink": f"https://forum.example.org/q/{question}",
        "topic": "sleep",
        "therapistInfo": f"Invented Person {author}, LMFT",
        "therapistURL": f"https://forum.example.org/t/invented-person-{author}",
        "answerText": text,
        "upvotes": "2",
        "views": "17",
        "split": split,
        **cells,
    }


def leaky_rows() -> list[Cells]:
    """Twelve authors. Each has a stock answer that the published split has on both sides, and one row stands twice."""
    rows = []
    for author in range(12):
        stock = f"Author {author} says: lifts in dreams are seldom about lifts, and you may call my office."
        rows += [answer(author, author, stock, "train"), answer(author + 1, author, stock, "test")]
        rows += [answer(author, author, stock, "test"), answer(author + 2, author, f"Only once, {author}.", "train")]
    return rows


@pytest.fixture
def write_csv(tmp_path: Path) -> Any:
    def write(rows: list[Cells], columns: list[str] = COLUMNS) -> Path:
        path = tmp_path / "20200325_counsel_chat.csv"
        with path.open("w", encoding="utf-8", newline="") as stream:
            writer = csv.DictWriter(stream, ["", *columns], extrasaction="ignore")
            writer.writeheader()
            writer.writerows({"": str(number), **row} for number, row in enumerate(rows))
        return path

    return write


def read(path: Path) -> list[Any]:
    source = load(Source, "counsel_chat")  # type: ignore[type-abstract]
    return list(source.model_validate({"use": "counsel_chat", "path": str(path)}).rows())


def test_the_published_split_of_the_hand_made_file_leaks() -> None:
    rows = leaky_rows()
    trained = {row["answerText"] for row in rows if row["split"] == "train"}
    assert any(row["answerText"] in trained for row in rows if row["split"] == "test")


@pytest.mark.parametrize("seed", [0, 1, 2, 3])
def test_no_held_out_answer_stands_verbatim_in_train(
    write_csv: Any, write_recipe: Any, tmp_path: Path, seed: int
) -> None:
    path = write_csv(leaky_rows())
    source = {"use": "counsel_chat", "path": str(path)}
    recipe = write_recipe(sources=[source], held_out=0.4, seed=seed, near_duplicates=None)
    folder = tmp_path / "runs" / "tiny" / f"prepare-{prepare(load_recipe(recipe)).key[:12]}"
    train, held_out = (read_parquet(folder / f"{part}.parquet", Conversation) for part in ("train", "held_out"))
    answers = [{one.messages[-1].content for one in part} for part in (train, held_out)]
    assert answers[0]
    assert answers[1]
    assert not answers[0] & answers[1]
    assert not {one.group for one in train} & {one.group for one in held_out}
    assert len(train) + len(held_out) == 36, "each row that stands twice is kept once"


def test_an_answer_becomes_a_conversation_without_its_authors_name(write_csv: Any) -> None:
    (record,) = read(write_csv([answer(7, 3, "  Draw the lift.  ", "train")]))
    assert [turn.role for turn in record.messages] == ["user", "assistant"]
    assert record.messages[0].content.startswith("Why do I dream of lifts, part 7?\n\nEvery night")
    assert record.messages[1].content == "Draw the lift."
    assert record.tags == ("topic:sleep", "upvotes:2")
    assert record.licence == "MIT"
    assert "nvented" not in str(record)


@pytest.mark.parametrize(
    ("cells", "question"),
    [
        ({"questionTitle": "Lifts?", "questionText": "Lifts? Every night."}, "Lifts? Every night."),
        ({"questionTitle": "Lifts?", "questionText": " "}, "Lifts?"),
        ({"questionTitle": "", "questionText": "Every night."}, "Every night."),
    ],
)
def test_the_title_is_not_said_twice(write_csv: Any, cells: Cells, question: str) -> None:
    (record,) = read(write_csv([answer(1, 1, "Draw it.", "train", **cells)]))
    assert record.messages[0].content == question


@pytest.mark.parametrize(
    ("cells", "reason"),
    [
        ({"answerText": "  "}, "empty turn (content)"),
        ({"answerText": "a\x00b"}, "NUL byte"),
        ({"questionTitle": "", "questionText": "\n\n"}, "empty turn (content)"),
    ],
)
def test_a_bad_row_is_a_reason_with_the_line_on_which_it_ends(write_csv: Any, cells: Cells, reason: str) -> None:
    first, bad = read(write_csv([answer(1, 1, "fine", "train"), answer(2, 2, "x", "train", **cells)]))
    assert isinstance(first, Conversation)
    assert isinstance(bad, Rejected)
    assert (bad.id, bad.line, bad.reason) == ("counsel_chat/line-7", 7, reason)


@pytest.mark.parametrize("gone", ["therapistURL", "answerText", "topic"])
def test_a_missing_column_is_an_input_error(write_csv: Any, gone: str) -> None:
    path = write_csv(leaky_rows(), [name for name in COLUMNS if name != gone])
    with pytest.raises(InputError, match=f"missing column {gone}"):
        read(path)


def test_columns_that_are_not_read_may_be_missing(write_csv: Any) -> None:
    path = write_csv(
        leaky_rows(), [name for name in COLUMNS if name not in ("split", "views", "therapistInfo", "questionLink")]
    )
    assert all(isinstance(one, Conversation) for one in read(path))
