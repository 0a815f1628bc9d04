"""Every template family that recipes name: the loss sees each reply with its end token, after the prompt of generation."""

from __future__ import annotations

import datetime
import unicodedata
from itertools import groupby
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from train.labels import IGNORED, Labelled, label, pair
from wellgate.errors import InputError
from wellgate.model import render
from wellgate.records import Conversation, Preference

THREE = ["Hi", "Hello.", "And now?", "Now we rest.\n\n- really", "Thanks", "You are welcome."]


def conversation(texts: list[str], system: str = "") -> Conversation:
    turns = [{"role": ("user", "assistant")[number % 2], "content": text} for number, text in enumerate(texts)]
    head = [{"role": "system", "content": system}] if system else []
    return Conversation.model_validate(
        {"id": "s/c1", "source": "s", "licence": "CC0-1.0", "consent": "synthetic", "group": "s/g1"}
        | {"messages": [*head, *turns]}
    )


def decoded(tokenizer: Any, ids: list[int]) -> str:
    return str(tokenizer.decode(ids, clean_up_tokenization_spaces=False))


def marked(tokenizer: Any, row: Labelled) -> str:
    """The decoded row, supervised stretches in brackets."""
    stretches = groupby(zip(row.input_ids, row.labels, strict=True), key=lambda one: one[1] != IGNORED)
    parts = [(seen, decoded(tokenizer, [id for id, _ in stretch])) for seen, stretch in stretches]
    return "".join(f"[{text}]" if seen else text for seen, text in parts)


def learnt(tokenizer: Any, rows: list[Labelled]) -> list[str]:
    """Each supervised stretch of the rows, decoded, without the white space around."""
    found = []
    for row in rows:
        for seen, stretch in groupby(zip(row.input_ids, row.labels, strict=True), key=lambda one: one[1] != IGNORED):
            found += [decoded(tokenizer, [id for id, _ in stretch]).strip()] if seen else []
    return found


def expected(family: Any, texts: list[str]) -> list[str]:
    """Each reply as it is written, with the family's end token."""
    end = family.shape.marked.removesuffix("]").rpartition("Hello.")[2]
    return [(unicodedata.normalize("NFC", text) if family.shape.nfc else text).strip() + end for text in texts[1::2]]


def test_a_short_conversation_reads_as_published(family: Any) -> None:
    (row,) = label(family.tokenizer, "Be kind.", conversation(["Hi", "Hello."]))
    assert marked(family.tokenizer, row) == family.shape.marked


@pytest.mark.parametrize("system", ["", "Be kind."], ids=["no system prompt", "system prompt"])
def test_every_reply_is_learnt_once_after_the_prompt_of_generation(family: Any, system: str) -> None:
    rows = label(family.tokenizer, system, conversation(THREE))
    assert len(rows) == (family.shape.rows if system else family.shape.rows_without_system)
    assert learnt(family.tokenizer, rows) == expected(family, THREE)
    assert [row.replies for row in rows] == ([1, 2, 3] if len(rows) == 3 else [3])
    assert all(row.labels[-1] in family.stops for row in rows)
    first = 0
    for row in rows:
        turn = 2 * first + 1
        messages = [one.model_dump() for one in conversation(THREE[:turn], system).messages]
        prompt = family.tokenizer(render(family.tokenizer, messages, True), add_special_tokens=False)["input_ids"]
        assert row.input_ids[: len(prompt)] == prompt
        assert set(row.labels[: len(prompt)]) == {IGNORED}
        assert row.labels[len(prompt)] != IGNORED
        first = row.replies


def test_the_first_token_is_the_one_bos_where_the_family_has_one(family: Any) -> None:
    for row in label(family.tokenizer, "Be kind.", conversation(THREE)):
        if family.shape.writes_bos:
            assert family.tokenizer("a")["input_ids"][0] == family.tokenizer.bos_token_id  # it adds one by itself
            assert row.input_ids[0] == family.tokenizer.bos_token_id
            assert row.input_ids.count(family.tokenizer.bos_token_id) == 1
        else:
            assert row.input_ids[0] != row.input_ids[1]


def test_both_sides_of_a_pair_continue_the_prompt_of_generation(family: Any) -> None:
    shared = conversation(["x"]).model_dump(exclude={"messages"})
    prompt = conversation(THREE[:3], "").messages
    record = Preference.model_validate(
        shared | {"prompt": prompt, "chosen": "Rest well.", "rejected": "\n No.", "reason": "listens"}
    )
    sides = pair(family.tokenizer, "Be kind.", record)
    messages = [{"role": "system", "content": "Be kind."}, *(one.model_dump() for one in prompt)]
    given = family.tokenizer(render(family.tokenizer, messages, True), add_special_tokens=False)["input_ids"]
    assert sides.prompt_ids == given
    chosen, rejected = expected(family, ["", "Rest well.", "", "No."])
    assert decoded(family.tokenizer, sides.chosen_ids).strip() == chosen
    assert decoded(family.tokenizer, sides.rejected_ids).strip() == rejected


AWKWARD = {
    "white space": ["  Hi \n\n", "\n\n Hello.\n\n\n- one\n\t- two  \n"],
    "unicode": ["Grüß 👋🏽 cafe\u0301", "Ça va ? — “Oui”, 你好 🙂 cafe\u0301 \u200d"],
    "role words": ["assistant\nmodel", "user\nassistant\nsystem"],
    "nearly a token": ["<|im_en", "</ s> [ INST] <|e nd|> <start_of_tur"],
    "the same words": ["I am fine.", "I am fine.", "I am fine.", "I am fine."],
    "braces": ["{{ x }}", "{% if x %} {{crisis_line}}"],
}


@pytest.mark.parametrize("texts", AWKWARD.values(), ids=AWKWARD)
def test_awkward_texts_are_learnt_as_they_are(family: Any, texts: list[str]) -> None:
    assert learnt(family.tokenizer, label(family.tokenizer, "", conversation(texts))) == expected(family, texts)


TEXT = st.text(st.characters(codec="utf-8"), min_size=1, max_size=30).filter(lambda text: text.strip() != "")


def test_of_any_text_the_replies_are_learnt_or_the_row_is_refused(family: Any) -> None:
    proven = []

    @settings(max_examples=25, deadline=None, database=None)
    @given(texts=st.lists(TEXT, min_size=2, max_size=6), system=st.sampled_from(["", "Be kind."]))
    def holds(texts: list[str], system: str) -> None:
        proven.append(False)
        try:
            rows = label(family.tokenizer, system, conversation(texts))
        except InputError:
            return
        assert learnt(family.tokenizer, rows) == expected(family, texts)
        proven[-1] = True

    holds()
    assert sum(proven) > len(proven) / 2  # a refusal is the exception


def test_thinking_in_a_reply_is_refused_where_the_template_takes_it_apart(families: Any) -> None:
    texts = ["Hi", "<think>\nHm.\n</think>\n\nHello."]
    with pytest.raises(InputError, match="changes the text of a reply") as refused:
        label(families("qwen3").tokenizer, "", conversation(texts))
    assert "Hm" not in str(refused.value)
    assert len(label(families("smollm2").tokenizer, "", conversation(texts))) == 1  # plain text there


def test_no_day_but_the_fixed_one_stands_in_a_row(families: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Llama 3.2's template writes today's date: tomorrow the same recipe would train on other tokens."""
    today = datetime.date.today().strftime("%d %b %Y")
    tokenizer = families("llama-3.2").tokenizer
    (row,) = label(tokenizer, "", conversation(["Hi", "Hello."]))
    assert today not in marked(tokenizer, row)
    plain = tokenizer.apply_chat_template([{"role": "user", "content": "Hi"}], tokenize=False)
    assert today in plain


@pytest.mark.parametrize("name", ["mistral-7b-v0.3", "gemma-3"])
def test_turns_that_a_template_refuses_are_one_line_without_text(families: Any, name: str) -> None:
    record = conversation(["Hi", "Hello."])
    twice = record.model_copy(update={"messages": (*record.messages, *record.messages[1:])})
    with pytest.raises(InputError, match="labels cannot be proven for s/c1: the template refuses these turns"):
        label(families(name).tokenizer, "", twice)


def test_a_tool_turn_is_no_record() -> None:
    with pytest.raises(ValueError, match=r"messages\.1\.role"):
        Conversation.model_validate(
            conversation(["Hi", "x"]).model_dump()
            | {"messages": [{"role": "user", "content": "Hi"}, {"role": "tool", "content": "42"}]}
        )
