"""The waterfall: an ordered list of actions, read from top to bottom on every date on which money can move.

In: a `Schedule`. Out: what each action moved, and what of each bill is still owed. Must not know: children, boroughs,
returns, files. Axes stand in the order replication, date.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy as np

from edgeofcare.inputs.contract import Capital, Step
from edgeofcare.inputs.waterfall import CASH
from edgeofcare.money.pence import Floats, Pence, share_out, to_pence, whole
from edgeofcare.money.schedule import INTEREST, NO_COST_DUE, Booleans, Schedule

RELEASE = "release"
CALL = "call"

Moved = dict[str, Pence]
CHARGES = ("pay_fee", "carry")


def has_charges(capital: Capital) -> bool:
    """Return whether fees or a carry are taken before returns, which are then net of them."""
    return any(step.do in CHARGES for step in capital.waterfall)


@dataclass
class Books:
    """The accounts while money moves, pence, (replication,) each; those of tranches by tranche.

    balance: by account, negative for those that gave. drawn, returned: to date. debt: what a tranche is owed, with the
    interest added to it. accrued: its interest since the last day of payment. funds: cash at the start of the date,
    and what was drawn and released into it since. moved_by: to date, by position of the action. owed: what of earlier
    bills is not yet paid, by position of the action. below_hurdle: what all repayable money must still get to have had
    the hurdle of a carry, by its position; negative once it has had more.
    """

    balance: dict[str, Pence]
    drawn: dict[str, Pence]
    returned: dict[str, Pence]
    debt: dict[str, Pence]
    accrued: dict[str, Pence]
    moved_by: list[Pence]
    owed: dict[int, Pence]
    below_hurdle: dict[int, Floats]
    funds: Pence


def label(do: str, source: str, payee: str) -> str:
    """Return an action's name in `moved`: "draw senior -> cash"."""
    return f"{do} {source} -> {payee}"


def ends_of(name: str) -> tuple[str, str, str]:
    """Return what an action's name in `moved` says: action, source, payee."""
    do, source, _, payee = name.split(" ")
    return do, source, payee


def run_waterfall(schedule: Schedule) -> tuple[Moved, dict[str, Pence], dict[int, Pence]]:
    """Return what each action moved, by its label, each account's balance after the date, and what is then owed of each
    bill, by position of its action: (replication, date).

    Before the actions of a date interest accrues and hurdles rise, and reserves give back what cash needs; on the last
    date everything.
    """
    shape, steps = schedule.receipts.shape, schedule.steps
    reserves = list(dict.fromkeys(str(step.payee) for step in steps if step.do == "reserve"))
    moved = {name: np.zeros(shape, dtype=np.int64) for name in _labels(schedule, reserves)}
    books = _new_books(schedule, moved)
    balances = {name: np.zeros(shape, dtype=np.int64) for name in books.balance}
    owed = {n: np.zeros(shape, dtype=np.int64) for n in books.owed}
    acts = [_acts(step, schedule) for step in steps]
    for date in range(shape[1]):
        for name, share in schedule.interest.items():
            books.accrued[name] += whole(books.debt[name] * share[:, date])
        for n, grown in schedule.hurdles.items():
            books.below_hurdle[n] *= grown[date]
        for name in reserves:
            _move((RELEASE, name, CASH), _given_back(name, date, schedule, books), date, books, moved)
        books.funds = books.balance[CASH].copy()
        for n, step in enumerate(steps):
            if acts[n][date]:
                _act(n, step, date, schedule, books, moved)
        for name, balance in books.balance.items():
            balances[name][:, date] = balance
        for n, amount in books.owed.items():
            owed[n][:, date] = amount
    return moved, balances, owed


def _act(n: int, step: Step, date: int, schedule: Schedule, books: Books, moved: Moved) -> None:
    """Do one action on one date."""
    amount = _limited(n, step, _amount(n, step, date, schedule, books), books)
    for payee, part in _parts(step, amount):
        _move((step.do, step.source, payee), part, date, books, moved)
        _note(step, payee, part, schedule, books)
    if n in schedule.bills:
        books.owed[n] = books.owed[n] + schedule.bills[n][:, date] - amount
    if schedule.caller and n == schedule.caller[0]:
        called = np.maximum(-books.funds - schedule.lowest[:, date], 0)
        _move((CALL, step.source, CASH), called, date, books, moved)
        _note(step, CASH, called, schedule, books)


def _labels(schedule: Schedule, reserves: Iterable[str]) -> Iterator[str]:
    yield from (label(RELEASE, name, CASH) for name in reserves)
    if schedule.caller:
        yield label(CALL, schedule.caller[1], CASH)
    for step in schedule.steps:
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
    n = len(schedule.receipts)

    def nil(names: Iterable[str]) -> dict[str, Pence]:
        return {name: np.zeros(n, dtype=np.int64) for name in names}

    accounts, tranches = nil(name for done in moved for name in ends_of(done)[1:]), schedule.tranches
    return Books(
        balance=accounts,
        drawn=nil(tranches),
        returned=nil(tranches),
        debt=nil(tranches),
        accrued=nil(tranches),
        moved_by=[np.zeros(n, dtype=np.int64) for _ in schedule.steps],
        owed={step: np.zeros(n, dtype=np.int64) for step in schedule.bills},
        below_hurdle={step: np.zeros(n) for step in schedule.hurdles},
        funds=accounts[CASH],
    )


def _acts(step: Step, schedule: Schedule) -> Booleans:
    """Return the dates on which an action can move anything: (date,)."""
    match step.do:
        case "draw":
            return np.asarray((schedule.lowest < NO_COST_DUE).any(axis=0))
        case "receive":
            return np.asarray(schedule.receipts.any(axis=0))
        case "pay_cost" | "pay_fee":
            due = np.any([bills.any(axis=0) for bills in schedule.bills.values()], axis=0)
            return np.asarray(due | schedule.receipts.any(axis=0) | (schedule.days == schedule.days[-1]))
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
            unpaid = sum(books.owed.values())
            short = schedule.minimum_cash + unpaid - books.funds - schedule.lowest[:, date]
            left = to_pence(schedule.tranches[source].commitment_gbp) - books.drawn[source]
            return np.asarray(np.clip(short, 0, np.maximum(left, 0)))
        case "receive":
            return np.asarray(schedule.receipts[:, date])
        case "pay_cost" | "pay_fee":
            return np.asarray(np.minimum(books.owed[n] + schedule.bills[n][:, date], books.balance[source]))
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
        case "carry":
            above = np.maximum(free - np.maximum(books.below_hurdle[n], 0), 0)
            return whole((step.carry_share or 0) * above)
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


def _note(step: Step, payee: str, amount: Pence, schedule: Schedule, books: Books) -> None:
    """Keep a tranche's own account of what it gave and got; interest that was not paid is added to its debt."""
    if step.do == "draw":
        books.drawn[step.source] += amount
        books.debt[step.source] += amount
        books.funds += amount
        if schedule.tranches[step.source].kind != "grant":
            for short in books.below_hurdle.values():
                short += amount
    elif payee in books.returned:
        books.returned[payee] += amount
        for short in books.below_hurdle.values():
            short -= amount
        if step.do == INTEREST:
            books.debt[payee] += books.accrued[payee] - amount
            books.accrued[payee][:] = 0
        else:
            books.debt[payee] = np.maximum(books.debt[payee] - amount, 0)


def _given_back(name: str, date: int, schedule: Schedule, books: Books) -> Pence:
    """Return what a reserve gives back at the start of a date: what cash would lack, and on the last date all."""
    if date == len(schedule.days) - 1:
        return books.balance[name].copy()
    unpaid = sum(books.owed.values())
    short = schedule.minimum_cash + unpaid - books.balance[CASH] - schedule.lowest[:, date]
    return np.asarray(np.clip(short, 0, books.balance[name]))
