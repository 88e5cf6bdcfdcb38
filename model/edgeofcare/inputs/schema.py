"""The only description of what a user may write in a scenario: keys, units, ranges, meaning.

In: nothing; contracts and capital stand in contract.py. Out: frozen pydantic models. Must not know: files, engines.
Any number here may be written in a file as a table with `value`, `low`, `high`, `distribution`, `unit`, `source`,
`date` and `quality`; `load.py` sets the value in its place and keeps the rest in `Scenario.origins`.
"""

from __future__ import annotations

import itertools
import math
from typing import Annotated, Any, Literal, Self

from pydantic import BeforeValidator, Field, InstanceOf, Strict, model_validator
from pydantic.json_schema import SkipJsonSchema

from edgeofcare.calendar import MEAN_DAYS_PER_MONTH
from edgeofcare.inputs.contract import Capital, Contract, PriceIndex
from edgeofcare.inputs.prior import Evidence
from edgeofcare.inputs.terms.base import Tracking
from edgeofcare.inputs.therapies import Therapy, share_fault, therapy_labels, therapy_names, with_rest
from edgeofcare.inputs.types import (
    Day,
    Days,
    FinancialYear,
    Frozen,
    Gbp,
    Growth,
    NotNegative,
    Number,
    PerYear,
    Positive,
    Prob,
    Rule,
    RuleError,
    Scale,
    Shape,
    Share,
    Slug,
    Text,
    Whole,
)
from edgeofcare.inputs.written import Written

PLACEMENTS = ("kinship", "foster_in_house", "foster_agency", "residential", "secure", "supported")
MEASURES = ("share_of_tracked_days_out_of_care", "never_in_care_by_day", "out_of_care_on_day")
FIRST_AGE, LAST_AGE = 10, 17
DATES = ("day_0", "referrals_until", "delivery_end", "outcomes_end")
DATA_HELD = ("service_records", "care_records")


ROUNDED = 0.01  # how far weights may miss 1 (or 100) and are scaled: shares that were rounded one by one


def _weights(values: Any) -> Any:
    """Refuse weights that do not sum to 1 (or to 100, as percentages) within one in a hundred; make them sum to 1.

    Shares that sum to 1 but for the last bits stay as they are, so that checking twice changes nothing.
    """
    if not isinstance(values, list | tuple) or not all(type(v) in (int, float) for v in values):
        return values
    total = math.fsum(values) if all(abs(v) <= 1000 for v in values) else math.inf
    if abs(total - 1) <= 1e-9 and min(values) >= 0:
        return tuple(values)
    for scale in (1.0, 100.0):
        if abs(total - scale) <= ROUNDED * scale * (1 + 1e-9) and min(values, default=0) >= 0:
            return tuple(v / total for v in values)
    raise ValueError(f"weights must be 0 or more and sum to 1 or to 100 (99 to 101); these sum to {total:g}")


N_AGES, N_TYPES = LAST_AGE - FIRST_AGE + 1, len(PLACEMENTS)
AgeWeights = Annotated[tuple[Share, ...], BeforeValidator(_weights), Field(min_length=N_AGES, max_length=N_AGES)]
PlacementWeights = Annotated[
    tuple[Share, ...], BeforeValidator(_weights), Field(min_length=N_TYPES, max_length=N_TYPES)
]
MoveMatrix = Annotated[tuple[PlacementWeights, ...], Field(min_length=N_TYPES, max_length=N_TYPES)]


class Origin(Frozen):
    """Where a number comes from and how uncertain it is."""

    low: Number | None = None
    """Low end of the plausible range, in the number's own unit."""
    high: Number | None = None
    """High end of the plausible range."""
    distribution: Literal["triangular", "uniform", "normal", "lognormal", "beta"] = "triangular"
    """Shape between low and high. triangular: peak at the value; uniform; normal, lognormal: low and high are the
    5th and 95th percentile; beta: mean is the value, low and high are about the 5th and 95th percentile."""
    unit: Text = ""
    """Unit of the number."""
    source: Text = ""
    """Who published it, where; or why this judgement was made."""
    date: Text = ""
    """Date or year to which the figure belongs."""
    price_year: FinancialYear | None = None
    """Financial year of a price in GBP. A price of care or of support at home is converted to prices.base_year by the
    price index of its type (support at home: by the deflator); taken in base year if not given."""
    quality: Literal["data", "research", "judgement"] = "judgement"
    """data: official statistics; research: published text or arithmetic on it; judgement: nobody has published it."""
    name: Text = ""
    """A short name for people."""


class Clock(Frozen):
    """The dates of a contract. Day 0 is the first day of service delivery."""

    day_0: Day
    """First day of service delivery."""
    referrals_until: Day
    """First day on which no child is referred any more."""
    delivery_end: Day
    """Day by which every therapy that starts must be planned to end."""
    outcomes_end: Day
    """First day that no longer counts for outcomes."""
    period: Literal["quarter", "month"] = "quarter"
    """Accounting period: calendar quarter or month."""
    closed_on: Day | None = None
    """Day on which the contract described here closed; not given for one that is planned or runs."""

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        steps = list(itertools.pairwise((key, getattr(self, key)) for key in DATES))
        wrong = [(a, b) for (a, first), (b, then) in steps if first > then or (a == DATES[0] and first == then)]
        if wrong:
            order = "day_0 < referrals_until <= delivery_end <= outcomes_end"
            told = f"dates must be in the order {order}; they are {', '.join(str(getattr(self, key)) for key in DATES)}"
            raise RuleError([Rule(told, tuple(dict.fromkeys(key for pair in wrong for key in pair)))])
        return self


class Borough(Frozen):
    """A commissioning local authority."""

    name: Text
    """Name for people."""
    referrals_per_year: PerYear
    """Families referred a year once referrals are fully ramped up."""
    adolescent_care_starts_per_year: PerYear | None = None
    """Young people of 10 to 17 who start in care there in a year, less unaccompanied asylum-seeking children: referrals
    are held against it. The published figure if not given."""
    join_date: Day | None = None
    """First day of referrals; day 0 if not given."""
    leave_date: Day | None = None
    """First day on which the borough refers no more, as it leaves; the end of referrals if not given. Those who have
    been referred are served, tracked and paid for as before."""
    entitlement: Whole | None = None
    """Largest number of children who may start; none if not given."""
    share_suited: dict[Slug, Share] | None = None
    """Share of this borough's families suited to each therapy, {NAME = share}, as [therapies] has it for all; one may
    be left out and takes the rest. As [therapies] if not given."""
    price_multiplier: Positive = 1.0
    """This borough's price of care relative to the scenario's."""
    own_cost_gbp_per_year: Gbp = 0.0
    """The borough's own cost of managing the contract, GBP a year from joining to the end of outcomes."""
    home_support_gbp_per_week: Gbp = 0.0
    """Cost of supporting a child at home for each week of care avoided, GBP."""
    data_held: tuple[Slug, ...] = DATA_HELD
    """Records that the borough can settle a contract by: `service_records` (starts, completions), `care_records` (days
    in care), `matched_control`, `randomised_control`, or the name of another that a term needs."""


class Team(Frozen):
    """A therapy team: who it serves, how many families it holds, what it costs."""

    therapy: Slug
    """Therapy delivered: the NAME of a table [therapies.NAME]."""
    boroughs: Annotated[tuple[Slug, ...], Field(min_length=1)]
    """Boroughs served. Teams of one therapy share a borough's families in proportion to their slots."""
    n_therapists: Annotated[Whole, Field(ge=1, le=500)]
    """Therapists when fully staffed."""
    caseload_per_therapist: Annotated[Whole, Field(ge=1, le=50)]
    """Families at once for each therapist."""
    opens: Day | None = None
    """First day on which a therapy can start; day 0 if not given."""
    staffed_over_days: Days = 0
    """Days over which therapists come into post, evenly, the first on the opening day."""
    cost_gbp_per_year: Gbp
    """Cost of the team in its first year, GBP a year, licence and supervision included."""
    cost_growth_per_year: Growth = 0.0
    """Growth of the cost from one year since opening to the next."""
    cost_start_share: Share = 1.0
    """Share of the full cost on the opening day."""
    cost_ramp_days: Days = 0
    """Days over which the cost rises evenly from cost_start_share to all of it."""
    recruitment_days: Days = 0
    """Days before opening from which the team is paid."""
    cost_gbp_per_start: Gbp = 0.0
    """Cost for each child who starts, GBP."""
    vacancy_share: Share = 0.0
    """Share of the team's places that are empty for want of therapists from vacant_from to vacant_until, in whole
    places; who is in therapy goes on, and the team costs what it costs."""
    vacant_from: Day | None = None
    """First day of the vacancies; the opening day if not given."""
    vacant_until: Day | None = None
    """First day without them; to the end of delivery if not given."""


class Pause(Frozen):
    """A time in which fewer families are referred, as in the pandemic."""

    starts: Day
    """First day of it."""
    until: Day
    """First day after it."""
    share: Share = 0.0
    """Share of referrals that still come; the others never do."""

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        if self.starts >= self.until:
            raise ValueError(f"[until] must lie after starts; they are {self.starts} and {self.until}")
        return self


class Referrals(Frozen):
    """How families come to the service."""

    ramp_start_share: Share = 1.0
    """Referral rate at a borough's joining, as a share of its full rate."""
    ramp_months: Annotated[Number, Field(ge=0, le=120)] = 0.0
    """Months over which the rate rises evenly to the full rate."""
    seasonality: Annotated[tuple[NotNegative, ...], Field(min_length=12, max_length=12)] = (1.0,) * 12
    """Relative referral rate by calendar month, January to December, mean 1."""
    accept_prob: Prob = 1.0
    """Chance that the panel accepts a referred family."""
    engage_prob: Prob = 1.0
    """Chance that an accepted family agrees to therapy."""
    patience_days: Days = 60
    """Days after which a waiting family gives up."""
    priority_by_needs: Annotated[bool, Strict()] = False
    """Whether children with three or more presenting needs go first."""
    shared_shock_sd: Annotated[Number, Field(ge=0, le=2)] = 0.0
    """Standard deviation (log scale) of a borough's common risk factor in one replication; mean 1; 0 is off."""
    shared_shock_correlation: Share = 0.5
    """Correlation of the log common factor between boroughs."""
    late_share: Share = 0.0
    """Last share of each borough's expected referrals in which children of another risk are referred (net widening)."""
    late_hazard_ratio: Annotated[Number, Field(gt=0, le=100)] = 1.0
    """Hazard ratio of first entry of those children against the earlier ones, in both arms. Targets, control children
    and the warning about entries are those of the earlier ones."""
    pause: Pause | None = None
    """A time in which fewer families are referred."""

    @model_validator(mode="after")
    def _mean_one(self) -> Self:
        mean = sum(self.seasonality) / 12
        if abs(mean - 1) > 1e-6:
            raise ValueError(f"seasonality must have mean 1; its mean is {mean:g}")
        return self


class Child(Frozen):
    """Who is referred."""

    age_weights: AgeWeights
    """Shares of referrals aged 10, 11, ... 17, uniform within the year."""
    three_or_more_needs_prob: Prob
    """Chance of three or more presenting needs."""
    needs_log_hazard: Annotated[Number, Field(ge=-5, le=5)]
    """Log hazard ratio of first entry for three or more presenting needs against fewer."""
    frailty_variance: Annotated[Number, Field(ge=0, le=10)]
    """Variance of the gamma frailty, mean 1, on the hazard of first entry."""


class Stay(Frozen):
    """How long a period of care lasts: to the 18th birthday, or a Weibull length."""

    stay_to_18_prob_under_16: Prob
    """Chance that a period of care begun before 16 lasts to 18."""
    stay_to_18_prob_16_plus: Prob
    """Chance that a period of care begun at 16 or 17 lasts to 18."""
    shape: Shape
    """Weibull shape of the other stays."""
    scale_days_under_16: Scale
    """Weibull scale, days, of the other stays begun before 16."""
    scale_days_16_plus: Scale
    """Weibull scale, days, of the other stays begun at 16 or 17."""


class Reentry(Frozen):
    """Return to care after going home: Weibull time since return."""

    shape: Shape
    """Weibull shape."""
    scale_days: Scale
    """Weibull scale, days."""
    min_home_days: Annotated[Days, Field(ge=1)] = 7
    """A child stays home at least so many days; a return home that fails sooner fails on that day."""
    hazard_ratio: Annotated[Number, Field(ge=0, le=100)] = 1.0
    """Hazard ratio of re-entry in the therapy arm."""


class ByPlacement(Frozen):
    """One number for each placement type."""

    kinship: Number
    foster_in_house: Number
    foster_agency: Number
    residential: Number
    secure: Number
    supported: Number

    def values(self) -> tuple[float, ...]:
        """Return the six numbers in the order of PLACEMENTS."""
        return tuple(getattr(self, name) for name in PLACEMENTS)


class PositiveByPlacement(ByPlacement):
    """One positive number for each placement type."""

    kinship: Positive
    foster_in_house: Positive
    foster_agency: Positive
    residential: Positive
    secure: Positive
    supported: Positive


class ShapeByPlacement(ByPlacement):
    """One Weibull shape for each placement type."""

    kinship: Shape
    foster_in_house: Shape
    foster_agency: Shape
    residential: Shape
    secure: Shape
    supported: Shape


class ScaleByPlacement(ByPlacement):
    """One Weibull scale for each placement type."""

    kinship: Scale
    foster_in_house: Scale
    foster_agency: Scale
    residential: Scale
    secure: Scale
    supported: Scale


class ShareByPlacement(ByPlacement):
    """One share for each placement type."""

    kinship: Share
    foster_in_house: Share
    foster_agency: Share
    residential: Share
    secure: Share
    supported: Share


class Placement(Frozen):
    """Placements inside a period of care, in the order kinship, foster in-house, foster agency, residential, secure,
    supported (16 and over only)."""

    shape: ShapeByPlacement
    """Weibull shape of a placement's length."""
    scale_days: ScaleByPlacement
    """Weibull scale of a placement's length, days."""
    first_under_16: PlacementWeights
    """Shares of first placements of children under 16."""
    first_16_plus: PlacementWeights
    """Shares of first placements at 16 and 17."""
    moves_under_16: MoveMatrix
    """Where a placement that ends is followed, under 16: one row for each type left."""
    moves_16_plus: MoveMatrix
    """The same at 16 and 17."""

    @model_validator(mode="after")
    def _no_supported_under_16(self) -> Self:
        if self.first_under_16[5] > 0 or any(row[5] > 0 for row in self.moves_under_16):
            raise ValueError("supported accommodation is for 16 and over: its share under 16 must be 0")
        return self


class Care(Frozen):
    """What happens to a child in either arm after referral."""

    first_entry_shape: Annotated[Number, Field(ge=0.05, le=5)]
    """Weibull shape k of the cumulative hazard of first entry from referral."""
    stay: Stay
    """Length of a period of care."""
    reentry: Reentry
    """Return to care."""
    placement: Placement
    """Placements inside a period of care."""


Measure = Literal["share_of_tracked_days_out_of_care", "never_in_care_by_day", "out_of_care_on_day"]


class Effect(Frozen):
    """What therapy is said to do, and the world it is said against.

    Either targets (`usual`, `therapy` on `measure`), for which the entry scale and the hazard ratio are solved, or
    the hazards themselves (`entry_scale_days`, `hazard_ratio`), which are then used as they are.
    """

    prior: Literal["targets", "evidence"] = "targets"
    """In outer draws: `targets` draws those below within their ranges; `evidence` draws care without therapy and the
    effect from the draws that [evidence] names instead (`effect = "evidence"` says the same)."""
    measure: Measure = "share_of_tracked_days_out_of_care"
    """The measure on which the targets stand."""
    day: Days | None = None
    """Days from the start of therapy, for the two measures that name a day."""
    usual: Prob | None = None
    """Target of the measure without therapy."""
    therapy: Prob | None = None
    """Target of the measure with therapy."""
    entry_scale_days: Scale | None = None
    """Weibull scale of first entry, days, given directly instead of `usual`."""
    hazard_ratio: Annotated[Number, Field(ge=0, le=1000)] | None = None
    """Hazard ratio of first entry under therapy, given directly instead of `therapy`."""
    odds_ratio: Annotated[Number, Field(gt=0, le=1000)] | None = None
    """Odds ratio of being in care (therapy against usual) on the measure, given instead of `therapy`."""
    risk_ratio: Annotated[Number, Field(ge=0, le=1000)] | None = None
    """Risk ratio of being in care on the measure, given instead of `therapy`."""
    log_ratio_share_by_year: Annotated[
        tuple[Annotated[Number, Field(ge=0, le=10)], ...], Field(min_length=1, max_length=20)
    ] = (1.0,)
    """Share of the log hazard ratio at work in each year since the start of therapy; the last continues (fading)."""
    dropouts_keep: Literal["dose", "none", "all"] = "dose"
    """Effect after dropping out: in proportion to the therapy received, none of it, or all."""
    wait_days: Days = 0
    """Days between referral and start assumed for the calibration sample."""

    @model_validator(mode="after")
    def _one_of_each(self) -> Self:
        if (self.usual is None) == (self.entry_scale_days is None):
            raise ValueError("give either usual (a target) or entry_scale_days, not both and not neither")
        given = [k for k in ("therapy", "hazard_ratio", "odds_ratio", "risk_ratio") if getattr(self, k) is not None]
        if len(given) != 1:
            raise ValueError(
                "give exactly one of therapy (a target), hazard_ratio, odds_ratio or risk_ratio; "
                f"found {', '.join(given) or 'none'}"
            )
        if self.measure != MEASURES[0] and self.day is None:
            told = f"measure {self.measure} needs day, the days from the start of therapy"
            raise RuleError([Rule(told, ("measure",))])
        return self


class Prices(Frozen):
    """What care costs a borough."""

    base_year: FinancialYear
    """Financial year of the prices."""
    gbp_per_week: PositiveByPlacement
    """Price of a week of care by placement type in the base year, GBP."""
    index: dict[str, PriceIndex]
    """One price index for each placement type; `other` serves all types not named."""
    marginal_share: ShareByPlacement
    """Share of the price that one placement fewer saves in the long run."""
    cashable_share: ShareByPlacement
    """Share of the price that a borough can take out of its budget; not above marginal_share."""
    deflator: PriceIndex
    """GDP deflator by financial year."""
    discount_rate_per_year: Annotated[Number, Field(ge=0, le=0.2)] = 0.035
    """Social time preference rate, real, a year."""

    @model_validator(mode="after")
    def _complete(self) -> Self:
        unknown = set(self.index) - {*PLACEMENTS, "other"}
        if unknown:
            raise ValueError(f"index names no placement type: {', '.join(sorted(unknown))}")
        missing = [name for name in PLACEMENTS if name not in self.index and "other" not in self.index]
        if missing:
            raise ValueError(f"no price index for {', '.join(missing)}; add it, or `other`")
        for name in PLACEMENTS:
            if getattr(self.cashable_share, name) > getattr(self.marginal_share, name):
                keys = (f"cashable_share.{name}", f"marginal_share.{name}")
                raise RuleError([Rule(f"cashable_share must not exceed marginal_share ({name})", keys)])
        return self


class YearlyCost(Frozen):
    """A cost that accrues by day between two dates."""

    gbp_per_year: Gbp
    """GBP a year in its first year."""
    starts: Day | None = None
    """First day; day 0 if not given."""
    until: Day | None = None
    """First day without it; the end of outcomes if not given."""
    growth_per_year: Growth = 0.0
    """Growth from one year since its start to the next."""


class Costs(Frozen):
    """What the service costs besides its teams."""

    set_up_gbp: Gbp = 0.0
    """One-off cost of setting up, GBP."""
    set_up_date: Day | None = None
    """When it is paid; day 0 if not given."""
    management: tuple[YearlyCost, ...] = ()
    """Management of the partnership."""


class Correlation(Frozen):
    """Correlation of the normal scores of two uncertain inputs."""

    between: Annotated[tuple[str, str], Field()]
    """The two keys, as dotted paths."""
    correlation: Annotated[Number, Field(gt=-1, lt=1)]
    """Correlation of their normal scores."""


class Scenario(Frozen):
    """A whole scenario: children, service, prices, contract and capital, with the origin of every number."""

    title: Text
    """Name for people."""
    description: Text = ""
    """What the scenario is and is not."""
    clock: Clock
    """Dates."""
    referrals: Referrals
    """How families come."""
    child: Child
    """Who they are."""
    therapies: Annotated[dict[Slug, Therapy], Field(min_length=1, max_length=20)]
    """The therapies on offer, one table each: whom they suit, how long they last."""
    care: Care
    """Care without and with therapy."""
    effect: Effect
    """What therapy is said to do."""
    evidence: Evidence = Evidence()
    """What trials and the records of other contracts suggest beside the claim."""
    tracking: Tracking
    """Whose days count, and when."""
    prices: Prices
    """What care costs."""
    costs: Costs
    """What the service costs besides its teams."""
    contract: Contract
    """What is paid for."""
    capital: Capital
    """The investor's money."""
    boroughs: Annotated[dict[Slug, Borough], Field(min_length=1, max_length=400)]
    """The commissioners."""
    teams: Annotated[dict[Slug, Team], Field(min_length=1, max_length=2000)]
    """The therapy teams."""
    correlations: Annotated[tuple[Correlation, ...], Field(max_length=100)] = ()
    """Correlations between uncertain inputs."""
    origins: dict[str, Origin] = Field(default_factory=dict)
    """Origin of each number that has one, by dotted path. Filled by the loader."""
    name: Text = ""
    """The name under which the scenario was loaded. Filled by the loader."""
    written: SkipJsonSchema[InstanceOf[Written]] = Field(default_factory=Written, exclude=True, repr=False)
    """Who wrote each value, file and line, and what it replaced. Filled by the loader."""

    @model_validator(mode="after")
    def _served(self) -> Self:
        """Refuse, all at once, therapies, teams and boroughs that do not fit together: one line for each."""
        served = {slug for team in self.teams.values() for slug in team.boroughs}
        shares = {name: therapy.share_suited for name, therapy in self.therapies.items()}
        keys = tuple(f"therapies.{name}.share_suited" for name, share in shares.items() if share is not None)
        faults = [Rule(rule, keys or ("therapies",))] if (rule := share_fault(shares)) else []
        faults += [fault for name, team in self.teams.items() for fault in self._team_faults(name, team)]
        faults += [fault for slug in self.boroughs for fault in self._borough_faults(slug, slug in served)]
        floor, borough_cap = self.contract.floor_gbp, self.contract.borough_cap_gbp
        if floor is not None and borough_cap is not None and floor > borough_cap * len(self.boroughs):
            reach = f"{borough_cap * len(self.boroughs):,.0f}, the borough caps together"
            keys = ("contract.floor_gbp", "contract.borough_cap_gbp")
            faults.append(Rule(f"a floor must not lie above GBP {reach}", keys))
        faults += self._reserve_faults()
        if faults:
            raise RuleError(faults)
        return self

    def _reserve_faults(self) -> list[Rule]:
        months, clock = self.capital.reserve_months or 0, self.clock
        run_off = (clock.outcomes_end - clock.delivery_end).days / MEAN_DAYS_PER_MONTH
        if months <= math.ceil(run_off):
            return []
        until = f"from delivery_end to outcomes_end, {run_off:.0f} months"
        told = f"a reserve must not be longer than the run-off, {until}; it is {months}. Leave it out to hold back all"
        return [Rule(told, ("capital.reserve_months", "clock.delivery_end", "clock.outcomes_end"))]

    @property
    def therapy_names(self) -> dict[str, str]:
        """The therapies' names for people, by slug."""
        return therapy_names(self.therapies)

    @property
    def therapy_labels(self) -> dict[str, str]:
        """The therapies' short forms, by slug."""
        return therapy_labels(self.therapies)

    def shares_suited(self, slug: str = "") -> tuple[float, ...]:
        """Return the share of families suited to each therapy, of a borough or, without one, of the scenario.

        In the order of `therapies`; they sum to 1 but for rounding.
        """
        own = self.boroughs[slug].share_suited if slug else None
        return with_rest({n: t.share_suited if own is None else own.get(n) for n, t in self.therapies.items()})

    def _team_faults(self, name: str, team: Team) -> list[Rule]:
        here = f"teams.{name}"
        unknown = [slug for slug in team.boroughs if slug not in self.boroughs]
        faults = []
        if unknown:
            told = f"team {name} serves {', '.join(unknown)}, which is not under [boroughs]"
            faults.append(Rule(told, (f"{here}.boroughs",)))
        if team.therapy not in self.therapies:
            known = ", ".join(self.therapies)
            told = f"team {name} delivers {team.therapy}, but there is no [therapies.{team.therapy}]; there is {known}"
            faults.append(Rule(told, (f"{here}.therapy",)))
        if team.vacant_from and team.vacant_until and team.vacant_from >= team.vacant_until:
            keys = (f"{here}.vacant_until", f"{here}.vacant_from")
            faults.append(Rule(f"team {name}: vacant_until must lie after vacant_from", keys))
        return faults

    def _borough_faults(self, slug: str, is_served: bool) -> list[Rule]:
        borough, here, clock = self.boroughs[slug], f"boroughs.{slug}", self.clock
        faults = []
        if not is_served:
            faults.append(Rule(f"borough {slug} is served by no team; add it to a team's boroughs", (here,)))
        faults += self._own_share_faults(f"{here}.share_suited", borough.share_suited)
        if borough.join_date and not clock.day_0 <= borough.join_date < clock.referrals_until:
            window = f"day_0 ({clock.day_0}) and before referrals_until ({clock.referrals_until})"
            at = "clock.day_0" if borough.join_date < clock.day_0 else "clock.referrals_until"
            told = f"borough {slug}: join_date ({borough.join_date}) must lie on or after {window}"
            faults.append(Rule(told, (f"{here}.join_date", at)))
        joins = borough.join_date or clock.day_0
        if borough.leave_date and not joins < borough.leave_date <= clock.referrals_until:
            at = "clock.referrals_until" if borough.leave_date > joins else f"{here}.join_date"
            told = f"borough {slug}: leave_date must lie after its joining and not after referrals_until"
            faults.append(Rule(told, (f"{here}.leave_date", at)))
        return faults

    def _own_share_faults(self, here: str, shares: dict[str, float] | None) -> list[Rule]:
        if shares is None:
            return []
        if unknown := ", ".join(name for name in shares if name not in self.therapies):
            told = f"names {unknown}, which is not under [therapies]; {', '.join(self.therapies)} is"
        else:
            told = share_fault({name: shares.get(name) for name in self.therapies})
        return [Rule(told, (here,))] if told else []
