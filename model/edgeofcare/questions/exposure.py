"""What a contract means for each borough: year by year, at its worst, against doing nothing, and if things go wrong.

In: a scenario. Out: an `ExposureAnswer`. Must not know: how answers are shown, files.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from edgeofcare.errors import OptionError
from edgeofcare.experiment import OWN, Case, Progress, check_options, experiment, with_draws
from edgeofcare.inputs.load import with_values
from edgeofcare.inputs.published import reference_file
from edgeofcare.inputs.schema import PLACEMENTS, Scenario
from edgeofcare.money.costs import real_value_by_year
from edgeofcare.money.exposure import NEVER
from edgeofcare.outcomes import Change, Rows, Spread, quantiles, standard_error
from edgeofcare.questions.counterfactuals import Counterfactual, at_volume, claimed_case, with_effect
from edgeofcare.results import plain

Values = npt.NDArray[Any]
AS_WRITTEN, UNCERTAIN = "as written", "inputs in doubt"
MORE, FEWER = 1.5, 0.5
PRICE_CHANGES = {"prices_20_percent_lower": 0.8, "prices_20_percent_higher": 1.2}
WORST_QUANTILE = 0.95  # of the worst year, in other cases
AVOIDED = {"nominal": "avoided", "marginal": "marginal", "cashable": "cashable"}
COLUMNS = (
    *("referred", "started", "payments_gbp", "all_payments_gbp", "worst_year_gbp", "cashable_gbp", "other_costs_gbp"),
    *("net_saving_gbp", "payments_by_year_gbp", "avoided_by_year_gbp", "marginal_by_year_gbp", "cashable_by_year_gbp"),
    *("net_saving_by_year_gbp", "first_year_in_credit", "cashable_care_without_gbp", "weeks_home_usual"),
    *("weeks_home_therapy", "real_service_cost_gbp"),
)
FEW_COLUMNS = ("payments_gbp", "net_saving_gbp", "worst_year_gbp")


# ---- the answer --------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Avoided:
    """Mean care cost avoided while young people are tracked, GBP: in full, at the margin, and what is cashable."""

    nominal: float
    marginal: float
    cashable: float


@dataclass(frozen=True)
class Year:
    """One financial year of a borough, GBP; cumulative: from the first year on."""

    payments_gbp: Spread
    avoided_nominal_gbp: float
    avoided_marginal_gbp: float
    avoided_cashable_gbp: float
    net_saving_gbp: float
    cumulative_net_saving_gbp: float
    in_credit_prob: float


@dataclass(frozen=True)
class Budget:
    """How often a budget of the same amount in each financial year is exceeded."""

    gbp_per_year: float
    any_year_over_prob: float
    over_prob_by_year: dict[str, float]


@dataclass(frozen=True)
class Ratios:
    """Benefit-cost ratios, as modelled and with optimism taken off; None without a cost."""

    social: float | None
    public_purse: float | None
    borough: float | None
    social_optimism_off: float | None
    public_purse_optimism_off: float | None
    borough_optimism_off: float | None


@dataclass(frozen=True)
class Difference:
    """What a borough would pay and save in another case, and the paired change of its net saving."""

    payments_gbp: float
    net_saving_gbp: float
    better_off_prob: float
    worst_year_p95_gbp: float
    change_in_net_saving_gbp: Change


@dataclass(frozen=True)
class BoroughExposure:
    """One borough's exposure.

    better_off_prob: against the same young people's lives without the programme; the other against a life with other
    random draws, which no record can tell apart. deadweight_share: weeks at home that would have come anyway.
    uncertain: the main figures with the scenario's uncertain inputs drawn; None with one outer draw.
    """

    name: str
    referred: Spread
    started: Spread
    payments_gbp: Spread
    worst_year_gbp: Spread
    avoided_gbp: Avoided
    net_saving_gbp: Spread
    better_off_prob: float
    better_off_prob_independent_arms: float
    years: dict[str, Year]
    first_year_in_credit: dict[str, float]
    ever_in_credit_prob: float
    deadweight_share: float | None
    benefit_cost_ratio: Ratios
    budget: Budget | None = None
    what_if: dict[str, Difference] | None = None
    uncertain: InDoubt | None = None


@dataclass(frozen=True)
class InDoubt:
    """A borough's main figures when the uncertain inputs are drawn too. se: of the chance, between outer draws."""

    payments_gbp: Spread
    worst_year_gbp: Spread
    net_saving_gbp: Spread
    better_off_prob: float
    better_off_prob_se: float | None
    budget: Budget | None = None


@dataclass(frozen=True)
class Concentration:
    """How much of what boroughs pay depends on the largest payer; None if nothing is paid.

    effective_boroughs: 1 / sum of squared shares, as many boroughs of equal size would be as concentrated.
    """

    largest: str | None
    largest_share: float | None
    effective_boroughs: float | None


@dataclass(frozen=True)
class Together:
    """All boroughs together."""

    payments_gbp: Spread
    net_saving_gbp: Spread
    concentration: Concentration


@dataclass(frozen=True)
class ExposureAnswer:
    """Exposure of every borough, by slug, and of all together."""

    scenario: str
    seed: int
    replications: int
    outer_draws: int
    financial_years: tuple[str, ...]
    contract: Together
    boroughs: dict[str, BoroughExposure]

    def as_dict(self) -> dict[str, Any]:
        """Return the object that `--json` prints; what was not asked for is left out."""
        found: dict[str, Any] = plain(self)
        for borough in found["boroughs"].values():
            for key in ("budget", "what_if", "uncertain"):
                if borough[key] is None:
                    del borough[key]
        return found


# ---- the question ------------------------------------------------------------------------------------------------


def exposure(
    scenario: Scenario,
    replications: int = 1000,
    seed: int = 1,
    outer_draws: int = 1,
    budgets: Mapping[str, float] | None = None,
    what_if: bool = True,
    workers: int | None = None,
    progress: Progress | None = None,
) -> ExposureAnswer:
    """Return what each borough pays, saves and risks.

    budgets: GBP that a borough has set aside for each financial year, by slug. what_if: also under more and fewer
    referrals, other effects, other prices, and with each other borough leaving. outer_draws: with several, also the
    main figures with the scenario's uncertain inputs drawn.
    Raises OptionError for a budget of a borough that is not in the scenario, and for a number out of range.
    """
    budgets = dict(budgets or {})
    unknown = sorted(set(budgets) - set(scenario.boroughs))
    if unknown:
        raise OptionError(
            f"there is no borough {', '.join(unknown)} in {scenario.name}. It has {', '.join(scenario.boroughs)}."
        )
    check_options(scenario, replications, seed, outer_draws, workers)
    claimed = claimed_case(scenario)
    others = _other_cases(claimed) if what_if else {}
    cases: dict[str, Case] = {AS_WRITTEN: claimed, **others}
    if outer_draws > 1:
        cases[UNCERTAIN] = with_draws(claimed, outer_draws, seed)
    columns = {name: COLUMNS if name == AS_WRITTEN else (*FEW_COLUMNS, "payments_by_year_gbp") for name in cases}
    found = experiment(cases, seed, replications, columns, workers=workers, progress=progress)
    rows, drawn = found[AS_WRITTEN, OWN], found.get((UNCERTAIN, OWN))
    real = real_value_by_year(claimed.plan(), scenario)

    def borough(slug: str, name: str) -> BoroughExposure:
        budget = budgets.get(slug)
        differences = {
            other: difference(found[other, OWN], rows, slug) for other in others if other != f"without_{slug}"
        }
        return replace(
            borough_exposure(rows, slug, name, real, budget),
            what_if=differences or None,
            uncertain=None if drawn is None else in_doubt(drawn, slug, budget),
        )

    return ExposureAnswer(
        scenario.name,
        seed,
        replications,
        outer_draws,
        rows.labels["year"],
        Together(rows.spread("payments_gbp"), rows.spread("net_saving_gbp"), concentration(rows)),
        {slug: borough(slug, one.name) for slug, one in scenario.boroughs.items()},
    )


def _other_cases(claimed: Counterfactual) -> dict[str, Counterfactual]:
    """Return the other cases: volume, effect, prices, and each borough leaving."""
    scenario = claimed.scenario
    cases = {
        "referrals_50_percent_more": at_volume(claimed, MORE),
        "referrals_50_percent_fewer": at_volume(claimed, FEWER),
        "no_effect": with_effect(claimed, "none"),
        "half_effect": with_effect(claimed, "half"),
        "english_trial": with_effect(claimed, "start"),
    }
    for name, factor in PRICE_CHANGES.items():
        prices = {
            f"prices.gbp_per_week.{kind}": price * factor
            for kind, price in zip(PLACEMENTS, scenario.prices.gbp_per_week.values(), strict=True)
        }
        cases[name] = replace(claimed, scenario=with_values(scenario, prices))
    if len(scenario.boroughs) > 1:
        for slug in scenario.boroughs:
            gone = with_values(scenario, {f"boroughs.{slug}.referrals_per_year": 0.0})
            cases[f"without_{slug}"] = replace(claimed, scenario=gone)
    return cases


# ---- figures -----------------------------------------------------------------------------------------------------


def borough_exposure(rows: Rows, slug: str, name: str, real: Values, budget_gbp: float | None) -> BoroughExposure:
    """Return one borough's exposure. rows: of COLUMNS; real: (year,), a pound's real value."""
    net, first = rows.at("net_saving_gbp", borough=slug), rows.at("first_year_in_credit", borough=slug)
    years = rows.labels["year"]
    weeks = (rows.at(f"weeks_home_{arm}", borough=slug) for arm in ("usual", "therapy"))
    return BoroughExposure(
        name=name,
        referred=rows.spread("referred", borough=slug),
        started=rows.spread("started", borough=slug),
        payments_gbp=rows.spread("payments_gbp", borough=slug),
        worst_year_gbp=rows.spread("worst_year_gbp", borough=slug),
        avoided_gbp=Avoided(
            **{key: float(_by_year(rows, what, slug).sum(axis=1).mean()) for key, what in AVOIDED.items()}
        ),
        net_saving_gbp=rows.spread("net_saving_gbp", borough=slug),
        better_off_prob=rows.prob(net > 0),
        better_off_prob_independent_arms=_independent(rows, slug),
        years=_years(rows, slug),
        first_year_in_credit={year: rows.prob(first == k) for k, year in enumerate(years)},
        ever_in_credit_prob=rows.prob(first != NEVER),
        deadweight_share=_ratio(*weeks),
        benefit_cost_ratio=ratios(rows, slug, real),
        budget=_budget(rows, slug, budget_gbp),
    )


def _by_year(rows: Rows, what: str, slug: str) -> Values:
    """Return a figure of a borough by financial year, GBP: (replication, year)."""
    return np.asarray(rows[f"{what}_by_year_gbp"][:, rows.place("borough", slug)])


def _years(rows: Rows, slug: str) -> dict[str, Year]:
    net = _by_year(rows, "net_saving", slug)
    cumulative = np.cumsum(net, axis=1)
    avoided = {key: _by_year(rows, what, slug).mean(axis=0) for key, what in AVOIDED.items()}
    return {
        year: Year(
            payments_gbp=rows.spread("payments_by_year_gbp", borough=slug, year=year),
            **{f"avoided_{key}_gbp": float(means[k]) for key, means in avoided.items()},
            net_saving_gbp=float(net[:, k].mean()),
            cumulative_net_saving_gbp=float(cumulative[:, k].mean()),
            in_credit_prob=rows.prob(cumulative[:, k] > 0),
        )
        for k, year in enumerate(rows.labels["year"])
    }


def _budget(rows: Rows, slug: str, budget_gbp: float | None) -> Budget | None:
    if budget_gbp is None:
        return None
    over = _by_year(rows, "payments", slug) > budget_gbp
    by_year = {year: rows.prob(over[:, k]) for k, year in enumerate(rows.labels["year"])}
    return Budget(budget_gbp, rows.prob(over.any(axis=1)), by_year)


def in_doubt(rows: Rows, slug: str, budget_gbp: float | None) -> InDoubt:
    """Return a borough's main figures over replications nested in outer draws."""
    better = rows.chance(rows.at("net_saving_gbp", borough=slug) > 0)
    return InDoubt(
        rows.spread("payments_gbp", borough=slug),
        rows.spread("worst_year_gbp", borough=slug),
        rows.spread("net_saving_gbp", borough=slug),
        better.prob,
        better.se,
        _budget(rows, slug, budget_gbp),
    )


def _independent(rows: Rows, slug: str) -> float:
    """Return the chance to be better off if the life without therapy were drawn anew.

    Each contract is held against the care without therapy of the next simulated contract. Nobody lives twice, so no
    record can say how near the truth is to this figure or to the one on the same children.
    """
    without = rows.at("cashable_care_without_gbp", borough=slug)
    with_therapy = without - rows.at("cashable_gbp", borough=slug)
    spent = rows.at("payments_gbp", borough=slug) + rows.at("other_costs_gbp", borough=slug)
    return rows.prob(np.asarray(np.roll(without, -1) - with_therapy - spent > 0))


def _ratio(above: Values, below: Values) -> float | None:
    return float(above.sum() / below.sum()) if below.sum() else None


def ratios(rows: Rows, slug: str, real: Values) -> Ratios:
    """Return the three benefit-cost ratios, each as modelled and with optimism taken off.

    social: marginal avoided cost / resource cost of the service (by the borough's share of starts), both real and
    discounted. public_purse: cashable avoided / all payments and own costs; borough: the same without the central
    payer's part. The last two nominal.
    """
    adjust = reference_file("optimism")["optimism"]["not_trial_based"]
    cut = (1 + adjust["benefit"]) / (1 + adjust["cost"])

    def of(name: str) -> Values:
        return rows.at(name, borough=slug)

    cashable, other = of("cashable_gbp"), of("other_costs_gbp")
    found = {
        "social": _ratio((_by_year(rows, "marginal", slug) * real).sum(axis=1), of("real_service_cost_gbp")),
        "public_purse": _ratio(cashable, of("all_payments_gbp") + other),
        "borough": _ratio(cashable, of("payments_gbp") + other),
    }
    return Ratios(**found, **{f"{name}_optimism_off": None if r is None else r * cut for name, r in found.items()})


def difference(other: Rows, own: Rows, slug: str) -> Difference:
    """Return what changes for a borough in another case, with the error of the paired difference."""
    there = other.at("net_saving_gbp", borough=slug)
    change = there - own.at("net_saving_gbp", borough=slug)
    return Difference(
        payments_gbp=float(other.at("payments_gbp", borough=slug).mean()),
        net_saving_gbp=float(there.mean()),
        better_off_prob=other.prob(there > 0),
        worst_year_p95_gbp=quantiles(other.at("worst_year_gbp", borough=slug), [WORST_QUANTILE])[0],
        change_in_net_saving_gbp=Change(float(change.mean()), standard_error(change, own.clusters)),
    )


def concentration(rows: Rows) -> Concentration:
    """Return how much of what boroughs pay depends on the largest payer."""
    total = rows["payments_gbp"].sum(axis=0)
    if not total.sum() > 0:
        return Concentration(None, None, None)
    shares = total / total.sum()
    largest = int(shares.argmax())
    return Concentration(rows.labels["borough"][largest], float(shares[largest]), float(1 / (shares**2).sum()))
