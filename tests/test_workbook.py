"""The live workbook: another engine recalculates it, the program's own functions agree, text stays text."""

from __future__ import annotations

import io
import json
import re
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any

import formulas
import numpy as np
import openpyxl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edgeofcare.calendar import Periods, day_number
from edgeofcare.documents.workbook.book import MISSING, SHEETS, workbook
from edgeofcare.engine.plan import Plan, make_plan
from edgeofcare.inputs.contract import Contract, TopUp
from edgeofcare.inputs.load import load
from edgeofcare.inputs.schema import Scenario
from edgeofcare.inputs.terms.base import UnitTerm
from edgeofcare.inputs.terms.saved_days import PerCareDaySaved
from edgeofcare.money.capital import capital, returns
from edgeofcare.money.costs import ServiceCosts
from edgeofcare.money.payments import NEVER_ENDS, Payments, capped, topped_up
from edgeofcare.money.pence import summed, whole
from edgeofcare.money.terms import settled
from edgeofcare.questions.counterfactuals import Counterfactual, claimed_case
from edgeofcare.questions.report_data import mean_case

REPLICATIONS = 40
EPOCH = datetime(1899, 12, 30)
# Each amount of the program is rounded to a penny, so sums may differ by half a penny an amount.
ROUNDING_GBP = 0.005 * 6 * 23 * 2
ROUNDING_OF_CASH_GBP = 20.0  # of some fifty dates with up to six boroughs each
Changes = dict[str, float]


# ---- cases ---------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Example:
    """A shipped scenario, its mean case, its workbook, and the workbook as another engine has read it."""

    world: Counterfactual
    plan: Plan
    mean: dict[str, Any]
    data: bytes
    file: str
    engine: Any

    def recalculated(self, changes: Changes) -> dict[str, Any]:
        """Return every cell as the other engine calculates it, by "SHEET!A1", with some changed, by name or place."""
        read = openpyxl.load_workbook(io.BytesIO(self.data))
        inputs = {}
        for name, value in changes.items():
            sheet, ref = (name if "!" in name else read.defined_names[name].attr_text).split("!")
            inputs[f"'[{self.file}]{sheet.upper()}'!{ref.replace('$', '')}"] = value
        cells = {}
        for key, found in self.engine.calculate(inputs=inputs or None).items():
            if hasattr(found, "value") and re.fullmatch(r"'\[.*\]\w+( \w+)?'!\w+", str(key)):
                sheet, ref = str(key).split("]")[1].split("'!")
                cells[f"{sheet}!{ref}"] = found.value[0, 0]
        return cells


def example(name: str, folder: Path, **capital_terms: Any) -> Example:
    scenario = load(name)
    changed = scenario.capital.model_copy(update=capital_terms)
    world = claimed_case(scenario.model_copy(update={"capital": changed}))
    mean = json.loads(json.dumps(mean_case(world, REPLICATIONS, 1), default=str))
    data = workbook({"mean": mean})
    file = folder / f"{name}.xlsx"
    file.write_bytes(data)
    plan = make_plan(world.scenario, world.entry_scale_days, world.hazard_ratio)
    return Example(world, plan, mean, data, file.name, formulas.ExcelModel().loads(str(file)).finish())


@pytest.fixture(scope="module")
def pan_london(tmp_path_factory: pytest.TempPathFactory) -> Example:
    return example("pan_london", tmp_path_factory.mktemp("workbook"))


@pytest.fixture(scope="module")
def essex(tmp_path_factory: pytest.TempPathFactory) -> Example:
    return example("essex", tmp_path_factory.mktemp("workbook"))


@pytest.fixture(scope="module")
def short_of_money(tmp_path_factory: pytest.TempPathFactory) -> Example:
    """Pan-London with too small a commitment and no reserve."""
    return example("pan_london", tmp_path_factory.mktemp("workbook"), commitment_gbp=1.2e6, reserve_months=0)


@pytest.fixture(params=["pan_london", "essex"])
def either_example(request: pytest.FixtureRequest) -> Example:
    found: Example = request.getfixturevalue(request.param)
    return found


def cached(data: bytes) -> dict[str, Any]:
    """Return every formula's value as it was written, by "SHEET!A1"."""
    texts = openpyxl.load_workbook(io.BytesIO(data))
    values = openpyxl.load_workbook(io.BytesIO(data), data_only=True)
    return {
        f"{sheet.title.upper()}!{cell.coordinate}": plain(values[sheet.title][cell.coordinate].value)
        for sheet in texts
        for row in sheet.iter_rows()
        for cell in row
        if cell.data_type == "f"
    }


def plain(value: Any) -> Any:
    return (value - EPOCH).days if isinstance(value, datetime) else value


def labelled(data: bytes, sheet: str, cells: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """Return the second column of a sheet by its first: as written, or by another engine's cells."""
    values = openpyxl.load_workbook(io.BytesIO(data), data_only=True)[sheet]
    return {
        str(row[0].value): cells.get(f"{sheet.upper()}!{row[1].coordinate}", row[1].value) if cells else row[1].value
        for row in values.iter_rows()
        if row[0].value is not None and row[1].value is not None
    }


def block(data: bytes, title: str, cells: Mapping[str, Any] | None = None) -> list[list[float]]:
    """Return a table of Payments whose title begins so: (row, period), without totals."""
    sheet = openpyxl.load_workbook(io.BytesIO(data), data_only=True)["Payments"]
    at = next(row[0].row for row in sheet.iter_rows() if str(row[0].value).startswith(title))
    n = next(cell.column for cell in sheet[at + 1] if cell.value == "Total") - 2
    found = []
    for row in sheet.iter_rows(min_row=at + 2):
        if row[0].value in (None, "All"):
            break
        read = [cells[f"PAYMENTS!{cell.coordinate}"] if cells else cell.value for cell in row[1 : n + 1]]
        found.append([float(value) for value in read])
    return found


# ---- the program on the mean case ----------------------------------------------------------------------------------


def with_changes(scenario: Scenario, prices: Mapping[int, float], **contract: Any) -> Scenario:
    terms = tuple(
        term.model_copy(update={"price_gbp": prices[i]}) if i in prices else term
        for i, term in enumerate(scenario.contract.terms)
    )
    return scenario.model_copy(update={"contract": scenario.contract.model_copy(update={"terms": terms, **contract})})


def due_pence(mean: Mapping[str, Any], scenario: Scenario, settles: list[bool]) -> Any:
    """Return what the terms come to on mean units: (1, borough, period, term), whole pence."""
    due = []
    for term, units in zip(scenario.contract.terms, mean["terms"], strict=True):
        if isinstance(term, PerCareDaySaved):
            tracked, care = np.array(units["tracked_days"]), np.array(units["care_days"])
            value = np.cumsum(term.baseline_share * tracked - care, axis=1) * term.price_gbp * 100
            due.append(settled(value[None], np.array(settles)))
        else:
            assert isinstance(term, UnitTerm)
            due.append(whole(np.array(units[term.measure]) * (term.price_gbp * 100))[None])
    return np.stack(due, axis=-1)


def program(found: Example, scenario: Scenario) -> tuple[Payments, Any, Any]:
    """Return payments, cash and returns of the mean case by the program's own functions."""
    mean, day_0 = found.mean, scenario.clock.day_0
    firsts = [date.fromisoformat(when) for when in mean["periods"]["first_dates"]]
    lag = mean["contract"]["lag_days"]
    end = date.fromisoformat(mean["periods"]["payment_dates"][-1]) - timedelta(days=lag - 1)
    periods = Periods(day_0, tuple(day_number(when, day_0) for when in (*firsts, end)))
    due = due_pence(mean, scenario, mean["terms"][0]["settles"])
    paid, _ = capped(due, scenario.contract, periods)
    top_up, _ = topped_up(summed(paid, -1), scenario.contract.top_up)
    n = len(firsts)
    payments = Payments(
        days=np.array(periods.edges[1:]) - 1 + scenario.contract.lag_days,
        labels=tuple(term.pays for term in scenario.contract.terms),
        pence=paid,
        top_up=top_up,
        before_caps=summed(due, 1, 2, 3),
        cap_binds=np.zeros(1, dtype=np.bool_),
        outcome_pence=np.zeros((1, 2), dtype=np.int64),
        ladder_rate=np.full((1, n), np.nan),
        ends=np.array([NEVER_ENDS]),
        fired={},
    )
    service = mean["service"]
    fixed = whole(np.array(list(service["kinds"].values())) * 100)
    costs = ServiceCosts(
        days=np.array([day_number(date.fromisoformat(when), day_0) for when in service["dates"]]),
        kinds=tuple(service["kinds"]),
        fixed=fixed,
        starts=(whole(np.array(service["due_gbp"]) * 100) - fixed.sum(axis=0))[None],
        boroughs_own=np.zeros((len(mean["boroughs"]), n), dtype=np.int64),
    )
    cash = capital(costs, payments, found.plan, scenario)
    return payments, cash, returns(cash)


def agrees(found: Example, scenario: Scenario, cells: Mapping[str, Any] | None) -> None:
    """Assert that the workbook's payments and returns are the program's, to rounding."""
    paid, cash, earned = program(found, scenario)
    own = np.array(block(found.data, "Boroughs' own part", cells))
    assert np.abs(own - paid.own[0] / 100).max() < ROUNDING_GBP
    assert own.sum() == pytest.approx(paid.own.sum() / 100, abs=ROUNDING_GBP)
    got = labelled(found.data, "Returns", cells)
    assert got["Drawn, GBP"] == pytest.approx(cash.draws.sum() / 100, abs=ROUNDING_OF_CASH_GBP)
    assert got["Distributed, GBP"] == pytest.approx(cash.distributions.sum() / 100, abs=ROUNDING_OF_CASH_GBP)
    assert got["Peak funding, GBP"] == pytest.approx(earned.peak_funding[0] / 100, abs=ROUNDING_OF_CASH_GBP)
    npv = got["Present value at the target rate, GBP"]
    assert npv == pytest.approx(earned.npv[0] / 100, abs=ROUNDING_OF_CASH_GBP)
    assert got["Money multiple"] == pytest.approx(earned.money_multiple[0], abs=1e-4)
    rate = next(value for label, value in got.items() if label.startswith("Rate of return"))
    assert rate == pytest.approx(earned.irr[0], abs=1e-5)


# ---- another engine ------------------------------------------------------------------------------------------------


def test_another_engine_finds_every_value_that_was_written(either_example: Example) -> None:
    found = either_example.recalculated({})
    written = cached(either_example.data)
    assert len(written) > 1500
    wrong = {
        key: (value, found.get(key)) for key, value in written.items() if abs(float(found[key]) - float(value)) > 0.005
    }
    assert wrong == {}


def test_all_checks_hold_and_none_is_a_constant(either_example: Example) -> None:
    checks = labelled(either_example.data, "Checks")
    checks.pop("Check")
    assert len(checks) >= 18
    assert [label for label, holds in checks.items() if holds is not True] == []
    texts = openpyxl.load_workbook(io.BytesIO(either_example.data))["Checks"]
    assert all(row[1].data_type == "f" for row in texts.iter_rows(min_row=5) if row[0].value)


def test_a_check_fails_when_a_payment_is_overwritten(essex: Example) -> None:
    read = openpyxl.load_workbook(io.BytesIO(essex.data))["Payments"]
    at = next(row[0].row for row in read.iter_rows() if str(row[0].value).startswith("After: cap of the contract")) + 2
    checks = labelled(essex.data, "Checks", essex.recalculated({f"Payments!M{at}": -5000.0}))
    assert {label for label, holds in checks.items() if not holds} == {"No payment is below nil", "All of these"}


def test_the_workbook_is_the_programs_mean_case(either_example: Example) -> None:
    agrees(either_example, either_example.world.scenario, None)


def test_a_changed_tariff_moves_payments_and_returns_as_the_program_would(pan_london: Example) -> None:
    lower = {"weekly_tariff_gbp": 330.0}
    scenario = with_changes(pan_london.world.scenario, {1: 330.0})
    agrees(pan_london, scenario, pan_london.recalculated(lower))


def test_money_that_runs_out_is_owed_as_in_the_program(short_of_money: Example) -> None:
    agrees(short_of_money, short_of_money.world.scenario, None)
    found = short_of_money.recalculated({})
    agrees(short_of_money, short_of_money.world.scenario, found)
    _, cash, _ = program(short_of_money, short_of_money.world.scenario)
    worst = labelled(short_of_money.data, "Returns", found)["Owed to the provider at worst, GBP"]
    assert worst == pytest.approx(cash.owed_at_worst[0] / 100, abs=ROUNDING_OF_CASH_GBP) and worst > 1e5
    checks = labelled(short_of_money.data, "Checks", found)
    assert {label for label, holds in checks.items() if not holds} == set(SHORT)


def test_a_later_payment_moves_dates_and_may_ask_for_money_twice(short_of_money: Example) -> None:
    """Without a reserve money is drawn again after a first distribution: the flows change their sign more than once."""
    cells = short_of_money.recalculated({"weekly_tariff_gbp": 500.0, "lag_days": 61.0, "commitment_gbp": 4.5e6})
    capital_terms = short_of_money.world.scenario.capital.model_copy(update={"commitment_gbp": 4.5e6})
    scenario = with_changes(short_of_money.world.scenario, {1: 500.0}, lag_days=61)
    scenario = scenario.model_copy(update={"capital": capital_terms})
    _, cash, _ = program(short_of_money, scenario)
    signs = np.sign(cash.investor[0])
    assert (np.diff(signs[signs != 0]) != 0).sum() > 1 and cash.redrawn[0] > 0
    agrees(short_of_money, scenario, cells)


def test_the_usual_reserve_is_kept_when_payments_come_later(pan_london: Example) -> None:
    cells = pan_london.recalculated({"weekly_tariff_gbp": 500.0, "lag_days": 61.0})
    scenario = with_changes(pan_london.world.scenario, {1: 500.0}, lag_days=61)
    _, cash, _ = program(pan_london, scenario)
    assert not cash.redrawn.any()
    agrees(pan_london, scenario, cells)


def test_days_saved_move_as_the_program_would(essex: Example) -> None:
    cells = essex.recalculated({"saved_day_price_gbp": 62.0, "lag_days": 1.0, "cap_gbp": 5_000_000.0})
    scenario = with_changes(essex.world.scenario, {0: 62.0}, lag_days=1, cap_gbp=5_000_000.0)
    agrees(essex, scenario, cells)


# ---- payments on small cases ---------------------------------------------------------------------------------------


def small(units: list[list[float]], contract: Mapping[str, Any], terms: list[dict[str, Any]] | None = None) -> Any:
    """Return a mean case of two boroughs over six quarters from April 2018, costs of 5,000 a quarter."""
    firsts = ["2018-04-01", "2018-07-01", "2018-10-01", "2019-01-01", "2019-04-01", "2019-07-01"]
    lasts = ["2018-06-30", "2018-09-30", "2018-12-31", "2019-03-31", "2019-06-30", "2019-09-30"]
    years, zeros = ["2018-19"] * 4 + ["2019-20"] * 2, [[0.0] * 6 for _ in units]
    paid = [(date.fromisoformat(when) + timedelta(days=30)).isoformat() for when in lasts]
    one = {"pays": "per_completion", "price_gbp": 1000.0, "completed": units}
    return {
        "scenario": "small",
        "replications": 1,
        "seed": 1,
        "boroughs": {f"b{i}": f"Borough {i}" for i in range(len(units))},
        "periods": {"first_dates": firsts, "financial_years": years, "payment_dates": paid},
        "terms": [term | {"settles": [True] * 6} for term in terms or [one]],
        "contract": {"lag_days": 30} | dict(contract),
        "capital": {
            "commitment_gbp": 20000.0,
            "tranches": {},
            "waterfall": [],
            "minimum_cash_gbp": 1000.0,
            "distribute": "after_delivery",
            "reserve_months": None,
            "when_short": "arrears",
            "target_irr_per_year": 0.05,
        },
        "delivery_end": "2019-04-01",
        "service": {"dates": firsts[:4], "due_gbp": [5000.0] * 4, "kinds": {"teams.a": [5000.0] * 4}},
        "avoided_gbp": {"avoided": zeros, "cashable": zeros},
        "financial_years": ["2018-19", "2019-20"],
        "other_costs_gbp": [[0.0, 0.0] for _ in units],
        "simulated": {
            "payments_gbp": zeros,
            "top_up_gbp": zeros,
            "received_gbp": [0.0] * 6,
            "draws_gbp": [0.0] * 10,
            "distributions_gbp": [0.0] * 10,
            "cash_dates": [*sorted({*firsts, *paid[:4]})],
        },
    }


def test_a_small_contract_worked_by_hand() -> None:
    """Caps, top-up and cash of two boroughs: 1,000 for each completion.

    Each borough's cap of 6,000 cuts A's third payment from 4,000 to 2,000; the contract's cap of 10,000 then leaves
    2,000 of the third quarter's 4,000, half to each. The central 20% of 10,000 is cut off at 1,500.
    """
    contract = {
        "borough_cap_gbp": 6000.0,
        "cap_gbp": 10000.0,
        "top_up": {"name": "Centre", "share": 0.2, "cap_gbp": 1500.0, "after_cap": "borough_pays"},
    }
    data = workbook({"mean": small([[2, 2, 4, 0, 0, 0], [2, 2, 2, 0, 0, 1]], contract)})
    assert block(data, "After: cap of each borough")[0] == [2000, 2000, 2000, 0, 0, 0]
    assert block(data, "After: cap of the contract") == [[2000, 2000, 1000, 0, 0, 0], [2000, 2000, 1000, 0, 0, 0]]
    assert block(data, "Paid by Centre") == [[400, 350, 0, 0, 0, 0], [400, 350, 0, 0, 0, 0]]
    assert block(data, "Boroughs' own part")[0] == [1600, 1650, 1000, 0, 0, 0]
    got = labelled(data, "Returns")
    # 1 April: 6,000 keeps 1,000 after a cost of 5,000. July: 5,000 again; 4,000 come on 30 July. October: 1,000 is
    # missing. 4,000 come on 30 October; January: 1,000 is missing; 2,000 come on 30 January. After delivery all of it.
    assert got["Drawn, GBP"] == 6000 + 5000 + 1000 + 1000
    assert got["Distributed, GBP"] == 10000 - 20000 + 13000
    assert got["Owed to the provider at worst, GBP"] == got["Owed to the provider at the end, never paid, GBP"] == 0


SHORT = ("Money does not run out: no bill of the provider waits", "All of these")


def test_money_that_runs_out_worked_by_hand() -> None:
    """GBP 10,500 for four bills of 5,000, with 1,000 kept in cash; 4,000, 4,000 and 2,000 come a month after quarters.

    April draws 6,000, July the last 4,500. October finds 4,500: 500 wait for 30 October, which leaves 3,500. January:
    1,500 wait for 30 January, which leaves 500. Where the investor is called: 500 in October, 1,000 in January.
    """
    mean = small([[2, 2, 1, 0, 0, 0], [2, 2, 1, 0, 0, 0]], {})
    mean["capital"] |= {"commitment_gbp": 10500.0}
    data = workbook({"mean": mean})
    got, checks = labelled(data, "Returns"), labelled(data, "Checks")
    assert got["Owed to the provider at worst, GBP"] == 1500
    assert got["Owed to the provider at the end, never paid, GBP"] == 0
    assert got["Distributed, GBP"] == 10000 + 10500 - 20000
    checks.pop("Check")
    assert [label for label, holds in checks.items() if holds is not True] == list(SHORT)
    mean["capital"] |= {"when_short": "call"}
    data = workbook({"mean": mean})
    got = labelled(data, "Returns")
    assert got["Called from the investor beyond its commitment, GBP"] == 1500
    assert got["Drawn, GBP"] == 12000 and got["Owed to the provider at worst, GBP"] == 0
    assert labelled(data, "Checks")["All of these"] is True


@settings(max_examples=12, deadline=None)
@given(st.data())
def test_caps_and_top_up_are_the_programs(data: st.DataObject) -> None:
    """Whole hundreds of units at whole pounds: the program has pennies to round only where a cap binds."""
    rows = st.lists(st.integers(0, 9), min_size=6, max_size=6)
    units = data.draw(st.lists(rows, min_size=2, max_size=3))
    cap = st.one_of(st.none(), st.integers(0, 20000).map(float))
    caps = {name: data.draw(cap) for name in ("borough_year_cap_gbp", "borough_cap_gbp", "cap_gbp")}
    after = data.draw(st.sampled_from(["borough_pays", "unpaid"]))
    top_up = TopUp(
        name="Centre", share=data.draw(st.sampled_from([0.0, 0.15, 1.0])), cap_gbp=data.draw(cap), after_cap=after
    )
    floats = [[float(n) for n in row] for row in units]
    mean = small(floats, caps | {"top_up": top_up.model_dump()})
    contract = Contract(name="x", terms=(), top_up=top_up, **caps)
    firsts = [date.fromisoformat(when) for when in mean["periods"]["first_dates"]]
    periods = Periods(firsts[0], tuple((when - firsts[0]).days for when in (*firsts, date(2019, 10, 1))))
    paid, _ = capped(whole(np.array(units)[None, ..., None] * 1000.0 * 100), contract, periods)
    given_, short = topped_up(summed(paid, -1), top_up)
    own = summed(paid, -1) - given_ - (short if after == "unpaid" else 0)
    book = workbook({"mean": mean})
    assert np.array(block(book, "Paid by Centre")) == pytest.approx(given_[0] / 100, abs=0.08)
    assert np.array(block(book, "Boroughs' own part")) == pytest.approx(own[0] / 100, abs=0.08)
    assert labelled(book, "Checks")["All of these"] is True


def test_every_kind_of_term_is_live_or_says_that_it_is_a_value() -> None:
    units = [[1.0, 2, 3, 0, 0, 0], [2.0, 0, 1, 0, 0, 0]]
    days = [[10.0, 10, 10, 0, 0, 0], [10.0, 10, 10, 0, 0, 0]]
    terms = [
        {"pays": "per_start", "price_gbp": 100.0, "started": units},
        {"pays": "per_day_out_of_care", "price_gbp": 10.0, "deadweight_share": 0.3, "paid_units": units},
        {"pays": "milestone", "price_gbp": 50.0, "paid_units": units},
        {"pays": "milestone", "price_gbp": 70.0, "paid_units": units},
        {
            "pays": "per_care_day_saved",
            "price_gbp": 9.0,
            "baseline_share": [0.1, 0.5],
            "netting": "contract",
            "due_gbp": units,
        },
        {"pays": "block_fee", "due_gbp": days},
    ]
    data = workbook({"mean": small(units, {}, terms)})
    assert block(data, "Tariff of a day")[0][:3] == pytest.approx([7, 14, 21])
    assert block(data, "Price of a milestone (2)")[1][:3] == [140, 0, 70]
    assert block(data, "Care days saved below a baseline: simulated mean, a value") == units
    assert block(data, "Fixed fee: simulated mean, a value") == days
    names = set(openpyxl.load_workbook(io.BytesIO(data)).defined_names)
    assert {"start_price_gbp", "deadweight_share", "milestone_price_gbp", "milestone_price_gbp_2"} <= names
    assert labelled(data, "Checks")["All of these"] is True


def test_rules_beyond_the_sheet_are_shown_as_simulated_values() -> None:
    mean = small([[1.0] * 6, [1.0] * 6], {"floor_gbp": 5000.0, "cap_gbp": 3000.0})
    mean["simulated"]["payments_gbp"] = [[7.0] * 6, [8.0] * 6]
    mean["capital"] |= {"tranches": {"a": {}}}
    mean["simulated"] |= {"draws_gbp": [100.0] + [0.0] * 9, "distributions_gbp": [0.0] * 9 + [121.0]}
    data = workbook({"mean": mean})
    assert block(data, "Boroughs' own part") == [[7.0] * 6, [8.0] * 6]
    notes = openpyxl.load_workbook(io.BytesIO(data))
    assert "floor of the contract" in notes["Payments"]["A3"].value
    assert "not rebuil" in notes["Waterfall"]["A2"].value or "does not rebuild" in notes["Waterfall"]["A2"].value
    got = labelled(data, "Returns")
    days = (date(2019, 7, 1) - date(2018, 4, 1)).days
    rate = next(value for label, value in got.items() if label.startswith("Rate of return"))
    assert rate == pytest.approx(1.21 ** (365 / days) - 1, abs=1e-12)
    assert labelled(data, "Checks")["All of these"] is True


# ---- the file ------------------------------------------------------------------------------------------------------

HOSTILE = ["=1+1", "+cmd|' /C calc'!A0", "-2+3", "@SUM(A1)", '<b>&"x"</b>', "http://example.org", "=HYPERLINK(1)"]


def test_names_are_text_everywhere() -> None:
    mean = small(
        [[1.0] * 6 for _ in HOSTILE],
        {"top_up": {"name": HOSTILE[0], "share": 0.1, "cap_gbp": None, "after_cap": "borough_pays"}},
    )
    mean["boroughs"] = dict(zip("abcdefg", HOSTILE, strict=True))
    entry = dict.fromkeys(("id", "name", "value", "unit", "source", "date", "quality"), HOSTILE[0])
    log = {"assumptions": [entry | {"source": text} for text in HOSTILE]}
    one = {"name": HOSTILE[0], "started": {"mean": 1.5, "p50": 1}}
    summary = {"replications": 5, "seed": 1, "boroughs": {"a": one}}
    case = {"mean": mean, "assumptions": log, "summary": summary, "case": {"title": HOSTILE[0], "scenario": HOSTILE[1]}}
    data = workbook(case)
    read = openpyxl.load_workbook(io.BytesIO(data))
    seen = {cell.value: cell.data_type for sheet in read for row in sheet.iter_rows() for cell in row if cell.value}
    # openpyxl itself takes text that begins with = for a formula, so the file is asked.
    with zipfile.ZipFile(io.BytesIO(data)) as packed:
        sheets = [packed.read(name).decode() for name in packed.namelist() if name.startswith("xl/worksheets/sheet")]
        assert not any("hyperlink" in name for name in packed.namelist())
    written = " ".join(found for sheet in sheets for found in re.findall(r"<f>(.*?)</f>", sheet))
    assert set(HOSTILE) <= {str(value) for value in seen}
    assert not any(word in written for word in ("1+1", "cmd", "2+3", "@", "HYPERLINK", "<b>", "&lt;b"))
    assert all("<hyperlink" not in sheet for sheet in sheets)


def test_the_same_case_gives_the_same_bytes() -> None:
    mean = small([[1.0] * 6], {})
    assert workbook({"mean": mean}) == workbook({"mean": mean})


@pytest.mark.parametrize("case", [{}, {"mean": small([[1.0] * 6], {})}])
def test_a_part_that_was_not_run_is_one_sentence(case: dict[str, Any]) -> None:
    read = openpyxl.load_workbook(io.BytesIO(workbook(case)))
    assert read.sheetnames == list(SHEETS)
    for name in ("Simulation results", "Assumptions", *(() if case else ("Payments", "Returns", "Checks"))):
        assert [cell.value for row in read[name].iter_rows() for cell in row if cell.value] == [name, MISSING]


def test_defined_names_lead_to_inputs_and_cannot_be_taken_for_cells(either_example: Example) -> None:
    read = openpyxl.load_workbook(io.BytesIO(either_example.data))
    assert {"cap_gbp", "lag_days", "commitment_gbp", "minimum_cash_gbp", "target_rate"} <= set(read.defined_names)
    for name, defined in read.defined_names.items():
        assert not re.fullmatch(r"[A-Za-z]{1,3}\d+|[Rr]\d*[Cc]\d*", name)
        sheet, ref = defined.attr_text.split("!")
        assert sheet in ("Inputs", "Returns")
        assert isinstance(read[sheet][ref.replace("$", "")].value, int | float | str | datetime)


def test_dates_of_the_waterfall_are_those_of_the_program(either_example: Example) -> None:
    sheet = openpyxl.load_workbook(io.BytesIO(either_example.data), data_only=True)["Waterfall"]
    days = [row[0].date().isoformat() for row in sheet.iter_rows(values_only=True) if isinstance(row[0], datetime)]
    simulated = either_example.mean["simulated"]["cash_dates"]
    assert days[: len(simulated)] == simulated
    assert all(a < b for a, b in pairwise(days))


def test_results_and_assumptions_are_values() -> None:
    figure = {"mean": 2.5, "se": 0.1, "p5": 1.0, "p10": 1.5, "p50": 2.0, "p90": 3.0, "p95": 4.0}
    summary = {"replications": 10, "seed": 3, "payments_gbp": {"total": figure}, "investor": {"loss_prob": 0.25}}
    log = {"assumptions": [{"id": "a.b", "name": "A", "value": [1, 2], "low": 0.5, "source": "S", "quality": "data"}]}
    read = openpyxl.load_workbook(io.BytesIO(workbook({"summary": summary, "assumptions": log})))
    rows = [[cell.value for cell in row] for row in read["Simulation results"].iter_rows()]
    assert ["Payments (GBP): Total", 2.5, 0.1, 1, 1.5, 2, 3, 4] in rows
    assert ["Investor: Loss (chance)", 0.25, *[None] * 6] in rows
    rows = [[cell.value for cell in row] for row in read["Assumptions"].iter_rows()]
    assert rows[-1] == ["a.b", "A", "[1, 2]", 0.5, None, None, None, "S", None, "data"]
