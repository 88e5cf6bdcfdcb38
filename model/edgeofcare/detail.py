"""A run in full, as Parquet, so that an outsider recomputes every penny from files alone; and single histories.

In: the experiment of a run, simulated once more piece by piece. Out: files in `detail/` and `histories/` of its folder.
Must not know: how rows and summaries are made. Tables are long: cells in which all is 0 are left out. Money is in whole
pence. All young people are simulated.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import numpy as np
import numpy.typing as npt
import pandas as pd

from edgeofcare.care.trajectory import NEVER
from edgeofcare.engine.counts import ACCOUNTS, ARMS, EVENTS, INTAKE, OUTCOMES, SERVICE, TEAM, Counts
from edgeofcare.engine.observe import trace_with
from edgeofcare.engine.plan import Plan, make_plan
from edgeofcare.experiment import OWN, Experiment, Piece, Progress, engine_of, priced, read
from edgeofcare.inputs.schema import PLACEMENTS, Scenario
from edgeofcare.money.costs import price_table
from edgeofcare.outcomes import Settlement

DETAIL, HISTORIES = "detail", "histories"
Labels = Sequence[Any] | npt.NDArray[Any]
Axes = dict[str, Labels]


@dataclass
class Tables:
    """Parquet files of a folder, written row group by row group; whole once the `with` ends."""

    folder: Path
    writers: dict[str, Any] = field(default_factory=dict)

    def write(self, name: str, table: pd.DataFrame) -> None:
        """Add rows to a table; a table without rows in any piece is not written."""
        import pyarrow as pa
        import pyarrow.parquet as pq

        if table.empty:
            return
        rows = pa.Table.from_pandas(table, preserve_index=False)
        if name not in self.writers:
            self.folder.mkdir(parents=True, exist_ok=True)
            self.writers[name] = pq.ParquetWriter(self.folder / f"{name}.parquet", rows.schema, compression="zstd")
        self.writers[name].write_table(rows)

    def __enter__(self) -> Self:
        """Return the tables."""
        return self

    def __exit__(self, *_: type[BaseException] | BaseException | TracebackType | None) -> None:
        """Close the files."""
        for writer in self.writers.values():
            writer.close()


def write_more(
    folder: Path, experiment: Experiment, detail: bool, histories: int, progress: Progress | None = None
) -> None:
    """Write what was asked for beside the rows of a run."""
    if detail:
        write_detail(folder, experiment, progress)
    if histories:
        write_histories(folder, experiment, histories)


def write_detail(folder: Path, experiment: Experiment, progress: Progress | None = None) -> None:
    """Write counts, prices, payments and movements of money of a run's own contract, by replication, to FOLDER/detail.

    Raises OSError if a file cannot be written.
    """
    done, total = 0, experiment.replications
    seen: set[int] = set()
    with Tables(folder / DETAIL) as tables:
        for piece, plan, scenario in pieces_of(experiment):
            counts = engine_of(experiment.engine)(plan, experiment.seed, piece.first, piece.n)
            settled = read(priced(counts, plan, scenario), lambda settlement: settlement)
            for name, table in (counted(counts, plan) | money(settled)).items():
                tables.write(name, table)
            if piece.draw not in seen:
                seen.add(piece.draw)
                for name, table in (by_draw(settled, piece.draw)).items():
                    tables.write(name, table)
            done += piece.n
            if progress:
                progress(done, total)


def pieces_of(experiment: Experiment) -> Iterator[tuple[Piece, Plan, Scenario]]:
    """Yield the pieces of a run with the plan and scenario of each outer draw."""
    case = experiment.cases[OWN]
    for job in experiment.jobs:
        for piece in job.pieces:
            drawn = case.drawn(piece.draw)
            yield piece, make_plan(drawn.scenario, drawn.entry_scale_days, drawn.hazard_ratio), drawn.scenario


def counted(counts: Counts, plan: Plan) -> dict[str, pd.DataFrame]:
    """Return the counts of a piece as long tables."""
    n = np.arange(counts.first_replication, counts.first_replication + counts.n_replications)
    each: Axes = {"replication": n}
    boroughs: Axes = {"borough": plan.borough_slugs}
    arm: Axes = {"arm": ARMS}
    period: Axes = {"period": range(len(plan.periods))}
    tracks: Axes = {"track": range(len(plan.tracks))}
    of_intake: Axes = {"intake_track": range(len(plan.intake_tracks))}
    started: Axes = {"intake_period": range(plan.n_intake_periods)}
    care: Axes = each | arm | {"account": ACCOUNTS} | boroughs | period | {"placement": PLACEMENTS}
    return {
        "care": long(counts.care[..., None], care, ("care_days",)),
        "outcomes": long(counts.outcomes, each | arm | tracks | boroughs | period, OUTCOMES),
        "both_weeks": long(counts.both_weeks[..., None], each | tracks | boroughs | period, ("weeks_home_both",)),
        "service": long(counts.service, each | boroughs | period, SERVICE),
        "intake": long(counts.intake, each | arm | of_intake | boroughs | started | period, INTAKE),
        "control": long(counts.control, each | {"track": range(len(plan.control_tracks))} | boroughs | period, INTAKE),
        "teams": long(counts.team, each | {"team": plan.team_slugs}, TEAM),
    }


def money(settled: Settlement) -> dict[str, pd.DataFrame]:
    """Return what was paid and how money moved in a piece, in pence, as long tables."""
    counts, plan, paid, cash = settled.counts, settled.plan, settled.paid, settled.cash
    n: Axes = {"replication": np.arange(counts.first_replication, counts.first_replication + counts.n_replications)}
    cells: Axes = n | {"borough": plan.borough_slugs, "period": range(paid.pence.shape[2])}
    dates: Axes = n | {"date": _dates(cash.days, settled.scenario)}
    flows = {name: getattr(cash, name) for name in ("due", "paid", "owed", "receipts", "draws", "called")}
    flows |= {"fees_due": cash.fees_due, "distributions": cash.distributions, "balance": cash.balance}
    cost_dates: Axes = n | {"date": _dates(settled.service.days, settled.scenario)}
    moved = np.stack(list(cash.moved.values()), axis=1) if cash.moved else np.zeros((len(cash.balance), 0, 0))
    return {
        "payments": long(paid.pence[..., None], cells | {"paid_for": paid.labels}, ("pence",)),
        "top_up": long(paid.top_up[..., None], cells, ("pence",)),
        "flows": long(np.stack(list(flows.values()), axis=-1), dates, tuple(flows)),
        "movements": long(moved[..., None], n | {"action": tuple(cash.moved)} | dates, ("pence",)),
        "cost_of_starts": long(settled.service.starts[..., None], cost_dates, ("pence",)),
    }


def by_draw(settled: Settlement, draw: int) -> dict[str, pd.DataFrame]:
    """Return what is the same in all replications of an outer draw: periods, prices of care, fixed costs."""
    plan, scenario, service = settled.plan, settled.scenario, settled.service
    edges, years = _dates(plan.periods.edges, scenario), plan.periods.financial_years()
    payable = _dates(settled.paid.days, scenario)
    unpaid = [None] * (len(years) - len(payable))
    periods = pd.DataFrame(
        {
            "draw": draw,
            "period": range(len(years)),
            "first_day": edges[:-1],
            "last_day": [edge - timedelta(days=1) for edge in edges[1:]],
            "financial_year": years,
            "paid_on": [*payable, *unpaid],
        }
    )
    labels = list(dict.fromkeys(years))
    at: Axes = {"draw": [draw], "borough": plan.borough_slugs, "financial_year": labels}
    multipliers = [borough.price_multiplier for borough in scenario.boroughs.values()]
    shares = {
        "full": (1.0,) * len(PLACEMENTS),
        "marginal": scenario.prices.marginal_share.values(),
        "cashable": scenario.prices.cashable_share.values(),
    }
    tables = [price_table(scenario.prices, labels, multipliers, share) for share in shares.values()]
    names = tuple(f"{name}_pence_per_week" for name in shares)
    fixed: Axes = {"draw": [draw], "cost": service.kinds, "date": _dates(service.days, scenario)}
    return {
        "periods": periods,
        "prices": long(np.stack(tables, axis=-1)[None], at | {"placement": PLACEMENTS}, names),
        "fixed_costs": long(service.fixed[None, ..., None], fixed, ("pence",)),
    }


def long(values: npt.NDArray[Any], axes: Mapping[str, Labels], measures: Sequence[str]) -> pd.DataFrame:
    """Return an array as a table with one row for each cell in which a measure is not 0.

    values: (*axes, measure). Axes of words become categories, others keep their labels.
    """
    at = np.nonzero(values.any(axis=-1))
    columns: dict[str, Any] = {}
    for (name, labels), places in zip(axes.items(), at, strict=True):
        if isinstance(labels[0] if len(labels) else None, str):
            columns[name] = pd.Categorical.from_codes(places, list(labels))
        else:
            columns[name] = np.asarray(labels)[places]
    return pd.DataFrame(columns | {measure: values[..., k][at] for k, measure in enumerate(measures)})


def _dates(days: Sequence[int] | npt.NDArray[Any], scenario: Scenario) -> list[Any]:
    return [scenario.clock.day_0 + timedelta(days=int(day)) for day in days]


# ---- histories -----------------------------------------------------------------------------------------------------


def write_histories(folder: Path, experiment: Experiment, n_contracts: int) -> None:
    """Write each simulated young person of the first contracts, and each placement, to FOLDER/histories.

    young_people: referral, therapy, how it ended. placements: in each arm, from the first day to the last; `entry`
    counts entries into care, the second and later of which are returns. Who never starts therapy has one life only,
    which stands under the usual arm. Raises OSError if a file cannot be written.
    """
    with Tables(folder / HISTORIES) as tables:
        for piece, plan, scenario in pieces_of(experiment):
            n = min(piece.n, n_contracts - piece.first)
            if n <= 0:
                break
            _, events = trace_with(experiment.engine)(plan, experiment.seed, piece.first, n)
            table = pd.DataFrame(events, columns=["replication", "arm", "borough", "child", "code", "day", "detail"])
            table["young_person"] = (table["code"] == EVENTS.index("referred")).cumsum() - 1
            table["young_person"] -= table.groupby("replication")["young_person"].transform("min")
            tables.write("young_people", young_people(table, plan, scenario))
            tables.write("placements", placements(table, scenario))


def young_people(events: pd.DataFrame, plan: Plan, scenario: Scenario) -> pd.DataFrame:
    """Return one row for each young person; dates are missing where something did not happen."""
    keys = ["replication", "young_person"]
    by_code = {name: events[events["code"] == EVENTS.index(name)].set_index(keys) for name in SERVICE}
    found = by_code["referred"][["borough", "day", "detail"]].rename(columns={"day": "referred", "detail": "turns_18"})
    found["borough"] = pd.Categorical.from_codes(found["borough"], list(plan.borough_slugs))
    outcomes = [name for name in SERVICE if name.startswith("left_")] + ["completed", "dropped_out"]
    found["started"], found["ended"] = by_code["started"]["day"], np.nan
    codes = pd.Series(-1, index=found.index)
    for i, name in enumerate(outcomes):
        ends = by_code[name]["day"]
        found.loc[ends.index, "ended"], codes[ends.index] = ends, i
    found["outcome"] = pd.Categorical.from_codes(codes, outcomes)
    for name in ("referred", "turns_18", "started", "ended"):
        found[name] = _date_column(found[name], scenario)
    return found.reset_index()


def placements(events: pd.DataFrame, scenario: Scenario) -> pd.DataFrame:
    """Return one row for each placement in each arm, in order; until: the first day after it."""
    rows = events[events["code"].isin([EVENTS.index("placed"), EVENTS.index("home")])]
    placed = (rows["code"] == EVENTS.index("placed")).to_numpy()
    keys = [rows[name].to_numpy() for name in ("replication", "young_person", "arm")]
    new_life = np.array([True] * len(rows))
    new_life[1:] = np.any([key[1:] != key[:-1] for key in keys], axis=0)
    enters = placed & (new_life | ~np.r_[False, placed[:-1]])
    starts = np.flatnonzero(placed)
    entry = pd.Series(enters.astype(int)).groupby([pd.Series(key) for key in keys]).cumsum().to_numpy()
    day = rows["day"].to_numpy()
    return pd.DataFrame(
        {
            "replication": keys[0][starts],
            "young_person": keys[1][starts],
            "arm": pd.Categorical.from_codes(keys[2][starts], list(ARMS)),
            "entry": entry[starts],
            "placement": pd.Categorical.from_codes(rows["detail"].to_numpy()[starts], list(PLACEMENTS)),
            "from": _date_column(pd.Series(day[starts]), scenario).to_numpy(),
            "until": _date_column(pd.Series(day[starts + 1]), scenario).to_numpy(),
        }
    )


def _date_column(days: pd.Series, scenario: Scenario) -> pd.Series:
    """Return days since day 0 as dates, missing where they are."""
    known = days.where(days < NEVER)
    return pd.Timestamp(scenario.clock.day_0) + pd.to_timedelta(known, unit="D")
