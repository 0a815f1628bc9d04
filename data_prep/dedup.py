"""Exact duplicates, up to case and white space."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from wellgate.files import sha256_text
from wellgate.records import Conversation, Preference, Rejected


def normalised(texts: Iterable[str]) -> str:
    """What two texts share when they differ in case and white space only."""
    return "\n".join(" ".join(text.casefold().split()) for text in texts)


def texts_of(record: Conversation | Preference) -> list[str]:
    """All turns of a record in order; of a pair the prompt's turns, then chosen, then rejected."""
    if isinstance(record, Conversation):
        return [message.content for message in record.messages]
    return [*(message.content for message in record.prompt), record.chosen, record.rejected]


def without_duplicates(
    records: Sequence[Conversation | Preference],
) -> tuple[list[Conversation | Preference], list[Rejected]]:
    """The first record of each text, and the others as rejected rows that name it."""
    first: dict[str, str] = {}
    kept: list[Conversation | Preference] = []
    dropped: list[Rejected] = []
    for record in records:
        key = sha256_text(normalised(texts_of(record)))
        if key in first:
            reason = f"exact duplicate of {first[key]}"
            dropped.append(Rejected(id=record.id, source=record.source, file="", line=0, step="dedup", reason=reason))
        else:
            first[key] = record.id
            kept.append(record)
    return kept, dropped
