"""Duplicates among records: exact up to case and white space, near by shared word 3-grams, close in meaning by vectors.

`sign` is a map over tables that any process may run; `duplicates` is one small reduce over the signatures. A signature
is MinHash (Broder 1997, computed by `rensa`) over word 3-grams: 100 permutations, read as 20 bands of 5. Short chats in
which a few words were changed still share a band; under FineWeb's 14 bands of 8 over 5-grams a third of them do not.
Whatever shares a band is then compared in full.
"""

from __future__ import annotations

import json
import re
import unicodedata
from collections.abc import Callable, Iterable, Iterator, Sequence
from hashlib import blake2b
from itertools import chain, pairwise
from pathlib import Path
from typing import Any, Literal, NamedTuple

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from data_prep.table import texts
from wellgate.errors import InputError

Hashes = npt.NDArray[np.uint64]
Places = npt.NDArray[np.int64]
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
KNOWN_WORDS = 1 << 20
SIGNED = pa.schema([("exact", pa.binary(16)), ("minhash", pa.binary(2 * PERMUTATIONS)), ("live", pa.uint8())])

UNSPACED = (
    "\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0003ffff"
)
"""Scripts written without spaces (Thai, Lao, Burmese, Khmer, kana, Han): each character counts as a word."""
WORD = re.compile(rf"[{UNSPACED}]|[^\W_{UNSPACED}]+")
INVISIBLE = re.compile("[\u00ad\u200b-\u200d\u2060\ufeff'\u02bc\u2018\u2019]")
"""Characters that are dropped and part no words: soft hyphens, zero-width ones, and apostrophes (don't = dont)."""
LOWERED = bytes(ord(chr(code).lower()) if code < 128 and chr(code).isalnum() else 32 for code in range(256))
FACTOR = np.uint64(0x9E37_79B9_7F4A_7C15)
MIXER = np.uint64(0xD6E8_FEB8_6659_FD93)


class Duplicate(NamedTuple):
    """Why a record goes."""

    kept: int
    """Number of the record that stays in its place."""
    kind: Literal["exact", "near", "semantic"]
    similarity: float
    """To the closest record of its cluster: Jaccard for near ones, cosine for those close in meaning."""


def normalised(texts: Iterable[str]) -> str:
    """What two texts share when they differ in case and white space only."""
    return "\n".join(" ".join(text.casefold().split()) for text in texts)


def words(text: str) -> list[bytes]:
    """Lower-case words without punctuation; of a text without any word (emoji), what stands between white space."""
    if text.isascii():
        found = text.encode().translate(LOWERED, b"'").split()
    else:
        plain = unicodedata.normalize("NFKC", INVISIBLE.sub("", text)).casefold()
        found = " ".join(WORD.findall(plain)).encode("utf-8", "surrogatepass").split()
    return found or text.encode("utf-8", "surrogatepass").split()


class _WordHashes(dict[bytes, int]):
    """64-bit hash of each word, the same in every process. Forgets everything when it grows too large."""

    def __missing__(self, word: bytes) -> int:
        if len(self) >= KNOWN_WORDS:
            self.clear()
        self[word] = value = int.from_bytes(blake2b(word, digest_size=8).digest(), "little")
        return value


_WORD_HASHES = _WordHashes()


def hashed(texts: Iterable[str], at_least: int = 0) -> tuple[Hashes, Places]:
    """The words of all texts, one after another, as hashes; and where each text begins and the last one ends.

    Texts with fewer words than `at_least` are filled up with empty ones.
    """
    found = [words(text) for text in texts]
    if at_least:
        found = [one if len(one) >= at_least else one + [b""] * (at_least - len(one)) for one in found]
    starts = np.zeros(len(found) + 1, np.int64)
    np.cumsum([len(one) for one in found], out=starts[1:])
    flat = map(_WORD_HASHES.__getitem__, chain.from_iterable(found))
    return np.fromiter(flat, np.uint64, starts[-1]), starts


def ngrams(words: Hashes, starts: Places, n: int) -> tuple[Hashes, Places]:
    """The n-grams within each text as hashes, and the place in `words` where each begins."""
    last = max(0, words.size - n + 1)
    value = np.full(last, n, np.uint64)
    for step in range(n):
        value = value * FACTOR + words[step : step + last]
    value = (value ^ (value >> np.uint64(29))) * MIXER
    value ^= value >> np.uint64(32)
    text = np.repeat(np.arange(starts.size - 1), np.diff(starts))
    inside = np.flatnonzero(text[:last] == text[words.size - last :])
    return value[inside], inside


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

    A conversation and a preference pair never look alike: one may well be made of the other.
    """
    turns = texts(table)
    pairs = table["pair"].to_pylist()
    exact = [
        blake2b(f"{pair:d}\n{normalised(said)}".encode(), digest_size=16).digest()
        for pair, said in zip(pairs, turns, strict=True)
    ]
    sketch = minhashes(["\n".join(said) for said in turns])
    sketch[np.array(pairs, bool)] ^= 0xFFFF
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


def same_meaning(texts: Sequence[str], model: str, least: float = 0.9) -> dict[int, Duplicate]:
    """Records that mean what an earlier one means, by position, for a person to look at: vectors also confuse.

    `model` is a folder or Hub id of a static model (model2vec) or of a small encoder (BERT, MiniLM), whose word vectors
    are averaged. `least` is a cosine. Duplicates of duplicates are not joined. All texts and vectors are in memory.

    Raises:
        InputError: there is no such model.
    """
    from semhash import SemHash

    if not texts:
        return {}
    records = [{"row": str(row), "text": text} for row, text in enumerate(texts)]
    found = SemHash.from_records(records, columns=["text"], model=_encoder(model)).self_deduplicate(least)
    return {
        int(one.record["row"]): Duplicate(int(one.duplicate_of["row"]), "semantic", round(float(one.score), 4))
        for one in found.filtered
    }


def _encoder(model: str) -> Any:
    """Whatever encodes texts as vectors, with `encode(texts)`."""
    from huggingface_hub import hf_hub_download
    from model2vec import StaticModel

    try:
        config = Path(model) / "config.json"
        config = config if config.exists() else Path(hf_hub_download(model, "config.json"))
        static = json.loads(config.read_text(encoding="utf-8")).get("model_type", "model2vec") == "model2vec"
        return StaticModel.from_pretrained(model) if static else _Averaged(model)
    except (OSError, ValueError) as error:
        raise InputError(
            f"{model}: no vector model ({type(error).__name__}); name a folder or a Hub id of a model2vec or BERT model"
        ) from None


class _Averaged:
    """A transformer whose token vectors are averaged, as sentence-transformers' MiniLM models are used."""

    def __init__(self, model: str) -> None:
        from transformers import AutoModel, AutoTokenizer

        self.tokenizer = AutoTokenizer.from_pretrained(model)
        self.model = AutoModel.from_pretrained(model, dtype="float32").eval()

    def encode(self, inputs: Sequence[str], **_: Any) -> npt.NDArray[np.float32]:
        """One vector a text, of its first 256 tokens; 64 texts at a time, of like length."""
        order = sorted(range(len(inputs)), key=lambda row: len(inputs[row]))
        vectors = [self._batch([inputs[row] for row in order[at : at + 64]]) for at in range(0, len(order), 64)]
        sorted_back: npt.NDArray[np.float32] = np.concatenate(vectors)[np.argsort(order)]
        return sorted_back

    def _batch(self, texts: list[str]) -> npt.NDArray[np.float32]:
        import torch

        tokens = self.tokenizer(texts, padding=True, truncation=True, max_length=256, return_tensors="pt")
        with torch.inference_mode():
            states = self.model(**tokens).last_hidden_state
        seen = tokens["attention_mask"].unsqueeze(-1)
        mean: npt.NDArray[np.float32] = ((states * seen).sum(1) / seen.sum(1).clamp(min=1)).numpy()
        return mean
