"""Outer draws: distributions against scipy, correlations, addressed scores, and what a draw may not be."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from edgeofcare.engine import parameters
from edgeofcare.engine.calibration_table import Surface
from edgeofcare.engine.parameters import correlated_scores, draw, draw_values, drawn_inputs, quantile, surface_for
from edgeofcare.errors import InputError
from edgeofcare.inputs.load import load, uncertain, with_values
from edgeofcare.inputs.ranges import FAR, Z95, cholesky, nearest_correlation, rank_correlation, reach
from edgeofcare.inputs.schema import Origin, Scenario
from helpers import assert_mean, pan_london, small

U = np.concatenate([[1e-6, 1e-4], np.linspace(0.001, 0.999, 333), [1 - 1e-4, 1 - 1e-6]])
NO_SURFACE = Surface(730, (730,))


def origin(low: float, high: float, distribution: str = "triangular") -> Origin:
    return Origin.model_validate({"low": low, "high": high, "distribution": distribution})


def ranged(scenario: Scenario, ranges: dict[str, tuple[float, float]], keep: bool = True) -> Scenario:
    """Return a scenario with ranges for these inputs, besides its own or instead of them."""
    new = {path: origin(*ends) for path, ends in ranges.items()}
    old = scenario.origins if keep else {}
    return scenario.model_copy(update={"origins": old | new, "correlations": scenario.correlations if keep else ()})


# ---- distributions ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("distribution", "value", "low", "high", "theirs"),
    [
        ("triangular", 0.3, 0.2, 0.8, stats.triang(1 / 6, 0.2, 0.6)),
        ("triangular", 0.2, 0.2, 0.8, stats.triang(0, 0.2, 0.6)),
        ("triangular", 0.8, 0.2, 0.8, stats.triang(1, 0.2, 0.6)),
        ("uniform", 0.3, 0.2, 0.8, stats.uniform(0.2, 0.6)),
        ("normal", 5.0, 3.0, 8.0, stats.norm(5.5, 2.5 / stats.norm.ppf(0.95))),
        (
            "lognormal",
            1.25,
            0.77,
            2.05,
            stats.lognorm(math.log(2.05 / 0.77) / 2 / stats.norm.ppf(0.95), 0, math.sqrt(0.77 * 2.05)),
        ),
        ("beta", 0.3, 0.2, 0.41, None),
    ],
)
def test_quantiles_are_scipys(distribution: str, value: float, low: float, high: float, theirs: object) -> None:
    if theirs is None:
        sd = (high - low) / (2 * stats.norm.ppf(0.95))
        n = value * (1 - value) / sd**2 - 1
        theirs = stats.beta(value * n, (1 - value) * n)
        assert (theirs.mean(), theirs.std()) == pytest.approx((value, sd))
        assert [theirs.cdf(low), theirs.cdf(high)] == pytest.approx([0.05, 0.95], abs=0.03)
    ours = [quantile(value, origin(low, high, distribution), float(u)) for u in U]
    assert ours == pytest.approx(list(theirs.ppf(U)), rel=1e-9, abs=1e-12)  # type: ignore[attr-defined]
    assert ours == sorted(ours)


@pytest.mark.parametrize("distribution", ["normal", "lognormal"])
def test_the_5th_and_95th_percentile_are_low_and_high_and_tails_are_cut(distribution: str) -> None:
    this = origin(2.0, 5.0, distribution)
    assert [quantile(3.0, this, u) for u in (0.05, 0.95)] == pytest.approx([2.0, 5.0])
    least, greatest = reach(this)
    assert (quantile(3.0, this, 1e-15), quantile(3.0, this, 1 - 1e-15)) == (least, greatest)
    assert 2 * stats.norm.sf(FAR) < 2.1e-7 and pytest.approx(stats.norm.ppf(0.95)) == Z95


@given(st.floats(1e-12, 1 - 1e-12), st.sampled_from(["triangular", "uniform"]), st.integers(2, 9))
def test_whole_numbers_stay_whole_and_inside(u: float, distribution: str, value: int) -> None:
    drawn = quantile(value, origin(2, 9, distribution), u)
    assert type(drawn) is int and 2 <= drawn <= 9


def test_every_whole_number_of_a_range_is_drawn() -> None:
    scenario = ranged(pan_london(), {"referrals.patience_days": (40, 80)}, keep=False)
    drawn = {draw_values(scenario, 1, d)["referrals.patience_days"] for d in range(3000)}
    assert drawn <= set(range(40, 81)) and set(range(45, 76)) <= drawn
    assert with_values(scenario, draw_values(scenario, 1, 0)).referrals.patience_days in drawn


# ---- scores -----------------------------------------------------------------------------------------------------


def test_a_draw_is_the_same_for_the_same_seed_and_number_only() -> None:
    scenario = load("pan_london")
    first = draw_values(scenario, 1, 0)
    assert first == draw_values(scenario, 1, 0)
    assert first.keys() == uncertain(scenario).keys()
    for other in (draw_values(scenario, 1, 1), draw_values(scenario, 2, 0)):
        assert all(first[path] != other[path] for path in first)


def test_another_uncertain_input_or_correlation_changes_no_independent_one() -> None:
    scenario = load("pan_london")
    more = ranged(scenario, {"care.reentry.scale_days": (15e3, 30e3), "care.reentry.shape": (0.3, 0.45)})
    pair = {"between": ("care.reentry.scale_days", "care.reentry.shape"), "correlation": -0.5}
    pairs = with_values(more, {"correlations": [*scenario.model_dump()["correlations"], pair]})
    for number in range(5):
        before, after, paired = (draw_values(s, 7, number) for s in (scenario, more, pairs))
        assert before == {path: after[path] for path in before}
        correlated = {path for pair in scenario.correlations for path in pair.between}
        assert all(after[path] == paired[path] for path in before.keys() - correlated)


def test_scores_are_normal_and_correlated_as_asked() -> None:
    """4,000 draws; false alarm 1e-6 for each statement; an error of 0.1 in a correlation would be seen in 9 of 10."""
    scenario = load("pan_london")
    paths = [
        "effect.usual",
        "effect.therapy",
        "care.stay.stay_to_18_prob_under_16",
        "care.stay.stay_to_18_prob_16_plus",
        "referrals.accept_prob",
    ]
    n = 4000
    scores = np.array([list(correlated_scores(scenario, paths, 3, d).values()) for d in range(n)])
    asked = np.eye(5)
    asked[0, 1] = asked[1, 0] = 0.6
    asked[2, 3] = asked[3, 2] = 0.8
    limit = stats.norm.isf(0.5e-6)
    for i in range(5):
        assert_mean(scores[:, i], 0.0, false_alarm=1e-6)
        assert stats.kstest(scores[:, i], "norm").pvalue > 1e-6
        for j in range(i):
            found = np.corrcoef(scores[:, i], scores[:, j])[0, 1]
            assert abs(math.atanh(found) - math.atanh(asked[i, j])) * math.sqrt(n - 3) < limit, (paths[i], paths[j])
            ranks = stats.spearmanr(scores[:, i], scores[:, j])[0]
            assert ranks == pytest.approx(rank_correlation(asked[i, j]), abs=limit * 1.1 / math.sqrt(n))
    assert stats.norm.sf(limit - 0.1 / (1 - 0.6**2) * math.sqrt(n)) > 0.9


def test_rank_correlation_of_normal_scores() -> None:
    assert [rank_correlation(r) for r in (0.0, 0.5, -0.5)] == pytest.approx([0, 0.4826, -0.4826], abs=1e-4)
    assert rank_correlation(1.0) == pytest.approx(1)


def test_a_correlation_with_a_key_that_is_fixed_leaves_the_other_to_itself() -> None:
    scenario = load("pan_london")
    fixed = with_values(scenario, {"effect.hazard_ratio": 0.5})
    assert "effect.therapy" not in uncertain(fixed)
    assert draw_values(fixed, 1, 4)["effect.usual"] == quantile(
        *uncertain(scenario)["effect.usual"],
        parameters.normal_cdf(parameters.normal_quantile(parameters.own_uniform(1, 4, "effect.usual"))),
    )


# ---- correlations that contradict one another -------------------------------------------------------------------

A, B, C = "effect.usual", "effect.therapy", "child.frailty_variance"


def with_pairs(*pairs: tuple[str, str, float]) -> Scenario:
    listed = [{"between": (a, b), "correlation": r} for a, b, r in pairs]
    return with_values(load("pan_london"), {"correlations": listed})


@pytest.mark.parametrize(
    "pairs",
    [[(A, B, 0.9), (A, C, 0.9), (B, C, -0.9)], [(A, B, 0.9), (A, C, 0.9)], [(A, B, 0.99), (B, C, 0.99), (A, C, 0.5)]],
)
def test_contradicting_correlations_are_refused_with_the_nearest_set(pairs: list[tuple[str, str, float]]) -> None:
    with pytest.raises(InputError, match="not positive definite") as raised:
        surface_for(with_pairs(*pairs))
    offer = str(raised.value).split("does not: ")[1].rstrip(".").split("; ")
    offered = [(a, b, float(r)) for a, b, r in (text.replace(" with ", " ").split(" ") for text in offer)]
    accepted = correlated_scores(with_pairs(*offered), [A, B, C], 1, 0)
    assert all(math.isfinite(score) for score in accepted.values())
    asked = {frozenset(pair[:2]): pair[2] for pair in pairs}
    near = {frozenset(pair[:2]): pair[2] for pair in offered}
    assert all(near[pair] * r >= 0 for pair, r in asked.items())


def test_a_matrix_that_is_nearly_right_is_hardly_changed() -> None:
    matrix = [[1.0, 0.71, 0.71], [0.71, 1.0, 0.0], [0.71, 0.0, 1.0]]
    assert cholesky(matrix) is None
    near = np.array(nearest_correlation(matrix))
    assert abs(near - matrix).max() < 0.02 and np.linalg.eigvalsh(near).min() > 0.003
    assert np.diag(near) == pytest.approx(1) and near == pytest.approx(near.T)


def test_the_factor_is_numpys() -> None:
    matrix = [[1.0, 0.6, -0.2], [0.6, 1.0, 0.3], [-0.2, 0.3, 1.0]]
    found = cholesky(matrix)
    assert found is not None
    assert [value for line in found for value in line] == pytest.approx(
        list(np.linalg.cholesky(matrix)[np.tril_indices(3)])
    )
    assert cholesky([]) == []


# ---- draws ------------------------------------------------------------------------------------------------------


def test_values_that_do_not_fit_together_are_refused_with_the_draw() -> None:
    scenario = small().model_copy(update={"origins": {"therapies.mst.min_days": origin(60, 300, "uniform")}})
    with pytest.raises(InputError, match=r"outer draw \d+: therapies\.mst\.min_days: min_days must not .* Narrow"):
        for number in range(20):
            draw(scenario, NO_SURFACE, 1, number)


def test_the_evidence_draws_its_own_targets() -> None:
    with_evidence, claim = load("pan_london_evidence"), load("pan_london")
    left = drawn_inputs(claim).keys() - drawn_inputs(with_evidence).keys()
    assert left == {"effect.usual", "effect.therapy"}


def test_costs_alone_leave_the_calibration_as_it_is() -> None:
    scenario = ranged(small(), {"costs.set_up_gbp": (1e5, 5e5)}, keep=False)
    surface = surface_for(scenario)
    drawn = [draw(scenario, surface, 1, number) for number in range(3)]
    assert {(d.entry_scale_days, d.hazard_ratio, d.met) for d in drawn} == {(191.6, 0.25, True)}
    assert len({d.scenario.costs.set_up_gbp for d in drawn}) == 3
