"""Finished rows of a long question on disk, so that what was stopped goes on where it was. In: a folder. Out: rows.

One line of JSON a row, after a first line that says what question it is. A line that was cut short is made again.
Must not know: which question it is.
"""

from __future__ import annotations

import hashlib
import json
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from edgeofcare.errors import OptionError
from edgeofcare.inputs.load import scenario_hash
from edgeofcare.inputs.schema import Scenario
from edgeofcare.locks import Lock
from edgeofcare.provenance import cache_folder, library_versions, rooms_hash

Row = dict[str, Any]


class Store:
    """Rows by number, kept in one file; several threads of one process may add to it, no other process.

    Raises BusyError if another run keeps its rows there, OptionError if the folder cannot be written.
    """

    def __init__(self, scenario: Scenario, what: str, settings: Mapping[str, Any], folder: Path | None) -> None:
        asked = {
            "what": what,
            "scenario": scenario_hash(scenario),
            **settings,
            "sources": rooms_hash(
                "questions/sensitivity/normal_scores.py",
                "questions/sensitivity/one_at_a_time.py",
                "care",
                "engine",
                "money",
                "inputs",
                "calendar.py",
                "outcomes.py",
                "experiment.py",
                "walk.py",
            ),
            "libraries": library_versions(),
        }
        self.folder = folder or cache_folder("sensitivity")
        self.question = json.loads(json.dumps(asked, sort_keys=True))  # as it will be read back
        key = hashlib.sha256(json.dumps(asked, sort_keys=True).encode()).hexdigest()[:32]
        if folder is not None:
            with self._told():
                folder.mkdir(parents=True, exist_ok=True)
        self.path = self.folder / (f"{what}.jsonl" if folder else f"{what}-{key}.jsonl")
        self.threads = threading.Lock()
        with self._told():
            self.lock = Lock(self.path.with_suffix(".lock")).acquire()  # until the store is no longer used

    @contextmanager
    def _told(self) -> Iterator[None]:
        """Name the folder if it cannot be written, on a full disk for example."""
        try:
            yield
        except OSError as error:
            raise OptionError(
                f"{self.folder} cannot be written ({error.strerror}). What was finished is kept: make room, or choose "
                f"another folder with --out."
            ) from error

    def read(self) -> dict[int, Row]:
        """Return the rows kept, by number; raise OptionError if the file holds those of another question."""
        if not self.path.exists():
            return {}
        lines = []
        for text in self.path.read_text("utf-8").splitlines():
            try:
                lines.append(json.loads(text))
            except ValueError:
                continue  # cut short
        if not lines:
            return {}
        if lines[0] != self.question:
            raise OptionError(
                f"{self.path} holds rows of another question: another scenario, settings or version. "
                f"Choose another folder."
            )
        return {line["row"]: line for line in lines[1:] if isinstance(line, dict) and "row" in line}

    def add(self, rows: list[Row]) -> None:
        """Keep rows; the file always ends with a whole line before more is written."""
        with self.threads, self._told():
            new = not self.path.exists() or self.path.stat().st_size == 0
            with self.path.open("a", encoding="utf-8") as file:
                file.write(json.dumps(self.question) + "\n" if new else "\n")
                file.write("\n".join(json.dumps(row) for row in rows) + "\n")
