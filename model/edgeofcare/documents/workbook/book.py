"""The live workbook of a business case: its mean case as formulas, what was simulated as values marked so.

In: the parts of a case. Out: the bytes of an xlsx file, the same whenever they are made. Must not know: scenarios,
engines, files. Rules of money stand here a second time, as formulas of a sheet: units x price, caps pro rata, top-up,
the usual waterfall of one investor, and the rate of return. A contract with rules beyond these shows values instead.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from edgeofcare.documents.workbook.cash import (
    Cash,
    Earned,
    cash_checks,
    return_checks,
    write_returns,
    write_simulated_cash,
    write_waterfall,
)
from edgeofcare.documents.workbook.formula_cells import Book, Cell, Live, Sheet, call, span
from edgeofcare.documents.workbook.inputs import Part, as_words, is_usual, write_costs, write_inputs, write_units
from edgeofcare.documents.workbook.payments import Paid, all_of, payment_checks, write_boroughs, write_payments

SHEETS = {
    "Cover": "What this is, how to read it, where it comes from",
    "Inputs": "Prices, caps, capital: change these",
    "Units": "Expected units by borough and period, and cost avoided; from the simulation",
    "Costs": "What the service costs, by date; from the scenario",
    "Payments": "Units x price, caps, central top-up, boroughs' own part; live",
    "Waterfall": "Cash by date: drawn, received, spent, distributed; live",
    "Returns": "What the investor earns; live",
    "Boroughs": "What each borough pays and saves by financial year; live",
    "Simulation results": "Means and percentiles over all simulated contracts; values",
    "Difference": "The mean case of this workbook against the simulated mean",
    "Checks": "Sums that must agree",
    "Assumptions": "Every input with its source and quality; values",
}
MISSING = "This part of the case was not run. Make the case again (edgeofcare case FILE), then this workbook."
ROWS = {"mean": "Mean", "se": "Standard error", **{f"p{n}": f"P{n}" for n in (5, 10, 50, 90, 95)}}


def workbook(case: Part) -> bytes:
    """Return a case's workbook, xlsx. case: its parts by name, as read from its folder; a part may be missing."""
    head = case.get("case", {})
    book = Book(f"{head.get('title', 'Business case')}: workbook", list(SHEETS))
    pages = book.sheets
    if head.get("altered"):
        book.stamp("ALTERED")
    mean = case.get("mean")
    if mean:
        checks = _mean_case(book, mean, case.get("summary"))
    else:
        checks = []
        for name in ("Inputs", "Units", "Costs", "Payments", "Waterfall", "Returns", "Boroughs", "Difference"):
            pages[name].heading(name, MISSING)
    all_true = _checks(pages["Checks"], checks)
    _results(pages["Simulation results"], case.get("summary"))
    _assumptions(pages["Assumptions"], case.get("assumptions"))
    _cover(pages["Cover"], head, mean or {}, all_true)
    return book.finish()


def _mean_case(book: Book, mean: Part, summary: Part | None) -> list[tuple[str, Live]]:
    """Write the sheets that calculate, and return the checks."""
    pages = book.sheets
    names = write_inputs(book, pages["Inputs"], mean)
    units, cashable = write_units(pages["Units"], mean)
    cost = write_costs(pages["Costs"], mean)
    paid = write_payments(pages["Payments"], mean, names, units)
    cash = (write_waterfall if is_usual(mean) else write_simulated_cash)(pages["Waterfall"], mean, names, cost, paid)
    earned = write_returns(book, pages["Returns"], names, cash)
    kept = write_boroughs(pages["Boroughs"], mean, paid, cashable)
    _difference(pages["Difference"], mean, summary, paid, cash, earned)
    return [*payment_checks(paid, names), *cash_checks(paid, cost, cash, names), *return_checks(cash, earned), *kept]


def _difference(sheet: Sheet, mean: Part, summary: Part | None, paid: Paid, cash: Cash, earned: Earned) -> None:
    """Write the mean case beside the simulated mean."""
    row = sheet.heading(
        "Difference",
        "The mean case takes caps, the high-water mark and the waterfall of mean units. The simulation takes them of "
        "each simulated contract, and then the mean.",
        "A cap bends what is paid: it cuts the good years and gives nothing back in the bad ones, so the simulated "
        "mean of payments lies at or below the mean case wherever a cap binds in some contracts only.",
        "A high-water mark bends the other way: it keeps what was paid in a good spell. The two may cancel out.",
    )
    sheet.columns(48, 20, 20, 20, 60)
    sheet.line(row, ("What", "Mean case (live)", "Simulated mean", "Difference", "Simulated over"))
    simulated, over = mean["simulated"], f"{mean['replications']:,} contracts, seed {mean['seed']}"

    def all_in(name: str) -> float:
        return sum(sum(v) if isinstance(v, list) else v for v in simulated[name])

    rows: list[tuple[str, Live, float, str, str]] = [
        ("Payments, GBP", all_of(paid.paid), all_in("payments_gbp"), "gbp", over),
        ("Drawn, GBP", earned.drawn, all_in("draws_gbp"), "gbp", over),
        ("Distributed, GBP", earned.returned, all_in("distributions_gbp"), "gbp", over),
        ("Profit, GBP", earned.profit, all_in("distributions_gbp") - all_in("draws_gbp"), "gbp", over),
    ]
    if paid.top_up:
        rows.insert(1, ("Paid by a central payer, GBP", all_of(paid.top_up), all_in("top_up_gbp"), "gbp", over))
    investor = (summary or {}).get("investor", {})
    over = f"{(summary or {}).get('replications', 0):,} contracts (those with one rate, for the rate)"
    for label, cell, key, kind in (
        ("Rate of return a year", earned.irr, "irr", "share"),
        ("Money multiple", earned.multiple, "money_multiple", "plain"),
        ("Peak funding, GBP", earned.peak, "peak_funding_gbp", "gbp"),
    ):
        value = (investor.get(key) or {}).get("mean")
        if value is not None:
            rows.append((label, cell, value, kind, over))
    for at, (label, live, value, kind, note) in enumerate(rows, start=row + 1):
        sheet.text(at, 0, label)
        here, there = sheet.formula(at, 1, live, kind), sheet.number(at, 2, value, kind)
        sheet.formula(at, 3, here - there, kind)
        sheet.text(at, 4, note)


def _checks(sheet: Sheet, checks: Sequence[tuple[str, Live]]) -> Cell | None:
    """Write the checks, and return whether all hold."""
    if not checks:
        sheet.heading("Checks", MISSING)
        return None
    row = sheet.heading(
        "Checks",
        "Every line must be TRUE, whatever the inputs; only where money runs out in this mean case the line that says "
        "so is FALSE. Sums agree to half a penny.",
    )
    sheet.columns(74, 14, 14)
    sheet.line(row, ("Check", "Holds"), "head")
    held = []
    for at, (what, holds) in enumerate(checks, start=row + 1):
        sheet.text(at, 0, what)
        held.append(sheet.formula(at, 1, holds, "truth"))
    at = row + 1 + len(held)
    sheet.text(at, 0, "All of these", "total")
    return sheet.formula(at, 1, call("AND", all(c.value for c in held), span(held)), "truth", "total")


def _results(sheet: Sheet, summary: Part | None) -> None:
    """Write means and percentiles of the simulation."""
    if not summary:
        sheet.heading("Simulation results", MISSING)
        return
    row = sheet.heading(
        "Simulation results",
        f"Values from {summary['replications']:,} simulated contracts, seed {summary['seed']}; nothing calculates.",
        "P5 to P95: so many in a hundred simulated contracts lie at or below.",
    )
    sheet.columns(64, 18)
    sheet.line(row, ("What", *ROWS.values()))
    sheet.freeze(row + 1, 1)
    for path, found in _figures(summary, ()):
        row += 1
        sheet.text(row, 0, ": ".join(as_words(part) for part in path))
        kind = _kind(path)
        for col, key in enumerate(ROWS, start=1):
            if found.get(key) is not None:
                sheet.number(row, col, found[key], kind)


def _figures(found: Any, path: tuple[str, ...]) -> Iterator[tuple[tuple[str, ...], Part]]:
    """Give every figure with a mean, and every single number, with the keys that lead to it."""
    if isinstance(found, Mapping):
        if "mean" in found:
            yield path, found
            return
        for key, inner in found.items():
            name = inner.get("name", key) if isinstance(inner, Mapping) and path[:1] == ("boroughs",) else key
            yield from _figures(inner, (*path, str(name)))
    elif isinstance(found, float) or (isinstance(found, int) and not isinstance(found, bool) and len(path) > 1):
        yield path, {"mean": found}


def _kind(path: Sequence[str]) -> str:
    """Return the kind of number that a key's ending tells."""
    said = " ".join(path)
    if "gbp" in said:
        return "gbp"
    if any(word in said for word in ("share", "prob", "irr_of", " irr")):
        return "share" if "outcomes" not in said else "number"
    return "plain"


def _assumptions(sheet: Sheet, log: Part | None) -> None:
    """Write the assumptions log."""
    if not log:
        sheet.heading("Assumptions", MISSING)
        return
    row = sheet.heading("Assumptions", "Every input of the scenario, with its source; nothing here calculates.")
    keys = ("id", "name", "value", "low", "high", "distribution", "unit", "source", "date", "quality")
    sheet.columns(34, 54, 18, 12, 12, 14, 24, 60, 12, 12)
    sheet.line(row, [key.capitalize() for key in keys], "head")
    sheet.freeze(row + 1, 1)
    for at, entry in enumerate(log["assumptions"], start=row + 1):
        for col, key in enumerate(keys):
            _value(sheet, at, col, entry.get(key))


def _value(sheet: Sheet, row: int, col: int, value: Any) -> None:
    """Write a number as a number, and everything else as text."""
    if isinstance(value, int | float) and not isinstance(value, bool):
        sheet.page.write_number(row, col, value, sheet.book.format("words", "truth"))
    elif value not in (None, ""):
        sheet.text(row, col, value if isinstance(value, str) else json.dumps(value, ensure_ascii=False), "note")


def _cover(sheet: Sheet, head: Part, mean: Part, all_true: Cell | None) -> None:
    """Write what the workbook is, how to read it, and where it comes from."""
    row = sheet.heading(
        str(head.get("title") or mean.get("scenario") or "Business case"),
        "Workbook of the mean case: expected outcomes from a simulation, and what they pay, as live formulas.",
    )
    sheet.columns(26, 110)
    lines = [
        ("How to read it", ""),
        ("Change", "the inputs on the sheet Inputs. Payments, cash, returns and boroughs' savings follow."),
        ("Do not expect", "outcomes to follow: how many children stay at home comes from the simulation, as values."),
        ("Mean case", "caps bend what is paid, so the mean case is not the simulated mean; see Difference."),
        (
            "Checks",
            "if a line on Checks is FALSE, money runs out, a formula was overwritten or inputs are out of reach.",
        ),
        ("Colours", ""),
    ]
    for label, words in lines:
        sheet.text(row, 0, label, "section" if not words else "words")
        sheet.text(row, 1, words)
        row += 1
    for look, words in {
        "input": "blue on yellow, in a frame: an input, to be changed",
        "formula": "black, upright: a formula",
        "simulated": "grey, slanted: a value from the simulation or the scenario",
    }.items():
        sheet.number(row, 0, 1234.5, "gbp", look)
        sheet.text(row, 1, words, "aside")
        row += 1
    if all_true is not None:
        sheet.text(row + 1, 0, "All checks hold")
        sheet.formula(row + 1, 1, all_true, "truth")
    row += 3
    sheet.text(row, 0, "Where it comes from", "section")
    said = {
        "Scenario": head.get("scenario", mean.get("scenario")),
        "Program": f"edgeofcare {head['version']}" if "version" in head else None,
        "Scenario hash": head.get("scenario_sha256"),
        "Source hash": head.get("source_hash"),
        "Commit": head.get("commit"),
        "Made": head.get("made_utc"),
        "Platform": head.get("platform"),
        "Seed": head.get("seed", mean.get("seed")),
        "Simulated contracts": f"{head['replications']:,}" if "replications" in head else None,
        "In the mean case": f"{mean['replications']:,}" if "replications" in mean else None,
    }
    for label, value in said.items():
        if value is not None:
            row += 1
            sheet.text(row, 0, label)
            sheet.text(row, 1, str(value))
    row += 2
    sheet.text(row, 0, "Sheets", "section")
    for name, words in SHEETS.items():
        row += 1
        sheet.text(row, 0, name)
        sheet.text(row, 1, words)
