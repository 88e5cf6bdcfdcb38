"""The program behind the verbs: which there are, under which heading, and how it ends. In: words typed. Out: exit code.

A verb's module is loaded for its line in --help, its options only when it is asked for. Must not know: any question.
"""

from __future__ import annotations

import contextlib
import errno
import os
import sys
from collections.abc import Callable
from importlib import import_module
from itertools import chain
from typing import Annotated, Any, NoReturn

import typer
from typer.core import TyperCommand, TyperGroup
from typer.main import get_command_from_info
from typer.models import CommandInfo

from edgeofcare.cli.options import QUESTIONS, with_options
from edgeofcare.cli.output import USERS_MISTAKE, complain, say
from edgeofcare.errors import EdgeOfCareError

STOPPED = 130
NAMES_OF_HELP = {"help_option_names": ["-h", "--help"]}
# Heading, module of this folder, its verbs in the order in which they are listed.
HEADINGS = (
    ("Run", "run", ("run", "check", "verify")),
    ("Scenario", "scenario", ("show", "diff", "assumptions", "new", "new-borough", "schema")),
    ("Ask", "ask", ("join", "contracts", "exposure", "cost-sharing", "breakeven", "stress", "lint")),
    ("Explore", "explore", ("tornado", "switching-values", "grid", "reverse-stress", "sobol", "value-of-information")),
    ("Running contract", "running_contract", ("reforecast",)),
    ("Trust", "trust", ("backtest", "calibrate")),
    ("Take away", "take_away", ("case", "report", "app")),
)
VERBS = tuple(chain.from_iterable(verbs for _, _, verbs in HEADINGS))


def function_of(verb: str) -> Callable[..., Any]:
    """Return the function behind a verb: it has the verb's name, with underscores, in the module of its heading."""
    module = next(module for _, module, verbs in HEADINGS if verb in verbs)
    function: Callable[..., Any] = getattr(import_module(f"edgeofcare.cli.{module}"), verb.replace("-", "_"))
    return function


class Verbs(TyperGroup):
    """All verbs under their headings; one is made when it is asked for."""

    def list_commands(self, ctx: Any) -> list[str]:
        """Return the names of all verbs, in the order of the headings."""
        return list(VERBS)

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        """Return a verb with its options; None if there is none of this name."""
        if cmd_name not in VERBS:
            return None
        function = function_of(cmd_name)
        callback = with_options(function, cmd_name) if cmd_name in QUESTIONS else function
        info = CommandInfo(cmd_name, callback=callback, help=function.__doc__, context_settings=NAMES_OF_HELP)
        return get_command_from_info(info, pretty_exceptions_short=False, rich_markup_mode=None)

    def format_commands(self, ctx: Any, formatter: Any) -> None:
        """Write the verbs under their headings, each with the first sentence about it."""
        widest = max(map(len, VERBS))
        for heading, _, verbs in HEADINGS:
            with formatter.section(heading):
                formatter.write_dl([(f"{verb:<{widest}}", in_short(function_of(verb))) for verb in verbs])

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        """Return the verb that was typed; fail with the nearest name for one that is not there."""
        if args[0] not in VERBS:
            self.commands = {verb: TyperCommand(verb) for verb in VERBS}  # only their names are looked at
        return super().resolve_command(ctx, args)


def in_short(function: Callable[..., Any]) -> str:
    """Return the first paragraph of what a verb says of itself."""
    return " ".join((function.__doc__ or "").split("\n\n")[0].split())


app = typer.Typer(
    name="edgeofcare",
    cls=Verbs,
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    context_settings=NAMES_OF_HELP,
)


def tell_version(asked: bool) -> None:
    """Print the version and end."""
    if asked:
        from edgeofcare.provenance import version

        say(f"edgeofcare {version()}")
        raise typer.Exit


@app.callback()
def edgeofcare(
    version: Annotated[
        bool, typer.Option("--version", callback=tell_version, is_eager=True, help="Print the version and exit.")
    ] = False,
) -> None:
    """Open business cases for outcomes contracts that help young people on the edge of care to stay at home."""


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
        complain(os_error_words(error))
    except Exception as error:  # the last net: nothing ends in a traceback
        from edgeofcare.incidents import EXIT_CODE, report

        complain(str(report(error, sys.argv[1:])))
        raise SystemExit(EXIT_CODE) from None
    raise SystemExit(USERS_MISTAKE)


def os_error_words(error: OSError) -> str:
    """Return what the system refused, with its place; a full disk that names none is most likely the cache's."""
    if error.errno == errno.ENOSPC and not error.filename:
        from edgeofcare.provenance import cache_base

        return (
            f"{error.strerror}. If it is the disk of the cache, {cache_base()}: make room there, or set "
            f"EDGEOFCARE_CACHE to another folder."
        )
    return f"{error.strerror or error}{f': {str(error.filename)[:100]}' if error.filename else ''}."


def leave_now(code: int) -> NoReturn:
    """End the process without waiting for threads that are still at work."""
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(OSError, ValueError):
            stream.flush()
    os._exit(code)
