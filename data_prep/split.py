"""Leak-free split: a whole group (client, author) is held out or trained on, by a hash that is the same everywhere."""

from __future__ import annotations

from wellgate.files import sha256_text


def is_held_out(group: str, share: float, seed: int) -> bool:
    """Whether this group belongs to the held-out share."""
    return int(sha256_text(f"{seed}|{group}")[:12], 16) / 16**12 < share
