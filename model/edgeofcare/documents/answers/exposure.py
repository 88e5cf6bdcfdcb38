"""What a contract means for each borough, as one document: words, year by year, and what if. In: an `ExposureAnswer`.

Out: a `Document`. It computes nothing but roundings. Must not know: scenarios, engines, formats.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from edgeofcare.documents.answers.join_words import average, credit_words
from edgeofcare.documents.document import Block, Bullets, Callout, Document, Heading, Table, table_of
from edgeofcare.documents.words import (
    capital,
    of_hundred,
    per_pound,
    percent,
    pounds,
    said_chance_percent,
    said_pounds,
    saves,
    things,
)
from edgeofcare.questions.exposure import BoroughExposure, Difference, ExposureAnswer, InDoubt, Year

WHAT_IF_WORDS = {
    "referrals_50_percent_more": "half as many families again are referred",
    "referrals_50_percent_fewer": "half as many families are referred",
    "no_effect": "therapy does nothing",
    "half_effect": "therapy does half of what is claimed",
    "english_trial": "therapy does as the English trial found (odds ratio 1.25, more care)",
    "prices_20_percent_lower": "care costs a fifth less",
    "prices_20_percent_higher": "care costs a fifth more",
}
YEARS_HEAD = (
    "Financial year",
    "Pays, average",
    "Pays, dearest 1 in 10",
    "Pays, dearest 1 in 20",
    "Care avoided",
    "Of it cashable",
    "Net saving",
    "Net saving so far",
    "In credit in",
)


def exposure_document(found: ExposureAnswer, only: Sequence[str] = ()) -> Document:
    """Return what each borough pays, saves and risks. only: slugs of the boroughs to show; all if empty."""
    made = f"{things(found.replications, 'simulated contract')}, seed {found.seed}"
    return Document(
        title=f"What {found.scenario} means for each borough",
        subtitle=f"{made}.",
        blocks=tuple(_blocks(found, [slug for slug in found.boroughs if not only or slug in only])),
        footer=f"edgeofcare exposure; scenario {found.scenario}; {made}.",
        keywords=("outcomes contract", "exposure", found.scenario),
    )


def _blocks(found: ExposureAnswer, shown: Sequence[str]) -> Iterator[Block]:
    yield Callout(_answer(found, shown))
    names = {slug: borough.name for slug, borough in found.boroughs.items()}
    for slug in shown:
        borough = found.boroughs[slug]
        yield Heading(borough.name)
        yield Bullets(tuple(_borough_words(borough)))
        if borough.uncertain is not None:
            yield _doubt_table(borough, borough.uncertain, found.outer_draws)
        yield years_table(borough.name, borough.years)
        if borough.what_if:
            yield _what_if_table(borough.name, borough.what_if, names)


# ---- words ---------------------------------------------------------------------------------------------------------


def _answer(found: ExposureAnswer, shown: Sequence[str]) -> str:
    return " ".join([*(_verdict(found.boroughs[slug]) for slug in shown), _concentration(found)])


def _verdict(borough: BoroughExposure) -> str:
    return (
        f"{borough.name} {saves(average(borough.net_saving_gbp))} on average and is better off than without the "
        f"contract in {of_hundred(borough.better_off_prob)} simulated contracts."
    )


def _concentration(found: ExposureAnswer) -> str:
    held = found.contract.concentration
    if held.largest is None:
        return "Boroughs pay nothing."
    return (
        f"{found.boroughs[held.largest].name} pays {percent(held.largest_share)} of what boroughs pay; payments are "
        f"spread as over {held.effective_boroughs:.1f} boroughs of equal size."
    )


def _borough_words(borough: BoroughExposure) -> Iterator[str]:
    worst, back = borough.worst_year_gbp, borough.benefit_cost_ratio
    yield (
        f"Its worst year costs {pounds(worst.p50)} typically, and {pounds(worst.p95)} or more in one contract in "
        f"twenty ({pounds(worst.expected_shortfall)} on average there)."
    )
    yield credit_words(borough.name, borough)
    yield (
        f"Against a life with other random draws it would look better off in "
        f"{of_hundred(borough.better_off_prob_independent_arms)} simulated contracts."
    )
    yield (
        f"For each pound, {per_pound(back.borough)} comes back to the borough, {per_pound(back.public_purse)} to the "
        f"public purse and {per_pound(back.social)} to society; with optimism taken off, "
        f"{per_pound(back.borough_optimism_off)}, {per_pound(back.public_purse_optimism_off)} and "
        f"{per_pound(back.social_optimism_off)}."
    )
    yield f"Of the weeks out of care, {percent(borough.deadweight_share)} would have come without therapy."
    if borough.budget is not None:
        yield (
            f"A budget of {pounds(borough.budget.gbp_per_year)} a year is exceeded in some year in "
            f"{of_hundred(borough.budget.any_year_over_prob)} simulated contracts."
        )


# ---- tables --------------------------------------------------------------------------------------------------------


def years_table(name: str, years: Mapping[str, Year], note: str = "") -> Table:
    """Return what a borough pays and saves, by financial year. note: said before what the columns are."""
    rows = [
        (
            year,
            *map(said_pounds, (row.payments_gbp.mean, row.payments_gbp.p90, row.payments_gbp.p95)),
            *map(said_pounds, (row.avoided_nominal_gbp, row.avoided_cashable_gbp)),
            *map(said_pounds, (row.net_saving_gbp, row.cumulative_net_saving_gbp)),
            said_chance_percent(row.in_credit_prob),
        )
        for year, row in years.items()
    ]
    columns = (
        "Dearest 1 in 10: in one simulated contract in ten it pays this much or more in that year. In credit: the "
        "share of simulated contracts in which it has saved more than it has paid so far."
    )
    return table_of(f"{name} by year, £", YEARS_HEAD, rows, f"{note} {columns}".strip())


def _doubt_table(borough: BoroughExposure, drawn: InDoubt, outer_draws: int) -> Table:
    """Return the main figures twice: chance only, and with the uncertain inputs drawn as well."""
    rows: list[tuple[str, ...]] = [
        ("Pays, average", said_pounds(borough.payments_gbp.mean), said_pounds(drawn.payments_gbp.mean)),
        ("Net saving, average", said_pounds(borough.net_saving_gbp.mean), said_pounds(drawn.net_saving_gbp.mean)),
        ("Net saving, 1 in 20 lower", said_pounds(borough.net_saving_gbp.p5), said_pounds(drawn.net_saving_gbp.p5)),
        ("Worst year, dearest 1 in 20", said_pounds(borough.worst_year_gbp.p95), said_pounds(drawn.worst_year_gbp.p95)),
        ("Better off in", said_chance_percent(borough.better_off_prob), said_chance_percent(drawn.better_off_prob)),
    ]
    if borough.budget is not None and drawn.budget is not None:
        chances = borough.budget.any_year_over_prob, drawn.budget.any_year_over_prob
        rows.append(("Budget exceeded in some year in", *map(said_chance_percent, chances)))
    note = f"Inputs not known for certain are drawn {outer_draws:,} times from their ranges."
    head = ("", "Chance only", "Inputs drawn too")
    return table_of(f"{borough.name}: chance only, and with what is not known", head, rows, note)


def _what_if_table(name: str, cases: Mapping[str, Difference], names: Mapping[str, str]) -> Table:
    rows = [
        (
            capital(WHAT_IF_WORDS.get(key) or f"{names[key.removeprefix('without_')]} leaves"),
            said_pounds(row.net_saving_gbp),
            said_pounds(row.change_in_net_saving_gbp.mean, change=True),
            said_pounds(row.change_in_net_saving_gbp.se),
            said_chance_percent(row.better_off_prob),
        )
        for key, row in cases.items()
    ]
    head = ("What if", "Net saving", "Change", "Its standard error", "Better off in")
    return table_of(f"{name}: what if", head, rows, "Changes are measured with the same random draws.")
