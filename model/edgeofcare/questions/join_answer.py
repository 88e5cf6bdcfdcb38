"""The answer to whether boroughs should join: what a `Joined` holds. In: figures. Out: frozen dataclasses.

Must not know: how the figures come about, how they are shown.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Any

from pydantic import Field

from edgeofcare.inputs.schema import Scenario
from edgeofcare.outcomes import Change, Paired, Spread
from edgeofcare.questions.exposure import BoroughExposure, Concentration, InDoubt
from edgeofcare.results import plain


@dataclass(frozen=True)
class JoinerAnswer(BoroughExposure):
    """What a joiner gets into: its exposure, when it joins, with which teams, and how long its families wait."""

    join_date: str = ""
    teams: str = ""
    referrals_per_year: float = 0.0
    waiting_days: float | None = None
    worse_off_prob: float = 0.0


@dataclass(frozen=True)
class Level:
    """A figure without the joiners and with them."""

    without: float | None
    with_: Annotated[float | None, Field(alias="with")]


@dataclass(frozen=True)
class Wait(Level):
    """Mean wait of those who start, days."""

    change: Change


@dataclass(frozen=True)
class CapBinds(Level):
    """How often a limit on payments is reached; with_fixed_cap: had the cap not risen with the joiners."""

    change: Paired
    with_fixed_cap: float | None


@dataclass(frozen=True)
class Starts:
    """Starts of all boroughs."""

    without: Spread
    with_: Annotated[Spread, Field(alias="with")]
    change: Paired


@dataclass(frozen=True)
class Concentrations:
    """How much of what boroughs pay depends on the largest payer."""

    without: Concentration
    with_: Annotated[Concentration, Field(alias="with")]


@dataclass(frozen=True)
class Incumbent:
    """What changes for a borough already in. better_off: by the joining; than nothing: by the contract itself."""

    name: str
    waiting_days: Wait
    change_in_starts: Paired
    change_in_payments_gbp: Paired
    net_saving_gbp: Level
    change_in_net_saving_gbp: Paired
    worse_off_prob: float
    better_off_prob: float
    better_off_than_nothing_prob: Level
    effect_of_a_fixed_cap_gbp: Paired | None


@dataclass(frozen=True)
class Use(Level):
    """Share of a team's places that is used."""

    change: Paired | None


@dataclass(frozen=True)
class Provider:
    """One team. new: it comes with a joiner."""

    slots_used_share: Use
    new: bool


@dataclass(frozen=True)
class InvestorSide:
    """What the investors' money does, without or with the joiners."""

    irr_of_expected_flows: float | None
    money_multiple: float | None
    profit_gbp: Spread
    peak_funding_gbp: Spread
    loss_prob: float


@dataclass(frozen=True)
class InvestorChange:
    """What the joining changes for investors."""

    irr_of_expected_flows: Change
    money_multiple: Paired | None
    profit_gbp: Paired
    peak_funding_gbp: Paired
    loss_prob: Paired


@dataclass(frozen=True)
class JoinInvestor:
    """Investors without and with the joiners."""

    without: InvestorSide
    with_: Annotated[InvestorSide, Field(alias="with")]
    change: InvestorChange


@dataclass(frozen=True)
class JoinContract:
    """All boroughs together. teams: None where joiners bring different ones; therapies: labels by slug.

    Those in: boroughs already in.
    """

    teams: str | None
    therapies: dict[str, str]
    cap_on_join: str
    cap_gbp: Level
    cap_binds_prob: CapBinds
    starts: Starts
    change_in_starts_of_those_in: Paired
    change_in_net_saving_of_those_in_gbp: Paired
    change_in_net_saving_of_all_gbp: Paired
    concentration: Concentrations


@dataclass(frozen=True)
class Step:
    """One joiner after those named before it."""

    joiner: str
    name: str
    join_date: str
    net_saving_gbp: Spread
    better_off_prob: float
    incumbents: dict[str, Incumbent]
    change_in_profit_gbp: Paired


@dataclass(frozen=True)
class LongestWait(Change):
    """The borough whose families' wait grows most, days."""

    borough: str


@dataclass(frozen=True)
class Choice:
    """One choice of volume, date or teams; None for those that were not varied."""

    joiner_net_saving_gbp: float
    joiner_net_saving_se_gbp: float | None
    joiner_better_off_prob: float
    joiner_wait_days: float | None
    change_for_incumbents_gbp: Paired
    change_in_starts_of_those_in: Paired
    longest_added_wait_days: LongestWait
    change_in_profit_gbp: Paired
    referrals_share: float | None = None
    join_date: str | None = None


@dataclass(frozen=True)
class Limits:
    """What would change the answer."""

    by_volume: list[Choice]
    break_even_referrals_share: float | None
    by_join_date: list[Choice]
    latest_date_that_pays: str | None
    by_teams: dict[str, Choice]


@dataclass(frozen=True)
class IncumbentInDoubt:
    """What joining changes for a borough already in, with the uncertain inputs drawn. se: between outer draws."""

    change_in_net_saving_gbp: Paired
    better_off_prob: float
    better_off_prob_se: float | None


@dataclass(frozen=True)
class JoinInDoubt:
    """The main figures with the uncertain inputs drawn: chance and what is not known."""

    outer_draws: int
    joiner: dict[str, InDoubt]
    incumbents: dict[str, IncumbentInDoubt]
    change_in_profit_gbp: Paired
    loss_prob: Level


@dataclass(frozen=True)
class Joined:
    """The answer: figures for the joiners, each borough already in, the teams and the investor."""

    scenario: str
    title: str
    seed: int
    replications: int
    outer_draws: int
    joiner: dict[str, JoinerAnswer]
    incumbents: dict[str, Incumbent]
    providers: dict[str, Provider]
    investor: JoinInvestor
    contract: JoinContract
    steps: list[Step]
    limits: Limits | None
    uncertain: JoinInDoubt | None
    joined: Annotated[Scenario, Field(exclude=True)]

    def as_dict(self) -> dict[str, Any]:
        """Return the object that `--json` prints; what was not asked for is left out."""
        found: dict[str, Any] = plain(self)
        for key in ("steps", "limits", "uncertain"):
            if not found[key]:
                del found[key]
        for joiner in found["joiner"].values():
            for key in ("budget", "what_if", "uncertain"):
                if joiner[key] is None:
                    del joiner[key]
        for choices in (found["limits"],) if "limits" in found else ():
            for choice in (*choices["by_volume"], *choices["by_join_date"], *choices["by_teams"].values()):
                for key in ("referrals_share", "join_date"):
                    if choice[key] is None:
                        del choice[key]
        return found
