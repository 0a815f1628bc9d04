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
