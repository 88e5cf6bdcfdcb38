"""Two things at a time: a grid of gains, and the line on which each party breaks even. In: a scenario. Out: a `Grid`.

Axes: `effect` (times the logarithm of the hazard ratio that the claim means), `volume` (times the referrals), `price`
(times the contract's prices), or any input with a range. Must not know: how answers are shown, files.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Any

import numpy as np

from edgeofcare.errors import CalibrationError, InputError, OptionError
from edgeofcare.experiment import Case, Progress
from edgeofcare.inputs.contracts import at_price
from edgeofcare.inputs.load import with_values
from edgeofcare.inputs.schema import Scenario
from edgeofcare.questions.counterfactuals import at_volume, claimed_case
from edgeofcare.questions.sensitivity.one_at_a_time import (
    Steps,
    check_input,
    check_replications,
    gain,
    parties_of,
    rows_at,
    whole,
)
from edgeofcare.results import plain

# From where to where an axis runs, as a share of what the scenario has.
AXES = {"effect": (0.0, 1.2), "volume": (0.25, 1.5), "price": (0.25, 2.0)}
FEWEST, MOST = 3, 25
Line = list[tuple[float, float]]


@dataclass(frozen=True)
class Grid:
    """What parties gain over two axes.

    xs, ys: values of the axes; gain: by party, (y, x), expected GBP, None where a point cannot be had (problems: why).
    lines: by party, points (x, y) at which it breaks even, in their order along the line, straight between the points
    simulated. own: the scenario's own place, (x, y).
    """

    scenario: str
    x: str
    y: str
    xs: tuple[float, ...]
    ys: tuple[float, ...]
    own: tuple[float, float]
    gain: dict[str, list[list[float | None]]]
    lines: dict[str, Line]
    names: dict[str, str]
    problems: tuple[str, ...]
    replications: int
    seed: int

    def as_dict(self) -> dict[str, Any]:
        """Return the object that `--json` prints."""
        found: dict[str, Any] = plain(self)
        return found


def grid(
    scenario: Scenario,
    x: str = "volume",
    y: str = "effect",
    n: int = 7,
    replications: int = 1000,
    seed: int = 1,
    progress: Progress | None = None,
) -> Grid:
    """Return what every party gains at n x n points of two axes, and the lines on which they break even.

    Raises OptionError for an axis that is neither effect, volume, price nor an input with a range.
    """
    check_replications(replications)
    if isinstance(n, bool) or not isinstance(n, int) or not FEWEST <= n <= MOST:
        raise OptionError(f"n must be a whole number from {FEWEST} to {MOST} (got {n!r}).")
    if x == y:
        raise OptionError(f"the two axes must differ (got {x} twice).")
    claimed_case(scenario)
    (xs, own_x), (ys, own_y) = _axis(scenario, x, n), _axis(scenario, y, n)
    steps = Steps(progress, 2 * n * n)
    cases: list[Case | str] = []
    for b in ys:
        for a in xs:
            cases.append(_case(scenario, {x: a, y: b}))
            steps()
    found = rows_at(cases, seed, replications, steps.next(n * n))
    names = parties_of(scenario)
    gains = {
        party: [
            [None if isinstance(rows, str) else gain(rows, party) for rows in found[row * n : (row + 1) * n]]
            for row in range(n)
        ]
        for party in names
    }
    problems = tuple(dict.fromkeys(case for case in cases if isinstance(case, str)))
    lines = {party: break_even_line(xs, ys, gains[party]) for party in names}
    return Grid(scenario.name, x, y, xs, ys, (own_x, own_y), gains, lines, names, problems, replications, seed)


def _axis(scenario: Scenario, name: str, n: int) -> tuple[tuple[float, ...], float]:
    """Return n values of an axis, and the scenario's own."""
    if name in AXES:
        return tuple(np.linspace(*AXES[name], n).tolist()), 1.0
    try:
        value, origin = check_input(scenario, name)
    except OptionError as error:
        raise OptionError(f"{error} Or choose one of {', '.join(AXES)}.") from None
    values = np.linspace(float(origin.low or 0), float(origin.high or 0), n).tolist()
    return tuple(whole(scenario, {name: v})[name] for v in values), float(value)


def _case(scenario: Scenario, at: Mapping[str, float]) -> Case | str:
    """Return a point; targets are met again first, then the effect is weakened or strengthened, then volume, price."""
    values = {name: x for name, x in at.items() if name not in AXES}
    try:
        case = claimed_case(with_values(scenario, whole(scenario, values)) if values else scenario)
    except CalibrationError as error:
        return str(error)
    except InputError as error:
        return "; ".join(f"{fault.path} {fault.rule}" for fault in error.faults)
    if "effect" in at:
        case = replace(case, hazard_ratio=case.hazard_ratio ** at["effect"])
    if "volume" in at:
        case = at_volume(case, at["volume"])
    if "price" in at:
        case = replace(case, scenario=at_price(case.scenario, at["price"]))
    return case


def break_even_line(xs: Sequence[float], ys: Sequence[float], gain: Sequence[Sequence[float | None]]) -> Line:
    """Return the points (x, y) between neighbours of a grid at which the gain is nil, in their order along the line.

    gain: (y, x). Between neighbours it is taken for straight. The order is by the axis along which the line is longer,
    as a share of the axis, then by the other.
    """
    found: Line = []
    for b, row in zip(ys, gain, strict=True):
        found += [(x, b) for x in _crossings(xs, row)]
    for a, column in zip(xs, zip(*gain, strict=True), strict=True):
        found += [(a, y) for y in _crossings(ys, column)]
    across = _span([x for x, _ in found], xs) >= _span([y for _, y in found], ys)
    return sorted(set(found), key=lambda point: point if across else point[::-1])


def _span(values: Sequence[float], axis: Sequence[float]) -> float:
    return (max(values) - min(values)) / abs(axis[-1] - axis[0]) if values else 0.0


def _crossings(at: Sequence[float], gains: Sequence[float | None]) -> list[float]:
    return [
        a + (b - a) * f / (f - g)
        for (a, f), (b, g) in pairwise(zip(at, gains, strict=True))
        if f is not None and g is not None and (f < 0) != (g < 0)
    ]
