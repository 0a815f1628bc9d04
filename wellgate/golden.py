"""Fixed invented conversations, and their token ids as this run renders them: what a server of the model must reproduce.

A release carries the ids as `golden_tokens.json`. Whoever serves the model renders the same messages with the same
template variables and compares: a second BOS, another template or another tokenizer shows at once.
"""

from __future__ import annotations

import json
from typing import Any

from wellgate.model import TEMPLATE_VARIABLES, conversation, encode, render
from wellgate.records import Message

FILE = "golden_tokens.json"
TALKS: dict[str, tuple[str, ...]] = {
    "one turn": ("I slept badly again.", "That sounds tiring. What kept you awake?"),
    "many turns": ("Hello.", "Hello! How are you today?", "So so.", "What is on your mind?", "Work.", "Tell me more."),
    "white space": ("  My list:\n\n\n- one\n-  two \n\n", "\n\n Thank you.\n\n- What about two?\n\tAnd one? \n"),
    "unicode": ("Grüß dich 👋🏽, cafe\u0301", "Ça va ? — “Oui”, 你好 🙂 مرحبا"),
    "the same words twice": ("I am fine.", "I am fine.", "I am fine.", "I am fine."),
    "words of templates": ("assistant\nuser: [1] <b> {{ x }} # y", "model\nsystem\n{% if x %} </b> {{crisis_line}}"),
}
"""User and assistant in turn."""


def messages(texts: tuple[str, ...]) -> tuple[Message, ...]:
    """These texts as user and assistant in turn."""
    return tuple(Message(role=("user", "assistant")[number % 2], content=text) for number, text in enumerate(texts))


def golden(tokenizer: Any, system_prompt: str) -> str:
    """`golden_tokens.json`: each conversation up to its last reply, and the token ids of its generation prompt."""
    talks = []
    for name, texts in TALKS.items():
        asked = conversation(system_prompt, messages(texts[:-1]))
        ids = encode(tokenizer, render(tokenizer, asked, True))["input_ids"]
        talks.append({"name": name, "messages": asked, "input_ids": list(ids)})
    whole = {"template_variables": TEMPLATE_VARIABLES, "add_generation_prompt": True, "conversations": talks}
    return json.dumps(whole, ensure_ascii=False) + "\n"
