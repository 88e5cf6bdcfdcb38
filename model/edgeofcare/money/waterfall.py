"""The waterfall: an ordered list of actions, read from top to bottom on every date on which money can move.

In: service costs, payments, plan, scenario. Out: `Schedule`, and what each action moved. Must not know: children,
boroughs, returns, files. Axes stand in the order replication, date.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import numpy.typing as npt

from edgeofcare.calendar import DAYS_PER_YEAR, Periods, date_of, periods_between
from edgeofcare.engine.plan import Plan
from edgeofcare.inputs.contract import Capital, Step, Tranche, Verb
from edgeofcare.inputs.schema import Scenario
from edgeofcare.inputs.waterfall import CASH, GUARANTOR, INVESTOR, PAYERS, SERVICE
from edgeofcare.money.costs import ServiceCosts
from edgeofcare.money.payments import Payments
from edgeofcare.money.pence import Floats, Ints, Pence, allowed_under, share_out, to_pence, whole

NO_COST_DUE = np.iinfo(np.int64).max // 2
SENIORITY = ("senior", "capital_protected", "junior")
LAST = ("first_loss", "equity")
INTEREST: Verb = "accrue_and_pay_interest"
RELEASE = "release"

Booleans = npt.NDArray[np.bool_]
Moved = dict[str, Pence]


@dataclass(frozen=True)
class Schedule:
    """What is known before money moves.

    steps: the actions in order. tranches: by name. days: (date,). due, receipts: (replication, date), pence; nothing is
    due from the day on which a contract ended early. lowest: (replication, date), on the first day of a period the
    lowest that cash would come to after a cost or fee of that period, less cash at its start (NO_COST_DUE without one
    and on other days). needed: (replication, date), minimum cash and the costs and fees from after the date to the end
    of the next period, nil on the last date. kept: the same where cash is distributed, else NO_COST_DUE, so that
    nothing is free. settles: (date,), days of payments and the last. fees: pence due by position of the action,
    (replication, date). interest: share of its debt that a tranche is charged for the time since the date before,
    (replication or 1, date).
    """

    steps: tuple[Step, ...]
    tranches: dict[str, Tranche]
    days: Ints
    due: Pence
    receipts: Pence
    lowest: Pence
    needed: Pence
    kept: Pence
    settles: Booleans
    fees: dict[int, Pence]
    interest: dict[str, Floats]
    minimum_cash: int


@dataclass
class Books:
    """The accounts while money moves, pence, (replication,) each; those of tranches by tranche.

    balance: by account, negative for those that gave. drawn, returned: to date. debt: what a tranche is owed, with the
    interest added to it. accrued: its interest since the last day of payment. funds: cash at the start of the date,
    and what was drawn and released into it since. moved_by: to date, by position of the action.
    """

    balance: dict[str, Pence]
    drawn: dict[str, Pence]
    returned: dict[str, Pence]
    debt: dict[str, Pence]
    accrued: dict[str, Pence]
    moved_by: list[Pence]
    funds: Pence


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


def label(do: str, source: str, payee: str) -> str:
    """Return an action's name in `moved`: "draw senior -> cash"."""
    return f"{do} {source} -> {payee}"


def ends_of(name: str) -> tuple[str, str, str]:
    """Return what an action's name in `moved` says: action, source, payee."""
    do, source, _, payee = name.split(" ")
    return do, source, payee


def run_waterfall(schedule: Schedule) -> tuple[Moved, dict[str, Pence]]:
    """Return what each action moved, by its label, and each account's balance after the date, (replication, date).

    Before the actions of a date interest accrues, and reserves give back what cash needs; on the last date everything.
    """
    shape, steps = schedule.due.shape, schedule.steps
    reserves = list(dict.fromkeys(str(step.payee) for step in steps if step.do == "reserve"))
    moved = {name: np.zeros(shape, dtype=np.int64) for name in _labels(steps, reserves)}
    books = _new_books(schedule, moved)
    balances = {name: np.zeros(shape, dtype=np.int64) for name in books.balance}
    acts = [_acts(n, step, schedule) for n, step in enumerate(steps)]
    for date in range(shape[1]):
        for name, share in schedule.interest.items():
            books.accrued[name] += whole(books.debt[name] * share[:, date])
        for name in reserves:
            _move((RELEASE, name, CASH), _given_back(name, date, schedule, books), date, books, moved)
        books.funds = books.balance[CASH].copy()
        for n, step in enumerate(steps):
            if acts[n][date]:
                amount = _limited(n, step, _amount(n, step, date, schedule, books), books)
                for payee, part in _parts(step, amount):
                    _move((step.do, step.source, payee), part, date, books, moved)
                    _note(step, payee, part, books)
        for name, balance in books.balance.items():
            balances[name][:, date] = balance
    return moved, balances


def _labels(steps: Sequence[Step], reserves: Sequence[str]) -> Iterator[str]:
    yield from (label(RELEASE, name, CASH) for name in reserves)
    for step in steps:
        yield from (label(step.do, step.source, payee) for payee in payees(step))


def _move(action: tuple[str, str, str], amount: Pence, date: int, books: Books, moved: Moved) -> None:
    _, source, payee = action
    books.balance[source] -= amount
    books.balance[payee] += amount
    moved[label(*action)][:, date] += amount


def payees(step: Step) -> tuple[str, ...]:
    """Return the accounts to which an action leads."""
    return (step.payee,) if isinstance(step.payee, str) else tuple(step.payee)


def _new_books(schedule: Schedule, moved: Moved) -> Books:
    n = len(schedule.due)

    def nil(names: Iterable[str]) -> dict[str, Pence]:
        return {name: np.zeros(n, dtype=np.int64) for name in names}

    accounts, tranches = nil(name for done in moved for name in ends_of(done)[1:]), schedule.tranches
    moved_by = [np.zeros(n, dtype=np.int64) for _ in schedule.steps]
    return Books(accounts, nil(tranches), nil(tranches), nil(tranches), nil(tranches), moved_by, accounts[CASH])


def _acts(n: int, step: Step, schedule: Schedule) -> Booleans:
    """Return the dates on which an action can move anything: (date,)."""
    match step.do:
        case "draw":
            return np.asarray((schedule.lowest < NO_COST_DUE).any(axis=0))
        case "receive":
            return np.asarray(schedule.receipts.any(axis=0))
        case "pay_cost":
            return np.asarray(schedule.due.any(axis=0))
        case "pay_fee":
            return np.asarray(schedule.fees[n].any(axis=0))
        case "accrue_and_pay_interest":
            return schedule.settles
        case "reserve":
            return np.asarray(schedule.days < schedule.days[-1])
        case "protect":
            return np.asarray(schedule.days == schedule.days[-1])
    return np.asarray((schedule.kept < NO_COST_DUE).any(axis=0))


def _amount(n: int, step: Step, date: int, schedule: Schedule, books: Books) -> Pence:
    """Return how much an action moves on a date: (replication,), 0 or more."""
    source, payee = step.source, str(step.payee)
    match step.do:
        case "draw":
            short = schedule.minimum_cash - books.funds - schedule.lowest[:, date]
            left = to_pence(schedule.tranches[source].commitment_gbp) - books.drawn[source]
            return np.asarray(np.clip(short, 0, left))
        case "receive":
            return np.asarray(schedule.receipts[:, date])
        case "pay_cost":
            return np.asarray(np.minimum(schedule.due[:, date], books.balance[source]))
        case "pay_fee":
            return np.asarray(np.minimum(schedule.fees[n][:, date], books.balance[source]))
        case "reserve":
            kept = schedule.needed[:, date] if source == CASH else 0
            return np.asarray(np.maximum(books.balance[source] - kept, 0))
        case "protect":
            protected = whole(schedule.tranches[payee].protected_share * books.drawn[payee])
            return np.asarray(np.maximum(protected - books.returned[payee], 0))
    free: Pence = np.maximum(books.balance[source] - schedule.kept[:, date], 0)
    match step.do:
        case "accrue_and_pay_interest":
            return np.minimum(books.accrued[payee], free)
        case "repay":
            return np.minimum(books.debt[payee], free)
    return free


def _limited(n: int, step: Step, amount: Pence, books: Books) -> Pence:
    """Return an amount under the action's own limit: in total, or for a reserve on what it holds."""
    if step.limit_gbp is None:
        return amount
    so_far = books.balance[str(step.payee)] if step.do == "reserve" else books.moved_by[n]
    amount = np.minimum(amount, to_pence(step.limit_gbp) - so_far)
    books.moved_by[n] += amount
    return amount


def _parts(step: Step, amount: Pence) -> Iterator[tuple[str, Pence]]:
    """Give each payee with its part, odd pennies by largest remainder."""
    if isinstance(step.payee, str):
        yield step.payee, amount
    else:
        parts = share_out(amount, np.array(list(step.payee.values())))
        yield from zip(step.payee, parts.T, strict=True)


def _note(step: Step, payee: str, amount: Pence, books: Books) -> None:
    """Keep a tranche's own account of what it gave and got; interest that was not paid is added to its debt."""
    if step.do == "draw":
        books.drawn[step.source] += amount
        books.debt[step.source] += amount
        books.funds += amount
    elif payee in books.returned:
        books.returned[payee] += amount
        if step.do == INTEREST:
            books.debt[payee] += books.accrued[payee] - amount
            books.accrued[payee][:] = 0
        else:
            books.debt[payee] = np.maximum(books.debt[payee] - amount, 0)


def _given_back(name: str, date: int, schedule: Schedule, books: Books) -> Pence:
    """Return what a reserve gives back at the start of a date: what cash would lack, and on the last date all."""
    if date == len(schedule.days) - 1:
        return books.balance[name].copy()
    short = schedule.minimum_cash - books.balance[CASH] - schedule.lowest[:, date]
    return np.asarray(np.clip(short, 0, books.balance[name]))


def make_schedule(costs: ServiceCosts, paid: Payments, plan: Plan, scenario: Scenario) -> Schedule:
    """Return the dates on which money can move, and what is due, needed and kept on each.

    Dates: first days of periods, days of costs, days of payments. From the last of these on, all cash is released.
    Cash is distributed on days of payments once delivery, or the contract, has ended (or from day one).
    """
    terms = scenario.capital
    periods = _periods_of_money(costs.days, paid.days, scenario)
    days = np.unique(np.concatenate([periods.edges[:-1], costs.days, paid.days]).astype(np.int64))
    due = _until(paid.ends, days, _on(days, costs.days, costs.due))
    receipts = _on(days, paid.days, paid.received)
    fees = {
        n: _until(paid.ends, days, _fee(step, days, periods, plan.delivery_end, len(due)))
        for n, step in enumerate(steps_of(terms))
        if step.do == "pay_fee"
    }
    out = due + sum(fees.values()) if fees else due
    minimum = to_pence(terms.minimum_cash_gbp)
    last = days == days[-1]
    needed = np.where(last, 0, minimum + _coming(out, days, periods))
    settles = np.isin(days, paid.days) | last
    opens = np.minimum(plan.delivery_end, paid.ends) if terms.distribute == "after_delivery" else days[:1]
    return Schedule(
        steps=steps_of(terms),
        tranches=tranches_of(terms),
        days=days,
        due=due,
        receipts=receipts,
        lowest=_lowest(out, receipts, np.searchsorted(days, periods.edges)),
        needed=needed,
        kept=np.where(settles & (days >= opens[:, None]) | last, needed, NO_COST_DUE),
        settles=settles,
        fees=fees,
        interest=_interest(terms, paid, days),
        minimum_cash=minimum,
    )


def _until(ends: Ints, days: Ints, pence: Pence) -> Pence:
    """Return amounts, nil from the day on which the contract ended early: (replication, date)."""
    return np.where(days >= ends[:, None], 0, pence) if (ends <= days[-1]).any() else pence


def _fee(step: Step, days: Ints, periods: Periods, delivery_end: int, n: int) -> Pence:
    """Return a fee on the first day of each period, for the days from day 0 to the end of delivery: actual/365."""
    rate, due = to_pence(step.gbp_per_year or 0), np.zeros((n, len(days)), dtype=np.int64)
    for start, end in pairwise(periods.edges):
        n_days = max(min(end, delivery_end) - max(start, 0), 0)
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
