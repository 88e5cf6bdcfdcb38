"""Where a verdict turns: the value of each input at which a party stops gaining. In: a scenario. Out: `Switches`.

An input is lived at its ends and as it stands; between points that differ in sign the line is straight, and each root
is lived again until it holds. Must not know: how answers are shown, files.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from itertools import pairwise
from typing import Any

from edgeofcare.experiment import Progress
from edgeofcare.inputs.schema import Origin, Scenario
from edgeofcare.questions.counterfactuals import claimed_case
from edgeofcare.questions.sensitivity.one_at_a_time import (
    Point,
    Steps,
    Tell,
    all_moved,
    check_party,
    check_replications,
    inputs_of,
    moved,
    stands,
)

BEYOND = 3.0  # how far beyond its ends an input is looked at, in ranges, if the verdict turns nowhere inside
MOST_TRIALS = 5
NEAR = 0.01  # a root holds if the gain there is at most this share of the gain's change over its bracket
INSIDE, OUTSIDE, NOWHERE = "inside", "beyond", "nowhere"


@dataclass(frozen=True)
class Switch:
    """Where the verdict of a party turns along an input, all else as it stands.

    at: the value, None if there is none; the one nearest to the present value if there are several. where: `inside`
    the range, `beyond` it, `nowhere` that was looked at. gain: the party's expected gain at `at`, lived there, GBP.
    of_range: distance from the present value as a share of the range. looked: least and greatest value lived. words:
    the answer in a sentence.
    """

    path: str
    value: float
    low: float
    high: float
    at: float | None
    where: str
    gain: float | None
    of_range: float | None
    looked: tuple[float, float]
    words: str


@dataclass(frozen=True)
class Switches:
    """The switch of each input for one party, the nearest first. gain: the party's as the scenario stands, GBP."""

    scenario: str
    party: str
    name: str
    gain: float
    inputs: tuple[Switch, ...]
    replications: int
    seed: int

    def as_dict(self) -> dict[str, Any]:
        """Return the object that `--json` prints."""
        return asdict(self)


@dataclass(frozen=True)
class _Search:
    """What a search along one input needs."""

    scenario: Scenario
    party: str
    replications: int
    seed: int

    def gain(self, path: str, x: float) -> float | None:
        """Return the party's expected gain at a value, None if it cannot be had."""
        point = moved(self.scenario, {path: x})
        if isinstance(point, str):
            return None
        return stands([point], self.seed, self.replications)[0].mean(self.party)


def switch(
    scenario: Scenario,
    party: str = "investor",
    replications: int = 500,
    seed: int = 1,
    progress: Progress | None = None,
) -> Switches:
    """Return the value of each uncertain input at which a party's verdict turns.

    party: investor (net present value at its target rate against nil), boroughs (their net saving together), or a
    borough. Raises OptionError.
    """
    name = check_party(scenario, party)
    check_replications(replications)
    claimed_case(scenario)
    inputs = inputs_of(scenario)
    places = [(path, x) for path, (_, origin) in inputs.items() for x in _ends(origin)]
    tell = Steps(progress, 2 * (len(places) + 1) + len(inputs))
    gains = _gains(scenario, party, [{}, *({path: x} for path, x in places)], replications, seed, tell)
    own = gains[0]
    assert own is not None
    search, found = _Search(scenario, party, replications, seed), []
    at = dict(zip(places, gains[1:], strict=True))
    for path, (value, origin) in inputs.items():
        seen = {x: at[path, x] for x in _ends(origin)} | {float(value): own}
        found.append(_switch(search, path, float(value), origin, seen, name))
        tell()
    order = sorted(found, key=lambda one: (one.of_range is None, one.of_range))
    return Switches(scenario.name, party, name, own, tuple(order), replications, seed)


def _ends(origin: Origin) -> tuple[float, float]:
    assert origin.low is not None and origin.high is not None
    return origin.low, origin.high


def _gains(
    scenario: Scenario, party: str, changes: list[dict[str, float]], replications: int, seed: int, tell: Tell
) -> list[float | None]:
    points = all_moved(scenario, changes, tell)
    sound = [point for point in points if isinstance(point, Point)]
    lived = iter(stands(sound, seed, replications, tell))
    return [next(lived).mean(party) if isinstance(point, Point) else None for point in points]


def _switch(
    search: _Search, path: str, value: float, origin: Origin, seen: dict[float, float | None], name: str
) -> Switch:
    low, high = _ends(origin)
    gains = {x: gain for x, gain in seen.items() if gain is not None}
    bracket, where = _bracket(gains, value), INSIDE
    if bracket is None and len(set(gains.values())) > 1:
        for x in _further(low, high):
            if (gain := search.gain(path, x)) is not None:
                gains[x] = gain
        bracket, where = _bracket(gains, value), OUTSIDE
    looked = min(gains), max(gains)
    if bracket is None:
        return Switch(path, value, low, high, None, NOWHERE, None, None, looked, _no_words(gains, value, name))
    at, gain = _root(search, path, bracket, gains)
    if not low <= at <= high:
        where = OUTSIDE
    turns = "loses" if gains[value] >= 0 else "gains"
    words = (
        f"{name}: {turns} from {at:,.4g} {'up' if at > value else 'down'}, "
        + ("inside the range" if where == INSIDE else "outside the range")
        + f" {low:,.4g} to {high:,.4g}"
    )
    return Switch(path, value, low, high, at, where, gain, abs(at - value) / (high - low), looked, words)


def _further(low: float, high: float) -> tuple[float, ...]:
    """Return values beyond both ends; never across nought, where most inputs have no meaning."""
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
    """Return where the gain is nil and the gain lived there: false position, halving an end that stays (Illinois)."""
    (a, b), whole = bracket, isinstance(inputs_of(search.scenario)[path][0], int)
    fa, fb = gains[a], gains[b]
    near, x, gain = NEAR * abs(fa - fb), a, None
    for _ in range(MOST_TRIALS):
        x = a + (b - a) * fa / (fa - fb)
        x = float(round(x)) if whole else x
        gain = search.gain(path, x)
        if gain is None or abs(gain) <= near:
            break
        if (gain < 0) == (fa < 0):
            a, fa, fb = x, gain, fb / 2
        else:
            b, fb, fa = x, gain, fa / 2
    return x, gain


def _no_words(gains: Mapping[float, float], value: float, name: str) -> str:
    if len(set(gains.values())) == 1:
        return f"{name}: this input does not change the gain at all"
    does = "gains" if gains[value] >= 0 else "loses"
    return f"{name}: {does} at every value from {min(gains):,.4g} to {max(gains):,.4g}"
