"""Paired differences: published numbers, exact error rates over all outcomes, and simulated ones for the bootstraps."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import multinomial, norm

from eval.stats.paired import (
    cluster_bootstrap,
    paired_difference,
    paired_differences,
    paired_score,
    pigeonhole_bootstrap,
)
from eval.stats.power import paired_chance, paired_error, paired_passes

Z = float(norm.ppf(0.95))


@pytest.mark.parametrize(("gained", "lost", "n"), [(0, 0, 0), (-1, 0, 5), (0, -1, 5), (3, 3, 5)])
def test_a_difference_of_nothing_is_an_error(gained: int, lost: int, n: int) -> None:
    with pytest.raises(ValueError, match="no paired rates"):
        paired_difference(gained, lost, n)


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
    if lost:
        assert paired_difference(gained, lost - 1, n)[0] >= low


@pytest.mark.parametrize("bound", [-0.517, -0.026])
def test_the_score_gives_the_published_interval_of_tango(bound: float) -> None:
    """Airway reactivity before and after transplantation, 1 and 7 discordant of 21 (Fagerland, Lydersen & Laake 2014)."""
    assert abs(paired_score(bound, 1, 7, 21)) == pytest.approx(1.96, abs=0.005)


@pytest.mark.parametrize(("gained", "lost", "n"), [(9, 2, 40), (12, 1, 60), (30, 12, 100), (7, 0, 20)])
def test_against_no_difference_the_bound_is_mcnemars_test_with_edwards_correction(
    gained: int, lost: int, n: int
) -> None:
    confidence = float(norm.cdf((gained - lost - 1) / math.sqrt(gained + lost)))
    assert paired_difference(gained, lost, n, confidence)[0] == pytest.approx(0, abs=1e-9)


@pytest.mark.parametrize(("gained", "lost", "n"), [(9, 2, 40), (1, 6, 20), (30, 12, 100), (2, 5, 60)])
def test_the_bound_solves_the_score_equation_with_the_rates_found_by_search(gained: int, lost: int, n: int) -> None:
    """Tango's closed form for the rate of lost pairs is checked against a search for the greatest likelihood."""
    low, _ = paired_difference(gained, lost, n)
    up, down = gained - 0.5, lost + 0.5

    def log_likelihood(rate: float) -> float:
        return sum(
            count * math.log(share) for count, share in ((up, rate + low), (down, rate), (n - up - down, 1 - 2 * rate - low)) if count
        )  # fmt: skip

    start, end = max(0.0, -low), (1 - low) / 2
    for _ in range(200):
        left, right = start + (end - start) / 3, end - (end - start) / 3
        start, end = (left, end) if log_likelihood(left + 1e-15) < log_likelihood(right) else (start, right)
    rate = (start + end) / 2
    assert (up - down - n * low) / math.sqrt(n * (2 * rate + low - low**2)) == pytest.approx(Z, abs=1e-4)


@pytest.mark.parametrize("margin", [0.03, 0.05, 0.10])
@pytest.mark.parametrize("n", [10, 20, 30, 60, 100])
def test_a_model_that_is_worse_by_the_margin_is_called_non_inferior_in_at_most_five_percent(
    n: int, margin: float
) -> None:
    """Exact, over all outcomes and all rates of gained pairs; so is calling one worse that is just within the margin."""
    assert paired_error(margin, n) <= 0.05
    gained, lost = np.indices((n + 1, n + 1))
    possible = gained + lost <= n
    fails = np.zeros(possible.shape, dtype=bool)
    fails[possible] = paired_differences(gained[possible], lost[possible], n)[1] < -margin
    assert max(paired_chance(fails, rate, rate + margin) for rate in np.linspace(0, (1 - margin) / 2, 60)) <= 0.05


@pytest.mark.parametrize(("n", "margin", "error"), [(15, 0.10, 0.0769), (30, 0.10, 0.0714), (100, 0.10, 0.0576)])
def test_without_the_correction_it_would_be_more(n: int, margin: float, error: float) -> None:
    gained, lost = np.indices((n + 1, n + 1))
    passes = (gained + lost <= n) & (paired_score(-margin, gained, lost, n) > Z)
    rates = np.linspace(0, (1 - margin) / 2, 101)
    assert max(paired_chance(passes, rate, rate + margin) for rate in rates) == pytest.approx(error, abs=0.001)


@pytest.mark.slow
@pytest.mark.parametrize("margin", [0.03, 0.05, 0.10])
def test_the_correction_keeps_the_level_at_every_number_of_pairs(margin: float) -> None:
    """But for a hair where every single pair is discordant: 5.03 % with 179 pairs and 10 points."""
    for n in [*range(5, 201), 300, 400, 500, 600]:
        passes = paired_passes(margin, n)
        rates = np.linspace(0, (1 - margin) / 2, 60)
        errors = np.array([paired_chance(passes, rate, rate + margin) for rate in rates])
        assert errors.max() <= 0.0504
        assert errors[2 * rates + margin <= 0.9].max() <= 0.047


def test_chances_are_those_of_the_trinomial_and_passes_those_of_the_bound() -> None:
    n, margin = 20, 0.10
    passes = paired_passes(margin, n)
    expected = 0.0
    for gained in range(n + 1):
        for lost in range(n + 1 - gained):
            assert passes[gained, lost] == (paired_difference(gained, lost, n)[0] >= -margin)
            expected += passes[gained, lost] * multinomial.pmf([gained, lost, n - gained - lost], n, [0.1, 0.05, 0.85])
    assert 0 < expected < 1
    assert paired_chance(passes, 0.1, 0.05) == pytest.approx(expected, abs=1e-12)


def named(n: int) -> list[str]:
    return [f"c{number}" for number in range(n)]


def test_a_bootstrap_is_the_same_again_and_moves_with_its_data() -> None:
    values = np.random.default_rng(1).normal(size=30)
    low, high = cluster_bootstrap(list(values), named(30))
    assert (low, high) == cluster_bootstrap(list(values), named(30))
    assert low < values.mean() < high
    assert cluster_bootstrap(list(3 * values + 1), named(30)) == pytest.approx((3 * low + 1, 3 * high + 1))
    flat = np.repeat(values[:, None], 6, axis=1)
    moved, again = pigeonhole_bootstrap(3 * flat + 1), pigeonhole_bootstrap(flat)
    assert moved == pytest.approx([3 * end + 1 for end in again])


def test_more_replies_of_the_same_clusters_are_no_more_evidence() -> None:
    values = list(np.random.default_rng(2).normal(size=25))
    assert cluster_bootstrap(values * 8, named(25) * 8) == pytest.approx(cluster_bootstrap(values, named(25)))


@pytest.mark.parametrize("values", [[0.0] * 50, [1.0] * 50, [1.0] * 9 + [0.0] * 41, list(np.linspace(0, 1, 19)), [0.3]])
def test_too_little_to_learn_a_spread_from_gives_no_bound(values: list[float]) -> None:
    assert cluster_bootstrap(values, named(len(values))) == (-math.inf, math.inf)
    assert pigeonhole_bootstrap(np.repeat(np.array(values)[:, None], 4, axis=1)) == (-math.inf, math.inf)


def test_one_condition_gives_no_bound_and_cells_not_asked_count_for_nothing() -> None:
    table = np.random.default_rng(3).normal(size=(40, 6))
    assert pigeonhole_bootstrap(table[:, :1]) == (-math.inf, math.inf)
    padded = np.vstack([np.hstack([table, np.full((40, 1), np.nan)]), np.full((1, 7), np.nan)])
    assert pigeonhole_bootstrap(padded) == pigeonhole_bootstrap(table)
    holes = np.where(np.random.default_rng(4).random(table.shape) < 0.2, np.nan, table)
    low, high = pigeonhole_bootstrap(holes)
    assert low < np.nanmean(holes) < high


@pytest.mark.parametrize("call", [lambda: cluster_bootstrap([], []), lambda: cluster_bootstrap([1.0], ["a", "b"]), lambda: pigeonhole_bootstrap(np.empty((0, 3))), lambda: pigeonhole_bootstrap([1.0])])  # fmt: skip
def test_a_mean_of_nothing_is_an_error(call: Callable[[], object]) -> None:
    with pytest.raises(ValueError, match="paired differences"):
        call()


SHAPES: dict[str, Callable[[np.random.Generator, tuple[int, ...]], np.ndarray]] = {
    "normal": lambda rng, size: rng.normal(size=size),
    "skewed": lambda rng, size: 1 - rng.exponential(size=size),
    "steps": lambda rng, size: rng.choice([-1.0, 0.0, 1.0], p=[0.2, 0.6, 0.2], size=size),
}
"""All with mean 0: the boundary."""


def cluster_error(shape: str, n: int, runs: int) -> float:
    """How often the lower bound lies above a true mean of 0; three replies a cluster, alike to half."""
    rng = np.random.default_rng(7)
    wrong = 0
    for run in range(runs):
        values = SHAPES[shape](rng, (n, 1)) + SHAPES[shape](rng, (n, 3))
        wrong += cluster_bootstrap(list(values.ravel()), list(np.repeat(named(n), 3)), draws=500, seed=run)[0] > 0
    return wrong / runs


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("n", [20, 60])
def test_the_cluster_bootstrap_errs_in_at_most_five_percent(shape: str, n: int) -> None:
    assert cluster_error(shape, n, 300) <= 0.05 + 3 * math.sqrt(0.05 * 0.95 / 300)


@pytest.mark.slow
@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("n", [20, 30, 60])
def test_the_cluster_bootstrap_errs_in_at_most_five_percent_of_many(shape: str, n: int) -> None:
    assert cluster_error(shape, n, 1500) <= 0.05 + 3 * math.sqrt(0.05 * 0.95 / 1500)


CROSSED = [(20, 4, 1.0, 1.0, 1.0), (40, 6, 1.0, 0.0, 1.0), (20, 3, 0.0, 1.0, 0.2), (60, 10, 0.5, 1.0, 1.0)]
"""Items, conditions, and how much each, and each cell, varies."""


def crossed_error(items: int, conditions: int, spread: tuple[float, float, float], runs: int) -> float:
    rng = np.random.default_rng(8)
    wrong = 0
    for run in range(runs):
        sizes = ((items, 1), (1, conditions), (items, conditions))
        table = sum(scale * rng.normal(size=size) for scale, size in zip(spread, sizes, strict=True))
        wrong += pigeonhole_bootstrap(table, draws=300, seed=run)[0] > 0
    return wrong / runs


@pytest.mark.parametrize(("items", "conditions", "a", "b", "c"), CROSSED)
def test_the_two_way_bootstrap_errs_in_at_most_five_percent(
    items: int, conditions: int, a: float, b: float, c: float
) -> None:
    assert crossed_error(items, conditions, (a, b, c), 300) <= 0.05 + 3 * math.sqrt(0.05 * 0.95 / 300)


@pytest.mark.slow
@pytest.mark.parametrize(("items", "conditions", "a", "b", "c"), CROSSED)
def test_the_two_way_bootstrap_errs_in_at_most_five_percent_of_many(
    items: int, conditions: int, a: float, b: float, c: float
) -> None:
    assert crossed_error(items, conditions, (a, b, c), 1500) <= 0.05 + 3 * math.sqrt(0.05 * 0.95 / 1500)


def test_where_all_share_the_conditions_a_one_way_bootstrap_is_far_too_sure() -> None:
    """Why the second way: with a spread between six conditions, items alone give an error of more than 30 %."""
    rng = np.random.default_rng(9)
    wrong = 0
    for run in range(100):
        table = rng.normal(size=(1, 6)) + 0.5 * rng.normal(size=(30, 6))
        wrong += cluster_bootstrap(list(table.ravel()), list(np.repeat(named(30), 6)), draws=200, seed=run)[0] > 0
    assert wrong / 100 > 0.30
