"""The gate: replies of base and tuned, graded, judged by a policy, and written down so that it can be recomputed."""

from __future__ import annotations

import datetime
import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from eval import calibration as calibrations
from eval import evidence as evidences
from eval import policy as policies
from eval import quality, sentinels
from eval.artefact import artefact_digest, shipped, tensor_digest
from eval.calibration import Calibration
from eval.card import card
from eval.evidence import SUBJECTS, Evidence, Facts
from eval.grading import controls
from eval.items import of_size
from eval.memorisation import measure, scores
from eval.pages import pages
from eval.replies import Responder, ensure
from eval.replies import read as read_replies
from eval.report import build
from eval.statement import read_report
from wellgate import golden, lineage, registry, trackers
from wellgate.base import Base
from wellgate.errors import InputError
from wellgate.files import sha256_text, write_text
from wellgate.grading import asked, grade, metric
from wellgate.model import ADAPTER, load_tokenizer
from wellgate.plugins import Probe
from wellgate.recipe import Recipe
from wellgate.records import Asked, GateReport, Graded
from wellgate.run import Stage, code_digest
from wellgate.stages import gate_stage, judged_base, policy_path, probe_digest, replies_stage, subjects, tuned_stage

CARD = "CARD.preview.md"


@dataclass(frozen=True)
class Outcome:
    """The gate's word and where it is written."""

    report: GateReport
    stage: Stage

    @property
    def cleared(self) -> bool:
        return self.report.verdict == "pass"


def gate(recipe: Recipe) -> Outcome:
    """Run the stage, unless its result is there already."""
    assert recipe.gate is not None
    policy = policies.load(recipe.gate.policy, recipe.gate.thresholds, recipe.gate.probes)
    if policy.audited and not recipe.gate.memorisation:
        raise InputError(f"gate.memorisation: the policy {policy.name} asks for this audit: add it, and sft.canaries")
    _calibration(recipe)
    base = judged_base(recipe)
    if base:
        lineage.trained(recipe, base)
    for subject in subjects(recipe, base):
        responder = Responder(recipe, subject)
        for probe in recipe.gate.probes:
            ensure(responder, probe)
        if recipe.gate.memorisation:
            measure.ensure(responder)
    stage = gate_stage(recipe, base)
    if stage.manifest():
        report = read_report(stage.folder / "report.json")
        print(f"gate: cached, {report.claim} ({stage.folder})")
    else:
        report = _run(recipe, base, stage)
        print(f"gate: {report.claim} ({stage.folder / 'report.md'})")
    return Outcome(report, stage)


def _run(recipe: Recipe, base: Base | None, stage: Stage) -> GateReport:
    assert recipe.gate is not None
    with stage.working() as folder:
        for name, text in carried(recipe, base).items():
            write_text(folder / name, text)
        found = gathered(recipe, base, stage)
        evidences.write(folder, found, policy_path(recipe.gate.policy))
        report = build(found, evidences.digests(folder))
        written = pages(report) | ({CARD: card(recipe, base, report, exported=False)} if base else {})
        for name, text in written.items():
            write_text(folder / name, text)
        counts = {"records": len(found.records), "verdict": report.verdict}
        manifest = stage.complete([*evidences.digests(folder), *written], counts)
    if base:
        _tell(tuned_stage(recipe, base).folder, report, manifest.digest)
    return report


def _tell(tuned: Path, report: GateReport, digest: str) -> None:
    """The verdict, to the trackers of the training that is judged. One that cannot be reached changes no verdict."""
    facts = {
        "verdict": report.verdict,
        "passed": int(report.verdict == "pass"),
        "claim": report.claim,
        "tier": report.tier,
        "size": report.size,
        "policy": report.policy,
        "failed": [check.id for check in report.checks if check.verdict != "pass"],
        "hard_fails": len(report.hard_fails),
        "subjects": report.subjects,
        "report": digest,
    }
    try:
        trackers.tell(tuned, "gate", facts)
    except Exception as error:
        print(f"gate: the trackers were not told the verdict ({type(error).__name__}); the report stands")


def carried(recipe: Recipe, base: Base | None) -> dict[str, str]:
    """What ships beside the model so that it is served as it was judged, by file name. A served model does not ship."""
    prompt = recipe.model.system_prompt
    tokens = {golden.FILE: golden.golden(load_tokenizer(base), prompt)} if base else {}
    return {"system_prompt.txt": prompt + "\n"} | tokens


def gathered(recipe: Recipe, base: Base | None, stage: Stage) -> Evidence:
    """All evidence anew, from the replies. `verify` compares this with what lies in the stage's folder."""
    section = recipe.gate
    assert section is not None
    policy = policies.load(section.policy, section.thresholds, section.probes)
    suite = tuple(expected(recipe))
    known = quality.read()
    used = {name for one in suite for name in (*one.required, *one.hard)}
    used |= {rule.metric for rule in policy.checks if rule.metric}
    found = Evidence(
        policy=policy,
        facts=facts(recipe, base, stage),
        suite=suite,
        records=tuple(graded(recipe, base)),
        controls=tuple(record for probe in section.probes for rows in controls(probe).values() for record in rows),
        graders={name: known[name] for name in sorted(used & set(known))},
        memory=scores.gathered(recipe, base) if base and section.memorisation else None,
    )
    return calibrated(found, section.probes, _calibration(recipe))


def _calibration(recipe: Recipe) -> Calibration | None:
    assert recipe.gate is not None
    return calibrations.read(Path(recipe.gate.calibration)) if recipe.gate.calibration else None


def calibrated(evidence: Evidence, probes: Sequence[Probe], found: Calibration | None) -> Evidence:
    """With the tables of this run's own replies in the place of those that ship."""
    if found is None:
        return evidence
    own = {name: one.labels for name, one in calibrations.tables(found, evidence).items()}
    if found.parts != calibrations.parts(evidence, probes):
        raise calibrations.stale("asks other questions than the graders answer")
    graders = dict(sorted((evidence.graders | own).items()))
    return replace(evidence, graders=graders, calibration=found)


def expected(recipe: Recipe) -> list[Asked]:
    """What is expected of every reply, item by item."""
    section, rows = recipe.gate, []
    assert section is not None
    for probe in section.probes:
        posed = {item.id for item in of_size(probe, section.size)}
        rows += [asked(probe, item).model_copy(update={"posed": item.id in posed}) for item in probe.items()]
    return rows


def graded(recipe: Recipe, base: Base | None) -> list[Graded]:
    """All replies of all subjects to all probes, graded, in one fixed order."""
    assert recipe.gate is not None
    records: list[Graded] = []
    for probe in recipe.gate.probes:
        items = of_size(probe, recipe.gate.size)
        for subject in subjects(recipe, base):
            records += grade(probe, items, read_replies(replies_stage(recipe, probe, subject)))
    return records


def facts(recipe: Recipe, base: Base | None, stage: Stage) -> Facts:
    """Who is judged, and how it was asked."""
    section = recipe.gate
    assert section is not None
    return Facts(
        name=recipe.name,
        size=section.size,
        samples=section.samples,
        policy=policies.identity(policy_path(section.policy)),
        overrides=section.thresholds,
        dimensions={probe.use: probe.dimension for probe in section.probes},
        registry_is_fresh=registry.load().is_fresh(datetime.date.today()),
        sentinels_wrong=sentinels.wrong(),
        subjects=dict(zip(SUBJECTS, _hashed(recipe, base, stage) if base else _served(recipe), strict=True)),
        lineage=lineage.trained(recipe, base) if base else lineage.served(section.backend.served("base")),
        digests=_digests(recipe),
    )


def _hashed(recipe: Recipe, base: Base, stage: Stage) -> tuple[dict[str, str], dict[str, str]]:
    assert recipe.gate is not None
    adapter = tuned_stage(recipe, base).folder / "adapter"
    engine, files = recipe.gate.backend.use, shipped(base, adapter, stage.folder)
    return (  # keys in the order in which report.json has them
        {"engine": engine, "name": base.name, "revision": base.revision or "", "weights": base.digest},
        {"artefact": artefact_digest(files), "engine": engine, "tensors": tensor_digest(adapter / ADAPTER)},
    )


def _served(recipe: Recipe) -> tuple[dict[str, str], ...]:
    assert recipe.gate is not None
    backend = recipe.gate.backend
    return tuple({"engine": backend.use, "served": backend.served(name)} for name in SUBJECTS)


def _digests(recipe: Recipe) -> dict[str, str]:
    """Of what was asked, how it was answered and graded, and of the sources of truth."""
    section = recipe.gate
    assert section is not None
    settings = section.model_dump(
        mode="json", include={"size", "samples", "temperature", "max_new_tokens", "batch_size", "seed", "memorisation"}
    )
    return {
        "settings": sha256_text(json.dumps(settings, sort_keys=True)),
        "system_prompt": sha256_text(recipe.model.system_prompt),
        "registry": registry.digest(),
        "graders": code_digest("eval/metrics", "eval/metrics/weights.npz"),
        **{f"items of {probe.use}": probe_digest(probe) for probe in section.probes},
        **{f"grader of {probe.use}": sha256_text(metric(probe.metric)[1]) for probe in section.probes},
    }
