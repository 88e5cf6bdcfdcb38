"""Ignorance: the values that uncertain inputs take in each outer draw.

In: a scenario, a seed, the number of a draw. Out: values by dotted path. Must not know: lives, money.
Every uncertain input is F^-1(U): one normal score each, correlated as the scenario says. Draw 0 of a run with one
outer draw is the scenario as written.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
from scipy import stats

from edgeofcare.care.draws import PARAMETER, normal_quantile, uniforms
from edgeofcare.engine.plan import borough_id
from edgeofcare.errors import Fault, InputError
from edgeofcare.inputs.load import uncertain, with_values
from edgeofcare.inputs.schema import Origin, Scenario

Floats = npt.NDArray[np.float64]
Z95 = float(stats.norm.ppf(0.95))


def draw_scenario(scenario: Scenario, seed: int, draw: int) -> Scenario:
    """Return the scenario with every uncertain input at its value in an outer draw."""
    values = draw_values(scenario, seed, draw)
    return with_values(scenario, values) if values else scenario


def draw_values(scenario: Scenario, seed: int, draw: int) -> dict[str, Any]:
    """Return the value of each uncertain input in an outer draw, by dotted path."""
    inputs = uncertain(scenario)
    if not inputs:
        return {}
    scores = correlated_scores(scenario, list(inputs), seed, draw)
    return {
        path: quantile(value, origin, float(stats.norm.cdf(score)))
        for (path, (value, origin)), score in zip(inputs.items(), scores, strict=True)
    }


def correlated_scores(scenario: Scenario, paths: list[str], seed: int, draw: int) -> Floats:
    """Return one normal score for each path: (input,). An input's own draw depends on its path alone."""
    own = np.array([normal_quantile(uniforms(seed, draw, borough_id(path), 0, PARAMETER)[0]) for path in paths])
    if not scenario.correlations:
        return own
    return np.linalg.cholesky(correlation_matrix(scenario, paths)) @ own


def correlation_matrix(scenario: Scenario, paths: list[str]) -> Floats:
    """Return the correlation of the normal scores: (input, input).

    Raises InputError if it is not positive definite, and offers the nearest that is.
    """
    matrix = np.eye(len(paths))
    for pair in scenario.correlations:
        i, j = (paths.index(path) for path in pair.between)
        matrix[i, j] = matrix[j, i] = pair.correlation
    if np.linalg.eigvalsh(matrix).min() > 1e-9:
        return matrix
    nearest = nearest_correlation(matrix)
    offers = ", ".join(
        f"{a} and {b}: {nearest[paths.index(a), paths.index(b)]:.3f}"
        for a, b in (pair.between for pair in scenario.correlations)
    )
    raise InputError(
        [Fault(scenario.title, None, "correlations", "the correlations contradict one another (their matrix is not "
               "positive definite)", "", f"The nearest set that does not: {offers}.")]
    )  # fmt: skip


def nearest_correlation(matrix: Floats) -> Floats:
    """Return a nearby positive definite correlation matrix: negative eigenvalues raised, diagonal scaled back to 1."""
    values, vectors = np.linalg.eigh(matrix)
    raised = (vectors * np.maximum(values, 1e-6)) @ vectors.T
    scale = np.sqrt(np.diag(raised))
    return np.asarray(raised / np.outer(scale, scale))


def quantile(value: float, origin: Origin, u: float) -> float | int:
    """Return the quantile at u of an uncertain input; whole numbers stay whole.

    triangular: low, peak at the value, high; uniform: low to high; normal, lognormal: low and high are the 5th and
    95th percentile; beta: mean is the value, and the spread (in number of observations) puts about 90% between them.
    """
    low, high = origin.low, origin.high
    assert low is not None and high is not None
    if high == low:
        return value
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
            peak = (value - low) / (high - low)
            x = stats.triang.ppf(u, peak, low, high - low)
    return round(float(x)) if isinstance(value, int) else float(x)
