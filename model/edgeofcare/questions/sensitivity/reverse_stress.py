"""What it takes to fail: the mildest combination of inputs at which a margin is gone.

In: a margin as a function of normal scores, and their correlation. Out: `Reverse`. Must not know: scenarios, engines,
whose margin it is. The margin must be the same at the same scores: simulated, it is on the same luck every time.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from itertools import count

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Margin = Callable[[Floats], Floats]
LIMIT = 3.0
STEP = 0.25
GRADIENTS = 3  # as many at least, unless the search is over before
EVALUATIONS = 150  # more gradients while they fit in these
ROUGH, FINE = 0.02, 0.001  # how near the edge is found, as a share of the distance: in the search, and at its end
MOST_TRIALS = 12  # along one ray
SHORTENED = (1.0, 0.5, 0.25)  # shares of a step that are tried
NEARER = 0.995  # a point that is not this much nearer than the best is not worth another gradient
HARD = 1e4  # weight of reaching the edge against that of the distance


@dataclass(frozen=True)
class Reverse:
    """The mildest combination found.

    found: whether the margin is gone anywhere that was looked at. z: (input,) normal scores; without a find, those of
    the smallest margin seen. distance: sqrt(z' R^-1 z), in standard deviations; None without a find. margin: at z, as
    evaluated; margin_at_0: with every input at its median. share: (input,) of the squared distance, z_i (R^-1 z)_i; an
    input that merely follows others has 0, one that goes against them may have less. evaluations: of the margin.
    """

    found: bool
    z: Floats
    distance: float | None
    margin: float
    margin_at_0: float
    share: Floats
    evaluations: int


class _Search:
    """A margin that counts its evaluations and remembers the smallest and the nearest at which it is gone."""

    def __init__(self, margin: Margin, correlation: Floats, limit: float) -> None:
        self.margin, self.limit = margin, limit
        self.whiten = np.linalg.inv(np.linalg.cholesky(correlation))
        self.evaluations, self.least, self.least_z = 0, math.inf, np.zeros(len(correlation))
        self.nearest, self.nearest_z = math.inf, self.least_z

    def rows(self, z: Floats) -> Floats:
        """Return the margins at rows of scores: (row, input) to (row,)."""
        found = np.asarray(self.margin(z), dtype=float)
        if found.shape != (len(z),) or not np.isfinite(found).all():
            raise ValueError("the margin must be one finite number for each row of scores")
        self.evaluations += len(z)
        if found.min() < self.least:
            self.least, self.least_z = float(found.min()), z[found.argmin()].copy()
        for row in z[found <= 0]:
            if (distance := self.distance(row)) < self.nearest:
                self.nearest, self.nearest_z = distance, row.copy()
        return found

    def at(self, z: Floats) -> float:
        """Return the margin at (input,) scores."""
        return float(self.rows(z[None])[0])

    def distance(self, z: Floats) -> float:
        """Return sqrt(z' R^-1 z)."""
        return float(np.linalg.norm(self.whiten @ z))


def reverse(
    margin: Margin, correlation: Floats, limit: float = LIMIT, step: float = STEP, evaluations: int = EVALUATIONS
) -> Reverse:
    """Return the shortest z in normal-score space at which margin(z) <= 0, with every |z_i| <= limit.

    margin: (row, input) scores to (row,) margins. correlation: (input, input) R of the scores. step: half the width of
    the differences that gradients are made of; wider for a margin that moves in jumps. evaluations: no gradient after
    the third that would exceed them.
    The distance min sqrt(z' R^-1 z) is that of Hasofer and Lind (1974, Journal of the Engineering Mechanics Division
    100). Each step makes for the shortest z on the plane m_k + grad m_k (z - z_k) = 0 within the limits, which without
    limits is the step of Rackwitz and Fiessler (1978, Computers and Structures 9), and then takes the point at which
    the margin itself is gone on the ray from 0 through it. A margin that bends much may have another combination as
    near. Raises ValueError.
    """
    search = _Search(margin, np.asarray(correlation, dtype=float), limit)
    z = np.zeros(len(correlation))
    here = at_0 = search.at(z)
    if at_0 <= 0:
        return _result(search, z, at_0, at_0)
    best: Floats | None = None
    for number in count(1):
        if number > GRADIENTS and search.evaluations + 2 * len(z) + MOST_TRIALS > evaluations:
            break
        slope = _gradient(search, z, here, step)
        if not slope.any():
            break
        # A little beyond the edge, for on it the margin may be above 0 by a rounding, and a ray may end there.
        target = _nearest(search, slope, float(slope @ z) - here - FINE * at_0)
        if best is None:
            last, (z, here) = z, _edge(search, target, at_0, ROUGH)
            best = z if here <= 0 else None
            if np.allclose(z, last):
                break
        else:
            nearer = _nearer(search, best, target, at_0)
            if nearer is None:
                break
            best = z = nearer[0]
            here = nearer[1]
    if search.nearest == math.inf:
        return _result(search, search.least_z, search.least, at_0)
    if best is None or search.nearest < (1 - ROUGH) * search.distance(best):  # a row of a gradient, beside every ray
        best = search.nearest_z
    z, here = _edge(search, best, at_0, FINE)
    return _result(search, z, here, at_0)


def _result(search: _Search, z: Floats, margin: float, at_0: float) -> Reverse:
    squared = (search.whiten.T @ search.whiten @ z) * z
    share = squared / squared.sum() if squared.any() else squared
    distance = search.distance(z) if margin <= 0 else None
    return Reverse(margin <= 0, z, distance, margin, at_0, share, search.evaluations)


def _gradient(search: _Search, z: Floats, here: float, step: float) -> Floats:
    """Return the gradient at z by central differences inside the limits; at 0, where it need be rough only, by forward.

    here: the margin at z.
    """
    low = np.zeros(len(z)) if not z.any() else np.maximum(z - step, -search.limit)
    high = np.minimum(z + step, search.limit)
    above = search.rows(z + np.diag(high - z))
    below = search.rows(z + np.diag(low - z)) if z.any() else here
    return np.asarray((above - below) / (high - low))


def _nearest(search: _Search, slope: Floats, level: float) -> Floats:
    """Return the shortest z with slope z = level within the limits; if none is, one that comes nearest to it.

    Least squares with bounds: the plane weighs so much more than the distance that it is reached if it can be.
    """
    from scipy.optimize import lsq_linear

    size = float(np.linalg.norm(slope))
    matrix = np.vstack([search.whiten, HARD * slope / size])
    wanted = np.append(np.zeros(len(slope)), HARD * level / size)
    return np.asarray(lsq_linear(matrix, wanted, bounds=(-search.limit, search.limit), method="bvls").x)


def _nearer(search: _Search, best: Floats, target: Floats, at_0: float) -> tuple[Floats, float] | None:
    """Return a point at the edge that is nearer than the best, towards the target, and its margin; None if none is."""
    most = NEARER * search.distance(best)
    for share in SHORTENED:
        toward = best + share * (target - best)
        if not toward.any():
            continue
        z, here = _edge(search, toward, at_0, ROUGH, most)
        if here <= 0:
            return z, here
    return None


def _edge(
    search: _Search, toward: Floats, at_0: float, tolerance: float, most: float = math.inf
) -> tuple[Floats, float]:
    """Return the point on the ray from 0 at which the margin is gone, and its margin; the end of the ray if nowhere.

    The ray ends at the limits, or at the distance `most`. False position, halving the value at an end that stays
    (Illinois), until the point is at most a share `tolerance` of its distance too far.
    """
    far = search.distance(toward)
    end = min(far * search.limit / float(np.abs(toward).max()), most)
    unit = toward / far
    low, at_low, high = 0.0, at_0, min(far, end)
    at_high = margin = search.at(high * unit)
    while at_high > 0 and high < end:
        on = max(high * (at_0 / (at_0 - at_high) - 1 if at_high < at_0 else 1.0), high * tolerance, high - low)
        low, at_low, high = high, at_high, min(high + on, end)
        at_high = margin = search.at(high * unit)
    for _ in range(MOST_TRIALS if at_high <= 0 else 0):
        room = tolerance * high
        if high - low <= room:
            break
        guess = low + (high - low) * at_low / (at_low - at_high)
        middle = min(max(guess, low + room / 2), high - room / 2)
        found = search.at(middle * unit)
        if found > 0:
            low, at_low, at_high = middle, found, at_high / 2
        else:
            high, at_high, margin, at_low = middle, found, found, at_low / 2
    return high * unit, margin
