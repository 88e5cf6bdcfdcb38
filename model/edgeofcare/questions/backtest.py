"""The model held against the published record, line by line. In: reference files. Out: `Line`s with verdicts.

In: scenarios/reference/backtest.toml says which published figure stands against which figure of which set-up. Must not
know: how lines are shown. Only figures by which nothing was set get a verdict.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from edgeofcare.calendar import day_number
from edgeofcare.engine.observe import observe, read_events, trace_with
from edgeofcare.engine.plan import Plan
from edgeofcare.experiment import all_of, available_engine, case_of, check_options, priced, read
from edgeofcare.inputs.load import load, with_values
from edgeofcare.inputs.published import reference_file
from edgeofcare.inputs.schema import Scenario
from edgeofcare.inputs.terms.saved_days import PerCareDaySaved
from edgeofcare.outcomes import Rows, joined, read_columns

Floats = npt.NDArray[np.float64]
REPLICATIONS = 1000
PIECE = 100  # replications traced at once
COLUMNS_READ = (
    *("started", "completed", "tracked_days", "care_days_usual", "care_days_therapy", "usual_care_days", "irr"),
    *("avoided_gbp", "all_payments_gbp", "avoided_contract_window_at_base_prices_gbp", "peak_funding_gbp"),
    "usual_cost_at_base_prices_gbp",
)
INTERVALS = {"p5": 0.05, "p25": 0.25, "p50": 0.5, "p75": 0.75, "p95": 0.95}


@dataclass(frozen=True)
class Line:
    """One published figure beside the model's.

    percentile: share of simulated contracts below the published figure (ties count half). verdict: inside 50%, inside
    90% or outside, for predicted figures only; a published bound is met by all that lies on its right side.
    """

    id: str
    figure: str
    unit: str
    published: float
    source: str
    kind: str
    world: str
    mean: float | None
    p5: float | None
    p25: float | None
    p50: float | None
    p75: float | None
    p95: float | None
    percentile: float | None
    verdict: str
    explanation: str


@dataclass(frozen=True)
class EarlyShare:
    """How a share of tracked days out of care looks early, and in the end: means over simulated contracts."""

    scenario: str
    on: str
    early_usual: float
    early_therapy: float
    final_usual: float
    final_therapy: float


@dataclass(frozen=True)
class Backtest:
    """All lines, and how far early shares overstate final ones."""

    lines: list[Line]
    early_shares: list[EarlyShare]


@dataclass(frozen=True)
class World:
    """A set-up of the model, simulated: its rows, what an observer saw on its day, and cumulative payments.

    cumulative: (replication, outcome period), pence.
    """

    scenario: Scenario
    plan: Plan
    rows: Rows
    seen: dict[str, npt.NDArray[np.int64]]
    cumulative: npt.NDArray[np.int64]


def backtest(
    replications: int = REPLICATIONS,
    seed: int = 1,
    engine: str | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> Backtest:
    """Return the backtest: every case of the reference file, with the model's own luck as its uncertainty."""
    cases = reference_file("backtest")
    published = reference_file("published")
    worlds: dict[str, World] = {}
    for i, (name, setting) in enumerate(cases["world"].items()):
        if progress:
            progress(i * replications, len(cases["world"]) * replications)
        worlds[name] = live_world(setting, replications, seed, engine)
    lines = [make_line(case, published, worlds[case["world"]]) for case in cases["case"]]
    return Backtest(lines, [early_share(cases["world"][name], worlds[name]) for name in cases["early"]])


def early_share(setting: dict[str, Any], world: World) -> EarlyShare:
    """Return a world's shares of tracked days out of care on its day and in the end: sums over sums."""
    seen, rows = world.seen, world.rows
    early = [float(1 - seen[f"care_days_{arm}"].sum() / seen["tracked_days"].sum()) for arm in ("usual", "therapy")]
    tracked = rows.at("tracked_days").sum()
    final = [float(1 - rows.at(f"care_days_{arm}").sum() / tracked) for arm in ("usual", "therapy")]
    return EarlyShare(setting["scenario"], setting["on"].isoformat(), *early, *final)


def live_world(setting: dict[str, Any], replications: int, seed: int, engine: str | None) -> World:
    """Simulate one set-up of the model and look at it on its day."""
    scenario = with_values(load(setting["scenario"]), setting.get("set", {}))
    check_options(scenario, replications, seed)
    plan, trace = case_of(scenario).plan(), trace_with(available_engine(engine))
    on_day = day_number(setting["on"], scenario.clock.day_0)

    def piece(first: int) -> tuple[Rows, dict[str, Any], Any]:
        n = min(PIECE, replications - first)
        counts, events = trace(plan, seed, first, n)
        seen = observe(read_events(events, first), plan, n, on_day)
        rows, received = read(
            priced(counts, plan, scenario), lambda s: (read_columns(s, COLUMNS_READ, 0), s.paid.received)
        )
        return rows, seen, np.cumsum(received, axis=1)

    pieces = all_of(piece, range(0, replications, PIECE))
    seen = {name: np.concatenate([part[1][name] for part in pieces]) for name in pieces[0][1]}
    return World(scenario, plan, joined([p[0] for p in pieces]), seen, np.concatenate([p[2] for p in pieces]))


def make_line(case: dict[str, Any], published: dict[str, Any], world: World) -> Line:
    """Return the line of one case."""
    record = _record(published, case["published"])
    target = _number(record["value"])
    if "per" in case:
        target /= _number(_record(published, case["per"])["value"])
    values = np.asarray(QUANTITIES[case["quantity"]](world), dtype=float)
    values = values[np.isfinite(values)]
    found: dict[str, float | None] = dict.fromkeys(("mean", *INTERVALS, "percentile"))
    verdict = ""
    if len(values):
        quantiles = np.quantile(values, list(INTERVALS.values())).tolist()
        found = {"mean": float(values.mean()), **dict(zip(INTERVALS, quantiles, strict=True))}
        found["percentile"] = float((values < target).mean() + (values == target).mean() / 2)
        verdict = _verdict(found, target, case.get("bound"))
    return Line(
        id=case["id"],
        figure=case["figure"],
        unit=record["unit"] if "per" not in case else "share",
        published=target,
        source=published["source"][record["source"]]["title"],
        kind=case["kind"],
        world=case["world"],
        **found,
        verdict=verdict if case["kind"] == "predicted" else "",
        explanation=case["explanation"],
    )


def _verdict(found: dict[str, float | None], target: float, bound: str | None) -> str:
    """Inside the middle 50%, inside the middle 90%, or outside; a bound is met if the model's middle keeps to it."""
    p5, p25, p75, p95 = (found[k] or 0.0 for k in ("p5", "p25", "p75", "p95"))
    if (bound == "above" and p25 >= target) or (bound == "below" and p75 <= target):
        return "inside 50% (bound met)"
    if p25 <= target <= p75:
        return "inside 50%"
    return "inside 90%" if p5 <= target <= p95 else "outside"


def _record(published: dict[str, Any], path: str) -> dict[str, Any]:
    contract, key = path.split(".")
    return dict(published[contract][key])


def _number(value: Any) -> float:
    """Return a figure as a number; a month "2019-03" is the year at its end, 2019.25."""
    if isinstance(value, str):
        year, month = value.split("-")
        return int(year) + int(month) / 12
    return float(value)


# ---- the model's figures ---------------------------------------------------------------------------------------


def _row(column: str) -> Callable[[World], Any]:
    return lambda world: world.rows.at(column)


def _seen(figure: str) -> Callable[[World], Any]:
    return lambda world: world.seen[figure]


def _share(part: str, whole: str) -> Callable[[World], Any]:
    """1 - part / whole of what was seen, by replication; nan where there was nobody."""

    def share(world: World) -> Floats:
        below = world.seen[whole].astype(float)
        return np.asarray(1 - np.divide(world.seen[part], below, out=np.full_like(below, np.nan), where=below > 0))

    return share


def _part(part: str, whole: str) -> Callable[[World], Any]:
    """Part / whole of what was seen, by replication."""
    return lambda world: np.asarray(1 - _share(part, whole)(world))


def _price_per_day(world: World) -> float:
    rows = world.rows
    return float(rows.at("usual_cost_at_base_prices_gbp").sum() / rows.at("usual_care_days").sum())


def _avoided_to_date(fixed: bool) -> Callable[[World], Any]:
    def avoided(world: World) -> Floats:
        usual = world.seen["care_days_usual"].astype(float)
        if fixed:
            assert world.scenario.effect.usual is not None
            usual = (1 - world.scenario.effect.usual) * world.seen["tracked_days"]
        return np.asarray((usual - world.seen["care_days_therapy"]) * _price_per_day(world))

    return avoided


def _baseline(scenario: Scenario) -> float:
    term = next(term for term in scenario.contract.terms if isinstance(term, PerCareDaySaved))
    assert isinstance(term.baseline_share, float)
    return term.baseline_share


def _days_saved(world: World) -> Floats:
    rows = world.rows
    saved = _baseline(world.scenario) * rows.at("tracked_days") - rows.at("care_days_therapy")
    return np.asarray(saved, dtype=float)


def _cap_year(world: World) -> Floats:
    """The year (with decimals) in whose period cumulative payments reach the cap; nan where they never do."""
    cap = world.scenario.contract.cap_gbp
    assert cap is not None
    reached = world.cumulative >= cap * 100
    ends = [d.year + d.month / 12 for d in world.plan.outcome_periods.first_dates()]
    step = 1 / 4 if world.scenario.clock.period == "quarter" else 1 / 12
    year = np.array(ends)[reached.argmax(axis=1)] - 1 / 12 + step
    return np.where(reached.any(axis=1), year, np.nan)


QUANTITIES: dict[str, Callable[[World], Any]] = {
    "avoided_nominal_gbp": _row("avoided_gbp"),
    "payments_gbp": _row("all_payments_gbp"),
    **{
        name: _row(name)
        for name in ("avoided_contract_window_at_base_prices_gbp", "started", "completed", "peak_funding_gbp", "irr")
    },
    "care_share": lambda w: w.rows.at("care_days_therapy") / w.rows.at("tracked_days"),
    "tracked_days_per_start": lambda w: w.rows.at("tracked_days") / w.rows.at("started"),
    "cap_gbp": lambda w: [w.scenario.contract.cap_gbp],
    "referred_by": _seen("referred"),
    "started_by": _seen("started"),
    "completed_by": _seen("completed"),
    "in_tracking": _seen("in_tracking"),
    "started_in_care": _seen("started_in_care_therapy"),
    "home_on_day_share": _share("in_tracking_in_care_therapy", "in_tracking"),
    "home_days_share": _share("care_days_therapy", "tracked_days"),
    "completed_home_share": _part("completed_at_home", "completed"),
    "avoided_to_date_fixed_gbp": _avoided_to_date(fixed=True),
    "avoided_to_date_gbp": _avoided_to_date(fixed=False),
    "days_saved_fixed": _days_saved,
    "savings_fixed_gbp": lambda w: _days_saved(w) * _price_per_day(w),
    "cap_year": _cap_year,
}


def as_json(found: Backtest) -> dict[str, Any]:
    """Return the backtest as one JSON object: the lines, and how many predicted ones had which verdict."""
    predicted = [line for line in found.lines if line.kind == "predicted"]
    counts = {v: sum(line.verdict.startswith(v) for line in predicted) for v in ("inside 50%", "inside 90%", "outside")}
    return {**asdict(found), "predicted": len(predicted), "verdicts": counts}
