"""Speed and memory of every stage on this machine, beside the naive way, in one run.

`python scripts/bench.py stages [--recipe recipes/demo-cpu.yaml] [--steps 12] [--out bench.json]` prints a table and writes JSON.
Each measurement runs in a process of its own, so that peak memory is its own. The naive ways are a plain TRL SFTTrainer
script with its defaults, and `generate` for one prompt at a time. Tokens are real ones: padding is not counted.
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
from collections.abc import Callable
from pathlib import Path
from typing import Any

from wellgate.recipe import Recipe, load

Figures = dict[str, float]
REPLY_TOKENS = 64
NAIVE_PROMPTS = 6
STARTS = 7


def prepare(recipe: Recipe, steps: int) -> Figures:
    """Rows a second of the whole stage, models loaded included."""
    from data_prep.prepare import prepare as stage

    with tempfile.TemporaryDirectory() as folder:
        done = stage(recipe.model_copy(update={"runs_dir": folder}))
    return {"rows/s": done.counts["rows"] / done.seconds}


def sft(recipe: Recipe, steps: int) -> Figures:
    """Our SFT on the recipe's rows."""
    from train.sft import sft as stage
    from wellgate.stages import resolve_base, sft_stage

    assert recipe.sft is not None
    recipe = recipe.model_copy(
        update={"sft": recipe.sft.model_copy(update={"max_steps": steps, "report_to": [], "save_steps": 10**6})}
    )
    base = resolve_base(recipe)
    return _trained(recipe, lambda: stage(recipe, base, _elsewhere(sft_stage(recipe, base))))


def dpo(recipe: Recipe, steps: int) -> Figures:
    """Our DPO on the recipe's pairs; the SFT stage must be there."""
    from train.dpo import dpo as stage
    from wellgate.stages import dpo_stage, resolve_base

    assert recipe.dpo is not None
    steps = max(2, steps // 3)
    base = resolve_base(recipe)
    short = recipe.model_copy(
        update={"dpo": recipe.dpo.model_copy(update={"max_steps": steps, "report_to": [], "save_steps": 10**6})}
    )
    return _trained(short, lambda: stage(short, base, _elsewhere(dpo_stage(short, base))))


def _elsewhere(stage: Any) -> Any:
    """The same stage in a folder that is thrown away."""
    import dataclasses

    moved = dataclasses.replace(stage, root=Path(tempfile.mkdtemp()))
    moved.folder.mkdir(parents=True)
    return moved


def _trained(recipe: Recipe, work: Callable[[], Any]) -> Figures:
    """Real tokens of the steps that were run, over the time inside `train()`."""
    from transformers import Trainer

    seen: dict[str, float] = {}
    original = Trainer.train

    def timed(self: Any, *args: Any, **kwargs: Any) -> Any:
        started = time.monotonic()
        result = original(self, *args, **kwargs)
        seen["seconds"] = time.monotonic() - started
        seen["tokens"] = float(
            next(one["num_tokens"] for one in reversed(self.state.log_history) if "num_tokens" in one)
        )
        return result

    Trainer.train = timed
    work()
    return {"tokens/s": seen["tokens"] / seen["seconds"]}


def naive_sft(recipe: Recipe, steps: int) -> Figures:
    """What a first script with TRL looks like: its defaults, LoRA on the same layers, the same batch size."""
    from datasets import Dataset
    from peft import LoraConfig
    from trl import SFTConfig, SFTTrainer

    from train.rows import read_prepared
    from wellgate.model import conversation
    from wellgate.records import Conversation
    from wellgate.stages import resolve_base

    assert recipe.sft is not None
    records = read_prepared(recipe, "train", Conversation)
    rows = [{"messages": conversation(recipe.model.system_prompt, record.messages)} for record in records]
    with tempfile.TemporaryDirectory() as folder:
        trainer = SFTTrainer(
            model=str(resolve_base(recipe).folder),
            args=SFTConfig(
                output_dir=folder,
                max_steps=steps,
                use_cpu=True,
                report_to="none",
                save_strategy="no",
                logging_steps=1,
            ),
            train_dataset=Dataset.from_list(rows),
            peft_config=LoraConfig(
                r=recipe.sft.lora.r,
                lora_alpha=recipe.sft.lora.lora_alpha,
                target_modules="all-linear",
                task_type="CAUSAL_LM",
            ),
        )
        return _trained(recipe, lambda: trainer.train())


def replies(recipe: Recipe, steps: int) -> Figures:
    """The gate's own batches, of the base model, greedy."""
    from eval.items import of_size
    from eval.replies import Responder, answer, compose
    from wellgate.stages import Subject, resolve_base

    assert recipe.gate is not None
    base = resolve_base(recipe)
    gate = recipe.gate.model_copy(update={"max_new_tokens": REPLY_TOKENS, "samples": 0})
    responder = Responder(recipe, Subject("base", base, None, base.digest))
    probe = gate.probes[0]
    batches = compose(responder, of_size(probe, "core")[: 2 * gate.batch_size], gate)
    started = time.monotonic()
    tokens = sum(reply.tokens for batch in batches for reply in answer(responder, probe, gate, batch))
    return {"tokens/s": tokens / (time.monotonic() - started)}


def naive_replies(recipe: Recipe, steps: int) -> Figures:
    """transformers' defaults (float32 weights), one prompt at a time."""
    from transformers import AutoModelForCausalLM, AutoTokenizer

    from eval.items import of_size
    from wellgate.model import conversation
    from wellgate.stages import resolve_base

    assert recipe.gate is not None
    folder = resolve_base(recipe).folder
    tokenizer = AutoTokenizer.from_pretrained(folder)
    model = AutoModelForCausalLM.from_pretrained(folder, dtype="float32")
    items = of_size(recipe.gate.probes[0], "core")[:NAIVE_PROMPTS]
    started, tokens = time.monotonic(), 0
    for item in items:
        messages = conversation(recipe.model.system_prompt, item.messages)
        inputs = tokenizer.apply_chat_template(
            messages, add_generation_prompt=True, return_tensors="pt", return_dict=True
        )
        output = model.generate(**inputs, max_new_tokens=REPLY_TOKENS, do_sample=False)
        tokens += output.shape[1] - inputs["input_ids"].shape[1]
    return {"tokens/s": tokens / (time.monotonic() - started)}


def start_up(recipe: Recipe, steps: int) -> Figures:
    """Median seconds of `wellgate --help` as a process."""
    command = [str(Path(sys.executable).with_name("wellgate")), "--help"]
    seconds = []
    for _ in range(STARTS):
        started = time.monotonic()
        subprocess.run(command, check=True, capture_output=True)
        seconds.append(time.monotonic() - started)
    return {"seconds": statistics.median(seconds)}


MEASUREMENTS = {one.__name__: one for one in (start_up, prepare, naive_sft, sft, dpo, naive_replies, replies)}
PAIRS = (("sft", "naive_sft"), ("replies", "naive_replies"))


def measure(name: str, options: argparse.Namespace) -> Figures:
    """One measurement in a fresh process."""
    command = [sys.executable, __file__, "--recipe", str(options.recipe), "--steps", str(options.steps), "--only", name]
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode:
        raise SystemExit(f"bench: {name} failed:\n{done.stderr[-2000:]}")
    return dict(json.loads(done.stdout.splitlines()[-1]))


def main() -> None:
    """Measure all, print the table, write the JSON."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--recipe", type=Path, default=Path("recipes/demo-cpu.yaml"))
    parser.add_argument("--steps", type=int, default=12, help="training steps of a measurement")
    parser.add_argument("--out", type=Path, default=Path("bench.json"))
    parser.add_argument("--only", choices=MEASUREMENTS, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.only:
        os.environ.setdefault("HF_HUB_DISABLE_TELEMETRY", "1")
        figures = MEASUREMENTS[options.only](load(options.recipe), options.steps)
        who = resource.RUSAGE_CHILDREN if options.only == "start_up" else resource.RUSAGE_SELF
        figures["peak MB"] = resource.getrusage(who).ru_maxrss / 1024
        print(json.dumps(figures))
        return
    results = {}
    for name in MEASUREMENTS:
        results[name] = measure(name, options)
        print(f"{name:14}" + "  ".join(f"{value:10.2f} {unit}" for unit, value in results[name].items()), flush=True)
    ratios = {f"{new} / {old}": results[new]["tokens/s"] / results[old]["tokens/s"] for new, old in PAIRS}
    for pair, ratio in ratios.items():
        print(f"{pair}: {ratio:.1f}x")
    machine = {
        "cpu": platform.processor() or platform.machine(),
        "cores": os.cpu_count(),
        "python": platform.python_version(),
    }
    options.out.write_text(json.dumps({"machine": machine, "results": results, "ratios": ratios}, indent=1) + "\n")


if __name__ == "__main__":
    main()
