"""Records as an Arrow table: the one shape that every step of preparation reads and returns.

A row is a conversation, feedback or a preference pair. Everything that people wrote stands in `turns`; a pair's turns
are its prompt, then `chosen`, `rejected` and `reason`. Feedback is a conversation whose last turn, the judged one, has the
role `chosen` where it is desirable and `rejected` where it is not: steps treat it as they treat that side of a pair. A step returns the rows it was given, in their order: what it leaves
out gets a reason in `dropped` and stays to be counted.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import pyarrow as pa

from wellgate.records import Conversation, Feedback, Message, Preference, Record, Span

TURNS = pa.list_(pa.struct([("role", pa.string()), ("content", pa.string())]))
SPANS = pa.list_(pa.struct([(name, pa.int32()) for name in ("message", "start", "end")] + [("type", pa.string())]))
SCHEMA = pa.schema(
    [
        *((name, pa.string()) for name in ("id", "source", "licence", "consent", "group", "language")),
        ("tags", pa.list_(pa.string())),
        ("pair", pa.bool_()),
        ("turns", TURNS),
        ("spans", SPANS),
        ("findings", pa.list_(pa.string())),
        ("dropped", pa.string()),
    ]
)
"""`spans`: personal data that was replaced, by character offsets in the texts as they stood before.
`findings`: names of the hygiene rules that fired. `dropped`: `step: reason`, or null."""
SHARED = ("id", "source", "licence", "consent", "group", "language", "tags")
PAIR = ("chosen", "rejected", "reason")
JUDGED = {"chosen": True, "rejected": False}
"""Role of a judged turn to whether it is desirable."""


def to_table(records: Iterable[Record]) -> pa.Table:
    """Records as they come from a source."""
    rows = []
    for record in records:
        row = {name: getattr(record, name) for name in SHARED}
        turns = record.messages if isinstance(record, Conversation) else record.prompt
        said: list[tuple[str, str]] = [(turn.role, turn.content) for turn in turns]
        if isinstance(record, Preference):
            said += [(role, getattr(record, role)) for role in PAIR]
        if isinstance(record, Feedback):
            said[-1] = ("chosen" if record.desirable else "rejected", said[-1][1])
        row |= {"pair": isinstance(record, Preference), "spans": [], "findings": [], "dropped": None}
        rows.append(row | {"turns": [{"role": role, "content": content} for role, content in said]})
    return pa.Table.from_pylist(rows, schema=SCHEMA)


def to_records(table: pa.Table) -> list[Record]:
    """The rows that no step has left out."""
    return [
        _record(row) for row in table.select([*SHARED, "pair", "turns", "dropped"]).to_pylist() if not row["dropped"]
    ]


def _record(row: dict[str, Any]) -> Record:
    shared = {name: row[name] for name in SHARED}
    turns = row["turns"]
    if not row["pair"] and turns[-1]["role"] in JUDGED:
        reply = {"role": "assistant", "content": turns[-1]["content"]}
        return Feedback(**shared, messages=_messages([*turns[:-1], reply]), desirable=JUDGED[turns[-1]["role"]])
    if not row["pair"]:
        return Conversation(**shared, messages=_messages(turns))
    return Preference(
        **shared,
        prompt=_messages(turns[: -len(PAIR)]),
        **{turn["role"]: turn["content"] for turn in turns[-len(PAIR) :]},
    )


def _messages(turns: list[dict[str, str]]) -> tuple[Message, ...]:
    return tuple(Message.model_validate(turn) for turn in turns)


def spans_of(table: pa.Table) -> list[Span]:
    """The personal data that was replaced, over all rows."""
    rows = table.select(["id", "spans"]).to_pylist()
    return [Span(id=row["id"], **span) for row in rows for span in row["spans"]]


def texts(table: pa.Table) -> list[list[str]]:
    """For each row the texts of its turns."""
    return [[turn["content"] for turn in turns] for turns in table["turns"].to_pylist()]


def roles(table: pa.Table) -> list[list[str]]:
    """For each row the roles of its turns: system, user, assistant; in pairs and feedback also chosen, rejected, reason."""
    return [[turn["role"] for turn in turns] for turns in table["turns"].to_pylist()]


def judged(table: pa.Table) -> list[bool]:
    """For each row whether it is feedback."""
    rows = table.select(["pair", "turns"]).to_pylist()
    return [not row["pair"] and row["turns"][-1]["role"] in JUDGED for row in rows]


def with_texts(table: pa.Table, new: Sequence[Sequence[str]]) -> pa.Table:
    """The table with the texts of all turns replaced."""
    turns = [
        [{"role": role, "content": text} for role, text in zip(names, said, strict=True)]
        for names, said in zip(roles(table), new, strict=True)
    ]
    return with_column(table, "turns", turns)


def with_column(table: pa.Table, name: str, values: Sequence[Any]) -> pa.Table:
    """The table with one column of the schema replaced."""
    return table.set_column(
        SCHEMA.get_field_index(name), SCHEMA.field(name), [pa.array(values, SCHEMA.field(name).type)]
    )


def languages(table: pa.Table) -> list[str]:
    """For each row its language without region, in lower case: `en` of `en-GB`."""
    return [language.lower().replace("_", "-").split("-")[0] for language in table["language"].to_pylist()]


def drop(table: pa.Table, step: str, reasons: Sequence[str | None]) -> pa.Table:
    """Leave rows out, by a reason for each row or None. A row's first reason stays. Reasons hold no text of the row."""
    before = table["dropped"].to_pylist()
    marked = [old or (f"{step}: {new}" if new else None) for old, new in zip(before, reasons, strict=True)]
    return with_column(table, "dropped", marked)


def mark(table: pa.Table, reasons: dict[int, str]) -> pa.Table:
    """Leave out the rows with these numbers, by `step: reason`."""
    before = table["dropped"].to_pylist()
    return with_column(table, "dropped", [old or reasons.get(row) for row, old in enumerate(before)])


def kept(table: pa.Table) -> pa.Table:
    """The rows that no step has left out."""
    return table.filter(table["dropped"].is_null())


def left_out(table: pa.Table) -> pa.Table:
    """The other rows."""
    return table.filter(table["dropped"].is_valid())
