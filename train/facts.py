"""What a training run is doing: `metrics.jsonl`, a line or a bar on the screen, and the loss curve at the end.

None of it is signed: it holds times and speeds, which no two runs share.
"""

from __future__ import annotations

import json
import math
import resource
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from transformers import TrainerCallback

from train.labels import IGNORED
from wellgate.files import write_text

FILE = "metrics.jsonl"
COUNTED = ("real", "padded", "supervised")


def count(inputs: Mapping[str, Any]) -> Any:
    """Tokens of a batch as an int64 tensor on its device, so that nobody waits for it: COUNTED, padding within `padded`."""
    ids, mask = inputs["input_ids"], inputs.get("attention_mask")
    supervised = inputs["labels"] != IGNORED if "labels" in inputs else inputs["completion_mask"]
    everything = torch.tensor(ids.numel(), device=ids.device)
    return torch.stack([everything if mask is None else mask.sum(), everything, supervised.sum()]).long()


class Counted:
    """A trainer that counts the tokens it trains on."""

    counted: Any = None

    def compute_loss(self, model: Any, inputs: Any, *args: Any, **kwargs: Any) -> Any:
        own: Any = super()
        new = count(inputs)
        self.counted = new if self.counted is None else self.counted + new
        return own.compute_loss(model, inputs, *args, **kwargs)


class Facts(TrainerCallback):  # type: ignore[misc]
    """Adds speed, memory and time to each log line, and keeps it. Stands before the trackers, which then get them too."""

    def __init__(self, trainer: Any, folder: Path, label: str) -> None:
        self.trainer, self.label = trainer, label
        self.path = folder / FILE
        self.spent = 0.0  # seconds of the runs that this one goes on from

    def on_train_begin(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        """A run that starts anew has no rows; one that goes on keeps those up to its checkpoint."""
        self.began = self.logged = self.timed = time.monotonic()
        self.first_step = state.global_step
        kept = [row for row in read(self.path) if state.global_step and row["step"] <= state.global_step]
        self.spent = max((row.get("seconds", 0.0) for row in kept), default=0.0)
        if state.is_world_process_zero:
            write_text(self.path, "".join(json.dumps(row) + "\n" for row in kept))

    def on_log(self, args: Any, state: Any, control: Any, logs: dict[str, Any], **kwargs: Any) -> None:
        if "loss" in logs:
            logs |= self._facts(state)
        elif "watch/seconds" in logs:
            self._leave_out(logs["watch/seconds"], state)
        else:
            return  # transformers' own summary at the end
        if state.is_world_process_zero:
            numbers = {name: value for name, value in logs.items() if isinstance(value, int | float)}
            row = {"step": state.global_step} | {name: _finite(value) for name, value in numbers.items()}
            with self.path.open("a", encoding="utf-8") as stream:
                stream.write(json.dumps(row) + "\n")
            if args.disable_tqdm and "loss" in logs:
                print(self._line(state, logs), flush=True)

    def _leave_out(self, seconds: float, state: Any) -> None:
        """A round of the watch is no training: tokens a second leave it out, and the first round says nothing of the next steps."""
        self.logged += seconds
        if state.global_step == self.first_step:
            self.timed += seconds

    def _facts(self, state: Any) -> dict[str, float]:
        now = time.monotonic()
        since, self.logged = now - self.logged, now
        tokens = self.trainer.accelerator.reduce(self.trainer.counted, "sum").tolist()
        self.trainer.counted = None
        a_step = (now - self.timed) / (state.global_step - self.first_step)
        return {
            **{f"{name}_tokens_per_second": round(n / since, 1) for name, n in zip(COUNTED, tokens, strict=True)},
            "peak_memory_mib": peak_memory_mib(),
            "seconds": round(self.spent + now - self.began, 2),
            "eta_seconds": round(a_step * (state.max_steps - state.global_step), 1),
        }

    def _line(self, state: Any, logs: dict[str, Any]) -> str:
        return (
            f"{self.label}: step {state.global_step}/{state.max_steps}, loss {logs['loss']:.3f},"
            f" {logs['real_tokens_per_second']:.0f} tokens/s, {spoken(logs['seconds'])}, about {spoken(logs['eta_seconds'])} to go"
        )


def read(path: Path) -> list[dict[str, Any]]:
    """The rows of a `metrics.jsonl`; a last line that a kill has torn is left out."""
    lines = path.read_text(encoding="utf-8").split("\n")[:-1] if path.is_file() else []
    return [json.loads(line) for line in lines]


def spoken(seconds: float) -> str:
    """Seconds as a person says them: 42 s, 7 min, 2 h 05 min."""
    if seconds < 120:
        return f"{seconds:.0f} s"
    hours, minutes = divmod(round(seconds / 60), 60)
    return f"{hours} h {minutes:02d} min" if hours else f"{minutes} min"


def peak_memory_mib() -> float:
    """The most memory held so far: by tensors of this process on its GPU, else by the process."""
    if torch.cuda.is_available():
        return round(float(torch.cuda.max_memory_allocated()) / 2**20, 1)
    unit = 1 if sys.platform == "darwin" else 1024
    return round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit / 2**20, 1)


def _finite(value: float) -> float | None:
    return value if math.isfinite(value) else None
