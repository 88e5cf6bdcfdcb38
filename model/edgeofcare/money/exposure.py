"""What a contract means for a borough: what it pays and saves by financial year, the worst year, when it is in credit.

In: costs, payments, plan, scenario. Out: `Exposure`, whole pence. Must not know: investors, files.
Axes stand in the order replication, arm, track, borough, intake, period, term.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from edgeofcare.engine.plan import Plan
from edgeofcare.inputs.schema import Scenario
from edgeofcare.money.costs import Costs, ServiceCosts
from edgeofcare.money.payments import Payments
from edgeofcare.money.pence import Ints, Pence, share_out, summed, whole
from edgeofcare.money.terms import joined_referrals

NEVER = -1


@dataclass(frozen=True)
class Exposure:
    """What each borough pays and saves, pence, by the financial year of the outcome: (replication, borough, year).

    financial_years: labels. payments: the borough's own part. avoided, marginal, cashable: cost of care avoided inside
    tracking. other_costs: the borough's own cost of the contract, support at home for each avoided week, and the
    service's cost where the contract has ended early. avoided_days: (replication, borough), care days avoided inside
    tracking.
    """

    financial_years: tuple[str, ...]
    payments: Pence
    avoided: Pence
    marginal: Pence
    cashable: Pence
    other_costs: Pence
    avoided_days: Ints

    @property
    def worst_year(self) -> Pence:
        """Return the largest payment in one financial year: (replication, borough)."""
        return np.asarray(self.payments.max(axis=2))

    @property
    def net_saving_by_year(self) -> Pence:
        """Return cashable avoided - own part of payments - other costs: (replication, borough, year)."""
        return self.cashable - self.payments - self.other_costs

    @property
    def net_saving(self) -> Pence:
        """Return the net saving over all years: (replication, borough)."""
        return summed(self.net_saving_by_year, 2)

    @property
    def saves(self) -> npt.NDArray[np.bool_]:
        """Return whether a borough's net saving is positive: (replication, borough)."""
        return self.net_saving > 0

    @property
    def first_year_in_credit(self) -> Ints:
        """Return the first year with a cumulative net saving above nil, NEVER if none: (replication, borough)."""
        positive = np.cumsum(self.net_saving_by_year, axis=2) > 0
        return np.where(positive.any(axis=2), positive.argmax(axis=2), NEVER)


def exposure(
    costs: Costs, service: ServiceCosts, paid: Payments, plan: Plan, scenario: Scenario, given_back: Pence | None = None
) -> Exposure:
    """Return what each borough pays and saves.

    given_back: (replication,), what a waterfall returns to those who paid; it goes to boroughs and central payer in
    proportion to what they have paid, in the last year, as less of other costs.
    """
    support = np.array([b.home_support_gbp_per_week for b in scenario.boroughs.values()])
    other = costs.by_year(service.boroughs_own)[None] + _carried_on(service, paid, plan, costs.year_starts)
    if support.any():
        other = other + whole(costs.by_year(costs.avoided_days) * (support[:, None] * 100) / 7)
    own = paid.own
    if given_back is not None and given_back.any():
        weights = np.concatenate([summed(own, 2), summed(paid.top_up, 1, 2)[:, None]], axis=1)
        other = np.broadcast_to(other, (len(own), *other.shape[1:])).copy()
        other[:, :, -1] -= share_out(np.where(weights.any(axis=1), given_back, 0), weights)[:, :-1]
    payments = costs.by_year(np.pad(own, ((0, 0), (0, 0), (0, plan.n_outcome_periods - own.shape[2]))))
    return Exposure(
        financial_years=costs.financial_years,
        payments=payments,
        avoided=costs.avoided_by_year,
        marginal=costs.marginal_by_year,
        cashable=costs.cashable_by_year,
        other_costs=np.broadcast_to(other, payments.shape),
        avoided_days=summed(costs.avoided_days, 2),
    )


def _carried_on(service: ServiceCosts, paid: Payments, plan: Plan, starts: Ints) -> Pence:
    """Return the service's cost after a contract's early end, which boroughs then bear by their expected referrals:
    (replication, borough, year), or one replication of noughts if no contract ends early."""
    n_years = len(starts)
    late = service.days[None, :] >= paid.ends[:, None]
    if not late.any():
        return np.zeros((1, plan.n_boroughs, n_years), dtype=np.int64)
    expected = joined_referrals(plan)[-1]
    due = np.where(late, service.due, 0)
    first_days = np.array(plan.outcome_periods.edges)[starts]
    year = np.clip(np.searchsorted(first_days, service.days, side="right") - 1, 0, n_years - 1)
    by_year = np.stack([summed(due[:, year == i], 1) for i in range(n_years)], axis=1)
    shared = share_out(by_year, np.broadcast_to(expected, (*by_year.shape, plan.n_boroughs)))
    return np.asarray(shared.swapaxes(1, 2))
