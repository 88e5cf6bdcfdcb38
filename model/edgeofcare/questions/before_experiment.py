"""What questions used before `experiment` and `outcomes`; each import from here goes when its question is rebuilt."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from edgeofcare import outcomes
from edgeofcare.engine.counts import Counts
from edgeofcare.engine.plan import Plan
from edgeofcare.experiment import Case, Lives, read, simulate
from edgeofcare.inputs.schema import Scenario
from edgeofcare.money.capital import Cashflows, Returns
from edgeofcare.money.costs import Costs, ServiceCosts
from edgeofcare.money.exposure import Exposure
from edgeofcare.money.payments import Payments


@dataclass(frozen=True)
class Settled:
    """What one contract comes to on given lives."""

    paid: Payments
    cash: Cashflows
    earned: Returns
    exposed: Exposure


def settle(counts: Counts, plan: Plan, scenario: Scenario, costs: Costs, service: ServiceCosts) -> Settled:
    """Return what the scenario's contract comes to."""
    lives = Lives(plan, scenario, counts, costs, service)
    return read(lives, lambda s: Settled(s.paid, s.cash, s.earned, s.exposed))


def stat(values: Any, draws: Any, over: Any = None) -> dict[str, Any]:
    """Return statistics as a dictionary."""
    return vars(outcomes.stat(values, draws, over))


CHUNK = 500


@dataclass(frozen=True)
class Lived:
    """A chunk of lives with all that does not depend on the contract."""

    plan: Plan
    counts: Counts
    costs: Costs
    service: ServiceCosts


def live(world: Case, laid: Mapping[str, Scenario], seed: int, first: int, n: int, engine: str | None = None) -> Lived:
    """Return a range of replications, counted on the windows of all contracts."""
    lives = simulate(world, seed, first, n, laid.values(), engine)
    return Lived(lives.plan, lives.counts, lives.costs, lives.service)
