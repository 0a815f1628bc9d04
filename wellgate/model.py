"""Base, tokenizer, chat template and adapter, loaded ONE way for training, judging and export.

The only file of `wellgate` that imports torch (beside the one-time GGUF conversion), and only when called.
"""

from __future__ import annotations

import ctypes
import json
import os
import platform
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from wellgate import quantization
from wellgate.base import Base, check_safetensors
from wellgate.engine import Written
from wellgate.errors import InputError
from wellgate.recipe import Model
from wellgate.records import Message

ADAPTER = "adapter_model.safetensors"
ADAPTER_CONFIG = "adapter_config.json"
TEMPLATE_VARIABLES = {"enable_thinking": False, "date_string": "26 Jul 2024"}
"""What chat templates are told beside the messages. Replies are trained and judged without thinking (Qwen3), and under
one date (Llama 3 writes today's otherwise: tomorrow the same recipe would give other tokens). Others ignore both."""


def quiet() -> None:
    """Offline-friendly, telemetry-free library settings; call before transformers is imported."""
    os.environ.setdefault("HF_HUB_DISABLE_TELEMETRY", "1")
    os.environ.setdefault("HF_DATASETS_DISABLE_PROGRESS_BARS", "1")
    os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
    os.environ.setdefault("TRANSFORMERS_NO_ADVISORY_WARNINGS", "1")
    warnings.filterwarnings("ignore", category=FutureWarning, module="transformers")


def tune_allocator(frugal: bool = False) -> None:
    """Keep large tensors out of mmap (glibc only): pages are reused instead of returned after each step.

    Training steps free and allocate the same large blocks again and again; by default glibc maps and
    unmaps them each time, which costs about a fifth of the time on CPU. The heap then grows to half as much again as the
    tensors need; `frugal` does the opposite, and every large block goes back at once. Call before tensors exist.
    """
    if platform.libc_ver()[0] != "glibc":
        return
    mallopt = ctypes.CDLL(None).mallopt
    m_trim_threshold, m_top_pad, m_mmap_threshold, m_mmap_max = -1, -2, -3, -4
    if frugal:
        mallopt(m_mmap_threshold, 1 << 20)
        return
    mallopt(m_mmap_max, 0)
    mallopt(m_trim_threshold, -1)
    mallopt(m_top_pad, 64 << 20)


def load_tokenizer(base: Base) -> Any:
    """The tokenizer with its chat template, padding on the left (for generation)."""
    quiet()
    from transformers import AutoTokenizer

    try:
        tokenizer = AutoTokenizer.from_pretrained(base.folder)
    except (OSError, ValueError) as error:
        raise InputError(f"{base.folder}: the tokenizer cannot be loaded ({type(error).__name__})") from None
    if not tokenizer.chat_template:
        raise InputError(f"{base.folder}: the tokenizer has no chat template; use an instruct model")
    if not tokenizer.is_fast:
        raise InputError(f"{base.folder}: no fast tokenizer (tokenizer.json); character offsets are needed for labels")
    if tokenizer.eos_token_id is None:
        raise InputError(f"{base.folder}: the tokenizer has no end token (eos_token); use an instruct model")
    tokenizer.padding_side = "left"
    tokenizer.pad_token = tokenizer.pad_token or tokenizer.eos_token
    return tokenizer


def load_model(base: Base, how: Model, adapter: Path | None = None, trainable: bool = False) -> Any:
    """The base model as the recipe's `model` section says, with a LoRA adapter (float32) where one is named.

    Raises:
        InputError: damaged weights, a package or GPU that is missing, or an adapter that belongs to another base.
    """
    quiet()
    import torch
    from safetensors import SafetensorError
    from transformers import AutoModelForCausalLM
    from transformers.integrations import is_deepspeed_zero3_enabled
    from transformers.integrations.fsdp import is_fsdp_enabled
    from transformers.utils import logging

    logging.disable_progress_bar()
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    if device.type == "cpu" and how.attn_implementation not in ("sdpa", "eager"):
        raise InputError(f"model.attn_implementation: {how.attn_implementation} needs a GPU; set sdpa")
    options = {"attn_implementation": how.attn_implementation, **quantization.options(base.folder, how)}
    try:
        model = AutoModelForCausalLM.from_pretrained(base.folder, dtype=getattr(torch, how.dtype), **options)
    except ImportError as error:
        raise InputError(
            f"model.attn_implementation: {how.attn_implementation} cannot be loaded ({type(error).__name__});"
            " install what it needs, or set sdpa"
        ) from None
    except (OSError, ValueError, RuntimeError, SafetensorError) as error:
        raise InputError(f"{base.folder}: the weights cannot be loaded ({type(error).__name__})") from None
    if how.quantization:
        quantization.keep_gradients_right(model)  # bitsandbytes has placed it
    elif not (is_fsdp_enabled() or is_deepspeed_zero3_enabled()):  # they place it themselves, a shard on each device
        model.to(device)
    return attach_adapter(model, base, how, adapter, trainable) if adapter else model


def attach_adapter(model: Any, base: Base, how: Model, adapter: Path, trainable: bool) -> Any:
    """Wrap the model with a saved adapter, after checking that the adapter was trained on this base."""
    check_safetensors(adapter / ADAPTER)
    try:
        config = json.loads((adapter / ADAPTER_CONFIG).read_text(encoding="utf-8"))
        beside = adapter / quantization.FILE
        packed = json.loads(beside.read_text(encoding="utf-8")) if beside.exists() else None
    except (OSError, ValueError):
        raise InputError(f"{adapter / ADAPTER_CONFIG}: missing or damaged") from None
    if config.get("base_model_name_or_path") != base.name or config.get("revision") != base.revision:
        raise InputError(f"{adapter}: trained on {config.get('base_model_name_or_path')}, not on {base.name}")
    if packed != quantization.description(how):
        raise InputError(f"{adapter}: trained on {base.name} with another model.quantization; train again")
    from peft import PeftModel

    return PeftModel.from_pretrained(model, str(adapter), is_trainable=trainable)


def logits(model: Any, input_ids: Sequence[int], adapter: str = "default") -> Any:
    """Logits (tokens, vocabulary) of one sequence, without dropout, under one of a PEFT model's adapters.

    The model is left as it was found: its mode, its active adapter, and what of it trains.
    """
    import torch

    training, active = model.training, model.active_adapter
    trains = {name for name, parameter in model.named_parameters() if parameter.requires_grad}
    model.eval()
    model.set_adapter(adapter)
    try:
        with torch.no_grad():
            return model(input_ids=torch.tensor([list(input_ids)], device=model.device)).logits[0]
    finally:
        model.set_adapter(active)
        model.train(training)
        for name, parameter in model.named_parameters():
            parameter.requires_grad_(name in trains)


def stop_ids(base: Base) -> set[int]:
    """The token ids at which generation stops, as `generate` knows them from the base's files."""
    for name in ("generation_config.json", "config.json"):
        try:
            config = json.loads((base.folder / name).read_text(encoding="utf-8"))
        except FileNotFoundError:
            continue
        except (OSError, ValueError):
            raise InputError(f"{base.folder / name}: cannot be read; fetch or save the model again") from None
        found = config.get("eos_token_id", config.get("text_config", {}).get("eos_token_id"))
        if found is not None:
            return set(found) if isinstance(found, list) else {found}
    return set()


def conversation(system_prompt: str, messages: Sequence[Message]) -> list[dict[str, str]]:
    """Messages as the chat template takes them, with the run's system prompt first."""
    head = [{"role": "system", "content": system_prompt}] if system_prompt else []
    own = [message.model_dump() for message in messages if not (head and message.role == "system")]
    return head + own


def render(tokenizer: Any, messages: Sequence[dict[str, str]], generation_prompt: bool) -> str:
    """The one place where a conversation becomes text: training, gate and export all come through here."""
    text = tokenizer.apply_chat_template(
        list(messages), tokenize=False, add_generation_prompt=generation_prompt, **TEMPLATE_VARIABLES
    )
    return str(text)


def encode(tokenizer: Any, text: str) -> Any:
    """Tokens of rendered text, with character offsets. The template has written all special tokens already."""
    return tokenizer(text, add_special_tokens=False, return_offsets_mapping=True)


def generate(model: Any, tokenizer: Any, prompts: Sequence[str], max_new_tokens: int, **decoding: Any) -> list[Written]:
    """What the model writes to rendered prompts, all of them in one left-padded batch."""
    inputs = tokenizer(
        list(prompts), add_special_tokens=False, padding=True, padding_side="left", return_tensors="pt"
    ).to(model.device)
    pad = tokenizer.pad_token_id
    output = model.generate(**inputs, max_new_tokens=max_new_tokens, pad_token_id=pad, **decoding)
    ends = model.generation_config.eos_token_id
    stop = {*(ends if isinstance(ends, list) else [ends]), tokenizer.eos_token_id}
    return [_written(tokenizer, tokens, stop) for tokens in output[:, inputs["input_ids"].shape[1] :].tolist()]


def option_scores(model: Any, tokenizer: Any, prompt: str, options: Sequence[str]) -> list[float]:
    """Mean log-probability of a token of each option as the reply to a rendered prompt, in nats: length-normalised."""
    import torch

    asked = tokenizer(prompt, add_special_tokens=False)["input_ids"]
    replies = [tokenizer(option, add_special_tokens=False)["input_ids"] for option in options]
    longest = max(map(len, replies))
    rows = torch.tensor([asked + reply + [tokenizer.pad_token_id] * (longest - len(reply)) for reply in replies])
    mask = torch.tensor([[1] * (len(asked) + len(reply)) + [0] * (longest - len(reply)) for reply in replies])
    output = model(
        input_ids=rows.to(model.device),
        attention_mask=mask.to(model.device),
        logits_to_keep=longest + 1,
        use_cache=False,
    ).logits[:, :-1]
    likely = torch.log_softmax(output.float(), dim=-1)
    return [
        float(
            likely[row, : len(reply)]
            .gather(1, rows[row, len(asked) : len(asked) + len(reply), None].to(model.device))
            .mean()
        )
        for row, reply in enumerate(replies)
    ]


def _written(tokenizer: Any, tokens: list[int], stop: set[int]) -> Written:
    length = next((place for place, token in enumerate(tokens) if token in stop), None)
    text = tokenizer.decode(tokens[:length], skip_special_tokens=True).strip()
    return Written(text, len(tokens) if length is None else length + 1, length is not None)
