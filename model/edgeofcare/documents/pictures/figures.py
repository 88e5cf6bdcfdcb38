"""The pictures of a business case. In: parts of a case, as dictionaries. Out: `Figure`s: SVG, PNG, words and numbers.

A picture made again is the same byte by byte. It computes nothing but roundings. Must not know: scenarios, files.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import date, timedelta
from itertools import pairwise
from typing import TYPE_CHECKING, Any

from edgeofcare.documents.answers.sensitivity import output_words
from edgeofcare.documents.document import Figure
from edgeofcare.documents.pictures.picture import CRIMSON, NAVY, ORANGE, PLUM, Rows, figure
from edgeofcare.documents.text_pages.contracts import contract_words, own_contract
from edgeofcare.documents.words import (
    chance,
    how_many,
    in_months,
    percent,
    percent_tick,
    plain,
    pounds,
    slug_words,
)

if TYPE_CHECKING:
    from matplotlib.figure import Figure as Canvas

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

    def draw() -> Canvas:
        from edgeofcare.documents.pictures import draw_case

        return draw_case.year_fan(years, bands, what)

    low, middle, high = (pounds(bands[k][-1]) for k in ("p5", "p50", "p95"))
    description = (
        f"By the end of {years[-1]} the middle simulated contract stands at {middle} {what}; "
        f"9 in 10 lie between {low} and {high}."
    )
    rows = [(year, *(pounds(bands[k][i]) for k in FAN_KEYS)) for i, year in enumerate(years)]
    return figure(name, title, description, ("Financial year", *FAN_HEAD), rows, draw=draw)


# ---- from gross to net ---------------------------------------------------------------------------------------------


def bridge(series: Part) -> Figure:
    """Return the steps from the care cost that is avoided to what boroughs keep, on average."""
    name, title = "bridge", "From care cost avoided to what boroughs keep"
    steps = series["bridge_gbp"]

    def draw() -> Canvas:
        from edgeofcare.documents.pictures import draw_case

        return draw_case.bridge(steps)

    said = "; ".join(f"{step['step'][:1].lower()}{step['step'][1:]} {pounds(step['gbp'])}" for step in steps)
    rows = [(step["step"], pounds(step["gbp"])) for step in steps]
    note = "Not cashable: care cost avoided that cannot be taken out of a budget."
    return figure(name, title, f"On average: {said}.", ("Step", "Average"), rows, note, draw=draw)


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

    def draw() -> Canvas:
        from edgeofcare.documents.pictures import draw_case

        return draw_case.j_curve(dates, bands, lowest, back)

    head = ("Date", *FAN_HEAD)
    rows = [(f"{day.day} {day:%B %Y}", *(pounds(bands[k][i]) for k in FAN_KEYS)) for i, day in enumerate(dates)]
    return figure(name, title, _j_words(dates, middle, lowest, back), head, rows, draw=draw)


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

    def draw() -> Canvas:
        from edgeofcare.documents.pictures import draw_case

        return draw_case.irr_histogram(edges, counts, others, n)

    rows = [
        (f"{percent_tick(low)} to {percent_tick(high)}", f"{c:,}", percent(c / n, 1))
        for (low, high), c in zip(pairwise(edges), counts, strict=True)
    ]
    rows += [(WITHOUT_RATE[key].replace("\n", " "), f"{c:,}", percent(c / n, 1)) for key, c in others.items()]
    head = ("Rate of return a year", "Simulated contracts", "Share")
    note = "The upper end of a row is not in it."
    return figure(name, title, _rate_words(rates, others, n), head, rows, note, draw=draw)


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

    def draw() -> Canvas:
        from edgeofcare.documents.pictures import draw_case

        return draw_case.exceedance(profit, loss, lost)

    shares = (0.05, 0.1, 0.25, 0.5, 0.75, 0.9, 0.95)
    at = {share: profit[round(share * last)] for share in shares}
    description = (
        f"In 95 of 100 simulated contracts investors' profit is {pounds(at[0.05])} or more, in 50 of 100 "
        f"{pounds(at[0.5])} or more, in 5 of 100 {pounds(at[0.95])} or more. They lose money in {lost}."
    )
    rows = [(f"{100 * (1 - share):.0f} in 100", pounds(value)) for share, value in at.items()]
    return figure(name, title, description, ("Chance", "Profit at least"), rows, draw=draw)


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

    def draw() -> Canvas:
        from edgeofcare.documents.pictures import draw_case

        return draw_case.tornado(drawn, [words[bar["path"]] for bar in drawn], base, what, output == "irr", said(base))

    rows = [
        (words[bar["path"]], *(cell for end in ("low", "high") for cell in _end_cells(bar[end], said))) for bar in drawn
    ]
    head = ("Input", "Low end", "Result there", "High end", "Result there")
    left = len(bars) - len(drawn)
    note = f"As planned: {said(base)}. {left:,} more inputs move it less." if left else f"As planned: {said(base)}."
    return figure(name, title, _tornado_words(what, base, drawn, words, said), head, rows, note, draw=draw)


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

    def draw() -> Canvas:
        from edgeofcare.documents.pictures import draw_case

        return draw_case.teams(used, waits)

    fullest, longest = max(used, key=lambda key: used[key]), max(waits, key=lambda key: waits[key])
    description = (
        f"Places used: {', '.join(f'{key} {percent(value)}' for key, value in used.items())}. "
        f"Families wait longest in {longest}, {waits[longest]:.1f} days on average; {fullest} is fullest."
    )
    rows = [(f"Team {key}", percent(value), "") for key, value in used.items()]
    rows += [(key, "", f"{value:.1f}") for key, value in waits.items()]
    return figure(name, title, description, ("", "Places used", "Days of waiting"), rows, draw=draw)


Piece = tuple[str, int, int]


def lives(found: Part) -> Figure:
    """Return where each child of one simulated contract is until 18, without and with therapy, in the same order."""
    name, title = "lives", "Where children are until they turn 18, in one simulated contract"
    children = sorted(found["children"], key=lambda child: -days_in_care(_pieces(child, "usual")))

    def draw() -> Canvas:
        from edgeofcare.documents.pictures import draw_case

        return draw_case.lives({arm: [_pieces(child, arm) for child in children] for arm in ARM_WORDS}, _shown(found))

    return figure(name, title, *_life_words(found, children), draw=draw)


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


def days_in_care(pieces: Iterable[Piece]) -> int:
    """Return the days of a life that are spent in care."""
    return sum(until - day for place, day, until in pieces if place in PLACES)


def _shown(found: Part) -> str:
    n, of = len(found["children"]), found["n_starters"]
    return f"{n:,} children" if n == of else f"{n:,} children drawn from {of:,}"


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

    def draw() -> Canvas:
        from edgeofcare.documents.pictures import draw_case

        return draw_case.contracts([c for _, c in by_saving], labels, panels)

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
    return figure(name, title, _contract_words(rows), head, rows, note, draw=draw)


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

    def draw() -> Canvas:
        from edgeofcare.documents.pictures import draw_case

        return draw_case.boroughs(found, n)

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
    return figure(name, title, _borough_words(found, n), head, rows, draw=draw)


def _borough_words(found: Sequence[Part], n: int) -> str:
    least = min(found, key=lambda b: b["better_off_prob"])
    keeps = "; ".join(
        f"{b['name']} pays {pounds(b['payments_gbp']['mean'])} and keeps {pounds(b['net_saving_gbp']['mean'])}"
        for b in found[:3]
    )
    chance = how_many(least["better_off_prob"], n)
    return f"{keeps}. {least['name']} is better off than without the contract in {chance}."
