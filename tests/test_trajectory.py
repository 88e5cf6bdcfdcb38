"""A life in care: each inverse distribution on a grid of u, first entry under therapy, stays and placements."""

from __future__ import annotations

import math
import random
from itertools import pairwise

import numpy as np
import pytest
from scipy import stats
from scipy.optimize import brentq

from edgeofcare.care import trajectory
from edgeofcare.care.cohort import exponential
from edgeofcare.care.trajectory import NEVER, Rates
from helpers import pan_london, plan_of

GRID = [(i + 0.5) / 1000 for i in range(1000)]
FAR = 10_000_000
WEIBULLS = [(1.0, 191.6), (0.71, 300.0), (0.367, 21_700.0), (1.3, 40.0), (5.0, 400.0)]


@pytest.fixture(scope="module")
def rates() -> Rates:
    return plan_of(pan_london()).rates


# ---- inverse distributions --------------------------------------------------------------------------------------


def assert_brackets(lengths: list[int], survival: stats.rv_continuous, least: int = 1, limit: int = FAR) -> None:
    """The length whose survival is u on the grid lies in [days, days + 1), from 0 for the least, on for the limit."""
    days, u = np.array(lengths), np.array(GRID)
    assert (np.diff(days) <= 0).all() and days.min() >= least and days.max() <= limit
    above = survival.sf(np.where(days == least, 0, days))
    below = np.where(days >= limit, 0, survival.sf(days + 1))
    assert (above * (1 + 1e-12) >= u).all() and (u >= below * (1 - 1e-12)).all()


@pytest.mark.parametrize(("shape", "scale"), WEIBULLS)
def test_weibull_days_invert_the_survival_function(shape: float, scale: float) -> None:
    lengths = [trajectory.weibull_days(exponential(u), shape, scale, FAR) for u in GRID]
    assert_brackets(lengths, stats.weibull_min(shape, scale=scale))


@pytest.mark.parametrize("limit", [1, 2, 300])
def test_weibull_days_stop_at_the_limit(limit: int) -> None:
    for shape, scale in WEIBULLS:
        for u in GRID[::10]:
            free = trajectory.weibull_days(exponential(u), shape, scale, FAR)
            assert trajectory.weibull_days(exponential(u), shape, scale, limit) == min(free, limit)


def test_no_length_overflows_however_small_the_uniform() -> None:
    need = exponential(2.0**-53)
    assert trajectory.weibull_days(need, 0.05, 1e9, 3000) == 3000
    assert trajectory.entry_days(need, 1e-300, 0.05, 1.0, 3000) == NEVER
    assert trajectory.entry_days(need, 0.0, 1.0, 1.0, 3000) == NEVER


@pytest.mark.parametrize("risk", [0.2, 1.0, 3.0])
@pytest.mark.parametrize(("shape", "scale"), WEIBULLS)
def test_first_entry_inverts_its_cumulative_hazard(risk: float, shape: float, scale: float) -> None:
    entry = stats.weibull_min(shape, scale=scale * risk ** (-1 / shape))
    limit = 2900
    days = [trajectory.entry_days(exponential(u), risk, shape, scale, limit) for u in GRID]
    assert all(1 <= day < limit or day == NEVER for day in days)
    assert_brackets([min(day, limit) for day in days], entry, limit=limit)


def test_stays_to_18_and_other_stays_have_the_numbers_of_their_age_band(rates: Rates) -> None:
    bands = {
        True: (rates.stay_to_18_prob_under_16, rates.stay_scale_days_under_16),
        False: (rates.stay_to_18_prob_16_plus, rates.stay_scale_days_16_plus),
    }
    for under_16, (prob, scale) in bands.items():
        assert trajectory.stay_days(prob - 1e-9, 0.5, under_16, 777, rates) == 777
        lengths = [trajectory.stay_days(prob, u, under_16, FAR, rates) for u in GRID]
        assert_brackets(lengths, stats.weibull_min(rates.stay_shape, scale=scale))


@pytest.mark.parametrize("ratio", [1.0, 0.4, 3.0])
def test_time_at_home_has_the_reentry_hazard_times_its_ratio(rates: Rates, ratio: float) -> None:
    scale = rates.reentry_scale_days * ratio ** (-1 / rates.reentry_shape)
    found = [trajectory.home_days(u, ratio, 3000, rates) for u in GRID]
    assert_brackets(found, stats.weibull_min(rates.reentry_shape, scale=scale), least=7, limit=3000)


def test_a_fifth_return_to_care_within_a_year(rates: Rates) -> None:
    """Published: about 20% within one year; 1 - exp(-(366 / 21,700)^0.367), a day counting to its end."""
    share = np.mean([trajectory.home_days(u, 1.0, 3000, rates) <= 365 for u in GRID])
    assert share == pytest.approx(-math.expm1(-((366 / 21_700) ** 0.367)), abs=1 / len(GRID))
    assert share == pytest.approx(0.20, abs=0.002)


def test_time_at_home_is_at_least_the_least_and_at_most_the_limit(rates: Rates) -> None:
    assert trajectory.home_days(1 - 2.0**-53, 1.0, 3000, rates) == 7
    assert trajectory.home_days(1 - 2.0**-53, 1.0, 3, rates) == 3
    assert trajectory.home_days(0.5, 0.0, 3000, rates) == 3000


# ---- first entry under therapy ----------------------------------------------------------------------------------


def children(n: int, seed: int) -> list[dict[str, float | int]]:
    """Random children who are at home when therapy starts, with any kind of hazard."""
    rng = random.Random(seed)
    found = []
    while len(found) < n:
        child = {
            "need": exponential(rng.random()),
            "risk": math.exp(rng.gauss(0, 0.7)),
            "shape": rng.choice([1.0, 0.7, 1.3, 0.367]),
            "scale_days": math.exp(rng.uniform(3, 8)),
            "limit_days": rng.randrange(2, 2923),
        }
        start = rng.randrange(120)
        if start < trajectory.entry_days(*child.values()) and start < child["limit_days"]:
            kept = rng.choice([0.0, 1.0, rng.random()])
            stop = rng.choice([NEVER, start + rng.randrange(1, 900)])
            found.append(child | {"start": start, "stop": stop, "kept": kept})
    return found


def usual_entry(child: dict[str, float | int]) -> int:
    return trajectory.entry_days(*list(child.values())[:5])


def test_a_ratio_of_exactly_1_is_usual_bit_for_bit() -> None:
    for child in children(4000, 1):
        for n_years in (1, 2, 9):
            assert trajectory.entry_days_with_therapy(*child.values(), [1.0] * n_years) == usual_entry(child)


def test_an_entry_is_never_earlier_with_a_smaller_ratio() -> None:
    rng = random.Random(2)
    for child in children(3000, 2):
        weak = [rng.random() for _ in range(rng.randrange(1, 5))]
        strong = [ratio * rng.random() for ratio in weak]
        found = [trajectory.entry_days_with_therapy(*child.values(), table) for table in (strong, weak, [1.0])]
        assert found[0] >= found[1] >= found[2] == usual_entry(child)


def test_a_ratio_above_1_brings_entry_forward_but_not_to_the_start_or_before() -> None:
    for child in children(2000, 3):
        day = trajectory.entry_days_with_therapy(*child.values(), [4.0])
        assert child["start"] < day <= usual_entry(child)


def test_no_entry_under_a_ratio_of_0() -> None:
    for child in children(500, 4):
        whole = child | {"stop": NEVER}
        assert trajectory.entry_days_with_therapy(*whole.values(), [0.0]) == NEVER


def hazard_by_pieces(child: dict[str, float | int], table: list[float], t: float) -> float:
    """Cumulative hazard to t: each piece by itself, ratio times the increase of H."""
    cuts = {0.0, float(child["start"]), t} | {float(child["start"] + 365 * year) for year in range(1, len(table))}
    if child["stop"] < NEVER:
        cuts.add(float(child["stop"]))
    total = 0.0
    for a, b in pairwise(sorted(cut for cut in cuts if cut <= t)):
        ratio = 1.0
        if a >= child["start"]:
            ratio = table[min(int((a - child["start"]) // 365), len(table) - 1)]
            ratio = ratio if a < child["stop"] else 1 - (1 - ratio) * child["kept"]
        plain = [child["risk"] * (x / child["scale_days"]) ** child["shape"] for x in (a, b)]
        total += ratio * (plain[1] - plain[0])
    return total


def test_first_entry_is_where_the_hazard_of_all_pieces_reaches_the_need() -> None:
    """Fading effects, dropouts and harm, against numerical inversion of the summed pieces."""
    rng = random.Random(5)
    for child in children(1500, 5):
        table = [rng.choice([0.0, 0.3, 0.8, 1.0, 2.5]) for _ in range(rng.randrange(1, 6))]
        day = trajectory.entry_days_with_therapy(*child.values(), table)
        limit, need = child["limit_days"], child["need"]
        if hazard_by_pieces(child, table, float(limit)) <= need:
            assert day >= limit - 1
            continue
        t = brentq(lambda x: hazard_by_pieces(child, table, x) - need, child["start"], limit, xtol=1e-9)  # noqa: B023
        expected = {max(math.floor(t + d), child["start"] + 1) for d in (-1e-6, 1e-6)}
        assert day in expected or (day == NEVER and max(expected) >= limit), (child, table, t)


# ---- stays and placements ---------------------------------------------------------------------------------------


def test_periods_of_care_are_apart_and_placements_tile_them(rates: Rates) -> None:
    plan = plan_of(pan_london())
    enter, leave, first_u, starts, kinds = ([0] * 3000 for _ in range(5))
    tables = [
        plan.placement_shape.tolist(),
        plan.placement_scale_days.tolist(),
        plan.first_cumulative.tolist(),
        plan.move_cumulative.tolist(),
    ]
    lively = rates._replace(stay_to_18_prob_under_16=0.1, stay_to_18_prob_16_plus=0.1, reentry_scale_days=500.0)
    n_spells = n_placements = 0
    seen = set()
    for child in range(600):
        entry, birthday_18 = 50 + child % 40, 60 + 5 * child
        n = trajectory.live(9, 1, 4711, child, entry, birthday_18, 1.0, lively, enter, leave, first_u)
        n_spells += n
        assert n > 0 and enter[0] == entry if entry < birthday_18 else n == 0
        for spell in range(n):
            assert enter[spell] < leave[spell] <= birthday_18
            assert spell == 0 or enter[spell] - leave[spell - 1] >= 7
            birthday_16 = birthday_18 - 730
            m = trajectory.place(
                9,
                1,
                4711,
                child,
                spell,
                enter[spell],
                leave[spell],
                first_u[spell],
                birthday_16,
                *tables,
                starts,
                kinds,
            )
            n_placements += m
            assert starts[0] == enter[spell] and starts[m - 1] < leave[spell]
            assert all(a < b for a, b in pairwise(starts[:m]))
            supported = [start for start, kind in zip(starts[:m], kinds[:m], strict=True) if kind == 5]
            assert all(start >= birthday_16 for start in supported)
            seen |= set(kinds[:m])
    assert n_spells > 900 and n_placements > 2000 and seen == set(range(6))


def test_no_life_in_care_without_entry(rates: Rates) -> None:
    assert trajectory.live(1, 1, 1, 1, NEVER, 1000, 1.0, rates, [], [], []) == 0
    assert trajectory.live(1, 1, 1, 1, 1000, 1000, 1.0, rates, [], [], []) == 0


def test_first_above_reads_one_row_of_a_flat_table() -> None:
    table = [0.1, 0.3, 0.6, 0.8, 0.8, 1.0, 0.0, 0.0, 0.0, 0.5, 1.0, 1.0]
    assert [trajectory.first_above(table, 0, u) for u in (0.05, 0.1, 0.59, 0.79, 0.8, 0.999)] == [0, 1, 2, 3, 5, 5]
    assert [trajectory.first_above(table, 1, u) for u in (0.05, 0.5, 0.999)] == [3, 4, 4]


def test_dropouts_keep_their_share_of_the_effect() -> None:
    assert trajectory.ratio_kept(0.25, 1.0) == 0.25
    assert trajectory.ratio_kept(0.25, 0.0) == 1.0
    assert trajectory.ratio_kept(1.0, 0.3) == 1.0
    assert trajectory.ratio_kept(0.25, 0.4) == pytest.approx(0.7)


def only(kind: int) -> list[float]:
    """A row of cumulative shares in which one type has all."""
    return [0.0] * kind + [1.0] * (6 - kind)


def test_first_placements_and_moves_are_those_of_the_age_on_their_day() -> None:
    """Under 16: kinship first, then residential; from the 16th birthday on: in-house first, then supported."""
    first, moves = only(0) + only(1), only(3) * 6 + only(5) * 6
    starts, kinds = [0] * 3000, [0] * 3000
    for birthday_16 in (50, 51, 400, 10_000):
        tables = ([1.0] * 6, [30.0] * 6, first, moves)
        n = trajectory.place(1, 2, 3, 4, 0, 50, 900, 0.5, birthday_16, *tables, starts, kinds)
        assert n > 10
        assert kinds[0] == (0 if birthday_16 > 50 else 1)
        assert kinds[1:n] == [3 if start < birthday_16 else 5 for start in starts[1:n]]


def test_each_placement_has_draws_of_its_own() -> None:
    """Two placements from each block of draws: length and next type, twice."""
    starts, kinds = [0] * 3000, [0] * 3000
    moves = [0.2, 0.4, 0.6, 0.7, 0.8, 1.0] * 12
    for spell in (0, 1, 7):
        n = trajectory.place(1, 2, 3, 4, spell, 0, 5000, 0.0, 10**6, [1.0] * 6, [40.0] * 6, moves, moves, starts, kinds)
        blocks = [trajectory.move_draws(1, 2, 3, 4, spell, pair) for pair in range(n)]
        draws = [half for block in blocks for half in (block[:2], block[2:])]
        lengths = [max(1, math.floor(40 * exponential(length_u))) for length_u, _ in draws]
        assert starts[:n] == [sum(lengths[:j]) for j in range(n)]
        assert kinds[1:n] == [np.searchsorted(moves[:6], next_u, side="right") for _, next_u in draws[: n - 1]]


def test_a_stay_begun_on_the_16th_birthday_is_of_the_older_band(rates: Rates) -> None:
    banded = rates._replace(stay_to_18_prob_under_16=0.0, stay_to_18_prob_16_plus=1.0, stay_scale_days_under_16=0.1)
    enter, leave, first_u = [0] * 3000, [0] * 3000, [0.0] * 3000
    for entry, length in ((269, 1), (270, 730), (271, 729)):  # the 18th birthday is on day 1,000
        trajectory.live(1, 2, 3, 4, entry, 1000, 1.0, banded._replace(stay_shape=5.0), enter, leave, first_u)
        assert leave[0] - enter[0] == length


def test_each_period_of_care_has_draws_of_its_own(rates: Rates) -> None:
    lively = rates._replace(stay_to_18_prob_under_16=0.3, stay_to_18_prob_16_plus=0.3, reentry_scale_days=300.0)
    enter, leave, first_u = [0] * 3000, [0] * 3000, [0.0] * 3000
    most = 0
    for child in range(60):
        n = trajectory.live(1, 2, 3, child, 10, 2500, 0.5, lively, enter, leave, first_u)
        most = max(most, n)
        for spell in range(n):
            stay_u, length_u, gap_u, placement_u = trajectory.stay_draws(1, 2, 3, child, spell)
            left = 2500 - enter[spell]
            assert first_u[spell] == placement_u
            stay = trajectory.stay_days(stay_u, length_u, enter[spell] < 1770, left, lively)
            assert leave[spell] - enter[spell] == stay
            if spell + 1 < n:
                gap = trajectory.home_days(gap_u, 0.5, 2500 - leave[spell], lively)
                assert enter[spell + 1] - leave[spell] == gap
    assert most > 3
