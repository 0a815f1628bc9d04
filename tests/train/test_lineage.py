"""Lineage: base, SFT, DPO as one object that every stage reads, and refuses where it does not chain."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from train import session
from wellgate import lineage
from wellgate.cli import main
from wellgate.files import sha256_files
from wellgate.recipe import load
from wellgate.stages import resolve_base

ADAPTER = "adapter/adapter_model.safetensors"
CONFIG = "adapter/adapter_config.json"


def test_each_stage_writes_what_it_was_made_from(runs: Any, tiny_run: Path) -> None:
    base = resolve_base(load(tiny_run))
    first, second = (runs.json(stage, lineage.FILE) for stage in ("sft", "dpo"))
    assert {name: first[name] for name in ("base", "revision", "weights", "quantization")} == {
        "base": "tiny-llama",
        "revision": None,
        "weights": base.digest,
        "quantization": None,
    }
    assert second == first | {"steps": second["steps"]}
    assert second["steps"][:1] == first["steps"]
    for stage, data in (("sft", "train"), ("dpo", "preferences")):
        step, manifest = second["steps"][("sft", "dpo").index(stage)], runs.json(stage)
        files = ((name, runs.folder(stage) / "adapter" / name) for name in ("adapter_model.safetensors", "adapter_config.json"))  # fmt: skip
        assert step == {
            "stage": stage,
            "key": manifest["key"],
            "data": runs.json("prepare")["outputs"][f"{data}.parquet"],
            "adapter": sha256_files(files),
        }
        assert lineage.FILE in manifest["outputs"]


def test_report_and_card_carry_the_lineage_of_the_tuned_model(runs: Any) -> None:
    report = runs.json("gate", "report.json")["predicate"]["wellgate"]
    assert report["lineage"] == runs.json("dpo", lineage.FILE)
    for page in ("report.md", "CARD.preview.md"):
        text = (runs.folder("gate") / page).read_text()
        for step in report["lineage"]["steps"]:
            assert f"- {step['stage']}: key `{step['key']}`, data `{step['data']}`, adapter `{step['adapter']}`" in text


def flip(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[-3] ^= 1
    path.write_bytes(content)


def truncate(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-7])


def rename_base(path: Path) -> None:
    path.write_text(path.read_text().replace("tiny-llama", "other-model"))


CHANGED = "the lineage does not chain: its adapter was changed or is missing since it was trained"


@pytest.mark.parametrize(
    ("change", "name", "signed", "expected"),
    [
        (flip, ADAPTER, False, CHANGED),
        (truncate, ADAPTER, False, CHANGED),
        (truncate, ADAPTER, True, "fetch or save the weights again"),
        (Path.unlink, ADAPTER, False, CHANGED),
        (rename_base, CONFIG, False, CHANGED),
        (rename_base, CONFIG, True, "trained on other-model, not on tiny-llama"),
        (truncate, CONFIG, True, "missing or damaged"),
    ],
)
def test_an_adapter_that_was_touched_is_refused_in_one_line(
    runs: Any, capsys: pytest.CaptureFixture[str], change: Callable[[Path], None], name: str, signed: bool, expected: str
) -> None:  # fmt: skip
    change(runs.folder("sft") / name)
    if signed:
        runs.sign_again("sft")
    else:
        shutil.rmtree(runs.folder("dpo"))
    assert runs("dpo") == 2
    (line,) = capsys.readouterr().err.strip().splitlines()
    assert expected in line


def edit(**fields: Any) -> Callable[[Path], None]:
    """Fields of the lineage, or of its last step."""

    def change(path: Path) -> None:
        found = json.loads(path.read_text())
        (found if set(fields) & set(found) else found["steps"][-1]).update(fields)
        path.write_text(json.dumps(found))

    return change


BROKEN: dict[str, tuple[Callable[[Path], None], str]] = {
    "another base": (edit(base="other"), "it was trained on another base (base differs)"),
    "another revision": (edit(revision="r9"), "it was trained on another base (revision differs)"),
    "other weights": (edit(weights="0" * 64), "it was trained on another base (weights differs)"),
    "quantised": (edit(quantization={"bits": 4}), "it was trained on another base (quantization differs)"),
    "no step": (edit(steps=[]), "lineage.json is that of another stage"),
    "another stage": (edit(stage="kto"), "lineage.json is that of another stage"),
    "another key": (edit(key="0" * 64), "lineage.json is that of another stage"),
    "other data": (edit(data="0" * 64), "it was trained on other data"),
    "another adapter": (edit(adapter="0" * 64), "its adapter was changed or is missing"),
    "missing": (Path.unlink, "lineage.json is missing or damaged"),
    "damaged": (truncate, "lineage.json is missing or damaged"),
    "an unknown field": (edit(steps=[{}]), "lineage.json is missing or damaged"),
}


@pytest.mark.parametrize(("change", "why"), BROKEN.values(), ids=BROKEN)
def test_a_lineage_that_does_not_chain_stops_the_next_stage_and_overwrites_nothing(
    runs: Any, capsys: pytest.CaptureFixture[str], change: Callable[[Path], None], why: str
) -> None:
    shutil.rmtree(runs.folder("dpo"))
    place = runs.folder("sft") / lineage.FILE
    change(place)
    before = place.read_bytes() if place.exists() else b""
    assert runs("dpo") == 2
    (line,) = capsys.readouterr().err.strip().splitlines()
    assert f"{runs.folder('sft')}: the lineage does not chain: {why}" in line
    assert line.endswith("; delete this folder and train again")
    assert (place.read_bytes() if place.exists() else b"") == before
    assert not (runs.folder("dpo") / "manifest.json").exists()


def other_sft(path: Path) -> None:
    """A DPO adapter that says it continues another SFT adapter."""
    found = json.loads(path.read_text())
    found["steps"][0]["adapter"] = "0" * 64
    path.write_text(json.dumps(found))


@pytest.mark.parametrize(
    "change", [other_sft, edit(base="other"), Path.unlink], ids=["other sft", "other base", "none"]
)
def test_gate_and_verify_refuse_a_result_whose_lineage_does_not_chain(
    runs: Any, capsys: pytest.CaptureFixture[str], change: Callable[[Path], None]
) -> None:
    change(runs.folder("dpo") / lineage.FILE)
    words = [str(runs.recipe), "--set", f"runs_dir={runs.runs}"]
    capsys.readouterr()
    assert main(["gate", *words]) == 2
    assert "the lineage does not chain: " in capsys.readouterr().err
    assert main(["verify", *words]) == 3
    said = capsys.readouterr().err
    assert "changed or missing since it was trained" in said
    assert "the lineage does not chain: " in said


def test_verify_holds_the_report_against_the_folders(runs: Any, capsys: pytest.CaptureFixture[str]) -> None:
    words = [str(runs.recipe), "--set", f"runs_dir={runs.runs}"]
    path = runs.folder("gate") / "report.json"
    statement = json.loads(path.read_text())
    statement["predicate"]["wellgate"]["lineage"]["steps"][0]["key"] = "0" * 64
    path.write_text(json.dumps(statement))
    runs.sign_manifest("gate")
    capsys.readouterr()
    assert main(["verify", *words]) == 3
    assert "report.json: lineage differ from what the evidence gives" in capsys.readouterr().err


@pytest.mark.parametrize("stage", ["sft", "dpo"])
def test_a_result_that_reloads_to_another_model_is_not_signed(
    runs: Any, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], stage: str
) -> None:
    from safetensors.torch import load_file, save_file

    shutil.rmtree(runs.folder(stage))
    real = session.save_adapter

    def lossy(model: Any, folder: Path, base: Any, *rest: Any) -> None:
        real(model, folder, base, *rest)
        weights = load_file(folder / ADAPTER)
        name = next(one for one in weights if "lora_B" in one)
        weights[name] += 1e-3
        save_file(weights, folder / ADAPTER, metadata={"format": "pt"})

    with monkeypatch.context() as patch:
        patch.setattr(session, "save_adapter", lossy)
        assert runs(stage, f"{stage}.max_steps=1") == 2
    (line,) = capsys.readouterr().err.strip().splitlines()
    assert f"{stage}: the saved adapter reloads to another model (logits differ by up to " in line
    (place,) = (runs.runs / "tiny").glob(f"{stage}-*")
    assert not (place / "manifest.json").exists()
    assert runs(stage, f"{stage}.max_steps=1") == 0
