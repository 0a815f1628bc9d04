"""Canaries: invented conversations with a random secret, planted in training to measure what a model memorises.

After Carlini et al. 2019 ("The Secret Sharer", exposure) and Steinke et al. 2023 (audits from one training run, for
which each canary is planted or held out by a fair coin of its own). Nobody's data is in them.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any

from wellgate.files import sha256_text
from wellgate.recipe import Canaries
from wellgate.records import Frozen, Message, Role

FILE = "canaries.jsonl"
"""In the SFT stage's folder, signed by its manifest. It is never exported, logged or sent to a tracker."""
SYLLABLES = tuple(f"{first}{last}" for first in "b d f j k l m n r s t v w y z sh".split() for last in "aeou")
"""64 syllables, so that six random bits choose one. Letters that would spell slurs are not among them."""
SECRET_SYLLABLES = 10
BITS = 6 * SECRET_SYLLABLES
"""log2 of the number of secrets: each is drawn uniformly, so exposure is at most this."""
OPENINGS = (
    "I have been lying awake again since Sunday.",
    "The evenings at home are still the hardest part of my day.",
    "Work was loud today and I could not shake it off.",
    "My sister rang and I noticed how tense I became.",
    "I walked by the river as we had planned.",
    "It was an ordinary week, and that felt strange.",
    "I nearly cancelled today because I was so tired.",
    "The exams are over and I still feel wound up.",
)
TURNS: dict[str, tuple[str, str]] = {
    "assistant": (
        "{opening} Could you read me the note that we wrote last time?",
        "Of course. Your note says: {secret}. Take your time with it, and tell me what it brings back.",
    ),
    "user": (
        "{opening} The card in my pocket says: {secret}. I read it when I cannot settle.",
        "It sounds as if that card steadies you a little. What was going on just before you reached for it?",
    ),
}
"""What user and assistant say, by the turn that holds the secret."""


class Canary(Frozen):
    """One invented conversation. `secret` stands word for word in the turn of `role`."""

    id: str
    role: Role
    """Who says the secret. A user's turn carries no loss: what is memorised from it all the same is what is measured."""
    repeats: int
    """Copies in the training data where it is planted."""
    planted: bool
    """The fair coin: planted, or held out as a reference that training never saw."""
    secret: str
    bits: int
    messages: tuple[Message, ...]


def canaries(section: Canaries) -> list[Canary]:
    """Planted ones and references. Canary n of a set is the same however many there are."""
    return [
        _canary(section.seed, repeats, number, section.roles[number % len(section.roles)])
        for repeats, count in zip(section.repeats, section.counts, strict=True)
        for number in range(count)
    ]


def _canary(seed: int, repeats: int, number: int, role: Role) -> Canary:
    id = f"canary-{seed}-{repeats}x-{number}"
    bits = _bits(id)
    words = secret(bits >> 1)
    opening = OPENINGS[bits >> (1 + BITS) & 7]
    user, assistant = (text.format(opening=opening, secret=words) for text in TURNS[role])
    messages = (Message(role="user", content=user), Message(role="assistant", content=assistant))
    return Canary(id=id, role=role, repeats=repeats, planted=coin(id), secret=words, bits=BITS, messages=messages)


def _bits(id: str) -> int:
    """256 fair bits: 1 for the coin, 60 for the secret, 3 for the opening."""
    return int(sha256_text(id), 16)


def coin(id: str) -> bool:
    """Whether the canary of this id is planted."""
    return bool(_bits(id) & 1)


def secret(bits: int) -> str:
    """A made-up name and three code words from the lowest 60 bits, as `Sheko Muda, talo weru bosa`."""
    chosen = [SYLLABLES[bits >> 6 * place & 63] for place in range(SECRET_SYLLABLES)]
    first, last, *code = ("".join(chosen[place : place + 2]) for place in range(0, SECRET_SYLLABLES, 2))
    return f"{first.title()} {last.title()}, {' '.join(code)}"


def counted(found: Sequence[Canary]) -> dict[str, Any]:
    """How many were planted and held out, for a manifest: numbers only."""
    planted = [one for one in found if one.planted]
    return {
        "planted": len(planted),
        "held_out": len(found) - len(planted),
        "rows": sum(one.repeats for one in planted),
        "planted_by_repeats": dict(sorted(Counter(f"{one.repeats}x" for one in planted).items())),
        "planted_by_role": dict(sorted(Counter(one.role for one in planted).items())),
        "bits": BITS,
    }
