"""HIPAA Safe Harbor, rule by rule."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from data_prep.deidentify.safe_harbor import SMALL_ZIPS, safe_age, safe_date, safe_zip


@pytest.mark.parametrize(
    ("written", "safe"),
    [
        ("02139", "021"),
        (" 02139-4307 ", "021"),
        ("02139 4307", "021"),
        ("03601", "000"),
        ("20301-1234", "000"),
        ("０２１３９", "021"),
        ("2139", "000"),
        ("SW1A 1AA", "000"),
        ("021394", "000"),
        ("", "000"),
    ],
)
def test_zips_keep_three_digits_where_enough_people_live(written: str, safe: str) -> None:
    assert safe_zip(written) == safe


def test_the_small_areas_are_the_seventeen_of_the_guidance() -> None:
    assert len(SMALL_ZIPS) == 17
    assert all(safe_zip(f"{prefix}{end:02d}") == "000" for prefix in SMALL_ZIPS for end in range(100))


@given(st.text())
def test_no_text_leaves_more_than_a_prefix(text: str) -> None:
    assert len(safe_zip(text)) == 3


@pytest.mark.parametrize(
    "age", [0, 34, 89, "89", "34 years old", "thirty-four", "in my eighties", "middle-aged", "nueve"]
)
def test_ages_up_to_89_stay(age: str | int) -> None:
    assert safe_age(age) == str(age)


@pytest.mark.parametrize(
    "age",
    [
        *(90, 104, "90", "94-year-old", "ninety-three", "in her 90s", "early nineties", "a hundred and two"),
        *("nonagenarian", "noventa y tres años", "cien años", "ciento dos", "Centenaria", "９４"),
    ],
)
def test_higher_ages_become_one(age: str | int) -> None:
    assert safe_age(age) == "90 or older"


@pytest.mark.parametrize(
    ("date", "safe"),
    [
        ("3 May 1987", "1987"),
        ("1987-05-03", "1987"),
        ("May 3rd", ""),
        ("last Tuesday", ""),
        ("summer of 2019", "2019"),
        ("3/14/62", "1962"),
        ("14.03.05", "2005"),
        ("the summer of '87", "1987"),
        ("1937", "1937"),
        ("born in 1936", ""),
        ("3/14/31", ""),
        ("1 January 1871", ""),
        ("from March 2019 to May 2021", ""),
        ("2019, all of 2019", "2019"),
        ("12 de mayo de 1990", "1990"),
        ("room 19876", ""),
    ],
)
def test_dates_keep_the_year_unless_it_tells_an_age_above_89(date: str, safe: str) -> None:
    assert safe_date(date, 2026) == safe


@given(st.dates())
def test_of_a_date_no_day_and_no_month_stays(date: object) -> None:
    assert safe_date(str(date), 2026) in ("", str(date)[:4])
