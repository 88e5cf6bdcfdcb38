"""What a written waterfall must be: accounts that exist, the right direction, no circle, every tranche in use.

In: tranches and actions as written. Out: faults, each beginning with its key in square brackets. Must not know: files,
money rules.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from edgeofcare.inputs.contract import Step, Tranche

CASH, PAYERS, SERVICE, GUARANTOR, INVESTOR = "cash", "payers", "service", "guarantor", "investor"
GIVEN = (CASH, PAYERS, SERVICE, GUARANTOR)


@dataclass(frozen=True)
class Action:
    """What is true of an action of the waterfall, whoever writes it.

    leads: its direction in words. source, payee: the accounts it may lead from and to, by the names of `_accounts`.
    always: every waterfall has it. once: it stands only once. stands: its place, seen from pay_cost. figures: keys that
    belong to it and that it needs. limit: whether limit_gbp must, may or must not be given. shared: its payee may be
    shares of several.
    """

    leads: str
    source: str
    payee: str
    always: bool = False
    once: bool = False
    stands: Literal["before_costs", "at_costs", "after_costs"] = "after_costs"
    figures: tuple[str, ...] = ()
    limit: Literal["needed", "allowed", "never"] = "allowed"
    shared: bool = False


ACTIONS = {
    "draw": Action("from a tranche to cash", "tranches", CASH, always=True, stands="before_costs"),
    "receive": Action(
        "from payers to cash", PAYERS, CASH, always=True, once=True, stands="before_costs", limit="never"
    ),
    "pay_cost": Action("from cash to service", CASH, SERVICE, always=True, once=True, stands="at_costs", limit="never"),
    "pay_fee": Action("from cash to an account of its own", CASH, "fees", figures=("gbp_per_year",)),
    "accrue_and_pay_interest": Action("from cash to a tranche that is not a grant", CASH, "repayable"),
    "repay": Action("from cash to a tranche that is not a grant", CASH, "repayable"),
    "reserve": Action("from cash or another reserve to an account of its own", "reserves", "reserves", limit="needed"),
    "carry": Action("from cash to an account of its own", CASH, "fees", figures=("carry_share", "hurdle_per_year")),
    "split_residual": Action(
        "from cash to tranches that are not grants, payers, service or accounts of fees and carry",
        CASH,
        "residual",
        always=True,
        shared=True,
    ),
    "protect": Action("from guarantor to a capital_protected tranche", GUARANTOR, "protected"),
}


def tranche_faults(tranches: Mapping[str, Tranche]) -> Iterator[str]:
    """Give the faults of the tranches by themselves."""
    for name in tranches:
        if name in GIVEN:
            yield f"[tranches.{name}] is the name of an account that is always there; give the tranche another"
    if tranches and all(tranche.kind == "grant" for tranche in tranches.values()):
        yield "[tranches] must hold one that is not a grant: somebody must get what is left"


def waterfall_faults(tranches: Mapping[str, Tranche], steps: Sequence[Step]) -> Iterator[str]:
    """Give the faults of a written waterfall; `tranches` is empty for one investor."""
    names = list(tranches) or [INVESTOR]
    own = {
        str(step.payee)
        for step in steps
        if ACTIONS[step.do].payee in ("fees", "reserves") and isinstance(step.payee, str)
    }
    unknown = list(_unknown(steps, sorted({*GIVEN, *names, *own})))
    yield from unknown or _directions(tranches, names, steps)
    yield from _circles(steps)
    yield from _order(steps)
    yield from _idle(tranches, names, steps)


def _payees(step: Step) -> tuple[str, ...]:
    return (step.payee,) if isinstance(step.payee, str) else tuple(step.payee)


def _unknown(steps: Sequence[Step], known: list[str]) -> Iterator[str]:
    for n, step in enumerate(steps):
        for key, accounts in (("source", (step.source,)), ("payee", _payees(step))):
            for name in accounts:
                if name not in known:
                    near = get_close_matches(name, known, n=1, cutoff=0.5)
                    meant = f" Did you mean {near[0]!r}?" if near else ""
                    yield f"[waterfall.{n}.{key}] there is no account {name!r}.{meant} Accounts: {', '.join(known)}"


def _directions(tranches: Mapping[str, Tranche], names: list[str], steps: Sequence[Step]) -> Iterator[str]:
    accounts = _accounts(tranches, names, steps)
    for n, step in enumerate(steps):
        action = ACTIONS[step.do]
        key = "source" if step.source not in accounts[action.source] else "payee"
        shared = isinstance(step.payee, dict)
        may_be_paid = accounts[action.payee].issuperset(_payees(step)) and (action.shared or not shared)
        if key == "source" or not may_be_paid:
            found = f"{step.source} to {' and '.join(_payees(step)) or 'nobody'}"
            yield f"[waterfall.{n}.{key}] {step.do} must lead {action.leads}; this one leads from {found}"
        elif isinstance(step.payee, dict) and not math.isclose(sum(step.payee.values()), 1, abs_tol=1e-6):
            yield f"[waterfall.{n}.payee] shares must sum to 1; they sum to {sum(step.payee.values()):g}"


def _accounts(tranches: Mapping[str, Tranche], names: list[str], steps: Sequence[Step]) -> dict[str, set[str]]:
    """Return the accounts of this waterfall by the names that actions know them by."""
    repayable = {name for name in names if name not in tranches or tranches[name].kind != "grant"}
    taken = {*GIVEN, *names}
    reserves = {str(step.payee) for step in steps if step.do == "reserve"} - taken
    fees = {str(step.payee) for step in steps if ACTIONS[step.do].payee == "fees"} - taken - reserves
    return {name: {name} for name in GIVEN} | {
        "tranches": set(names),
        "repayable": repayable,
        "protected": {name for name, tranche in tranches.items() if tranche.kind == "capital_protected"},
        "fees": fees,
        "reserves": {CASH, *reserves},  # back to cash is a circle, and told as one
        "residual": {*repayable, PAYERS, SERVICE, *fees},
    }


def _circles(steps: Sequence[Step]) -> Iterator[str]:
    """Give each circle in which reserves lead money, at the action that closes it."""
    leads: dict[str, list[str]] = {}
    for n, step in enumerate(steps):
        if step.do == "reserve":
            payee = str(step.payee)
            if back := _way(payee, step.source, leads):
                circle = " -> ".join([step.source, *back])
                yield f"[waterfall.{n}.payee] must not lead money round in a circle: {circle}"
            else:
                leads.setdefault(step.source, []).append(payee)


def _way(start: str, end: str, leads: Mapping[str, list[str]]) -> list[str]:
    """Return the accounts on a way from one account to another, both included; empty if there is none.

    The ways that `leads` holds must not form a circle.
    """
    if start == end:
        return [start]
    ways = (_way(name, end, leads) for name in leads.get(start, []))
    return next(([start, *way] for way in ways if way), [])


def _order(steps: Sequence[Step]) -> Iterator[str]:
    """Give what is missing, what stands twice, and what stands on the wrong side of the costs."""
    verbs = [step.do for step in steps]
    always = [verb for verb, action in ACTIONS.items() if action.always]
    if missing := [verb for verb in always if verb not in verbs]:
        yield f"[waterfall] must have the actions {', '.join(always)}; there is no {' and no '.join(missing)}"
    elif all(step.limit_gbp is not None for step in steps if step.do == "split_residual"):
        yield "[waterfall] must have a split_residual without limit_gbp: at the end all cash is released"
    for n, step in enumerate(steps):
        action = ACTIONS[step.do]
        if action.once and step.do in verbs[:n]:
            yield f"[waterfall.{n}.do] {step.do} must stand only once"
        elif action.stands == "before_costs" and "pay_cost" in verbs[:n]:
            yield f"[waterfall.{n}.do] {step.do} must come before pay_cost, which needs the money"
        elif action.stands == "after_costs" and "pay_cost" in verbs[n:]:
            yield f"[waterfall.{n}.do] {step.do} must come after pay_cost: costs are paid first"
        elif step.do == "carry" and any(_takes_all(before) for before in steps[:n]):
            yield f"[waterfall.{n}.do] carry must come before the split_residual without limit_gbp, which takes all"


def _takes_all(step: Step) -> bool:
    return step.do == "split_residual" and step.limit_gbp is None


def _idle(tranches: Mapping[str, Tranche], names: list[str], steps: Sequence[Step]) -> Iterator[str]:
    """Give tranches, coupons and protections that a waterfall never uses."""
    used = {(step.do, name) for step in steps for name in (step.source, *_payees(step))}
    for name in names:
        if ("draw", name) not in used:
            who = "is" if tranches else "the investor is"
            yield f"[{f'tranches.{name}' if tranches else 'waterfall'}] {who} never drawn: there is no draw from {name}"
    for name, tranche in tranches.items():
        if (tranche.coupon_per_year or tranche.coupon_from_ladder) and ("accrue_and_pay_interest", name) not in used:
            yield f"[tranches.{name}] has a coupon, but the waterfall has no accrue_and_pay_interest to it"
        if tranche.protected_share and ("protect", name) not in used:
            yield f"[tranches.{name}] is protected, but the waterfall has no protect to it"
