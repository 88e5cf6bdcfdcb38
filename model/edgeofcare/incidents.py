"""The last net: what nobody foresaw becomes one sentence with a reference number, and a log on this computer.

In: an exception that is nobody's mistake in a file or an option. Out: an `Incident`. The log holds where in the program
it happened, never what the exception says or what was computed: that may be figures of young people. Must not know:
what was asked.
"""

from __future__ import annotations

import hashlib
import os
import platform
import sys
import tempfile
import traceback
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from edgeofcare.provenance import version

EXIT_CODE = 70  # EX_SOFTWARE of sysexits.h: an internal error
DIGITS = 8


@dataclass(frozen=True)
class Incident:
    """A defect that came to light. reference: the same for the same place in the program; log: None if not written."""

    reference: str
    log: Path | None

    def __str__(self) -> str:
        where = f" What is needed to mend it, without any figure, is in {self.log}: please send it." if self.log else ""
        return f"something went wrong that is a defect of the program, not yours (reference {self.reference}).{where}"


def report(error: BaseException, doing: Sequence[str] = ()) -> Incident:
    """Log an exception on this computer and return its reference.

    doing: the command and its options; only words that are a command or the name of an option are kept.
    """
    frames = [
        f"{_place(Path(frame.filename))}:{frame.lineno} in {frame.name}"
        for frame in traceback.extract_tb(error.__traceback__)
    ]
    kind = type(error).__name__
    reference = hashlib.sha256("\n".join([kind, *frames[-3:]]).encode()).hexdigest()[:DIGITS]
    lines = [
        f"reference {reference}, {datetime.now(UTC):%Y-%m-%d %H:%M:%S} UTC",
        f"edgeofcare {version()}, Python {platform.python_version()}, {platform.system()} {platform.machine()}",
        f"command: {' '.join(_without_values(doing))}",
        f"{kind}; what it says is left out, for it may hold figures",
        *(f"  {frame}" for frame in frames),
    ]
    return Incident(reference, _written("\n".join(lines) + "\n\n", reference))


def folder() -> Path:
    """Return the folder of the logs: that of the user's program states, or a temporary one."""
    home = os.environ.get("LOCALAPPDATA") if sys.platform == "win32" else os.environ.get("XDG_STATE_HOME")
    try:
        return (Path(home) if home else Path.home() / ".local" / "state") / "edgeofcare"
    except RuntimeError:  # no home
        return Path(tempfile.gettempdir()) / "edgeofcare"


def _written(text: str, reference: str) -> Path | None:
    for place in (folder(), Path(tempfile.gettempdir()) / "edgeofcare"):
        try:
            place.mkdir(parents=True, exist_ok=True)
            log = place / f"incident-{reference}.log"
            with log.open("a", encoding="utf-8") as file:
                file.write(text)
            return log
        except OSError:
            continue
    return None


def _place(file: Path) -> str:
    """Return a file of the program or of a library without the folders of this computer."""
    parts = file.parts
    for name in ("edgeofcare", "site-packages"):
        if name in parts:
            return "/".join(parts[len(parts) - parts[::-1].index(name) - 1 :])
    return file.name


def _without_values(words: Sequence[str]) -> list[str]:
    """Return the command and the names of its options; what they are set to is left out."""
    return [word.partition("=")[0] for i, word in enumerate(words) if word.startswith("-") or i == 0]
