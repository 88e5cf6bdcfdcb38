"""What is allowed in a scenario and probably not meant: warnings that need no engine.

In: a scenario that knows who wrote its values. Out: `InputWarning`s W0 to W8, W13 and W15, each with the file and line
where the user can mend it. Must not know: hazards, simulated contracts (questions/check.py).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from datetime import date, timedelta
from typing import Any

from edgeofcare.calendar import financial_year
from edgeofcare.errors import InputWarning
from edgeofcare.inputs.contract import PriceIndex
from edgeofcare.inputs.evidence import with_odds
from edgeofcare.inputs.load import value_at
from edgeofcare.inputs.price_years import conversion, priced_keys
from edgeofcare.inputs.published import adolescent_starts
from edgeofcare.inputs.schema import PLACEMENTS, Effect, Scenario

FAR_BEFORE = timedelta(days=731)  # before day 0
LONGEST_GROWTH_YEARS = 10  # from the last published price to the end of outcomes
NEAR_YEARS = 1  # between the year of a price and the base year
DATED_TABLES = ("costs", "teams", "contract", "referrals")
MEASURE_WORDS = {
    "share_of_tracked_days_out_of_care": "of days out of care",
    "never_in_care_by_day": "never in care by the day of the measure",
    "out_of_care_on_day": "out of care on the day of the measure",
}


def warnings_of(scenario: Scenario) -> list[InputWarning]:
    """Return the warnings of a scenario that need no engine, by rule, then in the order of the scenario."""
    notes = sorted(scenario.written.notes, key=lambda note: note.id)
    found = [warning for rule in RULES for warning in rule(scenario)]
    return sorted([*notes, *found], key=lambda warning: int(warning.id[1:]))


def cautions(scenario: Scenario) -> list[str]:
    """Return what every answer about a scenario must say with it, in sentences: W6, W8 and W15."""
    found = [warning for rule in (harm, unchecked_referrals, closed) for warning in rule(scenario)]
    return [warning.sentence for warning in found]


# ---- dates ---------------------------------------------------------------------------------------------------------


def dates_outside(scenario: Scenario) -> Iterator[InputWarning]:
    """Give W1: a date of a cost, team, fee or standstill long before day 0 or after the end of outcomes."""
    clock, written = scenario.clock, scenario.written
    tree = scenario.model_dump(include=set(DATED_TABLES))
    for path, day in _dates(tree, ""):
        early = day < clock.day_0 - FAR_BEFORE
        if early or day > clock.outcomes_end:
            place = written.place(path)
            cause = written.latest(path, "clock.day_0" if early else "clock.outcomes_end")
            origin = f" (from {place})" if place and cause != path else ""
            told = f"outside this contract, which runs from {clock.day_0} to {clock.outcomes_end}"
            yield written.warning("W1", path, f"{path} is {day}{origin}: {told}.", cause)


def _dates(node: Any, path: str) -> Iterator[tuple[str, date]]:
    if isinstance(node, date):
        yield path, node
    items = node.items() if isinstance(node, dict) else enumerate(node) if isinstance(node, tuple) else ()
    for key, child in items:
        yield from _dates(child, f"{path}.{key}" if path else str(key))


def inherited_money(scenario: Scenario) -> Iterator[InputWarning]:
    """Give W13: new dates on a base that is a contract, whose sums and price year belong to the old dates."""
    written, day = scenario.written, "clock.day_0"
    was = written.replaced(day)
    if was is None or was.value == scenario.clock.day_0:
        return
    top_up = scenario.contract.top_up
    named = {
        "costs.set_up_gbp": "set-up cost",
        "contract.top_up": f"top-up ({top_up.name})" if top_up else "top-up",
        "capital.commitment_gbp": "commitment",
        "capital.tranches": "tranches",
        "prices.base_year": "base_year",
    }
    kept = [words for path, words in named.items() if path in written.places and written.above(day, path)]
    if kept:
        yield written.warning("W13", day, f"New dates, but inherited from {_stem(was.name)}: {', '.join(kept)}.")


def closed(scenario: Scenario) -> Iterator[InputWarning]:
    """Give W15: the contract described here has closed."""
    on = scenario.clock.closed_on
    if on is not None and not scenario.written.above("clock.day_0", "clock.closed_on"):
        told = f"This contract closed in {on:%B %Y}: the answer is about its design, not about a decision open today."
        yield scenario.written.warning("W15", "clock.closed_on", told)


# ---- prices --------------------------------------------------------------------------------------------------------


def short_series(scenario: Scenario) -> Iterator[InputWarning]:
    """Give W2: a price index or the deflator that begins after it is needed, or ends long before the contract does."""
    prices, clock = scenario.prices, scenario.clock
    needed_from = min(prices.base_year, financial_year(clock.day_0))
    needed_to = financial_year(clock.outcomes_end)
    for names, index in _series(scenario):
        first, last = min(index.level_by_year), max(index.level_by_year)
        key = "prices.deflator" if names == ["the deflator"] else f"prices.index.{names[0]}"
        told = f"The price series of {_listed(names)}"
        if first > needed_from:
            cause = scenario.written.latest(key, "prices.base_year", "clock.day_0")
            reach = f"reaches from {first} to {last}, but prices are needed from {needed_from}"
            flat = f"before {first} they are taken as flat"
            yield scenario.written.warning("W2", key, f"{told} {reach}: {flat}.", cause)
        late = int(needed_to[:4]) - int(last[:4])
        if late > LONGEST_GROWTH_YEARS:
            cause = scenario.written.latest(key, "clock.outcomes_end")
            told = f"{told} ends in {last}, {late} years before the contract does: later prices are assumed growth."
            yield scenario.written.warning("W2", key, told, cause)


def _series(scenario: Scenario) -> Iterator[tuple[list[str], PriceIndex]]:
    """Give each price series in use once, with the names of the types that it serves."""
    prices, found = scenario.prices, dict[str, tuple[list[str], PriceIndex]]()
    used = dict.fromkeys(name if name in prices.index else "other" for name in PLACEMENTS)
    for name in used:
        index = prices.index[name]
        found.setdefault(index.model_dump_json(), ([], index))[0].append(name)
    yield from found.values()
    yield ["the deflator"], prices.deflator


def price_years(scenario: Scenario) -> Iterator[InputWarning]:
    """Give W3: prices that seem to be of another year than the base year and do not say so."""
    written, base = scenario.written, scenario.prices.base_year
    groups: dict[tuple[str, str], list[tuple[str, str]]] = {}
    for keys, _, index in priced_keys({"boroughs": scenario.boroughs}, scenario.prices):
        path = ".".join(str(part) for part in keys)
        value = value_at(scenario, path)
        origin = scenario.origins.get(path)
        if not value or (origin and origin.price_year):
            continue
        year = _other_year(origin.date if origin else "", base)
        cause = written.latest(path, "prices.base_year")
        if year:
            worth = f"{value * conversion(index, year, base):,.0f}"
            groups.setdefault((year, cause if cause != path else "own"), []).append((path, worth))
        elif _bare_price(scenario, path):
            here = f"{path} = {value:,.6g} is set here without a price year"
            inherited = f"base_year, {base}, is inherited from {_stem(str(written.place('prices.base_year')))}"
            mend = f'write {{value = {value:g}, price_year = "..."}} and it is converted'
            yield written.warning("W3", path, f"{here}, but {inherited}: {mend}.")
    for (year, cause), found in groups.items():
        paths = [path for path, _ in found]
        names = [path.rpartition(".")[2] if path.startswith("prices") else path for path in paths]
        be = f"is a price of {year}" if len(names) == 1 else f"are prices of {year}"
        each = f"{found[0][1]} a week" if len(found) == 1 else f"{', '.join(worth for _, worth in found)} a week"
        it = "it is" if len(found) == 1 else "they are"
        told = (
            f'{_listed(names)} {be}, but base_year is {base}: write price_year = "{year}" and {it} converted ({each}).'
        )
        yield written.warning("W3", paths[0], told, paths[0] if cause == "own" else cause)


def _other_year(dated: str, base: str) -> str:
    """Return the financial year that a date names if it is far from the base year, otherwise nothing."""
    years = [int(year) for year in re.findall(r"\b((?:19|20)\d\d)\b", dated)]
    first = int(base[:4])
    if not years or min(years) - NEAR_YEARS <= first <= max(years) + NEAR_YEARS:
        return ""
    near = min(years, key=lambda year: abs(year - first))
    return f"{near}-{(near + 1) % 100:02d}"


def _bare_price(scenario: Scenario, path: str) -> bool:
    """Tell whether a price was set as a bare number above the file of the base year, with no range to judge it by."""
    place, was = scenario.written.place(path), scenario.written.replaced(path)
    ranged = was is not None and was.low is not None
    bare = place is not None and place.is_plain and path in scenario.written.places
    return bare and not ranged and scenario.written.above(path, "prices.base_year")


# ---- numbers -------------------------------------------------------------------------------------------------------


def outside_range(scenario: Scenario) -> Iterator[InputWarning]:
    """Give W4: a bare number outside the range that it replaces, and not 0."""
    for path, (place, *below) in scenario.written.places.items():
        was = below[0] if below else None
        if was is None or not place.is_plain or type(place.value) not in (int, float) or not place.value:
            continue
        assert isinstance(place.value, int | float)
        if was.low is not None and was.high is not None and not was.low <= place.value <= was.high:
            ends = f"{was.low:,.6g} to {was.high:,.6g}, the range in {_stem(was.name)}"
            ask = "is it in another year's prices?" if path.startswith("prices.") else "is it meant?"
            told = f"{path} = {place.value:,.6g} lies outside {ends}: {ask}"
            yield scenario.written.warning("W4", path, told)


def nobody_referred(scenario: Scenario) -> Iterator[InputWarning]:
    """Give W5: a borough that refers nobody, or a team all of whose boroughs refer nobody."""
    written = scenario.written
    for name, team in scenario.teams.items():
        if not any(scenario.boroughs[slug].referrals_per_year for slug in team.boroughs):
            cost = (
                f"Team {name} costs GBP {team.cost_gbp_per_year:,.0f} a year and serves no borough that refers anyone"
            )
            yield written.warning("W5", f"teams.{name}", f'{cost}: write remove = ["teams.{name}"].')
    for slug, borough in scenario.boroughs.items():
        if not borough.referrals_per_year:
            told = f'{borough.name} refers nobody: write remove = ["boroughs.{slug}"].'
            yield written.warning("W5", f"boroughs.{slug}.referrals_per_year", told)


def harm(scenario: Scenario) -> Iterator[InputWarning]:
    """Give W6: an effect that is worse than the baseline, by the measure's own side."""
    effect = scenario.effect
    key = next(
        key for key in ("therapy", "odds_ratio", "risk_ratio", "hazard_ratio") if getattr(effect, key) is not None
    )
    told = _harm_words(effect, key)
    if told:
        mend = "Write therapy, or odds_ratio to keep the effect."
        cause = scenario.written.latest(f"effect.{key}", "effect.usual")
        yield scenario.written.warning(
            "W6", f"effect.{key}", f"The programme does harm as written: {told}. {mend}", cause
        )


def _harm_words(effect: Effect, key: str) -> str:
    """Return baseline and effect in words if the effect is harm, otherwise nothing."""
    size, usual = getattr(effect, key), effect.usual
    if key == "therapy":
        shares = (usual, size) if usual is not None and size < usual else None
    elif size <= 1:
        return ""
    else:
        shares = (usual, with_odds(usual, size)) if usual is not None and key == "odds_ratio" else None
        if shares is None:
            return f"{key} is {size:g}, above 1"
    if shares is None:
        return ""
    words = MEASURE_WORDS[effect.measure]
    return f"{shares[0]:.0%} {words} without it, {shares[1]:.0%} with it"


def unchecked_referrals(scenario: Scenario) -> Iterator[InputWarning]:
    """Give W8: a borough of which nobody has published, or said, how many adolescents start in care."""
    published = adolescent_starts()
    for slug, borough in scenario.boroughs.items():
        if borough.adolescent_care_starts_per_year is None and slug not in published:
            mend = f"Give boroughs.{slug}.adolescent_care_starts_per_year."
            told = f"Not checked: whether {borough.name}'s referrals are possible. {mend}"
            yield scenario.written.warning("W8", f"boroughs.{slug}", told)


RULES: tuple[Callable[[Scenario], Iterator[InputWarning]], ...] = (
    dates_outside,
    short_series,
    price_years,
    outside_range,
    nobody_referred,
    harm,
    unchecked_referrals,
    inherited_money,
    closed,
)


def _listed(names: list[str]) -> str:
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"


def _stem(name: str) -> str:
    return name.removesuffix(".toml")
