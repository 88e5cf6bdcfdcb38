"""What a contract means for each borough: year by year, at its worst, against doing nothing, and if things go wrong.

In: a scenario. Out: an `Exposures`. Must not know: how answers are shown, files.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from edgeofcare.engine.plan import Plan, make_plan
from edgeofcare.errors import OptionError
from edgeofcare.experiment import Progress, available_engine, engine_of
from edgeofcare.inputs.load import with_values
from edgeofcare.inputs.published import reference_file
from edgeofcare.inputs.schema import PLACEMENTS, Scenario
from edgeofcare.money.costs import (
    care_costs,
    cashable_without_therapy,
    real_service_cost,
    real_value_by_year,
    service_costs,
)
from edgeofcare.money.exposure import NEVER
from edgeofcare.money.pence import summed
from edgeofcare.outcomes import PENCE
from edgeofcare.questions.before_experiment import CHUNK, Lived, settle, stat
from edgeofcare.questions.counterfactuals import Counterfactual, at_volume, claimed_case, with_effect
from edgeofcare.walk import prepare

Values = npt.NDArray[Any]
Rows = dict[str, Values]
TAIL = 0.05  # the worst twentieth
MORE, FEWER = 1.5, 0.5
PRICE_CHANGES = {"prices_20_percent_lower": 0.8, "prices_20_percent_higher": 1.2}


@dataclass(frozen=True)
class Exposures:
    """Exposure of every borough.

    boroughs: by slug, the figures that `--json` prints. contract: figures of all boroughs together.
    """

    scenario: Scenario
    financial_years: tuple[str, ...]
    boroughs: dict[str, dict[str, Any]]
    contract: dict[str, Any]
    replications: int
    seed: int

    def as_dict(self) -> dict[str, Any]:
        """Return the object that `--json` prints."""
        return {
            "scenario": self.scenario.name,
            "seed": self.seed,
            "replications": self.replications,
            "financial_years": list(self.financial_years),
            "contract": self.contract,
            "boroughs": self.boroughs,
        }


def exposures(
    scenario: Scenario,
    replications: int = 1000,
    seed: int = 1,
    budgets: Mapping[str, float] | None = None,
    what_if: bool = True,
    progress: Progress | None = None,
) -> Exposures:
    """Return what each borough pays, saves and risks.

    budgets: GBP that a borough has set aside for each financial year, by slug. what_if: also under more and fewer
    referrals, other effects, other prices, and with each other borough leaving.
    Raises OptionError for a budget of a borough that is not in the scenario, and for a number out of range.
    """
    budgets = dict(budgets or {})
    unknown = sorted(set(budgets) - set(scenario.boroughs))
    if unknown:
        raise OptionError(
            f"there is no borough {', '.join(unknown)} in {scenario.name}. It has {', '.join(scenario.boroughs)}."
        )
    prepare(scenario, replications, seed)
    claimed = claimed_case(scenario)
    rivals = _what_if(claimed) if what_if else {}
    steps, done = 1 + len(rivals), 0

    def tell() -> None:
        nonlocal done
        done += 1
        if progress:
            progress(done, steps)

    with workers() as pool:
        lives = live_in(pool, claimed, [scenario], seed, replications, full=True)
        [rows] = lives.rows
    years, real = years_of(lives.plan, scenario)
    tell()
    boroughs = {
        slug: borough_figures(rows, i, years, real, budgets.get(slug)) | {"name": borough.name}
        for i, (slug, borough) in enumerate(scenario.boroughs.items())
    }
    for name, world in rivals.items():
        other = lived_rows(world, seed, replications, full=False)
        tell()
        for i, slug in enumerate(scenario.boroughs):
            if name != f"without_{slug}":
                boroughs[slug].setdefault("what_if", {})[name] = _difference(other, rows, i)
    return Exposures(scenario, years, boroughs, _contract_figures(rows, scenario), replications, seed)


def _what_if(claimed: Counterfactual) -> dict[str, Counterfactual]:
    """Return the other worlds: volume, effect, prices, and each borough leaving."""
    scenario = claimed.scenario
    worlds = {
        "referrals_50_percent_more": at_volume(claimed, MORE),
        "referrals_50_percent_fewer": at_volume(claimed, FEWER),
        "no_effect": with_effect(claimed, "none"),
        "half_effect": with_effect(claimed, "half"),
        "english_trial": with_effect(claimed, "start"),
    }
    for name, factor in PRICE_CHANGES.items():
        prices = {
            f"prices.gbp_per_week.{kind}": price * factor
            for kind, price in zip(PLACEMENTS, scenario.prices.gbp_per_week.values(), strict=True)
        }
        worlds[name] = replace(claimed, scenario=with_values(scenario, prices))
    if len(scenario.boroughs) > 1:
        for slug in scenario.boroughs:
            gone = with_values(scenario, {f"boroughs.{slug}.referrals_per_year": 0.0})
            worlds[f"without_{slug}"] = replace(claimed, scenario=gone)
    return worlds


# ---- rows ----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Lives:
    """A world whose lives are being lived: its plan, and a future of each chunk's rows under each contract."""

    plan: Plan
    chunks: list[Future[list[Rows]]]

    @property
    def rows(self) -> list[Rows]:
        """Return the rows of all replications under each contract; wait for them."""
        parts = [chunk.result() for chunk in self.chunks]
        return [_joined([part[i] for part in parts]) for i in range(len(parts[0]))]


@contextmanager
def workers() -> Iterator[ThreadPoolExecutor]:
    """Give a thread for each processor; after a fault or Ctrl-C nobody waits for what is left."""
    pool = ThreadPoolExecutor(max_workers=os.cpu_count() or 1)
    try:
        yield pool
    finally:
        pool.shutdown(wait=False, cancel_futures=True)


def live_in(
    pool: ThreadPoolExecutor,
    world: Counterfactual,
    contracts: Sequence[Scenario],
    seed: int,
    replications: int,
    full: bool,
    tell: Callable[[], None] | None = None,
) -> Lives:
    """Begin to live a world, and settle these scenarios' contracts on the same lives; the first gives all rows if full.

    full: also by year, and without therapy. tell: called at the end of each chunk.
    """
    plan = make_plan(world.scenario, world.entry_scale_days, world.hazard_ratio)
    engine = engine_of(available_engine(None))

    def chunk(first: int) -> list[Rows]:
        counts = engine(plan, seed, first, min(CHUNK, replications - first))
        costs, service = care_costs(counts, plan, world.scenario), service_costs(plan, world.scenario, counts)
        lived, found = Lived(plan, counts, costs, service), []
        for i, scenario in enumerate(contracts):
            done = settle(counts, plan, scenario, costs, service)
            found.append(_rows(lived, done, scenario, full and i == 0))
        if tell:
            tell()
        return found

    return Lives(plan, [pool.submit(chunk, first) for first in range(0, replications, CHUNK)])


def lived_rows(world: Counterfactual, seed: int, replications: int, full: bool = True) -> Rows:
    """Return the rows of a world's boroughs under its own contract."""
    with workers() as pool:
        return live_in(pool, world, [world.scenario], seed, replications, full).rows[0]


def _joined(parts: Sequence[Rows]) -> Rows:
    return {key: np.concatenate([part[key] for part in parts]) for key in parts[0]}


def years_of(plan: Plan, scenario: Scenario) -> tuple[tuple[str, ...], Values]:
    """Return the labels of the financial years of outcomes, and a pound's real value in each."""
    return tuple(dict.fromkeys(plan.outcome_periods.financial_years())), real_value_by_year(plan, scenario)


def _rows(lived: Lived, done: Any, scenario: Scenario, full: bool) -> Rows:
    """Return rows of (replication, borough), some by year too, GBP or counts; the investors' are (replication,)."""
    counts, exposed, paid, earned, cash = lived.counts, done.exposed, done.paid, done.earned, done.cash
    served = {name: summed(counts.served(name), 2) for name in ("referred", "started", "waiting_days")}
    rows: Rows = {
        **served,
        "payments": summed(exposed.payments, 2) / PENCE,
        "all_payments": summed(paid.by_borough, 2) / PENCE,
        "worst_year": exposed.worst_year / PENCE,
        "avoided": summed(exposed.avoided, 2) / PENCE,
        "cashable": summed(exposed.cashable, 2) / PENCE,
        "other_costs": summed(exposed.other_costs, 2) / PENCE,
        "net_saving": exposed.net_saving / PENCE,
        "before_caps": paid.before_caps / PENCE,
        "cap_binds": paid.cap_binds,
        "slot_days_used": counts.team[:, :, 0],
        "slot_days_available": counts.team[:, :, 1],
        "irr": earned.irr,
        "money_multiple": earned.money_multiple,
        "profit": earned.profit / PENCE,
        "peak_funding": earned.peak_funding / PENCE,
        "flows": cash.investor,
        "flow_days": cash.days[None],
    }
    if full:
        cost = real_service_cost(lived.service.days, lived.service.due, scenario) / PENCE
        share = served["started"] / np.maximum(served["started"].sum(axis=1, keepdims=True), 1)
        rows |= {
            "payments_by_year": exposed.payments / PENCE,
            "avoided_by_year": exposed.avoided / PENCE,
            "marginal_by_year": exposed.marginal / PENCE,
            "cashable_by_year": exposed.cashable / PENCE,
            "net_by_year": exposed.net_saving_by_year / PENCE,
            "first_year": exposed.first_year_in_credit,
            "care_without_therapy": cashable_without_therapy(counts, lived.plan, scenario) / PENCE,
            "weeks_usual": summed(counts.outcome("usual", "grid_weeks"), 2),
            "weeks_therapy": summed(counts.outcome("therapy", "grid_weeks"), 2),
            "real_service_cost": cost[:, None] * share,
        }
    return rows


# ---- figures -------------------------------------------------------------------------------------------------------


def spread(values: Values) -> dict[str, Any]:
    """Return mean, error, percentiles and the mean of the worst twentieth (the highest)."""
    ordered = np.sort(values)
    worst = ordered[len(ordered) - max(1, round(TAIL * len(ordered))) :]
    return stat(values, np.zeros(len(values), dtype=np.int64)) | {"expected_shortfall": float(worst.mean())}


def borough_figures(rows: Rows, i: int, years: Sequence[str], real: Values, budget_gbp: float | None) -> dict[str, Any]:
    """Return one borough's exposure."""
    by_year = {name: rows[f"{name}_by_year"][:, i] for name in ("payments", "avoided", "marginal", "cashable", "net")}
    net = rows["net_saving"][:, i]
    cumulative = np.cumsum(by_year["net"], axis=1)
    first = rows["first_year"][:, i]
    found = {
        "referred": spread(rows["referred"][:, i]),
        "started": spread(rows["started"][:, i]),
        "payments_gbp": spread(rows["payments"][:, i]),
        "worst_year_gbp": spread(rows["worst_year"][:, i]),
        "avoided_gbp": {
            name: float(by_year[key].sum(axis=1).mean())
            for name, key in (("nominal", "avoided"), ("marginal", "marginal"), ("cashable", "cashable"))
        },
        "net_saving_gbp": spread(net),
        "better_off_prob": float((net > 0).mean()),
        "better_off_prob_independent_arms": _independent(rows, i),
        "years": {
            year: {
                "payments_gbp": spread(by_year["payments"][:, k]),
                **{
                    f"avoided_{name}_gbp": float(by_year[key][:, k].mean())
                    for name, key in (("nominal", "avoided"), ("marginal", "marginal"), ("cashable", "cashable"))
                },
                "net_saving_gbp": float(by_year["net"][:, k].mean()),
                "cumulative_net_saving_gbp": float(cumulative[:, k].mean()),
                "in_credit_prob": float((cumulative[:, k] > 0).mean()),
            }
            for k, year in enumerate(years)
        },
        "first_year_in_credit": {year: float((first == k).mean()) for k, year in enumerate(years)},
        "ever_in_credit_prob": float((first != NEVER).mean()),
        "deadweight_share": _ratio(rows["weeks_usual"][:, i], rows["weeks_therapy"][:, i]),
        "benefit_cost_ratio": ratios(rows, i, real),
    }
    if budget_gbp is not None:
        over = by_year["payments"] > budget_gbp
        found["budget"] = {
            "gbp_per_year": budget_gbp,
            "any_year_over_prob": float(over.any(axis=1).mean()),
            "over_prob_by_year": {year: float(over[:, k].mean()) for k, year in enumerate(years)},
        }
    return found


def _independent(rows: Rows, i: int) -> float:
    """Return the chance to be better off if the life without therapy were another draw of luck.

    Each contract is held against the care without therapy of the next simulated contract. Nobody lives twice, so no
    record can say how near the truth is to this figure or to the one on the same children.
    """
    without = rows["care_without_therapy"][:, i]
    with_therapy = without - rows["cashable"][:, i]
    spent = rows["payments"][:, i] + rows["other_costs"][:, i]
    return float((np.roll(without, -1) - with_therapy - spent > 0).mean())


def _ratio(above: Values, below: Values) -> float | None:
    return float(above.sum() / below.sum()) if below.sum() else None


def ratios(rows: Rows, i: int, real: Values) -> dict[str, Any]:
    """Return the three benefit-cost ratios, each as modelled and with optimism taken off.

    social: marginal avoided cost / resource cost of the service (by the borough's share of starts), both real and
    discounted. public_purse: cashable avoided / all payments and own costs; borough: the same without the central
    payer's part. The last two nominal.
    """
    adjust = reference_file("optimism")["optimism"]["not_trial_based"]
    cut = (1 + adjust["benefit"]) / (1 + adjust["cost"])
    social = _ratio((rows["marginal_by_year"][:, i] * real).sum(axis=1), rows["real_service_cost"][:, i])
    cashable, other = rows["cashable"][:, i], rows["other_costs"][:, i]
    found = {
        "social": social,
        "public_purse": _ratio(cashable, rows["all_payments"][:, i] + other),
        "borough": _ratio(cashable, rows["payments"][:, i] + other),
    }
    return found | {f"{name}_optimism_off": None if r is None else r * cut for name, r in found.items()}


def _difference(other: Rows, own: Rows, i: int) -> dict[str, Any]:
    """Return what changes for a borough in another world, with the error of the paired difference."""
    change = other["net_saving"][:, i] - own["net_saving"][:, i]
    return {
        "payments_gbp": float(other["payments"][:, i].mean()),
        "net_saving_gbp": float(other["net_saving"][:, i].mean()),
        "better_off_prob": float((other["net_saving"][:, i] > 0).mean()),
        "worst_year_p95_gbp": float(np.quantile(other["worst_year"][:, i], 1 - TAIL)),
        "change_in_net_saving_gbp": {"mean": float(change.mean()), "se": _error(change)},
    }


def _error(values: Values) -> float | None:
    return float(values.std(ddof=1) / np.sqrt(len(values))) if len(values) > 1 else None


def _contract_figures(rows: Rows, scenario: Scenario) -> dict[str, Any]:
    """Return figures of all boroughs together, with how much hangs on the largest."""
    return {
        "payments_gbp": spread(rows["payments"].sum(axis=1)),
        "net_saving_gbp": spread(rows["net_saving"].sum(axis=1)),
        "concentration": concentration(rows, scenario),
    }


def concentration(rows: Rows, scenario: Scenario) -> dict[str, Any]:
    """Return how much of what boroughs pay hangs on the largest payer; nobody if nothing is paid.

    effective_boroughs: 1 / sum of squared shares, as many boroughs of equal size would be as concentrated.
    """
    total = rows["payments"].sum(axis=0)
    if not total.sum() > 0:
        return {"largest": None, "largest_share": None, "effective_boroughs": None}
    shares = total / total.sum()
    largest = int(shares.argmax())
    return {
        "largest": list(scenario.boroughs)[largest],
        "largest_share": float(shares[largest]),
        "effective_boroughs": float(1 / (shares**2).sum()),
    }
