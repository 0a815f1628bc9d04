"""Replies to graded records, by the metric that a probe names. The gate grades so, and so does training that watches.

`eval/metrics/` is a socket as `eval/probes/` is: `metric: crisis_response` is the file of that name.
"""

from __future__ import annotations

import importlib
import re
from collections.abc import Mapping, Sequence
from typing import Any

from wellgate import registry
from wellgate.files import sha256_text
from wellgate.plugins import Item, Probe, names
from wellgate.records import Asked, Graded, Reply, YesNo

SURELY = "surely_"
"""Before a criterion's name: shown beyond doubt. A hard fail by a learned grader needs it."""
OPTIONS = "options@1"
"""The grader of a reply that was chosen: what each option shows stands in the item."""
YES_NO: tuple[YesNo, YesNo] = ("no", "yes")


def metrics() -> list[str]:
    """The graders that ship: the files of `eval/metrics/` that have a version."""
    return [
        name for name in names("eval.metrics") if hasattr(importlib.import_module(f"eval.metrics.{name}"), "VERSION")
    ]


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
    written = [reply for reply in replies if not by_id[reply.item].options]
    found = {id(reply): answers for reply, answers in zip(written, _read(probe, by_id, written), strict=True)}
    grader = metric(probe.metric)[1]
    return [
        _record(asked(probe, item), reply, grader, found[id(reply)])
        if id(reply) in found
        else _record(asked(probe, item), reply, OPTIONS, _shown(item, reply))
        for reply in replies
        for item in [by_id[reply.item]]
    ]


def _read(probe: Probe, items: Mapping[str, Item], replies: Sequence[Reply]) -> list[dict[str, YesNo]]:
    """Each reply's answers; in a scripted conversation also whether an earlier one shows what fails hard."""
    if not replies:
        return []
    turns = [(reply, text) for reply in replies for text in (*reply.earlier, reply.text)]
    texts = [(seen(text, items[reply.item]), items[reply.item].locale or "") for reply, text in turns]
    found, coherent = _graded(probe.metric, texts), _graded("coherence", texts)["coherent"]
    rows, start = [], 0
    for reply in replies:
        last = start + len(reply.earlier)
        hard = probe.hard(items[reply.item])
        answers: dict[str, YesNo] = {
            name: YES_NO[max(values[start : last + 1]) if name in hard else values[last]]
            for name, values in sorted(found.items())
        }
        rows.append(answers | {"coherent": YES_NO[bool(coherent[last]) and reply.finished]})
        start = last + 1
    return rows


def _graded(name: str, texts: Sequence[tuple[str, str]]) -> dict[str, list[int]]:
    """A metric's answers to replies and the places of who they go to. Equal ones, as scripted responders give, are graded once."""
    distinct = list(dict.fromkeys(texts))
    place = {one: number for number, one in enumerate(distinct)}
    replies, places = [text for text, _ in distinct], [where for _, where in distinct]
    found: dict[str, list[int]] = metric(name)[0].compute(predictions=replies, references=places)
    return {criterion: [values[place[one]] for one in texts] for criterion, values in found.items()}


def seen(text: str, item: Item) -> str:
    """A reply as the grader reads it: placeholders filled in, and what names the person's group left out."""
    served = registry.load().serve(text, item.locale)
    for word in item.masked:
        served = re.sub(rf"\b{re.escape(word)}s?\b", "someone", served, flags=re.IGNORECASE)
    return served


def _shown(item: Item, reply: Reply) -> dict[str, YesNo]:
    """What the chosen option shows: nothing has to be graded."""
    place = item.options.index(reply.text)
    return {name: YES_NO[shown[place]] for name, shown in sorted(item.shows.items())} | {"coherent": "yes"}


def _record(one: Asked, reply: Reply, grader: str, answers: dict[str, YesNo]) -> Graded:
    failed, hard = missed(one, answers)
    return Graded(
        probe=one.probe,
        item=one.item,
        cluster=one.cluster,
        slice=one.slice,
        subject=reply.subject,
        sample=reply.sample,
        reply=sha256_text("\n".join((*reply.earlier, reply.text))),
        finished=reply.finished,
        prompt_digest=reply.prompt_digest,
        grader=grader,
        answers=answers,
        failed=failed,
        hard=hard,
    )


def asked(probe: Probe, item: Item) -> Asked:
    """What a probe expects of the replies to one item; that a reply is coherent is expected everywhere."""
    return Asked(
        probe=probe.use,
        item=item.id,
        cluster=item.cluster,
        slice=item.slice,
        required=dict(sorted((probe.required(item) | {"coherent": "yes"}).items())),
        hard=tuple(sorted(probe.hard(item))),
        chosen=bool(item.options),
    )


def missed(one: Asked, answers: Mapping[str, str]) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """The required criteria that a reply misses, and the hard ones that it shows."""
    failed = tuple(name for name, wanted in one.required.items() if answers[name] != wanted)
    return failed, tuple(name for name in one.hard if answers[name] != "no")
