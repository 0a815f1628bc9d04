"""Where people say what they are: the words that follow "I am" and its kin, and the classes that they name."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from functools import cache

from data_prep.risk import words

_SELF = re.compile(
    r"\b(?:i'?m|i am|i was|i've been|i have been|i used to be|i became|i identify as|i consider myself"
    r"|i work(?:ed)? as|(?:working|employed|career|job|life) as|as(?= an? )|being(?= an? ))\s+"
)
_TOKEN = re.compile(r"[\w'/-]+|[,.;:!?()\n]")
_WINDOW = 14
_LONGEST_PHRASE = 4
_ARTICLES = frozenset("a an the".split())
_LEAD_ON = frozenset(
    "of to with about for by from who that because but when if after before than like in on at my his her hers their our your its this"
    " these those some every any what how why where whose which . ; : ! ? ( ) \n".split(" ")
)
_NOT = frozenset("not never no neither nor hardly isn't wasn't ain't".split())
_ADVERBS = frozenset(
    "also just only still now currently actually really both already almost nearly basically originally very".split()
)


def windows(text: str) -> Iterator[list[str]]:
    """For each place where the user says what they are, the words that say it."""
    for found in _SELF.finditer(text):
        window: list[str] = []
        for token in _TOKEN.findall(text, found.end(), found.end() + 120)[:_WINDOW]:
            before = window[-1] if window else ""
            if token in _LEAD_ON or token in _NOT or (token in _ARTICLES and before not in ("", "and", ",")):
                break
            if not window and token.endswith("ing") and token != "expecting":
                break
            if token not in _ADVERBS:
                window.append(token)
        yield window


@cache
def _lexicon() -> dict[str, list[tuple[str, str]]]:
    """Phrase to (attribute, class)."""
    tables = {
        "gender": words.GENDER,
        "relationship": words.RELATIONSHIP,
        "children": words.CHILDREN,
        "occupation": words.OCCUPATION,
        "origin": words.ORIGIN,
        "condition": words.CONDITION,
        "age": {"teenager": "13-17", "teen": "13-17"},
    }
    found: dict[str, list[tuple[str, str]]] = {}
    for attribute, table in tables.items():
        for phrase, name in table.items():
            found.setdefault(phrase, []).append((attribute, name))
    return found


def phrases(window: list[str]) -> Iterator[tuple[str, str]]:
    """(attribute, class) of each known phrase in a window, longest first; a word counts once."""
    lexicon, start = _lexicon(), 0
    while start < len(window):
        for size in range(min(_LONGEST_PHRASE, len(window) - start), 0, -1):
            if known := lexicon.get(" ".join(window[start : start + size])):
                yield from known
                break
        start += size


def of(attribute: str, own: Iterable[tuple[str, str]]) -> set[str]:
    """All classes of one attribute."""
    return {name for kind, name in own if kind == attribute}


def first_said(attribute: str, own: Iterable[tuple[str, str]]) -> str:
    """The class that was named first, or nothing."""
    return next((name for kind, name in own if kind == attribute), "")


def first(order: Iterable[str], found: set[str]) -> str:
    """Of the found classes the one that stands first in the order, or nothing."""
    return next((name for name in order if name in found), "")


def gender(own: Iterable[tuple[str, str]]) -> str:
    """One gender of all that were said: the most specific."""
    found = of("gender", own)
    if "trans" in found and len(found) == 2 and (binary := found & {"woman", "man"}):
        return f"trans-{binary.pop()}"
    return first(("trans-woman", "trans-man", "trans", "nonbinary", "woman", "man"), found)
