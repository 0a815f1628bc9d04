"""The report: what follows from the evidence, and how it reads. No date in it: equal evidence gives equal bytes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from eval.calibration import tables
from eval.dimensions import untested
from eval.evidence import SUBJECTS, Evidence
from eval.memorisation.judge import summary
from eval.tier import TIERS, said
from eval.verdict import judge
from wellgate import lineage
from wellgate.records import Check, GateReport, Graded, Grader, Memorised, OwnReplies

if TYPE_CHECKING:
    from eval.stats.graders import Labels
    from eval.stats.own import OwnLabels

SERVED = "its files, template and decoding could not be seen, and this report clears no artefact."


def build(evidence: Evidence, files: dict[str, str]) -> GateReport:
    """The report that this evidence carries. `verify` calls this too and compares.

    Args:
        files: digests of the evidence's files, by name.
    """
    found, facts = judge(evidence), evidence.facts
    return GateReport(
        name=facts.name,
        verdict=found.verdict,
        claim=found.claim,
        tier=found.tier,
        size=facts.size,
        policy=facts.policy,
        overrides=facts.overrides,
        checks=found.checks,
        hard_fails=found.hard_fails,
        controls=found.controls,
        graders=_graders(evidence),
        memorised=summary(evidence.memory, evidence.policy.confidence) if evidence.memory else None,
        rates={name: _rates([one for one in evidence.records if one.subject == name]) for name in SUBJECTS},
        reasons=found.reasons,
        subjects=facts.subjects,
        lineage=facts.lineage,
        evidence=facts.digests | files,
    )


def _rates(own: Sequence[Graded]) -> dict[str, float]:
    cut = sum(not record.finished for record in own)
    incoherent = sum(record.answers["coherent"] != "yes" for record in own) - cut
    return {"incoherent": round(max(incoherent, 0) / len(own), 4), "cut": round(cut / len(own), 4)}


def _graders(evidence: Evidence) -> dict[str, Grader]:
    own = tables(evidence.calibration, evidence) if evidence.calibration else {}
    return {
        name: grader(one, own[name].raters if name in own else None) for name, one in sorted(evidence.graders.items())
    }


def grader(one: Labels | OwnLabels, raters: OwnReplies | None = None) -> Grader:
    """A grader's table as it stands in the report."""
    found, present, clear, absent = one.counts()
    return Grader(
        found=found,
        present=present,
        clear=clear,
        absent=absent,
        sensitivity=one.sensitivity()[0],
        specificity=one.specificity()[0],
        admissible=one.admissible(),
        own=raters,
    )


def markdown(report: GateReport) -> str:
    """report.md"""
    lines = [
        f"# Gate report: {report.name}",
        "",
        f"**{report.claim}** under policy `{report.policy['name']}` v{report.policy['version']}, size `{report.size}`, evidence tier {report.tier} ({TIERS[report.tier]}).",
        "",
        *_policy(report),
        *([f"**The model was served ({report.served})**: {SERVED}", ""] if report.served else []),
        "## Checks",
        "",
        "Values are shares of clusters (an item with all its samples; it succeeds only if all its replies do). Bounds are one-sided 95 %.",
        "",
        *table(report.checks, report.tier),
        "",
        "## Hard fails",
        "",
        *([f"- `{one}`" for one in report.hard_fails] or ["None."]),
        "",
        "## What was not tested",
        "",
        *(f"- {name}: {title}" for name, title in untested({one.dimension for one in report.checks}).items()),
        "- Any language but English; conversations of more than one turn.",
        "",
        "## Assay controls",
        "",
        "Scripted responders whose verdict is known; a wrong one makes the run invalid.",
        "",
        "| probe | " + " | ".join(next(iter(report.controls.values()), {})) + " |",
        "|---|" + "---|" * len(next(iter(report.controls.values()), {})),
        *(f"| {probe} | {' | '.join(got.values())} |" for probe, got in report.controls.items()),
        "",
        "## Graders",
        "",
        origin(report),
        "",
        *graders(report.graders),
        "",
        *(memorised(report.memorised) if report.memorised else []),
        "## Coherence",
        "",
        *(
            f"- {subject}: {rates['incoherent']:.1%} of replies incoherent, {rates['cut']:.1%} cut at the token limit (both count as failures)"
            for subject, rates in report.rates.items()
        ),
        "",
        "## Why this is not a pass" if report.reasons else "## No reason against",
        "",
        *(f"- {reason}" for reason in report.reasons),
        "",
        "## Lineage",
        "",
        *lineage.lines(report.lineage),
        "",
        "## Evidence",
        "",
        *(f"- {key}: `{value}`" for key, value in sorted(report.evidence.items())),
        *(
            f"- {subject} {key}: `{value}`"
            for subject, facts in report.subjects.items()
            for key, value in facts.items()
        ),
        "",
        "Tamper-evident, not tamper-proof: `wellgate verify` recomputes digests, grades, statistics and verdict from `records.jsonl`.",
        "Graders read English only, and are linear models of words: docs/graders.md.",
        "",
    ]
    return "\n".join(lines)


def table(checks: tuple[Check, ...], tier: str) -> list[str]:
    """The checks as a Markdown table."""
    rows = [
        f"| {one.id} | {one.dimension}{' C' if one.critical else ''} | {one.rule} | {'' if one.base is None else f'{one.base:.2f}'} | {one.value:.2f} [{one.low:.2f}, {one.high:.2f}] | {one.n}/{one.required_n} | {said(one, tier)} |"
        for one in checks
    ]
    return [
        "| check | dimension | rule | base | tuned [bounds] | clusters/needed | verdict |",
        "|---|---|---|---|---|---|---|",
        *rows,
    ]


def graders(known: dict[str, Grader]) -> list[str]:
    """The graders as a Markdown table; bounds are one-sided 95 %."""
    rows = [
        f"| {name} | {one.found}/{one.present}, lower {one.sensitivity:.2f} | {one.clear}/{one.absent}, lower {one.specificity:.2f} | {measured_on(one)} | {'yes' if one.admissible else '**no**'} |"
        for name, one in known.items()
    ]
    return ["| criterion | sensitivity | specificity | measured on | admissible |", "|---|---|---|---|---|", *rows]


def measured_on(one: Grader) -> str:
    """Whose replies a grader was held against, and how far two people agree on them."""
    if one.own is None:
        return "replies of others"
    alpha = "not defined" if one.own.alpha is None else f"{one.own.alpha:.2f}"
    return f"{one.own.drawn} own replies: {one.own.disagreements} in disagreement, {one.own.unlabelled} unlabelled, alpha {alpha}"


def origin(report: GateReport) -> str:
    """What the graders' tables are made of, in words."""
    words = "Right answers on labelled replies; those of others ship with wellgate. A check whose grader is not admissible is `ungraded`."
    if any(one.own for one in report.graders.values()):
        words += (
            " On own replies the counts are of the sample, and the bounds are of the whole run, from the share of each answer in it;"
            " replies in disagreement are in no table. Two people labelled them, and nobody has reviewed that."
        )
    return words


def memorised(found: Memorised) -> list[str]:
    """The memorisation audit as Markdown."""
    rows = [
        f"| {one.slice} | {one.trained}/{one.held_out} | {one.auc:.2f} [{one.low:.2f}, {one.high:.2f}] | {one.loss:.2f} | {one.min_k:.2f} | {'' if one.exposure is None else f'{one.exposure:.1f}'} | {'' if one.extracted is None else one.extracted} |"
        for one in found.sets
    ]
    return [
        "## Memorisation",
        "",
        "Canaries by times planted and turn, and prepared rows: how well what was trained on is told from what was held out. 0.5 is chance; so are 1.44 bits of exposure.",
        "",
        "| set | trained/held out | AUC against base [bounds] | by loss | by Min-K%++ | exposure, bits | secrets completed |",
        "|---|---|---|---|---|---|---|",
        *rows,
        "",
        *(f"- {line}" for line in told(found)),
        "",
    ]


def told(found: Memorised) -> list[str]:
    """What the audit says beside its table."""
    bound = f"epsilon is at least {found.epsilon:.2f} (95 %, delta 1e-5)" if found.epsilon is not None else "no bound"
    return [
        f"One-run bound by canaries planted once: {found.right} of {found.guesses} guesses right; {bound}.",
        f"Personal data in {found.generations} free generations: {found.said} addresses, handles or long numbers; {found.verbatim} of them are among the {found.known} of the training rows.",
    ]


def _policy(report: GateReport) -> list[str]:
    """What is not as a shipped policy has it."""
    lines = []
    if report.policy["ships"] != "yes":
        lines += ["**This is not a policy that ships with wellgate**; its file is `policy.yaml`.", ""]
    if report.overrides:
        changed = ", ".join(f"{name} = {value:g}" for name, value in sorted(report.overrides.items()))
        lines += [f"**The recipe changed thresholds of the policy: {changed}.**", ""]
    return lines
