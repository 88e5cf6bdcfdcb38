"""Contracts side by side: every contract settled on the same simulated lives, as claimed or in every counterfactual.

In: a scenario, contracts laid over it. Out: a `Comparison`. Must not know: how answers are shown, files.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from edgeofcare.calendar import date_of
from edgeofcare.engine.counts import ARMS
from edgeofcare.errors import OptionError
from edgeofcare.experiment import Case, Lives, Progress, check_options, experiment, read, settled, simulate, with_draws
from edgeofcare.inputs.contracts import contracts_over, priced
from edgeofcare.inputs.schema import Scenario
from edgeofcare.money.capital import log
from edgeofcare.money.irr import IRR_OUTCOMES, internal_rate
from edgeofcare.outcomes import PENCE, Rows, Stat, expected_shortfall, stat
from edgeofcare.questions.counterfactuals import Counterfactual, claimed_case, grid_cases
from edgeofcare.results import plain
from edgeofcare.summary import expected_rate

Laid = Mapping[str, Scenario]
NULL, NULL_REPLICATIONS = "no effect on the same lives", 1000
UNCERTAIN = "inputs in doubt"
SCALED_ON = 500  # replications on which prices are scaled to the same cost
SURE = 5.0  # standard errors by which expected payments must exceed nil to be scaled
INVESTOR = ("irr", "irr_outcome", "money_multiple", "profit_gbp", "peak_funding_gbp", "payback_years", "npv_gbp")
COLUMNS = (
    *("all_payments_gbp", "payments_before_caps_gbp", "top_up_gbp", "due_usual_gbp", "due_therapy_gbp", "cap_binds"),
    *("weeks_home_usual", "weeks_home_therapy", "payments_gbp", "worst_year_gbp", "worst_year_together_gbp"),
    *(
        "net_saving_gbp",
        "service_cost_gbp",
        "cost_unpaid_gbp",
        "owed_at_worst_gbp",
        "days_owed",
        "missed_target",
        "flows",
        "tranche_missed_target",
    ),
    *INVESTOR,
    *(f"tranche_{name}" for name in INVESTOR),
    "tranche_flows",
)
NULL_COLUMNS = ("all_payments_gbp", "net_saving_gbp", "profit_gbp")


# ---- the answer --------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Party:
    """What one party's money earns.

    irr_of_expected_flows: rate of the flows summed over replications. mean_profit_of_worst_5pct_gbp: of the worst
    twentieth of replications. irr_outcomes: replications with one rate, none, several, a total loss, or no need of
    money.
    """

    irr_of_expected_flows: float | None
    irr: Stat
    money_multiple: Stat
    profit_gbp: Stat
    peak_funding_gbp: Stat
    npv_gbp: Stat
    payback_years: Stat
    multiple_of_peak_funding: Stat
    loss_prob: float
    missed_target_prob: float
    mean_profit_of_worst_5pct_gbp: float | None
    irr_outcomes: dict[str, int]


@dataclass(frozen=True)
class Investor(Party):
    """All repayable money together, and each tranche."""

    cost_unpaid_prob: float
    tranches: dict[str, Party]


@dataclass(frozen=True)
class Provider:
    """What those who do the work wait for: in how many contracts, the most owed at one time, never paid, GBP."""

    waits_prob: float
    owed_at_worst_gbp: Stat
    days_owed: Stat
    never_paid_gbp: Stat


@dataclass(frozen=True)
class BoroughFigures:
    """What a contract means for one borough, GBP."""

    name: str
    payments_gbp: Stat
    worst_year_gbp: Stat
    net_saving_gbp: Stat
    net_saving_prob: float


@dataclass(frozen=True)
class Figures:
    """One contract in one case. payments: by all payers; worst_year: the most that boroughs together pay in a year.

    deadweight_share: of outcome payments, what falls due without therapy too. gbp_per_attributable_week: everything
    paid for each week out of care that therapy adds; None if it adds none.
    """

    payments_gbp: Stat
    before_caps_gbp: Stat
    top_up_gbp: Stat
    worst_year_gbp: Stat
    cap_binds_prob: float
    deadweight_share: float | None
    gbp_per_attributable_week: float | None
    net_saving_gbp: Stat
    net_saving_prob: float
    service_cost_gbp: Stat
    provider: Provider
    investor: Investor
    boroughs: dict[str, BoroughFigures]


@dataclass(frozen=True)
class IfNoEffect:
    """The same young people as if therapy changed nothing, for the first replications."""

    payments_gbp: Stat
    net_saving_gbp: Stat
    profit_gbp: Stat


@dataclass(frozen=True)
class ContractAnswer(Figures):
    """One contract as claimed. terms: what it pays for. price_factor: what prices, caps and principals are scaled by.

    uncertain: the same figures with the scenario's uncertain inputs drawn; None with one outer draw. grid: by case.
    """

    name: str
    terms: list[str]
    price_factor: float
    if_no_effect: IfNoEffect
    uncertain: Figures | None = None
    grid: dict[str, Figures] | None = None


@dataclass(frozen=True)
class OutOfCareShare:
    """Share of tracked days out of care, on the calibration sample."""

    usual: float
    therapy: float


@dataclass(frozen=True)
class GridCase:
    """One case of the grid."""

    name: str
    effect: str
    base: str
    volume: float
    hazard_ratio: float
    entry_scale_days: float
    out_of_care_share: OutOfCareShare


@dataclass(frozen=True)
class Comparison:
    """Contracts on the same young people. worlds: the cases of the grid, if it was asked for."""

    scenario: str
    seed: int
    replications: int
    outer_draws: int
    contracts: dict[str, ContractAnswer]
    worlds: tuple[GridCase, ...] | None = None

    def as_dict(self) -> dict[str, Any]:
        """Return the object that `--json` prints; what was not asked for is left out."""
        found: dict[str, Any] = plain(self)
        for part in (found, *found["contracts"].values()):
            for key in ("worlds", "grid", "uncertain"):
                if part.get(key, 0) is None:
                    del part[key]
        return found


# ---- the question ------------------------------------------------------------------------------------------------


def contracts(
    scenario: Scenario,
    contracts: str | Sequence[str] = "all",
    replications: int = 1000,
    seed: int = 1,
    outer_draws: int = 1,
    grid: bool = False,
    same_cost: bool = False,
    workers: int | None = None,
    progress: Progress | None = None,
) -> Comparison:
    """Settle contracts on the same lives, as claimed or (grid) in every counterfactual.

    contracts: "all", "own", names of shipped contracts or paths of contract files. outer_draws: with several, also with
    the scenario's uncertain inputs drawn. same_cost: scale prices, caps and principals once, so that each contract is
    expected to pay what the scenario's own pays as claimed.
    Raises InputError for a contract at fault, OptionError for a scenario without a claim and a number out of range.
    """
    claimed = claimed_case(scenario)
    check_options(scenario, replications, seed, outer_draws, workers)
    laid = contracts_over(scenario, contracts, planned_cost_gbp(claimed))
    factors = dict.fromkeys(laid, 1.0)
    if same_cost:
        factors = same_cost_factors(claimed, laid, seed)
        laid = {name: priced(one, factors[name]) for name, one in laid.items()}
    others = [case for case in grid_cases(scenario) if case.name != claimed.name] if grid else []
    null = replace(claimed, without_effect=True, replications=min(replications, NULL_REPLICATIONS))
    cases: dict[str, Case] = {claimed.name: claimed, NULL: null, **{case.name: case for case in others}}
    if outer_draws > 1:
        cases[UNCERTAIN] = with_draws(claimed, outer_draws, seed)
    columns = {name: NULL_COLUMNS if name == NULL else COLUMNS for name in cases}
    rows = experiment(cases, seed, replications, columns, laid, workers, progress)

    def answer(name: str) -> ContractAnswer:
        under = laid[name]
        by_case = {case: figures(rows[case, name], under) for case in cases if case != NULL}
        return ContractAnswer(
            **vars(by_case[claimed.name]),
            name=under.contract.name,
            terms=[term.pays for term in under.contract.terms],
            price_factor=factors[name],
            if_no_effect=_if_no_effect(rows[NULL, name]),
            uncertain=by_case.pop(UNCERTAIN, None),
            grid=by_case if grid else None,
        )

    worlds = tuple(_grid_case(case) for case in (claimed, *others)) if grid else None
    answers = {name: answer(name) for name in laid}
    return Comparison(scenario.name, seed, replications, outer_draws, answers, worlds)


def _grid_case(case: Counterfactual) -> GridCase:
    hazards = case.hazard_ratio, case.entry_scale_days
    shares = OutOfCareShare(case.usual, case.therapy)
    return GridCase(case.name, case.effect, case.base, case.volume, *hazards, shares)


def _if_no_effect(rows: Rows) -> IfNoEffect:
    return IfNoEffect(rows.stat("all_payments_gbp"), rows.stat("net_saving_gbp"), rows.stat("profit_gbp"))


def figures(rows: Rows, under: Scenario) -> Figures:
    """Return the figures of one contract in one case. under: the scenario under that contract."""
    paid, gained = rows.at("all_payments_gbp").sum(), _attributable_weeks(rows)
    return Figures(
        payments_gbp=rows.stat("all_payments_gbp"),
        before_caps_gbp=rows.stat("payments_before_caps_gbp"),
        top_up_gbp=rows.stat("top_up_gbp"),
        worst_year_gbp=rows.stat("worst_year_together_gbp"),
        cap_binds_prob=rows.prob(rows.at("cap_binds")),
        deadweight_share=rows.stat("due_usual_gbp", over="due_therapy_gbp").mean,
        gbp_per_attributable_week=float(paid / gained) if gained > 0 else None,
        net_saving_gbp=rows.stat("net_saving_gbp"),
        net_saving_prob=rows.prob(rows.at("net_saving_gbp") > 0),
        service_cost_gbp=rows.stat("service_cost_gbp"),
        provider=Provider(
            rows.prob(rows.at("owed_at_worst_gbp") > 0),
            rows.stat("owed_at_worst_gbp"),
            rows.stat("days_owed"),
            rows.stat("cost_unpaid_gbp"),
        ),
        investor=_investor(rows),
        boroughs={slug: _borough(rows, slug, borough.name) for slug, borough in under.boroughs.items()},
    )


def _attributable_weeks(rows: Rows) -> int:
    """Return the weeks out of care that therapy adds inside the scenario's own tracking, over all replications."""
    usual, therapy = (rows.at(f"weeks_home_{arm}").sum() for arm in ARMS)
    return int(therapy - usual)


def _borough(rows: Rows, slug: str, name: str) -> BoroughFigures:
    return BoroughFigures(
        name,
        rows.stat("payments_gbp", borough=slug),
        rows.stat("worst_year_gbp", borough=slug),
        rows.stat("net_saving_gbp", borough=slug),
        rows.prob(rows.at("net_saving_gbp", borough=slug) > 0),
    )


def _investor(rows: Rows) -> Investor:
    tranches = {name: _party(rows, "tranche_", tranche=name) for name in rows.labels["tranche"]}
    unpaid = rows.prob(rows.at("cost_unpaid_gbp") > 0)
    return Investor(**vars(_party(rows)), cost_unpaid_prob=unpaid, tranches=tranches)


def _party(rows: Rows, prefix: str = "", **tranche: str) -> Party:
    """Return what all repayable money earns, or (prefix and tranche) one tranche."""
    own = {name: rows.at(f"{prefix}{name}", **tranche) for name in INVESTOR}
    profit, drawn = own["profit_gbp"], rows.clusters
    peak = np.where(own["peak_funding_gbp"] > 0, own["peak_funding_gbp"], np.nan)
    outcomes = np.bincount(own.pop("irr_outcome").astype(int), minlength=len(IRR_OUTCOMES))
    return Party(
        irr_of_expected_flows=_rate_of(rows, **tranche) if tranche else expected_rate(rows),
        **{name: stat(values, drawn) for name, values in own.items()},
        multiple_of_peak_funding=stat(1 + profit / peak, drawn),
        loss_prob=rows.prob(profit < 0),
        missed_target_prob=rows.prob(rows.at(f"{prefix}missed_target", **tranche)),
        mean_profit_of_worst_5pct_gbp=expected_shortfall(profit, "low"),
        irr_outcomes=dict(zip(IRR_OUTCOMES, outcomes.tolist(), strict=True)),
    )


def _rate_of(rows: Rows, tranche: str) -> float | None:
    """Return the rate of a tranche's expected flows."""
    flows = rows.columns["tranche_flows"][:, rows.place("tranche", tranche)].sum(axis=0)
    return internal_rate(flows, np.array(rows.labels["date"]))


# ---- contracts laid over a scenario ------------------------------------------------------------------------------


def planned_cost_gbp(case: Counterfactual) -> float:
    """Return the cost of the service that is planned before anybody starts, GBP."""
    return float(simulate(case, 0, 0, 1).service.fixed.sum()) / PENCE


def same_cost_factors(claimed: Counterfactual, laid: Laid, seed: int) -> dict[str, float]:
    """Return what each contract is multiplied by to cost what the scenario's own is expected to, as claimed.

    Prices, caps, floors and principals move together, so payments move in proportion, but for pennies. Self-finance
    has none of them: it stays as it is, at 1.
    """
    lives: list[Lives] = [simulate(claimed, seed, 0, SCALED_ON, laid.values())]

    def paid_under(contract: Scenario | None) -> Rows:
        return settled(lives, ["all_payments_gbp"], contract)

    own = paid_under(None).at("all_payments_gbp").mean()

    def factor(name: str, under: Scenario) -> float:
        if priced(under, 2.0).contract == under.contract:
            return 1.0
        paid = paid_under(under).at("all_payments_gbp")
        if paid.mean() <= SURE * paid.std() / np.sqrt(len(paid)):
            raise OptionError(
                f"{name} pays next to nothing here, so its prices cannot be scaled to the cost of "
                f"{claimed.scenario.name}'s own contract. Leave it out, or --same-cost."
            )
        return float(own / paid.mean())

    return {name: factor(name, under) for name, under in laid.items()}


def laid_over(scenario: Scenario, contracts: str | Sequence[str] | None) -> dict[str, Scenario]:
    """Return the scenario under each contract, sized to its service; under its own if none is named."""
    if contracts is None:
        return {scenario.name: scenario}
    return contracts_over(scenario, contracts, planned_cost_gbp(claimed_case(scenario)))


def under(scenario: Scenario, contract: str | None) -> Scenario:
    """Return the scenario under one other contract, or as it is; raise OptionError for several."""
    chosen = list(laid_over(scenario, contract).values())
    if len(chosen) != 1:
        raise OptionError(f"one contract is wanted here (got {len(chosen)}). Name one of them.")
    return chosen[0]


@dataclass(frozen=True)
class Movement:
    """Money that moved on a date, GBP, or a trigger that fired (without accounts)."""

    date: str
    what: str
    source: str
    payee: str
    gbp: float


def movements(scenario: Scenario, contract: str, replication: int, seed: int) -> list[Movement]:
    """Return what moved when in one replication of one contract, in order.

    Raises OptionError for several contracts and for a replication or a seed out of range.
    """
    if replication < 0:
        raise OptionError(f"--log takes the number of a replication, from 0 (got {replication}).")
    claimed = claimed_case(scenario)
    check_options(scenario, replication + 1, seed)
    laid = under(scenario, contract)
    entries = read(simulate(claimed, seed, replication, 1, [laid]), lambda s: log(s.cash, s.paid, 0), laid)
    day_0 = scenario.clock.day_0
    return [Movement(date_of(e.day, day_0).isoformat(), e.what, e.source, e.payee, e.pence / PENCE) for e in entries]
