"""KTO that continues the SFT adapter, on single judged replies. Runs as `train/sft.py` does."""

from __future__ import annotations

import random
import sys
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any

from train import ranks, session
from train.arguments import trainer_arguments
from train.continuation import Plan, go_on
from train.labels import Judged, judged
from train.lengths import fit
from train.preferences import balance_note, feedback_report, require_both
from train.room import require_room
from train.rows import read_prepared, select
from train.start import kto_first_loss
from wellgate import model as loading
from wellgate.base import Base
from wellgate.errors import InputError
from wellgate.recipe import Kto, Recipe
from wellgate.records import Feedback
from wellgate.run import Manifest, Stage
from wellgate.stages import kto_stage

TRL_KEYS = "beta loss_type desirable_weight undesirable_weight precompute_ref_log_probs".split()
"""Recipe keys that are KTOConfig's own, name and meaning."""
REPORT = "feedback.json"


def feedback(
    recipe: Recipe, section: Kto, tokenizer: Any, folder: Path | None = None
) -> tuple[list[Judged], dict[str, Any]]:
    """The recipe's judged rows as tokens, none too long, in the order of training; and the report on them.

    Their lengths are reported into `folder`, where one is given.

    Raises:
        InputError: no usable row, or only one of both judgements.
    """
    records = select(read_prepared(recipe, "feedback", Feedback), section.max_rows)
    if not records:
        raise InputError("kto: the prepared data holds no feedback; add rows with `desirable`, or drop `kto`")
    fitted = fit("kto", section, folder, records, lambda one: [judged(tokenizer, recipe.model.system_prompt, one)])
    rows = fitted.rows
    report = feedback_report(rows, records, section)
    report |= {"shortened": len(fitted.shortened), "dropped": len(fitted.dropped)}
    require_both(report)
    if note := balance_note(report, section):
        ranks.say(note)
    return shuffled(rows, recipe.seed), report


def shuffled(rows: Sequence[Judged], seed: int) -> list[Judged]:
    """The order of training, the same in every epoch, since each row's KL completion stands in its batch.

    Not by length: one judgement's replies may well be the longer ones, and batches of one judgement teach less.
    """
    return random.Random(seed).sample(sorted(rows, key=lambda row: row.id), len(rows))


def mismatched(rows: Sequence[Judged], size: int) -> list[list[int]]:
    """For each row the completion of the one before it in its batch, by which KTO estimates the KL term.

    As in TRL; only where the last batch is a single row, the row before that batch lends its completion.
    """
    found = []
    for place, _ in enumerate(rows):
        first = place - place % size
        last = min(first + size, len(rows)) - 1
        found.append(rows[last if place == first and last > first else place - 1].completion_ids)
    return found


def build_trainer(recipe: Recipe, section: Kto, base: Base, stage: Stage, rows: Sequence[Judged], model: Any) -> Any:
    """TRL's trainer over these rows; the SFT adapter is trained further, and a frozen copy of it is the reference."""
    from datasets import Dataset
    from trl import KTOConfig

    from train.trainers import FeedbackTrainer

    dump = section.model_dump()
    columns: dict[str, list[Any]] = {
        "prompt_ids": [row.prompt_ids for row in rows],
        "completion_ids": [row.completion_ids for row in rows],
        "label": [row.desirable for row in rows],
    }
    if section.loss_type == "kto":
        columns["KL_completion_ids"] = mismatched(rows, section.per_device_train_batch_size)
    fixed = {"train_sampling_strategy": "sequential"}  # the rows are shuffled already
    trainer = FeedbackTrainer(
        model=model,
        args=KTOConfig(
            **trainer_arguments(section, recipe, stage.folder) | fixed, **{name: dump[name] for name in TRL_KEYS}
        ),
        train_dataset=Dataset.from_dict(columns),
        processing_class=loading.load_tokenizer(base),
    )
    return session.equip(trainer, recipe, section, base, stage)


def kto(recipe: Recipe, base: Base, stage: Stage) -> Manifest | None:
    """Train, or resume, check the lineage, and save the adapter."""
    section = recipe.kto
    assert section is not None
    session.begin(stage, section)
    rows, report = feedback(recipe, section, loading.load_tokenizer(base), stage.folder)
    tokens = sum(row.length for row in rows)
    require_room(recipe, "kto", base.folder, rows, sum(len(row.completion_ids) for row in rows) / tokens)
    counts = {
        "rows": len(rows),
        "tokens": tokens,
        **{name: report[name] for name in ("desirable", "undesirable", "shortened", "dropped")},
    }
    plan = Plan(
        build=partial(build_trainer, recipe, section, base, stage, rows),
        first_loss=partial(kto_first_loss, section),
        probe=rows[0].prompt_ids + rows[0].completion_ids,
        counts=counts,
        metric=("rewards_margin", "rewards/margins"),
        report=(REPORT, report),
    )
    return go_on(stage, recipe, base, plan)


def main(arguments: Sequence[str]) -> int:
    """Entry point of the launched process."""
    from train.launch import main as launched

    return launched(arguments, "kto", kto_stage, kto)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
