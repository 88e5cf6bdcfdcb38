"""What a contract pays for the outcomes counted: terms, caps, top-up, payers, dates.

In: counts, plan, scenario. Out: `Payments`, whole pence, a pure function of whole counts. Must not know: costs,
investors, files. Axes stand in the order replication, arm, track, borough, intake, period, term.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from edgeofcare.calendar import MONTHS_PER_PERIOD, Periods
from edgeofcare.engine.counts import ARMS, INTAKE, Counts
from edgeofcare.engine.plan import MONTHS_PER_YEAR, Plan
from edgeofcare.inputs.contract import Contract, PerCareDaySaved, PerCompletion, PerStart, PerWeekOutOfCare, Term, TopUp
from edgeofcare.inputs.schema import Scenario
from edgeofcare.money.pence import Floats, Ints, Pence, allowed_under, reduced, share_out, summed, to_pence, whole

OWN_TRACK = 0


@dataclass(frozen=True)
class Payments:
    """What is paid, pence.

    days: (period,), the day on which the payments of an outcome period are made. pence: (replication, borough,
    period, term), by the period in which the outcome falls, after caps. top_up: (replication, borough, period), the
    central payer's part; the borough pays the rest. before_caps: (replication,), total. cap_binds: (replication,),
    whether any cap (not the top-up's) reduced a payment. outcome_days: (replication, arm), days of outcome for which
    the outcome terms would pay in each arm, before caps: a week is 7, days saved as settled.
    """

    days: Ints
    pence: Pence
    top_up: Pence
    before_caps: Pence
    cap_binds: npt.NDArray[np.bool_]
    outcome_days: Ints

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


def payments(counts: Counts, plan: Plan, scenario: Scenario) -> Payments:
    """Return what the scenario's contract pays.

    Order: terms; then the caps of a borough's financial year, of a borough, of the contract; then the top-up. The
    payments of a period are dated its last day plus the contract's lag.
    """
    contract, periods = scenario.contract, plan.outcome_periods
    due = gross(contract, counts, plan, "therapy")
    paid = capped(due, contract, periods.financial_years())
    by_borough = paid.sum(axis=-1)
    top_up, unpaid = topped_up(by_borough, contract.top_up)
    before_caps = due.sum(axis=(1, 2, -1))
    return Payments(
        days=np.array(periods.edges[1:]) - 1 + contract.lag_days,
        pence=reduced(paid, by_borough - unpaid),
        top_up=top_up,
        before_caps=before_caps,
        cap_binds=by_borough.sum(axis=(1, 2)) < before_caps,
        outcome_days=np.stack([_outcome_days(contract, counts, plan, arm) for arm in ARMS], axis=1),
    )


def gross(contract: Contract, counts: Counts, plan: Plan, arm: str) -> Pence:
    """Return what the terms come to in an arm's lives, before caps: (replication, borough, outcome period, term)."""
    shape = (counts.n_replications, plan.n_boroughs, plan.n_outcome_periods)
    terms = [_term(term, counts, plan, arm) for term in contract.terms]
    return np.stack(terms, axis=-1) if terms else np.zeros((*shape, 0), dtype=np.int64)


def _term(term: Term, counts: Counts, plan: Plan, arm: str) -> Pence:
    """Return what one term comes to: (replication, borough, outcome period)."""
    if isinstance(term, PerCareDaySaved):
        return saved_day_payments(term, counts, plan, arm)
    return whole(_units(term, counts, arm) * (term.price_gbp * 100))


def _units(term: PerStart | PerCompletion | PerWeekOutOfCare, counts: Counts, arm: str) -> npt.NDArray[np.int32]:
    match term:
        case PerStart():
            return counts.served("started")
        case PerCompletion():
            return counts.served("completed")
        case PerWeekOutOfCare():
            return counts.outcome(arm, "paid_units", OWN_TRACK)


def _outcome_days(contract: Contract, counts: Counts, plan: Plan, arm: str) -> Ints:
    """Return the days of outcome for which the outcome terms would pay in an arm: (replication,)."""
    days = np.zeros(counts.n_replications, dtype=np.int64)
    for term in contract.terms:
        if isinstance(term, PerWeekOutOfCare):
            days += 7 * summed(_units(term, counts, arm), 1, 2)
        elif isinstance(term, PerCareDaySaved):
            saved, settles = saved_days(term, counts, plan, arm), settlement_periods(plan.outcome_periods)
            # One unit a day: the settlement then counts the days themselves.
            days += summed(settled(saved, settles), 1, 2, -1)
    return days


def saved_day_payments(term: PerCareDaySaved, counts: Counts, plan: Plan, arm: str) -> Pence:
    """Return what days saved are paid in an arm: (replication, borough, outcome period)."""
    value = saved_days(term, counts, plan, arm) * (term.price_gbp * 100)
    return summed(settled(value, settlement_periods(plan.outcome_periods)), 1)


def saved_days(term: PerCareDaySaved, counts: Counts, plan: Plan, arm: str) -> Floats:
    """Return care days saved to the end of each period: (replication, netted group, borough, outcome period).

    saved = sum over periods of baseline share x tracked days - care days. Netting over the contract adds the intake
    groups into one netted group; otherwise each intake period is one.
    """
    intake = counts.intake[:, ARMS.index(arm), plan.intake_tracks.index(OWN_TRACK)].swapaxes(1, 2)
    tracked, care = intake[..., INTAKE.index("tracked_days")], intake[..., INTAKE.index("care_days")]
    saved = baseline_shares(term, plan)[None, :, None, :] * tracked - care
    if term.netting == "contract":
        saved = saved.sum(axis=1, keepdims=True)
    return np.cumsum(saved, axis=-1)


def baseline_shares(term: PerCareDaySaved, plan: Plan) -> Floats:
    """Return the baseline share in care: (intake period, outcome period), by quarters since the intake's quarter."""
    shares = np.atleast_1d(np.array(term.baseline_share, dtype=np.float64))
    quarters = _quarters(plan.outcome_periods)
    since = quarters[None, :] - quarters[: plan.n_intake_periods, None]
    return np.asarray(shares[np.clip(since, 0, len(shares) - 1)])


def _quarters(periods: Periods) -> Ints:
    """Return a running number of each period's calendar quarter."""
    months = [when.year * MONTHS_PER_YEAR + when.month - 1 for when in periods.first_dates()]
    return np.array(months, dtype=np.int64) // MONTHS_PER_PERIOD["quarter"]


def settlement_periods(periods: Periods) -> npt.NDArray[np.bool_]:
    """Return the periods that end a calendar quarter, and the last: (period,)."""
    return np.append(np.diff(_quarters(periods)) > 0, True)


def settled(value: Floats, settles: npt.NDArray[np.bool_]) -> Pence:
    """Return the payments that settle a running account with a high-water mark and no clawback.

    value: (..., borough, period), running total in pence, may fall; settles: (period,). Returns the same shape.
    At each settlement the boroughs together pay the rise of their summed total above the highest total paid before;
    a shortfall carries forward. They share the rise in proportion to what each owes on its own children: its own
    running total less what it has paid so far, floored at nil. These claims always add up to the rise or more, so no
    borough pays for more than its own children have saved to date. Caps come later: what they cut is not made up.
    """
    result = np.zeros(value.shape, dtype=np.int64)
    paid = np.zeros(value.shape[:-1], dtype=np.int64)
    for period in np.flatnonzero(settles):
        owed = value[..., period]
        rise = np.maximum(whole(owed.sum(axis=-1)) - paid.sum(axis=-1), 0)
        result[..., period] = share_out(rise, np.maximum(owed - paid, 0))
        paid += result[..., period]
    return result


def capped(due: Pence, contract: Contract, years: list[str]) -> Pence:
    """Return payments after the caps of a borough's financial year, of a borough and of the contract.

    due: (replication, borough, period, term); years: (period,), by which outcomes count to a financial year. A cap
    lets the running total grow up to itself; where it binds in a period, that period's payments are cut pro rata over
    terms (the contract's cap: over boroughs and terms), odd pennies by largest remainder.
    """
    paid = due
    if contract.borough_year_cap_gbp is not None:
        cap = to_pence(contract.borough_year_cap_gbp)
        for year in dict.fromkeys(years):
            at = slice(years.index(year), years.index(year) + years.count(year))
            allowed = allowed_under(cap, paid[:, :, at].sum(axis=-1))
            paid = np.concatenate([paid[:, :, : at.start], reduced(paid[:, :, at], allowed), paid[:, :, at.stop :]], 2)
    if contract.borough_cap_gbp is not None:
        paid = reduced(paid, allowed_under(to_pence(contract.borough_cap_gbp), paid.sum(axis=-1)))
    if contract.cap_gbp is not None:
        n, b, p, t = paid.shape
        flat = paid.swapaxes(1, 2).reshape(n, p, b * t)
        flat = reduced(flat, allowed_under(to_pence(contract.cap_gbp), flat.sum(axis=2)))
        paid = flat.reshape(n, p, b, t).swapaxes(1, 2)
    return paid


def topped_up(by_borough: Pence, top_up: TopUp | None) -> tuple[Pence, Pence]:
    """Return the central payer's part and the part that nobody pays, each (replication, borough, period).

    The central payer owes its share of each payment, rounded to the penny, until its own cap is used up; the rest of
    its share then falls to the borough (unpaid part nil) or to nobody.
    """
    if top_up is None:
        return np.zeros_like(by_borough), np.zeros_like(by_borough)
    owed = whole(by_borough * top_up.share)
    given = owed
    if top_up.cap_gbp is not None:
        by_period = owed.swapaxes(1, 2)
        given = reduced(by_period, allowed_under(to_pence(top_up.cap_gbp), by_period.sum(axis=2))).swapaxes(1, 2)
    return given, owed - given if top_up.after_cap == "unpaid" else np.zeros_like(owed)
