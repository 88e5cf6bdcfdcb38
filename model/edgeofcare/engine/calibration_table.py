"""Targets solved for many sets of inputs: on a surface made once, or on a smaller sample of their own.

In: a scenario's calibration sample. Out: entry scale and hazard ratio for any target. Must not know: queues, money.
If no uncertain input changes what the measures depend on (ages, frailty, stays, ...), every draw is solved on a table
of the whole sample. Otherwise each draw has a sample of its own, the first N_OWN children; what these children show
beyond the whole sample is tabled once, in the scenario as written, and taken off.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from edgeofcare.engine.calibrate import (
    N_CHILDREN,
    TRACKED_SHARE,
    Calibration,
    Sample,
    calibrate,
    make_sample,
    place_of,
    sample_key,
)
from edgeofcare.inputs.load import uncertain
from edgeofcare.inputs.schema import Scenario
from edgeofcare.provenance import cache_folder, cached_json

Floats = npt.NDArray[np.float64]
# The table of the whole sample.
SCALES_DAYS, RATIOS = np.geomspace(3.0, 1e6, 41), np.geomspace(1e-3, 1e2, 21)
# The table of the gap, which is small: beyond its ends the gap at the end is taken.
GAP_SCALES_DAYS, GAP_RATIOS = np.geomspace(10.0, 1e5, 13), np.geomspace(1e-2, 1e2, 9)
# Where roots are looked for, in logarithms: from the slowest entry on, and from no effect on both ways.
LOG_SCALES = np.linspace(math.log(1e6), math.log(3.0), 21)
LOG_RATIO_WAYS = (-np.linspace(0.0, math.log(1e3), 7), np.linspace(0.0, math.log(1e2), 5))
FINE = 8  # steps on a table for one on a sample, where each costs
DRAW_PRECISION = 1e-3  # of a draw's logarithms: a tenth of the error of its own children
N_OWN = 20_000  # children of a sample that serves one set of inputs only
# Inputs on which the measures depend, besides scale and ratio: see `calibrate.sample_key`.
SAMPLE_INPUTS = (
    "child.",
    "therapies.",
    "care.",
    "tracking.d",
    "effect.wait_",
    "effect.log_",
    "referrals.shared_shock_s",
)
TABLED = ("scales_days", "ratios", "usual", "therapy")
NO_SAMPLE_INPUTS = ("care.placement.",)


class Measured(Protocol):
    """Something that knows the measures at any entry scale (days) and hazard ratio."""

    @property
    def fine(self) -> int:
        """Steps of the search for one of the coarsest."""

    def at(self, arm: str, place: int, scale_days: float, ratio: float = 1.0) -> float:
        """Return one measure in an arm ("usual", "therapy")."""

    def place(self, measure: str, day: int | None) -> int:
        """Return the place of a measure among the values."""


@dataclass(frozen=True, eq=False)
class Table:
    """Values over log scale and log ratio. usual: (scale, measure); therapy: (scale, ratio, measure).

    Between points: splines of this degree; beyond the ends: the values there.
    """

    scales_days: Floats
    ratios: Floats
    usual: Floats
    therapy: Floats
    degree: int

    @cached_property
    def _splines(self) -> dict[str, list[Any]]:
        from scipy.interpolate import RectBivariateSpline, make_interp_spline

        x, y, k = np.log(self.scales_days), np.log(self.ratios), self.degree
        places = range(self.usual.shape[1])
        return {
            "usual": [make_interp_spline(x, self.usual[:, i], k=k) for i in places],
            "therapy": [RectBivariateSpline(x, y, self.therapy[:, :, i], kx=k, ky=k) for i in places],
        }

    def at(self, arm: str, place: int, scale_days: float, ratio: float = 1.0) -> float:
        """Return one value in an arm."""
        spline = self._splines[arm][place]
        x = _inside(scale_days, self.scales_days)
        return float(spline(x) if arm == "usual" else spline(x, _inside(ratio, self.ratios))[0, 0])


def _inside(value: float, grid: Floats) -> float:
    return math.log(min(max(value, grid[0]), grid[-1]))


@dataclass(frozen=True, eq=False)
class Surface:
    """What the draws of a scenario are solved on.

    on_days: days from the start of therapy on which measures are known; the first is the target's own. whole: the
    table of the whole sample; gap: that of what the first children show beyond it; fixed: the answer itself, if it is
    the same in every draw. One of the three is there.
    """

    days: int
    on_days: tuple[int, ...]
    whole: Table | None = None
    gap: Table | None = None
    fixed: Calibration | None = None

    def for_draw(self, scenario: Scenario, drawn: Scenario) -> Measured:
        """Return what an outer draw of the scenario is solved on."""
        if self.whole and sample_key(drawn) == sample_key(scenario) and drawn.effect.day == scenario.effect.day:
            return Interpolated(self.days, self.on_days, self.whole)
        sample = make_sample(drawn, N_OWN, self.on_days)
        return Own(sample, self.gap if sample.on_days == self.on_days else None)


@dataclass(frozen=True)
class Interpolated:
    """The measures of the whole sample, from its table."""

    days: int
    on_days: tuple[int, ...]
    table: Table
    fine: int = FINE

    def at(self, arm: str, place: int, scale_days: float, ratio: float = 1.0) -> float:
        """Return one measure in an arm."""
        return self.table.at(arm, place, scale_days, ratio)

    def place(self, measure: str, day: int | None) -> int:
        """Return the place of a measure among the values."""
        return place_of(measure, self.days if day is None else day, self.on_days)


@dataclass(frozen=True, eq=False)
class Own:
    """The measures of a smaller sample, simulated at every point asked for, less its gap to the whole sample."""

    sample: Sample
    gap: Table | None = None
    fine: int = 1
    _known: dict[tuple[str, float, float], Floats] = field(default_factory=dict)

    def at(self, arm: str, place: int, scale_days: float, ratio: float = 1.0) -> float:
        """Return one measure in an arm."""
        key = (arm, scale_days, ratio)
        if key not in self._known:
            self._known[key] = self.sample.values(arm, scale_days, ratio)
        gap = self.gap.at(arm, place, scale_days, ratio) if self.gap else 0.0
        return float(self._known[key][place]) - gap

    def place(self, measure: str, day: int | None) -> int:
        """Return the place of a measure among the values."""
        return self.sample.measure(measure, day)


# ---- solving ---------------------------------------------------------------------------------------------------


def solve_scale(measured: Measured, place: int, target: float) -> tuple[float, bool]:
    """Return the entry scale (days) at which a measure without therapy meets a target, and whether it can.

    The branch of slowest entry; out of reach, the scale that comes nearest.
    """
    way = _finer(LOG_SCALES, measured.fine)
    x, met = first_root(lambda x: measured.at("usual", place, math.exp(x)) - target, [way])
    return math.exp(x), met


def solve_ratio(measured: Measured, place: int, scale_days: float, target: float) -> tuple[float, bool]:
    """Return the hazard ratio at which a measure with therapy meets a target, and whether it can.

    The branch nearest to no effect; out of reach, the ratio that comes nearest.
    """
    ways = [_finer(way, measured.fine) for way in LOG_RATIO_WAYS]
    x, met = first_root(lambda x: measured.at("therapy", place, scale_days, math.exp(x)) - target, ways)
    return math.exp(x), met


def _finer(way: Floats, times: int) -> list[float]:
    return [float(x) for x in np.linspace(way[0], way[-1], times * (len(way) - 1) + 1)]


def first_root(miss: Callable[[float], float], ways: Sequence[Sequence[float]]) -> tuple[float, bool]:
    """Return where miss is nil, and True; or where it is nearest to nil, and False.

    ways: points that begin at one place, the preferred one; all are walked at one pace until miss changes sign. The
    measures are not monotone everywhere (early entry means early exit), so the first change of sign is the root's
    branch, and what lies farther is not looked at.
    """
    from scipy.optimize import brentq

    seen: dict[float, float] = {}

    def at(x: float) -> float:
        if x not in seen:
            seen[x] = miss(x)
        return seen[x]

    start = ways[0][0]
    for step in range(1, max(map(len, ways))):
        pairs = [(way[step - 1], way[step]) for way in ways if step < len(way)]
        roots = [brentq(at, a, b, xtol=DRAW_PRECISION) for a, b in pairs if at(a) * at(b) <= 0]
        if roots:
            return min(roots, key=lambda x: abs(x - start)), True
    return _nearest(at, seen, start)


def _nearest(at: Callable[[float], float], seen: dict[float, float], start: float) -> tuple[float, bool]:
    """Look between the points seen about the nearest; there may be a root after all, on the side of the start."""
    from scipy.optimize import brentq, minimize_scalar

    points = sorted(seen)
    i = points.index(min(points, key=lambda x: abs(seen[x])))
    low, high = points[max(i - 1, 0)], points[min(i + 1, len(points) - 1)]
    side = 1.0 if seen[points[i]] > 0 else -1.0
    minimize_scalar(lambda x: side * at(x), bounds=(low, high), method="bounded", options={"xatol": 0.01})
    best = min(seen, key=lambda x: side * seen[x])
    if side * seen[best] > 0:
        return best, False
    return brentq(at, best, min(low, high, key=lambda x: abs(x - start)), xtol=DRAW_PRECISION), True


def tracked_shares(measured: Measured, scale_days: float, ratio: float) -> tuple[float, float]:
    """Return the share of tracked days out of care without and with therapy."""
    place = measured.place(TRACKED_SHARE, None)
    return measured.at("usual", place, scale_days), measured.at("therapy", place, scale_days, ratio)


# ---- making ----------------------------------------------------------------------------------------------------


def draws_change_sample(scenario: Scenario) -> bool:
    """Tell whether an uncertain input changes what the measures depend on, besides scale and ratio."""
    return any(path.startswith(SAMPLE_INPUTS) and not path.startswith(NO_SAMPLE_INPUTS) for path in uncertain(scenario))


def draws_change_effect(scenario: Scenario) -> bool:
    """Tell whether outer draws differ in what therapy is said to do, or against which world."""
    return scenario.effect.prior == "evidence" or any(path.startswith("effect.") for path in uncertain(scenario))


def make_surface(
    scenario: Scenario, on_days: tuple[int, ...] = (), n_children: int = N_CHILDREN, n_own: int = N_OWN
) -> Surface:
    """Return the surface of a scenario, from the cache if it holds it; on_days: further days to be measured."""
    days, own_day = scenario.tracking.days, scenario.effect.day
    if not (draws_change_sample(scenario) or draws_change_effect(scenario)):
        return Surface(days, (), fixed=calibrate(scenario, n_children))
    every_day = tuple(dict.fromkeys([days if own_day is None else own_day, *on_days]))
    key, marks = sample_key(scenario), "-".join(map(str, every_day))
    folder = cache_folder("calibration")
    if draws_change_sample(scenario):
        path = folder / f"gap-{key}-{n_own}-{n_children}-{marks}.json"
        gap = _cached(path, lambda: _gap_table(scenario, on_days, n_own, n_children))
        return Surface(days, every_day, gap=gap)
    path = folder / f"whole-{key}-{n_children}-{marks}.json"
    return Surface(days, every_day, whole=_cached(path, lambda: _whole_table(scenario, on_days, n_children)))


def _whole_table(scenario: Scenario, on_days: tuple[int, ...], n_children: int) -> Table:
    return _tabled(make_sample(scenario, n_children, on_days).values, SCALES_DAYS, RATIOS, 3)


def _gap_table(scenario: Scenario, on_days: tuple[int, ...], n_own: int, n_children: int) -> Table:
    own, whole = (make_sample(scenario, n, on_days) for n in (n_own, n_children))
    return _tabled(lambda *point: own.values(*point) - whole.values(*point), GAP_SCALES_DAYS, GAP_RATIOS, 1)


def _tabled(values: Callable[..., Floats], scales_days: Floats, ratios: Floats, degree: int) -> Table:
    usual = np.array([values("usual", float(s)) for s in scales_days])
    therapy = np.array([[values("therapy", float(s), float(r)) for r in ratios] for s in scales_days])
    return Table(scales_days, ratios, usual, therapy, degree)


def _cached(path: Path, make: Callable[[], Table]) -> Table:
    """Return the table kept at a path, or make it and keep it."""

    def as_json() -> dict[str, Any]:
        made = make()
        return {name: getattr(made, name).tolist() for name in TABLED} | {"degree": made.degree}

    try:
        return _table(cached_json(path, as_json))
    except (ValueError, KeyError, TypeError):  # a foreign file is made again
        with suppress(OSError):
            path.unlink()
        return _table(cached_json(path, as_json))


def _table(held: Mapping[str, Any]) -> Table:
    scales_days, ratios, usual, therapy = (np.array(held[name]) for name in TABLED)
    return Table(scales_days, ratios, usual, therapy, int(held["degree"]))
