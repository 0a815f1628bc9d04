"""Base, then SFT, then DPO or KTO as one object: written by each training stage, checked by whoever builds on it.

A stage's `lineage.json` is one of its signed outputs. It says by digest what the adapter beside it was made from.
"""

from __future__ import annotations

from pathlib import Path

from pydantic import ValidationError

from wellgate.base import Base
from wellgate.errors import InputError
from wellgate.files import sha256_files, sha256_lines, write_text
from wellgate.model import ADAPTER, ADAPTER_CONFIG
from wellgate.recipe import Recipe
from wellgate.records import Lineage, Step
from wellgate.run import Stage
from wellgate.stages import planned

FILE = "lineage.json"
DATA = {"sft": "train", "dpo": "preferences", "kto": "feedback"}
"""Stage to its input that is data."""


def origin(recipe: Recipe, base: Base) -> Lineage:
    """The base alone."""
    quantization = recipe.model.model_dump(mode="json").get("quantization")
    return Lineage(base=base.name, revision=base.revision, weights=base.digest, quantization=quantization)


def served(where: str) -> Lineage:
    """Of a model that is served: nothing of it is known but where it answers."""
    return Lineage(base=f"served: {where}", revision=None, weights="not known")


def adapter_digest(folder: Path) -> str:
    """SHA-256 over sorted lines `sha256  name` of an adapter's two files."""
    return sha256_files((name, folder / name) for name in (ADAPTER, ADAPTER_CONFIG))


def write(stage: Stage, before: Lineage) -> None:
    """The lineage of the adapter that the stage has just saved."""
    step = Step.model_validate(
        {
            "stage": stage.name,
            "key": stage.key,
            "data": stage.inputs[DATA[stage.name]],
            "adapter": adapter_digest(stage.folder / "adapter"),
        }
    )
    after = before.model_copy(update={"steps": (*before.steps, step)})
    write_text(stage.folder / FILE, after.model_dump_json(indent=1) + "\n")


def read(stage: Stage, before: Lineage) -> Lineage:
    """The lineage of a finished stage, which must continue `before` and end with the files that stand there.

    Raises:
        InputError: what does not chain.
    """
    manifest = stage.require("run `wellgate train` first")
    path = stage.folder / FILE
    try:
        found = Lineage.model_validate_json(path.read_bytes())
    except (OSError, ValidationError):
        raise _broken(stage, f"{FILE} is missing or damaged") from None
    for name in ("base", "revision", "weights", "quantization"):
        if getattr(found, name) != getattr(before, name):
            raise _broken(stage, f"it was trained on another base ({name} differs)")
    *earlier, last = found.steps or (None,)
    if tuple(earlier) != before.steps:
        raise _broken(stage, "it continues another adapter than the one before it")
    if last is None or (last.stage, last.key) != (stage.name, stage.key):
        raise _broken(stage, f"{FILE} is that of another stage")
    if last.data != stage.inputs[DATA[stage.name]]:
        raise _broken(stage, "it was trained on other data")
    signed = {name: manifest.outputs.get(f"adapter/{name}", "") for name in (ADAPTER, ADAPTER_CONFIG)}
    if last.adapter != sha256_lines(signed) or not _same(last.adapter, stage.folder / "adapter"):
        raise _broken(stage, "its adapter was changed or is missing since it was trained")
    return found


def _same(digest: str, folder: Path) -> bool:
    try:
        return adapter_digest(folder) == digest
    except OSError:
        return False


def trained(recipe: Recipe, base: Base) -> Lineage:
    """The lineage of the recipe's result, checked link by link from the base on.

    Raises:
        InputError: a stage is missing, or does not chain.
    """
    found = origin(recipe, base)
    for stage_of in planned(recipe):
        found = read(stage_of(recipe, base), found)
    return found


def lines(lineage: Lineage) -> list[str]:
    """For people: one line for the base and one for each stage."""
    revision = f" at `{lineage.revision}`" if lineage.revision else ""
    quantized = f", quantised as {lineage.quantization}" if lineage.quantization else ""
    return [
        f"- base: `{lineage.base}`{revision}{quantized}, files `{lineage.weights}`",
        *(f"- {one.stage}: key `{one.key}`, data `{one.data}`, adapter `{one.adapter}`" for one in lineage.steps),
    ]


def _broken(stage: Stage, why: str) -> InputError:
    return InputError(f"{stage.folder}: the lineage does not chain: {why}; delete this folder and train again")
