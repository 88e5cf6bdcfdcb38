"""Payments: worked cases to the penny, and rules that hold for any counts."""

from __future__ import annotations

from copy import deepcopy
from datetime import date, timedelta
from pathlib import Path
from typing import get_args

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from cases.build import case_paths, make_scenario, money_case, pence, read_case, service_of
from edgeofcare.calendar import date_of, day_number, periods_between
from edgeofcare.engine.counts import CONTROL, INTAKE, OUTCOMES, SERVICE
from edgeofcare.errors import OptionError
from edgeofcare.inputs.contract import Contract, TopUp
from edgeofcare.inputs.terms.kinds import AnyTerm
from edgeofcare.inputs.terms.ladder import ImprovementLadder
from edgeofcare.money.payments import NEVER_ENDS, Payments, capped, payments, topped_up
from edgeofcare.money.pence import allowed_under, reduced, share_out
from edgeofcare.money.terms import period_after_months, rates, repayments, settled, settlement_periods

PERIODS = periods_between(date(2020, 4, 1), date(2021, 9, 30), date(2020, 4, 1), "quarter")
YEARS = PERIODS.financial_years()
NOT_MONEY = {"description", "tracking", "sized_for_gbp"}
ONE_WEEK = {"pays": "per_week_out_of_care", "price_gbp": 400.0}


@pytest.mark.parametrize("path", case_paths(), ids=lambda path: path.stem)
def test_worked_case(path: Path) -> None:
    case, scenario, plan, counts, service = read_case(path)
    expected, paid = case["expected"], payments(counts, plan, scenario, service)
    keys = {
        **{label: paid.pence[0, :, :, column] for column, label in enumerate(paid.labels)},
        "top_up": paid.top_up[0],
        "own": paid.own[0],
    }
    for b, slug in enumerate(plan.borough_slugs):
        for key, gbp in expected[slug].items():
            assert keys[key][b].tolist() == pence(gbp).tolist(), (slug, key)
        assert set(paid.labels) <= expected[slug].keys(), "a case tells what every term pays"
    if "days" in expected:
        assert paid.days.tolist() == [day_number(day, scenario.clock.day_0) for day in expected["days"]]
    if "cap_binds" in expected:
        assert paid.cap_binds.tolist() == [expected["cap_binds"]]
    if "before_caps" in expected:
        assert paid.before_caps.tolist() == [pence(expected["before_caps"])]
    if "outcomes" in expected:
        assert paid.outcome_pence[0].tolist() == pence(list(expected["outcomes"].values())).tolist()
    if "ladder_rate" in expected:
        np.testing.assert_array_equal(paid.ladder_rate[0], expected["ladder_rate"])
    if "ends" in expected:
        assert paid.ends.tolist() == [day_number(expected["ends"], scenario.clock.day_0)]
    else:
        assert paid.ends.tolist() == [NEVER_ENDS]
    if "fired" in expected:
        fired = {name: date_of(int(day[0]), scenario.clock.day_0) for name, day in paid.fired.items() if happens(day)}
        assert fired == expected["fired"]


def happens(day) -> bool:
    return bool(day[0] < NEVER_ENDS)


def test_every_term_and_modifier_has_a_worked_case() -> None:
    shown: set[str] = set()
    for path in case_paths():
        terms = read_case(path)[1].contract
        shown |= {term.pays for term in terms.terms}
        shown |= {name for name in Contract.model_fields if getattr(terms, name) not in (None, (), "")}
    every = {get_args(kind.model_fields["pays"].annotation)[0] for kind in get_args(get_args(AnyTerm)[0])}
    assert len(every) == 9
    assert (every | {*Contract.model_fields}) - shown <= NOT_MONEY


def contract(**terms: object) -> Contract:
    return Contract.model_validate({"name": "c", "terms": [], **terms})


flows = hnp.arrays(np.int64, (3, 4, 6, 2), elements=st.integers(0, 500_000))
caps = st.one_of(st.none(), st.integers(0, 10_000).map(float))


@settings(deadline=None)
@given(flows, caps, caps, caps)
def test_payments_never_exceed_a_cap_nor_what_is_due(due, borough_year, borough, whole) -> None:
    terms = contract(cap_gbp=whole, borough_cap_gbp=borough, borough_year_cap_gbp=borough_year)
    paid = capped(due, terms, PERIODS)[0]
    assert (paid >= 0).all() and (paid <= due).all()
    for year in set(YEARS):
        in_year = paid[:, :, [y == year for y in YEARS]].sum(axis=(2, 3))
        assert borough_year is None or (in_year <= borough_year * 100).all()
    assert borough is None or (paid.sum(axis=(2, 3)) <= borough * 100).all()
    assert whole is None or (paid.sum(axis=(1, 2, 3)) <= whole * 100).all()


@settings(deadline=None)
@given(flows, st.integers(0, 30_000).map(float))
def test_a_lone_contract_cap_is_used_up_before_anything_is_lost(due, cap) -> None:
    paid = capped(due, contract(cap_gbp=cap), PERIODS)[0]
    assert (paid.sum(axis=(1, 2, 3)) == np.minimum(due.sum(axis=(1, 2, 3)), cap * 100)).all()


@settings(deadline=None)
@given(flows)
def test_a_huge_cap_is_no_cap(due) -> None:
    terms = contract(cap_gbp=1e10, borough_cap_gbp=1e10, borough_year_cap_gbp=1e10)
    paid, first = capped(due, terms, PERIODS)
    assert (paid == due).all()
    assert all((day == NEVER_ENDS).all() for day in first.values())


@settings(deadline=None)
@given(flows, st.floats(0, 1), caps, st.sampled_from(["borough_pays", "unpaid"]))
def test_payers_add_up_to_what_is_received(due, share, cap, after_cap) -> None:
    by_borough = due.sum(axis=3)
    top_up = TopUp(name="Fund", share=share, cap_gbp=cap, after_cap=after_cap)
    given_, short = topped_up(by_borough, top_up)
    unpaid = short if after_cap == "unpaid" else np.zeros_like(short)
    own = by_borough - given_ - unpaid
    assert (given_ >= 0).all() and (own >= 0).all() and (unpaid >= 0).all()
    assert cap is None or (given_.sum(axis=(1, 2)) <= cap * 100).all()
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
    """Return a scenario with two boroughs and counts by chance that are coherent, and service costs."""
    scenario = make_scenario(
        ("alder", "birch"), contract={"terms": terms, **more}, boroughs={"birch": {"referrals_per_year": 30.0}}
    )
    plan, counts = money_case(scenario, 4)
    rng = np.random.default_rng(seed)
    counts.service[...] = rng.integers(0, 9, counts.service.shape)
    counts.outcomes[...] = rng.integers(0, 99, counts.outcomes.shape)
    for measured in (counts.intake, counts.control):
        measured[..., 0] = rng.integers(50, 99, measured.shape[:-1])
        measured[..., 1] = rng.integers(0, 50, measured.shape[:-1])
    for measure, of in enumerate(INTAKE):
        in_all = counts.outcomes[..., OUTCOMES.index(of)]
        in_all[...] = rng.integers(*((50, 99), (0, 50))[measure], in_all.shape)
        for i, at in enumerate(plan.intake_tracks):
            in_all[:, :, at] = counts.intake[:, :, i, :, :, :, measure].sum(axis=3)
    service = service_of({date(2020, 4, 1): 9000.0, date(2021, 1, 1): 7000.0}, scenario.clock.day_0, 4)
    return scenario, plan, counts, service


def run(terms: list[dict[str, object]], seed: int = 1, **more: object) -> Payments:
    scenario, plan, counts, service = random_counts(terms, seed, **more)
    return payments(counts, plan, scenario, service)


def test_an_empty_contract_pays_nothing() -> None:
    paid = run([])
    assert paid.pence.shape == (4, 2, 6, 0)
    assert not paid.received.any() and not paid.own.any() and not paid.cap_binds.any() and not paid.outcome_pence.any()


def test_outcome_pence_leave_starts_completions_and_fees_out() -> None:
    fees: list[dict[str, object]] = [
        {"pays": "per_start", "price_gbp": 9.0},
        {"pays": "per_completion", "price_gbp": 9.0},
        {"pays": "block_fee", "gbp_per_year": 1000.0},
        {"pays": "self_finance", "rate_per_year": 0.05, "loan_years": 2},
    ]
    scenario, plan, counts, service = random_counts([*fees, ONE_WEEK])
    weeks = counts.outcomes[:, :, 0, :, :, OUTCOMES.index("paid_units")].sum(axis=(2, 3))
    assert (payments(counts, plan, scenario, service).outcome_pence == 40_000 * weeks).all()


def test_prices_need_not_be_whole_pence() -> None:
    scenario, plan, counts, service = random_counts([{"pays": "per_start", "price_gbp": 0.125}])
    starts = counts.service[..., SERVICE.index("started")]
    assert (payments(counts, plan, scenario, service).pence[..., 0] == np.rint(starts * 12.5)).all()


LADDER: dict[str, object] = {
    "pays": "improvement_ladder",
    "control": "randomised",
    "base": "principal",
    "principal_gbp": 50_000.0,
    "settle_months": (6, 18),
    "bands": ({"from_improvement": 0.0, "rate": 0.05}, {"from_improvement": 0.2, "rate": 0.1}),
}
RUNGS = ({"from_improvement": -0.2, "rate": 3.0}, {"from_improvement": 0.1, "rate": 7.0})
FLAT = {"level_by_year": {"2020-21": 1.0}}
TERMS: tuple[dict[str, object], ...] = (
    {"pays": "per_start", "price_gbp": 2500.0},
    {"pays": "per_completion", "price_gbp": 1000.0},
    ONE_WEEK,
    ONE_WEEK | {"max_units_per_child": 10},
    {"pays": "per_day_out_of_care", "price_gbp": 50.0, "deadweight_share": 0.33},
    {"pays": "per_care_day_saved", "price_gbp": 75.0, "baseline_share": 0.4},
    {"pays": "per_care_day_saved", "price_gbp": 75.0, "baseline_share": (0.2, 0.5), "netting": "group"},
    {"pays": "milestone", "price_gbp": 9000.0, "weeks": 26},
    LADDER,
    LADDER | {"control": "matched", "base": "per_care_day_reduced", "principal_gbp": None, "bands": RUNGS},
    {"pays": "block_fee", "gbp_per_year": 5000.0},
    {"pays": "self_finance", "rate_per_year": 0.05, "loan_years": 1.0},
)
OUTCOME_TERMS = TERMS[2:10]
GROSS_TERMS = TERMS[2:8]


def settle(case, terms: list[dict[str, object]], **more: object) -> Payments:
    """Return what another contract pays on the same lives and plan."""
    scenario, plan, counts, service = case
    other = Contract.model_validate({"name": "c", "terms": terms, **more})
    return payments(counts, plan, scenario.model_copy(update={"contract": other}), service)


ALL = random_counts(list(TERMS))


@pytest.mark.parametrize("number", range(len(TERMS)), ids=lambda n: str(TERMS[n]["pays"]))
def test_a_term_is_paid_alike_alone_and_in_company(number: int) -> None:
    together, alone = settle(ALL, list(TERMS)), settle(ALL, [TERMS[number]])
    assert alone.pence.any()
    assert (together.pence[..., number] == alone.pence[..., 0]).all()


def test_a_window_that_the_plan_does_not_hold_is_refused() -> None:
    with pytest.raises(OptionError, match="window of outcomes that this run does not hold"):
        settle(ALL, [ONE_WEEK | {"tracking": {"delay_days": 3, "days": 100}}])


def test_columns_are_named_by_kind_and_counted() -> None:
    more = {"floor_gbp": 1.0, "termination": {"on": date(2030, 1, 1)}}
    assert settle(ALL, [ONE_WEEK, TERMS[0], ONE_WEEK, ONE_WEEK], **more).labels == (
        "per_week_out_of_care",
        "per_start",
        "per_week_out_of_care_2",
        "per_week_out_of_care_3",
        "floor",
        "redemption",
    )


@pytest.mark.parametrize(
    "nothing",
    [
        {"termination": {"on": date(2021, 10, 1), "redemption_share_by_year": (1.0,)}},
        {"termination": {"review_month": 19, "if_starts_below": 10**5}},
        {"termination": {"review_month": 6, "if_starts_below": 0, "redemption_share_by_year": (1.0,)}},
        {"guaranteed_starts": {"starts": 0, "shortfall_fee_gbp": 1000.0}},
        {"standstill": {"starts": date(2020, 7, 2), "until": date(2020, 10, 1), "gbp_per_year": 1e6}},
        {"floor_gbp": 0.0},
        {"indexation": FLAT},
        {"cap_gbp": 1e10, "borough_cap_gbp": 1e10, "borough_year_cap_gbp": 1e10},
    ],
    ids=lambda more: " ".join(more),
)
def test_a_modifier_without_effect_changes_nothing(nothing: dict[str, object]) -> None:
    plain, modified = settle(ALL, list(TERMS)), settle(ALL, list(TERMS), **nothing)
    assert (modified.pence[..., : len(TERMS)] == plain.pence).all()
    assert not modified.pence[..., len(TERMS) :].any()
    assert (modified.ends == NEVER_ENDS).all()
    assert all((day == NEVER_ENDS).all() for day in modified.fired.values())


def test_costs_loans_and_principals_are_not_indexed() -> None:
    doubled = {"indexation": {"level_by_year": {"2020-21": 1.0, "2021-22": 2.0}}}
    terms = [LADDER, {"pays": "block_fee", "cost_margin_share": 0.2}, TERMS[-1], TERMS[0], TERMS[-2]]
    plain, moved = settle(ALL, terms), settle(ALL, terms, **doubled)
    assert plain.pence[:, :, 4:, :3].any(axis=(0, 1, 2)).tolist() == [True, False, True]
    assert (moved.pence[..., :3] == plain.pence[..., :3]).all()
    assert (moved.pence[:, :, :4] == plain.pence[:, :, :4]).all()
    assert (moved.pence[:, :, 4:, 3:] == 2 * plain.pence[:, :, 4:, 3:]).all()


def test_a_review_ends_the_contract_only_where_fewer_have_started() -> None:
    scenario, plan, counts, service = random_counts([ONE_WEEK])
    counts.service[...] = 0
    counts.service[:, 0, 1, SERVICE.index("started")] = [4, 5, 6, 4]
    counts.service[3, 1, 2, SERVICE.index("started")] = 1  # after the review
    review = {"termination": {"review_month": 6, "if_starts_below": 5}}
    paid = settle((scenario, plan, counts, service), [ONE_WEEK], **review)
    first_day_after = day_number(date(2020, 10, 1), date(2020, 4, 1))
    assert paid.ends.tolist() == [first_day_after, NEVER_ENDS, NEVER_ENDS, first_day_after]
    assert paid.fired["termination"].tolist() == [first_day_after - 1, NEVER_ENDS, NEVER_ENDS, first_day_after - 1]
    assert paid.received[:, 2:].any(axis=1).tolist() == [False, True, True, False]


pounds = st.integers(0, 400_000).map(float)
days_of_contract = st.dates(date(2020, 4, 1), date(2021, 12, 31))
modifiers = st.fixed_dictionaries(
    {},
    optional={
        "cap_gbp": pounds.map(lambda gbp: gbp + 60_000),
        "floor_gbp": st.integers(0, 60_000).map(float),
        "borough_cap_gbp": pounds,
        "borough_year_cap_gbp": pounds,
        "indexation": st.just({"level_by_year": {"2020-21": 1.0, "2021-22": 1.07}}),
        "guaranteed_starts": st.builds(lambda n: {"starts": n, "shortfall_fee_gbp": 750.5}, st.integers(0, 300)),
        "standstill": st.builds(
            lambda a, n: {"starts": a, "until": a + timedelta(days=n), "gbp_per_year": 10_000.0},
            days_of_contract,
            st.integers(1, 300),
        ),
        "termination": st.one_of(
            st.builds(lambda on: {"on": on, "redemption_share_by_year": (0.5, 0.2)}, days_of_contract),
            st.builds(
                lambda month, n: {"review_month": month, "if_starts_below": n}, st.integers(0, 20), st.integers(0, 200)
            ),
        ),
        "top_up": st.builds(
            lambda share, cap, after: {"name": "Fund", "share": share, "cap_gbp": cap, "after_cap": after},
            st.floats(0, 1),
            caps,
            st.sampled_from(["borough_pays", "unpaid"]),
        ),
    },
)


@settings(deadline=None, max_examples=60)
@given(modifiers, st.lists(st.sampled_from(TERMS), max_size=4))
def test_payments_keep_the_rules_of_any_contract(more, terms) -> None:
    paid = settle(ALL, terms, **more)
    plan = ALL[1]
    last_days = np.array(plan.outcome_periods.edges[1:]) - 1
    assert (paid.pence >= 0).all() and (paid.top_up >= 0).all() and (paid.own >= 0).all()
    assert ((paid.own + paid.top_up).sum(axis=1) == paid.received).all()
    assert (paid.received[last_days[None] >= paid.ends[:, None]] == 0).all()
    column = {label: paid.pence[..., k] for k, label in enumerate(paid.labels)}
    redeemed = column["redemption"].sum(axis=(1, 2)) if "redemption" in column else 0
    total, unpaid = paid.received.sum(axis=1), more.get("top_up", {}).get("after_cap") == "unpaid"
    assert (total - redeemed <= more.get("cap_gbp", np.inf) * 100).all()
    assert unpaid or (total[paid.ends == NEVER_ENDS] >= more.get("floor_gbp", 0) * 100).all()
    for day in paid.fired.values():
        assert {*day.tolist()} <= {*last_days.tolist(), NEVER_ENDS}
        assert (day[day < NEVER_ENDS] < paid.ends[day < NEVER_ENDS]).all()
    if "standstill" in more:
        still = [more["standstill"]["starts"] <= day < more["standstill"]["until"] for day in PERIODS.first_dates()]
        assert not paid.pence[:, :, still, : len(terms)].any()


@settings(deadline=None, max_examples=40)
@given(modifiers)
def test_a_cap_above_all_that_is_due_is_no_cap(more) -> None:
    without = {key: value for key, value in more.items() if "cap_gbp" not in key}
    capped_ = settle(ALL, [ONE_WEEK], **without | {key: 1e10 for key in more if "cap_gbp" in key})
    assert (capped_.pence == settle(ALL, [ONE_WEEK], **without).pence).all()


@settings(deadline=None, max_examples=40)
@given(st.sampled_from(GROSS_TERMS), st.integers(0, 10**6))
def test_better_outcomes_never_pay_less(term, seed) -> None:
    scenario, plan, counts, service = random_counts(list(TERMS))
    rng, better = np.random.default_rng(seed), deepcopy(counts)
    units, care = better.outcomes[..., OUTCOMES.index("paid_units")], better.outcomes[..., OUTCOMES.index("care_days")]
    units += rng.integers(0, 3, units.shape, dtype=np.int32)
    care -= np.minimum(rng.integers(0, 30, care.shape, dtype=np.int32), care)
    grouped = better.intake[..., INTAKE.index("care_days")]
    grouped -= np.minimum(rng.integers(0, 30, grouped.shape, dtype=np.int32), grouped)
    before, after = (settle((scenario, plan, lives, service), [term]) for lives in (counts, better))
    assert (after.received.cumsum(axis=1) >= before.received.cumsum(axis=1)).all()


# ---- the ladder -------------------------------------------------------------------------------------------------


def test_a_ladder_of_one_rung_that_always_holds_is_constant() -> None:
    one = LADDER | {"bands": ({"from_improvement": -10.0, "rate": 0.08, "principal_share": 0.5},)}
    for control in ({"control": "randomised"}, {"control": "fixed", "control_care_share": 0.0}):
        paid = settle(ALL, [one | control])
        # 6 months, then 12 months and half of the principal.
        expected = np.zeros((4, 6))
        expected[:, [1, 5]] = [50_000_00 * 0.08 / 2, 50_000_00 * (0.08 + 0.5)]
        assert (paid.received == expected).all()
        assert (paid.outcome_pence == expected[:, :].sum(axis=1)[:, None]).all()


def test_a_rung_begins_exactly_at_its_improvement() -> None:
    """Shares that meet a rung in fractions meet it in floating point, and a day in care more is below it."""
    scenario, plan, counts, service = random_counts([LADDER])
    counts.control[..., CONTROL.index("tracked_days")], counts.control[..., CONTROL.index("care_days")] = 30, 14
    counts.outcomes[..., OUTCOMES.index("tracked_days")] = 4500
    rate = {}
    for percent in range(1, 100):
        ladder = LADDER | {"bands": ({"from_improvement": percent / 100, "rate": 0.1},)}
        for more in (0, 1):
            # 1 - (2100 - 21 x percent) / 4500 / (14 / 30) = percent / 100
            counts.outcomes[..., OUTCOMES.index("care_days")] = 2100 - 21 * percent + more
            rate[percent, more] = settle((scenario, plan, counts, service), [ladder]).ladder_rate[:, -1]
    assert all((at == (0.0 if more else 0.1)).all() for (_, more), at in rate.items())


RUNGS = st.lists(st.integers(-50, 50), min_size=1, max_size=6, unique=True).map(sorted)


@given(RUNGS, st.data())
def test_the_straight_line_meets_the_rungs_and_lies_between_them(percents: list[int], data: st.DataObject) -> None:
    """At a rung, below the first, from the last on and if unknown it pays what steps pay; else between two rungs."""
    given_rates = data.draw(st.lists(st.integers(0, 100), min_size=len(percents), max_size=len(percents)))
    bands = [{"from_improvement": p / 100, "rate": float(r)} for p, r in zip(percents, given_rates, strict=True)]
    straight, step = (
        ImprovementLadder.model_validate(LADDER | {"bands": tuple(bands), "between_rungs": how})
        for how in ("straight", "step")
    )
    at = np.array([*(p / 100 for p in percents), percents[0] / 100 - 1e-9, percents[-1] / 100 + 0.3, np.nan])
    assert rates(straight, at).tolist() == rates(step, at).tolist()
    inside = np.linspace(percents[0], percents[-1], 41) / 100
    line = rates(straight, inside)
    assert line == pytest.approx(np.interp(inside, [p / 100 for p in percents], given_rates), abs=1e-9)


def test_without_tracked_days_no_improvement_is_known() -> None:
    scenario, plan, counts, service = random_counts([LADDER])
    counts.outcomes[...], counts.control[...] = 0, 0
    always = LADDER | {"bands": ({"from_improvement": -10.0, "rate": 0.1},)}
    for control in ({}, {"control": "fixed", "control_care_share": 0.5}):
        case = scenario, plan, counts, service
        assert not settle(case, [always | control]).received.any()
        floored = settle(case, [always | control | {"floor_rate_per_year": 0.02, "floor_until_month": 6}])
        assert floored.received.tolist() == [[0, 500_00, 0, 0, 0, 0]] * 4


def test_several_settlements_in_one_period_are_paid_once() -> None:
    always = LADDER | {"bands": ({"from_improvement": -10.0, "rate": 0.12, "principal_share": 0.0},)}
    thrice = settle(ALL, [always | {"settle_months": (4, 5, 6, 24, 48)}])
    # Half a year's interest, then three and a half years' in the last period there is.
    assert thrice.received.tolist() == [[0, 3_000_00, 0, 0, 0, 21_000_00]] * 4


def test_the_same_lives_in_both_arms_earn_the_same() -> None:
    scenario, plan, counts, service = random_counts(list(TERMS))
    counts.outcomes[:, 0], counts.intake[:, 0] = counts.outcomes[:, 1], counts.intake[:, 1]
    for term in OUTCOME_TERMS:
        usual, therapy = settle((scenario, plan, counts, service), [term]).outcome_pence.T
        assert (usual == therapy).all() and therapy.any()


@pytest.mark.parametrize(
    ("day_0", "n_months", "last"),
    [
        (date(2020, 4, 1), 12, date(2021, 3, 31)),
        (date(2020, 4, 1), 3, date(2020, 6, 30)),
        (date(2020, 4, 1), 18, date(2021, 9, 30)),
        (date(2020, 4, 1), 19, None),
        (date(2020, 5, 15), 2, date(2020, 9, 30)),
        (date(2020, 5, 15), 5, date(2020, 12, 31)),
    ],
)
def test_months_end_the_day_before_their_anniversary(day_0: date, n_months: int, last: date | None) -> None:
    scenario = make_scenario(clock={"day_0": day_0})
    plan, _ = money_case(scenario)
    at = period_after_months(n_months, plan)
    ends = None if at is None else date_of(plan.outcome_periods.edges[at + 1] - 1, day_0)
    assert ends == last


# ---- fees, loans, sharing ---------------------------------------------------------------------------------------


@given(st.integers(1, 40), st.floats(0, 0.2), st.integers(1, 12))
def test_a_loan_is_repaid_at_its_present_value(n_instalments, rate, n_periods) -> None:
    table = repayments(n_instalments, rate, n_periods)
    for lent, paid in enumerate(table):
        value = sum(pound / (1 + rate) ** (k - lent) for k, pound in enumerate(paid))
        assert value == pytest.approx(1, rel=1e-9)
        assert not paid[:lent].any() and (lent == n_periods - 1 or paid[lent] == 0)


def test_a_borough_that_has_not_joined_pays_no_fee() -> None:
    joins = date(2020, 7, 1)
    scenario = make_scenario(
        ("alder", "birch"),
        contract={"terms": [{"pays": "block_fee", "gbp_per_year": 36525.0}]},
        boroughs={"birch": {"join_date": joins}},
    )
    plan, counts = money_case(scenario)
    paid = payments(counts, plan, scenario, service_of({}, scenario.clock.day_0)).pence[0, :, :3, 0]
    assert paid.sum(axis=0).tolist() == [9100_00, 9200_00, 9100_00]
    assert paid[:, 0].tolist() == [9100_00, 0]
    assert (paid[1, 1:] > 0).all()


def test_a_fee_that_runs_beyond_the_periods_is_paid_in_the_last() -> None:
    fee = {"pays": "block_fee", "gbp_per_year": 36525.0, "starts": date(2020, 3, 1), "until": date(2021, 10, 11)}
    paid = settle(ALL, [fee]).received
    # 31 days of March 2020 with the first quarter's 91, 10 of October 2021 with the last one's 92.
    assert paid.tolist() == [[12200_00, 9200_00, 9200_00, 9000_00, 9100_00, 10200_00]] * 4


def test_one_baseline_is_a_schedule_that_does_not_change() -> None:
    saved: dict[str, object] = {"pays": "per_care_day_saved", "price_gbp": 75.0}
    # Both in one contract, so that they share the track and its intake groups.
    both = run([saved | {"baseline_share": 0.55}, saved | {"baseline_share": (0.55, 0.55, 0.55)}])
    assert both.received.any()
    assert (both.pence[..., 0] == both.pence[..., 1]).all()


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
    paid_m, paid_q = (
        payments(*case, service_of({}, case[2].clock.day_0))
        for case in ((months, plan_m, by_month), (quarters, plan_q, by_quarter))
    )
    assert paid_q.received.any()
    assert (paid_m.received.reshape(1, 6, 3).sum(axis=2) == paid_q.received).all()


def test_payments_are_dated_the_last_day_of_the_period_and_the_lag() -> None:
    paid = run([ONE_WEEK], lag_days=0)
    assert paid.days[0] == day_number(date(2020, 6, 30), date(2020, 4, 1))
