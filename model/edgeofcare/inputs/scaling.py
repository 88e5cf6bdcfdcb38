"""What moves when a contract is made dearer, larger, or made to pay more whatever happens.

In: kinds of value. Out: kinds of money that say by which of these they are multiplied, and parts that can be. Must not
know: terms, contracts, files.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import Annotated, Any, Literal, Self, get_args

from edgeofcare.inputs.types import Frozen, Gbp, Positive

By = Literal["price", "size", "pay"]
"""price: what one unit is paid. size: sums agreed for a service of this size. pay: all that decides what is paid."""


@dataclass(frozen=True)
class Moves:
    """By which of these a number is multiplied."""

    by: tuple[By, ...]


PriceGbp = Annotated[Gbp, Moves(("price", "pay"))]
"""GBP for each unit of something."""
SumGbp = Annotated[Gbp, Moves(("size", "pay"))]
"""GBP in all, or a year: agreed for a service of this size."""
FeeGbp = Annotated[Gbp, Moves(("price", "size", "pay"))]
"""GBP a year that are the price itself."""
SizeGbp = Annotated[Gbp, Moves(("size",))]
"""GBP in all that bear on no payment."""
PositiveSizeGbp = Annotated[Positive, Moves(("size",))]
"""GBP in all that bear on no payment, above nil."""


class Scalable(Frozen):
    """A part whose money can be multiplied; the kinds of its fields say which numbers move."""

    def times(self, factor: float, by: By) -> Self:
        """Return this part with what moves by price, size or pay times the factor, in all that it holds too.

        A part whose price is not a number of GBP (a margin, a rung) says in its own `times` how it moves.
        """
        moved = {key: factor * value for key in moving(type(self), by) if (value := getattr(self, key)) is not None}
        inner = {key: _times_inside(getattr(self, key), factor, by) for key in type(self).model_fields}
        changed = {key: value for key, value in inner.items() if value is not getattr(self, key)}
        return self.model_copy(update=changed | moved)

    def scaled(self, factor: float) -> Self:
        """Return this part with its prices times the factor: sums, caps and principals stay."""
        return self.times(factor, "price")


def _times_inside(value: Any, factor: float, by: By) -> Any:
    """Return a value with the parts that it holds multiplied; the same object if it holds none."""
    if isinstance(value, Scalable):
        return value.times(factor, by)
    if isinstance(value, tuple) and any(isinstance(item, Scalable) for item in value):
        return tuple(_times_inside(item, factor, by) for item in value)
    if isinstance(value, dict) and any(isinstance(item, Scalable) for item in value.values()):
        return {key: _times_inside(item, factor, by) for key, item in value.items()}
    return value


@lru_cache(maxsize=256)
def moving(part: type[Frozen], by: By) -> tuple[str, ...]:
    """Return the keys of a part whose own numbers move by price, size or pay."""
    return tuple(
        key
        for key, field in part.model_fields.items()
        if any(by in found.by for found in (*_moves(field.annotation), *field.metadata) if isinstance(found, Moves))
    )


def _moves(annotation: Any) -> Iterator[Any]:
    """Give the marks inside an annotation such as `PriceGbp | None`."""
    yield from getattr(annotation, "__metadata__", ())
    for inner in get_args(annotation):
        yield from _moves(inner)
