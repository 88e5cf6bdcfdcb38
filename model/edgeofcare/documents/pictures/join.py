"""The pictures of "should this borough join?". In: a `Joined`. Out: `Figure`s.

A picture made again is the same byte by byte. It computes nothing but roundings. Must not know: scenarios, files.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from edgeofcare.documents.answers.join_words import nothing_changes, sides
from edgeofcare.documents.document import Figure
from edgeofcare.documents.pictures.picture import figure
from edgeofcare.documents.words import NIL_GBP, fares, listed, pounds, said_pounds, saves
from edgeofcare.outcomes import Paired, Stat
from edgeofcare.questions.exposure import Year
from edgeofcare.questions.join_answer import Joined, JoinerAnswer

if TYPE_CHECKING:
    from matplotlib.figure import Figure as Canvas

Gain = tuple[str, bool, tuple[float, float, float]]  # name, whether it joins, average, 1 in 10 lower, 1 in 10 higher


# ---- who gains and who loses ---------------------------------------------------------------------------------------


def gains(found: Joined) -> Figure:
    """Return what joining is worth to each borough: joiners' own net saving, others' change of theirs, with spread."""
    name, title = "join-gains", "Each borough's gain or loss, over the whole contract"
    rows = _gains(found)

    def draw() -> Canvas:
        from edgeofcare.documents.pictures import draw_join

        return draw_join.gains(rows)

    head = ("Borough", "What is shown", "On average", "1 in 10 lower", "1 in 10 higher")
    cells = [
        (
            who,
            "net saving" if joins else "change in net saving",
            *(said_pounds(value, not joins) for value in gbp),
        )
        for who, joins, gbp in rows
    ]
    note = "Net saving: cashable care avoided, less payments and the borough's own costs."
    return figure(name, title, _gain_words(found), head, cells, note, draw=draw)


def _gains(found: Joined) -> list[Gain]:
    """Return name, whether it joins, and figures of each borough, the highest average first."""
    rows = [(b.name, True, _spread(b.net_saving_gbp)) for b in found.joiner.values()]
    rows += [(b.name, False, _spread(b.change_in_net_saving_gbp)) for b in found.incumbents.values()]
    return sorted(rows, key=lambda row: -row[2][0])


def _spread(stat: Stat | Paired) -> tuple[float, float, float]:
    return stat.mean or 0.0, stat.p10 or 0.0, stat.p90 or 0.0


def _gain_words(found: Joined) -> str:
    joined = [f"{b.name} {saves(b.net_saving_gbp.mean or 0.0)}" for b in found.joiner.values()]
    told = f"On average {listed(joined)} by joining."
    if nothing := nothing_changes(found):
        return f"{told} {nothing}"
    rows = sorted(found.incumbents.values(), key=lambda b: -b.change_in_net_saving_gbp.mean)
    moved = [b for b in rows if abs(b.change_in_net_saving_gbp.mean) >= NIL_GBP]
    parts = [f"{b.name} {fares(b.change_in_net_saving_gbp.mean, sides(b.net_saving_gbp))}" for b in moved]
    if still := [b.name for b in rows if b not in moved]:
        parts.append(f"nothing changes in what {listed(still)} save{'s' if len(still) == 1 else ''}")
    return f"{told} {'Of those already in, ' if len(rows) > 1 else ''}{listed(parts)}."


# ---- the joiner year by year ---------------------------------------------------------------------------------------


def joiner_years(slug: str, joiner: JoinerAnswer) -> Figure:
    """Return what a joiner pays and what care it avoids by financial year, with its net saving added up."""
    name, title = f"join-years-{slug}", f"{joiner.name}: what it pays{_care_title(joiner)}"
    years = _busy(joiner.years)
    paid = [year.payments_gbp.mean or 0.0 for year in years.values()]
    avoided = [year.avoided_cashable_gbp for year in years.values()]
    kept = [year.cumulative_net_saving_gbp for year in years.values()]

    def draw() -> Canvas:
        from edgeofcare.documents.pictures import draw_join

        return draw_join.joiner_years(list(years), paid, avoided, kept)

    head = ("Financial year", "Pays", "Cashable care avoided", "Net saving so far")
    rows = [(year, *map(said_pounds, row)) for year, *row in zip(years, paid, avoided, kept, strict=True)]
    note = "Net saving also counts the borough's own costs of taking part."
    return figure(name, title, _year_words(joiner.name, years, kept), head, rows, note, draw=draw)


def _busy(years: Mapping[str, Year]) -> dict[str, Year]:
    """Return the years from the first in which anything is paid or avoided; all, if nothing ever is."""
    keys = list(years)
    moved = [i for i, year in enumerate(years.values()) if year.payments_gbp.mean or year.net_saving_gbp]
    return {key: years[key] for key in keys[min(moved, default=0) :]}


def _care_title(joiner: JoinerAnswer) -> str:
    avoided = joiner.avoided_gbp.cashable
    if abs(avoided) < NIL_GBP:
        return " where no care is avoided"
    return f", and what {'it no longer pays' if avoided > 0 else 'more it pays'} for care"


def _year_words(who: str, years: Mapping[str, Year], kept: Sequence[float]) -> str:
    """Say what the dearest year brings, and what has been saved or lost in the end."""
    dearest = max(years, key=lambda year: years[year].payments_gbp.mean or 0.0)
    paid, avoided = years[dearest].payments_gbp.mean or 0.0, years[dearest].avoided_cashable_gbp
    care = "no care is avoided then"
    if abs(avoided) >= NIL_GBP:
        care = f"then {_of_care(avoided)}"
    told = f"{who} pays most in {dearest}, {pounds(paid)} on average, and {care}."
    if paid < NIL_GBP:
        told = f"{who} pays nothing, or less than £1 a year on average."
    last = list(years)[-1]
    if kept[-1] >= NIL_GBP:
        return f"{told} Its net saving reaches {pounds(kept[-1])} by the end of {last}."
    lost = f"lost {pounds(-kept[-1])}" if kept[-1] <= -NIL_GBP else "neither saved nor lost"
    return f"{told} By the end of {last} it has {lost}."


def _of_care(avoided_gbp: float) -> str:
    if avoided_gbp > 0:
        return f"avoids {pounds(avoided_gbp)} of cashable care"
    return f"pays {pounds(-avoided_gbp)} more for care"
