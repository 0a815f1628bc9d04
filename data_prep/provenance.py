"""What the stage knows, as entries of the ledger (`ledger.py`): sources and steps once, then every record."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pyarrow as pa

from data_prep import ledger
from wellgate import __version__
from wellgate.files import sha256_text
from wellgate.recipe import Prepare
from wellgate.records import Rejected
from wellgate.run import Stage, git_state

PUBLIC = "wellgate"
"""Salt where the recipe names no secret: digests then show changes, and hide nothing from who guesses a text."""


def salt(section: Prepare) -> str:
    """The secret of the surrogates, if the recipe names one."""
    variables = [name for step in section.filters if (name := getattr(step, "secret_from", None))]
    return os.environ[variables[0]] if variables else PUBLIC


def header(stage: Stage, section: Prepare, sources: dict[str, int]) -> ledger.Header:
    """Sources, by the name in their records, with the digests of their files; the steps with version, configuration, commit."""
    files: dict[str, dict[str, str]] = {}
    for source, number in sources.items():
        mark = f"{number}/"
        files[source] = {name[len(mark) :]: digest for name, digest in stage.inputs.items() if name.startswith(mark)}
    commit = str(git_state().get("commit", ""))
    configs: dict[str, object] = {"read": section.sources, "dedup": (section.near_duplicates, section.same_meaning)}
    configs |= {one.use: one for one in section.filters}
    steps = tuple(
        ledger.Step(name=name, version=__version__, config=_digest(configs.get(name)), commit=commit)
        for name in names(section)
    )
    return ledger.Header(sources=files, steps=steps, recipe=stage.key, salt=ledger.salt_id(salt(section)))


def names(section: Prepare) -> list[str]:
    """The steps in order, by the names that reasons begin with."""
    return ["read", "withdrawal", "dedup", *(step.use for step in section.filters), "preferences"]


def _digest(config: object) -> str:
    return sha256_text(repr(config))


def never_read(row: Rejected) -> ledger.Entry:
    """A row that became no record: what is known is where it stood and why it is out."""
    return ledger.Entry(
        id=row.id,
        source=row.source,
        licence="",
        consent="",
        scope=(),
        withdrawal="",
        steps=("read",),
        digest="",
        dropped=f"{row.step}: {row.reason}",
    )


def kept_or_dropped(rows: pa.Table, section: Prepare) -> Iterator[ledger.Entry]:
    """Entries with the digest of the finished text; what was left out, before it was finished, has none."""
    for entry in ledger.entries(rows, names(section), salt(section)):
        yield entry.model_copy(update={"digest": ""}) if entry.dropped else entry
