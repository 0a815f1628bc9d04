"""How often each criterion is answered rightly: measured on `eval/metrics/labelled/test/`, kept in `quality.json`.

`python -m eval.quality` measures anew; a test fails where the file has drifted. Nothing is tuned on these replies.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from eval.stats.graders import Labels
from wellgate import registry
from wellgate.files import write_text
from wellgate.grading import metric, metrics

FOLDER = Path(__file__).with_name("metrics")
PATH = FOLDER / "quality.json"
Row = dict[str, Any]


def labelled(pool: str) -> list[Row]:
    """All labelled replies of a pool, `train` or `test`: id, text, labels, and locale where one counts."""
    paths = sorted((FOLDER / "labelled" / pool).glob("*.jsonl"))
    return [json.loads(line) for path in paths for line in path.read_text(encoding="utf-8").splitlines()]


def measure(rows: list[Row]) -> dict[str, Labels]:
    """The table of every criterion of every metric that these replies are labelled for."""
    tables: dict[str, Labels] = {}
    for name in metrics():
        grader = metric(name)[0]
        found = _answers(grader, rows)
        for criterion, answers in found.items():
            pairs = _pairs(rows, answers, parts(grader, criterion))
            if pairs and criterion not in tables:
                tables[criterion] = _table(pairs)
    return dict(sorted(tables.items()))


def _answers(grader: Any, rows: list[Row]) -> dict[str, list[int]]:
    texts = [registry.load().serve(row["text"], row.get("locale")) for row in rows]
    found: dict[str, list[int]] = grader.compute(
        predictions=texts, references=[row.get("locale") or "" for row in rows]
    )
    return found


def _pairs(rows: list[Row], answers: Iterable[int], parts: tuple[str, ...]) -> list[tuple[bool, bool]]:
    """Label and answer of the replies that are labelled for a criterion."""
    known = ((label(row, parts), bool(answer)) for row, answer in zip(rows, answers, strict=True))
    return [(there, answer) for there, answer in known if there is not None]


def label(row: Row, parts: tuple[str, ...]) -> bool | None:
    """Whether a reply shows a criterion, which is to show one of its parts; None where that was not labelled."""
    if not all(part in row["labels"] for part in parts):
        return None
    return any(row["labels"][part] for part in parts)


def parts(grader: Any, criterion: str) -> tuple[str, ...]:
    """The labelled criteria that decide one of a metric's."""
    found: tuple[str, ...] = grader.parts(criterion) if hasattr(grader, "parts") else (criterion,)
    return found


def _table(pairs: list[tuple[bool, bool]]) -> Labels:
    there = [answer for label, answer in pairs if label]
    absent = [answer for label, answer in pairs if not label]
    return Labels(sum(there), len(there), absent.count(False), len(absent))


def read() -> dict[str, Labels]:
    """The tables that ship."""
    return {name: Labels(*counts) for name, counts in json.loads(PATH.read_text(encoding="utf-8")).items()}


def text(tables: dict[str, Labels]) -> str:
    lines = [
        f' "{name}": [{one.found}, {one.present}, {one.clear}, {one.absent}]' for name, one in sorted(tables.items())
    ]
    return "{\n" + ",\n".join(lines) + "\n}\n"


def lines(tables: dict[str, Labels]) -> Iterator[str]:
    """A Markdown table: of the replies that have it how many are found, of the others how many are spared."""
    yield "| criterion | sensitivity | lower | specificity | lower | admissible |"
    yield "|---|---|---|---|---|---|"
    for name, one in tables.items():
        found, clear = f"{one.found}/{one.present}", f"{one.clear}/{one.absent}"
        bounds = one.sensitivity()[0], one.specificity()[0]
        word = "yes" if one.admissible() else "**no**"
        yield f"| {name} | {found} | {bounds[0]:.2f} | {clear} | {bounds[1]:.2f} | {word} |"


if __name__ == "__main__":
    write_text(PATH, text(measure(labelled("test"))))
