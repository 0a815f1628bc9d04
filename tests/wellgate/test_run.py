"""What may be skipped and trusted: keys, manifests, locks."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import pytest

from wellgate.errors import InputError
from wellgate.files import files_below, sha256_text
from wellgate.run import Stage, code_digest, read_manifest, versions


@pytest.fixture
def stage(tmp_path: Path) -> Stage:
    return Stage("cook", tmp_path / "run", {"heat": 3, "salt": "little"}, {"rice": "aa"}, code="c1")


def finish(stage: Stage, text: str = "dinner") -> None:
    with stage.working() as folder:
        (folder / "meal.txt").write_text(text, encoding="utf-8")
        stage.complete(["meal.txt"], {"portions": 2})


@pytest.mark.parametrize(
    "change",
    [
        {"name": "bake"},
        {"config": {"heat": 4, "salt": "little"}},
        {"config": {}},
        {"inputs": {"rice": "ab"}},
        {"inputs": {}},
        {"code": "c2"},
    ],
    ids=str,
)
def test_whatever_decides_the_result_changes_key_and_folder(stage: Stage, change: dict[str, Any]) -> None:
    other = dataclasses.replace(stage, **change)
    assert other.key != stage.key
    assert other.folder != stage.folder


@pytest.mark.parametrize(
    "change", [{"config": {"salt": "little", "heat": 3}}, {"root": Path("elsewhere")}, {"started": 0.0}], ids=str
)
def test_what_decides_nothing_keeps_the_key(stage: Stage, change: dict[str, Any]) -> None:
    assert dataclasses.replace(stage, **change).key == stage.key


def test_code_is_recorded_but_not_keyed_where_the_stage_says_so(stage: Stage) -> None:
    trained = dataclasses.replace(stage, code_in_key=False)
    assert trained.key == dataclasses.replace(trained, code="c2").key
    finish(trained)
    assert trained.require("").code == "c1"


def test_a_stage_has_no_manifest_until_it_is_complete(stage: Stage) -> None:
    assert stage.manifest() is None
    with stage.working() as folder:
        (folder / "meal.txt").write_text("half", encoding="utf-8")
        assert stage.manifest() is None
    with pytest.raises(InputError, match="has not been completed; cook first"):
        stage.require("cook first")


def test_a_completed_stage_is_found_again_by_another_process(stage: Stage) -> None:
    finish(stage)
    found = dataclasses.replace(stage).manifest()
    assert found is not None
    assert (found.key, found.counts, found.config) == (stage.key, {"portions": 2}, stage.config)
    assert found.outputs == {"meal.txt": sha256_text("dinner")}


def test_a_crash_leaves_no_manifest_and_the_stage_can_run_again(stage: Stage) -> None:
    with pytest.raises(ZeroDivisionError), stage.working():
        _ = 1 / 0
    assert stage.manifest() is None
    finish(stage)
    assert stage.manifest()


def test_a_missing_output_is_no_completed_stage(stage: Stage) -> None:
    with stage.working(), pytest.raises(FileNotFoundError):
        stage.complete(["never-written.txt"], {})
    assert stage.manifest() is None


def test_the_digest_follows_the_outputs_and_nothing_else(stage: Stage, tmp_path: Path) -> None:
    same, other = dataclasses.replace(stage, root=tmp_path / "b"), dataclasses.replace(stage, root=tmp_path / "c")
    for one, text in ((stage, "dinner"), (same, "dinner"), (other, "supper")):
        finish(one, text)
    assert stage.require("").digest == same.require("").digest != other.require("").digest


@pytest.mark.parametrize("content", [b"", b"{", b"{}", b"[]", b"\xff", b'{"stage": "cook"}'])
def test_a_damaged_manifest_is_an_input_error_that_says_what_to_delete(stage: Stage, content: bytes) -> None:
    finish(stage)
    (stage.folder / "manifest.json").write_bytes(content)
    with pytest.raises(InputError, match="damaged; delete"):
        stage.manifest()


def test_a_second_process_is_refused_while_the_first_works(stage: Stage) -> None:
    with stage.working(), pytest.raises(InputError, match="another process works on this stage"), stage.working():
        pass
    with stage.working():
        pass


def test_no_temporary_files_stay_behind(stage: Stage) -> None:
    finish(stage)
    assert set(files_below(stage.folder)) == {".lock", "manifest.json", "meal.txt"}


def test_a_folder_without_manifest_reads_as_none(tmp_path: Path) -> None:
    assert read_manifest(tmp_path / "nowhere") is None


def test_the_code_digest_names_what_it_covers() -> None:
    assert code_digest("wellgate/run.py") == code_digest("wellgate/run.py")
    assert code_digest("wellgate/run.py") != code_digest("wellgate/files.py") != code_digest("wellgate")


def test_a_code_digest_of_nothing_is_an_error() -> None:
    with pytest.raises((InputError, OSError)):
        code_digest("wellgate/no_such_file.py")


def test_versions_leave_out_what_is_not_installed() -> None:
    assert set(versions(("pydantic", "surely-not-installed"))) == {"pydantic"}
