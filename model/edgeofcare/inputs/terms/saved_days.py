"""The term that pays for care days below a baseline, settled on all children together.

In: what all terms share. Out: a model. Must not know: contracts, engines, money rules, files.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, ClassVar, Literal

from pydantic import Field

from edgeofcare.inputs.scaling import PriceGbp
from edgeofcare.inputs.terms.base import CARE_RECORDS, Counting, Kind, Measure, TrackedTerm
from edgeofcare.inputs.types import Share


class PerCareDaySaved(TrackedTerm):
    """Pays for each care day below a fixed baseline share of tracked days, settled each quarter, no clawback."""

    pays: Literal["per_care_day_saved"]
    price_gbp: PriceGbp
    """GBP for each day."""
    baseline_share: Share | Annotated[tuple[Share, ...], Field(min_length=1, max_length=80)]
    """Baseline share of tracked days in care: one number, or one for each quarter since an intake group's start
    (the last continues)."""
    netting: Literal["contract", "group"] = "contract"
    """Whether intake groups offset one another, or each is floored at nil."""

    kind: ClassVar[Kind] = Kind(
        label="Care days saved below a baseline",
        sentence="{price} for each day in care fewer than a baseline agreed beforehand",
        records=(CARE_RECORDS,),
        unit="care day saved",
        units="days",
        price_label="Price of a care day saved",
        price_name="saved_day_price_gbp",
        counted={"tracked_days": "Tracked days", "care_days": "Days in care"},
    )

    @property
    def price(self) -> float | None:
        """The price, GBP for each day."""
        return self.price_gbp

    @property
    def needs_intake(self) -> bool:
        """Whether it is settled by intake group: a baseline by quarter since start, or groups apart."""
        return self.netting == "group" or not isinstance(self.baseline_share, float)

    def counting(self) -> Counting:
        """Return what must be counted: days tracked and in care, by intake group if it is settled so."""
        return Counting("any", by_intake=self.needs_intake)

    @property
    def counted(self) -> Mapping[Measure, str]:
        """What a sheet needs; it can follow one flat share over the whole contract, not intake groups."""
        return {} if self.needs_intake else self.kind.counted

    def sentence(self, price: str) -> str:
        """Return what is paid, with the baseline if it is one share."""
        share = self.baseline_share
        return super().sentence(price) + (f" ({share:.0%} of tracked days)" if isinstance(share, float) else "")
