"""Small invented files in each source's published shape: every row is a record, or a reason with its line."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from data_prep.read import LONGEST_ROW, Row, read_json, read_parquet, read_rows
from data_prep.sources import dialogue
from wellgate.errors import InputError
from wellgate.plugins import Source, load
from wellgate.recipe import load as load_recipe
from wellgate.records import Conversation, Rejected

FUZZ = settings(
    max_examples=150, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
COMMIT = "0123456789abcdef0123456789abcdef01234567"
OWN = {"licence": "CC0-1.0", "consent": "synthetic"}
PAIR = {"user": "asked", "assistant": "answered"}
PLANTED = "Zebulon"
"""Stands in the texts of bad rows, and must stand in no reason."""
Rows = list[Any]


def build(use: str, path: Path | str, **options: Any) -> Source:
    found = load(Source, use)  # type: ignore[type-abstract]
    return found.model_validate({"use": use, "path": str(path), **options})


def read(use: str, path: Path | str, **options: Any) -> Rows:
    rows = list(build(use, path, **options).rows())
    assert PLANTED not in str([row for row in rows if isinstance(row, Rejected)])
    return rows


def said(record: Any) -> list[tuple[str, str]]:
    assert isinstance(record, Conversation), record
    return [(turn.role, turn.content) for turn in record.messages]


def reason(record: Any) -> tuple[int, str]:
    assert isinstance(record, Rejected), record
    return record.line, record.reason


def write_csv(path: Path, columns: Sequence[str], rows: Sequence[Sequence[object]]) -> Path:
    with path.open("w", encoding="utf-8", newline="") as stream:
        writer = csv.writer(stream)
        writer.writerow(columns)
        writer.writerows(rows)
    return path


def write_json(path: Path, value: object) -> Path:
    path.write_text(json.dumps(value, indent=1, ensure_ascii=False), encoding="utf-8")
    return path


# --- tabular ---------------------------------------------------------------------------------------------------------

TABLE = [
    {"ref": "a1", "client": "c-1", "asked": "I wake at four.", "answered": "And then?", "theme": "sleep", "lang": "en"},
    {
        "ref": "a2",
        "client": "c-1",
        "asked": "Duermo mal.",
        "answered": "¿Desde cuándo?",
        "theme": "sleep",
        "lang": "es",
    },
    {"ref": "a3", "client": "c-2", "asked": PLANTED, "answered": " ", "theme": "work", "lang": "en"},
]


def table_csv(folder: Path) -> Path:
    return write_csv(folder / "talks.csv", list(TABLE[0]), [list(row.values()) for row in TABLE])


def table_jsonl(folder: Path) -> Path:
    path = folder / "talks.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in TABLE), encoding="utf-8")
    return path


def table_json(folder: Path) -> Path:
    return write_json(folder / "talks.json", TABLE)


def table_parquet(folder: Path) -> Path:
    pq.write_table(pa.Table.from_pylist(TABLE), folder / "talks.parquet")
    return folder / "talks.parquet"


@pytest.mark.parametrize(
    ("write", "line"),
    [(table_csv, 4), (table_jsonl, 3), (table_json, 18), (table_parquet, 3)],
    ids=lambda v: getattr(v, "__name__", str(v)),
)
def test_one_table_gives_the_same_records_in_every_format(
    tmp_path: Path, write: Callable[[Path], Path], line: int
) -> None:
    columns = {**PAIR, "id": "ref", "group": "client", "language": "lang", "tags": ["theme"]}
    first, second, bad = read("tabular", write(tmp_path), columns=columns, **OWN)
    assert said(first) == [("user", "I wake at four."), ("assistant", "And then?")]
    assert (first.id, first.group, first.tags) == ("talks/a1", "talks/c-1", ("theme:sleep",))
    assert (first.licence, first.consent, first.language, second.language) == ("CC0-1.0", "synthetic", "en", "es")
    assert first.group == second.group
    assert reason(bad) == (line, "empty turn (content)")


def test_a_row_may_state_its_own_terms_and_falls_back_on_the_recipe(tmp_path: Path) -> None:
    columns = ["asked", "answered", "terms", "basis"]
    path = write_csv(tmp_path / "t.csv", columns, [["a", "b", "CC-BY-4.0", "consented"], ["c", "d", "", ""]])
    own, recipe = read("tabular", path, columns={**PAIR, "licence": "terms", "consent": "basis"}, **OWN)
    assert (own.licence, own.consent) == ("CC-BY-4.0", "consented")
    assert (recipe.licence, recipe.consent) == ("CC0-1.0", "synthetic")


def test_messages_may_have_other_names_and_stand_as_json_text(tmp_path: Path) -> None:
    turns = [{"from": "human", "value": "Hello"}, {"from": "gpt", "value": "What is it?"}]
    columns = {"messages": "talk", "role": "from", "content": "value", "roles": {"human": "user", "gpt": "assistant"}}
    for path in (
        write_json(tmp_path / "list.json", [{"talk": turns}]),
        write_csv(tmp_path / "text.csv", ["talk"], [[json.dumps(turns)]]),
        write_json(
            tmp_path / "columns.json", [{"talk": {"from": ["human", "gpt"], "value": ["Hello", "What is it?"]}}]
        ),
    ):
        (record,) = read("tabular", path, columns=columns, **OWN)
        assert said(record) == [("user", "Hello"), ("assistant", "What is it?")]


def test_an_empty_system_cell_is_no_system_turn(tmp_path: Path) -> None:
    path = write_csv(tmp_path / "t.csv", ["s", "asked", "answered"], [["Be brief.", "a", "b"], ["", "c", "d"]])
    first, second = read("tabular", path, columns={**PAIR, "system": "s"}, **OWN)
    assert said(first)[0] == ("system", "Be brief.")
    assert [role for role, _ in said(second)] == ["user", "assistant"]


UNEVEN = {"role": ["user", "assistant"], "content": [PLANTED, "b", "c"]}


@pytest.mark.parametrize(
    "talk", ["{", "[1]", 7, None, [], [{"role": "user"}], [{"role": ["x"], "content": PLANTED}], UNEVEN]
)
def test_what_is_no_list_of_turns_is_a_reason(tmp_path: Path, talk: object) -> None:
    (bad,) = read("tabular", write_json(tmp_path / "t.json", [{"talk": talk}]), columns={"messages": "talk"}, **OWN)
    assert reason(bad)[0] == 2


@pytest.mark.parametrize(
    ("cells", "expected"),
    [
        ({"asked": 5}, "string_type (content)"),
        ({"asked": "a\x00b"}, "NUL byte"),
        ({"theme": PLANTED * 20}, "a tag is longer than 120 characters"),
        ({"ref": "not an id"}, "the id is not a short word"),
        ({"lang": f"{PLANTED} speaks"}, "the language is no tag as `en` or `pt-BR`"),
        ({"ref": None}, "the id is not a short word"),
    ],
)
def test_a_bad_cell_is_a_reason(tmp_path: Path, cells: dict[str, object], expected: str) -> None:
    columns = {**PAIR, "id": "ref", "language": "lang", "tags": ["theme"]}
    path = write_json(tmp_path / "t.json", [TABLE[0] | cells, TABLE[1]])
    bad, good = read("tabular", path, columns=columns, **OWN)
    assert reason(bad) == (2, expected)
    assert isinstance(good, Conversation)


def test_a_field_that_one_row_lacks_is_a_reason_and_a_column_that_a_csv_lacks_is_an_error(tmp_path: Path) -> None:
    path = write_json(tmp_path / "t.json", [{"asked": PLANTED}, TABLE[0]])
    assert reason(read("tabular", path, columns=PAIR, **OWN)[0]) == (2, "missing field answered")
    with pytest.raises(InputError, match="missing column reply"):
        read("tabular", table_csv(tmp_path), columns={"user": "asked", "assistant": "reply"}, **OWN)


def test_a_group_that_is_a_name_or_an_address_is_hashed(tmp_path: Path) -> None:
    rows = [["a", "b", f"{PLANTED} Quill"], ["c", "d", f" {PLANTED.lower()}  quill"], ["e", "f", ""]]
    path = write_csv(tmp_path / "t.csv", ["asked", "answered", "who"], rows)
    first, second, alone = read("tabular", path, columns={**PAIR, "group": "who"}, **OWN)
    assert first.group == second.group
    assert PLANTED.lower() not in first.group.lower()
    assert alone.group == "t/line-4"


@pytest.mark.parametrize(
    "columns",
    [
        {},
        {"user": "a"},
        {"assistant": "a"},
        {"messages": "a", "user": "b", "assistant": "c"},
        {"messages": "a", "user": "b"},
    ],
)
def test_columns_must_name_one_way_to_speak(tmp_path: Path, columns: dict[str, str]) -> None:
    with pytest.raises(ValidationError, match="name either `messages`, or `user` and `assistant`"):
        build("tabular", tmp_path / "t.csv", columns=columns, **OWN)


@pytest.mark.parametrize("use", ["tabular", "dataset"])
@pytest.mark.parametrize("missing", ["licence", "consent", "columns"])
def test_your_own_data_needs_its_terms_in_the_recipe(tmp_path: Path, use: str, missing: str) -> None:
    options = {"columns": PAIR, **OWN}
    del options[missing]
    with pytest.raises(ValidationError, match=missing):
        build(use, table_csv(tmp_path), **options)


def test_a_misspelt_column_key_is_told_with_its_place(tmp_path: Path, write_recipe: Any) -> None:
    source = {"use": "tabular", "path": "t.csv", "columns": {**PAIR, "gruop": "who"}, **OWN}
    with pytest.raises(InputError, match=r"recipe\.yaml:\d+: prepare\.sources\.0\.columns\.gruop: unknown key"):
        load_recipe(write_recipe(sources=[source]))


def test_a_file_of_another_kind_is_an_input_error(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"must end in \.csv, \.json, \.jsonl or \.parquet"):
        read("tabular", tmp_path / "t.xlsx", columns=PAIR, **OWN)


# --- dataset ---------------------------------------------------------------------------------------------------------


@pytest.fixture
def no_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where `datasets` would keep copies of what it reads."""
    import datasets

    monkeypatch.setattr(datasets.config, "HF_DATASETS_CACHE", tmp_path / "cache")
    return tmp_path / "cache"


@pytest.mark.parametrize("write", [table_csv, table_jsonl, table_json, table_parquet])
@pytest.mark.parametrize("whole", [True, False], ids=["folder", "file"])
def test_a_local_set_is_read_and_no_copy_is_kept(
    tmp_path: Path, no_cache: Path, write: Callable[[Path], Path], whole: bool
) -> None:
    folder = tmp_path / "set"
    folder.mkdir()
    path = write(folder)
    first, second, bad = read("dataset", folder if whole else path, columns={**PAIR, "id": "ref"}, **OWN)
    assert said(first) == [("user", "I wake at four."), ("assistant", "And then?")]
    assert first.id == f"{'set' if whole else 'talks'}/a1"
    assert isinstance(second, Conversation)
    assert reason(bad) == (3, "empty turn (content)")
    assert [file for file in no_cache.rglob("*") if file.is_file() and file.stat().st_size] == [], "locks only"


def test_messages_of_a_parquet_set_stay_lists_of_turns(tmp_path: Path, no_cache: Path) -> None:
    turns = [{"role": "user", "content": "Hello"}, {"role": "assistant", "content": "What is it?"}]
    (tmp_path / "set" / "data").mkdir(parents=True)
    pq.write_table(pa.Table.from_pylist([{"talk": turns}]), tmp_path / "set" / "data" / "train-00000-of-00001.parquet")
    (record,) = read("dataset", tmp_path / "set", columns={"messages": "talk"}, **OWN)
    assert said(record) == [("user", "Hello"), ("assistant", "What is it?")]


def test_a_hub_set_is_loaded_at_its_commit(monkeypatch: pytest.MonkeyPatch) -> None:
    import datasets

    asked: dict[str, Any] = {}

    def load_dataset(path: str, name: str | None, **options: Any) -> Rows:
        asked.update({"path": path, "name": name, **options})
        return [TABLE[0]]

    monkeypatch.setattr(datasets, "load_dataset", load_dataset)
    source = build("dataset", "lab/talks", revision=COMMIT, name="en", split="test", columns=PAIR, **OWN)
    (record,) = source.rows()
    assert asked == {"path": "lab/talks", "name": "en", "revision": COMMIT, "split": "test", "streaming": True}
    assert record.id == "talks/line-1"
    assert source.files() == {}


@pytest.mark.parametrize(
    ("path", "revision", "expected"),
    [
        ("lab/talks", None, "needs `revision: <40-digit commit>`"),
        ("lab/talks", "main", "needs `revision: <40-digit commit>`"),
        ("lab/talks", COMMIT[:39], "needs `revision: <40-digit commit>`"),
        ("lab/talks", COMMIT + "0", "needs `revision: <40-digit commit>`"),
        ("lab/talks", COMMIT.upper(), "needs `revision: <40-digit commit>`"),
        ("talks", COMMIT, "neither a local folder or file nor a Hub name"),
        ("../talks/x", COMMIT, "neither a local folder or file nor a Hub name"),
        ("{tmp}", COMMIT, "a local set has no `revision`"),
        ("{tmp}/notes.txt", None, "a file must end in"),
    ],
)
def test_a_set_that_is_not_pinned_is_refused(tmp_path: Path, path: str, revision: str | None, expected: str) -> None:
    (tmp_path / "notes.txt").write_text("x", encoding="utf-8")
    with pytest.raises(ValidationError, match=expected):
        build("dataset", path.format(tmp=tmp_path), revision=revision, columns=PAIR, **OWN)


@pytest.mark.parametrize(
    ("name", "content"),
    [("t.parquet", b"PAR1 no"), ("t.json", b'[{"asked": "Zebulon'), ("t.csv", b'asked,answered\n"Zebulon,b\n')],
)
def test_a_damaged_set_is_one_error_without_text(tmp_path: Path, no_cache: Path, name: str, content: bytes) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(InputError) as caught:
        read("dataset", tmp_path / name, columns=PAIR, **OWN)
    assert PLANTED not in str(caught.value)


def test_a_split_that_is_not_there_is_an_input_error(tmp_path: Path, no_cache: Path) -> None:
    with pytest.raises(InputError, match="check path, name, split"):
        read("dataset", table_jsonl(tmp_path), split="tset", columns=PAIR, **OWN)


# --- AnnoMI ----------------------------------------------------------------------------------------------------------

ANNOMI = ("transcript_id", "mi_quality", "video_title", "video_url", "topic", "utterance_id", "interlocutor")
ANNOMI = (*ANNOMI, "timestamp", "utterance_text", "main_therapist_behaviour", "client_talk_type")


def session(id: int, *spoken: tuple[str, str], quality: str = "high", topic: str = "sleep; coffee ") -> Rows:
    return [
        [
            id,
            quality,
            "An invented session",
            "https://video.example.org",
            topic,
            number,
            who,
            "00:00:01",
            text,
            "x",
            "y",
        ]
        for number, (who, text) in enumerate(spoken)
    ]


def annomi(folder: Path, *sessions: Rows) -> Rows:
    rows = [row for one in sessions for row in one]
    return read("annomi", write_csv(folder / "AnnoMI-simple.csv", ANNOMI, rows))


GOOD_SESSION = session(
    4,
    ("therapist", "Come in."),
    ("therapist", "Sit."),
    ("client", "I drink"),
    ("client", "six cups."),
    ("therapist", "Six."),
)


def test_a_transcript_is_one_conversation(tmp_path: Path) -> None:
    later = session(5, ("client", "Hello."), ("therapist", "Hm."), ("client", "Bye."), quality="low", topic="naps")
    first, second = annomi(tmp_path, GOOD_SESSION, later)
    assert said(first) == [("user", "I drink six cups."), ("assistant", "Six.")]
    assert first.tags == ("quality:high", "topic:sleep", "topic:coffee", "opening:left out")
    assert (first.id, first.group, first.licence) == ("annomi/4", "annomi/4", "LicenseRef-unknown")
    assert said(second) == [("user", "Hello."), ("assistant", "Hm."), ("user", "Bye.")]
    assert second.tags == ("quality:low", "topic:naps")


def test_lines_of_several_annotators_are_said_once(tmp_path: Path) -> None:
    (once,) = annomi(tmp_path, GOOD_SESSION)
    (twice,) = annomi(tmp_path, [row for row in GOOD_SESSION for _ in range(10)])
    assert twice == once


@pytest.mark.parametrize(
    ("damage", "expected"),
    [
        (lambda rows: rows[2].__setitem__(8, f"{PLANTED}\x00"), (4, "NUL byte")),
        (lambda rows: rows[2].pop(), (4, "another number of columns than the header")),
        (lambda rows: rows.pop(1), (2, "utterances are missing or out of order")),
        (lambda rows: rows.pop(0), (2, "utterances are missing or out of order")),
        (lambda rows: rows.insert(0, rows.pop()), (2, "utterances are missing or out of order")),
        (lambda rows: rows[2].__setitem__(6, PLANTED), (2, "unknown role (role)")),
        (lambda rows: [row.__setitem__(8, " ") for row in rows], (2, "empty turn (content)")),
    ],
)
def test_a_bad_utterance_leaves_out_its_transcript_and_no_other(
    tmp_path: Path, damage: Callable[[Rows], object], expected: tuple[int, str]
) -> None:
    rows = [list(row) for row in GOOD_SESSION]
    damage(rows)
    bad, good = annomi(tmp_path, rows, session(9, ("client", "Hello."), ("therapist", "Hm.")))
    assert reason(bad) == expected
    assert good.id == "annomi/9"


def test_a_transcript_that_goes_on_after_another_is_a_duplicate(tmp_path: Path) -> None:
    short = session(4, ("client", "Hello."), ("therapist", "Hm."))
    _, _, again = annomi(tmp_path, short, session(5, ("client", "A"), ("therapist", "B")), short)
    assert reason(again) == (6, "duplicate id, first on line 2")


# --- ESConv ----------------------------------------------------------------------------------------------------------


def chat(*spoken: tuple[str, str, str | None], **fields: Any) -> dict[str, Any]:
    dialog = [
        {"speaker": who, "annotation": {"strategy": strategy} if strategy else {"feedback": "4"}, "content": text}
        for who, text, strategy in spoken
    ]
    base = {"experience_type": "Current", "emotion_type": "fear", "problem_type": "sleep problems"}
    return {**base, "situation": "An invented one.", "survey_score": {"seeker": {}}, "dialog": dialog, **fields}


def test_an_esconv_chat_is_one_conversation(tmp_path: Path) -> None:
    talk = chat(
        ("supporter", "Hello\n", "Question"),
        ("seeker", "hi\n", None),
        ("seeker", "I cannot sleep \n", None),
        ("supporter", "Since when?", "Question"),
        ("supporter", "That is hard.", "Affirmation and Reassurance"),
    )
    (record,) = read("esconv", write_json(tmp_path / "ESConv.json", [talk]))
    assert said(record) == [("user", "hi\nI cannot sleep"), ("assistant", "Since when?\nThat is hard.")]
    assert record.tags[:2] == ("emotion:fear", "problem:sleep problems")
    assert record.tags[2:] == ("strategy:Affirmation and Reassurance", "strategy:Question", "opening:left out")
    assert record.licence == "CC-BY-NC-4.0"
    assert "invented" not in str(record)


@pytest.mark.parametrize(
    ("bad", "expected"),
    [
        ({"dialog": [{"speaker": "seeker", "content": PLANTED}]}, "not in the published shape"),
        (chat(("seeker", PLANTED, None), dialog=None), "not in the published shape"),
        (chat(("seeker", PLANTED, None), dialog=PLANTED), "not in the published shape"),
        (chat(("seeker", PLANTED, None)), "no assistant turn"),
        (chat(("listener", PLANTED, "Question")), "unknown role (role)"),
        (
            chat(("seeker", PLANTED, None), ("supporter", "ok", "Other"), emotion_type=PLANTED * 30),
            "a tag is longer than 120 characters",
        ),
        ([PLANTED], "not a JSON object"),
    ],
)
def test_a_bad_chat_is_a_reason_with_its_line(tmp_path: Path, bad: object, expected: str) -> None:
    good = chat(("seeker", "hi", None), ("supporter", "Since when?", "Question"))
    path = tmp_path / "ESConv.json"
    path.write_text(f"[{json.dumps(good)},\n\n{json.dumps(bad)},\n{json.dumps(good)}\n]\n", encoding="utf-8")
    first, middle, last = read("esconv", path)
    assert reason(middle) == (3, expected)
    assert (first.id, last.id) == ("esconv/0", "esconv/2")


# --- EmpatheticDialogues ---------------------------------------------------------------------------------------------

ED = "conv_id,utterance_idx,context,prompt,speaker_idx,utterance,selfeval,tags\n"


def empathetic(folder: Path, text: str) -> Rows:
    (folder / "train.csv").write_text(ED + text, encoding="utf-8")
    return read("empathetic_dialogues", folder / "train.csv")


def test_who_speaks_first_is_the_user_and_quotes_are_characters(tmp_path: Path) -> None:
    first, second = empathetic(
        tmp_path,
        'hit:1_conv:1,1,afraid,A noise_comma_ late.,7,"Help_comma_ I heard a noise.,5|5|5,\n'
        "hit:1_conv:1,2,afraid,A noise_comma_ late.,9,What was it?,5|5|5,\n"
        "hit:1_conv:1,3,afraid,A noise_comma_ late.,7,The cat.,5|5|5,\n"
        "hit:1_conv:2,1,proud,A cake.,9,I baked.,5|5|5,,one reply|another_comma_ reply\n"
        "hit:1_conv:2,2,proud,A cake.,7,Well done.,5|5|5,,one reply|another_comma_ reply\n",
    )
    assert said(first) == [("user", '"Help, I heard a noise.'), ("assistant", "What was it?"), ("user", "The cat.")]
    assert (first.id, first.group) == ("empathetic_dialogues/hit:1_conv:1", "empathetic_dialogues/7")
    assert (first.tags, first.licence) == (("emotion:afraid",), "CC-BY-NC-4.0")
    assert said(second) == [("user", "I baked."), ("assistant", "Well done.")]
    assert second.group == "empathetic_dialogues/9"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (f"c:0,1,sad,p,1,{PLANTED},5,\n", (2, "no assistant turn")),
        (f"c:0,1,sad,p,1,{PLANTED},5,\nc:0,3,sad,p,2,Oh.,5,\n", (2, "utterances are missing or out of order")),
        (f"c:0,1,sad,p,1,{PLANTED},5,\nc:0,2,sad\n", (3, "another number of columns than the header")),
        (f"c:0,1,sad,p,1,{PLANTED},5,\nc:0,2,sad,p,2,,5,\n", (2, "empty turn (content)")),
    ],
)
def test_a_bad_dialogue_is_a_reason_with_its_line(tmp_path: Path, text: str, expected: tuple[int, str]) -> None:
    bad, good = empathetic(tmp_path, text + "c:1,1,sad,p,1,Hi.,5,\nc:1,2,sad,p,2,Hello.,5,\n")
    assert reason(bad) == expected
    assert good.id == "empathetic_dialogues/c:1"


# --- MedQuAD ---------------------------------------------------------------------------------------------------------

PAGE = """<?xml version="1.0" encoding="UTF-8"?>
<Document id="0000003" source="Invented" url="https://health.example.org/sleep">
<Focus>Sleep Disorders</Focus>
<QAPairs>
	<QAPair pid="1">
		<Question qid="0000003-1" qtype="information">What is (are) Sleep Disorders ?</Question>
		<Answer>They are many &amp; common.</Answer>
	</QAPair>
	<QAPair pid="2">
		<Question qid="0000003-2" qtype="treatment">Zebulon ?</Question>
		<Answer></Answer>
	</QAPair>
</QAPairs>
</Document>
"""
LINE = {"id": "4_Set/0000003#1", "source": "Invented", "url": "https://health.example.org", "focus": "Sleep Disorders"}
LINE |= {"qtype": "information", "question": "What is (are) Sleep Disorders ?", "answer": "They are many & common."}


def test_pages_and_lines_give_the_same_record(tmp_path: Path) -> None:
    (tmp_path / "all" / "4_Set").mkdir(parents=True)
    (tmp_path / "all" / "4_Set" / "0000003.xml").write_text(PAGE, encoding="utf-8")
    (tmp_path / "selection.jsonl").write_text(json.dumps(LINE) + "\n", encoding="utf-8")
    page, bad = read("medquad", tmp_path / "all")
    (line,) = read("medquad", tmp_path / "selection.jsonl")
    assert page == line
    assert said(page) == [("user", "What is (are) Sleep Disorders ?"), ("assistant", "They are many & common.")]
    assert (page.id, page.tags) == ("medquad/4_Set/0000003#1", ("education", "qtype:information"))
    assert page.licence == "CC-BY-4.0"
    assert reason(bad) == (9, "empty turn (content)")
    assert (bad.id, bad.file) == ("medquad/all/4_Set/0000003.xml/line-9", "all/4_Set/0000003.xml")


def test_pages_on_one_condition_are_one_group(tmp_path: Path) -> None:
    rows = [LINE, LINE | {"id": "5_Set/1#1", "focus": "sleep  disorders"}, LINE | {"id": "5_Set/2#1", "focus": "Grief"}]
    (tmp_path / "m.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    first, second, other = read("medquad", tmp_path / "m.jsonl")
    assert first.group == second.group != other.group


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (PAGE[:-15].encode(), "not XML"),
        (PAGE.replace("common", "comm\xe9").encode("latin-1"), "not UTF-8"),
        (b"<Document></Document>", None),
        (b'<!DOCTYPE a [<!ENTITY b SYSTEM "file:///etc/hostname">]><Document><Focus>&b;</Focus></Document>', "not XML"),
    ],
)
def test_a_bad_page_is_one_reason(tmp_path: Path, content: bytes, expected: str | None) -> None:
    (tmp_path / "0000003.xml").write_bytes(content)
    found = read("medquad", tmp_path / "0000003.xml")
    assert [row.reason for row in found] == ([expected] if expected else [])


def test_a_pair_without_its_parts_is_a_reason(tmp_path: Path) -> None:
    (tmp_path / "1.xml").write_text(PAGE.replace("<Focus>Sleep Disorders</Focus>", ""), encoding="utf-8")
    assert [reason(row) for row in read("medquad", tmp_path / "1.xml")] == [
        (5, "missing field focus"),
        (9, "missing field focus"),
    ]


# --- MentalChat16K and Psych8k ---------------------------------------------------------------------------------------

INSTRUCTED = [
    {"instruction": "Answer as a counsellor.", "input": "I put off the call.", "output": "What would it say?"},
    {"instruction": "Answer as a counsellor.", "input": " i put off  the call.", "output": "Which call?"},
    {"instruction": "Answer as a counsellor.", "input": f"I am {PLANTED}.", "output": ""},
]


@pytest.mark.parametrize(("use", "licence"), [("mentalchat16k", "MIT"), ("psych8k", "CC-BY-NC-SA-4.0")])
def test_instruction_rows_become_conversations(tmp_path: Path, use: str, licence: str) -> None:
    rows = [list(row.values()) for row in INSTRUCTED]
    csv_path = write_csv(tmp_path / "Interview Data.csv", list(INSTRUCTED[0]), rows)
    json_path = write_json(tmp_path / "shareGPT_2.0.json", INSTRUCTED)
    for path, stem, lines in ((csv_path, "Interview-Data", (2, 4)), (json_path, "shareGPT_2.0", (2, 12))):
        first, second, bad = read(use, path)
        assert said(first) == [("user", "I put off the call."), ("assistant", "What would it say?")]
        assert (first.id, first.licence) == (f"{use}/{stem}:{lines[0]}", licence)
        assert first.group == second.group
        assert reason(bad) == (lines[1], "empty turn (content)")


def test_a_missing_output_is_told(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="missing column output"):
        read("mentalchat16k", write_csv(tmp_path / "t.csv", ["instruction", "input"], []))


# --- IMHI ------------------------------------------------------------------------------------------------------------


def query(post: str, question: str) -> str:
    return f'Consider this post: "{post}" Question: {question}'


def test_a_post_is_one_group_in_all_files(tmp_path: Path) -> None:
    for folder, question in (("Irf", "Does the post show risk?"), ("SAD", "What is the stress cause?")):
        (tmp_path / folder).mkdir()
        rows = [[query('It is "due" at noon', question), "Yes. Reasoning: ..."], [PLANTED, "No."]]
        write_csv(tmp_path / folder / "val.csv", ["query", "gpt-3.5-turbo"], rows)
    first, bad, second, _ = read("imhi", tmp_path, pattern="**/*.csv")
    assert said(first) == [
        ("user", query('It is "due" at noon', "Does the post show risk?")),
        ("assistant", "Yes. Reasoning: ..."),
    ]
    assert (first.id, second.id) == ("imhi/Irf/val:0", "imhi/SAD/val:0")
    assert first.group == second.group
    assert first.tags == ("assessment", "file:Irf/val")
    assert (first.licence, first.consent.startswith("published (train, evaluate)")) == ("LicenseRef-unknown", True)
    assert reason(bad) == (3, "no post and question in the query")
    assert bad.file == "Irf/val.csv"


def test_rated_explanations_are_refused(tmp_path: Path) -> None:
    path = write_csv(
        tmp_path / "dr.csv", ["text", "label", "gpt-3.5-turbo", "fluency"], [[PLANTED, "1", "Yes.", "[3]"]]
    )
    with pytest.raises(InputError, match="missing column query"):
        read("imhi", path)


@pytest.mark.parametrize("use", ["imhi", "smile"])
def test_an_empty_folder_is_an_input_error(tmp_path: Path, use: str) -> None:
    with pytest.raises(InputError, match="no "):
        read(use, tmp_path)


# --- SMILE -----------------------------------------------------------------------------------------------------------


def test_a_file_is_one_talk(tmp_path: Path) -> None:
    talk = [("counselor", "你好"), ("client", "我睡不着"), ("client", "已经一周了"), ("counselor", "发生了什么？")]
    write_json(tmp_path / "7.json", [{"role": role, "content": text, "annotation": []} for role, text in talk])
    (record,) = read("smile", tmp_path)
    assert said(record) == [("user", "我睡不着\n已经一周了"), ("assistant", "发生了什么？")]
    assert (record.id, record.group, record.language) == ("smile/7", "smile/7", "zh")
    assert (record.licence, record.tags) == ("LicenseRef-unknown", ("opening:left out",))
    (english,) = read("smile", tmp_path / "7.json", language="en")
    assert english.language == "en"


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (b'[{"role": "client", "content": "Zebulon', (1, "not a JSON list")),
        (b"", (1, "not a JSON list")),
        (b"{}", (1, "not a JSON list")),
        (b"[]", (1, "messages is not a list of turns")),
        (b'[\n{"role": "client", "content": "Zebulon\\u0000"}]', (2, "NUL byte")),
        (b'[{"role": "client", "content": "Zebulon"}]', (1, "no assistant turn")),
        (b'[{"role": "client"}, {"role": "counselor", "content": "Zebulon"}]', (1, "string_type (content)")),
        (b'[{"role": ["Zebulon"], "content": "x"}]', (1, "unknown role (role)")),
    ],
)
def test_a_bad_talk_is_a_reason_and_its_neighbours_survive(
    tmp_path: Path, content: bytes, expected: tuple[int, str]
) -> None:
    (tmp_path / "0.json").write_bytes(content)
    write_json(tmp_path / "1.json", [{"role": "client", "content": "你好"}, {"role": "counselor", "content": "嗯"}])
    bad, good = read("smile", tmp_path)
    assert reason(bad) == expected
    assert (bad.file, good.id) == ("0.json", "smile/1")


# --- what they share -------------------------------------------------------------------------------------------------

SPOKEN = st.lists(st.tuples(st.sampled_from(["user", "assistant"]), st.text("ab \n", max_size=5)), max_size=8)


@FUZZ
@given(SPOKEN)
def test_a_dialogue_alternates_and_loses_nothing_but_the_opening(spoken: list[tuple[str, str]]) -> None:
    turns, tags = dialogue(spoken)
    roles = [turn["role"] for turn in turns]
    assert all(first != second for first, second in pairwise(roles))
    opening = next((place for place, (role, _) in enumerate(spoken) if role == "user"), 0) if tags else 0
    assert all(role == "assistant" for role, _ in spoken[:opening])
    kept = "".join(text for _, text in spoken[opening:])
    assert "".join("".join(str(turn["content"]).split()) for turn in turns) == "".join(kept.split())
    assert dialogue([(str(turn["role"]), turn["content"]) for turn in turns])[0] == turns


TEXT = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\x00\\"), max_size=9)
JSON = st.dictionaries(TEXT, TEXT, max_size=3)


@FUZZ
@given(st.lists(JSON, max_size=4), st.sampled_from([None, 0, 2]), st.sampled_from(["", "\ufeff", " \n"]))
def test_whatever_was_written_as_a_json_list_is_read_back_with_its_lines(
    tmp_path: Path, values: list[dict[str, str]], indent: int | None, start: str
) -> None:
    text = start + json.dumps(values, indent=indent, ensure_ascii=False) + "\n"
    (tmp_path / "x.json").write_text(text, encoding="utf-8", newline="\n")
    rows = list(read_json(tmp_path / "x.json"))
    assert [row.fields for row in rows] == values
    if indent is not None and all(values):
        lengths = [2 + len(value) for value in values]
        assert [row.line for row in rows] == [
            text.count("\n", 0, text.find("[")) + 2 + sum(lengths[:n]) for n in range(len(values))
        ]


@FUZZ
@given(
    st.binary(max_size=40)
    | st.lists(st.sampled_from([b"[", b"]", b",", b"{}", b'{"a": 1}', b"\n", b"1", b'"', b"\xff", b"\x00"])).map(
        b"".join
    )
)
def test_whatever_the_bytes_a_json_list_is_rows_or_an_input_error(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "x.json").write_bytes(content)
    try:
        rows = list(read_json(tmp_path / "x.json"))
    except InputError:
        return
    assert isinstance(json.loads(content.decode("utf-8-sig", "surrogateescape")), list)
    assert len(rows) == len(json.loads(content.decode("utf-8-sig", "surrogateescape")))


@pytest.mark.parametrize("text", ["[{}", "[{},", "[{},]", "[{} {}]", "[{}]x", "[,]", "{}", "[", "[" * 100_000])
def test_a_json_list_that_is_cut_off_or_damaged_is_an_input_error(tmp_path: Path, text: str) -> None:
    (tmp_path / "x.json").write_text(text, encoding="utf-8")
    with pytest.raises(InputError, match=r"x\.json:1: not "):
        list(read_json(tmp_path / "x.json"))


def test_a_turn_of_five_megabytes_is_a_reason_in_every_format(tmp_path: Path) -> None:
    rows = [{"asked": "x" * 5_000_000, "answered": "b"}, {"asked": "a", "answered": "b"}]
    pq.write_table(pa.Table.from_pylist(rows), tmp_path / "t.parquet")
    write_json(tmp_path / "t.json", rows)
    write_csv(tmp_path / "t.csv", list(rows[0]), [list(row.values()) for row in rows])
    for name in ("t.parquet", "t.json", "t.csv"):
        bad, good = read_rows(tmp_path / name, ("asked", "answered"))
        assert bad.problem == f"row longer than {LONGEST_ROW:,} characters"
        assert good.fields == rows[1]


def test_a_parquet_cell_that_is_not_utf_8_is_one_bad_row(tmp_path: Path) -> None:
    raw = pa.array([b"fine", b"br\xffken", b"fine too"])
    cells = pa.Array.from_buffers(pa.string(), 3, raw.buffers())
    pq.write_table(pa.table({"a": cells}), tmp_path / "t.parquet")
    assert list(read_parquet(tmp_path / "t.parquet")) == [
        Row(1, {"a": "fine"}),
        Row(2, {}, "not UTF-8"),
        Row(3, {"a": "fine too"}),
    ]


@pytest.mark.parametrize("content", [b"", b"PAR1", b"PAR1" + b"x" * 40 + b"PAR1", None])
def test_what_is_no_parquet_is_an_input_error(tmp_path: Path, content: bytes | None) -> None:
    if content is not None:
        (tmp_path / "t.parquet").write_bytes(content)
    with pytest.raises(InputError, match=r"t\.parquet:1: not a readable parquet file"):
        list(read_parquet(tmp_path / "t.parquet"))


@pytest.mark.parametrize(
    "use", ["annomi", "esconv", "empathetic_dialogues", "medquad", "mentalchat16k", "psych8k", "imhi", "smile"]
)
def test_files_are_named_without_the_machines_path(tmp_path: Path, use: str) -> None:
    (tmp_path / "set").mkdir()
    for name in ("a.csv", "b.json", "c.xml"):
        (tmp_path / "set" / name).write_text("x", encoding="utf-8")
    for path in (tmp_path / "set", tmp_path / "set" / "a.csv"):
        files = build(use, path).files()
        assert files
        assert all(not Path(name).is_absolute() and str(tmp_path) not in name for name in files)
