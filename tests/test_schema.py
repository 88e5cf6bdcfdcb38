"""The schema on its own: rules, units and descriptions, whoever reads the file."""

from typing import Any, get_args

import pytest
from pydantic import BaseModel, TypeAdapter, ValidationError

from cases.build import make_scenario
from edgeofcare.inputs import schema
from edgeofcare.inputs.contract import Verb
from edgeofcare.inputs.load import load
from edgeofcare.inputs.schema import PLACEMENTS, AgeWeights, Scenario
from edgeofcare.inputs.types import Frozen
from edgeofcare.inputs.waterfall import ACTIONS

MODELS = [m for m in vars(schema).values() if isinstance(m, type) and issubclass(m, Frozen)]
NAMED_BY_PARENT = {f"{kind}ByPlacement" for kind in ("", "Positive", "Share", "Shape", "Scale")}


def tree_with(path: str, value: Any) -> dict[str, Any]:
    """Return the plain values of pan_london with another value at a path."""
    tree = load("pan_london").model_dump(exclude={"origins"})
    node: Any = tree
    *tables, key = path.split(".")
    for table in tables:
        node = node[table]
    node[key] = value
    return tree


@pytest.mark.parametrize("model", MODELS, ids=lambda model: model.__name__)
def test_every_key_says_what_it_means(model: type[BaseModel]) -> None:
    if model.__name__ in NAMED_BY_PARENT:
        return
    missing = [name for name, field in model.model_fields.items() if not field.description and name != "pays"]
    assert missing == []


@pytest.mark.parametrize("model", MODELS, ids=lambda model: model.__name__)
def test_every_part_is_frozen_and_refuses_unknown_keys(model: type[BaseModel]) -> None:
    assert model.model_config["frozen"] and model.model_config["extra"] == "forbid"


def test_every_action_of_the_waterfall_owns_its_facts() -> None:
    assert set(ACTIONS) == set(get_args(Verb))


def test_a_scenario_cannot_be_changed() -> None:
    with pytest.raises(ValidationError, match="frozen"):
        load("pan_london").title = "x"


@pytest.mark.parametrize("weights", [[0.125] * 8, [12.5] * 8, [0, 0, 0, 0, 0, 0, 0, 1]])
def test_weights_may_be_shares_or_percentages(weights: list[float]) -> None:
    shares = TypeAdapter(AgeWeights).validate_python(weights)
    assert sum(shares) == pytest.approx(1, abs=1e-12)
    assert TypeAdapter(AgeWeights).validate_python(shares) == shares


@pytest.mark.parametrize(
    ("weights", "message"),
    [
        ([0.1] * 8, r"weights must be 0 or more and sum to 1 or to 100 \(99 to 101\); these sum to 0.8"),
        ([1.5, -0.5, 0, 0, 0, 0, 0, 0], "weights must be 0 or more"),
        ([float("nan")] * 8, "weights must be 0 or more"),
        ([], "weights must be 0 or more"),
        ([0.5, 0.5], "at least 8 items"),
        ([True] + [0] * 7, "valid number"),
        (["1"] + [0] * 7, "valid number"),
    ],
)
def test_weights_that_are_refused(weights: list[Any], message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        TypeAdapter(AgeWeights).validate_python(weights)


@pytest.mark.parametrize(
    ("path", "value", "message"),
    [
        ("referrals.seasonality", (2.0,) * 12, "seasonality must have mean 1; its mean is 2"),
        ("care.placement.first_under_16", (0.5, 0.4, 0, 0, 0, 0.1), "supported accommodation is for 16 and over"),
        ("prices.index", {"residential": {"level_by_year": {"2017-18": 1.0}}}, "no price index for kinship, foster_in"),
        ("prices.index", {"hotel": {"level_by_year": {"2017-18": 1.0}}}, "index names no placement type: hotel"),
        ("prices.deflator", {"level_by_year": {}}, "level_by_year must hold at least one financial year"),
        ("prices.deflator", {"level_by_year": {"2017": 1.0}}, "String should match pattern"),
        ("teams.fft.therapy", "fgc", r"team fft delivers fgc, but there is no \[therapies.fgc\]; there is mst, fft"),
        ("effect.usual", None, "give either usual"),
        ("effect.entry_scale_days", 500.0, "give either usual"),
        ("effect.odds_ratio", 1.2, "give exactly one of therapy .* found therapy, odds_ratio"),
        ("effect.therapy", None, "give exactly one of .* found none"),
        ("effect.odds_ratio", 0.0, "greater than 0"),
        ("effect.prior", "guess", "Input should be 'targets' or 'evidence'"),
        ("evidence", {"fold": "Not a slug"}, "String should match pattern"),
        ("boroughs", {}, "at least 1 item"),
        ("teams", {}, "at least 1 item"),
        ("capital.distribute", "never", "Input should be 'after_delivery' or 'from_day_one'"),
    ],
)
def test_rules(path: str, value: Any, message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        Scenario.model_validate(tree_with(path, value))


def test_all_boroughs_that_do_not_fit_are_named_at_once() -> None:
    tree = tree_with("boroughs.brent", {"name": "Brent", "referrals_per_year": 1.0})
    tree["teams"]["fft"]["boroughs"] = ["camden"]
    with pytest.raises(ValidationError, match=r"team fft serves camden[\s\S]*borough brent is served by no team"):
        Scenario.model_validate(tree)


def test_a_borough_may_have_two_teams_of_one_therapy_but_no_team_may_serve_nobody() -> None:
    tree = tree_with("title", "x")
    tree["teams"]["fft_2"] = tree["teams"]["fft"] | {"boroughs": ["sutton", "merton"]}
    assert Scenario.model_validate(tree).teams["fft_2"].boroughs == ("sutton", "merton")
    tree["teams"]["fft_2"]["boroughs"] = []
    with pytest.raises(ValidationError, match=r"teams\.fft_2\.boroughs\s+Tuple should have at least 1 item"):
        Scenario.model_validate(tree)


def test_values_by_placement_stand_in_one_order() -> None:
    prices = load("pan_london").prices.gbp_per_week
    assert prices.values() == tuple(getattr(prices, name) for name in PLACEMENTS)
    assert tuple(type(prices).model_fields) == PLACEMENTS


def test_measures_are_those_of_the_effect() -> None:
    assert get_args(schema.Effect.model_fields["measure"].annotation) == schema.MEASURES


def test_the_schema_can_be_written_as_json_schema() -> None:
    described = Scenario.model_json_schema()
    assert described["properties"]["clock"]["description"] == "Dates."
    assert {"Clock", "Borough", "Team"} <= described["$defs"].keys()


def test_a_floor_lies_under_the_borough_caps_together() -> None:
    contract = {"name": "C", "terms": [], "floor_gbp": 14_000.0, "borough_cap_gbp": 7_000.0}
    make_scenario(("alder", "birch"), contract=contract)
    with pytest.raises(ValidationError, match="a floor must not lie above GBP 14,000, the borough caps together"):
        make_scenario(("alder", "birch"), contract=contract | {"floor_gbp": 14_001.0})
