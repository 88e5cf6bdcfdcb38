"""The three readings of the same targets: each meets its own, and they are far apart in money."""

import pytest

from edgeofcare.documents.text_pages.answers import readings_page
from edgeofcare.errors import OptionError
from edgeofcare.inputs.load import load, with_values
from edgeofcare.questions.target_readings import readings


def test_each_reading_meets_its_targets_and_they_differ_in_pounds():
    found = {reading.measure: reading for reading in readings(load("pan_london"), replications=100)}
    assert [r.measure for r in found.values() if r.own] == ["share_of_tracked_days_out_of_care"]
    for reading in found.values():
        for arm, target in (("usual", 0.35), ("therapy", 0.65)):
            assert reading.calibration.reached[arm] == pytest.approx(target, abs=1e-3)
    tracked = found["share_of_tracked_days_out_of_care"].figures["avoided_nominal_gbp"]
    never = found["never_in_care_by_day"].figures["avoided_nominal_gbp"]
    assert tracked > 1.25 * never  # defaults.md: 18.6m against 12.5m
    page = readings_page(list(found.values()))
    assert "<- the scenario reads it so" in page and "never in care by day 730" in page.lower()


def test_a_reading_out_of_reach_is_said_with_its_range():
    scenario = with_values(
        load("pan_london"),
        {
            "care.stay.stay_to_18_prob_under_16": 0.3,
            "care.stay.stay_to_18_prob_16_plus": 0.4,
            "effect.measure": "never_in_care_by_day",
            "effect.day": 730,
        },
    )
    problems = [reading.problem for reading in readings(scenario, replications=20) if reading.problem]
    assert problems and "can be reached" in problems[0]


def test_the_evidence_has_no_targets_to_read():
    with pytest.raises(OptionError, match="draws its effect from the evidence"):
        readings(load("pan_london_evidence"))
