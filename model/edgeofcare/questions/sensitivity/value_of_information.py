"""What it is worth to know: of everything before a decision, and of one uncertain input or a group of them.

In: stored outer draws, inputs as drawn and the net benefit of each option. Out: `Worth`. Must not know: scenarios,
engines, which decision it is. All values are in the unit of net benefit, and for one decision.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
RESAMPLES = 200
SPLITS = 10
KNOTS = (0.25, 0.5, 0.75)  # quantiles of an input at which its curve may bend
FEWEST_DRAWS = 40
DRAWS_PER_TERM = 10
SAME = 1e-8  # a term that adds less than this share of its length to those before it is one of them


@dataclass(frozen=True)
class Part:
    """What knowing an input, or a group, is worth.

    value: EVPPI by regression on all draws, biased upward. halves: worth of choosing by what the other half of the
    draws teaches, biased downward; may be below 0. se: standard error of value, by bootstrap over draws. terms: number
    of terms in the regression, 1 if the input was found not to matter.
    """

    value: float
    halves: float
    se: float
    terms: int


@dataclass(frozen=True)
class Worth:
    """What knowing is worth in a decision.

    best: option with the greatest mean. evpi: expected value of perfect information, from the draws' means as they
    are. evpi_without_noise: the same without the chance inside a draw, None if its size was not given.
    """

    best: int
    evpi: float
    evpi_se: float
    evpi_without_noise: float | None
    evpi_without_noise_se: float | None
    parts: dict[str, Part]


def worth(
    inputs: Floats,
    net_benefit: Floats,
    groups: Mapping[str, Sequence[int]],
    noise: Floats | None = None,
    resamples: int = RESAMPLES,
    seed: int = 1,
) -> Worth:
    """Return what perfect and partial information are worth in a decision among options.

    inputs: (draw, input); net_benefit: (draw, option), finite, the mean of a draw's replications; groups: columns of
    the inputs by name. noise: (option, option), covariance of the error of a draw's mean (see `noise_covariance`).
    Raises ValueError.
    """
    x, y = np.asarray(inputs, dtype=float), np.asarray(net_benefit, dtype=float)
    if x.ndim != 2 or y.ndim != 2 or len(x) != len(y) or y.shape[1] < 2:
        raise ValueError("inputs and net benefit must have a row for each draw, and there must be two options or more")
    if len(y) < FEWEST_DRAWS:
        raise ValueError(f"there must be at least {FEWEST_DRAWS} draws (got {len(y)})")
    if not (np.isfinite(x).all() and np.isfinite(y).all()):
        raise ValueError("inputs and net benefit must be finite in every draw")
    rng = np.random.default_rng(seed)
    again = [rng.integers(len(y), size=len(y)) for _ in range(resamples)]
    halves = [rng.permutation(len(y)) < len(y) // 2 for _ in range(SPLITS)]
    clean, clean_se = None, None
    if noise is not None:
        clean = evpi(without_noise(y, noise))
        clean_se = _se([evpi(without_noise(y[rows], noise)) for rows in again])
    return Worth(
        best=int(y.mean(axis=0).argmax()),
        evpi=evpi(y),
        evpi_se=_se([evpi(y[rows]) for rows in again]),
        evpi_without_noise=clean,
        evpi_without_noise_se=clean_se,
        parts={name: _part(basis(x[:, list(columns)]), y, again, halves) for name, columns in groups.items()},
    )


def evpi(net_benefit: Floats) -> float:
    """Return the expected value of perfect information, E(max over options) - max over options of E (Claxton 1999).

    net_benefit: (draw, option). Means of few replications make it too large: their luck passes for knowledge. Source:
    The irrelevance of inference, Journal of Health Economics 18.
    """
    return float(net_benefit.max(axis=1).mean() - net_benefit.mean(axis=0).max())


def noise_covariance(replications: Floats) -> Floats:
    """Return the covariance of the error of a draw's mean: (option, option), pooled over draws.

    replications: (draw, replication of it, option). Options that share their luck have errors that go together.
    """
    n_draws, n_per_draw, _ = replications.shape
    within = replications - replications.mean(axis=1, keepdims=True)
    return np.asarray(np.einsum("dro,drp->op", within, within) / (n_draws * (n_per_draw - 1) * n_per_draw))


def without_noise(net_benefit: Floats, noise: Floats) -> Floats:
    """Return net benefits less that of the best option, drawn together by as much as noise had spread them.

    The difference D of an option from the best has variance V(D); s^2 of it is noise. m + (D - m) sqrt(1 - s^2 / V(D))
    has the mean m and the variance of the difference itself: exact if that is normal, and two options; else near.
    """
    best = int(net_benefit.mean(axis=0).argmax())
    away = net_benefit - net_benefit[:, [best]]
    mean, variance = away.mean(axis=0), away.var(axis=0, ddof=1)
    spread = np.diag(noise) + noise[best, best] - 2 * noise[best]
    share = np.divide(spread, variance, out=np.zeros_like(variance), where=variance > 0)
    return np.asarray(mean + (away - mean) * np.sqrt(np.maximum(1 - share, 0)))


# ---- one input or group ------------------------------------------------------------------------------------------


def _part(
    terms: Floats, y: Floats, again: Sequence[npt.NDArray[np.int64]], halves: Sequence[npt.NDArray[np.bool_]]
) -> Part:
    coefficients = fit(terms, y)
    return Part(
        value=evpi(terms[:, : len(coefficients)] @ coefficients),
        halves=float(np.mean([_by_halves(terms, y, half) for half in halves])),
        se=_se([evppi(terms[rows], y[rows]) for rows in again]),
        terms=len(coefficients),
    )


def evppi(terms: Floats, net_benefit: Floats) -> float:
    """Return the expected value of partial perfect information from a regression on terms of an input.

    E(max over options of E(net benefit | x)) - max over options of E(net benefit), with the fitted values for the
    inner means (Strong, Oakley and Brennan 2014, Medical Decision Making 34). Whatever luck the regression still
    follows makes it too large; noise inside draws averages out, but for that.
    """
    coefficients = fit(terms, net_benefit)
    return evpi(terms[:, : len(coefficients)] @ coefficients)


def _by_halves(terms: Floats, y: Floats, half: npt.NDArray[np.bool_]) -> float:
    """Return the mean gain over the best option when each half chooses by what the other teaches.

    No rule of choice beats the best one, and this one was found without the draws it is tried on: biased downward.
    """
    gained = np.empty(len(y))
    for taught in (half, ~half):
        coefficients = fit(terms[taught], y[taught])
        chosen = (terms[~taught, : len(coefficients)] @ coefficients).argmax(axis=1)
        gained[~taught] = np.take_along_axis(y[~taught], chosen[:, None], axis=1)[:, 0]
    return float(gained.mean() - y.mean(axis=0).max())


def basis(x: Floats) -> Floats:
    """Return the terms of a regression on inputs, simplest first: (draw, term). x: (draw, input).

    1, every input, squares and products of two, cubes, and cubes of what exceeds a knot: a cubic spline of each input.
    Without those that are sums of earlier ones, as with few different values; no more than one for ten draws.
    """
    spread = x.std(axis=0)
    z = (x - x.mean(axis=0)) / np.where(spread > 0, spread, 1)
    knots = np.quantile(z, KNOTS, axis=0)
    columns = [np.ones((len(z), 1)), z, z**2]
    columns += [z[:, [i]] * z[:, [j]] for i, j in combinations(range(z.shape[1]), 2)]
    columns += [z**3, *(np.maximum(z - knot, 0) ** 3 for knot in knots)]
    terms = np.concatenate(columns, axis=1)[:, : len(z)]
    new = np.abs(np.diag(np.linalg.qr(terms, mode="r"))) > SAME * np.linalg.norm(terms, axis=0)
    return np.asarray(terms[:, new][:, : max(len(z) // DRAWS_PER_TERM, 1)])


def fit(terms: Floats, y: Floats) -> Floats:
    """Return coefficients of the first p terms, (p, option), by least squares.

    p has the least generalised cross-validation error n RSS / (n - p)^2 (Craven and Wahba 1979, Numerische Mathematik
    31), summed over options' differences from the best: what all options share decides nothing.
    """
    n = len(y)
    away = y - y[:, [int(y.mean(axis=0).argmax())]]
    q, r = np.linalg.qr(terms)
    explained = np.cumsum(((q.T @ away) ** 2).sum(axis=1))
    p = int(np.argmin(((away**2).sum() - explained) / (n - np.arange(1, len(explained) + 1)) ** 2)) + 1
    # A resample may lack a value, so that terms are sums of others: least squares stands that, substitution does not.
    return np.asarray(np.linalg.lstsq(r[:p, :p], (q.T @ y)[:p], rcond=None)[0])


def _se(values: Sequence[float]) -> float:
    """Return the standard deviation of bootstrap values, nan without two."""
    return float(np.std(values, ddof=1)) if len(values) > 1 else float("nan")
