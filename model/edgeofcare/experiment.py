"""The only loop: cases simulated with the same random draws, settled under contracts, read into rows.

In: cases (a scenario with its hazards, or with sets of inputs drawn for it), contracts, names of columns. Out: `Rows`
by case and contract. The only pool, progress, chunk grid and checkpoint, and the only place that goes to the cluster.
A chunk is a pure function of the experiment, so results do not depend on workers, order or interruptions. Must not
know: what is asked, how answers are shown.
"""

from __future__ import annotations

import hashlib
import os
import pickle
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass, field, replace
from functools import cached_property
from itertools import groupby
from typing import Any, NamedTuple, Protocol, TypeVar

from edgeofcare.engine.calibrate import TRACKED_SHARE, Calibration, calibrate
from edgeofcare.engine.counts import Counts, empty_counts
from edgeofcare.engine.parameters import Drawn, draw, surface_for
from edgeofcare.engine.plan import Plan, make_plan
from edgeofcare.errors import OptionError
from edgeofcare.inputs.schema import Scenario
from edgeofcare.money.capital import capital, check_balances, returns
from edgeofcare.money.costs import Costs, ServiceCosts, care_costs, service_costs
from edgeofcare.money.exposure import exposure
from edgeofcare.money.payments import payments
from edgeofcare.outcomes import Rows, Settlement, joined, read_columns

# Replications in a chunk: enough to be worth a thread, few enough for its counts to stay under about 40 MB.
CHUNK_OF_KERNEL, CHUNK_OF_REFERENCE, CHUNK_CELLS = 500, 10, 8_500_000
ENGINES = ("kernel", "reference")
MOST_REPLICATIONS = 100_000_000
MOST_SEED = 2**63 - 1
OWN = "own"  # name of a case's own contract
Progress = Callable[[int, int], None]
T = TypeVar("T")
S = TypeVar("S")


# ---- cases -------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Draws:
    """Sets of inputs drawn for a case. n: how many; of: the set of a number, with its hazards.

    first: number of the first replication of a set; consecutive if not given. Sets that share it, one after another,
    share their luck, and their simulated lives where their plans are equal.
    """

    n: int
    of: Callable[[int], Drawn]
    first: Callable[[int], int] | None = None


@dataclass(frozen=True)
class Case:
    """A scenario with its hazards, or (draws) with several sets of inputs, each with hazards of its own.

    usual, therapy: share of tracked days out of care on the calibration sample. without_effect: the same young people
    as if therapy changed nothing. replications: in all draws together; those of the experiment if not given.
    lives: cases with the same key share their simulated lives where their plans are equal (without draws they do so
    by themselves).
    """

    scenario: Scenario
    entry_scale_days: float
    hazard_ratio: float
    usual: float
    therapy: float
    draws: Draws | None = None
    without_effect: bool = False
    replications: int | None = None
    lives: str | None = None

    def plan(self, contracts: Iterable[Scenario] = ()) -> Plan:
        """Return the plan of its lives as written, with the windows of other contracts."""
        return make_plan(
            self.scenario, self.entry_scale_days, self.hazard_ratio, [other.contract for other in contracts]
        )

    def drawn(self, number: int) -> Drawn:
        """Return a set of inputs; the case as written if none are drawn."""
        if self.draws is not None:
            return self.draws.of(number)
        return Drawn(self.scenario, {}, self.entry_scale_days, self.hazard_ratio, self.usual, self.therapy, met=True)

    @property
    def n_draws(self) -> int:
        """Return how many sets of inputs there are."""
        return 1 if self.draws is None else self.draws.n


def case_of(scenario: Scenario, calibration: Calibration | None = None) -> Case:
    """Return a scenario with the hazards that meet its targets; raise CalibrationError for a target out of reach."""
    met = calibration or calibrate(scenario)
    usual, therapy = (met.measures[arm][TRACKED_SHARE] for arm in ("usual", "therapy"))
    return Case(scenario, met.entry_scale_days, met.hazard_ratio, usual, therapy)


def with_draws(case: Case, outer_draws: int, seed: int, change: Callable[[Scenario], Scenario] | None = None) -> Case:
    """Return a case whose uncertain inputs are drawn, targets met again in each draw; as it is with one draw.

    change: what is done to each drawn scenario after its hazards are solved (other prices, fewer referrals).
    """
    if outer_draws == 1:
        return case
    surface = surface_for(case.scenario)

    def of(number: int) -> Drawn:
        drawn = draw(case.scenario, surface, seed, number)
        return drawn if change is None else replace(drawn, scenario=change(drawn.scenario))

    return replace(case, draws=Draws(outer_draws, Remembered(of)))


class Remembered:
    """A function of draws that keeps the latest, for cases and chunks that ask for the same ones; it can be sent."""

    def __init__(self, of: Callable[[int], Drawn], most: int = 64) -> None:
        self.of, self.most = of, most
        self.kept: dict[int, Drawn] = {}
        self.lock = threading.Lock()

    def __call__(self, number: int) -> Drawn:
        """Return a draw."""
        with self.lock:
            if number in self.kept:
                return self.kept[number]
        made = self.of(number)
        with self.lock:
            self.kept[number] = made
            while len(self.kept) > self.most:
                self.kept.pop(next(iter(self.kept)))
        return made

    def __reduce__(self) -> tuple[Any, ...]:
        """Travel without what is kept."""
        return Remembered, (self.of, self.most)


# ---- one chunk ---------------------------------------------------------------------------------------------------


class Lives(NamedTuple):
    """A chunk of simulated lives with all that does not depend on the contract."""

    plan: Plan
    scenario: Scenario
    counts: Counts
    costs: Costs
    service: ServiceCosts


def priced(counts: Counts, plan: Plan, scenario: Scenario) -> Lives:
    """Return counts with the costs of care and of the service."""
    return Lives(plan, scenario, counts, care_costs(counts, plan, scenario), service_costs(plan, scenario, counts))


def settle(lives: Lives, contract: Scenario | None = None) -> Settlement:
    """Return what a contract comes to on simulated lives: that of another scenario, or the lives' own."""
    plan, scenario, counts, costs, service = lives
    if contract is not None:
        scenario = scenario.model_copy(update={"contract": contract.contract, "capital": contract.capital})
    paid = payments(counts, plan, scenario, service)
    cash = capital(service, paid, plan, scenario)
    check_balances(cash)
    exposed = exposure(costs, service, paid, plan, scenario, cash.to_payers)
    return Settlement(counts, plan, scenario, costs, service, paid, cash, returns(cash), exposed)


def read(lives: Lives, reader: Callable[[Settlement], T], contract: Scenario | None = None) -> T:
    """Return what a reader takes from a contract settled on simulated lives."""
    return reader(settle(lives, contract))


def rows_of(lives: Lives, columns: Sequence[str], contract: Scenario | None = None, draw: int = 0) -> Rows:
    """Return columns of a contract on simulated lives that belong to one outer draw."""
    return read(lives, lambda settlement: read_columns(settlement, columns, draw), contract)


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


def simulate(
    case: Case, seed: int, first: int, n: int, contracts: Iterable[Scenario] = (), engine: str | None = None
) -> Lives:
    """Return the lives of a range of replications of a case as written, counted on the windows of all contracts."""
    plan = case.plan(contracts)
    counts = engine_of(available_engine(engine))(plan, seed, first, n)
    return priced(counts.without_effect() if case.without_effect else counts, plan, case.scenario)


# ---- the experiment ----------------------------------------------------------------------------------------------


class Piece(NamedTuple):
    """Replications that share one outer draw: its number, the first replication, how many."""

    draw: int
    first: int
    n: int


class Job(NamedTuple):
    """Work for one worker: cases that share lives, and pieces of them."""

    cases: tuple[str, ...]
    pieces: tuple[Piece, ...]

    @property
    def n(self) -> int:
        """Return the number of replications, over all cases."""
        return len(self.cases) * sum(piece.n for piece in self.pieces)


@dataclass(frozen=True)
class Inputs:
    """What an outer draw takes for true: values of inputs by dotted path, hazards, shares of tracked days out of care.

    met: whether every target could be met; otherwise the nearest was taken. evidence_draw: number of the
    draw of the evidence, if it was asked.
    """

    draw: int
    values: dict[str, float]
    entry_scale_days: float
    hazard_ratio: float
    usual: float
    therapy: float
    met: bool
    evidence_draw: int | None = None


def inputs_of(number: int, drawn: Drawn) -> Inputs:
    """Return what a draw takes for true, without its scenario."""
    return Inputs(number, **{key: value for key, value in vars(drawn).items() if key != "scenario"})


class Part(NamedTuple):
    """What a job returns: rows by case and contract, and by case what each outer draw takes for true."""

    rows: dict[tuple[str, str], Rows]
    inputs: dict[str, dict[int, Inputs]]


class Checkpoint(Protocol):
    """Where finished jobs are kept, so that a stopped experiment goes on where it was."""

    def saved(self) -> dict[int, Part]:
        """Return the parts already finished, by number."""

    def save(self, number: int, part: Part) -> None:
        """Keep a finished part."""


@dataclass(frozen=True)
class Experiment:
    """Cases by contracts by replications: enough to make any chunk anywhere.

    contracts: by name, scenarios whose contract and capital are laid over each case; each case's own if none.
    columns: names in `outcomes.COLUMNS`, the same for all cases or by case.
    """

    cases: Mapping[str, Case]
    seed: int
    replications: int
    columns: Sequence[str] | Mapping[str, Sequence[str]]
    contracts: Mapping[str, Scenario] = field(default_factory=dict)
    engine: str = "kernel"

    @cached_property
    def chunk(self) -> int:
        """Replications in a chunk, by the size of the largest case alone."""
        if self.engine == "reference":
            return CHUNK_OF_REFERENCE
        cells = max(empty_counts(case.plan(), 0, 1).care.size for case in self.cases.values())
        return max(1, min(CHUNK_OF_KERNEL, CHUNK_CELLS // cells))

    @cached_property
    def jobs(self) -> list[Job]:
        """The chunk grid: the same for any number of workers."""
        groups: dict[Any, list[str]] = {}
        for name, case in self.cases.items():
            groups.setdefault(self._shares_with(name, case), []).append(name)
        return [Job(tuple(names), pieces) for names in groups.values() for pieces in self._chunks(names[0])]

    def _shares_with(self, name: str, case: Case) -> Any:
        """Return a key that cases have in common if they are simulated together."""
        n = self.replications_of(case)
        if case.draws is None:
            return n, digest(case.plan(self.contracts.values()))
        return n, case.n_draws, case.lives or name

    def replications_of(self, case: Case) -> int:
        """Return the replications of a case in all."""
        return self.replications if case.replications is None else case.replications

    def _chunks(self, name: str) -> Iterator[tuple[Piece, ...]]:
        """Yield the pieces of each chunk of a case; a chunk may hold several outer draws."""
        case = self.cases[name]
        total, size = self.replications_of(case), self.chunk
        each = total // case.n_draws
        if case.draws is not None and case.draws.first is not None:  # luck by draw: a chunk is what shares its luck
            for first, numbers in groupby(range(case.n_draws), case.draws.first):
                yield tuple(Piece(number, first, each) for number in numbers)
            return
        for first in range(0, total, size):
            last, pieces = min(first + size, total), []
            while first < last:
                number = first // each
                end = min(last, (number + 1) * each)
                pieces.append(Piece(number, first, end - first))
                first = end
            yield tuple(pieces)

    def run_job(self, number: int, _: int = 0) -> Part:
        """Return the rows of one job."""
        names, pieces = self.jobs[number]
        laid: Mapping[str, Scenario | None] = self.contracts or {OWN: None}
        rows: dict[tuple[str, str], list[Rows]] = {}
        inputs: dict[str, dict[int, Inputs]] = {}
        known: dict[str, Counts] = {}
        luck = pieces[0][1:]
        for piece in pieces:
            if piece[1:] != luck:
                known, luck = {}, piece[1:]
            for name in names:
                drawn = self.cases[name].drawn(piece.draw)
                lives = self._live(self.cases[name], drawn, piece, known)
                inputs.setdefault(name, {})[piece.draw] = inputs_of(piece.draw, drawn)
                for contract, other in laid.items():
                    rows.setdefault((name, contract), []).append(rows_of(lives, self._columns(name), other, piece.draw))
        return Part({key: joined(parts) for key, parts in rows.items()}, inputs)

    def _live(self, case: Case, drawn: Drawn, piece: Piece, known: dict[str, Counts]) -> Lives:
        """Return the lives of a piece; counts already known by their plan are not made again."""
        laid = [other.contract for other in self.contracts.values()]
        plan = make_plan(drawn.scenario, drawn.entry_scale_days, drawn.hazard_ratio, laid)
        key = digest(plan)
        if key not in known:
            known[key] = engine_of(self.engine)(plan, self.seed, piece.first, piece.n)
        counts = known[key]
        return priced(counts.without_effect() if case.without_effect else counts, plan, drawn.scenario)

    def _columns(self, name: str) -> Sequence[str]:
        return self.columns[name] if isinstance(self.columns, Mapping) else self.columns

    def parts(
        self,
        workers: int | None = None,
        progress: Progress | None = None,
        checkpoint: Checkpoint | None = None,
        cluster: str | None = None,
    ) -> Iterator[tuple[int, Part]]:
        """Yield (number, part) as jobs finish; those already saved first. Memory holds what the caller keeps."""
        done = {i: part for i, part in checkpoint.saved().items() if self._fits(i, part)} if checkpoint else {}
        total = sum(job.n for job in self.jobs)
        finished = sum(self.jobs[i].n for i in done)
        if progress:
            progress(finished, total)
        yield from done.items()
        to_do = [i for i in range(len(self.jobs)) if i not in done]
        for i, part in self._results(to_do, workers or os.cpu_count() or 1, cluster):
            if checkpoint:
                checkpoint.save(i, part)
            finished += self.jobs[i].n
            if progress:
                progress(finished, total)
            yield i, part

    def _fits(self, i: int, part: Part) -> bool:
        """Return whether a saved part is a whole job of this experiment; one with more draws begins with the same."""
        if i >= len(self.jobs):
            return False
        job = self.jobs[i]
        numbers = [number for piece in job.pieces for number in range(piece.first, piece.first + piece.n)]
        kept = {case: rows.replications.tolist() for (case, _), rows in part.rows.items()}
        return kept.keys() == set(job.cases) and all(found == numbers for found in kept.values())

    def _results(self, to_do: list[int], workers: int, cluster: str | None) -> Iterator[tuple[int, Part]]:
        """Yield parts as they finish: on a cluster, in threads (the kernel), or one after another (the reference)."""
        if cluster is not None:
            from edgeofcare.engine.cluster import run_on_cluster

            yield from run_on_cluster(cluster, self.run_job, {i: (i, 0) for i in to_do}, workers)
        elif self.engine == "reference" or workers == 1 or len(to_do) == 1:
            for i in to_do:
                yield i, self.run_job(i)
        else:
            yield from in_threads(self.run_job, to_do, workers)

    def rows(
        self,
        workers: int | None = None,
        progress: Progress | None = None,
        checkpoint: Checkpoint | None = None,
        cluster: str | None = None,
    ) -> Part:
        """Return the rows of all jobs, in the order of replications, and what every outer draw takes for true."""
        parts = dict(self.parts(workers, progress, checkpoint, cluster))
        return join_parts([parts[i] for i in range(len(self.jobs))])


def join_parts(parts: Sequence[Part]) -> Part:
    """Return parts as one, in order."""
    rows: dict[tuple[str, str], list[Rows]] = {}
    inputs: dict[str, dict[int, Inputs]] = {}
    for part in parts:
        for key, found in part.rows.items():
            rows.setdefault(key, []).append(found)
        for name, drawn in part.inputs.items():
            inputs.setdefault(name, {}).update(drawn)
    return Part({key: joined(found) for key, found in rows.items()}, inputs)


def experiment(
    cases: Mapping[str, Case],
    seed: int,
    replications: int,
    columns: Sequence[str] | Mapping[str, Sequence[str]],
    contracts: Mapping[str, Scenario] | None = None,
    workers: int | None = None,
    progress: Progress | None = None,
    engine: str | None = None,
    checkpoint: Checkpoint | None = None,
) -> dict[tuple[str, str], Rows]:
    """Return the rows of each case under each contract (`OWN`, its own, if none is named), with the same random draws.

    Raises IdentityError if money or lives do not add up.
    """
    asked = Experiment(cases, seed, replications, columns, contracts or {}, available_engine(engine))
    return asked.rows(workers, progress, checkpoint).rows


# ---- lives kept, to be settled again and again ---------------------------------------------------------------------


def simulate_all(
    case: Case, seed: int, replications: int, contracts: Iterable[Scenario] = (), workers: int | None = None
) -> list[Lives]:
    """Return the lives of a case as written in chunks, for questions that settle them under many contracts in turn."""
    laid = list(contracts)
    asked = Experiment({OWN: case}, seed, replications, (), {}, available_engine(None))
    pieces = [piece for job in asked.jobs for piece in job.pieces]
    return all_of(lambda piece: simulate(case, seed, piece.first, piece.n, laid, asked.engine), pieces, workers)


def settled(lives: Sequence[Lives], columns: Sequence[str], contract: Scenario | None = None) -> Rows:
    """Return columns of kept lives under a contract, or under their own."""
    return joined([rows_of(chunk, columns, contract) for chunk in lives])


# ---- the pool ----------------------------------------------------------------------------------------------------


def in_threads(function: Callable[[T], S], items: Iterable[T], workers: int | None = None) -> Iterator[tuple[T, S]]:
    """Yield (item, result) as they finish; after Ctrl-C or a fault nobody waits for what is left."""
    pool = ThreadPoolExecutor(max_workers=workers or os.cpu_count() or 1)
    try:
        waiting = {pool.submit(function, item): item for item in items}
        for future in as_completed(waiting):
            yield waiting[future], future.result()
    finally:
        pool.shutdown(wait=False, cancel_futures=True)


def all_of(
    function: Callable[[T], S],
    items: Sequence[T],
    workers: int | None = None,
    progress: Progress | None = None,
) -> list[S]:
    """Return the result of each item, in order, several at a time."""
    found: dict[int, S] = {}
    for i, result in in_threads(lambda k: function(items[k]), range(len(items)), workers):
        found[i] = result
        if progress:
            progress(len(found), len(items))
    return [found[i] for i in range(len(items))]


def digest(plan: Plan) -> str:
    """Return a hash of all that a plan holds; plans with the same hash have the same lives."""
    return hashlib.blake2b(pickle.dumps(plan), digest_size=16).hexdigest()


# ---- options that all questions share --------------------------------------------------------------------------


def check_options(
    scenario: Scenario,
    replications: int,
    seed: int,
    outer_draws: int = 1,
    workers: int | None = None,
    needs_claim: bool = False,
) -> None:
    """Raise OptionError for no scenario, a number out of range, and draws that do not divide the replications.

    needs_claim: also for a scenario that draws its effect from the evidence and claims none of its own.
    """
    if not isinstance(scenario, Scenario):
        raise OptionError(f"scenario must be one that load() returned (got {scenario!r:.60}).")
    in_range("replications", replications, 1, MOST_REPLICATIONS)
    in_range("seed", seed, 0, MOST_SEED)
    in_range("outer_draws", outer_draws, 1, replications)
    if workers is not None:
        in_range("workers", workers, 1, 1024)
    if replications % outer_draws:
        raise OptionError(
            f"replications must be a multiple of outer draws (got {replications} and {outer_draws}). "
            f"Try {(replications // outer_draws + 1) * outer_draws}."
        )
    if scenario.effect.prior == "evidence" and needs_claim:
        raise OptionError(
            f"{scenario.name} draws its effect from the evidence and claims none of its own. Choose a scenario with a "
            f"claim, such as pan_london."
        )
    if scenario.effect.prior == "evidence" and outer_draws == 1:
        raise OptionError(
            f"{scenario.name} draws its effect from the evidence, so it needs several outer draws (got 1). "
            f"Try --outer-draws 100 --replications 1000."
        )


def in_range(name: str, value: int, low: int, high: int) -> None:
    """Raise OptionError unless a value is a whole number in a range."""
    if isinstance(value, bool) or not isinstance(value, int) or not low <= value <= high:
        raise OptionError(f"{name} must be a whole number from {low:,} to {high:,} (got {value!r}).")
