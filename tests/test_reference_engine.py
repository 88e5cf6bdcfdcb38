"""The order of a day in the readable engine, case by case, worked by hand."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from edgeofcare.care.trajectory import NEVER
from edgeofcare.engine import reference
from edgeofcare.engine.counts import Trace
from edgeofcare.engine.plan import Plan
from edgeofcare.engine.reference import Child, run_queue
from helpers import plan_of, small, team

N_DAYS = 400


@pytest.fixture(scope="module")
def plan() -> Plan:
    """One slot, patience of 20 days, delivery to day 400."""
    plan = plan_of(
        small({"a": 1.0, "b": 1.0}, {"one": team("mst", "a", "b", n_therapists=1, caseload_per_therapist=1)})
    )
    return replace(plan, slots=np.ones((1, N_DAYS + 1), int), patience_days=20, delivery_end=N_DAYS)


def family(day: int, length: int = 10, **more: object) -> Child:
    """A family that completes therapy, at home and under 18 throughout."""
    number = more.pop("number", day)
    time = day + more.pop("fraction", 0.5)  # type: ignore[operator]
    child = Child(
        borough=0,
        number=number,
        time=time,
        day=day,
        birthday_18=3000,
        more_needs=True,
        risk=1.0,
        need=1.0,
        accepted=True,
        engaged=True,
        team=0,
        length_days=length,
        completes=True,
        break_off_days=1,
        tie=0.5,
        entry=NEVER,
    )  # type: ignore[arg-type]
    return replace(child, **more)  # type: ignore[arg-type]


def queue(plan: Plan, *children: Child) -> list[tuple[str, int]]:
    """What becomes of each family, and on which day."""
    run_queue(plan, plan.slots.tolist(), list(children))
    return [("started", child.start) if child.started else (child.left, child.left_day) for child in children]


def test_a_free_slot_is_taken_on_the_day_of_referral(plan: Plan) -> None:
    assert queue(plan, family(0), family(30)) == [("started", 0), ("started", 30)]


def test_a_slot_is_free_again_on_the_day_on_which_therapy_ends(plan: Plan) -> None:
    assert queue(plan, family(0), family(4)) == [("started", 0), ("started", 10)]
    assert queue(plan, family(0, completes=False, break_off_days=6), family(4)) == [("started", 0), ("started", 6)]


def test_the_fraction_of_the_day_orders_the_queue_then_the_tie_draw(plan: Plan) -> None:
    late, soon = family(3, fraction=0.9), family(3, fraction=0.1, borough=1, number=1)
    assert queue(plan, late, soon) == [("started", 13), ("started", 3)]
    high, low = family(3, tie=0.7), family(3, tie=0.2, number=9)
    assert queue(plan, high, low) == [("started", 13), ("started", 3)]
    first, second = family(3, number=8), family(3, borough=1, number=2)
    assert queue(plan, second, first) == [("started", 13), ("started", 3)]


def test_entering_care_or_turning_18_on_a_day_comes_before_a_start_on_it(plan: Plan) -> None:
    assert queue(plan, family(0), family(4, entry=10)) == [("started", 0), ("left_care", 10)]
    assert queue(plan, family(0), family(4, entry=11)) == [("started", 0), ("started", 10)]
    assert queue(plan, family(0), family(4, birthday_18=10)) == [("started", 0), ("left_18", 10)]
    assert queue(plan, family(0), family(4, birthday_18=11)) == [("started", 0), ("started", 10)]


def test_a_start_comes_before_patience_runs_out_on_the_same_day(plan: Plan) -> None:
    assert queue(plan, family(0, length=24), family(4)) == [("started", 0), ("started", 24)]
    assert queue(plan, family(0, length=25), family(4)) == [("started", 0), ("left_patience", 24)]
    assert queue(plan, family(0, length=30), family(4, entry=24)) == [("started", 0), ("left_care", 24)]


def test_no_patience_means_now_or_never(plan: Plan) -> None:
    hasty = replace(plan, patience_days=0)
    assert queue(hasty, family(0), family(4), family(10)) == [("started", 0), ("left_patience", 4), ("started", 10)]


def test_those_who_left_are_passed_over(plan: Plan) -> None:
    waiting = [family(1, entry=5), family(2, entry=10), family(3)]
    assert queue(plan, family(0), *waiting)[1:] == [("left_care", 5), ("left_care", 10), ("started", 10)]


def test_priority_by_needs_only_when_asked_for(plan: Plan) -> None:
    def waiting() -> list[Child]:
        return [family(0), family(1, more_needs=False), family(2)]

    assert queue(plan, *waiting())[1:] == [("started", 10), ("started", 20)]
    assert queue(replace(plan, priority_by_needs=True), *waiting())[1:] == [("started", 20), ("started", 10)]


def test_a_full_entitlement_sends_a_family_away_when_its_turn_comes(plan: Plan) -> None:
    strict = replace(plan, entitlement=np.array([1, 9]))
    assert queue(strict, family(0), family(1), family(2, borough=1)) == [
        ("started", 0),
        ("left_entitlement", 10),
        ("started", 10),
    ]


def test_therapy_must_be_planned_to_end_by_the_end_of_delivery(plan: Plan) -> None:
    assert queue(plan, family(390), family(391, length=10)) == [("started", 390), ("left_too_late", 400)]
    short = family(395, length=6, completes=False, break_off_days=1)
    assert queue(plan, short) == [("left_too_late", 395)]  # the plan counts, not how it goes
    assert queue(plan, family(399, length=1)) == [("started", 399)]


def test_patience_may_run_out_after_the_end_of_delivery(plan: Plan) -> None:
    one = replace(plan, slots=np.concatenate([np.ones((1, 300), int), np.zeros((1, N_DAYS - 299), int)], axis=1))
    assert queue(one, family(395)) == [("left_patience", 415)]


def test_no_start_before_the_team_opens_and_one_for_each_new_slot(plan: Plan) -> None:
    slots = np.array([[0] * 12 + [1] * 3 + [2] * (N_DAYS - 14)])
    grows = replace(plan, slots=slots)
    assert queue(grows, family(1), family(2), family(3)) == [("started", 12), ("started", 15), ("started", 22)]


def test_holders_finish_when_slots_fall_and_nobody_starts_above_them(plan: Plan) -> None:
    shrinks = replace(plan, slots=np.array([[2] * 5 + [1] * (N_DAYS - 4)]))
    ends = queue(shrinks, family(0), family(1, length=20), family(6))
    assert ends == [("started", 0), ("started", 1), ("started", 21)]


def test_slot_days_are_those_of_therapy_as_it_went(plan: Plan) -> None:
    children = [family(0), family(4, completes=False, break_off_days=3)]
    (desk,) = run_queue(plan, plan.slots.tolist(), children)
    assert (desk.n_starts, desk.slot_days_used) == (2, 13)


def test_a_child_who_never_starts_has_one_life(small_plan: Plan) -> None:
    tables = reference.Tables(small_plan)
    for child in reference.refer(tables, 1, 0):
        usual, therapy = reference.live_both_arms(child, tables, 1, 0)
        assert usual is therapy


def test_events_of_a_replication_are_in_order(small_plan: Plan) -> None:
    trace = Trace()
    reference.run(small_plan, 1, 5, 2, trace)
    assert {row[0] for row in trace.rows} == {5, 6}
    children = [row[:1] + row[2:4] for row in trace.rows if row[4] == "referred"]
    assert children == sorted(children) and len(set(children)) == len(children)
