"""What a run says: one row of figures for each replication, and statistics over the rows.

In: counts and money of a chunk. Out: `Tables` (rows), and the summary that `--json` prints. Must not know: files,
engines, how rows are shown.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from edgeofcare.engine.counts import ARMS, LIVES, SERVICE, Counts
from edgeofcare.engine.parameters import Drawn
from edgeofcare.engine.plan import Plan
from edgeofcare.inputs.schema import Scenario
from edgeofcare.money.capital import Cashflows, Returns
from edgeofcare.money.costs import Costs
from edgeofcare.money.exposure import Exposure
from edgeofcare.money.irr import IRR_OUTCOMES
from edgeofcare.money.payments import Payments

Floats = npt.NDArray[np.float64]
QUANTILES = {"p5": 0.05, "p10": 0.1, "p50": 0.5, "p90": 0.9, "p95": 0.95}
PENCE = 100


ROWS = ("replications", "boroughs", "borough_years")


@dataclass(frozen=True)
class Tables:
    """A run's rows.

    replications: one row each. boroughs: one row for each replication and borough. borough_years: what each borough
    pays itself in each financial year. draws: what each outer draw takes for true (input values under their paths).
    flows: the investor's net flows summed over replications, by day, in pence.
    """

    replications: pd.DataFrame
    boroughs: pd.DataFrame
    borough_years: pd.DataFrame
    draws: pd.DataFrame
    flows: pd.DataFrame

    def by_name(self) -> dict[str, pd.DataFrame]:
        """Return the tables by name."""
        return dict(vars(self))


def join_tables(parts: Sequence[Tables]) -> Tables:
    """Return the rows of all parts, in order; the investor's flows added up by day."""
    flows = pd.concat([part.flows for part in parts]).groupby("day", as_index=False).sum()
    draws = pd.concat([part.draws for part in parts]).drop_duplicates("draw", ignore_index=True)
    rows = {name: pd.concat([getattr(part, name) for part in parts], ignore_index=True) for name in ROWS}
    return Tables(**rows, draws=draws, flows=flows)


def make_tables(
    number: int,
    drawn: Drawn,
    counts: Counts,
    plan: Plan,
    costs: Costs,
    paid: Payments,
    cash: Cashflows,
    earned: Returns,
    exposed: Exposure,
) -> Tables:
    """Return the rows of one piece of a run: replications that share one outer draw."""
    numbers = np.arange(counts.first_replication, counts.first_replication + counts.n_replications)
    replications = pd.DataFrame(
        {
            "replication": numbers,
            "draw": number,
            **_children(counts),
            **_care(counts),
            "avoided_nominal_gbp": _gbp(costs.avoided, 1, 2),
            "avoided_marginal_gbp": _gbp(costs.marginal, 1, 2),
            "avoided_cashable_gbp": _gbp(costs.cashable, 1, 2),
            "avoided_real_discounted_gbp": _gbp(costs.real_discounted),
            "avoided_contract_window_gbp": _gbp(costs.window),
            "avoided_to_18_gbp": _gbp(costs.to_18),
            "avoided_at_base_prices_gbp": _gbp(costs.at_base_prices),
            "avoided_contract_window_at_base_prices_gbp": _gbp(costs.window_at_base_prices),
            "usual_cost_at_base_prices_gbp": _gbp(costs.usual_at_base_prices),
            "usual_care_days": costs.usual_days,
            "payments_gbp": _gbp(paid.pence, 1, 2, 3),
            "payments_before_caps_gbp": _gbp(paid.before_caps),
            "payments_top_up_gbp": _gbp(paid.top_up, 1, 2),
            "cap_binds": paid.cap_binds,
            "outcome_payments_usual_gbp": _gbp(paid.outcome_pence[:, 0]),
            "outcome_payments_therapy_gbp": _gbp(paid.outcome_pence[:, 1]),
            "irr": earned.irr,
            "irr_outcome": pd.Categorical.from_codes(earned.outcome.astype(int), categories=list(IRR_OUTCOMES)),
            "money_multiple": earned.money_multiple,
            "profit_gbp": _gbp(earned.profit),
            "peak_funding_gbp": _gbp(earned.peak_funding),
            "payback_years": earned.payback_years,
            "service_cost_gbp": _gbp(cash.costs, 1),
            "cost_unpaid_gbp": _gbp(cash.unpaid, 1),
        }
    )
    flows = pd.DataFrame({"day": earned.days.astype(np.int64), "pence": earned.flows.astype(np.int64)})
    boroughs = _boroughs(numbers, counts, plan, costs, exposed)
    return Tables(replications, boroughs, _years(numbers, plan, exposed), _draw(number, drawn), flows)


def _draw(number: int, drawn: Drawn) -> pd.DataFrame:
    row = {
        "draw": number,
        "entry_scale_days": drawn.entry_scale_days,
        "hazard_ratio": drawn.hazard_ratio,
        "out_of_care_usual": drawn.usual,
        "out_of_care_therapy": drawn.therapy,
        "targets_met": drawn.met,
        "base_world": drawn.world,
        "study": drawn.study,
        **drawn.values,
    }
    return pd.DataFrame([row])


def _gbp(pence: npt.NDArray[np.int64], *axes: int) -> Floats:
    return (pence.sum(axis=axes) if axes else pence) / PENCE


def _children(counts: Counts) -> dict[str, Any]:
    served = {name: counts.served(name).sum(axis=(1, 2), dtype=np.int64) for name in SERVICE}
    left = sum(served[name] for name in SERVICE if name.startswith("left_"))
    return {
        **{name: served[name] for name in ("referred", "accepted", "engaged", "started", "completed", "dropped_out")},
        "left_queue": left,
        "entered_care_waiting": served["left_care"],
        "lost_patience": served["left_patience"],
        "tracked": served["tracked"],
        "waiting_days_of_starters": served["waiting_days"],
    }


def _care(counts: Counts) -> dict[str, Any]:
    outcomes = counts.outcomes[:, :, 0].sum(axis=(2, 3), dtype=np.int64)
    never = counts.lives[..., LIVES.index("never_in_care")].sum(axis=2, dtype=np.int64)
    both = counts.both_weeks[:, 0].sum(axis=(1, 2), dtype=np.int64)
    found: dict[str, Any] = {"tracked_days": outcomes[:, 0, 0]}
    for i, arm in enumerate(ARMS):
        found[f"care_days_{arm}"] = outcomes[:, i, 1]
        found[f"weeks_home_{arm}"] = outcomes[:, i, 3]
        found[f"never_in_care_{arm}"] = never[:, i]
    found["weeks_home_both"] = both
    found["children_with_fewer_days_avoided"] = counts.lives[:, 1, :, LIVES.index("fewer_avoided")].sum(axis=1)
    return found


def _boroughs(
    numbers: npt.NDArray[np.int64], counts: Counts, plan: Plan, costs: Costs, exposed: Exposure
) -> pd.DataFrame:
    n = len(plan.borough_slugs)
    return pd.DataFrame(
        {
            "replication": np.repeat(numbers, n),
            "borough": pd.Categorical.from_codes(np.tile(np.arange(n), len(numbers)), list(plan.borough_slugs)),
            "referred": counts.served("referred").sum(axis=2).ravel(),
            "started": counts.served("started").sum(axis=2).ravel(),
            "waiting_days_of_starters": counts.served("waiting_days").sum(axis=2).ravel(),
            "care_days_avoided": exposed.avoided_days.ravel(),
            "avoided_cost_gbp": _gbp(costs.avoided, 2).ravel(),
            "avoided_cashable_gbp": _gbp(costs.cashable, 2).ravel(),
            "payments_gbp": _gbp(exposed.payments, 2).ravel(),
            "worst_year_payment_gbp": _gbp(exposed.worst_year).ravel(),
            "net_saving_gbp": _gbp(exposed.net_saving).ravel(),
        }
    )


def _years(numbers: npt.NDArray[np.int64], plan: Plan, exposed: Exposure) -> pd.DataFrame:
    n, n_years = len(plan.borough_slugs), len(exposed.financial_years)
    index = np.tile(np.repeat(np.arange(n), n_years), len(numbers))
    year = np.tile(np.arange(n_years), len(numbers) * n)
    return pd.DataFrame(
        {
            "replication": np.repeat(numbers, n * n_years),
            "borough": pd.Categorical.from_codes(index, list(plan.borough_slugs)),
            "financial_year": pd.Categorical.from_codes(year, list(exposed.financial_years)),
            "payments_gbp": _gbp(exposed.payments).ravel(),
        }
    )


# ---- statistics ------------------------------------------------------------------------------------------------


def stat(values: Any, draws: Any, over: Any = None) -> dict[str, float | int | None]:
    """Return n, mean, standard error, standard deviation and percentiles over replications in which a figure exists.

    With `over`, the figure is a ratio: the mean is sum over sum, percentiles are of the replications' own ratios.
    Standard error: sd of draw means / sqrt(draws) with several outer draws, otherwise sd / sqrt(n); of a ratio, that of
    its residuals (value - mean x denominator) / mean denominator.
    """
    x = np.asarray(values, dtype=float)
    ratio, below = x, np.ones_like(x)
    if over is not None:
        below = np.asarray(over, dtype=float)
        ratio = np.divide(x, below, out=np.full_like(x, np.nan), where=below != 0)
    there = np.isfinite(ratio)
    n = int(there.sum())
    if n == 0:
        return {"n": 0, "mean": None, "se": None, "sd": None, **dict.fromkeys(QUANTILES)}
    found, groups = ratio[there], np.asarray(draws)[there]
    mean, off = found.mean(), found
    if over is not None:
        mean = x[there].sum() / below[there].sum()
        off = (x[there] - mean * below[there]) / below[there].mean()
    sd = float(found.std(ddof=1)) if n > 1 else None
    return {
        "n": n,
        "mean": float(mean),
        "se": standard_error(off, groups),
        "sd": sd,
        **dict(zip(QUANTILES, np.quantile(found, list(QUANTILES.values())).tolist(), strict=True)),
    }


def standard_error(values: Floats, draws: npt.NDArray[np.int64]) -> float | None:
    """Return the standard error of a mean over replications nested in outer draws; None where it has no meaning."""
    means = pd.Series(values).groupby(draws).mean().to_numpy()
    spread = means if len(means) > 1 else values
    return float(spread.std(ddof=1) / np.sqrt(len(spread))) if len(spread) > 1 else None


def ignorance_share(values: Any, draws: Any) -> float | None:
    """Return the share of variance between outer draws, by one-way random effects.

    between = var(draw means) - within / replications a draw; a negative estimate is shown, not cut. None with one
    draw, and with one replication a draw: chance within a draw is then not to be seen.
    """
    groups = pd.Series(np.asarray(values, dtype=float)).groupby(np.asarray(draws))
    per_draw = groups.size().iloc[0]
    if groups.ngroups < 2 or per_draw < 2:
        return None
    within = float(groups.var(ddof=1).mean())
    between = float(groups.mean().var(ddof=1)) - within / per_draw
    total = between + within
    return between / total if total > 0 else None


def summarise(
    tables: Tables,
    scenario: Scenario,
    head: Mapping[str, Any],
    calibration: Mapping[str, Any],
    irr_of_expected_flows: float | None,
) -> dict[str, Any]:
    """Return the summary of a run, the object that `--json` prints."""
    rows, draws = tables.replications, tables.replications["draw"].to_numpy()

    def of(column: str, over: str | None = None) -> dict[str, float | int | None]:
        return stat(rows[column], draws, None if over is None else rows[over])

    def each(prefix: str, names: Mapping[str, str]) -> dict[str, Any]:
        return {key: of(prefix + name) for key, name in names.items()}

    home = {arm: rows["tracked_days"] - rows[f"care_days_{arm}"] for arm in ARMS}
    shares = {arm: stat(home[arm], draws, rows["tracked_days"]) for arm in ARMS}
    return {
        **head,
        "children": {name: of(name) for name in CHILDREN},
        "waiting_days": of("waiting_days_of_starters", "started"),
        "out_of_care_share": shares,
        "never_in_care_share": {arm: of(f"never_in_care_{arm}", "started") for arm in ARMS},
        "outer_draw_targets_met_share": float(tables.draws["targets_met"].mean()),
        "calibration": {**calibration, "in_run": {arm: shares[arm]["mean"] for arm in ARMS}},
        "care_days": {
            **{arm: of(f"care_days_{arm}") for arm in ARMS},
            "avoided": stat(rows["care_days_usual"] - rows["care_days_therapy"], draws),
        },
        "avoided_cost_gbp": each("avoided_", AVOIDED),
        "blended_price_gbp_per_week": stat(rows["usual_cost_at_base_prices_gbp"] * 7, draws, rows["usual_care_days"]),
        "service_cost_gbp": of("service_cost_gbp"),
        "payments_gbp": {
            "total": of("payments_gbp"),
            "boroughs": stat(rows["payments_gbp"] - rows["payments_top_up_gbp"], draws),
            "top_up": of("payments_top_up_gbp"),
            "before_caps": of("payments_before_caps_gbp"),
        },
        "deadweight_share": of("outcome_payments_usual_gbp", "outcome_payments_therapy_gbp"),
        "deadweight_joint_share": of("weeks_home_both", "weeks_home_therapy"),
        "cap_binds_prob": float(rows["cap_binds"].mean()),
        "investor": _investor(rows, draws, irr_of_expected_flows),
        "variance_share": {
            "avoided_cost_gbp": ignorance_share(rows["avoided_nominal_gbp"], draws),
            "payments_gbp": ignorance_share(rows["payments_gbp"], draws),
            "profit_gbp": ignorance_share(rows["profit_gbp"], draws),
        },
        "boroughs": _borough_summaries(tables, scenario, draws),
    }


CHILDREN = ("referred", "started", "completed", "left_queue", "entered_care_waiting", "tracked")
AVOIDED = {
    "nominal": "nominal_gbp",
    "marginal": "marginal_gbp",
    "cashable": "cashable_gbp",
    "real_discounted": "real_discounted_gbp",
    "contract_window": "contract_window_gbp",
    "to_18": "to_18_gbp",
    "at_base_prices": "at_base_prices_gbp",
}


def _investor(rows: pd.DataFrame, draws: Any, irr_of_expected_flows: float | None) -> dict[str, Any]:
    outcomes = rows["irr_outcome"].value_counts()
    needed = rows["irr_outcome"] != "not_needed"
    return {
        "irr_of_expected_flows": irr_of_expected_flows,
        **{
            name: stat(rows[name], draws)
            for name in ("irr", "money_multiple", "profit_gbp", "peak_funding_gbp", "payback_years")
        },
        "loss_prob": float((rows["profit_gbp"] < 0).mean()),
        "never_paid_back_prob": float((rows["payback_years"].isna() & needed).mean()),
        "cost_unpaid_prob": float((rows["cost_unpaid_gbp"] > 0).mean()),
        "irr_outcomes": {name: int(outcomes.get(name, 0)) for name in IRR_OUTCOMES},
    }


def _borough_summaries(tables: Tables, scenario: Scenario, draws: Any) -> dict[str, Any]:
    found = {}
    for slug, rows in tables.boroughs.groupby("borough", observed=True):
        found[str(slug)] = {
            "name": scenario.boroughs[str(slug)].name,
            **{
                name: stat(rows[name], draws)
                for name in (
                    "started",
                    "care_days_avoided",
                    "avoided_cost_gbp",
                    "payments_gbp",
                    "net_saving_gbp",
                    "worst_year_payment_gbp",
                )
            },
            "net_saving_prob": float((rows["net_saving_gbp"] > 0).mean()),
        }
    return found
