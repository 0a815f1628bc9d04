"""Who withdrew is gone from the data, with everything made from their words; a typing error cannot keep anyone in."""

from __future__ import annotations

import pickle
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from data_prep import table, withdrawal
from data_prep.withdrawal import Withdrawals
from wellgate.errors import InputError
from wellgate.records import Conversation, Message, Preference, Record

SHARED = {"source": "club", "licence": "MIT", "consent": "consented"}


def conversation(id: str, said: str = "", group: str = "", parents: tuple[str, ...] = ()) -> Conversation:
    turns = (Message(role="user", content=said or f"A story about {id}."), Message(role="assistant", content="Go on."))
    tags = tuple(f"parent:{parent}" for parent in parents)
    return Conversation(id=id, group=group or f"club/{id}", messages=turns, tags=tags, **SHARED)


def pair(id: str, parents: tuple[str, ...]) -> Preference:
    return Preference(
        id=id,
        group=f"club/{id}",
        prompt=(Message(role="user", content=f"A question of {id}."),),
        chosen="Go on.",
        rejected="Stop.",
        reason="upvotes",
        tags=tuple(f"parent:{parent}" for parent in parents),
        **SHARED,
    )


def listed(tmp_path: Path, text: str, name: str = "withdrawn.txt") -> Path:
    path = tmp_path / name
    path.write_text(text, encoding="utf-8")
    return path


def kept(withdrawn: Withdrawals, records: list[Record]) -> list[str]:
    """What preparation does: sort every record while reading, then run the step over what stayed."""
    stayed = [record for record in records if not withdrawn.covers(record)]
    rows = withdrawal.withdraw(table.to_table(stayed), withdrawn.removal())
    assert set(table.left_out(rows)["dropped"].to_pylist()) <= {"withdrawal: withdrawn"}
    return [record.id for record in table.to_records(rows)]


def test_text_and_json_lines_say_the_same(tmp_path: Path) -> None:
    text = listed(tmp_path, "﻿# asked by letter\n\nclub/1\r\n  club/2   # by phone\ngroup:club/ada\n")
    rows = '{"id": "club/1"}\n{"id": "club/2", "when": "2024"}\n{"group": "club/ada"}\n'
    found, other = withdrawal.read(text), withdrawal.read(listed(tmp_path, rows, "withdrawn.jsonl"))
    assert found.lines == {"club/1": 3, "club/2": 4, "group:club/ada": 5}
    assert list(other.lines) == list(found.lines)


def test_no_list_withdraws_nothing() -> None:
    none = withdrawal.read(None)
    assert kept(none, [conversation("1"), conversation("2")]) == ["1", "2"]
    none.require_all_met()


def test_records_groups_and_what_was_made_from_them_go(tmp_path: Path) -> None:
    withdrawn = withdrawal.read(listed(tmp_path, "1\ngroup:club/ada\n"))
    records: list[Record] = [
        conversation("summary", parents=("story",)),  # made from what was made from 1, and read before both
        conversation("story", parents=("1",)),
        conversation("1"),
        conversation("2", group="club/ada"),
        pair("p", parents=("2", "3")),
        conversation("3"),
        conversation("other", parents=("3",)),
    ]
    assert kept(withdrawn, records) == ["3", "other"]
    withdrawn.require_all_met()


def test_what_was_made_from_a_whole_group_goes_although_it_came_first(tmp_path: Path) -> None:
    withdrawn = withdrawal.read(listed(tmp_path, "group:club/ada\n"))
    records: list[Record] = [
        conversation("c", parents=("b",)),
        conversation("b", parents=("a",)),
        conversation("a", group="club/ada"),
    ]
    assert kept(withdrawn, records) == []


def test_copies_of_a_withdrawn_text_go_whoever_brought_them(tmp_path: Path) -> None:
    withdrawn = withdrawal.read(listed(tmp_path, "mine\n"))
    records: list[Record] = [
        conversation("copy", said="MY  boat is\nleaking."),
        conversation("mine", said="My boat is leaking."),
        conversation("near", said="My boat is leaking again."),
    ]
    assert kept(withdrawn, records) == ["near"]


def test_names_that_match_nothing_are_refused_with_their_lines(tmp_path: Path) -> None:
    path = listed(tmp_path, "club/1\nclub/2\ngroup:club/nobody\n")
    withdrawn = withdrawal.read(path)
    withdrawn.covers(conversation("club/1"))
    with pytest.raises(InputError) as error:
        withdrawn.require_all_met()
    assert str(error.value).startswith(f"{path}:2, {path}:3: ")


def test_many_unknown_names_are_counted(tmp_path: Path) -> None:
    withdrawn = withdrawal.read(listed(tmp_path, "".join(f"club/{number}\n" for number in range(40))))
    with pytest.raises(InputError, match=r"withdrawn\.txt:5 and 35 more"):
        withdrawn.require_all_met()


@pytest.mark.parametrize(
    ("text", "name", "where"),
    [
        ("club/1\nI want out please\n", "withdrawn.txt", ":2"),
        ("club/1\ngroup:\n", "withdrawn.txt", ":2"),
        ('{"id": "club/1"}\n{"name": "Ada"}\n', "withdrawn.jsonl", ":2"),
        ('{"id": 7}\n', "withdrawn.jsonl", ":1"),
        ('{"id": "1", "group": "2"}\n', "withdrawn.jsonl", ":1"),
        ('{"id": "club/1"}\nclub/2\n', "withdrawn.jsonl", ":2"),
        ("# nobody yet\n", "withdrawn.txt", ""),
    ],
)
def test_what_is_no_list_is_an_input_error(tmp_path: Path, text: str, name: str, where: str) -> None:
    path = listed(tmp_path, text, name)
    with pytest.raises(InputError) as error:
        withdrawal.read(path)
    assert str(error.value).startswith(f"{path}{where}: ")
    assert "please" not in str(error.value)
    assert "Ada" not in str(error.value)


def test_a_list_that_cannot_be_read_is_an_input_error(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="cannot be read"):
        withdrawal.read(tmp_path / "none.txt")
    (tmp_path / "latin.txt").write_bytes(b"club/\xe4\n")
    with pytest.raises(InputError, match="not UTF-8"):
        withdrawal.read(tmp_path / "latin.txt")


def test_the_step_is_pure_and_travels_to_other_processes(tmp_path: Path) -> None:
    withdrawn = withdrawal.read(listed(tmp_path, "1\n"))
    withdrawn.covers(conversation("1"))
    removal = pickle.loads(pickle.dumps(withdrawn.removal()))
    rows = table.to_table([conversation("1"), conversation("2")])
    done = withdrawal.withdraw(rows, removal)
    assert done["dropped"].to_pylist() == ["withdrawal: withdrawn", None]
    assert rows["dropped"].to_pylist() == [None, None]
    assert withdrawal.withdraw(done, removal).equals(done)


@given(
    st.lists(st.lists(st.integers(0, 7), max_size=3), min_size=8, max_size=8),
    st.sets(st.integers(0, 7), min_size=1),
    st.permutations(range(8)),
)
def test_nothing_stays_that_comes_from_what_went(made_from: list[list[int]], gone: set[int], order: list[int]) -> None:
    withdrawn = Withdrawals(Path("list"), {str(number): number for number in gone})
    records: list[Record] = [
        conversation(str(number), parents=tuple(str(one) for one in made_from[number] if one != number))
        for number in order
    ]
    stayed = set(kept(withdrawn, records))
    assert stayed.isdisjoint(str(number) for number in gone)
    for number in stayed:
        assert {str(one) for one in made_from[int(number)]} <= stayed | {number}
    reached = set(gone)
    while more := {number for number in range(8) if number not in reached and reached & set(made_from[number])}:
        reached |= more
    assert stayed == {str(number) for number in range(8) if number not in reached}
