"""Outer draws in the walk: numbering, luck, the split of the variance, standard errors."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
import pandas as pd
import pytest
from pandas.testing import assert_frame_equal
from scipy import stats

import edgeofcare as eoc
from edgeofcare.inputs.schema import Origin, Scenario
from edgeofcare.outcomes import ignorance_share
from edgeofcare.results import plain
from edgeofcare.walk import Run
from helpers import small

DRAWS, PER_DRAW = 40, 10
RANGES = {
    "boroughs.ashby.referrals_per_year": (20.0, 60.0),
    "effect.entry_scale_days": (100.0, 300.0),
    "effect.hazard_ratio": (0.05, 1.0),
    "costs.set_up_gbp": (3e5, 5e5),
}


@lru_cache(maxsize=1)
def certain() -> Scenario:
    return small().model_copy(update={"origins": {}})


@lru_cache(maxsize=1)
def unsure() -> Scenario:
    origins = {path: Origin(low=low, high=high) for path, (low, high) in RANGES.items()}
    return small().model_copy(update={"origins": origins})


@lru_cache(maxsize=8)
def run(kind: str, draws: int) -> Run:
    scenario = certain() if kind == "certain" else unsure()
    return eoc.run(scenario, replications=draws * PER_DRAW, seed=5, outer_draws=draws, workers=1)


def test_draws_and_replications_are_numbered_globally() -> None:
    """Draw d of a run is draw d of any longer run with as many replications a draw, replication by replication."""
    short, long = run("unsure", 5), run("unsure", DRAWS)
    assert_frame_equal(short.replications, long.replications.head(5 * PER_DRAW), check_exact=True)
    assert_frame_equal(short.tables.draws, long.tables.draws.head(5), check_exact=True)
    assert list(long.replications["draw"]) == sorted([*range(DRAWS)] * PER_DRAW)
    assert list(long.replications["replication"]) == [*range(DRAWS * PER_DRAW)]


def test_every_draw_has_its_own_values_within_their_ranges() -> None:
    draws = run("unsure", DRAWS).tables.draws
    for path, (low, high) in RANGES.items():
        assert draws[path].is_unique and draws[path].between(low, high).all()
    assert (draws["entry_scale_days"] == draws["effect.entry_scale_days"]).all()
    assert draws["targets_met"].all()


def test_luck_differs_between_draws_even_if_nothing_is_uncertain() -> None:
    found = run("certain", DRAWS).replications.set_index("draw")
    columns = ["referred", "care_days_usual", "care_days_therapy", "waiting_days_of_starters"]
    blocks = {tuple(found.loc[d, columns].to_numpy().ravel()) for d in range(DRAWS)}
    assert len(blocks) == DRAWS


def test_one_draw_gives_no_split() -> None:
    alone = plain(eoc.run(certain(), replications=20, workers=1).summary)["variance_share"]
    assert set(alone.values()) == {None}


def test_without_uncertainty_the_share_of_ignorance_is_nil_within_its_error() -> None:
    """F test of draw means, false alarm 1e-6 for each figure. A true share of 0.3 would be seen (power over 0.99)."""
    within = DRAWS * (PER_DRAW - 1)
    low, high = (stats.f.ppf(p, DRAWS - 1, within) for p in (0.5e-6, 1 - 0.5e-6))

    def share(f: float) -> float:
        return (f - 1) / (f - 1 + PER_DRAW)

    found = plain(run("certain", DRAWS).summary)["variance_share"]
    assert all(share(low) < value < share(high) for value in found.values()), found
    assert stats.f.sf(high / (1 + PER_DRAW * 0.3 / 0.7), DRAWS - 1, within) > 0.99


def test_with_uncertainty_the_share_of_ignorance_is_seen() -> None:
    assert plain(run("unsure", DRAWS).summary)["variance_share"]["avoided_cost_gbp"] > 0.2


def test_a_negative_estimate_is_shown() -> None:
    """Equal means in every draw: between = -within / replications a draw."""
    values, draws = np.tile([1.0, 2.0, 4.0], 5), np.repeat(np.arange(5), 3)
    within = np.var([1.0, 2.0, 4.0], ddof=1)
    assert ignorance_share(values, draws) == pytest.approx(-within / 3 / (within - within / 3))


def test_the_split_is_that_of_the_textbook() -> None:
    """One-way random effects from mean squares: between = (MSB - MSW) / n."""
    rng = np.random.default_rng(0)
    table = rng.normal(size=(30, 1)) + rng.normal(size=(30, 8))
    msb, msw = 8 * table.mean(axis=1).var(ddof=1), table.var(axis=1, ddof=1).mean()
    between = (msb - msw) / 8
    found = ignorance_share(table.ravel(), np.repeat(np.arange(30), 8))
    assert found == pytest.approx(between / (between + msw))


def test_the_standard_error_comes_from_draw_means() -> None:
    made = run("unsure", DRAWS)
    means = made.replications.groupby("draw")["payments_gbp"].mean()
    stated = plain(made.summary)["payments_gbp"]["total"]
    assert stated["se"] == pytest.approx(means.std(ddof=1) / np.sqrt(DRAWS))
    assert stated["mean"] == pytest.approx(means.mean())
    naive = made.replications["avoided_nominal_gbp"].std(ddof=1) / np.sqrt(DRAWS * PER_DRAW)
    assert plain(made.summary)["avoided_cost_gbp"]["nominal"]["se"] > 1.5 * naive


def test_chunks_that_split_a_draw_change_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    whole = run("unsure", 5)
    monkeypatch.setattr("edgeofcare.experiment.CHUNK_OF_KERNEL", 7)
    split = eoc.run(unsure(), replications=5 * PER_DRAW, seed=5, outer_draws=5, workers=2)
    for name, table in whole.tables.by_name().items():
        assert_frame_equal(table, split.tables.by_name()[name], check_exact=True)
    assert isinstance(split.tables.draws, pd.DataFrame) and len(split.tables.draws) == 5
