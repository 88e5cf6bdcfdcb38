"""Contracts laid over any scenario's children: files, faults, published terms, sizes and prices."""

import re
import tomllib
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edgeofcare.engine import kernel
from edgeofcare.engine.plan import make_plan
from edgeofcare.errors import InputError, OptionError
from edgeofcare.inputs.contract import Capital
from edgeofcare.inputs.contracts import (
    at_price,
    contract_title,
    contracts_over,
    lay,
    priced,
    scaled,
    shipped_contracts,
)
from edgeofcare.inputs.load import canonical, load, paths, scenario_folder, scenario_hash, value_at
from edgeofcare.inputs.schema import Scenario
from edgeofcare.money.costs import service_costs
from edgeofcare.money.payments import payments

SCENARIOS = ("pan_london", "pan_london_ten", "essex")
FOLDER = scenario_folder() / "contracts"
MEASURED_ONCE = ("newpin", "benevolent_society", "cuyahoga")  # nothing comes in before a settlement
COMPARATORS = ("fee_for_service", "self_finance")
OWN_CAPITAL = (*MEASURED_ONCE, *COMPARATORS)


@pytest.fixture(scope="module")
def scenarios() -> dict[str, Scenario]:
    return {name: load(name) for name in SCENARIOS}


@pytest.fixture(scope="module")
def pan_london(scenarios: dict[str, Scenario]) -> Scenario:
    return scenarios["pan_london"]


# --- the shipped twelve -----------------------------------------------------------------------------------------------


def test_twelve_contracts_are_shipped_in_the_order_of_the_design() -> None:
    assert shipped_contracts() == [
        "pan_london",
        "essex",
        "norfolk",
        "suffolk",
        "dn2",
        "birmingham",
        "manchester",
        "newpin",
        "benevolent_society",
        "cuyahoga",
        "fee_for_service",
        "self_finance",
    ]
    assert all(contract_title(name) for name in shipped_contracts())


@pytest.mark.parametrize("name", shipped_contracts())
@pytest.mark.parametrize("base", SCENARIOS)
def test_each_lies_over_each_scenario_and_changes_nothing_else(
    scenarios: dict[str, Scenario], base: str, name: str
) -> None:
    scenario, laid = scenarios[base], lay(scenarios[base], name, 6_900_000.0)
    changed = {key for key in Scenario.model_fields if getattr(laid, key) != getattr(scenario, key)}
    assert changed <= {"contract", "origins"} | ({"capital"} if name in OWN_CAPITAL else set())
    assert (laid.capital != scenario.capital) == (name in OWN_CAPITAL)
    assert laid.name == base
    assert Scenario.model_validate(laid.model_dump()) == laid
    assert scenario_hash(laid) != scenario_hash(scenario) and canonical(laid)
    make_plan(scenario, 200.0, 0.25, [laid.contract])


@pytest.mark.parametrize("name", shipped_contracts())
def test_every_number_has_an_origin_and_every_origin_a_number(pan_london: Scenario, name: str) -> None:
    laid = lay(pan_london, name)
    own = ("contract.", "capital.") if name in OWN_CAPITAL else ("contract.",)
    bare = [
        (path, value_at(laid, path))
        for path in paths(laid)
        if path.startswith(own)
        and type(value_at(laid, path)) in (int, float)
        and not any(path == known or path.startswith(f"{known}.") for known in laid.origins)
    ]
    # What is left is what the file did not write: defaults that are off.
    assert [item for item in bare if item[1] not in (0, 1)] == []
    for path, origin in laid.origins.items():
        value_at(laid, path)
        if path.startswith(own):
            is_word = isinstance(value_at(laid, path), str)  # a choice has a source and no unit
            assert origin.source.strip() and (is_word or origin.unit.strip()), path


@pytest.mark.parametrize("name", shipped_contracts())
def test_files_say_who_when_and_what_was_published_and_have_few_terms(name: str) -> None:
    text = (FOLDER / f"{name}.toml").read_text("utf-8")
    comments = re.match(r"(# .*\n)+", text)
    assert comments and 3 <= comments[0].count("\n") <= 6
    assert "ublished" in comments[0] and "Mapped" in comments[0]
    assert len(tomllib.loads(text)["contract"]["terms"]) <= 4
    assert f"| `{name}` |" in (FOLDER / "README.md").read_text("utf-8")


def test_the_contracts_of_scenarios_are_those_of_the_scenarios(scenarios: dict[str, Scenario]) -> None:
    for name in ("pan_london", "essex"):
        own, laid = scenarios[name], lay(scenarios[name], name)
        assert laid.contract.tracking == own.tracking
        told = {"tracking", "description"}
        assert laid.contract.model_dump(exclude=told) == own.contract.model_dump(exclude=told)


AUD, USD = 0.54, 0.75
# What the sources say, term by term, as in the research of terms of real contracts.
PUBLISHED: list[tuple[str, str, Any]] = [
    ("pan_london", "cap_gbp", 10.0e6),
    ("pan_london", "top_up.share", 0.15),
    ("pan_london", "top_up.cap_gbp", 1.5e6),
    ("pan_london", "tracking.delay_days", 91),
    ("pan_london", "tracking.days", 730),
    ("essex", "cap_gbp", 7.2e6),
    ("essex", "terms.0.price_gbp", 7.2e6 / 96_000),
    ("essex", "terms.0.baseline_share", 0.55),
    ("essex", "tracking.delay_days", 0),
    ("essex", "tracking.days", 913),
    ("norfolk", "terms.0.deadweight_share", 0.33),
    ("norfolk", "tracking.days", 1095),
    ("norfolk", "cap_gbp", None),
    ("norfolk", "top_up.share", 0.17),
    ("norfolk", "top_up.cap_gbp", 1.62e6),
    ("suffolk", "cap_gbp", 6.70e6),
    ("suffolk", "terms.0.weeks", 14),
    ("suffolk", "tracking.delay_days", 14 * 7),
    ("suffolk", "tracking.days", 548),
    ("suffolk", "top_up.share", 0.14),
    ("suffolk", "top_up.cap_gbp", 0.77e6),
    ("dn2", "terms.0.price_gbp", 401.0),
    ("dn2", "cap_gbp", 9.12e6),
    ("dn2", "top_up.share", 0.26),
    ("birmingham", "terms.0.weeks", 52),
    ("birmingham", "terms.0.counts", "running"),
    ("manchester", "terms.0.tracking.days", 52 * 7),
    ("manchester", "terms.1.tracking.delay_days", 52 * 7),
    ("manchester", "terms.1.tracking.days", 913),
    ("manchester", "terms.2.weeks", 104),
    ("manchester", "terms.2.needs_data", ("wellbeing",)),
    ("newpin", "terms.0.principal_gbp", 7e6 * AUD),
    ("newpin", "terms.0.floor_rate_per_year", 0.05),
    ("newpin", "terms.0.floor_until_month", 36),
    ("newpin", "terms.0.settle_months", tuple(range(12, 85, 12))),
    ("benevolent_society", "terms.0.principal_gbp", 7.5e6 * AUD),
    ("benevolent_society", "terms.1.principal_gbp", 2.5e6 * AUD),
    ("benevolent_society", "terms.0.settle_months", (60,)),
    ("benevolent_society", "terms.1.settle_months", (60,)),
    ("benevolent_society", "terms.0.control", "matched"),
    ("cuyahoga", "cap_gbp", 5e6 * USD),
    ("cuyahoga", "terms.0.control", "randomised"),
    ("cuyahoga", "terms.0.base", "per_care_day_reduced"),
]


@pytest.mark.parametrize(("name", "path", "value"), PUBLISHED)
def test_published_terms_stand_in_the_files(pan_london: Scenario, name: str, path: str, value: Any) -> None:
    found = value_at(lay(pan_london, name).contract, path)
    assert found == (pytest.approx(value) if isinstance(value, float) else value)


# Rung: (improvement from which it holds, rate, share of the principal paid back).
LADDERS: dict[tuple[str, int], list[tuple[float, float, float]]] = {
    ("newpin", 0): [(-10, 0, 0.5), (0.55, 0.03, 1), (0.60, 0.075, 1), (0.65, 0.12, 1), (0.70, 0.15, 1)],
    ("benevolent_society", 0): [
        (-10, 0, 1),
        (0.05, 0.05, 1),
        (0.15, 0.06, 1),
        (0.20, 0.07, 1),
        (0.25, 0.08, 1),
        (0.35, 0.09, 1),
        (0.40, 0.10, 1),
    ],
    ("benevolent_society", 1): [
        (-10, 0, 0),
        (0.05, 0.08, 1),
        (0.15, 0.105, 1),
        (0.20, 0.15, 1),
        (0.25, 0.20, 1),
        (0.35, 0.25, 1),
        (0.40, 0.30, 1),
    ],
}


@pytest.mark.parametrize(("name", "term"), LADDERS)
def test_ladders_are_those_of_the_record(pan_london: Scenario, name: str, term: int) -> None:
    bands = value_at(lay(pan_london, name).contract, f"terms.{term}.bands")
    assert [(b.from_improvement, b.rate, b.principal_share) for b in bands] == LADDERS[name, term]


def test_cuyahoga_pays_in_steps_from_ten_to_fifty_per_cent(pan_london: Scenario) -> None:
    bands = value_at(lay(pan_london, "cuyahoga").contract, "terms.0.bands")
    assert [band.from_improvement for band in bands] == [0.1, 0.2, 0.3, 0.4, 0.5]
    assert [band.rate for band in bands] == sorted(band.rate for band in bands)


def test_what_was_published_is_marked_so_and_converted_money_is_judgement(pan_london: Scenario) -> None:
    for name, path, value in PUBLISHED:
        if isinstance(value, float):
            origin = lay(pan_london, name).origins[f"contract.{path}"]
            converted = " = GBP 0." in origin.source
            assert converted == (value in (7e6 * AUD, 7.5e6 * AUD, 2.5e6 * AUD, 5e6 * USD)), path
            assert origin.quality == ("judgement" if converted else "research"), (name, path)


def test_prices_that_nobody_published_are_judgement(pan_london: Scenario) -> None:
    known = {("essex", "contract.terms.0.price_gbp"), ("dn2", "contract.terms.0.price_gbp")}
    for name in shipped_contracts():
        origins = lay(pan_london, name).origins
        prices = {(name, path) for path in origins if path.startswith("contract.") and path.endswith("price_gbp")}
        assert {price for price in prices if origins[price[1]].quality != "judgement"} == known & prices


def test_two_layers_of_benevolent_society_share_as_their_ladders_share(pan_london: Scenario) -> None:
    """Beyond the principal of P, its part is rate x 5 years x principal; that is three eighths from the 20% rung up."""
    laid = lay(pan_london, "benevolent_society")
    terms, split = laid.contract.terms, laid.capital.waterfall[-1].payee
    for rung in range(3, 7):
        p, e = (value_at(laid.contract, f"terms.{i}.bands.{rung}.rate") * 5 for i in (0, 1))
        principals = [value_at(term, "principal_gbp") for term in terms]
        paid_p, paid_e = p * principals[0], (1 + e) * principals[1]
        assert isinstance(split, dict)
        assert paid_p / (paid_p + paid_e) == pytest.approx(split["p"], abs=1e-9)


# --- laying -----------------------------------------------------------------------------------------------------------


def mine(folder: Path, text: str, name: str = "mine.toml") -> Path:
    path = folder / name
    path.write_text(text, encoding="utf-8")
    return path


GOOD = """title = "Mine"
[contract]
name = "Mine"
[[contract.terms]]
pays = "per_start"
price_gbp = {value = 500.0, low = 400.0, high = 600.0, unit = "GBP", source = "made up"}
"""


def test_old_origins_ranges_and_correlations_go_with_the_contract(tmp_path: Path) -> None:
    base = mine(
        tmp_path,
        """extends = "pan_london"
[contract]
cap_gbp = {low = 9e6, high = 11e6}
[[correlations]]
between = ["contract.cap_gbp", "capital.commitment_gbp"]
correlation = 0.5
[[correlations]]
between = ["effect.usual", "effect.therapy"]
correlation = 0.6
[capital]
commitment_gbp = {low = 4e6, high = 5e6}
""",
        "ranged.toml",
    )
    scenario = load(base)
    laid = lay(scenario, mine(tmp_path, GOOD))
    assert laid.origins["contract.terms.0.price_gbp"].high == 600.0
    assert [path for path in laid.origins if path.startswith("contract.")] == ["contract.terms.0.price_gbp"]
    assert "capital.commitment_gbp" in laid.origins and laid.capital == scenario.capital
    assert [pair.between for pair in laid.correlations] == [("effect.usual", "effect.therapy")]
    with_capital = lay(scenario, mine(tmp_path, GOOD + "[capital]\ncommitment_gbp = 1e6\n"))
    assert with_capital.capital == Capital(commitment_gbp=1e6)
    assert not any(path.startswith("capital.") for path in with_capital.origins)


def test_a_contract_may_point_to_published_figures(tmp_path: Path, pan_london: Scenario) -> None:
    pointer = '{reference = "unit_costs:cost_per_week.nowhere"}'
    text = GOOD + f'[[contract.terms]]\npays = "per_completion"\nprice_gbp = {pointer}\n'
    with pytest.raises(InputError, match=r"mine\.toml:9: contract\.terms\.1\.price_gbp: the reference has no"):
        lay(pan_london, mine(tmp_path, text))
    pointer = '{reference = "price_series:residential.london.2017-18", times = 0.1}'
    text = GOOD + f'[[contract.terms]]\npays = "per_completion"\nprice_gbp = {pointer}\n'
    laid = lay(pan_london, mine(tmp_path, text))
    assert value_at(laid.contract, "terms.1.price_gbp") == pytest.approx(362.5)
    assert "times 0.1" in laid.origins["contract.terms.1.price_gbp"].source


def test_contracts_are_named_in_one_text_in_lists_and_by_path(tmp_path: Path, pan_london: Scenario) -> None:
    path = mine(tmp_path, GOOD)
    assert list(contracts_over(pan_london, "all")) == shipped_contracts()
    assert list(contracts_over(pan_london, f"newpin, essex,{path}")) == ["newpin", "essex", "mine"]
    assert list(contracts_over(pan_london, [str(path), "dn2", "dn2"])) == ["mine", "dn2"]
    assert len(contracts_over(pan_london, ["essex", "all"])) == 12
    with pytest.raises(OptionError, match="name one contract or more, or all"):
        contracts_over(pan_london, " , ")


def test_all_faults_of_all_contracts_are_told_at_once(tmp_path: Path, pan_london: Scenario) -> None:
    (tmp_path / "other").mkdir()
    names = ["nofolk", str(mine(tmp_path, GOOD.replace("500.0", "-1.0"))), str(mine(tmp_path / "other", GOOD))]
    with pytest.raises(InputError) as raised:
        contracts_over(pan_london, names)
    said = [str(fault) for fault in raised.value.faults]
    assert said[0].startswith("nofolk: there is no contract of this name. Did you mean 'norfolk'? Shipped contracts: ")
    assert any("contract.terms.0.price_gbp: must be at least 0 (got -1.0)" in text for text in said)
    assert "two of the contracts asked for are named mine" in said[-1]


RUNGS = """[[contract.terms]]
pays = "improvement_ladder"
control = "fixed"
control_care_share = 0.5
base = "per_start"
settle_months = [12]
between_rungs = "straight"
bands = [{from_improvement = 0.1, rate = 1.0}, {from_improvement = 0.2, rate = 2.0}]
"""


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (GOOD.replace("price_gbp", "prize_gbp"), r"mine\.toml:6: contract\.terms\.0\.prize_gbp: unknown key.*price_g"),
        (GOOD[: GOOD.index("price_gbp")], r"mine\.toml:4: contract\.terms\.0\.price_gbp: is missing"),
        (GOOD.replace("per_start", "per_week"), r"mine\.toml:\d: contract\.terms\.0.*: must be one of"),
        (
            GOOD.replace('name = "Mine"\n', 'name = "Mine"\nfloor_gbp = 9e6\ncap_gbp = 8e6\n'),
            r"mine\.toml:5: contract\.cap_gbp: a cap must not lie below the floor of 9,000,000",
        ),
        (
            GOOD + '[contract.top_up]\nname = "Fund"\nshare = 1.2\n',
            r"mine\.toml:9: contract\.top_up\.share: must be at most 1 \(got 1\.2\)",
        ),
        (
            GOOD + RUNGS.replace("0.2", "0.05"),
            r"mine\.toml:\d+: contract\.terms\.1\.bands\.1\.from_improvement: rungs must rise: this one must begin "
            r"above the one before, at 0\.1\.",
        ),
        (
            GOOD + RUNGS.replace('"straight"', '"line"'),
            r"mine\.toml:\d+: contract\.terms\.1\.between_rungs: must be one of 'step' or 'straight'",
        ),
        (GOOD.replace("low = 400.0", "low = 550.0"), r"mine\.toml:6: contract\.terms\.0\.price_gbp: low <= value"),
        (GOOD.replace("low = 400.0", "low = -1.0"), r"mine\.toml:6: .*price_gbp\.low: must be at least 0"),
        (GOOD.replace('"made up"', '"", quality = "data"'), r"mine\.toml:6: .*of quality 'data' needs a source"),
        (GOOD.replace('title = "Mine"\n', ""), r"mine\.toml: title: is missing"),
        (GOOD + "[capitol]\ncommitment_gbp = 1.0\n", r"mine\.toml:7: capitol: unknown key.*Did you mean 'capital'"),
        (GOOD + "[capital]\nminimum_cash_gbp = 1.0\n", r"mine\.toml:7: capital: give either commitment_gbp"),
        (
            GOOD + "[referrals]\naccept_prob = 0.5\n",
            r"mine\.toml:7: referrals: this file is a scenario, not a contract\. .* edgeofcare run ",
        ),
        ('extends = "pan_london"\n' + GOOD, r"mine\.toml:1: extends: this file is a scenario, not a contract"),
        ("title = x\n", r"mine\.toml:1: is not valid TOML"),
        (
            GOOD
            + '[capital]\nwaterfall = [{do = "draw", source = "bank", payee = "cash"}]\n[capital.tranches.a]\n'
            + 'kind = "senior"\ncommitment_gbp = 1.0\n',
            r"mine\.toml:8: capital\.waterfall",
        ),
    ],
)
def test_faults_name_file_line_and_key(tmp_path: Path, pan_london: Scenario, text: str, message: str) -> None:
    with pytest.raises(InputError, match=message):
        lay(pan_london, mine(tmp_path, text))


def test_all_faults_of_a_file_are_told_by_line(tmp_path: Path, pan_london: Scenario) -> None:
    text = GOOD[: GOOD.index("{")] + "true\n" + '[contract.top_up]\nname = "Fund"\nshare = 2.0\nafter = "unpaid"\n'
    with pytest.raises(InputError) as raised:
        lay(pan_london, mine(tmp_path, text))
    assert [fault.line for fault in raised.value.faults] == [6, 9, 10]


def test_a_whole_scenario_is_no_contract_and_a_folder_neither(tmp_path: Path, pan_london: Scenario) -> None:
    with pytest.raises(InputError, match=r"essex\.toml:\d+: clock: this file is a scenario, not a contract"):
        lay(pan_london, scenario_folder() / "essex.toml")
    with pytest.raises(InputError, match="it is a scenario: edgeofcare run pan_london_ten"):
        lay(pan_london, "pan_london_ten")
    with pytest.raises(InputError, match="is a folder, not a contract file"):
        lay(pan_london, tmp_path)
    with pytest.raises(InputError, match="there is no such file"):
        lay(pan_london, tmp_path / "none.toml")


# --- sizes ------------------------------------------------------------------------------------------------------------

# Every sum of money that has the size of the service, and all else that a contract can hold.
SUMS = """title = "All"
[contract]
name = "All"
cap_gbp = 100.0
floor_gbp = 10.0
borough_cap_gbp = 50.0
borough_year_cap_gbp = 20.0
sized_for_gbp = 1000.0
terms = [
  {pays = "block_fee", gbp_per_year = 30.0},
  {pays = "block_fee", cost_margin_share = 0.1},
  {pays = "improvement_ladder", control = "matched", base = "principal", principal_gbp = 40.0, settle_months = [
    12], bands = [{from_improvement = 0.1, rate = 0.2}]},
  {pays = "improvement_ladder", control = "matched", base = "per_start", settle_months = [12], bands = [
    {from_improvement = 0.1, rate = 60.0}]},
  {pays = "per_start", price_gbp = 70.0}, {pays = "per_completion", price_gbp = 70.0},
  {pays = "per_week_out_of_care", price_gbp = 70.0}, {pays = "per_day_out_of_care", price_gbp = 70.0},
  {pays = "per_care_day_saved", price_gbp = 70.0, baseline_share = 0.5},
  {pays = "milestone", price_gbp = 70.0, weeks = 3},
  {pays = "self_finance", rate_per_year = 0.04, loan_years = 3.0},
]
[contract.top_up]
name = "Fund"
share = 0.5
cap_gbp = 15.0
[contract.guaranteed_starts]
starts = 9
shortfall_fee_gbp = 80.0
[contract.standstill]
starts = 2020-01-01
until = 2020-07-01
gbp_per_year = 90.0
[capital]
minimum_cash_gbp = 3.0
waterfall = [
  {do = "draw", source = "a", payee = "cash", limit_gbp = 7.0}, {do = "draw", source = "b", payee = "cash"},
  {do = "receive", source = "payers", payee = "cash"}, {do = "pay_cost", source = "cash", payee = "service"},
  {do = "pay_fee", source = "cash", payee = "manager", gbp_per_year = 2.0},
  {do = "split_residual", source = "cash", payee = "b"},
]
[capital.tranches.a]
kind = "senior"
commitment_gbp = 8.0
[capital.tranches.b]
kind = "equity"
commitment_gbp = 9.0
"""
SIZE = {
    "contract.cap_gbp",
    "contract.floor_gbp",
    "contract.borough_cap_gbp",
    "contract.borough_year_cap_gbp",
    "contract.sized_for_gbp",
    "contract.terms.0.gbp_per_year",
    "contract.terms.2.principal_gbp",
    "contract.top_up.cap_gbp",
    "contract.standstill.gbp_per_year",
    "capital.minimum_cash_gbp",
    "capital.waterfall.0.limit_gbp",
    "capital.waterfall.4.gbp_per_year",
    "capital.tranches.a.commitment_gbp",
    "capital.tranches.b.commitment_gbp",
}
PRICE = {
    "contract.terms.0.gbp_per_year",
    "contract.terms.1.cost_margin_share",
    "contract.terms.3.bands.0.rate",
    "contract.guaranteed_starts.shortfall_fee_gbp",
    *(f"contract.terms.{i}.price_gbp" for i in range(4, 10)),
}
MARGIN = "contract.terms.1.cost_margin_share"
NOT_PAID = {"contract.sized_for_gbp"}


@pytest.fixture(scope="module")
def everything(tmp_path_factory: pytest.TempPathFactory) -> Scenario:
    return lay(load("pan_london"), mine(tmp_path_factory.mktemp("all"), SUMS))


def ratios(before: Scenario, after: Scenario) -> dict[str, float]:
    """Ratio of each number that changed, by path; of the fee on cost, not of the margin."""
    plus = {MARGIN: 1.0}
    old, new = ({p: value_at(s, p) for p in paths(s)} for s in (before, after))
    assert old.keys() == new.keys()
    return {p: (new[p] + plus.get(p, 0)) / (old[p] + plus.get(p, 0)) for p in old if new[p] != old[p]}


@settings(max_examples=50, deadline=None)
@given(factor=st.floats(0.01, 100).filter(lambda f: abs(f - 1) > 1e-6))
def test_scaled_moves_sums_at_price_moves_prices_and_priced_moves_what_is_paid(
    everything: Scenario, factor: float
) -> None:
    contract, capital = scaled(everything.contract, everything.capital, factor)
    larger = everything.model_copy(update={"contract": contract, "capital": capital})
    paid = {path for path in PRICE | SIZE if path.startswith("contract.")} - NOT_PAID
    for after, moved in [(larger, SIZE), (at_price(everything, factor), PRICE), (priced(everything, factor), paid)]:
        found = ratios(everything, after)
        assert found.keys() == moved
        assert list(found.values()) == pytest.approx([factor] * len(found))


@settings(max_examples=30, deadline=None)
@given(a=st.floats(0.01, 100), b=st.floats(0.01, 100))
def test_scaling_twice_is_scaling_by_the_product_and_by_one_nothing(everything: Scenario, a: float, b: float) -> None:
    start = everything.contract, everything.capital
    twice, once = scaled(*scaled(*start, a), b), scaled(*start, a * b)
    one, other = (everything.model_copy(update={"contract": c, "capital": k}) for c, k in (once, twice))
    found = ratios(one, other)
    assert list(found.values()) == pytest.approx([1.0] * len(found))
    assert scaled(*start, 1.0) == start
    assert at_price(everything, 1.0) == priced(everything, 1.0) == everything
    assert scaled(start[0], None, a)[1] is None


@pytest.mark.parametrize("factor", [-1.0, float("nan"), float("inf")])
def test_no_contract_is_scaled_by_what_is_no_size(everything: Scenario, factor: float) -> None:
    for call in (
        lambda: scaled(everything.contract, everything.capital, factor),
        lambda: at_price(everything, factor),
        lambda: priced(everything, factor),
        lambda: lay(everything, "newpin", factor),
    ):
        with pytest.raises(OptionError):
            call()


@settings(max_examples=20, deadline=None)
@given(cost=st.floats(1e5, 1e8), name=st.sampled_from(MEASURED_ONCE))
def test_where_nothing_comes_in_before_the_end_investors_can_fund_the_service(
    everything: Scenario, cost: float, name: str
) -> None:
    laid = lay(everything, name, cost)
    total = laid.capital.commitment_gbp or sum(t.commitment_gbp for t in laid.capital.tranches.values())
    assert total >= 1.08 * cost + laid.capital.minimum_cash_gbp
    assert total <= 1.2 * cost
    assert laid.contract.sized_for_gbp == pytest.approx(cost)


def test_sized_numbers_say_so_and_unsized_contracts_stay(pan_london: Scenario) -> None:
    laid = lay(pan_london, "cuyahoga", 5_400_000.0)
    origin = laid.origins["contract.cap_gbp"]
    assert laid.contract.cap_gbp == pytest.approx(7.5e6)
    assert origin.quality == "judgement" and origin.source.endswith("; times 2, for a service of GBP 5,400,000")
    assert "times" not in laid.origins["contract.terms.0.bands.0.rate"].source
    assert lay(pan_london, "essex", 1.0e6) == lay(pan_london, "essex")


# --- what is paid -----------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def settled(pan_london: Scenario) -> Any:
    """All contracts on 10 replications of the same lives, at about the claimed effect."""
    laid = contracts_over(pan_london, "all", 6.9e6)
    plan = make_plan(pan_london, 191.6, 0.248, [one.contract for one in laid.values()])
    counts = kernel.run(plan, 5, 0, 10)
    service = service_costs(plan, pan_london, counts)
    return laid, lambda scenario: payments(counts, plan, scenario, service)


@pytest.mark.parametrize("name", shipped_contracts())
def test_every_shipped_contract_pays_and_twice_as_much_at_twice_the_price(settled: Any, name: str) -> None:
    laid, pay = settled
    once, twice = pay(laid[name]), pay(priced(laid[name], 2.0))
    assert (once.pence.sum(axis=(1, 2, 3)) > 1e8).all(), "more than GBP 1m"
    times = 1 if name == "self_finance" else 2
    assert np.abs(twice.pence - times * once.pence).max() <= 2
    assert np.abs(twice.top_up - times * once.top_up).max() <= 10, "pennies of a share that is used up"


@pytest.mark.parametrize("name", shipped_contracts())
def test_at_another_price_terms_move_and_caps_do_not(settled: Any, name: str) -> None:
    laid, pay = settled
    once, half = pay(laid[name]), pay(at_price(laid[name], 0.5))
    fixed = name in ("self_finance", "newpin", "benevolent_society")  # a loan and principals have no price
    assert half.before_caps == pytest.approx((1.0 if fixed else 0.5) * once.before_caps, rel=1e-4)
    cap = laid[name].contract.cap_gbp
    if cap is not None:
        assert (pay(at_price(laid[name], 50.0)).pence.sum(axis=(1, 2, 3)) == round(cap * 100)).all()
