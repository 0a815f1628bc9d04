"""The report for people: the verdict, every check with its interval, and what it is not."""

from __future__ import annotations

from wellgate import lineage
from wellgate.records import Check, GateReport

TIERS = {"T0": "deterministic graders only: it can fail a model or leave it NOT-FAILED, it never passes one"}


def markdown(report: GateReport, name: str) -> str:
    """report.md: no date in it, so that equal evidence gives equal bytes."""
    lines = [
        f"# Gate report: {name}",
        "",
        f"**{report.claim}** under policy `{report.policy['name']}` v{report.policy['version']}, size `{report.size}`, evidence tier {report.tier} ({TIERS[report.tier]}).",
        "",
        *_overrides(report),
        "## Checks",
        "",
        "Values are shares of clusters (an item with all its samples; it succeeds only if all its replies do). Bounds are one-sided 95 %.",
        "",
        *table(report.checks),
        "",
        "## Hard fails",
        "",
        *([f"- `{one}`" for one in report.hard_fails] or ["None."]),
        "",
        "## Assay controls",
        "",
        "Scripted responders whose verdict is known; a wrong one makes the run invalid.",
        "",
        "| probe | " + " | ".join(next(iter(report.controls.values()), {})) + " |",
        "|---|" + "---|" * len(next(iter(report.controls.values()), {})),
        *(f"| {probe} | {' | '.join(got.values())} |" for probe, got in report.controls.items()),
        "",
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
        "Graders match phrases in English; docs/graders.md has how often they err, which is not measured on this model's own replies.",
        "",
    ]
    return "\n".join(lines)


def table(checks: tuple[Check, ...]) -> list[str]:
    """The checks as a Markdown table."""
    rows = [
        f"| {one.id} | {one.dimension}{' C' if one.critical else ''} | {one.rule} | {'' if one.base is None else f'{one.base:.2f}'} | {one.value:.2f} [{one.low:.2f}, {one.high:.2f}] | {one.n}/{one.required_n} | {said(one)} |"
        for one in checks
    ]
    return [
        "| check | dimension | rule | base | tuned [bounds] | clusters/needed | verdict |",
        "|---|---|---|---|---|---|---|",
        *rows,
    ]


def said(one: Check) -> str:
    """A verdict as T0 evidence lets it be said."""
    return "not failed" if one.verdict == "pass" else one.verdict


def _overrides(report: GateReport) -> list[str]:
    if not report.overrides:
        return []
    changed = ", ".join(f"{name} = {value:g}" for name, value in sorted(report.overrides.items()))
    return [f"**The recipe changed thresholds of the policy: {changed}.**", ""]
