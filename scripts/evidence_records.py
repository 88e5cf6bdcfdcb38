"""What a contract's base b and effect y foretell of its published record, and the likelihood of that record.

In: rows `record` of evidence.toml, the scenarios of their contracts. Out: surfaces and likelihoods over (b, y).
b: log of the yearly cumulative hazard of first entry without therapy, risk 1; y: log hazard ratio. How a figure was
counted was not published, so each has several readings. Must not know: trials, priors, draws.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from datetime import date
from functools import lru_cache
from itertools import product
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.interpolate import RectBivariateSpline
from scipy.stats import binom, norm

from edgeofcare.calendar import day_number
from edgeofcare.engine.observe import Children, observe, read_events, trace_with
from edgeofcare.engine.plan import Plan, make_plan
from edgeofcare.inputs.load import load
from edgeofcare.inputs.schema import Scenario

Floats = npt.NDArray[np.float64]
Row = dict[str, Any]
YEAR_DAYS = 365
BASE, EFFECT = np.linspace(-4.5, 1.25, 24), np.linspace(-3.0, 1.2, 15)  # b and y at which contracts are simulated
FINE_BASE, FINE_EFFECT = np.linspace(-4.5, 1.25, 116), np.linspace(-3.0, 1.2, 85)
N_CONTRACTS, TRACE_SEED = 60, 7
LEAST_SHARE, LEAST_COUNT = 0.001, 0.05  # where a spline or 60 contracts would give none
LEAST_SD_DAYS, LEAST_SD_TRACKED = 0.01, 0.004
COVERS = ("starters", "completers")
FIRST_YEAR_END = date(2014, 3, 31)  # Essex's first year
DISCREPANCY_AT_HOME = 0.01  # of a share of days that was published in whole points


# ---- what the engine foretells -------------------------------------------------------------------------------------


@lru_cache(maxsize=4)
def scenario_of(name: str) -> Scenario:
    """Return a shipped scenario, read once."""
    return load(name)


def traced(scenario: Scenario, base: float, effect: float, n_contracts: int) -> tuple[Plan, Children]:
    """Return plan and children of simulated contracts at a base and an effect."""
    plan = make_plan(scenario, float(YEAR_DAYS / np.exp(base)), float(np.exp(effect)))
    _, events = trace_with("kernel")(plan, TRACE_SEED, 0, n_contracts)
    return plan, read_events(events, 0)


def london_at(base: float, effect: float, row: Row, n: int) -> dict[str, float]:
    """Return the share out of care of those in tracking, by each reading, and the spread of the share of days."""
    scenario = scenario_of(row["scenario"])
    plan, children = traced(scenario, base, effect, n)
    seen = observe(children, plan, n, day_number(row["on"], scenario.clock.day_0))
    days = 1 - seen["care_days_therapy"] / seen["tracked_days"]
    return {
        "day": float(1 - seen["in_tracking_in_care_therapy"].sum() / seen["in_tracking"].sum()),
        "never": float(seen["in_tracking_never_in_care"].sum() / seen["in_tracking"].sum()),
        "days": float(1 - seen["care_days_therapy"].sum() / seen["tracked_days"].sum()),
        "days_sd": float(days.std()),
    }


def essex_at(base: float, effect: float, row: Row, n: int) -> dict[str, float]:
    """Return the share of days in care, its spread and the number in care, of starters and of completers; the number in
    care of all who started; and the share at home of those who had completed in the first year."""
    scenario = scenario_of(row["scenario"])
    plan, children = traced(scenario, base, effect, n)
    on_day = day_number(row["on"], scenario.clock.day_0)
    found: dict[str, float] = {}
    for who in COVERS:
        track = replace(plan.tracks[0], covers_completers_only=who == "completers")
        seen = observe(children, replace(plan, tracks=(track,)), n, on_day)
        share = seen["care_days_therapy"] / seen["tracked_days"]
        found |= {f"{who}_share": float(share.mean()), f"{who}_sd": float(share.std())}
        found |= {f"{who}_in_care": float(seen["in_tracking_in_care_therapy"].mean())}
        found |= {"started_in_care": float(seen["started_in_care_therapy"].mean())}
    early = observe(children, plan, n, day_number(FIRST_YEAR_END, scenario.clock.day_0))
    found["first_year_home"] = float(early["completed_at_home"].sum() / max(early["completed"].sum(), 1))
    return found


@dataclass(frozen=True)
class Surfaces:
    """What each (b, y) foretells: (fine base, fine effect) arrays by record and quantity."""

    of: dict[str, dict[str, Floats]]

    def at(self, record: str, quantity: str, base: Floats, effect: Floats) -> Floats:
        """Return a quantity at points (b, y), each (draw,)."""
        return np.asarray(RectBivariateSpline(FINE_BASE, FINE_EFFECT, self.of[record][quantity]).ev(base, effect))


FORETELL = {"pan_london_record": london_at, "essex_record": essex_at}


def surfaces(
    rows: Sequence[Row], base: Floats = BASE, effect: Floats = EFFECT, n_contracts: int = N_CONTRACTS
) -> Surfaces:
    """Return what is foretold of each record, from traces at base x effect, n_contracts each."""
    points = list(product(base, effect))

    def one(task: tuple[Row, tuple[float, float]]) -> dict[str, float]:
        row, (b, y) = task
        return FORETELL[row["id"]](b, y, row, n_contracts)

    found = {}
    with ThreadPoolExecutor() as pool:
        for row in rows:
            told = list(pool.map(one, [(row, point) for point in points]))
            tables = {key: np.array([t[key] for t in told]).reshape(len(base), -1) for key in told[0]}
            found[row["id"]] = {
                key: RectBivariateSpline(base, effect, table)(FINE_BASE, FINE_EFFECT) for key, table in tables.items()
            }
    return Surfaces(found)


# ---- likelihoods ---------------------------------------------------------------------------------------------------


def likelihoods(row: Row, seen: Mapping[str, Floats]) -> dict[str, Floats]:
    """Return the likelihood of a record over the fine grid by each reading of how it was counted."""
    return {"pan_london_record": london_likelihoods, "essex_record": essex_likelihoods}[row["id"]](row, seen)


def london_likelihoods(row: Row, seen: Mapping[str, Floats]) -> dict[str, Floats]:
    """Return binomial likelihoods of the count on the day and never in care; for days a normal, per count."""
    n = row["in_tracking"]
    count = round(row["out_of_care_share"] * n)
    sd = np.hypot(np.clip(seen["days_sd"], LEAST_SD_DAYS, None), DISCREPANCY_AT_HOME)
    found = {key: binom.pmf(count, n, np.clip(seen[key], LEAST_SHARE, 1 - LEAST_SHARE)) for key in ("day", "never")}
    return found | {"days": norm.pdf(row["out_of_care_share"], seen["days"], sd) / n}


def essex_likelihoods(row: Row, seen: Mapping[str, Floats]) -> dict[str, Floats]:
    """Return the likelihood of share and count of starters and of completers; the count is of all who started, or of
    those tracked, alike in weight."""

    def count(key: str) -> Floats:
        mean = np.clip(seen[key], LEAST_COUNT, None)
        return np.asarray(norm.pdf(row["in_care"], mean, np.sqrt(mean + (row["in_care_discrepancy"] * mean) ** 2)))

    def share(who: str) -> Floats:
        sd = np.hypot(np.clip(seen[f"{who}_sd"], LEAST_SD_TRACKED, None), row["care_share_discrepancy"])
        return np.asarray(norm.pdf(row["care_share"], seen[f"{who}_share"], sd))

    return {who: share(who) * (count("started_in_care") + count(f"{who}_in_care")) / 2 for who in COVERS}


def mixture(tables: Mapping[str, Floats]) -> Floats:
    """Return the equal mixture of the readings of a record."""
    return np.asarray(np.mean(list(tables.values()), axis=0))
