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
    """Every item at `core`; at `demo` a fixed, hashed choice of whole clusters from each slice."""
    items = probe.items()
    if size == "core":
        return items
    clusters: dict[str, set[str]] = defaultdict(set)
    for item in items:
        clusters[item.slice].add(item.cluster)
    chosen = {
        cluster
        for names in clusters.values()
        for cluster in sorted(names, key=lambda name: sha256_text(f"demo|{name}"))[: probe.demo_clusters]
    }
    return [item for item in items if item.cluster in chosen]
