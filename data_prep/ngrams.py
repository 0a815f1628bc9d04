"""Words and word n-grams of texts as hashes: what texts have in common, whatever their case and punctuation."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable
from hashlib import blake2b
from itertools import chain

import numpy as np
import numpy.typing as npt

Hashes = npt.NDArray[np.uint64]
Places = npt.NDArray[np.int64]

KNOWN_WORDS = 1 << 20
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


def normalised(texts: Iterable[str]) -> str:
    """What texts share that differ in case, white space and Unicode spelling only. Turns stay apart."""
    return "\n".join(" ".join(unicodedata.normalize("NFKC", text).casefold().split()) for text in texts)


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
