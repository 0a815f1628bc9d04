"""Reviewed ratings as preference pairs: several replies to one prompt, each rated by people, by criterion.

JSON Lines, one prompt a line (`ratings.schema.json` beside this file is its JSON Schema)::

    {"id": "r-17", "prompt": [{"role": "user", "content": "..."}], "scale": "1-7", "criteria": ["warmth", "safety"],
     "replies": [
       {"id": "a", "text": "...", "ratings": [
         {"rater": "r3", "role": "clinician", "scores": {"warmth": 6, "safety": 7}},
         {"rater": "r8", "role": "lived-experience", "scores": {"warmth": 7, "safety": 6}}]},
       {"id": "b", "text": "...", "ratings": [...]}]}

Optional: `group` (the client or author of the prompt; else the id), `language`, `tags`, `licence`, `consent`. More is
better on every criterion. Raters are numbered (`r3`, `17`), never named; their roles are clinician, lived-experience,
researcher and layperson.

Two replies become a pair only by raters who rated both, on all criteria that count: differences within a rater do not
depend on how strict a rater is. A rater's difference is that of the rater's means over the criteria. The pair is taken where

- at least `min_raters` such raters
- differ by at least `min_difference` of the scale's length in the mean (0.2: 1 point of 0-5, 1.2 points of 1-7),
- at least the share `min_agreement` of them prefers the chosen reply (a tie is no preference),
- and the chosen reply's mean is not lower on any criterion of `never_worse`: a warmer reply that is less safe is not
  better.

The clearest pairs are taken first, `pairs_per_prompt` at most, each reply in one of them. A row without any pair is
listed with step `pair`; a row that does not fit the schema is bad. Licence and consent are yours to state: those of
the prompts' authors, of the replies' authors and of the raters.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import permutations
from pathlib import Path
from typing import Annotated, Any, Literal, NamedTuple, Self

from pydantic import Field, ValidationError, model_validator
from pydantic_core import PydanticCustomError

from data_prep.read import ID, Reader, Row, read_jsonl
from data_prep.sources import OneFile, hashed
from wellgate.records import Frozen, Message, Preference, Rejected, Text

Word = Annotated[str, Field(pattern=r"^[A-Za-z0-9_.-]{1,40}$")]
Criterion = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_-]{0,31}$")]
RaterRole = Literal["clinician", "lived-experience", "researcher", "layperson"]
Score = Annotated[float, Field(strict=True, ge=0, le=7, allow_inf_nan=False)]
Share = Annotated[float, Field(ge=0, le=1)]
Count = Annotated[int, Field(ge=1, strict=True)]
SCALES = {"0-5": (0, 5), "1-7": (1, 7)}
STEP = "pair"
"""Step of good rows that give no pair."""


class Rating(Frozen):
    """What one rater gave one reply."""

    rater: Annotated[str, Field(pattern=r"^[a-z]{0,3}-?[0-9]{1,6}$")]
    """A number with at most three letters before it. Never a name."""
    role: RaterRole
    """As what the rater judges."""
    scores: Annotated[dict[Criterion, Score], Field(min_length=1, json_schema_extra={"additionalProperties": False})]
    """Criterion to score, within the row's scale; more is better. Criteria may be missing."""


class RatedReply(Frozen):
    """A reply to the prompt."""

    id: Annotated[str, Field(pattern=r"^[A-Za-z0-9_.]{1,16}$")]
    """Different within the row."""
    text: Text
    ratings: tuple[Rating, ...]
    """At most one of each rater."""


class Rated(Frozen):
    """One line: a prompt, and replies that were rated against each other."""

    id: Word
    """Different within the file."""
    prompt: Annotated[tuple[Message, ...], Field(min_length=1)]
    """Turns that alternate, the user's first (a system turn may stand before them) and last."""
    scale: Literal["0-5", "1-7"]
    """Least and greatest score."""
    criteria: Annotated[tuple[Criterion, ...], Field(min_length=1)]
    """What was rated. Scores have no other keys."""
    replies: Annotated[tuple[RatedReply, ...], Field(min_length=2)]
    group: str | None = None
    """The client or author of the prompt; else every row is its own group. No short word: it is hashed."""
    language: str | None = None
    """As `en` or `pt-BR`."""
    tags: tuple[str, ...] = ()
    licence: str | None = None
    """SPDX expression."""
    consent: str | None = None
    """Consent basis."""

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        given = [(reply.id, rating) for reply in self.replies for rating in reply.ratings]
        least, greatest = SCALES[self.scale]
        problems = {
            "two replies have one id": len({reply.id for reply in self.replies}) < len(self.replies),
            "a rater rates a reply twice": len({(id, one.rater) for id, one in given}) < len(given),
            "a rater has two roles": len({(one.rater, one.role) for _, one in given})
            > len({one.rater for _, one in given}),
            "a score for something that is not among the criteria": any(
                not one.scores.keys() <= set(self.criteria) for _, one in given
            ),
            "a score outside the scale": any(
                not least <= score <= greatest for _, one in given for score in one.scores.values()
            ),
        }
        if problem := next((text for text, holds in problems.items() if holds), ""):
            raise PydanticCustomError("ratings", "{problem}", {"problem": problem})
        return self


class Compared(NamedTuple):
    """What the raters who rated both say of two replies."""

    better: RatedReply
    worse: RatedReply
    means: tuple[float, float]
    """Mean scores of the better and of the worse reply."""
    raters: tuple[Rating, ...]
    agree: int
    """Raters who gave the better one more."""

    @property
    def difference(self) -> float:
        return round(self.means[0] - self.means[1], 9)


class Ratings(OneFile):
    path: str
    """The file, relative to the folder that wellgate is started in."""
    licence: str
    """SPDX expression for rows that state none."""
    consent: str
    """Consent basis for rows that state none, the raters' included."""
    min_difference: Share = 0.2
    """Mean difference, as a share of the scale's length."""
    min_raters: Count = 2
    """Raters who rated both replies."""
    min_agreement: Share = 0.6
    """Share of them that prefers the chosen reply."""
    criteria: list[Criterion] = []
    """The criteria that count; all of the row's where none is named."""
    never_worse: list[Criterion] = []
    """Criteria on which the chosen reply must not be rated lower in the mean."""
    roles: list[RaterRole] = []
    """The roles whose ratings count; all where none is named."""
    pairs_per_prompt: Count = 1
    """Most pairs of one row."""

    def rows(self) -> Iterator[Preference | Rejected]:
        path = Path(self.path)
        reader = Reader(path.stem, path)
        lines: dict[str, int] = {}
        for row in read_jsonl(path):
            rated = _rated(row)
            if isinstance(rated, Rated) and rated.id in lines:
                rated = f"duplicate id, first on line {lines[rated.id]}"
            if isinstance(rated, str):
                yield reader.rejected(row, rated)
                continue
            lines[rated.id] = row.line
            yield from self._pairs(reader, row, rated)

    def _pairs(self, reader: Reader, row: Row, rated: Rated) -> Iterator[Preference | Rejected]:
        counted = self.criteria or rated.criteria
        if not {*counted, *self.never_worse} <= set(rated.criteria):
            yield reader.rejected(row, "a criterion that the recipe counts was not rated")
            return
        used: set[str] = set()
        pairs = 0
        for one in sorted(self._clear(rated, counted), key=lambda one: -one.difference):
            ids = {one.better.id, one.worse.id}
            if pairs < self.pairs_per_prompt and not ids & used:
                used |= ids
                pairs += 1
                yield self._pair(reader, row, rated, one)
        if not pairs:
            reason = "no two replies that enough raters hold apart far enough and agree on"
            yield reader.rejected(row, reason).model_copy(update={"step": STEP})

    def _clear(self, rated: Rated, counted: Sequence[str]) -> Iterator[Compared]:
        """The pairs that satisfy every rule."""
        least, greatest = SCALES[rated.scale]
        for better, worse in permutations(rated.replies, 2):
            one = compare(better, worse, counted, self.roles)
            if (
                one is not None
                and len(one.raters) >= self.min_raters
                and one.difference > 0
                and one.difference >= round(self.min_difference * (greatest - least), 9)
                and one.agree >= round(self.min_agreement * len(one.raters), 9)
                and all(_not_worse(better, worse, name, self.roles) for name in self.never_worse)
            ):
                yield one

    def _pair(self, reader: Reader, row: Row, rated: Rated, one: Compared) -> Preference | Rejected:
        group = rated.group or rated.id
        raters = len(one.raters)
        roles = sorted({rating.role for rating in one.raters})
        own = {name: value for name in ("language",) if (value := getattr(rated, name))}
        return reader.preference(
            row,
            f"{rated.id}:{one.better.id}-{one.worse.id}",
            rated.prompt,
            chosen=one.better.text,
            rejected=one.worse.text,
            reason=f"mean rating {one.means[0]:.1f} to {one.means[1]:.1f} on a scale of {rated.scale},"
            f" preferred by {one.agree} of {raters} raters",
            group=f"{reader.source}/{group if ID.fullmatch(group) else hashed(group)}",
            licence=rated.licence or self.licence,
            consent=rated.consent or self.consent,
            tags=(*rated.tags, f"raters:{raters}", *(f"rated_by:{role}" for role in roles)),
            **own,
        )


def compare(
    better: RatedReply, worse: RatedReply, criteria: Sequence[str], roles: Sequence[str] = ()
) -> Compared | None:
    """What those say who rated both replies on all these criteria; None where nobody did."""
    both = _by_both(better, worse, criteria, roles)
    if not both:
        return None
    scores = [tuple(sum(one.scores[name] for name in criteria) / len(criteria) for one in two) for two in both]
    first, second = (sum(side) / len(both) for side in zip(*scores, strict=True))
    agree = sum(round(mine - other, 9) > 0 for mine, other in scores)
    return Compared(better, worse, (first, second), tuple(rating for rating, _ in both), agree)


def _by_both(
    one: RatedReply, other: RatedReply, criteria: Sequence[str], roles: Sequence[str]
) -> list[tuple[Rating, Rating]]:
    """The two ratings of each rater who counts and has rated both replies on all criteria."""
    theirs = {rating.rater: rating for rating in other.ratings}
    both = [(rating, theirs[rating.rater]) for rating in one.ratings if rating.rater in theirs]
    counts = (two for two in both if not roles or two[0].role in roles)
    return [two for two in counts if all(rating.scores.keys() >= set(criteria) for rating in two)]


def _not_worse(better: RatedReply, worse: RatedReply, criterion: str, roles: Sequence[str]) -> bool:
    """A criterion that nobody rated on both replies is not known to be no worse."""
    one = compare(better, worse, [criterion], roles)
    return one is not None and one.difference >= 0


def schema() -> dict[str, Any]:
    """JSON Schema of one line: what stands in `ratings.schema.json`. Rules between fields are in this file only."""
    head = {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$comment": "Generated from data_prep/sources/ratings.py, which also checks that scores lie within the scale"
        " and that ids, raters and criteria fit together.",
    }
    return head | Rated.model_json_schema(mode="validation")


def _rated(row: Row) -> Rated | str:
    """The row, or why it is none: by field names and places only, for keys of the row may be text."""
    if row.problem:
        return row.problem
    try:
        return Rated.model_validate(row.fields)
    except ValidationError as error:
        first = error.errors(include_input=False, include_url=False)[0]
        if first["type"] == "ratings":
            return str(first["ctx"]["problem"])
        known = {name for model in (Rated, RatedReply, Rating, Message) for name in model.model_fields}
        place = ".".join(str(part) for part in first["loc"] if isinstance(part, int) or part in known)
        return f"{first['type']}{f' ({place})' if place else ''}"
