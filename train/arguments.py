"""The recipe's keys as TRL's trainers take them, and what is fixed here with its reason."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

from wellgate.quantization import require_bitsandbytes
from wellgate.recipe import Recipe, Sft, Training

PASSED_THROUGH = (
    "learning_rate num_train_epochs max_steps per_device_train_batch_size gradient_accumulation_steps warmup_steps lr_scheduler_type"
    " weight_decay max_grad_norm optim gradient_checkpointing torch_compile logging_steps save_steps report_to"
).split()
"""Recipe keys that are TRL's own, name and meaning."""


def trainer_arguments(section: Training, recipe: Recipe, folder: Path) -> dict[str, Any]:
    """Arguments that SFTConfig and DPOConfig both take: the recipe's keys, and what we fix with its reason."""
    import torch

    if section.optim.endswith("8bit"):
        require_bitsandbytes("optim")
    gpu = torch.cuda.is_available()
    dump = section.model_dump()
    return (
        {name: dump[name] for name in PASSED_THROUGH}
        | {
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
            "ddp_find_unused_parameters": False,  # every adapter is used in every forward pass; looking for others costs time
            "disable_tqdm": not sys.stderr.isatty(),
            "dataloader_pin_memory": gpu,
            "logging_first_step": True,
            "logging_nan_inf_filter": False,  # else a loss that is not a number is logged as 0
        }
    )


def sft_arguments(section: Sft, recipe: Recipe, folder: Path) -> dict[str, Any]:
    """Arguments of SFTConfig.

    Packing is always TRL's `bfd`, which keeps rows whole where none is longer than `max_length`: its other
    strategies cut replies. TRL then tells the rows apart by `position_ids`, with every attention that a recipe may name.
    """
    packing: dict[str, Any] = {"packing": section.packing, "shuffle_dataset": False}
    if section.packing:
        packing |= {"packing_strategy": "bfd", "max_length": section.max_length}
    return trainer_arguments(section, recipe, folder) | packing
