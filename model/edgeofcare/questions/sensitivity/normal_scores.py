"""Uncertain inputs as normal scores: from scores to values and hazards, as outer draws do it.

In: a scenario. Out: `Inputs`, which make a set of inputs with its hazards of any scores. Must not know: which question
is asked.
"""

from __future__ import annotations

from collections.abc import Hashable, MutableMapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from edgeofcare.engine.calibrate import make_sample
from edgeofcare.engine.calibration_table import (
    N_OWN,
    NO_SAMPLE_INPUTS,
    SAMPLE_INPUTS,
    Measured,
    Own,
    Surface,
    make_surface,
)
from edgeofcare.engine.parameters import Drawn, as_calibrated, by_targets, normal_cdf, quantile
from edgeofcare.engine.plan import make_plan
from edgeofcare.experiment import digest
from edgeofcare.inputs.load import with_values
from edgeofcare.inputs.ranges import correlation_matrix
from edgeofcare.inputs.schema import Origin, Scenario
from edgeofcare.questions.counterfactuals import claimed_case
from edgeofcare.questions.sensitivity.one_at_a_time import inputs_of

Floats = npt.NDArray[np.float64]
TARGETS, LIVES, MONEY = "targets", "lives", "money"
Known = MutableMapping[Hashable, Drawn]  # sets of inputs solved before, by what their hazards depend on


@dataclass(frozen=True, eq=False)
class Inputs:
    """The uncertain inputs of a scenario.

    by_path: value and origin; kinds: what each changes: `targets`, the hazards and so the lives; `lives`; or `money`
    alone. correlation: (input, input), of the scores. n_own: children of the sample on which a set of inputs is solved
    that has one of its own.
    """

    scenario: Scenario
    by_path: dict[str, tuple[Any, Origin]]
    kinds: dict[str, str]
    correlation: Floats
    surface: Surface
    n_own: int

    @property
    def paths(self) -> list[str]:
        """Return the inputs in the order of their scores."""
        return list(self.by_path)

    def values(self, scores: Sequence[float]) -> dict[str, float]:
        """Return the value of each input at its normal score."""
        return {
            path: quantile(value, origin, normal_cdf(float(z)))
            for (path, (value, origin)), z in zip(self.by_path.items(), scores, strict=True)
        }

    def drawn(self, scores: Sequence[float], known: Known) -> Drawn:
        """Return the set of inputs at some scores with its hazards; where targets cannot be met, the nearest is taken.

        known: sets of inputs that were solved before; this one is added.
        """
        values = self.values(scores)
        drawn = with_values(self.scenario, values)
        key = tuple(values[path] for path, kind in self.kinds.items() if kind == TARGETS)
        if key not in known:
            known[key] = self._solved(drawn, values)
        return replace(known[key], scenario=drawn, values=values)

    def _solved(self, drawn: Scenario, values: dict[str, float]) -> Drawn:
        if self.surface.fixed is not None:
            return as_calibrated(drawn, values, self.surface.fixed)
        return by_targets(drawn, values, self._measured(drawn))

    def _measured(self, drawn: Scenario) -> Measured:
        if self.surface.gap is None or self.n_own == N_OWN:
            return self.surface.for_draw(self.scenario, drawn)
        return Own(make_sample(drawn, self.n_own, self.surface.on_days), self.surface.gap)


def score_inputs(scenario: Scenario, n_own: int = N_OWN) -> Inputs:
    """Return the uncertain inputs of a scenario as scores.

    Raises OptionError for a scenario without ranges, and for one that draws its effect from the evidence.
    """
    claimed_case(scenario)
    by_path = inputs_of(scenario)
    paths = list(by_path)
    names, matrix = correlation_matrix(scenario.correlations, paths)
    correlation = np.eye(len(paths))
    at = [paths.index(name) for name in names]
    if names:
        correlation[np.ix_(at, at)] = matrix
    surface = make_surface(scenario, (), n_own=n_own)
    return Inputs(scenario, by_path, kinds_of(scenario), correlation, surface, n_own)


def kinds_of(scenario: Scenario) -> dict[str, str]:
    """Return what each uncertain input changes: the targets' hazards, other things in lives, or money alone."""
    own = digest(make_plan(scenario, 1.0, 1.0))
    return {path: _kind(scenario, path, value, origin, own) for path, (value, origin) in inputs_of(scenario).items()}


def _kind(scenario: Scenario, path: str, value: Any, origin: Origin, own: str) -> str:
    if path.startswith((*SAMPLE_INPUTS, "effect.")) and not path.startswith(NO_SAMPLE_INPUTS):
        return TARGETS
    other = origin.low if value != origin.low else origin.high
    moved = with_values(scenario, {path: round(other or 0) if isinstance(value, int) else other})
    return MONEY if digest(make_plan(moved, 1.0, 1.0)) == own else LIVES
