"""Windows and weeks, against counting day by day."""

from __future__ import annotations

import random

from edgeofcare.care import tracking


def test_overlap_is_the_number_of_days_in_both() -> None:
    rng = random.Random(2)
    for _ in range(500):
        a, b, c, d = (rng.randrange(40) for _ in range(4))
        assert tracking.overlap_days(a, b, c, d) == len(set(range(a, b)) & set(range(c, d)))


def test_window_ends_at_its_length_at_18_or_at_the_end_of_outcomes() -> None:
    assert tracking.window_end(100, 730, 5000, 5000) == 830
    assert tracking.window_end(100, 730, 500, 5000) == 500
    assert tracking.window_end(100, 730, 5000, 400) == 400
    assert tracking.window_end(100, 730, 90, 5000) == 100  # 18 before tracking starts: an empty window


def test_a_window_begins_after_what_it_counts_from_and_never_before_therapy() -> None:
    days = {"referred": 30, "start": 100, "planned_days": 120}
    assert tracking.window_start(tracking.FROM_START, **days, delay_days=91) == 191
    assert tracking.window_start(tracking.FROM_PLANNED_END, **days, delay_days=0) == 220
    assert tracking.window_start(tracking.FROM_REFERRAL, **days, delay_days=98) == 128
    assert tracking.window_start(tracking.FROM_REFERRAL, **days, delay_days=14) == 100


def grid_weeks(window: int, home: int, away: int) -> list[int]:
    """Seventh days of the weeks of the grid that lie wholly inside [home, away)."""
    starts = range(window, away, 7)
    return [start + 6 for start in starts if all(home <= day < away for day in range(start, start + 7))]


def test_grid_weeks_are_those_wholly_at_home() -> None:
    rng = random.Random(3)
    for _ in range(800):
        window = rng.randrange(30)
        home = window + rng.randrange(60)
        away = home + rng.randrange(1, 60)
        expected = grid_weeks(window, home, away)
        first = tracking.first_grid_week(home, window)
        n = tracking.whole_weeks(first, away)
        assert [first + 7 * j + 6 for j in range(n)] == expected
        for day in range(window, away + 10):
            assert tracking.weeks_before(day, first, n) == sum(end < day for end in expected)


def test_weeks_of_a_run_are_the_whole_weeks_of_a_spell_at_home() -> None:
    for length in range(40):
        assert tracking.whole_weeks(10, 10 + length) == length // 7
    assert tracking.whole_weeks(20, 10) == 0


def test_730_days_are_104_weeks() -> None:
    assert tracking.whole_weeks(tracking.first_grid_week(91, 91), 91 + 730) == 104


def test_a_milestone_dates_from_the_last_day_of_its_weeks() -> None:
    assert tracking.milestone_day(100, 1) == 106
    assert tracking.milestone_day(0, 52) == 363
    assert tracking.weeks_before(tracking.milestone_day(10, 4), 10, 9) == 3  # the fourth week dates from that day
