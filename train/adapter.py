"""The trained adapter as it is saved: alone, in one spelling, naming its base and never a machine."""

from __future__ import annotations

import json
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from wellgate import model as loading
from wellgate import quantization
from wellgate.base import Base
from wellgate.errors import InputError
from wellgate.files import write_text
from wellgate.model import ADAPTER, ADAPTER_CONFIG
from wellgate.recipe import Model, Recipe
from wellgate.run import Stage


def gathered(trainer: Any) -> dict[str, Any] | None:
    """The trained weights where FSDP2 or ZeRO-3 have spread them over the processes, the adapter's in float32; else None.

    Every process must call it.
    """
    if trainer.is_deepspeed_enabled:
        from deepspeed.utils import safe_get_full_fp32_param

        named = trainer.accelerator.unwrap_model(trainer.model).named_parameters()
        return {name: safe_get_full_fp32_param(one).cpu() for name, one in named if one.requires_grad}
    return dict(trainer.accelerator.get_state_dict(trainer.model)) if trainer.is_fsdp_enabled else None


def save_adapter(model: Any, folder: Path, base: Base, how: Model, weights: dict[str, Any] | None = None) -> None:
    """Save the trained adapter alone, its config in one spelling, and swap it in whole.

    The config names the base by its public name and revision, never by a machine's path; where the base is quantised, a file
    beside it says how. `weights` where they were gathered.
    """
    target, work = folder / "adapter", folder / "adapter.work"
    shutil.rmtree(work, ignore_errors=True)
    if "ref" in model.peft_config:
        model.delete_adapter("ref")  # TRL's frozen copy of the SFT adapter is not part of the result
    model.save_pretrained(str(work), safe_serialization=True, state_dict=weights)
    (work / "README.md").unlink(missing_ok=True)  # PEFT's card; ours is written by the gate
    path = work / ADAPTER_CONFIG
    config = json.loads(path.read_text(encoding="utf-8"))
    config |= {"base_model_name_or_path": base.name, "revision": base.revision, "inference_mode": True}
    config["target_modules"] = sorted(config["target_modules"])  # a set: its order differs from process to process
    write_text(path, json.dumps(config, indent=1, sort_keys=True) + "\n")
    if packed := quantization.description(how):
        write_text(work / quantization.FILE, json.dumps(packed, indent=1) + "\n")
    shutil.rmtree(target, ignore_errors=True)
    work.rename(target)


def require_saved(stage: Stage, model: Any, weights: dict[str, Any]) -> None:
    """The saved adapter is what was gathered, to the last bit: all that can be asked of a model that no process holds whole.

    Raises:
        InputError: it is not.
    """
    from peft import get_peft_model_state_dict
    from safetensors.torch import load_file

    saved = load_file(stage.folder / "adapter" / ADAPTER)
    expected = get_peft_model_state_dict(model, state_dict=weights)
    if saved.keys() != expected.keys() or not all(bool((saved[name] == expected[name]).all()) for name in saved):
        raise InputError(f"{stage.name}: the adapter was not saved as it was gathered; this is a bug, please report it")


def require_reloads(stage: Stage, recipe: Recipe, base: Base, probe: Sequence[int], trained: Any) -> None:
    """Base and saved adapter, loaded afresh, give the logits (tokens, vocabulary) of the trained model, to the last bit.

    Raises:
        InputError: they are another model.
    """
    import torch

    fresh = loading.load_model(base, recipe.model, stage.folder / "adapter").eval()
    drift = (loading.logits(fresh, probe) - trained).abs().max()
    if not torch.equal(drift, torch.zeros_like(drift)):
        raise InputError(
            f"{stage.name}: the saved adapter reloads to another model (logits differ by up to {float(drift):.3g});"
            " the stage is not signed; this is a bug, please report it"
        )
