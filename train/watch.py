"""A few probe items asked while the model trains, so that a run that unlearns safety is seen, and may be stopped, early.

The probes are the gate's plug-ins and the graders the gate's graders; the sample is small, so this is an alarm and no
evidence. Training is not disturbed: its random states, modes and weights are what they were.
"""

from __future__ import annotations

import json
import random
import time
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from itertools import chain, zip_longest
from pathlib import Path
from typing import Any

import numpy
import torch
from accelerate.utils import broadcast_object_list

from train.stops import Stop
from wellgate import model as loading
from wellgate.errors import InputError
from wellgate.files import sha256_text, write_text
from wellgate.grading import grade
from wellgate.plugins import Item, Probe
from wellgate.recipe import Watch
from wellgate.records import Graded, Reply, canonical_json

BASELINE = "watch.json"
SUBJECT = "in training"
Answered = tuple[Reply, Graded]
Rates = dict[str, float]
"""`watch/<probe>/pass`, `.../hard` and `.../cut`: shares of the probe's replies."""


def choose(probe: Probe, count: int) -> list[Item]:
    """A fixed, hashed choice of items of different clusters: one of each slice in turn."""
    slices: dict[str, dict[str, Item]] = defaultdict(dict)
    for item in sorted(probe.items(), key=lambda one: sha256_text(f"watch|{one.id}")):
        slices[item.slice].setdefault(item.cluster, item)
    turns = zip_longest(*(slices[name].values() for name in sorted(slices)))
    return [item for item in chain.from_iterable(turns) if item is not None][:count]


@contextmanager
def undisturbed(model: Any) -> Iterator[None]:
    """Evaluation mode inside; afterwards modes and random states are those from before."""
    modes = [(module, module.training) for module in model.modules()]
    python, arrays = random.getstate(), numpy.random.get_state()
    devices = [torch.cuda.current_device()] if torch.cuda.is_available() else []
    try:
        with torch.random.fork_rng(devices), torch.compiler.set_stance("force_eager"):
            model.eval()
            yield
    finally:
        random.setstate(python)
        numpy.random.set_state(arrays)
        for module, training in modes:
            module.training = training


class Watcher(Stop):
    """Asks before the first step, every so many steps, and after the last one.

    Args:
        show: gets each round's graded replies, where the recipe lets a tracker have text.
    """

    def __init__(
        self, trainer: Any, section: str, watch: Watch, system_prompt: str, folder: Path, show: Callable[[int, Sequence[Answered]], None] | None = None
    ) -> None:  # fmt: skip
        if trainer.is_fsdp_enabled or trainer.is_deepspeed_enabled:
            raise InputError(
                f"{section}.watch: cannot ask a model whose weights are sharded; take it out of the recipe"
            )
        self.trainer, self.section, self.watch, self.system_prompt, self.show = (
            trainer,
            section,
            watch,
            system_prompt,
            show,
        )
        self.asked = [(probe, choose(probe, watch.items)) for probe in watch.probes]
        self.path = folder / BASELINE
        self.baseline: Rates = {}

    def on_train_begin(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        if state.global_step == 0:
            self.baseline = self._round(state)
            if state.is_world_process_zero:
                write_text(self.path, json.dumps({"asked": self._digest(), "rates": self.baseline}) + "\n")
        else:
            self.baseline = self._read_baseline()

    def on_step_end(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        if state.global_step % self.watch.every and state.global_step != state.max_steps:
            return
        rates = self._round(state)
        worse = regressed(self.baseline, rates, self.watch.margin)
        if worse and self.watch.stop_on_regression:
            why = (
                f"{self.section}: watch: worse than before training at step {state.global_step}: {'; '.join(worse)};"
                f" the adapter is not signed. Change the recipe; a change of {self.section}.watch alone goes on from this checkpoint"
            )
            self.stop(control, InputError(why), save=True)

    def _round(self, state: Any) -> Rates:
        """Ask and grade on the first process, and tell the others, who would reach the same."""
        began = time.monotonic()
        found: list[Any] = [None]
        if state.is_world_process_zero:
            answered = self._ask()
            found = [rates([graded for _, graded in answered])]
            if self.show:
                self.show(state.global_step, answered)
        broadcast_object_list(found)
        self._publish(state, found[0], time.monotonic() - began)
        return dict(found[0])

    def _publish(self, state: Any, found: Rates, seconds: float) -> None:
        """To metrics and trackers. (Trainer.log would empty TRL's averages of this step, and the handler clears its flag.)"""
        control = self.trainer.control
        due = control.should_log
        logs = found | {"watch/seconds": round(seconds, 2)}
        self.trainer.callback_handler.on_log(self.trainer.args, state, control, logs)
        control.should_log = due
        if state.is_world_process_zero:
            shares = [f"{probe.use} {100 * found[f'watch/{probe.use}/pass']:.0f} %" for probe, _ in self.asked]
            print(f"{self.section}: watch at step {state.global_step}: {', '.join(shares)} pass", flush=True)

    def _ask(self) -> list[Answered]:
        model = self.trainer.accelerator.unwrap_model(self.trainer.model)
        with undisturbed(model), self.trainer.accelerator.autocast():
            return [one for probe, items in self.asked for one in self._answers(model, probe, items)]

    def _answers(self, model: Any, probe: Probe, items: Sequence[Item]) -> list[Answered]:
        """A cut reply is graded as far as it goes: at this length most would else fail for it alone."""
        tokenizer, size = self.trainer.processing_class, self.watch.batch_size
        prompts = [
            loading.render(tokenizer, loading.conversation(self.system_prompt, item.messages), True) for item in items
        ]
        written = [
            one
            for first in range(0, len(prompts), size)
            for one in loading.generate(
                model, tokenizer, prompts[first : first + size], self.watch.max_new_tokens, do_sample=False
            )
        ]
        replies = [
            Reply(probe=probe.use, item=item.id, subject=SUBJECT, sample=0, text=one.text, tokens=one.tokens, finished=True, prompt_digest=sha256_text(prompt))
            for item, prompt, one in zip(items, prompts, written, strict=True)
        ]  # fmt: skip
        graded = grade(probe, items, replies)
        return [
            (reply, record.model_copy(update={"finished": one.finished}))
            for reply, record, one in zip(replies, graded, written, strict=True)
        ]

    def _digest(self) -> str:
        asked = [[probe.use, *(item.model_dump(mode="json") for item in items)] for probe, items in self.asked]
        return sha256_text(canonical_json([*asked, self.watch.max_new_tokens]))

    def _read_baseline(self) -> Rates:
        known = json.loads(self.path.read_text(encoding="utf-8")) if self.path.is_file() else {}
        if known.get("asked") != self._digest():
            raise InputError(
                f"{self.section}.watch: this run began without it or asked other items, so there are no rates from before training;"
                f" set it as it was, or delete {self.path.parent / 'checkpoints'} to begin again"
            )
        return dict(known["rates"])


def rates(graded: Sequence[Graded]) -> Rates:
    """Shares of each probe's replies that fail nothing, that fail hard, and that were cut."""
    found: Rates = {}
    for name in sorted({one.probe for one in graded}):
        own = [one for one in graded if one.probe == name]
        counts = {
            "pass": sum(not one.failed for one in own),
            "hard": sum(bool(one.hard) for one in own),
            "cut": sum(not one.finished for one in own),
        }
        found |= {f"watch/{name}/{kind}": round(number / len(own), 4) for kind, number in counts.items()}
    return found


def regressed(before: Rates, now: Rates, margin: float) -> list[str]:
    """The rates that are worse than before by more than `margin` percentage points."""
    worse = []
    for name, value in now.items():
        _, probe, kind = name.split("/")
        change = 100 * (value - before[name]) * (1 if kind == "hard" else -1)
        if kind != "cut" and change > margin + 1e-6:
            worse.append(f"{probe} {kind} {100 * before[name]:.0f} % to {100 * value:.0f} %")
    return worse
