"""Which inputs matter: each at its low and its high end, all else as planned. In: a scenario. Out: a `Tornado`.

Must not know: how answers are shown, files.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from edgeofcare.experiment import Progress
from edgeofcare.inputs.schema import Scenario
from edgeofcare.outcomes import Change, Rows
from edgeofcare.questions.counterfactuals import claimed_case
from edgeofcare.questions.sensitivity.one_at_a_time import (
    BOROUGHS,
    INVESTOR,
    Steps,
    all_moved,
    change,
    check_output,
    check_replications,
    gain,
    inputs_of,
    mean,
    rows_at,
)
from edgeofcare.results import plain

ENDS = ("low", "high")
PARTIES = (INVESTOR, BOROUGHS)


@dataclass(frozen=True)
class End:
    """An input at one end of its range.

    output: its expected value there (GBP; irr: rate a year), None if it cannot be had; change: from the scenario as
    planned, on the same random draws. gains: what the investor (net present value at its target rate: below nil it
    misses its target) and the boroughs together are expected to gain, GBP. problem: why it could not be simulated.
    """

    at: float
    output: float | None
    change: Change
    gains: dict[str, float]
    problem: str = ""


@dataclass(frozen=True)
class Bar:
    """An input with its ends. swing: greatest less least output, of both ends and the scenario as planned; swings: the
    same of what each party gains."""

    path: str
    value: float
    low: End
    high: End
    swing: float
    swings: dict[str, float]


@dataclass(frozen=True)
class Tornado:
    """Every uncertain input by what it moves, the greatest swing first.

    base, base_gains: output and gains of the scenario as planned.
    """

    scenario: str
    output: str
    target_irr_per_year: float
    base: float | None
    base_gains: dict[str, float]
    bars: tuple[Bar, ...]
    replications: int
    seed: int

    def as_dict(self) -> dict[str, Any]:
        """Return the object that `--json` prints."""
        found: dict[str, Any] = plain(self)
        return found


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
    steps = Steps(progress, 2 * (len(ends) + 1))
    cases = all_moved(scenario, [{}, *({path: getattr(inputs[path][1], end)} for path, end in ends)], steps)
    base, *rows = rows_at(cases, seed, replications, steps.next(len(cases)))
    assert isinstance(base, Rows)
    made = {
        (path, end): _end(getattr(inputs[path][1], end), one, base, output)
        for (path, end), one in zip(ends, rows, strict=True)
    }
    planned, gains = mean(base, output), _gains(base)
    bars = [
        _bar(path, float(value), made[path, "low"], made[path, "high"], planned, gains)
        for path, (value, _) in inputs.items()
    ]
    bars.sort(key=lambda bar: -bar.swing)
    target = scenario.capital.target_irr_per_year
    return Tornado(scenario.name, output, target, planned, gains, tuple(bars), replications, seed)


def _gains(rows: Rows) -> dict[str, float]:
    return {party: gain(rows, party) for party in PARTIES}


def _end(at: float, found: Rows | str, base: Rows, output: str) -> End:
    if isinstance(found, str):
        return End(at, None, Change(None, None), {}, found)
    return End(at, mean(found, output), change(found, base, output), _gains(found))


def _bar(path: str, value: float, low: End, high: End, planned: float | None, gains: dict[str, float]) -> Bar:
    def swing(values: tuple[float | None, ...]) -> float:
        there = [x for x in values if x is not None]
        return max(there) - min(there) if there else 0.0

    swings = {party: swing((low.gains.get(party), high.gains.get(party), gains[party])) for party in PARTIES}
    return Bar(path, value, low, high, swing((low.output, high.output, planned)), swings)
