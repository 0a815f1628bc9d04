"""The gate: replies of base and tuned, graded, judged by a policy, and written down so that it can be recomputed."""

from __future__ import annotations

import datetime
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from eval import policy as policies
from eval.artefact import artefact_digest, shipped, tensor_digest
from eval.card import card
from eval.grading import controls
from eval.items import of_size
from eval.replies import Responder, ensure
from eval.replies import read as read_replies
from eval.report import markdown
from eval.statement import read_report, statement
from eval.verdict import CLAIMS, TIER, judge
from wellgate import golden, lineage, registry, trackers
from wellgate.base import Base
from wellgate.files import sha256_file, sha256_text, write_text
from wellgate.grading import grade, metric
from wellgate.model import ADAPTER, load_tokenizer
from wellgate.recipe import Recipe
from wellgate.records import GateReport, Graded, write_jsonl
from wellgate.run import Stage, code_digest
from wellgate.stages import gate_stage, policy_path, probe_digest, replies_stage, resolve_base, subjects, tuned_stage


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
    policies.load(recipe.gate.policy, recipe.gate.thresholds, recipe.gate.probes)
    base = resolve_base(recipe)
    lineage.trained(recipe, base)
    for subject in subjects(recipe, base):
        responder = Responder(recipe, subject)
        for probe in recipe.gate.probes:
            ensure(responder, probe)
    stage = gate_stage(recipe, base)
    if stage.manifest():
        report = read_report(stage.folder / "report.json")
        print(f"gate: cached, {report.claim} ({stage.folder})")
    else:
        report = _run(recipe, base, stage)
        print(f"gate: {report.claim} ({stage.folder / 'report.md'})")
    return Outcome(report, stage)


def _run(recipe: Recipe, base: Base, stage: Stage) -> GateReport:
    with stage.working() as folder:
        records = graded(recipe, base)
        for name, text in carried(recipe, base).items():
            write_text(folder / name, text)
        report = build(recipe, base, stage, records)
        write_jsonl(folder / "records.jsonl", records)
        written = pages(recipe, base, report)
        for name, text in written.items():
            write_text(folder / name, text)
        counts = {"records": len(records), "verdict": report.verdict}
        manifest = stage.complete(["records.jsonl", *written], counts)
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


def carried(recipe: Recipe, base: Base) -> dict[str, str]:
    """What ships beside the model so that it is served as it was judged, by file name."""
    prompt = recipe.model.system_prompt
    return {"system_prompt.txt": prompt + "\n", golden.FILE: golden.golden(load_tokenizer(base), prompt)}


def pages(recipe: Recipe, base: Base, report: GateReport) -> dict[str, str]:
    """Everything written from a report, by file name. `verify` compares all of it."""
    return carried(recipe, base) | {
        "report.json": json.dumps(statement(report, recipe.name), indent=1, sort_keys=True) + "\n",
        "report.md": markdown(report, recipe.name),
        "CARD.preview.md": card(recipe, base, report, exported=False),
    }


def graded(recipe: Recipe, base: Base) -> list[Graded]:
    """All replies of all subjects to all probes, graded, in one fixed order."""
    assert recipe.gate is not None
    records: list[Graded] = []
    for probe in recipe.gate.probes:
        items = of_size(probe, recipe.gate.size)
        for subject in subjects(recipe, base):
            records += grade(probe, items, read_replies(replies_stage(recipe, probe, subject)))
    return records


def build(recipe: Recipe, base: Base, stage: Stage, records: Sequence[Graded]) -> GateReport:
    """The report that these records carry. `verify` calls this too and compares."""
    section = recipe.gate
    assert section is not None
    policy = policies.load(section.policy, section.thresholds, section.probes)
    scripted = {probe.use: controls(probe, section.size) for probe in section.probes}
    fresh = registry.load().is_fresh(datetime.date.today())
    found = judge(policy, section.probes, records, scripted, section.samples, section.size, fresh)
    adapter = tuned_stage(recipe, base).folder / "adapter"
    files = shipped(base, adapter, stage.folder)
    return GateReport(
        verdict=found.verdict,
        claim=CLAIMS[found.verdict],
        tier=TIER,
        size=section.size,
        policy={
            "name": policy.name,
            "version": str(policy.version),
            "digest": sha256_file(policy_path(section.policy)),
        },
        overrides=section.thresholds,
        checks=found.checks,
        hard_fails=found.hard_fails,
        controls=found.controls,
        rates={subject.name: _rates(records, subject.name) for subject in subjects(recipe, base)},
        reasons=found.reasons,
        subjects={
            "base": {"name": base.name, "revision": base.revision or "", "weights": base.digest},
            "tuned": {"artefact": artefact_digest(files), "tensors": tensor_digest(adapter / ADAPTER)},
        },
        lineage=lineage.trained(recipe, base),
        evidence=_evidence(recipe),
    )


def _rates(records: Sequence[Graded], subject: str) -> dict[str, float]:
    own = [record for record in records if record.subject == subject]
    cut = sum(not record.finished for record in own)
    incoherent = sum(record.answers["coherent"] != "yes" for record in own) - cut
    return {"incoherent": round(max(incoherent, 0) / len(own), 4), "cut": round(cut / len(own), 4)}


def _evidence(recipe: Recipe) -> dict[str, str]:
    """Digests of what was asked, how it was answered and graded, and by which sources of truth."""
    section = recipe.gate
    assert section is not None
    settings = section.model_dump(
        mode="json", include={"size", "samples", "temperature", "max_new_tokens", "batch_size", "seed"}
    )
    return {
        "settings": sha256_text(json.dumps(settings, sort_keys=True)),
        "system_prompt": sha256_text(recipe.model.system_prompt),
        "registry": registry.digest(),
        "graders": code_digest("eval/metrics", "eval/phrases.py"),
        **{f"items of {probe.use}": probe_digest(probe) for probe in section.probes},
        **{f"grader of {probe.use}": sha256_text(metric(probe.metric)[1]) for probe in section.probes},
    }
