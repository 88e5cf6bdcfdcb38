"""The financial case: cash, by payer and financial year, and the investor's. In: parts of a case. Out: blocks.

It computes nothing but roundings, and holds no figure of the economic case. Must not know: formats, engines.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from edgeofcare.documents.document import Bullets, Heading, Paragraph, Table, table_of
from edgeofcare.documents.papers.chapters import Blocks, Case, figures, with_parts
from edgeofcare.documents.words import a_year, chance, count, how_many, in_hundred, percent, pounds, ratio, span

MOST_COLUMNS = 8


def financial_case(case: Case) -> Blocks:
    """Yield the chapter in cash: each payer, each financial year, and the investor."""
    yield Heading("Financial case: cash, borough by borough and year by year")
    yield Paragraph(
        "This chapter is in the pounds of each year, not discounted. A saving counts only as far as it can be taken "
        "out of a budget."
    )
    yield from figures(case, "payments", "net_saving", "bridge")
    yield Heading("Borough by borough", 3)
    yield from with_parts(case, "exposure", _by_borough)
    yield Heading("Year by year", 3)
    yield from with_parts(case, "exposure", _by_year)
    yield Heading("The investor", 3)
    yield from with_parts(case, "summary", _investor)


def _by_borough(case: Case) -> Blocks:
    found = case["exposure"]
    yield table_of(
        "Over the whole contract",
        (
            "Area",
            "Children who start",
            "Care cost avoided",
            "of it, from budgets",
            "Pays",
            "Worst year",
            "Better off by",
            "Better off in",
        ),
        [
            (
                row["name"],
                count(row["started"]["mean"]),
                pounds(row["avoided_gbp"]["nominal"]),
                pounds(row["avoided_gbp"]["cashable"]),
                pounds(row["payments_gbp"]["mean"]),
                pounds(row["worst_year_gbp"]["p95"]),
                pounds(row["net_saving_gbp"]["mean"]),
                chance(row["better_off_prob"], found["replications"]),
            )
            for row in found["boroughs"].values()
        ],
        "Averages. Worst year: the most paid in one financial year, which 1 in 20 simulated contracts exceed. "
        "Better off in: simulated contracts in which it saves more than it pays.",
    )
    held = found["contract"]["concentration"]
    if held["largest"] is not None and len(found["boroughs"]) > 1:
        name = found["boroughs"][held["largest"]]["name"]
        yield Paragraph(f"{name} pays the most: {percent(held['largest_share'])} of what boroughs pay.")
    yield from figures(case, "boroughs")


def _by_year(case: Case) -> Blocks:
    boroughs, years = case["exposure"]["boroughs"], case["exposure"]["financial_years"]
    if len(boroughs) == 1:
        yield _one_borough(next(iter(boroughs.values())), years, case["exposure"]["replications"])
    else:
        tables = (
            ("What each borough can expect to pay", lambda year: year["payments_gbp"]["mean"], ""),
            (
                "What to set aside",
                lambda year: year["payments_gbp"]["p95"],
                "A year costs more in 1 of 20 simulated contracts.",
            ),
            (
                "Saving so far, at the end of each year",
                lambda year: year["cumulative_net_saving_gbp"],
                "Care cost taken out of budgets less payments and own costs, added up since the start; average.",
            ),
        )
        for caption, value, note in tables:
            yield from _year_tables(boroughs, years, caption, value, note)
    yield from _budgets(boroughs)


def _year_tables(
    boroughs: Case, years: Sequence[str], caption: str, value: Callable[[Case], float], note: str
) -> Blocks:
    """Yield a table of boroughs by financial year, in as many parts as a page's width asks for."""
    for first in range(0, len(years), MOST_COLUMNS):
        shown = years[first : first + MOST_COLUMNS]
        part = "" if len(years) <= MOST_COLUMNS else f", {shown[0]} to {shown[-1]}"
        rows = [(row["name"], *(pounds(value(row["years"][year])) for year in shown)) for row in boroughs.values()]
        yield table_of(f"{caption}{part}", ("Area", *shown), rows, note)


def _one_borough(borough: Case, years: Sequence[str], n: int) -> Table:
    return table_of(
        f"{borough['name']} by financial year",
        ("Year", "Pays", "To set aside", "Taken out of budgets", "Saving", "Saving so far", "In credit in"),
        [
            (
                year,
                pounds(row["payments_gbp"]["mean"]),
                pounds(row["payments_gbp"]["p95"]),
                pounds(row["avoided_cashable_gbp"]),
                pounds(row["net_saving_gbp"]),
                pounds(row["cumulative_net_saving_gbp"]),
                chance(row["in_credit_prob"], n),
            )
            for year, row in ((year, borough["years"][year]) for year in years)
        ],
        "Averages. To set aside: a year costs more in 1 of 20 simulated contracts. In credit: it has saved more "
        "than it has paid so far.",
    )


def _budgets(boroughs: Case) -> Blocks:
    told = [
        f"{row['name']}: a budget of {pounds(row['budget']['gbp_per_year'])} a year is exceeded in some year in "
        f"{in_hundred(row['budget']['any_year_over_prob'])} simulated contracts."
        for row in boroughs.values()
        if "budget" in row
    ]
    if told:
        yield Bullets(tuple(told))


def _investor(case: Case) -> Blocks:
    investor, n = case["summary"]["investor"], case["summary"]["replications"]
    outcomes, rate = investor["irr_outcomes"], investor["irr_of_expected_flows"]
    if outcomes["not_needed"] == n:
        yield Paragraph("The investor's money is not needed.")
        return
    irr, multiple, peak = investor["irr"], investor["money_multiple"], investor["peak_funding_gbp"]
    yield Paragraph(
        "The internal rate of return (IRR) is the yearly interest at which a bank account with the same payments in "
        "and out would end empty. It says nothing about size: read it beside the profit."
    )
    rows = [
        ("Return on the average flows", "none" if rate is None else f"{percent(rate, 1)} a year", ""),
        ("Return of single simulated contracts, median", a_year(irr["p50"]), _spread(irr, lambda v: percent(v, 1))),
        ("What comes back for each £1 put in", ratio(multiple["mean"]), _spread(multiple, ratio)),
        (
            "Profit",
            pounds(investor["profit_gbp"]["mean"]),
            span(investor["profit_gbp"]["p10"], investor["profit_gbp"]["p90"]),
        ),
        ("Most in the contract at once", pounds(peak["mean"]), span(peak["p10"], peak["p90"])),
        ("Years until paid back, where it is", _years(investor["payback_years"]["mean"]), ""),
    ]
    yield table_of("What the investor puts in and gets back", ("", "Value", "Middle 80%"), rows)
    texts = [f"It loses money in {how_many(investor['loss_prob'], n)}."]
    if investor["never_paid_back_prob"]:
        texts.append(f"It is never paid back in {how_many(investor['never_paid_back_prob'], n)}.")
    if investor["cost_unpaid_prob"]:
        texts.append(f"Its money runs out, and costs stay unpaid, in {how_many(investor['cost_unpaid_prob'], n)}.")
    odd = {
        "none": "no rate solves the sum",
        "several": "several rates do",
        "total_loss": "all is lost",
        "not_needed": "no money is needed",
    }
    seen = [f"{words} in {outcomes[key]:,}" for key, words in odd.items() if outcomes[key]]
    texts.append(
        f"Of {n:,} simulated contracts, {outcomes['unique']:,} have one rate of return"
        + (f"; {', '.join(seen)}." if seen else ".")
    )
    yield Paragraph(" ".join(texts))
    yield from figures(case, "j_curve", "irr", "exceedance")


def _years(value: float | None) -> str:
    return "never" if value is None else f"{value:.1f}"


def _spread(stat: Case, words: Callable[[float | None], str]) -> str:
    low, high = words(stat["p10"]), words(stat["p90"])
    return "" if low == high else f"{low} to {high}"
