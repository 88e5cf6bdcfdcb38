"""The readable engine: one replication at a time, the queue in SimPy, lives and counts in plain Python.

In: a plan, a seed, a range of replications. Out: `Counts`, and if asked the list of events. Written to be read and
signed off; `kernel.py` does the same for speed and must agree bit for bit. Must not know: prices, contracts, files.

The order inside one day is SimPy's priority: releases; arrivals; those who turn 18 or enter care leave; starts by
class, referral time and tie draw; then those whose patience has run out leave.
"""

from __future__ import annotations

import heapq
from collections.abc import Generator, Iterator
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import simpy

from edgeofcare.care.cohort import (
    MOST_CANDIDATES,
    arrival_draws,
    control_number,
    days_to_18,
    dropout_day,
    exponential,
    frailty,
    late_factor,
    person_draws,
    search,
    shock,
    team_for,
    therapy_draws,
)
from edgeofcare.care.tracking import first_grid_week, milestone_day, weeks_before, whole_weeks, window_end, window_start
from edgeofcare.care.trajectory import (
    DAYS_16_TO_18,
    N_TYPES,
    NEVER,
    entry_days,
    entry_days_with_therapy,
    live,
    place,
)
from edgeofcare.engine.counts import (
    ACCOUNTS,
    CONTROL,
    EVENTS,
    INTAKE,
    LIVES,
    OUTCOMES,
    SERVICE,
    Counts,
    Trace,
    check_identities,
    empty_counts,
)
from edgeofcare.engine.plan import Plan, Track

RELEASE, ARRIVE, GONE, START, IMPATIENT = 1, 2, 3, 4, 5
MOST_SPELLS = 3000  # more than the days between the 10th and the 18th birthday
USUAL, THERAPY, BOTH = 0, 1, 2
TRACKING, WINDOW, AFTER = range(len(ACCOUNTS))
TRACKED_DAYS, CARE_DAYS, PAID_UNITS, GRID_WEEKS = range(len(OUTCOMES))
FIRST_ENTRIES, REENTRIES, NEVER_IN_CARE, FEWER_AVOIDED = range(len(LIVES))
MEASURE = {name: i for i, name in enumerate(SERVICE)}
Interval = tuple[int, int]
ByPeriod = list[int]


@dataclass(slots=True)
class Child:
    """One referred child: what is drawn at referral, and what the queue makes of it."""

    borough: int
    number: int
    time: float
    day: int
    birthday_18: int
    more_needs: bool
    risk: float
    need: float
    accepted: bool
    engaged: bool
    team: int
    length_days: int
    completes: bool
    break_off_days: int
    tie: float
    entry: int
    start: int = NEVER
    left: str = ""
    left_day: int = NEVER

    @property
    def started(self) -> bool:
        """Whether the child started therapy."""
        return self.start < NEVER

    @property
    def stop(self) -> int:
        """The day on which therapy ends, as planned or broken off."""
        return self.start + (self.length_days if self.completes else self.break_off_days)


@dataclass
class Tables:
    """The plan's arrays as plain lists, which scalar Python reads faster and without numpy's rounding of types."""

    plan: Plan
    ages: list[float] = field(init=False)
    frailty: list[float] = field(init=False)
    lengths: list[list[float]] = field(init=False)
    ratios: list[float] = field(init=False)
    referrals: list[list[float]] = field(init=False)
    borough_ids: list[int] = field(init=False)
    suited_cumulative: list[list[float]] = field(init=False)
    teams_of: list[list[list[int]]] = field(init=False)
    team_therapy: list[int] = field(init=False)
    completion_prob: list[float] = field(init=False)
    placement: tuple[list[float], list[float], list[float], list[float]] = field(init=False)
    period_of_day: list[int] = field(init=False)
    edges: tuple[int, ...] = field(init=False)
    slots: list[list[int]] = field(init=False)
    slots_on: list[list[int]] = field(init=False)
    full_slots: list[int] = field(init=False)

    def __post_init__(self) -> None:
        plan = self.plan
        self.ages = plan.age_cumulative.tolist()
        self.frailty = plan.frailty_log_quantiles.tolist()
        self.lengths = plan.length_cumulative.tolist()
        self.ratios = plan.ratio_by_year.tolist()
        self.referrals = plan.cumulative_referrals.tolist()
        self.borough_ids = plan.borough_ids.tolist()
        self.suited_cumulative = plan.suited_cumulative.tolist()
        self.teams_of = plan.teams_of.tolist()
        self.team_therapy = plan.team_therapy.tolist()
        self.completion_prob = plan.completion_prob.tolist()
        self.placement = (
            plan.placement_shape.tolist(),
            plan.placement_scale_days.tolist(),
            plan.first_cumulative.tolist(),
            plan.move_cumulative.tolist(),
        )
        self.period_of_day = plan.period_of_day.tolist()
        self.edges = plan.periods.edges
        self.slots = plan.slots.tolist()
        self.slots_on = plan.slots.T.tolist()
        self.full_slots = plan.full_slots.tolist()


def run(plan: Plan, seed: int, first_replication: int, n_replications: int, trace: Trace | None = None) -> Counts:
    """Run a range of replications and return their counts; append events to `trace` if one is given."""
    counts = empty_counts(plan, first_replication, n_replications)
    tables = Tables(plan)
    for i in range(n_replications):
        run_replication(tables, seed, first_replication + i, counts, i, trace)
    check_identities(counts, plan)
    return counts


def run_replication(tables: Tables, seed: int, replication: int, counts: Counts, row: int, trace: Trace | None) -> None:
    """Refer, queue and live one replication, and write it to row `row` of the counts."""
    children = list(refer(tables, seed, replication))
    teams = run_queue(tables.plan, tables.slots, [child for child in children if child.engaged])
    tally = Tally(tables.plan)
    for child in children:
        count_service(child, tables, tally)
        lives = live_both_arms(child, tables, seed, replication)
        if child.started:
            count_life(child, lives[USUAL], tables, tally, USUAL)
            count_life(child, lives[THERAPY], tables, tally, THERAPY)
            count_tracks(child, lives, tables, tally)
            if tables.plan.control_tracks:
                count_control(child, control_of(child, tables, seed, replication), tables, tally, seed, replication)
        else:
            count_life(child, lives[USUAL], tables, tally, BOTH)
        if trace is not None:
            trace.add([(*row[:4], EVENTS.index(row[4]), *row[5:]) for row in events(child, lives, replication)])
    tally.write(counts, row)
    for team in teams:
        counts.team[row, team.index] = team.slot_days_used, sum(team.slots), team.n_starts


class Tally:
    """The counts of one replication in plain lists, which scalar Python adds to faster; periods come last.

    service: (borough, measure, period). lives: (arm, borough, measure). care: (arm, account, borough, type, period);
    arm BOTH holds those who never start, who live the same in both. outcomes: (arm, track, borough, measure, period).
    both_weeks: (track, borough, period). intake: (arm, intake track, borough, intake period, measure, period).
    control: (control track, borough, measure, period).
    """

    def __init__(self, plan: Plan) -> None:
        n, n_tracks, n_periods = plan.n_boroughs, len(plan.tracks), plan.n_outcome_periods
        self.service = noughts(n, len(SERVICE), n_periods)
        self.lives = noughts(3, n, len(LIVES))
        self.care = noughts(3, len(ACCOUNTS), n, N_TYPES, len(plan.periods))
        self.outcomes = noughts(2, n_tracks, n, len(OUTCOMES), n_periods)
        self.both_weeks = noughts(n_tracks, n, n_periods)
        self.intake = noughts(2, len(plan.intake_tracks), n, plan.n_intake_periods, len(INTAKE), n_periods)
        self.control = noughts(len(plan.control_tracks), n, len(CONTROL), n_periods)

    def write(self, counts: Counts, row: int) -> None:
        """Copy the tally into row `row` of the counts, with periods before measures."""
        care, lives = np.array(self.care), np.array(self.lives)
        counts.service[row] = np.swapaxes(self.service, -1, -2)
        counts.lives[row] = lives[:BOTH] + lives[BOTH]
        counts.care[row] = np.swapaxes(care[:BOTH] + care[BOTH], -1, -2)
        counts.outcomes[row] = np.swapaxes(self.outcomes, -1, -2)
        counts.both_weeks[row] = self.both_weeks
        if counts.intake.size:
            counts.intake[row] = np.swapaxes(self.intake, -1, -2)
        if counts.control.size:
            counts.control[row] = np.swapaxes(self.control, -1, -2)


def noughts(*shape: int) -> Any:
    """Return nested lists of noughts."""
    if len(shape) == 1:
        return [0] * shape[0]
    return [noughts(*shape[1:]) for _ in range(shape[0])]


# ---- referral -------------------------------------------------------------------------------------------------


def refer(tables: Tables, seed: int, replication: int) -> Iterator[Child]:
    """Yield the children referred in each borough: a Poisson process by the inverse of its cumulative rate."""
    plan = tables.plan
    for borough, expected in enumerate(tables.referrals):
        slug_id = tables.borough_ids[borough]
        factor = shock(seed, replication, slug_id, plan.rates.shock_sd, plan.rates.shock_correlation)
        number, reached, day = 0, 0.0, 0
        while True:
            draws = arrival_draws(seed, replication, slug_id, number)
            reached += exponential(draws[0])
            if reached >= expected[-1]:
                break
            while expected[day + 1] <= reached:
                day += 1
            time = day + (reached - expected[day]) / (expected[day + 1] - expected[day])
            late = late_factor(reached, expected[-1], plan.rates.late_share, plan.rates.late_hazard_ratio)
            yield make_child(tables, seed, replication, borough, number, time, day, draws, factor * late)
            number += 1


def make_child(
    tables: Tables,
    seed: int,
    replication: int,
    borough: int,
    number: int,
    time: float,
    day: int,
    arrival: tuple[float, float, float, float],
    factor: float,
) -> Child:
    """Draw a referred child's attributes, team, therapy and first entry without therapy."""
    rates = tables.plan.rates
    slug_id = tables.borough_ids[borough]
    age_u, needs_u, frailty_u, need_u = person_draws(seed, replication, slug_id, number)
    length_u, complete_u, break_off_u, tie = therapy_draws(seed, replication, slug_id, number)
    more_needs = needs_u < rates.more_needs_prob
    risk = rates.risk_more_needs if more_needs else rates.risk_fewer_needs
    risk = risk * frailty(tables.frailty, frailty_u) * factor
    suited = tables.suited_cumulative[borough]
    team = team_for(tables.teams_of[borough], tables.slots_on[day], tables.full_slots, arrival[3], suited)
    therapy = tables.team_therapy[team]
    length_days = search(tables.lengths[therapy], length_u)
    limit = days_to_18(tables.ages, age_u)
    need = exponential(need_u)
    entry = entry_days(need, risk, rates.entry_shape, rates.entry_scale_days, limit)
    accepted = arrival[1] < rates.accept_prob
    return Child(
        borough=borough,
        number=number,
        time=time,
        day=day,
        birthday_18=day + limit,
        more_needs=more_needs,
        risk=risk,
        need=need,
        accepted=accepted,
        engaged=accepted and arrival[2] < rates.engage_prob,
        team=team,
        length_days=length_days,
        completes=complete_u < tables.completion_prob[therapy],
        break_off_days=dropout_day(length_days, break_off_u),
        tie=tie,
        entry=NEVER if entry == NEVER else day + entry,
    )


# ---- queue ----------------------------------------------------------------------------------------------------


class Moment(simpy.Event):
    """A whole day, and a place in that day's order."""

    def __init__(self, env: simpy.Environment, day: int, order: float) -> None:
        super().__init__(env)
        self._ok, self._value = True, None
        env.schedule(self, priority=order, delay=day - env.now)  # type: ignore[arg-type]  # SimPy sorts any number


class TeamDesk:
    """One team's waiting list and slots."""

    def __init__(self, env: simpy.Environment, index: int, slots: list[int], plan: Plan, starts: list[int]) -> None:
        self.env, self.index, self.slots, self.starts = env, index, slots, starts
        self.by_needs, self.patience_days, self.delivery_end = (
            plan.priority_by_needs,
            plan.patience_days,
            plan.delivery_end,
        )
        self.entitlement = plan.entitlement.tolist()
        self.waiting: list[tuple[int, float, float, int, int, Child, simpy.Event]] = []
        self.holders = self.n_starts = self.slot_days_used = 0
        self.dispatch_day = -1
        self.order = START + index / len(plan.team_slugs)  # on one day teams start families in their own order
        for day in range(1, len(slots)):
            if slots[day] > slots[day - 1]:
                self._at(day, self.order, self._dispatch)

    def _at(self, day: int, order: float, action: Any) -> None:
        moment = Moment(self.env, day, order)
        moment.callbacks.append(lambda _: action())

    def ask_for_dispatch(self) -> None:
        """Look at the waiting list once later today."""
        if self.dispatch_day < self.env.now:
            self.dispatch_day = int(self.env.now)
            self._at(self.dispatch_day, self.order, self._dispatch)

    def join(self, child: Child, granted: simpy.Event) -> None:
        """Put a child on the waiting list, by class, referral time and tie draw."""
        priority = 0 if not self.by_needs or child.more_needs else 1
        heapq.heappush(self.waiting, (priority, child.time, child.tie, child.borough, child.number, child, granted))
        self.ask_for_dispatch()

    def _dispatch(self) -> None:
        """Start the first in line while slots are free; a child that has left is passed over."""
        day = int(self.env.now)
        free_slots = self.slots[min(day, len(self.slots) - 1)]
        while self.waiting and self.holders < free_slots:
            *_, child, granted = heapq.heappop(self.waiting)
            if child.left:
                continue
            if self.starts[child.borough] >= self.entitlement[child.borough]:
                child.left, child.left_day = "left_entitlement", day
            elif day + child.length_days > self.delivery_end:
                child.left, child.left_day = "left_too_late", day
            else:
                self._start(child, day)
            granted.succeed()

    def _start(self, child: Child, day: int) -> None:
        child.start = day
        self.starts[child.borough] += 1
        self.n_starts += 1
        self.holders += 1
        self.slot_days_used += child.stop - day
        self._at(child.stop, RELEASE, self._release)

    def _release(self) -> None:
        self.holders -= 1
        self.ask_for_dispatch()


def family(env: simpy.Environment, child: Child, desk: TeamDesk) -> Generator[simpy.Event, Any, None]:
    """A family waits for a start until the child enters care, turns 18, or its patience runs out."""
    yield Moment(env, child.day, ARRIVE)
    granted = env.event()
    desk.join(child, granted)
    gone, patience = min(child.entry, child.birthday_18), child.day + desk.patience_days
    if gone <= patience:
        yield granted | Moment(env, gone, GONE)
    else:
        yield granted | Moment(env, patience, IMPATIENT)
    if child.started or child.left:
        return
    child.left_day = int(env.now)
    if gone > patience:
        child.left = "left_patience"
    else:
        child.left = "left_care" if child.entry <= child.birthday_18 else "left_18"


def run_queue(plan: Plan, slots: list[list[int]], children: list[Child]) -> list[TeamDesk]:
    """Run the waiting lists of all teams and write each child's start or reason for leaving."""
    env = simpy.Environment()
    starts = [0] * plan.n_boroughs
    desks = [TeamDesk(env, i, team_slots, plan, starts) for i, team_slots in enumerate(slots)]
    for child in children:
        env.process(family(env, child, desks[child.team]))
    env.run()
    return desks


# ---- controls -------------------------------------------------------------------------------------------------


def control_of(child: Child, tables: Tables, seed: int, replication: int) -> Child | None:
    """Return the control child of a starter: the first candidate who could have started in its place.

    Another person with keys of its own, referred on the same day to the same borough (so under the same shock), who is
    at home and under 18 on the start day, and of the same class where the queue goes by classes. Its life is without
    therapy; start and completion are the starter's, and only set the window. None if no candidate will do.
    """
    plan = tables.plan
    for candidate in range(MOST_CANDIDATES):
        other = draw_candidate(child, control_number(child.number, candidate), tables, seed, replication)
        same_class = not plan.priority_by_needs or other.more_needs == child.more_needs
        if same_class and other.entry > child.start and other.birthday_18 > child.start:
            return other
    return None


def draw_candidate(child: Child, number: int, tables: Tables, seed: int, replication: int) -> Child:
    """Draw another person who is referred as `child` is."""
    rates, slug_id = tables.plan.rates, tables.borough_ids[child.borough]
    factor = shock(seed, replication, slug_id, rates.shock_sd, rates.shock_correlation)
    age_u, needs_u, frailty_u, need_u = person_draws(seed, replication, slug_id, number)
    more_needs = needs_u < rates.more_needs_prob
    risk = rates.risk_more_needs if more_needs else rates.risk_fewer_needs
    risk = risk * frailty(tables.frailty, frailty_u) * factor
    limit, need = days_to_18(tables.ages, age_u), exponential(need_u)
    entry = entry_days(need, risk, rates.entry_shape, rates.entry_scale_days, limit)
    return replace(
        child,
        number=number,
        birthday_18=child.day + limit,
        more_needs=more_needs,
        risk=risk,
        need=need,
        entry=NEVER if entry == NEVER else child.day + entry,
    )


# ---- lives ----------------------------------------------------------------------------------------------------


@dataclass
class Life:
    """Periods of care [enter, leave) and placements (start, end, type) of one child in one arm."""

    spells: list[Interval]
    placements: list[tuple[int, int, int]]


_ENTER, _LEAVE, _STARTS, _KINDS = ([0] * MOST_SPELLS for _ in range(4))
_FIRST_U = [0.0] * MOST_SPELLS


def live_both_arms(child: Child, tables: Tables, seed: int, replication: int) -> tuple[Life, Life]:
    """Return a child's life without and with therapy; the same object for a child who never starts."""
    usual = live_one_arm(child, tables, seed, replication, child.entry, 1.0)
    if not child.started:
        return usual, usual
    rates = tables.plan.rates
    kept = kept_share(child, tables.plan)
    entry = entry_days_with_therapy(
        child.need,
        child.risk,
        rates.entry_shape,
        rates.entry_scale_days,
        child.birthday_18 - child.day,
        child.start - child.day,
        NEVER if child.completes else child.stop - child.day,
        kept,
        tables.ratios,
    )
    entry = NEVER if entry == NEVER else child.day + entry
    return usual, live_one_arm(child, tables, seed, replication, entry, rates.reentry_hazard_ratio)


def kept_share(child: Child, plan: Plan) -> float:
    """Return the share of the effect that a dropout keeps: all, none, or the share of planned therapy received."""
    if plan.rates.dropout_keeps_always:
        return 1.0
    return plan.rates.dropout_keeps_dose * (child.break_off_days / child.length_days)


def live_one_arm(
    child: Child, tables: Tables, seed: int, replication: int, entry: int, reentry_hazard_ratio: float
) -> Life:
    """Return the periods of care and placements of one child in one arm, to the 18th birthday."""
    address = (seed, replication, tables.borough_ids[child.borough], child.number)
    spells = live_spells(child, tables, seed, replication, entry, reentry_hazard_ratio)
    placements = []
    for spell, (enter, leave) in enumerate(spells):
        birthday_16 = child.birthday_18 - DAYS_16_TO_18
        n = place(*address, spell, enter, leave, _FIRST_U[spell], birthday_16, *tables.placement, _STARTS, _KINDS)
        ends = [*_STARTS[1:n], leave]
        placements += list(zip(_STARTS[:n], ends, _KINDS[:n], strict=True))
    return Life(spells, placements)


def live_spells(
    child: Child, tables: Tables, seed: int, replication: int, entry: int, reentry_hazard_ratio: float
) -> list[Interval]:
    """Return the periods of care of one child in one arm, to the 18th birthday."""
    address = (seed, replication, tables.borough_ids[child.borough], child.number)
    n_spells = live(
        *address, entry, child.birthday_18, reentry_hazard_ratio, tables.plan.rates, _ENTER, _LEAVE, _FIRST_U
    )
    return list(zip(_ENTER[:n_spells], _LEAVE[:n_spells], strict=True))


# ---- counts ---------------------------------------------------------------------------------------------------


def count_service(child: Child, tables: Tables, tally: Tally) -> None:
    """Add a child to the service counts of its borough."""
    service, period_of_day, last = tally.service[child.borough], tables.period_of_day, tables.plan.n_outcome_periods - 1

    def add(measure: str, day: int, amount: int = 1) -> None:
        service[MEASURE[measure]][min(period_of_day[day], last)] += amount

    add("referred", child.day)
    if child.accepted:
        add("accepted", child.day)
    if child.engaged:
        add("engaged", child.day)
    if child.left:
        add(child.left, child.left_day)
    if child.started:
        add("started", child.start)
        add("waiting_days", child.start, child.start - child.day)
        add("completed" if child.completes else "dropped_out", child.stop)


def count_life(child: Child, life: Life, tables: Tables, tally: Tally, arm: int) -> None:
    """Add first entry, re-entries and care days to 18, before and after the end of outcomes."""
    if not life.spells:
        return
    lives = tally.lives[arm][child.borough]
    lives[FIRST_ENTRIES] += 1
    lives[REENTRIES] += len(life.spells) - 1
    cut, care = tables.plan.outcomes_end, tally.care[arm]
    window, after = care[WINDOW][child.borough], care[AFTER][child.borough]
    for start, end, kind in life.placements:
        add_days(window[kind], start, min(end, cut), tables)
        add_days(after[kind], max(start, cut), end, tables)


def add_days(by_period: ByPeriod, start: int, end: int, tables: Tables) -> None:
    """Add the days of [start, end) to the periods in which they lie."""
    if start >= end:
        return
    edges, period = tables.edges, tables.period_of_day[start]
    until = edges[period + 1]
    while until < end:
        by_period[period] += until - start
        period += 1
        start, until = until, edges[period + 1]
    by_period[period] += end - start


def add_weeks(by_period: ByPeriod, first_day: int, n_weeks: int, tables: Tables) -> None:
    """Add a run of weeks to the periods in which their seventh days fall."""
    if n_weeks <= 0:
        return
    edges, period, counted = tables.edges, tables.period_of_day[first_day], 0
    while counted < n_weeks:
        so_far = weeks_before(edges[period + 1], first_day, n_weeks)
        by_period[period] += so_far - counted
        counted, period = so_far, period + 1


def home_spells(life: Life, start: int, end: int) -> Iterator[Interval]:
    """Yield the stretches of [start, end) in which a child is out of care."""
    for enter, leave in life.spells:
        if leave > start and enter < end:
            if start < enter:
                yield start, enter
            start = leave
    if start < end:
        yield start, end


def count_tracks(child: Child, lives: tuple[Life, Life], tables: Tables, tally: Tally) -> None:
    """Add a starter to every track that covers it, in both arms."""
    plan, borough = tables.plan, child.borough
    for index, track in enumerate(plan.tracks):
        start = window_start(track.counts_from, child.day, child.start, child.length_days, track.delay_days)
        end = window_end(start, track.days, child.birthday_18, track.end_day)
        if index == 0:
            for arm, life in enumerate(lives):
                tally.lives[arm][borough][NEVER_IN_CARE] += not any(enter < end for enter, _ in life.spells)
        if start >= end or (track.covers_completers_only and not child.completes):
            continue
        if index == 0:
            first = min(tables.period_of_day[start], plan.n_outcome_periods - 1)
            tally.service[borough][MEASURE["tracked"]][first] += 1
            usual, therapy = (
                count_placements(child, life, start, end, tables, tally, arm) for arm, life in enumerate(lives)
            )
            tally.lives[THERAPY][borough][FEWER_AVOIDED] += therapy > usual
        homes = [list(home_spells(life, start, end)) for life in lives]
        for arm, life in enumerate(lives):
            by_measure = tally.outcomes[arm][index][borough]
            count_days(life.spells, start, end, by_measure[TRACKED_DAYS], by_measure[CARE_DAYS], tables)
            if track.counts_weeks:
                count_grid_weeks(homes[arm], start, by_measure[GRID_WEEKS], tables)
            count_units(homes[arm], start, track, by_measure[PAID_UNITS], tables)
            if track.by_intake:
                group = tally.intake[arm][plan.intake_tracks.index(index)][borough][tables.period_of_day[child.start]]
                count_days(life.spells, start, end, group[TRACKED_DAYS], group[CARE_DAYS], tables)
        if track.counts_weeks:
            count_both_weeks(homes[USUAL], homes[THERAPY], start, tally.both_weeks[index][borough], tables)


def count_placements(child: Child, life: Life, start: int, end: int, tables: Tables, tally: Tally, arm: int) -> int:
    """Add care days inside the scenario's own tracking, by placement type, and return how many there are."""
    by_type = tally.care[arm][TRACKING][child.borough]
    total = 0
    for enter, leave, kind in life.placements:
        low, high = max(start, enter), min(end, leave)
        if low < high:
            add_days(by_type[kind], low, high, tables)
            total += high - low
    return total


def count_control(
    child: Child, control: Child | None, tables: Tables, tally: Tally, seed: int, replication: int
) -> None:
    """Add a starter's control child, without therapy, to every track that has controls and covers the starter."""
    if control is None:
        return
    spells = live_spells(control, tables, seed, replication, control.entry, 1.0)
    for row, index in enumerate(tables.plan.control_tracks):
        track = tables.plan.tracks[index]
        start = window_start(track.counts_from, child.day, child.start, child.length_days, track.delay_days)
        end = window_end(start, track.days, control.birthday_18, track.end_day)
        if start < end and (child.completes or not track.covers_completers_only):
            tracked_days, care_days = tally.control[row][child.borough]
            count_days(spells, start, end, tracked_days, care_days, tables)


def count_days(
    spells: list[Interval], start: int, end: int, tracked_days: ByPeriod, care_days: ByPeriod, tables: Tables
) -> None:
    """Add the days of a window, and those of them in care."""
    add_days(tracked_days, start, end, tables)
    for enter, leave in spells:
        add_days(care_days, max(start, enter), min(end, leave), tables)


def count_grid_weeks(homes: list[Interval], start: int, grid_weeks: ByPeriod, tables: Tables) -> None:
    """Add the weeks out of care on the grid of a window."""
    for home, care in homes:
        first = first_grid_week(home, start)
        add_weeks(grid_weeks, first, whole_weeks(first, care), tables)


def count_units(homes: list[Interval], start: int, track: Track, paid_units: ByPeriod, tables: Tables) -> None:
    """Add what a contract pays for in a window, the first in time up to the track's limit: weeks, days, a milestone."""
    unpaid = 1 if track.weeks else track.max_units
    for home, care in homes:
        if track.unit in ("grid", "run"):
            first = home if track.unit == "run" else first_grid_week(home, start)
            n_units = min(whole_weeks(first, care), unpaid)
            add_weeks(paid_units, first, n_units, tables)
        elif track.unit == "day":
            n_units = min(care - home, unpaid)
            add_days(paid_units, home, home + n_units, tables)
        else:
            day = milestone_day(home if track.unit == "running" else start, track.weeks)
            n_units = min(int(home <= day < care), unpaid)
            add_days(paid_units, day, day + n_units, tables)
        unpaid -= n_units


def count_both_weeks(
    usual: list[Interval], therapy: list[Interval], start: int, both_weeks: ByPeriod, tables: Tables
) -> None:
    """Add the weeks of the grid at home in both arms."""
    for home, care in usual:
        for other_home, other_care in therapy:
            low, high = max(home, other_home), min(care, other_care)
            if low < high:
                first = first_grid_week(low, start)
                add_weeks(both_weeks, first, whole_weeks(first, high), tables)


# ---- trace ----------------------------------------------------------------------------------------------------


Event = tuple[int, int, int, int, str, int, int]


def events(child: Child, lives: tuple[Life, Life], replication: int) -> Iterator[Event]:
    """Yield a child's events: service events (arm -1), then each arm's placements and returns home or 18th birthday.

    A child who never starts has the same life in both arms; it is told once, as arm 0.
    """
    who = (child.borough, child.number)
    yield (replication, -1, *who, "referred", child.day, child.birthday_18)
    if child.left:
        yield (replication, -1, *who, child.left, child.left_day, 0)
    if child.started:
        yield (replication, -1, *who, "started", child.start, child.length_days)
        yield (replication, -1, *who, "completed" if child.completes else "dropped_out", child.stop, 0)
    for arm, life in enumerate(lives[: 2 if child.started else 1]):
        for start, end, kind in life.placements:
            yield (replication, arm, *who, "placed", start, kind)
            if any(end == leave for _, leave in life.spells):
                yield (replication, arm, *who, "home", end, 0)
