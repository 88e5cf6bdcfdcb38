"""The calibration surface: the measures over log scale and log ratio, made once, so that a draw is solved in no time.

In: a calibration sample. Out: entry scale and hazard ratio for any target, by interpolation. Must not know: queues,
money. Cached by all that the measures depend on; a set of inputs that changes that needs a sample of its own.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt

from edgeofcare.engine.calibrate import N_CHILDREN, Sample, make_sample, nearest_to_one, root, sample_key
from edgeofcare.inputs.schema import Scenario
from edgeofcare.provenance import cache_folder

Floats = npt.NDArray[np.float64]
SCALES_DAYS = np.geomspace(3.0, 1e6, 41)
RATIOS = np.geomspace(1e-3, 1e2, 21)
FINE = 8  # points of the search grid between two points of the surface


@dataclass(frozen=True)
class Surface:
    """Measures of the therapy arm by (log scale, log ratio, measure), and of the usual arm by (log scale, measure)."""

    sample: Sample
    usual: Floats
    therapy: Floats

    @cached_property
    def _splines(self) -> tuple[list[Any], list[Any]]:
        from scipy.interpolate import CubicSpline, RectBivariateSpline

        x, y = np.log(SCALES_DAYS), np.log(RATIOS)
        n = self.usual.shape[1]
        return (
            [CubicSpline(x, self.usual[:, k]) for k in range(n)],
            [RectBivariateSpline(x, y, self.therapy[:, :, k]) for k in range(n)],
        )

    def value(self, arm: str, at: int, scale_days: float, ratio: float = 1.0) -> float:
        """Return one measure, by its place in `Sample.values`."""
        usual, therapy = self._splines
        if arm == "usual":
            return float(usual[at](np.log(scale_days)))
        return float(therapy[at](np.log(scale_days), np.log(ratio))[0, 0])

    def solve_scale(self, at: int, target: float) -> tuple[float, bool]:
        """Return the entry scale at which the usual arm meets a target, and whether it can: otherwise the nearest."""
        grid = _fine(SCALES_DAYS)
        values = np.asarray(self._splines[0][at](np.log(grid)))
        found = root(lambda s: self.value("usual", at, s), grid, values.tolist(), target, max)
        return (found, True) if found is not None else (float(grid[np.argmin(np.abs(values - target))]), False)

    def solve_ratio(self, at: int, scale_days: float, target: float) -> tuple[float, bool]:
        """Return the hazard ratio at which the therapy arm meets a target, and whether it can."""
        grid = _fine(RATIOS)
        values = np.asarray(self._splines[1][at](np.log(scale_days), np.log(grid))[0])
        found = root(lambda r: self.value("therapy", at, scale_days, r), grid, values.tolist(), target, nearest_to_one)
        return (found, True) if found is not None else (float(grid[np.argmin(np.abs(values - target))]), False)


def _fine(grid: Floats) -> Floats:
    return np.geomspace(grid[0], grid[-1], FINE * (len(grid) - 1) + 1)


def make_surface(scenario: Scenario, on_days: tuple[int, ...] = (), n_children: int = N_CHILDREN) -> Surface:
    """Return the surface of a scenario's sample, from the cache if it holds it. Days are from the start of therapy."""
    sample = make_sample(scenario, n_children, on_days)
    name = f"surface-{sample_key(scenario)}-{n_children}-{'-'.join(map(str, sample.on_days))}.json"
    path = cache_folder("calibration") / name
    if path.exists():
        try:
            held = json.loads(path.read_text("utf-8"))
            return Surface(sample, np.array(held["usual"]), np.array(held["therapy"]))
        except (ValueError, KeyError, TypeError):
            pass  # a half-written or foreign file is made again
    usual = np.array([sample.values("usual", s) for s in SCALES_DAYS])
    therapy = np.array([[sample.values("therapy", s, r) for r in RATIOS] for s in SCALES_DAYS])
    partial = path.with_suffix(f".{id(usual)}.partial")
    partial.write_text(json.dumps({"usual": usual.tolist(), "therapy": therapy.tolist()}), "utf-8")
    partial.replace(path)
    return Surface(sample, usual, therapy)
