"""The waiting lists alone, against ciw: six teams of 20 slots, families who give up after 60 days, three years.

Both have the same arrivals, lengths of therapy and patience; mean starts must agree. ciw draws as it goes, so the
kernel is timed twice: its lists alone, with children drawn before, and with everything drawn that a referral has.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import ciw
import numpy as np
from numba import njit

from edgeofcare.engine import kernel
from edgeofcare.engine.plan import NO_LIMIT, Plan, gamma_length

TEAMS, SLOTS, DAYS, ARRIVALS_PER_DAY = 6, 20, 1095, 0.1218
MEAN_DAYS, SD_DAYS, LONGEST_DAYS, PATIENCE_DAYS = 150.0, 100.0, 900, 60


def queue_only(plan: Plan) -> Plan:
    """Return a plan with one borough to each team, nobody in care before 18, and room to end every therapy."""
    lengths = gamma_length(MEAN_DAYS, SD_DAYS, 1, LONGEST_DAYS, LONGEST_DAYS)
    delivery_end = DAYS + PATIENCE_DAYS + LONGEST_DAYS
    return replace(
        plan,
        rates=plan.rates._replace(entry_scale_days=1e15, accept_prob=1.0, engage_prob=1.0),
        borough_slugs=tuple(f"borough_{i}" for i in range(TEAMS)),
        borough_ids=plan.borough_ids[:TEAMS],
        cumulative_referrals=np.tile(ARRIVALS_PER_DAY * np.arange(DAYS + 1), (TEAMS, 1)),
        age_cumulative=np.cumsum([1.0, 0, 0, 0, 0, 0, 0, 0]),
        entitlement=np.full(TEAMS, NO_LIMIT),
        suited_cumulative=np.ones((TEAMS, 2)),
        teams_of=np.repeat(np.arange(TEAMS)[:, None, None], 2, axis=1),
        team_slugs=tuple(f"team_{i}" for i in range(TEAMS)),
        team_therapy=np.zeros(TEAMS, np.int64),
        slots=np.full((TEAMS, delivery_end + 1), SLOTS),
        slot_days_overhang=np.zeros(TEAMS, np.int64),
        length_cumulative=np.tile(lengths, (2, 1)),
        completion_prob=np.ones(2),
        patience_days=PATIENCE_DAYS,
        delivery_end=delivery_end,
    )


@njit(nogil=True, _nrt=False)
def lists(seed, n_replications, n_lists, tables, queue_tables, child, buffers, team_counts):  # type: ignore[no-untyped-def]
    """Refer each replication's children once and run their waiting lists so many times."""
    parts_a_day = (len(buffers[0]) - 1) // (queue_tables[3] + 1)
    for replication in range(n_replications):
        n = kernel.refer(seed, replication, tables, queue_tables[0], child)
        for _ in range(n_lists):
            n_engaged = kernel.sort_by_referral(child, n, parts_a_day, buffers[0], buffers[1])
            kernel.run_queue(child, n_engaged, queue_tables, buffers, team_counts)


def kernel_lists(plan: Plan) -> Callable[[int, int], float]:
    """Return a function of replications and runs of the lists in each, compiled already; it returns mean starts."""
    tables = kernel._tables(plan)
    child, _, buffers, *_ = kernel._buffers(plan, kernel.most_children(plan))

    def run(n_replications: int, n_lists: int) -> float:
        team_counts = np.zeros((TEAMS, 3), np.int64)
        lists(np.uint64(1), n_replications, n_lists, tables[0], tables[3], child, buffers, team_counts)
        return float(team_counts[:, 2].sum() / n_replications / max(n_lists, 1))

    run(1, 1)
    return run


def ciw_starts(n_replications: int) -> float:
    """Return mean starts of a replication in ciw, of families referred before the last day of referrals."""
    shape, scale = (MEAN_DAYS / SD_DAYS) ** 2, SD_DAYS**2 / MEAN_DAYS
    network = ciw.create_network(
        arrival_distributions=[ciw.dists.Exponential(ARRIVALS_PER_DAY)] * TEAMS,
        service_distributions=[ciw.dists.Gamma(shape, scale)] * TEAMS,
        number_of_servers=[SLOTS] * TEAMS,
        reneging_time_distributions=[ciw.dists.Deterministic(PATIENCE_DAYS)] * TEAMS,
        routing=[[0.0] * TEAMS] * TEAMS,
    )
    return sum(_starts(network, seed) for seed in range(n_replications)) / n_replications


def _starts(network: Any, seed: int) -> int:
    ciw.seed(seed)
    simulation = ciw.Simulation(network)
    simulation.simulate_until_max_time(DAYS + PATIENCE_DAYS)
    ended = sum(record.arrival_date < DAYS for record in simulation.get_all_records(only=["service"]))
    seated = sum(
        family.arrival_date < DAYS and bool(family.service_start_date)
        for node in simulation.transitive_nodes
        for family in node.all_individuals
    )
    return ended + seated
