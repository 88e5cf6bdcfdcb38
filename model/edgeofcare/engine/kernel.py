"""The fast engine: the lives, the queue and the counts of `reference.py`, bit for bit, compiled by numba.

In: a plan, a seed, a range of replications. Out: `Counts`, and if asked the list of events. The scalar mathematics is
care/'s own text, compiled as it stands; the queue and the counting are written again, over flat arrays, and the
searches of placements begin next to their ends.
Must not know: prices, contracts, files. The compiled code is kept in a folder named by the hash of these sources, so
it can never be stale.
"""

from __future__ import annotations

from types import FunctionType
from typing import Any

import numba
import numpy as np
import numpy.typing as npt
from llvmlite import ir
from numba import njit, types
from numba.core import cgutils  # noqa: F401  (loads the code generator before the intrinsic is defined)
from numba.extending import intrinsic, overload, register_jitable

from edgeofcare.calendar import MEAN_DAYS_PER_YEAR
from edgeofcare.care import cohort, draws, tracking, trajectory
from edgeofcare.care.cohort import (
    ADULT_AGE,
    FIRST_AGE,
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
from edgeofcare.care.tracking import WEEK, first_grid_week, milestone_day, whole_weeks, window_end, window_start
from edgeofcare.care.trajectory import (
    DAYS_16_TO_18,
    N_TYPES,
    NEVER,
    entry_days,
    entry_days_with_therapy,
    live,
    move_draws,
    weibull_days,
)
from edgeofcare.engine.counts import EVENTS, SERVICE, Counts, check_identities, empty_counts
from edgeofcare.engine.plan import Plan, Track
from edgeofcare.provenance import cache_folder, rooms_hash

numba.config.CACHE_DIR = str(cache_folder("kernel-" + rooms_hash("care", "engine", "calendar.py")))
MULTIPLIER_0, MULTIPLIER_1 = np.uint64(draws.MULTIPLIER_0), np.uint64(draws.MULTIPLIER_1)
WEYL_0, WEYL_1 = np.uint64(draws.WEYL_0), np.uint64(draws.WEYL_1)
inlined = register_jitable(forceinline=True)  # each array in a call that is not inlined passes five numbers and more


@intrinsic
def _product(typing_context: Any, a: Any, b: Any) -> Any:
    """Both halves, upper and lower, of a 64 x 64 bit product, by LLVM's 128-bit multiplication."""
    halves = types.UniTuple(types.uint64, 2)

    def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        wide, narrow = ir.IntType(128), ir.IntType(64)
        product = builder.mul(builder.zext(args[0], wide), builder.zext(args[1], wide))
        high = builder.trunc(builder.lshr(product, ir.Constant(wide, 64)), narrow)
        return context.make_tuple(builder, halves, (high, builder.trunc(product, narrow)))

    return halves(types.uint64, types.uint64), codegen


@overload(draws.philox)
def _philox_overload(seed, replication, borough, child, purpose):  # type: ignore[no-untyped-def]
    """`draws.philox` in words that wrap around: numba has no whole numbers of 128 bits."""

    def philox(seed, replication, borough, child, purpose):  # type: ignore[no-untyped-def]
        key_0, key_1 = np.uint64(seed), np.uint64(0)
        c0, c1, c2, c3 = np.uint64(replication), np.uint64(borough), np.uint64(child), np.uint64(purpose)
        for _ in range(10):
            high_0, low_0 = _product(MULTIPLIER_0, c0)
            high_1, low_1 = _product(MULTIPLIER_1, c2)
            c0, c1, c2, c3 = high_1 ^ c1 ^ key_0, low_1, high_0 ^ c3 ^ key_1, low_0
            key_0, key_1 = key_0 + WEYL_0, key_1 + WEYL_1
        return c0, c1, c2, c3

    return philox


for _module in (draws, cohort, trajectory, tracking):
    for _f in list(vars(_module).values()):
        own = isinstance(_f, FunctionType) and _f.__module__ == _module.__name__
        if own and _f not in (draws.word, draws.philox):
            register_jitable(_f)

REFERRED, ACCEPTED, ENGAGED, STARTED, COMPLETED, DROPPED_OUT = (SERVICE.index(name) for name in SERVICE[:6])
LEFT_PATIENCE, LEFT_18, LEFT_CARE, LEFT_ENTITLEMENT, LEFT_TOO_LATE, WAITING_DAYS, TRACKED = range(6, 13)
FIRST_ENTRIES, REENTRIES, NEVER_IN_CARE, FEWER_AVOIDED = range(4)
REFERRED_EVENT, PLACED, HOME = EVENTS.index("referred"), EVENTS.index("placed"), EVENTS.index("home")
NO_REASON = -1
# How the units that a track pays are found: all weeks of the grid or all days, read off what is marked anyway; weeks,
# by marks of their own; limited days and milestones, added to their periods at once.
EVERY_WEEK, EVERY_DAY, GRID, RUN, DAY, RUNNING, AT_WEEK = range(7)
UNITS = {"grid": GRID, "run": RUN, "day": DAY, "running": RUNNING, "at_week": AT_WEEK}
PAYS, WEEK_ROW = 4, 9  # columns of the table of tracks: which of these; its place among those with weeks, or -1
PAID_UNITS = 2  # place in OUTCOMES
STRIDE = 8  # days that the search for the day of a referral skips at once
MOST_DAYS = int((ADULT_AGE - FIRST_AGE) * MEAN_DAYS_PER_YEAR) + 1  # from referral to the 18th birthday
CELLS = 4096  # of a uniform
SURE = 1e-9  # relative; what log and power lose in rounding is a thousand times smaller and more
LATEST = 16  # days after the last period that a mark may name


@register_jitable
def refer(seed, replication, tables, slots, child):  # type: ignore[no-untyped-def]
    """Fill the children of one replication, borough by borough, and return how many there are (-1: no room).

    slots: (day, team).
    """
    rates, ids, cumulative, suited, teams_of, team_therapy, ages, frailties = tables[:8]
    lengths, completion, from_length, full_slots = tables[8:]
    n, n_days, longest = 0, cumulative.shape[1] - 1, lengths.shape[1] - 1
    teams_share = teams_of.shape[2] > 1  # where none do, the only team is read here, which is sooner
    for b in range(len(ids)):
        factor = shock(seed, replication, ids[b], rates.shock_sd, rates.shock_correlation)
        number, reached, day = 0, 0.0, 0
        last = cumulative[b, n_days]
        while True:
            gap_u, accept_u, engage_u, suited_u = arrival_draws(seed, replication, ids[b], number)
            reached += exponential(gap_u)
            if reached >= last:
                break
            if n >= len(child):
                return -1
            while day + STRIDE < n_days and cumulative[b, day + STRIDE] <= reached:
                day += STRIDE
            while cumulative[b, day + 1] <= reached:
                day += 1
            age_u, needs_u, frailty_u, need_u = person_draws(seed, replication, ids[b], number)
            length_u, complete_u, break_off_u, tie = therapy_draws(seed, replication, ids[b], number)
            c = child[n]
            more_needs = needs_u < rates.more_needs_prob
            risk = rates.risk_more_needs if more_needs else rates.risk_fewer_needs
            late = late_factor(reached, last, rates.late_share, rates.late_hazard_ratio)
            risk = risk * frailty(frailties, frailty_u) * (factor * late)
            if teams_share:
                team = team_for(teams_of[b], slots[day], full_slots, suited_u, suited[b])
            else:
                team = teams_of[b, search(suited[b], suited_u), 0]
            therapy = team_therapy[team]
            length = from_length[therapy, int(length_u * CELLS)]
            while length_u >= lengths[therapy, length] and length < longest:
                length += 1
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


@inlined
def part_of(c, parts_a_day):  # type: ignore[no-untyped-def]
    """Return the part of a day, from day 0, in which a child was referred."""
    return c.day * parts_a_day + min(int((c.time - c.day) * parts_a_day), parts_a_day - 1)


@register_jitable
def sort_by_referral(child, n, parts_a_day, first_of_part, order):  # type: ignore[no-untyped-def]
    """Write the engaged children in order of referral and return how many there are.

    Days are cut into parts which few children share. first_of_part: (part + 1,), scratch.
    """
    first_of_part[:] = 0
    for i in range(n):
        if child[i].engaged:
            first_of_part[part_of(child[i], parts_a_day) + 1] += 1
    for part in range(len(first_of_part) - 1):
        first_of_part[part + 1] += first_of_part[part]
    n_engaged = first_of_part[len(first_of_part) - 1]
    order[:n_engaged] = -1
    for i in range(n):
        if child[i].engaged:
            part = part_of(child[i], parts_a_day)
            at = first_of_part[part]
            first_of_part[part] += 1
            # The children of the same part already placed stand to the left, in order.
            while at > 0 and order[at - 1] >= 0:
                left = child[order[at - 1]]
                if part_of(left, parts_a_day) != part or not before(child[i], left):
                    break
                order[at] = order[at - 1]
                at -= 1
            order[at] = i
    return n_engaged


@register_jitable
def run_queue(child, n_engaged, queue_tables, queue_buffers, team_counts):  # type: ignore[no-untyped-def]
    """Run every team's waiting list day by day; write starts, and the reasons for leaving that a turn brings.

    A team has two lines, one for each class. A line is a chain: `first`, `latest` (line,) and `following` (child,).
    """
    slots, entitlement, patience, delivery_end, by_needs = queue_tables
    _, order, following, first, latest, holders, releases, starts = queue_buffers
    n_teams = slots.shape[1]
    first[:] = -1
    holders[:] = 0
    releases[:] = 0
    starts[:] = 0
    next_arrival = 0
    for day in range(delivery_end + 1):
        while next_arrival < n_engaged and child[order[next_arrival]].day == day:
            i = order[next_arrival]
            line = 2 * child[i].team + (1 if by_needs and not child[i].more_needs else 0)
            following[i] = -1
            if first[line] < 0:
                first[line] = i
            else:
                following[latest[line]] = i
            latest[line] = i
            next_arrival += 1
        for team in range(n_teams):
            holders[team] -= releases[day, team]
            if holders[team] >= slots[day, team]:
                continue
            for line in range(2 * team, 2 * team + 2):
                while first[line] >= 0 and holders[team] < slots[day, team]:
                    c = child[first[line]]
                    first[line] = following[first[line]]
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
                        releases[stop, team] += 1
                        team_counts[team, 0] += stop - day
                        team_counts[team, 2] += 1


@inlined
def leave_queue(c, patience):  # type: ignore[no-untyped-def]
    """Write why and when a child that had no turn left the waiting list."""
    gone = min(c.entry, c.birthday_18)
    if gone <= c.day + patience:
        c.reason = LEFT_CARE if c.entry <= c.birthday_18 else LEFT_18
        c.left_day = gone
    else:
        c.reason, c.left_day = LEFT_PATIENCE, c.day + patience


@inlined
def count_service(c, service, period_of_day, last):  # type: ignore[no-untyped-def]
    """Add one child to the service counts of its borough: (period, SERVICE)."""
    p = min(period_of_day[c.day], last)
    service[p, REFERRED] += 1
    if c.accepted:
        service[p, ACCEPTED] += 1
    if c.engaged:
        service[p, ENGAGED] += 1
        if c.start == NEVER:
            service[min(period_of_day[c.left_day], last), c.reason] += 1
    if c.start < NEVER:
        p = min(period_of_day[c.start], last)
        service[p, STARTED] += 1
        service[p, WAITING_DAYS] += c.start - c.day
        stop = c.start + (c.length if c.completes else c.break_off)
        service[min(period_of_day[stop], last), COMPLETED if c.completes else DROPPED_OUT] += 1


# ---- marks: what a stretch of days adds to many periods is written at its two ends, and summed once a borough ------


@inlined
def mark_days(marks, column, start, end, calendar):  # type: ignore[no-untyped-def]
    """Mark the days of [start, end), which is not empty. marks: (period, 2, column): from which period on whole
    periods count once more or less, and the days by which the first and the last of them are not whole."""
    edges, period_of_day = calendar[0], calendar[1]
    p = period_of_day[start]
    marks[p, 0, column] += 1
    marks[p, 1, column] -= start - edges[p]
    p = period_of_day[end]
    marks[p, 0, column] -= 1
    marks[p, 1, column] += end - edges[p]


@inlined
def mark_weeks(marks, column, first_day, n_weeks, calendar):  # type: ignore[no-untyped-def]
    """Mark a run of weeks, dated by their seventh days. marks: (period, 8, column): as `mark_days`, but by the weekday
    of the seventh days (0 to 6, from day 0), which a period's weeks depend on; in row 7 what is not whole."""
    if n_weeks > 0:
        edges, period_of_day = calendar[0], calendar[1]
        n_periods = len(marks) - 1
        day = first_day + WEEK - 1
        weekday = day % WEEK
        p = min(period_of_day[day], n_periods)
        marks[p, weekday, column] += 1
        marks[p, WEEK, column] -= (day - edges[p]) // WEEK
        day += WEEK * n_weeks
        p = min(period_of_day[day], n_periods)
        marks[p, weekday, column] -= 1
        marks[p, WEEK, column] += (day - edges[p]) // WEEK


@inlined
def take_marks(  # type: ignore[no-untyped-def]
    r, b, tracks, marks, week_marks, running, values, at_cut, calendar, care, outcomes, both_weeks
):
    """Write one borough's marks into its counts, and clear them.

    Columns of `marks`: (arm, tracking or all, type), then of each track: tracked days, care days by arm; of
    `week_marks`: of each track with weeks paid weeks by arm (if they have marks of their own), grid weeks by arm,
    weeks in both.
    Outcomes may already hold units that were added at once.
    at_cut: (arm, type), care days in the period in which outcomes end, before they end.
    """
    edges, _, last, _, cut, days_of_week = calendar
    n_tracks, n_columns, n_week_columns = both_weeks.shape[1], marks.shape[2], week_marks.shape[2]
    running[:] = 0
    for p in range(len(marks) - 1):
        length = edges[p + 1] - edges[p]
        for j in range(n_columns):
            running[0, j] += marks[p, 0, j]
            values[j] = running[0, j] * length + marks[p, 1, j]
        marks[p] = 0
        for arm in range(2):
            for kind in range(N_TYPES):
                total = values[(2 * arm + 1) * N_TYPES + kind]
                before_cut = total if p < cut else (at_cut[arm, kind] if p == cut else 0)
                care[r, arm, 1, b, p, kind] = before_cut
                care[r, arm, 2, b, p, kind] = total - before_cut
                if p <= last:
                    care[r, arm, 0, b, p, kind] = values[2 * arm * N_TYPES + kind]
        if p <= last:
            for t in range(n_tracks):
                for arm in range(2):
                    outcomes[r, arm, t, b, p, 0] = values[4 * N_TYPES + 3 * t]
                    outcomes[r, arm, t, b, p, 1] = values[4 * N_TYPES + 3 * t + 1 + arm]
                    if tracks[t, PAYS] == EVERY_DAY:
                        out_of_care = outcomes[r, arm, t, b, p, 0] - outcomes[r, arm, t, b, p, 1]
                        outcomes[r, arm, t, b, p, PAID_UNITS] = out_of_care
    marks[len(marks) - 1] = 0
    at_cut[:] = 0
    running[:] = 0
    for p in range(last + 1):
        values[:n_week_columns] = 0
        for weekday in range(WEEK):
            for j in range(n_week_columns):
                running[weekday, j] += week_marks[p, weekday, j]
                values[j] += running[weekday, j] * days_of_week[p, weekday]
        for j in range(n_week_columns):
            values[j] += week_marks[p, WEEK, j]
        week_marks[p] = 0
        for t in range(n_tracks):
            column = 5 * tracks[t, WEEK_ROW]
            if column < 0:
                continue
            for arm in range(2):
                paid = column + (2 if tracks[t, PAYS] == EVERY_WEEK else 0) + arm
                outcomes[r, arm, t, b, p, PAID_UNITS] += values[paid]
                outcomes[r, arm, t, b, p, 3] = values[column + 2 + arm]
            both_weeks[r, t, b, p] = values[column + 4]
    week_marks[last + 1] = 0


@register_jitable
def add_days(by_period, measure, start, end, calendar):  # type: ignore[no-untyped-def]
    """Add the days of [start, end), period by period: (period, measure)."""
    if start < end:
        edges, period_of_day = calendar[0], calendar[1]
        p = period_of_day[start]
        while start < end:
            until = min(end, edges[p + 1])
            by_period[p, measure] += until - start
            start, p = until, p + 1


@inlined
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


# ---- lives: care's own searches and inverses, begun next to their ends ------------------------------------------
# A uniform u falls into one of CELLS cells of equal width. For each table a guide tells for each cell how far every u
# in it must get, so that little is left to search; the result is the search's own.


@inlined
def placement_days(u, kind, limit, placement):  # type: ignore[no-untyped-def]
    """Return `weibull_days(exponential(u), ...)` of a type without log and power, by the uniforms at which days step.

    sure_steps: (type, day), a little (SURE) under the u below which a placement lasts that many days or more. Next to
    a step, where rounding might decide, care's own function does.
    """
    shapes, scales, _, _, _, _, sure_steps, from_day = placement
    days = int(from_day[kind, int(u * CELLS)])
    while days < limit and u < sure_steps[kind, days + 1]:
        days += 1
    if days >= limit:
        return limit
    if u > sure_steps[kind, days + 1] * (1.0 + 4.0 * SURE):
        return days
    return weibull_days(exponential(u), shapes[kind], scales[kind], limit)


@inlined
def type_above(cumulative, from_type, row, u):  # type: ignore[no-untyped-def]
    """Return `first_above(cumulative, row, u)`."""
    kind = from_type[row, int(u * CELLS)]
    while kind < N_TYPES - 1 and u >= cumulative[row * N_TYPES + kind]:
        kind += 1
    return kind


@inlined
def place(  # type: ignore[no-untyped-def]
    seed, replication, borough, child, spell, enter, leave, first_u, birthday_16, placement, starts, kinds
):
    """Write the placements of one period of care, as `trajectory.place` does, and return how many there are."""
    _, _, first_cumulative, from_first, move_cumulative, from_move, _, _ = placement
    n, day = 0, enter
    kind = type_above(first_cumulative, from_first, 0 if day < birthday_16 else 1, first_u)
    while True:
        a, b, c, d = move_draws(seed, replication, borough, child, spell, n // 2)
        for length_u, next_u in ((a, b), (c, d)):
            starts[n], kinds[n] = day, kind
            n += 1
            day += placement_days(length_u, kind, leave - day, placement)
            if day >= leave:
                starts[n] = leave
                return n
            kind = type_above(move_cumulative, from_move, (0 if day < birthday_16 else N_TYPES) + kind, next_u)


@inlined
def entry_day(c, arm, rates, ratios):  # type: ignore[no-untyped-def]
    """Return the day of first entry in one arm."""
    if arm == 0:
        return c.entry
    kept = 1.0 if rates.dropout_keeps_always else rates.dropout_keeps_dose * (c.break_off / c.length)
    stop = NEVER if c.completes else c.start + c.break_off - c.day
    days = entry_days_with_therapy(
        c.need,
        c.risk,
        rates.entry_shape,
        rates.entry_scale_days,
        c.birthday_18 - c.day,
        c.start - c.day,
        stop,
        kept,
        ratios,
    )
    return NEVER if days == NEVER else c.day + days


@inlined
def count_tracks(  # type: ignore[no-untyped-def]
    c, r, tracks, buffers, n_spells, calendar, service, marks, week_marks, outcomes, intake
):
    """Mark a starter on every track that covers it, in both arms."""
    enter, leave, _, home, away, _, _ = buffers
    period_of_day, last = calendar[1], calendar[2]
    for t in range(len(tracks)):
        delay, days, completers_only, end_day, pays, weeks, max_units, intake_track, _, week_row, origin = tracks[t]
        start = window_start(origin, c.day, c.start, c.length, delay)
        end = window_end(start, days, c.birthday_18, end_day)
        if start >= end or (completers_only and not c.completes):
            continue
        if t == 0:
            service[min(period_of_day[start], last), TRACKED] += 1
        column, week_column = 4 * N_TYPES + 3 * t, 5 * week_row
        mark_days(marks, column, start, end, calendar)
        n_home = (0, 0)
        for arm in range(2):
            for s in range(n_spells[arm]):
                low, high = max(start, enter[arm, s]), min(end, leave[arm, s])
                if low < high:
                    mark_days(marks, column + 1 + arm, low, high, calendar)
            if intake_track >= 0:
                group = intake[r, arm, intake_track, c.borough, period_of_day[c.start]]
                add_days(group, 0, start, end, calendar)
                for s in range(n_spells[arm]):
                    add_days(group, 1, max(start, enter[arm, s]), min(end, leave[arm, s]), calendar)
            if pays == EVERY_DAY:
                continue
            n = home_spells(enter[arm], leave[arm], n_spells[arm], start, end, home[arm], away[arm])
            n_home = (n, n_home[1]) if arm == 0 else (n_home[0], n)
            unpaid = max_units
            for h in range(n):
                if week_row >= 0:
                    first = first_grid_week(home[arm, h], start)
                    mark_weeks(week_marks, week_column + 2 + arm, first, whole_weeks(first, away[arm, h]), calendar)
                if pays in (GRID, RUN):
                    first = first_grid_week(home[arm, h], start)
                    first = home[arm, h] if pays == RUN else first
                    n_weeks = min(whole_weeks(first, away[arm, h]), unpaid)
                    mark_weeks(week_marks, week_column + arm, first, n_weeks, calendar)
                    unpaid -= n_weeks
                elif pays >= DAY and unpaid > 0:
                    by_period = outcomes[r, arm, t, c.borough]
                    unpaid -= add_units(by_period, pays, weeks, unpaid, start, home[arm, h], away[arm, h], calendar)
        i, j = 0, 0
        while week_row >= 0 and i < n_home[0] and j < n_home[1]:
            low, high = max(home[0, i], home[1, j]), min(away[0, i], away[1, j])
            if low < high:
                first = first_grid_week(low, start)
                mark_weeks(week_marks, week_column + 4, first, whole_weeks(first, high), calendar)
            if away[0, i] < away[1, j]:
                i += 1
            else:
                j += 1


@register_jitable
def add_units(by_period, pays, weeks, unpaid, window_start, home, away, calendar):  # type: ignore[no-untyped-def]
    """Add what a stretch out of care, [home, away), earns in days, or as a milestone, and return the units."""
    if pays == DAY:
        n_days = min(away - home, unpaid)
        add_days(by_period, PAID_UNITS, home, home + n_days, calendar)
        return n_days
    day = milestone_day(home if pays == RUNNING else window_start, weeks)
    if home <= day < away:
        by_period[calendar[1][day], PAID_UNITS] += 1
        return 1
    return 0


@register_jitable
def live_control(seed, replication, slug_id, c, tables, by_needs, enter, leave, first_u):  # type: ignore[no-untyped-def]
    """Live the control child of a starter; return its 18th birthday and its periods of care (-1: none was found).

    It is the first candidate who, referred on the same day to the same borough, is at home and under 18 after the same
    wait; of the same class, where the queue goes by classes.
    """
    rates, _, _, _, _, _, ages, frailties = tables[:8]
    factor = shock(seed, replication, slug_id, rates.shock_sd, rates.shock_correlation)
    wait = c.start - c.day
    for candidate in range(MOST_CANDIDATES):
        number = control_number(np.int64(c.number), candidate)
        age_u, needs_u, frailty_u, need_u = person_draws(seed, replication, slug_id, number)
        more_needs = needs_u < rates.more_needs_prob
        limit = days_to_18(ages, age_u)
        if limit <= wait or (by_needs and more_needs != c.more_needs):
            continue
        risk = rates.risk_more_needs if more_needs else rates.risk_fewer_needs
        risk = risk * frailty(frailties, frailty_u) * factor
        entry = entry_days(exponential(need_u), risk, rates.entry_shape, rates.entry_scale_days, limit)
        if entry > wait:
            entry = NEVER if entry == NEVER else c.day + entry
            birthday_18 = c.day + limit
            n = live(seed, replication, slug_id, number, entry, birthday_18, 1.0, rates, enter, leave, first_u)
            return birthday_18, n
    return NEVER, -1


@register_jitable
def count_control(c, r, birthday_18, n_spells, enter, leave, tracks, calendar, control):  # type: ignore[no-untyped-def]
    """Add a control child to every track that has one and covers the child who started."""
    for t in range(len(tracks)):
        delay, days, completers_only, end_day, _, _, _, _, control_track, _, origin = tracks[t]
        if control_track < 0 or (completers_only and not c.completes):
            continue
        start = window_start(origin, c.day, c.start, c.length, delay)
        end = window_end(start, days, birthday_18, end_day)
        by_period = control[r, control_track, c.borough]
        add_days(by_period, 0, start, end, calendar)
        for s in range(n_spells):
            add_days(by_period, 1, max(start, enter[s]), min(end, leave[s]), calendar)


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
    seed,
    first_replication,
    n_replications,
    tables,
    ratios,
    placement,
    queue_tables,
    tracks,
    calendar,
    child,
    buffers,
    queue_buffers,
    mark_buffers,
    service,
    lives,
    care,
    outcomes,
    both_weeks,
    intake,
    control,
    team_counts,
    trace,
):
    """Run a range of replications into the count arrays; return the events written, -1 if `child` has no room.

    child: records of one replication's children. buffers, queue_buffers: whole-number scratch. mark_buffers: what
    `take_marks` reads, cleared. trace: (event, 7).
    """
    rates, ids = tables[0], tables[1]
    edges, period_of_day, last, outcomes_end, cut, _ = calendar
    enter, leave, first_u, _, _, starts_of, kinds = buffers
    marks, week_marks, running, values, at_cut = mark_buffers
    cut_start = edges[cut]
    parts_a_day = (len(queue_buffers[0]) - 1) // (queue_tables[3] + 1)
    n_events = 0
    for r in range(n_replications):
        replication = first_replication + r
        n = refer(seed, replication, tables, queue_tables[0], child)
        if n < 0:
            return -1
        n_engaged = sort_by_referral(child, n, parts_a_day, queue_buffers[0], queue_buffers[1])
        run_queue(child, n_engaged, queue_tables, queue_buffers, team_counts[r])
        for i in range(n):
            c = child[i]
            b, n_arms = c.borough, 2 if c.start < NEVER else 1
            if c.engaged and n_arms == 1 and c.reason == NO_REASON:
                leave_queue(c, queue_tables[2])
            count_service(c, service[r, b], period_of_day, last)
            if len(trace) > 0:
                n_events = trace_service(c, replication, trace, n_events)
            own_start = window_start(tracks[0, 10], c.day, c.start, c.length, tracks[0, 0])
            own_end = window_end(own_start, tracks[0, 1], c.birthday_18, tracks[0, 3])
            counted = n_arms == 2 and (tracks[0, 2] == 0 or c.completes)
            n_spells, own_days = (0, 0), (0, 0)
            for arm in range(n_arms):
                m = live(
                    seed,
                    replication,
                    ids[b],
                    c.number,
                    entry_day(c, arm, rates, ratios),
                    c.birthday_18,
                    rates.reentry_hazard_ratio if arm == 1 else 1.0,
                    rates,
                    enter[arm],
                    leave[arm],
                    first_u,
                )
                days_inside = 0
                for s in range(m):
                    n_places = place(
                        seed,
                        replication,
                        ids[b],
                        c.number,
                        s,
                        enter[arm, s],
                        leave[arm, s],
                        first_u[s],
                        c.birthday_18 - DAYS_16_TO_18,
                        placement,
                        starts_of,
                        kinds,
                    )
                    for j in range(n_places):
                        start, end, kind = starts_of[j], starts_of[j + 1], kinds[j]
                        # A child who never starts has one life, counted in both arms.
                        for a in range(arm, arm + 3 - n_arms):
                            mark_days(marks, (2 * a + 1) * N_TYPES + kind, start, end, calendar)
                            if start < outcomes_end and end > cut_start:
                                at_cut[a, kind] += min(end, outcomes_end) - max(start, cut_start)
                        low, high = max(start, own_start), min(end, own_end)
                        if counted and low < high:
                            mark_days(marks, 2 * arm * N_TYPES + kind, low, high, calendar)
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
                count_tracks(
                    c, r, tracks, buffers, n_spells, calendar, service[r, b], marks, week_marks, outcomes, intake
                )
                if control.shape[1] > 0:
                    birthday_18, m = live_control(
                        seed, replication, ids[b], c, tables, queue_tables[4], enter[0], leave[0], first_u
                    )
                    if m >= 0:
                        count_control(c, r, birthday_18, m, enter[0], leave[0], tracks, calendar, control)
            if i + 1 == n or child[i + 1].borough != b:
                take_marks(
                    r, b, tracks, marks, week_marks, running, values, at_cut, calendar, care, outcomes, both_weeks
                )
    return n_events


CHILD = np.dtype(
    [
        ("time", "f8"),
        ("tie", "f8"),
        ("risk", "f8"),
        ("need", "f8"),
        ("borough", "i4"),
        ("number", "i4"),
        ("day", "i4"),
        ("team", "i4"),
        ("birthday_18", "i4"),
        ("length", "i4"),
        ("break_off", "i4"),
        ("entry", "i4"),
        ("start", "i4"),
        ("left_day", "i4"),
        ("reason", "i1"),
        ("more_needs", "i1"),
        ("accepted", "i1"),
        ("engaged", "i1"),
        ("completes", "i1"),
        ("unused", "i1", 3),
    ]
)


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
            np.uint64(seed),
            first_replication,
            n_replications,
            *_tables(plan),
            *_buffers(plan, n_children),
            counts.service,
            counts.lives,
            counts.care,
            counts.outcomes,
            counts.both_weeks,
            counts.intake,
            counts.control,
            counts.team,
            events,
        )
        if 0 <= n_events <= len(events):
            break
        if n_events < 0:
            n_children *= 2
        else:
            events = np.zeros((n_events, 7), np.int64)
        counts = empty_counts(plan, first_replication, n_replications)
    counts.team[:, :, 1] = plan.slots.sum(axis=1)
    if trace is not None:
        trace.add(events[:n_events])
    check_identities(counts, plan)
    return counts


def _tables(plan: Plan) -> tuple[Any, ...]:
    """The plan in the order in which the kernel unpacks it."""
    intake = {track: i for i, track in enumerate(plan.intake_tracks)}
    control = {track: i for i, track in enumerate(plan.control_tracks)}
    weeks = {track: i for i, track in enumerate(i for i, t in enumerate(plan.tracks) if t.counts_weeks)}
    tracks = np.array(
        [
            (
                track.delay_days,
                track.days,
                track.covers_completers_only,
                track.end_day,
                _pays(track),
                track.weeks,
                1 if track.weeks else track.max_units,
                intake.get(i, -1),
                control.get(i, -1),
                weeks.get(i, -1),
                track.counts_from,
            )
            for i, track in enumerate(plan.tracks)
        ],
        dtype=np.int64,
    )
    return (
        (
            plan.rates,
            plan.borough_ids,
            plan.cumulative_referrals,
            plan.suited_cumulative,
            plan.teams_of,
            plan.team_therapy,
            plan.age_cumulative,
            plan.frailty_log_quantiles,
            plan.length_cumulative,
            plan.completion_prob,
            guide(plan.length_cumulative),
            plan.full_slots,
        ),
        plan.ratio_by_year,
        _placement(plan),
        (
            np.ascontiguousarray(plan.slots.T, dtype=np.int32),
            plan.entitlement,
            plan.patience_days,
            plan.delivery_end,
            plan.priority_by_needs,
        ),
        tracks,
        _calendar(plan),
    )


def _pays(track: Track) -> int:
    """How a track's units are found: without a limit that binds, days and weeks of the grid need no look at spells."""
    if track.unit == "grid" and WEEK * track.max_units >= track.days:
        return EVERY_WEEK
    return EVERY_DAY if track.unit == "day" and track.max_units >= track.days else UNITS[track.unit]


def guide(cumulative: npt.NDArray[np.float64]) -> npt.NDArray[np.uint16]:
    """Return where a search for the first share above u may begin, for every cell of u: (row, cell)."""
    cells = np.arange(CELLS) / CELLS
    found = [np.searchsorted(row, cells, side="right") for row in cumulative]
    return np.minimum(found, cumulative.shape[1] - 1).astype(np.uint16)


def _placement(plan: Plan) -> tuple[Any, ...]:
    """The plan of placements with its guides: see `place`."""
    shapes, scales = plan.placement_shape, plan.placement_scale_days
    days = np.arange(MOST_DAYS + 2)
    with np.errstate(over="ignore"):
        steps = np.exp(-((days / scales[:, None]) ** shapes[:, None])) * (1 - SURE)
    steps[:, :2] = 2.0  # the first day is never in doubt
    ends = np.arange(1, CELLS + 1) / CELLS
    from_day = [MOST_DAYS + 1 - np.searchsorted(row[::-1], ends, side="left") for row in steps]
    first, moves = plan.first_cumulative, plan.move_cumulative
    return (
        shapes,
        scales,
        first,
        guide(first.reshape(-1, N_TYPES)),
        moves,
        guide(moves.reshape(-1, N_TYPES)),
        steps,
        np.minimum(from_day, MOST_DAYS).astype(np.uint16),
    )


def _calendar(plan: Plan) -> tuple[Any, ...]:
    """Edges of periods, period by day (with the days after the last), last outcome period, end of outcomes and its
    period, and how often each weekday (0 to 6, from day 0) stands in a period: (period, 7)."""
    edges, n = np.array(plan.periods.edges), len(plan.periods)
    period_of_day = np.append(plan.period_of_day, np.full(LATEST, n)).astype(np.uint16)
    days_before = (edges[:, None] + WEEK - 1 - np.arange(WEEK)) // WEEK
    return (
        edges,
        period_of_day,
        plan.n_outcome_periods - 1,
        plan.outcomes_end,
        int(period_of_day[plan.outcomes_end]),
        np.diff(days_before, axis=0),
    )


def _buffers(plan: Plan, n_children: int) -> tuple[Any, ...]:
    """Scratch memory of one thread: children, spells and placements, waiting lists, marks."""
    n_teams, n_days, n_tracks, most = len(plan.team_slugs), plan.delivery_end + 1, len(plan.tracks), 3000
    spells = tuple(np.zeros((2, most), np.int64) for _ in range(2))
    homes = tuple(np.zeros((2, most), np.int64) for _ in range(2))
    lists = np.zeros(most, np.int64), np.zeros(most, np.uint8)
    queue = (
        np.zeros(n_days * max(1, 2 * n_children // n_days) + 1, np.int32),
        *(np.zeros(n_children, np.int32) for _ in range(2)),
        *(np.zeros(n, np.int64) for n in (2 * n_teams, 2 * n_teams, n_teams)),
        np.zeros((n_days, n_teams), np.int32),
        np.zeros(plan.n_boroughs, np.int64),
    )
    n_columns, n_week_columns = 4 * N_TYPES + 3 * n_tracks, 5 * sum(track.counts_weeks for track in plan.tracks)
    marks = (
        np.zeros((len(plan.periods) + 1, 2, n_columns), np.int32),
        np.zeros((plan.n_outcome_periods + 1, WEEK + 1, n_week_columns), np.int32),
        np.zeros((WEEK, max(n_columns, n_week_columns)), np.int32),
        np.zeros(max(n_columns, n_week_columns), np.int32),
        np.zeros((2, N_TYPES), np.int32),
    )
    return np.zeros(n_children, CHILD), (*spells, np.zeros(most), *homes, *lists), queue, marks
