"""What SFT and DPO share: rows, adapter, trainer arguments, checkpoints and the signing of the result."""

from __future__ import annotations

import errno
import json
import math
import os
import shutil
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from wellgate.errors import InputError
from wellgate.files import sha256_file, sha256_text, write_text
from wellgate.model import ADAPTER, ADAPTER_CONFIG
from wellgate.recipe import Lora, Recipe, Training
from wellgate.records import Conversation, Preference, read_jsonl, read_parquet
from wellgate.run import Manifest, Stage
from wellgate.stages import prepared

T = TypeVar("T", Conversation, Preference)
CHECKPOINT_PARTS = ("trainer_state.json", "optimizer.pt", "scheduler.pt", ADAPTER)
NO_ROOM = 1 << 20
"""Free bytes below which a disk is full: a file that did not fit has taken what there was."""
PASSED_THROUGH = (
    "learning_rate num_train_epochs max_steps per_device_train_batch_size gradient_accumulation_steps warmup_steps lr_scheduler_type"
    " weight_decay max_grad_norm gradient_checkpointing logging_steps save_steps report_to"
).split()
"""Recipe keys that are TRL's own, name and meaning."""


def read_prepared(recipe: Recipe, name: str, model: type[T]) -> list[T]:
    """One prepared file as records."""
    stage, _ = prepared(recipe)
    path = stage.folder / f"{name}.{recipe.prepare.format}"
    require_unchanged(stage, [path.name])
    return read_parquet(path, model) if recipe.prepare.format == "parquet" else list(read_jsonl(path, model))


def require_unchanged(stage: Stage, names: Sequence[str]) -> None:
    """These outputs of a completed stage are still the files that its manifest signed, or an InputError."""
    signed = stage.require("run it first").outputs
    for name in names:
        path = stage.folder / name
        if not path.is_file() or sha256_file(path) != signed[name]:
            raise InputError(f"{path}: changed or missing since it was written; delete {stage.folder} and run again")


def select(records: Sequence[T], limit: int | None) -> list[T]:
    """At most `limit` records, the same ones whatever their order in the file."""
    chosen = sorted(records, key=lambda record: sha256_text(record.id))[:limit]
    return sorted(chosen, key=lambda record: record.id)


def trainer_arguments(section: Training, recipe: Recipe, folder: Path) -> dict[str, Any]:
    """Arguments that SFTConfig and DPOConfig both take: the recipe's keys, and what we fix with its reason."""
    import torch

    gpu = torch.cuda.is_available()
    dump = section.model_dump()
    return {name: dump[name] for name in PASSED_THROUGH} | {
        "report_to": list(section.report_to) or "none",
        "output_dir": str(folder / "checkpoints"),
        "run_name": folder.name,
        "seed": recipe.seed,
        "data_seed": recipe.seed,
        "use_cpu": not gpu,
        "bf16": recipe.model.dtype == "bfloat16",  # autocast: adapters are float32 and computed in bfloat16
        "max_length": None,  # we have cut nothing and dropped openly what was too long
        "train_sampling_strategy": "group_by_length",
        "save_strategy": "steps",
        "save_total_limit": 2,
        "disable_tqdm": not sys.stderr.isatty(),
        "dataloader_pin_memory": gpu,
        "logging_first_step": True,
        "logging_nan_inf_filter": False,  # else a loss that is not a number is logged as 0
    }


def lora_config(lora: Lora) -> Any:
    """PEFT's LoraConfig from the recipe's keys."""
    from peft import LoraConfig

    return LoraConfig(task_type="CAUSAL_LM", **lora.model_dump())


@dataclass(frozen=True)
class Pinned:
    """The base as adapter configs name it: a public name and revision, never a machine's path."""

    name: str
    revision: str | None


def save_adapter(model: Any, folder: Path, base: Pinned) -> None:
    """Save the trained adapter alone, its config in one spelling, and swap it in whole."""
    target, work = folder / "adapter", folder / "adapter.work"
    shutil.rmtree(work, ignore_errors=True)
    if "ref" in model.peft_config:
        model.delete_adapter("ref")  # TRL's frozen copy of the SFT adapter is not part of the result
    model.save_pretrained(str(work), safe_serialization=True)
    (work / "README.md").unlink(missing_ok=True)  # PEFT's card; ours is written by the gate
    path = work / ADAPTER_CONFIG
    config = json.loads(path.read_text(encoding="utf-8"))
    config |= {"base_model_name_or_path": base.name, "revision": base.revision, "inference_mode": True}
    config["target_modules"] = sorted(config["target_modules"])  # a set: its order differs from process to process
    write_text(path, json.dumps(config, indent=1, sort_keys=True) + "\n")
    shutil.rmtree(target, ignore_errors=True)
    work.rename(target)


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


def finish(stage: Stage, recipe: Recipe, model: Any, base: Pinned, counts: dict[str, Any]) -> Manifest:
    """Save the adapter, sign the stage, and throw the checkpoints away."""
    with plain_full_disk(stage.folder):
        save_adapter(model, stage.folder, base)
    write_text(stage.folder / "recipe.json", recipe.model_dump_json(indent=1) + "\n")
    manifest = stage.complete([f"adapter/{ADAPTER}", f"adapter/{ADAPTER_CONFIG}"], counts)
    shutil.rmtree(stage.folder / "checkpoints", ignore_errors=True)
    return manifest


def losses(trainer: Any, key: str = "loss") -> list[float]:
    """The logged losses in order."""
    return [float(entry[key]) for entry in trainer.state.log_history if key in entry]


def last(history: Sequence[float], steps: int = 5) -> float:
    """The mean of the last few logged losses: a single step says little."""
    return sum(history[-steps:]) / len(history[-steps:])


def train(trainer: Any, folder: Path, section: str) -> int:
    """Train, from the last whole checkpoint if there is one, and return the number of optimizer steps.

    PEFT would cast each layer's input up to the adapter's float32; autocast casts the small adapter down instead,
    which is faster and keeps less for the backward pass. The adapter itself stays float32.

    Raises:
        InputError: the loss became something that is not a number.
    """
    from peft.helpers import disable_input_dtype_casting

    with disable_input_dtype_casting(trainer.model), plain_full_disk(folder):
        result = trainer.train(resume_from_checkpoint=last_checkpoint(folder))
    bad = [entry["step"] for entry in trainer.state.log_history if not math.isfinite(entry.get("loss", 0.0))]
    if not bad and not all(bool(one.isfinite().all()) for one in trainer.model.parameters() if one.requires_grad):
        bad = [result.global_step]
    if bad:
        raise InputError(f"{section}: the loss is not a number from step {bad[0]}; lower {section}.learning_rate")
    return int(result.global_step)


def offline_trackers(folder: Path) -> None:
    """wandb writes into the run's folder, offline unless the user chose otherwise, and keeps no console or code."""
    for name, value in (("WANDB_MODE", "offline"), ("WANDB_DIR", str(folder)), ("WANDB_CONSOLE", "off"), ("WANDB_DISABLE_CODE", "true"), ("WANDB_DISABLE_GIT", "true"), ("WANDB_SILENT", "true"), ("WANDB_PROJECT", "wellgate")):  # fmt: skip
        os.environ.setdefault(name, value)
