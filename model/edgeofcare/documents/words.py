"""Numbers as a reader says them: the only place where a number becomes words. In: numbers. Out: text, and `Said`.

A figure that does not exist is None and is said as "-". A number that rounds to zero has no sign. Must not know: what a
number stands for, scenarios, answers, formats.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from edgeofcare.calendar import MEAN_DAYS_PER_YEAR
from edgeofcare.documents.document import Said

MILLION = 1e6
NONE = "-"
MINUS = "\N{MINUS SIGN}"  # in pictures; text has a hyphen, which any reader and search finds
NIL_GBP, NIL = 0.5, 0.05  # smaller amounts and counts are said to be nothing: they would round to it
FEW = 10  # a smaller average count is said with one decimal
SMALL_SHARE = 0.005  # a smaller share would be said as 0%
SMALLEST_ERROR = 0.0005  # a smaller standard error of a chance is not said
RARE = 0.01  # a smaller chance, and one as near to 1, is not rounded to certainty
LONGEST_UNIT = 24  # characters; a longer unit is a whole definition
MOST_LEVELS = 4  # values of a list that are all named; a longer one is said by its ends
MONTHS_PER_YEAR = 12
Levels = tuple[float, float]


# ---- amounts -------------------------------------------------------------------------------------------------------


def pounds(value: float | None, change: bool = False) -> str:
    """Return an amount, GBP, as a reader says it: £18.6m, £342k, £1,480. change: a gain shows its plus."""
    if value is None:
        return NONE
    size = abs(value)
    if size < NIL_GBP:
        return "£0"
    sign = "-" if value < 0 else "+" if change else ""
    if size >= 0.9995 * MILLION:
        return f"{sign}£{size / MILLION:,.{1 if size >= 9.995 * MILLION else 2}f}m"
    return f"{sign}£{size / 1000:,.0f}k" if size >= 9_999.5 else f"{sign}£{size:,.0f}"


def pence(value: float | None) -> str:
    """Return an amount, GBP, to the penny, so that sums can be checked by hand: £1,480.25."""
    return NONE if value is None else f"{_sign(value, 2)}£{abs(value):,.2f}"


def unit_price(value: float | None) -> str:
    """Return a price, GBP, to the penny where it has pence: £480, £12.50."""
    return pence(value).removesuffix(".00")


def millions(value: float) -> str:
    """Return an amount, GBP, in millions with one decimal, for a table that names the unit."""
    return f"{_sign(value / MILLION, 1)}{abs(value) / MILLION:,.1f}"


def better_off(change_gbp: float) -> str:
    """Return a change, GBP, as what it makes somebody: £342k better off."""
    if abs(change_gbp) < NIL_GBP:
        return "neither better nor worse off"
    return f"{pounds(abs(change_gbp))} {'better' if change_gbp > 0 else 'worse'} off"


def saves(gbp: float) -> str:
    """Return a net saving, GBP, as a verb with its amount."""
    if abs(gbp) < NIL_GBP:
        return "neither saves nor loses"
    return f"{'saves' if gbp > 0 else 'loses'} {pounds(abs(gbp))}"


def fares(change_gbp: float, levels: Levels, plural: bool = False) -> str:
    """Return a change of net saving, GBP, in words. levels: net saving, GBP, before and after.

    Whoever loses in either case does not "save less" but "lose more".
    """
    if abs(change_gbp) < NIL_GBP:
        return f"{_save(levels, plural)} as much"
    more = (change_gbp > 0) != loses(levels)
    return f"{_save(levels, plural)} {pounds(abs(change_gbp))} {'more' if more else 'less'}"


def fares_alike(levels: Levels, plural: bool = False) -> str:
    """Return that a net saving changes by no more than chance. levels: as of `fares`."""
    return f"{_save(levels, plural)} about as much as before"


def loses(levels: Levels) -> bool:
    """Return whether a net saving is a loss in one case and no gain in the other. levels: as of `fares`."""
    return max(levels) <= 0 > min(levels)


def _save(levels: Levels, plural: bool) -> str:
    return f"{'lose' if loses(levels) else 'save'}{'' if plural else 's'}"


def gains(gbp: float) -> str:
    """Return a profit, GBP, as a verb with its amount."""
    return f"{'gains' if gbp >= 0 else 'loses'} {pounds(abs(gbp))}"


# ---- shares, rates, counts -----------------------------------------------------------------------------------------


def percent(value: float | None, digits: int = 0) -> str:
    """Return a share as a percentage."""
    return NONE if value is None else f"{_sign(100 * value, digits)}{abs(100 * value):,.{digits}f}%"


def small_percent(share: float | None) -> str:
    """Return a share as a percentage that is 0% only for nothing."""
    return "less than 1%" if share is not None and 0 < share < SMALL_SHARE else percent(share)


def short_percent(share: float) -> str:
    """Return a share with no more than four digits: 35%, 6.25%."""
    return f"{100 * share:.4g}%"


def points(change: float | None, digits: int = 0) -> str:
    """Return the change of a share in points of a hundred: from 50% to 53% is +3 points."""
    return NONE if change is None else f"{signed(100 * change, digits)} points"


def a_year(value: float | None, digits: int = 1) -> str:
    """Return a share of a year as a rate: 4.2% a year."""
    return NONE if value is None else f"{percent(value, digits)} a year"


def ratio(value: float | None) -> str:
    """Return a ratio with two digits."""
    return NONE if value is None else f"{value:,.2f}"


def per_pound(value: float | None) -> str:
    """Return what comes back for each pound: £1.23."""
    return pence(value)


def count(value: float | None) -> str:
    """Return an average count in whole numbers with thousands."""
    return NONE if value is None else f"{_sign(value, 0)}{abs(value):,.0f}"


def few(value: float) -> str:
    """Return an average count, with one decimal where it is small."""
    if value >= FEW:
        return f"{value:,.0f}"
    return "fewer than 0.1" if 0 < value < NIL else f"{value:.1f}" if value else "none"


def signed(value: float | None, digits: int = 1) -> str:
    """Return a change with its sign; one that rounds to zero has none."""
    if value is None:
        return NONE
    return f"{value:+,.{digits}f}" if round(value, digits) else f"{0:.{digits}f}"


def plain(value: float) -> str:
    """Return a number without more digits than a reader wants: 1,480, 12.35, 0.0625."""
    return f"{value:,.0f}" if abs(value) >= 999.95 else f"{value:.4g}"


def things(n: int, one: str, many: str = "") -> str:
    """Return a whole number of things: 1 day, 1,480 days."""
    return f"{n:,} {one if n == 1 else many or one + 's'}"


# ---- chances -------------------------------------------------------------------------------------------------------


def how_many(prob: float, n: int) -> str:
    """Return in how many of n simulated contracts something happens, without claiming more than was seen."""
    if n == 1:
        return f"{prob:.0f} of 1 simulated contract"
    if prob in (0, 1):
        return f"all {n:,} simulated contracts" if prob else f"none of the {n:,} simulated contracts"
    return f"{in_hundred(prob)} simulated contracts"


def chance(prob: float, n: int) -> str:
    """Return in how many of n simulated contracts something happens, short, for a table."""
    return in_hundred(prob) if prob not in (0, 1) else f"all {n:,}" if prob else f"none of {n:,}"


def in_hundred(prob: float) -> str:
    """Return a chance as a number in a hundred, without claiming certainty."""
    if 0 < prob < RARE:
        return "fewer than 1 in 100"
    if 1 - RARE < prob < 1:
        return "more than 99 in 100"
    return f"{round(100 * prob)} in 100"


def of_hundred(prob: float) -> str:
    """Return a chance as a number of a hundred, for "... of 100 simulated contracts"."""
    return in_hundred(prob).replace(" in 100", " of 100")


def chance_percent(prob: float | None) -> str:
    """Return a chance as a percentage that claims certainty only where it is: <1%, 35%, >99%."""
    if prob is not None and 0 < prob < RARE:
        return "<1%"
    return ">99%" if prob is not None and 1 - RARE < prob < 1 else percent(prob)


def percent_of_contracts(prob: float) -> str:
    """Return a chance as a percentage inside a sentence: less than 1%."""
    return chance_percent(prob).replace("<", "less than ").replace(">", "more than ")


# ---- spans ---------------------------------------------------------------------------------------------------------


def span(low: float | None, high: float | None, words: Callable[[float | None], str] = pounds) -> str:
    """Return a range; nothing if both ends are said alike."""
    first, last = words(low), words(high)
    return "" if first == last else f"{first} to {last}"


def middle(low: float | None, high: float | None) -> str:
    """Return the middle 80% of simulated contracts, GBP, in brackets; nothing if that is one number."""
    return f" (middle 80%: {span(low, high)})" if span(low, high) else ""


# ---- days, names, lists --------------------------------------------------------------------------------------------


def day(when: str | dt.date, month: str = "%B") -> str:
    """Return a date as a reader writes it: 1 April 2019. month: %b for a short name."""
    date = dt.date.fromisoformat(when) if isinstance(when, str) else when
    return f"{date.day} {date:{month} %Y}"


def age(years: float) -> str:
    """Return an age: 14 years and 3 months."""
    whole = int(years)
    whole_months = int(MONTHS_PER_YEAR * (years - whole))
    return f"{whole} years" + (f" and {things(whole_months, 'month')}" if whole_months else "")


def in_months(days: float) -> str:
    """Return a length of time in whole months of average length."""
    return f"{MONTHS_PER_YEAR * days / MEAN_DAYS_PER_YEAR:,.0f}"


def listed(names: Sequence[str], last: str = "and") -> str:
    """Return names as in a sentence: A, B and C; nothing if there are none."""
    return "".join(names) if len(names) < 2 else f"{', '.join(names[:-1])} {last} {names[-1]}"


def capital(text: str) -> str:
    """Return a text that begins with a capital letter."""
    return text[:1].upper() + text[1:]


def lower(text: str) -> str:
    """Return a text that begins with a small letter, to go on with inside a sentence."""
    return text[:1].lower() + text[1:]


def slug_words(slug: str) -> str:
    """Return a slug as words: mst_a as MST A, outreach_team as Outreach team, mst_b_for_brent as MST B for Brent."""
    team, of, borough = slug.partition("_for_")
    parts = [part.upper() if len(part) <= 3 else part for part in team.split("_")]
    words = " ".join([capital(parts[0]), *parts[1:]])
    return f"{words} for {borough.replace('_', ' ').title()}" if of else words


# ---- in the unit of an input or a published figure -----------------------------------------------------------------


def amount(value: float | None, unit: str) -> str:
    """Return a published or simulated figure in its unit: GBP, share, a year, date (decimal years), or a count."""
    if value is None:
        return NONE
    if unit == "GBP":
        return pounds(value)
    if unit.startswith("share") or unit == "a year":
        return percent(value, 1)
    return f"{value:.1f}" if unit == "date" else count(value)


def bare(value: float, unit: str) -> str:
    """Return an input's number as pounds, a percentage or digits, as its unit asks for, without the rest of it."""
    if unit.startswith(("share", "probability", "a year")) and abs(value) <= 1:
        return short_percent(value)
    return f"{'-' if value < 0 else ''}£{plain(abs(value))}" if unit.startswith("GBP") else plain(value)


def value_words(value: Any, unit: str = "") -> str:
    """Return an input's value as a reader says it: pounds, percentages, long lists by their ends; with its unit."""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int | float):
        return _with_unit(value, unit)
    if isinstance(value, Mapping):
        ends = [f"{key}: {value_words(one)}" for key, one in value.items()]
        return ", ".join(ends) if len(ends) <= MOST_LEVELS else f"{ends[0]} to {ends[-1]} ({len(ends)} values)"
    if isinstance(value, Sequence) and not isinstance(value, str):
        return ", ".join(value_words(one) for one in value)
    return NONE if value is None else str(value)


def _with_unit(value: float, unit: str) -> str:
    """Return a number in its unit; a unit that is a whole definition is left out."""
    number, rest = bare(value, unit), unit.removeprefix("GBP").strip()
    if number.endswith("%"):
        rest = "a year" if unit == "a year" else ""
    return f"{number} {rest}".strip() if len(rest) <= LONGEST_UNIT else number


# ---- in pictures ---------------------------------------------------------------------------------------------------


def money_tick(value: float, _: object = None) -> str:
    """Return an amount, GBP, as short as it can be, for an axis."""
    size, sign = abs(value), MINUS if value < 0 else ""
    if size >= MILLION:
        return f"{sign}£{size / MILLION:g}m"
    return f"{sign}£{size / 1000:g}k" if size >= 1000 else f"{sign}£{size:g}"


def percent_tick(value: float, _: object = None) -> str:
    """Return a share as a percentage as short as it can be, for an axis."""
    return f"{MINUS if value < 0 else ''}{short_percent(abs(value))}"


def label_pounds(value: float | None) -> str:
    """Return an amount, GBP, for a label in a picture, with a real minus."""
    return pounds(value).replace("-", MINUS)


# ---- with the number itself, for formats that calculate ------------------------------------------------------------


def said_pounds(value: float | None, change: bool = False) -> Said:
    """Return an amount, GBP, with its number. change: a gain shows its plus."""
    return Said(pounds(value, change), value, "gbp")


def said_pence(value: float | None) -> Said:
    """Return an amount, GBP, to the penny with its number."""
    return Said(pence(value), value, "gbp")


def said_percent(value: float | None, digits: int = 0, none: str = NONE) -> Said:
    """Return a share with its number. none: what is said where there is none."""
    return Said(none if value is None else percent(value, digits), value, "share")


def said_small_percent(value: float | None, none: str = NONE) -> Said:
    """Return a share, 0% only for nothing, with its number."""
    return Said(none if value is None else small_percent(value), value, "share")


def said_chance(prob: float, n: int) -> Said:
    """Return in how many of n simulated contracts something happens, with the chance."""
    return Said(chance(prob, n), prob, "share")


def said_chance_percent(prob: float | None) -> Said:
    """Return a chance, of which only certainty is said to be 0% or 100%, with its number."""
    return Said(chance_percent(prob), prob, "share")


def said_points(change: float | None, digits: int = 0) -> Said:
    """Return the change of a share in points, with its number."""
    return Said(points(change, digits), change, "share")


def said_return(value: float | None) -> Said:
    """Return a rate of return, which may not exist, with its number."""
    return said_percent(value, 1, none="none")


def said_multiple(value: float | None) -> Said:
    """Return what comes back for each pound put in, which may not exist, with its number."""
    return Said("none" if value is None else per_pound(value), value, "times")


def said_years(value: float | None) -> Said:
    """Return years until something that may never be, with their number."""
    return Said("never" if value is None else f"{value:.1f} years", value, "years")


def said_count(value: float | None, unit: str = "count", digits: int = 1, change: bool = False) -> Said:
    """Return a count, which needs no unit, or days or a multiple with theirs; with its number."""
    if value is None:
        return Said(NONE, None, unit)
    text = signed(value, digits) if change else f"{_sign(value, digits)}{abs(value):,.{digits}f}"
    return Said(text if unit == "count" else f"{text} {unit}", value, unit)


def said_days(n_days: int | None) -> Said:
    """Return a number of days for a column that names the unit, with its number."""
    return Said(NONE if n_days is None else f"{n_days:,}", n_days, "days")


def _sign(value: float, digits: int) -> str:
    """Return a minus for a number that is below zero after rounding."""
    return "-" if round(value, digits) < 0 else ""


def chance_with_error(found: Mapping[str, Any]) -> str:
    """Return a chance as a number in a hundred with its standard error, as `outcomes.Chance` gives them."""
    error = found["se"]
    return in_hundred(found["prob"]) + (f" (±{100 * error:.1f})" if error and error >= SMALLEST_ERROR else "")
