"""What knowing is worth: closed forms of linear and normal decisions, useless inputs, certainty, noise, faults."""

import math

import numpy as np
import pytest

from edgeofcare.questions.sensitivity.value_of_information import (
    basis,
    evpi,
    evppi,
    fit,
    noise_covariance,
    without_noise,
    worth,
)


def loss(u):
    """Unit normal loss integral phi(u) - u (1 - Phi(u))."""
    return math.exp(-u * u / 2) / math.sqrt(2 * math.pi) - u * 0.5 * math.erfc(u / math.sqrt(2))


def value(mean, sd):
    """E max(X, 0) - max(E X, 0) of a normal X: sd times the unit normal loss of |mean| / sd."""
    return sd * loss(abs(mean) / sd)


MEAN, SLOPES = 1.0, np.array([3.0, 2.0, 0.0])
SD = math.sqrt((SLOPES**2).sum())
EACH = {"strong": (0,), "weak": (1,), "useless": (2,), "both": (0, 1)}


def decision(n, seed=1, noise_sd=0.0):
    """Join, worth 1 + 3 z1 + 2 z2, or not, worth 0."""
    rng = np.random.default_rng(seed)
    z = rng.normal(size=(n, 3))
    return z, np.stack([np.zeros(n), MEAN + z @ SLOPES + noise_sd * rng.normal(size=n)], axis=1)


def test_linear_normal():
    """Within 4 standard errors, 4 figures: false-alarm rate under 3e-4. Each standard error is under 4% of EVPI."""
    z, y = decision(4000)
    found = worth(z, y, EACH)
    assert found.best == 1
    truth = {"strong": value(MEAN, 3), "weak": value(MEAN, 2), "useless": 0.0, "both": value(MEAN, SD)}
    assert abs(found.evpi - value(MEAN, SD)) < 4 * found.evpi_se and found.evpi_se < 0.04 * found.evpi
    assert found.evpi_without_noise is None
    for name, part in found.parts.items():
        assert abs(part.value - truth[name]) < max(4 * part.se, 0.01), name
        assert part.se < 0.04 * found.evpi and part.halves == pytest.approx(part.value, abs=0.02)
    assert found.parts["useless"].value < 0.01 and abs(found.parts["useless"].halves) < 0.01


def test_a_curve_and_a_product_are_followed():
    """Knowing z1 in 5 (z1^2 - 1) is worth E max(., 0) = 10 phi(1); in z1 z2 each alone is worth nothing, both 1 / pi.

    Standard errors of means of 20,000 draws are under 0.06 and 0.005; five of them: false-alarm rate under 1e-5.
    """
    z = np.random.default_rng(2).normal(size=(20_000, 2))
    phi_1 = math.exp(-0.5) / math.sqrt(2 * math.pi)
    bend = np.stack([np.zeros(20_000), 5 * (z[:, 0] ** 2 - 1)], axis=1)
    assert evppi(basis(z[:, :1]), bend) == pytest.approx(10 * phi_1, abs=0.3)
    product = np.stack([np.zeros(20_000), z[:, 0] * z[:, 1]], axis=1)
    assert evppi(basis(z[:, :1]), product) < 0.025
    assert evppi(basis(z), product) == pytest.approx(1 / math.pi, abs=0.025)


def test_overfit_is_upward_and_halves_are_downward():
    """Over 200 decisions of 100 draws the truth lies between the two means.

    The useless input, two options alike on average: its worth is 0. The means are 7 and 24 standard errors from it, so
    that being under 4 has a chance of 2e-3. Nothing is used in 0.74 of the regressions, with a standard error of 0.03:
    0.6 is 4 of them away, and a rule that took whatever lowers the residual variance would have 0.38.
    """
    rng = np.random.default_rng(4)
    found = []
    for _ in range(200):
        z = rng.normal(size=(100, 1))
        y = np.stack([np.zeros(100), rng.normal(size=100)], axis=1)
        part = worth(z, y, {"useless": (0,)}, resamples=0).parts["useless"]
        found.append((part.value, part.halves, part.terms == 1))
    above, below, unused = np.mean(found, axis=0)
    error = np.std(found, axis=0) / math.sqrt(200)
    assert unused > 0.6
    assert above > 4 * error[0] and below < -4 * error[1]
    assert above < 0.03  # of an EVPI of 0.4


@pytest.mark.parametrize("options", [2, 3])
def test_noise_passes_for_knowledge_until_it_is_taken_out(options):
    """Noise of sd 6 on a difference of sd 3.6 doubles EVPI; within 4 standard errors without it (rate under 7e-5)."""
    z, y = decision(4000, noise_sd=6.0)
    noise = np.diag([0.0, 36.0])
    if options == 3:
        y, noise = np.column_stack([y, np.full(len(y), -50.0)]), np.diag([0.0, 36.0, 0.0])
    found = worth(z, y, EACH, noise)
    truth = value(MEAN, SD)
    assert found.evpi > 1.5 * truth
    assert abs(found.evpi_without_noise - truth) < 4 * found.evpi_without_noise_se < 0.4 * truth
    part = found.parts["strong"]
    assert abs(part.value - value(MEAN, 3)) < 4 * part.se


def test_noise_covariance_counts_shared_luck():
    """Two options with the same luck: covariance equals variance, 4 / 25; 10,000 within: 5 se is 7%."""
    rng = np.random.default_rng(6)
    luck = 2 * rng.normal(size=(400, 25))
    stay = rng.normal(size=(400, 1))
    found = noise_covariance(np.stack([stay + luck, luck], axis=2))
    assert found == pytest.approx(np.full((2, 2), 4 / 25), rel=0.07)
    means = np.stack([stay + luck, luck], axis=2).mean(axis=1)
    assert evpi(without_noise(means, found)) == pytest.approx(evpi(means))  # luck that all share decides nothing


def test_certainty_is_worth_nothing():
    z = np.random.default_rng(1).normal(size=(50, 2))
    for y in (np.tile([3.0, 5.0], (50, 1)), np.stack([z[:, 0], z[:, 0] + 9], axis=1), np.zeros((50, 2))):
        found = worth(z, y, {"a": (0,), "b": (1,)}, np.eye(2), resamples=5)
        assert found.evpi == pytest.approx(0, abs=1e-9) == found.evpi_without_noise
        assert all(part.value == pytest.approx(0, abs=1e-9) for part in found.parts.values())


def test_an_input_of_few_values_and_one_that_is_constant():
    """Knowing a coin that makes +1 or -1: 0.5 by hand, whatever terms are the same as others."""
    coin = np.tile([1.0, -1.0], 200)
    x = np.stack([coin, np.full(400, 7.0)], axis=1)
    found = worth(x, np.stack([np.zeros(400), coin], axis=1), {"coin": (0,), "constant": (1,)}, resamples=20)
    assert found.parts["coin"].value == pytest.approx(0.5) == found.parts["coin"].halves
    assert found.parts["coin"].terms == 2
    assert found.parts["constant"].value == pytest.approx(0) and found.parts["constant"].terms == 1


def test_fitted_means_are_those_of_the_options():
    """With an intercept fitted and drawn values have equal means, so that no option is favoured."""
    z, y = decision(200)
    terms = basis(z)
    coefficients = fit(terms, y)
    assert (terms[:, : len(coefficients)] @ coefficients).mean(axis=0) == pytest.approx(y.mean(axis=0))
    assert basis(z[:40]).shape[1] == 4 and terms.shape[1] == 20  # 1, 3, 3, 3, 3, 9 would be 22, but 20 at most


def test_equal_seeds_give_equal_answers():
    z, y = decision(100)
    assert worth(z, y, EACH, resamples=10) == worth(z, y, EACH, resamples=10)


@pytest.mark.parametrize(
    ("n", "options", "bad", "said"),
    [(39, 2, 0.0, "at least 40"), (50, 1, 0.0, "two options"), (50, 2, np.nan, "finite"), (50, 2, np.inf, "finite")],
)
def test_faults(n, options, bad, said):
    y = np.zeros((n, options))
    y[0, 0] = bad
    with pytest.raises(ValueError, match=said):
        worth(np.zeros((n, 1)), y, {"a": (0,)})
    with pytest.raises(ValueError, match="a row for each draw"):
        worth(np.zeros((n + 1, 1)), y, {"a": (0,)})
