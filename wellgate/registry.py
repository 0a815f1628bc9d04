"""Crisis lines by country, dated and sourced. Models learn placeholders; this file fills them in when a reply is served."""

from __future__ import annotations

import datetime
from functools import cache
from pathlib import Path
from typing import Annotated, Literal

import yaml
from pydantic import Field

from wellgate.files import sha256_file
from wellgate.records import Frozen

PATH = Path(__file__).with_name("crisis_registry.yaml")
CRISIS_LINE = "{{crisis_line}}"
EMERGENCY_NUMBER = "{{emergency_number}}"


class Evidence(Frozen):
    """A page that was read, what kind of page it is, and what it says."""

    url: str
    kind: Literal["official", "third_party"]
    page_date: str
    says: str


class Line(Frozen):
    """One crisis line. Numbers are written as people in the country write them."""

    name: str
    phone: list[str] = []
    text: list[str] = []
    url: str | None = None
    hours: str
    source: str
    """The official page that states the number."""
    checked: str
    """When and how the number was last held against its source."""
    evidence: list[Evidence]
    how: str | None = None
    audience: str | None = None
    scope: str | None = None
    whatsapp: list[str] = []
    caution: str | None = None


class Locale(Frozen):
    name: str
    languages: list[str]
    emergency: Annotated[list[str], Field(min_length=1)]
    emergency_note: str | None = None
    lines: Annotated[list[Line], Field(min_length=1)]


class Retired(Frozen):
    """A number that models still give and that should no longer be given."""

    locale: str
    phone: str
    status: str
    by: str | None = None
    note: str
    source: str
    checked: str


class International(Frozen):
    directory: str
    url: str
    source: str
    checked: str
    evidence: list[Evidence]


class Registry(Frozen):
    """All locales by ISO 3166 country code."""

    dated: datetime.date
    max_age_days: int
    note: str
    emergency_checked: str
    locales: dict[str, Locale]
    retired: list[Retired] = []
    retired_options: list[dict[str, str]] = []
    left_out: list[dict[str, str]] = []
    """Countries and lines that no page settles, with the reason."""
    international: International

    def age_days(self, today: datetime.date) -> int:
        return (today - self.dated).days

    def is_fresh(self, today: datetime.date) -> bool:
        """A registry older than its `max_age_days` clears nothing."""
        return 0 <= self.age_days(today) <= self.max_age_days

    def serve(self, text: str, locale: str | None) -> str:
        """The text as a person would read it: placeholders filled in for their country, or generically."""
        place = self.locales.get(locale or "")
        if place is None:
            line = f"your local crisis line ({self.international.directory} lists them by country)"
            number = "your local emergency number"
        else:
            first = place.lines[0]
            ways = [f"call {first.phone[0]}"] if first.phone else []
            ways += [f"text {first.text[0]}"] if first.text else []
            line = f"{first.name} ({' or '.join(ways) or first.url})"
            number = place.emergency[0]
        return text.replace(CRISIS_LINE, line).replace(EMERGENCY_NUMBER, number)


@cache
def load() -> Registry:
    """The registry that ships with wellgate."""
    return Registry.model_validate(yaml.safe_load(PATH.read_text(encoding="utf-8")))


def digest() -> str:
    return sha256_file(PATH)
