"""The pictures of "should this borough join?". In: what `join` found, as a dictionary. Out: `Figure`s.

A picture made again is the same byte by byte. It computes nothing but roundings. Must not know: scenarios, files.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from matplotlib.axes import Axes
from matplotlib.patches import Patch

from edgeofcare.documents.document import Figure
from edgeofcare.documents.pictures.chart_style import (
    CRIMSON,
    MIDDLE,
    NAVY,
    ORANGE,
    TEAL,
    above_axis,
    finished,
    look_of,
    new_canvas,
    plain_axes,
    room_above,
    round_ticks,
    rows_of,
    wrapped,
    zero_line,
)
from edgeofcare.documents.text_pages.join import nothing_changes
from edgeofcare.documents.words import NIL_GBP, fares, label_pounds, listed, money_tick, pounds, said_pounds, saves

Found = Mapping[str, Any]
ROW_IN, ROWS_IN = 0.42, 8.2  # of a borough's bar, and of all of them at most
MANY_ROWS = 18  # from which a row has room for one line
SHORT_LABEL, LONG_LABEL = 22, 40  # characters of a line
EMPTY_GBP = 1000.0  # half the width of an axis on which nothing is drawn
MOST_FLAT_YEARS = 7  # under an axis, before their names must turn


# ---- who gains and who loses ---------------------------------------------------------------------------------------


def gains(found: Found) -> Figure:
    """Return what joining is worth to each borough: joiners' own net saving, others' change of theirs, with spread."""
    name, title = "join-gains", "Each borough's gain or loss, over the whole contract"
    rows = _gains(found)
    with look_of(name):
        canvas = new_canvas(1.5 + min(ROW_IN * max(len(rows), 2), ROWS_IN))
        axes = canvas.subplots()
        for i, (_, joins, stat) in enumerate(rows):
            look: dict[str, Any] = {"color": NAVY}
            if not joins:
                edge, hatch = (CRIMSON, "////") if stat["mean"] < 0 else (TEAL, "\\\\\\\\")
                look = {"facecolor": "white", "edgecolor": edge, "hatch": hatch}
            axes.barh(i, stat["mean"], 0.62, linewidth=1.2, **look)
            # Orange on a white rim shows on a full bar, on a hatched one and beside both.
            axes.plot((stat["p10"], stat["p90"]), (i, i), color="white", linewidth=4)
            axes.plot(
                (stat["p10"], stat["p90"]),
                (i, i),
                color=ORANGE,
                linewidth=2,
                marker="|",
                markersize=9,
                markeredgewidth=2,
            )
            axes.annotate(
                label_pounds(stat["mean"]),
                (1, i),
                (6, 0),
                xycoords=("axes fraction", "data"),
                textcoords="offset points",
                va="center",
                fontweight="bold",
                annotation_clip=False,
            )
        line = LONG_LABEL if len(rows) >= MANY_ROWS else SHORT_LABEL
        _gain_axes(axes, [wrapped(f"{who} (joins)" if joins else who, line) for who, joins, _ in rows])
        (spread,) = axes.plot([], [], color=ORANGE, linewidth=2, marker="|", markersize=9, markeredgewidth=2)
        keys: list[Any] = [
            Patch(facecolor=NAVY),
            Patch(facecolor="white", edgecolor=TEAL, hatch="\\\\\\\\"),
            Patch(facecolor="white", edgecolor=CRIMSON, hatch="////"),
            spread,
        ]
        words = [
            "joins: its net saving",
            "already in: better than before",
            "already in: worse than before",
            "8 in 10 simulated contracts",
        ]
        canvas.legend(keys, words, loc="outside lower center", ncols=2)
        head = ("Borough", "What is shown", "On average", "1 in 10 lower", "1 in 10 higher")
        cells = [
            (
                who,
                "net saving" if joins else "change in net saving",
                *(said_pounds(stat[key], not joins) for key in ("mean", "p10", "p90")),
            )
            for who, joins, stat in rows
        ]
        note = "Net saving: cashable care avoided, less payments and the borough's own costs."
        return finished(canvas, name, title, _gain_words(found), head, cells, note)


def _gains(found: Found) -> list[tuple[str, bool, Found]]:
    """Return name, whether it joins, and figures of each borough, the highest average first."""
    rows = [(b["name"], True, b["net_saving_gbp"]) for b in found["joiner"].values()]
    rows += [(b["name"], False, b["change_in_net_saving_gbp"]) for b in found["incumbents"].values()]
    return sorted(rows, key=lambda row: -row[2]["mean"])


def _gain_axes(axes: Axes, labels: Sequence[str]) -> None:
    rows_of(axes, labels)
    zero_line(axes, vertical=True)
    axes.margins(x=0.04)
    if not any(axes.dataLim.intervalx):
        axes.set_xlim(-EMPTY_GBP, EMPTY_GBP)
    axes.xaxis.set_major_locator(round_ticks(6))
    axes.xaxis.set_major_formatter(money_tick)
    axes.set_xlabel("£ more (right of the black line) or less (left) than if nobody joined")
    axes.set_title("average", loc="right", fontweight="normal")


def _gain_words(found: Found) -> str:
    joined = [f"{b['name']} {saves(b['net_saving_gbp']['mean'])}" for b in found["joiner"].values()]
    told = f"On average {listed(joined)} by joining."
    if nothing := nothing_changes(found):
        return f"{told} {nothing}"
    rows = sorted(found["incumbents"].values(), key=lambda b: -b["change_in_net_saving_gbp"]["mean"])
    moved = [b for b in rows if abs(b["change_in_net_saving_gbp"]["mean"]) >= NIL_GBP]
    parts = [f"{b['name']} {fares(b['change_in_net_saving_gbp']['mean'], b['net_saving_gbp'])}" for b in moved]
    if still := [b["name"] for b in rows if b not in moved]:
        parts.append(f"nothing changes in what {listed(still)} save{'s' if len(still) == 1 else ''}")
    return f"{told} {'Of those already in, ' if len(rows) > 1 else ''}{listed(parts)}."


# ---- the joiner year by year ---------------------------------------------------------------------------------------


def joiner_years(slug: str, joiner: Found) -> Figure:
    """Return what a joiner pays and what care it avoids by financial year, with its net saving added up."""
    name, title = f"join-years-{slug}", f"{joiner['name']}: what it pays{_care_title(joiner)}"
    years = _lived(joiner["years"])
    paid = [year["payments_gbp"]["mean"] for year in years.values()]
    avoided = [year["avoided_cashable_gbp"] for year in years.values()]
    kept = [year["cumulative_net_saving_gbp"] for year in years.values()]
    at = range(len(years))
    with look_of(name):
        canvas = new_canvas(3.8)
        axes = canvas.subplots()
        axes.bar(
            [i - 0.2 for i in at],
            paid,
            0.36,
            facecolor="white",
            edgecolor=CRIMSON,
            hatch="////",
            linewidth=1.2,
            label="pays for outcomes",
        )
        axes.bar(
            [i + 0.2 for i in at],
            avoided,
            0.36,
            color=MIDDLE,
            edgecolor=NAVY,
            linewidth=1.2,
            label=_care_label(avoided),
        )
        axes.plot(at, kept, color=NAVY, linewidth=2.2, marker="o", markersize=6, label="net saving so far")
        axes.annotate(
            label_pounds(kept[-1]),
            (at[-1], kept[-1]),
            (0, 9),
            textcoords="offset points",
            ha="center",
            fontweight="bold",
            bbox={"facecolor": "white", "edgecolor": "none", "pad": 1},
        )
        if not any((*paid, *avoided, *kept)):
            axes.set_ylim(-EMPTY_GBP, EMPTY_GBP)
        axes.set_xticks(at, list(years), rotation=0 if len(years) <= MOST_FLAT_YEARS else 45)
        axes.set_xlabel("financial year (April to March)")
        room_above(axes)
        zero_line(axes)
        plain_axes(axes, "y")
        axes.yaxis.set_major_formatter(money_tick)
        above_axis(axes, "£, average over simulated contracts")
        canvas.legend(loc="outside lower center", ncols=3 if min(avoided) > -NIL_GBP else 2)
        head = ("Financial year", "Pays", "Cashable care avoided", "Net saving so far")
        rows = [(year, *map(said_pounds, row)) for year, *row in zip(years, paid, avoided, kept, strict=True)]
        note = "Net saving also counts the borough's own costs of taking part."
        return finished(canvas, name, title, _year_words(joiner["name"], years, kept), head, rows, note)


def _lived(years: Found) -> dict[str, Found]:
    """Return the years from the first in which anything is paid or avoided; all, if nothing ever is."""
    keys = list(years)
    moved = [i for i, year in enumerate(years.values()) if year["payments_gbp"]["mean"] or year["net_saving_gbp"]]
    return {key: years[key] for key in keys[min(moved, default=0) :]}


def _care_title(joiner: Found) -> str:
    avoided = joiner["avoided_gbp"]["cashable"]
    if abs(avoided) < NIL_GBP:
        return " where no care is avoided"
    return f", and what {'it no longer pays' if avoided > 0 else 'more it pays'} for care"


def _care_label(avoided: Sequence[float]) -> str:
    return "cashable care avoided" + (" (below £0: more is spent on care)" if min(avoided) <= -NIL_GBP else "")


def _year_words(who: str, years: Found, kept: Sequence[float]) -> str:
    """Say what the dearest year brings, and what has been saved or lost in the end."""
    dearest = max(years, key=lambda year: years[year]["payments_gbp"]["mean"])
    paid, avoided = years[dearest]["payments_gbp"]["mean"], years[dearest]["avoided_cashable_gbp"]
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
