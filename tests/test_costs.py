"""Costs of care and of the service, against sums that can be done by hand."""

from __future__ import annotations

import math
from datetime import date
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cases.build import make_scenario, money_case, same, set_care, set_served, set_team_starts
from edgeofcare.calendar import discount_factor, financial_year
from edgeofcare.inputs.contract import PriceIndex
from edgeofcare.inputs.indices import index_level
from edgeofcare.money.costs import ServiceCosts, care_costs, price_table, real_values, service_costs, yearly

USUAL, THERAPY = 0, 1
THOUSAND_A_DAY = 365_250.0


def test_an_index_is_flat_before_then_published_then_grows_twice() -> None:
    index = PriceIndex(
        level_by_year={"2017-18": 100.0, "2018-19": 104.0, "2020-21": 110.0},
        growth_per_year=0.1,
        growth_until="2022-23",
        growth_after_per_year=0.02,
    )
    levels = {y: index_level(index, y) for y in ("2010-11", "2017-18", "2018-19", "2019-20", "2020-21")}
    assert levels == {"2010-11": 100, "2017-18": 100, "2018-19": 104, "2019-20": 104, "2020-21": 110}
    assert index_level(index, "2021-22") == pytest.approx(121)
    assert index_level(index, "2022-23") == pytest.approx(133.1)
    assert index_level(index, "2024-25") == pytest.approx(133.1 * 1.02**2)


def test_an_index_crosses_the_century() -> None:
    index = PriceIndex(level_by_year={"1998-99": 1.0}, growth_per_year=0.5)
    assert index_level(index, "2000-01") == pytest.approx(2.25)
    assert financial_year(date(2000, 3, 31)) == "1999-00"


def test_prices_are_whole_pence_by_borough_year_and_type() -> None:
    prices = make_scenario(
        prices={
            "gbp_per_week": same(700.0) | {"residential": 3625.0},
            "index": {
                "residential": {"level_by_year": {"2020-21": 3625.0, "2021-22": 3800.0}},
                "other": {"level_by_year": {"2020-21": 1.0}, "growth_per_year": 0.05},
            },
        }
    ).prices
    table = price_table(prices, ["2019-20", "2020-21", "2021-22"], [1.0, 1.1], (1.0, 0.5, 1.0, 1.0, 1.0, 1.0))
    assert table.shape == (2, 3, 6)
    assert table[0, :, 0].tolist() == [70000, 70000, 73500]
    assert table[0, :, 1].tolist() == [35000, 35000, 36750]
    assert table[0, :, 3].tolist() == [362500, 362500, 380000]
    assert table[1, :, 3].tolist() == [398750, 398750, 418000]


def priced(**prices: Any):
    changes = {"gbp_per_week": same(700.0) | {"residential": 3500.0}} | prices
    scenario = make_scenario(("alder", "birch"), prices=changes)
    plan, counts = money_case(scenario)
    set_care(counts, USUAL, "tracking", 0, "residential", [10, 20])
    set_care(counts, THERAPY, "tracking", 0, "residential", [10, 6])
    set_care(counts, USUAL, "tracking", 0, "kinship", [0, 5])
    set_care(counts, THERAPY, "tracking", 0, "kinship", [1, 0])
    set_care(counts, USUAL, "window", 0, "residential", [10, 34])
    set_care(counts, THERAPY, "window", 0, "residential", [10, 6])
    set_care(counts, USUAL, "after", 1, "kinship", [0] * 7 + [70])
    return scenario, plan, counts


def test_avoided_cost_is_days_times_price_over_seven() -> None:
    scenario, plan, counts = priced()
    costs = care_costs(counts, plan, scenario)
    # GBP 500 and 100 a day: first quarter one kinship day more, second 14 residential and 5 kinship days fewer.
    assert costs.avoided[0, 0].tolist() == [-100_00, 7_500_00, 0, 0, 0, 0]
    assert not costs.avoided[0, 1].any()
    assert costs.window.tolist() == [14_000_00]
    assert costs.to_18.tolist() == [14_000_00 + 7_000_00]
    assert costs.at_base_prices.tolist() == [7_400_00]
    assert costs.usual.tolist() == [15_500_00] and costs.usual_days.tolist() == [35]


def test_shares_of_the_price_that_are_marginal_and_cashable() -> None:
    scenario, plan, counts = priced(marginal_share=same(0.9), cashable_share=same(0.5) | {"kinship": 0.2})
    costs = care_costs(counts, plan, scenario)
    assert costs.marginal[0, 0, :2].tolist() == [-90_00, 6_750_00]
    assert costs.cashable[0, 0, :2].tolist() == [-20_00, 3_600_00]


def test_sevenths_are_rounded_to_the_nearest_penny_both_ways() -> None:
    scenario, plan, counts = priced(gbp_per_week=same(0.01))
    for days in (1, 3, 4, 10, 11, -1, -3, -4, -10, -11):
        set_care(counts, USUAL, "tracking", 0, "residential", [max(days, 0)])
        set_care(counts, THERAPY, "tracking", 0, "residential", [max(-days, 0)])
        set_care(counts, THERAPY, "tracking", 0, "kinship", [0])
        assert care_costs(counts, plan, scenario).avoided[0, 0, 0] == round(days / 7)


def test_real_discounted_takes_inflation_and_time_off() -> None:
    scenario, plan, counts = priced(
        deflator={"level_by_year": {"2020-21": 100.0, "2021-22": 110.0}}, discount_rate_per_year=0.035
    )
    for kind in ("residential", "kinship"):
        for arm in (USUAL, THERAPY):
            set_care(counts, arm, "tracking", 0, kind, [0] * 6)
    set_care(counts, USUAL, "tracking", 0, "residential", [0, 0, 0, 0, 100])
    middle = (365 + 456) / 2
    expected = 50_000_00 / 1.1 * discount_factor(middle, 0.035)
    assert care_costs(counts, plan, scenario).real_discounted.tolist() == [round(expected)]


@settings(deadline=None)
@given(
    st.lists(st.floats(0, 0.3), min_size=4, max_size=4),
    st.floats(0, 0.2),
    st.sampled_from(["2018-19", "2020-21"]),
    st.sampled_from([date(2020, 4, 1), date(2020, 6, 29)]),
)
def test_a_present_value_never_exceeds_the_undiscounted_value_at_the_same_prices(
    growth: list[float], rate: float, base_year: str, day_0: date
) -> None:
    """Identity, period by period: while prices do not fall, today's worth of a pound saved later is at most a pound."""
    levels = [100.0, *(100.0 * math.prod(1 + g for g in growth[: n + 1]) for n in range(4))]
    deflator = dict(zip(("2018-19", "2019-20", "2020-21", "2021-22", "2022-23"), levels, strict=True))
    scenario = make_scenario(
        clock={"day_0": day_0},
        prices={"deflator": {"level_by_year": deflator}, "discount_rate_per_year": rate, "base_year": base_year},
    )
    plan, _ = money_case(scenario)
    none = scenario.prices.model_copy(update={"discount_rate_per_year": 0.0})
    present, undiscounted = (real_values(prices, plan.outcome_periods) for prices in (scenario.prices, none))
    assert (present <= undiscounted).all() and (np.diff(present) <= 1e-12).all()
    assert (undiscounted <= 1 + 1e-12).all(), "the base year is not after the periods"


def test_a_borough_may_pay_more_and_prices_rise_with_the_year() -> None:
    scenario = make_scenario(
        boroughs={"alder": {"price_multiplier": 1.2}},
        prices={"index": {"other": {"level_by_year": {"2020-21": 1.0}, "growth_per_year": 0.1}}},
    )
    plan, counts = money_case(scenario)
    set_care(counts, USUAL, "tracking", 0, "secure", [7, 0, 0, 0, 7])
    costs = care_costs(counts, plan, scenario)
    assert costs.avoided[0, 0].tolist() == [840_00, 0, 0, 0, 924_00, 0]
    assert costs.at_base_prices.tolist() == [1_680_00]
    assert costs.usual.tolist() == [1_764_00] and costs.usual_at_base_prices.tolist() == [1_680_00]


@settings(deadline=None)
@given(st.integers(0, 1000))
def test_arms_alike_avoid_nothing(seed: int) -> None:
    scenario, plan, counts = priced()
    days = np.random.default_rng(seed).integers(0, 92, counts.care[:, 0].shape)
    counts.care[:, USUAL] = counts.care[:, THERAPY] = days
    costs = care_costs(counts, plan, scenario)
    for values in (costs.avoided, costs.marginal, costs.cashable, costs.real_discounted, costs.window, costs.to_18):
        assert not values.any()
    assert costs.usual.all()


def service(**changes: Any) -> ServiceCosts:
    scenario = make_scenario(**changes)
    plan, counts = money_case(scenario)
    return service_costs(plan, scenario, counts)


def paid_by_day(costs: ServiceCosts, kind: str) -> dict[int, float]:
    row = costs.fixed[costs.kinds.index(kind)]
    return {int(day): pence / 100 for day, pence in zip(costs.days, row, strict=True) if pence}


def team(**changes: Any) -> dict[str, Any]:
    return {"mst": {"cost_gbp_per_year": THOUSAND_A_DAY} | changes}


def test_a_team_is_paid_at_the_start_of_each_quarter_until_delivery_ends() -> None:
    # April to June has 91 days, July to September 92; 31 December, the end of delivery, is not paid.
    assert paid_by_day(service(teams=team()), "teams.mst") == {0: 91_000, 91: 92_000, 183: 91_000}


def test_a_team_that_opens_late_is_paid_from_its_first_day() -> None:
    assert paid_by_day(service(teams=team(opens=date(2020, 5, 1))), "teams.mst") == {
        30: 61_000,
        91: 92_000,
        183: 91_000,
    }


def test_recruitment_is_paid_before_opening() -> None:
    paid = paid_by_day(service(teams=team(recruitment_days=31)), "teams.mst")
    assert paid == {-31: 31_000, 0: 91_000, 91: 92_000, 183: 91_000}


def test_months_are_paid_month_by_month() -> None:
    paid = paid_by_day(service(teams=team(), clock={"period": "month"}), "teams.mst")
    assert list(paid.values()) == [30_000, 31_000, 30_000, 31_000, 31_000, 30_000, 31_000, 30_000, 30_000]


def test_a_cost_ramp_costs_its_mean() -> None:
    """From 60% to 100% over the 91 days of the first quarter: 80% on average."""
    paid = paid_by_day(service(teams=team(cost_start_share=0.6, cost_ramp_days=91)), "teams.mst")
    assert paid == {0: 72_800, 91: 92_000, 183: 91_000}


def test_a_yearly_cost_grows_each_year_since_its_own_start() -> None:
    cost = yearly("x", THOUSAND_A_DAY, 0.5, 100, 100 + 1096)
    pounds = cost.pence_by_day / 100
    assert pounds[[0, 365]] == pytest.approx(1000)
    assert pounds[[366, 730]] == pytest.approx(1500)
    assert pounds[[731, 1095]] == pytest.approx(2250)


def test_before_its_origin_a_cost_does_not_grow() -> None:
    assert yearly("x", THOUSAND_A_DAY, 0.5, -800, 0, origin=0).pence_by_day == pytest.approx(100_000)


def test_set_up_is_paid_on_its_date_even_before_day_0() -> None:
    costs = service(costs={"set_up_gbp": 400_000.0, "set_up_date": date(2020, 2, 15)})
    assert paid_by_day(costs, "costs.set_up_gbp") == {-46: 400_000}


def test_management_follows_its_list() -> None:
    costs = service(
        costs={
            "management": [
                {"gbp_per_year": THOUSAND_A_DAY, "until": date(2021, 1, 1)},
                {"gbp_per_year": THOUSAND_A_DAY / 10, "starts": date(2021, 1, 1)},
            ]
        }
    )
    assert paid_by_day(costs, "costs.management[0]") == {0: 91_000, 91: 92_000, 183: 92_000}
    assert paid_by_day(costs, "costs.management[1]") == {275: 9_000, 365: 9_100, 456: 9_200}
    assert costs.due.sum() == 302_300_00


def test_pence_of_instalments_add_up_to_the_whole_cost_rounded_once() -> None:
    costs = service(teams=team(cost_gbp_per_year=123_456.78))
    assert costs.due.sum() == round(12_345_678 / 365.25 * 274)


def test_a_cost_for_each_start_falls_in_the_period_of_the_start() -> None:
    scenario = make_scenario(("alder", "birch"), teams={"mst": {"cost_gbp_per_start": 2000.0}})
    plan, counts = money_case(scenario)
    set_served(counts, "started", 0, [2, 1])
    set_served(counts, "started", 1, [0, 3])
    set_team_starts(counts, 0, 6)
    costs = service_costs(plan, scenario, counts)
    by_day = dict(zip(costs.days.tolist(), costs.due[0].tolist(), strict=True))
    assert by_day == {0: 4_000_00, 91: 8_000_00, 183: 0}


def test_a_boroughs_own_cost_runs_from_joining_to_the_end_of_outcomes() -> None:
    own = {"own_cost_gbp_per_year": THOUSAND_A_DAY, "join_date": date(2020, 6, 1)}
    costs = service(boroughs={"alder": own})
    assert (costs.boroughs_own[0] / 100).tolist() == [30_000, 92_000, 92_000, 90_000, 91_000, 92_000]
    assert not costs.due.any()


def test_no_costs_at_all() -> None:
    costs = service()
    assert not costs.due.any() and not costs.boroughs_own.any()
