"""What is wrong with a contract before anybody signs it: too many terms, data that nobody holds, gain from harm.

In: a scenario with its contract. Out: `Finding`s in words. Must not know: how they are shown, files.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from edgeofcare.experiment import check_options, settled, simulate
from edgeofcare.inputs.contract import Contract
from edgeofcare.inputs.schema import Scenario
from edgeofcare.inputs.terms.base import RECORD_WORDS
from edgeofcare.money.pence import Floats
from edgeofcare.questions.counterfactuals import BASE_WORDS, Counterfactual, claimed_case, with_effect

MOST_TERMS = 4
REPLICATIONS = 1000
BASES_LOOKED_AT = ("contract", "start_control")
# A party is said to gain from harm if its mean gain exceeds five standard errors: by luck in 1 of 3.5 million cases.
SURE = 5.0


@dataclass(frozen=True)
class Finding:
    """One thing to mend. check: `terms`, `data` or `harm`; where: the key or party; words: one or two sentences."""

    check: str
    where: str
    words: str


def lint(scenario: Scenario, seed: int = 1) -> list[Finding]:
    """Return the findings of all three checks; the third lives the scenario with no effect and with harm."""
    contract = scenario.contract
    return [*too_many_terms(contract), *data_not_held(scenario), *gains_from_harm(scenario, seed)]


def too_many_terms(contract: Contract) -> list[Finding]:
    """Find a contract of more than four terms."""
    n = len(contract.terms)
    if n <= MOST_TERMS:
        return []
    return [
        Finding(
            "terms",
            "contract.terms",
            f"The contract has {n} terms. More than {MOST_TERMS} are hard to manage and to explain: over-complicated "
            f"payment is the lesson that Essex drew. Keep the one or two that carry the money.",
        )
    ]


def data_not_held(scenario: Scenario) -> list[Finding]:
    """Find terms that need records which a borough does not hold."""
    found = []
    for i, term in enumerate(scenario.contract.terms):
        for record in term.records_needed():
            without = [b.name for b in scenario.boroughs.values() if record not in b.data_held]
            if without:
                what = RECORD_WORDS.get(record, record.replace("_", " "))
                some = f"{', '.join(without)} lack{'s' if len(without) == 1 else ''}"
                who = "no borough holds" if len(without) == len(scenario.boroughs) else some
                found.append(
                    Finding(
                        "data",
                        f"contract.terms.{i}",
                        f"{term.pays} is settled by {what} ({record}), which {who}. Agree who keeps these records and "
                        f"add {record} to data_held, or choose another term.",
                    )
                )
    return found


def gains_from_harm(scenario: Scenario, seed: int = 1, replications: int = REPLICATIONS) -> list[Finding]:
    """Find parties that are better off if therapy does harm (the English trial's odds ratio) than if it does nothing.

    Looked at where care without therapy is as the contract says, and where only 11% would ever be placed. Payer: each
    borough's net saving. Payee: the investors' profit. Same lives, same luck in both worlds; a central top-up payer
    pays less for worse outcomes under any contract, and bears no cost of care, so it is left out.
    """
    claimed = claimed_case(scenario)
    check_options(scenario, replications, seed)
    found: dict[str, Finding] = {}
    for base in BASES_LOOKED_AT:
        none, harm = (
            _gains(with_effect(claimed, effect, base), scenario, seed, replications) for effect in ("none", "start")
        )
        for party in none:
            gain = harm[party] - none[party]
            mean, error = gain.mean(), gain.std(ddof=1) / np.sqrt(len(gain))
            if mean > SURE * error:
                found.setdefault(party, _gainer(party, base, float(mean)))
    return list(found.values())


def _gainer(party: str, base: str, gbp: float) -> Finding:
    return Finding(
        "harm",
        party,
        f"{party} would be £{gbp:,.0f} better off if therapy did harm than if it did nothing (world: "
        f"{BASE_WORDS[base]}). Lower the price, cap it, or turn the ladder round, until nobody gains when more "
        f"children are in care.",
    )


def _gains(case: Counterfactual, scenario: Scenario, seed: int, replications: int) -> dict[str, Floats]:
    """Return what each party is better or worse off, GBP, by name: (replication,)."""
    rows = settled([simulate(case, seed, 0, replications)], ("net_saving_gbp", "profit_gbp"))
    gains = {b.name: rows.at("net_saving_gbp", borough=slug) for slug, b in scenario.boroughs.items()}
    together = {"The boroughs together": rows.at("net_saving_gbp")} if len(gains) > 1 else {}
    return gains | together | {"The investor": rows.at("profit_gbp")}
