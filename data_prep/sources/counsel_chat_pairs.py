"""counsel-chat as preference pairs: two answers to one question, the one with more upvotes chosen.

Reads the same CSV as `counsel_chat`, whose docstring has a row's shape, licence and consent; questions, ids and groups
are exactly as there. Upvotes are a weak signal: more than two thirds of the published answers have none, nobody knows
who voted, and earlier, longer and better-known answers are seen more. Hence the controls:

- `min_votes_apart`: how many upvotes the chosen answer must be ahead;
- `max_length_ratio`: words of the longer answer over words of the shorter, so that length is not what is learned;
- `pairs_per_question`: a much-answered question does not drown the others. Each answer stands in one pair at most;
- `max_author_share`: no author wins, and none loses, more than this share of all pairs (one pair is always allowed),
  so that one author's style is not what is learned; and two answers by one author are never a pair.

Pairs further apart in votes, then closer in length, are taken first. A row that stands in no pair is listed with step
`pair` and the reason; only unreadable rows count as bad. The file is held in memory (3 MB).

Group and leaks. A pair has two authors, and its question was answered by others too, while the split knows one group a
record. Grouping by question would put answers of held-out authors into training; joining all authors who met on some
question makes nearly one group of the whole file. So the group is the chosen answer's author, named as `counsel_chat`
names the group: pair and conversation with that answer are always on one side. The rest can only be seen when the
sides are known: `data_prep/preferences.py` leaves out each pair to train on whose question or answers stand with
somebody held out, which covers a rejected author who is held out. The tags `parent:counsel_chat/<row>` take a pair out
when either of its answers is withdrawn; to withdraw an author wholly, read `counsel_chat` in the same recipe.
"""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from itertools import permutations
from pathlib import Path
from typing import Annotated, NamedTuple

from pydantic import Field

from data_prep.read import Reader, Row, read_csv
from data_prep.sources import OneFile, hashed
from data_prep.sources.counsel_chat import COLUMNS, CounselChat
from wellgate.records import Conversation, Preference, Rejected

Count = Annotated[int, Field(ge=1, strict=True)]
UPVOTES = re.compile(r"-?[0-9]{1,9}")
STEP = "pair"
"""Step of good rows that stand in no pair."""


class Answer(NamedTuple):
    """A row as `counsel_chat` has it, and what decides its pairs."""

    row: Row
    record: Conversation
    question: str
    """Hash of the normalised question."""
    text: str
    """Hash of the normalised answer."""
    upvotes: int
    words: int


class Candidate(NamedTuple):
    """Two answers that may be a pair."""

    chosen: Answer
    rejected: Answer

    @property
    def apart(self) -> int:
        """Upvotes between them."""
        return self.chosen.upvotes - self.rejected.upvotes

    @property
    def length_ratio(self) -> float:
        """Words of the longer over words of the shorter."""
        return max(self.chosen.words, self.rejected.words) / min(self.chosen.words, self.rejected.words)


class CounselChatPairs(OneFile):
    path: str
    """The published CSV, relative to the folder that wellgate is started in."""
    licence: str = "MIT"
    """SPDX expression of the file as you got it."""
    consent: str = "published (train, evaluate), authors not asked"
    """Consent basis."""
    min_votes_apart: Count = 2
    """Upvotes that the chosen answer has more than the rejected one."""
    max_length_ratio: Annotated[float, Field(ge=1)] = 1.5
    """Words of the longer answer over words of the shorter one."""
    pairs_per_question: Count = 3
    """Most pairs of one question."""
    max_author_share: Annotated[float, Field(gt=0, le=1)] = 0.1
    """Largest share of all pairs that one author wins, and largest that one author loses."""

    def rows(self) -> Iterator[Preference | Rejected]:
        path = Path(self.path)
        reader = Reader("counsel_chat_pairs", path)
        answers: list[Answer] = []
        for one in self._answers(reader, path):
            if isinstance(one, Rejected):
                yield one
            else:
                answers.append(one)
        candidates = self._candidates(answers)
        paired = within_share(candidates, self.pairs_per_question, self.max_author_share)
        yield from (self._pair(reader, one) for one in paired)
        yield from _unpaired(reader, answers, candidates, paired)

    def _answers(self, reader: Reader, path: Path) -> Iterator[Answer | Rejected]:
        source = CounselChat(use="counsel_chat", path=self.path, licence=self.licence, consent=self.consent)
        for row, record in zip(read_csv(path, COLUMNS), source.rows(), strict=True):
            if isinstance(record, Rejected):
                yield reader.rejected(row, record.reason)
                continue
            upvotes = row.fields["upvotes"].strip() or "0"
            if not UPVOTES.fullmatch(upvotes):
                yield reader.rejected(row, "upvotes is no whole number")
                continue
            question, text = (turn.content for turn in record.messages)
            yield Answer(row, record, hashed(question), hashed(text), int(upvotes), len(text.split()))

    def _candidates(self, answers: Sequence[Answer]) -> list[Candidate]:
        """All pairs that may be taken, best first."""
        found = [
            one
            for some in by_question(answers).values()
            for one in (Candidate(*two) for two in permutations(some, 2))
            if one.apart >= self.min_votes_apart
            and one.length_ratio <= self.max_length_ratio
            and one.chosen.record.group != one.rejected.record.group
        ]
        return sorted(found, key=lambda one: (-one.apart, one.length_ratio, one.chosen.row.line, one.rejected.row.line))

    def _pair(self, reader: Reader, one: Candidate) -> Preference | Rejected:
        chosen, rejected = one.chosen.record, one.rejected.record
        numbers = [record.id.partition("/")[2] for record in (chosen, rejected)]
        topics = (tag for tag in chosen.tags if tag.startswith("topic:"))
        parents = (f"parent:{chosen.id}", f"parent:{rejected.id}")
        return reader.preference(
            one.chosen.row,
            "-".join(numbers),
            chosen.messages[:1],
            chosen=chosen.messages[1].content,
            rejected=rejected.messages[1].content,
            reason=f"upvotes {one.chosen.upvotes} to {one.rejected.upvotes}",
            group=chosen.group,
            licence=self.licence,
            consent=self.consent,
            tags=(*topics, f"upvotes_apart:{one.apart}", *parents),
        )


def by_question(answers: Sequence[Answer]) -> dict[str, list[Answer]]:
    """The different answers to each question; of those that say the same, the first."""
    found: dict[str, dict[str, Answer]] = defaultdict(dict)
    for one in answers:
        found[one.question].setdefault(one.text, one)
    return {question: list(some.values()) for question, some in found.items()}


def within_share(candidates: Sequence[Candidate], per_question: int, share: float) -> list[Candidate]:
    """Pairs of which no author wins, and none loses, more than a share.

    What is allowed shrinks with the pairs that are left, so they are taken anew until both fit.
    """
    most = len(candidates)
    while True:
        taken = _take(candidates, per_question, most)
        allowed = max(1, int(share * len(taken)))
        if most <= allowed or _most_by_one(taken) <= allowed:
            return taken
        most = allowed


def _take(candidates: Sequence[Candidate], per_question: int, most: int) -> list[Candidate]:
    """In order, as long as both answers are free, and question and authors are not in enough pairs."""
    used: set[int] = set()
    asked, won, lost = Counter[str](), Counter[str](), Counter[str]()
    taken = []
    for one in candidates:
        lines = {one.chosen.row.line, one.rejected.row.line}
        winner, loser = one.chosen.record.group, one.rejected.record.group
        if used & lines or asked[one.chosen.question] >= per_question or max(won[winner], lost[loser]) >= most:
            continue
        taken.append(one)
        used |= lines
        asked[one.chosen.question] += 1
        won[winner] += 1
        lost[loser] += 1
    return taken


def _most_by_one(pairs: Sequence[Candidate]) -> int:
    won = Counter(one.chosen.record.group for one in pairs)
    lost = Counter(one.rejected.record.group for one in pairs)
    return max((*won.values(), *lost.values()), default=0)


def _unpaired(
    reader: Reader, answers: Sequence[Answer], candidates: Sequence[Candidate], paired: Sequence[Candidate]
) -> Iterator[Rejected]:
    """A reason for each good row that stands in no pair."""
    questions = by_question(answers)
    distinct = {one.row.line for some in questions.values() for one in some}
    possible, used = ({one.row.line for two in pairs for one in two} for pairs in (candidates, paired))
    for one in answers:
        line = one.row.line
        if line in used:
            continue
        if line not in distinct:
            reason = "repeats an earlier answer to its question"
        elif len(questions[one.question]) == 1:
            reason = "the only answer to its question"
        elif line not in possible:
            reason = "no answer by another author far enough in upvotes and near enough in length"
        else:
            reason = "its question, its author or the answers it could stand with are in enough pairs"
        yield reader.rejected(one.row, reason).model_copy(update={"step": STEP})
