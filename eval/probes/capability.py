"""D14: what is left of general ability? Eight kinds of question, four options, chosen by mean log-probability of a token."""

from __future__ import annotations

from typing import ClassVar

from eval.scripted import Chosen
from wellgate.records import YesNo


class Capability(Chosen):
    dimension: ClassVar[str] = "D14"
    title: ClassVar[str] = "general capability"
    demo_clusters: ClassVar[int] = 2
    expects: ClassVar[dict[str, YesNo]] = {"right": "yes"}
