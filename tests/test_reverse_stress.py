"""The mildest combination that fails: planes and balls by hand, limits, correlation, jumps, few evaluations."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import minimize

from edgeofcare.questions.sensitivity.reverse_stress import FINE, reverse

MANY = 25


def counted(margin):
    """A margin that counts its rows, to hold against the count in the answer."""

    def of(z):
        of.rows += len(z)
        return margin(z)

    of.rows = 0
    return of


def plane(slope, level):
    return counted(lambda z: level + z @ np.asarray(slope))


@pytest.mark.parametrize("n", [1, 2, MANY])
def test_a_plane(n):
    """|level| / |slope|, and shares as the squares of the slopes."""
    slope = np.linspace(-1, 2, n) if n > 1 else np.array([-2.0])
    margin = plane(slope, 3.0)
    found = reverse(margin, np.eye(n))
    size = np.linalg.norm(slope)
    assert found.found and found.distance == pytest.approx(3 / size, rel=2 * FINE)
    assert found.distance >= 3 / size - 1e-12 and found.margin <= 0 and found.margin_at_0 == 3
    assert found.z == pytest.approx(-3 * slope / size**2, abs=0.01)
    assert found.share == pytest.approx((slope / size) ** 2, abs=0.01) and found.share.sum() == pytest.approx(1)
    assert found.evaluations == margin.rows < 150


@settings(max_examples=60, deadline=None)
@given(
    slope=st.lists(st.floats(-3, 3), min_size=2, max_size=6).filter(lambda s: np.abs(s).max() > 0.1),
    level=st.floats(0.1, 4),
    correlation=st.floats(-0.9, 0.9),
)
def test_planes_within_limits_are_as_a_general_optimiser_has_them(slope, level, correlation):
    slope, n = np.array(slope), len(slope)
    r = np.eye(n)
    r[0, 1] = r[1, 0] = correlation
    found = reverse(plane(slope, level), r)
    reach = level - 3 * np.abs(slope).sum()
    if reach > 0.02:
        assert not found.found
        return
    if reach > -0.02:
        return  # it touches a corner: either answer will do
    inverse = np.linalg.inv(r)
    theirs = minimize(
        lambda z: z @ inverse @ z,
        -3.0 * np.sign(slope),
        jac=lambda z: 2 * inverse @ z,
        bounds=[(-3, 3)] * n,
        constraints={"type": "eq", "fun": lambda z: level + slope @ z, "jac": lambda z: slope},
        method="SLSQP",
        options={"ftol": 1e-12, "maxiter": 500},
    )
    assert theirs.success and found.found
    assert found.distance == pytest.approx(math.sqrt(theirs.fun), rel=0.01)
    assert np.abs(found.z).max() <= 3 + 1e-9


def test_correlated_inputs():
    """Margin 2 - z1, corr(z1, z2) = 0.8: distance 2, and z2 follows to 1.6 without a share of its own."""
    r = np.array([[1, 0.8], [0.8, 1]])
    found = reverse(plane([-1.0, 0.0], 2.0), r)
    assert found.distance == pytest.approx(2, rel=2 * FINE)
    assert found.z == pytest.approx([2, 1.6], abs=0.01)
    assert found.share == pytest.approx([1, 0], abs=0.01)
    both = reverse(plane([-1.0, -1.0], 2.0), r)
    assert both.distance == pytest.approx(2 / math.sqrt(2 + 2 * 0.8), rel=2 * FINE)  # sd of z1 + z2


@pytest.mark.parametrize("n", [2, 5, MANY])
@pytest.mark.parametrize("radius", [0.8, 2.0])
def test_a_ball(n, radius):
    """Failure inside a ball around c, 3 from 0: distance 3 - radius, towards c."""
    c = np.linspace(1, 2, n)
    c *= 3 / np.linalg.norm(c)
    margin = counted(lambda z: ((z - c) ** 2).sum(axis=1) - radius**2)
    found = reverse(margin, np.eye(n))
    assert found.distance == pytest.approx(3 - radius, rel=0.02)
    assert found.evaluations == margin.rows < 150


def test_outside_a_ball():
    """Failure outside an ellipse z1^2 / 4 + z2^2 / 9 = 1 around (-0.5, 0): nearest at (1.5, 0)."""
    found = reverse(lambda z: 1 - (z[:, 0] + 0.5) ** 2 / 4 - z[:, 1] ** 2 / 9, np.eye(2))
    assert found.distance == pytest.approx(1.5, rel=0.02)


@pytest.mark.parametrize("aside", [0.3, 1.0])
def test_the_slope_at_0_points_elsewhere(aside):
    """3 - 2 z1 - aside z2 - z2^2 = 0, by a grid of z2: well nearer than where the slope at 0 meets it."""
    z2 = np.linspace(-3, 3, 600_001)
    nearest = np.sqrt(((3 - aside * z2 - z2**2) / 2) ** 2 + z2**2).min()
    found = reverse(lambda z: 3 - 2 * z[:, 0] - aside * z[:, 1] - z[:, 1] ** 2, np.eye(2))
    along = np.array([2, aside + 0.25]) / math.hypot(2, aside + 0.25)  # the slope at 0 by differences of 0.25
    t = np.linspace(0, 3, 300_001)
    straight = t[3 - t * (2 * along[0] + aside * along[1]) - (t * along[1]) ** 2 <= 0][0]
    assert found.distance == pytest.approx(nearest, rel=0.005) and straight > 1.01 * nearest


def test_a_product_of_many_is_as_a_general_optimiser_has_it():
    """A business margin: volume x success x price less cost, with 25 inputs, some correlated."""
    r = np.eye(MANY)
    r[0, 1] = r[1, 0] = 0.5
    weights = np.linspace(0.02, 0.3, MANY)

    def margin(z):
        income = np.exp(-0.3 * z[:, 0] - 0.2 * z[:, 1] - z[:, 2:] @ weights[2:] / 4)
        return 4 * income / (1 + np.exp(0.6 * z[:, 3] - 1)) - 1.6 * np.exp(0.1 * z[:, 4])

    counting = counted(margin)
    found = reverse(counting, r)
    inverse = np.linalg.inv(r)
    theirs = minimize(
        lambda z: z @ inverse @ z,
        np.full(MANY, 0.1),
        constraints={"type": "eq", "fun": lambda z: margin(z[None])[0]},
        method="SLSQP",
        options={"ftol": 1e-12, "maxiter": 500},
    )
    assert theirs.success
    assert found.distance == pytest.approx(math.sqrt(theirs.fun), rel=0.01)
    assert found.margin == margin(found.z[None])[0] <= 0
    assert counting.rows == found.evaluations < 150


def test_nothing_within_limits():
    margin = plane([1.0, -0.5], 4.6)  # 4.5 is as far as it goes
    found = reverse(margin, np.eye(2))
    assert not found.found and found.distance is None
    assert found.z == pytest.approx([-3, 3], abs=1e-3) and found.margin == pytest.approx(0.1, abs=1e-3)
    assert reverse(plane([1.0, -0.5], 4.6), np.eye(2), limit=3.2).found
    always = reverse(lambda z: 1 + (z**2).sum(axis=1), np.eye(3))
    assert not always.found and always.margin >= 1
    flat = reverse(plane([0.0, 0.0], 1.0), np.eye(2))
    assert not flat.found and flat.evaluations == 3


def test_a_limit_that_binds():
    """2 z1 + z2 = -7: without limits (-2.8, -1.4); with |z| <= 2.5, z1 = -2.5 and z2 = -2."""
    found = reverse(plane([2.0, 1.0], 7.0), np.eye(2), limit=2.5)
    assert found.z == pytest.approx([-2.5, -2.0], abs=0.01)
    assert found.distance == pytest.approx(math.hypot(2.5, 2), rel=2 * FINE)


def test_failure_beside_the_rays():
    """At z2 = -1, where the rays lead, and within 0.01 of (0.25, 0), where the first gradient looks."""
    found = reverse(
        lambda z: np.where((np.abs(z[:, 0] - 0.25) < 0.01) & (np.abs(z[:, 1]) < 0.01), -1.0, 1 + z[:, 1]), np.eye(2)
    )
    assert found.found and found.margin <= 0 and found.distance == pytest.approx(0.25, abs=0.011)


def test_gone_already():
    for level in (-1.0, 0.0):
        found = reverse(plane([1.0, 2.0], level), np.eye(2))
        assert found.found and found.distance == 0 and found.margin == level == found.margin_at_0
        assert not found.share.any() and found.evaluations == 1


def test_jumps_and_wobbles_of_a_simulation():
    """A margin in whole pounds with a wobble of 1% of itself is within 5% of the plane's distance."""
    slope = np.linspace(1, 3, MANY)
    size = np.linalg.norm(slope)

    def margin(z):
        return np.round(100 * (2 * size + z @ slope) + 2 * size * np.sin(400 * z.sum(axis=1)))

    found = reverse(margin, np.eye(MANY), step=0.5)
    assert found.distance == pytest.approx(2, rel=0.05) and found.margin <= 0
    assert (found.z == reverse(margin, np.eye(MANY), step=0.5).z).all()


def test_faults():
    with pytest.raises(ValueError, match="finite"):
        reverse(lambda z: z.sum(axis=1) * np.nan, np.eye(2))
    with pytest.raises(ValueError, match="one finite number for each row"):
        reverse(lambda z: z + 1, np.eye(2))
    with pytest.raises(np.linalg.LinAlgError):
        reverse(plane([1.0, 1.0], 1.0), np.ones((2, 2)))
