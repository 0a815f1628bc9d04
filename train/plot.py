"""The loss curve of a run, and the watch's rates below it, as PNG and SVG.

Not part of what a stage signs: the curve is repeatable, the bytes hang on matplotlib's version and fonts.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

WINDOW = 0.1
"""Share of the run over which the smoothed line takes its mean, half of it to each side (so it does not lag)."""
INK, PALE = "#1f4e79", "#9dbbd6"
COLOURS = ("#1f4e79", "#c2571a", "#2a7f4f", "#7a3b8f", "#8a6d00", "#a8324a")
SUFFIX = "/pass"

Rows = Sequence[dict[str, Any]]


def draw(rows: Rows, folder: Path, title: str) -> None:
    """Write `loss.png` and `loss.svg` from the rows of `metrics.jsonl`; nothing where no loss was logged."""
    points = [(row["step"], row["loss"]) for row in rows if row.get("loss") is not None]
    if not points:
        return
    import matplotlib
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    watched = sorted({key for row in rows for key in row if key.startswith("watch/") and key.endswith(SUFFIX)})
    figure = Figure(figsize=(7.2, 6.0 if watched else 4.0), layout="constrained")
    FigureCanvasAgg(figure)
    panels = figure.subplots(2 if watched else 1, 1, sharex=True, squeeze=False)[:, 0]
    panels[0].set_title(title, loc="left", fontsize=11)
    _losses(panels[0], points)
    if watched:
        _rates(panels[1], rows, watched)
    for panel in panels:
        panel.grid(alpha=0.25)
        panel.spines[["top", "right"]].set_visible(False)
    panels[-1].set_xlabel("optimizer step")
    panels[-1].xaxis.get_major_locator().set_params(integer=True)
    with matplotlib.rc_context({"svg.hashsalt": "wellgate", "svg.fonttype": "none"}):  # no random ids; text stays text
        figure.savefig(folder / "loss.svg", metadata={"Date": None})
    figure.savefig(folder / "loss.png", dpi=130)


def smoothed(values: Sequence[float]) -> list[float]:
    """The mean of each value and its neighbours within the window; shorter at both ends."""
    half = max(1, round(WINDOW * len(values) / 2))
    windows = [values[max(0, place - half) : place + half + 1] for place in range(len(values))]
    return [sum(window) / len(window) for window in windows]


def _losses(panel: Any, points: Sequence[tuple[int, float]]) -> None:
    steps, losses = zip(*points, strict=True)
    panel.plot(steps, losses, color=PALE, linewidth=1, marker="." if len(steps) < 40 else None, label="loss")
    panel.plot(steps, smoothed(losses), color=INK, linewidth=2, label="smoothed")
    panel.set_ylabel("training loss")
    panel.legend(frameon=False)


def _rates(panel: Any, rows: Rows, watched: Sequence[str]) -> None:
    for number, key in enumerate(watched):
        points = [(row["step"], 100 * row[key]) for row in rows if key in row]
        name = key.removeprefix("watch/").removesuffix(SUFFIX)
        panel.plot(
            *zip(*points, strict=True), color=COLOURS[number % len(COLOURS)], marker="o", markersize=4, label=name
        )
    panel.set_ylim(-4, 104)
    panel.set_ylabel("watched replies that pass (%)")
    panel.legend(frameon=False)
