"""Files as rows: whatever the bytes, every line is one row or one reason, and no crash."""

from __future__ import annotations

import io
import json
from pathlib import Path
from unittest import mock

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from data_prep.read import LONGEST_ROW, Row, read_csv, read_jsonl
from wellgate.errors import InputError

FUZZ = settings(
    max_examples=150, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
OK_LINE = b'{"id": "a"}'
LIKE_JSON = st.lists(
    st.sampled_from(
        [OK_LINE, b"{", b"[1]", b" ", b"\n", b"\r\n", b"\r", b"\x00", b"\xff", b"\xef\xbb\xbf", b'"\\ud800"']
    )
).map(b"".join)


def rows(path: Path, content: bytes) -> list[Row]:
    path.write_bytes(content)
    return list(read_jsonl(path))


def lines(content: bytes) -> list[str]:
    return list(io.StringIO(content.decode("utf-8-sig", "surrogateescape"), newline="\n"))


@FUZZ
@given(st.binary() | LIKE_JSON)
@example(b"\xef\xbb\xbf")
@example(b"[" * 100_000)
def test_every_line_that_is_not_blank_is_exactly_one_row(tmp_path: Path, content: bytes) -> None:
    try:
        found = rows(tmp_path / "x.jsonl", content)
    except InputError:
        assert not content or content.startswith((b"\xff\xfe", b"\xfe\xff"))
        return
    assert [row.line for row in found] == [number for number, line in enumerate(lines(content), 1) if line.strip()]
    assert not any(row.fields for row in found if row.problem)


@pytest.mark.parametrize(
    ("line", "problem"),
    [
        (b"{", "not JSON"),
        (b'{"id": "a"', "not JSON"),
        (b"{'id': 'a'}", "not JSON"),
        (b"plain words", "not JSON"),
        (b"[" * 100_000, "not JSON"),
        (b'{"id": ' + b"1" * 5000 + b"}", "not JSON"),
        (b"[1, 2]", "not a JSON object"),
        (b"null", "not a JSON object"),
        (b'"text"', "not a JSON object"),
        (b'{"id": "\x00"}', "NUL byte"),
        (b'{"id": "\\u0000"}', "NUL byte"),
        (b'{"id": "\xff"}', "not UTF-8"),
        (b'{"id": "\\ud800"}', "not UTF-8"),
        ('{"id": "ä"}'.encode("latin-1"), "not UTF-8"),
        ('{"id": "’"}'.encode("cp1252"), "not UTF-8"),
    ],
)
def test_a_bad_line_is_a_row_with_its_reason_and_its_neighbours_survive(
    tmp_path: Path, line: bytes, problem: str
) -> None:
    found = rows(tmp_path / "x.jsonl", OK_LINE + b"\n\n" + line + b"\r\n" + OK_LINE)
    assert found == [Row(1, {"id": "a"}), Row(3, {}, problem), Row(4, {"id": "a"})]


def test_a_byte_order_mark_is_no_part_of_the_first_row(tmp_path: Path) -> None:
    assert rows(tmp_path / "x.jsonl", b"\xef\xbb\xbf" + OK_LINE) == [Row(1, {"id": "a"})]


@pytest.mark.parametrize("end", [b"\n", b"\r\n"], ids=["LF", "CRLF"])
def test_a_line_of_ten_megabytes_is_one_bad_row_and_its_neighbours_survive(tmp_path: Path, end: bytes) -> None:
    found = rows(tmp_path / "x.jsonl", OK_LINE + end + b"x" * 10_000_000 + end + OK_LINE + end)
    assert [(row.line, row.problem) for row in found] == [
        (1, ""),
        (2, f"row longer than {LONGEST_ROW:,} characters"),
        (3, ""),
    ]


@pytest.mark.parametrize("end", [b"\n", b"\r\n", b""], ids=["LF", "CRLF", "none"])
def test_a_row_of_exactly_the_longest_length_is_read(tmp_path: Path, end: bytes) -> None:
    row = b'{"id": "' + b"x" * (LONGEST_ROW - 10) + b'"}'
    assert [one.problem for one in rows(tmp_path / "x.jsonl", row + end)] == [""]


def test_a_bare_carriage_return_ends_no_line(tmp_path: Path) -> None:
    found = rows(tmp_path / "x.jsonl", OK_LINE + b"\r" + OK_LINE + b"\n" + OK_LINE)
    assert found == [Row(1, {}, "not JSON"), Row(2, {"id": "a"})]


READERS = [lambda path: list(read_jsonl(path)), lambda path: list(read_csv(path, ["id"]))]


@pytest.mark.parametrize("read", READERS, ids=["jsonl", "csv"])
@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (b"", "the file is empty"),
        ("id\na\n".encode("utf-16"), "this is UTF-16; save it as UTF-8"),
        (b"\xfe\xff" + "id\na\n".encode("utf-16-be"), "this is UTF-16; save it as UTF-8"),
        (None, "cannot be read"),
    ],
)
def test_a_file_that_is_no_text_is_an_input_error(
    tmp_path: Path, read: object, content: bytes | None, expected: str
) -> None:
    path = tmp_path / "x"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(InputError, match=expected):
        read(path)  # type: ignore[operator]


def test_a_folder_is_an_input_error(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="cannot be read"):
        list(read_jsonl(tmp_path))


def test_utf_16_without_a_mark_is_bad_rows(tmp_path: Path) -> None:
    found = rows(tmp_path / "x.jsonl", '{"id": "a"}\n{"id": "b"}\n'.encode("utf-16-le"))
    assert {row.problem for row in found} == {"NUL byte"}


def read(path: Path, content: bytes) -> list[Row]:
    path.write_bytes(content)
    return list(read_csv(path, ["id", "text"]))


@pytest.mark.parametrize("header", [b"id\n", b"\n\n", b"ID,TEXT\n", b"id;text\n", b"\x00\n"])
def test_a_missing_column_is_named(tmp_path: Path, header: bytes) -> None:
    with pytest.raises(InputError, match=r"x\.csv:1: missing column .*this source reads id, text"):
        read(tmp_path / "x.csv", header + b"1,a\n")


@pytest.mark.parametrize(
    ("line", "problem"),
    [
        (b"1", "another number of columns than the header"),
        (b"1,a,b", "another number of columns than the header"),
        (b"1,\xff", "not UTF-8"),
        (b"1,\x00", "NUL byte"),
        (b"1," + b"x" * (LONGEST_ROW + 1), f"row longer than {LONGEST_ROW:,} characters"),
    ],
    ids=lambda value: str(value)[:20],
)
def test_a_bad_csv_row_is_a_row_with_its_reason(tmp_path: Path, line: bytes, problem: str) -> None:
    found = read(tmp_path / "x.csv", b"id,text\n0,a\n" + line + b"\n2,c\n")
    assert [(row.line, row.problem) for row in found] == [(2, ""), (3, problem), (4, "")]


def test_a_quoted_cell_may_hold_commas_quotes_and_line_ends(tmp_path: Path) -> None:
    (row,) = read(tmp_path / "x.csv", b'id,text,more\r\n1,"one, ""two""\r\nthree",x\r\n')
    assert row.fields == {"id": "1", "text": 'one, "two"\r\nthree', "more": "x"}


def test_a_quote_that_never_ends_is_an_input_error(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"x\.csv:\d+: not CSV .*repair the quotes"):
        read(tmp_path / "x.csv", b'id,text\n1,"secret words\n2,b\n')


@FUZZ
@given(st.binary() | st.lists(st.sampled_from([b'"', b",", b"\n", b"\r", b"a", b"\x00", b"\xff"])).map(b"".join))
def test_whatever_the_bytes_a_csv_is_rows_or_an_input_error(tmp_path: Path, content: bytes) -> None:
    for start in (b"", b"id,text\n"):
        try:
            found = read(tmp_path / "x.csv", start + content)
        except InputError:
            continue
        assert all(row.problem or {"id", "text"} <= set(row.fields) for row in found)


@FUZZ
@given(st.lists(st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\x00"), max_size=30), max_size=5))
def test_whatever_was_written_as_json_lines_is_read_back(tmp_path: Path, texts: list[str]) -> None:
    content = "\n".join(json.dumps({"text": text}, ensure_ascii=False) for text in texts) + "\n"
    assert [row.fields["text"] for row in rows(tmp_path / "x.jsonl", content.encode())] == texts


@FUZZ
@given(st.lists(st.integers(0, 30), max_size=6), st.sampled_from(["\n", "\r\n", "\r\r\n"]))
def test_rows_around_the_length_limit_keep_their_lines(tmp_path: Path, lengths: list[int], end: str) -> None:
    content = "x\n" + "".join("x" * length + end for length in lengths)
    with mock.patch("data_prep.read.LONGEST_ROW", 10):
        found = rows(tmp_path / "x.jsonl", content.encode())
    assert [row.line for row in found] == [1, *(number for number, length in enumerate(lengths, 2) if length)]
