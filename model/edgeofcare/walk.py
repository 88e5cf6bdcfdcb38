"""The walk: scenario -> plan -> counts -> costs -> payments -> capital -> exposure -> rows, chunk by chunk.

In: a scenario and how often to live it. Out: `Run`. The only place that knows all the rooms. Nothing flows back.
A chunk is a range of replications and a pure function of the walk, so results do not depend on workers or order.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import asdict, dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from edgeofcare.engine.calibrate import TRACKED_SHARE, Calibration, calibrate
from edgeofcare.engine.calibration_table import Surface
from edgeofcare.engine.counts import Counts, empty_counts
from edgeofcare.engine.expected import ever_in_care_prob
from edgeofcare.engine.parameters import Drawn, draw, surface_for
from edgeofcare.engine.plan import Plan, make_plan
from edgeofcare.engine.rates import entries_warning
from edgeofcare.errors import OptionError
from edgeofcare.inputs.describe import quality_counts
from edgeofcare.inputs.load import scenario_hash
from edgeofcare.inputs.schema import Scenario
from edgeofcare.money.capital import Cashflows, Returns, capital, check_balances, returns
from edgeofcare.money.costs import Costs, ServiceCosts, care_costs, service_costs
from edgeofcare.money.exposure import Exposure, exposure
from edgeofcare.money.irr import internal_rate
from edgeofcare.money.payments import Payments, payments
from edgeofcare.provenance import version
from edgeofcare.results import RunFolder, start_of
from edgeofcare.summary import Tables, join_tables, make_tables, summarise

# Replications in a chunk: enough to be worth a thread, few enough for its counts to stay under about 40 MB.
CHUNK_OF_KERNEL, CHUNK_OF_REFERENCE, CHUNK_CELLS = 500, 10, 8_500_000
ENGINES = ("kernel", "reference")
MANY_WAITING, FAR_FROM_ASSUMED_DAYS, MOST_DRAWS_LOOKED_AT = 0.25, 14, 50
MOST_REPLICATIONS = 100_000_000
MOST_SEED = 2**63 - 1
Progress = Callable[[int, int], None]


@dataclass(frozen=True)
class Walk:
    """What is to be run: enough to make any chunk anywhere."""

    scenario: Scenario
    replications: int
    outer_draws: int
    seed: int
    engine: str
    calibration: Calibration
    surface: Surface | None

    @property
    def per_draw(self) -> int:
        """Replications in each outer draw."""
        return self.replications // self.outer_draws

    @cached_property
    def start(self) -> dict[str, Any]:
        """What this run is, for its folder and manifest."""
        return start_of(
            self.scenario,
            seed=self.seed,
            replications=self.replications,
            outer_draws=self.outer_draws,
            engine=self.engine,
            chunk=self.chunk,
        )

    @cached_property
    def chunk(self) -> int:
        """Replications in a chunk, by the size of the scenario alone."""
        if self.engine == "reference":
            return CHUNK_OF_REFERENCE
        plan = make_plan(self.scenario, 1.0, 1.0)
        return max(1, min(CHUNK_OF_KERNEL, CHUNK_CELLS // empty_counts(plan, 0, 1).care.size))

    @cached_property
    def chunks(self) -> list[tuple[int, int]]:
        """The chunk grid: ranges of replications, the same for any number of workers."""
        firsts = range(0, self.replications, self.chunk)
        return [(first, min(first + self.chunk, self.replications)) for first in firsts]

    def draw(self, number: int) -> Drawn:
        """Return an outer draw; with one only, the scenario as written."""
        if self.surface is not None:
            return draw(self.scenario, self.surface, self.seed, number)
        found = self.calibration
        usual, therapy = (found.measures[arm][TRACKED_SHARE] for arm in ("usual", "therapy"))
        return Drawn(self.scenario, {}, found.entry_scale_days, found.hazard_ratio, usual, therapy, met=True)

    def pieces(self, first: int, last: int) -> Iterator[tuple[int, int, int]]:
        """Yield the outer draws that a chunk touches: draw, first replication, number of replications."""
        while first < last:
            draw = first // self.per_draw
            end = min(last, (draw + 1) * self.per_draw)
            yield draw, first, end - first
            first = end

    def run_chunk(self, first: int, last: int) -> Tables:
        """Return the rows of a range of replications."""
        parts = []
        for number, start, n in self.pieces(first, last):
            drawn = self.draw(number)
            plan = make_plan(drawn.scenario, drawn.entry_scale_days, drawn.hazard_ratio)
            counts = engine_of(self.engine)(plan, self.seed, start, n)
            parts.append(account(number, drawn, plan, counts))
        return join_tables(parts)


def account(number: int, drawn: Drawn, plan: Plan, counts: Counts) -> Tables:
    """Return the rows that follow from counts: costs, payments, capital, exposure."""
    scenario = drawn.scenario
    costs, service = care_costs(counts, plan, scenario), service_costs(plan, scenario, counts)
    done = settle(counts, plan, scenario, costs, service)
    return make_tables(number, drawn, counts, plan, costs, done.paid, done.cash, done.earned, done.exposed)


@dataclass(frozen=True)
class Settled:
    """What one contract comes to on given lives: payments, money moved, returns, what it means for boroughs."""

    paid: Payments
    cash: Cashflows
    earned: Returns
    exposed: Exposure


def settle(counts: Counts, plan: Plan, scenario: Scenario, costs: Costs, service: ServiceCosts) -> Settled:
    """Return what the scenario's contract comes to; a contract laid over the same children settles the same counts."""
    paid = payments(counts, plan, scenario, service)
    cash = capital(service, paid, plan, scenario)
    check_balances(cash)
    return Settled(paid, cash, returns(cash), exposure(costs, service, paid, plan, scenario, cash.to_payers))


def engine_of(name: str) -> Callable[[Plan, int, int, int], Counts]:
    """Return an engine by name; numba is loaded only when the kernel is asked for."""
    if name == "kernel":
        from edgeofcare.engine import kernel

        return kernel.run
    from edgeofcare.engine import reference

    return reference.run


def available_engine(asked: str | None) -> str:
    """Return the engine to use: the one asked for, or the kernel if numba is installed, otherwise the reference."""
    from importlib.util import find_spec

    if asked is not None and asked not in ENGINES:
        raise OptionError(f"engine must be one of {', '.join(ENGINES)} (got {asked}).")
    if asked == "kernel" and find_spec("numba") is None:
        raise OptionError(
            "the kernel engine needs numba, which is not installed. Use --engine reference, or install numba."
        )
    return asked or ("kernel" if find_spec("numba") else "reference")


@dataclass(frozen=True)
class Run:
    """A finished run: its scenario, its rows as pandas tables, its summary and how it was made."""

    scenario: Scenario = field(repr=False)
    tables: Tables = field(repr=False)
    summary: dict[str, Any] = field(repr=False)
    seconds: float
    folder: Path | None = None

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
    if not isinstance(scenario, Scenario):
        raise OptionError(f"scenario must be one that load() returned (got {scenario!r:.60}).")
    _in_range("replications", replications, 1, MOST_REPLICATIONS)
    _in_range("seed", seed, 0, MOST_SEED)
    _in_range("outer_draws", outer_draws, 1, replications)
    if replications % outer_draws:
        raise OptionError(
            f"replications must be a multiple of outer draws (got {replications} and {outer_draws}). "
            f"Try {(replications // outer_draws + 1) * outer_draws}."
        )
    if scenario.effect.prior == "evidence" and outer_draws == 1:
        raise OptionError(
            f"{scenario.name} draws its effect from the evidence, so it needs several outer draws (got 1). "
            f"Try --outer-draws 100 --replications 1000."
        )
    surface = surface_for(scenario) if outer_draws > 1 else None
    return Walk(scenario, replications, outer_draws, seed, available_engine(engine), calibrate(scenario), surface)


def _in_range(name: str, value: int, low: int, high: int) -> None:
    if isinstance(value, bool) or not isinstance(value, int) or not low <= value <= high:
        raise OptionError(f"{name} must be a whole number from {low:,} to {high:,} (got {value!r}).")


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
) -> Run:
    """Run a scenario and return its rows and summary; write a run folder if `out` is given.

    replications: the total, over outer draws. workers: threads, all processors if not given (the reference engine
    gains nothing from them). resume: continue a run into `out` that did not finish. cluster: "local" for separate
    processes on this machine, or the address of a Dask scheduler ("tcp://..."), instead of threads.
    Raises OptionError, CalibrationError, RunFolderError, ClusterError.
    """
    started = time.perf_counter()
    if workers is not None:
        _in_range("workers", workers, 1, 1024)
    walk = prepare(scenario, replications, seed, outer_draws, engine)
    folder = RunFolder.create(Path(out), walk.start, resume) if out is not None else None
    tables = join_tables(run_chunks(walk, workers, progress, folder, cluster))
    summary = make_summary(walk, tables)
    seconds = time.perf_counter() - started
    if folder is not None:
        folder.finish(scenario, walk.start, tables, summary, seconds)
    return Run(scenario, tables, summary, seconds, folder.path if folder else None)


def run_chunks(
    walk: Walk,
    workers: int | None = None,
    progress: Progress | None = None,
    folder: RunFolder | None = None,
    cluster: str | None = None,
) -> list[Tables]:
    """Run every chunk and return their rows in order; chunks already in the folder are not run again."""
    n_workers = workers if workers is not None else (os.cpu_count() or 1)
    _in_range("workers", n_workers, 1, 1024)
    done = folder.saved_chunks() if folder else {}
    sizes = [last - first for first, last in walk.chunks]
    finished = sum(sizes[i] for i in done)
    to_do = {i: chunk for i, chunk in enumerate(walk.chunks) if i not in done}
    if progress:
        progress(finished, walk.replications)
    for i, tables in _results(walk, to_do, n_workers, cluster):
        done[i] = tables
        if folder:
            folder.save_chunk(i, tables)
        finished += sizes[i]
        if progress:
            progress(finished, walk.replications)
    return [done[i] for i in range(len(walk.chunks))]


def _results(
    walk: Walk, to_do: dict[int, tuple[int, int]], n_workers: int, cluster: str | None
) -> Iterator[tuple[int, Tables]]:
    """Yield chunks as they finish: on a cluster, in threads (the kernel), or one after another (the reference)."""
    if cluster is not None:
        from edgeofcare.engine.cluster import run_on_cluster

        yield from run_on_cluster(cluster, walk.run_chunk, to_do, n_workers)
    elif walk.engine == "reference" or n_workers == 1:
        for i, chunk in to_do.items():
            yield i, walk.run_chunk(*chunk)
    else:
        pool = ThreadPoolExecutor(max_workers=n_workers)
        try:
            waiting = {pool.submit(walk.run_chunk, *chunk): i for i, chunk in to_do.items()}
            for future in as_completed(waiting):
                yield waiting[future], future.result()
        finally:
            pool.shutdown(wait=False, cancel_futures=True)  # after Ctrl-C nobody waits for a chunk


def make_summary(walk: Walk, tables: Tables) -> dict[str, Any]:
    """Return the summary of a run: the object that `--json` prints."""
    scenario = walk.scenario
    head = {
        "scenario": {"name": scenario.name, "title": scenario.title, "sha256": scenario_hash(scenario)},
        "seed": walk.seed,
        "replications": walk.replications,
        "outer_draws": walk.outer_draws,
        "engine": walk.engine,
        "version": version(),
        "assumptions": quality_counts(scenario),
    }
    found = asdict(walk.calibration)
    if scenario.effect.prior == "evidence":
        found["target"] = {"usual": None, "therapy": None}  # drawn, not aimed at
    expected = internal_rate(tables.flows["pence"].to_numpy(), tables.flows["day"].to_numpy())
    summary = summarise(tables, scenario, head, found, expected)
    return {**summary, "warnings": warnings_of(walk, summary, tables.draws)}


def mean_entry_prob(walk: Walk, draws: pd.DataFrame) -> float:
    """Return the chance to enter care before 18 without therapy, on average over (at most fifty of) the outer draws."""
    scales = draws["entry_scale_days"].iloc[:: -(-len(draws) // MOST_DRAWS_LOOKED_AT)]
    plans = (make_plan(walk.scenario, float(scale), 1.0) for scale in scales)
    return float(np.mean([ever_in_care_prob(plan, walk.scenario) for plan in plans]))


def warnings_of(walk: Walk, summary: dict[str, Any], draws: pd.DataFrame) -> list[str]:
    """Return what a reader must know before believing the numbers, in sentences; empty if there is nothing."""
    told = [text for text in entries_warning(walk.scenario, mean_entry_prob(walk, draws)).values() if text]
    started, waiting = (summary["children"][name]["mean"] for name in ("started", "entered_care_waiting"))
    if waiting > MANY_WAITING * (started + waiting):
        told.append(
            f"{waiting / (started + waiting):.0%} of the families who could have started have a child in care before "
            f"their turn comes: more therapists, or fewer referrals, would change every figure."
        )
    wait, assumed = summary["waiting_days"]["mean"], walk.scenario.effect.wait_days
    if wait is not None and abs(wait - assumed) > FAR_FROM_ASSUMED_DAYS:
        reached = summary["calibration"]["in_run"]
        told.append(
            f"Families wait {wait:.0f} days, but the targets were set for a wait of {assumed}: out of care in the run "
            f"are {reached['usual']:.1%} without and {reached['therapy']:.1%} with therapy. Set effect.wait_days "
            f"nearer to it."
        )
    if summary["outer_draw_targets_met_share"] < 1:
        told.append(
            f"In {1 - summary['outer_draw_targets_met_share']:.0%} of the outer draws a target could not be met; the "
            f"nearest was taken."
        )
    return told
