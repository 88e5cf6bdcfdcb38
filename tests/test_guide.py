"""The schema for those who write: the page is current, editors accept what the loader accepts, starters work."""

import re
import tomllib
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from edgeofcare.inputs import describe, guide
from edgeofcare.inputs.load import load, scenario_folder, shipped
from edgeofcare.inputs.schema import Scenario

# ---- the page of every key ----------------------------------------------------------------------------------------


def test_the_page_of_keys_is_current() -> None:
    committed = (scenario_folder() / "README.md").read_text("utf-8")
    assert committed == guide.markdown(), "run: edgeofcare schema --markdown > scenarios/README.md"


def test_the_page_names_every_key_with_its_meaning() -> None:
    page = guide.markdown()
    for name, part in Scenario.model_json_schema()["$defs"].items():
        for key, node in part["properties"].items():
            meaning = " ".join(node.get("description", "").split())
            row = rf"\| `{key}` \|.*\| {re.escape(meaning)} \|"
            assert re.search(row, page) or (meaning.rstrip(".") in page and "$ref" in str(node)), f"{name}.{key}"


@pytest.mark.parametrize(
    "line",
    [
        "| `accept_prob` | number, probability | 0 to 1 | 1 | Chance that the panel accepts a referred family. |",
        "| `age_weights` | list of 8 weights |  | required |",
        "| `moves_under_16` | 6 lists of 6 weights |  | required |",
        "| `frailty_variance` | number | 0 to 10 | required |",
        '| `covers` | `"starters"` or `"completers"` |  | `"starters"` |',
        '| `base_year` | financial year such as `"2018-19"` |  | required |',
        "| `seasonality` | list of 12 numbers | 0 or more | all 1 |",
        "| `correlation` | number | above -1, below 1 | required |",
        "| `first_entry_shape` | number | 0.05 to 5 | required |",
        "## `[[contract.terms]]` that pays per_care_day_saved",
        "## `[prices.index.TYPE]`",
        "## `[boroughs.NAME]`",
    ],
)
def test_lines_of_the_page(line: str) -> None:
    assert line in guide.markdown()


# ---- JSON Schema --------------------------------------------------------------------------------------------------

TYPES: dict[str, Any] = {"object": dict, "array": list, "string": str, "boolean": bool, "number": (int, float)}
CHECKED = {
    "type",
    "properties",
    "additionalProperties",
    "patternProperties",
    "required",
    "items",
    "minItems",
    "maxItems",
    "prefixItems",
    "anyOf",
    "oneOf",
    "allOf",
    "$ref",
    "enum",
    "const",
    "minimum",
    "maximum",
    "exclusiveMinimum",
    "exclusiveMaximum",
    "maxLength",
    "pattern",
    "minProperties",
    "maxProperties",
    "format",
}
PROSE = {"description", "default", "title", "$schema", "$defs"}


def accepts(node: dict[str, Any], value: Any, root: dict[str, Any]) -> bool:
    """Tell whether a JSON Schema accepts a value: the keywords that ours uses, and a failure for any other."""
    assert node.keys() <= CHECKED | PROSE, node.keys() - CHECKED - PROSE
    return (
        has_type(node, value)
        and in_bounds(node, value)
        and all(accepts(part, value, root) for part in node.get("allOf", ()))
        and ("anyOf" not in node or any(accepts(part, value, root) for part in node["anyOf"]))
        and ("oneOf" not in node or sum(accepts(part, value, root) for part in node["oneOf"]) == 1)
        and ("$ref" not in node or accepts(root["$defs"][node["$ref"].removeprefix("#/$defs/")], value, root))
        and (not isinstance(value, dict) or accepts_table(node, value, root))
        and (not isinstance(value, list) or accepts_list(node, value, root))
    )


def has_type(node: dict[str, Any], value: Any) -> bool:
    kind = node.get("type")
    if kind == "integer":
        return type(value) is int
    if kind == "number" and isinstance(value, bool):
        return False
    return kind is None or isinstance(value, TYPES[kind])


def in_bounds(node: dict[str, Any], value: Any) -> bool:
    if value != node.get("const", value) or value not in node.get("enum", [value]):
        return False
    if isinstance(value, str):
        dated = node.get("format") != "date" or re.fullmatch(r"\d{4}-\d\d-\d\d", value)
        return (
            bool(dated) and len(value) <= node.get("maxLength", 1e9) and bool(re.search(node.get("pattern", ""), value))
        )
    if isinstance(value, int | float) and not isinstance(value, bool):
        return node.get("minimum", value) <= value <= node.get("maximum", value) and node.get(
            "exclusiveMinimum", value - 1
        ) < value < node.get("exclusiveMaximum", value + 1)
    return True


def accepts_table(node: dict[str, Any], value: dict[str, Any], root: dict[str, Any]) -> bool:
    known, patterns, others = (
        node.get("properties", {}),
        node.get("patternProperties", {}),
        node.get("additionalProperties"),
    )
    if not set(node.get("required", ())) <= value.keys() or len(value) < node.get("minProperties", 0):
        return False
    for key, child in value.items():
        parts = [known[key]] if key in known else [part for name, part in patterns.items() if re.search(name, key)]
        if not parts and others is False:
            return False
        if not parts and isinstance(others, dict):
            parts = [others]
        if not all(accepts(part, child, root) for part in parts):
            return False
    return True


def accepts_list(node: dict[str, Any], value: list[Any], root: dict[str, Any]) -> bool:
    sized = node.get("minItems", 0) <= len(value) <= node.get("maxItems", 1e9)
    return sized and all(accepts(node.get("items", {}), child, root) for child in value)


def plain(node: Any) -> Any:
    """Return TOML values as JSON has them: dates are text."""
    if isinstance(node, dict):
        return {key: plain(child) for key, child in node.items()}
    if isinstance(node, list):
        return [plain(child) for child in node]
    return node.isoformat() if isinstance(node, date) else node


@pytest.mark.parametrize("name", shipped())
def test_editors_accept_the_shipped_scenarios(name: str) -> None:
    tree = plain(tomllib.loads((scenario_folder() / f"{name}.toml").read_text("utf-8")))
    found = guide.editor_schema()
    assert accepts(found, tree, found)


@pytest.mark.parametrize(
    "written",
    [
        'extends = "pan_london"',
        "[child]\nfrailty_variance = {value = 0.3, low = 0.1, high = 0.5, source = 'x', quality = 'research'}",
        "[boroughs.sutton]\nreferrals_per_year = {reference = 'care_starts:x.y', times = 0.5}",
        "[child]\nage_weights = [1, 7, 12, 18, 22, 22, 15, 3]",
        "[child]\nfrailty_variance = {high = 0.5}",
        "[prices.deflator]\nlevel_by_year = {reference = 'gdp_deflator:a.b'}",
        "[clock]\nday_0 = {value = 2018-02-06, source = 'x'}",
        'effect = "evidence"',
    ],
)
def test_editors_accept(written: str) -> None:
    found = guide.editor_schema()
    assert accepts(found, plain(tomllib.loads(written)), found)


@pytest.mark.parametrize(
    "written",
    [
        "sentiment = 3",
        "[chilld]\nfrailty_variance = 0.5",
        "[child]\nfrailty_varience = 0.3",
        "[child]\nfrailty_variance = '0.3'",
        "[child]\nfrailty_variance = true",
        "[child]\nfrailty_variance = 11",
        "[child]\nfrailty_variance = {value = 11}",
        "[child]\nfrailty_variance = {valu = 1}",
        "[child]\nfrailty_variance = {value = 1, quality = 'good'}",
        "[child]\nage_weights = [1, 2]",
        "[clock]\nday_0 = 'soon'",
        "[tracking]\ncovers = 'starter'",
        "[boroughs.Big-Borough]\nname = 'x'",
        "[[contract.terms]]\npays = 'per_start'",
        "[[contract.terms]]\npays = 'per_strat'\nprice_gbp = 1.0",
        "[origins]\n'a.b' = {source = 'x'}",
        "name = 'x'",
        "[prices.deflator]\nlevel_by_year = {2017 = 1.0}",
    ],
)
def test_editors_refuse(written: str) -> None:
    found = guide.editor_schema()
    assert not accepts(found, plain(tomllib.loads(written)), found)


def test_nothing_may_be_null_and_all_keys_are_described() -> None:
    found = guide.editor_schema()
    assert '"null"' not in str(found).replace("'", '"')
    assert all("description" in node for node in found["$defs"]["Team"]["properties"].values())


# ---- starters -----------------------------------------------------------------------------------------------------


def written(tmp_path: Path, text: str) -> Scenario:
    path = tmp_path / "mine.toml"
    path.write_text(text, encoding="utf-8")
    return load(path)


@pytest.mark.parametrize("base", shipped())
def test_a_starter_changes_nothing_but_its_title(tmp_path: Path, base: str) -> None:
    scenario = written(tmp_path, guide.starter("mine", load(base)))
    assert [pair.entry.id for pair in describe.differences(load(base), scenario)] == ["title"]
    assert scenario.title == f"mine, a copy of {base}" and scenario.name == "mine"


@pytest.mark.parametrize("base", shipped())
def test_a_starter_with_every_input_taken_up_changes_no_value(tmp_path: Path, base: str) -> None:
    text = re.sub(r"^#(?=\S)", "", guide.starter("mine", load(base)), flags=re.MULTILINE)
    scenario = written(tmp_path, text)
    assert [pair.entry.id for pair in describe.differences(load(base), scenario)] == ["title"]
    assert scenario.origins["capital.commitment_gbp"].source == "Write here where this comes from"


def test_a_starter_says_what_to_do_next() -> None:
    text = guide.starter("mine", load("pan_london"))
    for verb in ("check mine.toml", "diff pan_london mine.toml", "run mine.toml"):
        assert f"edgeofcare {verb}" in text
    assert "#usual = {value = 0.35, low = 0.33, high = 0.55" in text
