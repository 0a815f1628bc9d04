"""The documents of prepared data: datasheet, dataset card, Croissant, coverage as tables and as a picture.

All of them are made from counts and labels; no text of a record stands in any. The same data gives the same bytes.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from data_prep.documents.residual import measured, residual_leaks
from wellgate.files import write_text
from wellgate.recipe import Prepare

__all__ = ["FILES", "measured", "residual_leaks", "write"]
FILES = ("DATASHEET.md", "README.md", "coverage.json", "coverage.svg", "croissant.json")


def write(folder: Path, section: Prepare, counts: Mapping[str, Any], key: str) -> list[str]:
    """Write all documents into the folder of the finished parts, and return their names.

    `counts` are the manifest's, `key` is the stage's.

    Raises:
        InputError: a part is missing or damaged.
    """
    from data_prep.datasheet import datasheet  # it stands on this package
    from data_prep.documents.card import card
    from data_prep.documents.coverage import coverage
    from data_prep.documents.croissant import croissant
    from data_prep.documents.plots import svg

    found = coverage(folder, section.format)
    facts = {"residual_leaks": residual_leaks(counts, measured())} | dict(counts) | {"coverage": found}
    texts = (
        datasheet(section, facts),
        card(section, facts, key),
        json.dumps(found, indent=1, ensure_ascii=False) + "\n",
        svg(found),
        croissant(folder, section, facts, key),
    )
    for name, text in zip(FILES, texts, strict=True):
        write_text(folder / name, text)
    return list(FILES)
