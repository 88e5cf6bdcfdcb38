"""The fast engine: the lives, the queue and the counts of `reference.py`, bit for bit, compiled by numba.

In: a plan, a seed, a range of replications. Out: `Counts`, and if asked the list of events. The scalar mathematics is
care/'s own text, compiled as it stands; only the queue and the counting are written again, over flat arrays.
Must not know: prices, contracts, files. The compiled code is kept in a folder named by the hash of these sources, so
it can never be stale.
"""

from __future__ import annotations

from types import FunctionType
from typing import Any

import numba
import numpy as np
from llvmlite import ir
from numba import njit, types
from numba.core import cgutils  # noqa: F401  (loads the code generator before the intrinsic is defined)
from numba.extending import intrinsic, overload, register_jitable

from edgeofcare.care import cohort, draws, tracking, trajectory
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
from edgeofcare.care.tracking import first_grid_week, weeks_before, whole_weeks, window_end
from edgeofcare.care.trajectory import (
    DAYS_16_TO_18,
    NEVER,
    entry_days,
    entry_days_with_therapy,
    live,
    place,
)
from edgeofcare.engine.counts import EVENTS, SERVICE, Counts, check_identities, empty_counts
from edgeofcare.engine.plan import Plan
from edgeofcare.provenance import cache_folder, source_hash

numba.config.CACHE_DIR = str(cache_folder("kernel-" + source_hash("care", "engine", "calendar.py")))


@intrinsic
def _high_word(typing_context: Any, a: Any, b: Any) -> Any:
    """Upper half of a 64 x 64 bit product, by LLVM's 128-bit multiplication."""

    def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        wide = ir.IntType(128)
        product = builder.mul(builder.zext(args[0], wide), builder.zext(args[1], wide))
        return builder.trunc(builder.lshr(product, ir.Constant(wide, 64)), ir.IntType(64))

    return types.uint64(types.uint64, types.uint64), codegen


@overload(draws.product, inline="always")
def _product_overload(a, b):  # type: ignore[no-untyped-def]
    return lambda a, b: (_high_word(np.uint64(a), np.uint64(b)), np.uint64(a) * np.uint64(b))


@overload(draws.word, inline="always")
def _word_overload(value):  # type: ignore[no-untyped-def]
    return lambda value: np.uint64(value)


for _module in (draws, cohort, trajectory, tracking):
    for _f in list(vars(_module).values()):
        own = isinstance(_f, FunctionType) and _f.__module__ == _module.__name__
        if own and _f not in (draws.word, draws.product):
            register_jitable(_f)

REFERRED, ACCEPTED, ENGAGED, STARTED, COMPLETED, DROPPED_OUT = (SERVICE.index(name) for name in SERVICE[:6])
LEFT_PATIENCE, LEFT_18, LEFT_CARE, LEFT_ENTITLEMENT, LEFT_TOO_LATE, WAITING_DAYS, TRACKED = range(6, 13)
FIRST_ENTRIES, REENTRIES, NEVER_IN_CARE, FEWER_AVOIDED = range(4)
REFERRED_EVENT, PLACED, HOME = EVENTS.index("referred"), EVENTS.index("placed"), EVENTS.index("home")
NO_REASON = -1


@register_jitable
def refer(seed, replication, tables, child):  # type: ignore[no-untyped-def]
    """Fill the children of one replication, borough by borough, and return how many there are (-1: no room)."""
    rates, ids, cumulative, suited_prob, team_of, team_therapy, ages, frailties, lengths, completion = tables
    n = 0
    for b in range(len(ids)):
        factor = shock(seed, replication, ids[b], rates.shock_sd, rates.shock_correlation)
        number, reached, day = 0, 0.0, 0
        last = cumulative[b, cumulative.shape[1] - 1]
        while True:
            gap_u, accept_u, engage_u, suited_u = arrival_draws(seed, replication, ids[b], number)
            reached += exponential(gap_u)
            if reached >= last:
                break
            if n >= len(child):
                return -1
            while cumulative[b, day + 1] <= reached:
                day += 1
            age_u, needs_u, frailty_u, need_u = person_draws(seed, replication, ids[b], number)
            length_u, complete_u, break_off_u, tie = therapy_draws(seed, replication, ids[b], number)
            c = child[n]
            more_needs = needs_u < rates.more_needs_prob
            risk = rates.risk_more_needs if more_needs else rates.risk_fewer_needs
            risk = risk * frailty(frailties, frailty_u) * factor
            team = team_of[b, 0 if suited_u < suited_prob[b] else 1]
            therapy = team_therapy[team]
            length = search(lengths[therapy], length_u)
            limit = days_to_18(ages, age_u)
            need = exponential(need_u)
            entry = entry_days(need, risk, rates.entry_shape, rates.entry_scale_days, limit)
            accepted = accept_u < rates.accept_prob
            c.borough, c.number, c.day, c.team = b, number, day, team
            c.time = day + (reached - cumulative[b, day]) / (cumulative[b, day + 1] - cumulative[b, day])
            c.birthday_18 = day + limit
            c.more_needs = more_needs
            c.risk, c.need, c.tie = risk, need, tie
            c.accepted = accepted
            c.engaged = accepted and engage_u < rates.engage_prob
            c.length, c.completes = length, complete_u < completion[therapy]
            c.break_off = dropout_day(length, break_off_u)
            c.entry = NEVER if entry == NEVER else day + entry
            c.start, c.reason, c.left_day = NEVER, NO_REASON, NEVER
            number += 1
            n += 1
    return n


@register_jitable
def before(a, b):  # type: ignore[no-untyped-def]
    """Whether one child stands before another in line: referral time, tie draw, borough, number."""
    if a.time != b.time:
        return a.time < b.time
    if a.tie != b.tie:
        return a.tie < b.tie
    return a.borough < b.borough or (a.borough == b.borough and a.number < b.number)


@register_jitable
def sort_by_referral(child, n, first_of_day, order):  # type: ignore[no-untyped-def]
    """Write the engaged children in order of referral; first_of_day: (day + 1,), the last is how many there are."""
    first_of_day[:] = 0
    order[:n] = -1
    for i in range(n):
        if child[i].engaged:
            first_of_day[child[i].day + 1] += 1
    for day in range(len(first_of_day) - 1):
        first_of_day[day + 1] += first_of_day[day]
    for i in range(n):
        if child[i].engaged:
            day = child[i].day
            at = first_of_day[day]
            first_of_day[day] += 1
            # The children of the same day already placed stand to the left, in order.
            while at > 0 and order[at - 1] >= 0 and child[order[at - 1]].day == day and before(child[i], child[order[at - 1]]):
                order[at] = order[at - 1]
                at -= 1
            order[at] = i


@register_jitable
def run_queue(child, queue_tables, queue_buffers, team_counts):  # type: ignore[no-untyped-def]
    """Run every team's waiting list day by day; write starts, and the reasons for leaving that a turn brings."""
    slots, entitlement, patience, delivery_end, by_needs = queue_tables
    first_of_day, order, waiting, head, tail, holders, releases, starts = queue_buffers
    n_engaged = first_of_day[len(first_of_day) - 1]
    n_teams = slots.shape[0]
    head[:] = 0
    tail[:] = 0
    holders[:] = 0
    releases[:] = 0
    starts[:] = 0
    next_arrival = 0
    for day in range(delivery_end + 1):
        while next_arrival < n_engaged and child[order[next_arrival]].day == day:
            i = order[next_arrival]
            line = 2 * child[i].team + (1 if by_needs and not child[i].more_needs else 0)
            waiting[line, tail[line]] = i
            tail[line] += 1
            next_arrival += 1
        for team in range(n_teams):
            holders[team] -= releases[team, day]
            for line in range(2 * team, 2 * team + 2):
                while holders[team] < slots[team, day] and head[line] < tail[line]:
                    c = child[waiting[line, head[line]]]
                    head[line] += 1
                    if c.entry <= day or c.birthday_18 <= day or c.day + patience < day:
                        continue
                    if starts[c.borough] >= entitlement[c.borough]:
                        c.reason, c.left_day = LEFT_ENTITLEMENT, day
                    elif day + c.length > delivery_end:
                        c.reason, c.left_day = LEFT_TOO_LATE, day
                    else:
                        c.start = day
                        starts[c.borough] += 1
                        holders[team] += 1
                        stop = day + (c.length if c.completes else c.break_off)
                        releases[team, stop] += 1
                        team_counts[team, 0] += stop - day
                        team_counts[team, 2] += 1
    for team in range(n_teams):
        team_counts[team, 1] = slots[team].sum()


@register_jitable
def leave_queue(c, patience):  # type: ignore[no-untyped-def]
    """Write why and when a child that had no turn left the waiting list."""
    gone = min(c.entry, c.birthday_18)
    if gone <= c.day + patience:
        c.reason = LEFT_CARE if c.entry <= c.birthday_18 else LEFT_18
        c.left_day = gone
    else:
        c.reason, c.left_day = LEFT_PATIENCE, c.day + patience


@register_jitable
def count_service(c, service, r, period_of_day, last):  # type: ignore[no-untyped-def]
    """Add one child to the service counts."""
    b, p = c.borough, min(period_of_day[c.day], last)
    service[r, b, p, REFERRED] += 1
    if c.accepted:
        service[r, b, p, ACCEPTED] += 1
    if c.engaged:
        service[r, b, p, ENGAGED] += 1
        if c.start == NEVER:
            service[r, b, min(period_of_day[c.left_day], last), c.reason] += 1
    if c.start < NEVER:
        p = min(period_of_day[c.start], last)
        service[r, b, p, STARTED] += 1
        service[r, b, p, WAITING_DAYS] += c.start - c.day
        stop = c.start + (c.length if c.completes else c.break_off)
        service[r, b, min(period_of_day[stop], last), COMPLETED if c.completes else DROPPED_OUT] += 1


@register_jitable
def add_care(care, r, arm, account, b, kind, start, end, edges, period_of_day):  # type: ignore[no-untyped-def]
    """Add the days of [start, end) to one placement type, by period."""
    if start < end:
        p = period_of_day[start]
        while start < end:
            until = min(end, edges[p + 1])
            care[r, arm, account, b, p, kind] += until - start
            start, p = until, p + 1


@register_jitable
def add_outcome_days(outcomes, intake, r, arm, track, b, group, measure, start, end, edges, period_of_day):  # type: ignore[no-untyped-def]
    """Add the days of [start, end) to an outcome measure, by period and, if grouped, by intake."""
    if start < end:
        p = period_of_day[start]
        while start < end:
            until = min(end, edges[p + 1])
            outcomes[r, arm, track, b, p, measure] += until - start
            if group >= 0:
                intake[r, arm, group // intake.shape[4], b, group % intake.shape[4], p, measure] += until - start
            start, p = until, p + 1


@register_jitable
def add_weeks(outcomes, r, arm, track, b, measure, first_day, n_weeks, edges, period_of_day):  # type: ignore[no-untyped-def]
    """Add a run of weeks to the periods in which their seventh days fall."""
    if n_weeks > 0:
        p, counted = period_of_day[first_day], 0
        while counted < n_weeks:
            so_far = weeks_before(edges[p + 1], first_day, n_weeks)
            outcomes[r, arm, track, b, p, measure] += so_far - counted
            counted, p = so_far, p + 1


@register_jitable
def add_both_weeks(both, r, track, b, first_day, n_weeks, edges, period_of_day):  # type: ignore[no-untyped-def]
    """Add a run of weeks at home in both arms."""
    if n_weeks > 0:
        p, counted = period_of_day[first_day], 0
        while counted < n_weeks:
            so_far = weeks_before(edges[p + 1], first_day, n_weeks)
            both[r, track, b, p] += so_far - counted
            counted, p = so_far, p + 1


@register_jitable
def home_spells(enter, leave, n_spells, start, end, home, care):  # type: ignore[no-untyped-def]
    """Write the stretches of [start, end) out of care and return how many there are."""
    n = 0
    for s in range(n_spells):
        if leave[s] > start and enter[s] < end:
            if start < enter[s]:
                home[n], care[n] = start, enter[s]
                n += 1
            start = leave[s]
    if start < end:
        home[n], care[n] = start, end
        n += 1
    return n


@register_jitable
def entry_day(c, arm, rates, ratios):  # type: ignore[no-untyped-def]
    """Return the day of first entry in one arm."""
    if arm == 0:
        return c.entry
    kept = 1.0 if rates.dropout_keeps_always else rates.dropout_keeps_dose * (c.break_off / c.length)
    stop = NEVER if c.completes else c.start + c.break_off - c.day
    days = entry_days_with_therapy(
        c.need, c.risk, rates.entry_shape, rates.entry_scale_days, c.birthday_18 - c.day, c.start - c.day, stop, kept,
        ratios,
    )  # fmt: skip
    return NEVER if days == NEVER else c.day + days


@register_jitable
def count_tracks(c, r, tracks, buffers, n_spells, calendar, service, outcomes, both, intake):  # type: ignore[no-untyped-def]
    """Add a starter to every track that covers it, in both arms."""
    enter, leave, _, home, away, _, _ = buffers
    edges, period_of_day, last, _ = calendar
    for t in range(len(tracks)):
        delay, days, completers_only, by_run, max_weeks, end_day, intake_track = tracks[t]
        start = c.start + delay
        end = window_end(start, days, c.birthday_18, end_day)
        if start >= end or (completers_only and not c.completes):
            continue
        b = c.borough
        if t == 0:
            service[r, b, min(period_of_day[start], last), TRACKED] += 1
        group = intake_track * intake.shape[4] + period_of_day[c.start] if intake_track >= 0 else -1
        n_home = (0, 0)
        for arm in range(2):
            add_outcome_days(outcomes, intake, r, arm, t, b, group, 0, start, end, edges, period_of_day)
            for s in range(n_spells[arm]):
                low, high = max(start, enter[arm, s]), min(end, leave[arm, s])
                add_outcome_days(outcomes, intake, r, arm, t, b, group, 1, low, high, edges, period_of_day)
            n = home_spells(enter[arm], leave[arm], n_spells[arm], start, end, home[arm], away[arm])
            n_home = (n, n_home[1]) if arm == 0 else (n_home[0], n)
            unpaid = max_weeks
            for h in range(n):
                first = first_grid_week(home[arm, h], start)
                add_weeks(outcomes, r, arm, t, b, 3, first, whole_weeks(first, away[arm, h]), edges, period_of_day)
                first = home[arm, h] if by_run else first
                n_weeks = min(whole_weeks(first, away[arm, h]), unpaid)
                add_weeks(outcomes, r, arm, t, b, 2, first, n_weeks, edges, period_of_day)
                unpaid -= n_weeks
        i, j = 0, 0
        while i < n_home[0] and j < n_home[1]:
            low, high = max(home[0, i], home[1, j]), min(away[0, i], away[1, j])
            if low < high:
                first = first_grid_week(low, start)
                add_both_weeks(both, r, t, b, first, whole_weeks(first, high), edges, period_of_day)
            if away[0, i] < away[1, j]:
                i += 1
            else:
                j += 1


@register_jitable
def record(trace, n, replication, arm, c, code, day, detail):  # type: ignore[no-untyped-def]
    """Write one event and return the number written."""
    if n < len(trace):
        trace[n, 0], trace[n, 1], trace[n, 2], trace[n, 3] = replication, arm, c.borough, c.number
        trace[n, 4], trace[n, 5], trace[n, 6] = code, day, detail
    return n + 1


@register_jitable
def trace_service(c, replication, trace, n):  # type: ignore[no-untyped-def]
    """Write a child's referral, start and end of therapy, or its leaving; arm -1 stands for both."""
    n = record(trace, n, replication, -1, c, REFERRED_EVENT, c.day, c.birthday_18)
    if c.engaged and c.start == NEVER:
        n = record(trace, n, replication, -1, c, c.reason, c.left_day, 0)
    if c.start < NEVER:
        n = record(trace, n, replication, -1, c, STARTED, c.start, c.length)
        stop = c.start + (c.length if c.completes else c.break_off)
        n = record(trace, n, replication, -1, c, COMPLETED if c.completes else DROPPED_OUT, stop, 0)
    return n


# Nothing is allocated inside, so arrays need no reference counting (_nrt), which would take half of the time.
@njit(nogil=True, cache=True, _nrt=False)
def run_chunk(  # type: ignore[no-untyped-def]
    seed, first_replication, n_replications, tables, placement_tables, queue_tables, tracks, calendar, child, buffers,
    queue_buffers, service, lives, care, outcomes, both_weeks, intake, team_counts, trace,
):  # fmt: skip
    """Run a range of replications into the count arrays; return the events written, -1 if `child` has no room.

    child: records of one replication's children. buffers, queue_buffers: whole-number scratch. trace: (event, 7).
    """
    rates, ids = tables[0], tables[1]
    ratios, shapes, scales, first_cumulative, move_cumulative = placement_tables
    edges, period_of_day, last, outcomes_end = calendar
    enter, leave, first_u, _, _, starts_of, kinds = buffers
    n_events = 0
    for r in range(n_replications):
        replication = first_replication + r
        n = refer(seed, replication, tables, child)
        if n < 0:
            return -1
        sort_by_referral(child, n, queue_buffers[0], queue_buffers[1])
        run_queue(child, queue_tables, queue_buffers, team_counts[r])
        for i in range(n):
            c = child[i]
            b, n_arms = c.borough, 2 if c.start < NEVER else 1
            if c.engaged and n_arms == 1 and c.reason == NO_REASON:
                leave_queue(c, queue_tables[2])
            count_service(c, service, r, period_of_day, last)
            if len(trace) > 0:
                n_events = trace_service(c, replication, trace, n_events)
            own_start = c.start + tracks[0, 0]
            own_end = window_end(own_start, tracks[0, 1], c.birthday_18, tracks[0, 5])
            counted = n_arms == 2 and (tracks[0, 2] == 0 or c.completes)
            n_spells, own_days = (0, 0), (0, 0)
            for arm in range(n_arms):
                m = live(
                    seed, replication, ids[b], c.number, entry_day(c, arm, rates, ratios), c.birthday_18,
                    rates.reentry_hazard_ratio if arm == 1 else 1.0, rates, enter[arm], leave[arm], first_u,
                )  # fmt: skip
                days_inside = 0
                for s in range(m):
                    n_places = place(
                        seed, replication, ids[b], c.number, s, enter[arm, s], leave[arm, s], first_u[s],
                        c.birthday_18 - DAYS_16_TO_18, shapes, scales, first_cumulative, move_cumulative,
                        starts_of, kinds,
                    )  # fmt: skip
                    for j in range(n_places):
                        start, kind = starts_of[j], kinds[j]
                        end = starts_of[j + 1] if j + 1 < n_places else leave[arm, s]
                        # A child who never starts has one life, counted in both arms.
                        for a in range(arm, arm + 3 - n_arms):
                            add_care(care, r, a, 1, b, kind, start, min(end, outcomes_end), edges, period_of_day)
                            add_care(care, r, a, 2, b, kind, max(start, outcomes_end), end, edges, period_of_day)
                        low, high = max(start, own_start), min(end, own_end)
                        if counted and low < high:
                            add_care(care, r, arm, 0, b, kind, low, high, edges, period_of_day)
                            days_inside += high - low
                        if len(trace) > 0:
                            n_events = record(trace, n_events, replication, arm, c, PLACED, start, kind)
                    if len(trace) > 0:
                        n_events = record(trace, n_events, replication, arm, c, HOME, leave[arm, s], 0)
                for a in range(arm, arm + 3 - n_arms):
                    lives[r, a, b, FIRST_ENTRIES] += min(m, 1)
                    lives[r, a, b, REENTRIES] += max(m - 1, 0)
                if n_arms == 2 and (m == 0 or enter[arm, 0] >= own_end):
                    lives[r, arm, b, NEVER_IN_CARE] += 1
                n_spells = (m, n_spells[1]) if arm == 0 else (n_spells[0], m)
                own_days = (days_inside, own_days[1]) if arm == 0 else (own_days[0], days_inside)
            if n_arms == 2:
                lives[r, 1, b, FEWER_AVOIDED] += own_days[1] > own_days[0]
                count_tracks(c, r, tracks, buffers, n_spells, calendar, service, outcomes, both_weeks, intake)
    return n_events


CHILD = np.dtype(
    [
        ("time", "f8"), ("tie", "f8"), ("risk", "f8"), ("need", "f8"), ("borough", "i8"), ("number", "i8"),
        ("day", "i8"), ("team", "i8"), ("birthday_18", "i8"), ("length", "i8"), ("break_off", "i8"), ("entry", "i8"),
        ("start", "i8"), ("reason", "i8"), ("left_day", "i8"), ("more_needs", "i8"), ("accepted", "i8"),
        ("engaged", "i8"), ("completes", "i8"),
    ]
)  # fmt: skip


def most_children(plan: Plan) -> int:
    """Return room for one replication's referrals: mean plus twelve standard deviations of a Poisson count."""
    expected = float(plan.cumulative_referrals[:, -1].sum())
    return int(expected + 12 * expected**0.5) + 100


def run(plan: Plan, seed: int, first_replication: int, n_replications: int, trace: Any = None) -> Counts:
    """Run a range of replications and return their counts; fill `trace` (see `counts.Trace`) if one is given."""
    counts = empty_counts(plan, first_replication, n_replications)
    n_children, n_events = most_children(plan), 0
    events = np.zeros((0, 7), np.int64)
    if trace is not None:
        events = np.zeros((n_children * n_replications * 40, 7), np.int64)
    while True:
        n_events = run_chunk(
            np.uint64(seed), first_replication, n_replications, *_tables(plan), *_buffers(plan, n_children),
            counts.service, counts.lives, counts.care, counts.outcomes, counts.both_weeks, counts.intake, counts.team,
            events,
        )  # fmt: skip
        if 0 <= n_events <= len(events):
            break
        if n_events < 0:
            n_children *= 2
        else:
            events = np.zeros((n_events, 7), np.int64)
        counts = empty_counts(plan, first_replication, n_replications)
    if trace is not None:
        trace.add(events[:n_events])
    check_identities(counts, plan)
    return counts


def _tables(plan: Plan) -> tuple[Any, ...]:
    """The plan in the order in which the kernel unpacks it."""
    intake = {track: i for i, track in enumerate(plan.intake_tracks)}
    tracks = np.array(
        [
            (
                track.delay_days, track.days, track.covers_completers_only, track.week_rule == "run", track.max_weeks,
                track.end_day, intake.get(i, -1),
            )
            for i, track in enumerate(plan.tracks)
        ],
        dtype=np.int64,
    )  # fmt: skip
    return (
        (
            plan.rates, plan.borough_ids, plan.cumulative_referrals, plan.suited_to_mst_prob, plan.team_of,
            plan.team_therapy, plan.age_cumulative, plan.frailty_log_quantiles, plan.length_cumulative,
            plan.completion_prob,
        ),
        (
            plan.ratio_by_year, plan.placement_shape, plan.placement_scale_days, plan.first_cumulative,
            plan.move_cumulative,
        ),
        (plan.slots, plan.entitlement, plan.patience_days, plan.delivery_end, plan.priority_by_needs),
        tracks,
        (np.array(plan.periods.edges), plan.period_of_day, plan.n_outcome_periods - 1, plan.outcomes_end),
    )  # fmt: skip


def _buffers(plan: Plan, n_children: int) -> tuple[Any, ...]:
    """Scratch memory of one thread: children, spells and placements, and the waiting lists."""
    n_teams, n_days, most = len(plan.team_slugs), plan.delivery_end + 1, 3000
    spells = tuple(np.zeros((2, most), np.int64) for _ in range(2))
    homes = tuple(np.zeros((2, most), np.int64) for _ in range(2))
    lists = tuple(np.zeros(most, np.int64) for _ in range(2))
    queue = (
        np.zeros(n_days + 1, np.int64),
        np.zeros(n_children, np.int64),
        np.zeros((2 * n_teams, n_children), np.int32),
        *(np.zeros(n, np.int64) for n in (2 * n_teams, 2 * n_teams, n_teams)),
        np.zeros((n_teams, n_days), np.int32),
        np.zeros(plan.n_boroughs, np.int64),
    )
    return np.zeros(n_children, CHILD), (*spells, np.zeros(most), *homes, *lists), queue
