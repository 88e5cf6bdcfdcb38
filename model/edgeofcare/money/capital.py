"""The investors' money: drawn when cash runs low, paid back by the waterfall, and what it earned.

In: service costs, payments, plan, scenario. Out: `Cashflows` and `Returns`. Must not know: children, boroughs, files.
Axes stand in the order replication, date.
"""

from __future__ import annotations

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
from edgeofcare.money.irr import IRR_OUTCOMES, NONE, NOT_NEEDED, Outcomes, internal_rate, internal_rates
from edgeofcare.money.payments import Payments
from edgeofcare.money.pence import Floats, Ints, Pence, summed, to_pence, whole
from edgeofcare.money.waterfall import INTEREST, RELEASE, Moved, ends_of, make_schedule, run_waterfall


@dataclass(frozen=True)
class Flows:
    """What a tranche gave and got, pence, (replication, date) each: residual from what is left, protection from the
    guarantor. commitment: pence."""

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

    days: (date,). draws from and distributions to all tranches, receipts from payers, costs paid, costs unpaid because
    the commitment had run out; balance: cash. moved: by action, as "draw senior -> cash". balances: by account,
    negative for those that gave. tranches: by name. target_irr_per_year: what investors look for.
    """

    days: Ints
    draws: Pence
    receipts: Pence
    costs: Pence
    unpaid: Pence
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
        """Return whether a cost stayed unpaid: (replication,)."""
        return np.asarray(self.unpaid.any(axis=1))


def capital(costs: ServiceCosts, paid: Payments, plan: Plan, scenario: Scenario) -> Cashflows:
    """Return how money moves: the waterfall's actions, in order, on every date."""
    schedule = make_schedule(costs, paid, plan, scenario)
    moved, balances = run_waterfall(schedule)
    tranches = {name: _flows(name, tranche, moved) for name, tranche in schedule.tranches.items()}
    spent = _total(moved, "pay_cost")
    return Cashflows(
        days=schedule.days,
        draws=_total(moved, "draw"),
        receipts=_total(moved, "receive"),
        costs=spent,
        unpaid=schedule.due - spent,
        distributions=_added([flows.distributions for flows in tranches.values()]),
        balance=balances[CASH],
        moved=moved,
        balances=balances,
        tranches=tranches,
        target_irr_per_year=scenario.capital.target_irr_per_year,
    )


def _flows(name: str, tranche: Tranche, moved: Moved) -> Flows:
    return Flows(
        kind=tranche.kind,
        commitment=to_pence(tranche.commitment_gbp),
        draws=_total(moved, "draw", source=name),
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

    Also unless cash and reserves are never below nil, and all they held is released at the end.
    """
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


class Entry(NamedTuple):
    """A line of the log. what: an action of the waterfall, or a trigger (without accounts, and mostly pence)."""

    day: int
    what: str
    source: str
    payee: str
    pence: int


def log(cash: Cashflows, paid: Payments, row: int) -> list[Entry]:
    """Return what happened in one replication, by day: triggers that fired, then movements in the waterfall's order.

    Triggers: those of the contract (`Payments.fired`); a commitment used up; a cost unpaid, with what is missing.
    """
    days, last = cash.days.tolist(), int(cash.days[-1])
    entries = [Entry(int(day[row]), name, "", "", 0) for name, day in paid.fired.items() if day[row] <= last]
    for name, flows in cash.tranches.items():
        gone = np.flatnonzero(np.cumsum(flows.draws[row]) >= max(flows.commitment, 1))
        entries += [Entry(days[date], "commitment used up", name, "", flows.commitment) for date in gone[:1]]
    entries += _lines(days, "cost unpaid", CASH, SERVICE, cash.unpaid[row])
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
    over replications. tranches: the same of each repayable tranche, by name; none for a tranche.
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
    tranches: dict[str, Returns] = field(default_factory=dict)

    @property
    def missing_target(self) -> npt.NDArray[np.bool_]:
        """Return whether less was earned than the target rate: (replication,)."""
        return self.npv < 0

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
