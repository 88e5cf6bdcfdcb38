"""The drawings of "should this borough join?". In: the numbers of a picture. Out: a canvas.

It computes nothing but places on the page. Must not know: scenarios, files, what is said of a picture.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure as Canvas
from matplotlib.patches import Patch

from edgeofcare.documents.pictures.chart_style import (
    above_axis,
    new_canvas,
    plain_axes,
    room_above,
    round_ticks,
    rows_of,
    wrapped,
    zero_line,
)
from edgeofcare.documents.pictures.picture import CRIMSON, MIDDLE, NAVY, ORANGE, TEAL
from edgeofcare.documents.words import NIL_GBP, label_pounds, money_tick

ROW_IN, ROWS_IN = 0.42, 8.2  # of a borough's bar, and of all of them at most
MANY_ROWS = 18  # from which a row has room for one line
SHORT_LABEL, LONG_LABEL = 22, 40  # characters of a line
EMPTY_GBP = 1000.0  # half the width of an axis on which nothing is drawn
MOST_FLAT_YEARS = 7  # under an axis, before their names must turn


def gains(rows: Sequence[tuple[str, bool, tuple[float, float, float]]]) -> Canvas:
    """Draw what joining is worth to each borough, with its spread."""
    canvas = new_canvas(1.5 + min(ROW_IN * max(len(rows), 2), ROWS_IN))
    axes = canvas.subplots()
    for i, (_, joins, (mean, low, high)) in enumerate(rows):
        look: dict[str, Any] = {"color": NAVY}
        if not joins:
            edge, hatch = (CRIMSON, "////") if mean < 0 else (TEAL, "\\\\\\\\")
            look = {"facecolor": "white", "edgecolor": edge, "hatch": hatch}
        axes.barh(i, mean, 0.62, linewidth=1.2, **look)
        # Orange on a white rim shows on a full bar, on a hatched one and beside both.
        axes.plot((low, high), (i, i), color="white", linewidth=4)
        axes.plot(
            (low, high),
            (i, i),
            color=ORANGE,
            linewidth=2,
            marker="|",
            markersize=9,
            markeredgewidth=2,
        )
        axes.annotate(
            label_pounds(mean),
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
    return canvas


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


def joiner_years(
    years: Sequence[str], paid: Sequence[float], avoided: Sequence[float], kept: Sequence[float]
) -> Canvas:
    """Draw what a joiner pays and avoids by financial year, with its net saving added up."""
    at = range(len(years))
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
    return canvas


def _care_label(avoided: Sequence[float]) -> str:
    return "cashable care avoided" + (" (below £0: more is spent on care)" if min(avoided) <= -NIL_GBP else "")
