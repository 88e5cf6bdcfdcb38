"""What it is worth to know before a decision: a borough's to join, the investor's to invest. In: a scenario.

Out: a `ValueOfInformation`. Outer draws are those of a run with the same seed; each is simulated a few times. Must not
know: how answers are shown.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from edgeofcare.engine.parameters import Drawn, drawn_inputs
from edgeofcare.errors import InputError, OptionError
from edgeofcare.experiment import (
    OWN,
    Case,
    Draws,
    Experiment,
    Progress,
    available_engine,
    case_of,
    check_options,
    with_draws,
)
from edgeofcare.inputs.load import with_values
from edgeofcare.inputs.schema import Scenario
from edgeofcare.questions.checkpoint import PartFolder
from edgeofcare.questions.sensitivity.normal_scores import TARGETS, kinds_of
from edgeofcare.questions.sensitivity.one_at_a_time import GAINS, INVESTOR, check_party, figure, inputs_of, whole
from edgeofcare.questions.sensitivity.value_of_information import FEWEST_DRAWS, noise_covariance, worth
from edgeofcare.results import plain

Floats = npt.NDArray[np.float64]
PER_DRAW = 10
STUDY, WORLD = "effect of therapy (evidence)", "care without therapy (evidence)"
DRAWN, COLUMNS = "drawn", tuple(GAINS.values())
SURE = 2.0  # standard errors by which a worth must exceed nil not to be noise
TRIED_DRAWS = 5  # in which an input is moved from end to end to see whether it touches the party at all


@dataclass(frozen=True)
class Fact:
    """What knowing one input would be worth, GBP.

    value: by regression, biased upward; halves: by choosing with half of the draws, biased downward; se: of value.
    low, high: the two in order, and not below nil. noise: whether they tell nothing: value is within two errors of nil,
    or the lower bound came out above the upper.
    """

    path: str
    value: float
    halves: float
    se: float
    low: float
    high: float
    noise: bool


@dataclass(frozen=True)
class ValueOfInformation:
    """What knowing would be worth to a party before it decides, GBP for the whole contract.

    options: the two; best: the one to take on what is known now; expected: its worth over staying out, and `in_prob`
    the share of draws in which taking part is right. evpi: the worth of knowing everything, chance inside a draw taken
    out; evpi_with_noise: the same from the draws as they are. facts: the most valuable first. without_effect: inputs
    that cannot change what the party gains, so that knowing them is worth nothing to it.
    """

    scenario: str
    party: str
    name: str
    options: tuple[str, str]
    best: str
    takes_part: bool
    expected: float
    in_prob: float
    evpi: float
    evpi_se: float
    evpi_with_noise: float
    facts: tuple[Fact, ...]
    without_effect: tuple[str, ...]
    outer_draws: int
    replications: int
    seed: int

    def as_dict(self) -> dict[str, Any]:
        """Return the object that `--json` prints."""
        found: dict[str, Any] = plain(self)
        return found


def value_of_information(
    scenario: Scenario,
    party: str = INVESTOR,
    outer_draws: int = 500,
    per_draw: int = PER_DRAW,
    seed: int = 1,
    out: Path | None = None,
    progress: Progress | None = None,
) -> ValueOfInformation:
    """Return what it would be worth to a party to know everything, and each uncertain input, before it decides.

    party: investor (invest, for the net present value at its target rate, or not), a borough (join, for its net
    saving, or not), boroughs (all together). per_draw: replications of each draw. out: folder for finished draws, the
    cache if not given. Raises OptionError.
    """
    name = check_party(scenario, party)
    if outer_draws < FEWEST_DRAWS:
        raise OptionError(f"outer draws must be {FEWEST_DRAWS} or more, to learn from them (got {outer_draws}).")
    if per_draw < 2:
        raise OptionError(f"each draw needs at least 2 replications, to tell chance from inputs (got {per_draw}).")
    if scenario.effect.prior != "evidence":
        inputs_of(scenario)
    check_options(scenario, outer_draws * per_draw, seed, outer_draws)
    engine = available_engine(None)
    case = with_draws(case_of(scenario), outer_draws, seed)
    asked = Experiment({DRAWN: case}, seed, outer_draws * per_draw, COLUMNS, engine=engine)
    settings = {"seed": seed, "replications": per_draw, "engine": engine}
    with PartFolder(scenario, "value-of-information", settings, out) as kept:
        part = asked.rows(progress=progress, checkpoint=kept)
    gains = figure(part.rows[DRAWN, OWN], party).reshape(outer_draws, per_draw)
    both = np.stack([gains, np.zeros_like(gains)], axis=2)
    drawn = [part.inputs[DRAWN][number] for number in range(outer_draws)]
    still = without_effect(case, party, per_draw, seed)
    columns = {path: [one.values[path] for one in drawn] for path in drawn_inputs(scenario) if path not in still}
    if scenario.effect.prior == "evidence":
        columns[STUDY] = [float(np.log(one.hazard_ratio)) for one in drawn]
        columns[WORLD] = [float(np.log(one.entry_scale_days)) for one in drawn]
    groups = {path: [i] for i, path in enumerate(columns)}
    x = np.array(list(columns.values()), dtype=float).reshape(len(columns), outer_draws).T
    found = worth(x, both.mean(axis=1), groups, noise_covariance(both), seed=seed)
    verb = "invest" if party == INVESTOR else "join"
    options = (verb, f"do not {verb}")
    facts = [_fact(path, part.value, part.halves, part.se) for path, part in found.parts.items()]
    facts.sort(key=lambda fact: -fact.value)
    assert found.evpi_without_noise is not None and found.evpi_without_noise_se is not None
    return ValueOfInformation(
        scenario=scenario.name,
        party=party,
        name=name,
        options=options,
        best=options[found.best],
        takes_part=found.best == 0,
        expected=float(gains.mean()),
        in_prob=float((gains.mean(axis=1) > 0).mean()),
        evpi=found.evpi_without_noise,
        evpi_se=found.evpi_without_noise_se,
        evpi_with_noise=found.evpi,
        facts=tuple(facts),
        without_effect=tuple(path for path in drawn_inputs(scenario) if path in still),
        outer_draws=outer_draws,
        replications=per_draw,
        seed=seed,
    )


def _fact(path: str, value: float, halves: float, se: float) -> Fact:
    low, high = sorted((max(halves, 0.0), max(value, 0.0)))
    return Fact(path, value, halves, se, low, high, noise=value <= SURE * se or halves > value)


# ---- inputs that cannot touch the party ------------------------------------------------------------------------------


def without_effect(case: Case, party: str, per_draw: int, seed: int) -> set[str]:
    """Return the inputs that leave every simulated gain of a party as it is, moved from one end to the other.

    Each is moved in the first few draws, all else as drawn. Inputs behind the targets of care and effect are not tried:
    they change the simulated lives.
    """
    scenario, n = case.scenario, min(case.n_draws, TRIED_DRAWS)
    drawn_too = drawn_inputs(scenario)
    kinds = kinds_of(scenario) if drawn_too else {}
    inputs = {path: origin for path, (_, origin) in drawn_too.items() if kinds[path] != TARGETS}
    ends = {(path, end): getattr(origin, end) for path, origin in inputs.items() for end in ("low", "high")}
    unfit: set[str] = set()
    if not inputs:
        return unfit

    def at(path: str, value: float) -> Case:
        def of(number: int) -> Drawn:
            drawn = case.drawn(number)
            try:
                there = with_values(drawn.scenario, whole(scenario, {path: value}))
            except InputError:  # this end does not fit the rest of the draw, so nothing can be said of it
                unfit.add(path)
                return drawn
            return replace(drawn, scenario=there)

        return replace(case, draws=Draws(n, of))

    cases = {f"{path} {end}": at(path, value) for (path, end), value in ends.items()}
    asked = Experiment(cases, seed, n * per_draw, COLUMNS, engine=available_engine(None))
    found = {name: figure(rows, party) for (name, _), rows in asked.rows().rows.items()}
    still = {path for path in inputs if np.array_equal(found[f"{path} low"], found[f"{path} high"])}
    return still - unfit
