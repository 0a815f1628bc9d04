"""`wellgate show DATA`: a prepared folder in a screenful, and some of its conversations only when asked for."""

from __future__ import annotations

import random
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from data_prep.documents import privacy, sections
from data_prep.documents.markdown import number, ordered, printable, share
from data_prep.documents.parts import PARTS, batches, path_of
from wellgate.errors import InputError
from wellgate.run import Manifest, read_manifest

WIDTH = 14
SHOWN = 6
"""Names in a line."""


def essence(folder: Path, text: int = 0, seed: int = 0) -> str:
    """What the manifest says, and `text` random records of all parts.

    Raises:
        InputError: the folder holds no prepared data, or that of another version, or a part is damaged.
    """
    manifest = read_manifest(folder)
    if manifest is None or manifest.stage != "prepare":
        raise InputError(f"{folder}: no prepared data here; name a prepare folder, as runs/<recipe>/prepare-<key>")
    try:
        lines = [f"{name:{WIDTH}}{said}".rstrip() for name, said in _facts(manifest)]
    except (KeyError, TypeError):
        raise InputError(f"{folder}: prepared by another version of wellgate; run `wellgate prepare` again") from None
    return "\n".join([f"prepared data  {folder}", *lines, *_texts(folder, manifest, text, seed)])


def _facts(manifest: Manifest) -> Iterator[tuple[str, str]]:
    counts = manifest.counts
    commit = str(manifest.git.get("commit", ""))[:12]
    yield (
        "made",
        f"{manifest.finished} in {manifest.seconds:.0f} s, key {manifest.key[:12]}"
        + f", commit {commit}" * bool(commit),
    )
    yield "parts", ", ".join(f"{number(counts[part])} {part.replace('_', ' ')}" for part in PARTS)
    yield "sources", ", ".join(source["use"] for source in manifest.config["sources"])
    yield "languages", _most(counts["languages"])
    yield "licences", _most(counts["licences"])
    yield "consent", _most(counts["consent"])
    yield (
        "release",
        "; ".join(map(printable, counts["terms"]["blocks_release"])) or f"allowed; {counts['terms']['level']}",
    )
    yield "left out", sections.left_out(counts)
    if counts["rejected"]:
        yield "", _most(counts["rejected"])
    yield "held out", f"{number(counts['held_out_prompts_in_train'])} first turns stand in training data too"
    yield "replaced", _most(counts["personal_data_replaced"]) or "no personal data"
    yield "still there", _standing(counts)
    yield "recognisable", _recognisable(counts["risk"])
    yield "assistants", _most(counts["findings"]) or "no finding"
    yield "tags", _most(counts["tags"]) or "none"
    yield "ledger", f"{number(counts['ledger']['entries'])} entries, last hash {counts['ledger']['hash'][:12]}"
    yield "documents", ", ".join(name for name in manifest.outputs if name.endswith((".md", ".json", ".svg")))


def _most(counts: Mapping[str, int]) -> str:
    """The most frequent names; the rest by how many there are."""
    shown = ", ".join(f"{printable(name)} {number(many)}" for name, many in ordered(counts)[:SHOWN])
    return shown + f", and {len(counts) - SHOWN} more" * (len(counts) > SHOWN)


def _standing(counts: Mapping[str, Any]) -> str:
    residual = counts.get("residual_leaks") or {"measured": False, "reason": "no estimate was made"}
    if not residual["measured"]:
        return f"personal data not measured: {residual['reason']}"
    return f"{privacy.interval(residual['per_1000'])} pieces of personal data expected per 1,000 records"


def _recognisable(found: Mapping[str, Any]) -> str:
    read = found["conversations"] - found["unread"]
    said = f"{number(found['unique'])} of {number(read)} records ({share(found['unique'], read)}) tell what nobody else tells"
    return said + f"; {number(found['unread'])} unread" * bool(found["unread"])


def _texts(folder: Path, manifest: Manifest, many: int, seed: int) -> Iterator[str]:
    """Records drawn from all parts, in their order, with what people wrote."""
    sizes = {part: manifest.counts[part] for part in PARTS}
    drawn = sorted(random.Random(seed).sample(range(sum(sizes.values())), min(max(many, 0), sum(sizes.values()))))
    first = 0
    for part, size in sizes.items():
        wanted = [row - first for row in drawn if first <= row < first + size]
        first += size
        for row in _rows(path_of(folder, part, manifest.config["format"]), part, wanted):
            yield from ["", f"-- {part.replace('_', ' ')}: {row['id']}", *_said(row)]


def _rows(path: Path, part: str, wanted: list[int]) -> Iterator[dict[str, Any]]:
    """The records with these numbers, in order."""
    before = 0
    left = iter(wanted)
    next_one = next(left, None)
    for rows in batches(path, part) if wanted else ():
        while next_one is not None and next_one < before + rows.num_rows:
            yield rows.slice(next_one - before, 1).to_pylist()[0]
            next_one = next(left, None)
        before += rows.num_rows
        if next_one is None:
            return


def _said(row: dict[str, Any]) -> Iterator[str]:
    for turn in row["messages"] if "messages" in row else row["prompt"]:
        yield _turn(turn["role"], turn["content"])
    for name in ("chosen", "rejected", "reason"):
        if name in row:
            yield _turn(name, row[name])


def _turn(role: str, content: str) -> str:
    """Line by line: a text must not be able to steer the terminal."""
    lines = [printable(line) for line in content.splitlines()]
    return f"{role + ':':{WIDTH}}" + f"\n{'':{WIDTH}}".join(lines)
