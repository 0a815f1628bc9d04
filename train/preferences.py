"""What is looked at before a preference is trained: equal replies, length that tells the winner, both judgements there.

Lengths are in tokens, as the loss sees them. Wording is judged where the text is prepared: the datasheet's balance of
warm words is quoted, not measured again. Numbers and tags only, no text.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from typing import Any

from train.labels import Judged, Pair
from wellgate.errors import InputError
from wellgate.recipe import Dpo, Kto
from wellgate.records import Feedback, Preference

LEAST = 20
"""Rows of a tag that is listed, as in the datasheet. Fewer say nothing, and a tag of one record is its name."""
BALANCED = (1.0, 4 / 3)
"""Weighted desirable over weighted undesirable rows, as KTO's authors advise (arXiv 2402.01306, equation 8)."""


def different(records: Iterable[Preference]) -> list[Preference]:
    """The pairs whose replies differ in more than case and white space: the others teach nothing."""
    return [one for one in records if _plain(one.chosen) != _plain(one.rejected)]


def _plain(text: str) -> str:
    return " ".join(text.casefold().split())


def pair_report(rows: Sequence[Pair], records: Sequence[Preference]) -> dict[str, Any]:
    """Count and length balance of the pairs, in all and by tag."""
    by_tag: dict[str, list[Pair]] = {}
    tags = {one.id: one.tags for one in records}
    for row in rows:
        for tag in set(tags[row.id]):
            by_tag.setdefault(tag, []).append(row)
    listed = {tag: lengths(some) for tag, some in sorted(by_tag.items()) if len(some) >= LEAST}
    return lengths(rows) | {"by_tag": listed}


def lengths(rows: Sequence[Pair]) -> dict[str, Any]:
    """`chosen_longer`: share of the pairs that differ in length; `mean_ratio`: geometric mean of chosen over rejected."""
    sizes = [(len(row.chosen_ids), len(row.rejected_ids)) for row in rows]
    longer = sum(chosen > rejected for chosen, rejected in sizes)
    shorter = sum(chosen < rejected for chosen, rejected in sizes)
    logs = [math.log(chosen / rejected) for chosen, rejected in sizes]
    return {
        "pairs": len(rows),
        "equal_length": len(rows) - longer - shorter,
        "chosen_longer": round(longer / (longer + shorter), 4) if longer + shorter else None,
        "mean_ratio": round(math.exp(sum(logs) / len(logs)), 4),
    }


def require_balanced_length(report: dict[str, Any], section: Dpo) -> None:
    """Length alone must not tell the chosen reply.

    Raises:
        InputError: with the share, and the ways out.
    """
    share = report["chosen_longer"]
    if share is not None and share > section.max_length_bias:
        raise InputError(
            f"dpo.max_length_bias: the chosen reply is the longer one in {share:.0%} of {report['pairs']} pairs, more than"
            f" {section.max_length_bias:.0%}: the model would learn length; balance the pairs, or raise the limit knowingly"
            " (and set ld_alpha, or loss_type: [sigmoid_norm])"
        )


def feedback_report(rows: Sequence[Judged], records: Sequence[Feedback], section: Kto) -> dict[str, Any]:
    """Counts and lengths of both judgements, in all and by tag, and how the recipe's weights balance them."""
    tags = {one.id: one.tags for one in records}
    by_tag: dict[str, list[Judged]] = {}
    for row in rows:
        for tag in set(tags[row.id]):
            by_tag.setdefault(tag, []).append(row)
    found = _judgements(rows)
    weights = (section.desirable_weight * found["desirable"], section.undesirable_weight * found["undesirable"])
    return found | {
        "weight_ratio": round(weights[0] / weights[1], 4) if weights[1] else None,
        "by_tag": {tag: _judgements(some) for tag, some in sorted(by_tag.items()) if len(some) >= LEAST},
    }


def _judgements(rows: Sequence[Judged]) -> dict[str, Any]:
    sizes = {wanted: [len(row.completion_ids) for row in rows if row.desirable == wanted] for wanted in (True, False)}
    means = {wanted: round(sum(some) / len(some), 1) if some else None for wanted, some in sizes.items()}
    return {
        "desirable": len(sizes[True]),
        "undesirable": len(sizes[False]),
        "mean_tokens": {"desirable": means[True], "undesirable": means[False]},
    }


def require_both(report: dict[str, Any]) -> None:
    """KTO learns from the difference between both judgements.

    Raises:
        InputError: one of them is missing.
    """
    for wanted in ("desirable", "undesirable"):
        if not report[wanted]:
            raise InputError(f"kto: no row is judged {wanted}; KTO needs both judgements, or drop `kto`")


def balance_note(report: dict[str, Any], section: Kto) -> str:
    """What to set where the weighted judgements are out of KTO's range, or nothing."""
    low, high = BALANCED
    if low <= report["weight_ratio"] <= high:
        return ""
    factor = section.desirable_weight / report["weight_ratio"]
    return (
        f"kto: weighted desirable over undesirable rows is {report['weight_ratio']:.2f}; KTO's authors advise"
        f" {low:g} to {high:.2f}: set desirable_weight between {factor * low:.2f} and {factor * high:.2f}"
    )
