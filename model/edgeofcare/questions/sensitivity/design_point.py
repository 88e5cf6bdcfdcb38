"""The mildest combination of inputs that makes a party lose. In: a scenario. Out: a `Mildest`.

The search is on the hazards of outer draws; what it finds is lived once more with its targets met exactly.
Must not know: how answers are shown, files.
"""

from __future__ import annotations

import os
from collections.abc import Hashable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from edgeofcare.experiment import Progress
from edgeofcare.inputs.schema import Scenario
from edgeofcare.questions.sensitivity.normal_scores import Hazards, score_inputs
from edgeofcare.questions.sensitivity.one_at_a_time import Point, check_party, check_replications, moved, stands
from edgeofcare.questions.sensitivity.reverse_stress import LIMIT, reverse

Floats = npt.NDArray[np.float64]
WORTH_NAMING = 0.05  # of the squared distance: a smaller share is not named in the sentence
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
class Mildest:
    """The mildest combination found.

    found: whether the party loses anywhere within `limit` standard deviations of each input. distance: in standard
    deviations of all inputs together. gain: at the combination, by a re-run with its targets met exactly (None, and
    problem says why, if they cannot be); own_gain: as the scenario stands; median_gain: with every input at its median.
    inputs: all of them, the greatest share first. evaluations: sets of inputs tried.
    """

    scenario: str
    party: str
    name: str
    found: bool
    distance: float | None
    gain: float | None
    own_gain: float | None
    median_gain: float
    limit: float
    inputs: tuple[Moved, ...]
    evaluations: int
    words: str
    problem: str
    replications: int
    seed: int

    def as_dict(self) -> dict[str, Any]:
        """Return the object that `--json` prints."""
        return asdict(self)


def mildest(
    scenario: Scenario,
    party: str = "investor",
    replications: int = 200,
    seed: int = 1,
    limit: float = LIMIT,
    progress: Progress | None = None,
) -> Mildest:
    """Return the mildest combination of inputs at which a party is expected to lose, all on the same luck.

    Raises OptionError.
    """
    name = check_party(scenario, party)
    check_replications(replications)
    inputs = score_inputs(scenario)
    known: dict[Hashable, Hazards] = {}
    done = 0

    def one(scores: Floats) -> float:
        point, _ = inputs.point(scores.tolist(), known)
        return float(np.mean(stands([point], seed, replications)[0].figures[party]))

    def margin(rows: Floats) -> Floats:
        nonlocal done
        with ThreadPoolExecutor(max_workers=os.cpu_count() or 1) as pool:
            found = np.array(list(pool.map(one, rows)))
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
    own, again = moved(scenario, {}), moved(scenario, values)
    assert isinstance(own, Point)
    gain = stands([again], seed, replications)[0].mean(party) if isinstance(again, Point) else None
    if progress:
        progress(EXPECTED_EVALUATIONS, EXPECTED_EVALUATIONS)
    return Mildest(
        scenario.name,
        party,
        name,
        found.found,
        found.distance,
        gain,
        stands([own], seed, replications)[0].mean(party),
        found.margin_at_0,
        limit,
        tuple(moves),
        found.evaluations,
        _words(name, found.found, found.margin_at_0, moves, limit),
        again if isinstance(again, str) else "",
        replications,
        seed,
    )


def _words(name: str, found: bool, at_medians: float, moves: list[Moved], limit: float) -> str:
    loses = f"{name} lose" if name.endswith("together") else f"{name} loses"
    if not found:
        return f"No combination within {limit:g} standard deviations of each input was found at which {loses}."
    if at_medians <= 0:
        return f"On average {loses} already with every input at the middle of its range."
    told = ", ".join(
        f"{one.path} at {one.at:,.4g} (now {one.value:,.4g})" for one in moves if one.share >= WORTH_NAMING
    )
    even = "come out even, and lose beyond it" if name.endswith("together") else "comes out even, and loses beyond it"
    return f"The mildest combination at which {name} only {even}: {told}."
