"""Personal data is found and replaced; scores, drugs, placeholders and everyday words survive. All people are invented."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from data_prep.deidentify import names
from data_prep.deidentify.detect import detect
from data_prep.deidentify.hub import Hub
from data_prep.deidentify.propagate import propagate_names
from data_prep.deidentify.surrogates import Surrogates, classes
from data_prep.filters.deidentify import Deidentify
from data_prep.table import spans_of, texts, to_table
from wellgate.errors import InputError
from wellgate.records import Conversation, Message, Span


def applied(
    step: Deidentify, ids: Sequence[str], records: Sequence[Sequence[str]]
) -> list[tuple[list[str], list[Span]]]:
    """What becomes of records with these texts as turns: the new texts, and the spans of the old ones."""
    shared = {"source": "s", "licence": "CC0-1.0", "consent": "synthetic", "group": "g"}
    told = [
        Conversation.model_construct(
            id=id, **shared, messages=tuple(Message.model_construct(role="user", content=text) for text in said)
        )
        for id, said in zip(ids, records, strict=True)
    ]
    table = step.apply(to_table(told))
    return [(new, [one for one in spans_of(table) if one.id == id]) for id, new in zip(ids, texts(table), strict=True)]


def found(text: str) -> list[tuple[str, str]]:
    (spans,) = detect([text])
    return [(text[one.start : one.end], one.type) for one in spans]


def replaced(*said: str, id: str = "c1", **options: Any) -> list[str]:
    ((new, _),) = applied(Deidentify(use="deidentify", **options), [id], [said])
    return new


POSITIVES = [
    ("My name is Ada Obiora and I feel low.", "Ada Obiora", "NAME"),
    ("my name's Ada, hi", "Ada", "NAME"),
    ("My sister Chioma keeps calling.", "Chioma", "NAME"),
    ("I told Dr. Weston about it.", "Weston", "NAME"),
    ("Then Auntie Temperance came.", "Temperance", "NAME"),
    ("I live in Brackenford with my dog.", "Brackenford", "PLACE"),
    ("They took me to Pinfold Lane Surgery.", "Pinfold Lane Surgery", "PLACE"),
    ("I work at Halden Freight.", "Halden Freight", "EMPLOYER"),
    ("She was laid off from the Corran Mill.", "Corran Mill", "EMPLOYER"),
    ("I go to Tollmere High School.", "Tollmere High School", "SCHOOL"),
    ("He is at the University of Tollmere.", "University of Tollmere", "SCHOOL"),
    ("Call me on 202-555-0143 please.", "202-555-0143", "PHONE"),
    ("ring me on 07700 900123", "07700 900123", "PHONE"),
    ("or +1 415 555 2671", "+1 415 555 2671", "PHONE"),
    ("write to ada.obi@example.org tonight", "ada.obi@example.org", "EMAIL"),
    ("write to ada at example dot com", "ada at example dot com", "EMAIL"),
    ("It happened on 14 June 2021.", "14 June 2021", "DATE"),
    ("on 03/04/2022 he left", "03/04/2022", "DATE"),
    ("My birthday is March 3rd.", "March 3rd", "DATE"),
    ("since 2021-06-14 I drink", "2021-06-14", "DATE"),
    ("I post as @sad_panda99 there.", "@sad_panda99", "HANDLE"),
    ("See www.adasblog.org/me for it.", "www.adasblog.org/me", "URL"),
    ("my site is https://ada.example.net/x.", "https://ada.example.net/x", "URL"),
    ("I live at 14 Maple Grove Road, flat 3.", "14 Maple Grove Road, flat 3", "ADDRESS"),
    ("My SSN is 536-90-4399.", "536-90-4399", "ID"),
    ("Patient ref PLS-20931 was on it.", "PLS-20931", "ID"),
    ("card 4111 1111 1111 1111", "4111 1111 1111 1111", "ID"),
    ("my ip is 203.0.113.9", "203.0.113.9", "ID"),
    ("My gran is 94 years old.", "94", "AGE"),
    ("he turned 91 last week", "91", "AGE"),
    ("she's ninety-four now", "ninety-four", "AGE"),
    ("My number is 202-555-0143.", "202-555-0143", "PHONE"),
    ("My sister June keeps calling.", "June", "NAME"),
    ("My name is April and I feel low.", "April", "NAME"),
]  # fmt: skip


@pytest.mark.parametrize(("text", "surface", "kind"), POSITIVES)
def test_personal_data_is_found(text: str, surface: str, kind: str) -> None:
    assert found(text) == [(surface, kind)]


@pytest.mark.parametrize(
    "text",
    [
        "I scored 13 on the GAD-7.",
        "My GAD-7 score is 21 out of 21, PHQ-9: 12",
        "It was 3/10 today, maybe 4/10",
        "I have had 4-7-8 breathing and 5-4-3-2-1 grounding.",
        "day 45 sober, step 4 of 12",
        "I slept 4 hours on 3 nights, at 3:30 am I woke up.",
        "The rate is 1 in 4, about 25%.",
        "I'm 34 years old and weigh 94 kilos.",
        "He is 89 years old.",
        "I rang 988 last night.",
        "I called 116 123 and 999.",
        "text HOME to 741741",
        "I may be anxious in the morning. I will march on.",
        "I had 2 panic attacks in May.",
        "In 2019 I quit.",
        "Christmas was hard this year. God help me, I prayed.",
        "I have PTSD and ADHD, OCD runs my life.",
        "DSM-5 says so, ICD-10 F32.1",
        "Mum and Dad are fighting.",
        "My therapist suggested CBT. My sister is kind.",
        "student loans of 20000",
        "I go to school, I work at night, I live in hope.",
        "meet @ noon, and/or 24/7",
    ],
)
def test_near_misses_are_left_alone(text: str) -> None:
    assert found(text) == []


@pytest.mark.parametrize(
    "text",
    [
        "Email me later.",
        "Counsellor said wait.",
        "I am back in June.",
        "My ex Never called.",
        "My answer is number 10 of those.",
    ],
)
def test_everyday_words_are_no_personal_data(text: str) -> None:
    assert found(text) == []


TAKES = ("They started me on {} last month.", "I take {} 50 mg at night.", "my doctor swapped {} for something else")
DRUGS = [
    "sertraline",
    "fluoxetine",
    "citalopram",
    "escitalopram",
    "mirtazapine",
    "quetiapine",
    "lithium",
    "propranolol",
    "trazodone",
    "Prozac",
    "Zoloft",
    "Xanax",
    "Lexapro",
    "Seroquel",
    "Effexor",
    "Abilify",
    "Klonopin",
    "Ativan",
    "Wellbutrin",
    "Cymbalta",
    "Ritalin",
    "Adderall",
    "Valium",
    "zopiclone",
]


@pytest.mark.parametrize("drug", DRUGS)
def test_a_drug_survives(drug: str) -> None:
    said = [sentence.format(drug) for sentence in TAKES]
    assert replaced(*said) == said


@pytest.mark.parametrize(
    "text",
    [
        "Please call {{crisis_line}} now.",
        "If so, {{emergency_number}}.",
        "{{crisis_line}}",
        "Ring {{emergency_number}} or {{crisis_line}}, Ada.",
    ],
)
def test_placeholders_survive(text: str) -> None:
    new = replaced(text, "My name is Ada.")[0]
    assert [word for word in new.split() if "{{" in word] == [word for word in text.split() if "{{" in word]
    assert "Ada" not in new


def test_a_name_found_once_is_replaced_in_every_turn_of_both_roles() -> None:
    said = ["My sister Quillon cries.", "What did quiet Quillon say?", "Quillon's room is shut; so is QuillonX."]
    new = replaced(*said)
    assert not any("Quillon " in text or "Quillon'" in text for text in new)
    assert "QuillonX" in new[2]


def test_names_are_propagated_within_a_conversation_only() -> None:
    said = ["My sister Quillon cries.", "quiet Quillon sat"]
    first, _ = detect(said)
    assert [len(spans) for spans in propagate_names(said, [first, []])] == [1, 1]
    done = applied(
        Deidentify(use="deidentify"), ["a", "b"], [["My sister Hope cries."], ["Hope is a thing with feathers."]]
    )
    assert done[1][0] == ["Hope is a thing with feathers."]


def name_in(text: str) -> str:
    return text.removeprefix("My sister ").removesuffix(" cries.")


def test_a_name_keeps_its_gender_and_origin_and_a_short_form_its_person() -> None:
    people = Surrogates("c1", "s", 2026)
    chosen = people.surrogate("NAME", "Ngozi")
    group, kind = classes()["ngozi"]
    assert chosen in names.by_origin()[group][kind]
    assert chosen != "Ngozi"
    assert people.surrogate("NAME", "ngozi") == chosen.lower()
    assert people.surrogate("NAME", "Bill") == people.surrogate("NAME", "Bill")


def test_two_people_never_share_a_surrogate() -> None:
    people = Surrogates("c1", "s", 2026)
    group = names.by_origin()["slavic"]["female"][:60]
    assert len({people.surrogate("NAME", name) for name in group}) == len(group)


def test_tags_number_what_they_replace() -> None:
    new = replaced("My sister Quillon and my brother Ikenna left.", "Did quillon call?", render="tags")
    assert new[0] == "My sister [NAME_1] and my brother [NAME_2] left."


def test_a_missing_secret_is_said_before_anything_runs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("SURROGATE_KEY", raising=False)
    with pytest.raises(ValueError, match="SURROGATE_KEY is not set"):
        Deidentify(use="deidentify", secret_from="SURROGATE_KEY")


def test_one_surface_has_one_surrogate_within_a_conversation() -> None:
    first, second, third = replaced("My sister Quillon cries.", "Does Quillon sleep?", "My sister Quillon cries.")
    assert first == third
    assert second == f"Does {name_in(first)} sleep?"


def test_a_full_name_and_its_first_name_stay_one_person() -> None:
    full, short = replaced("My sister Bettany Ashgrove cries.", "My sister Bettany cries.")
    assert name_in(full).split()[0] == name_in(short)


@pytest.mark.parametrize("text", ["My sister Chioma cries.", "My sister Tamsin cries."])
def test_a_relatives_name_is_no_place(text: str) -> None:
    assert [kind for _, kind in found(text)] == ["NAME"]


def test_a_known_name_stays_one_person_where_the_model_takes_it_for_a_place() -> None:
    first, second = replaced("My brother Ikenna sulks.", "Does Ikenna sleep?")
    assert second == f"Does {first.split()[2]} sleep?"


def test_surrogates_differ_between_conversations_and_secrets(monkeypatch: pytest.MonkeyPatch) -> None:
    by_id = {replaced("My sister Quillon cries.", id=f"c{number}")[0] for number in range(12)}
    by_secret = set()
    for number in range(12):
        monkeypatch.setenv("SURROGATE_KEY", f"s{number}")
        by_secret.add(replaced("My sister Quillon cries.", secret_from="SURROGATE_KEY")[0])
    assert len(by_id) > 5
    assert len(by_secret) > 5


def test_the_same_input_gives_the_same_output_whatever_the_batch() -> None:
    one = Deidentify(use="deidentify")
    said: list[Sequence[str]] = [[f"My sister Quillon cries {number} times."] for number in range(70)]
    ids = [f"c{number}" for number in range(70)]
    assert applied(one, ids, said)[66] == applied(one, ids[66:67], said[66:67])[0]


@pytest.mark.parametrize(
    ("kind", "surface", "expected"),
    [
        ("AGE", "94", r"90 or older"),
        ("DATE", "14 June 2021", r"2021"),
        ("DATE", "March 3rd", r"that day"),
        ("PHONE", "202-555-0143", r"555-01\d\d"),
        ("EMAIL", "ada@obi.org", r"person\d+@example\.org"),
        ("URL", "www.obi.org", r"https://example\.org/\d+"),
        ("HANDLE", "@ada", r"@user\d+"),
        ("ID", "PLS-20931", r"ID-\d{6}"),
        ("ZIP", "60614-1234", r"606"),
        ("ZIP", "03601", r"000"),
        ("NAME", "J.W.", r"[A-Z]\.[A-Z]\."),
        ("ADDRESS", "14 Maple Grove Road", r"\d+ [A-Z][a-z]+ [A-Z][a-z]+"),
        ("NAME", "Ada Obiora", r"[^\W\d_][\w’'-]+ [^\W\d_][\w’' -]+"),
        ("NAME", "ada", r"[^\W\d_A-Z]+"),
        ("SOMETHING_NEW", "x1", r"ID-\d{6}"),
    ],
)
def test_a_surrogate_has_the_shape_of_its_kind(kind: str, surface: str, expected: str) -> None:
    assert re.fullmatch(expected, Surrogates("c1", "s", 2026).surrogate(kind, surface))


@settings(max_examples=40, deadline=None, derandomize=True)
@given(
    st.lists(
        st.text(st.characters(exclude_categories=["Cs"]), max_size=40) | st.sampled_from([row[0] for row in POSITIVES]),
        max_size=3,
    )
)
def test_spans_of_any_text_are_in_order_inside_it_and_apart(said: list[str]) -> None:
    ((new, spans),) = applied(Deidentify(use="deidentify"), ["c"], [said])
    assert len(new) == len(said)
    for number, text in enumerate(said):
        edges = [edge for span in spans if span.message == number for edge in (span.start, span.end)]
        assert edges == sorted(edges)
        assert all(0 <= edge <= len(text) for edge in edges)
        if not edges:
            assert new[number] == text


@pytest.fixture(scope="module")
def finder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A token classifier that takes every word beginning with `zz` for a person: weights set by hand."""
    import torch
    from transformers import BertConfig, BertForTokenClassification, BertTokenizerFast

    folder = tmp_path_factory.mktemp("finder")
    words = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "zzorro", "kumain", "ako", "si"]
    (folder / "vocab.txt").write_text("\n".join(words))
    BertTokenizerFast(str(folder / "vocab.txt")).save_pretrained(folder)
    shape = {"hidden_size": 16, "num_hidden_layers": 1, "num_attention_heads": 1, "intermediate_size": 16}
    labels = {0: "O", 1: "B-PER"}
    model = BertForTokenClassification(BertConfig(vocab_size=len(words), id2label=labels, **shape))
    with torch.no_grad():
        for weight in model.parameters():
            weight.zero_()
        model.bert.embeddings.LayerNorm.weight.fill_(1.0)
        model.bert.encoder.layer[0].attention.output.LayerNorm.weight.fill_(1.0)
        model.bert.encoder.layer[0].output.LayerNorm.weight.fill_(1.0)
        model.bert.embeddings.word_embeddings.weight[words.index("zzorro"), 0] = 5.0
        model.classifier.weight[1, 0] = 5.0
        model.classifier.bias[0] = 5.0
    model.save_pretrained(folder)
    return folder


def test_a_larger_finder_adds_its_spans_and_its_languages(finder: Path) -> None:
    hub = Hub(model=str(finder), languages=["en", "tl"])
    (spans,) = detect(["kumain si zzorro"], "tl", hub)
    assert [(one.type, one.start, one.end) for one in spans] == [("NAME", 10, 16)]


@pytest.mark.parametrize("revision", [None, "main", "12ab"])
def test_a_finder_from_the_hub_must_be_pinned(revision: str | None) -> None:
    with pytest.raises(ValueError, match="name its commit as `revision`"):
        Hub(model="some-lab/some-model", revision=revision)


def test_a_folder_without_a_model_is_one_clear_line(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"deidentify\.hub: .* no huggingface model"):
        list(detect(["a"], "en", Hub(model=str(tmp_path))))


@pytest.mark.parametrize(
    "surface",
    [
        "Tam\u200bsin Oye\u200blaran",
        "T\u0430msin \u041eyelaran",
        "Tamsin\u00ad Oyelaran",
        "\uff34\uff41\uff4d\uff53\uff49\uff4e Oyelaran",
    ],
    ids=["zero width", "homoglyphs", "soft hyphen", "full width"],
)
def test_a_disguised_name_is_found_where_it_stands(surface: str) -> None:
    text = f"My name is {surface} and I feel low."
    assert found(text) == [(surface, "NAME")]


@pytest.mark.parametrize(
    "text",
    [
        "write to jane.doe@state.gov",
        "he is at j.smith@nhs.uk now",
        "see https://www.psychologytoday.com/us/therapists/jane-doe-boston-ma/123456",
        "look at janedoe.govender.com",
        "my account number is 717123456",
        "they call me {Tamsin}",
    ],
)
def test_peoples_own_addresses_and_numbers_do_not_pass_as_public_ones(text: str) -> None:
    assert found(text)


@pytest.mark.parametrize(
    "text",
    [
        "see https://www.nhs.uk/mental-health and 988lifeline.org",
        "write to jo@samaritans.org",
        "call 1-800-656-4673 or 0808 801 0677",
        "{{crisis_line}} and {{ emergency_number }}",
    ],
)
def test_public_help_survives(text: str) -> None:
    assert found(text) == []


def test_a_known_name_does_not_take_over_an_address_and_is_found_in_lower_case() -> None:
    said = ["My sister Zorvyn left.", "Mail me at zorvyn@mail.example.com, said zorvyn."]
    _, spans = propagate_names(said, list(detect(said)))
    assert [one.type for one in spans] == ["EMAIL", "NAME"]
