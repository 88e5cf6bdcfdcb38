"""Where does each party break even? The prices, effects and volumes at which nobody loses, as one document.

In: a `Breakeven`. Out: a `Document`, and its sentences. It computes nothing but roundings. Must not know: formats.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from edgeofcare.documents.document import Block, Bullets, Callout, Document, Heading, Paragraph
from edgeofcare.documents.words import in_hundred, percent
from edgeofcare.questions.breakeven import BOROUGHS, INVESTOR, Breakeven, Root

Words = dict[str, str]
EFFECT_OF, VOLUME_OF = "share of tracked days out of care with therapy", "share of planned referrals"


def breakeven_document(answer: Breakeven) -> Document:
    """Return the bargaining range, and where each party breaks even by price, effect and volume."""
    made = f"{answer.replications:,} simulated contracts at each point, seed {answer.seed}"
    return Document(
        title="Where does each party break even?",
        subtitle=f"{made}. The contract's price is £{answer.own_price:,.2f} for each {answer.unit}.",
        blocks=tuple(_blocks(answer)),
        footer=f"edgeofcare; {made}.",
        keywords=("outcomes contract", "break-even", "price"),
    )


def breakeven_json(answer: Breakeven) -> dict[str, Any]:
    """Return the object that `--json` prints: the answer with what it says in words."""
    found = answer.as_dict()
    found["range_words"] = range_words(answer)
    words = {
        "price": price_words(answer, answer.price),
        "price_at_chance": price_words(answer, answer.price_at_chance, answer.chance),
        "price_without_cap": price_words(answer, answer.price_without_cap, capped=False),
        "effect": curve_words(answer, answer.effect, EFFECT_OF),
        "volume": curve_words(answer, answer.volume, VOLUME_OF),
    }
    for what, by_party in words.items():
        for party, rest in by_party.items():
            found[what][party]["words"] = f"{answer.names[party]} {rest}"
    return found


def _blocks(answer: Breakeven) -> Iterator[Block]:
    yield Callout(range_words(answer))
    rate = percent(answer.target_irr_per_year, 1)
    yield Heading(f"Price at which a party breaks even on average (the investor: at {rate} a year)")
    yield _roots(answer, price_words(answer, answer.price))
    if answer.uncertain:
        yield Heading("The same with the uncertain inputs drawn: chance and what is not known")
        yield _roots(answer, price_words(answer, answer.uncertain))
    if answer.price_at_chance and answer.chance is not None:
        yield Heading(f"Price at which a party is not worse off in {in_hundred(answer.chance)} contracts")
        yield _roots(answer, price_words(answer, answer.price_at_chance, answer.chance))
    if answer.price_without_cap:
        yield Heading("Price at which a party breaks even on average, had the contract no cap")
        yield _roots(answer, price_words(answer, answer.price_without_cap, capped=False))
    yield Heading("Effect at which a party breaks even, at the contract's price")
    yield Paragraph(
        f"Out of care: {percent(answer.usual)} of tracked days without therapy, {percent(answer.therapy)} as claimed."
    )
    yield _roots(answer, curve_words(answer, answer.effect, EFFECT_OF))
    yield Heading("Volume at which a party breaks even, at the contract's price and the claimed effect")
    yield _roots(answer, curve_words(answer, answer.volume, VOLUME_OF))


def _roots(answer: Breakeven, words: Words) -> Bullets:
    """Return the investor, the boroughs together, and the boroughs of which the same is said in one line."""
    same: dict[str, list[str]] = {}
    for party, rest in words.items():
        same.setdefault(rest, []).append(_capital(answer.names[party]))
    return Bullets(tuple(f"{', '.join(names)}: {rest}." for rest, names in same.items()))


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]


# ---- sentences ---------------------------------------------------------------------------------------------------


def range_words(answer: Breakeven) -> str:
    """Return the range of prices at which both gain, or why there is none."""
    investor, boroughs = answer.price[INVESTOR], answer.price[BOROUGHS]
    for party, root in ((INVESTOR, investor), (BOROUGHS, boroughs)):
        if root.nowhere:
            why = price_words(answer, {party: root})[party]
            return f"There is no price at which both gain: {answer.names[party]} {why}."
    if answer.bargaining_range is None:
        return (
            f"There is no price at which both gain: the investor needs £{investor.at[0]:,.2f} for each {answer.unit}, "
            f"the boroughs together can pay £{boroughs.at[-1]:,.2f}."
        )
    low, high = answer.bargaining_range
    why = " (the cap protects the boroughs)" if answer.capped else ""
    top = f"£{high:,.2f}" if boroughs.at else f"£{high:,.0f}, the highest looked at{why}"
    return f"Both gain at prices from £{low:,.2f} to {top} for each {answer.unit}."


def price_words(
    answer: Breakeven, roots: Mapping[str, Root], chance: float | None = None, capped: bool | None = None
) -> Words:
    """Return for each party at which price it breaks even, or is not worse off with a chance."""
    has_cap = answer.capped if capped is None else capped
    does = "breaks even" if chance is None else f"is not worse off in {chance:.0%} of contracts"
    return {party: _price(party == INVESTOR, root, does, has_cap) for party, root in roots.items()}


def _price(rises: bool, root: Root, does: str, capped: bool) -> str:
    """Return at which price; rises: whether the party gains from a higher one."""
    if root.at:
        return f"{does} at £{root.at[0]:,.2f} {'or more' if rises else 'or less'}"
    if root.gains_at_high:
        why = ", for the cap limits what is paid" if capped and not rises else ""
        return f"{does} at any price up to £{root.high:,.0f}{why}"
    why = "what is saved does not cover its other costs"
    if rises:
        why = "the cap holds payments down, or costs run on" if capped else "too little is paid for, or costs run on"
    return f"{does} at no price up to £{root.high:,.0f}: {why}"


def curve_words(answer: Breakeven, roots: Mapping[str, Root], what: str) -> Words:
    """Return for each party at which effect or volume it breaks even."""
    return {party: _curve(root, what) for party, root in roots.items()}


def _curve(root: Root, what: str) -> str:
    if root.low == root.high:
        return f"{'gains' if root.gains_at_low else 'loses'} whatever the effect, for nobody is treated ({what})"
    if root.at:
        side = "or more" if root.gains_at_high else "or less"
        return f"breaks even at {', '.join(f'{x:.0%}' for x in root.at)} {side} ({what})"
    does = "gains" if root.gains_at_low else "loses"
    return f"{does} everywhere from {root.low:.0%} to {root.high:.0%} ({what})"
