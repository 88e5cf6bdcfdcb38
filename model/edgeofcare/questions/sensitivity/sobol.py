"""Which uncertain inputs move an outcome: first and total indices of variance, with intervals.

In: groups of inputs as normal scores, and values of a function on the rows of a design. Out: `Indices`. Must not know:
scenarios, engines, files. Rows are numbered point by point, so a design of more points begins with the rows of one of
fewer, and what was stored by row number stays good.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt

from edgeofcare.inputs.ranges import cholesky

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
Luck = Literal["own", "point"]
N_POINTS = 512
MOST_GROUPS = 30
RESAMPLES = 500
NEAREST_0 = 2.0**-40  # a scrambled point may be 0, whose normal score is not finite


@dataclass(frozen=True)
class Design:
    """Rows at which a function is to be evaluated.

    groups: columns of each group's inputs, by its name. scores: (point, A or B, input), normal scores, correlated
    inside a group. Row `point * per_point + k` is A for k = 0, B for k = 1, and A with group k - 2 taken from B after
    that.
    """

    groups: dict[str, tuple[int, ...]]
    scores: Floats

    @property
    def per_point(self) -> int:
        """Return the number of rows of a point."""
        return len(self.groups) + 2

    @property
    def n_rows(self) -> int:
        """Return the number of rows."""
        return len(self.scores) * self.per_point

    def point(self, numbers: Ints) -> Ints:
        """Return the point of each row: rows of a point may share their luck."""
        return numbers // self.per_point

    def rows(self, numbers: Ints) -> Floats:
        """Return the scores of rows: (row, input)."""
        points, kinds = np.divmod(np.asarray(numbers), self.per_point)
        found: Floats = self.scores[points, (kinds == 1).astype(int)]
        for k, columns in enumerate(self.groups.values(), start=2):
            for column in columns:
                found[kinds == k, column] = self.scores[points[kinds == k], 1, column]
        return found


@dataclass(frozen=True)
class Indices:
    """Indices by output and group, all of shape (output, group); low and high are ends of their intervals.

    variance: (output,), of the outputs as evaluated; noise_share: (output,), the part of it that is the simulation's
    own noise, 0 where none was given. An output of which nothing but noise varies has indices nan; a constant one, 0.
    """

    groups: tuple[str, ...]
    first: Floats
    first_low: Floats
    first_high: Floats
    total: Floats
    total_low: Floats
    total_high: Floats
    variance: Floats
    noise_share: Floats


def correlated_groups(names: Sequence[str], correlation: Floats) -> dict[str, tuple[int, ...]]:
    """Return the columns that are correlated with one another, directly or through others, as groups by their names."""
    from scipy.sparse.csgraph import connected_components

    _, label = connected_components(np.asarray(correlation) != 0, directed=False)
    columns = [tuple(np.flatnonzero(label == of).tolist()) for of in dict.fromkeys(label.tolist())]
    return {" + ".join(names[column] for column in group): group for group in columns}


def make_design(
    groups: Mapping[str, Sequence[int]], correlation: Floats | None = None, n: int = N_POINTS, seed: int = 1
) -> Design:
    """Return a design of n points, a power of two: n (groups + 2) rows.

    groups: every column of the inputs once. correlation: (input, input), of the normal scores; none if not given.
    A and B are the halves of one scrambled Sobol sequence of twice as many dimensions as inputs (Saltelli et al. 2010,
    Computer Physics Communications 181); scores are L F^-1(U) with L L' the correlation, so that correlated inputs
    move as one group (Jacques et al. 2006, Reliability Engineering and System Safety 91). Raises ValueError.
    """
    from scipy.special import ndtri
    from scipy.stats import qmc

    d = sum(len(columns) for columns in groups.values())
    if sorted(column for columns in groups.values() for column in columns) != list(range(d)) or d == 0:
        raise ValueError("groups must hold each column once")
    if len(groups) > MOST_GROUPS:
        raise ValueError(f"there may be at most {MOST_GROUPS} groups (got {len(groups)})")
    if n < 2 or n & (n - 1):
        raise ValueError(f"the number of points must be a power of two (got {n})")
    matrix = np.eye(d) if correlation is None else np.asarray(correlation, dtype=float)
    inside = np.zeros((d, d), dtype=bool)
    for columns in groups.values():
        inside[np.ix_(columns, columns)] = True
    factor = cholesky(matrix.tolist())
    if matrix[~inside].any() or factor is None:
        raise ValueError("correlations must be positive definite and inside groups: inputs that are correlated are one")
    lower = np.array([[*line, *[0.0] * (d - len(line))] for line in factor])
    uniforms = qmc.Sobol(2 * d, bits=64, seed=np.random.default_rng(seed)).random(n)
    own = ndtri(np.clip(uniforms, NEAREST_0, 1 - NEAREST_0)).reshape(n, 2, d)
    return Design({name: tuple(columns) for name, columns in groups.items()}, own @ lower.T)


def batches(design: Design, size: int, done: Collection[int] = ()) -> Iterator[tuple[Ints, Floats]]:
    """Yield row numbers and their scores, (row, input), `size` at a time, without those that are done."""
    left = np.setdiff1d(np.arange(design.n_rows), np.fromiter(done, dtype=np.int64, count=len(done)))
    for first in range(0, len(left), size):
        numbers = left[first : first + size]
        yield numbers, design.rows(numbers)


def evaluate(
    design: Design,
    f: Callable[[Ints, Floats], Floats],
    known: Mapping[int, Sequence[float]] | None = None,
    size: int = 64,
    progress: Callable[[int, int], None] | None = None,
) -> Floats:
    """Return the function's values on every row of a design: (row, output).

    f: row numbers and scores, (row, input), to values, (row, output); it may store them. known: values by row number.
    """
    found = {number: np.asarray(row, dtype=float) for number, row in (known or {}).items() if number < design.n_rows}
    for numbers, scores in batches(design, size, found.keys()):
        found |= dict(zip(numbers.tolist(), np.asarray(f(numbers, scores), dtype=float), strict=True))
        if progress:
            progress(len(found), design.n_rows)
    return np.array([found[number] for number in range(design.n_rows)])


def indices(
    design: Design,
    values: Floats,
    noise_variance: Floats | None = None,
    luck: Luck = "own",
    confidence: float = 0.95,
    resamples: int = RESAMPLES,
    seed: int = 1,
) -> Indices:
    """Return first and total indices of each output with bootstrap intervals over points.

    values: (row, output), finite. noise_variance: (output,), variance of a row's mean over its replications, that is
    the variance within a row over their number. S = V(E(y | group)) / V(y) by Saltelli et al. 2010, T = E(V(y | all
    other groups)) / V(y) by Jansen 1999 (Computer Physics Communications 117), as scipy.stats.sobol_indices has them.
    Noise of variance s^2 makes V(y) too large: V - s^2 stands in its place. It lowers every first index. Totals it
    lowers if the rows of a point share their luck (luck "point", for noise that adds), and draws towards 1 if each row
    has its own (luck "own"), for then half the squared difference of two rows holds s^2 too: T = (T' V - s^2) /
    (V - s^2). If all rows share one luck, give no noise: the indices are those of that luck. Resampling takes the
    points for independent, so the intervals are if anything too wide. Raises ValueError.
    """
    y = np.asarray(values, dtype=float)
    if y.ndim != 2 or len(y) != design.n_rows:
        raise ValueError(f"values must have {design.n_rows} rows and a column for each output")
    if not np.isfinite(y).all():
        raise ValueError(f"outputs {np.flatnonzero(~np.isfinite(y).all(axis=0)).tolist()} are not finite in every row")
    noise = np.zeros(y.shape[1]) if noise_variance is None else np.asarray(noise_variance, dtype=float)
    by_point = y.reshape(len(design.scores), design.per_point, y.shape[1])
    first, total = _corrected(by_point, noise, luck)
    rng = np.random.default_rng(seed)
    n = len(by_point)
    again = [_corrected(by_point[rng.integers(n, size=n)], noise, luck) for _ in range(resamples)]
    tail = (1 - confidence) / 2
    (first_low, total_low), (first_high, total_high) = np.quantile(again, [tail, 1 - tail], axis=0)
    variance = _variance(by_point)
    share = np.divide(noise, variance, out=np.zeros_like(variance), where=variance > 0)
    names = tuple(design.groups)
    return Indices(names, first, first_low, first_high, total, total_low, total_high, variance, share)


def _variance(by_point: Floats) -> Floats:
    """Return the variance of each output over the rows of A and B, which alone are independent of one another."""
    return np.asarray(by_point[:, :2].var(axis=(0, 1)))


def _corrected(by_point: Floats, noise: Floats, luck: Luck) -> Floats:
    """Return first and total indices without noise: (2, output, group). by_point: (point, row of it, output)."""
    from scipy.stats import sobol_indices

    n = len(by_point)
    f_a, f_b = by_point[:, 0].T, by_point[:, 1].T
    # An input that does nothing stands beside the others, for scipy cannot return a single index.
    f_ab = np.concatenate([np.moveaxis(by_point[:, 2:], 0, -1), f_a[None]])
    found = sobol_indices(func={"f_A": f_a, "f_B": f_b, "f_AB": f_ab}, n=n)
    first, total = (np.reshape(x, (len(noise), -1))[:, :-1] for x in (found.first_order, found.total_order))
    variance = _variance(by_point)
    left = np.where(noise < variance, variance - noise, np.where(variance > 0, np.nan, 1.0))[:, None]
    in_total = noise[:, None] if luck == "own" else 0.0
    return np.stack([first * variance[:, None] / left, (total * variance[:, None] - in_total) / left])
