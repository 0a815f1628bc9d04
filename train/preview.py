"""`wellgate show RECIPE --mask`: one training record with what the loss sees of it marked, for the user's own eyes.

The only place of training that prints text, and only to whoever asks at a terminal.
"""

from __future__ import annotations

from itertools import groupby
from typing import Any

from train.labels import IGNORED, Labelled, label
from train.rows import read_prepared, select
from wellgate.errors import InputError
from wellgate.model import load_tokenizer
from wellgate.recipe import Recipe
from wellgate.records import Conversation
from wellgate.stages import resolve_base

COLOURED = ("\033[1;32m", "\033[0m")
BRACKETS = ("⟦", "⟧")


def preview(recipe: Recipe, id: str, colour: bool) -> str:
    """The rows of one record, supervised tokens between marks.

    Args:
        recipe: whose data is prepared.
        id: of the record; empty: the first that training takes.
        colour: mark by terminal colour instead of brackets.

    Raises:
        InputError: no such record, no `sft` section, nothing prepared.
    """
    if recipe.sft is None:
        raise InputError("show --mask: the recipe has no `sft` section, so nothing is masked")
    records = select(read_prepared(recipe, "train", Conversation), None if id else recipe.sft.max_rows)
    record = next((one for one in records if one.id == id or not id), None)
    if record is None:
        raise InputError(f"show --mask: training data has no record {id!r}" if id else "show --mask: no training data")
    tokenizer = load_tokenizer(resolve_base(recipe))
    rows = label(tokenizer, recipe.model.system_prompt, record)
    if not rows:
        raise InputError(f"show --mask: {record.id} has no reply, so the loss sees nothing of it")
    return "\n\n".join(_shown(tokenizer, row, COLOURED if colour else BRACKETS) for row in rows)


def _shown(tokenizer: Any, row: Labelled, marks: tuple[str, str]) -> str:
    supervised = sum(one != IGNORED for one in row.labels)
    text = ""
    for seen, stretch in groupby(zip(row.input_ids, row.labels, strict=True), key=lambda pair: pair[1] != IGNORED):
        words = tokenizer.decode([id for id, _ in stretch], clean_up_tokenization_spaces=False)
        plain = "".join(one if one.isprintable() or one in "\n\t" else "\N{REPLACEMENT CHARACTER}" for one in words)
        text += f"{marks[0]}{plain}{marks[1]}" if seen else plain
    return f"{row.id}: {row.length} tokens, the loss sees the {supervised} marked ones\n\n{text}"
