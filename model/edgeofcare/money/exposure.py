"""What a contract means for a borough: payments by financial year, the worst year, the net saving.

In: costs, payments, counts, plan, scenario. Out: `Exposure`, whole pence. Must not know: investors, files.
Axes stand in the order replication, arm, track, borough, intake, period, term.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from edgeofcare.engine.counts import ACCOUNTS, ARMS, Counts
from edgeofcare.engine.plan import Plan
from edgeofcare.inputs.schema import Scenario
from edgeofcare.money.costs import Costs, ServiceCosts
from edgeofcare.money.payments import Payments
from edgeofcare.money.pence import Ints, Pence, summed, whole


@dataclass(frozen=True)
class Exposure:
    """What each borough pays and saves, pence.

    financial_years: labels. payments: (replication, borough, financial year), the borough's own part, by the year of
    the outcome. worst_year: (replication, borough), the largest of these. avoided_days: (replication, borough), care
    days avoided inside tracking. net_saving: (replication, borough) = cashable avoided inside tracking - own part of
    payments - own cost - home support x avoided weeks.
    """

    financial_years: tuple[str, ...]
    payments: Pence
    worst_year: Pence
    avoided_days: Ints
    net_saving: Pence

    @property
    def saves(self) -> npt.NDArray[np.bool_]:
        """Return whether a borough's net saving is positive: (replication, borough)."""
        return self.net_saving > 0


def exposure(
    costs: Costs, service: ServiceCosts, paid: Payments, counts: Counts, plan: Plan, scenario: Scenario
) -> Exposure:
    """Return what each borough pays and saves."""
    years, own = plan.outcome_periods.financial_years(), paid.own
    labels = tuple(dict.fromkeys(years))
    by_year = np.stack([summed(own[:, :, np.array(years) == label], 2) for label in labels], axis=2)
    avoided_days = _avoided_days(counts)
    support = np.array([b.home_support_gbp_per_week for b in scenario.boroughs.values()])
    return Exposure(
        financial_years=labels,
        payments=by_year,
        worst_year=by_year.max(axis=2),
        avoided_days=avoided_days,
        net_saving=summed(costs.cashable, 2)
        - summed(own, 2)
        - summed(service.boroughs_own, 1)
        - whole(avoided_days * (support * 100) / 7),
    )


def _avoided_days(counts: Counts) -> Ints:
    tracking = summed(counts.care[:, :, ACCOUNTS.index("tracking")], -2, -1)
    return tracking[:, ARMS.index("usual")] - tracking[:, ARMS.index("therapy")]
