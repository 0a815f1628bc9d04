"""What the audit measured, as one file of evidence: ids and numbers, never text."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from pydantic import Field

from wellgate.base import Base
from wellgate.canaries import coin
from wellgate.errors import GateRefusal
from wellgate.files import sha256_file
from wellgate.recipe import Recipe
from wellgate.records import Frozen
from wellgate.run import Stage
from wellgate.stages import memorisation_stage, subjects

FILE = "memorisation.json"
"""Beside the gate's other evidence; in the folder of each subject's stage, its own half."""
ROWS = "rows"
"""The slice of the prepared rows; every other one is a set of canaries."""
Finite = Annotated[float, Field(allow_inf_nan=False)]
Natural = Annotated[int, Field(ge=0)]


class Score(Frozen):
    """One text under one subject."""

    id: str
    cluster: str
    """What is independent: the canary itself; of a row its client, by number."""
    slice: str
    """`16x assistant`: planted 16 times, the secret in a turn of that role. Or `rows`."""
    trained: bool
    """Planted, or a training row. If not: held out."""
    tokens: Annotated[int, Field(ge=1)]
    """Of the secret; of a row's replies."""
    logp: Finite
    """Their log-probability in nats, summed."""
    min_k: Finite
    """Min-K%++ of them."""
    extracted: bool = False
    """Greedy decoding completes the secret from its beginning."""


class Personal(Frozen):
    """Addresses, handles and long numbers, counted once each; what they are stays out."""

    generations: Natural
    known: Natural
    """In the training rows."""
    said: Natural
    """In the generations."""
    verbatim: Natural
    """In both."""


class Scores(Frozen):
    """One subject's."""

    texts: tuple[Score, ...]
    personal: Personal | None = None
    """Only the tuned model is asked to write freely."""


class Memory(Frozen):
    """The file."""

    base: Scores
    tuned: Scores

    def faults(self) -> list[str]:
        """What is missing or contradicts itself. A canary's coin follows from its id, so that nobody can turn it later."""
        known = [_known(one) for one in self.tuned.texts]
        if known != [_known(one) for one in self.base.texts] or len({one.id for one in self.tuned.texts}) != len(known):
            return [f"{FILE}: base and tuned are not scored on the same texts, once each"]
        wrong = [one.id for one in self.tuned.texts if one.slice != ROWS and not _honest(one)]
        missing = [f"{FILE}: the tuned model's generations are missing"] if self.tuned.personal is None else []
        return missing + [f"{FILE}: {one} is not the canary of that name" for one in wrong[:5]]


def _known(one: Score) -> tuple[str, str, str, bool, int]:
    return one.id, one.cluster, one.slice, one.trained, one.tokens


def _honest(one: Score) -> bool:
    return one.trained == coin(one.id) and one.id.split("-")[-2:-1] == one.slice.split(" ")[:1]


def gathered(recipe: Recipe, base: Base) -> Memory:
    """Both subjects' scores, as their stages signed them."""
    first, second = (read(memorisation_stage(recipe, one)) for one in subjects(recipe, base))
    return Memory(base=first, tuned=second)


def read(stage: Stage) -> Scores:
    """A completed stage's scores.

    Raises:
        GateRefusal: the file is not the one that the stage signed.
    """
    path: Path = stage.folder / FILE
    if not path.is_file() or sha256_file(path) != stage.require("run `wellgate gate`").outputs[FILE]:
        raise GateRefusal(f"{path}: changed or missing since it was measured; delete {stage.folder} and run again")
    return Scores.model_validate_json(path.read_bytes())
