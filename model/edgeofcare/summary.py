"""What a run says: statistics over its rows. In: rows and calibration. Out: `Summary`, which `--json` prints.

Must not know: files, engines, how a summary is shown.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from edgeofcare.calendar import date_of
from edgeofcare.engine.calibrate import Calibration
from edgeofcare.engine.counts import ARMS
from edgeofcare.inputs.schema import Scenario
from edgeofcare.money.irr import IRR_OUTCOMES
from edgeofcare.money.schedule import tranches_of
from edgeofcare.money.waterfall import has_charges
from edgeofcare.outcomes import Chance, Rows, Stat, ignorance_share, stat

# Every column that a run reads.
RUN_COLUMNS = (
    *("referred", "accepted", "engaged", "started", "completed", "dropped_out", "left_queue"),
    *("entered_care_waiting", "lost_patience", "tracked", "waiting_days", "tracked_days", "care_days_usual"),
    *("care_days_therapy", "weeks_home_usual", "weeks_home_therapy", "weeks_home_both", "never_in_care_usual"),
    *("never_in_care_therapy", "fewer_days_avoided", "care_days_avoided", "usual_care_days", "avoided_gbp"),
    *("marginal_gbp", "cashable_gbp", "avoided_real_discounted_gbp", "avoided_contract_window_gbp"),
    *("avoided_to_18_gbp", "avoided_at_base_prices_gbp", "avoided_contract_window_at_base_prices_gbp"),
    *("usual_cost_at_base_prices_gbp", "payments_gbp", "payments_by_year_gbp", "all_payments_gbp"),
    *("payments_before_caps_gbp", "top_up_gbp", "cap_binds", "due_usual_gbp", "due_therapy_gbp", "worst_year_gbp"),
    *("net_saving_gbp", "irr", "irr_outcome", "money_multiple", "profit_gbp", "peak_funding_gbp", "payback_years"),
    "missed_target",
    *("service_cost_gbp", "owed_at_worst_gbp", "days_owed", "first_day_owed", "cost_unpaid_gbp", "called_beyond_gbp"),
    *("funding_needed_gbp", "redrawn_gbp", "irr_gross", "irr_lowest", "irr_highest", "flows"),
)


@dataclass(frozen=True)
class ScenarioName:
    """Which scenario was run."""

    name: str
    title: str
    sha256: str


@dataclass(frozen=True)
class Arms:
    """A figure without therapy and with it."""

    usual: Stat
    therapy: Stat


@dataclass(frozen=True)
class ArmMeans:
    """Shares without therapy and with it, in the run."""

    usual: float | None
    therapy: float | None


@dataclass(frozen=True)
class CalibrationSummary(Calibration):
    """The calibration, and the shares of tracked days out of care that the run came to."""

    in_run: ArmMeans


@dataclass(frozen=True)
class Children:
    """Families and young people, in all boroughs."""

    referred: Stat
    started: Stat
    completed: Stat
    left_queue: Stat
    entered_care_waiting: Stat
    tracked: Stat


@dataclass(frozen=True)
class CareDays:
    """Days in care while tracked."""

    usual: Stat
    therapy: Stat
    avoided: Stat


@dataclass(frozen=True)
class AvoidedCost:
    """Care cost avoided, GBP, by how it is counted; all but the last three while tracked."""

    nominal: Stat
    marginal: Stat
    cashable: Stat
    real_discounted: Stat
    contract_window: Stat
    to_18: Stat
    at_base_prices: Stat


@dataclass(frozen=True)
class PaymentsSummary:
    """What is paid for outcomes, GBP."""

    total: Stat
    boroughs: Stat
    top_up: Stat
    before_caps: Stat


@dataclass(frozen=True)
class ProviderSummary:
    """What the provider waits for, GBP: at worst, on how many days, and what it is never paid.

    days_owed: over the replications in which it waits; waits_prob, n_waits: in what share and number of replications;
    first_date: the earliest day of all on which it waits, ISO 8601. committed_gbp: of all who fund; needed_gbp: what
    they would have to commit for it never to wait.
    """

    owed_at_worst_gbp: Stat
    days_owed: Stat
    never_paid_gbp: Stat
    waits_prob: float
    n_waits: int
    never_paid_prob: float
    first_date: str | None
    committed_gbp: float
    needed_gbp: Stat


@dataclass(frozen=True)
class SeveralRates:
    """A replication, the first, that has several rates: the lowest, the highest, and what was called after a first
    distribution, GBP, which is why."""

    replication: int
    lowest: float
    highest: float
    redrawn_gbp: float


@dataclass(frozen=True)
class InvestorSummary:
    """What all repayable money together earns, net of fees and carry; irr_gross: before them, None without either.

    called_beyond_gbp: what it paid beyond its commitment; redrawn_gbp: what was called after a first distribution.
    """

    irr_of_expected_flows: float | None
    irr: Stat
    money_multiple: Stat
    profit_gbp: Stat
    peak_funding_gbp: Stat
    payback_years: Stat
    loss_prob: float
    loss_chance: Chance
    misses_target_chance: Chance
    never_paid_back_prob: float
    cost_unpaid_prob: float
    irr_outcomes: dict[str, int]
    irr_gross: Stat | None
    called_beyond_gbp: Stat
    redrawn_gbp: Stat
    several_rates: SeveralRates | None


@dataclass(frozen=True)
class VarianceShare:
    """The share of the variance that is between outer draws; None with one draw."""

    avoided_cost_gbp: float | None
    payments_gbp: float | None
    profit_gbp: float | None


@dataclass(frozen=True)
class BoroughSummary:
    """One borough's figures."""

    name: str
    started: Stat
    care_days_avoided: Stat
    avoided_cost_gbp: Stat
    payments_gbp: Stat
    net_saving_gbp: Stat
    worst_year_payment_gbp: Stat
    net_saving_prob: float


@dataclass(frozen=True)
class Summary:
    """What a run says. Shares are of tracked days, or of the count named; chances are shares of replications."""

    scenario: ScenarioName
    seed: int
    replications: int
    outer_draws: int
    engine: str
    version: str
    assumptions: dict[str, int]
    children: Children
    waiting_days: Stat
    out_of_care_share: Arms
    never_in_care_share: Arms
    outer_draw_targets_met_share: float
    calibration: CalibrationSummary
    care_days: CareDays
    avoided_cost_gbp: AvoidedCost
    blended_price_gbp_per_week: Stat
    service_cost_gbp: Stat
    payments_gbp: PaymentsSummary
    deadweight_share: Stat
    deadweight_joint_share: Stat
    net_saving_gbp: Stat
    net_saving_chance: Chance
    cap_binds_prob: float
    investor: InvestorSummary
    provider: ProviderSummary
    variance_share: VarianceShare
    boroughs: dict[str, BoroughSummary]
    warnings: tuple[str, ...] = ()


@dataclass(frozen=True)
class Head:
    """What was run, and by which program."""

    scenario: ScenarioName
    seed: int
    replications: int
    outer_draws: int
    engine: str
    version: str
    assumptions: dict[str, int]


def summarise(rows: Rows, scenario: Scenario, head: Head, found: Calibration, met_share: float) -> Summary:
    """Return the summary of a run. met_share: of the outer draws, those whose targets could be met."""
    shares = Arms(*(_home_share(rows, arm) for arm in ARMS))
    return Summary(
        **vars(head),
        children=Children(**{name: rows.stat(name) for name in Children.__dataclass_fields__}),
        waiting_days=rows.stat("waiting_days", over="started"),
        out_of_care_share=shares,
        never_in_care_share=Arms(*(rows.stat(f"never_in_care_{arm}", over="started") for arm in ARMS)),
        outer_draw_targets_met_share=met_share,
        calibration=CalibrationSummary(**vars(found), in_run=ArmMeans(shares.usual.mean, shares.therapy.mean)),
        care_days=CareDays(
            rows.stat("care_days_usual"),
            rows.stat("care_days_therapy"),
            stat(rows.at("care_days_usual") - rows.at("care_days_therapy"), rows.clusters),
        ),
        avoided_cost_gbp=AvoidedCost(
            rows.stat("avoided_gbp"),
            rows.stat("marginal_gbp"),
            rows.stat("cashable_gbp"),
            **{
                key: rows.stat(f"avoided_{key}_gbp")
                for key in ("real_discounted", "contract_window", "to_18", "at_base_prices")
            },
        ),
        blended_price_gbp_per_week=stat(
            rows.at("usual_cost_at_base_prices_gbp") * 7, rows.clusters, rows.at("usual_care_days")
        ),
        service_cost_gbp=rows.stat("service_cost_gbp"),
        payments_gbp=PaymentsSummary(
            rows.stat("all_payments_gbp"),
            stat(rows.at("all_payments_gbp") - rows.at("top_up_gbp"), rows.clusters),
            rows.stat("top_up_gbp"),
            rows.stat("payments_before_caps_gbp"),
        ),
        deadweight_share=rows.stat("due_usual_gbp", over="due_therapy_gbp"),
        deadweight_joint_share=rows.stat("weeks_home_both", over="weeks_home_therapy"),
        net_saving_gbp=rows.stat("net_saving_gbp"),
        net_saving_chance=rows.chance(rows.at("net_saving_gbp") > 0),
        cap_binds_prob=rows.prob(rows.at("cap_binds")),
        investor=_investor(rows, scenario),
        provider=_provider(rows, scenario),
        variance_share=VarianceShare(
            *(ignorance_share(rows.at(name), rows.draws) for name in ("avoided_gbp", "all_payments_gbp", "profit_gbp"))
        ),
        boroughs={slug: _borough(rows, slug, borough.name) for slug, borough in scenario.boroughs.items()},
    )


def _home_share(rows: Rows, arm: str) -> Stat:
    """Return the share of tracked days out of care."""
    tracked = rows.at("tracked_days")
    return stat(tracked - rows.at(f"care_days_{arm}"), rows.clusters, tracked)


def _provider(rows: Rows, scenario: Scenario) -> ProviderSummary:
    worst = rows.at("owed_at_worst_gbp")
    waits, first = worst > 0, int(rows.at("first_day_owed").min())
    return ProviderSummary(
        owed_at_worst_gbp=stat(worst, rows.clusters),
        days_owed=stat(np.where(waits, rows.at("days_owed"), np.nan), rows.clusters),
        never_paid_gbp=rows.stat("cost_unpaid_gbp"),
        waits_prob=rows.prob(waits),
        n_waits=int(waits.sum()),
        never_paid_prob=rows.prob(rows.at("cost_unpaid_gbp") > 0),
        first_date=date_of(first, scenario.clock.day_0).isoformat() if waits.any() else None,
        committed_gbp=sum(tranche.commitment_gbp for tranche in tranches_of(scenario.capital).values()),
        needed_gbp=rows.stat("funding_needed_gbp"),
    )


def _several(rows: Rows) -> SeveralRates | None:
    found = np.flatnonzero(rows.at("irr_outcome") == IRR_OUTCOMES.index("several"))
    if not len(found):
        return None
    first = found[0]
    figures = (float(rows.at(name)[first]) for name in ("irr_lowest", "irr_highest", "redrawn_gbp"))
    return SeveralRates(int(rows.replications[first]), *figures)


def _investor(rows: Rows, scenario: Scenario) -> InvestorSummary:
    outcomes = rows.at("irr_outcome")
    needed = outcomes != IRR_OUTCOMES.index("not_needed")
    counted = np.bincount(outcomes, minlength=len(IRR_OUTCOMES))
    return InvestorSummary(
        irr_of_expected_flows=expected_rate(rows),
        **{
            name: rows.stat(name)
            for name in ("irr", "money_multiple", "profit_gbp", "peak_funding_gbp", "payback_years")
        },
        loss_prob=rows.prob(rows.at("profit_gbp") < 0),
        loss_chance=rows.chance(rows.at("profit_gbp") < 0),
        misses_target_chance=rows.chance(rows.at("missed_target")),
        never_paid_back_prob=rows.prob(np.isnan(rows.at("payback_years")) & needed),
        cost_unpaid_prob=rows.prob(rows.at("cost_unpaid_gbp") > 0),
        irr_outcomes=dict(zip(IRR_OUTCOMES, counted.tolist(), strict=True)),
        irr_gross=rows.stat("irr_gross") if has_charges(scenario.capital) else None,
        called_beyond_gbp=rows.stat("called_beyond_gbp"),
        redrawn_gbp=rows.stat("redrawn_gbp"),
        several_rates=_several(rows),
    )


def expected_rate(rows: Rows) -> float | None:
    """Return the rate of the investors' flows summed over replications, a year; None without exactly one."""
    return rows.rate()


def _borough(rows: Rows, slug: str, name: str) -> BoroughSummary:
    return BoroughSummary(
        name,
        rows.stat("started", borough=slug),
        rows.stat("care_days_avoided", borough=slug),
        rows.stat("avoided_gbp", borough=slug),
        rows.stat("payments_gbp", borough=slug),
        rows.stat("net_saving_gbp", borough=slug),
        rows.stat("worst_year_gbp", borough=slug),
        rows.prob(rows.at("net_saving_gbp", borough=slug) > 0),
    )
