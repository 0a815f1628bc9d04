"""Memory of training on CPU, measured beside what wellgate estimates: `python scripts/memory.py`, one process a row.

Each row trains a random Llama of 40 or 90 million parameters on rows of one length for a few steps, and reads the process's
highest resident memory from Linux. With arguments it measures one row and prints it as JSON.
"""

from __future__ import annotations

import argparse
import json
import random
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))
SHAPES = {
    "40m": {"hidden_size": 512, "intermediate_size": 1408, "num_hidden_layers": 8, "num_attention_heads": 8, "num_key_value_heads": 4, "vocab_size": 16000},
    "90m": {"hidden_size": 640, "intermediate_size": 1728, "num_hidden_layers": 14, "num_attention_heads": 10, "num_key_value_heads": 5, "vocab_size": 24000},
}  # fmt: skip
ROWS = [
    ("40m", "float32", 1, 128, ""),
    ("40m", "float32", 4, 512, ""),
    ("40m", "float32", 8, 1024, ""),
    ("40m", "float32", 8, 1024, "checkpointing"),
    ("40m", "bfloat16", 1, 128, ""),
    ("40m", "bfloat16", 4, 512, ""),
    ("40m", "bfloat16", 8, 1024, ""),
    ("40m", "bfloat16", 8, 1024, "checkpointing"),
    ("90m", "float32", 2, 512, ""),
    ("90m", "float32", 4, 1024, ""),
    ("90m", "float32", 4, 1024, "checkpointing"),
    ("90m", "bfloat16", 4, 256, ""),
    ("90m", "bfloat16", 4, 1024, ""),
    ("90m", "bfloat16", 4, 1024, "checkpointing"),
    ("90m", "bfloat16", 4, 1024, "quantized"),
    ("90m", "bfloat16", 4, 512, "dora"),
    ("90m", "bfloat16", 4, 512, "dropout"),
    ("90m", "bfloat16", 2, 512, "packing"),
    ("90m", "bfloat16", 4, 512, "eager"),
    ("90m", "float32", 2, 512, "dpo"),
    ("90m", "bfloat16", 2, 512, "dpo"),
]
"""Model, dtype, batch, length, what else is switched on."""


def main() -> None:
    """Measure one row, or all of them as a table."""
    parser = argparse.ArgumentParser(description=__doc__)
    for name in ("--model", "--dtype", "--batch", "--length", "--option"):
        parser.add_argument(name)
    chosen = parser.parse_args()
    if chosen.model:
        print(
            json.dumps(measure(chosen.model, chosen.dtype, int(chosen.batch), int(chosen.length), chosen.option or ""))
        )
        return
    print(
        "| model | dtype | batch | length | option | measured MiB | estimated MiB | difference |\n|---|---|---|---|---|---|---|---|"
    )
    for row in ROWS:
        words = [
            f"--{name}={value}"
            for name, value in zip(("model", "dtype", "batch", "length", "option"), row, strict=True)
        ]
        done = subprocess.run([sys.executable, __file__, *words], capture_output=True, text=True)
        if done.returncode:
            print(done.stderr[-1500:])
            continue
        found = json.loads(done.stdout.splitlines()[-1])
        off = found["estimated"] / found["measured"] - 1
        print(
            f"| {' | '.join(str(value) for value in row)} | {found['measured']} | {found['estimated']} | {off:+.1%} |",
            flush=True,
        )


def measure(model: str, dtype: str, batch: int, length: int, option: str) -> dict[str, Any]:
    """Highest resident memory of this process over three steps, and the estimate, both in MiB."""
    with tempfile.TemporaryDirectory() as folder:
        base = write_base(Path(folder) / "base", SHAPES[model], dtype)
        trained, estimated = train(Path(folder), base, dtype, batch, length, option)
    return {"measured": trained, "estimated": estimated}


def write_base(folder: Path, shape: dict[str, int], dtype: str) -> Path:
    """A random Llama with a tokenizer of single bytes, written by a process of its own."""
    code = (
        "import sys, json, torch\nfrom transformers import LlamaConfig, LlamaForCausalLM\n"
        "shape = json.loads(sys.argv[2])\ntorch.manual_seed(0)\n"
        "LlamaForCausalLM(LlamaConfig(**shape, max_position_embeddings=4096, bos_token_id=1, eos_token_id=2, pad_token_id=2))"
        ".to(getattr(torch, sys.argv[3])).save_pretrained(sys.argv[1])\n"
    )
    subprocess.run([sys.executable, "-c", code, str(folder), json.dumps(shape), dtype], check=True, capture_output=True)
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers
    from transformers import PreTrainedTokenizerFast

    words = ["<unk>", "<s>", "</s>", *sorted(pre_tokenizers.ByteLevel.alphabet())]
    bytewise = Tokenizer(models.BPE({word: number for number, word in enumerate(words)}, []))
    bytewise.pre_tokenizer, bytewise.decoder = pre_tokenizers.ByteLevel(add_prefix_space=False), decoders.ByteLevel()
    tokenizer = PreTrainedTokenizerFast(tokenizer_object=bytewise, unk_token="<unk>", bos_token="<s>", eos_token="</s>")
    tokenizer.pad_token, tokenizer.chat_template = "</s>", "{% for m in messages %}{{ m['content'] }}</s>{% endfor %}"
    tokenizer.save_pretrained(folder)
    return folder


def train(folder: Path, place: Path, dtype: str, batch: int, length: int, option: str) -> tuple[int, int]:
    """Train three steps as the stage does, and return measured and estimated MiB."""
    from train import session
    from train.memory import Demand, architecture
    from wellgate.base import Base
    from wellgate.recipe import Recipe
    from wellgate.run import Stage

    keys: dict[str, Any] = {
        "per_device_train_batch_size": batch,
        "max_length": length,
        "max_steps": 3,
        "gradient_checkpointing": option == "checkpointing",
    }
    lora = {"use_dora": option == "dora", "lora_dropout": 0.05 if option == "dropout" else 0.0}
    how = {"base": str(place), "dtype": dtype, "attn_implementation": "eager" if option == "eager" else "sdpa"}
    how |= {"quantization": {}} if option == "quantized" else {}
    source = {"use": "jsonl", "path": "none.jsonl", "licence": "CC0-1.0", "consent": "synthetic"}
    sections = {"sft": keys | {"lora": lora, "packing": option == "packing"}, "dpo": keys}
    recipe = Recipe.model_validate({"name": "memory", "model": how, "prepare": {"sources": [source]}, **sections})
    base, stage, section = Base("memory", None, place, ""), Stage("memory", folder, {}, {}), recipe.sft
    assert section
    session.begin(stage, section)
    build = dpo_trainer if option == "dpo" else sft_trainer
    trainer = build(recipe, base, stage, batch, length)
    known = architecture(place)
    assert known
    trained = recipe.dpo if option == "dpo" else section
    assert trained
    estimated = Demand(known, recipe.model, section.lora, trained, "cpu", length, 0.75).total
    session.train(trainer, folder, "memory")
    return highest(), estimated >> 20


def token_ids(batch: int, length: int) -> list[list[int]]:
    """Random rows, enough for three steps and more."""
    chance = random.Random(0)
    return [[chance.randrange(3, 250) for _ in range(length)] for _ in range(batch * 6)]


def sft_trainer(recipe: Any, base: Any, stage: Any, batch: int, length: int) -> Any:
    """Rows of which the loss sees three quarters."""
    from train import sft
    from train.labels import Labelled

    ids, head = token_ids(batch, length), length // 4
    rows = [Labelled(str(number), row, [-100] * head + row[head:]) for number, row in enumerate(ids)]
    return sft.build_trainer(recipe, recipe.sft, base, stage, rows)


def dpo_trainer(recipe: Any, base: Any, stage: Any, batch: int, length: int) -> Any:
    """Pairs, on a fresh adapter that is saved and loaded again."""
    from peft import get_peft_model

    from train import dpo
    from train.labels import Pair
    from train.lora import lora_config
    from wellgate.model import load_model

    model = get_peft_model(load_model(base, recipe.model), lora_config(recipe.sft.lora))
    model.peft_config["default"].base_model_name_or_path = base.name
    model.save_pretrained(str(stage.root / "adapter"))
    del model
    model = load_model(base, recipe.model, stage.root / "adapter", trainable=True)
    model.peft_config["default"].base_model_name_or_path = str(base.folder)
    head = length // 4
    pairs = [
        Pair(str(number), row[:head], row[head:], row[head:]) for number, row in enumerate(token_ids(batch, length))
    ]
    return dpo.build_trainer(recipe, recipe.dpo, base, stage, pairs, model)


def highest() -> int:
    """This process's highest resident memory in MiB. (getrusage would count what its parent had before it.)"""
    status = Path("/proc/self/status").read_text(encoding="ascii")
    return int(status.split("VmHWM:")[1].split()[0]) // 1024


if __name__ == "__main__":
    main()
