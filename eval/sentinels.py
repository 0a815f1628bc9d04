"""Frozen replies whose answers are known: graded again in every run, so that a broken grader is seen before it is believed.

`python -m eval.sentinels` chooses them anew from the labelled replies, when graders have changed: for each criterion two that
show it and two that do not, among those that the graders get right, as a hash has it.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from eval import quality
from wellgate import registry
from wellgate.files import sha256_text, write_text
from wellgate.grading import SURELY, metric, metrics

PATH = Path(__file__).with_name("sentinels.jsonl")
EACH = 2
Row = dict[str, Any]


def read() -> list[Row]:
    """Rows of `metric`, `id`, `text`, `locale` and `answers`: criterion to 0 or 1."""
    return [json.loads(line) for line in PATH.read_text(encoding="utf-8").splitlines()]


def wrong() -> tuple[str, ...]:
    """`metric/id: criterion` of every answer that is not the known one; no text."""
    rows, found = read(), []
    for name in sorted({row["metric"] for row in rows}):
        own = [row for row in rows if row["metric"] == name]
        answers = _answers(name, own)
        found += [
            f"{name}/{row['id']}: {criterion}"
            for place, row in enumerate(own)
            for criterion, known in row["answers"].items()
            if answers[criterion][place] != known
        ]
    return tuple(found)


def _answers(name: str, rows: list[Row]) -> dict[str, list[int]]:
    texts = [registry.load().serve(row["text"], row.get("locale")) for row in rows]
    found: dict[str, list[int]] = metric(name)[0].compute(
        predictions=texts, references=[row.get("locale") or "" for row in rows]
    )
    return found


def chosen() -> list[Row]:
    """The sentinels that the labelled replies give now."""
    rows = quality.labelled("test")
    picked: list[Row] = []
    for name in (one for one in metrics() if one != "coherence"):
        answers, grader = _answers(name, rows), metric(name)[0]
        for criterion in (one for one in answers if not one.startswith(SURELY)):
            labels = [quality.label(row, quality.parts(grader, criterion)) for row in rows]
            for wanted in (True, False):
                right = [place for place, one in enumerate(labels) if one is wanted is bool(answers[criterion][place])]
                right.sort(key=lambda place: sha256_text(f"sentinel|{criterion}|{rows[place]['id']}"))
                picked += [_sentinel(name, rows[place], criterion, int(wanted)) for place in right[:EACH]]
    return picked


def _sentinel(name: str, row: Row, criterion: str, label: int) -> Row:
    kept = {"metric": name, "id": row["id"], "text": row["text"], "locale": row.get("locale")}
    return kept | {"answers": {criterion: label}}


if __name__ == "__main__":
    write_text(PATH, "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in chosen()))
