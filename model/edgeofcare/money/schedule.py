"""What is known before money moves: the order of actions, the dates, what is due, needed and kept on each.

In: service costs, payments, plan, scenario. Out: `Schedule`. Must not know: children, boroughs, returns, files. Axes
stand in the order replication, date.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import numpy.typing as npt

from edgeofcare.calendar import (
    DAYS_PER_YEAR,
    MEAN_DAYS_PER_MONTH,
    Periods,
    date_of,
    periods_between,
)
from edgeofcare.engine.plan import Plan, last_start, term_track
from edgeofcare.inputs.contract import Capital, Step, Tranche, Verb
from edgeofcare.inputs.schema import Scenario
from edgeofcare.inputs.terms.base import UnitTerm
from edgeofcare.inputs.waterfall import CASH, GUARANTOR, INVESTOR, PAYERS, SERVICE
from edgeofcare.money.costs import ServiceCosts
from edgeofcare.money.payments import Payments
from edgeofcare.money.pence import Floats, Ints, Pence, allowed_under, summed, to_pence

NO_COST_DUE = np.iinfo(np.int64).max // 2
SENIORITY = ("senior", "capital_protected", "junior")
LAST = ("first_loss", "equity")
INTEREST: Verb = "accrue_and_pay_interest"

Booleans = npt.NDArray[np.bool_]


@dataclass(frozen=True)
class Schedule:
    """What is known before money moves.

    steps: the actions in order. tranches: by name. days: (date,). receipts: (replication, date), pence. bills: what
    falls due by position of the action (pay_cost, pay_fee), (replication, date); nothing from the day on which a
    contract ended early. lowest: (replication, date), on the first day of a period the lowest that cash would come to
    after a bill of that period, less cash at its start (NO_COST_DUE without one and on other days). needed:
    (replication, date), minimum cash and the larger of all bills from after the date to the end of the next period and
    the reserve, nil on the last date. kept: the same where cash is distributed, else NO_COST_DUE, so that nothing is
    free. settles: (date,), days of payments and the last. interest: share of its debt that a tranche is charged for the
    time since the date before, (replication or 1, date). hurdles: by position of a carry, what a pound becomes at its
    hurdle since the date before, (date,). caller: the tranche that pays beyond its commitment, and the position of its
    draw; none where the provider waits.
    """

    steps: tuple[Step, ...]
    tranches: dict[str, Tranche]
    days: Ints
    receipts: Pence
    bills: dict[int, Pence]
    lowest: Pence
    needed: Pence
    kept: Pence
    settles: Booleans
    interest: dict[str, Floats]
    hurdles: dict[int, Floats]
    minimum_cash: int
    caller: tuple[int, str] | None


def tranches_of(capital: Capital) -> dict[str, Tranche]:
    """Return the tranches by name; one investor is one tranche of equity."""
    if capital.tranches:
        return dict(capital.tranches)
    # Not checked: one investor may have a commitment of nil, which a tranche must not.
    return {INVESTOR: Tranche.model_construct(kind="equity", commitment_gbp=capital.commitment_gbp or 0)}


def steps_of(capital: Capital) -> tuple[Step, ...]:
    """Return the waterfall as written, or the usual order.

    The usual order: draw from each tranche as written; receive; pay costs; interest, then principal, to senior, then
    capital-protected, then junior tranches; the guarantor's part; the residual to first-loss and equity tranches by
    their commitments, or without these to the most junior of the others. Grants get nothing.
    """
    if capital.waterfall:
        return capital.waterfall
    tranches = tranches_of(capital)
    lent = [name for kind in SENIORITY for name, tranche in tranches.items() if tranche.kind == kind]
    last = LAST if any(tranche.kind in LAST for tranche in tranches.values()) else (tranches[lent[-1]].kind,)
    residual = {name: tranche.commitment_gbp for name, tranche in tranches.items() if tranche.kind in last}
    protected = [name for name in lent if tranches[name].protected_share]
    return (
        *(Step(do="draw", source=name, payee=CASH) for name in tranches),
        Step(do="receive", source=PAYERS, payee=CASH),
        Step(do="pay_cost", source=CASH, payee=SERVICE),
        *(Step(do=INTEREST, source=CASH, payee=name) for name in lent),
        *(Step(do="repay", source=CASH, payee=name) for name in lent),
        *(Step(do="protect", source=GUARANTOR, payee=name) for name in protected),
        Step(do="split_residual", source=CASH, payee=_in_shares(residual)),
    )


def _in_shares(weights: Mapping[str, float]) -> str | dict[str, float]:
    total = sum(weights.values())
    return {name: w / total for name, w in weights.items()} if len(weights) > 1 else next(iter(weights))


def make_schedule(costs: ServiceCosts, paid: Payments, plan: Plan, scenario: Scenario) -> Schedule:
    """Return the dates on which money can move, and what is due, needed and kept on each.

    Dates: first days of periods, days of costs, days of payments. From the last of these on which anything can still
    fall due, all cash is released. Cash is distributed on days of payments once delivery, or the contract, has ended
    (or from day one).
    """
    terms, steps = scenario.capital, steps_of(scenario.capital)
    pays = paid.days[: _n_paying(paid, plan, scenario)]
    fees_end = [plan.outcomes_end - 1] if any(step.do == "pay_fee" for step in steps) else []
    periods = _periods_of_money(np.concatenate([costs.days, pays, fees_end]), scenario)
    days = np.unique(np.concatenate([periods.edges[:-1], costs.days, pays]).astype(np.int64))
    receipts = _on(days, pays, paid.received[:, : len(pays)])
    fees = {n: _fee(step, days, periods, plan.outcomes_end) for n, step in enumerate(steps) if step.do == "pay_fee"}
    cost = {n: _on(days, costs.days, costs.due) for n, step in enumerate(steps) if step.do == "pay_cost"}
    bills = {n: _until(paid.ends, days, pence) for n, pence in (cost | fees).items()}
    out = np.asarray(sum(bills.values()))
    minimum, last, settles = to_pence(terms.minimum_cash_gbp), days == days[-1], np.isin(days, pays)
    run_off = np.minimum(plan.delivery_end, paid.ends)[:, None]
    fixed = sum(fees.values(), _on(days, costs.days, summed(costs.fixed, 0)[None]))
    reserve = _reserve(terms, _until(paid.ends, days, fixed), days, run_off)
    needed = np.where(last, 0, minimum + np.maximum(_coming(out, days, periods), reserve))
    opens = run_off if terms.distribute == "after_delivery" else days[:1]
    return Schedule(
        steps=steps,
        tranches=tranches_of(terms),
        days=days,
        receipts=receipts,
        bills=bills,
        lowest=_lowest(out, receipts, np.searchsorted(days, periods.edges)),
        needed=needed,
        kept=np.where((settles & (days >= opens)) | last, needed, NO_COST_DUE),
        settles=settles | last,
        interest=_interest(terms, paid, days),
        hurdles=_hurdles(steps, days),
        minimum_cash=minimum,
        caller=_caller(terms, steps),
    )


def _n_paying(paid: Payments, plan: Plan, scenario: Scenario) -> int:
    """Return the number of periods to the last in which the contract can pay for anything.

    Known of terms that pay unit by unit in the period of a start, a completion or an outcome inside a window; with any
    other all periods of the contract count.
    """
    contract, n = scenario.contract, len(paid.days)
    if contract.floor_gbp is not None or contract.standstill or contract.termination:
        return n
    if not all(isinstance(term, UnitTerm) for term in contract.terms):
        return n
    last = plan.delivery_end
    for term in contract.terms:
        if track := term_track(term, contract, scenario):
            last = max(last, min(track.end_day, last_start(scenario) + track.delay_days + track.days) - 1)
    # Real children may start later than simulated ones can: what is paid is never left out.
    paying = np.flatnonzero(paid.received.any(axis=0))
    return int(min(max(plan.periods.index(last), paying.max(initial=0)) + 1, n))


def _caller(terms: Capital, steps: tuple[Step, ...]) -> tuple[int, str] | None:
    """Return the last draw from a repayable tranche, and that tranche, where it pays beyond its commitment."""
    if terms.when_short == "arrears":
        return None
    tranches = tranches_of(terms)
    draws = [(n, step.source) for n, step in enumerate(steps) if step.do == "draw"]
    return next((n, name) for n, name in reversed(draws) if tranches[name].kind != "grant")


def _reserve(terms: Capital, fixed: Pence, days: Ints, run_off: Ints) -> Pence:
    """Return the fixed costs and fees to come that are held back: (replication, date).

    Those of so many months after the date; without a number of months all, from the end of delivery (or of the
    contract) on. fixed: (replication or 1, date); run_off: (replication, 1), first day.
    """
    running = np.concatenate([np.zeros((len(fixed), 1), dtype=np.int64), np.cumsum(fixed, axis=1)], axis=1)
    if terms.reserve_months is None:
        return np.where(days >= run_off, running[:, -1:] - running[:, 1:], 0)
    until = np.searchsorted(days, days + terms.reserve_months * MEAN_DAYS_PER_MONTH, side="right")
    return np.asarray(running[:, until] - running[:, 1:])


def _hurdles(steps: tuple[Step, ...], days: Ints) -> dict[int, Floats]:
    """Return what a pound becomes at each hurdle since the date before: (1 + hurdle)^(days / 365), (date,)."""
    years = np.diff(days, prepend=days[0]) / DAYS_PER_YEAR
    return {n: (1 + (step.hurdle_per_year or 0)) ** years for n, step in enumerate(steps) if step.do == "carry"}


def _until(ends: Ints, days: Ints, pence: Pence) -> Pence:
    """Return amounts, nil from the day on which the contract ended early: (replication, date)."""
    return np.where(days >= ends[:, None], 0, pence) if (ends <= days[-1]).any() else pence


def _fee(step: Step, days: Ints, periods: Periods, until: int) -> Pence:
    """Return a fee on the first day of each period, for its days from day 0 to the end of outcomes, actual/365:
    (1, date)."""
    rate, due = to_pence(step.gbp_per_year or 0), np.zeros((1, len(days)), dtype=np.int64)
    for start, end in pairwise(periods.edges):
        n_days = max(min(end, until) - max(start, 0), 0)
        if n_days:
            due[:, np.searchsorted(days, start)] = round(rate * n_days / DAYS_PER_YEAR)
    # Cut here, so that nothing is drawn for a fee beyond its limit.
    return due if step.limit_gbp is None else allowed_under(to_pence(step.limit_gbp), due)


def _interest(terms: Capital, paid: Payments, days: Ints) -> dict[str, Floats]:
    """Return the share of its debt that each tranche is charged for the time since the date before, actual/365.

    By the ladder: the rate that was paid out last before the date, at least the coupon.
    """
    years = np.diff(days, prepend=days[0]) / DAYS_PER_YEAR
    at = np.searchsorted(paid.days, days) - 1
    in_force = np.where(at >= 0, paid.ladder_rate[:, at], np.nan)
    tranches, shares = tranches_of(terms), {}
    for name in (str(step.payee) for step in steps_of(terms) if step.do == INTEREST):
        coupon = tranches[name].coupon_per_year
        if coupon or tranches[name].coupon_from_ladder:
            rates = np.fmax(in_force, coupon) if tranches[name].coupon_from_ladder else np.full((1, len(days)), coupon)
            shares[name] = rates * years
    return shares


def _periods_of_money(days: Ints, scenario: Scenario) -> Periods:
    """Return the calendar periods from the first to the last day on which money can move."""
    day_0 = scenario.clock.day_0
    return periods_between(
        date_of(int(days.min()), day_0), date_of(int(days.max()), day_0), day_0, scenario.clock.period
    )


def _on(days: Ints, at: Ints, pence: Pence) -> Pence:
    """Place (replication, column) on the days to which the columns belong: (replication, date)."""
    placed = np.zeros((len(pence), len(days)), dtype=np.int64)
    placed[:, np.searchsorted(days, at)] = pence
    return placed


def _lowest(due: Pence, receipts: Pence, first: Ints) -> Pence:
    """Return the lowest cash after what is due in each period, on the period's first date; first: (period + 1,)."""
    lowest = np.full(due.shape, NO_COST_DUE, dtype=np.int64)
    for start, end in pairwise(first.tolist()):
        path = np.cumsum(receipts[:, start:end] - due[:, start:end], axis=1)
        lowest[:, start] = np.where(due[:, start:end] > 0, path, NO_COST_DUE).min(axis=1)
    return lowest


def _coming(due: Pence, days: Ints, periods: Periods) -> Pence:
    """Return what is due from after each date to the end of the next period: (replication, date)."""
    running = np.concatenate([np.zeros((len(due), 1), dtype=np.int64), np.cumsum(due, axis=1)], axis=1)
    ends = [periods.edges[min(periods.index(int(day)) + 2, len(periods))] for day in days]
    return np.asarray(running[:, np.searchsorted(days, ends)] - running[:, 1:])
