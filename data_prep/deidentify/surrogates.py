"""Invented data in place of real data: the same person, place or number gets the same surrogate within a conversation.

A surrogate is picked by HMAC(secret, conversation | type | normalised surface) from lists of invented values, so nothing
of the original can be computed from it. Names keep origin group, gender, case and initials; a short form goes with its
name. Dates keep their year only, ages of 90 and more and ZIP codes follow HIPAA Safe Harbor (`safe_harbor.py`); phones
use the 555-01xx range and addresses on example.org that are reserved for fiction.
"""

from __future__ import annotations

import hashlib
import hmac
import re
from functools import cache

from data_prep.deidentify import names
from data_prep.deidentify.safe_harbor import AGED, safe_age, safe_date, safe_zip

STREETS = "Maple Street|Station Road|Park Lane|Hill Avenue|Church Street|River Road|Garden Close|Mill Lane".split("|")
FACILITY = re.compile(
    r"(?i)hospi|clinic|clínica|surgery|infirmary|ward|unit|shelter|hostel|centre|center|centro|care home|rehab|prison|residencia|albergue|sanatorio"
)
WORDS = {"en": ("that day", "90 or older"), "es": ("ese día", "90 o más")}
"""What stands for a date without a year, and for a high age, by language."""


@cache
def values(name: str) -> tuple[str, ...]:
    """A list of invented places, firms, schools, congregations or facilities."""
    return tuple(names.lines(f"{name}.txt"))


@cache
def classes() -> dict[str, tuple[str, str]]:
    """Lower-case name to its origin group and kind (female, male, neutral, last)."""
    found: dict[str, tuple[str, str]] = {}
    for group, kinds in names.by_origin().items():
        for kind, listed in kinds.items():
            found.update({name.lower(): (group, kind) for name in listed if name.lower() not in found})
    return found


@cache
def full_names() -> dict[str, str]:
    """Short form to the one name that it belongs to; short forms of several names are left as they are."""
    owners: dict[str, set[str]] = {}
    for name, shorts in names.nicknames().items():
        for short in shorts:
            owners.setdefault(short, set()).add(name)
    return {short: next(iter(found)) for short, found in owners.items() if len(found) == 1}


class Surrogates:
    """The invented values of one conversation. Two people never get one name."""

    def __init__(self, conversation: str, secret: str, year: int, language: str = "en") -> None:
        self.conversation = conversation
        self.secret = secret.encode()
        self.year = year
        self.that_day, self.aged = WORDS.get(language, WORDS["en"])
        self.given: dict[str, str] = {}

    def surrogate(self, kind: str, surface: str) -> str:
        """The value in place of one span."""
        if kind == "NAME":
            return self._name(surface)
        if kind == "AGE":
            return self.aged if safe_age(surface) == AGED else surface
        if kind == "DATE":
            return safe_date(surface, self.year) or self.that_day
        if kind == "ZIP":
            return safe_zip(surface)
        return self._value(kind, surface)

    def _value(self, kind: str, surface: str) -> str:
        number = self._number(kind, surface)
        lists = {"PLACE": "facilities" if FACILITY.search(surface) else "places", "EMPLOYER": "employers"}
        lists |= {"SCHOOL": "schools", "CONGREGATION": "congregations"}
        if kind in lists:
            options = values(lists[kind])
            return _in_case(options[number % len(options)], surface)
        shapes = {
            "ADDRESS": f"{number % 180 + 10} {STREETS[number % len(STREETS)]}",
            "PHONE": f"555-01{number % 100:02d}",
            "EMAIL": f"person{number % 9000 + 1000}@example.org",
            "URL": f"https://example.org/{number % 9000 + 1000}",
            "HANDLE": f"@user{number % 9000 + 1000}",
        }
        return shapes.get(kind, f"ID-{number % 900000 + 100000}")

    def _name(self, surface: str) -> str:
        """Word by word, so that `Ada Obi` and `Ada` stay one person."""
        parts = re.split(r"([\s-]+)", surface)
        words = [part for part in parts[::2] if part]
        group = next((classes()[word.lower()][0] for word in words if word.lower() in classes()), "")
        return "".join(
            part if place % 2 or not part else self._word(part, place > 0, group) for place, part in enumerate(parts)
        )

    def _word(self, word: str, later: bool, group: str) -> str:
        if re.fullmatch(r"(?:[^\W\d_]\.?){1,3}", word) and (len(word) == 1 or "." in word):
            return re.sub(r"[^\W\d_]", lambda letter: self._initial(letter.group()), word)
        key = full_names().get(word.lower(), word.lower())
        if key not in self.given:
            self.given[key] = self._fresh(key, later, group)
        return _in_case(self.given[key], word)

    def _fresh(self, key: str, later: bool, group: str) -> str:
        """A name of the same class that nobody here has; of any group, and neutral, where the class is not known."""
        number = self._number("NAME", key)
        groups = names.by_origin()
        own, kind = classes().get(key, (group or sorted(groups)[number % len(groups)], "last" if later else "neutral"))
        options = groups[own][kind]
        taken = {*self.given.values(), *(name for name in options if name.lower() == key)}
        start = number // len(groups)
        ordered = (options[(start + step) % len(options)] for step in range(len(options)))
        return next((name for name in ordered if name not in taken), options[start % len(options)])

    def _initial(self, letter: str) -> str:
        new = "ABCDEFGHIJKLMNOPRSTUVWYZ"[self._number("INITIAL", letter) % 24]
        return new if letter.isupper() else new.lower()

    def _number(self, kind: str, surface: str) -> int:
        message = f"{self.conversation}|{kind}|{' '.join(surface.casefold().split())}"
        return int.from_bytes(hmac.new(self.secret, message.encode(), hashlib.sha256).digest()[:8])


def _in_case(value: str, surface: str) -> str:
    """Lower case and capitals are kept: how people write is part of the data."""
    if surface.islower():
        return value.lower()
    return value.upper() if surface.isupper() and len(surface) > 2 else value
