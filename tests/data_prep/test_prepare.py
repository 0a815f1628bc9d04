"""The stage from outside: a recipe goes in; files, reasons and a manifest come out, and never a record's text."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from data_prep import documents
from data_prep.prepare import prepare
from wellgate.cli import main
from wellgate.errors import INPUT_WRONG, InputError
from wellgate.recipe import load
from wellgate.records import Conversation, Preference, Rejected, Span, read_jsonl, read_parquet
from wellgate.run import Manifest

USER = {"role": "user", "content": "ZEBRASECRET I cannot sleep"}
REPLY = {"role": "assistant", "content": "ZEBRASECRET that sounds tiring"}
SYSTEM = {"role": "system", "content": "ZEBRASECRET be kind"}
PAIR = {"prompt": [USER], "chosen": "ZEBRASECRET good", "rejected": "ZEBRASECRET bad", "reason": "warmer"}


class Done:
    """One run of the stage and what it wrote."""

    def __init__(self, path: Path, manifest: Manifest) -> None:
        self.manifest = manifest
        self.folder = path.parent / "runs" / "tiny" / f"prepare-{manifest.key[:12]}"

    def conversations(self, part: str) -> list[Conversation]:
        return read_parquet(self.folder / f"{part}.parquet", Conversation)

    def pairs(self, part: str) -> list[Preference]:
        return read_parquet(self.folder / f"{part}.parquet", Preference)

    def rejected(self) -> list[Rejected]:
        return list(read_jsonl(self.folder / "rejected.jsonl", Rejected))


Run = Callable[..., Done]


@pytest.fixture
def run(write_recipe: Any) -> Run:
    def work(*arguments: Any, **prepare_keys: Any) -> Done:
        path = write_recipe(*arguments, **prepare_keys)
        return Done(path, prepare(load(path)))

    return work


@pytest.fixture
def many(talk: Any) -> list[dict[str, Any]]:
    return [talk(number) for number in range(20)]


BAD = {
    "unknown role": ({"id": "x", "messages": [{**USER, "role": "ZEBRASECRET"}, REPLY]}, "unknown role (role)"),
    "no assistant": ({"id": "x", "messages": [USER]}, "no assistant turn"),
    "only system": ({"id": "x", "messages": [SYSTEM]}, "no assistant turn"),
    "empty user": ({"id": "x", "messages": [{**USER, "content": ""}, REPLY]}, "empty turn (content)"),
    "blank reply": ({"id": "x", "messages": [USER, {**REPLY, "content": " \n\t"}]}, "empty turn (content)"),
    "no turns": ({"id": "x", "messages": []}, "messages is not a list of turns"),
    "no messages": ({"id": "x", "text": "ZEBRASECRET"}, "messages is not a list of turns"),
    "text for messages": ({"id": "x", "messages": "ZEBRASECRET"}, "messages is not a list of turns"),
    "text for a turn": ({"id": "x", "messages": ["ZEBRASECRET"]}, "model_type"),
    "number as content": ({"id": "x", "messages": [{**USER, "content": 5}, REPLY]}, "string_type (content)"),
    "missing content": ({"id": "x", "messages": [{"role": "user"}, REPLY]}, "missing (content)"),
    "assistant first": ({"id": "x", "messages": [REPLY, USER]}, "the first turn is not the user's"),
    "two user turns": ({"id": "x", "messages": [USER, USER, REPLY]}, "user and assistant turns do not alternate"),
    "late system turn": ({"id": "x", "messages": [USER, REPLY, SYSTEM]}, "user and assistant turns do not alternate"),
    "licence is null": ({"id": "x", "messages": [USER, REPLY], "licence": None}, "string_type (licence)"),
    "lone surrogate": ({"id": "x", "messages": [{**USER, "content": "\ud800"}, REPLY]}, "not UTF-8"),
    "pair without prompt": ({**PAIR, "id": "x", "prompt": []}, "messages is not a list of turns"),
    "pair ends wrong": ({**PAIR, "id": "x", "prompt": [USER, REPLY]}, "the prompt does not end with a user turn"),
    "pair empty": ({**PAIR, "id": "x", "chosen": " "}, "empty turn (chosen)"),
    "pair equal": ({**PAIR, "id": "x", "chosen": "same", "rejected": "same "}, "chosen and rejected are equal"),
    "text as id": ({"id": "ZEBRASECRET said", "messages": [USER, REPLY]}, "the id is not a short word"),
    "long id": ({"id": "x" * 81, "messages": [USER, REPLY]}, "the id is not a short word"),
    "object as id": ({"id": {"note": "ZEBRASECRET"}, "messages": [USER, REPLY]}, "the id is not a short word"),
    "yes as id": ({"id": True, "messages": [USER, REPLY]}, "the id is not a short word"),
    "unknown field": ({"id": "x", "messages": [{**USER, "ZEBRASECRET": 1}, REPLY]}, "unknown field"),
    "prompt out of order": ({**PAIR, "id": "x", "prompt": [REPLY, USER]}, "the first turn is not the user's"),
    "two prompts": ({**PAIR, "id": "x", "prompt": [USER, USER]}, "user and assistant turns do not alternate"),
    "not an object": (["ZEBRASECRET"], "not a JSON object"),
}


@pytest.mark.parametrize(("row", "reason"), BAD.values(), ids=BAD)
def test_a_bad_row_is_kept_out_with_file_line_and_reason(run: Run, many: list[Any], row: Any, reason: str) -> None:
    done = run([*many, row], max_rejected=0.1)
    (rejected,) = done.rejected()
    assert (rejected.file, rejected.line, rejected.step, rejected.reason) == ("talks.jsonl", 21, "read", reason)
    assert rejected.id == "talks/line-21"
    assert done.manifest.counts["rows"] == 21


def test_the_second_row_of_an_id_is_kept_out(run: Run, many: list[Any], talk: Any) -> None:
    (rejected,) = run([*many, {**talk(99), "id": "c3"}], max_rejected=0.1).rejected()
    assert (rejected.id, rejected.file, rejected.line) == ("talks/line-21", "talks.jsonl", 21)
    assert (rejected.step, rejected.reason) == ("read", "duplicate id, first on line 4")


def test_an_id_may_be_a_number(run: Run, many: list[Any], talk: Any) -> None:
    done = run([*many, {**talk(99), "id": 7}], held_out=0)
    assert "talks/7" in [one.id for one in done.conversations("train")]


@pytest.mark.parametrize("field", ["id", "group", "language"])
def test_a_lone_surrogate_in_any_field_is_kept_out(run: Run, many: list[Any], talk: Any, field: str) -> None:
    assert len(run([*many, talk(99) | {field: "\ud800"}], max_rejected=0.1).rejected()) == 1


def test_too_many_bad_rows_stop_with_one_line_and_keep_the_list(
    write_recipe: Any, many: list[Any], tmp_path: Path
) -> None:
    path = write_recipe([*many, BAD["no assistant"][0]])
    with pytest.raises(InputError) as error:
        prepare(load(path))
    (line,) = str(error.value).splitlines()
    assert line.startswith("talks.jsonl:21: 1 of 21 rows are bad, more than prepare.max_rejected = 0.01")
    assert "no assistant turn" in line
    (listed,) = (tmp_path / "runs").rglob("rejected.jsonl")
    assert str(listed) in line
    assert len(list(read_jsonl(listed, Rejected))) == 1
    assert not list((tmp_path / "runs").rglob("manifest.json"))


def test_too_many_duplicate_ids_name_their_file(write_recipe: Any, many: list[Any], talk: Any) -> None:
    with pytest.raises(InputError, match=r"^talks\.jsonl:21: "):
        prepare(load(write_recipe([*many, {**talk(99), "id": "c3"}])))


@pytest.mark.parametrize(("share", "stops"), [(0.05, False), (0.049, True), (0.0, True)])
def test_the_limit_itself_is_allowed(write_recipe: Any, talk: Any, share: float, stops: bool) -> None:
    recipe = load(write_recipe([*(talk(number) for number in range(19)), BAD["no turns"][0]], max_rejected=share))
    if stops:
        with pytest.raises(InputError, match="max_rejected"):
            prepare(recipe)
    else:
        assert prepare(recipe).counts["rows"] == 20


@pytest.mark.parametrize("content", [b"\n \n", b"\xef\xbb\xbf", b"{\n{\n"], ids=["blank", "mark", "broken"])
def test_a_file_without_a_usable_row_is_an_input_error(write_recipe: Any, content: bytes) -> None:
    with pytest.raises(InputError, match="no usable row"):
        prepare(load(write_recipe(content)))


@pytest.mark.parametrize("missing", ["gone", "folder"])
def test_a_missing_source_file_is_an_input_error(write_recipe: Any, tmp_path: Path, missing: str) -> None:
    path = write_recipe()
    if missing == "folder":
        (tmp_path / "talks.jsonl").mkdir()
    with pytest.raises(InputError, match=r"talks\.jsonl: cannot be read"):
        prepare(load(path))


def test_bad_input_is_exit_code_2_and_one_line_without_traceback(
    write_recipe: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["prepare", str(write_recipe(b""))]) == INPUT_WRONG
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("wellgate: ")
    assert line.endswith("talks.jsonl: the file is empty; name a file with rows")


@pytest.mark.parametrize("held_out", [0.1, 0.5])
def test_exact_duplicates_up_to_case_and_white_space_are_kept_once(run: Run, talk: Any, held_out: float) -> None:
    loud = json.loads(json.dumps(talk(0)).replace("about", "  ABOUT "))
    done = run([*(talk(n) for n in range(9)), {**loud, "id": "again"}, {**talk(1), "id": "more"}], held_out=held_out)
    kept = done.conversations("train") + done.conversations("held_out")
    assert sorted(one.id for one in kept) == [f"talks/c{number}" for number in range(9)]
    assert [(one.id, one.step, one.reason) for one in done.rejected()] == [
        ("talks/again", "dedup", "exact duplicate of talks/c0"),
        ("talks/more", "dedup", "exact duplicate of talks/c1"),
    ]


def pair(number: int, **fields: Any) -> dict[str, Any]:
    return {
        "id": f"p{number}",
        "prompt": [{**USER, "content": f"u {number}"}],
        "chosen": "yes",
        "rejected": "no",
        "reason": "r",
        **fields,
    }


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_a_group_never_stands_on_both_sides(run: Run, talk: Any, seed: int) -> None:
    rows = [talk(number, group=f"client-{number % 12}") for number in range(60)]
    done = run([*rows, *(pair(number, group=f"client-{number % 12}") for number in range(24))], held_out=0.3, seed=seed)
    parts = {part: {one.group for one in done.conversations(part)} for part in ("train", "held_out")}
    trained = parts["train"] | {one.group for one in done.pairs("preferences")}
    held = parts["held_out"] | {one.group for one in done.pairs("preferences_held_out")}
    assert trained | held == {f"talks/client-{number}" for number in range(12)}
    assert trained
    assert held
    assert not trained & held


def test_nothing_is_lost_between_the_parts(run: Run, many: list[Any]) -> None:
    counts = run([*many, *(pair(number) for number in range(10))], held_out=0.3).manifest.counts
    assert counts["train"] + counts["held_out"] == 20
    assert counts["preferences"] + counts["preferences_held_out"] == 10


def test_fields_that_a_row_does_not_state_come_from_the_recipe(run: Run, talk: Any) -> None:
    done = run(
        [talk(0), talk(1, licence="MIT", consent="consented", language="de", tags=["sleep"], group="g")], held_out=0
    )
    plain, stated = done.conversations("train")
    assert (plain.licence, plain.consent, plain.language, plain.tags, plain.group) == (
        "CC0-1.0",
        "synthetic",
        "en",
        (),
        "talks/c0",
    )
    assert (stated.licence, stated.consent, stated.language, stated.tags, stated.group) == (
        "MIT",
        "consented",
        "de",
        ("sleep",),
        "talks/g",
    )


@pytest.mark.parametrize(("format", "builder"), [("parquet", "parquet"), ("jsonl", "json")])
def test_both_formats_load_with_datasets(run: Run, many: list[Any], tmp_path: Path, format: str, builder: str) -> None:
    import datasets

    done = run([*many, *(pair(number, tags=["sleep"]) for number in range(20))], format=format, held_out=0.3)
    for part in ("train", "held_out", "preferences", "preferences_held_out"):
        table = datasets.load_dataset(
            builder, data_files=str(done.folder / f"{part}.{format}"), cache_dir=str(tmp_path / "hf"), split="train"
        )
        assert len(table) == done.manifest.counts[part] > 0
        turns = table[0]["prompt" if part.startswith("pref") else "messages"]
        assert set(turns[0]) == {"role", "content"}


@pytest.mark.parametrize("format", ["parquet", "jsonl"])
def test_a_part_without_rows_is_written_and_reads_as_no_records(run: Run, many: list[Any], format: str) -> None:
    done = run(many, format=format)
    path = done.folder / f"preferences.{format}"
    read = read_parquet if format == "parquet" else read_jsonl
    assert path.name in done.manifest.outputs
    assert list(read(path, Preference)) == []


def test_a_second_run_is_cached(run: Run, many: list[Any], capsys: pytest.CaptureFixture[str]) -> None:
    first = run(many)
    before = {path.name: path.stat().st_mtime_ns for path in first.folder.iterdir()}
    capsys.readouterr()
    assert run(many).manifest == first.manifest
    assert capsys.readouterr().out.startswith("prepare: cached")
    assert {path.name: path.stat().st_mtime_ns for path in first.folder.iterdir()} == before


@pytest.mark.parametrize(
    "change",
    [{"held_out": 0.2}, {"seed": 1}, {"max_rejected": 0.5}, {"format": "jsonl"}, {"filters": ["deidentify"]}],
    ids=str,
)
def test_a_changed_setting_changes_the_key(
    write_recipe: Any, many: list[Any], run: Run, change: dict[str, Any]
) -> None:
    assert run(many).manifest.key != run(many, **change).manifest.key


def test_one_changed_row_changes_the_key(run: Run, many: list[Any], talk: Any) -> None:
    keys = [run(rows).manifest.key for rows in (many, [*many[:-1], talk(77)], many[:-1], many)]
    assert keys[0] == keys[3]
    assert len(set(keys)) == 3


def test_comments_other_sections_and_file_times_change_no_key(
    write_recipe: Any, many: list[Any], run: Run, tmp_path: Path
) -> None:
    first = run(many).manifest
    path = write_recipe(many, {"sft": {"max_steps": 3}, "seed": 5})
    path.write_text("# a comment\n" + path.read_text())
    os.utime(tmp_path / "talks.jsonl", (1, 1))
    assert prepare(load(path)) == first


def test_changed_code_of_an_outside_plugin_changes_the_key(
    write_recipe: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    (tmp_path / "outside").mkdir()
    source = {"use": "outside.talks", "path": str(tmp_path / "talks.jsonl"), "licence": "MIT", "consent": "synthetic"}
    path = write_recipe([{"id": "a", "messages": [USER, REPLY]}], sources=[source], held_out=0)
    keys = []
    for order in ("rows", "rows[::-1]"):
        code = f"from data_prep.sources.jsonl import Jsonl\nclass Outside(Jsonl):\n    def rows(self):\n        rows = [*super().rows()]\n        return iter({order})\n"
        (tmp_path / "outside" / "talks.py").write_text(code)
        sys.modules.pop("outside.talks", None)
        keys.append(prepare(load(path)).key)
    assert keys[0] != keys[1]


def test_a_crash_on_the_way_leaves_no_manifest(
    write_recipe: Any, many: list[Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = write_recipe(many)
    with monkeypatch.context() as patch:
        patch.setattr("data_prep.output.documents.write", lambda *_: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            prepare(load(path))
    assert not list((tmp_path / "runs").rglob("manifest.json"))
    assert prepare(load(path)).counts["rows"] == 20


def test_no_record_text_stands_in_any_report(run: Run, many: list[Any], capsys: pytest.CaptureFixture[str]) -> None:
    good = [
        {"id": f"z{number}", "messages": [{**USER, "content": f"ZEBRASECRET {number}"}, REPLY]} for number in range(9)
    ]
    rows = [*many, *good, {**good[0], "id": "twice"}, {**good[1], "id": "z5"}, PAIR | {"id": "p"}]
    bad = [
        row | {"id": f"bad-{number}"} if isinstance(row, dict) and row["id"] == "x" else row
        for number, (row, _) in enumerate(BAD.values())
    ]
    done = run([*rows, *bad], max_rejected=0.9, held_out=0.3, filters=["deidentify"])
    assert len(done.rejected()) == len(BAD) + 2
    for name in ("rejected.jsonl", "manifest.json", "spans.jsonl", "ledger.jsonl", "review.jsonl", *documents.FILES):
        assert "ZEBRASECRET" not in (done.folder / name).read_text(), name
    assert "ZEBRASECRET" not in "".join(capsys.readouterr())
    assert "ZEBRASECRET" in str(done.conversations("train"))


@pytest.mark.parametrize("row", [row for row, _ in BAD.values()], ids=BAD)
def test_no_record_text_stands_in_an_error(write_recipe: Any, many: list[Any], row: Any) -> None:
    with pytest.raises(InputError, match="max_rejected") as error:
        prepare(load(write_recipe([*many, row])))
    assert "ZEBRASECRET" not in str(error.value)


def test_broken_lines_do_not_show_their_text_in_errors_or_reasons(write_recipe: Any, tmp_path: Path) -> None:
    with pytest.raises(InputError) as error:
        prepare(load(write_recipe(b'{"id": "ZEBRASECRET\n"ZEBRASECRET"\nZEBRASECRET \xff\n')))
    (listed,) = (tmp_path / "runs").rglob("rejected.jsonl")
    assert "ZEBRASECRET" not in str(error.value) + listed.read_text()


def test_deidentified_data_hold_surrogates_and_a_ledger_of_offsets(run: Run, many: list[Any]) -> None:
    text = "My name is Tamsin Oyelaran and my phone: 202-555-0143."
    row = {
        "id": "t",
        "group": "t",
        "messages": [{**USER, "content": text}, {**REPLY, "content": "Hello Tamsin, that is a lot."}],
    }
    done = run([*many, row], filters=["deidentify"], held_out=0)
    (record,) = [one for one in done.conversations("train") if one.id == "talks/t"]
    assert not any(word in str(record) for word in ("Tamsin", "Oyelaran", "0143"))
    spans = [Span.model_validate_json(line) for line in (done.folder / "spans.jsonl").read_text().splitlines()]
    marked = [text[span.start : span.end] for span in spans if span.id == "talks/t" and span.message == 0]
    assert marked == ["Tamsin Oyelaran", "202-555-0143"]
    assert sum(done.manifest.counts["personal_data_replaced"].values()) == len(spans) == 3


def test_a_language_that_cannot_be_deidentified_is_kept_out(run: Run, many: list[Any], talk: Any) -> None:
    done = run([*many, talk(99, language="tl")], filters=["deidentify"], held_out=0)
    assert [(one.id, one.reason) for one in done.rejected()] == [("talks/c99", "reads en, es only")]
    assert done.manifest.counts["train"] == 20


def test_personal_data_in_the_reason_of_a_pair_is_replaced(run: Run, many: list[Any]) -> None:
    done = run(
        [*many, pair(0, reason="It does not send Tamsin Oyelaran to tamsin@oyelaran.org.")], filters=["deidentify"]
    )
    assert "oyelaran.org" not in str(done.pairs("preferences") + done.pairs("preferences_held_out"))


@pytest.mark.parametrize("rows", ["pairs only", "no readable language"])
def test_data_without_conversations_does_not_blame_the_split(write_recipe: Any, talk: Any, rows: str) -> None:
    data = (
        [pair(number) for number in range(9)]
        if rows == "pairs only"
        else [talk(number, language="tl") for number in range(9)]
    )
    with pytest.raises(InputError) as error:
        prepare(load(write_recipe(data, filters=["deidentify"], held_out=0)))
    assert "held_out" not in str(error.value)
