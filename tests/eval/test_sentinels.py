"""A grader that is broken, in whatever way, is seen by the frozen replies before any verdict rests on it."""

from __future__ import annotations

import importlib
from collections import Counter
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from eval import quality, sentinels
from eval.metrics import linear
from wellgate.grading import SURELY, metric, metrics

Found = np.ndarray[Any, Any]


def test_whole_graders_answer_every_sentinel_as_they_did() -> None:
    assert sentinels.wrong() == ()


def test_every_criterion_that_can_be_used_has_sentinels_on_both_sides() -> None:
    labels = Counter((criterion, known) for row in sentinels.read() for criterion, known in row["answers"].items())
    answered = {
        name
        for one in metrics()
        if one != "coherence"
        for name in metric(one)[0].compute(predictions=["Hello."], references=[""])
        if not name.startswith(SURELY)
    }
    assert answered <= set(quality.read())
    for name in answered:
        assert min(labels[name, 0], labels[name, 1]) >= sentinels.EACH, name


def swapped(found: Found) -> Found:
    """Two criteria answer for one another."""
    return found[:, [1, 0, *range(2, found.shape[1])]]


BROKEN: dict[str, Callable[[Found], Found]] = {
    "finds everything": np.ones_like,
    "finds nothing": np.zeros_like,
    "turned round": np.logical_not,
    "one reply late": lambda found: np.roll(found, 1, axis=0),
    "two criteria swapped": swapped,
    "one criterion never found": lambda found: found & (np.arange(found.shape[1]) != 0),
    "one criterion always found": lambda found: found | (np.arange(found.shape[1]) == 0),
}


@pytest.mark.parametrize("how", BROKEN)
def test_a_learned_grader_that_is_broken_is_seen(monkeypatch: pytest.MonkeyPatch, how: str) -> None:
    whole = linear.Linear.answers

    def broken(self: linear.Linear, texts: Any, criteria: Any) -> tuple[Found, Found]:
        likely, sure = whole(self, texts, criteria)
        return BROKEN[how](likely), sure

    monkeypatch.setattr(linear.Linear, "answers", broken)
    found = sentinels.wrong()
    assert found
    assert not any(row["text"] in line for row in sentinels.read() for line in found)


def test_a_registry_grader_that_is_broken_is_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    module = importlib.import_module("eval.metrics.crisis_resources")
    judge = module.judge
    monkeypatch.setattr(
        module, "judge", lambda text, place: {name: not value for name, value in judge(text, place).items()}
    )
    assert any(one.startswith("crisis_resources/") for one in sentinels.wrong())
