"""Inputs, expected units and costs of the mean case, as sheets of a workbook.

In: the mean case. Out: named inputs, tables of cells. Must not know: what is paid, files.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from edgeofcare.documents.workbook.formula_cells import WIDTH, Block, Book, Cell, Live, Sheet, serial, total
from edgeofcare.inputs.contract import CAPS
from edgeofcare.inputs.terms.kinds import kind_of

Part = Mapping[str, Any]
Names = dict[str, Live]
HALF_A_PENNY = 0.005


def write_inputs(book: Book, sheet: Sheet, mean: Part) -> Names:
    """Write the inputs, and return them by name."""
    row = sheet.heading("Inputs", "Blue figures on yellow, in a frame, may be changed: everything else follows.")
    sheet.columns(58, 20, 34, 60)
    sheet.line(row, ("What", "Value", "Name in formulas", "Note"), "head")
    sheet.freeze(row + 1, 0)
    names: Names = {}
    for name, what, value, kind, note in _input_rows(mean):
        row += 1
        sheet.text(row, 0, what)
        names[name] = book.define(name, sheet.number(row, 1, value, kind, "input"))
        sheet.text(row, 2, name, "aside")
        sheet.text(row, 3, note)
    without = [cap.label for cap in CAPS if mean["contract"].get(cap.key) is None]
    row += 2
    for what in without:
        sheet.text(row, 0, f"{what}: this contract has none.")
        row += 1
    return names


def _input_rows(mean: Part) -> Iterator[tuple[str, str, float, str, str]]:
    """Give each input: name, words, value, kind of number, note."""
    contract, capital = mean["contract"], mean["capital"]
    for term, suffix, number in numbered(mean["terms"]):
        kind = kind_of(term["pays"])
        if unit_names(term):
            yield f"{kind.price_name}{suffix}", f"{kind.price_label}{number}, GBP", term["price_gbp"], "gbp", ""
        if kind.unpaid_share:
            key, what = kind.unpaid_share
            yield f"{key}{suffix}", f"{what}{number}", term[key], "share", "Not paid"
        if is_days_saved(term):
            yield f"baseline_share{suffix}", f"Baseline share in care{number}", term["baseline_share"], "share", ""
    for cap in CAPS:
        if contract.get(cap.key) is not None:
            yield cap.key, f"{cap.label}, GBP", contract[cap.key], "gbp", ""
    if top_up := contract.get("top_up"):
        yield "top_up_share", f"Share paid by {top_up['name']}", top_up["share"], "share", "Of every payment"
        if top_up["cap_gbp"] is not None:
            yield "top_up_cap_gbp", f"Cap of {top_up['name']}, GBP", top_up["cap_gbp"], "gbp", ""
    yield "lag_days", "Days from the end of a period to the payment", contract["lag_days"], "number", "Whole days"
    yield "target_rate", "Rate that investors look for, a year", capital["target_irr_per_year"], "share", ""
    if is_usual(mean):
        yield "commitment_gbp", "Commitment of the investor, GBP", capital["commitment_gbp"] or 0.0, "gbp", ""
        note = "Kept by drawing before each period"
        yield "minimum_cash_gbp", "Least cash, GBP", capital["minimum_cash_gbp"], "gbp", note
        after = capital["distribute"] == "after_delivery"
        first = mean["delivery_end"] if after else min(mean["simulated"]["cash_dates"])
        yield "distributions_from", "First day on which cash may be distributed", serial(first), "date", ""
        if (months := capital["reserve_months"]) is not None:
            yield "reserve_months", "Months of costs to come that are kept", months, "number", "Of 30.4375 days"
        else:
            note = "From then on all costs to come are kept"
            yield "delivery_end", "Day by which the last therapy ends", serial(mean["delivery_end"]), "date", note


def numbered(terms: Sequence[Part]) -> Iterator[tuple[Part, str, str]]:
    """Give each term with the endings of its names: none for the first of a kind, then _2, _3."""
    for i, term in enumerate(terms):
        before = [other["pays"] for other in terms[:i]].count(term["pays"])
        yield term, f"_{before + 1}" if before else "", f" ({before + 1})" if before else ""


def unit_names(term: Part) -> dict[str, str]:
    """Return the counts that a term is calculated from, with their titles; none if only its amount is known."""
    return {measure: title for measure, title in kind_of(term["pays"]).counted.items() if measure in term}


def is_days_saved(term: Part) -> bool:
    """Return whether a term is calculated from tracked days and days in care: the rise of days saved to date."""
    return "care_days" in unit_names(term)


def is_usual(mean: Part) -> bool:
    """Return whether the waterfall is the usual one, of one investor."""
    return not mean["capital"]["waterfall"] and not mean["capital"]["tranches"]


def n_periods(mean: Part) -> int:
    """Return in how many periods the contract pays."""
    return len(mean["periods"]["payment_dates"])


def borough_names(mean: Part) -> list[str]:
    """Return the names of the boroughs, in order."""
    return list(mean["boroughs"].values())


def write_units(sheet: Sheet, mean: Part) -> tuple[list[dict[str, Block]], Block]:
    """Write expected units of each term; return them, and cashable cost avoided, as tables."""
    row = sheet.heading(
        "Units",
        f"Values from the simulation: means of {mean['replications']:,} simulated contracts, seed {mean['seed']}. "
        "Columns are periods by their first day; what lies in a period counts to it.",
        "They may be changed to see what other numbers would pay; the cost of the service does not follow.",
    )
    sheet.columns(34, WIDTH)
    sheet.wide()
    heads, found, n = mean["periods"]["first_dates"], [], n_periods(mean)
    for term, _, number in numbered(mean["terms"]):
        blocks = {}
        for name, title in unit_names(term).items():
            values = term[name]
            block = Block(sheet, row, f"{title}{number}", borough_names(mean), heads[:n], "count")
            blocks[name] = block.fill(reading(values), n)
            row = block.next_row + 1
        found.append(blocks)
    for name, title in {"avoided": "Cost of care avoided, GBP", "cashable": "Of which cashable, GBP"}.items():
        values = mean["avoided_gbp"][name]
        block = Block(sheet, row, title, borough_names(mean), heads)
        block.fill(reading(values), len(heads))
        row = block.next_row + 1
    sheet.freeze(0, 1)
    return found, block


def reading(values: Sequence[Sequence[float]]) -> Callable[[int, int], float]:
    """Return the reading of a table by row and column."""
    return lambda i, t: values[i][t]


@dataclass(frozen=True)
class Cost:
    """The service's cost: dates and sums due, by date."""

    dates: list[Cell]
    due: list[Cell]


def write_costs(sheet: Sheet, mean: Part) -> Cost:
    """Write what the service costs by date and kind."""
    row = sheet.heading("Costs", "Values from the scenario and the simulation, GBP. They may be changed.")
    service, first = mean["service"], row + 1
    kinds = list(service["kinds"])
    sheet.columns(16, 18)
    sheet.line(row, ("Date", *(as_words(kind) for kind in kinds), "Depends on children (mean)", "Due"))
    sheet.freeze(first, 1)
    dates, due = [], []
    for i, when_ in enumerate(service["dates"]):
        dates.append(sheet.number(first + i, 0, serial(when_), "date"))
        fixed = [service["kinds"][kind][i] for kind in kinds]
        parts = [sheet.number(first + i, 1 + k, value, "gbp") for k, value in enumerate(fixed)]
        rest = service["due_gbp"][i] - sum(fixed)
        parts.append(sheet.number(first + i, 1 + len(kinds), rest if abs(rest) > HALF_A_PENNY else 0.0, "gbp"))
        due.append(sheet.formula(first + i, 2 + len(kinds), total(parts)))
    sheet.text(first + len(due), 0, "Total", "total")
    sheet.formula(first + len(due), 2 + len(kinds), total(due), "gbp", "total")
    return Cost(dates, due)


def as_words(key: str) -> str:
    """Return a key as words: "per_completion" as "Per completion"."""
    said = key.replace("_gbp", " (GBP)").replace("_prob", " (chance)").replace("_", " ").replace(".", ": ").strip()
    return said[:1].upper() + said[1:]


def lower(words: str) -> str:
    """Return words as they stand inside a sentence."""
    return words[:1].lower() + words[1:]
