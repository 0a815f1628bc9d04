"""What two people said of a run's own replies, bound to the run: `calibration.json`. Digests and labels, no text.

The 2x2 tables are recomputed from it and the records, never stored as such: `verify` needs no trust in them.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from pydantic import Field, ValidationError

from eval.sample import Key, criteria, drawn, strata
from wellgate.errors import InputError
from wellgate.records import Frozen, OwnReplies

if TYPE_CHECKING:
    from eval.evidence import Evidence
    from eval.stats.own import OwnLabels
    from wellgate.plugins import Probe

Label = bool | None
Pair = tuple[Label, Label]


class Rated(Frozen):
    """One reply, and what each rater said of it."""

    probe: str
    item: str
    reply: str
    """Digest of its text."""
    labels: dict[str, Pair]
    """Criterion of the guide to both labels; null: none was given."""

    @property
    def key(self) -> Key:
        return self.probe, self.item, self.reply


class Calibration(Frozen):
    """The labels of one sample of one artefact's run."""

    artefact: str
    """Digest of the tuned model's files."""
    base: str
    """Digest of the base's weights."""
    seed: int
    each: Annotated[int, Field(ge=1)]
    """Replies that every stratum took."""
    raters: tuple[str, str]
    guide: str
    """Digest of the guide that they had."""
    parts: dict[str, tuple[str, ...]]
    """Graded criterion to the guide's criteria that decide it: it is there where any of them is."""
    rated: tuple[Rated, ...]


@dataclass(frozen=True)
class Calibrated:
    """A criterion's grader against the raters."""

    labels: OwnLabels
    raters: OwnReplies


def read(path: Path) -> Calibration:
    """A calibration file.

    Raises:
        InputError: missing, damaged, or something else.
    """
    try:
        return Calibration.model_validate_json(path.read_bytes())
    except OSError as error:
        raise InputError(f"gate.calibration: cannot read {path} ({error.strerror})") from None
    except ValidationError:
        raise InputError(f"gate.calibration: {path} is not a calibration; `wellgate calibrate` writes one") from None


def tables(found: Calibration, evidence: Evidence) -> dict[str, Calibrated]:
    """Every criterion that both raters labelled on at least one reply that was drawn for it, in agreement or not.

    Raises:
        InputError: the labels are of another artefact, of other replies, or of other answers.
    """
    require_current(found, evidence)
    parts = strata(evidence, found.seed)
    rated = {one.key: one for one in found.rated}
    if len(rated) != len(found.rated) or set(rated) != set(drawn(parts, found.each, found.seed)):
        raise stale("was drawn from other replies, or from other answers of the graders")
    names = sorted({name for kind, name, *_ in parts if kind == "answer"})
    if not set(names) <= set(found.parts):
        raise stale("has other criteria than this policy and suite")
    known = {}
    for name in names:
        said = {word: parts.get(("answer", name, word), []) for word in ("yes", "no")}
        pairs = {
            word: [_of(rated[key], found.parts[name]) for key in keys[: found.each]] for word, keys in said.items()
        }
        one = Calibrated(_labels(said, pairs), _raters([pair for alike in pairs.values() for pair in alike]))
        if one.raters.drawn > one.raters.unlabelled:
            known[name] = one
    return known


def parts(evidence: Evidence, probes: Sequence[Probe]) -> dict[str, tuple[str, ...]]:
    """Each criterion that people can label, to the guide's criteria that decide it."""
    from eval import quality
    from wellgate.grading import metric

    graders = {probe.use: metric(probe.metric)[0] for probe in probes}
    asked = [(one.probe, name) for one in evidence.suite if not one.chosen for name in criteria(evidence, one)]
    return {name: quality.parts(graders[probe], name) for probe, name in sorted(set(asked))}


def unfounded(evidence: Evidence) -> list[str]:
    """Tables of own replies that do not follow from the labels and the records."""
    from eval.stats.own import OwnLabels

    own = {name: one for name, one in evidence.graders.items() if isinstance(one, OwnLabels)}
    try:
        found = tables(evidence.calibration, evidence) if evidence.calibration else {}
    except InputError as error:
        return [str(error)]
    if own != {name: one.labels for name, one in found.items()}:
        return ["graders.json: its tables of own replies do not follow from calibration.json and records.jsonl"]
    return []


def require_current(found: Calibration, evidence: Evidence) -> None:
    """That the labels are of this artefact's own replies."""
    tuned, base = evidence.facts.subjects["tuned"], evidence.facts.subjects["base"]
    if (found.artefact, found.base) != (tuned.get("artefact"), base.get("weights")):
        raise stale(f"is of another model ({found.artefact[:12]}, and this is {tuned['artefact'][:12]})")


def stale(why: str) -> InputError:
    return InputError(f"gate.calibration: the calibration {why}; run `wellgate calibrate` on this run")


def _of(one: Rated, parts: tuple[str, ...]) -> Pair:
    """Both raters' labels of a graded criterion; none where one of its parts has none."""
    first, second = zip(*(one.labels.get(part, (None, None)) for part in parts), strict=True)
    return _any(first), _any(second)


def _any(labels: tuple[Label, ...]) -> Label:
    return None if None in labels else any(labels)


def _agreed(pairs: list[Pair]) -> Iterator[bool]:
    yield from (first for first, second in pairs if first is not None and first == second)


def _labels(said: dict[str, list[Key]], pairs: dict[str, list[Pair]]) -> OwnLabels:
    from eval.stats.own import OwnLabels

    yes, no = list(_agreed(pairs["yes"])), list(_agreed(pairs["no"]))
    return OwnLabels(len(said["yes"]), len(yes), sum(yes), len(said["no"]), len(no), sum(no))


def _raters(pairs: list[Pair]) -> OwnReplies:
    from eval.stats.graders import agreement

    alpha = agreement([[first for first, _ in pairs], [second for _, second in pairs]])
    missing = sum(None in pair for pair in pairs)
    return OwnReplies(
        drawn=len(pairs),
        unlabelled=missing,
        disagreements=len(pairs) - missing - len(list(_agreed(pairs))),
        alpha=None if alpha is None else round(alpha, 4),
    )
