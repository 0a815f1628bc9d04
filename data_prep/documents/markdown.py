"""Figures as Markdown. What comes from a source (tags, consents) is shown as text and never as markup."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence

LONGEST = 40
"""Rows of a table of counts. What is rarer is summed up in one more row."""
MARKUP = re.compile(r"([\\`*\[\]|]|(?<!\w)_|_(?!\w))")


def printable(text: str) -> str:
    """On one line, without control characters: nothing that a terminal or an SVG file would obey."""
    return "".join(letter if letter.isprintable() else " " for letter in text)


def plain(text: object) -> str:
    """Text that means itself in Markdown and HTML."""
    return MARKUP.sub(r"\\\1", printable(str(text))).replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def number(value: float | None) -> str:
    """`1,234`, `0.05`; nothing known is a dash."""
    return "–" if value is None else f"{value:,}"


def share(part: float, whole: float) -> str:
    """`12.5 %`; of nothing it is a dash."""
    return f"{100 * part / whole:.1f} %" if whole else "–"


def listed(counts: Mapping[str, int]) -> str:
    """`a (1), b (2)`, or nothing."""
    shown = ", ".join(f"{plain(name)} ({number(many)})" for name, many in ordered(counts)[:LONGEST])
    rest = len(counts) - LONGEST
    return shown + (f", and {number(rest)} more" if rest > 0 else "")


def ordered(counts: Mapping[str, int]) -> list[tuple[str, int]]:
    """The most frequent first; equals by name."""
    return sorted(counts.items(), key=lambda pair: (-pair[1], pair[0]))


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> list[str]:
    """Cells are Markdown already."""
    body = [f"| {' | '.join(row)} |" for row in rows]
    return [f"| {' | '.join(head)} |", "|---" * len(head) + "|", *body] if body else ["None."]


def counted(name: str, counts: Mapping[str, int]) -> list[str]:
    """A table of counts."""
    pairs = ordered(counts)
    rows = [(plain(key), number(many)) for key, many in pairs[:LONGEST]]
    if rest := pairs[LONGEST:]:
        rows.append((f"{number(len(rest))} more", number(sum(many for _, many in rest))))
    return table((name, "number"), rows)


def bullets(lines: Iterable[str]) -> list[str]:
    return [f"- {line}" for line in lines]
