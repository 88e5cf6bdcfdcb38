"""The investor's money: drawn when cash runs low, paid back by an ordered list of actions, and what it earned.

In: service costs, payments, plan, scenario. Out: `Cashflows` and `Returns`. Must not know: children, boroughs, files.
Axes stand in the order replication, date.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import Literal

import numpy as np
import numpy.typing as npt

from edgeofcare.calendar import DAYS_PER_YEAR, Periods, date_of, periods_between
from edgeofcare.engine.plan import Plan
from edgeofcare.errors import IdentityError
from edgeofcare.inputs.contract import Capital
from edgeofcare.inputs.schema import Scenario
from edgeofcare.money.costs import ServiceCosts
from edgeofcare.money.irr import IRR_OUTCOMES, NONE, NOT_NEEDED, Outcomes, internal_rate, internal_rates
from edgeofcare.money.payments import Payments
from edgeofcare.money.pence import Floats, Ints, Pence, summed, to_pence

NO_COST_DUE = np.iinfo(np.int64).max // 2


Verb = Literal["draw", "receive", "pay_cost", "distribute"]


@dataclass(frozen=True)
class Action:
    """One step of the waterfall: what to do, from which account, to whom."""

    do: Verb
    source: str
    payee: str


# Read from top to bottom on every date.
WATERFALL = (
    Action("draw", "investor", "cash"),
    Action("receive", "payers", "cash"),
    Action("pay_cost", "cash", "service"),
    Action("distribute", "cash", "investor"),
)


@dataclass(frozen=True)
class Schedule:
    """What is known before money moves.

    days: (date,). due, receipts: (replication, date), pence. lowest: (replication, date), on the first day of a period
    the lowest that cash would come to after a cost of that period, less cash at its start (NO_COST_DUE without cost
    and on other days). reserve: (replication, date), minimum cash and the costs from after the date to the end of the
    next period, nil on the last date. distributes: (date,), whether cash is distributed.
    """

    days: Ints
    due: Pence
    receipts: Pence
    lowest: Pence
    reserve: Pence
    distributes: npt.NDArray[np.bool_]
    minimum_cash: int
    commitment: int


@dataclass(frozen=True)
class Cashflows:
    """How money moved, pence, each (replication, date): balances are those after the date's movements.

    days: (date,). draws from and distributions to the investor, receipts from payers, costs paid, costs unpaid because
    the commitment had run out.
    """

    days: Ints
    draws: Pence
    receipts: Pence
    costs: Pence
    unpaid: Pence
    distributions: Pence
    balance: Pence

    @property
    def investor(self) -> Pence:
        """Return the investor's net flows: (replication, date)."""
        return self.distributions - self.draws

    @property
    def peak_funding(self) -> Pence:
        """Return the most that the investor had in at once, draws less distributions to date: (replication,)."""
        return np.asarray(-np.cumsum(self.investor, axis=1).min(axis=1, initial=0))

    @property
    def ran_out(self) -> npt.NDArray[np.bool_]:
        """Return whether a cost stayed unpaid: (replication,)."""
        return np.asarray(self.unpaid.any(axis=1))


def capital(costs: ServiceCosts, paid: Payments, plan: Plan, scenario: Scenario) -> Cashflows:
    """Return how money moves: the waterfall's actions, in order, on every date."""
    schedule = make_schedule(costs, paid, plan, scenario)
    shape = schedule.due.shape
    accounts: dict[str, Pence] = {name: np.zeros(shape[0], dtype=np.int64) for a in WATERFALL for name in _ends(a)}
    moved: dict[Verb, Pence] = {action.do: np.zeros(shape, dtype=np.int64) for action in WATERFALL}
    balance = np.zeros(shape, dtype=np.int64)
    for date in range(shape[1]):
        for action in WATERFALL:
            amount = _amount(action, date, schedule, accounts, moved)
            accounts[action.source] -= amount
            accounts[action.payee] += amount
            moved[action.do][:, date] = amount
        balance[:, date] = accounts["cash"]
    return Cashflows(
        days=schedule.days,
        draws=moved["draw"],
        receipts=moved["receive"],
        costs=moved["pay_cost"],
        unpaid=schedule.due - moved["pay_cost"],
        distributions=moved["distribute"],
        balance=balance,
    )


def _ends(action: Action) -> tuple[str, str]:
    return action.source, action.payee


def _amount(
    action: Action, date: int, schedule: Schedule, accounts: dict[str, Pence], moved: dict[Verb, Pence]
) -> Pence:
    """Return how much an action moves on a date: (replication,), 0 or more."""
    match action.do:
        case "draw":
            needed = schedule.minimum_cash - accounts[action.payee] - schedule.lowest[:, date]
            left = schedule.commitment - summed(moved["draw"], 1)
            return np.asarray(np.clip(needed, 0, left))
        case "receive":
            return schedule.receipts[:, date]
        case "pay_cost":
            return np.minimum(schedule.due[:, date], accounts[action.source])
        case "distribute":
            above = np.maximum(accounts[action.source] - schedule.reserve[:, date], 0)
            return above if schedule.distributes[date] else np.zeros_like(above)


def make_schedule(costs: ServiceCosts, paid: Payments, plan: Plan, scenario: Scenario) -> Schedule:
    """Return the dates on which money can move, and what is due and reserved on each.

    Dates: first days of periods, days of costs, days of payments. From the last of these on, all cash is released.
    """
    terms: Capital = scenario.capital
    periods = _periods_of_money(costs.days, paid.days, scenario)
    days = np.unique(np.concatenate([periods.edges[:-1], costs.days, paid.days]).astype(np.int64))
    due = _on(days, costs.days, costs.due)
    receipts = _on(days, paid.days, paid.received)
    first = np.searchsorted(days, periods.edges)
    minimum = to_pence(terms.minimum_cash_gbp)
    last = days == days[-1]
    opens = plan.delivery_end if terms.distribute == "after_delivery" else days[0]
    return Schedule(
        days=days,
        due=due,
        receipts=receipts,
        lowest=_lowest(due, receipts, first),
        reserve=np.where(last, 0, minimum + _coming(due, days, periods)),
        distributes=np.isin(days, paid.days) & (days >= opens) | last,
        minimum_cash=minimum,
        commitment=to_pence(terms.commitment_gbp),
    )


def _periods_of_money(cost_days: Ints, payment_days: Ints, scenario: Scenario) -> Periods:
    """Return the calendar periods from the first to the last day on which money can move."""
    day_0, days = scenario.clock.day_0, np.concatenate([cost_days, payment_days])
    return periods_between(
        date_of(int(days.min()), day_0), date_of(int(days.max()), day_0), day_0, scenario.clock.period
    )


def _on(days: Ints, at: Ints, pence: Pence) -> Pence:
    """Place (replication, column) on the days to which the columns belong: (replication, date)."""
    placed = np.zeros((len(pence), len(days)), dtype=np.int64)
    placed[:, np.searchsorted(days, at)] = pence
    return placed


def _lowest(due: Pence, receipts: Pence, first: Ints) -> Pence:
    """Return the lowest cash after a cost of each period, on the period's first date; first: (period + 1,)."""
    lowest = np.full(due.shape, NO_COST_DUE, dtype=np.int64)
    for start, end in pairwise(first.tolist()):
        path = np.cumsum(receipts[:, start:end] - due[:, start:end], axis=1)
        lowest[:, start] = np.where(due[:, start:end] > 0, path, NO_COST_DUE).min(axis=1)
    return lowest


def _coming(due: Pence, days: Ints, periods: Periods) -> Pence:
    """Return the costs from after each date to the end of the next period: (replication, date)."""
    running = np.concatenate([np.zeros((len(due), 1), dtype=np.int64), np.cumsum(due, axis=1)], axis=1)
    ends = [periods.edges[min(periods.index(int(day)) + 2, len(periods))] for day in days]
    return np.asarray(running[:, np.searchsorted(days, ends)] - running[:, 1:])


def check_balances(cash: Cashflows) -> None:
    """Raise IdentityError unless opening + in = out + closing on every date, and all cash is released at the end."""
    opening = np.concatenate([np.zeros((len(cash.balance), 1), dtype=np.int64), cash.balance[:, :-1]], axis=1)
    if (opening + cash.draws + cash.receipts != cash.costs + cash.distributions + cash.balance).any():
        raise IdentityError("cash does not balance: opening + in is not out + closing")
    if (cash.balance < 0).any() or cash.balance[:, -1].any():
        raise IdentityError("cash is below nil, or is not all released at the end")


@dataclass(frozen=True)
class Returns:
    """What the investor earned, each (replication,) unless said.

    irr: rate a year, nan without exactly one (a total loss is -1); outcome: position in IRR_OUTCOMES; money_multiple:
    distributions / draws, nan without draws; profit, peak_funding: pence; payback_years: years of 365 days from the
    first draw until distributions have caught up with draws for good, nan if never. days, flows: (date,), the
    investor's net flows summed over replications.
    """

    irr: Floats
    outcome: Outcomes
    money_multiple: Floats
    profit: Pence
    peak_funding: Pence
    payback_years: Floats
    days: Ints
    flows: Pence

    @property
    def irr_outcomes(self) -> dict[str, int]:
        """Return how many replications had each outcome."""
        return {name: int((self.outcome == i).sum()) for i, name in enumerate(IRR_OUTCOMES)}

    @property
    def irr_of_expected_flows(self) -> float | None:
        """Return the rate of the flows summed over replications; None without exactly one."""
        return internal_rate(self.flows, self.days)


def returns(cash: Cashflows) -> Returns:
    """Return what the investor earned: dates actual/365, nothing drawn counted as not needed."""
    drawn, back, flows = summed(cash.draws, 1), summed(cash.distributions, 1), cash.investor
    irr, outcome = internal_rates(flows, cash.days)
    return Returns(
        irr=irr,
        outcome=np.where(drawn == 0, NOT_NEEDED, np.where(outcome == NOT_NEEDED, NONE, outcome)),
        money_multiple=np.where(drawn > 0, back / np.maximum(drawn, 1), np.nan),
        profit=back - drawn,
        peak_funding=cash.peak_funding,
        payback_years=_payback_years(cash),
        days=cash.days,
        flows=summed(flows, 0),
    )


def _payback_years(cash: Cashflows) -> Floats:
    """Return years from the first draw to the first date after which distributions never again trail draws."""
    behind = np.cumsum(cash.investor, axis=1) < 0
    n_dates = behind.shape[1]
    after_last = n_dates - np.argmax(behind[:, ::-1], axis=1)
    paid_back = behind.any(axis=1) & (after_last < n_dates)
    first = np.argmax(cash.draws > 0, axis=1)
    years = (cash.days[np.minimum(after_last, n_dates - 1)] - cash.days[first]) / DAYS_PER_YEAR
    return np.where(paid_back, years, np.nan)
