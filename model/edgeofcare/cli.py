"""The command line: one thin verb for each function. In: words typed. Out: text, JSON, exit code (2: user's mistake).

Must not know: any formula. Heavy libraries are imported inside the verbs.
"""

from __future__ import annotations

import contextlib
import json
import os
import sys
import time
from pathlib import Path
from typing import Annotated, Any

import typer

from edgeofcare.errors import EdgeOfCareError

app = typer.Typer(
    name="edgeofcare",
    help="Open business cases for outcomes contracts that keep children on the edge of care at home.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)

ScenarioName = Annotated[str, typer.Argument(help="Name of a shipped scenario (pan_london) or path of a TOML file.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON object and nothing else.")]


@app.callback()
def _all() -> None:
    pass


@app.command()
def run(
    scenario: ScenarioName,
    replications: Annotated[int, typer.Option(help="Simulated contracts, in total.")] = 200,
    outer_draws: Annotated[int, typer.Option(help="Sets of uncertain inputs to draw; replications are shared out.")] = 1,
    seed: Annotated[int, typer.Option(help="Number of the luck; the same seed gives the same answer.")] = 1,
    engine: Annotated[str | None, typer.Option(help="kernel (fast, the default) or reference (readable).")] = None,
    workers: Annotated[int | None, typer.Option(help="Threads; all processors if not given.")] = None,
    out: Annotated[Path | None, typer.Option(help="New folder for the run; runs/... if not given, none with --json.")] = None,
    resume: Annotated[bool, typer.Option("--resume", help="Continue a run into --out that did not finish.")] = False,
    as_json: AsJson = False,
    quiet: Annotated[bool, typer.Option("--quiet", help="No progress.")] = False,
) -> None:
    """Run a scenario and print a one-page answer."""
    from edgeofcare.documents.page import page
    from edgeofcare.inputs.load import load
    from edgeofcare.walk import run as walk

    place = out if out is not None or as_json else Path("runs") / f"{Path(scenario).stem}-{time.strftime('%Y%m%d-%H%M%S')}"
    with progress_bar(quiet) as progress:
        done = walk(load(scenario), replications, seed, outer_draws, engine, workers, place, progress, resume)
    if as_json:
        show(json.dumps(done.summary))
    else:
        show(page(done.summary))
        show(f"Run folder: {done.folder}   ({done.seconds:.1f} s, {done.summary['engine']} engine)")
        show("Next: open its Parquet tables in pandas, or `edgeofcare run --help` for more replications and doubt.")


@app.command()
def check(scenario: ScenarioName) -> None:
    """Check a scenario file and say all that is wrong with it at once."""
    from edgeofcare.inputs.load import load

    found = load(scenario)
    show(f"{scenario}: no fault found. {found.title}; {len(found.boroughs)} boroughs, {len(found.teams)} teams, "
         f"{len(found.origins)} numbers with a source.")  # fmt: skip


def show(text: str) -> None:
    """Print a line; a terminal that cannot print a pound sign gets "GBP "."""
    encoding = getattr(sys.stdout, "encoding", None) or "ascii"
    try:
        text.encode(encoding)
    except UnicodeEncodeError:
        text = text.replace("£", "GBP ").encode(encoding, "replace").decode(encoding)
    sys.stdout.write(text + "\n")


@contextlib.contextmanager
def progress_bar(quiet: bool) -> Any:
    """Show progress on stderr: a bar on a terminal, a line every ten seconds elsewhere, nothing if quiet."""
    if quiet:
        yield None
        return
    if not sys.stderr.isatty():
        yield _plain_progress()
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task("calibrating", total=None)
        yield lambda done, total: bar.update(task, description="simulated contracts", completed=done, total=total)


def _plain_progress() -> Any:
    last = [time.monotonic()]

    def tell(done: int, total: int) -> None:
        if time.monotonic() - last[0] > 10:
            last[0] = time.monotonic()
            print(f"{done:,} of {total:,} simulated contracts", file=sys.stderr)

    return tell


def main() -> None:
    """Run the command line; a user's mistake is a sentence and exit code 2."""
    try:
        app(standalone_mode=True)
    except EdgeOfCareError as error:
        print(f"edgeofcare: {error}", file=sys.stderr)
        raise SystemExit(2) from None
    except KeyboardInterrupt:
        print("edgeofcare: stopped. A run with --out can be continued with --resume.", file=sys.stderr)
        raise SystemExit(130) from None
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        raise SystemExit(141) from None
