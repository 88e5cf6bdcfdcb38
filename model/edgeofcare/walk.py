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
from typing import TYPE_CHECKING, Any

from edgeofcare.engine.calibrate import Calibration, calibrate
from edgeofcare.engine.parameters import draw_scenario
from edgeofcare.engine.plan import make_plan
from edgeofcare.errors import OptionError
from edgeofcare.inputs.load import scenario_hash
from edgeofcare.inputs.schema import Scenario
from edgeofcare.money.capital import capital, check_balances, returns
from edgeofcare.money.costs import care_costs, service_costs
from edgeofcare.money.exposure import exposure
from edgeofcare.money.irr import internal_rate
from edgeofcare.money.payments import payments
from edgeofcare.provenance import version
from edgeofcare.results import RunFolder, start_of
from edgeofcare.summary import Tables, join_tables, make_tables, summarise

if TYPE_CHECKING:
    from edgeofcare.engine.counts import Counts
    from edgeofcare.engine.plan import Plan

CHUNK = 500
ENGINES = ("kernel", "reference")
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
            chunk=CHUNK,
        )

    @cached_property
    def chunks(self) -> list[tuple[int, int]]:
        """The chunk grid: ranges of replications, the same for any number of workers."""
        return [(first, min(first + CHUNK, self.replications)) for first in range(0, self.replications, CHUNK)]

    def draw(self, number: int) -> tuple[Scenario, Plan]:
        """Return the scenario and plan of an outer draw; the scenario as written if there is only one."""
        scenario, found = self.scenario, self.calibration
        if self.outer_draws > 1:
            scenario = draw_scenario(scenario, self.seed, number)
        return scenario, make_plan(scenario, found.entry_scale_days, found.hazard_ratio)

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
        for draw, start, n in self.pieces(first, last):
            scenario, plan = self.draw(draw)
            counts = engine_of(self.engine)(plan, self.seed, start, n)
            parts.append(account(draw, scenario, plan, counts))
        return join_tables(parts)


def account(draw: int, scenario: Scenario, plan: Plan, counts: Counts) -> Tables:
    """Return the rows that follow from counts: costs, payments, capital, exposure."""
    costs, service = care_costs(counts, plan, scenario), service_costs(plan, scenario, counts)
    paid = payments(counts, plan, scenario)
    cash = capital(service, paid, plan, scenario)
    check_balances(cash)
    exposed = exposure(costs, service, paid, counts, plan, scenario)
    return make_tables(draw, counts, plan, costs, paid, cash, returns(cash), exposed)


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
        raise OptionError("the kernel engine needs numba, which is not installed. Use --engine reference, or install "
                          "numba.")  # fmt: skip
    return asked or ("kernel" if find_spec("numba") else "reference")


@dataclass(frozen=True)
class Run:
    """A finished run: its scenario, its rows as pandas tables, its summary and how it was made."""

    scenario: Scenario
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

    Raises OptionError for a number out of range, CalibrationError for a target out of reach.
    """
    _in_range("replications", replications, 1, MOST_REPLICATIONS)
    _in_range("seed", seed, 0, MOST_SEED)
    _in_range("outer_draws", outer_draws, 1, replications)
    if replications % outer_draws:
        raise OptionError(
            f"replications must be a multiple of outer draws (got {replications} and {outer_draws}). "
            f"Try {(replications // outer_draws + 1) * outer_draws}."
        )
    return Walk(scenario, replications, outer_draws, seed, available_engine(engine), calibrate(scenario))


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
) -> Run:
    """Run a scenario and return its rows and summary; write a run folder if `out` is given.

    replications: the total, over outer draws. workers: threads, all processors if not given (the reference engine
    gains nothing from them). resume: continue a run into `out` that did not finish.
    Raises OptionError, CalibrationError, RunFolderError.
    """
    started = time.perf_counter()
    walk = prepare(scenario, replications, seed, outer_draws, engine)
    folder = RunFolder.create(Path(out), walk.start, resume) if out is not None else None
    tables = join_tables(run_chunks(walk, workers, progress, folder))
    summary = make_summary(walk, tables)
    seconds = time.perf_counter() - started
    if folder is not None:
        folder.finish(scenario, walk.start, tables, summary, seconds)
    return Run(scenario, tables, summary, seconds, folder.path if folder else None)


def run_chunks(
    walk: Walk, workers: int | None = None, progress: Progress | None = None, folder: RunFolder | None = None
) -> list[Tables]:
    """Run every chunk, in threads, and return their rows in order; chunks already in the folder are not run again."""
    n_workers = workers if workers is not None else (os.cpu_count() or 1)
    _in_range("workers", n_workers, 1, 1024)
    done = folder.saved_chunks() if folder else {}
    sizes = [last - first for first, last in walk.chunks]
    finished = sum(sizes[i] for i in done)
    if progress:
        progress(finished, walk.replications)
    with ThreadPoolExecutor(max_workers=n_workers if walk.engine == "kernel" else 1) as pool:
        waiting = {pool.submit(walk.run_chunk, *chunk): i for i, chunk in enumerate(walk.chunks) if i not in done}
        try:
            for future in as_completed(waiting):
                i = waiting[future]
                done[i] = future.result()
                if folder:
                    folder.save_chunk(i, done[i])
                finished += sizes[i]
                if progress:
                    progress(finished, walk.replications)
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            raise
    return [done[i] for i in range(len(walk.chunks))]


def make_summary(walk: Walk, tables: Tables) -> dict[str, Any]:
    """Return the summary of a run: the object that `--json` prints."""
    head = {
        "scenario": {"name": walk.scenario.title, "sha256": scenario_hash(walk.scenario)},
        "seed": walk.seed,
        "replications": walk.replications,
        "outer_draws": walk.outer_draws,
        "engine": walk.engine,
        "version": version(),
    }
    found = asdict(walk.calibration)
    expected = internal_rate(tables.flows["pence"].to_numpy(), tables.flows["day"].to_numpy())
    return summarise(tables, walk.scenario, head, found, expected)
