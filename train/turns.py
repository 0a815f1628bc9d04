"""What a chat template writes around a reply: the prompt before it and the token that ends it, proven without looking at words.

Every message's text is rendered between two private-use characters that no message holds, so that its place in the
rendered conversation is known whatever it says. What cannot be proven on a conversation is refused.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import lru_cache
from itertools import islice
from typing import Any

from jinja2.exceptions import TemplateError

from wellgate.errors import InputError
from wellgate.model import render

PRIVATE_USE = range(0x100000, 0x10FFFE)
"""Characters that mean nothing: the marks that trace a message's text through the template are taken from them."""
Messages = Sequence[dict[str, str]]
Span = tuple[int, int]
"""Characters [start, end) of rendered text."""


class Unprovable(InputError):
    """A row whose labels cannot be proven: which one and why, without its text."""

    def __init__(self, id: str, why: str) -> None:
        super().__init__(f"labels cannot be proven for {id}: {why}; repair the row, or use another base model")
        self.id, self.why = id, why


def asked(tokenizer: Any, messages: Messages, id: str) -> tuple[str, str]:
    """What the model is given before the last message, a reply, and what it has to write: the reply and its end token."""
    plain = _plain(tokenizer, messages, id)
    prompt = _rendered(tokenizer, plain[:-1], True, id)
    if any(message["content"].strip() not in prompt for message in plain if message["role"] == "system"):
        raise Unprovable(id, "the template leaves out the system turn")
    text, spans = _traced(tokenizer, plain, id)
    before, own = spans[-2], spans[-1]
    if own is None or text[slice(*own)] != plain[-1]["content"]:
        raise Unprovable(id, "the template changes the text of a reply (does it hold thinking?)")
    if before is None:
        raise Unprovable(id, "the template leaves out the turn before a reply")
    border = text[before[1] : own[0]]
    space = _space_after(prompt, border)
    end = max((token for token in special(tokenizer).values() if text.startswith(token, own[1])), key=len, default="")
    if space is None:
        raise Unprovable(id, "the template begins a reply otherwise than it asks for one")
    if not end:
        raise Unprovable(id, "the template ends a reply without an end token")
    return prompt, space + plain[-1]["content"] + end


def _space_after(prompt: str, border: str) -> str | None:
    """The white space that the border between two turns has beyond the end of the prompt; None where they differ."""
    for cut in range(len(border), len(border.rstrip()) - 1, -1):
        if cut and prompt.endswith(border[:cut]):
            return border[cut:]
    return None


def _traced(tokenizer: Any, messages: Messages, id: str) -> tuple[str, list[Span | None]]:
    """The rendered conversation, and where in it each message's text stands; None for one that is not there once, whole."""
    used = set().union(*(message["content"] for message in messages))
    marks = list(islice((chr(one) for one in PRIVATE_USE if chr(one) not in used), 2 * len(messages)))
    marked = [
        message | {"content": _between(message["content"], *marks[2 * at : 2 * at + 2])}
        for at, message in enumerate(messages)
    ]
    text, places = "", dict[str, list[int]]()
    for piece in re.split(f"([{''.join(marks)}])", _rendered(tokenizer, marked, False, id)):
        if piece in marks:
            places.setdefault(piece, []).append(len(text))
        else:
            text += piece
    found = [places.get(mark, []) for mark in marks]
    pairs = zip(found[::2], found[1::2], strict=True)
    return text, [(start[0], end[0]) if len(start) == len(end) == 1 else None for start, end in pairs]


def _between(content: str, opening: str, closing: str) -> str:
    """The text between two marks; white space around it stays outside, where a template may strip it."""
    core = content.strip()
    return content.replace(core, opening + core + closing, 1)


def _rendered(tokenizer: Any, messages: Messages, generation_prompt: bool, id: str) -> str:
    try:
        return render(tokenizer, messages, generation_prompt)
    except (TemplateError, TypeError, ValueError, LookupError):  # the message may quote the conversation
        raise Unprovable(id, "the template refuses these turns") from None


def _plain(tokenizer: Any, messages: Messages, id: str) -> list[dict[str, str]]:
    """The messages, replies without the white space around them; none may hold what would be read as the border of a turn."""
    if len(messages) < 2:
        raise Unprovable(id, "it begins with a reply")
    whole = "\0".join(message["content"] for message in messages)
    if found := [token for token in special(tokenizer).values() if token in whole]:
        raise Unprovable(id, f"a message holds the special token {found[0]}")
    stripped = [
        message | {"content": message["content"].strip()} if message["role"] == "assistant" else message
        for message in messages
    ]
    if not stripped[-1]["content"]:
        raise Unprovable(id, "a reply is empty")
    return stripped


@lru_cache(maxsize=8)
def special(tokenizer: Any) -> dict[int, str]:
    """The tokenizer's special tokens by id."""
    return {id: str(token) for id, token in tokenizer.added_tokens_decoder.items() if token.special}
