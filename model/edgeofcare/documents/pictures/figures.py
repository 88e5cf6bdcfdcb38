"""The pictures of a business case. In: parts of a case, as dictionaries. Out: `Figure`s: SVG, PNG, words and numbers.

A picture made again is the same byte by byte. It computes nothing but roundings. Must not know: scenarios, files.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import date, timedelta
from itertools import pairwise
from typing import Any

from matplotlib.axes import Axes
from matplotlib.collections import PolyCollection
from matplotlib.legend_handler import HandlerTuple
from matplotlib.patches import Patch
from matplotlib.ticker import MaxNLocator

from edgeofcare.calendar import MEAN_DAYS_PER_YEAR
from edgeofcare.documents.answers.sensitivity import output_words
from edgeofcare.documents.document import Figure
from edgeofcare.documents.pictures.chart_style import (
    CRIMSON,
    GREY,
    MIDDLE,
    NAVY,
    ORANGE,
    PALE,
    PLUM,
    TEAL,
    Rows,
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
from edgeofcare.documents.text_pages.contracts import contract_words, own_contract
from edgeofcare.documents.words import (
    MILLION,
    MINUS,
    chance,
    how_many,
    in_months,
    label_pounds,
    money_tick,
    percent,
    percent_tick,
    plain,
    pounds,
    slug_words,
)

Part = Mapping[str, Any]
Bands = Mapping[str, Sequence[float]]

AFTER_THE_LAST = timedelta(days=60)
PAGE_ROWS_IN = 8.0  # of rows in a picture that must stand on one page
MOST_BARS = 12  # of a tornado
MOST_BOROUGHS = 33  # in a picture; its table has all
MOST_RATE_BARS = 20
RATE_STEPS = (0.001, 0.0025, 0.005, 0.01, 0.02, 0.05, 0.1, 0.25, 0.5, 1.0, 5.0)
WITHOUT_RATE = {  # outcomes of money.irr, in words
    "total_loss": "all lost",
    "none": "no rate",
    "several": "several\nrates",
    "not_needed": "no money\nneeded",
}
ALWAYS_SHOWN = ("total_loss", "none")
PLACES = {  # words, colour, hatch
    "kinship": ("with relatives or friends", PLUM, ""),
    "foster_in_house": ("council's own foster carer", NAVY, "\\\\\\\\"),
    "foster_agency": ("agency foster carer", NAVY, ""),
    "residential": ("children's home", CRIMSON, "xxxx"),
    "secure": ("secure home", "black", ""),
    "supported": ("supported housing (16+)", ORANGE, "////"),
}
THERAPY, HOME = "in therapy, at home", "at home"
ARM_WORDS = {"usual": "Without therapy", "therapy": "With therapy"}


# ---- fans ----------------------------------------------------------------------------------------------------------

FAN_HEAD = ("1 in 20 lower", "1 in 4 lower", "middle", "1 in 4 higher", "1 in 20 higher")
FAN_KEYS = ("p5", "p25", "p50", "p75", "p95")


def payments_fan(series: Part) -> Figure:
    """Return what boroughs pay, added up by financial year, with its bands."""
    title = "What boroughs pay, added up year by year"
    return _year_fan("payments-fan", title, "paid by boroughs since the start", "payments", series)


def net_saving_fan(series: Part) -> Figure:
    """Return what boroughs keep after payments, added up by financial year, with its bands."""
    title = "What boroughs keep after payments, added up year by year"
    return _year_fan("net-saving-fan", title, "boroughs' net saving since the start", "net_saving", series)


def _year_fan(name: str, title: str, what: str, key: str, series: Part) -> Figure:
    years, bands = series["financial_years"], series["cumulative_gbp"][key]
    with look_of(name):
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
        low, middle, high = (pounds(bands[k][-1]) for k in ("p5", "p50", "p95"))
        description = (
            f"By the end of {years[-1]} the middle simulated contract stands at {middle} {what}; "
            f"9 in 10 lie between {low} and {high}."
        )
        rows = [(year, *(pounds(bands[k][i]) for k in FAN_KEYS)) for i, year in enumerate(years)]
        return finished(canvas, name, title, description, ("Financial year", *FAN_HEAD), rows)


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


# ---- from gross to net ---------------------------------------------------------------------------------------------


def bridge(series: Part) -> Figure:
    """Return the steps from the care cost that is avoided to what boroughs keep, on average."""
    name, title = "bridge", "From care cost avoided to what boroughs keep"
    steps = series["bridge_gbp"]
    with look_of(name):
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
            axes.annotate(
                label_pounds(value), (i, top), (0, 3), textcoords="offset points", ha="center", fontweight="bold"
            )
            if i < ends[1]:
                stand = base + value
                axes.plot((i + 0.31, i + 0.69), (stand, stand), color=GREY, linewidth=1, linestyle=":")
        axes.set_xticks(range(len(steps)), [wrapped(step["step"], 15) for step in steps])
        room_above(axes)
        zero_line(axes)
        plain_axes(axes, "y")
        axes.yaxis.set_major_formatter(money_tick)
        above_axis(axes, "£, average over simulated contracts, whole contract")
        said = "; ".join(f"{step['step'][:1].lower()}{step['step'][1:]} {pounds(step['gbp'])}" for step in steps)
        rows = [(step["step"], pounds(step["gbp"])) for step in steps]
        note = "Not cashable: care cost avoided that cannot be taken out of a budget."
        return finished(canvas, name, title, f"On average: {said}.", ("Step", "Average"), rows, note)


# ---- the investor --------------------------------------------------------------------------------------------------


def j_curve(series: Part) -> Figure:
    """Return investors' cash, added up over time, with the most that is in the contract at once."""
    name, title = "j-curve", "Investors' cash, paid in and taken out, added up"
    investor = series["investor"]
    dates: list[Any] = [date.fromisoformat(day) for day in investor["dates"]]
    bands = investor["cumulative_gbp"]
    middle = bands["p50"]
    lowest = min(range(len(dates)), key=lambda i: middle[i])
    back = next((i for i in range(lowest, len(dates)) if middle[i] >= 0), None)
    with look_of(name):
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
        head = ("Date", *FAN_HEAD)
        rows = [(f"{day.day} {day:%B %Y}", *(pounds(bands[k][i]) for k in FAN_KEYS)) for i, day in enumerate(dates)]
        return finished(canvas, name, title, _j_words(dates, middle, lowest, back), head, rows)


def _j_words(dates: Sequence[date], middle: Sequence[float], lowest: int, back: int | None) -> str:
    if middle[lowest] >= 0:
        return f"Investors' money is never needed in the middle simulated contract; it ends at {pounds(middle[-1])}."
    end = f"paid back in {dates[back]:%B %Y}" if back is not None else "never paid back in full"
    return (
        f"In the middle simulated contract at most {pounds(-middle[lowest])} is in at once, first in "
        f"{dates[lowest]:%B %Y}; it is {end}, and investors end at {pounds(middle[-1])}."
    )


def irr_histogram(series: Part) -> Figure:
    """Return how often which rate of return is had, and how often there is none, several, or all is lost."""
    name, title = "irr-histogram", "Investors' rate of return over simulated contracts"
    rates, found = series["investor"]["irr"], series["investor"]["irr_outcomes"]
    others = {key: found[key] for key in WITHOUT_RATE if found[key] or key in ALWAYS_SHOWN}
    n = sum(found.values())
    edges = _rate_edges(rates)
    counts = [sum(low <= rate < high for rate in rates) for low, high in pairwise(edges)]
    with look_of(name):
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
        rows = [
            (f"{percent_tick(low)} to {percent_tick(high)}", f"{c:,}", percent(c / n, 1))
            for (low, high), c in zip(pairwise(edges), counts, strict=True)
        ]
        rows += [(WITHOUT_RATE[key].replace("\n", " "), f"{c:,}", percent(c / n, 1)) for key, c in others.items()]
        head = ("Rate of return a year", "Simulated contracts", "Share")
        note = "The upper end of a row is not in it."
        return finished(canvas, name, title, _rate_words(rates, others, n), head, rows, note)


def _rate_edges(rates: Sequence[float]) -> list[float]:
    """Return the edges of equal steps, of a width that a reader can count in, that hold all rates."""
    if not rates:
        return []
    low, high = min(rates), max(rates)
    step = next((s for s in RATE_STEPS if (high - low) / s < MOST_RATE_BARS - 1), (high - low) / MOST_RATE_BARS)
    first, last = int(low // step), int(high // step) + 1
    # A rate that rounding puts on the wrong side of its edge would be lost: one step more at either end holds it.
    first -= first * step > low
    last += last * step <= high
    return [i * step for i in range(first, last + 1)]


def _rate_words(rates: Sequence[float], others: Mapping[str, int], n: int) -> str:
    told = [f"{WITHOUT_RATE[key]} in {c:,}".replace("\n", " ") for key, c in others.items()]
    if not rates:
        return f"None of {n:,} simulated contracts has one rate of return: {', '.join(told)}."
    ordered = sorted(rates)
    middle = ordered[len(ordered) // 2]
    return (
        f"{len(rates):,} of {n:,} simulated contracts have one rate of return, from {percent(ordered[0], 1)} to "
        f"{percent(ordered[-1], 1)} a year, the middle one {percent(middle, 1)}; {', '.join(told)}."
    )


def exceedance(series: Part) -> Figure:
    """Return the chance that investors' profit is at least so much."""
    name, title = "exceedance", "The chance that investors' profit is at least so much"
    profit, loss = series["investor"]["profit_gbp_quantiles"], series["investor"]["loss_prob"]
    last, lost = len(profit) - 1, how_many(loss, sum(series["investor"]["irr_outcomes"].values()))
    with look_of(name):
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
        shares = (0.05, 0.1, 0.25, 0.5, 0.75, 0.9, 0.95)
        at = {share: profit[round(share * last)] for share in shares}
        description = (
            f"In 95 of 100 simulated contracts investors' profit is {pounds(at[0.05])} or more, in 50 of 100 "
            f"{pounds(at[0.5])} or more, in 5 of 100 {pounds(at[0.95])} or more. They lose money in {lost}."
        )
        rows = [(f"{100 * (1 - share):.0f} in 100", pounds(value)) for share, value in at.items()]
        return finished(canvas, name, title, description, ("Chance", "Profit at least"), rows)


# ---- what would change the answer ----------------------------------------------------------------------------------


def tornado(found: Part, labels: Mapping[str, str] | None = None) -> Figure:
    """Return what each input moves between its two ends. labels: words for the paths of inputs, where there are any."""
    output, base = found["output"], found["base"]
    name, what = "tornado", output_words(output)
    title = f"What moves {what}"
    bars = [bar for bar in found["bars"] if bar["swing"] > 0]
    drawn = bars[:MOST_BARS]

    def said(value: float | None) -> str:
        return percent(value, 1) if output == "irr" else pounds(value)

    words = {bar["path"]: (labels or {}).get(bar["path"], bar["path"]) for bar in bars}
    with look_of(name):
        canvas = new_canvas(1.2 + 0.42 * max(len(drawn), 2))
        axes = canvas.subplots()
        for i, bar in enumerate(drawn):
            _two_ends(axes, i, bar, base)
        if base is not None:
            axes.axvline(base, color="black", linewidth=1.2)
        rows_of(axes, [wrapped(words[bar["path"]]) for bar in drawn])
        axes.margins(x=0.14)
        axes.xaxis.set_major_locator(round_ticks(6))
        axes.xaxis.set_major_formatter(percent_tick if output == "irr" else money_tick)
        axes.set_xlabel(f"{what}, {'a year' if output == 'irr' else '£'}")
        if base is not None:
            above_axis(axes, "black line: as planned, " + said(base).replace("-", MINUS))
        keys = [Patch(facecolor="white", edgecolor=ORANGE, hatch="////"), Patch(facecolor=NAVY)]
        ends = ["input at its low end", "at its high end (numbers: its value there)"]
        canvas.legend(keys, ends, loc="outside lower center", ncols=2)
        rows = [
            (words[bar["path"]], *(cell for end in ("low", "high") for cell in _end_cells(bar[end], said)))
            for bar in drawn
        ]
        head = ("Input", "Low end", "Result there", "High end", "Result there")
        left = len(bars) - len(drawn)
        note = f"As planned: {said(base)}. {left:,} more inputs move it less." if left else f"As planned: {said(base)}."
        return finished(canvas, name, title, _tornado_words(what, base, drawn, words, said), head, rows, note)


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


def _end_cells(end: Part, said: Callable[[float | None], str]) -> tuple[str, str]:
    return plain(end["at"]), said(end["output"]) if end["output"] is not None else "cannot be had"


def _tornado_words(
    what: str, base: float | None, bars: Sequence[Part], words: Mapping[str, str], said: Callable[[float | None], str]
) -> str:
    if not bars:
        return f"No input moves {what}."
    told = "; ".join(
        f"{words[bar['path']]}, {' to '.join(' at '.join(_end_cells(bar[end], said)[::-1]) for end in ('low', 'high'))}"
        for bar in bars[:3]
    )
    stands = f"As planned, {what} is {said(base)}" if base is not None else f"As planned, {what} cannot be had"
    return f"{stands}. It is moved most by: {told}."


# ---- teams and children --------------------------------------------------------------------------------------------


def teams(series: Part, labels: Mapping[str, str] | None = None) -> Figure:
    """Return how much of each team's places is used, and how long families wait in each borough.

    labels: words for the slugs of teams, where there are any.
    """
    name, title = "teams", "Team places used, and days of waiting by borough"
    told = {slug: (labels or {}).get(slug, slug_words(slug)) for slug in series["teams"]}
    used = {told[slug]: team["slots_used_share"] for slug, team in series["teams"].items()}
    waits = {b["name"]: b["waiting_days"] for b in series["boroughs"].values()}
    with look_of(name):
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
        fullest, longest = max(used, key=lambda key: used[key]), max(waits, key=lambda key: waits[key])
        description = (
            f"Places used: {', '.join(f'{key} {percent(value)}' for key, value in used.items())}. "
            f"Families wait longest in {longest}, {waits[longest]:.1f} days on average; {fullest} is fullest."
        )
        rows = [(f"Team {key}", percent(value), "") for key, value in used.items()]
        rows += [(key, "", f"{value:.1f}") for key, value in waits.items()]
        return finished(canvas, name, title, description, ("", "Places used", "Days of waiting"), rows)


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


Piece = tuple[str, int, int]


def lives(found: Part) -> Figure:
    """Return where each child of one simulated contract is until 18, without and with therapy, in the same order."""
    name, title = "lives", "Where children are until they turn 18, in one simulated contract"
    children = sorted(found["children"], key=lambda child: -_in_care(_pieces(child, "usual")))
    with look_of(name):
        canvas = new_canvas(7.4 if len(children) > 30 else 2.4 + 0.17 * len(children))
        sides = canvas.subplots(1, 2, sharex=True, sharey=True)
        seen = {place for arm in ARM_WORDS for child in children for place, *_ in _pieces(child, arm)}
        for axes, arm in zip(sides, ARM_WORDS, strict=True):
            _life_lines(axes, [_pieces(child, arm) for child in children])
            months = in_months(sum(_in_care(_pieces(child, arm)) for child in children))
            axes.set_title(f"{ARM_WORDS[arm]}: {months} months in care")
            axes.set_xlabel("years since therapy starts" if arm == "therapy" else "years since therapy would start")
        keys = [
            (words, Patch(facecolor=_face(colour, hatch), edgecolor=colour, hatch=hatch))
            for place, (words, colour, hatch) in PLACES.items()
            if place in seen
        ]
        keys.append((THERAPY, Patch(facecolor="white", edgecolor=TEAL, hatch="|||||")))
        keys.append((HOME, sides[0].plot([], [], color=GREY, linewidth=0.8)[0]))
        told = f"{_shown(found)}, one line each, to the 18th birthday; same order on both sides"
        canvas.legend(
            [key for _, key in keys],
            [words for words, _ in keys],
            title=told,
            alignment="left",
            ncols=3,
            loc="outside lower left",
        )
        return finished(canvas, name, title, *_life_words(found, children))


def _face(colour: str, hatch: str) -> str:
    return "white" if hatch else colour


def _pieces(child: Part, arm: str) -> list[Piece]:
    """Return where a child is: (place, first day, last day) from the start of therapy, 0, to the 18th birthday."""
    start, end = child["started"], child["birthday_18"]
    stays = [(event["day"], event["place"]) for event in child["arms"][arm]]
    before = [place for day, place in stays if day <= start]
    steps = [(start, before[-1] if before else "home"), *((day, place) for day, place in stays if day > start)]
    pieces = [(place, day, min(until, end)) for (day, place), (until, _) in pairwise([*steps, (end, "")]) if day < end]
    stop = min(child.get("stopped", end), end) if arm == "therapy" else start
    return [
        (kind, day - start, until - start)
        for place, first, last in pieces
        for kind, day, until in (
            ((THERAPY, first, min(last, stop)), (HOME, max(first, stop), last))
            if place == "home"
            else ((place, first, last),)
        )
        if day < until
    ]


def _in_care(pieces: Iterable[Piece]) -> int:
    return sum(until - day for place, day, until in pieces if place in PLACES)


def _shown(found: Part) -> str:
    n, of = len(found["children"]), found["n_starters"]
    return f"{n:,} children" if n == of else f"{n:,} children drawn from {of:,}"


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


def _life_words(found: Part, children: Sequence[Part]) -> tuple[str, tuple[str, ...], Rows, str]:
    """Return description, headings, rows and note: months and children in each place, by arm."""
    lived = {arm: [_pieces(child, arm) for child in children] for arm in ARM_WORDS}
    words = {HOME: HOME, THERAPY: THERAPY} | {place: look[0] for place, look in PLACES.items()}

    def days(arm: str, places: Iterable[str]) -> float:
        return sum(until - day for pieces in lived[arm] for place, day, until in pieces if place in places)

    def ever(arm: str, places: Iterable[str]) -> int:
        return sum(any(place in places for place, *_ in pieces) for pieces in lived[arm])

    def row(label: str, places: Iterable[str]) -> tuple[str, ...]:
        return (
            label,
            *(in_months(days(arm, places)) for arm in ARM_WORDS),
            *(f"{ever(arm, places):,}" for arm in ARM_WORDS),
        )

    months = {arm: in_months(days(arm, PLACES)) for arm in ARM_WORDS}
    description = (
        f"Of {_shown(found)} who start therapy in one simulated contract, {ever('usual', PLACES):,} are in care at "
        f"some time before 18 without therapy, for {months['usual']} months in all, and {ever('therapy', PLACES):,} "
        f"with it, for {months['therapy']} months."
    )
    rows = [
        row(f"{label[:1].upper()}{label[1:]}", [place])
        for place, label in words.items()
        if place in (HOME, THERAPY) or any(ever(arm, [place]) for arm in ARM_WORDS)
    ]
    rows.append(row("In care, all places", list(PLACES)))
    head = ("Where", "Months without therapy", "Months with", "Children ever there without", "Children with")
    note = "Simulated children, not real ones. One simulated contract of many: another has other lives."
    return description, head, rows, note


# ---- side by side --------------------------------------------------------------------------------------------------


def contracts(found: Part) -> Figure:
    """Return contracts on the same children: what is paid and what boroughs keep, if therapy works and if not."""
    name, title = "contracts", "Contracts side by side: what is paid, and what boroughs keep"
    by_saving = sorted(found["contracts"].items(), key=lambda item: -(item[1]["net_saving_gbp"]["mean"] or 0))
    own = own_contract(found)
    labels = [
        f"{c['name']} (this contract)" if slug == own else contract_words(slug, c["name"]) for slug, c in by_saving
    ]
    panels = {"payments_gbp": "£ paid, with any top-up", "net_saving_gbp": "£ boroughs keep"}
    with look_of(name):
        canvas = new_canvas(1.5 + min(0.48 * len(by_saving), PAGE_ROWS_IN))
        sides = canvas.subplots(1, 2, sharey=True)
        for axes, (key, words) in zip(sides, panels.items(), strict=True):
            for i, (_, c) in enumerate(by_saving):
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
        canvas.legend(
            keys, ["if therapy does what is claimed", "if it does nothing"], loc="outside lower center", ncols=2
        )
        rows = [
            (
                label,
                *(
                    pounds(x)
                    for key in panels
                    for x in (c[key]["mean"], c.get("if_no_effect", {}).get(key, {}).get("mean"))
                ),
            )
            for label, (_, c) in zip(labels, by_saving, strict=True)
        ]
        head = (
            "Contract",
            "Paid if it works",
            "Paid if it does nothing",
            "Boroughs keep if it works",
            "Boroughs keep if it does nothing",
        )
        scaled = any(c["price_factor"] != 1 for _, c in by_saving)
        note = "Prices are scaled to the same expected cost." if scaled else "Prices as published."
        note += " Paid: by boroughs and any central top-up. Boroughs keep: cashable care cost avoided, less payments."
        return finished(canvas, name, title, _contract_words(rows), head, rows, note)


def _claim_and_none(axes: Axes, row: int, claim: float | None, none: float | None) -> None:
    there = [value for value in (claim, none) if value is not None]
    axes.plot(there, [row] * len(there), color=GREY, linewidth=1.2, zorder=1)
    for value, marker, face, size in ((none, "s", "white", 9), (claim, "o", NAVY, 6)):
        if value is not None:
            axes.plot(value, row, marker=marker, color=NAVY, markerfacecolor=face, markersize=size)


def _contract_words(rows: Rows) -> str:
    best, worst = rows[0], rows[-1]
    if len(rows) == 1:
        return f"Under {best[0]} {best[1]} is paid if therapy works and boroughs keep {best[3]}."
    told = (
        f"If therapy does what is claimed, boroughs keep most under {best[0]}, {best[3]}, and least under {worst[0]}, "
        f"{worst[3]}."
    )
    if "-" in (best[2], worst[2]):
        return told
    return f"{told} If it does nothing, they keep {best[4]} and {worst[4]}; {best[2]} and {worst[2]} is still paid."


def boroughs(exposure: Part) -> Figure:
    """Return what each borough pays and keeps, with the middle 80 in 100, and its chance to be better off."""
    name, title = "boroughs", "Boroughs side by side: what each pays, keeps, and its chance to gain"
    everyone = sorted(exposure["boroughs"].values(), key=lambda b: -b["payments_gbp"]["mean"])
    found, n = everyone[:MOST_BOROUGHS], exposure["replications"]
    with look_of(name):
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
        rows = [
            (
                b["name"],
                pounds(b["payments_gbp"]["mean"]),
                pounds(b["net_saving_gbp"]["mean"]),
                pounds(b["net_saving_gbp"]["p10"]),
                pounds(b["net_saving_gbp"]["p90"]),
                chance(b["better_off_prob"], n),
            )
            for b in everyone
        ]
        head = ("Borough", "Pays", "Keeps", "1 in 10 lower", "1 in 10 higher", "Chance to gain")
        return finished(canvas, name, title, _borough_words(found, n), head, rows)


def _borough_words(found: Sequence[Part], n: int) -> str:
    least = min(found, key=lambda b: b["better_off_prob"])
    keeps = "; ".join(
        f"{b['name']} pays {pounds(b['payments_gbp']['mean'])} and keeps {pounds(b['net_saving_gbp']['mean'])}"
        for b in found[:3]
    )
    chance = how_many(least["better_off_prob"], n)
    return f"{keeps}. {least['name']} is better off than without the contract in {chance}."
