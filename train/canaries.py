"""Planting of canaries: at training time, after the prepared data is read and chosen, so that its digest stays what it is."""

from __future__ import annotations

import math
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from train import ranks
from train.labels import Labelled
from wellgate import canaries
from wellgate.errors import InputError
from wellgate.recipe import Sft
from wellgate.records import Conversation, write_jsonl


def rows(section: Sft) -> list[Conversation]:
    """The planted canaries as training rows, a row for each copy; the copies of one canary are one group."""
    found = canaries.canaries(section.canaries) if section.canaries else []
    return [
        Conversation(
            id=f"{one.id}#{copy}",
            source="canary",
            licence="CC0-1.0",
            consent="synthetic",
            group=one.id,
            messages=one.messages,
        )
        for one in found
        if one.planted
        for copy in range(one.repeats)
    ]


def require_all_trained(section: Sft, kept: Sequence[Labelled]) -> None:
    """An audit counts on every planted canary: none may be dropped for its length, or never come up.

    Raises:
        InputError: one line with the way out.
    """
    ids = {row.id for row in kept}
    if missing := [row.id for row in rows(section) if row.id not in ids]:
        raise InputError(
            f"sft.canaries: {len(missing)} canary rows are longer than {section.max_length} tokens; raise sft.max_length, or drop sft.canaries"
        )
    batch = section.per_device_train_batch_size * section.gradient_accumulation_steps
    needed = math.ceil(len(kept) / (batch * int(os.environ.get("WORLD_SIZE", "1"))))
    if section.max_steps < needed if section.max_steps > 0 else section.num_train_epochs < 1:
        raise InputError(
            f"sft.canaries: training would end before it has seen all {len(kept)} rows; set sft.max_steps to at least {needed}, or to -1 for whole epochs"
        )


def counted(section: Sft) -> dict[str, Any]:
    """What the manifest says of them: numbers only."""
    return {"canaries": canaries.counted(canaries.canaries(section.canaries))} if section.canaries else {}


def write(section: Sft, folder: Path) -> list[str]:
    """Write the canaries with their secrets, readable by the owner alone, and return the outputs to sign."""
    if section.canaries is None:
        return []
    path = folder / canaries.FILE
    if ranks.first():
        write_jsonl(path, canaries.canaries(section.canaries))
        path.chmod(0o600)
    return [canaries.FILE]
