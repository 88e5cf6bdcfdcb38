"""Payments of the mean case as formulas: terms, caps in proportion, top-up, what each borough pays and saves.

In: the mean case, inputs and units as cells. Out: tables of cells, checks. Must not know: investors, files.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from edgeofcare.documents.workbook.formula_cells import (
    WIDTH,
    Block,
    Cell,
    Live,
    Sheet,
    call,
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
)
from edgeofcare.documents.workbook.inputs import (
    HALF_A_PENNY,
    Names,
    Part,
    borough_names,
    is_days_saved,
    lower,
    n_periods,
    numbered,
    reading,
)
from edgeofcare.inputs.contract import CAPS, MODIFIERS
from edgeofcare.inputs.terms.kinds import kind_of


@dataclass(frozen=True)
class Paid:
    """Payments by borough and period: what is due by term and in all, after each cap, in all, by the central payer,
    by boroughs themselves. dates: (period,). by_year: the first and last period of each financial year."""

    dates: list[Cell]
    by_year: dict[str, tuple[int, int]]
    terms: list[Block]
    due: Block
    after: dict[str, Block]
    paid: Block
    top_up: Block | None
    own: Block


def write_payments(sheet: Sheet, mean: Part, names: Names, units: list[dict[str, Block]]) -> Paid:
    """Write what is paid: terms, caps in their order, top-up, boroughs' own part."""
    contract, n = mean["contract"], n_periods(mean)
    beyond = [rule for rule in MODIFIERS if not rule.in_workbook and contract.get(rule.key) is not None]
    notes = ["GBP, not rounded to pennies. Columns are periods by their first day; a payment follows the end of one."]
    if beyond:
        said = ", ".join(lower(rule.label) for rule in beyond)
        notes.append(f"The contract has rules that are not rebuilt here ({said}): simulated means stand instead.")
    row = sheet.heading("Payments", *notes)
    sheet.columns(34, WIDTH)
    sheet.wide()
    dates, row = _payment_dates(sheet, row, mean, names)
    sheet.freeze(row, 1)
    years = mean["periods"]["financial_years"][:n]
    by_year = {year: (years.index(year), years.index(year) + years.count(year) - 1) for year in dict.fromkeys(years)}

    def block(title: str) -> Block:
        nonlocal row
        made = Block(sheet, row, title, borough_names(mean), mean["periods"]["first_dates"][:n])
        row = made.next_row + 1
        return made

    if beyond:
        values = mean["simulated"]["payments_gbp"]
        terms = [block("Due (simulated mean, after all rules)").fill(reading(values), n)]
    else:
        terms = [
            _term(block, term, suffix, number, names, units[k], n)
            for k, (term, suffix, number) in enumerate(numbered(mean["terms"]))
        ]
    due = paid = block("Due before caps").fill(lambda i, t: _sum([term.cells[i][t] for term in terms]), n)
    after: dict[str, Block] = {}
    for cap in CAPS:
        key = cap.key
        if contract.get(key) is not None and not beyond:
            starts = [by_year[year][0] if key == "borough_year_cap_gbp" else 0 for year in years]
            make = _under_contract_cap if key == "cap_gbp" else _under_borough_cap
            after[key] = paid = make(block, f"After: {lower(cap.label)}", paid, names[key], starts)
    paid, top_up = _topped_up(block, paid, contract.get("top_up"), names, n)
    own = block("Boroughs' own part").fill(
        lambda i, t: paid.cells[i][t] - top_up.cells[i][t] if top_up else paid.cells[i][t] + 0, n
    )
    return Paid(dates, by_year, terms, due, after, paid, top_up, own)


def _payment_dates(sheet: Sheet, row: int, mean: Part, names: Names) -> tuple[list[Cell], int]:
    """Write the days of payment: the last day of each period and the lag."""
    periods, lag = mean["periods"], mean["contract"]["lag_days"]
    for i, label in enumerate(("First day of period", "Last day of period", "Financial year", "Day of payment")):
        sheet.text(row + i, 0, label)
    dates = []
    for t, when_ in enumerate(periods["payment_dates"]):
        sheet.number(row, t + 1, serial(periods["first_dates"][t]), "date")
        last = sheet.number(row + 1, t + 1, serial(when_) - lag, "date")
        sheet.text(row + 2, t + 1, periods["financial_years"][t])
        dates.append(sheet.formula(row + 3, t + 1, last + names["lag_days"], "date"))
    return dates, row + 5


def _term(
    block: Callable[[str], Block], term: Part, suffix: str, number: str, names: Names, units: dict[str, Block], n: int
) -> Block:
    """Write what one term comes to."""
    kind = kind_of(term["pays"])
    if not units:
        values = term["due_gbp"]
        return block(f"{kind.label}{number}: simulated mean, a value").fill(reading(values), n)
    price = names[f"{kind.price_name}{suffix}"]
    if is_days_saved(term):
        return _saved(block, term, number, price, names[f"baseline_share{suffix}"], units, n)
    counted = next(iter(units.values()))
    if kind.unpaid_share:
        price = price * (1 - names[f"{kind.unpaid_share[0]}{suffix}"])
    return block(f"{kind.price_label}{number}: due").fill(lambda i, t: counted.cells[i][t] * price, n)


def _saved(
    block: Callable[[str], Block], term: Part, number: str, price: Live, share: Live, units: dict[str, Block], n: int
) -> Block:
    """Write days saved to date, what each borough is owed on them, and the rise above the most paid before."""
    tracked, care = units["tracked_days"].cells, units["care_days"].cells
    to_date = block(f"Days saved to date{number}: baseline share x tracked days - days in care")
    to_date.kind = "count"
    for t in range(n):
        for i in range(len(tracked)):
            more = share * tracked[i][t] - care[i][t]
            to_date.put(i, to_date.cells[i][t - 1] + more if t else more)
        to_date.close()
    owed = block(f"Owed on days saved{number}: to date, less what was paid, not below nil")
    due = block(f"Care days saved{number}: due at the end of each quarter, the rise above the most paid before")
    settles = [*term["settles"][: n - 1], True]
    for t in range(n):
        for i in range(len(tracked)):
            value = to_date.cells[i][t] * price
            owed.put(i, high(0, value - total(due.cells[i][:t], "col", "") if t else value))
        all_owed = owed.close()
        value = to_date.sums[t] * price
        rise = high(0, value - total(due.sums[:t], "col", "") if t else value)
        for i in range(len(tracked)):
            what = ratio(locked(owed.cells[i][t], "row") * rise, locked(all_owed, "row"))
            due.put(i, what if settles[t] else 0.0)
        due.close()
    return due.finish()


def _sum(cells: Sequence[Live]) -> Live:
    """Return the sum of cells of different blocks."""
    result = cells[0] + 0 if len(cells) == 1 else cells[0] if cells else live(0.0)
    for cell in cells[1:]:
        result = result + cell
    return result


def _let_through(cap: Live, flow: Sequence[Cell]) -> Live:
    """Return what a cap on the running total lets through of the last of a flow."""
    so_far = total(flow, "col", "")
    return low(cap, so_far) - low(cap, so_far - flow[-1])


def _under_borough_cap(
    block: Callable[[str], Block], title: str, due: Block, cap: Live, starts: Sequence[int]
) -> Block:
    """Write payments under a cap of each borough; starts: the period from which each period's running total counts."""
    return block(title).fill(lambda i, t: _let_through(cap, due.cells[i][starts[t] : t + 1]), len(starts))


def _under_contract_cap(
    block: Callable[[str], Block], title: str, due: Block, cap: Live, starts: Sequence[int]
) -> Block:
    """Write payments under the contract's cap, each borough's cut in proportion."""
    return block(title).fill(lambda i, t: _in_proportion(due, i, t, _let_through(cap, due.sums[: t + 1])), len(starts))


def _in_proportion(due: Block, i: int, t: int, allowed: Live) -> Live:
    """Return a borough's part of what is allowed in a period, by what it is due."""
    return ratio(due.cells[i][t] * allowed, locked(due.sums[t], "row"))


def _topped_up(
    block: Callable[[str], Block], paid: Block, top_up: Part | None, names: Names, n: int
) -> tuple[Block, Block | None]:
    """Write the central payer's part; return what is paid in all, and that part."""
    if not top_up:
        return paid, None
    share, cap = names["top_up_share"], names.get("top_up_cap_gbp")

    def given(i: int, t: int) -> Live:
        if cap is None:
            return paid.cells[i][t] * share
        so_far = total(paid.sums[: t + 1], "col", "") * share
        return _in_proportion(paid, i, t, low(cap, so_far) - low(cap, so_far - locked(paid.sums[t], "row") * share))

    # Names of payers are text, and titles are text.
    part = block(f"Paid by {top_up['name']}").fill(given, n)
    if top_up["after_cap"] != "unpaid" or cap is None:
        return paid, part
    kept = block("Paid in all: what is beyond the central payer's cap is not paid")
    return kept.fill(lambda i, t: paid.cells[i][t] * (1 - share) + part.cells[i][t], n), part


def write_boroughs(sheet: Sheet, mean: Part, paid: Paid, cashable: Block) -> list[tuple[str, Live]]:
    """Write what each borough pays and saves by financial year; return the checks."""
    row = sheet.heading(
        "Boroughs",
        "GBP by financial year of the outcome. Net saving = cashable cost avoided - own payments - own other costs.",
        "Cost avoided and other costs are values from the simulation; payments are live.",
    )
    sheet.columns(40, 16)
    years: list[str] = mean["financial_years"]
    labels = ("Paid by itself", "Paid by a central payer", "Cashable cost avoided", "Own other costs", "Net saving")
    periods = mean["periods"]["financial_years"]
    found: list[Block] = []
    for i, name in enumerate(borough_names(mean)):
        block = Block(sheet, row, name, labels, years)
        for k, year in enumerate(years):
            of_payers = (paid.own.cells[i], paid.top_up.cells[i] if paid.top_up else None)
            cells = [block.put(j, _in_year(row_, paid.by_year.get(year))) for j, row_ in enumerate(of_payers)]
            at = [t for t, label in enumerate(periods) if label == year]
            cells.append(block.put(2, _in_year(cashable.cells[i], (at[0], at[-1]) if at else None)))
            cells.append(block.put(3, mean["other_costs_gbp"][i][k]))
            block.put(4, cells[2] - cells[0] - cells[3])
        found.append(block.finish())
        row = block.next_row + 1
    every = Block(sheet, row, "All boroughs", labels, years)
    every.fill(lambda j, k: _sum([block.cells[j][k] for block in found]), len(years), sums=False)
    given: Live = all_of(paid.top_up) if paid.top_up else live(0.0)
    pay, central, saved, other, net = every.all_of
    return [
        ("Boroughs' own payments by year sum to those by period", near(pay, all_of(paid.own))),
        ("Central payments by year sum to those by period", near(central, given)),
        ("Cashable cost avoided by year sums to that by period", near(saved, all_of(cashable))),
        ("Net saving of all boroughs = avoided - paid - other", near(net, saved - pay - other)),
    ]


def _in_year(cells: Sequence[Cell] | None, at: tuple[int, int] | None) -> Live | float:
    """Return a financial year's sum over its periods."""
    return total(cells[at[0] : at[1] + 1]) if cells and at else 0.0


def all_of(block: Block) -> Cell:
    """Return the sum of a whole block."""
    return block.all_of[-1]


def near(a: Live, b: Live | float) -> Live:
    """Return whether two sums agree to half a penny."""
    return size(a - b) < HALF_A_PENNY


def nowhere(cells: str, bad: str, values: Sequence[bool]) -> Live:
    """Return whether no cell of a range is bad. bad: the rest of a comparison, as "<-0.005"."""
    return same(Live(f"SUMPRODUCT(1*({cells}{bad}))", sum(values)), 0)


def payment_checks(paid: Paid, names: Names) -> Iterator[tuple[str, Live]]:
    """Give the checks of the payments."""
    yield "Terms sum to what is due before caps", near(_sum([all_of(term) for term in paid.terms]), all_of(paid.due))
    yield (
        "Payments of all boroughs sum to the total of all periods",
        near(total(paid.paid.all_of[:-1]), total(paid.paid.sums)),
    )
    for key, block in paid.after.items():
        if key == "cap_gbp":
            yield "The contract's cap is not exceeded", all_of(block) < names[key] + HALF_A_PENNY
        elif key == "borough_cap_gbp":
            most = call("MAX", max(c.value for c in block.all_of[:-1]), span(block.all_of[:-1]))
            yield "No borough's cap is exceeded", most < names[key] + HALF_A_PENNY
        else:
            sums = [total(row[first : last + 1]) for row in block.cells for first, last in paid.by_year.values()]
            yield "No borough's cap of a financial year is exceeded", high(*sums) < names[key] + HALF_A_PENNY
    flat = [cell.value for row in paid.paid.cells for cell in row]
    whole = f"{span([paid.paid.cells[0][0], paid.paid.cells[-1][-1]])}"
    yield "No payment is below nil", nowhere(whole, f"<-{HALF_A_PENNY}", [v < -HALF_A_PENNY for v in flat])
    yield "Caps never add to what is due", all_of(paid.paid) < all_of(paid.due) + HALF_A_PENNY
    if paid.top_up:
        given = all_of(paid.top_up)
        yield "Own part and central part sum to payments", near(all_of(paid.own) + given, all_of(paid.paid))
        if "top_up_cap_gbp" in names:
            yield "The central payer stays within its cap", given < names["top_up_cap_gbp"] + HALF_A_PENNY
