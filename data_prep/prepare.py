"""The first stage: sources to de-identified, deduplicated, split files with a manifest and a datasheet."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from data_prep.datasheet import datasheet
from data_prep.dedup import editable_texts, normalised, texts_of, with_texts, without_duplicates
from data_prep.deidentify.score import Recall, recall
from data_prep.split import is_held_out
from wellgate.errors import InputError
from wellgate.files import write_text
from wellgate.plugins import Filter
from wellgate.progress import progress
from wellgate.recipe import Prepare, Recipe
from wellgate.records import Conversation, Preference, Rejected, Span, write_jsonl, write_parquet
from wellgate.run import Manifest, Stage
from wellgate.stages import prepare_stage

CHUNK = 256
Record = Conversation | Preference


@dataclass
class Prepared:
    """Everything the stage found out, before it is written."""

    records: list[Record] = field(default_factory=list)
    rejected: list[Rejected] = field(default_factory=list)
    spans: list[Span] = field(default_factory=list)
    gold: list[Span] = field(default_factory=list)
    rows: int = 0


def prepare(recipe: Recipe) -> Manifest:
    """Run the stage, unless its result is there already."""
    stage = prepare_stage(recipe)
    if done := stage.manifest():
        print(f"prepare: cached ({stage.folder})")
        return done
    with stage.working() as folder:
        data = read(recipe.prepare)
        limit_rejected(data, recipe.prepare.max_rejected, folder)
        data.records, duplicates = without_duplicates(data.records)
        data.rejected += duplicates
        for step in recipe.prepare.filters:
            run_filter(step, data)
        return write(stage, recipe.prepare, data)


def read(section: Prepare) -> Prepared:
    """All rows of all sources; ids must be unique."""
    data = Prepared()
    ids: set[str] = set()
    for source in section.sources:
        data.gold += source.gold_spans()
        for record in source.rows():
            data.rows += 1
            if isinstance(record, Rejected):
                data.rejected.append(record)
            elif record.id in ids:
                reason = "duplicate id"
                data.rejected.append(
                    Rejected(id=record.id, source=record.source, file="", line=0, step="read", reason=reason)
                )
            else:
                ids.add(record.id)
                data.records.append(record)
    return data


def limit_rejected(data: Prepared, share: float, folder: Path) -> None:
    """Stop where too many rows are bad. The list of them is kept either way."""
    path = folder / "rejected.jsonl"
    write_jsonl(path, data.rejected)
    if not data.records:
        raise InputError(f"{path}: no usable row among {data.rows}; see the reasons there")
    if len(data.rejected) > share * data.rows:
        reason, count = Counter(row.reason for row in data.rejected).most_common(1)[0]
        first = next((row for row in data.rejected if row.file), data.rejected[0])
        raise InputError(
            f"{first.file or first.source}:{first.line}: {len(data.rejected)} of {data.rows} rows are bad, more than prepare.max_rejected = {share}"
            f" (most often, {count} times: {reason}); all are listed in {path}"
        )


def run_filter(step: Filter, data: Prepared) -> None:
    """Apply one filter to all records, in chunks; records in a language it cannot read are left out."""
    readable: list[Record] = []
    for one in data.records:
        if not step.languages or one.language in step.languages:
            readable.append(one)
        else:
            reason = f"{step.use} reads {', '.join(step.languages)} only"
            data.rejected.append(Rejected(id=one.id, source=one.source, file="", line=0, step=step.use, reason=reason))
    changed: list[Record] = []
    chunks = [readable[first : first + CHUNK] for first in range(0, len(readable), CHUNK)]
    for chunk in progress(chunks, step.use, len(chunks)):
        results = step.apply([one.id for one in chunk], [editable_texts(one) for one in chunk])
        for one, (texts, spans) in zip(chunk, results, strict=True):
            changed.append(with_texts(one, texts))
            data.spans += spans
    data.records = changed


def write(stage: Stage, section: Prepare, data: Prepared) -> Manifest:
    """Split, write every file, and sign with the manifest."""
    parts: dict[str, list[Record]] = {
        "train": [one for one in conversations(data) if not is_held_out(one.group, section.held_out, section.seed)],
        "held_out": [one for one in conversations(data) if is_held_out(one.group, section.held_out, section.seed)],
        "preferences": [one for one in pairs(data) if not is_held_out(one.group, section.held_out, section.seed)],
        "preferences_held_out": [one for one in pairs(data) if is_held_out(one.group, section.held_out, section.seed)],
    }
    if not parts["train"]:
        held, left_out = len(parts["held_out"]), len(data.rejected)
        way_out = "lower prepare.held_out or change prepare.seed" if held else "add a source with conversations"
        raise InputError(
            f"prepare: no conversation is left to train on ({held} held out, {left_out} rows left out); {way_out}"
        )
    for name, records in parts.items():
        model = Preference if name.startswith("preferences") else Conversation
        if section.format == "parquet":
            write_parquet(stage.folder / f"{name}.parquet", records, model)
        else:
            write_jsonl(stage.folder / f"{name}.jsonl", records)
    write_jsonl(stage.folder / "rejected.jsonl", data.rejected)
    write_jsonl(stage.folder / "spans.jsonl", data.spans)
    measured = recall(data.gold, data.spans) if data.gold and section.filters else None
    counts = count(data, parts, measured)
    write_text(stage.folder / "DATASHEET.md", datasheet(section, counts))
    files = [f"{name}.{section.format}" for name in parts] + ["rejected.jsonl", "spans.jsonl", "DATASHEET.md"]
    manifest = stage.complete(files, counts)
    sizes = ", ".join(f"{len(records)} {name.replace('_', ' ')}" for name, records in parts.items())
    print(f"prepare: {sizes}; {len(data.rejected)} rows left out; {manifest.seconds:.0f} s ({stage.folder})")
    return manifest


def conversations(data: Prepared) -> Iterator[Conversation]:
    return (one for one in data.records if isinstance(one, Conversation))


def pairs(data: Prepared) -> Iterator[Preference]:
    return (one for one in data.records if isinstance(one, Preference))


def count(data: Prepared, parts: dict[str, list[Record]], measured: Recall | None) -> dict[str, object]:
    """The figures of manifest and datasheet: counts only, no text."""
    trained = {normalised([texts_of(one)[0]]) for name in ("train", "preferences") for one in parts[name]}
    held_out = [one for one in parts["held_out"] if normalised([texts_of(one)[0]]) in trained]
    return {
        "rows": data.rows,
        **{name: len(records) for name, records in parts.items()},
        "rejected": dict(Counter(f"{row.step}: {row.reason.split(' of ')[0]}" for row in data.rejected)),
        "groups": len({one.group for one in data.records}),
        "held_out_prompts_in_train": len(held_out),
        "licences": dict(Counter(one.licence for one in data.records)),
        "consent": dict(Counter(one.consent for one in data.records)),
        "languages": dict(Counter(one.language for one in data.records)),
        "tags": dict(Counter(tag for one in data.records for tag in one.tags if not tag.startswith("upvotes:"))),
        "personal_data_replaced": dict(Counter(span.type for span in data.spans)),
        "deidentification_recall": measured.as_counts() if measured else None,
    }
