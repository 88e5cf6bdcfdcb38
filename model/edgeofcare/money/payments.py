"""What a contract pays: terms, then its modifiers in order, payers, dates.

In: counts, plan, scenario, service costs. Out: `Payments`, whole pence, a pure function of whole counts. Must not know:
investors, files. Axes stand in the order replication, arm, track, borough, intake, period, term.

The order, always the same:
1. terms (terms.py; the most units for one child are in the counts already)
2. indexation of terms that are prices
3. standstill: terms fall away, a fixed sum accrues
4. fee for guaranteed starts that are missing
5. caps: of a borough's financial year, of a borough, of the contract
6. floor of the contract, in the last period; it need not keep to a borough's caps
7. early end: nothing in later periods, neither a term nor a fee nor the floor; what then redeems the contract is due,
   whatever the caps
8. the central payer's top-up on everything
Caps look back only, so it makes no difference that the code cuts off what follows an early end before it caps.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from edgeofcare.calendar import MEAN_DAYS_PER_YEAR, Periods, day_number, financial_year
from edgeofcare.engine.counts import ARMS, Counts
from edgeofcare.engine.plan import Plan, periods_of
from edgeofcare.inputs.contract import Contract, GuaranteedStarts, PriceIndex, Standstill, Termination, TopUp
from edgeofcare.inputs.indices import index_level
from edgeofcare.inputs.schema import Scenario
from edgeofcare.inputs.terms.base import Term, TrackedTerm
from edgeofcare.money.costs import ServiceCosts
from edgeofcare.money.pence import Floats, Ints, Pence, allowed_under, reduced, share_out, summed, to_pence, whole
from edgeofcare.money.terms import accrued, by_referrals, joined_referrals, ladder_rate, period_after_months, term_pence

Bools = npt.NDArray[np.bool_]

# Day of what does not happen.
NEVER_ENDS = 1_000_000_000


@dataclass(frozen=True)
class Payments:
    """What is paid, pence.

    days: (period,), the day on which the payments of an outcome period are made. labels: (column,), names of the
    columns: the terms by kind, then the modifiers that pay something of their own. pence: (replication, borough,
    period, column), by the period in which the outcome falls, after all modifiers. top_up: (replication, borough,
    period), the central payer's part; the borough pays the rest. before_caps: (replication,), total of what would be
    due without caps, before floor and redemption. cap_binds: (replication,), whether any cap (not the top-up's)
    reduced a payment. outcome_pence: (replication, arm), what the terms that pay for outcomes inside a window come to
    in each arm, before modifiers. ladder_rate: (replication, period), rate a year in force at and after each
    settlement of a ladder on a principal, otherwise nan. ends: (replication,), first day after a contract that ended
    early, NEVER_ENDS if it did not. fired: by trigger that the contract has, (replication,), last day of the period in
    which it first acted, NEVER_ENDS if it did not.
    """

    days: Ints
    labels: tuple[str, ...]
    pence: Pence
    top_up: Pence
    before_caps: Pence
    cap_binds: Bools
    outcome_pence: Pence
    ladder_rate: Floats
    ends: Ints
    fired: dict[str, Ints]

    @property
    def by_borough(self) -> Pence:
        """Return payments for each borough's children, by all payers: (replication, borough, period)."""
        return summed(self.pence, -1)

    @property
    def own(self) -> Pence:
        """Return what boroughs pay themselves: (replication, borough, period)."""
        return self.by_borough - self.top_up

    @property
    def received(self) -> Pence:
        """Return what the partnership receives: (replication, period)."""
        return summed(self.pence, 1, -1)


def payments(counts: Counts, plan: Plan, scenario: Scenario, service: ServiceCosts) -> Payments:
    """Return what the scenario's contract pays on the lives counted.

    service: what the service costs, by which some terms and an early end pay. Periods are those of this contract, even
    where the plan holds the longer windows of others. The payments of a period are dated its
    last day plus the contract's lag. Raises OptionError if the plan was made without a term's window.
    """
    contract = scenario.contract
    n_periods = periods_of(contract, plan, scenario)
    counts, plan = counts.until(n_periods), replace(plan, n_outcome_periods=n_periods)
    periods = plan.outcome_periods
    last_days = np.array(periods.edges[1:], dtype=np.int64) - 1
    terms = [term_pence(term, contract, counts, plan, scenario, service, "therapy") for term in contract.terms]
    labels = names_of_columns(contract)
    due, fired = what_is_due(terms, labels, counts, plan, scenario)
    ends = early_end(contract.termination, counts, plan)
    if contract.termination is not None:
        due *= (last_days < ends[:, None])[:, None, :, None]
        fired = {name: np.where(day < ends, day, NEVER_ENDS) for name, day in fired.items()}
        fired["termination"] = np.where(ends < NEVER_ENDS, ends - 1, NEVER_ENDS)
    paid, capped_on = capped(due, contract, periods)
    for_caps = [day < NEVER_ENDS for day in capped_on.values()]
    if contract.floor_gbp is not None:
        missing = np.maximum(to_pence(contract.floor_gbp) - _total(paid), 0) * (ends == NEVER_ENDS)
        paid[:, :, -1:, labels.index("floor")] = by_referrals(missing[:, None], plan, [len(periods) - 1])
        fired["floor"] = np.where(missing > 0, last_days[-1], NEVER_ENDS)
    if contract.termination is not None:
        left = redemption(contract.termination, ends, _total(paid), service)
        paid[..., labels.index("redemption")] = by_referrals(left[:, None] * (last_days + 1 == ends[:, None]), plan)
    top_up, short = topped_up(summed(paid, -1), contract.top_up)
    if contract.top_up is not None and contract.top_up.cap_gbp is not None:
        fired["top_up_used_up"] = first_day(summed(short, 1) > 0, last_days)
        if contract.top_up.after_cap == "unpaid":
            paid = reduced(paid, summed(paid, -1) - short)
    return Payments(
        days=last_days + contract.lag_days,
        labels=labels,
        pence=paid,
        top_up=top_up,
        before_caps=_total(due),
        cap_binds=np.any(for_caps, axis=0) if for_caps else np.zeros(len(ends), dtype=np.bool_),
        outcome_pence=outcome_totals(terms, counts, plan, scenario, service),
        ladder_rate=ladder_rate(contract, counts, plan, scenario),
        ends=ends,
        fired=fired | capped_on,
    )


def outcome_totals(terms: list[Pence], counts: Counts, plan: Plan, scenario: Scenario, service: ServiceCosts) -> Pence:
    """Return what terms that pay for outcomes inside a window come to, before modifiers: (replication, arm).

    terms: what each term comes to in the therapy arm.
    """
    contract, totals = scenario.contract, np.zeros((counts.n_replications, len(ARMS)), dtype=np.int64)
    for term, pence in zip(contract.terms, terms, strict=True):
        if isinstance(term, TrackedTerm):
            usual = term_pence(term, contract, counts, plan, scenario, service, "usual")
            totals += np.stack([summed(usual, 1, 2), summed(pence, 1, 2)], axis=1)
    return totals


def _total(pence: Pence) -> Pence:
    """Return the total of each replication."""
    return summed(pence, 1, 2, -1)


def names_of_columns(contract: Contract) -> tuple[str, ...]:
    """Return the names of what is paid: terms by kind, numbered from the second of a kind on; then modifiers."""
    kinds = [term.pays for term in contract.terms]
    before = [kinds[:i].count(kind) for i, kind in enumerate(kinds)]
    names = [f"{kind}_{n + 1}" if n else kind for kind, n in zip(kinds, before, strict=True)]
    return (*names, *(modifier.column for modifier in contract.modifiers if modifier.column))


def first_day(acts: Bools, last_days: Ints) -> Ints:
    """Return the last day of the first period in which something acts, NEVER_ENDS if in none: (replication,)."""
    return np.asarray(np.where(acts.any(axis=1), last_days[acts.argmax(axis=1)], NEVER_ENDS))


def what_is_due(
    terms: list[Pence], labels: tuple[str, ...], counts: Counts, plan: Plan, scenario: Scenario
) -> tuple[Pence, dict[str, Ints]]:
    """Return what is due before caps: terms indexed, standstill, guaranteed starts; and the days on which those act.

    Returns (replication, borough, outcome period, column), the columns of later modifiers nil.
    """
    contract, periods, n = scenario.contract, plan.outcome_periods, counts.n_replications
    due, fired = np.zeros((n, plan.n_boroughs, len(periods), len(labels)), dtype=np.int64), {}
    for column, (term, pence) in enumerate(zip(contract.terms, terms, strict=True)):
        due[..., column] = pence if contract.indexation is None else indexed(term, pence, contract.indexation, plan)
    if contract.standstill is not None:
        still, fixed = standing_still(contract.standstill, periods)
        due[:, :, still] = 0
        due[..., labels.index("standstill")] = by_referrals(np.repeat(fixed[None], n, axis=0), plan)
        fired["standstill"] = first_day(np.tile(still, (n, 1)), np.array(periods.edges[1:]) - 1)
    if contract.guaranteed_starts is not None:
        at = periods.index(day_number(scenario.clock.referrals_until, periods.day_0))
        fee = shortfall_fee(contract.guaranteed_starts, counts, plan)
        due[:, :, at, labels.index("guaranteed_starts")] = fee
        fired["guaranteed_starts"] = np.where(fee.any(axis=1), periods.edges[at + 1] - 1, NEVER_ENDS)
    return due, fired


def indexed(term: Term, pence: Pence, index: PriceIndex, plan: Plan) -> Pence:
    """Return a term's amounts moved by a price index from the financial year of day 0 to that of each period.

    What follows a cost or a principal is no price and stays as it is.
    """
    if not term.follows_index:
        return pence
    base = index_level(index, financial_year(plan.periods.day_0))
    ratios = np.array([index_level(index, year) / base for year in plan.outcome_periods.financial_years()])
    return whole(pence * ratios)


def standing_still(standstill: Standstill, periods: Periods) -> tuple[Bools, Pence]:
    """Return the periods that begin in a standstill, and the fixed sum that accrues over their days: (period,) each.

    What terms would have paid in them is not made up later.
    """
    first, until = (day_number(when, periods.day_0) for when in (standstill.starts, standstill.until))
    edges = np.array(periods.edges)
    still = (edges[:-1] >= first) & (edges[:-1] < until)
    at = np.flatnonzero(still)
    if not len(at):
        return still, np.zeros(len(periods), dtype=np.int64)
    return still, accrued(standstill.gbp_per_year, int(edges[at[0]]), int(edges[at[-1] + 1]), periods)


def shortfall_fee(guaranteed: GuaranteedStarts, counts: Counts, plan: Plan) -> Pence:
    """Return the fee for guaranteed starts that are missing: (replication, borough).

    All starts of the contract count, also of those who still wait when referrals end, and boroughs' surpluses make
    good others' shortfalls; what is still missing is shared by each borough's shortfall against its part of the
    guarantee.
    """
    started, expected = summed(counts.served("started"), 2), joined_referrals(plan)[-1]
    missing = np.maximum(guaranteed.starts - summed(started, 1), 0)
    short = np.maximum(guaranteed.starts * (expected / expected.sum()) - started, 0)
    return share_out(whole(missing * (guaranteed.shortfall_fee_gbp * 100)), short)


def early_end(termination: Termination | None, counts: Counts, plan: Plan) -> Ints:
    """Return the first day after a contract that ends early, NEVER_ENDS if it does not: (replication,).

    It ends with the period that contains the date, or the last day of the months to the review if fewer children than
    agreed have started by then. A date or review after the last period ends nothing.
    """
    ends, periods = np.full(counts.n_replications, NEVER_ENDS), plan.outcome_periods
    if termination is None:
        return ends
    if termination.on is not None:
        day = day_number(termination.on, periods.day_0)
        at = periods.index(day) if day < periods.edges[-1] else None
    else:
        assert termination.review_month is not None  # the schema asks for a date or a review
        at = period_after_months(termination.review_month, plan)
    if at is None:
        return ends
    started = summed(counts.served("started")[:, :, : at + 1], 1, 2)
    too_few = termination.if_starts_below is None or started < termination.if_starts_below
    return np.asarray(np.where(too_few, periods.edges[at + 1], ends))


def redemption(termination: Termination, ends: Ints, paid: Pence, service: ServiceCosts) -> Pence:
    """Return what redeems a contract that ends early: (replication,); of no meaning where it does not.

    share of the contract's year x (service cost due by the end - payments so far, before the top-up), if above nil.
    """
    shares = np.array(termination.redemption_share_by_year)
    year = np.minimum((ends - 1) // MEAN_DAYS_PER_YEAR, len(shares) - 1).astype(np.int64)
    cost = summed(service.due * (service.days < ends[:, None]), 1)
    return whole(shares[np.maximum(year, 0)] * np.maximum(cost - paid, 0))


def capped(due: Pence, contract: Contract, periods: Periods) -> tuple[Pence, dict[str, Ints]]:
    """Return payments after the caps of a borough's financial year, of a borough and of the contract.

    due: (replication, borough, period, column). A cap lets the running total grow up to itself; where it binds in a
    period, that period's payments are cut pro rata over columns (the contract's cap: over boroughs and columns), odd
    pennies by largest remainder. Outcomes count to the financial year in which they fall. Returns also the last day
    of the period in which each cap first bound, (replication,), NEVER_ENDS if it did not.
    """
    paid, first, last_days = due, {}, np.array(periods.edges[1:]) - 1

    def keep(name: str, less: Pence) -> Pence:
        bound = less is not paid
        cut = summed(paid, 1, -1) > summed(less, 1, -1) if bound else np.zeros((len(due), len(periods)), dtype=np.bool_)
        first[name] = first_day(cut, last_days)
        return less

    if contract.borough_year_cap_gbp is not None:
        paid = keep("borough_year_cap", _capped_by_year(paid, to_pence(contract.borough_year_cap_gbp), periods))
    if contract.borough_cap_gbp is not None:
        by_borough = summed(paid, -1)
        paid = keep("borough_cap", reduced(paid, allowed_under(to_pence(contract.borough_cap_gbp), by_borough)))
    if contract.cap_gbp is not None:
        cap, less = to_pence(contract.cap_gbp), paid
        if (_total(paid) > cap).any():
            n, b, p, c = paid.shape
            flat = paid.swapaxes(1, 2).reshape(n, p, b * c)
            less = reduced(flat, allowed_under(cap, summed(flat, 2))).reshape(n, p, b, c).swapaxes(1, 2)
        paid = keep("cap", less)
    return paid.copy() if paid is due else paid, first


def _capped_by_year(paid: Pence, cap: int, periods: Periods) -> Pence:
    """Return payments under the cap of a borough's financial year; the same array if it nowhere binds."""
    years, result = periods.financial_years(), paid
    for year in dict.fromkeys(years):
        at = slice(years.index(year), years.index(year) + years.count(year))
        within = paid[:, :, at]
        less = reduced(within, allowed_under(cap, summed(within, -1)))
        if less is not within:
            result = paid.copy() if result is paid else result
            result[:, :, at] = less
    return result


def topped_up(by_borough: Pence, top_up: TopUp | None) -> tuple[Pence, Pence]:
    """Return the central payer's part and what it owes beyond its cap, each (replication, borough, period).

    The central payer owes its share of each payment, rounded to the penny, until its own cap is used up; the rest of
    its share then falls to the borough or to nobody.
    """
    if top_up is None:
        return np.zeros_like(by_borough), np.zeros_like(by_borough)
    owed = whole(by_borough * top_up.share)
    given = owed
    if top_up.cap_gbp is not None:
        by_period = owed.swapaxes(1, 2)
        given = reduced(by_period, allowed_under(to_pence(top_up.cap_gbp), summed(by_period, 2))).swapaxes(1, 2)
    return given, owed - given
