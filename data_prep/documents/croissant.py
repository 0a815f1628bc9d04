"""Croissant 1.0: the prepared data for machines, with the responsible-AI fields of Croissant RAI 1.0.

Formats: http://mlcommons.org/croissant/1.0 and http://mlcommons.org/croissant/RAI/1.0. `datePublished` and `url` are
left out: they are whoever's who publishes, and a date would make two equal preparations differ.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from data_prep.documents import privacy, sections
from data_prep.documents.parts import PARTS, path_of
from wellgate.files import sha256_file
from wellgate.recipe import Prepare
from wellgate.records import arrow_schema

CONFORMS_TO = ["http://mlcommons.org/croissant/1.0", "http://mlcommons.org/croissant/RAI/1.0"]
ENCODINGS = {"parquet": "application/x-parquet", "jsonl": "application/jsonlines"}
DESCRIPTIONS = {
    "train": "Conversations to train on.",
    "held_out": "Conversations of clients and authors that training never sees.",
    "preferences": "A prompt with a better and a worse reply, to train on.",
    "preferences_held_out": "Preference pairs of clients and authors that training never sees.",
    "feedback": "Conversations whose last reply somebody has judged, to train on.",
    "feedback_held_out": "Judged conversations of clients and authors that training never sees.",
}


def croissant(folder: Path, section: Prepare, counts: Mapping[str, Any], key: str) -> str:
    """JSON-LD over the parts that hold records; files by name and digest, never by place."""
    import mlcroissant as mlc

    parts = [part for part in PARTS if counts[part]]
    metadata = mlc.Metadata(
        conforms_to=CONFORMS_TO,
        name=f"wellgate-prepared-{key[:12]}",
        description=" ".join(sections.what(section, counts)),
        version=f"1.0.0+{key[:12]}",
        license=[licence_url(name) for name in sorted(counts["licences"])],
        cite_as=f"Prepared with wellgate (recipe key {key[:12]}) from: {', '.join(sections.sources(section))}. Cite these.",
        in_language=sorted(counts["languages"]),
        keywords=["mental health", "counselling", "conversation"],
        distribution=[_file(mlc, path_of(folder, part, section.format), section.format) for part in parts],
        record_sets=[_records(mlc, part, path_of(folder, part, section.format).name) for part in parts],
        **responsible(section, counts),
    )
    return json.dumps(metadata.to_json(), indent=1, ensure_ascii=False) + "\n"


def licence_url(licence: str) -> str:
    """One SPDX id as its page; an expression, or what has no page, as it is."""
    simple = not licence.startswith("LicenseRef") and licence.replace("-", "").replace(".", "").isalnum()
    return f"https://spdx.org/licenses/{licence}" if simple and any(map(str.isdigit, licence)) else licence


def _file(mlc: Any, path: Path, form: str) -> Any:
    return mlc.FileObject(
        id=path.name,
        name=path.name,
        content_url=path.name,
        content_size=f"{path.stat().st_size} B",
        encoding_formats=[ENCODINGS[form]],
        sha256=sha256_file(path),
    )


def _records(mlc: Any, part: str, file: str) -> Any:
    names = arrow_schema(PARTS[part]).names
    fields = [(_turns if name in ("messages", "prompt") else _column)(mlc, part, file, name) for name in names]
    return mlc.RecordSet(id=part, name=part, description=DESCRIPTIONS[part], key=[f"{part}/id"], fields=fields)


def _column(mlc: Any, part: str, file: str, name: str) -> Any:
    source = mlc.Source(file_object=file, extract=mlc.Extract(column=name))
    repeated = {"repeated": True} if name == "tags" else {}
    kind = mlc.DataType.BOOL if name == "desirable" else mlc.DataType.TEXT
    return mlc.Field(id=f"{part}/{name}", name=name, data_types=[kind], source=source, **repeated)


def _turns(mlc: Any, part: str, file: str, name: str) -> Any:
    """A list of turns, each with a role and what was said."""
    said = []
    for key in ("role", "content"):
        source = mlc.Source(
            file_object=file, extract=mlc.Extract(column=name), transforms=[mlc.Transform(json_path=key)]
        )
        said.append(mlc.Field(id=f"{part}/{name}/{key}", name=key, data_types=[mlc.DataType.TEXT], source=source))
    return mlc.Field(id=f"{part}/{name}", name=name, repeated=True, sub_fields=said)


def responsible(section: Prepare, counts: Mapping[str, Any]) -> dict[str, Any]:
    """The RAI properties, by mlcroissant's names for them."""
    return {
        "data_collection": "Nothing was collected by this preparation: it reads published or private sets, which document"
        " their own collection.",
        "data_collection_type": ["Secondary Data analysis"],
        "data_collection_raw_data": "; ".join(sections.sources(section)),
        "data_collection_missing_data": sections.left_out(counts),
        "data_preprocessing_protocol": sections.steps(section, counts),
        "data_annotation_protocol": ["Tags are as the sources declare them. Preparation guesses none from the text."],
        "personal_sensitive_information": privacy.personal(section, counts),
        "data_biases": sections.biases(counts),
        "data_limitations": [*sections.limits(section, counts), *sections.blocked(counts)],
        "data_use_cases": sections.uses(counts),
        "data_social_impact": sections.IMPACT,
        "data_release_maintenance_plan": sections.MAINTENANCE,
    }
