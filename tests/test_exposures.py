"""Exposure of every borough: closed cases by hand, a run's own rows as witness, other worlds, early ends, budgets."""

from __future__ import annotations

from datetime import date
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgeofcare.engine import kernel
from edgeofcare.engine.plan import make_plan
from edgeofcare.errors import OptionError
from edgeofcare.inputs.load import load, with_values
from edgeofcare.inputs.schema import Scenario
from edgeofcare.money.costs import service_costs
from edgeofcare.outcomes import COLUMNS, Rows
from edgeofcare.questions.counterfactuals import claimed_case
from edgeofcare.questions.exposure import _independent, borough_exposure, concentration, exposure
from edgeofcare.results import plain
from edgeofcare.walk import Run, run

LONDON = load("pan_london")
YEARS = ("2018-19", "2019-20", "2020-21")
FEW, BUDGET = 60, 300_000.0


def exposures(scenario: Scenario, replications: int, **options: Any) -> dict[str, Any]:
    return exposure(scenario, replications, **options).as_dict()


# ---- by hand ------------------------------------------------------------------------------------------------------


def rows(**columns: Any) -> Rows:
    """Rows of one borough, money given in pounds."""
    arrays = {}
    for name, values in columns.items():
        array = np.asarray(values)
        arrays[name] = np.rint(array * 100).astype(np.int64) if COLUMNS[name].unit == "gbp" else array
    n = len(next(iter(arrays.values())))
    return Rows(arrays, np.arange(n), np.zeros(n, dtype=int), {"borough": ("ashby",), "year": YEARS})


def rows_of(net_by_year: list[list[float]], payments: list[list[float]]) -> Rows:
    """Return rows of one borough whose cashable saving is what its net saving and payments make it."""
    net, paid = (np.array(values)[:, None, :] for values in (net_by_year, payments))
    running = np.cumsum(net, axis=2) > 0
    total = net.sum(axis=2)
    return rows(
        referred=np.full(total.shape, 4),
        started=np.full(total.shape, 2),
        payments_gbp=paid.sum(axis=2),
        all_payments_gbp=paid.sum(axis=2) * 2,
        worst_year_gbp=paid.max(axis=2),
        net_saving_gbp=total,
        cashable_gbp=total + paid.sum(axis=2),
        other_costs_gbp=np.zeros(total.shape),
        payments_by_year_gbp=paid,
        net_saving_by_year_gbp=net,
        cashable_by_year_gbp=net + paid,
        avoided_by_year_gbp=net + paid,
        marginal_by_year_gbp=(net + paid) / 2,
        cashable_care_without_gbp=np.full(total.shape, 100.0),
        first_year_in_credit=np.where(running.any(axis=2), running.argmax(axis=2), -1),
        weeks_home_usual=np.full(total.shape, 3),
        weeks_home_therapy=np.full(total.shape, 4),
        real_service_cost_gbp=np.full(total.shape, 10.0),
    )


def test_credit_budget_and_ratios_by_hand() -> None:
    one = rows_of([[-5, 10, 1], [3, 1, 1], [-5, 2, 3], [-9, 1, 1]], [[10, 4, 0], [1, 2, 0], [5, 5, 0], [9, 9, 2]])
    found = plain(borough_exposure(one, "ashby", "Ashby", np.array([1.0, 0.9, 0.8]), budget_gbp=5.0))
    assert found["first_year_in_credit"] == {"2018-19": 0.25, "2019-20": 0.25, "2020-21": 0.0}
    assert found["ever_in_credit_prob"] == 0.5 and found["better_off_prob"] == 0.5
    credit = [found["years"][year]["in_credit_prob"] for year in YEARS]
    assert credit == [0.25, 0.5, 0.5]
    cumulative = [found["years"][year]["cumulative_net_saving_gbp"] for year in YEARS]
    assert cumulative == [-4.0, -0.5, 1.0] and found["net_saving_gbp"]["mean"] == 1.0
    assert found["budget"]["any_year_over_prob"] == 0.5, "a budget that is just kept is not broken"
    assert list(found["budget"]["over_prob_by_year"].values()) == [0.5, 0.25, 0.0]
    ratio = found["benefit_cost_ratio"]
    assert ratio["borough"] == pytest.approx((4 + 47) / 47) and ratio["public_purse"] == pytest.approx((4 + 47) / 94)
    real = (5 + 4 + 0 + 0) / 2 + 0.9 * (14 + 3 + 7 + 10) / 2 + 0.8 * (1 + 1 + 3 + 3) / 2
    assert ratio["social"] == pytest.approx(real / 40)
    assert ratio["social_optimism_off"] == pytest.approx(real / 40 * 0.75 / 1.1)
    assert found["deadweight_share"] == 0.75


def test_the_independent_figure_by_hand() -> None:
    """Care without therapy 10, 20, 30; saved 5, 1, 6; paid 4: the next contract's 20, 30, 10 less 5, 19, 24 and 4."""
    one = luck([[10.0], [20], [30]], [[5.0], [1], [6]], np.full((3, 1), 4.0))
    assert _independent(one, "ashby") == pytest.approx(2 / 3)


def luck(without: Any, cashable: Any, payments: Any) -> Rows:
    return rows(
        cashable_care_without_gbp=without,
        cashable_gbp=cashable,
        payments_gbp=payments,
        other_costs_gbp=np.zeros(np.shape(payments)),
    )


@given(st.lists(st.tuples(st.floats(0, 50), st.floats(0, 50)), min_size=1, max_size=30), st.floats(50, 99))
def test_where_care_without_therapy_is_no_matter_of_luck_both_figures_agree(
    pairs: list[tuple[float, float]], without: float
) -> None:
    saved, paid = (np.rint(np.array(column))[:, None] for column in zip(*pairs, strict=True))
    care = np.full((len(pairs), 1), np.rint(without))
    assert _independent(luck(care, saved, paid), "ashby") == (saved > paid).mean()


def test_independent_luck_has_the_chance_of_its_closed_form() -> None:
    """Care without therapy U(0, 100), with therapy 0.6 of it, paid 10; of another draw: A > B + 10, B U(0, 60).

    Its area: integral of 90 - b over b from 0 to 60 = 3600, of 6000: a chance of 0.6; on the same children 0.75.
    100,000 draws (a pair of neighbours shares one: the error is below twice that of independent draws), 10 standard
    errors of 0.00155: false alarm under 1 in a million.
    """
    rng, n = np.random.default_rng(3), 100_000
    without = rng.uniform(0, 100, (n, 1))
    with_therapy = without * 0.6
    one = luck(without, without - with_therapy, np.full((n, 1), 10.0))
    assert abs(_independent(one, "ashby") - 0.6) < 10 * np.sqrt(0.6 * 0.4 / n)
    assert (one.at("cashable_gbp") > 10).mean() == pytest.approx(0.75, abs=0.01)


def test_the_expected_shortfall_of_a_net_saving_is_the_mean_of_its_lowest_twentieth() -> None:
    net = np.arange(1.0, 101.0)[:, None]
    one = rows(net_saving_gbp=net, payments_gbp=net, started=net.astype(int))
    assert one.spread("net_saving_gbp").expected_shortfall == np.mean([1, 2, 3, 4, 5])
    assert one.spread("payments_gbp").expected_shortfall == np.mean([96, 97, 98, 99, 100])
    assert one.spread("started").expected_shortfall is None


@pytest.mark.parametrize(
    ("paid", "largest", "share", "effective"),
    [((1, 1, 1, 1, 1, 1), 0, 1 / 6, 6), ((0, 0, 5, 0, 0, 0), 2, 1, 1), ((3, 1, 0, 0, 0, 0), 0, 0.75, 1.6)],
)
def test_concentration_in_closed_cases(paid: tuple[int, ...], largest: int, share: float, effective: float) -> None:
    found = plain(concentration(paying([paid, paid])))
    assert found["largest"] == list(LONDON.boroughs)[largest]
    assert found["largest_share"] == pytest.approx(share) and found["effective_boroughs"] == pytest.approx(effective)


def paying(payments: Any) -> Rows:
    columns = {"payments_gbp": np.asarray(payments, dtype=np.int64)}
    return Rows(columns, np.arange(2), np.zeros(2, dtype=int), {"borough": tuple(LONDON.boroughs)})


def test_where_nothing_is_paid_nobody_is_the_largest() -> None:
    assert set(plain(concentration(paying(np.zeros((2, 6))))).values()) == {None}


# ---- against a run ------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def found() -> dict[str, Any]:
    return exposures(LONDON, FEW, budgets={"newham": BUDGET, "sutton": 0.0, "bexley": 1e9})


@pytest.fixture(scope="module")
def witness() -> Run:
    return run(LONDON, FEW, 1)


def test_figures_are_those_of_a_run(found: dict[str, Any], witness: Run) -> None:
    for slug, borough in found["boroughs"].items():
        own = witness.boroughs[witness.boroughs["borough"] == slug]
        assert borough["payments_gbp"]["mean"] == pytest.approx(own["payments_gbp"].mean())
        for percentile in (10, 50, 90, 95):
            assert borough["payments_gbp"][f"p{percentile}"] == pytest.approx(
                np.quantile(own["payments_gbp"], percentile / 100)
            )
        assert borough["worst_year_gbp"]["p95"] == pytest.approx(np.quantile(own["worst_year_payment_gbp"], 0.95))
        assert borough["avoided_gbp"]["nominal"] == pytest.approx(own["avoided_cost_gbp"].mean())
        assert borough["avoided_gbp"]["cashable"] == pytest.approx(own["avoided_cashable_gbp"].mean())
        assert borough["net_saving_gbp"]["mean"] == pytest.approx(own["net_saving_gbp"].mean())
        assert borough["better_off_prob"] == (own["net_saving_gbp"] > 0).mean()


def test_years_and_boroughs_add_up(found: dict[str, Any]) -> None:
    for borough in found["boroughs"].values():
        years = [borough["years"][year] for year in found["financial_years"]]
        assert list(borough["years"]) == list(found["financial_years"])
        net = [year["net_saving_gbp"] for year in years]
        assert np.cumsum(net) == pytest.approx([year["cumulative_net_saving_gbp"] for year in years])
        assert sum(net) == pytest.approx(borough["net_saving_gbp"]["mean"])
        assert sum(year["payments_gbp"]["mean"] for year in years) == pytest.approx(borough["payments_gbp"]["mean"])
        assert sum(borough["first_year_in_credit"].values()) == pytest.approx(borough["ever_in_credit_prob"])
        assert years[-1]["in_credit_prob"] == borough["better_off_prob"] <= borough["ever_in_credit_prob"]
        avoided = borough["avoided_gbp"]
        assert avoided["cashable"] <= avoided["marginal"] <= avoided["nominal"]
    for name in ("payments_gbp", "net_saving_gbp"):
        total = sum(borough[name]["mean"] for borough in found["boroughs"].values())
        assert found["contract"][name]["mean"] == pytest.approx(total)


def test_a_budget_is_broken_as_often_as_the_runs_years_say(found: dict[str, Any], witness: Run) -> None:
    years = witness.borough_years.query("borough == 'newham'")
    over = years.pivot(index="replication", columns="financial_year", values="payments_gbp") > BUDGET
    told = found["boroughs"]["newham"]["budget"]
    assert told["any_year_over_prob"] == over.any(axis=1).mean() > 0
    assert told["over_prob_by_year"] == {year: over[year].mean() for year in over}
    assert found["boroughs"]["sutton"]["budget"]["any_year_over_prob"] == 1
    assert found["boroughs"]["bexley"]["budget"]["any_year_over_prob"] == 0
    assert "budget" not in found["boroughs"]["merton"]


def test_a_budget_of_a_borough_that_is_not_in_is_refused() -> None:
    with pytest.raises(OptionError, match=r"no borough haringey in pan_london\. It has sutton"):
        exposures(LONDON, 10, budgets={"haringey": 1.0})
    with pytest.raises(OptionError, match="replications"):
        exposures(LONDON, 0)


def test_inputs_in_doubt_stand_beside_chance() -> None:
    """The error is between ten draws, not between a hundred replications."""
    both = exposures(LONDON, 100, outer_draws=10, what_if=False)
    alone = exposures(LONDON, 100, what_if=False)
    for slug, borough in both["boroughs"].items():
        doubt = borough.pop("uncertain")
        assert borough == alone["boroughs"][slug], "chance only stays as it was"
        assert doubt["net_saving_gbp"]["se"] > borough["net_saving_gbp"]["se"]
        assert doubt["net_saving_gbp"]["mean"] < borough["net_saving_gbp"]["mean"]
        assert 0 <= doubt["better_off_prob"] <= 1 and doubt["better_off_prob_se"] is not None


# ---- other cases -------------------------------------------------------------------------------------------------


def test_what_if_asks_what_the_issue_asks(found: dict[str, Any]) -> None:
    asked = {
        "referrals_50_percent_more",
        "referrals_50_percent_fewer",
        "no_effect",
        "half_effect",
        "english_trial",
        "prices_20_percent_lower",
        "prices_20_percent_higher",
    }
    for slug, borough in found["boroughs"].items():
        others = {f"without_{other}" for other in found["boroughs"] if other != slug}
        assert set(borough["what_if"]) == asked | others
        for row in borough["what_if"].values():
            change = row["change_in_net_saving_gbp"]
            assert change["mean"] == pytest.approx(row["net_saving_gbp"] - borough["net_saving_gbp"]["mean"], abs=0.01)
            assert change["se"] >= 0


def test_without_effect_what_is_paid_is_lost(found: dict[str, Any]) -> None:
    for borough in found["boroughs"].values():
        none, half, trial = (borough["what_if"][name] for name in ("no_effect", "half_effect", "english_trial"))
        assert none["net_saving_gbp"] == pytest.approx(-none["payments_gbp"]) and none["better_off_prob"] == 0
        assert half["net_saving_gbp"] > trial["net_saving_gbp"]


def test_prices_of_care_move_what_is_saved_and_nothing_that_is_paid(found: dict[str, Any]) -> None:
    for borough in found["boroughs"].values():
        for name, part in (("prices_20_percent_lower", -0.2), ("prices_20_percent_higher", 0.2)):
            row = borough["what_if"][name]
            assert row["payments_gbp"] == borough["payments_gbp"]["mean"]
            change = row["change_in_net_saving_gbp"]["mean"]
            assert change == pytest.approx(part * borough["avoided_gbp"]["cashable"], rel=1e-3)


def test_a_neighbour_that_leaves_is_felt_only_where_something_is_shared() -> None:
    """Without a cap, a top-up and a full FFT team, Sutton (team A) does not feel it if Newham (team B) leaves."""
    apart = {"contract.cap_gbp": None, "contract.top_up": None, "teams.fft.n_therapists": 60}
    found = exposures(with_values(LONDON, apart), 20)
    alone = found["boroughs"]["sutton"]["what_if"]
    assert alone["without_newham"]["change_in_net_saving_gbp"] == {"mean": 0.0, "se": 0.0}
    helped = found["boroughs"]["bexley"]["what_if"]["without_newham"]["change_in_net_saving_gbp"]
    assert helped["mean"] != 0 and helped["se"] > 0


# ---- early end ----------------------------------------------------------------------------------------------------


def early(**changes: Any) -> Scenario:
    return with_values(LONDON, {"contract.termination": {"on": date(2020, 3, 31)}} | changes)


def test_after_an_early_end_boroughs_bear_the_service() -> None:
    """By hand: nothing is paid after the quarter of the end; what the service costs from then on falls on boroughs."""
    scenario = early()
    found = exposures(scenario, 20, what_if=False)
    claimed = claimed_case(scenario)
    plan = make_plan(scenario, claimed.entry_scale_days, claimed.hazard_ratio)
    service = service_costs(plan, scenario, kernel.run(plan, 1, 0, 20))
    ends = (date(2020, 4, 1) - scenario.clock.day_0).days
    borne = service.due[:, service.days >= ends].sum(axis=1).mean() / 100
    told = sum(
        b["avoided_gbp"]["cashable"] - b["payments_gbp"]["mean"] - b["net_saving_gbp"]["mean"]
        for b in found["boroughs"].values()
    )
    assert borne > 1e6 and told == pytest.approx(borne)
    for borough in found["boroughs"].values():
        late = [borough["years"][year] for year in ("2020-21", "2021-22", "2022-23")]
        assert all(year["payments_gbp"]["mean"] == 0 for year in late)
        cashable, net = borough["avoided_gbp"]["cashable"], borough["net_saving_gbp"]["mean"]
        assert borough["benefit_cost_ratio"]["borough"] == pytest.approx(cashable / (cashable - net))


def test_an_end_after_the_last_outcome_changes_nothing() -> None:
    never = with_values(LONDON, {"contract.termination": {"on": date(2090, 1, 1)}})
    one, other = (exposures(scenario, 20, what_if=False) for scenario in (LONDON, never))
    assert one == other
