"""What sharing a service costs each borough: the cost of every group, Shapley shares, the core, viable groups.

In: a scenario and a run of it. Out: `Shares`. Must not know: how they are shown. Pence unless a name says otherwise.

A group S of boroughs that served only its own children would pay c(S) = set-up + management + the cheapest whole teams;
its value is v(S) = expected cashable avoided cost - c(S). Avoided cost belongs to a borough whatever group it is in, so
it cancels wherever a group is compared with its members' shares: what a group gains by leaving is x(S) - c(S).
What a group could leave for is a service of its own, not none: net_gbp says who would be better off with none.
Shapley value: Shapley 1953, "A value for n-person games". Sampled: Castro, Gomez and Tejada 2009, "Polynomial
calculation of the Shapley value based on sampling". Least core: Maschler, Peleg and Shapley 1979.
Groups are rows of truth values, (group, borough); with all of them, row k has borough i if bit i of k is set.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from itertools import combinations
from typing import Any

import numpy as np
import numpy.typing as npt

from edgeofcare.calendar import MEAN_DAYS_PER_YEAR, day_number
from edgeofcare.engine.plan import THERAPIES, Plan, make_plan
from edgeofcare.errors import OptionError
from edgeofcare.inputs.published import reference_file
from edgeofcare.inputs.schema import Scenario
from edgeofcare.money.costs import management_cost, yearly
from edgeofcare.money.pence import Floats, Ints, Pence, share_out, to_pence, whole
from edgeofcare.walk import Progress, Run, run

Bools = npt.NDArray[np.bool_]
Game = Callable[[Bools], Floats]
EXACT_UP_TO, MOST_EXACT, MOST_BOROUGHS = 10, 16, 60
PERMUTATIONS, BATCH = 20_000, 200
SMALL_GROUPS = 3  # the largest groups looked at, besides all but one, where all groups are too many
MOST_LISTED = 20
DUST = 1e-9  # rounding, relative
TOLD_FROM_GBP = 1.0  # what a group gains by leaving is told from a pound on
MONTHS_PER_YEAR = 12


# ---- what goes in -----------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Need:
    """What one borough brings: expected referrals and starts, slot-days by therapy, what its children save.

    joins_day: day number of its first referral; months: of service, from then to the end of delivery. referrals and
    starts: over the contract. avoided_gbp: cashable, inside tracking. population: aged 10 to 17, None if unpublished.
    """

    slug: str
    name: str
    referrals: float
    referrals_per_year: float
    starts: float
    slot_days_mst: float
    slot_days_fft: float
    joins_day: int
    months: float
    avoided_gbp: float
    population: float | None

    @property
    def any(self) -> bool:
        """Whether the borough needs a service at all."""
        return self.slot_days_mst + self.slot_days_fft > 0


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
    """The teams that groups buy from; None for a therapy that is not on offer.

    most_use: share of slot-days up to which teams are planned. least_use: share from which one licensed team is worth
    having; a group that needs less of a therapy may send its families to the other. Cost grows from day 0.
    """

    mst: TeamKind | None
    fft: TeamKind | None
    most_use: float
    least_use: float
    cost_growth_per_year: float


@dataclass(frozen=True)
class Service:
    """What a group has to pay for: teams, set-up, management, by the day on which its first member joins.

    until: day number of the end of delivery. mst_days_per_fft_day: length of an MST against an FFT.
    slot_days_per_referral: MST and FFT, of an average referred family if nobody is lost while waiting. set_up: pence.
    management, a_pound_a_year: (day + 1,), pence from each day on, of management and of GBP 1 a year of team; what is
    paid for management before day 0 is always paid.
    """

    teams: CoalitionTeams
    until: int
    mst_days_per_fft_day: float
    slot_days_per_referral: tuple[float, float]
    set_up: int
    management: Floats
    a_pound_a_year: Floats


def coalition_teams() -> CoalitionTeams:
    """Return the teams of scenarios/reference/coalition_teams.toml."""
    found = {
        part: {key: figure["value"] for key, figure in table.items()}
        for part, table in reference_file("coalition_teams").items()
    }
    return CoalitionTeams(mst=TeamKind(**found["mst"]), fft=TeamKind(**found["fft"]), **found["all"])


def on_offer(teams: CoalitionTeams, scenario: Scenario) -> CoalitionTeams:
    """Return the teams less those of a therapy that the scenario has not."""
    given = scenario.therapies
    return CoalitionTeams(
        teams.mst if given.mst else None,
        teams.fft if given.fft else None,
        teams.most_use,
        teams.least_use,
        teams.cost_growth_per_year,
    )


def mean_days_used(plan: Plan) -> Floats:
    """Return the mean days for which a starter holds a slot, by therapy: (therapy,).

    A completer of n days holds it n days; one who drops out max(1, floor(u n)), u uniform: (n - 1) / 2 + 1 / n.
    """
    days = np.arange(plan.length_cumulative.shape[1])
    chances = np.diff(plan.length_cumulative, axis=1, prepend=0.0)
    broken_off = (days - 1) / 2 + 1 / np.maximum(days, 1)
    completed = plan.completion_prob[:, None]
    return np.asarray((chances * (completed * days + (1 - completed) * broken_off)).sum(axis=1))


def suited_share(plan: Plan, scenario: Scenario) -> Floats:
    """Return the share of starters who get each therapy: (borough, therapy)."""
    mst = plan.suited_to_mst_prob.copy()
    if scenario.therapies.fft is None:
        mst[:] = 1
    if scenario.therapies.mst is None:
        mst[:] = 0
    return np.stack([mst, 1 - mst], axis=1)


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
    slot_days = starts[:, None] * suited_share(plan, scenario) * mean_days_used(plan)
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
                slot_days_mst=float(slot_days[i, 0]),
                slot_days_fft=float(slot_days[i, 1]),
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
    mst, fft = mean_days_used(plan)
    a_year = np.array([borough.referrals_per_year for borough in scenario.boroughs.values()])
    suited = np.average(suited_share(plan, scenario), axis=0, weights=a_year if a_year.any() else None)
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
        mst_days_per_fft_day=float(mst / fft),
        slot_days_per_referral=(willing * float(suited[0] * mst), willing * float(suited[1] * fft)),
        set_up=to_pence(scenario.costs.set_up_gbp),
        management=management,
        a_pound_a_year=pound.sum() - np.append(0.0, np.cumsum(pound)),
    )


# ---- what a group costs -----------------------------------------------------------------------------------------


def cheapest_teams(
    slot_days_mst: npt.ArrayLike,
    slot_days_fft: npt.ArrayLike,
    service_days: npt.ArrayLike,
    teams: CoalitionTeams,
    mst_days_per_fft_day: float = 1.0,
) -> tuple[Ints, Ints]:
    """Return the numbers of whole MST and FFT teams that serve groups' slot-days at least cost: (group,) both.

    Teams are planned to at most `most_use` of their slot-days. The therapies stay apart, unless a group needs less of
    one than `least_use` of a team, or it is not on offer: it may then send those families to the other, where they take
    as long as the other therapy does. The cheaper way is taken; on a tie, apart.
    """
    given = (np.asarray(a, dtype=float) for a in (slot_days_mst, slot_days_fft, service_days))
    mst, fft, days = (np.asarray(a) for a in np.broadcast_arrays(*given))
    nobody, all_mst, all_fft = np.zeros(mst.shape), mst + fft * mst_days_per_fft_day, fft + mst / mst_days_per_fft_day
    apart = (_teams_for(mst, days, teams.mst, teams), _teams_for(fft, days, teams.fft, teams))
    only_mst = (_teams_for(all_mst, days, teams.mst, teams), nobody)
    only_fft = (nobody, _teams_for(all_fft, days, teams.fft, teams))
    costs = [
        _yearly_cost(*apart, teams),
        np.where(_too_few(fft, days, teams.fft, teams), _yearly_cost(*only_mst, teams), np.inf),
        np.where(_too_few(mst, days, teams.mst, teams), _yearly_cost(*only_fft, teams), np.inf),
    ]
    if np.isinf(np.min(costs, axis=0)).any():
        raise ValueError("slot-days need a therapy on offer and days of service")
    best = np.argmin(costs, axis=0)
    of_mst, of_fft = (np.choose(best, ways) for ways in zip(apart, only_mst, only_fft, strict=True))
    return of_mst.astype(np.int64), of_fft.astype(np.int64)


def _teams_for(slot_days: Floats, days: Floats, kind: TeamKind | None, teams: CoalitionTeams) -> Floats:
    """Return the whole teams for slot-days; without end where there are slot-days and no such team."""
    room = np.zeros(days.shape) if kind is None else kind.slots * days * teams.most_use
    exact = np.divide(slot_days, room, out=np.where(slot_days > 0, np.inf, 0.0), where=room > 0)
    return np.asarray(np.ceil(exact * (1 - DUST)))


def _too_few(slot_days: Floats, days: Floats, kind: TeamKind | None, teams: CoalitionTeams) -> Bools:
    """Tell where slot-days of a therapy do not fill one team to `least_use`."""
    return np.asarray(slot_days < (np.inf if kind is None else kind.slots * days * teams.least_use))


def _yearly_cost(n_mst: Floats | Ints, n_fft: Floats | Ints, teams: CoalitionTeams) -> Floats:
    """Return the yearly cost of teams, GBP; without end for a team that is not on offer."""
    total = np.zeros(np.shape(n_mst))
    for n, kind in ((n_mst, teams.mst), (n_fft, teams.fft)):
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
    n_days = np.array([[n.slot_days_mst, n.slot_days_fft] for n in of])
    served = members & np.array([n.any for n in of])
    there = served.any(axis=1)
    first = np.where(served, [n.joins_day for n in of], to.until).min(axis=1)
    mst, fft = (served.astype(float) @ n_days).T
    days = (to.until - first).astype(float)
    n_mst, n_fft = cheapest_teams(mst, fft, days, to.teams, to.mst_days_per_fft_day)
    a_year = _yearly_cost(n_mst, n_fft, to.teams)
    cost = whole(to.set_up + to.management[first] + a_year * to.a_pound_a_year[first])
    used = np.stack(
        [
            np.where(n_fft > 0, mst, mst + fft * to.mst_days_per_fft_day),
            np.where(n_mst > 0, fft, fft + mst / to.mst_days_per_fft_day),
        ],
        axis=1,
    )
    slots = [0 if kind is None else kind.slots for kind in (to.teams.mst, to.teams.fft)]
    n_teams = np.stack([n_mst, n_fft], axis=1)
    room = n_teams * slots * days[:, None]
    return Groups(
        members=members,
        teams=n_teams,
        use=np.divide(used, room, out=np.zeros(room.shape), where=room > 0),
        cost=np.where(there, cost, 0),
        avoided_gbp=members.astype(float) @ np.array([n.avoided_gbp for n in of]),
        starts=members.astype(float) @ np.array([n.starts for n in of]),
    )


# ---- sharing ----------------------------------------------------------------------------------------------------


def all_groups(n: int) -> Bools:
    """Return every group of n boroughs, the empty one first: (2^n, n)."""
    return np.asarray((np.arange(2**n)[:, None] >> np.arange(n)) & 1 == 1)


def groups_looked_at(n: int, exact_up_to: int = EXACT_UP_TO) -> Bools:
    """Return all groups but the empty one and the whole; of many boroughs only small ones, and all but one."""
    if n <= exact_up_to:
        return all_groups(n)[1:-1]
    small = [group for size in range(1, SMALL_GROUPS + 1) for group in combinations(range(n), size)]
    members = np.zeros((len(small) + n, n), dtype=bool)
    for row, group in enumerate(small):
        members[row, group] = True
    members[len(small) :] = ~np.eye(n, dtype=bool)
    return members


def shapley(values: Floats) -> Floats:
    """Return the Shapley value of a game given by the value of every group, in the order of `all_groups`: (n,).

    phi_i = sum over S without i of |S|! (n - 1 - |S|)! / n! x (v(S and i) - v(S)).
    """
    n = len(values).bit_length() - 1
    if len(values) != 2**n:
        raise ValueError(f"a game of n players has 2^n values; these are {len(values)}")
    groups = np.arange(2**n)
    sizes = all_groups(n).sum(axis=1)
    weights = np.array([1 / (n * math.comb(n - 1, size)) for size in range(n)])
    result = np.zeros(n)
    for i in range(n):
        without = groups[groups >> i & 1 == 0]
        result[i] = (weights[sizes[without]] * (values[without | 1 << i] - values[without])).sum()
    return result


def shapley_sampled(
    game: Game, n: int, permutations: int = PERMUTATIONS, seed: int = 1, progress: Progress | None = None
) -> tuple[Floats, Floats]:
    """Return the Shapley value estimated from random orders of joining, and its standard errors: (n,) both.

    Each order is taken with its reverse, and a pair is one observation: se = sd of pair means / sqrt(pairs). Shares of
    an order add up to the value of the whole, so those of any number of orders do. Raises OptionError for fewer than
    two pairs.
    """
    pairs = permutations // 2
    if pairs < 2:
        raise OptionError(f"permutations must be at least 4 (got {permutations}).")
    rng, found = np.random.default_rng(seed), np.zeros((pairs, n))
    for start in range(0, pairs, BATCH):
        orders = rng.permuted(np.tile(np.arange(n), (min(BATCH, pairs - start), 1)), axis=1)
        both = (_gains(game, orders) + _gains(game, orders[:, ::-1])) / 2
        found[start : start + len(orders)] = both
        if progress:
            progress(2 * (start + len(orders)), 2 * pairs)
    return found.mean(axis=0), found.std(axis=0, ddof=1) / math.sqrt(pairs)


def _gains(game: Game, orders: Ints) -> Floats:
    """Return what each player adds to those before it: (order, player)."""
    n = orders.shape[1]
    place = np.argsort(orders, axis=1)  # place of each player in its order
    before = place[:, None, :] < np.arange(n + 1)[None, :, None]  # (order, how many have joined, player)
    values = game(before.reshape(-1, n)).reshape(len(orders), n + 1)
    return np.take_along_axis(np.diff(values, axis=1), place, axis=1)


def whole_shares(total: int, exact: Floats) -> Pence:
    """Return shares in whole pence that add up to a total which exact shares add up to but for rounding: (n,).

    Each is rounded down (a negative one away from nil), and the pence left go to the largest fractions, earlier shares
    first in a tie. So no share is a penny or more from its exact value.
    """
    floor = np.floor(exact)
    odd = total - int(floor.sum())
    first = np.argsort(floor - exact, kind="stable")
    result: Pence = floor.astype(np.int64)
    result[first[:odd]] += 1
    return result


# ---- leaving ----------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Core:
    """Whether some sharing leaves no group with a reason to leave.

    empty: None if it could not be decided because not all groups were looked at. epsilon: the least core's, in the
    game's unit: the least gain by leaving that the best sharing must leave to some group; nil or less if the core is
    not empty. shares: one sharing that attains it, of the value of the whole.
    """

    empty: bool | None
    epsilon: float
    shares: tuple[float, ...]
    n_groups: int
    all_groups: bool


def least_core(members: Bools, values: Floats, total: float) -> Core:
    """Return the least core of a game from groups (neither empty nor whole), their values and the value of the whole.

    Least e such that x(S) + e >= v(S) for every S, x(N) = v(N), by linear programme (HiGHS). With some groups left out,
    e is a lower bound: the core is surely empty if it is above nil.
    """
    from scipy.optimize import linprog

    n = members.shape[1]
    complete = len(members) == 2**n - 2
    if len(members) == 0:  # one borough: nobody to leave
        return Core(False, 0.0, (float(total),), 0, True)
    scale = max(float(np.abs(values).max()), abs(total), DUST)
    found = linprog(
        c=np.append(np.zeros(n), 1.0),
        A_ub=np.column_stack([-members.astype(float), -np.ones(len(members))]),
        b_ub=-values / scale,
        A_eq=np.append(np.ones(n), 0.0)[None],
        b_eq=[total / scale],
        bounds=(None, None),
        method="highs",
    )
    if found.status != 0:
        raise ArithmeticError(f"the linear programme of the core was not solved: {found.message}")
    epsilon = float(found.x[-1])
    empty = epsilon > DUST * 100
    shares = tuple((found.x[:-1] * scale).tolist())
    return Core(empty if complete or empty else None, epsilon * scale, shares, len(members), complete)


def largest_excess(members: Bools, values: Floats, shares: Floats) -> tuple[int, float]:
    """Return which group (row) gains most by leaving, and what: v(S) - x(S). Raises ValueError without groups."""
    excess = values - members.astype(float) @ shares
    row = int(np.argmax(excess))
    return row, float(excess[row])


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
    for i, therapy in enumerate(THERAPIES):
        kind: TeamKind | None = getattr(to.teams, therapy)
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
        boroughs=_slugs(priced.members[row], of),
        n_teams=int(priced.teams[row, therapy]),
        use=float(priced.use[row, therapy]),
        cost_pence=int(priced.cost[row]),
        cost_gbp_per_start=float(priced.cost[row] / 100 / priced.starts[row]),
    )


def _slugs(member: Bools, of: Sequence[Need]) -> tuple[str, ...]:
    return tuple(need.slug for need, inside in zip(of, member, strict=True) if inside)


# ---- the answer -------------------------------------------------------------------------------------------------

RULES = {
    "shapley": "Shapley value",
    "referrals": "referrals",
    "population": "population aged 10 to 17",
    "starts": "starts",
    "avoided": "avoided cost",
}


@dataclass(frozen=True)
class Rule:
    """One way of sharing the cost of all.

    pence: (borough,), adding up to the cost of all. net_gbp: (borough,), expected cashable avoided cost less the share.
    leaves: the group that gains most by leaving, and gains_gbp what it gains (nil or less: none has a reason to).
    """

    rule: str
    pence: tuple[int, ...]
    net_gbp: tuple[float, ...]
    leaves: tuple[str, ...]
    gains_gbp: float

    @property
    def stable(self) -> bool:
        """Whether no group looked at would gain a pound by leaving."""
        return self.gains_gbp < TOLD_FROM_GBP


@dataclass(frozen=True)
class Shares:
    """What boroughs share and how.

    cost_pence: c(all); actual_cost_pence: mean cost of the scenario's own teams, set-up and management. alone_pence:
    (borough,), c of each alone. se_pence: standard errors of the Shapley shares, None if they are exact.
    left_out: rules that cannot be used, with the reason. teams: numbers of MST and FFT teams of all.
    core.epsilon is in pence of value; core.shares are what each borough gains under the least core's sharing, pence.
    """

    scenario: str
    needs: tuple[Need, ...]
    coalition_teams: CoalitionTeams
    teams: tuple[int, int]
    use: tuple[float, float]
    cost_pence: int
    actual_cost_pence: int
    value_gbp: float
    alone_pence: tuple[int, ...]
    exact: bool
    permutations: int
    se_pence: tuple[float, ...] | None
    rules: tuple[Rule, ...]
    left_out: dict[str, str]
    core: Core
    scales: tuple[Scale, ...]

    def rule(self, name: str) -> Rule:
        """Return one way of sharing by its name; KeyError if it was left out."""
        return {rule.rule: rule for rule in self.rules}[name]

    @property
    def words(self) -> tuple[str, ...]:
        """The answer in sentences."""
        return tuple(_words(self))

    def as_dict(self) -> dict[str, Any]:
        """Return all of it for JSON."""
        stable = {rule.rule: rule.stable for rule in self.rules}
        found = asdict(self)
        return {**found, "rules": [{**r, "stable": stable[r["rule"]]} for r in found["rules"]], "words": [*self.words]}


def shares(
    scenario: Scenario,
    done: Run | None = None,
    teams: CoalitionTeams | None = None,
    replications: int = 1000,
    outer_draws: int = 1,
    seed: int = 1,
    exact_up_to: int = EXACT_UP_TO,
    permutations: int = PERMUTATIONS,
    progress: Progress | None = None,
) -> Shares:
    """Return how boroughs could share the cost of a service, and whether any group would rather leave.

    done: a run of the scenario; without it, one of `replications` is made (told to `progress`, as sampling is). teams:
    what groups buy from; as in scenarios/reference/coalition_teams.toml if not given. Shapley shares are exact for up
    to `exact_up_to` boroughs, beyond sampled from random orders drawn with the seed. Raises OptionError for options
    out of range, and what `run` raises.
    """
    teams = coalition_teams() if teams is None else teams
    if not 1 <= exact_up_to <= MOST_EXACT:
        raise OptionError(f"exact_up_to must be from 1 to {MOST_EXACT} boroughs (got {exact_up_to}).")
    if not 0 < teams.least_use <= teams.most_use <= 1:
        raise OptionError(
            f"uses must stand in the order 0 < least_use <= most_use <= 1; they are {teams.least_use} and "
            f"{teams.most_use}."
        )
    if len(scenario.boroughs) > MOST_BOROUGHS:
        raise OptionError(f"shares are worked out for up to {MOST_BOROUGHS} boroughs (got {len(scenario.boroughs)}).")
    if done is None:
        done = run(scenario, replications, seed, outer_draws, progress=progress)
    elif done.scenario != scenario:
        raise OptionError(f"the run is of {done.scenario.name or 'another scenario'}, not of {scenario.name}.")
    rows = done.replications
    actual = to_pence(float((rows["service_cost_gbp"] + rows["cost_unpaid_gbp"]).mean()))
    of, to = needs(scenario, done), service(scenario, teams)
    return share(scenario.name, of, to, actual, seed, exact_up_to, permutations, progress)


def share(
    name: str,
    of: Sequence[Need],
    to: Service,
    actual_cost_pence: int,
    seed: int = 1,
    exact_up_to: int = EXACT_UP_TO,
    permutations: int = PERMUTATIONS,
    progress: Progress | None = None,
) -> Shares:
    """Return the shares of boroughs with these needs in this service, under the scenario's name; see `shares`."""
    n = len(of)
    members = groups_looked_at(n, exact_up_to)
    priced, everyone = price_groups(members, of, to), price_groups(np.ones((1, n), dtype=bool), of, to)
    total, exact = int(everyone.cost[0]), n <= exact_up_to

    def cost(groups: Bools) -> Floats:
        return price_groups(groups, of, to).cost.astype(float)

    if exact:
        found, errors = shapley(cost(all_groups(n))), None
    else:
        found, sampled = shapley_sampled(cost, n, permutations, seed, progress)
        errors = tuple(sampled.tolist())
    pence, left_out = _by_rule(of, total)
    pence = {"shapley": whole_shares(total, found), **pence}
    return Shares(
        scenario=name,
        needs=tuple(of),
        coalition_teams=to.teams,
        teams=(int(everyone.teams[0, 0]), int(everyone.teams[0, 1])),
        use=(float(everyone.use[0, 0]), float(everyone.use[0, 1])),
        cost_pence=total,
        actual_cost_pence=actual_cost_pence,
        value_gbp=float(everyone.value[0]) / 100,
        alone_pence=tuple(price_groups(np.eye(n, dtype=bool), of, to).cost.tolist()),
        exact=exact,
        permutations=0 if exact else permutations // 2 * 2,
        se_pence=errors,
        rules=tuple(_rule(rule, shared, priced, of) for rule, shared in pence.items()),
        left_out=left_out,
        core=least_core(members, priced.value, float(everyone.value[0])),
        scales=scales(of, to, np.concatenate([members, everyone.members])),
    )


def _by_rule(of: Sequence[Need], total: int) -> tuple[dict[str, Pence], dict[str, str]]:
    """Return shares pro rata, and why a rule cannot be used; a borough without need pays nothing by any rule."""
    weights: dict[str, list[float | None]] = {
        "referrals": [n.referrals if n.any else 0.0 for n in of],
        "population": [n.population if n.any else 0.0 for n in of],
        "starts": [n.starts for n in of],
        "avoided": [n.avoided_gbp for n in of],
    }
    pence, left_out = {}, {}
    for name, weight in weights.items():
        unknown = [n.name for n, w in zip(of, weight, strict=True) if w is None]
        known = [w for w in weight if w is not None]
        if unknown:
            left_out[name] = f"no figure is published for {_listed(unknown)}"
        elif min(known) < 0:
            below = [n.name for n, w in zip(of, known, strict=True) if w < 0]
            left_out[name] = f"it is below nil in {_listed(below)}"
        elif sum(known) == 0 and total > 0:
            left_out[name] = "it is nil in every borough"
        else:
            pence[name] = share_out(np.array(total), np.array(known))
    return pence, left_out


def _rule(name: str, pence: Pence, priced: Groups, of: Sequence[Need]) -> Rule:
    net: Floats = np.array([n.avoided_gbp * 100 for n in of]) - pence.astype(float)
    leaves: tuple[str, ...] = ()
    gain = 0.0
    if len(priced.cost):
        row, gain = largest_excess(priced.members, priced.value, net)
        leaves = _slugs(priced.members[row], of)
    return Rule(name, tuple(pence.tolist()), tuple((net / 100).tolist()), leaves, gain / 100)


# ---- words ------------------------------------------------------------------------------------------------------


def _words(found: Shares) -> list[str]:
    """Return the answer in sentences: the cost, the shares, who would leave, what a team needs."""
    names = {need.slug: need.name for need in found.needs}
    by_shapley = found.rule("shapley")
    mst, fft = found.teams
    told = [
        f"Together the boroughs share {_gbp(found.cost_pence)} ({_teams(mst, fft)}); each alone, they would pay "
        f"{_gbp(sum(found.alone_pence))} between them. The scenario's own service costs "
        f"{_gbp(found.actual_cost_pence)}."
    ]
    parts = sorted(zip(found.needs, by_shapley.pence, strict=True), key=lambda pair: -pair[1])
    told.append("By Shapley value " + _listed([f"{need.name} pays {_gbp(part)}" for need, part in parts]) + ".")
    if found.se_pence is not None:
        told.append(
            f"These shares are estimated from {found.permutations:,} orders of joining, with a standard error of up to "
            f"{_gbp(max(found.se_pence))}."
        )
    losing = [n.name for n, net in zip(found.needs, by_shapley.net_gbp, strict=True) if net < 0]
    if losing:
        told.append(f"That is more than the expected cashable saving of {_listed(losing)}.")
    if found.core.n_groups:
        told.append(_core_words(found))
    for rule in found.rules:
        if not rule.stable:
            group = _listed([names[slug] for slug in rule.leaves])
            told.append(f"Shared by {RULES[rule.rule]}, {group} would gain {_gbp(rule.gains_gbp * 100)} by leaving.")
    return told + [_scale_words(scale) for scale in found.scales]


def _core_words(found: Shares) -> str:
    if found.core.empty:
        return (
            f"The core is empty: however the cost is shared, some group could save at least "
            f"{_gbp(found.core.epsilon)} by leaving."
        )
    if found.core.empty is None:
        return f"No sharing was ruled out by the {found.core.n_groups:,} groups looked at; there are more."
    stable = [RULES[rule.rule] for rule in found.rules if rule.stable]
    if not stable:
        return "The core is not empty: some sharing leaves no group a gain by leaving, but none of these does."
    return f"The core is not empty: shared by {_listed(stable, 'or')}, no group would gain by leaving."


def _scale_words(scale: Scale) -> str:
    team = f"A team of {scale.therapy.upper()} with {scale.slots} places"
    if scale.least_referrals_per_year is None:
        return f"{team} is not used by anyone."
    told = (
        f"{team} is used to {scale.least_use:.0%} from {scale.least_referrals_per_year} referrals a year on; all "
        f"boroughs together refer {scale.all_referrals_per_year:.0f} a year"
    )
    if not scale.n_groups:
        return told + "."
    return told + f", and {scale.n_viable:,} of {scale.n_groups:,} groups of two or more use such teams enough."


def _teams(mst: int, fft: int) -> str:
    numbers = [f"{n} {name} team{'s' if n > 1 else ''}" for n, name in ((mst, "MST"), (fft, "FFT")) if n]
    return _listed(numbers) or "no team"


def _listed(items: Sequence[str], word: str = "and") -> str:
    return f" {word} ".join([", ".join(items[:-1]), items[-1]] if len(items) > 1 else items)


def _gbp(pence: float) -> str:
    pounds = pence / 100
    return f"GBP {pounds / 1e6:.2f}m" if abs(pounds) >= 1e6 else f"GBP {pounds:,.0f}"
