"""Many processes, Ray, and runs that were killed: the same files come out, and nothing that was done is done again."""

from __future__ import annotations

import os
import signal
import sys
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from data_prep.engine import Job, run, write_shard
from data_prep.ledger import history, verify
from data_prep.prepare import prepare
from wellgate.errors import InputError
from wellgate.recipe import load
from wellgate.run import Manifest

WORDS = "sleep work exams noise money rain moving quarrel bus cooking friend garden school rent choir dog".split()


@pytest.fixture(autouse=True)
def small_shards(monkeypatch: pytest.MonkeyPatch) -> None:
    for module in ("ingest", "prepare"):
        monkeypatch.setattr(f"data_prep.{module}.ROWS", 8)


@pytest.fixture
def rows() -> list[dict[str, Any]]:
    """Thirty conversations, one of them said twice, one with a name in it."""
    said = [f"number {n} " + " ".join(f"{WORDS[(n * k) % 16]}{n}" for k in range(1, 9)) for n in range(30)]
    said[29] = said[3]
    said[17] = "My name is Tamsin Oyelaran and I cannot sleep since the move."
    return [
        {"id": f"c{n}", "messages": [{"role": "user", "content": text}, {"role": "assistant", "content": f"I hear you on number {3 if n == 29 else n}."}]}
        for n, text in enumerate(said)
    ]  # fmt: skip


def outputs(manifest: Manifest) -> dict[str, str]:
    """What must not depend on how it was run. (The ledger's first line names the commit, the rest is compared here.)"""
    return manifest.outputs


@pytest.fixture
def undisturbed(write_recipe: Any, rows: Any, tmp_path: Path) -> Manifest:
    return prepare(load(write_recipe(rows, filters=["deidentify"]), [f"runs_dir={tmp_path / 'undisturbed'}"]))


def test_two_processes_write_the_same_bytes(
    write_recipe: Any, rows: Any, tmp_path: Path, undisturbed: Manifest
) -> None:
    path = write_recipe(rows, filters=["deidentify"])
    again = prepare(load(path, [f"runs_dir={tmp_path / 'two'}", "prepare.processes=2"]))
    assert outputs(again) == outputs(undisturbed)
    assert again.key == undisturbed.key
    assert undisturbed.counts["rejected"] == {"dedup: exact duplicate": 1}


def test_a_run_that_stopped_midway_goes_on_and_ends_the_same(
    write_recipe: Any, rows: Any, monkeypatch: pytest.MonkeyPatch, undisturbed: Manifest, tmp_path: Path
) -> None:
    recipe = load(write_recipe(rows, filters=["deidentify"]))
    calls = []
    from data_prep.prepare import Clean

    whole = Clean.__call__

    def third_time_unlucky(self: Clean, table: pa.Table) -> pa.Table:
        calls.append(table.num_rows)
        if len(calls) == 3:
            raise KeyboardInterrupt
        return whole(self, table)

    with monkeypatch.context() as patch:
        patch.setattr(Clean, "__call__", third_time_unlucky)
        with pytest.raises(KeyboardInterrupt):
            prepare(recipe)
        assert not list((tmp_path / "runs").rglob("manifest.json"))
        again = prepare(recipe)
    assert len(calls) == 3 + 2
    assert outputs(again) == outputs(undisturbed)
    assert not list((tmp_path / "runs").rglob(".work"))


class Suicidal:
    """A step whose process is killed, as the kernel does when memory runs out."""

    def __call__(self, table: pa.Table) -> pa.Table:
        os.kill(os.getpid(), signal.SIGKILL)
        return table


class Same:
    def __call__(self, table: pa.Table) -> pa.Table:
        return table


@pytest.fixture
def jobs(tmp_path: Path) -> list[Job]:
    found = []
    for n in range(3):
        write_shard(tmp_path / f"{n}.parquet", pa.table({"n": [n]}))
        found.append(Job(tmp_path / f"{n}.parquet", tmp_path / "out" / f"{n}.parquet"))
    return found


def test_a_killed_worker_is_one_clear_line(jobs: list[Job]) -> None:
    with pytest.raises(InputError, match=r"step: a worker was killed .* start again, finished shards are kept"):
        run(Suicidal(), jobs, "step", processes=2)
    run(Same(), jobs, "step", processes=2)
    assert [pq.read_table(job.target)["n"].to_pylist() for job in jobs] == [[0], [1], [2]]


def test_finished_shards_are_left_alone(jobs: list[Job]) -> None:
    run(Same(), jobs[:2], "step")
    before = jobs[0].target.stat().st_mtime_ns
    run(Same(), jobs, "step")
    assert jobs[0].target.stat().st_mtime_ns == before
    assert jobs[2].target.exists()


def test_ray_that_is_not_installed_is_one_clear_line(jobs: list[Job], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "ray", None)
    with pytest.raises(InputError, match=r"prepare\.engine: ray is not installed; .*use engine: local"):
        run(Same(), jobs, "step", engine="ray")


@pytest.mark.slow
def test_ray_writes_the_same_bytes(write_recipe: Any, rows: Any, tmp_path: Path, undisturbed: Manifest) -> None:
    pytest.importorskip("ray")
    path = write_recipe(rows, filters=["deidentify"])
    again = prepare(load(path, [f"runs_dir={tmp_path / 'ray'}", "prepare.engine=ray", "prepare.processes=2"]))
    assert outputs(again) == outputs(undisturbed)


def test_what_people_withdrew_is_nowhere_in_the_result(
    write_recipe: Any, rows: Any, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    listed = tmp_path / "withdrawn.txt"
    listed.write_text("talks/c3\n")
    done = prepare(load(write_recipe(rows, withdrawn=str(listed))))
    folder = tmp_path / "runs" / "tiny" / f"prepare-{done.key[:12]}"
    assert done.counts["rejected"] == {"withdrawal: withdrawn": 2}, "the record and its copy"
    assert not any(b"number 3" in path.read_bytes() for path in folder.rglob("*") if path.suffix != ".parquet")
    kept = [id for part in ("train", "held_out") for id in pq.read_table(folder / f"{part}.parquet")["id"].to_pylist()]
    assert not {"talks/c3", "talks/c29"} & set(kept)
    assert verify(folder / "ledger.jsonl").entries == 30 == done.counts["ledger"]["entries"]


def test_a_withdrawn_id_that_does_not_exist_is_named_by_its_line(write_recipe: Any, rows: Any, tmp_path: Path) -> None:
    listed = tmp_path / "withdrawn.txt"
    listed.write_text("talks/c3\ntalks/c99\n")
    with pytest.raises(InputError, match=r"withdrawn\.txt:2: no record and no group has this name"):
        prepare(load(write_recipe(rows, withdrawn=str(listed))))


def test_a_licence_that_is_none_is_refused_by_its_key(write_recipe: Any, rows: Any) -> None:
    path = write_recipe(rows)
    with pytest.raises(InputError, match=r"^prepare\.sources\.0\.licence: "):
        prepare(load(path, ["prepare.sources.0.licence=CC-BY-4"]))


def test_consent_that_does_not_cover_training_stops_the_run(write_recipe: Any, rows: Any) -> None:
    path = write_recipe(rows)
    with pytest.raises(InputError, match="not for train"):
        prepare(load(path, ["prepare.sources.0.consent=unknown"]))


def test_planted_identifiers_are_in_no_file_and_no_line_of_output(
    write_recipe: Any, rows: Any, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    planted = ["Oyelaran", "tamsin.o@oyelaran.net", "07700 900 842", "PLS-20931"]
    rows[5]["messages"][0]["content"] = f"Mail {planted[1]}, ring {planted[2]}, patient ref {planted[3]}."
    prepare(load(write_recipe(rows, filters=["decontaminate", "deidentify", "hygiene"])))
    texts = ["".join(capsys.readouterr())]
    for path in (tmp_path / "runs").rglob("*"):
        if path.suffix == ".parquet":
            texts.append(str(pq.read_table(path).to_pylist()))
        elif path.is_file():
            texts.append(path.read_bytes().decode("utf-8", "replace"))
    assert not [word for word in planted if any(word in text for text in texts)]


def test_the_ledger_knows_where_a_record_came_from(write_recipe: Any, rows: Any, tmp_path: Path) -> None:
    done = prepare(load(write_recipe(rows, filters=["deidentify"])))
    known = history(tmp_path / "runs" / "tiny" / f"prepare-{done.key[:12]}" / "ledger.jsonl", "talks/c3")
    assert known.files == {"talks.jsonl": done.inputs["0/talks.jsonl"]}
    assert [step.name for step in known.steps] == ["read", "withdrawal", "dedup", "deidentify", "preferences"]


def test_another_secret_is_another_result(
    write_recipe: Any, rows: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    keys = []
    for secret in ("zq-first", "zq-second"):
        monkeypatch.setenv("SURROGATE_KEY", secret)
        done = prepare(load(write_recipe(rows, filters=[{"use": "deidentify", "secret_from": "SURROGATE_KEY"}])))
        assert secret not in done.model_dump_json()
        keys.append(done.key)
    assert keys[0] != keys[1]


def test_the_finder_and_its_lists_are_part_of_the_key(write_recipe: Any, rows: Any) -> None:
    names = [name.removeprefix("filter.0.deidentify/") for name in prepare(load(write_recipe(rows, filters=["deidentify"]))).inputs]  # fmt: skip
    assert {"model/ner/model", "keep.txt", "names/names.tsv", "names/places.txt", "crisis_registry.yaml"} <= {*names}
    assert {"package/faker", "package/wordfreq", "package/rensa"} <= {*names}
    assert not [name for name in names if "pycache" in name]


def test_raw_text_that_a_kill_left_behind_goes_with_the_next_run(
    write_recipe: Any, rows: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    recipe = load(write_recipe(rows))
    with monkeypatch.context() as patch:
        patch.setattr("data_prep.prepare.shutil.rmtree", lambda *_, **__: None)
        prepare(recipe)
    assert list((tmp_path / "runs").rglob(".work"))
    prepare(recipe)
    assert not list((tmp_path / "runs").rglob(".work"))


def test_a_group_that_is_text_is_hashed_and_no_group_is_ones_own(write_recipe: Any, rows: Any, tmp_path: Path) -> None:
    rows[0]["group"] = "Jane Doe, ZEBRASECRET said she is tired"
    rows[1]["group"] = rows[2]["group"] = None
    done = prepare(load(write_recipe(rows)))
    folder = tmp_path / "runs" / "tiny" / f"prepare-{done.key[:12]}"
    assert "ZEBRASECRET" not in (folder / "ledger.jsonl").read_text()
    assert done.counts["groups"] == 29, "of thirty, one is a copy"


def test_a_region_is_no_other_language(write_recipe: Any, rows: Any, undisturbed: Manifest) -> None:
    for row in rows:
        row["language"] = "en-GB"
    done = prepare(load(write_recipe(rows, filters=["deidentify"])))
    assert done.counts["rejected"] == {"dedup: exact duplicate": 1}
    assert done.counts["personal_data_replaced"] == undisturbed.counts["personal_data_replaced"]


def test_a_shared_system_turn_is_no_repeated_question(write_recipe: Any, rows: Any) -> None:
    for row in rows:
        row["messages"].insert(0, {"role": "system", "content": "Be kind."})
    done = prepare(load(write_recipe(rows, held_out=0.4)))
    assert done.counts["held_out"] > 3
    assert done.counts["held_out_prompts_in_train"] == 0
