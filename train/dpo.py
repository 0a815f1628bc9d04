"""DPO that continues the SFT adapter, against the SFT model as its reference. Runs as `train/sft.py` does."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any

from train import ranks, session
from train.arguments import trainer_arguments
from train.continuation import Plan, go_on
from train.labels import Pair, pair
from train.lengths import fit
from train.preferences import different, pair_report, require_balanced_length
from train.room import require_room
from train.rows import read_prepared, select
from train.start import dpo_first_loss
from wellgate import model as loading
from wellgate.base import Base
from wellgate.errors import InputError
from wellgate.recipe import Dpo, Recipe
from wellgate.records import Preference
from wellgate.run import Manifest, Stage
from wellgate.stages import dpo_stage, prepared

COLUMNS = ("prompt_ids", "chosen_ids", "rejected_ids", "length")
TRL_KEYS = (
    "beta loss_type loss_weights label_smoothing ld_alpha f_divergence_type f_alpha_divergence_coef use_weighting discopop_tau"
    " precompute_ref_log_probs"
).split()
"""Recipe keys that are DPOConfig's own, name and meaning."""
REPORT = "preferences.json"


def pairs(
    recipe: Recipe, section: Dpo, tokenizer: Any, folder: Path | None = None
) -> tuple[list[Pair], dict[str, Any]]:
    """The recipe's preference rows as tokens, none too long and none without a difference; and the report on them.

    Their lengths are reported into `folder`, where one is given.

    Raises:
        InputError: no usable pair, or length tells the chosen reply.
    """
    read = read_prepared(recipe, "preferences", Preference)
    kept = different(read)
    records = select(kept, section.max_rows)
    if not records:
        raise InputError("dpo: the prepared data holds no preference pair; add a source that has some, or drop `dpo`")
    fitted = fit("dpo", section, folder, records, lambda one: [pair(tokenizer, recipe.model.system_prompt, one)])
    rows = fitted.rows
    report = pair_report(rows, records) | {
        "shortened": len(fitted.shortened),
        "dropped": len(fitted.dropped),
        "dropped_equal": len(read) - len(kept),
        "prepared": prepared(recipe)[1].counts["preference_balance"],
    }
    for warning in report["prepared"]["warnings"]:
        ranks.say(f"dpo: {warning}")
    require_balanced_length(report, section)
    return rows, report


def build_trainer(recipe: Recipe, section: Dpo, base: Base, stage: Stage, rows: Sequence[Pair], model: Any) -> Any:
    """TRL's trainer over these pairs; the SFT adapter is trained further, and a frozen copy of it is the reference."""
    from datasets import Dataset
    from trl import DPOConfig

    from train.trainers import PreferenceTrainer

    dump = section.model_dump()
    trainer = PreferenceTrainer(
        model=model,
        args=DPOConfig(
            **trainer_arguments(section, recipe, stage.folder),
            **{name: dump[name] for name in TRL_KEYS},
            length_column_name="length",
        ),
        train_dataset=Dataset.from_dict({name: [getattr(row, name) for row in rows] for name in COLUMNS}),
        processing_class=loading.load_tokenizer(base),
    )
    return session.equip(trainer, recipe, section, base, stage)


def dpo(recipe: Recipe, base: Base, stage: Stage) -> Manifest | None:
    """Train, or resume, check the lineage, and save the adapter."""
    section = recipe.dpo
    assert section is not None
    session.begin(stage, section)
    rows, report = pairs(recipe, section, loading.load_tokenizer(base), stage.folder)
    replies = sum(len(row.chosen_ids) + len(row.rejected_ids) for row in rows)
    tokens = replies + sum(2 * len(row.prompt_ids) for row in rows)
    require_room(recipe, "dpo", base.folder, rows, replies / tokens)
    counts = {
        "pairs": len(rows),
        "tokens": tokens,
        **{name: report[name] for name in ("shortened", "dropped", "dropped_equal", "chosen_longer", "mean_ratio")},
    }
    plan = Plan(
        build=partial(build_trainer, recipe, section, base, stage, rows),
        first_loss=partial(dpo_first_loss, section),
        probe=rows[0].prompt_ids + rows[0].chosen_ids,
        counts=counts,
        metric=("rewards_accuracy", "rewards/accuracies"),
        report=(REPORT, report),
    )
    return go_on(stage, recipe, base, plan)


def main(arguments: Sequence[str]) -> int:
    """Entry point of the launched process."""
    from train.launch import main as launched

    return launched(arguments, "dpo", dpo_stage, dpo)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
