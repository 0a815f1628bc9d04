"""Stretches of personal data in a text, and how those of several finders become one list."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

CERTAIN = 0.9
"""Score from which a name gives its type to what overlaps it and was found as a name too, of a place or a firm."""
FOUND_BY_NAME = ("NAME", "PLACE", "EMPLOYER", "SCHOOL", "CONGREGATION")
"""Types that are names of something; the others have a shape."""

BETWEEN = re.compile(r" |-| [A-Z]\.? ")


@dataclass(frozen=True)
class Found:
    """Personal data at characters [start, end) of a text."""

    start: int
    end: int
    type: str
    score: float


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
    by_name = all(span.type in FOUND_BY_NAME for span in cluster)
    best = max(
        cluster,
        key=lambda span: (by_name and span.type == "NAME" and span.score >= CERTAIN, span.end - span.start, span.score),
    )
    return Found(min(one.start for one in cluster), max(one.end for one in cluster), best.type, best.score)


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
