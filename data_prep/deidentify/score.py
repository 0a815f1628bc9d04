"""How much of the marked personal data is found, and how much else is touched."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

from data_prep.deidentify.benchmark import Gold, Passage
from data_prep.deidentify.spans import Found
from wellgate.records import Span


@dataclass(frozen=True)
class Rate:
    """A share with its two-sided 95 % Clopper-Pearson interval."""

    hits: int
    n: int
    share: float | None
    low: float
    high: float


def rate(hits: int, n: int) -> Rate:
    """`share` is None where nothing was counted, and the interval is everything."""
    if not n:
        return Rate(0, 0, None, 0.0, 1.0)
    from scipy.stats import binomtest

    interval = binomtest(hits, n).proportion_ci(0.95, "exact")
    return Rate(hits, n, round(hits / n, 4), round(float(interval.low), 4), round(float(interval.high), 4))


def leaked(gold: Gold, found: Sequence[Found]) -> bool:
    """Whether any character of a marked span is left standing, under whatever type the rest was found."""
    left = set(range(gold.start, gold.end))
    for one in found:
        left.difference_update(range(one.start, one.end))
    return bool(left)


def score(passages: Sequence[Passage], found: Sequence[Sequence[Found]], seconds: float) -> dict[str, Any]:
    """All figures of one system on one benchmark, as plain values.

    Leak recall: marked spans of which no character survives. Precision: found spans that touch a marked one.
    Over-redaction: words outside marked spans that were touched, per 1,000 words. Clean: passages without personal
    data, and among them those with crisis resources, that were touched.
    """
    pairs = list(zip(passages, found, strict=True))
    hits: dict[str, list[bool]] = defaultdict(list)
    groups: dict[str, list[bool]] = defaultdict(list)
    for passage, spans in pairs:
        for gold in passage.gold:
            covered = not leaked(gold, spans)
            hits[gold.type].append(covered)
            if gold.group:
                groups[gold.group].append(covered)
    true = [any(_touch(one, gold) for gold in passage.gold) for passage, spans in pairs for one in spans]
    clean = [(passage.kind, bool(spans)) for passage, spans in pairs if not passage.gold]
    everything = [hit for some in hits.values() for hit in some]
    characters = sum(len(passage.text) for passage in passages)
    return {
        "passages": len(passages),
        "recall": asdict(_share(everything)),
        "precision": asdict(_share(true)),
        "clean_touched": asdict(_share([touched for _, touched in clean])),
        "resources_touched": asdict(_share([touched for kind, touched in clean if kind == "clean:resource"])),
        "over_redaction_per_1000_words": _over_redaction(pairs),
        "by_type": {kind: asdict(_share(some)) for kind, some in sorted(hits.items())},
        "by_origin": {group: asdict(_share(some)) for group, some in sorted(groups.items())},
        "worst_origin_gap": worst_gap(groups),
        "kchar_per_s": round(characters / seconds / 1000, 1) if seconds else None,
    }


def _share(hits: Sequence[bool]) -> Rate:
    return rate(sum(hits), len(hits))


def _touch(one: Found, gold: Gold) -> bool:
    return one.start < gold.end and gold.start < one.end


def _over_redaction(pairs: Sequence[tuple[Passage, Sequence[Found]]]) -> float | None:
    """A word is touched when a found span overlaps it and no marked span does."""
    import re

    words = touched = 0
    for passage, spans in pairs:
        for word in re.finditer(r"\S+", passage.text):
            words += 1
            place = Gold(word.start(), word.end(), "")
            if any(_touch(one, place) for one in spans):
                touched += not any(one.start < place.end and place.start < one.end for one in passage.gold)
    return round(1000 * touched / words, 2) if words else None


def worst_gap(groups: dict[str, list[bool]]) -> dict[str, Any] | None:
    """The origin group whose names are found least, against all other names: difference with Newcombe's 95 % interval.

    Newcombe 1998, method 10: Wilson intervals of both shares, combined. The interval is that of one comparison chosen
    as the worst of several, so it is optimistic about how bad the worst group is and pessimistic that a gap exists.
    """
    if len(groups) < 2:
        return None
    worst = min(groups, key=lambda name: sum(groups[name]) / len(groups[name]))
    rest = [hit for name, hits in groups.items() if name != worst for hit in hits]
    here = groups[worst]
    p1, (l1, u1) = sum(rest) / len(rest), _wilson(sum(rest), len(rest))
    p2, (l2, u2) = sum(here) / len(here), _wilson(sum(here), len(here))
    low = p1 - p2 - ((p1 - l1) ** 2 + (u2 - p2) ** 2) ** 0.5
    high = p1 - p2 + ((u1 - p1) ** 2 + (p2 - l2) ** 2) ** 0.5
    return {"group": worst, "gap": round(p1 - p2, 4), "low": round(low, 4), "high": round(high, 4)}


def _wilson(hits: int, n: int) -> tuple[float, float]:
    from scipy.stats import binomtest

    interval = binomtest(hits, n).proportion_ci(0.95, "wilson")
    return float(interval.low), float(interval.high)


@dataclass(frozen=True)
class Recall:
    """Gold spans of a source's own rows and how many were found, by type."""

    by_type: dict[str, tuple[int, int]]

    def as_counts(self) -> dict[str, object]:
        """For the manifest: overall share, and found / marked by type."""
        found, total = (sum(pair[place] for pair in self.by_type.values()) for place in (0, 1))
        by_type = {kind: list(pair) for kind, pair in sorted(self.by_type.items())}
        return {"found": found, "marked": total, "recall": round(found / total, 3), "by_type": by_type}


def recall(gold: Sequence[Span], found: Sequence[Span]) -> Recall:
    """Leak recall on hand-marked spans in records."""
    places: dict[tuple[str, int], list[Found]] = defaultdict(list)
    for span in found:
        places[span.id, span.message].append(Found(span.start, span.end, span.type, 1.0))
    hits: dict[str, list[bool]] = defaultdict(list)
    for span in gold:
        hits[span.type].append(not leaked(Gold(span.start, span.end, span.type), places[span.id, span.message]))
    return Recall({kind: (sum(some), len(some)) for kind, some in hits.items()})
