"""The lower bound of any engine with addressed draws and scalar mathematics: the draws and transforms alone.

`needs` lets the reference live some replications and counts what care/ draws and evaluates, each address and each
argument once however often it comes; `bound` does so much of each and nothing else: no branches, no lives, no counts.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from types import ModuleType, SimpleNamespace
from typing import Any
from unittest.mock import patch

from numba import njit

from edgeofcare.care import cohort, draws, trajectory
from edgeofcare.care.draws import normal_quantile, philox
from edgeofcare.engine import kernel, reference
from edgeofcare.engine.plan import Plan

NEEDS = ("philox", "log", "pow", "exp", "normal_quantile")


def needs(plan: Plan, n_replications: int = 20) -> dict[str, float]:
    """Return how many distinct blocks, logarithms, powers, exponentials and normal quantiles a replication needs."""
    seen: set[tuple[Any, ...]] = set()

    def noting(module: ModuleType, name: str) -> Callable[..., Any]:
        plain = getattr(module, name)

        def noted(*arguments: Any) -> Any:
            seen.add((name, *arguments))
            return plain(*arguments)

        return noted

    counted = SimpleNamespace(**vars(math) | {name: noting(math, name) for name in ("log", "pow", "exp")})
    found = dict.fromkeys(NEEDS, 0.0)
    with (
        patch.object(draws, "philox", noting(draws, "philox")),
        patch.object(cohort, "normal_quantile", noting(draws, "normal_quantile")),
        patch.object(cohort, "math", counted),
        patch.object(trajectory, "math", counted),
    ):
        for replication in range(n_replications):
            seen.clear()
            reference.run(plan, 1, replication, 1)
            for name, *_ in seen:
                found[name] += 1 / n_replications
    return found


@njit(nogil=True)
def bound(n_replications, n_blocks, n_logs, n_powers, n_exps, n_quantiles):  # type: ignore[no-untyped-def]
    """Do so many draws and transforms in each replication; the sum keeps the compiler from leaving them out."""
    total = 0.0
    for replication in range(n_replications):
        for i in range(n_blocks):
            a, b, c, d = philox(1, replication, 7, i, 2)
            total += (a ^ b ^ c ^ d) & 1
        start = 0.5 + total * 1e-20
        for i in range(n_logs):
            total += math.log(start + 1e-5 * i)
        for i in range(n_powers):
            total += math.pow(start + 1e-5 * i, 0.645)
        for i in range(n_exps):
            total += math.exp(start - 1e-5 * i)
        for i in range(n_quantiles):
            total += normal_quantile(start - 1e-5 * i)
    return total


def run(plan: Plan) -> Callable[[int], float]:
    """Return a function that does so many replications' draws and transforms of this plan, compiled already."""
    assert kernel.run_chunk  # importing the kernel makes care's functions known to numba
    amounts = [round(k) for k in needs(plan).values()]
    bound(1, *amounts)
    return lambda n_replications: float(bound(n_replications, *amounts))
