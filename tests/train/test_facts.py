"""Run facts: every step once, tokens counted as they are, a curve that can be read."""

from __future__ import annotations

import json
import xml.etree.ElementTree
from collections.abc import Callable
from itertools import count as counting
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch

from train import dpo, facts, plot, sft
from train.labels import IGNORED

Fresh = Callable[[str], list[str]]
STAGES = {"sft": sft, "dpo": dpo}


def place(arguments: list[str], stage: str) -> Path:
    (found,) = Path(arguments[-1].removeprefix("runs_dir=")).glob(f"tiny/{stage}-*")
    return found


def counts(folder: Path) -> dict[str, Any]:
    return dict(json.loads((folder / "manifest.json").read_text())["counts"])


def test_a_run_leaves_its_facts(
    fresh: Fresh, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """One epoch under a clock that ticks once a step: tokens per second are then the tokens of each step."""
    ticks = counting()
    monkeypatch.setattr(facts, "time", SimpleNamespace(monotonic=lambda: float(next(ticks))))
    run = fresh("runs")
    assert [sft.main([*run]), dpo.main(["--set", "dpo.max_steps=3", *run])] == [0, 0]
    for stage, steps, supervised in (("sft", 6, "supervised_tokens"), ("dpo", 3, None)):
        folder = place(run, stage)
        rows = facts.read(folder / "metrics.jsonl")
        assert [row["step"] for row in rows] == list(range(1, steps + 1))
        total = {name: sum(row[f"{name}_tokens_per_second"] for row in rows) for name in facts.COUNTED}
        assert total["real"] == counts(folder)["tokens"]
        assert (
            total["supervised"] == counts(folder)[supervised] if supervised else 0 < total["supervised"] < total["real"]
        )
        assert total["padded"] > total["real"]
        for row in rows:
            assert {"loss", "learning_rate", "grad_norm", "epoch"} <= row.keys()
            assert 50 < row["peak_memory_mib"] < 100_000
        assert [row["eta_seconds"] for row in rows] == [float(steps - row["step"]) for row in rows]
        assert [row["seconds"] for row in rows] == [float(row["step"]) for row in rows]
        assert rows[0]["loss"] == counts(folder)["first_loss"]
        assert sorted(json.loads((folder / "manifest.json").read_text())["outputs"]) == [
            "adapter/adapter_config.json",
            "adapter/adapter_model.safetensors",
            "lineage.json",
            *(["preferences.json"] if stage == "dpo" else []),
        ]
        picture = (folder / "loss.png").read_bytes()
        assert picture.startswith(b"\x89PNG")
        assert len(picture) > 5000
    said = capsys.readouterr().out
    assert "sft: step 2/6, loss " in said
    assert " 2 s, about 4 s to go" in said


BATCHES: dict[str, tuple[dict[str, Any], list[int]]] = {
    "padded": ({"input_ids": [[1, 2, 3], [4, 0, 0]], "attention_mask": [[1, 1, 1], [1, 0, 0]], "labels": [[IGNORED, 2, 3], [IGNORED] * 3]}, [4, 6, 2]),
    "packed": ({"input_ids": [[1, 2, 3, 4]], "position_ids": [[0, 1, 0, 1]], "labels": [[IGNORED, 2, IGNORED, 4]]}, [4, 4, 2]),
    "pairs": ({"input_ids": [[1, 2], [1, 3]], "attention_mask": [[1, 1], [1, 1]], "completion_mask": [[0, 1], [0, 1]]}, [4, 4, 2]),
    "unpaired": ({"KL_input_ids": [[1, 2, 3]], "KL_attention_mask": [[1, 1, 1]], "input_ids": [[1, 2]], "attention_mask": [[1, 0]], "completion_mask": [[0, 0]]}, [1, 2, 0]),
}  # fmt: skip


@pytest.mark.parametrize("kind", BATCHES)
def test_tokens_are_counted_as_they_are(kind: str) -> None:
    batch, expected = BATCHES[kind]
    found = facts.count({name: torch.tensor(value) for name, value in batch.items()} | {"use_cache": False})
    assert found.tolist() == expected


@pytest.mark.parametrize(
    ("step", "torn", "kept"), [(0, False, []), (4, False, [0, 2, 3, 4, 4]), (4, True, [0, 2, 3, 4, 4]), (9, True, [0, 2, 3, 4, 4, 5, 6])]
)  # fmt: skip
def test_a_run_that_goes_on_keeps_the_rows_up_to_its_checkpoint(
    tmp_path: Path, step: int, torn: bool, kept: list[int]
) -> None:
    rows = [{"step": one, "seconds": 10.0 * one} for one in (0, 2, 3, 4, 4, 5, 6)]
    path = tmp_path / facts.FILE
    path.write_text("".join(json.dumps(row) + "\n" for row in rows) + ('{"step": 7, "lo' if torn else ""))
    one = facts.Facts(None, tmp_path, "sft")
    one.on_train_begin(None, SimpleNamespace(global_step=step, is_world_process_zero=False), None)
    assert len(facts.read(path)) == 7  # another process's file
    one.on_train_begin(None, SimpleNamespace(global_step=step, is_world_process_zero=True), None)
    assert [row["step"] for row in facts.read(path)] == kept
    assert path.read_text().count("\n") == len(kept)
    assert one.spent == (10.0 * kept[-1] if kept else 0.0)


def test_a_round_of_the_watch_is_no_training_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    clock = SimpleNamespace(now=0.0)
    monkeypatch.setattr(facts, "time", SimpleNamespace(monotonic=lambda: clock.now))
    trainer = SimpleNamespace(accelerator=SimpleNamespace(reduce=lambda one, how: one), counted=None)
    state = SimpleNamespace(global_step=0, max_steps=5, is_world_process_zero=True)
    one = facts.Facts(trainer, tmp_path, "sft")
    one.on_train_begin(None, state, None)
    for step, watched in ((0, 100.0), (1, 0.0), (2, 50.0)):
        state.global_step, trainer.counted = step, torch.tensor([20, 30, 10])
        clock.now += watched + (2.0 if step else 0.0)
        args = SimpleNamespace(disable_tqdm=False)
        if watched:
            one.on_log(args, state, None, {"watch/p/pass": 1.0, "watch/seconds": watched})
        if step:
            one.on_log(args, state, None, {"loss": 1.0})
    first, second = (row for row in facts.read(tmp_path / facts.FILE) if "loss" in row)
    speeds = [[row[f"{name}_tokens_per_second"] for name in facts.COUNTED] for row in (first, second)]
    assert speeds == [[10.0, 15.0, 5.0]] * 2
    assert (first["seconds"], first["eta_seconds"]) == (102.0, 8.0)
    assert (second["seconds"], second["eta_seconds"]) == (154.0, 81.0)  # what the rounds cost is part of it


def test_what_is_no_number_is_null(tmp_path: Path) -> None:
    one = facts.Facts(None, tmp_path, "sft")
    state = SimpleNamespace(global_step=1, is_world_process_zero=True)
    logs = {"watch/p/pass": float("nan"), "watch/seconds": 0.0, "text": "nobody's business"}
    one.logged, one.first_step = 0.0, 0
    one.on_log(SimpleNamespace(disable_tqdm=False), state, None, logs)
    assert (tmp_path / facts.FILE).read_text() == '{"step": 1, "watch/p/pass": null, "watch/seconds": 0.0}\n'


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(0.4, "0 s"), (119.4, "119 s"), (120, "2 min"), (3599, "1 h 00 min"), (7500, "2 h 05 min"), (90000, "25 h 00 min")],
)  # fmt: skip
def test_times_are_said_as_people_say_them(seconds: float, words: str) -> None:
    assert facts.spoken(seconds) == words


ROWS = [
    {"step": 0, "watch/a/pass": 0.5, "watch/a/hard": 0.0, "watch/seconds": 1.0},
    *({"step": step, "loss": 3.0 / step if step != 4 else None} for step in range(1, 9)),
    {"step": 8, "watch/a/pass": 1.0, "watch/b/pass": 0.0},
]


@pytest.mark.parametrize(("rows", "watched"), [(ROWS, True), (ROWS[1:9], False), (ROWS[1:2], False)])
def test_the_curve_is_drawn_the_same_each_time_with_its_axes_named(
    tmp_path: Path, rows: list[dict[str, Any]], watched: bool
) -> None:
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        plot.draw(rows, tmp_path / name, "sft: a run")
    for name in ("loss.svg", "loss.png"):
        assert (tmp_path / "one" / name).read_bytes() == (tmp_path / "two" / name).read_bytes()
    svg = xml.etree.ElementTree.parse(tmp_path / "one" / "loss.svg")
    words = {"".join(one.itertext()).strip() for one in svg.iter("{http://www.w3.org/2000/svg}text")}
    assert {"optimizer step", "training loss", "sft: a run", "loss", "smoothed"} <= words
    assert ({"watched replies that pass (%)", "a", "b"} <= words) == watched


def test_nothing_is_drawn_where_nothing_was_logged(tmp_path: Path) -> None:
    plot.draw([{"step": 0, "watch/a/pass": 1.0}, {"step": 1, "loss": None}], tmp_path, "sft")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("values", "expected"),
    [([4.0], [4.0]), ([1.0, 3.0], [2.0, 2.0]), ([0.0, 3.0, 0.0, 3.0], [1.5, 1.0, 2.0, 1.5])],
)
def test_the_smoothed_line_is_the_mean_of_neighbours(values: list[float], expected: list[float]) -> None:
    assert plot.smoothed(values) == expected
    assert plot.smoothed([5.0] * 200) == [5.0] * 200
