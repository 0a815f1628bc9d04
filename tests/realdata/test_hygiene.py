"""The hygiene rules on counsel-chat and on the starter set, in full. Counts only: no text of theirs stands here."""

from __future__ import annotations

import time
from collections import Counter
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from data_prep.hygiene import rule, scan
from data_prep.table import texts, to_table
from wellgate.plugins import Filter, Source, load
from wellgate.records import Rejected

CSV = Path(__file__).resolve().parents[2] / "../shared/data/counsel-chat/20200325_counsel_chat.csv"
BOTH_WAYS = 0.3
"""Share by which a count may differ from the published one before somebody should look."""
PUBLISHED = {
    "contact_solicitation": 54,
    "crisis_number": 24,
    "licence_claim": 39,
    "stigma_terms": 27,
    "therapy_claim": 81,
}
"""Rows of 2,129 in which a rule fires. Rules that fire in fewer than twenty are left out."""

pytestmark = [
    pytest.mark.realdata,
    pytest.mark.skipif(not CSV.is_file(), reason="no shared/data beside the repository"),
]


def table(use: str, **options: str) -> Any:
    source = load(Source, use).model_validate({"use": use, **options})  # type: ignore[type-abstract]
    return to_table(row for row in source.rows() if not isinstance(row, Rejected))


@cache
def counsel_chat() -> tuple[Any, Any, float]:
    """The rows, what the filter makes of them, and its CPU seconds."""
    rows = table("counsel_chat", path=str(CSV))
    step = load(Filter, "hygiene").model_validate({"use": "hygiene"})  # type: ignore[type-abstract]
    rule.all_languages(rule.names())
    start = time.process_time()
    return rows, step.apply(rows), time.process_time() - start


def test_the_rules_fire_on_counsel_chat_as_often_as_published() -> None:
    _, done, _ = counsel_chat()
    fired = Counter(finding.partition(":")[0] for findings in done["findings"].to_pylist() for finding in findings)
    assert {name: fired[name] for name in PUBLISHED} == pytest.approx(PUBLISHED, rel=BOTH_WAYS)


def test_few_rows_of_counsel_chat_are_lost() -> None:
    _, done, _ = counsel_chat()
    lost = [reason for reason in done["dropped"].to_pylist() if reason]
    assert 0 < len(lost) < 0.05 * done.num_rows


def test_no_literal_number_of_the_registry_is_left_in_an_answer() -> None:
    _, done, _ = counsel_chat()
    rules = [rule.compiled("crisis_number", language) for language in ("en", "es")]
    assert sum(bool(scan.hits(said[-1], rules)) for said in texts(done)) == 0


def test_a_megabyte_takes_a_second_at_most() -> None:
    rows, _, seconds = counsel_chat()
    assert sum(len(said[-1].encode()) for said in texts(rows)) / 1e6 / seconds >= 1


def test_the_starter_set_is_clean() -> None:
    step = load(Filter, "hygiene").model_validate({"use": "hygiene"})  # type: ignore[type-abstract]
    done = step.apply(table("starter"))
    assert done["dropped"].null_count == done.num_rows
    assert [findings for findings in done["findings"].to_pylist() if findings] == []
