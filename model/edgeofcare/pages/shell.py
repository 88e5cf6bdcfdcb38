"""What stands around every page: heading, ways to the other pages, look. In: a page's name. Out: HTML.

Must not know: inputs, results.
"""

from __future__ import annotations

from dataclasses import dataclass
from html import escape
from pathlib import Path
from typing import Any

from edgeofcare.documents.formats.html import style

HERE = Path(__file__).parent


@dataclass(frozen=True)
class Leaf:
    """A page as the front page names it. who: for whom it is; what: what it answers, in a sentence or two."""

    title: str
    who: str
    what: str


PAGES = {
    "borough_joins": Leaf(
        "Should this borough join?",
        "Commissioners",
        "Choose a borough and a date. See what joining means for it, for the boroughs already in, for waiting families "
        "and for the investor, before and after.",
    ),
    "investor_stress": Leaf(
        "Will the investor be paid?",
        "Investors and fund managers",
        "See returns, the money at risk and when it comes back; then what would sink the deal: fewer referrals, an "
        "effect that does not come, lower prices, late payment.",
    ),
    "payment_structures": Leaf(
        "What does each payment structure cost whom?",
        "Commissioners, investors, analysts",
        "Twelve contracts, and that of a file of your own, on the same families: what each pays if therapy works as "
        "claimed, and what it still pays if it does nothing.",
    ),
    "business_case": Leaf(
        "The business case of a scenario",
        "Analysts and assurers",
        "Run every analysis of a scenario and take away the report and the workbook with live formulas.",
    ),
    "one_child": Leaf(
        "One child, step by step",
        "Finance officers, assurers: all who must trust the model",
        "Follow one simulated child day by day, without therapy and with it, to the pounds that follow.",
    ),
    "calibrate": Leaf(
        "What must be true for the claim to hold?",
        "Analysts and assurers",
        "See which rates of entering care follow from a contract's claim, and whether so many children could there be.",
    ),
}


def link_inputs() -> dict[str, Any]:
    """Return the inputs that the link of the page carries; none in a script or in Jupyter."""
    import marimo as mo

    return dict(mo.query_params().to_dict()) if mo.running_in_notebook() else {}


def head(slug: str) -> str:
    """Return the head of a page: skip link, ways to the other pages, title and what it answers."""
    leaf = PAGES[slug]
    return (
        f"<style>{look()}</style>"
        f'<div class="edgeofcare"><header><a class="skip" href="#answer">Skip to the answer</a>{ways(slug)}</header>'
        f'<div role="region" aria-label="About this page"><h1>{escape(leaf.title)}</h1>'
        f"<p>{escape(leaf.what)}</p></div></div>"
    )


def ways(here: str) -> str:
    """Return the links to all pages. here: the page on which they stand."""
    links = [("/", "All pages")] + [(f"/{slug}/", leaf.title) for slug, leaf in PAGES.items()]
    items = (
        f'<li><a href="{link}"{" aria-current=page" if link == f"/{here}/" else ""}>{escape(text)}</a></li>'
        for link, text in links
    )
    return f'<nav aria-label="Pages"><ul>{"".join(items)}</ul></nav>'


def section(html: str, label: str, key: str = "", main: bool = False) -> str:
    """Return a part of a page under its own label; nothing if it is empty. main: the answer."""
    if not html:
        return ""
    role = "main" if main else "region"
    return f'<div class="edgeofcare" role="{role}" aria-label="{escape(label)}" id="{key}" tabindex="-1">{html}</div>'


def look() -> str:
    """Return how a page looks, as CSS: all of it holds only inside the page's own parts."""
    return f".edgeofcare {{ {style()} }}\n{(HERE / 'page.css').read_text(encoding='utf-8')}"


def front() -> str:
    """Return the front page: who each page is for. It needs no script."""
    cards = "".join(
        f'<li><h2><a href="/{slug}/">{escape(leaf.title)}</a></h2><p class="who">For: {escape(leaf.who)}</p>'
        f"<p>{escape(leaf.what)}</p></li>"
        for slug, leaf in PAGES.items()
    )
    return (HERE / "front.html").read_text(encoding="utf-8").replace("<!-- pages stand here -->", cards)
