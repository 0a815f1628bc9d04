"""What may be skipped, resumed and trusted: a stage reads folders, writes one folder, and signs it last."""

from __future__ import annotations

import fcntl
import importlib.metadata
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from wellgate.errors import InputError
from wellgate.files import sha256_file, sha256_lines, sha256_text, write_text
from wellgate.records import Frozen, canonical_json

ROOT = Path(__file__).resolve().parent.parent
PACKAGES = (
    "torch",
    "transformers",
    "trl",
    "peft",
    "datasets",
    "accelerate",
    "evaluate",
    "wandb",
    "opacus",
    "numpy",
    "scipy",
)


class Manifest(Frozen):
    """What a stage did. Written last: its existence means that the stage completed."""

    stage: str
    key: str
    config: dict[str, Any]
    inputs: dict[str, str]
    outputs: dict[str, str]
    """File name to sha256."""
    counts: dict[str, Any]
    code: str
    """Digest of the stage's own sources."""
    git: dict[str, Any]
    versions: dict[str, str]
    finished: str
    """UTC, ISO 8601."""
    seconds: float

    @property
    def digest(self) -> str:
        """One digest over all outputs: what the next stage's key names."""
        return sha256_lines(self.outputs)


@dataclass(frozen=True)
class Stage:
    """A step of a run: its folder is named by everything that decides its result."""

    name: str
    root: Path
    """The run's folder, `runs/<recipe>`."""
    config: dict[str, Any]
    inputs: dict[str, str]
    """Name to digest of all that is read."""
    code: str = ""
    """Digest of the stage's sources; part of the key where `code_in_key`."""
    code_in_key: bool = True
    started: float = field(default_factory=time.monotonic, compare=False)

    @property
    def key(self) -> str:
        parts: dict[str, Any] = {"stage": self.name, "config": self.config, "inputs": self.inputs}
        if self.code_in_key:
            parts["code"] = self.code
        return sha256_text(canonical_json(parts))

    @property
    def folder(self) -> Path:
        return self.root / f"{self.name}-{self.key[:12]}"

    def manifest(self) -> Manifest | None:
        """The manifest if the stage completed, else None."""
        return read_manifest(self.folder)

    def require(self, way_out: str) -> Manifest:
        """The manifest, or an InputError that says how to get one."""
        found = self.manifest()
        if found is None:
            raise InputError(f"{self.folder}: this stage has not been completed; {way_out}")
        return found

    @contextmanager
    def working(self) -> Iterator[Path]:
        """The stage's folder, locked against a second process."""
        self.folder.mkdir(parents=True, exist_ok=True)
        with (self.folder / ".lock").open("w") as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError:
                raise InputError(f"{self.folder}: another process works on this stage; wait for it") from None
            yield self.folder

    def complete(self, outputs: list[str], counts: dict[str, Any]) -> Manifest:
        """Digest the outputs and write the manifest, last."""
        manifest = Manifest(
            stage=self.name,
            key=self.key,
            config=self.config,
            inputs=self.inputs,
            outputs={name: sha256_file(self.folder / name) for name in sorted(outputs)},
            counts=counts,
            code=self.code,
            git=git_state(),
            versions=versions(PACKAGES),
            finished=time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
            seconds=round(time.monotonic() - self.started, 1),
        )
        write_text(self.folder / "manifest.json", manifest.model_dump_json(indent=1) + "\n")
        return manifest


def read_manifest(folder: Path) -> Manifest | None:
    """The manifest of a stage's folder; None where the stage has not completed."""
    path = folder / "manifest.json"
    try:
        return Manifest.model_validate_json(path.read_bytes())
    except FileNotFoundError:
        return None
    except ValidationError:
        raise InputError(f"{path}: damaged; delete {folder} to rebuild the stage") from None


def code_digest(*places: str) -> str:
    """Digest of the Python sources below these files or folders of the repository."""
    files: dict[str, str] = {}
    for place in places:
        path = ROOT / place
        sources = [path] if path.is_file() else sorted(path.rglob("*.py"))
        if not sources:
            raise FileNotFoundError(f"no Python source at {path}")
        for source in sources:
            files[source.relative_to(ROOT).as_posix()] = sha256_file(source)
    return sha256_lines(files)


def versions(packages: tuple[str, ...]) -> dict[str, str]:
    """Installed versions of distributions; those that are not installed are left out."""
    found: dict[str, str] = {}
    for package in packages:
        try:
            found[package] = importlib.metadata.version(package)
        except importlib.metadata.PackageNotFoundError:
            continue
    return found


def git_state() -> dict[str, Any]:
    """Commit and dirtiness of the checkout that wellgate runs from; empty outside of git."""

    def ask(*words: str) -> str | None:
        try:
            done = subprocess.run(["git", "-C", str(ROOT), *words], capture_output=True, text=True, timeout=20)
        except (OSError, subprocess.TimeoutExpired):
            return None
        return done.stdout.strip() if done.returncode == 0 else None

    commit = ask("rev-parse", "HEAD")
    return {"commit": commit, "dirty": bool(ask("status", "--porcelain"))} if commit else {}
