"""Before the first step of DPO or KTO the model is its reference: what holds then is required, not logged.

Logits equal those of the SFT model, and the first loss is what the loss gives where all log-ratios are 0.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from itertools import islice
from typing import Any

from wellgate import model as loading
from wellgate.errors import InputError
from wellgate.recipe import Dpo, Kto

TOLERANCE = 1e-3
"""How far the first loss may be from the expected one, as a share of it where it is above 1. Model and reference are one
model then: only summation order differs."""
LN2 = math.log(2)
AT_EQUALITY: dict[str, Callable[[Dpo], float]] = {
    "sigmoid": lambda dpo: LN2,
    "sigmoid_norm": lambda dpo: LN2,
    "hinge": lambda dpo: 1.0,
    "ipo": lambda dpo: 1 / (4 * dpo.beta**2),
    "robust": lambda dpo: LN2,
    "exo_pair": lambda dpo: -LN2 - math.log(dpo.label_smoothing * (1 - dpo.label_smoothing)) / 2,
    "nca_pair": lambda dpo: 2 * LN2,
    "bco_pair": lambda dpo: 2 * LN2,
    "sppo_hard": lambda dpo: 1 / (2 * dpo.beta**2),
    "aot": lambda dpo: LN2,
    "aot_unpaired": lambda dpo: LN2,
    "apo_zero": lambda dpo: 1.0,
    "apo_down": lambda dpo: 1.0,
    "discopop": lambda dpo: (LN2 + 1) / 2,
}
"""TRL's losses where model and reference agree; every f-divergence leaves them as they are. `sft` has no such value."""


def dpo_first_loss(section: Dpo, trainer: Any, sft_model: Any) -> float | None:
    """The loss of the first step if the model is its reference; None with `use_weighting`, which hangs on the model.

    The `sft` part does not compare with the reference: it is measured on the SFT model that was loaded afresh.
    """
    if section.use_weighting:
        return None
    weights = section.loss_weights or [1.0] * len(section.loss_type)
    return sum(
        weight * (chosen_loss(trainer, sft_model) if loss == "sft" else AT_EQUALITY[loss](section))
        for loss, weight in zip(section.loss_type, weights, strict=True)
    )


def kto_first_loss(section: Kto, trainer: Any, sft_model: Any) -> float | None:
    """One half of the rows' mean weight: every sigmoid is one half, and so the KL term 0."""
    if section.desirable_weight == section.undesirable_weight:
        return section.desirable_weight / 2
    weights = (section.undesirable_weight, section.desirable_weight)
    means = [sum(weights[int(one)] for one in batch["label"]) / len(batch["label"]) for batch in first_batches(trainer)]
    return over_processes(trainer, means) / 2


def first_batches(trainer: Any) -> Iterator[dict[str, Any]]:
    """The batches of the first optimizer step: their order hangs on the seed alone."""
    yield from islice(iter(trainer.get_train_dataloader()), trainer.args.gradient_accumulation_steps)


def over_processes(trainer: Any, means: Sequence[float]) -> float:
    """The mean over batches and processes, as the logged loss is."""
    import torch

    mean = torch.tensor(sum(means) / len(means), device=trainer.accelerator.device)
    return float(trainer.accelerator.gather(mean).mean())


def chosen_loss(trainer: Any, sft_model: Any) -> float:
    """Cross-entropy of the chosen tokens in the first step's batches, row by row, at the precision of training."""
    from peft.helpers import disable_input_dtype_casting

    with trainer.accelerator.autocast(), disable_input_dtype_casting(sft_model):
        return over_processes(trainer, [_chosen_loss(sft_model, batch) for batch in first_batches(trainer)])


def _chosen_loss(sft_model: Any, batch: dict[str, Any]) -> float:
    import torch

    total, tokens = 0.0, 0
    half = len(batch["input_ids"]) // 2  # the chosen sides stand first
    for row in range(half):
        real = batch["attention_mask"][row].bool()
        ids, chosen = batch["input_ids"][row][real], batch["completion_mask"][row][real][1:].bool()
        with torch.no_grad():
            logits = sft_model(input_ids=ids[None]).logits[0, :-1][chosen].float()
        total += float(torch.nn.functional.cross_entropy(logits, ids[1:][chosen], reduction="sum"))
        tokens += int(chosen.sum())
    return total / tokens


def require_first_loss(name: str, found: float, expected: float | None) -> None:
    """The first loss is the expected one, where that is known.

    Raises:
        InputError: it is not: the reference is another model than the one that is trained.
    """
    if expected is not None and not abs(found - expected) <= TOLERANCE * max(1.0, abs(expected)):
        raise InputError(
            f"{name}: the first loss is {found:.4f}, not {expected:.4f}: the reference is not the SFT model"
        )


def require_same_start(name: str, model: Any, sft_model: Any, probe: Sequence[int]) -> None:
    """The reference, and the model before its first step, answer exactly as the SFT model loaded afresh.

    Raises:
        InputError: one of them does not.
    """
    import torch

    expected = loading.logits(sft_model, probe)
    for adapter in ("ref", "default"):
        if not torch.equal(loading.logits(model, probe, adapter), expected):
            raise InputError(
                f"{name}: the {adapter} model differs from the SFT model before the first step; lineage is broken"
            )


def reference(model: Any) -> list[Any]:
    """Copies of the frozen reference adapter's weights."""
    return [one.detach().clone() for name, one in model.named_parameters() if ".ref." in name]


def require_still(name: str, before: Sequence[Any], after: Sequence[Any]) -> None:
    """The reference's weights are those it had before training.

    Raises:
        InputError: they moved.
    """
    if not before or not all(bool((new == old).all()) for new, old in zip(after, before, strict=True)):
        raise InputError(f"{name}: the reference moved during training; this is a bug, please report it")
