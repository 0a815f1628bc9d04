"""A group is on one side only, whatever the order of the records; strata are held out in proportion."""

from __future__ import annotations

import random
from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from data_prep.split import is_held_out, stratified

RECORDS = st.lists(
    st.tuples(
        st.text("abcdefgh", min_size=1, max_size=2), st.lists(st.sampled_from(["t:x", "t:y", "u:z", "t:"]), max_size=3)
    ),
    max_size=60,
)
SHARES = st.floats(0, 1)


def records(groups: dict[str, int], topic: str) -> list[tuple[str, list[str]]]:
    return [(group, [f"topic:{topic}", "upvotes:1"]) for group, size in groups.items() for _ in range(size)]


def test_a_groups_side_is_pinned() -> None:
    """A change here moves people between training and evaluation in every data set that was ever split."""
    assert [number for number in range(20) if is_held_out(f"source/{number}", 0.3, 7)] == [0, 1, 2, 3, 9, 10, 15, 19]


def test_the_share_of_groups_is_held_out_and_grows_with_it() -> None:
    small, large = ({n for n in range(4000) if is_held_out(f"g{n}", share, 0)} for share in (0.1, 0.25))
    assert small < large
    assert 0.08 < len(small) / 4000 < 0.12
    assert small != {n for n in range(4000) if is_held_out(f"g{n}", 0.1, 1)}


@given(RECORDS, SHARES, st.integers(0, 3), st.randoms(use_true_random=False))
def test_strata_do_not_depend_on_the_order_of_records(
    rows: list[tuple[str, list[str]]], share: float, seed: int, shuffle: random.Random
) -> None:
    mixed = [(group, tags[::-1]) for group, tags in rows]
    shuffle.shuffle(mixed)
    held_out = stratified(rows, "t:", share, seed)
    assert held_out == stratified(mixed, "t:", share, seed)
    assert held_out <= {group for group, _ in rows}


@given(RECORDS)
def test_all_or_nothing(rows: list[tuple[str, list[str]]]) -> None:
    assert stratified(rows, "t:", 0.0, 0) == frozenset()
    assert stratified(rows, "t:", 1.0, 0) == {group for group, _ in rows}


@pytest.mark.parametrize("seed", range(5))
def test_each_stratum_gives_its_share(seed: int) -> None:
    sizes = random.Random(seed)
    rows = [
        row
        for topic in ("sleep", "grief", "work")
        for row in records({f"{topic}{n}": sizes.randint(1, 6) for n in range(40)}, topic)
    ]
    held_out = stratified(rows, "topic:", 0.2, seed)
    total, held = Counter(tags[0] for _, tags in rows), Counter(tags[0] for group, tags in rows if group in held_out)
    for topic, count in total.items():
        assert abs(held[topic] - 0.2 * count) <= 3, topic


def test_small_strata_are_pooled_and_not_lost() -> None:
    rows = [row for n in range(100) for row in records({f"g{n}": 1}, f"rare{n}")]
    assert len(stratified(rows, "topic:", 0.1, 0)) == 10


def test_a_giant_group_does_not_take_the_whole_share() -> None:
    rows = records({"giant": 90} | {f"g{n}": 1 for n in range(60)}, "sleep")
    for seed in range(10):
        held_out = stratified(rows, "topic:", 0.2, seed)
        assert sum(group in held_out for group, _ in rows) == 30


def test_a_group_with_two_topics_is_one_group() -> None:
    rows = [("a", ["topic:x"]), ("a", ["topic:y"]), ("a", ["topic:y"]), *records({f"g{n}": 1 for n in range(9)}, "y")]
    assert sum(group == "a" for group, _ in rows if group in stratified(rows, "topic:", 0.5, 1)) in (0, 3)
