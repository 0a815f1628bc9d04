"""Every leak planted between two files is counted under its kind and named by row; nothing else is, and no text is shown."""

from __future__ import annotations

import csv
import json
import random
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from data_prep.leaks import KINDS, Comparison, audit
from wellgate.errors import InputError

WORDS = (
    "lantern,river,quarrel,kettle,sister,bicycle,thunder,pocket,window,garden,feather,station,blanket,mirror,engine,"
    "harvest,ladder,puzzle,winter,orchard,candle,bridge,market,sparrow,button,island,copper,violin,shadow,ticket"
).split(",")


def text(seed: int, words: int = 30) -> str:
    draw = random.Random(seed)
    return " ".join(draw.choice(WORDS) for _ in range(words)).capitalize() + "."


def write(path: Path, rows: Sequence[dict[str, Any]]) -> Path:
    if path.suffix == ".csv":
        with path.open("w", encoding="utf-8", newline="") as stream:
            writer = csv.DictWriter(stream, list(rows[0]))
            writer.writeheader()
            writer.writerows(rows)
    elif path.suffix == ".jsonl":
        path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    else:
        pq.write_table(pa.Table.from_pylist(list(rows)), path)
    return path


def counts(one: Comparison) -> dict[str, int]:
    return {kind: len(one.matches[kind]) for kind in KINDS}


def rows_of(one: Comparison, kind: str) -> list[tuple[str, str]]:
    return [(match.b, match.a) for match in one.matches[kind]]


PLANTED = [
    text(1),  # exact
    text(2).upper().replace(" ", ", "),  # normalised
    " ".join([*text(3).split()[:15], "changed", *text(3).split()[16:]]),  # near
    f"{text(40)} {text(4)} {text(41)}",  # holds a text of A
    text(50),  # new
    "",
]


@pytest.mark.parametrize("kinds", [(".csv", ".csv"), (".jsonl", ".parquet"), (".parquet", ".jsonl")])
def test_each_kind_of_leak(tmp_path: Path, kinds: tuple[str, str]) -> None:
    a = write(tmp_path / f"a{kinds[0]}", [{"post": text(row), "n": "1"} for row in range(10)])
    b = write(tmp_path / f"b{kinds[1]}", [{"post": one, "n": "1"} for one in PLANTED])
    (one,) = audit(a, b, near=0.6).comparisons
    assert (one.column_a, one.column_b, one.rows_a, one.rows_b, one.distinct_b) == ("post", "post", 10, 5, 5)
    assert counts(one) == {"exact": 1, "normalised": 2, "near": 3, "contained": 4}
    first_a, first_b = (2 if kind == ".csv" else 1 for kind in kinds)
    assert rows_of(one, "contained") == [(str(first_b + row), str(first_a + 1 + row)) for row in range(4)]
    assert [match.similarity is not None for match in one.matches["near"]] == [False, False, True]
    assert one.share("near") == pytest.approx(3 / 5)


def test_a_text_in_a_template_is_found_bare(tmp_path: Path) -> None:
    """An instruction set that was made of the very posts it is tested on, with another question in every second row."""

    def post(row: int) -> str:
        return f"I {text(row)}" if row % 3 else text(row)

    a = write(tmp_path / "a.csv", [{"text": post(row)} for row in range(40)])
    asked = ["Does the writer feel alone?", "Does the writer feel like a burden to others?"]
    queries = [f'Consider this post: "{post(row)}" Question: {asked[row % 2]}' for row in range(20, 60)]
    b = write(tmp_path / "b.csv", [{"query": query} for query in queries])
    (one,) = audit(a, b).comparisons
    assert counts(one) == {"exact": 0, "normalised": 20, "near": 20, "contained": 20}
    assert rows_of(one, "normalised")[0] == ("2", "22")
    assert one.template_b == (3, 10)


def test_apostrophes_of_a_wrong_encoding_hide_nothing(tmp_path: Path) -> None:
    a = write(tmp_path / "a.csv", [{"text": f"I can't say why, it's {text(1)}"}])
    b = write(tmp_path / "b.csv", [{"text": f"I can‚Äôt say why, it‚Äôs {text(1)}"}])
    assert counts(audit(a, b).comparisons[0])["normalised"] == 1


def test_the_parts_of_one_file(tmp_path: Path) -> None:
    rows = [{"answer": text(row % 8), "split": "test" if row >= 7 else "train"} for row in range(12)]
    path = write(tmp_path / "data.csv", rows)
    found = audit(f"{path}:split=train", f"{path}:split=test")
    assert (found.a, found.b) == ("data.csv:split=train", "data.csv:split=test")
    assert rows_of(found.comparisons[0], "exact") == [("10", "2"), ("11", "3"), ("12", "4"), ("13", "5")]


def test_one_file_alone_is_searched_for_its_own_duplicates(tmp_path: Path) -> None:
    path = write(tmp_path / "a.jsonl", [{"id": f"r{row}", "text": text(row % 3)} for row in range(5)])
    found = audit(path)
    assert found.within
    assert rows_of(found.comparisons[0], "exact") == [("r3", "r0"), ("r4", "r1")]
    assert found.comparisons[0].duplicates_b == 2
    assert "Duplicates in a.jsonl" in found.markdown()


def test_chats_are_compared_role_by_role(tmp_path: Path) -> None:
    def row(question: int, answer: int) -> dict[str, Any]:
        turns = [("user", text(question)), ("assistant", text(answer)), ("user", "thanks")]
        return {"messages": [{"role": role, "content": content} for role, content in turns]}

    a = write(tmp_path / "a.parquet", [row(1, 2), row(3, 4)])
    b = write(tmp_path / "b.jsonl", [row(1, 5), row(6, 4), row(7, 8), row(3, 4)])
    found = {one.column_b: rows_of(one, "exact") for one in audit(a, b).comparisons}
    assert found == {
        "messages.user": [("1", "1"), ("4", "2")],
        "messages.assistant": [("2", "2"), ("4", "2")],
        "all columns": [("4", "2")],
    }


def test_several_files_are_taken_together(tmp_path: Path) -> None:
    paths = [write(tmp_path / f"a{n}.csv", [{"text": text(10 * n + row)} for row in range(3)]) for n in range(2)]
    b = write(tmp_path / "b.csv", [{"query": text(row)} for row in (2, 11, 30)])
    (one,) = audit(paths, b, ["text=query"]).comparisons
    assert rows_of(one, "exact") == [("2", "a0.csv:4"), ("3", "a1.csv:3")]


def test_short_and_empty_columns_are_not_text(tmp_path: Path) -> None:
    a = write(tmp_path / "a.csv", [{"label": "yes", "text": text(row), "note": ""} for row in range(4)])
    assert [one.column_a for one in audit(a, a).comparisons] == ["text"]
    assert [one.column_a for one in audit(a, a, ["label"]).comparisons] == ["label"]


def test_the_report_shows_rows_and_no_text(tmp_path: Path) -> None:
    a = write(tmp_path / "a.csv", [{"text": text(row)} for row in range(30)])
    b = write(tmp_path / "b.csv", [{"text": text(row)} for row in range(30)] + [{"text": PLANTED[2]}])
    found = audit(a, b)
    report = found.markdown(listed=3)
    assert "| text | text | 30 | 31 | 30 (96.8%) |" in report
    assert "2 = 2, 3 = 3, 4 = 4, and 27 more" in report
    assert not [word for word in WORDS if word in report.lower() + json.dumps(found.as_dict()).lower()]


def test_rows_that_cannot_be_read_are_counted(tmp_path: Path) -> None:
    a = write(tmp_path / "a.csv", [{"text": text(1)}])
    b = tmp_path / "b.jsonl"
    b.write_text(json.dumps({"text": text(1)}) + "\n{broken\n", encoding="utf-8")
    found = audit(a, b)
    assert (found.unreadable_a, found.unreadable_b) == (0, 1)
    assert "0 in A, 1 in B" in found.markdown()


@pytest.mark.parametrize(
    ("b", "columns", "message"),
    [
        ("b.csv:split=none", [], r"no row in which column 'split' is 'none'"),
        ("b.csv", ["answer"], r"a\.csv: no column answer; it has split, text"),
        ("b.csv", ["text=answer"], r"b\.csv: no column answer; it has split, text"),
        ("c.csv", [], r"c\.csv: no column with text; name one of split"),
        ("d.csv", [], r"cannot be read"),
        ("e.bin", [], r"cannot tell what is in a \.bin file"),
    ],
)
def test_what_cannot_be_compared_is_an_input_error(tmp_path: Path, b: str, columns: list[str], message: str) -> None:
    for name in "ab":
        write(tmp_path / f"{name}.csv", [{"split": "x", "text": text(1)}])
    write(tmp_path / "c.csv", [{"split": "x"}])
    (tmp_path / "e.bin").write_bytes(b"x")
    with pytest.raises(InputError, match=message):
        audit(tmp_path / "a.csv", f"{tmp_path}/{b}", columns)
