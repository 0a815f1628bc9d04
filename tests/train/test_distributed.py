"""Two processes train what one trains: same loss, same adapter, same lineage, and they stop and resume as one does."""

from __future__ import annotations

import hashlib
import json
import math
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import psutil
import pytest

from train import dpo
from wellgate.run import read_manifest

pytestmark = pytest.mark.slow
ROOT = Path(__file__).resolve().parent.parent.parent
CPU = ROOT / "recipes" / "accelerate" / "cpu.yaml"
ADAPTER = "adapter/adapter_model.safetensors"
HALF = ["sft.per_device_train_batch_size=2", "dpo.per_device_train_batch_size=2"]
"""Two processes of 2 rows are the batch of 4 that the finished run has."""
TOLERANCE = 1e-5
"""Of weights and losses, in float32. Measured: 2e-7, the order in which the gradients of two halves are summed."""


def words(sets: list[str]) -> list[str]:
    return [word for one in sets for word in ("--set", one)]


def torchrun(*command: str) -> list[str]:
    return [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc_per_node", "2", *command]


def environment() -> dict[str, str]:
    """One thread each; ninja, where it is installed, builds DeepSpeed's only kernel."""
    path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    return {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": str(ROOT), "PATH": path}


def trained(runs: Path, stage: str, kind: str = "MULTI_CPU") -> Path:
    """The stage's only completed folder of this engine."""
    found = []
    for place in (runs / "tiny").glob(f"{stage}-*/manifest.json"):
        if json.loads(place.read_text())["config"]["launch"]["distributed_type"] == kind:
            found.append(place.parent)
    (one,) = found
    return one


def counts(place: Path) -> dict[str, Any]:
    return dict(json.loads((place / "manifest.json").read_text())["counts"])


def difference(one: Path, two: Path) -> float:
    from safetensors.torch import load_file

    first, second = load_file(one / ADAPTER), load_file(two / ADAPTER)
    assert first.keys() == second.keys()
    assert {str(each.dtype) for each in second.values()} == {"torch.float32"}
    return max(float((first[name] - second[name]).abs().max()) for name in first)


def sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


STEPS = ["dpo.max_steps=8", "dpo.save_steps=4"]
"""An epoch of pairs is 3 steps: the checkpoint stands inside the second."""


@pytest.fixture
def runs(tiny_run: Path, tmp_path: Path) -> Path:
    """A copy of the finished run's folders that may be added to."""
    shutil.copytree(tiny_run.parent / "runs", tmp_path / "runs")
    return tmp_path / "runs"


@pytest.fixture(scope="module")
def both(tiny_run: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    """SFT and DPO trained by one process and by two: the folder, and what `wellgate train` printed of the two."""
    folder = tmp_path_factory.mktemp("both") / "runs"
    shutil.copytree(tiny_run.parent / "runs", folder)
    shutil.rmtree(trained(folder, "dpo", "NO"))
    assert dpo.main([str(tiny_run), *words([*STEPS, f"runs_dir={folder}"])]) == 0
    sets = words([*HALF, *STEPS, f"runs_dir={folder}", f"launch={CPU}"])
    command = [sys.executable, "-m", "wellgate.cli", "train", str(tiny_run), *sets]
    done = subprocess.run(command, env=environment(), stdout=subprocess.PIPE, text=True)
    assert done.returncode == 0
    return folder, done.stdout


@pytest.mark.parametrize(("stage", "steps"), [("sft", 6), ("dpo", 8)])
def test_two_processes_give_the_losses_the_adapter_and_the_lineage_of_one(
    both: tuple[Path, str], stage: str, steps: int
) -> None:
    runs, said = both
    one, two = trained(runs, stage, "NO"), trained(runs, stage)
    assert difference(one, two) < TOLERANCE
    for name, value in counts(one).items():
        assert counts(two)[name] == (pytest.approx(value, abs=TOLERANCE) if isinstance(value, float) else value)
    config = "adapter/adapter_config.json"
    assert (one / config).read_bytes() == (two / config).read_bytes()
    assert sorted(path.name for path in two.iterdir()) == sorted(path.name for path in one.iterdir())
    lines = said.splitlines()
    assert len([line for line in lines if line.startswith(f"{stage}: step ")]) == steps
    assert len([line for line in lines if line.startswith(f"{stage}: loss ")]) == 1
    if stage == "dpo":
        assert counts(two)["first_loss"] == pytest.approx(math.log(2), abs=1e-6)
        parent = read_manifest(trained(runs, "sft"))
        assert parent
        assert json.loads((two / "manifest.json").read_text())["inputs"]["sft"] == parent.digest


def kill_one_process(command: list[str], checkpoints: str, runs: Path) -> None:
    """Start, kill the second process once a checkpoint of the first is there, and wait until the launcher has given up."""
    with subprocess.Popen(command, env=environment(), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
        while process.poll() is None and not list((runs / "tiny").glob(checkpoints)):
            time.sleep(0.005)
        psutil.Process(process.pid).children(recursive=True)[-1].kill()
        assert process.wait(60) == 1


def kill_and_resume(stage: str, recipe: Path, runs: Path, sets: list[str]) -> Path:
    """The stage's folder after one of its two processes was killed, and the stage was started again."""
    script = str(ROOT / "train" / f"{stage}.py")
    command = torchrun(script, str(recipe), *words([*sets, *HALF, f"launch={CPU}", f"runs_dir={runs}"]))
    kill_one_process(command, f"{stage}-*/checkpoints/checkpoint-*/trainer_state.json", runs)
    assert subprocess.run(command, env=environment()).returncode == 0
    place = trained(runs, stage)
    assert not (place / "checkpoints").exists()
    return place


def test_dpo_of_which_one_process_was_killed_resumes_to_the_bytes_of_an_undisturbed_one(
    tiny_run: Path, both: tuple[Path, str], tmp_path: Path
) -> None:
    """Which is to say that two equal runs give equal bytes, too."""
    runs = tmp_path / "runs"
    shutil.copytree(both[0], runs)
    shutil.rmtree(trained(runs, "dpo"))
    place, whole = kill_and_resume("dpo", tiny_run, runs, STEPS), trained(both[0], "dpo")
    assert sha256(place / ADAPTER) == sha256(whole / ADAPTER)
    assert counts(place) == counts(whole)


def test_sft_of_which_one_process_was_killed_resumes_with_the_dropout_of_each(
    tiny_run: Path, runs: Path, tmp_path: Path
) -> None:
    """An epoch is 6 steps: the checkpoint stands inside the second, and each process has a random state of its own."""
    shutil.copytree(runs, tmp_path / "whole")
    sets = ["sft.max_steps=16", "sft.save_steps=8", "sft.lora.lora_dropout=0.1"]
    place = kill_and_resume("sft", tiny_run, runs, sets)
    undisturbed = words([*sets, *HALF, f"launch={CPU}", f"runs_dir={tmp_path / 'whole'}"])
    assert subprocess.run(torchrun(str(ROOT / "train" / "sft.py"), str(tiny_run), *undisturbed), env=environment()).returncode == 0  # fmt: skip
    whole = trained(tmp_path / "whole", "sft")
    assert sha256(place / ADAPTER) == sha256(whole / ADAPTER)
    assert counts(place) == counts(whole)


ALONE = """
import os, sys
from train import sft
from wellgate.errors import InputError
def refuse(*arguments):
    raise InputError("this process alone cannot read its data")
if os.environ["RANK"] == "1":
    sft.labelled_rows = refuse
sys.exit(sft.main(sys.argv[1:]))
"""


def test_a_process_that_stops_alone_stops_the_other_and_says_why(tiny_run: Path, runs: Path, tmp_path: Path) -> None:
    script = tmp_path / "alone.py"
    script.write_text(ALONE)
    command = torchrun(str(script), str(tiny_run), *words([f"launch={CPU}", f"runs_dir={runs}", *HALF]))
    done = subprocess.run(command, env=environment(), capture_output=True, text=True, timeout=90)
    assert done.returncode == 1
    said = [line for line in done.stderr.splitlines() if line.startswith("wellgate:")]
    assert said == ["wellgate: process 1 of 2: this process alone cannot read its data"]
    assert len(list((runs / "tiny").glob("sft-*/manifest.json"))) == 1


def sharded(engine: str, tmp_path: Path) -> Path:
    """The shipped launch file for two processes."""
    path = tmp_path / f"{engine}.yaml"
    shipped = (ROOT / "recipes" / "accelerate" / f"{engine}.yaml").read_text()
    path.write_text(shipped.replace("num_processes: 8", "num_processes: 2"))
    return path


@pytest.mark.parametrize(("engine", "kind", "dtype"), [("fsdp2", "FSDP", "float32"), ("zero3", "DEEPSPEED", "bfloat16")])  # fmt: skip
def test_a_model_that_is_sharded_over_two_cpu_processes_gives_the_adapter_of_one(
    tiny_run: Path, runs: Path, tmp_path: Path, engine: str, kind: str, dtype: str
) -> None:
    """The engines' own code on CPU tensors with gloo; what a GPU would add (NCCL, its kernels) is not run here."""
    if engine == "zero3":
        pytest.importorskip("deepspeed")
    driver = str(ROOT / "tests" / "train" / "engine_on_cpu.py")
    sets = [*HALF, "dpo=null", "gate=null", "export=null", f"model.dtype={dtype}", f"runs_dir={runs}"]
    command = torchrun(driver, engine[:4], str(tiny_run), *words([*sets, f"launch={sharded(engine, tmp_path)}"]))
    assert subprocess.run(command, env=environment()).returncode == 0
    place = trained(runs, "sft", kind)
    rounding = TOLERANCE if dtype == "float32" else 5e-3
    assert difference(trained(runs, "sft", "NO"), place) < rounding
    assert counts(place)["last_loss"] == pytest.approx(counts(trained(runs, "sft", "NO"))["last_loss"], abs=10 * rounding)  # fmt: skip
