"""Counts against a count by hand, day by day, of the events; and identities that are alive."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from edgeofcare.care.cohort import days_to_18, exponential, frailty, person_draws, shock
from edgeofcare.care.trajectory import entry_days, live
from edgeofcare.engine import kernel, reference
from edgeofcare.engine.counts import ACCOUNTS, SERVICE, Counts, check_identities
from edgeofcare.engine.plan import Plan, Track
from edgeofcare.engine.reference import Child
from edgeofcare.errors import IdentityError
from helpers import Lives, assert_mean, plan_of, small, with_tracks


@pytest.fixture(scope="module", params=["grid", "run"])
def plan(request: pytest.FixtureRequest) -> Plan:
    """Short stays and many returns, so that spells at home are many; a track for each thing that may be counted."""
    scenario = small(
        tracking__week_rule=request.param,
        tracking__covers="completers",
        tracking__window_from="start" if request.param == "grid" else "planned_end",
        care__stay__stay_to_18_prob_under_16=0.2,
        care__stay__stay_to_18_prob_16_plus=0.2,
        care__stay__scale_days_under_16=60.0,
        care__reentry__shape=0.8,
        care__reentry__scale_days=150.0,
        effect__hazard_ratio=0.5,
        care__first_entry_shape=0.6,
        referrals__shared_shock_sd=0.4,
        referrals__priority_by_needs=request.param == "run",
    )
    plan = plan_of(scenario)
    long = plan.outcomes_end + 365
    return controlled(
        with_tracks(
            plan,
            Track(0, 900, False, "run", long, max_units=20, by_intake=True),
            Track(200, 400, False, "grid", 500),
            Track(0, 900, False, "day", long, max_units=150, controlled=True),
            Track(91, 600, True, "day", 700),
            Track(0, 700, False, "running", long, 1, weeks=10),
            Track(30, 500, True, "at_week", 600, 1, weeks=26, controlled=True),
            Track(14, 700, False, "day", long, by_intake=True, controlled=True, window_from="planned_end"),
            Track(98, 700, False, "run", long, controlled=True, window_from="referral"),
            Track(2, 600, False, "grid", long, window_from="referral"),
        )
    )


def controlled(plan: Plan) -> Plan:
    """Return the plan with a control child for every track that asks for one."""
    return replace(plan, control_tracks=tuple(i for i, track in enumerate(plan.tracks) if track.controlled))


def first_tracked(events: dict[str, Any], track: Track) -> int:
    """The first day of a starter's window, from the events of its referral and start."""
    (start, planned_days), referred = events["started"], events["referred"][0]
    if track.window_from == "referral":
        return max(start, referred + track.delay_days)
    return start + track.delay_days + (planned_days if track.window_from == "planned_end" else 0)


def paid_days(track: Track, window: list[int], home: list[bool], grid: list[int]) -> list[int]:
    """The days from which a track's units date, day by day."""
    run, lengths = 0, []
    for is_home in home:
        run = run + 1 if is_home else 0
        lengths.append(run)
    found = {
        "grid": grid,
        "run": [day for day, run in zip(window, lengths, strict=True) if run and run % 7 == 0],
        "day": [day for day, is_home in zip(window, home, strict=True) if is_home],
        "running": [day for day, run in zip(window, lengths, strict=True) if run == 7 * track.weeks],
        "at_week": [day for i, day in enumerate(window) if i + 1 == 7 * track.weeks and home[i]],
    }
    return found[track.unit][: track.max_units]


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
            first = first_tracked(lives.service[child], track)
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
                home_weeks.append(set(grid if track.counts_weeks else ()))
                for day in grid if track.counts_weeks else ():
                    outcomes[replication, arm, t, borough, period(day), 3] += 1
                for day in paid_days(track, window, home, grid):
                    outcomes[replication, arm, t, borough, period(day), 2] += 1
            for day in home_weeks[0] & home_weeks[1]:
                both_weeks[replication, t, borough, period(day)] += 1
    assert outcomes[..., 0, :, :, 2].sum() > 900 and (outcomes[..., 2].sum(axis=(0, 1, 3, 4)) > 40).all()
    assert np.array_equal(outcomes, lives.counts.outcomes)
    assert np.array_equal(both_weeks, lives.counts.both_weeks)
    assert np.array_equal(intake, lives.counts.intake)


def life_of(plan: Plan, seed: int, replication: int, borough: int, number: int) -> tuple[int, bool, list[range]]:
    """A person by its address alone: days from referral to 18, more needs, periods of care from referral."""
    rates, slug_id = plan.rates, int(plan.borough_ids[borough])
    age_u, needs_u, frailty_u, need_u = person_draws(seed, replication, slug_id, number)
    to_18, more_needs = days_to_18(plan.age_cumulative.tolist(), age_u), needs_u < rates.more_needs_prob
    risk = rates.risk_more_needs if more_needs else rates.risk_fewer_needs
    risk = risk * frailty(plan.frailty_log_quantiles.tolist(), frailty_u)
    risk = risk * shock(seed, replication, slug_id, rates.shock_sd, rates.shock_correlation)
    entry = entry_days(exponential(need_u), risk, rates.entry_shape, rates.entry_scale_days, to_18)
    enter, leave, first_u = [0] * 500, [0] * 500, [0.0] * 500
    n = live(seed, replication, slug_id, number, entry, to_18, 1.0, rates, enter, leave, first_u)
    return to_18, more_needs, [range(*spell) for spell in zip(enter[:n], leave[:n], strict=True)]


def test_controls_are_what_looking_for_them_one_by_one_gives(plan: Plan) -> None:
    """Candidate after candidate, day by day; and those that were passed over for each reason are not few."""
    lives = Lives(plan, 3, 0, 6)
    control, period = np.zeros_like(lives.counts.control), plan.periods.index
    passed_over: Counter[str] = Counter()
    for child in lives.starters():
        replication, borough, number = child
        referred, start = lives.service[child]["referred"][0], lives.service[child]["started"][0]
        wait = start - referred
        _, needs, _ = life_of(plan, 3, replication, borough, number)
        for k in range(1, 1001):
            to_18, more_needs, spells = life_of(plan, 3, replication, borough, k * 2**32 + number)
            at_home = not any(spell.start <= wait for spell in spells)
            other_class = plan.priority_by_needs and more_needs != needs
            reasons = {"18": to_18 <= wait, "care": not at_home, "class": other_class}
            if not any(reasons.values()):
                break
            passed_over.update(reason for reason, holds in reasons.items() if holds)
        in_care = {referred + day for spell in spells for day in spell}
        for j, t in enumerate(plan.control_tracks):
            track = plan.tracks[t]
            if track.covers_completers_only and "completed" not in lives.service[child]:
                continue
            first = first_tracked(lives.service[child], track)
            for day in range(first, min(first + track.days, track.end_day, referred + to_18)):
                control[replication, j, borough, period(day)] += np.array([1, day in in_care])
    assert control[..., 1].sum() > 1000 and passed_over["care"] > 10
    assert (passed_over["class"] > 10) == plan.priority_by_needs
    assert np.array_equal(control, lives.counts.control)


def test_controls_change_no_bit_of_the_others(plan: Plan) -> None:
    without = replace(plan, control_tracks=())
    found, expected = kernel.run(plan, 3, 0, 5).arrays(), kernel.run(without, 3, 0, 5).arrays()
    assert expected.pop("control").size == 0 and found.pop("control").any()
    for name, array in expected.items():
        assert np.array_equal(array, found[name]), name


def test_without_a_fit_candidate_a_child_has_no_control(monkeypatch: pytest.MonkeyPatch, plan: Plan) -> None:
    """The search ends; nothing is counted for that child."""
    monkeypatch.setattr(reference, "MOST_CANDIDATES", 0)
    counts = reference.run(plan, 3, 0, 1)
    assert counts.served("started").any() and not counts.control.any()


# A difference between children with therapy and their controls, where therapy does nothing, is chance alone: the mean
# over replications is nought, by a z-test at 1e-6 for each of four comparisons. Seeds are fixed.
FALSE_ALARM = 1e-6
QUEUE = {
    "effect__hazard_ratio": 1.0,
    "effect__entry_scale_days": 1000.0,
    "care__first_entry_shape": 0.5,
    "referrals__patience_days": 120,
    "child__needs_log_hazard": 1.5,
    "child__three_or_more_needs_prob": 0.5,
    "referrals__shared_shock_sd": 0.4,
}


def more_than_the_usual_arm(plan: Plan, counts: Counts) -> tuple[Any, Any]:
    """Return how many more tracked days, and care days than their share of these, controls have: (replication,)."""
    usual = counts.outcomes[:, 0, plan.control_tracks[0], :, :, :2].sum(axis=(1, 2))
    more = counts.control[:, 0].sum(axis=(1, 2)) - usual
    share = usual[:, 1].sum() / usual[:, 0].sum()
    return more[:, 0], more[:, 1] - share * more[:, 0]


def long_queue(by_needs: bool) -> Plan:
    """Families wait for a month and more, in two classes or in one; the own track has controls."""
    plan = plan_of(small({"a": 60.0, "b": 60.0}, referrals__priority_by_needs=by_needs, **QUEUE))
    return controlled(replace(plan, tracks=(replace(plan.tracks[0], controlled=True),)))


@pytest.mark.parametrize("by_needs", [False, True])
def test_controls_are_the_usual_arms_equals(by_needs: bool) -> None:
    plan = long_queue(by_needs)
    counts = kernel.run(plan, 11, 0, 4000)
    waited = counts.served("waiting_days").sum() / counts.served("started").sum()
    assert waited > 20
    for samples in more_than_the_usual_arm(plan, counts):
        assert_mean(samples, 0.0, FALSE_ALARM)


@pytest.mark.parametrize("wrong", ["anyone", "not waiting", "waiting a month more", "any class"])
def test_a_wrong_rule_for_controls_is_seen(monkeypatch: pytest.MonkeyPatch, wrong: str) -> None:
    """By the same comparison, over a tenth of the replications: 12 and more standard errors off, the limit being 5."""
    right = reference.control_of

    def control_of(child: Child, tables: Any, seed: int, replication: int) -> Child | None:
        if wrong == "anyone":
            return reference.draw_candidate(child, 2**32 + child.number, tables, seed, replication)
        if wrong == "any class":
            tables = SimpleNamespace(**vars(tables) | {"plan": replace(tables.plan, priority_by_needs=False)})
            return right(child, tables, seed, replication)
        other = replace(child, start=child.day if wrong == "not waiting" else child.start + 30)
        found = right(other, tables, seed, replication)
        return found and replace(found, start=child.start)

    monkeypatch.setattr(reference, "control_of", control_of)
    plan = long_queue(by_needs=wrong == "any class")
    _, more_care_days = more_than_the_usual_arm(plan, reference.run(plan, 11, 0, 400))
    with pytest.raises(AssertionError, match=r"is \d\d\.\d standard errors"):
        assert_mean(more_care_days, 0.0, FALSE_ALARM)


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
                first = first_tracked(events, own)
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
        ("control", (0, 0, 0, 4, 1), "of control children"),
        ("both_weeks", (0, 0, 0, 4), "not more than in either"),
        ("team", (0, 0, 0), "not more than its slots|no team holds more"),
        ("outcomes", (0, 0, 0, 0, 4, 2), "grid's weeks"),
    ],
)
def test_each_identity_sees_a_wrong_number(small_plan: Plan, array: str, place: tuple[int, ...], rule: str) -> None:
    plan = replace(small_plan, control_tracks=(0,))
    counts = kernel.run(plan, 1, 0, 1)
    with pytest.raises(IdentityError, match=rule):
        check_identities(broken(counts, array, place, 1_000_000), plan)


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
