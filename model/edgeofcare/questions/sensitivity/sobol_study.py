"""Which inputs drive the variance of an outcome: Sobol' indices over all uncertain inputs. In: a scenario.

Out: `Sobol`. Each row of the design is one set of inputs, solved as outer draws are and simulated a few times. The rows
of a point share their luck; points do not. Must not know: how answers are shown.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from edgeofcare.engine.parameters import Drawn
from edgeofcare.errors import OptionError
from edgeofcare.experiment import OWN, Case, Draws, Experiment, Progress, available_engine
from edgeofcare.inputs.schema import Scenario
from edgeofcare.outcomes import draw_means, variance_within
from edgeofcare.questions.checkpoint import PartFolder
from edgeofcare.questions.counterfactuals import claimed_case
from edgeofcare.questions.sensitivity.normal_scores import Inputs, Known, score_inputs
from edgeofcare.questions.sensitivity.one_at_a_time import IRR, OUTPUTS, check_output, figure
from edgeofcare.questions.sensitivity.sobol import (
    MOST_GROUPS,
    N_POINTS,
    Design,
    correlated_groups,
    indices,
    make_design,
)
from edgeofcare.results import plain

Floats = npt.NDArray[np.float64]
N_ROW_CHILDREN = 5_000  # of the calibration sample of a row: what is left of its luck is small beside what inputs do
PER_ROW = 8  # replications
COLUMNS = tuple(column for name, column in OUTPUTS.items() if name != IRR)
ROWS = "design"  # name of the one case
MOST_POINTS = 2**14
# Tables whose entries are alike: the same key in two of them is one group.
FAMILIES = ("boroughs", "teams", "therapies", "prices.gbp_per_week", "prices.cashable_share", "costs.management")


@dataclass(frozen=True)
class Driver:
    """A group of inputs. first: share of the variance that knowing it alone would remove; total: share that would be
    left if all but it were known. low and high are ends of 95% intervals."""

    group: str
    paths: tuple[str, ...]
    first: float | None
    first_low: float | None
    first_high: float | None
    total: float | None
    total_low: float | None
    total_high: float | None


@dataclass(frozen=True)
class Sobol:
    """What drives each output, the greatest total first.

    mean, sd: of the output over sets of inputs, GBP, chance taken out of sd; noise_share: the share of the variance as
    simulated that was chance. targets_met_share: rows whose targets could be met (else the nearest was taken).
    n_points, n_rows: of the design. file: folder that holds the rows.
    """

    scenario: str
    outputs: dict[str, tuple[Driver, ...]]
    mean: dict[str, float]
    sd: dict[str, float]
    noise_share: dict[str, float]
    targets_met_share: float
    n_points: int
    n_rows: int
    replications: int
    seed: int
    file: str

    def as_dict(self) -> dict[str, Any]:
        """Return the object that `--json` prints."""
        found: dict[str, Any] = plain(self)
        return found


def sobol(
    scenario: Scenario,
    outputs: Sequence[str] = ("profit", "net_saving"),
    n: int = N_POINTS,
    replications: int = PER_ROW,
    seed: int = 1,
    together: bool = True,
    out: Path | None = None,
    progress: Progress | None = None,
) -> Sobol:
    """Return first and total indices of every group of uncertain inputs.

    n: points, a power of two. replications: of each row. together: the same input of several boroughs, teams,
    therapies or types of care is one group; correlated inputs always are. out: folder for finished rows, the cache if
    not given; rows that it holds are not made again. Raises OptionError.
    """
    for output in outputs:
        if check_output(scenario, output) == "irr":
            raise OptionError("irr has no variance to share out, for some contracts have no rate. Choose profit.")
    if n < 2 or n & (n - 1) or n > MOST_POINTS:
        raise OptionError(f"n must be a power of two from 2 to {MOST_POINTS:,} (got {n}). Try {_power(n)}.")
    if replications < 2:
        raise OptionError(f"each row needs at least 2 replications, to tell chance from inputs (got {replications}).")
    inputs = score_inputs(scenario, N_ROW_CHILDREN)
    groups = groups_of(inputs, together)
    if len(groups) > MOST_GROUPS:
        raise OptionError(
            f"{scenario.name} has {len(groups)} groups of inputs, more than {MOST_GROUPS}. Let inputs of "
            f"one kind stand together, or drop ranges."
        )
    design = make_design(groups, inputs.correlation, n, seed)
    settings = {"seed": seed, "replications": replications, "groups": groups, "children": N_ROW_CHILDREN}
    case = design_case(design, inputs, replications)
    asked = Experiment({ROWS: case}, seed, replications, COLUMNS, engine=available_engine(None))
    with PartFolder(scenario, "sobol", settings, out) as kept:
        part = asked.rows(progress=progress, checkpoint=kept)
    rows, names = part.rows[ROWS, OWN], list(dict.fromkeys(outputs))
    by_output = [figure(rows, name) for name in names]
    values = np.stack([draw_means(one, rows.draws) for one in by_output], axis=1)
    noise = np.array([variance_within(one, rows.draws) for one in by_output]) / replications
    found = indices(design, values, noise, luck="point", seed=seed)
    clean = np.sqrt(np.maximum(found.variance - noise, 0))
    return Sobol(
        scenario.name,
        {name: _drivers(found, i, groups, inputs.paths) for i, name in enumerate(names)},
        dict(zip(names, values.mean(axis=0).tolist(), strict=True)),
        dict(zip(names, clean.tolist(), strict=True)),
        dict(zip(names, found.noise_share.tolist(), strict=True)),
        float(np.mean([one.met for one in part.inputs[ROWS].values()])),
        n,
        design.n_rows,
        replications,
        seed,
        str(kept.path),
    )


def _power(n: int) -> int:
    return int(min(max(2 ** round(np.log2(max(n, 2))), 2), MOST_POINTS))


def _drivers(found: Any, i: int, groups: dict[str, tuple[int, ...]], paths: Sequence[str]) -> tuple[Driver, ...]:
    def at(name: str, g: int) -> float | None:
        x = float(getattr(found, name)[i, g])
        return x if np.isfinite(x) else None

    made = [
        Driver(
            group,
            tuple(paths[c] for c in columns),
            *(at(name, g) for name in ("first", "first_low", "first_high", "total", "total_low", "total_high")),
        )
        for g, (group, columns) in enumerate(groups.items())
    ]
    return tuple(sorted(made, key=lambda one: -(one.total or 0)))


# ---- groups --------------------------------------------------------------------------------------------------------


def family(path: str) -> str:
    """Return the path with the name of one of several like things left open: boroughs.*.referrals_per_year."""
    for table in FAMILIES:
        if path.startswith(f"{table}."):
            rest = path.removeprefix(f"{table}.").split(".")
            return ".".join([table, "*", *rest[1:]])
    return path


def groups_of(inputs: Inputs, together: bool) -> dict[str, tuple[int, ...]]:
    """Return the columns that move as one group, by its name: those correlated and, together, those of one family."""
    paths = inputs.paths
    linked = np.array(inputs.correlation) != 0
    if together:
        families = np.array([family(path) for path in paths])
        linked |= families[:, None] == families[None, :]
    found = correlated_groups(paths, linked.astype(float))
    return {
        " + ".join(dict.fromkeys(_named([paths[c] for c in columns], together))): columns for columns in found.values()
    }


def _named(members: list[str], together: bool) -> Iterator[str]:
    alike = [family(path) for path in members]
    for path, name in zip(members, alike, strict=True):
        yield name if together and alike.count(name) > 1 else path


# ---- rows ----------------------------------------------------------------------------------------------------------


def design_case(design: Design, inputs: Inputs, replications: int) -> Case:
    """Return the rows of a design as sets of inputs of one case; the rows of a point share their luck."""
    known: Known = {}

    def of(number: int) -> Drawn:
        return inputs.drawn(design.rows(np.array([number]))[0].tolist(), known)

    def first(number: int) -> int:
        return number // design.per_point * replications

    claimed = claimed_case(inputs.scenario)
    return replace(claimed, draws=Draws(design.n_rows, of, first), replications=design.n_rows * replications)
