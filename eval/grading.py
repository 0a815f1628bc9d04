"""The scripted responders of a probe, graded as every reply is."""

from __future__ import annotations

from eval.items import of_size
from eval.scripted import EXPECTED
from wellgate.grading import grade
from wellgate.plugins import Probe
from wellgate.records import Graded, Reply


def controls(probe: Probe, size: str) -> dict[str, list[Graded]]:
    """The scripted responders' graded replies, by control."""
    items = of_size(probe, size)
    return {
        name: grade(
            probe,
            items,
            [
                Reply(
                    probe=probe.use,
                    item=item.id,
                    subject=name,
                    sample=0,
                    text=probe.control(name, item),
                    tokens=0,
                    finished=True,
                    prompt_digest="",
                )
                for item in items
            ],
        )
        for name in EXPECTED
    }
