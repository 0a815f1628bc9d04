"""Graders that err: how good one is, what its errors do to a rate, and whether people agree."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from eval.stats.rates import clopper_pearson
from wellgate.records import CheckVerdict

LEAST_SENSITIVITY = 0.70
LEAST_YOUDEN = 0.50
"""The gate's floor for a grader: the lower bound of sensitivity, and that of sensitivity + specificity - 1."""


@dataclass(frozen=True)
class Labels:
    """One grader's 2x2 table against labelled replies, for one yes-or-no criterion."""

    found: int
    """Replies that have it and are said to."""
    present: int
    """Replies that have it."""
    clear: int
    """Replies that do not have it and are said not to."""
    absent: int
    """Replies that do not have it."""

    def __post_init__(self) -> None:
        if not (0 <= self.found <= self.present and 0 <= self.clear <= self.absent):
            raise ValueError(f"no table of labels: {self}")

    def counts(self) -> tuple[int, int, int, int]:
        """found, present, clear, absent."""
        return self.found, self.present, self.clear, self.absent

    def sensitivity(self, confidence: float = 0.95) -> tuple[float, float]:
        """Clopper-Pearson bounds, each one-sided; 0 and 1 where nothing was labelled."""
        return clopper_pearson(self.found, self.present, confidence) if self.present else (0.0, 1.0)

    def specificity(self, confidence: float = 0.95) -> tuple[float, float]:
        """Clopper-Pearson bounds, each one-sided; 0 and 1 where nothing was labelled."""
        return clopper_pearson(self.clear, self.absent, confidence) if self.absent else (0.0, 1.0)

    def youden(self, confidence: float = 0.95) -> float:
        """Lower bound of sensitivity + specificity - 1 (Youden 1950), from two bounds that hold together (Bonferroni)."""
        each = 1 - (1 - confidence) / 2
        return self.sensitivity(each)[0] + self.specificity(each)[0] - 1

    def admissible(self, confidence: float = 0.95) -> bool:
        """Whether the grader is good enough to be used at all; correction does not rescue one that is not."""
        return reaches_floor(self, confidence)


class Table(Protocol):
    """What is known of a grader's errors."""

    def sensitivity(self, confidence: float = 0.95) -> tuple[float, float]: ...

    def youden(self, confidence: float = 0.95) -> float: ...


def reaches_floor(table: Table, confidence: float) -> bool:
    """Whether both lower bounds are as high as the gate's design asks."""
    return table.sensitivity(confidence)[0] >= LEAST_SENSITIVITY and table.youden(confidence) >= LEAST_YOUDEN


def corrected_rate(hits: int, n: int, labels: Labels, confidence: float = 0.95) -> tuple[float, float]:
    """Bounds of a true rate that a grader saw, each one-sided: Rogan-Gladen with an interval that is sure to hold.

    Rogan & Gladen 1978 (Am. J. Epidemiology 107:71) divide: true = (seen + spec - 1) / (sens + spec - 1). Here the three
    rates on the right stand at their Clopper-Pearson bounds, a third of the error each, at the corner that is worst;
    the union bound then makes the result valid at any n and for any grader. Lang & Reiczigel 2014 (Preventive
    Veterinary Medicine 113:13) have a shorter interval that holds on average.

    It assumes that the grader errs on these trials as it does on the labelled ones: labels of this model's own replies,
    and of whole clusters where a trial is a cluster. If no true rate can give what was seen, that assumption is
    refuted, and the answer is 0 to 1.

    Args:
        hits: trials that the grader says have it.
        n: trials, at least 1.
        labels: the grader's table, from other trials than these.
    """
    each = 1 - (1 - confidence) / 3
    seen, sens, spec = clopper_pearson(hits, n, each), labels.sensitivity(each), labels.specificity(each)
    low = _solve(seen[0], sens[1], spec[0], 0.0)
    high = _solve(seen[1], sens[0], spec[1], 1.0)
    return (max(low, 0.0), min(high, 1.0)) if low <= 1 and high >= 0 else (0.0, 1.0)


def _solve(seen: float, sens: float, spec: float, blind: float) -> float:
    """Rogan and Gladen's estimate; `blind` where the grader is no better than a coin."""
    return (seen + spec - 1) / (sens + spec - 1) if sens + spec > 1 else blind


def decide_below(hits: int, n: int, labels: Labels, limit: float, confidence: float = 0.95) -> CheckVerdict:
    """Whether a failure rate is at most the limit, judged by a grader whose errors are themselves estimated.

    The test of Feng et al. 2026, "Noisy but Valid" (arXiv 2601.20913): hold the rate of alarms against what the grader
    would raise at the limit. Their critical value comes from an estimated variance, ours from `corrected_rate`, so
    that a pass at the limit or above has at most 1 - confidence whatever n, sensitivity and specificity.
    """
    if not labels.admissible(confidence):
        return "ungraded"
    low, high = corrected_rate(hits, n, labels, confidence)
    return "pass" if high <= limit else "fail" if low > limit else "inconclusive"


def prediction_powered(
    labelled: Sequence[bool], graded: Sequence[bool], unlabelled: Sequence[bool], confidence: float = 0.95
) -> tuple[float, float]:
    """PPI++ bounds of a rate, each one-sided, as a cross-check (Angelopoulos, Duchi & Zrnic 2023, arXiv 2311.01453).

    Normal theory: too narrow for few labels and rates near 0 or 1. No verdict uses it. Needs the `dev` extra.

    Args:
        labelled: what people say of some replies.
        graded: what the grader says of the same replies.
        unlabelled: what the grader says of all others.
    """
    from ppi_py import ppi_mean_ci

    arrays = [np.asarray(one, dtype=float) for one in (labelled, graded, unlabelled)]
    low, high = ppi_mean_ci(*arrays, alpha=2 * (1 - confidence))
    return float(np.squeeze(low)), float(np.squeeze(high))


def agreement(ratings: Sequence[Sequence[bool | None]]) -> float | None:
    """Krippendorff's alpha of yes-or-no labels: 1 is full agreement, 0 what chance gives (Krippendorff 2004, ch. 11).

    Args:
        ratings: one row a rater, one column a reply, None where a rater gave no label.

    Returns:
        None where alpha is not defined: no reply with two labels, or one label only ever given.
    """
    import krippendorff

    table = np.array([[np.nan if one is None else float(one) for one in row] for row in ratings])
    paired = table[:, (~np.isnan(table)).sum(0) >= 2] if table.ndim == 2 else np.empty((0, 0))
    if len(np.unique(paired[~np.isnan(paired)])) < 2:
        return None
    return float(krippendorff.alpha(reliability_data=paired, level_of_measurement="nominal"))
