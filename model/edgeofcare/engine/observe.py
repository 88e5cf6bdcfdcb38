"""What an observer sees on a day: how many had started, were tracked, were in care. In: events of lives. Out: counts.

A published interim figure is such a count. In: the events of an engine's trace. Must not know: money, contracts, files.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from edgeofcare.care.trajectory import NEVER
from edgeofcare.engine.counts import EVENTS, Counts, Trace
from edgeofcare.engine.plan import Plan

Ints = npt.NDArray[np.int64]
REPLICATION, ARM, CODE, DAY, DETAIL = 0, 1, 4, 5, 6
REFERRED, STARTED, COMPLETED, DROPPED_OUT, PLACED = (
    EVENTS.index(name) for name in ("referred", "started", "completed", "dropped_out", "placed")
)
FIGURES = (
    "referred",
    "started",
    "completed",
    "completed_at_home",
    "in_tracking",
    "in_tracking_never_in_care",
    "tracked_days",
    *(
        f"{figure}_{arm}"
        for arm in ("usual", "therapy")
        for figure in ("in_tracking_in_care", "started_in_care", "care_days")
    ),
)


@dataclass(frozen=True)
class Children:
    """The children in a trace: (child,) arrays, and the periods of care of those who start, by arm.

    intervals: for each arm (child, first day, first day after), one row for each placement.
    """

    replication: Ints
    referred: Ints
    birthday_18: Ints
    start: Ints
    planned_days: Ints
    stop: Ints
    completes: npt.NDArray[np.bool_]
    intervals: tuple[tuple[Ints, Ints, Ints], ...]


def read_events(events: Ints, first_replication: int) -> Children:
    """Return the children in a trace's events: (event, 7), in the order in which an engine writes them."""
    code, day = events[:, CODE], events[:, DAY]
    child = np.cumsum(code == REFERRED) - 1
    n = int(child[-1]) + 1 if len(child) else 0

    def told(which: npt.NDArray[np.bool_], values: Ints, otherwise: int) -> Ints:
        found = np.full(n, otherwise)
        found[child[which]] = values[which]
        return found

    referred = code == REFERRED
    start = told(code == STARTED, day, NEVER)
    intervals = []
    for arm in (0, 1):
        rows = np.flatnonzero((code == PLACED) & (events[:, ARM] == arm))
        rows = rows[start[child[rows]] < NEVER]
        intervals.append((child[rows], day[rows], day[rows + 1]))
    return Children(
        replication=events[referred, REPLICATION] - first_replication,
        referred=day[referred],
        birthday_18=events[referred, DETAIL],
        start=start,
        planned_days=told(code == STARTED, events[:, DETAIL], 0),
        stop=told((code == COMPLETED) | (code == DROPPED_OUT), day, NEVER),
        completes=told(code == COMPLETED, np.ones_like(day), 0) > 0,
        intervals=tuple(intervals),
    )


def observe(children: Children, plan: Plan, n_replications: int, on_day: int) -> dict[str, Ints]:
    """Return FIGURES on a day (counted from day 0), each (replication,); days to date end before that day.

    Tracked: those on the scenario's own track on that day.
    """
    track = plan.tracks[0]
    covered = children.completes | (not track.covers_completers_only)
    begins = {
        "start": children.start + track.delay_days,
        "planned_end": children.start + children.planned_days + track.delay_days,
        "referral": np.maximum(children.start, children.referred + track.delay_days),
    }[track.window_from]
    opens = np.where((children.start < NEVER) & covered, begins, NEVER)
    closes = np.minimum(np.minimum(opens + track.days, children.birthday_18), track.end_day)
    until = np.maximum(np.minimum(closes, on_day), opens)
    started = children.start <= on_day
    tracked = (opens <= on_day) & (on_day < closes)
    completed = children.completes & (children.stop <= on_day)

    def total(values: npt.NDArray[np.generic]) -> Ints:
        return np.bincount(children.replication, weights=values, minlength=n_replications).astype(np.int64)

    found = {
        "referred": total(children.referred <= on_day),
        "started": total(started),
        "completed": total(completed),
        "in_tracking": total(tracked),
        "tracked_days": total(np.where(opens < NEVER, until - opens, 0)),
    }
    for arm, (child, first, after) in zip(("usual", "therapy"), children.intervals, strict=True):
        in_care = np.zeros(len(started), bool)
        in_care[child[(first <= on_day) & (on_day < after)]] = True
        ever = np.zeros(len(started), bool)
        ever[child[first <= on_day]] = True
        overlap = np.maximum(np.minimum(after, until[child]) - np.maximum(first, opens[child]), 0)
        found[f"in_tracking_in_care_{arm}"] = total(tracked & in_care)
        found[f"started_in_care_{arm}"] = total(started & in_care)
        found[f"care_days_{arm}"] = total(np.bincount(child, weights=overlap, minlength=len(started)))
        if arm == "therapy":
            found["in_tracking_never_in_care"] = total(tracked & ~ever)
            found["completed_at_home"] = total(completed & ~in_care)
    return {name: found[name] for name in FIGURES}


def trace_with(engine: str) -> Callable[[Plan, int, int, int], tuple[Counts, Ints]]:
    """Return an engine that gives counts and events, (event, 7), for a range of replications."""
    from importlib import import_module

    module = import_module(f"edgeofcare.engine.{engine}")

    def trace(plan: Plan, seed: int, first_replication: int, n_replications: int) -> tuple[Counts, Ints]:
        told = Trace()
        counts = module.run(plan, seed, first_replication, n_replications, told)
        return counts, told.table

    return trace
