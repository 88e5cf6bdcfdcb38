"""Games of sharing: the Shapley value, exact and sampled, the least core, and which group gains most by leaving.

In: the value or cost of groups of players, in any unit. Out: arrays, `Core`. Must not know: boroughs, therapies, money.

Shapley value: Shapley 1953, "A value for n-person games". Sampled: Castro, Gomez and Tejada 2009, "Polynomial
calculation of the Shapley value based on sampling". Least core: Maschler, Peleg and Shapley 1979.
Groups are rows of truth values, (group, player); with all of them, row k has player i if bit i of k is set.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from itertools import combinations

import numpy as np
import numpy.typing as npt

from edgeofcare.errors import OptionError
from edgeofcare.experiment import Progress
from edgeofcare.money.pence import Floats, Ints, Pence

Bools = npt.NDArray[np.bool_]
Game = Callable[[Bools], Floats]
EXACT_UP_TO = 10
PERMUTATIONS, BATCH = 20_000, 200
SMALL_GROUPS = 3  # the largest groups looked at, besides all but one, where all groups are too many
DUST = 1e-9  # rounding, relative


# ---- sharing ----------------------------------------------------------------------------------------------------


def all_groups(n: int) -> Bools:
    """Return every group of n players, the empty one first: (2^n, n)."""
    return np.asarray((np.arange(2**n)[:, None] >> np.arange(n)) & 1 == 1)


def groups_looked_at(n: int, exact_up_to: int = EXACT_UP_TO) -> Bools:
    """Return all groups but the empty one and the whole; of many players only small ones, and all but one."""
    if n <= exact_up_to:
        return all_groups(n)[1:-1]
    small = [group for size in range(1, SMALL_GROUPS + 1) for group in combinations(range(n), size)]
    members = np.zeros((len(small) + n, n), dtype=bool)
    for row, group in enumerate(small):
        members[row, group] = True
    members[len(small) :] = ~np.eye(n, dtype=bool)
    return members


def shapley(values: Floats) -> Floats:
    """Return the Shapley value of a game given by the value of every group, in the order of `all_groups`: (n,).

    phi_i = sum over S without i of |S|! (n - 1 - |S|)! / n! x (v(S and i) - v(S)).
    """
    n = len(values).bit_length() - 1
    if len(values) != 2**n:
        raise ValueError(f"a game of n players has 2^n values; these are {len(values)}")
    groups = np.arange(2**n)
    sizes = all_groups(n).sum(axis=1)
    weights = np.array([1 / (n * math.comb(n - 1, size)) for size in range(n)])
    result = np.zeros(n)
    for i in range(n):
        without = groups[groups >> i & 1 == 0]
        result[i] = (weights[sizes[without]] * (values[without | 1 << i] - values[without])).sum()
    return result


def shapley_sampled(
    game: Game, n: int, permutations: int = PERMUTATIONS, seed: int = 1, progress: Progress | None = None
) -> tuple[Floats, Floats]:
    """Return the Shapley value estimated from random orders of joining, and its standard errors: (n,) both.

    Each order is taken with its reverse, and a pair is one observation: se = sd of pair means / sqrt(pairs). Shares of
    an order add up to the value of the whole, so those of any number of orders do. Raises OptionError for fewer than
    two pairs.
    """
    pairs = permutations // 2
    if pairs < 2:
        raise OptionError(f"permutations must be at least 4 (got {permutations}).")
    rng, found = np.random.default_rng(seed), np.zeros((pairs, n))
    for start in range(0, pairs, BATCH):
        orders = rng.permuted(np.tile(np.arange(n), (min(BATCH, pairs - start), 1)), axis=1)
        both = (_gains(game, orders) + _gains(game, orders[:, ::-1])) / 2
        found[start : start + len(orders)] = both
        if progress:
            progress(2 * (start + len(orders)), 2 * pairs)
    return found.mean(axis=0), found.std(axis=0, ddof=1) / math.sqrt(pairs)


def _gains(game: Game, orders: Ints) -> Floats:
    """Return what each player adds to those before it: (order, player)."""
    n = orders.shape[1]
    place = np.argsort(orders, axis=1)  # place of each player in its order
    before = place[:, None, :] < np.arange(n + 1)[None, :, None]  # (order, how many have joined, player)
    values = game(before.reshape(-1, n)).reshape(len(orders), n + 1)
    return np.take_along_axis(np.diff(values, axis=1), place, axis=1)


def whole_shares(total: int, exact: Floats) -> Pence:
    """Return shares in whole pence that add up to a total which exact shares add up to but for rounding: (n,).

    Each is rounded down (a negative one away from nil), and the pence left go to the largest fractions, earlier shares
    first in a tie. So no share is a penny or more from its exact value.
    """
    floor = np.floor(exact)
    odd = total - int(floor.sum())
    first = np.argsort(floor - exact, kind="stable")
    result: Pence = floor.astype(np.int64)
    result[first[:odd]] += 1
    return result


# ---- leaving ----------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Core:
    """Whether some sharing leaves no group with a reason to leave.

    empty: None if it could not be decided because not all groups were looked at. epsilon: the least core's, in the
    game's unit: the least gain by leaving that the best sharing must leave to some group; nil or less if the core is
    not empty. shares: one sharing that attains it, of the value of the whole.
    """

    empty: bool | None
    epsilon: float
    shares: tuple[float, ...]
    n_groups: int
    all_groups: bool


def least_core(members: Bools, values: Floats, total: float) -> Core:
    """Return the least core of a game from groups (neither empty nor whole), their values and the value of the whole.

    Least e such that x(S) + e >= v(S) for every S, x(N) = v(N), by linear programme (HiGHS). With some groups left out,
    e is a lower bound: the core is surely empty if it is above nil.
    """
    from scipy.optimize import linprog

    n = members.shape[1]
    complete = len(members) == 2**n - 2
    if len(members) == 0:  # one borough: nobody to leave
        return Core(False, 0.0, (float(total),), 0, True)
    scale = max(float(np.abs(values).max()), abs(total), DUST)
    found = linprog(
        c=np.append(np.zeros(n), 1.0),
        A_ub=np.column_stack([-members.astype(float), -np.ones(len(members))]),
        b_ub=-values / scale,
        A_eq=np.append(np.ones(n), 0.0)[None],
        b_eq=[total / scale],
        bounds=(None, None),
        method="highs",
    )
    if found.status != 0:
        raise ArithmeticError(f"the linear programme of the core was not solved: {found.message}")
    epsilon = float(found.x[-1])
    empty = epsilon > DUST * 100
    shares = tuple((found.x[:-1] * scale).tolist())
    return Core(empty if complete or empty else None, epsilon * scale, shares, len(members), complete)


def largest_excess(members: Bools, values: Floats, shares: Floats) -> tuple[int, float]:
    """Return which group (row) gains most by leaving, and what: v(S) - x(S). Raises ValueError without groups."""
    excess = values - members.astype(float) @ shares
    row = int(np.argmax(excess))
    return row, float(excess[row])
