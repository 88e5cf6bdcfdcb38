"""The kinds of value that inputs are made of. In: nothing. Out: annotated types and the model that all tables share."""

from __future__ import annotations

from datetime import date
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, Strict

Number = Annotated[float, Strict(), Field(allow_inf_nan=False)]
Share = Annotated[Number, Field(ge=0, le=1)]
Prob = Share
Positive = Annotated[Number, Field(gt=0, le=1e9)]
NotNegative = Annotated[Number, Field(ge=0, le=1e9)]
Gbp = Annotated[Number, Field(ge=0, le=1e10)]
Growth = Annotated[Number, Field(ge=-0.5, le=1)]
Whole = Annotated[int, Strict(), Field(ge=0, le=100_000)]
Days = Annotated[int, Strict(), Field(ge=0, le=10_000)]
Slug = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]{0,59}$")]
FinancialYear = Annotated[str, Field(pattern=r"^(19|20)\d\d-\d\d$")]
Day = Annotated[date, Strict(), Field(ge=date(1990, 1, 1), le=date(2100, 1, 1))]
Text = Annotated[str, Field(max_length=2000)]


class Frozen(BaseModel):
    """A part of a scenario: cannot be changed, refuses unknown keys, documents its keys."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True, validate_default=True)
