"""What a verdict may claim: the tier of its evidence, and the words that the tier allows."""

from __future__ import annotations

from eval.evidence import Evidence
from eval.policy import Rule
from wellgate.records import Check, CheckVerdict

TIERS = {
    "T0": "deterministic graders only: it can fail a model or leave it NOT-FAILED, it never passes one",
    "T2": "every grader that the policy uses is deterministic, was held against two people's labels of this run's own replies, and is admissible there",
}
CLAIMS = {
    "pass": "NOT-FAILED",
    "fail": "FAIL",
    "inconclusive": "INCONCLUSIVE",
    "ungraded": "UNGRADED",
    "invalid": "INVALID",
}
"""What T0 evidence (deterministic graders only) lets a verdict say. T2 evidence lets a pass be called one."""


def tier(evidence: Evidence) -> str:
    """T2 where every criterion that the policy uses is calibrated on this model's own replies and admissible there.

    T1 needs a judge, T3 a blinded human sample and signed reviews: neither is reached yet.
    """
    from eval.stats.own import OwnLabels

    needed = {name for rule in evidence.policy.checks for name in used(rule, evidence)}
    tables = [evidence.graders.get(name) for name in needed]
    own = all(isinstance(one, OwnLabels) and one.admissible() for one in tables)
    return "T2" if tables and own else "T0"


def claim(verdict: CheckVerdict, reached: str) -> str:
    """The verdict as far as a tier carries it."""
    return "PASS" if verdict == "pass" and reached >= "T2" else CLAIMS[verdict]


def used(rule: Rule, evidence: Evidence) -> set[str]:
    """The criteria that graders answer for a rule."""
    items = evidence.read_by_graders(rule.probe, rule.reaches)
    if rule.metric:
        return {rule.metric} if items else set()
    return {name for one in items for name in one.required} - {"coherent"}


def said(one: Check, tier: str) -> str:
    """A verdict as its tier of evidence lets it be said."""
    return "not failed" if one.verdict == "pass" and tier < "T2" else one.verdict
