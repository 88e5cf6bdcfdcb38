"""Terms that pay for time out of care inside a window: weeks, days, a milestone.

In: what all terms share. Out: models. Must not know: contracts, engines, money rules, files.
"""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal

from pydantic import Field

from edgeofcare.inputs.scaling import PriceGbp
from edgeofcare.inputs.terms.base import CARE_RECORDS, Counting, Kind, TrackedTerm, UnitTerm
from edgeofcare.inputs.types import Share, Whole


def _up_to(max_units: int | None) -> str:
    return f", at most {max_units:,} for one child" if max_units else ""


class PerWeekOutOfCare(TrackedTerm, UnitTerm):
    """Pays for each seven days running out of care inside the window."""

    pays: Literal["per_week_out_of_care"]
    price_gbp: PriceGbp
    """GBP for each."""
    max_units_per_child: Annotated[Whole, Field(ge=1)] | None = None
    """Most weeks paid for one child; no limit if not given."""

    kind: ClassVar[Kind] = Kind(
        label="Weeks out of care",
        sentence="{price} for each week that a tracked child lives out of care",
        records=(CARE_RECORDS,),
        unit="week out of care",
        units="weeks",
        price_label="Tariff of a week out of care",
        price_name="weekly_tariff_gbp",
        counted={"paid_units": "Paid weeks out of care"},
        # True of both week rules: days left over make fewer weeks than days at home / 7, which a reader may work out.
        note="A week counts only if all of its seven days are at home while the payment tracks the child. Weeks are "
        "marked off every seven days from the first day of tracking or, if the contract says so, from the first "
        "day of each stretch at home. Days left over are not paid, so the weeks can be fewer than the days at home "
        "divided by seven.",
    )

    def counting(self) -> Counting:
        """Return what must be counted: weeks, by the window's rule."""
        return Counting("weeks", self.max_units_per_child)

    def sentence(self, price: str) -> str:
        """Return what is paid, with the most for one child."""
        return super().sentence(price) + _up_to(self.max_units_per_child)


class PerDayOutOfCare(TrackedTerm, UnitTerm):
    """Pays for each day out of care inside the window, less a share that is agreed to be nobody's doing."""

    pays: Literal["per_day_out_of_care"]
    price_gbp: PriceGbp
    """GBP for each day, before the deadweight share is taken off."""
    deadweight_share: Share = 0.0
    """Share of days that is not paid: a term of the contract, not an estimate."""
    max_units_per_child: Annotated[Whole, Field(ge=1)] | None = None
    """Most days counted for one child; no limit if not given."""

    kind: ClassVar[Kind] = Kind(
        label="Days out of care",
        sentence="{price} for each day that a tracked child lives out of care, after a set share comes off",
        records=(CARE_RECORDS,),
        unit="day out of care",
        units="days",
        price_label="Tariff of a day out of care, before the deadweight share",
        price_name="daily_tariff_gbp",
        counted={"paid_units": "Days out of care"},
        unpaid_share=("deadweight_share", "Deadweight share"),
    )

    def counting(self) -> Counting:
        """Return what must be counted: each day."""
        return Counting("day", self.max_units_per_child)

    def sentence(self, price: str) -> str:
        """Return what is paid, with the most for one child."""
        return super().sentence(price) + _up_to(self.max_units_per_child)


class Milestone(TrackedTerm, UnitTerm):
    """Pays once for a child, on the day on which it has been out of care for so many weeks."""

    pays: Literal["milestone"]
    price_gbp: PriceGbp
    """GBP for each child who gets there."""
    weeks: Annotated[Whole, Field(ge=1, le=520)]
    """Number of weeks."""
    counts: Literal["running", "at_week"] = "running"
    """`running`: the first time that so many weeks running are out of care inside the window; `at_week`: out of care
    on the last day of that week of the window."""

    kind: ClassVar[Kind] = Kind(
        label="Milestone: out of care for long enough",
        sentence="{price} for each child who reaches an agreed number of weeks out of care",
        records=(CARE_RECORDS,),
        unit="milestone",
        units="milestones",
        price_label="Price of a milestone",
        price_name="milestone_price_gbp",
        counted={"paid_units": "Children who reach the milestone"},
    )

    def counting(self) -> Counting:
        """Return what must be counted: whether a child gets there, once."""
        return Counting(self.counts, max_units=1, weeks=self.weeks)
