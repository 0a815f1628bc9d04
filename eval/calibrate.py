"""`wellgate calibrate`: replies of this run out for two people to label, and their labels back as `calibration.json`."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from eval import calibration as calibrations
from eval import evidence as evidences
from eval import labels
from eval.calibration import Calibration, Rated
from eval.evidence import CALIBRATION, Evidence
from eval.items import of_size
from eval.labels import GUIDE, Labelled, Row
from eval.replies import read as read_replies
from eval.report import grader, graders
from eval.sample import Key, criteria, drawn, largest, strata
from wellgate.base import Base
from wellgate.errors import InputError
from wellgate.files import sha256_file, sha256_text, write_text
from wellgate.grading import seen
from wellgate.plugins import Item, Probe
from wellgate.recipe import Recipe
from wellgate.records import Reply
from wellgate.run import ROOT
from wellgate.stages import gate_stage, replies_stage, resolve_base, root, subjects

WAY_OUT = "run `wellgate gate` without gate.calibration first"


@dataclass(frozen=True)
class Judged:
    """A run whose gate has spoken, before any calibration."""

    recipe: Recipe
    base: Base
    probes: Sequence[Probe]
    evidence: Evidence


def judged(recipe: Recipe) -> Judged:
    """The run of a recipe, from the evidence of its gate."""
    if recipe.gate is None:
        raise InputError("calibrate: the recipe has no `gate` section; add one")
    plain = recipe.model_copy(update={"gate": recipe.gate.model_copy(update={"calibration": None})})
    base = resolve_base(plain)
    stage = gate_stage(plain, base)
    stage.require(WAY_OUT)
    return Judged(plain, base, recipe.gate.probes, evidences.read(stage.folder))


def sample(recipe: Recipe, rows: int, seed: int, out: Path) -> str:
    """Write about so many of the run's replies for labelling, and say what was written.

    Raises:
        InputError: no gate yet, no room for one reply of each stratum, or a file that exists.
    """
    if seed < 0:
        raise InputError("calibrate: --seed must be 0 or more")
    run = judged(recipe)
    parts = strata(run.evidence, seed)
    if not parts:
        raise InputError("calibrate: the run has no written replies, so there is nothing to label")
    each = largest(parts, rows)
    keys = drawn(parts, each, seed)
    labels.write(out, _rows(run, keys, f"s{seed}n{each}"))
    return (
        f"calibrate: {len(keys)} replies in {out}, up to {each} of each of {len(parts)} strata; it holds their text, and nothing else"
        f" that wellgate writes for calibration does.\n"
        f"Give a copy each to two people with {GUIDE}, then: wellgate calibrate RECIPE --labels ONE TWO"
    )


def _rows(run: Judged, keys: Sequence[Key], draw: str) -> list[Row]:
    """What a rater sees: what the graders read, and neither which model wrote it nor what they say of it."""
    replies, items, asked = _replies(run), _items(run), _asked(run)
    hard = {(one.probe, one.item): one.hard for one in run.evidence.suite}
    rows = []
    for key in keys:
        reply, item = replies[key], items[key[:2]]
        fixed = {
            "draw": draw,
            "guide": GUIDE,
            "locale": item.locale or "",
            "any_turn": " ".join(name for name in asked[key[:2]] if name in hard[key[:2]]) if reply.earlier else "",
            "earlier": "\n-----\n".join(seen(text, item) for text in reply.earlier),
            "text": seen(reply.text, item),
        }
        rows.append(dict(zip(labels.KEY, key, strict=True)) | fixed | dict.fromkeys(asked[key[:2]], ""))
    return rows


def _replies(run: Judged) -> dict[Key, Reply]:
    found = {}
    for probe in run.probes:
        for subject in subjects(run.recipe, run.base):
            for reply in read_replies(replies_stage(run.recipe, probe, subject)):
                found[probe.use, reply.item, sha256_text("\n".join((*reply.earlier, reply.text)))] = reply
    return found


def _items(run: Judged) -> dict[tuple[str, str], Item]:
    size = run.evidence.facts.size
    return {(probe.use, item.id): item for probe in run.probes for item in of_size(probe, size)}


def _asked(run: Judged) -> dict[tuple[str, str], list[str]]:
    """Item to the criteria of the guide that its replies are labelled for."""
    parts = calibrations.parts(run.evidence, run.probes)
    return {
        (one.probe, one.item): sorted({part for name in criteria(run.evidence, one) for part in parts[name]})
        for one in run.evidence.suite
        if not one.chosen
    }


def collect(recipe: Recipe, files: tuple[Path, Path]) -> str:
    """Read what two people said, write `calibration.json` into the run, and say how the graders do.

    Raises:
        InputError: labels that do not fit the run, the guide or each other, with file and line.
    """
    run = judged(recipe)
    raters = (files[0].stem, files[1].stem)
    if raters[0] == raters[1]:
        raise InputError(f"calibrate: both files are named {raters[0]}; name each by its rater")
    asked = _asked(run)
    keys = {(row.probe, row.item, row.reply) for row in run.evidence.records if (row.probe, row.item) in asked}
    known = {key: asked[key[:2]] for key in keys}
    both = (labels.read(files[0], known), labels.read(files[1], known))
    found = _bound(run, raters, both)
    tables = calibrations.tables(found, run.evidence)
    path = root(recipe) / CALIBRATION
    write_text(path, found.model_dump_json(indent=1) + "\n")
    lines = graders({name: grader(one.labels, one.raters) for name, one in tables.items()})
    return "\n".join([*lines, "", f"calibrate: {path}; set gate.calibration to it and run `wellgate gate` again"])


def _bound(run: Judged, raters: tuple[str, str], both: tuple[Labelled, Labelled]) -> Calibration:
    """Both raters' labels of one sample, tied to the artefact."""
    seed, each = _draw(raters, both)
    keys = drawn(strata(run.evidence, seed), each, seed)
    for name, one in zip(raters, both, strict=True):
        if wrong := len(set(one.labels) ^ set(keys)):
            raise InputError(
                f"calibrate: the file of {name} and the sample differ in {wrong} rows; keep all rows, labelled or not"
            )
    facts = run.evidence.facts.subjects
    return Calibration(
        artefact=facts["tuned"]["artefact"],
        base=facts["base"]["weights"],
        seed=seed,
        each=each,
        raters=raters,
        guide=sha256_file(ROOT / GUIDE),
        parts=calibrations.parts(run.evidence, run.probes),
        rated=tuple(_rated(key, both[0].labels[key], both[1].labels[key]) for key in sorted(keys)),
    )


def _draw(raters: tuple[str, str], both: tuple[Labelled, Labelled]) -> tuple[int, int]:
    if both[0].draw != both[1].draw:
        raise InputError(f"calibrate: {raters[0]} and {raters[1]} labelled different samples (`draw` differs)")
    found = re.fullmatch(r"s(\d{1,18})n([1-9]\d{0,8})", both[0].draw)
    if found is None:
        raise InputError("calibrate: `draw` is not as it was written, like s0n12; restore it")
    return int(found[1]), int(found[2])


def _rated(key: Key, one: Mapping[str, bool | None], two: Mapping[str, bool | None]) -> Rated:
    probe, item, reply = key
    return Rated(probe=probe, item=item, reply=reply, labels={name: (one[name], two[name]) for name in one})
