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
from pydantic import BeforeValidator, Field, ValidationError

from data_prep.hygiene.numbers import fragments
from wellgate.errors import InputError
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


def _one_key(key: str) -> BeforeValidator:
    return BeforeValidator(lambda value: {key: value} if isinstance(value, str) else value)


Finds = Annotated[Pattern, _one_key("find")]
Line = Annotated[Example, _one_key("text")]


class Patterns(Frozen):
    """A rule's patterns in one language."""

    anchors: list[str] = []
    """What makes the rule fast: the sentence of every match holds one of these. An anchor is a word in lower case, a
    digit, or several that must all be there; `/` parts words of which one is enough: `my office/practice`.
    Empty: every sentence is searched."""
    find: Annotated[list[Finds], Field(min_length=1)]
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
    """What is written in a match's place; `sentence` removes its sentence. A pattern's own fix comes first."""
    quoted: bool = False
    """Whether quoted words count too."""
    asked: bool = False
    """Whether sentences that end in a question mark count too."""
    words: dict[str, str] = {}
    patterns: dict[str, Patterns]
    """By language (ISO 639)."""
    positives: dict[str, list[Line]]
    near_misses: dict[str, list[Line]]

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
    """A rule's file.

    Raises:
        InputError: it is no rule.
    """
    try:
        return Rule.model_validate(_yaml(path))
    except yaml.YAMLError as error:
        line = getattr(getattr(error, "problem_mark", None), "line", 0) + 1
        raise InputError(f"{path.name}:{line}: not YAML; quote the patterns") from None
    except ValidationError as error:
        first = error.errors(include_input=False, include_url=False, include_context=False)[0]
        place = ".".join(str(part) for part in first["loc"]) or "file"
        raise InputError(f"{path.name}: {place}: {first['msg']}; human_claim.yaml shows every key") from None


@cache
def _yaml_words() -> dict[str, dict[str, str]]:
    return dict(_yaml(WORDS))


def _yaml(path: Path) -> Any:
    """Scalars stay strings, so that the word `off` is a word."""
    return yaml.load(path.read_text(encoding="utf-8"), Loader=getattr(yaml, "CBaseLoader", yaml.BaseLoader))


@cache
def languages(chosen: tuple[str, ...]) -> frozenset[str]:
    """Languages in which any of these rules has patterns."""
    return frozenset().union(*(load(name).patterns for name in chosen))


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

    def regex(pattern: str | None) -> re.Pattern[str] | None:
        return _regex(pattern, words, rule.name) if pattern else None

    searches = tuple(
        Search(_regex(one.find, words, rule.name), regex(one.unless), one.fix or rule.fix or SENTENCE)
        for one in patterns.find
    )
    unless = regex("|".join(f"(?:{one})" for one in patterns.unless))
    parts = [tuple(frozenset(part.split("/")) for part in anchor.split()) for anchor in patterns.anchors]
    single = frozenset().union(*(phrase[0] for phrase in parts if len(phrase) == 1))
    phrases = tuple(phrase for phrase in parts if len(phrase) > 1)
    return Compiled(rule.name, single, phrases, rule.quoted, rule.asked, unless, searches)


def _regex(pattern: str, words: Mapping[str, str], name: str) -> re.Pattern[str]:
    try:
        while NAME.search(pattern):
            pattern = NAME.sub(lambda found: f"(?:{words[found[1]]})", pattern)
        return re.compile(pattern, re.IGNORECASE)
    except KeyError as error:
        raise InputError(f"{name}.yaml: no fragment {error}; add it to the rule's `words` or to words.yaml") from None
    except (re.error, RecursionError) as error:
        raise InputError(f"{name}.yaml: a pattern is no regular expression ({error})") from None
