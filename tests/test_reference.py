"""The reference figures: complete, sourced, well formed, and equal to what the releases give."""

from __future__ import annotations

import importlib.util
import itertools
import os
import re
import sys
import tomllib
from decimal import ROUND_HALF_UP, Decimal
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parent.parent
REFERENCE = ROOT / "scenarios" / "reference"
FILES = {path.name: tomllib.loads(path.read_text(encoding="utf-8")) for path in sorted(REFERENCE.glob("*.toml"))}
DERIVED = (
    "authorities.toml",
    "care_starts.toml",
    "children_in_care.toml",
    "gdp_deflator.toml",
    "population.toml",
    "price_series.toml",
    "unit_costs.toml",
)
QUALITIES = {"data", "research", "judgement"}
DATE = re.compile(r"\d{4}(-\d{2}(-\d{2})?)?")

DESIGN_STARTS = {  # adolescent care starts that the shipped scenarios were built on
    "sutton": "37.8",
    "bexley": "45.0",
    "merton": "32.7",
    "newham": "122.6",
    "tower_hamlets": "79.0",
    "barking_and_dagenham": "92.7",
    "richmond_upon_thames": "31.6",
    "kingston_upon_thames": "26.4",
    "hounslow": "67.3",
    "haringey": "81.0",
}


def load_script() -> ModuleType:
    # scripts/ is no package
    spec = importlib.util.spec_from_file_location("derive_reference", ROOT / "scripts" / "derive_reference.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


script = load_script()
NAMED = {
    f"{name}:{key}": (FILES[name], table)
    for name in DERIVED
    for key, table in FILES[name].items()
    if key not in ("source", "method")
}
TABLES = [pytest.param(*pair, id=name) for name, pair in NAMED.items()]
TABLES_BY_AUTHORITY = [pytest.param(*pair, id=name) for name, pair in NAMED.items() if "by_authority" in pair[1]]


def rows_of(table: dict[str, Any]) -> dict[str, list[Any]]:
    [key] = [key for key in table if key.startswith("by_")]
    rows: dict[str, list[Any]] = table[key]
    return rows


def cells_of(table: dict[str, Any]) -> list[Any]:
    return [cell for row in rows_of(table).values() for cell in row]


def ends(cell: Any) -> tuple[float, float]:
    return (cell["low"], cell["high"]) if isinstance(cell, dict) else (cell, cell)


def test_every_file_is_listed_and_attributed() -> None:
    readme = (REFERENCE / "README.md").read_text(encoding="utf-8")
    for path in REFERENCE.glob("*.toml"):
        assert f"`{path.name}`" in readme
        assert script.ATTRIBUTION in path.read_text(encoding="utf-8")


@pytest.mark.parametrize(("content", "table"), TABLES)
def test_every_figure_has_unit_year_source_and_quality(content: dict[str, Any], table: dict[str, Any]) -> None:
    assert table["unit"]
    assert table["quality"] in QUALITIES
    assert set(table["sources"]) <= set(content["source"])
    assert set(itertools.chain(*table["sources"].values())) == set(table["years"])
    width = len(table.get("columns", table["years"]))
    assert all(len(row) == width for row in rows_of(table).values())


@pytest.mark.parametrize("name", DERIVED)
def test_every_source_says_publisher_and_release(name: str) -> None:
    for key, source in FILES[name]["source"].items():
        assert source == FILES["releases.toml"][key]
        assert source["publisher"]
        assert re.search(r"20\d\d", source["release"])


@pytest.mark.parametrize(("content", "table"), TABLES)
def test_intervals_are_well_formed(content: dict[str, Any], table: dict[str, Any]) -> None:
    for cell in cells_of(table):
        if isinstance(cell, dict) and set(cell) != {"mark"}:
            assert set(cell) == {"low", "high", "mark"}
            assert cell["mark"] in ("c", "k", "x")
            assert 0 <= cell["low"] < cell["high"]
        elif isinstance(cell, dict):
            assert cell["mark"] == "-"
        else:
            assert isinstance(cell, str) or cell >= 0


@pytest.mark.parametrize(("content", "table"), TABLES_BY_AUTHORITY)
def test_all_33_london_authorities_and_essex(content: dict[str, Any], table: dict[str, Any]) -> None:
    codes = FILES["authorities.toml"]["authority"]["by_authority"]
    assert set(table["by_authority"]) == set(codes)
    assert sum(code.startswith("E09") for code, _, _ in codes.values()) == 33
    assert [name for name, (code, _, _) in codes.items() if not code.startswith("E09")] == ["essex"]


@pytest.mark.parametrize("year", [2021, 2022, 2023, 2024, 2025])
@pytest.mark.parametrize("first_last", [("age_under_1", "age_16_plus"), ("foster", "other")])
def test_parts_of_the_stock_add_up(year: int, first_last: tuple[str, str]) -> None:
    table = FILES["children_in_care.toml"][f"on_31_march_{year}"]
    first, last = (table["columns"].index(name) for name in first_last)
    for row in table["by_authority"].values():
        parts = [ends(cell) for cell in row[first : last + 1]]
        low, high = ends(row[0])
        assert sum(part[0] for part in parts) <= high
        assert sum(part[1] for part in parts) >= low


@pytest.mark.parametrize("name", DESIGN_STARTS)
def test_adolescent_starts_agree_with_the_design(name: str) -> None:
    """Within 0.1, and exactly when the three parts are first rounded to 0.1, as the design's values were."""
    rows = FILES["care_starts.toml"]["adolescent_excluding_uasc"]["by_authority"]
    low, central, high, young, older, uasc = rows[name]
    assert low == central == high
    assert abs(central - float(DESIGN_STARTS[name])) < 0.1
    share = str(FILES["care_starts.toml"]["method"]["uasc_aged_16_plus_share"]["value"])
    parts = [Decimal(str(young)), Decimal(str(older)), -Decimal(share) * Decimal(str(uasc))]
    assert sum(part.quantize(Decimal("0.1"), ROUND_HALF_UP) for part in parts) == Decimal(DESIGN_STARTS[name])


def test_adolescent_starts_follow_from_the_published_counts() -> None:
    content = FILES["care_starts.toml"]
    share = content["method"]["uasc_aged_16_plus_share"]["value"]
    assert content["method"]["uasc_aged_16_plus_share"]["quality"] == "judgement"
    for name, derived in content["adolescent_excluding_uasc"]["by_authority"].items():
        young = [ends(cell) for cell in content["aged_10_to_15"]["by_authority"][name][:3]]
        older = [ends(cell) for cell in content["aged_16_plus"]["by_authority"][name][3:]]
        uasc = [ends(cell) for cell in content["uasc"]["by_authority"][name]]
        for end, value in ((0, derived[0]), (1, derived[2])):
            net = sum(o[end] - share * u[1 - end] for o, u in zip(older, uasc, strict=True)) / 5
            assert value == pytest.approx(sum(y[end] for y in young) / 3 + max(0, net), abs=0.0051)
        assert derived[0] <= derived[1] <= derived[2]


def test_hidden_counts_widen_the_mean() -> None:
    rows = FILES["care_starts.toml"]["adolescent_excluding_uasc"]["by_authority"]
    assert {name for name, row in rows.items() if row[0] < row[2]} == {"city_of_london", "kensington_and_chelsea"}


@pytest.mark.parametrize("n_hidden", [2, 3, 4])
@pytest.mark.parametrize("residual", range(1, 15))
def test_bounds_of_a_hidden_count_are_exact(n_hidden: int, residual: int) -> None:
    """Against every way to share out the residual in which at least one hidden count is 1 to 5."""
    ways = itertools.product(range(residual + 1), repeat=n_hidden)
    possible = [way[0] for way in ways if sum(way) == residual and any(1 <= part <= 5 for part in way)]
    assert script.bound_hidden(residual, n_hidden) == (min(possible), max(possible))


def test_marks_are_read_as_intervals_never_as_zero() -> None:
    assert script.bound_hidden(4, 1) == (4, 4)
    assert script.as_count("k") == script.Count(1, 4, "k")
    assert script.bound_group({"Total": "c", "a": "c", "b": "0"})["Total"] == script.Count(1, 5, "c")
    assert script.bound_group({"Total": "20", "a": "c", "b": "8", "c": "c"})["a"] == script.Count(1, 11, "c")
    with pytest.raises(ValueError, match="no count"):
        script.as_count("z")


def test_london_prices_are_those_of_the_shipped_scenarios() -> None:
    prices = FILES["price_series.toml"]
    assert prices["residential"]["years"][1] == "2017-18"
    assert prices["residential"]["by_area"]["london"][1:] == [3625, 3800, 4055, 4300, 4810, 5965, 6985, 8085]
    assert prices["fostering"]["by_area"]["london"][1:] == [725, 670, 705, 735, 730, 770, 845, 920]
    assert prices["all_cla"]["by_area"]["essex"][1] == 1335


def test_financial_year_deflator_blends_calendar_years() -> None:
    table = FILES["gdp_deflator.toml"]["financial_year"]
    blended = dict(zip(table["years"], table["by_area"]["united_kingdom"], strict=True))
    expected = {"2013-14": 73.8, "2017-18": 78.0, "2018-19": 79.7, "2020-21": 85.3, "2023-24": 97.2}
    assert {year: round(blended[year], 1) for year in expected} == expected


def test_evidence_rows_are_sourced_and_what_was_only_recalled_is_a_judgement() -> None:
    evidence = FILES["evidence.toml"]
    rows = [row for kind in ("trial", "control_arm", "record", "not_used") for row in evidence[kind]]
    assert len({row["id"] for row in rows}) == len(rows) == 12
    for row in rows:
        assert row["source"] in evidence["source"]
        assert row["quality"] in QUALITIES
        assert row["known_to"].year == evidence["source"][row["source"]]["year"] or row["id"] == "essex_claim"
        recalled = "recalled: not read in the source" in row["comment"]
        assert row["read_in_source"] or (recalled and row["quality"] == "judgement"), row["id"]
    for row in evidence["prior"]:
        assert row["quality"] == "judgement" and row["source"] == "project"
    assert all("contract" in row for kind in ("trial", "control_arm", "record") for row in evidence[kind])


def test_records_of_the_evidence_are_the_published_figures() -> None:
    records = {row["id"]: row for row in FILES["evidence.toml"]["record"]}
    london, essex = records["pan_london_record"], records["essex_record"]
    published = FILES["published.toml"]
    assert (london["in_tracking"], london["out_of_care_share"]) == (
        published["pan_london"]["in_tracking"]["value"],
        published["pan_london"]["out_of_care"]["value"],
    )
    assert (essex["care_share"], essex["in_care"]) == (
        published["essex"]["care_share_achieved"]["value"],
        published["essex"]["in_care_at_close"]["value"],
    )


@pytest.mark.parametrize("contract", ["pan_london", "essex"])
def test_published_figures_are_sourced_and_dated(contract: str) -> None:
    published = FILES["published.toml"]
    for figure in published[contract].values():
        assert {"value", "unit", "date", "source", "quality", "role"} <= set(figure)
        assert set(figure) <= {"value", "unit", "date", "source", "quality", "role", "conflict", "note"}
        assert DATE.fullmatch(figure["date"])
        assert figure["source"] in published["source"]
        assert figure["quality"] in QUALITIES
        assert figure["role"] in {"term", "fitted", "in_view", "held_out"}
    assert all(source["year"] and source["title"] for source in published["source"].values())


def test_published_arithmetic() -> None:
    essex, london = FILES["published.toml"]["essex"], FILES["published.toml"]["pan_london"]
    per_day = essex["savings"]["value"] / essex["care_days_saved"]["value"]
    assert round(per_day) == essex["cost_per_care_day"]["value"]
    top_up = london["top_up"]["value"] / london["max_outcome_payments"]["value"]
    assert top_up == london["top_up_share"]["value"]


def test_the_script_names_the_missing_releases(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert script.main(["--data", str(tmp_path)]) == 2
    assert "dfe_started_by_age_la_2018_2022.csv" in capsys.readouterr().err


def releases() -> Path:
    folder = os.environ.get("EDGEOFCARE_DATA")
    if not folder:
        pytest.skip("EDGEOFCARE_DATA does not name a folder of published releases")
    return Path(folder)


def test_files_are_what_the_releases_give(capsys: pytest.CaptureFixture[str]) -> None:
    assert script.main(["--data", str(releases()), "--check"]) == 0, capsys.readouterr().out


def test_bounds_hold_where_an_earlier_release_shows_the_count() -> None:
    data = releases()
    earlier = script.counts(data, "dfe_starts_2022", "new_la_code")
    later = script.counts(data, "dfe_starts_2025", "la_code")
    both = [(earlier[key], later[key]) for key in earlier.keys() & later.keys()]
    hidden = [(shown, bound) for shown, bound in both if bound.mark and not shown.mark]
    assert len(hidden) >= 2
    assert all(bound.low <= shown.low <= bound.high for shown, bound in hidden)
