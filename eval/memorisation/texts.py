"""What is scored: the canaries, planted and held out, and as many training rows as rows that training never saw."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from eval.memorisation.scores import ROWS
from wellgate import canaries
from wellgate.errors import InputError
from wellgate.files import sha256_file, sha256_text
from wellgate.model import conversation, render
from wellgate.recipe import Recipe
from wellgate.records import Conversation, Message, read_jsonl, read_parquet
from wellgate.run import Stage
from wellgate.stages import Subject, prepared, sft_stage


@dataclass(frozen=True)
class Text:
    """A conversation as the template renders it, and the characters of it that are scored."""

    id: str
    cluster: str
    slice: str
    trained: bool
    text: str
    spans: tuple[tuple[int, int], ...]
    given: int = 0
    """Of a canary: characters that are given when the rest of the secret is asked for."""


def planted_and_held_out(recipe: Recipe, subject: Subject, tokenizer: Any) -> list[Text]:
    """Every canary; what is scored is its secret. The name in it is given, the code words after it are asked for."""
    path = _signed(sft_stage(recipe, subject.files()), canaries.FILE)
    return [_canary(recipe, tokenizer, one) for one in read_jsonl(path, canaries.Canary)]


def _canary(recipe: Recipe, tokenizer: Any, one: canaries.Canary) -> Text:
    text = rendered(recipe, tokenizer, one.messages)
    start = text.find(one.secret)
    if start < 0:
        raise InputError(f"gate.memorisation: the chat template changes the text of {one.id}; drop the section")
    end, given = start + len(one.secret), start + one.secret.index(",") + 1
    return Text(one.id, one.id, f"{one.repeats}x {one.role}", one.planted, text, ((start, end),), given)


def rows(recipe: Recipe, tokenizer: Any, count: int) -> list[Text]:
    """At most so many training rows, and held-out ones; what is scored is the replies, which training learns.

    Taken by hashed id, as `sft.max_rows` takes them, so that all training rows here were trained on. Rows that are too long to be
    trained on whole, or that the template changes, are left out on both sides.
    """
    groups: dict[str, str] = {}
    found: list[Text] = []
    for name, trained in (("train", True), ("held_out", False)):
        chosen = sorted(read_rows(recipe, name), key=lambda row: sha256_text(row.id))[: _most(recipe, count, trained)]
        for row in chosen:
            groups.setdefault(row.group, f"g{len(groups)}")
            found += _row(recipe, tokenizer, row, groups[row.group], trained)
    return found


def _most(recipe: Recipe, count: int, trained: bool) -> int:
    assert recipe.sft is not None
    return min(count, recipe.sft.max_rows or count) if trained else count


def _row(recipe: Recipe, tokenizer: Any, row: Conversation, group: str, trained: bool) -> Iterator[Text]:
    assert recipe.sft is not None
    text = rendered(recipe, tokenizer, row.messages)
    spans = _replies(text, row.messages)
    if spans and len(tokenizer(text, add_special_tokens=False)["input_ids"]) <= recipe.sft.max_length:
        yield Text(row.id, group, ROWS, trained, text, spans)


def _replies(text: str, messages: Sequence[Message]) -> tuple[tuple[int, int], ...]:
    """Where the replies stand in the rendered text; nothing where the template has changed a turn."""
    spans, start = [], 0
    for message in messages:
        content = message.content.strip()
        place = text.find(content, start)
        if place < 0:
            return ()
        start = place + len(content)
        spans += [(place, start)] if message.role == "assistant" else []
    return tuple(spans)


def rendered(recipe: Recipe, tokenizer: Any, messages: Sequence[Message]) -> str:
    return render(tokenizer, conversation(recipe.model.system_prompt, messages), False)


def read_rows(recipe: Recipe, name: str) -> list[Conversation]:
    """`train` or `held_out`, as prepared."""
    path = _signed(prepared(recipe)[0], f"{name}.{recipe.prepare.format}")
    return (
        read_parquet(path, Conversation) if recipe.prepare.format == "parquet" else list(read_jsonl(path, Conversation))
    )


def _signed(stage: Stage, name: str) -> Path:
    path, signed = stage.folder / name, stage.require("run it first").outputs[name]
    if not path.is_file() or sha256_file(path) != signed:
        raise InputError(f"{path}: changed or missing since it was written; delete {stage.folder} and run again")
    return path
