"""The embedded set keeps its promises."""

from __future__ import annotations

import json
import re
from collections import Counter, defaultdict
from functools import cache
from itertools import combinations
from typing import Any

import pytest

from wellgate import registry
from wellgate.plugins import Source, load
from wellgate.records import Conversation, Preference, Span

SHORT = 3
"""Characters. Shorter numbers of the registry (15) are everyday numbers too."""


@cache
def source() -> Any:
    return load(Source, "starter").model_validate({"use": "starter"})  # type: ignore[type-abstract]


@cache
def rows() -> tuple[Any, ...]:
    return tuple(source().rows())


def conversations() -> list[Conversation]:
    return [row for row in rows() if isinstance(row, Conversation)]


def pairs() -> list[Preference]:
    return [row for row in rows() if isinstance(row, Preference)]


def spans() -> list[Span]:
    return list(source().gold_spans())


def topics(theme: str) -> set[str]:
    """`topic` stands in the files only, not in the records."""
    found = [
        json.loads(line) for path in source().files().values() for line in path.read_text(encoding="utf-8").splitlines()
    ]
    return {row["topic"] for row in found if row.get("theme") == theme and "messages" in row}


def test_every_row_is_a_record() -> None:
    assert len(rows()) == len(conversations()) + len(pairs())


def test_every_file_that_is_read_is_part_of_the_key() -> None:
    files = source().files()
    assert "spans.jsonl" in files
    assert all(path.is_file() and not name.startswith("/") for name, path in files.items())


def test_it_is_large_and_long_enough() -> None:
    assert len(conversations()) >= 300
    assert sum(len(one.messages) >= 4 for one in conversations()) >= 100
    assert len(pairs()) >= 200


def test_psychoeducation_covers_many_topics() -> None:
    assert len(topics("psychoeducation")) >= 25


@pytest.mark.parametrize("level", ["S0", "S1", "S2", "S3", "S4", "S5"])
def test_every_level_of_risk_has_conversations(level: str) -> None:
    assert sum(f"level:{level}" in one.tags for one in conversations()) >= 15


def test_every_id_is_unique() -> None:
    assert [id for id, number in Counter(row.id for row in rows()).items() if number > 1] == []


def test_the_length_of_a_reply_does_not_tell_which_one_is_chosen() -> None:
    chosen, rejected = (sum(len(getattr(one, side)) for one in pairs()) for side in ("chosen", "rejected"))
    longer = sum(len(one.chosen) > len(one.rejected) for one in pairs()) / len(pairs())
    assert abs(chosen - rejected) <= 0.1 * min(chosen, rejected)
    assert 0.4 <= longer <= 0.6


def test_every_pair_says_why() -> None:
    assert [one.id for one in pairs() if not one.reason.strip()] == []


@cache
def literal() -> re.Pattern[str]:
    """Every number of the registry, and whatever has the shape of a phone number (555-01xx is reserved for fiction)."""
    known = registry.load()
    numbers = {
        number for place in known.locales.values() for line in place.lines for number in (*line.phone, *line.text)
    }
    numbers |= {number for place in known.locales.values() for number in place.emergency} | {
        old.phone for old in known.retired
    }
    listed = "|".join(re.escape(number) for number in sorted(numbers) if len(number) >= SHORT)
    return re.compile(rf"(?<!\w)(?:{listed}|\+?\d[\d ().-]{{7,}}\d)(?!\w)")


def test_no_reply_holds_a_literal_crisis_number() -> None:
    replies = [(one.id, turn.content) for one in conversations() for turn in one.messages if turn.role == "assistant"]
    replies += [(one.id, text) for one in pairs() for text in (one.chosen, one.rejected)]
    assert [(id, hit) for id, text in replies for hit in literal().findall(text) if not hit.startswith("555-01")] == []


@pytest.mark.parametrize("text", ["call 988 now", "116 123", "1-800-273-8255", "text 741741", "+44 20 7946 0000"])
def test_the_search_for_literal_numbers_would_find_one(text: str) -> None:
    assert literal().search(text)


def test_only_known_placeholders_are_used() -> None:
    texts = [turn.content for one in conversations() for turn in one.messages]
    texts += [text for one in pairs() for text in (one.chosen, one.rejected)]
    used = {hit for text in texts for hit in re.findall(r"[{}]+[^{}]*[{}]*", text)}
    assert {hit.rstrip("}") for hit in used if hit.startswith("{")} == {"{{crisis_line", "{{emergency_number"}


def test_gold_spans_lie_inside_their_turns_and_on_whole_words() -> None:
    turns = {one.id: one.messages for one in conversations()}
    for span in spans():
        text = turns[span.id][span.message].content
        assert 0 <= span.start < span.end <= len(text), span
        assert text[span.start : span.end] == text[span.start : span.end].strip(), span
        assert not re.match(r"\w\w", text[span.start - 1 : span.start + 1]) or not span.start, span


def test_gold_spans_do_not_overlap_and_stand_in_many_conversations() -> None:
    by_turn = defaultdict(list)
    for span in spans():
        by_turn[span.id, span.message].append((span.start, span.end))
    for places in by_turn.values():
        assert all(one[1] <= two[0] for one, two in zip(sorted(places), sorted(places)[1:], strict=False))
    assert len({span.id for span in spans()}) >= 80


def test_no_two_conversations_share_many_sequences_of_eight_words() -> None:
    holders: dict[tuple[str, ...], set[str]] = defaultdict(set)
    for one in conversations():
        for turn in one.messages:
            words = re.findall(r"\w+", turn.content.lower())
            for start in range(len(words) - 7):
                holders[tuple(words[start : start + 8])].add(one.id)
    shared = Counter(pair for ids in holders.values() for pair in combinations(sorted(ids), 2))
    assert {pair: number for pair, number in shared.items() if number > 5} == {}
