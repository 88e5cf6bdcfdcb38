"""Run a contract, check a scenario, run a folder again. In: words typed. Out: answers. Must not know: any formula."""

from __future__ import annotations

import contextlib
import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated

import typer

from edgeofcare.cli.options import Answer, AsJson, Asked, Quiet, ScenarioName, Workers
from edgeofcare.cli.output import USERS_MISTAKE, complain, progress_bar, say
from edgeofcare.errors import EdgeOfCareError, InputError, OptionError


def run(
    asked: Asked,
    engine: Annotated[str | None, typer.Option(help="kernel (fast, the default) or reference (readable).")] = None,
    cluster: Annotated[str | None, typer.Option(help="local, or tcp://... of a Dask scheduler.")] = None,
    out: Annotated[Path | None, typer.Option(help="New folder for the run; runs/..., or none with --json.")] = None,
    resume: Annotated[bool, typer.Option("--resume", help="Continue an unfinished run in --out.")] = False,
    detail: Annotated[bool, typer.Option("--detail", help="Also write all counts and flows, as Parquet.")] = False,
    histories: Annotated[int, typer.Option(help="Also write young people's histories of so many contracts.")] = 0,
) -> Answer:
    """Run a scenario and print a one-page answer."""
    from edgeofcare.documents.text_pages.run import page
    from edgeofcare.results import plain
    from edgeofcare.walk import run as walk

    if resume and out is None:
        raise OptionError("--resume needs --out, the folder of the run to continue.")
    scenario = asked.scenario
    place = out or (None if asked.as_json else new_run_folder(scenario.name))
    tell_slow_engine(engine)
    more = {"detail": detail, "histories": histories, **asked.options}
    with told_how_to_continue(place):
        done = walk(scenario, engine=engine, out=place, resume=resume, cluster=cluster, **more)
    summary = plain(done.summary)
    following = (
        f"\nRun folder: {done.folder} ({done.seconds:.1f} s, {done.summary.engine} engine)\n"
        f"Next: edgeofcare verify {done.folder}; edgeofcare assumptions {asked.name}; edgeofcare run --help"
    )
    return Answer(summary, lambda: page(summary), following=following)


def check(
    scenario: ScenarioName,
    strict: Annotated[bool, typer.Option("--strict", help="Treat every warning as a fault.")] = False,
    quick: Annotated[bool, typer.Option("--quick", help="Leave out what needs simulated contracts.")] = False,
    as_json: AsJson = False,
) -> None:
    """Check a scenario: faults, warnings, what it inherits."""
    from edgeofcare.documents.answers.check import check_text
    from edgeofcare.inputs.load import load
    from edgeofcare.questions.check import check as checked
    from edgeofcare.questions.check import faults_as_dict

    try:
        found = checked(load(scenario), quick, strict)
    except InputError as error:
        if not as_json:
            raise
        say(json.dumps(faults_as_dict(error)))
        raise typer.Exit(USERS_MISTAKE) from None
    say(json.dumps(found.as_dict()) if as_json else check_text(found, scenario))


def verify(
    run: Annotated[Path, typer.Argument(help="The folder of a run, or of a case.")],
    workers: Workers = None,
    as_json: AsJson = False,
    quiet: Quiet = False,
) -> None:
    """Make a run or a case again and compare bit for bit.

    Exit code 1 if anything differs.
    """
    from edgeofcare.questions.verify import verification_text
    from edgeofcare.questions.verify import verify as run_again

    with progress_bar(quiet) as progress:
        found = run_again(run, workers, progress)
    say(json.dumps(found.as_dict()) if as_json else verification_text(found))
    raise typer.Exit(0 if found.passed else 1)


def new_run_folder(name: str) -> Path:
    """Return a name in runs/ that is not taken, and keep it: scenario, date and time."""
    from edgeofcare.results import reserve

    return reserve(Path("runs") / f"{name}-{time.strftime('%Y%m%d-%H%M%S')}")


def tell_slow_engine(engine: str | None) -> None:
    """Say so if numba is missing and the readable engine runs in its place."""
    from edgeofcare.experiment import available_engine

    if engine is None and available_engine(None) == "reference":
        complain("numba is not installed, so the readable reference engine runs; it is over a hundred times slower.")


@contextlib.contextmanager
def told_how_to_continue(place: Path | None) -> Iterator[None]:
    """Say after Ctrl-C how the run can be continued; give back a name that was kept for a run that never began."""
    from edgeofcare.results import can_resume

    try:
        yield
    except KeyboardInterrupt:
        resumable = place is not None and can_resume(place)
        complain(f"stopped. Add --out {place} --resume to continue." if resumable else "stopped.")
        raise
    except EdgeOfCareError:
        if place is not None:
            can_resume(place)
        raise
