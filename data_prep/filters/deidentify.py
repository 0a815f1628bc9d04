"""Replace personal data in every turn, of both roles, by surrogates (to train on) or by tags (for people who review).

Both roles, because text that is masked from the loss is still memorised. English and Spanish: a record in another
language is left out with its reason, never passed through as it is.
"""

from __future__ import annotations

import hmac
import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, ClassVar, Literal

from pydantic import Field, model_validator

from data_prep.deidentify import detect
from data_prep.deidentify.hub import Hub
from data_prep.deidentify.propagate import propagate_names
from data_prep.deidentify.spans import Found
from data_prep.deidentify.surrogates import Surrogates
from wellgate import registry
from wellgate.files import files_below
from wellgate.plugins import Filter

if TYPE_CHECKING:
    from pyarrow import Table


FOLDER = Path(detect.__file__).parent
IGNORED = {"__pycache__", "training", "dev.jsonl", "test.jsonl"}
"""What makes the finder and measures it, and decides nothing here."""


class Deidentify(Filter):
    packages: ClassVar[tuple[str, ...]] = detect.PACKAGES

    render: Literal["surrogates", "tags"] = "surrogates"
    """Invented values, or `[NAME_1]`."""
    secret_from: str | None = None
    """Environment variable that holds the key of the surrogates. Without one the key is public: nothing can be computed
    back from a surrogate, but who guesses an original can test the guess."""
    hub: Hub | None = None
    """A larger name finder beside the built-in ones."""
    year: Annotated[int, Field(ge=1900, le=2999)] = 2026
    """When the data set is made: a year that tells an age above 89 is taken out."""

    @model_validator(mode="after")
    def _has_its_secret(self) -> Deidentify:
        if self.secret_from and not os.environ.get(self.secret_from):
            raise ValueError(
                f"the environment variable {self.secret_from} is not set; put the key of the surrogates there"
            )
        return self

    def files(self) -> dict[str, Path]:
        """Finder, lists, registry, a local larger finder, and the measured quality that the data's documents state."""
        own = [path for path in FOLDER.rglob("*") if path.is_file() and path.suffix not in (".py", ".pyc", ".md")]
        found = {path.relative_to(FOLDER).as_posix(): path for path in own if not IGNORED & set(path.parts)}
        hub = Path(self.hub.model) if self.hub else None
        found |= {f"hub/{name}": path for name, path in files_below(hub).items()} if hub and hub.is_dir() else {}
        return found | {registry.PATH.name: registry.PATH}

    def digests(self) -> dict[str, str]:
        """Of the secret: another one gives other surrogates."""
        if not self.secret_from:
            return {}
        return {
            "secret": hmac.digest(os.environ[self.secret_from].encode(), b"wellgate stage key", "sha256").hex()[:12]
        }

    def apply(self, table: Table) -> Table:
        from data_prep.table import drop, languages, texts, with_column, with_texts

        spoken = languages(table)
        ids, said = table["id"].to_pylist(), texts(table)
        new, spans = list(said), [list[dict[str, object]]() for _ in said]
        read = detect.languages(self.hub)
        for language in read:
            rows = [row for row, one in enumerate(spoken) if one == language]
            found = detect.detect([text for row in rows for text in said[row]], language, self.hub)
            for row in rows:
                known = propagate_names(said[row], [next(found) for _ in said[row]], language)
                values = self._values(ids[row], language)
                new[row] = [_replaced(text, some, values) for text, some in zip(said[row], known, strict=True)]
                spans[row] = [_noted(number, one) for number, some in enumerate(known) for one in some]
        reason = f"reads {', '.join(read)} only"
        refused = [None if one in read else reason for one in spoken]
        return drop(with_column(with_texts(table, new), "spans", spans), "deidentify", refused)

    def _values(self, id: str, language: str) -> Callable[[str, str], str]:
        if self.render == "tags":
            return Tags().tag
        secret = os.environ[self.secret_from] if self.secret_from else "wellgate"
        return Surrogates(id, secret, self.year, language).surrogate


class Tags:
    """Numbered tags of one conversation: the same surface gets the same number."""

    def __init__(self) -> None:
        self.numbers: dict[str, dict[str, int]] = {}

    def tag(self, kind: str, surface: str) -> str:
        known = self.numbers.setdefault(kind, {})
        return f"[{kind}_{known.setdefault(surface.casefold(), len(known) + 1)}]"


def _replaced(text: str, found: Sequence[Found], value: Callable[[str, str], str]) -> str:
    """From left to right, so that who comes first is served first."""
    parts, last = [], 0
    for one in found:
        parts += [text[last : one.start], value(one.type, text[one.start : one.end])]
        last = one.end
    return "".join([*parts, text[last:]])


def _noted(message: int, one: Found) -> dict[str, object]:
    return {"message": message, "start": one.start, "end": one.end, "type": one.type}
