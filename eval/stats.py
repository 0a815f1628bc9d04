"""Bounds on rates. Each function names its source; all bounds are one-sided at the given confidence."""

from __future__ import annotations

import math


def clopper_pearson(successes: int, n: int, confidence: float = 0.95) -> tuple[float, float]:
    """Exact lower and upper bound of a rate, each one-sided (Clopper & Pearson 1934, Biometrika 26:404).

    Args:
        successes: 0..n independent trials that succeeded.
        n: trials, at least 1.
    """
    from scipy.stats import beta

    if n < 1 or not 0 <= successes <= n:
        raise ValueError(f"no rate: {successes} of {n}")
    alpha = 1 - confidence
    low = 0.0 if successes == 0 else float(beta.ppf(alpha, successes, n - successes + 1))
    high = 1.0 if successes == n else float(beta.ppf(1 - alpha, successes + 1, n - successes))
    return low, high


def paired_difference(gained: int, lost: int, n: int, confidence: float = 0.95) -> tuple[float, float]:
    """Lower and upper bound of a difference of paired rates, each one-sided: Tango's score interval.

    Tango 1998, Statistics in Medicine 17:891. It keeps its level for small n and with no discordant pair.

    Args:
        gained: pairs in which only the new model succeeded.
        lost: pairs in which only the old model succeeded.
        n: all pairs, at least 1.
    """
    from scipy.stats import norm

    if n < 1 or min(gained, lost) < 0 or gained + lost > n:
        raise ValueError(f"no paired rates: {gained} gained and {lost} lost of {n}")
    z = float(norm.ppf(confidence))
    estimate = (gained - lost) / n
    low = _crossing(-1.0, estimate, z, gained, lost, n)
    high = _crossing(1.0, estimate, -z, gained, lost, n)
    return low, high


def _score(difference: float, gained: int, lost: int, n: int) -> float:
    """Tango's statistic for the hypothesis that the true difference is `difference`."""
    a = 2 * n
    b = -gained - lost + (2 * n - gained + lost) * difference
    c = -lost * difference * (1 - difference)
    lost_rate = (math.sqrt(max(b * b - 4 * a * c, 0.0)) - b) / (2 * a)
    variance = n * (2 * lost_rate + difference * (1 - difference))
    distance = gained - lost - n * difference
    if variance <= 0:
        return 0.0 if distance == 0 else math.copysign(math.inf, distance)
    return distance / math.sqrt(variance)


def _crossing(outer: float, inner: float, target: float, gained: int, lost: int, n: int) -> float:
    """Where the statistic, which falls as the difference grows, crosses the target between two differences."""
    for _ in range(60):
        middle = (outer + inner) / 2
        beyond = _score(middle, gained, lost, n) > target if target > 0 else _score(middle, gained, lost, n) < target
        outer, inner = (middle, inner) if beyond else (outer, middle)
    return (outer + inner) / 2
