"""How much of the hand-marked personal data was found."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

from wellgate.records import Span


@dataclass(frozen=True)
class Recall:
    """Gold spans and those of them of which no character was left standing, by type."""

    gold: dict[str, int]
    covered: dict[str, int]

    def as_counts(self) -> dict[str, object]:
        """For the manifest: overall share, and found / marked by type."""
        total, found = sum(self.gold.values()), sum(self.covered.values())
        by_type = {kind: [self.covered.get(kind, 0), self.gold[kind]] for kind in sorted(self.gold)}
        return {"found": found, "marked": total, "recall": round(found / total, 3), "by_type": by_type}


def recall(gold: Sequence[Span], found: Sequence[Span]) -> Recall:
    """Leak recall: a gold span counts as found when every character of it was replaced, under whatever type."""
    places: dict[tuple[str, int], set[int]] = defaultdict(set)
    for span in found:
        places[span.id, span.message].update(range(span.start, span.end))
    covered = [span for span in gold if places[span.id, span.message].issuperset(range(span.start, span.end))]
    return Recall(Counter(span.type for span in gold), Counter(span.type for span in covered))
