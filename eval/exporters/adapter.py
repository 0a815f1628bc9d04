"""The LoRA adapter as PEFT saves it, with tokenizer, chat template, system prompt and crisis registry beside it."""

from __future__ import annotations

import shutil
from pathlib import Path

from eval.verify import Clearance
from wellgate.plugins import Cleared, Exporter


class Adapter(Exporter):
    def export(self, clearance: Cleared, destination: Path) -> None:
        if not isinstance(clearance, Clearance):
            raise TypeError("an export needs the clearance that eval.verify builds")
        for name, path in clearance.files.items():
            shutil.copyfile(path, destination / name)
