"""Numbers behind the pictures of a business case, and the mean case behind its workbook.

In: a scenario. Out: plain tables that can be written as JSON. Must not know: pictures, files.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import numpy.typing as npt

from edgeofcare.calendar import date_of
from edgeofcare.engine.counts import ARMS, EVENTS, Trace
from edgeofcare.engine.observe import trace_with
from edgeofcare.engine.plan import make_plan
from edgeofcare.experiment import available_engine
from edgeofcare.inputs.schema import PLACEMENTS, Scenario
from edgeofcare.inputs.terms.base import Term
from edgeofcare.money.irr import IRR_OUTCOMES
from edgeofcare.money.pence import summed
from edgeofcare.money.terms import Counted, counted_for, formula, settlement_periods
from edgeofcare.outcomes import PENCE
from edgeofcare.questions.before_experiment import CHUNK, Lived, Settled, live, settle
from edgeofcare.questions.counterfactuals import Counterfactual

Values = npt.NDArray[Any]
BANDS = (0.05, 0.25, 0.5, 0.75, 0.95)
EXCEEDANCE_POINTS = 101
MOST_CHILDREN = 60  # of one replication, in the picture of lives


def series(world: Counterfactual, replications: int, seed: int) -> dict[str, Any]:
    """Return quantiles of what is paid, saved and earned, the bridge from gross to net, use of teams, waiting."""
    firsts = range(0, replications, CHUNK)
    with ThreadPoolExecutor(max_workers=os.cpu_count() or 1) as pool:
        parts = list(pool.map(lambda first: _settled(world, seed, first, min(CHUNK, replications - first)), firsts))
    _, done = parts[0]
    scenario, day_0 = world.scenario, world.scenario.clock.day_0

    def all_of(read: Any) -> Values:
        return np.concatenate([read(one, two) for one, two in parts])

    payments = all_of(lambda _, d: summed(d.exposed.payments, 1)) / PENCE
    net = all_of(lambda _, d: summed(d.exposed.net_saving_by_year, 1)) / PENCE
    cashable = all_of(lambda _, d: summed(d.exposed.cashable, 1)) / PENCE
    avoided = all_of(lambda _, d: summed(d.exposed.avoided, 1)) / PENCE
    other = all_of(lambda _, d: summed(d.exposed.other_costs, 1)) / PENCE
    cash = np.cumsum(all_of(lambda _, d: d.cash.investor), axis=1) / PENCE
    irr, outcome = all_of(lambda _, d: d.earned.irr), all_of(lambda _, d: d.earned.outcome)
    profit = all_of(lambda _, d: d.earned.profit) / PENCE
    used, slots = (all_of(lambda one, _, k=k: one.counts.team[:, :, k]) for k in (0, 1))
    started, waited = (
        all_of(lambda one, _, name=name: summed(one.counts.served(name), 2)) for name in ("started", "waiting_days")
    )
    return {
        "financial_years": list(done.exposed.financial_years),
        "cumulative_gbp": {
            "payments": _bands(np.cumsum(payments, axis=1)),
            "cashable_avoided": _bands(np.cumsum(cashable, axis=1)),
            "net_saving": _bands(np.cumsum(net, axis=1)),
        },
        "investor": {
            "dates": [date_of(int(day), day_0).isoformat() for day in done.cash.days],
            "cumulative_gbp": _bands(cash),
            "irr": sorted(float(v) for v in irr[np.isfinite(irr) & (irr > -1)]),
            "irr_outcomes": {name: int((outcome == i).sum()) for i, name in enumerate(IRR_OUTCOMES)},
            "profit_gbp_quantiles": np.quantile(profit, np.linspace(0, 1, EXCEEDANCE_POINTS)).tolist(),
            "loss_prob": float((profit < 0).mean()),
        },
        "bridge_gbp": _bridge(avoided, cashable, payments, other),
        "teams": {
            name: {"slots_used_share": float(used[:, i].sum() / max(slots[:, i].sum(), 1)), "therapy": team.therapy}
            for i, (name, team) in enumerate(scenario.teams.items())
        },
        "boroughs": {
            slug: {
                "name": borough.name,
                "waiting_days": float(waited[:, i].sum() / max(started[:, i].sum(), 1)),
                "started": float(started[:, i].mean()),
            }
            for i, (slug, borough) in enumerate(scenario.boroughs.items())
        },
    }


def _settled(world: Counterfactual, seed: int, first: int, n: int) -> tuple[Lived, Settled]:
    lived = live(world, {}, seed, first, n, available_engine(None))
    return lived, settle(lived.counts, lived.plan, world.scenario, lived.costs, lived.service)


def _bands(values: Values) -> dict[str, list[float]]:
    """Return mean and quantiles over replications: (replication, step) to lists by step."""
    found = {f"p{round(100 * q)}": np.quantile(values, q, axis=0).tolist() for q in BANDS}
    return found | {"mean": values.mean(axis=0).tolist()}


def _bridge(avoided: Values, cashable: Values, payments: Values, other: Values) -> list[dict[str, Any]]:
    """Return the steps from gross avoided cost to boroughs' net saving, means: they add up exactly."""
    gross, out, paid, own = (float(v.sum(axis=1).mean()) for v in (avoided, cashable, payments, other))
    return [
        {"step": "Care cost avoided", "gbp": gross},
        {"step": "Not cashable", "gbp": out - gross},
        {"step": "Paid by boroughs", "gbp": -paid},
        {"step": "Boroughs' own costs", "gbp": -own},
        {"step": "Boroughs keep", "gbp": out - paid - own},
    ]


# ---- the mean case -------------------------------------------------------------------------------------------------


def mean_case(world: Counterfactual, replications: int, seed: int) -> dict[str, Any]:
    """Return the expected units of every term by borough and period, with prices and dates, for a workbook.

    Units are means over replications, so caps and other bends are taken of means: the difference from the simulated
    mean is shown beside it.
    """
    parts = [_settled(world, seed, first, min(CHUNK, replications - first)) for first in range(0, replications, CHUNK)]
    lived, done = parts[0]
    scenario, plan = world.scenario, lived.plan
    periods, contract, day_0 = plan.outcome_periods, scenario.contract, scenario.clock.day_0

    def mean(read: Any) -> list[Any]:
        total = np.sum([np.asarray(read(one), dtype=np.float64).sum(axis=0) for one in parts], axis=0)
        return list(np.asarray(total / replications).tolist())

    terms = []
    for term in contract.terms:
        row: dict[str, Any] = {"pays": term.pays, **term.model_dump(mode="json", exclude={"pays", "tracking"})}
        row |= {name: mean(lambda p, m=name, t=term: _lived(t, p[0], scenario).of(m)) for name in term.counted}
        row["due_gbp"] = mean(lambda p, t=term: formula(t, _lived(t, p[0], scenario)) / PENCE)
        row["settles"] = settlement_periods(periods).tolist()
        terms.append(row)
    days = lived.service.days.tolist()
    return {
        "scenario": scenario.name,
        "replications": replications,
        "seed": seed,
        "boroughs": {slug: borough.name for slug, borough in scenario.boroughs.items()},
        "periods": {
            "first_dates": [when.isoformat() for when in periods.first_dates()],
            "financial_years": periods.financial_years(),
            "payment_dates": [date_of(int(day), day_0).isoformat() for day in done.paid.days],
        },
        "terms": terms,
        "contract": contract.model_dump(mode="json", exclude={"terms"}),
        "capital": scenario.capital.model_dump(mode="json"),
        "delivery_end": scenario.clock.delivery_end.isoformat(),
        "service": {
            "dates": [date_of(int(day), day_0).isoformat() for day in days],
            "due_gbp": mean(lambda p: p[0].service.due / PENCE),
            "kinds": dict(zip(lived.service.kinds, (lived.service.fixed / PENCE).tolist(), strict=True)),
        },
        "avoided_gbp": {
            name: mean(lambda p, m=name: getattr(p[0].costs, m) / PENCE) for name in ("avoided", "cashable")
        },
        "financial_years": list(done.exposed.financial_years),
        "other_costs_gbp": mean(lambda p: p[1].exposed.other_costs / PENCE),
        "simulated": {
            "payments_gbp": mean(lambda p: summed(p[1].paid.pence, -1) / PENCE),
            "top_up_gbp": mean(lambda p: p[1].paid.top_up / PENCE),
            "received_gbp": mean(lambda p: p[1].paid.received / PENCE),
            "draws_gbp": mean(lambda p: p[1].cash.draws / PENCE),
            "distributions_gbp": mean(lambda p: p[1].cash.distributions / PENCE),
            "cash_dates": [date_of(int(day), day_0).isoformat() for day in done.cash.days],
        },
    }


def _lived(term: Term, lived: Lived, scenario: Scenario) -> Counted:
    """Return what a term's formula reads of lives with therapy."""
    return counted_for(term, scenario.contract, lived.counts, lived.plan, scenario, lived.service, "therapy")


# ---- lives ---------------------------------------------------------------------------------------------------------


def lives(world: Counterfactual, seed: int, replication: int = 0) -> dict[str, Any]:
    """Return the lives of those who start in one replication: where each is, from when, without and with therapy."""
    plan = make_plan(world.scenario, world.entry_scale_days, world.hazard_ratio)
    _, events = trace_with(available_engine(None))(plan, seed, replication, 1)
    trace = Trace([events])
    children: dict[tuple[int, int], dict[str, Any]] = {}
    for _, arm, borough, number, code, day, detail in trace.table.tolist():
        name = EVENTS[code]
        child = children.setdefault((borough, number), {"arms": {arm_name: [] for arm_name in ARMS}})
        if name == "referred":
            child |= {"borough": plan.borough_slugs[borough], "referred": day, "birthday_18": detail}
        elif name in ("started", "completed", "dropped_out"):
            child["stopped" if name != "started" else "started"] = day
            child["completed"] = name == "completed"
        elif name in ("placed", "home"):
            child["arms"][ARMS[arm]].append({"day": day, "place": PLACEMENTS[detail] if name == "placed" else "home"})
    starters = [child for child in children.values() if "started" in child]
    starters.sort(key=lambda child: child["started"])
    return {"replication": replication, "n_starters": len(starters), "children": _thinned(starters)}


def _thinned(children: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return at most so many children, evenly through the order of starts, so that a picture stays readable."""
    if len(children) <= MOST_CHILDREN:
        return list(children)
    at = np.linspace(0, len(children) - 1, MOST_CHILDREN).astype(int)
    return [children[i] for i in at]
