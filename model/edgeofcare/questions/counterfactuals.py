"""Counterfactuals of a contract: another effect, another life without therapy, fewer families.

In: a scenario. Out: cases with their hazards. Must not know: contracts, money.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace

from edgeofcare.engine.calibrate import TRACKED_SHARE, Calibration, calibrate
from edgeofcare.errors import OptionError
from edgeofcare.experiment import Case, case_of
from edgeofcare.inputs.load import with_values
from edgeofcare.inputs.schema import Scenario
from edgeofcare.inputs.stresses import CareWithout, read_stress

Solve = Callable[[Scenario], Calibration]  # how targets are met
EFFECTS = ("none", "half", "claimed", "start")
BASES = ("contract", "before_proceedings", "start_control")
VOLUMES = (0.30, 0.66, 1.0)
# The shipped stresses that carry the figures of other effects and of other care without therapy.
STRESS_OF = {"start": "start_effect", "before_proceedings": "base_45", "start_control": "base_11"}
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


def claimed_case(scenario: Scenario, solve: Solve = calibrate) -> Counterfactual:
    """Return the scenario as written. solve: how its targets are met.

    Raises OptionError for a scenario that draws its effect from the evidence: it claims nothing of its own.
    """
    if scenario.effect.prior == "evidence":
        raise OptionError(
            f"{scenario.name} draws its effect from the evidence and claims none of its own. Choose a scenario with a "
            f"claim, such as pan_london."
        )
    return _case("claimed", "contract", scenario, solve(scenario))


def grid_cases(scenario: Scenario) -> list[Counterfactual]:
    """Return every effect on every true base, then the claimed effect at fewer referrals.

    The claimed effect and half of it keep at every base the odds ratio of being in care that they have on the tracked
    share at the contract's base. Half: half of the points of the scenario's own measure.
    """
    claimed = claimed_case(scenario)
    ratios = {effect: _odds_ratio_of(effect, scenario) for effect in EFFECTS}
    cases = []
    for base in BASES:
        scale = claimed.entry_scale_days if base == "contract" else scale_of(scenario, base)
        cases += [
            claimed
            if (effect, base) == ("claimed", "contract")
            else _at_ratio(effect, base, scenario, scale, ratios[effect])
            for effect in EFFECTS
        ]
    return cases + [at_volume(claimed, volume) for volume in VOLUMES if volume != 1]


def with_effect(
    claimed: Counterfactual, effect: str, base: str = "contract", solve: Solve = calibrate
) -> Counterfactual:
    """Return a case with another effect (`none`, `half`, `claimed`, `start`), on the contract's or another base.

    solve: how targets are met.
    """
    if (effect, base) == ("claimed", "contract"):
        return claimed
    scale = claimed.entry_scale_days if base == "contract" else scale_of(claimed.scenario, base, solve)
    return _at_ratio(effect, base, claimed.scenario, scale, _odds_ratio_of(effect, claimed.scenario, solve), solve)


def at_volume(case: Counterfactual, volume: float) -> Counterfactual:
    """Return a case with referrals scaled in every borough."""
    boroughs = case.scenario.boroughs
    values = {f"boroughs.{slug}.referrals_per_year": b.referrals_per_year * volume for slug, b in boroughs.items()}
    fewer = with_values(case.scenario, values)
    return replace(case, scenario=fewer, volume=volume, name=f"{case.name}, volume {volume:.0%}")


def _at_ratio(
    effect: str, base: str, scenario: Scenario, entry_scale_days: float, odds_ratio: float, solve: Solve = calibrate
) -> Counterfactual:
    values = {
        "effect.measure": TRACKED_SHARE,
        "effect.entry_scale_days": entry_scale_days,
        "effect.odds_ratio": odds_ratio,
    }
    return _case(effect, base, scenario, solve(with_values(scenario, values)))


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


def _odds_ratio_of(effect: str, scenario: Scenario, solve: Solve = calibrate) -> float:
    """Return the odds ratio of being in care, on the tracked share, of an effect at the contract's base."""
    if effect == "none":
        return 1.0
    if effect in STRESS_OF:
        return trial_odds_ratio(effect)
    claimed = solve(scenario)
    if effect == "claimed":
        return _odds_ratio(claimed)
    own = [claimed.measures[arm][claimed.measure] for arm in ("usual", "therapy")]
    half = {"effect.entry_scale_days": claimed.entry_scale_days, "effect.therapy": sum(own) / 2}
    return _odds_ratio(solve(with_values(scenario, half)))


def _odds_ratio(found: Calibration) -> float:
    usual, therapy = (1 - found.measures[arm][TRACKED_SHARE] for arm in ("usual", "therapy"))
    return therapy / (1 - therapy) * (1 - usual) / usual


def trial_odds_ratio(effect: str) -> float:
    """Return the odds ratio of being in care that a trial found, from the stress that carries it."""
    world = read_stress(STRESS_OF[effect]).said.world
    assert world is not None and world.trial is not None
    return math.exp(world.trial.log_odds_ratio)


def scale_of(scenario: Scenario, base: str, solve: Solve = calibrate) -> float:
    """Return the entry scale at which other care without therapy holds, by the stress that carries it, days."""
    world = read_stress(STRESS_OF[base]).said.world
    assert world is not None and world.care_without is not None
    return scale_under(scenario, world.care_without, solve)


def scale_under(scenario: Scenario, care: CareWithout, solve: Solve = calibrate) -> float:
    """Return the entry scale at which care without therapy is as given, days."""
    values = {
        "effect.measure": care.measure,
        "effect.day": care.day,
        "effect.usual": 1 - care.in_care_share,
        "effect.hazard_ratio": 1.0,
    }
    return solve(with_values(scenario, values)).entry_scale_days
