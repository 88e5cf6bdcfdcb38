"""Windows and weeks. In: day numbers. Out: days and weeks inside them.

Plain scalar Python, compiled as it stands by the fast engine. Must not know: children's draws, money.
A run of weeks is (first day, number of weeks): week j lasts from first + 7 j and dates from its seventh day.
"""

from __future__ import annotations

WEEK = 7
FROM_START, FROM_PLANNED_END, FROM_REFERRAL = range(3)  # from where the delay of a window counts


def overlap_days(start: int, end: int, from_day: int, to_day: int) -> int:
    """Return the days that [start, end) and [from_day, to_day) share."""
    return max(0, min(end, to_day) - max(start, from_day))


def window_start(counts_from: int, referred: int, start: int, planned_days: int, delay_days: int) -> int:
    """Return the first day of tracking: `delay_days` after what it counts from, and never before therapy starts."""
    if counts_from == FROM_PLANNED_END:
        return start + planned_days + delay_days
    if counts_from == FROM_REFERRAL:
        return max(start, referred + delay_days)
    return start + delay_days


def window_end(window_start: int, days: int, birthday_18: int, outcomes_end: int) -> int:
    """Return the first day after tracking: its full length, the 18th birthday or the end of outcomes."""
    return max(window_start, min(window_start + days, birthday_18, outcomes_end))


def first_grid_week(home_start: int, window_start: int) -> int:
    """Return the first day of the first week of the child's weekly grid that begins at or after `home_start`."""
    return window_start + WEEK * ((home_start - window_start + WEEK - 1) // WEEK)


def whole_weeks(first_day: int, home_end: int) -> int:
    """Return how many whole weeks fit between `first_day` and `home_end`."""
    return max(0, (home_end - first_day) // WEEK)


def milestone_day(first_day: int, n_weeks: int) -> int:
    """Return the day from which a milestone of so many weeks from `first_day` on dates: the last of their days."""
    return first_day + WEEK * n_weeks - 1


def weeks_before(day: int, first_day: int, n_weeks: int) -> int:
    """Return how many of a run of weeks date (by their seventh day) from before `day`."""
    return min(max((day - first_day) // WEEK, 0), n_weeks)
