"""The `[evidence]` table: which draws of a new contract are used, and an authority's own history that weighs them.

In: nothing. Out: frozen pydantic models. Must not know: files, engines.
"""

from __future__ import annotations

from typing import Annotated, Self

from pydantic import Field, model_validator

from edgeofcare.inputs.types import Day, Days, Frozen, Number, Slug, Text, Whole

NO_EVIDENCE = "none"  # kind of a programme of which nothing is held


class LocalHistory(Frozen):
    """Young people like these, referred before there was a programme, and how many of them came into care."""

    referred: Annotated[Whole, Field(ge=1, le=1_000_000)]
    """Young people referred."""
    in_care: Whole
    """Those of them who had entered care by day `by_day`."""
    by_day: Annotated[Days, Field(ge=1)]
    """Days from referral by which they are counted."""
    since: Day
    """First day of the referrals counted."""
    source: Text
    """Where the counts come from."""
    bias_sd: Annotated[Number, Field(ge=0, le=5)] = 0.5
    """Standard deviation, on the logit scale, of how they may differ from those who will be referred (judgement); 0 for
    a randomised or waiting-list comparison."""

    @model_validator(mode="after")
    def _possible(self) -> Self:
        if self.in_care > self.referred:
            raise ValueError(f"[in_care] must not exceed referred; they are {self.in_care} and {self.referred}")
        if not self.source.strip():
            raise ValueError("[source] must say where the counts come from")
        return self


class Evidence(Frozen):
    """What trials and the records of other contracts suggest for a new contract of this kind."""

    kind: Slug = "edge_of_care"
    """Kind of programme: the name of a file of draws in scenarios/reference/evidence; `none` for a programme of which
    nothing is held."""
    fold: Slug = "all"
    """Which records weigh the draws: `all`, `trials_only`, or all but those of a contract (`without_pan_london`)."""
    local: Annotated[tuple[LocalHistory, ...], Field(max_length=20)] = ()
    """The authority's own history, in any number of lines."""
