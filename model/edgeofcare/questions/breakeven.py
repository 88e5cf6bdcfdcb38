"""Where each party breaks even: the price, the effect and the volume, and the range in which they can agree.

In: a scenario. Out: a `Breakeven`. Price: same lives, other prices. Effect and volume: simulated again at a few points,
straight lines between. Must not know: how answers are shown, files.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Any

import numpy as np
import numpy.typing as npt

from edgeofcare.errors import OptionError
from edgeofcare.experiment import Case, Lives, Progress, check_options, experiment, settled, simulate_all, with_draws
from edgeofcare.inputs.contracts import at_price
from edgeofcare.inputs.schema import Scenario
from edgeofcare.outcomes import Rows
from edgeofcare.questions.counterfactuals import at_volume, claimed_case
from edgeofcare.results import plain

PRICES = (0.0, 0.1, 0.25, 0.5, 0.75, 1.0, 1.25, 1.5, 2.0, 3.0, 5.0, 10.0)  # times the contract's own
EFFECTS = (-0.2, 0.0, 0.2, 0.4, 0.6, 0.8, 1.0, 1.2)  # share of the log hazard ratio
VOLUMES = (0.1, 0.2, 0.3, 0.45, 0.6, 0.8, 1.0, 1.25, 1.5)
TOLERANCE = 1e-4  # of the contract's price
GAIN_COLUMNS = ("npv_gbp", "net_saving_gbp")
SHARE_COLUMNS = ("tracked_days", "care_days_therapy")
INVESTOR, BOROUGHS = "investor", "boroughs"
Values = npt.NDArray[np.float64]
Gains = dict[str, Values]  # party -> (replication,), GBP


@dataclass(frozen=True)
class Root:
    """Where a party breaks even.

    at: every crossing, in the unit of the question (pounds, share); empty if there is none. low, high: range looked
    at. gains_at_low, gains_at_high: whether the party is not worse off at its ends.
    """

    at: tuple[float, ...]
    low: float
    high: float
    gains_at_low: bool
    gains_at_high: bool

    @property
    def nowhere(self) -> bool:
        """Return whether the party loses all along."""
        return not self.at and not self.gains_at_high


@dataclass(frozen=True)
class Breakeven:
    """What each party needs. Parties: `investor`, `boroughs` (together), and each borough; names: for people.

    price: by party, at expected value; price_at_chance: with a chance of at least `chance`, if one was asked for.
    price_without_cap: the same if the contract had no caps (empty if it has none). unit: what the price is for.
    own_price: the contract's, GBP. bargaining_range: prices from the investor's to the boroughs', GBP; None if there is
    no price at which both gain. effect: share of tracked days out of care with therapy. volume: share of the
    referrals that the scenario expects. uncertain: prices at expected value with the scenario's uncertain inputs drawn.
    """

    target_irr_per_year: float
    chance: float | None
    unit: str
    own_price: float
    capped: bool
    names: dict[str, str]
    price: dict[str, Root]
    price_at_chance: dict[str, Root]
    price_without_cap: dict[str, Root]
    bargaining_range: tuple[float, float] | None
    effect: dict[str, Root]
    volume: dict[str, Root]
    usual: float
    therapy: float
    replications: int
    outer_draws: int
    seed: int
    uncertain: dict[str, Root] | None = None

    def as_dict(self) -> dict[str, Any]:
        """Return the object that `--json` prints."""
        found: dict[str, Any] = plain(self)
        return {key: value for key, value in found.items() if key != "uncertain" or value is not None}


def breakeven(
    scenario: Scenario,
    target_irr: float | None = None,
    chance: float | None = None,
    replications: int = 1000,
    seed: int = 1,
    outer_draws: int = 1,
    progress: Progress | None = None,
) -> Breakeven:
    """Return the prices, effects and volumes at which the investor and the boroughs break even.

    target_irr: the investor's rate a year, the scenario's if not given. chance: for prices at which a party is not
    worse off with at least this chance. outer_draws: with several, also prices with uncertain inputs drawn.
    Raises OptionError for numbers out of range and a contract without a price.
    """
    if chance is not None and not 0 < chance < 1:
        raise OptionError(f"--chance must lie between 0 and 1 (got {chance:g}).")
    if target_irr is not None and not -0.5 <= target_irr <= 2:
        raise OptionError(f"--target-irr must lie between -0.5 and 2, a rate a year such as 0.08 (got {target_irr:g}).")
    if target_irr is not None:
        scenario = scenario.model_copy(
            update={"capital": scenario.capital.model_copy(update={"target_irr_per_year": target_irr})}
        )
    unit, own_price = main_price(scenario)
    claimed = claimed_case(scenario)
    check_options(scenario, replications, seed, outer_draws)
    names = {INVESTOR: "the investor", BOROUGHS: "the boroughs together"}
    names |= {slug: borough.name for slug, borough in scenario.boroughs.items()}

    by_effect = {f"{i}": replace(claimed, hazard_ratio=claimed.hazard_ratio**x) for i, x in enumerate(EFFECTS)}
    by_volume = {f"at {volume}": at_volume(claimed, volume) for volume in VOLUMES}
    points = experiment(
        {**by_effect, **by_volume}, seed, replications, (*GAIN_COLUMNS, *SHARE_COLUMNS), progress=progress
    )
    rows = {name: found for (name, _), found in points.items()}
    shares = [_out_of_care(rows[name]) for name in by_effect]

    lives = simulate_all(claimed, seed, replications)
    at, uncapped = along_prices(lives, scenario), without_caps(scenario)
    capped = uncapped != scenario
    price = {party: _price_root(party, at, None, own_price) for party in names}
    free_at = along_prices(lives, uncapped)
    return Breakeven(
        target_irr_per_year=scenario.capital.target_irr_per_year,
        chance=chance,
        unit=unit,
        own_price=own_price,
        capped=capped,
        names=names,
        price=price,
        price_at_chance={} if chance is None else {p: _price_root(p, at, chance, own_price) for p in names},
        price_without_cap={p: _price_root(p, free_at, None, own_price) for p in names} if capped else {},
        bargaining_range=bargaining_range(price),
        effect=_curves(shares, [gains_of(rows[name]) for name in by_effect]),
        volume=_curves(VOLUMES, [gains_of(rows[name]) for name in by_volume]),
        usual=claimed.usual,
        therapy=claimed.therapy,
        replications=replications,
        outer_draws=outer_draws,
        seed=seed,
        uncertain=None if outer_draws == 1 else _uncertain(claimed, outer_draws, replications, seed, own_price, names),
    )


def _uncertain(
    claimed: Case, outer_draws: int, replications: int, seed: int, own_price: float, names: Mapping[str, str]
) -> dict[str, Root]:
    """Return the prices at expected value with inputs drawn: on the grid of prices, straight lines between.

    A price is a contract laid over the drawn cases, so other uncertain terms of the contract stay as written.
    """
    laid = {f"{factor}": at_price(claimed.scenario, factor) for factor in PRICES}
    drawn = {"drawn": with_draws(claimed, outer_draws, seed)}
    rows = experiment(drawn, seed, replications, GAIN_COLUMNS, laid)
    gains = [gains_of(rows["drawn", f"{factor}"]) for factor in PRICES]
    return _curves([own_price * factor for factor in PRICES], gains)


def _curves(xs: Sequence[float], gains: Sequence[Gains]) -> dict[str, Root]:
    """Return where each party's expected gain crosses nil along a line of points."""
    return {
        party: curve_root([(x, float(one[party].mean())) for x, one in zip(xs, gains, strict=True)])
        for party in gains[0]
    }


def along_prices(lives: Sequence[Lives], scenario: Scenario) -> Callable[[float], Gains]:
    """Return what every party gains at a multiple of the contract's prices; each multiple is settled once."""
    seen: dict[float, Gains] = {}

    def at(factor: float) -> Gains:
        if factor not in seen:
            seen[factor] = gains_of(settled(lives, GAIN_COLUMNS, at_price(scenario, factor)))
        return seen[factor]

    return at


def without_caps(scenario: Scenario) -> Scenario:
    """Return the scenario without the caps of its contract (that of a top-up stays)."""
    return scenario.model_copy(update={"contract": scenario.contract.without_caps()})


def main_price(scenario: Scenario) -> tuple[str, float]:
    """Return what the contract's chief price is for, and the price, GBP: the last term that has one above nil."""
    for term in reversed(scenario.contract.terms):
        if term.price:
            return term.kind.unit, term.price
    raise OptionError(
        f"{scenario.contract.name}: no term has a price that could be moved. Choose a contract with a tariff, such as "
        f"pan_london or essex."
    )


def gains_of(rows: Rows) -> Gains:
    """Return what each party gains: the investors' net present value at their target, boroughs' net saving, GBP."""
    boroughs = {slug: rows.at("net_saving_gbp", borough=slug) for slug in rows.labels["borough"]}
    return {INVESTOR: rows.at("npv_gbp"), BOROUGHS: rows.at("net_saving_gbp"), **boroughs}


def _out_of_care(rows: Rows) -> float:
    """Return the share of tracked days out of care with therapy."""
    return float(1 - rows.at("care_days_therapy").sum() / max(rows.at("tracked_days").sum(), 1))


def _price_root(party: str, at: Callable[[float], Gains], chance: float | None, own_price: float) -> Root:
    """Return the price at which a party's expected gain is nil, or is not negative with the chance asked for."""

    def gain(factor: float) -> float:
        values = at(factor)[party]
        return float(values.mean()) if chance is None else float((values >= 0).mean()) - chance

    gains = [gain(factor) for factor in PRICES]
    roots = tuple(
        own_price * _bisect(gain, a, b)
        for (a, x), (b, y) in pairwise(zip(PRICES, gains, strict=True))
        if (x < 0) != (y < 0)
    )
    return Root(roots, own_price * PRICES[0], own_price * PRICES[-1], gains[0] >= 0, gains[-1] >= 0)


def _bisect(f: Callable[[float], float], a: float, b: float) -> float:
    below = f(a) < 0
    while b - a > TOLERANCE:
        middle = (a + b) / 2
        a, b = (middle, b) if (f(middle) < 0) == below else (a, middle)
    return (a + b) / 2


def bargaining_range(price: Mapping[str, Root]) -> tuple[float, float] | None:
    """Return the prices between the investor's and the boroughs', GBP; None if there is none at which both gain."""
    investor, boroughs = price[INVESTOR], price[BOROUGHS]
    if investor.nowhere or boroughs.nowhere:
        return None
    low = investor.at[0] if investor.at else investor.low
    high = boroughs.at[-1] if boroughs.at else boroughs.high
    return (low, high) if low <= high else None


def curve_root(points: Sequence[tuple[float, float]]) -> Root:
    """Return where a gain crosses nil along a line of points, straight between them."""
    points = sorted(points)
    roots = tuple(a + (b - a) * (0 - x) / (y - x) for (a, x), (b, y) in pairwise(points) if (x < 0) != (y < 0))
    return Root(roots, points[0][0], points[-1][0], points[0][1] >= 0, points[-1][1] >= 0)
