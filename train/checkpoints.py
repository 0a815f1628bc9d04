"""Checkpoints to go on from, and a full disk said as the system says it."""

from __future__ import annotations

import errno
import json
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from wellgate.model import ADAPTER

CHECKPOINT_PARTS = ("trainer_state.json", "optimizer.pt", "scheduler.pt", ADAPTER)
NO_ROOM = 1 << 20
"""Free bytes below which a disk is full: a file that did not fit has taken what there was."""


def last_checkpoint(folder: Path) -> str | None:
    """The newest checkpoint to go on from; those that are torn, or stand at the last step, are removed.

    `trainer_state.json` is written last, so a checkpoint that has it is whole. From the checkpoint of the last step
    transformers would train one step too many, so the steps before it are trained again.
    """
    found = sorted((folder / "checkpoints").glob("checkpoint-*"), key=lambda path: int(path.name.rpartition("-")[2]))
    usable = [path for path in found if all((path / part).is_file() for part in CHECKPOINT_PARTS) and _unfinished(path)]
    for path in found:
        if path not in usable:
            shutil.rmtree(path)
    return str(usable[-1]) if usable else None


def _unfinished(checkpoint: Path) -> bool:
    try:
        state = json.loads((checkpoint / "trainer_state.json").read_text(encoding="utf-8"))
    except ValueError:
        return False
    return bool(state["global_step"] < state["max_steps"])


@contextmanager
def plain_full_disk(folder: Path) -> Iterator[None]:
    """torch and safetensors hide a full disk behind errors of their own; say it as the system does."""
    from safetensors import SafetensorError

    try:
        yield
    except (SafetensorError, RuntimeError) as error:
        if "os error 28" not in str(error) and shutil.disk_usage(folder).free >= NO_ROOM:
            raise
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(folder)) from None
