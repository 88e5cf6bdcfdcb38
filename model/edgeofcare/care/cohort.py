"""Who is referred, to which team, and what therapy would be. In: uniforms and parameters. Out: one child's attributes.

Plain scalar Python: compiled as it stands by the fast engine, read as it stands by an assurer. Must not know: dates,
money.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

from edgeofcare.calendar import MEAN_DAYS_PER_YEAR
from edgeofcare.care.draws import ARRIVAL, PERSON, SHARED_SHOCK, SHOCK, THERAPY, normal_quantile, uniforms

FIRST_AGE = 10
ADULT_AGE = 18
SCORE_LIMIT = 8.3  # normal scores beyond this have a chance under 1e-16
SCORE_STEPS = 1024
CONTROL_RANGE = 4294967296  # 2^32: more than the number of any child who is referred
MOST_CANDIDATES = 1000


def arrival_draws(seed: int, replication: int, borough: int, child: int) -> tuple[float, float, float, float]:
    """Return the uniforms of a referral: gap since the last one, accepted, engages, suited to."""
    return uniforms(seed, replication, borough, child, ARRIVAL)


def person_draws(seed: int, replication: int, borough: int, child: int) -> tuple[float, float, float, float]:
    """Return the uniforms of a child: age, needs, frailty, need of first entry."""
    return uniforms(seed, replication, borough, child, PERSON)


def control_number(child: int, candidate: int) -> int:
    """Return the child number of a candidate (0, 1, ...) for being the control child of a child who starts.

    Each number belongs to one child and one candidate, so a control child has keys of its own.
    """
    return (candidate + 1) * CONTROL_RANGE + child


def therapy_draws(seed: int, replication: int, borough: int, child: int) -> tuple[float, float, float, float]:
    """Return the uniforms of a therapy: length, completed, where it breaks off, tie in the queue."""
    return uniforms(seed, replication, borough, child, THERAPY)


def search(cumulative: Sequence[float], u: float) -> int:
    """Return the first index whose cumulative share exceeds u (the last index if none does)."""
    low, high = 0, len(cumulative) - 1
    while low < high:
        middle = (low + high) // 2
        if u < cumulative[middle]:
            high = middle
        else:
            low = middle + 1
    return low


def team_for(
    teams: Sequence[Sequence[int]],
    slots: Sequence[int],
    full_slots: Sequence[int],
    suited_u: float,
    suited_cumulative: Sequence[float],
) -> int:
    """Return the team to which a family is referred: one of those for the therapy that it is suited to.

    teams: (therapy, place), filled up with -1. slots, full_slots: (team,), today's and the most it ever has.
    suited_cumulative: (therapy,), cumulative shares c. Suited to therapy i if c[i-1] <= u < c[i]; the place of u in its
    share, (u - c[i-1]) / (c[i] - c[i-1]), then chooses in proportion to slots today, or if no team has any today, to
    full slots.
    """
    therapy = search(suited_cumulative, suited_u)
    suited_to = teams[therapy]
    if len(suited_to) == 1 or suited_to[1] < 0:
        return suited_to[0]
    below = suited_cumulative[therapy - 1] if therapy > 0 else 0.0
    u = (suited_u - below) / (suited_cumulative[therapy] - below)
    team = in_proportion(suited_to, slots, u)
    if team < 0:
        team = in_proportion(suited_to, full_slots, u)
    return team if team >= 0 else suited_to[0]


def in_proportion(teams: Sequence[int], slots: Sequence[int], u: float) -> int:
    """Return the team at u when each has a share in proportion to its slots; -1 if none has slots.

    teams: (place,), filled up with -1; slots: (team,). A team without slots has no share, and u = 1 is the last's.
    """
    total = 0
    for place in range(len(teams)):
        if teams[place] >= 0:
            total += slots[teams[place]]
    chosen, reached = -1, 0
    for place in range(len(teams)):
        team = teams[place]
        if team >= 0 and slots[team] > 0 and (chosen < 0 or u * total >= reached):
            chosen = team
            reached += slots[team]
    return chosen


def days_to_18(cumulative_ages: Sequence[float], u: float) -> int:
    """Return whole days from referral to the 18th birthday, at least 1.

    cumulative_ages: (age 10..17), cumulative shares. The place of u inside its year's share is the place in the year.
    """
    year = search(cumulative_ages, u)
    below = cumulative_ages[year - 1] if year > 0 else 0.0
    age = FIRST_AGE + year + (u - below) / (cumulative_ages[year] - below)
    return max(1, int((ADULT_AGE - age) * MEAN_DAYS_PER_YEAR))


def frailty(log_quantiles: Sequence[float], u: float) -> float:
    """Return the gamma frailty (mean 1) at u: exp of a table of log quantiles, linear in the normal score.

    log_quantiles: (1025,) over scores from -8.3 to 8.3; all zero for variance 0, which gives exactly 1.
    """
    place = (normal_quantile(u) + SCORE_LIMIT) * (SCORE_STEPS / (2.0 * SCORE_LIMIT))
    place = min(max(place, 0.0), SCORE_STEPS - 1.0)
    i = int(place)
    low, high = log_quantiles[i], log_quantiles[i + 1]
    return math.exp(low + (place - i) * (high - low))


def exponential(u: float) -> float:
    """Return the unit exponential whose survival is u: -ln u."""
    return -math.log(u)


def shock(seed: int, replication: int, borough: int, sd: float, correlation: float) -> float:
    """Return a borough's log-normal risk factor of one replication: mean 1, sd on the log scale, exactly 1 for sd 0.

    exp(sd z - sd^2 / 2), z = sqrt(rho) common + sqrt(1 - rho) own.
    """
    if sd == 0.0:
        return 1.0
    common, _, _, _ = uniforms(seed, replication, 0, 0, SHARED_SHOCK)
    own, _, _, _ = uniforms(seed, replication, borough, 0, SHOCK)
    score = math.sqrt(correlation) * normal_quantile(common) + math.sqrt(1.0 - correlation) * normal_quantile(own)
    return math.exp(sd * score - sd * sd / 2.0)


def late_factor(reached: float, expected: float, late_share: float, late_hazard_ratio: float) -> float:
    """Return the factor on the risk of a child referred when `reached` of a borough's `expected` referrals have come.

    The ratio in the last `late_share` of them, 1 before.
    """
    return late_hazard_ratio if reached >= (1.0 - late_share) * expected else 1.0


def dropout_day(planned_days: int, u: float) -> int:
    """Return the day of therapy on which it breaks off: a uniform fraction of the plan, at least 1."""
    return max(1, int(u * planned_days))
