"""Sentences and quotations of a text, by character offsets that hold in the text itself."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

MARKS = str.maketrans("’‘‛“”„‐‑–\u00a0\u202f", "'''\"\"\"---  ")
QUOTED = re.compile(
    r"\"[^\"\n]{1,400}\"|«[^»\n]{1,400}»|(?<![\w'])'(?:[^'\n]|(?<=\w)'(?=\w)){1,400}'(?![\w'])|^>[^\n]*$", re.M
)
"""Words between quotation marks on one line, and lines that begin with `>`."""
NEARLY_ALL = 0.8
HIDDEN = "\0"
"""Stands in for each quoted character. No record holds it: a NUL byte rejects a row when it is read."""
BREAK = re.compile(r"([.!?…][\"')\]]*)(?:\s+|(?<=[a-z\d)][.!?])(?=[¿¡A-Z][a-z'á-ú]* ))|\n\s*")
"""Where a sentence ends: at its mark (even where the space after it was forgotten) and at a line's end."""
ABBREVIATION = re.compile(r"\b(?:[DMS][rst]|Mrs|Prof|e\.g|i\.e|U\.S|vs)\.$")
LONGEST = 2000
"""Characters. Text without marks is cut here, so that patterns never see a megabyte at once."""
WORD = re.compile(r"[^\W\d_]+|\d")


@dataclass(frozen=True, slots=True)
class Sentence:
    """Characters [start, end) of a text; `text` has plain marks and, in rules on own words, hidden quotations."""

    start: int
    end: int
    text: str

    @property
    def asks(self) -> bool:
        return self.text.rstrip("\"')] ").endswith("?")


def plain(text: str) -> str:
    """Typographic marks as plain ones. The length stays, so offsets stay."""
    return text if text.isascii() else text.translate(MARKS)


def unquoted(text: str) -> str:
    """The text with what it quotes hidden, letter for letter; a text that is nearly all quotation is left as it is."""
    if '"' not in text and "'" not in text and "«" not in text and ">" not in text:
        return text
    hidden = QUOTED.sub(_hide, text)
    return text if hidden.count(HIDDEN) > NEARLY_ALL * len(text) else hidden


def _hide(match: re.Match[str]) -> str:
    found = match.group()
    return found[0] + HIDDEN * (len(found) - 2) + found[-1]


def sentences(text: str) -> Iterator[Sentence]:
    """Rough sentences with their closing marks, in order, without the white space between them."""
    start = 0
    for found in BREAK.finditer(text):
        end = found.end(1) if found[1] else found.start()
        if found[1] != "." or not ABBREVIATION.search(text[max(start, end - 6) : end]):
            yield from _pieces(text, start, end)
            start = found.end()
    yield from _pieces(text, start, len(text))


def _pieces(text: str, start: int, end: int) -> Iterator[Sentence]:
    while end - start > LONGEST:
        cut = text.rfind(" ", start + 1, start + LONGEST)
        cut = cut if cut > start else start + LONGEST
        yield Sentence(start, cut, text[start:cut])
        start = cut
    if piece := text[start:end].strip():
        start += text[start:end].index(piece[0])
        yield Sentence(start, start + len(piece), piece)


def words(text: str) -> set[str]:
    """Words in lower case, and single digits: what decides which rules look at a sentence."""
    return set(WORD.findall(text.lower()))
