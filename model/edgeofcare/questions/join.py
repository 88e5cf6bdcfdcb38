"""Should this borough join? The contract with and without it, with the same random draws, for it and everyone else.

In: a scenario and who would join. Out: a `Joined`. Must not know: how answers are shown, files.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import date
from itertools import pairwise
from typing import cast

import numpy as np
import numpy.typing as npt

from edgeofcare.calendar import DAYS_PER_YEAR, add_months
from edgeofcare.engine.parameters import Drawn, draw_values
from edgeofcare.errors import OptionError
from edgeofcare.experiment import OWN, Case, Draws, Progress, Remembered, check_options, experiment, with_draws
from edgeofcare.inputs.boroughs import (
    CapOnJoin,
    Joiner,
    Joining,
    load_joiner,
    team_choices,
    with_joiners,
    with_referrals,
)
from edgeofcare.inputs.load import with_values
from edgeofcare.inputs.schema import Scenario
from edgeofcare.money.costs import real_value_by_year
from edgeofcare.outcomes import Change, Rows, paired, standard_error
from edgeofcare.questions.counterfactuals import Counterfactual, claimed_case
from edgeofcare.questions.exposure import (
    COLUMNS,
    borough_exposure,
    concentration,
    in_doubt,
)
from edgeofcare.questions.join_answer import (
    CapBinds,
    Choice,
    Concentrations,
    Incumbent,
    IncumbentInDoubt,
    InvestorChange,
    InvestorSide,
    JoinContract,
    Joined,
    JoinerAnswer,
    JoinInDoubt,
    JoinInvestor,
    Level,
    Limits,
    LongestWait,
    Provider,
    Starts,
    Step,
    Use,
    Wait,
)
from edgeofcare.summary import expected_rate

VOLUME_CHOICES = (0.1, 0.25, 0.5, 0.75, 1.0, 1.5, 2.0)
MONTHS_BETWEEN = 3
LIMIT_SHARE = 5  # --limits simulates a fifth of the replications at each point
FEWEST_AT_LIMITS = 200
PLANNED_FROM = 500  # the first replications, from which the expected starts of the contract without joiners are taken
FIXED_CAP = "fixed cap"
MAIN_COLUMNS = (
    *("started", "waiting_days", "payments_gbp", "net_saving_gbp", "slot_days_used", "slot_days", "profit_gbp"),
    *("cap_binds", "money_multiple", "peak_funding_gbp", "flows"),
)
FULL_COLUMNS = (*MAIN_COLUMNS, *(name for name in COLUMNS if name not in MAIN_COLUMNS))
Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Pair:
    """The contract without and with the joiners: rows with the same random draws, in cases of the same hazards.

    fixed_cap: rows of the same lives with the cap as it was, None where it has not moved. real: (year,).
    """

    before: Case
    after: Case
    without: Rows
    with_: Rows
    fixed_cap: Rows | None
    real: Floats


# ---- the question ------------------------------------------------------------------------------------------------


def join(
    scenario: Scenario,
    boroughs: Sequence[str | Joining],
    when: date | None = None,
    teams: str = "as-is",
    cap_on_join: str = "per_start",
    replications: int = 5000,
    seed: int = 1,
    outer_draws: int = 1,
    limits: bool = False,
    in_sequence: bool = False,
    workers: int | None = None,
    progress: Progress | None = None,
) -> Joined:
    """Return what changes, for whom, if boroughs join a contract, all at once.

    boroughs: names of shipped joiners or paths of their files, each with its own date if "@2019-04-01" follows, or
    joinings made with inputs.boroughs. when: the date of all others, otherwise that of their files. outer_draws: with
    several, also the main figures with uncertain inputs drawn. limits: also the volume at which they break even, the
    latest month at which joining still pays, and other teams. in_sequence: also what each changes that joins after
    those named before it. Raises InputError for a borough that is in already, joins outside the window of referrals,
    or has no published figures; OptionError for options out of range.
    """
    if not boroughs:
        raise OptionError("name at least one borough that would join.")
    check_options(scenario, replications, seed, outer_draws, workers)
    claimed = claimed_case(scenario)
    joinings = [_joining(one, scenario, when, teams) if isinstance(one, str) else one for one in boroughs]
    with_joiners(scenario, joinings, 1.0, cast(CapOnJoin, cap_on_join))  # faults first, before anything is simulated
    planned = _planned_starts(claimed, seed)

    def after(some: Sequence[Joining]) -> Case:
        return _joined_case(claimed, some, cap_on_join, planned)

    pair = make_pair(claimed, after(joinings), replications, seed, workers, progress)

    def joined_by(some: Sequence[Joining], without: Rows) -> Pair:
        case = after(some)
        rows = experiment({OWN: case}, seed, len(without), MAIN_COLUMNS, workers=workers)[OWN, OWN]
        return Pair(claimed, case, without, rows, None, pair.real)

    few = pair.without.first(max(FEWEST_AT_LIMITS, replications // LIMIT_SHARE))
    return Joined(
        scenario=scenario_name(pair),
        title=pair.after.scenario.title,
        seed=seed,
        replications=replications,
        outer_draws=outer_draws,
        joiner={one.joiner.slug: _joiner(pair, one) for one in joinings},
        incumbents=incumbents(pair),
        providers=_providers(pair),
        investor=_investor(pair),
        contract=_contract(pair, cap_on_join, joinings),
        steps=in_steps(pair, joinings, joined_by) if in_sequence else [],
        limits=find_limits(pair, joinings, lambda some: joined_by(some, few)) if limits else None,
        uncertain=None if outer_draws == 1 else _in_doubt(pair, joinings, outer_draws, replications, seed, workers),
        joined=pair.after.scenario,
    )


def scenario_name(pair: Pair) -> str:
    """Return the name of the scenario with the joiners."""
    return pair.after.scenario.name


def _joining(text: str, scenario: Scenario, when: date | None, teams: str) -> Joining:
    """Return who joins, when and with which teams, from NAME or NAME@DATE."""
    name, at, day = text, "", ""
    if parts := re.fullmatch(r"(.+)@([^/\\@]*)", text):
        name, at, day = parts[1], "@", parts[2]
    try:
        own = date.fromisoformat(day.strip()) if at else when
    except ValueError:
        raise OptionError(f"after @ comes a date such as {name}@2019-04-01 (got {text!r}).") from None
    return Joining(load_joiner(name, scenario), own, teams)


def _joined_case(
    claimed: Counterfactual, joinings: Sequence[Joining], cap_on_join: str, planned_starts: float
) -> Counterfactual:
    joined = with_joiners(claimed.scenario, joinings, planned_starts, cast(CapOnJoin, cap_on_join))
    return replace(claimed, scenario=joined, name=f"{claimed.name}, joined")


def _planned_starts(claimed: Case, seed: int) -> float:
    """Return the expected starts without joiners, from the first replications whatever their number."""
    rows = experiment({OWN: claimed}, seed, PLANNED_FROM, ["started"])[OWN, OWN]
    return float(rows.at("started").mean())


def make_pair(
    before: Case,
    after: Case,
    replications: int,
    seed: int,
    workers: int | None = None,
    progress: Progress | None = None,
) -> Pair:
    """Simulate the contract without and with the joiners; where they raise its cap, also with the cap as it was."""
    cap = before.scenario.contract.cap_gbp
    cases = {"before": before, "after": after}
    if after.scenario.contract.cap_gbp != cap:
        cases[FIXED_CAP] = replace(after, scenario=with_values(after.scenario, {"contract.cap_gbp": cap}))
    columns = {"before": MAIN_COLUMNS, "after": FULL_COLUMNS, FIXED_CAP: ("net_saving_gbp", "cap_binds")}
    rows = experiment(cases, seed, replications, columns, workers=workers, progress=progress)
    real = real_value_by_year(after.plan(), after.scenario)
    fixed = rows.get((FIXED_CAP, OWN))
    return Pair(before, after, rows["before", OWN], rows["after", OWN], fixed, real)


def _in_doubt(
    pair: Pair, joinings: Sequence[Joining], outer_draws: int, replications: int, seed: int, workers: int | None
) -> JoinInDoubt:
    """Return the main figures with inputs drawn: those that both sides share are the same in both."""
    before = with_draws(pair.before, outer_draws, seed)
    assert before.draws is not None
    own, scenario = before.draws.of, pair.after.scenario

    def of(number: int) -> Drawn:
        values = draw_values(scenario, seed, number)
        return replace(own(number), scenario=with_values(scenario, values), values=values)

    after = replace(pair.after, draws=Draws(outer_draws, Remembered(of)))
    drawn = make_pair(before, after, replications, seed, workers)
    return JoinInDoubt(
        outer_draws,
        {one.joiner.slug: in_doubt(drawn.with_, one.joiner.slug, None) for one in joinings},
        {slug: _incumbent_in_doubt(drawn, slug) for slug in pair.before.scenario.boroughs},
        drawn.with_.paired(drawn.with_.at("profit_gbp") - drawn.without.at("profit_gbp")),
        Level(*(rows.prob(rows.at("profit_gbp") < 0) for rows in (drawn.without, drawn.with_))),
    )


def _incumbent_in_doubt(pair: Pair, slug: str) -> IncumbentInDoubt:
    change = _change(pair, "net_saving_gbp", slug)
    better = pair.with_.chance(change > 0)
    return IncumbentInDoubt(pair.with_.paired(change), better.prob, better.se)


# ---- figures -----------------------------------------------------------------------------------------------------


def _change(pair: Pair, column: str, slug: str) -> Floats:
    """Return what the joining changes for a borough already in: (replication,)."""
    with_, without = (rows.at(column, borough=slug) for rows in (pair.with_, pair.without))
    return np.asarray(with_ - without, dtype=float)


def _waits(rows: Rows, slugs: Sequence[str]) -> tuple[Floats, Floats]:
    """Return waiting days and starts of some boroughs together: (replication,) each."""
    days, started = (
        np.sum([rows.at(name, borough=slug) for slug in slugs], axis=0, dtype=float)
        for name in ("waiting_days", "started")
    )
    return days, started


def _wait(rows: Rows, *slugs: str) -> float | None:
    """Return the mean wait of those who start in some boroughs, days."""
    days, started = _waits(rows, slugs)
    return float(days.sum() / started.sum()) if started.sum() else None


def _wait_change(pair: Pair, slug: str) -> Change:
    """Return the change of the mean wait of those who start, days, with the error of the ratio's difference."""
    parts = []
    for rows in (pair.without, pair.with_):
        days, started = _waits(rows, [slug])
        if not started.sum():
            return Change(None, None)
        mean = days.sum() / started.sum()
        parts.append((mean, (days - mean * started) / started.mean()))
    return Change(float(parts[1][0] - parts[0][0]), standard_error(parts[1][1] - parts[0][1]))


def _joiner(pair: Pair, joining: Joining) -> JoinerAnswer:
    slug = joining.joiner.slug
    borough = pair.after.scenario.boroughs[slug]
    return JoinerAnswer(
        **vars(borough_exposure(pair.with_, slug, borough.name, pair.real, None)),
        join_date=str(borough.join_date),
        teams=joining.teams,
        referrals_per_year=borough.referrals_per_year,
        waiting_days=_wait(pair.with_, slug),
        worse_off_prob=pair.with_.prob(pair.with_.at("net_saving_gbp", borough=slug) < 0),
    )


def incumbents(pair: Pair) -> dict[str, Incumbent]:
    """Return what changes for each borough already in."""
    return {slug: _incumbent(pair, slug, borough.name) for slug, borough in pair.before.scenario.boroughs.items()}


def _incumbent(pair: Pair, slug: str, name: str) -> Incumbent:
    saving, sides = _change(pair, "net_saving_gbp", slug), (pair.without, pair.with_)
    levels = [rows.at("net_saving_gbp", borough=slug) for rows in sides]
    fixed = None if pair.fixed_cap is None else pair.fixed_cap.at("net_saving_gbp", borough=slug) - levels[1]
    return Incumbent(
        name=name,
        waiting_days=Wait(_wait(pair.without, slug), _wait(pair.with_, slug), _wait_change(pair, slug)),
        change_in_starts=paired(_change(pair, "started", slug)),
        change_in_payments_gbp=paired(_change(pair, "payments_gbp", slug)),
        net_saving_gbp=Level(*(float(level.mean()) for level in levels)),
        change_in_net_saving_gbp=paired(saving),
        worse_off_prob=float((saving < 0).mean()),
        better_off_prob=float((saving > 0).mean()),
        better_off_than_nothing_prob=Level(*(float((level > 0).mean()) for level in levels)),
        effect_of_a_fixed_cap_gbp=None if fixed is None else paired(fixed),
    )


def _providers(pair: Pair) -> dict[str, Provider]:
    before = pair.before.scenario.teams
    return {name: _provider(pair, name, name in before) for name in pair.after.scenario.teams}


def _provider(pair: Pair, team: str, was_there: bool) -> Provider:
    used = _use(pair.with_, team)
    if not was_there:
        return Provider(Use(None, float(used.mean()), None), new=True)
    was = _use(pair.without, team)
    return Provider(Use(float(was.mean()), float(used.mean()), paired(used - was)), new=False)


def _use(rows: Rows, team: str) -> Floats:
    """Return the share of a team's places that is used: (replication,). Availability is deterministic."""
    return np.asarray(rows.at("slot_days_used", team=team) / np.maximum(rows.at("slot_days", team=team), 1))


def _investor(pair: Pair) -> JoinInvestor:
    without, with_ = (_investor_side(rows) for rows in (pair.without, pair.with_))
    known = without.irr_of_expected_flows is not None and with_.irr_of_expected_flows is not None
    multiple = pair.with_.at("money_multiple") - pair.without.at("money_multiple")
    exists = multiple[np.isfinite(multiple)]

    def change(name: str) -> Floats:
        return np.asarray(pair.with_.at(name) - pair.without.at(name), dtype=float)

    rate = Change(None, None)
    if known:
        moved = cast(float, with_.irr_of_expected_flows) - cast(float, without.irr_of_expected_flows)
        rate = Change(moved, standard_error(_influence(pair.with_) - _influence(pair.without)))
    losses = (pair.with_.at("profit_gbp") < 0).astype(float) - (pair.without.at("profit_gbp") < 0)
    return JoinInvestor(
        without,
        with_,
        InvestorChange(
            rate,
            paired(exists) if len(exists) else None,
            paired(change("profit_gbp")),
            paired(change("peak_funding_gbp")),
            paired(losses),
        ),
    )


def _investor_side(rows: Rows) -> InvestorSide:
    return InvestorSide(
        expected_rate(rows),
        rows.stat("money_multiple").mean,
        rows.spread("profit_gbp"),
        rows.spread("peak_funding_gbp"),
        rows.prob(rows.at("profit_gbp") < 0),
    )


def _influence(rows: Rows) -> Floats:
    """Return by how much each replication moves the rate r of the expected flows: (replication,).

    With present value v(r) = mean of v_i(r) = 0, replication i moves the root by -v_i(r) / v'(r) (delta method).
    """
    rate, flows, days = expected_rate(rows), rows.columns["flows"], np.array(rows.labels["date"])
    if rate is None or rate <= -1:
        return np.zeros(len(flows))
    years = (days - days[0]) / DAYS_PER_YEAR
    discount = (1 + rate) ** -years
    slope = -(flows.mean(axis=0) * years * discount).sum() / (1 + rate)
    return np.asarray(-(flows * discount).sum(axis=1) / slope)


def _contract(pair: Pair, cap_on_join: str, joinings: Sequence[Joining]) -> JoinContract:
    teams = {one.teams for one in joinings}
    sides = pair.without, pair.with_
    binds = [rows.at("cap_binds") for rows in sides]
    return JoinContract(
        teams=teams.pop() if len(teams) == 1 else None,
        therapies=pair.after.scenario.therapy_labels,
        cap_on_join=cap_on_join,
        cap_gbp=Level(pair.before.scenario.contract.cap_gbp, pair.after.scenario.contract.cap_gbp),
        cap_binds_prob=CapBinds(
            float(binds[0].mean()),
            float(binds[1].mean()),
            paired(binds[1].astype(float) - binds[0]),
            None if pair.fixed_cap is None else float(pair.fixed_cap.at("cap_binds").mean()),
        ),
        starts=Starts(
            pair.without.spread("started"),
            pair.with_.spread("started"),
            paired((pair.with_.at("started") - pair.without.at("started")).astype(float)),
        ),
        change_in_starts_of_those_in=paired(_of_those_in(pair, "started")),
        change_in_net_saving_of_those_in_gbp=paired(_of_those_in(pair, "net_saving_gbp")),
        change_in_net_saving_of_all_gbp=paired(pair.with_.at("net_saving_gbp") - pair.without.at("net_saving_gbp")),
        concentration=Concentrations(*(concentration(rows) for rows in sides)),
    )


def _of_those_in(pair: Pair, column: str) -> Floats:
    """Return what the joining changes for all boroughs already in: (replication,)."""
    return np.asarray(np.sum([_change(pair, column, slug) for slug in pair.before.scenario.boroughs], axis=0))


# ---- in sequence ---------------------------------------------------------------------------------------------------

JoinedBy = Callable[[Sequence[Joining], Rows], Pair]


def in_steps(pair: Pair, joinings: Sequence[Joining], joined_by: JoinedBy) -> list[Step]:
    """Return what each joiner changes for all who are in before it, in the order named; the last step ends at `pair`.

    pair: without and with all of them.
    """
    steps, before, without = [], pair.before, pair.without
    for k, joining in enumerate(joinings):
        reached = pair if k == len(joinings) - 1 else joined_by(joinings[: k + 1], pair.without)
        step = replace(reached, before=before, without=without, fixed_cap=None)
        slug = joining.joiner.slug
        steps.append(
            Step(
                joiner=slug,
                name=joining.joiner.borough.name,
                join_date=str(step.after.scenario.boroughs[slug].join_date),
                net_saving_gbp=step.with_.spread("net_saving_gbp", borough=slug),
                better_off_prob=float((step.with_.at("net_saving_gbp", borough=slug) > 0).mean()),
                incumbents=incumbents(step),
                change_in_profit_gbp=paired(step.with_.at("profit_gbp") - step.without.at("profit_gbp")),
            )
        )
        before, without = step.after, step.with_
    return steps


# ---- limits --------------------------------------------------------------------------------------------------------


def joining_months(scenario: Scenario) -> list[date]:
    """Return the joining dates that may be tried: day 0, and the first of every month to the end of referrals."""
    clock = scenario.clock
    days = [clock.day_0]
    while (day := add_months(clock.day_0, len(days))) < clock.referrals_until:
        days.append(day)
    return days


def find_limits(pair: Pair, joinings: Sequence[Joining], again: Callable[[Sequence[Joining]], Pair]) -> Limits:
    """Return the limits of the answer: volume, date (the same for all joiners), teams.

    again: simulate another choice with the same random draws.
    """
    slugs = [one.joiner.slug for one in joinings]

    def choice(changed: Sequence[Joining]) -> Choice:
        return _short(again(changed), slugs)

    def at_volume(factor: float) -> Choice:
        return replace(
            choice([replace(one, joiner=_at_volume(one.joiner, factor)) for one in joinings]), referrals_share=factor
        )

    def from_day(day: date) -> Choice:
        return replace(choice([replace(one, when=day) for one in joinings]), join_date=str(day))

    by_volume = [at_volume(factor) for factor in VOLUME_CHOICES]
    teams = team_choices(pair.before.scenario)
    by_date, latest = latest_month(joining_months(pair.before.scenario), from_day)
    return Limits(
        by_volume=by_volume,
        break_even_referrals_share=_crossing(by_volume),
        by_join_date=by_date,
        latest_date_that_pays=latest,
        by_teams={name: choice([replace(one, teams=name) for one in joinings]) for name in teams},
    )


def latest_month(months: Sequence[date], from_day: Callable[[date], Choice]) -> tuple[list[Choice], str | None]:
    """Return the figures of the dates tried, in order, and the latest at which the joiners save on average.

    Every third month and the last are tried, then the months between the latest of these that pays and the next are
    halved. None if none of those tried pays.
    """
    tried = {k: from_day(months[k]) for k in sorted({*range(0, len(months), MONTHS_BETWEEN), len(months) - 1})}

    def pays(k: int) -> bool:
        return tried[k].joiner_net_saving_gbp > 0

    paying = [k for k in tried if pays(k)]
    if paying:
        low, high = max(paying), min((k for k in tried if k > max(paying)), default=len(months))
        while high - low > 1:
            middle = (low + high) // 2
            tried[middle] = from_day(months[middle])
            low, high = (middle, high) if pays(middle) else (low, middle)
        return [tried[k] for k in sorted(tried)], str(months[low])
    return list(tried.values()), None


def _at_volume(joiner: Joiner, factor: float) -> Joiner:
    return with_referrals(joiner, joiner.borough.referrals_per_year * factor)


def _short(pair: Pair, joiners: Sequence[str]) -> Choice:
    """Return the few figures by which one choice is held against another."""
    saving = np.sum([pair.with_.at("net_saving_gbp", borough=slug) for slug in joiners], axis=0)
    waits = {slug: _wait_change(pair, slug) for slug in pair.before.scenario.boroughs}
    longest = max(waits, key=lambda slug: waits[slug].mean or 0.0)
    return Choice(
        joiner_net_saving_gbp=float(saving.mean()),
        joiner_net_saving_se_gbp=standard_error(saving),
        joiner_better_off_prob=float((saving > 0).mean()),
        joiner_wait_days=_wait(pair.with_, *joiners),
        change_for_incumbents_gbp=paired(_of_those_in(pair, "net_saving_gbp")),
        change_in_starts_of_those_in=paired(_of_those_in(pair, "started")),
        longest_added_wait_days=LongestWait(waits[longest].mean, waits[longest].se, longest),
        change_in_profit_gbp=paired(pair.with_.at("profit_gbp") - pair.without.at("profit_gbp")),
    )


def _crossing(choices: Sequence[Choice]) -> float | None:
    """Return the share of referrals at which the joiners' expected net saving is nil, straight between two points."""
    for a, b in pairwise(choices):
        x, y = a.joiner_net_saving_gbp, b.joiner_net_saving_gbp
        if (x < 0) != (y < 0):
            low, high = cast(float, a.referrals_share), cast(float, b.referrals_share)
            return float(low + (high - low) * x / (x - y))
    return None
