"""How many people share a tuple of quasi-identifiers: k-anonymity, uniqueness and l-diversity.

A person is counted by group (the client, where a source has one) and by first user turn (the asker, where one question
has many answers), whichever gives fewer. What a person did not tell counts as a value of its own: someone who tells
nothing is hidden among all who tell nothing. This is careful for those who told much.

Counted over Arrow columns, about 350 bytes a conversation at the peak; `pycanon` (Sáinz-Pardo Díaz and López García 2022,
doi:10.1038/s41597-022-01894-2) recomputes k and l on data that fits in a pandas frame.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from data_prep.risk.extract import QUASI_IDENTIFIERS, SCHEMA, SENSITIVE

PYCANON_ROWS = 200_000
SIZES = ((1, "1"), (2, "2"), (4, "3-4"), (9, "5-9"), (49, "10-49"))
"""Upper bounds of class sizes in the histogram; larger ones are `50+`."""


def k_anonymity(tuples: pa.Table | Iterable[pa.Table]) -> dict[str, Any]:
    """Counts for manifest and datasheet, over one table of tuples or many (one for each shard).

    `k` is the size in people of the smallest class that tells anything, `unique` the conversations of classes of one
    person. `with_condition` takes the condition as one more quasi-identifier. None where nothing was told.
    """
    every = tuples if isinstance(tuples, pa.Table) else pa.concat_tables([SCHEMA.empty_table(), *tuples])
    read = every.filter(every["read"])
    told = read.filter(_tells(read, QUASI_IDENTIFIERS))
    classes = classes_of(told, QUASI_IDENTIFIERS)
    return {
        "conversations": every.num_rows,
        "unread": every.num_rows - read.num_rows,
        "telling": told.num_rows,
        "attributes": {
            name: pc.sum(pc.not_equal(read[name], "")).as_py() or 0 for name in (*QUASI_IDENTIFIERS, SENSITIVE)
        },
        "classes": classes.num_rows,
        **_uniqueness(classes, read.num_rows),
        "histogram": _histogram(classes),
        "l_diversity": _diversity(told),
        "with_condition": _with_condition(read),
        "pycanon": _pycanon(told) if 0 < told.num_rows <= PYCANON_ROWS else None,
    }


def _tells(table: pa.Table, names: Sequence[str]) -> pa.ChunkedArray:
    mask = pc.not_equal(table[names[0]], "")
    for name in names[1:]:
        mask = pc.or_(mask, pc.not_equal(table[name], ""))
    return mask


def classes_of(table: pa.Table, names: Sequence[str]) -> pa.Table:
    """One row a class of equal tuples: its columns, `people`, `conversations`."""
    counted = table.group_by(list(names)).aggregate(
        [("group", "count_distinct"), ("said", "count_distinct"), ("id", "count")]
    )
    people = pc.min_element_wise(counted["group_count_distinct"], counted["said_count_distinct"])
    return (
        counted.select(list(names)).append_column("people", people).append_column("conversations", counted["id_count"])
    )


def _uniqueness(classes: pa.Table, conversations: int) -> dict[str, Any]:
    unique = pc.sum(classes.filter(pc.equal(classes["people"], 1))["conversations"]).as_py() or 0
    return {
        "k": pc.min(classes["people"]).as_py(),
        "unique": unique,
        "unique_share": round(unique / conversations, 4) if conversations else None,
    }


def _histogram(classes: pa.Table) -> dict[str, dict[str, int]]:
    found = {name: {"classes": 0, "conversations": 0} for name in (*(name for _, name in SIZES), "50+")}
    for people, conversations in zip(classes["people"].to_pylist(), classes["conversations"].to_pylist(), strict=True):
        bucket = found[next((name for top, name in SIZES if people <= top), "50+")]
        bucket["classes"] += 1
        bucket["conversations"] += conversations
    return found


def _diversity(told: pa.Table) -> dict[str, Any]:
    """Of the classes whose people state a condition: the fewest conditions in one (l), and how many hide nothing.

    In a `homogeneous` class of two or more people all state the same: to know the tuple is to know the condition.
    """
    stating = told.filter(pc.not_equal(told[SENSITIVE], ""))
    names = list(QUASI_IDENTIFIERS)
    conditions = stating.group_by(names).aggregate([(SENSITIVE, "count_distinct")])
    people = classes_of(stating, names)
    both = conditions.join(people, names)
    alike = pc.and_(pc.equal(both[f"{SENSITIVE}_count_distinct"], 1), pc.greater(both["people"], 1))
    return {
        "conversations": stating.num_rows,
        "classes": both.num_rows,
        "l": pc.min(both[f"{SENSITIVE}_count_distinct"]).as_py(),
        "homogeneous": pc.sum(alike).as_py() or 0,
    }


def _with_condition(read: pa.Table) -> dict[str, Any]:
    names = (*QUASI_IDENTIFIERS, SENSITIVE)
    return _uniqueness(classes_of(read.filter(_tells(read, names)), names), read.num_rows)


def _pycanon(told: pa.Table) -> dict[str, Any]:
    """k and l by pycanon. It counts rows, so it gets one row a person of a class: once by group, once by first turn."""
    from importlib.metadata import version

    from pycanon import anonymity

    names = list(QUASI_IDENTIFIERS)
    frame = told.select([*names, SENSITIVE, "group", "said"]).to_pandas()
    by_person = [frame.drop_duplicates([*names, person]).reset_index(drop=True) for person in ("group", "said")]
    stating = frame[frame[SENSITIVE] != ""].reset_index(drop=True)
    return {
        "version": version("pycanon"),
        "k": min(int(anonymity.k_anonymity(people, names)) for people in by_person),
        "l": int(anonymity.l_diversity(stating, names, [SENSITIVE])) if len(stating) else None,
    }
