"""The backtest: every case has its kind, only predictions get a verdict, and a verdict says what it says."""

import json

import numpy as np
import pytest

from edgeofcare.documents.text_pages.answers import backtest_page
from edgeofcare.inputs.published import reference_file
from edgeofcare.questions.backtest import _verdict, as_json, backtest


@pytest.fixture(scope="module")
def found():
    return backtest(replications=100, seed=4)


@pytest.fixture(scope="module")
def lines(found):
    return found.lines


def test_every_case_of_the_record_has_a_line(lines):
    assert [line.id for line in lines] == [case["id"] for case in reference_file("backtest")["case"]]
    assert {line.kind for line in lines} == {"input", "fitted", "identity", "predicted"}
    for line in lines:
        assert line.source and line.unit and line.explanation
        assert bool(line.verdict) == (line.kind == "predicted")


def test_nothing_fitted_is_called_predicted():
    """A figure that an input was set by, or in sight of, must not get a verdict, except under the note of its role."""
    published = reference_file("published")
    for case in reference_file("backtest")["case"]:
        contract, key = case["published"].split(".")
        role = published[contract][key]["role"]
        if role == "fitted":
            assert case["kind"] != "predicted", case["id"]


def test_figures_are_near_those_of_the_prototype(lines):
    """Wide bounds: 100 replications; the prototype's values stand in the comments."""
    mean = {line.id: line.mean for line in lines}
    assert mean["london_accessed"] == pytest.approx(82, abs=4)  # 82
    assert mean["london_in_tracking"] == pytest.approx(49, abs=3)  # 49
    assert mean["london_out_of_care"] == pytest.approx(0.81, abs=0.03)  # 0.81
    assert mean["london_out_of_care_never"] == pytest.approx(0.91, abs=0.02)  # 0.91
    assert mean["london_avoided_fixed"] == pytest.approx(406e3, rel=0.1)  # 406,000
    assert mean["london_avoided_true"] == pytest.approx(232e3, rel=0.15)  # 232,000
    assert mean["essex_days_achieved"] == pytest.approx(119e3, rel=0.06)  # 119,000


def test_a_verdict():
    found = {"p5": 1.0, "p25": 2.0, "p75": 4.0, "p95": 5.0}
    assert _verdict(found, 3, None) == "inside 50%"
    assert _verdict(found, 1.5, None) == "inside 90%"
    assert _verdict(found, 5.1, None) == "outside"
    assert _verdict(found, 9, "below") == "inside 50% (bound met)"
    assert _verdict(found, 9, "above") == "outside"


def test_page_and_json(found, lines):
    said = json.loads(json.dumps(as_json(found)))
    assert said["predicted"] == sum(line.kind == "predicted" for line in lines) == sum(said["verdicts"].values())
    page = backtest_page(found)
    assert f"Of {said['predicted']} published figures" in page
    outside = [line for line in lines if line.verdict == "outside"]
    told = " ".join(page.split())
    assert outside and all(" ".join(line.explanation.split()) in told for line in outside)  # misses are told as misses
    assert np.isfinite([line.percentile for line in lines]).all()


def test_early_shares_overstate_final_ones(found):
    assert [share.scenario for share in found.early_shares] == ["pan_london", "essex"]
    for share in found.early_shares:
        assert share.early_usual > share.final_usual + 0.1
        assert share.early_therapy > share.final_therapy + 0.05
