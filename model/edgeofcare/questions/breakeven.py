"""Where each party breaks even: the price, the effect and the volume, and the range in which they can agree.

In: a scenario. Out: a `Breakeven`. Price: same lives, other prices. Effect and volume: lived again at a few points,
straight lines between. Must not know: how answers are shown, files.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass, replace
from itertools import pairwise
from typing import Any

import numpy as np
import numpy.typing as npt

from edgeofcare.errors import OptionError
from edgeofcare.experiment import Progress
from edgeofcare.inputs.contracts import at_price
from edgeofcare.inputs.schema import Scenario
from edgeofcare.money.pence import summed
from edgeofcare.outcomes import PENCE
from edgeofcare.questions.before_experiment import CHUNK, Lived, live, settle
from edgeofcare.questions.counterfactuals import Counterfactual, at_volume, claimed_case
from edgeofcare.walk import prepare

PRICES = (0.0, 0.1, 0.25, 0.5, 0.75, 1.0, 1.25, 1.5, 2.0, 3.0, 5.0, 10.0)  # times the contract's own
EFFECTS = (-0.2, 0.0, 0.2, 0.4, 0.6, 0.8, 1.0, 1.2)  # share of the log hazard ratio
VOLUMES = (0.1, 0.2, 0.3, 0.45, 0.6, 0.8, 1.0, 1.25, 1.5)
TOLERANCE = 1e-4  # of the contract's price
Values = npt.NDArray[np.float64]
Standing = dict[str, Values]  # party -> (replication,), GBP


@dataclass(frozen=True)
class Root:
    """Where a party breaks even.

    at: every crossing, in the unit of the question (pounds, share, families); empty if there is none. words: the
    answer in words. low, high: range looked at.
    """

    at: tuple[float, ...]
    words: str
    low: float
    high: float


@dataclass(frozen=True)
class Breakeven:
    """What each party needs. Parties: `investor`, `boroughs` (together), and each borough.

    price: by party, at expected value; price_at_chance: with a chance of at least `chance`, if one was asked for.
    price_without_cap: the same if the contract had no caps (empty if it has none). unit: what the price
    is. own_price: the contract's. effect: share of tracked days out of care with therapy.
    volume: share of the referrals that the scenario expects.
    """

    target_irr_per_year: float
    chance: float | None
    unit: str
    own_price: float
    price: dict[str, Root]
    price_at_chance: dict[str, Root]
    price_without_cap: dict[str, Root]
    bargaining_range: tuple[float, float] | None
    range_words: str
    effect: dict[str, Root]
    volume: dict[str, Root]
    usual: float
    therapy: float
    replications: int
    seed: int

    def as_dict(self) -> dict[str, Any]:
        """Return the object that `--json` prints."""
        return asdict(self)


def breakeven(
    scenario: Scenario,
    target_irr: float | None = None,
    chance: float | None = None,
    replications: int = 1000,
    seed: int = 1,
    progress: Progress | None = None,
) -> Breakeven:
    """Return the prices, effects and volumes at which the investor and the boroughs break even.

    target_irr: the investor's rate a year, the scenario's if not given. chance: for prices at which a party is not
    worse off with at least this chance. Raises OptionError for numbers out of range and a contract without a price.
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
    prepare(scenario, replications, seed)
    n_steps, done = 1 + len(EFFECTS) + len(VOLUMES), 0

    def tell() -> None:
        nonlocal done
        done += 1
        if progress:
            progress(done, n_steps)

    lives = lives_of(claimed, seed, replications)
    names = {"investor": "the investor", "boroughs": "the boroughs together"}
    names |= {slug: borough.name for slug, borough in scenario.boroughs.items()}
    at, uncapped = along_prices(lives, scenario), without_caps(scenario)
    capped = uncapped != scenario
    price = {party: _price_root(party, at, None, own_price, names[party], capped) for party in names}
    sure = {} if chance is None else {p: _price_root(p, at, chance, own_price, names[p], capped) for p in names}
    free_at = along_prices(lives, uncapped)
    free = {p: _price_root(p, free_at, None, own_price, names[p], False) for p in names} if capped else {}
    tell()
    bargain, words = bargaining_range(price, unit, capped)

    def along(worlds: Sequence[Counterfactual], xs: Sequence[float] | None) -> dict[str, list[tuple[float, float]]]:
        found: dict[str, list[tuple[float, float]]] = {party: [] for party in names}
        for i, world in enumerate(worlds):
            there = lives_of(world, seed, replications)
            x = out_of_care(there) if xs is None else xs[i]
            for party, values in standing(there, world.scenario).items():
                found[party].append((x, float(values.mean())))
            tell()
        return found

    ratios = [replace(claimed, hazard_ratio=claimed.hazard_ratio**share) for share in EFFECTS]
    by_effect = along(ratios, None)
    by_volume = along([at_volume(claimed, volume) for volume in VOLUMES], VOLUMES)
    shares = "share of tracked days out of care with therapy"
    return Breakeven(
        target_irr_per_year=scenario.capital.target_irr_per_year,
        chance=chance,
        unit=unit,
        own_price=own_price,
        price=price,
        price_at_chance=sure,
        price_without_cap=free,
        bargaining_range=bargain,
        range_words=words,
        effect={party: curve_root(points, names[party], shares) for party, points in by_effect.items()},
        volume={
            party: curve_root(points, names[party], "share of planned referrals") for party, points in by_volume.items()
        },
        usual=claimed.usual,
        therapy=claimed.therapy,
        replications=replications,
        seed=seed,
    )


def along_prices(lives: Sequence[Lived], scenario: Scenario) -> Callable[[float], Standing]:
    """Return how every party stands at a multiple of the contract's prices; each multiple is settled once."""
    seen: dict[float, Standing] = {}

    def at(factor: float) -> Standing:
        if factor not in seen:
            seen[factor] = standing(lives, at_price(scenario, factor))
        return seen[factor]

    return at


def without_caps(scenario: Scenario) -> Scenario:
    """Return the scenario without the caps of its contract (that of a top-up stays)."""
    none = dict.fromkeys(("cap_gbp", "borough_cap_gbp", "borough_year_cap_gbp"))
    return scenario.model_copy(update={"contract": scenario.contract.model_copy(update=none)})


def main_price(scenario: Scenario) -> tuple[str, float]:
    """Return what the contract's chief price is for, and the price, GBP: the last term that names one."""
    for term in reversed(scenario.contract.terms):
        price = getattr(term, "price_gbp", None)
        if price:
            return term.pays.removeprefix("per_").replace("_", " "), float(price)
    raise OptionError(
        f"{scenario.contract.name}: no term has a price that could be moved. Choose a contract with a tariff, such as "
        f"pan_london or essex."
    )


def lives_of(world: Counterfactual, seed: int, replications: int) -> list[Lived]:
    """Return the lives of a world in chunks."""
    firsts = range(0, replications, CHUNK)
    with ThreadPoolExecutor(max_workers=os.cpu_count() or 1) as pool:
        return list(pool.map(lambda first: live(world, {}, seed, first, min(CHUNK, replications - first)), firsts))


def standing(lives: Sequence[Lived], scenario: Scenario) -> Standing:
    """Return what each party gains: the investors' net present value at their target, boroughs' net saving, GBP."""
    parts = [settle(lived.counts, lived.plan, scenario, lived.costs, lived.service) for lived in lives]
    boroughs = np.concatenate([done.exposed.net_saving for done in parts]) / PENCE
    found = {"investor": np.concatenate([done.earned.npv for done in parts]) / PENCE, "boroughs": boroughs.sum(axis=1)}
    return found | {slug: boroughs[:, i] for i, slug in enumerate(scenario.boroughs)}


def out_of_care(lives: Sequence[Lived]) -> float:
    """Return the share of tracked days out of care with therapy."""
    tracked, care = (
        sum(int(summed(lived.counts.outcome("therapy", name), 0, 1, 2)) for lived in lives)
        for name in ("tracked_days", "care_days")
    )
    return 1 - care / max(tracked, 1)


def _price_root(
    party: str, at: Callable[[float], Standing], chance: float | None, own_price: float, name: str, capped: bool
) -> Root:
    """Return the price at which a party's expected gain is nil, or is not negative with the chance asked for.

    capped: whether the contract has a cap that an answer without a root may be put down to.
    """

    def gain(factor: float) -> float:
        values = at(factor)[party]
        return float(values.mean()) if chance is None else float((values >= 0).mean()) - chance

    gains = [gain(factor) for factor in PRICES]
    found = tuple(
        own_price * _bisect(gain, a, b)
        for (a, x), (b, y) in pairwise(zip(PRICES, gains, strict=True))
        if (x < 0) != (y < 0)
    )
    low, high = own_price * PRICES[0], own_price * PRICES[-1]
    rises, many = party == "investor", party == "boroughs"
    what = "break even" if many else "breaks even"
    if chance is not None:
        what = f"{'are' if many else 'is'} not worse off in {chance:.0%} of contracts"
    if found:
        side = "or more" if rises else "or less"
        return Root(found, f"{name} {what} at £{found[0]:,.2f} {side}", low, high)
    if gains[-1] >= 0:
        why = ", for the cap limits what is paid" if capped and not rises else ""
        return Root((), f"{name} {what} at any price up to £{high:,.0f}{why}", low, high)
    why = "what is saved does not cover its other costs"
    if rises:
        why = "the cap holds payments down, or costs run on" if capped else "too little is paid for, or costs run on"
    return Root((), f"{name} {what} at no price up to £{high:,.0f}: {why}", low, high)


def _bisect(f: Callable[[float], float], a: float, b: float) -> float:
    below = f(a) < 0
    while b - a > TOLERANCE:
        middle = (a + b) / 2
        a, b = (middle, b) if (f(middle) < 0) == below else (a, middle)
    return (a + b) / 2


def bargaining_range(price: dict[str, Root], unit: str, capped: bool) -> tuple[tuple[float, float] | None, str]:
    """Return the prices between the investor's and the boroughs', and words for it."""
    investor, boroughs = price["investor"], price["boroughs"]
    if not investor.at and "at no price" in investor.words:
        return None, f"There is no price at which both gain: {investor.words}."
    if not boroughs.at and "at no price" in boroughs.words:
        return None, f"There is no price at which both gain: {boroughs.words}."
    low = investor.at[0] if investor.at else investor.low
    high = boroughs.at[-1] if boroughs.at else boroughs.high
    if low > high:
        return None, (
            f"There is no price at which both gain: the investor needs £{low:,.2f} for each {unit}, the boroughs "
            f"together can pay £{high:,.2f}."
        )
    why = " (the cap protects the boroughs)" if capped else ""
    top = f"£{high:,.2f}" if boroughs.at else f"£{high:,.0f}, the highest looked at{why}"
    return (low, high), f"Both gain at prices from £{low:,.2f} to {top} for each {unit}."


def curve_root(points: Sequence[tuple[float, float]], name: str, what: str) -> Root:
    """Return where a party's expected gain crosses nil along a line of worlds, straight between the points lived."""
    points = sorted(points)
    low, high = points[0][0], points[-1][0]
    found = tuple(a + (b - a) * (0 - x) / (y - x) for (a, x), (b, y) in pairwise(points) if (x < 0) != (y < 0))
    if found:
        gains_above = points[-1][1] >= 0
        side = "or more" if gains_above else "or less"
        at = ", ".join(f"{x:.0%}" for x in found)
        return Root(found, f"{name} {_verb(name, 'break')} even at {at} {side} ({what})", low, high)
    does = _verb(name, "gain" if points[0][1] >= 0 else "lose")
    return Root((), f"{name} {does} everywhere from {low:.0%} to {high:.0%} ({what})", low, high)


def _verb(name: str, verb: str) -> str:
    return verb if name == "the boroughs together" else f"{verb}s"
