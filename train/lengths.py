"""How long rows are, said before training, and what becomes of those that are too long. A reply is never cut."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Generic, TypeVar

from train import ranks
from train.labels import Judged, Labelled, Pair
from wellgate.errors import InputError
from wellgate.files import write_text
from wellgate.recipe import Training
from wellgate.records import Conversation, Feedback, Message, Preference

T = TypeVar("T", Conversation, Preference, Feedback)
FILE = "lengths.json"
BINS = 20
PERCENTILES = (50, 90, 95, 99)


Row = TypeVar("Row", Labelled, Pair, Judged)


@dataclass
class Fitted(Generic[Row]):
    """The rows to train on, and the ids of those that were changed or left out on the way."""

    rows: list[Row] = field(default_factory=list)
    shortened: list[str] = field(default_factory=list)
    """Without their earliest exchanges."""
    dropped: list[str] = field(default_factory=list)
    """Too long."""
    unsupervised: list[str] = field(default_factory=list)
    """Records in which nobody replies."""

    @property
    def counts(self) -> dict[str, int]:
        """For the manifest."""
        return {name: len(getattr(self, name)) for name in ("shortened", "dropped", "unsupervised")}


def fit(
    name: str,
    section: Training,
    folder: Path | None,
    records: Sequence[T],
    build: Callable[[T], Sequence[Row]],
    max_unsupervised: float = 0.0,
) -> Fitted[Row]:
    """Build every record's rows, report their lengths into `folder`, and deal with what is too long or unsupervised.

    Args:
        name: the recipe's section, for messages.
        section: its `max_length` and `overlength`.
        folder: of the stage; gets `lengths.json`. None: nothing is reported.
        records: of which rows are made.
        build: rows of a record; the last one ends with the record's last reply.
        max_unsupervised: share of records that may have no row.

    Raises:
        InputError: rows that are too long where `overlength` is `error`; more unsupervised records than allowed; no row left.
    """
    built = [build(record) for record in records]
    lengths = [row.length for rows in built for row in rows]
    fitted: Fitted[Row] = Fitted()
    for record, rows in zip(records, built, strict=True):
        if not rows:
            fitted.unsupervised.append(record.id)
        for row in rows:
            _place(fitted, row, section, record, build)
    if folder and lengths and ranks.first():  # every process would write the same
        _report(name, section, folder, lengths, fitted)
    _require_supervised(name, fitted.unsupervised, len(records), max_unsupervised)
    _require_length(name, section, fitted, lengths)
    return fitted


def _place(fitted: Fitted[Row], row: Row, section: Training, record: T, build: Callable[[T], Sequence[Row]]) -> None:
    """The row as it is, or shortened, or dropped."""
    if row.length <= section.max_length:
        fitted.rows.append(row)
        return
    for shorter in _shorter(record, row) if section.overlength == "drop_early_turns" else ():
        again = build(shorter)[-1]
        if again.length <= section.max_length:
            fitted.rows.append(again)
            fitted.shortened.append(row.id)
            return
    fitted.dropped.append(row.id)


def _shorter(record: T, row: Labelled | Pair | Judged) -> Iterator[T]:
    """The record up to the row's last reply, without its first exchange, then without its first two, and so on."""
    name = "prompt" if isinstance(record, Preference) else "messages"
    messages: tuple[Message, ...] = getattr(record, name)
    if isinstance(row, Labelled):
        replies = [at for at, message in enumerate(messages) if message.role == "assistant"]
        messages = messages[: replies[row.replies - 1] + 1]
    for left in _without_early(messages):
        yield record.model_copy(update={name: left})


def _without_early(messages: tuple[Message, ...]) -> Iterator[tuple[Message, ...]]:
    """The system turn, and what follows ever later ends of an exchange."""
    head = messages[:1] if messages[0].role == "system" else ()
    for at in range(1, len(messages)):
        if messages[at].role == "user" and messages[at - 1].role == "assistant":
            yield (*head, *messages[at:])


def _report(name: str, section: Training, folder: Path, lengths: Sequence[int], fitted: Fitted[Row]) -> None:
    """Write `lengths.json` and print one line: numbers and ids."""
    ordered = sorted(lengths)
    over = sum(length > section.max_length for length in ordered)
    percentiles = {str(one): ordered[min(len(ordered) * one // 100, len(ordered) - 1)] for one in PERCENTILES}
    width = -(-ordered[-1] // BINS)
    histogram = [[at * width, 0] for at in range(BINS)]
    for length in ordered:
        histogram[(length - 1) // width][1] += 1
    report = {
        "rows": len(ordered), "tokens": sum(ordered), "shortest": ordered[0], "longest": ordered[-1], "percentiles": percentiles,
        "histogram": [{"above": above, "up_to": above + width, "rows": rows} for above, rows in histogram],
        "max_length": section.max_length, "over": over, "share_over": round(over / len(ordered), 4), "overlength": section.overlength,
        "shortened": fitted.shortened, "dropped": fitted.dropped, "unsupervised": fitted.unsupervised,
    }  # fmt: skip
    write_text(folder / FILE, json.dumps(report, indent=1) + "\n")
    said = ", ".join(f"{count} {word}" for word, count in fitted.counts.items())
    print(
        f"{name}: {len(ordered)} rows, half of them up to {percentiles['50']} tokens, 95 % up to {percentiles['95']}, longest {ordered[-1]};"
        f" {over} over {section.max_length}; {said} ({folder / FILE})",
        flush=True,
    )


def _require_supervised(name: str, empty: Sequence[str], records: int, allowed: float) -> None:
    if len(empty) > allowed * records:
        raise InputError(
            f"{name}.max_unsupervised: {len(empty)} of {records} records have no reply to learn from (first {empty[0]});"
            f" take them out of the data, or raise {name}.max_unsupervised"
        )


def _require_length(name: str, section: Training, fitted: Fitted[Row], lengths: Sequence[int]) -> None:
    dropped = fitted.dropped
    if dropped and section.overlength == "error":
        raise InputError(
            f"{name}.max_length: {len(dropped)} of {len(lengths)} rows have more than {section.max_length} tokens (longest {max(lengths)}, first {dropped[0]});"
            f" raise {name}.max_length, or set {name}.overlength to drop_early_turns or drop"
        )
    if not fitted.rows:
        raise InputError(f"{name}.max_length: all {len(lengths)} rows have more than {section.max_length} tokens")
