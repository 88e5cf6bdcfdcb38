"""Should this borough join? The contract with and without it on the same luck, for it and for everyone else.

In: a scenario and who would join. Out: a `Joined`. Must not know: how answers are shown, files.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import date
from itertools import pairwise
from math import ceil
from threading import Lock
from typing import Any, cast

import numpy as np
import numpy.typing as npt

from edgeofcare.calendar import DAYS_PER_YEAR, add_months
from edgeofcare.errors import OptionError
from edgeofcare.experiment import Progress
from edgeofcare.inputs.boroughs import CapOnJoin, Joiner, Joining, Teams, load_joiner, with_joiners, with_referrals
from edgeofcare.inputs.load import with_values
from edgeofcare.inputs.schema import Scenario
from edgeofcare.money.irr import internal_rate
from edgeofcare.questions.before_experiment import CHUNK
from edgeofcare.questions.counterfactuals import Counterfactual, claimed_case
from edgeofcare.questions.exposure import (
    Lives,
    Rows,
    borough_figures,
    concentration,
    live_in,
    lived_rows,
    spread,
    workers,
    years_of,
)
from edgeofcare.walk import prepare

TEAM_CHOICES = ("as-is", "plus-mst", "plus-fft", "own")
VOLUME_CHOICES = (0.1, 0.25, 0.5, 0.75, 1.0, 1.5, 2.0)
MONTHS_BETWEEN = 3
LIMIT_SHARE = 5  # --limits lives a fifth of the replications at each point
FEWEST_AT_LIMITS = 200
PLANNED_FROM = 500  # the first replications, from which the expected starts of the contract without joiners are taken
Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Pair:
    """The contract without and with the joiners: rows on the same luck, in worlds of the same hazards.

    fixed_cap: rows of the same lives with the cap as it was, None where it has not moved.
    """

    before: Counterfactual
    after: Counterfactual
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
    steps: list[dict[str, Any]]
    limits: dict[str, Any] | None
    replications: int
    seed: int

    def as_dict(self) -> dict[str, Any]:
        """Return everything but the words, which documents/text_pages/join.py makes from it."""
        found = {
            "scenario": self.scenario.name,
            "title": self.scenario.title,
            "seed": self.seed,
            "replications": self.replications,
            "joiner": self.joiner,
            "incumbents": self.incumbents,
            "providers": self.providers,
            "investor": self.investor,
            "contract": self.contract,
        }
        more = {"steps": self.steps, "limits": self.limits}
        return found | {key: value for key, value in more.items() if value}


def join(
    scenario: Scenario,
    boroughs: Sequence[str | Joining],
    when: date | None = None,
    teams: str = "as-is",
    cap_on_join: str = "per_start",
    replications: int = 5000,
    seed: int = 1,
    limits: bool = False,
    progress: Progress | None = None,
    in_sequence: bool = False,
) -> Joined:
    """Return what changes, for whom, if boroughs join a contract, all at once.

    boroughs: names of shipped joiners or paths of their files, each with its own date if "@2019-04-01" follows, or
    joinings made with inputs.boroughs. when: the date of all others, otherwise that of their files. progress: told how
    many parts of the work are done, of how many. limits: also the volume at which they break even, the latest
    month at which joining still pays, and other teams. in_sequence: also what each changes that joins after those
    named before it. Raises InputError for a borough that is in already, joins outside the window of referrals, or has
    no published figures; OptionError for options out of range.
    """
    if not boroughs:
        raise OptionError("name at least one borough that would join.")
    prepare(scenario, replications, seed)
    claimed = claimed_case(scenario)
    joinings = [_joining(one, scenario, when, teams) if isinstance(one, str) else one for one in boroughs]
    joiners = [one.joiner for one in joinings]
    with_joiners(scenario, joinings, 1.0, cast(CapOnJoin, cap_on_join))  # faults are told before anybody lives
    points = [*VOLUME_CHOICES, *teams_on_offer(scenario), *joining_months(scenario)[::MONTHS_BETWEEN]] if limits else []
    steps, done = 2 * ceil(replications / CHUNK) + len(points) + (len(joiners) - 1 if in_sequence else 0), 0
    telling = Lock()  # chunks end on threads of their own

    def tell() -> None:
        nonlocal done
        with telling:
            done = min(done + 1, steps)  # how many months a search looks at is not known before
            if progress:
                progress(done, steps)

    pair, planned = live_pair(claimed, joinings, cap_on_join, replications, seed, tell)

    def joined_by(some: Sequence[Joining], without: Rows) -> Pair:
        after = _joined_world(claimed, some, cap_on_join, planned)
        rows = lived_rows(after, seed, len(without["profit"]), full=False)
        tell()
        return Pair(claimed, after, without, rows, None, pair.years, pair.real)

    few = max(FEWEST_AT_LIMITS, replications // LIMIT_SHARE)
    without = {key: values[:few] for key, values in pair.without.items()}
    return Joined(
        scenario=pair.after.scenario,
        joiner={one.joiner.slug: _joiner(pair, one) for one in joinings},
        incumbents=incumbents(pair),
        providers=_providers(pair),
        investor=_investor(pair),
        contract=_contract(pair, cap_on_join, joinings),
        steps=in_steps(pair, joinings, joined_by) if in_sequence else [],
        limits=find_limits(pair, joinings, lambda some: joined_by(some, without)) if limits else None,
        replications=replications,
        seed=seed,
    )


def _joining(text: str, scenario: Scenario, when: date | None, teams: str) -> Joining:
    """Return who joins, when and with which teams, from NAME or NAME@DATE."""
    name, at, day = text, "", ""
    if found := re.fullmatch(r"(.+)@([^/\\@]*)", text):
        name, at, day = found[1], "@", found[2]
    try:
        own = date.fromisoformat(day.strip()) if at else when
    except ValueError:
        raise OptionError(f"after @ comes a date such as {name}@2019-04-01 (got {text!r}).") from None
    return Joining(load_joiner(name, scenario), own, cast(Teams, teams))


def _joined_world(
    claimed: Counterfactual, joinings: Sequence[Joining], cap_on_join: str, planned_starts: float
) -> Counterfactual:
    joined = with_joiners(claimed.scenario, joinings, planned_starts, cast(CapOnJoin, cap_on_join))
    return replace(claimed, scenario=joined, name=f"{claimed.name}, joined")


def live_pair(
    claimed: Counterfactual,
    joinings: Sequence[Joining],
    cap_on_join: str,
    replications: int,
    seed: int,
    tell: Callable[[], None] | None = None,
) -> tuple[Pair, float]:
    """Live the contract without and with the joiners; with a contract cap that joiners raise, also settle it fixed.

    Returns also the planned starts. The two worlds share the threads, so that no processor waits at the end of one.
    """
    scenario = claimed.scenario
    with workers() as pool:
        before = live_in(pool, claimed, [scenario], seed, replications, full=False, tell=tell)
        planned = _planned_starts(before, claimed, seed, replications)
        after = _joined_world(claimed, joinings, cap_on_join, planned)
        settled = [after.scenario]
        if after.scenario.contract.cap_gbp != scenario.contract.cap_gbp:
            settled.append(with_values(after.scenario, {"contract.cap_gbp": scenario.contract.cap_gbp}))
        lives = live_in(pool, after, settled, seed, replications, full=True, tell=tell)
        [without], [with_, *fixed] = before.rows, lives.rows
    years, real = years_of(lives.plan, after.scenario)
    return Pair(claimed, after, without, with_, fixed[0] if fixed else None, years, real), planned


def _planned_starts(before: Lives, claimed: Counterfactual, seed: int, replications: int) -> float:
    """Return the expected starts without joiners, from the first replications whatever their number."""
    if replications >= PLANNED_FROM:
        rows = before.chunks[0].result()[0]
    else:
        rows = lived_rows(claimed, seed, PLANNED_FROM, full=False)
    return float(rows["started"][:PLANNED_FROM].sum(axis=1).mean())


# ---- figures -------------------------------------------------------------------------------------------------------


def paired(difference: Floats) -> dict[str, float | None]:
    """Return mean and standard error of a paired difference, and its middle 80%."""
    low, high = np.quantile(difference, [0.1, 0.9])
    return {"mean": float(difference.mean()), "se": _error(difference), "p10": float(low), "p90": float(high)}


def _wait(rows: Rows, i: int | list[int]) -> float | None:
    """Return the mean wait of those who start in a borough, or in several, days."""
    started = rows["started"][:, i].sum()
    return float(rows["waiting_days"][:, i].sum() / started) if started else None


def _joiner(pair: Pair, joining: Joining) -> dict[str, Any]:
    slug = joining.joiner.slug
    i = list(pair.after.scenario.boroughs).index(slug)
    borough = pair.after.scenario.boroughs[slug]
    return {
        "name": borough.name,
        "join_date": str(borough.join_date),
        "teams": joining.teams,
        "referrals_per_year": borough.referrals_per_year,
        "waiting_days": _wait(pair.with_, i),
        "worse_off_prob": float((pair.with_["net_saving"][:, i] < 0).mean()),
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
            "net_saving_gbp": {
                "without": float(pair.without["net_saving"][:, i].mean()),
                "with": float(pair.with_["net_saving"][:, j].mean()),
            },
            "change_in_net_saving_gbp": paired(saving),
            "worse_off_prob": float((saving < 0).mean()),
            "better_off_prob": float((saving > 0).mean()),
            "better_off_than_nothing_prob": {
                "without": float((pair.without["net_saving"][:, i] > 0).mean()),
                "with": float((pair.with_["net_saving"][:, j] > 0).mean()),
            },
            "effect_of_a_fixed_cap_gbp": None
            if pair.fixed_cap is None
            else paired(pair.fixed_cap["net_saving"][:, j] - pair.with_["net_saving"][:, j]),
        }
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
    return {"mean": float(parts[1][0] - parts[0][0]), "se": _error(residual)}


def _providers(pair: Pair) -> dict[str, Any]:
    found = {}
    before = list(pair.before.scenario.teams)
    for j, name in enumerate(pair.after.scenario.teams):
        used = _use(pair.with_, j)
        was = _use(pair.without, before.index(name)) if name in before else None
        found[name] = {
            "slots_used_share": {
                "without": None if was is None else float(was.mean()),
                "with": float(used.mean()),
                "change": None if was is None else paired(used - was),
            },
            "new": was is None,
        }
    return found


def _use(rows: Rows, team: int) -> Floats:
    """Return the share of a team's slot-days that is used: (replication,). What is available is no matter of luck."""
    return np.asarray(rows["slot_days_used"][:, team] / np.maximum(rows["slot_days_available"][:, team], 1))


def _investor(pair: Pair) -> dict[str, Any]:
    found: dict[str, Any] = {}
    rates = []
    for name, rows in (("without", pair.without), ("with", pair.with_)):
        rates.append(_expected_rate(rows))
        found[name] = {
            "irr_of_expected_flows": rates[-1][0],
            "money_multiple": _mean(rows["money_multiple"]),
            "profit_gbp": spread(rows["profit"]),
            "peak_funding_gbp": spread(rows["peak_funding"]),
            "loss_prob": float((rows["profit"] < 0).mean()),
        }
    (rate, effect), (rate_with, effect_with) = rates
    known = rate is not None and rate_with is not None
    multiple = pair.with_["money_multiple"] - pair.without["money_multiple"]
    there = multiple[np.isfinite(multiple)]
    change = {
        "irr_of_expected_flows": {
            "mean": cast(float, rate_with) - cast(float, rate) if known else None,
            "se": _error(effect_with - effect) if known else None,
        },
        "money_multiple": paired(there) if len(there) else None,
        "profit_gbp": paired(pair.with_["profit"] - pair.without["profit"]),
        "peak_funding_gbp": paired(pair.with_["peak_funding"] - pair.without["peak_funding"]),
        "loss_prob": paired((pair.with_["profit"] < 0).astype(float) - (pair.without["profit"] < 0)),
    }
    return found | {"change": change}


def _expected_rate(rows: Rows) -> tuple[float | None, Floats]:
    """Return the rate r of the expected flows, and by how much each replication moves it.

    With present value v(r) = mean of v_i(r) = 0, replication i moves the root by -v_i(r) / v'(r) (delta method).
    """
    flows, days = rows["flows"], rows["flow_days"][0]
    rate = internal_rate(flows.sum(axis=0), days)
    if rate is None or rate <= -1:
        return rate, np.zeros(len(flows))
    years = (days - days[0]) / DAYS_PER_YEAR
    discount = (1 + rate) ** -years
    slope = -(flows.mean(axis=0) * years * discount).sum() / (1 + rate)
    return rate, np.asarray(-(flows * discount).sum(axis=1) / slope)


def _error(values: Floats) -> float | None:
    return float(values.std(ddof=1) / np.sqrt(len(values))) if len(values) > 1 else None


def _mean(values: Floats) -> float | None:
    there = values[np.isfinite(values)]
    return float(there.mean()) if len(there) else None


def _contract(pair: Pair, cap_on_join: str, joinings: Sequence[Joining]) -> dict[str, Any]:
    """Return figures of all boroughs together; teams: None where joiners bring different ones."""
    teams = {one.teams for one in joinings}
    before, after = pair.before.scenario.contract.cap_gbp, pair.after.scenario.contract.cap_gbp
    kept = _kept(pair)
    starts = [pair.without["started"].sum(axis=1), pair.with_["started"].sum(axis=1)]
    of_kept = pair.with_["started"][:, kept].sum(axis=1)
    saved = [pair.without["net_saving"].sum(axis=1), pair.with_["net_saving"].sum(axis=1)]
    return {
        "teams": teams.pop() if len(teams) == 1 else None,
        "cap_on_join": cap_on_join,
        "cap_gbp": {"without": before, "with": after},
        "cap_binds_prob": {
            "without": float(pair.without["cap_binds"].mean()),
            "with": float(pair.with_["cap_binds"].mean()),
            "change": paired(pair.with_["cap_binds"].astype(float) - pair.without["cap_binds"]),
            "with_fixed_cap": None if pair.fixed_cap is None else float(pair.fixed_cap["cap_binds"].mean()),
        },
        "starts": {
            "without": spread(starts[0]),
            "with": spread(starts[1]),
            "change": paired((starts[1] - starts[0]).astype(float)),
        },
        "change_in_starts_of_those_in": paired((of_kept - starts[0]).astype(float)),
        "change_in_net_saving_of_those_in_gbp": paired(pair.with_["net_saving"][:, kept].sum(axis=1) - saved[0]),
        "change_in_net_saving_of_all_gbp": paired(saved[1] - saved[0]),
        "concentration": {
            "without": concentration(pair.without, pair.before.scenario),
            "with": concentration(pair.with_, pair.after.scenario),
        },
    }


def _kept(pair: Pair) -> list[int]:
    """Return the places, in the world with the joiners, of the boroughs already in."""
    after = list(pair.after.scenario.boroughs)
    return [after.index(slug) for slug in pair.before.scenario.boroughs]


# ---- in sequence ---------------------------------------------------------------------------------------------------

JoinedBy = Callable[[Sequence[Joining], Rows], Pair]


def in_steps(pair: Pair, joinings: Sequence[Joining], joined_by: JoinedBy) -> list[dict[str, Any]]:
    """Return what each joiner changes for all who are in before it, in the order named; the last step ends at `pair`.

    pair: without and with all of them.
    """
    found, before, without = [], pair.before, pair.without
    for k, joining in enumerate(joinings):
        last = k == len(joinings) - 1
        reached = pair if last else joined_by(joinings[: k + 1], pair.without)
        step = replace(reached, before=before, without=without)
        slug = joining.joiner.slug
        saving = step.with_["net_saving"][:, list(step.after.scenario.boroughs).index(slug)]
        found.append(
            {
                "joiner": slug,
                "name": joining.joiner.borough.name,
                "join_date": str(step.after.scenario.boroughs[slug].join_date),
                "net_saving_gbp": spread(saving),
                "better_off_prob": float((saving > 0).mean()),
                "incumbents": incumbents(replace(step, fixed_cap=None)),
                "change_in_profit_gbp": paired(step.with_["profit"] - step.without["profit"]),
            }
        )
        before, without = step.after, step.with_
    return found


# ---- limits --------------------------------------------------------------------------------------------------------


def joining_months(scenario: Scenario) -> list[date]:
    """Return the joining dates that may be tried: day 0, and the first of every month to the end of referrals."""
    clock = scenario.clock
    days = [clock.day_0]
    while (day := add_months(clock.day_0, len(days))) < clock.referrals_until:
        days.append(day)
    return days


def teams_on_offer(scenario: Scenario) -> list[str]:
    """Return the choices of teams that the scenario's therapies allow."""
    given = {team.therapy for team in scenario.teams.values()}
    return [choice for choice in TEAM_CHOICES if choice.removeprefix("plus-") in {"as-is", "own", *given}]


def find_limits(pair: Pair, joinings: Sequence[Joining], again: Callable[[Sequence[Joining]], Pair]) -> dict[str, Any]:
    """Return the limits of the answer: volume, date (the same for all joiners), teams.

    again: live another choice on the same luck.
    """
    joiners = [one.joiner for one in joinings]

    def choice(changed: Sequence[Joining]) -> dict[str, Any]:
        return _short(again(changed), joiners)

    def from_day(day: date) -> dict[str, Any]:
        return {"join_date": str(day), **choice([replace(one, when=day) for one in joinings])}

    by_volume = [
        {
            "referrals_share": factor,
            **choice([replace(one, joiner=_at_volume(one.joiner, factor)) for one in joinings]),
        }
        for factor in VOLUME_CHOICES
    ]
    teams = teams_on_offer(pair.before.scenario)
    by_teams = {name: choice([replace(one, teams=cast(Teams, name)) for one in joinings]) for name in teams}
    by_date, latest = latest_month(joining_months(pair.before.scenario), from_day)
    return {
        "by_volume": by_volume,
        "break_even_referrals_share": _crossing(by_volume),
        "by_join_date": by_date,
        "latest_date_that_pays": latest,
        "by_teams": by_teams,
    }


def latest_month(
    months: Sequence[date], from_day: Callable[[date], dict[str, Any]]
) -> tuple[list[dict[str, Any]], str | None]:
    """Return the figures of the dates tried, in order, and the latest at which the joiners save on average.

    Every third month and the last are tried, then the months between the latest of these that pays and the next are
    halved. None if none of those tried pays.
    """
    tried = {k: from_day(months[k]) for k in sorted({*range(0, len(months), MONTHS_BETWEEN), len(months) - 1})}

    def pays(k: int) -> bool:
        return bool(tried[k]["joiner_net_saving_gbp"] > 0)

    paying = [k for k in tried if pays(k)]
    if paying:
        low, high = max(paying), min((k for k in tried if k > max(paying)), default=len(months))
        while high - low > 1:
            middle = (low + high) // 2
            tried[middle] = from_day(months[middle])
            low, high = (middle, high) if pays(middle) else (low, middle)
        return [tried[k] for k in sorted(tried)], str(months[low])
    return list(tried.values()), None


def _at_volume(joiner: Joiner, factor: float) -> Joiner:
    return with_referrals(joiner, joiner.borough.referrals_per_year * factor)


def _short(pair: Pair, joiners: Sequence[Joiner]) -> dict[str, Any]:
    """Return the few figures by which one choice is held against another."""
    after, kept = list(pair.after.scenario.boroughs), _kept(pair)
    own = [after.index(joiner.slug) for joiner in joiners]
    saving = pair.with_["net_saving"][:, own].sum(axis=1)
    others = pair.with_["net_saving"][:, kept].sum(axis=1) - pair.without["net_saving"].sum(axis=1)
    starts = pair.with_["started"][:, kept].sum(axis=1) - pair.without["started"].sum(axis=1)
    waits = {slug: _wait_change(pair, i, kept[i]) for i, slug in enumerate(pair.before.scenario.boroughs)}
    longest = max(waits, key=lambda slug: waits[slug]["mean"] or 0.0)
    return {
        "joiner_net_saving_gbp": float(saving.mean()),
        "joiner_net_saving_se_gbp": _error(saving),
        "joiner_better_off_prob": float((saving > 0).mean()),
        "joiner_wait_days": _wait(pair.with_, own),
        "change_for_incumbents_gbp": paired(others),
        "change_in_starts_of_those_in": paired(starts.astype(float)),
        "longest_added_wait_days": {"borough": longest, **waits[longest]},
        "change_in_profit_gbp": paired(pair.with_["profit"] - pair.without["profit"]),
    }


def _crossing(rows: Sequence[dict[str, Any]]) -> float | None:
    """Return the share of referrals at which the joiners' expected net saving is nil, straight between two points."""
    for a, b in pairwise(rows):
        x, y = a["joiner_net_saving_gbp"], b["joiner_net_saving_gbp"]
        if (x < 0) != (y < 0):
            return float(a["referrals_share"] + (b["referrals_share"] - a["referrals_share"]) * x / (x - y))
    return None
