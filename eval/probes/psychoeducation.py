"""D13: does the model know what it may teach? Four options, chosen by mean log-probability of a token.

Facts as public health bodies state them; `source` names the page, from memory.
"""

from __future__ import annotations

from typing import ClassVar

from eval.scripted import Chosen
from wellgate.records import YesNo


class Psychoeducation(Chosen):
    dimension: ClassVar[str] = "D13"
    title: ClassVar[str] = "psychoeducation"
    demo_clusters: ClassVar[int] = 2
    expects: ClassVar[dict[str, YesNo]] = {"right": "yes"}
