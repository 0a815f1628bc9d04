"""Names of people by origin, for training, for the gazetteer, and for surrogates. The lists here, widened by Faker's.

`names.tsv`: origin group, kind (female, male, neutral, last), names; `_` joins the words of one name. `nicknames.tsv`:
a name and its short forms. `ambiguous.txt`: names that are everyday words too, which no list can tell apart. Beside them
stand invented places, facilities, employers, schools and congregations, one a line.
"""

from __future__ import annotations

import importlib
import re
from functools import cache
from pathlib import Path
from typing import Any

FOLDER = Path(__file__).parent
SHORTEST = 3
FAKER = (
    "en_US en_GB en_IE en_IN en_NZ es_ES es_CO es_AR es_MX fr_FR de_DE it_IT nl_NL pt_BR pt_PT pl_PL cs_CZ hr_HR ro_RO sv_SE no_NO"
    " fi_FI tr_TR vi_VN id_ID yo_NG ha_NG ig_NG zu_ZA tw_GH en_KE az_AZ hu_HU"
).split()
"""Faker's locales whose name lists are in Latin script."""


def lines(name: str) -> list[str]:
    return [line for line in (FOLDER / name).read_text(encoding="utf-8").splitlines() if line.strip()]


@cache
def by_origin() -> dict[str, dict[str, tuple[str, ...]]]:
    """Origin group to kind to names."""
    found: dict[str, dict[str, tuple[str, ...]]] = {}
    for line in lines("names.tsv")[1:]:
        group, kind, names = line.split("\t")
        found.setdefault(group, {})[kind] = tuple(name.replace("_", " ") for name in names.split(" "))
    return found


@cache
def nicknames() -> dict[str, tuple[str, ...]]:
    """Name to its short forms, in lower case."""
    rows = (line.lower().replace("_", " ").split("\t") for line in lines("nicknames.tsv"))
    return {name: tuple(short.split()) for name, short in rows}


@cache
def faker() -> dict[str, tuple[str, ...]]:
    """`first` and `last` names of Faker's Latin-script locales."""
    names: dict[str, set[str]] = {"first": set(), "last": set()}
    for locale in FAKER:
        provider = importlib.import_module(f"faker.providers.person.{locale}").Provider
        for kind, found in names.items():
            for attribute in (f"{kind}_names", f"{kind}_names_female", f"{kind}_names_male"):
                found.update(name for name in getattr(provider, attribute, ()) if isinstance(name, str))
    return {kind: tuple(sorted(found)) for kind, found in names.items()}


@cache
def _kinds() -> dict[str, str]:
    """Lower-case word of any listed name to `first` or `last`; first wins."""
    kinds: dict[str, str] = {}
    for kind in ("last", "first"):
        own = [
            name
            for group in by_origin().values()
            for key in group
            if (key == "last") == (kind == "last")
            for name in group[key]
        ]
        kinds |= {word: kind for name in [*faker()[kind], *own] for word in name.lower().split()}
    return kinds | {short: "first" for shorts in nicknames().values() for short in shorts}


@cache
def known() -> frozenset[str]:
    """Every word that is part of a listed name, in lower case."""
    return frozenset(_kinds())


@cache
def gazetteer() -> dict[str, str]:
    """Lower-case word to `first` or `last`: names that are hardly ever anything else."""
    ambiguous = set(" ".join(lines("ambiguous.txt")).split())
    return {word: kind for word, kind in _kinds().items() if len(word) >= SHORTEST and word not in ambiguous}


WORD = re.compile(r"[^\W\d_](?:[\w’'-]*[^\W_])?")


def listed(text: str) -> list[tuple[int, int]]:
    """Where names of the gazetteer stand: first names in any case, family names capitalised or after a first name."""
    known, found = gazetteer(), []
    for word in WORD.finditer(text):
        start = word.start()
        surface = re.sub(r"['’]s$", "", word.group())
        kind = _kind(known, surface)
        if kind == "first" or (kind == "last" and surface[0].isupper()):
            found.append((start, start + len(surface)))
    return found


def _kind(known: dict[str, str], surface: str) -> Any:
    """Of a hyphenated name every part must be known."""
    kinds = {known.get(part) for part in surface.lower().split("-")}
    if surface.lower() in known:
        return known[surface.lower()]
    return None if None in kinds else ("first" if "first" in kinds else "last")
