"""What licences and consent allow: SPDX expressions to the terms that bind a model and the prepared data.

Terms are sets of duties. Sources add up: whatever one of them asks for is asked of the whole. Within one expression,
`AND` adds up too, `OR` is the user's choice (the least strict side is taken), `WITH` never loosens. A licence that is
not in the tables below is `unknown`, as `LicenseRef-...`, `NONE` and `NOASSERTION` are.

Whether a model is bound by the licences of its training data is disputed. Taken here is the careful reading, which
Creative Commons gives to those who want to be safe ("Using CC-Licensed Works for AI Training", 2025): a model
carries the duties of its data. The exceptions are licences that free "Results" in so many words (CDLA). The prepared
data is an adaptation (names are replaced), so that no-derivatives forbids to pass it on. This is no legal advice.

Consent is written `basis`, `basis, note` or `basis (scope, scope), note`: a basis of the table below, optionally
narrowed to some of its scopes, and a free note that the card prints.

| basis | what it says | scopes |
|---|---|---|
| synthetic | invented; no person speaks | train, evaluate, release |
| public-domain | published without rights, or with rights expired | train, evaluate, release |
| published | published by its authors under a licence; they were not asked about training | train, evaluate, release |
| consented | the people agreed to training and to passing it on | train, evaluate, release |
| consented-research | the people agreed to research | train, evaluate |
| data-use-agreement | as the agreement says; name `release` only if it does | train, evaluate (at most: release) |
| unknown | nobody knows | evaluate |
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from functools import cache, lru_cache
from typing import Any, Literal, get_args

from wellgate.errors import InputError

Duty = Literal["attribution", "share-alike", "non-commercial", "no-derivatives", "unknown"]
DUTIES: tuple[Duty, ...] = get_args(Duty)
"""From the least to the most strict."""
PERMISSIVE = "permissive"
BLOCKING: tuple[Duty, ...] = ("non-commercial", "no-derivatives", "unknown")
"""Duties with which nothing may be released; an export for research may go on and says so."""
Scope = Literal["train", "evaluate", "release"]
SCOPES: tuple[Scope, ...] = get_args(Scope)
NO_LICENCE = ("NONE", "NOASSERTION")

_FREE = "CC0-1.0 PDDL-1.0 CC-PDDC CC-PDM-1.0 Unlicense 0BSD MIT-0 DL-DE-ZERO-2.0 NIST-PD"
_ATTRIBUTION = (
    "MIT Apache-2.0 BSD-2-Clause BSD-3-Clause ISC ODC-By-1.0 OGL-UK-1.0 OGL-UK-2.0 OGL-UK-3.0 OGL-Canada-2.0 etalab-2.0"
    " DL-DE-BY-2.0 NLOD-1.0 NLOD-2.0 CDLA-Permissive-1.0 CDLA-Permissive-2.0 Zlib BSL-1.0 PostgreSQL ECL-2.0 AFL-3.0"
)
_SHARE_ALIKE = (
    "ODbL-1.0 CDLA-Sharing-1.0 MPL-2.0 EPL-2.0 EUPL-1.2 OSL-3.0 LAL-1.3 GFDL-1.3-only GFDL-1.3-or-later GPL-2.0-only"
    " GPL-2.0-or-later GPL-3.0-only GPL-3.0-or-later LGPL-2.1-only LGPL-2.1-or-later LGPL-3.0-only LGPL-3.0-or-later"
    " AGPL-3.0-only AGPL-3.0-or-later"
)
_NON_COMMERCIAL = "PolyForm-Noncommercial-1.0.0 NCGL-UK-2.0"
_DATA: dict[str, frozenset[Duty]] = {
    **dict.fromkeys(_FREE.split(), frozenset[Duty]()),
    **dict.fromkeys(_ATTRIBUTION.split(), frozenset[Duty](("attribution",))),
    **dict.fromkeys(_SHARE_ALIKE.split(), frozenset[Duty](("attribution", "share-alike"))),
    **dict.fromkeys(_NON_COMMERCIAL.split(), frozenset[Duty](("attribution", "non-commercial"))),
}
_RESULTS_ARE_FREE = ("CDLA-Permissive-1.0", "CDLA-Permissive-2.0", "CDLA-Sharing-1.0")
"""CDLA-Permissive-2.0, section 3.1, CDLA-Permissive-1.0, section 3.4, CDLA-Sharing-1.0, section 3.5."""
_CREATIVE_COMMONS = re.compile(r"CC-((?:BY|NC|ND|SA)(?:-(?:BY|NC|ND|SA))*)-\d\.\d(?:-\w+)?")
_REFERENCE = re.compile(r"(?:DocumentRef-[\w.-]+:)?LicenseRef-[\w.-]+")
_ID = re.compile(r"[\w.+:-]{1,40}")
_NOT_MEANT = re.compile(r"^LicenseRef-|-exception")
_ELEMENTS: dict[str, Duty] = {
    "BY": "attribution",
    "SA": "share-alike",
    "NC": "non-commercial",
    "ND": "no-derivatives",
}

_ALL: frozenset[Scope] = frozenset(SCOPES)
_RESEARCH: frozenset[Scope] = frozenset(("train", "evaluate"))
BASES: dict[str, tuple[frozenset[Scope], frozenset[Scope]]] = {
    "synthetic": (_ALL, _ALL),
    "public-domain": (_ALL, _ALL),
    "published": (_ALL, _ALL),
    "consented": (_ALL, _ALL),
    "consented-research": (_RESEARCH, _RESEARCH),
    "data-use-agreement": (_RESEARCH, _ALL),
    "unknown": (frozenset(("evaluate",)), frozenset(("evaluate",))),
}
"""Basis of consent to the scopes it has when none is written, and to those that may be written."""
_CONSENT = re.compile(r"(?P<basis>[^\s,(]+)\s*(?:\((?P<scopes>[^)]*)\))?\s*(?:,.*)?", re.DOTALL)


@dataclass(frozen=True)
class SourceTerms:
    """Licence and consent of one source, or of some of its records."""

    source: str
    licence: str
    consent: str


@dataclass(frozen=True)
class Duties:
    """What one licence asks of those who pass on the data, and of those who pass on a model trained on it."""

    data: frozenset[Duty]
    model: frozenset[Duty]

    @property
    def strictness(self) -> tuple[int, int, list[str]]:
        """Orders alternatives: by the strictest duty, then by how many there are."""
        every = self.data | self.model
        worst = max((DUTIES.index(duty) for duty in every), default=-1)
        return worst, len(self.data) + len(self.model), sorted(every)


@dataclass(frozen=True)
class Reason:
    """One thing that one source asks for or does not allow."""

    source: str
    cause: str
    """Its licence, or its consent."""
    asks: str
    """A duty, or `not for <scope>`."""

    def __str__(self) -> str:
        return f"{self.source}: {self.cause}: {self.asks}"


@dataclass(frozen=True)
class Terms:
    """What all sources together allow."""

    data: frozenset[Duty]
    """Duties of whoever passes on the prepared data."""
    model: frozenset[Duty]
    """Duties of whoever passes on a model trained on it."""
    scopes: frozenset[Scope]
    """What every consent allows."""
    reasons: tuple[Reason, ...]
    share_alike: tuple[str, ...]
    """The share-alike licences: with more than one, the data cannot be passed on under a single licence."""

    @property
    def level(self) -> str:
        """The strictest duty, or `permissive`."""
        return max(self.data | self.model, key=DUTIES.index, default=PERMISSIVE)

    def as_counts(self) -> dict[str, Any]:
        """For manifest and card."""
        return {
            "level": self.level,
            "data": [duty for duty in DUTIES if duty in self.data],
            "model": [duty for duty in DUTIES if duty in self.model],
            "scopes": [name for name in SCOPES if name in self.scopes],
            "share_alike": list(self.share_alike),
            "reasons": [str(reason) for reason in self.reasons],
            "blocks_release": blocks_release(self),
        }


def strictest(sources: Iterable[SourceTerms]) -> Terms:
    """The terms of everything together, with the sources that they come from.

    Raises:
        InputError: a licence is no SPDX expression, or a consent's basis is not in the vocabulary.
    """
    every = sorted(set(sources), key=lambda one: (one.source, one.licence, one.consent))
    bound = [(one, duties(one.licence, one.source), scope(one.consent, one.source)) for one in every]
    return Terms(
        data=_union(found.data for _, found, _ in bound),
        model=_union(found.model for _, found, _ in bound),
        scopes=_ALL.intersection(*(allowed for _, _, allowed in bound)),
        reasons=tuple(dict.fromkeys(reason for one in bound for reason in _reasons(*one))),
        share_alike=tuple(sorted({one.licence for one, found, _ in bound if "share-alike" in found.data})),
    )


def _reasons(one: SourceTerms, found: Duties, allowed: Sequence[Scope]) -> Iterator[Reason]:
    for duty in DUTIES:
        if duty in found.data | found.model:
            yield Reason(one.source, one.licence, duty)
    for missing in (name for name in SCOPES if name not in allowed):
        yield Reason(one.source, f"consent {one.consent}", f"not for {missing}")


def blocks_release(terms: Terms) -> list[str]:
    """Why nothing made of this may be released; empty where it may. An export for research says these on its card."""
    return [str(reason) for reason in terms.reasons if reason.asks in (*BLOCKING, "not for release")]


def blocks_training(terms: Terms) -> list[str]:
    """Which consents do not allow to train on their texts; empty where all do."""
    return [str(reason) for reason in terms.reasons if reason.asks == "not for train"]


def problem(licence: str, consent: str) -> str:
    """Why a record cannot be taken, as the reason of its rejected row; empty where it can."""
    for read, text, reason in (
        (_duties, licence, "licence is no SPDX expression"),
        (_scope, consent, "unknown consent"),
    ):
        try:
            read(text)
        except ValueError:
            return reason
    return ""


def scope(consent: str, where: str) -> tuple[Scope, ...]:
    """What a consent allows.

    Raises:
        InputError: beginning with `where`: the basis or a scope is not in the vocabulary, or the basis does not give it.
    """
    try:
        return _scope(consent)
    except ValueError as error:
        raise InputError(f"{where}: {error}") from None


@lru_cache(maxsize=1024)
def _scope(consent: str) -> tuple[Scope, ...]:
    found = _CONSENT.fullmatch(consent.strip())
    basis = found["basis"].lower() if found else ""
    if found is None or basis not in BASES:
        hint = _nearest(basis or consent, {name: name for name in BASES})
        raise ValueError(f"the consent does not begin with one of {', '.join(BASES)}{hint}")
    given, most = BASES[basis]
    if found["scopes"] is None:
        return tuple(name for name in SCOPES if name in given)
    named = [word.strip() for word in found["scopes"].split(",")]
    if not set(named) <= most:
        allowed = ", ".join(name for name in SCOPES if name in most)
        raise ValueError(f"a scope of the consent is not one that {basis!r} can give ({allowed})")
    return tuple(name for name in SCOPES if name in named)


def duties(licence: str, where: str) -> Duties:
    """What a licence asks for.

    Raises:
        InputError: beginning with `where`, with the nearest SPDX id: it is no SPDX expression.
    """
    try:
        return _duties(licence)
    except ValueError as error:
        raise InputError(f"{where}: {error}") from None


@lru_cache(maxsize=1024)
def _duties(licence: str) -> Duties:
    return _unknown() if licence.strip() in NO_LICENCE else _evaluate(_parse(licence))


def _unknown() -> Duties:
    return Duties(frozenset(("unknown",)), frozenset(("unknown",)))


@cache
def _spdx() -> tuple[Any, dict[str, str]]:
    """The parser, and every SPDX id and alias in lower case with its proper spelling."""
    from license_expression import get_spdx_licensing

    licensing = get_spdx_licensing()
    known = {alias.lower(): key for key, symbol in licensing.known_symbols.items() for alias in symbol.aliases}
    return licensing, known | {key.lower(): key for key in licensing.known_symbols}


def _parse(licence: str) -> Any:
    """The expression's tree. Every id is an SPDX id, an alias of one, or a LicenseRef; anything else is a ValueError."""
    from license_expression import ExpressionError

    licensing, known = _spdx()
    try:
        tree = licensing.parse(licence, strict=True, simple=True)
        symbols = licensing.license_symbols(tree) if tree is not None else []
    except (ExpressionError, ValueError, TypeError, LookupError, RecursionError):  # `()` is an IndexError there
        tree, symbols = None, []
    wrong = [symbol.key for symbol in symbols if not _is_known(symbol.key, known)]
    if tree is None or wrong:
        raise ValueError(_complaint(wrong[0] if wrong else licence, known))
    return tree


def _is_known(key: str, known: dict[str, str]) -> bool:
    return key.lower().removesuffix("+") in known or _REFERENCE.fullmatch(key) is not None


def _complaint(wrong: str, known: dict[str, str]) -> str:
    named = f" {wrong!r}" if _ID.fullmatch(wrong) else ""  # anything else may be text
    way_out = "write an SPDX expression (https://spdx.org/licenses), or LicenseRef-<name> for one that is not listed"
    return f"the licence{named} is no SPDX expression{_nearest(wrong, known)}; {way_out}"


def _nearest(word: str, names: Mapping[str, str]) -> str:
    """`; did you mean ...?`, where one of the names, given with their proper spellings, is near."""
    plain = {_plain(name): shown for name, shown in names.items() if not _NOT_MEANT.search(shown)}
    close = [plain[name] for name in get_close_matches(_plain(word[:80]), plain, n=2, cutoff=0.6)]
    return next((f"; did you mean {shown!r}?" for shown in close if shown != word), "")


def _plain(name: str) -> str:
    """A name without what people write differently: case, blanks, the words licence and version."""
    text = re.sub(r"licen[cs]e|version|\bthe\b|v(?=\d)", " ", name.lower())
    return "-".join(word for word in re.split(r"[\s_,/-]+", text) if word)


def _evaluate(tree: Any) -> Duties:
    licensing, _ = _spdx()
    if isinstance(tree, licensing.OR):
        return min((_evaluate(side) for side in tree.args), key=lambda found: found.strictness)
    if isinstance(tree, licensing.AND):
        sides = [_evaluate(side) for side in tree.args]
        return Duties(_union(side.data for side in sides), _union(side.model for side in sides))
    return _of(next(iter(tree.decompose())).key)


def _union(sets: Iterable[frozenset[Duty]]) -> frozenset[Duty]:
    return frozenset[Duty]().union(*sets)


def _of(key: str) -> Duties:
    """The duties of one licence id."""
    _, known = _spdx()
    plain = key.lower()
    id = known.get(plain) or known.get(plain.removesuffix("+"), key)
    if found := _CREATIVE_COMMONS.fullmatch(id):
        asked = frozenset(_ELEMENTS[element] for element in found[1].split("-"))
        return Duties(asked, asked)
    if id not in _DATA:
        return _unknown()
    return Duties(_DATA[id], frozenset() if id in _RESULTS_ARE_FREE else _DATA[id])
