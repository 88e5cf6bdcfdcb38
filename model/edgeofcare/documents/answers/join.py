"""Should this borough join? The answer as a document, and its key figures. In: what `join` found, as a dictionary.

It computes nothing but roundings. Must not know: scenarios, engines, formats.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import date

from edgeofcare.calendar import financial_year
from edgeofcare.documents.document import Block, Bullets, Callout, Document, Heading, Said, Table, table_of
from edgeofcare.documents.pictures.join import Found, gains, joiner_years
from edgeofcare.documents.text_pages.join import (
    HALF,
    SURE,
    join_title,
    join_words,
    joiner_names,
    luck_words,
    nothing_changes,
    others_words,
    team_words,
    teams_words,
    together,
)
from edgeofcare.documents.words import (
    NIL_GBP,
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
)

CAP_WORDS = {"per_start": "a cap rises by what joiners bring", "fixed": "a cap stays as it is"}
LIMITS = "WHAT WOULD CHANGE THIS"  # how join_words begins what it says of limits
Row = tuple[str, ...]


def join_document(found: Found, effect_words: str = "") -> Document:
    """Return the answer, the pictures and the tables. found: as `Joined.as_dict()` or `edgeofcare join --json` gives.

    effect_words: what is assumed of therapy, as the beginning of a sentence, said before the answer.
    """
    n, teams, cap = found["replications"], teams_words(found), found["contract"]["cap_on_join"]
    lived = f"{n:,} simulated contract{'s' if n > 1 else ''}"
    made = f"{lived}, each without and with {joiner_names(found)} on the same luck"
    joined = "; ".join(f"{slug} from {b['join_date']}" for slug, b in found["joiner"].items())
    return Document(
        title=join_title(found),
        subtitle=f"{made}; {teams}.",
        blocks=tuple(_blocks(found, effect_words)),
        footer=f"edgeofcare join; scenario {found['scenario']}; joins: {joined}; {teams.partition(':')[0]}; "
        f"{CAP_WORDS[cap]}; {lived}, seed {found['seed']}.",
        keywords=("outcomes contract", "edge of care", "joining", found["scenario"]),
    )


def _blocks(found: Found, effect_words: str) -> Iterator[Block]:
    yield Callout(_answer(found, effect_words))
    told, limits = _told(found)
    yield Bullets(tuple(told))
    yield Heading("Who gains and who pays")
    yield gains(found)
    yield Heading("Year by year")
    for slug, joiner in found["joiner"].items():
        yield joiner_years(slug, joiner)
        yield _years_table(joiner)
    yield Heading(_those_in(found))
    yield _incumbents_table(found)
    yield Heading("The contract, its teams and its investor")
    yield _contract_table(found)
    yield _teams_table(found["providers"])
    yield _investor_table(found["investor"])
    if limits:
        yield Heading("What would change the answer")
        yield Bullets(tuple(limits))
        yield _limits_table(found["limits"], found["contract"]["therapies"])
    yield Heading("How to read this")
    yield Bullets(tuple(_how_to_read(found)))


def _those_in(found: Found) -> str:
    return "The borough already in" if len(found["incumbents"]) == 1 else "The boroughs already in"


# ---- the answer ----------------------------------------------------------------------------------------------------


def _answer(found: Found, effect_words: str) -> str:
    assumed = effect_words.rstrip(" .,:")
    verdicts = [_verdict(b, found["replications"]) for b in found["joiner"].values()]
    first = f"{assumed}: {verdicts[0]}" if assumed else verdicts[0][:1].upper() + verdicts[0][1:]
    return " ".join([first, *(text[:1].upper() + text[1:] for text in verdicts[1:]), _who_pays(found)])


def _verdict(joiner: Found, n: int) -> str:
    """Return yes or no for one joiner, in money. Not sure: a difference that may be luck alone."""
    name, net, prob = joiner["name"], joiner["net_saving_gbp"], joiner["better_off_prob"]
    if not joiner["referred"]["mean"]:
        return f"it makes no difference to {name}, which refers nobody."
    size, others = pounds(abs(net["mean"])), others_words(joiner)
    often = f"It would be better off in {how_many(prob, n).replace(' in 100', ' of 100')}"
    if not _sure(net):
        luck = f"what it {'saves' if net['mean'] > 0 else 'loses'} on average is too small to tell from luck: {size}"
        told = luck if abs(net["mean"]) >= NIL_GBP else "on average it neither saves nor loses"
        return f"it makes no clear difference to {name}. {often}{others}; {told}."
    if net["mean"] > 0:
        verdict = "yes" if prob >= HALF else "on average, but in fewer than half of the contracts"
        verdict += f", joining pays for {name}"
    elif prob >= HALF:
        verdict = f"on average joining does not pay for {name}, though in half of the contracts or more it does"
    else:
        verdict = f"no, joining does not pay for {name}"
    does = saves(net["mean"])
    return f"{verdict}. {often}{f'{others}. On average it {does}' if others else f', and {does} on average'}."


def _who_pays(found: Found) -> str:
    """Say what it costs or brings to the boroughs already in, together."""
    if nothing := nothing_changes(found):
        return nothing
    change, joiners = found["contract"]["change_in_net_saving_of_those_in_gbp"], found["joiner"].values()
    one, levels = len(found["incumbents"]) == 1, together(found)
    those = next(iter(found["incumbents"].values()))["name"] if one else "the boroughs already in together"
    start = those[:1].upper() + those[1:]
    nets = [b["net_saving_gbp"] for b in joiners if _sure(b["net_saving_gbp"])]
    gain = any(net["mean"] > 0 for net in nets)
    if not _sure(change) or abs(change["mean"]) < NIL_GBP:
        return f"{start} {fares_alike(levels, plural=not one)}."
    fare = fares(change["mean"], levels, plural=not one)
    if change["mean"] > 0:
        return f"{start} {fare}{' too' if gain and fare.endswith('more') else ''}."
    begins = "Others lose too" if nets else "Others lose"
    if gain:
        whole = found["contract"]["change_in_net_saving_of_all_gbp"]["mean"] < 0
        begins = f"{'More than' if whole else 'Part of'} that is paid by others"
    return f"{begins}: {those} {fare}."


def _sure(stat: Found) -> bool:
    """Return whether a mean is told from nought; of one contract nobody can tell the luck, so what is seen is said."""
    return bool(stat["mean"]) and (stat["se"] is None or abs(stat["mean"]) > SURE * stat["se"])


def _told(found: Found) -> tuple[list[str], list[str]]:
    """Return the sentences on what is found, and those on its limits, without what only a command line can follow."""
    teams = {slug_words(slug): team for slug, team in found["providers"].items()}
    told = join_words({**found, "providers": teams})
    at = next((i for i, sentence in enumerate(told) if sentence.startswith(LIMITS)), len(told))
    limits = [sentence.removeprefix(LIMITS).lstrip(".: ") for sentence in told[at:]]
    return told[:at], limits if found.get("limits") else []


def _how_to_read(found: Found) -> Iterator[str]:
    n, who = found["replications"], joiner_names(found)
    times = f"{n:,} times" if n > 1 else "once"
    yield (
        f"Simulated contracts: the whole contract is played out {times}, each time with other luck in who is "
        'referred, who would enter care and for how long. "91 of 100" means in 91 of every 100 of them.'
    )
    yield (
        f"The same luck on both sides: each simulated contract is lived without and with {who}, with the same families "
        "and children. So what differs comes from joining, and even small differences show."
    )
    yield from luck_words(found)
    yield (
        "Cashable: the part of the care avoided that a council can take out of its budget. Net saving: cashable care "
        "avoided, less payments for outcomes and the borough's own costs."
    )
    yield (
        "Worse off: the share of simulated contracts in which a borough saves less than if nobody had joined, however "
        'little less. The line "8 in 10" leaves out the lowest and the highest tenth.'
    )
    yield (
        "The effect of therapy is assumed, not found: every figure here stands on what the scenario claims of it. If "
        "therapy does less, less care is avoided, and the answer may turn."
    )
    yield "Care avoided and payments are in the prices of each year, in pounds; nothing is discounted."


# ---- numbers with their words --------------------------------------------------------------------------------------


def _mean(stat: Found | None) -> float | None:
    return None if stat is None else stat["mean"]


# ---- the tables ----------------------------------------------------------------------------------------------------


def _years_table(joiner: Found) -> Table:
    rows = [
        (
            year,
            *(said_pounds(row["payments_gbp"][key]) for key in ("mean", "p90", "p95")),
            said_pounds(row["avoided_nominal_gbp"]),
            said_pounds(row["avoided_cashable_gbp"]),
            said_pounds(row["net_saving_gbp"]),
            said_pounds(row["cumulative_net_saving_gbp"]),
            said_chance_percent(row["in_credit_prob"]),
        )
        for year, row in joiner["years"].items()
        if year >= financial_year(date.fromisoformat(joiner["join_date"]))
    ]
    head = (
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
    note = (
        f"{joiner['name']} joins on {day(joiner['join_date'])}. Dearest 1 in 10: in one simulated contract in ten it "
        "pays this much or more in that year. In credit: the share of simulated contracts in which it has saved more "
        "than it has paid so far."
    )
    return table_of(f"{joiner['name']} by year, £", head, rows, note)


def _incumbents_table(found: Found) -> Table:
    rows = []
    for b in sorted(found["incumbents"].values(), key=lambda b: -b["change_in_net_saving_gbp"]["mean"]):
        wait, saving = b["waiting_days"], b["change_in_net_saving_gbp"]
        rows.append(
            (
                b["name"],
                *(said_count(wait[key], "days") for key in ("without", "with")),
                said_count(b["change_in_starts"]["mean"], "count", change=True),
                said_pounds(b["change_in_payments_gbp"]["mean"], change=True),
                said_pounds(saving["mean"], change=True),
                said_pounds(saving["se"]),
                said_chance_percent(b["worse_off_prob"]),
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
        "start. Standard error: how far the average may be off by luck alone."
    )
    return table_of(f"{_those_in(found)}: before and after", head, rows, note)


def _contract_table(found: Found) -> Table:
    contract, one = found["contract"], len(found["incumbents"]) == 1
    those = next(iter(found["incumbents"].values()))["name"] if one else "boroughs already in"
    starts, cap, binds = contract["starts"], contract["cap_gbp"], contract["cap_binds_prob"]
    hangs = contract["concentration"]
    none = Said("-", None, "gbp")
    rows: list[Row] = [
        (
            "Families starting, all boroughs",
            *(said_count(starts[key]["mean"], "count") for key in ("without", "with")),
            said_count(starts["change"]["mean"], "count", change=True),
        ),
        (
            f"Families starting, {those}",
            none,
            none,
            said_count(contract["change_in_starts_of_those_in"]["mean"], "count", change=True),
        ),
        (
            f"Net saving, {those}{'' if one else ' together'}",
            none,
            none,
            said_pounds(contract["change_in_net_saving_of_those_in_gbp"]["mean"], change=True),
        ),
        (
            "Net saving, all boroughs",
            none,
            none,
            said_pounds(contract["change_in_net_saving_of_all_gbp"]["mean"], change=True),
        ),
        (
            "Largest payer's share of payments",
            *(said_percent(hangs[key]["largest_share"]) for key in ("without", "with")),
            none,
        ),
    ]
    if cap["without"] is not None:
        rows += [
            ("Cap on payments", said_pounds(cap["without"]), said_pounds(cap["with"]), none),
            (
                "Cap binds in",
                said_chance_percent(binds["without"]),
                said_chance_percent(binds["with"]),
                said_points(binds["change"]["mean"]),
            ),
        ]
    binding = "No cap is set" if cap["without"] is None else "Cap binds: more is owed than the cap lets be paid"
    note = f"Averages over simulated contracts; a dash: not worked out. {binding}."
    return table_of("The contract: before and after", ("", "Before", "After", "Change"), rows, note)


def _teams_table(providers: Found) -> Table:
    rows = []
    for slug, team in providers.items():
        use = team["slots_used_share"]
        before = Said("new", None, "share") if team["new"] else said_percent(use["without"], 1)
        rows.append((slug_words(slug), before, said_percent(use["with"], 1), said_points(_mean(use["change"]), 1)))
    return table_of(
        "Teams' places in use: before and after",
        ("Team", "Before", "After", "Change"),
        rows,
        "Share of the team's places for families that are taken, average over the contract. Near 100% "
        "there is no room: families wait longer. Points: from 50% to 53% is 3 points.",
    )


def _investor_table(investor: Found) -> Table:
    before, after, change = investor["without"], investor["with"], investor["change"]

    def shares(key: str, digits: int) -> Row:
        return (
            said_percent(before[key], digits),
            said_percent(after[key], digits),
            said_points(_mean(change[key]), digits),
        )

    def pounds_of(key: str) -> Row:
        return (
            said_pounds(before[key]["mean"]),
            said_pounds(after[key]["mean"]),
            said_pounds(change[key]["mean"], change=True),
        )

    key = "money_multiple"
    rows = [
        ("Rate of return a year (IRR) on expected flows", *shares("irr_of_expected_flows", 1)),
        (
            "Money back, as a multiple of what is put in",
            said_count(before[key], "times", 2),
            said_count(after[key], "times", 2),
            said_count(_mean(change[key]), "times", 2, change=True),
        ),
        ("Profit", *pounds_of("profit_gbp")),
        ("Most put in at once", *pounds_of("peak_funding_gbp")),
        (
            "Loses money in",
            *(said_chance_percent(side["loss_prob"]) for side in (before, after)),
            said_points(_mean(change["loss_prob"])),
        ),
    ]
    return table_of(
        "The investor: before and after",
        ("", "Before", "After", "Change"),
        rows,
        "Averages over simulated contracts; a dash: there is no such figure.",
    )


def _limits_table(limits: Found, therapies: Mapping[str, str]) -> Table:
    rows = [(f"{percent(row['referrals_share'])} of the referrals assumed", row) for row in limits["by_volume"]]
    rows += [(f"joining on {day(row['join_date'])}", row) for row in limits["by_join_date"]]
    rows += [(team_words(name, therapies), row) for name, row in limits["by_teams"].items()]
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
            words[:1].upper() + words[1:],
            said_pounds(row["joiner_net_saving_gbp"]),
            said_chance_percent(row["joiner_better_off_prob"]),
            said_count(row["joiner_wait_days"], "days"),
            said_pounds(row["change_for_incumbents_gbp"]["mean"], change=True),
            said_pounds(row["change_in_profit_gbp"]["mean"], change=True),
        )
        for words, row in rows
    ]
    return table_of(
        "Other choices, one at a time",
        head,
        cells,
        "Averages, over a part of the simulated contracts where there are many.",
    )


# ---- key figures ---------------------------------------------------------------------------------------------------


def join_headline(found: Found) -> tuple[tuple[str, Said], ...]:
    """Return the key figures by label, the same labels for every single joiner, to hold one result against another."""
    several = len(found["joiner"]) > 1
    rows = [row for b in found["joiner"].values() for row in _joiner_headline(b, b["name"] if several else "Joiner")]
    contract, after = found["contract"], found["investor"]["with"]
    hit = min(b["change_in_net_saving_gbp"]["mean"] for b in found["incumbents"].values())
    those = said_pounds(contract["change_in_net_saving_of_those_in_gbp"]["mean"], change=True)
    if len(found["incumbents"]) == 1:
        rows.append(("Borough already in: change in net saving", those))
    else:
        rows += [
            ("Boroughs already in together: change in net saving", those),
            ("The one of them that fares worst: change in net saving", said_pounds(hit, change=True)),
        ]
    rows.append(("Investor: rate of return a year on expected flows", said_percent(after["irr_of_expected_flows"], 1)))
    if contract["cap_gbp"]["with"] is not None:
        rows.append(("Cap on payments binds in", said_chance_percent(contract["cap_binds_prob"]["with"])))
    return tuple(rows)


def _joiner_headline(joiner: Found, who: str) -> Iterator[tuple[str, Said]]:
    yield f"{who}: better off in", said_chance_percent(joiner["better_off_prob"])
    yield f"{who}: net saving, average", said_pounds(joiner["net_saving_gbp"]["mean"])
    yield f"{who}: worst year costs, dearest 1 in 20", said_pounds(joiner["worst_year_gbp"]["p95"])
    yield f"{who}: families starting therapy", said_count(joiner["started"]["mean"], "count")
    yield f"{who}: wait for therapy", said_count(joiner["waiting_days"], "days")
