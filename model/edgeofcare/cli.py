"""The command line: one thin verb for each function. In: words typed. Out: text, JSON, exit code.

Exit codes: 0 done; 1 a verification that fails; 2 a user's mistake, told in a sentence; 130 stopped by Ctrl-C; 141 the
reader of the output went away. Must not know: any formula. Heavy libraries are imported inside the verbs.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
import sys
import time
from collections.abc import Callable, Iterator
from datetime import date
from pathlib import Path
from typing import Annotated, NoReturn

import typer

from edgeofcare.errors import EdgeOfCareError, OptionError

USERS_MISTAKE, STOPPED, READER_GONE = 2, 130, 141
SECONDS_BETWEEN_LINES = 10

app = typer.Typer(
    name="edgeofcare",
    help="Open business cases for outcomes contracts that keep children on the edge of care at home.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)

ScenarioName = Annotated[str, typer.Argument(help="Name of a shipped scenario (pan_london) or path of a TOML file.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON object and nothing else.")]
Quiet = Annotated[bool, typer.Option("--quiet", help="No progress.")]
Workers = Annotated[int | None, typer.Option(help="Threads; all processors if not given.")]
Progress = Callable[[int, int], None]


@app.command()
def run(
    scenario: ScenarioName,
    replications: Annotated[int, typer.Option(help="Simulated contracts, in total.")] = 200,
    outer_draws: Annotated[int, typer.Option(help="Sets of uncertain inputs to draw; they share replications.")] = 1,
    seed: Annotated[int, typer.Option(help="Number of the luck; the same seed gives the same answer.")] = 1,
    engine: Annotated[str | None, typer.Option(help="kernel (fast, the default) or reference (readable).")] = None,
    workers: Workers = None,
    cluster: Annotated[str | None, typer.Option(help="local, or tcp://... of a Dask scheduler.")] = None,
    out: Annotated[Path | None, typer.Option(help="New folder for the run; runs/..., or none with --json.")] = None,
    resume: Annotated[bool, typer.Option("--resume", help="Continue a run into --out that did not finish.")] = False,
    as_json: AsJson = False,
    quiet: Quiet = False,
) -> None:
    """Run a scenario and print a one-page answer."""
    from edgeofcare.documents.text_pages.run import page
    from edgeofcare.inputs.load import load
    from edgeofcare.results import plain
    from edgeofcare.walk import run as walk

    if resume and out is None:
        raise OptionError("--resume needs --out, the folder of the run to continue.")
    found = load(scenario)
    place = out or (None if as_json else new_run_folder(found.name))
    tell_slow_engine(engine)
    with progress_bar(quiet) as progress, told_how_to_continue(place):
        done = walk(found, replications, seed, outer_draws, engine, workers, place, progress, resume, cluster)
    summary = plain(done.summary)
    if as_json:
        say(json.dumps(summary, allow_nan=False))
        return
    say(page(summary))
    say(f"Run folder: {done.folder} ({done.seconds:.1f} s, {done.summary.engine} engine)")
    say(f"Next: edgeofcare verify {done.folder}; edgeofcare assumptions {scenario}; edgeofcare run --help")


@app.command()
def check(
    scenario: ScenarioName,
    strict: Annotated[bool, typer.Option("--strict", help="Take every warning for a fault.")] = False,
    quick: Annotated[bool, typer.Option("--quick", help="Leave out what needs simulated contracts.")] = False,
    as_json: AsJson = False,
) -> None:
    """Check a scenario file: faults, warnings, what it inherits."""
    from edgeofcare.documents.answers.check import check_text
    from edgeofcare.errors import InputError
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


@app.command()
def show(
    scenario: ScenarioName,
    as_json: AsJson = False,
    as_toml: Annotated[bool, typer.Option("--toml", help="Print one whole scenario file that needs no other.")] = False,
) -> None:
    """Show every input of a scenario with its source."""
    from edgeofcare.inputs.describe import resolved, resolved_text
    from edgeofcare.inputs.load import load
    from edgeofcare.inputs.write import as_toml as written

    found = load(scenario)
    say(json.dumps(resolved(found)) if as_json else written(found).rstrip("\n") if as_toml else resolved_text(found))


@app.command()
def diff(a: ScenarioName, b: ScenarioName, as_json: AsJson = False) -> None:
    """Show the inputs that differ between two scenarios."""
    from edgeofcare.inputs.describe import differences_rows, differences_text
    from edgeofcare.inputs.load import load

    first, second = load(a), load(b)
    if as_json:
        say(json.dumps({"a": first.name, "b": second.name, "differences": differences_rows(first, second)}))
    else:
        say(differences_text(first, second))


@app.command()
def assumptions(
    scenario: ScenarioName,
    as_json: AsJson = False,
    as_csv: Annotated[bool, typer.Option("--csv", help="Print CSV with a heading.")] = False,
) -> None:
    """Show the log of assumptions, the weakest first."""
    from edgeofcare.inputs.describe import assumption_log, assumptions_csv, assumptions_text
    from edgeofcare.inputs.load import load

    if as_json and as_csv:
        raise OptionError("give --json or --csv, not both.")
    found = load(scenario)
    say(json.dumps(assumption_log(found)) if as_json else (assumptions_csv if as_csv else assumptions_text)(found))


@app.command()
def calibrate(
    scenario: ScenarioName,
    replications: Annotated[int, typer.Option(help="Simulated contracts for the pounds of each reading.")] = 200,
    seed: Annotated[int, typer.Option(help="Number of the luck.")] = 1,
    as_json: AsJson = False,
) -> None:
    """Show what the targets mean in hazards, days and pounds."""
    from dataclasses import asdict

    from edgeofcare.documents.text_pages.answers import readings_page
    from edgeofcare.inputs.load import load
    from edgeofcare.questions.target_readings import readings

    found = readings(load(scenario), replications, seed)
    say(json.dumps([asdict(reading) for reading in found]) if as_json else readings_page(found))


@app.command()
def backtest(
    replications: Annotated[int, typer.Option(help="Simulated contracts in each set-up.")] = 1000,
    seed: Annotated[int, typer.Option(help="Number of the luck.")] = 1,
    as_json: AsJson = False,
    quiet: Quiet = False,
) -> None:
    """Hold the model against the published record."""
    from edgeofcare.documents.text_pages.answers import backtest_page
    from edgeofcare.questions.backtest import as_json as object_of
    from edgeofcare.questions.backtest import backtest as held

    with progress_bar(quiet) as progress:
        lines = held(replications, seed, progress=progress)
    say(json.dumps(object_of(lines), allow_nan=False) if as_json else backtest_page(lines))


@app.command()
def update(
    scenario: ScenarioName,
    observed: Annotated[Path, typer.Option(help="TOML file of early counts; see docs/model.md.")],
    outer_draws: Annotated[int, typer.Option(help="Sets of uncertain inputs to draw.")] = 400,
    per_draw: Annotated[int, typer.Option(help="Simulated contracts for each set, at least 10.")] = 20,
    seed: Annotated[int, typer.Option(help="Number of the luck.")] = 1,
    as_json: AsJson = False,
    quiet: Quiet = False,
) -> None:
    """Say what early actuals tell, and forecast again."""
    from edgeofcare.documents.text_pages.answers import update_json, update_page
    from edgeofcare.inputs.load import load
    from edgeofcare.questions.reforecast import load_actuals
    from edgeofcare.questions.reforecast import update as reweighted

    found = load(scenario)
    actuals = load_actuals(observed, found)
    with progress_bar(quiet) as progress:
        told = reweighted(found, actuals, outer_draws, per_draw, seed, progress=progress)
    say(json.dumps(update_json(told), allow_nan=False) if as_json else update_page(told))


Contracts = Annotated[str, typer.Option(help="all, own (the scenario's), names with commas between them, or files.")]


@app.command()
def payments(
    scenario: ScenarioName,
    contracts: Contracts = "all",
    replications: Annotated[int, typer.Option(help="Simulated contracts in each world.")] = 1000,
    seed: Annotated[int, typer.Option(help="Number of the luck.")] = 1,
    grid: Annotated[bool, typer.Option("--grid", help="In every world: effect by true base, fewer referrals.")] = False,
    same_cost: Annotated[
        bool, typer.Option("--same-cost", help="Scale prices once to the expected cost of the scenario's own contract.")
    ] = False,
    log: Annotated[int | None, typer.Option(help="Print what moved when in this replication of one contract.")] = None,
    workers: Workers = None,
    as_json: AsJson = False,
    quiet: Quiet = False,
) -> None:
    """Compare payment structures on the same children."""
    from edgeofcare.documents.text_pages.contracts import comparison_page, log_page
    from edgeofcare.inputs.load import load
    from edgeofcare.questions.contracts import contracts as compare_contracts
    from edgeofcare.questions.contracts import movements

    found = load(scenario)
    if log is not None:
        rows = movements(found, contracts, log, seed)
        plain_rows = [vars(row) for row in rows]
        say(json.dumps(plain_rows) if as_json else log_page(plain_rows))
        return
    with progress_bar(quiet) as progress:
        compared = compare_contracts(
            found, contracts, replications, seed, 1, grid, same_cost, workers, progress
        ).as_dict()
    if as_json:
        say(json.dumps(compared, allow_nan=False))
        return
    say(comparison_page(compared))
    say(f"Next: edgeofcare payments {scenario} --grid; edgeofcare breakeven {scenario}; edgeofcare lint {scenario}")


@app.command()
def breakeven(
    scenario: ScenarioName,
    contract: Annotated[str | None, typer.Option(help="Another contract, laid over these children.")] = None,
    target_irr: Annotated[float | None, typer.Option(help="Return that the investor asks, a year.")] = None,
    chance: Annotated[float | None, typer.Option(help="Also the price at which nobody loses with this chance.")] = None,
    replications: Annotated[int, typer.Option(help="Simulated contracts at each point.")] = 1000,
    seed: Annotated[int, typer.Option(help="Number of the luck.")] = 1,
    as_json: AsJson = False,
    quiet: Quiet = False,
) -> None:
    """Find price, effect and volume at which each breaks even."""
    from edgeofcare.documents.answers.breakeven import breakeven_document, breakeven_json
    from edgeofcare.documents.formats.text import text
    from edgeofcare.inputs.load import load
    from edgeofcare.questions.breakeven import breakeven as found_roots
    from edgeofcare.questions.contracts import under

    laid = under(load(scenario), contract)
    with progress_bar(quiet, "points") as progress:
        found = found_roots(laid, target_irr, chance, replications, seed, 1, progress)
    say(json.dumps(breakeven_json(found), allow_nan=False) if as_json else text(breakeven_document(found)))


@app.command()
def lint(
    scenario: ScenarioName,
    contracts: Annotated[str | None, typer.Option(help="As for payments; the scenario's own if not given.")] = None,
    seed: Annotated[int, typer.Option(help="Number of the luck.")] = 1,
    as_json: AsJson = False,
) -> None:
    """Look for what is wrong with a contract before it is signed."""
    from dataclasses import asdict

    from edgeofcare.documents.text_pages.contracts import lint_page
    from edgeofcare.inputs.load import load
    from edgeofcare.questions.contracts import laid_over
    from edgeofcare.questions.lint import lint as look

    found = {name: look(laid, seed) for name, laid in laid_over(load(scenario), contracts).items()}
    if as_json:
        say(json.dumps({name: [asdict(finding) for finding in findings] for name, findings in found.items()}))
    else:
        say("\n".join(lint_page(name, findings) for name, findings in found.items()))


@app.command()
def join(
    scenario: ScenarioName,
    boroughs: Annotated[
        list[str], typer.Argument(help="Boroughs that would join: names or files; NAME@2019-04-01 has its own date.")
    ],
    when: Annotated[str | None, typer.Option(help="First day of their referrals, such as 2019-04-01.")] = None,
    teams: Annotated[str, typer.Option(help="as-is, plus-mst, plus-fft (one more team), own.")] = "as-is",
    cap: Annotated[str, typer.Option(help="per_start (the cap rises with the joiner) or fixed.")] = "per_start",
    replications: Annotated[int, typer.Option(help="Simulated contracts, each with and without.")] = 5000,
    seed: Annotated[int, typer.Option(help="Number of the luck.")] = 1,
    limits: Annotated[bool, typer.Option("--limits", help="Also what would change the answer.")] = False,
    in_sequence: Annotated[
        bool, typer.Option("--in-sequence", help="Also what each changes that joins after those named before it.")
    ] = False,
    as_json: AsJson = False,
    quiet: Quiet = False,
) -> None:
    """Should this borough join? For it, and for all others."""
    from edgeofcare.documents.text_pages.join import join_page, join_words
    from edgeofcare.inputs.load import load
    from edgeofcare.questions.join import join as joined

    base, day = load(scenario), day_of(when)
    with progress_bar(quiet, "worlds") as progress:
        found = joined(base, boroughs, day, teams, cap, replications, seed, 1, limits, in_sequence, progress=progress)
    told = found.as_dict()
    if as_json:
        say(json.dumps(told | {"words": join_words(told)}, allow_nan=False))
        return
    say(join_page(told))
    more = "" if limits else f"edgeofcare join {scenario} {' '.join(boroughs)} --limits; "
    say(f"Next: {more}edgeofcare exposure {scenario}; edgeofcare shares {scenario}")


@app.command()
def exposure(
    scenario: ScenarioName,
    borough: Annotated[list[str] | None, typer.Option(help="Only this borough; may be given several times.")] = None,
    budget: Annotated[list[str] | None, typer.Option(help="BOROUGH=GBP set aside a year, for a budget test.")] = None,
    contract: Annotated[str | None, typer.Option(help="Another contract, laid over these children.")] = None,
    replications: Annotated[int, typer.Option(help="Simulated contracts in each world.")] = 1000,
    seed: Annotated[int, typer.Option(help="Number of the luck.")] = 1,
    as_json: AsJson = False,
    quiet: Quiet = False,
) -> None:
    """Show what each borough pays, saves and risks, year by year."""
    from edgeofcare.documents.text_pages.join import exposure_page
    from edgeofcare.inputs.load import load
    from edgeofcare.questions.contracts import under
    from edgeofcare.questions.exposure import exposure as exposures

    found = under(load(scenario), contract)
    unknown = [slug for slug in borough or [] if slug not in found.boroughs]
    if unknown:
        known = ", ".join(found.boroughs)
        raise OptionError(f"there is no borough {', '.join(unknown)} in {found.name}. It has {known}.")
    with progress_bar(quiet, "worlds") as progress:
        told = exposures(found, replications, seed, 1, budgets_of(budget), progress=progress).as_dict()
    if as_json:
        say(json.dumps(told, allow_nan=False))
    else:
        say(exposure_page(told, borough or ()))


@app.command()
def shares(
    scenario: ScenarioName,
    replications: Annotated[int, typer.Option(help="Simulated contracts for starts and avoided cost.")] = 1000,
    seed: Annotated[int, typer.Option(help="Number of the luck.")] = 1,
    as_json: AsJson = False,
    quiet: Quiet = False,
) -> None:
    """Share the cost of the service among boroughs."""
    from edgeofcare.documents.text_pages.join import shares_page
    from edgeofcare.inputs.load import load
    from edgeofcare.questions.cost_sharing.cost_sharing import shares as shared

    with progress_bar(quiet) as progress:
        found = shared(load(scenario), replications=replications, seed=seed, progress=progress)
    say(json.dumps(found.as_dict(), allow_nan=False) if as_json else shares_page(found.as_dict()))


@app.command("new-borough")
def new_borough(
    name: Annotated[str, typer.Argument(help="Name of the borough, such as Haringey.")],
    referrals: Annotated[float | None, typer.Option(help="Families it would refer a year.")] = None,
    care_starts: Annotated[float | None, typer.Option(help="Children of 10 to 17 who start in care a year.")] = None,
    when: Annotated[str | None, typer.Option(help="First day of its referrals, such as 2019-04-01.")] = None,
    price_level: Annotated[float | None, typer.Option(help="Its price of care relative to the scenario's.")] = None,
    out: Annotated[Path | None, typer.Option(help="New file; NAME.toml if not given.")] = None,
) -> None:
    """Write a file for a borough that could join."""
    from edgeofcare.inputs.boroughs import Answers, slug_of
    from edgeofcare.inputs.boroughs import new_borough as text_of

    text = text_of(name, Answers(care_starts, referrals, day_of(when), price_level))
    path = out or Path(f"{slug_of(name)}.toml")
    write_new(path, text.rstrip("\n"))
    say(f"{path} written. Next: read what is marked as assumed, then edgeofcare join pan_london {path}")


@app.command()
def stress(
    scenario: ScenarioName,
    names: Annotated[str, typer.Option("--stress", help="all; names with commas; a+b for both at once.")] = "all",
    party: Annotated[str, typer.Option("--for", help="investor, provider, top_up or a borough: whose harm counts.")] = (
        "investor"
    ),
    contract: Annotated[str | None, typer.Option(help="Another contract, laid over these children.")] = None,
    replications: Annotated[int, typer.Option(help="Simulated contracts under each stress.")] = 5000,
    outer_draws: Annotated[int, typer.Option(help="With several: also with the uncertain inputs drawn.")] = 1,
    seed: Annotated[int, typer.Option(help="Random seed.")] = 1,
    workers: Workers = None,
    as_json: AsJson = False,
    quiet: Quiet = False,
) -> None:
    """Show what would have to be true for the contract to fail."""
    from edgeofcare.documents.answers.stress import stress_document
    from edgeofcare.documents.formats.text import text
    from edgeofcare.inputs.load import load
    from edgeofcare.questions.contracts import under
    from edgeofcare.questions.stress import stress as stressed

    laid = under(load(scenario), contract)
    with progress_bar(quiet) as progress:
        found = stressed(laid, names, party, replications, seed, workers, progress, outer_draws)
    say(json.dumps(found.as_dict(), allow_nan=False) if as_json else text(stress_document(found)).rstrip("\n"))


OutputName = Annotated[
    str, typer.Option(help="profit, net_saving, avoided, payments, irr, or a borough (its net saving).")
]
Party = Annotated[str, typer.Option("--for", help="investor, boroughs (together), or a borough.")]
Each = Annotated[int, typer.Option(help="Simulated contracts at each point.")]
Seed = Annotated[int, typer.Option(help="Number of the luck.")]
Store = Annotated[Path | None, typer.Option(help="Folder of finished rows, to go on with; the cache if not given.")]


@app.command()
def tornado(
    scenario: ScenarioName,
    output: OutputName = "profit",
    replications: Each = 500,
    seed: Seed = 1,
    as_json: AsJson = False,
    quiet: Quiet = False,
) -> None:
    """Show which uncertain inputs matter, each by itself."""
    from edgeofcare.documents.text_pages.sensitivity import tornado_page
    from edgeofcare.inputs.load import load
    from edgeofcare.questions.sensitivity.tornado import tornado as ends

    with progress_bar(quiet, "steps") as progress:
        found = ends(load(scenario), output, replications, seed, progress).as_dict()
    say(json.dumps(found, allow_nan=False) if as_json else tornado_page(found))


@app.command()
def switch(
    scenario: ScenarioName,
    party: Party = "investor",
    replications: Each = 500,
    seed: Seed = 1,
    as_json: AsJson = False,
    quiet: Quiet = False,
) -> None:
    """Find the value of each input at which a verdict turns."""
    from edgeofcare.documents.text_pages.sensitivity import switch_page
    from edgeofcare.inputs.load import load
    from edgeofcare.questions.sensitivity.switching_values import switch as turning

    with progress_bar(quiet, "steps") as progress:
        found = turning(load(scenario), party, replications, seed, progress).as_dict()
    say(json.dumps(found, allow_nan=False) if as_json else switch_page(found))


@app.command()
def grid(
    scenario: ScenarioName,
    x: Annotated[str, typer.Option(help="volume, effect, price, or the path of an uncertain input.")] = "volume",
    y: Annotated[str, typer.Option(help="The same, the other way.")] = "effect",
    n: Annotated[int, typer.Option(help="Points each way.")] = 7,
    replications: Each = 1000,
    seed: Seed = 1,
    as_json: AsJson = False,
    quiet: Quiet = False,
) -> None:
    """Show who gains on two axes, with the break-even lines."""
    from edgeofcare.documents.text_pages.sensitivity import grid_page
    from edgeofcare.inputs.load import load
    from edgeofcare.questions.sensitivity.grid import grid as points

    with progress_bar(quiet, "points") as progress:
        found = points(load(scenario), x, y, n, replications, seed, progress).as_dict()
    say(json.dumps(found, allow_nan=False) if as_json else grid_page(found))


@app.command()
def reverse(
    scenario: ScenarioName,
    party: Party = "investor",
    replications: Each = 200,
    seed: Seed = 1,
    as_json: AsJson = False,
    quiet: Quiet = False,
) -> None:
    """Find the mildest combination of inputs that makes it fail."""
    from edgeofcare.documents.text_pages.sensitivity import reverse_page
    from edgeofcare.inputs.load import load
    from edgeofcare.questions.sensitivity.design_point import mildest

    with progress_bar(quiet, "points") as progress:
        found = mildest(load(scenario), party, replications, seed, progress=progress).as_dict()
    say(json.dumps(found, allow_nan=False) if as_json else reverse_page(found))


@app.command()
def sobol(
    scenario: ScenarioName,
    output: Annotated[list[str] | None, typer.Option(help="profit, net_saving, ...; may be given again.")] = None,
    n: Annotated[int, typer.Option(help="Points, a power of two.")] = 512,
    replications: Annotated[int | None, typer.Option(help="Simulated contracts in each row.")] = None,
    seed: Seed = 1,
    out: Store = None,
    as_json: AsJson = False,
    quiet: Quiet = False,
) -> None:
    """Share out what we do not know among the inputs."""
    from edgeofcare.documents.text_pages.sensitivity import sobol_page
    from edgeofcare.inputs.load import load
    from edgeofcare.questions.sensitivity.sobol_study import PER_ROW, drivers

    outputs = output or ["profit", "net_saving"]
    with progress_bar(quiet, "rows") as progress:
        done = drivers(load(scenario), outputs, n, replications or PER_ROW, seed, out=out, progress=progress)
    found = done.as_dict()
    say(json.dumps(found, allow_nan=False) if as_json else sobol_page(found))


@app.command()
def voi(
    scenario: ScenarioName,
    party: Party = "investor",
    outer_draws: Annotated[int, typer.Option(help="Sets of uncertain inputs to draw.")] = 500,
    seed: Seed = 1,
    out: Store = None,
    as_json: AsJson = False,
    quiet: Quiet = False,
) -> None:
    """Say what it would be worth to know more before deciding."""
    from edgeofcare.documents.text_pages.sensitivity import voi_page
    from edgeofcare.inputs.load import load
    from edgeofcare.questions.sensitivity.perfect_information import knowing

    with progress_bar(quiet, "draws") as progress:
        found = knowing(load(scenario), party, outer_draws, seed=seed, out=out, progress=progress).as_dict()
    say(json.dumps(found, allow_nan=False) if as_json else voi_page(found))


@app.command()
def case(
    scenario: ScenarioName,
    out: Annotated[Path | None, typer.Option(help="Folder of the case; cases/NAME if not given.")] = None,
    replications: Annotated[int, typer.Option(help="Simulated contracts of the main run.")] = 2000,
    seed: Seed = 1,
    quiet: Quiet = False,
) -> None:
    """Run every part of a business case into one folder."""
    from edgeofcare.inputs.load import load
    from edgeofcare.questions.case import make_case

    found = load(scenario)
    place = out or Path("cases") / found.name
    with progress_bar(quiet, "parts") as progress:
        make_case(found, place, replications, seed, progress)
    say(f"{place} is complete. Next: edgeofcare report {place} --formats html,pdf,docx,xlsx")


@app.command()
def report(
    folder: Annotated[Path, typer.Argument(help="The folder of a case, or of a run.")],
    formats: Annotated[str, typer.Option(help="html, pdf, docx, xlsx, with commas between.")] = "html,xlsx",
    out: Annotated[Path | None, typer.Option(help="Folder for the files; report/ in the case if not given.")] = None,
) -> None:
    """Write the report of a case or a run."""
    from edgeofcare.documents.papers.report import write_report

    wanted = [name.strip() for name in formats.split(",") if name.strip()]
    for path in write_report(folder, wanted, out):
        say(f"{path} written.")


@app.command("app")
def pages(
    port: Annotated[int, typer.Option(help="Port on this computer; 0 for any that is free.")] = 8321,
    open_browser: Annotated[bool, typer.Option("--open", help="Open the front page in your browser.")] = False,
) -> None:
    """Serve the pages on this computer, for your browser. Nothing leaves it."""
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


@app.command()
def schema(
    out: Annotated[Path | None, typer.Option(help="New file; printed if not given.")] = None,
    as_markdown: Annotated[bool, typer.Option("--markdown", help="A page of every key instead.")] = False,
) -> None:
    """Give the JSON Schema of scenario files, for editors."""
    from edgeofcare.inputs.guide import editor_schema, markdown

    text = markdown().rstrip("\n") if as_markdown else json.dumps(editor_schema(), indent=1)
    if out is None:
        say(text)
    else:
        write_new(out, text)
        say(f"{out} written.")


@app.command()
def new(
    name: Annotated[str, typer.Argument(help="Name of the new scenario; NAME.toml is written.")],
    extends: Annotated[str, typer.Option(help="Shipped scenario from which it starts.")] = "pan_london",
) -> None:
    """Write a commented scenario file to start from."""
    from edgeofcare.inputs.guide import starter
    from edgeofcare.inputs.load import load, shipped

    path = Path(f"{name.removesuffix('.toml')}.toml")
    if not re.fullmatch(r"[\w -]+", path.stem):
        raise OptionError(f"a name may hold letters, digits, blanks, - and _ (got {path.stem!r}).")
    if path.stem in shipped():
        raise OptionError(f"{path.stem} is the name of a shipped scenario. Choose another name.")
    if extends not in shipped():
        raise OptionError(f"--extends takes the name of a shipped scenario: {', '.join(shipped())} (got {extends}).")
    write_new(path, starter(path.stem, load(extends)))
    say(f"{path} written; it starts as {extends}. Next: edit it, then edgeofcare check {path}")


@app.command()
def verify(
    run: Annotated[Path, typer.Argument(help="A run folder.")],
    workers: Workers = None,
    as_json: AsJson = False,
    quiet: Quiet = False,
) -> None:
    """Run a run folder again and compare bit for bit.

    Exit code 1 if anything differs.
    """
    from edgeofcare.questions.verify import verification_text
    from edgeofcare.questions.verify import verify as run_again

    with progress_bar(quiet) as progress:
        found = run_again(run, workers, progress)
    say(json.dumps(found.as_dict()) if as_json else verification_text(found))
    raise typer.Exit(0 if found.passed else 1)


# ---- words out, files out -----------------------------------------------------------------------------------------


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
    """Return the text as a terminal with this encoding can print it."""
    try:
        text.encode(encoding or "ascii")
    except UnicodeEncodeError:
        return text.replace("£", "GBP ").encode(encoding or "ascii", "replace").decode(encoding or "ascii")
    return text


def day_of(text: str | None) -> date | None:
    """Return the date that a user typed; raise OptionError if it is none."""
    try:
        return None if text is None else date.fromisoformat(text)
    except ValueError:
        raise OptionError(f"--when takes a date such as 2019-04-01 (got {text!r}).") from None


def budgets_of(given: list[str] | None) -> dict[str, float]:
    """Return budgets by borough from BOROUGH=GBP; raise OptionError for anything else."""
    found = {}
    for text in given or []:
        slug, equals, amount = text.partition("=")
        try:
            found[slug.strip()] = float(amount.replace(",", ""))
        except ValueError:
            raise OptionError(f"--budget takes BOROUGH=GBP, such as sutton=400000 (got {text!r}).") from None
        if not equals or not 0 <= found[slug.strip()] < 1e12:
            raise OptionError(f"--budget takes BOROUGH=GBP, such as sutton=400000 (got {text!r}).")
    return found


def write_new(path: Path, text: str) -> None:
    """Write a new file; raise OptionError if it exists or cannot be written."""
    try:
        with path.open("x", encoding="utf-8", newline="\n") as file:
            file.write(text + "\n")
    except FileExistsError:
        raise OptionError(f"{path} exists already and is left as it is. Choose another name, or remove it.") from None
    except OSError as error:
        raise OptionError(f"{path} cannot be written ({error.strerror}). Choose another place.") from None


def new_run_folder(name: str) -> Path:
    """Return a name in runs/ that is not taken, and keep it: scenario, date and time."""
    from edgeofcare.results import reserve

    return reserve(Path("runs") / f"{name}-{time.strftime('%Y%m%d-%H%M%S')}")


def tell_slow_engine(engine: str | None) -> None:
    """Say so if numba is missing and the readable engine runs in its place."""
    from edgeofcare.experiment import available_engine

    if engine is None and available_engine(None) == "reference":
        complain("numba is not installed, so the readable reference engine runs; it is over a hundred times slower.")


# ---- progress and ends --------------------------------------------------------------------------------------------


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


def main() -> None:
    """Run the command line; a user's mistake is a sentence and exit code 2."""
    try:
        app(prog_name="edgeofcare")
    except SystemExit as end:
        if end.code == STOPPED:
            leave_now(STOPPED)
        raise
    except EdgeOfCareError as error:
        complain(str(error))
    except MemoryError:
        complain("there is not enough memory. Try fewer --replications.")
    except OSError as error:
        complain(f"{error.strerror or error}{f': {str(error.filename)[:100]}' if error.filename else ''}.")
    raise SystemExit(USERS_MISTAKE)


def leave_now(code: int) -> NoReturn:
    """End the process without waiting for threads that are still at work."""
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(OSError, ValueError):
            stream.flush()
    os._exit(code)
