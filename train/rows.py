"""Prepared records as training takes them: read as signed, chosen whatever their order, and never cut."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeVar

from wellgate.errors import InputError
from wellgate.files import sha256_file, sha256_text
from wellgate.recipe import Recipe
from wellgate.records import Conversation, Feedback, Preference, read_jsonl, read_parquet
from wellgate.run import Stage
from wellgate.stages import prepared

T = TypeVar("T", Conversation, Preference, Feedback)


def read_prepared(recipe: Recipe, name: str, model: type[T]) -> list[T]:
    """One prepared file as records."""
    stage, _ = prepared(recipe)
    path = stage.folder / f"{name}.{recipe.prepare.format}"
    require_unchanged(stage, [path.name])
    return read_parquet(path, model) if recipe.prepare.format == "parquet" else list(read_jsonl(path, model))


def require_unchanged(stage: Stage, names: Sequence[str]) -> None:
    """These outputs of a completed stage are still the files that its manifest signed, or an InputError."""
    signed = stage.require("run it first").outputs
    for name in names:
        path = stage.folder / name
        if not path.is_file() or sha256_file(path) != signed[name]:
            raise InputError(f"{path}: changed or missing since it was written; delete {stage.folder} and run again")


def select(records: Sequence[T], limit: int | None) -> list[T]:
    """At most `limit` records, the same ones whatever their order in the file."""
    chosen = sorted(records, key=lambda record: sha256_text(record.id))[:limit]
    return sorted(chosen, key=lambda record: record.id)
