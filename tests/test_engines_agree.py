"""The readable and the fast engine, array by array and event by event, over a million events; and queues that are
wrong in the order of a day, which the same comparison must refuse."""

from __future__ import annotations

from collections.abc import Callable, Generator
from dataclasses import replace
from datetime import date
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import simpy

from edgeofcare.engine import reference
from edgeofcare.engine.plan import Plan, Track
from edgeofcare.engine.reference import Child
from helpers import assert_engines_agree, pan_london, plan_of, run_both, shipped, small, team, with_tracks

LIVELY = {
    "care__stay__stay_to_18_prob_under_16": 0.3,
    "care__stay__stay_to_18_prob_16_plus": 0.3,
    "care__stay__scale_days_under_16": 100.0,
    "care__reentry__shape": 0.8,
    "care__reentry__scale_days": 300.0,
}
STARVED = {"teams__mst_a__n_therapists": 1, "teams__mst_b__n_therapists": 1, "teams__fft__n_therapists": 1}


def several_tracks() -> Plan:
    """The scenario's own, a longer one of whole runs for completers, one by intake, one that ends early."""
    plan = plan_of(pan_london(**LIVELY))
    return with_tracks(
        plan,
        Track(0, 1095, True, "run", plan.outcomes_end + 400, max_units=52),
        Track(0, 913, False, "run", plan.outcomes_end, by_intake=True),
        Track(30, 365, False, "grid", 600, max_units=10, by_intake=True),
    )


def every_unit(**values: Any) -> Plan:
    """What a contract may pay for, each with and without a limit that binds; some with controls, some end early."""
    plan = plan_of(pan_london(**LIVELY, **values))
    late = plan.outcomes_end + 900
    plan = with_tracks(
        plan,
        Track(0, 1095, False, "day", late, max_units=200, by_intake=True, controlled=True),
        Track(91, 730, True, "day", late, controlled=True),
        Track(91, 730, False, "day", 900),
        Track(0, 400, False, "running", late, 1, weeks=12),
        Track(30, 730, True, "running", 800, weeks=30),
        Track(0, 730, False, "at_week", late, 1, weeks=52, controlled=True),
        Track(60, 300, True, "at_week", 700, weeks=1),
        Track(0, 1095, False, "at_week", late, 1, weeks=200),
        Track(0, 730, False, "grid", late, window_from="planned_end", by_intake=True, controlled=True),
        Track(14, 400, True, "day", 900, window_from="planned_end"),
        Track(98, 730, False, "run", late, window_from="referral", controlled=True),
        Track(2, 365, False, "at_week", late, 1, weeks=12, window_from="referral"),
    )
    return replace(plan, control_tracks=tuple(i for i, track in enumerate(plan.tracks) if track.controlled))


def slots_that_fall() -> Plan:
    """Teams that shrink by half, and one that closes."""
    plan = plan_of(pan_london())
    slots = plan.slots.copy()
    slots[:2, 500:] //= 2
    slots[2, 700:] = 0
    return replace(plan, slots=slots, slot_days_overhang=np.full(3, 10**9))


def ten_boroughs_in_a_hurry() -> Plan:
    """Ten boroughs, two shared teams and one of its own each, no patience."""
    slugs = [f"borough_{i}" for i in range(10)]
    own = {f"own_{i}": team("mst", slug, n_therapists=1) for i, slug in enumerate(slugs[:5])}
    teams = {
        "north": team("mst", *slugs[5:]),
        "all": team("fft", *slugs, n_therapists=3, opens=date(2018, 4, 1)),
        **own,
    }
    return plan_of(small(dict.fromkeys(slugs, 40.0), teams, referrals__patience_days=0))


def with_teams(*left_out: str, **more: dict[str, Any]) -> Plan:
    """Pan-London with more teams, and without some of its own."""
    own = {name: team for name, team in shipped("pan_london").model_dump()["teams"].items() if name not in left_out}
    return plan_of(pan_london(teams=own | more))


def shared_teams() -> Plan:
    """Three teams of MST in a borough, one of which opens late and comes into post slowly, and two of FFT."""
    boroughs = tuple(shipped("pan_london").boroughs)
    return with_teams(
        plus_mst=team("mst", *boroughs, n_therapists=3, opens=date(2019, 4, 1), staffed_over_days=500),
        mst_c=team("mst", boroughs[0], n_therapists=1),
        plus_fft=team("fft", *boroughs[2:], n_therapists=5, staffed_over_days=200),
    )


def no_team_on_the_first_days() -> Plan:
    """All open after referrals began, one never; MST only, so that it stands in for FFT."""
    boroughs = tuple(shipped("pan_london").boroughs)
    return with_teams(
        "mst_a",
        "mst_b",
        "fft",
        one=team("mst", *boroughs, n_therapists=4, opens=date(2018, 5, 1), staffed_over_days=90),
        two=team("mst", *boroughs, n_therapists=7, opens=date(2018, 6, 15)),
        never=team("mst", *boroughs, opens=date(2090, 1, 1)),
    )


def shared_teams_that_shrink() -> Plan:
    """Shares follow slots down as well as up, to none."""
    plan = shared_teams()
    slots = plan.slots.copy()
    slots[0, 300:] //= 2
    slots[3, 900:] = 0
    slots[:, 1000:] = 0
    return replace(plan, slots=slots, slot_days_overhang=np.full(len(slots), 10**9))


VARIANTS: dict[str, tuple[Callable[[], Plan], int]] = {
    "pan_london": (lambda: plan_of(pan_london()), 30),
    "pan_london_ten": (lambda: plan_of(shipped("pan_london_ten")), 8),
    "essex": (lambda: plan_of(shipped("essex")), 8),
    "starved": (lambda: plan_of(pan_london(**STARVED)), 10),
    "ample": (lambda: plan_of(pan_london(teams__mst_a__n_therapists=50, teams__mst_b__n_therapists=50)), 8),
    "one borough": (lambda: plan_of(small({"a": 60.0})), 40),
    "ten boroughs, no patience": (ten_boroughs_in_a_hurry, 8),
    "weeks of a run": (lambda: plan_of(pan_london(tracking__week_rule="run", **LIVELY)), 8),
    "fading": (
        lambda: plan_of(
            pan_london(
                effect__log_ratio_share_by_year=(1.0, 0.4, 0.0),
                care__first_entry_shape=0.7,
                child__frailty_variance=1.0,
            )
        ),
        8,
    ),
    "harm": (lambda: plan_of(pan_london(effect__hazard_ratio=1.7)), 8),
    "no entries under therapy": (lambda: plan_of(pan_london(effect__hazard_ratio=0.0, child__frailty_variance=0.0)), 8),
    "fewer returns to care": (lambda: plan_of(pan_london(care__reentry__hazard_ratio=0.4, **LIVELY)), 8),
    "more returns to care": (lambda: plan_of(pan_london(care__reentry__hazard_ratio=2.5, **LIVELY)), 8),
    "shared shock": (
        lambda: plan_of(pan_london(referrals__shared_shock_sd=0.5, referrals__shared_shock_correlation=0.3)),
        8,
    ),
    "priority, starved": (lambda: plan_of(pan_london(referrals__priority_by_needs=True, **STARVED)), 8),
    "entitlements": (lambda: plan_of(pan_london(boroughs__sutton__entitlement=5, boroughs__newham__entitlement=30)), 8),
    "months": (lambda: plan_of(pan_london(clock__period="month")), 8),
    "completers only": (lambda: plan_of(pan_london(tracking__covers="completers")), 8),
    "several tracks": (several_tracks, 8),
    "every unit, controls": (every_unit, 8),
    "controls of the same class, under a shock": (
        lambda: every_unit(referrals__priority_by_needs=True, referrals__shared_shock_sd=0.5, **STARVED),
        8,
    ),
    "dropouts keep nothing": (
        lambda: plan_of(pan_london(effect__dropouts_keep="none", therapies__mst__completion_prob=0.3)),
        8,
    ),
    "dropouts keep all": (
        lambda: plan_of(pan_london(effect__dropouts_keep="all", therapies__fft__completion_prob=0.0)),
        8,
    ),
    "slots that fall": (slots_that_fall, 8),
    "shared teams": (shared_teams, 8),
    "shared teams, all suited to one therapy": (
        lambda: replace(shared_teams(), suited_cumulative=np.array([[p, 1] for p in (0, 1, 0, 1, 0.5, 1e-9)])),
        8,
    ),
    "no team on the first days": (no_team_on_the_first_days, 8),
    "shared teams that shrink": (shared_teams_that_shrink, 8),
    "seventeen, in a long queue": (
        lambda: plan_of(
            small(
                {"a": 150.0, "b": 50.0},
                child__age_weights=(0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 1.0),
                referrals__patience_days=400,
                effect__entry_scale_days=2000.0,
            )
        ),
        60,
    ),
    "seasons, and outcomes that end soon": (
        lambda: plan_of(
            pan_london(
                referrals__seasonality=(3.0, 0.0, 0.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0),
                clock__outcomes_end=date(2021, 9, 1),
            )
        ),
        8,
    ),
}
compared: dict[str, int] = {}


@pytest.mark.parametrize("name", VARIANTS)
def test_counts_and_events_are_equal(name: str) -> None:
    make, n = VARIANTS[name]
    compared[name] = assert_engines_agree(make(), 20180206, 3, n)


def test_a_million_events_were_compared() -> None:
    if len(compared) < len(VARIANTS):
        pytest.skip("only some of the variants were run")
    assert sum(compared.values()) > 1_000_000


# ---- queues that are wrong --------------------------------------------------------------------------------------


def tight_plan() -> Plan:
    """One team from the first day to the last, too small: every day's order matters."""
    return plan_of(
        small({"a": 60.0, "b": 40.0}, {"one": team("mst", "a", "b", n_therapists=5, caseload_per_therapist=3)})
    )


def textbook_queue(plan: Plan, slots: list[list[int]], children: list[Child]) -> list[Any]:
    """The same queue on simpy.PriorityResource, written as in its manual; right but for the order inside a day."""
    env = simpy.Environment()
    starts = [0] * plan.n_boroughs
    desks = [SimpleNamespace(index=i, slots=s, n_starts=0, slot_days_used=0) for i, s in enumerate(slots)]
    resources = [simpy.PriorityResource(env, capacity=max(s)) for s in slots]

    def family(child: Child, team: int) -> Generator[simpy.Event, Any, None]:
        yield env.timeout(child.day)
        leaves = min(child.entry, child.birthday_18, child.day + plan.patience_days)
        with resources[team].request(priority=(child.time, child.tie)) as request:
            yield request | env.timeout(leaves - child.day)
            if not request.triggered:
                child.left_day = leaves
                child.left = "left_patience"
                if leaves == min(child.entry, child.birthday_18):
                    child.left = "left_care" if child.entry <= child.birthday_18 else "left_18"
            elif starts[child.borough] >= plan.entitlement[child.borough]:
                child.left, child.left_day = "left_entitlement", int(env.now)
            elif env.now + child.length_days > plan.delivery_end:
                child.left, child.left_day = "left_too_late", int(env.now)
            else:
                child.start = int(env.now)
                starts[child.borough] += 1
                desks[team].n_starts += 1
                desks[team].slot_days_used += child.stop - child.start
                yield env.timeout(child.stop - child.start)

    for child in sorted(children, key=lambda child: child.time):
        env.process(family(child, child.team))
    env.run()
    return desks


def test_the_textbook_queue_differs_in_the_order_of_a_day_and_is_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    """It gives nearly the same starts, and the comparison refuses it."""
    plan = tight_plan()
    assert_engines_agree(plan, 1, 0, 40)
    monkeypatch.setattr(reference, "run_queue", textbook_queue)
    with pytest.raises(AssertionError):
        assert_engines_agree(plan, 1, 0, 40)
    textbook, events, ours, other_events = run_both(plan, 1, 0, 40)
    same = len(set(events) & set(other_events)) / len(other_events)
    assert 0.8 < same < 1
    assert textbook.served("started").sum() == pytest.approx(ours.served("started").sum(), rel=0.02)


@pytest.mark.parametrize(
    "order",
    [
        {"GONE": 4.9},  # starts before those who enter care that day leave
        {"IMPATIENT": 3.5},  # the impatient leave before starts
        {"RELEASE": 4.9},  # slots are free only on the next day
        {"ARRIVE": 4.9},  # too late for the day's first look at the list
    ],
    ids=lambda order: next(iter(order)),
)
def test_a_wrong_order_of_the_day_is_seen(monkeypatch: pytest.MonkeyPatch, order: dict[str, float]) -> None:
    for name, value in order.items():
        monkeypatch.setattr(reference, name, value)
    with pytest.raises(AssertionError):
        assert_engines_agree(tight_plan(), 1, 0, 40)


def test_a_queue_in_the_order_of_whole_days_is_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    """Those referred on one day stand in the order of the tie draw, not of the fraction of the day."""
    plan = tight_plan()
    make = reference.make_child

    def on_whole_days(*args: Any) -> Child:
        child = make(*args)
        return replace(child, time=float(child.day))

    monkeypatch.setattr(reference, "make_child", on_whole_days)
    with pytest.raises(AssertionError):
        assert_engines_agree(plan, 1, 0, 40)
