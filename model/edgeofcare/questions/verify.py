"""Verify a run or a case: make it again from its own folder and compare bit for bit.

In: a run or case folder. Out: what differs, and what could explain it. Must not know: how a run is shown, the
command line.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import pandas as pd

from edgeofcare.detail import DETAIL, HISTORIES, write_more
from edgeofcare.errors import RunFolderError
from edgeofcare.folders import FILES, altered, read_manifest_file
from edgeofcare.provenance import library_versions, platform_name, source_hash, version
from edgeofcare.questions import case
from edgeofcare.results import (
    check_folder,
    plain,
    read_manifest,
    read_scenario,
    read_summary,
    read_table,
    read_tables,
    summary_hash,
    table_hash,
)
from edgeofcare.walk import Run, prepare, run

MOST_DIFFERENCES = 20
CASE_KEYS = ("scenario_sha256", "seed", "replications", "parts", "version", "source_hash", "platform", "libraries")


@dataclass(frozen=True)
class Verification:
    """What a second run showed.

    reproduced: whether it gave the results noted in the manifest, bit for bit; None if it was not made.
    changed: files that are not as they were written; then nothing in the folder is read, and nothing is run.
    differences: where the stored results are not those of the second run. changes: what is not as it was when the run
    was made (version, sources, platform, libraries); it may explain differences if there are any.
    """

    folder: str
    reproduced: bool | None
    changed: tuple[str, ...]
    differences: tuple[str, ...]
    changes: tuple[str, ...]
    seconds: float

    @property
    def passed(self) -> bool:
        """Whether the folder is as it was written, and a second run gives the same bits."""
        return self.reproduced is True and not self.changed and not self.differences

    def as_dict(self) -> dict[str, Any]:
        """Return the verification for JSON."""
        return {"passed": self.passed, **asdict(self)}


def verify(
    folder: str | Path, workers: int | None = None, progress: Callable[[int, int], None] | None = None
) -> Verification:
    """Make a run, or every part of a case, again from its own scenario, seed and numbers; compare all bit for bit.

    Raises RunFolderError if the folder is none, is damaged, is not finished, or is of another format.
    """
    place = Path(folder)
    if not place.is_dir():
        raise RunFolderError(f"{place} is not a run folder: there is no such folder.")
    if (place / case.MANIFEST).exists():
        return _verify_case(place, progress)
    made, changed = read_manifest(place), tuple(check_folder(place))
    changes = tuple(_changes(made))
    if changed:
        return Verification(str(place), None, changed, (), changes, 0.0)
    again = _run_again(place, made, workers, progress)
    differences = (*_differences(place, again), *_differences_in_full(place, made))
    return Verification(str(place), _reproduced(made, again), changed, differences, changes, again.seconds)


def _verify_case(place: Path, progress: Callable[[int, int], None] | None) -> Verification:
    """Make every part of a case again."""
    began = time.perf_counter()
    held = read_manifest_file(place, case.MANIFEST, {"format": case.FORMAT})
    if lost := [key for key in CASE_KEYS if key not in held]:
        raise RunFolderError(f"{place / case.MANIFEST} is damaged: it does not say {', '.join(lost)}. Make it again.")
    changes = tuple(_changes(held))
    if changed := tuple(altered(place, case.MANIFEST, held)):
        return Verification(str(place), None, changed, (), changes, 0.0)
    differences: list[str] = []
    n_parts = len(held[FILES]) - 1  # besides the scenario
    for done, (name, text) in enumerate(case.made_again(place, held), start=1):
        was = (place / f"{name}.json").read_text("utf-8")
        if was != text:
            differences += _differences_of(name, json.loads(was), json.loads(text))
        if progress:
            progress(done, n_parts)
    seconds = time.perf_counter() - began
    return Verification(str(place), not differences, (), tuple(differences), changes, seconds)


def _reproduced(made: Mapping[str, Any], again: Run) -> bool:
    """Tell whether a second run gives the hashes of the manifest; the version that made it is no result."""
    tables = {name: table_hash(table) for name, table in again.tables.by_name().items()}
    summary = summary_hash(plain(again.summary) | {"version": made["version"]})
    return bool(tables == made["results"] and summary == made["summary_sha256"])


def _run_again(
    place: Path, made: Mapping[str, Any], workers: int | None, progress: Callable[[int, int], None] | None
) -> Run:
    numbers = {name: made[name] for name in ("replications", "seed", "outer_draws", "engine")}
    return run(read_scenario(place), **numbers, workers=workers, progress=progress)


def _changes(made: Mapping[str, Any]) -> Iterator[str]:
    """Yield what is not as it was when the run was made."""
    here = {"version": version(), "source_hash": source_hash(), "platform": platform_name()}
    names = {"version": "version of edgeofcare", "source_hash": "source code", "platform": "platform"}
    for key, now in here.items():
        if made[key] != now:
            yield f"{names[key]}: was {made[key]}, is {now}"
    for library, now in library_versions().items():
        was = dict(made["libraries"]).get(library, "unknown")
        if was != now:
            yield f"{library}: was {was}, is {now}"


# ---- differences --------------------------------------------------------------------------------------------------


def _differences(place: Path, again: Run) -> Iterator[str]:
    """Yield where the stored results are not those of a second run."""
    stored = read_tables(place).by_name()
    for name, table in again.tables.by_name().items():
        if table_hash(table) != table_hash(stored[name]):
            yield from _table_differences(name, stored[name], table)
    yield from _differences_of("summary", read_summary(place), plain(again.summary))


def _differences_in_full(place: Path, made: Mapping[str, Any]) -> Iterator[str]:
    """Yield the files of `detail` and `histories` that a second run does not give again."""
    if not made.get("detail") and not made.get("histories"):
        return
    numbers = {name: made[name] for name in ("replications", "seed", "outer_draws", "engine")}
    with TemporaryDirectory() as name:
        folder = Path(name)
        write_more(folder, prepare(read_scenario(place), **numbers).experiment, made["detail"], made["histories"])
        now = {path.relative_to(folder).as_posix() for path in folder.rglob("*.parquet")}
        was = {file for file in made[FILES] if file.startswith((DETAIL, HISTORIES))}
        for file in sorted(now ^ was):
            yield f"{file}: {'only a second run gives it' if file in now else 'a second run does not give it'}"
        for file in sorted(now & was):
            if table_hash(read_table(folder / file)) != table_hash(read_table(place / file)):
                yield f"{file}: a second run gives other rows"


def _table_differences(name: str, was: pd.DataFrame, now: pd.DataFrame) -> Iterator[str]:
    """Yield the columns of a table that differ, with the first row in which they do."""
    if len(was) != len(now) or list(was.columns) != list(now.columns):
        yield (
            f"{name}: {len(was)} rows of {len(was.columns)} columns were stored, a second run gives "
            f"{len(now)} of {len(now.columns)}"
        )
        return
    for column in now.columns:
        rows = _unequal(was[column], now[column])
        if rows.any():
            first = int(np.argmax(rows))
            yield (
                f"{name}.{column}: {int(rows.sum()):,} of {len(rows):,} rows differ, the first is row {first}: "
                f"{was[column].iloc[first]} was stored, a second run gives {now[column].iloc[first]}"
            )


def _unequal(was: pd.Series, now: pd.Series) -> np.ndarray[Any, np.dtype[np.bool_]]:
    """Return, row by row, whether two columns differ; two missing values are equal."""
    a, b = (column.astype(object).to_numpy() for column in (was, now))
    missing = pd.isna(a) & pd.isna(b)
    return np.asarray((a != b) & ~missing, dtype=bool)


def _differences_of(name: str, was: Any, now: Any) -> Iterator[str]:
    """Yield the numbers of a JSON object that differ; the version that made it is no result."""
    old, new = dict(_leaves(was)), dict(_leaves(now))
    paths = [p for p in {**old, **new} if p != "version" and (p not in old or p not in new or old[p] != new[p])]
    for path in paths[:MOST_DIFFERENCES]:
        yield f"{name}.{path}: {old.get(path, 'nothing')} was stored, a second run gives {new.get(path, 'nothing')}"
    if len(paths) > MOST_DIFFERENCES:
        yield f"{name}: {len(paths) - MOST_DIFFERENCES} more numbers differ"


def _leaves(node: Any, path: str = "") -> Iterator[tuple[str, Any]]:
    if not isinstance(node, Mapping | list) or not node:
        yield path, node
        return
    for key, child in node.items() if isinstance(node, Mapping) else enumerate(node):
        yield from _leaves(child, f"{path}.{key}" if path else str(key))


# ---- in words -----------------------------------------------------------------------------------------------------


def verification_text(found: Verification) -> str:
    """Return a verification in words: passed or not, what differs, what could explain it."""
    lines = [f"{found.folder}: {_verdict(found)}"]
    lines += [f"  {text}" for text in (*found.changed, *found.differences)]
    if found.changes:
        lines.append(f"Since the run was made, these have changed{_so_what(found)}:")
        lines += [f"  {text}" for text in found.changes]
    elif found.reproduced is False and not found.changed:
        lines.append(
            "Version, sources, platform and libraries are as they were: unless the manifest was made anew by "
            "hand, please report this as a defect."
        )
    return "\n".join(lines)


def _verdict(found: Verification) -> str:
    if found.passed:
        return f"verified. A second run gives the same numbers, bit for bit ({found.seconds:.1f} s)."
    if found.reproduced is None:
        return "NOT verified. It was not run again, for these files are not as they were written:"
    if found.reproduced:
        return "NOT verified. A second run gives what the manifest says, but not what is in the folder:"
    return "NOT verified. A second run gives other numbers than the manifest says:"


def _so_what(found: Verification) -> str:
    if found.reproduced is None:
        return ""
    return ", without effect on the numbers" if found.reproduced else "; they may explain the differences"
