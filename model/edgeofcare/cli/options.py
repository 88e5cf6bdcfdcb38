"""The options that questions share, declared once, and the table of which question offers which.

In: a verb's function and its row. Out: a function with all its options, for typer. Must not know: any formula.
"""

from __future__ import annotations

import inspect
import json
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Annotated, Any

import typer

from edgeofcare.cli.output import Progress, progress_bar, say
from edgeofcare.errors import OptionError

if TYPE_CHECKING:
    from edgeofcare.documents.document import Document
    from edgeofcare.inputs.schema import Scenario

ScenarioName = Annotated[str, typer.Argument(help="A shipped scenario such as pan_london, or the path of a TOML file.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON object and nothing else.")]
AsCsv = Annotated[bool, typer.Option("--csv", help="Print the numbers of all tables as CSV.")]
Quiet = Annotated[bool, typer.Option("--quiet", help="Show no progress.")]
Seed = Annotated[int, typer.Option(help="Random seed: the same seed gives the same answer.")]
Workers = Annotated[int | None, typer.Option(help="Threads; all processors if not given.")]
OuterDraws = Annotated[int, typer.Option(help="How many times to draw the uncertain inputs.")]
ContractName = Annotated[str | None, typer.Option(help="Another contract in place of the scenario's own.")]


@dataclass(frozen=True)
class Offer:
    """What a question can be asked with. replications, outer_draws: the default; None where it is not offered.

    each: of what the number of replications is. counted: what the progress counts.
    """

    replications: int | None = None
    each: str = "in all"
    outer_draws: int | None = None
    workers: bool = False
    contract: bool = False
    csv: bool = False
    scenario: bool = True
    counted: str = "simulated contracts"


NUMBERS: tuple[str, ...] = ("replications", "outer_draws", "seed", "workers")
# The one table: a question that learns an option gets it here, and its function gets it by this name.
QUESTIONS = {
    "run": Offer(200, outer_draws=1, workers=True),
    "join": Offer(5000, "with the joiner, and as many without", outer_draws=1, workers=True, csv=True),
    "contracts": Offer(1000, "under each assumption", outer_draws=1, workers=True, csv=True),
    "exposure": Offer(1000, "under each assumption", outer_draws=1, workers=True, contract=True, csv=True),
    "cost-sharing": Offer(1000, "for starts and avoided cost", csv=True),
    "breakeven": Offer(1000, "at each point", outer_draws=1, contract=True, csv=True, counted="points"),
    "stress": Offer(5000, "under each stress", outer_draws=1, workers=True, contract=True, csv=True),
    "lint": Offer(),
    "tornado": Offer(500, "at each point", counted="steps"),
    "switching-values": Offer(500, "at each point", counted="steps"),
    "grid": Offer(1000, "at each point", counted="points"),
    "reverse-stress": Offer(200, "at each point", counted="points"),
    "sobol": Offer(8, "in each row"),
    "value-of-information": Offer(outer_draws=500),
    "reforecast": Offer(outer_draws=400),
    "backtest": Offer(1000, "in each set-up", scenario=False),
    "calibrate": Offer(200, "for the pounds of each reading", csv=True),
}


@dataclass(frozen=True)
class Asked:
    """What a question is asked with. name: the scenario as it was typed; numbers: the options of its function."""

    name: str
    contract: str | None
    as_json: bool
    numbers: dict[str, Any]
    progress: Progress | None

    @cached_property
    def scenario(self) -> Scenario:
        """The scenario, under another contract if one was named."""
        from edgeofcare.inputs.load import load

        scenario = load(self.name)
        if self.contract is None:
            return scenario
        from edgeofcare.questions.contracts import under

        return under(scenario, self.contract)

    @property
    def options(self) -> dict[str, Any]:
        """The shared options as the question's function takes them, by name."""
        return {**self.numbers, "progress": self.progress}


@dataclass(frozen=True)
class Answer:
    """An answer. data: for --json. document: made only if it is looked at. following: lines on what to do next.

    text: in place of the document where there is none yet.
    """

    data: Any
    text: Callable[[], str] | None = None
    document: Callable[[], Document] | None = None
    following: str = ""


def say_answer(answer: Answer, as_json: bool, as_csv: bool) -> None:
    """Print an answer as it was asked for."""
    if as_json:
        say(json.dumps(answer.data, allow_nan=False))
    elif as_csv and answer.document is not None:
        from edgeofcare.documents.formats.csv import csv

        say(csv(answer.document()).rstrip("\n"))
    else:
        say(_page(answer) + answer.following)


def _page(answer: Answer) -> str:
    if answer.text is not None:
        return answer.text()
    from edgeofcare.documents.formats.text import text

    assert answer.document is not None, "an answer is words or a document"
    return text(answer.document())


def with_options(verb: Callable[..., Answer], name: str) -> Callable[..., None]:
    """Return a function for typer: the verb's own options, then the shared ones that its row of the table offers."""
    offer = QUESTIONS[name]
    own = list(inspect.signature(verb, eval_str=True).parameters.values())[1:]
    shared = _shared(offer)

    def ask(**given: Any) -> None:
        if given["json"] and given.get("csv"):
            raise OptionError("give --json or --csv, not both.")
        with progress_bar(given["quiet"], offer.counted) as progress:
            numbers = {key: given[key] for key in NUMBERS if key in given}
            asked = Asked(given.get("scenario", ""), given.get("contract"), given["json"], numbers, progress)
            answer = verb(asked, **{parameter.name: given[parameter.name] for parameter in own})
        say_answer(answer, given["json"], given.get("csv", False))

    first = [_parameter("scenario", ScenarioName)] if offer.scenario else []
    required = [one for one in own if one.default is one.empty]
    rest = [one for one in own if one.default is not one.empty]
    keyword = inspect.Parameter.KEYWORD_ONLY
    parameters = [one.replace(kind=keyword) for one in (*first, *required, *rest, *shared)]
    ask.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
    ask.__annotations__ = {}
    return ask


def _shared(offer: Offer) -> list[inspect.Parameter]:
    """Return the shared options that are offered, always in the same order."""
    found = []
    if offer.replications is not None:
        help_text = f"Simulated contracts {offer.each}."
        found.append(_parameter("replications", Annotated[int, typer.Option(help=help_text)], offer.replications))
    if offer.outer_draws is not None:
        found.append(_parameter("outer_draws", OuterDraws, offer.outer_draws))
    found.append(_parameter("seed", Seed, 1))
    if offer.workers:
        found.append(_parameter("workers", Workers, None))
    if offer.contract:
        found.append(_parameter("contract", ContractName, None))
    found.append(_parameter("json", AsJson, False))
    if offer.csv:
        found.append(_parameter("csv", AsCsv, False))
    found.append(_parameter("quiet", Quiet, False))
    return found


def _parameter(name: str, annotation: Any, default: Any = inspect.Parameter.empty) -> inspect.Parameter:
    return inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=default, annotation=annotation)
