"""The value of each input at which a party's gain changes its sign. In: a scenario. Out: `SwitchingValues`.

An input is simulated at its ends and as planned; between points that differ in sign the line is straight, and each root
is simulated again until it holds. Must not know: how answers are shown, files.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

from edgeofcare.experiment import Case, Progress
from edgeofcare.inputs.schema import Origin, Scenario
from edgeofcare.questions.counterfactuals import claimed_case
from edgeofcare.questions.sensitivity.one_at_a_time import (
    Steps,
    all_moved,
    check_party,
    check_replications,
    gain,
    inputs_of,
    moved,
    rows_at,
)
from edgeofcare.results import plain

BEYOND = 3.0  # how far beyond its ends an input is looked at, in ranges, if the verdict turns nowhere inside
MOST_TRIALS = 5
NEAR = 0.01  # a root holds if the gain there is at most this share of the gain's change over its bracket
INSIDE, OUTSIDE, NOWHERE = "inside", "beyond", "nowhere"


@dataclass(frozen=True)
class SwitchingValue:
    """Where a party's gain changes its sign along an input, all else as planned.

    at: the value, None if there is none; the one nearest to the present value if there are several. where: `inside`
    the range, `beyond` it, `nowhere` that was looked at. gain: the party's expected gain at `at`, simulated there, GBP.
    gains_now: whether it gains at the present value. of_range: distance from the present value as a share of the range.
    looked: least and greatest value simulated. moves: whether the input changes the gain at all.
    """

    path: str
    value: float
    low: float
    high: float
    at: float | None
    where: str
    gain: float | None
    of_range: float | None
    gains_now: bool
    looked: tuple[float, float]
    moves: bool


@dataclass(frozen=True)
class SwitchingValues:
    """The switching value of each input for one party, the nearest first. gain: the party's as planned, GBP."""

    scenario: str
    party: str
    name: str
    gain: float
    target_irr_per_year: float
    inputs: tuple[SwitchingValue, ...]
    replications: int
    seed: int

    def as_dict(self) -> dict[str, Any]:
        """Return the object that `--json` prints."""
        found: dict[str, Any] = plain(self)
        return found


@dataclass(frozen=True)
class _Search:
    """What a search along one input needs."""

    scenario: Scenario
    party: str
    replications: int
    seed: int

    def gain(self, path: str, x: float) -> float | None:
        """Return the party's expected gain at a value, None if it cannot be had."""
        return self.gains([moved(self.scenario, {path: x})])[0]

    def gains(self, cases: Sequence[Case | str], progress: Progress | None = None) -> list[float | None]:
        """Return the party's expected gain at each case, None where there is none."""
        found = rows_at(cases, self.seed, self.replications, progress)
        return [None if isinstance(rows, str) else gain(rows, self.party) for rows in found]


def switching_values(
    scenario: Scenario,
    party: str = "investor",
    replications: int = 500,
    seed: int = 1,
    progress: Progress | None = None,
) -> SwitchingValues:
    """Return the value of each uncertain input at which a party's gain changes its sign.

    party: investor (net present value at its target rate against nil), boroughs (their net saving together), or a
    borough. Raises OptionError.
    """
    name = check_party(scenario, party)
    check_replications(replications)
    claimed_case(scenario)
    inputs = inputs_of(scenario)
    places = [(path, x) for path, (_, origin) in inputs.items() for x in _ends(origin)]
    steps = Steps(progress, 2 * (len(places) + 1) + len(inputs))
    search, found = _Search(scenario, party, replications, seed), []
    cases = all_moved(scenario, [{}, *({path: x} for path, x in places)], steps)
    own, *gains = search.gains(cases, steps.next(len(cases)))
    assert own is not None
    at = dict(zip(places, gains, strict=True))
    for path, (value, origin) in inputs.items():
        seen = {x: at[path, x] for x in _ends(origin)} | {float(value): own}
        found.append(_along(search, path, float(value), origin, seen))
        steps()
    order = sorted(found, key=lambda one: (one.of_range is None, one.of_range))
    target = scenario.capital.target_irr_per_year
    return SwitchingValues(scenario.name, party, name, own, target, tuple(order), replications, seed)


def _ends(origin: Origin) -> tuple[float, float]:
    assert origin.low is not None and origin.high is not None
    return origin.low, origin.high


def _along(
    search: _Search, path: str, value: float, origin: Origin, seen: Mapping[float, float | None]
) -> SwitchingValue:
    """Return where the gain changes its sign along an input. seen: gains known at some of its values."""
    low, high = _ends(origin)
    gains = {x: gain for x, gain in seen.items() if gain is not None}
    moves = len(set(gains.values())) > 1
    bracket, where = _bracket(gains, value), INSIDE
    if bracket is None and moves:
        for x in _further(low, high):
            if (there := search.gain(path, x)) is not None:
                gains[x] = there
        bracket, where = _bracket(gains, value), OUTSIDE
    looked, gains_now = (min(gains), max(gains)), gains[value] >= 0
    if bracket is None:
        return SwitchingValue(path, value, low, high, None, NOWHERE, None, None, gains_now, looked, moves)
    at, found = _root(search, path, bracket, gains)
    where = where if low <= at <= high else OUTSIDE
    away = abs(at - value) / (high - low)
    return SwitchingValue(path, value, low, high, at, where, found, away, gains_now, looked, moves)


def _further(low: float, high: float) -> tuple[float, ...]:
    """Return values beyond both ends; never changing sign, for most inputs have no meaning there."""
    far = BEYOND * (high - low)
    below = low - far if low < 0 else max(low - far, low / (1 + BEYOND))
    return (*((below,) if below < low else ()), high + (high - low), high + far)


def _bracket(gains: Mapping[float, float], value: float) -> tuple[float, float] | None:
    """Return the neighbours between which the gain changes its sign, those nearest to the present value."""
    found = [(a, b) for a, b in pairwise(sorted(gains)) if (gains[a] < 0) != (gains[b] < 0)]
    return min(found, key=lambda pair: min(abs(pair[0] - value), abs(pair[1] - value)), default=None)


def _root(
    search: _Search, path: str, bracket: tuple[float, float], gains: Mapping[float, float]
) -> tuple[float, float | None]:
    """Return where the gain is nil, and the gain there: false position, halving an end that stays (Illinois)."""
    (a, b), whole = bracket, isinstance(inputs_of(search.scenario)[path][0], int)
    fa, fb = gains[a], gains[b]
    near, x, found = NEAR * abs(fa - fb), a, None
    for _ in range(MOST_TRIALS):
        x = a + (b - a) * fa / (fa - fb)
        x = float(round(x)) if whole else x
        found = search.gain(path, x)
        if found is None or abs(found) <= near:
            break
        if (found < 0) == (fa < 0):
            a, fa, fb = x, found, fb / 2
        else:
            b, fb, fa = x, found, fa / 2
    return x, found
