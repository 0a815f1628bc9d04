"""DPO that continues the SFT adapter, against the SFT model as its reference. Runs as `train/sft.py` does."""

from __future__ import annotations

import math
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from train import session
from train.adapter import Pinned
from train.arguments import trainer_arguments
from train.labels import Pair, pair
from train.rows import read_prepared, require_unchanged, select, within_length
from wellgate import model as loading
from wellgate.base import Base
from wellgate.errors import InputError
from wellgate.recipe import Dpo, Recipe
from wellgate.records import Preference
from wellgate.run import Manifest, Stage
from wellgate.stages import dpo_stage, sft_stage

STEP_0_TOLERANCE = 1e-3
"""How far the first DPO loss may be from ln 2. Model and reference are one model then: only summation order differs."""
COLUMNS = ("prompt_ids", "chosen_ids", "rejected_ids", "length")


def pairs(recipe: Recipe, section: Dpo, tokenizer: Any) -> list[Pair]:
    """The recipe's preference rows as tokens, none too long."""
    records = select(read_prepared(recipe, "preferences", Preference), section.max_rows)
    if not records:
        raise InputError("dpo: the prepared data holds no preference pair; add a source that has some, or drop `dpo`")
    rows = [pair(tokenizer, recipe.model.system_prompt, record) for record in records]
    return within_length(rows, [row.length for row in rows], section.max_length, section.overlength, "dpo")


def parent_adapter(recipe: Recipe, base: Base) -> Path:
    """The SFT adapter's folder, its files as the SFT stage signed them."""
    before = sft_stage(recipe, base)
    require_unchanged(before, list(before.require("run `wellgate train` first").outputs))
    return before.folder / "adapter"


def build_trainer(recipe: Recipe, section: Dpo, base: Base, stage: Stage, rows: Sequence[Pair], parent: Path) -> Any:
    """TRL's trainer over these pairs; the SFT adapter is trained further, and a frozen copy of it is the reference."""
    from datasets import Dataset
    from transformers import set_seed
    from trl import DPOConfig

    from train.trainers import PreferenceTrainer

    set_seed(recipe.seed)
    model = loading.load_model(base, recipe.model.dtype, parent, trainable=True)
    for config in model.peft_config.values():
        config.base_model_name_or_path = str(base.folder)  # else PEFT asks the Hub for it at every checkpoint
    return PreferenceTrainer(
        model=model,
        args=DPOConfig(
            **trainer_arguments(section, recipe, stage.folder),
            beta=section.beta,
            loss_type=list(section.loss_type),
            label_smoothing=section.label_smoothing,
            length_column_name="length",
        ),
        train_dataset=Dataset.from_dict({name: [getattr(row, name) for row in rows] for name in COLUMNS}),
        processing_class=loading.load_tokenizer(base),
    )


def dpo(recipe: Recipe, base: Base, stage: Stage) -> Manifest:
    """Train, or resume, check the lineage, and save the adapter."""
    section = recipe.dpo
    assert section is not None
    session.begin(stage)
    rows = pairs(recipe, section, loading.load_tokenizer(base))
    parent = parent_adapter(recipe, base)
    trainer = build_trainer(recipe, section, base, stage, rows, parent)
    before = trainer.reference()
    require_same_start(trainer, base, recipe, parent, rows[0].prompt_ids + rows[0].chosen_ids)
    steps = session.train(trainer, stage.folder, "dpo")
    history = session.losses(trainer)
    require_ln2(history[0], section)
    require_still(before, trainer.reference())
    counts = {
        "pairs": len(rows),
        "tokens": sum(2 * len(row.prompt_ids) + len(row.chosen_ids) + len(row.rejected_ids) for row in rows),
        "steps": steps,
        "first_loss": history[0],
        "last_loss": session.last(history),
        "rewards_accuracy": (session.losses(trainer, "rewards/accuracies") or [0.0])[-1],
    }
    return session.finish(stage, recipe, trainer, Pinned(base.name, base.revision), counts)


def require_same_start(trainer: Any, base: Base, recipe: Recipe, parent: Path, probe: list[int]) -> None:
    """The reference, and the model before its first step, answer exactly as the SFT model loaded afresh."""
    import torch

    fresh = loading.load_model(base, recipe.model.dtype, parent).eval()
    with torch.no_grad():
        expected = fresh(input_ids=torch.tensor([probe], device=fresh.device)).logits[0]
    for adapter in ("ref", "default"):
        if not torch.equal(trainer.logits(probe, adapter), expected):
            raise InputError(
                f"dpo: the {adapter} model differs from the SFT model before the first step; lineage is broken"
            )


def require_ln2(first_loss: float, section: Dpo) -> None:
    """At step 0 the model is its reference, so the sigmoid loss is ln 2."""
    if section.loss_type != ["sigmoid"] or section.label_smoothing:
        return
    if abs(first_loss - math.log(2)) > STEP_0_TOLERANCE:
        raise InputError(f"dpo: the first loss is {first_loss:.4f}, not ln 2: the reference is not the SFT model")


def require_still(before: Sequence[Any], after: Sequence[Any]) -> None:
    """The reference's weights are those it had before training."""
    if not before or not all(bool((new == old).all()) for new, old in zip(after, before, strict=True)):
        raise InputError("dpo: the reference moved during training; this is a bug, please report it")


def main(arguments: Sequence[str]) -> int:
    """Entry point of the launched process."""
    from train.launch import main as launched

    return launched(arguments, "dpo", dpo_stage, dpo)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
