"""What a private run promises: the noise it takes, the epsilon it ends with, and whom that is about."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from train.labels import Labelled
from wellgate.errors import InputError
from wellgate.recipe import Private, Sft
from wellgate.records import Conversation

History = Sequence[tuple[float, float, int]]
"""As opacus's accountants keep it: noise multiplier, sampling rate, steps."""
LARGEST_EPSILON = 100.0
"""Beyond it the promise is empty: a guess at who was in the data may be right all but always."""


@dataclass(frozen=True)
class Plan:
    """What decides epsilon: each of `steps` batches takes every row with probability `rate`; the noise is `noise` clips."""

    rate: float
    steps: int
    noise: float


def plan(section: Sft, private: Private, rows: int) -> Plan:
    """Sampling rate, steps and noise, refused where they promise nothing."""
    if private.target_delta * rows >= 1:
        raise InputError(
            f"sft.private.target_delta: {private.target_delta:g} would let one of {rows} rows be published outright; set it below {1 / rows:.1g}"
        )
    rate = min(1.0, section.per_device_train_batch_size * section.gradient_accumulation_steps / rows)
    steps = section.max_steps if section.max_steps > 0 else math.ceil(section.num_train_epochs / rate)
    noise = private.noise_multiplier or _noise_for(private, rate, steps)
    bound = epsilon([(noise, rate, steps)], private.target_delta)
    if not bound <= LARGEST_EPSILON:
        raise InputError(
            f"sft.private.noise_multiplier: {noise:g} gives epsilon {bound:.0f}, which promises nothing; raise it"
        )
    print(
        f"sft: private, epsilon at most {bound:.2f} at delta {private.target_delta:g} after {steps} steps", flush=True
    )
    return Plan(rate, steps, noise)


def _noise_for(private: Private, rate: float, steps: int) -> float:
    from opacus.accountants.utils import get_noise_multiplier

    wanted = {"target_epsilon": private.target_epsilon, "target_delta": private.target_delta}
    try:
        return float(get_noise_multiplier(**wanted, sample_rate=rate, steps=steps, accountant="rdp"))
    except ValueError:
        raise InputError(
            f"sft.private.target_epsilon: {private.target_epsilon:g} cannot be reached with any noise; raise it"
        ) from None


def epsilon(history: History, delta: float) -> float:
    """Epsilon of (noise multiplier, sampling rate, steps) by opacus's Rényi accountant: an upper bound, about a tenth loose."""
    from opacus.accountants import RDPAccountant

    accountant = RDPAccountant()
    accountant.history = list(history)
    return max(0.0, float(accountant.get_epsilon(delta)))


def most_rows_of_a_client(private: Private, records: Sequence[Conversation], rows: Sequence[Labelled]) -> int:
    """The largest number of rows that one client has, refused where the promise is about clients and it is not 1."""
    if len({row.id for row in rows}) < len(rows):
        raise InputError(
            "sft.private: this base model's chat template makes several rows of one conversation, and the promise covers one row;"
            " use another base model, or conversations with one reply"
        )
    groups = {record.id: record.group for record in records}
    many = Counter(groups[row.id] for row in rows)
    largest = max(many.values())
    if private.unit == "client" and largest > 1:
        raise InputError(
            f"sft.private.unit: {sum(one > 1 for one in many.values())} of {len(many)} clients have several rows (up to {largest}),"
            " and the promise covers one; keep one row of each, or set sft.private.unit: record"
        )
    return largest


def promise(private: Private, history: History, largest: int) -> dict[str, Any]:
    """What was promised, in numbers. A client with k rows has k epsilon and k exp((k - 1) epsilon) delta, if that is below 1.

    Source of the second line: group privacy, lemma 2.2 of Vadhan 2017, "The Complexity of Differential Privacy".
    """
    bound = epsilon(history, private.target_delta)
    exponent = math.log(largest * private.target_delta) + (largest - 1) * bound
    ((noise, rate, steps),) = history
    return {
        "unit": private.unit,
        "epsilon": bound,
        "delta": private.target_delta,
        "noise_multiplier": noise,
        "max_grad_norm": private.max_grad_norm,
        "sample_rate": rate,
        "steps": steps,
        "accountant": "rdp",
        "secure_mode": False,
        "noise_seed_known": private.noise_seed is not None,
        "client": {
            "rows": largest,
            "epsilon": bound * largest if exponent < 0 else None,
            "delta": largest * private.target_delta * math.exp((largest - 1) * bound) if exponent < 0 else None,
        },
    }
