"""The investors' money: drawn when cash runs low, paid back by the waterfall, and what it earned.

In: service costs, payments, plan, scenario. Out: `Cashflows` and `Returns`. Must not know: children, boroughs, files.
Axes stand in the order replication, date.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from edgeofcare.calendar import DAYS_PER_YEAR
from edgeofcare.engine.plan import Plan
from edgeofcare.errors import IdentityError
from edgeofcare.inputs.contract import Tranche
from edgeofcare.inputs.schema import Scenario
from edgeofcare.inputs.waterfall import CASH, SERVICE
from edgeofcare.money.costs import ServiceCosts
from edgeofcare.money.irr import (
    IRR_OUTCOMES,
    NONE,
    NOT_NEEDED,
    SEVERAL,
    Outcomes,
    Roots,
    internal_rate,
    internal_rates,
    roots,
)
from edgeofcare.money.payments import Payments
from edgeofcare.money.pence import Floats, Ints, Pence, summed, to_pence, whole
from edgeofcare.money.schedule import INTEREST, Schedule, make_schedule
from edgeofcare.money.waterfall import CALL, CHARGES, RELEASE, Moved, ends_of, run_waterfall

NEVER_SHORT = 1_000_000_000  # day on which money runs out, where it does not


@dataclass(frozen=True)
class Flows:
    """What a tranche gave and got, pence, (replication, date) each: residual from what is left, protection from the
    guarantor. commitment: pence; draws: with what was called beyond it."""

    kind: str
    commitment: int
    draws: Pence
    interest: Pence
    repaid: Pence
    residual: Pence
    protection: Pence

    @property
    def distributions(self) -> Pence:
        """Return all that it got: (replication, date)."""
        return self.interest + self.repaid + self.residual + self.protection

    @property
    def net(self) -> Pence:
        """Return its net flows: (replication, date)."""
        return self.distributions - self.draws


@dataclass(frozen=True)
class Cashflows:
    """How money moved, pence, each (replication, date): balances are those after the date's movements.

    days: (date,). draws from and distributions to all tranches; called: of the draws, those beyond a commitment;
    receipts from payers; due, paid: cost of the service; owed: what of it the provider waits for; fees_due, fees_owed:
    the same of fees; balance: cash. moved: by action, as "draw senior -> cash". balances: by account, negative for
    those that gave. tranches: by name. target_irr_per_year: what investors look for.
    """

    days: Ints
    draws: Pence
    called: Pence
    receipts: Pence
    due: Pence
    paid: Pence
    owed: Pence
    fees_due: Pence
    fees_owed: Pence
    distributions: Pence
    balance: Pence
    moved: Moved = field(default_factory=dict)
    balances: dict[str, Pence] = field(default_factory=dict)
    tranches: dict[str, Flows] = field(default_factory=dict)
    target_irr_per_year: float = 0.0

    @property
    def repayable(self) -> dict[str, Flows]:
        """Return the tranches without grants."""
        return {name: flows for name, flows in self.tranches.items() if flows.kind != "grant"}

    @property
    def invested(self) -> Pence:
        """Return the draws without those from grants: (replication, date)."""
        granted = [flows.draws for flows in self.tranches.values() if flows.kind == "grant"]
        return self.draws - sum(granted) if granted else self.draws

    @property
    def to_payers(self) -> Pence:
        """Return what a waterfall gives back to those who pay, over all dates: (replication,)."""
        given = [summed(amounts, 1) for label, amounts in self.moved.items() if label.endswith("-> payers")]
        return np.sum(given, axis=0) if given else np.zeros(len(self.balance), dtype=np.int64)

    @property
    def investor(self) -> Pence:
        """Return the net flows of all investors together, grants left out: (replication, date)."""
        return self.distributions - self.invested

    @property
    def peak_funding(self) -> Pence:
        """Return the most that investors had in at once, draws less distributions to date: (replication,)."""
        return _peak(self.investor)

    @property
    def ran_out(self) -> npt.NDArray[np.bool_]:
        """Return whether the provider ever had to wait for its money: (replication,)."""
        return np.asarray(self.owed.any(axis=1))

    @property
    def owed_at_worst(self) -> Pence:
        """Return the most that the provider was owed on a date: (replication,)."""
        return np.asarray(self.owed.max(axis=1, initial=0))

    @property
    def needed(self) -> Pence:
        """Return what all who fund would have to commit for nobody to wait: draws + most owed, (replication,)."""
        return summed(self.draws, 1) + self.owed_at_worst

    @property
    def never_paid(self) -> Pence:
        """Return what the provider is still owed at the end: (replication,)."""
        return np.asarray(self.owed[:, -1])

    @property
    def days_owed(self) -> Ints:
        """Return on how many days, to the last date, something was owed to the provider: (replication,)."""
        return summed(np.where(self.owed[:, :-1] > 0, np.diff(self.days), 0), 1)

    @property
    def first_short(self) -> Ints:
        """Return the first day on which a bill of the provider is not paid, NEVER_SHORT if none: (replication,)."""
        return np.where(self.ran_out, self.days[np.argmax(self.owed > 0, axis=1)], NEVER_SHORT)

    @property
    def redrawn(self) -> Pence:
        """Return what investors were asked for after a first distribution: (replication,)."""
        before = np.cumsum(self.distributions, axis=1) - self.distributions
        return summed(np.where(before > 0, self.invested, 0), 1)

    @property
    def charges(self) -> Pence:
        """Return fees and carry paid: (replication, date)."""
        return np.asarray(sum(_total(self.moved, charge) for charge in CHARGES))

    @property
    def has_charges(self) -> bool:
        """Return whether the waterfall has a fee or a carry, so that returns are net of them."""
        return any(ends_of(done)[0] in CHARGES for done in self.moved)


def capital(costs: ServiceCosts, paid: Payments, plan: Plan, scenario: Scenario) -> Cashflows:
    """Return how money moves: the waterfall's actions, in order, on every date."""
    schedule = make_schedule(costs, paid, plan, scenario)
    moved, balances, owed = run_waterfall(schedule)
    tranches = {name: _flows(name, tranche, moved) for name, tranche in schedule.tranches.items()}
    called = _total(moved, CALL)
    due, fees_due = _of_bills(schedule, schedule.bills)
    waiting, fees_owed = _of_bills(schedule, owed)
    return Cashflows(
        days=schedule.days,
        draws=_total(moved, "draw") + called,
        called=called,
        receipts=_total(moved, "receive"),
        due=due,
        paid=_total(moved, "pay_cost"),
        owed=waiting,
        fees_due=fees_due,
        fees_owed=fees_owed,
        distributions=_added([flows.distributions for flows in tranches.values()]),
        balance=balances[CASH],
        moved=moved,
        balances=balances,
        tranches=tranches,
        target_irr_per_year=scenario.capital.target_irr_per_year,
    )


def _of_bills(schedule: Schedule, bills: Mapping[int, Pence]) -> tuple[Pence, Pence]:
    """Return an amount of the service's bills, and of all fees together: (replication, date) each."""
    of_service, of_fees = (np.zeros_like(schedule.receipts) for _ in range(2))
    for n, pence in bills.items():
        if schedule.steps[n].do == "pay_cost":
            of_service += pence
        else:
            of_fees += pence
    return of_service, of_fees


def _flows(name: str, tranche: Tranche, moved: Moved) -> Flows:
    return Flows(
        kind=tranche.kind,
        commitment=to_pence(tranche.commitment_gbp),
        draws=_total(moved, "draw", source=name) + _total(moved, CALL, source=name),
        interest=_total(moved, INTEREST, payee=name),
        repaid=_total(moved, "repay", payee=name),
        residual=_total(moved, "split_residual", payee=name),
        protection=_total(moved, "protect", payee=name),
    )


def _total(moved: Moved, do: str, source: str | None = None, payee: str | None = None) -> Pence:
    """Return what all actions of a kind moved (from or to an account): (replication, date), nil without any."""
    asked = (do, source, payee)
    found = [
        amounts
        for name, amounts in moved.items()
        if all(want in (None, is_) for want, is_ in zip(asked, ends_of(name), strict=True))
    ]
    return _added(found) if found else np.zeros_like(next(iter(moved.values())))


def _added(parts: list[Pence]) -> Pence:
    return parts[0] if len(parts) == 1 else np.asarray(sum(parts))


def check_balances(cash: Cashflows) -> None:
    """Raise IdentityError unless opening + in = out + closing in every account on every date, to the penny.

    Also unless cash and reserves are never below nil, and all they held is released at the end; unless what has fallen
    due to date is what has been paid and what is owed, of the service and of fees; and unless nothing is distributed
    while the provider waits.
    """
    fees = _total(cash.moved, "pay_fee")
    for what, due, paid, owed in (
        ("the service", cash.due, cash.paid, cash.owed),
        ("fees", cash.fees_due, fees, cash.fees_owed),
    ):
        if (owed < 0).any() or (np.cumsum(due - paid, axis=1) != owed).any():
            raise IdentityError(f"bills of {what}: due is not paid + owed")
    if ((cash.owed > 0) & (cash.distributions - _protected(cash) > 0)).any():
        raise IdentityError("something is distributed while the provider waits for its money")
    if (cash.called > 0).any() and cash.owed.any():
        raise IdentityError("the provider waits although the investor pays beyond its commitment")
    net = {name: np.zeros_like(cash.balance) for name in cash.balances}
    for name, amounts in cash.moved.items():
        _, source, payee = ends_of(name)
        net[source] -= amounts
        net[payee] += amounts
    for name, closing in cash.balances.items():
        if (np.diff(closing, axis=1, prepend=0) != net[name]).any():
            raise IdentityError(f"{name} does not balance: opening + in is not out + closing")
    for name in {CASH, *(ends_of(done)[1] for done in cash.moved if done.startswith(RELEASE))}:
        if (cash.balances[name] < 0).any() or cash.balances[name][:, -1].any():
            raise IdentityError(f"{name} is below nil, or is not all released at the end")


def _protected(cash: Cashflows) -> Pence:
    return _total(cash.moved, "protect")


class Entry(NamedTuple):
    """A line of the log. what: an action of the waterfall, or a trigger (without accounts, and mostly pence)."""

    day: int
    what: str
    source: str
    payee: str
    pence: int


def log(cash: Cashflows, paid: Payments, row: int) -> list[Entry]:
    """Return what happened in one replication, by day: triggers that fired, then movements in the waterfall's order.

    Triggers: those of the contract (`Payments.fired`); a commitment used up; a cost unpaid, with what is missing of it
    on its day.
    """
    days, last = cash.days.tolist(), int(cash.days[-1])
    entries = [Entry(int(day[row]), name, "", "", 0) for name, day in paid.fired.items() if day[row] <= last]
    for name, flows in cash.tranches.items():
        gone = np.flatnonzero(np.cumsum(flows.draws[row]) >= max(flows.commitment, 1))
        entries += [Entry(days[date], "commitment used up", name, "", flows.commitment) for date in gone[:1]]
    entries += _lines(days, "cost unpaid", CASH, SERVICE, np.maximum(np.diff(cash.owed[row], prepend=0), 0))
    for done, amounts in cash.moved.items():
        entries += _lines(days, *ends_of(done), amounts[row])
    return sorted(entries, key=lambda entry: entry.day)


def _lines(days: list[int], what: str, source: str, payee: str, amounts: Pence) -> list[Entry]:
    return [Entry(day, what, source, payee, pence) for day, pence in zip(days, amounts.tolist(), strict=True) if pence]


@dataclass(frozen=True)
class Returns:
    """What was earned by all repayable money together, or by one tranche, each (replication,) unless said.

    irr: rate a year, nan without exactly one (a total loss is -1); outcome: position in IRR_OUTCOMES; money_multiple:
    distributions / draws, nan without draws; profit, peak_funding: pence; payback_years: years of 365 days from the
    first draw until distributions have caught up with draws for good, nan if never. npv: pence, present value at the
    first date at the target rate; missing_target: whether it is below nil. days, flows: (date,), the net flows summed
    over replications. several: the rates of each replication that has more than one, and why. tranches: the same of
    each repayable tranche, by name; none for a tranche. gross: the same before fees and carry, as if these had been
    distributed; none where the waterfall has neither, and gross and net are one.
    """

    irr: Floats
    outcome: Outcomes
    money_multiple: Floats
    profit: Pence
    peak_funding: Pence
    payback_years: Floats
    npv: Pence
    days: Ints
    flows: Pence
    several: dict[int, Roots] = field(default_factory=dict)
    tranches: dict[str, Returns] = field(default_factory=dict)
    gross: Returns | None = None

    @property
    def missing_target(self) -> npt.NDArray[np.bool_]:
        """Return whether less was earned than the target rate: (replication,)."""
        return self.npv < 0

    @property
    def lowest_rate(self) -> Floats:
        """Return the lowest rate where there are several, elsewhere nan: (replication,)."""
        return self._of_several(0)

    @property
    def highest_rate(self) -> Floats:
        """Return the highest rate where there are several, elsewhere nan: (replication,)."""
        return self._of_several(-1)

    def _of_several(self, place: int) -> Floats:
        rates = np.full(len(self.irr), np.nan)
        for row, found in self.several.items():
            rates[row] = found.rates[place]
        return rates

    @property
    def irr_outcomes(self) -> dict[str, int]:
        """Return how many replications had each outcome."""
        return {name: int((self.outcome == i).sum()) for i, name in enumerate(IRR_OUTCOMES)}

    @property
    def irr_of_expected_flows(self) -> float | None:
        """Return the rate of the flows summed over replications; None without exactly one."""
        return internal_rate(self.flows, self.days)


def returns(cash: Cashflows) -> Returns:
    """Return what was earned: dates actual/365, nothing drawn counted as not needed."""
    days, target = cash.days, cash.target_irr_per_year
    together = _earned(cash.invested, cash.distributions, days, target)
    if cash.has_charges:
        gross = _earned(cash.invested, cash.distributions + cash.charges, days, target)
        together = replace(together, gross=gross)
    if len(cash.repayable) == 1:
        return replace(together, tranches=dict.fromkeys(cash.repayable, together))
    each = {name: _earned(it.draws, it.distributions, days, target) for name, it in cash.repayable.items()}
    return replace(together, tranches=each)


def _earned(draws: Pence, distributions: Pence, days: Ints, target_irr_per_year: float) -> Returns:
    drawn, back, flows = summed(draws, 1), summed(distributions, 1), distributions - draws
    irr, outcome = internal_rates(flows, days)
    discount = (1 + target_irr_per_year) ** (-(days - days[0]) / DAYS_PER_YEAR)
    return Returns(
        irr=irr,
        outcome=np.where(drawn == 0, NOT_NEEDED, np.where(outcome == NOT_NEEDED, NONE, outcome)),
        money_multiple=np.where(drawn > 0, back / np.maximum(drawn, 1), np.nan),
        profit=back - drawn,
        peak_funding=_peak(flows),
        payback_years=_payback_years(draws, flows, days),
        npv=whole((flows * discount).sum(axis=1)),
        days=days,
        flows=summed(flows, 0),
        several={int(row): roots(flows[row], days) for row in np.flatnonzero(outcome == SEVERAL)},
    )


def _peak(flows: Pence) -> Pence:
    return np.asarray(-np.cumsum(flows, axis=1).min(axis=1, initial=0))


def _payback_years(draws: Pence, flows: Pence, days: Ints) -> Floats:
    """Return years from the first draw to the first date after which distributions never again trail draws."""
    behind = np.cumsum(flows, axis=1) < 0
    n_dates = behind.shape[1]
    after_last = n_dates - np.argmax(behind[:, ::-1], axis=1)
    paid_back = behind.any(axis=1) & (after_last < n_dates)
    first = np.argmax(draws > 0, axis=1)
    years = (days[np.minimum(after_last, n_dates - 1)] - days[first]) / DAYS_PER_YEAR
    return np.where(paid_back, years, np.nan)
