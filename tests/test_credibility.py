"""Credibility-weighted rates against a published example, their own identities, and simulated groups; the warnings."""

from __future__ import annotations

import numpy as np
import pytest

from edgeofcare.engine.expected import ever_in_care_prob
from edgeofcare.engine.rates import CredibleRates, credible_rates, entries_warning, structure
from edgeofcare.inputs.load import with_values
from edgeofcare.inputs.schema import Scenario
from helpers import assert_mean, pan_london, plan_of, shipped

# Hachemeister (1975), "Credibility for regression models with application to trend": mean bodily injury claims and
# numbers of claims in five states over twelve quarters, as printed in Dutang, Goulet, Milhaud and Pigeon,
# "Credibility theory features of actuar", with the results of the unbiased estimators there.
MEAN_CLAIMS = np.array(
    [
        [1738, 1642, 1794, 2051, 2079, 2234, 2032, 2035, 2115, 2262, 2267, 2517],
        [1364, 1408, 1597, 1444, 1342, 1675, 1470, 1448, 1464, 1831, 1612, 1471],
        [1759, 1685, 1479, 1763, 1674, 2103, 1502, 1622, 1828, 2155, 2233, 2059],
        [1223, 1146, 1010, 1257, 1426, 1532, 1953, 1123, 1343, 1243, 1762, 1306],
        [1456, 1499, 1609, 1741, 1482, 1572, 1606, 1735, 1607, 1573, 1613, 1690],
    ],
    dtype=float,
)
CLAIMS = np.array(
    [
        [7861, 9251, 8706, 8575, 7917, 8263, 9456, 8003, 7365, 7832, 7849, 9077],
        [1622, 1742, 1523, 1515, 1622, 1602, 1964, 1515, 1527, 1748, 1654, 1861],
        [1147, 1357, 1329, 1204, 998, 1077, 1277, 1218, 896, 1003, 1108, 1121],
        [407, 396, 348, 341, 315, 328, 352, 331, 287, 384, 321, 342],
        [2902, 3172, 3046, 3068, 2693, 2910, 3275, 2697, 2663, 3017, 3242, 3425],
    ],
    dtype=float,
)


@pytest.fixture(scope="module")
def rates() -> CredibleRates:
    return credible_rates()


def test_the_published_example() -> None:
    found = structure(MEAN_CLAIMS, CLAIMS)
    assert found.mean == pytest.approx(1684, abs=0.5)
    assert found.within == pytest.approx(139_120_026, abs=50)
    assert found.between == pytest.approx(89_639, abs=0.5)
    assert found.own == pytest.approx([2061, 1511, 1806, 1353, 1600], abs=0.5)
    assert found.credibility == pytest.approx([0.9847, 0.9276, 0.8985, 0.7279, 0.9588], abs=5e-5)
    assert found.credible == pytest.approx([2055, 1524, 1793, 1443, 1603], abs=0.5)


def test_estimators_are_unbiased() -> None:
    """20,000 sets of 12 groups and 5 years, known variances; false-alarm rate 1e-6 each; 2% off is seen."""
    rng = np.random.default_rng(5)
    exposures = rng.uniform(1, 4, (12, 1)) * np.ones((12, 5))
    within, between, found = 9.0, 4.0, []
    for _ in range(20_000):
        means = rng.normal(30, np.sqrt(between), (12, 1))
        found.append(structure(rng.normal(means, np.sqrt(within / exposures)), exposures))
    variances = np.array([[one.within, one.between] for one in found])
    for values, truth in zip(variances.T, (within, between), strict=True):
        assert_mean(values, truth, 1e-6)
        with pytest.raises(AssertionError):
            assert_mean(values, 1.02 * truth, 1e-6)


def test_groups_that_do_not_differ_share_one_rate() -> None:
    """Between-group spread below what chance gives: no credibility, and the overall mean for all."""
    rates = np.array([[1.0, 3.0], [3.0, 1.0], [2.0, 2.0]])
    found = structure(rates, np.array([[1.0, 1.0], [1.0, 1.0], [2.0, 2.0]]))
    assert found.between == 0 and found.credibility.tolist() == [0, 0, 0]
    assert found.credible == pytest.approx([2, 2, 2])


def test_more_exposure_is_more_credible(rates: CredibleRates) -> None:
    """Between own rate and London's; the order of credibility is that of population."""
    rows = sorted(rates.by_authority.values(), key=lambda row: row.population_10_to_17)
    weights = [row.credibility for row in rows]
    assert weights == sorted(weights) and weights[0] < 0.2 and weights[1] > 0.8 and weights[-1] < 1
    for row in rows:
        low, high = sorted((row.own_per_10_000, rates.london_per_10_000))
        assert low <= row.credible_per_10_000 <= high
        blend = row.credibility * row.own_per_10_000 + (1 - row.credibility) * rates.london_per_10_000
        assert row.credible_per_10_000 == pytest.approx(blend)


def test_credible_starts_add_up_to_londons(rates: CredibleRates) -> None:
    """The credibility-weighted mean keeps the total (balance property)."""
    rows = rates.by_authority.values()
    own = sum(row.own_per_10_000 / 10_000 * row.population_10_to_17 for row in rows)
    assert sum(row.credible_starts_per_year for row in rows) == pytest.approx(own)


def test_a_borough_by_hand(rates: CredibleRates) -> None:
    """Sutton, 2021 to 2025: 31.2 starts at 10 to 15, 26.8 at 16 and over, less 85% of 19.2; 21,278 x 0.9953 people."""
    assert len(rates.by_authority) == 33 and "essex" not in rates.by_authority
    assert rates.years == (2021, 2022, 2023, 2024, 2025)
    sutton = rates.by_authority["sutton"]
    assert sutton.own_per_10_000 == pytest.approx((31.2 + 26.8 - 0.85 * 19.2) / (21_278 * 0.9953) * 10_000)
    assert sutton.n_hidden == 0
    hidden = {row.slug: row.n_hidden for row in rates.by_authority.values() if row.n_hidden}
    assert hidden == {"city_of_london": 12, "kensington_and_chelsea": 2}


# ---- warnings ---------------------------------------------------------------------------------------------------


def warned(scenario: Scenario) -> dict[str, str | None]:
    return entries_warning(scenario, ever_in_care_prob(plan_of(scenario), scenario))


def test_the_plan_refers_more_than_a_third() -> None:
    """Five boroughs refer 0.58 of their starts, nearly all of whom would enter care; the sixth refers half as many."""
    found = warned(pan_london())
    assert found["barking_and_dagenham"] is None
    others = [text for slug, text in found.items() if slug != "barking_and_dagenham"]
    assert len(others) == 5 and all(text and "more than a third" in text for text in others)
    assert "55% of the 37.8 adolescents" in str(found["sutton"])


def test_more_than_all_is_said_louder() -> None:
    found = warned(pan_london(boroughs__sutton__referrals_per_year=45.0, boroughs__merton__referrals_per_year=11.0))
    assert "more than all of the 37.8 adolescents" in str(found["sutton"]) and "cannot be" in str(found["sutton"])
    assert found["merton"] is None


def test_slower_entry_warns_less() -> None:
    assert set(warned(pan_london(effect__entry_scale_days=5000.0)).values()) == {None}


def test_a_borough_without_published_starts_is_not_checked() -> None:
    boroughs = {"elsewhere": {"name": "Elsewhere", "referrals_per_year": 900.0}}
    teams = {"one": shipped("pan_london").teams["mst_a"].model_copy(update={"boroughs": ("elsewhere",)})}
    changes = {"boroughs": boroughs, "teams": {k: v.model_dump() for k, v in teams.items()}, "correlations": ()}
    assert warned(with_values(pan_london(), changes)) == {"elsewhere": None}
