"""What every training stage does alike: begin quietly, look on, train or resume, sign the result."""

from __future__ import annotations

import json
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from train import ranks
from train.adapter import gathered, require_reloads, require_saved, save_adapter
from train.checkpoints import last_checkpoint, plain_full_disk
from train.lora import adapter_table, parameter_counts
from wellgate import lineage, quantization, trackers
from wellgate import model as loading
from wellgate.base import Base
from wellgate.errors import InputError
from wellgate.files import write_text
from wellgate.model import ADAPTER, ADAPTER_CONFIG
from wellgate.recipe import Recipe, Training
from wellgate.records import Lineage
from wellgate.run import Manifest, Stage


def begin(stage: Stage, section: Training) -> None:
    """Settings of the process, before the libraries that read them are imported and tensors exist."""
    trackers.prepare(stage.folder, stage.name, section.report_to)
    loading.quiet()
    loading.tune_allocator(frugal=section.gradient_checkpointing)
    ranks.take_device()


def equip(trainer: Any, recipe: Recipe, section: Training, base: Base, stage: Stage) -> Any:
    """The trainer with everything that looks on while it trains. Facts before trackers, and what may stop it last."""
    from transformers import PrinterCallback

    from train.facts import Facts
    from train.stops import Diverged, Preempted
    from train.trackers import install
    from train.watch import Watcher

    trainer.remove_callback(PrinterCallback)
    trainer.add_callback(Facts(trainer, stage.folder, stage.name))
    wandb = install(trainer, recipe, section, base, stage)
    if section.watch:
        show = wandb.replies if wandb and section.log_text else None
        trainer.add_callback(
            Watcher(trainer, stage.name, section.watch, recipe.model.system_prompt, stage.folder, show)
        )
    trainer.add_callback(Diverged(stage.name, section.max_loss_ratio))
    trainer.add_callback(Preempted(trainer, stage.name))
    return trainer


def train(trainer: Any, folder: Path, section: str) -> int:
    """Train, from the last whole checkpoint if there is one, and return the number of optimizer steps.

    PEFT would cast each layer's input up to the adapter's float32; autocast casts the small adapter down instead,
    which is faster and keeps less for the backward pass. The adapter itself stays float32.

    Raises:
        InputError: the loss became something that is not a number, diverged, or the watch stopped it.
        Crashed: SIGTERM came, and a checkpoint was saved.
    """
    from peft.helpers import disable_input_dtype_casting

    from train.facts import FILE, read
    from train.plot import draw

    ranks.say(adapter_table(trainer.model))
    with disable_input_dtype_casting(trainer.model), plain_full_disk(folder):
        with trainer.args.main_process_first(local=False):  # it removes the torn ones; the others then see what is left
            checkpoint = last_checkpoint(folder, trainer.accelerator)
        try:
            result = trainer.train(resume_from_checkpoint=checkpoint)
        finally:
            if trainer.is_world_process_zero():
                draw(read(folder / FILE), folder, f"{section}: {folder.parent.name}")
    if not all(bool(one.isfinite().all()) for one in trainer.model.parameters() if one.requires_grad):
        raise InputError(f"{section}: the weights are no numbers at the last step; lower {section}.learning_rate")
    return int(result.global_step)


def losses(trainer: Any, key: str = "loss") -> list[float]:
    """The logged losses in order."""
    return [float(entry[key]) for entry in trainer.state.log_history if key in entry]


def last(history: Sequence[float], steps: int = 5) -> float:
    """The mean of the last few logged losses: a single step says little."""
    return sum(history[-steps:]) / len(history[-steps:])


def finish(
    stage: Stage,
    recipe: Recipe,
    trainer: Any,
    base: Base,
    counts: dict[str, Any],
    probe: Sequence[int],
    before: Lineage | None = None,
    reports: Sequence[str] = (),
) -> Manifest | None:
    """Sign what the trainer has trained; see `sign`.

    The first process does; the others help to gather what is spread over them, and get None.
    """
    model = trainer.accelerator.unwrap_model(trainer.model, keep_fp32_wrapper=False)
    weights = gathered(trainer)
    trainer.accelerator.wait_for_everyone()
    return sign(stage, recipe, model, base, counts, probe, before, reports, weights) if ranks.first() else None


def sign(
    stage: Stage,
    recipe: Recipe,
    model: Any,
    base: Base,
    counts: dict[str, Any],
    probe: Sequence[int],
    before: Lineage | None = None,
    reports: Sequence[str] = (),
    weights: dict[str, Any] | None = None,
) -> Manifest:
    """Save the adapter, prove that it reloads, sign the stage, and throw the checkpoints away.

    Args:
        probe: token ids of one row, on which the reloaded model must answer as the trained one.
        before: the lineage that the stage continued; None where it began on the base.
        reports: further files that the stage has written into its folder.
        weights: what was gathered, of a model that no process holds whole.
    """
    trained = loading.logits(model, probe) if weights is None else None
    counts = counts | parameter_counts(model)
    with plain_full_disk(stage.folder):
        save_adapter(model, stage.folder, base, recipe.model, weights)
    if weights is None:
        require_reloads(stage, recipe, base, probe, trained)
    else:
        require_saved(stage, model, weights)
    lineage.write(stage, before or lineage.origin(recipe, base))
    write_text(stage.folder / "recipe.json", recipe.model_dump_json(indent=1) + "\n")
    outputs = [f"adapter/{ADAPTER}", f"adapter/{ADAPTER_CONFIG}", lineage.FILE, *reports]
    outputs += [f"adapter/{quantization.FILE}"] if recipe.model.quantization else []
    manifest = stage.complete(outputs, counts)
    shutil.rmtree(stage.folder / "checkpoints", ignore_errors=True)
    trackers.tell(stage.folder, "manifest", _told(stage, manifest))
    return manifest


def _told(stage: Stage, manifest: Manifest) -> dict[str, Any]:
    """The signed manifest, less what the trackers heard before the first step, and the lineage."""
    said = manifest.model_dump(mode="json", exclude={"config", "inputs", "key", "stage"})
    made_from = json.loads((stage.folder / lineage.FILE).read_text(encoding="utf-8"))
    return said | {"digest": manifest.digest, "lineage": made_from}
