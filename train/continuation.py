"""What DPO and KTO do alike: go on with the SFT adapter against a frozen copy of it, and prove the lineage."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from train import ranks, session
from train.lora import keep_float32
from train.start import reference, require_first_loss, require_same_start, require_still
from wellgate import lineage
from wellgate import model as loading
from wellgate.base import Base
from wellgate.files import write_text
from wellgate.recipe import Recipe
from wellgate.run import Manifest, Stage
from wellgate.stages import sft_stage
from wellgate.world import declared


@dataclass(frozen=True)
class Plan:
    """What one stage brings to the common course."""

    build: Callable[[Any], Any]
    """The model with the SFT adapter, trainable, to TRL's trainer."""
    first_loss: Callable[[Any, Any], float | None]
    """Trainer and the SFT model loaded afresh, to the loss of the first step; None where it is not known."""
    probe: Sequence[int]
    """Token ids of one row, on which models are compared."""
    counts: Mapping[str, Any]
    """For the manifest."""
    metric: tuple[str, str]
    """What of TRL's metrics joins the counts, at the end: its name there, and TRL's."""
    report: tuple[str, Mapping[str, Any]]
    """Name and content of the report on the data."""


def go_on(stage: Stage, recipe: Recipe, base: Base, plan: Plan) -> Manifest | None:
    """Train, or resume, check the lineage before and after, and save the adapter."""
    from transformers import set_seed

    from train.trainers import FirstLoss

    write_report(stage, *plan.report)
    sft = sft_stage(recipe, base)
    before = lineage.read(sft, lineage.origin(recipe, base))
    parent = sft.folder / "adapter"
    set_seed(recipe.seed)
    model = loading.load_model(base, recipe.model, parent, trainable=True)
    for config in model.peft_config.values():
        config.base_model_name_or_path = str(base.folder)  # else PEFT asks the Hub for it at every checkpoint
    trainer = plan.build(model)
    keep_float32(model)
    ranks.require_engine(declared(recipe), trainer.accelerator)
    fresh = loading.load_model(base, recipe.model, parent).eval()
    require_same_start(stage.name, model, fresh, plan.probe)
    expected = plan.first_loss(trainer, fresh)
    del fresh
    trainer.add_callback(FirstLoss(lambda found: require_first_loss(stage.name, found, expected)))
    frozen = reference(model)
    steps = session.train(trainer, stage.folder, stage.name)
    require_still(stage.name, frozen, reference(model))
    history = session.losses(trainer)
    name, metric = plan.metric
    counts = dict(plan.counts) | {
        "steps": steps,
        "expected_first_loss": expected,
        "first_loss": history[0],
        "last_loss": session.last(history),
        name: (session.losses(trainer, metric) or [0.0])[-1],
    }
    return session.finish(stage, recipe, trainer, base, counts, plan.probe, before, [plan.report[0]])


def write_report(stage: Stage, name: str, report: Mapping[str, Any]) -> None:
    """A report on the data, into the stage's folder."""
    if ranks.first():
        write_text(stage.folder / name, json.dumps(report, indent=1, sort_keys=True) + "\n")
