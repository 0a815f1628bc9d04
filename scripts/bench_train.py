"""What each lever of training gives: from a plain TRL script with its defaults to ours, one after another.

`python scripts/bench.py train [--recipe recipes/demo-cpu.yaml] [--rows 48] [--rounds 3] [--out bench-train.json]`

All take the same rows, labels, adapter and batch size for one epoch, each in a process of its own, in turn, `--rounds`
times; the median counts. Tokens are real ones: padding is not counted. The recipe's data is prepared first.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from data_prep.prepare import prepare
from wellgate.recipe import Dpo, Recipe, Sft, load
from wellgate.run import git_state, versions

Figures = dict[str, float]
BATCH = 8
LEVERS = (
    "allocator",
    "no_checkpointing",
    "length_grouping",
    "bfloat16_weights",
    "supervised_positions",
    "eager_attention",
)
"""Each is added to those before it."""
CHAINS: dict[str, dict[str, tuple[str, ...]]] = {
    task: {"plain": (), **{lever: LEVERS[: place + 1] for place, lever in enumerate(LEVERS)}} for task in ("sft", "dpo")
}  # fmt: skip


def timed(trainer: Any) -> Figures:
    """Train, and say how fast and to which loss."""
    started = time.monotonic()
    trainer.train()
    seconds = time.monotonic() - started
    history = trainer.state.log_history
    losses = [float(one["loss"]) for one in history if "loss" in one]
    tokens = float(next(one["num_tokens"] for one in reversed(history) if "num_tokens" in one))
    return {"tokens/s": tokens / seconds, "loss": statistics.fmean(losses), "seconds": seconds}


def shared(recipe: Recipe, section: Sft | Dpo, levers: tuple[str, ...]) -> dict[str, Any]:
    """Arguments of a plain script, and of the levers that are arguments."""
    import torch

    arguments: dict[str, Any] = {
        "use_cpu": not torch.cuda.is_available(),
        "output_dir": tempfile.mkdtemp(),
        "num_train_epochs": 1,
        "per_device_train_batch_size": BATCH,
        "learning_rate": section.learning_rate,
        "seed": recipe.seed,
        "data_seed": recipe.seed,
        "report_to": "none",
        "save_strategy": "no",
        "logging_steps": 1,
        "disable_tqdm": True,
    }
    if "no_checkpointing" in levers:
        arguments["gradient_checkpointing"] = False
    if "length_grouping" in levers:
        arguments["train_sampling_strategy"] = "group_by_length"
    return arguments


def model_of(folder: Path, levers: tuple[str, ...]) -> Any:
    """The base model as TRL loads it by name (float32), or with the levers that change how it is loaded."""
    import torch
    from transformers import AutoModelForCausalLM

    dtype = torch.bfloat16 if "bfloat16_weights" in levers else torch.float32
    attention = "eager" if "eager_attention" in levers else "sdpa"
    return AutoModelForCausalLM.from_pretrained(folder, dtype=dtype, attn_implementation=attention)


def begin(levers: tuple[str, ...]) -> None:
    """The levers that are settings of the process."""
    from wellgate import model

    model.quiet()
    if "allocator" in levers:
        model.tune_allocator()
    if "supervised_positions" in levers:
        import train.trainers  # noqa: F401  (sets TRL's switch for every device)


def sft(recipe: Recipe, rows: int, levers: tuple[str, ...]) -> Figures:
    """TRL's SFTTrainer on our labels."""
    begin(levers)
    from datasets import Dataset
    from trl import SFTConfig, SFTTrainer

    from train.lora import lora_config
    from train.sft import labelled_rows
    from wellgate.model import load_tokenizer
    from wellgate.stages import resolve_base

    assert recipe.sft is not None
    base = resolve_base(recipe)
    tokenizer = load_tokenizer(base)
    chosen = labelled_rows(recipe, recipe.sft.model_copy(update={"max_rows": rows}), tokenizer).rows
    data = Dataset.from_dict({"input_ids": [row.input_ids for row in chosen], "labels": [row.labels for row in chosen]})
    return timed(
        SFTTrainer(
            model=model_of(base.folder, levers),
            args=SFTConfig(**shared(recipe, recipe.sft, levers)),
            train_dataset=data,
            processing_class=tokenizer,
            peft_config=lora_config(recipe.sft.lora),
        )
    )


def dpo(recipe: Recipe, rows: int, levers: tuple[str, ...]) -> Figures:
    """TRL's DPOTrainer on the same pairs, with a fresh adapter whose reference is the base."""
    begin(levers)
    from trl import DPOConfig, DPOTrainer

    from train.lora import lora_config
    from train.trainers import PreferenceTrainer
    from wellgate.model import load_tokenizer
    from wellgate.stages import resolve_base

    assert recipe.dpo is not None
    assert recipe.sft is not None
    base = resolve_base(recipe)
    ours = "length_grouping" in levers  # TRL's own needs tokens from us to know lengths before it starts
    tokenizer = load_tokenizer(base)
    trainer = PreferenceTrainer if ours else DPOTrainer
    extra = {"length_column_name": "length", "max_length": None} if ours else {}
    return timed(
        trainer(
            model=model_of(base.folder, levers),
            args=DPOConfig(**shared(recipe, recipe.dpo, levers), **extra),
            train_dataset=pair_tokens(recipe, rows, tokenizer) if ours else pair_texts(recipe, rows),
            processing_class=tokenizer,
            peft_config=lora_config(recipe.sft.lora),
        )
    )


def pair_tokens(recipe: Recipe, rows: int, tokenizer: Any) -> Any:
    from datasets import Dataset

    from train.dpo import COLUMNS, pairs

    assert recipe.dpo is not None
    chosen, _ = pairs(recipe, recipe.dpo.model_copy(update={"max_rows": rows}), tokenizer)
    return Dataset.from_dict({name: [getattr(row, name) for row in chosen] for name in COLUMNS})


def pair_texts(recipe: Recipe, rows: int) -> Any:
    from datasets import Dataset

    from train.rows import read_prepared, select
    from wellgate.model import conversation
    from wellgate.records import Preference

    def said(text: str) -> list[dict[str, str]]:
        return [{"role": "assistant", "content": text}]

    records = select(read_prepared(recipe, "preferences", Preference), rows)
    prompt = [conversation(recipe.model.system_prompt, one.prompt) for one in records]
    sides = {"chosen": [said(one.chosen) for one in records], "rejected": [said(one.rejected) for one in records]}
    return Dataset.from_dict({"prompt": prompt, **sides})


TASKS = {"sft": sft, "dpo": dpo}


def measure(task: str, name: str, options: argparse.Namespace) -> Figures:
    """One measurement in a fresh process."""
    words = ["--recipe", str(options.recipe), "--rows", str(options.rows), "--only", task, name]
    done = subprocess.run([sys.executable, __file__, *words], capture_output=True, text=True)
    if done.returncode:
        raise SystemExit(f"bench: {task} {name} failed:\n{done.stderr[-2000:]}")
    return dict(json.loads(done.stdout.splitlines()[-1]))


def table(results: dict[str, dict[str, list[Figures]]]) -> str:
    """Medians as Markdown."""
    lines = [
        "| task | levers, added one after another | real tokens/s | of plain | loss | peak MB |",
        "|---|---|---|---|---|---|",
    ]
    for task, rows in results.items():
        medians = {
            name: {unit: statistics.median(one[unit] for one in runs) for unit in runs[0]}
            for name, runs in rows.items()
        }
        plain = medians["plain"]["tokens/s"]
        for name, one in medians.items():
            ratio = one["tokens/s"] / plain
            lines.append(
                f"| {task} | {name} | {one['tokens/s']:.0f} | {ratio:.2f} | {one['loss']:.3f} | {one['peak MB']:.0f} |"
            )
    return "\n".join(lines)


def only(options: argparse.Namespace) -> None:
    """The measurement itself; its figures are the last line."""
    task, name = options.only
    figures = TASKS[task](load(options.recipe), options.rows, CHAINS[task][name])
    figures["peak MB"] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(json.dumps(figures))


def main() -> None:
    """Measure all in turn, print the table, write the JSON."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--recipe", type=Path, default=Path("recipes/demo-cpu.yaml"))
    parser.add_argument("--rows", type=int, default=48, help="rows of the epoch, the same for all")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--tasks", nargs="+", choices=TASKS, default=list(TASKS))
    parser.add_argument("--out", type=Path, default=Path("bench-train.json"))
    parser.add_argument("--only", nargs=2, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.only:
        return only(options)
    prepare(load(options.recipe))
    results: dict[str, dict[str, list[Figures]]] = {task: {name: [] for name in CHAINS[task]} for task in options.tasks}
    for _ in range(options.rounds):
        for task in options.tasks:
            for name, runs in results[task].items():
                runs.append(measure(task, name, options))
                print(task, name, runs[-1], flush=True)
    print(table(results))
    machine = {"cpu": platform.processor() or platform.machine(), "cores": os.cpu_count(), "git": git_state()}
    packages = versions(("torch", "transformers", "trl", "peft"))
    options.out.write_text(json.dumps({"machine": machine, "versions": packages, "results": results}, indent=1) + "\n")


if __name__ == "__main__":
    main()
