"""Sources to numbered shards: every row becomes a record in a shard, or a rejected row with its reason."""

from __future__ import annotations

import json
import shutil
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from data_prep import licences, table, withdrawal
from data_prep.engine import write_shard
from data_prep.ledger import WITHDRAWN
from wellgate.errors import InputError
from wellgate.files import write_text
from wellgate.progress import progress
from wellgate.recipe import Prepare
from wellgate.records import Record, Rejected, read_jsonl

ROWS = 512
"""Records in a shard: enough to batch a model on, few enough that shards are many."""


@dataclass
class Ingested:
    """What was read."""

    shards: list[Path]
    rows: int
    rejected: Path
    sources: dict[str, int]
    """Name of a source in its records to its place in the recipe."""
    removal: withdrawal.Removal
    """What people who withdrew must not find in the data."""


def ingest(section: Prepare, folder: Path) -> Ingested:
    """Read every source once. A folder that is there already was complete."""
    raw = folder / "raw"
    if not raw.exists():
        temporary = folder / "raw.tmp"
        shutil.rmtree(temporary, ignore_errors=True)
        temporary.mkdir(parents=True)
        _read(section, temporary)
        temporary.rename(raw)
    facts = json.loads((raw / "facts.json").read_text(encoding="utf-8"))
    removal = withdrawal.Removal(frozenset(facts["ids"]), frozenset(facts["digests"]))
    return Ingested(sorted(raw.glob("*.parquet")), facts["rows"], raw / "bad.jsonl", facts["sources"], removal)


@dataclass
class _Rows:
    """Goes through all rows, keeping the first of each id."""

    section: Prepare
    withdrawn: withdrawal.Withdrawals
    rows: int = 0
    ids: set[int] = field(default_factory=set)
    sources: dict[str, int] = field(default_factory=dict)

    def sort(self) -> Iterator[Record | Rejected]:
        for number, source in enumerate(self.section.sources):
            for record in source.rows():
                self.rows += 1
                self.sources.setdefault(record.source, number)
                yield record if isinstance(record, Rejected) else self._checked(record)

    def _checked(self, record: Record) -> Record | Rejected:
        if self.withdrawn.covers(record):
            return rejection(record, withdrawal.STEP, WITHDRAWN)
        reason = licences.problem(record.licence, record.consent)
        if hash(record.id) in self.ids:
            reason = "duplicate id"
        self.ids.add(hash(record.id))
        return rejection(record, "read", reason) if reason else record


def rejection(record: Record, step: str, reason: str) -> Rejected:
    return Rejected(id=record.id, source=record.source, file="", line=0, step=step, reason=reason)


def _read(section: Prepare, folder: Path) -> None:
    rows = _Rows(section, withdrawal.read(section.withdrawn))
    batch: list[Record] = []
    number = 0
    with (folder / "bad.jsonl").open("w", encoding="utf-8") as rejected:
        for record in progress(rows.sort(), "read", 0):
            if isinstance(record, Rejected):
                rejected.write(record.model_dump_json() + "\n")
                continue
            batch.append(record)
            if len(batch) == ROWS:
                write_shard(folder / f"{number:06d}.parquet", table.to_table(batch))
                batch, number = [], number + 1
    if batch:
        write_shard(folder / f"{number:06d}.parquet", table.to_table(batch))
    rows.withdrawn.require_all_met()
    removal = rows.withdrawn.removal()
    facts = {"rows": rows.rows, "sources": rows.sources, "ids": sorted(removal.ids), "digests": sorted(removal.digests)}
    write_text(folder / "facts.json", json.dumps(facts))


def require_terms(section: Prepare) -> None:
    """Licence and consent that a recipe states for a source must be words that the ledger knows.

    Raises:
        InputError: naming the recipe key.
    """
    for number, source in enumerate(section.sources):
        stated = {name: str(getattr(source, name)) for name in ("licence", "consent") if getattr(source, name, None)}
        if "licence" in stated:
            licences.duties(stated["licence"], f"prepare.sources.{number}.licence")
        if "consent" in stated:
            licences.scope(stated["consent"], f"prepare.sources.{number}.consent")


def limit_rejected(found: Ingested, share: float, listed: Path) -> None:
    """Stop where too many rows are bad. The list of them is kept either way.

    Raises:
        InputError: no usable row, or a larger share of bad ones than allowed.
    """
    shutil.copyfile(found.rejected, listed)
    if not found.shards:
        raise InputError(f"{listed}: no usable row among {found.rows}; see the reasons there")
    bad = [row for row in read_jsonl(found.rejected, Rejected) if row.step == "read"]
    if len(bad) > share * found.rows:
        reason, count = Counter(row.reason for row in bad).most_common(1)[0]
        first = next((row for row in bad if row.file), bad[0])
        raise InputError(
            f"{first.file or first.source}:{first.line}: {len(bad)} of {found.rows} rows are bad, more than prepare.max_rejected = {share}"
            f" (most often, {count} times: {reason}); all are listed in {listed}"
        )
