"""The readable engine: one replication at a time, the queue in SimPy, lives and counts in plain Python.

In: a plan, a seed, a range of replications. Out: `Counts`, and if asked the list of events. Written to be read and
signed off; `kernel.py` does the same for speed and must agree bit for bit. Must not know: prices, contracts, files.

The order inside one day is SimPy's priority: releases; arrivals; those who turn 18 or enter care leave; starts by
class, referral time and tie draw; then those whose patience has run out leave.
"""

from __future__ import annotations

import heapq
from collections.abc import Generator, Iterator
from dataclasses import dataclass, field
from typing import Any

import simpy

from edgeofcare.care.cohort import (
    arrival_draws,
    days_to_18,
    dropout_day,
    exponential,
    frailty,
    person_draws,
    search,
    shock,
    therapy_draws,
)
from edgeofcare.care.tracking import first_grid_week, overlap_days, weeks_before, whole_weeks, window_end
from edgeofcare.care.trajectory import (
    DAYS_16_TO_18,
    NEVER,
    entry_days,
    entry_days_with_therapy,
    live,
    place,
)
from edgeofcare.engine.counts import (
    ACCOUNTS,
    EVENTS,
    LIVES,
    SERVICE,
    Counts,
    Ints,
    Trace,
    check_identities,
    empty_counts,
)
from edgeofcare.engine.plan import Plan, Track

RELEASE, ARRIVE, GONE, START, IMPATIENT = 1, 2, 3, 4, 5
MOST_SPELLS = 3000  # more than the days between the 10th and the 18th birthday
USUAL, THERAPY = 0, 1
Interval = tuple[int, int]


@dataclass
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
    therapy: int
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
    placement: tuple[list[float], list[float], list[float], list[float]] = field(init=False)
    period_of_day: list[int] = field(init=False)
    edges: tuple[int, ...] = field(init=False)
    slots: list[list[int]] = field(init=False)

    def __post_init__(self) -> None:
        plan = self.plan
        self.ages = plan.age_cumulative.tolist()
        self.frailty = plan.frailty_log_quantiles.tolist()
        self.lengths = plan.length_cumulative.tolist()
        self.ratios = plan.ratio_by_year.tolist()
        self.referrals = plan.cumulative_referrals.tolist()
        self.placement = (
            plan.placement_shape.tolist(),
            plan.placement_scale_days.tolist(),
            plan.first_cumulative.tolist(),
            plan.move_cumulative.tolist(),
        )
        self.period_of_day = plan.period_of_day.tolist()
        self.edges = plan.periods.edges
        self.slots = plan.slots.tolist()


def run(plan: Plan, seed: int, first_replication: int, n_replications: int, trace: Trace | None = None) -> Counts:
    """Run a range of replications and return their counts; append events to `trace` if one is given."""
    counts = empty_counts(plan, first_replication, n_replications)
    tables = Tables(plan)
    for i in range(n_replications):
        run_replication(tables, seed, first_replication + i, counts, i, trace)
    check_identities(counts, plan)
    return counts


def run_replication(
    tables: Tables, seed: int, replication: int, counts: Counts, row: int, trace: Trace | None
) -> None:
    """Refer, queue and live one replication, and add it to row `row` of the counts."""
    children = list(refer(tables, seed, replication))
    teams = run_queue(tables.plan, tables.slots, [child for child in children if child.engaged])
    for team in teams:
        counts.team[row, team.index] = team.slot_days_used, sum(team.slots), team.n_starts
    for child in children:
        count_service(child, tables, counts.service[row])
        lives = live_both_arms(child, tables, seed, replication)
        for arm, life in enumerate(lives):
            count_life(child, life, tables, counts, row, arm)
        if child.started:
            count_tracks(child, lives, tables, counts, row)
        if trace is not None:
            trace.add([(*row[:4], EVENTS.index(row[4]), *row[5:]) for row in events(child, lives, replication)])


# ---- referral -------------------------------------------------------------------------------------------------


def refer(tables: Tables, seed: int, replication: int) -> Iterator[Child]:
    """Yield the children referred in each borough: a Poisson process by the inverse of its cumulative rate."""
    plan = tables.plan
    for borough, expected in enumerate(tables.referrals):
        slug_id = int(plan.borough_ids[borough])
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
            yield make_child(tables, seed, replication, borough, number, time, day, draws, factor)
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
    """Draw a referred child's attributes, therapy and first entry without therapy."""
    plan, rates = tables.plan, tables.plan.rates
    slug_id = int(plan.borough_ids[borough])
    age_u, needs_u, frailty_u, need_u = person_draws(seed, replication, slug_id, number)
    length_u, complete_u, break_off_u, tie = therapy_draws(seed, replication, slug_id, number)
    more_needs = needs_u < rates.more_needs_prob
    risk = rates.risk_more_needs if more_needs else rates.risk_fewer_needs
    risk = risk * frailty(tables.frailty, frailty_u) * factor
    therapy = 0 if arrival[3] < float(plan.suited_to_mst_prob[borough]) else 1
    served_by = int(plan.team_of[borough, therapy])
    therapy = int(plan.team_therapy[served_by])
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
        therapy=therapy,
        length_days=length_days,
        completes=complete_u < float(plan.completion_prob[therapy]),
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
        self.env, self.index, self.slots, self.plan, self.starts = env, index, slots, plan, starts
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
        priority = 0 if not self.plan.priority_by_needs or child.more_needs else 1
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
            if self.starts[child.borough] >= int(self.plan.entitlement[child.borough]):
                child.left, child.left_day = "left_entitlement", day
            elif day + child.length_days > self.plan.delivery_end:
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
    gone = Moment(env, min(child.entry, child.birthday_18), GONE)
    impatient = Moment(env, child.day + desk.plan.patience_days, IMPATIENT)
    yield granted | gone | impatient
    if child.started or child.left:
        return
    child.left_day = int(env.now)
    if child.left_day == min(child.entry, child.birthday_18):
        child.left = "left_care" if child.entry <= child.birthday_18 else "left_18"
    else:
        child.left = "left_patience"


def run_queue(plan: Plan, slots: list[list[int]], children: list[Child]) -> list[TeamDesk]:
    """Run the waiting lists of all teams and write each child's start or reason for leaving."""
    env = simpy.Environment()
    starts = [0] * plan.n_boroughs
    desks = [TeamDesk(env, i, team_slots, plan, starts) for i, team_slots in enumerate(slots)]
    for child in children:
        env.process(family(env, child, desks[int(plan.team_of[child.borough, child.therapy])]))
    env.run()
    return desks


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
    slug_id = int(tables.plan.borough_ids[child.borough])
    address = (seed, replication, slug_id, child.number)
    n_spells = live(
        *address, entry, child.birthday_18, reentry_hazard_ratio, tables.plan.rates, _ENTER, _LEAVE, _FIRST_U
    )
    spells = list(zip(_ENTER[:n_spells], _LEAVE[:n_spells], strict=True))
    placements = []
    for spell, (enter, leave) in enumerate(spells):
        birthday_16 = child.birthday_18 - DAYS_16_TO_18
        n = place(*address, spell, enter, leave, _FIRST_U[spell], birthday_16, *tables.placement, _STARTS, _KINDS)
        ends = [*_STARTS[1:n], leave]
        placements += list(zip(_STARTS[:n], ends, _KINDS[:n], strict=True))
    return Life(spells, placements)


# ---- counts ---------------------------------------------------------------------------------------------------


def count_service(child: Child, tables: Tables, service: Ints) -> None:
    """Add a child to the service counts of its borough: (borough, period, SERVICE)."""
    last = tables.plan.n_outcome_periods - 1

    def add(measure: str, day: int, amount: int = 1) -> None:
        service[child.borough, min(tables.period_of_day[day], last), SERVICE.index(measure)] += amount

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


def count_life(child: Child, life: Life, tables: Tables, counts: Counts, row: int, arm: int) -> None:
    """Add first entry, re-entries and care days to 18, before and after the end of outcomes."""
    if life.spells:
        counts.lives[row, arm, child.borough, LIVES.index("first_entries")] += 1
        counts.lives[row, arm, child.borough, LIVES.index("reentries")] += len(life.spells) - 1
    cut = tables.plan.outcomes_end
    window, after = (counts.care[row, arm, ACCOUNTS.index(name), child.borough] for name in ("window", "after"))
    for start, end, kind in life.placements:
        for period, days in days_by_period(start, min(end, cut), tables):
            window[period, kind] += days
        for period, days in days_by_period(max(start, cut), end, tables):
            after[period, kind] += days


def days_by_period(start: int, end: int, tables: Tables) -> Iterator[tuple[int, int]]:
    """Yield the periods that [start, end) touches and the days in each."""
    if start >= end:
        return
    period = tables.period_of_day[start]
    while start < end:
        until = min(end, tables.edges[period + 1])
        yield period, until - start
        start, period = until, period + 1


def home_spells(life: Life, start: int, end: int) -> Iterator[Interval]:
    """Yield the stretches of [start, end) in which a child is out of care."""
    for enter, leave in life.spells:
        if leave > start and enter < end:
            if start < enter:
                yield start, enter
            start = leave
    if start < end:
        yield start, end


def count_tracks(child: Child, lives: tuple[Life, Life], tables: Tables, counts: Counts, row: int) -> None:
    """Add a starter to every track that covers it, in both arms."""
    plan = tables.plan
    care_days = [0, 0]
    for index, track in enumerate(plan.tracks):
        start = child.start + track.delay_days
        end = window_end(start, track.days, child.birthday_18, track.end_day)
        for arm, life in enumerate(lives):
            if index == 0 and not any(enter < end for enter, _ in life.spells):
                counts.lives[row, arm, child.borough, LIVES.index("never_in_care")] += 1
        if start >= end or (track.covers_completers_only and not child.completes):
            continue
        if index == 0:
            first = min(tables.period_of_day[start], plan.n_outcome_periods - 1)
            counts.service[row, child.borough, first, SERVICE.index("tracked")] += 1
            care_days = [count_placements(child, life, start, end, tables, counts, row, arm)
                         for arm, life in enumerate(lives)]  # fmt: skip
        for arm, life in enumerate(lives):
            count_outcomes(child, life, index, track, (start, end), tables, counts, row, arm)
        count_both_weeks(child, lives, index, (start, end), tables, counts, row)
    if care_days[THERAPY] > care_days[USUAL]:
        counts.lives[row, THERAPY, child.borough, LIVES.index("fewer_avoided")] += 1


def count_placements(
    child: Child, life: Life, start: int, end: int, tables: Tables, counts: Counts, row: int, arm: int
) -> int:
    """Add care days inside the scenario's own tracking, by placement type, and return how many there are."""
    account = counts.care[row, arm, ACCOUNTS.index("tracking"), child.borough]
    total = 0
    for enter, leave, kind in life.placements:
        for period, days in days_by_period(max(start, enter), min(end, leave), tables):
            account[period, kind] += days
            total += days
    return total


def count_outcomes(
    child: Child,
    life: Life,
    index: int,
    track: Track,
    window: Interval,
    tables: Tables,
    counts: Counts,
    row: int,
    arm: int,
) -> None:
    """Add tracked days, care days, paid weeks and grid weeks of one child on one track, by period."""
    plan = tables.plan
    start, end = window
    outcomes = counts.outcomes[row, arm, index, child.borough]
    by_group = None
    if track.by_intake:
        group = tables.period_of_day[child.start]
        by_group = counts.intake[row, arm, plan.intake_tracks.index(index), child.borough, group]
    for period, days in days_by_period(start, end, tables):
        outcomes[period, 0] += days
        if by_group is not None:
            by_group[period, 0] += days
    for enter, leave in life.spells:
        for period, days in days_by_period(max(start, enter), min(end, leave), tables):
            outcomes[period, 1] += days
            if by_group is not None:
                by_group[period, 1] += days
    unpaid = track.max_weeks
    for home, care in home_spells(life, start, end):
        first = first_grid_week(home, start)
        add_weeks(outcomes[:, 3], first, whole_weeks(first, care), tables)
        first = home if track.week_rule == "run" else first
        n_weeks = min(whole_weeks(first, care), unpaid)
        add_weeks(outcomes[:, 2], first, n_weeks, tables)
        unpaid -= n_weeks


def add_weeks(by_period: Ints, first_day: int, n_weeks: int, tables: Tables) -> None:
    """Add a run of weeks to the periods in which their seventh days fall."""
    if n_weeks <= 0:
        return
    period, counted = tables.period_of_day[first_day], 0
    while counted < n_weeks:
        so_far = weeks_before(tables.edges[period + 1], first_day, n_weeks)
        by_period[period] += so_far - counted
        counted, period = so_far, period + 1


def count_both_weeks(
    child: Child, lives: tuple[Life, Life], index: int, window: Interval, tables: Tables, counts: Counts, row: int
) -> None:
    """Add the weeks of the grid at home in both arms."""
    by_period = counts.both_weeks[row, index, child.borough]
    for home, care in home_spells(lives[USUAL], *window):
        for other_home, other_care in home_spells(lives[THERAPY], *window):
            if overlap_days(home, care, other_home, other_care):
                first = first_grid_week(max(home, other_home), window[0])
                add_weeks(by_period, first, whole_weeks(first, min(care, other_care)), tables)


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
