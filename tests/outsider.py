"""An outsider's recomputation of a run from its files alone: pandas and arithmetic, nothing of the package.

For contracts that pay per completion and per week out of care, with a cap on the whole and a top-up. Given a run folder
with `detail/`, `recomputed` returns what the outsider finds, to be held against the rows of the run.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

UNITS = {"per_completion": ("service", "completed"), "per_week_out_of_care": ("outcomes", "paid_units")}


def read(folder: Path, name: str) -> pd.DataFrame:
    table = pd.read_parquet(folder / f"{name}.parquet")
    for column in table.select_dtypes("category"):
        table[column] = table[column].astype(str)
    return table


# ---- what care costs ---------------------------------------------------------------------------------------------


def next_year(label: str) -> str:
    first = int(label[:4]) + 1
    return f"{first}-{(first + 1) % 100:02d}"


def level(index: dict[str, Any], year: str) -> float:
    """A price index: flat before its first year, held between two, growing after its last."""
    known = sorted(index["level_by_year"])
    at = max((y for y in known if y <= year), default=known[0])
    value = index["level_by_year"][at]
    while known[-1] <= at < year:
        at = next_year(at)
        growing = index["growth_until"] is None or at <= index["growth_until"]
        value *= 1 + (index["growth_per_year"] if growing else index["growth_after_per_year"])
    return float(value)


def price_of_a_week(scenario: dict[str, Any], borough: str, year: str, placement: str, share: str | None) -> int:
    """Whole pence: base price x borough's multiplier x share x index of the year / index of the base year."""
    prices = scenario["prices"]
    index = prices["index"].get(placement, prices["index"]["other"])
    part = 1.0 if share is None else prices[share][placement]
    base = prices["gbp_per_week"][placement] * 100 * part
    ratio = level(index, year) / level(index, prices["base_year"])
    return round(scenario["boroughs"][borough]["price_multiplier"] * (base * ratio))


def avoided(folder: Path, scenario: dict[str, Any], share: str | None) -> pd.Series:
    """Pence avoided while tracked, by replication and borough: days without less with therapy, at the year's price.

    Summed over placement types exactly, then rounded to the penny in each period.
    """
    care = read(folder / "detail", "care").query("account == 'tracking'")
    years = read(folder / "detail", "periods").set_index("period")["financial_year"]
    care["year"] = care["period"].map(years)
    sign = care["arm"].map({"usual": 1, "therapy": -1})
    places = care[["borough", "year", "placement"]].drop_duplicates()
    places["price"] = [price_of_a_week(scenario, *row, share) for row in places.itertuples(index=False)]
    care = care.merge(places, on=["borough", "year", "placement"])
    care["value"] = care["care_days"].astype("int64") * sign.to_numpy()[care.index] * care["price"]
    by_period = care.groupby(["replication", "borough", "period"])["value"].sum()
    return ((by_period + 3) // 7).groupby(["replication", "borough"]).sum()  # sevenths have no ties


# ---- what is paid ------------------------------------------------------------------------------------------------


def shared(total: int, weights: np.ndarray) -> np.ndarray:
    """Largest remainder: whole pence in proportion to weights, the first of equal remainders first."""
    exact = total * (weights / weights.sum())
    floor = np.floor(exact).astype(np.int64)
    odd = total - int(floor.sum())
    order = np.argsort(floor - exact, kind="stable")
    floor[order[:odd]] += 1
    return floor


def payments(folder: Path, scenario: dict[str, Any]) -> pd.DataFrame:
    """Pence by replication, period, borough and term: units x price, cut pro rata once the cap is used up."""
    contract, n_periods = scenario["contract"], int(read(folder / "detail", "periods")["paid_on"].notna().sum())
    boroughs = list(scenario["boroughs"])
    replications = pd.read_parquet(folder / "replications.parquet")["replication"]
    cells = pd.MultiIndex.from_product([replications, range(n_periods), boroughs])
    due = pd.DataFrame(index=cells)
    for term in contract["terms"]:
        table, measure = UNITS[term["pays"]]
        units = read(folder / "detail", table)
        if table == "outcomes":
            units = units.query("arm == 'therapy' and track == 0")
        units = units.set_index(["replication", "period", "borough"])[measure]
        due[term["pays"]] = np.rint(units.reindex(cells, fill_value=0) * (term["price_gbp"] * 100)).astype("int64")
    cap = round(contract["cap_gbp"] * 100) if contract["cap_gbp"] is not None else None
    paid = due.copy()
    for replication in replications if cap is not None else ():
        used = 0
        for period in range(n_periods):
            here = due.loc[(replication, period)]
            wanted = int(here.to_numpy().sum())
            allowed = min(used + wanted, cap) - min(used, cap)
            if allowed < wanted:
                cut = shared(allowed, here.to_numpy().ravel()).reshape(here.shape)
                paid.loc[(replication, period)] = cut
            used += wanted
    return paid


def topped_up(paid: pd.DataFrame, scenario: dict[str, Any]) -> pd.Series:
    """The central payer's part, pence: its share of each payment until its own cap is used up."""
    top_up, total = scenario["contract"]["top_up"], paid.sum(axis=1)
    owed = np.rint(total * top_up["share"]).astype("int64")
    cap, given = round(top_up["cap_gbp"] * 100), owed.copy()
    for replication, rows in owed.groupby(level=0):
        used = 0
        for period, here in rows.groupby(level=1):
            wanted = int(here.sum())
            allowed = min(used + wanted, cap) - min(used, cap)
            if allowed < wanted:
                given.loc[(replication, period)] = shared(allowed, here.to_numpy())
            used += wanted
    return given


# ---- how money moves ---------------------------------------------------------------------------------------------


def rate(days: np.ndarray, pence: np.ndarray) -> float:
    """The yearly rate at which flows are worth nothing on the first day (365 days a year), by bisection."""
    low, high = -0.99, 10.0
    for _ in range(200):
        middle = (low + high) / 2
        if (pence * (1 + middle) ** (-days / 365)).sum() > 0:
            low = middle
        else:
            high = middle
    return (low + high) / 2


def recomputed(folder: Path) -> dict[str, Any]:
    """What the outsider finds: frames and series by name, in pence (rates apart)."""
    scenario = json.loads((folder / "scenario.json").read_text("utf-8"))
    paid = payments(folder, scenario)
    top_up = topped_up(paid, scenario)
    flows = read(folder / "detail", "flows").sort_values(["replication", "date"])
    receipts = paid.sum(axis=1).groupby(level=[0, 1]).sum()
    on = read(folder / "detail", "periods").set_index("period")["paid_on"]
    received = receipts.rename("pence").rename_axis(["replication", "period"]).reset_index()
    received["date"] = received["period"].map(on)
    fixed = read(folder / "detail", "fixed_costs").groupby("date")["pence"].sum()
    net = flows.assign(net=flows["distributions"] - flows["draws"])
    first = pd.to_datetime(net["date"]).groupby(net["replication"]).transform("min")
    net["day"] = (pd.to_datetime(net["date"]) - first).dt.days
    return {
        "avoided": avoided(folder, scenario, None),
        "cashable": avoided(folder, scenario, "cashable_share"),
        "paid": paid,
        "top_up": top_up.groupby(level=[0, 2]).sum(),
        "received": received.query("pence != 0").set_index(["replication", "date"])["pence"],
        "flows": flows.set_index(["replication", "date"]),
        "fixed": fixed,
        "profit": net.groupby("replication")["net"].sum(),
        "irr": net.groupby("replication").apply(
            lambda rows: rate(rows["day"].to_numpy(), rows["net"].to_numpy(dtype=float)), include_groups=False
        ),
    }
