"""Whether a training stage fits into the memory at hand: said before the model is loaded, with the knob to turn if it does not."""

from __future__ import annotations

import math
import os
import re
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Protocol

from train import ranks
from train.memory import Demand, architecture, turned
from wellgate.base import on_this_machine
from wellgate.errors import InputError
from wellgate.recipe import Quantization, Recipe
from wellgate.stages import TRAINING
from wellgate.world import SHARDED, declared

GIB = 1 << 30
SAID = re.compile(r"(?:(cpu|cuda):)?(\d+(?:\.\d+)?)")
"""What WELLGATE_MEMORY may hold: GiB, with the kind of device before it on request, as `cuda:80`."""


@dataclass(frozen=True)
class Room:
    """Free memory of the device that trains, in bytes."""

    device: str
    """`cpu` or `cuda`."""
    free: int


def room(cuda: bool | None = None, processes: int = 1) -> Room | None:
    """What WELLGATE_MEMORY says, or else the GPU's free memory, or else the machine's; None where nothing tells.

    Args:
        cuda: whether torch has a GPU, where that is known.
        processes: how many share the machine's memory.
    """
    found = None if cuda is False else _gpu()
    memory = found if found is not None else _ram(processes)
    device = "cpu" if found is None else "cuda"
    if said := os.environ.get("WELLGATE_MEMORY"):
        match = SAID.fullmatch(said)
        if match is None:
            raise InputError("WELLGATE_MEMORY: write GiB as 16, or with the device as cuda:80")
        return Room(match[1] or device, int(float(match[2]) * GIB))
    return None if memory is None else Room(device, memory)


def _gpu() -> int | None:
    """Free bytes of the GPU that this process will use, asked of the driver: torch is not imported for it."""
    visible = os.environ.get("CUDA_VISIBLE_DEVICES", "0").split(",")
    rank = int(os.environ.get("LOCAL_RANK", "0"))
    which = visible[rank] if rank < len(visible) else str(rank)
    query = ["nvidia-smi", "--query-gpu=memory.free", "--format=csv,noheader,nounits", "-i", which]
    try:
        done = subprocess.run(query, capture_output=True, text=True, timeout=20)
        return int(done.stdout.split()[0]) << 20 if which and done.returncode == 0 else None
    except (OSError, ValueError, IndexError, subprocess.TimeoutExpired):
        return None


def _ram(processes: int) -> int | None:
    """Bytes that each process may come to use: what is free, and what this one has already."""
    try:
        available = _kilobytes("/proc/meminfo", "MemAvailable") + _kilobytes("/proc/self/status", "VmRSS")
    except (OSError, ValueError, IndexError):
        return None
    limits = [available, *(_limit(*files) for files in CGROUPS)]
    return min(limit for limit in limits if limit is not None) // processes


CGROUPS = (
    ("/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory.current"),
    ("/sys/fs/cgroup/memory/memory.limit_in_bytes", "/sys/fs/cgroup/memory/memory.usage_in_bytes"),
)
"""Where a container's limit and use stand, in the second and the first version of cgroups."""


def _kilobytes(file: str, key: str) -> int:
    return int(Path(file).read_text(encoding="ascii").split(f"{key}:")[1].split()[0]) << 10


def _limit(most: str, used: str) -> int | None:
    """What a container's limit leaves. Files that the system has cached are given up when memory is wanted, so they count as free."""
    try:
        cached = Path(most).with_name("memory.stat").read_text(encoding="ascii").split("inactive_file ")[1].split()[0]
        left = int(Path(most).read_text(encoding="ascii")) - int(Path(used).read_text(encoding="ascii")) + int(cached)
        return left + _kilobytes("/proc/self/status", "VmRSS")
    except (OSError, ValueError, IndexError):
        return None


class Row(Protocol):
    """A training row of any kind."""

    @property
    def length(self) -> int:
        """Tokens."""


def require_room(recipe: Recipe, name: str, folder: Path, rows: Sequence[Row], supervised: float) -> None:
    """Print what the stage will need, or refuse it. `supervised` is the share of the tokens that the loss sees.

    Raises:
        InputError: it does not fit; names what to change.
    """
    from torch.cuda import is_available

    demand, here = _demand(recipe, name, folder, is_available())
    if demand is None or here is None:
        return
    demand = replace(demand, longest=max(row.length for row in rows), supervised=supervised)
    line = _line(demand, name, here)
    if demand.total > here.free:
        raise InputError(f"{line}; where that is wrong, WELLGATE_MEMORY=<GiB> says how much there is")
    ranks.say(line)


def outlook(recipe: Recipe) -> list[str]:
    """A line for each training stage at its `max_length`, where the base is on this machine already. Imports no torch."""
    folder = on_this_machine(recipe.model.base, recipe.model.revision)
    names = [name for name in TRAINING if getattr(recipe, name)]
    if folder is None or (recipe.sft and recipe.sft.private):
        return []
    found = [(name, *_demand(recipe, name, folder, None)) for name in names]
    return [f"  memory   {_line(demand, name, here)}" for name, demand, here in found if demand and here]


def _demand(recipe: Recipe, name: str, folder: Path, cuda: bool | None) -> tuple[Demand | None, Room | None]:
    """What the stage asks for at its `max_length`, and the room it has; None where either is not known."""
    world, base = declared(recipe), architecture(folder)
    here = room(False if world.use_cpu else cuda, world.local_processes)
    if base is None or here is None or recipe.sft is None:
        return None, None
    section = getattr(recipe, name)
    shards = world.num_processes if world.distributed_type in SHARDED else 1
    return Demand(base, recipe.model, recipe.sft.lora, section, here.device, section.max_length, shards=shards), here


def _line(demand: Demand, name: str, here: Room) -> str:
    size = f"{demand.section.per_device_train_batch_size} x {demand.length} tokens"
    unsure = " (estimated, not measured on GPUs)" if here.device == "cuda" else ""
    need = f"{name}: training on {size} needs about {gib(demand.total)} of {gib(here.free)} memory{unsure}"
    return need if demand.total <= here.free else f"{need} and does not fit; {way_out(demand, name, here.free)}"


def way_out(demand: Demand, name: str, free: int) -> str:
    """Every single knob that makes it fit, and how far to turn it; several together only where none does alone."""
    checked = turned(demand, gradient_checkpointing=True)
    checkpointing, quantization = f"{name}.gradient_checkpointing: true", "model.quantization: {}"
    shorter = _largest(demand, "max_length", range(64, demand.length, 64), free)
    together = [_with_batch(checked, name, free, f"{checkpointing} and ")]
    if demand.how.quantization is None:
        packed = demand.how.model_copy(update={"quantization": Quantization()})
        small = _with_batch(replace(checked, how=packed), name, free, f"{quantization}, {checkpointing} and ")
        together += [(quantization, replace(demand, how=packed)), small]
    alone = [
        _with_batch(demand, name, free, ""),
        (checkpointing, checked),
        (f"{name}.max_length: {shorter}", turned(demand, max_length=shorter)),
    ]
    for knobs in (alone, together):
        fitting = [f"{words} ({gib(after.total)})" for words, after in knobs if after.total <= free]
        if fitting:
            return "set " + ", or ".join(fitting)
    least = min(after.total for _, after in together)
    return f"nothing in the recipe makes it fit (at least {gib(least)}): use a smaller base or a larger device"


def _with_batch(demand: Demand, name: str, free: int, before: str) -> tuple[str, Demand]:
    """The largest batch that fits, and the accumulation that keeps the rows of a step; in words, and as a demand."""
    batch, steps = demand.section.per_device_train_batch_size, demand.section.gradient_accumulation_steps
    fewest = 2 if name == "kto" else 1  # KTO needs another row for its KL term
    smaller = _largest(demand, "per_device_train_batch_size", range(fewest, batch), free)
    accumulated = math.ceil(batch * steps / smaller)
    words = f"{name}.per_device_train_batch_size: {smaller} with {name}.gradient_accumulation_steps: {accumulated}"
    return before + words, turned(demand, per_device_train_batch_size=smaller)


def _largest(demand: Demand, key: str, values: Sequence[int], free: int) -> int:
    """The largest of these values that fits, or else the smallest."""
    fitting = [value for value in values if turned(demand, **{key: value}).total <= free]
    return max(fitting, default=min(values, default=int(getattr(demand.section, key))))


def gib(count: int) -> str:
    """Bytes for people."""
    return f"{count / GIB:.1f} GiB"
