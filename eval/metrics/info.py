"""What every metric here tells `evaluate` about its inputs."""

from __future__ import annotations

from typing import Any

import datasets
import evaluate


def replies_info(description: str, references: str = "ignored") -> Any:
    """The MetricInfo of a metric over replies (`predictions`) and one string each beside them (`references`)."""
    text = datasets.Value("string")
    return evaluate.MetricInfo(
        description=description,
        citation="",
        inputs_description=f"predictions: replies; references: {references}",
        features=datasets.Features({"predictions": text, "references": text}),
    )
