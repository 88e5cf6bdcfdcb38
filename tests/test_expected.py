"""The renewal-equation engine, which draws nothing, against the calibration sample and both engines.

All comparisons of this file together have a false-alarm rate of 1e-6 (Bonferroni over at most 2,000): seeds are fixed,
so that it is the chance, on the day they were chosen, of a difference that means nothing. Shares of children are
compared by exact binomial tails, ratios of days by the delta method over 400 groups of children, run totals by their
spread between replications. The tests refuse the same model with one parameter 2% off. When the seeds were chosen the
furthest of the comparisons was 3.3 standard errors off, the limit being 6.2.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import date
from functools import lru_cache
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from scipy import stats

from edgeofcare.engine import calibrate, kernel, reference
from edgeofcare.engine.calibrate import Sample, make_sample
from edgeofcare.engine.counts import ACCOUNTS, Counts
from edgeofcare.engine.expected import (
    ARMS,
    Expected,
    age_weights,
    care_days_by_type,
    dropout_shares,
    entry_later,
    ever_in_care_prob,
    expected_measures,
)
from edgeofcare.engine.plan import Plan, borough_id, ratio_with_share
from edgeofcare.inputs.load import with_values
from edgeofcare.inputs.schema import Scenario
from helpers import assert_same_counts, dotted, plan_of, shipped, small, team, with_tracks

Floats = npt.NDArray[np.float64]
FALSE_ALARM = 1e-6
COMPARISONS = 2000  # more than this file makes
LIMIT = float(stats.norm.isf(FALSE_ALARM / 2 / COMPARISONS))  # 6.2
OFF = 1.02
N_GROUPS = 400
ON_DAYS = (1, 30, 91, 180, 365, 913, 1500)
SHARE = "share_of_tracked_days_out_of_care"


# ---- distances in standard errors -------------------------------------------------------------------------------


def score(p_value: float) -> float:
    """The normal score of a two-sided chance."""
    return float(stats.norm.isf(min(p_value, 1.0) / 2))


def binomial_distance(k: int, n: int, share: float) -> float:
    """Exact binomial tails: twice the smaller one."""
    share = min(max(share, 0.0), 1.0)
    return score(2 * min(stats.binom.cdf(k, n, share), stats.binom.sf(k - 1, n, share)))


def mean_distance(values: Floats) -> float:
    """Distance of a mean of independent values from 0."""
    error = values.std(ddof=1) / np.sqrt(len(values))
    return score(2 * stats.t.sf(abs(values.mean()) / error, len(values) - 1))


def by_group(sample: Sample, arm: str, scale: float, ratio: float) -> npt.NDArray[np.int64]:
    """The whole numbers of `measure_sample` for groups of children: (group, number)."""
    ratios = np.array([ratio_with_share(ratio, share) for share in sample.log_ratio_shares])
    days = np.array(sample.on_days, np.int64)
    cuts = np.linspace(0, len(sample.need), N_GROUPS + 1).astype(int)
    result = np.zeros((N_GROUPS, 4 + 3 * len(days)), np.int64)
    spells = np.zeros(3000, np.int64), np.zeros(3000, np.int64), np.zeros(3000)
    for row, first, last in zip(result, cuts[:-1], cuts[1:], strict=True):
        calibrate._compiled().measure_sample(
            first,
            last,
            borough_id("calibration"),
            ARMS.index(arm),
            sample.plan.rates,
            scale,
            ratios,
            sample.wait_days,
            sample.opens,
            sample.days,
            days,
            sample.need,
            sample.risk,
            sample.limit,
            sample.stop,
            sample.dose,
            *spells,
            row,
        )
    return result


@lru_cache(maxsize=64)
def groups_of(name: str, n: int, **changes: Any) -> tuple[Sample, dict[str, npt.NDArray[np.int64]]]:
    """The sample of a variant of a shipped scenario, measured in both arms."""
    scenario = variant(name, **changes)
    sample = make_sample(scenario, n, ON_DAYS)
    scale, ratio = scenario.effect.entry_scale_days, scenario.effect.hazard_ratio
    assert scale is not None and ratio is not None
    return sample, {arm: by_group(sample, arm, scale, ratio) for arm in ARMS}


def variant(name: str, **changes: Any) -> Scenario:
    """A shipped scenario with hazards given and other values changed."""
    return with_values(shipped(name), dotted(changes))


def expected_of(scenario: Scenario) -> Expected:
    return expected_measures(plan_of(scenario), scenario, scenario.effect.wait_days)


def distances(sample: Sample, groups: dict[str, Any], expected: Expected) -> Iterator[tuple[str, float]]:
    """Every measure of a sample, with its distance from what is expected."""
    for arm in ARMS:
        n, _, _, waiting, *by_day = groups[arm].sum(axis=0).tolist()
        yield f"{arm} waiting", binomial_distance(waiting, n + waiting, expected.entered_care_waiting)
        share = expected.measure(arm, SHARE)
        yield f"{arm} {SHARE}", mean_distance(groups[arm][:, 2] - share * groups[arm][:, 1])
        yield f"{arm} tracked days", mean_distance(groups[arm][:, 1] - expected.tracked_days * groups[arm][:, 0])
        for day, never, under_18, out in zip(sample.on_days, *[iter(by_day)] * 3, strict=True):
            yield f"{arm} never {day}", binomial_distance(never, n, expected.measure(arm, "never_in_care_by_day", day))
            if expected.under_18[day] > 0:
                out_share = expected.measure(arm, "out_of_care_on_day", day)
                yield f"{arm} out {day}", binomial_distance(out, under_18, out_share)
            yield f"{arm} under 18 {day}", binomial_distance(under_18, n, float(expected.under_18[day]))


def worst(found: Iterator[tuple[str, float]]) -> tuple[str, float]:
    """The comparison that is furthest off."""
    pairs = list(found)
    assert not any(np.isnan(distance) for _, distance in pairs)
    return max(pairs, key=lambda pair: pair[1])


# ---- against the calibration sample -----------------------------------------------------------------------------


VARIANTS: dict[str, dict[str, Any]] = {
    "as shipped": {},
    "fading": {"effect__log_ratio_share_by_year": (1.0, 0.6, 0.2, 0.0)},
    "harm": {"effect__hazard_ratio": 1.6},
    "harm that fades": {"effect__hazard_ratio": 2.5, "effect__log_ratio_share_by_year": (1.0, 0.3)},
    "a ratio of 0": {"effect__hazard_ratio": 0.0},
    "no frailty": {"child__frailty_variance": 0.0},
    "frailty 1": {"child__frailty_variance": 1.0},
    "shape 0.7": {"care__first_entry_shape": 0.7},
    "shape 1.3": {"care__first_entry_shape": 1.3},
    "no dropouts": {"therapies__mst__completion_prob": 1.0, "therapies__fft__completion_prob": 1.0},
    "all drop out": {"therapies__mst__completion_prob": 0.0, "therapies__fft__completion_prob": 0.0},
    "dropouts keep nothing": {"effect__dropouts_keep": "none", "therapies__mst__completion_prob": 0.5},
    "dropouts keep all": {"effect__dropouts_keep": "all", "therapies__mst__completion_prob": 0.5},
    "fewer re-entries": {"care__reentry__hazard_ratio": 0.5},
    "many short stays": {
        "care__stay__stay_to_18_prob_under_16": 0.1,
        "care__stay__stay_to_18_prob_16_plus": 0.3,
        "care__stay__scale_days_under_16": 40.0,
        "care__reentry__scale_days": 300.0,
        "care__reentry__shape": 0.8,
    },
    "no wait": {"effect__wait_days": 0},
    "a wait of 60 days": {"effect__wait_days": 60},
    "children of 15 to 17": {"child__age_weights": (0.0, 0.0, 0.0, 0.0, 0.0, 0.3, 0.4, 0.3)},
    "a shared shock": {"referrals__shared_shock_sd": 0.4},
    "tracked from referral": {"tracking__window_from": "referral", "tracking__delay_days": 98},
    "tracked from referral, before therapy": {"tracking__window_from": "referral", "tracking__delay_days": 5},
}


CASES = [*(("pan_london", change) for change in VARIANTS), ("essex", "as shipped"), ("essex", "harm")]


@pytest.mark.parametrize(("name", "change"), CASES)
def test_the_sample_agrees(name: str, change: str) -> None:
    """200,000 children: shares waiting, tracked days, days out of care, never in care, out of care, under 18."""
    sample, groups = groups_of(name, 200_000, **VARIANTS[change])
    what, distance = worst(distances(sample, groups, expected_of(variant(name, **VARIANTS[change]))))
    assert distance < LIMIT, f"{what} is {distance:.1f} standard errors off"


WRONG = {
    "scale": {"effect__entry_scale_days": 191.6 * OFF},
    "hazard ratio": {"effect__hazard_ratio": 0.25 * OFF},
    "stay to 18": {
        "care__stay__stay_to_18_prob_under_16": 0.70 * OFF,
        "care__stay__stay_to_18_prob_16_plus": 0.75 * OFF,
    },
}


@pytest.mark.parametrize("wrong", WRONG)
def test_two_per_cent_off_is_seen(wrong: str) -> None:
    """On 2,000,000 children the expectation holds, and is refused with one parameter 2% off."""
    sample, groups = groups_of("pan_london", 2_000_000)
    what, distance = worst(distances(sample, groups, expected_of(variant("pan_london"))))
    assert distance < LIMIT, what
    assert worst(distances(sample, groups, expected_of(variant("pan_london", **WRONG[wrong]))))[1] > LIMIT


def test_chance_of_care_before_18() -> None:
    """As in the sample of children who do not wait, never in care by their 18th birthday."""
    scenario = variant("pan_london", effect__wait_days=0)
    sample = make_sample(scenario, 200_000, [3000])
    n, *_, never, _, _ = sample.counts("usual", 191.6)
    assert binomial_distance(never, n, 1 - ever_in_care_prob(plan_of(scenario), scenario)) < LIMIT


# ---- against full runs of both engines --------------------------------------------------------------------------


def ample(**changes: Any) -> Scenario:
    """A year of referrals to a team so large that every family starts on the day of its referral."""
    teams = {"one": team("mst", "a", n_therapists=500, caseload_per_therapist=50)}
    always = {
        "therapies__mst__share_suited": 1.0,
        "referrals__patience_days": 1,
        "clock__delivery_end": date(2019, 12, 31),
        "clock__outcomes_end": date(2021, 10, 1),
    }
    return small({"a": 300.0}, teams, **always | changes)


def run_all(plan: Plan, n: int, size: int = 100) -> Iterator[Counts]:
    """Run n replications of the fast engine, a chunk at a time."""
    for first in range(0, n, size):
        yield kernel.run(plan, 1, first, size)


def days_by_quarter(plan: Plan, in_state: Floats, first: int, last: int) -> Floats:
    """Expected days in a state by period, of all referred: (period,); a child's days count from `first` to `last`."""
    referred = np.diff(plan.cumulative_referrals[0])
    counted = np.where((np.arange(len(in_state)) >= first) & (np.arange(len(in_state)) < last), in_state, 0.0)
    by_day = np.convolve(referred, counted)
    edges = np.clip(np.array(plan.periods.edges), 0, len(by_day))
    so_far = np.append(0.0, np.cumsum(by_day))
    return np.asarray(np.diff(so_far[edges]))


def by_quarter(plan: Plan, scenario: Scenario) -> Floats:
    """Expected days in care of all referred, (arm, period), and tracked care days and days of starters: stacked."""
    expected = expected_measures(plan, scenario, 0)
    own, engaged = plan.tracks[0], plan.rates.accept_prob * plan.rates.engage_prob
    usual, therapy = (days_by_quarter(plan, expected.in_care[arm], 0, 10**6) for arm in (0, 1))
    window = (own.delay_days, own.delay_days + own.days)
    tracked = [days_by_quarter(plan, state, *window) for state in (*expected.in_care, expected.under_18)]
    return np.stack([usual, engaged * therapy + (1 - engaged) * usual, *(engaged * np.array(tracked))])


def found_by_quarter(counts: Counts, plan: Plan) -> Floats:
    """The same of each replication: (replication, row, period)."""
    care = counts.care[:, :, 1:, 0].sum(axis=(2, 4))  # before and after the end of outcomes, all types
    tracked = counts.outcomes[:, :, 0, 0]
    missing = ((0, 0), (0, care.shape[2] - tracked.shape[2]))
    rows = (tracked[:, 0, :, 1], tracked[:, 1, :, 1], tracked[:, 0, :, 0])
    return np.stack([care[:, 0], care[:, 1], *(np.pad(row, missing) for row in rows)], axis=1).astype(float)


def run_distances(found: Floats, expected: Floats, before: int) -> Iterator[tuple[str, float]]:
    """Distances of all quarters with at least 200 child-quarters in all replications; tracked ones before a period."""
    names = ("in care, usual", "in care, therapy", "tracked care, usual", "tracked care, therapy", "tracked")
    for row, name in enumerate(names):
        for period in range(found.shape[2] if row < 2 else before):
            if expected[row, period] * len(found) / 90 >= 200:
                yield f"{name} {period}", mean_distance(found[:, row, period] - expected[row, period])


@pytest.mark.parametrize("change", ["as shipped", "fading", "harm", "fewer re-entries", "frailty 1"])
def test_full_runs_agree_by_quarter(change: str) -> None:
    """Days in care of all referred children to 18, tracked days and tracked care days, by quarter, both arms."""
    scenario = ample(**VARIANTS[change])
    plan = plan_of(scenario)
    runs = list(run_all(plan, 600))
    served = np.concatenate([c.served("engaged").sum(axis=(1, 2)) for c in runs])
    assert np.array_equal(served, np.concatenate([c.served("started").sum(axis=(1, 2)) for c in runs]))
    assert sum(int(c.served("waiting_days").sum()) for c in runs) == 0
    found = np.concatenate([found_by_quarter(c, plan) for c in runs])
    whole = plan.periods.index(plan.outcomes_end - 1) + (plan.outcomes_end in plan.periods.edges)
    what, distance = worst(run_distances(found, by_quarter(plan, scenario), whole))
    assert distance < LIMIT, f"{what} is {distance:.1f} standard errors off"


def test_two_per_cent_off_is_seen_in_full_runs() -> None:
    scenario = ample()
    plan = plan_of(scenario)
    found = np.concatenate([found_by_quarter(c, plan) for c in run_all(plan, 6000, 400)])
    whole = plan.periods.index(plan.outcomes_end - 1) + (plan.outcomes_end in plan.periods.edges)
    assert worst(run_distances(found, by_quarter(plan, scenario), whole))[1] < LIMIT
    for changes in WRONG.values():
        wrong = ample(**changes)
        assert worst(run_distances(found, by_quarter(plan_of(wrong), wrong), whole))[1] > LIMIT, changes


@pytest.mark.parametrize("to_18", [False, True], ids=["stays as shipped", "all stays to 18"])
def test_paid_units_and_controls_agree_by_quarter(to_18: bool) -> None:
    """Days out of care and children out of care at week 52, in both arms; control children's days, without therapy.

    If nobody comes back from care, the first 200 days and 52 weeks running are those of children not yet in care.
    """
    bands = ("under_16", "16_plus") if to_18 else ()
    scenario = ample(**{f"care__stay__stay_to_18_prob_{band}": 1.0 for band in bands})
    plan, expected = plan_of(scenario), expected_measures(plan_of(scenario), scenario, 0)
    own = plan.tracks[0]
    first, last, week_52 = own.delay_days, own.delay_days + own.days, own.delay_days + 7 * 52 - 1
    out, never = expected.under_18 - expected.in_care, expected.at_home_never
    cases = [
        (replace(own, unit="day"), out, first, last),
        (replace(own, unit="at_week", weeks=52, max_units=1), out, week_52, week_52 + 1),
    ]
    if to_18:
        cases += [
            (replace(own, unit="day", max_units=200), never, first, first + 200),
            (replace(own, unit="running", weeks=52, max_units=1), never, week_52, week_52 + 1),
        ]
    plan = replace(with_tracks(plan, *(case[0] for case in cases)), control_tracks=(0,))
    runs = list(run_all(plan, 600))
    periods = plan.periods.index(plan.outcomes_end) if plan.outcomes_end in plan.periods.edges else 0
    engaged = plan.rates.accept_prob * plan.rates.engage_prob

    def distance(name: str, found: npt.NDArray[np.int32], state: Floats, days: tuple[int, int]) -> None:
        by_period = engaged * days_by_quarter(plan, state, *days)
        for period in np.flatnonzero(by_period[:periods] * len(found) >= 200):
            off = mean_distance(found[:, period] - by_period[period])
            assert off < LIMIT, f"{name}, period {period}, is {off:.1f} standard errors off"

    units = np.concatenate([c.outcomes[:, :, 1:, 0, :, 2] for c in runs])
    controls = np.concatenate([c.control[:, 0, 0] for c in runs])
    assert units.any(axis=(0, 3)).all() and periods > 8
    for i, (track, state, *days) in enumerate(cases):
        for arm, name in enumerate(ARMS):
            distance(f"{track.unit}, {name}", units[:, arm, i], state[arm], (days[0], days[1]))
    distance("tracked days of controls", controls[..., 0], expected.under_18, (first, last))
    distance("care days of controls", controls[..., 1], expected.in_care[0], (first, last))


def test_the_reference_engine_counts_the_same_lives() -> None:
    """The readable engine gives the very numbers of the fast one, so its agreement is the same."""
    plan = plan_of(ample(effect__hazard_ratio=0.4))
    assert_same_counts(reference.run(plan, 1, 0, 5), kernel.run(plan, 1, 0, 5))


# ---- types of placement -----------------------------------------------------------------------------------------


def test_types_of_placement_agree() -> None:
    """Tracked care days of each type in each arm. Seen: 5% more first placements of one type, 2% fewer moves to one."""
    far = date(2023, 10, 1)
    scenario = ample(clock__outcomes_end=far)
    plan = plan_of(scenario)
    inside = ACCOUNTS.index("tracking")
    found = np.concatenate([c.care[:, :, inside, 0].sum(axis=2).astype(float) for c in run_all(plan, 2000)])
    starters = plan.cumulative_referrals[0, -1] * plan.rates.accept_prob * plan.rates.engage_prob

    def distance(scenario: Scenario) -> float:
        expected = starters * care_days_by_type(plan_of(scenario), scenario, 0)
        return max(mean_distance(found[:, arm, kind] - expected[arm, kind]) for arm in (0, 1) for kind in range(6))

    assert distance(scenario) < LIMIT
    first, moves = scenario.care.placement.first_under_16, scenario.care.placement.moves_16_plus
    wrong_first = (first[0], first[1] - 0.05 * first[2], 1.05 * first[2], *first[3:])
    wrong_moves = tuple((*row[:4], row[4] + (1 - 1 / OFF) * row[5], row[5] / OFF) for row in moves)
    assert distance(ample(clock__outcomes_end=far, care__placement__first_under_16=wrong_first)) > LIMIT
    assert distance(ample(clock__outcomes_end=far, care__placement__moves_16_plus=wrong_moves)) > LIMIT


def test_types_add_up_to_days_in_care() -> None:
    scenario = variant("pan_london", **VARIANTS["fewer re-entries"])
    total = care_days_by_type(plan_of(scenario), scenario, scenario.effect.wait_days).sum(axis=1)
    assert total == pytest.approx([expected_of(scenario).care_days(arm) for arm in ARMS], rel=1e-9)


# ---- the engine itself ------------------------------------------------------------------------------------------


def test_states_add_up_and_no_effect_is_none() -> None:
    expected = expected_of(variant("pan_london", effect__hazard_ratio=1.0))
    assert expected.in_care[0] == pytest.approx(expected.in_care[1], abs=1e-12)
    for state in (expected.in_care, expected.at_home_never, expected.at_home_again):
        assert state.min() > -1e-12
    assert expected.under_18[[0, -1]] == pytest.approx([1, 0])
    assert expected.in_care[:, 0] == pytest.approx([0, 0], abs=1e-12)


def test_stays_to_18_are_first_entries_that_have_come() -> None:
    """With no return home, in care = under 18 x entered by the end of the day, whatever the age."""
    always = {"care__stay__stay_to_18_prob_under_16": 1.0, "care__stay__stay_to_18_prob_16_plus": 1.0}
    expected = expected_of(variant("pan_london", **always))
    assert expected.at_home_again == pytest.approx(np.zeros_like(expected.in_care), abs=1e-12)


def test_days_to_18_at_referral() -> None:
    """A share of 1/365.25 for each whole day of the year of age; the last day of all takes what is below one day."""
    weights = age_weights(np.cumsum([0, 0, 0, 0, 0, 0, 0.4, 0.6]))
    assert weights.sum() == pytest.approx(1)
    assert weights[1] == pytest.approx(0.6 * 2 / 365.25) and weights[2] == pytest.approx(0.6 / 365.25)
    assert weights[365] == pytest.approx((0.25 * 0.6 + 0.75 * 0.4) / 365.25)
    assert weights[730] == pytest.approx(0.4 * 0.5 / 365.25) and weights[731:].sum() == 0


def test_dropouts_one_by_one() -> None:
    """The interpolation over doses against every pair of length and day of stopping, at a strong effect."""
    of_both = {"min_days": 20, "max_days": 45, "mean_days": 30.0, "sd_days": 8.0, "completion_prob": 0.3}
    short = {f"therapies__{t}__{key}": value for t in ("mst", "fft") for key, value in of_both.items()}
    scenario = variant("pan_london", **short, effect__hazard_ratio=0.1, child__frailty_variance=1.0)
    plan, wait, theta = plan_of(scenario), 21, 1.0
    nodes, shares = dropout_shares(plan, scenario)
    assert shares.sum() == pytest.approx(0.7) and len(nodes) == shares.shape[1]
    rates, days = plan.rates, np.arange(2924)
    hazard = days / rates.entry_scale_days
    laws = np.diff(plan.length_cumulative, axis=1, prepend=0.0)

    def survival(cumulative: Floats) -> Floats:
        more, fewer, p = rates.risk_more_needs, rates.risk_fewer_needs, rates.more_needs_prob
        x = np.maximum(cumulative, hazard[wait + 1])
        return np.asarray(p / (1 + theta * more * x) + (1 - p) / (1 + theta * fewer * x))

    def after(stop: int, kept: float) -> Floats:
        ratio = np.where(days < wait, 1.0, np.where(days < wait + stop, 0.1, 1 - 0.9 * kept))
        return survival(np.append(0.0, np.cumsum(ratio[:-1] * np.diff(hazard))))

    later = 0.3 * after(10**6, 1.0)
    for law, share in zip(laws, (0.58, 0.42), strict=True):
        for length in np.flatnonzero(law > 0).tolist():
            for stop in range(1, length):
                chance = (2 if stop == 1 else 1) / length
                later += share * 0.7 * law[length] * chance * after(stop, stop / length)
    later = later[1:] / survival(np.zeros(1))
    assert entry_later(plan, scenario, "therapy", wait)[wait + 1 :] == pytest.approx(later[wait + 1 :], abs=1e-6)


def test_an_unknown_measure_is_refused() -> None:
    with pytest.raises(ValueError, match="no_such"):
        expected_of(variant("pan_london")).measure("usual", "no_such")
