"""Finished parts of a long question on disk, so that what was stopped continues where it was.

In: what the question is, a folder. Out: a `Checkpoint` for an experiment. Must not know: which question it is.
One writer at a time: a lock that ends with its process.
"""

from __future__ import annotations

import hashlib
import json
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Self

from edgeofcare.errors import OptionError, RunFolderError
from edgeofcare.experiment import Part
from edgeofcare.inputs.load import scenario_hash
from edgeofcare.inputs.schema import Scenario
from edgeofcare.locks import Lock
from edgeofcare.provenance import cache_folder, library_versions, rooms_hash
from edgeofcare.results import read_part, write_part

QUESTION, LOCK = "question.json", "writing.lock"
ROOMS = ("calendar.py", "inputs", "care", "engine", "money", "outcomes.py", "experiment.py", "questions/sensitivity")


class PartFolder:
    """Parts of one question, a file each, in a folder that nobody else writes to until the end of a `with`."""

    def __init__(self, scenario: Scenario, what: str, settings: Mapping[str, Any], folder: Path | None = None) -> None:
        """Name a question and its folder: one of the cache if none is given. settings: all that parts depend on."""
        asked = {
            "what": what,
            "scenario": scenario_hash(scenario),
            **settings,
            "sources": rooms_hash(*ROOMS),
            "libraries": library_versions(),
        }
        text = json.dumps(asked, sort_keys=True)
        self.question = json.loads(text)  # as it will be read back
        key = hashlib.sha256(text.encode()).hexdigest()[:32]
        self.path = folder or cache_folder("parts") / f"{what}-{key}"
        self.lock = Lock(self.path / LOCK)

    def __enter__(self) -> Self:
        """Make the folder or take it up.

        Raises OptionError if it holds parts of another question, BusyError if another process is writing there,
        RunFolderError if it cannot be written.
        """
        begun = self.path / QUESTION
        try:
            self.path.mkdir(parents=True, exist_ok=True)
            self.lock.acquire()
            if not begun.exists():
                begun.write_text(json.dumps(self.question, indent=1) + "\n", "utf-8")
        except OSError as error:
            self.lock.release()
            raise RunFolderError(f"{self.path} cannot be written ({error.strerror}). Choose another --out.") from error
        if _read(begun) != self.question:
            self.lock.release()
            raise OptionError(
                f"{self.path} holds parts of another question: another scenario, settings or version. "
                f"Choose another folder."
            )
        return self

    def __exit__(self, *_: object) -> None:
        """Let others write."""
        self.lock.release()

    def saved(self) -> dict[int, Part]:
        """Return the parts already finished; one that cannot be read is made again."""
        found = {}
        for place in sorted(self.path.glob("[0-9]*.npz")):
            try:
                found[int(place.stem)] = read_part(place)
            except (OSError, ValueError, KeyError, TypeError, zipfile.BadZipFile):
                continue
        return found

    def save(self, number: int, part: Part) -> None:
        """Write one finished part; it counts once it has its final name."""
        place = self.path / f"{number:06d}.npz"
        fresh = place.with_suffix(".writing")
        try:
            write_part(fresh, part)
            fresh.replace(place)
        except OSError as error:
            raise RunFolderError(
                f"a finished part cannot be written to {self.path} ({error.strerror}). What was finished is kept: make "
                f"room and ask again."
            ) from error


def _read(place: Path) -> Any:
    try:
        return json.loads(place.read_text("utf-8"))
    except (OSError, ValueError):
        return None
