"""How much personal data is expected to stand in prepared data still, from what was replaced and what a benchmark missed."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from data_prep.documents.parts import PARTS
from wellgate.errors import InputError

RESULTS = Path(__file__).parent.parent / "deidentify" / "benchmark" / "results.json"
"""What `wellgate deid-eval` measured: system to the figures of `data_prep/deidentify/score.py`."""
SYSTEM = "wellgate"
PER = 1000
ASSUMPTION = (
    "The data is taken to be like the benchmark: its personal data is of the same types in the same mix, and as hard to"
    " find. Every replaced piece is counted as personal data, false alarms too, which makes the estimates higher. Pieces"
    " are taken to be missed independently of one another; in truth one unusual name is missed each time it is said."
)
FIGURES = ("recall", "precision", "clean_touched", "over_redaction_per_1000_words", "by_origin", "worst_origin_gap")
"""Of the benchmark's results; speed is left out, so that one data set has one datasheet on any machine."""


def measured(path: Path | None = None) -> dict[str, Any]:
    """The benchmark's results; nothing where it was never run.

    Raises:
        InputError: the file is damaged.
    """
    path = path or RESULTS
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return {}
    except ValueError:
        raise InputError(f"{path}: damaged; run `wellgate deid-eval` again") from None
    return dict(found)


def residual_leaks(counts: Mapping[str, Any], results: Mapping[str, Any]) -> dict[str, Any]:
    """Expected pieces of personal data still standing per 1,000 records (conversations and pairs), with an interval.

    Of r replaced pieces at recall p, r (1 - p) / p more were there and were missed. The interval is that of the recall,
    [l, u], 95 %, two-sided: from r (1 - u) / u to r (1 - l) / l. `value` is None for a type that the benchmark lacks,
    or of which it found none; `high` is None where the recall may be zero.
    """
    records = sum(counts[part] for part in PARTS)
    replaced: dict[str, int] = counts["personal_data_replaced"]
    figures = results.get(SYSTEM)
    if not figures or figures["recall"]["share"] is None:
        return _not_measured("the de-identification benchmark has not been run")
    if not records or not sum(replaced.values()):
        return _not_measured("nothing was replaced, so that there is nothing to estimate from")
    by_type = {
        kind: {"replaced": many} | _estimate(many, figures["by_type"].get(kind), records)
        for kind, many in sorted(replaced.items())
    }
    return {
        "measured": True,
        "records": records,
        "replaced": sum(replaced.values()),
        "per_1000": _estimate(sum(replaced.values()), figures["recall"], records),
        "by_type": by_type,
        "benchmark": {name: figures.get(name) for name in ("passages", *FIGURES)},
        "assumption": ASSUMPTION,
    }


def _not_measured(reason: str) -> dict[str, Any]:
    return {"measured": False, "reason": reason}


def _estimate(replaced: int, recall: Mapping[str, Any] | None, records: int) -> dict[str, Any]:
    if not recall or not recall["n"]:
        return {"recall": None, "value": None, "low": None, "high": None}
    shares = {"value": recall["share"], "low": recall["high"], "high": recall["low"]}
    return {"recall": dict(recall)} | {name: _missed(replaced, found, records) for name, found in shares.items()}


def _missed(replaced: int, recall: float, records: int) -> float | None:
    return round(replaced * (1 - recall) / recall * PER / records, 2) if recall else None
