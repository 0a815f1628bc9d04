"""Age bands, from digits and words, and the forum shorthand "(34F)" that tells age and gender at once."""

from __future__ import annotations

import re

BANDS = ((13, "0-12"), (18, "13-17"), (30, "18-29"), *((top, f"{top - 10}-{top - 1}") for top in range(40, 91, 10)))
TEENS = "ten eleven twelve thirteen fourteen fifteen sixteen seventeen eighteen nineteen".split()
_TENS = "twenty thirty forty fifty sixty seventy eighty ninety".split()
UNITS = "one two three four five six seven eight nine".split()
_NUMBER = rf"\d{{1,3}}|(?:{'|'.join(_TENS)})(?:[- ](?:{'|'.join(UNITS)}))?|{'|'.join(TEENS)}"
_NO_AGE = (
    r"(?!\s*(?:%|/\d|[.:,]\d|percent|minutes?|mins?|hours?|hrs?|days?|weeks?|wks?|months?|times|st\b|nd\b|rd\b|th\b|lbs?\b|pounds|kgs?\b"
    r"|kilos|stone|miles|feet|ft\b|cm\b|mg\b|grand|k\b|steps|sessions|out of|of\b|in\b|on\b|people|kids|questions|pages"
    r"|-?\s*(?:years?|yrs?)\b(?![\s-]*(?:old|of age))))"
)
_AGES = tuple(
    re.compile(pattern)
    for pattern in (
        rf"\b(?:i'?m|i am|i(?:'ve| have)? (?:just |recently )?turned|i'?m turning|i'll be(?: turning)?)\s+"
        rf"(?:(?:only|just|now|already|almost|nearly|about|currently|still|an?)\s+){{0,2}}(?P<age>{_NUMBER})\b{_NO_AGE}",
        rf"\b(?:i'?m|i am|as|being)\s+an?\s+(?:(?!of\b|to\b|with\b|an?\b|my\b|who\b)[\w-]+,?\s+){{0,3}}?"
        rf"(?P<age>{_NUMBER})[\s-]*(?:years?|yrs?|y/?o|yo)\b",
        rf"\b(?:i'?m|i am)\s+(?:(?!on\b|at\b|in\b|with\b)[\w-]+\s+){{0,3}}[\w-]+,\s+(?P<age>{_NUMBER})(?=\s*[.,;!?)\n]|$)",
        rf"(?:^|[.!?\n]\s*)at (?:the age of )?(?P<age>{_NUMBER}),?\s+i\b",
        r"(?:^|\bi\s*)[\[(]?\s*(?P<age>\d\d)\s*/?\s*(?P<gender>f|m|nb)\b",
        r"(?:^|\bi\s*)[\[(]\s*(?P<gender>f|m|nb)\s*/?\s*(?P<age>\d\d)\b",
        rf"(?<!back )in my (?:early |mid |late |mid-)?(?P<decade>[2-8]0'?s|{'|'.join(ten[:-1] + 'ies' for ten in _TENS)})\b",
    )
)


def age_and_gender(text: str) -> tuple[str, str]:
    """The age band and, where the shorthand gives it, the gender."""
    for pattern in _AGES:
        for found in pattern.finditer(text):
            groups = found.groupdict()
            if band := _band(_years(groups.get("age") or groups.get("decade") or "")):
                letter = groups.get("gender") or ""
                return band, {"f": "woman", "m": "man", "nb": "nonbinary"}.get(letter, "")
    return "", ""


def _years(written: str) -> int:
    if digits := re.match(r"\d+", written):
        return int(digits[0])
    ten, _, unit = written.replace(" ", "-").partition("-")
    if ten in TEENS:
        return 10 + TEENS.index(ten)
    tens = [number for number, name in enumerate(_TENS, 2) if ten in (name, name[:-1] + "ies")]
    return 10 * tens[0] + (UNITS.index(unit) + 1 if unit in UNITS else 0) if tens else 0


def _band(years: int) -> str:
    """Ten-year bands; children and everybody above 89 apart. Nothing for what is no plausible age of a writer."""
    if not 6 <= years <= 115:
        return ""
    return next((name for top, name in BANDS if years < top), "90+")
