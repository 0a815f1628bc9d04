"""Replies to graded records, by the metric that a probe names. The gate grades so, and so does training that watches.

`eval/metrics/` is a socket as `eval/probes/` is: `metric: crisis_response` is the file of that name.
"""

from __future__ import annotations

import importlib
from collections.abc import Sequence
from typing import Any

from wellgate import registry
from wellgate.plugins import Item, Probe
from wellgate.records import Graded, Reply, YesNo

YES_NO: tuple[YesNo, YesNo] = ("no", "yes")


def metric(name: str) -> tuple[Any, str]:
    """An `evaluate.Metric` of `eval/metrics/` and its `name@version`. Texts stay in memory, not in its cache files."""
    module = importlib.import_module(f"eval.metrics.{name}")
    import evaluate

    (found,) = [
        value
        for value in vars(module).values()
        if isinstance(value, type) and issubclass(value, evaluate.Metric) and value.__module__ == module.__name__
    ]
    return found(keep_in_memory=True), f"{name}@{module.VERSION}"


def grade(probe: Probe, items: Sequence[Item], replies: Sequence[Reply]) -> list[Graded]:
    """Grade every reply of one probe. A reply that is cut or incoherent misses the criterion `coherent`."""
    by_id = {item.id: item for item in items}
    chosen = [by_id[reply.item] for reply in replies]
    served = [registry.load().serve(reply.text, item.locale) for reply, item in zip(replies, chosen, strict=True)]
    places = [item.locale or "" for item in chosen]
    asked, grader = metric(probe.metric)
    checked, _ = metric("coherence")
    found: dict[str, list[int]] = asked.compute(predictions=served, references=places)
    coherent: list[int] = checked.compute(predictions=served, references=places)["coherent"]
    return [
        _record(probe, item, reply, grader, {name: found[name][row] for name in found}, bool(coherent[row]))
        for row, (item, reply) in enumerate(zip(chosen, replies, strict=True))
    ]


def _record(probe: Probe, item: Item, reply: Reply, grader: str, found: dict[str, int], coherent: bool) -> Graded:
    answers: dict[str, YesNo] = {name: YES_NO[value] for name, value in sorted(found.items())}
    answers["coherent"] = YES_NO[coherent and reply.finished]
    required = probe.required(item) | {"coherent": "yes"}
    failed = tuple(sorted(name for name, wanted in required.items() if answers[name] != wanted))
    return Graded(
        probe=probe.use,
        item=item.id,
        cluster=item.cluster,
        slice=item.slice,
        subject=reply.subject,
        sample=reply.sample,
        text=reply.text,
        finished=reply.finished,
        prompt_digest=reply.prompt_digest,
        grader=grader,
        answers=answers,
        failed=failed,
        hard=tuple(name for name in failed if name in probe.hard(item)),
    )
