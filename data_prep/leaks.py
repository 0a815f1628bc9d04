"""What of one file stands in another: exact, normalised and near duplicates, and texts that the other one contains.

Works on any two csv, jsonl, parquet or txt files, and on the parts of one file that a column tells apart
(`data.csv:split=test`). The report names rows by id, line or number and holds no text.

Texts are the same when their letters and digits are, whatever stands between; and where a text is nearly all ASCII, when
its ASCII letters are: sets that were passed on often carry apostrophes of a wrong encoding. The template around the
texts of a column (`Consider this post: ... Question: ...?`) is found by its frequency and taken off first.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Hashable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from data_prep.decontaminate import Index, Line, lines, said, split_name
from data_prep.dedup import BANDS, NEAR, SLACK, band_keys, estimate, jaccard, minhashes
from data_prep.ngrams import Places, words
from wellgate.errors import InputError

KINDS = ("exact", "normalised", "near", "contained")
TITLES = {
    "exact": "exact",
    "normalised": "same letters",
    "near": "near (Jaccard >= {near:g})",
    "contained": "contained",
}
EVERYTHING = "all columns"
TEXT_WORDS = 4
"""Mean words from which a column is text."""
AFFIX_WORDS, AFFIX_SHARE, AFFIX_ROWS, AFFIX_CERTAIN = 3, 0.1, 10, 0.9
"""Words at the beginning or end that so many rows share are a template around the text, not the text."""
ROLES = ("user", "assistant")
Name = str | Path
"""A file, or `file:column=value`."""
BEYOND_ASCII = bytes(range(128, 256))
MOSTLY = 0.8
MOST_CANDIDATES = 16
"""Rows of A in one band that a row of B is compared with."""
LISTED = 20


@dataclass(frozen=True)
class Match:
    """A row of B that stands in A."""

    b: str
    a: str
    similarity: float | None = None
    """Jaccard of word 3-grams, where the match is near."""


@dataclass(frozen=True)
class Comparison:
    """One column of A against one of B. `near` and `contained` count `normalised` matches too, and those count `exact`."""

    column_a: str
    column_b: str
    rows_a: int
    rows_b: int
    """Rows with a text in the column."""
    distinct_b: int
    """Texts in B with different words."""
    duplicates_a: int
    duplicates_b: int
    """Rows whose words stood in an earlier row of the same part."""
    template_b: tuple[int, int]
    """Most words that were taken off before and after the text in B, as its template."""
    matches: Mapping[str, tuple[Match, ...]]
    """By kind, at most one for each row of B, in B's order."""

    def share(self, kind: str) -> float:
        """Share of B's rows that stand in A."""
        return len(self.matches[kind]) / self.rows_b if self.rows_b else 0.0


@dataclass(frozen=True)
class Leaks:
    """What was found in a pair of files or parts."""

    a: str
    b: str
    near: float
    unreadable_a: int
    unreadable_b: int
    comparisons: tuple[Comparison, ...]
    within: bool = False
    """A and B are the same: a row's matches are earlier rows."""

    def as_dict(self) -> dict[str, Any]:
        """Everything, for JSON."""
        return asdict(self)

    def markdown(self, listed: int = LISTED) -> str:
        """Counts, shares, and the first few rows of each finding."""
        title = f"# Duplicates in {self.b}" if self.within else f"# Rows of {self.b} that stand in {self.a}"
        kinds = [TITLES[kind].format(near=self.near) for kind in KINDS]
        head = ["column of A", "column of B", "rows of A", "rows of B", *kinds, "repeated in A", "repeated in B"]
        table = [head, ["---"] * len(head), *(_cells(one) for one in self.comparisons)]
        parts = [title, "", *(f"| {' | '.join(row)} |" for row in table), ""]
        if self.unreadable_a or self.unreadable_b:
            parts += [f"Rows that could not be read: {self.unreadable_a} in A, {self.unreadable_b} in B.", ""]
        for one in self.comparisons:
            parts += _listed(one, listed)
        return "\n".join(parts)


def _cells(one: Comparison) -> list[str]:
    found = [f"{len(one.matches[kind])} ({one.share(kind):.1%})" for kind in KINDS]
    rows = [f"{one.rows_a:,}", f"{one.rows_b:,}"]
    return [one.column_a, one.column_b, *rows, *found, str(one.duplicates_a), str(one.duplicates_b)]


def _listed(one: Comparison, most: int) -> Iterator[str]:
    """Rows of each kind that no stronger kind has."""
    stronger: set[str] = set()
    for kind in KINDS:
        new = [match for match in one.matches[kind] if match.b not in stronger]
        stronger |= {match.b for match in new}
        if new:
            pairs = ", ".join(f"{match.b} = {match.a}{_similarity(match)}" for match in new[:most])
            more = f", and {len(new) - most} more" if len(new) > most else ""
            yield f"- {one.column_b} in {one.column_a}, {kind} (row of B = row of A): {pairs}{more}"


def _similarity(match: Match) -> str:
    return "" if match.similarity is None else f" ({match.similarity:.2f})"


@dataclass
class Part:
    """A file, or the rows of it in which a column has a value; as text columns."""

    name: str
    refs: list[str] = field(default_factory=list)
    columns: dict[str, list[str]] = field(default_factory=dict)
    """Column to its texts, empty where a row has none."""
    unreadable: int = 0


def read(name: Name) -> Part:
    """A part, by `path` or `path:column=value`.

    Raises:
        InputError: the file cannot be read, or no row has the value.
    """
    path, rest = split_name(name)
    column, _, value = rest.partition("=")
    part = Part(f"{path.name}:{rest}" if rest else path.name)
    rows = []
    for line in lines(path):
        if line is None:
            part.unreadable += 1
        elif not rest or str(line.cells.get(column, "")) == value:
            rows.append(_texts(line))
            part.refs.append(line.ref)
    if not rows:
        way_out = f"no row in which column {column!r} is {value!r}" if rest else "no readable row"
        raise InputError(f"{path}: {way_out}; name a part as file.csv:column=value")
    columns = dict.fromkeys(name for row in rows for name in row)
    part.columns = {name: [row.get(name, "") for row in rows] for name in columns}
    return part


def _texts(line: Line) -> dict[str, str]:
    """The cells of a row that are texts. A list of turns becomes one text for each role."""
    texts = {name: value for name, value in line.cells.items() if isinstance(value, str) and name}
    for name, value in line.cells.items():
        if isinstance(value, list):
            texts |= {f"{name}.{role}": said(value, role) for role in ROLES}
    return texts


def text_columns(part: Part) -> list[str]:
    """The columns whose cells are a few words or more."""
    return [name for name, cells in part.columns.items() if _mean_words(cells) >= TEXT_WORDS]


def _mean_words(cells: Sequence[str]) -> float:
    counts = [len(cell.split()) for cell in cells if cell.strip()]
    return sum(counts) / len(counts) if counts else 0.0


def audit(a: Name | Sequence[Name], b: Name | None = None, columns: Sequence[str] = (), near: float = NEAR) -> Leaks:
    """What of `b` stands in `a` (one file or part, or several taken together), or of `a` in its own earlier rows.

    Columns are `name`, or `name in A=name in B`. Where none is named, text columns of equal name are compared, and all
    of A's with all of B's where no name is equal.

    Raises:
        InputError: a file cannot be read, or has no such column, or no text.
    """
    first = read(a) if isinstance(a, str | Path) else _united([read(one) for one in a])
    second = first if b is None else read(b)
    pairs = _pairs(first, second, columns)
    compared = [_compare(first, second, pair, near) for pair in pairs]
    shared = [one for one, other in pairs if one == other]
    if len(shared) > 1:
        whole = _whole(first, shared)
        other = whole if second is first else _whole(second, shared)
        compared.append(_compare(whole, other, (EVERYTHING, EVERYTHING), near))
    within = second is first
    return Leaks(first.name, second.name, near, first.unreadable, second.unreadable, tuple(compared), within)


def _united(parts: Sequence[Part]) -> Part:
    """Several parts as one, in which each row is named with its part."""
    if len(parts) == 1:
        return parts[0]
    names = dict.fromkeys(name for part in parts for name in part.columns)
    return Part(
        " + ".join(part.name for part in parts),
        [f"{part.name}:{ref}" for part in parts for ref in part.refs],
        {name: [cell for part in parts for cell in part.columns.get(name, [""] * len(part.refs))] for name in names},
        sum(part.unreadable for part in parts),
    )


def _pairs(a: Part, b: Part, columns: Sequence[str]) -> list[tuple[str, str]]:
    for part, names in ((a, [name.split("=")[0] for name in columns]), (b, [name.split("=")[-1] for name in columns])):
        if missing := [name for name in names if name not in part.columns]:
            raise InputError(f"{part.name}: no column {', '.join(missing)}; it has {', '.join(part.columns)}")
    if columns:
        return [(name.split("=")[0], name.split("=")[-1]) for name in columns]
    of_a, of_b = text_columns(a), text_columns(b)
    for part, names in ((a, of_a), (b, of_b)):
        if not names:
            raise InputError(f"{part.name}: no column with text; name one of {', '.join(part.columns)}")
    return [(name, name) for name in of_a if name in of_b] or [(one, other) for one in of_a for other in of_b]


def _whole(part: Part, names: Sequence[str]) -> Part:
    """The part with all named columns as one."""
    texts = ["\n".join(cells) for cells in zip(*(part.columns[name] for name in names), strict=True)]
    return Part(part.name, part.refs, {EVERYTHING: texts})


class _Column:
    """The texts of one column, without empty ones and without the template around them."""

    def __init__(self, part: Part, name: str) -> None:
        filled = [(ref, text) for ref, text in zip(part.refs, part.columns[name], strict=True) if text.strip()]
        self.name = name
        self.refs = [ref for ref, _ in filled]
        self.raw = [text for _, text in filled]
        self.words = [words(text) for text in self.raw]
        self.template = _without_template(self.words)
        self.plain = [b" ".join(one).decode("utf-8", "surrogatepass") for one in self.words]
        self.letters = [_letters(b"".join(one)) for one in self.words]
        self.distinct = len(set(self.letters))


def _letters(text: bytes) -> bytes:
    ascii = text.translate(None, BEYOND_ASCII)
    return ascii if len(ascii) >= MOSTLY * len(text) else text


def _without_template(texts: list[list[bytes]]) -> tuple[int, int]:
    """Take the words off that many rows begin or end with, in place; the most that were taken off either end."""
    before = _affixes(texts)
    texts[:] = [text[length:] for text, length in zip(texts, before, strict=True)]
    after = _affixes([text[::-1] for text in texts])
    texts[:] = [text[: len(text) - length] for text, length in zip(texts, after, strict=True)]
    return max(before, default=0), max(after, default=0)


def _affixes(texts: Sequence[Sequence[bytes]]) -> list[int]:
    """For each text how many of its first words are template; nothing where all of it would be.

    Words go on being template as long as, among the rows that begin so, nearly all go on in one of a few common ways:
    `Consider this post:` does not take the frequent `I` of the posts with it.
    """
    least = max(AFFIX_ROWS, AFFIX_SHARE * len(texts))
    lengths = [0] * len(texts)
    groups = [list(range(len(texts)))]
    while groups:
        groups = [branch for group in groups for branch in _branches(texts, group, lengths[group[0]], least)]
        for row in (row for group in groups for row in group):
            lengths[row] += 1
    return [length if AFFIX_WORDS <= length < len(text) else 0 for length, text in zip(lengths, texts, strict=True)]


def _branches(texts: Sequence[Sequence[bytes]], group: list[int], at: int, least: float) -> list[list[int]]:
    """The rows of a group by their next word, where nearly all of them share it with many others."""
    ways: dict[bytes, list[int]] = defaultdict(list)
    for row in group:
        if len(texts[row]) > at:
            ways[texts[row][at]].append(row)
    common = [rows for rows in ways.values() if len(rows) >= least]
    return common if sum(map(len, common)) >= AFFIX_CERTAIN * len(group) else []


def _compare(a: Part, b: Part, names: tuple[str, str], near: float) -> Comparison:
    first = _Column(a, names[0])
    second = first if b is a and names[0] == names[1] else _Column(b, names[1])
    return Comparison(
        column_a=first.name,
        column_b=second.name,
        rows_a=len(first.refs),
        rows_b=len(second.refs),
        distinct_b=second.distinct,
        duplicates_a=len(first.refs) - first.distinct,
        duplicates_b=len(second.refs) - second.distinct,
        template_b=second.template,
        matches=_matches(first, second, near),
    )


def _matches(a: _Column, b: _Column, near: float) -> dict[str, tuple[Match, ...]]:
    within = a is b
    exact = _equal(a.raw, b.raw, within)
    normalised = _equal(a.letters, b.letters, within) | exact
    close = _near(a, b, near, within)
    nearest = {row: one for row, (one, _) in close.items()} | normalised
    values = {row: value for row, (_, value) in close.items() if row not in normalised}
    contained = normalised if within or a.name == EVERYTHING else _contained(a, b) | normalised
    found = dict(zip(KINDS, (exact, normalised, nearest, contained), strict=True))
    return {
        kind: tuple(
            Match(b.refs[row], a.refs[rows[row]], values.get(row) if kind == "near" else None) for row in sorted(rows)
        )
        for kind, rows in found.items()
    }


def _equal(a: Sequence[Hashable], b: Sequence[Hashable], within: bool) -> dict[int, int]:
    """Row of B to the first row of A with the same text."""
    first: dict[Hashable, int] = {}
    for row, text in enumerate(a):
        first.setdefault(text, row)
    return {row: first[text] for row, text in enumerate(b) if text in first and not (within and first[text] == row)}


def _near(a: _Column, b: _Column, near: float, within: bool) -> dict[int, tuple[int, float]]:
    """Row of B to the row of A that is most like it, and how much."""
    texts = [*a.plain, *b.plain]
    pairs = _candidates(texts, len(a.plain), near, within)
    found: dict[int, tuple[int, float]] = {}
    for (one, other), value in zip(pairs.tolist(), jaccard(texts, pairs).tolist() if len(pairs) else [], strict=True):
        row = other - len(a.plain)
        if value >= near and value > found.get(row, (0, 0.0))[1]:
            found[row] = (one, round(value, 4))
    return found


def _candidates(texts: Sequence[str], size: int, near: float, within: bool) -> Places:
    """Pairs of a text of A (the first `size`) and one of B that share a band and whose signatures look alike."""
    sketch = minhashes(texts)
    rows = np.arange(len(texts))
    found = [np.zeros((0, 2), np.int64)]
    for band in range(BANDS):
        keys = band_keys(sketch, rows, band)
        order = np.argsort(keys[:size], kind="stable")
        ranked = keys[:size][order]
        low, high = (np.searchsorted(ranked, keys[size:], side) for side in ("left", "right"))
        for step in range(min(MOST_CANDIDATES, int((high - low).max(initial=0)))):
            there = np.flatnonzero(low + step < high)
            found.append(np.column_stack((order[low[there] + step], there + size)))
    pairs = np.unique(np.concatenate(found), axis=0)
    if within:
        pairs = pairs[pairs[:, 0] < pairs[:, 1] - size]
    likely: Places = pairs[estimate(sketch, pairs) >= near - SLACK]
    return likely


def _contained(a: _Column, b: _Column) -> dict[int, int]:
    """Row of B to the first row of A that contains it, by the rules of `decontaminate`."""
    index = Index([(str(row), text) for row, text in enumerate(b.plain)])
    found: dict[int, int] = defaultdict(int)
    for row, items in enumerate(index.collisions([[text] for text in a.raw])):
        for item in items:
            found.setdefault(int(item), row)
    return dict(found)
