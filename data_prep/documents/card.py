"""The dataset card: `README.md` as the Hugging Face Hub reads it, with metadata in front.

Metadata keys: https://github.com/huggingface/hub-docs/blob/main/datasetcard.md; licence ids:
https://huggingface.co/docs/hub/repositories-licenses; sections after the Hub's own card template.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import yaml

from data_prep.documents import privacy, sections
from data_prep.documents.coverage import basis
from data_prep.documents.markdown import bullets, plain
from wellgate.recipe import Prepare

HUB_LICENCES = frozenset(
    "apache-2.0 mit afl-3.0 artistic-2.0 bsl-1.0 bsd-2-clause bsd-3-clause c-uda cc0-1.0 cc-by-2.0 cc-by-2.5 cc-by-3.0"
    " cc-by-4.0 cc-by-sa-3.0 cc-by-sa-4.0 cc-by-nc-2.0 cc-by-nc-3.0 cc-by-nc-4.0 cc-by-nd-4.0 cc-by-nc-nd-3.0"
    " cc-by-nc-nd-4.0 cc-by-nc-sa-2.0 cc-by-nc-sa-3.0 cc-by-nc-sa-4.0 cdla-sharing-1.0 cdla-permissive-1.0"
    " cdla-permissive-2.0 ecl-2.0 epl-1.0 epl-2.0 etalab-2.0 eupl-1.1 agpl-3.0 gfdl gpl-2.0 gpl-3.0 lgpl-2.1 lgpl-3.0"
    " isc mpl-2.0 odc-by odbl osl-3.0 postgresql unlicense zlib pddl".split()
)
RENAMED = {"odc-by-1.0": "odc-by", "odbl-1.0": "odbl", "pddl-1.0": "pddl", "gfdl-1.3": "gfdl"}
SIZES = ("n<1K", "1K<n<10K", "10K<n<100K", "100K<n<1M", "1M<n<10M", "10M<n<100M", "100M<n<1B")


def card(section: Prepare, counts: Mapping[str, Any], key: str) -> str:
    """YAML front matter and Markdown."""
    front = yaml.safe_dump(metadata(section, counts), sort_keys=False, allow_unicode=True)
    return f"---\n{front}---\n\n" + "\n".join(_body(section, counts, key)) + "\n"


def metadata(section: Prepare, counts: Mapping[str, Any]) -> dict[str, Any]:
    """The front matter, as the Hub and `datasets.load_dataset` read it."""
    return {
        "pretty_name": "Conversations about mental health, prepared by wellgate",
        "language": sorted({language.partition("-")[0].lower() for language in counts["languages"]}),
        **licence(counts["licences"]),
        "size_categories": [size(sections.total(counts))],
        "task_categories": ["text-generation"],
        "tags": tags(section, counts),
        "configs": configs(counts, section.format),
    }


def licence(licences: Mapping[str, int]) -> dict[str, Any]:
    """The Hub's ids where it has one for each licence, else `other`; terms stand in the card's text."""
    found = sorted({hub_licence(name) for name in licences})
    if "other" in found:
        return {"license": "other", "license_name": "terms-of-the-sources"}
    return {"license": found[0] if len(found) == 1 else found}


def hub_licence(spdx: str) -> str:
    """`CC-BY-4.0` is `cc-by-4.0` on the Hub; what it does not list is `other`."""
    if spdx in ("NONE", "NOASSERTION"):
        return "unknown"
    name = spdx.lower().removesuffix("-only").removesuffix("-or-later")
    name = RENAMED.get(name, name)
    return name if name in HUB_LICENCES else "other"


def size(records: int) -> str:
    """The Hub's name for this order of magnitude."""
    return SIZES[min(sum(records >= 10**power for power in range(3, 9)), len(SIZES) - 1)]


def tags(section: Prepare, counts: Mapping[str, Any]) -> list[str]:
    kinds = {basis(consent) for consent in counts["consent"]}
    return [
        "mental-health",
        "counseling",
        "conversational",
        "wellgate",
        *(["preference", "dpo"] if counts["preferences"] else []),
        *(["feedback", "kto"] if counts["feedback"] else []),
        *(["de-identified"] if privacy.deidentified(section, counts) else []),
        *(["synthetic"] if kinds == {"synthetic"} else []),
    ]


def configs(counts: Mapping[str, Any], form: str) -> list[dict[str, Any]]:
    """One configuration a kind of record; empty files are left out, since nothing can be loaded from them."""
    kinds = {
        "conversations": {"train": "train", "test": "held_out"},
        "preferences": {"train": "preferences", "test": "preferences_held_out"},
        "feedback": {"train": "feedback", "test": "feedback_held_out"},
    }
    files = {
        kind: [{"split": split, "path": f"{part}.{form}"} for split, part in parts.items() if counts[part]]
        for kind, parts in kinds.items()
    }
    named = [{"config_name": kind, "data_files": some} for kind, some in files.items() if some]
    return [one | {"default": True} if place == 0 else one for place, one in enumerate(named)]


def _body(section: Prepare, counts: Mapping[str, Any], key: str) -> list[str]:
    parts = {
        "What it is": [*sections.what(section, counts), "", f"Recipe key: `{key}`."],
        "Sources": bullets(plain(source) for source in sections.sources(section)),
        "Parts": sections.composition(counts),
        "Licence and consent": sections.terms(counts),
        "De-identification": privacy.deidentification(section, counts),
        "Who could be recognised": privacy.risk(counts),
        "What assistants said": sections.hygiene(section, counts),
        "Duplicates and evaluation items": [sections.left_out(counts), "", *sections.duplicates(counts)],
        "Coverage": ["![Coverage](coverage.svg)", "", *sections.coverage(counts)],
        "Use": bullets(sections.uses(counts)),
        "Limits": [*bullets(sections.limits(section, counts)), "", sections.IMPACT],
        "Before publishing": [sections.publish(), "", sections.MAINTENANCE],
        "More": ["[Datasheet](DATASHEET.md), [Croissant](croissant.json), [coverage](coverage.json)"],
    }
    lines = ["# Conversations about mental health, prepared by wellgate", "", *_warning(counts)]
    for title, said in parts.items():
        lines += [f"## {title}", "", *said, ""]
    return lines[:-1]


def _warning(counts: Mapping[str, Any]) -> list[str]:
    blocked = counts["terms"]["blocks_release"]
    said = f"> **Not for release.** {len(blocked)} term{'s' * (len(blocked) != 1)} of the sources forbid it; see below."
    return [said, ""] if blocked else []
