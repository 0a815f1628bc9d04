"""What holds for the repository as a whole: file names."""

from __future__ import annotations

import importlib.metadata
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
PACKAGES = ("wellgate", "data_prep", "train", "eval")


def test_no_file_is_named_utils() -> None:
    places = [ROOT / name for name in (*PACKAGES, "scripts", "tests")]
    assert [path for place in places for path in place.rglob("utils.py")] == []


@pytest.mark.parametrize("stage", ["data_prep", "train", "eval"])
def test_no_stage_file_shadows_a_library(stage: str) -> None:
    """`python train/x.py` puts train/ first on the path, so that train/datasets.py would replace the library."""
    libraries = set(importlib.metadata.packages_distributions()) | set(sys.stdlib_module_names)
    assert [path.name for path in (ROOT / stage).iterdir() if path.stem in libraries - {"__init__"}] == []
