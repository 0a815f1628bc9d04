"""Replace personal data in every turn, of both roles, by surrogates.

Both roles, because text that is masked from the loss is still memorised. English only for now: a record in another
language is left out with its reason, never passed through as it is.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from data_prep.deidentify import detect
from data_prep.deidentify.surrogates import surrogate
from wellgate.plugins import Filter
from wellgate.records import Span

BATCH = 64


class Deidentify(Filter):
    packages: ClassVar[tuple[str, ...]] = detect.PACKAGES
    languages: ClassVar[tuple[str, ...]] = ("en",)
    secret: str = "wellgate"
    """Key of the surrogates. They are drawn from short lists and cannot be reversed, whoever knows the key."""

    def apply(self, ids: Sequence[str], texts: Sequence[Sequence[str]]) -> list[tuple[list[str], list[Span]]]:
        done: list[tuple[list[str], list[Span]]] = []
        for first in range(0, len(texts), BATCH):
            batch = texts[first : first + BATCH]
            found = detect.detect([text for record in batch for text in record])
            for id, record in zip(ids[first : first + BATCH], batch, strict=True):
                spans = detect.propagate_names(record, [next(found) for _ in record])
                done.append(self._replace(id, record, spans))
        return done

    def _replace(
        self, id: str, texts: Sequence[str], spans: Sequence[Sequence[detect.Found]]
    ) -> tuple[list[str], list[Span]]:
        new, ledger = [], []
        for number, (text, found) in enumerate(zip(texts, spans, strict=True)):
            for one in reversed(found):
                value = surrogate(one.type, text[one.start : one.end], id, self.secret)
                text = text[: one.start] + value + text[one.end :]
            new.append(text)
            ledger += [Span(id=id, message=number, start=one.start, end=one.end, type=one.type) for one in found]
        return new, ledger
