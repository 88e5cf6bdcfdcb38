"""What is the most plausible way for a contract to fail? In: a `ReverseStress`. Out: a `Document`, and its sentences.

It computes nothing but roundings. Must not know: formats.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from edgeofcare.documents.answers.sensitivity import fails, runs_words, verb
from edgeofcare.documents.document import Block, Callout, Document, Heading, Paragraph, Table
from edgeofcare.documents.words import capital, plain, pounds, said_percent, things
from edgeofcare.questions.sensitivity.design_point import ReverseStress
from edgeofcare.questions.sensitivity.one_at_a_time import INVESTOR

WORTH_NAMING = 0.05  # of the squared distance: a smaller share is not named in the sentence
SMALL = 0.01  # of the squared distance: not worth a line of its own


def reverse_stress_json(found: ReverseStress) -> dict[str, Any]:
    """Return the object that `--json` prints: the figures, and the answer in a sentence."""
    return {**found.as_dict(), "words": reverse_words(found)}


def reverse_stress_document(found: ReverseStress) -> Document:
    """Return the most plausible combination of inputs at which a party fails."""
    made = runs_words(found.replications, found.seed)
    return Document(
        title=f"What is the most plausible way to fail for {found.name}?",
        subtitle=f"{made}. Scenario: {found.scenario}.",
        blocks=tuple(_blocks(found)),
        footer=f"edgeofcare; scenario {found.scenario}; {made}.",
        keywords=("outcomes contract", "reverse stress test", found.scenario),
    )


def _blocks(found: ReverseStress) -> Iterator[Block]:
    yield Callout(reverse_words(found))
    yield Paragraph(" ".join(_more(found)))
    yield Heading("The combination" if found.found else "The worst that was seen")
    yield _table(found)


def reverse_words(found: ReverseStress) -> str:
    """Return the answer in a sentence."""
    loses = fails(found.party, found.name)
    if not found.found:
        limit = plain(found.limit)
        return f"No combination within {limit} standard deviations of each input was found at which {loses} on average."
    if found.median_gain <= 0:
        return f"On average {loses} already with every input at the middle of its range."
    said = ", ".join(
        f"{one.path} at {plain(one.at)} (now {plain(one.value)})" for one in found.inputs if one.share >= WORTH_NAMING
    )
    even = verb(found.name, "breaks even", "break even")
    edge = f"{found.name} only just meets its target" if found.party == INVESTOR else f"{found.name} only {even}"
    return f"The most plausible combination at which {edge}, and beyond which {loses}: {said}."


def _more(found: ReverseStress) -> Iterator[str]:
    what = "Its net present value at its target rate" if found.party == INVESTOR else "The net saving"
    yield (
        f"{what} is {pounds(found.own_gain)} on average as planned, {pounds(found.median_gain)} with every input at "
        "its median."
    )
    if found.distance is not None:
        yield f"The combination is {found.distance:.2f} standard deviations of all inputs together from their medians."
    if found.gain is not None:
        yield f"Simulated again with every target met exactly, it is {pounds(found.gain)} there."
    if found.problem:
        yield f"It could not be simulated again with every target met exactly: {found.problem}"


def _table(found: ReverseStress) -> Table:
    shown = [one for one in found.inputs if not found.found or abs(one.share) >= SMALL]
    left = len(found.inputs) - len(shown)
    rest = f" {capital(things(left, 'more input'))}, each less than 1% of it." if left else ""
    return Table(
        "Inputs, the largest share first",
        ("Input", "Now", "There", "Score", "Share"),
        tuple(
            (one.path, plain(one.value), plain(one.at), f"{one.score:.2f}", said_percent(one.share)) for one in shown
        ),
        f"Score: standard deviations from its median; share: of the squared distance.{rest}",
    )
