"""What breaks a contract: each stress on the same luck as the scenario, sorted by the harm to one party.

In: a scenario, names of stresses, a party. Out: a `StressTable`. Must not know: how answers are shown, stress files.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from edgeofcare.calendar import DAYS_PER_YEAR
from edgeofcare.engine.calibrate import TRACKED_SHARE, calibrate
from edgeofcare.engine.parameters import draw, surface_for
from edgeofcare.errors import CalibrationError, InputError, OptionError
from edgeofcare.inputs.evidence import published_evidence
from edgeofcare.inputs.files import scenario_folder
from edgeofcare.inputs.load import with_values
from edgeofcare.inputs.schema import Scenario
from edgeofcare.inputs.stresses import NamedStress, Stressed, find_stresses, stressed
from edgeofcare.money.irr import internal_rate
from edgeofcare.money.pence import summed
from edgeofcare.outcomes import PENCE, standard_error
from edgeofcare.questions.before_experiment import CHUNK, live, settle
from edgeofcare.questions.counterfactuals import Counterfactual, claimed_case, with_effect
from edgeofcare.walk import prepare

Values = npt.NDArray[Any]
Rows = dict[str, Values]
Progress = Callable[[int, int], None]
INVESTOR, PROVIDER, TOP_UP = "investor", "provider", "top_up"
MOST_DRAWS = 100  # outer draws of a stress that draws its effect
HALF_EMPTY = 0.5  # of the team places of the plan: below it a provider's service is not kept up
HOW_MANY_SINK = 3


@dataclass(frozen=True)
class Trial:
    """A scenario as it stands, or under one stress. worlds: one, or one for each outer draw."""

    name: str
    stress: NamedStress | None
    worlds: list[Counterfactual]
    left_out: dict[str, str] = field(default_factory=dict)
    targets_met: bool = True


@dataclass(frozen=True)
class StressTable:
    """Every stress against the scenario as it stands.

    rows: as `--json` prints them, the most harmful to the party first. base: the same figures without stress.
    skipped: stresses that do not fit the scenario, with the reason.
    """

    scenario: Scenario
    party: str
    base: dict[str, Any]
    rows: list[dict[str, Any]]
    skipped: dict[str, str]
    replications: int
    seed: int

    def as_dict(self) -> dict[str, Any]:
        """Return the object that `--json` prints."""
        return {
            "scenario": self.scenario.name,
            "title": self.scenario.title,
            "party": self.party,
            "party_name": self._party_name,
            "measure": measure_of(self.party),
            "seed": self.seed,
            "replications": self.replications,
            "base": self.base,
            "stresses": self.rows,
            "sinks": sinks(self.base, self.rows, self.party),
            "skipped": self.skipped,
        }

    @property
    def _party_name(self) -> str:
        if self.party in self.scenario.boroughs:
            return self.scenario.boroughs[self.party].name
        top_up = self.scenario.contract.top_up
        return top_up.name if self.party == TOP_UP and top_up and top_up.name else f"the {self.party}"


def stress(
    scenario: Scenario,
    names: str | Sequence[str] = "all",
    party: str = INVESTOR,
    replications: int = 5000,
    seed: int = 1,
    workers: int | None = None,
    progress: Progress | None = None,
) -> StressTable:
    """Return what each stress does to a contract, on the same luck, the most harmful to the party first.

    names: "all" (without those that do not fit the scenario), or names and paths, "a,b" for two, "a+b" for both at
    once. party: "investor" (profit), "provider" (places used), "top_up" (what it gets for its part) or the slug of a
    borough (net saving).
    Raises OptionError for a party that is not in the scenario and a number out of range, InputError for a stress that
    is unknown, at fault, or named and does not fit.
    """
    _check_party(scenario, party)
    claimed_case(scenario)
    prepare(scenario, replications, seed)
    if workers is not None and workers < 1:
        raise OptionError(f"workers must be 1 or more (got {workers}).")
    trials, skipped = make_trials(scenario, names, replications, seed)
    found = _run(trials, replications, seed, workers or os.cpu_count() or 1, progress)
    own = found[0]
    base = figures(own, own, scenario)
    rows = [
        _head(trial) | figures(rows_, {key: value[: len(rows_["draw"])] for key, value in own.items()}, scenario)
        for trial, rows_ in zip(trials[1:], found[1:], strict=True)
    ]
    rows.sort(key=lambda row: measure(row, party)["change"] or 0.0)
    return StressTable(scenario, party, base, rows, skipped, replications, seed)


def _check_party(scenario: Scenario, party: str) -> None:
    known = [INVESTOR, PROVIDER, *([TOP_UP] if scenario.contract.top_up else []), *scenario.boroughs]
    if party not in known:
        what = "has no top-up" if party == TOP_UP else f"has no party {party}"
        raise OptionError(f"{scenario.name} {what}. It has {', '.join(known)}.")


# ---- trials --------------------------------------------------------------------------------------------------------


def make_trials(
    scenario: Scenario, names: str | Sequence[str], replications: int, seed: int
) -> tuple[list[Trial], dict[str, str]]:
    """Return the scenario as it stands and under each stress, and the stresses that do not fit (of "all" only)."""
    claimed = claimed_case(scenario)
    trials, skipped = [Trial("as it stands", None, [claimed])], {}
    for one in find_stresses(names):
        try:
            changed = stressed(scenario, one)
        except InputError as error:
            if names != "all":
                raise
            skipped[one.name] = str(error.faults[0])
            continue
        trials.append(_trial(one, changed, claimed, replications, seed))
    return trials, skipped


def _trial(one: NamedStress, changed: Stressed, claimed: Counterfactual, replications: int, seed: int) -> Trial:
    if changed.effect == "evidence":
        worlds, met = _drawn_worlds(changed, replications, seed)
        return Trial(one.name, one, worlds, changed.left_out, met)
    met = True
    try:
        world = world_of(changed.claimed, changed.effect, changed.base)
    except CalibrationError:  # the claim is out of reach under these changes: the hazards stay as they were
        met, world = False, world_of(claimed.scenario, changed.effect, changed.base)
    return Trial(one.name, one, [replace(world, scenario=changed.scenario)], changed.left_out, met)


def world_of(scenario: Scenario, effect: str, base: str) -> Counterfactual:
    """Return a world: the scenario's claim, or another effect, another base, or both.

    The claimed effect and half of it keep at every base their odds ratio on the tracked share; US pooled is put on the
    measure of its own row.
    """
    claimed = claimed_case(scenario)
    at_base = claimed if base == "contract" else replace(claimed, entry_scale_days=_base_scale_days(scenario, base))
    if effect == "us_pooled":
        row = next(row for row in published_evidence(scenario_folder())["studies"] if row["id"] == effect)
        values = {"effect.measure": row["measure"], "effect.day": int(row["day"].value)}
        return _at_odds(at_base, values, float(np.exp(row["log_or"].value)), effect, base)
    if effect == "claimed" and base != "contract":
        usual, therapy = (share / (1 - share) for share in (claimed.usual, claimed.therapy))
        return _at_odds(at_base, {"effect.measure": TRACKED_SHARE}, usual / therapy, effect, base)
    return replace(with_effect(at_base, effect), name=f"{effect} on {base}", base=base)


def _at_odds(
    at_base: Counterfactual, values: dict[str, Any], odds_ratio: float, effect: str, base: str
) -> Counterfactual:
    """Return the world at an odds ratio of being in care on a measure, with the entry scale given."""
    hazards = {"effect.entry_scale_days": at_base.entry_scale_days, "effect.odds_ratio": odds_ratio}
    found = calibrate(with_values(at_base.scenario, {**values, **hazards}))
    usual, therapy = (found.measures[arm][TRACKED_SHARE] for arm in ("usual", "therapy"))
    scale, ratio = found.entry_scale_days, found.hazard_ratio
    return Counterfactual(
        at_base.scenario, scale, ratio, usual, therapy, name=f"{effect} on {base}", effect=effect, base=base
    )


def _base_scale_days(scenario: Scenario, base: str) -> float:
    """Return the entry scale at which a published base world holds, days."""
    row: dict[str, Any] = next(r for r in published_evidence(scenario_folder())["base_worlds"] if r["id"] == base)
    values = {
        "effect.measure": row["measure"],
        "effect.day": int(row["day"].value),
        "effect.usual": 1 - row["in_care_share"].value,
        "effect.hazard_ratio": 1.0,
    }
    return calibrate(with_values(scenario, values)).entry_scale_days


def _drawn_worlds(changed: Stressed, replications: int, seed: int) -> tuple[list[Counterfactual], bool]:
    """Return a world for each outer draw of the evidence (nothing else is uncertain), and whether all were met."""
    scenario = with_values(changed.claimed, {"effect.prior": "evidence"}).model_copy(update={"origins": {}})
    surface = surface_for(scenario)
    worlds, met = [], True
    for number in range(min(MOST_DRAWS, replications)):
        drawn = draw(scenario, surface, seed, number)
        hazards = drawn.entry_scale_days, drawn.hazard_ratio
        worlds.append(Counterfactual(changed.scenario, *hazards, drawn.usual, drawn.therapy, name=f"draw {number}"))
        met = met and drawn.met
    return worlds, met


# ---- rows ----------------------------------------------------------------------------------------------------------


def _run(trials: Sequence[Trial], replications: int, seed: int, workers: int, progress: Progress | None) -> list[Rows]:
    """Return the rows of every trial, all chunks of all trials in one pool."""
    pieces = [(i, *piece) for i, trial in enumerate(trials) for piece in _pieces(trial, replications)]
    total, done = sum(n for *_, n in pieces), 0

    def work(piece: tuple[int, Counterfactual, int, int, int]) -> tuple[int, Rows]:
        i, world, number, first, n = piece
        return i, _lived_rows(world, number, seed, first, n)

    parts: list[list[Rows]] = [[] for _ in trials]
    pool = ThreadPoolExecutor(max_workers=workers)
    try:
        for (i, rows), (*_, n) in zip(pool.map(work, pieces), pieces, strict=True):
            parts[i].append(rows)
            done += n
            if progress:
                progress(done, total)
    finally:
        pool.shutdown(wait=False, cancel_futures=True)  # after Ctrl-C nobody waits for a chunk
    return [{key: np.concatenate([part[key] for part in of_trial]) for key in of_trial[0]} for of_trial in parts]


def _pieces(trial: Trial, replications: int) -> Iterator[tuple[Counterfactual, int, int, int]]:
    """Yield world, draw, first replication and number of replications of each chunk."""
    each = replications // len(trial.worlds)
    for number, world in enumerate(trial.worlds):
        for first in range(number * each, (number + 1) * each, CHUNK):
            yield world, number, first, min(CHUNK, (number + 1) * each - first)


def _lived_rows(world: Counterfactual, number: int, seed: int, first: int, n: int) -> Rows:
    """Return what a chunk comes to: (replication,), or with boroughs or dates beside it; GBP, slot-days, counts."""
    scenario = world.scenario
    lived = live(world, {}, seed, first, n)
    done = settle(lived.counts, lived.plan, scenario, lived.costs, lived.service)
    exposed, paid, earned, cash = done.exposed, done.paid, done.earned, done.cash
    top_up, share = summed(paid.top_up, 1, 2) / PENCE, scenario.contract.top_up.share if scenario.contract.top_up else 0
    return {
        "draw": np.full(n, number),
        "started": summed(lived.counts.served("started"), 1, 2),
        "avoided_cost_gbp": summed(exposed.avoided, 1, 2) / PENCE,
        "payments_gbp": summed(paid.pence, 1, 2, 3) / PENCE,
        "top_up_gbp": top_up,
        "top_up_gain_gbp": share * summed(exposed.cashable, 1, 2) / PENCE - top_up,
        "slot_days_used": lived.counts.team[:, :, 0].sum(axis=1),
        "slot_days": lived.counts.team[:, :, 1].sum(axis=1),
        "profit_gbp": earned.profit / PENCE,
        "money_multiple": earned.money_multiple,
        "peak_funding_gbp": earned.peak_funding / PENCE,
        "cost_unpaid_gbp": cash.never_paid / PENCE,
        "flows": cash.investor,
        "flow_days": np.tile(cash.days, (n, 1)),
        "borough_payments_gbp": summed(exposed.payments, 2) / PENCE,
        "borough_net_saving_gbp": exposed.net_saving / PENCE,
    }


# ---- figures -------------------------------------------------------------------------------------------------------


def figures(rows: Rows, own: Rows, scenario: Scenario) -> dict[str, Any]:
    """Return the figures of a trial, each with its change from the scenario as it stands and that change's error.

    own: the rows of the same replications without stress. Means and chances over replications; places are those of the
    scenario as it stands. With several outer draws an error is between draws.
    """
    draws = rows["draw"]

    def of(here: Values, there: Values) -> dict[str, float | None]:
        known = np.isfinite(here) & np.isfinite(there)
        if not known.any():
            return {"value": None, "change": None, "se": None}
        moved = here[known] - there[known]
        return {
            "value": float(here[np.isfinite(here)].mean()),
            "change": float(moved.mean()),
            "se": standard_error(moved, draws[known]),
        }

    def name(key: str) -> dict[str, float | None]:
        return of(rows[key].astype(float), own[key].astype(float))

    def chance(key: str, above: Callable[[Values], Values]) -> dict[str, float | None]:
        return of(above(rows[key]).astype(float), above(own[key]).astype(float))

    places, both = own["slot_days"], (rows, own)
    return {
        **{key: name(key) for key in ("started", "avoided_cost_gbp", "payments_gbp", "top_up_gbp", "top_up_gain_gbp")},
        "net_saving_gbp": of(*(side["borough_net_saving_gbp"].sum(axis=1) for side in both)),
        "places_used_share": of(rows["slot_days_used"] / places, own["slot_days_used"] / places),
        "investor": {
            "irr_of_expected_flows": _irr(rows, own),
            **{key: name(key) for key in ("money_multiple", "profit_gbp", "peak_funding_gbp")},
            "loss_prob": chance("profit_gbp", lambda profit: profit < 0),
            "cost_unpaid_prob": chance("cost_unpaid_gbp", lambda unpaid: unpaid > 0),
        },
        "boroughs": {
            slug: {
                "name": borough.name,
                "payments_gbp": of(rows["borough_payments_gbp"][:, i], own["borough_payments_gbp"][:, i]),
                "net_saving_gbp": of(rows["borough_net_saving_gbp"][:, i], own["borough_net_saving_gbp"][:, i]),
                "better_off_prob": of(*((side["borough_net_saving_gbp"][:, i] > 0).astype(float) for side in both)),
            }
            for i, (slug, borough) in enumerate(scenario.boroughs.items())
        },
    }


def _irr(rows: Rows, own: Rows) -> dict[str, float | None]:
    """Return the rate of the expected flows, its change, and the error of the change by influence.

    At the rate r the mean flows have no net present value V; a replication moves r by -V_i(r) / V'(r).
    """
    here, there = _rate(rows), _rate(own)
    if here is None or there is None or min(here, there) <= -1:
        change = None if here is None or there is None else here - there
        return {"value": here, "change": change, "se": None}
    moved = _influence(rows, here) - _influence(own, there)
    return {"value": here, "change": here - there, "se": standard_error(moved, rows["draw"])}


def _rate(rows: Rows) -> float | None:
    return internal_rate(rows["flows"].sum(axis=0), rows["flow_days"][0])


def _influence(rows: Rows, rate: float) -> Values:
    """Return how far each replication moves the rate of the expected flows: (replication,)."""
    years = rows["flow_days"][0] / DAYS_PER_YEAR
    discount = (1 + rate) ** -years
    slope = -(rows["flows"].mean(axis=0) * years * discount).sum() / (1 + rate)
    return np.asarray(-(rows["flows"] @ discount) / slope)


def _head(trial: Trial) -> dict[str, Any]:
    assert trial.stress is not None
    said, worlds = trial.stress.said, trial.worlds
    return {
        "name": trial.name,
        **said.model_dump(include={"title", "description", "kind", "source", "date", "quality"}),
        "together": [part.name for part in trial.stress.parts] if len(trial.stress.parts) > 1 else [],
        "left_out": trial.left_out,
        "targets_met": trial.targets_met,
        "outer_draws": len(worlds),
        "hazard_ratio": worlds[0].hazard_ratio if len(worlds) == 1 else None,
        "entry_scale_days": worlds[0].entry_scale_days if len(worlds) == 1 else None,
        "out_of_care_share": {
            arm: float(np.mean([getattr(world, arm) for world in worlds])) for arm in ("usual", "therapy")
        },
    }


def measure(row: dict[str, Any], party: str) -> dict[str, float | None]:
    """Return the figure that stands for a party: profit, places used, the top-up's gain, a borough's net saving."""
    found: dict[str, Any] = row
    for key in measure_of(party).split("."):
        found = found[key]
    return found


def measure_of(party: str) -> str:
    """Return the path of the figure that stands for a party."""
    paths = {INVESTOR: "investor.profit_gbp", PROVIDER: "places_used_share", TOP_UP: "top_up_gain_gbp"}
    return paths.get(party, f"boroughs.{party}.net_saving_gbp")


# ---- what sinks the deal ------------------------------------------------------------------------------------------


def sinks(base: dict[str, Any], rows: Sequence[dict[str, Any]], party: str) -> dict[str, Any]:
    """Return the three most harmful stresses: of those that turn the party's verdict the worst of each kind, then
    others that do; only then those that harm without turning it, the worst of each kind.

    Stresses made of others are left out, and so is what does not harm. sunk: the figure of the party lies below the
    edge: nothing, or for a provider half of the places.
    """
    edge = HALF_EMPTY if party == PROVIDER else 0.0

    def sunk(row: dict[str, Any]) -> bool:
        return (measure(row, party)["value"] or 0.0) < edge

    harmful = [row for row in rows if row["kind"] != "together" and _harms(measure(row, party))]
    sinking = [row for row in harmful if sunk(row)]
    first = [*_worst_of_each_kind(sinking), *sinking, *_worst_of_each_kind([row for row in harmful if not sunk(row)])]
    names = list(dict.fromkeys(row["name"] for row in first))[:HOW_MANY_SINK]
    return {
        "edge": edge,
        "sunk_as_it_stands": sunk(base),
        "stresses": [
            {"name": row["name"], "title": row["title"], **measure(row, party), "sunk": sunk(row)}
            for row in rows
            if row["name"] in names
        ],
        "all_that_sink": [row["name"] for row in rows if sunk(row)],
    }


def _harms(found: dict[str, float | None]) -> bool:
    """Return whether a figure falls by more than twice the error of its change."""
    return found["change"] is not None and found["change"] < -2 * (found["se"] or 0.0)


def _worst_of_each_kind(rows: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return the first row of each kind."""
    return list({row["kind"]: row for row in reversed(rows)}.values())[::-1]
