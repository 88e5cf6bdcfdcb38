"""What all pictures share: size, colours, ticks, words on axes. In: a canvas to draw on. Out: a `Drawing`.

A picture made again is the same byte by byte. Must not know: what a picture shows.
"""

from __future__ import annotations

import io
import re
import textwrap
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from html import escape

import matplotlib.style
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.backends.backend_svg import FigureCanvasSVG
from matplotlib.figure import Figure as Canvas
from matplotlib.ticker import MaxNLocator

from edgeofcare.documents.document import Drawing
from edgeofcare.documents.pictures.picture import FAINT, GREY

WIDTH_IN = 170 / 25.4  # the text of an A4 page
PNG_DPI = 150
PAD_IN = 0.08
STYLE = {
    "font.family": "DejaVu Sans",  # comes with matplotlib: the same on every machine
    "font.size": 9.5,
    "axes.labelsize": 9.5,
    "xtick.labelsize": 9.5,
    "ytick.labelsize": 9.5,
    "legend.fontsize": 9.5,
    "axes.titlesize": 9.5,
    "axes.titlelocation": "left",
    "axes.titleweight": "bold",
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.edgecolor": GREY,
    "axes.axisbelow": True,
    "text.color": "black",
    "grid.color": FAINT,
    "grid.linewidth": 0.6,
    "legend.frameon": False,
    "hatch.linewidth": 0.8,
    "svg.fonttype": "path",
    "text.parse_math": False,  # a $ in a name is a $
}
LABEL_WIDTH = 34  # characters of a label beside a bar
DRAWING = threading.RLock()


@contextmanager
def look_of(name: str) -> Iterator[None]:
    """Set the look of a picture, whatever a user's own settings are; ids in it follow from its name.

    One picture is drawn at a time: the settings belong to the whole program, and visitors of a page to threads of it.
    """
    with DRAWING, matplotlib.style.context([STYLE | {"svg.hashsalt": name}], after_reset=True):
        yield


def new_canvas(height_in: float) -> Canvas:
    """Return an empty picture as wide as the text of a page."""
    canvas = Canvas(figsize=(WIDTH_IN, height_in))
    canvas.set_layout_engine("constrained", w_pad=PAD_IN, h_pad=PAD_IN, wspace=0.07)
    return canvas


def drawn(name: str, title: str, description: str, draw: Callable[[], Canvas]) -> Drawing:
    """Return a picture as SVG, with its words, and as PNG."""
    with look_of(name):
        canvas = draw()
        canvas.draw_without_rendering()
        canvas.set_layout_engine(
            "none"
        )  # both formats from one layout; canvases of their own, as savefig lays out anew
        svg, png = io.StringIO(), io.BytesIO()
        FigureCanvasSVG(canvas).print_svg(svg, metadata=dict.fromkeys(("Date", "Creator", "Format", "Type")))  # type: ignore[no-untyped-call]
        canvas.set_dpi(PNG_DPI)
        FigureCanvasAgg(canvas).print_png(png, metadata={"Software": None})  # type: ignore[no-untyped-call]
    return Drawing(_named(svg.getvalue(), name, title, description), png.getvalue())


def _named(svg: str, name: str, title: str, description: str) -> str:
    """Return the SVG element alone, with title and description, and ids that no other picture of a page has."""
    svg = re.sub(r"<!--.*?-->|<metadata>.*?</metadata>", "", svg[svg.index("<svg") :], flags=re.DOTALL)
    svg = re.sub(r"\n\s*(?=\n)", "", svg)
    svg = re.sub(r'(?<=\bid=")|(?<=href="#)|(?<=url\(#)', f"{name}-", svg)
    words = f'<title id="{name}-title">{escape(title)}</title>\n <desc id="{name}-desc">{escape(description)}</desc>\n'
    start = f'<svg role="img" aria-labelledby="{name}-title" aria-describedby="{name}-desc"'
    return svg.replace("<svg", start, 1).replace(">", f">\n {words}", 1)


def round_ticks(most: int) -> MaxNLocator:
    """Return a rule for at most so many round numbers on an axis."""
    return MaxNLocator(most, steps=(1, 2, 5, 10))


def wrapped(text: str, width: int = LABEL_WIDTH) -> str:
    """Return a label in lines of at most so many characters."""
    if " " in text:
        return textwrap.fill(text, width)
    parts = textwrap.fill(re.sub(r"([._])", r"\1 ", text), width)  # a path breaks after a dot or a _
    return re.sub(r"([._]) ", r"\1", parts)


def above_axis(axes: Axes, text: str) -> None:
    """Write what a vertical axis shows above it, lying, so that nobody has to turn their head."""
    axes.set_title(text, fontweight="normal")


def plain_axes(axes: Axes, grid: str) -> None:
    """Leave of the axes only a grid, of `x` or `y`."""
    axes.grid(axis=grid)  # type: ignore[arg-type]
    axes.tick_params(length=0)


def rows_of(axes: Axes, labels: Sequence[str]) -> None:
    """Make the vertical axis one of named rows, the first on top."""
    axes.set_yticks(range(len(labels)), labels)
    axes.set_ylim(max(len(labels), 1) - 0.5, -0.5)
    axes.spines["left"].set_visible(False)
    plain_axes(axes, "x")


def room_above(axes: Axes) -> None:
    """Leave room for labels above bars, which hold the limits where they end."""
    low, high = axes.get_ylim()
    room = 0.12 * (high - low)
    axes.set_ylim(low - room if low < 0 else low, high + room)


def zero_line(axes: Axes, vertical: bool = False) -> None:
    """Draw the line of nought."""
    (axes.axvline if vertical else axes.axhline)(0, color="black", linewidth=1)
