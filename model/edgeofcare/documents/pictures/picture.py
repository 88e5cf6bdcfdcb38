"""What all pictures share that needs no drawing: colours, and a picture that is drawn when it is looked at.

In: words, numbers, and how to draw them. Out: `Figure`. Must not know: what a picture shows, the library that draws.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from edgeofcare.documents.document import Drawing, Figure, table_of

if TYPE_CHECKING:
    from matplotlib.figure import Figure as Canvas

Rows = Sequence[Sequence[str]]

# Told apart without colour too: every use has a hatch, a dash, a marker or a label of its own. Contrast with white at
# least 3 to 1, of text at least 4.5 to 1.
NAVY, TEAL, CRIMSON, ORANGE, GREY, PLUM = "#12436D", "#28A197", "#801650", "#F46A25", "#3D3D3D", "#A285D1"
PALE, MIDDLE, FAINT = "#D6E4F0", "#8FB4D6", "#C8C8C8"  # fills between drawn edges, and lines of the grid


def figure(
    name: str,
    title: str,
    description: str,
    head: Sequence[str],
    rows: Rows,
    note: str = "",
    *,
    draw: Callable[[], Canvas],
) -> Figure:
    """Return a picture with its words and the table of its numbers; `draw` is called when it is first looked at."""

    def drawing() -> Drawing:
        from edgeofcare.documents.pictures.chart_style import drawn

        return drawn(name, title, description, draw)

    return Figure(name, title, description, drawing, table_of(title, head, rows, note))
