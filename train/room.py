"""Whether a training stage fits into the memory at hand: said before the model is loaded, with the knob to turn if it does not."""

from __future__ import annotations

import math
import os
import re
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from train.memory import Architecture, Demand, architecture, turned
from wellgate.base import on_this_machine
from wellgate.errors import InputError
from wellgate.recipe import Quantization, Recipe
from wellgate.stages import TRAINING

GIB = 1 << 30
SAID = re.compile(r"(?:(cpu|cuda):)?(\d+(?:\.\d+)?)")
"""What WELLGATE_MEMORY may hold: GiB, with the kind of device before it on request, as `cuda:80`."""


@dataclass(frozen=True)
class Room:
    """Free memory of the device that trains, in bytes."""

    device: str
    """`cpu` or `cuda`."""
    free: int


def room(cuda: bool | None = None) -> Room | None:
    """What WELLGATE_MEMORY says, or else the GPU's free memory, or else the machine's; None where nothing tells.

    `cuda` is whether torch has a GPU, where that is known.
    """
    found = None if cuda is False else _gpu()
    memory = found if found is not None else _ram()
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


def _ram() -> int | None:
    """Bytes that this process may come to use: what is free and what it has already, for each process on this machine."""
    try:
        available = _kilobytes("/proc/meminfo", "MemAvailable") + _kilobytes("/proc/self/status", "VmRSS")
    except (OSError, ValueError, IndexError):
        return None
    limits = [available, *(_limit(*files) for files in CGROUPS)]
    return min(limit for limit in limits if limit is not None) // int(os.environ.get("LOCAL_WORLD_SIZE", "1"))


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


def require_room(recipe: Recipe, name: str, folder: Path, longest: int, supervised: float) -> None:
    """Print what the stage will need, or refuse it.

    Raises:
        InputError: it does not fit; names what to change.
    """
    from torch.cuda import is_available

    here, base = room(is_available()), architecture(folder)
    if here is None or base is None:
        return
    demand = _demand(recipe, name, base, here, longest)
    line = _line(replace(demand, supervised=supervised, shards=_shards()), name, here)
    if "does not fit" in line:
        raise InputError(f"{line}; where that is wrong, WELLGATE_MEMORY=<GiB> says how much there is")
    print(line, flush=True)


def outlook(recipe: Recipe) -> list[str]:
    """A line for each training stage at its `max_length`, where the base is on this machine already. Imports no torch."""
    folder = on_this_machine(recipe.model.base, recipe.model.revision, "config.json")
    here, base = room(), architecture(folder) if folder else None
    if here is None or base is None:
        return []
    sections = {name: getattr(recipe, name) for name in TRAINING}
    return [
        _line(_demand(recipe, name, base, here, section.max_length), name, here)
        for name, section in sections.items()
        if section
    ]


def _demand(recipe: Recipe, name: str, base: Architecture, here: Room, longest: int) -> Demand:
    assert recipe.sft
    return Demand(base, recipe.model, recipe.sft.lora, getattr(recipe, name), here.device, longest)


def _shards() -> int:
    """Processes over which FSDP or ZeRO-3 spreads the weights, as accelerate's launcher tells them."""
    zero3 = os.environ.get("ACCELERATE_DEEPSPEED_ZERO_STAGE") == "3"
    fsdp = os.environ.get("ACCELERATE_USE_FSDP", "").lower() == "true"
    return int(os.environ.get("WORLD_SIZE", "1")) if zero3 or fsdp else 1


def _line(demand: Demand, name: str, here: Room) -> str:
    size = f"{demand.section.per_device_train_batch_size} x {demand.length} tokens"
    unsure = " (estimated, not measured on GPUs)" if here.device == "cuda" else ""
    need = f"{name}: training on {size} needs about {gib(demand.total)} of {gib(here.free)} memory{unsure}"
    return need if demand.total <= here.free else f"{need} and does not fit; {way_out(demand, name, here.free)}"


def way_out(demand: Demand, name: str, free: int) -> str:
    """Every single knob that makes it fit, and how far to turn it; several together only where none does alone."""
    batch, steps = demand.section.per_device_train_batch_size, demand.section.gradient_accumulation_steps
    smaller = _largest(demand, "per_device_train_batch_size", range(1, batch), free)
    shorter = _largest(demand, "max_length", range(64, demand.length, 64), free)
    checked = turned(demand, gradient_checkpointing=True)
    least = _largest(checked, "per_device_train_batch_size", range(1, batch), free)
    both = turned(checked, per_device_train_batch_size=least)
    packed = demand.how.model_copy(update={"quantization": Quantization()})
    batches = f"{name}.per_device_train_batch_size: {{}} with {name}.gradient_accumulation_steps: {{}}"
    checkpointing = f"{name}.gradient_checkpointing: true"
    alone = [
        (
            batches.format(smaller, math.ceil(batch * steps / smaller)),
            turned(demand, per_device_train_batch_size=smaller),
        ),
        (checkpointing, checked),
        (f"{name}.max_length: {shorter}", turned(demand, max_length=shorter)),
    ]
    mixed = f"{checkpointing} and {batches.format(least, math.ceil(batch * steps / least))}"
    together = [
        (mixed, both),
        ("model.quantization: {}", replace(demand, how=packed)),
        (f"model.quantization: {{}}, {mixed}", replace(both, how=packed)),
    ]
    for knobs in (alone, together):
        fitting = [f"{words} ({gib(after.total)})" for words, after in knobs if after.total <= free]
        if fitting:
            return "set " + ", or ".join(fitting)
    return f"nothing in the recipe makes it fit (at least {gib(together[-1][1].total)}): use a smaller base or a larger device"


def _largest(demand: Demand, key: str, values: Sequence[int], free: int) -> int:
    """The largest of these values that fits, or else the smallest."""
    fitting = [value for value in values if turned(demand, **{key: value}).total <= free]
    return max(fitting, default=min(values, default=int(getattr(demand.section, key))))


def gib(count: int) -> str:
    """Bytes for people."""
    return f"{count / GIB:.1f} GiB"
