"""Texts as their readers see them: without invisible characters, and with look-alike letters of other scripts as Latin ones."""

from __future__ import annotations

import re
import unicodedata

INVISIBLE = re.compile("[\u00ad\u034f\u061c\u180e\u200b-\u200f\u202a-\u202e\u2060-\u2064\ufeff]")
ALIKE = str.maketrans(
    "\u0430\u0435\u043e\u0440\u0441\u0443\u0445\u0456\u0455\u0458\u0501\u051b\u0410\u0412\u0415\u041a\u041c\u041d\u041e\u0420\u0421\u0422\u0425\u0406\u0405\u0408\u03bf\u03bd\u03c1\u0391\u0392\u0395\u0397\u0399\u039a\u039c\u039d\u039f\u03a1\u03a4\u03a7\u0396",
    "aeopcyxisjdqABEKMHOPCTXISJovpABEHIKMNOPTXZ",
)
"""Cyrillic and Greek letters that look like Latin ones (Unicode TR39 confusables, those that stand in names)."""
LATIN = re.compile("[A-Za-z]")


def seen(text: str) -> tuple[str, list[int]]:
    """The text that a reader sees, and for each of its characters the place in the original; its end comes last.

    Look-alikes are read as Latin only in words that have Latin letters too: Cyrillic text stays Cyrillic.
    """
    places = [place for place, character in enumerate(text) if not INVISIBLE.match(character)]
    visible = "".join(_wide(text[place]) for place in places)
    words = re.sub(r"\w+", lambda word: word[0].translate(ALIKE) if LATIN.search(word[0]) else word[0], visible)
    return words, [*places, len(text)]


def _wide(character: str) -> str:
    """Full-width and mathematical letters and digits as plain ones, where that is one character."""
    plain = unicodedata.normalize("NFKC", character)
    return plain if len(plain) == 1 else character
