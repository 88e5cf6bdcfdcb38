"""Exposure: what a borough pays by financial year and what it saves, by hand."""

from __future__ import annotations

from typing import Any

import numpy as np

from cases.build import make_scenario, money_case, same, set_care, set_weeks
from edgeofcare.money.costs import care_costs, service_costs
from edgeofcare.money.exposure import Exposure, exposure
from edgeofcare.money.payments import payments

USUAL, THERAPY = 0, 1


def run(**changes: Any) -> Exposure:
    weekly = {"terms": [{"pays": "per_week_out_of_care", "price_gbp": 400.0}]}
    scenario = make_scenario(
        ("alder", "birch"),
        contract=weekly | changes.pop("contract", {}),
        prices={"cashable_share": same(0.9)},
        **changes,
    )
    plan, counts = money_case(scenario, 2)
    # Alder: 140 care days avoided, 100 a day cashable at 90%: GBP 12,600. Weeks in two financial years.
    set_care(counts, USUAL, "tracking", 0, "kinship", [0, 100, 80])
    set_care(counts, THERAPY, "tracking", 0, "kinship", [0, 20, 20])
    set_weeks(counts, THERAPY, 0, [0, 0, 2, 4, 5, 2])
    set_weeks(counts, THERAPY, 1, [0, 0, 0, 0, 1, 1])
    counts.outcomes[1] = 0
    costs = care_costs(counts, plan, scenario)
    service = service_costs(plan, scenario, counts)
    return exposure(costs, service, payments(counts, plan, scenario, service), plan, scenario)


def test_payments_by_financial_year_and_the_worst_of_them() -> None:
    seen = run()
    assert seen.financial_years == ("2020-21", "2021-22")
    assert (seen.payments[0] / 100).tolist() == [[2400, 2800], [0, 800]]
    assert (seen.worst_year[0] / 100).tolist() == [2800, 800]
    assert not seen.payments[1].any() and not seen.worst_year[1].any()


def test_net_saving_is_cashable_less_payments() -> None:
    seen = run()
    assert seen.avoided_days.tolist() == [[140, 0], [140, 0]]
    assert (seen.net_saving / 100).tolist() == [[12_600 - 5_200, -800], [12_600, 0]]
    assert seen.saves.tolist() == [[True, False], [True, False]]


def test_net_saving_counts_own_costs_and_support_at_home() -> None:
    own = {"own_cost_gbp_per_year": 365.25, "home_support_gbp_per_week": 50.0}
    seen = run(boroughs={"alder": own})
    # GBP 1 on each of 548 days; 20 weeks of care avoided.
    assert seen.net_saving[1, 0] / 100 == 12_600 - 548 - 20 * 50
    assert seen.net_saving[1, 1] == 0


def test_a_top_up_is_not_the_boroughs_payment() -> None:
    seen = run(contract={"top_up": {"name": "Fund", "share": 0.25}})
    assert (seen.payments[0, 0] / 100).tolist() == [1800, 2100]
    assert seen.net_saving[0, 0] / 100 == 12_600 - 3_900


def test_everything_is_whole_pence() -> None:
    seen = run()
    for values in (seen.payments, seen.worst_year, seen.net_saving, seen.avoided_days):
        assert values.dtype == np.int64


def test_what_a_waterfall_gives_back_reaches_the_payers() -> None:
    """Of GBP 1,000 given back, boroughs and the central payer get back in proportion to what they paid."""
    weekly = {"terms": [{"pays": "per_week_out_of_care", "price_gbp": 400.0}]}
    fund = {"name": "The Fund", "share": 0.25}
    scenario = make_scenario(("alder", "birch"), contract=weekly | {"top_up": fund})
    plan, counts = money_case(scenario, 1)
    set_weeks(counts, THERAPY, 0, [0, 0, 2, 4])
    set_weeks(counts, THERAPY, 1, [0, 0, 0, 0, 2])
    costs, service = care_costs(counts, plan, scenario), service_costs(plan, scenario, counts)
    paid = payments(counts, plan, scenario, service)
    before = exposure(costs, service, paid, plan, scenario).net_saving
    after = exposure(costs, service, paid, plan, scenario, np.array([1000_00])).net_saving
    # Paid: Alder 6 x 400 x 75% = 1,800, Birch 600, the Fund 800: of 1,000 that is 562.50, 187.50 and 250.
    assert (after - before).tolist() == [[562_50, 187_50]]
