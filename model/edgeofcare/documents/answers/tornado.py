"""Which inputs matter most? Each at the low and the high end of its range. In: a `Tornado`. Out: a `Document`.

It computes nothing but roundings. Must not know: formats.
"""

from __future__ import annotations

from collections.abc import Iterator

from edgeofcare.documents.answers.sensitivity import amount, output_words, runs_words, said_amount
from edgeofcare.documents.document import Block, Bullets, Callout, Document, Heading, Paragraph, Table
from edgeofcare.documents.words import listed, plain, short_percent
from edgeofcare.questions.sensitivity.one_at_a_time import INVESTOR
from edgeofcare.questions.sensitivity.tornado import Bar, End, Tornado

MOST_NAMED = 3


def tornado_document(found: Tornado) -> Document:
    """Return what each input moves, the most first, and at which ends the investor misses its target."""
    made = runs_words(found.replications, found.seed)
    return Document(
        title="Which inputs matter most?",
        subtitle=f"{made}. Scenario: {found.scenario}.",
        blocks=tuple(_blocks(found)),
        footer=f"edgeofcare; scenario {found.scenario}; {made}.",
        keywords=("outcomes contract", "sensitivity", found.scenario),
    )


def _blocks(found: Tornado) -> Iterator[Block]:
    moving = [bar for bar in found.bars if bar.swing > 0]
    yield Callout(" ".join(_answer(found, moving)))
    if moving:
        yield Heading("Each input at the low and the high end of its range, all else as planned")
        yield _table(found, moving)
    if still := [bar.path for bar in found.bars if bar.swing == 0]:
        yield Paragraph(f"These do not change {output_words(found.output)} at all: {listed(still)}.")
    if problems := [_problem(bar, end) for bar in found.bars for end in (bar.low, bar.high) if end.output is None]:
        yield Bullets(tuple(problems))


def _answer(found: Tornado, moving: list[Bar]) -> Iterator[str]:
    if not moving:
        yield f"No input, moved alone inside its range, changes {output_words(found.output)}."
        return
    said = "; ".join(_span(bar, found.output) for bar in moving[:MOST_NAMED])
    yield (
        f"As planned, {output_words(found.output)} is {amount(found.base, found.output)}. The inputs that change it "
        f"most: {said}."
    )
    yield from _missing(found)


def _span(bar: Bar, output: str) -> str:
    ends = f"{amount(bar.low.output, output)} to {amount(bar.high.output, output)}"
    return f"{bar.path}, {plain(bar.low.at)} to {plain(bar.high.at)}: {ends}"


def _missing(found: Tornado) -> Iterator[str]:
    """Yield at which ends the investor misses its target, where it meets it as planned."""
    target = short_percent(found.target_irr_per_year)
    if found.base_gains[INVESTOR] < 0:
        yield f"The investor misses its target of {target} a year as planned."
        return
    ends = [f"{bar.path} at {plain(end.at)}" for bar in found.bars for end in (bar.low, bar.high) if _misses(end)]
    if ends:
        yield f"The investor misses its target of {target} a year on average with {listed(ends, 'or with')}."
    else:
        yield f"No input, moved alone inside its range, makes the investor miss its target of {target} a year."


def _misses(end: End) -> bool:
    return end.gains.get(INVESTOR, 0.0) < 0


def _table(found: Tornado, moving: list[Bar]) -> Table:
    output = found.output

    def row(bar: Bar) -> tuple[str, ...]:
        errors = [end.change.se for end in (bar.low, bar.high) if end.change.se is not None]
        return (
            bar.path,
            plain(bar.value),
            f"{plain(bar.low.at)} to {plain(bar.high.at)}",
            *(said_amount(end.output, output) for end in (bar.low, bar.high)),
            said_amount(max(errors, default=None), output),
            " and ".join(name for name, end in (("low", bar.low), ("high", bar.high)) if _misses(end)) or "-",
        )

    return Table(
        output_words(output).capitalize(),
        ("Input", "Now", "Range", "At low", "At high", "±", "Target missed at"),
        tuple(row(bar) for bar in moving),
        "±: standard error of the change from the scenario as planned, of the less certain end. Target missed: the "
        f"investors' expected net present value at {short_percent(found.target_irr_per_year)} a year is below nil.",
        numeric=(False, True, False, True, True, True, False),
    )


def _problem(bar: Bar, end: End) -> str:
    return f"{bar.path} at {plain(end.at)} could not be simulated: {end.problem}"
