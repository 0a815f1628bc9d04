"""Signed reviews: enough people of each role, about this artefact and this report, or nothing leaves."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec

from eval.reviews import approved
from tests.eval.bundles import bundle
from wellgate.cli import main
from wellgate.errors import GateRefusal

WANTED: dict[Any, int] = {"clinician": 1, "lived_experience": 1}
PEM = serialization.Encoding.PEM


def keys(folder: Path, name: str) -> tuple[Path, Path]:
    secret = ec.generate_private_key(ec.SECP256R1())
    plain = serialization.NoEncryption()
    (folder / f"{name}.pem").write_bytes(secret.private_bytes(PEM, serialization.PrivateFormat.PKCS8, plain))
    public = secret.public_key().public_bytes(PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
    (folder / f"{name}.pub").write_bytes(public)
    return folder / f"{name}.pem", folder / f"{name}.pub"


class Panel:
    """Two reviewers, a passing bundle, and a folder of reviews."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.evidence, self.reviews = folder, bundle(folder / "gate"), folder / "reviews"
        self.secret = {name: keys(folder, name)[0] for name in ("ana", "ben")}
        self.public = {name: folder / f"{name}.pub" for name in self.secret}

    def say(self, name: str, role: str, decision: str = "approve", key: str | None = None) -> int:
        words = ["review", self.evidence, "--role", role, "--reviewer", name, "--decision", decision]
        return main([*map(str, words), "--key", str(self.secret[key or name]), "--out", str(self.reviews)])

    def approved(self) -> list[str]:
        return [one.reviewer for one in approved(self.reviews, self.public, WANTED, self.evidence)]


@pytest.fixture
def panel(tmp_path: Path) -> Panel:
    return Panel(tmp_path)


def test_two_people_of_the_roles_that_are_asked_for_are_enough(panel: Panel) -> None:
    assert [panel.say("ana", "clinician"), panel.say("ben", "lived_experience")] == [0, 0]
    assert panel.approved() == ["ana", "ben"]


def test_one_person_in_one_role_counts_once(panel: Panel) -> None:
    assert [panel.say("ana", "clinician"), panel.say("ana", "clinician")] == [0, 0]
    with pytest.raises(GateRefusal, match="needs signed reviews of this artefact: 1 more of lived_experience"):
        panel.approved()


def test_one_no_is_no(panel: Panel) -> None:
    panel.say("ana", "clinician")
    panel.say("ben", "lived_experience")
    panel.say("ben", "safety", "reject")
    with pytest.raises(GateRefusal, match=r"rejected by ben \(safety\)"):
        panel.approved()


def edited(change: dict[str, str]) -> Callable[[Path], None]:
    def edit(path: Path) -> None:
        path.write_text(json.dumps(json.loads(path.read_text()) | change))

    return edit


@pytest.mark.parametrize(
    ("name", "change", "reason"),
    [
        ("ana.json", edited({"role": "lived_experience"}), "the signature is not that of its reviewer"),
        ("ana.json", edited({"reviewer": "eve"}), "export.reviewers has no key of eve"),
        ("ana.json", edited({"reviewer": "ben"}), "the signature is not that of its reviewer"),
        ("ana.json", edited({"decision": "perhaps"}), "not a review"),
        ("ana.json.sig", Path.unlink, "it is not signed"),
        ("ana.json.sig", lambda path: path.write_text("bm8=\n") and None, "the signature is not that of its reviewer"),
    ],
)
def test_a_review_that_was_touched_is_refused(
    panel: Panel, name: str, change: Callable[[Path], None], reason: str
) -> None:
    panel.say("ana", "clinician")
    panel.say("ben", "lived_experience")
    change(panel.reviews / f"clinician-{name}")
    with pytest.raises(GateRefusal, match=reason):
        panel.approved()


def test_a_key_of_somebody_else_signs_nothing(panel: Panel) -> None:
    panel.say("ana", "clinician", key="ben")
    with pytest.raises(GateRefusal, match="the signature is not that of its reviewer"):
        panel.approved()


def test_a_review_of_another_report_does_not_count(panel: Panel) -> None:
    panel.say("ana", "clinician")
    panel.say("ben", "lived_experience")
    panel.evidence = bundle(panel.folder / "other" / "gate", n=61, successes=61)
    with pytest.raises(GateRefusal, match="1 more of clinician, 1 more of lived_experience"):
        panel.approved()


def test_where_nothing_is_asked_for_nothing_is_needed(panel: Panel) -> None:
    assert approved(None, {}, {}, panel.evidence) == []


def test_evidence_that_does_not_hold_is_not_reviewed(panel: Panel, capsys: pytest.CaptureFixture[str]) -> None:
    (panel.evidence / "report.md").write_text("PASS")
    assert panel.say("ana", "clinician") == 3
    assert "report.md: not what the report says" in capsys.readouterr().err
    assert not panel.reviews.exists()
