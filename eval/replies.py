"""One generation path for base and tuned: same template, system prompt, precision, decoding and batch composition.

bf16 greedy text depends on the batch it is computed in, so batches are composed once, from the items alone, and
every subject answers in the same ones. What is answered is kept as it comes: a run that was stopped goes on where it was.
"""

from __future__ import annotations

import json
import os
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

from eval.backends.local import LocalEngine
from eval.items import of_size
from wellgate.engine import Decoding, Engine, Unanswered, Written
from wellgate.errors import GateRefusal, InputError
from wellgate.files import sha256_file, sha256_text
from wellgate.model import conversation
from wellgate.plugins import Item, Probe
from wellgate.progress import progress
from wellgate.recipe import Gate, Recipe
from wellgate.records import Reply, read_jsonl, write_jsonl
from wellgate.run import Stage
from wellgate.stages import Subject, replies_stage

FILE = "replies.jsonl"
MAX_LOST = 0.02
"""A larger share of replies that the infrastructure loses stops the run at once; the others are asked for once more."""


@dataclass
class Responder:
    """A subject, through the recipe's back end."""

    recipe: Recipe
    subject: Subject

    @cached_property
    def engine(self) -> Engine:
        assert self.recipe.gate is not None
        return self.recipe.gate.backend.open(self.recipe, self.subject)

    def loaded(self) -> tuple[Any, Any]:
        """Model and tokenizer, for an audit that looks inside: the back end is local then."""
        assert isinstance(self.engine, LocalEngine)
        return self.engine.loaded()

    def chat(self, item: Item, turns: int) -> list[dict[str, str]]:
        """An item's first turns after its system prompt, or the recipe's where it has none of its own."""
        system = self.recipe.model.system_prompt if item.system is None else item.system
        return conversation(system, [one for turn in item.turns[:turns] for one in turn])


def ensure(responder: Responder, probe: Probe) -> Stage:
    """The subject's replies to one probe, generated unless they are there."""
    stage = replies_stage(responder.recipe, probe, responder.subject)
    if stage.manifest():
        return stage
    gate = responder.recipe.gate
    assert gate is not None
    with stage.working() as folder:
        items = of_size(probe, gate.size)
        partial = folder / "partial.jsonl"
        replies = _all(responder, probe, gate, items, partial)
        _require_complete(replies, items, gate)
        replies.sort(key=lambda reply: (reply.item, reply.sample))
        write_jsonl(folder / FILE, replies)
        manifest = stage.complete([FILE], {"replies": len(replies), "tokens": sum(reply.tokens for reply in replies)})
        partial.unlink(missing_ok=True)
        print(f"replies of {responder.subject.name} to {probe.use}: {len(replies)} in {manifest.seconds:.0f} s")
    return stage


def _all(responder: Responder, probe: Probe, gate: Gate, items: Sequence[Item], partial: Path) -> list[Reply]:
    """Every reply. What the infrastructure lost is asked for once more at the end; nothing is judged without it."""
    replies = list(_resumed(partial))
    batches = compose(responder, items, gate)
    label = f"replies of {responder.subject.name} to {probe.use}"
    for allowed in (int(MAX_LOST * sum(len(batch.items) for batch in batches)), 0):
        todo = _missing(batches, replies)
        lost: list[Unanswered] = []
        for batch in progress(todo, label, len(todo)):
            answers = answer(responder, probe, gate, batch)
            new = [one for one in answers if isinstance(one, Reply)]
            _keep(partial, new)
            replies += new
            lost += [one for one in answers if isinstance(one, Unanswered)]
            _require_answered(lost, allowed, label, len(replies))
    return replies


def _missing(batches: Sequence[Batch], replies: Sequence[Reply]) -> list[Batch]:
    """The batches with what is not answered yet."""
    done = {(reply.item, reply.sample) for reply in replies}
    left = [
        Batch(one.number, one.sample, tuple(item for item in one.items if (item.id, one.sample) not in done))
        for one in batches
    ]
    return [one for one in left if one.items]


def _require_answered(lost: Sequence[Unanswered], allowed: int, label: str, kept: int) -> None:
    if len(lost) > allowed or any(one.final for one in lost):
        why = next((one for one in lost if one.final), lost[-1]).reason
        raise InputError(
            f"gate: {label}: {len(lost)} not answered: {why}. {kept} that were answered are kept: run again to go on"
        )


@dataclass(frozen=True)
class Batch:
    """Items that are answered together, turn by turn."""

    number: int
    sample: int
    items: tuple[Item, ...]


def compose(responder: Responder, items: Sequence[Item], gate: Gate) -> list[Batch]:
    """Batches by number of turns and length, from the items alone; each sample number goes through the same ones.

    Options are weighed once: nothing of that is sampled.
    """
    kinds: dict[tuple[bool, int], list[Item]] = defaultdict(list)
    for item in items:
        kinds[bool(item.options), len(item.turns)].append(item)
    groups: list[tuple[int, tuple[Item, ...]]] = []
    for (chosen, _), alike in sorted(kinds.items()):
        ordered = sorted(alike, key=lambda item: (responder.engine.length(responder.chat(item, 1)), item.id))
        samples = 1 if chosen else gate.samples + 1
        groups += [
            (samples, tuple(ordered[first : first + gate.batch_size]))
            for first in range(0, len(ordered), gate.batch_size)
        ]
    return [
        Batch(number, sample, group)
        for sample in range(gate.samples + 1)
        for number, (samples, group) in enumerate(groups)
        if sample < samples
    ]


def answer(responder: Responder, probe: Probe, gate: Gate, batch: Batch) -> list[Reply | Unanswered]:
    """One batch: options weighed, or replies written, greedily or sampled with seeds of its own."""
    if batch.items[0].options:
        return _choose(responder, probe, batch)
    return _write(responder, probe, gate, batch)


def _choose(responder: Responder, probe: Probe, batch: Batch) -> list[Reply | Unanswered]:
    chats = [responder.chat(item, 1) for item in batch.items]
    weighed = responder.engine.weigh(chats, [item.options for item in batch.items])
    return [
        scores if isinstance(scores, Unanswered) else _chosen(responder, probe, item, chat, scores)
        for item, chat, scores in zip(batch.items, chats, weighed, strict=True)
    ]


def _chosen(responder: Responder, probe: Probe, item: Item, chat: list[dict[str, str]], scores: list[float]) -> Reply:
    best = Written(item.options[scores.index(max(scores))], 0, True)
    prompt = responder.engine.text(chat)
    return _reply(responder, probe, item, 0, [best], prompt, scores=tuple(round(one, 4) for one in scores))


@dataclass
class Talk:
    """A conversation under way."""

    item: Item
    chat: list[dict[str, str]]
    said: list[Written] = field(default_factory=list)
    lost: Unanswered | None = None
    prompt: str = ""


def _write(responder: Responder, probe: Probe, gate: Gate, batch: Batch) -> list[Reply | Unanswered]:
    """The model's replies stay in the conversation; the last one is the reply, those before it are kept beside it."""
    talks = [Talk(item, responder.chat(item, 0)) for item in batch.items]
    for turn in range(len(batch.items[0].turns)):
        alive = [talk for talk in talks if not talk.lost]
        for talk in alive:
            talk.chat += [one.model_dump() for one in talk.item.turns[turn]]
            talk.prompt = responder.engine.text(talk.chat)
        how = _decoding(probe, gate, batch, turn, alive)
        for talk, one in zip(alive, responder.engine.write([talk.chat for talk in alive], how), strict=True):
            if isinstance(one, Unanswered):
                talk.lost = one
            else:
                talk.said.append(one)
                talk.chat.append({"role": "assistant", "content": one.text})
    return [talk.lost or _reply(responder, probe, talk.item, batch.sample, talk.said, talk.prompt) for talk in talks]


def _decoding(probe: Probe, gate: Gate, batch: Batch, turn: int, talks: Sequence[Talk]) -> Decoding:
    """The same draws for base and tuned model; a conversation's own do not depend on who else is asked."""
    return Decoding(
        max_new_tokens=gate.max_new_tokens,
        temperature=gate.temperature if batch.sample else 0.0,
        seed=None if turn else _seed(gate.seed, probe.use, batch.sample, batch.number),
        seeds=tuple(_seed(gate.seed, probe.use, batch.sample, talk.item.id, turn) >> 1 for talk in talks),
    )


def _seed(*parts: object) -> int:
    """32 bits; endpoints take 31 of them."""
    return int(sha256_text("|".join(map(str, parts)))[:8], 16)


def _reply(
    responder: Responder, probe: Probe, item: Item, sample: int, said: Sequence[Written], prompt: str, **more: Any
) -> Reply:  # fmt: skip
    return Reply(
        probe=probe.use,
        item=item.id,
        subject=responder.subject.name,
        sample=sample,
        text=said[-1].text,
        tokens=sum(one.tokens for one in said),
        finished=said[-1].finished,
        prompt_digest=sha256_text(prompt),
        earlier=tuple(one.text for one in said[:-1]),
        **more,
    )


def _resumed(partial: Path) -> Iterator[Reply]:
    """Replies that were kept before the run was stopped; a torn last line is cut off."""
    if not partial.exists():
        return
    whole, newline, _ = partial.read_bytes().rpartition(b"\n")
    partial.write_bytes(whole + newline)
    for line in whole.splitlines():
        batch = json.loads(line)
        yield from (Reply.model_validate(reply) for reply in batch)


def _keep(partial: Path, replies: Sequence[Reply]) -> None:
    """Append what came of one batch as one line, safely on disk."""
    if not replies:
        return
    with partial.open("a", encoding="utf-8") as stream:
        stream.write(json.dumps([reply.model_dump(mode="json") for reply in replies]) + "\n")
        stream.flush()
        os.fsync(stream.fileno())


def _require_complete(replies: Sequence[Reply], items: Sequence[Item], gate: Gate) -> None:
    expected = {(item.id, sample) for item in items for sample in range(1 if item.options else gate.samples + 1)}
    found = [(reply.item, reply.sample) for reply in replies]
    if len(found) != len(expected) or set(found) != expected:
        raise InputError(
            f"gate: {len(found)} replies where {len(expected)} belong; delete the replies folder and run again"
        )


def read(stage: Stage) -> list[Reply]:
    """A completed stage's replies.

    Raises:
        GateRefusal: the file is not the one that the stage signed.
    """
    path = stage.folder / FILE
    if not path.is_file() or sha256_file(path) != stage.require("run `wellgate gate`").outputs[FILE]:
        raise GateRefusal(f"{path}: changed or missing since the model answered; delete {stage.folder} and run again")
    return list(read_jsonl(path, Reply))
