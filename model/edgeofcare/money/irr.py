"""Internal rates of return, counted honestly: one, none, several, total loss, not needed.

In: flows in pence by day. Out: rates a year. Must not know: where the flows come from.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from edgeofcare.calendar import DAYS_PER_YEAR
from edgeofcare.money.pence import Floats, Ints, Pence

IRR_OUTCOMES = ("unique", "none", "several", "total_loss", "not_needed")
UNIQUE, NONE, SEVERAL, TOTAL_LOSS, NOT_NEEDED = range(len(IRR_OUTCOMES))

Outcomes = npt.NDArray[np.int64]
Booleans = npt.NDArray[np.bool_]

# Rates are sought in x = ln(1 + r). The scan for several roots looks at 200 values of x between -2 and 2 (rates of
# -86% to 639% a year, about 2 points apart; an even number, so that x = 0 is not among them) and at both ends beyond.
SCAN = np.linspace(-2, 2, 2 * 100)
FURTHEST = 100.0
STEPS = 100
BLOCK = 2 * 100  # rows at a time, to stay in the processor's cache
# Rates are rounded to a millionth of a percentage point: exponentials may differ in their last place by processor.
GRAINS = 100 * 100 * 100 * 100


def internal_rates(flows: Pence, days: Ints) -> tuple[Floats, Outcomes]:
    """Return the internal rate of return of each row, and what was found (position in IRR_OUTCOMES).

    flows: (replication, date), pence, negative = paid in; days: (date,), ascending. Rate r a year solves
    sum flow x (1 + r)^-((day - first day) / 365) = 0. Without a payment in: not needed, no rate. Payments in and
    nothing out: total loss, -1. Otherwise the changes of sign, zeros left out, decide: one change has one root; with
    more, net present value is scanned over a grid and each root refined (roots closer than a step are not seen).
    No rate is returned (nan) for none and for several.
    """
    flows, days = _used(flows, days)
    years = (days - days[:1]) / DAYS_PER_YEAR
    rates, outcomes = np.full(len(flows), np.nan), np.full(len(flows), NONE)
    for start in range(0, len(flows), BLOCK):
        block = slice(start, start + BLOCK)
        _solve(flows[block], years, rates[block], outcomes[block])
    return rates, outcomes


def _solve(flows: Pence, years: Floats, rates: Floats, outcomes: Outcomes) -> None:
    """Fill in the rates and outcomes of a block of rows, which stand at nan and none."""
    outcomes[(flows <= 0).all(axis=1)] = TOTAL_LOSS
    outcomes[(flows >= 0).all(axis=1)] = NOT_NEEDED
    rates[outcomes == TOTAL_LOSS] = -1
    changes = sign_changes(flows)
    once, more = np.flatnonzero(changes == 1), np.flatnonzero(changes > 1)
    if len(once):
        ends, rising = np.full(len(once), FURTHEST), _last_sign(flows[once]) < 0
        rates[once] = _refined(flows[once], years, -ends, ends, _first_guess(flows[once], years), rising)
        outcomes[once] = UNIQUE
    if len(more):
        at, roots = _scanned(flows[more], years)
        n_roots = np.bincount(at, minlength=len(more))
        outcomes[more] = np.select([n_roots == 1, n_roots > 1], [UNIQUE, SEVERAL], NONE)
        rates[more[at]] = np.where(n_roots[at] == 1, roots, np.nan)


def internal_rate(flows: Pence, days: Ints) -> float | None:
    """Return the internal rate of return of one row of flows, (date,); None unless there is one (-1: total loss)."""
    rate = float(internal_rates(flows[None, :], days)[0][0])
    return None if np.isnan(rate) else rate


def all_rates(flows: Pence, days: Ints) -> list[float]:
    """Return every internal rate of return of one row of flows, (date,), that the scan finds, in rising order."""
    used, days = _used(flows[None, :], days)
    return sorted(_scanned(used, (days - days[:1]) / DAYS_PER_YEAR)[1].tolist()) if used.any() else []


class Roots(NamedTuple):
    """Why one row of flows has more than one rate, or none.

    rates: every rate that the scan finds, a year, rising. turns: (day, pence) of the first flow after each change of
    sign; the first is what investors first got, the second what they were then asked for again, and so on.
    """

    rates: list[float]
    turns: list[tuple[int, int]]


def roots(flows: Pence, days: Ints) -> Roots:
    """Return every rate of one row of flows, (date,), and where its sign changes."""
    there = np.flatnonzero(flows)
    turned = there[1:][np.diff(np.sign(flows[there])) != 0]
    return Roots(all_rates(flows, days), [(int(days[i]), int(flows[i])) for i in turned])


def sign_changes(flows: Pence) -> Ints:
    """Return how often the sign changes along each row, zeros left out: (replication,)."""
    last, changes = np.zeros(len(flows), dtype=np.int64), np.zeros(len(flows), dtype=np.int64)
    for sign in np.sign(flows).T:
        changes += sign * last < 0
        last = np.where(sign == 0, last, sign)
    return changes


def _used(flows: Pence, days: Ints) -> tuple[Pence, Ints]:
    """Leave out dates on which nothing ever flows."""
    used = flows.any(axis=0)
    return flows[:, used], days[used]


def _first_guess(flows: Pence, years: Floats) -> Floats:
    """Return ln(total out / total in) / (mean date out - mean date in), a good guess at ln(1 + r)."""
    into, out = np.maximum(-flows, 0), np.maximum(flows, 0)
    total_in, total_out = into.sum(axis=1), out.sum(axis=1)
    between = (out * years).sum(axis=1) / total_out - (into * years).sum(axis=1) / total_in
    return np.asarray(np.log(total_out / total_in) / between)


def _refined(flows: Pence, years: Floats, low: Floats, high: Floats, x: Floats, rising: Booleans) -> Floats:
    """Return the rate in each row's bracket of x, by Newton's method from a first guess, held inside the bracket.

    Solves g(x) = ln(present value of receipts) - ln(present value of payments in) = 0, which is nearly straight;
    rising: whether g is negative at the low end.
    """
    into, out = np.maximum(-flows, 0).astype(np.float64), np.maximum(flows, 0).astype(np.float64)
    x = np.clip(x, low, high)
    for _ in range(STEPS):
        value, slope = _log_ratio(into, out, years, x)
        below = (value < 0) == rising
        low, high = np.where(below, x, low), np.where(below, high, x)
        with np.errstate(divide="ignore", invalid="ignore"):
            step = x - value / slope
        better = np.where((step >= low) & (step <= high), step, (low + high) / 2)
        if (np.abs(better - x) <= 1 / GRAINS / 100).all():
            break
        x = better
    return np.asarray(np.rint(np.expm1(better) * GRAINS) / GRAINS)


def _log_ratio(into: Floats, out: Floats, years: Floats, x: Floats) -> tuple[Floats, Floats]:
    """Return g(x) and its slope. Values stand at the first date for x >= 0 and at the last below: no overflow."""
    since = np.where(x[:, None] >= 0, years, years - years[-1])
    factor = np.exp(-x[:, None] * since)
    into, out = into * factor, out * factor
    total_in, total_out = into.sum(axis=1), out.sum(axis=1)
    # Far out one side vanishes: an infinite value has the right sign, and an unknown slope calls for a bisection.
    with np.errstate(divide="ignore", invalid="ignore"):
        slope = (into * since).sum(axis=1) / total_in - (out * since).sum(axis=1) / total_out
        return np.log(total_out / total_in), slope


def _scanned(flows: Pence, years: Floats) -> tuple[Ints, Floats]:
    """Return every root found by the scan: rows and rates, (root,) each."""
    value = np.zeros((len(flows), len(SCAN)))
    for flow, year in zip(flows.T, years, strict=True):
        value += flow[:, None] * np.exp(-SCAN * year)
    # Beyond the grid the first flow rules for large x and the last for small: their signs close the scan.
    signs = np.concatenate([_last_sign(flows)[:, None], np.sign(value), _last_sign(flows[:, ::-1])[:, None]], axis=1)
    edges = np.concatenate([[-FURTHEST], SCAN, [FURTHEST]])
    row, at = np.nonzero(signs[:, 1:] * signs[:, :-1] < 0)
    middle = (edges[at] + edges[at + 1]) / 2
    return row, _refined(flows[row], years, edges[at], edges[at + 1], middle, signs[row, at] < 0)


def _last_sign(flows: Pence) -> Ints:
    last = np.zeros(len(flows), dtype=np.int64)
    for sign in np.sign(flows).T:
        last = np.where(sign == 0, last, sign)
    return last
