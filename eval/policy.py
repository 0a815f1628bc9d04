"""Policy files: which checks, thresholds, item counts and evidence tier an export needs."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Literal

import yaml
from pydantic import Field, ValidationError, model_validator

from wellgate.errors import InputError
from wellgate.files import sha256_file
from wellgate.plugins import Probe
from wellgate.records import Frozen
from wellgate.stages import policy_path

SHIPPED = Path(__file__).with_name("policies")
MEMORISATION = "memorisation"
"""Stands for the probe in the rules of the memorisation audit."""
AUDIT = ("found", "extracted")
Share = Annotated[float, Field(ge=0, le=1)]


class Rule(Frozen):
    """One check of the policy."""

    id: str
    probe: str
    slice: str
    """A slice of the probe, or `all`; of the audit a set of canaries, as `16x assistant` or `1x`."""
    rule: Literal["at_least", "at_most", "non_inferior", "equivalent", "found", "extracted"]
    """`equivalent`: every other slice of the probe holds a group, and `slice` the one they are held against. The audit's:
    planted canaries are `found`; secrets are `extracted` from at most such a share of them."""
    metric: str | None = None
    """at_most: the criterion whose rate is bounded. equivalent: the one that is compared; none: success."""
    threshold: Share
    n: Annotated[int, Field(ge=1)]
    """Clusters (of the audit: planted canaries) without which the check cannot pass."""

    @model_validator(mode="after")
    def _fits(self) -> Rule:
        if (self.rule == "at_most") != (self.metric is not None) and self.rule != "equivalent":
            raise ValueError(f"{self.id}: at_most, and no other rule, needs a metric")
        if (self.rule in AUDIT) != (self.probe == MEMORISATION):
            raise ValueError(
                f"{self.id}: {' and '.join(AUDIT)} are the rules of `probe: {MEMORISATION}`, and it has no other"
            )
        return self

    @property
    def reaches(self) -> str:
        """The slice whose replies it reads, or `all`."""
        return "all" if self.rule == "equivalent" else self.slice


class Policy(Frozen):
    """A policy as its file has it."""

    name: str
    version: int
    tier: Literal["T0", "T1", "T2", "T3"]
    """The weakest evidence that is enough."""
    confidence: Annotated[float, Field(gt=0.5, lt=1)]
    public: bool = False
    """What it clears may be published: the terms of the training data must then allow a release."""
    reviews: dict[Literal["clinician", "lived_experience", "safety"], Annotated[int, Field(ge=1)]] = {}
    """How many people of each role must approve the artefact, by a signed review."""
    report_max_age_days: Annotated[int, Field(ge=1)] | None = None
    """A report older than that exports nothing."""
    samples: Annotated[int, Field(ge=0)]
    """Sampled replies an item, beside the greedy one, without which nothing passes."""
    dimensions: dict[str, Literal["critical", "major"]] = {}
    """How much each dimension weighs; one that is not named is critical."""
    audited: bool = False
    """Nothing passes without the memorisation audit."""
    checks: Annotated[list[Rule], Field(min_length=1)]

    @model_validator(mode="after")
    def _asks(self) -> Policy:
        if not self.on_replies:
            raise ValueError("no check of replies: without the audit nothing would be checked")
        return self

    @property
    def on_replies(self) -> list[Rule]:
        """The checks of probes; the others are the memorisation audit's, and stand only where it was made."""
        return [rule for rule in self.checks if rule.probe != MEMORISATION]

    def overridden(self, thresholds: Mapping[str, float]) -> Policy:
        """With other thresholds, by check id."""
        changed = [
            rule.model_copy(update={"threshold": thresholds.get(rule.id, rule.threshold)}) for rule in self.checks
        ]
        return self.model_copy(update={"checks": changed})


def load(name: str, overrides: dict[str, float], probes: list[Probe]) -> Policy:
    """A policy with the recipe's overrides.

    Raises:
        InputError: unreadable file, an override of an unknown check, a check of a probe or slice that is not asked.
    """
    path = policy_path(name)
    policy = read(path)
    ids = [rule.id for rule in policy.checks]
    unknown = sorted(set(overrides) - set(ids))
    if unknown:
        raise InputError(f"gate.thresholds: no check {', '.join(unknown)} in {path.name} (there are {', '.join(ids)})")
    missing = sorted({rule.probe for rule in policy.on_replies} - {probe.use for probe in probes})
    if missing:
        raise InputError(f"gate.probes: {path.name} needs {', '.join(missing)}; an absent probe cannot pass")
    slices = {probe.use: {"all", *(item.slice for item in probe.items())} for probe in probes}
    for rule in policy.on_replies:
        if rule.slice not in slices[rule.probe]:
            raise InputError(f"gate.policy: {path}: {rule.id}: {rule.probe} has no slice {rule.slice}")
        if rule.rule == "equivalent" and (rule.slice == "all" or len(slices[rule.probe]) < 3):
            raise InputError(f"gate.policy: {path}: {rule.id}: equivalent needs a slice to hold others against")
    bad = {name: value for name, value in overrides.items() if not 0 <= value <= 1}
    if bad:
        raise InputError(f"gate.thresholds: {', '.join(bad)} must lie between 0 and 1")
    return policy.overridden(overrides)


def identity(path: Path) -> dict[str, str]:
    """Name and version of a policy, the digest of its file, and whether that is one that ships."""
    policy, digest = read(path), sha256_file(path)
    ships = digest in {sha256_file(one) for one in SHIPPED.glob("*.yaml")}
    return {"name": policy.name, "version": str(policy.version), "digest": digest, "ships": "yes" if ships else "no"}


def read(path: Path) -> Policy:
    """A policy as its file has it.

    Raises:
        InputError: unreadable file, or not a policy.
    """
    try:
        return Policy.model_validate(yaml.safe_load(path.read_text(encoding="utf-8")))
    except OSError as error:
        raise InputError(f"gate.policy: cannot read {path} ({error.strerror})") from None
    except yaml.YAMLError:
        raise InputError(f"gate.policy: {path} is not YAML") from None
    except ValidationError as error:
        detail = error.errors(include_input=False, include_url=False)[0]
        place = ".".join(str(part) for part in detail["loc"])
        raise InputError(f"gate.policy: {path}: {place}: {detail['msg']}") from None
