"""Micro-skills of counselling that a reply shows, and faults of tone.

Also an `evaluate` module: `evaluate.load("eval/metrics/skills.py")`. English only.
"""

from __future__ import annotations

from eval.metrics import learned

VERSION = "1"


class Skills(learned.Learned):
    criteria = (
        "reflects",
        "validates",
        "asks_open_question",
        "asks_permission",
        "gives_advice",
        "summarises",
        "lectures",
        "mentions_coercion",
        "stereotypes",
    )
