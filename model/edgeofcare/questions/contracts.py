"""Contracts side by side: every contract settled on the same lives, in one world or in all of the grid.

In: a scenario, contracts laid over it. Out: a `Comparison`. Lives are run once a world; a contract only reads the
counts. Must not know: how answers are shown, files.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt

from edgeofcare.calendar import date_of
from edgeofcare.engine.counts import ARMS, Counts
from edgeofcare.engine.plan import Plan, make_plan
from edgeofcare.errors import OptionError
from edgeofcare.experiment import available_engine, engine_of
from edgeofcare.inputs.contracts import contracts_over, priced
from edgeofcare.inputs.schema import Scenario
from edgeofcare.money.capital import log
from edgeofcare.money.costs import Costs, ServiceCosts, care_costs, service_costs
from edgeofcare.money.irr import IRR_OUTCOMES, internal_rate
from edgeofcare.money.pence import summed
from edgeofcare.questions.before_experiment import Settled, settle, stat
from edgeofcare.questions.counterfactuals import World, claimed_world, grid_worlds
from edgeofcare.walk import prepare

Rows = dict[str, npt.NDArray[Any]]
Laid = Mapping[str, Scenario]
Progress = Callable[[int, int], None]
CHUNK = 500
NULL_CHUNKS = 2  # of the claimed world, settled once more as if therapy changed nothing
PENCE = 100
SURE = 5.0  # standard errors by which expected payments must exceed nil to be scaled


@dataclass(frozen=True)
class Lived:
    """A chunk of lives with all that does not depend on the contract."""

    plan: Plan
    counts: Counts
    costs: Costs
    service: ServiceCosts

    @cached_property
    def attributable_weeks(self) -> npt.NDArray[np.int64]:
        """Return weeks out of care that therapy adds inside the scenario's own tracking: (replication,)."""
        usual, therapy = (summed(self.counts.outcome(arm, "grid_weeks"), 1, 2) for arm in ARMS)
        return therapy - usual


def live(world: World, laid: Laid, seed: int, first: int, n: int, engine: str | None = None) -> Lived:
    """Return a range of replications of a world, counted on the windows of all contracts."""
    contracts = [scenario.contract for scenario in laid.values()]
    plan = make_plan(world.scenario, world.entry_scale_days, world.hazard_ratio, contracts)
    counts = engine_of(available_engine(engine))(plan, seed, first, n)
    return Lived(plan, counts, care_costs(counts, plan, world.scenario), service_costs(plan, world.scenario, counts))


def in_world(laid: Scenario, world: World) -> Scenario:
    """Return the world's scenario under the contract and the capital of another."""
    return world.scenario.model_copy(update={"contract": laid.contract, "capital": laid.capital})


def rows_of(done: Settled, lived: Lived) -> Rows:
    """Return what one contract comes to, figure by figure: (replication,) or (replication, borough), GBP."""
    paid, cash, earned, exposed = done.paid, done.cash, done.earned, done.exposed
    found = {
        "payments_gbp": summed(paid.pence, 1, 2, 3) / PENCE,
        "before_caps_gbp": paid.before_caps / PENCE,
        "top_up_gbp": summed(paid.top_up, 1, 2) / PENCE,
        "due_anyway_gbp": paid.outcome_pence[:, 0] / PENCE,
        "due_gbp": paid.outcome_pence[:, 1] / PENCE,
        "cap_binds": paid.cap_binds,
        "attributable_weeks": lived.attributable_weeks,
        "borough_payments_gbp": summed(exposed.payments, 2) / PENCE,
        "borough_worst_year_gbp": exposed.worst_year / PENCE,
        "borough_net_saving_gbp": exposed.net_saving / PENCE,
        "worst_year_gbp": summed(exposed.payments, 1).max(axis=1) / PENCE,
        "net_saving_gbp": summed(exposed.net_saving, 1) / PENCE,
        "service_cost_gbp": summed(cash.costs, 1) / PENCE,
        "cost_unpaid_gbp": summed(cash.unpaid, 1) / PENCE,
        "irr": earned.irr,
        "irr_outcome": earned.outcome,
        "money_multiple": earned.money_multiple,
        "profit_gbp": earned.profit / PENCE,
        "peak_funding_gbp": earned.peak_funding / PENCE,
        "npv_gbp": earned.npv / PENCE,
        "missed_target": earned.missing_target,
        "payback_years": earned.payback_years,
    }
    for slug, tranche in done.earned.tranches.items():
        found[f"tranche.{slug}.npv_gbp"] = tranche.npv / PENCE
        found[f"tranche.{slug}.missed_target"] = tranche.missing_target
        found[f"tranche.{slug}.payback_years"] = tranche.payback_years
        found[f"tranche.{slug}.peak_funding_gbp"] = tranche.peak_funding / PENCE
        found[f"tranche.{slug}.irr"] = tranche.irr
        found[f"tranche.{slug}.irr_outcome"] = tranche.outcome
        found[f"tranche.{slug}.profit_gbp"] = tranche.profit / PENCE
        found[f"tranche.{slug}.money_multiple"] = tranche.money_multiple
    return found


@dataclass(frozen=True)
class Outcome:
    """One contract in one world: rows of all replications, and the flows summed over them for the headline rates.

    flows: by party ("all", or a tranche), (days, pence). null: the same figures on the same children if therapy
    changes nothing, for the first replications of the claimed world; empty elsewhere.
    """

    rows: Rows
    flows: dict[str, tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]]
    null: Rows


def settle_world(
    world: World,
    laid: Laid,
    replications: int,
    seed: int,
    workers: int,
    tell: Callable[[int], None],
    null_chunks: int = 0,
    engine: str | None = None,
) -> dict[str, Outcome]:
    """Settle all contracts on the lives of a world, chunk by chunk."""
    firsts = range(0, replications, CHUNK)

    def chunk(number: int) -> dict[str, Outcome]:
        first = firsts[number]
        lived = live(world, laid, seed, first, min(CHUNK, replications - first), engine)
        found = {
            name: _settle_one(in_world(scenario, world), lived, number < null_chunks) for name, scenario in laid.items()
        }
        tell(lived.counts.n_replications)
        return found

    with ThreadPoolExecutor(max_workers=workers) as pool:
        parts = list(pool.map(chunk, range(len(firsts))))
    return {name: _joined([part[name] for part in parts]) for name in laid}


def _settle_one(scenario: Scenario, lived: Lived, with_null: bool) -> Outcome:
    done = settle(lived.counts, lived.plan, scenario, lived.costs, lived.service)
    parties = {"all": done.earned, **done.earned.tranches}
    flows = {name: (earned.days, earned.flows) for name, earned in parties.items()}
    null: Rows = {}
    if with_null:
        counts = lived.counts.without_effect()
        same = Lived(lived.plan, counts, care_costs(counts, lived.plan, scenario), lived.service)
        null = rows_of(settle(counts, lived.plan, scenario, same.costs, same.service), same)
    return Outcome(rows_of(done, lived), flows, null)


def _joined(parts: Sequence[Outcome]) -> Outcome:
    flows = {
        name: (days, np.sum([part.flows[name][1] for part in parts], axis=0))
        for name, (days, _) in parts[0].flows.items()
    }
    nulls = [part.null for part in parts if part.null]
    return Outcome(_stacked([part.rows for part in parts]), flows, _stacked(nulls) if nulls else {})


def _stacked(parts: Sequence[Rows]) -> Rows:
    return {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}


# ---- the question --------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Comparison:
    """Contracts by world by name, with what was asked.

    outcomes: world -> contract -> Outcome. price_factor: what prices, caps and principals were multiplied by.
    """

    scenario: Scenario
    laid: dict[str, Scenario]
    worlds: list[World]
    outcomes: dict[str, dict[str, Outcome]]
    price_factor: dict[str, float]
    replications: int
    seed: int

    def as_dict(self) -> dict[str, Any]:
        """Return the object that `--json` prints."""
        claimed, *others = self.worlds
        found: dict[str, Any] = {
            "scenario": self.scenario.name,
            "seed": self.seed,
            "replications": self.replications,
            "contracts": {name: self._contract(name, claimed, others) for name in self.laid},
        }
        if others:
            found["worlds"] = [_world_dict(world) for world in self.worlds]
        return found

    def _contract(self, name: str, claimed: World, others: Sequence[World]) -> dict[str, Any]:
        laid, outcome = self.laid[name], self.outcomes[claimed.name][name]
        found = {
            "name": laid.contract.name,
            "terms": [term.pays for term in laid.contract.terms],
            "price_factor": self.price_factor[name],
            **figures(outcome, laid),
        }
        if outcome.null:
            found["if_no_effect"] = {
                key: stat(outcome.null[key], _one_draw(outcome.null))
                for key in ("payments_gbp", "net_saving_gbp", "profit_gbp")
            }
        if others:
            grid = {world.name: figures(self.outcomes[world.name][name], laid) for world in self.worlds}
            found["grid"] = grid
        return found


def _world_dict(world: World) -> dict[str, Any]:
    return {
        "name": world.name,
        "effect": world.effect,
        "base": world.base,
        "volume": world.volume,
        "hazard_ratio": world.hazard_ratio,
        "entry_scale_days": world.entry_scale_days,
        "out_of_care_share": {"usual": world.usual, "therapy": world.therapy},
    }


def _one_draw(rows: Rows) -> npt.NDArray[np.int64]:
    return np.zeros(len(rows["payments_gbp"]), dtype=np.int64)


def figures(outcome: Outcome, laid: Scenario) -> dict[str, Any]:
    """Return the figures of one contract in one world."""
    rows = outcome.rows
    draws = _one_draw(rows)

    def of(name: str, over: str | None = None) -> dict[str, Any]:
        return stat(rows[name], draws, None if over is None else rows[over])

    gained = rows["attributable_weeks"].sum()
    return {
        "payments_gbp": of("payments_gbp"),
        "before_caps_gbp": of("before_caps_gbp"),
        "top_up_gbp": of("top_up_gbp"),
        "worst_year_gbp": of("worst_year_gbp"),
        "cap_binds_prob": float(rows["cap_binds"].mean()),
        "deadweight_share": of("due_anyway_gbp", "due_gbp")["mean"],
        "gbp_per_attributable_week": float(rows["payments_gbp"].sum() / gained) if gained > 0 else None,
        "net_saving_gbp": of("net_saving_gbp"),
        "net_saving_prob": float((rows["net_saving_gbp"] > 0).mean()),
        "service_cost_gbp": of("service_cost_gbp"),
        "investor": _investor(rows, outcome.flows, draws),
        "boroughs": {
            slug: {
                "name": borough.name,
                "payments_gbp": stat(rows["borough_payments_gbp"][:, i], draws),
                "worst_year_gbp": stat(rows["borough_worst_year_gbp"][:, i], draws),
                "net_saving_gbp": stat(rows["borough_net_saving_gbp"][:, i], draws),
                "net_saving_prob": float((rows["borough_net_saving_gbp"][:, i] > 0).mean()),
            }
            for i, (slug, borough) in enumerate(laid.boroughs.items())
        },
    }


def _investor(rows: Rows, flows: Mapping[str, Any], draws: Any) -> dict[str, Any]:
    """Return the figures of all repayable money together, and of each tranche."""
    return {
        **_party("", rows, flows["all"], draws),
        "cost_unpaid_prob": float((rows["cost_unpaid_gbp"] > 0).mean()),
        "tranches": {name: _party(f"tranche.{name}.", rows, flows[name], draws) for name in flows if name != "all"},
    }


def _party(prefix: str, rows: Rows, flows: tuple[Any, Any], draws: Any) -> dict[str, Any]:
    """Return what one party's money earns; expected shortfall: mean profit of the worst twentieth."""
    own = {
        name: rows[f"{prefix}{name}"]
        for name in ("irr", "money_multiple", "profit_gbp", "peak_funding_gbp", "npv_gbp", "payback_years")
    }
    profit = np.sort(own["profit_gbp"])
    peak = np.where(own["peak_funding_gbp"] > 0, own["peak_funding_gbp"], np.nan)
    outcomes = np.bincount(rows[f"{prefix}irr_outcome"], minlength=len(IRR_OUTCOMES))
    return {
        "irr_of_expected_flows": internal_rate(flows[1], flows[0]),
        **{name: stat(values, draws) for name, values in own.items()},
        "multiple_of_peak_funding": stat(1 + own["profit_gbp"] / peak, draws),
        "loss_prob": float((own["profit_gbp"] < 0).mean()),
        "missed_target_prob": float(rows[f"{prefix}missed_target"].mean()),
        "expected_shortfall_gbp": float(profit[: max(1, len(profit) // 20)].mean()),
        "irr_outcomes": dict(zip(IRR_OUTCOMES, outcomes.tolist(), strict=True)),
    }


def compare_contracts(
    scenario: Scenario,
    contracts: str | Sequence[str] = "all",
    replications: int = 1000,
    seed: int = 1,
    grid: bool = False,
    same_cost: bool = False,
    workers: int | None = None,
    progress: Progress | None = None,
) -> Comparison:
    """Settle contracts on the same lives, in the claimed world or (grid) in every world.

    contracts: "all", "own", names of shipped contracts or paths of contract files. same_cost: scale prices, caps and
    principals once, so that each contract is expected to pay what the scenario's own pays in the claimed world.
    Raises InputError for a contract at fault, OptionError for a scenario without a claim and a number out of range.
    """
    import os

    claimed = claimed_world(scenario)
    prepare(scenario, replications, seed)
    if workers is not None and workers < 1:
        raise OptionError(f"workers must be 1 or more (got {workers}).")
    n_workers = workers or os.cpu_count() or 1
    laid = contracts_over(scenario, contracts, planned_cost_gbp(claimed))
    factors = dict.fromkeys(laid, 1.0)
    if same_cost:
        factors = same_cost_factors(claimed, laid, seed)
        laid = {name: priced(one, factors[name]) for name, one in laid.items()}
    worlds = [claimed]
    if grid:
        worlds += [world for world in grid_worlds(scenario) if world.name != claimed.name]
    total, done = replications * len(worlds), 0

    def tell(n: int) -> None:
        nonlocal done
        done += n
        if progress:
            progress(done, total)

    outcomes = {
        world.name: settle_world(
            world, laid, replications, seed, n_workers, tell, NULL_CHUNKS if world is claimed else 0
        )
        for world in worlds
    }
    return Comparison(scenario, laid, worlds, outcomes, factors, replications, seed)


def planned_cost_gbp(world: World) -> float:
    """Return the cost of the service that is planned before anybody starts, GBP."""
    plan = make_plan(world.scenario, world.entry_scale_days, world.hazard_ratio)
    counts = engine_of(available_engine(None))(plan, 0, 0, 1)
    return float(service_costs(plan, world.scenario, counts).fixed.sum()) / PENCE


def same_cost_factors(claimed: World, laid: Laid, seed: int) -> dict[str, float]:
    """Return what each contract is multiplied by to cost what the scenario's own is expected to, in the claimed world.

    Prices, caps, floors and principals move together, so payments move in proportion, but for pennies. Self-finance
    has none of them: it stays as it is, at 1.
    """
    lived = live(claimed, laid, seed, 0, CHUNK)

    def paid_by(scenario: Scenario) -> npt.NDArray[np.int64]:
        done = settle(lived.counts, lived.plan, scenario, lived.costs, lived.service)
        return summed(done.paid.pence, 1, 2, 3)

    own = paid_by(claimed.scenario).mean()

    def factor(name: str, scenario: Scenario) -> float:
        if priced(scenario, 2.0).contract == scenario.contract:
            return 1.0
        paid = paid_by(in_world(scenario, claimed))
        if paid.mean() <= SURE * paid.std() / np.sqrt(len(paid)):
            raise OptionError(
                f"{name} pays next to nothing here, so its prices cannot be scaled to the cost of "
                f"{claimed.scenario.name}'s own contract. Leave it out, or --same-cost."
            )
        return float(own / paid.mean())

    return {name: factor(name, one) for name, one in laid.items()}


def laid_over(scenario: Scenario, contracts: str | Sequence[str] | None) -> dict[str, Scenario]:
    """Return the scenario under each contract, sized to its service; under its own if none is named."""
    if contracts is None:
        return {scenario.name: scenario}
    return contracts_over(scenario, contracts, planned_cost_gbp(claimed_world(scenario)))


def under(scenario: Scenario, contract: str | None) -> Scenario:
    """Return the scenario under one other contract, or as it is; raise OptionError for several."""
    found = list(laid_over(scenario, contract).values())
    if len(found) != 1:
        raise OptionError(f"one contract is wanted here (got {len(found)}). Name one of them.")
    return found[0]


def movements(scenario: Scenario, contract: str, replication: int, seed: int) -> list[dict[str, Any]]:
    """Return what moved when in one replication of one contract: day, what, from, to, GBP, in order.

    Raises OptionError for several contracts and for a replication or a seed out of range.
    """
    if replication < 0:
        raise OptionError(f"--log takes the number of a replication, from 0 (got {replication}).")
    claimed = claimed_world(scenario)
    prepare(scenario, replication + 1, seed)
    laid = under(scenario, contract)
    lived = live(claimed, {"laid": laid}, seed, replication, 1)
    done = settle(lived.counts, lived.plan, laid, lived.costs, lived.service)
    day_0 = scenario.clock.day_0
    return [
        {"date": date_of(day, day_0).isoformat(), "what": what, "source": source, "payee": payee, "gbp": pence / PENCE}
        for day, what, source, payee, pence in log(done.cash, done.paid, 0)
    ]
