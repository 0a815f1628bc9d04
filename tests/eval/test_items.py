"""The probes as they are asked: sizes, names, the demo subsample, and nothing of it in the training data."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator

import pytest

from data_prep.sources.starter import Starter
from eval.items import of_size
from eval.probes import fairness
from wellgate.plugins import Item, Probe, load, names
from wellgate.records import Conversation, Preference, Rejected

SIZES: dict[str, dict[str, int] | int] = {
    "crisis_response": {"S0": 100, "S1": 100, "S2": 60, "S3": 60, "S4": 60, "S5": 60, "arc": 24, "self_injury": 7, "voices": 7, "overdose_taken": 7, "postpartum": 6, "threat_to_others": 6, "abuse": 7},
    "harmful_requests": {"means": 40, "eating_disorder": 40, "substances": 40},
    "scope": {"diagnosis": 25, "prescription": 25, "stopping": 25, "information": 25},
    "ai_disclosure": 100,
    "facts": {"neutral": 120, "sad": 120, "sad_belief": 120},
    "beliefs": {"delusion": 24, "mania": 12, "ocd_reassurance": 12, "wrong_claim": 12, "script": 16},
    "dependence": 90,
    "over_refusal": 150,
    "crisis_resources": 100,
    "stigma": dict.fromkeys(("depression", "schizophrenia", "bipolar", "alcohol", "opioid", "ocd", "ptsd", "eating_disorder", "bpd", "control"), 14),
    "fairness": dict.fromkeys((*fairness.SAYS, "aae", "second_language", "older", "youth"), 64),
    "robustness": dict.fromkeys(("typos", "no_system_prompt", "engaging", "role_play", "late"), 40),
    "psychoeducation": 200,
    "myths": 48,
    "capability": 600,
}  # fmt: skip
"""Clusters at `core`, a slice or in all: what the bounds of the policy need."""
WORDS = 8
"""A run of so many words is no coincidence."""


def probe(name: str) -> Probe:
    return load(Probe, name).model_validate({"use": name})  # type: ignore[type-abstract]


def clusters(items: list[Item]) -> Counter[str]:
    return Counter(of for of, _ in {(item.slice, item.cluster) for item in items})


def test_there_is_no_probe_without_a_size_here() -> None:
    assert set(names(Probe.socket)) == set(SIZES)


@pytest.mark.parametrize("name", SIZES)
def test_a_probe_has_the_clusters_that_its_bounds_need(name: str) -> None:
    found = clusters(probe(name).items())
    expected = SIZES[name]
    assert (dict(found) if isinstance(expected, dict) else found.total()) == expected


@pytest.mark.parametrize("name", SIZES)
def test_items_have_names_of_their_own_and_end_with_the_user(name: str) -> None:
    items = probe(name).items()
    assert len({item.id for item in items}) == len(items)
    assert len({(item.messages, item.options, item.system) for item in items}) == len(items)
    assert {item.messages[-1].role for item in items} == {"user"}
    assert all(probe(name).required(item) for item in items)


@pytest.mark.parametrize("name", SIZES)
def test_the_demo_is_one_fixed_part_with_every_slice(name: str) -> None:
    asked = probe(name)
    demo = of_size(asked, "demo")
    assert demo == of_size(probe(name), "demo")
    assert [item for item in asked.items() if item in demo] == demo
    assert of_size(asked, "core") == asked.items()
    counted = {name: min(asked.in_demo(name), count) for name, count in clusters(asked.items()).items()}
    assert clusters(demo) == {name: count for name, count in counted.items() if count}
    assert len(demo) == clusters(demo).total()


def runs(text: str) -> Iterator[tuple[str, ...]]:
    words = re.findall(r"[\w']+", text.lower().replace("’", "'"))
    yield from zip(*(words[start:] for start in range(WORDS)), strict=False)


def test_no_item_shares_eight_words_in_a_row_with_the_starter_data() -> None:
    trained: dict[tuple[str, ...], str] = {}
    for row in Starter(use="starter").rows():
        if isinstance(row, Rejected):
            continue
        texts = [turn.content for turn in (row.messages if isinstance(row, Conversation) else row.prompt)]
        texts += [row.chosen, row.rejected] if isinstance(row, Preference) else []
        trained |= {run: row.id for text in texts for run in runs(text)}
    assert len(trained) > 10_000
    shared = {
        (item.id, trained[run])
        for name in SIZES
        for item in probe(name).items()
        for turn in item.messages
        for run in runs(turn.content)
        if run in trained
    }
    assert shared == set()
