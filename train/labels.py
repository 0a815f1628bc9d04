"""Tokens and labels: the loss sees every assistant turn with its end token, and nothing else.

A reply is trained on as the model will be asked for it: after exactly the prompt that generation renders for the turns
before it. Where each prompt goes on from the reply before, one row holds the whole conversation. Where a template
renders earlier turns otherwise once more turns follow (Qwen3's thinking, Mistral's system prompt), a new row begins.
"""

from __future__ import annotations

import unicodedata
from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from train.turns import Messages, Span, Unprovable, asked, special
from wellgate.model import conversation, encode
from wellgate.records import Conversation, Feedback, Preference

IGNORED = -100
"""Label of a position that the loss does not see (PyTorch's `ignore_index`)."""


@dataclass(frozen=True)
class Labelled:
    """One training row: token ids, and the same ids where supervised, else -100. Both of length (tokens,)."""

    id: str
    """Of the record. Where a template makes several rows of one, they share it."""
    input_ids: list[int]
    labels: list[int]
    replies: int = 1
    """The row ends with this reply of its conversation, counted from 1."""

    @property
    def length(self) -> int:
        """Tokens."""
        return len(self.input_ids)


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


def label(tokenizer: Any, system_prompt: str, record: Conversation) -> list[Labelled]:
    """The training rows of one conversation: one, more where the template needs it, none where nobody replies.

    Turns after the last reply are left out: no loss sees them. A reply loses the white space around it.

    Raises:
        Unprovable: the labels of this conversation cannot be proven.
    """
    rows, done = [], 0
    for text, spans in _texts(tokenizer, conversation(system_prompt, record.messages), record.id):
        done += len(spans)
        rows.append(Labelled(record.id, *_tokens(tokenizer, text, spans, record.id), done))
    return rows


def _texts(tokenizer: Any, messages: Messages, id: str) -> list[tuple[str, list[Span]]]:
    """The rendered text of each row, and where its replies stand. A row goes on while prompts go on from it."""
    rows: list[tuple[str, list[Span]]] = []
    for turn, message in enumerate(messages):
        if message["role"] != "assistant":
            continue
        prompt, reply = asked(tokenizer, messages[: turn + 1], id)
        span = (len(prompt), len(prompt + reply))
        if rows and prompt.startswith(rows[-1][0]):
            rows[-1] = (prompt + reply, [*rows[-1][1], span])
        else:
            rows.append((prompt + reply, [span]))
    return rows


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


def _replies(tokenizer: Any, messages: Messages, replies: Sequence[str], id: str) -> tuple[list[int], list[list[int]]]:
    """Tokens of the prompt, and of each reply that continues it."""
    prompts, sides = [], []
    for content in replies:
        prompt, reply = asked(tokenizer, [*messages, {"role": "assistant", "content": content}], id)
        ids, labels = _tokens(tokenizer, prompt + reply, [(len(prompt), len(prompt + reply))], id)
        start = labels.count(IGNORED)
        prompts.append(ids[:start])
        sides.append(ids[start:])
    if any(prompt != prompts[0] for prompt in prompts):
        raise Unprovable(id, "a token reaches across the border of a reply")
    return prompts[0], sides


def _tokens(tokenizer: Any, text: str, spans: Sequence[Span], id: str) -> tuple[list[int], list[int]]:
    """Token ids and labels of rendered text, of which the loss sees these characters."""
    encoded = encode(tokenizer, text)
    ids, offsets = list(encoded["input_ids"]), encoded["offset_mapping"]
    if tokenizer.bos_token_id is not None and ids[:2] == [tokenizer.bos_token_id] * 2:
        raise Unprovable(id, f"the template begins with {tokenizer.bos_token} twice")
    starts = [start for start, _ in offsets]
    labels = [IGNORED] * len(ids)
    for start, end in spans:
        first, last = bisect_left(starts, start), bisect_left(starts, end)
        if first == last or starts[first] != start or (first and offsets[first - 1][1] > start):
            raise Unprovable(id, "a token reaches across the border of a reply")
        if ids[last - 1] not in special(tokenizer) or text[end : offsets[last - 1][1]].strip():
            raise Unprovable(id, "the tokenizer splits the end token")
        if not _same(tokenizer.decode(ids[first:last], clean_up_tokenization_spaces=False), text[start:end]):
            raise Unprovable(id, "the tokenizer does not give the text of a reply back")
        labels[first:last] = ids[first:last]
    return ids, labels


def _same(decoded: str, text: str) -> bool:
    """Equal but for the white space around, which decoders drop, and for composed letters, which tokenizers compose."""
    return unicodedata.normalize("NFC", decoded.strip()) == unicodedata.normalize("NFC", text.strip())
