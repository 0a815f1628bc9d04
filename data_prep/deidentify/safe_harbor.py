"""HIPAA Safe Harbor's rules for ZIP codes, ages and dates: what of them may stay in a de-identified text.

45 CFR 164.514(b)(2)(i)(B) and (C), with the guidance of the Office for Civil Rights (HHS, "Guidance Regarding Methods
for De-identification of Protected Health Information", 26 November 2012). What cannot be read is treated as the
most identifying thing that it could be.
"""

from __future__ import annotations

import re
import unicodedata

SMALL_ZIPS = frozenset("036 059 063 102 203 556 692 790 821 823 830 831 878 879 884 890 893".split())
"""The 17 three-digit prefixes whose areas have 20,000 people or fewer by the 2000 census, as the guidance lists them."""
OLDEST = 89
"""The highest age that may stay, in years."""
AGED = "90 or older"
"""What stands for every higher age."""
_ZIP = re.compile(r"(\d{3})\d{2}(?:[\s-]?\d{4})?")
_NUMBER = re.compile(r"\d+")
_AGED_WORD = re.compile(
    r"\b(?:ninet(?:y|ies|ieth)|nonagenarian|(?:super)?centenarian|hundred(?:th)?"
    r"|novent\w+|nonagenari[oa]|cien(?:to)?|centenari[oa])\b",
    re.IGNORECASE,
)
_YEAR = re.compile(r"(?<!\d)(?:1[89]|20)\d{2}(?!\d)")
_SHORT_YEAR = re.compile(r"(?<!\d)\d{1,2}([./-])\d{1,2}\1(\d{2})(?!\d)|(?<=['’])(\d{2})(?!\d)")


def safe_zip(zip: str) -> str:
    """The first three digits of a US ZIP code (five digits or ZIP+4); `000` where few people live, or where it is none."""
    found = _ZIP.fullmatch(unicodedata.normalize("NFKC", zip).strip())
    prefix = found[1] if found else "000"
    return "000" if prefix in SMALL_ZIPS else prefix


def safe_age(age: str | int) -> str:
    """An age as it was written, or `90 or older` where any number or word in it says more than 89 years.

    Reads digits, and the English and Spanish words for ninety and a hundred ("ninety-three", "in her 90s", "noventa").
    """
    text = unicodedata.normalize("NFKC", str(age))
    aged = any(int(number) > OLDEST for number in _NUMBER.findall(text)) or _AGED_WORD.search(text)
    return AGED if aged else str(age)


def safe_date(date: str, year_now: int) -> str:
    """The year of a date, or nothing: no year stands in it, or its year would tell an age above 89.

    Two-digit years are read as the latest past ones. `year_now` is the caller's, so that the same text gives the same
    result on any day; take the year in which the data set is made.
    """
    text = unicodedata.normalize("NFKC", date)
    years = [int(year) for year in _YEAR.findall(text)] or _short_years(text, year_now)
    return str(years[0]) if len(set(years)) == 1 and years[0] >= year_now - OLDEST else ""


def _short_years(text: str, year_now: int) -> list[int]:
    short = [int(found[2] or found[3]) for found in _SHORT_YEAR.finditer(text)]
    return [year_now - (year_now - year) % 100 for year in short]
