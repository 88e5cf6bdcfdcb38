"""The drawings of a business case. In: the numbers of a picture. Out: a canvas. Loaded when a picture is looked at.

It computes nothing but places on the page. Must not know: scenarios, files, what is said of a picture.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from matplotlib.axes import Axes
from matplotlib.collections import PolyCollection
from matplotlib.figure import Figure as Canvas
from matplotlib.legend_handler import HandlerTuple
from matplotlib.patches import Patch
from matplotlib.ticker import MaxNLocator

from edgeofcare.calendar import MEAN_DAYS_PER_YEAR
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
from edgeofcare.documents.pictures.figures import (
    AFTER_THE_LAST,
    ARM_WORDS,
    HOME,
    PAGE_ROWS_IN,
    PLACES,
    THERAPY,
    WITHOUT_RATE,
    Bands,
    Part,
    Piece,
    days_in_care,
)
from edgeofcare.documents.pictures.picture import CRIMSON, GREY, MIDDLE, NAVY, ORANGE, PALE, TEAL
from edgeofcare.documents.words import (
    MILLION,
    MINUS,
    chance,
    in_months,
    label_pounds,
    money_tick,
    percent,
    percent_tick,
    plain,
)


def year_fan(years: Sequence[str], bands: Bands, what: str) -> Canvas:
    """Draw what is added up year by year, with its bands."""
    canvas = new_canvas(3.5)
    axes = canvas.subplots()
    at = list(range(len(years)))
    handles = _fan(axes, at, bands)
    axes.legend(*handles, loc="lower left" if bands["p50"][-1] < 0 else "upper left")
    axes.plot(at, bands["p50"], color=NAVY, linewidth=0, marker="o", markersize=5, clip_on=False)
    axes.annotate(
        label_pounds(bands["p50"][-1]),
        (at[-1], bands["p50"][-1]),
        (7, 0),
        textcoords="offset points",
        va="center",
        fontweight="bold",
        annotation_clip=False,
    )
    axes.set_xticks(at, years, rotation=0 if len(years) < 9 else 45)
    axes.set_xlim(0, max(at[-1], 1))
    axes.set_xlabel("at the end of the financial year (April to March)")
    above_axis(axes, f"£ {what}")
    return canvas


def _fan(axes: Axes, at: Sequence[Any], bands: Bands, step: str | None = None) -> tuple[list[Any], list[str]]:
    """Draw the middle and two nested bands with edges of their own; return what a legend needs."""
    style = "steps-post" if step else "default"
    axes.fill_between(at, bands["p5"], bands["p95"], color=PALE, linewidth=0, step=step)  # type: ignore[arg-type]
    axes.fill_between(at, bands["p25"], bands["p75"], color=MIDDLE, linewidth=0, step=step)  # type: ignore[arg-type]
    for key, dash, width in (("p5", (0, (4, 2)), 1.0), ("p95", (0, (4, 2)), 1.0), ("p25", "-", 0.8), ("p75", "-", 0.8)):
        axes.plot(at, bands[key], color=NAVY, linestyle=dash, linewidth=width, drawstyle=style)
    (middle,) = axes.plot(at, bands["p50"], color=NAVY, linewidth=2.4, drawstyle=style)
    zero_line(axes)
    plain_axes(axes, "y")
    axes.yaxis.set_major_formatter(money_tick)
    keys = [middle, Patch(facecolor=MIDDLE, edgecolor=NAVY), Patch(facecolor=PALE, edgecolor=NAVY, linestyle="--")]
    return keys, ["middle simulated contract", "half of them lie here", "9 in 10 lie here"]


def bridge(steps: Sequence[Part]) -> Canvas:
    """Draw the steps from the care cost avoided to the net saving."""
    canvas = new_canvas(3.5)
    axes = canvas.subplots()
    stand, ends = 0.0, (0, len(steps) - 1)
    for i, step in enumerate(steps):
        value, base = step["gbp"], 0.0 if i in ends else stand
        look: dict[str, Any] = {"color": NAVY}
        if i not in ends:
            edge, hatch = (TEAL, "\\\\\\\\") if value > 0 else (CRIMSON, "////")
            look = {"facecolor": "white", "edgecolor": edge, "hatch": hatch}
        axes.bar(i, value, 0.62, base, linewidth=1.2, **look)
        top = max(base, base + value)
        axes.annotate(label_pounds(value), (i, top), (0, 3), textcoords="offset points", ha="center", fontweight="bold")
        if i < ends[1]:
            stand = base + value
            axes.plot((i + 0.31, i + 0.69), (stand, stand), color=GREY, linewidth=1, linestyle=":")
    axes.set_xticks(range(len(steps)), [wrapped(step["step"], 15) for step in steps])
    room_above(axes)
    zero_line(axes)
    plain_axes(axes, "y")
    axes.yaxis.set_major_formatter(money_tick)
    above_axis(axes, "£, average over simulated contracts, whole contract")
    return canvas


def j_curve(dates: Sequence[Any], bands: Bands, lowest: int, back: int | None) -> Canvas:
    """Draw the investors' cash, with the most that is in at once."""
    middle = bands["p50"]
    canvas = new_canvas(3.7)
    axes = canvas.subplots()
    beyond = dates[-1] + AFTER_THE_LAST  # or the last step would be a stroke without a length
    held = {key: [*values, values[-1]] for key, values in bands.items()}
    handles = _fan(axes, [*dates, beyond], held, step="post")
    if middle[lowest] < 0:
        axes.plot(dates[lowest], middle[lowest], marker="v", color=CRIMSON, markersize=8, zorder=3)
        axes.annotate(
            f"most in at once:\n{label_pounds(-middle[lowest])}, {dates[lowest]:%b %Y}",
            (dates[lowest], bands["p5"][lowest]),
            (0, -6),
            textcoords="offset points",
            va="top",
            ha="center",
            color=CRIMSON,
            fontweight="bold",
        )
    if back is not None and middle[lowest] < 0:
        axes.plot(dates[back], 0, marker="D", color=NAVY, markersize=6, zorder=3)
        axes.annotate(
            f"paid back:\n{dates[back]:%b %Y}",
            (dates[back], 0),
            (-8, 5),
            textcoords="offset points",
            ha="right",
            color=NAVY,
            fontweight="bold",
        )
    axes.margins(x=0.02, y=0.2)
    canvas.legend(*handles, loc="outside lower center", ncols=3)
    above_axis(axes, "£ taken out less £ paid in since the start (below £0: still in the contract)")
    return canvas


def irr_histogram(edges: Sequence[float], counts: Sequence[int], others: Mapping[str, int], n: int) -> Canvas:
    """Draw how often which rate is had, and how often there is no single one."""
    canvas = new_canvas(3.5)
    left, right = canvas.subplots(1, 2, sharey=True, width_ratios=(6.5 - len(others), len(others)))
    width = edges[1] - edges[0] if counts else 1.0
    left.bar(edges[:-1], [c / n for c in counts], width, align="edge", color=NAVY, edgecolor="white")
    left.xaxis.set_major_locator(round_ticks(7))
    left.xaxis.set_major_formatter(percent_tick)
    left.set_xlabel("rate of return a year (IRR)")
    if not counts:
        left.set_xticks(())
        left.text(0.5, 0.5, "no simulated contract\nhas one rate of return", transform=left.transAxes, ha="center")
    elif edges[0] < 0 < edges[-1]:
        zero_line(left, vertical=True)
    above_axis(left, f"share of {n:,} simulated contracts")
    right.bar(
        range(len(others)),
        [c / n for c in others.values()],
        0.6,
        facecolor="white",
        edgecolor=CRIMSON,
        hatch="////",
    )
    for i, c in enumerate(others.values()):
        right.annotate(f"{c:,}", (i, c / n), (0, 3), textcoords="offset points", ha="center", fontweight="bold")
    right.set_xticks(range(len(others)), [WITHOUT_RATE[key] for key in others])
    right.set_xlim(-0.6, len(others) - 0.4)
    right.set_xlabel("no single rate")
    for axes in (left, right):
        plain_axes(axes, "y")
        axes.yaxis.set_major_formatter(percent_tick)
    return canvas


def exceedance(profit: Sequence[float], loss: float, lost: str) -> Canvas:
    """Draw the chance of at least so much profit."""
    last = len(profit) - 1
    canvas = new_canvas(3.5)
    axes = canvas.subplots()
    axes.plot(profit, [1 - i / last for i in range(last + 1)], color=NAVY, linewidth=2.4)
    axes.axvline(0, color="black", linewidth=1)
    if profit[0] < 0:
        below = [(value, 1 - i / last) for i, value in enumerate(profit) if value <= 0]
        below.append((0.0, 1 - loss))
        axes.fill_between(
            [x for x, _ in below],
            [y for _, y in below],
            1,
            facecolor="white",
            edgecolor=CRIMSON,
            hatch="////",
            linewidth=0,
        )
    middle = profit[last // 2]
    axes.plot(middle, 0.5, marker="o", color=NAVY, markersize=7)
    axes.annotate(
        f"as likely as not:\n{label_pounds(middle)} or more",
        (middle, 0.5),
        (-10, 0),
        textcoords="offset points",
        ha="right",
        va="center",
        fontweight="bold",
    )
    axes.set_ylim(0, 1)
    axes.xaxis.set_major_formatter(money_tick)
    axes.yaxis.set_major_formatter(percent_tick)
    hatched = " (hatched: a loss)" if profit[0] < 0 else ""
    axes.set_xlabel(f"investors' profit, £ over the whole contract{hatched}")
    above_axis(axes, f"chance of this profit or more; a loss in {lost}")
    axes.grid()
    axes.tick_params(length=0, pad=6)
    return canvas


def tornado(
    drawn: Sequence[Part], labels: Sequence[str], base: float | None, what: str, yearly: bool, said: str
) -> Canvas:
    """Draw what each input moves between its two ends."""
    canvas = new_canvas(1.2 + 0.42 * max(len(drawn), 2))
    axes = canvas.subplots()
    for i, bar in enumerate(drawn):
        _two_ends(axes, i, bar, base)
    if base is not None:
        axes.axvline(base, color="black", linewidth=1.2)
    rows_of(axes, [wrapped(label) for label in labels])
    axes.margins(x=0.14)
    axes.xaxis.set_major_locator(round_ticks(6))
    axes.xaxis.set_major_formatter(percent_tick if yearly else money_tick)
    axes.set_xlabel(f"{what}, {'a year' if yearly else '£'}")
    if base is not None:
        above_axis(axes, "black line: as planned, " + said.replace("-", MINUS))
    keys = [Patch(facecolor="white", edgecolor=ORANGE, hatch="////"), Patch(facecolor=NAVY)]
    ends = ["input at its low end", "at its high end (numbers: its value there)"]
    canvas.legend(keys, ends, loc="outside lower center", ncols=2)
    return canvas


def _two_ends(axes: Axes, row: int, bar: Part, base: float | None) -> None:
    """Draw both ends from the base; where both lie on one side of it, one above the other."""
    ends = {key: bar[key]["output"] for key in ("low", "high") if bar[key]["output"] is not None}
    middle = sum(ends.values()) / len(ends) if base is None else base
    one_side = len(ends) == 2 and (ends["low"] - middle) * (ends["high"] - middle) > 0
    looks: dict[str, dict[str, Any]] = {
        "low": {"facecolor": "white", "edgecolor": ORANGE, "hatch": "////"},
        "high": {"color": NAVY},
    }
    for key, value in ends.items():
        height, shift = (0.34, -0.18 if key == "low" else 0.18) if one_side else (0.66, 0)
        axes.barh(row + shift, value - middle, height, middle, linewidth=1, **looks[key])
        if value != middle:
            right = value > middle
            axes.annotate(
                plain(bar[key]["at"]),
                (value, row + shift),
                (4 if right else -4, 0),
                va="center",
                textcoords="offset points",
                ha="left" if right else "right",
                fontsize=9,
            )


def teams(used: Mapping[str, float], waits: Mapping[str, float]) -> Canvas:
    """Draw how much of each team is used, and how long families wait."""
    canvas = new_canvas(1.6 + min(0.3 * (len(used) + len(waits)), PAGE_ROWS_IN))
    top, bottom = canvas.subplots(2, 1, height_ratios=(len(used) + 1, len(waits) + 1))
    _named_bars(top, used, TEAL, "////", percent)
    top.set_xlim(0, 1)
    top.xaxis.set_major_formatter(percent_tick)
    above_axis(top, "Team: share of its places that is used")
    _named_bars(bottom, waits, NAVY, "", lambda v: f"{v:.1f} days" if v < 10 else f"{v:.0f} days")
    bottom.set_xlim(0, 1.1 * max(*waits.values(), 1))
    bottom.xaxis.set_major_locator(MaxNLocator(6, integer=True))
    above_axis(bottom, "Borough: average days from referral to start, of families that start")
    return canvas


def _named_bars(axes: Axes, values: Mapping[str, float], colour: str, hatch: str, said: Callable[[float], str]) -> None:
    axes.barh(
        range(len(values)),
        list(values.values()),
        0.62,
        facecolor="white" if hatch else colour,
        edgecolor=colour,
        hatch=hatch,
    )
    for i, value in enumerate(values.values()):
        axes.annotate(
            said(value),
            (value, i),
            (4, 0),
            textcoords="offset points",
            va="center",
            fontweight="bold",
            bbox={"facecolor": "white", "edgecolor": "none", "pad": 0.5},
        )
    rows_of(axes, [wrapped(key, 24) for key in values])


def lives(rows: Mapping[str, Sequence[Sequence[Piece]]], shown: str) -> Canvas:
    """Draw where each child is until 18, without and with therapy. rows: by arm, one for each child."""
    n = len(rows["usual"])
    canvas = new_canvas(7.4 if n > 30 else 2.4 + 0.17 * n)
    sides = canvas.subplots(1, 2, sharex=True, sharey=True)
    seen = {place for arm in ARM_WORDS for pieces in rows[arm] for place, *_ in pieces}
    for axes, arm in zip(sides, ARM_WORDS, strict=True):
        _life_lines(axes, rows[arm])
        axes.set_title(f"{ARM_WORDS[arm]}: {in_months(sum(map(days_in_care, rows[arm])))} months in care")
        axes.set_xlabel("years since therapy starts" if arm == "therapy" else "years since therapy would start")
    keys = [
        (words, Patch(facecolor=_face(colour, hatch), edgecolor=colour, hatch=hatch))
        for place, (words, colour, hatch) in PLACES.items()
        if place in seen
    ]
    keys.append((THERAPY, Patch(facecolor="white", edgecolor=TEAL, hatch="|||||")))
    keys.append((HOME, sides[0].plot([], [], color=GREY, linewidth=0.8)[0]))
    canvas.legend(
        [key for _, key in keys],
        [words for words, _ in keys],
        title=f"{shown}, one line each, to the 18th birthday; same order on both sides",
        alignment="left",
        ncols=3,
        loc="outside lower left",
    )
    return canvas


def _face(colour: str, hatch: str) -> str:
    return "white" if hatch else colour


def _life_lines(axes: Axes, rows: Sequence[Sequence[Piece]]) -> None:
    ends = [pieces[-1][2] / MEAN_DAYS_PER_YEAR if pieces else 0.0 for pieces in rows]
    axes.hlines(range(len(rows)), 0, ends, color=GREY, linewidth=0.6, zorder=1)
    looks = {place: look[1:] for place, look in PLACES.items()} | {THERAPY: (TEAL, "|||||")}
    for place, (colour, hatch) in looks.items():
        boxes = [
            _box(i, day / MEAN_DAYS_PER_YEAR, until / MEAN_DAYS_PER_YEAR)
            for i, pieces in enumerate(rows)
            for kind, day, until in pieces
            if kind == place
        ]
        axes.add_collection(
            PolyCollection(
                boxes, facecolor=_face(colour, hatch), edgecolor=colour, hatch=hatch, linewidth=0.4, zorder=2
            )
        )
    axes.set_yticks(())
    axes.set_ylim(len(rows) - 0.4, -0.6)
    axes.set_xlim(0, 1.02 * max(ends, default=1.0))
    axes.spines["left"].set_visible(False)
    axes.tick_params(length=3)


def _box(row: int, first: float, last: float) -> list[tuple[float, float]]:
    low, high = row - 0.4, row + 0.4
    return [(first, low), (last, low), (last, high), (first, high)]


def contracts(by_saving: Sequence[Part], labels: Sequence[str], panels: Mapping[str, str]) -> Canvas:
    """Draw what each contract pays, and what boroughs keep under it."""
    canvas = new_canvas(1.5 + min(0.48 * len(by_saving), PAGE_ROWS_IN))
    sides = canvas.subplots(1, 2, sharey=True)
    for axes, (key, words) in zip(sides, panels.items(), strict=True):
        for i, c in enumerate(by_saving):
            _claim_and_none(axes, i, c[key]["mean"], c.get("if_no_effect", {}).get(key, {}).get("mean"))
        rows_of(axes, [wrapped(label, 30) for label in labels])
        zero_line(axes, vertical=True)
        axes.margins(x=0.1)
        axes.xaxis.set_major_locator(round_ticks(4))
        axes.xaxis.set_major_formatter(money_tick)
        above_axis(axes, words)
    keys = [
        sides[0].plot([], [], linewidth=0, marker=marker, color=NAVY, markerfacecolor=face, markersize=7)[0]
        for marker, face in (("o", NAVY), ("s", "white"))
    ]
    canvas.legend(keys, ["if therapy does what is claimed", "if it does nothing"], loc="outside lower center", ncols=2)
    return canvas


def _claim_and_none(axes: Axes, row: int, claim: float | None, none: float | None) -> None:
    there = [value for value in (claim, none) if value is not None]
    axes.plot(there, [row] * len(there), color=GREY, linewidth=1.2, zorder=1)
    for value, marker, face, size in ((none, "s", "white", 9), (claim, "o", NAVY, 6)):
        if value is not None:
            axes.plot(value, row, marker=marker, color=NAVY, markerfacecolor=face, markersize=size)


def boroughs(found: Sequence[Part], n: int) -> Canvas:
    """Draw what each borough pays and keeps, and its chance to gain."""
    canvas = new_canvas(1.5 + min(0.38 * len(found), PAGE_ROWS_IN))
    sides = canvas.subplots(1, 3, sharey=True, width_ratios=(4, 4, 1.6))
    for axes, key, marker, words in (
        (sides[0], "payments_gbp", "o", "£ it pays"),
        (sides[1], "net_saving_gbp", "D", "£ it keeps"),
    ):
        for i, b in enumerate(found):
            stat = b[key]
            axes.plot((stat["p10"], stat["p90"]), (i, i), color=MIDDLE, linewidth=7, solid_capstyle="butt")
            axes.plot((stat["p10"], stat["p90"]), (i, i), color=NAVY, linewidth=0, marker="|", markersize=9)
            axes.plot(stat["mean"], i, color=NAVY, marker=marker, markersize=6)
            axes.annotate(
                label_pounds(stat["mean"]),
                (stat["mean"], i),
                (0, 6),
                textcoords="offset points",
                ha="center",
                fontsize=9,
            )
        low, high = (end(0.0, *(b[key][at] for b in found)) for end, at in ((min, "p10"), (max, "p90")))
        room = 0.1 * (high - low) or 1.0
        axes.set_xlim(low - room if low < 0 else low, high + room)
        axes.xaxis.set_major_locator(round_ticks(3 if high - low > MILLION else 2))  # £400k is longer than £4m
        axes.xaxis.set_major_formatter(money_tick)
        above_axis(axes, words)
        zero_line(axes, vertical=True)
    _named_bars(sides[2], {b["name"]: b["better_off_prob"] for b in found}, TEAL, "////", lambda p: chance(p, n))
    sides[2].set_xlim(0, 1)
    sides[2].set_xticks((0, 1))
    sides[2].xaxis.set_major_formatter(percent_tick)
    above_axis(sides[2], "chance to gain")
    for axes in sides:
        rows_of(axes, [wrapped(b["name"], 20) for b in found])
    average = tuple(sides[0].plot([], [], color=NAVY, linewidth=0, marker=marker)[0] for marker in "oD")
    keys: list[Any] = [average, Patch(facecolor=MIDDLE, edgecolor=NAVY)]
    together: dict[Any, Any] = {tuple: HandlerTuple(None)}
    canvas.legend(
        keys,
        ["average", "8 in 10 simulated contracts lie here"],
        ncols=2,
        loc="outside lower center",
        handler_map=together,
    )
    return canvas
