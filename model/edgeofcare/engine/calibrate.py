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
from dataclasses import asdict, dataclass
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
from edgeofcare.care.tracking import overlap_days
from edgeofcare.care.trajectory import NEVER, Rates, entry_days, entry_days_with_therapy, live
from edgeofcare.engine.plan import Plan, borough_id, make_plan, ratio_with_share
from edgeofcare.errors import CalibrationError
from edgeofcare.inputs.schema import MEASURES, Scenario
from edgeofcare.provenance import cache_folder, source_hash

N_CHILDREN = 200_000
SAMPLE_SEED = 0
SUITED = 10  # purpose of the draw that gives a sample child its therapy; see care.draws
SCALES_DAYS = np.geomspace(1.0, 1e6, 61)
RATIOS = np.geomspace(1e-3, 1e2, 61)
PRECISION = 1e-6  # of the logarithm of scale and ratio
ARMS = ("usual", "therapy")
Floats = npt.NDArray[np.float64]


# ---- scalar code, compiled as it stands by the fast engine -----------------------------------------------------


def draw_sample(
    first: int,
    last: int,
    slug_id: int,
    rates: Rates,
    suited_to_mst_prob: float,
    ages: Sequence[float],
    frailties: Sequence[float],
    lengths: Any,
    completion_prob: Sequence[float],
    need: Any,
    risk: Any,
    limit: Any,
    stop: Any,
    dose: Any,
) -> None:
    """Fill need, risk, days to 18, day of therapy on which a dropout stops (NEVER) and dose, for a range of children."""
    for child in range(first, last):
        age_u, needs_u, frailty_u, need_u = person_draws(SAMPLE_SEED, 0, slug_id, child)
        length_u, complete_u, break_off_u, _ = therapy_draws(SAMPLE_SEED, 0, slug_id, child)
        suited_u, _, _, _ = uniforms(SAMPLE_SEED, 0, slug_id, child, SUITED)
        therapy = 0 if suited_u < suited_to_mst_prob else 1
        length = search(lengths[therapy], length_u)
        factor = rates.risk_more_needs if needs_u < rates.more_needs_prob else rates.risk_fewer_needs
        factor = factor * frailty(frailties, frailty_u) * shock(SAMPLE_SEED, 0, child + 1, rates.shock_sd, 0.0)
        need[child], risk[child], limit[child] = exponential(need_u), factor, days_to_18(ages, age_u)
        stop[child], dose[child] = NEVER, 1.0
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
    delay: int,
    days: int,
    on_day: int,
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
    """Add to result: children who can start, tracked days, days at home, never in care by the day, under 18 and out of
    care on the day, and children who entered care while waiting. `on_day` counts from the start of therapy."""
    for child in range(first, last):
        birthday_18 = limit[child]
        if birthday_18 <= wait:
            continue
        entry = entry_days(need[child], risk[child], rates.entry_shape, scale_days, birthday_18)
        if entry <= wait:
            result[6] += 1
            continue
        if arm == 1:
            kept = 1.0 if rates.dropout_keeps_always else rates.dropout_keeps_dose * dose[child]
            stops = NEVER if stop[child] == NEVER else wait + stop[child]
            entry = entry_days_with_therapy(
                need[child], risk[child], rates.entry_shape, scale_days, birthday_18, wait, stops, kept, ratio_by_year
            )
        ratio = rates.reentry_hazard_ratio if arm == 1 else 1.0
        n = live(SAMPLE_SEED, 0, slug_id, child, entry, birthday_18, ratio, rates, enter, leave, first_u)
        window = min(wait + delay, birthday_18)
        end = min(wait + delay + days, birthday_18)
        in_care, out_on_day = 0, 1
        for spell in range(n):
            in_care += overlap_days(enter[spell], leave[spell], window, end)
            if enter[spell] <= wait + on_day < leave[spell]:
                out_on_day = 0
        result[0] += 1
        result[1] += end - window
        result[2] += end - window - in_care
        result[3] += 1 if n == 0 or enter[0] >= wait + on_day else 0
        if birthday_18 > wait + on_day:
            result[4] += 1
            result[5] += out_on_day


# ---- the sample and its measures -------------------------------------------------------------------------------


@dataclass(frozen=True)
class Sample:
    """The calibration sample of one scenario: (child,) arrays, and how to measure them."""

    plan: Plan
    wait_days: int
    delay_days: int
    days: int
    on_day: int
    log_ratio_shares: tuple[float, ...]
    need: Floats
    risk: Floats
    limit: npt.NDArray[np.int64]
    stop: npt.NDArray[np.int64]
    dose: Floats

    def measures(self, arm: str, scale_days: float, hazard_ratio: float = 1.0) -> dict[str, float]:
        """Return all three measures in one arm, and the share of children who entered care while waiting."""
        ratios = np.array([ratio_with_share(hazard_ratio, share) for share in self.log_ratio_shares])

        def part(bounds: tuple[int, int]) -> npt.NDArray[np.int64]:
            result = np.zeros(7, np.int64)
            enter, leave, first_u = np.zeros(3000, np.int64), np.zeros(3000, np.int64), np.zeros(3000)
            _compiled().measure_sample(
                *bounds, np.uint64(borough_id("calibration")), ARMS.index(arm), self.plan.rates, float(scale_days),
                ratios, self.wait_days, self.delay_days, self.days, self.on_day, self.need, self.risk, self.limit,
                self.stop, self.dose, enter, leave, first_u, result,
            )  # fmt: skip
            return result

        n, tracked, home, never, under_18, out, waiting = _in_threads(part, len(self.need))
        return {
            "share_of_tracked_days_out_of_care": home / max(tracked, 1),
            "never_in_care_by_day": never / max(n, 1),
            "out_of_care_on_day": out / max(under_18, 1),
            "entered_care_waiting": waiting / max(n + waiting, 1),
        }


def _in_threads(part: Callable[[tuple[int, int]], npt.NDArray[np.int64]], n: int) -> list[int]:
    """Add up the parts of a sum over children; whole numbers, so the order does not matter."""
    cuts = np.linspace(0, n, 9).astype(int).tolist()
    with ThreadPoolExecutor() as pool:
        return [int(v) for v in sum(pool.map(part, zip(cuts[:-1], cuts[1:], strict=True)), np.zeros(7, np.int64))]


def _compiled() -> Any:
    """The module that holds the scalar code, compiled if numba is there."""
    try:
        from edgeofcare.engine import kernel_sample

        return kernel_sample
    except ImportError:
        from edgeofcare.engine import calibrate

        return calibrate


def make_sample(scenario: Scenario, n_children: int = N_CHILDREN) -> Sample:
    """Draw the fixed calibration sample of a scenario."""
    plan = make_plan(scenario, 1.0, 1.0)
    arrays = [np.zeros(n_children), np.zeros(n_children), np.zeros(n_children, np.int64),
              np.zeros(n_children, np.int64), np.zeros(n_children)]  # fmt: skip
    _compiled().draw_sample(
        0, n_children, np.uint64(borough_id("calibration")), plan.rates, scenario.child.suited_to_mst_prob,
        plan.age_cumulative, plan.frailty_log_quantiles, plan.length_cumulative, plan.completion_prob, *arrays,
    )  # fmt: skip
    effect, tracking = scenario.effect, scenario.tracking
    return Sample(
        plan, effect.wait_days, tracking.delay_days, tracking.days,
        tracking.days if effect.day is None else effect.day, effect.log_ratio_share_by_year, *arrays,
    )  # fmt: skip


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
    if path.exists():
        try:
            return Calibration(**json.loads(path.read_text("utf-8")))
        except (ValueError, TypeError):
            pass  # a half-written or foreign file is made again
    found = solve(scenario, make_sample(scenario, n_children))
    partial = path.with_suffix(f".{id(found)}.partial")
    partial.write_text(json.dumps(asdict(found)), "utf-8")
    partial.replace(path)
    return found


def solve(scenario: Scenario, sample: Sample) -> Calibration:
    """Solve the entry scale (usual arm) and then the hazard ratio (therapy arm) on a sample."""
    effect = scenario.effect
    name = effect.measure
    scale, ratio = effect.entry_scale_days, effect.hazard_ratio
    if scale is None:
        assert effect.usual is not None
        scale = _root(lambda s: sample.measures("usual", s)[name], SCALES_DAYS, effect.usual, "usual", name, max)
    if ratio is None:
        assert effect.therapy is not None
        if effect.therapy == effect.usual:
            ratio = 1.0  # no effect means exactly none
        else:
            ratio = _root(
                lambda r: sample.measures("therapy", scale, r)[name], RATIOS, effect.therapy, "therapy", name,
                lambda roots: min(roots, key=lambda r: abs(math.log(r))),
            )  # fmt: skip
    found = {"usual": sample.measures("usual", scale), "therapy": sample.measures("therapy", scale, ratio)}
    return Calibration(
        entry_scale_days=float(scale),
        hazard_ratio=float(ratio),
        measure=name,
        day=effect.day,
        target={"usual": effect.usual, "therapy": effect.therapy},
        reached={arm: found[arm][name] for arm in ARMS},
        measures={arm: {m: found[arm][m] for m in MEASURES} for arm in ARMS},
        entered_care_waiting=found["usual"]["entered_care_waiting"],
        n_children=len(sample.need),
    )


def _root(
    measure: Callable[[float], float],
    grid: Floats,
    target: float,
    arm: str,
    name: str,
    choose: Callable[[list[float]], float],
) -> float:
    """Return where a measure meets its target: brackets on the grid, the chosen one refined in the logarithm."""
    from scipy.optimize import brentq

    values = np.array([measure(float(x)) for x in grid]) - target
    crossings = np.flatnonzero((values[:-1] <= 0) != (values[1:] <= 0))
    if not len(crossings):
        low, high = values.min() + target, values.max() + target
        raise CalibrationError(
            f"effect.{arm}: the target {target:.3f} of {name} is out of reach: between {low:.3f} and {high:.3f} can be "
            f"reached with these stays, ages and windows. Longer stays ([care.stay]) widen the range in care; "
            f"tracking that starts sooner or a shorter wait widens the range out of care."
        )
    low_edge = choose([float(grid[i]) for i in crossings])
    i = int(np.flatnonzero(grid == low_edge)[0])
    log_root = brentq(
        lambda x: measure(math.exp(x)) - target, math.log(grid[i]), math.log(grid[i + 1]), xtol=PRECISION
    )
    return math.exp(log_root)


def _cache_path(scenario: Scenario, n_children: int) -> Path:
    parts = {
        "effect": scenario.effect.model_dump(mode="json"),
        "child": scenario.child.model_dump(mode="json"),
        "therapies": scenario.therapies.model_dump(mode="json"),
        "care": scenario.care.model_dump(mode="json", exclude={"placement"}),
        "tracking": scenario.tracking.model_dump(mode="json", include={"delay_days", "days"}),
        "shock_sd": scenario.referrals.shared_shock_sd,
        "n_children": n_children,
        "sources": source_hash("care", "engine", "calendar.py"),
    }
    digest = hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()[:32]
    return cache_folder("calibration") / f"{digest}.json"
