"""Numbers behind the pictures of a business case, and the mean case behind its workbook.

In: a scenario. Out: plain tables that can be written as JSON. Must not know: pictures, files.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from edgeofcare.calendar import date_of
from edgeofcare.engine.counts import ARMS, EVENTS, Trace
from edgeofcare.engine.observe import trace_with
from edgeofcare.experiment import OWN, Case, all_of, available_engine, experiment, read, simulate_all
from edgeofcare.inputs.schema import PLACEMENTS, Scenario
from edgeofcare.inputs.terms.base import Term
from edgeofcare.money.irr import IRR_OUTCOMES
from edgeofcare.money.pence import summed
from edgeofcare.money.terms import Counted, counted_for, formula, settlement_periods
from edgeofcare.outcomes import PENCE, Rows, Settlement, quantiles

Values = npt.NDArray[Any]
BANDS = (0.05, 0.25, 0.5, 0.75, 0.95)
EXCEEDANCE_POINTS = 101
MOST_CHILDREN = 60  # of one replication, in the picture of lives
SERIES_COLUMNS = (
    *("payments_by_year_gbp", "cashable_by_year_gbp", "net_saving_by_year_gbp", "avoided_gbp", "cashable_gbp"),
    *("payments_gbp", "other_costs_gbp", "flows", "irr", "irr_outcome", "profit_gbp", "slot_days_used", "slot_days"),
    *("started", "waiting_days"),
)


@dataclass(frozen=True)
class Bands:
    """Quantiles and mean over replications, by step."""

    p5: list[float]
    p25: list[float]
    p50: list[float]
    p75: list[float]
    p95: list[float]
    mean: list[float]


@dataclass(frozen=True)
class Cumulative:
    """What boroughs pay and save from the first year on, GBP, by financial year."""

    payments: Bands
    cashable_avoided: Bands
    net_saving: Bands


@dataclass(frozen=True)
class InvestorSeries:
    """Investors' flows to date, GBP, by date; rates and profits of simulated contracts."""

    dates: list[str]
    cumulative_gbp: Bands
    irr: list[float]
    irr_outcomes: dict[str, int]
    profit_gbp_quantiles: list[float]
    loss_prob: float


@dataclass(frozen=True)
class BridgeStep:
    """One step from gross avoided cost to the boroughs' net saving, GBP."""

    step: str
    gbp: float


@dataclass(frozen=True)
class TeamUse:
    """How much of a team's places is used."""

    slots_used_share: float
    therapy: str


@dataclass(frozen=True)
class BoroughStarts:
    """How long those who start wait, and how many start, in one borough."""

    name: str
    waiting_days: float
    started: float


@dataclass(frozen=True)
class Series:
    """The numbers behind the pictures of a business case."""

    financial_years: list[str]
    cumulative_gbp: Cumulative
    investor: InvestorSeries
    bridge_gbp: list[BridgeStep]
    teams: dict[str, TeamUse]
    boroughs: dict[str, BoroughStarts]


def series(case: Case, replications: int, seed: int) -> Series:
    """Return quantiles of what is paid, saved and earned, the bridge from gross to net, use of teams, waiting."""
    rows = experiment({OWN: case}, seed, replications, SERIES_COLUMNS)[OWN, OWN]
    scenario, day_0 = case.scenario, case.scenario.clock.day_0
    by_year = {name: rows[f"{name}_by_year_gbp"].sum(axis=1) for name in ("payments", "cashable", "net_saving")}
    irr, profit = rows.at("irr"), rows.at("profit_gbp")
    outcomes = np.bincount(rows.at("irr_outcome").astype(int), minlength=len(IRR_OUTCOMES))
    return Series(
        financial_years=list(rows.labels["year"]),
        cumulative_gbp=Cumulative(*(_bands(np.cumsum(values, axis=1)) for values in by_year.values())),
        investor=InvestorSeries(
            dates=[date_of(day, day_0).isoformat() for day in rows.labels["date"]],
            cumulative_gbp=_bands(np.cumsum(rows.columns["flows"], axis=1) / PENCE),
            irr=sorted(float(v) for v in irr[np.isfinite(irr) & (irr > -1)]),
            irr_outcomes=dict(zip(IRR_OUTCOMES, outcomes.tolist(), strict=True)),
            profit_gbp_quantiles=quantiles(profit, np.linspace(0, 1, EXCEEDANCE_POINTS)),
            loss_prob=rows.prob(profit < 0),
        ),
        bridge_gbp=_bridge(rows),
        teams={name: _team(rows, name, team.therapy) for name, team in scenario.teams.items()},
        boroughs={slug: _borough(rows, slug, borough.name) for slug, borough in scenario.boroughs.items()},
    )


def _team(rows: Rows, name: str, therapy: str) -> TeamUse:
    used, places = (rows.at(column, team=name).sum() for column in ("slot_days_used", "slot_days"))
    return TeamUse(float(used / max(places, 1)), therapy)


def _borough(rows: Rows, slug: str, name: str) -> BoroughStarts:
    days, started = (rows.at(column, borough=slug) for column in ("waiting_days", "started"))
    return BoroughStarts(name, float(days.sum() / max(started.sum(), 1)), float(started.mean()))


def _bands(values: Values) -> Bands:
    """Return mean and quantiles over replications: (replication, step) to lists by step."""
    p5, p25, p50, p75, p95 = np.quantile(values, BANDS, axis=0).tolist()
    return Bands(p5, p25, p50, p75, p95, values.mean(axis=0).tolist())


def _bridge(rows: Rows) -> list[BridgeStep]:
    """Return the steps from gross avoided cost to boroughs' net saving, means: they add up exactly."""
    names = ("avoided_gbp", "cashable_gbp", "payments_gbp", "other_costs_gbp")
    gross, cashable, paid, own = (float(rows.at(name).mean()) for name in names)
    return [
        BridgeStep("Care cost avoided", gross),
        BridgeStep("Not cashable", cashable - gross),
        BridgeStep("Paid by boroughs", -paid),
        BridgeStep("Boroughs' own costs", -own),
        BridgeStep("Boroughs' net saving", cashable - paid - own),
    ]


# ---- the mean case -------------------------------------------------------------------------------------------------


def mean_case(case: Case, replications: int, seed: int) -> dict[str, Any]:
    """Return the expected units of every term by borough and period, with prices and dates, for a workbook.

    Units are means over replications, so caps and other bends are taken of means: the difference from the simulated
    mean is shown beside it.
    """
    parts = all_of(lambda lives: read(lives, lambda settlement: settlement), simulate_all(case, seed, replications))
    first, scenario = parts[0], case.scenario
    plan = first.plan
    periods, contract, day_0 = plan.outcome_periods, scenario.contract, scenario.clock.day_0

    def mean(of: Any) -> list[Any]:
        total = np.sum([np.asarray(of(one), dtype=np.float64).sum(axis=0) for one in parts], axis=0)
        return list(np.asarray(total / replications).tolist())

    terms = []
    for term in contract.terms:
        row: dict[str, Any] = {"pays": term.pays, **term.model_dump(mode="json", exclude={"pays", "tracking"})}
        row |= {name: mean(lambda p, m=name, t=term: _lived(t, p, scenario).of(m)) for name in term.counted}
        row["due_gbp"] = mean(lambda p, t=term: formula(t, _lived(t, p, scenario)) / PENCE)
        row["settles"] = settlement_periods(periods).tolist()
        terms.append(row)
    days = first.service.days.tolist()
    return {
        "scenario": scenario.name,
        "replications": replications,
        "seed": seed,
        "boroughs": {slug: borough.name for slug, borough in scenario.boroughs.items()},
        "periods": {
            "first_dates": [when.isoformat() for when in periods.first_dates()],
            "financial_years": periods.financial_years(),
            "payment_dates": [date_of(int(day), day_0).isoformat() for day in first.paid.days],
        },
        "terms": terms,
        "contract": contract.model_dump(mode="json", exclude={"terms"}),
        "capital": scenario.capital.model_dump(mode="json"),
        "delivery_end": scenario.clock.delivery_end.isoformat(),
        "service": {
            "dates": [date_of(int(day), day_0).isoformat() for day in days],
            "due_gbp": mean(lambda p: p.service.due / PENCE),
            "kinds": dict(zip(first.service.kinds, (first.service.fixed / PENCE).tolist(), strict=True)),
        },
        "avoided_gbp": {name: mean(lambda p, m=name: getattr(p.costs, m) / PENCE) for name in ("avoided", "cashable")},
        "financial_years": list(first.exposed.financial_years),
        "other_costs_gbp": mean(lambda p: p.exposed.other_costs / PENCE),
        "simulated": {
            "payments_gbp": mean(lambda p: summed(p.paid.pence, -1) / PENCE),
            "top_up_gbp": mean(lambda p: p.paid.top_up / PENCE),
            "received_gbp": mean(lambda p: p.paid.received / PENCE),
            "draws_gbp": mean(lambda p: p.cash.draws / PENCE),
            "distributions_gbp": mean(lambda p: p.cash.distributions / PENCE),
            "cash_dates": [date_of(int(day), day_0).isoformat() for day in first.cash.days],
        },
    }


def _lived(term: Term, settlement: Settlement, scenario: Scenario) -> Counted:
    """Return what a term's formula reads of lives with therapy."""
    counts, plan, service = settlement.counts, settlement.plan, settlement.service
    return counted_for(term, scenario.contract, counts, plan, scenario, service, "therapy")


# ---- lives ---------------------------------------------------------------------------------------------------------


def lives(case: Case, seed: int, replication: int = 0) -> dict[str, Any]:
    """Return the lives of those who start in one replication: where each is, from when, without and with therapy."""
    plan = case.plan()
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
