"""The prior of a new contract: closed forms, folds, what it foretells of contracts left out, what choices change."""

from __future__ import annotations

import csv
import hashlib
import importlib.util
import math
import sys
import tomllib
from functools import lru_cache
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest
from scipy import stats

ROOT = Path(__file__).resolve().parent.parent
FOLDER = ROOT / "scenarios" / "reference" / "evidence"
FOLDS = ("all", "without_pan_london", "without_essex", "trials_only")
VARIANCE = 0.25


def load_script() -> ModuleType:
    # scripts/ is no package
    sys.path.append(str(ROOT / "scripts"))
    spec = importlib.util.spec_from_file_location("derive_evidence", ROOT / "scripts" / "derive_evidence.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


script = load_script()
ABOUT: dict[str, Any] = tomllib.loads((FOLDER / "edge_of_care.toml").read_text("utf-8"))
with (FOLDER / "edge_of_care.csv").open(encoding="utf-8", newline="") as file:
    DRAWS = list(csv.DictReader(file))


def column(name: str) -> Any:
    return np.array([float(row[name]) for row in DRAWS])


@lru_cache(maxsize=1)
def coarse() -> Any:
    """The whole way on fewer points, contracts and children: seconds instead of a minute."""
    rows = script.read_rows()
    base, effect = np.linspace(script.BASE[0], script.BASE[-1], 10), np.linspace(-3.0, 1.2, 7)
    return script.make(
        rows, script.surfaces(rows["record"], base, effect, 12), script.sample_shares(base, effect, 10_000)
    )


# ---- closed forms ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("share", [0.02, 0.11, 0.448, 0.9])
def test_the_hazard_behind_a_share_gives_it_back_under_a_gamma_frailty(share: float) -> None:
    """By integration over a gamma of mean 1 and variance 0.25."""
    hazard = script.hazard(share, VARIANCE)
    frailty = stats.gamma(1 / VARIANCE, scale=VARIANCE)
    assert 1 - frailty.expect(lambda r: np.exp(-hazard * r)) == pytest.approx(share, abs=1e-8)
    assert script.ever_in_care(np.log(hazard), VARIANCE) == pytest.approx(share, abs=1e-12)


def test_a_hazard_ratio_has_the_odds_ratio_from_which_it_was_made() -> None:
    y = script.log_hazard_ratio(0.3, 0.6, VARIANCE)
    treated = float(script.ever_in_care(np.log(script.hazard(0.3, VARIANCE)) + y, VARIANCE))
    assert treated / (1 - treated) / (0.3 / 0.7) == pytest.approx(0.6)


def test_where_few_enter_care_hazard_ratio_and_odds_ratio_are_the_same() -> None:
    assert script.log_hazard_ratio(1e-6, 0.52, VARIANCE) == pytest.approx(math.log(0.52), abs=1e-5)
    assert script.log_hazard_ratio(0.25, 1.0, VARIANCE) == 0


def test_trials_and_control_arms_say_what_the_design_says() -> None:
    rows = {row["id"]: row for row in ABOUT["row"]}
    for name, y, se in (("us_pooled", -0.60, 0.23), ("outside_us_pooled", 0.12, 0.15)):
        assert (rows[name]["log_hazard_ratio"], rows[name]["se"]) == pytest.approx((y, se), abs=0.005)
    assert rows["family_group_conference"]["log_hazard_ratio"] == pytest.approx(-0.30, abs=0.005)
    assert rows["start_control"]["log_yearly_hazard"] == pytest.approx(-2.54, abs=0.005)
    assert rows["before_proceedings_control"]["log_yearly_hazard"] == pytest.approx(-0.28, abs=0.005)


def test_systematic_resampling_keeps_each_place_to_within_one_of_its_share() -> None:
    weights = np.random.default_rng(3).gamma(0.3, size=200)
    for u in (0.0, 0.4, 0.999):
        times = np.bincount(script.systematic(weights, 1000, u), minlength=200)
        assert np.abs(times - 1000 * weights / weights.sum()).max() < 1
        assert times.sum() == 1000


def test_the_likelihood_of_a_record_is_that_of_its_own_base_under_the_hyper_draw() -> None:
    """A record that is normal in b: over b ~ Normal(m, s^2) it is Normal(value; m, s^2 + se^2), whatever y."""
    table = np.repeat(stats.norm.pdf(-1.0, script.FINE_BASE, 0.3)[:, None], len(script.FINE_EFFECT), axis=1)
    hyper = {"base_mean": np.array([-1.5, -0.5]), "base_sd": np.array([0.4, 0.7])}
    hyper |= {"effect_mean": np.array([-0.2, 0.1]), "effect_sd": np.array([0.2, 0.4])}
    expected = stats.norm.pdf(-1.0, hyper["base_mean"], np.hypot(hyper["base_sd"], 0.3))
    assert script.marginal(table, hyper) == pytest.approx(expected, rel=1e-3)


# ---- the file --------------------------------------------------------------------------------------------------------


def test_the_draws_are_those_that_their_grounds_name() -> None:
    assert hashlib.sha256((FOLDER / "edge_of_care.csv").read_bytes()).hexdigest() == ABOUT["draws_sha256"]


def test_the_file_was_made_by_this_script_from_these_rows() -> None:
    """Otherwise run scripts/derive_evidence.py again."""
    assert script.script_hash() == ABOUT["script_sha256"]
    assert script.rows_hash(script.read_rows()) == ABOUT["rows_sha256"]


@pytest.mark.parametrize("fold", FOLDS)
def test_weights_sum_to_1_and_enough_draws_are_left(fold: str) -> None:
    weights = column(f"weight_{fold}")
    assert weights.sum() == pytest.approx(1, abs=1e-5)
    assert script.effective(weights) == pytest.approx(ABOUT["fold"][fold]["effective_draws"], abs=1)
    assert script.effective(weights) >= 500


def test_every_way_of_counting_is_alike_often() -> None:
    ways = [(row["window_from"], row["covers"], row["stops_at_cap"]) for row in DRAWS]
    assert {ways.count(way) for way in set(ways)} <= {83, 84}
    assert len(set(ways)) == 12


SEEN = {  # 5, 25, 50, 75, 95% in the design
    "all": ((3, 11, 20, 35, 76), (0.42, 0.64, 0.81, 0.99, 1.48), (80, 83)),
    "without_pan_london": ((3, 10, 21, 38, 85), None, (79, 82)),
    "trials_only": ((3, 11, 24, 46, 92), None, (76, 79)),
}


@pytest.mark.parametrize("fold", SEEN)
def test_quantiles_are_those_of_the_design_but_for_the_exact_sample(fold: str) -> None:
    """Shares to 2 points (95%: 3), odds ratios to 0.04: the design read them off a closed form, 0 to 2 points off."""
    shares, ratios, home = SEEN[fold]
    weights, found = column(f"weight_{fold}"), ABOUT["fold"][fold]
    ever = script.quantiles(1 - column("never_in_care_by_day_365"), weights)
    assert 100 * np.array(ever[:4]) == pytest.approx(shares[:4], abs=2)
    assert 100 * ever[4] == pytest.approx(shares[4], abs=3)
    assert np.array(ever) == pytest.approx(found["ever_in_care_by_day_365"], abs=6e-4)
    assert script.quantiles(column("odds_ratio"), weights)[2] == pytest.approx(0.81, abs=0.01)
    if ratios:
        assert script.quantiles(column("odds_ratio"), weights) == pytest.approx(ratios, abs=0.04)
    for key, value in zip(("days_at_home_without", "days_at_home_with"), home, strict=True):
        assert 100 * found[key][2] == pytest.approx(value, abs=1)


def test_another_seed_and_more_draws_give_the_same_middle() -> None:
    """The median to 2 points. The quarters to 4: with 665 effective draws their standard error is about 2 points."""
    made = coarse()
    prior = script.make_prior(made.known, n=4000, seed=77)
    at = made.shares.at(prior.base, prior.effect)
    ever = script.quantiles(1 - at["never"], prior.weights["all"])
    for place, points in ((1, 4), (2, 2), (3, 4)):
        assert 100 * ever[place] == pytest.approx(
            100 * ABOUT["fold"]["all"]["ever_in_care_by_day_365"][place], abs=points
        )


def test_an_effect_as_large_as_claimed_is_in_no_draw_worth_the_name() -> None:
    found = ABOUT["fold"]["all"]
    assert found["gain_of_20_points"] < 0.02
    assert 0.15 < found["odds_ratio_above_1"] < 0.3


def test_each_fold_leaves_out_the_rows_of_its_contract_and_is_as_old_as_its_newest_row() -> None:
    rows = {row["id"]: row for row in ABOUT["row"]}
    for fold, found in ABOUT["fold"].items():
        contracts = {rows[name]["contract"] for name in found["rows"]}
        left_out = {"pan_london", "essex"} if fold == "trials_only" else {fold.removeprefix("without_")}
        assert not contracts & left_out
        assert found["known_to"] == max(rows[name]["known_to"] for name in found["rows"])


# ---- the way -----------------------------------------------------------------------------------------------------


def test_every_contract_is_foretold_by_the_others() -> None:
    """Each published figure inside the middle half of what is foretold without its contract; on fewer points too."""
    assert [row["id"] for row in ABOUT["foretold"]] == [
        "pan_london_out_of_care",
        "essex_care_share",
        "essex_first_year_at_home",
    ]
    for row in ABOUT["foretold"]:
        assert 0.25 <= row["place"] <= 0.75
    for one in script.leave_one_out(coarse()):
        assert 0.2 <= one.place <= 0.8


def test_what_foretells_a_contract_has_not_seen_it() -> None:
    for one in script.leave_one_out(coarse()):
        assert one.fold == f"without_{'pan_london' if one.id.startswith('pan_london') else 'essex'}"


def test_the_centre_holds_to_5_points_whatever_is_left_out() -> None:
    home = [ABOUT["fold"]["all"][key][2] for key in ("days_at_home_without", "days_at_home_with")]
    rows = {row["id"]: row for row in ABOUT["sensitivity"]}
    assert set(rows) == {"start_apart", "claims_biased", "effect_sd_twice", "base_sd_twice", "no_control_arms"}
    for row in rows.values():
        assert [row["days_at_home_without"], row["days_at_home_with"]] == pytest.approx(home, abs=0.05)
    made = coarse()
    for name, (_, known) in script.variants(made).items():
        if name != "claims_biased":  # a second and a half; in the file
            assert script.home_medians(made, known, n_hyper=20_000) == pytest.approx(home, abs=0.05)


def test_no_reading_of_a_record_is_chosen_by_it() -> None:
    for row in ABOUT["row"]:
        if "readings" in row:
            assert max(row["weight_of_readings"]) - min(row["weight_of_readings"]) < 0.1


def test_a_record_changes_neither_the_draws_nor_the_fold_of_trials_only() -> None:
    made = coarse()
    without = script.make_prior(script.replace(made.known, records={}))
    with_both = script.make_prior(made.known)
    assert (without.base == with_both.base).all()
    assert (without.weights["trials_only"] == with_both.weights["trials_only"]).all()
    assert np.ptp(with_both.weights["trials_only"]) == 0


def test_a_seventh_contract_of_a_made_up_world_stands_anywhere_among_its_draws() -> None:
    """100 worlds of 6 contracts and 4 trials: ranks of the seventh contract's share at home are uniform.

    Chi-square in 10 cells, false alarm 1e-3. The priors are narrower than those of the file, so that all contracts lie
    on the grid. Power: with the new contract's spread taken at half, p was below 2e-4 in three of three sets of worlds.
    """
    places = [_place_in_a_made_up_world(seed) for seed in range(100)]
    counts = np.histogram(places, bins=10, range=(0, 1))[0]
    assert stats.chisquare(counts).pvalue > 1e-3


def _place_in_a_made_up_world(seed: int) -> float:
    rng = np.random.default_rng(seed)
    priors = {row["id"]: dict(row) for row in script.read_rows()["prior"]}
    priors["base_mean"] |= {"mean": -1.5, "sd": 0.5}
    priors["base_sd"]["sd"], priors["effect_mean"]["sd"] = 0.5, 0.3
    hyper = {name: float(script._from_prior(rng, row, 1)[0]) for name, row in priors.items()}
    base = rng.normal(hyper["base_mean"], hyper["base_sd"], 7)
    effect = rng.normal(hyper["effect_mean"], hyper["effect_sd"], 11)
    trials = [(rng.normal(y, 0.15), 0.15) for y in effect[7:]]
    grid = _at_home(script.FINE_BASE[:, None] + script.FINE_EFFECT)
    seen = rng.binomial(200, _at_home(base[:6] + effect[:6]))
    records = {str(i): stats.binom.pmf(count, 200, grid) for i, count in enumerate(seen)}
    prior = script.make_prior(script.Known(priors, trials, [], records), n=500, n_hyper=5_000, seed=seed + 1000)
    home = _at_home(prior.base + prior.effect)
    return float(prior.weights["all"][home < _at_home(base[6] + effect[6])].sum())


def _at_home(log_hazard: Any) -> Any:
    return 1 - script.ever_in_care(log_hazard, VARIANCE)


@pytest.mark.slow
def test_made_again_the_files_are_the_same_to_the_last_byte() -> None:
    for path, text in script.made_files().items():
        assert path.read_bytes() == text.encode(), path.name
