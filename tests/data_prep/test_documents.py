"""The documents of prepared data, read back by those they are for: mlcroissant, the Hub's card reader, `datasets`, people."""

from __future__ import annotations

import json
import re
import xml.etree.ElementTree as ET
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from data_prep import documents
from data_prep.datasheet import datasheet
from data_prep.documents import card, coverage, markdown, plots, residual
from data_prep.documents.parts import PARTS, batches
from data_prep.essence import essence
from data_prep.prepare import prepare
from wellgate.errors import InputError
from wellgate.files import sha256_file
from wellgate.recipe import Prepare, load
from wellgate.records import Conversation, read_jsonl, read_parquet

FORMATS = ["parquet", "jsonl"]
SECRET = "ZEBRASECRET"


def rate(hits: int, n: int, low: float, high: float) -> dict[str, Any]:
    return {"hits": hits, "n": n, "share": hits / n if n else None, "low": low, "high": high}


MEASURED = {
    "wellgate": {
        "passages": 600,
        "recall": rate(96, 100, 0.9, 0.99),
        "precision": rate(96, 120, 0.72, 0.87),
        "clean_touched": rate(3, 300, 0.0, 0.03),
        "over_redaction_per_1000_words": 4.5,
        "by_type": {"NAME": rate(40, 50, 0.66, 0.9), "PHONE": rate(0, 3, 0.0, 0.7), "AGE": rate(0, 0, 0.0, 1.0)},
        "by_origin": {},
        "worst_origin_gap": {"group": "slavic", "gap": 0.02, "low": -0.01, "high": 0.05},
        "kchar_per_s": 70.0,
    }
}


def rows() -> list[dict[str, Any]]:
    """40 conversations and 20 pairs, half of them tagged."""
    found: list[dict[str, Any]] = []
    for number in range(40):
        turns = [
            {"role": "user", "content": f"{SECRET} number {number} cannot sleep" + " and worries" * (number % 7)},
            {"role": "assistant", "content": f"That sounds hard, {number}."},
        ]
        tags = [f"level:S{number % 6}", f"topic:{'sleep' if number % 3 else 'work'}", "men", "x"] if number % 2 else []
        found.append({"id": f"c{number}", "group": f"g{number}", "messages": turns * (number % 2 + 1), "tags": tags})
    for number in range(20):
        pair = {"prompt": [{"role": "user", "content": f"{SECRET} pair {number}"}], "reason": "warmer"}
        found.append(
            pair | {"id": f"p{number}", "group": f"h{number}", "chosen": f"one two {number}", "rejected": "no"}
        )
    return found


class Prepared:
    """A prepared folder and all that its documents are made from."""

    def __init__(self, path: Path) -> None:
        recipe = load(path)
        manifest = prepare(recipe)
        self.section: Prepare = recipe.prepare
        self.key = manifest.key
        self.folder = path.parent / "runs" / "tiny" / f"prepare-{manifest.key[:12]}"
        self.counts = {name: value for name, value in manifest.counts.items() if name != "residual_leaks"}

    def write(self, **counts: Any) -> list[str]:
        return documents.write(self.folder, self.section, self.counts | counts, self.key)

    def text(self, name: str) -> str:
        return (self.folder / name).read_text(encoding="utf-8")

    def json(self, name: str) -> Any:
        return json.loads(self.text(name))


Make = Callable[..., Prepared]


@pytest.fixture
def make(write_recipe: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Make:
    """Prepare invented rows, with no benchmark measured."""
    monkeypatch.setattr(residual, "RESULTS", tmp_path / "results.json")

    def work(some: list[dict[str, Any]] | None = None, **keys: Any) -> Prepared:
        return Prepared(write_recipe(some or rows(), **{"held_out": 0.3, "near_duplicates": None, **keys}))

    return work


def test_all_documents_are_written_and_the_same_data_gives_the_same_bytes(make: Make) -> None:
    data = make()
    names = data.write()
    first = {name: data.text(name) for name in names}
    assert set(first) == {"DATASHEET.md", "README.md", "coverage.json", "coverage.svg", "croissant.json"}
    data.write()
    assert {name: data.text(name) for name in names} == first


def test_no_text_of_a_record_and_no_machine_path_stands_in_a_document(make: Make, tmp_path: Path) -> None:
    data = make()
    assert SECRET in str(read_parquet(data.folder / "train.parquet", Conversation))
    for name in data.write():
        assert SECRET not in data.text(name), name
        assert str(tmp_path) not in data.text(name), name
        assert "/work" not in data.text(name), name


# -- Croissant


@pytest.mark.parametrize("form", FORMATS)
def test_croissant_is_valid_and_reads_the_records_themselves(make: Make, form: str) -> None:
    import mlcroissant

    data = make(format=form)
    data.write()
    dataset = mlcroissant.Dataset(jsonld=str(data.folder / "croissant.json"))
    issues = dataset.metadata.ctx.issues
    assert not issues.errors
    assert [warning for warning in issues.warnings if "datePublished" not in warning] == []
    for part in ("train", "held_out", "preferences"):
        read = list(dataset.records(part))
        assert len(read) == data.counts[part], part
    turns = {
        one["train/id"].decode(): [{key: said.decode() for key, said in turn.items()} for turn in one["train/messages"]]
        for one in dataset.records("train")
    }
    path = data.folder / f"train.{form}"
    expected = read_parquet(path, Conversation) if form == "parquet" else list(read_jsonl(path, Conversation))
    assert turns == {
        one.id: [{"train/messages/role": turn.role, "train/messages/content": turn.content} for turn in one.messages]
        for one in expected
    }


def test_croissant_names_files_with_their_digests_and_says_what_it_conforms_to(make: Make) -> None:
    data = make()
    data.write()
    found = data.json("croissant.json")
    assert found["conformsTo"] == ["http://mlcommons.org/croissant/1.0", "http://mlcommons.org/croissant/RAI/1.0"]
    assert found["license"] == "https://spdx.org/licenses/CC0-1.0"
    for file in found["distribution"]:
        assert file["sha256"] == sha256_file(data.folder / file["contentUrl"])
    for name in ("dataCollection", "dataLimitations", "dataBiases", "dataUseCases", "personalSensitiveInformation"):
        assert found[f"rai:{name}"], name


def test_croissant_leaves_out_a_part_without_records(make: Make) -> None:
    data = make([row for row in rows() if "messages" in row], held_out=0)
    data.write()
    assert [one["@id"] for one in data.json("croissant.json")["recordSet"]] == ["train"]


# -- Dataset card


@pytest.mark.parametrize("form", FORMATS)
def test_the_hub_library_reads_the_card_and_datasets_loads_by_it(make: Make, form: str, tmp_path: Path) -> None:
    from datasets import load_dataset
    from huggingface_hub import DatasetCard

    data = make(format=form)
    data.write()
    front = DatasetCard.load(data.folder / "README.md").data.to_dict()
    assert (front["license"], front["language"], front["size_categories"]) == ("cc0-1.0", ["en"], ["n<1K"])
    assert front["task_categories"] == ["text-generation"]
    assert {"preference", "synthetic"} <= set(front["tags"])
    for kind, parts in {
        "conversations": ("train", "held_out"),
        "preferences": ("preferences", "preferences_held_out"),
    }.items():
        loaded = load_dataset(str(data.folder), kind, cache_dir=str(tmp_path / "cache"))
        assert {split: some.num_rows for split, some in loaded.items()} == {
            "train": data.counts[parts[0]],
            "test": data.counts[parts[1]],
        }


def test_empty_parts_are_no_files_of_the_card(make: Make) -> None:
    data = make([row for row in rows() if "messages" in row], held_out=0)
    data.write()
    front = yaml.safe_load(data.text("README.md").split("---\n")[1])
    files = [{"split": "train", "path": "train.parquet"}]
    assert front["configs"] == [{"config_name": "conversations", "data_files": files, "default": True}]
    assert "preference" not in front["tags"]


@pytest.mark.parametrize(
    ("licences", "expected"),
    [
        (["CC-BY-4.0"], {"license": "cc-by-4.0"}),
        (["MIT", "CC0-1.0"], {"license": ["cc0-1.0", "mit"]}),
        (["ODbL-1.0"], {"license": "odbl"}),
        (["GPL-3.0-or-later"], {"license": "gpl-3.0"}),
        (["NOASSERTION"], {"license": "unknown"}),
        (["CC-BY-4.0", "LicenseRef-agreement"], {"license": "other", "license_name": "terms-of-the-sources"}),
        (["MIT OR Apache-2.0"], {"license": "other", "license_name": "terms-of-the-sources"}),
        (["CC-BY-NC-1.0"], {"license": "other", "license_name": "terms-of-the-sources"}),
    ],
)
def test_licences_get_the_hubs_ids_where_it_has_one(licences: list[str], expected: dict[str, Any]) -> None:
    assert card.licence(dict.fromkeys(licences, 1)) == expected


@pytest.mark.parametrize(
    ("records", "name"),
    [(0, "n<1K"), (999, "n<1K"), (1000, "1K<n<10K"), (99_999, "10K<n<100K"), (2_000_000, "1M<n<10M")],
)
def test_size_categories_are_the_hubs(records: int, name: str) -> None:
    assert card.size(records) == name


def test_what_blocks_a_release_stands_in_front(make: Make) -> None:
    data = make(held_out=0)
    data.write()
    assert "Not for release" not in data.text("README.md")
    reasons = ["talks: CC-BY-NC-4.0: non-commercial"]
    data.write(terms=data.counts["terms"] | {"level": "non-commercial", "blocks_release": reasons})
    for name in ("README.md", "DATASHEET.md"):
        assert f"A release is blocked: {reasons[0]}" in data.text(name)
    assert data.text("README.md").index("Not for release") < data.text("README.md").index("## What it is")
    assert any(reasons[0] in said for said in data.json("croissant.json")["rai:dataLimitations"])


# -- Datasheet


def test_the_datasheet_shows_the_figures_of_the_counts(make: Make) -> None:
    data = make()
    rejected = {
        "dedup: exact duplicate": 1234,
        "dedup: near duplicate": 7,
        "decontaminate: holds an evaluation item": 5,
    }
    findings = {"dosing:reject": 11}
    text = datasheet(data.section, data.counts | {"rejected": rejected, "findings": findings, "rows": 5000})
    assert "Rows read: 5,000" in text
    assert "Exact duplicates left out: 1,234; near duplicates: 7" in text
    assert "hold an evaluation item: 5" in text
    assert "| dosing | reject | 11 |" in text
    assert f"share 0.3 held out, seed {data.section.seed}" in text
    assert data.counts["ledger"]["hash"] in text


def test_text_that_was_not_de_identified_or_checked_is_said_to_be_so(make: Make) -> None:
    data = make()
    data.write()
    for name in ("DATASHEET.md", "README.md"):
        assert "**Not de-identified.**" in data.text(name)
        assert "**Not checked.**" in data.text(name)
    assert "de-identified" not in yaml.safe_load(data.text("README.md").split("---\n")[1])["tags"]
    assert "They were not de-identified." in data.json("croissant.json")["rai:personalSensitiveInformation"]


# -- Residual leaks


def counts(replaced: dict[str, int], records: int = 100) -> dict[str, Any]:
    return dict.fromkeys(PARTS, 0) | {"train": records, "personal_data_replaced": replaced}


def test_residual_leaks_are_what_the_recall_leaves() -> None:
    found = documents.residual_leaks(counts({"NAME": 480, "URL": 10}, 200), MEASURED)
    assert found["per_1000"] | {"recall": None} == {
        "recall": None,
        "value": round(490 * 0.04 / 0.96 * 5, 2),
        "low": round(490 * 0.01 / 0.99 * 5, 2),
        "high": round(490 * 0.1 / 0.9 * 5, 2),
    }
    assert found["by_type"]["NAME"]["value"] == 480 * 0.2 / 0.8 * 5
    assert found["by_type"]["URL"]["value"] is None
    assert found["benchmark"]["passages"] == 600
    assert "kchar_per_s" not in found["benchmark"]


def test_a_recall_of_zero_leaves_no_bound() -> None:
    found = documents.residual_leaks(counts({"PHONE": 5, "AGE": 1}), MEASURED)["by_type"]
    assert (found["PHONE"]["value"], found["PHONE"]["high"]) == (None, None)
    assert found["PHONE"]["low"] > 0
    assert found["AGE"] == {"replaced": 1, "recall": None, "value": None, "low": None, "high": None}


@pytest.mark.parametrize(
    ("replaced", "records", "results"),
    [({"NAME": 3}, 9, {}), ({}, 9, MEASURED), ({"NAME": 0}, 9, MEASURED), ({"NAME": 3}, 0, MEASURED)],
)
def test_without_figures_nothing_is_estimated(replaced: dict[str, int], records: int, results: dict[str, Any]) -> None:
    found = documents.residual_leaks(counts(replaced, records), results)
    assert found["measured"] is False
    assert "per_1000" not in found


@settings(deadline=None)  # scipy is loaded on the way
@given(
    st.integers(1, 10**6),
    st.integers(1, 10**6),
    st.integers(1, 1000).flatmap(lambda n: st.tuples(st.integers(1, n), st.just(n))),
)
def test_the_interval_holds_the_estimate(replaced: int, records: int, found: tuple[int, int]) -> None:
    from dataclasses import asdict

    from data_prep.deidentify import score

    one = asdict(score.rate(*found))
    results = {"wellgate": {"recall": one, "by_type": {}}}
    leaks = documents.residual_leaks(counts({"NAME": replaced}, records), results)["per_1000"]
    assert 0 <= leaks["low"] <= leaks["value"] <= (float("inf") if leaks["high"] is None else leaks["high"])


def test_the_benchmarks_figures_reach_every_document(make: Make) -> None:
    data = make()
    residual.RESULTS.write_text(json.dumps(MEASURED), encoding="utf-8")
    data.write(personal_data_replaced={"NAME": 480})
    expected = documents.residual_leaks(data.counts | {"personal_data_replaced": {"NAME": 480}}, MEASURED)["per_1000"]
    said = f"still standing per 1,000 records: {expected['value']:,} [{expected['low']:,}, {expected['high']:,}]"
    assert said in data.text("DATASHEET.md")
    assert said in data.text("README.md")
    assert said in data.text("croissant.json")
    assert "The data is taken to be like the benchmark" in data.text("README.md")
    assert "0.960 [0.900, 0.990] (96/100)" in data.text("DATASHEET.md")


def test_without_a_benchmark_the_documents_say_so(make: Make) -> None:
    data = make()
    data.write(personal_data_replaced={"NAME": 480})
    for name in ("DATASHEET.md", "README.md", "croissant.json"):
        assert "not measured (the de-identification benchmark has not been run)" in data.text(name), name


def test_damaged_results_are_an_input_error(tmp_path: Path) -> None:
    (tmp_path / "results.json").write_text("{", encoding="utf-8")
    with pytest.raises(InputError, match=r"results\.json: damaged"):
        documents.measured(tmp_path / "results.json")


# -- Coverage


@pytest.mark.parametrize("form", FORMATS)
def test_coverage_counts_what_is_declared(make: Make, form: str) -> None:
    data = make(format=form, held_out=0)
    data.write()
    found = data.json("coverage.json")
    assert found["records"] == dict.fromkeys(PARTS, 0) | {"train": 40, "preferences": 20}
    train = {
        name: {value: parts["train"] for value, parts in one["values"].items()}
        for name, one in found["dimensions"].items()
    }
    assert train["severity"] == {"S0": 0, "S1": 7, "S2": 0, "S3": 7, "S4": 0, "S5": 6}
    assert train["topic"] == {"sleep": 13, "work": 7}
    assert (train["groups"], train["tag"]) == ({"men": 20}, {"x": 20})
    assert (train["language"], train["basis"]) == ({"en": 40}, {"synthetic": 40})
    not_stated = found["dimensions"]["severity"]["not_stated"]
    assert not_stated == dict.fromkeys(PARTS, 0) | {"train": 20, "preferences": 20}
    assert found["turns"]["train"]["histogram"]["2"] == found["turns"]["train"]["histogram"]["4"] == 20
    assert (found["words"]["preferences"]["min"], found["words"]["preferences"]["max"]) == (6, 6)


def test_the_formats_have_one_coverage(make: Make) -> None:
    found = [coverage.coverage(make(format=form).folder, form) for form in FORMATS]
    assert found[0] == found[1]


TEXT = st.text(
    st.characters(codec="utf-8", exclude_categories=["Cc", "Zs", "Zl", "Zp"]) | st.sampled_from(" \n\t"), min_size=1
)


@given(st.lists(st.lists(TEXT, min_size=1, max_size=3), min_size=1, max_size=5))
def test_words_and_turns_are_counted_as_a_reader_would(said: list[list[str]]) -> None:
    import pyarrow as pa

    roles = ["system", "user", "assistant"]
    shared = {
        "id": "a",
        "source": "s",
        "licence": "MIT",
        "consent": "synthetic",
        "group": "g",
        "language": "en",
        "tags": [],
    }
    records = [
        shared | {"messages": [{"role": role, "content": text} for role, text in zip(roles, texts, strict=False)]}
        for texts in said
    ]
    part = coverage.Part()
    part.add(pa.Table.from_pylist(records, schema=_schema()))
    assert sorted(part.words.elements()) == sorted(len(re.findall(r"[^ \n\t]+", " ".join(texts[1:]))) for texts in said)
    assert sorted(part.turns.elements()) == sorted(len(texts) - 1 for texts in said)


def _schema() -> Any:
    from wellgate.records import arrow_schema

    return arrow_schema(Conversation)


@given(st.lists(st.integers(0, 3000), min_size=1))
def test_the_summary_of_lengths_agrees_with_numpy(lengths: list[int]) -> None:
    from collections import Counter

    import numpy as np

    found = coverage._summary(Counter(lengths), coverage.BINS)
    for name, quantile in {"p10": 0.1, "median": 0.5, "p90": 0.9}.items():
        assert found[name] == np.quantile(lengths, quantile, method="inverted_cdf")
    assert sum(found["histogram"].values()) == found["n"] == len(lengths)
    assert found["histogram"]["100-199"] == sum(100 <= length < 200 for length in lengths)


def test_rare_values_are_summed_up(make: Make, talk: Any) -> None:
    data = make([talk(number, tags=[f"topic:t{number}"]) for number in range(coverage.MOST + 30)], held_out=0)
    topic = coverage.coverage(data.folder, "parquet")["dimensions"]["topic"]
    assert len(topic["values"]) == coverage.MOST
    assert topic["others"] == {"values": 30, "records": 30}


@pytest.mark.parametrize("form", FORMATS)
def test_parts_are_read_in_small_batches(make: Make, talk: Any, form: str) -> None:
    data = make([talk(number) for number in range(2500)], held_out=0, format=form)
    sizes = [rows.num_rows for rows in batches(data.folder / f"train.{form}", "train", ["tags"])]
    assert sum(sizes) == 2500
    assert max(sizes) <= 1024


def test_a_damaged_part_is_an_input_error(make: Make) -> None:
    data = make()
    (data.folder / "train.parquet").write_bytes(b"PAR1")
    with pytest.raises(InputError, match=r"train\.parquet: not a readable part"):
        data.write()


HOSTILE = [
    "topic:$x_{",
    "topic:a|b",
    "topic:<script>alert(1)</script>",
    "topic:a\x1b[31mred",
    "topic:睡眠",
    "topic:$a$",
]


def test_a_tag_cannot_break_out_of_a_document(make: Make, talk: Any) -> None:
    data = make([talk(number, tags=[tag]) for number, tag in enumerate(HOSTILE * 2)], held_out=0)
    data.write()
    picture = data.text("coverage.svg")
    ET.fromstring(picture)
    for shown in ("$x_{", "a|b", "睡眠", "$a$"):
        assert f">{shown}</text>" in picture, shown
    for name in ("README.md", "DATASHEET.md", "coverage.svg"):
        assert "<script" not in data.text(name), name
        assert "\x1b" not in data.text(name), name
    (row,) = [line for line in data.text("README.md").splitlines() if line.startswith("| a\\|b ")]
    assert row == "| a\\|b | 2 | 0 | 0 | 0 | 0 | 0 |"


@given(st.text())
def test_plain_text_stays_on_its_line_and_is_no_markup(text: str) -> None:
    shown = markdown.plain(text)
    assert len(shown.splitlines()) <= 1
    assert not re.search(r"[<>]|(?<!\\)[|`*]", shown)


def test_the_picture_has_a_place_for_everything_also_where_nothing_is_stated(make: Make, talk: Any) -> None:
    data = make([talk(number) for number in range(3)], held_out=0)
    picture = plots.svg(coverage.coverage(data.folder, "parquet"))
    for title in ("words", "turns", "severity level", "topics", "declared groups", "sources"):
        assert f">{title}</text>" in picture, title
    assert picture.count(">not stated</text>") == 3


# -- Essence


def test_the_essence_shows_figures_and_no_text_unless_asked(make: Make) -> None:
    data = make()
    said = essence(data.folder)
    assert SECRET not in said
    assert f"{data.counts['train']} train, {data.counts['held_out']} held out" in said
    assert "not measured" in said
    assert SECRET in essence(data.folder, text=2)


@pytest.mark.parametrize("form", FORMATS)
def test_as_many_records_as_asked_are_shown_once_each(make: Make, form: str) -> None:
    data = make(format=form)
    shown = [line for line in essence(data.folder, text=9, seed=1).splitlines() if line.startswith("-- ")]
    assert len(shown) == len(set(shown)) == 9
    assert shown == [line for line in essence(data.folder, text=9, seed=1).splitlines() if line.startswith("-- ")]
    assert shown != [line for line in essence(data.folder, text=9, seed=2).splitlines() if line.startswith("-- ")]
    assert essence(data.folder, text=1000).count("\n-- ") == 60


def test_the_essence_shows_whole_records(make: Make, talk: Any) -> None:
    data = make([talk(7)], held_out=0)
    shown = essence(data.folder, text=1).splitlines()[-3:]
    assert shown == ["-- train: talks/c7", "user:         Question 7 about sleep", "assistant:    Answer 7 about rest"]


def test_a_text_cannot_steer_the_terminal(make: Make) -> None:
    turns = [{"role": "user", "content": "a\x1b[2Jb\x07\nc"}, {"role": "assistant", "content": "fine\x9b31m"}]
    shown = essence(make([{"id": "a", "messages": turns}], held_out=0).folder, text=1)
    assert all(letter.isprintable() for letter in shown.replace("\n", ""))
    assert "a [2Jb" in shown


def test_a_folder_without_prepared_data_is_an_input_error(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no prepared data here"):
        essence(tmp_path)


def test_data_of_another_version_is_an_input_error(make: Make) -> None:
    data = make()
    manifest = data.json("manifest.json")
    del manifest["counts"]["risk"]
    (data.folder / "manifest.json").write_text(json.dumps(manifest), encoding="utf-8")
    with pytest.raises(InputError, match="another version"):
        essence(data.folder)
