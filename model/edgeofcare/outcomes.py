"""What can be said of a simulated contract: every figure by one name, and the only statistics over replications.

In: settled chunks. Out: `COLUMNS`, `Rows`, `Stat`. Must not know: engines, pools, files, how figures are shown.
Money is kept in whole pence and read in pounds. Axes stand in the order replication, borough, team, year, date.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from edgeofcare.calendar import DAYS_PER_YEAR
from edgeofcare.engine.counts import ARMS, LIVES, SERVICE, Counts
from edgeofcare.engine.plan import Plan
from edgeofcare.inputs.schema import PLACEMENTS, Scenario
from edgeofcare.money.capital import Cashflows, Returns
from edgeofcare.money.costs import Costs, ServiceCosts, cashable_without_therapy, real_service_cost
from edgeofcare.money.exposure import Exposure
from edgeofcare.money.irr import internal_rate
from edgeofcare.money.payments import Payments
from edgeofcare.money.pence import summed

Values = npt.NDArray[Any]
Floats = npt.NDArray[np.float64]
Tail = Literal["high", "low"]
QUANTILES = {"p5": 0.05, "p10": 0.1, "p50": 0.5, "p90": 0.9, "p95": 0.95}
TAIL_SHARE = 0.05  # of replications, in an expected shortfall
PENCE = 100


@dataclass(frozen=True)
class Settlement:
    """One contract settled on a chunk of simulated lives: all that a column may read."""

    counts: Counts
    plan: Plan
    scenario: Scenario
    costs: Costs
    service: ServiceCosts
    paid: Payments
    cash: Cashflows
    earned: Returns
    exposed: Exposure


@dataclass(frozen=True)
class Column:
    """One figure.

    axes: behind the replication. unit: gbp (kept in pence), count, days, weeks, times, rate a year, years, yes or no,
    code. label: for people. bad: which tail harms somebody; None where neither does. of: how it is read from a
    settled chunk, an array of (replication, *axes).
    """

    axes: tuple[str, ...]
    unit: str
    label: str
    bad: Tail | None
    of: Callable[[Settlement], Values]


# ---- readers ---------------------------------------------------------------------------------------------------


def _served(measure: str, s: Settlement) -> Values:
    return summed(s.counts.served(measure), 2)


def _outcome(arm: str, measure: str, s: Settlement) -> Values:
    return summed(s.counts.outcome(arm, measure), 2)


def _lives(arm: str, measure: str, s: Settlement) -> Values:
    return np.asarray(s.counts.lives[:, ARMS.index(arm), :, LIVES.index(measure)])


def _left_queue(s: Settlement) -> Values:
    return np.asarray(sum(_served(name, s) for name in SERVICE if name.startswith("left_")))


def _tranches(read: Callable[[Returns], Values], s: Settlement) -> Values:
    """Return a figure of each repayable tranche: (replication, tranche, ...)."""
    each = [read(tranche) for tranche in s.earned.tranches.values()]
    return np.stack(each, axis=1) if each else np.zeros((s.counts.n_replications, 0))


def _tranche_flows(s: Settlement) -> Values:
    """Return the net flows of each repayable tranche, pence: (replication, tranche, date)."""
    return np.stack([flows.net for flows in s.cash.repayable.values()], axis=1)


def _real_service_cost(s: Settlement) -> Values:
    """Return the service's real cost by borough, in proportion to its starts; pounds of the base year, in pence."""
    cost = real_service_cost(s.service.days, s.service.due, s.scenario)
    started = _served("started", s)
    return np.asarray(cost[:, None] * (started / np.maximum(started.sum(axis=1, keepdims=True), 1)))


def _top_up_gain(s: Settlement) -> Values:
    """Return the central payer's share of cashable savings less what it pays, pence: (replication,)."""
    top_up = s.scenario.contract.top_up
    share = top_up.share if top_up else 0
    return np.asarray(share * summed(s.exposed.cashable, 1, 2) - summed(s.paid.top_up, 1, 2))


def _gbp(axes: str, label: str, bad: Tail | None, of: Callable[[Settlement], Values]) -> Column:
    return Column(tuple(axes.split()), "gbp", label, bad, of)


def _count(label: str, of: Callable[[Settlement], Values], unit: str = "count", axes: str = "borough") -> Column:
    return Column(tuple(axes.split()), unit, label, None, of)


CHILDREN_COLUMNS: dict[str, Column] = {
    "referred": _count("Families referred", partial(_served, "referred")),
    "accepted": _count("Families accepted", partial(_served, "accepted")),
    "engaged": _count("Families that engage", partial(_served, "engaged")),
    "started": _count("Starts", partial(_served, "started")),
    "completed": _count("Completions", partial(_served, "completed")),
    "dropped_out": _count("Therapies broken off", partial(_served, "dropped_out")),
    "left_queue": _count("Families that leave the queue", _left_queue),
    "entered_care_waiting": _count("Young people who enter care waiting", partial(_served, "left_care")),
    "lost_patience": _count("Families that stop waiting", partial(_served, "left_patience")),
    "waiting_days": _count("Waiting days of those who start", partial(_served, "waiting_days"), "days"),
    "tracked": _count("Young people tracked", partial(_served, "tracked")),
    "tracked_days": _count("Tracked days", partial(_outcome, "usual", "tracked_days"), "days"),
    "weeks_home_both": _count("Weeks at home in both lives", lambda s: summed(s.counts.both_weeks[:, 0], 2), "weeks"),
    "fewer_days_avoided": _count(
        "Young people with more care days with therapy", partial(_lives, "therapy", "fewer_avoided")
    ),
    "care_days_avoided": _count("Care days avoided", lambda s: s.exposed.avoided_days, "days"),
    "usual_care_days": _count("Care days without therapy", lambda s: s.costs.usual_days, "days", ""),
    "slot_days_used": _count("Team places used", lambda s: s.counts.team[:, :, 0], "days", "team"),
    "slot_days": _count("Team places", lambda s: s.counts.team[:, :, 1], "days", "team"),
    **{
        f"{name}_{arm}": _count(label.format(with_=with_), partial(read, arm, measure), unit)
        for arm, with_ in zip(ARMS, ("without therapy", "with therapy"), strict=True)
        for name, label, read, measure, unit in (
            ("care_days", "Care days {with_}", _outcome, "care_days", "days"),
            ("weeks_home", "Weeks at home {with_}", _outcome, "grid_weeks", "weeks"),
            ("never_in_care", "Never in care while tracked, {with_}", _lives, "never_in_care", "count"),
        )
    },
}

MONEY_COLUMNS: dict[str, Column] = {
    "payments_gbp": _gbp("borough", "Pays itself", "high", lambda s: summed(s.exposed.payments, 2)),
    "payments_by_year_gbp": _gbp("borough year", "Pays itself", "high", lambda s: s.exposed.payments),
    "all_payments_gbp": _gbp("borough", "Paid for outcomes", "high", lambda s: summed(s.paid.by_borough, 2)),
    "payments_before_caps_gbp": _gbp("", "Due before caps", "high", lambda s: s.paid.before_caps),
    "top_up_gbp": _gbp("", "Paid by the top-up fund", "high", lambda s: summed(s.paid.top_up, 1, 2)),
    "top_up_gain_gbp": _gbp("", "The top-up fund's share of savings less its payments", "low", _top_up_gain),
    "due_usual_gbp": _gbp("", "Due for outcomes without therapy", "high", lambda s: s.paid.outcome_pence[:, 0]),
    "due_therapy_gbp": _gbp("", "Due for outcomes with therapy", "high", lambda s: s.paid.outcome_pence[:, 1]),
    "cap_binds": Column((), "yes or no", "A limit on payments is reached", "high", lambda s: s.paid.cap_binds),
    "worst_year_gbp": _gbp("borough", "Most paid in one financial year", "high", lambda s: s.exposed.worst_year),
    "worst_year_together_gbp": _gbp(
        "", "Most paid in one financial year", "high", lambda s: summed(s.exposed.payments, 1).max(axis=1)
    ),
    "avoided_gbp": _gbp("borough", "Care cost avoided", "low", lambda s: summed(s.exposed.avoided, 2)),
    "avoided_by_year_gbp": _gbp("borough year", "Care cost avoided", "low", lambda s: s.exposed.avoided),
    "marginal_gbp": _gbp("borough", "Care cost avoided at the margin", "low", lambda s: summed(s.exposed.marginal, 2)),
    "marginal_by_year_gbp": _gbp(
        "borough year", "Care cost avoided at the margin", "low", lambda s: s.exposed.marginal
    ),
    "cashable_gbp": _gbp("borough", "of it cashable", "low", lambda s: summed(s.exposed.cashable, 2)),
    "cashable_by_year_gbp": _gbp("borough year", "of it cashable", "low", lambda s: s.exposed.cashable),
    "other_costs_gbp": _gbp("borough", "Own costs", "high", lambda s: summed(s.exposed.other_costs, 2)),
    "other_costs_by_year_gbp": _gbp("borough year", "Own costs", "high", lambda s: s.exposed.other_costs),
    "net_saving_gbp": _gbp("borough", "Net saving", "low", lambda s: s.exposed.net_saving),
    "net_saving_by_year_gbp": _gbp("borough year", "Net saving", "low", lambda s: s.exposed.net_saving_by_year),
    "first_year_in_credit": Column(
        ("borough",), "code", "First year in credit", None, lambda s: s.exposed.first_year_in_credit
    ),
    "cashable_care_without_gbp": _gbp(
        "borough",
        "Cashable cost of care without therapy",
        "high",
        lambda s: cashable_without_therapy(s.counts, s.plan, s.scenario),
    ),
    "real_service_cost_gbp": _gbp("borough", "Cost of the service, real", "high", _real_service_cost),
    "avoided_real_discounted_gbp": _gbp(
        "", "Care cost avoided, real and discounted", "low", lambda s: s.costs.real_discounted
    ),
    "avoided_contract_window_gbp": _gbp(
        "", "Care cost avoided before the end of outcomes", "low", lambda s: s.costs.window
    ),
    "avoided_to_18_gbp": _gbp("", "Care cost avoided to 18", "low", lambda s: s.costs.to_18),
    "avoided_at_base_prices_gbp": _gbp(
        "", "Care cost avoided at base-year prices", "low", lambda s: s.costs.at_base_prices
    ),
    "avoided_contract_window_at_base_prices_gbp": _gbp(
        "",
        "Care cost avoided before the end of outcomes, at base-year prices",
        "low",
        lambda s: s.costs.window_at_base_prices,
    ),
    "usual_cost_at_base_prices_gbp": _gbp(
        "", "Care cost without therapy at base-year prices", "high", lambda s: s.costs.usual_at_base_prices
    ),
    "service_cost_gbp": _gbp("", "Cost of the service", "high", lambda s: summed(s.cash.due, 1)),
    "owed_at_worst_gbp": _gbp("", "Most owed to the provider at once", "high", lambda s: s.cash.owed_at_worst),
    "days_owed": Column((), "days", "Days on which the provider is owed", "high", lambda s: s.cash.days_owed),
    "first_day_owed": Column((), "code", "First day on which the provider is owed", None, lambda s: s.cash.first_short),
    "cost_unpaid_gbp": _gbp("", "Never paid to the provider", "high", lambda s: s.cash.never_paid),
    "funding_needed_gbp": _gbp("", "Money needed for nobody to wait", "high", lambda s: s.cash.needed),
    "called_beyond_gbp": _gbp(
        "", "Called from investors beyond their commitment", "high", lambda s: summed(s.cash.called, 1)
    ),
    "redrawn_gbp": _gbp("", "Called again after a first distribution", "high", lambda s: s.cash.redrawn),
}

INVESTOR_FIGURES: dict[str, tuple[str, str, Tail | None, Callable[[Returns], Values]]] = {
    "irr": ("rate a year", "Internal rate of return", "low", lambda r: r.irr),
    "irr_outcome": ("code", "Whether there is one rate of return", None, lambda r: r.outcome),
    "money_multiple": ("times", "Money back for each pound", "low", lambda r: r.money_multiple),
    "profit_gbp": ("gbp", "Profit", "low", lambda r: r.profit),
    "peak_funding_gbp": ("gbp", "Most in the contract at once", "high", lambda r: r.peak_funding),
    "payback_years": ("years", "Years until paid back", "high", lambda r: r.payback_years),
    "npv_gbp": ("gbp", "Net present value at the target rate", "low", lambda r: r.npv),
    "missed_target": ("yes or no", "Misses the target rate", "high", lambda r: r.missing_target),
    "irr_gross": ("rate a year", "Rate of return before fees and carry", "low", lambda r: (r.gross or r).irr),
    "irr_lowest": ("rate a year", "Lowest of several rates of return", None, lambda r: r.lowest_rate),
    "irr_highest": ("rate a year", "Highest of several rates of return", None, lambda r: r.highest_rate),
}


def _of_investors(read: Callable[[Returns], Values], s: Settlement) -> Values:
    return read(s.earned)


INVESTOR_COLUMNS: dict[str, Column] = {
    "flows": Column(("date",), "pence", "Investors' net flows", None, lambda s: s.cash.investor),
    "tranche_flows": Column(("tranche", "date"), "pence", "Net flows of a tranche", None, _tranche_flows),
}
for _name, (_unit, _label, _bad, _of) in INVESTOR_FIGURES.items():
    INVESTOR_COLUMNS[_name] = Column((), _unit, _label, _bad, partial(_of_investors, _of))
    INVESTOR_COLUMNS[f"tranche_{_name}"] = Column(("tranche",), _unit, _label, _bad, partial(_tranches, _of))

COLUMNS: dict[str, Column] = {**CHILDREN_COLUMNS, **MONEY_COLUMNS, **INVESTOR_COLUMNS}


def axis_labels(s: Settlement) -> dict[str, tuple[Any, ...]]:
    """Return what stands along each axis: slugs, financial years, tranches, days of payments."""
    return {
        "borough": tuple(s.plan.borough_slugs),
        "team": tuple(s.plan.team_slugs),
        "year": tuple(s.exposed.financial_years),
        "tranche": tuple(s.earned.tranches),
        "date": tuple(s.cash.days.tolist()),
        "placement": PLACEMENTS,
    }


# ---- statistics ------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Stat:
    """A figure over replications in which it exists.

    n: how many; se: standard error of the mean (between outer draws if there are several); sd; percentiles. None
    where there is no such number.
    """

    n: int
    mean: float | None
    se: float | None
    sd: float | None
    p5: float | None = None
    p10: float | None = None
    p50: float | None = None
    p90: float | None = None
    p95: float | None = None


@dataclass(frozen=True)
class Spread(Stat):
    """A `Stat` with the mean of the worst twentieth, on the side that harms; None for a figure without a bad side."""

    expected_shortfall: float | None = None


@dataclass(frozen=True)
class Paired:
    """A difference on the same random draws: mean, standard error, middle 80%."""

    mean: float
    se: float | None
    p10: float
    p90: float


@dataclass(frozen=True)
class Change:
    """A difference with its standard error; None where either side has no figure."""

    mean: float | None
    se: float | None


@dataclass(frozen=True)
class Against:
    """A figure beside that of a base on the same random draws: its mean, its change, the standard error of the change.

    None where there is no such number.
    """

    value: float | None
    change: float | None
    se: float | None


@dataclass(frozen=True)
class Chance:
    """How often something happens: share of replications, with its standard error."""

    prob: float
    se: float | None
    n: int


def stat(values: Any, draws: Any = None, over: Any = None) -> Stat:
    """Return n, mean, standard error, standard deviation and percentiles over replications in which a figure exists.

    values, over: (replication,); draws: (replication,), the outer draw of each; one draw if not given.
    With `over`, the figure is a ratio: the mean is sum over sum, percentiles are of the replications' own ratios, and
    the standard error is that of the residuals (value - mean x denominator) / mean denominator.
    """
    x = np.asarray(values, dtype=float)
    ratio, below = x, np.ones_like(x)
    if over is not None:
        below = np.asarray(over, dtype=float)
        ratio = np.divide(x, below, out=np.full_like(x, np.nan), where=below != 0)
    there = np.isfinite(ratio)
    n = int(there.sum())
    if n == 0:
        return Stat(0, None, None, None)
    known = ratio[there]
    mean, off = known.mean(), known
    if over is not None:
        mean = x[there].sum() / below[there].sum()
        off = (x[there] - mean * below[there]) / below[there].mean()
    groups = None if draws is None else np.asarray(draws)[there]
    sd = float(known.std(ddof=1)) if n > 1 else None
    return Stat(n, float(mean), standard_error(off, groups), sd, *quantiles(known, QUANTILES.values()))


def quantiles(values: Values, at: Any) -> list[float]:
    """Return quantiles by the one rule of the program: linear between order statistics (numpy's default)."""
    return list(np.quantile(values, list(at)).tolist())


def standard_error(values: Values, draws: Values | None = None) -> float | None:
    """Return the standard error of a mean over replications nested in outer draws; None where it has no meaning.

    sd of draw means / sqrt(draws) with several outer draws, otherwise sd / sqrt(replications).
    """
    x = np.asarray(values, dtype=float)
    means = x if draws is None else draw_means(x, draws)
    spread = means if len(means) > 1 else x
    return float(spread.std(ddof=1) / np.sqrt(len(spread))) if len(spread) > 1 else None


def draw_means(values: Floats, draws: Values) -> Floats:
    """Return the mean in each outer draw, in the order of their numbers."""
    _, group = np.unique(draws, return_inverse=True)
    return np.asarray(np.bincount(group, weights=values) / np.bincount(group))


def variance_within(values: Floats, draws: Values) -> float:
    """Return the variance of replications inside a draw, averaged over draws of as many replications each."""
    _, groups = np.unique(draws, return_inverse=True)
    sizes = np.bincount(groups)
    means = np.bincount(groups, weights=values) / sizes
    squares = np.bincount(groups, weights=(values - means[groups]) ** 2)
    return float((squares / (sizes - 1)).mean())


def ignorance_share(values: Any, draws: Any) -> float | None:
    """Return the share of variance between outer draws, by one-way random effects.

    between = var(draw means) - within / replications a draw; a negative estimate is shown, not cut. None with one
    draw, and with one replication a draw: chance within a draw is then not to be seen.
    """
    x, groups = np.asarray(values, dtype=float), np.unique(draws, return_inverse=True)[1]
    sizes = np.bincount(groups)
    if len(sizes) < 2 or sizes[0] < 2:
        return None
    means = np.bincount(groups, weights=x) / sizes
    within = variance_within(x, groups)
    between = float(means.var(ddof=1)) - within / float(sizes[0])
    total = between + within
    return between / total if total > 0 else None


def paired(difference: Values, draws: Values | None = None) -> Paired:
    """Return mean, standard error and middle 80% of a difference on the same random draws: (replication,)."""
    x = np.asarray(difference, dtype=float)
    low, high = quantiles(x, (0.1, 0.9))
    return Paired(float(x.mean()), standard_error(x, draws), low, high)


def against(here: Values, there: Values, draws: Values | None = None) -> Against:
    """Return a figure beside that of a base: (replication,) each.

    The value is over replications in which it exists, the change over those in which both do.
    """
    x, base = np.asarray(here, dtype=float), np.asarray(there, dtype=float)
    known = np.isfinite(x) & np.isfinite(base)
    if not known.any():
        return Against(None, None, None)
    moved = x[known] - base[known]
    se = standard_error(moved, None if draws is None else draws[known])
    return Against(float(x[np.isfinite(x)].mean()), float(moved.mean()), se)


def rate_against(here: Rows, there: Rows) -> Against:
    """Return the rate of the expected flows beside that of a base on the same random draws; the error by influence.

    At the rate r the mean flows have no net present value V; a replication moves r by -V_i(r) / V'(r).
    """
    rate, base = here.rate(), there.rate()
    if rate is None or base is None:
        return Against(rate, None, None)
    se = None
    if min(rate, base) > -1:
        se = standard_error(_influence(here, rate) - _influence(there, base), here.clusters)
    return Against(rate, rate - base, se)


def _influence(rows: Rows, rate: float) -> Floats:
    """Return how far each replication moves the rate of the expected flows: (replication,)."""
    flows, years = rows.columns["flows"], np.array(rows.labels["date"]) / DAYS_PER_YEAR
    discount = (1 + rate) ** -years
    slope = -(flows.mean(axis=0) * years * discount).sum() / (1 + rate)
    return np.asarray(-(flows @ discount) / slope)


def chance(happens: Values, draws: Values | None = None) -> Chance:
    """Return how often something happens: (replication,), yes or no."""
    x = np.asarray(happens, dtype=float)
    return Chance(float(x.mean()), standard_error(x, draws), len(x))


def expected_shortfall(values: Values, bad: Tail | None) -> float | None:
    """Return the mean of the worst twentieth, at least one: the highest or the lowest; None without a bad side."""
    if bad is None:
        return None
    ordered = np.sort(values)
    n = max(1, round(TAIL_SHARE * len(ordered)))
    return float((ordered[-n:] if bad == "high" else ordered[:n]).mean())


def spread(values: Values, bad: Tail | None, draws: Values | None = None) -> Spread:
    """Return a `Stat` with the mean of the worst twentieth."""
    return Spread(**vars(stat(values, draws)), expected_shortfall=expected_shortfall(values, bad))


# ---- rows ------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Rows:
    """Figures of simulated contracts, one row a replication.

    columns: by name, (replication, *axes), money in whole pence. replications, draws: (replication,), numbers of the
    replication and of its outer draw. labels: what stands along each axis.
    """

    columns: Mapping[str, Values]
    replications: Values
    draws: Values
    labels: Mapping[str, tuple[Any, ...]] = field(default_factory=dict)

    def __len__(self) -> int:
        """Return the number of replications."""
        return len(self.replications)

    def __getitem__(self, name: str) -> Values:
        """Return a column with its axes, money in pounds."""
        return _in_unit(name, self.columns[name])

    @property
    def clusters(self) -> Values | None:
        """Return the outer draw of each replication, None where there is one only."""
        return self.draws if len(self.draws) and self.draws[0] != self.draws[-1] else None

    def at(self, name: str, **places: Any) -> Values:
        """Return a figure by replication, at places along its axes (borough="newham"), summed over the other axes.

        Money in pounds, summed in whole pence. Raises KeyError for an axis or a place that the column has not.
        """
        values, axes = self.columns[name], list(COLUMNS[name].axes)
        for axis, place in places.items():
            if axis not in axes:
                raise KeyError(f"{name} has no axis {axis}")
            values = values.take(self.place(axis, place), axis=1 + axes.index(axis))
            axes.remove(axis)
        over = tuple(range(1, values.ndim))
        return _in_unit(name, values.sum(axis=over) if over else values)

    def place(self, axis: str, label: Any) -> int:
        """Return where a label stands along an axis; raise KeyError if it does not."""
        if label not in self.labels[axis]:
            raise KeyError(f"{axis} {label} is not one of {self.labels[axis]}")
        return self.labels[axis].index(label)

    def stat(self, name: str, over: str | None = None, **places: Any) -> Stat:
        """Return the statistics of a figure, or of its ratio to another."""
        below = None if over is None else self.at(over, **places)
        return stat(self.at(name, **places), self.clusters, below)

    def spread(self, name: str, **places: Any) -> Spread:
        """Return the statistics of a figure with the mean of its worst twentieth, on the side that harms."""
        return spread(self.at(name, **places), COLUMNS[name].bad, self.clusters)

    def chance(self, happens: Values) -> Chance:
        """Return how often something happens, by replication."""
        return chance(happens, self.clusters)

    def prob(self, happens: Any) -> float:
        """Return the share of replications in which something happens."""
        return float(np.asarray(happens).mean())

    def paired(self, difference: Values) -> Paired:
        """Return the statistics of a difference on the same random draws."""
        return paired(difference, self.clusters)

    def rate(self) -> float | None:
        """Return the rate of the investors' flows summed over replications, a year; None without exactly one."""
        return internal_rate(self.columns["flows"].sum(axis=0), np.array(self.labels["date"]))

    def first(self, n: int) -> Rows:
        """Return the first rows."""
        return Rows({k: v[:n] for k, v in self.columns.items()}, self.replications[:n], self.draws[:n], self.labels)


def _in_unit(name: str, values: Values) -> Values:
    return values / PENCE if COLUMNS[name].unit == "gbp" else values


def joined(parts: Sequence[Rows]) -> Rows:
    """Return the rows of all parts, in order; where outer draws move days of payment, the dates are those of all."""
    if len(parts) == 1:
        return parts[0]
    dates = tuple(sorted({day for part in parts for day in part.labels.get("date", ())}))
    parts = [_on_dates(part, dates) for part in parts]
    columns = {name: np.concatenate([part.columns[name] for part in parts]) for name in parts[0].columns}
    numbers, draws = (np.concatenate([getattr(part, name) for part in parts]) for name in ("replications", "draws"))
    return Rows(columns, numbers, draws, parts[0].labels)


def _on_dates(rows: Rows, dates: tuple[Any, ...]) -> Rows:
    """Return rows whose columns by date stand on all these dates, nil where nothing moves."""
    own = rows.labels.get("date", ())
    if own == dates:
        return rows
    columns = dict(rows.columns)
    for name, values in columns.items():
        if COLUMNS[name].axes[-1:] == ("date",):
            columns[name] = np.zeros((*values.shape[:-1], len(dates)), dtype=values.dtype)
            columns[name][..., np.searchsorted(dates, own)] = values
    return replace(rows, columns=columns, labels={**rows.labels, "date": dates})


def read_columns(s: Settlement, names: Sequence[str], draw: int) -> Rows:
    """Return columns of a settled chunk that belongs to one outer draw."""
    first = s.counts.first_replication
    numbers = np.arange(first, first + s.counts.n_replications)
    columns = {name: np.asarray(COLUMNS[name].of(s)) for name in names}
    return Rows(columns, numbers, np.full(len(numbers), draw), axis_labels(s))
