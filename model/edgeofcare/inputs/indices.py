"""Price indices by financial year. In: an index as written. Out: its level in a year. Must not know: what is priced."""

from __future__ import annotations

from edgeofcare.calendar import next_financial_year
from edgeofcare.inputs.contract import PriceIndex


def index_level(index: PriceIndex, year: str) -> float:
    """Return a price index in a financial year.

    Flat before the first level; a year missing between two levels takes the earlier one; after the last level it
    grows by growth_per_year to growth_until and by growth_after_per_year from then on.
    """
    known = sorted(index.level_by_year)
    at = max((y for y in known if y <= year), default=known[0])
    level = index.level_by_year[at]
    while known[-1] <= at < year:
        at = next_financial_year(at)
        growing = index.growth_until is None or at <= index.growth_until
        level *= 1 + (index.growth_per_year if growing else index.growth_after_per_year)
    return level
