"""What a launch file declares is what runs, or one line says what to do; rows are dealt evenly; rank 0 speaks."""

from __future__ import annotations

import json
import os
import re
import stat
import subprocess
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import yaml
from hypothesis import example, given
from hypothesis import strategies as st

from train import checkpoints, ranks, sft
from train.order import Dealt, SeededByEpoch, deal
from wellgate.cli import main
from wellgate.errors import Crashed, InputError
from wellgate.recipe import load
from wellgate.stages import sft_stage
from wellgate.world import ALONE, World, declared

ROOT = Path(__file__).resolve().parent.parent.parent
SCRIPT = ROOT / "scripts" / "slurm_train.sh"
CPU: dict[str, Any] = {"distributed_type": "MULTI_CPU", "num_processes": 2, "use_cpu": True}
GPUS: dict[str, Any] = {"distributed_type": "MULTI_GPU", "num_processes": 8}
FSDP: dict[str, Any] = GPUS | {"distributed_type": "FSDP"}
FSDP2 = {"fsdp_version": 2, "fsdp_state_dict_type": "FULL_STATE_DICT"}
ZERO: dict[str, Any] = GPUS | {"distributed_type": "DEEPSPEED"}
ZERO3 = {"zero_stage": 3, "zero3_init_flag": True, "zero3_save_16bit_model": True}


@pytest.fixture
def write(tmp_path: Path) -> Any:
    """Write a recipe whose base does not exist, and its launch file; return the recipe's path."""

    def write(content: Any, **sections: Any) -> Path:
        launch = tmp_path / "launch.yaml"
        launch.write_text(content if isinstance(content, str) else yaml.safe_dump(content), encoding="utf-8")
        source = {"use": "jsonl", "path": str(tmp_path / "talks.jsonl"), "licence": "CC0-1.0", "consent": "synthetic"}
        recipe = {
            "name": "tiny",
            "runs_dir": str(tmp_path / "runs"),
            "launch": str(launch),
            "model": {"base": str(tmp_path / "no-such-model")},
            "prepare": {"sources": [source]},
            "sft": {},
            **sections,
        }
        (tmp_path / "talks.jsonl").write_text("{}\n")
        path = tmp_path / "recipe.yaml"
        path.write_text(yaml.safe_dump(recipe), encoding="utf-8")
        return path

    return write


def one_line(capsys: pytest.CaptureFixture[str]) -> str:
    (line,) = capsys.readouterr().err.strip().splitlines()
    return str(line)


MALFORMED: dict[str, tuple[Any, str]] = {
    "not YAML": ("a: [", "is not YAML"),
    "an impossible date": ("a: 2026-99-99", "is not YAML"),
    "a list": ("- 1", "is not a mapping"),
    "empty": ("", "is not a mapping"),
    "misspelt key": (GPUS | {"num_proceses": 2}, "num_proceses: unknown key; did you mean 'num_processes'?"),
    "unknown key": (GPUS | {"mpirun_config": {}}, "mpirun_config: unknown key"),
    "no type": ({"num_processes": 2}, "distributed_type: is missing"),
    "a bare NO": ("distributed_type: NO\nnum_processes: 1\n", "quote it: YAML reads a bare NO as false"),
    "another engine": (GPUS | {"distributed_type": "TPU"}, "distributed_type: Input should be"),
    "no number": ({"distributed_type": "MULTI_GPU"}, "num_processes: is missing"),
    "zero processes": (GPUS | {"num_processes": 0}, "num_processes: Input should be greater than or equal to 1"),
    "one of several": (GPUS | {"num_processes": 1}, "one process is `distributed_type: 'NO'`"),
    "several of one": ({"distributed_type": "NO", "num_processes": 2}, "one process is `distributed_type: 'NO'`"),
    "uneven machines": (GPUS | {"num_machines": 3}, "a multiple of `num_machines`"),
    "precision": (GPUS | {"mixed_precision": "bf16"}, "mixed_precision: Input should be 'no'"),
    "FSDP on CPU": (FSDP | {"use_cpu": True, "fsdp_config": FSDP2}, "`use_cpu: true` belongs to"),
    "CPU without CPU": (CPU | {"use_cpu": False}, "`use_cpu: true` belongs to"),
    "FSDP1": (FSDP | {"fsdp_config": FSDP2 | {"fsdp_version": 1}}, "FSDP needs `fsdp_version: 2`"),
    "sharded states": (FSDP | {"fsdp_config": {"fsdp_version": 2}}, "FSDP needs `fsdp_state_dict_type: FULL_STATE_DICT`"),
    "ZeRO-2": (ZERO | {"deepspeed_config": ZERO3 | {"zero_stage": 2}}, "DEEPSPEED needs `zero_stage: 3`"),
    "ZeRO unsaved": (ZERO | {"deepspeed_config": {"zero_stage": 3, "zero3_init_flag": True}}, "DEEPSPEED needs `zero3_save_16bit_model: True`"),
}  # fmt: skip


@pytest.mark.parametrize("command", ["check", "train"])
@pytest.mark.parametrize(("content", "expected"), MALFORMED.values(), ids=MALFORMED)
def test_a_launch_file_that_cannot_be_run_is_one_line(
    write: Any, capsys: pytest.CaptureFixture[str], content: Any, expected: str, command: str
) -> None:
    recipe = write(content)
    assert main([command, str(recipe)]) == 2
    assert expected in one_line(capsys)
    assert not (recipe.parent / "runs").exists()


def test_a_launch_file_that_is_missing_is_one_line(write: Any, capsys: pytest.CaptureFixture[str]) -> None:
    recipe = write(GPUS)
    assert main(["check", str(recipe), "--set", "launch=nowhere.yaml"]) == 2
    assert "launch: nowhere.yaml cannot be read (No such file or directory)" in one_line(capsys)


@pytest.mark.parametrize("world", [FSDP | {"fsdp_config": FSDP2}, ZERO | {"deepspeed_config": ZERO3}])
def test_dpo_needs_the_whole_model_in_each_process(write: Any, capsys: pytest.CaptureFixture[str], world: Any) -> None:
    recipe = write(world, dpo={})
    assert main(["check", str(recipe)]) == 2
    assert f"launch: dpo does not run under {world['distributed_type']}" in one_line(capsys)
    assert main(["check", str(recipe), "--set", "dpo=null"]) == 0


@pytest.mark.parametrize("command", ["train", "run"])
@pytest.mark.parametrize(("content", "here", "needs"), [({"distributed_type": "NO", "num_processes": 1}, 0, 1), (GPUS, 0, 8), (GPUS, 7, 8), (GPUS | {"num_machines": 2, "num_processes": 16}, 4, 8)])  # fmt: skip
def test_a_recipe_for_gpus_stops_before_anything_is_loaded_where_there_are_too_few(
    write: Any,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    content: Any,
    here: int,
    needs: int,
    command: str,
) -> None:
    monkeypatch.setattr("torch.cuda.device_count", lambda: here)
    recipe = write(content)
    assert main([command, str(recipe)]) == 2
    assert f"needs {needs} GPU(s), this machine has {here}; train where they are, or set `launch: null`" in one_line(
        capsys
    )
    assert not (recipe.parent / "runs").exists()


def test_several_machines_are_not_started_from_one(write: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    from train.launch import _start

    monkeypatch.setattr("torch.cuda.device_count", lambda: 8)
    recipe = load(write(GPUS | {"num_machines": 2, "num_processes": 16}))
    with pytest.raises(InputError, match=r"declares 2 machines; start `accelerate launch` on each, as scripts/slurm"):
        _start(recipe, ["x.py"])


@pytest.mark.parametrize(
    ("launch", "started", "expected"),
    [
        ("null", 2, r"the recipe \(launch: null\) declares 1 process\(es\) of type NO, but 2 run"),
        (None, 1, r"declares 2 process\(es\) of type MULTI_CPU, but 1 run"),
        (None, 4, r"declares 2 process\(es\) of type MULTI_CPU, but 4 run"),
    ],
)
def test_another_number_of_processes_than_declared_is_refused_by_the_script_itself(
    write: Any, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, launch: Any, started: int, expected: str
) -> None:  # fmt: skip
    monkeypatch.setenv("WORLD_SIZE", str(started))
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "0")
    words = ["--set", f"launch={launch}"] if launch else []
    assert sft.main([str(write(CPU)), *words]) == 2
    assert re.search(expected, one_line(capsys))


def test_a_launch_file_for_cpu_hides_the_gpus(write: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "0")
    assert ranks.require_devices(load(write(CPU))).num_processes == 2
    assert os.environ["CUDA_VISIBLE_DEVICES"] == ""


def accelerator(kind: str, count: int, fsdp2: bool = True, zero: int = 3) -> Any:
    plugin = SimpleNamespace(zero_stage=zero)
    kind_of = SimpleNamespace(value=kind)
    return SimpleNamespace(distributed_type=kind_of, num_processes=count, is_fsdp2=fsdp2, deepspeed_plugin=plugin)


SHARDED = World.model_validate(FSDP | {"fsdp_config": FSDP2})
ZEROED = World.model_validate(ZERO | {"deepspeed_config": ZERO3})


@pytest.mark.parametrize(
    ("world", "real", "expected"),
    [
        (ALONE, accelerator("NO", 1), None),
        (SHARDED, accelerator("FSDP", 8), None),
        (ZEROED, accelerator("DEEPSPEED", 8), None),
        (SHARDED, accelerator("MULTI_CPU", 8), "accelerate runs 8 of type MULTI_CPU"),
        (SHARDED, accelerator("FSDP", 8, fsdp2=False), "but accelerate runs FSDP1"),
        (ZEROED, accelerator("DEEPSPEED", 8, zero=2), "but accelerate runs stage 2"),
        (ZEROED, accelerator("DEEPSPEED", 4), "accelerate runs 4 of type DEEPSPEED"),
        (ALONE, accelerator("MULTI_GPU", 2), "accelerate runs 2 of type MULTI_GPU"),
    ],
)
def test_the_engine_is_asserted_never_assumed(world: World, real: Any, expected: str | None) -> None:
    if expected is None:
        ranks.require_engine(world, real)
        return
    with pytest.raises(InputError, match=expected):
        ranks.require_engine(world, real)


def test_what_changes_a_result_is_in_the_key_and_nothing_else(tiny_run: Path, tmp_path: Path) -> None:
    from wellgate.base import Base

    def key(**launch: Any) -> str:
        path = tmp_path / "launch.yaml"
        path.write_text("# as it comes\n" * len(launch) + yaml.safe_dump(launch))
        return sft_stage(load(tiny_run, [f"launch={path}"] if launch else []), Base("b", None, tmp_path, "d")).key

    two = key(**CPU)
    assert two == key(**CPU, main_process_port=29501, machine_rank=0)
    assert len({two, key(), key(**CPU | {"num_processes": 3}), key(**GPUS | {"num_processes": 2})}) == 4
    assert declared(load(tiny_run)) == ALONE


@pytest.mark.parametrize(("rank", "said"), [("0", ""), ("1", "process 1 of 2: ")])
def test_a_process_that_stops_alone_is_heard_and_the_first_speaks_for_all(
    write: Any, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, rank: str, said: str
) -> None:
    waited: list[float] = []
    monkeypatch.setattr("time.sleep", waited.append)
    monkeypatch.setattr("signal.signal", lambda *arguments: None)
    monkeypatch.setenv("RANK", rank)
    monkeypatch.setenv("WORLD_SIZE", "2")
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")
    recipe = write(CPU)
    assert sft.main([str(recipe)]) == 2
    assert one_line(capsys).startswith(f"wellgate: {said}model.base: there is no folder")
    assert waited == [ranks.PATIENCE] * (rank == "1")
    message = json.loads((recipe.parent / "runs" / "tiny" / "sft.failed.json").read_text())["message"]
    assert message.startswith(f"{said}model.base: there is no folder")


@pytest.mark.parametrize(("rank", "expected"), [("0", Crashed), ("1", SystemExit)])
def test_a_stop_that_all_have_agreed_on_is_said_by_the_first(
    monkeypatch: pytest.MonkeyPatch, rank: str, expected: type[BaseException]
) -> None:
    monkeypatch.setenv("RANK", rank)
    with pytest.raises(expected), ranks.one_voice():
        raise Crashed("sft: interrupted at step 7")


@given(st.integers(1, 200), st.integers(1, 5), st.integers(1, 8))
@example(24, 4, 2)
@example(5, 1, 2)
@example(9, 2, 8)
@example(17, 2, 8)
def test_rows_are_dealt_once_evenly_and_as_one_process_takes_them(rows: int, size: int, processes: int) -> None:
    rounds = deal(range(rows), size, processes)
    dealt = [row for one in rounds for part in one for row in part]
    assert dealt == list(range(len(dealt)))
    waiting = rows - len(dealt)
    assert waiting == 0 or (waiting < processes and (size == 1 or rows < processes))
    for one in rounds:
        sizes = [len(part) for part in one]
        assert len(one) == processes
        assert 1 <= min(sizes) <= max(sizes) <= min(size, min(sizes) + 1)
    full = size * processes
    whole = [[row for part in one for row in part] for one in rounds]
    assert whole[: max(0, rows // full - 1)] == [
        list(range(at, at + full)) for at in range(0, max(0, rows // full - 1) * full, full)
    ]


@pytest.mark.parametrize("epoch", [0, 3])
def test_each_process_gets_its_own_share_of_one_order(epoch: int) -> None:
    lengths = [7, 3, 9, 1, 5, 5, 2, 8, 6, 4, 3]
    shares = [Dealt(SeededByEpoch(4, lengths, seed=3), 2, 2, rank) for rank in (0, 1)]
    for share in shares:
        share.set_epoch(epoch)
    one = SeededByEpoch(4, lengths, seed=3)
    one.set_epoch(epoch)
    first, second = (list(share) for share in shares)
    assert [len(share) for share in shares] == [len(first), len(second)] == [3, 3]
    assert [row for pair in zip(first, second, strict=True) for part in pair for row in part] == list(one)


def test_fewer_rows_than_processes_are_refused() -> None:
    with pytest.raises(InputError, match="launch: 3 rows cannot be dealt to 4 processes; start fewer"):
        Dealt(SeededByEpoch(4, [1, 2, 3], seed=0), 1, 4, 0)


@pytest.mark.parametrize(("kind", "count", "missing"), [("MULTI_CPU", 2, "rng_state_1.pth"), ("FSDP", 2, "optimizer.bin"), ("DEEPSPEED", 2, "latest"), ("NO", 1, "optimizer.pt")])  # fmt: skip
@pytest.mark.parametrize("torn", [False, True])
def test_a_checkpoint_is_whole_when_every_process_has_written_its_part(
    tmp_path: Path, kind: str, count: int, missing: str, torn: bool
) -> None:
    import torch

    real = accelerator(kind, count)
    place = tmp_path / "checkpoints" / "checkpoint-2"
    place.mkdir(parents=True)
    for part in checkpoints.parts(real):
        torch.save({}, place / part)
    (place / "trainer_state.json").write_text('{"global_step": 2, "max_steps": 9}')
    assert checkpoints.last_checkpoint(tmp_path, real) == str(place)
    if torn and count > 1:
        state = place / "rng_state_1.pth"
        state.write_bytes(state.read_bytes()[:-30])
    else:
        (place / missing).unlink()
    assert checkpoints.last_checkpoint(tmp_path, real) is None


@pytest.fixture
def slurm(tmp_path: Path) -> Any:
    """Run the Slurm script on one machine, with commands that only say how they were called."""

    def run(launch: str, nodes: str, *words: str, **environment: str) -> subprocess.CompletedProcess[str]:
        stubs = {
            "scontrol": "echo host-a; echo host-b",
            "srun": 'shift; SLURM_NODEID=1 "$@"',
            "accelerate": 'echo "accelerate $*"; exit "${FAIL:-0}"',
        }
        for name, body in stubs.items():
            path = tmp_path / name
            path.write_text(f"#!/bin/bash\n{body}\n")
            path.chmod(path.stat().st_mode | stat.S_IXUSR)
        job = {"SLURM_NNODES": nodes, "SLURM_JOB_NODELIST": "host-[a-b]", "SLURM_JOB_ID": "123456"}
        path_of = {"PATH": f"{tmp_path}:{os.environ['PATH']}"}
        command = ["bash", str(SCRIPT), launch, "recipes/demo-cpu.yaml", *words]
        return subprocess.run(
            command, cwd=ROOT, env={**os.environ, **path_of, **job, **environment}, capture_output=True, text=True
        )

    return run


def test_the_slurm_script_starts_accelerate_on_each_machine(slurm: Any, tmp_path: Path) -> None:
    from accelerate.commands.launch import launch_command_parser

    assert subprocess.run(["bash", "-n", str(SCRIPT)]).returncode == 0
    launch = tmp_path / "two.yaml"
    launch.write_text((ROOT / "recipes/accelerate/multi_gpu.yaml").read_text().replace("num_machines: 1", "num_machines: 2"))  # fmt: skip
    done = slurm(str(launch), "2", "--set", "sft.max_steps=3", STAGES="sft dpo")
    assert done.returncode == 0, done.stderr
    lines = done.stdout.strip().splitlines()
    assert len(lines) == 2
    for line, stage in zip(lines, ("sft", "dpo"), strict=True):
        options = launch_command_parser().parse_args(line.split()[2:])
        assert (options.training_script, options.machine_rank, options.main_process_ip) == (f"train/{stage}.py", 1, "host-a")  # fmt: skip
        assert (options.config_file, options.main_process_port, options.rdzv_backend) == (str(launch), 23456, "c10d")
        assert (ROOT / options.training_script).is_file()
        assert options.training_script_args == ["recipes/demo-cpu.yaml", "--set", f"launch={launch}", "--set", "sft.max_steps=3"]  # fmt: skip


def test_the_slurm_script_refuses_another_number_of_machines_and_stops_at_the_first_failure(slurm: Any) -> None:
    refused = slurm("recipes/accelerate/multi_gpu.yaml", "2")
    assert (refused.returncode, refused.stdout) == (2, "")
    assert "multi_gpu.yaml says num_machines: 1, the job has 2; make them equal" in refused.stderr
    failed = slurm("recipes/accelerate/multi_gpu.yaml", "1", STAGES="sft dpo", FAIL="7")
    assert failed.returncode == 7
    assert len(failed.stdout.strip().splitlines()) == 1


@pytest.mark.parametrize("word", ["recipes/", "scripts/", "train/"])
def test_the_slurm_script_and_the_launch_files_name_files_that_exist(word: str) -> None:

    texts = [SCRIPT, *(ROOT / "recipes" / "accelerate").glob("*.yaml")]
    named = {one for path in texts for one in re.findall(rf"{word}[\w/.-]+\.(?:yaml|sh|py)", path.read_text())}
    assert named
    assert [one for one in named if not (ROOT / one).is_file()] == []
