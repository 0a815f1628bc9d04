"""Your own conversations: JSON Lines of chat messages.

One row::

    {"id": "c-17", "group": "client-4", "messages": [{"role": "user", "content": "..."},
     {"role": "assistant", "content": "..."}], "language": "en", "tags": ["sleep"],
     "licence": "CC-BY-4.0", "consent": "consented"}

The same with `"desirable": true` or `false` is feedback: a judgement of its last turn, for `kto` and not for `sft`.
Or a preference pair, with `prompt` (messages that end with the user), `chosen`, `rejected` and `reason` in place
of `messages`. `messages` (or the pair) is required; `id` defaults to the line, `group` to the id. Turns alternate,
the user's first; a system turn may stand before them. `licence` and `consent` stand in the recipe and hold
for every row that does not state its own.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from data_prep.read import Reader, Row, read_jsonl
from data_prep.sources import OneFile, group_name
from wellgate.records import Conversation, Preference, Rejected

SHARED = ("licence", "consent", "language", "tags")


class Jsonl(OneFile):
    path: str
    """The file, relative to the folder that wellgate is started in."""
    licence: str
    """SPDX expression for rows that state none."""
    consent: str
    """Consent basis for rows that state none."""

    def rows(self) -> Iterator[Conversation | Preference | Rejected]:
        path = Path(self.path)
        reader = Reader(path.stem, path)
        for row in read_jsonl(path):
            yield self._record(reader, row)

    def _record(self, reader: Reader, row: Row) -> Conversation | Preference | Rejected:
        fields = dict(row.fields)
        id = fields.pop("id", f"line-{row.line}")
        if row.problem:
            return reader.rejected(row, row.problem)
        shared: dict[str, Any] = {"licence": self.licence, "consent": self.consent}
        shared |= {key: fields[key] for key in SHARED if key in fields}
        shared["group"] = f"{reader.source}/{group_name(fields.get('group') or id)}"
        if "chosen" in fields:
            shared |= {key: fields.get(key, "") for key in ("chosen", "rejected", "reason")}
            return reader.preference(row, id, fields.get("prompt"), **shared)
        if fields.get("desirable") is not None:
            shared["desirable"] = fields["desirable"]
        return reader.conversation(row, id, fields.get("messages"), **shared)
