"""TRL's preference losses by TRL's names, and which of their settings go together.

TRL refuses some combinations when its trainer is built, crashes in others, and ignores keys that a loss does not read.
Here each of them is a line when the recipe is loaded.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from wellgate.recipe import Dpo, Kto

DpoLoss = Literal[
    "sigmoid", "sigmoid_norm", "hinge", "ipo", "robust", "exo_pair", "nca_pair", "bco_pair", "sppo_hard", "aot", "aot_unpaired",
    "apo_zero", "apo_down", "discopop", "sft",
]  # fmt: skip
KtoLoss = Literal["kto", "apo_zero_unpaired"]
Divergence = Literal["reverse_kl", "forward_kl", "js_divergence", "alpha_divergence"]
SMOOTHED = {"robust", "exo_pair", "aot", "aot_unpaired"}
"""Losses that read `label_smoothing`."""
SORTED = {"aot", "aot_unpaired"}
"""Losses that compare the sorted log-ratios of a batch."""
DIVERGING = {"sigmoid", "sigmoid_norm", "hinge", "ipo", "exo_pair", "robust", "discopop", "sft"}
"""Losses of the difference between both rewards, in which an f-divergence's normaliser cancels out."""


def dpo_problems(section: Dpo) -> Iterator[str]:
    """What does not go together in a `dpo` section, each with the way out."""
    losses: list[str] = list(section.loss_type)
    if len(set(losses)) < len(losses):
        yield "`loss_type` names a loss twice; use `loss_weights`"
    if losses == ["sft"]:
        yield "`loss_type`: `sft` alone never looks at the rejected reply; add a preference loss, as [sigmoid, sft]"
    if section.loss_weights is not None and len(section.loss_weights) != len(losses):
        yield f"`loss_weights` has {len(section.loss_weights)} values for {len(losses)} losses; give one for each"
    if section.label_smoothing and not SMOOTHED & set(losses):
        yield f"`label_smoothing` is read by {_listed(SMOOTHED)} only; leave it out or take one of them"
    if "exo_pair" in losses and not section.label_smoothing:
        yield "`exo_pair` needs `label_smoothing` above 0; its authors use 1e-3"
    if SORTED & set(losses) and section.per_device_train_batch_size == 1:
        yield "`aot` sorts the pairs of a batch; set `per_device_train_batch_size` to 2 or more"
    if section.f_divergence_type != "reverse_kl" and (others := set(losses) - DIVERGING):
        yield f"`f_divergence_type: {section.f_divergence_type}` is not defined for {_listed(others)}; keep reverse_kl"
    if section.use_weighting and (others := (SORTED | {"sft"}) & set(losses)):
        yield f"`use_weighting` does not work with {_listed(others)}; leave one of them out"
    for key, value, default, reader in (
        ("f_alpha_divergence_coef", section.f_alpha_divergence_coef, 0.5, section.f_divergence_type == "alpha_divergence"),
        ("discopop_tau", section.discopop_tau, 0.05, "discopop" in losses),
    ):  # fmt: skip
        if value != default and not reader:
            yield f"`{key}` does nothing with these losses; leave it out"


def kto_problems(section: Kto) -> Iterator[str]:
    """The same of a `kto` section."""
    if section.loss_type == "kto" and section.per_device_train_batch_size == 1:
        yield "`kto` estimates its KL term from the other rows of a batch; set `per_device_train_batch_size` to 2 or more"


def _listed(names: set[str]) -> str:
    return ", ".join(f"`{name}`" for name in sorted(names))
