"""Cash and returns of the mean case as formulas: the usual waterfall of one investor, and the rate of return.

In: the mean case, costs and payments as cells. Out: columns of cells, checks. Must not know: boroughs, files.
"""

from __future__ import annotations

import itertools
import math
from bisect import bisect_right
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date

from edgeofcare.calendar import MEAN_DAYS_PER_MONTH
from edgeofcare.documents.workbook.formula_cells import (
    EPOCH,
    WIDTH,
    Book,
    Cell,
    Live,
    Sheet,
    both,
    call,
    either,
    high,
    live,
    locked,
    low,
    ratio,
    same,
    serial,
    size,
    span,
    total,
    when,
)
from edgeofcare.documents.workbook.inputs import HALF_A_PENNY, Cost, Names, Part
from edgeofcare.documents.workbook.payments import Paid, all_of, near, nowhere

STEPS = 12  # of Newton's method, whose function is nearly straight
# Rates are looked for as the program does: 200 values of ln(1 + rate) between -2 and 2, and far above.
SCANNED, SPREAD, FURTHEST = 200, 2.0, 100.0
FAR = 2958465  # 31 December 9999
NEVER_LOW = 10**12
MOST_EXTRA_DATES = 4
DAYS = 365


COLUMNS = {
    "date": ("Date", "date"),
    "start": ("First day of its period", "date"),
    "due": ("Cost due", "gbp"),
    "receipts": ("Received", "gbp"),
    "run": ("In less due, in the period to date", "gbp"),
    "lowest": ("Lowest of these at a cost, from here on", "lowest"),
    "needed": ("To be kept: least cash and costs to come", "gbp"),
    "open": ("Cash may be distributed", "truth"),
    "opening": ("Opening balance", "gbp"),
    "draw": ("Drawn", "gbp"),
    "called": ("Of it, called beyond the commitment", "gbp"),
    "spent": ("Cost paid", "gbp"),
    "owed": ("Owed to the provider", "gbp"),
    "out": ("Distributed", "gbp"),
    "closing": ("Closing balance", "gbp"),
    "flow": ("Investor: net flow", "gbp"),
    "to_date": ("Investor: to date", "gbp"),
    "years": ("Years from the first date (days / 365)", "plain"),
    "worth": ("Net flow at the target rate", "gbp"),
    "sign": ("Last sign of the flow", "number"),
}
# By column; those that are not calculated are empty.
Cash = dict[str, list[Cell]]


def write_waterfall(sheet: Sheet, mean: Part, names: Names, cost: Cost, paid: Paid) -> Cash:
    """Write the cash of the usual waterfall by date: draw, receive, pay costs, distribute what is not needed."""
    row = sheet.heading(
        "Waterfall",
        "GBP. On every date, in this order: draw what keeps cash from falling below its least, receive, pay costs and "
        "what is owed of earlier ones, and distribute what is not needed for the costs to come.",
        "On the last day of payment all cash is released. Dates follow the lag of payments.",
    )
    sheet.columns(13, WIDTH)
    sheet.wide()
    sheet.line(row, [head for head, _ in COLUMNS.values()])
    sheet.freeze(row + 1, 1)
    n, step = _n_dates(mean), _step(mean)
    at = {name: i for i, name in enumerate(COLUMNS)}
    cash: Cash = {name: [] for name in COLUMNS}

    def put(name: str, i: int, what: Live) -> Cell:
        cell = sheet.formula(row + 1 + i, at[name], what, COLUMNS[name][1])
        cash[name].append(cell)
        return cell

    _dates(put, n, step, cost, paid)
    days = cash["date"]
    for i in range(n):
        put("due", i, _sum_if(cost.dates, days[i], cost.due))
        put("receipts", i, _sum_if(paid.dates, days[i], paid.paid.sums or paid.paid.cells[0]))
        net = cash["receipts"][i] - cash["due"][i]
        put("run", i, when(same(cash["start"][i], cash["start"][i - 1]), cash["run"][i - 1], 0) + net if i else net)
    lowest: list[Cell] = []
    for i in reversed(range(n)):
        here = when(cash["due"][i] > 0, cash["run"][i], NEVER_LOW)
        if lowest:
            here = low(here, when(same(cash["start"][i + 1], cash["start"][i]), lowest[-1], NEVER_LOW))
        lowest.append(sheet.formula(row + 1 + i, at["lowest"], here, COLUMNS["lowest"][1]))
    cash["lowest"] = lowest[::-1]
    last = high(_most(cost.dates), _most(paid.dates))
    for i in range(n):
        put("needed", i, when(days[i] >= last, 0, names["minimum_cash_gbp"] + _kept(cash, i, step, names)))
        pays = _count_if(paid.dates, "", days[i]) > 0
        put("open", i, either(same(days[i], last), both(days[i] >= names["distributions_from"], pays)))
    for i in range(n):
        _move(put, cash, i, names, mean["capital"]["when_short"] == "call")
        _invested(put, cash, i, names)
    return cash


def _step(mean: Part) -> int:
    """Return the months of a period."""
    first, second = (date.fromisoformat(when_) for when_ in mean["periods"]["first_dates"][:2])
    return (second.year - first.year) * 12 + second.month - first.month


def _n_dates(mean: Part) -> int:
    """Return how many dates can be needed: first days of periods, days of costs and payments, a later lag too."""
    simulated = mean["simulated"]["cash_dates"]
    shared = set(mean["periods"]["payment_dates"]) & (_starts(simulated, _step(mean)) | set(mean["service"]["dates"]))
    return len(simulated) + len(shared) + MOST_EXTRA_DATES


def _starts(dates: Sequence[str], step: int) -> set[str]:
    return {when_ for when_ in dates if _period_start(serial(when_), step) == serial(when_)}


def _period_start(day: int, step: int) -> int:
    """Return the first day of the period in which a day lies, as a sheet's number."""
    when_ = date.fromordinal(int(day) + EPOCH)
    return date(when_.year, (when_.month - 1) // step * step + 1, 1).toordinal() - EPOCH


def _later(day: int, months: int) -> int:
    """Return the first day of the month so many months later, as a sheet's number."""
    when_ = date.fromordinal(int(day) + EPOCH)
    n = when_.year * 12 + when_.month - 1 + months
    return date(n // 12, n % 12 + 1, 1).toordinal() - EPOCH


def _next_period(start: Live, months: int) -> Live:
    value = _later(start.value, months)
    return Live(f"DATE(YEAR({start.text}),MONTH({start.text})+{months},1)", value)


def _start_of(day: Live, step: int) -> Live:
    text = f"DATE(YEAR({day.text}),INT((MONTH({day.text})-1)/{step})*{step}+1,1)"
    return Live(text, _period_start(day.value, step))


def _dates(put: Callable[[str, int, Live], Cell], n: int, step: int, cost: Cost, paid: Paid) -> None:
    """Write the dates: first days of periods, days of costs, days of payments, each once, in order."""
    first = low(
        call("MIN", min(c.value for c in cost.dates), span(cost.dates, "both")),
        call("MIN", min(c.value for c in paid.dates), span(paid.dates, "both")),
    )
    day = put("date", 0, _start_of(first, step))
    for i in range(n):
        start = put("start", i, _start_of(day, step))
        if i < n - 1:
            day = put("date", i + 1, low(_next_period(start, step), _after(cost.dates, day), _after(paid.dates, day)))


def _after(dates: Sequence[Cell], day: Live) -> Live:
    """Return the first of some dates after a day, or a far one."""
    values = sorted(cell.value for cell in dates)
    at = bisect_right(values, day.value)
    found = call("SMALL", None, span(dates, "both"), _count_if(dates, "<=", day) + 1)
    return call("IFERROR", values[at] if at < len(values) else FAR, found, FAR)


def _count_if(cells: Sequence[Cell], sign: str, day: Live) -> Live:
    """Return how many cells are equal to a number, or at most that ("<=")."""
    value = sum(c.value <= day.value if sign else c.value == day.value for c in cells)
    return call("COUNTIF", value, span(cells, "both"), f'"{sign}"&{day.text}' if sign else day)


def _sum_if(dates: Sequence[Cell], day: Live, amounts: Sequence[Cell]) -> Live:
    """Return the sum of the amounts of a day."""
    value = sum(a.value for when_, a in zip(dates, amounts, strict=True) if when_.value == day.value)
    return call("SUMIF", value, span(dates, "both"), day, span(amounts, "both"))


def _most(cells: Sequence[Cell]) -> Live:
    return call("MAX", max(cell.value for cell in cells), span(cells, "both"))


def _kept(cash: Cash, i: int, step: int, names: Names) -> Live:
    """Return the costs that are kept from distribution: to the end of the next period, or the reserve if it is more."""
    days, due = cash["date"], cash["due"]
    coming = _due_between(cash, i, "<", _next_period(cash["start"][i], 2 * step))
    if "reserve_months" in names:
        reserve = _due_between(cash, i, "<=", days[i] + names["reserve_months"] * MEAN_DAYS_PER_MONTH)
    else:
        value = sum(d.value for when_, d in zip(days, due, strict=True) if when_.value > days[i].value)
        to_come = call("SUMIFS", value, span(due, "both"), span(days, "both"), f'">"&{days[i].text}')
        reserve = when(days[i] >= names["delivery_end"], to_come, 0)
    return high(coming, reserve)


def _due_between(cash: Cash, i: int, sign: str, until: Live) -> Live:
    """Return the costs due after a date and before another ("<"), or to it ("<=")."""
    days, due = cash["date"], cash["due"]
    there = [d.value < until.value or (sign == "<=" and d.value == until.value) for d in days]
    value = sum(d.value for when_, d, is_ in zip(days, due, there, strict=True) if is_ and when_.value > days[i].value)
    conditions = f'">"&{days[i].text}', span(days, "both"), f'"{sign}"&{until.text}'
    return call("SUMIFS", value, span(due, "both"), span(days, "both"), *conditions)


def _move(put: Callable[[str, int, Live], Cell], cash: Cash, i: int, names: Names, calls: bool) -> None:
    """Write the movements of one date. calls: whether the investor pays beyond its commitment for what cash lacks."""
    opening = put("opening", i, cash["closing"][i - 1] + 0 if i else live(0.0))
    before = cash["owed"][i - 1] + 0 if i else live(0.0)
    starts = same(cash["date"][i], cash["start"][i])
    # Once more than the commitment is drawn, nothing of it is left.
    left = high(0, names["commitment_gbp"] - total(cash["draw"], "row", "")) if i else names["commitment_gbp"]
    short = names["minimum_cash_gbp"] + before - opening - cash["lowest"][i]
    within = when(starts, high(0, low(short, left)), 0)
    called = when(starts, high(0, live(0.0) - opening - within - cash["lowest"][i]), 0) if calls else live(0.0)
    draw = put("draw", i, within + called)
    put("called", i, called)
    ready = opening + draw + cash["receipts"][i]
    spent = put("spent", i, low(before + cash["due"][i], ready))
    put("owed", i, before + cash["due"][i] - spent)
    out = put("out", i, when(cash["open"][i], high(0, ready - spent - cash["needed"][i]), 0))
    put("closing", i, ready - spent - out)


def _invested(put: Callable[[str, int, Live], Cell], cash: Cash, i: int, names: Names) -> None:
    """Write what one date means for the investor."""
    flow = put("flow", i, cash["out"][i] - cash["draw"][i])
    put("to_date", i, cash["to_date"][i - 1] + flow if i else flow + 0)
    years = put("years", i, (cash["date"][i] - locked(cash["date"][0])) / DAYS)
    put("worth", i, flow / (1 + names["target_rate"]) ** years)
    before = cash["sign"][i - 1] if i else live(0)
    sign = call("SIGN", math.copysign(1, flow.value) if flow.value else 0, flow)
    put("sign", i, when(size(flow) < HALF_A_PENNY, before, sign))


def write_simulated_cash(sheet: Sheet, mean: Part, names: Names, cost: Cost, paid: Paid) -> Cash:
    """Write simulated means of what is drawn and distributed, where the waterfall is the contract's own."""
    row = sheet.heading(
        "Waterfall",
        "This contract has tranches or a waterfall of its own, which this sheet does not rebuild: what is drawn and "
        "distributed are means of the simulation (values).",
        "They do not follow the inputs; returns are calculated from them.",
    )
    sheet.columns(13, WIDTH)
    shown = ("date", "draw", "out", "flow", "to_date", "years", "worth", "sign")
    sheet.line(row, [COLUMNS[name][0] for name in shown])
    sheet.freeze(row + 1, 1)
    cash: Cash = {name: [] for name in COLUMNS}

    def put(name: str, i: int, what: Live | float) -> Cell:
        cell = sheet.put(row + 1 + i, shown.index(name), what, COLUMNS[name][1])
        cash[name].append(cell)
        return cell

    simulated = mean["simulated"]
    columns = (simulated[key] for key in ("cash_dates", "draws_gbp", "distributions_gbp"))
    for i, (when_, draw, out) in enumerate(zip(*columns, strict=True)):
        put("date", i, serial(when_))
        put("draw", i, draw)
        put("out", i, out)
        _invested(put, cash, i, names)
    return cash


# ---- returns -------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Earned:
    """What the investor earns, and the table by which the rate is found."""

    drawn: Cell
    returned: Cell
    profit: Cell
    multiple: Cell
    peak: Cell
    npv: Cell
    one: Cell
    irr: Cell
    at_irr: Cell
    xirr: Cell


def write_returns(book: Book, sheet: Sheet, names: Names, cash: Cash) -> Earned:
    """Write what the investor earns: sums, and the rate by Newton's method, open to be followed."""
    row = sheet.heading(
        "Returns",
        "The mean case. 'As written' is what the program's numbers gave; 'Change' is what your inputs moved.",
        "The rate of return makes the flows' value nil, actual days / 365. It is found below in a few steps.",
    )
    sheet.columns(52, 20, 20, 20)
    sheet.line(row, ("What", "Now", "As written", "Change"))
    places = iter(range(row + 1, row + 25))

    def put(label: str, what: Live, kind: str = "gbp") -> Cell:
        at = next(places)
        sheet.text(at, 0, label)
        cell = sheet.formula(at, 1, what, kind)
        if kind != "truth":
            sheet.formula(at, 3, cell - sheet.number(at, 2, cell.value, kind), kind)
        return cell

    draws, outs, years = cash["draw"], cash["out"], cash["years"]
    drawn, returned = put("Drawn, GBP", total(draws, "both")), put("Distributed, GBP", total(outs, "both"))
    profit = put("Profit, GBP", returned - drawn)
    multiple = put("Money multiple", ratio(returned, drawn), "plain")
    lowest = min(cell.value for cell in cash["to_date"])
    peak = put("Peak funding, GBP", -low(0, call("MIN", lowest, span(cash["to_date"], "both"))))
    npv = put("Present value at the target rate, GBP", total(cash["worth"], "both"))
    if cash["due"]:
        most = max(cell.value for cell in cash["owed"])
        put("Owed to the provider at worst, GBP", call("MAX", most, span(cash["owed"], "both")))
        put("Owed to the provider at the end, never paid, GBP", cash["owed"][-1] + 0)
        put("Called from the investor beyond its commitment, GBP", total(cash["called"], "both"))
    rates_row, one_row, irr_row, xirr_row, zero_row = (next(places) for _ in range(5))
    n_rates, bracket = _scanned(sheet, next(places) + STEPS + 5, cash)
    sheet.text(rates_row, 0, "Rates at which the value changes its sign")
    n_rates = sheet.formula(rates_row, 1, n_rates, "number")
    sheet.text(one_row, 0, "There is one rate of return")
    is_one = both(drawn > HALF_A_PENNY, returned > HALF_A_PENNY, same(n_rates, 1))
    one = sheet.formula(one_row, 1, is_one, "truth")
    x = _solved(sheet, zero_row + 2, draws, outs, years, one, bracket)
    lost = both(drawn > HALF_A_PENNY, returned <= HALF_A_PENNY)
    rate = when(one, call("EXP", math.exp(x.value), x) - 1, when(lost, live(-1.0), live(0.0)))
    irr = _returned(sheet, irr_row, "Rate of return a year (IRR; nil if there is not exactly one)", rate)
    # A flow of nil on the first date is more than some programs' XIRR can bear; and without a guess near it some
    # give a rate of next to nil where the true one is far below.
    first = locked(cash["flow"][0])
    found = call("XIRR", irr.value, span(cash["flow"], "both"), span(cash["date"], "both"), irr)
    asks = both(one, size(first) > HALF_A_PENNY)
    xirr = _returned(sheet, xirr_row, "The same by the sheet's own XIRR", when(asks, found, irr))
    discount = [o.value - d.value for o, d in zip(outs, draws, strict=True)]
    worth = sum(f * (1 + irr.value) ** -y.value for f, y in zip(discount, years, strict=True)) if one.value else 0.0
    text = f"SUMPRODUCT({span(cash['flow'], 'both')},(1+{irr.text})^(-{span(years, 'both')}))"
    sheet.text(zero_row, 0, "Value of the flows at this rate, GBP (should be nil)")
    at_irr = sheet.formula(zero_row, 1, when(one, Live(text, worth), 0))
    for name, cell in {"investor_irr": irr, "investor_profit_gbp": profit, "money_multiple": multiple}.items():
        book.define(name, cell)
    return Earned(drawn, returned, profit, multiple, peak, npv, one, irr, at_irr, xirr)


def _returned(sheet: Sheet, row: int, label: str, what: Live) -> Cell:
    sheet.text(row, 0, label)
    cell = sheet.formula(row, 1, what, "share")
    sheet.formula(row, 3, cell - sheet.number(row, 2, cell.value, "share"), "share")
    return cell


def _scanned(sheet: Sheet, row: int, cash: Cash) -> tuple[Live, Live]:
    """Write the sign of the flows' value at rates between -86% and 639%; return how often it changes, and where.

    Money drawn again after a first distribution may have several rates, or none. Far below the sign is that of the
    last flow, far above that of the first. Where: twice the x at which it changes, nil beyond the table.
    """
    sheet.page.print_area(0, 0, row - 2, 5)  # the table is for those who follow the formulas
    sheet.text(row, 0, "Sign of the flows' value at rates from low to high", "section")
    sheet.line(row + 1, ("x", "Sign"))
    flows, years = cash["flow"], cash["years"]
    at = [-SPREAD + 2 * SPREAD * i / (SCANNED - 1) for i in range(SCANNED)]
    xs = [sheet.number(row + 3 + i, 0, x, "plain", "formula") for i, x in enumerate(at)]
    signs = [sheet.formula(row + 2, 1, cash["sign"][-1] + 0, "number")]
    for i, x in enumerate([*xs, live(FURTHEST)]):
        value = sum(f.value * math.exp(-x.value * y.value) for f, y in zip(flows, years, strict=True))
        text = f"SIGN(SUMPRODUCT({span(flows, 'both')},EXP(-{x.text}*{span(years, 'both')})))"
        signs.append(sheet.formula(row + 3 + i, 1, Live(text, math.copysign(1, value) if value else 0), "number"))
    turns = [a.value * b.value < 0 for a, b in itertools.pairwise(signs)]
    turned = f"SUMPRODUCT(1*({span(signs[:-1])}*{span(signs[1:])}<0))"
    where = sum(a + b for turn, (a, b) in zip(turns[1:-1], itertools.pairwise(at), strict=True) if turn)
    text = f"SUMPRODUCT(({span(signs[1:-2])}*{span(signs[2:-1])}<0)*({span(xs[:-1])}+{span(xs[1:])}))"
    return Live(turned, sum(turns)), Live(text, where)


def _solved(
    sheet: Sheet, row: int, ins: list[Cell], outs: list[Cell], years: list[Cell], one: Cell, bracket: Live
) -> Cell:
    """Write Newton's method for x = ln(1 + rate), and return its last cell.

    g(x) = ln(value of what is paid back) - ln(value of what is drawn), nearly straight; its slope is the difference
    of the mean times of the two. It begins where the sign changes in the table below.
    """
    sheet.text(row, 0, "How the rate is found: x = ln(1 + rate)", "section")
    sheet.line(row + 1, ("Step", "Value drawn", "Value paid back", "Mean time drawn", "Mean time paid back", "x"))
    sheet.text(row + 2, 0, "Begin")
    x = sheet.formula(row + 2, 5, when(one, bracket / 2, 0), "plain")
    for i in range(1, STEPS + 1):
        at = row + 2 + i
        sheet.number(at, 0, i, "number", "formula")
        sums = []
        for col, amounts in enumerate((ins, outs), start=1):
            value = sum(a.value * math.exp(-x.value * y.value) for a, y in zip(amounts, years, strict=True))
            text = f"SUMPRODUCT({span(amounts, 'both')},EXP(-{x.text}*{span(years, 'both')}))"
            sums.append(sheet.formula(at, col, Live(text, value)))
        times = []
        for col, (amounts, of_all) in enumerate(zip((ins, outs), sums, strict=True), start=3):
            value = sum(a.value * y.value * math.exp(-x.value * y.value) for a, y in zip(amounts, years, strict=True))
            text = f"SUMPRODUCT({span(amounts, 'both')},{span(years, 'both')},EXP(-{x.text}*{span(years, 'both')}))"
            weighed = Live(text, value)
            times.append(sheet.formula(at, col, ratio(weighed, of_all), "plain"))
        into, out = sums
        if one.value:
            gap, later = math.log(out.value / into.value), times[1].value - times[0].value
            value = x.value + (gap / later if later else 0.0)
        else:
            value = 0.0
        further = f"IFERROR(LN({out.text}/{into.text})/({times[1].text}-{times[0].text}),0)"
        x = sheet.formula(at, 5, Live(f"IF({locked(one).text},{x.text}+{further},0)", value), "plain")
    return x


def cash_checks(paid: Paid, cost: Cost, cash: Cash, names: Names) -> Iterator[tuple[str, Live]]:
    """Give the checks of the waterfall; none where it is not calculated."""
    if not cash["opening"]:
        return
    sums = {name: total(cash[name]) for name in ("due", "receipts", "draw", "spent", "out")}
    yield "Every payment is received on a date of the waterfall", near(sums["receipts"], all_of(paid.paid))
    yield "Every cost is due on a date of the waterfall", near(sums["due"], total(cost.due))
    moved = [cash[name] for name in ("opening", "draw", "receipts", "spent", "out", "closing")]
    o, d, r, s, x, c = (span(column) for column in moved)
    rows = zip(*([cell.value for cell in column] for column in moved), strict=True)
    values = [a + b + e - f - g - h for a, b, e, f, g, h in rows]
    text = f"SUMPRODUCT(1*(ABS({o}+{d}+{r}-{s}-{x}-{c})>{HALF_A_PENNY}))"
    yield (
        "Opening + drawn + received = paid + distributed + closing, on each date",
        same(Live(text, sum(abs(v) > HALF_A_PENNY for v in values)), 0),
    )
    carried = [b.value - a.value for a, b in zip(cash["closing"], cash["opening"][1:], strict=False)]
    text = f"SUMPRODUCT(1*(ABS({span(cash['opening'][1:])}-{span(cash['closing'][:-1])})>{HALF_A_PENNY}))"
    yield "Each date opens as the one before closed", same(Live(text, sum(abs(v) > HALF_A_PENNY for v in carried)), 0)
    below = [cell.value < -HALF_A_PENNY for cell in cash["closing"]]
    yield "Cash is never below nil", nowhere(span(cash["closing"]), f"<-{HALF_A_PENNY}", below)
    yield "All cash is released at the end", size(cash["closing"][-1]) < HALF_A_PENNY
    within = sums["draw"] - total(cash["called"])
    yield "Draws stay within the commitment, but for what is called beyond it", within < _just_above(names)
    yield "What was due is what was paid and what is still owed", near(sums["due"], sums["spent"] + cash["owed"][-1])
    waits = [cell.value > HALF_A_PENNY for cell in cash["owed"]]
    yield (
        "Money does not run out: no bill of the provider waits",
        nowhere(span(cash["owed"]), f">{HALF_A_PENNY}", waits),
    )
    yield "Profit = received - costs paid", near(sums["out"] - sums["draw"], sums["receipts"] - sums["spent"])


def _just_above(names: Names) -> Live:
    return names["commitment_gbp"] + HALF_A_PENNY


def return_checks(cash: Cash, earned: Earned) -> Iterator[tuple[str, Live]]:
    """Give the checks of the returns."""
    yield "The flows at the rate of return are worth nil", size(earned.at_irr) < HALF_A_PENNY
    yield "XIRR finds the same rate, to a millionth", size(earned.irr - earned.xirr) < 10**-6
    yield "The last of the flows to date is the profit", near(cash["to_date"][-1], earned.profit)
