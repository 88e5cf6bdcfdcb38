"""What is it worth to know more before deciding? In: a `ValueOfInformation`. Out: a `Document`.

It computes nothing but roundings. Must not know: formats.
"""

from __future__ import annotations

from collections.abc import Iterator

from edgeofcare.documents.document import Block, Callout, Document, Heading, Paragraph, Table
from edgeofcare.documents.words import capital, listed, percent, pounds, said_pounds, things
from edgeofcare.questions.sensitivity.perfect_information import Fact, ValueOfInformation


def value_of_information_document(found: ValueOfInformation) -> Document:
    """Return what knowing everything, and each input, would be worth to a party before it decides."""
    made = (
        f"{found.outer_draws:,} drawn sets of inputs, {found.replications} simulated contracts each, seed {found.seed}"
    )
    return Document(
        title=f"What is it worth to {found.name} to know more before deciding?",
        subtitle=f"{made}. Scenario: {found.scenario}.",
        blocks=tuple(_blocks(found)),
        footer=f"edgeofcare; scenario {found.scenario}; {made}.",
        keywords=("outcomes contract", "value of information", found.scenario),
    )


def _blocks(found: ValueOfInformation) -> Iterator[Block]:
    yield Callout(" ".join(_answer(found)))
    telling = [fact for fact in found.facts if not fact.noise]
    if telling:
        yield Heading("What knowing one input would be worth")
        yield _table(telling)
    if noise := [fact.path for fact in found.facts if fact.noise]:
        yield Paragraph(f"No worth that differs from noise was found for: {listed(noise)}.")
    if found.without_effect:
        yield Paragraph(
            f"These cannot change what {found.name} gains, so knowing them is worth nothing to "
            f"{'them' if found.name.endswith('together') else 'it'}: {listed(found.without_effect)}."
        )


def _answer(found: ValueOfInformation) -> Iterator[str]:
    verb, right = found.options[0], percent(found.in_prob)
    advice = verb if found.takes_part else f"not {verb}"
    yield (
        f"On what is known now, {found.name} should {advice}: to {verb} is worth {pounds(found.expected)} on "
        f"average, and is right in {right} of the drawn sets of inputs."
    )
    if found.evpi <= 2 * found.evpi_se:
        yield (
            f"To know every input before the decision would be worth {pounds(found.evpi)} (± {pounds(found.evpi_se)}), "
            "which is no more than noise."
        )
        return
    yield (
        f"To know every input before the decision would be worth {pounds(found.evpi)} (± {pounds(found.evpi_se)}): no "
        "study, however good, is worth more."
    )
    best = next((fact for fact in found.facts if not fact.noise), None)
    if best is None:
        yield "No single input is worth learning, as far as these draws can tell."
    else:
        yield f"The most valuable to learn is {best.path}: worth {_range(best)}."


def _range(fact: Fact) -> str:
    if fact.low <= 0:
        return f"up to {pounds(fact.high)}"
    return f"{pounds(fact.low)} to {pounds(fact.high)}"


def _table(facts: list[Fact]) -> Table:
    return Table(
        capital(things(len(facts), "input")),
        ("Input", "At least", "At most", "±"),
        tuple((fact.path, said_pounds(fact.low), said_pounds(fact.high), said_pounds(fact.se)) for fact in facts),
        "At most: by regression on all draws, which follows some luck. At least: chosen with half of the draws, "
        "judged on the others. ±: standard error of the first.",
    )
