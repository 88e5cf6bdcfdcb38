"""The drawing of one child's two lives. In: where the child is, by day. Out: a canvas.

It computes nothing but places on the page. Must not know: scenarios, files, what is said of a picture.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure as Canvas
from matplotlib.patches import Patch
from matplotlib.ticker import MultipleLocator

from edgeofcare.calendar import MEAN_DAYS_PER_YEAR
from edgeofcare.documents.pictures.chart_style import new_canvas, rows_of
from edgeofcare.documents.pictures.figures import ARM_WORDS, HOME, PLACES, THERAPY
from edgeofcare.documents.pictures.picture import GREY, TEAL

TICK_MONTHS, MOST_TICKS = (1, 3, 6, 12), 12  # a life from the 10th to the 18th birthday has eight marks
LETTER = 0.0165  # of the width of the axes: room for a letter of a label
DAYS_PER_MONTH = MEAN_DAYS_PER_YEAR / 12
Found = Mapping[str, Any]
Piece = tuple[str, int, int]


def timelines(
    pieces: Mapping[str, Sequence[Piece]], origin: int, first: int, last: int, started: bool, tracking: Found | None
) -> Canvas:
    """Draw a child's two lives, one below the other, with tracking marked."""
    canvas = new_canvas(3.9)
    axes = canvas.subplots()
    rows_of(axes, [words.replace(" ", "\n", 1) for words in ARM_WORDS.values()])
    low, end = ((day - origin) / DAYS_PER_MONTH for day in (first, last))
    axes.set_xlim(low - 0.01 * (end - low), end + 0.01 * (end - low))
    for row, arm in enumerate(ARM_WORDS):
        for place, start, until in pieces[arm]:
            _bar(axes, row, place, (start - origin) / DAYS_PER_MONTH, (until - origin) / DAYS_PER_MONTH)
    axes.set_ylim(1.5, -0.95 if tracking else -0.5)
    axes.tick_params(axis="x", length=3)
    axes.xaxis.set_major_locator(MultipleLocator(next(n for n in TICK_MONTHS if (end - low) / n <= MOST_TICKS)))
    axes.set_xlabel(f"months since {'therapy starts' if started else 'referral'}; the line ends on the 18th birthday")
    if tracking:
        _mark_tracking(axes, tracking, origin)
    seen = {place for arm in ARM_WORDS for place, *_ in pieces[arm]}
    keys = {
        words: Patch(facecolor="white" if hatch else colour, edgecolor=colour, hatch=hatch)
        for place, (words, colour, hatch) in _looks().items()
        if place in seen
    }
    canvas.legend(list(keys.values()), list(keys), loc="outside lower left", ncols=3)
    return canvas


def _looks() -> dict[str, tuple[str, str, str]]:
    return {"home": (HOME, GREY, ""), "therapy": (THERAPY, TEAL, "|||||"), **PLACES}


def _bar(axes: Axes, row: int, place: str, first: float, until: float) -> None:
    """Draw a stay: a line at home, a box elsewhere."""
    _, colour, hatch = _looks()[place]
    height = 0.16 if place == "home" else 0.56
    axes.barh(
        row,
        until - first,
        height,
        first,
        facecolor="white" if hatch else colour,
        edgecolor=colour if hatch else "white",
        hatch=hatch,
        linewidth=0.8 if hatch else 0.4,
    )
    words = (PLACES[place][0] if place in PLACES else HOME) if place != "therapy" else "in therapy"
    low, high = axes.get_xlim()
    if until - first > LETTER * len(words) * (high - low):
        frame = {"facecolor": "white", "edgecolor": "none", "pad": 1.5}
        at, side = (row - height / 2 - 0.04, "bottom") if place == "home" else (row, "center")
        axes.text((first + until) / 2, at, words, ha="center", va=side, bbox=frame)


def _mark_tracking(axes: Axes, tracking: Found, origin: int) -> None:
    first, until = ((tracking[key] - origin) / DAYS_PER_MONTH for key in ("first_day", "until_day"))
    for month in (first, until):
        axes.plot((month, month), (-0.58, 1.45), color="black", linestyle="--", linewidth=1)
    axes.annotate("", (first, -0.58), (until, -0.58), arrowprops={"arrowstyle": "<->", "shrinkA": 0, "shrinkB": 0})
    low, high = axes.get_xlim()
    middle = (first + until) / 2
    room = 0.2 * (high - low)  # half of the words
    axes.annotate(
        "tracked: these days count", (min(max(middle, low + room), high - room), -0.62), ha="center", va="bottom"
    )
