"""Training on a tiny model: repeatable, resumable, honest about its lineage, and every recipe key does something."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from types import SimpleNamespace
from typing import Any, NoReturn

import pytest

from train import arguments, checkpoints, dpo, lora, session, sft
from train.labels import IGNORED
from wellgate.base import Base
from wellgate.cli import main
from wellgate.model import load_model, load_tokenizer
from wellgate.recipe import Sft, Training, load

ROOT = Path(__file__).resolve().parent.parent.parent
STAGES = {"sft": sft, "dpo": dpo}
ADAPTER = "adapter/adapter_model.safetensors"


def sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def folder(runs: Path, stage: str) -> Path:
    (found,) = (runs / "tiny").glob(f"{stage}-*")
    return found


def run(stage: str, recipe: Path, *sets: str) -> int:
    return int(STAGES[stage].main([str(recipe), *(word for one in sets for word in ("--set", one))]))


@pytest.fixture
def prepared(tiny_recipe: Path) -> Path:
    """The tiny recipe with its data prepared."""
    assert main(["prepare", str(tiny_recipe)]) == 0
    return tiny_recipe


@pytest.fixture
def finished(tiny_recipe: Path, tiny_run: Path, tmp_path: Path) -> tuple[Path, Path]:
    """The finished run's recipe, and a copy of its runs that may be changed."""
    shutil.copytree(tiny_run.parent / "runs", tmp_path / "copy")
    return tiny_run, tmp_path / "copy"


def test_two_equal_runs_give_equal_bytes(prepared: Path, tmp_path: Path) -> None:
    """Dropout is on, and the second run starts from another state of the random generators."""
    for place in ("runs", "again"):
        sets = (f"runs_dir={tmp_path / place}", "sft.lora.lora_dropout=0.1")
        assert main(["prepare", str(prepared), "--set", sets[0]]) == 0
        assert [run("sft", prepared, *sets), run("dpo", prepared, *sets)] == [0, 0]
    for stage in STAGES:
        one, two = folder(tmp_path / "runs", stage), folder(tmp_path / "again", stage)
        assert one.name == two.name
        for name in ("adapter_model.safetensors", "adapter_config.json"):
            assert sha256(one / "adapter" / name) == sha256(two / "adapter" / name)


def test_the_launcher_gives_the_bytes_of_the_script(
    prepared: Path, tiny_run: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`wellgate train` goes through accelerate's launcher; the finished run was trained in this process."""
    monkeypatch.setattr(os, "cpu_count", lambda: 1)  # as many threads as this process uses
    assert main(["train", str(prepared), "--set", "dpo=null"]) == 0
    ours = folder(prepared.parent / "runs", "sft")
    assert sha256(ours / ADAPTER) == sha256(folder(tiny_run.parent / "runs", "sft") / ADAPTER)
    assert not (ours / "checkpoints").exists()


def kill_after_a_checkpoint(stage: str, recipe: Path, sets: list[str], runs: Path) -> list[Path]:
    """Start the stage's script, kill it hard once a checkpoint is whole, and return the checkpoints."""
    words = [sys.executable, str(ROOT / "train" / f"{stage}.py"), str(recipe), *sets]
    with subprocess.Popen(words, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE) as process:
        while process.poll() is None:
            if any((runs / "tiny").glob(f"{stage}-*/checkpoints/checkpoint-*/trainer_state.json")):
                process.send_signal(signal.SIGKILL)
                break
            time.sleep(0.005)
        _, said = process.communicate()
    assert process.returncode == -signal.SIGKILL, said.decode()[-2000:]
    return sorted((folder(runs, stage) / "checkpoints").glob("checkpoint-*"))


@pytest.mark.parametrize("stage", STAGES)
def test_a_training_that_died_between_its_last_step_and_its_manifest_is_not_trained_further(
    finished: tuple[Path, Path], tmp_path: Path, stage: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    recipe, runs = finished
    shutil.rmtree(folder(runs, stage))
    shutil.copytree(runs, tmp_path / "whole")
    # ends inside an epoch, and a step too many would count
    sets = [f"{stage}.max_steps=2", f"{stage}.save_steps=2", f"{stage}.lr_scheduler_type=constant"]
    assert run(stage, recipe, *sets, f"runs_dir={tmp_path / 'whole'}") == 0

    def die(*args: Any, **kwargs: Any) -> NoReturn:
        raise SystemExit(9)

    with monkeypatch.context() as patch:
        patch.setattr(session, "finish", die)
        with pytest.raises(SystemExit):
            run(stage, recipe, *sets, f"runs_dir={runs}")
    assert run(stage, recipe, *sets, f"runs_dir={runs}") == 0
    assert sha256(folder(runs, stage) / ADAPTER) == sha256(folder(tmp_path / "whole", stage) / ADAPTER)


@pytest.mark.parametrize("stage", STAGES)
def test_a_killed_training_resumes_to_the_bytes_of_an_undisturbed_one(
    finished: tuple[Path, Path], tmp_path: Path, stage: str
) -> None:
    recipe, runs = finished
    for trained in STAGES if stage == "sft" else ["dpo"]:
        shutil.rmtree(folder(runs, trained))
    shutil.copytree(runs, tmp_path / "whole")
    # 6 and 3 steps are an epoch: the first checkpoint stands inside a later one
    longer = [f"{stage}.max_steps=32", f"{stage}.save_steps=8", f"{stage}.warmup_steps=0.2"]
    if stage == "sft":
        longer.append("sft.lora.lora_dropout=0.1")
    sets = [word for one in [*longer, f"runs_dir={runs}"] for word in ("--set", one)]
    checkpoints = kill_after_a_checkpoint(stage, recipe, sets, runs)
    half = checkpoints[-1].with_name("checkpoint-31")
    shutil.copytree(checkpoints[-1], half)
    state = half / "trainer_state.json"
    state.write_bytes(state.read_bytes()[:-9])
    assert run(stage, recipe, *longer, f"runs_dir={runs}") == 0
    assert run(stage, recipe, *longer, f"runs_dir={tmp_path / 'whole'}") == 0
    resumed, whole = folder(runs, stage), folder(tmp_path / "whole", stage)
    assert sha256(resumed / ADAPTER) == sha256(whole / ADAPTER)
    counts = [json.loads((place / "manifest.json").read_text())["counts"] for place in (resumed, whole)]
    assert counts[0] == counts[1]
    assert not (resumed / "checkpoints").exists()


MIDWAY, AT_THE_END = '{"global_step": 2, "max_steps": 9}', '{"global_step": 9, "max_steps": 9}'
WHOLE = dict.fromkeys(checkpoints.CHECKPOINT_PARTS, MIDWAY)


@pytest.mark.parametrize(
    ("found", "expected"),
    [
        ({}, None),
        ({2: WHOLE}, 2),
        ({2: WHOLE, 10: WHOLE, 9: WHOLE}, 10),
        *(({2: WHOLE, 4: {one: MIDWAY for one in WHOLE if one != missing}}, 2) for missing in WHOLE),
        ({2: WHOLE, 4: WHOLE | {"trainer_state.json": '{"epoch": 1.'}}, 2),
        ({2: WHOLE, 4: WHOLE | {"trainer_state.json": ""}}, 2),
        ({2: WHOLE, 9: WHOLE | {"trainer_state.json": AT_THE_END}}, 2),
        ({4: {}}, None),
    ],
)
def test_a_checkpoint_that_is_half_written_or_has_nothing_left_to_do_is_discarded(
    tmp_path: Path, found: dict[int, dict[str, str]], expected: int | None
) -> None:
    for step, files in found.items():
        place = tmp_path / "checkpoints" / f"checkpoint-{step}"
        place.mkdir(parents=True)
        for name, text in files.items():
            (place / name).write_text(text)
    last = checkpoints.last_checkpoint(tmp_path)
    assert last == (None if expected is None else str(tmp_path / "checkpoints" / f"checkpoint-{expected}"))
    kept = {path.name for path in (tmp_path / "checkpoints").glob("*")} if found else set()
    whole = {
        step for step, files in found.items() if set(files) == set(WHOLE) and files["trainer_state.json"] == MIDWAY
    }
    assert kept == {f"checkpoint-{step}" for step in whole}


def tensors(path: Path) -> dict[str, Any]:
    from safetensors.torch import load_file

    return dict(load_file(path))


@pytest.mark.parametrize("stage", STAGES)
def test_one_batch_of_four_equals_four_of_one(finished: tuple[Path, Path], tmp_path: Path, stage: str) -> None:
    recipe, runs = finished
    shape = f"{stage}.per_device_train_batch_size=1", f"{stage}.gradient_accumulation_steps=4", f"runs_dir={runs}"
    whole = folder(runs, stage)
    assert run(stage, recipe, *shape) == 0
    (parts,) = (place for place in (runs / "tiny").glob(f"{stage}-*") if place != whole)
    one, four = (tensors(place / ADAPTER) for place in (whole, parts))
    assert one.keys() == four.keys()
    assert max(float((one[name] - four[name]).abs().max()) for name in one) < 1e-4
    losses = [json.loads((place / "manifest.json").read_text())["counts"] for place in (whole, parts)]
    assert losses[0]["last_loss"] == pytest.approx(losses[1]["last_loss"], abs=1e-4)


def test_the_compacted_loss_is_plain_masked_cross_entropy(
    prepared: Path, tiny_base: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Value and gradients; and only supervised positions go through the language-model head."""
    import torch
    import trl.trainer.utils as trl_utils
    from datasets import Dataset
    from trl import SFTConfig

    from train.trainers import SupervisedTrainer

    recipe = load(prepared)
    assert recipe.sft
    base = Base("tiny-llama", None, tiny_base, "")
    tokenizer = load_tokenizer(base)
    rows = sft.labelled_rows(recipe, recipe.sft, tokenizer, prepared.parent).rows
    torch.manual_seed(0)
    trainer = SupervisedTrainer(
        model=load_model(base, recipe.model),
        args=SFTConfig(**arguments.sft_arguments(recipe.sft, recipe, prepared.parent)),
        train_dataset=Dataset.from_dict(
            {"input_ids": [row.input_ids for row in rows], "labels": [row.labels for row in rows]}
        ),
        processing_class=tokenizer,
        peft_config=lora.lora_config(recipe.sft.lora),
    )
    real, projected = trl_utils._ChunkedLogProbFunction.apply, []

    def recorded(hidden: Any, *rest: Any) -> Any:
        projected.append(len(hidden))
        return real(hidden, *rest)

    monkeypatch.setattr(trl_utils, "_ChunkedLogProbFunction", SimpleNamespace(apply=recorded))
    batch = next(iter(trainer.get_train_dataloader()))
    trained = [one for one in trainer.model.parameters() if one.requires_grad]
    loss = trainer.compute_loss(trainer.model, dict(batch))
    gradients = torch.autograd.grad(loss, trained)
    inputs = {name: batch[name] for name in ("input_ids", "attention_mask")}
    logits, labels = trainer.model(**inputs).logits, batch["labels"][:, 1:]
    expected = torch.nn.functional.cross_entropy(logits[:, :-1].flatten(0, 1), labels.flatten(), ignore_index=IGNORED)
    assert (labels != IGNORED).sum() < labels.numel() / 2
    assert projected == [int((labels != IGNORED).sum())]
    assert loss.item() == pytest.approx(expected.item(), abs=1e-5)
    for one, two in zip(gradients, torch.autograd.grad(expected, trained), strict=True):
        assert torch.allclose(one, two, atol=1e-5)


def flip(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[-3] ^= 1
    path.write_bytes(content)


@pytest.mark.parametrize(("stage", "name"), [("sft", "train.parquet"), ("dpo", "preferences.parquet")])
def test_prepared_data_that_was_changed_afterwards_is_refused(
    finished: tuple[Path, Path], capsys: pytest.CaptureFixture[str], stage: str, name: str
) -> None:
    recipe, runs = finished
    flip(folder(runs, "prepare") / name)
    shutil.rmtree(folder(runs, stage))
    assert run(stage, recipe, f"runs_dir={runs}") == 2
    (line,) = capsys.readouterr().err.strip().splitlines()
    assert f"{name}: changed or missing" in line


def test_a_loss_that_is_not_a_number_stops_the_run(prepared: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("sft", prepared, "sft.learning_rate=1e30") == 2
    (line,) = capsys.readouterr().err.strip().splitlines()
    assert "sft: the loss is not a number at step 3; lower sft.learning_rate" in line
    assert not (folder(prepared.parent / "runs", "sft") / "manifest.json").exists()


@pytest.mark.parametrize("stage", STAGES)
def test_the_adapter_names_base_and_revision_and_no_place_on_this_machine(
    finished: tuple[Path, Path], tiny_base: Path, stage: str
) -> None:
    recipe, runs = finished
    sets = f"runs_dir={runs}", "model.revision=r7"
    assert [run("sft", recipe, *sets), run("dpo", recipe, *sets)] == [0, 0]
    for place in (runs / "tiny").glob(f"{stage}-*"):
        assert sorted(path.name for path in (place / "adapter").iterdir()) == [
            "adapter_config.json",
            "adapter_model.safetensors",
        ]
        text = (place / "adapter" / "adapter_config.json").read_text()
        config = json.loads(text)
        assert config["base_model_name_or_path"] == "tiny-llama"
        assert config["revision"] in (None, "r7")
        assert config["target_modules"] == sorted(config["target_modules"])
        assert len(config["target_modules"]) == 14
        assert not any(str(word) in text for word in (tiny_base.parent, runs.parent, Path.home(), os.sep))
        names = tensors(place / ADAPTER)
        assert names
        assert not any("ref" in name for name in names)
        assert all(str(one.dtype) == "torch.float32" for one in names.values())


CHANGED: dict[str, Any] = {
    "learning_rate": 0.5, "num_train_epochs": 2.5, "max_steps": 3, "per_device_train_batch_size": 3, "gradient_accumulation_steps": 2,
    "warmup_steps": 2.0, "lr_scheduler_type": "linear", "weight_decay": 0.3, "max_grad_norm": 0.7, "gradient_checkpointing": True, "logging_steps": 7,
    "save_steps": 9, "report_to": ["wandb"], "optim": "adamw_torch", "torch_compile": True,
}  # fmt: skip
ALIASES = {
    "gradient_checkpointing": {"activation_checkpointing"},
    "torch_compile": {"torch_compile_backend"},
    "packing": {"max_length"},
}
"""What else of the configuration follows."""
CHANGED_SFT: dict[str, Any] = {"packing": True}
OURS = {
    "max_length",
    "overlength",
    "max_rows",
    "max_unsupervised",
    "lora",
    "canaries",
    "private",
    "watch",
    "max_loss_ratio",
    "log_text",
}
"""Keys that wellgate reads itself, each with a test of its effect below or in the test file of that name."""


class Stopped(BaseException):
    """Carries the configuration that TRL was about to get, through every `except Exception`."""


def resolved(monkeypatch: pytest.MonkeyPatch, stage: str, recipe: Path, *sets: str) -> dict[str, Any]:
    """TRL's own resolved configuration, as the stage builds it from the recipe."""
    import trl

    name = f"{stage.upper()}Config"
    real = getattr(trl, name)

    def stop(**arguments: Any) -> NoReturn:
        raise Stopped(real(**arguments).to_dict())

    with monkeypatch.context() as patch:
        patch.setattr(trl, name, stop)
        with pytest.raises(Stopped) as stopped:
            run(stage, recipe, *sets)
    return dict(stopped.value.args[0])


@pytest.mark.parametrize(
    ("stage", "key"),
    [(stage, key) for stage in STAGES for key in CHANGED] + [("sft", key) for key in CHANGED_SFT],
)
def test_every_recipe_key_changes_the_configuration_that_trl_gets(
    finished: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch, stage: str, key: str
) -> None:
    recipe, runs = finished
    shutil.rmtree(folder(runs, stage))
    value = (CHANGED | CHANGED_SFT)[key]
    before = resolved(monkeypatch, stage, recipe, f"runs_dir={runs}")
    after = resolved(monkeypatch, stage, recipe, f"runs_dir={runs}", f"{stage}.{key}={json.dumps(value)}")
    differing = {name for name in before if before[name] != after[name]} - {"output_dir", "run_name", "logging_dir"}
    assert differing == {key} | ALIASES.get(key, set())
    assert after[key] == value


def test_no_key_of_the_schema_is_left_out() -> None:
    assert set(Sft.model_fields) == set(CHANGED) | set(CHANGED_SFT) | OURS
    assert set(arguments.PASSED_THROUGH) == set(Training.model_fields) - OURS


@pytest.mark.parametrize(
    ("stage", "sets", "code", "expected"),
    [
        ("sft", ["max_rows=5"], 0, 5),
        ("sft", ["max_length=100"], 2, "sft.max_length: "),
        ("sft", ["max_length=100", "overlength=drop"], 0, 0),
        ("sft", ["max_length=100", "overlength=drop_early_turns"], 0, 24),
        ("sft", ["max_length=5", "overlength=drop"], 2, "sft.max_length: all 24 rows"),
        ("sft", ["lora.r=2"], 0, 2),
        ("dpo", ["max_rows=5"], 0, 5),
        ("dpo", ["max_length=83"], 2, "dpo.max_length: "),
        ("dpo", ["max_length=83", "overlength=drop"], 0, 0),
    ],
    ids=str,
)
def test_the_keys_that_wellgate_reads_itself_have_their_effect(
    finished: tuple[Path, Path], capsys: pytest.CaptureFixture[str], stage: str, sets: list[str], code: int, expected: Any
) -> None:  # fmt: skip
    recipe, runs = finished
    before = folder(runs, stage)
    assert run(stage, recipe, *(f"{stage}.{one}" for one in sets), f"{stage}.max_steps=2", f"runs_dir={runs}") == code
    if code:
        (line,) = capsys.readouterr().err.strip().splitlines()
        assert line.startswith(f"wellgate: {expected}")
        return
    (place,) = (one for one in (runs / "tiny").glob(f"{stage}-*") if one != before)
    counts = json.loads((place / "manifest.json").read_text())["counts"]
    rows = counts["rows" if stage == "sft" else "pairs"]
    if sets[0].startswith("max_rows"):
        assert rows == expected
    elif expected == 24:
        assert (rows, counts["dropped"], counts["shortened"]) == (24, 0, 16)
        assert json.loads((place / "lengths.json").read_text())["over"] == 16
    elif sets[0].startswith("lora"):
        assert {one.shape[0] for name, one in tensors(place / ADAPTER).items() if "lora_A" in name} == {expected}
    else:
        assert 0 < rows < {"sft": 24, "dpo": 12}[stage]
