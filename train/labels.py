"""Tokens and labels: the loss sees every assistant turn with its end token, and nothing else.

The conversation is rendered once by the chat template; the supervised stretches are known by rendering each prefix
(never by searching for strings), and carried to tokens by character offsets. A template for which this cannot
be proven on a row is refused.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

from wellgate.errors import InputError
from wellgate.model import conversation, encode, render
from wellgate.records import Conversation, Preference

Row = TypeVar("Row", "Labelled", "Pair")
IGNORED = -100
"""Label of a position that the loss does not see (PyTorch's `ignore_index`)."""


@dataclass(frozen=True)
class Labelled:
    """One training row: token ids, and the same ids where supervised, else -100. Both of length (tokens,)."""

    id: str
    input_ids: list[int]
    labels: list[int]


@dataclass(frozen=True)
class Pair:
    """One preference row as token ids; chosen and rejected end with the end-of-turn token."""

    id: str
    prompt_ids: list[int]
    chosen_ids: list[int]
    rejected_ids: list[int]

    @property
    def length(self) -> int:
        """Tokens of the longer side."""
        return len(self.prompt_ids) + max(len(self.chosen_ids), len(self.rejected_ids))


def label(tokenizer: Any, system_prompt: str, record: Conversation) -> Labelled:
    """Tokens and labels of one conversation."""
    messages = conversation(system_prompt, record.messages)
    text = render(tokenizer, messages, generation_prompt=False)
    spans = [
        _supervised(tokenizer, messages, turn, text, record.id)
        for turn, message in enumerate(messages)
        if message["role"] == "assistant"
    ]
    encoded = encode(tokenizer, text)
    labels = [IGNORED] * len(encoded["input_ids"])
    for start, end in spans:
        inside = [
            index for index, (first, last) in enumerate(encoded["offset_mapping"]) if first < end and last > start
        ]
        if (
            not inside
            or encoded["offset_mapping"][inside[0]][0] != start
            or encoded["offset_mapping"][inside[-1]][1] != end
        ):
            raise _refused(record.id, "a token reaches across the border of an assistant turn")
        for index in inside:
            labels[index] = encoded["input_ids"][index]
    return Labelled(record.id, list(encoded["input_ids"]), labels)


def _supervised(tokenizer: Any, messages: Sequence[dict[str, str]], turn: int, text: str, id: str) -> tuple[int, int]:
    """Characters of one assistant turn and its end token, in the rendered conversation."""
    prefix = render(tokenizer, messages[:turn], generation_prompt=True)
    whole = render(tokenizer, messages[: turn + 1], generation_prompt=False).rstrip()
    if not whole.startswith(prefix) or not text.startswith(whole):
        raise _refused(id, "the template renders a turn differently when more turns follow")
    ending = whole[len(prefix) :].removeprefix(messages[turn]["content"].strip())
    if ending == whole[len(prefix) :] or not ending.strip():
        raise _refused(id, "the template changes the text of a turn, or ends it without an end token")
    return len(prefix), len(whole)


def pair(tokenizer: Any, system_prompt: str, record: Preference) -> Pair:
    """Tokens of one preference pair: both sides continue the same prompt tokens."""
    messages = conversation(system_prompt, record.prompt)
    prompt = render(tokenizer, messages, generation_prompt=True)
    prompt_ids = list(encode(tokenizer, prompt)["input_ids"])
    sides = []
    for reply in (record.chosen, record.rejected):
        whole = render(
            tokenizer, [*messages, {"role": "assistant", "content": reply}], generation_prompt=False
        ).rstrip()
        ids = list(encode(tokenizer, whole)["input_ids"])
        if not whole.startswith(prompt) or ids[: len(prompt_ids)] != prompt_ids:
            raise _refused(record.id, "the template renders the prompt differently when a reply follows")
        sides.append(ids[len(prompt_ids) :])
    return Pair(record.id, prompt_ids, *sides)


def _refused(id: str, why: str) -> InputError:
    return InputError(f"labels cannot be proven for {id}: {why}; use another base model or template")


def within_length(rows: Sequence[Row], lengths: Sequence[int], limit: int, overlength: str, section: str) -> list[Row]:
    """Rows of at most `limit` tokens. Longer ones are an error, or dropped and said: a reply is never cut."""
    too_long = [row.id for row, length in zip(rows, lengths, strict=True) if length > limit]
    if too_long and overlength == "error":
        raise InputError(
            f"{section}.max_length: {len(too_long)} of {len(rows)} rows have more than {limit} tokens (longest {max(lengths)}, first {too_long[0]});"
            f" raise {section}.max_length or set {section}.overlength: drop"
        )
    if len(too_long) == len(rows):
        raise InputError(f"{section}.max_length: all {len(rows)} rows have more than {limit} tokens")
    return [row for row, length in zip(rows, lengths, strict=True) if length <= limit]
