"""What breaks a contract: each stress with the same random draws as the scenario, sorted by the harm to one party.

In: a scenario, names of stresses, a party. Out: a `StressTable`. Must not know: how answers are shown, stress files.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from edgeofcare.errors import OptionError
from edgeofcare.experiment import OWN, Experiment, Part, Progress, available_engine, check_options
from edgeofcare.inputs.schema import Scenario
from edgeofcare.outcomes import Against, Rows, against, rate_against
from edgeofcare.questions.counterfactuals import claimed_case
from edgeofcare.questions.stress_cases import PLANNED, Trial, drawn_trials, make_trials
from edgeofcare.results import plain

INVESTOR, PROVIDER, TOP_UP = "investor", "provider", "top_up"
TOGETHER = "together"  # kind of a stress made of others
HALF_EMPTY = 0.5  # of the team places of the plan: below it a provider's service is not kept up
HOW_MANY_SINK = 3
COLUMNS = (
    *("started", "avoided_gbp", "all_payments_gbp", "top_up_gbp", "top_up_gain_gbp", "payments_gbp", "net_saving_gbp"),
    *("slot_days_used", "slot_days", "money_multiple", "profit_gbp", "peak_funding_gbp", "npv_gbp", "missed_target"),
    *("owed_at_worst_gbp", "cost_unpaid_gbp", "flows"),
)


# ---- the answer --------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class InvestorFigures:
    """What the investors' money earns. npv_gbp: net present value at their target rate; below nil they miss it."""

    irr_of_expected_flows: Against
    money_multiple: Against
    profit_gbp: Against
    peak_funding_gbp: Against
    npv_gbp: Against
    missed_target_prob: Against
    loss_prob: Against
    cost_unpaid_prob: Against
    cost_unpaid_gbp: Against


@dataclass(frozen=True)
class ProviderFigures:
    """What is owed to the provider: in how many contracts it waits for money, and the most owed at once."""

    waits_prob: Against
    owed_at_worst_gbp: Against


@dataclass(frozen=True)
class BoroughFigures:
    """What the contract means for one borough."""

    name: str
    payments_gbp: Against
    net_saving_gbp: Against
    better_off_prob: Against


@dataclass(frozen=True)
class Figures:
    """The scenario as planned or under a stress, each figure beside that of the scenario as planned.

    places_used_share: of the team places of the scenario as planned.
    """

    started: Against
    avoided_cost_gbp: Against
    payments_gbp: Against
    top_up_gbp: Against
    top_up_gain_gbp: Against
    net_saving_gbp: Against
    places_used_share: Against
    investor: InvestorFigures
    provider: ProviderFigures
    boroughs: dict[str, BoroughFigures]

    def measure(self, party: str) -> Against:
        """Return the figure that stands for a party: see `measure_of`."""
        own = {INVESTOR: self.investor.npv_gbp, PROVIDER: self.places_used_share, TOP_UP: self.top_up_gain_gbp}
        return own[party] if party in own else self.boroughs[party].net_saving_gbp


@dataclass(frozen=True)
class OutOfCareShare:
    """Share of tracked days out of care, on the calibration sample."""

    usual: float
    therapy: float


@dataclass(frozen=True)
class StressRow(Figures):
    """One stress. together: its parts, if it is made of others; left_out: parts that do not fit, with the reason.

    targets_met: whether the claim can be met under it; otherwise the nearest was taken. outer_draws: of the evidence,
    for a stress that draws its effect. hazard_ratio, entry_scale_days: None with several draws. uncertain: the same
    figures with the scenario's uncertain inputs drawn; None with one outer draw.
    """

    name: str
    title: str
    description: str
    kind: str
    source: str
    date: str
    quality: str
    together: list[str]
    left_out: dict[str, str]
    targets_met: bool
    outer_draws: int
    hazard_ratio: float | None
    entry_scale_days: float | None
    out_of_care_share: OutOfCareShare
    uncertain: Figures | None = None


@dataclass(frozen=True)
class Sink(Against):
    """A stress that does the party most harm. sunk: its figure lies below the edge."""

    name: str
    title: str
    sunk: bool


@dataclass(frozen=True)
class Sinks:
    """What turns the verdict of the party.

    edge: nil, or for a provider half of the places. stresses: the most harmful. all_that_sink: names of all that do.
    """

    edge: float
    sunk_as_it_stands: bool
    stresses: list[Sink]
    all_that_sink: list[str]


@dataclass(frozen=True)
class StressTable:
    """Every stress against the scenario as planned, the most harmful to the party first.

    measure: path of the figure that stands for the party. base: the figures without stress. skipped: stresses that do
    not fit the scenario, with the reason. uncertain: base with uncertain inputs drawn; None with one outer draw.
    """

    scenario: str
    title: str
    party: str
    party_name: str
    measure: str
    target_irr_per_year: float
    seed: int
    replications: int
    outer_draws: int
    base: Figures
    stresses: list[StressRow]
    sinks: Sinks
    skipped: dict[str, str]
    uncertain: Figures | None = None

    def as_dict(self) -> dict[str, Any]:
        """Return the object that `--json` prints; what was not asked for is left out."""
        found: dict[str, Any] = plain(self)
        for part in (found, *found["stresses"]):
            if part["uncertain"] is None:
                del part["uncertain"]
        return found


# ---- the question ------------------------------------------------------------------------------------------------


def stress(
    scenario: Scenario,
    names: str | Sequence[str] = "all",
    party: str = INVESTOR,
    replications: int = 5000,
    seed: int = 1,
    workers: int | None = None,
    progress: Progress | None = None,
    outer_draws: int = 1,
) -> StressTable:
    """Return what each stress does to a contract, with the same random draws, the most harmful to the party first.

    names: "all" (without those that do not fit the scenario), or names and paths, "a,b" for two, "a+b" for both at
    once. party: "investor" (net present value at its target rate), "provider" (places used), "top_up" (what it gets for
    its part) or the slug of a borough (net saving). outer_draws: with several, also with uncertain inputs drawn.
    Raises OptionError for a party that is not in the scenario and a number out of range, InputError for a stress that
    is unknown, at fault, or named and does not fit.
    """
    party_name = _party_name(scenario, party)
    claimed_case(scenario)
    check_options(scenario, replications, seed, outer_draws, workers)
    trials, skipped = make_trials(scenario, names, replications, seed)
    drawn = drawn_trials(trials, outer_draws, seed) if outer_draws > 1 else {}
    cases = {trial.name: trial.case for trial in trials} | {_uncertain(name): case for name, case in drawn.items()}
    asked = Experiment(cases, seed, replications, COLUMNS, engine=available_engine(None))
    part = asked.rows(workers, progress)
    planned = part.rows[PLANNED, OWN]
    base = figures(planned, planned, scenario)
    doubt = {name: part.rows[_uncertain(name), OWN] for name in drawn}
    rows = [_row(trial, part, doubt, scenario) for trial in trials[1:]]
    rows.sort(key=lambda row: row.measure(party).change or 0.0)
    return StressTable(
        scenario=scenario.name,
        title=scenario.title,
        party=party,
        party_name=party_name,
        measure=measure_of(party),
        target_irr_per_year=scenario.capital.target_irr_per_year,
        seed=seed,
        replications=replications,
        outer_draws=outer_draws,
        base=base,
        stresses=rows,
        sinks=sinks(base, rows, party),
        skipped=skipped,
        uncertain=figures(doubt[PLANNED], doubt[PLANNED], scenario) if doubt else None,
    )


def _uncertain(name: str) -> str:
    return f"{name}, inputs drawn"


def _party_name(scenario: Scenario, party: str) -> str:
    """Return a party's name; raise OptionError for one that is not in the scenario."""
    top_up = scenario.contract.top_up
    names = {INVESTOR: "the investor", PROVIDER: "the provider"}
    names |= {TOP_UP: top_up.name or "the top_up"} if top_up else {}
    names |= {slug: borough.name for slug, borough in scenario.boroughs.items()}
    if party not in names:
        what = "has no top-up" if party == TOP_UP else f"has no party {party}"
        raise OptionError(f"{scenario.name} {what}. It has {', '.join(names)}.")
    return names[party]


def measure_of(party: str) -> str:
    """Return the path of the figure that stands for a party."""
    paths = {INVESTOR: "investor.npv_gbp", PROVIDER: "places_used_share", TOP_UP: "top_up_gain_gbp"}
    return paths.get(party, f"boroughs.{party}.net_saving_gbp")


# ---- figures -----------------------------------------------------------------------------------------------------


def figures(rows: Rows, planned: Rows, scenario: Scenario) -> Figures:
    """Return the figures of a trial beside those of the scenario as planned.

    planned: rows without stress, of the same replications and perhaps more. With several outer draws an error is that
    between draws.
    """
    planned, draws = planned.first(len(rows)), rows.clusters

    def of(column: str, **places: str) -> Against:
        return against(rows.at(column, **places), planned.at(column, **places), draws)

    def prob(column: str, above: float = 0.0, sign: int = 1, **places: str) -> Against:
        """Return how often a figure lies above a number, or (sign -1) below."""
        here, there = (sign * side.at(column, **places) > sign * above for side in (rows, planned))
        return against(here, there, draws)

    places = planned.at("slot_days")
    return Figures(
        started=of("started"),
        avoided_cost_gbp=of("avoided_gbp"),
        payments_gbp=of("all_payments_gbp"),
        top_up_gbp=of("top_up_gbp"),
        top_up_gain_gbp=of("top_up_gain_gbp"),
        net_saving_gbp=of("net_saving_gbp"),
        places_used_share=against(rows.at("slot_days_used") / places, planned.at("slot_days_used") / places, draws),
        investor=InvestorFigures(
            irr_of_expected_flows=rate_against(rows, planned),
            money_multiple=of("money_multiple"),
            profit_gbp=of("profit_gbp"),
            peak_funding_gbp=of("peak_funding_gbp"),
            npv_gbp=of("npv_gbp"),
            missed_target_prob=of("missed_target"),
            loss_prob=prob("profit_gbp", sign=-1),
            cost_unpaid_prob=prob("cost_unpaid_gbp"),
            cost_unpaid_gbp=of("cost_unpaid_gbp"),
        ),
        provider=ProviderFigures(prob("owed_at_worst_gbp"), of("owed_at_worst_gbp")),
        boroughs={
            slug: BoroughFigures(
                borough.name,
                of("payments_gbp", borough=slug),
                of("net_saving_gbp", borough=slug),
                prob("net_saving_gbp", borough=slug),
            )
            for slug, borough in scenario.boroughs.items()
        },
    )


def _row(trial: Trial, part: Part, doubt: Mapping[str, Rows], scenario: Scenario) -> StressRow:
    """Return a stress with its figures. doubt: rows of the trials with inputs drawn, if they were."""
    assert trial.stress is not None
    said, inputs = trial.stress.said, [part.inputs[trial.name][draw] for draw in sorted(part.inputs[trial.name])]
    only = inputs[0] if len(inputs) == 1 else None
    found = figures(part.rows[trial.name, OWN], part.rows[PLANNED, OWN], scenario)
    return StressRow(
        **vars(found),
        name=trial.name,
        title=said.title,
        description=said.description,
        kind=said.kind,
        source=said.source,
        date=said.date,
        quality=said.quality,
        together=[one.name for one in trial.stress.parts] if len(trial.stress.parts) > 1 else [],
        left_out=trial.left_out,
        targets_met=trial.met and all(one.met for one in inputs),
        outer_draws=len(inputs),
        hazard_ratio=only.hazard_ratio if only else None,
        entry_scale_days=only.entry_scale_days if only else None,
        out_of_care_share=OutOfCareShare(_mean(one.usual for one in inputs), _mean(one.therapy for one in inputs)),
        uncertain=figures(doubt[trial.name], doubt[PLANNED], scenario) if doubt else None,
    )


def _mean(values: Iterable[float]) -> float:
    return float(np.mean(list(values)))


# ---- what sinks the deal -----------------------------------------------------------------------------------------


def sinks(base: Figures, rows: Sequence[StressRow], party: str) -> Sinks:
    """Return the three most harmful stresses: of those that turn the party's verdict the worst of each kind, then
    others that do; only then those that harm without turning it, the worst of each kind.

    Stresses made of others are left out, and so is what does not harm. The verdict turns where the figure of the party
    falls below the edge: nil, or for a provider half of the places.
    """
    edge = HALF_EMPTY if party == PROVIDER else 0.0

    def sunk(row: Figures) -> bool:
        return (row.measure(party).value or 0.0) < edge

    harmful = [row for row in rows if row.kind != TOGETHER and _harms(row.measure(party))]
    sinking = [row for row in harmful if sunk(row)]
    first = [*_worst_of_each_kind(sinking), *sinking, *_worst_of_each_kind([row for row in harmful if not sunk(row)])]
    names = list(dict.fromkeys(row.name for row in first))[:HOW_MANY_SINK]
    chosen = [row for row in rows if row.name in names]
    return Sinks(
        edge=edge,
        sunk_as_it_stands=sunk(base),
        stresses=[Sink(**vars(row.measure(party)), name=row.name, title=row.title, sunk=sunk(row)) for row in chosen],
        all_that_sink=[row.name for row in rows if sunk(row)],
    )


def _harms(found: Against) -> bool:
    """Return whether a figure falls by more than twice the error of its change."""
    return found.change is not None and found.change < -2 * (found.se or 0.0)


def _worst_of_each_kind(rows: Sequence[StressRow]) -> list[StressRow]:
    """Return the first row of each kind."""
    return list({row.kind: row for row in reversed(rows)}.values())[::-1]
