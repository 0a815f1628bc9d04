"""Pairs from the public counsel-chat file: counts, controls, balance, and no leak. No text is kept or shown."""

from __future__ import annotations

import time
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from data_prep import table
from data_prep.ngrams import normalised
from data_prep.preferences import LONG_TURN, balance, leaking, markdown
from data_prep.split import is_held_out
from wellgate.plugins import Source, load
from wellgate.records import Conversation, Preference, Rejected

CSV = Path(__file__).resolve().parents[2] / "../shared/data/counsel-chat/20200325_counsel_chat.csv"
SHARD = 512
pytestmark = [
    pytest.mark.realdata,
    pytest.mark.skipif(not CSV.is_file(), reason="needs the public development data in ../shared"),
]


def read(use: str, **options: Any) -> list[Any]:
    source = load(Source, use).model_validate({"use": use, "path": str(CSV), **options})  # type: ignore[type-abstract]
    return list(source.rows())


@pytest.mark.parametrize(
    ("options", "number", "questions", "most_won"),
    [
        ({}, 45, 40, 4),
        ({"min_votes_apart": 1}, 163, 119, 15),
        ({"max_author_share": 1}, 56, 51, 7),
        ({"max_length_ratio": 1000}, 94, 86, 9),
    ],
)
def test_counts_and_balance(options: dict[str, Any], number: int, questions: int, most_won: int) -> None:
    start = time.perf_counter()
    rows = read("counsel_chat_pairs", **options)
    seconds = time.perf_counter() - start
    pairs = [row for row in rows if isinstance(row, Preference)]
    left = Counter(f"{row.step}: {row.reason}" for row in rows if isinstance(row, Rejected))
    found = balance(pairs)
    print(f"\n{options}: {len(pairs)} pairs, {seconds:.2f} s; {dict(left)}")
    print("\n".join(line for line in markdown(found) if not line.startswith("|")))
    assert 2 * len(pairs) + left.total() == 2129
    assert left["pair: repeats an earlier answer to its question"] == 120
    assert not [reason for reason in left if reason.startswith("read")]
    assert (len(pairs), len({pair.prompt for pair in pairs})) == (number, questions)
    assert Counter(pair.group for pair in pairs).most_common(1)[0][1] == most_won
    assert found["warnings"] == []
    assert ("max_length_ratio" in options) == (abs(found["length"]["mean_ratio"] - 1) > 0.1)


@pytest.mark.parametrize("seed", range(3))
def test_no_pair_to_train_on_stands_with_somebody_held_out(seed: int) -> None:
    records = [*read("counsel_chat"), *read("counsel_chat_pairs", min_votes_apart=1)]
    kept = [one for one in records if not isinstance(one, Rejected)]
    rows = table.to_table(kept)

    def held_out(group: str) -> bool:
        return is_held_out(group, 0.1, seed)

    leaks = leaking(lambda: (rows.slice(first, SHARD) for first in range(0, len(rows), SHARD)), held_out)
    pairs = [one for one in kept if isinstance(one, Preference) and not held_out(one.group)]
    left = [one for one in pairs if one.id not in leaks]
    print(f"\nseed {seed}: {len(pairs)} pairs to train on, {len(left)} without leaks")
    theirs = [one for one in kept if isinstance(one, Conversation) and held_out(one.group)]
    texts = {normalised([turn.content]) for one in theirs for turn in one.messages}
    authors = {one.id: one.group for one in kept if isinstance(one, Conversation)}
    bad = [one.id for one in left if texts & {normalised([text]) for text in _said(one)}]
    assert len(left) < len(pairs), "some do leak, else this shows nothing"
    assert left
    assert bad == []
    parents = [tag.removeprefix("parent:") for one in left for tag in one.tags if tag.startswith("parent:")]
    assert not [id for id in parents if held_out(authors[id])], "neither author is held out"


def _said(pair: Preference) -> list[str]:
    replies = [text for text in (pair.chosen, pair.rejected) if len(text.split()) >= LONG_TURN]
    return [pair.prompt[0].content, *replies]
