"""Should this borough join? The answer as one document, and its key figures. In: a `Joined`.

It computes nothing but roundings. Must not know: scenarios, engines, formats.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import date
from typing import Any

from edgeofcare.calendar import financial_year
from edgeofcare.documents.answers.exposure import years_table
from edgeofcare.documents.answers.join_words import (
    HALF,
    SURE,
    average,
    join_title,
    join_words,
    joiner_names,
    limit_words,
    nothing_changes,
    other_draws_words,
    others_words,
    team_words,
    teams_words,
    together,
)
from edgeofcare.documents.document import Block, Bullets, Callout, Document, Heading, Said, Table, table_of
from edgeofcare.documents.pictures.join import gains, joiner_years
from edgeofcare.documents.words import (
    NIL_GBP,
    capital,
    day,
    fares,
    fares_alike,
    how_many,
    percent,
    pounds,
    said_chance_percent,
    said_count,
    said_percent,
    said_points,
    said_pounds,
    saves,
    slug_words,
    things,
)
from edgeofcare.outcomes import Change, Paired, Stat
from edgeofcare.questions.join_answer import Joined, JoinerAnswer, JoinInDoubt, JoinInvestor, Limits, Provider

CAP_WORDS = {"per_start": "a cap rises by what joiners bring", "fixed": "a cap stays as it is"}
Row = tuple[str, ...]


def join_document(found: Joined, effect_words: str = "") -> Document:
    """Return the answer, the pictures and the tables.

    effect_words: what is assumed of therapy, as the beginning of a sentence, said before the answer.
    """
    n, teams, cap = found.replications, teams_words(found), found.contract.cap_on_join
    simulated = things(n, "simulated contract")
    made = f"{simulated}, each without and with {joiner_names(found)}, with the same random draws"
    joined = "; ".join(f"{slug} from {b.join_date}" for slug, b in found.joiner.items())
    return Document(
        title=join_title(found),
        subtitle=f"{made}; {teams}.",
        blocks=tuple(_blocks(found, effect_words)),
        footer=f"edgeofcare join; scenario {found.scenario}; joins: {joined}; {teams.partition(':')[0]}; "
        f"{CAP_WORDS[cap]}; {simulated}, seed {found.seed}.",
        keywords=("outcomes contract", "edge of care", "joining", found.scenario),
    )


def join_json(found: Joined) -> dict[str, Any]:
    """Return the object that `--json` prints: the answer with what it says in words."""
    limits = limit_words(found.limits, found) if found.limits is not None else ()
    return {**found.as_dict(), "words": [*join_words(found), *limits]}


def _blocks(found: Joined, effect_words: str) -> Iterator[Block]:
    yield Callout(_answer(found, effect_words))
    yield Bullets(tuple(join_words(found)))
    if found.uncertain is not None:
        yield _doubt_table(found, found.uncertain)
    yield Heading("Who gains and who pays")
    yield gains(found)
    yield Heading("Year by year")
    for slug, joiner in found.joiner.items():
        yield joiner_years(slug, joiner)
        yield _years_table(joiner)
    yield Heading(_those_in(found))
    yield _incumbents_table(found)
    yield Heading("The contract, its teams and its investor")
    yield _contract_table(found)
    yield _teams_table(found.providers)
    yield _investor_table(found.investor)
    if found.limits is not None:
        yield Heading("What would change the answer")
        yield Bullets(tuple(limit_words(found.limits, found)))
        yield _limits_table(found.limits, found.contract.therapies)
    yield Heading("How to read this")
    yield Bullets(tuple(_how_to_read(found)))


def _those_in(found: Joined) -> str:
    return "The borough already in" if len(found.incumbents) == 1 else "The boroughs already in"


# ---- the answer ----------------------------------------------------------------------------------------------------


def _answer(found: Joined, effect_words: str) -> str:
    assumed = effect_words.rstrip(" .,:")
    verdicts = [_verdict(b, found.replications) for b in found.joiner.values()]
    first = f"{assumed}: {verdicts[0]}" if assumed else capital(verdicts[0])
    return " ".join([first, *map(capital, verdicts[1:]), _who_pays(found)])


def _verdict(joiner: JoinerAnswer, n: int) -> str:
    """Return yes or no for one joiner, in money. Not sure: a difference that may be chance alone."""
    name, net, prob = joiner.name, average(joiner.net_saving_gbp), joiner.better_off_prob
    if not joiner.referred.mean:
        return f"it makes no difference to {name}, which refers nobody."
    size, others = pounds(abs(net)), others_words(joiner)
    often = f"It would be better off in {how_many(prob, n).replace(' in 100', ' of 100')}"
    if not _sure(joiner.net_saving_gbp):
        small = f"what it {'saves' if net > 0 else 'loses'} on average is too small to tell from chance: {size}"
        told = small if abs(net) >= NIL_GBP else "on average it neither saves nor loses"
        return f"it makes no clear difference to {name}. {often}{others}; {told}."
    if net > 0:
        verdict = "yes" if prob >= HALF else "on average, but in fewer than half of the contracts"
        verdict += f", joining pays for {name}"
    elif prob >= HALF:
        verdict = f"on average joining does not pay for {name}, though in half of the contracts or more it does"
    else:
        verdict = f"no, joining does not pay for {name}"
    does = saves(net)
    return f"{verdict}. {often}{f'{others}. On average it {does}' if others else f', and {does} on average'}."


def _who_pays(found: Joined) -> str:
    """Say what it costs or brings to the boroughs already in, together."""
    if nothing := nothing_changes(found):
        return nothing
    change, joiners = found.contract.change_in_net_saving_of_those_in_gbp, found.joiner.values()
    one, levels = len(found.incumbents) == 1, together(found)
    those = next(iter(found.incumbents.values())).name if one else "the boroughs already in together"
    start = capital(those)
    nets = [b.net_saving_gbp for b in joiners if _sure(b.net_saving_gbp)]
    gain = any(average(net) > 0 for net in nets)
    if not _sure(change) or abs(change.mean) < NIL_GBP:
        return f"{start} {fares_alike(levels, plural=not one)}."
    fare = fares(change.mean, levels, plural=not one)
    if change.mean > 0:
        return f"{start} {fare}{' too' if gain and fare.endswith('more') else ''}."
    begins = "Others lose too" if nets else "Others lose"
    if gain:
        whole = found.contract.change_in_net_saving_of_all_gbp.mean < 0
        begins = f"{'More than' if whole else 'Part of'} that is paid by others"
    return f"{begins}: {those} {fare}."


def _sure(stat: Stat | Paired) -> bool:
    """Return whether a mean differs from zero; of one contract nobody can tell the chance: what is seen is said."""
    return bool(stat.mean) and (stat.se is None or abs(average(stat)) > SURE * stat.se)


def _how_to_read(found: Joined) -> Iterator[str]:
    n, who = found.replications, joiner_names(found)
    times = f"{n:,} times" if n > 1 else "once"
    yield (
        f"Simulated contracts: the whole contract is simulated {times}, each time with other random draws: "
        "who is referred, who would enter care and for how long. “91 of 100” means in 91 of every 100 of them."
    )
    yield (
        f"The same random draws on both sides: each simulated contract is run without and with {who}, with the same "
        "families. So what differs comes from joining, and even small differences show."
    )
    yield from other_draws_words(found)
    yield (
        "Cashable: the part of the care avoided that a council can take out of its budget. Net saving: cashable care "
        "avoided, less payments for outcomes and the borough's own costs."
    )
    yield (
        "Worse off: the share of simulated contracts in which a borough saves less than if nobody had joined, however "
        "little less. The line “8 in 10” leaves out the lowest and the highest tenth."
    )
    yield (
        "The effect of therapy is assumed, not found: every figure here depends on what the scenario claims for it. If "
        "therapy does less, less care is avoided, and the answer may change."
    )
    yield "Care avoided and payments are in the prices of each year, in pounds; nothing is discounted."


# ---- numbers with their words --------------------------------------------------------------------------------------


def _mean(stat: Paired | Change | None) -> float | None:
    return None if stat is None else stat.mean


# ---- the tables ----------------------------------------------------------------------------------------------------


def _years_table(joiner: JoinerAnswer) -> Table:
    first = financial_year(date.fromisoformat(joiner.join_date))
    years = {year: row for year, row in joiner.years.items() if year >= first}
    return years_table(joiner.name, years, f"{joiner.name} joins on {day(joiner.join_date)}.")


def _incumbents_table(found: Joined) -> Table:
    rows = []
    for b in sorted(found.incumbents.values(), key=lambda b: -b.change_in_net_saving_gbp.mean):
        wait, saving = b.waiting_days, b.change_in_net_saving_gbp
        rows.append(
            (
                b.name,
                said_count(wait.without, "days"),
                said_count(wait.with_, "days"),
                said_count(b.change_in_starts.mean, "count", change=True),
                said_pounds(b.change_in_payments_gbp.mean, change=True),
                said_pounds(saving.mean, change=True),
                said_pounds(saving.se),
                said_chance_percent(b.worse_off_prob),
            )
        )
    head = (
        "Borough",
        "Wait before",
        "Wait after",
        "Change in families starting",
        "Change in payments",
        "Change in net saving",
        "Its standard error",
        "Worse off in",
    )
    note = (
        "Averages over simulated contracts, whole contract. Wait: from referral to the start of therapy, of those who "
        "start. Standard error: how far the average may be off by chance alone."
    )
    return table_of(f"{_those_in(found)}: before and after", head, rows, note)


def _contract_table(found: Joined) -> Table:
    contract, one = found.contract, len(found.incumbents) == 1
    those = next(iter(found.incumbents.values())).name if one else "boroughs already in"
    starts, cap, binds = contract.starts, contract.cap_gbp, contract.cap_binds_prob
    hangs = contract.concentration
    none = Said("-", None, "gbp")
    rows: list[Row] = [
        (
            "Families starting, all boroughs",
            said_count(starts.without.mean),
            said_count(starts.with_.mean),
            said_count(starts.change.mean, "count", change=True),
        ),
        (
            f"Families starting, {those}",
            none,
            none,
            said_count(contract.change_in_starts_of_those_in.mean, "count", change=True),
        ),
        (
            f"Net saving, {those}{'' if one else ' together'}",
            none,
            none,
            said_pounds(contract.change_in_net_saving_of_those_in_gbp.mean, change=True),
        ),
        (
            "Net saving, all boroughs",
            none,
            none,
            said_pounds(contract.change_in_net_saving_of_all_gbp.mean, change=True),
        ),
        (
            "Largest payer's share of payments",
            said_percent(hangs.without.largest_share),
            said_percent(hangs.with_.largest_share),
            none,
        ),
    ]
    if cap.without is not None:
        rows += [
            ("Cap on payments", said_pounds(cap.without), said_pounds(cap.with_), none),
            (
                "Cap binds in",
                said_chance_percent(binds.without),
                said_chance_percent(binds.with_),
                said_points(binds.change.mean),
            ),
        ]
    binding = "No cap is set" if cap.without is None else "Cap binds: more is owed than the cap lets be paid"
    note = f"Averages over simulated contracts; a dash: not worked out. {binding}."
    return table_of("The contract: before and after", ("", "Before", "After", "Change"), rows, note)


def _teams_table(providers: Mapping[str, Provider]) -> Table:
    rows = []
    for slug, team in providers.items():
        use = team.slots_used_share
        before = Said("new", None, "share") if team.new else said_percent(use.without, 1)
        rows.append((slug_words(slug), before, said_percent(use.with_, 1), said_points(_mean(use.change), 1)))
    return table_of(
        "Teams' places in use: before and after",
        ("Team", "Before", "After", "Change"),
        rows,
        "Share of the team's places for families that are taken, average over the contract. Near 100% "
        "there is no room: families wait longer. Points: from 50% to 53% is 3 points.",
    )


def _investor_table(investor: JoinInvestor) -> Table:
    before, after, change = investor.without, investor.with_, investor.change
    rates = before.irr_of_expected_flows, after.irr_of_expected_flows
    rows = [
        (
            "Rate of return a year (IRR) on expected flows",
            *(said_percent(rate, 1) for rate in rates),
            said_points(change.irr_of_expected_flows.mean, 1),
        ),
        (
            "Money back, as a multiple of what is put in",
            said_count(before.money_multiple, "times", 2),
            said_count(after.money_multiple, "times", 2),
            said_count(_mean(change.money_multiple), "times", 2, change=True),
        ),
        (
            "Profit",
            *(said_pounds(side.profit_gbp.mean) for side in (before, after)),
            said_pounds(change.profit_gbp.mean, change=True),
        ),
        (
            "Most put in at once",
            *(said_pounds(side.peak_funding_gbp.mean) for side in (before, after)),
            said_pounds(change.peak_funding_gbp.mean, change=True),
        ),
        (
            "Loses money in",
            *(said_chance_percent(side.loss_prob) for side in (before, after)),
            said_points(change.loss_prob.mean),
        ),
    ]
    return table_of(
        "The investor: before and after",
        ("", "Before", "After", "Change"),
        rows,
        "Averages over simulated contracts; a dash: there is no such figure.",
    )


def _limits_table(limits: Limits, therapies: Mapping[str, str]) -> Table:
    rows = [(f"{percent(row.referrals_share)} of the referrals assumed", row) for row in limits.by_volume]
    rows += [(f"joining on {day(row.join_date or '')}", row) for row in limits.by_join_date]
    rows += [(team_words(name, therapies), row) for name, row in limits.by_teams.items()]
    head = (
        "Choice",
        "Joiner's net saving",
        "Better off in",
        "Joiner's wait",
        "Others' net saving, change",
        "Investor's profit, change",
    )
    cells = [
        (
            capital(words),
            said_pounds(row.joiner_net_saving_gbp),
            said_chance_percent(row.joiner_better_off_prob),
            said_count(row.joiner_wait_days, "days"),
            said_pounds(row.change_for_incumbents_gbp.mean, change=True),
            said_pounds(row.change_in_profit_gbp.mean, change=True),
        )
        for words, row in rows
    ]
    return table_of(
        "Other choices, one at a time",
        head,
        cells,
        "Averages, over a part of the simulated contracts where there are many.",
    )


def _doubt_table(found: Joined, drawn: JoinInDoubt) -> Table:
    """Return the main figures twice: chance only, and with the uncertain inputs drawn as well."""
    rows: list[Row] = []
    for slug, one in drawn.joiner.items():
        planned = found.joiner[slug]
        rows += [
            (
                f"{planned.name}: net saving",
                said_pounds(planned.net_saving_gbp.mean),
                said_pounds(one.net_saving_gbp.mean),
            ),
            (
                f"{planned.name}: better off in",
                said_chance_percent(planned.better_off_prob),
                said_chance_percent(one.better_off_prob),
            ),
            (
                f"{planned.name}: worst year, dearest 1 in 20",
                said_pounds(planned.worst_year_gbp.p95),
                said_pounds(one.worst_year_gbp.p95),
            ),
        ]
    for slug, other in drawn.incumbents.items():
        incumbent = found.incumbents[slug]
        changes = incumbent.change_in_net_saving_gbp, other.change_in_net_saving_gbp
        rows.append(
            (
                f"{incumbent.name}: change in net saving",
                *(said_pounds(change.mean, change=True) for change in changes),
            )
        )
    losses = found.investor.with_.loss_prob, drawn.loss_prob.with_
    rows.append(("The investor loses money in", *map(said_chance_percent, losses)))
    note = f"Inputs not known for certain are drawn {drawn.outer_draws:,} times from their ranges."
    return table_of("Chance only, and with what is not known", ("", "Chance only", "Inputs drawn too"), rows, note)


# ---- key figures ---------------------------------------------------------------------------------------------------


def join_headline(found: Joined) -> tuple[tuple[str, Said], ...]:
    """Return the key figures by label, the same labels for every single joiner, to hold one result against another."""
    several = len(found.joiner) > 1
    rows = [row for b in found.joiner.values() for row in _joiner_headline(b, b.name if several else "Joiner")]
    contract, after = found.contract, found.investor.with_
    hit = min(b.change_in_net_saving_gbp.mean for b in found.incumbents.values())
    those = said_pounds(contract.change_in_net_saving_of_those_in_gbp.mean, change=True)
    if len(found.incumbents) == 1:
        rows.append(("Borough already in: change in net saving", those))
    else:
        rows += [
            ("Boroughs already in together: change in net saving", those),
            ("The one of them that fares worst: change in net saving", said_pounds(hit, change=True)),
        ]
    rows.append(("Investor: rate of return a year on expected flows", said_percent(after.irr_of_expected_flows, 1)))
    if contract.cap_gbp.with_ is not None:
        rows.append(("Cap on payments binds in", said_chance_percent(contract.cap_binds_prob.with_)))
    return tuple(rows)


def _joiner_headline(joiner: JoinerAnswer, who: str) -> Iterator[tuple[str, Said]]:
    yield f"{who}: better off in", said_chance_percent(joiner.better_off_prob)
    yield f"{who}: net saving, average", said_pounds(joiner.net_saving_gbp.mean)
    yield f"{who}: worst year costs, dearest 1 in 20", said_pounds(joiner.worst_year_gbp.p95)
    yield f"{who}: families starting therapy", said_count(joiner.started.mean, "count")
    yield f"{who}: wait for therapy", said_count(joiner.waiting_days, "days")
