"""What conversations tell of their users, how many share it, and which passages go to a reviewer."""

from __future__ import annotations

import json
import time
from collections import Counter
from pathlib import Path

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from data_prep import risk, table
from data_prep.risk.extract import SCHEMA, SENSITIVE, extract
from wellgate.plugins import Source, load
from wellgate.records import Conversation, Message, Preference, Record, Rejected

DATA = Path(__file__).resolve().parents[2].parent / "shared" / "data"
SHARED = {"source": "club", "licence": "MIT", "consent": "consented"}


def conversation(number: int, *said: str, group: str = "", language: str = "en") -> Conversation:
    turns = [turn for text in said for turn in (("user", text), ("assistant", "I'm a 44 year old nurse in Chile."))]
    messages = tuple(Message.model_validate({"role": role, "content": text}) for role, text in turns)
    group = group or f"club/p{number}"
    return Conversation(id=f"club/{number}", group=group, messages=messages, language=language, **SHARED)


def told(text: str) -> dict[str, str]:
    return {name: value for name, value in extract([text]).items() if value}


SELF_DESCRIPTIONS: list[tuple[str, dict[str, str]]] = [
    ("I'm 34.", {"age": "30-39"}),
    ("im 19 and tired", {"age": "18-29"}),
    ("I’m a divorced 41 year old teacher", {"age": "40-49", "relationship": "divorced", "occupation": "education"}),
    ("I am thirty-four years old", {"age": "30-39"}),
    ("I just turned 60", {"age": "60-69"}),
    ("I'm Ola, 29. Hello", {"age": "18-29"}),
    ("I'm in my early fifties", {"age": "50-59"}),
    ("I'm 90 or older", {"age": "90+"}),
    ("I'm a teenager", {"age": "13-17"}),
    ("(34F) hello", {"age": "30-39", "gender": "woman"}),
    ("I [27/m] can't sleep", {"age": "18-29", "gender": "man"}),
    ("I'm a trans man", {"gender": "trans-man"}),
    ("I'm nonbinary", {"gender": "nonbinary"}),
    ("As a mother I worry", {"gender": "woman", "children": "parent"}),
    ("I'm a single dad", {"gender": "man", "relationship": "single", "children": "single-parent"}),
    ("I'm a stay at home dad", {"gender": "man", "children": "parent", "occupation": "at-home"}),
    ("my late husband built it", {"relationship": "widowed"}),
    ("my wife died in spring", {"relationship": "widowed"}),
    ("my ex-wife calls", {"relationship": "divorced"}),
    ("my new boyfriend left", {"relationship": "partnered"}),
    ("I'm 34 weeks pregnant", {"children": "pregnant"}),
    ("my 4 year old son bites", {"children": "parent"}),
    ("I have six kids", {"children": "many-children"}),
    ("I work as a night nurse", {"occupation": "health"}),
    ("I work in a small warehouse", {"occupation": "trades"}),
    ("I served in the navy", {"occupation": "military"}),
    ("I was laid off", {"occupation": "unemployed"}),
    ("I used to be a coal miner", {"occupation": "trades"}),
    ("I live in Texas", {"place": "US-TX"}),
    ("We moved to New Zealand", {"place": "NZ"}),
    ("I'm from the UK", {"place": "GB"}),
    ("I live on a farm", {"setting": "rural"}),
    ("As a Somali Muslim woman", {"gender": "woman", "origin": "muslim+somali"}),
    ("I'm a Jehovah's Witness", {"origin": "jehovahs-witness"}),
    ("I was diagnosed with bipolar disorder", {"condition": "bipolar"}),
    ("I've been struggling with severe OCD", {"condition": "obsessive"}),
    ("I'm deaf", {"condition": "sensory"}),
    ("We survived a plane crash", {"event": "transport-disaster"}),
    ("My brother was murdered", {"event": "homicide"}),
]


@pytest.mark.parametrize(("text", "expected"), SELF_DESCRIPTIONS, ids=[text for text, _ in SELF_DESCRIPTIONS])
def test_what_people_say_of_themselves_is_read(text: str, expected: dict[str, str]) -> None:
    assert told(text) == expected


@pytest.mark.parametrize(
    "text",
    [
        "I'm 100% sure",
        "I'm 5 minutes late",
        "I'm 3 years sober",
        "I'm 10 times worse",
        "I'm not a nurse",
        "I'm never home, never married",
        "My sister is a nurse",
        "The teacher is 34 years old and married",
        "I'm afraid a nurse will see",
        "I'm seeing a therapist",
        "I'm worried about a Muslim neighbour",
        "I'm tired of police officers",
        "My therapist, a 50 year old woman, is from Chile",
        "I have to add something",
        "I have no idea why he did",
        "She has bipolar disorder",
        "I have a friend with cancer",
        "I read of the plane crash",
        "The earthquake was far away",
        "We talked about us",
        "my boss is such a child",
        "I'm ok rn tbh",
        "my GAD-7 was 8",
        "It was a total massacre, I lost my chess game",
        "",
    ],
)
def test_what_they_say_of_others_is_not(text: str) -> None:
    assert told(text) == {}


def test_tuples_read_user_turns_of_english_rows_that_were_kept() -> None:
    records: list[Record] = [
        conversation(1, "I'm a farmer.", "I live in Chile."),
        conversation(2, "I'm a farmer.", language="en-GB"),
        conversation(3, "Soy granjero. I'm a farmer.", language="es"),
        conversation(4, "I'm a farmer."),
        Preference(
            id="club/5",
            group="club/p5",
            prompt=(Message(role="user", content="I'm a farmer."),),
            chosen="I'm a judge.",
            rejected="I'm a monk.",
            reason="I'm a priest.",
            **SHARED,
        ),
    ]
    rows = risk.tuples(table.mark(table.to_table(records), {3: "dedup: exact duplicate of club/1"}))
    assert rows.schema == SCHEMA
    assert rows["id"].to_pylist() == ["club/1", "club/2", "club/3", "club/5"]
    assert rows["occupation"].to_pylist() == ["agriculture", "agriculture", "", "agriculture"]
    assert rows["place"].to_pylist() == ["CL", "", "", ""]
    assert rows["age"].to_pylist() == ["", "", "", ""], "what the assistant said of itself does not count"
    assert rows["read"].to_pylist() == [True, True, False, True]


def people(*groups: tuple[int, str]) -> pa.Table:
    """So many people who say each of these."""
    said = [text for count, text in groups for _ in range(count)]
    return risk.tuples(table.to_table(conversation(n, f"{text} Hello {n}.") for n, text in enumerate(said)))


def test_k_counts_the_people_who_share_a_tuple() -> None:
    found = risk.k_anonymity(
        people((5, "I'm a farmer."), (3, "I'm a nurse."), (1, "I'm a monk from Chile."), (4, "Hi."))
    )
    assert (found["conversations"], found["telling"], found["classes"]) == (13, 9, 3)
    assert (found["k"], found["unique"], found["unique_share"]) == (1, 1, 0.0769)
    assert found["attributes"]["occupation"] == 9
    assert {size: row["classes"] for size, row in found["histogram"].items() if row["classes"]} == {
        "1": 1,
        "3-4": 1,
        "5-9": 1,
    }
    assert found["pycanon"]["k"] == 1
    assert risk.k_anonymity(people((5, "I'm a farmer."), (3, "I'm a nurse.")))["k"] == 3


def test_one_person_who_writes_often_is_one_person() -> None:
    often = [conversation(n, f"I'm a farmer. Day {n}.", group="club/ada") for n in range(6)]
    found = risk.k_anonymity(risk.tuples(table.to_table(often)))
    assert (found["k"], found["unique"], found["pycanon"]["k"]) == (1, 6, 1)


def test_one_question_with_many_answers_is_one_person() -> None:
    answers = [conversation(n, "I'm a farmer.") for n in range(6)]
    found = risk.k_anonymity(risk.tuples(table.to_table(answers)))
    assert (found["k"], found["unique"], found["pycanon"]["k"]) == (1, 6, 1)


def test_l_diversity_looks_for_classes_that_hide_no_condition() -> None:
    alike = people((3, "I'm a nurse. I have epilepsy."), (2, "I'm a nurse."))
    mixed = people((2, "I'm a nurse. I have epilepsy."), (1, "I'm a nurse. I have insomnia."))
    assert risk.k_anonymity(alike)["l_diversity"] == {"conversations": 3, "classes": 1, "l": 1, "homogeneous": 1}
    assert risk.k_anonymity(mixed)["l_diversity"] == {"conversations": 3, "classes": 1, "l": 2, "homogeneous": 0}
    assert risk.k_anonymity(mixed)["pycanon"]["l"] == 2
    assert risk.k_anonymity(mixed)["with_condition"]["k"] == 1


@pytest.mark.parametrize("rows", [SCHEMA.empty_table(), people((3, "Hi."))], ids=["no rows", "nothing told"])
def test_nothing_told_is_no_number(rows: pa.Table) -> None:
    found = risk.k_anonymity(rows)
    assert (found["k"], found["telling"], found["pycanon"], found["l_diversity"]["l"]) == (None, 0, None, None)
    json.dumps(found)


def test_languages_that_were_not_read_are_counted_not_hidden() -> None:
    rows = [conversation(n, "I'm a monk.", language="de") for n in range(3)]
    found = risk.k_anonymity(risk.tuples(table.to_table([*rows, conversation(9, "I'm a monk.")])))
    assert (found["unread"], found["telling"], found["unique_share"]) == (3, 1, 1.0)


classes = st.lists(
    st.tuples(*(st.sampled_from(("", "x", "y")) for _ in range(3)), st.integers(0, 5), st.integers(0, 5)), max_size=40
)


@given(classes)
def test_counts_agree_with_pycanon_and_with_plain_counting(found: list[tuple[str, str, str, int, int]]) -> None:
    rows = [
        dict.fromkeys((*risk.QUASI_IDENTIFIERS, SENSITIVE), "")
        | {"id": str(n), "group": str(group), "said": said, "read": True, "age": age, "place": place, "condition": ill}
        for n, (age, place, ill, group, said) in enumerate(found)
    ]
    counted = risk.k_anonymity([pa.Table.from_pylist(rows[:7], SCHEMA), pa.Table.from_pylist(rows[7:], SCHEMA)])
    telling = [row for row in rows if row["age"] or row["place"]]
    shared: dict[tuple[object, object], list[dict[str, object]]] = {}
    for row in telling:
        shared.setdefault((row["age"], row["place"]), []).append(row)
    sizes = [min(len({r["group"] for r in some}), len({r["said"] for r in some})) for some in shared.values()]
    assert counted["k"] == min(sizes, default=None)
    assert counted["classes"] == len(sizes)
    assert counted["unique"] == sum(len(some) for some, size in zip(shared.values(), sizes, strict=True) if size == 1)
    if telling:
        assert counted["pycanon"]["k"] == counted["k"]
        assert counted["pycanon"]["l"] == counted["l_diversity"]["l"]


CUES = {
    "only": [
        "I'm the only Black pastor in the county",
        "being the only woman on the rig is hard",
        "the only survivor of the crash",
        "only female firefighter at my station",
        "I'm the only one in my village who left",
    ],
    "first": [
        "I was the first deaf valedictorian of our county",
        "she was my school's first trans prom queen in years",
        "First one in the family at college",
        "the first woman to captain the ship",
    ],
    "superlative": [
        "I became the youngest mayor in the state",
        "the highest-ranking woman at the plant",
        "I hold the national record",
    ],
    "office": ["My father is the mayor of Oddville", "I was elected sheriff in May", "I am the principal of a school"],
    "news": ["our house was on the local news", "my case made national headlines", "Reporters called my mom"],
    "public-event": ["I was at the shooting in the mall", "the flood of 2011", "I lived through Hurricane Delta"],
    "public-work": ["I founded a charity", "people from my podcast", "I'm the author of two books"],
    "rare-family": ["I had triplets", "I'm a mother of nine.", "I'm one of eleven children"],
    "rare-condition": ["only 40 people in the world have it", "a rare genetic disorder", "one in a million"],
}
EVERYDAY = [
    "the only thing I want is sleep",
    "you're the only one who gets me",
    "my only friend at school",
    "the only time in the day",
    "the first time in years",
    "the first step to getting better",
    "my first day at work",
    "I was at first fine",
    "I'm the youngest of three",
    "the biggest problem in my life",
    "let me be the judge of that",
    "talk to the dean",
    "I'm the queen of overthinking",
    "I can't stop watching the news",
    "good news in the morning",
    "I had a panic attack at work",
    "a heart attack in 2019",
    "Storm clouds gather",
    "I found a new job",
    "mother of two",
    "I have 8 hours",
    "just a few people in my life",
]


def queue(*said: str) -> list[dict[str, object]]:
    return list(risk.cues(table.to_table([conversation(1, *said)])).to_pylist())


@pytest.mark.parametrize(("cue", "text"), [(cue, text) for cue, texts in CUES.items() for text in texts])
def test_rare_stories_go_to_a_reviewer(cue: str, text: str) -> None:
    assert cue in {row["cue"] for row in queue(text)}


@pytest.mark.parametrize("text", EVERYDAY)
def test_everyday_stories_do_not(text: str) -> None:
    assert queue(text) == []


def test_the_queue_says_where_and_never_what() -> None:
    text = "Hello. I was the first deaf valedictorian of our county."
    (row,) = [row for row in queue("Nothing to see.", text) if row["cue"] == "first"]
    assert row.keys() == {"id", "message", "cue", "start", "end"}
    assert (row["id"], row["message"]) == ("club/1", 2)
    assert text[row["start"] : row["end"]].startswith("the first deaf valedictorian")  # type: ignore[misc]


def test_rows_left_out_and_other_languages_have_no_cues() -> None:
    rare = "I'm the only monk in the county"
    rows = table.to_table([conversation(1, rare), conversation(2, rare, language="es"), conversation(3, rare)])
    assert risk.cues(table.mark(rows, {0: "x: y"}))["id"].to_pylist() == ["club/3"]


def test_unusual_combinations_are_those_that_nobody_shares() -> None:
    rare = "I'm a 71 year old monk from Chile. I was a woman."
    rows = people((2, "I'm a 34 year old nurse from Texas, married."), (1, rare), (1, "I'm a farmer."))
    found = risk.combinations(rows).to_pylist()
    assert found == [{"id": "club/2", "message": -1, "cue": "combination", "start": 0, "end": 0}]
    assert risk.combinations(rows, least=5).num_rows == 0


@given(st.text(max_size=300) | st.text("imaon 34,the'firsly\n.(", max_size=300))
def test_any_text_can_be_read(text: str) -> None:
    extract([text])
    for row in queue(f"{text}x"):
        assert 0 <= row["start"] < row["end"] <= len(text) + 1  # type: ignore[operator]


@pytest.mark.parametrize("piece", ["a", " ", "i'm a ", "the only ", "my my ", "i have 9 ", "-", "the first deaf "])
def test_a_turn_of_five_megabytes_takes_no_time(piece: str) -> None:
    rows = table.to_table([conversation(1, (piece * 5_000_000)[:5_000_000] + "x")])
    started = time.process_time()
    risk.tuples(rows)
    risk.cues(rows)
    assert time.process_time() - started < 5


def test_the_starter_set_is_read() -> None:
    source = load(Source, "starter")  # type: ignore[type-abstract]
    records = [row for row in source.model_validate({"use": "starter"}).rows() if not isinstance(row, Rejected)]
    rows = table.to_table(records)
    found = risk.k_anonymity(risk.tuples(rows))
    assert found["conversations"] == len(records)
    assert found["telling"] > 100
    assert found["pycanon"]["k"] == found["k"]
    assert risk.cues(rows).num_rows < 0.03 * len(records)


@pytest.mark.realdata
def test_counsel_chat_in_full() -> None:
    path = DATA / "counsel-chat" / "20200325_counsel_chat.csv"
    if not path.exists():
        pytest.skip("no shared data beside the repository")
    source = load(Source, "counsel_chat")  # type: ignore[type-abstract]
    records = source.model_validate({"use": "counsel_chat", "path": str(path)}).rows()
    rows = table.to_table(row for row in records if not isinstance(row, Rejected))
    found = risk.k_anonymity(risk.tuples(rows))
    assert found["conversations"] > 2_000
    assert found["k"] == found["pycanon"]["k"] == 1, "somebody's question is theirs alone"
    assert 0.01 < found["unique_share"] < 0.1
    assert sum(Counter(risk.cues(rows)["cue"].to_pylist()).values()) < 60
