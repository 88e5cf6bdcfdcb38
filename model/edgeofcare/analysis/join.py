"""Should this borough join? The contract with and without it on the same luck, for it and for everyone else.

In: a scenario and who would join. Out: a `Joined`. Must not know: how answers are shown, files.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import date
from itertools import pairwise
from typing import Any, cast

import numpy as np
import numpy.typing as npt

from edgeofcare.analysis.contracts import Progress
from edgeofcare.analysis.exposure import Rows, borough_figures, lived_rows, spread
from edgeofcare.analysis.worlds import World, claimed_world
from edgeofcare.calendar import add_months
from edgeofcare.errors import OptionError
from edgeofcare.inputs.boroughs import CapOnJoin, Joiner, Joining, Teams, load_joiner, with_joiners
from edgeofcare.inputs.load import with_values
from edgeofcare.inputs.schema import Scenario
from edgeofcare.money.irr import internal_rate

TEAM_CHOICES = ("as-is", "plus-mst", "plus-fft", "own")
VOLUME_CHOICES = (0.1, 0.25, 0.5, 0.75, 1.0, 1.5, 2.0)
MONTHS_BETWEEN = 3
LIMIT_SHARE = 5  # --limits lives a fifth of the replications at each point
Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Pair:
    """The contract without and with the joiners: rows on the same luck, in worlds of the same hazards."""

    before: World
    after: World
    without: Rows
    with_: Rows
    fixed_cap: Rows | None
    years: tuple[str, ...]
    real: Floats


@dataclass(frozen=True)
class Joined:
    """The answer: figures for the joiners, each borough already in, the teams and the investor, as `--json` prints."""

    scenario: Scenario
    joiner: dict[str, Any]
    incumbents: dict[str, Any]
    providers: dict[str, Any]
    investor: dict[str, Any]
    contract: dict[str, Any]
    limits: dict[str, Any] | None
    replications: int
    seed: int

    def as_dict(self) -> dict[str, Any]:
        """Return everything but the words, which documents/join.py makes from it."""
        found = {
            "scenario": self.scenario.name, "seed": self.seed, "replications": self.replications,
            "joiner": self.joiner, "incumbents": self.incumbents, "providers": self.providers,
            "investor": self.investor, "contract": self.contract,
        }  # fmt: skip
        return found | ({"limits": self.limits} if self.limits is not None else {})


def join(
    scenario: Scenario,
    boroughs: Sequence[str],
    when: date | None = None,
    teams: str = "as-is",
    cap_on_join: str = "per_start",
    replications: int = 5000,
    seed: int = 1,
    limits: bool = False,
    progress: Progress | None = None,
) -> Joined:
    """Return what changes, for whom, if boroughs join a contract, all at once.

    boroughs: names of shipped joiners or paths of their files. limits: also the volume at which each breaks even, the
    latest month at which joining still pays, and other teams. Raises InputError for a borough that is in already,
    joins outside the window of referrals, or has no published figures.
    """
    if not boroughs:
        raise OptionError("name at least one borough that would join.")
    claimed = claimed_world(scenario)
    joiners = [load_joiner(name, scenario) for name in boroughs]
    planned = _planned_starts(claimed, seed)
    steps = 3 + (len(VOLUME_CHOICES) + len(TEAM_CHOICES) + len(_months(scenario)) if limits else 0)
    done = 0

    def tell() -> None:
        nonlocal done
        done += 1
        if progress:
            progress(done, steps)

    tell()
    pair = live_pair(claimed, joiners, when, teams, cap_on_join, planned, replications, seed)
    tell()
    found = Joined(
        scenario=pair.after.scenario,
        joiner={one.slug: _joiner(pair, one) for one in joiners},
        incumbents=incumbents(pair),
        providers=_providers(pair),
        investor=_investor(pair),
        contract=_contract(pair, cap_on_join, teams),
        limits=None,
        replications=replications,
        seed=seed,
    )
    if not limits:
        tell()
        return found
    few = max(200, replications // LIMIT_SHARE)

    def again(changed: Sequence[Joiner], day: date | None, with_teams: str) -> Pair:
        tell()
        return live_pair(claimed, changed, day, with_teams, cap_on_join, planned, few, seed)

    return replace(found, limits=find_limits(pair, joiners, when, teams, again))


def live_pair(
    claimed: World, joiners: Sequence[Joiner], when: date | None, teams: str, cap_on_join: str,
    planned_starts: float, replications: int, seed: int,
) -> Pair:  # fmt: skip
    """Live the contract without and with the joiners; with a contract cap that joiners raise, also settle it fixed."""
    scenario = claimed.scenario
    joinings = [Joining(one, when, cast(Teams, teams)) for one in joiners]
    joined = with_joiners(scenario, joinings, planned_starts, cast(CapOnJoin, cap_on_join))
    after = replace(claimed, scenario=joined, name=f"{claimed.name}, joined")
    without, _, _ = lived_rows(claimed, seed, replications, full=False)
    with_, years, real = lived_rows(after, seed, replications)
    fixed = None
    if cap_on_join == "per_start" and scenario.contract.cap_gbp is not None:
        capped = with_values(joined, {"contract.cap_gbp": scenario.contract.cap_gbp})
        fixed, _, _ = lived_rows(after, seed, replications, full=False, settle_as=lambda _: capped)
    return Pair(claimed, after, without, with_, fixed, years, real)


def _planned_starts(claimed: World, seed: int) -> float:
    rows, _, _ = lived_rows(claimed, seed, 500, full=False)
    return float(rows["started"].sum(axis=1).mean())


# ---- figures -------------------------------------------------------------------------------------------------------


def paired(difference: Floats) -> dict[str, float | None]:
    """Return mean and standard error of a paired difference, and its middle 80%."""
    n = len(difference)
    low, high = np.quantile(difference, [0.1, 0.9])
    error = float(difference.std(ddof=1) / np.sqrt(n)) if n > 1 else None
    return {"mean": float(difference.mean()), "se": error, "p10": float(low), "p90": float(high)}


def _wait(rows: Rows, i: int) -> float | None:
    started = rows["started"][:, i].sum()
    return float(rows["waiting_days"][:, i].sum() / started) if started else None


def _joiner(pair: Pair, joiner: Joiner) -> dict[str, Any]:
    slugs = list(pair.after.scenario.boroughs)
    i = slugs.index(joiner.slug)
    borough = pair.after.scenario.boroughs[joiner.slug]
    return {
        "name": borough.name,
        "join_date": str(borough.join_date),
        "referrals_per_year": borough.referrals_per_year,
        "waiting_days": _wait(pair.with_, i),
        **borough_figures(pair.with_, i, pair.years, pair.real, None),
    }


def incumbents(pair: Pair) -> dict[str, Any]:
    """Return what changes for each borough already in."""
    found = {}
    after = list(pair.after.scenario.boroughs)
    for i, (slug, borough) in enumerate(pair.before.scenario.boroughs.items()):
        j = after.index(slug)
        saving = pair.with_["net_saving"][:, j] - pair.without["net_saving"][:, i]
        waits = _wait(pair.without, i), _wait(pair.with_, j)
        found[slug] = {
            "name": borough.name,
            "waiting_days": {"without": waits[0], "with": waits[1], "change": _wait_change(pair, i, j)},
            "change_in_starts": paired((pair.with_["started"][:, j] - pair.without["started"][:, i]).astype(float)),
            "change_in_payments_gbp": paired(pair.with_["payments"][:, j] - pair.without["payments"][:, i]),
            "change_in_net_saving_gbp": paired(saving),
            "worse_off_prob": float((saving < 0).mean()),
            "better_off_prob": float((saving > 0).mean()),
            "effect_of_a_fixed_cap_gbp": None if pair.fixed_cap is None else paired(
                pair.fixed_cap["net_saving"][:, j] - pair.with_["net_saving"][:, j]),
        }  # fmt: skip
    return found


def _wait_change(pair: Pair, i: int, j: int) -> dict[str, float | None]:
    """Return the change of the mean wait of those who start, days, with the error of the ratio's difference."""
    parts = []
    for rows, k in ((pair.without, i), (pair.with_, j)):
        started, days = rows["started"][:, k].astype(float), rows["waiting_days"][:, k].astype(float)
        if not started.sum():
            return {"mean": None, "se": None}
        mean = days.sum() / started.sum()
        parts.append((mean, (days - mean * started) / started.mean()))
    residual = parts[1][1] - parts[0][1]
    error = float(residual.std(ddof=1) / np.sqrt(len(residual))) if len(residual) > 1 else None
    return {"mean": float(parts[1][0] - parts[0][0]), "se": error}


def _providers(pair: Pair) -> dict[str, Any]:
    found = {}
    before = list(pair.before.scenario.teams)
    for j, name in enumerate(pair.after.scenario.teams):
        was = _use(pair.without, before.index(name)) if name in before else None
        found[name] = {"slots_used_share": {"without": was, "with": _use(pair.with_, j)}, "new": was is None}
    return found


def _use(rows: Rows, team: int) -> float:
    return float(rows["slot_days_used"][:, team].sum() / max(rows["slot_days_available"][:, team].sum(), 1))


def _investor(pair: Pair) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name, rows in (("without", pair.without), ("with", pair.with_)):
        found[name] = {
            "irr_of_expected_flows": internal_rate(rows["flows"].sum(axis=0), rows["flow_days"][0]),
            "money_multiple": _mean(rows["money_multiple"]),
            "profit_gbp": spread(rows["profit"]),
            "peak_funding_gbp": spread(rows["peak_funding"]),
            "loss_prob": float((rows["profit"] < 0).mean()),
        }
    change = {key: paired(pair.with_[key] - pair.without[key]) for key in ("profit", "peak_funding")}
    return found | {"change": {f"{key}_gbp": value for key, value in change.items()}}


def _mean(values: Floats) -> float | None:
    there = values[np.isfinite(values)]
    return float(there.mean()) if len(there) else None


def _contract(pair: Pair, cap_on_join: str, teams: str) -> dict[str, Any]:
    before, after = pair.before.scenario.contract.cap_gbp, pair.after.scenario.contract.cap_gbp
    return {
        "teams": teams,
        "cap_on_join": cap_on_join,
        "cap_gbp": {"without": before, "with": after},
        "cap_binds_prob": {
            "without": float(pair.without["cap_binds"].mean()),
            "with": float(pair.with_["cap_binds"].mean()),
            "with_fixed_cap": None if pair.fixed_cap is None else float(pair.fixed_cap["cap_binds"].mean()),
        },
        "starts": {"without": spread(pair.without["started"].sum(axis=1)),
                   "with": spread(pair.with_["started"].sum(axis=1))},
        "change_in_net_saving_of_all_gbp": paired(
            pair.with_["net_saving"].sum(axis=1) - pair.without["net_saving"].sum(axis=1)),
    }  # fmt: skip


# ---- limits --------------------------------------------------------------------------------------------------------


def _months(scenario: Scenario) -> list[date]:
    """Return the joining dates that are tried: day 0, and the first of every third month to the end of referrals."""
    clock = scenario.clock
    days = [clock.day_0]
    while (day := add_months(clock.day_0, MONTHS_BETWEEN * len(days))) < clock.referrals_until:
        days.append(day)
    return days


def find_limits(
    pair: Pair, joiners: Sequence[Joiner], when: date | None, teams: str,
    again: Callable[[Sequence[Joiner], date | None, str], Pair],
) -> dict[str, Any]:  # fmt: skip
    """Return the limits of the answer: volume, date, teams."""
    by_volume, by_teams, by_date = [], {}, []
    for factor in VOLUME_CHOICES:
        scaled = [_at_volume(joiner, factor) for joiner in joiners]
        by_volume.append({"referrals_share": factor, **_short(again(scaled, when, teams), joiners)})
    for choice in TEAM_CHOICES:
        by_teams[choice] = _short(again(joiners, when, choice), joiners)
    for day in _months(pair.before.scenario):
        by_date.append({"join_date": str(day), **_short(again(joiners, day, teams), joiners)})
    paying = [row["join_date"] for row in by_date if row["joiner_net_saving_gbp"] > 0]
    return {
        "by_volume": by_volume,
        "break_even_referrals_share": _crossing(by_volume),
        "by_join_date": by_date,
        "latest_date_that_pays": max(paying, default=None),
        "by_teams": by_teams,
    }


def _at_volume(joiner: Joiner, factor: float) -> Joiner:
    rate = joiner.borough.referrals_per_year * factor
    path = f"boroughs.{joiner.slug}.referrals_per_year"
    origins = {key: origin for key, origin in joiner.origins.items() if key != path}
    return replace(joiner, borough=joiner.borough.model_copy(update={"referrals_per_year": rate}), origins=origins)


def _short(pair: Pair, joiners: Sequence[Joiner]) -> dict[str, Any]:
    """Return the few figures by which one choice is held against another."""
    after, before = list(pair.after.scenario.boroughs), list(pair.before.scenario.boroughs)
    own = [after.index(joiner.slug) for joiner in joiners]
    saving = pair.with_["net_saving"][:, own].sum(axis=1)
    kept = [after.index(slug) for slug in before]
    others = pair.with_["net_saving"][:, kept].sum(axis=1) - pair.without["net_saving"].sum(axis=1)
    waits = [(_wait_change(pair, i, j)["mean"] or 0.0) for i, j in enumerate(kept)]
    return {
        "joiner_net_saving_gbp": float(saving.mean()),
        "joiner_better_off_prob": float((saving > 0).mean()),
        "joiner_wait_days": _wait(pair.with_, own[0]),
        "change_for_incumbents_gbp": paired(others),
        "most_days_longer_for_an_incumbent": float(max(waits)),
        "investor_profit_change_gbp": float((pair.with_["profit"] - pair.without["profit"]).mean()),
    }


def _crossing(rows: Sequence[dict[str, Any]]) -> float | None:
    """Return the share of referrals at which the joiners' expected net saving is nil, straight between two points."""
    for a, b in pairwise(rows):
        x, y = a["joiner_net_saving_gbp"], b["joiner_net_saving_gbp"]
        if (x < 0) != (y < 0):
            return float(a["referrals_share"] + (b["referrals_share"] - a["referrals_share"]) * x / (x - y))
    return None
