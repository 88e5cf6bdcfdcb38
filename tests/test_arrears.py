"""Bills that cannot be paid: owed, paid first from later receipts, or called for; the reserve; carry."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from cases.cash import FEE, NEVER, case, did, moved, with_steps
from edgeofcare.documents.text_pages.run import page
from edgeofcare.errors import IdentityError, InputError
from edgeofcare.inputs.load import load
from edgeofcare.money.capital import NEVER_SHORT, Cashflows, check_balances, returns
from edgeofcare.walk import run

COSTS = {0: 1000, 91: 1000, 183: 1000, 365: 100, 456: 100}


def owed(cash: Cashflows) -> dict[int, float]:
    """Return what the provider is owed after each day on which that changes, GBP."""
    changes = np.diff(cash.owed[0], prepend=0)
    return {int(d): p / 100 for d, p, c in zip(cash.days, cash.owed[0], changes, strict=True) if c}


# ---- worked by hand ------------------------------------------------------------------------------------------------


def test_the_provider_waits_and_is_paid_before_anything_is_distributed() -> None:
    """GBP 1,500 for a service of 3,200: 500 of day 91 and 1,000 of day 183 wait.

    Day 120 brings 300, day 212 another 400; 800 are left, paid on day 304 out of 3,000. Of the rest 200 are kept for
    the last two bills, and 2,000 go to the investor, whose profit is receipts less cost: 5,000 - 3,200.
    """
    cash = case(COSTS, [300, 400, 3000, 0, 0, 1300], commitment_gbp=1500.0)
    assert moved(cash, "due") == COSTS
    assert moved(cash, "draws") == {0: 1000, 91: 500}
    assert moved(cash, "paid") == {0: 1000, 91: 500, 120: 300, 212: 400, 304: 800, 365: 100, 456: 100}
    assert owed(cash) == {91: 500, 120: 200, 183: 1200, 212: 800, 304: 0}
    assert moved(cash, "distributions") == {304: 2000, 577: 1300}
    assert cash.owed_at_worst.tolist() == [1200_00] and cash.never_paid.tolist() == [0]
    assert cash.first_short.tolist() == [91] and cash.days_owed.tolist() == [304 - 91]
    assert returns(cash).profit.tolist() == [1800_00]


def test_what_is_never_paid_is_owed_at_the_end() -> None:
    cash = case({0: 1000, 91: 1000}, [0, 0, 0, 300, 0, 0], commitment_gbp=1200.0)
    assert owed(cash) == {91: 800, 394: 500}
    assert moved(cash, "distributions") == {}
    assert (cash.owed_at_worst[0], cash.never_paid[0], cash.days_owed[0]) == (800_00, 500_00, 577 - 91)


def test_a_service_that_is_always_paid_has_never_waited() -> None:
    cash = case(COSTS, [0] * 6)
    assert not cash.ran_out.any() and cash.first_short.tolist() == [NEVER_SHORT] and cash.days_owed.tolist() == [0]


def test_the_investor_may_be_called_beyond_its_commitment() -> None:
    """What cash lacks for bills is called, not the minimum: 500 on day 91, 700 on day 183, when 300 have come."""
    cash = case(COSTS, [300, 0, 3000, 0, 0, 0], commitment_gbp=1500.0, when_short="call", minimum_cash_gbp=0.0)
    assert did(cash, "draw investor -> cash") == {0: 1000, 91: 500}
    assert did(cash, "call investor -> cash") == {91: 500, 183: 700}
    assert moved(cash, "called") == {91: 500, 183: 700} and moved(cash, "paid") == COSTS
    assert not cash.owed.any()
    assert returns(cash).profit.tolist() == [100_00] and cash.peak_funding.tolist() == [2700_00]


def test_the_minimum_is_not_called_for() -> None:
    cash = case({0: 1000, 91: 1000}, [0] * 6, commitment_gbp=1100.0, when_short="call", minimum_cash_gbp=100.0)
    assert moved(cash, "called") == {91: 900}
    assert moved(cash, "distributions") == {}


def test_the_last_repayable_tranche_drawn_is_called() -> None:
    tranches = {
        "junior": {"kind": "junior", "commitment_gbp": 600.0},
        "senior": {"kind": "senior", "commitment_gbp": 500.0},
        "gift": {"kind": "grant", "commitment_gbp": 300.0},
    }
    cash = case({0: 1000, 91: 1000}, [0, 0, 0, 0, 0, 2000], tranches=tranches, when_short="call")
    # The grant is drawn after the senior money, which is then called for what is still missing.
    assert did(cash, "draw gift -> cash") == {}
    assert did(cash, "call senior -> cash") == {91: 900}
    assert cash.tranches["senior"].draws.sum() == 1400_00 and cash.tranches["senior"].repaid.sum() == 1400_00


def test_an_early_end_pays_what_was_owed() -> None:
    cash = case({0: 1000, 91: 1000, 183: 1000}, [0, 900, 0, 0, 0, 0], ends=182, commitment_gbp=1500.0)
    assert owed(cash) == {91: 500, 212: 0}
    assert moved(cash, "distributions") == {212: 400}


def test_reserves_of_a_waterfall_pay_what_is_owed() -> None:
    """Day 120: 300 set aside, 200 distributed. Day 183 needs 1,000: the reserve and the last 700 of the commitment."""
    waterfall = with_steps({"do": "reserve", "source": "cash", "payee": "rainy", "limit_gbp": 300.0})
    costs = {0: 1000, 365: 1000}
    cash = case(costs, [500, 0, 0, 0, 0, 0], waterfall=waterfall, distribute="from_day_one", commitment_gbp=1500.0)
    assert did(cash, "release rainy -> cash") == {365: 300}
    assert owed(cash) == {365: 200}
    assert moved(cash, "distributions") == {120: 200}


def test_breaches_are_defects_of_the_program() -> None:
    cash = case(COSTS, [300, 400, 3000, 0, 0, 0], commitment_gbp=1500.0)
    cash.owed[0, 3] += 1
    with pytest.raises(IdentityError, match="bills of the service: due is not paid"):
        check_balances(cash)
    cash = case(COSTS, [300, 400, 3000, 0, 0, 0], commitment_gbp=1500.0)
    cash.distributions[0, list(cash.days).index(183)] += 1
    with pytest.raises(IdentityError, match="distributed while the provider waits"):
        check_balances(cash)


# ---- the reserve ---------------------------------------------------------------------------------------------------


def test_all_fixed_costs_of_the_run_off_are_kept_and_nothing_is_called_again() -> None:
    """Bills of 100 on days 365 and 456 come after delivery. Day 304 keeps both; without a reserve only the first."""
    received = [0, 0, 4000, 0, 0, 0]
    kept, not_kept = case(COSTS, received), case(COSTS, received, reserve_months=0)
    assert moved(kept, "distributions") == {304: 3800} and not kept.redrawn.any()
    assert moved(not_kept, "distributions") == {304: 3900}
    assert moved(not_kept, "draws") == {0: 1000, 91: 1000, 183: 1000, 456: 100}
    assert not_kept.redrawn.tolist() == [100_00]
    assert returns(kept).profit == returns(not_kept).profit


@pytest.mark.parametrize(("months", "kept"), [(0, 100), (4, 100), (5, 200), (24, 200)])
def test_so_many_months_of_fixed_costs_are_kept(months: int, kept: int) -> None:
    """On day 304, 61 and 152 days before the bills: 4 months of 30.4375 days end on day 425, 5 on day 456."""
    cash = case(COSTS, [0, 0, 4000, 0, 0, 0], reserve_months=months)
    assert moved(cash, "distributions")[304] == 4000 - kept


def test_money_distributed_from_day_one_keeps_so_many_months_of_it() -> None:
    costs = {0: 1000, 91: 1000, 183: 1000, 275: 1000}
    free = case(costs, [5000, 0, 0, 0, 0, 0], distribute="from_day_one")
    held = case(costs, [5000, 0, 0, 0, 0, 0], distribute="from_day_one", reserve_months=12)
    assert moved(free, "distributions") == {120: 4000} and moved(free, "draws")[275] == 1000
    assert moved(held, "distributions") == {120: 3000} and 275 not in moved(held, "draws")
    assert (free.redrawn[0], held.redrawn[0]) == (1000_00, 0)


def test_cash_is_released_on_the_last_day_on_which_anything_can_fall_due() -> None:
    """Starts are paid for in the quarter that ends with delivery at the latest: day 304. Nothing is due after it."""
    per_start = [{"pays": "per_start", "price_gbp": 100.0}]
    cash = case({0: 1000}, [0, 0, 500, 0, 0, 0], terms=per_start, minimum_cash_gbp=50.0)
    assert cash.days[-1] == 304 and moved(cash, "distributions") == {304: 550}
    # With a floor, which is paid in the last quarter, all six count.
    assert case({0: 1000}, [0] * 6).days[-1] == 577


# ---- carry ---------------------------------------------------------------------------------------------------------

CARRY = {"do": "carry", "source": "cash", "payee": "manager", "carry_share": 0.2, "hurdle_per_year": 0.08}


def test_carry_is_a_share_of_what_is_above_the_hurdle() -> None:
    """1,000 drawn on day 0 are worth 1,000 x 1.08^(304/365) = 1,066.20 on day 304; of 1,300, a fifth of 233.80."""
    cash = case({0: 1000}, [0, 0, 1300, 0, 0, 100], waterfall=with_steps(CARRY))
    assert did(cash, "carry cash -> manager") == {304: 46.76, 577: 20}
    assert moved(cash, "distributions") == {304: 1253.24, 577: 80}
    earned = returns(cash)
    assert earned.profit.tolist() == [333_24] and earned.gross is not None
    assert earned.gross.profit.tolist() == [400_00] and earned.gross.irr[0] > earned.irr[0] > 0.08
    assert returns(case({0: 1000}, [0, 0, 1300, 0, 0, 0])).gross is None


def test_below_the_hurdle_there_is_no_carry() -> None:
    cash = case({0: 1000}, [0, 0, 1066, 0, 0, 0], waterfall=with_steps(CARRY))
    assert did(cash, "carry cash -> manager") == {}
    # What is still missing of the hurdle grows on: 0.20 on day 304 are nearly as much on day 577.
    more = case({0: 1000}, [0, 0, 1066, 0, 0, 10], waterfall=with_steps(CARRY))
    assert did(more, "carry cash -> manager") == {577: 1.96}


def test_a_second_carry_above_a_higher_hurdle() -> None:
    second = {**CARRY, "payee": "partner", "hurdle_per_year": 0.2, "carry_share": 0.5}
    cash = case({0: 1000}, [0, 0, 1300, 0, 0, 0], waterfall=with_steps(CARRY, second))
    # 1,253.24 are left; the investor must have had 1,000 x 1.2^(304/365) = 1,163.97 before the partner gets half.
    assert did(cash, "carry cash -> partner") == {304: 44.63}


def test_carry_leaves_exactly_the_hurdle_when_it_takes_all_the_rest() -> None:
    cash = case({0: 1000, 91: 500}, [0, 0, 900, 900, 0, 400], waterfall=with_steps({**CARRY, "carry_share": 1.0}))
    assert returns(cash).irr[0] == pytest.approx(0.08, abs=1e-5)


def test_fees_are_in_the_gross_return() -> None:
    earned = returns(case({0: 1000}, [0, 0, 2000, 0, 0, 0], waterfall=with_steps(FEE)))
    assert earned.gross is not None and (earned.gross.profit - earned.profit).tolist() == [548_00]


# ---- whatever the amounts ------------------------------------------------------------------------------------------

amounts = st.integers(0, 4000)
some_costs = st.dictionaries(st.integers(-200, 540), amounts, min_size=1, max_size=10)
some_receipts = st.lists(amounts, min_size=6, max_size=6)
commitments = st.integers(0, 9000)
ways = st.fixed_dictionaries(
    {
        "distribute": st.sampled_from(["after_delivery", "from_day_one"]),
        "reserve_months": st.sampled_from([None, 0, 3, 9]),
        "minimum_cash_gbp": st.sampled_from([0.0, 250.0]),
    }
)


@settings(max_examples=200, deadline=None)
@given(some_costs, some_receipts, commitments, commitments, ways, st.sampled_from([NEVER, 90, 300]))
def test_less_capital_never_makes_every_party_look_better(costs, received, one, other, way, ends) -> None:
    """Boroughs pay the same. What the investor gains, the provider has not been paid; and it never waits for less."""
    less, more = (
        case(costs, received, ends, commitment_gbp=float(gbp), **way) for gbp in (min(one, other), max(one, other))
    )
    assert (less.receipts == more.receipts).all() and (less.due == more.due).all()
    investors = [int(returns(cash).profit[0]) for cash in (less, more)]
    providers = [-int(cash.never_paid[0]) for cash in (less, more)]
    assert investors[0] - investors[1] == providers[1] - providers[0]
    assert providers[0] <= providers[1]
    if way["distribute"] == "after_delivery":
        assert (less.owed >= more.owed).all()
    if not less.never_paid.any() and not more.never_paid.any():
        assert investors[0] == investors[1] == int(less.receipts.sum() - less.due.sum())


@settings(max_examples=150, deadline=None)
@given(some_costs, some_receipts, commitments, ways, st.booleans(), st.booleans())
def test_an_investor_who_can_be_called_leaves_no_bill_unpaid(costs, received, gbp, way, fee, tranched) -> None:
    terms: dict[str, Any] = {"commitment_gbp": float(gbp)}
    if tranched:
        terms = {"tranches": {name: {"kind": "equity", "commitment_gbp": gbp / 2 + 1} for name in ("a", "b")}}
    elif fee:
        terms["waterfall"] = with_steps(FEE)
    cash = case(costs, received, when_short="call", **terms, **way)
    assert not cash.owed.any() and not cash.fees_owed.any()
    assert (returns(cash).profit == cash.receipts.sum() - cash.due.sum() - cash.charges.sum()).all()
    spent = cash.draws - cash.called
    assert spent.sum() <= sum(it.commitment for it in cash.tranches.values())
    # A call comes only where the commitment of the one who is called is used up.
    assert not cash.called.any() or spent.sum() == sum(it.commitment for it in cash.tranches.values())


@settings(max_examples=150, deadline=None)
@given(some_costs, some_receipts, commitments, st.sampled_from([0.0, 250.0]))
def test_with_the_usual_reserve_nothing_is_distributed_and_called_again(costs, received, gbp, minimum) -> None:
    cash = case(costs, received, commitment_gbp=float(gbp), minimum_cash_gbp=minimum)
    assert not cash.redrawn.any()


@settings(max_examples=150, deadline=None)
@given(some_costs, some_receipts, commitments)
def test_with_the_money_needed_the_provider_never_waits(costs, received, gbp) -> None:
    needed = int(case(costs, received, commitment_gbp=float(gbp)).needed[0])
    assert not case(costs, received, commitment_gbp=needed / 100).owed.any()


@settings(max_examples=150, deadline=None)
@given(some_costs, some_receipts, commitments, st.sampled_from([0.0, 0.2, 1.0]), st.sampled_from([0.0, 0.08]))
def test_carry_never_takes_from_the_hurdle(costs, received, gbp, share, hurdle) -> None:
    """Without carry the investor is worth X at the hurdle; with it, X less a share of what is above nil."""
    step = {**CARRY, "carry_share": share, "hurdle_per_year": hurdle}
    terms = {"commitment_gbp": float(gbp), "target_irr_per_year": hurdle}
    net, gross = case(costs, received, waterfall=with_steps(step), **terms), case(costs, received, **terms)
    before, after = (int(returns(cash).npv[0]) for cash in (gross, net))
    paid = int(sum(net.moved["carry cash -> manager"][0]))
    rounding = len(net.days) + 1
    assert net.distributions.sum() + paid == gross.distributions.sum()
    if before <= 0:
        assert paid <= rounding and after >= before - rounding
    else:
        assert after == pytest.approx((1 - share) * before, abs=rounding)


# ---- what may not be written ---------------------------------------------------------------------------------------

CARRY_FILE = "\n".join(
    "[[capital.waterfall]]\n" + "\n".join(f"{key} = {json.dumps(value)}" for key, value in step.items())
    for step in with_steps({**CARRY, "carry_share": 1.2})
)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        (
            '[capital]\nwhen_short = "areas"',
            "capital.when_short: must be one of 'arrears' or 'call' (got the text 'areas'). Did you mean 'arrears'?",
        ),
        (
            "[capital]\nreserve_months = 30",
            "capital.reserve_months: a reserve must not be longer than the run-off, from delivery_end to outcomes_end, "
            "24 months; it is 30. Leave it out to hold back all",
        ),
        (CARRY_FILE, "capital.waterfall.3.carry_share: must be at most 1 (got 1.2)."),
        (
            CARRY_FILE.replace("carry_share = 1.2\n", ""),
            "capital.waterfall.3.carry_share: belongs to carry, and carry needs it",
        ),
        (
            CARRY_FILE.replace("1.2", "0.2").replace('"pay_cost"', '"pay_cost"\ncarry_share = 0.1', 1),
            "capital.waterfall.2.carry_share: belongs to carry, and carry needs it",
        ),
    ],
)
def test_one_sentence_for_each_mistake(tmp_path: Path, text: str, told: str) -> None:
    file = tmp_path / "mine.toml"
    file.write_text(f'extends = "pan_london"\n{text}\n', encoding="utf-8")
    with pytest.raises(InputError) as raised:
        load(file)
    assert len(raised.value.faults) == 1 and told in str(raised.value.faults[0])


def test_carry_after_all_is_taken_is_refused() -> None:
    steps = with_steps()
    with pytest.raises(ValidationError, match=r"carry must come before the split_residual without limit_gbp"):
        case({0: 1}, [0] * 6, waterfall=[*steps, CARRY])


# ---- the shipped scenario ------------------------------------------------------------------------------------------


def test_profit_does_not_depend_on_the_commitment() -> None:
    """pan_london, GBP 0.25m to 4.5m: 9.7m - 6.9m; what changes is how long the provider waits."""
    scenario, found = load("pan_london"), {}
    for gbp in (0.25e6, 1.2e6, 1.5e6, 2.5e6, 4.5e6):
        changed = scenario.capital.model_copy(update={"commitment_gbp": gbp})
        done = run(scenario.model_copy(update={"capital": changed}), 200, 1)
        found[gbp] = done.replications
    profits = {gbp: float(rows["profit_gbp"].mean()) for gbp, rows in found.items()}
    assert max(profits.values()) == pytest.approx(min(profits.values()), rel=0.01)
    assert {round(float(rows["service_cost_gbp"].mean())) for rows in found.values()} == {6897676}
    worst = [float(rows["owed_at_worst_gbp"].mean()) for rows in found.values()]
    assert worst == sorted(worst, reverse=True) and worst[0] > 1e6 and worst[-1] == 0


# ---- the page ------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def pan_london() -> dict[str, Any]:
    return asdict(run(load("pan_london"), 20, 1).summary)


def test_money_that_runs_out_opens_the_answer_and_hides_the_return(pan_london: dict[str, Any]) -> None:
    stat = pan_london["investor"]["profit_gbp"]
    provider = dict(pan_london["provider"]) | {
        "waits_prob": 0.4,
        "n_waits": 80,
        "first_date": "2019-07-01",
        "owed_at_worst_gbp": {**stat, "mean": 794000.0, "p95": 913000.0},
        "days_owed": {**stat, "mean": 531.0},
        "never_paid_gbp": {**stat, "mean": 20000.0},
        "committed_gbp": 1.5e6,
        "needed_gbp": {**stat, "p95": 2.41e6},
    }
    text = " ".join(page(pan_london | {"provider": provider}).split())
    answer = text[text.index("THE ANSWER") :]
    assert answer.startswith("THE ANSWER As financed, the money runs out in 40 in 100 simulated contracts, first in ")
    assert "July 2019: £1.50m is committed and £2.41m is needed in 95 in 100." in answer
    assert "At worst £794k on average is owed to the provider at one time; £20k on average is never paid." in answer
    assert "No return is shown" in answer and "a year" not in text[text.index("INVESTOR") : text.index("BOROUGH")]
    assert "times what goes in" not in text and "531 days on average where it does" in text
    seldom = page(pan_london | {"provider": provider | {"waits_prob": 0.01}})
    assert "As financed" not in seldom and "times what goes in" in seldom


def test_gross_and_net_are_named_and_several_rates_are_told_with_the_reason(pan_london: dict[str, Any]) -> None:
    investor = dict(pan_london["investor"])
    gross = {**investor["irr"], "mean": 0.25}
    several = {"replication": 17, "lowest": -0.998, "highest": 1.001, "redrawn_gbp": 1.0}
    text = " ".join(page(pan_london | {"investor": investor | {"irr_gross": gross}}).split())
    assert "Gross return 25.0% a year; net of fees and carry" in text
    text = " ".join(page(pan_london | {"investor": investor | {"several_rates": several}}).split())
    told = (
        "In simulated contract 17 both -99.8% a year and 100.1% a year make its flows worth nil, because £1 was called"
    )
    assert told in text
