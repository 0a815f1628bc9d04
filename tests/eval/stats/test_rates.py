"""Exact bounds of one rate: published numbers, scipy, and the error of the rules that use them."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest
from scipy.optimize import brentq
from scipy.stats import binomtest

from eval.stats.power import rate_power, successes_for_lower
from eval.stats.rates import clopper_pearson


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


@pytest.mark.parametrize("limit", [0.75, 0.80, 0.85, 0.90, 0.95])
def test_a_rate_rule_errs_at_its_boundary_in_at_most_five_percent(limit: float) -> None:
    """Exact, over all outcomes: `at_least` at a true rate of the limit, `at_most` at one less it."""
    for n in [*range(5, 61), 100, 150, 200, 300]:
        assert rate_power("at_least", limit, n, limit) <= 0.05
        assert rate_power("at_most", 1 - limit, n, 1 - limit) <= 0.05 + 1e-12


def clusters(mean: float, likeness: float, n: int, replies: int, runs: int) -> tuple[np.ndarray, np.ndarray]:
    """Replies that succeed, and clusters in which all do; the replies of a cluster share a rate of their own."""
    size = (1 - likeness) / likeness
    rng = np.random.default_rng(5)
    hits = rng.binomial(replies, rng.beta(mean * size, (1 - mean) * size, size=(runs, n)))
    return hits.sum(1), (hits == replies).sum(1)


@pytest.mark.parametrize("likeness", [0.05, 0.3, 0.7])
@pytest.mark.parametrize("n", [30, 60, 100])
def test_alike_paraphrases_do_not_inflate_the_error_of_clusters(n: int, likeness: float) -> None:
    """At a true rate of all-succeed of .85, four replies a cluster; counting replies as trials errs far more often."""
    replies, runs, limit = 4, 40_000, 0.85
    size = (1 - likeness) / likeness

    def all_succeed(mean: float) -> float:
        return float(np.prod([(mean * size + j) / (size + j) for j in range(replies)]))

    mean = brentq(lambda rate: all_succeed(rate) - limit, 0.5, 0.9999)
    single, whole = clusters(mean, likeness, n, replies, runs)
    needed = successes_for_lower(limit, n)
    naive = successes_for_lower(mean, n * replies)
    assert needed
    assert naive
    assert (whole >= needed).mean() <= 0.05 + 3 * np.sqrt(0.05 * 0.95 / runs)
    if likeness >= 0.3:
        assert (single >= naive).mean() > 0.07


def test_the_statistics_load_nothing_heavy() -> None:
    code = "import sys, eval.stats; print([one for one in ('torch', 'scipy.stats', 'krippendorff', 'ppi_py') if one in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
