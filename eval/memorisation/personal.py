"""Personal data that identifies by itself, in training rows and generations: e-mail addresses, handles, long numbers.

Deliberately simple. De-identification has its own detectors; this one only has to find the same value twice, so it
compares digests of normalised values and keeps no value.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Set
from functools import cache

from eval.memorisation.scores import Personal
from wellgate import registry
from wellgate.files import sha256_text

ADDRESS = re.compile(r"[\w.+-]+@[\w-]+(?:\.[\w-]+)+")
HANDLE = re.compile(r"(?<![\w@.])@\w[\w.]{2,}|(?<![\w/])u/[\w-]{3,}")
NUMBER = re.compile(r"(?<!\d)\d(?:[\s().-]{0,3}\d){6,18}(?!\d)")
"""Seven digits or more, however they are grouped: telephone, account, card, insurance."""
TOLL_FREE = re.compile(r"1?8(?:00|33|44|55|66|77|88)\d{6,7}|1300\d{6}")
"""Without a leading zero: an organisation's number, never a person's. Older data is full of helplines that have moved."""


def values(texts: Iterable[str]) -> Set[str]:
    """Digests of the values in some texts; numbers of helplines are nobody's own."""
    found = {value for text in texts for value in _values(text)}
    return {sha256_text(value) for value in found - _public() if not TOLL_FREE.fullmatch(value)}


def _values(text: str) -> set[str]:
    words = {one.group().lower().rstrip(".") for shape in (ADDRESS, HANDLE) for one in shape.finditer(text)}
    return words | {re.sub(r"\D", "", one.group()).lstrip("0") for one in NUMBER.finditer(text)}


@cache
def _public() -> frozenset[str]:
    return frozenset(_values(registry.PATH.read_text(encoding="utf-8")))


def compared(rows: Iterable[str], generations: list[str]) -> Personal:
    """What of the training rows stands word for word in the generations: numbers only."""
    known, said = values(rows), values(generations)
    return Personal(generations=len(generations), known=len(known), said=len(said), verbatim=len(known & said))
