"""Graders that err: published values, exact error of the corrected rate over all tables, and the traps."""

from __future__ import annotations

import math
from functools import cache
from itertools import product

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import binom

from eval.stats import graders as room
from eval.stats.graders import Labels, agreement, corrected_rate, decide_below, prediction_powered
from eval.stats.rates import clopper_pearson

PERFECT = Labels(100_000, 100_000, 100_000, 100_000)
BLIND = Labels(50, 100, 50, 100)


@pytest.mark.parametrize(
    ("labels", "admissible"),
    [
        (Labels(15, 16, 93, 94), True),
        (Labels(11, 14, 94, 96), False),  # sensitivity
        (Labels(9, 9, 200, 200), True),  # the fewest that are enough
        (Labels(8, 8, 200, 200), False),
        (Labels(99, 100, 60, 100), False),  # specificity
        (Labels(0, 0, 50, 50), False),
        (Labels(50, 50, 0, 0), False),
    ],
)
def test_the_floor_for_a_grader(labels: Labels, admissible: bool) -> None:
    assert labels.admissible() is admissible


@pytest.mark.parametrize("bad", [(2, 1, 0, 0), (-1, 1, 0, 0), (0, 0, 3, 2)])
def test_a_table_that_cannot_be_is_an_error(bad: tuple[int, int, int, int]) -> None:
    with pytest.raises(ValueError, match="no table of labels"):
        Labels(*bad)


def test_a_perfect_grader_leaves_the_exact_bounds_and_a_blind_one_leaves_nothing() -> None:
    expected = clopper_pearson(6, 60, 1 - 0.05 / 3)
    assert corrected_rate(6, 60, PERFECT) == pytest.approx(expected, abs=1e-3)
    assert corrected_rate(30, 60, BLIND) == (0.0, 1.0)
    assert corrected_rate(30, 60, Labels(0, 0, 0, 0)) == (0.0, 1.0)


def test_what_no_true_rate_explains_leaves_nothing() -> None:
    """A grader that cries wolf at every fifth labelled reply and never on 300 of the model's: its errors do not carry over."""
    strange = Labels(95, 100, 160, 200)
    assert corrected_rate(0, 300, strange) == (0.0, 1.0)
    assert decide_below(0, 300, strange, 0.10) == "inconclusive"
    assert corrected_rate(300, 300, Labels(75, 100, 190, 200)) == (0.0, 1.0)


TABLES = st.builds(
    lambda present, absent, a, b: Labels(round(a * present), present, round(b * absent), absent),
    st.integers(1, 300), st.integers(1, 300), st.floats(0, 1), st.floats(0, 1),
)  # fmt: skip


@given(TABLES, st.integers(1, 200), st.floats(0, 1))
def test_bounds_hold_the_estimate_of_rogan_and_gladen(labels: Labels, n: int, share: float) -> None:
    hits = round(share * n)
    low, high = corrected_rate(hits, n, labels)
    assert 0 <= low <= high <= 1
    youden = labels.found / labels.present + labels.clear / labels.absent - 1
    if youden > 0:
        estimate = (hits / n + labels.clear / labels.absent - 1) / youden
        assert low - 1e-9 <= min(max(estimate, 0), 1) <= high + 1e-9
    wider = corrected_rate(hits, n, labels, 0.99)
    assert wider == (0, 1) or (wider[0] <= low + 1e-9 and wider[1] >= high - 1e-9) or (low, high) == (0, 1)


def lang_reiczigel(hits: int, n: int, labels: Labels, z: float) -> tuple[float, float]:
    """Their approximate interval, with pseudo-counts and a shift, two-sided at z."""
    seen = (hits + z * z / 2) / (n + z * z)
    sens, spec = (labels.found + 1) / (labels.present + 2), (labels.clear + 1) / (labels.absent + 2)
    youden = sens + spec - 1
    rate = (seen + spec - 1) / youden
    sens_part, spec_part = sens * (1 - sens) / (labels.present + 2), spec * (1 - spec) / (labels.absent + 2)
    shift = 2 * z * z * (rate * sens_part - (1 - rate) * spec_part)
    reach = z / youden * math.sqrt(seen * (1 - seen) / (n + z * z) + rate**2 * sens_part + (1 - rate) ** 2 * spec_part)
    return rate + shift - reach, rate + shift + reach


@pytest.mark.parametrize(
    ("hits", "n", "labels"),
    [(20, 200, Labels(95, 100, 98, 100)), (4, 100, Labels(45, 50, 195, 200)), (60, 150, Labels(80, 100, 90, 100))],
)
def test_the_sure_interval_holds_that_of_lang_and_reiczigel(hits: int, n: int, labels: Labels) -> None:
    low, high = corrected_rate(hits, n, labels)
    shorter = lang_reiczigel(hits, n, labels, 1.645)
    assert low <= max(shorter[0], 0)
    assert shorter[1] <= high <= shorter[1] + 0.15


@pytest.mark.parametrize("sens", [0.6, 0.8, 0.95, 1.0])
@pytest.mark.parametrize("spec", [0.7, 0.9, 1.0])
def test_with_a_noisy_grader_a_bound_errs_in_at_most_five_percent(
    monkeypatch: pytest.MonkeyPatch, sens: float, spec: float
) -> None:
    """Exact, over every count of hits, found and clear there can be with 15 trials and 12 labels of each kind."""
    monkeypatch.setattr(room, "clopper_pearson", cached)
    n, present, absent = 15, 12, 12
    tables = np.array(list(product(range(n + 1), range(present + 1), range(absent + 1))))
    bounds = all_bounds(n, present, absent)
    for rate in (0.05, 0.10, 0.25, 0.5):
        seen = rate * sens + (1 - rate) * (1 - spec)
        chance = binom.pmf(tables[:, 0], n, seen)
        chance *= binom.pmf(tables[:, 1], present, sens) * binom.pmf(tables[:, 2], absent, spec)
        assert chance.sum() == pytest.approx(1)
        assert chance[bounds[:, 1] < rate].sum() <= 0.05
        assert chance[bounds[:, 0] > rate].sum() <= 0.05


cached = cache(clopper_pearson)


@cache
def all_bounds(n: int, present: int, absent: int) -> np.ndarray:
    tables = product(range(n + 1), range(present + 1), range(absent + 1))
    return np.array([corrected_rate(hits, n, Labels(found, present, clear, absent)) for hits, found, clear in tables])


@pytest.mark.parametrize(("sens", "spec", "labelled"), [(0.75, 0.98, 100), (0.9, 1.0, 100), (0.95, 0.95, 400)])
def test_at_the_limit_a_noisy_grader_passes_in_at_most_five_percent(
    monkeypatch: pytest.MonkeyPatch, sens: float, spec: float, labelled: int
) -> None:
    """A true failure rate of just the limit, 300 trials. Taking the grader at its word errs more often where it misses."""
    monkeypatch.setattr(room, "clopper_pearson", cached)
    rng = np.random.default_rng(6)
    limit, n, runs = 0.10, 300, 3000
    hits = rng.binomial(n, limit * sens + (1 - limit) * (1 - spec), runs)
    found, clear = rng.binomial(labelled, sens, runs), rng.binomial(labelled, spec, runs)
    rows = [(int(h), Labels(int(f), labelled, int(c), labelled)) for h, f, c in zip(hits, found, clear, strict=True)]
    passed = sum(decide_below(h, n, labels, limit) == "pass" for h, labels in rows) / runs
    assert passed <= 0.05
    believed = sum(cached(h, n)[1] <= limit for h, _ in rows) / runs
    assert (believed > 0.05 + 3 * math.sqrt(0.05 * 0.95 / runs)) == (spec > 0.97)


@pytest.mark.parametrize(
    ("hits", "labels", "limit", "verdict"),
    [
        (2, Labels(390, 400, 396, 400), 0.05, "pass"),
        (60, Labels(390, 400, 396, 400), 0.05, "fail"),
        (15, Labels(390, 400, 396, 400), 0.05, "inconclusive"),
        (0, Labels(11, 14, 94, 96), 0.05, "ungraded"),
        (0, BLIND, 0.99, "ungraded"),
    ],
)
def test_the_decision_with_a_noisy_grader(hits: int, labels: Labels, limit: float, verdict: str) -> None:
    assert decide_below(hits, 300, labels, limit) == verdict


@pytest.mark.slow
def test_prediction_powered_bounds_agree_with_the_corrected_rate() -> None:
    """One grader with errors, 200 labelled replies and 2,000 others: both hold the truth, and overlap."""
    pytest.importorskip("ppi_py")
    rng = np.random.default_rng(7)
    truth = rng.random(2200) < 0.3
    said = np.where(truth, rng.random(2200) < 0.9, rng.random(2200) < 0.05)
    true, seen = truth[:200], said[:200]
    labels = Labels(int((true & seen).sum()), int(true.sum()), int((~true & ~seen).sum()), int((~true).sum()))
    powered = prediction_powered(list(true), list(seen), list(said[200:]))
    sure = corrected_rate(int(said[200:].sum()), 2000, labels)
    assert powered[0] < 0.3 < powered[1]
    assert sure[0] < powered[0] < powered[1] < sure[1]
    labels_alone = 1.645 * math.sqrt(0.3 * 0.7 / 200)
    assert powered[1] - powered[0] < 2 * labels_alone


def test_alpha_of_krippendorffs_own_example() -> None:
    """Two observers, ten articles, yes or no: .095 ("Computing Krippendorff's Alpha-Reliability", 2011)."""
    meg = [bool(one) for one in (0, 1, 0, 0, 0, 0, 0, 0, 1, 0)]
    owen = [bool(one) for one in (1, 1, 1, 0, 0, 1, 0, 0, 0, 0)]
    assert agreement([meg, owen]) == pytest.approx(0.095, abs=0.0005)
    assert agreement([[*meg, True], [*owen, None]]) == pytest.approx(0.095, abs=0.0005)
    assert agreement([meg, meg]) == pytest.approx(1)


@pytest.mark.parametrize("ratings", [[], [[]], [[True, False]], [[True, True], [True, True]], [[True, None], [None, False]]])  # fmt: skip
def test_agreement_that_is_not_defined_is_none(ratings: list[list[bool | None]]) -> None:
    assert agreement(ratings) is None
