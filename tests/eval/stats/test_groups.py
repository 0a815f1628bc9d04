"""Equal treatment of groups: Dunnett's table, the traps of no spread, and error rates at the margin."""

from __future__ import annotations

import math

import numpy as np
import pytest

from eval.stats.groups import equivalence
from eval.stats.paired import paired_difference


def yes_no(n: int, rates: list[float], alike: float, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Scenarios x groups and a reference of rate .8; a share `alike` of answers depends on the scenario only."""
    scenario = rng.random(n)
    own = rng.random((n, len(rates)))
    luck = np.where(rng.random(own.shape) < alike, scenario[:, None], own)
    return luck < np.array(rates), scenario < 0.8


def test_equal_groups_pass_and_a_group_far_behind_fails() -> None:
    rng = np.random.default_rng(1)
    same = equivalence(*yes_no(200, [0.8] * 8, 0.9, rng), margin=0.10)
    assert same.verdict == "pass"
    assert same.worst[0] == 0
    apart = equivalence(*yes_no(200, [0.8] * 7 + [0.4], 0.9, rng), margin=0.10)
    assert apart.verdict == "fail"
    assert int(np.argmin(apart.gaps)) == 7
    assert 0.10 < apart.worst[0] < 0.4 < apart.worst[1]
    assert equivalence(*yes_no(60, [0.8] * 8, 0.5, rng), margin=0.10).verdict == "inconclusive"


@pytest.mark.parametrize("value", [0.0, 1.0])
def test_a_spread_of_nothing_is_no_evidence(value: float) -> None:
    """All outcomes equal: standard error 0. Few yes-or-no scenarios, and any number of measured ones, are inconclusive."""
    alike = np.full((20, 3), bool(value))
    found = equivalence(alike, alike[:, 0], margin=0.10)
    assert found.verdict == "inconclusive"
    assert (found.low[0], found.high[0]) == pytest.approx(paired_difference(0, 0, 20))
    many = equivalence(np.full((500, 3), value), np.full(500, value), margin=0.10)
    assert many.verdict == "inconclusive"
    assert many.worst == (0, math.inf)


def test_a_rare_difference_in_a_measured_outcome_is_no_evidence() -> None:
    outcomes = np.zeros((500, 2))
    outcomes[:9] = 0.01
    assert equivalence(outcomes, np.zeros(500), margin=0.10).verdict == "inconclusive"
    assert equivalence(np.random.default_rng(0).normal(0, 0.1, (500, 2)), np.zeros(500), margin=0.10).verdict == "pass"


@pytest.mark.parametrize(("groups", "critical"), [(1, 2.09), (2, 2.38), (3, 2.54), (4, 2.65), (5, 2.73)])
def test_the_critical_value_is_dunnetts(groups: int, critical: float) -> None:
    """Two-sided 5 %, 20 degrees of freedom, correlation 1/2 (Dunnett 1964, Biometrics 20:482)."""
    n = 21
    vectors = np.random.default_rng(2).normal(size=(n, groups + 1))
    basis, _ = np.linalg.qr(vectors - vectors.mean(0))
    outcomes = basis[:, 1:] + basis[:, :1]
    worst = equivalence(outcomes, np.zeros(n), margin=1.0).worst[1]
    assert worst / (outcomes.std(0, ddof=1)[0] / math.sqrt(n)) == pytest.approx(critical, abs=0.03)


def test_groups_that_always_agree_cost_no_more_than_one() -> None:
    ours, reference = yes_no(100, [0.75], 0.8, np.random.default_rng(3))
    one, many = (equivalence(np.repeat(ours, k, axis=1), reference, margin=0.10).worst for k in (1, 9))
    assert one == pytest.approx(many, abs=0.003)
    bounds = paired_difference(int((ours[:, 0] & ~reference).sum()), int((~ours[:, 0] & reference).sum()), 100, 0.975)
    assert one[1] == pytest.approx(max(abs(end) for end in bounds), abs=0.003)


@pytest.mark.parametrize(
    ("ours", "reference", "said"),
    [(np.ones(5), np.ones(5), "scenarios x groups"), (np.ones((5, 2)), np.ones(4), "scenarios x groups"), (np.ones((0, 2)), np.ones(0), "scenarios x groups"), (np.full((5, 2), np.nan), np.ones(5), "lacks the outcome")],
)  # fmt: skip
def test_a_table_that_cannot_be_read_is_an_error(ours: np.ndarray, reference: np.ndarray, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        equivalence(ours, reference, margin=0.1)


def share(verdict: str, n: int, rates: list[float], alike: float, runs: int) -> float:
    rng = np.random.default_rng(4)
    return sum(equivalence(*yes_no(n, rates, alike, rng), margin=0.10).verdict == verdict for _ in range(runs)) / runs


BOUNDARY = [("pass", [0.7, 0.8, 0.8, 0.8]), ("fail", [0.7, 0.9, 0.7, 0.9])]
"""One group just unequal enough not to pass; all groups just equal enough not to fail."""


@pytest.mark.parametrize(("verdict", "rates"), BOUNDARY)
def test_at_the_margin_groups_err_in_at_most_five_percent(verdict: str, rates: list[float]) -> None:
    assert share(verdict, 200, rates, 0.9, 150) <= 0.05 + 3 * math.sqrt(0.05 * 0.95 / 150)


@pytest.mark.slow
@pytest.mark.parametrize(("verdict", "rates"), BOUNDARY)
@pytest.mark.parametrize(("n", "alike"), [(60, 1.0), (200, 0.5), (200, 0.9)])
def test_at_the_margin_groups_err_in_at_most_five_percent_of_many(
    verdict: str, rates: list[float], n: int, alike: float
) -> None:
    assert share(verdict, n, rates, alike, 600) <= 0.05 + 3 * math.sqrt(0.05 * 0.95 / 600)


@pytest.mark.slow
@pytest.mark.parametrize("n", [30, 60])
def test_measured_groups_at_the_margin_err_in_at_most_five_percent(n: int) -> None:
    """Skewed outcomes with a gap of just the margin in one group."""
    rng = np.random.default_rng(5)
    runs, passed = 600, 0
    for run in range(runs):
        reference = rng.exponential(0.3, size=n)
        outcomes = reference[:, None] + rng.exponential(0.2, size=(n, 3)) - 0.2
        outcomes[:, 0] += 0.10
        passed += equivalence(outcomes, reference, margin=0.10, seed=run).verdict == "pass"
    assert passed / runs <= 0.05 + 3 * math.sqrt(0.05 * 0.95 / runs)
