"""The management case: running it, what could go wrong, how far the model can be trusted. In: parts of a case.

Out: blocks. It computes nothing but roundings. Must not know: formats, engines.
"""

from __future__ import annotations

from dataclasses import replace

from edgeofcare.documents.answers.stress import everybody_table, party_table, stress_table, stress_words
from edgeofcare.documents.document import Bullets, Heading, Paragraph, Table, table_of
from edgeofcare.documents.papers.assurance_logs import backtest_counts
from edgeofcare.documents.papers.chapters import Blocks, Case, drivers, figures, inputs_of, with_parts
from edgeofcare.documents.words import amount, day, percent, pounds, slug_words
from edgeofcare.inputs.published import reference_file

MOST_DRIVERS = 8


def management_case(case: Case) -> Blocks:
    """Yield the chapter on running it: teams, what could go wrong, how far to trust the model, and the end."""
    yield Heading("Management case: running it, and what could go wrong")
    yield Heading("Teams and waiting", 3)
    yield from with_parts(case, "series", _teams)
    yield Heading("What would sink the deal", 3)
    yield from with_parts(case, "stress", _stresses)
    yield Heading("What would change the answer", 3)
    yield from with_parts(case, "tornado", _tornado)
    yield Heading("How far the model can be trusted", 3)
    yield from with_parts(case, "backtest", _backtest)
    yield Heading("When the contract ends", 3)
    yield from with_parts(case, "summary inputs", _exit)
    yield Heading("Wider benefits, not counted", 3)
    yield from _wider_benefits(case)


def _teams(case: Case) -> Blocks:
    series = case["series"]
    used = {slug: team["slots_used_share"] for slug, team in series["teams"].items()}
    waits = {row["name"]: row["waiting_days"] for row in series["boroughs"].values() if row["waiting_days"] is not None}
    told = ", ".join(f"{slug_words(slug)} {percent(share)}" for slug, share in used.items())
    yield Paragraph(f"Share of each team's places that is used over the contract: {told}.")
    if waits:
        longest = max(waits, key=lambda name: waits[name])
        days = f"{waits[longest]:,.0f} day{'' if round(waits[longest]) == 1 else 's'}"
        yield Paragraph(f"The longest average wait before therapy is {days}, in {longest}.")
    yield from figures(case, "teams")


def _stresses(case: Case) -> Blocks:
    table = stress_table(case["stress"])
    yield Paragraph(
        f"{len(table.stresses)} things that could go wrong were each simulated ({table.replications:,} simulated "
        f"contracts) and compared with the case as planned."
    )
    yield Bullets(tuple(stress_words(replace(table, skipped={}))))
    if table.skipped:
        yield Paragraph(f"Not simulated, as they do not fit this case: {', '.join(map(slug_words, table.skipped))}.")
    yield party_table(table)
    if table.uncertain is not None:
        yield party_table(table, uncertain=True)
    yield everybody_table(table)


def _tornado(case: Case) -> Blocks:
    found = case["tornado"]
    rows = list(drivers(case, MOST_DRIVERS))
    if not rows:
        yield Paragraph("No input, moved alone within its range, moves the investor's expected gain.")
        return
    yield Paragraph(
        f"Each input was moved alone to the low and the high end of its range. The investor's expected gain, now "
        f"{pounds(found['base'])}, moves most with the first:"
    )
    yield table_of(
        "What moves the investor's expected gain most",
        ("Input", "Now", "Low", "High", "Gain at low", "Gain at high"),
        rows,
        f"{found['replications']:,} simulated contracts at each end, all on the same luck.",
    )
    yield from figures(case, "tornado")


def _backtest(case: Case) -> Blocks:
    found = case["backtest"]
    inside, outside, bounds = backtest_counts(found)
    total = inside + outside + bounds
    yield Paragraph(
        f"The model was asked to reproduce what two real contracts, in London and in Essex, published. {total} of the "
        f"figures were not used to set it up. {inside} of them lie inside the range that it gives for 90% of cases, "
        f"{outside} outside, and {bounds} {'is a limit' if bounds == 1 else 'are limits'} that it keeps. Some figures "
        f"stand twice, under two readings."
    )
    misses = [line for line in found["lines"] if line["kind"] == "predicted" and line["verdict"] == "outside"]
    if misses:
        yield Table(
            "Where it is wrong, and why",
            ("Figure", "Published", "Model", "Why"),
            tuple(
                (
                    line["figure"],
                    amount(line["published"], line["unit"]),
                    amount(line["mean"], line["unit"]),
                    line["explanation"],
                )
                for line in misses
            ),
            numeric=(False, True, True, False),
        )
    for early in found["early_shares"]:
        if early["scenario"] == case["case"]["scenario"]:
            yield Paragraph(
                f"Beware of early results. By {day(early['on'])} the model shows {percent(early['early_therapy'])} of "
                f"tracked days out of care with therapy, in the end {percent(early['final_therapy'])}: children who "
                f"will enter care have not yet done so."
            )


def _exit(case: Case) -> Blocks:
    inputs, avoided = inputs_of(case), case["summary"]["avoided_cost_gbp"]
    therapists = sum(value for path, value in inputs.items() if path.endswith(".n_therapists"))
    yield Paragraph(
        f"The contract pays for {therapists} therapists until {day(inputs['clock.delivery_end'])} and for nobody "
        "after. Families in therapy finish it; families who would be referred after "
        f"{day(inputs['clock.referrals_until'])} are not served. The case holds no money for redundancy, for keeping "
        "a team, or for another service: each area must decide on those before the last year of referrals."
    )
    yield Paragraph(
        f"Children are tracked and counted only for a time. Were the difference between the two lives of each child "
        f"counted until the child is 18, care worth {pounds(avoided['to_18']['mean'])} would be avoided instead of "
        f"{pounds(avoided['nominal']['mean'])}. Nobody has observed that it lasts, so it is not in the answer."
    )


def _wider_benefits(case: Case) -> Blocks:
    yield Paragraph("These may follow. Nobody has shown how much would, so none is in any total of this report.")
    rows = reference_file("wider_benefits")["benefit"]
    yield Table(
        "What else may be at stake",
        ("Benefit", "What is at stake", "Caution", "Source"),
        tuple((row["name"], row["at_stake"], row["caution"], _source(row)) for row in rows),
        numeric=(False, False, False, False),
    )


def _source(row: Case) -> str:
    return f"{row['source']}{'' if row['read_in_source'] else ' (as quoted elsewhere)'}"
