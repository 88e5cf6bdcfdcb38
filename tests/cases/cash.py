"""Cash of one contract worked by hand: costs by day and payments by quarter, one replication."""

from __future__ import annotations

from typing import Any

import numpy as np

from cases.build import make_scenario, money_case
from edgeofcare.inputs.contract import Capital
from edgeofcare.money.capital import Cashflows, capital, check_balances
from edgeofcare.money.costs import ServiceCosts
from edgeofcare.money.payments import Payments

# The 30th day after the end of each of the six quarters from April 2020.
PAYDAYS = [120, 212, 304, 394, 485, 577]
FEE = {"do": "pay_fee", "source": "cash", "payee": "manager", "gbp_per_year": 365.0}
NEVER = 10**9
# A fixed fee may fall due in any period, so all six of them count.
ANY_PERIOD = [{"pays": "block_fee", "gbp_per_year": 1.0}]


def case(
    costs: dict[int, int],
    received: list[int],
    ends: int = NEVER,
    ladder: dict[int, float] | None = None,
    fired: dict[str, int] | None = None,
    terms: list[dict[str, Any]] = ANY_PERIOD,
    **capital_terms: Any,
) -> Cashflows:
    """Return how money moves with costs by day and payments by quarter, GBP, one replication.

    ends: the day on which the contract ended early; ladder: rate in force from a quarter on; terms: of the contract.
    """
    return settled(costs, received, ends, ladder, fired, terms, **capital_terms)[0]


def settled(
    costs: dict[int, int],
    received: list[int],
    ends: int = NEVER,
    ladder: dict[int, float] | None = None,
    fired: dict[str, int] | None = None,
    terms: list[dict[str, Any]] = ANY_PERIOD,
    **capital_terms: Any,
) -> tuple[Cashflows, Payments]:
    """Return how money moves, and the payments."""
    scenario = make_scenario(contract={"lag_days": 30, "terms": terms})
    one = {} if "tranches" in capital_terms else {"commitment_gbp": 10_000.0}
    scenario = scenario.model_copy(update={"capital": Capital.model_validate(one | capital_terms)})
    plan, _ = money_case(scenario)
    service = ServiceCosts(
        days=np.array(sorted(costs)),
        kinds=("all",),
        fixed=np.array([[costs[day] * 100 for day in sorted(costs)]]),
        starts=np.zeros((1, len(costs)), dtype=np.int64),
        boroughs_own=np.zeros((1, 6), dtype=np.int64),
    )
    pence = np.array(received)[None, None, :, None] * 100
    rates = np.full((1, len(PAYDAYS)), np.nan)
    for quarter, from_then in (ladder or {}).items():
        rates[:, quarter:] = from_then
    paid = Payments(
        days=np.array(PAYDAYS),
        labels=("all",),
        pence=pence,
        top_up=np.zeros_like(pence[..., 0]),
        before_caps=pence.sum(axis=(1, 2, 3)),
        cap_binds=np.array([False]),
        outcome_pence=np.zeros((1, 2), dtype=np.int64),
        ladder_rate=rates,
        ends=np.array([ends]),
        fired={name: np.array([day]) for name, day in (fired or {}).items()},
    )
    cash = capital(service, paid, plan, scenario)
    check_balances(cash)
    return cash, paid


def moved(cash: Cashflows, what: str) -> dict[int, float]:
    """Return an amount by day, GBP, where there is one."""
    return {int(d): p / 100 for d, p in zip(cash.days, getattr(cash, what)[0], strict=True) if p}


STEPS = {
    "draw": {"do": "draw", "source": "investor", "payee": "cash"},
    "receive": {"do": "receive", "source": "payers", "payee": "cash"},
    "pay_cost": {"do": "pay_cost", "source": "cash", "payee": "service"},
    "split": {"do": "split_residual", "source": "cash", "payee": "investor"},
}


def with_steps(*steps: dict[str, Any]) -> list[dict[str, Any]]:
    """Return a waterfall of one investor with these actions between the costs and the residual."""
    return [STEPS["draw"], STEPS["receive"], STEPS["pay_cost"], *steps, STEPS["split"]]


def did(cash: Cashflows, label: str) -> dict[int, float]:
    """Return what an action moved by day, GBP, where it did."""
    return {int(d): p / 100 for d, p in zip(cash.days, cash.moved[label][0], strict=True) if p}
