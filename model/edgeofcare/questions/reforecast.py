"""What early actuals tell: outer draws reweighted by how well they foretold them. In: a scenario, observed counts.

Out: `Update`: effective sample size, the weight of each row of the evidence before and after, and the forecast again.
Must not know: how it is shown. Each draw keeps its own replications, so cohorts that are still young run off as the
draw's lives do. Observed counts are of real young people: those that `disclosure` hides are not used at all, for
whoever has the program could find a hidden count again by trying which one gives the same weights.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Self

import numpy as np
import numpy.typing as npt
from pydantic import Field, model_validator

from edgeofcare.calendar import day_number
from edgeofcare.disclosure import related
from edgeofcare.engine.observe import observe, read_events, trace_with
from edgeofcare.engine.plan import make_plan
from edgeofcare.errors import InputError, OptionError
from edgeofcare.experiment import (
    Inputs,
    all_of,
    available_engine,
    case_of,
    check_options,
    inputs_of,
    priced,
    rows_of,
    with_draws,
)
from edgeofcare.inputs.load import read_part
from edgeofcare.inputs.schema import Scenario
from edgeofcare.inputs.types import Day, Frozen, Text, Whole
from edgeofcare.outcomes import QUANTILES, Rows, joined

Floats = npt.NDArray[np.float64]
COUNTED = ("referred", "started", "completed", "in_tracking", "in_tracking_out_of_care")
FORECAST = {
    "started": "started",
    "payments_gbp": "all_payments_gbp",
    "avoided_nominal_gbp": "avoided_gbp",
    "avoided_cashable_gbp": "cashable_gbp",
    "profit_gbp": "profit_gbp",
    "irr": "irr",
}
ENOUGH = 50.0  # effective draws under which a forecast is not printed as sound
FEWEST_PER_DRAW = 10


class Observation(Frozen):
    """What had been counted on a day."""

    on: Day
    """The day of the count."""
    referred: Whole | None = None
    """Children referred so far."""
    started: Whole | None = None
    """Children who had started therapy."""
    completed: Whole | None = None
    """Children who had completed it."""
    in_tracking: Whole | None = None
    """Children whose outcomes were being tracked."""
    in_tracking_out_of_care: Whole | None = None
    """Those of them who were out of care."""
    source: Text
    """Where the counts come from."""
    public: bool = False
    """Whether the source has published these counts; small ones are then shown."""

    @model_validator(mode="after")
    def _possible(self) -> Self:
        for part, whole in (
            ("started", "referred"),
            ("completed", "started"),
            ("in_tracking", "started"),
            ("in_tracking_out_of_care", "in_tracking"),
        ):
            few, many = getattr(self, part), getattr(self, whole)
            if few is not None and many is not None and few > many:
                raise ValueError(f"{part} ({few}) must not exceed {whole} ({many})")
        if all(getattr(self, name) is None for name in COUNTED):
            raise ValueError(f"give at least one of {', '.join(COUNTED)}")
        return self


Figure = tuple[Observation, str, int | None]  # the day's counts, which of them, and the count if it may be shown


class Actuals(Frozen):
    """A file of observations."""

    observed: Annotated[tuple[Observation, ...], Field(min_length=1, max_length=100)]
    """The observations."""

    def figures(self) -> list[Figure]:
        """Return each figure that was counted, with its count, or None where that may not be shown."""
        given = [(seen, name) for seen in self.observed for name in COUNTED if getattr(seen, name) is not None]
        counts = [getattr(seen, name) for seen, name in given]
        shown = related(counts, [seen.public for seen, _ in given])
        return [(*figure, count) for figure, count in zip(given, shown, strict=True)]


@dataclass(frozen=True)
class Update:
    """What the actuals tell.

    effective_draws: 1 / sum of squared weights; sound: whether that is enough. observed: for each figure its value
    (None if hidden), the mean and 5th and 95th percentile foretold, before. forecast, out_of_care: figure -> {"before",
    "after"} with mean and percentiles; "after" is None when the weights collapse. draws: (draw,) weights. Nothing here
    depends on a hidden count.
    """

    effective_draws: float
    outer_draws: int
    sound: bool
    observed: list[dict[str, Any]]
    forecast: dict[str, dict[str, Any]]
    out_of_care: dict[str, dict[str, Any]]
    draws: Floats


def load_actuals(path: str | Path, scenario: Scenario) -> Actuals:
    """Read a file of observations; raise InputError with every fault, also for days outside the contract."""
    part = read_part(path, Actuals, scenario)
    found, source = part.said, part.layer.source
    clock = scenario.clock
    outside = [i for i, seen in enumerate(found.observed) if not clock.day_0 < seen.on <= clock.outcomes_end]
    if outside:
        rule = f"must lie inside the contract, after {clock.day_0} and not after {clock.outcomes_end}"
        raise InputError([source.fault(("observed", i, "on"), rule, str(found.observed[i].on)) for i in outside])
    return found


def update(
    scenario: Scenario,
    actuals: Actuals,
    outer_draws: int = 400,
    per_draw: int = 20,
    seed: int = 1,
    engine: str | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> Update:
    """Reweight outer draws by the likelihood of the actuals and forecast again.

    Raises OptionError for too few draws, and if no count may be shown.
    """
    if outer_draws < 1:
        raise OptionError(f"outer_draws must be at least 1 (got {outer_draws}); a sound forecast needs hundreds.")
    if per_draw < FEWEST_PER_DRAW:
        raise OptionError(f"per_draw must be at least {FEWEST_PER_DRAW} (got {per_draw}), for each draw's own spread.")
    figures = actuals.figures()
    used = [i for i, (_, _, count) in enumerate(figures) if count is not None]
    if not used:
        raise OptionError(
            "no observed count may be shown: each is 1 to 5, or differs by 1 to 5 from another, so nothing is learnt "
            "from them. Count again later; for counts that are published, write public = true below their source."
        )
    check_options(scenario, outer_draws * per_draw, seed, outer_draws)
    rows, inputs, foretold = _foretell(scenario, figures, outer_draws, per_draw, seed, engine, progress)
    weights = draw_weights(foretold[:, :, used], np.array([figures[i][2] for i in used], dtype=float))
    effective = float(1 / (weights**2).sum())
    by_row = np.repeat(weights / per_draw, per_draw)
    return Update(
        effective_draws=effective,
        outer_draws=outer_draws,
        sound=effective >= ENOUGH,
        observed=_beside(figures, foretold),
        forecast={
            name: _before_after(rows.at(column), by_row, effective >= ENOUGH) for name, column in FORECAST.items()
        },
        out_of_care={
            arm: _before_after([getattr(one, arm) for one in inputs], weights, effective >= ENOUGH)
            for arm in ("usual", "therapy")
        },
        draws=weights,
    )


def _foretell(
    scenario: Scenario,
    figures: Sequence[Figure],
    outer_draws: int,
    per_draw: int,
    seed: int,
    engine: str | None,
    progress: Callable[[int, int], None] | None,
) -> tuple[Rows, list[Inputs], Floats]:
    """Return rows, the inputs of each draw, and what each foretells: (draw, replication in draw, figure)."""
    day_0, n = scenario.clock.day_0, per_draw
    case, trace = with_draws(case_of(scenario), outer_draws, seed), trace_with(available_engine(engine))

    def one(number: int) -> tuple[Rows, Inputs, Floats]:
        drawn = case.drawn(number)
        plan = make_plan(drawn.scenario, drawn.entry_scale_days, drawn.hazard_ratio)
        counts, events = trace(plan, seed, number * n, n)
        children = read_events(events, number * n)
        seen = {when: observe(children, plan, n, day_number(when, day_0)) for when in {o.on for o, _, _ in figures}}
        found = np.stack([_figure(seen[o.on], name) for o, name, _ in figures], axis=1)
        rows = rows_of(priced(counts, plan, drawn.scenario), list(FORECAST.values()), draw=number)
        return rows, inputs_of(number, drawn), found

    parts = all_of(one, range(outer_draws), progress=progress)
    return joined([part[0] for part in parts]), [part[1] for part in parts], np.stack([part[2] for part in parts])


def _figure(seen: dict[str, npt.NDArray[np.int64]], name: str) -> Floats:
    if name == "in_tracking_out_of_care":
        return (seen["in_tracking"] - seen["in_tracking_in_care_therapy"]).astype(float)
    return seen[name].astype(float)


def draw_weights(foretold: Floats, observed: Floats) -> Floats:
    """Return the weight of each draw, summing to 1: its likelihood of what was observed.

    foretold: (draw, replication in draw, figure); observed: (figure,). The figures of a draw are taken as normal
    around the draw's mean m with the covariance S of all draws pooled, which chance alone makes; the mean of R
    replications is itself uncertain, so log L = -(x - m)' [S (1 + 1 / R)]^-1 (x - m) / 2 (synthetic likelihood,
    Wood 2010, Nature 466). Half a child is added to each variance, for counts are whole.
    """
    n_per_draw = foretold.shape[1]
    means = foretold.mean(axis=1)
    within = foretold - means[:, None, :]
    pooled = np.einsum("drf,drg->fg", within, within) / (len(foretold) * (n_per_draw - 1))
    covariance = pooled * (1 + 1 / n_per_draw) + 0.5 * np.eye(len(observed))
    away = observed - means
    log_likelihood = -0.5 * (away * np.linalg.solve(covariance, away.T).T).sum(axis=1)
    weights = np.exp(log_likelihood - log_likelihood.max())
    return np.asarray(weights / weights.sum())


def _beside(figures: Sequence[Figure], foretold: Floats) -> list[dict[str, Any]]:
    flat = foretold.reshape(-1, foretold.shape[2])
    return [
        {
            "on": seen.on.isoformat(),
            "figure": name,
            "value": value,
            "source": seen.source,
            "mean": float(flat[:, i].mean()),
            "p5": float(np.quantile(flat[:, i], 0.05)),
            "p95": float(np.quantile(flat[:, i], 0.95)),
        }
        for i, (seen, name, value) in enumerate(figures)
    ]


def _before_after(values: Any, weights: Floats, sound: bool) -> dict[str, Any]:
    equal = np.full(len(weights), 1 / len(weights))
    return {"before": weighted(values, equal), "after": weighted(values, weights) if sound else None}


def weighted(values: Any, weights: Floats) -> dict[str, float | None]:
    """Return mean and percentiles of weighted values, over those that exist."""
    x = np.asarray(values, dtype=float)
    there = np.isfinite(x)
    if not there.any():
        return {"mean": None, **dict.fromkeys(QUANTILES)}
    x, w = x[there], weights[there] / weights[there].sum()
    order = np.argsort(x, kind="stable")
    at = np.searchsorted(np.cumsum(w[order]), list(QUANTILES.values()))
    found = x[order][np.minimum(at, len(x) - 1)]
    return {"mean": float((x * w).sum()), **dict(zip(QUANTILES, found.tolist(), strict=True))}
