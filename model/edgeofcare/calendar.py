"""Days, periods and financial years. In: dates. Out: whole days since day 0, period edges, year labels, discounts.

Must not know: children, money rules, files.
"""

from __future__ import annotations

from bisect import bisect_right
from dataclasses import dataclass
from datetime import date, timedelta
from itertools import pairwise

DAYS_PER_YEAR = 365
MEAN_DAYS_PER_YEAR = 365.25
MEAN_DAYS_PER_MONTH = MEAN_DAYS_PER_YEAR / 12
MONTHS_PER_PERIOD = {"quarter": 3, "month": 1}


def day_number(when: date, day_0: date) -> int:
    """Return the whole days from day 0 to a date (negative before day 0)."""
    return (when - day_0).days


def date_of(day: int, day_0: date) -> date:
    """Return the date that lies `day` days after day 0."""
    return day_0 + timedelta(days=day)


def financial_year(when: date) -> str:
    """Return the financial year (1 April to 31 March) of a date, as "2018-19"."""
    first = when.year if when.month >= 4 else when.year - 1
    return f"{first}-{(first + 1) % 100:02d}"


def next_financial_year(label: str) -> str:
    """Return the financial year after "2018-19", that is "2019-20"."""
    first = int(label[:4]) + 1
    return f"{first}-{(first + 1) % 100:02d}"


def add_months(when: date, n_months: int) -> date:
    """Return the first day of the month that lies n_months after a date's month."""
    months = when.year * 12 + when.month - 1 + n_months
    return date(months // 12, months % 12 + 1, 1)


@dataclass(frozen=True)
class Periods:
    """Consecutive calendar quarters or months, by the day numbers on which they start.

    edges: (period + 1), day number of each period's first day; the last is the end of the last period.
    The first edge may be negative: day 0 lies inside the first period of lives.
    """

    day_0: date
    edges: tuple[int, ...]

    def __len__(self) -> int:
        return len(self.edges) - 1

    def index(self, day: int) -> int:
        """Return the period in which a day lies; a day after the last period counts to the last."""
        return min(max(bisect_right(self.edges, day) - 1, 0), len(self) - 1)

    def first_dates(self) -> list[date]:
        """Return each period's first day."""
        return [date_of(edge, self.day_0) for edge in self.edges[:-1]]

    def financial_years(self) -> list[str]:
        """Return each period's financial year; quarters and months nest in financial years."""
        return [financial_year(when) for when in self.first_dates()]

    def middle_days(self) -> list[float]:
        """Return the day number of each period's middle."""
        return [(start + end) / 2 for start, end in pairwise(self.edges)]


def periods_between(first: date, last: date, day_0: date, period: str) -> Periods:
    """Return the calendar periods that cover every day from `first` to `last`."""
    step = MONTHS_PER_PERIOD[period]
    start = date(first.year, (first.month - 1) // step * step + 1, 1)
    edges = [day_number(start, day_0)]
    while start <= last:
        start = add_months(start, step)
        edges.append(day_number(start, day_0))
    return Periods(day_0, tuple(edges))


def discount_factor(day: float, rate_per_year: float) -> float:
    """Return (1 + rate)^-(day / 365.25), the present value at day 0 of one pound on a day (Green Book, real)."""
    return float((1 + rate_per_year) ** (-day / MEAN_DAYS_PER_YEAR))
