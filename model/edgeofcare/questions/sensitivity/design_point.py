"""The most plausible combination of inputs at which a party loses. In: a scenario. Out: a `ReverseStress`.

The search is on the hazards of outer draws; what it finds is simulated once more with its targets met exactly.
Must not know: how answers are shown, files.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from edgeofcare.experiment import Case, Progress, all_of
from edgeofcare.inputs.schema import Scenario
from edgeofcare.outcomes import Rows
from edgeofcare.questions.sensitivity.normal_scores import Known, score_inputs
from edgeofcare.questions.sensitivity.one_at_a_time import check_party, check_replications, gain, moved, rows_at
from edgeofcare.questions.sensitivity.reverse_stress import LIMIT, reverse
from edgeofcare.results import plain

Floats = npt.NDArray[np.float64]
EXPECTED_EVALUATIONS = 200


@dataclass(frozen=True)
class Moved:
    """An input in the combination. score: in normal scores from its median; share: of the squared distance."""

    path: str
    value: float
    at: float
    score: float
    share: float


@dataclass(frozen=True)
class ReverseStress:
    """The combination nearest to the medians at which a party loses: the design point.

    found: whether the party loses anywhere within `limit` standard deviations of each input. distance: in standard
    deviations of all inputs together. gain: at the combination, by a re-run with its targets met exactly (None, and
    problem says why, if they cannot be); own_gain: as planned; median_gain: with every input at its median. The
    investor's gain is its net present value at its target rate. inputs: all of them, the greatest share first.
    evaluations: sets of inputs tried.
    """

    scenario: str
    party: str
    name: str
    target_irr_per_year: float
    found: bool
    distance: float | None
    gain: float | None
    own_gain: float
    median_gain: float
    limit: float
    inputs: tuple[Moved, ...]
    evaluations: int
    problem: str
    replications: int
    seed: int

    def as_dict(self) -> dict[str, Any]:
        """Return the object that `--json` prints."""
        found: dict[str, Any] = plain(self)
        return found


def reverse_stress(
    scenario: Scenario,
    party: str = "investor",
    replications: int = 200,
    seed: int = 1,
    limit: float = LIMIT,
    progress: Progress | None = None,
) -> ReverseStress:
    """Return the most plausible combination of inputs at which a party is expected to lose.

    All combinations are simulated with the same random draws. Raises OptionError.
    """
    name = check_party(scenario, party)
    check_replications(replications)
    inputs = score_inputs(scenario)
    known: Known = {}
    done = 0

    def case(scores: Floats) -> Case:
        drawn = inputs.drawn(scores.tolist(), known)
        return Case(drawn.scenario, drawn.entry_scale_days, drawn.hazard_ratio, drawn.usual, drawn.therapy)

    def gains(cases: list[Case] | list[Case | str]) -> list[float | None]:
        found = rows_at(cases, seed, replications)
        return [gain(rows, party) if isinstance(rows, Rows) else None for rows in found]

    def margin(rows: Floats) -> Floats:
        nonlocal done
        found = np.asarray(gains(all_of(case, list(rows))), dtype=np.float64)
        done += len(rows)
        if progress:
            progress(min(done, EXPECTED_EVALUATIONS), EXPECTED_EVALUATIONS)
        return found

    found = reverse(margin, inputs.correlation, limit)
    values = inputs.values(found.z.tolist())
    moves = [
        Moved(path, float(inputs.by_path[path][0]), float(values[path]), float(z), float(share))
        for path, z, share in zip(inputs.paths, found.z, found.share, strict=True)
    ]
    moves.sort(key=lambda one: -one.share)
    again = moved(scenario, values)
    own_gain, there = gains([moved(scenario, {}), again])
    assert own_gain is not None
    if progress:
        progress(EXPECTED_EVALUATIONS, EXPECTED_EVALUATIONS)
    return ReverseStress(
        scenario=scenario.name,
        party=party,
        name=name,
        target_irr_per_year=scenario.capital.target_irr_per_year,
        found=found.found,
        distance=found.distance,
        gain=there,
        own_gain=own_gain,
        median_gain=found.margin_at_0,
        limit=limit,
        inputs=tuple(moves),
        evaluations=found.evaluations,
        problem=again if isinstance(again, str) else "",
        replications=replications,
        seed=seed,
    )
