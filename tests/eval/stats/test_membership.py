"""AUC, exposure and the one-run epsilon: published and hand-computed values, and how often the bounds are wrong."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy.stats import mannwhitneyu, norm

from eval.stats.membership import auc, auc_bounds, epsilon_lower, exposure, guessed
from eval.stats.rates import clopper_pearson


def test_the_auc_is_the_share_of_pairs_in_order_and_ties_are_half() -> None:
    assert auc([3, 1], [2, 0]) == 0.75
    assert auc([1, 1], [1]) == 0.5
    draw = np.random.default_rng(0)
    members, others = draw.integers(0, 9, 30).tolist(), draw.integers(0, 9, 50).tolist()
    assert auc(members, others) == pytest.approx(mannwhitneyu(members, others).statistic / 1500)
    with pytest.raises(ValueError, match="one side is empty"):
        auc([], [1])


def test_the_bounds_of_an_auc_are_symmetric_and_hold_at_the_edge() -> None:
    low, high = auc_bounds(0.8, 12, 30)
    assert auc_bounds(0.2, 12, 30) == pytest.approx((1 - high, 1 - low))
    low, high = auc_bounds(1.0, 10, 120)
    assert 0.9 < low < 0.95
    assert high == pytest.approx(1)
    # at the lower bound 0.5 the error is the Mann-Whitney test's: sqrt((m + n + 1) / 12mn)
    edge = 0.5 + norm.ppf(0.95) * math.sqrt(131 / (12 * 10 * 120))
    assert auc_bounds(edge, 10, 120)[0] == pytest.approx(0.5)


@pytest.mark.parametrize(("members", "others"), [(5, 120), (20, 20)])
@pytest.mark.parametrize("true", [0.5, 0.7, 0.9])
def test_a_bound_of_an_auc_is_wrong_about_as_often_as_it_says(members: int, others: int, true: float) -> None:
    """Normal scores, 1,000 audits. The method is approximate: 7 % and the Monte-Carlo error are allowed, for 5 %."""
    draw, shift = np.random.default_rng(1), norm.ppf(true) * math.sqrt(2)
    found = [
        auc_bounds(auc((draw.normal(size=members) + shift).tolist(), draw.normal(size=others).tolist()), members, others)
        for _ in range(1000)
    ]  # fmt: skip
    allowed = 0.07 + 2.6 * math.sqrt(0.07 * 0.93 / 1000)
    assert np.mean([low > true for low, _ in found]) < allowed
    assert np.mean([high < true for _, high in found]) < allowed


@pytest.mark.parametrize(
    ("score", "references", "bits"),
    [(9, [1, 2, 3], 2), (0, [1, 2, 3], 0), (2.5, [1, 2, 3], 1), (2, [2, 2, 2], 2 - math.log2(2.5)), (1, [], 0)],
)
def test_exposure_by_hand(score: float, references: list[float], bits: float) -> None:
    assert exposure(score, references) == pytest.approx(bits)


def test_exposure_without_memory_is_1_44_bits_on_average() -> None:
    draw = np.random.default_rng(2)
    found = [exposure(one, draw.normal(size=200).tolist()) for one in draw.normal(size=2000)]
    assert np.mean(found) == pytest.approx(1 / math.log(2), abs=0.15)


@pytest.mark.parametrize(
    ("coins", "guesses", "right", "delta", "published"),
    [(100, 100, 75, 0, 0.702), (100, 100, 75, 1e-4, 0.699), (1000, 100, 75, 1e-4, 0.673), (100_000, 1510, 1439, 1e-5, 2.675)],
)  # fmt: skip
def test_the_epsilons_that_the_paper_prints(
    coins: int, guesses: int, right: int, delta: float, published: float
) -> None:
    """Steinke et al. 2023, appendix D and section 7; the last digit is cut off there once, not rounded."""
    assert epsilon_lower(coins, guesses, right, 0.95, delta) == pytest.approx(published, abs=1e-3)


@pytest.mark.parametrize(("guesses", "right"), [(100, 100), (100, 80), (40, 30), (10, 10)])
def test_without_delta_the_bound_is_the_logit_of_the_exact_bound_of_the_rate(guesses: int, right: int) -> None:
    low, _ = clopper_pearson(right, guesses)
    assert epsilon_lower(guesses, guesses, right, 0.95, 0) == pytest.approx(math.log(low / (1 - low)), abs=1e-6)


def test_no_guess_and_bad_guesses_say_nothing() -> None:
    assert epsilon_lower(9, 0, 0) == epsilon_lower(100, 50, 25) == epsilon_lower(100, 50, 0) == 0
    with pytest.raises(ValueError, match="51 right of 50"):
        epsilon_lower(100, 50, 51)


@pytest.mark.parametrize("epsilon", [0.0, 1.0, 3.0])
def test_a_training_that_is_private_for_epsilon_is_seldom_said_to_leak_more(epsilon: float) -> None:
    """Randomised response, the worst such training: every guess is right with probability e^epsilon / (1 + e^epsilon)."""
    draw = np.random.default_rng(3)
    right = draw.binomial(100, 1 / (1 + math.exp(-epsilon)), 3000).tolist()
    bound = {count: epsilon_lower(200, 100, count) for count in set(right)}
    wrong = np.mean([bound[count] > epsilon for count in right])
    assert wrong < 0.05 + 2.6 * math.sqrt(0.05 * 0.95 / 3000)
    if epsilon:
        assert np.mean([bound[count] > epsilon / 2 for count in right]) > 0.5  # and the bound is no empty word


def test_a_quarter_at_each_end_is_guessed() -> None:
    planted = [True, True, False, True, False, True, False, False]
    assert guessed([8, 7, 6, 5, 4, 3, 2, 1], planted) == (4, 4)
    assert guessed([1, 2, 3, 4, 5, 6, 7, 8], planted) == (4, 0)
    assert guessed([1, 2, 3], [True, True, False]) == (0, 0)
    draw = np.random.default_rng(4)
    found = [guessed(draw.normal(size=200).tolist(), (draw.random(200) < 0.5).tolist()) for _ in range(1000)]
    assert {guesses for guesses, _ in found} == {100}
    bound = {right: epsilon_lower(200, 100, right) for right in {right for _, right in found}}
    assert np.mean([bound[right] > 0 for _, right in found]) < 0.05 + 2.6 * math.sqrt(0.0475 / 1000)
