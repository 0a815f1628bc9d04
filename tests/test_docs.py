"""Generated pages are those that the code generates."""

from __future__ import annotations

import importlib.util
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
