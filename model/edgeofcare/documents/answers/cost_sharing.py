"""Who should pay what for the service, as one document: shares by several rules. In: a `Shares`. Out: a `Document`.

It computes nothing but sums and roundings. Must not know: scenarios, engines, formats.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from edgeofcare.documents.document import Block, Bullets, Callout, Document, Heading, Table, table_of
from edgeofcare.documents.words import capital, listed, pounds, said_pounds, things
from edgeofcare.questions.cost_sharing.cost_sharing import RULES, Shares
from edgeofcare.questions.cost_sharing.team_needs import Scale

PENCE = 100


def cost_sharing_document(found: Shares) -> Document:
    """Return how the cost of the service could be shared, and who would gain by leaving."""
    return Document(
        title=f"Who should pay what for {found.scenario}?",
        subtitle="The cost of the service, shared among boroughs by several rules.",
        blocks=tuple(_blocks(found)),
        footer=f"edgeofcare cost-sharing; scenario {found.scenario}.",
        keywords=("outcomes contract", "cost sharing", found.scenario),
    )


def cost_sharing_json(found: Shares) -> dict[str, Any]:
    """Return the object that `--json` prints: the answer with what it says in words."""
    return {**found.as_dict(), "words": cost_sharing_words(found)}


def _blocks(found: Shares) -> Iterator[Block]:
    answer, *rest = cost_sharing_words(found)
    yield Callout(answer)
    yield Bullets(tuple(rest))
    yield Heading("Shares of the cost, by what they are shared by")
    yield _table(found)


def _table(found: Shares) -> Table:
    rows = [
        (need.name, _said(found.alone_pence[i]), *(_said(rule.pence[i]) for rule in found.rules))
        for i, need in enumerate(found.needs)
    ]
    rows.append(("Together", _said(sum(found.alone_pence)), *(_said(sum(rule.pence)) for rule in found.rules)))
    head = ("Borough", "Alone", *(capital(RULES[rule.rule]) for rule in found.rules))
    left_out = (f"Not shared by {RULES[rule]}: {why}." for rule, why in found.left_out.items())
    return table_of("What each borough would pay", head, rows, " ".join(left_out))


# ---- words ---------------------------------------------------------------------------------------------------------


def cost_sharing_words(found: Shares) -> list[str]:
    """Return the answer in sentences: the cost, the shares, who would leave, what a team needs."""
    names = {need.slug: need.name for need in found.needs}
    by_shapley = found.rule("shapley")
    told = [
        f"Together the boroughs share {_pounds(found.cost_pence)} ({_teams(found)}); each alone, they would pay "
        f"{_pounds(sum(found.alone_pence))} between them. The scenario's own service costs "
        f"{_pounds(found.actual_cost_pence)}."
    ]
    parts = sorted(zip(found.needs, by_shapley.pence, strict=True), key=lambda pair: -pair[1])
    told.append("By Shapley value " + listed([f"{need.name} pays {_pounds(part)}" for need, part in parts]) + ".")
    if found.se_pence is not None:
        told.append(
            f"These shares are estimated from {found.permutations:,} orders of joining, with a standard error of up to "
            f"{_pounds(max(found.se_pence))}."
        )
    losing = [n.name for n, net in zip(found.needs, by_shapley.net_gbp, strict=True) if net < 0]
    if losing:
        told.append(f"That is more than the expected cashable saving of {listed(losing)}.")
    if found.core.n_groups:
        told.append(_core_words(found))
    for rule in found.rules:
        if not rule.stable:
            group = listed([names[slug] for slug in rule.leaves])
            told.append(f"Shared by {RULES[rule.rule]}, {group} would gain {pounds(rule.gains_gbp)} by leaving.")
    return told + [_scale_words(scale, found.therapies[scale.therapy]) for scale in found.scales]


def _core_words(found: Shares) -> str:
    if found.core.empty:
        return (
            f"The core is empty: however the cost is shared, some group could save at least "
            f"{_pounds(found.core.epsilon)} by leaving."
        )
    if found.core.empty is None:
        return f"No sharing was ruled out by the {found.core.n_groups:,} groups looked at; there are more."
    stable = [RULES[rule.rule] for rule in found.rules if rule.stable]
    if not stable:
        return "The core is not empty: some sharing leaves no group a gain by leaving, but none of these does."
    return f"The core is not empty: shared by {listed(stable, 'or')}, no group would gain by leaving."


def _scale_words(scale: Scale, therapy: str) -> str:
    team = f"A team of {therapy} with {scale.slots} places"
    if scale.least_referrals_per_year is None:
        return f"{team} is not used by anyone."
    told = (
        f"{team} is used to {scale.least_use:.0%} from {scale.least_referrals_per_year} referrals a year on; all "
        f"boroughs together refer {scale.all_referrals_per_year:.0f} a year"
    )
    if not scale.n_groups:
        return told + "."
    return told + f", and {scale.n_viable:,} of {scale.n_groups:,} groups of two or more use such teams enough."


def _teams(found: Shares) -> str:
    each = zip(found.teams, found.therapies.values(), strict=True)
    return listed([things(n, f"{name} team") for n, name in each if n]) or "no team"


def _pounds(pence: float) -> str:
    return pounds(pence / PENCE)


def _said(pence: float) -> str:
    return said_pounds(pence / PENCE)
