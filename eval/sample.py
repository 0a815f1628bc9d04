"""Which of a run's own replies people are asked to label: a seeded, stratified sample that can be drawn again by anyone.

Every reply gets one random number from seed and digest. A stratum (a probe's slice of one model, or a criterion's
answer) takes those of its replies whose numbers are smallest, as many as every other stratum does. So a stratum's own
replies are a simple random sample of it, rare answers stand beside frequent ones, and strata share what they can
(permanent random numbers: Ohlsson 1995, in Business Survey Methods, ch. 9).
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

from wellgate.errors import InputError
from wellgate.files import sha256_text
from wellgate.grading import SURELY

if TYPE_CHECKING:
    from eval.evidence import Evidence
    from wellgate.records import Asked

Key = tuple[str, str, str]
"""Probe, item and digest of a reply. One that was given several times counts once."""
Stratum = tuple[str, ...]
Strata = Mapping[Stratum, Sequence[Key]]


def strata(evidence: Evidence, seed: int) -> dict[Stratum, list[Key]]:
    """The run's written replies by slice and model, and by each criterion's answers, in the order in which they are drawn."""
    asked = {(one.probe, one.item): one for one in evidence.suite}
    names = {place: tuple(criteria(evidence, one)) for place, one in asked.items()}
    found: dict[Stratum, set[Key]] = defaultdict(set)
    for row in evidence.records:
        one, key = asked[row.probe, row.item], (row.probe, row.item, row.reply)
        if one.chosen:
            continue
        found["slice", one.probe, one.slice, row.subject].add(key)
        for name in names[row.probe, row.item]:
            found["answer", name, "no" if row.answers.get(name, "no") == "no" else "yes"].add(key)
    place = {key: number for number, key in enumerate(ordered(set().union(*found.values()), seed))}
    return {name: sorted(keys, key=place.__getitem__) for name, keys in sorted(found.items())}


def criteria(evidence: Evidence, one: Asked) -> Iterator[str]:
    """What the replies to an item are graded for: what it requires and forbids, and what the policy bounds there.

    Not `surely_<criterion>`: it asks what the criterion asks, and no pass rests on it.
    """
    bounded = (rule.metric for rule in evidence.policy.checks if rule.probe == one.probe and rule.reaches in ("all", one.slice))  # fmt: skip
    names = {*one.required, *one.hard, *filter(None, bounded)} - {"coherent"}
    yield from sorted(name for name in names if not name.startswith(SURELY))


def ordered(keys: Collection[Key], seed: int) -> list[Key]:
    """By the random number of each."""
    return sorted(keys, key=lambda key: sha256_text(f"{seed}|{'|'.join(key)}"))


def largest(parts: Strata, rows: int) -> int:
    """How many replies each stratum may take so that at most so many are drawn in all.

    Raises:
        InputError: not even one of each.
    """
    drawn: set[Key] = set()
    for each in range(max(map(len, parts.values()), default=0)):
        drawn |= {keys[each] for keys in parts.values() if each < len(keys)}
        if len(drawn) > rows and each == 0:
            raise InputError(
                f"calibrate: --sample {rows} is too few, one reply of each stratum makes {len(drawn)}; ask for more"
            )
        if len(drawn) > rows:
            return each
    return max(map(len, parts.values()), default=0)


def drawn(parts: Strata, each: int, seed: int) -> list[Key]:
    """The sample, in an order that says nothing about strata: who labels only the first rows labels a sample too."""
    return ordered({key for keys in parts.values() for key in keys[:each]}, seed)
