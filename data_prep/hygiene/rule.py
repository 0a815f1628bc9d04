"""A hygiene rule: what its file says, and its compiled form.

Patterns are regular expressions (`re`, case ignored) that are searched in one sentence at a time. `{name}` in a pattern
stands for a fragment: of the rule's own `words`, of the language in `words.yaml`, or a number of `numbers.py`.
A named group `(?P<echo>...)` means: not when the person said that word first, in a sentence that is no question.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Annotated, Any, Literal

import yaml
from pydantic import Field

from data_prep.hygiene.numbers import fragments
from wellgate.records import Frozen

FOLDER = Path(__file__).with_name("rules")
WORDS = Path(__file__).with_name("words.yaml")
NAME = re.compile(r"(?<!\{)\{([a-z_]+)\}(?!\})")
SENTENCE = "sentence"
Action = Literal["fix", "reject", "warn"]


class Pattern(Frozen):
    """One thing that is looked for. In a rule's file a plain string is a pattern with `find` only."""

    find: str
    fix: str | None = None
    """What is written in its place; `\\1` and `\\g<name>` stand for the pattern's groups."""
    unless: str | None = None
    """Not when this stands in the same sentence."""


class Example(Frozen):
    """A line of a rule's tables. In a rule's file a plain string is an example with `text` only."""

    text: str
    user: str = ""
    """What the person said before."""
    fixed: str | None = None
    """What the rule's fix makes of the text."""


class Patterns(Frozen):
    """A rule's patterns in one language."""

    anchors: list[str] = []
    """What makes the rule fast: the sentence of every match holds one of these. An anchor is a word in lower case, a
    digit, or several that must all be there; `/` parts words of which one is enough: `my office/practice`.
    Empty: every sentence is searched."""
    find: Annotated[list[Pattern], Field(min_length=1)]
    unless: list[str] = []
    """Not when one of these stands in the same sentence."""


class Rule(Frozen):
    """One file of `rules/`."""

    name: str
    why: str
    sources: list[str] = []
    """Pages that the rule rests on."""
    action: Action
    """What happens unless the recipe says otherwise."""
    fix: str | None = None
    """`sentence` removes the sentence. With patterns that have fixes of their own it may be left out."""
    quoted: bool = False
    """Whether quoted words count too."""
    asked: bool = False
    """Whether sentences that end in a question mark count too."""
    words: dict[str, str] = {}
    patterns: dict[str, Patterns]
    """By language (ISO 639)."""
    positives: dict[str, list[Example]]
    near_misses: dict[str, list[Example]]

    @property
    def fixable(self) -> bool:
        """Whether every pattern has a fix."""
        return bool(self.fix) or all(one.fix is not None for some in self.patterns.values() for one in some.find)


@dataclass(frozen=True)
class Search:
    """A compiled pattern."""

    find: re.Pattern[str]
    unless: re.Pattern[str] | None
    fix: str


@dataclass(frozen=True)
class Compiled:
    """A rule in one language, ready to search."""

    name: str
    anchors: frozenset[str]
    """Single words and digits."""
    phrases: tuple[tuple[frozenset[str], ...], ...]
    """Anchors of several parts."""
    quoted: bool
    asked: bool
    unless: re.Pattern[str] | None
    searches: tuple[Search, ...]

    def may_fire(self, held: set[str]) -> bool:
        """Whether a sentence with these words and digits is worth a search."""
        if not self.anchors.isdisjoint(held):
            return True
        for phrase in self.phrases:
            for part in phrase:
                if part.isdisjoint(held):
                    break
            else:
                return True
        return not self.anchors and not self.phrases


@cache
def names() -> tuple[str, ...]:
    """All rules, by the names of their files."""
    return tuple(sorted(path.stem for path in FOLDER.glob("*.yaml")))


@cache
def load(name: str) -> Rule:
    """The rule of that name."""
    return read(FOLDER / f"{name}.yaml")


def read(path: Path) -> Rule:
    """A rule's file, in which strings may stand for patterns and examples."""
    raw = _yaml(path)
    for patterns in raw["patterns"].values():
        patterns["find"] = [{"find": one} if isinstance(one, str) else one for one in patterns["find"]]
    for table in ("positives", "near_misses"):
        for language, some in raw[table].items():
            raw[table][language] = [{"text": one} if isinstance(one, str) else one for one in some]
    return Rule.model_validate(raw)


@cache
def _yaml_words() -> dict[str, dict[str, str]]:
    return dict(_yaml(WORDS))


def _yaml(path: Path) -> Any:
    """Scalars stay strings, so that the word `off` is a word."""
    return yaml.load(path.read_text(encoding="utf-8"), Loader=getattr(yaml, "CBaseLoader", yaml.BaseLoader))


@cache
def languages(chosen: tuple[str, ...]) -> frozenset[str]:
    """Languages in which every one of these rules has patterns."""
    return frozenset.intersection(*(frozenset(load(name).patterns) for name in chosen))


@cache
def all_languages(chosen: tuple[str, ...]) -> tuple[Compiled, ...]:
    """These rules in every language they have: people change language within a reply, whatever its record declares."""
    return tuple(compiled(name, language) for name in chosen for language in load(name).patterns)


@cache
def compiled(name: str, language: str) -> Compiled:
    """The rule in one language, compiled once in a process."""
    return compile_rule(load(name), language)


def compile_rule(rule: Rule, language: str) -> Compiled:
    """Fill in the fragments and compile."""
    patterns = rule.patterns[language]
    words = {**fragments(), **_yaml_words().get(language, {}), **rule.words}
    searches = tuple(
        Search(
            _regex(one.find, words),
            _regex(one.unless, words) if one.unless else None,
            SENTENCE if one.fix is None else one.fix,
        )
        for one in patterns.find
    )
    unless = _regex("|".join(f"(?:{one})" for one in patterns.unless), words) if patterns.unless else None
    parts = [tuple(frozenset(part.split("/")) for part in anchor.split()) for anchor in patterns.anchors]
    single = frozenset().union(*(phrase[0] for phrase in parts if len(phrase) == 1))
    phrases = tuple(phrase for phrase in parts if len(phrase) > 1)
    return Compiled(rule.name, single, phrases, rule.quoted, rule.asked, unless, searches)


def _regex(pattern: str, words: Mapping[str, str]) -> re.Pattern[str]:
    while NAME.search(pattern):
        pattern = NAME.sub(lambda name: f"(?:{words[name[1]]})", pattern)
    return re.compile(pattern, re.IGNORECASE)
