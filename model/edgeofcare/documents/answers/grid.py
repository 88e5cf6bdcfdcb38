"""Who gains across two inputs? In: a `Grid`. Out: a `Document` with the grid as a table and the break-even lines.

It computes nothing but roundings. Must not know: formats.
"""

from __future__ import annotations

from collections.abc import Iterator

from edgeofcare.documents.answers.sensitivity import runs_words
from edgeofcare.documents.document import Block, Bullets, Callout, Document, Heading, Table
from edgeofcare.documents.words import capital, plain, things
from edgeofcare.questions.sensitivity.grid import Grid
from edgeofcare.questions.sensitivity.one_at_a_time import BOROUGHS, INVESTOR

AXIS_NAMES = {"effect": "effect", "volume": "referrals", "price": "prices"}
AXIS_WORDS = {
    "effect": "effect, as a share of the claimed one (logarithm of the hazard ratio)",
    "volume": "referrals, as a share of those expected",
    "price": "prices, times those of the contract",
}
BOTH, ONLY_INVESTOR, ONLY_BOROUGHS, NOBODY, UNKNOWN = "both", "investor", "boroughs", "nobody", "?"


def grid_document(found: Grid) -> Document:
    """Return who gains at each point, and where each party breaks even."""
    made = runs_words(found.replications, found.seed)
    return Document(
        title="Who gains across two inputs?",
        subtitle=f"{made}. Scenario: {found.scenario}.",
        blocks=tuple(_blocks(found)),
        footer=f"edgeofcare; scenario {found.scenario}; {made}.",
        keywords=("outcomes contract", "break-even", found.scenario),
    )


def _blocks(found: Grid) -> Iterator[Block]:
    yield Callout(_answer(found))
    yield Heading("Who gains where")
    yield _who_gains(found)
    if found.problems:
        yield Bullets(tuple(f"?: could not be simulated: {problem}" for problem in found.problems))
    yield Heading(f"Break-even lines ({_name(found.x)}, {_name(found.y)}), straight between the points simulated")
    yield Bullets(tuple(_line(found, party) for party in found.names))


def _answer(found: Grid) -> str:
    cells = [_cell(i, b) for i, b in _pairs(found)]
    both, n = cells.count(BOTH), len(cells) - cells.count(UNKNOWN)
    if not n:
        return "No point of this grid could be simulated."
    ranges = " and ".join(
        f"{_name(axis)} from {plain(min(values))} to {plain(max(values))}"
        for axis, values in ((found.x, found.xs), (found.y, found.ys))
    )
    return (
        f"With {ranges}, the investor meets its target and the boroughs together save at {both} of "
        f"{things(n, 'point')}; only the investor gains at {cells.count(ONLY_INVESTOR)}, only the boroughs at "
        f"{cells.count(ONLY_BOROUGHS)}, neither at {cells.count(NOBODY)}."
    )


def _pairs(found: Grid) -> Iterator[tuple[float | None, float | None]]:
    for investor, boroughs in zip(found.gain[INVESTOR], found.gain[BOROUGHS], strict=True):
        yield from zip(investor, boroughs, strict=True)


def _cell(investor: float | None, boroughs: float | None) -> str:
    """Return who gains: the investor if it meets its target, the boroughs if they save together."""
    if investor is None or boroughs is None:
        return UNKNOWN
    if investor >= 0:
        return BOTH if boroughs >= 0 else ONLY_INVESTOR
    return ONLY_BOROUGHS if boroughs >= 0 else NOBODY


def _who_gains(found: Grid) -> Table:
    n = len(found.xs)
    cells = [_cell(i, b) for i, b in _pairs(found)]
    rows = [(plain(y), *cells[row * n : (row + 1) * n]) for row, y in enumerate(found.ys)]
    return Table(
        f"Down: {_words(found.y)}. Across: {_words(found.x)}",
        ("", *(plain(x) for x in found.xs)),
        tuple(reversed(rows)),
        "investor: it meets its target (expected net present value at its target rate). boroughs: they save together "
        f"on average. The scenario itself is at {plain(found.own[0])} across, {plain(found.own[1])} down.",
    )


def _words(axis: str) -> str:
    return AXIS_WORDS.get(axis, axis)


def _name(axis: str) -> str:
    return AXIS_NAMES.get(axis, axis)


def _line(found: Grid, party: str) -> str:
    """Return where a party breaks even, or on which side it always is."""
    line, name = found.lines[party], capital(found.names[party])
    if line:
        return f"{name}: {' '.join(f'({plain(x)}, {plain(y)})' for x, y in line)}"
    known = [gain for row in found.gain[party] for gain in row if gain is not None]
    if not known:
        return f"{name}: nothing is known"
    return f"{name}: {'gains' if known[0] >= 0 else 'loses'} everywhere on this grid"
