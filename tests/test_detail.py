"""Files in full: an outsider recomputes every penny from them, and histories are those of the counts."""

from __future__ import annotations

import ast
import json
import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import outsider
from edgeofcare.errors import OptionError
from edgeofcare.folders import files_in, write_manifest
from edgeofcare.inputs.load import load, with_values
from edgeofcare.questions.verify import verify
from edgeofcare.results import MANIFEST
from edgeofcare.walk import Run, run

N = 12


@pytest.fixture(scope="module")
def done(tmp_path_factory: pytest.TempPathFactory) -> Run:
    """Pan-London under a cap that binds in some contracts."""
    tight = with_values(load("pan_london"), {"contract.cap_gbp": 9.7e6, "contract.top_up.cap_gbp": 1.3e6})
    return run(tight, replications=N, seed=3, out=tmp_path_factory.mktemp("detail") / "run", detail=True, histories=4)


@pytest.fixture(scope="module")
def folder(done: Run) -> Path:
    assert done.folder is not None
    return done.folder


def pence(gbp: pd.Series) -> np.ndarray:
    return np.rint(gbp.to_numpy() * 100).astype(np.int64)


def test_the_outsider_knows_nothing_of_the_package() -> None:
    tree = ast.parse(Path(outsider.__file__).read_text("utf-8"))
    names = {a.name for n in ast.walk(tree) if isinstance(n, ast.Import) for a in n.names}
    names |= {str(n.module) for n in ast.walk(tree) if isinstance(n, ast.ImportFrom)}
    assert names == {"__future__", "json", "pathlib", "typing", "numpy", "pandas"}


def test_an_outsider_recomputes_every_penny(done: Run, folder: Path) -> None:
    found = outsider.recomputed(folder)
    rows = done.replications.set_index("replication")
    boroughs = done.boroughs.astype({"borough": str}).set_index(["replication", "borough"])
    assert rows["cap_binds"].any() and not rows["cap_binds"].all(), "the cap is tested both ways"
    for name, column in (("avoided", "avoided_cost_gbp"), ("cashable", "avoided_cashable_gbp")):
        assert np.array_equal(found[name].reindex(boroughs.index, fill_value=0), pence(boroughs[column]))
    paid = found["paid"]
    assert np.array_equal(paid.sum(axis=1).groupby(level=0).sum(), pence(rows["payments_gbp"]))
    own = paid.sum(axis=1).groupby(level=[0, 2]).sum() - found["top_up"]
    assert np.array_equal(own.reindex(boroughs.index), pence(boroughs["payments_gbp"]))
    assert np.array_equal(found["top_up"].groupby(level=0).sum(), pence(rows["payments_top_up_gbp"]))
    assert np.array_equal(found["profit"], pence(rows["profit_gbp"]))
    assert np.allclose(found["irr"], rows["irr"], atol=1e-7)


def test_payments_in_the_files_are_the_outsiders(folder: Path) -> None:
    paid = outsider.recomputed(folder)["paid"].stack()
    paid = paid[paid != 0].rename_axis(["replication", "period", "borough", "paid_for"])
    filed = outsider.read(folder / "detail", "payments").set_index(["replication", "period", "borough", "paid_for"])
    assert filed["pence"].sort_index().equals(paid.sort_index().rename("pence"))


def test_money_is_neither_made_nor_lost_on_any_date(folder: Path) -> None:
    found = outsider.recomputed(folder)
    flows = found["flows"]
    receipts = flows["receipts"][flows["receipts"] != 0]
    assert receipts.sort_index().equals(found["received"].sort_index().rename("receipts"))
    moved = flows["receipts"] + flows["draws"] - flows["paid"] - flows["distributions"]
    assert (moved.groupby(level=0).cumsum() == flows["balance"]).all()
    due = flows.groupby(level=0)["due"].sum()
    assert (due == found["fixed"].sum()).all(), "Pan-London pays nothing for a start"


def test_prices_in_the_files_are_the_outsiders(folder: Path) -> None:
    scenario = json.loads((folder / "scenario.json").read_text("utf-8"))
    prices = outsider.read(folder / "detail", "prices")
    for kind, share in (("full", None), ("marginal", "marginal_share"), ("cashable", "cashable_share")):
        mine = [
            outsider.price_of_a_week(scenario, row.borough, row.financial_year, row.placement, share)
            for row in prices.itertuples()
        ]
        assert (prices[f"{kind}_pence_per_week"] == mine).all()


# ---- histories ---------------------------------------------------------------------------------------------------


def test_histories_are_those_of_the_counts(done: Run, folder: Path) -> None:
    people, placements = (outsider.read(folder / "histories", name) for name in ("young_people", "placements"))
    assert sorted(people["replication"].unique()) == [0, 1, 2, 3]
    rows = done.replications.set_index("replication").loc[:3]
    by_contract = people.groupby("replication")
    assert (by_contract.size() == rows["referred"]).all()
    assert (by_contract["started"].count() == rows["started"]).all()
    assert (people.query("outcome == 'completed'").groupby("replication").size() == rows["completed"]).all()
    assert (people["started"].dropna() >= people["referred"][people["started"].notna()]).all()
    assert (placements["from"] < placements["until"]).all()
    keys = ["replication", "young_person"]
    whole = placements.merge(people[[*keys, "started", "turns_18", "borough"]], on=keys)
    assert (whole["until"] <= whole["turns_18"]).all()
    assert set(whole[whole["started"].isna()]["arm"]) == {"usual"}, "who never starts has one life"
    delay, days = pd.Timedelta(days=91), pd.Timedelta(days=730)
    opens = whole["started"] + delay
    closes = pd.concat([opens + days, whole["turns_18"]], axis=1).min(axis=1).clip(upper=pd.Timestamp("2023-08-05"))
    last = pd.concat([whole["until"], closes], axis=1).min(axis=1)
    inside = (last - pd.concat([whole["from"], opens], axis=1).max(axis=1)).dt.days.clip(lower=0)
    inside[whole["started"].isna()] = 0
    for arm in ("usual", "therapy"):
        care_days = inside[whole["arm"] == arm].groupby(whole["replication"]).sum()
        assert (care_days == rows[f"care_days_{arm}"]).all()


def test_entries_count_returns(folder: Path) -> None:
    placements = outsider.read(folder / "histories", "placements")
    lives = placements.groupby(["replication", "young_person", "arm"])
    assert (lives["entry"].min() == 1).all() and placements["entry"].max() > 1
    for _, life in lives:
        same = life["entry"].diff().iloc[1:] == 0
        gap = (life["from"].iloc[1:].to_numpy() - life["until"].iloc[:-1].to_numpy()) / np.timedelta64(1, "D")
        assert (gap[same] == 0).all() and (gap[~same] > 0).all(), "within an entry, placements follow one another"


# ---- folder ------------------------------------------------------------------------------------------------------


def test_files_in_full_are_sealed_and_verified(folder: Path, tmp_path: Path) -> None:
    assert verify(folder).passed
    copy = Path(shutil.copytree(folder, tmp_path / "run"))
    place = copy / "detail" / "payments.parquet"
    table = pd.read_parquet(place)
    table.loc[0, "pence"] += 1
    table.to_parquet(place)
    assert verify(copy).changed == ("detail/payments.parquet",)
    write_manifest(copy, MANIFEST, json.loads((copy / MANIFEST).read_text("utf-8")), files_in(copy, MANIFEST))
    assert verify(copy).differences == ("detail/payments.parquet: a second run gives other rows",)


def test_draws_have_their_own_prices(tmp_path: Path) -> None:
    run(load("pan_london"), 6, outer_draws=3, out=tmp_path / "run", detail=True, histories=5, engine="reference")
    prices = pd.read_parquet(tmp_path / "run" / "detail" / "prices.parquet")
    assert sorted(prices["draw"].unique()) == [0, 1, 2]
    people = pd.read_parquet(tmp_path / "run" / "histories" / "young_people.parquet")
    assert sorted(people["replication"].unique()) == [0, 1, 2, 3, 4]


def test_files_need_a_folder() -> None:
    with pytest.raises(OptionError, match="detail and histories are files of a run folder"):
        run(load("pan_london"), 2, detail=True)
