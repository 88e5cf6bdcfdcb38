"""Payments: worked cases to the penny, and rules that hold for any counts."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from cases.build import case_paths, make_scenario, money_case, pence, read_case
from edgeofcare.calendar import day_number
from edgeofcare.engine.counts import OUTCOMES, SERVICE
from edgeofcare.inputs.contract import Contract, TopUp
from edgeofcare.money.payments import Payments, capped, payments, settled, settlement_periods, topped_up
from edgeofcare.money.pence import allowed_under, reduced, share_out

YEARS = ["2020-21"] * 4 + ["2021-22"] * 2
ONE_WEEK = {"pays": "per_week_out_of_care", "price_gbp": 400.0}


@pytest.mark.parametrize("path", case_paths(), ids=lambda path: path.stem)
def test_worked_case(path: Path) -> None:
    case, scenario, plan, counts = read_case(path)
    expected, paid = case["expected"], payments(counts, plan, scenario)
    keys = {
        **{term.pays: paid.pence[0, :, :, t] for t, term in enumerate(scenario.contract.terms)},
        "top_up": paid.top_up[0],
        "own": paid.own[0],
    }
    for b, slug in enumerate(plan.borough_slugs):
        for key, gbp in expected[slug].items():
            assert keys[key][b].tolist() == pence(gbp).tolist(), (slug, key)
        named = {term.pays for term in scenario.contract.terms}
        assert named <= expected[slug].keys(), "a case tells what every term pays"
    if "days" in expected:
        assert paid.days.tolist() == [day_number(day, scenario.clock.day_0) for day in expected["days"]]
    if "cap_binds" in expected:
        assert paid.cap_binds.tolist() == [expected["cap_binds"]]
    if "before_caps" in expected:
        assert paid.before_caps.tolist() == [pence(expected["before_caps"])]
    if "outcome_days" in expected:
        assert paid.outcome_days[0].tolist() == list(expected["outcome_days"].values())


def contract(**terms: object) -> Contract:
    return Contract.model_validate({"name": "c", "terms": [], **terms})


flows = hnp.arrays(np.int64, (3, 4, 6, 2), elements=st.integers(0, 500_000))
caps = st.one_of(st.none(), st.integers(0, 10_000).map(float))


@settings(deadline=None)
@given(flows, caps, caps, caps)
def test_payments_never_exceed_a_cap_nor_what_is_due(due, borough_year, borough, whole) -> None:
    terms = contract(cap_gbp=whole, borough_cap_gbp=borough, borough_year_cap_gbp=borough_year)
    paid = capped(due, terms, YEARS)
    assert (paid >= 0).all() and (paid <= due).all()
    for year in set(YEARS):
        in_year = paid[:, :, [y == year for y in YEARS]].sum(axis=(2, 3))
        assert borough_year is None or (in_year <= borough_year * 100).all()
    assert borough is None or (paid.sum(axis=(2, 3)) <= borough * 100).all()
    assert whole is None or (paid.sum(axis=(1, 2, 3)) <= whole * 100).all()


@settings(deadline=None)
@given(flows, st.integers(0, 30_000).map(float))
def test_a_lone_contract_cap_is_used_up_before_anything_is_lost(due, cap) -> None:
    paid = capped(due, contract(cap_gbp=cap), YEARS)
    assert (paid.sum(axis=(1, 2, 3)) == np.minimum(due.sum(axis=(1, 2, 3)), cap * 100)).all()


@settings(deadline=None)
@given(flows)
def test_a_huge_cap_is_no_cap(due) -> None:
    terms = contract(cap_gbp=1e10, borough_cap_gbp=1e10, borough_year_cap_gbp=1e10)
    assert (capped(due, terms, YEARS) == due).all()


@settings(deadline=None)
@given(flows, st.floats(0, 1), caps, st.sampled_from(["borough_pays", "unpaid"]))
def test_payers_add_up_to_what_is_received(due, share, cap, after_cap) -> None:
    by_borough = due.sum(axis=3)
    top_up = TopUp(name="Fund", share=share, cap_gbp=cap, after_cap=after_cap)
    given_, unpaid = topped_up(by_borough, top_up)
    own = by_borough - given_ - unpaid
    assert (given_ >= 0).all() and (own >= 0).all() and (unpaid >= 0).all()
    assert cap is None or (given_.sum(axis=(1, 2)) <= cap * 100).all()
    assert after_cap == "unpaid" or not unpaid.any()
    received = reduced(due, by_borough - unpaid)
    assert (received.sum(axis=3) == own + given_).all()


@settings(deadline=None)
@given(hnp.arrays(np.int64, (5, 7), elements=st.integers(0, 10**9)), st.data())
def test_shares_sum_to_the_total_and_stay_within_a_penny(weights, data) -> None:
    sums = weights.sum(axis=1)
    total = np.array([data.draw(st.integers(0, int(s))) for s in sums])
    shares = share_out(total, weights)
    assert (shares.sum(axis=1) == total).all()
    assert (shares >= 0).all() and (shares <= weights).all()
    exact = total[:, None] * (weights / np.maximum(sums, 1)[:, None])
    assert (np.abs(shares - exact) < 1 + 1e-5).all()


def test_odd_pennies_go_to_the_largest_remainders() -> None:
    assert share_out(np.array([100]), np.array([[1, 1, 1]])).tolist() == [[34, 33, 33]]
    assert share_out(np.array([10]), np.array([[15, 25, 60]])).tolist() == [[2, 2, 6]]
    assert share_out(np.array([0]), np.array([[0, 0]])).tolist() == [[0, 0]]


def test_a_cap_lets_the_running_total_grow_up_to_itself() -> None:
    assert allowed_under(10, np.array([[4, 5, 3, 0, 2]])).tolist() == [[4, 5, 1, 0, 0]]


values = hnp.arrays(np.int64, (2, 3, 4, 6), elements=st.integers(-1_000_000, 1_000_000))


@settings(deadline=None)
@given(values)
def test_settlement_pays_the_high_water_mark_and_never_takes_back(change) -> None:
    value = np.cumsum(change.astype(float), axis=3)
    paid = settled(value, np.ones(6, dtype=bool))
    together = paid.sum(axis=2).cumsum(axis=2)
    mark = np.maximum(np.maximum.accumulate(value.sum(axis=2), axis=2), 0)
    assert (paid >= 0).all()
    assert (together == np.rint(mark)).all()
    # No borough has ever paid for more than its own children had saved at their best.
    assert (paid.sum(axis=3) <= np.maximum(value.max(axis=3), 0) + 1).all()


@settings(deadline=None)
@given(values)
def test_netting_by_group_never_pays_less_than_netting_over_the_contract(change) -> None:
    value, settles = np.cumsum(change.astype(float), axis=3), np.ones(6, dtype=bool)
    by_group = settled(value, settles).sum(axis=(1, 2, 3))
    netted = settled(value.sum(axis=1, keepdims=True), settles).sum(axis=(1, 2, 3))
    assert (by_group >= netted).all()


def random_counts(terms: list[dict[str, object]], seed: int = 1, **more: object):
    scenario = make_scenario(("alder", "birch"), contract={"terms": terms, **more})
    plan, counts = money_case(scenario, 4)
    rng = np.random.default_rng(seed)
    counts.service[...] = rng.integers(0, 9, counts.service.shape)
    counts.outcomes[...] = rng.integers(0, 99, counts.outcomes.shape)
    counts.intake[..., 0] = rng.integers(50, 99, counts.intake.shape[:-1])
    counts.intake[..., 1] = rng.integers(0, 50, counts.intake.shape[:-1])
    return scenario, plan, counts


def run(terms: list[dict[str, object]], **more: object) -> Payments:
    scenario, plan, counts = random_counts(terms, **more)
    return payments(counts, plan, scenario)


def test_an_empty_contract_pays_nothing() -> None:
    paid = run([])
    assert paid.pence.shape == (4, 2, 6, 0)
    assert not paid.received.any() and not paid.own.any() and not paid.cap_binds.any() and not paid.outcome_days.any()


def test_outcome_days_leave_starts_and_completions_out() -> None:
    fees: list[dict[str, object]] = [
        {"pays": "per_start", "price_gbp": 9.0},
        {"pays": "per_completion", "price_gbp": 9.0},
    ]
    scenario, plan, counts = random_counts([*fees, ONE_WEEK])
    weeks = counts.outcomes[:, :, 0, :, :, OUTCOMES.index("paid_weeks")].sum(axis=(2, 3))
    assert (payments(counts, plan, scenario).outcome_days == 7 * weeks).all()


def test_prices_need_not_be_whole_pence() -> None:
    scenario, plan, counts = random_counts([{"pays": "per_start", "price_gbp": 0.125}])
    starts = counts.service[..., SERVICE.index("started")]
    assert (payments(counts, plan, scenario).pence[..., 0] == np.rint(starts * 12.5)).all()


def test_a_term_is_paid_alike_alone_and_in_company() -> None:
    saved: dict[str, object] = {"pays": "per_care_day_saved", "price_gbp": 75.0, "baseline_share": 0.55}
    assert (run([ONE_WEEK, saved]).pence[..., 1] == run([saved]).pence[..., 0]).all()


def test_one_baseline_is_a_schedule_that_does_not_change() -> None:
    saved: dict[str, object] = {"pays": "per_care_day_saved", "price_gbp": 75.0}
    one = run([saved | {"baseline_share": 0.55}])
    many = run([saved | {"baseline_share": (0.55, 0.55, 0.55)}])
    assert (one.pence == many.pence).all()


def test_months_settle_at_the_end_of_a_quarter() -> None:
    scenario = make_scenario(clock={"period": "month"}, contract={"terms": []})
    plan, _ = money_case(scenario)
    assert settlement_periods(plan.outcome_periods).tolist() == [False, False, True] * 6


def test_months_and_quarters_pay_the_same_for_days_saved() -> None:
    """The same days, told by month or by quarter, are worth the same at each quarter's end."""
    terms = [{"pays": "per_care_day_saved", "price_gbp": 75.0, "baseline_share": (0.3, 0.5, 0.7)}]
    by_month = make_scenario(clock={"period": "month"}, contract={"terms": terms})
    by_quarter = make_scenario(contract={"terms": terms})
    plan_m, months = money_case(by_month)
    plan_q, quarters = money_case(by_quarter)
    rng = np.random.default_rng(3)
    months.intake[..., 0] = rng.integers(0, 60, months.intake.shape[:-1])
    months.intake[..., 1] = rng.integers(0, 20, months.intake.shape[:-1])
    months.intake[:, :, :, :, 9:] = 0
    shape = months.intake.shape
    in_quarters = months.intake[:, :, :, :, :9].reshape(*shape[:4], 3, 3, 6, 3, 2).sum(axis=(5, 7))
    quarters.intake[:, :, :, :, :3] = in_quarters
    paid_m, paid_q = payments(months, plan_m, by_month), payments(quarters, plan_q, by_quarter)
    assert paid_q.received.any()
    assert (paid_m.received.reshape(1, 6, 3).sum(axis=2) == paid_q.received).all()


def test_payments_are_dated_the_last_day_of_the_period_and_the_lag() -> None:
    paid = run([ONE_WEEK], lag_days=0)
    assert paid.days[0] == day_number(date(2020, 6, 30), date(2020, 4, 1))
