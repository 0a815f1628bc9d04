"""Withdrawal: the records of people who took their consent back, and everything made from them, leave the data.

The list is a file with one entry a line, as text (empty lines and what follows `#` do not count)::

    starter/ident-001
    group:clinic/client-4      # all records of this person

or as JSON Lines: `{"id": "starter/ident-001"}` or `{"group": "clinic/client-4"}`; other keys are for you. Ids and groups
are written as the prepared files and the ledger have them.

What goes: the records that are named, those of named groups, those made from them (tag `parent:<id>`), and records
whose whole text is the same (up to case, white space and Unicode spelling), whoever brought them. A record that only
shares some sentences with a withdrawn one stays: near-duplicates are named in the dedup report.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from data_prep.ledger import WITHDRAWN, content_digest, parents
from wellgate.errors import InputError
from wellgate.records import Conversation, Preference, Record

if TYPE_CHECKING:
    from pyarrow import Table

GROUP = "group:"
STEP = "withdrawal"
NAMED = 5
"""Unknown entries that an error names one by one."""


@dataclass(frozen=True)
class Removal:
    """What must go, known when all sources have been read. Small, and picklable: steps carry it to every process."""

    ids: frozenset[str]
    digests: frozenset[str]
    """Content digests of withdrawn records, under an empty salt: they never leave the stage's working folder."""


@dataclass
class Withdrawals:
    """A withdrawal list, and what it met so far in the data."""

    path: Path | None = None
    lines: dict[str, int] = field(default_factory=dict)
    """Id, or `group:...`, to its line."""
    _met: set[str] = field(default_factory=set)
    _gone: set[str] = field(default_factory=set)
    _digests: set[str] = field(default_factory=set)
    _made_from: dict[str, tuple[str, ...]] = field(default_factory=dict)
    """Records that stayed although they were made from others, with those."""

    def covers(self, record: Record) -> bool:
        """Whether this record goes. Call it for every record of every source, then `require_all_met` and `removal`."""
        if not self.lines:
            return False
        made_from = parents(record.tags)
        named = {record.id, GROUP + record.group, *made_from} & self.lines.keys()
        self._met |= named
        if named or not self._gone.isdisjoint(made_from):
            self._gone.add(record.id)
            self._digests.add(content_digest(_texts(record), ""))
            return True
        if made_from:
            self._made_from[record.id] = made_from
        return False

    def require_all_met(self) -> None:
        """Refuse entries that match nothing: a typing error must not keep a person in the data.

        Raises:
            InputError: naming file and line of each.
        """
        missing = [line for entry, line in self.lines.items() if entry not in self._met]
        if not missing:
            return
        places = ", ".join(f"{self.path}:{line}" for line in missing[:NAMED])
        more = f" and {len(missing) - NAMED} more" if len(missing) > NAMED else ""
        raise InputError(
            f"{places}{more}: no record and no group has this name; ids are listed in the ledger, as source/id or group:source/name"
        )

    def removal(self) -> Removal:
        """What the records read so far make necessary: also what was read before the record that it was made from."""
        gone, waiting = set(self._gone), dict(self._made_from)
        while more := [id for id, made_from in waiting.items() if not gone.isdisjoint(made_from)]:
            gone.update(more)
            waiting = {id: made_from for id, made_from in waiting.items() if id not in gone}
        return Removal(frozenset(gone), frozenset(self._digests))


def _texts(record: Record) -> list[str]:
    """In the order of a table's turns."""
    turns = record.messages if isinstance(record, Conversation) else record.prompt
    said = [turn.content for turn in turns]
    return [*said, record.chosen, record.rejected, record.reason] if isinstance(record, Preference) else said


def withdraw(rows: Table, removal: Removal) -> Table:
    """Leave out what must go, by the reason `withdrawn`. A pure step on `data_prep/table.py`'s shape: run it before dedup."""
    from data_prep import table

    if not removal.ids:
        return rows
    reasons = [
        WITHDRAWN if id in removal.ids or content_digest(said, "") in removal.digests else None
        for id, said in zip(rows["id"].to_pylist(), table.texts(rows), strict=True)
    ]
    return table.drop(rows, STEP, reasons)


def read(path: str | Path | None) -> Withdrawals:
    """The list; an empty one where no path is given.

    Raises:
        InputError: the file cannot be read, or a line is no entry.
    """
    if path is None:
        return Withdrawals()
    found = Withdrawals(Path(path))
    for line, entry in _entries(Path(path)):
        if not entry.removeprefix(GROUP).strip() or any(blank in entry for blank in " \t"):
            raise InputError(f"{path}:{line}: not an id or group:name; write one a line, as starter/ident-001")
        found.lines.setdefault(entry, line)
    if not found.lines:
        raise InputError(f"{path}: the withdrawal list names nothing; leave prepare.withdrawn out if nobody withdrew")
    return found


def _entries(path: Path) -> Iterator[tuple[int, str]]:
    from data_prep.read import read_jsonl

    if path.suffix in (".jsonl", ".json"):
        for row in read_jsonl(path):
            if row.problem:
                raise InputError(f"{path}:{row.line}: {row.problem}; repair the line")
            yield row.line, _entry(row.fields)
    else:
        yield from _plain(path)


def _entry(fields: dict[str, object]) -> str:
    id, group = fields.get("id"), fields.get("group")
    if isinstance(id, str) and group is None:
        return id.strip()
    return GROUP + group.strip() if isinstance(group, str) and id is None else ""


def _plain(path: Path) -> Iterator[tuple[int, str]]:
    try:
        text = path.read_bytes().decode("utf-8-sig")
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error.strerror}); name an existing file") from None
    except UnicodeDecodeError:
        raise InputError(f"{path}: not UTF-8; save the list as UTF-8") from None
    for line, raw in enumerate(text.split("\n"), 1):
        entry = raw.partition(" #")[0].strip()
        if entry and not entry.startswith("#"):
            yield line, entry
