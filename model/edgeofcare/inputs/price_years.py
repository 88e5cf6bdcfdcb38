"""Prices of other years than the base year, converted. In: values, origins, price indices. Out: prices of base year.

A price whose origin names a `price_year` is converted by the price index of its type; support at home, which is no
placement, by the deflator. Must not know: files, what prices are used for.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from edgeofcare.inputs.contract import PriceIndex
from edgeofcare.inputs.indices import index_level
from edgeofcare.inputs.ranges import at, replaced
from edgeofcare.inputs.schema import PLACEMENTS, Origin, Prices
from edgeofcare.inputs.toml_lines import KeyPath


def with_base_year_prices(
    values: dict[str, Any], origins: Mapping[KeyPath, Origin], prices: Prices
) -> tuple[dict[str, Any], dict[KeyPath, Origin]]:
    """Return values and origins with each dated price in prices of the base year, GBP; ranges are converted alike.

    price = price as written x index(base year) / index(price year).
    """
    found = dict(origins)
    for path, name, index in priced_keys(values, prices):
        origin = found.get(path)
        if origin is None or origin.price_year in (None, prices.base_year):
            continue
        written = at(values, path)
        factor = conversion(index, str(origin.price_year), prices.base_year)
        values = replaced(values, list(path), written * factor)
        ends = {key: getattr(origin, key) * factor for key in ("low", "high") if getattr(origin, key) is not None}
        told = f"{written:,.10g} in prices of {origin.price_year}, by the index of {name} to {prices.base_year}"
        source = f"{origin.source}; {told}" if origin.source else told
        found[path] = origin.model_copy(update=ends | {"source": source, "price_year": prices.base_year})
    return values, found


def conversion(index: PriceIndex, price_year: str, base_year: str) -> float:
    """Return what one pound of a price year is in the base year."""
    return index_level(index, base_year) / index_level(index, price_year)


def priced_keys(values: Mapping[str, Any], prices: Prices) -> Iterator[tuple[KeyPath, str, PriceIndex]]:
    """Give each price that may be of another year: its path, the name of its index, the index."""
    for name in PLACEMENTS:
        index = name if name in prices.index else "other"
        yield ("prices", "gbp_per_week", name), index, prices.index[index]
    for slug in values["boroughs"]:
        yield ("boroughs", slug, "home_support_gbp_per_week"), "the deflator", prices.deflator
