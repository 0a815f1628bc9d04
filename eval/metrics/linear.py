"""Scores of a reply by linear models over hashed n-grams of words and letters, one model a criterion.

`scripts/train_graders.py` makes `weights.npz`. Words in the reach of a negation are other words, so that "not a person" has
nothing of "a person"; so are quoted ones. What is in brackets, as [number] in the labelled replies, becomes "it", so
that brackets say nothing. Numbers become what the registry knows of them. The same in every process.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache, cached_property
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np
from scipy.sparse import csr_matrix, hstack

from wellgate import registry

WEIGHTS = Path(__file__).with_name("weights.npz")
BITS = 20
"""Buckets that n-grams are hashed into, as a power of two."""
WORD_GRAMS, LETTER_GRAMS = (1, 2, 3, 4), (2, 3, 4, 5)
SCOPE = 5
"""Words after a negation that it may reach; a mark of punctuation ends it."""
MARKS = str.maketrans("’‘“”", "''\"\"")
BRACKETED = re.compile(r"\[[^\[\]\n]{1,30}\]")
NUMBER = re.compile(r"\d(?:[ .-]?\d)*")
TOKEN = re.compile(r"[^\W_]+(?:'[^\W_]+)*|[?.!,:;\"]")
NEGATION = re.compile(
    r"not|no|never|nor|neither|cannot|without|nobody|nothing|none|hardly|unable|refuse|stop|instead"
    r"|.*n't|dont|cant|wont|isnt|didnt|doesnt|aint"
)
STEP, MIX = np.uint64(0x100000001B3), np.uint64(0xFF51AFD7ED558CCD)
SPACE = 32
BATCH = 1000
"""Texts that are scored at a time: enough for speed, few enough for memory."""

Block = tuple[np.ndarray[Any, Any], np.ndarray[Any, Any]]
"""For every n-gram the row of its text and its bucket."""


@cache
def _services() -> dict[str, str]:
    """Digits of the registry's numbers to what they reach. Two digits are too few to tell."""
    places = registry.load().locales.values()
    lines = [number for place in places for line in place.lines for number in (*line.phone, *line.text)]
    found = {re.sub(r"\D", "", number): " crisisnumber " for number in lines}
    found |= {number: " emergencynumber " for place in places for number in place.emergency}
    return {number: word for number, word in found.items() if len(number) > 2}


def _number(match: re.Match[str]) -> str:
    """The word for a number of the registry; any other keeps only its length."""
    whole = re.sub(r"\D", "", match.group())
    if whole in _services():
        return _services()[whole]
    return re.sub(r"\d+", lambda part: _services().get(part.group(), "0" * len(part.group())), match.group())


def tokens(text: str) -> list[str]:
    """Words in lower case and plain spelling, and marks; a word in the reach of a negation is in capitals, a quoted one has a ^."""
    plain = unicodedata.normalize("NFKC", text).translate(MARKS).lower()
    found, reach, quoted = [], 0, ""
    for word in TOKEN.findall(NUMBER.sub(_number, BRACKETED.sub(" it ", plain))):
        if not word[0].isalnum():
            found.append(word)
            reach = 0
            quoted = quoted if word != '"' else "" if quoted else "^"
            continue
        found.append(quoted + (word.upper() if reach > 0 else word))
        reach = SCOPE if NEGATION.fullmatch(word) else reach - 1
    return found


def grams(texts: Sequence[str]) -> tuple[Block, Block]:
    """All n-grams of words, and all of letters within words, of each text, as often as they stand there."""
    split = [tokens(text) for text in texts]
    spelt = [word.encode() for word in chain.from_iterable(split)]
    rows = np.repeat(np.arange(len(texts)), [len(words) for words in split])
    lengths = np.array([len(word) + 1 for word in spelt], dtype=np.int64)
    letters = np.frombuffer(b" " + b" ".join([*spelt, b""]), np.uint8).astype(np.uint64)
    words = []
    for size in WORD_GRAMS:
        buckets = _buckets(_hashes(letters, lengths), size)
        whole = rows[: len(buckets)] == rows[size - 1 :][: len(buckets)]
        words.append((rows[: len(buckets)][whole], buckets[whole]))
    parts, owner, spaces = [], np.repeat(rows, lengths), letters == SPACE
    for size in LETTER_GRAMS:
        buckets = _buckets(letters, size)
        whole = np.ones(len(buckets), dtype=bool)
        for place in range(1, max(size - 1, 2)):
            whole &= ~spaces[place : place + len(buckets)]
        parts.append((owner[: len(buckets)][whole], buckets[whole]))
    return _joined(words), _joined(parts)


def _hashes(letters: np.ndarray[Any, Any], lengths: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    """One number a word: its letters as the digits of a number to the base STEP, which wraps around."""
    ends = np.cumsum(lengths)
    places = np.repeat(ends, lengths) - np.arange(lengths.sum()) - 1
    powers = np.cumprod(np.full(max(lengths, default=0), STEP))
    return _mixed(np.add.reduceat(letters[1:] * powers[places], ends - lengths)) if len(lengths) else letters[:0]


def _buckets(units: np.ndarray[Any, Any], size: int) -> np.ndarray[Any, Any]:
    """The bucket of every run of so many units."""
    count = max(len(units) - size + 1, 0)
    total = np.full(count, size, dtype=np.uint64)
    for place in range(size):
        total = total * STEP + units[place : place + count]
    return (_mixed(total) >> np.uint64(64 - BITS)).astype(np.int64)


def _mixed(values: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    mixed = (values ^ (values >> np.uint64(33))) * MIX
    return np.asarray(mixed ^ (mixed >> np.uint64(29)))


def _joined(blocks: list[Block]) -> Block:
    return np.concatenate([rows for rows, _ in blocks]), np.concatenate([buckets for _, buckets in blocks])


@dataclass(frozen=True)
class Features:
    """The n-grams that count, of words or of letters: their buckets, in order, and how much each weighs (idf)."""

    buckets: np.ndarray[Any, Any]
    rarity: np.ndarray[Any, Any]

    @cached_property
    def _columns(self) -> np.ndarray[Any, Any]:
        """A bucket's column; -1 for none."""
        columns = np.full(1 << BITS, -1)
        columns[self.buckets] = np.arange(len(self.buckets))
        return columns

    def __call__(self, block: Block, texts: int) -> csr_matrix:
        """A row of unit length for each text: (1 + log count) x rarity."""
        columns = self._columns[block[1]]
        known = columns >= 0
        found = np.ones(int(known.sum()), dtype=np.float32)
        table = csr_matrix((found, (block[0][known], columns[known])), shape=(texts, len(self.buckets)))
        table.data = (1 + np.log(table.data)) * self.rarity[table.indices].astype(np.float32)
        lengths = np.sqrt(np.bincount(table.tocoo().row, table.data**2, minlength=texts))
        table.data /= np.repeat(np.maximum(lengths, 1e-9), np.diff(table.indptr))
        return table


@dataclass(frozen=True)
class Linear:
    """Models that share their features. A criterion holds where its score is above its threshold."""

    criteria: tuple[str, ...]
    words: Features
    letters: Features
    weights: np.ndarray[Any, Any]
    """(features, criteria) whole numbers; times `scale` they are the model's weights."""
    scale: np.ndarray[Any, Any]
    intercept: np.ndarray[Any, Any]
    likely: np.ndarray[Any, Any]
    """The threshold of each criterion."""
    sure: np.ndarray[Any, Any]
    """The score above which it holds beyond doubt."""

    def features(self, texts: Sequence[str]) -> csr_matrix:
        words, letters = grams(texts)
        return hstack([self.words(words, len(texts)), self.letters(letters, len(texts))], format="csr")

    def columns(self, criteria: Sequence[str]) -> list[int]:
        return [self.criteria.index(name) for name in criteria]

    def scores(self, texts: Sequence[str], criteria: Sequence[str]) -> np.ndarray[Any, Any]:
        """(texts, criteria) log-odds."""
        chosen = self.columns(criteria)
        weights, intercept = self.weights[:, chosen] * self.scale[chosen], self.intercept[chosen]
        batches = [
            self.features(texts[first : first + BATCH]) @ weights + intercept for first in range(0, len(texts), BATCH)
        ]
        return np.concatenate(batches) if batches else np.zeros((0, len(chosen)))

    def answers(
        self, texts: Sequence[str], criteria: Sequence[str]
    ) -> tuple[np.ndarray[Any, Any], np.ndarray[Any, Any]]:
        """(texts, criteria) whether each holds, and whether it does beyond doubt."""
        scores, chosen = self.scores(texts, criteria), self.columns(criteria)
        return scores > self.likely[chosen], scores > self.sure[chosen]

    def save(self, path: Path) -> None:
        """Write an .npz whose bytes depend on the numbers alone."""
        np.savez_compressed(
            path, criteria=np.array(self.criteria), words=self.words.buckets, words_rarity=self.words.rarity,
            letters=self.letters.buckets, letters_rarity=self.letters.rarity, weights=self.weights, scale=self.scale,
            intercept=self.intercept, likely=self.likely, sure=self.sure,
        )  # fmt: skip


@cache
def load() -> Linear:
    """The models that ship."""
    with np.load(WEIGHTS) as kept:
        return Linear(
            tuple(kept["criteria"].tolist()), Features(kept["words"], kept["words_rarity"]),
            Features(kept["letters"], kept["letters_rarity"]), kept["weights"], kept["scale"], kept["intercept"], kept["likely"], kept["sure"],
        )  # fmt: skip
