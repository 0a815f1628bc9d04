"""A name found once in a conversation is a name wherever it stands in it."""

from __future__ import annotations

import re
from collections.abc import Sequence

from data_prep.deidentify import names
from data_prep.deidentify.keep import words
from data_prep.deidentify.spans import Found, without_overlaps

SHORTEST = 3
SCORE = 0.95
RARE = 3.2
"""Zipf frequency (wordfreq) below which a lower-case word may be a name without being listed."""


def propagate_names(texts: Sequence[str], spans: Sequence[Sequence[Found]], language: str = "en") -> list[list[Found]]:
    """The spans of a conversation's turns, with every name also where it stands elsewhere: in any case, unless the word is common."""
    found_words = {
        word
        for text, found in zip(texts, spans, strict=True)
        for span in found
        if span.type == "NAME"
        for word in names.WORD.findall(text[span.start : span.end])
    }
    known = {word for word in found_words if _is_telling(word, language)}
    if not known:
        return [list(found) for found in spans]
    anywhere = re.compile(r"\b(?:" + "|".join(sorted(_cases(known, language), key=len, reverse=True)) + r")\b")
    return [
        without_overlaps([*found, *(Found(hit.start(), hit.end(), "NAME", SCORE) for hit in anywhere.finditer(text))])
        for text, found in zip(texts, spans, strict=True)
    ]


def _is_telling(word: str, language: str) -> bool:
    """Whether a part of a name may be looked for elsewhere: `de` may not, nor may a common word in lower case."""
    if len(word) < SHORTEST or word.lower() in words():
        return False
    return word[0].isupper() or _is_rare(word, language)


def _is_rare(word: str, language: str) -> bool:
    from wordfreq import zipf_frequency

    return word.lower() in names.gazetteer() or zipf_frequency(word, language) < RARE


def _cases(known: set[str], language: str) -> set[str]:
    """As written, capitalised, in capitals; in lower case too where that is no common word."""
    forms = {form for word in known for form in (word, word.capitalize(), word.upper())}
    return {re.escape(form) for form in forms | {word.lower() for word in known if _is_rare(word, language)}}
