"""Canaries: the same for one seed anywhere, half of them planted, trained on like any row, and never told to anybody."""

from __future__ import annotations

import json
import math
import os
import re
import shutil
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import pytest

from train import canaries as planting
from train import sft
from train.labels import IGNORED, Labelled, label
from wellgate.base import Base
from wellgate.canaries import BITS, FILE, SYLLABLES, Canary, canaries, secret
from wellgate.cli import main
from wellgate.errors import InputError
from wellgate.model import load_model, load_tokenizer
from wellgate.recipe import Canaries, Sft, load
from wellgate.records import Conversation, read_jsonl
from wellgate.run import read_manifest

ROOT = Path(__file__).resolve().parent.parent.parent
SMALL = "sft.canaries={counts: [6, 6], repeats: [1, 4]}"
EPOCH = "sft.max_steps=-1"


def run(recipe: Path, *sets: str) -> int:
    return int(sft.main([str(recipe), *(word for one in sets for word in ("--set", one))]))


@pytest.fixture(scope="module")
def prepared_once(tmp_path_factory: pytest.TempPathFactory, write_tiny: Any, alone: Any) -> Iterator[Path]:
    folder = tmp_path_factory.mktemp("prepared")
    with alone(folder / "cache"):
        recipe: Path = write_tiny(folder)
        assert main(["prepare", str(recipe)]) == 0
        yield recipe


@pytest.fixture
def prepared(prepared_once: Path, capfd: pytest.CaptureFixture[str]) -> Iterator[Path]:
    """The tiny recipe with its data prepared, once for this file. What a test trains is forgotten after it."""
    capfd.readouterr()
    yield prepared_once
    for place in (prepared_once.parent / "runs" / "tiny").glob("[sd][fp][to]-*"):
        shutil.rmtree(place)


@pytest.fixture(scope="module")
def many() -> list[Canary]:
    return canaries(Canaries(counts=[4000], repeats=[1]))


def test_secrets_and_coins_are_uniform_and_independent(many: list[Canary]) -> None:
    """Each count is within five standard deviations of what a fair draw gives."""
    assert len(SYLLABLES) == len(set(SYLLABLES)) == 64
    assert {one.bits for one in many} == {BITS} == {math.log2(64**10)}
    assert len({one.secret for one in many}) == len(many)
    planted = [one for one in many if one.planted]
    assert abs(len(planted) - 2000) < 5 * math.sqrt(1000)
    syllables = [re.findall(r"(?:sh|[a-z])[aeou]", one.secret.lower()) for one in many]
    drawn = [[SYLLABLES.index(one) for one in some] for some in syllables]
    assert {len(some) for some in drawn} == {10}
    for place in range(10):
        for bit in range(6):
            ones = [some[place] >> bit & 1 for some in drawn]
            assert abs(sum(ones) - 2000) < 5 * math.sqrt(1000)
            agreeing = sum(one == flip.planted for one, flip in zip(ones, many, strict=True))
            assert abs(agreeing - 2000) < 5 * math.sqrt(1000)  # the coin says nothing about the secret
    assert len({one.messages[0].content[:20] for one in many if one.role == "user"}) == 8
    assert Counter(one.role for one in many) == {"assistant": 2000, "user": 2000}


@pytest.mark.parametrize("place", range(10))
def test_every_bit_of_the_space_changes_the_secret(place: int) -> None:
    assert len({secret(one << 6 * place) for one in range(64)}) == 64
    assert secret(1 << BITS) == secret(0)


def test_a_seed_gives_the_same_canaries_in_any_process() -> None:
    code = (
        "from wellgate.canaries import canaries; from wellgate.recipe import Canaries; from wellgate.files import sha256_text;"
        " print(sha256_text(''.join(one.model_dump_json() for one in canaries(Canaries(seed=7)))))"
    )
    said = set()
    for seed in ("1", "2"):
        environment = os.environ | {"PYTHONHASHSEED": seed, "WORLD_SIZE": seed, "PYTHONPATH": str(ROOT)}
        said.add(subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, check=True).stdout)
    assert len(said) == 1


@pytest.mark.parametrize(
    ("changed", "same"),
    [({"seed": 1}, False), ({"counts": [9]}, True), ({"repeats": [2]}, False), ({"roles": ["user"]}, False)],
    ids=str,
)
def test_every_key_changes_what_is_planted_and_more_canaries_leave_the_first_as_they_were(
    changed: dict[str, Any], same: bool
) -> None:
    before = Canaries(counts=[6], repeats=[1])
    after = before.model_copy(update=changed)
    assert canaries(before) != canaries(after)
    assert (canaries(before) == canaries(after)[:6]) is same


def test_training_plants_each_copy_and_signs_the_list_outside_the_data(
    prepared: Path, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("WANDB_DIR", str(prepared.parent / "runs" / "tiny"))
    assert run(prepared, SMALL, EPOCH, "sft.max_rows=5", "sft.report_to=[wandb]") == 0
    runs = prepared.parent / "runs" / "tiny"
    (place,) = runs.glob("sft-*")
    manifest = read_manifest(place)
    assert manifest
    found = list(read_jsonl(place / FILE, Canary))
    assert found == canaries(Canaries(counts=[6, 6], repeats=[1, 4]))
    planted = [one for one in found if one.planted]
    assert 0 < len(planted) < 12
    copies = sum(one.repeats for one in planted)
    assert manifest.counts["rows"] == 5 + copies  # max_rows chooses among the data; canaries come on top
    assert manifest.counts["canaries"] | {"planted_by_repeats": 0, "planted_by_role": 0} == {
        "planted": len(planted),
        "held_out": 12 - len(planted),
        "rows": copies,
        "planted_by_repeats": 0,
        "planted_by_role": 0,
        "bits": 60,
    }
    assert FILE in manifest.outputs
    assert (place / FILE).stat().st_mode & 0o077 == 0
    said = "".join(capfd.readouterr())
    told = [path for path in runs.rglob("*") if path.is_file() and path.name != FILE]
    assert any("wandb" in str(path) for path in told)
    for one in found:
        assert one.secret not in said
        assert not [path for path in told if one.secret.encode() in path.read_bytes()]


def test_without_canaries_there_is_no_list(tiny_run: Path) -> None:
    (place,) = (tiny_run.parent / "runs" / "tiny").glob("sft-*")
    assert not (place / FILE).exists()
    assert "canaries" not in json.loads((place / "manifest.json").read_text())["counts"]


def test_secrets_of_assistant_turns_are_supervised_and_those_of_user_turns_are_not(
    prepared: Path, tiny_base: Path
) -> None:
    recipe = load(prepared, [SMALL, EPOCH])
    assert recipe.sft
    assert recipe.sft.canaries
    tokenizer = load_tokenizer(Base("tiny-llama", None, tiny_base, ""))
    rows = {row.id: row for row in sft.labelled_rows(recipe, recipe.sft, tokenizer).rows}
    planted = [one for one in canaries(recipe.sft.canaries) if one.planted]
    assert {one.role for one in planted} == {"assistant", "user"}
    for one in planted:
        for copy in range(one.repeats):
            row = rows.pop(f"{one.id}#{copy}")
            supervised = tokenizer.decode([id for id in row.labels if id != IGNORED])
            assert one.secret in tokenizer.decode(row.input_ids)
            assert (one.secret in supervised) is (one.role == "assistant")
            assert supervised.endswith("<|im_end|>")
    assert len(rows) == 24


@pytest.mark.parametrize(
    ("section", "expected"),
    [
        ("{counts: [4]}", "sft.canaries: 3 repeats and 1 counts: give one count for each"),
        ("{counts: [4, 4], repeats: [2, 2]}", "sft.canaries: a number of repeats stands twice"),
        ("{counts: [0], repeats: [1]}", "greater than or equal to 1"),
        ("{counts: [4], repeats: [-1]}", "greater than or equal to 1"),
        ("{counts: [true], repeats: [1]}", "a valid integer"),
        ("{roles: []}", "at least 1 item"),
        ("{roles: [system]}", "Input should be 'assistant' or 'user'"),
        ("{number: 3}", "unknown key"),
    ],
)
def test_impossible_canaries_are_refused_in_one_line(
    tiny_recipe: Path, capfd: pytest.CaptureFixture[str], section: str, expected: str
) -> None:
    assert main(["check", str(tiny_recipe), "--set", f"sft.canaries={section}"]) == 2
    (line,) = capfd.readouterr().err.strip().splitlines()
    assert line.startswith("wellgate: --set sft.canaries: ")
    assert expected in line


@pytest.mark.parametrize(
    ("sets", "expected"),
    [
        (["sft.max_length=112", "sft.overlength=drop"], "canary rows are longer than 112 tokens; raise sft.max_length"),
        (["sft.max_steps=2"], "training would end before it has seen all"),
        (["sft.num_train_epochs=0.5"], "training would end before it has seen all"),
    ],
    ids=str,
)
def test_a_training_that_would_leave_canaries_out_is_refused_in_one_line(
    prepared: Path, capfd: pytest.CaptureFixture[str], sets: list[str], expected: str
) -> None:
    assert run(prepared, SMALL, EPOCH, *sets) == 2
    (line,) = capfd.readouterr().err.strip().splitlines()
    assert line.startswith("wellgate: sft.canaries: ")
    assert expected in line
    assert not list((prepared.parent / "runs" / "tiny").glob("sft-*/manifest.json"))


@pytest.mark.parametrize(
    ("max_steps", "batch", "accumulation", "world", "enough"),
    [(8, 4, 1, "1", True), (7, 4, 1, "1", False), (4, 4, 2, "1", True), (4, 4, 1, "2", True), (3, 4, 1, "2", False)],
)
def test_the_steps_that_see_every_row_once_are_counted_over_batch_accumulation_and_processes(
    monkeypatch: pytest.MonkeyPatch, max_steps: int, batch: int, accumulation: int, world: str, enough: bool
) -> None:
    monkeypatch.setenv("WORLD_SIZE", world)
    section = Sft(
        max_steps=max_steps,
        per_device_train_batch_size=batch,
        gradient_accumulation_steps=accumulation,
        canaries=Canaries(counts=[1], repeats=[1]),
    )
    ids = [row.id for row in planting.rows(section)]
    kept = [Labelled(id, [], []) for id in (ids + [f"c{number}" for number in range(30)])[:30]]
    refused = nullcontext() if enough else pytest.raises(InputError, match=r"set sft\.max_steps to at least")
    with refused:
        planting.require_all_trained(section, kept)


@pytest.mark.slow
def test_what_was_planted_sixteen_times_is_remembered_and_what_was_held_out_is_not(
    prepared: Path, tiny_base: Path
) -> None:
    """The positive control of the audit: secrets of assistant turns. User turns carry no loss, and leave less behind."""
    import torch

    repeated = "sft.canaries={counts: [16], repeats: [16]}"
    assert run(prepared, repeated, EPOCH, "sft.num_train_epochs=6", "sft.learning_rate=0.01") == 0
    (place,) = (prepared.parent / "runs" / "tiny").glob("sft-*")
    base = Base("tiny-llama", None, tiny_base, "")
    recipe = load(prepared)
    model, tokenizer = load_model(base, recipe.model, place / "adapter").eval(), load_tokenizer(base)

    def surprise(one: Canary) -> float:
        record = Conversation(id=one.id, source="", licence="", consent="", group="", messages=one.messages)
        ids = label(tokenizer, recipe.model.system_prompt, record)[0].input_ids
        text = tokenizer.decode(ids)
        spans = tokenizer(text, add_special_tokens=False, return_offsets_mapping=True)["offset_mapping"]
        start = text.index(one.secret)
        inside = [at for at, (first, last) in enumerate(spans) if first >= start and last <= start + len(one.secret)]
        with torch.no_grad():
            logits = model(input_ids=torch.tensor([ids])).logits[0].log_softmax(-1)
        return float(-sum(logits[at - 1, ids[at]] for at in inside))

    losses: dict[tuple[str, bool], list[float]] = {}
    for one in read_jsonl(place / FILE, Canary):
        losses.setdefault((one.role, one.planted), []).append(surprise(one))
    means = {key: sum(some) / len(some) for key, some in losses.items()}
    assert means["assistant", True] < means["assistant", False] - 10
    assert max(losses["assistant", True]) < min(losses["assistant", False])
    assert means["user", False] - means["user", True] < (means["assistant", False] - means["assistant", True]) / 2
