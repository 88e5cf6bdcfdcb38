"""The drawing of what each stress does to the investor. In: the numbers of a picture. Out: a canvas.

It computes nothing but places on the page. Must not know: scenarios, files, what is said of a picture.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from matplotlib.figure import Figure as Canvas
from matplotlib.patches import Patch

from edgeofcare.documents.pictures.chart_style import above_axis, new_canvas, round_ticks, rows_of, wrapped, zero_line
from edgeofcare.documents.pictures.picture import CRIMSON, NAVY, ORANGE
from edgeofcare.documents.words import label_pounds, money_tick

ROW_IN = 0.42
AROUND_ROWS_IN = 1.3
LABEL_WIDTH = 30  # characters
ROOM = 0.05  # of the bars' width, beyond the furthest


def stress_profits(drawn: Sequence[tuple[str, float]], n_rows: int, planned: float) -> Canvas:
    """Draw investors' profit under each stress, beside the profit as planned. drawn: titles and profits, GBP."""
    values = [value for _, value in drawn]
    canvas = new_canvas(AROUND_ROWS_IN + ROW_IN * max(len(drawn), 2))
    axes = canvas.subplots()
    for i, value in enumerate(values):
        look: dict[str, Any] = {"facecolor": "white", "edgecolor": CRIMSON, "hatch": "////"}
        axes.barh(i, value, 0.6, linewidth=1.2, **(look if value < 0 else {"color": NAVY}))
        # In a column of their own beyond the bars, no label can lie on a bar or on the line of the plan.
        axes.annotate(
            label_pounds(value),
            (1, i),
            (8, 0),
            xycoords=axes.get_yaxis_transform(),
            va="center",
            textcoords="offset points",
            fontweight="bold",
            annotation_clip=False,
        )
    line = axes.axvline(planned, color=ORANGE, linewidth=2, linestyle="--", zorder=3)
    zero_line(axes, vertical=True)
    rows_of(axes, [wrapped(title, LABEL_WIDTH) for title, _ in drawn])
    low, high = min(0.0, planned, *values), max(0.0, planned, *values)
    room = ROOM * (high - low) or 1.0
    axes.set_xlim(low - room if low < 0 else low, high + room)
    axes.xaxis.set_major_locator(round_ticks(6))
    axes.xaxis.set_major_formatter(money_tick)
    axes.set_xlabel("investors' profit, £, whole contract, average")
    shown = f"the {len(drawn)} most harmful of {n_rows}" if len(drawn) < n_rows else "the most harmful first"
    above_axis(axes, f"stresses: {shown}")
    keys = [Patch(facecolor=NAVY), Patch(facecolor="white", edgecolor=CRIMSON, hatch="////"), line]
    words = ["profit", "loss (left of £0)", f"as planned, {label_pounds(planned)}"]
    canvas.legend(keys, words, loc="outside lower center", ncols=3)
    return canvas
