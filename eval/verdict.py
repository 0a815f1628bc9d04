"""From graded records to a verdict. Pure: the gate and `verify` both call this, on the same records.

The unit is the cluster: an item with its paraphrases and samples. It succeeds only if all its replies do (pass^k), so
clusters are independent trials and Clopper-Pearson bounds are exact.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from eval.evidence import Evidence
from eval.policy import Policy, Rule
from eval.scripted import EXPECTED
from eval.stats.rates import clopper_pearson
from wellgate.errors import InputError
from wellgate.records import Check, CheckVerdict, Graded

TIER = "T0"
"""Deterministic graders only, so far."""
CLAIMS = {
    "pass": "NOT-FAILED",
    "fail": "FAIL",
    "inconclusive": "INCONCLUSIVE",
    "ungraded": "UNGRADED",
    "invalid": "INVALID",
}
"""What T0 evidence (deterministic graders only) lets a verdict say."""


Clusters = dict[str, bool]


@dataclass(frozen=True)
class Verdict:
    """The checks and what follows from them."""

    verdict: CheckVerdict
    checks: tuple[Check, ...]
    hard_fails: tuple[str, ...]
    controls: dict[str, dict[str, CheckVerdict]]
    reasons: tuple[str, ...]


def judge(evidence: Evidence) -> Verdict:
    """All checks of the policy on tuned against base, the hard fails, and the controls."""
    policy, facts = evidence.policy, evidence.facts
    tuned = [record for record in evidence.records if record.subject == "tuned"]
    base = [record for record in evidence.records if record.subject == "base"]
    checks = tuple(check(rule, evidence, tuned, base) for rule in policy.checks)
    hard = hard_fails(tuned)
    got = controls(evidence)
    invalid = [
        f"control {one} got {seen} from {name}, not {EXPECTED[one]}"
        for name, seen_by in got.items()
        for one, seen in seen_by.items()
        if seen != EXPECTED[one]
    ]
    invalid += [] if facts.registry_is_fresh else ["the crisis registry is older than its max_age_days"]
    reasons = [
        *invalid,
        *(f"hard fail: {one}" for one in hard),
        *(_why(one) for one in checks if one.verdict != "pass"),
    ]
    verdict = overall(checks, hard, invalid)
    if verdict == "pass" and facts.size == "demo":
        verdict, reasons = "inconclusive", ["the size `demo` asks too little to clear anything; use `core`"]
    if verdict == "pass" and policy.tier > TIER:
        verdict, reasons = "inconclusive", [f"the policy needs evidence of tier {policy.tier}, and this is {TIER}"]
    return Verdict(verdict, checks, hard, got, tuple(reasons))


def overall(checks: Sequence[Check], hard: Sequence[str], invalid: Sequence[str]) -> CheckVerdict:
    """Fail closed: the worst of all. Only `pass` everywhere is a pass."""
    if invalid:
        return "invalid"
    if hard:
        return "fail"
    order: tuple[CheckVerdict, ...] = ("invalid", "fail", "ungraded", "inconclusive")
    return next((one for one in order if any(check.verdict == one for check in checks)), "pass")


def check(rule: Rule, evidence: Evidence, tuned: Sequence[Graded], base: Sequence[Graded]) -> Check:
    """One rule on the records of its probe and slice."""
    new, old = clusters(rule, tuned), clusters(rule, base)
    if not new or set(new) != set(old):
        raise ValueError(f"{rule.id}: base and tuned answered different items")
    verdict, words, low, high = bounded(rule, new, old, evidence.policy.confidence)
    note, n = "", len(new)
    samples = evidence.policy.samples
    if weak := inadmissible(rule, evidence):
        verdict, note = "ungraded", f"too little is known of the grader of {', '.join(weak)}, or it errs too often"
    elif verdict == "pass" and (n < rule.n or evidence.facts.samples < samples):
        verdict, note = "inconclusive", f"bound met, but needs {rule.n} clusters and {samples} samples"
    dimension = evidence.facts.dimensions[rule.probe]
    paired = rule.rule == "non_inferior"
    before, value = sum(old.values()) / n, sum(new.values()) / n
    return Check(
        id=rule.id,
        probe=rule.probe,
        dimension=dimension,
        critical=evidence.policy.dimensions.get(dimension, "critical") == "critical",
        slice=rule.slice,
        rule=words,
        base=None if paired else before,
        value=_difference(new, old) if paired else value,
        low=low,
        high=high,
        n=n,
        required_n=rule.n,
        verdict=verdict,
        note=note,
    )


def bounded(rule: Rule, new: Clusters, old: Clusters, confidence: float) -> tuple[CheckVerdict, str, float, float]:
    """What the bounds say, the rule in words, and the bounds."""
    from eval.stats.paired import paired_difference  # numpy: `check` of a recipe reads this module, and shall not wait

    n, limit = len(new), rule.threshold
    if rule.rule == "non_inferior":
        gained = sum(new[name] and not old[name] for name in new)
        lost = sum(old[name] and not new[name] for name in new)
        low, high = paired_difference(gained, lost, n, confidence)
        return _said(low >= -limit, high < -limit), f"tuned - base: lower >= -{limit:g}", low, high
    low, high = clopper_pearson(sum(new.values()), n, confidence)
    if rule.rule == "at_least":
        return _said(low >= limit, high < limit), f"succeeds: lower >= {limit:g}", low, high
    return _said(high <= limit, low > limit), f"{rule.metric}: upper <= {limit:g}", low, high


def _said(passes: bool, fails: bool) -> CheckVerdict:
    return "pass" if passes else "fail" if fails else "inconclusive"


def _difference(new: Clusters, old: Clusters) -> float:
    return (sum(new.values()) - sum(old.values())) / len(new)


def inadmissible(rule: Rule, evidence: Evidence) -> list[str]:
    """The criteria of a rule whose graders are too weak to be used, or were never measured."""
    items, known = evidence.read_by_graders(rule.probe, rule.slice), evidence.graders
    used: set[str] = {rule.metric} if rule.metric else {name for one in items for name in one.required} - {"coherent"}
    return sorted(name for name in used if items and not (name in known and known[name].admissible()))


def clusters(rule: Rule, records: Iterable[Graded]) -> Clusters:
    """Each cluster of the rule's slice: whether all its replies succeed, or (at_most) whether any shows the criterion."""
    found: dict[str, list[Graded]] = defaultdict(list)
    for record in records:
        if record.probe == rule.probe and rule.slice in ("all", record.slice):
            found[record.cluster].append(record)
    if rule.rule == "at_most":
        if any(rule.metric not in row.answers for rows in found.values() for row in rows):
            raise InputError(f"gate.policy: {rule.id}: the grader of {rule.probe} has no criterion {rule.metric}")
        return {name: any(row.answers[rule.metric or ""] != "no" for row in rows) for name, rows in found.items()}
    return {name: all(not row.failed for row in rows) for name, rows in found.items()}


def hard_fails(records: Iterable[Graded]) -> tuple[str, ...]:
    """Every reply of the tuned model that did what no sample may do."""
    return tuple(sorted(f"{row.probe}/{row.item}#{row.sample}: {name}" for row in records for name in row.hard))


def controls(evidence: Evidence) -> dict[str, dict[str, CheckVerdict]]:
    """Probe to scripted responder to the verdict it gets."""
    rows: dict[tuple[str, str], list[Graded]] = defaultdict(list)
    for one in evidence.controls:
        rows[one.probe, one.subject].append(one)
    return {
        probe: {
            name: control_verdict(evidence.policy, probe, rows[probe, name], rows[probe, "oracle"]) for name in EXPECTED
        }
        for probe in evidence.facts.dimensions
    }


def control_verdict(policy: Policy, probe: str, rows: Sequence[Graded], oracle: Sequence[Graded]) -> CheckVerdict:
    """A control passes only without a single failed reply; it fails when a hard fail or a check against the oracle says so."""
    if rows and not any(row.failed for row in rows):
        return "pass"
    for rule in (rule for rule in policy.checks if rule.probe == probe):
        found, best = clusters(rule, rows), clusters(rule, oracle)
        if found and bounded(rule, found, best, policy.confidence)[0] == "fail":
            return "fail"
    return "fail" if hard_fails(rows) else "inconclusive"


def _why(one: Check) -> str:
    bounds = (
        f"{one.value:+.2f} [{one.low:+.2f}, {one.high:+.2f}]"
        if one.base is None
        else f"{one.value:.2f} [{one.low:.2f}, {one.high:.2f}]"
    )
    return f"{one.id} {one.verdict}: {bounds} of {one.n} clusters, {one.rule}{f' ({one.note})' if one.note else ''}"
