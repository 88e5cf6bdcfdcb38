"""Questions about a contract that runs. In: words typed. Out: answers. Must not know: any formula."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from edgeofcare.cli.options import Answer, Asked


def reforecast(
    asked: Asked,
    observed: Annotated[Path, typer.Option(help="TOML file of early counts; see docs/model.md.")],
    per_draw: Annotated[int, typer.Option(help="Simulated contracts for each draw, at least 10.")] = 20,
) -> Answer:
    """Forecast again from the early counts of a contract."""
    from edgeofcare.documents.text_pages.answers import update_json, update_page
    from edgeofcare.questions.reforecast import load_actuals
    from edgeofcare.questions.reforecast import update as reweighted

    scenario = asked.scenario
    found = reweighted(scenario, load_actuals(observed, scenario), per_draw=per_draw, **asked.options)
    return Answer(update_json(found), lambda: update_page(found))
