"""Recompute everything a report says, from its records. A `Clearance` cannot exist without that having held."""

from __future__ import annotations

from pathlib import Path

from eval import policy as policies
from eval.artefact import shipped
from eval.gate import build, graded, pages
from eval.statement import read_report
from wellgate import lineage
from wellgate.base import Base
from wellgate.errors import GateRefusal, InputError
from wellgate.files import sha256_file
from wellgate.recipe import Recipe
from wellgate.records import GateReport, Graded, read_jsonl
from wellgate.run import Stage
from wellgate.stages import gate_stage, prepared, resolve_base, training_stages, tuned_stage


class Clearance:
    """Permission to export one artefact: made only by verifying its report, and only if the verdict is accepted.

    Raises:
        GateRefusal: no report, evidence that does not hold, or a verdict that is not a pass.
    """

    def __init__(self, recipe: Recipe) -> None:
        try:
            self.base = resolve_base(recipe)
            self.stage = gate_stage(recipe, self.base)
        except InputError as error:
            raise GateRefusal(f"there is no gate report to verify ({error}); run `wellgate gate`") from None
        self.recipe = recipe
        self.report = evidence_holds(recipe, self.stage)
        if self.report.verdict != "pass":
            reasons = "".join(f"\n  - {reason}" for reason in self.report.reasons)
            raise GateRefusal(f"the evidence holds, and the gate said {self.report.claim}:{reasons}")
        self._require_terms()

    def _require_terms(self) -> None:
        """A policy for publishing needs data that may be published from."""
        section = self.recipe.gate
        if section is None or not policies.load(section.policy, section.thresholds, section.probes).public:
            return
        if blocked := prepared(self.recipe)[1].counts["terms"]["blocks_release"]:
            reasons = "".join(f"\n  - {reason}" for reason in blocked)
            raise GateRefusal(f"the verdict holds, and the terms of the data do not allow a release:{reasons}")

    @property
    def files(self) -> dict[str, Path]:
        """Every file that ships, by its name in the export."""
        adapter = tuned_stage(self.recipe, self.base).folder / "adapter"
        return shipped(self.base, adapter, self.stage.folder)

    @property
    def summary(self) -> str:
        return f"{self.report.claim}, artefact {self.report.subjects['tuned']['artefact'][:12]}, {len(self.report.checks)} checks"


def verify(recipe: Recipe) -> Clearance:
    """The clearance of this recipe's result."""
    return Clearance(recipe)


def evidence_holds(recipe: Recipe, stage: Stage) -> GateReport:
    """The report, after everything in it was recomputed.

    Raises:
        GateRefusal: naming each thing that does not hold.
    """
    manifest = stage.manifest()
    if manifest is None:
        raise GateRefusal(f"there is no gate report for this recipe as it stands ({stage.folder}); run `wellgate gate`")
    problems = [
        f"{stage.folder / name}: changed or missing since the gate wrote it"
        for name, digest in manifest.outputs.items()
        if not (stage.folder / name).is_file() or sha256_file(stage.folder / name) != digest
    ]
    base = resolve_base(recipe)
    for training in training_stages(recipe, base):
        signed = training.require("run `wellgate train`").outputs
        problems += [
            f"{training.folder / name}: changed or missing since it was trained"
            for name, digest in signed.items()
            if not (training.folder / name).is_file() or sha256_file(training.folder / name) != digest
        ]
    problems += _broken_lineage(recipe, base)
    if problems:
        raise _refused(problems)
    report = read_report(stage.folder / "report.json")
    records = list(_records(stage.folder / "records.jsonl"))
    if records != graded(recipe, base):
        problems.append("records.jsonl: not the graded replies of this recipe's items and subjects")
    elif report != (again := build(recipe, base, stage, records)):
        changed = [name for name in GateReport.model_fields if getattr(report, name) != getattr(again, name)]
        problems.append(f"report.json: {', '.join(changed)} differ from what the records and files give")
    else:
        problems += [
            f"{name}: not what the report says"
            for name, text in pages(recipe, base, again).items()
            if (stage.folder / name).read_text(encoding="utf-8") != text
        ]
    if problems:
        raise _refused(problems)
    return report


def _broken_lineage(recipe: Recipe, base: Base) -> list[str]:
    try:
        lineage.trained(recipe, base)
    except InputError as error:
        return [str(error)]
    return []


def _records(path: Path) -> list[Graded]:
    try:
        return list(read_jsonl(path, Graded))
    except InputError as error:
        raise GateRefusal(f"the evidence does not hold: {error}") from None


def _refused(problems: list[str]) -> GateRefusal:
    return GateRefusal("the evidence does not hold:" + "".join(f"\n  - {problem}" for problem in problems))
