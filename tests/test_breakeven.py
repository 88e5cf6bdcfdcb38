"""Break-even: roots by settling or living again at the root, words where there is none, the range between."""

from __future__ import annotations

from dataclasses import replace
from functools import lru_cache

import numpy as np
import pytest

from edgeofcare.documents.answers.breakeven import VOLUME_OF, curve_words, price_words, range_words
from edgeofcare.errors import OptionError
from edgeofcare.experiment import Lives, settled, simulate_all
from edgeofcare.inputs.load import load, with_values
from edgeofcare.inputs.schema import Scenario
from edgeofcare.outcomes import Rows
from edgeofcare.questions.breakeven import (
    GAIN_COLUMNS,
    SHARE_COLUMNS,
    Breakeven,
    Gains,
    Root,
    bargaining_range,
    breakeven,
    curve_root,
    gains_of,
    main_price,
    without_caps,
)
from edgeofcare.questions.contracts import under
from edgeofcare.questions.counterfactuals import at_volume, claimed_case
from edgeofcare.summary import expected_rate

REPLICATIONS = 100
TARGET = 0.11
STEP = 1e-3  # of the contract's prices: how near a root is found
WEEK = 1  # position of the weekly term of Pan-London


def pan_london() -> Scenario:
    return load("pan_london")


@lru_cache
def found() -> Breakeven:
    return breakeven(pan_london(), target_irr=TARGET, chance=0.75, replications=REPLICATIONS)


@lru_cache
def lives() -> list[Lives]:
    return simulate_all(claimed_case(pan_london()), 1, REPLICATIONS)


def standing(on: list[Lives], scenario: Scenario) -> Gains:
    return gains_of(settled(on, GAIN_COLUMNS, scenario))


def out_of_care(on: list[Lives]) -> float:
    rows: Rows = settled(on, SHARE_COLUMNS)
    return float(1 - rows.at("care_days_therapy").sum() / rows.at("tracked_days").sum())


def at_weekly_price(price: float, caps: bool = True) -> Scenario:
    """Pan-London with both prices written anew by hand, in proportion, and another target."""
    values: dict[str, object] = {
        "contract.terms.0.price_gbp": 1000 * price / 400,
        "contract.terms.1.price_gbp": price,
        "capital.target_irr_per_year": TARGET,
    }
    if not caps:
        values["contract.cap_gbp"] = None
    return with_values(pan_london(), values)


# ---- price ----------------------------------------------------------------------------------------------------------


def test_the_price_is_that_of_the_last_priced_term() -> None:
    assert main_price(pan_london()) == ("week out of care", 400.0)
    assert (found().unit, found().own_price, found().target_irr_per_year) == ("week out of care", 400.0, TARGET)
    assert main_price(load("essex")) == ("care day saved", 75.0)
    assert pan_london().contract.terms[WEEK].pays == "per_week_out_of_care"


def test_at_the_investors_price_expected_net_present_value_is_nil() -> None:
    """A fresh settle just below the root loses, just above gains; and nil is nearer than one step either way."""
    (root,) = found().price["investor"].at
    below, at, above = (
        standing(lives(), at_weekly_price(root + sign * STEP * 400))["investor"].mean() for sign in (-1, 0, 1)
    )
    assert below < 0 < above
    assert abs(at) < (above - below) / 2


def test_at_the_investors_price_expected_flows_earn_the_target() -> None:
    (root,) = found().price["investor"].at
    scenario = at_weekly_price(root)
    assert expected_rate(settled(lives(), ["flows"], scenario)) == pytest.approx(TARGET, abs=0.002)


def test_a_higher_target_needs_a_higher_price() -> None:
    low = breakeven(pan_london(), target_irr=0.0, replications=20).price["investor"].at[0]
    high = breakeven(pan_london(), target_irr=0.3, replications=20).price["investor"].at[0]
    assert low < found().price["investor"].at[0] < high


def test_at_the_boroughs_price_without_cap_expected_net_saving_is_nil() -> None:
    for party in ("boroughs", "newham"):
        (root,) = found().price_without_cap[party].at
        below, above = (
            standing(lives(), at_weekly_price(root + sign * STEP * 400, caps=False))[party].mean() for sign in (-1, 1)
        )
        assert above < 0 < below, party


def test_price_with_a_chance_is_reached_in_that_share_of_contracts() -> None:
    (root,) = found().price_at_chance["investor"].at
    above = standing(lives(), at_weekly_price(root + STEP * 400))["investor"]
    below = standing(lives(), at_weekly_price(root - STEP * 400))["investor"]
    assert (above >= 0).mean() >= 0.75 > (below >= 0).mean()
    assert root > found().price["investor"].at[0], "three in four needs more than the average"
    words = price_words(found(), found().price_at_chance, 0.75)["investor"]
    assert words.startswith("is not worse off in 75% of contracts at £")


def test_a_cap_that_holds_payments_down_is_said_in_words() -> None:
    root = found().price["boroughs"]
    words = price_words(found(), found().price)["boroughs"]
    assert root.at == () and words == "breaks even at any price up to £4,000, for the cap limits what is paid"
    at_the_top = standing(lives(), at_weekly_price(4000.0))["boroughs"].mean()
    assert at_the_top > 0
    tight = with_values(pan_london(), {"contract.cap_gbp": 4e6})
    none = breakeven(tight, replications=20)
    assert none.price["investor"].at == ()
    assert "at no price up to £4,000: the cap holds" in price_words(none, none.price)["investor"]
    assert none.bargaining_range is None and range_words(none).startswith("There is no price at which both gain: ")
    assert none.price_without_cap["investor"].at, "without the cap there is one"


def test_without_caps_takes_every_cap_but_the_top_ups() -> None:
    bare = without_caps(pan_london())
    assert (bare.contract.cap_gbp, bare.contract.borough_cap_gbp, bare.contract.borough_year_cap_gbp) == (None,) * 3
    assert bare.contract.top_up == pan_london().contract.top_up and bare.contract.terms == pan_london().contract.terms
    free = with_values(pan_london(), {"contract.cap_gbp": None})
    assert breakeven(free, replications=5).price_without_cap == {}, "nothing to compare with"


# ---- the range ------------------------------------------------------------------------------------------------------


def root(*at: float, gains: bool = True) -> Root:
    return Root(at, 0.0, 1000.0, gains, gains)


def said(investor: Root, boroughs: Root, capped: bool = True) -> tuple[tuple[float, float] | None, str]:
    """The range of two roots, and its words."""
    price = {"investor": investor, "boroughs": boroughs}
    between = bargaining_range(price)
    return between, range_words(replace(found(), price=price, capped=capped, bargaining_range=between, unit="week"))


def test_range_of_a_capped_contract_is_open_above() -> None:
    low, high = found().bargaining_range or (0, 0)
    assert low == found().price["investor"].at[0] and high == 4000
    assert "(the cap protects the boroughs)" in range_words(found())


def test_range_by_hand() -> None:
    assert said(root(300.0), root(700.0)) == ((300, 700), "Both gain at prices from £300.00 to £700.00 for each week.")
    assert said(root(800.0), root(700.0)) == (
        None,
        "There is no price at which both gain: the investor needs £800.00 for each week, the boroughs together can pay "
        "£700.00.",
    )
    between, words = said(root(300.0), root(gains=False))
    assert between is None and words.startswith("There is no price at which both gain: the boroughs together breaks")
    assert said(root(), root(700.0))[0] == (0, 700)


def test_no_cap_is_blamed_where_there_is_none() -> None:
    assert "cap" not in said(root(300.0), root(), capped=False)[1]
    assert "(the cap protects" in said(root(300.0), root())[1]


# ---- effect and volume ----------------------------------------------------------------------------------------------


def test_curve_by_hand() -> None:
    assert curve_root([(1.0, 3.0), (0.0, -1.0)]).at == pytest.approx((0.25,))
    falling = curve_root([(0.2, 10.0), (0.6, -30.0)])
    assert falling.at == pytest.approx((0.3,)) and (falling.low, falling.high) == (0.2, 0.6)
    assert len(curve_root([(0, -1), (0.5, 1), (1, -1)]).at) == 2
    words = curve_words(found(), {"investor": falling}, "of plan")["investor"]
    assert words == "breaks even at 30% or less (of plan)"
    for value, verb in ((2.0, "gains"), (-2.0, "loses")):
        flat = curve_root([(0.1, value), (1.5, value)])
        assert flat.at == ()
        assert curve_words(found(), {"investor": flat}, "x")["investor"] == f"{verb} everywhere from 10% to 150% (x)"


def test_with_nobody_treated_no_range_of_effects_is_said() -> None:
    nobody = curve_root([(1.0, -3.0), (1.0, -3.0)])
    assert curve_words(found(), {"investor": nobody}, "x")["investor"] == (
        "loses whatever the effect, for nobody is treated (x)"
    )


@pytest.mark.parametrize("party", ["investor", "boroughs"])
def test_simulated_again_at_the_effect_root_a_party_breaks_even(party: str) -> None:
    """Straight lines between points lived bend by under 2% of the gain at the claim."""
    claimed, scenario = claimed_case(pan_london()), at_weekly_price(400.0)
    (aim,) = found().effect[party].at
    low, high = 0.0, 1.2
    for _ in range(10):
        middle = (low + high) / 2
        there = simulate_all(replace(claimed, hazard_ratio=claimed.hazard_ratio**middle), 1, REPLICATIONS)
        low, high = (middle, high) if out_of_care(there) < aim else (low, middle)
    assert out_of_care(there) == pytest.approx(aim, abs=0.002)
    size = abs(standing(lives(), scenario)[party].mean())
    assert abs(standing(there, scenario)[party].mean()) < 0.03 * size


def test_simulated_again_at_the_volume_root_the_investor_breaks_even() -> None:
    scenario = at_weekly_price(400.0)
    (aim,) = found().volume["investor"].at
    there = simulate_all(at_volume(claimed_case(pan_london()), aim), 1, REPLICATIONS)
    size = abs(standing(lives(), scenario)["investor"].mean())
    assert abs(standing(there, scenario)["investor"].mean()) < 0.06 * size
    assert 0.5 < aim < 1
    assert found().volume["boroughs"].at == ()
    words = curve_words(found(), found().volume, VOLUME_OF)["boroughs"]
    assert words.startswith("gains everywhere from 10% to 150%")


def test_parties_are_the_investor_the_boroughs_together_and_each() -> None:
    parties = ["investor", "boroughs", *pan_london().boroughs]
    for roots in (found().price, found().price_at_chance, found().price_without_cap, found().effect, found().volume):
        assert list(roots) == parties
    at = standing(lives(), pan_london())
    assert np.allclose(at["boroughs"], sum(at[slug] for slug in pan_london().boroughs))


# ---- faults ---------------------------------------------------------------------------------------------------------


def test_users_mistakes_are_sentences() -> None:
    with pytest.raises(OptionError, match=r"--chance must lie between 0 and 1 \(got 2\)"):
        breakeven(pan_london(), chance=2)
    with pytest.raises(OptionError, match=r"--target-irr must lie between -0.5 and 2, .* \(got 8\)"):
        breakeven(pan_london(), target_irr=8)
    with pytest.raises(OptionError, match="replications must be a whole number"):
        breakeven(pan_london(), replications=0)
    with pytest.raises(OptionError, match="no term has a price that could be moved"):
        breakeven(under(pan_london(), "fee_for_service"))
    with pytest.raises(OptionError, match="claims none of its own"):
        breakeven(load("pan_london_evidence"))
