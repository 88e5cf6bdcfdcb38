"""Shipped scenarios: all load, all figures have a source, and the values are those of the published record."""

from datetime import date
from typing import Any

import pytest

from edgeofcare.engine import kernel
from edgeofcare.engine.calibrate import calibrate
from edgeofcare.engine.plan import make_plan
from edgeofcare.inputs.load import load, paths, shipped, uncertain, value_at
from edgeofcare.inputs.schema import Scenario


@pytest.fixture(scope="module")
def pan_london() -> Scenario:
    return load("pan_london")


@pytest.fixture(scope="module")
def ten() -> Scenario:
    return load("pan_london_ten")


@pytest.fixture(scope="module")
def essex() -> Scenario:
    return load("essex")


def test_three_scenarios_are_shipped() -> None:
    assert {"essex", "pan_london", "pan_london_ten", *ALTERNATIVES} <= set(shipped())


@pytest.mark.parametrize("name", shipped())
def test_every_figure_has_a_source_that_stands_alone(name: str) -> None:
    for path, origin in load(name).origins.items():
        assert origin.source.strip(), path
        assert "as above" not in origin.source.lower(), path


# Keys that hold numbers but are choices of the model or mere ratios, not claims about the world.
NO_SOURCE_NEEDED = (
    "correlations",
    "prices.index.other.level_by_year",
    "effect.log_ratio_share_by_year",
    "care.placement",
)
DEFAULTS = ("referrals.seasonality", "referrals.late", "boroughs", "teams", "costs", "prices.index", "prices.deflator")


@pytest.mark.parametrize("name", shipped())
def test_every_number_that_is_not_a_default_has_an_origin(name: str) -> None:
    scenario = load(name)
    bare = []
    for path in paths(scenario):
        known = any(path == known or path.startswith(f"{known}.") for known in scenario.origins)
        value = value_at(scenario, path)
        if type(value) in (int, float) and not known and not path.startswith(NO_SOURCE_NEEDED):
            bare.append((path, value))
    assert [item for item in bare if not (item[0].startswith(DEFAULTS) and item[1] in (0, 1))] == []


@pytest.mark.parametrize("name", shipped())
def test_main_judgements_have_ranges(name: str) -> None:
    scenario = load(name)
    ranged = uncertain(scenario)
    sizes = {"effect.therapy"} if scenario.effect.therapy is not None else set()
    expected = sizes | {
        "effect.usual",
        "care.first_entry_shape",
        "child.frailty_variance",
        "care.stay.stay_to_18_prob_under_16",
        "referrals.accept_prob",
        "therapies.mst.completion_prob",
        "costs.management.0.gbp_per_year",
    }
    assert expected <= ranged.keys()
    assert any(path.endswith("referrals_per_year") for path in ranged)
    assert all(type(value) is float for value, _ in ranged.values()), "draws are not whole numbers"


@pytest.mark.parametrize("name", shipped())
def test_correlations_are_between_uncertain_numbers(name: str) -> None:
    scenario = load(name)
    assert all({*c.between} <= uncertain(scenario).keys() for c in scenario.correlations)


# ---- named alternatives -----------------------------------------------------------------------------------------


ANYTHING = object()
ALTERNATIVES: dict[str, Any] = {
    "pan_london_null": {"effect": {"therapy": None, "hazard_ratio": 1.0}},
    "pan_london_harm": {"effect": {"therapy": None, "odds_ratio": 1.25}},
    "pan_london_evidence": {"effect": {"prior": "evidence"}, "evidence": ANYTHING},
    "pan_london_stay_dfe": {"care": {"stay": {"stay_to_18_prob_under_16": 0.55, "stay_to_18_prob_16_plus": 0.65}}},
    "essex_completers": {"tracking": {"covers": "completers"}},
    "essex_by_quarter": {"contract": {"terms": ANYTHING}},
}


def changes(old: Any, new: Any) -> Any:
    """Return what differs between two tables, as nested tables of the new values; lists as a whole."""
    if not (isinstance(old, dict) and isinstance(new, dict)):
        return new
    keys = [key for key in new if old.get(key) != new[key]]
    return {key: changes(old.get(key), new[key]) for key in keys}


@pytest.mark.parametrize("name", ALTERNATIVES)
def test_an_alternative_differs_from_its_base_only_where_it_says(name: str) -> None:
    base = load("essex" if name.startswith("essex") else "pan_london")
    skip = {"origins", "name", "title", "description", "correlations"}
    found = changes(base.model_dump(exclude=skip), load(name).model_dump(exclude=skip))
    assert same(found, ALTERNATIVES[name]), found


def same(found: Any, expected: Any) -> bool:
    if expected is ANYTHING:
        return bool(found)
    if not isinstance(expected, dict):
        return bool(found == expected)
    return found.keys() == expected.keys() and all(same(found[key], expected[key]) for key in expected)


def test_shorter_stays_still_reach_the_contracts_share() -> None:
    """65% of tracked days in care stays within reach; 16% of the accepted then enter care while they wait."""
    found = calibrate(load("pan_london_stay_dfe"), 20_000)
    assert found.reached == pytest.approx({"usual": 0.35, "therapy": 0.65}, abs=1e-3)
    assert 0.12 < found.entered_care_waiting < 0.2
    assert found.entry_scale_days < calibrate(load("pan_london"), 20_000).entry_scale_days


def test_the_baseline_by_quarter_is_usual_care_in_essex() -> None:
    """Share of tracked days in care by quarters since the intake's quarter, intakes of the first five years: 0.04."""
    scenario = load("essex_by_quarter")
    (term,) = scenario.contract.terms
    plan = make_plan(scenario, calibrate(scenario).entry_scale_days, 1.0)
    tracked, care = kernel.run(plan, 1, 0, 200).intake[:, 0, 0, 0].sum(axis=0).T
    groups = range(20)
    found = [sum(care[g + q, g] for g in groups) / sum(tracked[g + q, g] for g in groups) for q in range(10)]
    assert found == pytest.approx(list(term.baseline_share), abs=0.04)
    assert term.price_gbp == 75 and len(term.baseline_share) == 10


def test_pan_london_runs_for_the_published_five_and_a_half_years(pan_london: Scenario) -> None:
    clock = pan_london.clock
    assert (clock.day_0, clock.referrals_until) == (date(2018, 2, 6), date(2021, 2, 6))
    assert (clock.delivery_end, clock.outcomes_end) == (date(2021, 8, 5), date(2023, 8, 5))
    assert pan_london.tracking.model_dump() == {
        "delay_days": 91,
        "days": 730,
        "window_from": "start",
        "covers": "starters",
        "week_rule": "grid",
    }


def test_pan_london_referrals_follow_care_starts(pan_london: Scenario) -> None:
    referrals = {slug: borough.referrals_per_year for slug, borough in pan_london.boroughs.items()}
    published = {"sutton": 22.1, "bexley": 26.3, "merton": 19.1, "newham": 71.6, "tower_hamlets": 46.1}
    assert referrals == pytest.approx(published | {"barking_and_dagenham": 27.1}, abs=0.05)
    assert pan_london.boroughs["barking_and_dagenham"].join_date == date(2018, 7, 1)
    assert pan_london.boroughs["merton"].entitlement == 48


def test_pan_london_terms(pan_london: Scenario) -> None:
    contract = pan_london.contract
    assert [(term.pays, term.price_gbp) for term in contract.terms] == [
        ("per_completion", 1000),
        ("per_week_out_of_care", 400),
    ]
    assert contract.cap_gbp == 10e6 and contract.top_up is not None
    assert (contract.top_up.share, contract.top_up.cap_gbp) == (0.15, 1.5e6)
    assert (pan_london.capital.commitment_gbp, pan_london.capital.minimum_cash_gbp) == (4.5e6, 0.1e6)


def test_pan_london_prices_blend_to_londons_average(pan_london: Scenario) -> None:
    days = (0.085, 0.226, 0.351, 0.220, 0.006, 0.112)  # shares of avoided days by type: prototype, defaults
    blended = sum(share * price for share, price in zip(days, pan_london.prices.gbp_per_week.values(), strict=True))
    assert blended == pytest.approx(1464, rel=0.02)


def test_ten_boroughs_differ_from_six_only_where_they_say(pan_london: Scenario, ten: Scenario) -> None:
    new = {"richmond_upon_thames": 7.8, "kingston_upon_thames": 6.5, "hounslow": 16.6, "haringey": 19.9}
    old = {"sutton": 18.6, "bexley": 22.1, "merton": 16.1, "newham": 60.3, "tower_hamlets": 38.9}
    referrals = {slug: borough.referrals_per_year for slug, borough in ten.boroughs.items()}
    assert referrals == pytest.approx(old | {"barking_and_dagenham": 22.8} | new, abs=0.06)
    assert ten.costs.management[0].gbp_per_year == 430e3
    for part in ("clock", "child", "care", "effect", "prices", "contract", "capital", "therapies", "tracking"):
        assert getattr(ten, part) == getattr(pan_london, part)
    assert ten.boroughs["merton"].entitlement == 48
    assert all(slug in ten.teams["fft"].boroughs for slug in ten.boroughs)


def test_essex_terms(essex: Scenario) -> None:
    (term,) = essex.contract.terms
    assert term.model_dump(exclude={"needs_data", "tracking"}) == {
        "pays": "per_care_day_saved",
        "price_gbp": 75.0,
        "baseline_share": 0.55,
        "netting": "contract",
    }
    assert (essex.contract.cap_gbp, essex.capital.commitment_gbp, essex.contract.top_up) == (7.2e6, 3.1e6, None)
    assert (essex.effect.usual, essex.effect.therapy) == (pytest.approx(1 - 0.55), pytest.approx(1 - 0.27))
    assert (essex.tracking.delay_days, essex.tracking.days) == (0, 913)


def test_essex_prices_are_flat_and_wholly_cashable(essex: Scenario) -> None:
    assert set(essex.prices.gbp_per_week.values()) == {1302.0}
    assert essex.prices.index["other"].growth_per_year == 0
    assert set(essex.prices.cashable_share.values()) == {1.0}


def test_essex_team_is_two_teams_of_four_that_one_list_reaches(essex: Scenario) -> None:
    (team,) = essex.teams.values()
    assert (team.n_therapists, team.caseload_per_therapist, team.cost_gbp_per_year) == (8, 4, 790e3)
    assert [cost.gbp_per_year for cost in essex.costs.management] == [165e3, 65e3]
