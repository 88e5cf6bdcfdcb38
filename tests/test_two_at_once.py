"""Runs that start together or meet in one folder, as real processes: names of their own, one writer, kill -9."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from edgeofcare.errors import RunFolderError
from edgeofcare.inputs.load import load
from edgeofcare.results import RunFolder, can_resume, reserve
from edgeofcare.walk import prepare

# In one second, whatever the machine does: the clock that makes names stands still.
COMMAND = "import time; time.strftime = lambda *_: '20250401-103200'; from edgeofcare.cli import main; main()"
LONG = ("run", "pan_london", "--replications", "1000000", "--engine", "reference", "--quiet", "--out", "run")


def started(folder: Path, *words: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", COMMAND, *words],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        cwd=folder,
    )


def test_four_runs_in_one_second_end_in_four_folders(tmp_path: Path) -> None:
    words = ("run", "pan_london", "--replications", "2", "--engine", "reference", "--quiet")
    running = [started(tmp_path, *words, "--seed", str(seed)) for seed in range(4)]
    ends = [process.communicate() for process in running]
    assert [process.returncode for process in running] == [0] * 4, ends
    stem = "pan_london-20250401-103200"
    folders = sorted(path.name for path in (tmp_path / "runs").iterdir())
    assert folders == [stem, *(f"{stem}-{number}" for number in (2, 3, 4))]


def test_a_name_kept_for_a_run_that_never_began_is_given_back(tmp_path: Path) -> None:
    process = started(tmp_path, "run", "pan_london", "--replications", "0", "--quiet")
    assert "replications must be" in process.communicate()[1] and process.returncode == 2
    assert list(tmp_path.iterdir()) == []
    kept = reserve(tmp_path / "runs" / "mine")
    assert reserve(tmp_path / "runs" / "mine").name == "mine-2" and not can_resume(kept)
    assert reserve(tmp_path / "runs" / "mine") == kept


@contextmanager
def live_run(folder: Path) -> Iterator[subprocess.Popen[str]]:
    """A long run that has finished at least one chunk."""
    prepare(load("pan_london"), 1)  # so that calibration is cached
    process = started(folder, *LONG)
    try:
        deadline = time.monotonic() + 240
        while not [*folder.glob("run.partial/chunks/[0-9]*")] and process.poll() is None:
            assert time.monotonic() < deadline
            time.sleep(0.05)
        assert process.poll() is None, process.communicate()
        yield process
    finally:
        process.kill()
        process.communicate()


def test_a_live_run_is_not_continued_and_a_killed_one_is(tmp_path: Path) -> None:
    with live_run(tmp_path) as first:
        for words in (("--resume",), ()):
            second = started(tmp_path, *LONG, *words)
            out, errors = second.communicate()
            assert (second.returncode, out) == (2, ""), errors
            assert f"another run is writing here (process {first.pid} since " in errors and "Traceback" not in errors
        first.kill()
        first.wait()
    walk = prepare(load("pan_london"), 1_000_000, engine="reference")
    with pytest.raises(RunFolderError, match="is left from a run that did not finish"):
        RunFolder.create(tmp_path / "run", walk.start)
    with RunFolder.create(tmp_path / "run", walk.start, resume=True) as folder:
        assert folder.saved()
