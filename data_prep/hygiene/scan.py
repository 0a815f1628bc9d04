"""Finding what the rules look for in one turn, and mending it. No function here keeps or shows text."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache

from data_prep.hygiene.rule import SENTENCE, Compiled
from data_prep.hygiene.text import Sentence, plain, sentences, unquoted, words

STEM = 4
"""Letters by which a word is known again in what the person said: depression, depressed."""
GAPS = ((re.compile(r"[ \t]{2,}"), " "), (re.compile(r"[ \t]+\n"), "\n"), (re.compile(r"\n{3,}"), "\n\n"))


@dataclass(frozen=True, slots=True)
class Hit:
    """What a rule found: characters [start, end) of the turn, and what its fix writes there (nothing: remove them)."""

    rule: str
    start: int
    end: int
    new: str


def hits(text: str, rules: Sequence[Compiled], user: str = "") -> list[Hit]:
    """Everything that the rules find in a turn, in the text's order. `user` is what the person said before."""
    straight = plain(text)
    own = unquoted(straight)
    found: list[Hit] = []
    for sentence in sentences(own):
        whole = Sentence(sentence.start, sentence.end, straight[sentence.start : sentence.end])
        held = words(whole.text)
        for rule in rules:
            if rule.may_fire(held):
                found += _in_sentence(whole if rule.quoted else sentence, rule, user)
    return sorted(found, key=lambda hit: (hit.start, hit.end, hit.rule))


def _in_sentence(sentence: Sentence, rule: Compiled, user: str) -> Iterator[Hit]:
    if sentence.asks and not rule.asked:
        return
    taken: list[tuple[int, int]] = []
    for search in rule.searches:
        for match in search.find.finditer(sentence.text):
            start, end = match.span()
            if any(start < last and first < end for first, last in taken):
                continue
            if (search.unless and search.unless.search(sentence.text)) or _echoes(match, user):
                continue
            if not taken and rule.unless and rule.unless.search(sentence.text):
                return
            if search.fix == SENTENCE:
                yield Hit(rule.name, sentence.start, sentence.end, "")
                return
            taken.append((start, end))
            yield Hit(rule.name, sentence.start + start, sentence.start + end, _written(match, search.fix))


def _written(match: re.Match[str], fix: str) -> str:
    new = match.expand(fix)
    return new[:1].upper() + new[1:] if match.group()[:1].isupper() else new


def _echoes(match: re.Match[str], user: str) -> bool:
    """Whether the person named it first, as a fact and not as a question."""
    word = match.groupdict().get("echo")
    return bool(word and user) and re.search(rf"\b{re.escape(str(word)[:STEM].lower())}", _stated(user)) is not None


@lru_cache(maxsize=16)
def _stated(user: str) -> str:
    return "\n".join(one.text for one in sentences(plain(user)) if not one.asks).lower()


def mend(text: str, found: Sequence[Hit]) -> str:
    """The text with every hit fixed. A sentence that goes takes the other hits in it along."""
    gone = sorted({(hit.start, hit.end) for hit in found if not hit.new})
    left = [hit for hit in found if hit.new and not any(first <= hit.start < last for first, last in gone)]
    edits = [(first, last, "") for first, last in gone]
    end = 0
    for hit in sorted(left, key=lambda hit: (hit.start, -hit.end)):
        if hit.start >= end:
            edits.append((hit.start, hit.end, hit.new))
            end = hit.end
    for first, last, new in sorted(edits, reverse=True):
        text = text[:first] + new + text[last:]
    return _tidy(text) if edits else text


def _tidy(text: str) -> str:
    for pattern, new in GAPS:
        text = pattern.sub(new, text)
    return text.strip()
