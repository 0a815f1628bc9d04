"""What is looked at before preferences are trained: equal replies, length, tags, and the balance of judgements."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from train import dpo
from train.labels import Judged, Pair
from train.preferences import (
    balance_note,
    different,
    feedback_report,
    lengths,
    pair_report,
    require_balanced_length,
    require_both,
)
from wellgate.cli import main
from wellgate.errors import InputError
from wellgate.recipe import Dpo, Kto
from wellgate.records import Feedback, Message, Preference

SHARED: dict[str, Any] = {"source": "s", "licence": "CC0-1.0", "consent": "synthetic", "group": "g"}
ASKED = Message(role="user", content="Hello")


def record(number: int, chosen: str = "a", rejected: str = "b", tags: tuple[str, ...] = ()) -> Preference:
    return Preference(
        **SHARED, id=f"p{number}", prompt=(ASKED,), chosen=chosen, rejected=rejected, reason="r", tags=tags
    )


def row(number: int, chosen: int, rejected: int) -> Pair:
    return Pair(f"p{number}", [1], [1] * chosen, [1] * rejected)


@pytest.mark.parametrize(
    ("chosen", "rejected", "kept"),
    [("Yes.", "No.", 1), ("Yes, do.", "yes,  do.\n", 0), ("Straße", "STRASSE", 0), ("Yes", "Yes.", 1)],
)
def test_replies_that_differ_in_case_and_space_only_teach_nothing(chosen: str, rejected: str, kept: int) -> None:
    assert len(different([record(0, chosen, rejected)])) == kept


@pytest.mark.parametrize(
    ("sizes", "share", "ratio", "equal"),
    [
        ([(2, 1), (4, 2), (1, 2), (3, 3)], 0.6667, 1.1892, 1),
        ([(3, 3), (5, 5)], None, 1.0, 2),
        ([(8, 2)], 1.0, 4.0, 0),
        ([(1, 4), (1, 4)], 0.0, 0.25, 0),
    ],
)
def test_length_balance(sizes: list[tuple[int, int]], share: float | None, ratio: float, equal: int) -> None:
    found = lengths([row(number, *pair) for number, pair in enumerate(sizes)])
    assert found == {"pairs": len(sizes), "equal_length": equal, "chosen_longer": share, "mean_ratio": ratio}


def test_tags_of_twenty_pairs_are_listed_with_their_own_balance() -> None:
    rows = [row(number, 3 if number < 20 else 1, 2) for number in range(39)]
    records = [record(number, tags=("accuracy",) if number < 20 else ("warmth",)) for number in range(39)]
    found = pair_report(rows, records)
    assert found["by_tag"] == {"accuracy": {"pairs": 20, "equal_length": 0, "chosen_longer": 1.0, "mean_ratio": 1.5}}
    assert found["chosen_longer"] == round(20 / 39, 4)


@pytest.mark.parametrize(("share", "limit", "passes"), [(0.8, 0.8, True), (0.81, 0.8, False), (1.0, 1.0, True), (None, 0.5, True)])  # fmt: skip
def test_the_limit_on_longer_chosen_replies(share: float | None, limit: float, passes: bool) -> None:
    report = {"chosen_longer": share, "pairs": 50}
    section = Dpo(max_length_bias=limit)
    if passes:
        require_balanced_length(report, section)
    else:
        with pytest.raises(InputError, match=r"dpo\.max_length_bias: the chosen reply is the longer one in 81% of 50 pairs, more than 80%"):  # fmt: skip
            require_balanced_length(report, section)


def judgement(number: int, size: int, desirable: bool) -> tuple[Judged, Feedback]:
    turns = (ASKED, Message(role="assistant", content="Hm."))
    one = Feedback(**SHARED, id=f"f{number}", messages=turns, desirable=desirable, tags=("warmth",))
    return Judged(one.id, [1], [1] * size, desirable), one


def test_the_report_on_feedback_and_the_weights_that_kto_advises() -> None:
    rows, records = zip(*[judgement(n, 3 if n < 15 else 5, n < 15) for n in range(20)], strict=True)
    found = feedback_report(rows, records, Kto())
    counts = {"desirable": 15, "undesirable": 5, "mean_tokens": {"desirable": 3.0, "undesirable": 5.0}}
    assert found == counts | {"weight_ratio": 3.0, "by_tag": {"warmth": counts}}
    require_both(found)
    assert "set desirable_weight between 0.33 and 0.44" in balance_note(found, Kto())
    better = Kto(desirable_weight=0.4)
    assert balance_note(feedback_report(rows, records, better), better) == ""


# -- through the stage


def test_the_report_is_a_signed_output_and_quotes_the_datasheet(runs: Any) -> None:
    report = runs.json("dpo", dpo.REPORT)
    manifest = runs.json("dpo")
    assert dpo.REPORT in manifest["outputs"]
    assert report["pairs"] == manifest["counts"]["pairs"] == 12
    assert report["prepared"] == runs.json("prepare")["counts"]["preference_balance"]
    assert report["prepared"]["warmth"]["chosen_warmer"]["n"] >= 0


def test_pairs_whose_length_tells_the_winner_are_refused_and_equal_ones_counted(
    tiny_recipe: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    data = tmp_path / "talks.jsonl"
    rows = [json.loads(line) for line in data.read_text().splitlines()]
    pairs = [one for one in rows if "chosen" in one]
    for one in pairs:
        one["chosen"] += " And what else comes to mind, if you look at it for a while?"
    pairs[0]["rejected"] = pairs[0]["chosen"].upper()
    data.write_text("".join(json.dumps(one) + "\n" for one in rows))
    words = [str(tiny_recipe), "--set", "sft.max_steps=1", "--set", "dpo.max_steps=1"]
    from train import sft

    assert [main(["prepare", *words]), sft.main(words)] == [0, 0]
    capsys.readouterr()
    assert dpo.main(words) == 2
    (line,) = capsys.readouterr().err.strip().splitlines()
    assert "dpo.max_length_bias: the chosen reply is the longer one in 100% of 11 pairs, more than 80%" in line
    shutil.rmtree(tmp_path / "runs" / "tiny" / "dpo", ignore_errors=True)
    assert dpo.main([*words, "--set", "dpo.max_length_bias=1.0"]) == 0
    (manifest,) = (tmp_path / "runs" / "tiny").glob("dpo-*/manifest.json")
    counts = json.loads(manifest.read_text())["counts"]
    assert (counts["pairs"], counts["dropped_equal"], counts["chosen_longer"]) == (11, 1, 1.0)
