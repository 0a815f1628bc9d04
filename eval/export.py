"""The only way out: a clearance first, then files, report and card into a folder that appears whole."""

from __future__ import annotations

import shutil
from pathlib import Path

from eval.card import card
from eval.verify import verify
from wellgate import lineage
from wellgate.errors import InputError
from wellgate.files import write_text
from wellgate.recipe import Recipe


def export(recipe: Recipe) -> Path:
    """Write the release and return its folder.

    Raises:
        GateRefusal: nothing is written then.
        InputError: the recipe has no export section, or its folder exists.
    """
    if recipe.export is None:
        raise InputError("export: the recipe has no `export` section; add `export: {use: adapter, to: <folder>}`")
    clearance = verify(recipe)
    destination = Path(recipe.export.to)
    if destination.exists():
        raise InputError(f"export.to: {destination} exists; name a new folder")
    work = destination.with_name(f".{destination.name}.work")
    shutil.rmtree(work, ignore_errors=True)
    work.mkdir(parents=True)
    recipe.export.use.export(clearance, work)
    for name in ("report.json", "report.md", "report.html"):
        shutil.copyfile(clearance.stage.folder / name, work / name)
    write_text(work / lineage.FILE, clearance.report.lineage.model_dump_json(indent=1) + "\n")
    write_text(
        work / "README.md", card(recipe, clearance.base, clearance.report, exported=True, reviews=clearance.reviews)
    )
    work.rename(destination)
    return destination
