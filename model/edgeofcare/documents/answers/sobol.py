"""How much of the uncertainty does each input cause? In: a `Sobol`. Out: a `Document`.

It computes nothing but roundings. Must not know: formats.
"""

from __future__ import annotations

from collections.abc import Iterator

from edgeofcare.documents.answers.sensitivity import output_words
from edgeofcare.documents.document import Block, Bullets, Callout, Document, Heading, Table
from edgeofcare.documents.words import capital, percent, pounds, said_percent, things
from edgeofcare.questions.sensitivity.sobol_study import Driver, Sobol

SMALL = 0.01  # of the variance: not worth a line of its own
MUCH_NOISE = 0.3  # of the variance: indices are then poorly known


def sobol_document(found: Sobol) -> Document:
    """Return what drives each output, the greatest total first."""
    made = f"{found.n_rows:,} sets of inputs, {found.replications} simulated contracts each, seed {found.seed}"
    return Document(
        title="How much of the uncertainty does each input cause?",
        subtitle=f"{made}. Scenario: {found.scenario}.",
        blocks=tuple(_blocks(found)),
        footer=f"edgeofcare; scenario {found.scenario}; {made}.",
        keywords=("outcomes contract", "sensitivity", "Sobol' indices", found.scenario),
    )


def _blocks(found: Sobol) -> Iterator[Block]:
    first, *rest = (_answer(found, output) for output in found.outputs)
    yield Callout(first)
    if more := [*rest, *_unmet(found)]:
        yield Bullets(tuple(more))
    for output in found.outputs:
        if _known(found, output):
            yield Heading(capital(output_words(output)))
            yield _table(found, output)


def _known(found: Sobol, output: str) -> list[Driver]:
    """Return the inputs with indices; none where nothing but chance varies."""
    return [row for row in found.outputs[output] if row.total is not None] if found.sd[output] > 0 else []


def _answer(found: Sobol, output: str) -> str:
    known = _known(found, output)
    words = capital(output_words(output))
    if not known:
        return f"{words}: no input changes it beyond chance."
    share = percent(min(max(known[0].total or 0.0, 0.0), 1.0))
    return f"{words}: {known[0].group} matters most. Were all else known, about {share} of the variance would be left."


def _unmet(found: Sobol) -> Iterator[str]:
    if found.targets_met_share < 1:
        missed = percent(1 - found.targets_met_share, 1)
        yield f"In {missed} of the sets of inputs a target was out of reach; the nearest was taken."


def _table(found: Sobol, output: str) -> Table:
    rows = [row for row in found.outputs[output] if row.total is None or row.total >= SMALL]
    left = len(found.outputs[output]) - len(rows)
    noise = found.noise_share[output]
    notes = (
        f"First: share of the variance that would go if this alone were known. Total: share left if all else were. "
        f"Both are estimates with 95% intervals and may fall outside 0 to 100%. Of the variance as simulated, "
        f"{percent(noise)} was chance; it is taken out.",
        *(["That is much: ask for more replications."] if noise > MUCH_NOISE else []),
        *([f"{capital(things(left, 'more input'))}, each with a total below 1%."] if left else []),
    )
    return Table(
        f"Mean {pounds(found.mean[output])}, standard deviation over inputs {pounds(found.sd[output])}",
        ("Input", "First", "95% interval", "Total", "95% interval"),
        tuple(_row(row) for row in rows),
        " ".join(notes),
        numeric=(False, True, False, True, False),
    )


def _row(row: Driver) -> tuple[str, ...]:
    return (
        row.group,
        said_percent(row.first),
        _interval(row.first_low, row.first_high),
        said_percent(row.total),
        _interval(row.total_low, row.total_high),
    )


def _interval(low: float | None, high: float | None) -> str:
    return "-" if low is None or high is None else f"{percent(low)} to {percent(high)}"
