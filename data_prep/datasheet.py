"""A datasheet for the prepared data: what is in it, where it came from, what was done, what is not known.

The questions are those of Gebru et al. 2021, "Datasheets for Datasets" (doi:10.1145/3458723), in their order.
"""

from __future__ import annotations

from typing import Any

from data_prep import preferences
from data_prep.documents import privacy, sections
from data_prep.documents.markdown import bullets, counted, number, plain
from wellgate.recipe import Prepare


def datasheet(section: Prepare, counts: dict[str, Any]) -> str:
    """Markdown, from counts alone. `residual_leaks` and `coverage` among them are shown where they are there."""
    parts = {
        "Motivation": [*sections.what(section, counts), "", *bullets(sections.uses(counts))],
        "Composition": sections.composition(counts),
        "Coverage": sections.coverage(counts),
        "Collection": _collection(section),
        "Licence and consent": sections.terms(counts),
        "What was left out": [sections.left_out(counts), "", *counted("reason", counts["rejected"])],
        "Duplicates and evaluation items": sections.duplicates(counts),
        "De-identification": privacy.deidentification(section, counts),
        "Who could be recognised": privacy.risk(counts),
        "What assistants said": sections.hygiene(section, counts),
        "Preferences": preferences.markdown(counts["preference_balance"]),
        "Split": [sections.split(section)],
        "Uses and limits": [*bullets(sections.limits(section, counts)), "", sections.IMPACT],
        "Distribution": [sections.publish()],
        "Maintenance": [sections.MAINTENANCE, "", *_ledger(counts)],
    }
    lines = ["# Datasheet of the prepared data", ""]
    for title, said in parts.items():
        lines += [f"## {title}", "", *said, ""]
    return "\n".join(lines)


def _collection(section: Prepare) -> list[str]:
    said = "Nothing was collected for this: it is made of the sources below. How they were collected, who was asked and who"
    return [
        f"{said} was paid stands in their own papers.",
        "",
        *bullets(plain(one) for one in sections.sources(section)),
    ]


def _ledger(counts: dict[str, Any]) -> list[str]:
    found = counts["ledger"]
    return [
        f"The ledger names every row that was read: {number(found['entries'])} entries, chained, the last hash `{found['hash']}`."
    ]
