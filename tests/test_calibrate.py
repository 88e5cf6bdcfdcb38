"""Targets made into hazards, on samples of 20,000 children: reached, exact at no effect, refused with the range."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

from edgeofcare.care.trajectory import NEVER, entry_days, entry_days_with_therapy, live
from edgeofcare.engine import calibrate
from edgeofcare.engine.calibrate import RATIOS, SCALES_DAYS, Sample, make_sample, nearest_to_one, root, solve
from edgeofcare.engine.plan import borough_id
from edgeofcare.errors import CalibrationError
from edgeofcare.inputs.load import with_values
from edgeofcare.inputs.schema import Scenario
from helpers import pan_london, small

N = 20_000
MEASURES = {
    "share_of_tracked_days_out_of_care": (None, 0.35, 0.65),
    "never_in_care_by_day": (730, 0.30, 0.60),
    "out_of_care_on_day": (365, 0.55, 0.75),
}


def targets(usual: float, therapy: float, measure: str = calibrate.TRACKED_SHARE, day: int | None = None) -> Scenario:
    """Return Pan-London with targets instead of hazards."""
    return pan_london(
        effect__usual=usual,
        effect__therapy=therapy,
        effect__entry_scale_days=None,
        effect__hazard_ratio=None,
        effect__measure=measure,
        effect__day=day,
    )


@pytest.fixture(scope="module")
def sample() -> Sample:
    return make_sample(pan_london(), N, on_days=[0, 180, 365, 1500])


@pytest.mark.parametrize("measure", MEASURES)
def test_targets_are_reached(measure: str) -> None:
    """Within 1e-4, or one child in the sample where the measure counts children."""
    day, usual, therapy = MEASURES[measure]
    scenario = targets(usual, therapy, measure, day)
    found = solve(scenario, make_sample(scenario, N))
    allowed = 1e-4 if day is None else 2 / N
    assert found.reached["usual"] == pytest.approx(usual, abs=allowed)
    assert found.reached["therapy"] == pytest.approx(therapy, abs=allowed)
    assert 0 < found.hazard_ratio < 1
    assert found.measures["usual"][measure] == found.reached["usual"]


def test_no_effect_is_a_ratio_of_exactly_1(sample: Sample) -> None:
    found = solve(targets(0.35, 0.35), sample)
    assert found.hazard_ratio == 1.0
    assert found.measures["usual"] == found.measures["therapy"]


def test_hazards_given_directly_are_used_as_they_are(sample: Sample) -> None:
    found = solve(pan_london(effect__hazard_ratio=0.5), sample)
    assert (found.entry_scale_days, found.hazard_ratio) == (191.6, 0.5)


@pytest.mark.parametrize(("usual", "therapy", "arm"), [(0.05, 0.65, "usual"), (0.35, 0.99, "therapy")])
def test_a_target_out_of_reach_is_refused_with_the_range(
    sample: Sample, usual: float, therapy: float, arm: str
) -> None:
    with pytest.raises(CalibrationError, match=rf"effect\.{arm}.*out of reach: between 0\.\d+ and [01]\.\d+"):
        solve(targets(usual, therapy), sample)


def test_the_entry_scale_stands_on_the_branch_of_slowest_entry(sample: Sample) -> None:
    """Very early entry means early exit, so that some targets are met twice."""
    values = np.array([sample.values("usual", float(s))[0] for s in SCALES_DAYS])
    bottom = float(SCALES_DAYS[values.argmin()])
    assert values.argmin() > 0 and values[0] > values.min() + 0.005  # not monotone
    target = (values[0] + values.min()) / 2
    found = solve(targets(float(target), 0.65), sample)
    assert found.entry_scale_days > bottom
    assert sample.values("usual", found.entry_scale_days * 1.05)[0] > target


def test_roots_are_chosen_among_all_brackets_and_refined() -> None:
    """sin(ln x) = 0 at 1, e^pi, e^2pi ...: the slowest scale; the ratio nearest to none."""
    grid = np.geomspace(0.5, 1000, 40)

    def wave(x: float) -> float:
        return float(np.sin(np.log(x)))

    values = [wave(x) for x in grid]
    assert root(wave, grid, values, 0.0, max) == pytest.approx(np.exp(2 * np.pi), rel=1e-5)
    assert root(wave, grid, values, 0.0, nearest_to_one) == pytest.approx(1, rel=1e-5)
    assert root(wave, grid, values, 1.5, max) is None


@pytest.mark.parametrize("arm", ["usual", "therapy"])
def test_plain_and_compiled_measures_are_equal(monkeypatch: pytest.MonkeyPatch, arm: str) -> None:
    """500 children, every number: without numba the same targets give the same hazards."""
    scenario = pan_london(referrals__shared_shock_sd=0.2, effect__log_ratio_share_by_year=(1.0, 0.5))
    compiled = make_sample(scenario, 500, on_days=[100])
    counts = compiled.counts(arm, 191.6, 0.25)
    monkeypatch.setattr(calibrate, "_compiled", lambda: calibrate)
    plain = make_sample(scenario, 500, on_days=[100])
    for name in ("need", "risk", "limit", "stop", "dose"):
        assert np.array_equal(getattr(compiled, name), getattr(plain, name)), name
    assert plain.counts(arm, 191.6, 0.25) == counts


def by_hand(sample: Sample, scale: float, ratio: float, days: list[int]) -> Iterator[float]:
    """Measures of the therapy arm, child by child and day by day, with sets."""
    rates, wait = sample.plan.rates, sample.wait_days
    tracked = home = waiting = n = 0
    never, under_18, out = ([0] * len(days) for _ in range(3))
    for child in range(len(sample.need)):
        limit = int(sample.limit[child])
        hazard = (float(sample.need[child]), float(sample.risk[child]), rates.entry_shape, scale, limit)
        entry = entry_days(*hazard)
        if limit <= wait or entry <= wait:
            waiting += limit > wait
            continue
        stop = int(sample.stop[child])
        stop = NEVER if stop == NEVER else wait + stop
        entry = entry_days_with_therapy(*hazard, wait, stop, float(sample.dose[child]), [ratio])
        enter, leave, first_u = [0] * 3000, [0] * 3000, [0.0] * 3000
        spells = live(0, 0, borough_id("calibration"), child, entry, limit, 1.0, rates, enter, leave, first_u)
        in_care = {day for spell in range(spells) for day in range(enter[spell], leave[spell])}
        window = set(range(int(sample.opens[child]), min(int(sample.opens[child]) + sample.days, limit)))
        n, tracked, home = n + 1, tracked + len(window), home + len(window - in_care)
        for i, day in enumerate(days):
            never[i] += entry >= wait + day
            if limit > wait + day:
                under_18[i] += 1
                out[i] += wait + day not in in_care
    yield home / tracked
    yield waiting / (n + waiting)
    for i in range(len(days)):
        yield never[i] / n
        yield out[i] / under_18[i]


def test_measures_are_what_counting_by_hand_gives() -> None:
    days = [1, 2, 3, 5, 8, 13, 21, 34, 200, 2500]
    sample = make_sample(pan_london(), 400, on_days=days)
    assert list(sample.values("therapy", 191.6, 0.8)) == list(by_hand(sample, 191.6, 0.8, [730, *days]))


def test_measures_of_later_days(sample: Sample) -> None:
    """Never in care falls with the day; on the day of the start everyone is at home; at no effect arms are equal."""
    values = sample.values("usual", 191.6)
    never = [values[sample.measure("never_in_care_by_day", day)] for day in (0, 180, 365, None, 1500)]
    assert never[0] == 1 and all(a > b for a, b in pairwise(never))
    assert values[sample.measure("out_of_care_on_day", 0)] == 1
    assert sample.counts("therapy", 191.6, 1.0) == sample.counts("usual", 191.6)
    assert min(sample.counts("therapy", 191.6, float(r))[0] for r in RATIOS[::20]) == sample.counts("usual", 191.6)[0]


def test_the_sample_does_not_depend_on_threads_or_its_own_size(sample: Sample) -> None:
    half = make_sample(pan_london(), N // 2)
    assert np.array_equal(half.risk, sample.risk[: N // 2])
    rest = {name: getattr(sample, name)[N // 2 :] for name in ("need", "risk", "limit", "stop", "dose")}
    assert replace(sample, **rest).counts("usual", 300.0)[0] + half.counts("usual", 300.0)[0] == pytest.approx(
        sample.counts("usual", 300.0)[0], abs=0
    )


def test_a_scenario_with_one_therapy_calibrates_on_that_one() -> None:
    """The only therapy has all families, whether its share is left out or written as 1."""
    mst = small().therapies["mst"].model_dump()
    alone, written = (small(therapies={"mst": mst | {"share_suited": share}}) for share in (None, 1.0))
    both = small(therapies__mst__share_suited=1.0)
    counts = [make_sample(one, 2000).counts("therapy", 191.6, 0.3) for one in (alone, written, both)]
    assert counts[0] == counts[1] == counts[2]


# ---- the cache --------------------------------------------------------------------------------------------------


@pytest.fixture
def cache(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    monkeypatch.setattr(calibrate, "cache_folder", lambda name: tmp_path)
    return tmp_path


def test_a_cached_calibration_is_the_same(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    scenario = targets(0.4, 0.6)
    first = calibrate.calibrate(scenario, 2000)
    monkeypatch.setattr(calibrate, "solve", None)  # not asked again
    assert calibrate.calibrate(scenario, 2000) == first
    assert [path.suffix for path in cache.iterdir()] == [".json"]


def test_a_damaged_cache_is_made_again(cache: Path) -> None:
    scenario = targets(0.4, 0.6)
    first = calibrate.calibrate(scenario, 2000)
    (path,) = cache.iterdir()
    path.write_text(path.read_text("utf-8")[:40], "utf-8")
    assert calibrate.calibrate(scenario, 2000) == first


def test_the_cache_knows_what_hazards_depend_on(cache: Path) -> None:
    """Other stays, ages or targets are another calibration; prices, boroughs and teams are not."""
    base = targets(0.4, 0.6)
    same = {"prices.discount_rate_per_year": 0.01, "boroughs.newham.referrals_per_year": 3.0}
    assert calibrate._cache_path(with_values(base, same), 10) == calibrate._cache_path(base, 10)
    others = [
        {"care.stay.scale_days_under_16": 301.0},
        {"child.frailty_variance": 0.3},
        {"effect.usual": 0.41},
        {"effect.wait_days": 22},
        {"therapies.fft.completion_prob": 0.8},
        {"tracking.days": 700},
        {"referrals.shared_shock_sd": 0.1},
        {"effect.dropouts_keep": "none"},
    ]
    paths = {calibrate._cache_path(with_values(base, change), 10) for change in ({}, *others)}
    assert len(paths) == len(others) + 1
    assert calibrate._cache_path(base, 11) not in paths


def test_a_window_opens_after_what_it_counts_from() -> None:
    """From the planned end, on average wait + mean length + delay, the lengths by their own table; false alarm 1e-6."""
    waits, delay = pan_london().effect.wait_days, 14
    from_start, from_end, from_referral = (
        make_sample(pan_london(tracking__window_from=name, tracking__delay_days=delay), N)
        for name in ("start", "planned_end", "referral")
    )
    assert set(from_start.opens) == {waits + delay}
    assert set(from_referral.opens) == {max(waits, delay)}
    planned = from_end.opens - waits - delay
    probs = np.diff(from_end.plan.length_cumulative, axis=1, prepend=0.0)
    days = np.arange(probs.shape[1])
    mean = float(np.array(pan_london().shares_suited()) @ (probs @ days))
    assert abs(planned.mean() - mean) < 4.9 * planned.std() / math.sqrt(len(planned))
