"""The report as an in-toto Statement v1 with a test-result predicate, and the report in it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from wellgate.errors import GateRefusal
from wellgate.files import sha256_text
from wellgate.records import GateReport

STATEMENT = "https://in-toto.io/Statement/v1"
PREDICATE = "https://in-toto.io/attestation/test-result/v0.1"
RESULTS = {"pass": "PASSED", "fail": "FAILED"}


def statement(report: GateReport) -> dict[str, Any]:
    """The artefact as subject (or a served model's name, by a digest of its own kind); result, evidence by digest, and our report."""
    tuned = report.subjects["tuned"]
    digest = {"servedName": sha256_text(report.served)} if report.served else {"sha256": tuned["artefact"]}
    failed = [check.id for check in report.checks if check.verdict != "pass"]
    passed = [check.id for check in report.checks if check.verdict == "pass"]
    return {
        "_type": STATEMENT,
        "subject": [{"name": report.name, "digest": digest}],
        "predicateType": PREDICATE,
        "predicate": {
            "result": RESULTS.get(report.verdict, "WARNED"),
            "configuration": [
                {"name": key, "digest": {"sha256": value}} for key, value in sorted(report.evidence.items())
            ],
            "passedTests": passed,
            "failedTests": failed,
            "wellgate": report.model_dump(mode="json"),
        },
    }


def read_report(path: Path) -> GateReport:
    """The report in a statement file.

    Raises:
        GateRefusal: missing, damaged, or not such a statement.
    """
    try:
        return GateReport.model_validate(json.loads(path.read_bytes())["predicate"]["wellgate"])
    except FileNotFoundError:
        raise GateRefusal(f"{path}: there is no report; run `wellgate gate`") from None
    except (OSError, ValueError, KeyError, TypeError, ValidationError):
        raise GateRefusal(f"{path}: the report is damaged; run `wellgate gate` again") from None
