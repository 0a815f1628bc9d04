"""Crisis and emergency numbers as regular expressions, read from wellgate's registry and nowhere else."""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import cache

from wellgate.registry import load

LONG = 7
"""Digits from which a number is a phone number wherever it stands; a shorter one needs a word of calling beside it."""
SPOKEN = dict(zip("0123456789", "zero one two three four five six seven eight nine".split(), strict=True))


@cache
def fragments() -> dict[str, str]:
    """What a rule's patterns may name: `emergency_number`, `crisis_code` (short) and `crisis_number` (long)."""
    registry = load()
    places = registry.locales.values()
    emergency = {_digits(number) for place in places for number in place.emergency}
    lines = [number for place in places for line in place.lines for number in (*line.phone, *line.text, *line.whatsapp)]
    known = {_digits(number) for number in (*lines, *(old.phone for old in registry.retired))} - emergency
    return {
        "emergency_number": _either(emergency),
        "crisis_code": _either(number for number in known if len(number) < LONG),
        "crisis_number": _either(number for number in known if len(number) >= LONG),
    }


def _digits(number: str) -> str:
    return re.sub(r"\D", "", number)


def _either(numbers: Iterable[str]) -> str:
    written = "|".join(_written(number) for number in sorted(numbers, key=lambda one: (-len(one), one)))
    return rf"(?=[#+(\dzontfse])(?<![\w$£€])(?<!\d[/.,:-])#?(?:{written})(?![\w%]|[.,:/-]\d)"


def _written(number: str) -> str:
    """In digits with or without separators and country code; short ones also spelt digit by digit."""
    if len(number) < LONG:
        return "[ .-]?".join(number) + "|" + "[ -]".join(SPOKEN[digit] for digit in number)
    trunk = number[0] if number[0] in "01" else ""
    return rf"\+?(?:\d{{1,3}}[ .-]?)?\(?{trunk}{'?' if trunk else ''}" + r"[ ().-]{0,2}".join(
        ["", *number[len(trunk) :]]
    )
