"""What early actuals tell: weights by likelihood, collapse told, faults refused."""

import json
from collections import defaultdict
from itertools import combinations, product

import numpy as np
import pytest

from edgeofcare.disclosure import MOST_HIDDEN, is_small
from edgeofcare.documents.text_pages.answers import update_json, update_page
from edgeofcare.errors import InputError, OptionError
from edgeofcare.inputs.load import load, scenario_folder
from edgeofcare.questions import reforecast
from edgeofcare.questions.reforecast import COUNTED, ENOUGH, Actuals, draw_weights, load_actuals, update, weighted

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


# ---- counts of real young people ----------------------------------------------------------------------------------


def counted(**counts):
    """The counts of one day."""
    return Actuals.model_validate({"observed": [{"on": "2018-10-31", "source": "a test", **counts}]}, strict=False)


def test_no_hidden_count_follows_from_text_or_json(scenario, monkeypatch):
    """Every chain of counts is reweighted; those that give the same words and the same JSON are what a reader cannot
    tell apart, and among them each small count and each small difference has five values or more."""
    names, most = ("started", "in_tracking", "in_tracking_out_of_care"), 11
    once = {}
    honest = reforecast._foretell

    def foretell(walk, figures, *how):
        asked = tuple(name for _, name, _ in figures)
        if asked not in once:
            once[asked] = honest(walk, figures, *how)
        return once[asked]

    monkeypatch.setattr(reforecast, "_foretell", foretell)
    looks = defaultdict(list)
    for counts in product(range(most, -1, -1), repeat=3):
        if list(counts) == sorted(counts, reverse=True):
            looks[words_of(scenario, dict(zip(names, counts, strict=True)))].append(counts)
    assert len(looks) > 10
    for fitting in looks.values():
        pairs = [(i,) for i in range(3)] + list(combinations(range(3), 2))
        for places in pairs:
            values = {counts[places[0]] - (counts[places[1]] if len(places) > 1 else 0) for counts in fitting}
            assert not any(map(is_small, values)) or len(values) >= MOST_HIDDEN, fitting


def words_of(scenario, counts):
    """All that a reader gets: the page and the JSON, or the refusal."""
    try:
        found = update(scenario, counted(**counts), outer_draws=10, per_draw=10)
    except OptionError as error:
        return str(error)
    return update_page(found) + json.dumps(update_json(found))


def test_a_hidden_count_is_neither_shown_nor_used(scenario):
    found = update(scenario, counted(referred=40, started=38, completed=3), outer_draws=10, per_draw=10)
    assert [row["value"] for row in update_json(found)["observed"]] == [40, None, None]
    alone = update(scenario, counted(referred=40), outer_draws=10, per_draw=10)
    assert np.array_equal(found.draws, alone.draws)
    assert "They are not used in what follows either" in update_page(found)


def test_published_counts_are_shown(scenario):
    found = update(scenario, counted(referred=40, started=38, public=True), outer_draws=10, per_draw=10)
    assert [row["value"] for row in found.observed] == [40, 38] and "not shown" not in update_page(found)


def test_where_all_is_hidden_nothing_is_forecast(scenario):
    with pytest.raises(OptionError, match=r"no observed count may be shown.*public = true"):
        update(scenario, counted(**dict.fromkeys(COUNTED, 4)), outer_draws=10, per_draw=10)


def test_a_file_nested_too_deeply_is_one_sentence(tmp_path, scenario):
    path = tmp_path / "deep.toml"
    path.write_text("a=" + "{b=" * 5000 + "1" + "}" * 5000, "utf-8")
    with pytest.raises(InputError, match="nested too deeply"):
        load_actuals(path, scenario)
