"""The coverage as one picture. The same figures give the same bytes, on any machine with the same Matplotlib."""

from __future__ import annotations

import io
import warnings
from collections import Counter
from typing import Any

from data_prep.documents.coverage import LEVELS
from data_prep.documents.markdown import ordered, printable

TOPICS = ("topic", "theme", "condition", "problem", "emotion")
KINDS = {
    "conversations": ("train", "held_out", "feedback", "feedback_held_out"),
    "pairs": ("preferences", "preferences_held_out"),
}
COLOURS = {"conversations": "#2f6f8f", "pairs": "#d99a4e"}
BARS, FEWEST = 12, 6
"""Values that a panel shows, and for how many it leaves room."""
LABEL = 28
"""Characters of a label that are shown."""
STYLE = {
    "svg.hashsalt": "wellgate",
    "svg.fonttype": "none",
    "font.family": ["DejaVu Sans"],
    "font.size": 8,
    "axes.spines.top": False,
    "axes.spines.right": False,
}
Bars = list[tuple[str, dict[str, int]]]


def svg(coverage: dict[str, Any]) -> str:
    """Six panels: length, turns, severity, topics, groups, sources; conversations and pairs in two colours."""
    import matplotlib
    from matplotlib.figure import Figure

    with matplotlib.rc_context(), warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Glyph .* missing from font")
        matplotlib.rcdefaults()
        matplotlib.rcParams.update(STYLE)
        figure = Figure(figsize=(11, 6.5), layout="constrained")
        for axes, (title, bars) in zip(figure.subplots(2, 3).flat, _panels(coverage).items(), strict=True):
            _draw(axes, title, bars)
        figure.legend(*figure.axes[0].get_legend_handles_labels(), loc="outside lower center", ncols=2, frameon=False)
        stream = io.StringIO()
        figure.savefig(stream, format="svg", metadata={"Date": None, "Creator": None})
    return stream.getvalue()


def _panels(coverage: dict[str, Any]) -> dict[str, Bars]:
    dimensions = coverage["dimensions"]
    severity = [(level, _kinds(dimensions["severity"]["values"].get(level, {}))) for level in LEVELS]
    return {
        "words": _histogram(coverage["words"]),
        "turns": _histogram(coverage["turns"]),
        "severity level": severity if any(sum(kinds.values()) for _, kinds in severity) else [],
        "topics": _top([dimensions[name]["values"] for name in TOPICS if name in dimensions]),
        "declared groups": _top([dimensions["groups"]["values"]]),
        "sources": _top([dimensions["source"]["values"]]),
    }


def _kinds(parts: dict[str, int]) -> dict[str, int]:
    return {kind: sum(parts.get(part, 0) for part in names) for kind, names in KINDS.items()}


def _histogram(summaries: dict[str, Any]) -> Bars:
    found = {part: summary.get("histogram", {}) for part, summary in summaries.items()}
    labels = next((list(bins) for bins in found.values() if bins), [])
    return [(label, _kinds({part: bins.get(label, 0) for part, bins in found.items()})) for label in labels]


def _top(tables: list[dict[str, dict[str, int]]]) -> Bars:
    """The most frequent values of several dimensions; the rest is named by how many there are."""
    totals = Counter(
        {(place, value): sum(parts.values()) for place, one in enumerate(tables) for value, parts in one.items()}
    )
    named = {f"{value}\0{place}": many for (place, value), many in totals.items()}
    bars: Bars = []
    for key, _ in ordered(named)[:BARS]:
        value, place = key.split("\0")
        bars.append((value, _kinds(tables[int(place)][value])))
    return bars


def _draw(axes: Any, title: str, bars: Bars) -> None:
    axes.set_title(title)
    if not bars:
        axes.text(0.5, 0.5, "not stated", ha="center", va="center", transform=axes.transAxes)
        axes.set_axis_off()
    left = [0] * len(bars)
    for kind, colour in COLOURS.items():
        widths = [kinds[kind] for _, kinds in bars]
        axes.barh(range(len(bars)), widths, left=left, color=colour, label=kind)
        left = [before + width for before, width in zip(left, widths, strict=True)]
    for label in axes.set_yticks(range(len(bars)), [_short(value) for value, _ in bars]):
        label.label1.set_parse_math(False)  # a tag may hold a dollar sign
    axes.set_ylim(max(len(bars), FEWEST) - 0.5, -0.5)


def _short(value: str) -> str:
    shown = printable(value)
    return shown if len(shown) <= LABEL else shown[: LABEL - 1] + "…"
