"""One generation path for base and tuned: same template, system prompt, precision, decoding and batch composition.

bf16 greedy text depends on the batch it is computed in, so batches are composed once, from the items alone, and
every subject answers in the same ones. Finished batches are kept as they come: a killed run goes on where it was.
"""

from __future__ import annotations

import json
import os
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
    """Prompts that are answered in one forward pass."""

    number: int
    sample: int
    items: tuple[Item, ...]
    prompts: tuple[str, ...]


def compose(responder: Responder, items: Sequence[Item], gate: Gate) -> list[Batch]:
    """Batches by prompt length, from the items alone; each sample number goes through the same ones."""
    _, tokenizer = responder.loaded()
    prompt = responder.recipe.model.system_prompt
    rendered = {item.id: loading.render(tokenizer, loading.conversation(prompt, item.messages), True) for item in items}
    ordered = sorted(items, key=lambda item: (len(loading.encode(tokenizer, rendered[item.id])["input_ids"]), item.id))
    groups = [ordered[first : first + gate.batch_size] for first in range(0, len(ordered), gate.batch_size)]
    return [
        Batch(number, sample, tuple(group), tuple(rendered[item.id] for item in group))
        for sample in range(gate.samples + 1)
        for number, group in enumerate(groups)
    ]


def answer(responder: Responder, probe: Probe, gate: Gate, batch: Batch) -> list[Reply]:
    """Generate one batch: greedily, or sampled with a seed of its own."""
    import torch

    model, tokenizer = responder.loaded()
    seed = sha256_text(f"{gate.seed}|{probe.use}|{batch.sample}|{batch.number}")
    torch.manual_seed(int(seed[:8], 16))
    sampling = {"do_sample": True, "temperature": gate.temperature, "top_k": 0, "top_p": 1.0}
    decoding = sampling if batch.sample else {"do_sample": False}
    with torch.inference_mode():
        written = loading.generate(model, tokenizer, batch.prompts, gate.max_new_tokens, **decoding)
    return [
        Reply(
            probe=probe.use,
            item=item.id,
            subject=responder.subject.name,
            sample=batch.sample,
            text=one.text,
            tokens=one.tokens,
            finished=one.finished,
            prompt_digest=sha256_text(prompt),
        )
        for item, prompt, one in zip(batch.items, batch.prompts, written, strict=True)
    ]


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
    expected = {(item.id, sample) for item in items for sample in range(gate.samples + 1)}
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
