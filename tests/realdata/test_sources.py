"""The four public sets beside the repository, read in full. Counts only: no text of theirs is kept or shown."""

from __future__ import annotations

import time
from collections import Counter
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from wellgate.files import sha256_text
from wellgate.plugins import Source, load
from wellgate.records import Conversation

DATA = Path(__file__).resolve().parents[2] / "../shared/data"
pytestmark = [
    pytest.mark.realdata,
    pytest.mark.skipif(not DATA.is_dir(), reason="needs the public development data in ../shared"),
]


def read(use: str, path: str, **options: Any) -> list[Conversation]:
    """All rows; every one must become a record."""
    source = load(Source, use).model_validate({"use": use, "path": str(DATA / path), **options})  # type: ignore[type-abstract]
    start = time.perf_counter()
    rows = list(source.rows())
    print(f"{use} {path}: {len(rows)} rows, {time.perf_counter() - start:.2f} s")
    records = [row for row in rows if isinstance(row, Conversation)]
    assert Counter(type(row).__name__ for row in rows) == {"Conversation": len(records)}
    assert len({record.id for record in records}) == len(records)
    assert all(first.role != second.role for record in records for first, second in pairwise(record.messages))
    return records


def digests(records: list[Conversation]) -> dict[str, str]:
    """Id to digest, so that a failing comparison shows no text."""
    return {record.id: sha256_text(record.model_dump_json()) for record in records}


def test_counsel_chat() -> None:
    records = read("counsel_chat", "counsel-chat/20200325_counsel_chat.csv")
    assert (len(records), len({record.group for record in records})) == (2129, 307)


def test_annomi() -> None:
    records = read("annomi", "AnnoMI/AnnoMI-simple.csv")
    tags = Counter(tag for record in records for tag in record.tags)
    assert (len(records), len({record.group for record in records})) == (133, 133)
    assert (tags["quality:high"], tags["quality:low"], tags["opening:left out"]) == (110, 23, 116)
    assert sum(len(record.messages) for record in records) == 9545
    full = read("annomi", "AnnoMI/AnnoMI-full.csv")
    assert digests(full) == digests(records), "each utterance once, however many annotated it"


def test_medquad() -> None:
    records = read("medquad", "MedQuAD-mental-health/medquad_mh.jsonl")
    assert (len(records), len({record.group for record in records})) == (103, 40)
    assert all("education" in record.tags for record in records)


def test_imhi() -> None:
    records = read("imhi", "MentalLLaMA-IMHI")
    assert (len(records), len({record.group for record in records})) == (18590, 12942)
    experts = read("imhi", "MentalLLaMA-IMHI", pattern="human_evaluation/*expert*.csv")
    assert len(experts) == 315
