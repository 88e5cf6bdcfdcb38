"""A child's life in care: first entry, stays, placements, return home, re-entry. In: uniforms, rates. Out: whole days.

Both arms run the same functions with the same draws; `usual` has no therapy, `therapy` has a hazard ratio from the
start of therapy. Plain scalar Python, compiled as it stands by the fast engine. Must not know: queues, windows, money.
Lengths are compared with their limit as cumulative hazards before they are inverted, so no infinity is ever rounded.
"""

from __future__ import annotations

import math
from collections.abc import MutableSequence, Sequence
from typing import NamedTuple

from edgeofcare.calendar import DAYS_PER_YEAR
from edgeofcare.care.cohort import exponential
from edgeofcare.care.draws import MOVE, STAY, uniforms

NEVER = 1 << 30  # a day that never comes
N_TYPES = 6
DAYS_16_TO_18 = 730
SPELL_BIT, PAIR_BIT = 256, 4294967296  # 2^8 and 2^32: places of spell and pair in the purpose word


class Rates(NamedTuple):
    """The scalar parameters of a life. Times in days, probabilities per child."""

    entry_scale_days: float
    entry_shape: float
    risk_fewer_needs: float
    risk_more_needs: float
    more_needs_prob: float
    accept_prob: float
    engage_prob: float
    stay_to_18_prob_under_16: float
    stay_to_18_prob_16_plus: float
    stay_shape: float
    stay_scale_days_under_16: float
    stay_scale_days_16_plus: float
    reentry_shape: float
    reentry_scale_days: float
    min_home_days: float
    reentry_hazard_ratio: float
    dropout_keeps_dose: float
    dropout_keeps_always: float
    shock_sd: float
    shock_correlation: float
    late_share: float
    late_hazard_ratio: float


def stay_draws(seed: int, replication: int, borough: int, child: int, spell: int) -> tuple[float, float, float, float]:
    """Return the uniforms of a period of care: stays to 18, length, time to re-entry, first placement."""
    return uniforms(seed, replication, borough, child, STAY + SPELL_BIT * spell)


def move_draws(
    seed: int, replication: int, borough: int, child: int, spell: int, pair: int
) -> tuple[float, float, float, float]:
    """Return the uniforms of two placements in a row: length, next type, length, next type."""
    return uniforms(seed, replication, borough, child, MOVE + SPELL_BIT * spell + PAIR_BIT * pair)


def power(x: float, exponent: float) -> float:
    """Return x to a power; x itself, which is the same bits sooner, for the power 1."""
    return x if exponent == 1.0 else math.pow(x, exponent)


def weibull_days(need: float, shape: float, scale_days: float, limit_days: int) -> int:
    """Return the whole days, at least 1, at which the cumulative hazard (t / scale)^shape reaches `need`.

    Returns `limit_days` when it is not reached before the limit. A power is on the same side of 1 as its base, so when
    the hazard at the limit and `need` stand on either side of 1 no power is needed to compare them.
    """
    beyond_scale = limit_days > scale_days
    if need >= 1.0 and not beyond_scale:
        return limit_days
    if (need >= 1.0 or not beyond_scale) and need >= power(limit_days / scale_days, shape):
        return limit_days
    return min(max(1, int(scale_days * power(need, 1.0 / shape))), limit_days)


def entry_days(need: float, risk: float, shape: float, scale_days: float, limit_days: int) -> int:
    """Return whole days from referral to first entry without therapy, at least 1; NEVER if not before the limit.

    H(t) = risk (t / scale)^shape; entry when H reaches `need`, a unit exponential.
    """
    if need >= risk * power(limit_days / scale_days, shape):
        return NEVER
    days = max(1, int(scale_days * power(need / risk, 1.0 / shape)))
    return days if days < limit_days else NEVER


def ratio_kept(ratio: float, kept: float) -> float:
    """Return the hazard ratio of a dropout who keeps a share of the effect: 1 - (1 - ratio) kept."""
    return 1.0 - (1.0 - ratio) * kept


def entry_days_with_therapy(
    need: float,
    risk: float,
    shape: float,
    scale_days: float,
    limit_days: int,
    start: int,
    stop: int,
    kept: float,
    ratio_by_year: Sequence[float],
) -> int:
    """Return whole days from referral to first entry when therapy starts on day `start` after referral.

    From the start the hazard is multiplied by ratio_by_year[years since start] (the last continues), and from day
    `stop` (NEVER for a completer) by what a dropout keeps of it. Inside a piece with ratio r the cumulative hazard is
    r H(t) + B, B = sum of (r_before - r_after) H(change); so t solves H(t) = (need - B) / r. With ratios of exactly
    1, B is exactly 0 and the result equals `entry_days` bit for bit. An entry is never on the start day or before.
    """
    base, before, year, change = 0.0, 1.0, 0, start
    while change < limit_days:
        ratio = ratio_by_year[year] if change < stop else ratio_kept(ratio_by_year[year], kept)
        base += (before - ratio) * (risk * power(change / scale_days, shape))
        before = ratio
        next_year = start + DAYS_PER_YEAR * (year + 1) if year + 1 < len(ratio_by_year) else NEVER
        following = min(next_year, stop if change < stop else NEVER, limit_days)
        if ratio > 0.0 and need < ratio * (risk * power(following / scale_days, shape)) + base:
            days = int(scale_days * power((need - base) / ratio / risk, 1.0 / shape)) if need > base else 0
            days = max(days, start + 1)
            return days if days < limit_days else NEVER
        if following == next_year:
            year += 1
        change = following
    return NEVER


def stay_days(stay_u: float, length_u: float, under_16: bool, limit_days: int, rates: Rates) -> int:
    """Return the whole days of a period of care: to the limit (18) with a chance, otherwise Weibull."""
    prob = rates.stay_to_18_prob_under_16 if under_16 else rates.stay_to_18_prob_16_plus
    if stay_u < prob:
        return limit_days
    scale = rates.stay_scale_days_under_16 if under_16 else rates.stay_scale_days_16_plus
    return weibull_days(exponential(length_u), rates.stay_shape, scale, limit_days)


def home_days(gap_u: float, hazard_ratio: float, limit_days: int, rates: Rates) -> int:
    """Return the whole days at home before re-entry, at least min_home_days; `limit_days` if none before it.

    A return that would fail within min_home_days fails on that day, so the published share of re-entries is kept.
    """
    if hazard_ratio <= 0.0:
        return limit_days
    gap = weibull_days(exponential(gap_u) / hazard_ratio, rates.reentry_shape, rates.reentry_scale_days, limit_days)
    return min(max(gap, int(rates.min_home_days)), limit_days)


def live(
    seed: int,
    replication: int,
    borough: int,
    child: int,
    entry: int,
    birthday_18: int,
    reentry_hazard_ratio: float,
    rates: Rates,
    enter: MutableSequence[int],
    leave: MutableSequence[int],
    first_u: MutableSequence[float],
) -> int:
    """Write the periods of care from first entry to the 18th birthday and return how many there are.

    enter, leave: (spell,), filled with day numbers; a period of care is [enter, leave). first_u: (spell,), filled
    with the uniform of its first placement.
    """
    n = 0
    day = entry
    while day < birthday_18:
        stay_u, length_u, gap_u, first_u[n] = stay_draws(seed, replication, borough, child, n)
        under_16 = day < birthday_18 - DAYS_16_TO_18
        enter[n] = day
        leave[n] = day + stay_days(stay_u, length_u, under_16, birthday_18 - day, rates)
        day = leave[n]
        n += 1
        if day < birthday_18:
            day += home_days(gap_u, reentry_hazard_ratio, birthday_18 - day, rates)
    return n


def first_above(cumulative: Sequence[float], row: int, u: float) -> int:
    """Return the first of six cumulative shares in a row of a flat table that exceeds u (the last if none does)."""
    at = row * N_TYPES
    kind = 0
    while kind < N_TYPES - 1 and u >= cumulative[at + kind]:
        kind += 1
    return kind


def place(
    seed: int,
    replication: int,
    borough: int,
    child: int,
    spell: int,
    enter: int,
    leave: int,
    first_u: float,
    birthday_16: int,
    shapes: Sequence[float],
    scales_days: Sequence[float],
    first_cumulative: Sequence[float],
    move_cumulative: Sequence[float],
    starts: MutableSequence[int],
    kinds: MutableSequence[int],
) -> int:
    """Write the placements of one period of care and return how many there are.

    starts, kinds: (placement,), first day and type; a placement lasts to the next one's start, the last to `leave`.
    shapes, scales_days: (type,). first_cumulative: flat (age band, type); move_cumulative: flat (age band, from, to);
    age band 0 is under 16, band 1 is 16 and over, by the day on which the placement starts.
    """
    n = 0
    day = enter
    kind = first_above(first_cumulative, 0 if day < birthday_16 else 1, first_u)
    a, b, c, d = 0.5, 0.5, 0.5, 0.5
    while True:
        if n % 2 == 0:
            a, b, c, d = move_draws(seed, replication, borough, child, spell, n // 2)
        length_u, next_u = (a, b) if n % 2 == 0 else (c, d)
        starts[n], kinds[n] = day, kind
        n += 1
        day += weibull_days(exponential(length_u), shapes[kind], scales_days[kind], leave - day)
        if day >= leave:
            return n
        kind = first_above(move_cumulative, (0 if day < birthday_16 else N_TYPES) + kind, next_u)
