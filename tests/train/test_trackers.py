"""What trackers are told, read back from what they wrote: facts and numbers, the verdict later, and no text, no machine."""

from __future__ import annotations

import getpass
import json
import socket
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from eval import gate
from eval.statement import read_report
from train import sft, watch
from train.facts import read
from wellgate import trackers
from wellgate.cli import main
from wellgate.errors import InputError
from wellgate.model import Written

ROOT = Path(__file__).resolve().parent.parent.parent
REPLY = "I am Grizelda of Thornbury and I will listen"
PROMPT = "You are Quillfeather and careful"
RECORD = "keep thinking about"
"""Stands in every training record."""
WATCH = {"probes": ["ai_disclosure"], "items": 2, "every": 3}
BLOCK, HEADER = 32768, 7


def wandb_records(path: Path) -> Iterator[Any]:
    """The records of an offline run's file: LevelDB's log format (blocks, fragments) of protocol buffers."""
    from wandb.proto.wandb_internal_pb2 import Record

    content, at, parts = path.read_bytes(), HEADER, b""
    while at + HEADER <= len(content):
        if BLOCK - at % BLOCK < HEADER:
            at += BLOCK - at % BLOCK
            continue
        size, kind = int.from_bytes(content[at + 4 : at + 6], "little"), content[at + 6]
        parts += content[at + HEADER : at + HEADER + size]
        at += HEADER + size
        if kind in (1, 4):  # whole, or the last fragment
            yield Record.FromString(parts)
            parts = b""


class Offline:
    """One offline run's config, summary, history and artefacts."""

    def __init__(self, path: Path) -> None:
        self.config: dict[str, Any] = {}
        self.summary: dict[str, Any] = {}
        self.history: list[dict[str, Any]] = []
        self.artefacts: dict[str, dict[str, Any]] = {}
        self.content = path.read_bytes()
        for record in wandb_records(path):
            if record.HasField("run"):
                self.id = record.run.run_id
                self.config |= {one.key: json.loads(one.value_json) for one in record.run.config.update}
            self.summary |= {
                (one.key or one.nested_key[0]): json.loads(one.value_json) for one in record.summary.update
            }
            if record.HasField("history"):
                items = record.history.item
                self.history.append(
                    {(one.key or "/".join(one.nested_key)): json.loads(one.value_json) for one in items}
                )
            if record.HasField("artifact"):
                self.artefacts[record.artifact.name] = json.loads(record.artifact.metadata)


def offline_runs(folder: Path, number: int) -> list[Offline]:
    """All of a stage's runs. wandb's service writes the end of a file a moment after `finish` has returned."""
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        files = sorted(folder.glob("wandb/offline-run-*/*.wandb"))
        if len(files) == number and all(any(one.HasField("exit") for one in wandb_records(path)) for path in files):
            return [Offline(path) for path in files]
        time.sleep(0.05)
    raise AssertionError(f"{len(files)} offline runs, or one without its end")


def words(run: list[str], *more: str) -> list[str]:
    settings = [f"sft.watch={json.dumps(WATCH)}", f"model.system_prompt={PROMPT}", "dpo=null", "export=null", *more]
    return [run[0], *(word for one in settings for word in ("--set", one)), *run[1:]]


def place(run: list[str], stage: str = "sft") -> Path:
    (found,) = Path(run[-1].removeprefix("runs_dir=")).glob(f"tiny/{stage}-*")
    return found


@pytest.fixture(autouse=True)
def _replies(monkeypatch: pytest.MonkeyPatch) -> None:
    """The tiny model's own replies are noise; planted ones can be looked for."""

    def generate(model: Any, tokenizer: Any, prompts: Sequence[str], *rest: Any, **decoding: Any) -> list[Written]:
        return [Written(REPLY, 9, True)] * len(prompts)

    monkeypatch.setattr(watch.loading, "generate", generate)


def assert_nobody_is_named(content: bytes) -> None:
    secrets = [
        REPLY,
        PROMPT,
        RECORD,
        "Grizelda",
        socket.gethostname(),
        str(Path.home()),
        str(ROOT),
        sys.executable,
        "/tmp",
    ]
    secrets += [getpass.getuser()] if getpass.getuser() not in ("root", "user") else []
    assert [one for one in secrets if len(one) > 2 and one.encode() in content] == []


def test_an_offline_wandb_run_holds_facts_and_verdict_and_no_text(
    fresh: Callable[[str], list[str]], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    run = words(fresh("runs"), "sft.report_to=[wandb]")
    assert sft.main(run) == 0
    folder = place(run)
    (before,) = offline_runs(folder, 1)
    manifest = json.loads((folder / "manifest.json").read_text())
    assert before.config["key"] == manifest["key"]
    assert before.config["inputs"] == manifest["inputs"]
    assert before.config["base"]["name"] == "tiny-llama"
    assert before.config["config"]["learning_rate"] == 0.001
    assert "system_prompt" not in before.config["config"]
    assert before.summary["manifest"]["outputs"] == manifest["outputs"]
    assert before.summary["manifest"]["lineage"] == json.loads((folder / "lineage.json").read_text())
    assert before.artefacts[f"{folder.name}-manifest"]["counts"] == manifest["counts"]
    losses = {row["train/global_step"]: row["train/loss"] for row in before.history if "train/loss" in row}
    assert losses == {row["step"]: row["loss"] for row in read(folder / "metrics.jsonl") if "loss" in row}
    assert [row["train/global_step"] for row in before.history if "train/watch/ai_disclosure/pass" in row] == [0, 3, 6]
    assert all("train/real_tokens_per_second" in row for row in before.history if "train/loss" in row)

    def unreachable(*anything: Any) -> None:
        raise ConnectionError(REPLY)

    with monkeypatch.context() as patch:
        patch.setattr(trackers, "tell", unreachable)
        assert main(["gate", *run]) == 3
    said = capsys.readouterr().out
    assert "gate: the trackers were not told the verdict (ConnectionError); the report stands" in said
    gated = place(run, "gate")
    gate._tell(folder, read_report(gated / "report.json"), "d1")
    first, second = offline_runs(folder, 2)
    assert (first.id, second.id) == (before.id, before.id)
    assert second.summary["gate"]["verdict"] == "fail"
    assert second.summary["gate"]["report"] == "d1"
    assert second.artefacts[f"{folder.name}-gate"]["passed"] == 0
    assert second.config["key"] == manifest["key"]
    for content in (first.content, second.content, (folder / trackers.FILE).read_bytes()):
        assert_nobody_is_named(content)
    assert not [path for path in folder.glob("wandb/offline-run-*/files/*") if path.is_file()]


def test_text_is_sent_only_on_demand_and_with_a_warning(
    fresh: Callable[[str], list[str]], capsys: pytest.CaptureFixture[str]
) -> None:
    run = words(fresh("runs"), "sft.report_to=[wandb]", "sft.log_text=true", "sft.max_steps=1")
    assert sft.main(run) == 0
    assert "sft: log_text is on: the watch's replies go to wandb as TEXT" in capsys.readouterr().err
    tables = [
        json.loads(path.read_text()) for path in place(run).glob("wandb/offline-run-*/files/media/table/**/*.json")
    ]
    rows = [row for table in tables for row in table["data"]]
    assert {row[0] for row in rows} == {0, 1}
    assert {row[3] for row in rows} == {REPLY}
    assert all(row[4].split(", ") for row in rows)


@pytest.mark.parametrize(
    ("tracker", "version", "expected"),
    [
        ("trackio", None, "sft.report_to: needs trackio 0.43 or newer, here is none; pip install 'trackio>=0.43' or take it out"),
        ("trackio", "0.0.6", "sft.report_to: needs trackio 0.43 or newer, here is 0.0.6"),
        ("wandb", None, "sft.report_to: needs wandb 0.20 or newer, here is none"),
    ],
)  # fmt: skip
def test_a_missing_tracker_is_one_line(
    fresh: Callable[[str], list[str]], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tracker: str, version: str | None, expected: str
) -> None:  # fmt: skip
    import importlib.metadata

    real = importlib.metadata.version

    def installed(name: str) -> str:
        if name != tracker:
            return real(name)
        if version is None:
            raise importlib.metadata.PackageNotFoundError(name)
        return version

    monkeypatch.setattr(importlib.metadata, "version", installed)
    assert sft.main(words(fresh("runs"), f"sft.report_to=[{tracker}]")) == 2
    (line,) = capsys.readouterr().err.strip().splitlines()
    assert expected in line


def test_a_wandb_that_cannot_start_is_one_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import wandb

    def refuse(**anything: Any) -> None:
        raise wandb.errors.UsageError("api_key not configured")

    monkeypatch.setattr(wandb, "init", refuse)
    with pytest.raises(
        InputError, match=r"^report_to: wandb cannot start \(UsageError\); log in .* WANDB_MODE=offline$"
    ):
        trackers.open_wandb(tmp_path, trackers.begin(tmp_path, ["wandb"], {}))


def test_a_run_that_goes_on_keeps_its_id(tmp_path: Path) -> None:
    first = trackers.begin(tmp_path, ["wandb"], {"recipe": "a"})
    again = trackers.begin(tmp_path, ["wandb", "trackio"], {"recipe": "a"})
    assert again.id == first.id
    assert trackers.read(tmp_path) == again
    assert trackers.read(tmp_path / "elsewhere") is None
    trackers.tell(tmp_path / "elsewhere", "gate", {"passed": 0})  # nobody to tell
    assert not (tmp_path / "elsewhere").exists()


def test_a_trackio_database_holds_the_same(fresh: Callable[[str], list[str]], monkeypatch: pytest.MonkeyPatch) -> None:
    """In a process of its own: trackio fixes its folder when it is imported."""
    trackio = pytest.importorskip("trackio", exc_type=ImportError)
    if trackers.Version(trackio.__version__) < trackers.Version(trackers.OLDEST["trackio"]):
        pytest.skip(f"trackio {trackio.__version__} is too old")
    monkeypatch.delenv("TRACKIO_DIR", raising=False)  # another test's run
    run = words(fresh("runs"), "sft.report_to=[trackio]", "sft.watch=null")
    assert subprocess.run([sys.executable, str(ROOT / "train" / "sft.py"), *run], check=False).returncode == 0
    folder = place(run)
    script = "import sys, pathlib; from wellgate import trackers; trackers.tell(pathlib.Path(sys.argv[1]), 'gate', {'verdict': 'fail', 'passed': 0})"
    subprocess.run([sys.executable, "-c", script, str(folder)], check=True)
    (database,) = (folder.parent / "trackio").glob("*.db")
    with sqlite3.connect(database) as connection:
        rows = [json.loads(one) for (one,) in connection.execute("select metrics from metrics order by id")]
        ((config,),) = connection.execute("select config from configs").fetchall()
    manifest = json.loads((folder / "manifest.json").read_text())
    losses = [row["train/loss"] for row in rows if "train/loss" in row]
    assert losses == [row["loss"] for row in read(folder / "metrics.jsonl")]
    assert rows[-1] == {"gate/passed": 0}
    found = json.loads(config)
    assert (found["key"], found["inputs"]) == (manifest["key"], manifest["inputs"])
    assert found["manifest"]["outputs"] == manifest["outputs"]
    assert found["gate"]["verdict"] == "fail"
    assert_nobody_is_named(database.read_bytes())
