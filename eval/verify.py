"""Recompute everything a report says, from its evidence. A `Clearance` cannot exist without that having held."""

from __future__ import annotations

import datetime
from pathlib import Path

from eval import evidence as evidences
from eval import policy as policies
from eval.evidence import Evidence
from eval.pages import pages
from eval.report import build
from eval.reviews import Review, approved
from eval.statement import read_report
from wellgate import lineage
from wellgate.base import Base
from wellgate.errors import GateRefusal, InputError
from wellgate.files import sha256_file
from wellgate.recipe import Recipe
from wellgate.records import GateReport
from wellgate.run import Stage
from wellgate.stages import gate_stage, prepared, resolve_base, training_stages, tuned_stage


def recomputed(folder: Path) -> tuple[GateReport, Evidence]:
    """The report in a folder, after all of it was made anew from the evidence beside it: no model, recipe or torch needed.

    Raises:
        GateRefusal: naming what does not hold.
    """
    report, found = read_report(folder / "report.json"), evidences.read(folder)
    again = build(found, evidences.digests(folder))
    if report != again:
        changed = [name for name in GateReport.model_fields if getattr(report, name) != getattr(again, name)]
        raise _refused([f"report.json: {', '.join(changed)} differ from what the evidence gives"])
    if wrong := [
        f"{name}: not what the report says" for name, text in pages(again).items() if _text(folder / name) != text
    ]:
        raise _refused(wrong)
    return report, found


def _text(path: Path) -> str | None:
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, ValueError):
        return None


def require_pass(report: GateReport) -> None:
    """Evidence that holds may still say no.

    Raises:
        GateRefusal: with the reasons of any verdict but a pass.
    """
    if report.verdict != "pass":
        reasons = "".join(f"\n  - {reason}" for reason in report.reasons)
        raise GateRefusal(f"the evidence holds, and the gate said {report.claim}:{reasons}")


class Clearance:
    """Permission to export one artefact: made only by verifying its report, and only if the verdict is accepted.

    Raises:
        GateRefusal: no report, evidence that does not hold, or a verdict that is not a pass.
    """

    def __init__(self, recipe: Recipe) -> None:
        if recipe.gate and (where := recipe.gate.backend.served("tuned")):
            raise GateRefusal(
                f"the gate judges a served model ({where}), whose files nobody here has hashed: that clears no local"
                " artefact. Gate the files with `gate.backend.use: local`; `wellgate verify FOLDER` checks this evidence"
            )
        try:
            self.base = resolve_base(recipe)
            self.stage = gate_stage(recipe, self.base)
        except InputError as error:
            raise GateRefusal(f"there is no gate report to verify ({error}); run `wellgate gate`") from None
        self.recipe = recipe
        self.report = evidence_holds(recipe, self.stage)
        require_pass(self.report)
        self.policy = policies.read(self.stage.folder / evidences.POLICY)
        self._require_terms()
        self._require_fresh()
        self.reviews = self._reviewed()

    def _require_fresh(self) -> None:
        """A policy may limit the age of a report."""
        limit, manifest = self.policy.report_max_age_days, self.stage.require("run `wellgate gate`")
        age = datetime.datetime.now(datetime.UTC) - datetime.datetime.fromisoformat(manifest.finished)
        if limit is not None and age.days > limit:
            raise GateRefusal(f"the verdict holds, and the report is {age.days} days old, of {limit} at most; delete {self.stage.folder} and run `wellgate gate`")  # fmt: skip

    def _reviewed(self) -> list[Review]:
        """The people who approved this artefact, as many as the policy asks for."""
        section = self.recipe.export
        folder = Path(section.reviews) if section and section.reviews else None
        keys = {name: Path(key) for name, key in section.reviewers.items()} if section else {}
        return approved(folder, keys, self.policy.reviews, self.stage.folder)

    def _require_terms(self) -> None:
        """A policy for publishing needs data that may be published from."""
        if not self.policy.public:
            return
        if blocked := prepared(self.recipe)[1].counts["terms"]["blocks_release"]:
            reasons = "".join(f"\n  - {reason}" for reason in blocked)
            raise GateRefusal(f"the verdict holds, and the terms of the data do not allow a release:{reasons}")

    @property
    def files(self) -> dict[str, Path]:
        """Every file that ships, by its name in the export."""
        from eval.artefact import shipped

        adapter = tuned_stage(self.recipe, self.base).folder / "adapter"
        return shipped(self.base, adapter, self.stage.folder)

    @property
    def summary(self) -> str:
        return f"{self.report.claim}, {self.report.judged}, {len(self.report.checks)} checks"


def verify(recipe: Recipe) -> Clearance:
    """The clearance of this recipe's result."""
    return Clearance(recipe)


def evidence_holds(recipe: Recipe, stage: Stage) -> GateReport:
    """The report, after everything in it was recomputed from evidence that is this recipe's.

    Raises:
        GateRefusal: naming each thing that does not hold.
    """
    manifest = stage.manifest()
    if manifest is None:
        raise GateRefusal(f"there is no gate report for this recipe as it stands ({stage.folder}); run `wellgate gate`")
    problems = _changed(stage, manifest.outputs, "the gate wrote it")
    base = resolve_base(recipe)
    for training in training_stages(recipe, base):
        problems += _changed(training, training.require("run `wellgate train`").outputs, "it was trained")
    problems += _broken_lineage(recipe, base)
    if problems:
        raise _refused(problems)
    report, found = recomputed(stage.folder)
    problems = _not_of(recipe, base, stage, report, found)
    if problems:
        raise _refused(problems)
    return report


def _changed(stage: Stage, outputs: dict[str, str], since: str) -> list[str]:
    return [
        f"{stage.folder / name}: changed or missing since {since}"
        for name, digest in outputs.items()
        if not (stage.folder / name).is_file() or sha256_file(stage.folder / name) != digest
    ]


def _not_of(recipe: Recipe, base: Base, stage: Stage, report: GateReport, found: Evidence) -> list[str]:
    """What differs from the recipe's own policy, items, replies and files."""
    from eval.card import card
    from eval.gate import CARD, gathered

    again = gathered(recipe, base, stage)
    names = {
        "suite": evidences.SUITE,
        "records": evidences.RECORDS,
        "controls": evidences.CONTROLS,
        "graders": evidences.GRADERS,
        "calibration": evidences.CALIBRATION,
        "policy": evidences.POLICY,
        "memory": evidences.MEMORISATION,
    }
    problems = [
        f"{name}: not what this recipe's policy, items, replies and graders give"
        for field, name in names.items()
        if getattr(found, field) != getattr(again, field)
    ]
    changed = [
        name for name in type(again.facts).model_fields if getattr(found.facts, name) != getattr(again.facts, name)
    ]
    problems += [f"{evidences.FACTS}: {', '.join(changed)} differ from what lies there now"] if changed else []
    if _text(stage.folder / CARD) != card(recipe, base, report, exported=False):
        problems.append(f"{CARD}: not what report and manifests say")
    return problems


def _broken_lineage(recipe: Recipe, base: Base) -> list[str]:
    try:
        lineage.trained(recipe, base)
    except InputError as error:
        return [str(error)]
    return []


def _refused(problems: list[str]) -> GateRefusal:
    return GateRefusal("the evidence does not hold:" + "".join(f"\n  - {problem}" for problem in problems))
