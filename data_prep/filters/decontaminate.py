"""Leave out records that hold an evaluation item: the gate must not ask what a model was trained on.

Every probe of `eval/probes/` is looked for, and every file of items that the recipe names (`data_prep/decontaminate.py`).
"""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from wellgate.plugins import Filter
from wellgate.run import ROOT

if TYPE_CHECKING:
    from pyarrow import Table

PROBES = ROOT / "eval" / "probes"


class Decontaminate(Filter):
    against: list[str] = []
    """More files of items: csv, jsonl, parquet or txt; `items.csv:question` names the column."""

    def files(self) -> dict[str, Path]:
        from data_prep.decontaminate import split_name

        own = {f"probes/{path.name}": path for path in sorted(PROBES.glob("*.jsonl"))}
        return own | {f"{at}/{Path(name).name}": split_name(name)[0] for at, name in enumerate(self.against)}

    def apply(self, table: Table) -> Table:
        """The reason names the items by their ids."""
        from data_prep.table import drop, texts

        found = _index(tuple(map(str, sorted(PROBES.glob("*.jsonl")))), tuple(self.against)).collisions(texts(table))
        reasons = [f"holds an evaluation item of {', '.join(ids[:3])}" if ids else None for ids in found]
        return drop(table, "decontaminate", reasons)


@cache
def _index(probes: tuple[str, ...], against: tuple[str, ...]) -> Any:
    from data_prep.decontaminate import Index, items

    return Index(items([*probes, *against]))
