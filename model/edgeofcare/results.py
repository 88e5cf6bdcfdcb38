"""The run folder: rows as Parquet, the summary, the resolved scenario, and a manifest that says how they were made.

In: rows and summary. Out: a folder, read back and checked by hash. Must not know: how rows are made or shown.
A run writes NAME.partial, chunk by chunk, and renames it at the end, so a folder with its final name is whole and a
killed run can be continued. Seconds stand in the manifest outside every hash.
"""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

import pandas as pd

from edgeofcare.errors import RunFolderError
from edgeofcare.inputs.load import scenario_hash
from edgeofcare.inputs.schema import Scenario
from edgeofcare.provenance import library_versions, platform_name, source_hash, version
from edgeofcare.summary import Tables

FORMAT = 1
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
TABLES = tuple(f.name for f in fields(Tables))


@dataclass(frozen=True)
class RunFolder:
    """A run folder being written: `path` is its final name."""

    path: Path

    @property
    def partial(self) -> Path:
        """The folder while the run goes on."""
        return self.path.with_name(self.path.name + ".partial")

    @classmethod
    def create(cls, path: Path, start: Mapping[str, Any], resume: bool = False) -> RunFolder:
        """Make the folder of a new run, or take up that of a broken one.

        start: what the run is (scenario hash, seed, replications, chunk grid, sources); a broken run must be the same.
        Raises RunFolderError if the name is taken, cannot be written, or belongs to another run.
        """
        folder = cls(path)
        if path.exists():
            raise RunFolderError(f"{path} exists already and is left as it is. Choose another --out, or remove it.")
        begun = folder.partial / "started.json"
        if folder.partial.exists() and not resume:
            raise RunFolderError(
                f"{folder.partial} is left from a run that did not finish. Continue it with --resume, or remove it."
            )
        if resume and begun.exists():
            differences = _differences(_read_start(begun), dict(start))
            if differences:
                raise RunFolderError(f"{folder.partial} belongs to another run, so it is not continued: {differences}")
            return folder
        try:
            (folder.partial / "chunks").mkdir(parents=True, exist_ok=True)
            _write(begun, json.dumps(start, indent=1, sort_keys=True))
        except OSError as error:
            why = f"{folder.partial} cannot be written ({error.strerror})"
            raise RunFolderError(f"{why}. Choose another --out.") from error
        return folder

    def save_chunk(self, number: int, tables: Tables) -> None:
        """Write the rows of one chunk; it counts once its folder has its final name."""
        place = self.partial / "chunks" / f"{number:06d}"
        fresh = place.with_suffix(".writing")
        try:
            shutil.rmtree(fresh, ignore_errors=True)
            fresh.mkdir()
            write_tables(fresh, tables)
            fresh.rename(place)
        except OSError as error:
            raise RunFolderError(
                f"chunk {number} cannot be written to {self.partial} ({error.strerror}). What was finished is kept: "
                f"make room, then continue with --resume."
            ) from error

    def saved_chunks(self) -> dict[int, Tables]:
        """Return the rows of the chunks already finished."""
        places = (self.partial / "chunks").glob("[0-9]*")
        return {int(p.name): read_tables(p) for p in places if p.name.isdigit()}

    def finish(
        self, scenario: Scenario, start: Mapping[str, Any], tables: Tables, summary: Mapping[str, Any], seconds: float
    ) -> None:
        """Write the whole run and give the folder its final name."""
        try:
            write_tables(self.partial, tables)
            _write(self.partial / "scenario.json", scenario.model_dump_json(indent=1))
            _write(self.partial / "summary.json", json.dumps(summary, indent=1))
            _write(self.partial / "manifest.json", json.dumps(manifest(start, tables, summary, seconds), indent=1))
            self.partial.rename(self.path)  # the run is whole from here on; a kill below leaves only spare files
            shutil.rmtree(self.path / "chunks")
            (self.path / "started.json").unlink()
        except OSError as error:
            raise RunFolderError(
                f"{self.partial} cannot be finished ({error.strerror}). Continue with --resume."
            ) from error


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
    """Return the manifest of a run; `timing` stands outside every hash."""
    return {
        **start,
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
    found = {}
    for name in TABLES:
        path = folder / f"{name}.parquet"
        try:
            found[name] = pd.read_parquet(path)
        except FileNotFoundError as error:
            raise RunFolderError(f"{path} is missing: this is not a whole run folder.") from error
        except (OSError, ValueError) as error:
            raise RunFolderError(f"{path} cannot be read as Parquet; the file is damaged. Run again.") from error
    return Tables(**found)


def read_manifest(folder: Path) -> dict[str, Any]:
    """Read the manifest of a run folder.

    Raises RunFolderError if there is none, it is damaged, or another version of the program wrote its format.
    """
    path = folder / "manifest.json"
    try:
        found = json.loads(path.read_text("utf-8"))
    except FileNotFoundError as error:
        raise RunFolderError(f"{folder} is not a run folder: it holds no manifest.json.") from error
    except (OSError, ValueError) as error:
        raise RunFolderError(f"{path} is damaged and cannot be read. Run again.") from error
    if not isinstance(found, dict) or found.get("format") != FORMAT:
        raise RunFolderError(f"{path} was written in another format than this version's ({FORMAT}). Run again.")
    wrong = [key for key in ("results", "libraries") if not isinstance(found.get(key), dict)]
    if lost := [key for key in MANIFEST_KEYS if key not in found] or wrong:
        raise RunFolderError(f"{path} is damaged: it does not say {', '.join(lost)}. Run again.")
    return found


def read_summary(folder: Path) -> dict[str, Any]:
    """Read the summary of a run folder."""
    path = folder / "summary.json"
    try:
        return dict(json.loads(path.read_text("utf-8")))
    except (OSError, ValueError) as error:
        raise RunFolderError(f"{path} is missing or damaged. Run again.") from error


def read_scenario(folder: Path) -> Scenario:
    """Read the resolved scenario of a run folder."""
    path = folder / "scenario.json"
    try:
        return Scenario.model_validate_json(path.read_text("utf-8"))
    except (OSError, ValueError) as error:
        raise RunFolderError(f"{path} is missing or damaged. Run again.") from error


def check_folder(folder: Path) -> list[str]:
    """Return what in a run folder no longer agrees with its manifest; empty if all does."""
    found = read_manifest(folder)
    tables, summary = read_tables(folder), read_summary(folder)
    wrong = [
        f"{name}.parquet was changed after the run"
        for name, table in tables.by_name().items()
        if table_hash(table) != found["results"].get(name)
    ]
    if summary_hash(summary) != found["summary_sha256"]:
        wrong.append("summary.json was changed after the run")
    if scenario_hash(read_scenario(folder)) != found["scenario_sha256"]:
        wrong.append("scenario.json was changed after the run")
    return wrong


def _read_start(path: Path) -> dict[str, Any]:
    try:
        return dict(json.loads(path.read_text("utf-8")))
    except (OSError, ValueError, TypeError) as error:
        raise RunFolderError(f"{path} is damaged, so the run cannot be continued. Remove {path.parent}.") from error


def _differences(old: Mapping[str, Any], new: Mapping[str, Any]) -> str:
    keys = [key for key in {**old, **new} if old.get(key) != new.get(key)]
    return "; ".join(f"{key} was {old.get(key)}, is {new.get(key)}" for key in keys)


def _write(path: Path, text: str) -> None:
    fresh = path.with_suffix(path.suffix + ".writing")
    fresh.write_text(text + "\n", "utf-8")
    fresh.replace(path)
