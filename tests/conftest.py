"""Fixtures that several test files share. All user data in the tests is invented."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

WriteRecipe = Callable[..., Path]
Talk = Callable[..., dict[str, Any]]


@pytest.fixture
def talk() -> Talk:
    """A row of a jsonl source: conversation number n, with other fields on request."""

    def row(number: int, **fields: Any) -> dict[str, Any]:
        turns = [
            {"role": "user", "content": f"Question {number} about sleep"},
            {"role": "assistant", "content": f"Answer {number} about rest"},
        ]
        return {"id": f"c{number}", "messages": turns, **fields}

    return row


@pytest.fixture
def write_recipe(tmp_path: Path) -> WriteRecipe:
    """Write a recipe over one jsonl source and return its path. Everything stays below tmp_path.

    `rows` are dicts, or the raw bytes of the file; keywords are keys of `prepare`; `sections` are further top-level keys.
    """

    def write(rows: list[Any] | bytes | None = None, sections: dict[str, Any] | None = None, **prepare: Any) -> Path:
        data = tmp_path / "talks.jsonl"
        if isinstance(rows, bytes):
            data.write_bytes(rows)
        elif rows is not None:
            data.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
        (tmp_path / "base").mkdir(exist_ok=True)
        source = {"use": "jsonl", "path": str(data), "licence": "CC0-1.0", "consent": "synthetic"}
        recipe = {
            "name": "tiny",
            "runs_dir": str(tmp_path / "runs"),
            "model": {"base": str(tmp_path / "base")},
            "prepare": {"sources": [source], **prepare},
            **(sections or {}),
        }
        path = tmp_path / "recipe.yaml"
        path.write_text(yaml.safe_dump(recipe, sort_keys=False), encoding="utf-8")
        return path

    return write
