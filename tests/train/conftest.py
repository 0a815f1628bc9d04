"""What the tests of training share: stages run in this process, over a run that may be changed."""

from __future__ import annotations

import importlib
import json
import shutil
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from wellgate.cli import main
from wellgate.files import sha256_file


@dataclass(frozen=True)
class Runs:
    """A recipe and the folder of its runs."""

    recipe: Path
    runs: Path

    def __call__(self, stage: str, *sets: str) -> int:
        """The stage's own main, and its exit code."""
        words = [word for one in (f"runs_dir={self.runs}", *sets) for word in ("--set", one)]
        return int(importlib.import_module(f"train.{stage}").main([str(self.recipe), *words]))

    def folder(self, stage: str) -> Path:
        (found,) = (self.runs / "tiny").glob(f"{stage}-*")
        return found

    def json(self, stage: str, name: str = "manifest.json") -> Any:
        return json.loads((self.folder(stage) / name).read_text(encoding="utf-8"))

    def sign_again(self, stage: str) -> None:
        """As someone would who knows that the manifest names digests, and that the lineage names the adapter's."""
        from wellgate.lineage import adapter_digest

        place = self.folder(stage)
        lineage = self.json(stage, "lineage.json")
        lineage["steps"][-1]["adapter"] = adapter_digest(place / "adapter")
        (place / "lineage.json").write_text(json.dumps(lineage))
        self.sign_manifest(stage)

    def sign_manifest(self, stage: str) -> None:
        place, manifest = self.folder(stage), self.json(stage)
        manifest["outputs"] = {name: sha256_file(place / name) for name in manifest["outputs"]}
        (place / "manifest.json").write_text(json.dumps(manifest))


@pytest.fixture
def copied(tmp_path: Path, alone: Callable[[Path], AbstractContextManager[None]]) -> Iterator[Callable[[Path], Runs]]:
    """A recipe with a copy of its runs, which may be changed."""

    def copy(recipe: Path) -> Runs:
        shutil.copytree(recipe.parent / "runs", tmp_path / "copy")
        return Runs(recipe, tmp_path / "copy")

    with alone(tmp_path / "cache"):
        yield copy


@pytest.fixture
def runs(tiny_run: Path, copied: Callable[[Path], Runs]) -> Runs:
    """The finished run of the tiny recipe."""
    return copied(tiny_run)


@pytest.fixture(scope="session")
def tiny_prepared(tmp_path_factory: pytest.TempPathFactory, write_tiny: Any, alone: Callable[[Path], Any]) -> Path:
    """The tiny recipe, prepared; nothing is trained in its own runs."""
    folder = tmp_path_factory.mktemp("prepared")
    with alone(folder / "cache"):
        recipe: Path = write_tiny(folder)
        assert main(["prepare", str(recipe)]) == 0
    return recipe


@pytest.fixture
def fresh(tiny_prepared: Path, tmp_path: Path, alone: Callable[[Path], Any]) -> Iterator[Callable[[str], list[str]]]:
    """A function: the arguments of a stage's main, over a copy of the prepared runs that is named."""

    def arguments(name: str = "runs") -> list[str]:
        if not (tmp_path / name).exists():
            shutil.copytree(tiny_prepared.parent / "runs", tmp_path / name)
        return [str(tiny_prepared), "--set", f"runs_dir={tmp_path / name}"]

    with alone(tmp_path / "cache"):
        yield arguments
