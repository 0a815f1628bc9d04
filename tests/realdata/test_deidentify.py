"""An independent check of de-identification: sentences by others (presidio-research, MIT), filled with invented values."""

from __future__ import annotations

import random
import re
from pathlib import Path

import pytest

from data_prep.deidentify import names
from data_prep.deidentify.benchmark import Gold, Passage
from data_prep.deidentify.evaluate import SYSTEMS, measure

TEMPLATES = Path(__file__).resolve().parents[2].parent / "shared" / "data" / "presidio-research" / "templates.txt"
SLOT = re.compile(r"\{\{(\w+)\}\}")
pytestmark = [
    pytest.mark.realdata,
    pytest.mark.skipif(not TEMPLATES.exists(), reason="needs ../shared"),
]
FIXED = {
    "credit_card_number": ["4111 1111 1111 1111", "5500005555555559", "4012888888881881"],
    "iban": ["GB33BUKB20201555555555", "DE89370400440532013000"],
    "ssn": ["536-90-4399", "219-09-9999"],
    "us_driver_license": ["D1234562", "S530-4601-2345"],
    "ip_address": ["203.0.113.9", "198.51.100.23"],
    "phone_number": ["202-555-0143", "(312) 555-0148", "+44 7700 900123", "0117 496 0338"],
    "email": ["ada.obi@example.org", "t.b@quillmark.example.com"],
    "url": ["www.adasblog.example.com", "https://quill.example.net/x"],
    "postcode": ["60614"],
    "zipcode": ["60614", "94110-1234"],
    "building_number": ["14", "208"],
    "address": ["14 Maple Grove Road", "208 Tamarisk Row, Apt 4"],
    "street_name": ["Marram Street", "Wexcombe Road"],
    "secondary_address": ["Apt 4", "Flat 9"],
    "city": ["Ellerworth", "Brookhaven", "Mesa Tordilla", "Harrowmere"],
    "organization": ["Calder Tile", "Northgate Pallets", "Quillmark Analytics"],
    "company": ["Calder Tile", "Northgate Pallets", "Quillmark Analytics"],
    "date_time": ["14 June 2021", "March 3rd, 2019"],
    "date": ["14 June 2021", "03/04/2022", "March 3rd, 2019"],
    "date_of_birth": ["14 June 1981", "03/04/1972"],
}
KEPT = {
    "country": ["Ireland", "Mexico"], "nationality": ["Irish", "Mexican"], "nation_man": ["Irishman"], "nation_woman": ["Irishwoman"],
    "nation_plural": ["Mexicans"], "state": ["Ohio"], "state_abbr": ["OH"], "prefix": ["Dr."], "prefix_male": ["Mr."], "prefix_female": ["Ms."],
    "job": ["nurse"], "time": ["3 pm"], "age": ["34"], "religion": ["Buddhist"], "year": ["2019"], "day_of_week": ["Tuesday"]
}  # fmt: skip


def value(slot: str, rng: random.Random) -> tuple[str, str]:
    """What stands in a slot, and its type; no type where it may stay."""
    if slot in KEPT:
        return rng.choice(KEPT[slot]), ""
    if slot in FIXED:
        return rng.choice(FIXED[slot]), slot.upper()
    group = names.by_origin()[rng.choice(sorted(names.by_origin()))]
    kind = "male" if "male" in slot and "female" not in slot else "female"
    first, last = rng.choice(group[kind]), rng.choice(group["last"])
    return (last if "last" in slot else first if "first" in slot else f"{first} {last}"), "NAME"


def passages(seed: int) -> list[Passage]:
    rng = random.Random(seed)
    found = []
    known = {*FIXED, *KEPT, "person", "name", "name_male", "name_female", "first_name", "last_name"}
    for number, template in enumerate(TEMPLATES.read_text(encoding="utf-8", errors="replace").splitlines()):
        template = template.replace("\\n", "\n")
        slots = SLOT.findall(template)
        if not template.strip() or not {slot for slot in slots if not slot.startswith(("first_", "last_"))} <= known:
            continue
        text, gold, last = "", [], 0
        for slot in SLOT.finditer(template):
            text += template[last : slot.start()]
            said, kind = value(slot[1], rng)
            if kind:
                gold.append(Gold(len(text), len(text) + len(said), kind))
            text += said
            last = slot.end()
        found.append(Passage(str(number), "en", text + template[last:], tuple(gold)))
    return found


def test_ours_finds_far_more_than_presidio_as_it_comes() -> None:
    some = passages(0)
    assert len(some) > 150
    ours, theirs = (measure(some, SYSTEMS[system]) for system in ("wellgate", "presidio"))
    print({system: (one["recall"], one["precision"]) for system, one in (("wellgate", ours), ("presidio", theirs))})
    assert ours["recall"]["low"] > theirs["recall"]["high"]
    assert ours["recall"]["share"] > 0.884, "what hand rules, an own finder and the small model reached before"
