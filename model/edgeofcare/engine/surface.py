"""Targets solved for many sets of inputs: on a surface made once, or on a smaller sample of their own.

In: a scenario's calibration sample. Out: entry scale and hazard ratio for any target. Must not know: queues, money.
The surface holds the measures over log scale and log ratio and is cached by all that they depend on. A set of inputs
that changes what they depend on (ages, frailty, stays, re-entry, ...) is solved on a sample of its own.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from edgeofcare.engine.calibrate import (
    N_CHILDREN,
    TRACKED_SHARE,
    Sample,
    make_sample,
    nearest_to_one,
    place_of,
    root,
    sample_key,
)
from edgeofcare.inputs.schema import Scenario
from edgeofcare.provenance import cache_folder

Floats = npt.NDArray[np.float64]
SCALES_DAYS = np.geomspace(3.0, 1e6, 41)
RATIOS = np.geomspace(1e-3, 1e2, 21)
FINE = 8  # points of the search grid between two points of the surface
N_OWN = 20_000  # children of a sample that serves one set of inputs only


class Measured(Protocol):
    """Something that knows the measures at any entry scale (days) and hazard ratio."""

    def usual(self, scales_days: Floats, at: int) -> Floats:
        """Return one measure without therapy at several scales."""

    def therapy(self, scale_days: float, ratios: Floats, at: int) -> Floats:
        """Return one measure with therapy at several ratios."""

    def place(self, measure: str, day: int | None) -> int:
        """Return the place of a measure among the values."""


@dataclass(frozen=True)
class Surface:
    """Measures without therapy by (log scale, measure), and with it by (log scale, log ratio, measure)."""

    days: int
    on_days: tuple[int, ...]
    usual_values: Floats
    therapy_values: Floats

    @cached_property
    def _splines(self) -> tuple[list[Any], list[Any]]:
        from scipy.interpolate import CubicSpline, RectBivariateSpline

        x, y, n = np.log(SCALES_DAYS), np.log(RATIOS), self.usual_values.shape[1]
        return (
            [CubicSpline(x, self.usual_values[:, k]) for k in range(n)],
            [RectBivariateSpline(x, y, self.therapy_values[:, :, k]) for k in range(n)],
        )

    def usual(self, scales_days: Floats, at: int) -> Floats:
        """Return one measure without therapy at several scales."""
        return np.asarray(self._splines[0][at](np.log(scales_days)))

    def therapy(self, scale_days: float, ratios: Floats, at: int) -> Floats:
        """Return one measure with therapy at several ratios."""
        return np.asarray(self._splines[1][at](np.log(scale_days), np.log(ratios))[0])

    def place(self, measure: str, day: int | None) -> int:
        """Return the place of a measure among the values."""
        return place_of(measure, self.days if day is None else day, self.on_days)


@dataclass(frozen=True)
class Direct:
    """The measures of a sample, simulated anew at every point."""

    sample: Sample

    def usual(self, scales_days: Floats, at: int) -> Floats:
        """Return one measure without therapy at several scales."""
        return np.array([self.sample.values("usual", float(s))[at] for s in scales_days])

    def therapy(self, scale_days: float, ratios: Floats, at: int) -> Floats:
        """Return one measure with therapy at several ratios."""
        return np.array([self.sample.values("therapy", scale_days, float(r))[at] for r in ratios])

    def place(self, measure: str, day: int | None) -> int:
        """Return the place of a measure among the values."""
        return place_of(measure, self.sample.days if day is None else day, self.sample.on_days)


def solve_scale(measured: Measured, at: int, target: float) -> tuple[float, bool]:
    """Return the entry scale (days) at which a measure without therapy meets a target, and whether it can.

    The branch of slowest entry; out of reach, the scale that comes nearest.
    """
    grid = _search_grid(measured, SCALES_DAYS)
    values = measured.usual(grid, at)
    found = root(lambda s: float(measured.usual(np.array([s]), at)[0]), grid, values.tolist(), target, max)
    return (found, True) if found is not None else (float(grid[np.argmin(np.abs(values - target))]), False)


def solve_ratio(measured: Measured, at: int, scale_days: float, target: float) -> tuple[float, bool]:
    """Return the hazard ratio at which a measure with therapy meets a target, and whether it can.

    The branch nearest to no effect; out of reach, the ratio that comes nearest.
    """
    grid = _search_grid(measured, RATIOS)
    values = measured.therapy(scale_days, grid, at)
    found = root(
        lambda r: float(measured.therapy(scale_days, np.array([r]), at)[0]), grid, values.tolist(), target,
        nearest_to_one,
    )  # fmt: skip
    return (found, True) if found is not None else (float(grid[np.argmin(np.abs(values - target))]), False)


def tracked_shares(measured: Measured, scale_days: float, ratio: float) -> tuple[float, float]:
    """Return the share of tracked days out of care without and with therapy."""
    at = measured.place(TRACKED_SHARE, None)
    usual = float(measured.usual(np.array([scale_days]), at)[0])
    return usual, float(measured.therapy(scale_days, np.array([ratio]), at)[0])


def _search_grid(measured: Measured, grid: Floats) -> Floats:
    """The points at which brackets are looked for: all of a fine grid on a surface, a coarse one where each costs."""
    if isinstance(measured, Surface):
        return np.geomspace(grid[0], grid[-1], FINE * (len(grid) - 1) + 1)
    return grid[::2]


def make_surface(scenario: Scenario, on_days: tuple[int, ...] = (), n_children: int = N_CHILDREN) -> Surface:
    """Return the surface of a scenario's sample, from the cache if it holds it. Days are from the start of therapy."""
    days = scenario.tracking.days
    every_day = tuple(dict.fromkeys([days if scenario.effect.day is None else scenario.effect.day, *on_days]))
    path = cache_folder("calibration") / (
        f"surface-{sample_key(scenario)}-{n_children}-{'-'.join(map(str, every_day))}.json"
    )
    if path.exists():
        try:
            held = json.loads(path.read_text("utf-8"))
            return Surface(days, every_day, np.array(held["usual"]), np.array(held["therapy"]))
        except (ValueError, KeyError, TypeError):
            pass  # a half-written or foreign file is made again
    sample = make_sample(scenario, n_children, on_days)
    usual = np.array([sample.values("usual", s) for s in SCALES_DAYS])
    therapy = np.array([[sample.values("therapy", s, r) for r in RATIOS] for s in SCALES_DAYS])
    partial = path.with_suffix(f".{id(usual)}.partial")
    partial.write_text(json.dumps({"usual": usual.tolist(), "therapy": therapy.tolist()}), "utf-8")
    partial.replace(path)
    return Surface(days, every_day, usual, therapy)
