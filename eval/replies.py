"""One generation path for base and tuned: same template, system prompt, precision, decoding and batch composition.

bf16 greedy text depends on the batch it is computed in, so batches are composed once, from the items alone, and
every subject answers in the same ones. Finished batches are kept as they come: a killed run goes on where it was.
"""

from __future__ import annotations

import json
import os
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from eval.items import of_size
from wellgate import model as loading
from wellgate.errors import GateRefusal, InputError
from wellgate.files import sha256_file, sha256_text
from wellgate.plugins import Item, Probe
from wellgate.progress import progress
from wellgate.recipe import Gate, Recipe
from wellgate.records import Reply, read_jsonl, write_jsonl
from wellgate.run import Stage
from wellgate.stages import Subject, replies_stage

FILE = "replies.jsonl"


@dataclass
class Responder:
    """A subject, loaded when it is first asked."""

    recipe: Recipe
    subject: Subject
    _loaded: tuple[Any, Any] | None = None

    def loaded(self) -> tuple[Any, Any]:
        """Model and tokenizer. A LoRA adapter is merged: unmerged it halves the speed.

        On a quantised base it is not: what ships is the adapter beside that base, and merging into
        rounded weights gives another model.
        """
        if self._loaded is None:
            loading.quiet()
            base = self.subject.base
            model = loading.load_model(base, self.recipe.model, self.subject.adapter)
            if self.subject.adapter and not self.recipe.model.quantization:
                model = model.merge_and_unload(safe_merge=True)
            self._loaded = model.eval(), loading.load_tokenizer(base)
        return self._loaded


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
        replies = list(_resumed(partial))
        batches = compose(responder, items, gate)
        done = {(reply.item, reply.sample) for reply in replies}
        todo = [batch for batch in batches if (batch.items[0].id, batch.sample) not in done]
        for batch in progress(todo, f"replies of {responder.subject.name} to {probe.use}", len(todo)):
            new = answer(responder, probe, gate, batch)
            _keep(partial, new)
            replies += new
        _require_complete(replies, items, gate)
        replies.sort(key=lambda reply: (reply.item, reply.sample))
        write_jsonl(folder / FILE, replies)
        manifest = stage.complete([FILE], {"replies": len(replies), "tokens": sum(reply.tokens for reply in replies)})
        partial.unlink(missing_ok=True)
        print(f"replies of {responder.subject.name} to {probe.use}: {len(replies)} in {manifest.seconds:.0f} s")
    return stage


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
    _, tokenizer = responder.loaded()
    kinds: dict[tuple[bool, int], list[Item]] = defaultdict(list)
    for item in items:
        kinds[bool(item.options), len(item.turns)].append(item)
    groups: list[tuple[int, tuple[Item, ...]]] = []
    for (chosen, _), alike in sorted(kinds.items()):
        prompts = {item.id: _prompt(responder, item) for item in alike}
        ordered = sorted(
            alike, key=lambda item: (len(loading.encode(tokenizer, prompts[item.id])["input_ids"]), item.id)
        )
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


def _prompt(responder: Responder, item: Item) -> str:
    _, tokenizer = responder.loaded()
    return loading.render(tokenizer, loading.conversation(_system(responder, item), item.turns[0]), True)


def _system(responder: Responder, item: Item) -> str:
    return responder.recipe.model.system_prompt if item.system is None else item.system


def answer(responder: Responder, probe: Probe, gate: Gate, batch: Batch) -> list[Reply]:
    """One batch: options weighed, or replies written, greedily or sampled with a seed of its own."""
    import torch

    seed = sha256_text(f"{gate.seed}|{probe.use}|{batch.sample}|{batch.number}")
    torch.manual_seed(int(seed[:8], 16))
    with torch.inference_mode():
        if batch.items[0].options:
            return [_choose(responder, probe, item) for item in batch.items]
        return _write(responder, probe, gate, batch)


def _choose(responder: Responder, probe: Probe, item: Item) -> Reply:
    model, tokenizer = responder.loaded()
    prompt = _prompt(responder, item)
    scores = loading.option_scores(model, tokenizer, prompt, item.options)
    best = item.options[scores.index(max(scores))]
    return _reply(responder, probe, item, 0, best, 0, True, prompt, scores=tuple(round(one, 4) for one in scores))


def _write(responder: Responder, probe: Probe, gate: Gate, batch: Batch) -> list[Reply]:
    """The model's replies stay in the conversation; the last one is the reply, those before it are kept beside it."""
    model, tokenizer = responder.loaded()
    sampling = {"do_sample": True, "temperature": gate.temperature, "top_k": 0, "top_p": 1.0}
    decoding = sampling if batch.sample else {"do_sample": False}
    talks = [loading.conversation(_system(responder, item), ()) for item in batch.items]
    said: list[list[Any]] = [[] for _ in batch.items]
    prompts: list[str] = []
    for turn in range(len(batch.items[0].turns)):
        for talk, item in zip(talks, batch.items, strict=True):
            talk += [one.model_dump() for one in item.turns[turn]]
        prompts = [loading.render(tokenizer, talk, True) for talk in talks]
        written = loading.generate(model, tokenizer, prompts, gate.max_new_tokens, **decoding)
        for talk, own, one in zip(talks, said, written, strict=True):
            own.append(one)
            talk.append({"role": "assistant", "content": one.text})
    return [
        _reply(
            responder,
            probe,
            item,
            batch.sample,
            own[-1].text,
            sum(one.tokens for one in own),
            own[-1].finished,
            prompt,
            earlier=tuple(one.text for one in own[:-1]),
        )
        for item, own, prompt in zip(batch.items, said, prompts, strict=True)
    ]


def _reply(
    responder: Responder, probe: Probe, item: Item, sample: int, text: str, tokens: int, finished: bool, prompt: str, **more: Any
) -> Reply:  # fmt: skip
    return Reply(
        probe=probe.use,
        item=item.id,
        subject=responder.subject.name,
        sample=sample,
        text=text,
        tokens=tokens,
        finished=finished,
        prompt_digest=sha256_text(prompt),
        **more,
    )


def _resumed(partial: Path) -> Iterator[Reply]:
    """Replies of the batches that were finished before a kill; a torn last line is cut off."""
    if not partial.exists():
        return
    whole, newline, _ = partial.read_bytes().rpartition(b"\n")
    partial.write_bytes(whole + newline)
    for line in whole.splitlines():
        batch = json.loads(line)
        yield from (Reply.model_validate(reply) for reply in batch)


def _keep(partial: Path, replies: Sequence[Reply]) -> None:
    """Append one finished batch as one line, safely on disk."""
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
