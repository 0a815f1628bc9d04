"""Finding a behaviour in a reply: patterns that are looked for sentence by sentence."""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import cached_property


def sentences(text: str) -> list[str]:
    """Rough sentences, with typographic apostrophes made plain; each keeps its closing mark."""
    plain = text.replace("’", "'").replace("‘", "'").replace("“", '"').replace("”", '"')
    parts = re.split(r"(?<=[.!?])[\"')]*\s+|\n+", plain)
    return [part.strip() for part in parts if part.strip()]


class Phrases:
    """A behaviour: any of the patterns in a sentence, unless one of the exceptions stands in the same sentence."""

    def __init__(self, *patterns: str, unless: Sequence[str] = (), question: bool = False) -> None:
        self.patterns = patterns
        self.unless = tuple(unless)
        self.question = question
        """Only sentences that end with a question mark count."""

    @cached_property
    def _compiled(self) -> tuple[re.Pattern[str], re.Pattern[str] | None]:
        def either(patterns: Sequence[str]) -> re.Pattern[str]:
            return re.compile("|".join(f"(?:{pattern})" for pattern in patterns), re.IGNORECASE)

        return either(self.patterns), either(self.unless) if self.unless else None

    def found_in(self, text: str) -> bool:
        """Whether the behaviour is in the text."""
        wanted, exception = self._compiled
        return any(
            wanted.search(sentence) and not (exception and exception.search(sentence))
            for sentence in sentences(text)
            if not self.question or sentence.rstrip("\"')").endswith("?")
        )
