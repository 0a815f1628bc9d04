"""How many items a rule needs, how often it passes, and how often it errs: exact, over every outcome there can be."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable
from itertools import count
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from eval.stats.paired import HALF_PAIR, paired_score
from eval.stats.rates import clopper_pearson

Passes = NDArray[np.bool_]
MOST_ITEMS = 100_000


def items_for_upper(limit: float, failures: int = 0, confidence: float = 0.95) -> int:
    """The fewest items whose upper bound is at most the limit when so many of them fail."""
    return _least(lambda n: clopper_pearson(failures, n, confidence)[1] <= limit, failures + 1)


def successes_for_lower(limit: float, n: int, confidence: float = 0.95) -> int | None:
    """The fewest successes of n whose lower bound is at least the limit; None where even n are not enough."""
    least = bisect_left(range(n + 1), True, key=lambda k: clopper_pearson(k, n, confidence)[0] >= limit)
    return least if least <= n else None


def rate_power(
    rule: Literal["at_least", "at_most"], limit: float, n: int, rate: float, confidence: float = 0.95
) -> float:
    """The chance that a rule on a rate passes with n clusters when the true rate is this one: a binomial tail."""
    from scipy.stats import binom

    if rule == "at_most":
        limit, rate = 1 - limit, 1 - rate
    needed = successes_for_lower(limit, n, confidence)
    return 0.0 if needed is None else float(binom.sf(needed - 1, n, rate))


def paired_passes(margin: float, n: int, confidence: float = 0.95) -> Passes:
    """For each table of n pairs, [gained, lost], whether it shows non-inferiority; tables that cannot be do not."""
    from scipy.stats import norm

    gained, lost = np.indices((n + 1, n + 1))
    score = paired_score(-margin, gained - HALF_PAIR, lost + HALF_PAIR, n)
    passes: Passes = (gained + lost <= n) & (score >= norm.ppf(confidence))
    return passes


def paired_chance(passes: Passes, gained: float, lost: float) -> float:
    """The chance of one of the tables of `paired_passes` when pairs are gained and lost at these rates: a trinomial."""
    from scipy.special import gammaln, xlogy

    n = len(passes) - 1
    up, down = np.nonzero(passes)
    same = n - up - down
    ways = gammaln(n + 1) - gammaln(up + 1) - gammaln(down + 1) - gammaln(same + 1)
    logs = ways + xlogy(up, gained) + xlogy(down, lost) + xlogy(same, max(1 - gained - lost, 0.0))
    return float(np.exp(logs).sum())


def paired_error(margin: float, n: int, confidence: float = 0.95, steps: int = 60) -> float:
    """The greatest chance of passing a model that is worse by the margin, over all rates of gained pairs."""
    passes = paired_passes(margin, n, confidence)
    return max(paired_chance(passes, rate, rate + margin) for rate in np.linspace(0, (1 - margin) / 2, steps))


def pairs_for_margin(margin: float, discordance: float, power: float = 0.80, confidence: float = 0.95) -> int:
    """The fewest pairs that show non-inferiority of an equal model with this chance; with more it hardly falls again.

    Args:
        discordance: the share of pairs on which the two models differ, half of them each way.
    """
    half = discordance / 2
    start = pairs_by_formula(margin, discordance, power, confidence)
    return _least(lambda n: paired_chance(paired_passes(margin, n, confidence), half, half) >= power, start)


def pairs_by_formula(margin: float, discordance: float, power: float = 0.80, confidence: float = 0.95) -> int:
    """The same by the textbook formula, without correction (Connor 1987, Biometrics 43:207): (z + z')^2 d / margin^2."""
    from scipy.stats import norm

    z = float(norm.ppf(confidence) + norm.ppf(power))
    return int(np.ceil(z * z * discordance / margin**2))


def _least(enough: Callable[[int], bool], start: int) -> int:
    return next(n for n in count(start) if n > MOST_ITEMS or enough(n))
