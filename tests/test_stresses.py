"""Stress files: what they change, worked by hand; what does not fit is told with its file, line and key."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import Any

import pytest

from edgeofcare.errors import InputError
from edgeofcare.inputs.load import load, with_values
from edgeofcare.inputs.stresses import find_stresses, read_stress, shipped_stresses, stressed
from helpers import pan_london, small

ASKED = {
    "no_effect",
    "half_effect",
    "start_effect",
    "start_world",
    "us_pooled",
    "evidence_mixture",
    "base_45",
    "base_11",
    "net_widening",
    "referrals_30",
    "referrals_66",
    "slow_ramp",
    "completion_60",
    "therapist_vacancies",
    "residential_plus_10",
    "residential_flat",
    "payments_late",
    "borough_leaves",
    "pandemic",
    "lower_cap",
    "fading_effect",
    "bad_common_year",
    "all_bad_together",
}
HEAD = 'title = "A"\nkind = "service"\nsource = "B"\n'


def written(folder: Path, text: str, name: str = "mine") -> str:
    """Write a stress file and return its path."""
    path = folder / f"{name}.toml"
    path.write_text(HEAD + text)
    return str(path)


def under(names: str, **values: Any) -> Any:
    """The London scenario, hazards given, under one stress."""
    (one,) = find_stresses(names)
    return stressed(pan_london(**values), one)


def faults(scenario: Any, name: str) -> str:
    with pytest.raises(InputError) as told:
        stressed(scenario, find_stresses(name)[0])
    return str(told.value)


# ---- what is shipped ----------------------------------------------------------------------------------------------


def test_every_stress_that_was_asked_for_is_shipped() -> None:
    assert set(shipped_stresses()) == ASKED
    assert [one.name for one in find_stresses("all")] == sorted(ASKED)


@pytest.mark.parametrize("name", sorted(ASKED))
def test_every_shipped_stress_changes_something_in_london(name: str) -> None:
    scenario = load("pan_london")
    found = stressed(scenario, read_stress(name))
    assert found.left_out == {}
    assert found.scenario != scenario or not found.world.is_claim
    said = read_stress(name).said
    assert said.source and said.description


@pytest.mark.parametrize("scenario", ["essex", "pan_london_ten"])
def test_only_a_leaver_does_not_fit_where_there_is_one_borough(scenario: str) -> None:
    unfit = []
    for one in find_stresses("all"):
        try:
            stressed(load(scenario), one)
        except InputError:
            unfit.append(one.name)
    assert unfit == (["borough_leaves"] if scenario == "essex" else [])


# ---- by hand ------------------------------------------------------------------------------------------------------


def test_factors_dates_sums_and_types() -> None:
    plan = pan_london()
    volume = under("referrals_30").scenario
    assert [b.referrals_per_year for b in volume.boroughs.values()] == [
        pytest.approx(0.3 * b.referrals_per_year, rel=1e-12) for b in plan.boroughs.values()
    ]
    assert under("payments_late").scenario.contract.lag_days == 30 + 182
    assert under("lower_cap").scenario.contract.cap_gbp == 7.5e6
    left = under("borough_leaves").scenario.boroughs
    assert {slug: b.leave_date for slug, b in left.items() if b.leave_date} == {"newham": date(2019, 8, 8)}
    pandemic = under("pandemic").scenario
    assert pandemic.contract.standstill is not None and pandemic.referrals.pause is not None
    assert pandemic.contract.standstill.gbp_per_year == pytest.approx(390e3 + 470e3 + 340e3)
    assert pandemic.contract.standstill.starts == pandemic.referrals.pause.starts == date(2020, 3, 23)


def test_a_price_index_of_a_type_that_had_none_is_added_and_the_others_stay() -> None:
    essex = load("essex")
    (one,) = find_stresses("residential_plus_10")
    found = stressed(essex, one).scenario.prices.index
    assert found["residential"].growth_per_year == 0.10 and found["other"] == essex.prices.index["other"]


def test_times_and_add_of_whole_numbers_and_dates(tmp_path: Path) -> None:
    text = '[times]\n"teams.*.n_therapists" = 0.5\n"capital.commitment_gbp" = 2\n[add]\n"clock.outcomes_end" = 10\n'
    found = under(written(tmp_path, text)).scenario
    assert [team.n_therapists for team in found.teams.values()] == [2, 2, 2]  # 1.5 is rounded to even
    assert found.capital.commitment_gbp == 9e6 and found.clock.outcomes_end == date(2023, 8, 15)


def test_together_is_one_after_the_other_in_any_order() -> None:
    one, other = under("referrals_66+pandemic+half_effect"), under("half_effect+pandemic+referrals_66")
    assert one.scenario == other.scenario and one.world.effect == other.world.effect == "half"
    assert (
        one.scenario.boroughs["newham"].referrals_per_year
        == under("referrals_66").scenario.boroughs["newham"].referrals_per_year
    )
    twice = under("referrals_66+referrals_30").scenario.boroughs["sutton"].referrals_per_year
    assert twice == pytest.approx(0.66 * 0.30 * pan_london().boroughs["sutton"].referrals_per_year, rel=1e-12)


def test_hazards_as_claimed_are_those_without_the_change() -> None:
    found = under("fading_effect+slow_ramp")
    assert found.scenario.effect.log_ratio_share_by_year == (1.0, 0.5, 0.0)
    assert found.claimed.effect.log_ratio_share_by_year == (1.0,)
    assert found.claimed.referrals.ramp_months == found.scenario.referrals.ramp_months == 24


def test_a_composition_leaves_out_what_does_not_fit_and_says_so() -> None:
    found = under("all_bad_together")
    assert found.left_out == {} and found.world.effect == "half" and found.scenario.contract.cap_gbp == 7.5e6
    alone = stressed(small({"ashby": 35.0}), read_stress("all_bad_together"))
    assert list(alone.left_out) == ["borough_leaves"] and "has one" in alone.left_out["borough_leaves"]


# ---- what does not fit --------------------------------------------------------------------------------------------


def test_a_borough_cannot_leave_where_there_is_one() -> None:
    told = faults(small({"ashby": 35.0}), "borough_leaves")
    assert "stresses/borough_leaves.toml:" in told and "must leave another borough" in told


def test_a_leaver_that_joins_later_is_told_at_the_key_of_the_stress() -> None:
    late = with_values(pan_london(), {"boroughs.newham.join_date": date(2020, 1, 1)})
    told = faults(late, "borough_leaves")
    assert "borough_leaves.toml:10: set.boroughs.<largest>.leave_date: does not fit this scenario" in told


def test_a_missing_key_is_told_with_its_line_and_the_nearest(tmp_path: Path) -> None:
    told = faults(pan_london(), written(tmp_path, '[set]\n"capital.comitment_gbp" = 1.0\n'))
    assert "mine.toml:5: set.capital.comitment_gbp: there is no such key in this scenario" in told
    assert "Did you mean 'capital.commitment_gbp'?" in told


@pytest.mark.parametrize(
    "text, told",
    [
        ('[times]\n"boroughs.*.referals" = 2\n', "matches nothing in this scenario"),
        ('[times]\n"contract.floor_gbp" = 2\n', "has no number in this scenario"),
        ('[times]\n"title" = 2\n', "is not a number"),
        ('[set]\n"referrals.accept_prob" = 1.5\n', "set.referrals.accept_prob: does not fit this scenario: must be"),
        ("", "give either changes"),
        ('together = ["half_effect"]\n', "must be together"),
        ('[sett]\n"a" = 1\n', "unknown key"),
        ('[times]\n"capital.commitment_gbp" = "2"\n', "must be a number"),
        ('[world]\neffect = "lots"\n', "must be one of"),
    ],
)
def test_faults_in_a_file(tmp_path: Path, text: str, told: str) -> None:
    found = faults(pan_london(), written(tmp_path, text))
    assert told in found and "mine.toml" in found


def test_an_unknown_stress_names_the_nearest() -> None:
    assert "Did you mean 'half_effect'?" in faults(pan_london(), "half_efect")
    assert "there is no such file" in faults(pan_london(), "nowhere/half_effect.toml")


def test_two_that_contradict_each_other_are_refused(tmp_path: Path) -> None:
    mine = written(tmp_path, '[set]\n"referrals.ramp_months" = 3.0\n')
    assert "slow_ramp sets this too" in faults(pan_london(), f"slow_ramp+{mine}")
    assert "both cannot hold" in faults(pan_london(), "half_effect+no_effect")
    assert "the evidence draws care without therapy itself" in faults(pan_london(), "evidence_mixture+base_11")
