"""The texts of a record, and exact duplicates among them up to case and white space."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from wellgate.files import sha256_text
from wellgate.records import Conversation, Message, Preference, Rejected


def normalised(texts: Iterable[str]) -> str:
    """What two texts share when they differ in case and white space only."""
    return "\n".join(" ".join(text.casefold().split()) for text in texts)


def texts_of(record: Conversation | Preference) -> list[str]:
    """All turns of a record in order; of a pair the prompt's turns, then chosen, then rejected."""
    if isinstance(record, Conversation):
        return [message.content for message in record.messages]
    return [*(message.content for message in record.prompt), record.chosen, record.rejected]


def editable_texts(record: Conversation | Preference) -> list[str]:
    """Everything in a record that people wrote: what filters change, in the order that `with_texts` takes back."""
    return texts_of(record) + ([record.reason] if isinstance(record, Preference) else [])


def with_texts(record: Conversation | Preference, texts: Sequence[str]) -> Conversation | Preference:
    """The record with its editable texts replaced."""
    turns = record.messages if isinstance(record, Conversation) else record.prompt
    new = tuple(Message(role=turn.role, content=text) for turn, text in zip(turns, texts, strict=False))
    if isinstance(record, Conversation):
        return record.model_copy(update={"messages": new})
    chosen, rejected, reason = texts[-3:]
    return record.model_copy(update={"prompt": new, "chosen": chosen, "rejected": rejected, "reason": reason})


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
