"""Duplicates among records: exact up to case and white space, and near by shared word 3-grams.

`sign` is a map over tables that any process may run; `duplicates` is one small reduce over the signatures. A signature
is MinHash (Broder 1997, computed by `rensa`) over word 3-grams: 100 permutations, read as 20 bands of 5. Short chats in
which a few words were changed still share a band; under FineWeb's 14 bands of 8 over 5-grams a third of them do not.
Whatever shares a band is then compared in full.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from hashlib import blake2b, shake_128
from itertools import pairwise
from typing import Literal, NamedTuple

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from data_prep.ngrams import FACTOR, Hashes, Places, hashed, ngrams, normalised
from data_prep.table import judged, texts

Sketch = npt.NDArray[np.uint16]
Fetch = Callable[[Sequence[int]], list[str]]
"""The texts of records by their numbers: each record's turns, joined by line ends."""

SHINGLE = 3
"""Words of an n-gram that near duplicates share."""
BANDS, BAND_ROWS = 20, 5
PERMUTATIONS = BANDS * BAND_ROWS
SEED = 20_260_101
NEAR = 0.5
"""Jaccard similarity of 3-grams. With one word in 25 changed, a hundred words keep about 0.8, and twenty words 0.6 or less."""
WINDOW = 8
"""Records next to each other in a band that are compared, besides each with the band's first."""
SLACK = 0.15
"""Three standard errors of a similarity estimated from 100 permutations: further below, a full comparison is vain."""
PAIRS = 8_192
"""Pairs whose texts are fetched at once."""
SIGNED = pa.schema([("exact", pa.binary(16)), ("minhash", pa.binary(2 * PERMUTATIONS)), ("live", pa.uint8())])


class Duplicate(NamedTuple):
    """Why a record goes."""

    kept: int
    """Number of the record that stays in its place."""
    kind: Literal["exact", "near", "semantic"]
    similarity: float
    """To the closest record of its cluster: Jaccard for near ones, cosine for those close in meaning."""


def shingles(texts: Sequence[str]) -> tuple[Hashes, Places]:
    """The word 3-grams of each text as hashes, at least one a text; and where each text's begin."""
    words, starts = hashed(texts, SHINGLE)
    grams, _ = ngrams(words, starts, SHINGLE)
    return grams, starts - (SHINGLE - 1) * np.arange(starts.size)


def minhashes(texts: Sequence[str]) -> Sketch:
    """MinHash signatures, one row a text: the low 16 bits of each permutation's least 3-gram."""
    from rensa import RMinHash

    grams, starts = shingles(texts)
    matrix = RMinHash.digest_matrix_from_flat_token_hashes(grams, starts.astype(np.uint64), PERMUTATIONS, SEED)
    return np.array(matrix.to_rows(), np.uint32).reshape(-1, PERMUTATIONS).astype("<u2")


def sign(table: pa.Table) -> pa.Table:
    """One signature a row, in their order, as `SIGNED`. Pure: the same texts give the same bytes anywhere.

    A conversation, feedback and a preference pair never look alike: one may well be made of the other. Feedback has
    no near duplicates: replies to one long question look alike, and their judgements differ.
    """
    turns = texts(table)
    pairs, feedback = table["pair"].to_pylist(), judged(table)
    exact = [
        blake2b(f"{pair + 2 * one:d}\n{normalised(said)}".encode(), digest_size=16).digest()
        for pair, one, said in zip(pairs, feedback, turns, strict=True)
    ]
    sketch = minhashes(["\n".join(said) for said in turns])
    sketch[np.array(pairs, bool)] ^= 0xFFFF
    for row in np.flatnonzero(feedback):
        sketch[row] = np.frombuffer(shake_128(exact[row]).digest(2 * PERMUTATIONS), "<u2")
    minhash = pa.FixedSizeBinaryArray.from_buffers(
        SIGNED.field("minhash").type, len(turns), [None, pa.py_buffer(sketch.tobytes())]
    )
    live = pc.is_null(table["dropped"]).cast(pa.uint8())
    return pa.table({"exact": pa.array(exact, pa.binary(16)), "minhash": minhash, "live": live}, schema=SIGNED)


def duplicates(signed: Iterable[pa.Table], fetch: Fetch, near: float | None = NEAR) -> dict[int, Duplicate]:
    """The records that go, by their number over all tables, each with the earlier one that stays in its place.

    Duplicates of duplicates are one cluster, of which the first record stays. Records that an earlier step left out
    count for nothing. `near` is the least Jaccard similarity of 3-grams, null finds exact duplicates only. Takes about
    0.3 kB of memory a record, and what `fetch` returns for a few thousand records at a time.
    """
    digests, sketch, live = _gather(signed)
    first = _first_of_each(digests, np.flatnonzero(live))
    number = np.arange(first.size)
    found = {int(row): Duplicate(int(first[row]), "exact", 1.0) for row in np.flatnonzero(live & (first != number))}
    if near is None:
        return found
    rows = np.flatnonzero(live & (first == number))
    close = _Near(rows, sketch, fetch, near).find()
    moved = {row: one._replace(kept=close[one.kept].kept) for row, one in found.items() if one.kept in close}
    return found | moved | close


def _gather(signed: Iterable[pa.Table]) -> tuple[Hashes, Sketch, npt.NDArray[np.bool_]]:
    """The columns of all tables, each in one growing buffer."""
    columns = {name: bytearray() for name in SIGNED.names}
    for table in signed:
        for name, column in columns.items():
            for chunk in table[name].chunks:
                width = chunk.type.bit_width // 8
                raw = memoryview(chunk.buffers()[1]) if len(chunk) else memoryview(b"")
                column += raw[chunk.offset * width : (chunk.offset + len(chunk)) * width]
    digests = np.frombuffer(columns["exact"], np.uint64).reshape(-1, 2)
    sketch = np.frombuffer(columns["minhash"], "<u2").reshape(-1, PERMUTATIONS)
    return digests, sketch, np.frombuffer(columns["live"], np.bool_)


def _first_of_each(digests: Hashes, rows: Places) -> Places:
    """For each of the rows the lowest row with its digest; for all others the row itself."""
    first = np.arange(len(digests))
    if not rows.size:
        return first
    order = rows[np.lexsort((digests[rows, 1], digests[rows, 0]))]
    new = np.concatenate(([True], np.any(digests[order[1:]] != digests[order[:-1]], axis=1)))
    first[order] = order[np.flatnonzero(new)][np.cumsum(new) - 1]
    return first


class _Near:
    """Clusters of near duplicates among some rows. Works on positions in `rows`, which ascend as the rows do."""

    def __init__(self, rows: Places, sketch: Sketch, fetch: Fetch, near: float) -> None:
        self.rows, self.sketch, self.fetch, self.near = rows, sketch, fetch, near
        self.root = np.arange(rows.size)
        """For each position the lowest of its cluster."""
        self.similarity = np.zeros(rows.size)
        self.different = np.zeros(0, np.uint64)
        """Pairs that were compared in full and are no duplicates."""

    def find(self) -> dict[int, Duplicate]:
        """Row to the row that stays."""
        for band in range(BANDS):
            for pairs in together(band_keys(self.sketch, self.rows, band)):
                self._compare(self._open(pairs))
        goes = np.flatnonzero(self.root != np.arange(self.root.size))
        kept, similarity = self.rows[self.root[goes]], self.similarity[goes].round(4)
        rows = zip(self.rows[goes].tolist(), kept.tolist(), similarity.tolist(), strict=True)
        return {row: Duplicate(stays, "near", value) for row, stays, value in rows}

    def _key(self, pairs: Places) -> Hashes:
        return pairs[:, 0].astype(np.uint64) << np.uint64(32) | pairs[:, 1].astype(np.uint64)

    def _open(self, pairs: Places) -> Places:
        """The pairs of which nothing is known yet and whose signatures look alike."""
        pairs = pairs[self.root[pairs[:, 0]] != self.root[pairs[:, 1]]]
        pairs = pairs[~np.isin(self._key(pairs), self.different)]
        return pairs[estimate(self.sketch, self.rows[pairs]) >= self.near - SLACK]

    def _compare(self, pairs: Places) -> None:
        for first in range(0, len(pairs), PAIRS):
            batch = pairs[first : first + PAIRS]
            wanted, place = np.unique(batch, return_inverse=True)
            found = jaccard(self.fetch(self.rows[wanted].tolist()), place.reshape(-1, 2))
            same = found >= self.near
            np.maximum.at(self.similarity, batch[same].ravel(), found[same].repeat(2))
            self.root = _joined(self.root, batch[same])
            self.different = np.concatenate((self.different, self._key(batch[~same])))


def _joined(root: Places, edges: Places) -> Places:
    """The clusters after joining those at both ends of each edge."""
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    if not len(edges):
        return root
    nodes, ends = np.unique(root[edges], return_inverse=True)
    ends = ends.reshape(-1, 2)
    graph = coo_array((np.ones(len(ends), np.int8), (ends[:, 0], ends[:, 1])), shape=(nodes.size, nodes.size))
    count, label = connected_components(graph, directed=False)
    lowest = np.full(count, root.size)
    np.minimum.at(lowest, label, nodes)
    target = np.arange(root.size)
    target[nodes] = lowest[label]
    joined: Places = target[root]
    return joined


def band_keys(sketch: Sketch, rows: Places, band: int) -> Hashes:
    """One number for the five values of a band, of each row."""
    values = sketch[rows, band * BAND_ROWS : (band + 1) * BAND_ROWS].astype(np.uint64)
    key = np.zeros(rows.size, np.uint64)
    for column in range(BAND_ROWS):
        key = (key + values[:, column]) * FACTOR
        key ^= key >> np.uint64(31)
    return key


def together(keys: Hashes) -> Iterator[Places]:
    """Pairs of positions with equal keys, lower position first: each with the first of its key, then with its neighbours."""
    if not keys.size:
        return
    order = np.argsort(keys, kind="stable")
    ranked = keys[order]
    new = np.concatenate(([True], ranked[1:] != ranked[:-1]))
    first = order[np.flatnonzero(new)][np.cumsum(new) - 1]
    yield np.column_stack((first, order))[~new]
    for step in range(1, WINDOW + 1):
        same = np.flatnonzero(ranked[step:] == ranked[:-step])
        if not same.size:
            return
        yield np.column_stack((order[same], order[same + step]))


def estimate(sketch: Sketch, pairs: Places, batch: int = 65_536) -> npt.NDArray[np.float64]:
    """Jaccard similarity of rows as their signatures have it."""
    parts = [pairs[first : first + batch] for first in range(0, len(pairs), batch)]
    same = [np.mean(sketch[part[:, 0]] == sketch[part[:, 1]], axis=1) for part in parts]
    return np.concatenate(same) if same else np.zeros(0)


def jaccard(texts: Sequence[str], pairs: Places) -> npt.NDArray[np.float64]:
    """Jaccard similarity of the 3-gram sets of texts, for pairs of their positions."""
    grams, starts = shingles(texts)
    sets = [_distinct(grams[start:end]) for start, end in pairwise(starts)]
    return np.array([_overlap(sets[one], sets[other]) for one, other in pairs.tolist()], np.float64)


def _distinct(values: Hashes) -> Hashes:
    ranked = np.sort(values)
    distinct: Hashes = ranked[np.append(ranked[1:] != ranked[:-1], True)]
    return distinct


def _overlap(one: Hashes, other: Hashes) -> float:
    both = np.sort(np.concatenate((one, other)))
    shared = np.count_nonzero(both[1:] == both[:-1])
    return float(shared / (both.size - shared))
