"""The adapter to be trained: PEFT's LoRA, rsLoRA or DoRA from the recipe's keys, and what it comes to in parameters."""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Sequence
from typing import Any

from wellgate.errors import InputError
from wellgate.recipe import Lora

REFERENCE = ".ref."
"""In the names of the frozen copy that DPO compares with."""


def lora_config(lora: Lora) -> Any:
    """PEFT's LoraConfig from the recipe's keys."""
    from peft import LoraConfig

    return LoraConfig(task_type="CAUSAL_LM", **lora.model_dump())


def adapted(name: str, lora: Lora) -> bool:
    """Whether PEFT gives the linear layer of this name an adapter."""
    return named(name, lora.target_modules) and not (lora.exclude_modules and named(name, lora.exclude_modules))


def named(name: str, wanted: str | Sequence[str]) -> bool:
    """Whether these words of PEFT's mean the module: `all-linear`, a regular expression, or a list of names."""
    if wanted == "all-linear":
        return True
    if isinstance(wanted, str):
        return re.fullmatch(wanted, name) is not None
    return any(name == one or name.endswith(f".{one}") for one in wanted)


def require_targets(model: Any, lora: Lora) -> None:
    """Every word of `target_modules` names a linear layer of this model, and some layer is left to adapt.

    Raises:
        InputError: PEFT passes over a word that fits nothing, as long as another fits.
    """
    from torch.nn import Linear

    head = model.get_output_embeddings()
    linear = [name for name, module in model.named_modules() if isinstance(module, Linear) and module is not head]
    words = lora.target_modules if isinstance(lora.target_modules, list) else []
    unknown = [word for word in words if not any(named(name, [word]) for name in linear)]
    if unknown or not any(adapted(name, lora) for name in linear):
        what = f"{unknown[0]!r} names no linear layer" if unknown else "no linear layer is left"
        kinds = ", ".join(sorted({name.rpartition(".")[2] for name in linear}))
        raise InputError(f"sft.lora.target_modules: {what} of this model; it has {kinds}")


def keep_float32(model: Any) -> None:
    """Undo TRL's rounding of adapters on a quantised base to bfloat16.

    Adam's small steps get lost in bfloat16, and DPO would not begin at the SFT model: its reference, copied before the rounding, is
    still exact.
    """
    if not getattr(model, "is_loaded_in_4bit", False):
        return
    exact: dict[str, Any] = dict(model.named_parameters())
    for name, parameter in exact.items():
        if parameter.requires_grad:
            twin = exact.get(name.replace(".default.", REFERENCE), parameter)
            parameter.data = twin.detach().float().clone()


def parameter_counts(model: Any) -> dict[str, int]:
    """Parameters of the adapter that is trained, and of base and adapter together."""
    sizes = [
        (parameter.requires_grad, _size(parameter))
        for name, parameter in model.named_parameters()
        if REFERENCE not in name
    ]
    return {
        "trainable_parameters": sum(size for trained, size in sizes if trained),
        "total_parameters": sum(size for _, size in sizes),
    }


def _size(parameter: Any) -> int:
    """Numbers that a parameter stands for: bitsandbytes packs two and more into one, and ZeRO-3 leaves an empty one."""
    state = getattr(parameter, "quant_state", None)
    return math.prod(state.shape) if state is not None else int(getattr(parameter, "ds_numel", parameter.numel()))


def adapter_table(model: Any) -> str:
    """Which kinds of module get an adapter: how many, their shape, rank and parameters; one line a kind."""
    kinds: Counter[tuple[str, str, int]] = Counter()
    sizes: Counter[tuple[str, str, int]] = Counter()
    for name, module in model.named_modules():
        if "default" not in getattr(module, "lora_A", {}):
            continue
        shape = f"{module.in_features} to {module.out_features}"
        kind = (name.rpartition(".")[2], shape, module.r["default"])
        kinds[kind] += 1
        sizes[kind] += sum(_size(one) for place, one in module.named_parameters() if ".default" in place)
    counts = parameter_counts(model)
    trained, total = counts["trainable_parameters"], counts["total_parameters"]
    return "\n".join(
        [
            f"adapter: {trained:,} trainable of {total:,} parameters ({trained / total:.2%})",
            f"  {'module':14} {'number':>6} {'in to out':>16} {'rank':>5} {'parameters':>12}",
            *(
                f"  {name:14} {number:6} {shape:>16} {rank:5} {sizes[name, shape, rank]:12,}"
                for (name, shape, rank), number in kinds.items()
            ),
        ]
    )
