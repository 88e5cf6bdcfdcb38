"""What joining means, in sentences: for the joiners, those already in, the teams, the investor. In: a `Joined`.

Out: sentences. It computes nothing but roundings. Must not know: scenarios, rows, formats.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from edgeofcare.documents.words import (
    FEW,
    NIL,
    NIL_GBP,
    RARE,
    Levels,
    fares,
    fares_alike,
    few,
    listed,
    loses,
    of_hundred,
    percent,
    percent_of_contracts,
    pounds,
    saves,
    slug_words,
)
from edgeofcare.outcomes import Change, Paired, Stat
from edgeofcare.questions.exposure import BoroughExposure
from edgeofcare.questions.join_answer import (
    Incumbent,
    JoinContract,
    Joined,
    JoinerAnswer,
    JoinInvestor,
    Level,
    Limits,
    Provider,
    Step,
)

Incumbents = Mapping[str, Incumbent]
SURE = 2.0  # a difference is said to be one if it is more than twice its error
HALF = 0.5
TEAM_WORDS = {
    "as-is": "with the teams there are",
    "own": "with teams of its own",
}


# ---- joining -------------------------------------------------------------------------------------------------------


def join_words(found: Joined) -> list[str]:
    """Return the answer in sentences: for the joiners, those already in, the providers, the investor."""
    return [
        *(sentence for joiner in found.joiner.values() for sentence in _joiner_words(joiner)),
        *_those_in_words(found),
        *_cap_words(found),
        _concentration_words(found),
        _provider_words(found.providers),
        _investor_words(found.investor),
        *_step_words(found.steps),
    ]


def join_title(found: Joined) -> str:
    """Return the question that is answered, with the contract's title."""
    return f"Should {joiner_names(found)} join? {found.title}"


def joiner_names(found: Joined) -> str:
    """Return the names of those who would join, as in a sentence."""
    return listed([joiner.name for joiner in found.joiner.values()])


def team_words(choice: str, therapies: Mapping[str, str]) -> str:
    """Return with which teams a borough joins; therapies: labels by slug."""
    one_more = choice.removeprefix("plus-")
    return TEAM_WORDS[choice] if one_more == choice else f"with one more {therapies[one_more]} team"


def teams_words(found: Joined) -> str:
    """Return with which teams they join, and whose effect is shown if teams come with them."""
    teams, therapies = found.contract.teams, found.contract.therapies
    joiners = list(found.joiner.values())
    several = len(joiners) > 1
    if teams is None:
        told = listed([f"{joiner.name} {team_words(joiner.teams, therapies)}" for joiner in joiners])
        return f"{told}; a new team comes only if its borough joins: what follows is the effect of both"
    if teams == "as-is":
        return TEAM_WORDS[teams]
    words = f"each {team_words(teams, therapies)}" if several else team_words(teams, therapies)
    come = "come" if several or teams == "own" else "comes"
    return (
        f"{words}, which {come} only if {joiner_names(found)} {'join' if several else 'joins'}: what follows is the "
        "effect of both"
    )


def other_draws_words(found: Joined) -> Iterator[str]:
    """Say for each joiner how often it would look better off if the random draws were not the same."""
    for joiner in found.joiner.values():
        if joiner.referred.mean:
            often = of_hundred(joiner.better_off_prob_independent_arms)
            yield (
                f"With other random draws on either side, {joiner.name} would look better off in {often} simulated "
                "contracts: the care it would otherwise pay for is then that of another simulated contract, and chance "
                "blurs what joining does."
            )


def together(found: Joined) -> Levels:
    """Return the net saving of the boroughs already in, GBP, without and with the joiners."""
    both = [sides(b.net_saving_gbp) for b in found.incumbents.values()]
    return sum(before for before, _ in both), sum(after for _, after in both)


def sides(level: Level) -> Levels:
    """Return a figure without and with the joiners; 0 where there is none."""
    return level.without or 0.0, level.with_ or 0.0


def average(stat: Stat | Paired | Change) -> float:
    """Return a mean; 0 where there is none."""
    return stat.mean or 0.0


# ---- the joiners ---------------------------------------------------------------------------------------------------


def _joiner_words(joiner: JoinerAnswer) -> Iterator[str]:
    name, years = joiner.name, joiner.years
    if not joiner.referred.mean:
        yield f"{name} refers nobody: joining changes nothing for it."
        return
    better = f"{name} would be better off than doing nothing in {of_hundred(joiner.better_off_prob)} simulated"
    others = others_words(joiner)
    yield f"{better} contracts{f'{others}. On' if others else ': on'} average it {_balance(joiner)}."
    worst = max(years, key=lambda year: average(years[year].payments_gbp))
    dearest, bad = average(years[worst].payments_gbp), joiner.worst_year_gbp.p95 or 0.0
    plan = f"the dearest year to plan for is {worst}, {pounds(dearest)} on average"
    if dearest < NIL_GBP:
        yield f"{name} pays nothing, or less than £1 a year on average."
    elif bad < NIL_GBP:
        yield f"In 95 of 100 simulated contracts or more it never pays; {plan}."
    else:
        yield f"In a bad case (one contract in twenty) it pays {pounds(bad)} or more in its worst year; {plan}."
    yield _family_words(joiner)
    yield credit_words(name, joiner)


def others_words(joiner: JoinerAnswer) -> str:
    """Return in how many contracts the joiner is worse off, and in how many nothing changes, if those are not few."""
    same = 1 - joiner.better_off_prob - joiner.worse_off_prob
    if same <= RARE:
        return ""
    worse = of_hundred(joiner.worse_off_prob)
    return f" and worse off in {worse}, while in {of_hundred(same)} nothing changes for it"


def _balance(joiner: JoinerAnswer) -> str:
    """Return what is saved or lost, and of what it is made up."""
    net, avoided = average(joiner.net_saving_gbp), joiner.avoided_gbp.cashable
    spent = avoided - net
    own = f"{pounds(spent)} {'of' if avoided >= NIL_GBP else 'on'} payments and own costs"
    if avoided >= NIL_GBP:
        less = f"less {own}" if spent >= NIL_GBP else "and nothing paid for it"
        return f"{saves(net)}, {pounds(avoided)} of cashable care avoided {less}"
    if avoided <= -NIL_GBP:
        more = f"{pounds(-avoided)} more is spent on care"
        return f"{saves(net)}: {more} and {own}" if spent >= NIL_GBP else f"{saves(net)}: {more}, and nothing is paid"
    none = "no cashable care is avoided" if abs(joiner.avoided_gbp.nominal) >= NIL_GBP else "no care is avoided"
    if spent < NIL_GBP:
        return f"{saves(net)}: {none}, and nothing is paid"
    return f"{saves(net)}: {none}, and {pounds(spent)} goes on payments and own costs"


def _family_words(joiner: JoinerAnswer) -> str:
    referred, started, wait = average(joiner.referred), average(joiner.started), joiner.waiting_days
    waits = ""
    if wait is not None:
        days = f"{wait:.0f} day{'' if round(wait) == 1 else 's'}" if wait >= HALF else "less than a day"
        waits = f", after {days} on the waiting list on average"
    others = ""
    if referred - started >= NIL:
        others = "; the others are not accepted, do not take part, enter care first, or leave the waiting list"
    start = "starts" if started in (0, 1) else "start"
    family = "family" if few(referred) == "1.0" else "families"
    refers = f"{few(referred)} {family} that it refers{'' if referred >= FEW else ' on average'}"
    return f"Of {refers}, {few(started)} {start} therapy{waits}{others}."


def credit_words(name: str, figures: BoroughExposure) -> str:
    """Return by when a borough has saved more than it has paid, in half of the simulated contracts, if it ever has."""
    if figures.ever_in_credit_prob == 0:
        return f"{name} is in credit in no simulated contract."
    reached = 0.0
    for year, prob in figures.first_year_in_credit.items():
        reached += prob
        if reached >= HALF:
            return f"In half of the simulated contracts {name} is in credit by {year} or sooner."
    return f"{name} is never in credit in {of_hundred(1 - figures.ever_in_credit_prob)} simulated contracts."


# ---- those already in ----------------------------------------------------------------------------------------------


def _differs(change: Paired | Change, nil: float = 0.0) -> bool:
    """Return whether a change is more than chance. nil: a change smaller than this is said to be none."""
    if change.mean is None or abs(change.mean) < nil:
        return False
    if change.se is None:  # of one contract nobody can tell the chance, so what is seen is said
        return bool(change.mean)
    return bool(abs(change.mean) > SURE * change.se)


def those_in(incumbents: Incumbents) -> str:
    """Return the boroughs already in, as in a sentence."""
    return f"the borough{'s' if len(incumbents) > 1 else ''} already in"


def nothing_changes(found: Joined) -> str:
    """Return a sentence that nothing changes for those already in; nothing if something does."""
    boroughs, contract = found.incumbents.values(), found.contract
    gbp = [one.mean for b in boroughs for one in (b.change_in_payments_gbp, b.change_in_net_saving_gbp)]
    counts = [b.change_in_starts.mean for b in boroughs]
    counts += [b.waiting_days.change.mean or 0.0 for b in boroughs]
    gbp.append(contract.change_in_net_saving_of_those_in_gbp.mean)
    counts.append(contract.change_in_starts_of_those_in.mean)
    if max(map(abs, gbp)) >= NIL_GBP or max(map(abs, counts)) >= NIL:
        return ""
    whom = next(iter(boroughs)).name if len(boroughs) == 1 else those_in(found.incumbents)
    return f"For {whom} {'next to ' if any(gbp) or any(counts) else ''}nothing changes."


def _those_in_words(found: Joined) -> Iterator[str]:
    if nothing := nothing_changes(found):
        yield nothing
        return
    yield _waiting_words(found.incumbents)
    yield _starts_words(found.contract, found.incumbents)
    yield _incumbent_words(found.incumbents)
    yield _together_words(found)


def _waiting_words(incumbents: Incumbents) -> str:
    changes = {b.name: b.waiting_days.change for b in incumbents.values()}
    moved = {name: average(change) for name, change in changes.items() if _differs(change, NIL)}
    one = len(incumbents) == 1
    if not moved:
        return f"Families in {next(iter(changes)) if one else those_in(incumbents)} wait no longer than before."
    longest = max(moved, key=lambda name: abs(moved[name]))
    most = _wait_change_words(moved[longest])
    if one:
        return f"Families in {longest} wait {most}."
    if len(moved) == 1:
        return f"Of the boroughs already in, only families in {longest} notice: they wait {most}."
    least = min(moved, key=lambda name: abs(moved[name]))
    return (
        f"Families in the boroughs already in wait up to {most} in {longest}, and {_wait_change_words(moved[least])} "
        f"in {least}."
    )


def _wait_change_words(days: float) -> str:
    return f"{abs(days):.1f} days {'longer' if days > 0 else 'less long'}"


def _starts_words(contract: JoinContract, incumbents: Incumbents) -> str:
    """Say how many fewer or more children start in the boroughs already in."""
    change = contract.change_in_starts_of_those_in
    if not _differs(change, NIL):
        return "As many of their children start therapy as before."
    changes = {b.name: b.change_in_starts for b in incumbents.values()}
    moved = {name: one.mean for name, one in changes.items() if _differs(one, NIL)}
    most = max(moved, key=lambda name: abs(moved[name]), default=None)
    told = most is not None and len(changes) > 1
    where = f", most in {most} ({abs(moved[most]):.1f} {_way(moved[most])})" if told and most else ""
    return f"{abs(change.mean):.1f} {_way(change.mean)} of their children start therapy{where}."


def _way(change: float) -> str:
    return "fewer" if change < 0 else "more"


def _incumbent_words(incumbents: Incumbents) -> str:
    changes = {b.name: b.change_in_net_saving_gbp for b in incumbents.values()}
    if len(changes) == 1:
        return _only_one_words(next(iter(incumbents.values())))
    worst = min(incumbents.values(), key=lambda b: b.change_in_net_saving_gbp.mean)
    best = max(changes, key=lambda name: changes[name].mean)
    low, high = changes[worst.name], changes[best]
    all_lose = all(loses(sides(b.net_saving_gbp)) for b in incumbents.values())
    if not any(_differs(change, NIL_GBP) for change in changes.values()):
        return f"No borough already in {'loses' if all_lose else 'saves'} noticeably more or less than before."
    if low.mean > -NIL_GBP:
        span = f"from {pounds(abs(low.mean))} ({worst.name}) to {pounds(high.mean)} ({best})"
        if all_lose:
            return f"Every borough already in loses no more than before on average: {span} less."
        return f"Every borough already in saves at least as much as before on average: {span} more."
    gains = high.mean > 0 and _differs(high, NIL_GBP)
    if not _differs(low, NIL_GBP):
        if gains:
            return f"None of the boroughs already in loses noticeably; {best} gains {pounds(high.mean)} on average."
        none = "None of the boroughs already in gains" + ("" if high.mean <= 0 else " noticeably")
        return f"{none}, and the losses are small or chance: up to {pounds(-low.mean)} on average ({worst.name})."
    other = f"; {best} gains {pounds(high.mean)}" if gains else ""
    return (
        f"Hardest hit of the boroughs already in is {worst.name}: it {fares(low.mean, sides(worst.net_saving_gbp))} "
        f"on average and is worse off than before in {of_hundred(worst.worse_off_prob)} simulated contracts{other}."
    )


def _only_one_words(borough: Incumbent) -> str:
    """Say what changes for the only borough already in."""
    name, change, levels = borough.name, borough.change_in_net_saving_gbp, sides(borough.net_saving_gbp)
    if not _differs(change, NIL_GBP):
        return f"{name} {fares_alike(levels)}."
    worse = change.mean < 0
    often = of_hundred(borough.worse_off_prob if worse else borough.better_off_prob)
    return (
        f"{name} {fares(change.mean, levels)} on average and is {'worse' if worse else 'better'} off than before in "
        f"{often} simulated contracts."
    )


def _together_words(found: Joined) -> str:
    """Say what changes for those already in together, and for all."""
    contract, before = found.contract, together(found)
    change, everyone = contract.change_in_net_saving_of_those_in_gbp, contract.change_in_net_saving_of_all_gbp
    levels = (before[0], before[0] + everyone.mean)
    all_fare = fares(everyone.mean, levels, plural=True)
    if len(found.incumbents) == 1:
        names = [*(b.name for b in found.incumbents.values()), *(b.name for b in found.joiner.values())]
        return f"{listed(names)}, added up, {all_fare} on average."
    moved = _differs(change, NIL_GBP)
    told = fares(change.mean, before, plural=True) if moved else fares_alike(before, plural=True)
    return f"Together they {told}; all boroughs, joiners included, {all_fare}."


# ---- the contract --------------------------------------------------------------------------------------------------


def _cap_words(found: Joined) -> Iterator[str]:
    cap, binds = found.contract.cap_gbp, found.contract.cap_binds_prob
    if cap.without is None:
        return
    before, often = f"(before: {percent_of_contracts(binds.without or 0.0)})", percent_of_contracts(binds.with_ or 0.0)
    if pounds(cap.with_) == pounds(cap.without):
        about = "" if cap.with_ == cap.without else "about "
        yield f"The contract's cap stays at {about}{pounds(cap.with_)}; it binds in {often} of contracts {before}."
        return
    yield (
        f"The contract's cap rises from {pounds(cap.without)} to {pounds(cap.with_)}, by what joining brings; "
        f"it binds in {often} of contracts {before}."
    )
    if not binds.with_fixed_cap:
        return
    fixed = sum(b.effect_of_a_fixed_cap_gbp.mean for b in found.incumbents.values() if b.effect_of_a_fixed_cap_gbp)
    then, both = fares(fixed, together(found), plural=True), " together" if len(found.incumbents) > 1 else ""
    whose = ", at the investor's expense" if fixed >= NIL_GBP else ""
    yield (
        f"Were the cap kept at {pounds(cap.without)}, it would bind in "
        f"{percent_of_contracts(binds.with_fixed_cap)}, "
        f"and {those_in(found.incumbents)} would {then}{both}{whose}."
    )


def _concentration_words(found: Joined) -> str:
    """Say how much of what boroughs pay depends on the largest payer."""
    names = {slug: b.name for slug, b in found.incumbents.items()} | {s: b.name for s, b in found.joiner.items()}
    before, after = found.contract.concentration.without, found.contract.concentration.with_
    if after.largest is None:
        return "Boroughs pay nothing."
    was, same = "", before.largest == after.largest
    if before.largest is not None:
        was = f" (before: {'' if same else names[before.largest] + ' '}{percent(before.largest_share)})"
    return f"{names[after.largest]} pays {percent(after.largest_share)} of what boroughs pay{was}."


def _provider_words(providers: Mapping[str, Provider]) -> str:
    parts = []
    for slug, team in providers.items():
        use = team.slots_used_share
        was = "(new)" if team.new else f"{percent(use.without)} to"
        parts.append(f"{slug_words(slug)} {was} {percent(use.with_)}")
    return f"Use of the teams' places over the contract: {'; '.join(parts)}."


def _investor_words(investor: JoinInvestor) -> str:
    before, after = investor.without, investor.with_
    peak, was = (pounds(side.peak_funding_gbp.mean) for side in (after, before))
    rate, rate_was = (_rate_words(side.irr_of_expected_flows) for side in (after, before))
    return (
        f"The investor puts in at most {peak} at once (before: {was}), {rate} on the expected flows (before: "
        f"{rate_was.removeprefix('earns ').removesuffix(' a year')}), and loses money in "
        f"{of_hundred(after.loss_prob)} contracts (before: {of_hundred(before.loss_prob)})."
    )


def _rate_words(rate: float | None) -> str:
    if rate is None:
        return "has no rate of return"
    return f"{'loses' if rate < 0 else 'earns'} {percent(abs(rate), 1)} a year"


# ---- in sequence, and limits ---------------------------------------------------------------------------------------


def _step_words(steps: Sequence[Step]) -> Iterator[str]:
    """Say what each joiner changes for those who are in before it."""
    for n, step in enumerate(steps):
        hit = min(step.incumbents.values(), key=lambda b: b.change_in_net_saving_gbp.mean)
        change = hit.change_in_net_saving_gbp
        noticed = change.mean < 0 and _differs(change, NIL_GBP)
        fares_so = f"{hit.name} then {fares(change.mean, sides(hit.net_saving_gbp))}"
        told = fares_so if noticed else "nobody in before it loses noticeably"
        yield (
            f"{step.name}, joining on {step.join_date}{' with those named before it in' if n else ''}, "
            f"{saves(average(step.net_saving_gbp))} on average; {told}."
        )


def limit_words(limits: Limits, found: Joined) -> Iterator[str]:
    """Say at how many referrals joining breaks even, how late it still pays, and which teams are best for whom."""
    share = limits.break_even_referrals_share
    rows = limits.by_volume
    if share is not None:
        yield f"Joining breaks even at {percent(share)} of the referrals assumed."
    else:
        pays = rows[0].joiner_net_saving_gbp > 0
        yield (
            f"Joining {'pays' if pays else 'does not pay'} on average at any volume from "
            f"{percent(rows[0].referrals_share)} to {percent(rows[-1].referrals_share)} of the referrals assumed."
        )
    latest = limits.latest_date_that_pays
    chances = {row.join_date: row.joiner_better_off_prob for row in limits.by_join_date}
    if latest:
        yield (
            f"The latest month to join at which it still pays on average is that of {latest}; it is then better off "
            f"than doing nothing in {of_hundred(chances[latest])} simulated contracts."
        )
    else:
        yield "At no joining date tried does it pay on average."
    teams, therapies, incumbents = limits.by_teams, found.contract.therapies, found.incumbents
    best = max(teams, key=lambda name: teams[name].joiner_net_saving_gbp)
    kind = max(teams, key=lambda name: teams[name].change_for_incumbents_gbp.mean)
    one = len(incumbents) == 1
    yield (
        f"The joiner fares best {team_words(best, therapies)}: it {saves(teams[best].joiner_net_saving_gbp)}. "
        f"{those_in(incumbents).capitalize()} {'fares' if one else 'fare'} best {team_words(kind, therapies)}: "
        f"{_better(teams[kind].change_for_incumbents_gbp.mean)}{'' if one else ' together'}. The cost of a new "
        "team falls on the investor."
    )


def _better(change_gbp: float) -> str:
    if abs(change_gbp) < NIL_GBP:
        return "no better and no worse than before"
    return f"{pounds(abs(change_gbp))} {'better' if change_gbp > 0 else 'worse'} than before"
