"""The fast engine by itself: care's text compiled, any split of the work, room that runs out, and no compiler."""

from __future__ import annotations

import os
import random
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
from numba import njit

from edgeofcare.care import cohort, trajectory
from edgeofcare.engine import kernel, reference
from edgeofcare.engine.counts import Trace
from edgeofcare.engine.plan import Plan
from helpers import assert_same_counts, joined, pan_london, plan_of, small


@njit
def compiled_lengths(need, risk, shape, scale, limit, start, stop, kept, table, u, frailties, ages, rates):  # type: ignore[no-untyped-def]
    return (
        trajectory.weibull_days(need, shape, scale, limit),
        trajectory.entry_days(need, risk, shape, scale, limit),
        trajectory.entry_days_with_therapy(need, risk, shape, scale, limit, start, stop, kept, table),
        trajectory.stay_days(u, 1 - u, limit > 700, limit, rates),
        trajectory.home_days(u, risk, limit, rates),
        cohort.days_to_18(ages, u),
        cohort.frailty(frailties, u),
    )


def test_compiled_lengths_are_equal_bit_for_bit() -> None:
    """10,000 random calls: every length, the frailty to its last bit."""
    plan, rng = plan_of(pan_london()), random.Random(4)
    frailties, ages = plan.frailty_log_quantiles, plan.age_cumulative
    for _ in range(10_000):
        need, risk = cohort.exponential(rng.random()), rng.expovariate(1)
        shape, scale = rng.choice([0.367, 0.7, 1.0, 1.3, 2.0]), 10 ** rng.uniform(0, 5)
        limit, start = rng.randrange(1, 2923), rng.randrange(100)
        stop, kept = rng.choice([trajectory.NEVER, start + rng.randrange(1, 300)]), rng.random()
        table, u = [rng.choice([0.0, 0.25, 1.0, 1.7]) for _ in range(rng.randrange(1, 4))], rng.random()
        call = (need, risk, shape, scale, limit, start, stop, kept)
        plain = (
            trajectory.weibull_days(need, shape, scale, limit),
            trajectory.entry_days(need, risk, shape, scale, limit),
            trajectory.entry_days_with_therapy(*call, table),
            trajectory.stay_days(u, 1 - u, limit > 700, limit, plan.rates),
            trajectory.home_days(u, risk, limit, plan.rates),
            cohort.days_to_18(ages.tolist(), u),
            cohort.frailty(frailties.tolist(), u),
        )
        assert compiled_lengths(*call, np.array(table), u, frailties, ages, plan.rates) == plain


@pytest.fixture(scope="module")
def whole() -> tuple[Plan, kernel.Counts]:
    plan = plan_of(pan_london())
    return plan, kernel.run(plan, 7, 100, 24)


@pytest.mark.parametrize("cuts", [(), (1,), (12,), (3, 4, 5, 20), tuple(range(1, 24))])
def test_any_split_of_the_replications_gives_the_same_bits(
    whole: tuple[Plan, kernel.Counts], cuts: tuple[int, ...]
) -> None:
    plan, counts = whole
    edges = [0, *cuts, 24]
    ranges = [(100 + a, b - a) for a, b in pairwise(edges)]
    parts = [kernel.run(plan, 7, first, n) for first, n in reversed(ranges)]
    assert_same_counts(counts, joined(parts))


@pytest.mark.parametrize("workers", [2, 5])
def test_threads_give_the_same_bits(whole: tuple[Plan, kernel.Counts], workers: int) -> None:
    plan, counts = whole
    with ThreadPoolExecutor(workers) as pool:
        parts = list(pool.map(lambda first: kernel.run(plan, 7, first, 3), range(100, 124, 3)))
    assert_same_counts(counts, joined(parts))


def test_another_seed_or_replication_gives_other_lives(whole: tuple[Plan, kernel.Counts]) -> None:
    plan, counts = whole
    assert not np.array_equal(counts.service, kernel.run(plan, 8, 100, 24).service)
    assert not np.array_equal(counts.service[:-1], counts.service[1:])


def test_replications_far_along_are_as_good(small_plan: Plan) -> None:
    first, seed = 2**40, 2**63 + 5
    assert_same_counts(reference.run(small_plan, seed, first, 2), kernel.run(small_plan, seed, first, 2))


def test_more_children_than_expected_find_room(monkeypatch: pytest.MonkeyPatch, small_plan: Plan) -> None:
    expected = kernel.run(small_plan, 1, 0, 3)
    monkeypatch.setattr(kernel, "most_children", lambda plan: 1)
    assert_same_counts(expected, kernel.run(small_plan, 1, 0, 3))


def test_a_trace_is_never_cut_short() -> None:
    """Placements of a few days: hundreds of events a child."""
    plan = plan_of(small(care__first_entry_shape=1.0, effect__entry_scale_days=20.0))
    plan = replace(plan, placement_scale_days=np.full(6, 4.0))
    expected, found = Trace(), Trace()
    reference.run(plan, 1, 0, 2, expected)
    kernel.run(plan, 1, 0, 2, found)
    assert len(expected.rows) > 20_000
    assert found.rows == expected.rows


WITHOUT_COMPILER = """
import warnings
import numpy as np
from edgeofcare.care import draws
draws.word = lambda value: int(value) & draws.MASK  # numpy's whole numbers wrap around; Python's do not
from dataclasses import replace
from helpers import assert_same_counts, plan_of, small, with_tracks
from edgeofcare.engine import kernel
from edgeofcare.engine import reference
from edgeofcare.engine.counts import Trace
from edgeofcare.engine.plan import Track
assert type(kernel.run_chunk).__name__ == "function", "compiled after all"
buffers = kernel._buffers
def with_attributes(plan, n):
    child, *others = buffers(plan, n)
    return child.view(np.recarray), *others
kernel._buffers = with_attributes
plan = plan_of(small({"a": 12.0, "b": 9.0}, referrals__priority_by_needs=True, referrals__shared_shock_sd=0.3))
more = [Track(0, 500, False, unit, 900, 99, weeks) for unit, weeks in (("day", 0), ("running", 9), ("at_week", 9))]
plan = replace(with_tracks(plan, *more), control_tracks=(0, 1))
warnings.simplefilter("error")
expected, found = Trace(), Trace()
counts = kernel.run(plan, 3, 0, 3, found)
assert_same_counts(reference.run(plan, 3, 0, 3, expected), counts)
assert counts.control.any() and counts.outcomes[:, :, 1:, :, :, 2].any()
assert expected.rows == found.rows and len(found.rows) > 100
"""


def test_the_kernels_own_text_runs_without_the_compiler() -> None:
    """NUMBA_DISABLE_JIT=1: bounds are checked, and the text itself agrees with the reference."""
    paths = os.pathsep.join([os.path.dirname(__file__), os.environ.get("PYTHONPATH", "")])  # noqa: PTH120
    environment = os.environ | {"NUMBA_DISABLE_JIT": "1", "PYTHONPATH": paths}
    done = subprocess.run([sys.executable, "-c", WITHOUT_COMPILER], env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-3000:]
