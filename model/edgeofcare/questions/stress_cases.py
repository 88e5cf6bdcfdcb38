"""The cases of a stress table: a scenario as planned and under each stress, as claimed or with its inputs drawn.

In: a scenario, names of stresses. Out: `Trial`s. Must not know: what is asked of them, how answers are shown.
"""

from __future__ import annotations

import math
import threading
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any, NamedTuple

from edgeofcare.engine.calibrate import TRACKED_SHARE, Calibration, calibrate, sample_key
from edgeofcare.engine.calibration_table import Measured, Surface, make_surface
from edgeofcare.engine.parameters import Drawn, by_targets, draw, surface_for
from edgeofcare.errors import CalibrationError, InputError
from edgeofcare.experiment import Case, Draws, Remembered, with_draws
from edgeofcare.inputs.load import with_values
from edgeofcare.inputs.schema import Scenario
from edgeofcare.inputs.stresses import NamedStress, Stressed, WorldChange, find_stresses, stressed
from edgeofcare.questions.counterfactuals import Counterfactual, Solve, claimed_case, scale_under, with_effect

PLANNED = "as it stands"  # name of the scenario without stress
MOST_DRAWS = 100  # outer draws of a stress that draws its effect
LIVES = "drawn"  # trials whose plans are equal in a draw share their lives


@dataclass(frozen=True)
class Trial:
    """A scenario as planned, or under one stress.

    changed: the scenario under the stress. left_out: parts that do not fit, with the reason. met: whether the claim can
    be met under the stress; if not, the hazards stay as they were.
    """

    name: str
    stress: NamedStress | None
    case: Case
    changed: Stressed
    left_out: dict[str, str] = field(default_factory=dict)
    met: bool = True


def make_trials(
    scenario: Scenario, names: str | Sequence[str], replications: int, seed: int
) -> tuple[list[Trial], dict[str, str]]:
    """Return the scenario as planned and under each stress, and the stresses that do not fit (of "all" only).

    Raises InputError for a stress that is unknown, at fault, or named and does not fit.
    """
    claimed = claimed_case(scenario)
    planned = Stressed(scenario, scenario, WorldChange(), {})
    trials, skipped = [Trial(PLANNED, None, claimed, planned)], {}
    for one in find_stresses(names):
        try:
            changed = stressed(scenario, one)
        except InputError as error:
            if names != "all":
                raise
            skipped[one.name] = str(error.faults[0])
            continue
        trials.append(_trial(one, changed, claimed, replications, seed))
    return trials, skipped


def _trial(one: NamedStress, changed: Stressed, claimed: Case, replications: int, seed: int) -> Trial:
    if changed.world.effect == "evidence":
        return Trial(one.name, one, _from_evidence(changed, claimed, replications, seed), changed, changed.left_out)
    met = True
    try:
        case = case_under(changed.claimed, changed.world)
    except CalibrationError:  # the claim is out of reach under these changes: the hazards stay as they were
        met, case = False, case_under(claimed.scenario, changed.world)
    return Trial(one.name, one, replace(case, scenario=changed.scenario), changed, changed.left_out, met)


def _from_evidence(changed: Stressed, claimed: Case, replications: int, seed: int) -> Case:
    """Return a case whose effect and care without therapy are drawn from the evidence; nothing else is uncertain."""
    scenario = with_values(changed.claimed, {"effect.prior": "evidence"}).model_copy(update={"origins": {}})
    surface, n = surface_for(scenario), min(MOST_DRAWS, replications)

    def of(number: int) -> Drawn:
        return replace(draw(scenario, surface, seed, number), scenario=changed.scenario)

    return replace(
        claimed, scenario=changed.scenario, draws=Draws(n, Remembered(of)), replications=n * (replications // n)
    )


# ---- another effect, other care without therapy ------------------------------------------------------------------


def case_under(scenario: Scenario, world: WorldChange, solve: Solve = calibrate) -> Counterfactual:
    """Return a case: the scenario's claim, or another effect, other care without therapy, or both.

    The claimed effect and half of it keep at any care without therapy their odds ratio on the tracked share; the effect
    of a trial is put on its own measure. solve: how targets are met.
    """
    claimed = claimed_case(scenario, solve)
    at_base, base = claimed, "contract"
    if world.care_without:
        scale, base = scale_under(scenario, world.care_without, solve), "other care without therapy"
        at_base = replace(claimed, entry_scale_days=scale)
    if trial := world.trial:
        values = {"effect.measure": trial.measure} | ({} if trial.day is None else {"effect.day": trial.day})
        return _at_odds(at_base, values, math.exp(trial.log_odds_ratio), "trial", base, solve)
    if world.effect == "claimed" and world.care_without:
        usual, therapy = (share / (1 - share) for share in (claimed.usual, claimed.therapy))
        return _at_odds(at_base, {"effect.measure": TRACKED_SHARE}, usual / therapy, "claimed", base, solve)
    return replace(with_effect(at_base, world.effect, solve=solve), name=f"{world.effect} on {base}", base=base)


def _at_odds(
    at_base: Counterfactual, values: dict[str, Any], odds_ratio: float, effect: str, base: str, solve: Solve
) -> Counterfactual:
    """Return the case at an odds ratio of being in care on a measure, with the entry scale given."""
    hazards = {"effect.entry_scale_days": at_base.entry_scale_days, "effect.odds_ratio": odds_ratio}
    found = solve(with_values(at_base.scenario, {**values, **hazards}))
    usual, therapy = (found.measures[arm][TRACKED_SHARE] for arm in ("usual", "therapy"))
    scale, ratio = found.entry_scale_days, found.hazard_ratio
    return Counterfactual(
        at_base.scenario, scale, ratio, usual, therapy, name=f"{effect} on {base}", effect=effect, base=base
    )


# ---- with inputs drawn -------------------------------------------------------------------------------------------


class Hazards(NamedTuple):
    """Hazards of a trial in an outer draw, and the shares of tracked days out of care that they mean."""

    entry_scale_days: float
    hazard_ratio: float
    usual: float
    therapy: float
    met: bool


def drawn_trials(trials: Sequence[Trial], outer_draws: int, seed: int) -> dict[str, Case]:
    """Return a case of each trial by name, its scenario's uncertain inputs drawn and the stress laid over each draw.

    Targets are met again in each draw, under the changes of the stress; where they cannot be, the nearest is taken.
    """
    scenario = trials[0].case.scenario
    worlds = [trial.changed.world for trial in trials]
    days = [part.day for world in worlds for part in (world.trial, world.care_without) if part and part.day is not None]
    surface = make_surface(scenario, tuple(dict.fromkeys(days)))
    planned = with_draws(trials[0].case, outer_draws, seed)
    known: dict[Any, Hazards] = {}
    lock = threading.Lock()

    def case(trial: Trial) -> Case:
        if trial.changed.world.effect == "evidence":
            return _evidence_in_draws(trial, scenario, outer_draws, seed)

        def of(number: int) -> Drawn:
            drawn = planned.drawn(number)
            if trial.stress is None:
                return drawn
            changed = stressed(drawn.scenario, trial.stress)
            key = (number, changed.world, sample_key(changed.claimed), changed.claimed.effect)
            if key not in known:
                found = _hazards(trial, changed, surface, drawn)
                with lock:
                    known[key] = found
            return Drawn(changed.scenario, drawn.values, *known[key])

        return replace(trial.case, draws=Draws(outer_draws, Remembered(of, 2)), replications=None, lives=LIVES)

    return {trial.name: case(trial) for trial in trials}


def _hazards(trial: Trial, changed: Stressed, surface: Surface, drawn: Drawn) -> Hazards:
    if surface.fixed is not None:  # draws change neither effect nor care
        case = trial.case
        return Hazards(case.entry_scale_days, case.hazard_ratio, case.usual, case.therapy, trial.met)
    solve = Nearest(surface.for_draw(drawn.scenario, changed.claimed))
    case = case_under(changed.claimed, changed.world, solve)
    return Hazards(case.entry_scale_days, case.hazard_ratio, case.usual, case.therapy, solve.met)


class Nearest:
    """Targets met on what an outer draw is solved on, or come nearest to. met: whether all were."""

    def __init__(self, measured: Measured) -> None:
        self.measured, self.met = measured, True

    def __call__(self, scenario: Scenario) -> Calibration:
        """Return the hazards of a scenario with its measures: the tracked share and its own."""
        effect, found = scenario.effect, by_targets(scenario, {}, self.measured)
        self.met = self.met and found.met
        place, scale, ratio = (
            self.measured.place(effect.measure, effect.day),
            found.entry_scale_days,
            found.hazard_ratio,
        )
        own = {
            "usual": self.measured.at("usual", place, scale),
            "therapy": self.measured.at("therapy", place, scale, ratio),
        }
        measures = {arm: {effect.measure: own[arm], TRACKED_SHARE: getattr(found, arm)} for arm in own}
        return Calibration(scale, ratio, effect.measure, effect.day, {}, own, measures, math.nan, 0)


def _evidence_in_draws(trial: Trial, scenario: Scenario, outer_draws: int, seed: int) -> Case:
    """Return a case whose effect is drawn from the evidence and whose other uncertain inputs are drawn too."""
    stress = trial.stress
    assert stress is not None
    by_evidence = with_values(scenario, {"effect.prior": "evidence"})
    surface = surface_for(by_evidence)

    def of(number: int) -> Drawn:
        drawn = draw(by_evidence, surface, seed, number)
        return replace(drawn, scenario=stressed(drawn.scenario, stress).scenario)

    return replace(trial.case, draws=Draws(outer_draws, Remembered(of, 2)), replications=None, lives=LIVES)
