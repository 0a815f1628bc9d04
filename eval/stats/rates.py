"""Exact bounds on one rate."""

from __future__ import annotations


def clopper_pearson(successes: int, n: int, confidence: float = 0.95) -> tuple[float, float]:
    """Exact lower and upper bound of a rate, each one-sided (Clopper & Pearson 1934, Biometrika 26:404).

    Exact means that a bound is on the wrong side of the true rate in at most 1 - confidence of all samples, whatever the
    rate is. It holds for independent trials: give it clusters, not the replies of one cluster.

    Args:
        successes: 0..n independent trials that succeeded.
        n: trials, at least 1.
        confidence: of each bound by itself.
    """
    from scipy.stats import beta

    if n < 1 or not 0 <= successes <= n:
        raise ValueError(f"no rate: {successes} of {n}")
    alpha = 1 - confidence
    low = 0.0 if successes == 0 else float(beta.ppf(alpha, successes, n - successes + 1))
    high = 1.0 if successes == n else float(beta.ppf(1 - alpha, successes + 1, n - successes))
    return low, high
