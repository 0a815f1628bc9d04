"""The tables that end docs/statistics.md: items needed, and the power and error of every rule of the policies."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import groupby
from math import prod

from eval.policy import Policy, Rule
from eval.stats.graders import Labels, corrected_rate
from eval.stats.power import (
    items_for_upper,
    paired_chance,
    paired_error,
    paired_passes,
    pairs_by_formula,
    pairs_for_margin,
    rate_power,
    successes_for_lower,
)

FAILING = (0.10, 0.05, 0.02, 0.01)
"""True failure rates at which the power of a rule on rates is shown."""
DISCORDANT = (0.05, 0.10, 0.20)
"""Shares of pairs that differ, at which the power of a paired rule is shown."""


def tables(policies: Sequence[Policy]) -> list[str]:
    """All of them, as lines of Markdown."""
    lines = ["### Items for an upper bound of a failure rate", "", *upper(), ""]
    lines += ["### Successes for a lower bound", "", *lower(), ""]
    lines += ["### Pairs for non-inferiority of an equal model, 80 % power", "", *pairs(), ""]
    lines += ["### What a grader's errors cost", "", *noisy(), ""]
    for policy in policies:
        lines += [f"### Policy {policy.name}, version {policy.version}", "", *rates(policy), "", *paired(policy), ""]
        lines += [together(policy), ""]
    return lines


def upper() -> list[str]:
    limits = (0.01, 0.02, 0.03, 0.05, 0.10, 0.15)
    rows = [[failures, *(items_for_upper(limit, failures) for limit in limits)] for failures in range(4)]
    return markdown(["failures", *(f"upper <= {percent(limit)}" for limit in limits)], rows)


def lower() -> list[str]:
    limits, sizes = (0.70, 0.75, 0.80, 0.85, 0.90, 0.95), (20, 40, 60, 100, 150, 200)
    rows = [[n, *(successes_for_lower(limit, n) or "never" for limit in limits)] for n in sizes]
    return markdown(["clusters", *(f"lower >= {limit:.2f}" for limit in limits)], rows)


def pairs() -> list[str]:
    rows = []
    for margin in (0.10, 0.05):
        for share in (0.10, 0.20):
            formula, needed = pairs_by_formula(margin, share), pairs_for_margin(margin, share)
            power = paired_chance(paired_passes(margin, formula), share / 2, share / 2)
            rows.append([f"{100 * margin:g} points", percent(share), formula, percent(power), needed])
    head = ["margin", "discordant pairs", "textbook formula", "power there with the correction", "pairs needed"]
    return markdown(head, rows)


def noisy() -> list[str]:
    rows = []
    for labels in (Labels(100, 100, 100, 100), Labels(97, 100, 98, 100), Labels(388, 400, 392, 400)):
        for n in (100, 200, 500):
            hits = round(0.02 * n)
            bounds = corrected_rate(hits, n, labels)
            table = f"{labels.found}/{labels.present}, {labels.clear}/{labels.absent}"
            rows.append([table, f"{hits} of {n}", *(f"{bound:.3f}" for bound in bounds)])
    return markdown(["found of present, clear of absent", "seen", "lower", "upper"], rows)


def rates(policy: Policy) -> list[str]:
    """The rules on one rate: alike ones share a row."""
    rows = []
    for ids, rule in alike(one for one in policy.on_replies if one.rule != "non_inferior"):
        limit = rule.threshold if rule.rule == "at_least" else 1 - rule.threshold
        error, *power = (rate_chance(policy, rule, failing) for failing in (1 - limit, *FAILING))
        sign = "succeed: lower >=" if rule.rule == "at_least" else f"{rule.metric}: upper <="
        needed = successes_for_lower(limit, rule.n, policy.confidence)
        allowed = "never" if needed is None else f"{rule.n - needed} of {rule.n} fail"
        rows.append([ids, f"{sign} {rule.threshold:g}", allowed, percent(error), *map(percent, power)])
    head = ["checks", "rule", "passes while", "at the limit", *(f"truly {percent(rate)} fail" for rate in FAILING)]
    return markdown(head, rows)


def paired(policy: Policy) -> list[str]:
    """The rules on a paired difference: alike ones share a row."""
    rows = []
    for ids, rule in alike(one for one in policy.on_replies if one.rule == "non_inferior"):
        error = paired_error(rule.threshold, rule.n, policy.confidence)
        power = (equal_chance(policy, rule, share) for share in DISCORDANT)
        words = f"tuned - base: lower >= -{rule.threshold:g}"
        rows.append([ids, words, rule.n, percent(error), *map(percent, power)])
    head = ["checks", "rule", "pairs", "worse by the margin, at most", *(f"equal, {percent(one)} differ" for one in DISCORDANT)]  # fmt: skip
    return markdown(head, rows)


def together(policy: Policy) -> str:
    """The chance that all checks pass, taken as independent."""
    chances = [
        equal_chance(policy, rule, 0.10) if rule.rule == "non_inferior" else rate_chance(policy, rule, 0.01)
        for rule in policy.on_replies
    ]
    return (
        f"A model of which truly 1 % of the clusters fail, and which differs from its equal base on 10 % of them, passes all "
        f"{len(chances)} checks of replies with a chance of {percent(prod(chances))} if they are independent."
    )


def rate_chance(policy: Policy, rule: Rule, failing: float) -> float:
    if rule.rule == "at_most":
        return rate_power("at_most", rule.threshold, rule.n, failing, policy.confidence)
    return rate_power("at_least", rule.threshold, rule.n, 1 - failing, policy.confidence)


def equal_chance(policy: Policy, rule: Rule, share: float) -> float:
    return paired_chance(paired_passes(rule.threshold, rule.n, policy.confidence), share / 2, share / 2)


def alike(rules: Iterable[Rule]) -> list[tuple[str, Rule]]:
    """Rules of one kind, threshold and size, with the names of their checks."""

    def kind(rule: Rule) -> tuple[str, str, float, int]:
        return rule.rule, rule.metric or "", rule.threshold, rule.n

    groups = [list(group) for _, group in groupby(sorted(rules, key=kind), key=kind)]
    return [(", ".join(rule.id for rule in group), group[0]) for group in groups]


def percent(share: float) -> str:
    return (
        f"{100 * share:.0f} %"
        if share >= 0.0995 or float(f"{100 * share:.1f}").is_integer()
        else f"{100 * share:.1f} %"
    )


def markdown(head: Sequence[object], rows: Iterable[Sequence[object]]) -> list[str]:
    return [f"| {' | '.join(map(str, row))} |" for row in (head, ["---"] * len(head), *rows)]
