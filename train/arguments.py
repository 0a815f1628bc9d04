"""The recipe's keys as TRL's trainers and PEFT take them, and what is fixed here with its reason."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

from wellgate.recipe import Lora, Recipe, Training

PASSED_THROUGH = (
    "learning_rate num_train_epochs max_steps per_device_train_batch_size gradient_accumulation_steps warmup_steps lr_scheduler_type"
    " weight_decay max_grad_norm gradient_checkpointing logging_steps save_steps report_to"
).split()
"""Recipe keys that are TRL's own, name and meaning."""


def trainer_arguments(section: Training, recipe: Recipe, folder: Path) -> dict[str, Any]:
    """Arguments that SFTConfig and DPOConfig both take: the recipe's keys, and what we fix with its reason."""
    import torch

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


def lora_config(lora: Lora) -> Any:
    """PEFT's LoraConfig from the recipe's keys."""
    from peft import LoraConfig

    return LoraConfig(task_type="CAUSAL_LM", **lora.model_dump())
