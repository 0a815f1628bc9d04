"""Everything that is written from a report, by file name. `verify` compares all of it, byte by byte."""

from __future__ import annotations

import json

from eval.page import html
from eval.report import markdown
from eval.statement import statement
from wellgate.records import GateReport


def pages(report: GateReport) -> dict[str, str]:
    return {
        "report.json": json.dumps(statement(report), indent=1, sort_keys=True) + "\n",
        "report.md": markdown(report),
        "report.html": html(report),
    }
