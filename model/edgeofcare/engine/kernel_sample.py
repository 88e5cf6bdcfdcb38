"""The calibration sample's scalar code, compiled by numba. In and out: as `calibrate.draw_sample`, `measure_sample`."""

from __future__ import annotations

from numba import njit
from numba.extending import register_jitable

from edgeofcare.engine import calibrate, kernel  # noqa: F401  (kernel registers care's functions)

_draw = register_jitable(calibrate.draw_sample)
_measure = register_jitable(calibrate.measure_sample)


@njit(nogil=True, cache=True, _nrt=False)
def draw_sample(  # type: ignore[no-untyped-def]
    first, last, slug_id, rates, suited, ages, frailties, lengths, completion, need, risk, limit, stop, dose, planned
):
    """Compile `calibrate.draw_sample`."""
    into = (need, risk, limit, stop, dose, planned)
    _draw(first, last, slug_id, rates, suited, ages, frailties, lengths, completion, *into)


@njit(nogil=True, cache=True, _nrt=False)
def measure_sample(  # type: ignore[no-untyped-def]
    first,
    last,
    slug_id,
    arm,
    rates,
    scale_days,
    ratio_by_year,
    wait,
    opens,
    days,
    on_days,
    need,
    risk,
    limit,
    stop,
    dose,
    enter,
    leave,
    first_u,
    result,
):
    """Compile `calibrate.measure_sample`."""
    _measure(
        first,
        last,
        slug_id,
        arm,
        rates,
        scale_days,
        ratio_by_year,
        wait,
        opens,
        days,
        on_days,
        need,
        risk,
        limit,
        stop,
        dose,
        enter,
        leave,
        first_u,
        result,
    )
