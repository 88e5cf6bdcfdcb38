"""The kinds of value that inputs are made of. In: nothing. Out: annotated types and the model that all tables share."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from typing import Annotated, NamedTuple

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, Strict

YEARS = 'must be a financial year such as "2018-19"'


def _two_years(label: str) -> str:
    """Refuse a financial year whose second half is not the year after its first."""
    if (int(label[:4]) + 1) % 100 != int(label[5:]):
        raise ValueError(YEARS)
    return label


Number = Annotated[float, Strict(), Field(allow_inf_nan=False)]
Share = Annotated[Number, Field(ge=0, le=1)]
Prob = Share
Positive = Annotated[Number, Field(gt=0, le=1e9)]
NotNegative = Annotated[Number, Field(ge=0, le=1e9)]
Shape = Annotated[Number, Field(ge=0.05, le=50)]  # of a Weibull: beyond, times leave what a day can hold
Scale = Annotated[Number, Field(ge=0.001, le=1e9)]
PerYear = Annotated[Number, Field(ge=0, le=100_000)]
Gbp = Annotated[Number, Field(ge=0, le=1e10)]
Growth = Annotated[Number, Field(ge=-0.5, le=1)]
Whole = Annotated[int, Strict(), Field(ge=0, le=100_000)]
Days = Annotated[int, Strict(), Field(ge=0, le=10_000)]
Slug = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]{0,59}$")]
Day = Annotated[date, Strict(), Field(ge=date(1990, 1, 1), le=date(2100, 1, 1))]
Text = Annotated[str, Field(max_length=2000)]
FinancialYear = Annotated[str, Field(pattern=r"^(19|20)\d\d-\d\d$"), AfterValidator(_two_years)]


class Rule(NamedTuple):
    """A rule between several keys that is broken. keys: dotted, from the table that is checked."""

    text: str
    keys: tuple[str, ...]


class RuleError(ValueError):
    """Rules between several keys that are broken.

    Each fault is shown at the first of its keys that the user's own file writes, with the others beside it.
    """

    def __init__(self, rules: Sequence[Rule]) -> None:
        self.rules = tuple(rules)
        super().__init__("\n".join(rule.text for rule in rules))


class Frozen(BaseModel):
    """A part of a scenario: cannot be changed, refuses unknown keys, documents its keys."""

    model_config = ConfigDict(
        frozen=True, extra="forbid", use_attribute_docstrings=True, validate_default=True, defer_build=True
    )
