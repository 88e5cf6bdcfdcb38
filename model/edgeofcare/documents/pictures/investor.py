"""The picture of what each stress does to the investor. In: a stress table. Out: a `Figure`.

A picture made again is the same byte by byte. It computes nothing but roundings. Must not know: scenarios, files.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from edgeofcare.documents.document import Figure
from edgeofcare.documents.pictures.picture import figure
from edgeofcare.documents.words import pounds, said_pounds
from edgeofcare.questions.stress import StressRow, StressTable

if TYPE_CHECKING:
    from matplotlib.figure import Figure as Canvas

MOST_STRESSES = 12  # drawn; the table has all
MOST_NAMED = 3  # in the description


def stress_profits(table: StressTable, rows: Sequence[StressRow]) -> Figure:
    """Return investors' profit under each stress, GBP, beside the profit as planned. rows: the most harmful first."""
    name, title = "stress-profits", "Investors' profit if one thing goes wrong"
    shown, planned = rows[:MOST_STRESSES], table.base.investor.profit_gbp.value or 0.0
    profits = [(row.title, _values(row)[0]) for row in shown]

    def draw() -> Canvas:
        from edgeofcare.documents.pictures import draw_investor

        return draw_investor.stress_profits(profits, len(rows), planned)

    cells = [(row.title, *map(said_pounds, _values(row))) for row in rows]
    head = ("Stress", "Investors' profit", "Change from plan")
    note = f"As planned: {pounds(planned)}. Averages over simulated contracts."
    return figure(name, title, _words(planned, shown, rows), head, cells, note, draw=draw)


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
