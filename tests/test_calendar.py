"""Days, periods and financial years."""

from __future__ import annotations

from datetime import date, timedelta

import pytest

from edgeofcare import calendar
from edgeofcare.calendar import Periods, periods_between

DAY_0 = date(2018, 2, 6)


def test_day_numbers_and_dates_are_inverse() -> None:
    assert calendar.day_number(DAY_0, DAY_0) == 0
    assert calendar.day_number(date(2018, 7, 1), DAY_0) == 145
    for day in (-200, 0, 22, 5000):
        assert calendar.day_number(calendar.date_of(day, DAY_0), DAY_0) == day


@pytest.mark.parametrize(
    ("when", "label"),
    [
        (date(2018, 3, 31), "2017-18"),
        (date(2018, 4, 1), "2018-19"),
        (date(1999, 4, 1), "1999-00"),
        (date(2000, 1, 1), "1999-00"),
    ],
)
def test_financial_years_start_on_1_april(when: date, label: str) -> None:
    assert calendar.financial_year(when) == label


def test_financial_years_follow_one_another() -> None:
    assert calendar.next_financial_year("1998-99") == "1999-00"
    assert calendar.next_financial_year("1999-00") == "2000-01"


def test_months_are_added_from_the_first_of_the_month() -> None:
    assert calendar.add_months(date(2018, 11, 30), 3) == date(2019, 2, 1)
    assert calendar.add_months(date(2018, 12, 1), 12) == date(2019, 12, 1)


@pytest.mark.parametrize(("period", "months"), [("quarter", {1, 4, 7, 10}), ("month", set(range(1, 13)))])
def test_periods_cover_every_day_once_and_nest_in_financial_years(period: str, months: set[int]) -> None:
    last = date(2021, 8, 5)
    periods = periods_between(DAY_0, last, DAY_0, period)
    starts = periods.first_dates()
    assert {start.month for start in starts} <= months and {start.day for start in starts} == {1}
    assert periods.edges[0] <= 0 and periods.edges[-1] > calendar.day_number(last, DAY_0)
    years = periods.financial_years()
    for day in range(0, calendar.day_number(last, DAY_0) + 1):
        i = periods.index(day)
        assert periods.edges[i] <= day < periods.edges[i + 1]
        assert years[i] == calendar.financial_year(DAY_0 + timedelta(days=day))


def test_days_outside_count_to_the_first_and_the_last_period() -> None:
    periods = Periods(DAY_0, (-36, 54, 145))
    assert len(periods) == 2
    assert [periods.index(day) for day in (-100, -36, 53, 54, 144, 145, 9999)] == [0, 0, 0, 1, 1, 1, 1]
    assert periods.middle_days() == [9.0, 99.5]


def test_discounting_is_compound_by_day() -> None:
    assert calendar.discount_factor(0, 0.035) == 1
    assert calendar.discount_factor(365.25, 0.035) == pytest.approx(1 / 1.035)
    assert calendar.discount_factor(730.5, 0.035) == pytest.approx(1 / 1.035 / 1.035)
