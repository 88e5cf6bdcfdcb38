"""Games of sharing: solution concepts against closed forms and brute force."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgeofcare.errors import OptionError
from edgeofcare.questions.cost_sharing.cooperative_games import (
    all_groups,
    groups_looked_at,
    largest_excess,
    least_core,
    shapley,
    shapley_sampled,
    whole_shares,
)

# ---- games with known answers -----------------------------------------------------------------------------------


def game(n, value):
    """The values of all groups of n players, in the order of all_groups; value is called with a set of players."""
    return np.array([float(value(frozenset(np.flatnonzero(row).tolist()))) for row in all_groups(n)])


def by_orders(values):
    """Shapley value by its definition: the mean over all orders of what a player adds."""
    n = int(math.log2(len(values)))
    total = np.zeros(n)
    for order in itertools.permutations(range(n)):
        group = 0
        for player in order:
            total[player] += values[group | 1 << player] - values[group]
            group |= 1 << player
    return total / math.factorial(n)


def core_of(values):
    """The least core of a game given by all its values."""
    return least_core(all_groups(int(math.log2(len(values))))[1:-1], values[1:-1], float(values[-1]))


def airport(costs):
    """Cost of the longest runway that a group needs, and Littlechild and Owen's closed form of its Shapley value."""
    order = np.argsort(costs)
    steps = np.diff(np.array(costs)[order], prepend=0.0) / np.arange(len(costs), 0, -1)
    closed = np.zeros(len(costs))
    closed[order] = np.cumsum(steps)
    return lambda s: max((costs[i] for i in s), default=0.0), closed


GAMES = st.integers(1, 5).flatmap(lambda n: st.lists(st.floats(-100, 100), min_size=2**n - 1, max_size=2**n - 1))


@given(GAMES)
def test_shapley_is_the_mean_over_all_orders(values):
    values = np.array([0.0, *values])
    assert shapley(values) == pytest.approx(by_orders(values), abs=1e-9)
    assert shapley(values).sum() == pytest.approx(values[-1], abs=1e-9)


def test_shapley_of_six_by_all_720_orders():
    values = np.random.default_rng(5).normal(size=64)
    values[0] = 0
    assert shapley(values) == pytest.approx(by_orders(values), abs=1e-12)


def test_shapley_of_the_airport_game():
    costs = [3.0, 1.0, 4.0, 1.0, 5.0, 9.0, 2.0, 6.0, 5.0, 3.0]
    value, closed = airport(costs)
    assert shapley(game(10, value)) == pytest.approx(closed, abs=1e-12)


@pytest.mark.parametrize("agreeing", [{0}, {1, 3}, {0, 2, 4}, {0, 1, 2, 3, 4}])
def test_shapley_of_a_unanimity_game_shares_among_those_who_must_agree(agreeing):
    found = shapley(game(5, lambda s: agreeing <= s))
    assert found == pytest.approx([1 / len(agreeing) if i in agreeing else 0 for i in range(5)])
    assert all(found[i] == 0.0 for i in range(5) if i not in agreeing), "a null player gets nothing, to the last bit"


def test_shapley_of_an_additive_game_is_what_each_brings():
    worth = [5.0, -2.0, 0.0, 7.5]
    assert shapley(game(4, lambda s: sum(worth[i] for i in s))) == pytest.approx(worth)


def test_shapley_of_symmetric_players_is_equal():
    assert shapley(game(7, lambda s: len(s) ** 2)) == pytest.approx([7.0] * 7)


def test_shapley_refuses_values_of_no_game():
    with pytest.raises(ValueError, match="2\\^n"):
        shapley(np.zeros(6))


def glove(s):
    """One left glove (player 0), two right ones: a pair is worth 1."""
    return min(len(s & {0}), len(s & {1, 2}))


def test_the_glove_game():
    """The textbook case: Shapley (2/3, 1/6, 1/6); the core is the one sharing that gives all to the left glove."""
    values = game(3, glove)
    assert shapley(values) == pytest.approx([2 / 3, 1 / 6, 1 / 6])
    core = core_of(values)
    assert core.empty is False and core.all_groups and core.n_groups == 6
    assert core.epsilon == pytest.approx(0, abs=1e-9) and core.shares == pytest.approx((1, 0, 0), abs=1e-9)
    row, gain = largest_excess(all_groups(3)[1:-1], values[1:-1], shapley(values))
    assert gain == pytest.approx(1 / 6)
    assert np.flatnonzero(all_groups(3)[1:-1][row]).tolist() in ([0, 1], [0, 2])


@pytest.mark.parametrize(("n", "epsilon"), [(3, 1 / 3), (5, 2 / 5), (7, 3 / 7)])
def test_a_majority_game_has_an_empty_core(n, epsilon):
    """n odd, a majority gets 1: equal shares are best by symmetry, and (n + 1) / 2 of n gain 1 - (n + 1) / (2 n)."""
    core = core_of(game(n, lambda s: 2 * len(s) > n))
    assert core.empty is True and core.epsilon == pytest.approx(epsilon)


@given(st.floats(0, 1))
def test_the_least_core_of_three_with_pairs_worth_a(a):
    """v(single) = 0, v(pair) = a, v(all) = 1: by symmetry and convexity e = max(a - 2/3, -1/3)."""
    core = core_of(game(3, lambda s: (0, 0, a, 1)[len(s)]))
    assert core.epsilon == pytest.approx(max(a - 2 / 3, -1 / 3), abs=1e-7)
    if abs(a - 2 / 3) > 1e-6:
        assert core.empty == (a > 2 / 3)


@given(st.lists(st.floats(0, 10), min_size=4, max_size=4))
def test_a_convex_game_has_its_shapley_value_in_the_core(worth):
    """Shapley 1971: the square of an additive game with worths above nil is convex."""
    values = game(4, lambda s: sum(worth[i] for i in s) ** 2)
    _, gain = largest_excess(all_groups(4)[1:-1], values[1:-1], shapley(values))
    assert gain <= 1e-9 * (1 + values[-1]) and core_of(values).empty is False


def test_the_least_core_is_in_the_unit_of_the_game():
    values = game(5, lambda s: 2 * len(s) > 5)
    small_one, large = core_of(values), core_of(values * 7.3e9)
    assert large.epsilon == pytest.approx(small_one.epsilon * 7.3e9) and sum(large.shares) == pytest.approx(7.3e9)


def test_with_some_groups_only_an_empty_core_is_certain_and_a_full_one_is_not():
    singles = np.eye(3, dtype=bool)
    assert least_core(singles, np.array([1.0, 1.0, 1.0]), 2.0).empty is True
    assert least_core(singles, np.array([0.0, 0.0, 0.0]), 1.0).empty is None


def test_one_alone_has_nobody_to_leave():
    core = least_core(groups_looked_at(1), np.zeros(0), 5.0)
    assert core.empty is False and core.shares == (5.0,) and core.n_groups == 0


def test_groups_looked_at():
    assert groups_looked_at(4).sum() == 4 * 8 - 4 and len(groups_looked_at(4)) == 14
    many = groups_looked_at(12, exact_up_to=10)
    assert len(many) == 12 + 66 + 220 + 12 and set(many.sum(axis=1)) == {1, 2, 3, 11}
    assert len(np.unique(many, axis=0)) == len(many)


# ---- sampling ---------------------------------------------------------------------------------------------------


def airport_of_groups(costs):
    """The airport game for many groups at once."""
    return lambda groups: np.where(groups, np.array(costs), 0.0).max(axis=1)


COSTS_12 = [float(c) for c in (3, 1, 4, 1, 5, 9, 2, 6, 5, 3, 5, 8)]


def test_sampled_shapley_finds_the_closed_form_with_its_error():
    """False alarm: 12 players at 4.5 standard errors, under 1 in 10,000 (and the seed is fixed)."""
    _, closed = airport(COSTS_12)
    found, error = shapley_sampled(airport_of_groups(COSTS_12), 12, 4000, seed=3)
    assert (np.abs(found - closed) <= 4.5 * error + 1e-12).all() and (error < 0.1).all()
    assert found.sum() == pytest.approx(9.0, abs=1e-9), "shares of any number of orders add up to the whole"


def test_sampled_standard_errors_are_honest():
    """400 estimates of 50 pairs: mean squared z is 49/47 with sd 0.07 or so; beyond 0.75..1.4 under 1 in 10,000."""
    _, closed = airport(COSTS_12[:5])
    played = airport_of_groups(COSTS_12[:5])
    z = []
    for seed in range(400):
        found, error = shapley_sampled(played, 5, 100, seed)
        z.append((found - closed) / error)
    squares = (np.array(z) ** 2).mean(axis=0)
    assert ((squares > 0.75) & (squares < 1.4)).all(), squares


def test_sampled_shapley_is_exact_where_a_pair_of_orders_is_enough():
    """An additive game has no spread; with two players an order and its reverse are all orders."""
    worth = np.array([5.0, -2.0, 0.0, 7.5])
    found, error = shapley_sampled(lambda groups: groups @ worth, 4, 10)
    assert found == pytest.approx(worth) and error == pytest.approx(np.zeros(4), abs=1e-12)
    values = np.array([0.0, 1.0, 4.0, 11.0])
    found, error = shapley_sampled(lambda groups: values[groups @ np.array([1, 2])], 2, 10)
    assert found == pytest.approx([4.0, 7.0]) and error == pytest.approx([0, 0])


def test_sampling_depends_on_the_seed_alone_and_tells_its_progress():
    told = []
    args = (airport_of_groups(COSTS_12), 12, 1001)
    first, _ = shapley_sampled(*args, seed=7, progress=lambda *now: told.append(now))
    assert np.array_equal(first, shapley_sampled(*args, seed=7)[0])
    assert not np.array_equal(first, shapley_sampled(*args, seed=8)[0])
    assert told[-1] == (1000, 1000) and [now for now, _ in told] == sorted(now for now, _ in told)
    with pytest.raises(OptionError, match="permutations"):
        shapley_sampled(*args[:2], 3)


# ---- whole pence ------------------------------------------------------------------------------------------------


@given(st.lists(st.floats(-1e6, 1e9), min_size=1, max_size=12), st.floats(0, 1))
def test_whole_shares_add_up_and_are_within_a_penny(exact, last):
    exact = np.array([*exact, last])
    total = round(float(exact.sum()))
    exact[-1] += total - exact.sum()
    found = whole_shares(total, exact)
    assert found.sum() == total and found.dtype == np.int64
    assert (np.abs(found - exact) < 1 + 1e-6).all()


def test_whole_shares_by_hand():
    """The largest fractions get the odd pence; a negative share is rounded down first, away from nil."""
    assert whole_shares(10, np.array([3.2, 3.5, 3.3])).tolist() == [3, 4, 3]
    assert whole_shares(10, np.array([10 / 3] * 3)).tolist() == [4, 3, 3]
    assert whole_shares(5, np.array([-1.25, 6.25])).tolist() == [-1, 6]  # floors -2 and 6; fractions 0.75, 0.25
    assert whole_shares(7, np.array([0.0, 3.5, 3.5])).tolist() == [0, 4, 3]
