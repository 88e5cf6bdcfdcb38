"""What each term of a contract comes to on the lives counted, before indexation, caps and all other modifiers.

In: counts, plan, scenario, service costs. Out: whole pence by replication, borough and outcome period. Must not know:
modifiers, top-ups, investors, files. Axes stand in the order replication, arm, track, borough, intake, period, term.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import singledispatch

import numpy as np
import numpy.typing as npt

from edgeofcare.calendar import MONTHS_PER_PERIOD, Periods, add_months, day_number
from edgeofcare.engine.counts import ARMS, CONTROL, INTAKE, SERVICE, Counts
from edgeofcare.engine.counts import Ints as CountInts
from edgeofcare.engine.plan import MONTHS_PER_YEAR, Plan, term_track
from edgeofcare.inputs.contract import Contract
from edgeofcare.inputs.schema import Scenario
from edgeofcare.inputs.terms.base import Measure, Term, UnitTerm
from edgeofcare.inputs.terms.fees import BlockFee, SelfFinance
from edgeofcare.inputs.terms.ladder import ImprovementLadder
from edgeofcare.inputs.terms.saved_days import PerCareDaySaved
from edgeofcare.money.costs import ServiceCosts, yearly
from edgeofcare.money.pence import Floats, Ints, Pence, share_out, summed, to_pence, whole

# A rung from here on always holds: no improvement is read below it.
WORST_IMPROVEMENT = -10.0
# Improvements, and rates between rungs, are read to so many decimals, so that 1 - 0.3 / 0.5 is 0.4 and stands on a rung
# that begins there.
LADDER_DECIMALS = 12


@dataclass(frozen=True)
class Counted:
    """What a term's formula may read: one arm's lives as counted, on the track of the term (0 if it has none)."""

    counts: Counts
    plan: Plan
    scenario: Scenario
    service: ServiceCosts
    arm: str
    track: int

    def of(self, measure: Measure) -> CountInts:
        """Return what was counted: (replication, borough, outcome period). Starts and completions: of both arms."""
        if measure in SERVICE:
            return self.counts.served(measure)
        return self.counts.outcome(self.arm, measure, self.track)


def term_pence(
    term: Term, contract: Contract, counts: Counts, plan: Plan, scenario: Scenario, service: ServiceCosts, arm: str
) -> Pence:
    """Return what one term comes to in an arm's lives: (replication, borough, outcome period).

    Starts, completions and the cost of the service are the same in both arms. Raises OptionError if the plan was made
    without the term's window.
    """
    return formula(term, counted_for(term, contract, counts, plan, scenario, service, arm))


def counted_for(
    term: Term, contract: Contract, counts: Counts, plan: Plan, scenario: Scenario, service: ServiceCosts, arm: str
) -> Counted:
    """Return what a term's formula may read; raise OptionError if the plan was made without the term's window."""
    return Counted(counts, plan, scenario, service, arm, track_place(term, contract, plan, scenario))


@singledispatch
def formula(term: Term, lived: Counted) -> Pence:
    """Return what a term comes to, before modifiers: (replication, borough, outcome period).

    One function for each kind of term stands below; all that pay a price for each whole unit share the first.
    """
    raise NotImplementedError(f"money/terms.py has no formula for {term.pays}")


@formula.register
def _units_at_a_price(term: UnitTerm, lived: Counted) -> Pence:
    """units x price, less the share of the price that is not paid."""
    return priced(lived.of(term.measure), term.gbp_per_unit)


@formula.register
def _days_saved(term: PerCareDaySaved, lived: Counted) -> Pence:
    return saved_day_payments(term, lived.counts, lived.plan, lived.arm, lived.track)


@formula.register
def _ladder(term: ImprovementLadder, lived: Counted) -> Pence:
    return ladder_payments(term, lived.counts, lived.plan, lived.arm, lived.track)


@formula.register
def _fee(term: BlockFee, lived: Counted) -> Pence:
    return block_fee(term, lived.plan, lived.scenario, lived.service)


@formula.register
def _loans(term: SelfFinance, lived: Counted) -> Pence:
    return loan_payments(term, lived.plan, lived.scenario, lived.service)


def track_place(term: Term, contract: Contract, plan: Plan, scenario: Scenario) -> int:
    """Return the place of a term's track in the plan, 0 without a window; raise OptionError if the plan lacks it."""
    wanted = term_track(term, contract, scenario)
    return plan.track_of(wanted) if wanted else 0


def priced(units: CountInts, gbp: float) -> Pence:
    """Return units x price, each amount rounded to the penny."""
    return whole(units * (gbp * 100))


def period_after_months(n_months: int, plan: Plan) -> int | None:
    """Return the outcome period with the last day of the first n months from day 0; None after the last period.

    12 months from 1 April end on 31 March: what is read there is what happened in them.
    """
    day_0, periods = plan.periods.day_0, plan.outcome_periods
    last_day = day_number(add_months(day_0, n_months), day_0) + day_0.day - 2
    return periods.index(last_day) if last_day < periods.edges[-1] else None


# ---- days saved below a baseline ---------------------------------------------------------------------------------


def saved_day_payments(term: PerCareDaySaved, counts: Counts, plan: Plan, arm: str, track: int) -> Pence:
    """Return what days saved are paid in an arm: (replication, borough, outcome period)."""
    value = saved_days(term, counts, plan, arm, track) * (term.price_gbp * 100)
    return summed(settled(value, settlement_periods(plan.outcome_periods)), 1)


def saved_days(term: PerCareDaySaved, counts: Counts, plan: Plan, arm: str, track: int) -> Floats:
    """Return care days saved to the end of each period: (replication, netted group, borough, outcome period).

    saved = sum over periods of baseline share x tracked days - care days. Netting over the contract adds the intake
    groups into one netted group; otherwise each quarter of intake is one. One flat share needs no intake groups.
    """
    if not term.needs_intake:
        tracked, care = counts.outcome(arm, "tracked_days", track), counts.outcome(arm, "care_days", track)
        return np.cumsum(baseline_shares(term, plan)[0, 0] * tracked - care, axis=-1)[:, None]
    intake = counts.intake[:, ARMS.index(arm), plan.intake_tracks.index(track)].swapaxes(1, 2)
    tracked, care = intake[..., INTAKE.index("tracked_days")], intake[..., INTAKE.index("care_days")]
    saved = baseline_shares(term, plan)[None, :, None, :] * tracked - care
    if term.netting == "contract":
        saved = saved.sum(axis=1, keepdims=True)
    else:
        quarters = _quarters(plan.outcome_periods)[: saved.shape[1]]
        saved = np.add.reduceat(saved, np.flatnonzero(np.diff(quarters, prepend=quarters[0] - 1)), axis=1)
    return np.cumsum(saved, axis=-1)


def baseline_shares(term: PerCareDaySaved, plan: Plan) -> Floats:
    """Return the baseline share in care: (intake period, outcome period), by quarters since the intake's quarter."""
    shares = np.atleast_1d(np.array(term.baseline_share, dtype=np.float64))
    quarters = _quarters(plan.outcome_periods)
    since = quarters[None, :] - quarters[: max(plan.n_intake_periods, 1), None]
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
        rises = rise > 0
        due = share_out(rise[rises], np.maximum(owed[rises] - paid[rises], 0))
        result[rises, :, period] = due
        paid[rises] += due
    return result


# ---- the ladder --------------------------------------------------------------------------------------------------


def settlement_months(term: ImprovementLadder, plan: Plan) -> dict[int, int]:
    """Return the settlements of a ladder: outcome period to month; of several in one period the last month stands.

    A month after the last outcome period is settled in the last, as it would be on its own date.
    """
    last = plan.n_outcome_periods - 1
    found = {month: period_after_months(month, plan) for month in term.settle_months}
    return {last if period is None else period: month for month, period in found.items()}


def ladder_payments(term: ImprovementLadder, counts: Counts, plan: Plan, arm: str, track: int) -> Pence:
    """Return what a ladder pays in an arm: (replication, borough, outcome period).

    principal: principal x rate x years since the settlement before (compound: principal x ((1 + rate)^years - 1)), at
    the last settlement also the rung's share of the principal; boroughs share by expected referrals.
    per_care_day_reduced: rung x (control's share x tracked days - care days) to date; per_start: rung x starts to
    date; both less the most paid before, never below nil, shared by tracked days or starts to date.
    """
    settlements = settlement_months(term, plan)
    at = list(settlements)
    result = np.zeros((counts.n_replications, plan.n_boroughs, plan.n_outcome_periods), dtype=np.int64)
    if term.principal_gbp is not None:
        result[:, :, at] = by_referrals(whole(_on_principal(term, counts, plan, arm, track)), plan, at)
        return result
    rate = rates(term, improvement(term, counts, plan, arm, track, at)) * 100
    if term.base == "per_start":
        own = counts.served("started")
        owed = rate * _to_date(own, at)
    else:
        own, care = (counts.outcome(arm, of, track) for of in ("tracked_days", "care_days"))
        fewer = control_share(term, counts, plan, track, at) * _to_date(own, at) - _to_date(care, at)
        owed = rate * np.maximum(np.nan_to_num(fewer), 0)
    due = np.diff(np.maximum.accumulate(whole(owed), axis=1), axis=1, prepend=0)
    own_to_date = np.cumsum(own, axis=-1, dtype=np.int64)[..., at]
    result[:, :, at] = share_out(due, own_to_date.swapaxes(1, 2)).swapaxes(1, 2)
    return result


def _on_principal(term: ImprovementLadder, counts: Counts, plan: Plan, arm: str, track: int) -> Floats:
    """Return interest, and at the last settlement principal, in pence: (replication, settlement)."""
    assert term.principal_gbp is not None  # the schema asks for it with this base
    settlements, principal = settlement_months(term, plan), to_pence(term.principal_gbp)
    improved = improvement(term, counts, plan, arm, track, list(settlements))
    rate = floored_rates(term, improved, list(settlements.values()))
    years = np.diff([0, *settlements.values()]) / MONTHS_PER_YEAR
    interest = (1 + rate) ** years - 1 if term.compound else rate * years
    due: Floats = interest * principal
    due[:, -1] += rungs(term, "principal_share", improved[:, -1]) * principal
    return due


def floored_rates(term: ImprovementLadder, improved: Floats, months: list[int]) -> Floats:
    """Return the rate a year of each settlement, (replication, settlement), with the floor while it holds."""
    floor = np.array([term.floor_rate_per_year if month <= term.floor_until_month else 0.0 for month in months])
    return np.asarray(np.maximum(rates(term, improved), floor))


def rates(term: ImprovementLadder, improved: Floats) -> Floats:
    """Return the rate at each improvement; nil below the first rung and if unknown.

    step: that of the last rung reached. straight, between rung k and the next: rate_k + (rate_k+1 - rate_k) x
    (improvement - from_k) / (from_k+1 - from_k); from the last rung on its own rate.
    """
    step = rungs(term, "rate", improved)
    if term.between_rungs == "step" or len(term.bands) == 1:
        return step
    starts, rate = (np.array([getattr(band, key) for band in term.bands]) for key in ("from_improvement", "rate"))
    at = np.searchsorted(starts, improved, side="right") - 1
    k = np.clip(at, 0, len(starts) - 2)
    line = rate[k] + (rate[k + 1] - rate[k]) * (improved - starts[k]) / (starts[k + 1] - starts[k])
    between = (at >= 0) & (at < len(starts) - 1) & ~np.isnan(improved)
    return np.asarray(np.where(between, np.round(line, LADDER_DECIMALS), step))


def rungs(term: ImprovementLadder, value: str, improved: Floats) -> Floats:
    """Return the rung's `rate` or `principal_share` at each improvement; nil below the first rung and if unknown."""
    at = np.searchsorted([band.from_improvement for band in term.bands], improved, side="right")
    values = np.array([0.0, *(getattr(band, value) for band in term.bands)])
    return np.asarray(values[np.where(np.isnan(improved), 0, at)])


def ladder_rate(contract: Contract, counts: Counts, plan: Plan, scenario: Scenario) -> Floats:
    """Return the rate a year in force at and after each settlement of the first ladder on a principal.

    (replication, outcome period); nan before the first settlement, and without such a ladder.
    """
    result = np.full((counts.n_replications, plan.n_outcome_periods), np.nan)
    for term in contract.terms:
        if isinstance(term, ImprovementLadder) and term.principal_gbp is not None:
            track, settlements = track_place(term, contract, plan, scenario), settlement_months(term, plan)
            improved = improvement(term, counts, plan, "therapy", track, list(settlements))
            rate = floored_rates(term, improved, list(settlements.values()))
            for k, period in enumerate(settlements):
                result[:, period:] = rate[:, [k]]
            break
    return result


def improvement(term: ImprovementLadder, counts: Counts, plan: Plan, arm: str, track: int, at: list[int]) -> Floats:
    """Return an arm's improvement over the control, on all outcomes to the end of periods: (replication, period).

    1 - share in care / control's share, or control's share - share in care, over all boroughs together. nan while
    either group has no tracked days. A control without a day in care is matched (improvement nil) or not (the worst).
    """
    tracked, care = (_to_date(counts.outcome(arm, of, track), at) for of in ("tracked_days", "care_days"))
    share, control = _ratio(care, tracked), control_share(term, counts, plan, track, at)
    if term.improvement == "points":
        better = control - share
    else:
        against_none = np.where(share > 0, WORST_IMPROVEMENT, 0 * share)
        better = np.where(control == 0, against_none, 1 - _ratio(share, control))
    return np.asarray(np.maximum(np.round(better, LADDER_DECIMALS), WORST_IMPROVEMENT))


def control_share(term: ImprovementLadder, counts: Counts, plan: Plan, track: int, at: list[int]) -> Floats:
    """Return the control's share of tracked days in care to the end of periods: (replication, period).

    A matched control's odds are shifted by its bias: odds x e^bias.
    """
    if term.control_care_share is not None:
        return np.full((counts.n_replications, len(at)), term.control_care_share)
    lived = counts.control[:, plan.control_tracks.index(track)]
    tracked, care = (_to_date(lived[..., CONTROL.index(of)], at) for of in ("tracked_days", "care_days"))
    share = _ratio(care, tracked)
    if term.control == "matched":
        odds = share * np.exp(term.match_bias_log_or)
        share = odds / (1 - share + odds)
    return share


def _to_date(by_period: CountInts, at: list[int]) -> Ints:
    """Return running totals of all boroughs to the end of some periods: (replication, period)."""
    return np.cumsum(summed(by_period, 1), axis=1)[:, at]


def _ratio(part: Ints | Floats, of: Ints | Floats) -> Floats:
    """Return part / whole, nan where the whole is nil (or nan)."""
    return np.divide(part, of, out=np.full(np.shape(of), np.nan), where=of > 0)


# ---- fees and loans ----------------------------------------------------------------------------------------------


def block_fee(term: BlockFee, plan: Plan, scenario: Scenario, service: ServiceCosts) -> Pence:
    """Return a fixed fee, or cost with a margin: (replication, borough, outcome period)."""
    if term.cost_margin_share is not None:
        return by_referrals(whole(cost_by_period(service, plan) * (1 + term.cost_margin_share)), plan)
    assert term.gbp_per_year is not None  # the schema asks for one of the two
    day_0 = plan.periods.day_0
    first = day_number(term.starts or day_0, day_0)
    until = day_number(term.until or scenario.clock.delivery_end, day_0)
    fee = accrued(term.gbp_per_year, first, until, plan.outcome_periods)
    return by_referrals(np.repeat(fee[None], len(service.starts), axis=0), plan)


def accrued(gbp_per_year: float, first: int, until: int, periods: Periods) -> Pence:
    """Return a yearly sum that accrues evenly by day from first to before until: (period,), rounded once in all.

    What accrues before the first period counts to the first, after the last to the last.
    """
    edges = (min(first, periods.edges[0]), *periods.edges[1:-1], max(until, periods.edges[-1]))
    return yearly("", gbp_per_year, 0.0, first, until).by_period(Periods(periods.day_0, edges))


def cost_by_period(service: ServiceCosts, plan: Plan) -> Pence:
    """Return the service's cost by the outcome period in which it is due, the first and last periods open-ended."""
    due, periods = service.due, plan.outcome_periods
    total = np.zeros((len(due), len(periods)), dtype=np.int64)
    for i, day in enumerate(service.days.tolist()):
        total[:, periods.index(day)] += due[:, i]
    return total


def loan_payments(term: SelfFinance, plan: Plan, scenario: Scenario, service: ServiceCosts) -> Pence:
    """Return the instalments of the loans that pay for each period's cost: (replication, borough, outcome period)."""
    per_year = MONTHS_PER_YEAR / MONTHS_PER_PERIOD[scenario.clock.period]
    n_instalments = max(round(term.loan_years * per_year), 1)
    rate = (1 + term.rate_per_year) ** (1 / per_year) - 1
    cost, due = cost_by_period(service, plan), np.zeros((len(service.starts), plan.n_outcome_periods))
    for period, schedule in enumerate(repayments(n_instalments, rate, plan.n_outcome_periods)):
        due += cost[:, [period]] * schedule
    return by_referrals(whole(due), plan)


def repayments(n_instalments: int, rate: float, n_periods: int) -> Floats:
    """Return what is repaid of one pound lent in each period: (period of the loan, period of payment).

    Equal instalments r / (1 - (1 + r)^-n) from the next period on; in the last period the balance still outstanding
    is repaid too, which is the value then of the instalments left.
    """
    table = np.zeros((n_periods, n_periods))
    instalment = 1 / _annuity(n_instalments, rate)
    for lent in range(n_periods):
        table[lent, lent + 1 : lent + 1 + n_instalments] = instalment
        left = lent + n_instalments - (n_periods - 1)
        table[lent, -1] += instalment * _annuity(max(left, 0), rate)
    return table


def _annuity(n_periods: int, rate: float) -> float:
    """Return the present value of one pound at the end of each of n periods."""
    return sum((1 + rate) ** -k for k in range(1, n_periods + 1))


def by_referrals(total: Pence, plan: Plan, at: list[int] | None = None) -> Pence:
    """Share sums of the whole contract among boroughs that have joined, by their expected referrals over its life.

    total: (replication, period), for the outcome periods `at` (all if not given). Returns (replication, borough,
    period), to be read only. Before any borough has joined all share; without any expected referrals all alike.
    """
    weights = joined_referrals(plan)
    weights = weights if at is None else weights[at]
    # Most of these sums do not depend on luck: they are shared out once.
    one = total[:1] if bool((total == total[:1]).all()) else total
    shares = share_out(one, weights).swapaxes(1, 2)
    return np.broadcast_to(shares, (len(total), *shares.shape[1:]))


def joined_referrals(plan: Plan) -> Floats:
    """Return expected referrals over the contract's life of boroughs that have joined by the end of each period."""
    until_day, in_all = plan.cumulative_referrals, plan.cumulative_referrals[:, -1]
    ends = np.clip(plan.outcome_periods.edges[1:], 0, until_day.shape[1] - 1)
    joined = np.where(until_day[:, ends] > 0, in_all[:, None], 0.0).T
    everybody = in_all if in_all.any() else np.ones_like(in_all)
    return np.where(joined.any(axis=1, keepdims=True), joined, everybody)
