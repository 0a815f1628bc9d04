"""What the prepared data covers and what it lacks, counted over its parts: labels and lengths, never text.

Only what sources declare is counted: nobody's group, condition or severity is guessed from what was written. A tag
`topic:sleep` counts in the dimension `topic`, `level:S2` in `severity`, and one of the words of `GROUPS`, or
`group:...`, in `groups`. A record may stand in several values of one dimension.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cache, lru_cache
from itertools import pairwise
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from data_prep.documents.markdown import ordered
from data_prep.documents.parts import PARTS, batches, path_of

LEVELS = tuple(f"S{level}" for level in range(6))
"""Severity, from no concern to an emergency under way. All are listed: a level without a record is a gap."""
GROUPS = frozenset(
    "men women nonbinary lgbtq young_adult older_adult teenager student parent carer perinatal migrant refugee"
    " second_language dialect faith disability deaf neurodivergent rural homeless veteran first_responder".split()
)
"""Tags without a prefix that say of whom, or for whom, a record speaks."""
ALWAYS = ("source", "basis", "language", "severity", "groups")
"""Dimensions that are listed even where nothing is declared."""
RENAMED = {"level": "severity", "group": "groups"}
UNCOUNTED = ("upvotes",)
MOST = 200
"""Values of a dimension that are listed; rarer ones are summed up."""
BINS = (0, 25, 50, 100, 200, 400, 800, 1600)
"""Lower bounds of the histogram of words."""
TURN_BINS = (1, 2, 3, 4, 5, 7, 9, 13, 21, 41)
COLUMNS = {"train": ("messages",), "preferences": ("prompt", "chosen")}
SHARED = ("source", "consent", "language", "tags")
Values = defaultdict[str, Counter[str]]


@dataclass
class Part:
    """One part, counted."""

    rows: int = 0
    values: Values = field(default_factory=lambda: defaultdict(Counter))
    """Dimension to value to records."""
    stated: Counter[str] = field(default_factory=Counter)
    """Dimension to records that have a value."""
    turns: Counter[int] = field(default_factory=Counter)
    words: Counter[int] = field(default_factory=Counter)

    def add(self, rows: pa.Table) -> None:
        self.rows += rows.num_rows
        turns, words = _lengths(rows)
        self.turns.update(turns)
        self.words.update(words)
        for name, dimension in (("source", "source"), ("language", "language")):
            self._count(dimension, rows[name].to_pylist())
        self._count("basis", [basis(consent) for consent in rows["consent"].to_pylist()])
        for tags in rows["tags"].to_pylist():
            self._tag(tags)

    def _count(self, dimension: str, values: list[str]) -> None:
        self.values[dimension].update(values)
        self.stated[dimension] += len(values)

    def _tag(self, tags: list[str]) -> None:
        placed = {place(tag) for tag in tags} - {None}
        for dimension, value in placed:  # type: ignore[misc]
            self.values[dimension][value] += 1
        self.stated.update({dimension for dimension, _ in placed})  # type: ignore[misc]


def basis(consent: str) -> str:
    """The first word of a consent: `synthetic`, `published`, ..., which says what kind of source it is."""
    return consent.split("(")[0].split(",")[0].strip().lower()


@lru_cache(maxsize=1 << 16)
def place(tag: str) -> tuple[str, str] | None:
    """Dimension and value of a tag; None where it is not counted."""
    prefix, colon, value = tag.partition(":")
    if not colon:
        return ("groups", tag) if tag in GROUPS else ("tag", tag)
    return None if prefix in UNCOUNTED or not value else (RENAMED.get(prefix, prefix), value)


def _lengths(rows: pa.Table) -> tuple[list[int], list[int]]:
    """Turns and words of each record, without the system's; of a pair the prompt and the chosen reply."""
    import numpy as np

    column = rows["prompt" if "prompt" in rows.column_names else "messages"].combine_chunks()
    flat = pc.list_flatten(column)
    row = pc.list_parent_indices(column).to_numpy()
    said = pc.not_equal(flat.field("role"), "system").to_numpy(zero_copy_only=False)
    turns = np.bincount(row, said, rows.num_rows)
    words = np.bincount(row, said * _words(flat.field("content")), rows.num_rows)
    if "chosen" in rows.column_names:
        turns, words = turns + 1, words + _words(rows["chosen"])
    return turns.astype(int).tolist(), words.astype(int).tolist()


def _words(texts: Any) -> Any:
    return pc.count_substring_regex(texts, r"\S+").to_numpy()


def coverage(folder: Path, form: str) -> dict[str, Any]:
    """The tables of `coverage.json`, from the parts of a prepared folder. Memory grows with labels, not with records.

    `dimensions`: dimension to `values` (value to part to records), `others` (values beyond the 200 most frequent, and
    their records) and `not_stated` (part to records). `turns` and `words`: part to n, mean, quantiles and a histogram.
    """
    parts = {name: _read(folder, name, form) for name in PARTS}
    names = {dimension for part in parts.values() for dimension in part.values}
    order = [*ALWAYS, *sorted(names - set(ALWAYS))]
    return {
        "records": {name: part.rows for name, part in parts.items()},
        "dimensions": {dimension: _dimension(dimension, parts) for dimension in order},
        "turns": {name: _summary(part.turns, TURN_BINS) for name, part in parts.items()},
        "words": {name: _summary(part.words, BINS) for name, part in parts.items()},
    }


def _read(folder: Path, name: str, form: str) -> Part:
    part = Part()
    columns = (*SHARED, *COLUMNS["preferences" if name.startswith("preferences") else "train"])
    for rows in batches(path_of(folder, name, form), name, columns):
        part.add(rows)
    return part


def _dimension(name: str, parts: dict[str, Part]) -> dict[str, Any]:
    total: Counter[str] = Counter(dict.fromkeys(LEVELS, 0)) if name == "severity" else Counter()
    for part in parts.values():
        total.update(part.values.get(name, {}))
    pairs = sorted(total.items()) if name == "severity" else ordered(total)
    shown, rest = pairs[:MOST], pairs[MOST:]
    return {
        "values": {value: {key: part.values[name][value] for key, part in parts.items()} for value, _ in shown},
        "others": {"values": len(rest), "records": sum(many for _, many in rest)},
        "not_stated": {key: part.rows - part.stated[name] for key, part in parts.items()},
    }


def _summary(lengths: Counter[int], bins: tuple[int, ...]) -> dict[str, Any]:
    n = lengths.total()
    if not n:
        return {"n": 0}
    quantiles = dict(_quantiles(lengths, {"p10": 0.1, "median": 0.5, "p90": 0.9}))
    mean = sum(length * many for length, many in lengths.items()) / n
    facts = {"n": n, "mean": round(mean, 1), "min": min(lengths), **quantiles, "max": max(lengths)}
    return facts | {"histogram": _histogram(lengths, bins)}


def _quantiles(lengths: Counter[int], wanted: dict[str, float]) -> Iterator[tuple[str, int]]:
    """The smallest length that at least this share of the records does not exceed."""
    for name, quantile in wanted.items():
        seen = 0
        for length in sorted(lengths):
            seen += lengths[length]
            if seen >= quantile * lengths.total():
                yield name, length
                break


def _histogram(lengths: Counter[int], bins: tuple[int, ...]) -> dict[str, int]:
    found = dict.fromkeys(labels(bins), 0)
    for length, many in lengths.items():
        found[labels(bins)[max(0, sum(length >= low for low in bins) - 1)]] += many
    return found


@cache
def labels(bins: tuple[int, ...]) -> tuple[str, ...]:
    """`0-24`, `25-49`, ..., `1600+`; a bin of one number is that number."""
    inner = (str(low) if high == low + 1 else f"{low}-{high - 1}" for low, high in pairwise(bins))
    return (*inner, f"{bins[-1]}+")
