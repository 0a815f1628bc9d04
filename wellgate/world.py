"""The processes that train together, as the recipe's launch file declares them. No torch here: stage keys need it.

A launch file is accelerate's own configuration file. What really runs is compared with it in `train/ranks.py`.
"""

from __future__ import annotations

from difflib import get_close_matches
from pathlib import Path
from typing import Annotated, Any, Literal

import yaml
from pydantic import Field, ValidationError, model_validator

from wellgate.errors import InputError
from wellgate.recipe import Recipe
from wellgate.records import Frozen

Engine = Literal["NO", "MULTI_CPU", "MULTI_GPU", "FSDP", "DEEPSPEED"]
Count = Annotated[int, Field(strict=True, ge=1)]
SHARDED = ("FSDP", "DEEPSPEED")
"""Engines under which no process holds the whole model."""
REQUIRED: dict[str, dict[str, Any]] = {
    "FSDP": {"fsdp_version": 2, "fsdp_state_dict_type": "FULL_STATE_DICT"},
    "DEEPSPEED": {"zero_stage": 3, "zero3_init_flag": True, "zero3_save_16bit_model": True},
}
"""Settings without which the engine is another one, or the adapter could not be saved whole."""


class World(Frozen):
    """accelerate's configuration file, by accelerate's names: the keys that are accepted here."""

    compute_environment: Literal["LOCAL_MACHINE"] = "LOCAL_MACHINE"
    distributed_type: Engine
    num_processes: Count
    """In all machines together."""
    num_machines: Count = 1
    use_cpu: bool = False
    mixed_precision: Literal["no"] = "no"
    """The recipe's `model.dtype` decides."""
    fsdp_config: dict[str, Any] = {}
    deepspeed_config: dict[str, Any] = {}
    main_process_ip: str | None = None
    main_process_port: int | None = None
    machine_rank: int = 0
    rdzv_backend: str = "static"
    same_network: bool = False
    gpu_ids: str | None = None
    enable_cpu_affinity: bool = False
    debug: bool = False
    main_training_function: str = "main"
    downcast_bf16: Literal["no"] | bool = "no"
    tpu_env: list[str] = []
    tpu_use_cluster: bool = False
    tpu_use_sudo: bool = False
    """These five are written by `accelerate config` and change nothing here."""

    @model_validator(mode="after")
    def _one_engine(self) -> World:
        own = {"FSDP": self.fsdp_config, "DEEPSPEED": self.deepspeed_config}
        for engine, found in own.items():
            for key, value in (REQUIRED[engine] if engine == self.distributed_type else {}).items():
                if found.get(key) != value:
                    raise ValueError(f"{engine} needs `{key}: {value}` here")
        if self.use_cpu != (self.distributed_type == "MULTI_CPU"):
            raise ValueError("`use_cpu: true` belongs to `distributed_type: MULTI_CPU`, and to it alone")
        if (self.num_processes == 1) != (self.distributed_type == "NO"):
            raise ValueError("one process is `distributed_type: 'NO'`; the others need `num_processes` of 2 or more")
        if self.num_processes % self.num_machines:
            raise ValueError("`num_processes` counts all machines together: a multiple of `num_machines`")
        return self

    @property
    def local_processes(self) -> int:
        """Processes on each machine."""
        return self.num_processes // self.num_machines

    def context(self) -> dict[str, Any]:
        """What of it decides a result: the effective batch, and the order in which gradients are summed."""
        return {"distributed_type": self.distributed_type, "num_processes": self.num_processes}


ALONE = World(distributed_type="NO", num_processes=1)
"""One process on the device at hand: a recipe without `launch`."""


def declared(recipe: Recipe) -> World:
    """The world that the recipe's launch file declares; one process where it names none.

    Raises:
        InputError: the file is missing, is not YAML, or holds what accelerate or wellgate cannot run.
    """
    if recipe.launch is None:
        return ALONE
    path = Path(recipe.launch)
    try:
        data = yaml.safe_load(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise InputError(f"launch: {path} cannot be read ({error.strerror}); see recipes/accelerate/") from None
    except (yaml.YAMLError, ValueError):
        raise InputError(f"launch: {path} is not YAML; see recipes/accelerate/") from None
    if not isinstance(data, dict):
        raise InputError(f"launch: {path} is not a mapping; see recipes/accelerate/")
    try:
        world = World.model_validate(data)
    except ValidationError as error:
        details = error.errors(include_input=False, include_url=False)
        raise InputError("\n".join(f"{path}: {_problem(detail, data)}" for detail in details)) from None
    going_on = next((name for name in ("dpo", "kto") if getattr(recipe, name)), None)
    if going_on and world.distributed_type in SHARDED:
        raise InputError(
            f"launch: {going_on} does not run under {world.distributed_type}: its lineage check needs the whole model in each process;"
            f" use recipes/accelerate/multi_gpu.yaml, or set `{going_on}: null`"
        )
    return world


def _problem(detail: Any, data: dict[str, Any]) -> str:
    name = ".".join(str(part) for part in detail["loc"])
    if detail["type"] == "extra_forbidden":
        close = get_close_matches(name, list(World.model_fields), n=1)
        return f"{name}: unknown key" + (f"; did you mean {close[0]!r}?" if close else "")
    if detail["type"] == "missing":
        return f"{name}: is missing"
    quoted = "; quote it: YAML reads a bare NO as false" if detail["loc"] and data.get(name) is False else ""
    return f"{name}: {detail['msg']}{quoted}" if name else str(detail["msg"]).removeprefix("Value error, ")
