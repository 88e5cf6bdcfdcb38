"""Questions about what matters and what it would take. In: words typed. Out: answers. Must not know: any formula."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from edgeofcare.cli.options import Answer, Asked

OutputName = Annotated[
    str, typer.Option(help="profit, net_saving, avoided, payments, irr, or a borough (its net saving).")
]
Party = Annotated[str, typer.Option("--for", help="investor, boroughs (together), or a borough.")]
Store = Annotated[Path | None, typer.Option(help="Folder of finished rows to continue; the cache if not given.")]


def tornado(asked: Asked, output: OutputName = "profit") -> Answer:
    """Show which inputs matter most, one at a time."""
    from edgeofcare.documents.answers.tornado import tornado_document
    from edgeofcare.questions.sensitivity.tornado import tornado as ends

    found = ends(asked.scenario, output, **asked.options)
    return Answer(found.as_dict(), document=lambda: tornado_document(found))


def switching_values(asked: Asked, party: Party = "investor") -> Answer:
    """Find where each input would change the decision."""
    from edgeofcare.documents.answers.switching_values import switching_values_document, switching_values_json
    from edgeofcare.questions.sensitivity.switching_values import switching_values as values

    found = values(asked.scenario, party, **asked.options)
    return Answer(switching_values_json(found), document=lambda: switching_values_document(found))


def grid(
    asked: Asked,
    x: Annotated[str, typer.Option(help="volume, effect, price, or the path of an uncertain input.")] = "volume",
    y: Annotated[str, typer.Option(help="The same, for the other axis.")] = "effect",
    n: Annotated[int, typer.Option(help="Points along each axis.")] = 7,
) -> Answer:
    """Show who gains across two inputs."""
    from edgeofcare.documents.answers.grid import grid_document
    from edgeofcare.questions.sensitivity.grid import grid as points

    found = points(asked.scenario, x, y, n, **asked.options)
    return Answer(found.as_dict(), document=lambda: grid_document(found))


def reverse_stress(asked: Asked, party: Party = "investor") -> Answer:
    """Find the most plausible way for a contract to fail."""
    from edgeofcare.documents.answers.reverse_stress import reverse_stress_document, reverse_stress_json
    from edgeofcare.questions.sensitivity.design_point import reverse_stress as design_point

    found = design_point(asked.scenario, party, **asked.options)
    return Answer(reverse_stress_json(found), document=lambda: reverse_stress_document(found))


def sobol(
    asked: Asked,
    output: Annotated[list[str] | None, typer.Option(help="profit, net_saving, ...; may be given again.")] = None,
    n: Annotated[int, typer.Option(help="Points, a power of two.")] = 512,
    out: Store = None,
) -> Answer:
    """Show how much of the uncertainty each input causes."""
    from edgeofcare.documents.answers.sobol import sobol_document
    from edgeofcare.questions.sensitivity.sobol_study import sobol as study

    found = study(asked.scenario, output or ["profit", "net_saving"], n, out=out, **asked.options)
    return Answer(found.as_dict(), document=lambda: sobol_document(found))


def value_of_information(asked: Asked, party: Party = "investor", out: Store = None) -> Answer:
    """Show what knowing more before deciding is worth."""
    from edgeofcare.documents.answers.value_of_information import value_of_information_document
    from edgeofcare.questions.sensitivity.perfect_information import value_of_information as worth

    found = worth(asked.scenario, party, out=out, **asked.options)
    return Answer(found.as_dict(), document=lambda: value_of_information_document(found))
