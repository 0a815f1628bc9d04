"""SFT with differential privacy: DP-SGD (Abadi et al. 2016) on the adapter, with opacus's clipping, noise and accountant.

A loop of its own, because TRL's trainer breaks what the proof needs: its loss is a mean over all tokens of a batch, so
that what one row adds hangs on the others; and its batches are a shuffle, not Poisson draws. Here a row's loss is the
mean over its own supervised tokens. The base is frozen; per-sample gradients are those of the adapter's linear layers.
Nothing is resumed: a run that was killed starts again, and spends its epsilon once, on the adapter that it saves.
"""

from __future__ import annotations

import math
import os
import secrets
import time
import warnings
from collections.abc import Sequence
from typing import Any

from train.labels import IGNORED, Labelled
from train.lora import lora_config, require_targets
from train.promise import Plan, most_rows_of_a_client, plan, promise
from wellgate import model as loading
from wellgate.base import Base
from wellgate.errors import InputError
from wellgate.recipe import Private, Recipe, Sft
from wellgate.records import Conversation


def require_possible(section: Sft) -> None:
    """Say at once, before anything is loaded, what a private run cannot do."""
    if int(os.environ.get("WORLD_SIZE", "1")) > 1:
        raise InputError("sft.private: runs in one process only; launch it with one, or drop sft.private")
    if section.gradient_checkpointing:
        raise InputError("sft.gradient_checkpointing: per-sample gradients need what it throws away; set it to false")
    if section.optim.endswith("8bit"):
        raise InputError("sft.optim: the loop of sft.private steps with torch's AdamW; take it out")
    for name in ("watch", "report_to", "packing", "torch_compile"):
        if getattr(section, name):
            raise InputError(f"sft.{name}: the loop of sft.private does not know it; take it out")
    warnings.filterwarnings("ignore", "Optimal order")  # the accountant's, of bounds that could be tighter still
    try:
        import opacus  # noqa: F401
    except ImportError:
        raise InputError("sft.private: opacus is not installed; pip install 'wellgate[private]'") from None


def train(
    recipe: Recipe, section: Sft, base: Base, rows: Sequence[Labelled], records: Sequence[Conversation]
) -> tuple[Any, list[float], dict[str, Any]]:
    """The trained model, the loss of each step that drew a row (exact, not private), and what was promised."""
    private = section.private
    assert private is not None
    largest = most_rows_of_a_client(private, records, rows)
    planned = plan(section, private, len(rows))
    loop = Loop(adapted(recipe, section, base), section, private, planned, len(rows))
    started, losses = time.monotonic(), []
    for step, drawn in enumerate(loop.draws, 1):
        loss = loop.step([rows[one] for one in drawn])
        if not math.isfinite(loss or 0.0):
            raise InputError(f"sft: the loss is not a number from step {step}; lower sft.learning_rate")
        losses += [] if loss is None else [loss]
        if losses and step % section.logging_steps == 0:
            print(
                f"sft: step {step}/{planned.steps}, loss {losses[-1]:.3f}, {time.monotonic() - started:.0f} s",
                flush=True,
            )
    if not losses:
        raise InputError(f"sft.private: no row was drawn in {planned.steps} steps; raise sft.max_steps")
    return loop.module.to_standard_module(), losses, promise(private, loop.accountant.history, largest)


def adapted(recipe: Recipe, section: Sft, base: Base) -> Any:
    """The base with a fresh adapter, whose start is no secret: it does not depend on the data."""
    import torch
    from peft import get_peft_model
    from transformers import set_seed

    set_seed(recipe.seed)
    model = loading.load_model(base, recipe.model)
    require_targets(model, section.lora)
    model = get_peft_model(model, lora_config(section.lora))
    model.enable_input_require_grads()  # else the first layer's hooks warn that nothing below them is trained
    for name, module in model.named_modules():
        trained = any(one.requires_grad for one in module.parameters(recurse=False))
        if trained and type(module) is not torch.nn.Linear:
            raise InputError(
                f"sft.lora: per-sample gradients of {name} are not known; sft.private takes plain LoRA on linear layers"
            )
    return model


class Loop:
    """Model, optimizer and accountant, and one step over one Poisson draw.

    `DPOptimizer` clips and sums what each forward pass leaves in `grad_sample`, and adds noise when the draw is through.
    """

    def __init__(self, model: Any, section: Sft, private: Private, plan: Plan, rows: int) -> None:
        import torch
        from opacus import GradSampleModule
        from opacus.accountants import RDPAccountant
        from opacus.optimizers import DPOptimizer
        from opacus.utils.uniform_sampler import UniformWithReplacementSampler
        from transformers import get_scheduler

        self.module = GradSampleModule(model.train())
        trained = [one for one in model.parameters() if one.requires_grad]
        inner = torch.optim.AdamW(trained, lr=section.learning_rate, weight_decay=section.weight_decay)
        warmup = section.warmup_steps if section.warmup_steps >= 1 else math.ceil(section.warmup_steps * plan.steps)
        self.schedule = get_scheduler(section.lr_scheduler_type, inner, int(warmup), plan.steps)
        known = private.noise_seed
        seeds = (secrets.randbits(63), secrets.randbits(63)) if known is None else (known, known + 1)
        self.optimizer = DPOptimizer(
            inner,
            noise_multiplier=plan.noise,
            max_grad_norm=private.max_grad_norm,
            expected_batch_size=plan.rate * rows,
            generator=torch.Generator(model.device).manual_seed(seeds[0]),
        )
        self.accountant = RDPAccountant()
        self.optimizer.attach_step_hook(self.accountant.get_optimizer_hook_fn(plan.rate))
        generator = torch.Generator().manual_seed(seeds[1])
        self.draws = UniformWithReplacementSampler(
            num_samples=rows, sample_rate=plan.rate, generator=generator, steps=plan.steps
        )
        self.size = section.per_device_train_batch_size

    def step(self, rows: Sequence[Labelled]) -> float | None:
        """One step of the optimizer, by as many forward passes as fit; the rows' mean loss, None where none was drawn."""
        rows = sorted(rows, key=lambda row: len(row.input_ids))
        parts = [rows[start : start + self.size] for start in range(0, len(rows), self.size)] or [[]]
        total = 0.0
        for part in parts:
            total += self.gradients(part) * len(part)
            self.optimizer.signal_skip_step(do_skip=part is not parts[-1])
            self.optimizer.step()
            self.optimizer.zero_grad()
        self.schedule.step()
        return total / len(rows) if rows else None

    def gradients(self, rows: Sequence[Labelled]) -> float:
        """Leave a gradient for each row in `grad_sample` of every trained parameter; the rows' mean loss."""
        import torch

        if not rows:  # a draw may be empty: its step is noise alone, which the promise counts on
            for one in self.optimizer.params:
                one.grad_sample = one.new_zeros((0, *one.shape))
            return 0.0
        columns = [torch.tensor(row.input_ids) for row in rows], [torch.tensor(row.labels) for row in rows]
        pad, device = torch.nn.utils.rnn.pad_sequence, self.module._module.device
        ids, labels = pad(columns[0], batch_first=True), pad(columns[1], batch_first=True, padding_value=IGNORED)
        mask = pad([torch.ones_like(one) for one in columns[0]], batch_first=True)
        ids, labels, mask = (one.to(device) for one in (ids, labels[:, 1:], mask))
        logits = self.module(input_ids=ids, attention_mask=mask, use_cache=False).logits[:, :-1].float()
        losses = torch.nn.functional.cross_entropy(
            logits.transpose(1, 2), labels, ignore_index=IGNORED, reduction="none"
        )
        loss = (losses.sum(dim=1) / (labels != IGNORED).sum(dim=1)).mean()
        loss.backward()
        return float(loss.detach())
