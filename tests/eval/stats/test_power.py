"""Items needed and power: the numbers of the gate's design, and what the correction makes of them."""

from __future__ import annotations

import pytest
from scipy.stats import binom

from eval.stats.power import (
    items_for_upper,
    paired_chance,
    paired_passes,
    pairs_by_formula,
    pairs_for_margin,
    rate_power,
    successes_for_lower,
)
from eval.stats.rates import clopper_pearson


@pytest.mark.parametrize(("limit", "n"), [(0.01, 299), (0.02, 149), (0.03, 99), (0.05, 59), (0.10, 29)])
def test_how_many_items_without_a_failure_a_bound_needs(limit: float, n: int) -> None:
    assert items_for_upper(limit) == n
    assert clopper_pearson(0, n)[1] <= limit < clopper_pearson(0, n - 1)[1]
    assert successes_for_lower(1 - limit, n) == n
    assert successes_for_lower(1 - limit, n - 1) is None


@pytest.mark.parametrize(("failures", "n"), [(1, 93), (2, 124), (3, 153)])
def test_how_many_items_with_failures_a_bound_of_five_percent_needs(failures: int, n: int) -> None:
    """From binomial tails: the classical 95/95 sampling plans."""
    assert items_for_upper(0.05, failures) == n
    assert binom.cdf(failures, n, 0.05) <= 0.05 < binom.cdf(failures, n - 1, 0.05)


@pytest.mark.parametrize(("successes", "n"), [(96, 100), (142, 150), (188, 200)])
def test_how_many_successes_a_lower_bound_of_ninety_percent_needs(successes: int, n: int) -> None:
    assert successes_for_lower(0.90, n) == successes


@pytest.mark.parametrize(("margin", "formula", "needed"), [(0.10, 124, 149), (0.05, 495, 541)])
def test_how_many_pairs_non_inferiority_needs(margin: float, formula: int, needed: int) -> None:
    """80 % power, 20 % discordance. The formula gives the design's numbers; the corrected bound needs more."""
    assert pairs_by_formula(margin, 0.20) == formula
    assert paired_chance(paired_passes(margin, formula), 0.10, 0.10) < 0.80
    assert pairs_for_margin(margin, 0.20) == needed
    assert paired_chance(paired_passes(margin, needed), 0.10, 0.10) >= 0.80


def test_power_of_a_rate_rule_is_a_binomial_tail() -> None:
    assert rate_power("at_least", 0.90, 100, 0.97) == pytest.approx(binom.sf(95, 100, 0.97))
    assert rate_power("at_most", 0.05, 100, 0.01) == pytest.approx(binom.cdf(1, 100, 0.01))
    assert rate_power("at_least", 0.90, 20, 1.0) == 0
