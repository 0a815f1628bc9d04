"""Evaluation items that stand in training records: found by shared word n-grams, also where words were changed.

An item is found in a record when one of these holds:

1. The 4-grams they share cover more than 30 % of the item, each word weighted by how rare it is among the items (IDF),
   and at least 9 of its words, or 60 % of them where it is short: "I don't know how to" is a leak of nothing.
2. They share 13 words in a row (the rule of Brown et al. 2020, GPT-3).

Only the question of an item counts, not its answer. N-grams that stand in many different items are the file's template
("Question: does the poster ...") and count for nothing, unless hardly a word of the item is left without them: items that
differ in one word (`I am a {group} and ...`) are each looked for in full. An item of 3 to 7 words is found only where a whole turn says
just that; one of 1 or 2 words ("help me") says nothing that could leak and is never found.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from data_prep.ngrams import Hashes, Places, hashed, ngrams
from data_prep.read import ID, Row, open_text, read_csv, read_jsonl, text_problem
from wellgate.errors import InputError

GRAM, RUN = 4, 13
SHARE = 0.3
ENOUGH_WORDS, ENOUGH_SHARE = 9, 0.6
SHORT, SHORTEST = 8, 3
"""Words: shorter items must be a whole turn; the shortest are never looked for."""
TEMPLATE, TEMPLATE_SHARE = 10, 0.05
"""An n-gram of more items than this, and of more than this share of them, is the file's template."""
OWN = 5
"""An item with fewer words outside the template is looked for with the template."""
BATCH = 1024
"""Records that are searched at once."""
QUESTIONS = ("question", "prompt", "query", "questionText", "text", "instruction", "input", "post")
"""Columns that are taken for the item's question, in this order, where none is named."""


class Index:
    """What is looked for. Building takes about 0.2 kB of memory a word of the items."""

    def __init__(self, items: Sequence[tuple[str, str]]) -> None:
        """From (id, text) pairs. Items with equal words are one, under all their ids."""
        words, starts = hashed(text for _, text in items)
        texts: dict[bytes, list[str]] = defaultdict(list)
        for (id, _), start, end in zip(items, starts[:-1], starts[1:], strict=True):
            texts[words[start:end].tobytes()].append(id)
        known = [(np.frombuffer(text, np.uint64), ids) for text, ids in texts.items()]
        self.short = {text.tobytes(): ids for text, ids in known if SHORTEST <= text.size < SHORT}
        self.ignored = sorted(id for text, ids in known if text.size < SHORTEST for id in ids)
        """Ids of items too short to be looked for."""
        long = [(text, ids) for text, ids in known if text.size >= SHORT]
        self.ids = [ids for _, ids in long]
        self.words = np.concatenate([np.zeros(0, np.uint64), *(text for text, _ in long)])
        self.starts = np.cumsum([0, *(text.size for text, _ in long)])
        self.item = np.repeat(np.arange(len(long)), np.diff(self.starts))
        """For each word the item that it stands in."""
        self.grams = _Postings(self, GRAM)
        self.runs = _Postings(self, RUN)
        self.weight = self._weights()
        self.least = SHARE * np.bincount(self.item, self.weight, len(long))
        telling = np.bincount(self.item, self.weight > 0, len(long))
        self.fewest = np.minimum(ENOUGH_WORDS, ENOUGH_SHARE * telling)

    def _weights(self) -> npt.NDArray[np.float64]:
        """For each word of the items how much it tells, nothing where only the template covers it."""
        idf = np.log1p(len(self.ids) / items_with(self.words, self.item))
        covered = np.zeros(self.words.size, bool)
        covered[(self.grams.places[:, None] + np.arange(GRAM)).ravel()] = True
        return np.where(covered, idf, 0.0)

    def collisions(self, texts: Sequence[Sequence[str]]) -> list[list[str]]:
        """For each record, given as the texts of its turns, the ids of the items that it holds."""
        parts = (self._search(texts[first : first + BATCH]) for first in range(0, len(texts), BATCH))
        return [sorted(found) for found in chain.from_iterable(parts)]

    def _search(self, texts: Sequence[Sequence[str]]) -> list[set[str]]:
        words, starts = hashed(chain.from_iterable(texts))
        turn = np.repeat(np.arange(len(texts)), [len(said) for said in texts])
        record = np.repeat(turn, np.diff(starts))
        found: list[set[str]] = [set() for _ in texts]
        for pair in np.union1d(self._covered(words, starts, record), self._runs(words, starts, record)).tolist():
            found[pair // len(self.ids)].update(self.ids[pair % len(self.ids)])
        lengths = np.diff(starts)
        for short in np.flatnonzero((lengths >= SHORTEST) & (lengths < SHORT)) if self.short else ():
            found[turn[short]].update(self.short.get(words[starts[short] : starts[short + 1]].tobytes(), ()))
        return found

    def _covered(self, words: Hashes, starts: Places, record: Places) -> Places:
        """Record and item, as one number, where shared 4-grams cover enough of the item."""
        at, place = self.grams.matches(*ngrams(words, starts, GRAM))
        covered = record[at, None] * self.words.size + place[:, None] + np.arange(GRAM)
        distinct = np.unique(covered)
        record_of, word = np.divmod(distinct, max(1, self.words.size))
        pairs, slot = np.unique(record_of * len(self.ids) + self.item[word], return_inverse=True)
        item = pairs % max(1, len(self.ids))
        weight, count = np.bincount(slot, self.weight[word], pairs.size), np.bincount(slot, minlength=pairs.size)
        enough: Places = pairs[(weight > self.least[item]) & (count >= self.fewest[item])]
        return enough

    def _runs(self, words: Hashes, starts: Places, record: Places) -> Places:
        """Record and item, as one number, where they share 13 words in a row."""
        at, place = self.runs.matches(*ngrams(words, starts, RUN))
        pairs: Places = record[at] * len(self.ids) + self.item[place]
        return pairs


def items_with(values: Hashes, item: Places) -> Places:
    """For each value (a word, an n-gram) in how many items it stands."""
    distinct, slot = np.unique(values, return_inverse=True)
    pairs = np.unique(slot * (item.max(initial=0) + 1) + item)
    count = np.bincount(pairs // (item.max(initial=0) + 1), minlength=distinct.size)
    of_each: Places = count[slot]
    return of_each


class _Postings:
    """Where each n-gram of the items stands, without those of the template where the rest of the item is enough."""

    def __init__(self, index: Index, n: int) -> None:
        values, places = ngrams(index.words, index.starts, n)
        item = index.item[places]
        rare = items_with(values, item) <= max(TEMPLATE, TEMPLATE_SHARE * len(index.ids))
        template = np.zeros(index.words.size, bool)
        template[(places[~rare, None] + np.arange(n)).ravel()] = True
        rare |= np.bincount(index.item, ~template, len(index.ids))[item] < OWN
        order = np.argsort(values[rare], kind="stable")
        self.values, self.places = values[rare][order], places[rare][order]
        bits = max(16, int(16 * self.values.size).bit_length())
        self.mask = np.uint64((1 << min(bits, 27)) - 1)
        self.maybe = np.zeros(int(self.mask) + 1, bool)
        self.maybe[self.values & self.mask] = True

    def matches(self, values: Hashes, at: Places) -> tuple[Places, Places]:
        """Each n-gram of the records that stands in an item: its place there, and in the items' words."""
        likely = np.flatnonzero(self.maybe[values & self.mask])
        low = np.searchsorted(self.values, values[likely], "left")
        count = np.searchsorted(self.values, values[likely], "right") - low
        within = np.arange(count.sum()) - np.repeat(np.cumsum(count) - count, count)
        return np.repeat(at[likely], count), self.places[np.repeat(low, count) + within]


@dataclass(frozen=True)
class Line:
    """One readable row of a file that a user names."""

    ref: str
    """Its id where it has one, else its line (csv, jsonl, txt) or row (parquet), counted from 1."""
    cells: dict[str, Any]


def lines(path: Path) -> Iterator[Line | None]:
    """The rows of a csv, jsonl, parquet or txt file; None for each that cannot be read.

    Raises:
        InputError: the file is missing or of another kind.
    """
    kinds = {".csv": _csv, ".jsonl": read_jsonl, ".parquet": _parquet, ".txt": _txt}
    if path.suffix.lower() not in kinds:
        raise InputError(f"{path}: cannot tell what is in a {path.suffix or 'nameless'} file; give {', '.join(kinds)}")
    for row in kinds[path.suffix.lower()](path):
        id = row.fields.get("id")
        yield (
            None if row.problem else Line(id if isinstance(id, str) and ID.fullmatch(id) else str(row.line), row.fields)
        )


def _csv(path: Path) -> Iterator[Row]:
    return read_csv(path, ())


def _txt(path: Path) -> Iterator[Row]:
    with open_text(path, newline="\n") as stream:
        for number, line in enumerate(stream, 1):
            if line.strip():
                yield Row(number, {"text": line}, text_problem(line))


def _parquet(path: Path) -> Iterator[Row]:
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        batches = pq.ParquetFile(path).iter_batches(4096)
        rows = chain.from_iterable(batch.to_pylist() for batch in batches)
        yield from (Row(number, fields) for number, fields in enumerate(rows, 1))
    except (OSError, pa.ArrowException) as error:
        raise InputError(f"{path}: not a readable parquet file ({type(error).__name__}); name a whole one") from None


def items(paths: Sequence[str | Path]) -> list[tuple[str, str]]:
    """(id, text) of every item in files of evaluation items, for `Index`. Ids are `file:line` or `file:id`.

    A row is an item. Its text is what the user says in `messages` or `prompt`, or the column that is named with the
    file (`items.csv:question`), or the first of `QUESTIONS` that the file has.

    Raises:
        InputError: a file cannot be read, holds no item, or does not say which column the question is.
    """
    found = []
    for name in paths:
        path, column = split_name(name)
        rows = [line for line in lines(path) if line]
        texts = [(f"{path.name}:{line.ref}", question(path, line, column)) for line in rows]
        if not any(text.strip() for _, text in texts):
            raise InputError(f"{path}: no item in it; name a file with one item a row")
        found += texts
    return found


def split_name(name: str | Path) -> tuple[Path, str]:
    """`folder/file.csv:rest` as its path and its rest; a path that exists is taken whole."""
    path, _, rest = str(name).rpartition(":")
    return (Path(path), rest) if path and not Path(name).exists() else (Path(name), "")


def question(path: Path, line: Line, column: str) -> str:
    """The text of an item."""
    names = [column] if column else ["messages", *QUESTIONS]
    values = [line.cells[name] for name in names if line.cells.get(name) is not None]
    if not values:
        way_out = f"it has {', '.join(line.cells)}" if column else "name it, as in items.csv:question"
        raise InputError(f"{path}:{line.ref}: no column {column or 'that must be the question'}; {way_out}")
    return said(values[0], "user")


def said(value: Any, role: str) -> str:
    """A text as it is; of a list of turns what a role says, one turn a line. Nothing of any other value."""
    if isinstance(value, str):
        return value
    turns = [turn for turn in value if isinstance(turn, dict)] if isinstance(value, list) else []
    texts = [turn.get("content") for turn in turns if turn.get("role") == role]
    return "\n".join(text for text in texts if isinstance(text, str))
