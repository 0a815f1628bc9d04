"""A base held in 4 bits (QLoRA): how it is loaded, and the file that says so beside the adapter. Imports nothing heavy before it is asked."""

from __future__ import annotations

import importlib.util
import json
from pathlib import Path
from typing import Any

from wellgate.errors import InputError
from wellgate.recipe import Model

FILE = "quantization_config.json"
"""Beside an adapter that was trained on a quantised base: how to quantise the base, as `BitsAndBytesConfig.from_dict` reads it."""


def options(folder: Path, how: Model) -> dict[str, Any]:
    """What `from_pretrained` needs to hold the base in 4 bits; empty where the recipe does not ask for it.

    Raises:
        InputError: the weights are quantised already, or bitsandbytes is missing.
    """
    if "quantization_config" in json.loads((folder / "config.json").read_text(encoding="utf-8")):
        raise InputError(
            f"model.base: the weights in {folder} are quantised already; name the full-precision model,"
            " and set model.quantization for QLoRA"
        )
    if how.quantization is None:
        return {}
    require_bitsandbytes("model.quantization")
    from transformers import BitsAndBytesConfig

    return {"quantization_config": BitsAndBytesConfig(**how.quantization.model_dump())}


def require_bitsandbytes(key: str) -> None:
    """Say what to install where a recipe key needs bitsandbytes and it is not there."""
    if importlib.util.find_spec("bitsandbytes") is None:
        raise InputError(f'{key}: bitsandbytes is not installed; run `pip install -e ".[qlora]"`')


def keep_gradients_right(model: Any) -> None:
    """On CPUs with AVX512-BF16, bitsandbytes repacks a layer in its first evaluation pass for good, and later gradients are wrong."""
    from bitsandbytes.nn import Linear4bit

    for module in model.modules():
        if isinstance(module, Linear4bit):
            module.support_avx512bf16_for_cpu = False


def description(how: Model) -> dict[str, Any] | None:
    """The content of the file beside the adapter; None where the base is not quantised."""
    return {"quant_method": "bitsandbytes"} | how.quantization.model_dump() if how.quantization else None
