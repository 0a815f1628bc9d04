"""Partners and children, from what people call them: "my late husband", "mother of three"."""

from __future__ import annotations

import re

from data_prep.risk import words
from data_prep.risk.age import TEENS, UNITS

_PARTNER = re.compile(
    r"\bmy\s+(?:(?:new|current|loving|abusive|first|second|third|own|then|estranged|soon-to-be|long-term|longterm)\s+){0,2}"
    rf"({'|'.join(sorted(words.PARTNER, key=len, reverse=True))})\b(?P<died>\s+(?:of \w+ years )?(?:died|passed|was killed))?"
)
_DIVORCED = re.compile(r"\b(?:my divorce|(?:i|we) (?:got |are |were )?(?:getting |recently |just )?divorc(?:ed|ing))\b")
_LOST = re.compile(r"\bi lost my (?:husband|wife|spouse)\b")
_CHILD = re.compile(
    rf"\bmy\s+(?:(?:\d+|{'|'.join(UNITS)}|years?|months?|old|\d+-year-old|own|only|first|youngest|oldest|eldest|middle|teenage|adult"
    r"|little|young|new|adopted|late|beautiful|autistic|disabled|twin)\s+){0,4}"
    r"(?:sons?|daughters?|kids?|child|children|toddler|newborn|stepson|stepdaughter|twins)\b"
)
_COUNT = re.compile(
    rf"\b(?:i have|we have|i've got|with|(?:mother|mom|mum|father|dad|parent) (?:of|to))\s+(?:\w+\s+)?(?P<count>\d+|{'|'.join([*UNITS, *TEENS])})\b"
    r"(?P<kids>\s+(?:\w+\s+)?(?:kids|children|boys|girls|sons|daughters))?"
)
_MANY = 5


def partners(text: str) -> set[str]:
    """Relationships that the user's words for a partner tell."""
    found = {"widowed" if one["died"] else words.PARTNER[one[1]] for one in _PARTNER.finditer(text)}
    return found | ({"divorced"} if _DIVORCED.search(text) else set()) | ({"widowed"} if _LOST.search(text) else set())


def children(text: str) -> set[str]:
    """`parent` or `many-children`, where the user speaks of their own."""
    found = {"parent"} if _CHILD.search(text) else set()
    for one in _COUNT.finditer(text):
        if one["kids"] or re.search(r"(?:of|to)\s", one[0]):
            found.add("many-children" if _amount(one["count"]) >= _MANY else "parent")
    return found


def _amount(written: str) -> int:
    names = [*UNITS, *TEENS]
    return int(written) if written.isdigit() else names.index(written) + 1
