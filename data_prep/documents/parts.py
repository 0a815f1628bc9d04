"""The parts of a prepared folder, read a batch at a time: nothing here grows with the data."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import Any

import pyarrow as pa

from wellgate.errors import InputError
from wellgate.records import Conversation, Feedback, Preference, arrow_schema

PARTS: dict[str, type[Conversation] | type[Preference]] = {
    "train": Conversation,
    "held_out": Conversation,
    "preferences": Preference,
    "preferences_held_out": Preference,
    "feedback": Feedback,
    "feedback_held_out": Feedback,
}
ROWS = 1024
"""Records in a batch."""


def path_of(folder: Path, part: str, form: str) -> Path:
    return folder / f"{part}.{form}"


def batches(path: Path, part: str, columns: Sequence[str] | None = None) -> Iterator[pa.Table]:
    """The records of one part, in order, as tables of at most `ROWS` rows with these columns, or with all.

    Raises:
        InputError: the file is missing or damaged.
    """
    schema = arrow_schema(PARTS[part])
    names = list(columns or schema.names)
    try:
        yield from (_parquet if path.suffix == ".parquet" else _jsonl)(path, schema, names)
    except (OSError, ValueError, pa.ArrowException) as error:
        raise InputError(
            f"{path}: not a readable part ({type(error).__name__}); run `wellgate prepare` again"
        ) from None


def _parquet(path: Path, schema: pa.Schema, names: list[str]) -> Iterator[pa.Table]:
    import pyarrow.parquet as pq

    with pq.ParquetFile(path) as file:
        for batch in file.iter_batches(ROWS, columns=names):
            yield pa.Table.from_batches([batch])


def _jsonl(path: Path, schema: pa.Schema, names: list[str]) -> Iterator[pa.Table]:
    with path.open(encoding="utf-8") as stream:
        while lines := list(islice(stream, ROWS)):
            rows: list[dict[str, Any]] = [json.loads(line) for line in lines]
            yield pa.Table.from_pylist(rows, schema=schema).select(names)
