"""Who should pay what: the cost that boroughs share, Shapley shares beside pro rata, who would rather leave.

In: a scenario and a run of it. Out: `Shares`. Must not know: how they are shown. Pence unless a name says otherwise.

Avoided cost belongs to a borough whatever group it is in, so it cancels wherever a group is compared with its members'
shares: what a group gains by leaving is x(S) - c(S). What a group could leave for is a service of its own, not none:
net_gbp says who would be better off with none.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np

from edgeofcare.errors import OptionError
from edgeofcare.experiment import Progress
from edgeofcare.inputs.schema import Scenario
from edgeofcare.money.pence import Floats, Pence, share_out, to_pence
from edgeofcare.questions.cost_sharing.cooperative_games import (
    EXACT_UP_TO,
    PERMUTATIONS,
    Bools,
    Core,
    all_groups,
    groups_looked_at,
    largest_excess,
    least_core,
    shapley,
    shapley_sampled,
    whole_shares,
)
from edgeofcare.questions.cost_sharing.team_needs import (
    CoalitionTeams,
    Groups,
    Need,
    Scale,
    Service,
    coalition_teams,
    needs,
    price_groups,
    scales,
    service,
    slugs_of,
)
from edgeofcare.walk import Run, run

MOST_EXACT, MOST_BOROUGHS = 16, 60
TOLD_FROM_GBP = 1.0  # what a group gains by leaving is told from a pound on

# ---- the answer -------------------------------------------------------------------------------------------------

RULES = {
    "shapley": "Shapley value",
    "referrals": "referrals",
    "population": "population aged 10 to 17",
    "starts": "starts",
    "avoided": "avoided cost",
}


@dataclass(frozen=True)
class Rule:
    """One way of sharing the cost of all.

    pence: (borough,), adding up to the cost of all. net_gbp: (borough,), expected cashable avoided cost less the share.
    leaves: the group that gains most by leaving, and gains_gbp what it gains (nil or less: none has a reason to).
    """

    rule: str
    pence: tuple[int, ...]
    net_gbp: tuple[float, ...]
    leaves: tuple[str, ...]
    gains_gbp: float

    @property
    def stable(self) -> bool:
        """Whether no group looked at would gain a pound by leaving."""
        return self.gains_gbp < TOLD_FROM_GBP


@dataclass(frozen=True)
class Shares:
    """What boroughs share and how.

    cost_pence: c(all); actual_cost_pence: mean cost of the scenario's own teams, set-up and management. alone_pence:
    (borough,), c of each alone. se_pence: standard errors of the Shapley shares, None if they are exact.
    left_out: rules that cannot be used, with the reason. therapies: label by slug, in the order of `teams`, `use` and
    each need's slot-days. teams: (therapy,), numbers of teams of all.
    core.epsilon is in pence of value; core.shares are what each borough gains under the least core's sharing, pence.
    """

    scenario: str
    needs: tuple[Need, ...]
    coalition_teams: CoalitionTeams
    therapies: dict[str, str]
    teams: tuple[int, ...]
    use: tuple[float, ...]
    cost_pence: int
    actual_cost_pence: int
    value_gbp: float
    alone_pence: tuple[int, ...]
    exact: bool
    permutations: int
    se_pence: tuple[float, ...] | None
    rules: tuple[Rule, ...]
    left_out: dict[str, str]
    core: Core
    scales: tuple[Scale, ...]

    def rule(self, name: str) -> Rule:
        """Return one way of sharing by its name; KeyError if it was left out."""
        return {rule.rule: rule for rule in self.rules}[name]

    def as_dict(self) -> dict[str, Any]:
        """Return all of it for JSON."""
        stable = {rule.rule: rule.stable for rule in self.rules}
        found = asdict(self)
        return {**found, "rules": [{**r, "stable": stable[r["rule"]]} for r in found["rules"]]}


def shares(
    scenario: Scenario,
    done: Run | None = None,
    teams: CoalitionTeams | None = None,
    replications: int = 1000,
    outer_draws: int = 1,
    seed: int = 1,
    exact_up_to: int = EXACT_UP_TO,
    permutations: int = PERMUTATIONS,
    progress: Progress | None = None,
) -> Shares:
    """Return how boroughs could share the cost of a service, and whether any group would rather leave.

    done: a run of the scenario; without it, one of `replications` is made (told to `progress`, as sampling is). teams:
    what groups buy from; as in scenarios/reference/coalition_teams.toml if not given. Shapley shares are exact for up
    to `exact_up_to` boroughs, beyond sampled from random orders drawn with the seed. Raises OptionError for options
    out of range, and what `run` raises.
    """
    teams = coalition_teams() if teams is None else teams
    if not 1 <= exact_up_to <= MOST_EXACT:
        raise OptionError(f"exact_up_to must be from 1 to {MOST_EXACT} boroughs (got {exact_up_to}).")
    if not 0 < teams.least_use <= teams.most_use <= 1:
        raise OptionError(
            f"uses must stand in the order 0 < least_use <= most_use <= 1; they are {teams.least_use} and "
            f"{teams.most_use}."
        )
    if len(scenario.boroughs) > MOST_BOROUGHS:
        raise OptionError(f"shares are worked out for up to {MOST_BOROUGHS} boroughs (got {len(scenario.boroughs)}).")
    if done is None:
        done = run(scenario, replications, seed, outer_draws, progress=progress)
    elif done.scenario != scenario:
        raise OptionError(f"the run is of {done.scenario.name or 'another scenario'}, not of {scenario.name}.")
    rows = done.replications
    actual = to_pence(float(rows["service_cost_gbp"].mean()))
    of, to = needs(scenario, done), service(scenario, teams)
    found = share(scenario.name, of, to, actual, seed, exact_up_to, permutations, progress)
    return replace(found, therapies=scenario.therapy_labels)


def share(
    name: str,
    of: Sequence[Need],
    to: Service,
    actual_cost_pence: int,
    seed: int = 1,
    exact_up_to: int = EXACT_UP_TO,
    permutations: int = PERMUTATIONS,
    progress: Progress | None = None,
) -> Shares:
    """Return the shares of boroughs with these needs in this service, under the scenario's name; see `shares`."""
    n = len(of)
    members = groups_looked_at(n, exact_up_to)
    priced, everyone = price_groups(members, of, to), price_groups(np.ones((1, n), dtype=bool), of, to)
    total, exact = int(everyone.cost[0]), n <= exact_up_to

    def cost(groups: Bools) -> Floats:
        return price_groups(groups, of, to).cost.astype(float)

    if exact:
        found, errors = shapley(cost(all_groups(n))), None
    else:
        found, sampled = shapley_sampled(cost, n, permutations, seed, progress)
        errors = tuple(sampled.tolist())
    pence, left_out = _by_rule(of, total)
    pence = {"shapley": whole_shares(total, found), **pence}
    return Shares(
        scenario=name,
        needs=tuple(of),
        coalition_teams=to.teams,
        therapies={therapy: therapy.upper() for therapy in to.teams.kinds},
        teams=tuple(everyone.teams[0].tolist()),
        use=tuple(everyone.use[0].tolist()),
        cost_pence=total,
        actual_cost_pence=actual_cost_pence,
        value_gbp=float(everyone.value[0]) / 100,
        alone_pence=tuple(price_groups(np.eye(n, dtype=bool), of, to).cost.tolist()),
        exact=exact,
        permutations=0 if exact else permutations // 2 * 2,
        se_pence=errors,
        rules=tuple(_rule(rule, shared, priced, of) for rule, shared in pence.items()),
        left_out=left_out,
        core=least_core(members, priced.value, float(everyone.value[0])),
        scales=scales(of, to, np.concatenate([members, everyone.members])),
    )


def _by_rule(of: Sequence[Need], total: int) -> tuple[dict[str, Pence], dict[str, str]]:
    """Return shares pro rata, and why a rule cannot be used; a borough without need pays nothing by any rule."""
    weights: dict[str, list[float | None]] = {
        "referrals": [n.referrals if n.any else 0.0 for n in of],
        "population": [n.population if n.any else 0.0 for n in of],
        "starts": [n.starts for n in of],
        "avoided": [n.avoided_gbp for n in of],
    }
    pence, left_out = {}, {}
    for name, weight in weights.items():
        unknown = [n.name for n, w in zip(of, weight, strict=True) if w is None]
        known = [w for w in weight if w is not None]
        if unknown:
            left_out[name] = f"no figure is published for {_listed(unknown)}"
        elif min(known) < 0:
            below = [n.name for n, w in zip(of, known, strict=True) if w < 0]
            left_out[name] = f"it is below nil in {_listed(below)}"
        elif sum(known) == 0 and total > 0:
            left_out[name] = "it is nil in every borough"
        else:
            pence[name] = share_out(np.array(total), np.array(known))
    return pence, left_out


def _rule(name: str, pence: Pence, priced: Groups, of: Sequence[Need]) -> Rule:
    net: Floats = np.array([n.avoided_gbp * 100 for n in of]) - pence.astype(float)
    leaves: tuple[str, ...] = ()
    gain = 0.0
    if len(priced.cost):
        row, gain = largest_excess(priced.members, priced.value, net)
        leaves = slugs_of(priced.members[row], of)
    return Rule(name, tuple(pence.tolist()), tuple((net / 100).tolist()), leaves, gain / 100)


def _listed(items: Sequence[str]) -> str:
    return " and ".join([", ".join(items[:-1]), items[-1]] if len(items) > 1 else items)
