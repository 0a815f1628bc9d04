"""Tokens and labels: the loss sees every assistant turn with its end token, and nothing else.

The conversation is rendered once by the chat template; the supervised stretches are known by rendering each prefix
(never by searching for strings), and carried to tokens by character offsets. A template for which this cannot
be proven on a row is refused.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from jinja2.exceptions import TemplateError

from wellgate.errors import InputError
from wellgate.model import conversation, encode, render
from wellgate.records import Conversation, Feedback, Preference

IGNORED = -100
"""Label of a position that the loss does not see (PyTorch's `ignore_index`)."""


@dataclass(frozen=True)
class Labelled:
    """One training row: token ids, and the same ids where supervised, else -100. Both of length (tokens,)."""

    id: str
    input_ids: list[int]
    labels: list[int]


@dataclass(frozen=True)
class Judged:
    """One judged reply as token ids; the completion ends with the end-of-turn token."""

    id: str
    prompt_ids: list[int]
    completion_ids: list[int]
    desirable: bool

    @property
    def length(self) -> int:
        """Tokens in all."""
        return len(self.prompt_ids) + len(self.completion_ids)


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
    _require_plain(tokenizer, messages, record.id)
    text = _rendered(tokenizer, messages, False, record.id)
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
        if encoded["input_ids"][inside[-1]] not in _special(tokenizer):
            raise _refused(record.id, "the template ends a turn without an end token")
        for index in inside:
            labels[index] = encoded["input_ids"][index]
    return Labelled(record.id, list(encoded["input_ids"]), labels)


def _supervised(tokenizer: Any, messages: Sequence[dict[str, str]], turn: int, text: str, id: str) -> tuple[int, int]:
    """Characters of one assistant turn and its end token, in the rendered conversation."""
    prefix = _rendered(tokenizer, messages[:turn], True, id)
    whole = _rendered(tokenizer, messages[: turn + 1], False, id).rstrip()
    if not whole.startswith(prefix) or not text.startswith(whole):
        raise _refused(id, "the template renders a turn differently when more turns follow")
    body, content = whole[len(prefix) :], messages[turn]["content"]
    kept = next((one for one in (content, content.strip()) if body.startswith(one)), None)
    if kept is None or not body[len(kept) :].strip():
        raise _refused(id, "the template changes the text of a turn, or ends it without an end token")
    return len(prefix), len(whole)


def pair(tokenizer: Any, system_prompt: str, record: Preference) -> Pair:
    """Tokens of one preference pair: both sides continue the same prompt tokens."""
    messages = conversation(system_prompt, record.prompt)
    prompt_ids, sides = _replies(tokenizer, messages, (record.chosen, record.rejected), record.id)
    return Pair(record.id, prompt_ids, *sides)


def judged(tokenizer: Any, system_prompt: str, record: Feedback) -> Judged:
    """Tokens of one judged reply and of what it answers."""
    *messages, last = conversation(system_prompt, record.messages)
    prompt_ids, (completion_ids,) = _replies(tokenizer, messages, (last["content"],), record.id)
    return Judged(record.id, prompt_ids, completion_ids, record.desirable)


def _replies(
    tokenizer: Any, messages: Sequence[dict[str, str]], replies: Sequence[str], id: str
) -> tuple[list[int], list[list[int]]]:
    """Tokens of the prompt, and of each reply that continues it."""
    prompt_ids = list(encode(tokenizer, _rendered(tokenizer, messages, True, id))["input_ids"])
    sides = []
    for reply in replies:
        turns = [*messages, {"role": "assistant", "content": reply}]
        _require_plain(tokenizer, turns, id)
        text = _rendered(tokenizer, turns, False, id)
        _, end = _supervised(tokenizer, turns, len(messages), text, id)
        ids = list(encode(tokenizer, text[:end])["input_ids"])
        if ids[: len(prompt_ids)] != prompt_ids:
            raise _refused(id, "a token reaches across the border of an assistant turn")
        if ids[-1] not in _special(tokenizer):
            raise _refused(id, "the template ends a turn without an end token")
        sides.append(ids[len(prompt_ids) :])
    return prompt_ids, sides


def _rendered(tokenizer: Any, messages: Sequence[dict[str, str]], generation_prompt: bool, id: str) -> str:
    try:
        return render(tokenizer, messages, generation_prompt)
    except TemplateError:  # its message may quote the conversation
        raise _refused(id, "the template refuses these turns") from None


def _require_plain(tokenizer: Any, messages: Sequence[dict[str, str]], id: str) -> None:
    """No message may hold a special token: it would be read as the border of a turn."""
    special = [str(token) for token in _special(tokenizer).values()]
    if found := [one for one in special if any(one in message["content"] for message in messages)]:
        raise _refused(id, f"a message holds the special token {found[0]}")


def _special(tokenizer: Any) -> dict[int, Any]:
    return {id: token for id, token in tokenizer.added_tokens_decoder.items() if token.special}


def _refused(id: str, why: str) -> InputError:
    return InputError(f"labels cannot be proven for {id}: {why}; repair the row, or use another base model")
