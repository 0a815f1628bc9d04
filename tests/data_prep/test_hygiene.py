"""Every rule against its own tables, and the filter through the recipe's door. All texts are invented."""

from __future__ import annotations

import dataclasses
import pickle
import re
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from data_prep.hygiene import rule as hygiene_rule
from data_prep.hygiene import scan
from data_prep.hygiene.rule import Compiled, Example, Rule
from data_prep.table import to_records, to_table
from wellgate import registry
from wellgate.errors import InputError
from wellgate.plugins import Filter, load
from wellgate.recipe import load as load_recipe
from wellgate.records import Conversation, Message, Preference

RULES = hygiene_rule.names()
IN_LANGUAGES = [(name, language) for name in RULES for language in hygiene_rule.load(name).patterns]
TABLES = [
    pytest.param(name, language, kind, example, id=f"{name}-{language}-{kind}-{number}")
    for name, language in IN_LANGUAGES
    for kind in ("positives", "near_misses")
    for number, example in enumerate(getattr(hygiene_rule.load(name), kind)[language])
]
QUOTES, ASKS = re.compile("[\"'«].+ .+[\"'»]"), re.compile(r"\?")
DENIES = re.compile(r"\b(?:no|not|never|nobody|cannot|nunca|nadie)\b|n't\b", re.I)


def hits(name: str, language: str, example: Example) -> list[scan.Hit]:
    return scan.hits(example.text, [hygiene_rule.compiled(name, language)], example.user)


@pytest.mark.parametrize(("name", "language", "kind", "example"), TABLES)
def test_a_rule_keeps_its_tables(name: str, language: str, kind: str, example: Example) -> None:
    found = hits(name, language, example)
    assert bool(found) == (kind == "positives")
    if example.fixed is not None:
        assert scan.mend(example.text, found) == example.fixed


@pytest.mark.parametrize(("name", "language"), IN_LANGUAGES)
def test_a_fixed_positive_does_not_fire_again(name: str, language: str) -> None:
    rule = hygiene_rule.load(name)
    for example in rule.positives[language] if rule.fixable else []:
        mended = scan.mend(example.text, hits(name, language, example))
        assert not hits(name, language, Example(text=mended, user=example.user)), example.text


@pytest.mark.parametrize(("name", "language"), IN_LANGUAGES)
def test_every_pattern_has_a_positive_that_it_alone_finds(name: str, language: str) -> None:
    whole = hygiene_rule.compiled(name, language)
    for search in whole.searches:
        alone = dataclasses.replace(whole, searches=(search,))
        table = hygiene_rule.load(name).positives[language]
        assert any(scan.hits(one.text, [alone], one.user) for one in table), search.find.pattern


@pytest.mark.parametrize("name", RULES)
def test_a_rules_tables_are_long_and_hold_the_hard_forms(name: str) -> None:
    rule = hygiene_rule.load(name)
    assert rule.name == name
    assert rule.why
    assert rule.sources
    assert set(rule.positives) == set(rule.near_misses) == set(rule.patterns) >= {"en", "es"}
    assert len(rule.positives["en"]) >= 12
    assert len(rule.near_misses["en"]) >= 12
    for form in (QUOTES, ASKS, DENIES):
        assert any(form.search(one.text) for one in rule.near_misses["en"]), form.pattern


@pytest.mark.parametrize("name", RULES)
def test_no_near_miss_of_one_rule_is_rejected_by_another(name: str) -> None:
    others = [other for other in RULES if other != name and hygiene_rule.load(other).action == "reject"]
    for language, table in hygiene_rule.load(name).near_misses.items():
        rules = [hygiene_rule.compiled(other, language) for other in others]
        assert [one.text for one in table if scan.hits(one.text, rules, one.user)] == []


def test_the_numbers_of_the_registry_are_found_wherever_people_are_told_to_call_them() -> None:
    rules = [hygiene_rule.compiled("crisis_number", "en")]
    for place in registry.load().locales.values():
        numbers = [number for line in place.lines for number in (*line.phone, *line.text)]
        for number in (*numbers, *place.emergency):
            text = f"Please call {number} tonight."
            assert "{{" in scan.mend(text, scan.hits(text, rules)), number


def test_the_rules_patterns_hold_no_number_of_the_registry() -> None:
    known = {number for place in registry.load().locales.values() for line in place.lines for number in line.phone}
    patterns = [one.find for some in hygiene_rule.load("crisis_number").patterns.values() for one in some.find]
    assert [number for number in known if any(number in pattern for pattern in patterns)] == []


def test_a_new_rule_is_one_new_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "weather.yaml").write_text(
        "name: weather\nwhy: for this test\naction: warn\nfix: sentence\n"
        "patterns: {en: {find: ['\\bit rains\\b']}}\npositives: {en: [It rains.]}\nnear_misses: {en: [It snows.]}\n",
        encoding="utf-8",
    )
    monkeypatch.setattr(hygiene_rule, "FOLDER", tmp_path)
    clear()
    try:
        done = run([talk("It rains. Take a coat.")])
        assert done["findings"].to_pylist() == [["weather:warn"]]
        assert run([talk("It rains. Take a coat, friend.")], rules={"weather": "fix"})["turns"].to_pylist()[0][1] == {
            "role": "assistant",
            "content": "Take a coat, friend.",
        }
    finally:
        monkeypatch.undo()
        clear()


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("patterns: [\n", "bad.yaml:2: not YAML"),
        ("name: bad\nwhy: x\naction: drop\n", "bad.yaml: action: Input should be 'fix', 'reject' or 'warn'"),
        ("name: bad\nwhi: x\n", "human_claim.yaml shows every key"),
    ],
)
def test_a_file_that_is_no_rule_is_an_input_error(tmp_path: Path, text: str, message: str) -> None:
    (tmp_path / "bad.yaml").write_text(text, encoding="utf-8")
    with pytest.raises(InputError, match=re.escape(message)):
        hygiene_rule.read(tmp_path / "bad.yaml")


@pytest.mark.parametrize(
    ("find", "message"), [("{nowhere} x", "no fragment 'nowhere'"), ("(x", "no regular expression")]
)
def test_a_pattern_that_cannot_be_compiled_is_an_input_error(find: str, message: str) -> None:
    whole = hygiene_rule.load("human_claim").model_dump() | {"patterns": {"en": {"find": [find]}}}
    with pytest.raises(InputError, match=f"human_claim.yaml: .*{message}"):
        hygiene_rule.compile_rule(Rule.model_validate(whole), "en")


def clear() -> None:
    for one in ("names", "load", "languages", "all_languages", "compiled"):
        getattr(hygiene_rule, one).cache_clear()


# The filter.


def step(**options: Any) -> Any:
    return load(Filter, "hygiene").model_validate({"use": "hygiene", **options})  # type: ignore[type-abstract]


def talk(*said: str, id: str = "a/1", language: str = "en") -> Conversation:
    """A conversation in which every other turn is the assistant's; a single text is the assistant's."""
    texts = said if len(said) > 1 else ("How are nights for you?", *said)
    turns = [Message(role=("user", "assistant")[number % 2], content=text) for number, text in enumerate(texts)]
    terms = {"source": "a", "licence": "CC0-1.0", "consent": "synthetic", "group": "g"}
    return Conversation(id=id, language=language, messages=tuple(turns), **terms)


def pair(chosen: str, rejected: str, prompt: str = "Is it normal?") -> Preference:
    terms = {"source": "a", "licence": "CC0-1.0", "consent": "synthetic", "group": "g"}
    turns = (Message(role="user", content=prompt),)
    return Preference(id="a/p", prompt=turns, chosen=chosen, rejected=rejected, reason="kinder", **terms)


def run(records: list[Any], **options: Any) -> Any:
    return step(**options).apply(to_table(records))


def test_each_rule_acts_as_its_file_says() -> None:
    done = run(
        [
            talk("Your uncle committed suicide, and you miss him."),
            talk("I am a real person. You can rest here, and nothing has to be said."),
            talk("Nothing to see here."),
        ]
    )
    assert done["findings"].to_pylist() == [["stigma_terms:fix"], ["human_claim:reject"], []]
    assert done["dropped"].to_pylist() == [None, "hygiene: human_claim", None]
    fixed, clean = to_records(done)
    assert fixed.messages[1].content == "Your uncle died by suicide, and you miss him."  # type: ignore[union-attr]
    assert clean == talk("Nothing to see here.")


@pytest.mark.parametrize(
    ("action", "dropped", "text"),
    [
        ("warn", None, "I'm a doctor. Rest is allowed, and so is asking for help."),
        ("fix", None, "Rest is allowed, and so is asking for help."),
        ("reject", "hygiene: licence_claim", "I'm a doctor. Rest is allowed, and so is asking for help."),
    ],
)
def test_the_recipe_changes_the_action_of_a_rule(action: str, dropped: str | None, text: str) -> None:
    said = "I'm a doctor. Rest is allowed, and so is asking for help."
    done = run([talk(said)], rules={"licence_claim": action})
    assert done["findings"].to_pylist() == [[f"licence_claim:{action}"]]
    assert done["dropped"].to_pylist() == [dropped]
    assert done["turns"].to_pylist()[0][1]["content"] == text


def test_only_the_assistant_and_the_chosen_reply_are_checked() -> None:
    bad = "I am a real person, my friend."
    done = run([talk(bad, "Thank you for saying so."), pair("That sounds hard.", bad, prompt=bad)])
    assert done["findings"].to_pylist() == [[], []]
    assert done["dropped"].null_count == 2
    assert run([pair(bad, "Pull yourself together.")])["dropped"].to_pylist() == ["hygiene: human_claim"]


@pytest.mark.parametrize("said", ["I'm a doctor.", "Visit my website.\n\nI'm a doctor!", "... I'm a doctor. ..."])
def test_a_turn_that_fixes_leave_empty_is_rejected_by_the_rules_names_only(said: str) -> None:
    (dropped,) = run([talk(said)])["dropped"].to_pylist()
    assert re.fullmatch(r"hygiene: (?:contact_solicitation, )?licence_claim", dropped)


def test_a_turn_that_loses_most_of_its_words_is_rejected_unless_the_recipe_allows_it() -> None:
    said = "As a therapist with a busy office I see this every single week. Rest."
    assert run([talk(said)])["dropped"].to_pylist() == ["hygiene: licence_claim"]
    assert run([talk(said)], keep_at_least=0.05)["dropped"].to_pylist() == [None]


def test_a_pair_whose_replies_a_fix_makes_equal_is_rejected() -> None:
    done = run([pair("Rest is allowed here. I'm a doctor.", "Rest is allowed here.")], keep_at_least=0.1)
    assert done["dropped"].to_pylist() == ["hygiene: licence_claim"]


def test_what_the_person_said_of_themselves_is_no_diagnosis() -> None:
    reply = "You have bipolar disorder, and this week was long. What helped on Sunday?"
    done = run([talk("I was told that I have bipolar disorder.", reply), talk("Am I bipolar?", reply)])
    assert done["findings"].to_pylist() == [[], ["diagnosis:fix"]]


def test_a_language_without_rules_is_left_out_and_others_are_read_whatever_is_declared() -> None:
    done = run([talk("Bonjour.", language="fr"), talk("Soy psicóloga. Respira y descansa un poco.", language="en-GB")])
    assert done["dropped"].to_pylist() == ["hygiene: no rules in this language", None]
    assert done["findings"].to_pylist() == [[], ["licence_claim:fix"]]


def test_rows_stay_in_order_and_what_was_left_out_before_stays_as_it_was() -> None:
    from data_prep.table import drop

    records = [talk("I am a real person, my friend.", id=f"a/{number}") for number in range(3)]
    table = drop(to_table(records), "dedup", [None, "near duplicate", None])
    done = step().apply(table)
    assert done["id"].to_pylist() == ["a/0", "a/1", "a/2"]
    assert done["dropped"].to_pylist() == ["hygiene: human_claim", "dedup: near duplicate", "hygiene: human_claim"]
    assert done["findings"].to_pylist()[1] == []
    assert done.schema == table.schema


def test_the_step_is_picklable_and_names_the_files_that_decide_its_result() -> None:
    one = pickle.loads(pickle.dumps(step(rules={"stigma_terms": "warn"})))
    assert one.apply(to_table([talk("He is a drug addict.")]))["findings"].to_pylist() == [["stigma_terms:warn"]]
    files = one.files()
    assert {"words.yaml", "crisis_registry.yaml", "rules/dosing.yaml"} <= set(files)
    assert all(path.is_file() and not name.startswith("/") for name, path in files.items())


@pytest.mark.parametrize(
    ("rules", "message"),
    [
        ({"stigma_term": "warn"}, "no hygiene rule 'stigma_term'; did you mean 'stigma_terms'?"),
        ({"xyz": "warn"}, "no hygiene rule 'xyz' (there are contact_solicitation, "),
        ({"dosing": "fix"}, "the hygiene rule 'dosing' has no fix; write `reject` or `warn`"),
        ({"dosing": "drop"}, "Input should be 'fix', 'reject' or 'warn'"),
    ],
)
def test_a_wrong_rule_or_action_is_refused_with_its_line(
    write_recipe: Any, rules: dict[str, str], message: str
) -> None:
    path = write_recipe([], filters=[{"use": "hygiene", "rules": rules}])
    with pytest.raises(InputError, match=rf"recipe\.yaml:\d+: prepare\.filters.*{re.escape(message)}"):
        load_recipe(path)


# Wild input.


@cache
def rules() -> tuple[Compiled, ...]:
    return hygiene_rule.all_languages(RULES)


def lines() -> list[str]:
    tables = [table for name in RULES for table in (loaded(name).positives, loaded(name).near_misses)]
    return [one.text for table in tables for some in table.values() for one in some]


def loaded(name: str) -> Rule:
    return hygiene_rule.load(name)


@settings(deadline=None, max_examples=60)
@given(
    st.lists(st.one_of(st.sampled_from(lines()), st.text(max_size=30)), max_size=8), st.sampled_from([" ", "\n", ""])
)
def test_hits_lie_inside_the_text_and_removing_sentences_adds_nothing(said: list[str], glue: str) -> None:
    text = glue.join(said)
    found = scan.hits(text, rules())
    assert all(0 <= hit.start < hit.end <= len(text) for hit in found)
    mended = scan.mend(text, [hit for hit in found if not hit.new])
    assert not set(mended) - set(text)
    assert len(mended) <= len(text)


@settings(deadline=None, max_examples=100)
@given(st.lists(st.sampled_from(lines()), max_size=8), st.sampled_from([" ", "\n\n"]))
def test_a_mended_turn_needs_no_mending(said: list[str], glue: str) -> None:
    fixable = tuple(one for one in rules() if loaded(one.name).fixable)
    mended = scan.mend(glue.join(said), scan.hits(glue.join(said), fixable))
    assert scan.hits(mended, fixable) == []


@settings(deadline=None, max_examples=40)
@given(st.text(max_size=300))
def test_a_text_without_a_hit_is_left_as_it_is(text: str) -> None:
    found = scan.hits(text, rules())
    assert found or scan.mend(text, found) == text


@pytest.mark.parametrize(
    "text", ["word " * 60_000, "a" * 300_000, "I am a " * 40_000, "'\"" * 100_000, "9 1 1 " * 50_000]
)
def test_a_long_turn_without_sentences_takes_seconds_at_most(text: str) -> None:
    import time

    start = time.process_time()
    scan.hits(text, rules())
    assert time.process_time() - start < 10
