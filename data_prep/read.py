"""Files as rows. A row that cannot be read is a reason with its line; a file that cannot be read is an InputError."""

from __future__ import annotations

import csv
import json
import re
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from typing import Any, TextIO

from pydantic import ValidationError

from wellgate.errors import InputError
from wellgate.records import Conversation, Feedback, Message, Preference, Rejected

LONGEST_ROW = 1_000_000
"""Characters. A longer row is damage (a lost newline or quote), not a conversation."""
LONGEST_LABEL = 120
"""Characters. Tags, licences and consents are counted in manifests and cards, where no text of a record may stand."""
LANGUAGE = re.compile(r"[A-Za-z]{2,3}(-[A-Za-z0-9]{2,8})*")
"""How a language tag looks (RFC 5646)."""
SPACE = re.compile(r"[ \t\r\n]*")
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
                yield _too_long(number)
            elif line.strip():
                yield _json_row(number, line)


def _too_long(number: int) -> Row:
    return Row(number, {}, f"row longer than {LONGEST_ROW:,} characters")


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


def read_json(path: Path) -> Iterator[Row]:
    """The objects of a JSON file that is one list. A row's line is the one on which its object begins.

    Raises:
        InputError: the file is no JSON list, or is damaged or cut off anywhere.
    """
    with open_text(path, newline="\n") as stream:
        text = stream.read()
    line, counted, at = 1, 0, _after(text, 0)
    if text[at : at + 1] != "[":
        raise InputError(f"{path}:1: not a JSON list; name a file that is one list")
    mark, at = ",", _after(text, at + 1)
    if text[at : at + 1] == "]":
        mark, at = "]", at + 1
    while mark == ",":
        line, counted = line + text.count("\n", counted, at), at
        end = _value_end(text, at, f"{path}:{line}")
        yield _too_long(line) if end - at > LONGEST_ROW else _json_row(line, text[at:end])
        at = _after(text, end)
        mark, at = text[at : at + 1], _after(text, at + 1)
    if mark != "]" or _after(text, at) != len(text):
        raise InputError(f"{path}:{line}: not JSON after the value that begins here; the file is damaged or cut off")


def _after(text: str, at: int) -> int:
    """The first place from `at` that is no white space."""
    found = SPACE.match(text, at)
    return found.end() if found else len(text)


def _value_end(text: str, at: int, where: str) -> int:
    try:
        return json.JSONDecoder().raw_decode(text, at)[1]
    except (ValueError, RecursionError):
        raise InputError(f"{where}: not JSON; the file is damaged or cut off") from None


def read_parquet(path: Path) -> Iterator[Row]:
    """Rows of a parquet file, in small batches. A row's line is its number, from 1.

    Raises:
        InputError: the file is no parquet, or is damaged.
    """
    import pyarrow.parquet as pq

    number = 0
    try:
        with pq.ParquetFile(path) as file:
            for batch in file.iter_batches(1024):
                for fields in _values(batch):
                    number += 1
                    yield Row(number, {}, "not UTF-8") if fields is None else checked_row(number, fields)
    except (OSError, ValueError) as error:  # pyarrow's own errors are ValueErrors; they may quote a value
        raise InputError(f"{path}:{number + 1}: not a readable parquet file ({type(error).__name__})") from None


def _values(batch: Any) -> list[Any]:
    """The rows of an Arrow batch; None where one is not UTF-8, which Arrow does not check."""
    try:
        return list(batch.to_pylist())
    except UnicodeDecodeError:
        if batch.num_rows == 1:
            return [None]
        return [one for row in range(batch.num_rows) for one in _values(batch.slice(row, 1))]


def checked_row(number: int, fields: dict[str, Any]) -> Row:
    """A row of values that were no text on their way here, or the reason why they cannot be trusted."""
    text = json.dumps(fields, ensure_ascii=False, default=str)
    if len(text) > LONGEST_ROW:
        return _too_long(number)
    problem = text_problem(text)
    return Row(number, {} if problem else fields, problem)


def read_rows(path: Path, columns: Sequence[str]) -> Iterator[Row]:
    """Rows of a file in any of the formats, by how its name ends. `columns` must be in the header of a CSV.

    Raises:
        InputError: another ending; else as the format's own reader.
    """
    match path.suffix.lower():
        case ".csv":
            return read_csv(path, columns)
        case ".jsonl" | ".ndjson":
            return read_jsonl(path)
        case ".json":
            return read_json(path)
        case ".parquet":
            return read_parquet(path)
    raise InputError(f"{path}: the name must end in .csv, .json, .jsonl or .parquet; save the table as one of them")


def read_csv(path: Path, columns: Sequence[str], *, quotes: bool = True, spare: bool = False) -> Iterator[Row]:
    """Rows of a CSV file with a header.

    Args:
        quotes: False where a quotation mark is a character like any other.
        spare: cells beyond the header's are left out instead of making the row bad.

    Raises:
        InputError: a column is missing.
    """
    csv.field_size_limit(min(sys.maxsize, 100 * LONGEST_ROW))
    with open_text(path, newline="") as stream:
        reader = csv.DictReader(stream, strict=True, quoting=csv.QUOTE_MINIMAL if quotes else csv.QUOTE_NONE)
        try:
            header = reader.fieldnames or []
        except csv.Error as error:
            raise InputError(f"{path}:1: the header is not CSV ({error})") from None
        missing = [name for name in columns if name not in header]
        if missing:
            raise InputError(f"{path}:1: missing column {', '.join(missing)}; this source reads {', '.join(columns)}")
        try:
            for fields in reader:
                if spare:
                    fields.pop(None, None)
                yield _csv_row(reader.line_num, fields)
        except csv.Error as error:
            raise InputError(f"{path}:{reader.line_num}: not CSV ({error}); repair the quotes") from None


def _csv_row(number: int, fields: dict[Any, Any]) -> Row:
    if None in fields or None in fields.values():
        return Row(number, {}, "another number of columns than the header")
    if sum(map(len, fields.values())) > LONGEST_ROW:
        return _too_long(number)
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
    file: str = ""
    """What the file is called among several of one source; its rejected rows are named by it too."""

    def rejected(self, row: Row, reason: str) -> Rejected:
        """A row that is left out. It is named by its line: its own id may be anything, even text."""
        id = "/".join(filter(None, (self.source, self.file, f"line-{row.line}")))
        file = self.file or self.path.name
        return Rejected(id=id, source=self.source, file=file, line=row.line, step="read", reason=reason)

    def _id(self, row: Row, id: object) -> str:
        if isinstance(id, bool) or not isinstance(id, str | int) or not ID.fullmatch(str(id)):
            raise ValueError("the id is not a short word")
        if str(id) in self.lines:
            raise ValueError(f"duplicate id, first on line {self.lines[str(id)]}")
        self.lines[str(id)] = row.line
        return f"{self.source}/{id}"

    def conversation(self, row: Row, id: object, messages: object, **fields: Any) -> Conversation | Rejected:
        """A checked conversation, or why it is none. With `desirable` among the fields it is feedback."""
        try:
            name = self._id(row, id)
            _check_labels(fields)
            turns = _turns(messages)
            if all(turn.role != "assistant" for turn in turns):
                raise ValueError("no assistant turn")
            _check_order(turns)
            if "desirable" not in fields:
                return Conversation(id=name, source=self.source, messages=turns, **fields)
            if turns[-1].role != "assistant":
                raise ValueError("the last turn, which is judged, is not the assistant's")
            return Feedback(id=name, source=self.source, messages=turns, **fields)
        except (ValidationError, ValueError) as error:
            return self.rejected(row, _reason(error))

    def preference(self, row: Row, id: object, prompt: object, **fields: Any) -> Preference | Rejected:
        """A checked preference pair, or why it is none."""
        try:
            name = self._id(row, id)
            _check_labels(fields)
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


def _check_labels(fields: Mapping[str, Any]) -> None:
    tags = fields.get("tags")
    labels = {"a tag": tags if isinstance(tags, list | tuple) else ()}
    labels |= {f"the {name}": (fields.get(name),) for name in ("licence", "consent", "language")}
    for name, values in labels.items():
        if any(isinstance(value, str) and len(value) > LONGEST_LABEL for value in values):
            raise ValueError(f"{name} is longer than {LONGEST_LABEL} characters")
    language = fields.get("language")
    if isinstance(language, str) and not LANGUAGE.fullmatch(language):
        raise ValueError("the language is no tag as `en` or `pt-BR`")


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
