"""The first stage: sources to de-identified, deduplicated, split files with a manifest and a datasheet.

Each pass goes over shards, so that memory stays small: read the sources; sign every record and find duplicates among
the signatures; run the recipe's filters; look for people who could be recognised; write the parts.
"""

from __future__ import annotations

import shutil
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from data_prep import dedup, engine, risk, table
from data_prep.engine import Job
from data_prep.ingest import ROWS, Ingested, ingest, limit_rejected, require_terms
from data_prep.output import Recognisable, write
from data_prep.withdrawal import Removal, withdraw
from wellgate.plugins import Filter
from wellgate.recipe import Prepare, Recipe
from wellgate.run import Manifest
from wellgate.stages import prepare_stage

Marks = dict[int, dict[int, str]]
"""Shard to row in it to `step: reason`."""


def prepare(recipe: Recipe) -> Manifest:
    """Run the stage, unless its result is there already. A run that was killed goes on with the shards that it has."""
    stage = prepare_stage(recipe)
    work = stage.folder / ".work"
    if done := stage.manifest():
        shutil.rmtree(work, ignore_errors=True)  # a kill after the manifest must not leave raw text behind
        print(f"prepare: cached ({stage.folder})")
        return done
    with stage.working() as folder:
        if done := stage.manifest():
            return done
        require_terms(recipe.prepare)
        found = ingest(recipe.prepare, work)
        limit_rejected(found, recipe.prepare.max_rejected, folder / "rejected.jsonl")
        marks = duplicates(recipe.prepare, found, work)
        shards = clean(recipe.prepare, found, marks, work)
        manifest = write(stage, recipe.prepare, found, shards, recognisable(recipe.prepare, shards, work))
        shutil.rmtree(work)
        return manifest


@dataclass(frozen=True)
class Sign:
    """A signature for every record that may stay."""

    removal: Removal

    def __call__(self, rows: pa.Table) -> pa.Table:
        return dedup.sign(withdraw(rows, self.removal))


def duplicates(section: Prepare, found: Ingested, work: Path) -> Marks:
    """Sign all records where they can be worked on apart, then compare the signatures where they are together."""
    jobs = [Job(shard, work / "signed" / shard.name) for shard in found.shards]
    engine.run(Sign(found.removal), jobs, "sign", section.engine, section.processes)
    signed = (pq.read_table(job.target) for job in jobs)
    ids = _Ids(found.shards)
    marks: Marks = defaultdict(dict)
    for row, one in dedup.duplicates(signed, _Texts(found.shards), section.near_duplicates).items():
        marks[row // ROWS][row % ROWS] = f"dedup: {one.kind} duplicate of {ids[one.kept]}"
    if section.same_meaning:
        _mark_same_meaning(section.same_meaning, found, marks, ids, work)
    return marks


def _mark_same_meaning(model: str, found: Ingested, marks: Marks, ids: _Ids, work: Path) -> None:
    """Among what is left. All texts are in memory here."""
    from data_prep.meaning import same_meaning

    live = [pq.read_table(work / "signed" / shard.name, columns=["live"])["live"].to_pylist() for shard in found.shards]
    rows = [
        shard * ROWS + row
        for shard, some in enumerate(live)
        for row, one in enumerate(some)
        if one and row not in marks[shard]
    ]
    for place, one in same_meaning(_Texts(found.shards)(rows), model).items():
        marks[rows[place] // ROWS][rows[place] % ROWS] = f"dedup: semantic duplicate of {ids[rows[one.kept]]}"


class _Texts:
    """The texts of records by their number over all shards, for the few that must be compared in full."""

    def __init__(self, shards: Sequence[Path]) -> None:
        self.shards = shards

    def __call__(self, rows: Sequence[int]) -> list[str]:
        wanted = defaultdict(set)
        for row in rows:
            wanted[row // ROWS].add(row % ROWS)
        found: dict[int, str] = {}
        for shard, numbers in wanted.items():
            turns = table.texts(pq.read_table(self.shards[shard], columns=["turns"]).take(sorted(numbers)))
            found |= {shard * ROWS + row: "\n".join(said) for row, said in zip(sorted(numbers), turns, strict=True)}
        return [found[row] for row in rows]


class _Ids(dict[int, str]):
    """Ids by number, read a shard at a time."""

    def __init__(self, shards: Sequence[Path]) -> None:
        self.shards = shards

    def __missing__(self, row: int) -> str:
        first = row - row % ROWS
        ids = pq.read_table(self.shards[row // ROWS], columns=["id"])["id"].to_pylist()
        self.update((first + number, id) for number, id in enumerate(ids))
        return self[row]


@dataclass(frozen=True)
class Clean:
    """All filters in order. What one of them leaves out, the next ones never see."""

    removal: Removal
    filters: tuple[Filter, ...]

    def __call__(self, rows: pa.Table) -> pa.Table:
        return pa.concat_tables(self._parts(withdraw(rows, self.removal)))

    def _parts(self, rows: pa.Table) -> Iterator[pa.Table]:
        for step in self.filters:
            yield table.left_out(rows)
            rows = step.apply(table.kept(rows))
        yield table.left_out(rows)
        yield table.kept(rows)


def clean(section: Prepare, found: Ingested, marks: Marks, work: Path) -> list[Path]:
    """The shards as the filters leave them."""
    jobs = [Job(shard, work / "clean" / shard.name, marks.get(number, {})) for number, shard in enumerate(found.shards)]
    names = ", ".join(step.use for step in section.filters)
    step = Clean(found.removal, tuple(section.filters))
    engine.run(step, jobs, names or "clean", section.engine, section.processes)
    return [job.target for job in jobs]


def recognisable(section: Prepare, shards: Sequence[Path], work: Path) -> Recognisable:
    """Who could be recognised by what they tell: counts over everything, and places for a person to review."""
    tuples = [Job(shard, work / "tuples" / shard.name) for shard in shards]
    cues = [Job(shard, work / "cues" / shard.name) for shard in shards]
    engine.run(risk.tuples, tuples, "risk", section.engine, section.processes)
    engine.run(risk.cues, cues, "cues", section.engine, section.processes)
    every = pa.concat_tables([pq.read_table(job.target) for job in tuples])
    queue = [pq.read_table(job.target) for job in cues]
    return Recognisable(risk.k_anonymity(every), pa.concat_tables([*queue, risk.combinations(every)]))
