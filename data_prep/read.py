"""Files as rows. A row that cannot be read is a reason with its line; a file that cannot be read is an InputError."""

from __future__ import annotations

import csv
import json
import re
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from typing import Any, TextIO

from pydantic import ValidationError

from wellgate.errors import InputError
from wellgate.records import Conversation, Message, Preference, Rejected

LONGEST_ROW = 1_000_000
"""Characters. A longer row is damage (a lost newline or quote), not a conversation."""
ID = re.compile(r"[\w.:/#-]{1,80}")
"""What an id may be: a short word, so that no id is text."""


@dataclass(frozen=True)
class Row:
    """One row of a file, or the reason why it is none."""

    line: int
    fields: dict[str, Any]
    problem: str = ""


def open_text(path: Path, newline: str) -> TextIO:
    """Open as UTF-8 (a byte-order mark is fine); broken bytes become lone surrogates, which rows are checked for."""
    try:
        stream = path.open("rb")
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error.strerror}); name an existing file") from None
    with stream:
        head = stream.read(4)
    if not head:
        raise InputError(f"{path}: the file is empty; name a file with rows")
    if head.startswith((b"\xff\xfe", b"\xfe\xff")):
        raise InputError(f"{path}:1: this is UTF-16; save it as UTF-8")
    return path.open(encoding="utf-8-sig", errors="surrogateescape", newline=newline)


def read_jsonl(path: Path) -> Iterator[Row]:
    """One JSON object a line; empty lines are skipped. A line ends with LF or CRLF, as JSON Lines has it."""
    with open_text(path, newline="\n") as stream:
        number = 0
        while line := stream.readline(LONGEST_ROW + 2):
            number += 1
            if len(line.removesuffix("\n").removesuffix("\r")) > LONGEST_ROW:
                while line and not line.endswith("\n"):
                    line = stream.readline(LONGEST_ROW)
                yield Row(number, {}, f"row longer than {LONGEST_ROW:,} characters")
            elif line.strip():
                yield _json_row(number, line)


def _json_row(number: int, line: str) -> Row:
    if problem := text_problem(line):
        return Row(number, {}, problem)
    try:
        value = json.loads(line)
        problem = text_problem(json.dumps(value, ensure_ascii=False))  # what stood there as \uXXXX
    except (ValueError, RecursionError):
        return Row(number, {}, "not JSON")
    if not isinstance(value, dict):
        return Row(number, {}, "not a JSON object")
    return Row(number, {} if problem else value, problem)


def read_csv(path: Path, columns: Sequence[str]) -> Iterator[Row]:
    """Rows of a CSV file with a header.

    Raises:
        InputError: a column is missing.
    """
    csv.field_size_limit(min(sys.maxsize, 100 * LONGEST_ROW))
    with open_text(path, newline="") as stream:
        reader = csv.DictReader(stream, strict=True)
        try:
            header = reader.fieldnames or []
        except csv.Error as error:
            raise InputError(f"{path}:1: the header is not CSV ({error})") from None
        missing = [name for name in columns if name not in header]
        if missing:
            raise InputError(f"{path}:1: missing column {', '.join(missing)}; this source reads {', '.join(columns)}")
        try:
            for fields in reader:
                yield _csv_row(reader.line_num, fields)
        except csv.Error as error:
            raise InputError(f"{path}:{reader.line_num}: not CSV ({error}); repair the quotes") from None


def _csv_row(number: int, fields: dict[Any, Any]) -> Row:
    if None in fields or None in fields.values():
        return Row(number, {}, "another number of columns than the header")
    if sum(map(len, fields.values())) > LONGEST_ROW:
        return Row(number, {}, f"row longer than {LONGEST_ROW:,} characters")
    return Row(number, fields, text_problem("".join(fields.values())))


def text_problem(text: str) -> str:
    """Why a text cannot be trusted as characters, or nothing."""
    if "\x00" in text or "\\u0000" in text:
        return "NUL byte"
    return "not UTF-8" if any("\ud800" <= character <= "\udfff" for character in text) else ""


@dataclass(frozen=True)
class Reader:
    """Builds the records of one source from the rows of one file."""

    source: str
    path: Path
    lines: dict[str, int] = field(default_factory=dict)
    """Id to the line that brought it."""

    def rejected(self, row: Row, reason: str) -> Rejected:
        """A row that is left out. It is named by its line: its own id may be anything, even text."""
        id = f"{self.source}/line-{row.line}"
        return Rejected(id=id, source=self.source, file=self.path.name, line=row.line, step="read", reason=reason)

    def _id(self, row: Row, id: object) -> str:
        if isinstance(id, bool) or not isinstance(id, str | int) or not ID.fullmatch(str(id)):
            raise ValueError("the id is not a short word")
        if str(id) in self.lines:
            raise ValueError(f"duplicate id, first on line {self.lines[str(id)]}")
        self.lines[str(id)] = row.line
        return f"{self.source}/{id}"

    def conversation(self, row: Row, id: object, messages: object, **fields: Any) -> Conversation | Rejected:
        """A checked conversation, or why it is none."""
        try:
            name = self._id(row, id)
            turns = _turns(messages)
            if all(turn.role != "assistant" for turn in turns):
                raise ValueError("no assistant turn")
            _check_order(turns)
            return Conversation(id=name, source=self.source, messages=turns, **fields)
        except (ValidationError, ValueError) as error:
            return self.rejected(row, _reason(error))

    def preference(self, row: Row, id: object, prompt: object, **fields: Any) -> Preference | Rejected:
        """A checked preference pair, or why it is none."""
        try:
            name = self._id(row, id)
            turns = _turns(prompt)
            _check_order(turns)
            if turns[-1].role != "user":
                raise ValueError("the prompt does not end with a user turn")
            pair = Preference(id=name, source=self.source, prompt=turns, **fields)
            if pair.chosen.strip() == pair.rejected.strip():
                raise ValueError("chosen and rejected are equal")
            return pair
        except (ValidationError, ValueError) as error:
            return self.rejected(row, _reason(error))


def _turns(messages: object) -> tuple[Message, ...]:
    if not isinstance(messages, list | tuple) or not messages:
        raise ValueError("messages is not a list of turns")
    return tuple(Message.model_validate(message) for message in messages)


def _check_order(turns: Sequence[Message]) -> None:
    roles = [turn.role for turn in turns]
    spoken = roles[1:] if roles[0] == "system" else roles
    if not spoken or spoken[0] != "user":
        raise ValueError("the first turn is not the user's")
    if any(first == second for first, second in pairwise(spoken)) or "system" in spoken:
        raise ValueError("user and assistant turns do not alternate")


def _reason(error: ValidationError | ValueError) -> str:
    if not isinstance(error, ValidationError):
        return str(error)
    detail = error.errors(include_input=False, include_url=False, include_context=False)[0]
    unknown = detail["type"] == "extra_forbidden"  # its key is the row's own text
    place = ".".join(str(part) for part in detail["loc"][: -1 if unknown else None])
    known = {
        "literal_error": "unknown role",
        "string_pattern_mismatch": "empty turn",
        "string_too_short": "empty turn",
        "extra_forbidden": "unknown field",
    }
    return f"{known.get(str(detail['type']), detail['type'])}{f' ({place})' if place else ''}"
