"""Terms that pay for the service itself: children who start, therapies completed.

In: what all terms share. Out: models. Must not know: contracts, engines, money rules, files.
"""

from __future__ import annotations

from typing import ClassVar, Literal

from edgeofcare.inputs.scaling import PriceGbp
from edgeofcare.inputs.terms.base import SERVICE_RECORDS, Kind, UnitTerm


class PerStart(UnitTerm):
    """Pays for each child who starts therapy."""

    pays: Literal["per_start"]
    price_gbp: PriceGbp
    """GBP for each."""

    kind: ClassVar[Kind] = Kind(
        label="Start of therapy",
        sentence="{price} for each child who starts",
        records=(SERVICE_RECORDS,),
        unit="start",
        units="starts",
        price_label="Price of a start",
        price_name="start_price_gbp",
        counted={"started": "Starts"},
    )


class PerCompletion(UnitTerm):
    """Pays for each completed therapy."""

    pays: Literal["per_completion"]
    price_gbp: PriceGbp
    """GBP for each."""

    kind: ClassVar[Kind] = Kind(
        label="Therapy completed",
        sentence="{price} for each child who completes therapy",
        records=(SERVICE_RECORDS,),
        unit="completion",
        units="completions",
        price_label="Price of a completed therapy",
        price_name="completion_price_gbp",
        counted={"completed": "Completed therapies"},
    )
