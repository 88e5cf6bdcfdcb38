"""Capital: hand-made schedules, conservation, and rates of return against annuities and pyxirr."""

from __future__ import annotations

from datetime import date, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import pyxirr
from hypothesis import given, settings
from hypothesis import strategies as st

from cases.cash import FEE, NEVER, STEPS, case, did, moved, settled, with_steps
from edgeofcare.errors import IdentityError, InputError
from edgeofcare.inputs.contract import Capital
from edgeofcare.inputs.load import load
from edgeofcare.money.capital import Cashflows, check_balances, log, returns
from edgeofcare.money.irr import IRR_OUTCOMES, all_rates, internal_rate, internal_rates, roots, sign_changes
from edgeofcare.money.schedule import steps_of

DELIVERY_END = 274


def outcome(flows: list[int], days: list[int]) -> str:
    return IRR_OUTCOMES[int(internal_rates(np.array([flows]), np.array(days))[1][0])]


def rate(flows: list[int], days: list[int]) -> float | None:
    return internal_rate(np.array(flows), np.array(days))


def test_one_year_at_ten_per_cent() -> None:
    assert rate([-100, 110], [0, 365]) == 0.1
    assert rate([-100, 110], [-500, -135]) == 0.1


def test_an_annuity_returns_its_rate() -> None:
    for r in (-0.3, -0.01, 0.0, 0.084, 0.217, 2.0):
        payment = 1e12 * (r / (1 - (1 + r) ** -10) if r else 0.1)
        flows = [-(10**12), *[round(payment)] * 10]
        assert rate(flows, [365 * year for year in range(11)]) == pytest.approx(r, abs=2e-8)


def test_no_draw_is_not_needed_and_no_receipt_is_a_total_loss() -> None:
    assert (rate([0, 0], [0, 365]), outcome([0, 0], [0, 365])) == (None, "not_needed")
    assert (rate([0, 50], [0, 365]), outcome([0, 50], [0, 365])) == (None, "not_needed")
    assert (rate([-100, 0], [0, 365]), outcome([-100, 0], [0, 365])) == (-1, "total_loss")


def test_two_roots_are_found_counted_and_not_shown() -> None:
    flows, days = [-100, 230, -132], [0, 365, 730]
    assert all_rates(np.array(flows), np.array(days)) == pytest.approx([0.1, 0.2], abs=1e-7)
    assert (rate(flows, days), outcome(flows, days)) == (None, "several")


def test_a_pound_asked_for_at_the_end_makes_two_rates_which_are_named_with_the_reason() -> None:
    flows = np.array([-167887, 77196, 181405, 352030, 355295, 358499, 478991, -100])
    days = np.arange(8) * 365
    assert outcome(flows.tolist(), days.tolist()) == "several"
    found = roots(flows, days)
    # Witness: the real, positive zeros of the polynomial in 1 / (1 + rate).
    zeros = np.roots(flows[::-1].astype(float))
    witness = sorted(1 / z.real - 1 for z in zeros if abs(z.imag) < 1e-9 and z.real > 0)
    assert found.rates == pytest.approx(witness, abs=1e-7) and len(witness) == 2
    # Money comes from the second date on; on the last a pound is asked for again.
    assert found.turns == [(365, 77196), (7 * 365, -100)]
    for at in found.rates:
        worth = sum(f * (1 + at) ** (7 - d / 365) for f, d in zip(flows, days, strict=True))
        assert worth == pytest.approx(0, abs=1)


def test_two_changes_of_sign_without_a_root() -> None:
    flows, days = [-100, 200, -132], [0, 365, 730]
    assert (rate(flows, days), outcome(flows, days)) == (None, "none")
    assert all_rates(np.array(flows), np.array(days)) == []


def test_three_changes_of_sign_with_one_root() -> None:
    flows, days = [-1000, 300, -10, 900], [0, 365, 730, 1095]
    assert outcome(flows, days) == "unique"
    found = rate(flows, days)
    assert found is not None
    assert sum(f / (1 + found) ** (d / 365) for f, d in zip(flows, days, strict=True)) == pytest.approx(0, abs=1e-4)


def test_zeros_do_not_change_sign() -> None:
    assert sign_changes(np.array([[-1, 0, -2, 0, 3, 0], [0, 0, 0, 0, 0, 0], [-1, 0, 1, 0, -1, 0]])).tolist() == [
        1,
        0,
        2,
    ]


def test_rates_far_outside_the_scan() -> None:
    assert rate([-100, 200], [0, 30]) == pytest.approx(2 ** (365 / 30) - 1, rel=1e-6)
    assert rate([-(10**9), 1], [0, 3650]) == pytest.approx(10**-0.9 - 1, abs=1e-7)
    assert rate([-(10**9), 1], [0, 365]) == pytest.approx(-1, abs=1e-8)


def test_a_rate_does_not_depend_on_the_rows_beside_it() -> None:
    rng = np.random.default_rng(5)
    flows, days = rng.integers(-1000, 1000, (700, 20)), np.sort(rng.choice(2000, 20, replace=False))
    together = internal_rates(flows, days)
    for i in range(0, 700, 50):
        alone = internal_rates(flows[i : i + 1], days)
        np.testing.assert_array_equal(alone[0][0], together[0][i])
        assert alone[1][0] == together[1][i]


@settings(max_examples=200, deadline=None)
@given(st.lists(st.integers(1, 10**9), min_size=1, max_size=8), st.lists(st.integers(1, 10**9), min_size=1, max_size=8))
def test_rates_agree_with_pyxirr(drawn: list[int], back: list[int]) -> None:
    flows = [-amount for amount in drawn] + back
    days = [91 * i for i in range(len(flows))]
    witness = pyxirr.xirr([date(2020, 1, 1) + timedelta(day) for day in days], [float(f) for f in flows])
    ours = rate(flows, days)
    assert ours is not None
    # pyxirr gives up on some extreme flows; the definition is the judge there.
    if witness is not None and abs(witness) < 5:
        assert ours == pytest.approx(witness, abs=1e-7)


def test_draws_on_the_first_day_of_each_quarter_and_pays_all_back_at_the_end() -> None:
    cash = case({0: 1000, 91: 1000, 183: 1000}, [0, 0, 0, 0, 0, 5000])
    assert moved(cash, "draws") == {0: 1000, 91: 1000, 183: 1000}
    assert moved(cash, "paid") == {0: 1000, 91: 1000, 183: 1000}
    assert moved(cash, "distributions") == {577: 5000}
    assert (cash.peak_funding / 100).tolist() == [3000]
    earned = returns(cash)
    assert (earned.profit / 100).tolist() == [2000]
    assert earned.money_multiple.tolist() == [5 / 3]
    assert earned.payback_years.tolist() == [577 / 365]
    assert earned.irr_outcomes == {"unique": 1, "none": 0, "several": 0, "total_loss": 0, "not_needed": 0}
    assert earned.irr_of_expected_flows == earned.irr[0]


def test_minimum_cash_is_drawn_with_the_first_cost_and_released_last() -> None:
    cash = case({0: 1000, 91: 1000}, [0] * 6, minimum_cash_gbp=200.0)
    assert moved(cash, "draws") == {0: 1200, 91: 1000}
    assert moved(cash, "distributions") == {577: 200}


def test_receipts_are_recycled_before_anything_is_drawn() -> None:
    """GBP 1,500 come on day 120; the third quarter's cost takes 1,000 of it and the fourth 500 and a draw."""
    cash = case({0: 1000, 91: 1000, 183: 1000, 275: 1000}, [1500, 0, 0, 0, 0, 0])
    assert moved(cash, "draws") == {0: 1000, 91: 1000, 275: 500}


def test_money_that_comes_later_in_the_quarter_cannot_pay_its_first_day() -> None:
    cash = case({0: 1000, 91: 1000}, [5000, 0, 0, 0, 0, 0])
    assert moved(cash, "draws") == {0: 1000, 91: 1000}


def test_a_cost_inside_the_quarter_is_drawn_for_on_its_first_day() -> None:
    cash = case({0: 1000, 50: 300, 150: 400}, [600, 0, 0, 0, 0, 0])
    # Day 150 is paid from the 600 that came on day 120.
    assert moved(cash, "draws") == {0: 1300}


def test_set_up_before_day_0_is_drawn_on_the_first_day_of_its_quarter() -> None:
    cash = case({-46: 400, 0: 1000}, [0] * 6)
    assert moved(cash, "draws") == {-91: 400, 0: 1000}


def test_nothing_is_distributed_before_delivery_ends() -> None:
    cash = case({0: 1000}, [2000, 2000, 2000, 0, 0, 0])
    # Delivery ends on day 274; the payments of days 120 and 212 wait for that of day 304.
    assert moved(cash, "distributions") == {304: 6000}


def test_what_stays_is_the_minimum_and_the_costs_to_the_end_of_the_next_quarter() -> None:
    costs = {0: 1000, 365: 100, 456: 200}
    cash = case(costs, [2000, 2000, 2000, 500, 0, 1000], minimum_cash_gbp=50.0, reserve_months=0)
    balance = dict(zip(cash.days.tolist(), (cash.balance[0] / 100).tolist(), strict=True))
    assert moved(cash, "draws") == {0: 1050}
    assert balance[304] == 50 + 100
    assert balance[394] == 50 + 200
    assert balance[485] == 50 and balance[577] == 0
    assert moved(cash, "distributions") == {304: 5900, 394: 500 - 200, 577: 1050}


def test_distribution_from_day_one() -> None:
    costs = {0: 1000, 91: 1000, 183: 1000}
    cash = case(costs, [2500, 2000, 0, 0, 0, 0], distribute="from_day_one")
    # On day 120 the third quarter's 1,000 stays.
    assert moved(cash, "distributions") == {120: 1500, 212: 2000}
    assert moved(cash, "draws") == {0: 1000, 91: 1000}


def test_commitment_runs_out_and_the_shortfall_is_shown() -> None:
    cash = case({0: 1000, 91: 1000, 183: 1000}, [300, 0, 0, 0, 0, 700], commitment_gbp=1500.0)
    assert moved(cash, "draws") == {0: 1000, 91: 500}
    assert moved(cash, "due") == {0: 1000, 91: 1000, 183: 1000}
    # Each payment goes to the provider first; GBP 500 are never paid.
    assert moved(cash, "paid") == {0: 1000, 91: 500, 120: 300, 577: 700}
    owed = dict(zip(cash.days.tolist(), (cash.owed[0] / 100).tolist(), strict=True))
    assert (owed[0], owed[91], owed[120], owed[183], owed[577]) == (0, 500, 200, 1200, 500)
    assert moved(cash, "distributions") == {}
    assert cash.ran_out.tolist() == [True]


def test_no_cost_needs_no_investor() -> None:
    cash = case({0: 0}, [0, 0, 100, 0, 0, 0], minimum_cash_gbp=50.0)
    earned = returns(cash)
    assert moved(cash, "draws") == {} and moved(cash, "distributions") == {304: 50, 577: 50}
    assert earned.irr_outcomes["not_needed"] == 1 and earned.irr_of_expected_flows is None
    assert np.isnan(earned.money_multiple).all() and np.isnan(earned.payback_years).all()


def test_an_empty_contract_loses_everything_drawn() -> None:
    earned = returns(case({0: 1000, 91: 1000}, [0] * 6))
    assert earned.irr.tolist() == [-1] and earned.irr_outcomes["total_loss"] == 1
    assert earned.money_multiple.tolist() == [0] and np.isnan(earned.payback_years).all()
    assert (earned.profit / 100).tolist() == [-2000] and earned.irr_of_expected_flows == -1


def test_payback_is_for_good() -> None:
    """Paid back on day 120, in debt again on day 183, paid back for good on day 304."""
    zeros = np.zeros((1, 4), dtype=np.int64)
    flows = np.array([[-1000, 1200, -500, 400]])
    cash = Cashflows(
        days=np.array([0, 120, 183, 304]),
        draws=np.maximum(-flows, 0),
        called=zeros,
        receipts=zeros,
        due=zeros,
        paid=zeros,
        owed=zeros,
        fees_due=zeros,
        fees_owed=zeros,
        distributions=np.maximum(flows, 0),
        balance=zeros,
    )
    assert returns(cash).payback_years.tolist() == [304 / 365]
    assert returns(cash).peak_funding.tolist() == [1000]


def test_an_imbalance_is_a_defect() -> None:
    cash = case({0: 1000}, [0, 0, 0, 0, 0, 5000])
    cash.balance[0, 1] += 1
    with pytest.raises(IdentityError, match="cash does not balance"):
        check_balances(cash)


# ---- tranches: worked by hand, to the penny ----------------------------------------------------------------------

THREE = {
    "own": {"kind": "equity", "commitment_gbp": 500.0},
    # GBP 0.40 and GBP 0.20 a day on GBP 1,000.
    "junior": {"kind": "junior", "commitment_gbp": 1000.0, "coupon_per_year": 0.146},
    "senior": {"kind": "senior", "commitment_gbp": 2000.0, "coupon_per_year": 0.073},
}


def test_senior_junior_and_equity() -> None:
    """Interest accrues on every date, to the penny, and joins the debt on days of payments that distribute nothing.

    Junior: 18.20 to day 91 and 11.60 to day 120 make 1,029.80; 25.95 and 11.95 to day 212 make 1,067.70.
    Senior: 2.90 to day 120 make 502.90; with 1,000 more on day 183, 6.34 and 8.72 to day 212 make 1,517.96.
    Day 304: interest 19.13 + 8.80 and 26.91 + 12.39, the senior principal, and 414.81 left for the junior's.
    Day 394: interest 15.93 + 7.57 on 652.89, then that principal, then the equity.
    """
    cash = case({0: 1000, 91: 1000, 183: 1000}, [0, 0, 2000, 1000, 0, 2000], tranches=THREE)
    assert did(cash, "draw own -> cash") == {0: 500}
    assert did(cash, "draw junior -> cash") == {0: 500, 91: 500}
    assert did(cash, "draw senior -> cash") == {91: 500, 183: 1000}
    assert did(cash, "accrue_and_pay_interest cash -> senior") == {304: 27.93}
    assert did(cash, "accrue_and_pay_interest cash -> junior") == {304: 39.30, 394: 23.50}
    assert did(cash, "repay cash -> senior") == {304: 1517.96}
    assert did(cash, "repay cash -> junior") == {304: 414.81, 394: 652.89}
    assert did(cash, "split_residual cash -> own") == {394: 323.61, 577: 2000}
    assert moved(cash, "draws") == {0: 1000, 91: 1000, 183: 1000}
    assert moved(cash, "distributions") == {304: 2000, 394: 1000, 577: 2000}
    earned = returns(cash)
    assert {name: it.profit[0] / 100 for name, it in earned.tranches.items()} == {
        "own": 1823.61,
        "junior": 130.50,
        "senior": 45.89,
    }
    assert earned.profit[0] == 2000_00


def test_each_tranche_has_the_rate_that_pyxirr_finds() -> None:
    cash = case({0: 1000, 91: 1000, 183: 1000}, [0, 0, 2000, 1000, 0, 2000], tranches=THREE)
    dates = [date(2020, 4, 1) + timedelta(int(day)) for day in cash.days]
    for name, it in returns(cash).tranches.items():
        witness = pyxirr.xirr(dates, cash.tranches[name].net[0].astype(float))
        assert it.irr[0] == pytest.approx(witness, abs=1e-7)
        assert it.irr_of_expected_flows == it.irr[0]


def test_the_usual_order_of_all_kinds() -> None:
    tranches: dict[str, dict[str, Any]] = {
        "gift": {"kind": "grant", "commitment_gbp": 100.0},
        "first": {"kind": "first_loss", "commitment_gbp": 100.0},
        "own": {"kind": "equity", "commitment_gbp": 300.0},
        "low": {"kind": "junior", "commitment_gbp": 100.0},
        "safe": {"kind": "capital_protected", "commitment_gbp": 100.0, "protected_share": 0.5},
        "top": {"kind": "senior", "commitment_gbp": 100.0},
    }
    steps = steps_of(Capital.model_validate({"tranches": tranches}))
    assert [(step.do, step.source, step.payee) for step in steps] == [
        *(("draw", name, "cash") for name in tranches),
        ("receive", "payers", "cash"),
        ("pay_cost", "cash", "service"),
        *(("accrue_and_pay_interest", "cash", name) for name in ("top", "safe", "low")),
        *(("repay", "cash", name) for name in ("top", "safe", "low")),
        ("protect", "guarantor", "safe"),
        ("split_residual", "cash", {"first": 0.25, "own": 0.75}),
    ]
    for kept, last in ((("top", "low", "safe"), "low"), (("safe", "top", "gift"), "safe"), (("top",), "top")):
        some = Capital.model_validate({"tranches": {name: tranches[name] for name in kept}})
        assert steps_of(some)[-1].payee == last


def test_a_loss_falls_on_equity_then_junior_then_senior() -> None:
    free = {name: {**tranche, "coupon_per_year": 0.0} for name, tranche in THREE.items()}
    costs = {0: 1000, 91: 1000, 183: 1000}
    for received, own, junior, senior in [(3200, 700, 1000, 1500), (2600, 100, 1000, 1500), (1700, 0, 200, 1500)]:
        cash = case(costs, [0, 0, 0, 0, 0, received], tranches=free)
        back = {name: int(it.distributions.sum()) // 100 for name, it in cash.tranches.items()}
        assert back == {"own": own, "junior": junior, "senior": senior}


def test_tranches_run_out_and_the_shortfall_is_shown() -> None:
    few = {**THREE, "senior": {**THREE["senior"], "commitment_gbp": 600.0}}
    cash = case({0: 1000, 91: 1000, 183: 1000}, [0, 0, 0, 0, 0, 100], tranches=few)
    assert moved(cash, "draws") == {0: 1000, 91: 1000, 183: 100}
    assert cash.owed_at_worst.tolist() == [900_00] and cash.never_paid.tolist() == [800_00]
    assert cash.ran_out.tolist() == [True]
    assert did(cash, "draw senior -> cash") == {91: 500, 183: 100}


@pytest.mark.parametrize(
    ("received", "repaid", "residual", "protection"),
    [(500, 500, 0, 1000), (1800, 1800, 0, 0), (1499.99, 1499.99, 0, 0.01), (2500, 2000, 500, 0), (0, 0, 0, 1500)],
)
def test_the_guarantor_makes_good_what_is_missing_of_the_protected_share(received, repaid, residual, protection):
    """GBP 2,000 drawn, three quarters of it protected: 1,500."""
    bond = {"bond": {"kind": "capital_protected", "commitment_gbp": 2000.0, "protected_share": 0.75}}
    cash = case({0: 1000, 91: 1000}, [0, 0, 0, 0, 0, received], tranches=bond)
    found = cash.tranches["bond"]
    assert [flow.sum() / 100 for flow in (found.repaid, found.residual, found.protection)] == [
        repaid,
        residual,
        protection,
    ]
    assert returns(cash).money_multiple[0] == (repaid + residual + protection) / 2000


def test_a_grant_comes_first_and_gets_nothing() -> None:
    tranches = {
        "gift": {"kind": "grant", "commitment_gbp": 600.0},
        "own": {"kind": "equity", "commitment_gbp": 1000.0},
    }
    cash = case({0: 1000}, [0, 0, 2000, 0, 0, 0], tranches=tranches)
    assert (did(cash, "draw gift -> cash"), did(cash, "draw own -> cash")) == ({0: 600}, {0: 400})
    assert moved(cash, "distributions") == {304: 2000}
    earned = returns(cash)
    assert (earned.money_multiple[0], earned.profit[0]) == (5, 1600_00)
    assert list(earned.tranches) == ["own"] and not cash.tranches["gift"].distributions.any()
    assert (cash.peak_funding / 100).tolist() == [400]


def test_the_residual_goes_by_commitments_odd_pennies_by_largest_remainder() -> None:
    tranches = {
        name: {"kind": kind, "commitment_gbp": 1000.0}
        for name, kind in (("a", "equity"), ("b", "first_loss"), ("c", "equity"))
    }
    cash = case({0: 1000}, [0, 0, 0, 0, 0, 1000], tranches=tranches)
    assert [int(it.residual.sum()) for it in cash.tranches.values()] == [333_34, 333_33, 333_33]


def test_a_reserve_is_filled_from_free_cash_given_back_when_needed_and_at_the_end() -> None:
    """Day 120: 300 of 2,000 are set aside. Day 275 needs 400: the reserve gives 300, the investor 100.

    Day 304: 400 of 500 stay for day 365, 100 are set aside; the reserve is not needed again.
    """
    waterfall = with_steps({"do": "reserve", "source": "cash", "payee": "rainy", "limit_gbp": 300.0})
    costs = {0: 1000, 275: 400, 365: 400}
    cash = case(costs, [2000, 0, 500, 0, 0, 0], waterfall=waterfall, distribute="from_day_one")
    assert did(cash, "reserve cash -> rainy") == {120: 300, 304: 100}
    assert did(cash, "release rainy -> cash") == {275: 300, 577: 100}
    assert moved(cash, "draws") == {0: 1000, 275: 100}
    assert moved(cash, "distributions") == {120: 1700, 577: 100}
    assert cash.balances["rainy"].max() == 300_00


def test_a_reserve_may_fill_another() -> None:
    first = {"do": "reserve", "source": "cash", "payee": "a", "limit_gbp": 500.0}
    second = {"do": "reserve", "source": "a", "payee": "b", "limit_gbp": 200.0}
    cash = case({0: 1000}, [900, 0, 0, 0, 0, 0], waterfall=with_steps(first, second))
    # On the next date there is room in the first again.
    assert did(cash, "reserve a -> b") == {120: 200}
    assert did(cash, "reserve cash -> a") == {120: 500, 183: 200}
    assert (did(cash, "release a -> cash"), did(cash, "release b -> cash")) == ({577: 500}, {577: 200})


def test_a_fee_is_paid_on_the_first_day_of_each_quarter_to_the_end_of_outcomes() -> None:
    """GBP 1 a day for the 548 days to the end of outcomes; what cash lacks for it is drawn, what is to come is kept."""
    cash = case({0: 1000}, [0, 0, 2000, 0, 0, 0], waterfall=with_steps(FEE))
    fees = {0: 91, 91: 92, 183: 92, 275: 90, 365: 91, 456: 92}
    assert did(cash, "pay_fee cash -> manager") == fees and sum(fees.values()) == 548
    assert moved(cash, "draws") == {0: 1091, 91: 92, 183: 92, 275: 90}
    assert moved(cash, "distributions") == {304: 2000 - 91 - 92}
    assert moved(cash, "paid") == {0: 1000}


def test_a_fee_is_owed_after_all_else_has_ended() -> None:
    """Costs and payments end with the first quarter; the fee goes on, and its last day releases the cash."""
    cash = case({0: 1000}, [0] * 6, waterfall=with_steps(FEE), terms=[], minimum_cash_gbp=10.0)
    assert did(cash, "pay_fee cash -> manager") == {0: 91, 91: 92, 183: 92, 275: 90, 365: 91, 456: 92}
    assert moved(cash, "distributions") == {456: 10}


def test_a_fee_comes_after_costs_and_waits_for_cash() -> None:
    cash = case({0: 1000}, [0, 0, 2000, 0, 0, 0], waterfall=with_steps(FEE), commitment_gbp=1050.0)
    assert did(cash, "pay_fee cash -> manager") == {0: 50, 304: 41 + 92 + 92 + 90, 365: 91, 456: 92}
    assert moved(cash, "distributions") == {304: 2000 - 315 - 183} and not cash.owed.any()
    assert cash.fees_owed.max() == 315_00 and not cash.fees_owed[:, -1].any()


def test_a_fee_keeps_its_limit_and_ends_with_the_contract() -> None:
    cash = case({0: 1000}, [0] * 6, waterfall=with_steps({**FEE, "limit_gbp": 100.0}))
    assert did(cash, "pay_fee cash -> manager") == {0: 91, 91: 9}
    assert moved(cash, "draws") == {0: 1091, 91: 9}
    cash = case({0: 1000}, [0] * 6, waterfall=with_steps(FEE), ends=182)
    assert did(cash, "pay_fee cash -> manager") == {0: 91, 91: 92}


def test_a_coupon_by_the_ladder_holds_from_the_day_it_is_paid_and_never_below_its_floor() -> None:
    """GBP 0.10 a day on 1,000, from day 212 on GBP 0.20.

    12.00 to day 120 make 1,012.00; 6.38 and 2.93 to day 212 make 1,021.31; then 12.87 and 5.92 to day 304.
    """
    senior = {"kind": "senior", "commitment_gbp": 2000.0, "coupon_per_year": 0.0365, "coupon_from_ladder": True}
    receipts = [0, 0, 2000, 0, 0, 0]
    cash = case({0: 1000}, receipts, ladder={0: 0.01, 1: 0.073}, tranches={"senior": senior})
    assert did(cash, "accrue_and_pay_interest cash -> senior") == {304: 18.79}
    assert did(cash, "repay cash -> senior") == {304: 1021.31}
    assert did(cash, "split_residual cash -> senior") == {304: 959.90}
    without = case({0: 1000}, receipts, tranches={"senior": senior | {"coupon_from_ladder": False}})
    unsettled = case({0: 1000}, receipts, tranches={"senior": senior})
    np.testing.assert_array_equal(unsettled.tranches["senior"].interest, without.tranches["senior"].interest)


def test_costs_after_an_early_end_are_not_the_investors_and_distribution_opens() -> None:
    costs = {0: 1000, 91: 1000, 183: 1000, 275: 1000}
    cash = case(costs, [0, 1500, 0, 0, 0, 200], ends=182)
    assert moved(cash, "draws") == {0: 1000, 91: 1000} == moved(cash, "paid")
    assert moved(cash, "distributions") == {212: 1500, 577: 200}
    assert not cash.owed.any()


def test_a_waterfall_may_share_the_residual_with_payers_and_hold_a_limit() -> None:
    shared = {"do": "split_residual", "source": "cash", "payee": {"investor": 0.25, "payers": 0.75}, "limit_gbp": 800.0}
    cash = case({0: 1000}, [0, 0, 600, 600, 0, 0], waterfall=with_steps(shared))
    assert did(cash, "split_residual cash -> payers") == {304: 450, 394: 150}
    assert did(cash, "split_residual cash -> investor") == {304: 150, 394: 50 + 400}


def test_receipts_written_before_draws_are_not_counted_twice() -> None:
    costs, received = {0: 1000, 120: 300, 183: 700}, [500, 0, 0, 0, 0, 900]
    turned = [STEPS["receive"], STEPS["draw"], STEPS["pay_cost"], STEPS["split"]]
    one, other = case(costs, received), case(costs, received, waterfall=turned)
    for what in ("draws", "paid", "owed", "distributions", "balance"):
        np.testing.assert_array_equal(getattr(one, what), getattr(other, what))


def test_present_value_at_the_target_and_who_misses_it() -> None:
    """1,000 in on day 0; 1,100 out on day 577."""
    cash = case({0: 1000}, [0, 0, 0, 0, 0, 1100], target_irr_per_year=0.05)
    earned = returns(cash)
    assert earned.npv.tolist() == [round(-1000_00 + 1100_00 * 1.05 ** (-577 / 365))]
    assert earned.missing_target.tolist() == [False]
    missed = returns(case({0: 1000}, [0, 0, 0, 0, 0, 1100], target_irr_per_year=0.08))
    assert missed.npv[0] < 0 and missed.missing_target.tolist() == [True]
    assert missed.irr[0] == pytest.approx(1.1 ** (365 / 577) - 1, abs=1e-7)


def test_present_value_stands_at_the_first_date() -> None:
    """Set-up is drawn for on the first day of its quarter, 91 days before day 0."""
    earned = returns(case({-46: 1000}, [0, 0, 0, 0, 0, 1100], target_irr_per_year=0.05))
    assert earned.npv.tolist() == [round(-1000_00 + 1100_00 * 1.05 ** (-(577 + 91) / 365))]


def test_nothing_drawn_misses_no_target() -> None:
    assert returns(case({}, [0, 0, 100, 0, 0, 0])).missing_target.tolist() == [False]


def test_the_log_tells_triggers_and_movements_by_day() -> None:
    cash, paid = settled(
        {0: 1000, 91: 1000}, [0, 0, 700, 0, 0, 0], fired={"cap": 273, "floor": NEVER}, commitment_gbp=1200.0
    )
    assert log(cash, paid, 0) == [
        (0, "draw", "investor", "cash", 1000_00),
        (0, "pay_cost", "cash", "service", 1000_00),
        (91, "commitment used up", "investor", "", 1200_00),
        (91, "cost unpaid", "cash", "service", 800_00),
        (91, "draw", "investor", "cash", 200_00),
        (91, "pay_cost", "cash", "service", 200_00),
        (273, "cap", "", "", 0),
        (304, "receive", "payers", "cash", 700_00),
        (304, "pay_cost", "cash", "service", 700_00),
    ]


amounts = st.integers(0, 4000)


@settings(max_examples=200, deadline=None)
@given(
    st.dictionaries(st.integers(-200, 540), amounts, min_size=1, max_size=12),
    st.lists(amounts, min_size=6, max_size=6),
    st.integers(0, 8000).map(float),
    st.integers(0, 500).map(float),
    st.sampled_from(["after_delivery", "from_day_one"]),
)
def test_money_is_conserved_and_commitments_are_kept(costs, received, commitment, minimum, distribute) -> None:
    cash = case(costs, received, commitment_gbp=commitment, minimum_cash_gbp=minimum, distribute=distribute)
    for flow in (cash.draws, cash.receipts, cash.paid, cash.distributions, cash.balance, cash.owed):
        assert (flow >= 0).all()
    assert cash.draws.sum() <= commitment * 100
    assert cash.receipts.sum() == sum(received) * 100
    assert cash.paid.sum() + cash.never_paid.sum() == cash.due.sum() == sum(costs.values()) * 100
    assert cash.draws.sum() + cash.receipts.sum() == cash.paid.sum() + cash.distributions.sum()
    assert not cash.owed.any() or cash.draws.sum() == commitment * 100
    assert not cash.redrawn.any() or distribute == "from_day_one"
    if distribute == "after_delivery":
        assert not cash.distributions[0, cash.days < DELIVERY_END].any()
    assert (returns(cash).profit == cash.receipts.sum() - cash.paid.sum()).all()


@settings(deadline=None)
@given(st.dictionaries(st.integers(-200, 540), amounts, min_size=1), st.lists(amounts, min_size=6, max_size=6))
def test_cash_never_falls_below_the_minimum_while_there_is_commitment(costs, received) -> None:
    cash = case(costs, received, commitment_gbp=1e9, minimum_cash_gbp=300.0)
    started = np.cumsum(cash.draws[0]) > 0
    assert (cash.balance[0, started][:-1] >= 300_00).all()
    assert not cash.owed.any()


# ---- any waterfall conserves money -------------------------------------------------------------------------------

KINDS = ("grant", "first_loss", "equity", "junior", "senior", "capital_protected")
BEARS_INTEREST = KINDS[3:]


@st.composite
def some_tranches(draw: Any) -> dict[str, dict[str, Any]]:
    """Two to five tranches, the first of them repayable."""
    tranches = {}
    for n in range(draw(st.integers(2, 5))):
        kind = draw(st.sampled_from(KINDS[1:] if n == 0 else KINDS))
        tranches[f"t{n}"] = tranche = {"kind": kind, "commitment_gbp": draw(st.integers(1, 3000).map(float))}
        if kind in BEARS_INTEREST:
            tranche["coupon_per_year"] = draw(st.sampled_from([0.0, 0.05, 0.3]))
            tranche["coupon_from_ladder"] = draw(st.booleans())
        if kind == "capital_protected":
            tranche["protected_share"] = draw(st.sampled_from([0.3, 0.75, 1.0]))
    return tranches


@st.composite
def some_terms(draw: Any) -> dict[str, Any]:
    """Tranches with a waterfall in a random order, with fees, reserves, limits and shares."""
    tranches = draw(some_tranches())
    repayable = [name for name, it in tranches.items() if it["kind"] != "grant"]
    limits = st.one_of(st.none(), st.integers(0, 2000).map(float))

    def to(do: str, payee: Any, source: str = "cash", **more: Any) -> dict[str, Any]:
        return {"do": do, "source": source, "payee": payee} | {k: v for k, v in more.items() if v is not None}

    before = [to("draw", "cash", name, limit_gbp=draw(limits)) for name in tranches] + [STEPS["receive"]]
    after = [to("accrue_and_pay_interest", name) for name, it in tranches.items() if it["kind"] in BEARS_INTEREST]
    after += [to("protect", name, "guarantor") for name, it in tranches.items() if it["kind"] == "capital_protected"]
    after += [to("repay", name, limit_gbp=draw(limits)) for name in repayable]
    if draw(st.booleans()):
        after.append(to("pay_fee", "manager", gbp_per_year=1000.0, limit_gbp=draw(limits)))
    if draw(st.booleans()):
        after.append(to("reserve", "a", limit_gbp=500.0))
        after.append(to("reserve", "b", "a", limit_gbp=draw(st.integers(0, 400).map(float))))
    if draw(st.booleans()):
        shares = {repayable[0]: 0.3, "payers": 0.7}
        after.append(to("split_residual", shares, limit_gbp=draw(limits)))
    return {
        "tranches": tranches,
        "waterfall": [
            *draw(st.permutations(before)),
            STEPS["pay_cost"],
            *draw(st.permutations(after)),
            to("split_residual", dict.fromkeys(repayable, 1 / len(repayable))),
        ],
        "minimum_cash_gbp": draw(st.sampled_from([0.0, 200.0])),
        "distribute": draw(st.sampled_from(["after_delivery", "from_day_one"])),
    }


some_costs = st.dictionaries(st.integers(-200, 540), amounts, min_size=1, max_size=8)
some_receipts = st.lists(amounts, min_size=6, max_size=6)


@settings(max_examples=150, deadline=None)
@given(some_costs, some_receipts, some_terms(), st.sampled_from([NEVER, 90, 300]))
def test_any_waterfall_conserves_money(costs, received, terms, ends) -> None:
    cash = case(costs, received, ends, {2: 0.1}, **terms)
    for flow in (*cash.moved.values(), cash.owed, cash.balance):
        assert (flow >= 0).all()
    assert not sum(cash.balances.values()).any()
    assert cash.receipts.sum() == sum(received) * 100
    due = sum(gbp for day, gbp in costs.items() if day < ends) * 100
    assert cash.paid.sum() + cash.never_paid.sum() == cash.due.sum() == due
    end = {name: int(balance[0, -1]) for name, balance in cash.balances.items()}
    assert end["cash"] == end.get("a", 0) == end.get("b", 0) == 0
    protection = sum(int(it.protection.sum()) for it in cash.tranches.values())
    assert -end.get("guarantor", 0) == protection
    net = int(cash.distributions.sum() - cash.draws.sum())
    assert sum(received) * 100 + protection == cash.paid.sum() + end.get("manager", 0) + net + (
        end["payers"] + sum(received) * 100
    )
    for name, it in cash.tranches.items():
        written = terms["tranches"][name]
        assert it.draws.sum() <= written["commitment_gbp"] * 100
        assert it.kind != "grant" or not it.distributions.any()
        if it.kind == "capital_protected":
            # A later action may give it more; it never ends below its share.
            assert it.distributions.sum() >= round(written["protected_share"] * it.draws.sum())
    if "b" in end:
        assert cash.balances["a"].max() <= 500_00 and cash.balances["b"].max() <= 400_00
    if terms["distribute"] == "after_delivery":
        assert not cash.distributions[0, cash.days < min(DELIVERY_END, ends)].any()


@settings(max_examples=100, deadline=None)
@given(some_costs, some_receipts, some_tranches())
def test_tranches_share_what_one_investor_would_have_moved(costs, received, tranches) -> None:
    """Who pays and who is paid does not change how much: the sum of tranches is one investor with their commitments."""
    cash = case(costs, received, tranches=tranches)
    one = case(costs, received, commitment_gbp=sum(it["commitment_gbp"] for it in tranches.values()))
    for what in ("draws", "receipts", "paid", "owed", "balance"):
        np.testing.assert_array_equal(getattr(cash, what), getattr(one, what))
    protection = sum(it.protection for it in cash.tranches.values())
    np.testing.assert_array_equal(cash.distributions - protection, one.distributions)


@settings(max_examples=100, deadline=None)
@given(some_costs, some_receipts, st.integers(0, 3000), st.integers(1, 3000))
def test_a_tranche_is_paid_only_once_those_before_it_are(costs, received, lower, upper) -> None:
    tranches = {
        "own": {"kind": "equity", "commitment_gbp": 500.0},
        "junior": {"kind": "junior", "commitment_gbp": lower + 1.0, "coupon_per_year": 0.1},
        "senior": {"kind": "senior", "commitment_gbp": float(upper), "coupon_per_year": 0.05},
    }
    cash = case(costs, received, tranches=tranches)
    own, junior, senior = (cash.tranches[name] for name in tranches)
    # To each date: what is owed to a tranche is what it has given, less what it has had of it back.
    owed = {it.kind: np.cumsum(it.draws - it.repaid, axis=1) for it in (junior, senior)}
    assert (owed["senior"][(junior.repaid > 0) | (own.residual > 0)] <= 0).all()
    assert (owed["junior"][own.residual > 0] <= 0).all()


@pytest.mark.parametrize("account", ["cash", "investor", "service", "payers"])
def test_a_movement_that_is_not_in_a_balance_is_a_defect(account: str) -> None:
    cash = case({0: 1000}, [0, 0, 0, 0, 0, 5000])
    cash.balances[account][0, 1] += 1
    with pytest.raises(IdentityError, match=f"{account} does not balance"):
        check_balances(cash)


# ---- what a waterfall may not be ---------------------------------------------------------------------------------


def written(steps: list[dict[str, Any]], head: str = "") -> str:
    """Return a waterfall as a file that extends Pan-London; the actions begin on line 2, five lines each."""
    lines = ['extends = "pan_london"']
    for step in steps:
        lines += ["[[capital.waterfall]]", *(f"{key} = {_toml(value)}" for key, value in step.items())]
        lines += [""] * (4 - len(step))
    return "\n".join(lines) + "\n" + head


def _toml(value: Any) -> str:
    if isinstance(value, dict):
        return "{" + ", ".join(f"{key} = {share}" for key, share in value.items()) + "}"
    return f'"{value}"' if isinstance(value, str) else str(value)


def faults(folder: Path, text: str) -> list[str]:
    """Return the faults of a file, without its folder."""
    path = folder / "mine.toml"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(InputError) as raised:
        load(path)
    return [str(fault).replace(str(path), "mine.toml") for fault in raised.value.faults]


RAINY = {"do": "reserve", "source": "cash", "payee": "rainy", "limit_gbp": 100.0}
DRAW, RECEIVE, PAY, SPLIT = STEPS.values()


def test_a_written_waterfall_that_is_right_is_read(tmp_path: Path) -> None:
    path = tmp_path / "mine.toml"
    path.write_text(written(with_steps(RAINY, FEE)), encoding="utf-8")
    assert [step.do for step in load(path).capital.waterfall] == [
        "draw",
        "receive",
        "pay_cost",
        "reserve",
        "pay_fee",
        "split_residual",
    ]


@pytest.mark.parametrize(
    ("steps", "fault"),
    [
        (
            [DRAW | {"source": "invester"}, RECEIVE, PAY, SPLIT],
            "mine.toml:4: capital.waterfall.0.source: there is no account 'invester'. Did you mean 'investor'? "
            "Accounts: cash, guarantor, investor, payers, service.",
        ),
        (
            [DRAW, RECEIVE, PAY, SPLIT | {"payee": {"investor": 0.5, "them": 0.5}}],
            "mine.toml:20: capital.waterfall.3.payee: there is no account 'them'. "
            "Accounts: cash, guarantor, investor, payers, service.",
        ),
        (
            [DRAW, RECEIVE, PAY, {"do": "draw", "source": "payers", "payee": "cash"}, SPLIT],
            "mine.toml:19: capital.waterfall.3.source: draw must lead from a tranche to cash; this one leads from "
            "payers to cash.",
        ),
        (
            [DRAW, RECEIVE, PAY | {"payee": "investor"}, SPLIT],
            "mine.toml:15: capital.waterfall.2.payee: pay_cost must lead from cash to service; this one leads from "
            "cash to investor.",
        ),
        (
            [DRAW, RECEIVE | {"source": "cash", "payee": "payers"}, PAY, SPLIT],
            "mine.toml:9: capital.waterfall.1.source: receive must lead from payers to cash; this one leads from "
            "cash to payers.",
        ),
        (
            with_steps({"do": "repay", "source": "cash", "payee": "service"}),
            "mine.toml:20: capital.waterfall.3.payee: repay must lead from cash to a tranche that is not a grant; "
            "this one leads from cash to service.",
        ),
        (
            with_steps({"do": "protect", "source": "guarantor", "payee": "investor"}),
            "mine.toml:20: capital.waterfall.3.payee: protect must lead from guarantor to a capital_protected "
            "tranche; this one leads from guarantor to investor.",
        ),
        (
            with_steps(FEE | {"payee": "service"}),
            "mine.toml:20: capital.waterfall.3.payee: pay_fee must lead from cash to an account of its own; this one "
            "leads from cash to service.",
        ),
        (
            with_steps(RAINY, FEE | {"payee": "rainy"}),
            "mine.toml:25: capital.waterfall.4.payee: pay_fee must lead from cash to an account of its own; this one "
            "leads from cash to rainy.",
        ),
        (
            [DRAW, RECEIVE, PAY, SPLIT | {"payee": {"investor": 0.5, "payers": 0.4}}],
            "mine.toml:20: capital.waterfall.3.payee: shares must sum to 1; they sum to 0.9.",
        ),
        (
            with_steps(
                RAINY | {"payee": "a"}, RAINY | {"source": "a", "payee": "b"}, RAINY | {"source": "b", "payee": "a"}
            ),
            "mine.toml:30: capital.waterfall.5.payee: must not lead money round in a circle: b -> a -> b.",
        ),
        (
            with_steps(RAINY, RAINY | {"source": "rainy", "payee": "cash"}),
            "mine.toml:25: capital.waterfall.4.payee: must not lead money round in a circle: rainy -> cash -> rainy.",
        ),
        (
            with_steps(RAINY | {"source": "rainy"}),
            "mine.toml:20: capital.waterfall.3.payee: must not lead money round in a circle: rainy -> rainy.",
        ),
        (
            with_steps({"do": "reserve", "source": "cash", "payee": "rainy"}),
            "mine.toml:17: capital.waterfall.3.limit_gbp: a reserve needs a limit.",
        ),
        (
            with_steps({"do": "pay_fee", "source": "cash", "payee": "manager"}),
            "mine.toml:17: capital.waterfall.3.gbp_per_year: belongs to pay_fee, and pay_fee needs it.",
        ),
        (
            [DRAW, RECEIVE | {"limit_gbp": 5.0}, PAY, SPLIT],
            "mine.toml:11: capital.waterfall.1.limit_gbp: does not belong to receive: all that is due moves.",
        ),
        (
            [DRAW, RECEIVE, SPLIT],
            "mine.toml:2: capital.waterfall: must have the actions draw, receive, pay_cost, split_residual; there is "
            "no pay_cost.",
        ),
        (
            [RECEIVE, PAY, SPLIT],
            "mine.toml:2: capital.waterfall: must have the actions draw, receive, pay_cost, split_residual; there is "
            "no draw.",
        ),
        (
            [DRAW, RECEIVE, PAY, SPLIT | {"limit_gbp": 10.0}],
            "mine.toml:2: capital.waterfall: must have a split_residual without limit_gbp: at the end all cash is "
            "released.",
        ),
        (
            with_steps(PAY),
            "mine.toml:18: capital.waterfall.3.do: pay_cost must stand only once.",
        ),
        (
            [RECEIVE, PAY, DRAW, SPLIT],
            "mine.toml:13: capital.waterfall.2.do: draw must come before pay_cost, which needs the money.",
        ),
        (
            [DRAW, RECEIVE, RAINY, PAY, SPLIT],
            "mine.toml:13: capital.waterfall.2.do: reserve must come after pay_cost: costs are paid first.",
        ),
    ],
)
def test_faults_of_a_waterfall_are_told_at_their_line(tmp_path: Path, steps: list[dict[str, Any]], fault: str) -> None:
    assert fault in faults(tmp_path, written(steps))


TRANCHES = """[capital.tranches.gift]
kind = "grant"
commitment_gbp = 1e5
[capital.tranches.bond]
kind = "capital_protected"
commitment_gbp = 1e6
coupon_per_year = 0.05
protected_share = 0.5
"""
TO_BOND = [DRAW | {"source": "bond"}, RECEIVE, PAY, SPLIT | {"payee": "bond"}]


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        (
            written(TO_BOND, TRANCHES),
            "mine.toml:22: capital.tranches.gift: is never drawn: there is no draw from gift.",
        ),
        (
            written(TO_BOND, TRANCHES),
            "mine.toml:25: capital.tranches.bond: has a coupon, but the waterfall has no accrue_and_pay_interest to "
            "it.",
        ),
        (
            written(TO_BOND, TRANCHES),
            "mine.toml:25: capital.tranches.bond: is protected, but the waterfall has no protect to it.",
        ),
        (
            written([*TO_BOND, {"do": "repay", "source": "cash", "payee": "gift"}], TRANCHES),
            "mine.toml:25: capital.waterfall.4.payee: repay must lead from cash to a tranche that is not a grant; "
            "this one leads from cash to gift.",
        ),
        (
            written([], TRANCHES.replace("gift", "payers")),
            "mine.toml:2: capital.tranches.payers: is the name of an account that is always there; give the tranche "
            "another.",
        ),
        (
            written([], '[capital.tranches.gift]\nkind = "grant"\ncommitment_gbp = 1e5\n'),
            "mine.toml:2: capital.tranches: must hold one that is not a grant: somebody must get what is left.",
        ),
        (
            written([], '[capital.tranches.own]\nkind = "equity"\ncommitment_gbp = 1e5\ncoupon_per_year = 0.1\n'),
            "mine.toml:3: capital.tranches.own.kind: equity bears no interest; a tranche with a coupon is senior or "
            "junior.",
        ),
        (
            written([], '[capital.tranches.own]\nkind = "senior"\ncommitment_gbp = 1e5\nprotected_share = 0.1\n'),
            "mine.toml:5: capital.tranches.own.protected_share: must be above 0 for a capital_protected tranche, and "
            "for no other.",
        ),
    ],
)
def test_faults_of_tranches_are_told_at_their_line(tmp_path: Path, text: str, fault: str) -> None:
    assert fault in faults(tmp_path, text)


def test_an_investor_who_is_never_drawn_is_told(tmp_path: Path) -> None:
    told = faults(tmp_path, written([DRAW | {"source": "payers"}, RECEIVE, PAY, SPLIT]))
    assert "mine.toml:2: capital.waterfall: the investor is never drawn: there is no draw from investor." in told
