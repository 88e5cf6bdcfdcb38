"""A small scenario and its counts, from a worked case: what the tests of money stand on."""

from __future__ import annotations

import tomllib
from copy import deepcopy
from datetime import date
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np

from edgeofcare.calendar import day_number
from edgeofcare.engine.counts import ACCOUNTS, CONTROL, INTAKE, OUTCOMES, SERVICE, TEAM, Counts, empty_counts
from edgeofcare.engine.plan import NO_LIMIT, Plan, Track, make_plan
from edgeofcare.inputs.schema import PLACEMENTS, Scenario
from edgeofcare.money.costs import ServiceCosts

CASES = Path(__file__).parent


def same(value: float) -> dict[str, float]:
    return dict.fromkeys(PLACEMENTS, value)


EVEN = (0.2, 0.2, 0.2, 0.2, 0.2, 0)
BASE: dict[str, Any] = {
    "title": "A worked case",
    # Six quarters of outcomes: April 2020 to September 2021; children start in the first three.
    "clock": {
        "day_0": date(2020, 4, 1),
        "referrals_until": date(2020, 10, 1),
        "delivery_end": date(2020, 12, 31),
        "outcomes_end": date(2021, 10, 1),
    },
    "referrals": {},
    "child": {
        "age_weights": (0, 0, 0, 0, 1, 0, 0, 0),
        "three_or_more_needs_prob": 0.5,
        "needs_log_hazard": 0.0,
        "frailty_variance": 0.0,
    },
    "therapies": {"mst": {"mean_days": 90, "sd_days": 10, "min_days": 60, "max_days": 120, "completion_prob": 1.0}},
    "care": {
        "first_entry_shape": 1.0,
        "stay": {
            "stay_to_18_prob_under_16": 0.5,
            "stay_to_18_prob_16_plus": 0.5,
            "shape": 1.0,
            "scale_days_under_16": 300,
            "scale_days_16_plus": 200,
        },
        "reentry": {"shape": 1.0, "scale_days": 1000},
        "placement": {
            "shape": same(1.0),
            "scale_days": same(300),
            "first_under_16": EVEN,
            "first_16_plus": EVEN,
            "moves_under_16": [EVEN] * 6,
            "moves_16_plus": [EVEN] * 6,
        },
    },
    "effect": {"entry_scale_days": 500, "hazard_ratio": 0.5},
    "tracking": {"delay_days": 0, "days": 365},
    "prices": {
        "base_year": "2020-21",
        "gbp_per_week": same(700),
        "index": {"other": {"level_by_year": {"2020-21": 1.0}}},
        "marginal_share": same(1.0),
        "cashable_share": same(1.0),
        "deflator": {"level_by_year": {"2020-21": 1.0}},
    },
    "costs": {},
    "contract": {"name": "A contract", "terms": []},
    "capital": {"commitment_gbp": 1_000_000},
    "boroughs": {"alder": {"name": "Alder", "referrals_per_year": 10.0}},
    "teams": {
        "mst": {
            "therapy": "mst",
            "boroughs": ["alder"],
            "n_therapists": 3,
            "caseload_per_therapist": 4,
            "cost_gbp_per_year": 0,
        }
    },
}


def _merge(base: dict[str, Any], changes: dict[str, Any]) -> dict[str, Any]:
    for key, value in changes.items():
        base[key] = _merge(base[key], value) if isinstance(value, dict) and isinstance(base.get(key), dict) else value
    return base


def make_scenario(slugs: tuple[str, ...] = ("alder",), **changes: Any) -> Scenario:
    """Return the base scenario with boroughs by slug, all served by one team, and changes laid over it."""
    base = deepcopy(BASE)
    base["boroughs"] = {slug: {"name": slug.title(), "referrals_per_year": 10.0} for slug in slugs}
    base["teams"]["mst"]["boroughs"] = list(slugs)
    return Scenario.model_validate(_merge(base, changes))


def plan_of(scenario: Scenario) -> Plan:
    return make_plan(scenario, 500.0, 0.5)


def money_case(scenario: Scenario, n_replications: int = 1) -> tuple[Plan, Counts]:
    """Return a scenario's plan and counts of its shape, all nought."""
    plan = plan_of(scenario)
    return plan, empty_counts(plan, 0, n_replications)


def set_served(counts: Counts, measure: str, borough: int, by_period: list[int]) -> None:
    counts.service[:, borough, : len(by_period), SERVICE.index(measure)] = by_period


def set_outcome(counts: Counts, arm: int, borough: int, measure: str, by_period: list[int], track: int = 0) -> None:
    counts.outcomes[:, arm, track, borough, : len(by_period), OUTCOMES.index(measure)] = by_period


def set_weeks(counts: Counts, arm: int, borough: int, by_period: list[int]) -> None:
    set_outcome(counts, arm, borough, "paid_units", by_period)


def set_intake(counts: Counts, arm: int, borough: int, group: int, measure: str, by_period: list[int]) -> None:
    counts.intake[:, arm, :, borough, group, : len(by_period), INTAKE.index(measure)] = by_period


def set_control(counts: Counts, borough: int, measure: str, by_period: list[int]) -> None:
    counts.control[:, :, borough, : len(by_period), CONTROL.index(measure)] = by_period


def set_care(counts: Counts, arm: int, account: str, borough: int, kind: str, by_period: list[int]) -> None:
    counts.care[:, arm, ACCOUNTS.index(account), borough, : len(by_period), PLACEMENTS.index(kind)] = by_period


def set_team_starts(counts: Counts, team: int, starts: int) -> None:
    counts.team[:, team, TEAM.index("starts")] = starts


def service_of(due: dict[date, float], day_0: date, n_replications: int = 1) -> ServiceCosts:
    """Return service costs of so many pounds on some dates."""
    days = np.array([day_number(day, day_0) for day in sorted(due)], dtype=np.int64)
    return ServiceCosts(
        days=days,
        kinds=("service",),
        fixed=pence([[due[day] for day in sorted(due)]]),
        starts=np.zeros((n_replications, len(days)), dtype=np.int64),
        boroughs_own=np.zeros((1, 1), dtype=np.int64),
    )


def case_paths() -> list[Path]:
    return sorted(CASES.glob("*.toml"))


def units_key(track: Track) -> str:
    """Return the words under which a case tells what is paid for in a track."""
    if track.unit in ("grid", "run"):
        return "weeks_out_of_care" if track.max_units == NO_LIMIT else "weeks_within_limit"
    return "days_out_of_care" if track.unit == "day" else "milestones"


@lru_cache
def read_case(path: Path) -> tuple[dict[str, Any], Scenario, Plan, Counts, ServiceCosts]:
    """Return a worked case as written, its scenario, plan, counts (one replication) and service costs."""
    case = tomllib.loads(path.read_text(encoding="utf-8"))
    children = case["children"]
    scenario = make_scenario(
        tuple(children),
        contract={"name": case["title"], **case["contract"]},
        boroughs={slug: {"referrals_per_year": own.get("referrals_per_year", 10.0)} for slug, own in children.items()},
    )
    plan, counts = money_case(scenario)
    for b, own in enumerate(children.values()):
        for measure in ("started", "completed"):
            set_served(counts, measure, b, own.get(measure, []))
        for arm, suffix in enumerate(("_without_therapy", "")):
            for at, track in enumerate(plan.tracks):
                set_outcome(counts, arm, b, "paid_units", own.get(units_key(track) + suffix, []), at)
                set_outcome(counts, arm, b, "tracked_days", own.get("tracked_days", []), at)
                set_outcome(counts, arm, b, "care_days", own.get("care_days" + suffix, []), at)
        for measure in CONTROL:
            set_control(counts, b, measure, own.get(f"control_{measure}", []))
        for group in own.get("intake", []):
            g = plan.periods.index((group["quarter"] - plan.periods.day_0).days)
            for measure in INTAKE:
                if plan.intake_tracks:
                    set_intake(counts, 1, b, g, measure, group[measure])
                k, n = OUTCOMES.index(measure), len(group[measure])
                counts.outcomes[:, 1, :, b, :n, k] += np.array(group[measure], dtype=np.int32)
    service = service_of({cost["on"]: cost["gbp"] for cost in case.get("service_costs", [])}, scenario.clock.day_0)
    return case, scenario, plan, counts, service


def pence(gbp: Any) -> Any:
    return np.rint(np.array(gbp, dtype=float) * 100).astype(np.int64)
