"""Every recipe and launch file of the repository loads, and opens with a command that is one."""

from __future__ import annotations

import dataclasses
import shlex
from pathlib import Path
from typing import Any

import pytest
import yaml

from wellgate.base import PIN_ME
from wellgate.cli import main, parser
from wellgate.recipe import Recipe, load
from wellgate.world import World, declared

ROOT = Path(__file__).resolve().parent.parent
FOLDER = ROOT / "recipes"
LAUNCH_FILES = sorted((FOLDER / "accelerate").glob("*.yaml"))
RECIPES = sorted(path for path in FOLDER.rglob("*.yaml") if path not in LAUNCH_FILES)
UNPINNED = [path for path in RECIPES if PIN_ME in path.read_text(encoding="utf-8")]


def name(path: Path) -> str:
    return path.relative_to(FOLDER).as_posix()


@pytest.fixture(autouse=True)
def _at_the_root(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)


def first_line(path: Path) -> str:
    line = path.read_text(encoding="utf-8").splitlines()[0]
    assert line.startswith("# ")
    return line.removeprefix("# ")


def launched(path: str) -> World:
    """The world of a launch file, as a recipe without dpo declares it."""
    recipe = load(FOLDER / "demo-cpu.yaml", ["dpo=null", f"launch={path}"])
    return declared(recipe)


def test_there_are_recipes_and_the_launch_files_that_the_house_promises() -> None:
    assert RECIPES
    assert {path.stem for path in LAUNCH_FILES} >= {"cpu", "single_gpu", "multi_gpu", "fsdp2", "zero3"}


@pytest.mark.parametrize("path", RECIPES, ids=name)
def test_every_recipe_loads_with_its_launch_file(path: Path) -> None:
    recipe = load(path)
    assert recipe.name == path.stem
    assert isinstance(declared(recipe), World)


@pytest.mark.parametrize("path", RECIPES, ids=name)
def test_every_recipe_opens_with_the_command_that_runs_it(path: Path) -> None:
    words = shlex.split(first_line(path))
    assert words[:2] == ["wellgate", "run"]
    options = parser().parse_args(words[1:])
    assert (ROOT / options.recipe).samefile(path)
    wanted = {"model.revision" for one in UNPINNED if one == path}
    assert wanted <= {one.partition("=")[0] for one in options.overrides}


@pytest.mark.parametrize("path", UNPINNED, ids=name)
def test_a_recipe_that_is_not_pinned_says_how_and_does_not_run(path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    recipe: Recipe = load(path)
    assert f"git ls-remote https://huggingface.co/{recipe.model.base} HEAD" in path.read_text(encoding="utf-8")
    for command in ("check", "train", "run"):
        assert main([command, str(path)]) == 2
        (line,) = capsys.readouterr().err.strip().splitlines()
        assert "model.revision: PIN_ME: pin the weights with --set model.revision=" in line
    assert load(path, [f"model.revision={'a' * 40}"])


@pytest.mark.parametrize("path", LAUNCH_FILES, ids=name)
def test_every_launch_file_is_what_accelerates_own_loader_and_launcher_take(path: Path) -> None:
    from accelerate.commands.config.config_args import load_config_from_file
    from accelerate.commands.launch import launch_command_parser

    world = launched(str(path))
    loaded = dataclasses.asdict(load_config_from_file(str(path)))
    assert loaded["distributed_type"].value == world.distributed_type
    for key, value in yaml.safe_load(path.read_text(encoding="utf-8")).items():
        assert loaded[key] == value
    options: Any = vars(launch_command_parser().parse_args(["x.py"]))
    assert {*world.fsdp_config, *world.deepspeed_config} <= set(options)  # accelerate takes unknown ones in silence


@pytest.mark.parametrize("path", LAUNCH_FILES, ids=name)
def test_every_launch_file_opens_with_a_command_that_names_it(path: Path) -> None:
    command = first_line(path)
    assert f"recipes/accelerate/{path.name}" in command
    words = shlex.split(command)
    if words[0] == "wellgate":
        assert launched(parser().parse_args(words[1:]).overrides[0].partition("=")[2])
    else:
        from accelerate.commands.launch import launch_command_parser

        assert words[:2] == ["accelerate", "launch"]
        assert launch_command_parser().parse_args(words[2:]).training_script == "train/sft.py"
