"""What would break the contract? The verdict of each stress, the figures behind it and what each stress is.

In: a `StressTable`. Out: a `Document`, its sentences and its tables. It computes nothing but roundings. Must not know:
formats, scenarios.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from edgeofcare.documents.document import (
    Block,
    Bullets,
    Callout,
    Document,
    Heading,
    Said,
    Table,
    table_of,
)
from edgeofcare.documents.words import (
    chance,
    gains,
    how_many,
    listed,
    lower,
    percent,
    pounds,
    said_chance,
    said_multiple,
    said_percent,
    said_points,
    said_pounds,
    said_return,
    saves,
    short_percent,
    things,
)
from edgeofcare.errors import RunFolderError
from edgeofcare.outcomes import Against
from edgeofcare.questions.stress import INVESTOR, PROVIDER, TOGETHER, TOP_UP, Figures, StressRow, StressTable
from edgeofcare.results import typed

PLANNED = "As planned"
INVESTOR_HEADS = (
    *("Investor's profit", "Return a year", "Misses its target in", "Loses money in"),
    *("Owed at worst", "Never paid"),
)
MOST_BOROUGHS = 12
NUMBERS = ("", "one thing", "two things", "three things")
SOME_UNPAID = 0.01  # chance from which a sentence names the bills that the provider waits for
Rows = Sequence[tuple[str, Figures]]


def stress_table(part: StressTable | Mapping[str, Any]) -> StressTable:
    """Return a stress table from a part of a case; raise RunFolderError for one of another version."""
    if isinstance(part, StressTable):
        return part
    try:
        return typed(StressTable, dict(part))
    except ValueError as error:
        raise RunFolderError("the part stress was made by another version. Remove it and make it again.") from error


def stress_document(table: StressTable) -> Document:
    """Return what each stress does to the party asked for and to everybody else, and what each stress is."""
    made = (
        f"{table.replications:,} simulated contracts under each stress, with the same random draws, seed {table.seed}"
    )
    return Document(
        title=f"What would break {table.title}?",
        subtitle=f"{made}; sorted by the harm to {table.party_name}.",
        blocks=tuple(_blocks(table)),
        footer=f"edgeofcare; scenario {table.scenario}; {made}.",
        keywords=("outcomes contract", "stress test", table.scenario),
    )


def _blocks(table: StressTable) -> Iterator[Block]:
    answer, *rest = stress_words(table)
    yield Callout(answer)
    if rest:
        yield Bullets(tuple(rest))
    both = table.party_name if table.party == INVESTOR else f"{table.party_name} and to the investor"
    yield Heading(f"What each stress does to {both}")
    yield party_table(table)
    if table.uncertain is not None:
        yield party_table(table, uncertain=True)
    yield Heading("What each stress does to care, payments and boroughs")
    yield everybody_table(table)
    yield chances_table(table)
    yield Heading("What each stress is")
    yield Bullets(tuple(what_it_is(row) for row in table.stresses))


# ---- the answer --------------------------------------------------------------------------------------------------


def stress_words(table: StressTable) -> list[str]:
    """Return the answer in sentences: what turns the verdict of the party, what else hurts, who loses unseen."""
    return [
        f"As planned, {fate(table, table.base)}.",
        *_in_doubt(table),
        *sink_words(table),
        *_others_lose(table),
        *(f"Left out, for it does not fit: {name} ({reason})" for name, reason in table.skipped.items()),
    ]


def _in_doubt(table: StressTable) -> Iterator[str]:
    if table.uncertain is not None:
        drawn = things(table.outer_draws, "set")
        yield f"With {drawn} of inputs drawn from their ranges, {fate(table, table.uncertain)}."


def turning(table: StressTable) -> str:
    """Return what turning the verdict of the party means, as part of a sentence: would ..."""
    if table.party == INVESTOR:
        return f"make the investor miss its target of {short_percent(table.target_irr_per_year)} a year on average"
    if table.party == PROVIDER:
        return "take the service below half of its places"
    return f"make {table.party_name} lose on average"


def sink_words(table: StressTable) -> Iterator[str]:
    """Yield what turns the verdict of the party, and what hurts most without doing so."""
    if not table.stresses:
        yield "No stress was tried."
        return
    rows = {row.name: row for row in table.stresses}
    said = {one.name: f"{lower(one.title)} ({fate(table, rows[one.name])})" for one in table.sinks.stresses}
    if table.sinks.sunk_as_it_stands:
        worse = f"what makes it worst: {'; '.join(said.values())}" if said else "none of these stresses makes it worse"
        yield f"No stress is needed to {turning(table)}; {worse}."
        return
    sunk = [said[one.name] for one in table.sinks.stresses if one.sunk]
    more = [name for name in table.sinks.all_that_sink if name not in said]
    others = sum(rows[name].kind != TOGETHER for name in more)
    if sunk and others:
        yield f"Of {len(sunk) + others} things that would {turning(table)}, the worst: {'; '.join(sunk)}."
    elif sunk:
        yield f"The {NUMBERS[len(sunk)]} that would {turning(table)}: {'; '.join(sunk)}."
    else:
        yield f"None of these stresses alone would {turning(table)}."
    if more:
        yield f"So would {'; '.join(lower(rows[name].title) for name in more)}."
    if rest := [said[one.name] for one in table.sinks.stresses if not one.sunk]:
        yield f"What hurts most without doing so: {'; '.join(rest)}."


def fate(table: StressTable, row: Figures) -> str:
    """Return what becomes of the party, as part of a sentence."""
    party, name, n = table.party, table.party_name, table.replications
    if party == PROVIDER:
        return f"{percent(row.places_used_share.value)} of the places of the teams are used{_unpaid(row, n)}"
    if party == TOP_UP:
        gain = row.top_up_gain_gbp.value or 0.0
        return (
            f"{name} pays {pounds(row.top_up_gbp.value)}, and its part of the care cost avoided is worth "
            f"{pounds(abs(gain))} {'more' if gain >= 0 else 'less'}"
        )
    if party == INVESTOR:
        return f"{investor_fate(row, table)}{_unpaid(row, n)}"
    borough = row.boroughs[party]
    saved, better = saves(borough.net_saving_gbp.value or 0.0), how_many(borough.better_off_prob.value or 0.0, n)
    return f"{name} {saved} on average, and is better off than doing nothing in {better}"


def investor_fate(row: Figures, table: StressTable) -> str:
    """Return what becomes of the investor: profit, chance of missing its target, chance of a loss."""
    investor, n = row.investor, table.replications
    missed, lost = investor.missed_target_prob.value or 0.0, investor.loss_prob.value or 0.0
    both = missed == lost
    rate = short_percent(table.target_irr_per_year)
    target = f"misses its target of {rate} a year {'and loses money ' if both else ''}in {how_many(missed, n)}"
    rest = "" if both else f" and loses money in {chance(lost, n)}"
    return f"the investor {gains(investor.profit_gbp.value or 0.0)} on average, {target}{rest}"


def _unpaid(row: Figures, n: int) -> str:
    """Return what is owed to the provider, where it is in more than 1 of 100 contracts."""
    prob = row.provider.waits_prob.value or 0.0
    if prob <= SOME_UNPAID:
        return ""
    worst, never = row.provider.owed_at_worst_gbp.value, row.investor.cost_unpaid_gbp.value or 0.0
    rest = f", {pounds(never)} of it never paid" if never > 0 else ""
    return f", with {pounds(worst)} owed to the provider at worst{rest}, in {how_many(prob, n)}"


def _others_lose(table: StressTable) -> Iterator[str]:
    """Yield the stresses under which the boroughs lose while the investor still meets its target."""
    unseen = [row.title for row in table.stresses if _keeps(row) and (row.net_saving_gbp.value or 0.0) < 0]
    if unseen and (table.base.net_saving_gbp.value or 0.0) >= 0:
        yield (
            "The investor still meets its target on average while the boroughs together would be better off without "
            f"the contract: {'; '.join(map(lower, unseen))}."
        )


def _keeps(row: Figures) -> bool:
    """Return whether the investor meets its target on average."""
    return (row.investor.npv_gbp.value or 0.0) >= 0


# ---- tables ------------------------------------------------------------------------------------------------------


def party_table(table: StressTable, uncertain: bool = False) -> Table:
    """Return what each stress does to the party and to the investor. uncertain: with the inputs drawn."""
    n, drawn = table.replications, f"{table.outer_draws:,} sets of inputs drawn from their ranges"
    caption = f"With {drawn}: chance and what is not known" if uncertain else "By chance alone, inputs as written"
    errors = f"between the {drawn}" if uncertain else "of a difference with the same random draws"
    notes = (
        f"Change for {table.party_name}: of {_measure_words(table)}, from the scenario as planned; ±: its standard "
        f"error, {errors}. Target: {short_percent(table.target_irr_per_year)} a year. Return: on the average flows. "
        "Owed at worst, never paid: costs of the service for which the money runs out, on average.",
        *(() if uncertain else _notes(table)),
    )
    return table_of(
        caption,
        (
            "Stress",
            f"Change for {table.party_name}",
            "±",
            *INVESTOR_HEADS,
        ),
        [
            (name, *_change(row.measure(table.party), table), *investor_cells(row, n))
            for name, row in _rows(table, uncertain)
        ],
        " ".join(notes),
    )


def _rows(table: StressTable, uncertain: bool = False) -> Rows:
    """Return the scenario as planned and every stress, by their names for people."""
    rows: list[tuple[str, Figures | None]] = [
        (row.title, row.uncertain if uncertain else row) for row in table.stresses
    ]
    planned = table.uncertain if uncertain else table.base
    return [(name, row) for name, row in [(PLANNED, planned), *rows] if row is not None]


def investor_cells(row: Figures, n: int) -> tuple[Said, ...]:
    """Return the investor's figures in the order of INVESTOR_HEADS."""
    investor = row.investor
    return (
        said_pounds(investor.profit_gbp.value),
        said_return(investor.irr_of_expected_flows.value),
        said_chance(investor.missed_target_prob.value or 0.0, n),
        said_chance(investor.loss_prob.value or 0.0, n),
        said_pounds(row.provider.owed_at_worst_gbp.value),
        said_pounds(investor.cost_unpaid_gbp.value),
    )


def _change(found: Against, table: StressTable) -> tuple[Said, Said]:
    if table.party == PROVIDER:
        return said_points(found.change, 1), said_percent(found.se, 1)
    return said_pounds(found.change, change=True), said_pounds(found.se)


def _measure_words(table: StressTable) -> str:
    words = {
        INVESTOR: "its net present value at its target rate",
        PROVIDER: "the places used",
        TOP_UP: "its part of the cashable care cost avoided less what it pays",
    }
    return words.get(table.party, "its net saving")


def _notes(table: StressTable) -> Iterator[str]:
    if drawn := [row.title for row in table.stresses if row.outer_draws > 1]:
        yield f"{listed(drawn)}: several outer draws; the error is that between draws."
    for row in table.stresses:
        if not row.targets_met:
            yield f"{row.title}: the claim is out of reach under it; the nearest was taken."
        if row.left_out:
            yield f"{row.title}: without {listed([*row.left_out])}, which does not fit."


def everybody_table(table: StressTable) -> Table:
    """Return what each stress does to care, payments, boroughs, money needed and places used."""
    top_up = table.party == TOP_UP or bool(table.base.top_up_gbp.value)

    def cells(row: Figures) -> tuple[str, ...]:
        return (
            said_pounds(row.avoided_cost_gbp.value),
            said_pounds(row.payments_gbp.value),
            *((said_pounds(row.top_up_gbp.value),) if top_up else ()),
            said_pounds(row.net_saving_gbp.value),
            said_multiple(row.investor.money_multiple.value),
            said_pounds(row.investor.peak_funding_gbp.value),
            said_percent(row.places_used_share.value),
        )

    return table_of(
        "Averages over simulated contracts",
        (
            *("Stress", "Care cost avoided", "Paid for outcomes", *(("of it top-up",) if top_up else ())),
            *("Boroughs' net saving", "Back for each £1 put in", "Most in at once", "Places used"),
        ),
        [(name, *cells(row)) for name, row in _rows(table)],
        "Boroughs' net saving: cashable care cost avoided less their own payments and costs. Places used: of those "
        "planned.",
    )


def chances_table(table: StressTable) -> Table:
    """Return each borough's chance to be better off than doing nothing under each stress."""
    shown = {slug: borough.name for slug, borough in [*table.base.boroughs.items()][:MOST_BOROUGHS]}
    left = len(table.base.boroughs) - len(shown)
    return table_of(
        "Chance that each borough is better off than doing nothing",
        ("Stress", *shown.values()),
        [
            (name, *(said_percent(row.boroughs[slug].better_off_prob.value) for slug in shown))
            for name, row in _rows(table)
        ],
        f"{things(left, 'borough')} more in --json." if left else "",
    )


def what_it_is(row: StressRow) -> str:
    """Return what a stress is, what it is made of and who says so."""
    words = " ".join(row.description.split())
    dated = f", {row.date}" if row.date else ""
    parts = f" Made of {listed(row.together)}." if row.together else ""
    return f"{row.title} ({row.name}){f': {words}' if words else '.'}{parts} Basis: {row.quality}; {row.source}{dated}."
