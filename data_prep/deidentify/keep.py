"""What looks like personal data and must survive: crisis resources, drugs, scales, authors, countries, everyday words."""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path

from data_prep.deidentify.spans import FOUND_BY_NAME

WORDS = Path(__file__).with_name("keep.txt")
TOLL_FREE = re.compile(
    r"1?8(?:00|88|77|66|55|44|33)\d{7}|(?:44|0)(?:800|808)\d{6,7}|08001111|(?:1800|1300)\d{6}|116\d{3}|13\d{4}|900\d{6}|717\d{6}"
)
"""Numbers that only organisations have: US and Canadian 8xx, UK and Irish 08xx and 116, Australian 13 and 1800, Spanish 900."""
MONTHS = frozenset("may june april august mayo abril agosto junio".split())
PUBLIC_HOST = re.compile(
    r"(?i)(?:https?://)?(?:[\w-]+\.)*(?:gov|gov\.uk|nhs\.uk|988lifeline\.org|samaritans\.(?:org|ie)|crisistextline\.org|findahelpline\.com|befrienders\.org"
    r"|nami\.org|samhsa\.gov|thetrevorproject\.org|childline\.org\.uk|mind\.org\.uk|beyondblue\.org\.au|lifeline\.org\.au|thehotline\.org|rainn\.org|iasp\.info"
    r"|who\.int|pieta\.ie|papyrus-uk\.org|giveusashout\.org|telefonodelaesperanza\.org)(?:[/?#].*)?"
)
"""Web addresses of public help and government. E-mail addresses there belong to people, but for those in PUBLIC_MAIL."""
PUBLIC_MAIL = frozenset(("jo@samaritans.org", "jo@samaritans.ie", "pat@papyrus-uk.org", "info@samaritans.org"))
PLACEHOLDER = re.compile(r"\{\{\s*\w+\s*\}\}")


@cache
def words() -> frozenset[str]:
    """Lower-case words and phrases of keep.txt, between commas; lines with # are headings."""
    lines = [line for line in WORDS.read_text(encoding="utf-8").splitlines() if not line.startswith("#")]
    return frozenset(word.strip().lower() for line in lines for word in line.split(",") if word.strip())


@cache
def crisis_numbers() -> frozenset[str]:
    """Digits of every number in the crisis registry."""
    from wellgate import registry

    lines = [line for locale in registry.load().locales.values() for line in locale.lines]
    return frozenset(_digits(number) for line in lines for number in (*line.phone, *line.text, *line.whatsapp))


def survives(text: str, start: int, end: int, kind: str) -> bool:
    """Whether a hit is no personal data after all."""
    surface = text[start:end]
    if any(one.start() < end and start < one.end() for one in PLACEHOLDER.finditer(text)):
        return True
    if surface.lower() in PUBLIC_MAIL or (kind != "EMAIL" and PUBLIC_HOST.fullmatch(surface)):
        return True
    if kind in FOUND_BY_NAME:
        if _only_kept_words(surface) or (kind == "PLACE" and surface.lower() in MONTHS):
            return True
        return kind == "NAME" and _part_of_kept_phrase(text, start, end)
    if kind in ("PHONE", "ID"):
        number = _digits(surface)
        grouped = kind == "PHONE" or " " in surface or "-" in surface
        plain = not any(character.isalpha() for character in surface)
        return plain and (number in crisis_numbers() or (grouped and bool(TOLL_FREE.fullmatch(number))))
    return False


def _only_kept_words(surface: str) -> bool:
    lowered = re.sub(r"['’]s\b", "", surface.lower()).strip(" .,;:!?'’\"-")
    if lowered in words():
        return True
    parts = re.findall(r"[^\W\d_][\w’'-]*|\d+", lowered)
    long = [part for part in parts if len(part) > 1]
    return bool(long) and all(part in words() or part.isdigit() for part in long)


def _part_of_kept_phrase(text: str, start: int, end: int) -> bool:
    """Whether the word before or after makes it a phrase that is kept, as `Plath` does with `Sylvia`."""
    after = re.match(r"\s+[\w'’-]+", text[end : end + 40])
    before = re.search(r"[\w'’-]+\s+$", text[max(0, start - 40) : start])
    phrases = [text[start:end] + after.group() if after else "", before.group() + text[start:end] if before else ""]
    return any(" ".join(phrase.lower().split()) in words() for phrase in phrases if phrase)


def _digits(text: str) -> str:
    return re.sub(r"\D", "", text)
