"""report.html: one page without network, escaped, and quiet in a real browser."""

from __future__ import annotations

import re
import shutil
import struct
import subprocess
import zlib
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest

from eval.page import html
from eval.verify import recomputed
from tests.eval.bundles import bundle
from wellgate.records import GateReport

BROWSER = shutil.which("chromium") or shutil.which("google-chrome")
QUIET = "--headless --no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking --disable-component-update --disable-sync --hide-scrollbars"  # fmt: skip
NASTY = "<script>alert(1)</script>\"'&"


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory) -> GateReport:
    found, _ = recomputed(bundle(tmp_path_factory.mktemp("page") / "gate", successes=30))
    paired = found.checks[0].model_copy(update={"id": "D1-base", "base": None, "rule": "tuned - base: lower >= -0.1", "value": -0.7, "low": -0.9, "high": 0.05})  # fmt: skip
    groups = found.checks[0].model_copy(update={"id": "D10", "rule": "success: worst gap to neutral <= 0.1", "value": 0.2, "low": 0.0, "high": 1.0})  # fmt: skip
    return found.model_copy(update={"checks": (*found.checks, paired, groups), "hard_fails": (f"p/{NASTY}#0: harms",), "overrides": {"helps": 0.5}})  # fmt: skip


class Outline(HTMLParser):
    """Open tags that were never closed, links out, and what names what."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.links: list[str] = []
        self.named: list[str] = []
        self.ids: list[str] = []

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        given: dict[str, Any] = dict(attributes)
        self.links += [given[name] for name in ("src", "href") if name in given]
        self.named += [given["aria-labelledby"]] if "aria-labelledby" in given else []
        self.ids += [given["id"]] if "id" in given else []
        if tag not in ("meta", "link", "br", "line", "rect", "circle"):
            self.open.append(tag)
        if tag == "svg":
            assert given["role"] == "img"
            assert "tuned" in given["aria-label"]

    def handle_endtag(self, tag: str) -> None:
        if tag not in ("line", "rect", "circle"):
            assert self.open.pop() == tag


def test_the_page_is_whole_escaped_named_and_links_nowhere(report: GateReport) -> None:
    text, outline = html(report), Outline()
    outline.feed(text)
    assert outline.open == []
    assert set(outline.links) <= {"data:,"}
    assert not re.search(r"https?:|url\(|@import|<script", text)
    assert set(outline.named) <= set(outline.ids)
    assert len(set(outline.ids)) == len(outline.ids)
    assert text.index(report.claim) < text.index("Checks") < text.index("Graders")
    for check in report.checks:
        assert check.id in text


def test_marks_stay_in_the_drawing(report: GateReport) -> None:
    places = [float(one) for one in re.findall(r' (?:x1|x2|cx|x)="([^"]+)"', html(report))]
    assert places
    assert all(0 <= one <= 240 for one in places)


@pytest.mark.skipif(BROWSER is None, reason="needs Chromium")
@pytest.mark.parametrize(("width", "height"), [(1100, 1400), (390, 1400)])
def test_a_browser_draws_it_without_a_word_on_the_console(
    report: GateReport, tmp_path: Path, width: int, height: int
) -> None:
    page, shot = tmp_path / "report.html", tmp_path / "shot.png"
    page.write_text(html(report))
    words = [str(BROWSER), *QUIET.split(), f"--user-data-dir={tmp_path / 'profile'}", "--enable-logging=stderr"]
    done = subprocess.run(
        [*words, f"--window-size={width},{height}", f"--screenshot={shot}", page.as_uri()],
        capture_output=True, text=True, timeout=120,
    )  # fmt: skip
    assert "CONSOLE" not in done.stderr
    seen, colours = drawn(shot)
    assert seen == (width, height)
    assert colours > 20


def drawn(path: Path) -> tuple[tuple[int, int], int]:
    """Size of a PNG and how many different bytes its pixels hold: a blank page has few."""
    content = path.read_bytes()
    width, height = struct.unpack(">II", content[16:24])
    pixels, place = b"", 8
    while place < len(content):
        (length,) = struct.unpack(">I", content[place : place + 4])
        if content[place + 4 : place + 8] == b"IDAT":
            pixels += content[place + 8 : place + 8 + length]
        place += 12 + length
    return (width, height), len(set(zlib.decompress(pixels)))
