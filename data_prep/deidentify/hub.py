"""A larger name finder from the Hub or a folder, whose spans come on top of the built-in ones; also for other languages."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field, model_validator

from wellgate.errors import InputError
from wellgate.records import Frozen

COMMIT = re.compile(r"[0-9a-f]{40}")
LABELS = {
    "PER": "NAME", "PERSON": "NAME", "LOC": "PLACE", "LOCATION": "PLACE", "GPE": "PLACE", "ORG": "EMPLOYER", "ORGANIZATION": "EMPLOYER",
    "name": "NAME", "person": "NAME", "address": "ADDRESS", "location": "PLACE", "organization": "EMPLOYER", "school": "SCHOOL",
    "phone number": "PHONE", "email": "EMAIL", "date of birth": "DATE", "social security number": "ID",
}  # fmt: skip


class Hub(Frozen):
    """Which model, and what its labels mean here."""

    recognizer: Literal["huggingface", "gliner"] = "huggingface"
    """A token classifier of transformers, or a GLiNER model (needs the package gliner)."""
    model: str
    """A folder, or a Hub id."""
    revision: str | None = None
    """Hub: the 40-digit commit."""
    languages: Annotated[list[str], Field(min_length=1)] = ["en"]
    """What it reads. A language that only it reads is let through on its word."""
    labels: dict[str, str] = LABELS
    """The model's labels as the span types of data_prep/deidentify/benchmark/GUIDE.md."""
    threshold: Annotated[float, Field(ge=0, le=1)] = 0.5
    """Confidence from which a span counts."""

    @model_validator(mode="after")
    def _pinned(self) -> Hub:
        if not Path(self.model).is_dir() and not COMMIT.fullmatch(self.revision or ""):
            raise ValueError(
                f"{self.model} is no folder; for a Hub model name its commit as `revision` (40 hex digits)"
            )
        return self


def recognizer(hub: Hub, language: str) -> Any:
    """Presidio's recogniser for this model.

    Raises:
        InputError: the model or its package is not there.
    """
    from presidio_analyzer import predefined_recognizers as stock

    shared: dict[str, Any] = {
        "supported_entities": sorted(set(hub.labels.values())),
        "supported_language": language,
        "model_name": _folder(hub),
        "threshold": hub.threshold,
    }
    try:
        if hub.recognizer == "gliner":
            return stock.GLiNERRecognizer(entity_mapping=hub.labels, **shared)
        return stock.HuggingFaceNerRecognizer(label_mapping=hub.labels, device="cpu", **shared)
    except ImportError:
        raise InputError(f"deidentify.hub: {hub.recognizer} is not installed; `pip install {hub.recognizer}`") from None
    except (OSError, ValueError) as error:
        raise InputError(
            f"deidentify.hub: {hub.model}: no {hub.recognizer} model ({type(error).__name__}); name a whole folder or a Hub commit"
        ) from None


def _folder(hub: Hub) -> str:
    if Path(hub.model).is_dir():
        return hub.model
    from huggingface_hub import snapshot_download

    try:
        return str(snapshot_download(hub.model, revision=hub.revision))
    except Exception as error:
        raise InputError(
            f"deidentify.hub: {hub.model} cannot be fetched ({type(error).__name__}); name a local folder, or try again with a network"
        ) from None
