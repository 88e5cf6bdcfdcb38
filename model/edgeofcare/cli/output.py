"""What the command line prints and writes: lines, complaints, progress, new files. Must not know: what they say."""

from __future__ import annotations

import contextlib
import os
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from edgeofcare.errors import OptionError

USERS_MISTAKE, READER_GONE = 2, 141
SECONDS_BETWEEN_LINES = 10
Progress = Callable[[int, int], None]


def say(text: str) -> None:
    """Print a line; a terminal that cannot print a pound sign gets "GBP "; end quietly if nobody reads."""
    try:
        sys.stdout.write(printable(text, sys.stdout.encoding) + "\n")
        sys.stdout.flush()
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        raise SystemExit(READER_GONE) from None


def complain(text: str) -> None:
    """Print a sentence on stderr."""
    with contextlib.suppress(OSError):
        print(printable(f"edgeofcare: {text}", sys.stderr.encoding), file=sys.stderr, flush=True)


def printable(text: str, encoding: str | None) -> str:
    """Return the text as a terminal with this encoding can print it; a mark of UTF-8 only where that is what it is."""
    try:
        text.encode(encoding or "ascii")
    except UnicodeEncodeError:
        return (
            text.removeprefix("\ufeff")
            .replace("£", "GBP ")
            .encode(encoding or "ascii", "replace")
            .decode(encoding or "ascii")
        )
    return text


def write_new(path: Path, text: str) -> None:
    """Write a new file; raise OptionError if it exists or cannot be written."""
    try:
        with path.open("x", encoding="utf-8", newline="\n") as file:
            file.write(text + "\n")
    except FileExistsError:
        raise OptionError(f"{path} exists already and is left as it is. Choose another name, or remove it.") from None
    except OSError as error:
        raise OptionError(f"{path} cannot be written ({error.strerror}). Choose another place.") from None


@contextlib.contextmanager
def progress_bar(quiet: bool, what: str = "simulated contracts") -> Iterator[Progress | None]:
    """Show progress on stderr: a bar on a terminal, a line every ten seconds elsewhere, nothing if quiet."""
    if quiet or not sys.stderr.isatty():
        yield None if quiet else plain_progress(what)
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeRemainingColumn
    from rich.progress import Progress as Bar

    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Bar(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task("calibrating", total=None)
        yield lambda done, total: bar.update(task, description=what, completed=done, total=total)


def plain_progress(what: str) -> Progress:
    """Return a progress that prints a line now and then."""
    last = [time.monotonic()]

    def tell(done: int, total: int) -> None:
        if time.monotonic() - last[0] > SECONDS_BETWEEN_LINES:
            last[0] = time.monotonic()
            print(f"{done:,} of {total:,} {what}", file=sys.stderr, flush=True)

    return tell
