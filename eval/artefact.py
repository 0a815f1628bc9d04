"""What ships, and the digests that bind a report to it."""

from __future__ import annotations

import hashlib
import json
import struct
from pathlib import Path

from wellgate import golden, quantization, registry
from wellgate.base import Base
from wellgate.files import sha256_files
from wellgate.model import ADAPTER, ADAPTER_CONFIG

FROM_BASE = (
    "tokenizer.json",
    "tokenizer_config.json",
    "special_tokens_map.json",
    "chat_template.jinja",
    "generation_config.json",
)
FROM_GATE = ("system_prompt.txt", golden.FILE)


def shipped(base: Base, adapter: Path, gate: Path) -> dict[str, Path]:
    """Every file of an adapter release by its name in it, the card and the report aside."""
    files = {name: adapter / name for name in (ADAPTER, ADAPTER_CONFIG)}
    files |= {quantization.FILE: adapter / quantization.FILE} if (adapter / quantization.FILE).is_file() else {}
    files |= {name: base.folder / name for name in FROM_BASE if (base.folder / name).is_file()}
    files |= {name: gate / name for name in FROM_GATE}
    return files | {registry.PATH.name: registry.PATH}


def artefact_digest(files: dict[str, Path]) -> str:
    """SHA-256 over sorted lines `sha256  path` of every file that ships."""
    return sha256_files(files.items())


def tensor_digest(path: Path) -> str:
    """SHA-256 over name, dtype, shape and bytes of each tensor in name order: the same however a file is laid out."""
    with path.open("rb") as stream:
        (length,) = struct.unpack("<Q", stream.read(8))
        header = json.loads(stream.read(length))
        whole = hashlib.sha256()
        for name in sorted(key for key in header if key != "__metadata__"):
            entry = header[name]
            start, end = entry["data_offsets"]
            stream.seek(8 + length + start)
            whole.update(json.dumps([name, entry["dtype"], entry["shape"]]).encode())
            whole.update(stream.read(end - start))
    return whole.hexdigest()
