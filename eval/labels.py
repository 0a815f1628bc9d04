"""The files that raters fill in: CSV for a spreadsheet, or JSON. The only files of wellgate's that hold replies to be read."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from eval.sample import Key
from wellgate.errors import InputError
from wellgate.files import write_text

GUIDE = "eval/metrics/labelled/GUIDE.md"
KEY = ("probe", "item", "reply")
FIXED = (*KEY, "draw", "guide", "locale", "any_turn", "earlier", "text")
"""`reply` is a digest; `any_turn` names the criteria that are asked of `earlier` too, the model's turns before `text`."""
TEXT = ("earlier", "text")
NOT_ASKED = "-"
VALUES: dict[str, bool | None] = {"1": True, "0": False, "": None}
Row = dict[str, str]


@dataclass(frozen=True)
class Labelled:
    """A file as one rater hands it back."""

    draw: str
    """Seed and size of the sample, as `s0n12`: a word that no spreadsheet takes for a time."""
    labels: dict[Key, dict[str, bool | None]]


def write(path: Path, rows: Sequence[Row]) -> None:
    """Write rows with the fixed columns and those of their criteria; a criterion that is not asked of a row is `-`.

    Raises:
        InputError: neither .csv nor .json, or a file that exists: it may hold somebody's labels.
    """
    if path.suffix not in (".csv", ".json"):
        raise InputError(f"{path}: name a file that ends in .csv or .json")
    if path.exists():
        raise InputError(f"{path}: exists, and may hold labels; name a new file")
    if path.suffix == ".json":
        write_text(path, "[\n" + ",\n".join(json.dumps(row, ensure_ascii=False) for row in rows) + "\n]\n")
        return
    columns = sorted({name for row in rows for name in row} - set(FIXED))
    stream = io.StringIO()
    writer = csv.DictWriter(stream, [*FIXED, *columns], restval=NOT_ASKED, lineterminator="\n")
    writer.writeheader()
    writer.writerows(
        {name: _no_formula(value) if name in TEXT else value for name, value in row.items()} for row in rows
    )
    write_text(path, stream.getvalue())


def _no_formula(value: str) -> str:
    """A spreadsheet would run a reply that begins so."""
    return f"'{value}" if value[:1] in ("=", "+", "-", "@", "\t", "\r") else value


def read(path: Path, asked: Mapping[Key, Sequence[str]]) -> Labelled:
    """One rater's labels.

    Args:
        asked: the run's replies, and the criteria that each is labelled for.

    Raises:
        InputError: with file and line: an unknown reply or criterion, a missing column, a wrong value.
    """
    labels: dict[Key, dict[str, bool | None]] = {}
    draws: set[str] = set()
    known = {*FIXED, *(name for names in asked.values() for name in names)}
    for place, row in _rows(path):
        if unknown := sorted(set(row) - known):
            raise InputError(f"{place}: unknown criterion {', '.join(unknown)}; {GUIDE} names them")
        if missing := [name for name in (*KEY, "draw") if not row.get(name)]:
            raise InputError(f"{place}: {', '.join(missing)} is missing; keep the columns as they were written")
        key = (row["probe"], row["item"], row["reply"])
        if key not in asked:
            raise InputError(f"{place}: this reply is not in the run")
        if key in labels:
            raise InputError(f"{place}: this reply was labelled further above")
        labels[key] = _labels(place, row, asked[key])
        draws.add(row["draw"])
        if len(draws) > 1:
            raise InputError(f"{place}: `draw` differs from the rows above; keep the samples in files of their own")
    if not labels:
        raise InputError(f"{path}:1: there are no labels")
    return Labelled(draws.pop(), labels)


def _labels(place: str, row: Mapping[str, str], asked: Sequence[str]) -> dict[str, bool | None]:
    if missing := [name for name in asked if name not in row]:
        raise InputError(f"{place}: missing column {', '.join(missing)}; keep the columns as they were written")
    for name in sorted(set(row) - set(FIXED)):
        if name in asked and row[name].strip() not in VALUES:
            raise InputError(f"{place}: {name}: write 1, 0, or nothing")
        if name not in asked and row[name].strip() not in ("", NOT_ASKED):
            raise InputError(f"{place}: {name} is not asked of this reply; leave the `{NOT_ASKED}`")
    return {name: VALUES[row[name].strip()] for name in asked}


def _rows(path: Path) -> Iterator[tuple[str, Row]]:
    """Each row with its place, as `labels.csv:7` (the line it begins on)."""
    try:
        text = path.read_text(encoding="utf-8-sig")
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error.strerror})") from None
    except UnicodeDecodeError:
        raise InputError(f"{path}:1: not UTF-8; save it as UTF-8") from None
    yield from _json_rows(path, text) if path.suffix == ".json" else _csv_rows(path, text)


def _csv_rows(path: Path, text: str) -> Iterator[tuple[str, Row]]:
    reader = csv.reader(io.StringIO(text, newline=""), strict=True)
    try:
        header, line = next(reader, []), reader.line_num + 1
        if missing := [name for name in (*KEY, "draw") if name not in header]:
            raise InputError(f"{path}:1: missing column {', '.join(missing)}; keep the columns, parted by commas")
        if len(set(header)) != len(header):
            raise InputError(f"{path}:1: a column stands here twice")
        for cells in reader:
            place, line = f"{path}:{line}", reader.line_num + 1
            if cells and len(cells) != len(header):
                raise InputError(f"{place}: {len(cells)} cells under {len(header)} columns")
            if any(cells):
                yield place, dict(zip(header, cells, strict=True))
    except csv.Error:
        raise InputError(f"{path}:{reader.line_num}: not CSV; save it as CSV parted by commas") from None


def _json_rows(path: Path, text: str) -> Iterator[tuple[str, Row]]:
    """Row n begins on line n + 1, as it was written."""
    try:
        found: Any = json.loads(text)
    except ValueError as error:
        raise InputError(f"{path}:{getattr(error, 'lineno', 1)}: not JSON") from None
    if not isinstance(found, list):
        raise InputError(f"{path}:1: not a list of rows")
    for line, row in enumerate(found, 2):
        if not isinstance(row, dict):
            raise InputError(f"{path}:{line}: not a row")
        yield f"{path}:{line}", {name: _cell(value) for name, value in row.items()}


def _cell(value: object) -> str:
    """JSON may say 1, "1" or null; a boolean is as good."""
    return "" if value is None else str(int(value)) if isinstance(value, bool) else str(value)
