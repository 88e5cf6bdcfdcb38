"""What every question of sensitivity shares: points (a scenario with its hazards), lived on the same luck and settled.

In: a scenario and other values for some of its inputs. Out: `Stand`s of points: what everyone gains at each. Points
whose lives cannot differ share them. Must not know: which question is asked, how answers are shown, files.
"""

from __future__ import annotations

import hashlib
import os
import pickle
from collections.abc import Callable, Hashable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from edgeofcare.engine.counts import Counts
from edgeofcare.engine.plan import Plan, make_plan
from edgeofcare.errors import CalibrationError, InputError, OptionError
from edgeofcare.experiment import Progress, available_engine, engine_of
from edgeofcare.inputs.load import uncertain, with_values
from edgeofcare.inputs.schema import Origin, Scenario
from edgeofcare.inputs.sourced import choices
from edgeofcare.money.costs import care_costs, service_costs
from edgeofcare.money.irr import internal_rate
from edgeofcare.money.pence import summed
from edgeofcare.outcomes import PENCE
from edgeofcare.questions.before_experiment import CHUNK, settle
from edgeofcare.questions.counterfactuals import Counterfactual, claimed_case

Floats = npt.NDArray[np.float64]
OUTPUTS = ("profit", "net_saving", "avoided", "payments", "irr")
INVESTOR, BOROUGHS = "investor", "boroughs"
GROUPS = 20  # of replications, each left out once for the error of a rate
Tell = Callable[[], None]


@dataclass(frozen=True)
class Point:
    """One set of inputs with the hazards that meet its targets. lives: points with equal ones share their lives."""

    scenario: Scenario
    entry_scale_days: float
    hazard_ratio: float
    lives: Hashable

    @property
    def plan(self) -> Plan:
        """Return the plan of its lives."""
        return make_plan(self.scenario, self.entry_scale_days, self.hazard_ratio)


@dataclass(frozen=True)
class Stand:
    """What a point comes to.

    figures: (replication,), GBP: profit, avoided (nominal, while tracked), payments (with any top-up), net_saving (of
    all boroughs), and what each party gains: `investor`, its net present value at its target rate; `boroughs`; each
    borough by its slug, its net saving. flows: (group, date), the investors' pence, summed over the replications of
    each group; days: (date,).
    """

    figures: dict[str, Floats]
    flows: npt.NDArray[np.int64]
    days: npt.NDArray[np.int64]

    def mean(self, name: str) -> float | None:
        """Return the mean of a figure, or the rate of the expected flows (`irr`), None if there is not one."""
        if name == "irr":
            return internal_rate(self.flows.sum(axis=0), self.days)
        return float(self.figures[name].mean())


# ---- what may be asked ---------------------------------------------------------------------------------------------


def inputs_of(scenario: Scenario) -> dict[str, tuple[Any, Origin]]:
    """Return value and origin of the inputs that have a range, by path; raise OptionError if none has."""
    found = uncertain(scenario)
    if not found:
        raise OptionError(f"no input of {scenario.name} has a range. Give some `low` and `high` in the scenario file.")
    return found


def check_input(scenario: Scenario, path: str) -> tuple[Any, Origin]:
    """Return value and origin of an input; raise OptionError, with those that have a range, if it has none."""
    found = inputs_of(scenario)
    if path not in found:
        near = choices(path, found, "Inputs with a range")
        raise OptionError(f"{path} has no range, so there is nothing to move it between. {near}")
    return found[path]


def parties_of(scenario: Scenario) -> dict[str, str]:
    """Return the name of each party by what it is called in an option."""
    names = {INVESTOR: "the investor", BOROUGHS: "the boroughs together"}
    return names | {slug: borough.name for slug, borough in scenario.boroughs.items()}


def check_party(scenario: Scenario, party: str) -> str:
    """Return a party's name; raise OptionError for one that is not in the scenario."""
    names = parties_of(scenario)
    if party not in names:
        raise OptionError(f"there is no party {party} in {scenario.name}. It has {', '.join(names)}.")
    return names[party]


def check_output(scenario: Scenario, output: str) -> str:
    """Return the name of the figure for an output, or a borough's slug; raise OptionError if it is unknown."""
    known = (*OUTPUTS, *scenario.boroughs)
    if output not in known:
        raise OptionError(f"there is no output {output}. Choose one of {', '.join(known)}.")
    return output


def check_replications(replications: int) -> int:
    """Return the number of replications; raise OptionError below 2, for an error needs two."""
    if isinstance(replications, bool) or not isinstance(replications, int) or replications < 2:
        raise OptionError(f"replications must be a whole number from 2 (got {replications!r}).")
    return replications


class Steps:
    """Steps done of all, told to whoever shows progress."""

    def __init__(self, progress: Progress | None, total: int) -> None:
        self.progress, self.total, self.done = progress, total, 0

    def __call__(self) -> None:
        """Count one step."""
        self.done += 1
        if self.progress:
            self.progress(min(self.done, self.total), self.total)


# ---- points --------------------------------------------------------------------------------------------------------


def point_of(world: Counterfactual) -> Point:
    """Return the point of a world; its lives are known by all that a plan holds."""
    point = Point(world.scenario, world.entry_scale_days, world.hazard_ratio, None)
    return replace(point, lives=digest(point.plan))


def digest(plan: Plan) -> str:
    """Return a hash of all that a plan holds."""
    return hashlib.blake2b(pickle.dumps(plan), digest_size=16).hexdigest()


def moved(scenario: Scenario, values: Mapping[str, Any]) -> Point | str:
    """Return the point at other values, its targets met again; or a sentence on why there is none."""
    try:
        return point_of(claimed_case(with_values(scenario, whole(scenario, values)) if values else scenario))
    except CalibrationError as error:
        return str(error)
    except InputError as error:
        return "; ".join(f"{fault.path} {fault.rule}" for fault in error.faults)


def whole(scenario: Scenario, values: Mapping[str, Any]) -> dict[str, Any]:
    """Return values with those of whole numbers rounded."""
    ranged = uncertain(scenario)
    return {path: round(x) if path in ranged and isinstance(ranged[path][0], int) else x for path, x in values.items()}


def all_moved(scenario: Scenario, changes: Sequence[Mapping[str, Any]], tell: Tell) -> list[Point | str]:
    """Return the point of each change, several at a time."""

    def one(values: Mapping[str, Any]) -> Point | str:
        found = moved(scenario, values)
        tell()
        return found

    with ThreadPoolExecutor(max_workers=os.cpu_count() or 1) as pool:
        return list(pool.map(one, changes))


def stands(points: Sequence[Point], seed: int, replications: int, tell: Tell | None = None) -> list[Stand]:
    """Return what each point comes to, all on the same luck: lives once for those that share them, in one pool."""
    shared: dict[Hashable, list[int]] = {}
    for i, point in enumerate(points):
        shared.setdefault(point.lives, []).append(i)
    jobs = [(members, first) for members in shared.values() for first in range(0, replications, CHUNK)]
    run = engine_of(available_engine(None))

    def job(work: tuple[list[int], int]) -> list[Stand]:
        members, first = work
        plan = points[members[0]].plan
        counts = run(plan, seed, first, min(CHUNK, replications - first))
        found = [settled(counts, plan, points[i].scenario, first) for i in members]
        if tell and first + CHUNK >= replications:
            for _ in members:
                tell()
        return found

    with ThreadPoolExecutor(max_workers=os.cpu_count() or 1) as pool:
        done = list(pool.map(job, jobs))
    parts: dict[int, list[Stand]] = {}
    for (members, _), found in zip(jobs, done, strict=True):
        for i, stand in zip(members, found, strict=True):
            parts.setdefault(i, []).append(stand)
    return [_joined(parts[i]) for i in range(len(points))]


def settled(counts: Counts, plan: Plan, scenario: Scenario, first: int = 0) -> Stand:
    """Return what a scenario comes to on given lives; first: number of their first replication."""
    costs, service = care_costs(counts, plan, scenario), service_costs(plan, scenario, counts)
    done = settle(counts, plan, scenario, costs, service)
    net = done.exposed.net_saving / PENCE
    figures = {
        "profit": done.earned.profit / PENCE,
        "avoided": summed(done.exposed.avoided, 1, 2) / PENCE,
        "payments": summed(done.paid.pence, 1, 2, 3) / PENCE,
        "net_saving": net.sum(axis=1),
        INVESTOR: done.earned.npv / PENCE,
        BOROUGHS: net.sum(axis=1),
        **{slug: net[:, i] for i, slug in enumerate(scenario.boroughs)},
    }
    flows = np.zeros((GROUPS, done.cash.investor.shape[1]), dtype=np.int64)
    np.add.at(flows, (first + np.arange(len(net))) % GROUPS, done.cash.investor)
    return Stand(figures, flows, done.cash.days)


def _joined(parts: Sequence[Stand]) -> Stand:
    names = parts[0].figures
    figures = {name: np.concatenate([part.figures[name] for part in parts]) for name in names}
    return Stand(figures, np.sum([part.flows for part in parts], axis=0), parts[0].days)


# ---- differences ---------------------------------------------------------------------------------------------------


def change(stand: Stand, base: Stand, name: str) -> dict[str, float | None]:
    """Return the mean change of a figure from that of the base, and its error on the same luck.

    That of a rate by the jackknife over groups of replications; None where a rate does not exist.
    """
    if name == "irr":
        return _change_of_rate(stand, base)
    difference = stand.figures[name] - base.figures[name]
    return {"mean": float(difference.mean()), "se": float(difference.std(ddof=1) / np.sqrt(len(difference)))}


def _change_of_rate(stand: Stand, base: Stand) -> dict[str, float | None]:
    def difference(leave: int | None) -> float | None:
        rates = [internal_rate(_without(one.flows, leave), one.days) for one in (stand, base)]
        return None if rates[0] is None or rates[1] is None else rates[0] - rates[1]

    mean, left = difference(None), [difference(k) for k in range(GROUPS) if base.flows[k].any()]
    there = np.array([x for x in left if x is not None])
    n = len(left)
    se = float(np.sqrt((n - 1) / n * ((there - there.mean()) ** 2).sum())) if n > 1 and len(there) == n else None
    return {"mean": mean, "se": se if mean is not None else None}


def _without(flows: npt.NDArray[np.int64], leave: int | None) -> npt.NDArray[np.int64]:
    total = flows.sum(axis=0)
    return np.asarray(total if leave is None else total - flows[leave])
