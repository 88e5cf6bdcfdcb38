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
    from edgeofcare.documents.text_pages.sensitivity import tornado_page
    from edgeofcare.questions.sensitivity.tornado import tornado as ends

    found = ends(asked.scenario, output, **asked.options).as_dict()
    return Answer(found, lambda: tornado_page(found))


def switching_values(asked: Asked, party: Party = "investor") -> Answer:
    """Find where each input would change the decision."""
    from edgeofcare.documents.text_pages.sensitivity import switch_page
    from edgeofcare.questions.sensitivity.switching_values import switch

    found = switch(asked.scenario, party, **asked.options).as_dict()
    return Answer(found, lambda: switch_page(found))


def grid(
    asked: Asked,
    x: Annotated[str, typer.Option(help="volume, effect, price, or the path of an uncertain input.")] = "volume",
    y: Annotated[str, typer.Option(help="The same, for the other axis.")] = "effect",
    n: Annotated[int, typer.Option(help="Points along each axis.")] = 7,
) -> Answer:
    """Show who gains across two inputs."""
    from edgeofcare.documents.text_pages.sensitivity import grid_page
    from edgeofcare.questions.sensitivity.grid import grid as points

    found = points(asked.scenario, x, y, n, **asked.options).as_dict()
    return Answer(found, lambda: grid_page(found))


def reverse_stress(asked: Asked, party: Party = "investor") -> Answer:
    """Find the most plausible way for a contract to fail."""
    from edgeofcare.documents.text_pages.sensitivity import reverse_page
    from edgeofcare.questions.sensitivity.design_point import mildest

    found = mildest(asked.scenario, party, **asked.options).as_dict()
    return Answer(found, lambda: reverse_page(found))


def sobol(
    asked: Asked,
    output: Annotated[list[str] | None, typer.Option(help="profit, net_saving, ...; may be given again.")] = None,
    n: Annotated[int, typer.Option(help="Points, a power of two.")] = 512,
    out: Store = None,
) -> Answer:
    """Show how much of the uncertainty each input causes."""
    from edgeofcare.documents.text_pages.sensitivity import sobol_page
    from edgeofcare.questions.sensitivity.sobol_study import drivers

    found = drivers(asked.scenario, output or ["profit", "net_saving"], n, out=out, **asked.options).as_dict()
    return Answer(found, lambda: sobol_page(found))


def value_of_information(asked: Asked, party: Party = "investor", out: Store = None) -> Answer:
    """Show what knowing more before deciding is worth."""
    from edgeofcare.documents.text_pages.sensitivity import voi_page
    from edgeofcare.questions.sensitivity.perfect_information import knowing

    found = knowing(asked.scenario, party, out=out, **asked.options).as_dict()
    return Answer(found, lambda: voi_page(found))
