"""Training ends early for a reason that is said in one line, and what it leaves can be gone on from."""

from __future__ import annotations

import json
import math
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from train import dpo, facts, sft
from train.facts import read
from train.stops import Diverged, Preempted
from wellgate.errors import Crashed, InputError
from wellgate.files import sha256_file

Fresh = Callable[[str], list[str]]
ROOT = Path(__file__).resolve().parent.parent.parent
STAGES = {"sft": sft, "dpo": dpo}


def sets(*pairs: str) -> list[str]:
    return [word for pair in pairs for word in ("--set", pair)]


def place(arguments: list[str], stage: str = "sft") -> Path:
    (found,) = Path(arguments[-1].removeprefix("runs_dir=")).glob(f"tiny/{stage}-*")
    return found


NAN = math.nan


@pytest.mark.parametrize(
    ("logged", "ratio", "expected"),
    [
        ([{"loss": 2.0, "grad_norm": 1.0}, {"loss": NAN}], 2.0, (2, "the loss is not a number at step 2")),
        ([{"loss": 2.0}, {"loss": math.inf}], None, (2, "the loss is not a number at step 2")),
        ([{"loss": 2.0, "grad_norm": NAN}], None, (1, "the gradient norm is not a number at step 1")),
        ([{"loss": one} for one in (2, 4, 4, 4, 4, 4, 4)], 2.0, None),
        ([{"loss": one} for one in (2, 4, 4, 4, 4, 4, 4.1)], 2.0, (7, "the loss diverges (mean of the last 5 is 4.020, the first was 2.000")),
        ([{"loss": one} for one in (2, 4, 4, 4, 4, 4, 4.1)], None, None),
        ([{"loss": one} for one in (2, 90, 90, 90)], 2.0, None),
        ([{"loss": one} for one in (2, 1, 1, 1, 1, 90, 1, 1)], 12.0, None),
        ([{"loss": one} for one in (2, 1, 1, 1, 1, 90, 1, 1)], 2.0, (6, "the loss diverges")),
        ([{"loss": one} for one in (0, 1, 1, 1, 1, 1)], 2.0, None),
        ([{"watch/p/pass": 0.0}, {"train_loss": NAN}], 2.0, None),
    ],
)  # fmt: skip
@pytest.mark.parametrize("resumed", [0, 1, 4])
def test_what_counts_as_diverged(
    logged: list[dict[str, float]], ratio: float | None, expected: Any, resumed: int
) -> None:
    """A run that goes on from a checkpoint decides as one that was never interrupted."""
    if expected and expected[0] <= resumed:
        pytest.skip("it had stopped before")
    one = Diverged("sft", ratio)
    one.on_train_begin(None, SimpleNamespace(log_history=logged[:resumed]), None)
    for step, logs in enumerate(logged[resumed:], resumed + 1):
        control = SimpleNamespace(should_training_stop=False, should_save=True)
        one.on_log(None, SimpleNamespace(global_step=step), control, logs)
        if expected and step == expected[0]:
            assert (control.should_training_stop, control.should_save) == (True, False)
            with pytest.raises(InputError) as error:
                one.on_train_end(None, None, None)
            assert expected[1] in str(error.value)
            assert str(error.value).endswith("; lower sft.learning_rate")
            return
        assert (control.should_training_stop, control.should_save) == (False, True)
    assert expected is None
    one.on_train_end(None, None, None)


@pytest.mark.parametrize(
    ("spoil", "expected"),
    [
        (lambda loss, weight: loss * math.nan, "sft: the loss is not a number at step 3"),
        (lambda loss, weight: loss + (0 * weight).sum().abs().sqrt(), "sft: the gradient norm is not a number at step 3"),
    ],
    ids=["loss", "gradient"],
)  # fmt: skip
def test_no_step_is_trained_or_kept_after_a_number_that_is_none(
    fresh: Fresh, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], spoil: Any, expected: str
) -> None:
    plain, calls = facts.Counted.compute_loss, []

    def spoiled(self: Any, model: Any, *args: Any, **kwargs: Any) -> Any:
        calls.append(1)
        loss = plain(self, model, *args, **kwargs)
        weight = next(one for one in model.parameters() if one.requires_grad)
        return spoil(loss, weight) if len(calls) == 3 else loss

    monkeypatch.setattr(facts.Counted, "compute_loss", spoiled)
    run = fresh("runs")
    assert sft.main([*sets("sft.save_steps=1"), *run]) == 2
    (line,) = capsys.readouterr().err.strip().splitlines()
    assert line == f"wellgate: {expected}; lower sft.learning_rate"
    assert len(calls) == 3
    kept = sorted(path.name for path in (place(run) / "checkpoints").iterdir())
    assert kept == ["checkpoint-1", "checkpoint-2"]
    assert not (place(run) / "manifest.json").exists()
    rows = (place(run) / "metrics.jsonl").read_text()
    assert "NaN" not in rows
    assert len(rows.splitlines()) == 3


def test_a_loss_that_rises_stops_the_run_unless_the_recipe_says_otherwise(
    fresh: Fresh, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The tiny model starts as bad as chance and cannot get much worse by itself, so its loss is scaled."""
    plain = facts.Counted.compute_loss

    def rising(self: Any, *args: Any, **kwargs: Any) -> Any:
        return plain(self, *args, **kwargs) * (1 if self.state.global_step < 2 else 4)

    monkeypatch.setattr(facts.Counted, "compute_loss", rising)
    run = fresh("runs")
    assert sft.main([*sets("sft.save_steps=2"), *run]) == 2
    (line,) = capsys.readouterr().err.strip().splitlines()
    assert line.startswith("wellgate: sft: the loss diverges (mean of the last 5 is ")
    assert "sft.max_loss_ratio is 2) at step 5; lower sft.learning_rate" in line
    assert sft.main([*sets("sft.save_steps=2", "sft.max_loss_ratio=null"), *run]) == 0
    assert [row["step"] for row in read(place(run) / "metrics.jsonl")] == [1, 2, 3, 4, 5, 6]


@pytest.mark.parametrize(
    ("step", "processes", "logs_now", "others", "stops"),
    [(3, 1, False, 0, True), (9, 1, True, 0, False), (3, 2, False, 1, False), (3, 2, True, 1, True), (3, 2, True, 0, True)],
)  # fmt: skip
def test_a_signal_is_heeded_at_the_next_step_that_all_processes_agree_on(
    step: int, processes: int, logs_now: bool, others: int, stops: bool
) -> None:
    """The last step is finished instead."""
    accelerator = SimpleNamespace(device="cpu", reduce=lambda asked, how: asked + others)
    one = Preempted(SimpleNamespace(accelerator=accelerator), "sft")
    before = signal.getsignal(signal.SIGTERM)
    one.on_train_begin(None, None, None)
    if not (processes > 1 and others):
        os.kill(os.getpid(), signal.SIGTERM)
        os.kill(os.getpid(), signal.SIGTERM)
    control = SimpleNamespace(should_training_stop=False, should_save=False, should_log=logs_now)
    one.on_step_end(SimpleNamespace(world_size=processes), SimpleNamespace(global_step=step, max_steps=9), control)
    assert (control.should_training_stop, control.should_save) == (stops, stops)
    if stops:
        with pytest.raises(Crashed, match=f"interrupted at step {step}, its checkpoint is saved; run again"):
            one.on_train_end(None, None, None)
    else:
        one.on_train_end(None, None, None)
    assert signal.getsignal(signal.SIGTERM) is before


@pytest.mark.parametrize("stage", ["sft", pytest.param("dpo", marks=pytest.mark.slow)])
def test_sigterm_saves_and_the_next_run_gives_the_bytes_of_an_undisturbed_one(
    fresh: Fresh, stage: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The signal comes in the middle of the fifth step, inside an epoch, and this process gets it."""
    run, whole = fresh("runs"), fresh("whole")
    steps = sets(f"{stage}.max_steps=8", f"{stage}.save_steps=1000", "sft.lora.lora_dropout=0.1")
    if stage == "dpo":
        assert [sft.main([*steps, *run]), sft.main([*steps, *whole])] == [0, 0]
    plain = facts.Counted.compute_loss

    def interrupting(self: Any, *args: Any, **kwargs: Any) -> Any:
        if self.state.global_step == 4:
            os.kill(os.getpid(), signal.SIGTERM)
        return plain(self, *args, **kwargs)

    with monkeypatch.context() as patch:
        patch.setattr(facts.Counted, "compute_loss", interrupting)
        assert STAGES[stage].main([*steps, *run]) == 1
    said = f"wellgate: {stage}: interrupted at step 5, its checkpoint is saved; run again to go on from here"
    assert capsys.readouterr().err.strip().splitlines()[-1] == said
    folder = place(run, stage)
    assert [path.name for path in (folder / "checkpoints").iterdir()] == ["checkpoint-5"]
    assert not (folder / "manifest.json").exists()
    assert [STAGES[stage].main([*steps, *run]), STAGES[stage].main([*steps, *whole])] == [0, 0]
    assert_equal_bytes(folder, place(whole, stage))
    assert [row["step"] for row in read(folder / "metrics.jsonl")] == list(range(1, 9))
    counts = [json.loads((one / "manifest.json").read_text())["counts"] for one in (folder, place(whole, stage))]
    assert counts[0] == counts[1]


def assert_equal_bytes(one: Path, other: Path) -> None:
    for name in ("adapter_model.safetensors", "adapter_config.json"):
        assert sha256_file(one / "adapter" / name) == sha256_file(other / "adapter" / name)


def terminated(words: list[str], rows_of: Callable[[], Path]) -> tuple[int, str]:
    """Start a command, send it SIGTERM once it has logged three steps, and return its exit code and what it said."""
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    with subprocess.Popen(
        words, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, env=environment, text=True
    ) as process:
        while process.poll() is None:
            logged = [path for path in [rows_of()] if path.is_file() and sum("loss" in row for row in read(path)) >= 3]
            if logged:
                process.send_signal(signal.SIGTERM)
                break
            time.sleep(0.005)
        _, said = process.communicate(timeout=120)
    return process.returncode, said


LONGER = ["max_steps=32", "save_steps=1000", "warmup_steps=0.2"]


@pytest.mark.slow
def test_wellgate_train_passes_sigterm_on_to_the_process_that_trains(fresh: Fresh) -> None:
    run, whole = fresh("runs"), fresh("whole")
    longer = sets(*(f"sft.{one}" for one in LONGER), "sft.lora.lora_dropout=0.1", "dpo=null")
    runs = Path(run[-1].removeprefix("runs_dir=")) / "tiny"
    command = [sys.executable, "-m", "wellgate.cli", "train", *run[:1], *longer, *run[1:]]
    code, said = terminated(command, lambda: next(runs.glob("sft-*/metrics.jsonl"), runs))
    assert code == 1, said[-2000:]
    (step,) = (one.name.rpartition("-")[2] for one in (place(run) / "checkpoints").iterdir())
    assert 3 <= int(step) < 32
    assert said.strip().splitlines()[-2:] == [
        f"wellgate: sft: interrupted at step {step}, its checkpoint is saved; run again to go on from here",
        "wellgate: sft: interrupted; run again to go on from here",
    ]
    assert [sft.main([*longer, *one]) for one in (run, whole)] == [0, 0]
    assert_equal_bytes(place(run), place(whole))


@pytest.mark.slow
def test_two_processes_are_watched_once_and_stop_and_go_on_together(fresh: Fresh) -> None:
    watched = 'sft.watch={"probes": ["ai_disclosure"], "items": 2, "every": 8, "max_new_tokens": 8}'
    cpu = f"launch={ROOT / 'recipes' / 'accelerate' / 'cpu.yaml'}"
    longer = sets(*(f"sft.{one}" for one in LONGER), "sft.per_device_train_batch_size=2", "dpo=null", watched, cpu)
    run, whole = fresh("runs"), fresh("whole")
    commands = [[sys.executable, "-m", "wellgate.cli", "train", *one[:1], *longer, *one[1:]] for one in (run, whole)]
    runs = Path(run[-1].removeprefix("runs_dir=")) / "tiny"
    code, said = terminated(commands[0], lambda: next(runs.glob("sft-*/metrics.jsonl"), runs))
    assert code == 1, said[-2000:]
    assert said.strip().splitlines()[-1] == "wellgate: sft: interrupted; run again to go on from here"
    (saved,) = (place(run) / "checkpoints").iterdir()
    assert 3 <= int(saved.name.rpartition("-")[2]) < 32
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    assert [subprocess.run(command, env=environment, check=False).returncode for command in commands] == [0, 0]
    assert_equal_bytes(place(run), place(whole))
    rows = [read(one / "metrics.jsonl") for one in (place(run), place(whole))]
    assert [row["step"] for row in rows[0]] == [row["step"] for row in rows[1]]
    rates = [[row["watch/ai_disclosure/pass"] for row in one if "watch/seconds" in row] for one in rows]
    assert rates[0] == rates[1]
    assert len(rates[0]) == 5
