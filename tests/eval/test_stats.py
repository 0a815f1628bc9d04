"""The gate's bounds against published numbers, scipy, and exact error rates."""

from __future__ import annotations

import math
from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import binomtest, multinomial, norm

from eval.stats import clopper_pearson, paired_difference


@pytest.mark.parametrize(("n", "bound"), [(299, 0.01), (149, 0.02), (99, 0.03), (59, 0.05), (29, 0.10)])
def test_how_many_items_without_a_failure_a_bound_needs(n: int, bound: float) -> None:
    """The table of the gate's design: with no failure the upper bound is met at n and not at n - 1."""
    assert clopper_pearson(0, n)[1] <= bound < clopper_pearson(0, n - 1)[1]
    assert clopper_pearson(n, n)[0] >= 1 - bound > clopper_pearson(n - 1, n - 1)[0]


@pytest.mark.parametrize(("successes", "n"), [(96, 100), (142, 150), (188, 200)])
def test_how_many_successes_a_lower_bound_of_ninety_percent_needs(successes: int, n: int) -> None:
    assert clopper_pearson(successes, n)[0] > 0.90 > clopper_pearson(successes - 1, n)[0]


@pytest.mark.parametrize("confidence", [0.9, 0.95, 0.99])
@pytest.mark.parametrize("n", [1, 2, 7, 60, 300])
def test_the_exact_bounds_are_those_of_scipy(n: int, confidence: float) -> None:
    for successes in {0, 1, n // 3, n - 1, n}:
        expected = binomtest(successes, n).proportion_ci(confidence_level=2 * confidence - 1, method="exact")
        assert clopper_pearson(successes, n, confidence) == pytest.approx((expected.low, expected.high), abs=1e-9)


@pytest.mark.parametrize(("successes", "n"), [(0, 0), (-1, 5), (6, 5)])
def test_a_rate_of_nothing_is_an_error(successes: int, n: int) -> None:
    with pytest.raises(ValueError, match="no rate"):
        clopper_pearson(successes, n)


@pytest.mark.parametrize(("gained", "lost", "n"), [(0, 0, 0), (-1, 0, 5), (0, -1, 5), (3, 3, 5)])
def test_a_difference_of_nothing_is_an_error(gained: int, lost: int, n: int) -> None:
    with pytest.raises(ValueError, match="no paired rates"):
        paired_difference(gained, lost, n)


@pytest.mark.parametrize("confidence", [0.9, 0.95, 0.975])
@pytest.mark.parametrize("n", [1, 8, 20, 60, 100, 495])
def test_without_a_discordant_pair_the_bound_is_the_closed_form(n: int, confidence: float) -> None:
    z2 = norm.ppf(confidence) ** 2
    assert paired_difference(0, 0, n, confidence) == pytest.approx((-z2 / (n + z2), z2 / (n + z2)), abs=1e-9)


PAIRS = st.integers(1, 200).flatmap(
    lambda n: st.integers(0, n).flatmap(lambda g: st.tuples(st.just(g), st.integers(0, n - g), st.just(n)))
)


@given(PAIRS)
def test_the_paired_interval_holds_its_estimate_and_turns_with_the_sides(counts: tuple[int, int, int]) -> None:
    gained, lost, n = counts
    low, high = paired_difference(gained, lost, n)
    assert -1 <= low <= (gained - lost) / n <= high <= 1
    assert paired_difference(lost, gained, n) == pytest.approx((-high, -low), abs=1e-9)
    wider = paired_difference(gained, lost, n, 0.99)
    assert wider[0] <= low + 1e-12
    assert wider[1] >= high - 1e-12


@pytest.mark.parametrize(("gained", "lost", "n"), [(9, 2, 40), (12, 1, 60), (30, 12, 100), (7, 0, 20)])
def test_against_no_difference_the_statistic_is_mcnemars(gained: int, lost: int, n: int) -> None:
    """The bound is 0 at just the confidence that McNemar's z gives, whatever n is."""
    confidence = float(norm.cdf((gained - lost) / math.sqrt(gained + lost)))
    assert paired_difference(gained, lost, n, confidence)[0] == pytest.approx(0, abs=1e-9)


@pytest.mark.parametrize(("gained", "lost", "n"), [(9, 2, 40), (1, 6, 20), (30, 12, 100), (0, 5, 60)])
def test_the_bound_solves_the_score_equation_with_the_rates_found_by_search(gained: int, lost: int, n: int) -> None:
    """Tango's closed form for the rate of lost pairs is checked against a search for the greatest likelihood."""
    low, _ = paired_difference(gained, lost, n)

    def log_likelihood(rate: float) -> float:
        cells = ((gained, rate + low), (lost, rate), (n - gained - lost, 1 - 2 * rate - low))
        return sum(count * math.log(share) for count, share in cells if count)

    start, end = max(0.0, -low), (1 - low) / 2
    for _ in range(200):
        left, right = start + (end - start) / 3, end - (end - start) / 3
        start, end = (left, end) if log_likelihood(left + 1e-15) < log_likelihood(right) else (start, right)
    rate = (start + end) / 2
    z = (gained - lost - n * low) / math.sqrt(n * (2 * rate + low - low**2))
    assert z == pytest.approx(float(norm.ppf(0.95)), abs=1e-4)


@pytest.mark.parametrize(("n", "gained"), product([20, 60, 100], [0.0, 0.02, 0.05, 0.1, 0.2]))
def test_a_model_that_is_worse_by_the_margin_is_rarely_called_non_inferior(n: int, gained: float) -> None:
    """The exact error rate at the boundary, over all outcomes. A score test may pass 5 % a little where nothing is gained."""
    margin = 0.10
    lost = margin + gained
    rates = multinomial(n, [gained, lost, 1 - gained - lost])
    error = 0.0
    for wins in range(n + 1):
        for losses in range(n + 1 - wins):
            chance = rates.pmf([wins, losses, n - wins - losses])
            if chance > 1e-8 and paired_difference(wins, losses, n)[0] >= -margin:
                error += chance
    assert error <= (0.0515 if gained else 0.058)
