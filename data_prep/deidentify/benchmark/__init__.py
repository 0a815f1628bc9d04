"""Passages with marked personal data: wellgate's own benchmark, i2b2 2014 XML and TAB JSON, read into one shape."""

from __future__ import annotations

import json
import re
import xml.etree.ElementTree as ET
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from wellgate.errors import InputError

FOLDER = Path(__file__).parent
RESULTS = FOLDER / "results.json"
"""What `wellgate deid-eval` found on the locked half, when the rules were frozen."""
MARK = re.compile(r"\[([^\]\[]+)\]\(([A-Z]+)(?::([a-z-]+))?\)")


@dataclass(frozen=True)
class Gold:
    """Marked personal data at characters [start, end); `group` is the origin of a name, where it is known."""

    start: int
    end: int
    type: str
    group: str = ""


@dataclass(frozen=True)
class Passage:
    """One text with everything in it that must not survive."""

    id: str
    language: str
    text: str
    gold: tuple[Gold, ...]
    kind: str = "spans"


def read(path: Path) -> list[Passage]:
    """A file of marked passages, by its shape.

    `.jsonl` is wellgate's own format (benchmark/GUIDE.md); `.json` is TAB (Pilán et al. 2022: a list of documents with
    `text` and `annotations`; only mentions with identifier type DIRECT or QUASI count); `.xml`, or a folder of them, is
    i2b2 2014 (Stubbs & Uzuner 2015: `TEXT`, and `TAGS` with start, end and TYPE).

    Raises:
        InputError: the file cannot be read as any of these.
    """
    try:
        if path.is_dir():
            return [passage for one in sorted(path.glob("*.xml")) for passage in _i2b2(one)] or _refuse(path)
        readers = {".jsonl": _own, ".json": _tab, ".xml": _i2b2}
        return list(readers[path.suffix](path)) or _refuse(path)
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error.strerror})") from None
    except (KeyError, ValueError, TypeError, AttributeError, ET.ParseError):
        _refuse(path)
        raise


def _refuse(path: Path) -> list[Passage]:
    raise InputError(
        f"{path}: holds no marked passages; give wellgate's .jsonl (see data_prep/deidentify/benchmark/GUIDE.md), TAB .json, or i2b2 .xml"
    ) from None


def _own(path: Path) -> Iterator[Passage]:
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
        try:
            row = json.loads(line)
            text, gold = unmark(row["text"])
            yield Passage(row["id"], row["language"], text, gold, row["kind"])
        except (ValueError, KeyError, TypeError):
            raise InputError(
                f"{path}:{number}: not a marked passage; see data_prep/deidentify/benchmark/GUIDE.md"
            ) from None


def unmark(marked: str) -> tuple[str, tuple[Gold, ...]]:
    """`my sister [Ada](NAME:african)` as plain text and spans in it."""
    text, gold, last = "", [], 0
    for mark in MARK.finditer(marked):
        text += marked[last : mark.start()]
        gold.append(Gold(len(text), len(text) + len(mark[1]), mark[2], mark[3] or ""))
        text += mark[1]
        last = mark.end()
    return text + marked[last:], tuple(gold)


def _tab(path: Path) -> Iterator[Passage]:
    for document in json.loads(path.read_text(encoding="utf-8")):
        mentions: dict[tuple[int, int], Any] = {}
        for annotator in document["annotations"].values():
            for one in annotator["entity_mentions"]:
                if one["identifier_type"] in ("DIRECT", "QUASI"):
                    mentions[one["start_offset"], one["end_offset"]] = one["entity_type"]
        gold = tuple(Gold(start, end, kind) for (start, end), kind in sorted(mentions.items()))
        yield Passage(document["doc_id"], "en", document["text"], gold)


def _i2b2(path: Path) -> Iterator[Passage]:
    document = ET.parse(path).getroot()
    text, tags = document.find("TEXT"), document.find("TAGS")
    if text is None or tags is None:
        raise ValueError("no TEXT or TAGS")
    gold = [Gold(int(tag.attrib["start"]), int(tag.attrib["end"]), tag.attrib["TYPE"]) for tag in tags]
    yield Passage(path.stem, "en", text.text or "", tuple(sorted(gold, key=lambda one: one.start)))
