"""Read, compare and start scenario files. In: words typed. Out: text, JSON, CSV, new files. Must not know: engines."""

from __future__ import annotations

import json
import re
from datetime import date
from pathlib import Path
from typing import Annotated

import typer

from edgeofcare.cli.options import AsJson, ScenarioName
from edgeofcare.cli.output import say, write_new
from edgeofcare.errors import OptionError


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


def diff(a: ScenarioName, b: ScenarioName, as_json: AsJson = False) -> None:
    """Show the inputs that differ between two scenarios."""
    from edgeofcare.inputs.describe import differences_rows, differences_text
    from edgeofcare.inputs.load import load

    first, second = load(a), load(b)
    if as_json:
        say(json.dumps({"a": first.name, "b": second.name, "differences": differences_rows(first, second)}))
    else:
        say(differences_text(first, second))


def assumptions(
    scenario: ScenarioName,
    as_json: AsJson = False,
    as_csv: Annotated[bool, typer.Option("--csv", help="Print CSV with a heading.")] = False,
) -> None:
    """Show the assumptions log, the weakest first."""
    from edgeofcare.inputs.describe import assumption_log, assumptions_csv, assumptions_text
    from edgeofcare.inputs.load import load

    if as_json and as_csv:
        raise OptionError("give --json or --csv, not both.")
    found = load(scenario)
    say(json.dumps(assumption_log(found)) if as_json else (assumptions_csv if as_csv else assumptions_text)(found))


def new(
    name: Annotated[str, typer.Argument(help="Name of the new scenario; NAME.toml is written.")],
    extends: Annotated[str, typer.Option(help="The shipped scenario to start from.")] = "pan_london",
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


def new_borough(
    name: Annotated[str, typer.Argument(help="Name of the borough, such as Haringey.")],
    referrals: Annotated[float | None, typer.Option(help="Families it would refer each year.")] = None,
    care_starts: Annotated[float | None, typer.Option(help="10 to 17 year olds who start in care each year.")] = None,
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


def schema(
    out: Annotated[Path | None, typer.Option(help="New file; printed if not given.")] = None,
    as_markdown: Annotated[bool, typer.Option("--markdown", help="Print a page of every key instead.")] = False,
) -> None:
    """Print the JSON Schema of scenario files, for editors."""
    from edgeofcare.inputs.guide import editor_schema, markdown

    text = markdown().rstrip("\n") if as_markdown else json.dumps(editor_schema(), indent=1)
    if out is None:
        say(text)
    else:
        write_new(out, text)
        say(f"{out} written.")


def day_of(text: str | None) -> date | None:
    """Return the date that a user typed; raise OptionError if it is none."""
    try:
        return None if text is None else date.fromisoformat(text)
    except ValueError:
        raise OptionError(f"--when takes a date such as 2019-04-01 (got {text!r}).") from None
