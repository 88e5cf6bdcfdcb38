"""The economic case: value to society, in real and discounted pounds. In: parts of a case. Out: blocks.

It computes nothing but roundings, and holds no figure of the financial case. Must not know: formats, engines.
"""

from __future__ import annotations

from edgeofcare.documents.answers.breakeven import EFFECT_OF, VOLUME_OF, curve_words
from edgeofcare.documents.document import Bullets, Heading, Paragraph, table_of
from edgeofcare.documents.papers.chapters import Blocks, Case, inputs_of, turns, with_parts
from edgeofcare.documents.words import middle, percent, pounds, ratio
from edgeofcare.inputs.published import reference_file
from edgeofcare.questions.breakeven import BOROUGHS, Breakeven
from edgeofcare.results import typed

SMALLEST_RANGE = 0.01  # of a share: an effect looked at over less is no range


def economic_case(case: Case) -> Blocks:
    """Yield the chapter in real, discounted pounds: what society gets for what the service costs."""
    yield Heading("Economic case: is it good value for society?")
    yield Paragraph(
        "This chapter is in real, discounted pounds: inflation is taken out, and later years count for less. It leaves "
        "out who pays whom. What boroughs pay and save in cash is in the financial case; the two do not add up."
    )
    yield from with_parts(case, "summary inputs", _real_value)
    yield from with_parts(case, "exposure", _social_ratios)
    yield Heading("Switching values", 3)
    yield Paragraph(
        "A switching value is the point at which an answer turns. The ratios above leave out who pays whom; these are "
        "the points at which each party's own cash turns."
    )
    yield from with_parts(case, "breakeven", _switching)


def _real_value(case: Case) -> Blocks:
    avoided, inputs = case["summary"]["avoided_cost_gbp"]["real_discounted"], inputs_of(case)
    rate = inputs["prices.discount_rate_per_year"]
    yield Paragraph(
        f"The care avoided while children are tracked is worth {pounds(avoided['mean'])}"
        f"{middle(avoided['p10'], avoided['p90'])} in "
        f"pounds of the first day of service, discounted at {percent(rate, 1)} a year. Care prices that rise faster "
        "than general inflation still do."
    )


def _social_ratios(case: Case) -> Blocks:
    boroughs = case["exposure"]["boroughs"].values()
    rows = [
        (row["name"], *(ratio(row["benefit_cost_ratio"][key]) for key in ("social", "social_optimism_off")))
        for row in boroughs
    ]
    adjust = reference_file("optimism")["optimism"]["not_trial_based"]
    yield table_of(
        "Care cost avoided for each £1 that the service costs, real and discounted",
        ("Area", "As simulated", "With optimism taken off"),
        rows,
        "Care avoided at what it costs in the long run, over the cost of the service by share of children who start. "
        f"Optimism: benefits {percent(-adjust['benefit'])} lower, costs {percent(adjust['cost'])} higher, as the claim "
        "rests on no trial; the sizes are judgement.",
    )


def _switching(case: Case) -> Blocks:
    answer = typed(Breakeven, case["breakeven"])
    texts = []
    along = answer.effect[BOROUGHS]
    if along.high - along.low >= SMALLEST_RANGE:
        texts += [
            f"Days out of care with therapy ({percent(answer.therapy)} as assumed, {percent(answer.usual)} "
            f"without): {turns(answer, curve_words(answer, answer.effect, EFFECT_OF))}."
        ]
    else:
        texts += ["This case assumes no effect, so there is no effect to move."]
    texts.append(f"Number of referrals: {turns(answer, curve_words(answer, answer.volume, VOLUME_OF))}.")
    yield Bullets(tuple(texts))
