"""A generated scenario of any size: many authorities, with teams about as ample as those of Pan-London."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

from edgeofcare.engine.plan import Plan, make_plan
from edgeofcare.inputs.load import load, with_values
from edgeofcare.inputs.schema import Scenario

SCALE_DAYS, HAZARD_RATIO = 191.6, 0.25  # near Pan-London's calibrated values; nothing is calibrated here
YEARS = 2.75  # of referrals at the full rate in the three years of Pan-London, which begin at half of it
CHILDREN_PER_SLOT = 8.0  # about as in Pan-London
CASELOAD = 4


@lru_cache(maxsize=32)
def scenario(name: str, **values: Any) -> Scenario:
    """Return a shipped scenario with its hazards given, and other values by path (`__` stands for the dot)."""
    hazards = {
        "effect.usual": None,
        "effect.therapy": None,
        "effect.entry_scale_days": SCALE_DAYS,
        "effect.hazard_ratio": HAZARD_RATIO,
    }
    return with_values(load(name), hazards | {path.replace("__", "."): value for path, value in values.items()})


def plan_of(scenario: Scenario) -> Plan:
    """Return the plan of a scenario with the hazards above."""
    return make_plan(scenario, SCALE_DAYS, HAZARD_RATIO)


@lru_cache(maxsize=16)
def generated(n_boroughs: int, n_children: int) -> Plan:
    """Return the plan of a scenario with so many authorities and about so many children in a replication."""
    slugs = [f"authority_{i:03d}" for i in range(n_boroughs)]
    per_borough = n_children / n_boroughs
    rate = per_borough / YEARS
    boroughs = {slug: {"name": slug, "referrals_per_year": rate} for slug in slugs}
    n_teams = min(n_boroughs, max(1, round(n_children / 130)))  # not fewer families than two therapists can see
    shares = [slugs[i::n_teams] for i in range(n_teams)]
    n_therapists = max(1, round(n_children / n_teams / CHILDREN_PER_SLOT / CASELOAD / 2))
    teams = {
        f"{therapy}_{i:03d}": {
            "therapy": therapy,
            "boroughs": share,
            "n_therapists": n_therapists,
            "caseload_per_therapist": CASELOAD,
            "cost_gbp_per_year": 1.0,
        }
        for i, share in enumerate(shares)
        for therapy in ("mst", "fft")
    }
    return plan_of(with_values(scenario("pan_london"), {"boroughs": boroughs, "teams": teams, "correlations": ()}))
