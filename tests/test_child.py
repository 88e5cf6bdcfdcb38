"""One child at a time: all children together are the replication, to the day and the penny."""

from __future__ import annotations

import json
from collections.abc import Callable
from itertools import pairwise
from typing import Any

import pytest

from edgeofcare.engine import kernel
from edgeofcare.engine.counts import ARMS, Counts
from edgeofcare.engine.plan import Plan, make_plan
from edgeofcare.errors import OptionError
from edgeofcare.money.costs import care_costs, service_costs
from edgeofcare.money.terms import term_pence
from edgeofcare.questions.child import n_referred, one_child
from edgeofcare.questions.counterfactuals import Counterfactual
from helpers import pan_london, shipped, small

SEED, REPLICATION = 7, 3


def world_of(scenario: Any) -> Counterfactual:
    effect = scenario.effect
    return Counterfactual(scenario, effect.entry_scale_days, effect.hazard_ratio, 0.0, 0.0, name="test")


def everybody(world: Counterfactual) -> list[dict[str, Any]]:
    return [
        one_child(world, SEED, REPLICATION, slug, number + 1)
        for slug in world.scenario.boroughs
        for number in range(n_referred(world, SEED, REPLICATION, slug))
    ]


def counted(world: Counterfactual) -> tuple[Plan, Counts]:
    """The replication as the other engine counts it."""
    plan = make_plan(world.scenario, world.entry_scale_days, world.hazard_ratio)
    return plan, kernel.run(plan, SEED, REPLICATION, 1)


@pytest.mark.parametrize("name", ["pan_london", "essex", "essex_completers"])
def test_all_children_together_are_what_the_replication_counts(name: str) -> None:
    world = world_of(shipped(name))
    plan, counts = counted(world)
    children = everybody(world)

    def total(of: Callable[[dict[str, Any]], Any]) -> Any:
        return sum(of(child) for child in children)

    served = {measure: int(counts.served(measure).sum()) for measure in ("referred", "accepted", "engaged", "started")}
    assert len(children) == served["referred"]
    for measure in ("accepted", "engaged", "started"):
        assert total(lambda c, m=measure: c[m]) == served[measure]
    for fate in ("completed", "dropped_out", "left_patience", "left_18", "left_care", "left_too_late"):
        assert total(lambda c, f=fate: c["fate"] == f) == counts.served(fate).sum(), fate
    assert total(lambda c: c["waited_days"] if c["started"] else 0) == counts.served("waiting_days").sum()
    assert total(lambda c: c["tracking"] is not None) == counts.served("tracked").sum()
    assert (
        total(lambda c: c["tracking"]["tracked_days"] if c["tracking"] else 0)
        == counts.outcome("usual", "tracked_days").sum()
    )
    costs = care_costs(counts, plan, world.scenario)
    for i, arm in enumerate(ARMS):
        for key, measure in (("tracked_care_days", "care_days"), ("tracked_weeks_out_of_care", "grid_weeks")):
            assert total(lambda c, a=arm, k=key: c["arms"][a][k]) == counts.outcome(arm, measure).sum()
        assert total(lambda c, a=arm: c["arms"][a]["care_days_to_18"]) == counts.care[0, i, 1:].sum()
    # Prices are whole pence for a week: sevenths of a penny add up exactly, and are rounded once as in the costs.
    weekly = {
        arm: total(
            lambda c, a=arm: sum(
                row["care_days"] * round(100 * row["gbp_per_week"]) for row in c["arms"][a]["care_cost"]
            )
        )
        for arm in ARMS
    }
    assert (weekly["usual"] + 3) // 7 == costs.usual[0]
    n_cells = plan.n_boroughs * plan.n_outcome_periods  # of which each is rounded by itself
    assert weekly["usual"] / 7 - weekly["therapy"] / 7 == pytest.approx(costs.avoided.sum(), abs=n_cells / 2)
    to_18 = {arm: total(lambda c, a=arm: c["arms"][a]["care_cost_to_18_gbp"]) for arm in ARMS}
    assert round(100 * (to_18["usual"] - to_18["therapy"])) == costs.to_18[0]


@pytest.mark.parametrize("name", ["pan_london", "essex_completers"])
def test_what_is_due_for_all_children_is_what_the_terms_come_to(name: str) -> None:
    world = world_of(shipped(name))
    plan, counts = counted(world)
    scenario = world.scenario
    service = service_costs(plan, scenario, counts)
    children = everybody(world)
    by_child = [term for term in scenario.contract.terms if term.pays not in children[0]["terms_of_all_children"]]
    assert len(by_child) == len(children[0]["payments"])
    for i, term in enumerate(by_child):
        for arm, key in (("therapy", "due_gbp"), ("usual", "due_without_therapy_gbp")):
            due = [child["payments"][i][key] for child in children]
            if None not in due:
                pence = term_pence(term, scenario.contract, counts, plan, scenario, service, arm).sum()
                assert round(100 * sum(due)) == pence


def test_days_saved_below_a_baseline_are_not_told_for_one_child() -> None:
    found = one_child(world_of(shipped("essex")), SEED, REPLICATION, "essex", 1)
    assert found["payments"] == [] and found["terms_of_all_children"] == ["per_care_day_saved"]


def test_a_life_has_no_gap_and_its_parts_add_up() -> None:
    for child in everybody(world_of(pan_london())):
        for life in child["arms"].values():
            stays = life["stays"]
            assert stays[0]["from_day"] == child["referred_day"]
            assert stays[-1]["until_day"] == child["birthday_18_day"]
            assert all(one["until_day"] == next_one["from_day"] for one, next_one in pairwise(stays))
            in_care = [stay for stay in stays if stay["place"] != "home"]
            assert sum(stay["stay_days"] for stay in in_care) == life["care_days_to_18"]
            assert len(in_care) == life["n_times_in_care"] + life["n_moves"]
            assert sum(row["care_days"] for row in life["care_cost"]) == life["tracked_care_days"]
            cost = sum(row["cost_gbp"] for row in life["care_cost"])
            assert cost == pytest.approx(life["tracked_care_cost_gbp"], abs=1e-6)
        if not child["started"]:
            assert child["arms"]["usual"] == child["arms"]["therapy"]
            assert child["tracking"] is None
            assert {event["arm"] for event in child["events"]} == {"both"}
    json.dumps(child, allow_nan=False)


def test_the_same_child_again_and_another_world_or_luck_is_another() -> None:
    world, other = world_of(small()), world_of(small(rates={"ashby": 60.0, "bexhill": 25.0}))
    assert one_child(world, 1, 0, "ashby", 1) == one_child(world, 1, 0, "ashby", 1)
    assert n_referred(world, 1, 0, "ashby") < n_referred(other, 1, 0, "ashby")
    first, second = (one_child(world, seed, 0, "ashby", 1) for seed in (1, 2))
    assert first["referred_date"] != second["referred_date"]


def test_a_child_that_does_not_exist_is_refused_in_words() -> None:
    world = world_of(small())
    n = n_referred(world, 1, 0, "ashby")
    for number in (0, n + 1):
        with pytest.raises(OptionError, match=f"choose a child from 1 to {n} \\(got {number}\\)"):
            one_child(world, 1, 0, "ashby", number)
    with pytest.raises(OptionError, match="choose one of ashby, bexhill"):
        one_child(world, 1, 0, "camden", 1)
    with pytest.raises(OptionError, match="numbered from 0"):
        n_referred(world, 1, -1, "ashby")
    nobody = world_of(small(rates={"ashby": 0.001, "bexhill": 25.0}))
    with pytest.raises(OptionError, match="Ashby refers no child"):
        one_child(nobody, 1, 0, "ashby", 1)
