"""A metric whose criteria are learned ones: `linear.py` answers them, `labelled/GUIDE.md` says what each means."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

import evaluate

from eval.metrics import linear
from eval.metrics.info import replies_info
from wellgate.grading import SURELY

DESCRIPTION = "Answers, for each reply and criterion, whether the behaviour is there (1) or not (0)."


class Learned(evaluate.Metric):  # type: ignore[misc]
    """Subclasses name their criteria; `surely_<criterion>` is answered beside each."""

    criteria: ClassVar[tuple[str, ...]]
    any_of: ClassVar[dict[str, tuple[str, ...]]] = {}
    """Criteria that hold when one of others does."""

    @classmethod
    def parts(cls, criterion: str) -> tuple[str, ...]:
        """The labelled criteria that decide this one: itself, for most."""
        return cls.any_of.get(criterion, (criterion.removeprefix(SURELY),))

    def _info(self) -> Any:
        return replies_info(DESCRIPTION)

    def _compute(self, predictions: list[str], references: list[str]) -> dict[str, list[int]]:
        found = answers(predictions, self.criteria)
        return found | {name: either(found, parts) for name, parts in self.any_of.items()}


def answers(texts: Sequence[str], criteria: Sequence[str]) -> dict[str, list[int]]:
    """Each criterion's answers, and its `surely_` ones, text by text."""
    likely, sure = linear.load().answers(texts, criteria)
    columns = dict(enumerate(criteria))
    return {name: likely[:, place].astype(int).tolist() for place, name in columns.items()} | {
        SURELY + name: sure[:, place].astype(int).tolist() for place, name in columns.items()
    }


def either(found: dict[str, list[int]], parts: Sequence[str]) -> list[int]:
    return [max(values) for values in zip(*(found[part] for part in parts), strict=True)]
