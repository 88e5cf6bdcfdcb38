"""Questions about joining, paying and failing. In: words typed. Out: answers. Must not know: any formula."""

from __future__ import annotations

from typing import Annotated

import typer

from edgeofcare.cli.options import Answer, Asked
from edgeofcare.cli.scenario import day_of
from edgeofcare.errors import OptionError

MOST_BUDGET_GBP = 1e12


def join(
    asked: Asked,
    boroughs: Annotated[
        list[str], typer.Argument(help="Boroughs that would join: names or files; NAME@2019-04-01 has its own date.")
    ],
    when: Annotated[str | None, typer.Option(help="First day of their referrals, such as 2019-04-01.")] = None,
    teams: Annotated[str, typer.Option(help="as-is, own, or plus-NAME: one more of therapy NAME.")] = "as-is",
    cap: Annotated[str, typer.Option(help="per_start (the cap rises with each joiner) or fixed.")] = "per_start",
    limits: Annotated[bool, typer.Option("--limits", help="Also show what would change the answer.")] = False,
    in_sequence: Annotated[
        bool, typer.Option("--in-sequence", help="Also show what each joiner changes for those before it.")
    ] = False,
) -> Answer:
    """Should this borough join? For it, and for the others."""
    from edgeofcare.documents.answers.join import join_document, join_json
    from edgeofcare.questions.join import join as joined

    found = joined(
        asked.scenario, boroughs, day_of(when), teams, cap, limits=limits, in_sequence=in_sequence, **asked.options
    )
    more = "" if limits else f"edgeofcare join {asked.name} {' '.join(boroughs)} --limits; "
    following = f"Next: {more}edgeofcare exposure {asked.name}; edgeofcare cost-sharing {asked.name}"
    return Answer(join_json(found), document=lambda: join_document(found), following=f"\n{following}")


def contracts(
    asked: Asked,
    contracts: Annotated[
        str, typer.Option(help="all, own (the scenario's), names with commas between them, or files.")
    ] = "all",
    grid: Annotated[
        bool, typer.Option("--grid", help="Under every assumption: effects, bases without therapy, fewer referrals.")
    ] = False,
    same_cost: Annotated[
        bool, typer.Option("--same-cost", help="Scale prices once to the expected cost of the scenario's own contract.")
    ] = False,
    log: Annotated[int | None, typer.Option(help="Print what moved when in this replication of one contract.")] = None,
) -> Answer:
    """Compare payment structures for the same young people."""
    from edgeofcare.documents.answers.contracts import payments_document
    from edgeofcare.documents.text_pages.contracts import comparison_page, log_page
    from edgeofcare.questions.contracts import contracts as compare
    from edgeofcare.questions.contracts import movements

    if log is not None:
        rows = [vars(row) for row in movements(asked.scenario, contracts, log, asked.numbers["seed"])]
        return Answer(rows, lambda: log_page(rows))
    found = compare(asked.scenario, contracts, grid=grid, same_cost=same_cost, **asked.options).as_dict()
    name = asked.name
    following = f"Next: edgeofcare contracts {name} --grid; edgeofcare breakeven {name}; edgeofcare lint {name}"
    return Answer(found, lambda: comparison_page(found), lambda: payments_document(found), f"\n{following}")


def exposure(
    asked: Asked,
    borough: Annotated[list[str] | None, typer.Option(help="Only this borough; may be given several times.")] = None,
    budget: Annotated[list[str] | None, typer.Option(help="BOROUGH=GBP set aside a year, for a budget test.")] = None,
) -> Answer:
    """Show what each borough pays, saves and risks."""
    from edgeofcare.documents.answers.exposure import exposure_document
    from edgeofcare.questions.exposure import exposure as exposed

    scenario = asked.scenario
    unknown = [slug for slug in borough or [] if slug not in scenario.boroughs]
    if unknown:
        known = ", ".join(scenario.boroughs)
        raise OptionError(f"there is no borough {', '.join(unknown)} in {scenario.name}. It has {known}.")
    found = exposed(scenario, budgets=budgets_of(budget), **asked.options)
    return Answer(found.as_dict(), document=lambda: exposure_document(found, borough or ()))


def cost_sharing(asked: Asked) -> Answer:
    """Share the cost of the service among boroughs."""
    from edgeofcare.documents.answers.cost_sharing import cost_sharing_document, cost_sharing_json
    from edgeofcare.questions.cost_sharing.cost_sharing import shares

    found = shares(asked.scenario, **asked.options)
    return Answer(cost_sharing_json(found), document=lambda: cost_sharing_document(found))


def breakeven(
    asked: Asked,
    target_irr: Annotated[float | None, typer.Option(help="Return that the investor asks for, a year.")] = None,
    chance: Annotated[float | None, typer.Option(help="Also the price at which nobody loses with this chance.")] = None,
) -> Answer:
    """Find the price, effect and volume to break even."""
    from edgeofcare.documents.answers.breakeven import breakeven_document, breakeven_json
    from edgeofcare.questions.breakeven import breakeven as roots

    found = roots(asked.scenario, target_irr, chance, **asked.options)
    return Answer(breakeven_json(found), document=lambda: breakeven_document(found))


def stress(
    asked: Asked,
    names: Annotated[str, typer.Option("--stress", help="all; names with commas; a+b for both at once.")] = "all",
    party: Annotated[
        str, typer.Option("--for", help="Whose harm counts: investor, provider, top_up or a borough.")
    ] = "investor",
) -> Answer:
    """Show what would make the contract fail."""
    from edgeofcare.documents.answers.stress import stress_document
    from edgeofcare.questions.stress import stress as stressed

    found = stressed(asked.scenario, names, party, **asked.options)
    return Answer(found.as_dict(), document=lambda: stress_document(found))


def lint(
    asked: Asked,
    contracts: Annotated[str | None, typer.Option(help="As for contracts; the scenario's own if not given.")] = None,
) -> Answer:
    """Look for weaknesses in a contract before it is signed."""
    from dataclasses import asdict

    from edgeofcare.documents.text_pages.contracts import lint_page
    from edgeofcare.questions.contracts import laid_over
    from edgeofcare.questions.lint import lint as look

    seed = asked.numbers["seed"]
    found = {name: look(laid, seed) for name, laid in laid_over(asked.scenario, contracts).items()}
    return Answer(
        {name: [asdict(finding) for finding in findings] for name, findings in found.items()},
        lambda: "\n".join(lint_page(name, findings) for name, findings in found.items()),
    )


def budgets_of(given: list[str] | None) -> dict[str, float]:
    """Return budgets by borough from BOROUGH=GBP; raise OptionError for anything else."""
    found = {}
    for text in given or []:
        slug, equals, amount = text.partition("=")
        try:
            found[slug.strip()] = float(amount.replace(",", ""))
        except ValueError:
            raise OptionError(f"--budget takes BOROUGH=GBP, such as sutton=400000 (got {text!r}).") from None
        if not equals or not 0 <= found[slug.strip()] < MOST_BUDGET_GBP:
            raise OptionError(f"--budget takes BOROUGH=GBP, such as sutton=400000 (got {text!r}).")
    return found
