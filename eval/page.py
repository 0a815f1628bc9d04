"""report.html: the report as one page that needs no network, for a phone, a screen reader, light or dark."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from eval.dimensions import DIMENSIONS, untested
from eval.report import SERVED, measured_on, origin, told
from eval.tier import TIERS, said
from wellgate import lineage
from wellgate.records import Check, GateReport

TEMPLATE = Path(__file__).with_name("report.html.j2")
WIDTH, HEIGHT, MIDDLE = 240, 28, 14
REACH = 0.5
"""Differences from the base are drawn from -REACH to +REACH."""


def html(report: GateReport) -> str:
    """The page; everything from the report is escaped."""
    from jinja2 import Environment, StrictUndefined

    environment = Environment(autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)
    template = environment.from_string(TEMPLATE.read_text(encoding="utf-8"))
    tested = {one.dimension for one in report.checks}
    return template.render(
        report=report,
        tier=TIERS[report.tier],
        served=SERVED,
        said=said,
        measured_on=measured_on,
        origin=origin(report).replace("`", ""),
        plot=plot,
        titles=DIMENSIONS,
        untested=untested(tested),
        told=told,
        lineage=[line.removeprefix("- ") for line in lineage.lines(report.lineage) if line],
    )


def plot(one: Check) -> dict[str, Any]:
    """Where the marks of a check's interval stand, in units of the drawing, and the same in words."""
    paired = one.base is None
    limit = float(one.rule.split()[-1])
    start, end = (-REACH, REACH) if paired else (0.0, 1.0)

    def x(value: float) -> float:
        share = (min(max(value, start), end) - start) / (end - start)
        return round(4 + share * (WIDTH - 8), 1)

    base = "" if one.base is None else f"base {one.base:.2f}, "
    return {
        "width": WIDTH,
        "height": HEIGHT,
        "middle": MIDDLE,
        "low": x(one.low),
        "high": x(one.high),
        "value": x(one.value),
        "limit": x(limit),
        "zero": x(0.0) if paired else None,
        "base": None if one.base is None else x(one.base),
        "words": f"{base}tuned {one.value:.2f}, bounds {one.low:.2f} to {one.high:.2f}; {one.rule}",
    }
