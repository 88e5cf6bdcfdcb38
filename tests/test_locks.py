"""Locks between real processes: one writer at a time, named; a killed one leaves nothing that has to be cleared up."""

from __future__ import annotations

import errno
import os
import re
import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from edgeofcare.cli.program import os_error_words
from edgeofcare.errors import BusyError, RunFolderError
from edgeofcare.experiment import Part
from edgeofcare.inputs.schema import Scenario
from edgeofcare.locks import Lock
from edgeofcare.questions.checkpoint import PartFolder

HOLD = """
import sys
from pathlib import Path
from edgeofcare.locks import Lock
from edgeofcare.questions.checkpoint import PartFolder
lock = Lock(Path(sys.argv[1])).acquire()
print("held", flush=True)
sys.stdin.read()
lock.release()
"""


def holder(path: Path) -> subprocess.Popen[str]:
    """Another process that holds the lock until its input ends."""
    found = subprocess.Popen(
        [sys.executable, "-c", HOLD, str(path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert found.stdout is not None and found.stdout.readline() == "held\n"
    return found


def test_another_process_is_named(tmp_path: Path) -> None:
    other = holder(tmp_path / "lock")
    with pytest.raises(BusyError, match=rf"another run is writing here \(process {other.pid} since \d\d:\d\d\)"):
        Lock(tmp_path / "lock").acquire()
    other.communicate("")
    assert list(tmp_path.iterdir()) == []
    with Lock(tmp_path / "lock"):
        assert (tmp_path / "lock").exists()
    assert list(tmp_path.iterdir()) == []


def test_a_killed_process_holds_nothing(tmp_path: Path) -> None:
    other = holder(tmp_path / "lock")
    os.kill(other.pid, signal.SIGKILL)
    other.wait()
    assert (tmp_path / "lock").exists(), "its files are left, its lock is not"
    with Lock(tmp_path / "lock"):
        assert re.search(rf'"process": {os.getpid()}\b', (tmp_path / "lock.json").read_text())


def test_two_parts_of_one_process(tmp_path: Path) -> None:
    with Lock(tmp_path / "lock"), pytest.raises(BusyError, match=f"process {os.getpid()} since"):
        Lock(tmp_path / "lock").acquire()


def test_waiting_for_the_other(tmp_path: Path) -> None:
    other = holder(tmp_path / "lock")
    threading.Timer(0.3, lambda: other.communicate("")).start()
    with Lock(tmp_path / "lock").acquire(wait_seconds=60):
        assert other.wait() == 0


@pytest.mark.parametrize("text", [None, "", "{", "[]", '{"process": "x", "host": 1, "since": 2}'])
def test_a_name_that_cannot_be_read_is_no_fault(tmp_path: Path, text: str | None) -> None:
    with Lock(tmp_path / "lock") as lock:
        lock.writer.unlink() if text is None else lock.writer.write_text(text)
        with pytest.raises(BusyError, match=r"another run is writing here \(it has just begun\)"):
            Lock(tmp_path / "lock").acquire()


def test_of_many_that_start_at_once_one_wins(tmp_path: Path) -> None:
    """Six processes take the same lock again and again, and note their passage: never two at a time."""
    code = """
import sys
from pathlib import Path
from edgeofcare.locks import Lock
from edgeofcare.questions.checkpoint import PartFolder
folder = Path(sys.argv[1])
for _ in range(20):
    with Lock(folder / "lock").acquire(wait_seconds=120):
        inside = folder / "inside"
        inside.touch(exist_ok=False)
        inside.unlink()
"""
    folder = tmp_path / "place"
    folder.mkdir()
    others = [subprocess.Popen([sys.executable, "-c", code, str(folder)]) for _ in range(6)]
    assert [other.wait() for other in others] == [0] * 6


# ---- a full disk ---------------------------------------------------------------------------------------------------


def test_a_full_disk_of_the_cache_is_told_with_its_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EDGEOFCARE_CACHE", str(tmp_path / "cache"))
    words = os_error_words(OSError(errno.ENOSPC, "No space left on device"))
    assert str(tmp_path / "cache") in words and "EDGEOFCARE_CACHE" in words
    assert os_error_words(OSError(errno.ENOSPC, "No space left on device", "mine")) == "No space left on device: mine."


def test_rows_of_a_long_question_have_one_writer_and_name_their_folder(
    tmp_path: Path, small_scenario: Scenario, monkeypatch: pytest.MonkeyPatch
) -> None:
    def parts() -> PartFolder:
        return PartFolder(small_scenario, "sobol", {"seed": 1}, tmp_path / "rows")

    def full(*_: object, **__: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    with parts() as kept:
        busy = rf"rows: another run is writing here \(process {os.getpid()} since"
        with pytest.raises(BusyError, match=busy), parts():
            pass
        kept.save(0, Part({}, {}))
        with monkeypatch.context() as patch:
            patch.setattr(Path, "open", full)
            with pytest.raises(RunFolderError, match=r"written to .*rows \(No space left on device\).*make room"):
                kept.save(1, Part({}, {}))
    with parts() as kept:
        assert kept.saved().keys() == {0}


def test_what_two_processes_need_is_made_once(tmp_path: Path) -> None:
    code = """
import sys, time
from pathlib import Path
from edgeofcare.provenance import cached_json
place = Path(sys.argv[1])
def make():
    with (place / "made").open("a") as file:
        file.write("x")
    time.sleep(1)
    return {"value": 1.5}
assert cached_json(place / "kept.json", make) == {"value": 1.5}
"""
    others = [subprocess.Popen([sys.executable, "-c", code, str(tmp_path)]) for _ in range(3)]
    assert [other.wait() for other in others] == [0] * 3
    assert (tmp_path / "made").read_text() == "x"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["kept.json", "made"]
