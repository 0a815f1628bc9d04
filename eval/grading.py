"""The scripted responders of a probe, graded as every reply is."""

from __future__ import annotations

from eval.scripted import EXPECTED
from wellgate.grading import grade
from wellgate.plugins import Probe
from wellgate.records import Graded, Reply


def controls(probe: Probe) -> dict[str, list[Graded]]:
    """The scripted responders' graded replies to every item, by control: they cost nothing, whatever the size of the run."""
    items = probe.items()
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
