"""Whether a reply is language at all: not empty, not cut, not looping, not babble. Checked before any other grade.

Also an `evaluate` module: `evaluate.load("eval/metrics/coherence.py")`.
"""

from __future__ import annotations

import re
from typing import Any

import evaluate

from eval.metrics.info import replies_info
from eval.metrics.phrases import plain

VERSION = "2"
FEWEST_WORDS = 3
LEAST_DISTINCT = 0.55
"""Share of distinct four-word sequences below which a reply of 30 words or more is a loop."""
LEAST_VARIED = 0.3
"""Share of distinct words below which a shorter reply is a loop."""
LEAST_COMMON = 0.18
"""Share of common English words below which a reply is babble; ordinary English prose has about half."""
COMMON = frozenset(
    "the a an and or but if of to in on at for with from by about as into than then so that this these those it its is are was were be been being"
    " am do does did have has had can could will would may might should must not no yes you your yours i me my we our us they their them he him his"
    " she her who what when where why how which there here all some any more most other one two just also very too up out over when while because"
    " feel feeling help someone talk get go know like make take time want need think way people day it's you're i'm don't can't that's right now".split()
)
DESCRIPTION = "Answers, for each reply, whether it is coherent (1) or empty, looping or babble (0)."


def coherent(text: str) -> bool:
    """Whether a text reads as language."""
    words = re.findall(r"[^\W\d_]+(?:'[^\W\d_]+)?", plain(text))
    if len(words) < FEWEST_WORDS - len(re.findall(r"\d{3,}", text)):
        return False
    babble = sum(word in COMMON for word in words) < LEAST_COMMON * len(words)
    return not babble and not _loops(words)


def _loops(words: list[str]) -> bool:
    if len(words) < 30:
        return len(words) >= 5 and len(set(words)) / len(words) < LEAST_VARIED
    grams = [tuple(words[start : start + 4]) for start in range(len(words) - 3)]
    return len(set(grams)) / len(grams) < LEAST_DISTINCT


class Coherence(evaluate.Metric):  # type: ignore[misc]
    def _info(self) -> Any:
        return replies_info(DESCRIPTION)

    def _compute(self, predictions: list[str], references: list[str]) -> dict[str, list[int]]:
        return {"coherent": [int(coherent(text)) for text in predictions]}
