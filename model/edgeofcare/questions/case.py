"""A business case: every analysis of a scenario, run once and kept in a folder that reports only read.

In: a scenario and a new folder. Out: the folder. Must not know: documents.
A part is one JSON file; what is there is not made again, so a case that was stopped goes on where it stopped.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from edgeofcare.errors import RunFolderError
from edgeofcare.inputs.describe import assumption_log, resolved
from edgeofcare.inputs.load import scenario_hash
from edgeofcare.inputs.schema import Scenario
from edgeofcare.provenance import rooms_hash, version
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
from edgeofcare.results import plain
from edgeofcare.walk import run

FORMAT = 1
# What the numbers of a case depend on: not the documents that are made of them.
ROOMS = (
    *("calendar.py", "inputs", "care", "engine", "money", "outcomes.py", "experiment.py", "summary.py", "walk.py"),
    "questions",
)
Progress = Callable[[int, int], None]
REPLICATIONS = {"contracts": 500, "exposure": 1000, "stress": 1000, "tornado": 500, "backtest": 500, "series": 2000}


def make_case(
    scenario: Scenario, folder: Path, replications: int = 2000, seed: int = 1, progress: Progress | None = None
) -> Path:
    """Run every part of a case into a folder, and return the folder.

    replications: of the main run; other parts have numbers of their own, written in case.json. Raises RunFolderError
    if the folder holds the case of another scenario, version or seed.
    """
    sizes = {name: min(n, replications) for name, n in REPLICATIONS.items()}
    head = {
        "format": FORMAT,
        "scenario": scenario.name,
        "title": scenario.title,
        "description": scenario.description,
        "scenario_sha256": scenario_hash(scenario),
        "version": version(),
        "source_hash": rooms_hash(*ROOMS),
        "seed": seed,
        "replications": replications,
        "parts": sizes,
    }
    _take(folder, head)
    parts = _parts(scenario, sizes, replications, seed)
    for done, (name, make) in enumerate(parts.items()):
        if progress:
            progress(done, len(parts))
        place = folder / f"{name}.json"
        if not place.exists():
            _write(place, make())
    if progress:
        progress(len(parts), len(parts))
    return folder


def _parts(scenario: Scenario, n: dict[str, int], replications: int, seed: int) -> dict[str, Callable[[], Any]]:
    """Return how each part is made, in order."""
    world = claimed_case(scenario)
    return {
        "inputs": lambda: resolved(scenario),
        "assumptions": lambda: assumption_log(scenario),
        "summary": lambda: plain(run(scenario, replications, seed).summary),
        "series": lambda: plain(series(world, n["series"], seed)),
        "mean": lambda: mean_case(world, n["series"], seed),
        "lives": lambda: lives(world, seed),
        "exposure": lambda: exposure(scenario, n["exposure"], seed).as_dict(),
        "contracts": lambda: compare_contracts(scenario, "all", n["contracts"], seed, grid=True).as_dict(),
        "breakeven": lambda: breakeven(scenario, replications=n["contracts"], seed=seed).as_dict(),
        "lint": lambda: [vars(finding) for finding in lint(scenario, seed)],
        "stress": lambda: stress(scenario, replications=n["stress"], seed=seed).as_dict(),
        "tornado": lambda: tornado(scenario, replications=n["tornado"], seed=seed).as_dict(),
        "backtest": lambda: backtest_object(backtest(n["backtest"], seed)),
    }


def _take(folder: Path, head: dict[str, Any]) -> None:
    """Make the folder, or take up the one that holds the beginning of the same case."""
    place = folder / "case.json"
    try:
        if place.exists():
            if json.loads(place.read_text("utf-8")) != head:
                raise RunFolderError(f"{folder} holds another case. Choose another --out, or remove it.")
            return
        if folder.exists() and any(folder.iterdir()):
            raise RunFolderError(f"{folder} is not empty and holds no case. Choose another --out.")
        folder.mkdir(parents=True, exist_ok=True)
        _write(place, head)
    except (OSError, ValueError) as error:
        raise RunFolderError(f"{folder} cannot be written or read ({error}). Choose another --out.") from error


def _write(place: Path, content: Any) -> None:
    """Write a part whole: a name that exists stands for a finished part."""
    fresh = place.with_suffix(".writing")
    fresh.write_text(json.dumps(content, indent=1, allow_nan=False, default=str), encoding="utf-8", newline="\n")
    fresh.rename(place)
