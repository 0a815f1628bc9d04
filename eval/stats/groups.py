"""Equal treatment of groups: every group within a margin of the reference, and how wide the worst gap may be."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from eval.stats.paired import Floats, cluster_bootstrap, paired_differences, shows_spread
from wellgate.records import CheckVerdict

Bounds = tuple[Floats, Floats]
DRAWS = 20_000


@dataclass(frozen=True)
class Equivalence:
    """What is known about every group's gap to the reference."""

    verdict: CheckVerdict
    """`pass` when every gap is shown to lie within the margin, `fail` when the worst is shown not to."""
    gaps: Floats
    """Group minus reference."""
    low: Floats
    """Lower bound of each gap, one-sided: the two one-sided tests."""
    high: Floats
    worst: tuple[float, float]
    """Least and greatest size of the worst gap, simultaneous over groups and directions."""


def equivalence(
    outcomes: ArrayLike, reference: ArrayLike, margin: float, confidence: float = 0.95, seed: int = 0
) -> Equivalence:
    """Two one-sided tests for each group (Schuirmann 1987), and a max-T interval for the worst gap.

    `pass` needs the bounds of every group within the margin: an intersection-union test, which keeps its level without a
    correction for the number of groups (Berger & Hsu 1996, Statistical Science 11:283). `fail` needs the lower end of
    the worst gap beyond it, and that does need one: the critical value is that of the greatest of correlated t
    statistics (Hothorn, Bretz & Westfall 2008, Biometrical Journal 50:346). Anything else is `inconclusive`.

    A standard error of 0 is no evidence. Yes-or-no gaps are bounded by the paired score, which stays wide when nothing
    differs; measured gaps by `cluster_bootstrap` over scenarios, and by Student's t for the worst of them, neither of
    which says anything below 20 scenarios or 10 that differ.

    Args:
        outcomes: scenarios x groups; booleans for yes or no, else numbers (a scenario's replies averaged, or all hold).
        reference: the outcome of the neutral arm for each scenario, of the same kind.
        margin: greatest gap that counts as equal, in the outcome's unit.
        seed: of the draws behind the critical value.
    """
    ours, neutral = np.asarray(outcomes), np.asarray(reference)
    if ours.ndim != 2 or not ours.size or neutral.shape != ours.shape[:1]:
        raise ValueError(f"no scenarios x groups: {ours.shape} against a reference of {neutral.shape}")
    yes_no = ours.dtype == bool and neutral.dtype == bool
    differences = ours.astype(float) - neutral.astype(float)[:, None]
    if not np.isfinite(differences).all():
        raise ValueError("a scenario lacks the outcome of a group")
    bounds = _yes_no if yes_no else _measured
    (low, high), (least, most) = bounds(differences, confidence, _critical(differences, confidence, yes_no, seed), seed)
    worst = float(np.maximum(np.maximum(least, -most), 0).max()), float(np.maximum(np.abs(least), np.abs(most)).max())
    within = bool((low >= -margin).all() and (high <= margin).all())
    verdict: CheckVerdict = "pass" if within else "fail" if worst[0] > margin else "inconclusive"
    return Equivalence(verdict, differences.mean(0), low, high, worst)


def _yes_no(differences: Floats, confidence: float, critical: float, seed: int) -> tuple[Bounds, Bounds]:
    """Bounds of each group's gap, by itself and simultaneous with the others."""
    from scipy.stats import norm

    gained, lost, n = (differences > 0).sum(0), (differences < 0).sum(0), len(differences)
    each = (paired_differences(gained, lost, n, level) for level in (confidence, float(norm.cdf(critical))))
    return next(each), next(each)


def _measured(differences: Floats, confidence: float, critical: float, seed: int) -> tuple[Bounds, Bounds]:
    """Bounds of each group's gap, by itself and simultaneous with the others."""
    n = len(differences)
    names = [str(scenario) for scenario in range(n)]
    alone = np.array([cluster_bootstrap(list(one), names, confidence, seed=seed) for one in differences.T])
    told = np.array([shows_spread(one) for one in differences.T])
    error = np.where(told, differences.std(0, ddof=1) / np.sqrt(n), np.inf) if n > 1 else np.full(len(told), np.inf)
    mean = differences.mean(0)
    return (alone[:, 0], alone[:, 1]), (mean - critical * error, mean + critical * error)


def _critical(differences: Floats, confidence: float, yes_no: bool, seed: int) -> float:
    """The two-sided critical value of the greatest |t| over groups, with the correlation seen among their differences.

    A group without spread counts as uncorrelated, which makes the value greater (Sidak 1967, JASA 62:626).
    """
    n, groups = differences.shape
    centered = differences - differences.mean(0)
    scale = np.sqrt((centered**2).sum(0))
    unit = np.divide(centered, scale, out=np.zeros_like(centered), where=scale > 0)
    correlation = unit.T @ unit
    np.fill_diagonal(correlation, 1.0)
    values, vectors = np.linalg.eigh(correlation)
    rng = np.random.default_rng(seed)
    draws = rng.standard_normal((DRAWS, groups)) @ (vectors * np.sqrt(np.maximum(values, 0))).T
    if not yes_no and n > 1:
        draws /= np.sqrt(rng.chisquare(n - 1, size=(DRAWS, 1)) / (n - 1))
    return float(np.quantile(np.abs(draws).max(1), confidence))
