"""The whole line: killed in every stage and run again it gives the same digests as an undisturbed run."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

pytestmark = pytest.mark.slow

MOMENTS: dict[str, Callable[[Path], bool]] = {
    "prepare": lambda run: any(run.glob("prepare-*")),
    "sft": lambda run: any(run.glob("sft-*/checkpoints/checkpoint-2/optimizer.pt")),
    "dpo": lambda run: any(run.glob("dpo-*/checkpoints/checkpoint-2")),
    "replies": lambda run: any(run.glob("replies-*-tuned-*/partial.jsonl")),
    "gate": lambda run: any(run.glob("gate-*")),
}
"""What stands in the run's folder when a stage is under way."""


def start(recipe: Path, cache: Path) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [sys.executable, "-m", "wellgate.cli", "run", str(recipe)],
        env=os.environ | {"WELLGATE_CACHE": str(cache)},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )


def kill_at(moment: Callable[[Path], bool], recipe: Path, cache: Path, run: Path) -> bool:
    """Kill the run and its children at the moment; False when it ended before."""
    process = start(recipe, cache)
    while process.poll() is None:
        if moment(run):
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
            return True
        time.sleep(0.005)
    return False


def outputs(run: Path) -> dict[str, dict[str, str]]:
    """Digests of what each stage wrote, by the stage's name; the datasheet and card carry no path or date either."""
    found = {}
    for path in run.glob("*/manifest.json"):
        manifest = json.loads(path.read_text(encoding="utf-8"))
        found[manifest["stage"]] = manifest["outputs"]
    return found


def test_killed_in_each_stage_and_run_again_gives_the_digests_of_an_undisturbed_run(
    tmp_path: Path, write_tiny: Callable[..., Path]
) -> None:
    cache = tmp_path / "cache"
    data = tmp_path / "same"
    write_tiny(data)
    plain = tmp_path / "plain"
    disturbed = tmp_path / "disturbed"
    recipes = {}
    for folder in (plain, disturbed):
        folder.mkdir()
        text = (data / "recipe.yaml").read_text(encoding="utf-8")
        recipes[folder] = folder / "recipe.yaml"
        recipes[folder].write_text(text.replace(str(data / "runs"), str(folder / "runs")), encoding="utf-8")
    assert start(recipes[plain], cache).wait() == 3
    killed = [
        stage
        for stage, moment in MOMENTS.items()
        if kill_at(moment, recipes[disturbed], cache, disturbed / "runs" / "tiny")
    ]
    assert start(recipes[disturbed], cache).wait() == 3
    assert set(killed) == set(MOMENTS)
    expected = outputs(plain / "runs" / "tiny")
    assert outputs(disturbed / "runs" / "tiny") == expected
    assert {"prepare", "sft", "dpo", "gate"} <= set(expected)
    assert not (disturbed / "runs" / "tiny" / "export").exists()
