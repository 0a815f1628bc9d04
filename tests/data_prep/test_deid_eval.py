"""Marked passages in, figures out: every format, every figure by hand, and the command line."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from data_prep.deidentify.benchmark import FOLDER, Gold, Passage, read, unmark
from data_prep.deidentify.score import rate, score, worst_gap
from data_prep.deidentify.spans import Found
from wellgate.cli import main
from wellgate.errors import InputError

I2B2 = """<?xml version="1.0" encoding="UTF-8" ?>
<deIdi2b2><TEXT><![CDATA[Seen by Dr. Weston on 2067-05-03.]]></TEXT>
<TAGS><NAME id="P0" start="12" end="18" text="Weston" TYPE="DOCTOR" comment="" />
<DATE id="P1" start="22" end="32" text="2067-05-03" TYPE="DATE" comment="" /></TAGS></deIdi2b2>"""
TAB = [
    {
        "doc_id": "001-1",
        "text": "Mr Weston lives in Ellerworth and is tired.",
        "annotations": {
            "annotator1": {
                "entity_mentions": [
                    {"start_offset": 3, "end_offset": 9, "entity_type": "PERSON", "identifier_type": "DIRECT"},
                    {"start_offset": 19, "end_offset": 29, "entity_type": "LOC", "identifier_type": "QUASI"},
                    {"start_offset": 37, "end_offset": 42, "entity_type": "MISC", "identifier_type": "NO_MASK"},
                ]
            }
        },
    }
]
PASSAGES = [
    Passage("a", "en", "Ada met Bo in Lund.", (Gold(0, 3, "NAME", "african"), Gold(8, 10, "NAME", "slavic"), Gold(14, 18, "PLACE"))),
    Passage("b", "en", "I take two pills daily.", (), "clean:drug"),
    Passage("c", "en", "Call 988 now please.", (), "clean:resource"),
]  # fmt: skip
FOUND = [
    [Found(0, 3, "PLACE", 1.0), Found(8, 9, "NAME", 1.0)],
    [Found(7, 10, "NAME", 1.0)],
    [],
]


def test_every_figure_follows_from_the_spans() -> None:
    got = score(PASSAGES, FOUND, 2.0)
    assert (got["recall"]["hits"], got["recall"]["n"]) == (1, 3), "under whatever type; a letter left is a leak"
    assert (got["precision"]["hits"], got["precision"]["n"]) == (2, 3), "touching a marked span is right"
    assert (got["clean_touched"]["hits"], got["clean_touched"]["n"]) == (1, 2)
    assert (got["resources_touched"]["hits"], got["resources_touched"]["n"]) == (0, 1)
    assert got["by_type"]["NAME"]["share"] == 0.5
    assert got["by_origin"]["slavic"]["share"] == 0.0
    assert got["over_redaction_per_1000_words"] == round(1000 / 14, 2)
    assert got["kchar_per_s"] == round(sum(len(one.text) for one in PASSAGES) / 2000, 1)


@pytest.mark.parametrize(("hits", "n", "low", "high"), [(10, 10, 0.6915, 1.0), (0, 20, 0.0, 0.1684), (0, 0, 0.0, 1.0)])
def test_the_interval_is_exact(hits: int, n: int, low: float, high: float) -> None:
    got = rate(hits, n)
    assert (got.low, got.high) == (low, high)


def test_the_worst_gap_is_newcombes_interval() -> None:
    """Newcombe 1998, Table II (a): 56/70 against 48/80 gives 0.2000, 0.0524 to 0.3339."""
    gap = worst_gap({"worst": [True] * 48 + [False] * 32, "rest": [True] * 56 + [False] * 14})
    assert gap == {"group": "worst", "gap": 0.2, "low": 0.0524, "high": 0.3339}


def test_i2b2_and_tab_are_read_as_published(tmp_path: Path) -> None:
    (tmp_path / "notes").mkdir()
    (tmp_path / "notes" / "110-01.xml").write_text(I2B2)
    (tmp_path / "echr.json").write_text(json.dumps(TAB))
    (note,) = read(tmp_path / "notes")
    assert [(note.text[one.start : one.end], one.type) for one in note.gold] == [("Weston", "DOCTOR"), ("2067-05-03", "DATE")]  # fmt: skip
    (case,) = read(tmp_path / "echr.json")
    assert [case.text[one.start : one.end] for one in case.gold] == ["Weston", "Ellerworth"]


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("x.jsonl", '{"id": "a"}\n', r"x\.jsonl:1: not a marked passage"),
        ("x.jsonl", "", "holds no marked passages"),
        ("x.json", '[{"text": "ZEBRASECRET"}]', "holds no marked passages"),
        ("x.xml", "<a>ZEBRASECRET", "holds no marked passages"),
        ("x.txt", "ZEBRASECRET", "holds no marked passages"),
    ],
)
def test_a_file_that_is_none_is_one_clear_line(tmp_path: Path, name: str, content: str, message: str) -> None:
    (tmp_path / name).write_text(content)
    with pytest.raises(InputError, match=message) as error:
        read(tmp_path / name)
    assert "ZEBRASECRET" not in str(error.value)


@given(st.lists(st.tuples(st.text("abc é.", max_size=8), st.text("abcé ", min_size=1, max_size=8)), max_size=5))
def test_marks_come_off_and_leave_the_offsets(parts: list[tuple[str, str]]) -> None:
    text, gold = unmark("".join(f"{before}[{said}](NAME:african)" for before, said in parts))
    assert text == "".join(before + said for before, said in parts)
    assert [text[one.start : one.end] for one in gold] == [said for _, said in parts]


@pytest.mark.parametrize("name", ["dev.jsonl", "test.jsonl"])
def test_the_shipped_benchmark_keeps_its_promises(name: str) -> None:
    passages = read(FOLDER / name)
    assert len({one.id for one in passages}) == len(passages) >= 300
    assert sum(len(one.gold) for one in passages) >= 500
    assert sum(not one.gold for one in passages) >= 150
    assert {one.language for one in passages} == {"en", "es"}
    assert len({gold.group for one in passages for gold in one.gold if gold.group}) == 11
    assert all(one.gold == () or not one.kind.startswith("clean") for one in passages)


def test_the_two_halves_share_no_passage() -> None:
    dev, locked = ({one.text.casefold() for one in read(FOLDER / f"{name}.jsonl")} for name in ("dev", "test"))
    assert not dev & locked


def test_the_command_prints_a_table_and_writes_json(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "mine.jsonl"
    row = {"id": "a", "language": "en", "kind": "spans", "text": "My name is [Tamsin Oyelaran](NAME:african)."}
    path.write_text(json.dumps(row) + "\n")
    out = tmp_path / "figures.json"
    assert main(["deid-eval", str(path), "--system", "wellgate", "--out", str(out)]) == 0
    assert "| recall (no character leaks) | 1.000" in capsys.readouterr().out
    assert json.loads(out.read_text())["wellgate"]["recall"]["hits"] == 1


def test_what_the_rules_reached_on_the_open_half_they_still_reach() -> None:
    """A floor below the measured figures, so that a change that breaks finding is seen."""
    from data_prep.deidentify.evaluate import evaluate

    got = evaluate(FOLDER / "dev.jsonl", "wellgate")
    assert got["recall"]["share"] >= 0.92
    assert got["precision"]["share"] >= 0.9
