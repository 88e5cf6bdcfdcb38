"""Which inputs matter: each at its low and its high end, all else as it stands. In: a scenario. Out: a `Tornado`.

Must not know: how answers are shown, files.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

from edgeofcare.experiment import Progress
from edgeofcare.inputs.schema import Scenario
from edgeofcare.questions.counterfactuals import claimed_case
from edgeofcare.questions.sensitivity.one_at_a_time import (
    Point,
    Stand,
    Steps,
    all_moved,
    change,
    check_output,
    check_replications,
    inputs_of,
    stands,
)

ENDS = ("low", "high")


@dataclass(frozen=True)
class End:
    """An input at one end of its range.

    output: its expected value there (GBP; irr: rate a year), None if it cannot be had; change: {"mean", "se"} from the
    scenario as it stands, on the same luck. problem: why it could not be lived, else empty.
    """

    at: float
    output: float | None
    change: dict[str, float | None]
    problem: str = ""


@dataclass(frozen=True)
class Bar:
    """An input with its ends. swing: greatest less least output, of both ends and the scenario as it stands."""

    path: str
    value: float
    low: End
    high: End
    swing: float


@dataclass(frozen=True)
class Tornado:
    """Every uncertain input by what it moves, the greatest swing first. base: the output as the scenario stands."""

    scenario: str
    output: str
    base: float | None
    bars: tuple[Bar, ...]
    replications: int
    seed: int

    def as_dict(self) -> dict[str, Any]:
        """Return the object that `--json` prints."""
        return asdict(self)


def tornado(
    scenario: Scenario,
    output: str = "profit",
    replications: int = 500,
    seed: int = 1,
    progress: Progress | None = None,
) -> Tornado:
    """Return what each uncertain input moves from one end of its range to the other.

    output: profit, net_saving, avoided, payments, irr (of the expected flows), or a borough (its net saving).
    Raises OptionError.
    """
    check_output(scenario, output)
    check_replications(replications)
    claimed_case(scenario)  # says what is wrong before anything else is tried
    inputs = inputs_of(scenario)
    ends = [(path, end) for path in inputs for end in ENDS]
    tell = Steps(progress, 2 * (len(ends) + 1))
    points = all_moved(scenario, [{}, *({path: getattr(inputs[path][1], end)} for path, end in ends)], tell)
    sound = [point for point in points if isinstance(point, Point)]
    lived = iter(stands(sound, seed, replications, tell))
    found = [next(lived) if isinstance(point, Point) else point for point in points]
    base = found[0]
    assert isinstance(base, Stand)
    made = {
        key: _end(getattr(inputs[key[0]][1], key[1]), one, base, output)
        for key, one in zip(ends, found[1:], strict=True)
    }
    bars = [
        _bar(path, float(value), made[path, "low"], made[path, "high"], base.mean(output))
        for path, (value, _) in inputs.items()
    ]
    bars.sort(key=lambda bar: -bar.swing)
    return Tornado(scenario.name, output, base.mean(output), tuple(bars), replications, seed)


def _end(at: float, found: Stand | str, base: Stand, output: str) -> End:
    if isinstance(found, str):
        return End(at, None, {"mean": None, "se": None}, found)
    return End(at, found.mean(output), change(found, base, output))


def _bar(path: str, value: float, low: End, high: End, base: float | None) -> Bar:
    there = [x for x in (low.output, high.output, base) if x is not None]
    return Bar(path, value, low, high, max(there) - min(there) if there else 0.0)
