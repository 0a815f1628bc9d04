"""Reasons to end training before its last step: a number that is none, divergence, and SIGTERM.

A reason is kept and raised when training has ended, so that the checkpoint, the trackers and the plot are finished first.
"""

from __future__ import annotations

import math
import signal
import threading
from collections import deque
from typing import Any

from transformers import TrainerCallback

from wellgate.errors import Crashed, InputError

WINDOW = 5
"""Logged losses whose mean is held against the first one."""
WATCHED = {"loss": "loss", "grad_norm": "gradient norm"}


class Stop(TrainerCallback):  # type: ignore[misc]
    """A callback that may end training."""

    why: Exception | None = None

    def stop(self, control: Any, why: Exception, save: bool) -> None:
        """End training after this step, with or without a checkpoint of it."""
        self.why = self.why or why
        control.should_training_stop, control.should_save = True, save

    def on_train_end(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        if self.why:
            raise self.why


class Diverged(Stop):
    """Looks at each logged loss and gradient norm. Where they are no numbers, no checkpoint of them is kept."""

    def __init__(self, section: str, max_loss_ratio: float | None) -> None:
        self.section, self.ratio = section, max_loss_ratio
        self.first: float | None = None
        self.recent: deque[float] = deque(maxlen=WINDOW)

    def on_train_begin(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        for entry in state.log_history:  # of a run that is resumed
            self._note(entry)

    def on_log(self, args: Any, state: Any, control: Any, logs: dict[str, Any], **kwargs: Any) -> None:
        self._note(logs)
        if problem := self._not_a_number(logs) or self._risen(logs):
            why = f"{self.section}: the {problem} at step {state.global_step}; lower {self.section}.learning_rate"
            self.stop(control, InputError(why), save=False)

    def _note(self, logs: dict[str, Any]) -> None:
        if "loss" in logs:
            self.first = logs["loss"] if self.first is None else self.first
            self.recent.append(logs["loss"])

    def _not_a_number(self, logs: dict[str, Any]) -> str | None:
        bad = [name for key, name in WATCHED.items() if not math.isfinite(logs.get(key, 0.0))]
        return f"{bad[0]} is not a number" if bad else None

    def _risen(self, logs: dict[str, Any]) -> str | None:
        if "loss" not in logs or self.ratio is None or len(self.recent) < WINDOW or not self.first or self.first < 0:
            return None
        mean = sum(self.recent) / WINDOW
        if mean <= self.ratio * self.first:
            return None
        return (
            f"loss diverges (mean of the last {WINDOW} is {mean:.3f}, the first was {self.first:.3f},"
            f" {self.section}.max_loss_ratio is {self.ratio:g})"
        )


class Preempted(Stop):
    """On SIGTERM, as Slurm sends it before it takes the machine back: save at the next step's end, and go."""

    def __init__(self, trainer: Any, section: str) -> None:
        self.trainer, self.section = trainer, section
        self.asked = False
        self.before: Any = None

    def on_train_begin(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        if threading.current_thread() is threading.main_thread():
            self.before = signal.signal(signal.SIGTERM, self._note)

    def _note(self, *args: Any) -> None:
        self.asked = True

    def on_step_end(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        if args.world_size > 1 and not control.should_log:
            return  # processes agree only where logging makes them wait for each other anyway
        if state.global_step < state.max_steps and self._agreed(args.world_size):
            said = f"{self.section}: interrupted at step {state.global_step}, its checkpoint is saved; run again to go on from here"
            self.stop(control, Crashed(said), save=True)

    def _agreed(self, processes: int) -> bool:
        """Whether any process was asked: the signal need not reach all of them within one step."""
        if processes == 1:
            return self.asked
        import torch

        asked = torch.tensor([int(self.asked)], device=self.trainer.accelerator.device)
        return bool(self.trainer.accelerator.reduce(asked, "sum").item())

    def on_train_end(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        if self.before is not None:
            signal.signal(signal.SIGTERM, self.before)
        super().on_train_end(args, state, control)
