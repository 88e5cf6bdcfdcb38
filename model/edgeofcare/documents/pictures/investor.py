"""The picture of what each stress does to the investor. In: a stress table. Out: a `Figure`.

A picture made again is the same byte by byte. It computes nothing but roundings. Must not know: scenarios, files.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from matplotlib.patches import Patch

from edgeofcare.documents.document import Figure, Said
from edgeofcare.documents.pictures.chart_style import (
    CRIMSON,
    NAVY,
    ORANGE,
    above_axis,
    finished,
    look_of,
    new_canvas,
    round_ticks,
    rows_of,
    wrapped,
    zero_line,
)
from edgeofcare.documents.words import label_pounds, money_tick, pounds
from edgeofcare.questions.stress import StressRow, StressTable

MOST_STRESSES = 12  # drawn; the table has all
MOST_NAMED = 3  # in the description
ROW_IN = 0.42
AROUND_ROWS_IN = 1.3
LABEL_WIDTH = 30  # characters
ROOM = 0.05  # of the bars' width, beyond the furthest


def stress_profits(table: StressTable, rows: Sequence[StressRow]) -> Figure:
    """Return investors' profit under each stress, GBP, beside the profit as planned. rows: the most harmful first."""
    name, title = "stress-profits", "Investors' profit if one thing goes wrong"
    drawn, planned = rows[:MOST_STRESSES], table.base.investor.profit_gbp.value or 0.0
    values = [_values(row)[0] for row in drawn]
    with look_of(name):
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
        rows_of(axes, [wrapped(row.title, LABEL_WIDTH) for row in drawn])
        low, high = min(0.0, planned, *values), max(0.0, planned, *values)
        room = ROOM * (high - low) or 1.0
        axes.set_xlim(low - room if low < 0 else low, high + room)
        axes.xaxis.set_major_locator(round_ticks(6))
        axes.xaxis.set_major_formatter(money_tick)
        axes.set_xlabel("investors' profit, £, whole contract, average")
        shown = f"the {len(drawn)} most harmful of {len(rows)}" if len(drawn) < len(rows) else "the most harmful first"
        above_axis(axes, f"stresses: {shown}")
        keys = [Patch(facecolor=NAVY), Patch(facecolor="white", edgecolor=CRIMSON, hatch="////"), line]
        words = ["profit", "loss (left of £0)", f"as planned, {label_pounds(planned)}"]
        canvas.legend(keys, words, loc="outside lower center", ncols=3)
        cells = [(row.title, *(Said(pounds(value), value, "gbp") for value in _values(row))) for row in rows]
        head = ("Stress", "Investors' profit", "Change from plan")
        note = f"As planned: {pounds(planned)}. Averages over simulated contracts."
        return finished(canvas, name, title, _words(planned, drawn, rows), head, cells, note)


def _values(row: StressRow) -> tuple[float, float]:
    profit = row.investor.profit_gbp
    return profit.value or 0.0, profit.change or 0.0


def _words(planned: float, drawn: Sequence[StressRow], rows: Sequence[StressRow]) -> str:
    losses = sum(_values(row)[0] < 0 for row in rows)
    harmful = [row for row in drawn if _values(row)[1] < 0][:MOST_NAMED]
    worst = "; ".join(f"“{row.title}”, {pounds(_values(row)[0])}" for row in harmful)
    return (
        f"As planned, investors' profit is {pounds(planned)} on average. Under {losses} of {len(rows)} stresses they "
        f"lose money on average. {f'The most harmful: {worst}' if worst else 'None of them makes it worse'}."
    )
