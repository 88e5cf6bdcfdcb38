"""Scenarios in one line, comparisons of engines, and statistical assertions with a stated false-alarm rate."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import date
from functools import lru_cache
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.special import ndtri

from edgeofcare.engine import kernel, reference
from edgeofcare.engine.counts import Counts, Trace
from edgeofcare.engine.plan import Plan, Track, make_plan
from edgeofcare.inputs.load import load, with_values
from edgeofcare.inputs.schema import Scenario

HAZARDS = {
    "effect.usual": None,
    "effect.therapy": None,
    "effect.entry_scale_days": 191.6,
    "effect.hazard_ratio": 0.25,
}
ONE_YEAR = {
    "clock.day_0": date(2018, 2, 6),
    "clock.referrals_until": date(2019, 2, 6),
    "clock.delivery_end": date(2019, 10, 1),
    "clock.outcomes_end": date(2021, 10, 1),
}


@lru_cache(maxsize=8)
def shipped(name: str) -> Scenario:
    """Load a shipped scenario with its hazards given directly, so that nothing is calibrated."""
    return with_values(load(name), HAZARDS)


def pan_london(**values: Any) -> Scenario:
    """Return Pan-London with other values; `__` in a name stands for the dot of a path."""
    return with_values(shipped("pan_london"), dotted(values))


def dotted(values: Mapping[str, Any]) -> dict[str, Any]:
    """Return values by dotted path."""
    return {path.replace("__", "."): value for path, value in values.items()}


def small(
    rates: Mapping[str, float] | None = None, teams: Mapping[str, Mapping[str, Any]] | None = None, **values: Any
) -> Scenario:
    """Return a scenario of one year with these referrals a year by borough and these teams (default: one for all)."""
    rates = {"ashby": 35.0, "bexhill": 25.0} if rates is None else rates
    teams = {"one": team("mst", *rates, n_therapists=3)} if teams is None else teams
    boroughs = {slug: {"name": slug.title(), "referrals_per_year": float(rate)} for slug, rate in rates.items()}
    changes = {"boroughs": boroughs, "teams": dict(teams), "correlations": (), **ONE_YEAR}
    if "therapies" in values:  # a team needs its therapy
        changes["therapies"] = values.pop("therapies")
    return with_values(with_values(shipped("pan_london"), changes), dotted(values))


def team(therapy: str, *boroughs: str, **more: Any) -> dict[str, Any]:
    """Return a team that serves these boroughs."""
    values = {"n_therapists": 2, "caseload_per_therapist": 4, "cost_gbp_per_year": 1.0}
    return {"therapy": therapy, "boroughs": boroughs, **values, **more}


def plan_of(scenario: Scenario) -> Plan:
    """Return the plan of a scenario whose hazards are given directly."""
    assert scenario.effect.entry_scale_days is not None and scenario.effect.hazard_ratio is not None
    return make_plan(scenario, scenario.effect.entry_scale_days, scenario.effect.hazard_ratio)


def with_tracks(plan: Plan, *more: Track) -> Plan:
    """Return the plan with further tracks, and room for them."""
    tracks = (*plan.tracks, *more)
    last = max(plan.outcomes_end, *(track.end_day for track in tracks)) - 1
    intake_tracks = tuple(i for i, track in enumerate(tracks) if track.by_intake)
    return replace(
        plan,
        tracks=tracks,
        intake_tracks=intake_tracks,
        control_tracks=tuple(i for i, track in enumerate(tracks) if track.controlled),
        n_outcome_periods=plan.periods.index(last) + 1,
        n_intake_periods=plan.periods.index(plan.delivery_end) + 1 if intake_tracks else 0,
    )


# ---- counts and events ------------------------------------------------------------------------------------------


def assert_same_counts(a: Counts, b: Counts) -> None:
    """Every array of two counts is equal in shape, type and every number."""
    for name, values in a.arrays().items():
        other = b.arrays()[name]
        assert values.shape == other.shape and values.dtype == other.dtype, name
        assert np.array_equal(values, other), f"{name} differs in {int((values != other).sum())} numbers"


def joined(parts: Sequence[Counts]) -> Counts:
    """Return counts of several ranges of replications as one, in the order of replications."""
    parts = sorted(parts, key=lambda part: part.first_replication)
    arrays = {name: np.concatenate([part.arrays()[name] for part in parts]) for name in parts[0].arrays()}
    return Counts(parts[0].first_replication, **arrays)


def run_both(plan: Plan, seed: int, first: int, n: int) -> tuple[Counts, list[Any], Counts, list[Any]]:
    """Run both engines; return the counts and events of the reference, then of the kernel."""
    expected, found = Trace(), Trace()
    return (
        reference.run(plan, seed, first, n, expected),
        expected.rows,
        kernel.run(plan, seed, first, n, found),
        found.rows,
    )


def assert_engines_agree(plan: Plan, seed: int, first: int, n: int) -> int:
    """Both engines give the same counts and the same events in the same order; return how many events."""
    counts, events, other_counts, other_events = run_both(plan, seed, first, n)
    assert_same_counts(counts, other_counts)
    assert len(events) == len(other_events)
    assert events == other_events, next((a, b) for a, b in zip(events, other_events, strict=True) if a != b)
    return len(events)


class Lives:
    """The events of a run, child by child: service events by name, periods of care and placements by arm."""

    def __init__(self, plan: Plan, seed: int, first: int, n: int) -> None:
        trace = Trace()
        self.counts = kernel.run(plan, seed, first, n, trace)
        self.service: dict[tuple[int, int, int], dict[str, tuple[int, int]]] = defaultdict(dict)
        self.spells: dict[tuple[tuple[int, int, int], int], list[tuple[int, int]]] = defaultdict(list)
        self.placements: dict[tuple[tuple[int, int, int], int], list[tuple[int, int]]] = defaultdict(list)
        enter: int | None = None
        for replication, arm, borough, number, code, day, detail in trace.rows:
            child = (replication, borough, number)
            if arm < 0:
                self.service[child][code] = (day, detail)
            elif code == "placed":
                enter = day if enter is None else enter
                self.placements[child, arm].append((day, detail))
            else:
                assert enter is not None
                self.spells[child, arm].append((enter, day))
                enter = None

    def starters(self) -> list[tuple[int, int, int]]:
        """Children who start therapy."""
        return [child for child, events in self.service.items() if "started" in events]

    def care(self, child: tuple[int, int, int], arm: int) -> list[tuple[int, int]]:
        """Periods of care in an arm; a child who never starts has one life."""
        return self.spells[child, arm if "started" in self.service[child] else 0]


# ---- chance -----------------------------------------------------------------------------------------------------


def assert_mean(samples: npt.ArrayLike, expected: float, false_alarm: float) -> None:
    """The mean of independent samples is `expected`, at a two-sided chance `false_alarm` of failing when it is."""
    values = np.asarray(samples, dtype=float)
    error = values.std(ddof=1) / np.sqrt(values.size)
    distance = abs(values.mean() - expected) / error
    limit = -ndtri(false_alarm / 2)
    assert distance <= limit, (
        f"mean {values.mean():.6g} is {distance:.1f} standard errors from {expected:.6g} (limit {limit:.1f})"
    )
