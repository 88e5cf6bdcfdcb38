"""The business case of a finished case, in plain words: the answer first, then the five cases, then the logs.

In: the parts of a case. Out: a `Document`. It computes nothing but roundings; a part that was not run is a callout
that says how to make it. Must not know: formats, engines, how a number came about.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace

from edgeofcare.documents.answers.stress import investor_fate, sink_words, stress_table
from edgeofcare.documents.document import Block, Bullets, Callout, Document, Heading, Paragraph, Said, Table, table_of
from edgeofcare.documents.papers.assurance_logs import assumptions_log, backtest_counts, provenance, quality_log
from edgeofcare.documents.papers.chapters import (
    Blocks,
    Case,
    drivers,
    has_effect,
    payers,
    study,
    third_person,
    with_parts,
)
from edgeofcare.documents.papers.commercial import commercial_case
from edgeofcare.documents.papers.economic import economic_case
from edgeofcare.documents.papers.financial import financial_case
from edgeofcare.documents.papers.management import management_case
from edgeofcare.documents.papers.strategic import strategic_case
from edgeofcare.documents.text_pages.run import effect_words, savers_words, worth_words
from edgeofcare.documents.words import better_off, chance_with_error, how_many, lower, middle, percent, pounds, ratio
from edgeofcare.questions.stress import StressTable

PICTURES_ON_ONE_PAGE = 2


def business_case(case: Case) -> Document:
    """Return the whole business case. case: parts by name, as read by `read_case`; `case` itself is the head."""
    blocks = tuple(_once(block for chapter in CHAPTERS for block in chapter(case)))
    head = case["case"]
    made = f"{head['replications']:,} simulated contracts, seed {head['seed']}"
    return Document(
        title=f"Business case: {head['title']}",
        subtitle=f"An outcomes contract for children on the edge of care, simulated. {made}.",
        blocks=blocks,
        footer=f"edgeofcare {head['version']}; scenario {head['scenario']}, SHA-256 "
        f"{head.get('scenario_sha256', '')[:12]}; {made}.",
        keywords=("outcomes contract", "social impact bond", "edge of care", head["scenario"]),
        stamp="ALTERED" if head.get("altered") else "",
    )


def in_one_page(document: Document) -> Document:
    """Return the answer of a business case with its first pictures, and a list of what the whole of it holds."""
    second = [i for i, block in enumerate(document.blocks) if isinstance(block, Heading) and block.level == 2][1:2]
    rest = Bullets(document.chapters[1:])
    shown = (*document.blocks[: second[0] if second else None], *document.figures[:PICTURES_ON_ONE_PAGE])
    return replace(document, blocks=(*shown, Heading("What the whole report holds"), rest))


def business_headline(case: Case) -> tuple[tuple[str, Said], ...]:
    """Return the key figures of a case by label, averages over its simulated contracts."""
    if "summary" not in case:
        return ()
    summary = case["summary"]
    investor, rate = summary["investor"], summary["investor"]["irr_of_expected_flows"]
    amounts = {
        "Cost of care avoided": summary["avoided_cost_gbp"]["nominal"]["mean"],
        "of it, what can be taken out of budgets": summary["avoided_cost_gbp"]["cashable"]["mean"],
        "Paid for outcomes": summary["payments_gbp"]["total"]["mean"],
        "Cost of the service": summary["service_cost_gbp"]["mean"],
        "Investor's profit": investor["profit_gbp"]["mean"],
        "Most the investor has in at once": investor["peak_funding_gbp"]["mean"],
    }
    shares = {
        "Investor's return a year, on average flows": Said(percent(rate, 1), rate, "share"),
        "Investor loses in": Said(percent(investor["loss_prob"]), investor["loss_prob"], "share"),
    }
    return (*((label, Said(pounds(gbp), gbp, "gbp")) for label, gbp in amounts.items()), *shares.items())


def _once(blocks: Blocks) -> Blocks:
    """Yield blocks, but tell only once that a part is missing."""
    seen: set[Block] = set()
    for block in blocks:
        if isinstance(block, Callout) and block.kind == "missing":
            if block in seen:
                continue
            seen.add(block)
        yield block


# ---- the answer ----------------------------------------------------------------------------------------------------


def _answer(case: Case) -> Blocks:
    yield Heading("The answer in one page")
    yield from (Callout(text, "warning") for text in case["case"].get("warnings", ()))
    yield from with_parts(case, "summary", _answer_page)


def _answer_page(case: Case) -> Blocks:
    summary = case["summary"]
    paid, cost = summary["payments_gbp"]["total"], summary["service_cost_gbp"]
    yield Callout(
        f"{effect_words(summary)}, {worth_words(summary['avoided_cost_gbp']['nominal']['mean'])}. "
        f"{pounds(paid['mean'])} is paid for outcomes, and the service costs {pounds(cost['mean'])}. "
        f"{savers_words(summary).strip()}"
    )
    lines = (
        _payers_in_short,
        _investor_in_short,
        _if_nothing,
        _sink_in_short,
        _payers_lose,
        _driver_in_short,
        _trust_in_short,
    )
    yield Bullets(tuple(text for line in lines for text in line(case)))
    if summary["outer_draws"] == 1:
        yield from with_parts(case, "uncertain", _with_doubt)
    yield Paragraph(
        f"A simulated contract is the whole contract lived once by the program, from the first referral to the last "
        f"payment, with the chances of real life. {summary['replications']:,} were lived. A range such as “middle 80%” "
        f"leaves out the lowest and the highest tenth of them."
        + (" Ranges show chance only, not doubt about the inputs." if summary["outer_draws"] == 1 else "")
    )


def _with_doubt(case: Case) -> Blocks:
    yield two_columns(case["summary"], case["uncertain"])


def two_columns(alone: Case, drawn: Case) -> Table:
    """Return the main figures by chance alone, and by chance and what is not known of the inputs."""
    sides = (alone, drawn)

    def amounts(read: Callable[[Case], Case]) -> tuple[str, str]:
        return tuple(  # type: ignore[return-value]
            f"{pounds(stat['mean'])}{middle(stat['p10'], stat['p90'])}" for stat in map(read, sides)
        )

    def chances(read: Callable[[Case], Case]) -> tuple[str, str]:
        return tuple(chance_with_error(read(side)) for side in sides)  # type: ignore[return-value]

    def in_all(side: Case) -> str:
        draws = f" over {side['outer_draws']:,} sets of inputs" if side["outer_draws"] > 1 else ""
        return f"{side['replications']:,} simulated contracts{draws}"

    rows = [
        ("Cost of care avoided", *amounts(lambda s: s["avoided_cost_gbp"]["nominal"])),
        ("Paid for outcomes", *amounts(lambda s: s["payments_gbp"]["total"])),
        ("Net saving of all who pay by outcome", *amounts(lambda s: s["net_saving_gbp"])),
        ("They save more than they pay in", *chances(lambda s: s["net_saving_chance"])),
        ("Investor's profit", *amounts(lambda s: s["investor"]["profit_gbp"])),
        ("Investor misses its target in", *chances(lambda s: s["investor"]["misses_target_chance"])),
        ("Investor loses money in", *chances(lambda s: s["investor"]["loss_chance"])),
    ]
    return table_of(
        "By chance alone, and with what is not known",
        ("Average, middle 80%", "Chance only: every input as written", "Chance and what is not known"),
        rows,
        f"Chance only: {in_all(alone)}, if every input is as written. The other: {in_all(drawn)}, drawn from the "
        f"ranges that the scenario gives, targets met again in each; ± is one standard error, between sets of inputs.",
    )


def _payers_in_short(case: Case) -> Iterator[str]:
    if "exposure" not in case:
        return
    found, s = case["exposure"]["contract"], third_person(case)
    net = found["net_saving_gbp"]
    yield (
        f"{payers(case)} pay{s} {pounds(found['payments_gbp']['mean'])} and end{s} up "
        f"{better_off(net['mean'])}{middle(net['p10'], net['p90'])}, counting only care costs that can "
        f"be taken out of budgets."
    )


def _investor_in_short(case: Case) -> Iterator[str]:
    investor, n = case["summary"]["investor"], case["summary"]["replications"]
    if investor["irr_outcomes"]["not_needed"] == n:
        yield "The investor's money is not needed."
        return
    profit = investor["profit_gbp"]["mean"]
    yield (
        f"The investor puts in at most {pounds(investor['peak_funding_gbp']['mean'])} at once, "
        f"{'gains' if profit >= 0 else 'loses'} {pounds(abs(profit))} on average, and loses money in "
        f"{how_many(investor['loss_prob'], n)}."
    )


def _stresses(case: Case) -> StressTable | None:
    return stress_table(case["stress"]) if "stress" in case else None


def _if_nothing(case: Case) -> Iterator[str]:
    """Tell what becomes of everybody if the therapy does nothing; not said of a scenario that assumes it."""
    table = _stresses(case)
    row = next((row for row in table.stresses if row.name == "no_effect"), None) if table else None
    if row is None or table is None or not has_effect(case):
        return
    yield (
        f"If therapy does nothing, {pounds(row.payments_gbp.value)} is still paid: "
        f"{payers(case, start=False)} end{third_person(case)} up "
        f"{better_off(row.net_saving_gbp.value or 0.0)}, and {investor_fate(row, table)}."
    )


def _sink_in_short(case: Case) -> Iterator[str]:
    if table := _stresses(case):
        yield next(sink_words(table))


def _payers_lose(case: Case) -> Iterator[str]:
    """Tell the stresses under which the payers would be better off without the contract."""
    table = _stresses(case)
    if table is None or (table.base.net_saving_gbp.value or 0.0) < 0:
        return
    worse = [row.title for row in table.stresses if (row.net_saving_gbp.value or 0.0) < 0]
    if worse:
        told = "; ".join(map(lower, worse))
        yield f"{payers(case)} would be better off without the contract on average if any of these came true: {told}."


def _driver_in_short(case: Case) -> Iterator[str]:
    rows = list(drivers(case, 1)) if "tornado" in case else []
    for words, value, low, high, at_low, at_high in rows:
        yield (
            f"What matters most to the investor's gain is “{words}”, now {value}: at {low} the gain is {at_low}, at "
            f"{high} it is {at_high}."
        )


def _trust_in_short(case: Case) -> Iterator[str]:
    start = study("start")
    claim = "The effect is a claim. " if has_effect(case) else ""
    yield (
        f"{claim}The largest English trial of multisystemic therapy found the odds of being placed away from home to "
        f"be {ratio(start['odds_ratio'])} times those without it ({start['ci_low']} to {start['ci_high']}; 1 is "
        "no effect)."
    )
    if "backtest" in case:
        inside, outside, bounds = backtest_counts(case["backtest"])
        kept = f"{bounds} published limit{' is' if bounds == 1 else 's are'} kept, " if bounds else ""
        yield (
            f"Of {inside + outside + bounds} published results of real contracts that the model was not fitted to, "
            f"{inside} lie inside its range, {kept}and {outside} do not agree."
        )


# ---- logs ----------------------------------------------------------------------------------------------------------


def _logs(case: Case) -> Blocks:
    yield Heading("Assumptions log")
    yield from with_parts(case, "assumptions", _assumptions)
    yield Heading("Quality log")
    yield quality_log(case)
    yield Heading("Provenance")
    yield provenance(case)


def _assumptions(case: Case) -> Blocks:
    counts = case["assumptions"]["counts"]
    yield Paragraph(
        f"Of {sum(counts.values())} inputs with a source, {counts['judgement']} are judgements, {counts['research']} "
        f"come from research and {counts['data']} from official data."
    )
    yield assumptions_log(case)


CHAPTERS: tuple[Callable[[Case], Blocks], ...] = (
    _answer,
    strategic_case,
    economic_case,
    commercial_case,
    financial_case,
    management_case,
    _logs,
)
