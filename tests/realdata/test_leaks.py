"""Published sets that leak: the figures of recipes/results/contamination.md come out of the public files."""

from __future__ import annotations

from pathlib import Path

import pytest

from data_prep.decontaminate import Index, items
from data_prep.leaks import Comparison, audit, read

ROOT = Path(__file__).resolve().parents[2]
DATA = ROOT / ".." / "shared" / "data"
COUNSEL = DATA / "counsel-chat" / "20200325_counsel_chat.csv"
IMHI = DATA / "MentalLLaMA-IMHI"
TRAINED = [DATA / "drmuskangarg-IRF-MultiWD" / f"{name}_train_data.csv" for name in ("irf", "multiwd")]
"""What IMHI's IRF and MultiWD training files, absent from the stored copy, were made of."""

pytestmark = [
    pytest.mark.realdata,
    pytest.mark.skipif(not DATA.exists(), reason="the public development data is not beside the repository"),
]


def of_column(comparisons: tuple[Comparison, ...], name: str) -> Comparison:
    return next(one for one in comparisons if one.column_b == name)


@pytest.mark.parametrize(("part", "rows", "leaked"), [("test", 117, 38), ("val", 173, 2)])
def test_answers_of_counsel_chats_own_split_stand_in_its_train_rows(part: str, rows: int, leaked: int) -> None:
    found = audit(f"{COUNSEL}:split=train", f"{COUNSEL}:split={part}", ["answerText"]).comparisons[0]
    assert (found.rows_b, len(found.matches["exact"])) == (rows, leaked)


def test_counsel_chat_has_120_rows_twice() -> None:
    found = audit(COUNSEL, columns=["questionTitle", "questionText", "answerText"])
    assert of_column(found.comparisons, "all columns").duplicates_b == 120


@pytest.mark.parametrize(
    ("task", "rows", "same", "contained"),
    [("loneliness", 528, 463, 465), ("Irf", 2113, 1583, 1603), ("CAMS", 625, 414, 416), ("MultiWD", 2441, 1427, 1451)],
)
def test_imhi_test_posts_stand_in_its_training_files(task: str, rows: int, same: int, contained: int) -> None:
    test = IMHI / f"test_data_test_instruction_{task}.csv"
    found = audit(TRAINED, test, ["text=query"]).comparisons[0]
    assert (found.rows_b, len(found.matches["normalised"]), len(found.matches["contained"])) == (rows, same, contained)


@pytest.mark.parametrize("task", ["SAD", "dreaddit"])
def test_imhi_tasks_with_other_posts_are_nearly_clean(task: str) -> None:
    found = audit(
        IMHI / f"train_data_instruction_data_{task}_train.csv",
        IMHI / f"test_data_test_instruction_{task}.csv",
        ["query"],
    )
    assert found.comparisons[0].share("normalised") < 0.01


def test_no_probe_item_stands_in_the_public_data() -> None:
    """Its texts are not ours and ours are not theirs: every hit would be a false alarm, or theft."""
    index = Index(items(sorted((ROOT / "eval" / "probes").glob("*.jsonl"))))
    counsel = read(COUNSEL).columns
    records = [list(turns) for turns in zip(counsel["questionText"], counsel["answerText"], strict=True)]
    records += [[text] for path in TRAINED for text in read(path).columns["text"]]
    assert [row for row, found in enumerate(index.collisions(records)) if found] == []
