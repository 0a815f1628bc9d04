"""What licences and consent add up to, and what they block."""

from __future__ import annotations

from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from data_prep import licences
from data_prep.licences import DUTIES, SourceTerms, blocks_release, blocks_training, duties, scope, strictest
from wellgate.errors import InputError

IDS = (
    "CC0-1.0 MIT Apache-2.0 CC-BY-4.0 CC-BY-SA-4.0 CC-BY-NC-4.0 CC-BY-ND-4.0 CC-BY-NC-ND-4.0 GPL-3.0-only ODbL-1.0 CDLA-Sharing-1.0"
    " LicenseRef-clinic Zlib-acknowledgement"
).split()
licence_ids = st.sampled_from(IDS)


@pytest.mark.parametrize(
    ("licence", "asked"),
    [
        ("CC0-1.0", ""),
        ("PDDL-1.0", ""),
        ("MIT", "attribution"),
        ("apache-2.0", "attribution"),
        ("CC-BY-4.0", "attribution"),
        ("CC-BY-3.0-IGO", "attribution"),
        ("CC-BY-SA-2.1-JP", "attribution share-alike"),
        ("GPL-2.0", "attribution share-alike"),
        ("GPL-2.0+", "attribution share-alike"),
        ("ODbL-1.0", "attribution share-alike"),
        ("CC-BY-NC-SA-4.0", "attribution share-alike non-commercial"),
        ("CC-BY-ND-4.0", "attribution no-derivatives"),
        ("CC-BY-NC-ND-3.0-DE", "attribution non-commercial no-derivatives"),
        ("PolyForm-Noncommercial-1.0.0", "attribution non-commercial"),
        ("LicenseRef-clinic", "unknown"),
        ("DocumentRef-x:LicenseRef-clinic", "unknown"),
        ("NOASSERTION", "unknown"),
        ("NONE", "unknown"),
        ("Zlib-acknowledgement", "unknown"),
        ("MIT AND CC-BY-NC-4.0", "attribution non-commercial"),
        ("MIT OR CC-BY-NC-4.0", "attribution"),
        ("CC-BY-NC-4.0 OR LicenseRef-clinic", "attribution non-commercial"),
        ("(CC0-1.0 OR CC-BY-ND-4.0) AND CC-BY-SA-4.0", "attribution share-alike"),
        ("GPL-2.0-only WITH Classpath-exception-2.0", "attribution share-alike"),
    ],
)
def test_each_licence_asks_for_its_duties(licence: str, asked: str) -> None:
    assert duties(licence, "here").data == set(asked.split())
    assert duties(licence, "here").model == set(asked.split())


def test_a_licence_that_frees_results_binds_the_data_only() -> None:
    found = duties("CDLA-Sharing-1.0", "here")
    assert found.data == {"attribution", "share-alike"}
    assert found.model == frozenset()


@pytest.mark.parametrize(
    ("licence", "near"),
    [
        ("Apache 2.0", "'Apache-2.0'"),
        ("CC BY 4.0", "'CC-BY-4.0'"),
        ("cc-by-4", "'CC-BY-4.0'"),
        ("MIT License", "'MIT'"),
        ("MITT", "'MIT'"),
        ("GPLv3", "'GPL-3.0-only'"),
        ("odbl", "'ODbL-1.0'"),
        ("CC-BY-4.0 AND Apache2", "'Apache-2.0'"),
    ],
)
def test_a_licence_that_does_not_parse_is_one_error_with_the_nearest_id(licence: str, near: str) -> None:
    with pytest.raises(InputError) as error:
        duties(licence, "recipes/x.yaml:7: prepare.sources[0].licence")
    assert str(error.value).startswith("recipes/x.yaml:7: prepare.sources[0].licence: ")
    assert f"did you mean {near}" in str(error.value)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    "licence", ["", "  ", "MIT AND", "(MIT", "MIT WITH GPL-2.0-only", "Classpath-exception-2.0", "MIT MIT", "()"]
)
def test_broken_expressions_are_input_errors(licence: str) -> None:
    with pytest.raises(InputError, match="no SPDX expression"):
        duties(licence, "here")


def test_a_text_in_the_place_of_a_licence_is_not_repeated() -> None:
    with pytest.raises(InputError) as error:
        duties("I have not slept since the flood", "notes.jsonl:3")
    assert "slept" not in str(error.value)
    with pytest.raises(InputError) as error:
        scope("my sister signed for me", "notes.jsonl:3")
    assert "sister" not in str(error.value)


@given(st.text(max_size=60) | st.text("MITCBY-4.0 ()ANDORWH,", max_size=30))
def test_any_text_parses_or_is_an_input_error(text: str) -> None:
    for read in (duties, scope):
        with suppress(InputError):
            assert read(text, "here")


@given(licence_ids, licence_ids)
def test_and_adds_up_and_or_takes_one(left: str, right: str) -> None:
    first, second = duties(left, ""), duties(right, "")
    both, either = duties(f"{left} AND {right}", ""), duties(f"{left} OR {right}", "")
    assert both.data == first.data | second.data
    assert both.model == first.model | second.model
    assert either in (first, second)
    assert either == duties(f"{right} OR {left}", "")
    assert either.strictness <= min(first.strictness, second.strictness)


@given(st.lists(licence_ids, min_size=1, max_size=5), licence_ids)
def test_one_more_source_never_loosens(some: list[str], more: str) -> None:
    few = strictest(SourceTerms(f"s{number}", licence, "consented") for number, licence in enumerate(some))
    all_of_them = strictest(
        SourceTerms(f"s{number}", licence, "consented") for number, licence in enumerate([*some, more])
    )
    assert few.data <= all_of_them.data
    assert few.model <= all_of_them.model
    assert few.scopes >= all_of_them.scopes
    assert set(blocks_release(few)) <= set(blocks_release(all_of_them))


def test_every_reason_names_its_source() -> None:
    terms = strictest(
        [
            SourceTerms("forum", "CC-BY-SA-4.0", "published, authors not asked"),
            SourceTerms("clinic", "LicenseRef-clinic", "consented-research"),
            SourceTerms("starter", "CC-BY-NC-4.0 OR CC-BY-4.0", "synthetic"),
        ]
    )
    assert terms.level == "unknown"
    assert terms.share_alike == ("CC-BY-SA-4.0",)
    assert terms.scopes == {"train", "evaluate"}
    assert blocks_release(terms) == [
        "clinic: LicenseRef-clinic: unknown",
        "clinic: consent consented-research: not for release",
    ]
    assert [str(reason) for reason in terms.reasons if reason.source == "forum"] == [
        "forum: CC-BY-SA-4.0: attribution",
        "forum: CC-BY-SA-4.0: share-alike",
    ]
    assert terms.as_counts()["blocks_release"] == blocks_release(terms)


@pytest.mark.parametrize(
    ("licence", "blocked"),
    [("CC-BY-SA-4.0", False), ("CC-BY-NC-4.0", True), ("CC-BY-ND-4.0", True), ("NOASSERTION", True), ("MIT", False)],
)
def test_non_commercial_no_derivatives_and_unknown_block_a_release(licence: str, blocked: bool) -> None:
    terms = strictest([SourceTerms("one", "MIT", "synthetic"), SourceTerms("two", licence, "synthetic")])
    assert bool(blocks_release(terms)) is blocked
    assert all(reason.startswith("two: ") for reason in blocks_release(terms))


def test_no_sources_ask_for_nothing() -> None:
    assert (strictest([]).level, blocks_release(strictest([]))) == ("permissive", [])


@pytest.mark.parametrize(
    ("consent", "scopes"),
    [
        ("synthetic", "train evaluate release"),
        ("public-domain", "train evaluate release"),
        ("published", "train evaluate release"),
        ("published, authors not asked", "train evaluate release"),
        ("Published, Authors (mostly) not asked", "train evaluate release"),
        ("consented", "train evaluate release"),
        ("consented (evaluate, train), form 2 of 2024", "train evaluate"),
        ("consented-research", "train evaluate"),
        ("data-use-agreement", "train evaluate"),
        ("data-use-agreement (train, evaluate, release)", "train evaluate release"),
        ("unknown", "evaluate"),
    ],
)
def test_consent_is_a_basis_with_scopes_and_a_note(consent: str, scopes: str) -> None:
    assert scope(consent, "here") == tuple(scopes.split())


@pytest.mark.parametrize(
    "consent",
    [
        "",
        "sure",
        "consented for training",
        "consented (sell)",
        "consented-research (release)",
        "unknown (train)",
        "consented (",
    ],
)
def test_what_is_not_in_the_vocabulary_is_an_input_error(consent: str) -> None:
    with pytest.raises(InputError, match=r"^here: .*consent"):
        scope(consent, "here")


def test_consent_that_does_not_allow_training_is_told() -> None:
    terms = strictest([SourceTerms("found", "MIT", "unknown"), SourceTerms("own", "MIT", "consented")])
    assert blocks_training(terms) == ["found: consent unknown: not for train"]


def test_a_record_is_told_apart_by_a_short_reason() -> None:
    assert licences.problem("MIT", "synthetic") == ""
    assert licences.problem("free as in beer", "synthetic") == "licence is no SPDX expression"
    assert licences.problem("MIT", "why not") == "unknown consent"


def test_the_table_of_duties_has_only_ids_of_the_spdx_list() -> None:
    for id in licences._DATA:
        assert "unknown" not in duties(id, "").data, id
    assert set(licences._ELEMENTS.values()) < set(DUTIES)
