"""What wandb and trackio are told, by training and later by the gate: numbers, names and digests, no text, no machine.

A stage's folder keeps `trackers.json`: the run's id and all facts it was told, so that a resumed training and the
gate go on in the same run. wandb is offline unless WANDB_MODE says otherwise; trackio writes a database below `runs_dir`.
"""

from __future__ import annotations

import importlib.metadata
import os
import uuid
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from packaging.version import Version

from wellgate.errors import InputError
from wellgate.files import write_text
from wellgate.records import Frozen

FILE = "trackers.json"
PROJECT = "wellgate"
OLDEST = {"wandb": "0.20", "trackio": "0.43"}
"""Versions that are known to resume a run by its id or name."""


class Told(Frozen):
    """One run as its trackers know it."""

    report_to: tuple[str, ...]
    id: str
    name: str
    facts: dict[str, Any]


def prepare(folder: Path, section: str, report_to: Sequence[str]) -> None:
    """The named trackers are installed and new enough, or an InputError. Before anything imports them."""
    os.environ.setdefault("TRACKIO_DIR", str(folder.parent / "trackio"))  # read once, at import
    for name in report_to:
        try:
            found = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            found = "none"
        if found == "none" or Version(found) < Version(OLDEST[name]):
            raise InputError(
                f"{section}.report_to: needs {name} {OLDEST[name]} or newer, here is {found};"
                f" pip install '{name}>={OLDEST[name]}' or take it out of report_to"
            )


def begin(folder: Path, report_to: Sequence[str], facts: dict[str, Any]) -> Told:
    """The run of this stage, under the id that it had before where it began before."""
    known = read(folder)
    told = Told(
        report_to=tuple(report_to), id=known.id if known else uuid.uuid4().hex[:12], name=folder.name, facts=facts
    )
    _keep(folder, told)
    return told


def read(folder: Path) -> Told | None:
    """What the trackers of this stage were told so far; None where it was not tracked."""
    path = folder / FILE
    return Told.model_validate_json(path.read_bytes()) if path.is_file() else None


def tell(folder: Path, name: str, facts: dict[str, Any]) -> None:
    """Add a finished stage's facts to the run: wandb's summary and an artefact's metadata, trackio's config."""
    told = read(folder)
    if told is None:
        return
    told = told.model_copy(update={"facts": told.facts | {name: facts}})
    _keep(folder, told)
    if "wandb" in told.report_to:
        import wandb

        run = open_wandb(folder, told)
        run.summary.update({name: facts})
        run.log_artifact(wandb.Artifact(f"{folder.name}-{name}", type=name, metadata=facts))
        wandb.finish()
    if "trackio" in told.report_to:
        trackio = open_trackio(folder, told)
        trackio.log({f"{name}/{key}": value for key, value in facts.items() if isinstance(value, int | float)})
        trackio.finish()


def _keep(folder: Path, told: Told) -> None:
    write_text(folder / FILE, told.model_dump_json(indent=1) + "\n")


def open_wandb(folder: Path, told: Told) -> Any:
    """The wandb run that is open in this process, or opened anew under its id."""
    import wandb

    if wandb.run is not None and wandb.run.id == told.id:
        return wandb.run
    wandb.finish()  # another stage's, left open where it was stopped
    os.environ.setdefault("WANDB_SILENT", "true")
    mode: Any = os.environ.get("WANDB_MODE", "offline")
    quiet = {"console": "off", "silent": True, "disable_git": True, "save_code": False, "x_save_requirements": False}
    nobody = {"host": "", "username": "", "x_disable_meta": True, "x_disable_machine_info": True, "program": "train"}
    try:
        return wandb.init(
            project=os.environ.get("WANDB_PROJECT", PROJECT),
            mode=mode,
            dir=str(folder),
            id=told.id,
            name=told.name,
            resume="allow",
            config=told.facts,
            settings=wandb.Settings(**quiet, **nobody),
        )
    except wandb.Error as error:
        raise InputError(
            f"report_to: wandb cannot start ({type(error).__name__}); log in with `wandb login`, or set WANDB_MODE=offline"
        ) from None


def open_trackio(folder: Path, told: Told) -> Any:
    """The trackio module with this run open, its database beside the run's stages. It keeps the last config of a run."""
    prepare(folder, told.name, told.report_to)
    import trackio

    hardware = {"auto_log_cpu": False, "auto_log_gpu": False}
    trackio.init(project=PROJECT, name=told.name, config=told.facts, resume="allow", embed=False, **hardware)
    return trackio
