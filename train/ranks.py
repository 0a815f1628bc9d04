"""What really runs: which process this is, who speaks and writes for all, and that the world is the declared one."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from wellgate.errors import CRASHED, Crashed, InputError
from wellgate.recipe import Recipe
from wellgate.world import World, declared

PATIENCE = 5.0
"""Seconds that a process other than the first waits before it speaks: what stops all is then said once, by the first."""


def rank() -> int:
    """This process's number among all, as torchrun tells it; 0 where it was not asked."""
    return int(os.environ.get("RANK", "0"))


def processes() -> int:
    """How many processes the launcher started, in all machines."""
    return int(os.environ.get("WORLD_SIZE", "1"))


def first() -> bool:
    """Whether this process writes, locks and speaks for all."""
    return rank() == 0


def say(line: str) -> None:
    """Print it once, however many processes there are."""
    if first():
        print(line, flush=True)


def take_device() -> None:
    """Each process of a machine takes a GPU of its own, before anything is loaded there."""
    if processes() > 1:
        from torch import cuda

        if cuda.is_available():
            cuda.set_device(int(os.environ.get("LOCAL_RANK", "0")))


@contextmanager
def one_voice() -> Iterator[None]:
    """Say once what stops every process, and yet hear a process that stops alone.

    The launcher kills the others as soon as one process ends with an error, so nobody waits for a dead partner;
    the first process ends at once, and the others only if it did not.
    """
    try:
        yield
    except Exception as error:
        if first():
            raise
        if isinstance(error, Crashed):
            raise SystemExit(CRASHED) from None  # all have agreed to stop, and the first says so
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        time.sleep(PATIENCE)
        if isinstance(error, InputError):
            raise InputError(f"process {rank()} of {processes()}: {error}") from None
        raise


def require_devices(recipe: Recipe) -> World:
    """The declared world, if this machine has what it needs: a launch file without `use_cpu` needs its GPUs."""
    world = declared(recipe)
    if world.use_cpu:
        os.environ["CUDA_VISIBLE_DEVICES"] = ""  # before torch looks: the launch file says CPU
    elif recipe.launch:
        from torch.cuda import device_count

        if device_count() < world.local_processes:
            raise InputError(
                f"launch: {recipe.launch} needs {world.local_processes} GPU(s), this machine has {device_count()};"
                " train where they are, or set `launch: null` (one process on the device at hand)"
            )
    return world


def require_started(recipe: Recipe) -> World:
    """The declared world, if as many processes were started. Before anything heavy is imported."""
    world = require_devices(recipe)
    if processes() != world.num_processes:
        file = recipe.launch or "the recipe (launch: null)"
        raise InputError(
            f"launch: {file} declares {world.num_processes} process(es) of type {world.distributed_type}, but {processes()} run(s);"
            " start through `wellgate train`, or as the first lines of the launch file say, and name that file in the recipe"
        )
    return world


def require_engine(world: World, accelerator: Any) -> None:
    """What accelerate made of the launch is what the launch file declares: it falls back to DDP without a word."""
    kind, count = str(accelerator.distributed_type.value), int(accelerator.num_processes)
    if (kind, count) != (world.distributed_type, world.num_processes):
        raise InputError(
            f"launch: declared are {world.num_processes} process(es) of type {world.distributed_type}, but accelerate runs {count} of type {kind};"
            " start through `wellgate train`, or as the first lines of the launch file say"
        )
    if kind == "FSDP" and not accelerator.is_fsdp2:
        raise InputError("launch: declared is FSDP2, but accelerate runs FSDP1; set `fsdp_version: 2`")
    if kind == "DEEPSPEED" and (stage := accelerator.deepspeed_plugin.zero_stage) != 3:
        raise InputError(f"launch: declared is ZeRO-3, but accelerate runs stage {stage}; set `zero_stage: 3`")
