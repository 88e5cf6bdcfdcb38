"""Will the investor be paid? The answer, what would sink it, the pictures and the numbers. In: parts of a run.

Out: a `Document`. It computes nothing but roundings and counts. Must not know: formats, engines.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

from edgeofcare.documents.answers.stress import (
    INVESTOR_HEADS,
    PLANNED,
    investor_cells,
    stress_table,
    stress_words,
    what_it_is,
)
from edgeofcare.documents.document import (
    Block,
    Bullets,
    Callout,
    Document,
    Figure,
    Heading,
    Paragraph,
    Said,
    Table,
    table_of,
)
from edgeofcare.documents.papers.chapters import Blocks, Case, figures, payers, with_parts
from edgeofcare.documents.text_pages.contracts import own_contract
from edgeofcare.documents.text_pages.run import effect_words, warnings_in_short
from edgeofcare.documents.words import (
    how_many,
    pounds,
    said_chance,
    said_multiple,
    said_pounds,
    said_return,
    said_years,
    short_percent,
)
from edgeofcare.errors import OptionError
from edgeofcare.questions.stress import INVESTOR, Figures, StressRow, StressTable

Parts = Mapping[str, Any]
STRESSES = "stresses"  # the picture of them
EVEN = 0.5  # chance of a loss from which it is likelier than not
# Outcomes of money.irr that have no one rate to hold against a target, and are counted as missing it.
NO_SINGLE_RATE = ("none", "several")


def investor_document(parts: Parts, target_irr_per_year: float | None = None) -> Document:
    """Return whether and when the investor is paid, and what would stop it.

    parts: `summary` (of a run), and as far as they were made `series`, `stress`, `contracts` (for the tranches of
    the scenario's own contract) and `pictures` (of `investor_pictures`). target_irr_per_year: the return asked for,
    0.08 for 8%. Raises OptionError for a target that is not a rate.
    """
    summary = parts["summary"]
    scenario = summary["scenario"]
    made = f"{summary['replications']:,} simulated contracts, seed {summary['seed']}"
    return Document(
        title=f"Will the investor be paid? {scenario['title']}",
        subtitle=f"An outcomes contract for children on the edge of care, simulated. {made}.",
        blocks=tuple(dict.fromkeys(_told(parts, target_irr_per_year))),  # what is missing is told once
        footer=f"edgeofcare {summary['version']}; scenario {scenario['name']}, SHA-256 {scenario['sha256'][:12]}; "
        f"{made}.",
        keywords=("outcomes contract", "social impact bond", "investor", scenario["name"]),
    )


def _told(parts: Parts, target_irr_per_year: float | None) -> Blocks:
    yield from _answer(parts, target_irr_per_year)
    yield from _behind_it(parts, target_irr_per_year)


def _behind_it(parts: Parts, target_irr_per_year: float | None) -> Blocks:
    """Yield all that follows the answer."""
    case = _case(parts)
    needed = not _not_needed(parts["summary"])
    yield Heading("What would sink it")
    not_tried = Callout("Not tried. Choose stresses, then run again.", "missing")
    yield from _sinks(case) if "stress" in case else (not_tried,)
    if needed:
        yield Heading("When the money goes in and comes back")
        yield from figures(case, "j_curve")
        yield Heading("How the return may turn out")
        yield from figures(case, "irr", "exceedance")
    yield Heading("The numbers")
    yield _returns(parts, target_irr_per_year)
    yield from _tranches(parts)
    if "stress" in parts:
        table = stress_table(parts["stress"])
        yield _stresses(table, payers(parts, start=False))
        yield Heading("What each stress is", 3)
        yield Bullets(tuple(what_it_is(row) for row in _most_harmful_first(table)))
    yield Heading("How to read this")
    yield Bullets(tuple(_how_to_read(parts)))


def _case(parts: Parts) -> Case:
    """Return the parts with the head that a callout about a missing part names."""
    return {"case": {"scenario": parts["summary"]["scenario"]["name"]}, **parts}


# ---- the answer ----------------------------------------------------------------------------------------------------


def investor_answer(parts: Parts, target_irr_per_year: float | None = None) -> tuple[Block, ...]:
    """Return the answer alone, without a picture: quick enough to follow a slider. See `investor_document`."""
    return tuple(_answer(parts, target_irr_per_year))


def _answer(parts: Parts, target_irr_per_year: float | None) -> Blocks:
    summary = parts["summary"]
    if _not_needed(summary):
        yield Callout("The investor's money is not needed: payments come before the costs that they cover.")
    else:
        target = [] if target_irr_per_year is None else list(_target_words(parts, target_irr_per_year))
        yield Callout(" ".join([*_verdict(summary), *target]))
        if target_irr_per_year is not None and "series" in parts:
            yield Paragraph(_how_counted(parts["series"], target_irr_per_year))
    if target_irr_per_year is not None and "series" not in parts:
        yield from with_parts(_case(parts), "series", lambda _: iter(()))
    if summary["replications"] == 1:
        yield Callout("One simulated contract says nothing about chance: run more.", "warning")
    if warnings := warnings_in_short(summary):
        yield Callout(" ".join(warnings), "warning")


def _not_needed(summary: Case) -> bool:
    return bool(summary["investor"]["irr_outcomes"]["not_needed"] == summary["replications"])


def _verdict(summary: Case) -> Iterator[str]:
    """Yield yes or no, the chance of a loss, the return, the most that is in at once, and when it is back."""
    investor, n = summary["investor"], summary["replications"]
    lost, profit, rate = investor["loss_prob"], investor["profit_gbp"]["mean"], investor["irr_of_expected_flows"]
    if n > 1:
        yield (
            "Yes, on these assumptions it gets its money back."
            if not lost
            else "No, even on these assumptions it does not get all its money back."
            if lost == 1
            else "On these assumptions it probably gets its money back."
            if lost < EVEN
            else "Even on these assumptions it probably does not get all its money back."
        )
    yield f"{effect_words(summary)}, the investor loses money in {how_many(lost, n)}."
    earns = "no rate of return can be given" if rate is None else f"a return of {said_return(rate)} a year"
    yield f"It {'gains' if profit >= 0 else 'loses'} {pounds(abs(profit))} on average: {earns}."
    yield f"At most {pounds(investor['peak_funding_gbp']['mean'])} of its money is in at once, on average."
    yield from _paid_back(investor, n)
    if investor["cost_unpaid_prob"]:
        yield f"Its money runs out, and costs stay unpaid, in {how_many(investor['cost_unpaid_prob'], n)}."


def _paid_back(investor: Case, n: int) -> Iterator[str]:
    years, never = investor["payback_years"]["mean"], investor["never_paid_back_prob"]
    if years is None:
        yield f"It is paid back in {how_many(0, n)}."
    elif never:
        yield f"It is paid back after {years:.1f} years where it is, and never in {how_many(never, n)}."
    else:
        yield f"It is paid back after {years:.1f} years on average."


# ---- a return that is asked for ------------------------------------------------------------------------------------


def missed_count(series: Case, target_irr_per_year: float) -> int:
    """Return how many simulated contracts of a series return less than a target.

    All lost and no single rate count as missed; money that is not needed does not. Raises OptionError for a target
    that is not a rate.
    """
    if not (math.isfinite(target_irr_per_year) and target_irr_per_year > -1):
        raise OptionError(f"a target is a rate a year above -100%, such as 0.08 (got {target_irr_per_year}).")
    outcomes, rates = series["investor"]["irr_outcomes"], series["investor"]["irr"]
    reached = sum(rate >= target_irr_per_year for rate in rates)
    return int(sum(outcomes.values()) - outcomes["not_needed"] - reached)


def _missed_share(series: Case, target_irr_per_year: float) -> tuple[float, int]:
    """Return the share of simulated contracts that miss a target, and how many there are."""
    n = sum(series["investor"]["irr_outcomes"].values())
    return missed_count(series, target_irr_per_year) / n, n


def _target_words(parts: Parts, target: float) -> Iterator[str]:
    if "series" in parts:
        missed = how_many(*_missed_share(parts["series"], target))
        yield f"A return of at least {short_percent(target)} a year is missed in {missed}."
    if "stress" in parts:
        rows = stress_table(parts["stress"]).stresses
        short = sum(_misses(row.investor.irr_of_expected_flows.value, target) for row in rows)
        yield f"Under {short} of {len(rows)} stresses the average flows return less than that."


def _misses(rate: float | None, target: float) -> bool:
    return rate is None or rate < target


def _how_counted(series: Case, target: float) -> str:
    outcomes = series["investor"]["irr_outcomes"]
    single = sum(outcomes[key] for key in NO_SINGLE_RATE)
    return (
        f"How the {short_percent(target)} is counted: a simulated contract misses it if its yearly rate of return is "
        f"lower, if "
        f"all money is lost (here {outcomes['total_loss']:,}) or if no single rate exists (here {single:,}). One in "
        f"which the investor's money is not needed (here {outcomes['not_needed']:,}) does not miss it."
    )


def investor_headline(parts: Parts, target_irr_per_year: float | None = None) -> tuple[tuple[str, Said], ...]:
    """Return the few numbers to stand large: label, and the number in words. See `investor_document`."""
    investor, n = parts["summary"]["investor"], parts["summary"]["replications"]
    found = [
        ("Loses money in", said_chance(investor["loss_prob"], n)),
        ("Return a year, on the average flows", said_return(investor["irr_of_expected_flows"])),
        ("Profit, average", said_pounds(investor["profit_gbp"]["mean"])),
        ("Most in the contract at once, average", said_pounds(investor["peak_funding_gbp"]["mean"])),
        ("Paid back after, where it is", said_years(investor["payback_years"]["mean"])),
    ]
    if target_irr_per_year is not None and "series" in parts:
        missed = said_chance(*_missed_share(parts["series"], target_irr_per_year))
        found.append((f"Returns less than {short_percent(target_irr_per_year)} a year in", missed))
    return tuple(found)


# ---- cells ---------------------------------------------------------------------------------------------------------


# ---- what would sink it --------------------------------------------------------------------------------------------


def _most_harmful_first(table: StressTable) -> list[StressRow]:
    """Return the stresses by their harm to the investor, whoever the table was sorted for."""
    return sorted(table.stresses, key=lambda row: row.measure(INVESTOR).change or 0.0)


def _sinks(case: Case) -> Blocks:
    table = stress_table(case["stress"])
    if table.party == INVESTOR:
        yield from _on_fewer(table.replications, case["summary"]["replications"])
        yield Bullets(tuple(stress_words(replace(table, skipped={}))))
    if table.stresses:
        yield case["pictures"][STRESSES] if STRESSES in case.get("pictures", {}) else _stress_picture(table)


def _on_fewer(few: int, n: int) -> Blocks:
    if few < n:
        yield Paragraph(
            f"Stresses are tried on the first {few:,} of the {n:,} simulated contracts, so averages “as planned” "
            f"differ a little from those above. What a stress changes is measured with the same random draws."
        )


def _stress_picture(table: StressTable) -> Figure:
    from edgeofcare.documents.pictures.investor import stress_profits

    return stress_profits(table, _most_harmful_first(table))


def investor_pictures(parts: Parts) -> dict[str, Figure]:
    """Return the pictures of `investor_document` by name; given back to it as part `pictures`, none is drawn again."""
    case = _case(parts)
    names = ("j_curve", "irr", "exceedance") if "series" in parts and not _not_needed(parts["summary"]) else ()
    found = {name: block for name in names for block in figures(case, name) if isinstance(block, Figure)}
    if "stress" in parts and (table := stress_table(parts["stress"])).stresses:
        found[STRESSES] = _stress_picture(table)
    return found


def _stresses(table: StressTable, who: str) -> Table:
    n = table.replications
    left_out = [f"Left out, for it does not fit: {name} ({reason})" for name, reason in table.skipped.items()]
    notes = (
        f"Averages over {n:,} simulated contracts under each stress, with the same random draws, so that a change "
        f"comes from the stress. Target: {short_percent(table.target_irr_per_year)} a year. Return: on the "
        f"average flows. Owed at worst, never paid: costs of the service for which the money runs out. Change for "
        f"{who}: of the care cost that can be taken out of budgets, less their own payments and costs.",
        *left_out,
    )
    heads = ("Stress", "Investor's profit", "Change from plan", *INVESTOR_HEADS[1:], f"Change for {who}")
    rows: list[tuple[str, Figures]] = [(row.title, row) for row in _most_harmful_first(table)]
    return table_of(
        "Each stress, the most harmful to the investor first",
        heads,
        [_stress_row(title, row, n) for title, row in [(PLANNED, table.base), *rows]],
        " ".join(notes),
    )


def _stress_row(title: str, row: Figures, n: int) -> tuple[str, ...]:
    profit, *rest = investor_cells(row, n)
    change = row.investor.profit_gbp.change
    return title, profit, said_pounds(change), *rest, said_pounds(row.net_saving_gbp.change)


# ---- the numbers ---------------------------------------------------------------------------------------------------


def _returns(parts: Parts, target_irr_per_year: float | None) -> Table:
    investor, n = parts["summary"]["investor"], parts["summary"]["replications"]
    profit, peak, irr, multiple = (investor[key] for key in ("profit_gbp", "peak_funding_gbp", "irr", "money_multiple"))

    def row(label: str, stat: Case, said: Any, key: str = "mean") -> tuple[str, ...]:
        return (label, *(said(stat[k]) for k in (key, "p10", "p90")))

    rows = [
        row("Profit, average", profit, said_pounds),
        row("Most in the contract at once, average", peak, said_pounds),
        ("Return a year on the average flows", said_return(investor["irr_of_expected_flows"]), "", ""),
        row("Return a year of single contracts, middle one", irr, said_return, "p50"),
        row("What comes back for each £1 put in, average", multiple, said_multiple),
        row("Paid back after, where it is, average", investor["payback_years"], said_years),
        ("Loses money in", said_chance(investor["loss_prob"], n), "", ""),
        ("Never paid back in", said_chance(investor["never_paid_back_prob"], n), "", ""),
        ("Money runs out and costs stay unpaid in", said_chance(investor["cost_unpaid_prob"], n), "", ""),
    ]
    if target_irr_per_year is not None and "series" in parts:
        missed = said_chance(*_missed_share(parts["series"], target_irr_per_year))
        rows.append((f"Returns less than {short_percent(target_irr_per_year)} a year in", missed, "", ""))
    note = f"Over {n:,} simulated contracts. Low and high: 1 in 10 simulated contracts lies below, 1 in 10 above."
    return table_of("What the investor puts in and gets back", ("", "Value", "Low", "High"), rows, note)


def _tranches(parts: Parts) -> Blocks:
    """Yield what each part of the money earns, where the comparison of contracts holds the scenario's own in parts."""
    found = parts.get("contracts", {"scenario": "", "contracts": {}, "replications": 0})
    own, n = found["contracts"].get(own_contract(found)), found["replications"]
    if own is None or len(own["investor"]["tranches"]) == 1:
        return
    yield table_of(
        "Tranche by tranche",
        ("Tranche", "Profit, average", "Most in at once", "Return a year", "Back for each £1", "Loses money in"),
        [
            (
                name.replace("_", " ").capitalize(),
                said_pounds(one["profit_gbp"]["mean"]),
                said_pounds(one["peak_funding_gbp"]["mean"]),
                said_return(one["irr_of_expected_flows"]),
                said_multiple(one["money_multiple"]["mean"]),
                said_chance(one["loss_prob"], n),
            )
            for name, one in own["investor"]["tranches"].items()
        ],
        f"Averages over {n:,} simulated contracts. A tranche is a part of the money with its own place in the queue: "
        "one that is paid first risks less and earns less.",
    )


def _how_to_read(parts: Parts) -> Iterator[str]:
    yield (
        "A simulated contract is the whole contract lived once by the program, from the first referral to the last "
        "payment, with the chances of real life."
    )
    yield (
        "The rate of return (internal rate of return, IRR) is the yearly interest at which a bank account with the "
        "same payments in and out would end empty. It says nothing about size: read it beside the profit."
    )
    yield "Profit is all that comes back less all that is put in, in the pounds of each year, not discounted."
    if parts["summary"]["outer_draws"] == 1:
        yield "Ranges and chances show chance only, not doubt about the inputs: the stresses show what doubt can do."
    if "stress" in parts:
        yield "A stress changes one thing and leaves the rest as planned; nothing here says how likely a stress is."
    if "series" in parts:
        runs = sum(parts["series"]["investor"]["irr_outcomes"].values())
        if runs != parts["summary"]["replications"]:
            yield f"The pictures of the return and a target are counted over {runs:,} simulated contracts of their own."
