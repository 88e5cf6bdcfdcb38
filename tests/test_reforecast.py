"""What early actuals tell: weights by likelihood, collapse told, faults refused."""

import numpy as np
import pytest

from edgeofcare.documents.text_pages.answers import update_page
from edgeofcare.errors import InputError, OptionError
from edgeofcare.inputs.load import load, scenario_folder
from edgeofcare.questions.reforecast import ENOUGH, draw_weights, load_actuals, update, weighted

ACTUALS = scenario_folder() / "reference" / "actuals_pan_london_2018_10.toml"


@pytest.fixture(scope="module")
def scenario():
    return load("pan_london_evidence")


def test_weights_against_the_normal_posterior():
    """With normal draws the weighted mean is the conjugate posterior mean.

    Prior mean 0, sd 1; one observation x with sd s: posterior mean x / (1 + s^2). 20,000 draws; the standard error of
    the weighted mean is under 0.01, so 0.05 is five of them: false-alarm rate under 1e-6; without weights it would be
    0.8 away.
    """
    rng = np.random.default_rng(3)
    means, spread = rng.normal(size=20_000), 3.0
    foretold = (means[:, None] + spread * rng.normal(size=(20_000, 40)))[:, :, None]
    weights = draw_weights(foretold, np.array([2.0]))
    variance = spread**2 * (1 + 1 / 40) + 0.5
    believed = foretold.mean(axis=1)[:, 0]
    prior = 1 + spread**2 / 40
    assert (weights * believed).sum() == pytest.approx(2.0 * prior / (prior + variance), abs=0.05)


def test_weighted_quantiles():
    found = weighted([3.0, 1.0, 2.0, np.nan], np.array([0.25, 0.25, 0.25, 0.25]))
    assert found["mean"] == pytest.approx(2.0)
    assert found["p50"] == 2.0
    assert weighted([np.nan], np.array([1.0]))["mean"] is None


def test_october_2018(scenario):
    found = update(scenario, load_actuals(ACTUALS, scenario), outer_draws=30, per_draw=10)
    assert len(found.draws) == 30 and found.draws.sum() == pytest.approx(1)
    assert found.effective_draws <= 30 < ENOUGH and not found.sound
    assert all(figure["after"] is None for figure in found.forecast.values())  # not printed as if it were sound
    assert "too few" in update_page(found)
    for rows in found.weights.values():
        assert sum(row["before"] for row in rows) == pytest.approx(1) == sum(row["after"] for row in rows)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("on = 2018-10-31\nstarted = 10\nin_tracking = 11\n", r"in_tracking \(11\) must not exceed started \(10\)"),
        ("on = 2030-10-31\nstarted = 10\n", "must lie inside the contract"),
        ("on = 2018-10-31\n", "give at least one of"),
        ("on = 2018-10-31\nstrated = 10\n", "Did you mean"),
        ("on = 2018-10-31\nstarted = -1\n", "started"),
    ],
)
def test_faults_of_a_file(tmp_path, scenario, text, said):
    path = tmp_path / "actuals.toml"
    path.write_text(f"[[observed]]\n{text}source = 'a page'\n", "utf-8")
    with pytest.raises(InputError, match=said) as error:
        load_actuals(path, scenario)
    assert "actuals.toml" in str(error.value)


def test_a_faulty_observation_is_one_fault(tmp_path, scenario):
    path = tmp_path / "actuals.toml"
    path.write_text("[[observed]]\non = 2018-10-31\nstarted = 5\nin_trackin = 3\nsource = 'a page'\n", "utf-8")
    with pytest.raises(InputError) as error:
        load_actuals(path, scenario)
    assert len(error.value.faults) == 1 and "Did you mean 'in_tracking'?" in str(error.value)


def test_too_few_replications_in_a_draw(scenario):
    with pytest.raises(OptionError, match="at least 10"):
        update(scenario, load_actuals(ACTUALS, scenario), outer_draws=30, per_draw=5)
    with pytest.raises(OptionError, match="outer_draws must be at least 1"):
        update(scenario, load_actuals(ACTUALS, scenario), outer_draws=0)
