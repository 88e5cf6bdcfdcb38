"""A business case: every analysis of a scenario, run once and kept in a folder that reports only read.

In: a scenario and a new folder. Out: the folder. Must not know: documents.
A part is one JSON file; what is finished is not made again, so a case that was stopped goes on where it stopped. The
manifest, case.json, holds the hash of every file.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

from edgeofcare.errors import RunFolderError
from edgeofcare.folders import FILES, LOCK, altered, read_manifest_file, refuse_altered, write_manifest, write_whole
from edgeofcare.inputs.describe import assumption_log, resolved
from edgeofcare.inputs.load import scenario_hash
from edgeofcare.inputs.schema import Scenario
from edgeofcare.locks import Lock
from edgeofcare.provenance import library_versions, made_record, platform_name, source_hash, version
from edgeofcare.questions.backtest import as_json as backtest_object
from edgeofcare.questions.backtest import backtest
from edgeofcare.questions.breakeven import breakeven
from edgeofcare.questions.contracts import contracts as compare_contracts
from edgeofcare.questions.counterfactuals import claimed_case
from edgeofcare.questions.exposure import exposure
from edgeofcare.questions.lint import lint
from edgeofcare.questions.report_data import lives, mean_case, series
from edgeofcare.questions.sensitivity.tornado import tornado
from edgeofcare.questions.stress import stress
from edgeofcare.results import plain, read_scenario
from edgeofcare.walk import run

FORMAT = 2
MANIFEST, SCENARIO = "case.json", "scenario.json"
Progress = Callable[[int, int], None]
REPLICATIONS, OUTER_DRAWS, PER_DRAW = 1000, 200, 10
BACKTEST_REPLICATIONS = 500  # of scenarios of their own: the record's


def make_case(
    scenario: Scenario,
    folder: Path,
    replications: int = REPLICATIONS,
    seed: int = 1,
    outer_draws: int = OUTER_DRAWS,
    progress: Progress | None = None,
) -> Path:
    """Run every part of a case into a folder, and return the folder.

    replications: of every part, so that one figure is the same number in all of them. outer_draws: sets of uncertain
    inputs of the second main run, ten replications each; 1 leaves it out. Raises RunFolderError if the folder holds
    the case of another scenario, version or seed, or was altered; BusyError if another run is writing there.
    """
    sizes = {"backtest": min(BACKTEST_REPLICATIONS, replications), "outer_draws": outer_draws}
    head = {
        "format": FORMAT,
        "scenario": scenario.name,
        "title": scenario.title,
        "description": scenario.description,
        "scenario_sha256": scenario_hash(scenario),
        "version": version(),
        "source_hash": source_hash(),
        "seed": seed,
        "replications": replications,
        "parts": sizes,
    }
    try:
        with _taken(folder):
            _make_parts(folder, head, scenario, progress)
    except OSError as error:
        raise RunFolderError(f"{folder} cannot be written or read ({error}). Choose another --out.") from error
    return folder


def _taken(folder: Path) -> Lock:
    """Return the lock of a folder that is new, empty, or holds the beginning of a case."""
    if folder.exists() and not (folder / MANIFEST).exists() and _others(folder):
        raise RunFolderError(f"{folder} is not empty and holds no case. Choose another --out.")
    folder.mkdir(parents=True, exist_ok=True)
    return Lock(folder / LOCK).acquire()


def _others(folder: Path) -> list[Path]:
    """Return what stands in a folder besides a lock, and besides the scenario, which is written first."""
    return [path for path in folder.iterdir() if not path.name.startswith((LOCK, SCENARIO))]


def _make_parts(folder: Path, head: dict[str, Any], scenario: Scenario, progress: Progress | None) -> None:
    """Make the parts that are not there yet; the manifest answers for each as soon as it is whole."""
    done = _begun(folder, head, scenario)
    parts = _parts(scenario, head["parts"], head["replications"], head["seed"])
    for number, (name, make) in enumerate(parts.items()):
        if progress:
            progress(number, len(parts))
        if f"{name}.json" not in done:
            write_whole(folder / f"{name}.json", as_written(make()))
            done.append(f"{name}.json")
            write_manifest(folder, MANIFEST, head | made_record(), done)
    if progress:
        progress(len(parts), len(parts))


def _begun(folder: Path, head: dict[str, Any], scenario: Scenario) -> list[str]:
    """Begin a case, or take up the same one, and return the files that are finished."""
    words = scenario.model_dump_json(indent=1) + "\n"
    if not (folder / MANIFEST).exists():
        write_whole(folder / SCENARIO, words)
        write_manifest(folder, MANIFEST, head | made_record(), [SCENARIO])
        return [SCENARIO]
    held = read_manifest_file(folder, MANIFEST, {"format": FORMAT})
    refuse_altered(folder, altered(folder, MANIFEST, held), "Choose another --out, or remove the folder.")
    another = {key: held.get(key) for key in head} != head or (folder / SCENARIO).read_text("utf-8") != words
    if another or held.get("libraries") != library_versions() or held.get("platform") != platform_name():
        raise RunFolderError(f"{folder} holds another case. Choose another --out, or remove it.")
    return list(held[FILES])


def as_written(content: Any) -> str:
    """Return a part as it stands in its file."""
    return json.dumps(content, indent=1, allow_nan=False, default=str) + "\n"


def made_again(folder: Path, held: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Yield each part of a finished case (name, text) as a second run makes it from the folder's own scenario.

    Raises RunFolderError for a case that was not finished.
    """
    parts = _parts(read_scenario(folder), held["parts"], held["replications"], held["seed"])
    if lost := [name for name in parts if f"{name}.json" not in held[FILES]]:
        raise RunFolderError(f"{folder} is not finished: {', '.join(lost)} not made yet. Make it again to go on.")
    return ((name, as_written(make())) for name, make in parts.items())


def _parts(scenario: Scenario, n: dict[str, int], replications: int, seed: int) -> dict[str, Callable[[], Any]]:
    """Return how each part is made, in order."""
    case = claimed_case(scenario)
    draws = n["outer_draws"]
    doubt = {"uncertain": lambda: plain(run(scenario, draws * PER_DRAW, seed, draws).summary)} if draws > 1 else {}
    return {
        "inputs": lambda: resolved(scenario),
        "assumptions": lambda: assumption_log(scenario),
        "summary": lambda: plain(run(scenario, replications, seed).summary),
        **doubt,
        "series": lambda: plain(series(case, replications, seed)),
        "mean": lambda: mean_case(case, replications, seed),
        "lives": lambda: lives(case, seed),
        "exposure": lambda: exposure(scenario, replications, seed).as_dict(),
        "contracts": lambda: compare_contracts(scenario, "all", replications, seed, grid=True).as_dict(),
        "breakeven": lambda: breakeven(scenario, replications=replications, seed=seed).as_dict(),
        "lint": lambda: [vars(finding) for finding in lint(scenario, seed)],
        "stress": lambda: stress(scenario, replications=replications, seed=seed).as_dict(),
        "tornado": lambda: tornado(scenario, replications=replications, seed=seed).as_dict(),
        "backtest": lambda: backtest_object(backtest(n["backtest"], seed)),
    }
