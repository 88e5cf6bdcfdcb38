"""Observation days: what is seen on a day agrees with the engine's counts, and with a hand-made life."""

import numpy as np
import pytest

from edgeofcare.engine.calibrate import calibrate
from edgeofcare.engine.counts import EVENTS
from edgeofcare.engine.observe import observe, read_events, trace_with
from edgeofcare.engine.plan import make_plan
from edgeofcare.inputs.load import load


@pytest.fixture(scope="module")
def plan():
    scenario = load("pan_london")
    found = calibrate(scenario)
    return make_plan(scenario, found.entry_scale_days, found.hazard_ratio)


def event(child, arm, code, day, detail=0):
    return [0, arm, 0, child, EVENTS.index(code), day, detail]


def test_a_hand_made_life(plan):
    """Started day 10, tracked from day 101, in care 150-160 and 170-180 with therapy, 120-200 without; seen on 175."""
    events = np.array(
        [
            event(0, -1, "referred", 0, 3000),
            event(0, -1, "started", 10, 100),
            event(0, -1, "completed", 110),
            event(0, 0, "placed", 120, 1),
            event(0, 0, "placed", 140, 3),
            event(0, 0, "home", 200),
            event(0, 1, "placed", 150, 1),
            event(0, 1, "home", 160),
            event(0, 1, "placed", 170, 1),
            event(0, 1, "home", 180),
            event(1, -1, "referred", 3, 3000),
            event(1, 0, "placed", 5, 1),
            event(1, 0, "home", 3000),
        ]
    )
    seen = observe(read_events(events, 0), plan, 1, 175)
    found = {name: int(values[0]) for name, values in seen.items()}
    assert found == {
        "referred": 2,
        "started": 1,
        "completed": 1,
        "completed_at_home": 0,
        "in_tracking": 1,
        "in_tracking_never_in_care": 0,
        "tracked_days": 74,
        "in_tracking_in_care_usual": 1,
        "started_in_care_usual": 1,
        "care_days_usual": 55,
        "in_tracking_in_care_therapy": 1,
        "started_in_care_therapy": 1,
        "care_days_therapy": 15,
    }


@pytest.mark.parametrize("engine", ["kernel", "reference"])
def test_seen_after_the_end_is_what_was_counted(plan, engine):
    counts, events = trace_with(engine)(plan, 5, 7, 10)
    seen = observe(read_events(events, 7), plan, 10, 100_000)
    outcomes = counts.outcomes[:, :, 0].sum(axis=(2, 3))
    assert (seen["tracked_days"] == outcomes[:, 0, 0]).all()
    assert (seen["care_days_usual"] == outcomes[:, 0, 1]).all()
    assert (seen["care_days_therapy"] == outcomes[:, 1, 1]).all()
    for name in ("referred", "started", "completed"):
        assert (seen[name] == counts.served(name).sum(axis=(1, 2))).all()
    assert seen["in_tracking"].sum() == 0


def test_engines_show_the_same_events(plan):
    assert np.array_equal(trace_with("kernel")(plan, 2, 0, 5)[1], trace_with("reference")(plan, 2, 0, 5)[1])
