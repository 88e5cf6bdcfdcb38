"""Indices of variance: closed forms, the library's own figures, noise, resuming, faults."""

import numpy as np
import pytest
from scipy.special import ndtr
from scipy.stats import sobol_indices

from edgeofcare.questions.sensitivity.sobol import batches, correlated_groups, evaluate, indices, make_design

A, B = 7.0, 0.1
THREE = {"a": (0,), "b": (1,), "c": (2,)}


def ishigami(numbers, scores):
    """sin x1 + A sin^2 x2 + B x3^4 sin x1, x uniform on -pi to pi (Ishigami and Homma 1990)."""
    x = np.pi * (2 * ndtr(scores) - 1)
    return (np.sin(x[:, 0]) + A * np.sin(x[:, 1]) ** 2 + B * x[:, 2] ** 4 * np.sin(x[:, 0]))[:, None]


def ishigami_closed():
    v1 = 0.5 * (1 + B * np.pi**4 / 5) ** 2
    v2 = A**2 / 8
    v13 = B**2 * np.pi**8 * (1 / 18 - 1 / 50)
    variance = v1 + v2 + v13
    return np.array([v1, v2, 0]) / variance, np.array([v1 + v13, v2, v13]) / variance, variance


def away(found, which, truth):
    """Distance from the truth in standard errors; those of the bootstrap, from its 95% intervals."""
    low, high = getattr(found, f"{which}_low"), getattr(found, f"{which}_high")
    return np.abs(getattr(found, which) - truth) / np.maximum((high - low) / (2 * 1.96), 1e-9)


def test_ishigami():
    """Within 4 standard errors, 6 figures: false-alarm rate under 4e-4 for independent points.

    And within 0.03: over 40 designs of this size the errors of Sobol's points had a standard deviation under 0.006,
    so 0.03 is five of them: under 1e-5 over the six if normal.
    """
    design = make_design(THREE, n=2048, seed=3)
    found = indices(design, evaluate(design, ishigami))
    first, total, variance = ishigami_closed()
    assert (away(found, "first", first) < 4).all() and (away(found, "total", total) < 4).all()
    assert found.first[0] == pytest.approx(first, abs=0.03) and found.total[0] == pytest.approx(total, abs=0.03)
    assert found.variance[0] == pytest.approx(variance, rel=0.05)
    assert found.noise_share[0] == 0


def linear(numbers, scores):
    """Two outputs of four inputs."""
    return np.stack([scores @ [1.0, 2.0, 3.0, 0.0], scores @ [0.0, 0.0, 0.0, 2.0]], axis=1)


CORRELATION = np.array([[1, 0.5, 0, 0], [0.5, 1, 0, 0], [0, 0, 1, 0], [0, 0, 0, 1.0]])
PAIR = {"a + b": (0, 1), "c": (2,), "d": (3,)}


def test_correlated_inputs_move_as_one_group():
    """y = z1 + 2 z2 + 3 z3, corr(z1, z2) = 0.5: V = (1 + 4 + 2) + 9 = 16, first = total = 7/16, 9/16, 0.

    Within 4 standard errors, 12 figures: false-alarm rate under 8e-4 for independent points.
    """
    assert correlated_groups("abcd", CORRELATION) == PAIR
    design = make_design(PAIR, CORRELATION, n=1024, seed=5)
    found = indices(design, evaluate(design, linear))
    truth = np.array([[7 / 16, 9 / 16, 0], [0, 0, 1]])
    assert (away(found, "first", truth) < 4).all() and (away(found, "total", truth) < 4).all()
    assert found.total[0, 2] == found.total_high[0, 2] == 0  # an input that does nothing, exactly
    assert found.variance == pytest.approx([16, 4], rel=0.03)


def test_scores_have_the_correlation_and_mixed_rows_are_as_said():
    design = make_design(PAIR, CORRELATION, n=1024)
    for half in (0, 1):
        assert np.corrcoef(design.scores[:, half].T) == pytest.approx(CORRELATION, abs=0.02)
    assert np.corrcoef(design.scores[:, 0].T, design.scores[:, 1].T)[:4, 4:] == pytest.approx(0, abs=0.03)
    a, b, mixed = design.rows(np.array([35, 36, 37]))  # point 7, per point 5 rows
    assert (mixed == [b[0], b[1], a[2], a[3]]).all()
    assert (design.point(np.array([34, 35, 39, 40])) == [6, 7, 7, 8]).all()


def test_equals_the_library_without_noise():
    design = make_design(THREE, n=64)
    y = evaluate(design, ishigami).reshape(64, 5)
    found = indices(design, y.reshape(-1, 1), resamples=20)
    theirs = sobol_indices(func={"f_A": y[:, 0], "f_B": y[:, 1], "f_AB": y[:, 2:].T[:, None]}, n=64)
    assert found.first[0] == pytest.approx(theirs.first_order) and found.total[0] == pytest.approx(theirs.total_order)


@pytest.mark.parametrize("luck", ["own", "point"])
def test_noise_is_taken_out(luck):
    """Noise of variance 16 doubles that of the first output: uncorrected first indices are half of the truth.

    Within 4 standard errors, 6 figures: false-alarm rate under 4e-4; the uncorrected are more than 4 away.
    """
    design = make_design(PAIR, CORRELATION, n=4096, seed=7)
    clean = evaluate(design, linear)[:, :1]
    rng = np.random.default_rng(11)
    own = rng.normal(scale=4, size=design.n_rows)
    shared = rng.normal(scale=4, size=4096)[design.point(np.arange(design.n_rows))]
    noisy = clean + (own if luck == "own" else shared)[:, None]
    truth = np.array([[7 / 16, 9 / 16, 0]])
    found = indices(design, noisy, np.array([16.0]), luck)
    raw = indices(design, noisy)
    assert found.noise_share[0] == pytest.approx(0.5, abs=0.03)
    assert (away(found, "first", truth) < 4).all() and (away(found, "total", truth) < 4).all()
    assert (away(raw, "first", truth)[0, :2] > 4).all()
    if luck == "own":
        assert raw.total[0, 2] == pytest.approx(0.5, abs=0.05)  # noise passes for an input's


def test_intervals_are_not_too_narrow():
    """Of 40 designs at least 34 hold each truth in the 95% interval.

    With coverage 95%, fewer than 34 of 40 has a chance of 3e-3 a figure and 0.02 over six; seeds are fixed. With 80% it
    has one of 0.7.
    """
    first, total, _ = ishigami_closed()
    held = np.zeros((2, 3))
    for seed in range(40):
        design = make_design(THREE, n=128, seed=seed)
        found = indices(design, evaluate(design, ishigami, size=10_000), resamples=200, seed=seed)
        held[0] += (found.first_low <= first)[0] & (first <= found.first_high)[0]
        held[1] += (found.total_low <= total)[0] & (total <= found.total_high)[0]
    assert (held >= 34).all(), held


def test_a_single_group_a_constant_and_pure_noise():
    design = make_design({"all": (0, 1)}, np.array([[1, 0.9], [0.9, 1]]), n=256)
    found = indices(design, evaluate(design, lambda numbers, scores: scores.sum(axis=1)[:, None]), resamples=50)
    assert found.first[0, 0] == pytest.approx(1, abs=0.1) and found.total[0, 0] == pytest.approx(1, abs=0.1)
    flat = np.full((design.n_rows, 1), 3.0)
    assert indices(design, flat, resamples=5).total[0, 0] == 0
    noise = np.random.default_rng(1).normal(size=(design.n_rows, 1))
    assert np.isnan(indices(design, noise, np.array([2.0]), resamples=5).first).all()


def test_resumes_and_grows():
    """Rows already known are not evaluated, and a longer design begins with the shorter one's rows."""
    short, long = make_design(THREE, n=16, seed=2), make_design(THREE, n=32, seed=2)
    assert (short.rows(np.arange(80)) == long.rows(np.arange(80))).all()
    stored, told = {}, []

    def storing(numbers, scores):
        values = ishigami(numbers, scores)
        assert not stored.keys() & set(numbers.tolist())
        stored.update(zip(numbers.tolist(), values.tolist(), strict=True))
        return values

    evaluate(short, storing, size=7)
    found = evaluate(long, storing, dict(stored), size=7, progress=lambda done, all_: told.append((done, all_)))
    assert len(stored) == 160 and told[-1] == (160, 160) and told[0] == (87, 160)
    assert (found == evaluate(long, ishigami, size=1000)).all()
    assert [len(numbers) for numbers, _ in batches(short, 30, {0, 79})] == [30, 30, 18]
    assert (indices(long, found, resamples=9).first_low == indices(long, found, resamples=9).first_low).all()


@pytest.mark.parametrize(
    ("groups", "correlation", "n", "said"),
    [
        ({"a": (0,), "b": (0, 1)}, None, 8, "each column once"),
        ({"a": (0,), "c": (2,)}, None, 8, "each column once"),
        ({str(i): (i,) for i in range(31)}, None, 8, "at most 30"),
        ({"a": (0,)}, None, 12, "power of two"),
        ({"a": (0,), "b": (1,)}, np.array([[1, 0.2], [0.2, 1]]), 8, "inside groups"),
        ({"a": (0, 1)}, np.array([[1, 1.0], [1.0, 1]]), 8, "positive definite"),
    ],
)
def test_faults(groups, correlation, n, said):
    with pytest.raises(ValueError, match=said):
        make_design(groups, correlation, n)


def test_values_must_be_finite_and_of_every_row():
    design = make_design(THREE, n=8)
    values = np.zeros((40, 2))
    values[3, 1] = np.nan
    with pytest.raises(ValueError, match=r"outputs \[1\] are not finite"):
        indices(design, values)
    with pytest.raises(ValueError, match="40 rows"):
        indices(design, values[1:])
