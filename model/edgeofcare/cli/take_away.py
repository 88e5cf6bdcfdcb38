"""Cases, reports and pages. In: words typed. Out: files, pages. Must not know: any formula."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from edgeofcare.cli.options import Quiet, ScenarioName, Seed
from edgeofcare.cli.output import progress_bar, say
from edgeofcare.errors import OptionError


def case(
    scenario: ScenarioName,
    out: Annotated[Path | None, typer.Option(help="Folder of the case; cases/NAME if not given.")] = None,
    replications: Annotated[int, typer.Option(help="Simulated contracts, the same in every part.")] = 1000,
    outer_draws: Annotated[int, typer.Option(help="Sets of uncertain inputs of a second run; 1 leaves it out.")] = 200,
    seed: Seed = 1,
    quiet: Quiet = False,
) -> None:
    """Run every part of a business case into one folder."""
    from edgeofcare.inputs.load import load
    from edgeofcare.questions.case import make_case

    found = load(scenario)
    place = out or Path("cases") / found.name
    with progress_bar(quiet, "parts") as progress:
        make_case(found, place, replications, seed, outer_draws, progress)
    say(f"{place} is complete. Next: edgeofcare report {place} --formats html,pdf,docx,xlsx")


def report(
    folder: Annotated[Path, typer.Argument(help="The folder of a case, or of a run.")],
    formats: Annotated[str, typer.Option(help="html, pdf, docx, xlsx, with commas between.")] = "html,xlsx",
    out: Annotated[Path | None, typer.Option(help="Folder for the files; report/ in the case if not given.")] = None,
    anyway: Annotated[bool, typer.Option("--anyway", help="Altered files too, ALTERED on every page.")] = False,
) -> None:
    """Write the report of a case or a run."""
    from edgeofcare.documents.papers.report import write_report

    wanted = [name.strip() for name in formats.split(",") if name.strip()]
    for path in write_report(folder, wanted, out, anyway):
        say(f"{path} written.")


def app(
    port: Annotated[int, typer.Option(help="Port on this computer; 0 for any that is free.")] = 8321,
    open_browser: Annotated[bool, typer.Option("--open", help="Open the front page in your browser.")] = False,
) -> None:
    """Serve the pages on this computer; nothing leaves it."""
    from importlib.util import find_spec

    if missing := [name for name in ("marimo", "anywidget") if find_spec(name) is None]:
        raise OptionError(f'the pages need {" and ".join(missing)}: type make app, or pip install "edgeofcare[app]"')
    from edgeofcare.pages.serve import serve

    def ready(address: str) -> None:
        say(f"The pages are at {address} on this computer only. Press Ctrl-C to stop.")
        if open_browser:
            import webbrowser

            webbrowser.open(address)

    serve(port, ready)
