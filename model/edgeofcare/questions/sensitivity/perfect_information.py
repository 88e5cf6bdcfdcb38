"""What it is worth to know before a decision: a borough's to join, the investor's to invest. In: a scenario.

Out: a `Knowing`. Outer draws are those of a run with the same seed; each is lived a few times. Must not know: how
answers are shown.
"""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from edgeofcare.engine.parameters import drawn_inputs
from edgeofcare.engine.plan import make_plan
from edgeofcare.errors import OptionError
from edgeofcare.experiment import Case, Progress, available_engine, case_of, check_options, engine_of, with_draws
from edgeofcare.inputs.schema import Scenario
from edgeofcare.questions.sensitivity.checkpoint import Row, Store
from edgeofcare.questions.sensitivity.one_at_a_time import INVESTOR, check_party, inputs_of, settled
from edgeofcare.questions.sensitivity.value_of_information import FEWEST_DRAWS, noise_covariance, worth

Floats = npt.NDArray[np.float64]
PER_DRAW = 10
STUDY, WORLD = "effect of therapy (evidence)", "care without therapy (evidence)"


@dataclass(frozen=True)
class Fact:
    """What knowing one input would be worth, GBP. value: by regression, biased upward; halves: by choosing with half
    of the draws, biased downward; se: of value."""

    path: str
    value: float
    halves: float
    se: float


@dataclass(frozen=True)
class Knowing:
    """What knowing would be worth to a party before it decides, GBP for the whole contract.

    options: the two; best: the one to take on what is known now; expected: its worth over staying out, and `in_prob`
    the share of draws in which taking part is right. evpi: the worth of knowing everything, chance inside a draw taken
    out; evpi_with_noise: the same from the draws as they are. facts: the most valuable first.
    """

    scenario: str
    party: str
    name: str
    options: tuple[str, str]
    best: str
    expected: float
    in_prob: float
    evpi: float
    evpi_se: float
    evpi_with_noise: float
    facts: tuple[Fact, ...]
    outer_draws: int
    replications: int
    seed: int

    def as_dict(self) -> dict[str, Any]:
        """Return the object that `--json` prints."""
        return asdict(self)


def knowing(
    scenario: Scenario,
    party: str = INVESTOR,
    outer_draws: int = 500,
    per_draw: int = PER_DRAW,
    seed: int = 1,
    out: Path | None = None,
    progress: Progress | None = None,
) -> Knowing:
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
    store = Store(scenario, "voi", {"seed": seed, "replications": per_draw, "engine": engine}, out)
    case = with_draws(case_of(scenario), outer_draws, seed)
    rows = _draws(case, per_draw, seed, engine, store, progress)
    gains = np.array([rows[d]["gains"][party] for d in range(outer_draws)])
    both = np.stack([gains, np.zeros_like(gains)], axis=2)
    paths = list(drawn_inputs(scenario))
    more = ["log_ratio", "log_scale"] if scenario.effect.prior == "evidence" else []
    x = np.array(
        [[*(rows[d]["values"][path] for path in paths), *(rows[d][key] for key in more)] for d in range(outer_draws)]
    )
    groups = {path: [i] for i, path in enumerate(paths)}
    groups |= {label: [len(paths) + i] for i, label in enumerate((STUDY, WORLD)[: len(more)])}
    found = worth(x, both.mean(axis=1), groups, noise_covariance(both), seed=seed)
    verb = "invest" if party == INVESTOR else "join"
    options = (verb, f"do not {verb}")
    facts = [Fact(path, part.value, part.halves, part.se) for path, part in found.parts.items()]
    facts.sort(key=lambda fact: -fact.value)
    assert found.evpi_without_noise is not None and found.evpi_without_noise_se is not None
    return Knowing(
        scenario.name,
        party,
        name,
        options,
        options[found.best],
        float(gains.mean()),
        float((gains.mean(axis=1) > 0).mean()),
        found.evpi_without_noise,
        found.evpi_without_noise_se,
        found.evpi,
        tuple(facts),
        outer_draws,
        per_draw,
        seed,
    )


def _draws(
    case: Case, per_draw: int, seed: int, engine: str, store: Store, progress: Progress | None
) -> dict[int, Row]:
    """Return what each outer draw drew and what every party gains in its replications; those kept are not made again.

    The rows of fewer draws are those of more, for a draw's replications are numbered by the draw.
    """
    rows = {number: row for number, row in store.read().items() if number < case.n_draws}
    left = [number for number in range(case.n_draws) if number not in rows]
    if progress:
        progress(len(rows), case.n_draws)

    def one(number: int) -> Row:
        row = _draw(case, number, per_draw, seed, engine)
        store.add([row])
        return row

    workers = 1 if engine == "reference" else os.cpu_count() or 1
    pool = ThreadPoolExecutor(max_workers=workers)
    try:
        for row in pool.map(one, left):
            rows[row["row"]] = row
            if progress:
                progress(len(rows), case.n_draws)
    finally:
        pool.shutdown(wait=True, cancel_futures=True)
    return rows


def _draw(case: Case, number: int, per_draw: int, seed: int, engine: str) -> Row:
    drawn = case.drawn(number)
    plan = make_plan(drawn.scenario, drawn.entry_scale_days, drawn.hazard_ratio)
    first = number * per_draw
    stand = settled(engine_of(engine)(plan, seed, first, per_draw), plan, drawn.scenario, first)
    gains = {party: stand.figures[party].tolist() for party in (INVESTOR, "boroughs", *drawn.scenario.boroughs)}
    return {
        "row": number,
        "values": drawn.values,
        "gains": gains,
        "log_ratio": float(np.log(drawn.hazard_ratio)),
        "log_scale": float(np.log(drawn.entry_scale_days)),
    }
