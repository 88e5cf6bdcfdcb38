"""Whole pence: from pounds, shared out to the last penny, held under a cap.

In: pounds, integer pence. Out: integer pence. Must not know: contracts, children, dates.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

Pence = npt.NDArray[np.int64]
Ints = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]


def to_pence(gbp: float) -> int:
    """Return pounds as whole pence."""
    return round(gbp * 100)


def whole(pence: npt.NDArray[np.floating[Any]]) -> Pence:
    """Return amounts rounded to whole pence, halves to even."""
    return np.asarray(np.rint(pence), dtype=np.int64)


def summed(amounts: npt.NDArray[np.integer[Any]], *axes: int) -> Pence:
    """Return whole numbers summed over axes, in 64 bits."""
    return np.asarray(amounts.sum(axis=axes, dtype=np.int64))


def share_out(total: Pence, weights: Pence | Floats) -> Pence:
    """Share totals out in proportion to weights, odd pennies to the largest remainders, earlier shares first in a tie.

    total: (...,), 0 or more; weights: (..., n), 0 or more. Returns (..., n), which sums to the total exactly.
    Where all weights are nil the total must be nil. With whole weights no share exceeds its weight unless the total
    exceeds their sum. Largest remainder (Hamilton's method).
    """
    of_all = weights.sum(axis=-1, keepdims=True)
    exact = total[..., None] * (weights / np.where(of_all > 0, of_all, 1))
    floor = np.floor(exact)
    odd = total - floor.sum(axis=-1).astype(np.int64)
    order = np.argsort(floor - exact, axis=-1, kind="stable")
    rank = np.argsort(order, axis=-1, kind="stable")
    return np.asarray(floor.astype(np.int64) + (rank < odd[..., None]))


def reduced(amounts: Pence, allowed: Pence) -> Pence:
    """Return amounts reduced pro rata where their sum is above what is allowed.

    amounts: (..., n); allowed: (...,). Returns (..., n).
    """
    over = allowed < amounts.sum(axis=-1)
    if not over.any():
        return amounts
    result = amounts.copy()
    result[over] = share_out(allowed[over], amounts[over])
    return result


def allowed_under(cap: int, flow: Pence) -> Pence:
    """Return what a cap on the running total lets through of a flow over time: (..., period) to (..., period)."""
    return np.diff(np.minimum(np.cumsum(flow, axis=-1), cap), axis=-1, prepend=0)
