"""A ledger that was written is believed; one that was touched names the first bad line and what was done to it."""

from __future__ import annotations

import hashlib
import json
import tracemalloc
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from data_prep import ledger, table
from data_prep.ledger import Entry, Head, Header, Step, Writer
from wellgate.errors import InputError
from wellgate.records import Conversation, Message

SALT = "kept elsewhere"
HEADER = Header(
    sources={"club": {"club.jsonl": "a" * 64}},
    steps=(
        Step(name="read", version="1", config="c1", commit="d0d0"),
        Step(name="deidentify", version="2", config="c2", commit="d0d0"),
        Step(name="dedup", version="1", config="c3", commit="d0d0"),
    ),
    recipe="f" * 64,
    salt=ledger.salt_id(SALT),
)


def entry(number: int, **fields: object) -> Entry:
    values: dict[str, object] = {
        "id": f"club/{number}",
        "source": "club",
        "licence": "CC-BY-4.0",
        "consent": "consented",
        "scope": ("train", "evaluate", "release"),
        "withdrawal": f"group:club/{number % 7}",
        "steps": ("read", "deidentify", "dedup"),
        "digest": ledger.content_digest([f"text {number}"], SALT),
    }
    return Entry.model_validate(values | fields)


def write(path: Path, count: int = 9) -> Head:
    with Writer(path, HEADER) as writer:
        writer.add_all(entry(number) for number in range(1, count + 1))
    return writer.head


@pytest.fixture
def written(tmp_path: Path) -> tuple[Path, Head]:
    path = tmp_path / "ledger.jsonl"
    return path, write(path)


def test_what_was_written_verifies_and_gives_its_head(written: tuple[Path, Head]) -> None:
    path, head = written
    assert ledger.verify(path, head) == head
    assert head.entries == 9
    lines = path.read_text(encoding="utf-8").splitlines()
    assert len(lines) == 10
    assert [json.loads(line)["number"] for line in lines] == list(range(10))
    assert all(json.loads(after)["previous"] == json.loads(before)["hash"] for before, after in pairwise(lines))


def test_the_same_records_give_the_same_file(tmp_path: Path) -> None:
    assert write(tmp_path / "a.jsonl") == write(tmp_path / "b.jsonl")
    assert (tmp_path / "a.jsonl").read_bytes() == (tmp_path / "b.jsonl").read_bytes()


def change(lines: list[bytes]) -> list[bytes]:
    return [*lines[:4], lines[4].replace(b"CC-BY-4.0", b"CC0-1.0"), *lines[5:]]


def rehash(lines: list[bytes]) -> list[bytes]:
    """Change a line and make its own hash right, as somebody would who knows the format."""
    body = change(lines)[4][: -len(',"hash":"') - 64 - len('"}\n')]
    seal = hashlib.sha256(body).hexdigest()
    return [*lines[:4], body + f',"hash":"{seal}"}}\n'.encode(), *lines[5:]]


def swap(lines: list[bytes]) -> list[bytes]:
    return [*lines[:4], lines[5], lines[4], *lines[6:]]


TAMPERED: list[tuple[str, Callable[[list[bytes]], list[bytes]], int, str]] = [
    ("changed", change, 5, "changed"),
    ("changed and hashed again", rehash, 5, "changed and hashed again"),
    ("one removed", lambda lines: [*lines[:4], *lines[5:]], 5, "removed: entries 4 to 4"),
    ("three removed", lambda lines: [*lines[:4], *lines[7:]], 5, "removed: entries 4 to 6"),
    ("header removed", lambda lines: lines[1:], 1, "removed"),
    ("swapped", swap, 5, "reordered: entry 4 stands on line 6"),
    ("moved to the end", lambda lines: [*lines[:4], *lines[5:], lines[4]], 5, "reordered: entry 4 stands on line 10"),
    ("repeated", lambda lines: [*lines[:5], *lines[4:]], 6, "repeated"),
    ("cut within a line", lambda lines: [*lines[:-1], lines[-1][:-20]], 10, "truncated"),
    ("newline lost", lambda lines: [*lines[:-1], lines[-1][:-1]], 10, "truncated"),
    ("hash lost", lambda lines: [*lines[:3], b'{"number":3}\n', *lines[4:]], 4, "changed"),
    ("not JSON", lambda lines: [*lines[:3], b"nothing\n", *lines[4:]], 4, "changed"),
    ("white space", lambda lines: [*lines[:3], lines[3].replace(b":", b": ", 1), *lines[4:]], 4, "changed"),
]


@pytest.mark.parametrize(
    ("tamper", "line", "what"), [case[1:] for case in TAMPERED], ids=[case[0] for case in TAMPERED]
)
def test_the_first_bad_line_is_named(
    written: tuple[Path, Head], tamper: Callable[[list[bytes]], list[bytes]], line: int, what: str
) -> None:
    path, _ = written
    path.write_bytes(b"".join(tamper(path.read_bytes().splitlines(keepends=True))))
    with pytest.raises(InputError) as error:
        ledger.verify(path)
    assert str(error.value).startswith(f"{path}:{line}: ")
    assert what in str(error.value)


def test_a_cut_off_end_is_seen_by_the_head_that_the_manifest_keeps(written: tuple[Path, Head]) -> None:
    path, head = written
    lines = path.read_bytes().splitlines(keepends=True)
    path.write_bytes(b"".join(lines[:-2]))
    assert ledger.verify(path).entries == 7, "the chain itself is whole"
    with pytest.raises(InputError, match=r":8: truncated: 7 entries where the manifest has 9"):
        ledger.verify(path, head)


def test_a_wholly_rewritten_ledger_has_another_head(written: tuple[Path, Head]) -> None:
    path, head = written
    with Writer(path, HEADER) as writer:
        writer.add_all(entry(number, licence="CC0-1.0" if number == 3 else "CC-BY-4.0") for number in range(1, 10))
    assert ledger.verify(path) == writer.head
    with pytest.raises(InputError, match="does not end with the hash in the manifest"):
        ledger.verify(path, head)


def test_added_entries_are_seen_by_the_head(written: tuple[Path, Head]) -> None:
    path, head = written
    write(path, 11)
    with pytest.raises(InputError, match=r":11: added"):
        ledger.verify(path, head)


@given(place=st.integers(0, 100_000), byte=st.integers(0, 255))
def test_no_byte_can_be_changed_unseen(tmp_path_factory: pytest.TempPathFactory, place: int, byte: int) -> None:
    path = tmp_path_factory.mktemp("ledger") / "ledger.jsonl"
    head = write(path, 4)
    data = bytearray(path.read_bytes())
    if data[place % len(data)] == byte:
        return
    data[place % len(data)] = byte
    path.write_bytes(bytes(data))
    with pytest.raises(InputError, match=str(path)):
        ledger.verify(path, head)


@pytest.mark.parametrize("content", [b"", b"\n", b"\xff\xfe\n", b"{}\n", b"[]" * 1_000_000])
def test_what_is_no_ledger_is_an_input_error(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "ledger.jsonl"
    path.write_bytes(content)
    with pytest.raises(InputError, match=str(path)):
        ledger.verify(path)


def test_a_missing_ledger_is_an_input_error(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="cannot be read"):
        ledger.verify(tmp_path / "none.jsonl")


def test_a_crash_leaves_nothing(tmp_path: Path) -> None:
    path = tmp_path / "ledger.jsonl"

    def crash() -> None:
        with Writer(path, HEADER) as writer:
            writer.add(entry(1))
            raise RuntimeError

    with pytest.raises(RuntimeError):
        crash()
    assert list(tmp_path.iterdir()) == []


def test_history_gives_files_and_steps_of_one_record(tmp_path: Path) -> None:
    path = tmp_path / "ledger.jsonl"
    with Writer(path, HEADER) as writer:
        writer.add(entry(1))
        writer.add(entry(2, parents=("club/1",), steps=("read", "deidentify"), dropped="deidentify: too long"))
    found = ledger.history(path, "club/2")
    assert (found.line, found.entry.parents, found.entry.dropped) == (3, ("club/1",), "deidentify: too long")
    assert [(step.name, step.version, step.config, step.commit) for step in found.steps] == [
        ("read", "1", "c1", "d0d0"),
        ("deidentify", "2", "c2", "d0d0"),
    ]
    assert found.files == {"club.jsonl": "a" * 64}


def test_history_of_an_unknown_record_or_a_broken_ledger_is_an_input_error(written: tuple[Path, Head]) -> None:
    path, _ = written
    with pytest.raises(InputError, match="no entry club/99"):
        ledger.history(path, "club/99")
    path.write_bytes(b"".join(change(path.read_bytes().splitlines(keepends=True))))
    with pytest.raises(InputError, match=":5: changed"):
        ledger.history(path, "club/1")


def conversation(number: int, said: str, **fields: object) -> Conversation:
    values: dict[str, object] = {
        "id": f"club/{number}",
        "source": "club",
        "licence": "CC-BY-4.0",
        "consent": "consented (train), form 2",
        "group": f"club/p{number}",
        "messages": (Message(role="user", content=said), Message(role="assistant", content="Tell me more.")),
    }
    return Conversation.model_validate(values | fields)


def rows() -> list[Entry]:
    records = [
        conversation(1, "My kite is stuck in a tree."),
        conversation(2, "  MY KITE is\nstuck in a tree. "),
        conversation(3, "The kite is gone.", tags=("parent:club/1", "sad")),
        conversation(4, "Nobody should know this."),
    ]
    marked = table.mark(
        table.to_table(records), {1: "deidentify: exact duplicate of club/1", 3: "withdrawal: withdrawn"}
    )
    return list(ledger.entries(marked, ("read", "withdrawal", "deidentify", "dedup"), SALT))


def test_entries_say_what_became_of_each_row() -> None:
    first, second, third, fourth = rows()
    assert first.steps == third.steps == ("read", "withdrawal", "deidentify", "dedup")
    assert second.steps == ("read", "withdrawal", "deidentify")
    assert second.dropped == "deidentify: exact duplicate of club/1"
    assert fourth.steps == ("read", "withdrawal")
    assert third.parents == ("club/1",)
    assert first.scope == ("train",)
    assert first.withdrawal == "group:club/p1"


def test_digests_join_equal_texts_and_need_the_salt() -> None:
    first, second, third, _ = rows()
    assert first.digest == second.digest != third.digest
    said = ["My kite is stuck in a tree.", "Tell me more."]
    assert first.digest == ledger.content_digest(said, SALT)
    assert first.digest != ledger.content_digest(said, "another")
    assert first.digest != hashlib.sha256(ledger.normalised(said).encode()).hexdigest()
    assert SALT not in HEADER.model_dump_json()


def test_of_a_withdrawn_record_not_even_the_digest_stays() -> None:
    assert rows()[3].digest == ""


def test_no_text_is_in_the_ledger(tmp_path: Path) -> None:
    path = tmp_path / "ledger.jsonl"
    with Writer(path, HEADER) as writer:
        writer.add_all(rows())
    assert not any(word in path.read_text(encoding="utf-8").lower() for word in ("kite", "nobody", "tell me"))


def test_memory_does_not_grow_with_the_ledger(tmp_path: Path) -> None:
    path = tmp_path / "ledger.jsonl"
    tracemalloc.start()
    try:
        head = write(path, 10_000)
        assert ledger.verify(path, head).entries == 10_000
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert path.stat().st_size > 4_000_000
    assert peak < 1_500_000
