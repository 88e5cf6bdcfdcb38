"""The drawing of three readings of the same targets. In: the numbers of a picture. Out: a canvas.

It computes nothing but places on the page. Must not know: scenarios, files, what is said of a picture.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from matplotlib.axes import Axes
from matplotlib.figure import Figure as Canvas
from matplotlib.patches import Patch

from edgeofcare.documents.pictures.chart_style import above_axis, new_canvas, round_ticks, rows_of, wrapped, zero_line
from edgeofcare.documents.pictures.picture import GREY, NAVY, TEAL
from edgeofcare.documents.words import label_pounds, money_tick, percent, percent_tick

# Words, a remark below them, shares out of care without and with therapy, amounts in GBP.
Shown = tuple[str, str, tuple[float, float], Mapping[str, float | None]]


def readings(shown: Sequence[Shown], arms: Sequence[str]) -> Canvas:
    """Draw what each reading means in tracked days out of care, and in pounds avoided and paid."""
    canvas = new_canvas(1.8 + 0.85 * len(shown))
    left, right = canvas.subplots(1, 2, sharey=True)
    for row, (_, _, shares, amounts) in enumerate(shown):
        _shares(left, row, *shares)
        _pounds(right, row, amounts)
    labels = [wrapped(words, 24) + (f"\n{remark}" if remark else "") for words, remark, _, _ in shown]
    for axes in (left, right):
        rows_of(axes, labels)
    left.set_xlim(0, 1)
    left.set_xticks((0, 0.5, 1))
    left.xaxis.set_major_formatter(percent_tick)
    above_axis(left, "tracked days out of care")
    right.margins(x=0.22)
    right.xaxis.set_major_locator(round_ticks(4))
    right.xaxis.set_major_formatter(money_tick)
    zero_line(right, vertical=True)
    above_axis(right, "£, average of contracts")
    keys = [
        left.plot([], [], linewidth=0, marker=marker, color=NAVY, markerfacecolor=face, markersize=8)[0]
        for marker, face in (("s", "white"), ("o", NAVY))
    ]
    bars = [Patch(facecolor=NAVY), Patch(facecolor="white", edgecolor=TEAL, hatch="////")]
    canvas.legend(
        [*keys, *bars],
        [*arms, "care avoided while tracked", "paid for outcomes"],
        loc="outside lower left",
        ncols=2,
    )
    return canvas


def _shares(axes: Axes, row: int, usual: float, therapy: float) -> None:
    axes.plot((usual, therapy), (row, row), color=GREY, linewidth=1.2, zorder=1)
    axes.plot(usual, row, marker="s", color=NAVY, markerfacecolor="white", markersize=9)
    axes.plot(therapy, row, marker="o", color=NAVY, markersize=6)
    for value, side in ((min(usual, therapy), "right"), (max(usual, therapy), "left")):
        axes.annotate(
            percent(value),
            (value, row),
            (9 if side == "left" else -9, 0),
            textcoords="offset points",
            ha=side,
            va="center",
        )


def _pounds(axes: Axes, row: int, amounts: Mapping[str, float | None]) -> None:
    looks = {"avoided_nominal_gbp": (-0.19, NAVY, ""), "payments_gbp": (0.19, TEAL, "////")}
    for key, (up, colour, hatch) in looks.items():
        value = float(amounts[key] or 0.0)
        axes.barh(row + up, value, 0.32, facecolor="white" if hatch else colour, edgecolor=colour, hatch=hatch)
        axes.annotate(label_pounds(value), (max(value, 0.0), row + up), (4, 0), textcoords="offset points", va="center")
