"""Quasi-identifiers: what a conversation tells of its user that others may know too, as one row of coarse classes.

Read from user turns, by rules for English, and only where people speak of themselves: "I'm a 34 year old nurse" counts, "my
sister is a nurse" does not. What is not told is the empty string. Run it on de-identified text: names of people and
places are surrogates by then, what remains is what de-identification cannot see.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable

import pyarrow as pa

from data_prep.risk import circumstances, family, windows, words
from data_prep.risk.age import age_and_gender

QUASI_IDENTIFIERS = ("age", "gender", "relationship", "children", "occupation", "place", "setting", "origin", "event")
SENSITIVE = "condition"
"""What an attacker wants to learn, and may know."""
SCHEMA = pa.schema(
    [
        ("id", pa.string()),
        ("group", pa.string()),
        ("said", pa.int64()),
        ("read", pa.bool_()),
        *((name, pa.string()) for name in (*QUASI_IDENTIFIERS, SENSITIVE)),
    ]
)
"""`said`: a hash of the first user turn, so that one story under several answers counts as one person; never written.
`read`: whether the rules read the language."""
LONGEST = 20_000
"""Characters of a user's text that are read: a longer one is a document, and its first pages tell who wrote it."""


def tuples(rows: pa.Table) -> pa.Table:
    """One tuple for each row that no step has left out. A pure map: `data_prep/table.py`'s shape to `SCHEMA`."""
    found = []
    for row in rows.select(["id", "group", "language", "turns", "dropped"]).to_pylist():
        if row["dropped"] is None:
            said = [turn["content"] for turn in row["turns"] if turn["role"] == "user"]
            read = (row["language"] or "").lower().split("-")[0] == "en"
            found.append(
                {"id": row["id"], "group": row["group"], "said": _hash(said), "read": read}
                | dict.fromkeys((*QUASI_IDENTIFIERS, SENSITIVE), "")
                | (extract(said) if read else {})
            )
    return pa.Table.from_pylist(found, schema=SCHEMA)


def extract(said: Iterable[str]) -> dict[str, str]:
    """The tuple of one person, from all that the person said."""
    text = plain("\n".join(said)[:LONGEST])
    own = [phrase for window in windows.windows(text) for phrase in windows.phrases(window)]
    age, gender = age_and_gender(text)
    partners, children, conditions = family.partners(text), family.children(text), circumstances.conditions(text)
    return {
        "age": age or windows.first_said("age", own),
        "gender": gender or windows.gender(own),
        "relationship": windows.first(words.RELATIONSHIP_ORDER, windows.of("relationship", own) | partners),
        "children": windows.first(words.CHILDREN_ORDER, windows.of("children", own) | children),
        "occupation": windows.first_said("occupation", own) or circumstances.workplace(text),
        "place": circumstances.place(text, circumstances.countries()),
        "setting": circumstances.place(text, words.SETTING),
        "origin": "+".join(sorted(windows.of("origin", own))),
        "event": circumstances.event(text),
        SENSITIVE: "+".join(sorted(windows.of(SENSITIVE, own) | conditions)),
    }


def plain(text: str) -> str:
    """Lower case with straight apostrophes, and the set phrases that hold a preposition as one word."""
    text = text.lower().replace("’", "'")
    for phrase, word in (
        ("stay at home", "stay-at-home"),
        ("out of work", "unemployed"),
        ("between jobs", "unemployed"),
    ):
        text = text.replace(phrase, word)
    return text


def _hash(said: list[str]) -> int:
    first = " ".join(said[0].casefold().split()) if said else ""
    return int.from_bytes(hashlib.blake2b(first.encode("utf-8", "surrogatepass"), digest_size=8).digest(), signed=True)
