"""Ignorance: what each outer draw takes for true. In: a scenario, a seed, a draw's number. Out: `Drawn`.

Every uncertain input is F^-1(U): one normal score each, correlated as the scenario says. With the evidence prior, care
without therapy and the effect are one of its draws. The targets are met again in every draw. Must not know:
queues, money.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from edgeofcare.care.draws import PARAMETER, normal_quantile, uniforms
from edgeofcare.engine.calibrate import TRACKED_SHARE, Calibration, is_null, therapy_target, with_odds_ratio
from edgeofcare.engine.calibration_table import (
    Measured,
    Surface,
    make_surface,
    solve_ratio,
    solve_scale,
    tracked_shares,
)
from edgeofcare.engine.plan import borough_id
from edgeofcare.errors import Fault, InputError
from edgeofcare.inputs.evidence import RIVALS
from edgeofcare.inputs.evidence_draws import DAY, MEASURE, weighted_draws
from edgeofcare.inputs.load import uncertain, with_values
from edgeofcare.inputs.old_keys import drawn_as
from edgeofcare.inputs.ranges import at_score, beta_n, cholesky, contradiction, correlation_matrix
from edgeofcare.inputs.schema import Origin, Scenario

EFFECT_SIZES = tuple(f"effect.{key}" for group in RIVALS for key in group)
NEARLY_0 = 1e-9  # odds need a probability that is neither 0 nor 1


@dataclass(frozen=True)
class Drawn:
    """One outer draw: the scenario, its hazards, and what is said of it.

    usual, therapy: share of tracked days out of care on the calibration sample. met: whether every target could be
    met; otherwise the nearest was taken. evidence_draw: number of the draw of the evidence, if it was asked.
    """

    scenario: Scenario
    values: dict[str, float]
    entry_scale_days: float
    hazard_ratio: float
    usual: float
    therapy: float
    met: bool
    evidence_draw: int | None = None


def surface_for(scenario: Scenario) -> Surface:
    """Return what a scenario's draws are solved on, with the days that its evidence names.

    Raises InputError if its correlations contradict one another.
    """
    _factor(scenario, list(uncertain(scenario)))
    return make_surface(scenario, (DAY,) if scenario.effect.prior == "evidence" else ())


def draw(scenario: Scenario, surface: Surface, seed: int, number: int) -> Drawn:
    """Return an outer draw of a scenario, with its targets met again.

    Raises InputError if the values drawn do not fit together.
    """
    values = draw_values(scenario, seed, number)
    try:
        drawn = with_values(scenario, values) if values else scenario
    except InputError as error:
        hint = "Narrow the ranges so that any values within them fit together."
        file = f"{scenario.name or 'scenario'}, outer draw {number}"
        raise InputError([Fault(file, None, f.path, f.rule, f.got, hint) for f in error.faults]) from None
    if surface.fixed is not None:
        return as_calibrated(drawn, values, surface.fixed)
    measured = surface.for_draw(scenario, drawn)
    if scenario.effect.prior == "evidence":
        return _by_evidence(drawn, values, measured, seed, number)
    return by_targets(drawn, values, measured)


def as_calibrated(drawn: Scenario, values: dict[str, float], found: Calibration) -> Drawn:
    """Return a draw that leaves effect and calibration sample as they are in the scenario."""
    usual, therapy = (found.measures[arm][TRACKED_SHARE] for arm in ("usual", "therapy"))
    return Drawn(drawn, values, found.entry_scale_days, found.hazard_ratio, usual, therapy, met=True)


# ---- targets and evidence --------------------------------------------------------------------------------------


def by_targets(drawn: Scenario, values: dict[str, float], measured: Measured) -> Drawn:
    """Return a draw whose entry scale and hazard ratio meet its targets, or come nearest to them."""
    effect = drawn.effect
    place = measured.place(effect.measure, effect.day)
    scale, usual_met, ratio, therapy_met = effect.entry_scale_days, True, effect.hazard_ratio, True
    if scale is None:
        assert effect.usual is not None
        scale, usual_met = solve_scale(measured, place, effect.usual)
    if ratio is None and is_null(effect):
        ratio = 1.0
    elif ratio is None:
        target = therapy_target(effect, _proper(measured.at("usual", place, scale)))
        ratio, therapy_met = solve_ratio(measured, place, scale, target)
    usual, therapy = _shares(drawn, measured, scale, ratio)
    return Drawn(drawn, values, scale, ratio, usual, therapy, usual_met and therapy_met)


def _by_evidence(drawn: Scenario, values: dict[str, float], measured: Measured, seed: int, number: int) -> Drawn:
    """Pick a draw of the evidence by its weight; solve its share never in care by day 365, then its odds ratio."""
    weighted = weighted_draws(drawn.evidence)
    picked = weighted.pick(own_uniform(seed, number, "evidence.draw"))
    never, odds_ratio = float(weighted.draws.never_in_care[picked]), float(weighted.draws.odds_ratio[picked])
    place = measured.place(MEASURE, DAY)
    scale, base_met = solve_scale(measured, place, never)
    ratio, effect_met = 1.0, True
    if odds_ratio != 1:
        usual_in_care = 1 - _proper(measured.at("usual", place, scale))
        ratio, effect_met = solve_ratio(measured, place, scale, 1 - with_odds_ratio(usual_in_care, odds_ratio))
    usual, therapy = _shares(drawn, measured, scale, ratio)
    return Drawn(drawn, values, scale, ratio, usual, therapy, base_met and effect_met, picked)


def _shares(drawn: Scenario, measured: Measured, scale_days: float, ratio: float) -> tuple[float, float]:
    """Return the shares of tracked days out of care; the same to the last bit if therapy changes nothing."""
    usual, therapy = tracked_shares(measured, scale_days, ratio)
    return usual, usual if ratio == 1 == drawn.care.reentry.hazard_ratio else therapy


def _proper(prob: float) -> float:
    return min(max(prob, NEARLY_0), 1 - NEARLY_0)


# ---- values ----------------------------------------------------------------------------------------------------


def draw_values(scenario: Scenario, seed: int, number: int) -> dict[str, float]:
    """Return the value of each uncertain input in an outer draw, by dotted path; with evidence, not of its effect."""
    inputs = drawn_inputs(scenario)
    scores = correlated_scores(scenario, list(inputs), seed, number)
    return {path: quantile(*inputs[path], normal_cdf(scores[path])) for path in inputs}


def drawn_inputs(scenario: Scenario) -> dict[str, tuple[Any, Origin]]:
    """Return value and origin of the inputs that outer draws vary, by dotted path."""
    skip = EFFECT_SIZES if scenario.effect.prior == "evidence" else ()
    return {path: found for path, found in uncertain(scenario).items() if path not in skip}


def own_uniform(seed: int, number: int, key: str) -> float:
    """Return the uniform of a key in a draw; it depends on nothing but seed, draw and key."""
    return uniforms(seed, number, borough_id(key), 0, PARAMETER)[0]


def correlated_scores(scenario: Scenario, paths: Sequence[str], seed: int, number: int) -> dict[str, float]:
    """Return a normal score for each path; that of an input without correlations is its own alone."""
    scores = {path: normal_quantile(own_uniform(seed, number, drawn_as(path))) for path in paths}
    names, factor = _factor(scenario, paths)
    own = [scores[name] for name in names]
    for name, line in zip(names, factor, strict=True):
        scores[name] = sum(weight * own[i] for i, weight in enumerate(line))
    return scores


def _factor(scenario: Scenario, paths: Sequence[str]) -> tuple[list[str], list[list[float]]]:
    """Return the correlated inputs and the triangular factor of their matrix; InputError if there is none."""
    names, matrix = correlation_matrix(scenario.correlations, paths)
    factor = cholesky(matrix)
    if factor is None:
        told = contradiction(names, matrix)
        raise InputError([Fault(scenario.name or "scenario", None, str(told.path[0]), told.rule, told.got, told.hint)])
    return names, factor


# ---- distributions ---------------------------------------------------------------------------------------------


def quantile(value: float, origin: Origin, u: float) -> float | int:
    """Return the quantile at u of an uncertain input; whole numbers stay whole.

    triangular: low, peak at the value, high; uniform: low to high; normal, lognormal: low and high are the 5th and
    95th percentile; beta: mean is the value, and its spread is that of a normal with low and high at 5% and 95%.
    """
    low, high = origin.low, origin.high
    assert low is not None and high is not None
    match origin.distribution:
        case "uniform":
            x = low + u * (high - low)
        case "normal" | "lognormal":
            x = at_score(origin, normal_quantile(u))
        case "beta":
            x = beta_quantile(value, beta_n(value, low, high), u)
        case _:
            x = triangular_quantile(low, value, high, u)
    return round(x) if isinstance(value, int) else x


def triangular_quantile(low: float, peak: float, high: float, u: float) -> float:
    """Return the quantile at u of a triangular distribution."""
    if u * (high - low) < peak - low:
        return low + math.sqrt(u * (high - low) * (peak - low))
    return high - math.sqrt((1 - u) * (high - low) * (high - peak))


def beta_quantile(mean: float, n: float, u: float) -> float:
    """Return the quantile at u of a beta with this mean and a + b = n."""
    from scipy.special import betaincinv

    return float(betaincinv(mean * n, (1 - mean) * n, u))


def normal_cdf(score: float) -> float:
    """Return the probability below a normal score."""
    return 0.5 * math.erfc(-score / math.sqrt(2))
