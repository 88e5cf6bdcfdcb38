"""Numbers in words: small, negative, missing and huge ones are said so that nobody can be misled."""

from __future__ import annotations

from datetime import date

import pytest

from edgeofcare.documents import words
from edgeofcare.documents.words import (
    a_year,
    age,
    amount,
    better_off,
    capital,
    chance,
    chance_percent,
    count,
    day,
    fares,
    few,
    how_many,
    in_hundred,
    label_pounds,
    listed,
    lower,
    middle,
    millions,
    money_tick,
    of_hundred,
    pence,
    percent,
    percent_of_contracts,
    percent_tick,
    plain,
    points,
    pounds,
    ratio,
    saves,
    signed,
    slug_words,
    small_percent,
    span,
    things,
    unit_price,
    value_words,
)


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (18_849_000, "£18.8m"),
        (9_994_999, "£9.99m"),
        (9_996_000, "£10.0m"),
        (999_600, "£1.00m"),
        (342_400, "£342k"),
        (9_999.6, "£10k"),
        (1_480, "£1,480"),
        (0, "£0"),
        (0.4, "£0"),
        (-0.2, "£0"),
        (-0.6, "-£1"),
        (-2_640_000, "-£2.64m"),
        (7.5e12, "£7,500,000.0m"),
        (None, "-"),
    ],
)
def test_pounds(value: float | None, text: str) -> None:
    assert pounds(value) == text


@pytest.mark.parametrize(("value", "text"), [(342_400, "+£342k"), (-342_400, "-£342k"), (0.3, "£0"), (None, "-")])
def test_a_change_in_pounds_shows_its_plus(value: float | None, text: str) -> None:
    assert pounds(value, change=True) == text
    assert words.said_pounds(value, change=True).number == value


@pytest.mark.parametrize(
    ("value", "exact", "short"),
    [
        (1_480.25, "£1,480.25", "£1,480.25"),
        (480, "£480.00", "£480"),
        (-12.5, "-£12.50", "-£12.50"),
        (-0.001, "£0.00", "£0"),
        (None, "-", "-"),
    ],
)
def test_amounts_to_the_penny(value: float | None, exact: str, short: str) -> None:
    assert (pence(value), unit_price(value)) == (exact, short)


def test_millions_have_no_sign_at_zero() -> None:
    assert [millions(value) for value in (-40_000, -60_000, 0, 1.25e6, -3e9)] == [
        "0.0",
        "-0.1",
        "0.0",
        "1.2",
        "-3,000.0",
    ]


def test_percentages() -> None:
    assert [percent(value) for value in (0.354, -0.004, 0, 1, 12.5, None)] == ["35%", "0%", "0%", "100%", "1,250%", "-"]
    assert [percent(value, 1) for value in (0.0425, -0.0004, -0.02)] == ["4.2%", "0.0%", "-2.0%"]
    assert [small_percent(value) for value in (0.0, 0.001, 0.2, None)] == ["0%", "less than 1%", "20%", "-"]
    assert [points(value) for value in (0.03, -0.001, None)] == ["+3 points", "0 points", "-"]
    assert [a_year(value) for value in (0.062, -0.5, None)] == ["6.2% a year", "-50.0% a year", "-"]


@pytest.mark.parametrize(
    ("prob", "hundred", "short"),
    [
        (0.0, "0 in 100", "0%"),
        (0.004, "fewer than 1 in 100", "<1%"),
        (0.01, "1 in 100", "1%"),
        (0.34, "34 in 100", "34%"),
        (0.996, "more than 99 in 100", ">99%"),
        (1.0, "100 in 100", "100%"),
    ],
)
def test_a_chance_claims_certainty_only_where_it_is(prob: float, hundred: str, short: str) -> None:
    assert in_hundred(prob) == hundred and chance_percent(prob) == short
    assert of_hundred(prob) == hundred.replace("in 100", "of 100")
    assert percent_of_contracts(prob) == short.replace("<", "less than ").replace(">", "more than ")


@pytest.mark.parametrize(
    ("prob", "n", "text", "short"),
    [
        (0, 200, "none of the 200 simulated contracts", "none of 200"),
        (1, 1000, "all 1,000 simulated contracts", "all 1,000"),
        (0.5, 200, "50 in 100 simulated contracts", "50 in 100"),
        (0.0001, 10_000, "fewer than 1 in 100 simulated contracts", "fewer than 1 in 100"),
        (1, 1, "1 of 1 simulated contract", "all 1"),
        (0, 1, "0 of 1 simulated contract", "none of 1"),
    ],
)
def test_how_many_contracts_claim_no_more_than_was_seen(prob: float, n: int, text: str, short: str) -> None:
    assert (how_many(prob, n), chance(prob, n)) == (text, short)


def test_counts() -> None:
    assert [count(value) for value in (1_480.4, -0.3, -12.0, None)] == ["1,480", "0", "-12", "-"]
    assert [few(value) for value in (0, 0.01, 0.4, 9.94, 10, 1_480.0)] == [
        "none",
        "fewer than 0.1",
        "0.4",
        "9.9",
        "10",
        "1,480",
    ]
    assert [signed(value) for value in (0.04, -0.04, 0.06, -1_480, None)] == ["0.0", "0.0", "+0.1", "-1,480.0", "-"]
    inputs = [plain(value) for value in (12.3456, 999.96, 1_480.4, 0.00625, -2_000)]
    assert inputs == ["12.35", "1,000", "1,480", "0.00625", "-2,000"]
    assert [things(n, "day") for n in (0, 1, 1_480)] == ["0 days", "1 day", "1,480 days"]
    assert things(2, "family", "families") == "2 families"
    assert [ratio(value) for value in (1.234, None)] == ["1.23", "-"]


def test_savings_and_losses() -> None:
    assert [saves(gbp) for gbp in (2e6, -2e6, 0.3)] == ["saves £2.00m", "loses £2.00m", "neither saves nor loses"]
    ends = [better_off(gbp) for gbp in (500, -500, 0)]
    assert ends == ["£500 better off", "£500 worse off", "neither better nor worse off"]


@pytest.mark.parametrize(
    ("change", "before", "after", "text"),
    [
        (100, 500, 600, "saves £100 more"),
        (-100, 500, 400, "saves £100 less"),
        (-100, -500, -600, "loses £100 more"),
        (100, -500, -400, "loses £100 less"),
        (-100, 0, -100, "loses £100 more"),
        (-200, 100, -100, "saves £200 less"),
        (0.2, 500, 500.2, "saves as much"),
    ],
)
def test_whoever_saves_nothing_loses_more(change: float, before: float, after: float, text: str) -> None:
    assert fares(change, (before, after)) == text


def test_spans_of_one_number_are_none() -> None:
    assert span(1e6, 2e6) == "£1.00m to £2.00m" and span(1e6, 1_000_001) == "" and span(None, None) == ""
    assert span(0.1, 0.2, lambda value: percent(value)) == "10% to 20%"
    assert middle(1e6, 2e6) == " (middle 80%: £1.00m to £2.00m)" and middle(5, 5) == ""


def test_days_and_ages() -> None:
    assert day("2019-04-01") == day(date(2019, 4, 1)) == "1 April 2019" and day("2019-04-01", "%b") == "1 Apr 2019"
    assert [age(years) for years in (14.0, 14.1, 14.5)] == ["14 years", "14 years and 1 month", "14 years and 6 months"]


def test_names() -> None:
    assert [listed(names) for names in (["A"], ["A", "B"], ["A", "B", "C"])] == ["A", "A and B", "A, B and C"]
    assert listed(["A", "B"], "or") == "A or B"
    slugs = ("mst_a", "outreach_team", "mst_b_for_brent", "fft")
    assert [slug_words(slug) for slug in slugs] == ["MST A", "Outreach team", "MST B for Brent", "FFT"]
    assert (capital("ab"), lower("Ab"), capital(""), lower("")) == ("Ab", "ab", "", "")


@pytest.mark.parametrize(
    ("value", "unit", "text"),
    [
        (0.35, "share", "35%"),
        (0.035, "a year", "3.5% a year"),
        (1_500_000, "GBP", "£1,500,000"),
        (-3_000, "GBP", "-£3,000"),
        (42, "days", "42 days"),
        (1.5, "a unit that is a whole definition of its own", "1.5"),
        (True, "", "yes"),
        (None, "", "-"),
        ([1, 2], "", "1, 2"),
        ({"a": 1, "b": 2}, "", "a: 1, b: 2"),
        ({str(i): i for i in range(9)}, "", "0: 0 to 8: 8 (9 values)"),
        ("text", "", "text"),
    ],
)
def test_values_of_inputs(value: object, unit: str, text: str) -> None:
    assert value_words(value, unit) == text


def test_published_figures_in_their_unit() -> None:
    found = [
        amount(value, unit) for value, unit in ((0.35, "share of days"), (2e6, "GBP"), (2019.25, "date"), (None, "GBP"))
    ]
    assert found == ["35.0%", "£2.00m", "2019.2", "-"]


def test_axes_are_short_and_have_a_real_minus() -> None:
    assert [money_tick(value) for value in (0, 500, -2_500, 1.5e6)] == ["£0", "£500", "\N{MINUS SIGN}£2.5k", "£1.5m"]
    assert percent_tick(-0.05) == "\N{MINUS SIGN}5%" and label_pounds(-2e6) == "\N{MINUS SIGN}£2.00m"


def test_said_numbers_keep_their_number() -> None:
    said = [words.said_percent(0.354, 1), words.said_chance(0.2, 100), words.said_days(3), words.said_return(None)]
    assert [(str(one), one.number, one.unit) for one in said] == [
        ("35.4%", 0.354, "share"),
        ("20 in 100", 0.2, "share"),
        ("3", 3, "days"),
        ("none", None, "share"),
    ]
    assert (
        str(words.said_count(1_234.56, "days", 1)) == "1,234.6 days" and str(words.said_count(-0.04, digits=1)) == "0.0"
    )
    assert str(words.said_years(None)) == "never" and str(words.said_multiple(1.5)) == "£1.50"
