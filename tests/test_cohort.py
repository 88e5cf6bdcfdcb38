"""Attributes of a child: each inverse distribution on a grid of u, against scipy; the frailty table by quadrature."""

from __future__ import annotations

import math
from fractions import Fraction
from itertools import accumulate, pairwise

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from scipy import stats
from scipy.special import ndtr

from edgeofcare.care import cohort
from edgeofcare.engine.plan import frailty_table, gamma_length

GRID = [(i + 0.5) / 2000 for i in range(2000)]
AGES = np.cumsum([0.01, 0.07, 0.12, 0.18, 0.22, 0.22, 0.15, 0.03]).tolist()


def test_search_finds_the_first_share_above_u() -> None:
    cumulative = [0.0, 0.2, 0.2, 0.7, 0.9]  # the last stands for 1
    for u in (0.0, 0.1, 0.2, 0.3, 0.7, 0.85, 0.9, 0.99):
        expected = next((i for i, share in enumerate(cumulative) if u < share), 4)
        assert cohort.search(cumulative, u) == expected
    assert cohort.search([1.0], 0.5) == 0


def test_days_to_18_fall_with_u_and_have_the_ages_of_the_weights() -> None:
    days = [cohort.days_to_18(AGES, u) for u in GRID]
    assert all(a >= b for a, b in pairwise(days))
    assert min(days) >= 1 and max(days) <= 8 * 365.25
    ages = 18 - np.array(days) / 365.25
    shares = np.histogram(ages, range(10, 19))[0] / len(GRID)
    np.testing.assert_allclose(shares, np.diff([0, *AGES]), atol=2 / len(GRID))
    uniform = ages[(ages > 14.01) & (ages < 14.99)] % 1
    assert stats.kstest(uniform, stats.uniform(0.01, 0.98).cdf).statistic < 0.01


def test_days_to_18_at_the_ends() -> None:
    only_ten, only_seventeen = [1.0] * 8, [0.0] * 7 + [1.0]
    assert cohort.days_to_18(only_ten, 2.0**-53) == 2922  # 8 x 365.25
    assert cohort.days_to_18(only_seventeen, 1 - 2.0**-53) == 1  # at least one day


def test_exponential_is_minus_log_u() -> None:
    for u in GRID[::50]:
        assert stats.expon.sf(cohort.exponential(u)) == pytest.approx(u, rel=1e-14)


@pytest.mark.parametrize("variance", [0.05, 0.25, 1.0, 2.0])
def test_frailty_has_mean_1_and_its_variance(variance: float) -> None:
    """Quadrature over the normal score: mean within 2e-5, variance within 1.4e-4 of itself."""
    table = frailty_table(variance).tolist()
    scores = np.linspace(-8.0, 8.0, 16_001)
    values = np.array([cohort.frailty(table, float(u)) for u in ndtr(scores)])
    weights = stats.norm.pdf(scores) * (scores[1] - scores[0])
    mean = float((weights * values).sum())
    assert mean == pytest.approx(1, abs=2e-5)
    assert float((weights * (values - mean) * (values - mean)).sum()) == pytest.approx(variance, rel=1.4e-4)
    assert (np.diff(values) >= 0).all()


@pytest.mark.parametrize("variance", [0.05, 0.25, 1.0, 2.0])
def test_frailty_is_scipys_gamma_on_a_grid(variance: float) -> None:
    table = frailty_table(variance).tolist()
    found = np.array([cohort.frailty(table, u) for u in GRID])
    np.testing.assert_allclose(found, stats.gamma.ppf(GRID, 1 / variance, scale=variance), rtol=2e-4)


def test_frailty_of_variance_0_is_exactly_1() -> None:
    table = frailty_table(0.0).tolist()
    assert {cohort.frailty(table, u) for u in (2.0**-53, *GRID[::100], 1 - 2.0**-53)} == {1.0}


@pytest.mark.parametrize("variance", [0.01, 0.25, 1.0, 10.0])
def test_frailty_is_finite_and_positive_at_the_extreme_uniforms(variance: float) -> None:
    table = frailty_table(variance).tolist()
    low, high = cohort.frailty(table, 2.0**-53), cohort.frailty(table, 1 - 2.0**-53)
    assert 0 <= low < 1 < high < math.inf


def test_therapy_lengths_are_a_gamma_in_whole_days_cut_to_limits() -> None:
    cumulative = gamma_length(130.0, 30.0, 60, 240, 250)
    gamma = stats.gamma((130 / 30) ** 2, scale=30 * 30 / 130)
    days = np.array([cohort.search(cumulative, u) for u in GRID])
    assert days.min() >= 60 and days.max() <= 240 and (np.diff(days) >= 0).all()
    low, high = gamma.cdf([59.5, 240.5])
    for u, day in zip(GRID, days, strict=True):
        below, above = (gamma.cdf([day - 0.5, day + 0.5]) - low) / (high - low)
        assert below <= u + 1e-12 and u <= above + 1e-12
    assert days.mean() == pytest.approx(130, abs=0.3)
    assert days.std() == pytest.approx(30, rel=0.03)


def test_shock_is_off_at_0_and_log_normal_of_mean_1_otherwise() -> None:
    """False-alarm rate about 1e-6 for each of the two moments (fixed seed); a 2% error of the sd fails."""
    assert cohort.shock(1, 2, 3, 0.0, 0.5) == 1.0
    sd, n = 0.3, 40_000
    logs = np.array([math.log(cohort.shock(5, r, 77, sd, 0.5)) for r in range(n)])
    z = 4.9
    assert abs(logs.mean() + sd * sd / 2) < z * sd / math.sqrt(n)
    assert abs(logs.std() / sd - 1) < z / math.sqrt(2 * n) < 0.02


def test_shocks_of_two_boroughs_have_their_correlation() -> None:
    """False-alarm rate about 1e-6 (fixed seed)."""
    logs = np.array([[math.log(cohort.shock(5, r, b, 0.3, 0.5)) for b in (11, 12)] for r in range(10_000)])
    assert abs(np.corrcoef(logs.T)[0, 1] - 0.5) < 4.9 * 0.75 / 100
    assert cohort.shock(5, 1, 11, 0.3, 1.0) == cohort.shock(5, 1, 12, 0.3, 1.0)


def test_dropouts_break_off_at_a_uniform_fraction_of_the_plan_at_least_one_day_in() -> None:
    days = [cohort.dropout_day(100, u) for u in GRID]
    assert min(days) == 1 and max(days) == 99
    assert all(day in (1, math.floor(100 * u)) for day, u in zip(days, GRID, strict=True))
    assert cohort.dropout_day(1, 0.99) == 1


def test_no_two_children_share_a_number() -> None:
    """Neither referred children nor the candidates for their controls, up to more children than a run can hold."""
    children = [0, 1, 2, 999, 2**31 - 1]
    candidates = [0, 1, 2, cohort.MOST_CANDIDATES - 1]
    numbers = [*children, *(cohort.control_number(child, k) for child in children for k in candidates)]
    assert len(set(numbers)) == len(numbers) and max(numbers) < 2**63
    assert cohort.control_number(5, 0) == 2**32 + 5 and cohort.control_number(5, 2) == 3 * 2**32 + 5


def by_fractions(slots: list[int], u: Fraction) -> int:
    """The first of the teams with slots whose cumulative share, as a fraction, exceeds u; -1 if none has slots."""
    ends = accumulate(slots)
    return next((i for i, end in enumerate(ends) if slots[i] > 0 and u * sum(slots) < end), -1)


@given(st.lists(st.integers(0, 40), min_size=1, max_size=5), st.integers(0, 4095))
@example([4, 4], 2048)  # at the end of a share
@example([0, 3, 0], 4095)
@example([0, 0], 7)
def test_a_team_is_chosen_in_proportion_to_its_slots(slots: list[int], step: int) -> None:
    """Against fractions, at uniforms of twelve bits, which no arithmetic rounds; in any places, filled up with -1."""
    found = cohort.in_proportion([*range(len(slots)), -1, -1], slots, step / 4096)
    assert found == by_fractions(slots, Fraction(step, 4096))
    if found >= 0:  # the same teams under other numbers, between teams that do not serve the borough
        others = [9, *(n for own in slots for n in (own, 9))]
        assert cohort.in_proportion([2 * i + 1 for i in range(len(slots))], others, step / 4096) == 2 * found + 1


@given(st.lists(st.integers(0, 40), min_size=2, max_size=5), st.integers(0, 4095), st.booleans())
@example([0, 0, 0, 0], 4000, True)  # no team has slots today: shares of 7 and 9
@example([0, 0, 0, 0], 4000, False)
def test_suitability_chooses_the_therapy_and_its_place_in_the_share_the_team(
    slots: list[int], step: int, suited_to_mst: bool
) -> None:
    """Teams of even number deliver MST, the others FFT; shares of one half, so that nothing is rounded."""
    teams = [[*range(0, len(slots), 2)], [*range(1, len(slots), 2)]]
    longest = len(teams[0])
    padded = [row + [-1] * (longest - len(row)) for row in teams]
    u = step / 8192 + (0.0 if suited_to_mst else 0.5)
    full = [7 + i for i in range(len(slots))]
    mine = teams[0 if suited_to_mst else 1]
    today = [slots[i] for i in mine]
    expected = by_fractions(today if any(today) else [full[i] for i in mine], Fraction(step, 4096))
    assert cohort.team_for(padded, slots, full, u, [0.5, 1.0]) == mine[expected]


def test_a_team_that_never_has_slots_is_the_only_one_or_the_first_of_such() -> None:
    assert cohort.team_for([[3, -1], [1, 2]], [0, 0, 0, 0], [0, 0, 0, 0], 0.2, [0.5, 1.0]) == 3
    assert cohort.team_for([[3, -1], [1, 2]], [0, 0, 0, 0], [0, 0, 0, 0], 0.9, [0.5, 1.0]) == 1


@given(st.floats(0, 1), st.integers(1, 2**53 - 1))
@example(1.0, 2**53 - 1)
@example(0.0, 1)
@example(5e-324, 2**53 - 1)
@example(2.0**-53, 2**53 - 1)
@example(1 - 2.0**-53, 2**53 - 1)
def test_the_ends_of_a_share_never_reach_a_team_without_slots(mst_prob: float, odd: int) -> None:
    """Whatever the share suited to MST, and for u at its ends, where rounding might make the place in the share 1."""
    teams, slots = [[0, 1, 2, 3], [0, 1, 2, 3]], [0, 3, 5, 0]
    below, above = math.nextafter(mst_prob, 0.0), math.nextafter(mst_prob, 1.0)
    for u in (odd * 2.0**-53, below, mst_prob, above, 2.0**-53, 1 - 2.0**-53):
        if 0 < u < 1:
            team = cohort.team_for(teams, slots, slots, u, [mst_prob, 1.0])
            assert team in (1, 2)
            place = (
                Fraction(u) / Fraction(mst_prob)
                if u < mst_prob
                else ((Fraction(u) - Fraction(mst_prob)) / (1 - Fraction(mst_prob)))
            )
            if abs(place - Fraction(3, 8)) > Fraction(1, 10**15):
                assert team == (1 if place < Fraction(3, 8) else 2)
