"""What a user may write of a contract and of the investor's money: terms, modifiers, tranches, waterfall.

In: the kinds of value. Out: frozen pydantic models, used by schema.py. Must not know: files, engines, money rules.
A rule that belongs to one key begins with that key in square brackets; `words.py` shows the fault there.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from edgeofcare.inputs.scaling import PositiveSizeGbp, PriceGbp, Scalable, SizeGbp, SumGbp
from edgeofcare.inputs.terms.base import Tracking
from edgeofcare.inputs.terms.kinds import AnyTerm
from edgeofcare.inputs.types import (
    Day,
    Days,
    FinancialYear,
    Frozen,
    Growth,
    Number,
    Positive,
    Share,
    Slug,
    Text,
    Whole,
)
from edgeofcare.inputs.waterfall import ACTIONS, tranche_faults, waterfall_faults


class PriceIndex(Frozen):
    """How a price moves from one financial year to the next."""

    level_by_year: dict[FinancialYear, Positive]
    """Levels by financial year; only their ratios matter. Flat before the first."""
    growth_per_year: Growth = 0.0
    """Growth after the last level, to growth_until."""
    growth_until: FinancialYear | None = None
    """Last financial year of growth_per_year; for ever if not given."""
    growth_after_per_year: Growth = 0.0
    """Growth after growth_until."""

    @model_validator(mode="after")
    def _not_empty(self) -> Self:
        if not self.level_by_year:
            raise ValueError("level_by_year must hold at least one financial year")
        return self


class TopUp(Scalable):
    """A central payer's share of every outcome payment."""

    name: Text
    """Who pays it."""
    share: Share
    """Share of each payment."""
    cap_gbp: SumGbp | None = None
    """Largest total, GBP; none if not given."""
    after_cap: Literal["borough_pays", "unpaid"] = "borough_pays"
    """What happens to the share once the cap is used up."""


class GuaranteedStarts(Scalable):
    """A fee for each start by which boroughs fall short of a guaranteed number."""

    starts: Whole
    """Starts guaranteed over the whole contract, shared among boroughs by their expected referrals."""
    shortfall_fee_gbp: PriceGbp
    """GBP for each start that is missing."""


class Standstill(Scalable):
    """A time in which a fixed sum is paid instead of payments for outcomes, as in the pandemic."""

    starts: Day
    """First day; payments stop for the periods that begin on it or later."""
    until: Day
    """First day after it; payments go on with the periods that begin on it or later."""
    gbp_per_year: SumGbp
    """Fixed sum, GBP a year, shared among boroughs by their expected referrals."""

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        if self.starts >= self.until:
            raise ValueError(f"[until] must lie after starts; they are {self.starts} and {self.until}")
        return self


class Termination(Frozen):
    """An early end, on a date or because too few have started. Boroughs then pay for the service themselves."""

    on: Day | None = None
    """Day on which the contract ends early."""
    review_month: Whole | None = None
    """Instead: months from day 0 after which starts are counted."""
    if_starts_below: Whole | None = None
    """The contract ends at the review if fewer children have started."""
    redemption_share_by_year: Annotated[tuple[Share, ...], Field(min_length=1, max_length=20)] = (0.0,)
    """What is then due, as a share of the service's cost to date that payments to date have not covered, by the year
    of the contract in which it ends (the last continues)."""

    @model_validator(mode="after")
    def _date_or_trigger(self) -> Self:
        trigger = (self.review_month is not None, self.if_starts_below is not None)
        if (self.on is not None) == any(trigger) or any(trigger) != all(trigger):
            raise ValueError("give either on (a date) or both review_month and if_starts_below")
        return self


@dataclass(frozen=True)
class Modifier:
    """What is true of a rule that changes what terms come to.

    key: the contract's. label: what it is, for people. column: name of what it pays of its own among payments.
    is_cap: whether it limits payments. limit: the limit as part of a sentence, with {} for the sum. in_workbook:
    whether the workbook works it out; otherwise simulated means stand there.
    """

    key: str
    label: str
    column: str = ""
    is_cap: bool = False
    limit: str = ""
    in_workbook: bool = False


# In the order in which they act; the formulas stand in money/payments.py.
MODIFIERS = (
    Modifier("indexation", "Indexation of prices"),
    Modifier("standstill", "Standstill", column="standstill"),
    Modifier("guaranteed_starts", "Guaranteed starts", column="guaranteed_starts"),
    Modifier(
        "borough_year_cap_gbp",
        "Cap of each borough in a financial year",
        is_cap=True,
        limit="no borough pays more than {} in a financial year",
        in_workbook=True,
    ),
    Modifier(
        "borough_cap_gbp",
        "Cap of each borough",
        is_cap=True,
        limit="no borough pays more than {}",
        in_workbook=True,
    ),
    Modifier("cap_gbp", "Cap of the contract", is_cap=True, limit="no more than {} is paid in all", in_workbook=True),
    Modifier("floor_gbp", "Floor of the contract", column="floor", limit="at least {} is paid in all"),
    Modifier("termination", "Early end", column="redemption"),
    Modifier("top_up", "Central payer's share", in_workbook=True),
)
CAPS = tuple(modifier for modifier in MODIFIERS if modifier.is_cap)


class Contract(Scalable):
    """Who pays what for which outcome."""

    name: Text
    """Name for people."""
    description: Text = ""
    """What the contract is, and how far its terms are published."""
    terms: Annotated[tuple[AnyTerm, ...], Field(max_length=12)]
    """What is paid, in order."""
    tracking: Tracking | None = None
    """Window of the contract's outcomes; the scenario's own if not given."""
    cap_gbp: SumGbp | None = None
    """Largest total of all payments, GBP; none if not given."""
    floor_gbp: SumGbp | None = None
    """Least total of all payments, GBP; what is missing is paid in the last period. None if not given."""
    borough_cap_gbp: SumGbp | None = None
    """Largest total for each borough, GBP; none if not given."""
    borough_year_cap_gbp: SumGbp | None = None
    """Largest total for each borough in one financial year, GBP; none if not given."""
    top_up: TopUp | None = None
    """A central payer's share."""
    lag_days: Days = 30
    """Days from the end of a period to the payment."""
    indexation: PriceIndex | None = None
    """How prices move from the financial year of day 0 on; they stay as they are if not given."""
    guaranteed_starts: GuaranteedStarts | None = None
    """Starts that boroughs guarantee."""
    standstill: Standstill | None = None
    """A time of fixed payments."""
    termination: Termination | None = None
    """An early end."""
    sized_for_gbp: PositiveSizeGbp | None = None
    """Cost of the service, GBP, for which caps, floors, principals and tranches are written. Laid over other children
    they are scaled with the planned cost of their service; as written if not given."""

    @property
    def modifiers(self) -> tuple[Modifier, ...]:
        """The rules beyond the terms that this contract has, in the order in which they act."""
        return tuple(modifier for modifier in MODIFIERS if getattr(self, modifier.key) is not None)

    def without_caps(self) -> Self:
        """Return the contract without its caps (that of a top-up stays)."""
        return self.model_copy(update={modifier.key: None for modifier in MODIFIERS if modifier.is_cap})

    @model_validator(mode="after")
    def _cap_above_floor(self) -> Self:
        if self.cap_gbp is not None and self.floor_gbp is not None and self.cap_gbp < self.floor_gbp:
            raise ValueError(f"[cap_gbp] a cap must not lie below the floor of {self.floor_gbp:,.0f}")
        return self


class Tranche(Scalable):
    """One layer of the investors' money."""

    kind: Literal["grant", "first_loss", "equity", "junior", "senior", "capital_protected"]
    """`grant` is never paid back; `first_loss` and `equity` come last; `junior` after `senior`; `capital_protected`: a
    guarantor pays at the end what is missing of the protected share."""
    commitment_gbp: PositiveSizeGbp
    """Most that can be drawn, GBP."""
    coupon_per_year: Annotated[Number, Field(ge=0, le=1)] = 0.0
    """Interest a year on what is outstanding, actual/365; what cannot be paid on a day of payments is added to the
    debt. For senior, capital_protected and junior tranches."""
    coupon_from_ladder: bool = False
    """Whether the coupon is the rate of the contract's ladder in force instead (base `principal`; from the day on which
    it is first paid), with coupon_per_year as its floor."""
    protected_share: Share = 0.0
    """Share of what was drawn that the guarantor makes good (capital_protected)."""

    @model_validator(mode="after")
    def _protected(self) -> Self:
        if (self.kind == "capital_protected") != (self.protected_share > 0):
            raise ValueError("[protected_share] must be above 0 for a capital_protected tranche, and for no other")
        if self.kind in ("grant", "first_loss", "equity") and (self.coupon_per_year or self.coupon_from_ladder):
            raise ValueError(f"[kind] {self.kind} bears no interest; a tranche with a coupon is senior or junior")
        return self


Verb = Literal[
    "draw",
    "receive",
    "pay_cost",
    "pay_fee",
    "accrue_and_pay_interest",
    "repay",
    "reserve",
    "carry",
    "split_residual",
    "protect",
]


class Step(Scalable):
    """One action of the waterfall. Actions are read from top to bottom on every date on which money can move."""

    do: Verb
    """draw: what cash needs, from a tranche; receive: payments; pay_cost; pay_fee: to an account of its own (of both,
    what cash lacks is owed and paid later); accrue_and_pay_interest and repay: to a tranche, from cash above the
    minimum and the costs to come; reserve: hold some of that cash up to a limit, given back when cash needs it and at
    the end; carry: to an account of its own, a share of what is left of it once investors have their money and the
    hurdle; split_residual: distribute what is left; protect: the guarantor's part, at the end."""
    source: Slug
    """Account from which money is taken."""
    payee: Slug | dict[Slug, Share]
    """Account to which it goes; for split_residual, shares of several."""
    limit_gbp: SizeGbp | None = None
    """Most that this action moves in total (reserve: holds at once), GBP."""
    gbp_per_year: SizeGbp | None = None
    """Fee, GBP a year, paid on the first day of each period for its days to the end of outcomes (pay_fee)."""
    carry_share: Share | None = None
    """Share of what is distributed above the hurdle (carry)."""
    hurdle_per_year: Annotated[Number, Field(ge=0, le=1)] | None = None
    """Return a year that all repayable money must have had before, actual/365 (carry)."""

    @model_validator(mode="after")
    def _figures_fit(self) -> Self:
        action = ACTIONS[self.do]
        for verb, other in ACTIONS.items():
            for key in other.figures:
                if (verb == self.do) != (getattr(self, key) is not None):
                    raise ValueError(f"[{key}] belongs to {verb}, and {verb} needs it")
        if action.limit == "needed" and self.limit_gbp is None:
            raise ValueError(f"[limit_gbp] a {self.do} needs a limit")
        if action.limit == "never" and self.limit_gbp is not None:
            raise ValueError(f"[limit_gbp] does not belong to {self.do}: all that is due moves")
        return self


class Capital(Scalable):
    """The investor's money."""

    commitment_gbp: SizeGbp | None = None
    """Most that can be drawn from one investor, GBP; not with tranches."""
    tranches: Annotated[dict[Slug, Tranche], Field(max_length=12)] = Field(default_factory=dict)
    """Layers of money instead of one investor, in the order in which they are drawn."""
    waterfall: Annotated[tuple[Step, ...], Field(max_length=60)] = ()
    """What is done with money on each date, in order; the usual order if not given."""
    minimum_cash_gbp: SizeGbp = 0.0
    """Cash that must stay in the account, GBP."""
    distribute: Literal["after_delivery", "from_day_one"] = "after_delivery"
    """When cash above the minimum and the costs to come goes back: after the last therapy ends, or always."""
    reserve_months: Annotated[Whole, Field(le=600)] | None = None
    """Months of fixed costs and fees to come that are held back from distribution, besides all costs to the end of the
    next period; once the last therapy has ended, all of them if not given, so that nothing is distributed and then
    called again."""
    when_short: Literal["arrears", "call"] = "arrears"
    """What happens to bills once the commitment is used up. `arrears`: the provider waits, and is paid from later
    receipts before anything is distributed; `call`: the investor (the last repayable tranche drawn) pays beyond its
    commitment."""
    target_irr_per_year: Annotated[Number, Field(ge=-0.5, le=2)] = 0.08
    """Return the investor looks for, a year."""

    @model_validator(mode="after")
    def _fits_together(self) -> Self:
        faults = list(tranche_faults(self.tranches))
        if (self.commitment_gbp is None) == (not self.tranches):
            faults.insert(0, "give either commitment_gbp (one investor) or tranches, not both and not neither")
        if self.waterfall:
            faults += waterfall_faults(self.tranches, self.waterfall)
        if faults:
            raise ValueError("\n".join(faults))
        return self
