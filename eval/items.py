"""Reading a probe's items, and the small subsample of the `demo` size."""

from __future__ import annotations

from collections import defaultdict
from pathlib import Path

from wellgate.errors import InputError
from wellgate.files import sha256_text
from wellgate.plugins import Item, Probe
from wellgate.records import read_jsonl


def read_items(path: Path) -> list[Item]:
    """All items of a probe's file. An item without a `cluster` is its own."""
    items = list(read_jsonl(path, Item))
    if not items:
        raise InputError(f"{path}: the probe has no items; an empty probe cannot pass anything")
    return items


def of_size(probe: Probe, size: str) -> list[Item]:
    """Every item at `core`; at `demo` a fixed, hashed choice from each slice: one paraphrase of a few clusters."""
    items = probe.items()
    if size == "core":
        return items
    first: dict[tuple[str, str], Item] = {}
    for item in items:
        first.setdefault((item.slice, item.cluster), item)
    slices: dict[str, list[Item]] = defaultdict(list)
    for item in sorted(first.values(), key=lambda one: sha256_text(f"demo|{one.cluster}")):
        slices[item.slice].append(item)
    chosen = {item.id for name, alike in slices.items() for item in alike[: probe.in_demo(name)]}
    return [item for item in items if item.id in chosen]
