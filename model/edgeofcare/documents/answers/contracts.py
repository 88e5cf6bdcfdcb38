"""What does each payment structure cost whom? Contracts on the same children, filtered and sorted without a new run.

In: a comparison of contracts as a dictionary. Out: a `Document`. It computes nothing but roundings. Must not know:
formats, engines.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from edgeofcare.documents.document import Bullets, Callout, Document, Heading, Said, Table, table_of
from edgeofcare.documents.papers.chapters import Blocks
from edgeofcare.documents.text_pages.contracts import contract_words, own_contract, risk_words
from edgeofcare.documents.text_pages.run import SOMETIMES
from edgeofcare.documents.words import (
    better_off,
    how_many,
    pounds,
    said_chance,
    said_pounds,
    said_return,
    small_percent,
    things,
)
from edgeofcare.errors import OptionError

Found = Mapping[str, Any]
NULL = "if_no_effect"
MOST_NAMED = 3  # contracts in one sentence


@dataclass(frozen=True)
class Sort:
    """A column to sort by. words: for people; of: the value in a contract, or None, which stands last."""

    words: str
    of: Callable[[Found], float | None]
    largest_first: bool = False


SORTS: dict[str, Sort] = {
    "boroughs_keep": Sort("what boroughs keep, the most first", lambda c: c["net_saving_gbp"]["mean"], True),
    "paid": Sort("what is paid, the least first", lambda c: c["payments_gbp"]["mean"]),
    "worst_year": Sort("the worst year, the mildest first", lambda c: c["worst_year_gbp"]["p95"]),
    "return": Sort("investors' return, the highest first", lambda c: c["investor"]["irr_of_expected_flows"], True),
    "loss": Sort("investors' chance of a loss, the smallest first", lambda c: c["investor"]["loss_prob"]),
    "paid_if_nothing": Sort("what is paid anyway, the least first", lambda c: _null(c, "payments_gbp")),
}


def payments_document(found: Found, names: Sequence[str] | None = None, sort_by: str = "boroughs_keep") -> Document:
    """Return contracts side by side on the same children.

    found: the object of `compare_contracts`. names: contracts to show; all if none is named. sort_by: a key of SORTS.
    Raises OptionError for a contract that is not in it and a column that is none of them.
    """
    chosen = _sorted(_chosen(found, names), sort_by)
    made = f"{found['replications']:,} simulated contracts, seed {found['seed']}"
    return Document(
        title="What does each payment structure cost whom?",
        subtitle=f"{things(len(chosen), 'contract')} on the same children: {found['scenario']}. {made}.",
        blocks=tuple(_blocks(found, chosen, sort_by)),
        footer=f"edgeofcare; scenario {found['scenario']}; {made}.",
        keywords=("outcomes contract", "payment by results", found["scenario"]),
    )


def _chosen(found: Found, names: Sequence[str] | None) -> dict[str, Found]:
    contracts: dict[str, Found] = found["contracts"]
    if not names:
        return contracts
    return {name: contracts[_known(found, name)] for name in names}


def _known(found: Found, name: str) -> str:
    if name not in found["contracts"]:
        raise OptionError(f"there is no contract {name} in this comparison. It has {', '.join(found['contracts'])}.")
    return name


def _sorted(chosen: Mapping[str, Found], sort_by: str) -> dict[str, Found]:
    """Return contracts in order; those without a value last, equal ones as they came."""
    if sort_by not in SORTS:
        raise OptionError(f"contracts cannot be sorted by {sort_by}. Columns: {', '.join(SORTS)}.")
    sort = SORTS[sort_by]

    def key(item: tuple[str, Found]) -> tuple[bool, float]:
        value = sort.of(item[1])
        return value is None, 0.0 if value is None else -value if sort.largest_first else value

    return dict(sorted(chosen.items(), key=key))


def _blocks(found: Found, chosen: Mapping[str, Found], sort_by: str) -> Blocks:
    from edgeofcare.documents.pictures.figures import contracts as picture

    n = found["replications"]
    waiting = [contract_words(name, c["name"]) for name, c in chosen.items() if provider_waits(c)]
    if waiting:
        yield Callout(
            f"As financed, the money runs out in more than 1 in 100 simulated contracts under "
            f"{'; '.join(waiting)}: the provider waits for its money, so no return is shown there.",
            "warning",
        )
    yield Callout(" ".join(_answer(chosen, n)))
    if all(c["gbp_per_attributable_week"] is None for c in chosen.values()):
        yield Callout(
            "In this case therapy adds no week out of care, so “if it works as this case assumes” is no better than "
            "“if it does nothing”.",
            "warning",
        )
    if n == 1:
        yield Callout("One simulated contract says nothing about chance: run more.", "warning")
    yield Heading("Side by side")
    yield picture({**found, "contracts": chosen})
    yield Heading("If therapy works as this case assumes")
    yield _works(found, chosen, n, sort_by)
    nulls = {name: c for name, c in chosen.items() if NULL in c}
    if nulls:
        yield Heading("If therapy does nothing")
        yield _does_nothing(found, nulls)
    yield Heading("Who bears which risk")
    yield _risks(found, chosen, n)
    yield Heading("How to read this")
    yield Bullets(tuple(_how_to_read(found, chosen)))


# ---- the answer ----------------------------------------------------------------------------------------------------


def _answer(chosen: Mapping[str, Found], n: int) -> Iterator[str]:
    """Yield who pays and keeps what, if therapy works and if not, and what becomes of investors; averages."""
    if len(chosen) == 1:
        yield from _one(*next(iter(chosen.items())), n)
        return
    who, paid = _who(chosen), {name: _paid(c) for name, c in chosen.items()}
    keeps = {name: c["net_saving_gbp"]["mean"] for name, c in chosen.items()}
    best, worst = max(keeps.values()), min(keeps.values())
    yield (
        f"If therapy works as this case assumes, the best contract for {who} is {_those(chosen, keeps, best)}, "
        f"{better_off(best)} on average; the worst is {_those(chosen, keeps, worst)}, {better_off(worst)}."
    )
    yield from _if_investors_gain(chosen, keeps, who)
    yield f"The least is paid under {_those(chosen, paid, min(paid.values()))}: {pounds(min(paid.values()))}."
    nulls = {name: _null(c, "payments_gbp") for name, c in chosen.items() if NULL in c}
    if nulls:
        low, high = min(nulls.values()), max(nulls.values())
        yield (
            f"If therapy does nothing, the most is still paid under {_those(chosen, nulls, high)}, {pounds(high)}, and "
            f"the least under {_those(chosen, nulls, low)}, {pounds(low)}."
        )


def _if_investors_gain(chosen: Mapping[str, Found], keeps: Mapping[str, float], who: str) -> Iterator[str]:
    """Tell where investors lose although therapy works, and what is best for boroughs where they do not."""
    losers = [name for name, c in chosen.items() if c["investor"]["profit_gbp"]["mean"] < 0]
    if not losers:
        return
    told = (
        f"{len(losers)} of these {len(chosen)} contracts"
        if len(losers) > MOST_NAMED
        else "; ".join(contract_words(name, chosen[name]["name"]) for name in losers)
    )
    yield f"Even then investors lose on average under {told}, and would hardly agree."
    offered = {name: value for name, value in keeps.items() if name not in losers}
    if offered and max(keeps.values()) not in offered.values():
        most = max(offered.values())
        yield f"Where investors do not lose, the best for {who} is {_those(chosen, offered, most)}, {better_off(most)}."


def _one(name: str, c: Found, n: int) -> Iterator[str]:
    profit = c["investor"]["profit_gbp"]["mean"]
    yield (
        f"If therapy works as this case assumes, {pounds(_paid(c))} is paid under {contract_words(name, c['name'])}; "
        f"this leaves {_who({name: c})} {better_off(c['net_saving_gbp']['mean'])}. Investors "
        f"{'gain' if profit >= 0 else 'lose'} {pounds(abs(profit))}, and lose money in "
        f"{how_many(c['investor']['loss_prob'], n)}. These are averages."
    )
    if NULL in c:
        yield f"The risk that therapy does nothing lies with {_risk(c)}"


def _who(chosen: Mapping[str, Found]) -> str:
    """Return who pays by outcome: the boroughs, or a single one by name."""
    names = [borough["name"] for borough in next(iter(chosen.values()))["boroughs"].values()]
    return names[0] if len(names) == 1 else "the boroughs"


def _keep(chosen: Mapping[str, Found]) -> str:
    who = _who(chosen).removeprefix("the ")
    return "Boroughs keep" if who == "boroughs" else f"{who} keeps"


def _those(chosen: Mapping[str, Found], values: Mapping[str, Any], value: float) -> str:
    """Return the contracts that share a value."""
    return " and ".join(contract_words(name, chosen[name]["name"]) for name in values if values[name] == value)


def _paid(c: Found) -> float:
    return float(c["payments_gbp"]["mean"])


def _null(c: Found, key: str) -> Any:
    """Return the average of a figure if therapy does nothing; None where that was not settled."""
    return c[NULL][key]["mean"] if NULL in c else None


def _risk(c: Found) -> str:
    """Return who loses what if therapy does nothing; "both" alone would not say who."""
    words = risk_words(c)
    return f"payers and investors{words.removeprefix('both')}" if words.startswith("both") else words


def payments_headline(found: Found, name: str) -> tuple[tuple[str, Said], ...]:
    """Return the few numbers of one contract to stand large: label, and the number in words."""
    c, n = found["contracts"][_known(found, name)], found["replications"]
    return (
        ("Paid, average", said_pounds(_paid(c))),
        ("Boroughs keep, average", said_pounds(c["net_saving_gbp"]["mean"])),
        ("Worst year for boroughs", said_pounds(c["worst_year_gbp"]["p95"])),
        ("Investors' return a year", _return(c)),
        ("Investors lose money in", said_chance(c["investor"]["loss_prob"], n)),
        ("Paid if therapy does nothing", said_pounds(_null(c, "payments_gbp"))),
    )


# ---- cells ---------------------------------------------------------------------------------------------------------


def _share_of_plan(c: Found) -> Said:
    share = _null(c, "payments_gbp") / _paid(c) if _paid(c) else None
    return Said("none" if share is None else small_percent(share), share, "share")


def provider_waits(c: Found) -> bool:
    """Return whether the provider waits for its money so often that no return is shown."""
    return float(c["provider"]["waits_prob"]) > SOMETIMES


def _return(c: Found) -> Said:
    """Return investors' rate on the average flows; none is shown where the provider would be financing it."""
    return (
        Said("bills unpaid", None, "share")
        if provider_waits(c)
        else said_return(c["investor"]["irr_of_expected_flows"])
    )


# ---- tables --------------------------------------------------------------------------------------------------------


def _label(found: Found, name: str, c: Found) -> str:
    return f"This case: {c['name']}" if name == own_contract(found) else contract_words(name, c["name"])


def _works(found: Found, chosen: Mapping[str, Found], n: int, sort_by: str) -> Table:
    return table_of(
        "What is paid, kept and earned",
        (
            "Contract",
            "Paid",
            f"of it, by {_who(chosen)}",
            _keep(chosen),
            "Worst year",
            "Investors' return",
            "Investors lose in",
            "Limit reached in",
        ),
        [
            (
                _label(found, name, c),
                said_pounds(_paid(c)),
                said_pounds(_paid(c) - c["top_up_gbp"]["mean"]),
                said_pounds(c["net_saving_gbp"]["mean"]),
                said_pounds(c["worst_year_gbp"]["p95"]),
                _return(c),
                said_chance(c["investor"]["loss_prob"], n),
                said_chance(c["cap_binds_prob"], n),
            )
            for name, c in chosen.items()
        ],
        f"Averages; sorted by {SORTS[sort_by].words}. Paid: by {_who(chosen)} and any central fund. {_keep(chosen)}: "
        f"care cost that can be taken out of budgets, less own payments and costs. Worst year: the most that "
        f"{_who(chosen)} must find in one financial year, which 1 in 20 simulated contracts exceed. Return: a year, on "
        "the average flows. Limit: a cap on payments.",
    )


def _does_nothing(found: Found, nulls: Mapping[str, Found]) -> Table:
    return Table(
        "What is paid anyway, and who bears it",
        ("Contract", "Paid anyway", "Share of plan", _keep(nulls), "Investors gain", "The risk lies with"),
        tuple(
            (
                _label(found, name, c),
                said_pounds(_null(c, "payments_gbp")),
                _share_of_plan(c),
                said_pounds(_null(c, "net_saving_gbp")),
                said_pounds(_null(c, "profit_gbp")),
                _risk(c).partition(".")[0],
            )
            for name, c in nulls.items()
        ),
        f"Averages{_over(found, nulls)}. Share of plan: of what is paid if therapy works as this case assumes. A minus "
        f"is a loss.",
        numeric=(False, True, True, True, True, False),
    )


def _over(found: Found, nulls: Mapping[str, Found]) -> str:
    """Say so if fewer simulated contracts were settled as if therapy did nothing."""
    few, n = min(c[NULL]["payments_gbp"]["n"] for c in nulls.values()), found["replications"]
    return f" over the first {few:,} of the {n:,} simulated contracts" if few < n else ""


def _risks(found: Found, chosen: Mapping[str, Found], n: int) -> Table:
    head = ("Contract", "That therapy does nothing", "That outcomes would have come anyway", "That more falls due")
    rows = [(_label(found, name, c), _effect_risk(c), _anyway_risk(c), _limit_risk(c, n)) for name, c in chosen.items()]
    return Table("Who bears which risk, in words", head, tuple(rows), numeric=(False,) * len(head))


def _effect_risk(c: Found) -> str:
    words = _risk(c) if NULL in c else "Not settled in this comparison."
    return f"{words[0].upper()}{words[1:]}"


def _anyway_risk(c: Found) -> str:
    share = c["deadweight_share"]
    if share is None:
        return "Nothing is paid for outcomes: the payers pay the same either way."
    if share > 1:
        return "The payers: without therapy more would fall due than with it."
    return f"The payers: {small_percent(share)} of what outcomes earn would fall due without therapy too."


def _limit_risk(c: Found, n: int) -> str:
    held = c["before_caps_gbp"]["mean"] - _paid(c)
    if not c["cap_binds_prob"]:
        return "The payers: no limit on payments was reached."
    often = how_many(c["cap_binds_prob"], n)
    return f"The investors, beyond the limit: reached in {often}, it takes {pounds(held)} off."


def _how_to_read(found: Found, chosen: Mapping[str, Found]) -> Iterator[str]:
    yield (
        "Every contract is settled on the same simulated children, living the same lives. Contracts of other places "
        "paid for other services: here they only lend their way of paying."
    )
    yield "Does nothing: the same children are paid for as if they had lived as they would without therapy."
    if any(c["price_factor"] != 1 for c in chosen.values()):
        yield "Prices are scaled once, so that every contract is expected to cost the same if therapy works."
        if "self_finance" in chosen:
            yield "Self-finance has no price to scale: it stays at what the service costs."
    else:
        yield "Prices are as published or judged: a contract may be cheap because its price is low, not its structure."
    yield f"Chances are of {found['replications']:,} simulated contracts; they show chance, not doubt about the inputs."
