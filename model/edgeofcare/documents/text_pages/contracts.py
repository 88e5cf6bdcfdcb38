"""Contracts side by side, break-even prices and a contract's faults, in plain words. In: results. Out: text.

It computes nothing but roundings. Must not know: scenarios, rows, files.
"""

from __future__ import annotations

import textwrap
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from edgeofcare.documents.text_pages.run import SOMETIMES
from edgeofcare.documents.words import millions, percent, pounds, ratio, small_percent
from edgeofcare.questions.counterfactuals import BASE_WORDS, EFFECT_WORDS
from edgeofcare.questions.lint import Finding

WIDTH = 118
MOST, LITTLE = 0.75, 0.25  # of what is paid under the claim: who bears the risk that therapy does nothing
Figures = Mapping[str, Any]


def comparison_page(found: Figures) -> str:
    """Return contracts side by side: the answer, the table, who bears the risk, and the grid if there is one."""
    contracts = found["contracts"]
    parts = [_head(found), _answer(contracts), _table(contracts), _risks(contracts)]
    if "worlds" in found:
        parts += [_grid_key(found), *(_grid(found, *panel) for panel in PANELS)]
    return "\n\n".join("\n".join(part) for part in parts) + "\n"


def _head(found: Figures) -> Iterator[str]:
    n = len(found["contracts"])
    yield f"{n} contract{'s' if n > 1 else ''} on the same children: {found['scenario']}"
    scaled = any(c["price_factor"] != 1 for c in found["contracts"].values())
    prices = "prices scaled once to the same expected cost at the claimed effect" if scaled else "prices as published"
    yield f"{found['replications']:,} simulated contracts, seed {found['seed']}; every contract sees the same lives."
    yield f"{prices[0].upper()}{prices[1:]}."


def _answer(contracts: Figures) -> Iterator[str]:
    yield "THE ANSWER"
    if len(contracts) == 1:
        return
    best = max(contracts, key=lambda name: contracts[name]["net_saving_gbp"]["mean"])
    yield (
        f"  If therapy does what is claimed, boroughs keep most under {best}: "
        f"{pounds(contracts[best]['net_saving_gbp']['mean'])} after payments."
    )
    nulls = {name: c["if_no_effect"]["payments_gbp"]["mean"] for name, c in contracts.items() if "if_no_effect" in c}
    least, most = min(nulls, key=lambda name: nulls[name]), max(nulls, key=lambda name: nulls[name])
    yield (
        f"  If it does nothing, {pounds(nulls[least])} is still paid under {least}, and {pounds(nulls[most])} under "
        f"{most}."
    )
    waiting = [name for name, c in contracts.items() if c["provider"]["waits_prob"] > SOMETIMES]
    if waiting:
        yield from _wrapped(
            f"As financed, the money runs out in more than 1 in 100 simulated contracts under {', '.join(waiting)}: no "
            f"return is shown, because the provider would be financing it."
        )
    losers = [name for name, c in contracts.items() if c["investor"]["profit_gbp"]["mean"] < 0]
    if losers:
        yield from _wrapped(f"Even if therapy works, investors lose on average under {', '.join(losers)}.")


COLUMNS = (  # heading in two lines, width
    ("", "paid", 8),
    ("due", "anyway", 8),
    ("per week", "gained", 9),
    ("boroughs", "keep", 9),
    ("chance", "to gain", 8),
    ("investors", "a year", 10),
    ("back", "per £1", 7),
    ("chance", "of loss", 8),
    ("", "|", 2),
    ("", "paid", 8),
    ("boroughs", "keep", 9),
    ("investors", "gain", 10),
)


def _table(contracts: Figures) -> Iterator[str]:
    yield f"{'IF THERAPY DOES WHAT IS CLAIMED':<91}IF IT DOES NOTHING"
    for line in (0, 1):
        yield _row("", [str(column[line]) for column in COLUMNS])
    for name, c in contracts.items():
        yield _row(name, [*_claimed_cells(c), "|", *_null_cells(c)])
    yield from _wrapped(
        "paid: by boroughs and any central top-up. due anyway: share of outcome payments that the same children would "
        "earn without therapy. per week gained: everything paid, for each week out of care that therapy adds inside "
        "the scenario's own tracking. boroughs keep: cashable care cost avoided there, less their own payments and "
        "costs. investors: return of the expected flows, all repayable money together; - where there is none."
    )


def _row(name: str, cells: Sequence[str]) -> str:
    return f"  {name:<18}" + "".join(f"{cell:>{width}}" for cell, (_, _, width) in zip(cells, COLUMNS, strict=True))


def _claimed_cells(c: Figures) -> list[str]:
    investor = c["investor"]
    return [
        pounds(c["payments_gbp"]["mean"]),
        percent(c["deadweight_share"]),
        pounds(c["gbp_per_attributable_week"]),
        pounds(c["net_saving_gbp"]["mean"]),
        percent(c["net_saving_prob"]),
        "unpaid" if c["provider"]["waits_prob"] > SOMETIMES else percent(investor["irr_of_expected_flows"], 1),
        ratio(investor["money_multiple"]["mean"]),
        percent(investor["loss_prob"]),
    ]


def _null_cells(c: Figures) -> list[str]:
    null = c.get("if_no_effect", {})
    return [
        pounds(null[key]["mean"]) if key in null else "-" for key in ("payments_gbp", "net_saving_gbp", "profit_gbp")
    ]


def _risks(contracts: Figures) -> Iterator[str]:
    yield "WHO BEARS THE RISK THAT THERAPY DOES NOTHING"
    for name, c in contracts.items():
        if "if_no_effect" in c:
            yield from _wrapped(f"{name}: {risk_words(c)}")


def risk_words(contract: Figures) -> str:
    """Return in one sentence who loses what if therapy does nothing.

    Payers bear it if more is paid for nothing than a little of what the claim pays, or the service costs if that is
    more; investors if they lose.
    """
    null, claimed = contract["if_no_effect"], contract["payments_gbp"]["mean"]
    paid, lost = null["payments_gbp"]["mean"], -null["profit_gbp"]["mean"]
    measure = max(claimed, contract["service_cost_gbp"]["mean"])
    loses = (
        f"investors lose {pounds(lost)}"
        if lost > 0
        else (f"investors still gain {pounds(-lost)}" if lost < 0 else "no investor is at risk")
    )
    plan = f"{small_percent(paid / claimed)} of plan" if claimed > 0 else "nothing is planned"
    if paid <= LITTLE * measure:
        who = "the investors" if lost > 0 else "nobody"
        return f"{who}. {loses[0].upper()}{loses[1:]}; {pounds(paid)} is paid ({plan})."
    if lost <= 0 or paid >= MOST * measure:
        who = "the boroughs and the central payer" if contract["top_up_gbp"]["mean"] else "the boroughs"
        return f"{who}. {pounds(paid)} is paid for nothing ({plan}); {loses}."
    return f"both. {pounds(paid)} is paid for nothing ({plan}), and {loses}."


def own_contract(found: Figures) -> str:
    """Return under which name a comparison holds the scenario's own contract, if it holds it."""
    return "own" if "own" in found["contracts"] else str(found["scenario"])


def contract_words(name: str, title: str) -> str:
    """Return what a contract is called with the place or file that it comes from, unless that says the same."""
    place = name.replace("_", " ")
    if place in title.lower().replace("-", " "):
        return title
    return f"{title} ({place.title() if place.replace(' ', '').isalpha() else place.upper()})"


PANELS = (
    ("PAID, £m", lambda c: millions(c["payments_gbp"]["mean"])),
    ("BOROUGHS KEEP, £m", lambda c: millions(c["net_saving_gbp"]["mean"])),
    ("INVESTORS GAIN, £m", lambda c: millions(c["investor"]["profit_gbp"]["mean"])),
    ("CHANCE THAT THE INVESTORS LOSE", lambda c: percent(c["investor"]["loss_prob"])),
)
CELL = 6  # width of a figure of the grid
SHORT_EFFECTS = {"none": "none", "half": "half", "claimed": "claim", "start": "START"}


def _grid(found: Figures, title: str, cell: Any) -> Iterator[str]:
    worlds = found["worlds"]
    full = [world for world in worlds if world["volume"] == 1]
    bases = list(dict.fromkeys(world["base"] for world in full))
    fewer = [world for world in worlds if world["volume"] != 1]
    named = {(world["base"], world["effect"]): world["name"] for world in full}
    groups = [[named[base, effect] for effect in EFFECT_WORDS] for base in bases] + [[w["name"] for w in fewer]]
    yield f"{title}, by what therapy does, in three worlds and at fewer referrals"
    letters = [f"world {letter}" for letter in "ABC"] + ["A, claim, at"]
    yield f"  {'':<20}" + " ".join(f"{head:>{CELL * len(group)}}" for head, group in zip(letters, groups, strict=True))
    heads = [[SHORT_EFFECTS[effect] for effect in EFFECT_WORDS] for _ in bases]
    heads.append([f"{world['volume']:.0%}" for world in fewer])
    yield f"  {'':<20}" + " ".join("".join(f"{head:>{CELL}}" for head in group) for group in heads)
    for name, contract in found["contracts"].items():
        cells = ["".join(f"{cell(contract['grid'][world]):>{CELL}}" for world in group) for group in groups]
        yield f"  {name:<20}" + " ".join(cells)


def _grid_key(found: Figures) -> Iterator[str]:
    bases = dict.fromkeys(world["base"] for world in found["worlds"])
    yield "THE WORLDS: what would happen without therapy; every contract keeps its own baseline and price"
    for letter, base in zip("ABC", bases, strict=True):
        yield f"  {letter}: {BASE_WORDS[base]}"
    for effect, words in EFFECT_WORDS.items():
        yield f"  {SHORT_EFFECTS[effect]}: {words}"


def log_page(rows: Sequence[Mapping[str, Any]]) -> str:
    """Return what moved when in one replication; a trigger moves nothing itself."""
    lines = ["WHAT MOVED, AND WHAT SET IT OFF"]
    for row in rows:
        moved = f"{row['source']:>20} -> {row['payee']:<20}{pounds(row['gbp']):>10}" if row["payee"] else "(trigger)"
        lines.append(f"  {row['date']}  {row['what']:<28}{moved}")
    return "\n".join(lines)


# ---- faults of a contract ------------------------------------------------------------------------------------------


def lint_page(name: str, findings: Sequence[Finding]) -> str:
    """Return what is wrong with a contract."""
    if not findings:
        return f"{name}: no fault found. Few terms, settled by data that boroughs hold, and nobody gains from harm."
    lines = [f"{name}: {len(findings)} finding{'s' if len(findings) > 1 else ''}"]
    for finding in findings:
        lines += _wrapped(f"[{finding.check}] {finding.where}: {finding.words}")
    return "\n".join(lines)


def _wrapped(text: str) -> list[str]:
    return textwrap.wrap(text, WIDTH, initial_indent="  ", subsequent_indent="    ")
