"""What scores tell of membership in the training data: AUC, exposure, and a lower bound of epsilon from one run.

A higher score says "was trained on". Scores are independent: one for each canary, or for each client.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Callable, Sequence
from math import exp, log2, sqrt
from statistics import NormalDist

DELTA = 1e-5
"""Of the (epsilon, delta) promise that the bound contradicts."""


def auc(members: Sequence[float], others: Sequence[float]) -> float:
    """Chance that a member's score is above another's, ties counted half (Mann & Whitney 1947)."""
    if not members or not others:
        raise ValueError("no AUC: one side is empty")
    ordered = sorted(others)
    above = sum(bisect_left(ordered, one) + bisect_right(ordered, one) for one in members)
    return above / (2 * len(members) * len(others))


def auc_bounds(value: float, members: int, others: int, confidence: float = 0.95) -> tuple[float, float]:
    """Lower and upper bound of an AUC, each one-sided: Newcombe 2006 (Stat Med 25:559), method 5.

    A score interval: it holds where all members are above all others, and at 0.5 it is the Mann-Whitney test.
    """
    z = NormalDist().inv_cdf(confidence)
    return _lower(value, members, others, z), 1 - _lower(1 - value, members, others, z)


def _lower(value: float, members: int, others: int, z: float) -> float:
    """The true AUC from which `value` lies z standard errors up; the error is taken there, after Hanley & McNeil 1982."""

    def too_low(true: float) -> bool:
        more = (members + others) / 2 - 1
        spread = 1 + more * (1 - true) / (2 - true) + more * true / (1 + true)
        return value - true > z * sqrt(true * (1 - true) * spread / (members * others))

    return _boundary(too_low, 0.0, value)


def _boundary(below: Callable[[float], bool], low: float, high: float) -> float:
    """Where `below` turns false, from beneath."""
    for _ in range(50):
        middle = (low + high) / 2
        low, high = (middle, high) if below(middle) else (low, middle)
    return low


def exposure(score: float, references: Sequence[float]) -> float:
    """Bits by which a secret's rank among secrets that were never trained on is better than the worst.

    Carlini et al. 2019 (The Secret Sharer, section 4.3, with a sample in place of the whole space): log2 of the number of
    secrets less log2 of the rank. From 0 to log2(references + 1); without memory it is 1.44 bits on average. Ties take the middle rank.
    """
    above = sum(one > score for one in references) + sum(one == score for one in references) / 2
    return log2(len(references) + 1) - log2(1 + above)


def guessed(scores: Sequence[float], planted: Sequence[bool]) -> tuple[int, int]:
    """Guesses and right ones: the highest quarter is guessed to be planted, the lowest to be held out, no word on the rest.

    How many are guessed may not depend on the coins; so it is fixed. Ties keep their order.
    """
    order = sorted(range(len(scores)), key=lambda place: -scores[place])
    quarter = len(order) // 4
    top, bottom = order[:quarter], order[len(order) - quarter :]
    return 2 * quarter, sum(planted[one] for one in top) + sum(not planted[one] for one in bottom)


def epsilon_lower(coins: int, guesses: int, right: int, confidence: float = 0.95, delta: float = DELTA) -> float:
    """The largest epsilon that one training run contradicts: it was not (epsilon, delta)-private for less.

    Steinke, Nasr & Jagielski 2023 (Privacy Auditing with One (1) Training Run, theorem 5.2 and corollary 5.4).

    Args:
        coins: canaries, each planted by a fair coin of its own.
        guesses: of them that were guessed at.
        right: guesses that were right.
    """
    if not 0 <= right <= guesses <= coins:
        raise ValueError(f"no guesses: {right} right of {guesses} of {coins}")
    if guesses == 0:
        return 0.0
    return _boundary(lambda epsilon: _p_value(coins, guesses, right, epsilon, delta) < 1 - confidence, 0.0, 64.0)


def _p_value(coins: int, guesses: int, right: int, epsilon: float, delta: float) -> float:
    """At most the chance of so many right guesses under (epsilon, delta)-privacy.

    Under pure privacy they are at best binomial, as of randomised response; delta adds 2 * delta * coins times the
    largest over i of P(right > X >= right - i) / i.
    """
    import numpy as np
    from scipy.stats import binom

    chance = 1 / (1 + exp(-epsilon))
    just_below = np.cumsum(binom.pmf(np.arange(right - 1, -1, -1), guesses, chance))
    slack = float((just_below / np.arange(1, right + 1)).max()) if right else 0.0
    return float(binom.sf(right - 1, guesses, chance)) + 2 * delta * coins * slack
