"""Leak-free split: a whole group (client, author) is held out or trained on, the same on every machine and in any order.

Without strata a group's side depends on nothing but its name, the seed and the share, and never changes as data is
added. With strata each kind of group (a condition, a topic) is held out in proportion, so that a side may change.
"""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence

from wellgate.files import sha256_text

POOLED = ""
"""The stratum of groups without such a tag, and of strata too small to hold out a share of."""


def is_held_out(group: str, share: float, seed: int) -> bool:
    """Whether this group belongs to the held-out share."""
    return _draw(group, seed) / 16**12 < share


def _draw(group: str, seed: int) -> int:
    return int(sha256_text(f"{seed}|{group}")[:12], 16)


def stratified(records: Iterable[tuple[str, Sequence[str]]], prefix: str, share: float, seed: int) -> frozenset[str]:
    """The groups that are held out, so that each stratum gives about the same share of its records.

    `records` are (group, tags), one each. A group's stratum is the tag that most of its records have among those that
    begin with `prefix` (`topic:`), the alphabetically first of equals. Strata of fewer groups than 1 / share are pooled
    with each other. A group larger than what is still wanted is passed over for smaller ones.
    """
    sizes, strata = _strata(records, prefix)
    pooled: dict[str, list[str]] = defaultdict(list)
    for stratum, groups in strata.items():
        pooled[stratum if len(groups) * share >= 1 else POOLED] += groups
    return frozenset(group for groups in pooled.values() for group in _chosen(groups, sizes, share, seed))


def _strata(records: Iterable[tuple[str, Sequence[str]]], prefix: str) -> tuple[Counter[str], dict[str, list[str]]]:
    """How many records each group has, and the groups of each stratum."""
    sizes: Counter[str] = Counter()
    tagged: dict[str, Counter[str]] = defaultdict(Counter)
    for group, tags in records:
        sizes[group] += 1
        tagged[group].update({tag for tag in tags if tag.startswith(prefix)})
    strata = defaultdict(list)
    for group in sizes:
        common = tagged[group]
        strata[min(common, key=lambda tag: (-common[tag], tag), default=POOLED)].append(group)
    return sizes, strata


def _chosen(groups: Sequence[str], sizes: Mapping[str, int], share: float, seed: int) -> list[str]:
    """Groups in hashed order until the share of the records is reached as nearly as whole groups allow."""
    wanted = share * math.fsum(sizes[group] for group in groups)
    chosen = []
    for group in sorted(groups, key=lambda name: (_draw(name, seed), name)):
        if sizes[group] <= 2 * wanted:  # held out it leaves less over, or lacking, than now
            chosen.append(group)
            wanted -= sizes[group]
    return chosen
