"""The walk: a scenario simulated, settled and read into rows; one case, one folder.

In: a scenario and how often to simulate it. Out: `Run`. One experiment with one case. Must not know: how it is shown.
"""

from __future__ import annotations

import time
from contextlib import nullcontext
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from edgeofcare.detail import write_more
from edgeofcare.engine.calibrate import Calibration, calibrate
from edgeofcare.engine.expected import ever_in_care_prob
from edgeofcare.engine.plan import make_plan
from edgeofcare.engine.rates import entries_warning
from edgeofcare.errors import OptionError
from edgeofcare.experiment import (
    OWN,
    Case,
    Experiment,
    Inputs,
    Part,
    Progress,
    available_engine,
    case_of,
    check_options,
    in_range,
    with_draws,
)
from edgeofcare.inputs.checks import cautions
from edgeofcare.inputs.describe import quality_counts
from edgeofcare.inputs.load import scenario_hash
from edgeofcare.inputs.schema import Scenario
from edgeofcare.outcomes import Rows
from edgeofcare.provenance import version
from edgeofcare.results import RunFolder, Tables, start_of, tables_of
from edgeofcare.summary import RUN_COLUMNS, Head, ScenarioName, Summary, summarise

MANY_WAITING, FAR_FROM_ASSUMED_DAYS, MOST_DRAWS_LOOKED_AT = 0.25, 14, 50


@dataclass(frozen=True)
class Walk:
    """What is to be run."""

    scenario: Scenario
    replications: int
    outer_draws: int
    seed: int
    engine: str
    calibration: Calibration

    @cached_property
    def case(self) -> Case:
        """The scenario with its hazards, inputs drawn if there are several outer draws."""
        return with_draws(case_of(self.scenario, self.calibration), self.outer_draws, self.seed)

    @cached_property
    def experiment(self) -> Experiment:
        """The one experiment of this run."""
        return Experiment({OWN: self.case}, self.seed, self.replications, RUN_COLUMNS, engine=self.engine)

    @cached_property
    def start(self) -> dict[str, Any]:
        """What this run is, for its folder and manifest."""
        return start_of(
            self.scenario,
            seed=self.seed,
            replications=self.replications,
            outer_draws=self.outer_draws,
            engine=self.engine,
            chunk=self.experiment.chunk,
        )


@dataclass(frozen=True)
class Run:
    """A finished run: its scenario, its rows, its summary and how it was made."""

    scenario: Scenario = field(repr=False)
    rows: Rows = field(repr=False)
    inputs: dict[int, Inputs] = field(repr=False)
    summary: Summary = field(repr=False)
    seconds: float
    folder: Path | None = None

    @cached_property
    def tables(self) -> Tables:
        """The rows as pandas tables, as they are written to a run folder."""
        return tables_of(self.rows, self.inputs)

    @property
    def replications(self) -> Any:
        """One row for each replication (pandas)."""
        return self.tables.replications

    @property
    def boroughs(self) -> Any:
        """One row for each replication and borough (pandas)."""
        return self.tables.boroughs

    @property
    def borough_years(self) -> Any:
        """What each borough pays in each financial year, by replication (pandas)."""
        return self.tables.borough_years


def prepare(
    scenario: Scenario, replications: int = 200, seed: int = 1, outer_draws: int = 1, engine: str | None = None
) -> Walk:
    """Check the options, calibrate, and return the walk.

    Raises OptionError for no scenario and for a number out of range, CalibrationError for a target out of reach.
    """
    check_options(scenario, replications, seed, outer_draws)
    return Walk(scenario, replications, outer_draws, seed, available_engine(engine), calibrate(scenario))


def run(
    scenario: Scenario,
    replications: int = 200,
    seed: int = 1,
    outer_draws: int = 1,
    engine: str | None = None,
    workers: int | None = None,
    out: str | Path | None = None,
    progress: Progress | None = None,
    resume: bool = False,
    cluster: str | None = None,
    detail: bool = False,
    histories: int = 0,
) -> Run:
    """Run a scenario and return its rows and summary; write a run folder if `out` is given.

    replications: the total, over outer draws. workers: threads, all processors if not given (the reference engine
    gains nothing from them). resume: continue a run into `out` that did not finish. cluster: "local" for separate
    processes on this machine, or the address of a Dask scheduler ("tcp://..."), instead of threads.
    detail: also write all counts and movements of money, which simulates everything twice. histories: also write the
    histories of the young people of so many contracts.
    Raises OptionError, CalibrationError, RunFolderError, BusyError, ClusterError.
    """
    started = time.perf_counter()
    if workers is not None:
        in_range("workers", workers, 1, 1024)
    if out is None and (detail or histories):
        raise OptionError("detail and histories are files of a run folder: give out, the folder.")
    walk = prepare(scenario, replications, seed, outer_draws, engine)
    in_range("histories", histories, 0, replications)
    with nullcontext() if out is None else RunFolder.create(Path(out), walk.start, resume) as folder:
        part = walk.experiment.rows(workers, progress, folder, cluster)
        rows, inputs = part.rows[OWN, OWN], part.inputs[OWN]
        summary = make_summary(walk, part)
        done = Run(scenario, rows, inputs, summary, time.perf_counter() - started)
        if folder is None:
            return done
        with folder.writing():
            write_more(folder.partial, walk.experiment, detail, histories, progress)
        more = {"detail": detail, "histories": histories}
        folder.finish(scenario, walk.start, done.tables, summary, done.seconds, more)
        return replace(done, folder=folder.path)


def make_summary(walk: Walk, part: Part) -> Summary:
    """Return the summary of a run."""
    scenario, inputs = walk.scenario, list(part.inputs[OWN].values())
    head = Head(
        scenario=ScenarioName(scenario.name, scenario.title, scenario_hash(scenario)),
        seed=walk.seed,
        replications=walk.replications,
        outer_draws=walk.outer_draws,
        engine=walk.engine,
        version=version(),
        assumptions=quality_counts(scenario),
    )
    calibration = walk.calibration
    if scenario.effect.prior == "evidence":  # drawn, not aimed at
        calibration = replace(calibration, target={"usual": None, "therapy": None})
    met = float(np.mean([one.met for one in inputs]))
    summary = summarise(part.rows[OWN, OWN], scenario, head, calibration, met)
    return replace(summary, warnings=tuple(warnings_of(walk, summary, inputs)))


def mean_entry_prob(walk: Walk, inputs: list[Inputs]) -> float:
    """Return the chance to enter care before 18 without therapy, on average over (at most fifty of) the outer draws."""
    some = inputs[:: -(-len(inputs) // MOST_DRAWS_LOOKED_AT)]
    plans = (make_plan(walk.scenario, one.entry_scale_days, 1.0) for one in some)
    return float(np.mean([ever_in_care_prob(plan, walk.scenario) for plan in plans]))


def warnings_of(walk: Walk, summary: Summary, inputs: list[Inputs]) -> list[str]:
    """Return what a reader must know before believing the numbers, in sentences; empty if there is nothing."""
    warnings = [text for text in entries_warning(walk.scenario, mean_entry_prob(walk, inputs)).values() if text]
    started, waiting = summary.children.started.mean or 0.0, summary.children.entered_care_waiting.mean or 0.0
    if waiting > MANY_WAITING * (started + waiting):
        warnings.append(
            f"{waiting / (started + waiting):.0%} of the families who could have started have a child in care before "
            f"their turn comes: more therapists, or fewer referrals, would change every figure."
        )
    wait, assumed = summary.waiting_days.mean, walk.scenario.effect.wait_days
    if wait is not None and abs(wait - assumed) > FAR_FROM_ASSUMED_DAYS:
        reached = summary.calibration.in_run
        warnings.append(
            f"Families wait {wait:.0f} days, but the targets were set for a wait of {assumed}: out of care in the run "
            f"are {reached.usual:.1%} without and {reached.therapy:.1%} with therapy. Set effect.wait_days "
            f"nearer to it."
        )
    if summary.outer_draw_targets_met_share < 1:
        warnings.append(
            f"In {1 - summary.outer_draw_targets_met_share:.0%} of the outer draws a target could not be met; the "
            f"nearest was taken."
        )
    return [*warnings, *cautions(walk.scenario)]
