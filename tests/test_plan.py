"""A scenario compiled into arrays: rates of referral, slots, teams, lengths, tracks."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from datetime import date
from typing import Any

import numpy as np
import pytest

from edgeofcare.engine import plan as plans
from edgeofcare.engine.plan import NO_LIMIT, Track, borough_id, make_plan, term_track
from edgeofcare.errors import InputError, OptionError
from edgeofcare.inputs.contract import Contract
from helpers import pan_london, plan_of, shipped, small, team, with_tracks


def test_borough_numbers_are_the_first_8_bytes_of_blake2b() -> None:
    digest = hashlib.blake2b(b"sutton").digest()
    assert borough_id("sutton") == sum(byte << (8 * i) for i, byte in enumerate(digest[:8]))
    assert len({borough_id(slug) for slug in shipped("pan_london").boroughs}) == 6


def test_boroughs_that_share_a_number_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(plans, "borough_id", lambda slug: 7)
    with pytest.raises(InputError, match="share one number"):
        plan_of(small())


def test_expected_referrals_are_rate_times_years_without_ramp_or_season() -> None:
    plan = plan_of(small({"a": 36.525, "b": 0.0}, referrals__ramp_months=0.0))
    days = np.arange(366)
    np.testing.assert_allclose(plan.cumulative_referrals, [days / 10, days * 0.0], rtol=1e-12)


def test_referrals_ramp_up_evenly_from_joining() -> None:
    scenario = small(
        {"a": 365.25},
        referrals__ramp_start_share=0.4,
        referrals__ramp_months=6.0,
        boroughs__a__join_date=date(2018, 4, 7),
    )
    daily = np.diff(plan_of(scenario).cumulative_referrals[0])
    ramp_days = 365.25 / 2
    assert (daily[:60] == 0).all()
    np.testing.assert_allclose(daily[60], 0.4 + 0.6 * 0.5 / ramp_days)
    assert daily[60 : 60 + 182].sum() == pytest.approx(182 * 0.7, rel=0.002)  # the mean of 0.4 and 1
    np.testing.assert_allclose(daily[60 + 183 :], 1.0)


def test_referrals_follow_the_season() -> None:
    season = (2.0, 0.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0)
    daily = np.diff(
        plan_of(small({"a": 365.25}, referrals__ramp_months=0.0, referrals__seasonality=season)).cumulative_referrals[0]
    )
    assert daily[:23].sum() == 0  # 6 to 28 February
    assert daily[23:329] == pytest.approx(1.0)
    assert daily[329:360] == pytest.approx(2.0)  # January


def test_therapists_come_into_post_evenly_the_first_on_the_opening_day() -> None:
    teams = {"one": team("mst", "a", n_therapists=3, staffed_over_days=100, opens=date(2018, 2, 16))}
    slots = plan_of(small({"a": 10.0}, teams)).slots[0]
    expected = [0] * 10 + [4] * 50 + [8] * 50 + [12] * (len(slots) - 110)
    assert slots.tolist() == expected and len(slots) == 603  # to 1 October 2019, the end of delivery
    assert (
        plan_of(small({"a": 10.0}, {"one": team("mst", "a", n_therapists=1, staffed_over_days=100)})).slots[0, 0] == 4
    )


def test_a_team_that_shrinks_may_use_more_than_its_slots() -> None:
    assert plans._overhang(np.array([[4, 8, 8], [8, 4, 8]])).tolist() == [0, NO_LIMIT]


def test_a_child_goes_to_the_team_of_its_therapy_or_else_to_the_one_there_is() -> None:
    teams = {"m1": team("mst", "a"), "m2": team("mst", "b"), "f": team("fft", "b")}
    assert plan_of(small({"a": 10.0, "b": 10.0}, teams)).teams_of.tolist() == [[[0], [0]], [[1], [2]]]


def test_teams_of_one_therapy_share_a_borough_and_those_of_the_other_stand_in_for_a_therapy_it_lacks() -> None:
    teams = {"m1": team("mst", "a", "b"), "f": team("fft", "b"), "m2": team("mst", "a"), "m3": team("mst", "a")}
    teams_of = plan_of(small({"a": 10.0, "b": 10.0}, teams)).teams_of.tolist()
    assert teams_of == [[[0, 2, 3], [0, 2, 3]], [[0, -1, -1], [1, -1, -1]]]


def test_full_slots_are_the_most_before_the_end_of_delivery() -> None:
    teams = {
        "one": team("mst", "a", n_therapists=3, staffed_over_days=100),
        "half": team("mst", "a", n_therapists=2, opens=date(2019, 9, 1), staffed_over_days=60),
        "never": team("mst", "a", opens=date(2019, 10, 2)),
    }
    assert plan_of(small({"a": 10.0}, teams)).full_slots.tolist() == [12, 4, 0]


def test_a_borough_may_have_its_own_shares_suited() -> None:
    plan = plan_of(small({"a": 10.0, "b": 10.0}, boroughs__b__share_suited={"mst": 0.1}))
    assert plan.suited_cumulative.tolist() == [[0.58, 1.0], [0.1, 1.0]]


def test_risk_has_mean_1() -> None:
    rates = plan_of(pan_london()).rates
    more = rates.more_needs_prob
    assert more * rates.risk_more_needs + (1 - more) * rates.risk_fewer_needs == pytest.approx(1)
    assert rates.risk_more_needs / rates.risk_fewer_needs == pytest.approx(np.exp(0.4))


def test_fading_is_a_share_of_the_log_ratio() -> None:
    plan = plan_of(pan_london(effect__log_ratio_share_by_year=(1.0, 0.5, 0.0), effect__hazard_ratio=0.25))
    assert plan.ratio_by_year.tolist() == [0.25, 0.5, 1.0]
    ones = plan_of(pan_london(effect__log_ratio_share_by_year=(1.0, 0.5, 0.0), effect__hazard_ratio=1.0))
    assert ones.ratio_by_year.tolist() == [1.0, 1.0, 1.0]


def test_cumulative_tables_are_shares() -> None:
    plan = plan_of(pan_london())
    for table in (plan.length_cumulative, plan.first_cumulative.reshape(2, 6), plan.move_cumulative.reshape(12, 6)):
        assert (np.diff(table, axis=1) >= 0).all()
        np.testing.assert_allclose(table[:, -1], 1)
    np.testing.assert_allclose(plan.age_cumulative[-1], 1)


@pytest.mark.parametrize("name", ["pan_london", "essex", "pan_london_ten"])
def test_periods_reach_the_last_possible_18th_birthday(name: str) -> None:
    scenario = shipped(name)
    plan = plan_of(scenario)
    last_birthday = (scenario.clock.referrals_until - scenario.clock.day_0).days - 1 + 2922
    assert len(plan.period_of_day) >= last_birthday
    assert all(plan.period_of_day[day] == plan.periods.index(day) for day in range(0, last_birthday, 17))
    assert plan.outcome_periods.edges[-1] >= plan.outcomes_end > plan.outcome_periods.edges[-2]


def test_the_own_track_is_the_scenarios_tracking() -> None:
    (own,) = plan_of(pan_london()).tracks
    assert own == Track(91, 730, False, "grid", 2006)
    (essex,) = plan_of(shipped("essex")).tracks
    assert (essex.delay_days, essex.days, essex.by_intake) == (0, 913, False)


DAYS_SAVED = {"pays": "per_care_day_saved", "price_gbp": 75.0}
LADDER = {
    "pays": "improvement_ladder",
    "bands": [{"from_improvement": 0.1, "rate": 100.0}],
    "base": "per_start",
    "settle_months": [36],
}
OWN = Track(91, 730, False, "grid", 2006)


@pytest.mark.parametrize(
    ("term", "track"),
    [
        ({"pays": "per_start", "price_gbp": 1.0}, None),
        ({"pays": "block_fee", "gbp_per_year": 1.0}, None),
        ({"pays": "per_week_out_of_care", "price_gbp": 1.0}, OWN),
        ({"pays": "per_week_out_of_care", "price_gbp": 1.0, "max_units_per_child": 52}, replace(OWN, max_units=52)),
        ({"pays": "per_day_out_of_care", "price_gbp": 1.0}, replace(OWN, unit="day")),
        ({"pays": "milestone", "price_gbp": 1.0, "weeks": 52}, replace(OWN, unit="running", weeks=52, max_units=1)),
        (
            {"pays": "milestone", "price_gbp": 1.0, "weeks": 9, "counts": "at_week"},
            replace(OWN, unit="at_week", weeks=9, max_units=1),
        ),
        (DAYS_SAVED | {"baseline_share": 0.55}, OWN),
        (DAYS_SAVED | {"baseline_share": 0.55, "netting": "group"}, replace(OWN, by_intake=True)),
        (DAYS_SAVED | {"baseline_share": [0.1, 0.5]}, replace(OWN, by_intake=True)),
        (LADDER | {"control": "randomised"}, replace(OWN, controlled=True)),
        (LADDER | {"control": "fixed", "control_care_share": 0.5}, OWN),
    ],
)
def test_each_term_stands_on_its_track(term: dict[str, Any], track: Track | None) -> None:
    scenario = pan_london()
    contract = Contract.model_validate({"name": "A contract", "terms": [term]})
    assert term_track(contract.terms[0], contract, scenario) == track


def test_a_window_of_a_contracts_own_ends_when_the_last_start_has_had_it_all() -> None:
    scenario = pan_london()
    window = {"delay_days": 10, "days": 100, "covers": "completers", "week_rule": "run"}
    other = {"delay_days": 0, "days": 50}
    weeks = {"pays": "per_week_out_of_care", "price_gbp": 1.0}
    contract = Contract.model_validate(
        {"name": "A contract", "tracking": window, "terms": [weeks, weeks | {"tracking": other}]}
    )
    # Of the last day of referrals, families wait 60 days; the shortest therapy would still end in time.
    last = (scenario.clock.referrals_until - scenario.clock.day_0).days - 1 + 60
    found = [term_track(term, contract, scenario) for term in contract.terms]
    assert found == [Track(10, 100, True, "run", last + 110), Track(0, 50, False, "grid", last + 50)]


def test_contracts_share_the_tracks_that_they_have_in_common() -> None:
    """Each account once, the own first; by intake or with controls where one of them wants it so."""
    scenario = pan_london()
    milestone = {"pays": "milestone", "price_gbp": 1.0, "weeks": 52}
    contracts = [
        Contract.model_validate({"name": "A contract", "terms": terms})
        for terms in (
            [milestone, DAYS_SAVED | {"baseline_share": [0.1, 0.5]}],
            [LADDER | {"control": "matched"}, milestone | {"price_gbp": 2.0}],
        )
    ]
    plan = make_plan(scenario, 191.6, 0.25, contracts)
    reached = replace(OWN, unit="running", weeks=52, max_units=1)
    assert plan.tracks == (replace(OWN, by_intake=True, controlled=True), reached)
    assert (plan.intake_tracks, plan.control_tracks) == ((0,), (0,))
    assert [plan.track_of(track) for track in (OWN, reached)] == [0, 1]
    with pytest.raises(OptionError, match="unit day"):
        plan.track_of(replace(OWN, unit="day"))


def test_a_track_that_ends_later_has_room_for_its_periods() -> None:
    plan = plan_of(pan_london())
    longer = with_tracks(plan, Track(0, 2000, True, "run", plan.outcomes_end + 700, by_intake=True))
    assert longer.n_outcome_periods > plan.n_outcome_periods
    assert longer.intake_tracks == (1,)
