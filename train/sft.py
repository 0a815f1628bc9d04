"""Supervised fine-tuning with LoRA. `accelerate launch train/sft.py recipes/x.yaml` and `wellgate train` run this main."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from train import canaries, private, ranks, session
from train.arguments import sft_arguments
from train.labels import IGNORED, Labelled, label
from train.lengths import Fitted, fit
from train.lora import keep_float32, lora_config, require_targets
from train.room import require_room
from train.rows import read_prepared, select
from wellgate import model as loading
from wellgate.base import Base
from wellgate.recipe import Recipe, Sft
from wellgate.records import Conversation
from wellgate.run import Manifest, Stage
from wellgate.stages import sft_stage
from wellgate.world import declared


def training_records(recipe: Recipe, section: Sft) -> list[Conversation]:
    """The recipe's training rows, and the canaries that it plants among them."""
    return select(read_prepared(recipe, "train", Conversation), section.max_rows) + canaries.rows(section)


def labelled_rows(recipe: Recipe, section: Sft, tokenizer: Any, folder: Path | None = None) -> Fitted[Labelled]:
    """The recipe's training rows as tokens and labels, none too long; their lengths are reported into `folder`, if given."""
    records, prompt = training_records(recipe, section), recipe.model.system_prompt
    fitted = fit("sft", section, folder, records, lambda one: label(tokenizer, prompt, one), section.max_unsupervised)
    if section.canaries:
        canaries.require_all_trained(section, fitted.rows)
    return fitted


def build_trainer(recipe: Recipe, section: Sft, base: Base, stage: Stage, rows: Sequence[Labelled]) -> Any:
    """TRL's trainer over these rows, with a fresh adapter on the base."""
    from datasets import Dataset
    from transformers import set_seed
    from trl import SFTConfig

    from train.trainers import SupervisedTrainer

    set_seed(recipe.seed)  # before PEFT initialises the adapter, or two equal runs differ
    arguments = SFTConfig(
        **sft_arguments(section, recipe, stage.folder)
    )  # before the model: it makes the process group
    model = loading.load_model(base, recipe.model)
    require_targets(model, section.lora)
    trainer = SupervisedTrainer(
        args=arguments,
        model=model,
        train_dataset=Dataset.from_dict(
            {"input_ids": [row.input_ids for row in rows], "labels": [row.labels for row in rows]}
        ),
        processing_class=loading.load_tokenizer(base),
        peft_config=lora_config(section.lora),
    )
    keep_float32(trainer.model)
    return session.equip(trainer, recipe, section, base, stage)


def sft(recipe: Recipe, base: Base, stage: Stage) -> Manifest | None:
    """Train, or resume, and save the adapter."""
    section = recipe.sft
    assert section is not None
    session.begin(stage, section)
    if section.private:
        private.require_possible(section)
    fitted = labelled_rows(recipe, section, loading.load_tokenizer(base), stage.folder)
    rows, probe = fitted.rows, fitted.rows[0].input_ids
    counts, outputs = counted(section, fitted), canaries.write(section, stage.folder)
    if section.private:
        model, history, promised = private.train(recipe, section, base, rows, training_records(recipe, section))
        counts |= results(promised["steps"], history) | {"privacy": promised}
        return session.sign(stage, recipe, model, base, counts, probe, reports=outputs)
    require_room(recipe, "sft", base.folder, rows, counts["supervised_tokens"] / counts["tokens"])
    trainer = build_trainer(recipe, section, base, stage, rows)
    ranks.require_engine(declared(recipe), trainer.accelerator)
    steps = session.train(trainer, stage.folder, "sft")
    counts |= results(steps, session.losses(trainer))
    return session.finish(stage, recipe, trainer, base, counts, probe, reports=outputs)


def counted(section: Sft, fitted: Fitted[Labelled]) -> dict[str, Any]:
    """Rows and tokens for the manifest, canaries among them."""
    return {
        "rows": len(fitted.rows),
        **fitted.counts,
        "tokens": sum(row.length for row in fitted.rows),
        "supervised_tokens": sum(one != IGNORED for row in fitted.rows for one in row.labels),
    } | canaries.counted(section)


def results(steps: int, history: Sequence[float]) -> dict[str, Any]:
    """Steps and losses for the manifest."""
    return {"steps": steps, "first_loss": history[0], "last_loss": session.last(history)}


def main(arguments: Sequence[str]) -> int:
    """Entry point of the launched process."""
    from train.launch import main as launched

    return launched(arguments, "sft", sft_stage, sft)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
