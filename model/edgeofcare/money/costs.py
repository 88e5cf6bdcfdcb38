"""What care costs, what therapy avoids, and what the service costs.

In: counts, plan, scenario. Out: `Costs` and `ServiceCosts`, whole pence. Must not know: contracts, investors, files.
Axes stand in the order replication, arm, track, borough, intake, period, term.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from edgeofcare.calendar import (
    MEAN_DAYS_PER_YEAR,
    Periods,
    date_of,
    day_number,
    discount_factor,
    financial_year,
    periods_between,
)
from edgeofcare.engine.counts import ACCOUNTS, ARMS, TEAM, Counts
from edgeofcare.engine.counts import Ints as CountInts
from edgeofcare.engine.plan import Plan
from edgeofcare.inputs.indices import index_level
from edgeofcare.inputs.schema import PLACEMENTS, Prices, Scenario, Team, YearlyCost
from edgeofcare.money.pence import Floats, Ints, Pence, share_out, summed, to_pence, whole


@dataclass(frozen=True)
class Costs:
    """What care costs and what therapy avoids, pence.

    avoided, marginal, cashable: (replication, borough, outcome period), nominal, inside tracking, usual less therapy.
    real_discounted: (replication,), avoided inside tracking at base-year prices of the whole economy, present value
        at day 0. window, to_18: (replication,), nominal avoided before the end of outcomes, and to the 18th birthday.
    at_base_prices, window_at_base_prices: (replication,), avoided at base-year prices of care, inside tracking and
        before the end of outcomes.
    avoided_days: (replication, borough, outcome period), care days inside tracking, usual less therapy.
    financial_years, year_starts: label and first outcome period of each financial year.
    usual, usual_at_base_prices, usual_days: (replication,), the usual arm's cost (nominal, and at base-year prices of
        care) and care days inside tracking. Blended price per week = sum of cost x 7 / sum of days.
    """

    avoided: Pence
    marginal: Pence
    cashable: Pence
    real_discounted: Pence
    window: Pence
    to_18: Pence
    at_base_prices: Pence
    window_at_base_prices: Pence
    avoided_days: Ints
    financial_years: tuple[str, ...]
    year_starts: Ints
    usual: Pence
    usual_at_base_prices: Pence
    usual_days: Ints

    # By year once for all contracts that are settled on the same lives.

    @cached_property
    def avoided_by_year(self) -> Pence:
        """Return what is avoided, nominal: (replication, borough, financial year)."""
        return self.by_year(self.avoided)

    @cached_property
    def marginal_by_year(self) -> Pence:
        """Return what is avoided at the margin: (replication, borough, financial year)."""
        return self.by_year(self.marginal)

    @cached_property
    def cashable_by_year(self) -> Pence:
        """Return what is avoided and cashable: (replication, borough, financial year)."""
        return self.by_year(self.cashable)

    def by_year(self, by_period: Pence) -> Pence:
        """Add the outcome periods of each financial year, on the last axis."""
        return np.asarray(np.add.reduceat(by_period, self.year_starts, axis=-1))


@dataclass(frozen=True)
class ServiceCosts:
    """What the service costs, pence, by the day on which it is paid.

    days: (date,), ascending, negative before day 0; each lies in the period in which the cost accrues.
    kinds: names of the fixed costs, by key: each team, set-up, management. fixed: (kind, date).
    starts: (replication, date), cost of starts. boroughs_own: (borough, outcome period), what boroughs spend
    themselves on managing the contract, not part of the service's cost.
    """

    days: Ints
    kinds: tuple[str, ...]
    fixed: Pence
    starts: Pence
    boroughs_own: Pence

    @property
    def due(self) -> Pence:
        """Return the whole cost: (replication, date)."""
        return self.starts + summed(self.fixed, 0)


def price_table(prices: Prices, years: list[str], multipliers: list[float], shares: tuple[float, ...]) -> Pence:
    """Return prices of a week of care: (borough, year in the list, placement type), whole pence.

    price = base price x multiplier x share x index(year) / index(base year); shares: (placement type,).
    """
    ratio = {
        (name, year): index_level(index, year) / index_level(index, prices.base_year)
        for name, index in prices.index.items()
        for year in {*years}
    }
    named = [name if name in prices.index else "other" for name in PLACEMENTS]
    base = [gbp * 100 * share for gbp, share in zip(prices.gbp_per_week.values(), shares, strict=True)]
    rows = [[pence * ratio[name, year] for pence, name in zip(base, named, strict=True)] for year in years]
    return whole(np.array(multipliers)[:, None, None] * np.array(rows)[None])


def care_costs(counts: Counts, plan: Plan, scenario: Scenario) -> Costs:
    """Return what care costs and what therapy avoids.

    cost = days x price per week / 7, summed over placement types exactly, then rounded: in a (replication, borough,
    period) inside tracking, in a replication otherwise.
    real_discounted = sum over periods of avoided / (deflator / deflator of the base year) x discount at mid-period
    (at day 0 where the middle of the first period lies before it, for nothing is avoided before day 0).
    """
    tables, n, n_outcome = _price_tables(plan, scenario), len(plan.periods), plan.n_outcome_periods
    nominal = tables.nominal[:, :n_outcome]
    inside = _by_type(_avoided_days(counts, "tracking", n_outcome))
    usual = _by_type(counts.care[:, ARMS.index("usual"), ACCOUNTS.index("tracking"), :, :n_outcome])
    avoided = _per_week(_value(inside, nominal))
    window_days = _avoided_days(counts, "window", n)
    years = plan.outcome_periods.financial_years()
    labels = tuple(dict.fromkeys(years))
    window = summed(window_days * tables.nominal, 1, 2, -1)
    after = summed(_avoided_days(counts, "after", n) * tables.nominal, 1, 2, -1)
    return Costs(
        avoided=avoided,
        marginal=_per_week(_value(inside, tables.marginal)),
        cashable=_per_week(_value(inside, tables.cashable)),
        # Rounded period by period, so that no sum of fractions depends on its order.
        real_discounted=summed(whole(summed(avoided, 1) * tables.real), 1),
        window=_per_week(window),
        to_18=_per_week(window + after),
        at_base_prices=_per_week(summed(_value(inside, tables.at_base), 1, 2)),
        window_at_base_prices=_per_week(summed(window_days * tables.at_base, 1, 2, -1)),
        avoided_days=inside.sum(axis=0),
        financial_years=labels,
        year_starts=np.array([years.index(label) for label in labels]),
        usual=_per_week(summed(_value(usual, nominal), 1, 2)),
        usual_at_base_prices=_per_week(summed(_value(usual, tables.at_base), 1, 2)),
        usual_days=summed(usual, 0, 2, -1),
    )


def cashable_without_therapy(counts: Counts, plan: Plan, scenario: Scenario) -> Pence:
    """Return the cashable cost of care inside tracking without therapy: (replication, borough)."""
    usual = counts.care[:, ARMS.index("usual"), ACCOUNTS.index("tracking"), :, : plan.n_outcome_periods]
    return summed(_per_week(_value(_by_type(usual), _price_tables(plan, scenario).cashable)), 2)


def real_service_cost(cash_days: Ints, costs: Pence, scenario: Scenario) -> Floats:
    """Return service costs at base-year prices of the whole economy, present value at day 0, pence: (replication,).

    cash_days: (date,); costs: (replication, date).
    """
    prices, day_0 = scenario.prices, scenario.clock.day_0
    base = index_level(prices.deflator, prices.base_year)
    real = [
        base
        / index_level(prices.deflator, financial_year(date_of(int(day), day_0)))
        * discount_factor(float(day), prices.discount_rate_per_year)
        for day in cash_days
    ]
    return np.asarray((costs * np.array(real)).sum(axis=1))


def real_value_by_year(plan: Plan, scenario: Scenario) -> Floats:
    """Return a nominal pound's real value at day 0, by financial year of outcomes (mean over the year's periods)."""
    years, real = plan.outcome_periods.financial_years(), real_values(scenario.prices, plan.outcome_periods)
    labels = list(dict.fromkeys(years))
    return np.array([np.mean([r for r, year in zip(real, years, strict=True) if year == label]) for label in labels])


@dataclass(frozen=True)
class PriceTables:
    """Prices of a week of care, pence: (borough, period, placement type); those inside tracking by outcome period.

    at_base has one period; real: (outcome period,), a nominal pound's real value at day 0.
    """

    nominal: Pence
    marginal: Pence
    cashable: Pence
    at_base: Pence
    real: Floats


def _price_tables(plan: Plan, scenario: Scenario) -> PriceTables:
    prices, multipliers = scenario.prices, [b.price_multiplier for b in scenario.boroughs.values()]
    years, full = plan.periods.financial_years(), (1.0,) * len(PLACEMENTS)
    tracked = years[: plan.n_outcome_periods]
    return PriceTables(
        nominal=price_table(prices, years, multipliers, full),
        marginal=price_table(prices, tracked, multipliers, prices.marginal_share.values()),
        cashable=price_table(prices, tracked, multipliers, prices.cashable_share.values()),
        at_base=price_table(prices, [prices.base_year], multipliers, full),
        real=real_values(prices, plan.outcome_periods),
    )


def real_values(prices: Prices, periods: Periods) -> Floats:
    """Return what a pound saved in each period is worth at day 0, in pounds of the base year: (period,)."""
    base = index_level(prices.deflator, prices.base_year)
    return np.array(
        [
            base / index_level(prices.deflator, year) * discount_factor(max(middle, 0.0), prices.discount_rate_per_year)
            for year, middle in zip(periods.financial_years(), periods.middle_days(), strict=True)
        ]
    )


def _avoided_days(counts: Counts, account: str, n_periods: int) -> CountInts:
    """Return an account's care days without therapy less those with: (replication, borough, period, type)."""
    at = ACCOUNTS.index(account)
    usual, therapy = (counts.care[:, ARMS.index(arm), at, :, :n_periods] for arm in ("usual", "therapy"))
    return usual - therapy


def _by_type(days: CountInts) -> Ints:
    """Put the placement type first, in 64 bits, so that each type's days lie together in memory."""
    return np.ascontiguousarray(np.moveaxis(days, -1, 0), dtype=np.int64)


def _value(days: Ints, price: Pence) -> Pence:
    """Return days x weekly price summed over types: (type, replication, borough, period) to the last three."""
    total = np.zeros(days.shape[1:], dtype=np.int64)
    for k in range(len(PLACEMENTS)):
        total += days[k] * price[..., k]
    return total


def _per_week(day_prices: Pence) -> Pence:
    """Divide by 7 to the nearest penny; sevenths have no ties."""
    return (day_prices + 7 // 2) // 7


@dataclass(frozen=True)
class Accrual:
    """A cost that accrues by day: key, pence of each day from its first, paid at the start of each period."""

    key: str
    first: int
    pence_by_day: Floats

    def by_period(self, periods: Periods) -> Pence:
        """Return whole pence by period, whose sum is the whole cost rounded once."""
        running = np.concatenate([[0.0], np.cumsum(self.pence_by_day)])
        edges = np.clip(np.array(periods.edges) - self.first, 0, len(self.pence_by_day))
        return np.diff(whole(running[edges]))


def yearly(key: str, gbp_per_year: float, growth: float, first: int, until: int, origin: int | None = None) -> Accrual:
    """Return a yearly cost spread evenly over its days: pence a day = 100 x GBP x (1 + growth)^year / 365.25.

    first, until: first day with and first day without the cost; year: whole years of 365.25 days since origin (first
    if not given), 0 before it.
    """
    days = np.arange(first, max(until, first)) - (first if origin is None else origin)
    year = np.maximum(days // MEAN_DAYS_PER_YEAR, 0).astype(np.int64)
    levels = np.cumprod([gbp_per_year * 100 / MEAN_DAYS_PER_YEAR, *[1 + growth] * int(year.max(initial=0))])
    return Accrual(key, first, levels[year])


def team_cost(key: str, team: Team, scenario: Scenario) -> Accrual:
    """Return a team's cost by day, from recruitment_days before it opens to the end of delivery.

    The share of the full cost rises evenly, read at mid-day, from cost_start_share on opening over cost_ramp_days.
    """
    day_0, clock = scenario.clock.day_0, scenario.clock
    opens = day_number(team.opens or day_0, day_0)
    until = day_number(clock.delivery_end, day_0)
    full = yearly(key, team.cost_gbp_per_year, team.cost_growth_per_year, opens - team.recruitment_days, until, opens)
    since = full.first + np.arange(len(full.pence_by_day)) + 0.5 - opens
    ramp = np.clip(since / team.cost_ramp_days, 0, 1) if team.cost_ramp_days else np.ones(len(since))
    share = team.cost_start_share + (1 - team.cost_start_share) * ramp
    return Accrual(key, full.first, full.pence_by_day * share)


def management_cost(key: str, cost: YearlyCost, scenario: Scenario) -> Accrual:
    """Return a management cost by day, from its start (or day 0) until its end (or the end of outcomes)."""
    day_0 = scenario.clock.day_0
    first = day_number(cost.starts or day_0, day_0)
    until = day_number(cost.until or scenario.clock.outcomes_end, day_0)
    return yearly(key, cost.gbp_per_year, cost.growth_per_year, first, until)


def service_costs(plan: Plan, scenario: Scenario, counts: Counts) -> ServiceCosts:
    """Return what the service costs by the day on which it is paid.

    A cost that accrues by day is paid on the first day of each calendar period, or on its own first day if later;
    set-up on its date; a start in the period of the start. Days do not depend on the replication.
    """
    accruals = [team_cost(f"teams.{slug}", team, scenario) for slug, team in scenario.teams.items()]
    accruals += [
        management_cost(f"costs.management[{i}]", cost, scenario) for i, cost in enumerate(scenario.costs.management)
    ]
    set_up_day = day_number(scenario.costs.set_up_date or scenario.clock.day_0, scenario.clock.day_0)
    paid = {"costs.set_up_gbp": {set_up_day: to_pence(scenario.costs.set_up_gbp)}}
    paid |= {accrual.key: dict(_instalments(accrual, plan, scenario)) for accrual in accruals}
    starts, start_days = _cost_of_starts(plan, scenario, counts)
    days = sorted({day for by_day in paid.values() for day in by_day} | {*start_days})
    return ServiceCosts(
        days=np.array(days, dtype=np.int64),
        kinds=tuple(paid),
        fixed=np.array([[by_day.get(day, 0) for day in days] for by_day in paid.values()], dtype=np.int64),
        starts=_on_days(starts, np.searchsorted(days, start_days), len(days)),
        boroughs_own=np.array([_own_cost(slug, plan, scenario) for slug in scenario.boroughs], dtype=np.int64),
    )


def _instalments(accrual: Accrual, plan: Plan, scenario: Scenario) -> Iterator[tuple[int, int]]:
    """Yield (day, pence) of each payment of a cost that accrues by day."""
    day_0, last = scenario.clock.day_0, accrual.first + len(accrual.pence_by_day) - 1
    if last < accrual.first:
        return
    periods = periods_between(date_of(accrual.first, day_0), date_of(last, day_0), day_0, scenario.clock.period)
    for edge, pence in zip(periods.edges[:-1], accrual.by_period(periods), strict=True):
        yield max(edge, accrual.first), int(pence)


def _cost_of_starts(plan: Plan, scenario: Scenario, counts: Counts) -> tuple[Pence, list[int]]:
    """Return the cost of starts (replication, period) and the days on which it is paid; no days if starts cost nothing.

    Counts hold a team's starts in total: they are spread over periods as the starts of the boroughs it serves.
    """
    periods = [p for p, edge in enumerate(plan.outcome_periods.edges[:-1]) if edge < plan.delivery_end]
    total = np.zeros((counts.n_replications, len(periods)), dtype=np.int64)
    if not any(team.cost_gbp_per_start for team in scenario.teams.values()):
        return total[:, :0], []
    started = counts.served("started")[:, :, : len(periods)].astype(np.int64)
    for i, team in enumerate(scenario.teams.values()):
        served = [plan.borough_slugs.index(slug) for slug in team.boroughs]
        cost = whole(counts.team[:, i, TEAM.index("starts")] * (team.cost_gbp_per_start * 100))
        total += share_out(cost, started[:, served].sum(axis=1))
    return total, [max(plan.outcome_periods.edges[p], 0) for p in periods]


def _on_days(pence: Pence, at: Ints, n_days: int) -> Pence:
    """Place columns (replication, column) at positions among days: (replication, date)."""
    placed = np.zeros((len(pence), n_days), dtype=np.int64)
    placed[:, at] = pence
    return placed


def _own_cost(slug: str, plan: Plan, scenario: Scenario) -> Pence:
    """Return a borough's own cost from joining to the end of outcomes: (outcome period,)."""
    borough, day_0 = scenario.boroughs[slug], scenario.clock.day_0
    joins = day_number(borough.join_date or day_0, day_0)
    cost = yearly(slug, borough.own_cost_gbp_per_year, 0.0, joins, day_number(scenario.clock.outcomes_end, day_0))
    return cost.by_period(plan.outcome_periods)
