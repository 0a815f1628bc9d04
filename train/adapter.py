"""The trained adapter as it is saved: alone, in one spelling, naming its base and never a machine."""

from __future__ import annotations

import json
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from wellgate.files import write_text
from wellgate.model import ADAPTER_CONFIG


@dataclass(frozen=True)
class Pinned:
    """The base as adapter configs name it: a public name and revision, never a machine's path."""

    name: str
    revision: str | None


def save_adapter(model: Any, folder: Path, base: Pinned) -> None:
    """Save the trained adapter alone, its config in one spelling, and swap it in whole."""
    target, work = folder / "adapter", folder / "adapter.work"
    shutil.rmtree(work, ignore_errors=True)
    if "ref" in model.peft_config:
        model.delete_adapter("ref")  # TRL's frozen copy of the SFT adapter is not part of the result
    model.save_pretrained(str(work), safe_serialization=True)
    (work / "README.md").unlink(missing_ok=True)  # PEFT's card; ours is written by the gate
    path = work / ADAPTER_CONFIG
    config = json.loads(path.read_text(encoding="utf-8"))
    config |= {"base_model_name_or_path": base.name, "revision": base.revision, "inference_mode": True}
    config["target_modules"] = sorted(config["target_modules"])  # a set: its order differs from process to process
    write_text(path, json.dumps(config, indent=1, sort_keys=True) + "\n")
    shutil.rmtree(target, ignore_errors=True)
    work.rename(target)
