"""Contracts side by side: the same lives for all, each as if it were alone, and the contrasts that must appear."""

from __future__ import annotations

import json
from functools import lru_cache
from typing import Any

import numpy as np
import pytest

import edgeofcare as eoc
from edgeofcare.engine import kernel
from edgeofcare.engine.plan import make_plan
from edgeofcare.errors import InputError, OptionError
from edgeofcare.experiment import experiment, simulate
from edgeofcare.inputs.contracts import contracts_over, priced, shipped_contracts
from edgeofcare.inputs.load import load
from edgeofcare.inputs.schema import Scenario
from edgeofcare.outcomes import Rows
from edgeofcare.questions.contracts import (
    COLUMNS,
    Comparison,
    figures,
    laid_over,
    planned_cost_gbp,
    same_cost_factors,
    under,
)
from edgeofcare.questions.contracts import contracts as compare_contracts
from edgeofcare.questions.counterfactuals import Counterfactual, claimed_case, grid_cases
from edgeofcare.results import plain
from helpers import assert_same_counts, small

REPLICATIONS = 200
FEW = 40
BY_OUTCOME = ("pan_london", "norfolk", "suffolk", "dn2", "birmingham", "manchester")  # nothing held against usual care
COMPARATORS = ("fee_for_service", "self_finance")
CLAIMED, NONE, START = (f"{effect} on contract" for effect in ("claimed", "none", "start"))
SAFE = "none on start_control"


@lru_cache
def compared() -> Comparison:
    return compare_contracts(load("pan_london"), replications=REPLICATIONS, seed=1, grid=True)


@lru_cache
def told() -> dict[str, Any]:
    return compared().as_dict()


def rows_of(
    cases: list[Counterfactual], contracts: dict[str, Scenario], n: int = REPLICATIONS
) -> dict[str, dict[str, Rows]]:
    """Rows by case and contract."""
    rows = experiment({case.name: case for case in cases}, 1, n, COLUMNS, contracts)
    return {case.name: {name: rows[case.name, name] for name in contracts} for case in cases}


@lru_cache
def outcomes() -> dict[str, dict[str, Rows]]:
    """Every contract in every case of the grid."""
    return rows_of(grid_cases(load("pan_london")), laid())


@lru_cache
def essex() -> dict[str, dict[str, Rows]]:
    """Three contracts on the children of Essex in three cases."""
    scenario = load("essex")
    cases = [case for case in grid_cases(scenario) if case.name in (CLAIMED, NONE, SAFE)]
    return rows_of(cases, contracts_over(scenario, ["essex", "pan_london", "cuyahoga"]))


def paid(rows: Rows) -> float:
    return float(rows.at("all_payments_gbp").mean())


def share_of_plan(case: str, name: str) -> float:
    return paid(outcomes()[case][name]) / paid(outcomes()[CLAIMED][name])


@lru_cache
def world() -> Counterfactual:
    return claimed_case(load("pan_london"))


@lru_cache
def laid() -> dict[str, Scenario]:
    return contracts_over(load("pan_london"), "all", planned_cost_gbp(world()))


# ---- what is told ---------------------------------------------------------------------------------------------------


def test_twelve_contracts_in_fourteen_worlds() -> None:
    found = json.loads(json.dumps(told(), allow_nan=False))
    assert list(found["contracts"]) == shipped_contracts() and len(found["contracts"]) == 12
    assert len(found["worlds"]) == 14
    names = [one["name"] for one in found["worlds"]]
    assert all(list(one["grid"]) == names for one in found["contracts"].values())
    assert {one["volume"] for one in found["worlds"]} == {0.3, 0.66, 1.0}
    for name, one in found["contracts"].items():
        assert one["price_factor"] == 1
        assert one["grid"][CLAIMED]["payments_gbp"] == one["payments_gbp"]
        assert one["payments_gbp"]["n"] == REPLICATIONS
        assert one["payments_gbp"]["mean"] == pytest.approx(paid(outcomes()[CLAIMED][name]))
        assert list(one["boroughs"]) == list(load("pan_london").boroughs)
        assert sum(one["investor"]["irr_outcomes"].values()) == REPLICATIONS


def test_without_grid_and_by_name() -> None:
    found = compare_contracts(load("pan_london"), "essex,dn2", replications=3).as_dict()
    assert list(found["contracts"]) == ["essex", "dn2"] and "worlds" not in found
    assert "grid" not in found["contracts"]["essex"]


def test_rows_add_up_in_every_case() -> None:
    """Boroughs and top-up make the whole; the worst year lies between the mean year and the whole; no gap in money."""
    for case, by_contract in outcomes().items():
        for name, rows in by_contract.items():
            own, worst = rows.at("payments_gbp"), rows.at("worst_year_together_gbp")
            assert own + rows.at("top_up_gbp") == pytest.approx(rows.at("all_payments_gbp"), abs=0.005), (case, name)
            assert (worst <= own + 0.005).all() and (worst <= rows.at("worst_year_gbp") + 0.005).all()
            assert (rows["worst_year_gbp"] <= rows["payments_gbp"] + 0.005).all()
            flows = rows.columns["flows"]
            assert flows.shape == (REPLICATIONS, len(rows.labels["date"]))
            assert flows.sum() / 100 == pytest.approx(rows.at("profit_gbp").sum(), abs=0.01)


# ---- the same lives -------------------------------------------------------------------------------------------------


def test_lives_do_not_depend_on_the_contracts_laid_over_them() -> None:
    bare, full = simulate(world(), 1, 0, FEW), simulate(world(), 1, 0, FEW, laid().values())
    for name in ("lives", "care", "team"):
        assert np.array_equal(getattr(bare.counts, name), getattr(full.counts, name)), name
    n = bare.counts.outcomes.shape[4]  # longer windows of others have more periods, in which no service is given
    assert np.array_equal(bare.counts.service, full.counts.service[:, :, :n])
    assert not full.counts.service[:, :, n:].any()
    assert np.array_equal(bare.counts.outcomes[:, :, 0], full.counts.outcomes[:, :, 0, :, :n])
    assert full.counts.outcomes.shape[2] > 5 and len(full.plan.control_tracks) > 0


def test_another_contract_changes_nothing_for_the_others() -> None:
    every = told()["contracts"]
    for names in (["essex"], ["cuyahoga", "dn2"], ["manchester", "self_finance", "newpin"]):
        fewer = compare_contracts(load("pan_london"), names, replications=REPLICATIONS, seed=1).as_dict()["contracts"]
        for name in names:
            assert fewer[name] == {key: value for key, value in every[name].items() if key != "grid"}, name


RUN_COLUMNS = {
    "all_payments_gbp": "payments_gbp",
    "top_up_gbp": "payments_top_up_gbp",
    "irr": "irr",
    "money_multiple": "money_multiple",
    "profit_gbp": "profit_gbp",
    "peak_funding_gbp": "peak_funding_gbp",
}


@pytest.mark.parametrize("name", shipped_contracts())
def test_each_is_as_if_it_were_alone(name: str) -> None:
    """`run` of the scenario under this contract, windows for it alone: the same figures, replication by replication."""
    run = eoc.run(laid()[name], replications=FEW, seed=1, workers=1)
    rows = outcomes()[CLAIMED][name]
    for mine, its in RUN_COLUMNS.items():
        assert np.array_equal(rows.at(mine)[:FEW], run.replications[its].to_numpy(), equal_nan=True), mine
    by_borough = run.boroughs.set_index(["replication", "borough"])
    for mine in ("payments_gbp", "net_saving_gbp"):
        its = by_borough[mine].unstack()[list(laid()[name].boroughs)].to_numpy()
        assert rows[mine][:FEW] == pytest.approx(its, abs=0.005)


def test_the_scenarios_own_contract_is_the_run() -> None:
    """Over 200 replications: what `run` says of Pan-London is what the comparison says of it."""
    scenario = load("pan_london")
    summary = plain(eoc.run(scenario, replications=REPLICATIONS, seed=1).summary)
    own = plain(figures(rows_of([world()], {"own": scenario})[CLAIMED]["own"], scenario))
    assert own["payments_gbp"] == summary["payments_gbp"]["total"]
    assert own["deadweight_share"] == summary["deadweight_share"]["mean"]
    assert own["cap_binds_prob"] == summary["cap_binds_prob"]
    for key in ("irr_of_expected_flows", "irr", "money_multiple", "profit_gbp", "loss_prob", "irr_outcomes"):
        assert own["investor"][key] == summary["investor"][key], key


def test_chunks_and_threads_change_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    names = {name: laid()[name] for name in ("essex", "cuyahoga")}
    one = experiment({"one": world()}, 1, FEW, COLUMNS, names, workers=1)
    monkeypatch.setattr("edgeofcare.experiment.CHUNK_OF_KERNEL", 17)
    seen: list[tuple[int, int]] = []
    other = experiment({"one": world()}, 1, FEW, COLUMNS, names, workers=2, progress=lambda *n: seen.append(n))
    assert len(seen) == 4 and (seen[0], seen[-1]) == ((0, FEW), (FEW, FEW))
    for name in names:
        for column, values in one["one", name].columns.items():
            assert np.array_equal(values, other["one", name].columns[column], equal_nan=True), column


# ---- no effect ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("reentry", [1.0, 0.5])
@pytest.mark.parametrize("ratio", [0.25, 1.6])
def test_without_effect_is_a_run_with_hazard_ratio_one(ratio: float, reentry: float) -> None:
    values = {"care__reentry__hazard_ratio": reentry} if reentry != 1 else {}
    scenario = small(effect__hazard_ratio=ratio, **values)
    null = small(effect__hazard_ratio=1.0)
    contracts = [one.contract for one in laid().values()]
    plans = [make_plan(s, 191.6, float(s.effect.hazard_ratio or 0), contracts) for s in (scenario, null)]
    with_therapy, expected = (kernel.run(plan, 5, 3, 30) for plan in plans)
    assert not np.array_equal(with_therapy.care, expected.care), "therapy does something here"
    assert_same_counts(with_therapy.without_effect(), expected)


def test_without_effect_of_pan_london_is_the_world_of_no_effect() -> None:
    none = next(one for one in grid_cases(load("pan_london")) if one.name == NONE)
    assert_same_counts(
        simulate(world(), 1, 7, 20, laid().values()).counts.without_effect(),
        simulate(none, 1, 7, 20, laid().values()).counts,
    )


def test_money_if_nothing_happens_is_the_money_of_the_case_of_no_effect() -> None:
    columns = {"payments_gbp": "all_payments_gbp", "net_saving_gbp": "net_saving_gbp", "profit_gbp": "profit_gbp"}
    for name, one in told()["contracts"].items():
        for key, column in columns.items():
            assert one["if_no_effect"][key] == plain(outcomes()[NONE][name].stat(column)), (name, key)


# ---- the contrasts of the design ------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", BY_OUTCOME)
def test_base_right_no_effect_a_gross_tariff_pays_about_half(name: str) -> None:
    assert 0.45 < share_of_plan(NONE, name) < 0.65


def test_base_right_no_effect_a_flat_baseline_pays_the_build_up_of_young_groups() -> None:
    share = paid(essex()[NONE]["essex"]) / paid(essex()[CLAIMED]["essex"])
    assert 0.05 < share < 0.20
    assert 0.05 < share_of_plan(NONE, "essex") < 0.20


def test_no_effect_a_control_pays_only_noise() -> None:
    assert 0 <= share_of_plan(NONE, "cuyahoga") < 0.03
    assert 0 <= paid(essex()[NONE]["cuyahoga"]) < 0.03 * paid(essex()[CLAIMED]["cuyahoga"])


def test_base_wrong_no_effect_tariff_and_fixed_baseline_reach_the_cap() -> None:
    """The one that hurts: 11% ever placed, therapy does nothing, and everything is paid, in every replication."""
    for cases in (outcomes(), essex()):
        for name in ("pan_london", "essex"):
            cap = laid()[name].contract.cap_gbp
            assert cases[SAFE][name].at("all_payments_gbp") == pytest.approx(np.full(REPLICATIONS, cap), abs=0.01)
            assert cases[SAFE][name].at("cap_binds").all()
        assert paid(cases[SAFE]["cuyahoga"]) < 0.1 * paid(cases[CLAIMED]["cuyahoga"])
    investor = told()["contracts"]["essex"]["grid"][SAFE]["investor"]
    assert investor["loss_prob"] == 0 and investor["profit_gbp"]["mean"] > 0
    assert told()["contracts"]["essex"]["grid"][SAFE]["net_saving_prob"] == 0


def test_a_fee_pays_the_same_whatever_happens() -> None:
    for name in COMPARATORS:
        for world_name in (NONE, START, SAFE):
            assert share_of_plan(world_name, name) == pytest.approx(1, abs=1e-9)


def test_harm_pays_less_than_nothing_and_costs_more() -> None:
    for name in BY_OUTCOME:
        grid = told()["contracts"][name]["grid"]
        assert grid[START]["payments_gbp"]["mean"] < grid[NONE]["payments_gbp"]["mean"]
        assert grid[START]["net_saving_gbp"]["mean"] < grid[NONE]["net_saving_gbp"]["mean"]


def test_fewer_referrals_pay_less_and_sink_the_investor() -> None:
    for name in BY_OUTCOME:
        grid = told()["contracts"][name]["grid"]
        volumes = [grid[f"{CLAIMED}{tail}"] for tail in (", volume 30%", ", volume 66%", "")]
        means = [one["payments_gbp"]["mean"] for one in volumes]
        assert means[0] < 0.5 * means[1] + 0.5 * means[2] and means == sorted(means)
        assert 0.30 < means[0] / means[2] < 0.45, "about in proportion, but for waiting"
        assert volumes[0]["investor"]["loss_prob"] == 1 and volumes[2]["investor"]["loss_prob"] < 0.02
        profits = [one["investor"]["profit_gbp"]["mean"] for one in volumes]
        assert profits == sorted(profits) and profits[0] < 0


# ---- measures -------------------------------------------------------------------------------------------------------


def test_deadweight_of_a_weekly_tariff_at_the_claim() -> None:
    """0.536 +- 0.02 by the design; by hand from the counts: usual-arm weeks over therapy-arm weeks."""
    counts = simulate(world(), 1, 0, REPLICATIONS).counts
    usual, therapy = (int(counts.outcome(arm, "paid_units").sum()) for arm in ("usual", "therapy"))
    assert usual / therapy == pytest.approx(0.536, abs=0.02)
    for name in ("pan_london", "dn2"):
        assert told()["contracts"][name]["deadweight_share"] == pytest.approx(usual / therapy, abs=1e-6)
    assert told()["contracts"]["pan_london"]["grid"][NONE]["deadweight_share"] == pytest.approx(1)
    assert told()["contracts"]["fee_for_service"]["deadweight_share"] is None


def test_price_of_a_week_gained() -> None:
    counts = simulate(world(), 1, 0, REPLICATIONS).counts
    usual, therapy = (int(counts.outcome(arm, "grid_weeks").sum()) for arm in ("usual", "therapy"))
    for name, one in told()["contracts"].items():
        total = outcomes()[CLAIMED][name].at("all_payments_gbp").sum()
        assert one["gbp_per_attributable_week"] == pytest.approx(total / (therapy - usual))
        for nothing in (NONE, START, SAFE, "start on start_control"):
            assert one["grid"][nothing]["gbp_per_attributable_week"] is None, "nothing is gained there"


def test_chances_and_shortfall_by_hand() -> None:
    rows = outcomes()[CLAIMED]["suffolk"]
    said = told()["contracts"]["suffolk"]["grid"]["half on contract"]
    half = outcomes()["half on contract"]["suffolk"]
    profit = sorted(half.at("profit_gbp").tolist())
    assert said["investor"]["loss_prob"] == sum(value < 0 for value in profit) / REPLICATIONS
    assert said["investor"]["mean_profit_of_worst_5pct_gbp"] == pytest.approx(sum(profit[:10]) / 10)
    assert said["investor"]["missed_target_prob"] == sum(value < 0 for value in half.at("npv_gbp")) / REPLICATIONS
    assert said["net_saving_prob"] == sum(value > 0 for value in half.at("net_saving_gbp")) / REPLICATIONS
    assert 0 < said["investor"]["loss_prob"] < 1 and rows.at("profit_gbp").mean() > half.at("profit_gbp").mean()


def test_tranches_make_up_the_investors() -> None:
    one = told()["contracts"]["cuyahoga"]["investor"]
    assert len(one["tranches"]) > 1
    total = sum(tranche["profit_gbp"]["mean"] for tranche in one["tranches"].values())
    assert total == pytest.approx(one["profit_gbp"]["mean"], abs=0.01)


# ---- the same cost --------------------------------------------------------------------------------------------------


def test_prices_scaled_to_the_same_cost() -> None:
    found = compare_contracts(load("pan_london"), replications=500, seed=1, same_cost=True)
    own = eoc.run(load("pan_london"), 500, 1).summary.payments_gbp.total.mean
    factor = {name: one.price_factor for name, one in found.contracts.items()}
    for name, one in found.contracts.items():
        if name == "self_finance":
            assert factor[name] == 1, "the cost of the service has no price that could be scaled"
            continue
        assert one.payments_gbp.mean == pytest.approx(own, rel=0.005), name
    assert factor["pan_london"] == pytest.approx(1, abs=1e-6)
    assert factor["essex"] > 1.5
    # Price and cap together: what share was due anyway does not move.
    published = told()["contracts"]["essex"]["deadweight_share"]
    assert found.as_dict()["contracts"]["essex"]["deadweight_share"] == pytest.approx(published, abs=0.01)


def test_factors_are_fixed_at_the_claim_and_held_in_the_grid() -> None:
    names = {name: laid()[name] for name in ("essex", "newpin")}
    factors = same_cost_factors(world(), names, 1)
    scaled = {name: priced(one, factors[name]) for name, one in names.items()}
    none = next(one for one in grid_cases(load("pan_london")) if one.name == NONE)
    found = rows_of([none], scaled, FEW)[NONE]
    for name in names:
        before = outcomes()[NONE][name].at("all_payments_gbp")[:FEW]
        assert found[name].at("all_payments_gbp") == pytest.approx(before * factors[name], rel=1e-4, abs=1)


# ---- faults ---------------------------------------------------------------------------------------------------------


def test_users_mistakes_are_sentences() -> None:
    scenario = load("pan_london")
    with pytest.raises(InputError, match=r"Did you mean 'essex'\?"):
        compare_contracts(scenario, "esex", replications=1)
    with pytest.raises(OptionError, match="replications must be a whole number"):
        compare_contracts(scenario, "essex", replications=0)
    with pytest.raises(OptionError, match="seed must be a whole number"):
        compare_contracts(scenario, "essex", replications=1, seed=-1)
    with pytest.raises(OptionError, match="workers must be a whole number from 1"):
        compare_contracts(scenario, "essex", replications=1, workers=-1)
    with pytest.raises(OptionError, match="claims none of its own"):
        compare_contracts(load("pan_london_evidence"), "essex", replications=1)
    with pytest.raises(OptionError, match=r"one contract is wanted here \(got 2\)"):
        under(scenario, "essex,dn2")


def test_laid_over_none_is_the_scenario_itself() -> None:
    scenario = load("pan_london")
    assert laid_over(scenario, None) == {"pan_london": scenario} and under(scenario, None) == scenario
    other = under(scenario, "newpin")
    assert other.contract == laid()["newpin"].contract


# ---- the scenario's own contract among others ----------------------------------------------------------------------


def test_a_scenarios_own_contract_is_compared_as_it_stands() -> None:
    from edgeofcare.documents.answers.contracts import payments_document
    from edgeofcare.inputs.contracts import names_for
    from edgeofcare.inputs.load import with_values

    dearer = with_values(load("pan_london"), {"contract.terms.1.price_gbp": 500.0})
    assert "own" not in names_for(load("pan_london")) and next(iter(names_for(dearer))) == "own"
    found = compare_contracts(dearer, ["own", "pan_london"], FEW, 1).as_dict()
    alone = plain(eoc.run(dearer, FEW, 1).summary)
    own = found["contracts"]["own"]
    assert own["payments_gbp"]["mean"] == pytest.approx(alone["payments_gbp"]["total"]["mean"], abs=0.005)
    assert own["before_caps_gbp"]["mean"] > found["contracts"]["pan_london"]["before_caps_gbp"]["mean"]
    table = next(block for block in payments_document(found).blocks if hasattr(block, "rows"))
    assert sum(row[0].startswith("This case: ") for row in table.rows) == 1
