"""What groups of boroughs need and cost: expected slot-days, the cheapest whole teams, groups that use them enough.

In: a scenario, a run of it, teams to buy from. Out: `Need`s, `Service`, `Groups`, `Scale`s. Must not know: how cost is
shared, how answers are shown. Pence unless a name says otherwise.

A group S of boroughs that served only its own children would pay c(S) = set-up + management + the cheapest whole teams;
its value is v(S) = expected cashable avoided cost - c(S).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from edgeofcare.calendar import MEAN_DAYS_PER_YEAR, day_number
from edgeofcare.engine.plan import Plan, make_plan
from edgeofcare.inputs.published import reference_file
from edgeofcare.inputs.schema import Scenario
from edgeofcare.money.costs import management_cost, yearly
from edgeofcare.money.pence import Floats, Ints, Pence, to_pence, whole
from edgeofcare.questions.cost_sharing.cooperative_games import DUST, Bools
from edgeofcare.walk import Run

MOST_LISTED = 20
MONTHS_PER_YEAR = 12


# ---- what goes in -----------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Need:
    """What one borough brings: expected referrals and starts, slot-days by therapy, what its children save.

    slot_days: (therapy,). joins_day: day number of its first referral; months: of service, from then to the end of
    delivery. referrals and starts: over the contract. avoided_gbp: cashable, inside tracking. population: aged 10 to
    17, None if unpublished.
    """

    slug: str
    name: str
    referrals: float
    referrals_per_year: float
    starts: float
    slot_days: tuple[float, ...]
    joins_day: int
    months: float
    avoided_gbp: float
    population: float | None

    @property
    def any(self) -> bool:
        """Whether the borough needs a service at all."""
        return sum(self.slot_days) > 0


@dataclass(frozen=True)
class TeamKind:
    """A licensed team of one therapy, as a group would buy it."""

    n_therapists: int
    caseload_per_therapist: int
    cost_gbp_per_year: float

    @property
    def slots(self) -> int:
        """Families at once."""
        return self.n_therapists * self.caseload_per_therapist


@dataclass(frozen=True)
class CoalitionTeams:
    """The teams that groups buy from.

    kinds: by therapy, None for one that is not on offer. most_use: share of slot-days up to which teams are planned.
    least_use: share from which one licensed team is worth having; a group that needs less of a therapy may send its
    families to another. Cost grows from day 0.
    """

    kinds: dict[str, TeamKind | None]
    most_use: float
    least_use: float
    cost_growth_per_year: float


@dataclass(frozen=True)
class Service:
    """What a group has to pay for: teams, set-up, management, by the day on which its first member joins.

    until: day number of the end of delivery. mean_days: (therapy,), for which a starter holds a slot.
    slot_days_per_referral: (therapy,), of an average referred family if nobody is lost while waiting. set_up: pence.
    management, a_pound_a_year: (day + 1,), pence from each day on, of management and of GBP 1 a year of team; what is
    paid for management before day 0 is always paid.
    """

    teams: CoalitionTeams
    until: int
    mean_days: tuple[float, ...]
    slot_days_per_referral: tuple[float, ...]
    set_up: int
    management: Floats
    a_pound_a_year: Floats


def coalition_teams() -> CoalitionTeams:
    """Return the teams of scenarios/reference/coalition_teams.toml."""
    found = {
        part: {key: figure["value"] for key, figure in table.items()}
        for part, table in reference_file("coalition_teams").items()
    }
    for_all = found.pop("all")
    return CoalitionTeams({therapy: TeamKind(**kind) for therapy, kind in found.items()}, **for_all)


def on_offer(teams: CoalitionTeams, scenario: Scenario) -> CoalitionTeams:
    """Return the teams for the scenario's therapies, in its order: as given, or else as its own largest of each."""
    return replace(teams, kinds={name: teams.kinds.get(name, _own_kind(name, scenario)) for name in scenario.therapies})


def _own_kind(therapy: str, scenario: Scenario) -> TeamKind | None:
    """Return the scenario's team of a therapy with most slots, the first of equals; None if it has none."""
    kinds = [
        TeamKind(team.n_therapists, team.caseload_per_therapist, team.cost_gbp_per_year)
        for team in scenario.teams.values()
        if team.therapy == therapy
    ]
    return max(kinds, key=lambda kind: kind.slots, default=None)


def mean_days_used(plan: Plan) -> Floats:
    """Return the mean days for which a starter holds a slot, by therapy: (therapy,).

    A completer of n days holds it n days; one who drops out max(1, floor(u n)), u uniform: (n - 1) / 2 + 1 / n.
    """
    days = np.arange(plan.length_cumulative.shape[1])
    chances = np.diff(plan.length_cumulative, axis=1, prepend=0.0)
    broken_off = (days - 1) / 2 + 1 / np.maximum(days, 1)
    completed = plan.completion_prob[:, None]
    return np.asarray((chances * (completed * days + (1 - completed) * broken_off)).sum(axis=1))


def suited_share(scenario: Scenario) -> Floats:
    """Return the share of starters who get each therapy: (borough, therapy)."""
    return np.array([scenario.shares_suited(slug) for slug in scenario.boroughs])


def expected_starts(plan: Plan) -> Floats:
    """Return the starts if nobody were lost while waiting, up to the entitlement: (borough,)."""
    willing = plan.cumulative_referrals[:, -1] * plan.rates.accept_prob * plan.rates.engage_prob
    return np.asarray(np.minimum(willing, plan.entitlement))


def needs(scenario: Scenario, done: Run | None = None) -> tuple[Need, ...]:
    """Return what each borough brings.

    Starts and avoided cost are means over a run; without one, starts are those if nobody were lost while waiting, and
    avoided cost is nil. Slot-days = starts x share suited x mean days used.
    """
    plan = make_plan(scenario, 1.0, 1.0)
    starts, avoided = expected_starts(plan), np.zeros(plan.n_boroughs)
    if done is not None:
        means = done.boroughs.groupby("borough", observed=False)[["started", "avoided_cashable_gbp"]].mean()
        starts, avoided = (means.loc[list(plan.borough_slugs), name].to_numpy(float) for name in means.columns)
    slot_days = starts[:, None] * suited_share(scenario) * mean_days_used(plan)
    clock, rows = scenario.clock, []
    for i, (slug, borough) in enumerate(scenario.boroughs.items()):
        joins = day_number(borough.join_date or clock.day_0, clock.day_0)
        rows.append(
            Need(
                slug=slug,
                name=borough.name,
                referrals=float(plan.cumulative_referrals[i, -1]),
                referrals_per_year=borough.referrals_per_year,
                starts=float(starts[i]),
                slot_days=tuple(slot_days[i].tolist()),
                joins_day=joins,
                months=(plan.delivery_end - joins) / MEAN_DAYS_PER_YEAR * MONTHS_PER_YEAR,
                avoided_gbp=float(avoided[i]),
                population=_population(slug),
            )
        )
    return tuple(rows)


def _population(slug: str) -> float | None:
    """Return the population aged 10 to 17 on the 2021 Census, None for a borough without a published figure."""
    table = reference_file("population")["rebasing_2020"]
    if slug not in table["by_authority"]:
        return None
    row = dict(zip(table["columns"], table["by_authority"][slug], strict=True))
    return float(row["aged_10_to_17"] * row["ratio"])


def service(scenario: Scenario, teams: CoalitionTeams) -> Service:
    """Return what a group has to pay for: set-up in full, management and teams from its first member's joining on."""
    until = day_number(scenario.clock.delivery_end, scenario.clock.day_0)
    plan = make_plan(scenario, 1.0, 1.0)
    mean_days = mean_days_used(plan)
    a_year = np.array([borough.referrals_per_year for borough in scenario.boroughs.values()])
    suited = np.average(suited_share(scenario), axis=0, weights=a_year if a_year.any() else None)
    willing = plan.rates.accept_prob * plan.rates.engage_prob
    management = np.zeros(until + 1)
    for cost in scenario.costs.management:
        accrual = management_cost("", cost, scenario)
        by_day = np.zeros(until)
        inside = accrual.pence_by_day[max(0, -accrual.first) :][: max(0, until - max(accrual.first, 0))]
        by_day[max(accrual.first, 0) :][: len(inside)] = inside
        management += accrual.pence_by_day.sum() - np.append(0.0, np.cumsum(by_day))
    pound = yearly("", 1.0, teams.cost_growth_per_year, 0, until).pence_by_day
    return Service(
        teams=on_offer(teams, scenario),
        until=until,
        mean_days=tuple(mean_days.tolist()),
        slot_days_per_referral=tuple((willing * (suited * mean_days)).tolist()),
        set_up=to_pence(scenario.costs.set_up_gbp),
        management=management,
        a_pound_a_year=pound.sum() - np.append(0.0, np.cumsum(pound)),
    )


# ---- what a group costs -----------------------------------------------------------------------------------------


def cheapest_teams(
    slot_days: npt.ArrayLike, service_days: npt.ArrayLike, teams: CoalitionTeams, mean_days: Sequence[float] = ()
) -> Ints:
    """Return the whole teams of each therapy that serve groups' slot-days at least cost: (group, therapy).

    slot_days: (group, therapy), therapies as in `teams.kinds`; mean_days: for which each therapy holds a slot, all the
    same if not given. Teams are planned to at most `most_use` of their slot-days. With n therapies there are n + 1
    ways: each apart, or all families to one of them, where they take as long as that therapy does. All may go to one if
    of every other therapy a group needs less than `least_use` of a team, or it is not on offer. The cheapest way is
    taken; on a tie, apart.
    """
    needed = np.atleast_2d(np.asarray(slot_days, dtype=float))
    days = np.broadcast_to(np.asarray(service_days, dtype=float), needed.shape[:1])
    kinds = list(teams.kinds.values())
    moved = all_to_one(needed, mean_days)
    few = np.stack([_too_few(needed[:, i], days, kind, teams) for i, kind in enumerate(kinds)], axis=1)
    ways = [np.stack([_teams_for(needed[:, i], days, kind, teams) for i, kind in enumerate(kinds)], axis=1)]
    costs = [_yearly_cost(ways[0], teams)]
    for i, kind in enumerate(kinds):
        only = np.zeros(needed.shape)
        only[:, i] = _teams_for(moved[:, i], days, kind, teams)
        ways.append(only)
        costs.append(np.where(np.delete(few, i, axis=1).all(axis=1), _yearly_cost(only, teams), np.inf))
    if np.isinf(np.min(costs, axis=0)).any():
        raise ValueError("slot-days need a therapy on offer and days of service")
    best = np.argmin(costs, axis=0)
    return np.asarray(np.stack(ways)[best, np.arange(len(best))].astype(np.int64))


def all_to_one(slot_days: Floats, mean_days: Sequence[float] = ()) -> Floats:
    """Return the slot-days of each therapy if all families were sent to it: (group, therapy).

    Sum over therapies j of slot-days_j x mean days / mean days_j.
    """
    lengths = np.array(mean_days if len(mean_days) else np.ones(slot_days.shape[1]))
    moved = [sum(slot_days[:, j] * (mine / other) for j, other in enumerate(lengths)) for mine in lengths]
    return np.stack([np.asarray(column) for column in moved], axis=1)


def _teams_for(slot_days: Floats, days: Floats, kind: TeamKind | None, teams: CoalitionTeams) -> Floats:
    """Return the whole teams for slot-days; without end where there are slot-days and no such team."""
    room = np.zeros(days.shape) if kind is None else kind.slots * days * teams.most_use
    exact = np.divide(slot_days, room, out=np.where(slot_days > 0, np.inf, 0.0), where=room > 0)
    return np.asarray(np.ceil(exact * (1 - DUST)))


def _too_few(slot_days: Floats, days: Floats, kind: TeamKind | None, teams: CoalitionTeams) -> Bools:
    """Tell where slot-days of a therapy do not fill one team to `least_use`."""
    return np.asarray(slot_days < (np.inf if kind is None else kind.slots * days * teams.least_use))


def _yearly_cost(n_teams: Floats | Ints, teams: CoalitionTeams) -> Floats:
    """Return the yearly cost of teams, GBP: (group,); without end for a team that is not on offer."""
    total = np.zeros(len(n_teams))
    for i, kind in enumerate(teams.kinds.values()):
        n = n_teams[:, i]
        total += np.where(n > 0, np.inf, 0.0) if kind is None else n * kind.cost_gbp_per_year
    return total


@dataclass(frozen=True)
class Groups:
    """What groups need and cost: (group,) each; teams and use: (group, therapy).

    use: slot-days needed of a therapy that has a team / slot-days available, those sent from the other included.
    """

    members: Bools
    teams: Ints
    use: Floats
    cost: Pence
    avoided_gbp: Floats
    starts: Floats

    @property
    def value(self) -> Floats:
        """Expected cashable avoided cost less cost, pence."""
        return np.asarray(self.avoided_gbp * 100 - self.cost)


def price_groups(members: Bools, of: Sequence[Need], to: Service) -> Groups:
    """Return what groups need and cost; a borough without need adds nothing and is not waited for.

    Teams serve from the joining of a group's first member to the end of delivery; slot-days are spread over that time.
    """
    n_days = np.array([n.slot_days for n in of])
    served = members & np.array([n.any for n in of])
    there = served.any(axis=1)
    first = np.where(served, [n.joins_day for n in of], to.until).min(axis=1)
    needed = served.astype(float) @ n_days
    days = (to.until - first).astype(float)
    n_teams = cheapest_teams(needed, days, to.teams, to.mean_days)
    a_year = _yearly_cost(n_teams, to.teams)
    cost = whole(to.set_up + to.management[first] + a_year * to.a_pound_a_year[first])
    others = n_teams.sum(axis=1, keepdims=True) - n_teams
    used = np.where(others > 0, needed, all_to_one(needed, to.mean_days))
    slots = [0 if kind is None else kind.slots for kind in to.teams.kinds.values()]
    room = n_teams * slots * days[:, None]
    return Groups(
        members=members,
        teams=n_teams,
        use=np.divide(used, room, out=np.zeros(room.shape), where=room > 0),
        cost=np.where(there, cost, 0),
        avoided_gbp=members.astype(float) @ np.array([n.avoided_gbp for n in of]),
        starts=members.astype(float) @ np.array([n.starts for n in of]),
    )


# ---- scale ------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class ViableGroup:
    """A group whose teams of a therapy are used enough."""

    boroughs: tuple[str, ...]
    n_teams: int
    use: float
    cost_pence: int
    cost_gbp_per_start: float


@dataclass(frozen=True)
class Scale:
    """When a licensed team of one therapy is used enough.

    use_per_referral_a_year: share of one team's slot-days that a family referred a year takes once referrals are fully
    ramped up and nobody is lost while waiting. least_referrals_per_year: the smallest whole number of referrals at
    which one team is used `least_use`; all_referrals_per_year: of all boroughs together. growing: boroughs joined one
    by one, most referrals first: (boroughs so far, their referrals a year, use of their teams in their cheapest
    set-up, 0 without a team). viable: groups of two and more whose teams are used enough, cheapest a start first, at
    most `MOST_LISTED` of n_viable.
    """

    therapy: str
    slots: int
    least_use: float
    use_per_referral_a_year: float
    least_referrals_per_year: int | None
    all_referrals_per_year: float
    growing: tuple[tuple[int, float, float], ...]
    n_viable: int
    n_groups: int
    viable: tuple[ViableGroup, ...]


def scales(of: Sequence[Need], to: Service, members: Bools) -> tuple[Scale, ...]:
    """Return for each therapy on offer when its team is used enough, alone and by group."""
    a_year = np.array([n.referrals_per_year for n in of])
    order = np.argsort(-a_year, kind="stable")
    steps = np.argsort(order)[None, :] <= np.arange(len(of))[:, None]
    growing = price_groups(steps, of, to)
    priced = price_groups(members[members.sum(axis=1) > 1], of, to)
    found = []
    for i, (therapy, kind) in enumerate(to.teams.kinds.items()):
        if kind is None:
            continue
        each = to.slot_days_per_referral[i] / (kind.slots * MEAN_DAYS_PER_YEAR)
        rows = np.flatnonzero(priced.use[:, i] >= to.teams.least_use)
        dear = priced.cost[rows] / np.maximum(priced.starts[rows], DUST)
        viable = rows[np.argsort(dear, kind="stable")]
        found.append(
            Scale(
                therapy=therapy,
                slots=kind.slots,
                least_use=to.teams.least_use,
                use_per_referral_a_year=each,
                least_referrals_per_year=math.ceil(to.teams.least_use / each * (1 - DUST)) if each > 0 else None,
                all_referrals_per_year=float(a_year.sum()),
                growing=tuple(
                    (k + 1, float(a_year[order[: k + 1]].sum()), float(growing.use[k, i])) for k in range(len(of))
                ),
                n_viable=len(viable),
                n_groups=len(priced.cost),
                viable=tuple(_viable(priced, int(row), i, of) for row in viable[:MOST_LISTED]),
            )
        )
    return tuple(found)


def _viable(priced: Groups, row: int, therapy: int, of: Sequence[Need]) -> ViableGroup:
    return ViableGroup(
        boroughs=slugs_of(priced.members[row], of),
        n_teams=int(priced.teams[row, therapy]),
        use=float(priced.use[row, therapy]),
        cost_pence=int(priced.cost[row]),
        cost_gbp_per_start=float(priced.cost[row] / 100 / priced.starts[row]),
    )


def slugs_of(member: Bools, of: Sequence[Need]) -> tuple[str, ...]:
    """Return the slugs of a group's boroughs; member: (borough,)."""
    return tuple(need.slug for need, inside in zip(of, member, strict=True) if inside)
