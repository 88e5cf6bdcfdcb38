"""Terms that pay whatever the outcomes: a fixed fee, cost with a margin, the boroughs' own loans.

In: what all terms share. Out: models. Must not know: contracts, engines, money rules, files.
"""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal, Self

from pydantic import Field, model_validator

from edgeofcare.inputs.scaling import By, FeeGbp
from edgeofcare.inputs.terms.base import SERVICE_RECORDS, Kind, Term
from edgeofcare.inputs.types import Day, NotNegative, Number


class BlockFee(Term):
    """Pays a fixed fee a year, or the cost of the service with a margin, whatever the outcomes."""

    pays: Literal["block_fee"]
    gbp_per_year: FeeGbp | None = None
    """Fixed fee, GBP a year, accruing by day."""
    cost_margin_share: Annotated[Number, Field(ge=-0.5, le=1)] | None = None
    """Instead: the service's cost in the period in which it falls, plus this share of it."""
    starts: Day | None = None
    """First day of a fixed fee; day 0 if not given."""
    until: Day | None = None
    """First day without a fixed fee; the end of delivery if not given."""

    kind: ClassVar[Kind] = Kind(label="Fixed fee", sentence="a fixed fee, whatever happens", records=(SERVICE_RECORDS,))

    @model_validator(mode="after")
    def _one_of_two(self) -> Self:
        if (self.gbp_per_year is None) == (self.cost_margin_share is None):
            raise ValueError("give either gbp_per_year or cost_margin_share, not both and not neither")
        return self

    @property
    def follows_index(self) -> bool:
        """A fixed fee does; what follows the cost does not."""
        return self.cost_margin_share is None

    def times(self, factor: float, by: By) -> Self:
        """Return the fee times the factor; of a fee on cost that is 1 + margin. A larger service costs more anyhow."""
        moved, margin = super().times(factor, by), self.cost_margin_share
        if margin is None or by == "size":
            return moved
        return moved.model_copy(update={"cost_margin_share": margin * factor + (factor - 1)})


class SelfFinance(Term):
    """The boroughs pay the cost of the service themselves, by a loan for each period's cost."""

    pays: Literal["self_finance"]
    rate_per_year: NotNegative
    """Rate of the loan, a year."""
    loan_years: Annotated[Number, Field(gt=0, le=30)]
    """Years over which each period's loan is repaid in equal instalments, the first one period later."""

    kind: ClassVar[Kind] = Kind(
        label="Repayment of a loan",
        sentence="the cost of the service as it falls, through a loan",
        records=(SERVICE_RECORDS,),
    )

    @property
    def follows_index(self) -> bool:
        """It follows the cost, not a price."""
        return False
