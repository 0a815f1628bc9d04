"""The ledger: where every record came from and what became of it, one line each, chained by hashes.

JSON Lines. The first line describes the run: the sources with the sha256 of their files, the steps with version,
configuration and commit, the recipe's key, and which salt was used. Every other line is one record, kept or dropped::

    {"consent":"synthetic","digest":"<64 hex>","dropped":"","id":"starter/a-1","licence":"CC-BY-4.0","number":1,
     "parents":[],"previous":"<64 hex>","scope":["train","evaluate","release"],"source":"starter",
     "steps":["read","deidentify"],"withdrawal":"group:starter/a-1","hash":"<64 hex>"}

`hash` is the sha256 of the line without it, `previous` the hash of the line before: to change, remove or reorder a line is
to break the chain. To rewrite the whole file, or to cut off its end, changes the head: its hash and number of entries
are kept outside, in the stage's manifest. No line holds text: `digest` is HMAC-SHA256 of the normalised text under
the salt, so that nobody without the salt can test a guess.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self, TypeVar

from data_prep.licences import scope
from data_prep.ngrams import normalised
from wellgate.errors import InputError
from wellgate.files import sha256_text
from wellgate.records import Frozen, canonical_json

if TYPE_CHECKING:
    from pyarrow import Table

VERSION = 1
PARENT = "parent:"
"""Tag that names a record which another one was made from: `parent:counsel_chat/17`."""
WITHDRAWN = "withdrawn"
LONGEST_LINE = 1_000_000
START = "0" * 64
"""What the first line has for `previous`."""
_SEAL = ',"hash":"'
_SEALED = len(_SEAL) + 64 + len('"}')
Line = TypeVar("Line", "Header", "Entry")


class Step(Frozen):
    """One step of preparation, as it was run."""

    name: str
    version: str
    config: str
    """Digest of its configuration."""
    commit: str
    """Of the code that ran; empty outside of git."""


class Header(Frozen):
    """What holds for all entries."""

    sources: dict[str, dict[str, str]]
    """Source to its files by name, with their sha256."""
    steps: tuple[Step, ...]
    recipe: str
    """The stage's key: everything that decided the result."""
    salt: str
    """`salt_id` of the salt; never the salt."""
    version: int = VERSION


class Entry(Frozen):
    """One record, kept or dropped."""

    id: str
    source: str
    licence: str
    consent: str
    scope: tuple[str, ...]
    """What the consent allows: train, evaluate, release."""
    withdrawal: str
    """What to write on a withdrawal list to take back all of this person's records."""
    steps: tuple[str, ...]
    """Names of the steps it went through, as the header has them."""
    parents: tuple[str, ...] = ()
    digest: str
    """Of its text as the source had it, or as the writer says; empty for withdrawn records."""
    dropped: str = ""
    """`step: reason`; empty for what was kept."""


@dataclass(frozen=True)
class Head:
    """The end of the chain: what the manifest keeps."""

    entries: int
    hash: str


@dataclass(frozen=True)
class History:
    """All that the ledger knows about one record."""

    line: int
    entry: Entry
    files: Mapping[str, str]
    """The source's files with their sha256."""
    steps: tuple[Step, ...]


def salt_id(salt: str) -> str:
    """A name for a salt that does not tell it."""
    return hmac.digest(salt.encode(), b"wellgate ledger salt", "sha256").hex()[:12]


def content_digest(texts: Iterable[str], salt: str) -> str:
    """HMAC-SHA256 of the normalised texts of a record's turns under the salt, in hex."""
    message = normalised(texts).encode("utf-8", "surrogatepass")
    return hmac.digest(salt.encode(), message, "sha256").hex()


def parents(tags: Iterable[str]) -> tuple[str, ...]:
    """Ids of the records that a record was made from."""
    return tuple(tag.removeprefix(PARENT) for tag in tags if tag.startswith(PARENT))


def entries(rows: Table, steps: Sequence[str], salt: str) -> Iterator[Entry]:
    """Entries for the rows of a table in `data_prep/table.py`'s shape.

    A dropped row went through the steps up to the one that dropped it. The digest is of the texts in this table:
    sign the raw rows, or the finished ones, but the same for all.
    """
    columns = ["id", "source", "licence", "consent", "group", "tags", "turns", "dropped"]
    for row in rows.select(columns).to_pylist():
        dropped = row["dropped"] or ""
        said = (turn["content"] for turn in row["turns"])
        yield Entry(
            id=row["id"],
            source=row["source"],
            licence=row["licence"],
            consent=row["consent"],
            scope=scope(row["consent"], row["id"]),
            withdrawal=f"group:{row['group']}",
            steps=_passed(steps, dropped.partition(":")[0]),
            parents=parents(row["tags"] or ()),
            digest="" if dropped.endswith(f": {WITHDRAWN}") else content_digest(said, salt),
            dropped=dropped,
        )


def _passed(steps: Sequence[str], last: str) -> tuple[str, ...]:
    return tuple(steps[: steps.index(last) + 1] if last in steps else steps)


class Writer:
    """Writes a ledger line by line, in constant memory; the file appears when it is whole.

    Use as a context manager; `head` stands when the block has ended.
    """

    def __init__(self, path: Path, header: Header) -> None:
        self.path = path
        self.head = Head(0, START)
        self._header = header
        self._temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")

    def __enter__(self) -> Self:
        self.path.parent.mkdir(parents=True, exist_ok=True)
        self._stream = self._temporary.open("w", encoding="utf-8", newline="\n")
        self._write(self._header.model_dump(mode="json"), 0)
        return self

    def add(self, entry: Entry) -> None:
        """Append one record."""
        self._write(entry.model_dump(mode="json"), self.head.entries + 1)

    def add_all(self, some: Iterable[Entry]) -> None:
        """Append records in order."""
        for entry in some:
            self.add(entry)

    def _write(self, fields: dict[str, Any], number: int) -> None:
        body = canonical_json(fields | {"number": number, "previous": self.head.hash}).removesuffix("}")
        seal = sha256_text(body)
        self._stream.write(f'{body}{_SEAL}{seal}"}}\n')
        self.head = Head(number, seal)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with self._stream:
            self._stream.flush()
            os.fsync(self._stream.fileno())
        if kind is None:
            self._temporary.replace(self.path)
        self._temporary.unlink(missing_ok=True)


def verify(path: Path, head: Head | None = None) -> Head:
    """Check the whole chain, in constant memory, and return its head.

    `head` is what the manifest keeps; without it a cut-off end or a wholly rewritten file cannot be told.

    Raises:
        InputError: the first bad line as file:line, and whether it was changed, removed, reordered or cut off.
    """
    last = Head(-1, START)
    for line, body, seal in _lines(path):
        fields = _checked(path, line, body, seal)
        last = _linked(path, line, fields, last, seal)
    if last.entries < 0:
        raise InputError(f"{path}: the ledger is empty; rebuild the stage that wrote it")
    if head is not None and last != head:
        raise _other_head(path, last, head)
    return last


def _lines(path: Path) -> Iterator[tuple[int, bytes, str]]:
    """Number, signed part and hash of each line."""
    try:
        stream = path.open("rb")
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error.strerror}); name an existing ledger") from None
    with stream:
        line = 0
        while raw := stream.readline(LONGEST_LINE):
            line += 1
            if not raw.endswith(b"\n"):
                raise InputError(f"{path}:{line}: truncated: the line is cut off; rebuild the stage that wrote it")
            text = raw.removesuffix(b"\n")
            seal = text[-_SEALED:]
            if not (seal.startswith(_SEAL.encode()) and seal.endswith(b'"}')):
                raise InputError(f"{path}:{line}: changed: no hash at its end; rebuild the stage that wrote it")
            yield line, text[:-_SEALED], seal[len(_SEAL) : -2].decode("ascii", "replace")


def _checked(path: Path, line: int, body: bytes, seal: str) -> dict[str, Any]:
    """The fields of a line that bears its own hash."""
    try:
        fields = json.loads(body + b"}") if hashlib.sha256(body).hexdigest() == seal else None
    except (ValueError, RecursionError):
        fields = None
    if not isinstance(fields, dict) or not isinstance(fields.get("number"), int):
        raise InputError(f"{path}:{line}: changed: its content is not what its hash says; rebuild the stage")
    return fields


def _linked(path: Path, line: int, fields: dict[str, Any], last: Head, seal: str) -> Head:
    """The new head, where the line follows the last one."""
    number, expected = fields["number"], last.entries + 1
    if number == expected and fields.get("previous") == last.hash:
        return Head(number, seal)
    if number == expected:
        where, what = line - 1, "changed and hashed again: the next line continues another one"
    elif number > expected and (later := _find(path, line, expected)):
        where, what = line, f"reordered: entry {expected} stands on line {later}"
    elif number > expected:
        where, what = line, f"removed: entries {expected} to {number - 1} are missing before it"
    else:
        where, what = line, f"reordered or repeated: entry {number} stands after entry {last.entries}"
    raise InputError(f"{path}:{max(where, 1)}: {what}; rebuild the stage that wrote it")


def _find(path: Path, after: int, number: int) -> int:
    """The later line on which an entry stands, or 0."""
    mark = f'"number":{number},'.encode()
    with path.open("rb") as stream:
        for line, raw in enumerate(stream, 1):
            if line > after and mark in raw:
                return line
    return 0


def _other_head(path: Path, found: Head, kept: Head) -> InputError:
    line = found.entries + 1
    if found.entries < kept.entries:
        what = f"truncated: {found.entries} entries where the manifest has {kept.entries}"
    elif found.entries > kept.entries:
        line = kept.entries + 2
        what = f"added: {found.entries} entries where the manifest has {kept.entries}"
    else:
        what = "changed: the ledger does not end with the hash in the manifest"
    return InputError(f"{path}:{line}: {what}; rebuild the stage that wrote it")


def history(path: Path, id: str) -> History:
    """What the ledger says about one record, after checking the whole chain.

    Raises:
        InputError: the chain is broken, or no entry has this id.
    """
    verify(path)
    mark = f'"id":{json.dumps(id, ensure_ascii=False)},'.encode()
    header: Header | None = None
    for line, body, _ in _lines(path):
        if header is None:
            header = _read(Header, body)
        elif mark in body and (entry := _read(Entry, body)).id == id:
            steps = {step.name: step for step in header.steps}
            return History(
                line,
                entry,
                header.sources.get(entry.source, {}),
                tuple(steps[name] for name in entry.steps if name in steps),
            )
    raise InputError(f"{path}: no entry {id}; ids are listed in the prepared files and in rejected.jsonl")


def _read(kind: type[Line], body: bytes) -> Line:
    fields = json.loads(body + b"}")
    return kind.model_validate({name: value for name, value in fields.items() if name not in ("number", "previous")})
