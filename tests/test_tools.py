"""The tools beside the recipe commands, as a person meets them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from data_prep.prepare import prepare
from wellgate.cli import main
from wellgate.recipe import load


@pytest.fixture
def files(tmp_path: Path) -> tuple[str, str]:
    said = [f"I cannot sleep because number {n} keeps ringing in my head every single night" for n in range(6)]
    for name, rows in (("a", said[:4]), ("b", said[3:])):
        lines = [json.dumps({"id": f"{name}{n}", "question": text}) + "\n" for n, text in enumerate(rows)]
        (tmp_path / f"{name}.jsonl").write_text("".join(lines))
    return str(tmp_path / "a.jsonl"), str(tmp_path / "b.jsonl")


def test_leaks_counts_and_names_rows_but_shows_no_text(
    files: tuple[str, str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "leaks.json"
    assert main(["leaks", *files, "--out", str(out)]) == 0
    said = capsys.readouterr().out
    assert "b0 = a3" in said
    assert "ringing" not in said + out.read_text()
    assert json.loads(out.read_text())["comparisons"][0]["rows_b"] == 3


def test_leaks_of_a_missing_file_is_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["leaks", "nowhere.csv", "nothing.csv"]) == 2
    assert len(capsys.readouterr().err.strip().splitlines()) == 1


def test_show_prints_the_essence_of_prepared_data_and_text_only_when_asked(
    write_recipe: Any, talk: Any, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    prepare(load(write_recipe([talk(number) for number in range(20)], near_duplicates=None)))
    (folder,) = (tmp_path / "runs" / "tiny").glob("prepare-*")
    capsys.readouterr()
    assert main(["show", str(folder)]) == 0
    quiet = capsys.readouterr().out
    assert main(["show", str(folder), "--text", "2"]) == 0
    assert "about sleep" not in quiet
    assert capsys.readouterr().out.count("about sleep") == 2
