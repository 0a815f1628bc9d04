"""The embedded starter set: conversations and preference pairs written for wellgate. Synthetic, CC-BY-4.0.

A row of `conversations/*.jsonl`::

    {"id": "psyed-001", "theme": "psychoeducation", "topic": "...", "tags": ["level:S0"], "messages": [...]}

A row of `preferences/*.jsonl` has `prompt`, `chosen`, `rejected` and `reason` in place of `messages`.
`spans.jsonl` holds gold spans of the invented personal data in user turns, as character offsets, so that
de-identification can be scored. `CARD.md` says who the set is for and what it is not.
Each conversation is its own group: every one was written about another invented person.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from data_prep.read import Reader, read_jsonl
from wellgate.plugins import Source
from wellgate.records import Conversation, Preference, Rejected, Span
from wellgate.records import read_jsonl as read_records

FOLDER = Path(__file__).parent
TERMS = {"licence": "CC-BY-4.0", "consent": "synthetic"}


class Starter(Source):
    def files(self) -> dict[str, Path]:
        found = sorted(FOLDER.glob("*/*.jsonl"))
        return {path.relative_to(FOLDER).as_posix(): path for path in [*found, FOLDER / "spans.jsonl"]}

    def rows(self) -> Iterator[Conversation | Preference | Rejected]:
        for path in sorted(FOLDER.glob("*/*.jsonl")):
            reader = Reader("starter", path)
            for row in read_jsonl(path):
                fields = row.fields
                id, tags = fields["id"], (f"theme:{fields['theme']}", *fields["tags"])
                if "messages" in fields:
                    yield reader.conversation(row, id, fields["messages"], group=f"starter/{id}", tags=tags, **TERMS)
                else:
                    pair = {key: fields[key] for key in ("chosen", "rejected", "reason")}
                    yield reader.preference(
                        row, id, fields["prompt"], group=f"starter/{id}", tags=tags, **pair, **TERMS
                    )

    def gold_spans(self) -> list[Span]:
        """Where the invented personal data stands, with ids as the records carry them."""
        gold = read_records(FOLDER / "spans.jsonl", Span)
        return [span.model_copy(update={"id": f"starter/{span.id}"}) for span in gold]
