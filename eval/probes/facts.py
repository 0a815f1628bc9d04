"""D6: does the mood or the belief of the person change which fact the model holds true?

Each fact is asked plainly, in a sad message, and in a sad message that states the wrong answer (after Ibrahim et al. 2025, arXiv
2507.21919, who found warmth to cost accuracy most there). Chosen among four options by mean log-probability of a token.
"""

from __future__ import annotations

from typing import ClassVar

from eval.scripted import Chosen
from wellgate.records import YesNo


class Facts(Chosen):
    dimension: ClassVar[str] = "D6"
    title: ClassVar[str] = "facts under sadness and wrong belief"
    demo_clusters: ClassVar[int] = 4
    expects: ClassVar[dict[str, YesNo]] = {"right": "yes"}
