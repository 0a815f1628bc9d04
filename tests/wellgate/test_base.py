"""A base model is pinned, whole and named by its content, or it is an InputError."""

from __future__ import annotations

import io
import json
import re
import struct
import subprocess
import zipfile
from collections.abc import Callable
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from wellgate.base import PIN_ME, Base, check_reference, check_safetensors, resolve
from wellgate.errors import InputError

WHEEL = "pypi:tiny-model==1.0/tiny.gguf"
COMMIT, DIGEST = "a" * 40, "sha256:" + "b" * 64


def safetensors(header: object = None, body: bytes = b"\0" * 8) -> bytes:
    """A file with one tensor of two float32, or with another header."""
    default = {"w": {"dtype": "F32", "shape": [2], "data_offsets": [0, 8]}, "__metadata__": {"format": "pt"}}
    text = json.dumps(default if header is None else header).encode()
    return struct.pack("<Q", len(text)) + text + body


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("WELLGATE_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


@pytest.fixture
def write_model(tmp_path: Path) -> Callable[..., Path]:
    def write(name: str = "model", **files: bytes | None) -> Path:
        folder = tmp_path / name
        folder.mkdir()
        content = {"config.json": b"{}", "tokenizer.json": b"{}", "model.safetensors": safetensors(), **files}
        for file, data in content.items():
            if data is not None:
                (folder / file).write_bytes(data)
        return folder

    return write


@pytest.mark.parametrize(
    ("base", "revision", "way_out"),
    [
        ("org/name", None, "40-digit commit"),
        ("org/name", "main", "40-digit commit"),
        ("org/name", COMMIT[:-1], "40-digit commit"),
        ("org/name", COMMIT.upper(), "40-digit commit"),
        (WHEEL, None, "sha256:<64 hex digits>"),
        (WHEEL, COMMIT, "sha256:<64 hex digits>"),
        ("pypi:tiny-model/tiny.gguf", DIGEST, "pypi:package==version/file.gguf"),
        ("pypi:tiny-model==1.0", DIGEST, "pypi:package==version/file.gguf"),
        ("pypi:tiny-model==1.0/../tiny.gguf", DIGEST, "pypi:package==version/file.gguf"),
    ],
)
def test_an_unpinned_base_is_refused_with_the_way_out(base: str, revision: str | None, way_out: str) -> None:
    with pytest.raises(ValueError, match=re.escape(way_out)):
        check_reference(base, revision)


@pytest.mark.parametrize(
    ("base", "revision"), [("org/name", COMMIT), (WHEEL, DIGEST), (".", None), ("./not-here", None)]
)
def test_a_pinned_base_or_a_folder_is_accepted(base: str, revision: str | None) -> None:
    check_reference(base, revision)


def test_a_recipe_may_wait_for_its_commit_but_is_never_fetched_without(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("huggingface_hub.snapshot_download", lambda *_, **__: pytest.fail("fetched"))
    check_reference("org/name", PIN_ME)
    with pytest.raises(
        InputError, match=r"PIN_ME: pin .*--set model\.revision=.*ls-remote https://huggingface\.co/org/name HEAD"
    ):
        resolve("org/name", PIN_ME)


HUB_ERRORS = {
    "GatedRepoError": "its licence is accepted by a person, at https://huggingface.co/org/name; then set HF_TOKEN",
    "RepositoryNotFoundError": "there is no such model, or it is private: check the name, and set HF_TOKEN",
    "RevisionNotFoundError": "the model has no such commit; `git ls-remote https://huggingface.co/org/name HEAD`",
    "LocalEntryNotFoundError": "check the network, or name a local folder",
    "OfflineModeIsEnabled": "check the network, or name a local folder",
}


@pytest.mark.parametrize(("name", "way_out"), HUB_ERRORS.items(), ids=HUB_ERRORS)
def test_each_failure_of_the_hub_has_its_own_way_out(monkeypatch: pytest.MonkeyPatch, name: str, way_out: str) -> None:
    from huggingface_hub import errors

    kind = getattr(errors, name)

    def fail(repo: str, revision: str, **_: Any) -> str:
        assert (repo, revision) == ("org/name", COMMIT)
        raise kind.__new__(kind)  # its constructor wants a response of the Hub

    monkeypatch.setattr("huggingface_hub.snapshot_download", fail)
    with pytest.raises(InputError) as refused:
        resolve("org/name", COMMIT)
    message = str(refused.value)
    assert message.startswith(f"model.base: cannot fetch org/name@{COMMIT[:12]} from the Hub ({name}): {way_out}")
    assert "\n" not in message


@pytest.mark.parametrize("base", ["./not-here", "/not/here/at/all", "not-here"])
def test_a_missing_folder_is_an_input_error(base: str) -> None:
    with pytest.raises(InputError, match="there is no folder"):
        resolve(base, None)


@pytest.mark.parametrize(
    ("files", "expected"),
    [
        ({"config.json": None}, "no config.json"),
        ({"model.safetensors": None}, r"no \.safetensors weights"),
        ({"model.safetensors": None, "pytorch_model.bin": b"x"}, r"no \.safetensors weights"),
        ({"model.safetensors": safetensors()[:-1]}, "bytes where"),
        ({"model.safetensors": safetensors() + b"\0"}, "bytes where"),
        ({"model.safetensors": b""}, "damaged safetensors header"),
        ({"model.safetensors": safetensors()[:20]}, "damaged safetensors header"),
        ({"model.safetensors": b"version https://git-lfs.github.com/spec/v1\n"}, "damaged safetensors header"),
    ],
)
def test_a_folder_that_is_no_whole_model_is_an_input_error(write_model: Any, files: Any, expected: str) -> None:
    with pytest.raises(InputError, match=expected):
        resolve(str(write_model(**files)), None)


def test_a_whole_model_folder_resolves_by_its_name_only(write_model: Any) -> None:
    found = resolve(str(write_model()), None)
    assert (found.name, found.revision, len(found.digest)) == ("model", None, 64)


def test_the_digest_follows_the_content_and_not_the_place(write_model: Any) -> None:
    one, two = write_model("one"), write_model("two", **{"README.md": b"prose decides nothing"})
    three = write_model("three", **{"model.safetensors": safetensors(body=b"\1" * 8)})
    four = write_model("four", **{"tokenizer.json": b"[]"})
    digests = [resolve(str(folder), None).digest for folder in (one, two, three, four)]
    assert digests[0] == digests[1]
    assert len(set(digests)) == 3


def test_a_remembered_digest_is_not_used_for_a_changed_file(write_model: Any) -> None:
    folder = write_model()
    before = resolve(str(folder), None).digest
    (folder / "model.safetensors").write_bytes(safetensors(body=b"\1" * 8))
    assert resolve(str(folder), None).digest != before


@pytest.mark.parametrize("content", ["", "{", "[]", "3"])
def test_a_damaged_memory_of_digests_is_ignored(write_model: Any, cache: Path, content: str) -> None:
    cache.mkdir()
    (cache / "digests.json").write_text(content)
    assert resolve(str(write_model()), None).digest


@pytest.mark.parametrize("name", ["vocab.json", "merges.txt", "added_tokens.json", "spiece.model"])
def test_every_tokenizer_file_is_part_of_the_digest(write_model: Any, name: str) -> None:
    one, two = write_model("one", **{name: b"{}"}), write_model("two", **{name: b"[]"})
    assert resolve(str(one), None).digest != resolve(str(two), None).digest


def test_a_missing_shard_is_an_input_error(write_model: Any) -> None:
    index = {"weight_map": {"w": "model-00001-of-00002.safetensors", "v": "model-00002-of-00002.safetensors"}}
    files = {"model.safetensors": None, "model-00001-of-00002.safetensors": safetensors()}
    with pytest.raises(InputError, match="00002-of-00002"):
        resolve(str(write_model(**files, **{"model.safetensors.index.json": json.dumps(index).encode()})), None)


def test_a_whole_safetensors_file_passes(tmp_path: Path) -> None:
    (tmp_path / "w.safetensors").write_bytes(safetensors())
    check_safetensors(tmp_path / "w.safetensors")


@settings(
    max_examples=100, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(st.binary(max_size=40) | st.integers(0, len(safetensors()) - 1).map(lambda cut: safetensors()[:cut]))
@example(struct.pack("<Q", 2**63) + b"{}")
def test_bytes_that_are_no_safetensors_are_an_input_error(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "w.safetensors").write_bytes(content)
    with pytest.raises(InputError):
        check_safetensors(tmp_path / "w.safetensors")


@pytest.mark.parametrize(
    "header",
    [
        {},
        {"w": {}},
        {"w": 3},
        {"w": {"data_offsets": None}},
        [],
        {"w": {"data_offsets": [0]}},
        {"w": {"data_offsets": "08"}},
    ],
    ids=str,
)
def test_a_header_of_another_shape_is_an_input_error(tmp_path: Path, header: object) -> None:
    (tmp_path / "w.safetensors").write_bytes(safetensors(header))
    with pytest.raises(InputError):
        check_safetensors(tmp_path / "w.safetensors")


def wheel(*members: str) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for member in members or ("tiny_model/tiny.gguf",):
            archive.writestr(zipfile.ZipInfo(member), b"gguf")  # with a fixed date: the digest must not vary
    return buffer.getvalue()


@pytest.fixture
def resolve_wheel(monkeypatch: pytest.MonkeyPatch) -> Callable[..., Base]:
    """Resolve a wheel that `pip download` would bring; `calls` counts the processes that were started."""

    def work(
        content: bytes, digest: str | None = None, *, pip: int = 0, convert: int = 0, calls: list[str] | None = None
    ) -> Base:
        def run(command: list[str], **_: object) -> subprocess.CompletedProcess[str]:
            kind = "pip" if "pip" in command else "convert"
            if calls is not None:
                calls.append(kind)
            if kind == "pip" and not pip:
                (Path(command[command.index("-d") + 1]) / "tiny_model-1.0-py3-none-any.whl").write_bytes(content)
            elif kind == "convert" and not convert:
                folder = Path(command[-1])
                folder.mkdir()
                (folder / "config.json").write_text("{}")
                (folder / "model.safetensors").write_bytes(safetensors())
            return subprocess.CompletedProcess(command, pip if kind == "pip" else convert, "", "why it failed\n")

        monkeypatch.setattr(subprocess, "run", run)
        return resolve(WHEEL, f"sha256:{digest or sha256(content).hexdigest()}")

    return work


def test_a_wheel_is_fetched_and_converted_once(resolve_wheel: Callable[..., Base]) -> None:
    calls: list[str] = []
    first, second = resolve_wheel(wheel(), calls=calls), resolve_wheel(wheel(), calls=calls)
    assert first == second
    assert first.name == WHEEL
    assert calls == ["pip", "convert"]


def test_a_wheel_with_another_sha256_is_refused_and_not_kept(resolve_wheel: Callable[..., Base], cache: Path) -> None:
    with pytest.raises(InputError, match="another sha256"):
        resolve_wheel(wheel(), "b" * 64)
    assert [path for path in cache.rglob("*") if path.is_file()] == []


@pytest.mark.parametrize(
    ("content", "options", "expected"),
    [
        (wheel("tiny_model/other.gguf"), {}, r"holds no tiny\.gguf"),
        (b"no zip", {}, "not a wheel"),
        (wheel(), {"pip": 1}, "cannot download tiny-model==1.0 with pip"),
        (wheel(), {"convert": 1}, r"converting tiny\.gguf failed \(why it failed\)"),
    ],
)
def test_a_wheel_that_does_not_become_a_model_is_an_input_error(
    resolve_wheel: Callable[..., Base], cache: Path, content: bytes, options: dict[str, int], expected: str
) -> None:
    with pytest.raises(InputError, match=expected):
        resolve_wheel(content, **options)
    assert not list(cache.rglob("COMPLETE"))
