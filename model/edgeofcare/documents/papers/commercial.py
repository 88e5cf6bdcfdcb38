"""The commercial case: what is paid for, and who bears the risk. In: parts of a case. Out: blocks.

It computes nothing but roundings. Must not know: formats, engines.
"""

from __future__ import annotations

from edgeofcare.documents.answers.breakeven import price_words
from edgeofcare.documents.answers.breakeven import range_words as bargaining_words
from edgeofcare.documents.document import Bullets, Heading, Paragraph, table_of
from edgeofcare.documents.papers.chapters import Blocks, Case, figures, has_effect, turns, with_parts
from edgeofcare.documents.text_pages.contracts import contract_words, own_contract, risk_words
from edgeofcare.documents.words import chance, how_many, middle, percent, pounds, unit_price
from edgeofcare.inputs.contract import MODIFIERS
from edgeofcare.inputs.terms.kinds import term_of
from edgeofcare.questions.breakeven import Breakeven
from edgeofcare.results import typed


def commercial_case(case: Case) -> Blocks:
    """Yield the chapter on what is paid for, at which prices, under which other contracts, and who bears the risk."""
    yield Heading("Commercial case: what is paid for, and who bears the risk")
    yield Heading("What is paid for", 3)
    yield from with_parts(case, "mean", _terms)
    yield from with_parts(case, "summary", _payment_words)
    yield Heading("Prices at which each party breaks even", 3)
    yield from with_parts(case, "breakeven", _breakeven)
    yield Heading("Other contracts for the same children", 3)
    yield from with_parts(case, "contracts", _contracts)
    yield Heading("Faults of the contract", 3)
    yield from with_parts(case, "lint", _lint)


def _terms(case: Case) -> Blocks:
    contract, terms = case["mean"]["contract"], case["mean"]["terms"]
    yield Bullets(tuple(_term(term) for term in terms))
    top_up = contract["top_up"]
    limits = [(contract[modifier.key], modifier.limit) for modifier in MODIFIERS if modifier.limit]
    told = "; ".join(words.format(pounds(value)) for value, words in limits if value is not None)
    if told:
        yield Paragraph(f"{told[0].upper()}{told[1:]}.")
    if top_up:
        upto = f", up to {pounds(top_up['cap_gbp'])}" if top_up["cap_gbp"] is not None else ""
        yield Paragraph(f"A central fund ({top_up['name']}) pays {percent(top_up['share'])} of each payment{upto}.")


def _term(written: Case) -> str:
    words = term_of(written).sentence(unit_price(written.get("price_gbp")))
    return f"{words[0].upper()}{words[1:]}."


def _payment_words(case: Case) -> Blocks:
    summary = case["summary"]
    paid, prob, share = summary["payments_gbp"], summary["cap_binds_prob"], summary["deadweight_share"]["mean"]
    texts = [f"On average {pounds(paid['total']['mean'])} is paid{middle(paid['total']['p10'], paid['total']['p90'])}."]
    if prob:
        held = paid["before_caps"]["mean"] - paid["total"]["mean"]
        reached = how_many(prob, summary["replications"])
        texts.append(f"A limit is reached in {reached} and takes {pounds(held)} off the average.")
    else:
        texts.append("No limit on payments is reached.")
    if share is not None:
        texts.append(
            f"Of the outcomes paid for, {percent(share)} would have come without therapy."
            if share <= 1
            else "Without therapy, more outcomes would have been paid for than with it."
        )
    yield Paragraph(" ".join(texts))


def _breakeven(case: Case) -> Blocks:
    answer = typed(Breakeven, case["breakeven"])
    yield Paragraph(
        f"{bargaining_words(answer)} The contract pays £{answer.own_price:,.2f}. An investor breaks even here if it "
        f"earns the {percent(answer.target_irr_per_year, 1)} a year that it looks for."
    )
    if answer.price_without_cap:
        words = price_words(answer, answer.price_without_cap, capped=False)
        yield Paragraph(f"Had the contract no cap: {turns(answer, words)}.")


def _contracts(case: Case) -> Blocks:
    found, n, own = case["contracts"]["contracts"], case["contracts"]["replications"], own_contract(case["contracts"])
    names = {
        slug: f"This case: {c['name']}" if slug == own else contract_words(slug, c["name"]) for slug, c in found.items()
    }
    yield Paragraph(
        f"Each contract below was settled on the same simulated children ({n:,} simulated contracts). Some paid for "
        f"other services: here they only lend their way of paying."
    )
    yield table_of(
        "If therapy does what this case assumes",
        ("Contract", "Paid", "Due anyway", "Payers keep", "Better off in", "Investors' return", "Investors lose in"),
        [
            (
                names[slug],
                pounds(c["payments_gbp"]["mean"]),
                percent(c["deadweight_share"]),
                pounds(c["net_saving_gbp"]["mean"]),
                chance(c["net_saving_prob"], n),
                percent(c["investor"]["irr_of_expected_flows"], 1),
                chance(c["investor"]["loss_prob"], n),
            )
            for slug, c in found.items()
        ],
        "Due anyway: share of the outcomes paid for that would have come without therapy. Payers keep: care cost that "
        "can be taken out of budgets, less their own payments and costs; better off in: simulated contracts in which "
        "that is more than nothing. Return: a year, on the average flows.",
    )
    nulls = {slug: c for slug, c in found.items() if "if_no_effect" in c}
    if nulls and has_effect(case):
        yield table_of(
            "If therapy does nothing: who bears the risk",
            ("Contract", "Paid", "Payers keep", "Investors gain", "The risk lies with"),
            [
                (
                    names[slug],
                    *(
                        pounds(c["if_no_effect"][key]["mean"])
                        for key in ("payments_gbp", "net_saving_gbp", "profit_gbp")
                    ),
                    _bearer(c),
                )
                for slug, c in nulls.items()
            ],
        )
    if own in nulls and has_effect(case):
        words = risk_words(nulls[own])
        yield Paragraph(f"The risk that therapy does nothing lies, in this case, with {words}")
    yield from figures(case, "contracts")


def _bearer(contract: Case) -> str:
    return risk_words(contract).partition(".")[0]


def _lint(case: Case) -> Blocks:
    if case["lint"]:
        yield Bullets(tuple(finding["words"] for finding in case["lint"]))
    else:
        yield Paragraph("No fault was found: few terms, settled by data that payers hold, and nobody gains from harm.")
