"""A folder of evidence by itself: recomputed without recipe or model, signed, and never believed once it was touched."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from tests.eval.bundles import bundle
from wellgate.cli import main


@pytest.fixture(scope="module")
def keys(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """A private key and its public one, as PEM files."""
    folder = tmp_path_factory.mktemp("keys")
    secret = ec.generate_private_key(ec.SECP256R1())
    plain, pem = serialization.NoEncryption(), serialization.Encoding.PEM
    (folder / "key.pem").write_bytes(secret.private_bytes(pem, serialization.PrivateFormat.PKCS8, plain))
    public = secret.public_key().public_bytes(pem, serialization.PublicFormat.SubjectPublicKeyInfo)
    (folder / "key.pub").write_bytes(public)
    return folder / "key.pem", folder / "key.pub"


@pytest.fixture(scope="module")
def signed(tmp_path_factory: pytest.TempPathFactory, keys: tuple[Path, Path]) -> Path:
    """A passing bundle with a signature."""
    folder = bundle(tmp_path_factory.mktemp("signed") / "gate")
    assert main(["sign", str(folder), "--key", str(keys[0])]) == 0
    return folder


def verify(folder: Path, key: Path) -> int:
    return main(["verify", str(folder), "--key", str(key)])


def test_a_bundle_is_verified_on_a_machine_without_torch(tmp_path: Path) -> None:
    folder = bundle(tmp_path / "gate")
    script = (
        "import sys\n"
        "class No:\n"
        "    def find_spec(self, name, *rest):\n"
        "        if name.partition('.')[0] in ('torch', 'transformers', 'datasets'): raise ImportError(name)\n"
        "sys.meta_path.insert(0, No())\n"
        f"from wellgate.cli import main\nsys.exit(main(['verify', {str(folder)!r}]))"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("verified: NOT-FAILED, artefact ")


def test_a_bundle_that_says_no_is_no(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = bundle(tmp_path / "gate", successes=30)
    assert main(["verify", str(folder)]) == 3
    assert "the evidence holds, and the gate said FAIL" in capsys.readouterr().err


def test_a_signed_bundle_holds_and_another_key_does_not(
    signed: Path, keys: tuple[Path, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert verify(signed, keys[1]) == 0
    other = ec.generate_private_key(ec.SECP256R1()).public_key()
    pem = other.public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
    (tmp_path / "other.pub").write_bytes(pem)
    assert verify(signed, tmp_path / "other.pub") == 3
    assert "the signature does not hold" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("words", "code", "reason"),
    [
        (["sign", "{folder}", "--key", "{folder}/none.pem"], 2, "cannot sign with it"),
        (["sign", "{folder}", "--key", "{folder}/facts.json"], 2, "cannot sign with it"),
        (["verify", "{folder}", "--key", "{folder}/none.pub"], 2, "not a public key"),
        (["verify", "{folder}", "--key", "{public}"], 3, "there is no signature"),
        (["sign", "{folder}/..", "--key", "{private}"], 3, "there is no report"),
    ],
)
def test_a_key_or_folder_that_is_none_is_one_line(
    tmp_path: Path, keys: tuple[Path, Path], capsys: pytest.CaptureFixture[str], words: list[str], code: int, reason: str
) -> None:  # fmt: skip
    folder = bundle(tmp_path / "gate")
    assert main([word.format(folder=folder, private=keys[0], public=keys[1]) for word in words]) == code
    said = capsys.readouterr().err
    assert reason in said
    assert len(said.strip().splitlines()) == 1


def test_a_bundle_that_does_not_hold_is_not_signed(tmp_path: Path, keys: tuple[Path, Path]) -> None:
    folder = bundle(tmp_path / "gate", successes=30)
    report = folder / "report.json"
    report.write_text(report.read_text().replace('"fail"', '"pass"'))
    assert main(["sign", str(folder), "--key", str(keys[0])]) == 3
    assert not (folder / "model.sig").exists()


NAMES = ("suite.jsonl", "records.jsonl", "controls.jsonl", "facts.json", "graders.json", "policy.yaml", "report.json", "report.md", "report.html", "model.sig")  # fmt: skip


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(name=st.sampled_from(NAMES), place=st.floats(0, 1, exclude_max=True), cut=st.integers(0, 40), put=st.binary(max_size=12))  # fmt: skip
@example(name="records.jsonl", place=0.0, cut=0, put=b"\n")
@example(name="policy.yaml", place=0.0, cut=0, put=b"# a comment\n")
def test_no_edit_of_a_signed_bundle_is_verified(
    signed: Path, keys: tuple[Path, Path], tmp_path: Path, name: str, place: float, cut: int, put: bytes
) -> None:
    copy = tmp_path / "copy"
    shutil.rmtree(copy, ignore_errors=True)
    shutil.copytree(signed, copy)
    content = (copy / name).read_bytes()
    start = int(place * len(content))
    edited = content[:start] + put + content[start + cut :]
    (copy / name).write_bytes(edited)
    if edited != content:
        assert verify(copy, keys[1]) == 3


@pytest.mark.parametrize("name", NAMES)
def test_no_file_may_be_missing_and_none_may_be_added(
    signed: Path, keys: tuple[Path, Path], tmp_path: Path, name: str
) -> None:
    copy = tmp_path / "copy"
    shutil.copytree(signed, copy)
    (copy / name).unlink()
    assert verify(copy, keys[1]) == 3
    shutil.copyfile(signed / name, copy / name)
    assert verify(copy, keys[1]) == 0
    (copy / "replies.jsonl").write_text("{}\n")
    assert verify(copy, keys[1]) == 3


@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(name=st.sampled_from(NAMES[:-1]), place=st.floats(0, 1, exclude_max=True), cut=st.integers(0, 40), put=st.binary(max_size=12))  # fmt: skip
def test_an_edit_of_an_unsigned_bundle_is_one_line_or_changes_nothing(
    signed: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], name: str, place: float, cut: int, put: bytes
) -> None:
    """Where no signature is asked for, a damaged bundle still gets no traceback and no other verdict."""
    copy = tmp_path / "copy"
    shutil.rmtree(copy, ignore_errors=True)
    shutil.copytree(signed, copy)
    content = (copy / name).read_bytes()
    start = int(place * len(content))
    edited = content[:start] + put + content[start + cut :]
    (copy / name).write_bytes(edited)
    assert main(["verify", str(copy)]) == (3 if edited != content else 0)
    assert "Traceback" not in capsys.readouterr().err
