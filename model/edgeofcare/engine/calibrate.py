"""Targets made into hazards: the entry scale without therapy, then the hazard ratio with it.

In: a scenario. Out: `Calibration`. The sample is fixed: the same 200,000 children, whatever the seed of a run, who
start `wait_days` after referral and are at home then; their windows are not cut by a contract's end.
Must not know: queues, money. Results are cached by the inputs they depend on and the hash of the sources.
"""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass, field
from functools import cached_property, lru_cache
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from edgeofcare.care.cohort import (
    days_to_18,
    dropout_day,
    exponential,
    frailty,
    person_draws,
    search,
    shock,
    therapy_draws,
)
from edgeofcare.care.draws import uniforms
from edgeofcare.care.tracking import overlap_days, window_start
from edgeofcare.care.trajectory import NEVER, Rates, entry_days, entry_days_with_therapy, live
from edgeofcare.engine.plan import Plan, borough_id, cumulative, make_plan, ratio_with_share
from edgeofcare.errors import CalibrationError
from edgeofcare.inputs.schema import MEASURES, Effect, Scenario
from edgeofcare.provenance import cache_folder, cached_json, library_versions, rooms_hash

N_CHILDREN = 200_000
WORTH_THREADS = 50_000
SAMPLE_SEED = 0
SUITED = 10  # purpose of the draw that gives a sample child its therapy; see care.draws
SCALES_DAYS = np.geomspace(1.0, 1e6, 61)
RATIOS = np.geomspace(1e-3, 1e2, 61)
PRECISION = 1e-6  # of the logarithm of scale and ratio
ARMS = ("usual", "therapy")
TRACKED_SHARE = "share_of_tracked_days_out_of_care"
Floats = npt.NDArray[np.float64]


# ---- scalar code, compiled as it stands by the fast engine -----------------------------------------------------


def draw_sample(
    first: int,
    last: int,
    slug_id: int,
    rates: Rates,
    suited_cumulative: Sequence[float],
    ages: Sequence[float],
    frailties: Sequence[float],
    lengths: Any,
    completion_prob: Sequence[float],
    need: Any,
    risk: Any,
    limit: Any,
    stop: Any,
    dose: Any,
    planned: Any,
) -> None:
    """Fill need, risk, days to 18, therapy day on which a dropout stops (or NEVER), dose and planned days of therapy of
    a range of children."""
    for child in range(first, last):
        age_u, needs_u, frailty_u, need_u = person_draws(SAMPLE_SEED, 0, slug_id, child)
        length_u, complete_u, break_off_u, _ = therapy_draws(SAMPLE_SEED, 0, slug_id, child)
        suited_u, _, _, _ = uniforms(SAMPLE_SEED, 0, slug_id, child, SUITED)
        therapy = search(suited_cumulative, suited_u)
        length = search(lengths[therapy], length_u)
        factor = rates.risk_more_needs if needs_u < rates.more_needs_prob else rates.risk_fewer_needs
        factor = factor * frailty(frailties, frailty_u) * shock(SAMPLE_SEED, 0, child + 1, rates.shock_sd, 0.0)
        need[child], risk[child], limit[child] = exponential(need_u), factor, days_to_18(ages, age_u)
        stop[child], dose[child], planned[child] = NEVER, 1.0, length
        if complete_u >= completion_prob[therapy]:
            stop[child] = dropout_day(length, break_off_u)
            dose[child] = stop[child] / length


def measure_sample(
    first: int,
    last: int,
    slug_id: int,
    arm: int,
    rates: Rates,
    scale_days: float,
    ratio_by_year: Sequence[float],
    wait: int,
    opens: Any,
    days: int,
    on_days: Sequence[int],
    need: Any,
    risk: Any,
    limit: Any,
    stop: Any,
    dose: Any,
    enter: Any,
    leave: Any,
    first_u: Any,
    result: Any,
) -> None:
    """Add to result: children who can start, tracked days, days at home, children who entered care while waiting;
    then for each of `on_days` (from the start of therapy): never in care by it, under 18 on it, and out of care on it.

    opens: (child,), days from referral to tracking.
    """
    for child in range(first, last):
        birthday_18 = limit[child]
        if birthday_18 <= wait:
            continue
        entry = entry_days(need[child], risk[child], rates.entry_shape, scale_days, birthday_18)
        if entry <= wait:
            result[3] += 1
            continue
        if arm == 1:
            kept = 1.0 if rates.dropout_keeps_always else rates.dropout_keeps_dose * dose[child]
            stops = NEVER if stop[child] == NEVER else wait + stop[child]
            entry = entry_days_with_therapy(
                need[child], risk[child], rates.entry_shape, scale_days, birthday_18, wait, stops, kept, ratio_by_year
            )
        ratio = rates.reentry_hazard_ratio if arm == 1 else 1.0
        n = live(SAMPLE_SEED, 0, slug_id, child, entry, birthday_18, ratio, rates, enter, leave, first_u)
        window = min(opens[child], birthday_18)
        end = min(opens[child] + days, birthday_18)
        in_care = 0
        for spell in range(n):
            in_care += overlap_days(enter[spell], leave[spell], window, end)
        result[0] += 1
        result[1] += end - window
        result[2] += end - window - in_care
        for i in range(len(on_days)):
            day, at = wait + on_days[i], 4 + 3 * i
            result[at] += 1 if n == 0 or enter[0] >= day else 0
            if birthday_18 > day:
                result[at + 1] += 1
                result[at + 2] += 1
                for spell in range(n):
                    if enter[spell] <= day < leave[spell]:
                        result[at + 2] -= 1


# ---- the sample and its measures -------------------------------------------------------------------------------


@dataclass(frozen=True)
class Sample:
    """The calibration sample of one scenario: (child,) arrays, and how to measure them. Days are from therapy start."""

    plan: Plan
    wait_days: int
    opens: npt.NDArray[np.int64]
    days: int
    on_days: tuple[int, ...]
    log_ratio_shares: tuple[float, ...]
    need: Floats
    risk: Floats
    limit: npt.NDArray[np.int64]
    stop: npt.NDArray[np.int64]
    dose: Floats
    by_ratio: dict[float, Floats] = field(default_factory=dict, compare=False, repr=False)

    @cached_property
    def along_scales(self) -> Floats:
        """The values without therapy at each of SCALES_DAYS, whatever the target: (scale, 2 + 2 days)."""
        return np.array([self.values("usual", scale) for scale in SCALES_DAYS])

    def along_ratios(self, scale_days: float) -> Floats:
        """Return the values with therapy at each of RATIOS, whatever the target: (ratio, 2 + 2 days)."""
        if scale_days not in self.by_ratio:
            self.by_ratio[scale_days] = np.array([self.values("therapy", scale_days, ratio) for ratio in RATIOS])
        return self.by_ratio[scale_days]

    def counts(self, arm: str, scale_days: float, hazard_ratio: float = 1.0) -> list[int]:
        """Return the whole numbers of `measure_sample` in one arm."""
        ratios = np.array([ratio_with_share(hazard_ratio, share) for share in self.log_ratio_shares])
        on_days = np.array(self.on_days, np.int64)

        def part(bounds: tuple[int, int]) -> npt.NDArray[np.int64]:
            result = np.zeros(4 + 3 * len(on_days), np.int64)
            enter, leave, first_u = np.zeros(3000, np.int64), np.zeros(3000, np.int64), np.zeros(3000)
            _compiled().measure_sample(
                *bounds,
                borough_id("calibration"),
                ARMS.index(arm),
                self.plan.rates,
                float(scale_days),
                ratios,
                self.wait_days,
                self.opens,
                self.days,
                on_days,
                self.need,
                self.risk,
                self.limit,
                self.stop,
                self.dose,
                enter,
                leave,
                first_u,
                result,
            )
            return result

        if len(self.need) < WORTH_THREADS:
            return [int(v) for v in part((0, len(self.need)))]
        # Whole numbers, so the order of threads does not matter.
        cuts = np.linspace(0, len(self.need), 9).astype(int).tolist()
        with ThreadPoolExecutor() as pool:
            parts = list(pool.map(part, pairwise(cuts)))
        return [int(v) for v in np.sum(parts, axis=0)]

    def values(self, arm: str, scale_days: float, hazard_ratio: float = 1.0) -> Floats:
        """Return the tracked share out of care, the share that entered care while waiting, and for each of `on_days`
        the share never in care by it and the share of those under 18 out of care on it: (2 + 2 days,)."""
        n, tracked, home, waiting, *by_day = self.counts(arm, scale_days, hazard_ratio)
        shares = [home / max(tracked, 1), waiting / max(n + waiting, 1)]
        for never, under_18, out in zip(*[iter(by_day)] * 3, strict=True):
            shares += [never / max(n, 1), out / max(under_18, 1)]
        return np.array(shares)

    def measure(self, name: str, day: int | None) -> int:
        """Return the place of a measure in `values`."""
        return place_of(name, self.days if day is None else day, self.on_days)

    def named(self, values: Floats, day: int | None) -> dict[str, float]:
        """Return all three measures by name, those of a day on `day`."""
        return {name: float(values[self.measure(name, day)]) for name in MEASURES}


def place_of(measure: str, day: int, on_days: Sequence[int]) -> int:
    """Return the place of a measure in `Sample.values`."""
    return 0 if measure == TRACKED_SHARE else 2 + 2 * on_days.index(day) + (measure == "out_of_care_on_day")


def _compiled() -> Any:
    """The module that holds the scalar code, compiled if numba is there."""
    try:
        from edgeofcare.engine import kernel_sample

        return kernel_sample
    except ImportError:
        from edgeofcare.engine import calibrate

        return calibrate


def make_sample(scenario: Scenario, n_children: int = N_CHILDREN, on_days: Sequence[int] = ()) -> Sample:
    """Draw the fixed calibration sample of a scenario; on_days: days to be measured besides the target's own."""
    plan = make_plan(scenario, 1.0, 1.0)
    need, risk, dose = (np.zeros(n_children) for _ in range(3))
    limit, stop, planned = (np.zeros(n_children, np.int64) for _ in range(3))
    _compiled().draw_sample(
        0,
        n_children,
        borough_id("calibration"),
        plan.rates,
        cumulative(scenario.shares_suited()),
        plan.age_cumulative,
        plan.frailty_log_quantiles,
        plan.length_cumulative,
        plan.completion_prob,
        need,
        risk,
        limit,
        stop,
        dose,
        planned,
    )
    effect, tracking = scenario.effect, scenario.tracking
    days = dict.fromkeys([tracking.days if effect.day is None else effect.day, *on_days])
    return Sample(
        plan,
        effect.wait_days,
        _opens(plan, effect.wait_days, planned),
        tracking.days,
        tuple(days),
        effect.log_ratio_share_by_year,
        need,
        risk,
        limit,
        stop,
        dose,
    )


def _opens(plan: Plan, wait_days: int, planned: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
    """Return the days from referral to tracking of each child of the sample."""
    own = plan.tracks[0]
    days = [window_start(own.counts_from, 0, wait_days, length, own.delay_days) for length in range(planned.max() + 1)]
    return np.array(days)[planned]


# ---- solving ---------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Calibration:
    """The hazards that meet the targets, and what else they imply (shares; days)."""

    entry_scale_days: float
    hazard_ratio: float
    measure: str
    day: int | None
    target: dict[str, float | None]
    reached: dict[str, float]
    measures: dict[str, dict[str, float]]
    entered_care_waiting: float
    n_children: int


def calibrate(scenario: Scenario, n_children: int = N_CHILDREN) -> Calibration:
    """Return the entry scale and hazard ratio that meet a scenario's targets, from the cache if it holds them.

    Raises CalibrationError with the reachable range when a target is out of reach.
    """
    path = _cache_path(scenario, n_children)
    return Calibration(**cached_json(path, lambda: asdict(solve(scenario, _kept(scenario, n_children)))))


@dataclass(frozen=True)
class _Asked:
    """A sample by all that it depends on."""

    key: str
    day: int | None
    n_children: int
    scenario: Scenario = field(compare=False)


def _kept(scenario: Scenario, n_children: int) -> Sample:
    """Return the calibration sample, with what was measured on it for other targets of the same children."""
    return _remembered(_Asked(sample_key(scenario), scenario.effect.day, n_children, scenario))


@lru_cache(maxsize=4)
def _remembered(asked: _Asked) -> Sample:
    return make_sample(asked.scenario, asked.n_children)


def solve(scenario: Scenario, sample: Sample) -> Calibration:
    """Solve the entry scale (usual arm) and then the hazard ratio (therapy arm) on a sample.

    Raises CalibrationError with the reachable range.
    """
    effect = scenario.effect
    at = sample.measure(effect.measure, effect.day)
    scale, ratio, target = effect.entry_scale_days, effect.hazard_ratio, effect.therapy
    if scale is None:
        assert effect.usual is not None
        values = sample.along_scales[:, at].tolist()
        scale = root(lambda s: float(sample.values("usual", s)[at]), SCALES_DAYS, values, effect.usual, max)
        if scale is None:
            raise _out_of_reach("usual", effect.measure, effect.usual, values)
    usual = sample.values("usual", scale)
    if ratio is None:
        target = therapy_target(effect, float(usual[at]))
        ratio = 1.0  # no effect means exactly none
        if not is_null(effect):
            values = sample.along_ratios(scale)[:, at].tolist()
            found = root(
                lambda r: float(sample.values("therapy", scale, r)[at]), RATIOS, values, target, nearest_to_one
            )
            if found is None:
                raise _out_of_reach("therapy", effect.measure, target, values)
            ratio = found
    therapy = sample.values("therapy", scale, ratio)
    measures = {"usual": sample.named(usual, effect.day), "therapy": sample.named(therapy, effect.day)}
    return Calibration(
        entry_scale_days=float(scale),
        hazard_ratio=float(ratio),
        measure=effect.measure,
        day=effect.day,
        target={"usual": effect.usual, "therapy": target},
        reached={arm: measures[arm][effect.measure] for arm in ARMS},
        measures=measures,
        entered_care_waiting=float(usual[1]),
        n_children=len(sample.need),
    )


def therapy_target(effect: Effect, usual: float) -> float:
    """Return the target of the measure with therapy: as given, or by an odds or risk ratio of being in care."""
    if effect.odds_ratio is not None:
        return 1 - with_odds_ratio(1 - usual, effect.odds_ratio)
    if effect.risk_ratio is not None:
        return max(0.0, 1 - effect.risk_ratio * (1 - usual))
    assert effect.therapy is not None
    return effect.therapy


def is_null(effect: Effect) -> bool:
    """Return whether an effect says that therapy changes nothing."""
    same_target = effect.therapy is not None and effect.therapy == effect.usual
    return same_target or 1 in (effect.odds_ratio, effect.risk_ratio)


def with_odds_ratio(prob: float, odds_ratio: float) -> float:
    """Return the probability whose odds are odds_ratio times those of `prob`."""
    return odds_ratio * prob / (1 - prob + odds_ratio * prob)


def nearest_to_one(roots: Sequence[float]) -> float:
    """Return the ratio nearest to no effect: the smallest |ln ratio|."""
    return min(roots, key=lambda r: abs(math.log(r)))


def root(
    measure: Callable[[float], float],
    grid: Floats,
    values: Sequence[float],
    target: float,
    choose: Callable[[Sequence[float]], float],
) -> float | None:
    """Return where a measure meets its target; None if it does nowhere on the grid.

    values: (grid point,), the measure on the grid. The measure is not monotone everywhere (early entry means early
    exit), so all brackets are found first, one is chosen, and that one is refined in the logarithm.
    """
    from scipy.optimize import brentq

    above = np.asarray(values) > target
    brackets = {float(grid[i]): i for i in np.flatnonzero(above[:-1] != above[1:])}
    if not brackets:
        return None
    i = brackets[choose(list(brackets))]
    log_root = brentq(lambda x: measure(math.exp(x)) - target, math.log(grid[i]), math.log(grid[i + 1]), xtol=PRECISION)
    return math.exp(log_root)


def _out_of_reach(arm: str, name: str, target: float, values: Sequence[float]) -> CalibrationError:
    return CalibrationError(
        f"effect.{arm}: the target {target:.3f} of {name} is out of reach: between {min(values):.3f} and "
        f"{max(values):.3f} can be reached with these stays, ages and windows. Longer stays (care.stay) widen the "
        f"range in care; a shorter wait or more completed therapies widen the range out of care.",
        arm,
        target,
        min(values),
        max(values),
    )


def sample_key(scenario: Scenario) -> str:
    """Return a hash of all that the measures depend on, besides entry scale and hazard ratio."""
    parts = {
        "effect": scenario.effect.model_dump(
            mode="json", include={"wait_days", "dropouts_keep", "log_ratio_share_by_year"}
        ),
        "child": scenario.child.model_dump(mode="json"),
        "therapies": [t.model_dump(mode="json", exclude={"name"}) for t in scenario.therapies.values()],
        "care": scenario.care.model_dump(mode="json", exclude={"placement"}),
        "tracking": scenario.tracking.model_dump(mode="json", include={"delay_days", "days", "window_from"}),
        "shock_sd": scenario.referrals.shared_shock_sd,
        "sources": rooms_hash("care", "engine", "calendar.py"),
        "libraries": library_versions(),
    }
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()[:32]


def _cache_path(scenario: Scenario, n_children: int) -> Path:
    asked = scenario.effect.model_dump_json()
    digest = hashlib.sha256(f"{sample_key(scenario)} {asked} {n_children}".encode()).hexdigest()[:32]
    return cache_folder("calibration") / f"{digest}.json"
