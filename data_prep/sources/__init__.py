"""One file a data source; the file name is the word in the recipe. Here stands what several of them share."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from pydantic import model_validator

from data_prep.read import ID, Reader, Row, read_rows
from wellgate.files import sha256_text
from wellgate.plugins import Source
from wellgate.records import Conversation, Frozen, Rejected


class OneFile(Source):
    """A source that is one file on disk."""

    path: str
    """The file, relative to the folder that wellgate is started in."""

    def files(self) -> dict[str, Path]:
        return {Path(self.path).name: Path(self.path)}


class Columns(Frozen):
    """Which column of a table holds what: either `messages`, or `user` and `assistant`."""

    messages: str | None = None
    """A list of turns, or the JSON text of one."""
    user: str | None = None
    """What the person says."""
    assistant: str | None = None
    """What is answered."""
    system: str | None = None
    """System prompt, where the row has one; only beside `user` and `assistant`."""
    id: str | None = None
    """A short word. Without it rows are named by their line."""
    group: str | None = None
    """The client or author. A value that is no short word is hashed. Without it every row is its own group."""
    language: str | None = None
    """ISO 639-1, as the three below instead of the recipe's own value where the cell is not empty."""
    licence: str | None = None
    """SPDX expression."""
    consent: str | None = None
    """Consent basis."""
    tags: list[str] = []
    """Columns that become tags `column:value`; of a list, each value does."""
    role: str = "role"
    """Inside `messages`: who speaks."""
    content: str = "content"
    """Inside `messages`: what is said."""
    roles: dict[str, str] = {}
    """Inside `messages`: the file's names for user, assistant and system, as `human: user`."""

    @model_validator(mode="after")
    def _one_way_to_speak(self) -> Columns:
        pair = (self.user, self.assistant)
        if (self.messages is None) == (None in pair) or (self.messages and any((*pair, self.system))):
            raise ValueError("name either `messages`, or `user` and `assistant`")
        return self

    def names(self) -> tuple[str, ...]:
        """Every column that a row must have."""
        single = (self.messages, self.user, self.assistant, self.system, self.id, self.group)
        return (*filter(None, (*single, self.language, self.licence, self.consent)), *self.tags)


def mapped(
    reader: Reader, row: Row, columns: Columns, terms: Mapping[str, str], **fields: Any
) -> Conversation | Rejected:
    """A table's row as a conversation. `terms` are the recipe's licence, consent, language; `fields` win over all."""
    cells = row.fields
    missing = [name for name in columns.names() if name not in cells]
    if row.problem or missing:
        return reader.rejected(row, row.problem or f"missing field {missing[0]}")
    id = cells[columns.id] if columns.id else f"line-{row.line}"
    group = cells[columns.group] if columns.group and cells[columns.group] not in (None, "") else id
    own = {key: cells[name] for key in terms if (name := getattr(columns, key)) and cells[name]}
    tags = tuple(f"{name}:{value}" for name in columns.tags for value in _listed(cells[name]))
    shared = {"group": f"{reader.source}/{group_name(group)}", "tags": tags, **terms, **own, **fields}
    return reader.conversation(row, shared.pop("id", id), _said(cells, columns), **shared)


def _listed(value: object) -> list[object]:
    values = value if isinstance(value, list) else [value]
    return [" ".join(str(one).split()) for one in values if one is not None and one != ""]


def _said(cells: Mapping[str, Any], columns: Columns) -> object:
    if columns.messages is None:
        said = [(role, cells[name]) for role in ("system", "user", "assistant") if (name := getattr(columns, role))]
        return [{"role": role, "content": text} for role, text in said if role != "system" or text]
    turns = _turns(cells[columns.messages])
    if not all(isinstance(turn, dict) for turn in turns):
        return None
    names = (columns.role, columns.content)
    return [{"role": _role(turn.get(names[0]), columns.roles), "content": turn.get(names[1])} for turn in turns]


def _turns(cell: object) -> list[Any]:
    """Turns from a list, its JSON text, or a list for each key (as `datasets` has it); else none."""
    try:
        value = json.loads(cell) if isinstance(cell, str) else cell
        if isinstance(value, dict):
            value = [dict(zip(value, turn, strict=True)) for turn in zip(*value.values(), strict=True)]
    except (ValueError, TypeError, RecursionError):
        return []
    return value if isinstance(value, list) else []


def _role(name: object, roles: Mapping[str, str]) -> object:
    return roles.get(name, name) if isinstance(name, str) else name


def hashed(text: str) -> str:
    """A group's name that does not tell the text: 12 hex digits, the same for another case or white space."""
    return sha256_text(" ".join(text.casefold().split()))[:12]


def group_name(group: object) -> str:
    """A client or author as a short word; what is none is hashed, so that no group is text."""
    return str(group) if isinstance(group, str | int) and ID.fullmatch(str(group)) else hashed(str(group))


QUESTION = Columns(user="input", assistant="output")


def instructions(source: str, path: Path, terms: Mapping[str, str]) -> Iterator[Conversation | Rejected]:
    """Rows of instruction, input and output. Rows with the same input are one group.

    The instruction is one sentence for the whole file and is left out: the recipe has a system prompt of its own.
    """
    reader = Reader(source, path)
    file = file_id(Path(path.stem))
    for row in read_rows(path, QUESTION.names()):
        group = f"{source}/{hashed(str(row.fields.get('input')))}"
        yield mapped(reader, row, QUESTION, terms, id=f"{file}:{row.line}", group=group)


def file_id(name: Path) -> str:
    """A relative file name as the beginning of ids."""
    return re.sub(r"[^A-Za-z0-9_./-]", "-", name.as_posix())[-60:]


def dialogue(
    said: Sequence[tuple[object, object]], joint: str = "\n"
) -> tuple[list[dict[str, object]], tuple[str, ...]]:
    """Chat messages from utterances (role, text), and a tag where the opening was left out.

    Neighbours of one role are joined. What the assistant says before the user has spoken is left out: a model answers,
    it does not begin, and chat templates want the user's turn first.
    """
    turns: list[dict[str, object]] = []
    for role, text in said:
        before = turns[-1]["content"] if turns and turns[-1]["role"] == role else None
        if isinstance(before, str) and isinstance(text, str):
            turns[-1]["content"] = f"{before}{joint}{text.strip()}".strip()
        else:
            turns.append({"role": role, "content": text.strip() if isinstance(text, str) else text})
    if len(turns) > 1 and turns[0]["role"] == "assistant":
        return turns[1:], ("opening:left out",)
    return turns, ()


def joined(rows: Iterable[Row], key: str, number: str, first: int) -> Iterator[Row]:
    """Rows that stand one below the other with the same `key`, as one row with them all as `rows`.

    A bad row makes the whole bad, and so does a gap in the column `number`, which counts from `first`: a conversation
    with a hole is not the one that was had. A bad row that has lost its key counts for the one above. A number that
    stands twice (one line for each annotator) is taken once.
    """
    run: list[Row] = []
    for row in rows:
        above = next((one.fields[key] for one in run if one.fields), None)
        if row.fields and above is not None and row.fields[key] != above:
            yield _whole(run, number, first)
            run = []
        run.append(row)
    if run:
        yield _whole(run, number, first)


def _whole(run: Sequence[Row], number: str, first: int) -> Row:
    if bad := next((row for row in run if row.problem), None):
        return Row(bad.line, {}, bad.problem)
    once = list({row.fields[number]: row for row in reversed(run)}.values())[::-1]
    if [row.fields[number] for row in once] != [str(place) for place in range(first, first + len(once))]:
        return Row(run[0].line, {}, "utterances are missing or out of order")
    return Row(run[0].line, {"rows": [row.fields for row in once]})
