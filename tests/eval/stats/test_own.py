"""A grader's errors from a sample that was drawn by its answers: exact error of the bounds, and the whole draw simulated."""

from __future__ import annotations

import math
from functools import cache
from itertools import product

import numpy as np
import pytest
from scipy.stats import hypergeom

from eval.sample import drawn, largest, ordered
from eval.stats import own as room
from eval.stats.graders import Labels
from eval.stats.own import OwnLabels
from eval.stats.rates import clopper_pearson
from wellgate.errors import InputError

cached = cache(clopper_pearson)


@pytest.fixture(autouse=True)
def _fast(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(room, "clopper_pearson", cached)


def test_the_bounds_hold_the_formula_of_begg_and_greenes() -> None:
    """100 of 1,000 replies answered yes, 80 % of them rightly; 2 % of the others have it: sensitivity 80 / (80 + 18)."""
    found = OwnLabels(100, 100, 80, 900, 900, 18)
    (low, high), (least, most) = found.sensitivity(), found.specificity()
    assert low < 80 / 98 < high
    assert least < 882 / 902 < most
    assert found.counts() == (80, 98, 882, 902)


def test_a_sample_by_answers_is_not_read_as_a_sample_by_truth() -> None:
    """A hundred of each answer labelled: the plain table says 90 of 100 found, though most of what is there was missed."""
    plain, own = Labels(90, 100, 90, 100), OwnLabels(200, 100, 90, 20_000, 100, 10)
    assert plain.admissible()
    assert own.counts() == (90, 100, 90, 100)
    assert own.sensitivity()[1] < 0.2
    assert not own.admissible()


@pytest.mark.parametrize(
    ("labels", "sensitivity", "specificity", "admissible"),
    [
        (OwnLabels(0, 0, 0, 0, 0, 0), (0.0, 1.0), (0.0, 1.0), False),
        (OwnLabels(50, 0, 0, 50, 0, 0), (0.0, 1.0), (0.0, 1.0), False),
        (OwnLabels(0, 0, 0, 60, 60, 0), (0.0, 1.0), (1.0, 1.0), False),
        (OwnLabels(60, 60, 60, 60, 60, 0), (0.94, 1.0), (0.94, 1.0), True),
        (OwnLabels(60, 60, 60, 6000, 60, 0), (0.136, 1.0), (0.999, 1.0), False),
    ],
    ids=["empty", "unlabelled", "never seen", "good", "rare: too little is known of the many that are answered no"],
)
def test_what_little_is_known_is_said(labels: OwnLabels, sensitivity: tuple[float, float], specificity: tuple[float, float], admissible: bool) -> None:  # fmt: skip
    assert labels.sensitivity() == pytest.approx(sensitivity, abs=0.005)
    assert labels.specificity() == pytest.approx(specificity, abs=0.005)
    assert labels.admissible() is admissible


@pytest.mark.parametrize("bad", [(5, 6, 1, 5, 5, 1), (5, 5, 6, 5, 5, 1), (5, 5, 1, 5, 5, -1)])
def test_a_table_that_cannot_be_is_refused(bad: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match="no sample of labels"):
        OwnLabels(*bad)


def truth(yes: int, there: int, no: int, missed: int) -> tuple[float, float]:
    """Sensitivity and specificity over all replies of a run."""
    return there / (there + missed), (no - missed) / (no - missed + yes - there)


@pytest.mark.parametrize("n", [5, 12, 30])
@pytest.mark.parametrize(
    ("yes", "there", "no", "missed"), [(40, 36, 200, 4), (30, 15, 60, 30), (200, 190, 40, 2), (35, 34, 400, 20)]
)
def test_a_bound_is_on_the_wrong_side_in_at_most_five_percent_of_all_samples(n: int, yes: int, there: int, no: int, missed: int) -> None:  # fmt: skip
    """Over every sample that can be drawn, each with its own probability. All lower bounds hold at once."""
    sens, spec = truth(yes, there, no, missed)
    wrong_low = wrong_high = 0.0
    for a, b in product(range(n + 1), repeat=2):
        chance = float(hypergeom.pmf(a, yes, there, n) * hypergeom.pmf(b, no, missed, n))
        if chance:
            one = OwnLabels(yes, n, a, no, n, b)
            lows, highs = zip(one.sensitivity(), one.specificity(), strict=True)
            wrong_low += chance * (lows[0] > sens or lows[1] > spec or one.youden() > sens + spec - 1)
            wrong_high += chance * (highs[0] < sens or highs[1] < spec)
    assert wrong_low <= 0.05
    assert wrong_high <= 0.05


def run_of(rng: np.random.Generator, n: int) -> tuple[dict[tuple[str, ...], list[tuple[str, str, str]]], dict[str, set[tuple[str, str, str]]]]:  # fmt: skip
    """Replies in clusters of four alike, with two criteria, what a grader says, and what is true."""
    strata: dict[tuple[str, ...], list[tuple[str, str, str]]] = {}
    there: dict[str, set[tuple[str, str, str]]] = {"a": set(), "b": set()}
    for cluster in range(n // 4):
        hard, true = rng.random() < 0.3, {"a": rng.random() < 0.5, "b": rng.random() < 0.2}
        for sample in range(4):
            key = ("p", f"i{cluster}", str(sample))
            strata.setdefault(("slice", "p", f"s{cluster % 3}"), []).append(key)
            for name, is_there in true.items():
                said = is_there != (rng.random() < (0.4 if hard else 0.05))
                strata.setdefault(("answer", name, "yes" if said else "no"), []).append(key)
                there[name] |= {key} if is_there else set()
    return strata, there


@pytest.mark.parametrize("rows", [24, 60])
def test_the_whole_draw_errs_in_at_most_five_percent(rows: int) -> None:
    """Small samples, shared between strata, of clustered replies whose grader errs where another one does too."""
    members, there = run_of(np.random.default_rng(3), 240)
    runs, wrong = 1000, {"a": 0, "b": 0}
    for seed in range(runs):
        parts = {name: ordered(keys, seed) for name, keys in members.items()}
        each = largest(parts, rows)
        for name in wrong:
            said = [parts["answer", name, word] for word in ("yes", "no")]
            found = [sum(key in there[name] for key in keys[:each]) for keys in said]
            one = OwnLabels(len(said[0]), min(each, len(said[0])), found[0], len(said[1]), min(each, len(said[1])), found[1])  # fmt: skip
            true = [sum(key in there[name] for key in keys) for keys in said]
            sens, spec = truth(len(said[0]), true[0], len(said[1]), true[1])
            wrong[name] += one.sensitivity()[0] > sens or one.specificity()[0] > spec
    assert max(wrong.values()) / runs <= 0.05 + 3 * math.sqrt(0.05 * 0.95 / runs)
    assert len(drawn(parts, each, seed)) <= rows


def test_a_larger_sample_holds_the_smaller_and_every_stratum_has_its_share() -> None:
    members, _ = run_of(np.random.default_rng(4), 240)
    parts = {name: ordered(keys, 7) for name, keys in members.items()}
    small, large = (set(drawn(parts, largest(parts, rows), 7)) for rows in (40, 90))
    assert small < large
    each = largest(parts, 90)
    assert all(len(large & set(keys)) >= min(each, len(keys)) for keys in parts.values())
    assert set(drawn(parts, largest(parts, 10**6), 7)) == {key for keys in parts.values() for key in keys}
    with pytest.raises(InputError, match="--sample 2 is too few"):
        largest(parts, 2)
