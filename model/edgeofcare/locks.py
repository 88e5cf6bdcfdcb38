"""One writer at a time: a lock that ends with its process, however that ends, and says who holds it.

In: where the lock file stands. Out: the lock, or who is writing there. Must not know: what is written.
The operating system holds the lock (by `filelock`), so nothing has to be cleared up after a kill; the file beside it
that names the process is for people only.
"""

from __future__ import annotations

import json
import os
import platform
from contextlib import suppress
from datetime import datetime
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Self

from edgeofcare.errors import BusyError

if TYPE_CHECKING:
    from filelock import FileLock


class Lock:
    """A lock file held by this process until `release`, the end of a `with`, or the end of the process."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.writer = path.with_name(path.name + ".json")
        self._held: FileLock | None = None

    def acquire(self, wait_seconds: float = 0.0) -> Self:
        """Take the lock; the folder must exist.

        Raises BusyError if another process (or another part of this one) still holds it after the wait, OSError if
        the lock file cannot be written.
        """
        from filelock import FileLock, Timeout

        lock = FileLock(self.path, thread_local=False)
        try:
            lock.acquire(timeout=wait_seconds)
        except Timeout:
            raise BusyError(
                f"{self.path.parent}: another run is writing here ({_writer(self.writer)}). Wait until it ends, or "
                f"choose another folder."
            ) from None
        self._held = lock
        began = datetime.now().astimezone().isoformat(timespec="seconds")
        with suppress(OSError):  # the name is a help to people; the lock holds without it
            self.writer.write_text(json.dumps({"process": os.getpid(), "host": platform.node(), "since": began}))
        return self

    def release(self) -> None:
        """Let go and take the files away; harmless if nothing is held."""
        if self._held is None:
            return
        self.clear(self.path)  # Windows keeps a lock file until it is released, then takes it away itself
        self._held.release()
        self._held = None

    @staticmethod
    def clear(path: Path) -> None:
        """Take away the files of a lock whose folder has been renamed; the lock itself is held until `release`."""
        for file in (path, path.with_name(path.name + ".json")):
            with suppress(OSError):
                file.unlink()

    def __del__(self) -> None:
        """Let go when nobody can any more."""
        with suppress(Exception):
            self.release()

    def __enter__(self) -> Self:
        """Take the lock unless it is held already."""
        return self.acquire() if self._held is None else self

    def __exit__(self, *_: type[BaseException] | BaseException | TracebackType | None) -> None:
        """Let go."""
        self.release()


def _writer(path: Path) -> str:
    """Return who writes, in words: "process 4711 since 10:32"."""
    try:
        found = json.loads(path.read_text("utf-8"))
        since, host = datetime.fromisoformat(found["since"]), str(found["host"])
        pid = int(found["process"])
    except (OSError, ValueError, TypeError, KeyError):
        return "it has just begun"
    now = datetime.now().astimezone()
    when = since.strftime("%H:%M" if since.date() == now.date() else "%H:%M on %d %B %Y")
    return f"process {pid}{'' if host == platform.node() else f' on {host}'} since {when}"
