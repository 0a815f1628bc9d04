"""Rarity cues: passages that few people could have written, for a reviewer to look at. Positions, never text.

"The first deaf valedictorian of our county" holds no name and no number, yet one person. A cue says where such a passage
stands and which rule saw it; whether it identifies anyone is for a person to judge. The rules are for English user
turns; they are to miss little, and a false cue costs a glance.
"""

from __future__ import annotations

from collections.abc import Iterator

import pyarrow as pa
import pyarrow.compute as pc

from data_prep.risk.anonymity import classes_of
from data_prep.risk.extract import QUASI_IDENTIFIERS
from data_prep.risk.phrases import PATTERNS

QUEUE = pa.schema(
    [
        ("id", pa.string()),
        ("message", pa.int32()),
        ("cue", pa.string()),
        ("start", pa.int32()),
        ("end", pa.int32()),
    ]
)
"""A place to review: characters [start, end) of a turn. `message` is -1 where the whole conversation is meant."""
LONGEST = 20_000
"""Characters of a turn that are read."""


def cues(rows: pa.Table) -> pa.Table:
    """The review queue of a table in `data_prep/table.py`'s shape, in `QUEUE`'s. A pure map; rows left out have no cues."""
    found = []
    for row in rows.select(["id", "language", "turns", "dropped"]).to_pylist():
        if row["dropped"] is None and (row["language"] or "").lower().split("-")[0] == "en":
            for number, turn in enumerate(row["turns"]):
                if turn["role"] == "user":
                    found += [(row["id"], number, *place) for place in _places(turn["content"][:LONGEST])]
    return pa.Table.from_pylist([dict(zip(QUEUE.names, place, strict=True)) for place in found], schema=QUEUE)


def _places(text: str) -> Iterator[tuple[str, int, int]]:
    """(cue, start, end), one for each stretch and cue."""
    for name, pattern in PATTERNS.items():
        for found in pattern.finditer(text):
            yield name, found.start(), found.end()


def combinations(tuples: pa.Table, least: int = 4) -> pa.Table:
    """Queue rows, cue `combination`, for conversations that tell at least this many attributes and share them with nobody."""
    names = list(QUASI_IDENTIFIERS)
    unique = classes_of(tuples, names)
    unique = unique.filter(pc.equal(unique["people"], 1)).select(names)
    told = [pc.cast(pc.not_equal(tuples[name], ""), pa.int32()) for name in names]
    count = told[0]
    for one in told[1:]:
        count = pc.add(count, one)
    rare = tuples.filter(pc.greater_equal(count, least)).join(unique, names, join_type="inner")
    rows = [
        {"id": id, "message": -1, "cue": "combination", "start": 0, "end": 0} for id in sorted(rare["id"].to_pylist())
    ]
    return pa.Table.from_pylist(rows, schema=QUEUE)
