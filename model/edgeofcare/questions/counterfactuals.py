"""Counterfactuals of a contract: another effect, another life without therapy, fewer families.

In: a scenario. Out: cases with their hazards. Must not know: contracts, money.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Any

from edgeofcare.engine.calibrate import TRACKED_SHARE, Calibration, calibrate
from edgeofcare.errors import OptionError
from edgeofcare.experiment import Case, case_of
from edgeofcare.inputs.evidence import published_evidence
from edgeofcare.inputs.files import scenario_folder
from edgeofcare.inputs.load import with_values
from edgeofcare.inputs.schema import Scenario

EFFECTS = ("none", "half", "claimed", "start")
BASES = ("contract", "before_proceedings", "start_control")
VOLUMES = (0.30, 0.66, 1.0)
BASE_WORDS = {
    "contract": "care without therapy as the scenario says",
    "before_proceedings": "45% in care a year after the start without therapy",
    "start_control": "11% ever placed within 18 months without therapy",
}
EFFECT_WORDS = {
    "none": "no effect",
    "half": "half of the claimed effect",
    "claimed": "the claimed effect",
    "start": "the English trial's odds ratio of 1.25 (more care)",
}


@dataclass(frozen=True)
class Counterfactual(Case):
    """A case with what sets it apart. volume: referrals, as a share of the scenario's. Its effect is in the hazards."""

    name: str = "claimed"
    effect: str = "claimed"
    base: str = "contract"
    volume: float = 1.0


def claimed_case(scenario: Scenario) -> Counterfactual:
    """Return the scenario as written.

    Raises OptionError for a scenario that draws its effect from the evidence: it claims nothing of its own.
    """
    if scenario.effect.prior == "evidence":
        raise OptionError(
            f"{scenario.name} draws its effect from the evidence and claims none of its own. Choose a scenario with a "
            f"claim, such as pan_london."
        )
    return _case("claimed", "contract", scenario, calibrate(scenario))


def grid_cases(scenario: Scenario) -> list[Counterfactual]:
    """Return every effect on every true base, then the claimed effect at fewer referrals.

    The claimed effect and half of it keep at every base the odds ratio of being in care that they have on the tracked
    share at the contract's base. Half: half of the points of the scenario's own measure.
    """
    claimed = claimed_case(scenario)
    ratios = _odds_ratios(scenario)
    cases = []
    for base in BASES:
        scale = claimed.entry_scale_days if base == "contract" else _scale_of(scenario, base)
        cases += [
            claimed
            if (effect, base) == ("claimed", "contract")
            else _at_ratio(effect, base, scenario, scale, ratios[effect])
            for effect in EFFECTS
        ]
    return cases + [at_volume(claimed, volume) for volume in VOLUMES if volume != 1]


def with_effect(claimed: Counterfactual, effect: str, base: str = "contract") -> Counterfactual:
    """Return a case with another effect (`none`, `half`, `claimed`, `start`), on the contract's or another base."""
    if (effect, base) == ("claimed", "contract"):
        return claimed
    scale = claimed.entry_scale_days if base == "contract" else _scale_of(claimed.scenario, base)
    return _at_ratio(effect, base, claimed.scenario, scale, _odds_ratios(claimed.scenario)[effect])


def at_volume(case: Counterfactual, volume: float) -> Counterfactual:
    """Return a case with referrals scaled in every borough."""
    boroughs = case.scenario.boroughs
    values = {f"boroughs.{slug}.referrals_per_year": b.referrals_per_year * volume for slug, b in boroughs.items()}
    fewer = with_values(case.scenario, values)
    return replace(case, scenario=fewer, volume=volume, name=f"{case.name}, volume {volume:.0%}")


def _at_ratio(effect: str, base: str, scenario: Scenario, entry_scale_days: float, odds_ratio: float) -> Counterfactual:
    values = {
        "effect.measure": TRACKED_SHARE,
        "effect.entry_scale_days": entry_scale_days,
        "effect.odds_ratio": odds_ratio,
    }
    return _case(effect, base, scenario, calibrate(with_values(scenario, values)))


def _case(effect: str, base: str, scenario: Scenario, met: Calibration) -> Counterfactual:
    case = case_of(scenario, met)
    ratio = 1.0 if effect == "none" else case.hazard_ratio
    return Counterfactual(
        scenario,
        case.entry_scale_days,
        ratio,
        case.usual,
        case.therapy,
        name=f"{effect} on {base}",
        effect=effect,
        base=base,
    )


def _odds_ratios(scenario: Scenario) -> dict[str, float]:
    """Return the odds ratio of being in care, on the tracked share, of each effect at the contract's base."""
    claimed = calibrate(scenario)
    own = {arm: claimed.measures[arm][claimed.measure] for arm in ("usual", "therapy")}
    half = {"effect.entry_scale_days": claimed.entry_scale_days, "effect.therapy": (own["usual"] + own["therapy"]) / 2}
    start = next(row for row in published_evidence(scenario_folder())["studies"] if row["id"] == "start")
    return {
        "none": 1.0,
        "half": _odds_ratio(calibrate(with_values(scenario, half))),
        "claimed": _odds_ratio(claimed),
        "start": math.exp(start["log_or"].value),
    }


def _odds_ratio(found: Calibration) -> float:
    usual, therapy = (1 - found.measures[arm][TRACKED_SHARE] for arm in ("usual", "therapy"))
    return therapy / (1 - therapy) * (1 - usual) / usual


def _scale_of(scenario: Scenario, base: str) -> float:
    """Return the entry scale at which a published base holds."""
    row: dict[str, Any] = next(r for r in published_evidence(scenario_folder())["base_worlds"] if r["id"] == base)
    values = {
        "effect.measure": row["measure"],
        "effect.day": int(row["day"].value),
        "effect.usual": 1 - row["in_care_share"].value,
        "effect.hazard_ratio": 1.0,
    }
    return calibrate(with_values(scenario, values)).entry_scale_days
