"""One simulated child's life, step by step, without and with therapy: for those who must trust the model.

In: a world, a seed, which replication, borough and child. Out: a plain table that can be written as JSON. Children,
queue, lives and counts are those of the readable engine, prices those of `money`: what all children of a replication
come to here is what the replication counts. Must not know: how it is shown, files.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

import numpy as np

from edgeofcare.calendar import MEAN_DAYS_PER_YEAR, date_of
from edgeofcare.care.cohort import ADULT_AGE
from edgeofcare.care.tracking import WEEK, window_end, window_start
from edgeofcare.engine.counts import ACCOUNTS, ARMS, Counts, empty_counts
from edgeofcare.engine.plan import Plan, make_plan
from edgeofcare.engine.reference import (
    BOTH,
    Child,
    Life,
    Tables,
    Tally,
    count_life,
    count_service,
    count_tracks,
    events,
    home_spells,
    live_both_arms,
    refer,
    run_queue,
)
from edgeofcare.errors import OptionError
from edgeofcare.inputs.load import scenario_hash
from edgeofcare.inputs.schema import PLACEMENTS, Scenario
from edgeofcare.inputs.terms.base import UnitTerm
from edgeofcare.money.costs import price_table, service_costs
from edgeofcare.money.terms import counted_for, formula
from edgeofcare.outcomes import PENCE
from edgeofcare.questions.counterfactuals import Counterfactual

LIVING = threading.RLock()  # lives are told in buffers that belong to the whole program


@dataclass(frozen=True)
class Asked:
    """Which replication; worlds are the same if their scenarios and hazards are."""

    scenario_sha256: str
    entry_scale_days: float
    hazard_ratio: float
    seed: int
    replication: int
    world: Counterfactual = field(compare=False)


@dataclass(frozen=True)
class Replication:
    """A replication after its queue has run: who was referred, in order, and who started when."""

    tables: Tables
    children: list[Child]


def n_referred(world: Counterfactual, seed: int, replication: int, borough: str) -> int:
    """Return how many children a borough refers in a replication (replications are numbered from 0).

    Raises OptionError for a borough that the scenario does not have.
    """
    return len(_referred_in(world, seed, replication, borough))


def one_child(world: Counterfactual, seed: int, replication: int, borough: str, number: int) -> dict[str, Any]:
    """Return the life of the number-th child (from 1) that a borough refers in a replication (from 0), in both arms.

    Days are numbered from day 0 of the contract. care_cost: by place and financial year inside the scenario's own
    tracking, GBP = days x price of a week / 7, not rounded. payments: what each term comes to for this child, before
    indexation, caps, top-ups and all else that belongs to the contract as a whole; terms that are owed for all
    children together (days saved below a baseline, ladders, fees, loans) have no share of one child and are named in
    `terms_of_all_children` instead. Raises OptionError for a child that does not exist.
    """
    children = _referred_in(world, seed, replication, borough)
    name = world.scenario.boroughs[borough].name
    if not children:
        raise OptionError(f"{name} refers no child in simulated contract {replication} of seed {seed}.")
    if not 1 <= number <= len(children):
        raise OptionError(
            f"{name} refers {len(children):,} children in simulated contract {replication} of seed "
            f"{seed}: choose a child from 1 to {len(children):,} (got {number})."
        )
    child, tables = children[number - 1], _lived(world, seed, replication).tables
    with LIVING:
        lives = live_both_arms(child, tables, seed, replication)
        counts = _counts_of(child, lives, tables, replication)
    return {
        "scenario": world.scenario.name,
        "world": world.name,
        "seed": seed,
        "replication": replication,
        "borough": borough,
        "borough_name": name,
        "number": number,
        "n_referred": len(children),
        **_service(child, tables.plan, world.scenario),
        "tracking": (tracking := _tracking(child, tables.plan, counts)),
        "why_not_tracked": _why_not_tracked(child, tables.plan) if child.started and tracking is None else None,
        "arms": {
            arm: _arm(arm, child, life, counts, tables.plan, world.scenario)
            for arm, life in zip(ARMS, lives, strict=True)
        },
        "payments": _payments(counts, tables.plan, world.scenario),
        "terms_of_all_children": [
            term.pays for term in world.scenario.contract.terms if not isinstance(term, UnitTerm)
        ],
        "events": list(_events(child, lives, tables.plan, replication)),
    }


# ---- the replication -------------------------------------------------------------------------------------------------


def _referred_in(world: Counterfactual, seed: int, replication: int, borough: str) -> list[Child]:
    boroughs = world.scenario.boroughs
    if borough not in boroughs:
        raise OptionError(f"{world.scenario.name} has no borough {borough!r}: choose one of {', '.join(boroughs)}.")
    if replication < 0 or seed < 0:
        raise OptionError(f"Simulated contracts and seeds are numbered from 0 (got {replication} and {seed}).")
    place = list(boroughs).index(borough)
    return [child for child in _lived(world, seed, replication).children if child.borough == place]


def _lived(world: Counterfactual, seed: int, replication: int) -> Replication:
    hazards = world.entry_scale_days, world.hazard_ratio
    with LIVING:
        return _queued(Asked(scenario_hash(world.scenario), *hazards, seed, replication, world))


@lru_cache(maxsize=4)
def _queued(asked: Asked) -> Replication:
    tables = Tables(make_plan(asked.world.scenario, asked.entry_scale_days, asked.hazard_ratio))
    children = list(refer(tables, asked.seed, asked.replication))
    run_queue(tables.plan, tables.slots, [child for child in children if child.engaged])
    return Replication(tables, children)


def _counts_of(child: Child, lives: tuple[Life, Life], tables: Tables, replication: int) -> Counts:
    """Return what one child adds to the counts of its replication (control children apart: they belong to a ladder)."""
    tally, counts = Tally(tables.plan), empty_counts(tables.plan, replication, 1)
    count_service(child, tables, tally)
    if child.started:
        for arm, life in enumerate(lives):
            count_life(child, life, tables, tally, arm)
        count_tracks(child, lives, tables, tally)
    else:
        count_life(child, lives[0], tables, tally, BOTH)
    tally.write(counts, 0)
    return counts


# ---- who, and what the service did -----------------------------------------------------------------------------------


def _when(name: str, day: int, plan: Plan) -> dict[str, Any]:
    """Return a day with its date, under two keys."""
    return {f"{name}_day": day, f"{name}_date": date_of(day, plan.periods.day_0).isoformat()}


def _service(child: Child, plan: Plan, scenario: Scenario) -> dict[str, Any]:
    """Return who the child is and how far it came: `fate` is why it did not start, or how therapy ended."""
    found: dict[str, Any] = {
        **_when("referred", child.day, plan),
        **_when("birthday_18", child.birthday_18, plan),
        "age_at_referral_years": ADULT_AGE - (child.birthday_18 - child.day) / MEAN_DAYS_PER_YEAR,
        "three_or_more_needs": child.more_needs,
        "accepted": child.accepted,
        "engaged": child.engaged,
        "fate": _fate(child),
        "started": child.started,
    }
    if child.started:
        team = plan.team_slugs[child.team]
        found |= {
            "team": team,
            "therapy": (therapy := scenario.teams[team].therapy),
            "therapy_name": scenario.therapy_names[therapy],
            "therapy_label": scenario.therapy_labels[therapy],
            "waited_days": child.start - child.day,
            **_when("start", child.start, plan),
            **_when("stop", child.stop, plan),
        }
    elif child.left:
        found |= {"waited_days": child.left_day - child.day, **_when("left", child.left_day, plan)}
    return found


def _fate(child: Child) -> str:
    if child.started:
        return "completed" if child.completes else "dropped_out"
    if child.left:
        return child.left
    return "did_not_engage" if child.accepted else "not_accepted"


def _tracking(child: Child, plan: Plan, counts: Counts) -> dict[str, Any] | None:
    """Return the window in which this child's days count; None if none of them do."""
    tracked_days = int(counts.outcome("usual", "tracked_days").sum())
    if not tracked_days:
        return None
    track = plan.tracks[0]
    first = window_start(track.counts_from, child.day, child.start, child.length_days, track.delay_days)
    until = window_end(first, track.days, child.birthday_18, track.end_day)
    return {**_when("first", first, plan), **_when("until", until, plan), "tracked_days": tracked_days}


def _why_not_tracked(child: Child, plan: Plan) -> str:
    """Return why no day of a child who starts is tracked."""
    track = plan.tracks[0]
    if track.covers_completers_only and not child.completes:
        return "not_completed"
    first = window_start(track.counts_from, child.day, child.start, child.length_days, track.delay_days)
    return "turns_18_first" if child.birthday_18 <= first else "outcomes_end_first"


# ---- the two lives ---------------------------------------------------------------------------------------------------


def _arm(arm: str, child: Child, life: Life, counts: Counts, plan: Plan, scenario: Scenario) -> dict[str, Any]:
    """Return one life: where the child is, days in care, and what care costs, GBP."""
    prices = _prices_pence(child, plan, scenario)
    days = counts.care[0, ARMS.index(arm), :, child.borough]
    tracked, to_18 = days[ACCOUNTS.index("tracking")], days[ACCOUNTS.index("window")] + days[ACCOUNTS.index("after")]
    return {
        "stays": list(_stays(child, life, plan)),
        "n_times_in_care": len(life.spells),
        "n_moves": len(life.placements) - len(life.spells),
        "care_days_to_18": int(to_18.sum()),
        "care_cost_to_18_gbp": _gbp((to_18 * prices).sum()),
        "tracked_care_days": int(counts.outcome(arm, "care_days").sum()),
        "tracked_weeks_out_of_care": int(counts.outcome(arm, "grid_weeks").sum()),
        "tracked_care_cost_gbp": _gbp((tracked * prices).sum()),
        "care_cost": list(_by_place_and_year(tracked, prices, plan)),
    }


def _prices_pence(child: Child, plan: Plan, scenario: Scenario) -> Any:
    """Return prices of a week of care in the child's borough, pence: (period, placement type)."""
    multiplier = scenario.boroughs[plan.borough_slugs[child.borough]].price_multiplier
    full = (1.0,) * len(PLACEMENTS)
    return price_table(scenario.prices, plan.periods.financial_years(), [multiplier], full)[0]


def _gbp(days_at_weekly_pence: int) -> float:
    return int(days_at_weekly_pence) / (WEEK * PENCE)


def _by_place_and_year(days: Any, prices: Any, plan: Plan) -> Iterator[dict[str, Any]]:
    """Yield days and cost of each place in each financial year; days: (period, placement type)."""
    years = np.array(plan.periods.financial_years())
    for kind, place in enumerate(PLACEMENTS):
        for year in dict.fromkeys(years[days[:, kind] > 0].tolist()):
            there = years == year
            n_days, price = int(days[there, kind].sum()), int(prices[there, kind][0])
            yield {
                "place": place,
                "financial_year": year,
                "care_days": n_days,
                "gbp_per_week": price / PENCE,
                "cost_gbp": _gbp(n_days * price),
            }


def _stays(child: Child, life: Life, plan: Plan) -> Iterator[dict[str, Any]]:
    """Yield where the child is from referral to the 18th birthday, in order."""
    homes = [(start, end, "home") for start, end in home_spells(life, child.day, child.birthday_18)]
    for start, end, place in sorted([*homes, *((a, b, PLACEMENTS[kind]) for a, b, kind in life.placements)]):
        yield {"place": place, **_when("from", start, plan), **_when("until", end, plan), "stay_days": end - start}


def _events(child: Child, lives: tuple[Life, Life], plan: Plan, replication: int) -> Iterator[dict[str, Any]]:
    """Yield the engine's own events of this child; arm `both` where they are the same without and with therapy."""
    for _, arm, _, _, event, day, detail in events(child, lives, replication):
        yield {
            "event": event,
            **_when("event", day, plan),
            "arm": ARMS[arm] if child.started and arm >= 0 else "both",
            **({"place": PLACEMENTS[detail]} if event == "placed" else {}),
        }


# ---- what is paid ----------------------------------------------------------------------------------------------------


def _payments(counts: Counts, plan: Plan, scenario: Scenario) -> list[dict[str, Any]]:
    """Return what each term owed child by child comes to, GBP; without therapy only for outcomes in a window."""
    contract, service, found = scenario.contract, service_costs(plan, scenario, counts), []
    for term in contract.terms:
        if not isinstance(term, UnitTerm):
            continue
        lived = {arm: counted_for(term, contract, counts, plan, scenario, service, arm) for arm in ARMS}
        due = {arm: float(formula(term, there).sum()) / PENCE for arm, there in lived.items()}
        units = {arm: int(there.of(term.measure).sum()) for arm, there in lived.items()}
        for_outcomes = term.counting() is not None
        found.append(
            {
                "pays": term.pays,
                "price_gbp": term.price_gbp,
                "units": units["therapy"],
                "due_gbp": due["therapy"],
                "units_without_therapy": units["usual"] if for_outcomes else None,
                "due_without_therapy_gbp": due["usual"] if for_outcomes else None,
            }
        )
    return found
