"""Counts against a count by hand, day by day, of the events; and identities that are alive."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

import numpy as np
import pytest

from edgeofcare.engine import kernel
from edgeofcare.engine.counts import ACCOUNTS, SERVICE, Counts, check_identities
from edgeofcare.engine.plan import Plan, Track
from edgeofcare.errors import IdentityError
from helpers import Lives, plan_of, small, with_tracks


@pytest.fixture(scope="module", params=["grid", "run"])
def plan(request: pytest.FixtureRequest) -> Plan:
    """Short stays and many returns, so that spells at home are many; three tracks."""
    scenario = small(
        tracking__week_rule=request.param,
        tracking__covers="completers",
        care__stay__stay_to_18_prob_under_16=0.2,
        care__stay__stay_to_18_prob_16_plus=0.2,
        care__stay__scale_days_under_16=60.0,
        care__reentry__shape=0.8,
        care__reentry__scale_days=150.0,
        effect__hazard_ratio=0.5,
    )
    plan = plan_of(scenario)
    return with_tracks(
        plan,
        Track("long", 0, 900, False, "run", plan.outcomes_end + 365, max_weeks=20, by_intake=True),
        Track("late", 200, 400, False, "grid", 500),
    )


def test_outcomes_are_what_counting_day_by_day_gives(plan: Plan) -> None:
    """Tracked days, care days, paid weeks, grid weeks and weeks at home in both arms, by track and period."""
    lives = Lives(plan, 3, 0, 3)
    outcomes = np.zeros_like(lives.counts.outcomes)
    both_weeks = np.zeros_like(lives.counts.both_weeks)
    intake = np.zeros_like(lives.counts.intake)
    period = plan.periods.index
    for child in lives.starters():
        replication, borough, _ = child
        start_day = lives.service[child]["started"][0]
        birthday_18 = lives.service[child]["referred"][1]
        for t, track in enumerate(plan.tracks):
            if track.covers_completers_only and "completed" not in lives.service[child]:
                continue
            first = start_day + track.delay_days
            window = [d for d in range(first, first + track.days) if d < birthday_18 and d < track.end_day]
            home_weeks: list[set[int]] = []
            for arm in (0, 1):
                in_care = {day for spell in lives.care(child, arm) for day in range(*spell)}
                home = [day not in in_care for day in window]
                for day, is_home in zip(window, home, strict=True):
                    outcomes[replication, arm, t, borough, period(day), 0] += 1
                    outcomes[replication, arm, t, borough, period(day), 1] += not is_home
                    if track.by_intake:
                        cell = intake[
                            replication, arm, plan.intake_tracks.index(t), borough, period(start_day), period(day)
                        ]
                        cell += np.array([1, not is_home])
                grid = [window[i + 6] for i in range(0, len(window) - 6, 7) if all(home[i : i + 7])]
                home_weeks.append(set(grid))
                run, paid = 0, []
                for day, is_home in zip(window, home, strict=True):
                    run = run + 1 if is_home else 0
                    if run and run % 7 == 0:
                        paid.append(day)
                for day in grid:
                    outcomes[replication, arm, t, borough, period(day), 3] += 1
                for day in (paid if track.week_rule == "run" else grid)[: track.max_weeks]:
                    outcomes[replication, arm, t, borough, period(day), 2] += 1
            for day in home_weeks[0] & home_weeks[1]:
                both_weeks[replication, t, borough, period(day)] += 1
    assert outcomes[..., 2].sum() > 3000
    assert np.array_equal(outcomes, lives.counts.outcomes)
    assert np.array_equal(both_weeks, lives.counts.both_weeks)
    assert np.array_equal(intake, lives.counts.intake)


def test_care_days_are_what_counting_day_by_day_gives(plan: Plan) -> None:
    """Care days by account, period and placement type; entries, returns and never in care."""
    lives = Lives(plan, 3, 0, 3)
    care, counts = np.zeros_like(lives.counts.care), lives.counts
    entries, returns, never, fewer = (np.zeros_like(counts.lives[..., 0]) for _ in range(4))
    own, period = plan.tracks[0], plan.periods.index
    for child, events in lives.service.items():
        replication, borough, _ = child
        inside: list[int] = []
        for arm in (0, 1):
            told = arm if "started" in events else 0
            spells, placements = lives.care(child, arm), dict(lives.placements[child, told])
            entries[replication, arm, borough] += bool(spells)
            returns[replication, arm, borough] += max(len(spells) - 1, 0)
            window: list[int] = []
            if "started" in events:
                first = events["started"][0] + own.delay_days
                end = max(first, min(first + own.days, events["referred"][1], own.end_day))
                never[replication, arm, borough] += not any(enter < end for enter, _ in spells)
                window = list(range(first, end)) if "completed" in events else []
            days_inside = 0
            for spell in spells:
                kind = -1
                for day in range(*spell):
                    kind = placements.get(day, kind)
                    account = "window" if day < plan.outcomes_end else "after"
                    care[replication, arm, ACCOUNTS.index(account), borough, period(day), kind] += 1
                    if window and window[0] <= day <= window[-1]:
                        care[replication, arm, 0, borough, period(day), kind] += 1
                        days_inside += 1
            inside.append(days_inside)
        fewer[replication, 1, borough] += inside[1] > inside[0]
    assert care[:, :, 0].sum() > 1000
    assert np.array_equal(care, counts.care)
    assert np.array_equal(np.stack([entries, returns, never, fewer], axis=-1), counts.lives)


def test_service_is_what_counting_the_events_gives(plan: Plan) -> None:
    lives = Lives(plan, 3, 0, 3)
    found: Counter[tuple[int, int, int, str]] = Counter()
    last = plan.n_outcome_periods - 1
    for (replication, borough, _), events in lives.service.items():
        for code, (day, _) in events.items():
            found[replication, borough, min(plan.periods.index(day), last), code] += 1
        if "started" in events:
            day = events["started"][0]
            wait = day - events["referred"][0]
            found[replication, borough, min(plan.periods.index(day), last), "waiting_days"] += wait
    skipped = {"accepted", "engaged", "tracked"}
    for (replication, borough, p, code), number in found.items():
        assert lives.counts.service[replication, borough, p, SERVICE.index(code)] == number
    total = sum(int(lives.counts.served(code).sum()) for code in SERVICE if code not in skipped)
    assert total == sum(found.values())


# ---- identities -------------------------------------------------------------------------------------------------


def broken(counts: Counts, array: str, place: tuple[int, ...], by: int) -> Counts:
    """Return the counts with one number changed."""
    values = counts.arrays()[array].copy()
    values[place] += by
    return replace(counts, **{array: values})


@pytest.mark.parametrize(
    ("array", "place", "rule"),
    [
        ("service", (0, 0, 0, SERVICE.index("left_patience")), "starts or leaves the queue"),
        ("service", (0, 0, 0, SERVICE.index("completed")), "completed or broken off"),
        ("team", (0, 0, 2), "starts of boroughs are starts of teams"),
        ("outcomes", (0, 1, 0, 0, 4, 0), "the same in both arms"),
        ("outcomes", (0, 0, 0, 0, 4, 1), "sum over placement types"),
        ("care", (0, 1, 0, 0, 4, 2), "sum over placement types"),
        ("both_weeks", (0, 0, 0, 4), "not more than in either"),
        ("team", (0, 0, 0), "not more than its slots|no team holds more"),
        ("outcomes", (0, 0, 0, 0, 4, 2), "grid's weeks"),
    ],
)
def test_each_identity_sees_a_wrong_number(small_plan: Plan, array: str, place: tuple[int, ...], rule: str) -> None:
    counts = kernel.run(small_plan, 1, 0, 1)
    with pytest.raises(IdentityError, match=rule):
        check_identities(broken(counts, array, place, 1_000_000), small_plan)


def test_the_entitlement_identity_sees_a_start_too_many(small_plan: Plan) -> None:
    counts = kernel.run(small_plan, 1, 0, 1)
    strict = replace(small_plan, entitlement=counts.served("started").sum(axis=2)[0] - 1)
    with pytest.raises(IdentityError, match="entitlement"):
        check_identities(counts, strict)


def test_counts_are_read_by_name(small_plan: Plan) -> None:
    counts = kernel.run(small_plan, 1, 0, 2)
    assert counts.n_replications == 2
    assert np.array_equal(counts.served("started"), counts.service[..., 3])
    assert np.array_equal(counts.outcome("therapy", "care_days"), counts.outcomes[:, 1, 0, :, :, 1])
