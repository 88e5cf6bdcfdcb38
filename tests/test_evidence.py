"""The evidence prior: rows drawn by weight, each met on its own measure; and keys that exclude one another."""

from __future__ import annotations

import math
from collections import Counter
from functools import lru_cache

import numpy as np
import pytest
from scipy import stats

from edgeofcare.care.draws import normal_quantile
from edgeofcare.engine.calibrate import TRACKED_SHARE, make_sample
from edgeofcare.engine.calibration_table import N_OWN, Surface
from edgeofcare.engine.parameters import Drawn, beta_quantile, draw, own_uniform, surface_for
from edgeofcare.errors import OptionError
from edgeofcare.inputs.evidence import effect_as_table, without_rivals
from edgeofcare.inputs.load import load, uncertain, with_values
from edgeofcare.inputs.schema import Scenario, Study
from edgeofcare.walk import prepare

SEED = 11


@lru_cache(maxsize=1)
def evidence() -> Scenario:
    """Pan-London under the evidence, with nothing else uncertain, so that every draw has the same sample."""
    return load("pan_london_evidence").model_copy(update={"origins": {}, "correlations": ()})


@lru_cache(maxsize=1)
def on_its_sample() -> Surface:
    """A surface without tables: draws are solved on the first 20,000 children as they are."""
    made = surface_for(load("pan_london_evidence"))
    return Surface(made.days, made.on_days)


@lru_cache(maxsize=64)
def drawn(number: int) -> Drawn:
    return draw(evidence(), on_its_sample(), SEED, number)


def only(study: str | None = None, world: str | None = None, **values: float) -> Scenario:
    """Return the evidence scenario with all weight on one study or one world."""
    tree = evidence().model_dump()["evidence"]
    for rows, name in ((tree["studies"], study), (tree["base_worlds"], world)):
        for row in rows if name else ():
            row["weight"] = float(row["id"] == name)
            row.update(values if row["id"] == study else {})
    return with_values(evidence(), {"evidence": tree})


def test_rows_are_drawn_by_their_weights() -> None:
    """Chi-square over 20,000 draws, false alarm 1e-6 each; a weight wrong by 0.02 would be seen (power over 0.9)."""
    from edgeofcare.engine.parameters import _pick

    rows = evidence().evidence
    assert rows is not None
    n = 20_000
    for what, listed in (("study", rows.studies), ("world", rows.base_worlds)):
        found = Counter(_pick(listed, own_uniform(SEED, d, f"evidence.{what}")).id for d in range(n))
        expected = np.array([row.weight for row in listed]) / sum(row.weight for row in listed) * n
        statistic = sum((found[row.id] - e) ** 2 / e for row, e in zip(listed, expected, strict=True))
        limit = stats.chi2.isf(1e-6, len(listed) - 1)
        assert statistic < limit, what
        moved = (0.02 * n) ** 2 * (1 / expected[0] + 1 / expected[1])
        assert stats.ncx2.sf(limit, len(listed) - 1, moved) > 0.9


def test_a_row_without_weight_is_never_drawn() -> None:
    from edgeofcare.engine.parameters import _pick

    rows = only(study="start").evidence
    assert rows is not None
    assert {_pick(rows.studies, u).id for u in (0.0, 1e-16, 0.5, 1 - 1e-16)} == {"start"}


def test_a_draw_reports_its_rows_and_is_found_again() -> None:
    found = drawn(0)
    assert (found.world, found.study) == (draw(evidence(), on_its_sample(), SEED, 0).world, drawn(0).study)
    assert found.world in {row.id for row in evidence().evidence.base_worlds}  # type: ignore[union-attr]
    assert len({(drawn(d).world, drawn(d).study) for d in range(12)}) > 3


def study_of(found: Drawn) -> Study:
    assert evidence().evidence is not None
    return next(row for row in evidence().evidence.studies if row.id == found.study)


def odds(prob: float) -> float:
    return prob / (1 - prob)


def test_each_draw_shows_its_base_world_and_odds_ratio_on_the_rows_own_measures() -> None:
    """Measured on the sample on which it was solved: within a tenth of a point, or of a percent of the odds ratio."""
    sample = make_sample(evidence(), N_OWN, on_its_sample().on_days)
    for number in range(20):
        found = drawn(number)
        if not found.met:
            continue
        world = next(row for row in evidence().evidence.base_worlds if row.id == found.world)  # type: ignore[union-attr]
        place = sample.measure(world.measure, world.day or None)
        in_care = beta_quantile(world.in_care_share, world.effective_n, own_uniform(SEED, number, "evidence.in_care"))
        assert 1 - sample.values("usual", found.entry_scale_days)[place] == pytest.approx(in_care, abs=1e-3)

        study = study_of(found)
        place = sample.measure(study.measure, study.day or None)
        usual = 1 - sample.values("usual", found.entry_scale_days)[place]
        therapy = 1 - sample.values("therapy", found.entry_scale_days, found.hazard_ratio)[place]
        score = normal_quantile(own_uniform(SEED, number, "evidence.log_or"))
        log_or = study.log_or + score * math.hypot(study.se, study.tau)
        assert math.log(odds(therapy) / odds(usual)) == pytest.approx(log_or, abs=0.01)
        assert found.usual == pytest.approx(sample.values("usual", found.entry_scale_days)[0], abs=1e-12)
    assert sum(drawn(number).met for number in range(20)) >= 15


def test_no_effect_is_a_ratio_of_exactly_1() -> None:
    scenario = only(study="no_effect")
    for number in range(3):
        found = draw(scenario, on_its_sample(), SEED, number)
        assert found.hazard_ratio == 1.0 and found.therapy == found.usual and found.study == "no_effect"


def test_start_does_harm_at_its_point_estimate() -> None:
    scenario = only(study="start", world="contract", se=0.0, tau=0.0)
    found = draw(scenario, on_its_sample(), SEED, 0)
    assert found.hazard_ratio > 1 and found.therapy < found.usual
    sample = make_sample(scenario, N_OWN, on_its_sample().on_days)
    place = sample.measure("never_in_care_by_day", 548)
    usual, therapy = (
        1 - sample.values(arm, found.entry_scale_days, ratio)[place]
        for arm, ratio in (("usual", 1.0), ("therapy", found.hazard_ratio))
    )
    assert odds(therapy) / odds(usual) == pytest.approx(math.exp(0.2231), rel=2e-3)


def test_a_measure_of_day_0_is_out_of_reach_and_no_traceback() -> None:
    """Everyone who starts is at home on the day: no effect can show."""
    scenario = only(study="start", day=0)
    assert 0 in surface_days(scenario)
    found = draw(scenario, Surface(730, surface_days(scenario)), SEED, 0)
    assert not found.met


def surface_days(scenario: Scenario) -> tuple[int, ...]:
    rows = scenario.evidence
    assert rows is not None
    days = (row.day for row in (*rows.studies, *rows.base_worlds) if row.measure != TRACKED_SHARE)
    return tuple(dict.fromkeys([730, *days]))


def test_the_surface_knows_every_day_that_the_evidence_names() -> None:
    assert set(on_its_sample().on_days) == {730, 365, 548}


def test_the_evidence_needs_outer_draws() -> None:
    with pytest.raises(OptionError, match="needs several outer draws"):
        prepare(load("pan_london_evidence"), 10)


# ---- reading it -------------------------------------------------------------------------------------------------


def test_published_rows_come_with_source_and_quality() -> None:
    scenario = load("pan_london_evidence")
    assert scenario.evidence is not None
    assert sum(row.weight for row in scenario.evidence.studies) == pytest.approx(1)
    assert sum(row.weight for row in scenario.evidence.base_worlds) == pytest.approx(1)
    start = [row.id for row in scenario.evidence.studies].index("start")
    origin = scenario.origins[f"evidence.studies.{start}.log_or"]
    assert "Fonagy" in origin.source and (origin.quality, origin.date) == ("research", "2018")
    for key in ("tau", "weight"):
        assert scenario.origins[f"evidence.studies.{start}.{key}"].quality == "judgement"
    assert not any(path.startswith("evidence") for path in uncertain(scenario))


def test_published_log_odds_ratios_and_errors_follow_from_ratios_and_intervals() -> None:
    from edgeofcare.inputs.load import scenario_folder

    import tomllib  # isort: skip

    tree = tomllib.loads((scenario_folder() / "reference" / "evidence.toml").read_text("utf-8"))
    for row in tree["study"]:
        assert row["log_or"] == pytest.approx(math.log(row["odds_ratio"]), abs=2e-4), row["id"]
        if "ci_low" in row:
            width = math.log(row["ci_high"]) - math.log(row["ci_low"])
            assert row["se"] == pytest.approx(width / (2 * 1.96), abs=2e-3), row["id"]


def test_evidence_in_one_word_is_a_table() -> None:
    assert effect_as_table({"effect": "evidence"}) == {"effect": {"prior": "evidence"}}
    assert effect_as_table({"effect": {"usual": 0.3}}) == {"effect": {"usual": 0.3}}


def test_the_keys_of_a_group_replace_one_another() -> None:
    below = {"effect": {"usual": 0.35, "therapy": 0.65, "day": 3}, "title": "x"}
    assert without_rivals(below, {"effect": {"odds_ratio": 1.2}})["effect"] == {"usual": 0.35, "day": 3}
    assert without_rivals(below, {"effect": {"entry_scale_days": 9.0}})["effect"] == {"therapy": 0.65, "day": 3}
    assert without_rivals(below, {"effect": {"therapy": 0.5}})["effect"] == below["effect"]
    assert without_rivals(below, {}) == below
