"""The training side of wandb and trackio: transformers' own callbacks, opened with our facts instead of theirs.

Theirs would send every training argument and the model's config, and with them the machine's paths.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import Any

from transformers.integrations import TrackioCallback, WandbCallback
from transformers.integrations.integration_utils import WandbLogModel

from wellgate import trackers
from wellgate.base import Base
from wellgate.files import sha256_text
from wellgate.recipe import Recipe, Training
from wellgate.records import Graded, Reply
from wellgate.run import Stage

COLUMNS = ["step", "probe", "item", "reply", "failed"]


class Wandb(WandbCallback):  # type: ignore[misc]
    """The numbers of each log line, in the run that wellgate opened."""

    def __init__(self, stage: Stage, told: trackers.Told) -> None:
        super().__init__()
        self.stage, self.told = stage, told
        self._log_model = WandbLogModel.FALSE  # an adapter leaves through the gate alone, whatever WANDB_LOG_MODEL says

    def setup(self, args: Any, state: Any, model: Any, **kwargs: Any) -> None:
        self._initialized = True
        if state.is_world_process_zero:
            run = trackers.open_wandb(self.stage.folder, self.told)
            run.define_metric("train/global_step")
            run.define_metric("*", step_metric="train/global_step", step_sync=True)

    def replies(self, step: int, answered: Sequence[tuple[Reply, Graded]]) -> None:
        """A table of the watch's replies. Only called where the recipe says `log_text: true`."""
        rows = [[step, one.probe, one.item, reply.text, ", ".join(one.failed)] for reply, one in answered]
        self._wandb.log({"watch/replies": self._wandb.Table(columns=COLUMNS, data=rows), "train/global_step": step})


class Trackio(TrackioCallback):  # type: ignore[misc]
    """The same for trackio."""

    def __init__(self, stage: Stage, told: trackers.Told) -> None:
        super().__init__()
        self.stage, self.told = stage, told

    def setup(self, args: Any, state: Any, model: Any, **kwargs: Any) -> None:
        self._initialized = True
        if state.is_world_process_zero:
            self._trackio = trackers.open_trackio(self.stage.folder, self.told)


def install(trainer: Any, recipe: Recipe, section: Training, base: Base, stage: Stage) -> Wandb | None:
    """Put these in the place of the callbacks that TRL made for `report_to`; the wandb one, where there is one."""
    trainer.remove_callback(WandbCallback)
    trainer.remove_callback(TrackioCallback)
    if not (section.report_to and trainer.is_world_process_zero()):
        return None
    if section.log_text:
        print(f"{stage.name}: log_text is on: the watch's replies go to wandb as TEXT", file=sys.stderr)
    told = trackers.begin(stage.folder, section.report_to, facts(recipe, base, stage))
    if "trackio" in section.report_to:
        trainer.add_callback(Trackio(stage, told))
    wandb = Wandb(stage, told) if "wandb" in section.report_to else None
    if wandb:
        trainer.add_callback(wandb)
    return wandb


def facts(recipe: Recipe, base: Base, stage: Stage) -> dict[str, Any]:
    """What is known before the first step: what is trained, on which digests. The system prompt as its digest."""
    return {
        "recipe": recipe.name,
        "stage": stage.name,
        "key": stage.key,
        "config": {name: value for name, value in stage.config.items() if name != "system_prompt"},
        "system_prompt_sha256": sha256_text(recipe.model.system_prompt),
        "inputs": stage.inputs,
        "base": {"name": base.name, "revision": base.revision, "digest": base.digest},
    }
