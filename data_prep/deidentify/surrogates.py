"""Invented data in place of real data: the same surface gets the same surrogate within a conversation, and only there.

A surrogate is picked by HMAC(secret, conversation | type | surface) from lists of invented values, so nothing of
the original can be computed from it. Dates keep their year only; phones use the 555-01xx range and addresses on
example.org that are reserved for fiction; ages of 90 and more become "90 or older" (HIPAA Safe Harbor).
"""

from __future__ import annotations

import hashlib
import hmac
import re

FIRST = (
    "Alex Ama Amir Ana Arjun Asha Ben Bao Carla Chen Dana Daniel Dina Efe Elif Emeka Erin Esra Farid Grace Hana Hugo Ines Ivan Jamal Jo Kai Kofi"
    " Lan Leila Liam Lucia Mai Maria Marta Mei Mina Musa Nadia Nia Nora Omar Pavel Priya Rafa Rania Rosa Sade Sam Sana Sofia Tariq Tessa Tomas"
    " Uma Vera Wei Yara Yusuf Zara Zoe"
).split()
LAST = (
    "Abara Adler Baker Bello Costa Demir Diaz Evans Farah Fischer Garcia Haddad Ito Jansen Kaya Kim Kovac Lim Lopez Mensah Moreau Nair Novak"
    " Okoro Park Patel Quinn Reyes Rossi Sato Silva Singh Tan Toure Varga Walsh Weber Xu Young Zhou"
).split()
PLACES = "Ashford Brookhaven Cedarville Eastmoor Fairlea Glenwick Harborton Kingsmere Lakeview Millbrook Northgate Oakridge Riverton Southfield Westbury".split()
STREETS = (
    "Maple Street",
    "Station Road",
    "Park Lane",
    "Hill Avenue",
    "Church Street",
    "River Road",
    "Garden Close",
    "Mill Lane",
)
EMPLOYERS = (
    "Northgate Logistics",
    "Brightwell Foods",
    "Harbor Print Works",
    "Cedar Home Care",
    "Lakeside Motors",
    "Fairlea Bakery",
    "Oakridge Systems",
)
SCHOOLS = (
    "Riverton High School",
    "Millbrook College",
    "Oakridge University",
    "Fairlea Primary School",
    "Northgate Academy",
    "Lakeview College",
)


def surrogate(kind: str, surface: str, conversation: str, secret: str) -> str:
    """The invented value for one piece of personal data."""
    if kind == "AGE":
        return "90 or older"
    if kind == "DATE":
        year = re.search(r"(?:19|20)\d{2}", surface)
        return year.group() if year else "that day"
    if kind == "NAME":
        return _name(surface, conversation, secret)
    number = _number(f"{conversation}|{kind}|{surface.casefold()}", secret)
    values = {
        "PLACE": PLACES[number % len(PLACES)],
        "ADDRESS": f"{number % 180 + 10} {STREETS[number % len(STREETS)]}",
        "EMPLOYER": EMPLOYERS[number % len(EMPLOYERS)],
        "SCHOOL": SCHOOLS[number % len(SCHOOLS)],
        "PHONE": f"555-01{number % 100:02d}",
        "EMAIL": f"person{number % 9000 + 1000}@example.org",
        "URL": f"https://example.org/{number % 9000 + 1000}",
        "HANDLE": f"@user{number % 9000 + 1000}",
    }
    return values.get(kind, f"ID-{number % 900000 + 100000}")


def _name(surface: str, conversation: str, secret: str) -> str:
    """Word by word, so that `Ada Obi` and `Ada` stay one person; lower case stays lower case."""
    words = surface.split()
    lists = [FIRST] + [LAST] * (len(words) - 1)
    chosen = []
    for word, values in zip(words, lists, strict=True):
        name = values[_number(f"{conversation}|NAME|{word.casefold()}", secret) % len(values)]
        chosen.append(name.lower() if word.islower() else name)
    return " ".join(chosen)


def _number(message: str, secret: str) -> int:
    return int.from_bytes(hmac.new(secret.encode(), message.encode(), hashlib.sha256).digest()[:8])
