"""The run folder: rows as Parquet, the summary, the resolved scenario, and a manifest that says how they were made.

In: rows and summary. Out: a folder, read back and checked by hash. Must not know: how rows are made or shown.
A run writes NAME.partial, chunk by chunk, and renames it at the end, so a folder with its final name is whole and a
killed run can be continued. One run at a time writes there, held by a lock that ends with its process.
"""

from __future__ import annotations

import hashlib
import itertools
import json
import os
import shutil
import zipfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import pandas as pd
from pydantic import TypeAdapter

from edgeofcare.errors import RunFolderError
from edgeofcare.experiment import Inputs, Part
from edgeofcare.folders import LOCK, altered, files_in, read_manifest_file, write_manifest, write_whole
from edgeofcare.inputs.load import scenario_hash
from edgeofcare.inputs.schema import Scenario
from edgeofcare.locks import Lock
from edgeofcare.money.irr import IRR_OUTCOMES
from edgeofcare.outcomes import Rows
from edgeofcare.provenance import library_versions, made_record, platform_name, source_hash, version
from edgeofcare.summary import Summary

FORMAT = 2
MANIFEST, STARTED = "manifest.json", "started.json"
MANIFEST_KEYS = (
    "scenario_sha256",
    "seed",
    "replications",
    "outer_draws",
    "engine",
    "version",
    "source_hash",
    "platform",
    "libraries",
    "results",
    "summary_sha256",
)
T = TypeVar("T")


def plain(answer: Any) -> Any:
    """Return a typed answer as plain JSON: dictionaries, lists, numbers, words."""
    return TypeAdapter(type(answer)).dump_python(answer, mode="json", by_alias=True)


def typed(kind: type[T], content: Any) -> T:
    """Return a typed answer from plain JSON; raise ValueError if it is of another shape."""
    return TypeAdapter(kind).validate_python(content)


# ---- rows as tables ----------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Tables:
    """A run's rows as pandas tables.

    replications: one row each. boroughs: one row for each replication and borough. borough_years: what each borough
    pays itself in each financial year. draws: what each outer draw takes for true (input values under their paths).
    flows: the investor's net flows summed over replications, by day, in pence.
    """

    replications: pd.DataFrame
    boroughs: pd.DataFrame
    borough_years: pd.DataFrame
    draws: pd.DataFrame
    flows: pd.DataFrame

    def by_name(self) -> dict[str, pd.DataFrame]:
        """Return the tables by name."""
        return dict(vars(self))


TABLES = tuple(f.name for f in fields(Tables))
# Column of a table -> column of outcomes, summed over boroughs where it has them; the same name if only one is given.
REPLICATION_COLUMNS = {
    **dict.fromkeys(("referred", "accepted", "engaged", "started", "completed", "dropped_out", "left_queue")),
    **dict.fromkeys(("entered_care_waiting", "lost_patience", "tracked")),
    "waiting_days_of_starters": "waiting_days",
    **dict.fromkeys(("tracked_days", "care_days_usual", "weeks_home_usual", "never_in_care_usual")),
    **dict.fromkeys(("care_days_therapy", "weeks_home_therapy", "never_in_care_therapy", "weeks_home_both")),
    "children_with_fewer_days_avoided": "fewer_days_avoided",
    "avoided_nominal_gbp": "avoided_gbp",
    "avoided_marginal_gbp": "marginal_gbp",
    "avoided_cashable_gbp": "cashable_gbp",
    **dict.fromkeys(("avoided_real_discounted_gbp", "avoided_contract_window_gbp", "avoided_to_18_gbp")),
    **dict.fromkeys(("avoided_at_base_prices_gbp", "avoided_contract_window_at_base_prices_gbp")),
    **dict.fromkeys(("usual_cost_at_base_prices_gbp", "usual_care_days")),
    "payments_gbp": "all_payments_gbp",
    "payments_before_caps_gbp": None,
    "payments_top_up_gbp": "top_up_gbp",
    "cap_binds": None,
    "outcome_payments_usual_gbp": "due_usual_gbp",
    "outcome_payments_therapy_gbp": "due_therapy_gbp",
    **dict.fromkeys(("irr", "irr_outcome", "money_multiple", "profit_gbp", "peak_funding_gbp", "payback_years")),
    **dict.fromkeys(("service_cost_gbp", "owed_at_worst_gbp", "days_owed", "first_day_owed", "cost_unpaid_gbp")),
    **dict.fromkeys(("funding_needed_gbp", "called_beyond_gbp", "redrawn_gbp", "irr_gross", "irr_lowest")),
    "irr_highest": None,
}
BOROUGH_COLUMNS = {
    "referred": "referred",
    "started": "started",
    "waiting_days_of_starters": "waiting_days",
    "care_days_avoided": "care_days_avoided",
    "avoided_cost_gbp": "avoided_gbp",
    "avoided_cashable_gbp": "cashable_gbp",
    "payments_gbp": "payments_gbp",
    "worst_year_payment_gbp": "worst_year_gbp",
    "net_saving_gbp": "net_saving_gbp",
}


def tables_of(rows: Rows, inputs: Mapping[int, Inputs]) -> Tables:
    """Return the rows of a run as tables."""
    boroughs, years, n = rows.labels["borough"], rows.labels["year"], len(rows)
    b, y = len(boroughs), len(years)
    found = {name: rows.at(column or name) for name, column in REPLICATION_COLUMNS.items()}
    outcome = pd.Categorical.from_codes(found["irr_outcome"].astype(int), categories=list(IRR_OUTCOMES))
    return Tables(
        pd.DataFrame({"replication": rows.replications, "draw": rows.draws} | found | {"irr_outcome": outcome}),
        pd.DataFrame(
            {
                "replication": np.repeat(rows.replications, b),
                "borough": pd.Categorical.from_codes(np.tile(np.arange(b), n), list(boroughs)),
                **{name: rows[column].ravel() for name, column in BOROUGH_COLUMNS.items()},
            }
        ),
        pd.DataFrame(
            {
                "replication": np.repeat(rows.replications, b * y),
                "borough": pd.Categorical.from_codes(np.tile(np.repeat(np.arange(b), y), n), list(boroughs)),
                "financial_year": pd.Categorical.from_codes(np.tile(np.arange(y), n * b), list(years)),
                "payments_gbp": rows["payments_by_year_gbp"].ravel(),
            }
        ),
        pd.DataFrame([_draw_row(one) for one in inputs.values()]),
        pd.DataFrame(
            {
                "day": np.array(rows.labels["date"], dtype=np.int64),
                "pence": rows.columns["flows"].sum(axis=0, dtype=np.int64),
            }
        ),
    )


def _draw_row(one: Inputs) -> dict[str, Any]:
    return {
        "draw": one.draw,
        "entry_scale_days": one.entry_scale_days,
        "hazard_ratio": one.hazard_ratio,
        "out_of_care_usual": one.usual,
        "out_of_care_therapy": one.therapy,
        "targets_met": one.met,
        "evidence_draw": -1 if one.evidence_draw is None else one.evidence_draw,
        **one.values,
    }


# ---- parts of an experiment --------------------------------------------------------------------------------------


def write_part(path: Path, part: Part) -> None:
    """Write a finished part of an experiment: arrays beside a line of JSON that says what they are."""
    arrays: dict[str, Any] = {}
    head: list[Any] = []
    for i, (key, rows) in enumerate(part.rows.items()):
        head.append({"key": key, "labels": rows.labels, "columns": list(rows.columns)})
        arrays |= {f"{i}.{name}": values for name, values in rows.columns.items()}
        arrays |= {f"{i}:replications": rows.replications, f"{i}:draws": rows.draws}
    inputs = {name: [vars(one) for one in draws.values()] for name, draws in part.inputs.items()}
    with path.open("wb") as file:
        np.savez(file, head=np.array(json.dumps({"rows": head, "inputs": inputs})), **arrays)


def read_part(path: Path) -> Part:
    """Read a part back; raise ValueError or OSError if it is damaged."""
    with np.load(path, allow_pickle=False) as arrays:
        head, rows = json.loads(str(arrays["head"])), {}
        for i, one in enumerate(head["rows"]):
            columns = {name: arrays[f"{i}.{name}"] for name in one["columns"]}
            labels = {axis: tuple(places) for axis, places in one["labels"].items()}
            case, contract = one["key"]
            rows[case, contract] = Rows(columns, arrays[f"{i}:replications"], arrays[f"{i}:draws"], labels)
    inputs = {name: {one["draw"]: Inputs(**one) for one in draws} for name, draws in head["inputs"].items()}
    return Part(rows, inputs)


# ---- the folder --------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class RunFolder:
    """A run folder being written: `path` is its final name. Nobody else writes there until the end of a `with`."""

    path: Path
    lock: Lock = field(compare=False, repr=False)

    @property
    def partial(self) -> Path:
        """The folder while the run goes on."""
        return partial_of(self.path)

    @classmethod
    def create(cls, path: Path, start: Mapping[str, Any], resume: bool = False) -> RunFolder:
        """Make the folder of a new run, or take up that of a broken one.

        start: what the run is (scenario hash, seed, replications, chunk grid, sources); a broken run must be the same.
        Raises RunFolderError if the name is taken, cannot be written, or belongs to another run; BusyError if another
        run is writing there.
        """
        _refuse_taken(path)
        try:
            partial_of(path).mkdir(parents=True, exist_ok=True)
            folder = cls(path, Lock(partial_of(path) / LOCK).acquire())
        except OSError as error:
            raise _not_writable(partial_of(path), error) from error
        try:
            folder._take(start, resume)
        except BaseException:
            folder.lock.release()
            raise
        return folder

    def _take(self, start: Mapping[str, Any], resume: bool) -> None:
        _refuse_taken(self.path)  # another run may have ended between the first look and the lock
        begun = self.partial / STARTED
        if begun.exists() and not resume:
            raise RunFolderError(
                f"{self.partial} is left from a run that did not finish. Continue it with --resume, or remove it."
            )
        if begun.exists():
            if differences := _differences(_read_start(begun), dict(start)):
                raise RunFolderError(f"{self.partial} belongs to another run, so it is not continued: {differences}")
            return
        try:
            (self.partial / "chunks").mkdir(exist_ok=True)
            write_whole(begun, json.dumps(start, indent=1, sort_keys=True) + "\n")
        except OSError as error:
            raise _not_writable(self.partial, error) from error

    def __enter__(self) -> RunFolder:
        """Return the folder; it is locked already."""
        return self

    def __exit__(self, *_: object) -> None:
        """Let others write."""
        self.lock.release()

    def save(self, number: int, part: Part) -> None:
        """Write one finished part; it counts once it has its final name."""
        place = self.partial / "chunks" / f"{number:06d}.npz"
        fresh = place.with_suffix(".writing")
        try:
            write_part(fresh, part)
            fresh.replace(place)
        except OSError as error:
            raise RunFolderError(
                f"chunk {number} cannot be written to {self.partial} ({error.strerror}). What was finished is kept: "
                f"make room, then continue with --resume."
            ) from error

    def saved(self) -> dict[int, Part]:
        """Return the parts already finished."""
        places = sorted((self.partial / "chunks").glob("[0-9]*.npz"))
        try:
            return {int(place.stem): read_part(place) for place in places}
        except (OSError, ValueError, KeyError, TypeError, zipfile.BadZipFile) as error:
            raise RunFolderError(
                f"a chunk in {self.partial / 'chunks'} cannot be read; the file is damaged ({error}). Remove "
                f"{self.partial} and run again."
            ) from error

    def finish(
        self,
        scenario: Scenario,
        start: Mapping[str, Any],
        tables: Tables,
        summary: Summary,
        seconds: float,
        more: Mapping[str, Any] | None = None,
    ) -> None:
        """Write the whole run and give the folder its final name. more: what else the manifest is to say."""
        with self.writing():
            write_tables(self.partial, tables)
            write_whole(self.partial / "scenario.json", scenario.model_dump_json(indent=1) + "\n")
            write_whole(self.partial / "summary.json", json.dumps(plain(summary), indent=1) + "\n")
            said = manifest(start, tables, plain(summary), seconds) | dict(more or {})
            names = [name for name in files_in(self.partial, MANIFEST) if name != STARTED]
            write_manifest(self.partial, MANIFEST, said, names)
            self._rename()

    @contextmanager
    def writing(self) -> Iterator[None]:
        """Say in a sentence if the end of the run cannot be written."""
        try:
            yield
        except OSError as error:
            raise RunFolderError(
                f"{self.partial} cannot be finished ({error.strerror}). Continue with --resume."
            ) from error

    def _rename(self) -> None:
        """Give the folder its final name; it is whole from then on, and a kill afterwards leaves only spare files."""
        if os.name == "nt":  # Windows renames no folder with an open file in it, and the lock is one
            self.lock.release()
        self.partial.rename(self.path)
        shutil.rmtree(self.path / "chunks")
        (self.path / STARTED).unlink()
        Lock.clear(self.path / LOCK)


def partial_of(path: Path) -> Path:
    """Return the folder in which a run is written before it gets its final name."""
    return path.with_name(path.name + ".partial")


def reserve(path: Path) -> Path:
    """Return this name, or the first of NAME-2, NAME-3, ... that nobody has, and make its partial folder.

    Making a folder is one step for the operating system, so runs that start together get names of their own.
    """
    for number in itertools.count(1):
        name = path if number == 1 else path.with_name(f"{path.name}-{number}")
        try:
            partial_of(name).mkdir(parents=True)
        except FileExistsError:
            continue
        except OSError as error:
            raise _not_writable(partial_of(name), error) from error
        if not name.exists():
            return name
        partial_of(name).rmdir()
    raise AssertionError("counting does not end")


def can_resume(path: Path) -> bool:
    """Tell whether a run into this folder began and did not finish; a name that was only reserved is given back."""
    with suppress(OSError):
        partial_of(path).rmdir()  # only an empty folder goes,
        path.parent.rmdir()  # and the one above it if nothing else is there
    return (partial_of(path) / STARTED).exists()


def _refuse_taken(path: Path) -> None:
    if path.exists():
        raise RunFolderError(f"{path} exists already and is left as it is. Choose another --out, or remove it.")


def _not_writable(place: Path, error: OSError) -> RunFolderError:
    return RunFolderError(f"{place} cannot be written ({error.strerror}). Choose another --out.")


def start_of(scenario: Scenario, **numbers: Any) -> dict[str, Any]:
    """Return what a run is before it starts: scenario, numbers that matter to results, program and platform."""
    return {
        "format": FORMAT,
        "scenario_sha256": scenario_hash(scenario),
        **numbers,
        "version": version(),
        "source_hash": source_hash(),
        "platform": platform_name(),
        "libraries": library_versions(),
    }


def manifest(start: Mapping[str, Any], tables: Tables, summary: Mapping[str, Any], seconds: float) -> dict[str, Any]:
    """Return what the manifest of a run says besides the hashes of its files.

    `results` are hashes of tables as they are in memory, which a second run must give again; commit, time and seconds
    are of this run alone.
    """
    return {
        **start,
        **made_record(),
        "results": {name: table_hash(table) for name, table in tables.by_name().items()},
        "summary_sha256": summary_hash(summary),
        "timing": {"seconds": round(seconds, 3)},
    }


def summary_hash(summary: Mapping[str, Any]) -> str:
    """Return the SHA-256 of a summary's canonical JSON."""
    return hashlib.sha256(json.dumps(summary, sort_keys=True).encode()).hexdigest()


def table_hash(table: pd.DataFrame) -> str:
    """Return the SHA-256 of a table's column names and values; it does not depend on the file format."""
    digest = hashlib.sha256()
    for name in table.columns:
        column = table[name]
        digest.update(f"{name}:{len(column)}:".encode())
        if isinstance(column.dtype, pd.CategoricalDtype):
            digest.update("|".join(map(str, column.cat.categories)).encode())
            column = column.cat.codes
        values = column.to_numpy()
        if values.dtype.kind in "OUT":
            digest.update("|".join(map(str, values)).encode())
        else:
            digest.update(values.astype("f8" if values.dtype.kind == "f" else "i8").tobytes())
    return digest.hexdigest()


def write_tables(folder: Path, tables: Tables) -> None:
    """Write each table as Parquet."""
    for name, table in tables.by_name().items():
        table.to_parquet(folder / f"{name}.parquet", compression="zstd", index=False)


def read_tables(folder: Path) -> Tables:
    """Read the tables of a folder back.

    Raises RunFolderError if one is missing or is not Parquet.
    """
    return Tables(**{name: read_table(folder / f"{name}.parquet") for name in TABLES})


def read_table(path: Path) -> pd.DataFrame:
    """Read a table; raise RunFolderError if it is missing or is not Parquet."""
    try:
        return pd.read_parquet(path)
    except FileNotFoundError as error:
        raise RunFolderError(f"{path} is missing: this is not a whole run folder.") from error
    except (OSError, ValueError) as error:
        raise RunFolderError(f"{path} cannot be read as Parquet; the file is damaged. Run again.") from error


def read_manifest(folder: Path) -> dict[str, Any]:
    """Read the manifest of a run folder.

    Raises RunFolderError if there is none, it is damaged, or another version of the program wrote its format.
    """
    path = folder / MANIFEST
    found = read_manifest_file(folder, MANIFEST, {"format": FORMAT})
    wrong = [key for key in ("results", "libraries") if not isinstance(found.get(key), dict)]
    if lost := [key for key in MANIFEST_KEYS if key not in found] or wrong:
        raise RunFolderError(f"{path} is damaged: it does not say {', '.join(lost)}. Run again.")
    return found


def read_summary(folder: Path) -> dict[str, Any]:
    """Read the summary of a run folder."""
    path = folder / "summary.json"
    try:
        return dict(json.loads(path.read_text("utf-8")))
    except (OSError, ValueError, TypeError, RecursionError) as error:
        raise RunFolderError(f"{path} is missing or damaged. Run again.") from error


def read_scenario(folder: Path) -> Scenario:
    """Read the resolved scenario of a run folder."""
    path = folder / "scenario.json"
    try:
        return Scenario.model_validate_json(path.read_text("utf-8"))
    except (OSError, ValueError) as error:
        raise RunFolderError(f"{path} is missing or damaged. Run again.") from error


def check_folder(folder: Path) -> list[str]:
    """Return the names of the files of a run folder that are no longer as its manifest says; empty if all are."""
    return altered(folder, MANIFEST, read_manifest(folder))


def _read_start(path: Path) -> dict[str, Any]:
    try:
        return dict(json.loads(path.read_text("utf-8")))
    except (OSError, ValueError, TypeError) as error:
        raise RunFolderError(f"{path} is damaged, so the run cannot be continued. Remove {path.parent}.") from error


def _differences(old: Mapping[str, Any], new: Mapping[str, Any]) -> str:
    keys = [key for key in {**old, **new} if old.get(key) != new.get(key)]
    return "; ".join(f"{key} was {old.get(key)}, is {new.get(key)}" for key in keys)
