"""What a user may write of a contract and of the investor's money: terms, modifiers, tranches, waterfall.

In: the kinds of value. Out: frozen pydantic models, used by schema.py. Must not know: files, engines, money rules.
A rule that belongs to one key begins with that key in square brackets; `words.py` shows the fault there.
"""

from __future__ import annotations

import itertools
from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from edgeofcare.inputs.types import (
    Day,
    Days,
    FinancialYear,
    Frozen,
    Gbp,
    Growth,
    NotNegative,
    Number,
    Positive,
    Share,
    Slug,
    Text,
    Whole,
)
from edgeofcare.inputs.waterfall import ACTIONS, tranche_faults, waterfall_faults


class Tracking(Frozen):
    """The window in which a child's outcomes count."""

    delay_days: Days
    """Days from the start of therapy to the start of tracking."""
    days: Annotated[Days, Field(ge=7)]
    """Length of tracking, days; ends sooner at 18 and at the end of outcomes."""
    covers: Literal["starters", "completers"] = "starters"
    """Whose outcomes count."""
    week_rule: Literal["grid", "run"] = "grid"
    """Weeks out of care: on a fixed weekly grid, or whole weeks in each spell at home."""


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


class Term(Frozen):
    """What all terms share."""

    needs_data: tuple[Slug, ...] = ()
    """Records that payers must hold for this term besides those that its kind needs; see `data_held` of boroughs."""


class TrackedTerm(Term):
    """What terms share that pay for outcomes inside a window."""

    tracking: Tracking | None = None
    """Window of this term; the contract's if not given."""


class PerStart(Term):
    """Pays for each child who starts therapy."""

    pays: Literal["per_start"]
    price_gbp: Gbp
    """GBP for each."""


class PerCompletion(Term):
    """Pays for each completed therapy."""

    pays: Literal["per_completion"]
    price_gbp: Gbp
    """GBP for each."""


class PerWeekOutOfCare(TrackedTerm):
    """Pays for each seven days running out of care inside the window."""

    pays: Literal["per_week_out_of_care"]
    price_gbp: Gbp
    """GBP for each."""
    max_units_per_child: Annotated[Whole, Field(ge=1)] | None = None
    """Most weeks paid for one child; no limit if not given."""


class PerDayOutOfCare(TrackedTerm):
    """Pays for each day out of care inside the window, less a share that is agreed to be nobody's doing."""

    pays: Literal["per_day_out_of_care"]
    price_gbp: Gbp
    """GBP for each day, before the deadweight share is taken off."""
    deadweight_share: Share = 0.0
    """Share of days that is not paid: a term of the contract, not an estimate."""
    max_units_per_child: Annotated[Whole, Field(ge=1)] | None = None
    """Most days counted for one child; no limit if not given."""


class PerCareDaySaved(TrackedTerm):
    """Pays for each care day below a fixed baseline share of tracked days, settled each quarter, no clawback."""

    pays: Literal["per_care_day_saved"]
    price_gbp: Gbp
    """GBP for each day."""
    baseline_share: Share | Annotated[tuple[Share, ...], Field(min_length=1, max_length=80)]
    """Baseline share of tracked days in care: one number, or one for each quarter since an intake group's start
    (the last continues)."""
    netting: Literal["contract", "group"] = "contract"
    """Whether intake groups offset one another, or each is floored at nil."""


class Milestone(TrackedTerm):
    """Pays once for a child, on the day on which it has been out of care for so many weeks."""

    pays: Literal["milestone"]
    price_gbp: Gbp
    """GBP for each child who gets there."""
    weeks: Annotated[Whole, Field(ge=1, le=520)]
    """Number of weeks."""
    counts: Literal["running", "at_week"] = "running"
    """`running`: the first time that so many weeks running are out of care inside the window; `at_week`: out of care
    on the last day of that week of the window."""


class Band(Frozen):
    """One rung of a ladder."""

    from_improvement: Annotated[Number, Field(ge=-10, le=1)]
    """Improvement from which this rung holds, up to the next; below the first rung nothing is paid."""
    rate: NotNegative
    """Rate a year (base `principal`), or GBP for each (other bases)."""
    principal_share: Share = 1.0
    """Share of the principal paid at the last settlement (base `principal`)."""


class ImprovementLadder(TrackedTerm):
    """Pays by the rung of a ladder that the improvement over a control has reached, at stated dates."""

    pays: Literal["improvement_ladder"]
    control: Literal["randomised", "matched", "fixed"]
    """What the group is held against. `randomised`, `matched`: as many other children without therapy, one for each
    who starts, at home after the same wait; `fixed`: a stated share of days in care."""
    control_care_share: Share | None = None
    """Share of tracked days in care of a fixed control."""
    match_bias_log_or: Annotated[Number, Field(ge=-5, le=5)] = 0.0
    """Log odds ratio by which a matched control's share in care is off, for what matching has missed."""
    improvement: Literal["relative_reduction", "points"] = "relative_reduction"
    """`relative_reduction`: 1 - share in care / the control's; `points`: the control's share in care less the
    group's."""
    bands: Annotated[tuple[Band, ...], Field(min_length=1, max_length=20)]
    """The rungs, from the lowest up."""
    base: Literal["principal", "per_care_day_reduced", "per_start"]
    """What the rung is a rate on. `principal`: interest on a principal, and at the last settlement the principal;
    `per_care_day_reduced`: care days fewer than the control's share would give; `per_start`: children who start."""
    principal_gbp: Gbp | None = None
    """Principal, GBP (base `principal`)."""
    compound: bool = False
    """Whether interest is compounded from one settlement to the next, instead of simple."""
    floor_rate_per_year: NotNegative = 0.0
    """Least rate a year at settlements up to `floor_until_month` (base `principal`)."""
    floor_until_month: Whole = 0
    """Months from day 0 for which the floor holds."""
    settle_months: Annotated[tuple[Annotated[Whole, Field(ge=1, le=360)], ...], Field(min_length=1, max_length=40)]
    """Months from day 0 at which the ladder is read, on all outcomes to date, and paid."""

    @model_validator(mode="after")
    def _coherent(self) -> Self:
        faults = []
        if (self.control == "fixed") != (self.control_care_share is not None):
            faults.append("[control_care_share] belongs to a fixed control, and a fixed control needs it")
        if (self.base == "principal") != (self.principal_gbp is not None):
            faults.append("[principal_gbp] belongs to base principal, and base principal needs it")
        rungs = [band.from_improvement for band in self.bands]
        if any(b <= a for a, b in itertools.pairwise(rungs)):
            faults.append("[bands] rungs must rise: each from_improvement must be above the one before")
        months = self.settle_months
        if any(b <= a for a, b in itertools.pairwise(months)):
            faults.append("[settle_months] must rise")
        if faults:
            raise ValueError("\n".join(faults))
        return self


class BlockFee(Term):
    """Pays a fixed fee a year, or the cost of the service with a margin, whatever the outcomes."""

    pays: Literal["block_fee"]
    gbp_per_year: Gbp | None = None
    """Fixed fee, GBP a year, accruing by day."""
    cost_margin_share: Annotated[Number, Field(ge=-0.5, le=1)] | None = None
    """Instead: the service's cost in the period in which it falls, plus this share of it."""
    starts: Day | None = None
    """First day of a fixed fee; day 0 if not given."""
    until: Day | None = None
    """First day without a fixed fee; the end of delivery if not given."""

    @model_validator(mode="after")
    def _one_of_two(self) -> Self:
        if (self.gbp_per_year is None) == (self.cost_margin_share is None):
            raise ValueError("give either gbp_per_year or cost_margin_share, not both and not neither")
        return self


class SelfFinance(Term):
    """The boroughs pay the cost of the service themselves, by a loan for each period's cost."""

    pays: Literal["self_finance"]
    rate_per_year: NotNegative
    """Rate of the loan, a year."""
    loan_years: Annotated[Number, Field(gt=0, le=30)]
    """Years over which each period's loan is repaid in equal instalments, the first one period later."""


AnyTerm = Annotated[
    PerStart
    | PerCompletion
    | PerWeekOutOfCare
    | PerDayOutOfCare
    | PerCareDaySaved
    | Milestone
    | ImprovementLadder
    | BlockFee
    | SelfFinance,
    Field(discriminator="pays"),
]


class TopUp(Frozen):
    """A central payer's share of every outcome payment."""

    name: Text
    """Who pays it."""
    share: Share
    """Share of each payment."""
    cap_gbp: Gbp | None = None
    """Largest total, GBP; none if not given."""
    after_cap: Literal["borough_pays", "unpaid"] = "borough_pays"
    """What happens to the share once the cap is used up."""


class GuaranteedStarts(Frozen):
    """A fee for each start by which boroughs fall short of a guaranteed number."""

    starts: Whole
    """Starts guaranteed over the whole contract, shared among boroughs by their expected referrals."""
    shortfall_fee_gbp: Gbp
    """GBP for each start that is missing."""


class Standstill(Frozen):
    """A time in which a fixed sum is paid instead of payments for outcomes, as in the pandemic."""

    starts: Day
    """First day; payments stop for the periods that begin on it or later."""
    until: Day
    """First day after it; payments go on with the periods that begin on it or later."""
    gbp_per_year: Gbp
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


class Contract(Frozen):
    """Who pays what for which outcome."""

    name: Text
    """Name for people."""
    description: Text = ""
    """What the contract is, and how far its terms are published."""
    terms: Annotated[tuple[AnyTerm, ...], Field(max_length=12)]
    """What is paid, in order."""
    tracking: Tracking | None = None
    """Window of the contract's outcomes; the scenario's own if not given."""
    cap_gbp: Gbp | None = None
    """Largest total of all payments, GBP; none if not given."""
    floor_gbp: Gbp | None = None
    """Least total of all payments, GBP; what is missing is paid in the last period. None if not given."""
    borough_cap_gbp: Gbp | None = None
    """Largest total for each borough, GBP; none if not given."""
    borough_year_cap_gbp: Gbp | None = None
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
    sized_for_gbp: Positive | None = None
    """Cost of the service, GBP, for which caps, floors, principals and tranches are written. Laid over other children
    they are scaled with the planned cost of their service; as written if not given."""

    @model_validator(mode="after")
    def _cap_above_floor(self) -> Self:
        if self.cap_gbp is not None and self.floor_gbp is not None and self.cap_gbp < self.floor_gbp:
            raise ValueError(f"[cap_gbp] a cap must not lie below the floor of {self.floor_gbp:,.0f}")
        return self


class Tranche(Frozen):
    """One layer of the investors' money."""

    kind: Literal["grant", "first_loss", "equity", "junior", "senior", "capital_protected"]
    """`grant` is never paid back; `first_loss` and `equity` come last; `junior` after `senior`; `capital_protected`: a
    guarantor pays at the end what is missing of the protected share."""
    commitment_gbp: Positive
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


class Step(Frozen):
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
    limit_gbp: Gbp | None = None
    """Most that this action moves in total (reserve: holds at once), GBP."""
    gbp_per_year: Gbp | None = None
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


class Capital(Frozen):
    """The investor's money."""

    commitment_gbp: Gbp | None = None
    """Most that can be drawn from one investor, GBP; not with tranches."""
    tranches: Annotated[dict[Slug, Tranche], Field(max_length=12)] = Field(default_factory=dict)
    """Layers of money instead of one investor, in the order in which they are drawn."""
    waterfall: Annotated[tuple[Step, ...], Field(max_length=60)] = ()
    """What is done with money on each date, in order; the usual order if not given."""
    minimum_cash_gbp: Gbp = 0.0
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
