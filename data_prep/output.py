"""What preparation writes: the parts to train on and to hold out, everything that was left out, and the counts."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from data_prep import documents, preferences, table
from data_prep.deidentify.score import recall
from data_prep.documents.parts import PARTS
from data_prep.ingest import Ingested
from data_prep.ledger import Head, Writer
from data_prep.licences import SourceTerms, blocks_training, strictest
from data_prep.ngrams import normalised
from data_prep.provenance import header, kept_or_dropped, never_read
from data_prep.split import is_held_out, stratified
from wellgate.errors import InputError
from wellgate.files import write_text
from wellgate.recipe import Prepare
from wellgate.records import Feedback, Preference, Record, Rejected, Span, arrow_schema, canonical_json, read_jsonl
from wellgate.run import Manifest, Stage

LISTS = ["ledger.jsonl", "rejected.jsonl", "review.jsonl", "spans.jsonl"]


class Split:
    """Which part a record belongs to: by its kind, and by its group."""

    def __init__(self, section: Prepare, shards: Sequence[Path]) -> None:
        self.section = section
        self.chosen = self._stratified(section.stratify, shards) if section.stratify else None

    def _stratified(self, prefix: str, shards: Sequence[Path]) -> frozenset[str]:
        kept = (table.kept(pq.read_table(shard, columns=["group", "tags", "dropped"])) for shard in shards)
        rows = ((row["group"], row["tags"]) for one in kept for row in one.to_pylist())
        return stratified(rows, prefix, self.section.held_out, self.section.seed)

    def held_out(self, group: str) -> bool:
        """Whether training never sees this group."""
        if self.chosen is None:
            return is_held_out(group, self.section.held_out, self.section.seed)
        return group in self.chosen

    def part(self, record: Record) -> str:
        held_out = self.held_out(record.group)
        if isinstance(record, Preference):
            return "preferences_held_out" if held_out else "preferences"
        if isinstance(record, Feedback):
            return "feedback_held_out" if held_out else "feedback"
        return "held_out" if held_out else "train"


@dataclass(frozen=True)
class Recognisable:
    """What was found about people who could be recognised although their names are gone."""

    counts: dict[str, Any]
    queue: pa.Table
    """Places for a person to review, by record, message and offsets."""


class Parts:
    """One open file a part, in the recipe's format, filled shard by shard."""

    def __init__(self, folder: Path, form: str) -> None:
        self.paths = {name: folder / f"{name}.{form}" for name in PARTS}
        self.form = form
        self.files = ExitStack()

    def __enter__(self) -> Self:
        self.open: dict[str, Any] = {}
        for name, path in self.paths.items():
            if self.form == "parquet":
                self.open[name] = self.files.enter_context(pq.ParquetWriter(path, arrow_schema(PARTS[name])))
            else:
                self.open[name] = self.files.enter_context(path.open("w", encoding="utf-8", newline="\n"))
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.files.close()

    def add(self, name: str, records: Sequence[Record]) -> None:
        rows = [record.model_dump(mode="json") for record in records]
        if not rows:
            return
        if self.form == "parquet":
            self.open[name].write_table(pa.Table.from_pylist(rows, schema=arrow_schema(PARTS[name])))
        else:
            self.open[name].writelines(canonical_json(row) + "\n" for row in rows)


@dataclass
class Tally:
    """Everything that is counted while the parts are written. Counts and hashes only, no text."""

    parts: Counter[str] = field(default_factory=Counter)
    rejected: Counter[str] = field(default_factory=Counter)
    fields: dict[str, Counter[str]] = field(
        default_factory=lambda: {name: Counter() for name in ("licence", "consent", "language")}
    )
    tags: Counter[str] = field(default_factory=Counter)
    replaced: Counter[str] = field(default_factory=Counter)
    findings: Counter[str] = field(default_factory=Counter)
    balance: preferences.Balance = field(default_factory=preferences.Balance)
    judgements: Counter[str] = field(default_factory=Counter)
    terms: set[SourceTerms] = field(default_factory=set)
    groups: set[int] = field(default_factory=set)
    prompts: dict[str, list[int]] = field(default_factory=lambda: {name: [] for name in PARTS})
    gold: list[Span] = field(default_factory=list)
    """Hand-marked spans, where the sources have any; then also what was found in the records that were kept."""
    kept: set[str] = field(default_factory=set)
    found: list[Span] = field(default_factory=list)

    def add(self, name: str, record: Record, asked: int) -> None:
        """One record that was kept; `asked` is the hash of its first user turn as the source had it."""
        self.parts[name] += 1
        for key, counter in self.fields.items():
            counter[getattr(record, key)] += 1
        self.tags.update(tag for tag in record.tags if not tag.startswith(preferences.NOT_A_KIND))
        if isinstance(record, Preference):
            self.balance.add(record)
        if isinstance(record, Feedback):
            self.judgements["desirable" if record.desirable else "undesirable"] += 1
        self.terms.add(SourceTerms(record.source, record.licence, record.consent))
        self.groups.add(hash(record.group))
        self.prompts[name].append(asked)

    def leave_out(self, row: Rejected) -> None:
        """One record that was left out."""
        self.rejected[f"{row.step}: {row.reason.split(' of ')[0]}"] += 1

    def look(self, rows: pa.Table) -> None:
        """What the filters found in one shard."""
        self.findings.update(name for names in rows["findings"].to_pylist() for name in names)
        kept = table.kept(rows)
        spans = table.spans_of(kept)
        self.replaced.update(span.type for span in spans)
        if self.gold:
            self.kept.update(kept["id"].to_pylist())
            self.found += spans

    def recall(self) -> dict[str, object] | None:
        """Of the hand-marked spans in records that were kept, how many were found."""
        marked = [span for span in self.gold if span.id in self.kept]
        return recall(marked, self.found).as_counts() if marked else None

    def repeated_prompts(self) -> int:
        """Held-out conversations whose first user turn stands word for word in training data."""
        trained = {*self.prompts["train"], *self.prompts["preferences"], *self.prompts["feedback"]}
        return sum(prompt in trained for prompt in self.prompts["held_out"])


def write(
    stage: Stage, section: Prepare, found: Ingested, shards: Sequence[Path], recognisable: Recognisable
) -> Manifest:
    """Split, write every file, and sign with the manifest."""
    tally = Tally(gold=[span for source in section.sources for span in source.gold_spans()])
    head = fill(stage, section, found, shards, tally)
    require_training_data(tally)
    write_lines(stage.folder / "review.jsonl", recognisable.queue)
    counts = counted(found, tally) | {"risk": recognisable.counts}
    counts["ledger"] = {"entries": head.entries, "hash": head.hash}
    looked = any(step.use == "deidentify" for step in section.filters)
    counts["deidentification_recall"] = tally.recall() if looked else None
    counts["residual_leaks"] = documents.residual_leaks(counts, documents.measured())
    names = [f"{name}.{section.format}" for name in PARTS] + LISTS
    names += documents.write(stage.folder, section, counts, stage.key)
    manifest = stage.complete(names, counts)
    sizes = ", ".join(
        f"{tally.parts[name]} {name.replace('_', ' ')}"
        for name in PARTS
        if tally.parts[name] or not name.startswith("feedback")
    )
    print(f"prepare: {sizes}; {tally.rejected.total()} rows left out; {manifest.seconds:.0f} s ({stage.folder})")
    return manifest


def fill(stage: Stage, section: Prepare, found: Ingested, shards: Sequence[Path], tally: Tally) -> Head:
    """Everything that is written shard by shard: parts, rejected rows, spans, ledger. Returns the ledger's head."""
    split = Split(section, shards)
    leaks = preferences.leaking(lambda: map(as_read, found.shards, shards), split.held_out)
    with (
        Parts(stage.folder, section.format) as parts,
        Writer(stage.folder / "ledger.jsonl", header(stage, section, found.sources)) as ledger,
        (stage.folder / "rejected.jsonl").open("w", encoding="utf-8") as rejected,
        (stage.folder / "spans.jsonl").open("w", encoding="utf-8") as spans,
    ):
        for row in read_jsonl(found.rejected, Rejected):
            tally.leave_out(row)
            rejected.write(row.model_dump_json() + "\n")
            ledger.add(never_read(row))
        for shard, source in zip(shards, found.shards, strict=True):
            rows = preferences.leave_out(pq.read_table(shard), leaks)
            _write_shard(rows, split, parts, tally, first_questions(source))
            rejected.writelines(row.model_dump_json() + "\n" for row in _rejected(rows, tally))
            ledger.add_all(kept_or_dropped(rows, section))
            spans.writelines(span.model_dump_json() + "\n" for span in table.spans_of(rows))
            tally.look(rows)
    return ledger.head


def write_lines(path: Path, rows: pa.Table) -> None:
    write_text(path, "".join(canonical_json(row) + "\n" for row in rows.to_pylist()))


def first_questions(source: Path) -> dict[str, int]:
    """Id to the hash of the first user turn, of a raw shard: surrogates would make equal questions differ."""
    found = {}
    for row in pq.read_table(source, columns=["id", "turns"]).to_pylist():
        asked = next((turn["content"] for turn in row["turns"] if turn["role"] == "user"), "")
        found[row["id"]] = hash(normalised([asked]))
    return found


def as_read(source: Path, clean: Path) -> pa.Table:
    """A raw shard without the pairs and feedback that a filter has left out: they must not push others out."""
    done = table.kept(pq.read_table(clean, columns=["id", "dropped"]))
    rows = pq.read_table(source, columns=list(preferences.COLUMNS))
    plain = pa.array(
        [not (pair or one) for pair, one in zip(rows["pair"].to_pylist(), table.judged(rows), strict=True)]
    )
    return rows.filter(pc.or_(plain, pc.is_in(rows["id"], done["id"].combine_chunks())))


def _write_shard(rows: pa.Table, split: Split, parts: Parts, tally: Tally, asked: dict[str, int]) -> None:
    records: dict[str, list[Record]] = {name: [] for name in PARTS}
    for record in table.to_records(rows):
        name = split.part(record)
        tally.add(name, record, asked[record.id])
        records[name].append(record)
    for name, some in records.items():
        parts.add(name, some)


def _rejected(rows: pa.Table, tally: Tally) -> Iterator[Rejected]:
    for row in table.left_out(rows).select(["id", "source", "dropped"]).to_pylist():
        step, _, reason = row["dropped"].partition(": ")
        one = Rejected(id=row["id"], source=row["source"], file="", line=0, step=step, reason=reason)
        tally.leave_out(one)
        yield one


def require_training_data(tally: Tally) -> None:
    """There is something to train on, and its people agreed to that.

    Raises:
        InputError: no conversation is left, or a consent does not cover training.
    """
    if not tally.parts["train"]:
        held, left_out = tally.parts["held_out"], tally.rejected.total()
        way_out = "lower prepare.held_out or change prepare.seed" if held else "add a source with conversations"
        raise InputError(
            f"prepare: no conversation is left to train on ({held} held out, {left_out} rows left out); {way_out}"
        )
    if refused := blocks_training(strictest(tally.terms)):
        raise InputError(f"prepare.sources: {refused[0]}; leave that source out, or state the consent that it has")


def counted(found: Ingested, tally: Tally) -> dict[str, Any]:
    """The figures of manifest and datasheet."""
    return {
        "rows": found.rows,
        **{name: tally.parts[name] for name in PARTS},
        "rejected": dict(tally.rejected),
        "groups": len(tally.groups),
        "held_out_prompts_in_train": tally.repeated_prompts(),
        "terms": strictest(tally.terms).as_counts(),
        "licences": dict(tally.fields["licence"]),
        "consent": dict(tally.fields["consent"]),
        "languages": dict(tally.fields["language"]),
        "tags": dict(tally.tags),
        "personal_data_replaced": dict(tally.replaced),
        "findings": dict(tally.findings),
        "preference_balance": tally.balance.as_counts(),
        "feedback_balance": dict(tally.judgements),
    }
