"""Where would each input change the decision? In: `SwitchingValues`. Out: a `Document`, and its sentences.

It computes nothing but roundings. Must not know: formats.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from edgeofcare.documents.answers.sensitivity import fails, runs_words, succeeds, verdict
from edgeofcare.documents.document import Block, Callout, Document, Heading, Paragraph, Table
from edgeofcare.documents.words import capital, listed, plain, said_pounds
from edgeofcare.questions.sensitivity.switching_values import INSIDE, SwitchingValue, SwitchingValues

MORE_DIGITS = 4


def switching_values_json(found: SwitchingValues) -> dict[str, Any]:
    """Return the object that `--json` prints: the figures, and each input's sentence."""
    kept = found.as_dict()
    for row, one in zip(kept["inputs"], found.inputs, strict=True):
        row["words"] = switch_words(found, one)
    return kept


def switching_values_document(found: SwitchingValues) -> Document:
    """Return the value of each input at which the party's gain changes its sign, the nearest first."""
    made = runs_words(found.replications, found.seed)
    return Document(
        title=f"Where would each input change the answer for {found.name}?",
        subtitle=f"{made}. Scenario: {found.scenario}.",
        blocks=tuple(_blocks(found)),
        footer=f"edgeofcare; scenario {found.scenario}; {made}.",
        keywords=("outcomes contract", "switching values", found.scenario),
    )


def _blocks(found: SwitchingValues) -> Iterator[Block]:
    yield Callout(" ".join(_answer(found)))
    if turning := [one for one in found.inputs if one.at is not None]:
        yield Heading("Switching values, all else as planned")
        yield _table(found, turning)
    if never := [one.path for one in found.inputs if one.at is None and one.moves]:
        yield Paragraph(
            f"No value within the range, nor as far beyond it as could be simulated, changes the answer for: "
            f"{listed(never)}."
        )
    if still := [one.path for one in found.inputs if not one.moves]:
        yield Paragraph(f"These do not change what {found.name} can expect at all: {listed(still)}.")


def _answer(found: SwitchingValues) -> Iterator[str]:
    yield f"As planned, {verdict(found.party, found.name, found.gain, found.target_irr_per_year)}."
    if not found.inputs:
        return
    inside = [one for one in found.inputs if one.where == INSIDE]
    if inside:
        said = [f"{one.path} at {plain(one.at or 0.0)} (now {plain(one.value)})" for one in inside]
        yield f"Moved alone and inside its range, this changes that: {', '.join(said)}."
    else:
        yield "No input, moved alone inside its range, changes that."


def _table(found: SwitchingValues, turning: list[SwitchingValue]) -> Table:
    return Table(
        capital(fails(found.party, found.name)) if found.gain >= 0 else capital(succeeds(found.party, found.name)),
        ("Input", "Now", "Range", "From", "Side", "Inside the range", "Expected gain there"),
        tuple(
            (
                one.path,
                plain(one.value),
                f"{plain(one.low)} to {plain(one.high)}",
                plain(one.at or 0.0),
                _side(one),
                "yes" if one.where == INSIDE else "no",
                said_pounds(one.gain),
            )
            for one in turning
        ),
        "Expected gain there: simulated again at the value found; near nil where the value is found well.",
        numeric=(False, True, False, True, False, False, True),
    )


def _side(one: SwitchingValue) -> str:
    return "upwards" if (one.at or 0.0) > one.value else "downwards"


def switch_words(found: SwitchingValues, one: SwitchingValue) -> str:
    """Return where an input changes the answer, or why it does not, in one sentence."""
    gains, loses = succeeds(found.party, found.name), fails(found.party, found.name)
    if not one.moves:
        return f"This input does not change what {found.name} can expect at all"
    if one.at is None:
        always = gains if one.gains_now else loses
        return f"{capital(always)} at every value from {one.looked[0]:,.4g} to {one.looked[1]:,.4g}"
    turns = loses if one.gains_now else gains
    where = "inside" if one.where == INSIDE else "outside"
    return f"{capital(turns)} from {one.at:,.4g} {_side(one)}, {where} the range {one.low:,.4g} to {one.high:,.4g}"
