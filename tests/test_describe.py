"""A scenario in words: every input is there, with its unit and origin, and differences are exactly the differences."""

import csv
import io
import json

import pytest

from edgeofcare.inputs import describe
from edgeofcare.inputs.load import load, paths, shipped, with_values
from edgeofcare.inputs.schema import Scenario


@pytest.fixture(scope="module")
def pan_london() -> Scenario:
    return load("pan_london")


@pytest.mark.parametrize("name", shipped())
def test_every_value_of_a_scenario_belongs_to_exactly_one_entry(name: str) -> None:
    scenario = load(name)
    ids = [entry.id for entry in describe.entries(scenario)]
    assert len(ids) == len(set(ids))
    for path in paths(scenario):
        assert sum(path == known or path.startswith(f"{known}.") for known in ids) == 1, path


@pytest.mark.parametrize("name", shipped())
def test_every_origin_is_shown(name: str) -> None:
    scenario = load(name)
    assert {entry.id for entry in describe.entries(scenario) if entry.origin} == set(scenario.origins)
    text = " ".join(describe.resolved_text(scenario).split())
    for path, origin in scenario.origins.items():
        assert " ".join(f"{origin.quality}: {origin.source}".split()) in text, path


def test_the_resolved_scenario_reads_as_a_person_would_write_it(pan_london: Scenario) -> None:
    text = describe.resolved_text(pan_london)
    assert text.startswith("pan_london: Pan-London Care Impact Partnership")
    assert "\n[effect]\n" in text and "\n[boroughs.sutton]\n" in text and "\n[contract.terms.0]\n" in text
    assert "\n  ramp_months = 6 (3 to 12)  months\n      judgement: Slow build-up" in text
    assert "\n  period = quarter  (default)\n" in text
    assert "age_weights = 1, 7, 12, 18, 22, 22, 15, 3  % aged 10, 11, ... 17" in text
    assert "\n  commitment_gbp = 4,500,000  GBP\n" in text
    assert max(len(line) for line in text.splitlines()) <= describe.WIDTH


def test_an_entry_inside_a_series_that_has_its_own_origin_stands_alone(pan_london: Scenario) -> None:
    path = "prices.index.residential.level_by_year"
    origins = {f"{path}.2017-18": pan_london.origins[path]}
    scenario = pan_london.model_copy(update={"origins": origins})
    ids = [entry.id for entry in describe.entries(scenario)]
    assert f"{path}.2017-18" in ids and path not in ids


@pytest.mark.parametrize(
    ("path", "unit"),
    [
        (("contract", "cap_gbp"), "GBP"),
        (("prices", "gbp_per_week", "secure"), "GBP a week"),
        (("care", "stay", "scale_days_under_16"), "days"),
        (("care", "stay", "stay_to_18_prob_under_16"), "probability"),
        (("costs", "management", 0, "gbp_per_year"), "GBP a year"),
        (("teams", "mst", "cost_gbp_per_start"), "GBP for each start"),
        (("prices", "discount_rate_per_year"), "a year"),
        (("clock", "day_0"), ""),
        (("child", "frailty_variance"), ""),
    ],
)
def test_units_come_from_the_names_of_keys(path: tuple[str | int, ...], unit: str) -> None:
    assert describe.unit_of(path) == unit


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (1500000.0, "1,500,000"),
        (0.35, "0.35"),
        (22.0815123, "22.0815"),
        (True, "true"),
        (None, "not given"),
        ((), "none"),
        (((1.0, 2.0), (3.0, 4.0)), "1, 2 | 3, 4"),
        ({"2017-18": 1.5}, "2017-18: 1.5"),
        ("two\nlines", "two lines"),
    ],
)
def test_values_as_text(value: object, text: str) -> None:
    assert describe.value_text(value) == text


# ---- assumptions --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", shipped())
def test_the_log_has_every_origin_once_judgements_first(name: str) -> None:
    scenario = load(name)
    rows = describe.assumptions(scenario)
    assert sorted(row["id"] for row in rows) == sorted(scenario.origins)
    ranks = [describe.QUALITIES.index(row["quality"]) for row in rows]
    assert ranks == sorted(ranks)
    assert all(tuple(row) == describe.COLUMNS and row["name"] for row in rows)


def test_counts_add_up(pan_london: Scenario) -> None:
    counts = describe.quality_counts(pan_london)
    assert list(counts) == ["data", "research", "judgement"]
    assert sum(counts.values()) == len(pan_london.origins)
    log = describe.assumption_log(pan_london)
    assert log["counts"] == counts and json.loads(json.dumps(log)) == log
    assert f"{counts['judgement']} judgement, " in describe.assumptions_text(pan_london).splitlines()[0]


def test_a_row_of_the_log(pan_london: Scenario) -> None:
    row = {row["id"]: row for row in describe.assumptions(pan_london)}["referrals.accept_prob"]
    assert row == {
        "id": "referrals.accept_prob",
        "name": "Chance that the panel accepts a referred family",
        "value": 0.85,
        "low": 0.7,
        "high": 0.95,
        "distribution": "triangular",
        "unit": "probability",
        "source": pan_london.origins["referrals.accept_prob"].source,
        "date": "",
        "quality": "judgement",
    }


def test_shares_written_as_percentages_are_percentages_again(pan_london: Scenario) -> None:
    row = {row["id"]: row for row in describe.assumptions(pan_london)}["child.age_weights"]
    assert row["value"] == [1, 7, 12, 18, 22, 22, 15, 3] and row["unit"].startswith("%")


def test_the_log_as_csv_reads_back(pan_london: Scenario) -> None:
    read = list(csv.DictReader(io.StringIO(describe.assumptions_csv(pan_london).removeprefix("\ufeff"))))
    rows = describe.assumptions(pan_london)
    assert [row["id"] for row in read] == [row["id"] for row in rows]
    assert [row["source"] for row in read] == [row["source"] for row in rows]
    by_id = {row["id"]: row for row in read}
    assert float(by_id["referrals.accept_prob"]["value"]) == 0.85
    assert by_id["child.age_weights"]["value"] == "1, 7, 12, 18, 22, 22, 15, 3"


def test_numbers_without_a_source_are_named(pan_london: Scenario) -> None:
    bare = describe.without_source(pan_london)
    assert "correlations.1.correlation" in bare
    assert not set(bare) & set(pan_london.origins)
    fewer = pan_london.model_copy(update={"origins": {}})
    assert {"clock.day_0", "child.frailty_variance", "child.age_weights"} <= set(describe.without_source(fewer))
    assert "WITHOUT A SOURCE" in describe.assumptions_text(pan_london)


# ---- differences --------------------------------------------------------------------------------------------------


def test_a_scenario_does_not_differ_from_itself(pan_london: Scenario) -> None:
    assert describe.differences(pan_london, load("pan_london")) == []
    assert describe.differences_text(pan_london, pan_london) == "No input differs (sources may)."


def test_one_changed_input_is_the_only_difference(pan_london: Scenario) -> None:
    other = with_values(pan_london, {"capital.commitment_gbp": 5e6})
    text = describe.differences_text(pan_london, other)
    assert text.splitlines() == [
        "pan_london -> pan_london: 1 input differs",
        "  capital.commitment_gbp  4,500,000 -> 5,000,000  GBP",
    ]
    assert describe.differences_rows(pan_london, other) == [
        {
            "path": "capital.commitment_gbp",
            "unit": "GBP",
            "a": {"value": 4.5e6, "range": None},
            "b": {"value": 5e6, "range": None},
        }
    ]


def test_a_difference_too_small_to_show_is_shown_in_full(pan_london: Scenario) -> None:
    other = with_values(pan_london, {"child.needs_log_hazard": 0.4000000001})
    assert "0.4 (0 to 0.8) -> 0.4000000001 (0 to 0.8)" in describe.differences_text(pan_london, other)


def test_a_range_alone_is_a_difference(pan_london: Scenario) -> None:
    path = "referrals.accept_prob"
    origins = pan_london.origins | {path: pan_london.origins[path].model_copy(update={"high": 0.9})}
    other = pan_london.model_copy(update={"origins": origins})
    assert [pair.entry.id for pair in describe.differences(pan_london, other)] == [path]
    assert "0.85 (0.7 to 0.95) -> 0.85 (0.7 to 0.9)" in describe.differences_text(pan_london, other)


def test_what_only_one_scenario_has_is_shown_without_its_defaults(pan_london: Scenario) -> None:
    ten = load("pan_london_ten")
    rows = {row["path"]: row for row in describe.differences_rows(pan_london, ten)}
    assert rows["boroughs.haringey.name"]["a"] is None
    assert rows["boroughs.haringey.name"]["b"]["value"] == "Haringey"
    assert "boroughs.haringey.price_multiplier" not in rows
    back = {row["path"]: row for row in describe.differences_rows(ten, pan_london)}
    assert back.keys() == rows.keys()
    assert all(rows[path]["a"] == back[path]["b"] for path in rows)


@pytest.mark.parametrize("other", [name for name in shipped() if name != "pan_london"])
def test_shipped_scenarios_can_all_be_compared(pan_london: Scenario, other: str) -> None:
    scenario = load(other)
    listed = {pair.entry.id for pair in describe.differences(pan_london, scenario)}
    in_a, in_b = ({e.id: e.value for e in describe.entries(s)} for s in (pan_london, scenario))
    changed = {path for path in in_a.keys() & in_b.keys() if in_a[path] != in_b[path]}
    assert changed and changed <= listed
    json.dumps(describe.differences_rows(pan_london, scenario))
    json.dumps(describe.resolved(scenario))
