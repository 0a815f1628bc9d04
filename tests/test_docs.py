"""Generated pages are those that the code generates, and tests that a page names exist."""

from __future__ import annotations

import importlib.util
import re
from pathlib import Path
from types import ModuleType

import pytest

ROOT = Path(__file__).resolve().parent.parent


def make_docs() -> ModuleType:
    spec = importlib.util.spec_from_file_location("make_docs", ROOT / "scripts" / "make_docs.py")
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_generated_pages_have_not_drifted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "80")  # restored afterwards; pages() sets its own
    pages: dict[Path, str] = make_docs().pages()
    assert pages
    for path, text in pages.items():
        assert path.read_text(encoding="utf-8") == text, f"run `python scripts/make_docs.py`: {path.name} has drifted"


def test_every_test_that_the_complaint_table_names_exists() -> None:
    page = (ROOT / "docs" / "training.md").read_text(encoding="utf-8")
    rows = page.partition("| complaint | answer | test |")[2].splitlines()[2:]
    named = [(file, name) for row in rows for file, names in _named(row) for name in names]
    assert len(named) > 10
    for file, name in named:
        source = (ROOT / "tests" / "train" / f"{file}.py").read_text(encoding="utf-8")
        assert not name or f"def test_{name}(" in source, f"{file} has no test_{name}"


def _named(row: str) -> list[tuple[str, list[str]]]:
    """The files of tests in a row's last cell, each with the names after it; an empty name stands for the file."""
    found: list[tuple[str, list[str]]] = []
    for word in re.findall(r"`(\w+)`", row.rsplit(" | ", 1)[-1]):
        if word.startswith("test_"):
            found.append((word, [""]))
        else:
            found[-1][1].append(word)
    return found
