"""A scenario written whole is the same scenario when it is read again."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pytest

from edgeofcare.inputs.boroughs import Joining, load_joiner, with_joiners
from edgeofcare.inputs.load import canonical, load, shipped, with_values
from edgeofcare.inputs.schema import Scenario
from edgeofcare.inputs.write import as_toml


def again(scenario: Scenario, folder: Path) -> Scenario:
    """The scenario written and read back."""
    path = folder / f"{scenario.name}.toml"
    path.write_text(as_toml(scenario), encoding="utf-8")
    return load(path)


@pytest.mark.parametrize("name", shipped())
def test_a_shipped_scenario_comes_back_with_values_ranges_and_sources(name: str, tmp_path: Path) -> None:
    scenario = load(name)
    back = again(scenario, tmp_path)
    assert canonical(back) == canonical(scenario)
    assert back.origins == scenario.origins
    assert back.title == scenario.title


def test_a_joined_scenario_with_another_effect_comes_back(tmp_path: Path) -> None:
    scenario = with_values(load("pan_london"), {"effect.therapy": 0.35})
    joining = Joining(load_joiner("haringey", scenario), date(2019, 7, 1))
    joined = with_joiners(scenario, [joining], 390.0, "per_start")
    back = again(joined, tmp_path)
    assert canonical(back) == canonical(joined)
    assert back.origins == joined.origins
    assert back.effect.therapy == 0.35 and back.boroughs["haringey"].join_date == date(2019, 7, 1)


def test_words_with_quotes_and_line_breaks_survive(tmp_path: Path) -> None:
    scenario = load("pan_london").model_copy(update={"title": 'A "title"\n= [x]\\ with é'})
    assert again(scenario, tmp_path).title == scenario.title
