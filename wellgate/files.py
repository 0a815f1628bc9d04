"""Files that appear whole or not at all, and the digests that name their content."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterable
from pathlib import Path


def write_text(path: Path, text: str) -> None:
    """Write through a temporary neighbour and rename, so that a kill never leaves half a file."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        with temporary.open("w", encoding="utf-8", newline="\n") as stream:
            stream.write(text)
            stream.flush()
            os.fsync(stream.fileno())
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


def sha256_text(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def sha256_file(path: Path) -> str:
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def sha256_files(files: Iterable[tuple[str, Path]]) -> str:
    """SHA-256 over sorted lines `sha256  name`: one digest for a set of named files."""
    return sha256_lines({name: sha256_file(path) for name, path in files})


def sha256_lines(digests: dict[str, str]) -> str:
    """SHA-256 over sorted lines `sha256  name`, for digests that are already known."""
    return sha256_text("".join(f"{digests[name]}  {name}\n" for name in sorted(digests)))


def files_below(folder: Path) -> dict[str, Path]:
    """Every file below a folder by its relative POSIX name."""
    found = (path for path in sorted(folder.rglob("*")) if path.is_file())
    return {path.relative_to(folder).as_posix(): path for path in found}
