"""The term that pays by the rung of a ladder that the improvement over a control has reached.

In: what all terms share. Out: models. Must not know: contracts, engines, money rules, files.
"""

from __future__ import annotations

import itertools
from typing import Annotated, ClassVar, Literal, Self

from pydantic import Field, model_validator

from edgeofcare.inputs.scaling import By, SumGbp
from edgeofcare.inputs.terms.base import (
    CARE_RECORDS,
    MATCHED_CONTROL,
    RANDOMISED_CONTROL,
    Counting,
    Kind,
    TrackedTerm,
)
from edgeofcare.inputs.types import Frozen, NotNegative, Number, Share, Whole

CONTROL_RECORDS = {"randomised": (RANDOMISED_CONTROL,), "matched": (MATCHED_CONTROL,), "fixed": ()}


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
    between_rungs: Literal["step", "straight"] = "step"
    """`step`: the rate of the last rung reached; `straight`: between two rungs the rate on the straight line from one
    to the next, below the first nothing, from the last on its own. A rung's principal_share is always a step."""
    base: Literal["principal", "per_care_day_reduced", "per_start"]
    """What the rung is a rate on. `principal`: interest on a principal, and at the last settlement the principal;
    `per_care_day_reduced`: care days fewer than the control's share would give; `per_start`: children who start."""
    principal_gbp: SumGbp | None = None
    """Principal, GBP (base `principal`)."""
    compound: bool = False
    """Whether interest is compounded from one settlement to the next, instead of simple."""
    floor_rate_per_year: NotNegative = 0.0
    """Least rate a year at settlements up to `floor_until_month` (base `principal`)."""
    floor_until_month: Whole = 0
    """Months from day 0 for which the floor holds."""
    settle_months: Annotated[tuple[Annotated[Whole, Field(ge=1, le=360)], ...], Field(min_length=1, max_length=40)]
    """Months from day 0 at which the ladder is read, on all outcomes to date, and paid."""

    kind: ClassVar[Kind] = Kind(
        label="Ladder of improvement over a comparison group",
        sentence="an amount that rises with the improvement over children without therapy",
        records=(CARE_RECORDS,),
    )

    @model_validator(mode="after")
    def _coherent(self) -> Self:
        faults = []
        if (self.control == "fixed") != (self.control_care_share is not None):
            faults.append("[control_care_share] belongs to a fixed control, and a fixed control needs it")
        if (self.base == "principal") != (self.principal_gbp is not None):
            faults.append("[principal_gbp] belongs to base principal, and base principal needs it")
        rungs = [band.from_improvement for band in self.bands]
        faults += [
            f"[bands.{n}.from_improvement] rungs must rise: this one must begin above the one before, at {before:g}"
            for n, (before, begins) in enumerate(itertools.pairwise(rungs), start=1)
            if begins <= before
        ]
        months = self.settle_months
        if any(b <= a for a, b in itertools.pairwise(months)):
            faults.append("[settle_months] must rise")
        if faults:
            raise ValueError("\n".join(faults))
        return self

    @property
    def on_principal(self) -> bool:
        """Whether the rungs are rates a year on a principal."""
        return self.base == "principal"

    @property
    def follows_index(self) -> bool:
        """Rungs in GBP do; a principal and its interest do not."""
        return not self.on_principal

    def records_needed(self) -> tuple[str, ...]:
        """Return the records by which this term is settled, those of the control group among them."""
        return (*self.kind.records, *CONTROL_RECORDS[self.control], *self.needs_data)

    def counting(self) -> Counting:
        """Return what must be counted: days tracked and in care, and those of a control group if there is one."""
        return Counting("any", controlled=self.control != "fixed")

    def times(self, factor: float, by: By) -> Self:
        """Return the ladder with its rungs times the factor where they are GBP, otherwise its principal.

        A rate a year on a principal is not a price of anything: what is paid moves with the principal.
        """
        moved = super().times(factor, by)
        if self.on_principal or by == "size":
            return moved
        bands = tuple(band.model_copy(update={"rate": factor * band.rate}) for band in self.bands)
        return moved.model_copy(update={"bands": bands})
