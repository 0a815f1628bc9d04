"""Any set that `datasets.load_dataset` reads: a local folder or file, or a set on the Hub at a pinned commit.

A row is whatever the set has; `columns` says which of its columns holds what, exactly as in `tabular`::

    - use: dataset
      path: org/counselling-talks
      revision: 0123456789abcdef0123456789abcdef01234567
      split: train
      columns: {messages: messages, group: client_id}
      licence: CC-BY-4.0
      consent: published

A Hub name without a 40-digit commit is refused: a set that its owner may change under the same name cannot be
audited. A local path is a folder of parquet, CSV, JSON or JSON Lines files, or one such file. The set is streamed, so
that no copy of the texts is left in a cache; the loader's own errors may quote a row and are told by their kind only.
Rejected rows are named by their number in the split, from 1. CSV is better read by `tabular`: `datasets` guesses types
there, and an id 007 becomes a 7.

Licence and consent are yours to state: take them from the set's card, not from the mirror's.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from pydantic import model_validator

from data_prep.read import Reader, checked_row
from data_prep.sources import Columns, file_id, mapped
from wellgate.errors import InputError
from wellgate.files import files_below
from wellgate.plugins import Source
from wellgate.records import Conversation, Rejected

HUB = re.compile(r"[\w-][\w.-]*/[\w.-]+")
COMMIT = re.compile(r"[0-9a-f]{40}")
BUILDERS = {".csv": "csv", ".json": "json", ".jsonl": "json", ".parquet": "parquet"}


class Dataset(Source):
    path: str
    """A local folder or file, or a Hub name `org/name`."""
    revision: str | None = None
    """Hub: the 40-digit commit. Local: none."""
    name: str | None = None
    """Configuration of the set, where it has several."""
    split: str = "train"
    """Which of its splits is read."""
    columns: Columns
    """Which column holds what, as in `tabular`."""
    licence: str
    """SPDX expression for rows that state none."""
    consent: str
    """Consent basis for rows that state none."""
    language: str = "en"
    """ISO 639-1, for rows that state none."""

    @model_validator(mode="after")
    def _pinned(self) -> Dataset:
        path = Path(self.path)
        if path.exists():
            if path.is_file() and path.suffix not in BUILDERS:
                raise ValueError(f"a file must end in {', '.join(BUILDERS)}; or name a folder")
            if self.revision:
                raise ValueError("a local set has no `revision`: its files are digested; leave it out")
        elif not HUB.fullmatch(self.path):
            raise ValueError("`path` is neither a local folder or file nor a Hub name `org/name`")
        elif not COMMIT.fullmatch(self.revision or ""):
            raise ValueError(
                "a Hub set needs `revision: <40-digit commit>`; or is a local folder of that name missing?"
            )
        return self

    def files(self) -> dict[str, Path]:
        path = Path(self.path)
        return files_below(path) if path.is_dir() else {path.name: path} if path.exists() else {}

    def rows(self) -> Iterator[Conversation | Rejected]:
        reader = Reader(file_id(Path(Path(self.path).stem)), Path(self.path))
        terms = {"licence": self.licence, "consent": self.consent, "language": self.language}
        for number, fields in enumerate(self._fields(), 1):
            yield mapped(reader, checked_row(number, fields), self.columns, terms)

    def _fields(self) -> Iterator[dict[str, Any]]:
        number = 1
        try:
            for fields in self._load():
                yield fields
                number += 1
        except Exception as error:  # whatever a builder, a codec or the network may raise; it may quote a row
            what = f"`datasets` cannot read on ({type(error).__name__}); check path, name, split and revision"
            raise InputError(f"{self.path}:{number}: {what}") from None

    def _load(self) -> Any:
        from datasets import load_dataset

        path = Path(self.path)
        if path.is_file():
            return load_dataset(BUILDERS[path.suffix], data_files=str(path), split=self.split, streaming=True)
        return load_dataset(self.path, self.name, revision=self.revision, split=self.split, streaming=True)
