"""Ignorance: what each outer draw takes for true. In: a scenario, a seed, a draw's number. Out: `Drawn`.

Every uncertain input is F^-1(U): one normal score each, correlated as the scenario says. With the evidence prior, base
world and effect are drawn from its rows. The targets are met again in every draw. Must not know: queues, money.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy import stats

from edgeofcare.care.draws import PARAMETER, normal_quantile, uniforms
from edgeofcare.engine.calibrate import is_null, make_sample, sample_key, therapy_target, with_odds_ratio
from edgeofcare.engine.plan import borough_id
from edgeofcare.engine.surface import (
    N_OWN,
    Direct,
    Measured,
    Surface,
    make_surface,
    solve_ratio,
    solve_scale,
    tracked_shares,
)
from edgeofcare.errors import Fault, InputError
from edgeofcare.inputs.load import uncertain, with_values
from edgeofcare.inputs.schema import BaseWorld, Origin, Scenario, Study

Floats = npt.NDArray[np.float64]
Z95 = float(stats.norm.ppf(0.95))
EFFECT_TARGETS = ("effect.usual", "effect.therapy", "effect.odds_ratio", "effect.risk_ratio")


@dataclass(frozen=True)
class Drawn:
    """One outer draw: the scenario, its hazards, and what is said of it.

    usual, therapy: share of tracked days out of care on the calibration sample. met: whether every target could be
    met; otherwise the nearest was taken. world, study: rows of the evidence, empty without it.
    """

    scenario: Scenario
    values: dict[str, float]
    entry_scale_days: float
    hazard_ratio: float
    usual: float
    therapy: float
    met: bool
    world: str = ""
    study: str = ""


def draw(scenario: Scenario, surface: Surface, seed: int, number: int) -> Drawn:
    """Return an outer draw of a scenario, with its targets met again."""
    values = draw_values(scenario, seed, number)
    drawn = with_values(scenario, values) if values else scenario
    measured: Measured = surface
    if sample_key(drawn) != sample_key(scenario):
        measured = Direct(make_sample(drawn, N_OWN, surface.on_days))
    if scenario.effect.prior == "evidence":
        return _by_evidence(drawn, values, measured, seed, number)
    return _by_targets(drawn, values, measured)


def surface_for(scenario: Scenario) -> Surface:
    """Return the surface on which a scenario's draws are solved: with the days that its evidence names."""
    rows: Sequence[Any] = ()
    if scenario.effect.prior == "evidence" and scenario.evidence:
        rows = (*scenario.evidence.studies, *scenario.evidence.base_worlds)
    return make_surface(scenario, tuple(dict.fromkeys(row.day for row in rows if row.day)))


def _by_targets(drawn: Scenario, values: dict[str, float], measured: Measured) -> Drawn:
    effect = drawn.effect
    at = measured.place(effect.measure, effect.day)
    scale, usual_met, ratio, therapy_met = effect.entry_scale_days, True, effect.hazard_ratio, True
    if scale is None:
        assert effect.usual is not None
        scale, usual_met = solve_scale(measured, at, effect.usual)
    if ratio is None and is_null(effect):
        ratio = 1.0
    elif ratio is None:
        target = therapy_target(effect, float(measured.usual(np.array([scale]), at)[0]))
        ratio, therapy_met = solve_ratio(measured, at, scale, target)
    shares = tracked_shares(measured, scale, ratio)
    return Drawn(drawn, values, scale, ratio, *shares, usual_met and therapy_met)


def _by_evidence(drawn: Scenario, values: dict[str, float], measured: Measured, seed: int, number: int) -> Drawn:
    """Draw the base world on its own measure, then a study and its log odds ratio; solve that row's measure."""
    assert drawn.evidence is not None

    def u(what: str) -> float:
        return float(stats.norm.cdf(own_score(seed, number, f"evidence.{what}")))

    world: BaseWorld = _pick(drawn.evidence.base_worlds, u("world"))
    study: Study = _pick(drawn.evidence.studies, u("study"))
    n = world.effective_n
    in_care = float(stats.beta.ppf(u("in_care"), world.in_care_share * n, (1 - world.in_care_share) * n))
    scale, world_met = solve_scale(measured, measured.place(world.measure, world.day or None), 1 - in_care)
    log_or = study.log_or + own_score(seed, number, "evidence.log_or") * float(np.hypot(study.se, study.tau))
    ratio, study_met = 1.0, True
    if log_or != 0:
        at = measured.place(study.measure, study.day or None)
        usual_in_care = 1 - float(measured.usual(np.array([scale]), at)[0])
        target = 1 - with_odds_ratio(usual_in_care, float(np.exp(log_or)))
        ratio, study_met = solve_ratio(measured, at, scale, target)
    shares = tracked_shares(measured, scale, ratio)
    return Drawn(drawn, values, scale, ratio, *shares, world_met and study_met, world.id, study.id)


def _pick(rows: Sequence[Any], u: float) -> Any:
    """Return the row in whose share of the weights u falls."""
    cumulative = np.cumsum([row.weight for row in rows])
    return rows[min(int(np.searchsorted(cumulative, u * cumulative[-1], side="right")), len(rows) - 1)]


def draw_values(scenario: Scenario, seed: int, number: int) -> dict[str, float]:
    """Return the value of each uncertain input in an outer draw, by dotted path; the evidence draws its own targets."""
    skip = EFFECT_TARGETS if scenario.effect.prior == "evidence" else ()
    inputs = {path: found for path, found in uncertain(scenario).items() if path not in skip}
    scores = correlated_scores(scenario, list(inputs), seed, number)
    return {
        path: quantile(value, origin, float(stats.norm.cdf(score)))
        for (path, (value, origin)), score in zip(inputs.items(), scores, strict=True)
    }


def own_score(seed: int, number: int, key: str) -> float:
    """Return the normal score of an input in a draw; it depends on the input's own key alone."""
    return normal_quantile(uniforms(seed, number, borough_id(key), 0, PARAMETER)[0])


def correlated_scores(scenario: Scenario, paths: list[str], seed: int, number: int) -> Floats:
    """Return one normal score for each path: (input,)."""
    own = np.array([own_score(seed, number, path) for path in paths])
    matrix = correlation_matrix(scenario, paths)
    return own if matrix is None else np.linalg.cholesky(matrix) @ own


def correlation_matrix(scenario: Scenario, paths: list[str]) -> Floats | None:
    """Return the correlation of the normal scores, (input, input), or None if no two inputs are correlated.

    Raises InputError if it is not positive definite, and offers the nearest that is.
    """
    pairs = [pair for pair in scenario.correlations if all(path in paths for path in pair.between)]
    if not pairs:
        return None
    matrix = np.eye(len(paths))
    for pair in pairs:
        i, j = (paths.index(path) for path in pair.between)
        matrix[i, j] = matrix[j, i] = pair.correlation
    if np.linalg.eigvalsh(matrix).min() > 1e-9:
        return matrix
    nearest = nearest_correlation(matrix)
    offers = "; ".join(
        f"{a} with {b} {nearest[paths.index(a), paths.index(b)]:.3f}" for a, b in (pair.between for pair in pairs)
    )
    rule = "the correlations contradict one another: their matrix is not positive definite"
    raise InputError([Fault(scenario.name, None, "correlations", rule, "", f"The nearest set that does not: {offers}.")])


def nearest_correlation(matrix: Floats) -> Floats:
    """Return a nearby positive definite correlation matrix: negative eigenvalues raised, diagonal scaled back to 1."""
    values, vectors = np.linalg.eigh(matrix)
    raised = (vectors * np.maximum(values, 1e-6)) @ vectors.T
    scale = np.sqrt(np.diag(raised))
    return np.asarray(raised / np.outer(scale, scale))


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
        case "normal":
            x = (low + high) / 2 + stats.norm.ppf(u) * (high - low) / (2 * Z95)
        case "lognormal":
            x = np.exp((np.log(low) + np.log(high)) / 2 + stats.norm.ppf(u) * np.log(high / low) / (2 * Z95))
        case "beta":
            sd = (high - low) / (2 * Z95)
            n = max(value * (1 - value) / sd**2 - 1, 1e-6)
            x = stats.beta.ppf(u, value * n, (1 - value) * n)
        case _:
            x = stats.triang.ppf(u, (value - low) / (high - low), low, high - low)
    return round(float(x)) if isinstance(value, int) else float(x)
