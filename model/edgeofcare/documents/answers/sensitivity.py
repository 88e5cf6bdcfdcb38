"""What the documents about inputs share: names of outputs, who fails, how a point was made. In: names, numbers.

Out: words. It computes nothing but roundings. Must not know: formats.
"""

from __future__ import annotations

from edgeofcare.documents.document import Said
from edgeofcare.documents.words import percent, pounds, said_percent, said_pounds, short_percent
from edgeofcare.questions.sensitivity.one_at_a_time import INVESTOR, IRR

OUTPUT_WORDS = {
    "profit": "the investors' expected profit",
    "net_saving": "the boroughs' expected net saving",
    "avoided": "expected care cost avoided",
    "payments": "expected payments",
    IRR: "the investors' rate of return on expected flows",
}


def output_words(output: str) -> str:
    """Return an output in words; a borough's slug is its net saving."""
    return OUTPUT_WORDS.get(output, f"the expected net saving of {output.replace('_', ' ')}")


def amount(value: float | None, output: str) -> str:
    """Return a value of an output."""
    return percent(value, 1) if output == IRR else pounds(value)


def said_amount(value: float | None, output: str) -> Said:
    """Return a value of an output, with its number."""
    return said_percent(value, 1) if output == IRR else said_pounds(value)


def runs_words(replications: int, seed: int) -> str:
    """Return how each point was made."""
    return f"{replications:,} simulated contracts at each point, with the same random draws, seed {seed}"


def verb(name: str, singular: str, plural: str) -> str:
    """Return a verb for a party: the boroughs together lose, the investor loses."""
    return plural if name.endswith("together") else singular


def verdict(party: str, name: str, gain_gbp: float, target_irr_per_year: float) -> str:
    """Return whether a party fails, in words with the amount: one rule for the investor, that of its target rate."""
    size = pounds(abs(gain_gbp))
    if party == INVESTOR:
        does = "meets" if gain_gbp >= 0 else "misses"
        return (
            f"{name} {does} its target of {short_percent(target_irr_per_year)} a year: its expected net present value "
            f"at that rate is {pounds(gain_gbp)}"
        )
    if gain_gbp >= 0:
        return f"{name} {verb(name, 'saves', 'save')} {size} on average"
    return f"{name} {verb(name, 'loses', 'lose')} {size} on average"


def fails(party: str, name: str) -> str:
    """Return what it is for a party to fail, as a verb."""
    return f"{name} misses its target" if party == INVESTOR else f"{name} {verb(name, 'loses', 'lose')}"


def succeeds(party: str, name: str) -> str:
    """Return what it is for a party not to fail, as a verb."""
    return f"{name} meets its target" if party == INVESTOR else f"{name} {verb(name, 'gains', 'gain')}"
