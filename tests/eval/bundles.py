"""Made-up evidence: a policy with one check, and as many clusters as one asks for."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml

from eval import evidence as evidences
from eval import policy as policies
from eval.evidence import Evidence, Facts
from eval.memorisation.scores import Memory
from eval.pages import pages
from eval.report import build
from eval.scripted import EXPECTED
from eval.stats.graders import Labels
from wellgate.files import write_text
from wellgate.grading import missed
from wellgate.records import Asked, Graded, Lineage

POLICY: dict[str, Any] = {
    "name": "test",
    "version": 1,
    "tier": "T0",
    "confidence": 0.95,
    "samples": 0,
    "checks": [{"id": "helps", "probe": "numbers", "slice": "all", "rule": "at_least", "threshold": 0.9, "n": 60}],
}
GOOD_GRADER = Labels(100, 100, 100, 100)


def asked(cluster: int) -> Asked:
    fields: dict[str, Any] = {"probe": "numbers", "item": f"i{cluster}", "cluster": f"c{cluster}", "slice": "ES"}
    return Asked.model_validate(fields | {"required": {"coherent": "yes", "helps": "yes"}, "hard": ("harms",)})


def graded(cluster: int, good: bool, subject: str) -> Graded:
    answers = {"coherent": "yes", "harms": "no", "helps": "yes" if good else "no"}
    failed, hard = missed(asked(cluster), answers)
    fields: dict[str, Any] = {
        "probe": "numbers", "item": f"i{cluster}", "cluster": f"c{cluster}", "slice": "ES", "subject": subject, "sample": 0, "reply": "0" * 64,
        "finished": True, "prompt_digest": "", "grader": "g@1", "answers": answers, "failed": failed, "hard": hard,
    }  # fmt: skip
    return Graded.model_validate(fields)


def bundle(
    folder: Path, successes: int = 60, n: int = 60, memory: Memory | None = None, rules: tuple[dict[str, Any], ...] = (), **policy_fields: Any
) -> Path:  # fmt: skip
    """A folder as the gate writes it, of a tuned model that succeeds so often and a base that always does."""
    folder.mkdir(parents=True)
    policy = folder.parent / "policy.yaml"
    policy.write_text(yaml.safe_dump(POLICY | {"checks": [*POLICY["checks"], *rules]} | policy_fields))
    facts: dict[str, Any] = {
        "name": "made-up", "size": "core", "samples": 0, "policy": policies.identity(policy), "overrides": {}, "dimensions": {"numbers": "D9"},
        "registry_is_fresh": True, "sentinels_wrong": (), "subjects": {"base": {"name": "b"}, "tuned": {"artefact": "a" * 64}}, "lineage": Lineage(base="b", revision=None, weights="w"),
        "digests": {"settings": "s" * 64},
    }  # fmt: skip
    rows = [graded(cluster, True, "base") for cluster in range(n)]
    rows += [graded(cluster, cluster < successes, "tuned") for cluster in range(n)]
    scripted = [graded(cluster, name == "oracle", name) for name in EXPECTED for cluster in range(n)]
    made = Evidence(
        policies.read(policy), Facts.model_validate(facts), tuple(map(asked, range(n))), tuple(rows), tuple(scripted), {"helps": GOOD_GRADER}, memory
    )  # fmt: skip
    evidences.write(folder, made, policy)
    for name, text in pages(build(made, evidences.digests(folder))).items():
        write_text(folder / name, text)
    return folder
