"""What a verdict is made from, as files in one folder: all that a report says follows from them and from nothing else.

So `wellgate verify FOLDER` can recompute it anywhere, without the recipe, the model, the probes or torch.
"""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from pydantic import ValidationError

from eval.calibration import Calibration, unfounded
from eval.memorisation import scores
from eval.memorisation.scores import Memory
from eval.policy import Policy
from eval.policy import read as read_policy
from eval.scripted import EXPECTED
from wellgate.errors import GateRefusal, InputError
from wellgate.files import sha256_file, write_text
from wellgate.grading import missed
from wellgate.records import Asked, Frozen, Graded, Lineage, read_jsonl, write_jsonl

if TYPE_CHECKING:
    from eval.stats.graders import Labels
    from eval.stats.own import OwnLabels

SUITE, RECORDS, CONTROLS = "suite.jsonl", "records.jsonl", "controls.jsonl"
FACTS, GRADERS, POLICY = "facts.json", "graders.json", "policy.yaml"
FILES = (SUITE, RECORDS, CONTROLS, FACTS, GRADERS, POLICY)
MEMORISATION, CALIBRATION = scores.FILE, "calibration.json"
"""Beside them, where that audit was made, and where people labelled replies of this run."""
SUBJECTS = ("base", "tuned")
Made = TypeVar("Made", Memory, Calibration)


class Facts(Frozen):
    """Who was judged, and how it was asked."""

    name: str
    """The recipe's."""
    size: str
    samples: int
    policy: dict[str, str]
    """Name and version of the policy, the digest of its file, and whether that is one that ships."""
    overrides: dict[str, float]
    """Thresholds that the recipe changed."""
    dimensions: dict[str, str]
    """Probe to dimension."""
    registry_is_fresh: bool
    sentinels_wrong: tuple[str, ...]
    """Answers of the graders to frozen replies that are not the known ones."""
    subjects: dict[str, dict[str, str]]
    """Subject to name and digests."""
    lineage: Lineage
    digests: dict[str, str]
    """Of settings, prompts, items, graders and registry."""


@dataclass(frozen=True)
class Evidence:
    """All of it, as it is held against a policy."""

    policy: Policy
    """With the recipe's thresholds."""
    facts: Facts
    suite: tuple[Asked, ...]
    records: tuple[Graded, ...]
    controls: tuple[Graded, ...]
    """Replies of the scripted responders; the subject is the control's name."""
    graders: dict[str, Labels | OwnLabels]
    """Criterion to how often it is answered rightly: on this run's own replies where people labelled them."""
    memory: Memory | None = None
    """Where the memorisation audit was made."""
    calibration: Calibration | None = None
    """What people said of this run's own replies."""

    def read_by_graders(self, probe: str, slice_: str = "all") -> list[Asked]:
        """The items whose replies are written, so that graders have to read them."""
        here = (one for one in self.suite if one.probe == probe and slice_ in ("all", one.slice))
        return [one for one in here if not one.chosen]


def write(folder: Path, evidence: Evidence, policy: Path) -> None:
    """Write the files; the policy as it stands in its own."""
    write_jsonl(folder / SUITE, evidence.suite)
    write_jsonl(folder / RECORDS, evidence.records)
    write_jsonl(folder / CONTROLS, evidence.controls)
    write_text(folder / FACTS, evidence.facts.model_dump_json(indent=1) + "\n")
    from eval.stats.own import counts_of

    counts = {name: counts_of(one) for name, one in evidence.graders.items()}
    write_text(folder / GRADERS, json.dumps(counts, indent=1, sort_keys=True) + "\n")
    write_text(folder / POLICY, policy.read_text(encoding="utf-8"))
    if evidence.memory:
        write_text(folder / MEMORISATION, evidence.memory.model_dump_json(indent=1) + "\n")
    if evidence.calibration:
        write_text(folder / CALIBRATION, evidence.calibration.model_dump_json() + "\n")


def digests(folder: Path) -> dict[str, str]:
    """SHA-256 of each file, by name."""
    made = [name for name in (MEMORISATION, CALIBRATION) if (folder / name).exists()]
    return {name: sha256_file(folder / name) for name in (*FILES, *made)}


def read(folder: Path) -> Evidence:
    """The evidence in a folder.

    Raises:
        GateRefusal: a file that is missing, damaged, incomplete, or at odds with another.
    """
    from eval.stats.own import table_of

    try:
        facts = Facts.model_validate_json((folder / FACTS).read_bytes())
        policy = read_policy(folder / POLICY).overridden(facts.overrides)
        graders = {name: table_of(counts) for name, counts in json.loads((folder / GRADERS).read_bytes()).items()}
        suite = tuple(read_jsonl(folder / SUITE, Asked))
        records = tuple(read_jsonl(folder / RECORDS, Graded))
        controls = tuple(read_jsonl(folder / CONTROLS, Graded))
        memory, calibration = _made(folder / MEMORISATION, Memory), _made(folder / CALIBRATION, Calibration)
    except FileNotFoundError as error:
        raise GateRefusal(f"the evidence does not hold: {error.filename} is missing") from None
    except ValidationError:
        raise GateRefusal(f"the evidence does not hold: {folder / FACTS} is damaged") from None
    except InputError as error:
        raise GateRefusal(f"the evidence does not hold: {error}") from None
    except (OSError, ValueError, TypeError, AttributeError, KeyError):
        raise GateRefusal(f"the evidence does not hold: {folder / GRADERS} is damaged") from None
    if _lacks(facts, policy):
        raise GateRefusal(f"the evidence does not hold: {folder / FACTS} is damaged")
    if facts.policy["digest"] != sha256_file(folder / POLICY):
        raise GateRefusal(f"the evidence does not hold: {POLICY} is not the policy that {FACTS} names")
    evidence = Evidence(policy, facts, suite, records, controls, graders, memory, calibration)
    if wrong := faults(evidence):
        raise GateRefusal("the evidence does not hold:" + "".join(f"\n  - {one}" for one in wrong))
    return evidence


def _lacks(facts: Facts, policy: Policy) -> bool:
    """Whether something is missing that every report names."""
    whole = {"name", "version", "digest", "ships"} <= set(facts.policy) and set(SUBJECTS) <= set(facts.subjects)
    asked = {rule.probe for rule in policy.on_replies} <= set(facts.dimensions)
    return not (whole and asked and {"artefact", "served"} & set(facts.subjects["tuned"]))


def _made(path: Path, model: type[Made]) -> Made | None:
    """Evidence that not every run has."""
    try:
        return model.model_validate_json(path.read_bytes()) if path.exists() else None
    except ValidationError:
        raise InputError(f"{path} is damaged") from None


def faults(evidence: Evidence) -> list[str]:
    """What is missing, doubled or contradicts itself in suite, records and controls."""
    asked = {(one.probe, one.item): one for one in evidence.suite}
    if len(asked) != len(evidence.suite) or not asked:
        return [f"{SUITE}: empty, or an item stands in it twice"]
    count = evidence.facts.samples + 1
    expected = [
        (*key, who, sample)
        for key, one in asked.items()
        for who in SUBJECTS
        for sample in range(1 if one.chosen else count)
        if one.posed
    ]
    return [
        *_unlike(RECORDS, evidence.records, expected),
        *_unlike(CONTROLS, evidence.controls, [(*key, who, 0) for key in asked for who in EXPECTED]),
        *_untrue(RECORDS, evidence.records, asked),
        *_untrue(CONTROLS, evidence.controls, asked),
        *(evidence.memory.faults() if evidence.memory else []),
    ] or unfounded(evidence)


def _unlike(name: str, records: tuple[Graded, ...], expected: list[tuple[str, str, str, int]]) -> list[str]:
    found = Counter((one.probe, one.item, one.subject, one.sample) for one in records)
    if found == Counter(expected):
        return []
    return [f"{name}: {len(records)} replies, and not one of each subject and sample to every item of {SUITE}"]


def _untrue(name: str, records: tuple[Graded, ...], asked: dict[tuple[str, str], Asked]) -> list[str]:
    """Records whose outcome does not follow from their answers."""
    wrong = []
    for number, record in enumerate(records, 1):
        one = asked.get((record.probe, record.item))
        if one is None or not _follows(record, one):
            wrong.append(f"{name}:{number}: what it says does not follow from its answers and {SUITE}")
    return wrong[:5]


def _follows(record: Graded, one: Asked) -> bool:
    if not {*one.required, *one.hard} <= set(record.answers):
        return False
    same = (record.cluster, record.slice) == (one.cluster, one.slice)
    return same and (record.failed, record.hard) == missed(one, record.answers)
