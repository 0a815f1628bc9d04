"""The card says what training planted, promised and did not look at."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from eval.card import duplicates, privacy
from wellgate.run import Manifest, read_manifest


def manifest(recipe: Path, stage: str) -> Manifest:
    (place,) = (recipe.parent / "runs" / "tiny").glob(f"{stage}-*")
    found = read_manifest(place)
    assert found
    return found


def test_the_card_of_a_run_counts_duplicates_and_is_silent_on_what_was_not_done(tiny_run: Path) -> None:
    (card,) = (tiny_run.parent / "runs" / "tiny").glob("gate-*/CARD.preview.md")
    text = card.read_text()
    assert (
        "- Duplicates left out before training: 0 exact, near ones not looked for, semantic ones not looked for" in text
    )
    assert "canaries" not in text
    assert "differential privacy" not in text


@pytest.mark.parametrize(
    ("rejected", "config", "expected"),
    [
        ({}, {"near_duplicates": 0.5}, "0 exact, 0 near, semantic ones not looked for"),
        (
            {"dedup: exact duplicate": 3, "dedup: near duplicate": 2, "hygiene: dosing": 9},
            {"near_duplicates": 0.5},
            "3 exact, 2 near, semantic ones not looked for",
        ),
        (
            {"dedup: semantic duplicate": 4},
            {"near_duplicates": None, "same_meaning": "m"},
            "0 exact, near ones not looked for, 4 semantic",
        ),
    ],
)
def test_duplicates_are_counted_by_kind(
    tiny_run: Path, rejected: dict[str, int], config: dict[str, Any], expected: str
) -> None:
    data = manifest(tiny_run, "prepare")
    changed = {"counts": data.counts | {"rejected": rejected}, "config": data.config | config}
    assert duplicates(data.model_copy(update=changed)) == f"- Duplicates left out before training: {expected}"


PROMISE: dict[str, Any] = {
    "unit": "client", "epsilon": 3.456, "delta": 1e-4, "noise_multiplier": 1.23456, "accountant": "rdp",
    "noise_seed_known": False, "client": {"rows": 1, "epsilon": 3.456, "delta": 1e-4},
}  # fmt: skip


def lines(recipe: Path, *stages: str, **counts: Any) -> list[str]:
    training = [manifest(recipe, stage) for stage in stages]
    first = training[0].model_copy(update={"counts": training[0].counts | counts})
    return privacy([first, *training[1:]])


def test_planted_canaries_are_named(tiny_run: Path) -> None:
    (line,) = lines(tiny_run, "sft", "dpo", canaries={"planted": 212, "rows": 581}, rows=3000)
    assert line.startswith("- 212 canaries planted (581 of 3000 rows): ")


@pytest.mark.parametrize(
    ("changed", "expected", "absent"),
    [
        ({}, "No client has more than one row.", "void"),
        ({"client": {"rows": 3, "epsilon": 9.0, "delta": 0.5}}, "with 3 rows: epsilon 9.00 at delta 0.5.", "nothing"),
        ({"client": {"rows": 9, "epsilon": None, "delta": None}}, "with 9 rows it promises nothing.", "No client"),
        ({"noise_seed_known": True}, "**the promise is void**", "nothing"),
    ],
    ids=str,
)
def test_the_promise_is_said_with_its_limits(
    tiny_run: Path, changed: dict[str, Any], expected: str, absent: str
) -> None:
    (line,) = lines(tiny_run, "sft", privacy=PROMISE | changed)
    assert "epsilon 3.46 at delta 0.0001 for one row" in line
    assert "not the losses above" in line
    assert expected in line
    assert absent not in line


def test_dpo_after_a_private_sft_is_said_not_to_be_private(tiny_run: Path) -> None:
    said = lines(tiny_run, "sft", "dpo", privacy=PROMISE)
    assert len(said) == 2
    assert said[1].startswith("- dpo after it is not private: ")
