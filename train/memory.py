"""What training will need in memory, from `config.json` and the headers of the weights alone: no torch, no weights loaded.

The peak is a sum of parts: the process, the frozen weights, the adapter with its gradients and AdamW states, what the layers keep for
the backward pass, and the head's working space, in which TRL turns at most 4,096 supervised positions into logits at a time. On
CPU the sum is checked against measurements (`scripts/memory.py`); for GPUs it is arithmetic that has not been measured.
"""

from __future__ import annotations

import json
import math
import re
import struct
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

from train.lora import adapted
from wellgate.recipe import Dpo, Lora, Model, Quantization, Sft, Training

PROCESS = {"cpu": 560 << 20, "cuda": 700 << 20}
"""Python with torch, transformers and TRL imported (measured), and CUDA's context (estimated)."""
HEAP = {"cpu": 1.5, "cuda": 1.1}
"""Memory that the allocator holds for each byte in use: glibc's heap (measured), CUDA's caching allocator (estimated).
With gradient checkpointing on CPU it is 1: freed blocks go back to the system then (`wellgate.model.tune_allocator`)."""
HEAD_TILE = {"cpu": 7.25 * 4, "cuda": 0.0}
"""Working bytes for each logit of a tile beside the tile: torch's operations on CPU; Triton works in place."""
BYTES = {"F32": 4, "F16": 2, "BF16": 2, "float32": 4, "bfloat16": 2, "uint8": 1}
TOKENS, VOCABULARY = 4096, 32768
"""TRL's tile of logits."""
STATES = {"adamw_8bit": 2, "paged_adamw_8bit": 2}
"""Bytes of AdamW's two moments for each adapter parameter; torch keeps two float32."""
NOT_LINEAR = re.compile(r"embed|norm|lm_head|wte|wpe|rotary")


@dataclass(frozen=True)
class Architecture:
    """What decides the size of a transformer's activations, and its weights by name and shape."""

    hidden: int
    layers: int
    heads: int
    kv_heads: int
    head_dim: int
    intermediate: int
    vocabulary: int
    weights: dict[str, tuple[int, ...]]

    @cached_property
    def linear(self) -> dict[str, tuple[int, int]]:
        """(out, in) of the linear layers by name, the head left out: what is quantised, and what `all-linear` adapts."""
        return {
            name.removesuffix(".weight"): (shape[0], shape[1])
            for name, shape in self.weights.items()
            if len(shape) == 2 and name.endswith(".weight") and not NOT_LINEAR.search(name)
        }


def architecture(folder: Path) -> Architecture | None:
    """Read config.json and the safetensors headers; None for a model that is described in other words."""
    try:
        config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
        config = config.get("text_config", config)
        heads = config["num_attention_heads"]
        return Architecture(
            hidden=config["hidden_size"],
            layers=config["num_hidden_layers"],
            heads=heads,
            kv_heads=config.get("num_key_value_heads") or heads,
            head_dim=config.get("head_dim") or config["hidden_size"] // heads,
            intermediate=config["intermediate_size"],
            vocabulary=config["vocab_size"],
            weights={
                name: shape for path in folder.glob("model*.safetensors") for name, shape in _header(path).items()
            },
        )
    except (OSError, ValueError, KeyError, TypeError, AttributeError, struct.error):
        return None


def _header(path: Path) -> dict[str, tuple[int, ...]]:
    with path.open("rb") as stream:
        (length,) = struct.unpack("<Q", stream.read(8))
        header = json.loads(stream.read(length))
    return {name: tuple(entry["shape"]) for name, entry in header.items() if name != "__metadata__"}


@dataclass(frozen=True)
class Demand:
    """One training stage on one kind of device."""

    base: Architecture
    how: Model
    lora: Lora
    section: Training
    device: str
    """`cpu` or `cuda`."""
    longest: int
    """Tokens of the longest row."""
    supervised: float = 1.0
    """Share of the tokens that the loss sees."""
    shards: int = 1
    """Processes over which the weights are spread (FSDP, ZeRO-3)."""

    @property
    def parts(self) -> dict[str, int]:
        """Bytes by part; their sum is the estimated peak."""
        held = self._kept() + max(self._head(), self._layer_backward())
        heap = 1.0 if self.device == "cpu" and self.section.gradient_checkpointing else HEAP[self.device]
        return {
            "process": PROCESS[self.device],
            "weights": self._weights() // self.shards,
            "adapter": self._adapter(),
            "activations": int(heap * held),
        }

    @property
    def total(self) -> int:
        """The estimated peak in bytes."""
        return sum(self.parts.values())

    def _weights(self) -> int:
        each = BYTES[self.how.dtype]
        count = sum(math.prod(shape) for shape in self.base.weights.values())
        if self.how.quantization is None:
            return count * each
        packed = sum(out * width for out, width in self.base.linear.values())
        return (count - packed) * each + int(packed * bytes_each(self.how.quantization))

    def _adapter(self) -> int:
        """float32 weights and gradients, AdamW's states, the copies that autocast makes, and the frozen twin of DPO and KTO."""
        count = sum(
            self.lora.r * (out + width) + out * self.lora.use_dora
            for name, (out, width) in self.base.linear.items()
            if adapted(name, self.lora)
        )
        twin = 0 if isinstance(self.section, Sft) else 4
        cast = 2 if self.how.dtype == "bfloat16" else 0
        return count * (4 + 4 + STATES.get(self.section.optim, 8) + cast + twin)

    @property
    def tokens(self) -> int:
        """Tokens of one forward pass."""
        return self.section.per_device_train_batch_size * self.length * (2 if isinstance(self.section, Dpo) else 1)

    @property
    def length(self) -> int:
        """Tokens of the longest sequence."""
        packed = isinstance(self.section, Sft) and self.section.packing
        return self.section.max_length if packed else min(self.longest, self.section.max_length)

    def _layer(self) -> int:
        """Bytes that one layer keeps for the backward pass. Frozen weights need no inputs; the adapters do."""
        each, base = BYTES[self.how.dtype], self.base
        query, key = base.heads * base.head_dim, base.kv_heads * base.head_dim
        norms = 2 * (4 + each) * base.hidden  # a float32 copy inside the norm, and its output
        attention = each * (2 * query + 2 * key) + 4 * base.heads
        ranks = 7 * each * self.lora.r
        gated = 4 * each * base.intermediate
        return int(self.tokens * (norms + attention + gated + ranks + self._extras()))

    def _extras(self) -> float:
        """Bytes a token in one layer for what is not always there: attention scores, dropout, DoRA."""
        each, base = BYTES[self.how.dtype], self.base
        query, key = base.heads * base.head_dim, base.kv_heads * base.head_dim
        inputs = 5 * base.hidden + query + base.intermediate
        outputs = query + 2 * key + 2 * base.hidden + 2 * base.intermediate
        scores = base.heads * self.length * (4 + each) if self.how.attn_implementation == "eager" else 0
        dropped = inputs * (each + 1) if self.lora.lora_dropout else 0
        return scores + dropped + (2 * each * outputs if self.lora.use_dora else 0)

    def _kept(self) -> int:
        """Activations that are alive when the backward pass begins."""
        each = BYTES[self.how.dtype]
        if self.section.gradient_checkpointing:
            return self.tokens * each * self.base.hidden * (self.base.layers + 1)
        return self._layer() * self.base.layers + self.tokens * (4 + each) * self.base.hidden

    def _layer_backward(self) -> int:
        """Gradients inside one layer, and with checkpointing the layer itself, computed again."""
        gradients = 4 * BYTES[self.how.dtype] * self.base.intermediate * self.tokens
        return gradients + (self._layer() if self.section.gradient_checkpointing else 0)

    def _head(self) -> int:
        each = BYTES[self.how.dtype]
        positions = int(self.tokens * self.supervised)
        tile = min(positions, TOKENS) * min(self.base.vocabulary, VOCABULARY)
        return int(tile * (each + HEAD_TILE[self.device])) + positions * 4 * self.base.hidden


def bytes_each(quantization: Quantization) -> float:
    """Bytes of a 4-bit weight: the code, and a scale for each 64, itself in 8 bits with one float32 for each 256 if quantised twice."""
    return 0.5 + (1 / 64 + 4 / (64 * 256) if quantization.bnb_4bit_use_double_quant else 4 / 64)


def turned(demand: Demand, **keys: Any) -> Demand:
    """The demand with other keys in its section."""
    return replace(demand, section=demand.section.model_copy(update=keys))
