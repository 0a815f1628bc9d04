"""Checkpoints to go on from, and a full disk said as the system says it."""

from __future__ import annotations

import errno
import json
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from zipfile import is_zipfile

from wellgate.model import ADAPTER

CHECKPOINT_PARTS = ("trainer_state.json", "optimizer.pt", "scheduler.pt", ADAPTER)
SHARDED_PARTS = {
    "FSDP": ("trainer_state.json", "optimizer.bin", "scheduler.pt", ADAPTER),
    "DEEPSPEED": ("trainer_state.json", "latest", ADAPTER),
}
NO_ROOM = 1 << 20
"""Free bytes below which a disk is full: a file that did not fit has taken what there was."""


def parts(accelerator: Any) -> tuple[str, ...]:
    """Files without which a checkpoint is torn; of several processes each has its own random state to go on from."""
    own = SHARDED_PARTS.get(accelerator.distributed_type.value, CHECKPOINT_PARTS)
    count = accelerator.num_processes
    return (*own, *(f"rng_state_{rank}.pth" for rank in range(count) if count > 1))


def last_checkpoint(folder: Path, accelerator: Any = None) -> str | None:
    """The newest checkpoint to go on from; those that are torn, or stand at the last step, are removed.

    `trainer_state.json` is written last, so a checkpoint that has it is whole. From the checkpoint of the last step
    transformers would train one step too many, so the steps before it are trained again.
    """
    found = sorted((folder / "checkpoints").glob("checkpoint-*"), key=lambda path: int(path.name.rpartition("-")[2]))
    needed = parts(accelerator) if accelerator else CHECKPOINT_PARTS
    usable = [path for path in found if all(_whole(path / part) for part in needed) and _unfinished(path)]
    for path in found:
        if path not in usable:
            shutil.rmtree(path)
    return str(usable[-1]) if usable else None


def _whole(path: Path) -> bool:
    """Other processes may still write their random state when the first has written `trainer_state.json`."""
    return path.is_file() and (not path.name.startswith("rng_state_") or is_zipfile(path))


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
