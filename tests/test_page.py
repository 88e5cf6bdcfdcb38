"""The one-page answer: its words agree with the numbers, it is short, and nothing that does not exist breaks it."""

from __future__ import annotations

import copy
import re
from typing import Any

import pytest

import edgeofcare as eoc
from edgeofcare.documents.text_pages.run import page
from edgeofcare.documents.words import in_hundred, percent, pounds
from edgeofcare.inputs.load import shipped, with_values
from edgeofcare.inputs.schema import Scenario
from edgeofcare.results import plain

Summary = dict[str, Any]


@pytest.fixture(scope="module")
def pan_london() -> Summary:
    return plain(eoc.run(eoc.load("pan_london"), replications=200, seed=1).summary)


@pytest.fixture(scope="module")
def essex() -> Summary:
    return plain(eoc.run(eoc.load("essex"), replications=200, seed=1).summary)


def changed(summary: Summary, **values: Any) -> Summary:
    """A copy with other values; `__` stands for the dot of a path."""
    found = copy.deepcopy(summary)
    for path, value in values.items():
        *tables, key = path.split("__")
        node = found
        for table in tables:
            node = node[table]
        node[key] = value
    return found


def line(text: str, start: str) -> str:
    """The one line of a page that begins so."""
    (found,) = [row.strip() for row in text.splitlines() if row.strip().startswith(start)]
    return found


# ---- words and numbers --------------------------------------------------------------------------------------------


def test_the_answer_comes_first_and_agrees_with_the_summary(pan_london: Summary) -> None:
    text = page(pan_london)
    assert text.splitlines()[0] == pan_london["scenario"]["title"]
    answer = text[text.index("THE ANSWER") : text.index("CHILDREN")]
    avoided, paid = pan_london["avoided_cost_gbp"]["nominal"]["mean"], pan_london["payments_gbp"]["total"]["mean"]
    assert "from 35% to 65%, as assumed, " in answer
    assert f"care worth {pounds(avoided)} is avoided" in answer
    assert f"{pounds(paid)} is paid for outcomes" in answer
    assert f"return {percent(pan_london['investor']['irr_of_expected_flows'], 1)} a year" in answer
    lowest = min(pan_london["boroughs"].values(), key=lambda borough: borough["net_saving_prob"])
    assert (
        f"{in_hundred(lowest['net_saving_prob'])} simulated contracts or more (least often {lowest['name']})" in answer
    )


def test_the_tables_agree_with_the_summary(pan_london: Summary) -> None:
    text = page(pan_london)
    for label, stat in (
        ("Cost of care avoided", pan_london["avoided_cost_gbp"]["nominal"]),
        ("of it, what can be taken out", pan_london["avoided_cost_gbp"]["cashable"]),
        ("Paid for outcomes", pan_london["payments_gbp"]["total"]),
        ("of it, by boroughs", pan_london["payments_gbp"]["boroughs"]),
        ("of it, by the top-up fund", pan_london["payments_gbp"]["top_up"]),
    ):
        assert line(text, label).endswith(f"{pounds(stat['mean'])}   {pounds(stat['p10'])} to {pounds(stat['p90'])}")
    for borough in pan_london["boroughs"].values():
        row = line(text, f"{borough['name']:<24}")
        for name in ("avoided_cost_gbp", "payments_gbp", "net_saving_gbp"):
            assert pounds(borough[name]["mean"]) in row.split()
        assert pounds(borough["worst_year_payment_gbp"]["p95"]) in row.split()


def test_a_cap_in_use_says_by_how_much_it_bites(pan_london: Summary) -> None:
    paid = pan_london["payments_gbp"]
    cut = pounds(paid["before_caps"]["mean"] - paid["total"]["mean"])
    times = in_hundred(pan_london["cap_binds_prob"])
    expected = f"A limit on payments is reached in {times} simulated contracts; it takes {cut} off the average."
    assert line(page(pan_london), "A limit") == expected
    assert "No limit on payments is reached." in page(changed(pan_london, cap_binds_prob=0.0))


def test_one_council_without_a_top_up(essex: Summary) -> None:
    text = page(essex)
    assert "Essex saves more than it pays in " in text and "Each borough" not in text
    assert "top-up" not in text and "by boroughs" not in text and "\nCOUNCIL " in text


def test_the_number_of_judgements_stands_on_the_page(pan_london: Summary) -> None:
    counts = pan_london["assumptions"]
    assert f"{counts['judgement']} are judgements, {counts['research']} come from research" in page(pan_london)


@pytest.mark.parametrize("name", ["pan_london", "essex"])
def test_a_page_is_a_page(name: str, request: pytest.FixtureRequest) -> None:
    text = page(request.getfixturevalue(name))
    rows = text.splitlines()
    cautions = len(text.partition("TAKE CARE")[2].partition("\n\n")[0].splitlines())
    assert len(rows) - cautions <= 50 and max(map(len, rows)) <= 120
    assert not re.search(r"\bnan\b|None|\binf\b|__", text) and all(row == row.rstrip() for row in rows)
    # Words that a commissioner would not use.
    assert not re.search(
        r"replication|quantile|IRR|calibrat|hazard|deadweight|cashable|variance", re.sub(r"--\S+", "", text)
    )


# ---- what may happen ----------------------------------------------------------------------------------------------


def test_no_effect_avoids_nothing(small_scenario: Scenario) -> None:
    null = with_values(small_scenario, {"effect.hazard_ratio": 1.0})
    text = page(plain(eoc.run(null, replications=5, workers=1).summary))
    assert "If therapy has no effect, as assumed, no care is avoided." in text


def test_harm_is_called_more_care(small_scenario: Scenario) -> None:
    harm = with_values(small_scenario, {"effect.hazard_ratio": 3.0})
    summary = plain(eoc.run(harm, replications=20, workers=1).summary)
    text = page(summary)
    assert f"care costs {pounds(-summary['avoided_cost_gbp']['nominal']['mean'])} more than without it" in text
    assert "more care days." in text and "more outcomes would have been paid for than with it" in text


def test_nobody_starts(small_scenario: Scenario) -> None:
    nobody = with_values(small_scenario, {"referrals.accept_prob": 0.0})
    text = page(plain(eoc.run(nobody, replications=3, workers=1).summary))
    assert "As no child is tracked, no care is avoided." in text and "No child starts therapy." in text


def test_one_simulated_contract(small_scenario: Scenario) -> None:
    text = page(plain(eoc.run(small_scenario, replications=1).summary))
    assert "1 simulated contract, seed 1." in text and "One simulated contract says nothing about chance" in text


def test_every_stat_may_be_missing(pan_london: Summary) -> None:
    """No page breaks where a figure exists in no replication, whichever figure it is."""
    always = {"avoided_cost_gbp", "payments_gbp", "service_cost_gbp", "care_days", "boroughs", "children"}
    null = {"n": 0, **dict.fromkeys(("mean", "se", "sd", "p5", "p10", "p50", "p90", "p95"))}
    for key, value in pan_london.items():
        if key in always or not isinstance(value, dict):
            continue
        if "mean" in value:
            assert page(changed(pan_london, **{key: null}))
        elif any(isinstance(child, dict) and "mean" in child for child in value.values()):
            gone = {k: null if isinstance(child, dict) and "mean" in child else child for k, child in value.items()}
            assert page(changed(pan_london, **{key: gone}))


def test_the_investor_may_not_be_needed_or_have_no_rate(pan_london: Summary) -> None:
    outcomes = {"unique": 0, "none": 0, "several": 0, "total_loss": 0, "not_needed": 200}
    assert "The investor's money is not needed." in page(changed(pan_london, investor__irr_outcomes=outcomes))
    outcomes = {"unique": 190, "none": 7, "several": 3, "total_loss": 0, "not_needed": 0}
    text = page(changed(pan_london, investor__irr_outcomes=outcomes, investor__irr_of_expected_flows=None))
    assert "without one rate of return: no rate in 7, several rates in 3." in text
    assert "its average flows have no rate of return" in text


def test_warnings_stand_right_after_the_answer(pan_london: Summary) -> None:
    assert "TAKE CARE" not in page(changed(pan_london, warnings=[]))
    told = ["One thing is not as it should be.", "Another " + "and another " * 20 + "too."]
    text = page(changed(pan_london, warnings=told))
    assert text.index("THE ANSWER") < text.index("TAKE CARE") < text.index("CHILDREN")
    assert "\n  One thing is not as it should be.\n  Another and another" in text
    assert max(map(len, text.splitlines())) <= 120


def test_what_holds_for_several_boroughs_is_told_once(pan_london: Summary) -> None:
    told = [
        "Sutton: 9 of 10. Ask why.",
        "Newham: 7 of 10. Ask why.",
        "Merton: 12 of 10. This cannot be.",
        "Wait: long.",
    ]
    text = page(changed(pan_london, warnings=told))
    expected = [
        "Sutton: 9 of 10. Ask why.",
        "The same goes for Newham.",
        "Merton: 12 of 10. This cannot be.",
        "Wait: long.",
    ]
    assert "TAKE CARE\n  " + "\n  ".join(expected) + "\n\n" in text


def test_a_summary_without_warnings_has_a_page(pan_london: Summary) -> None:
    """A folder of the first days of this version."""
    assert page({key: value for key, value in pan_london.items() if key != "warnings"})


def test_doubt_about_inputs(pan_london: Summary) -> None:
    assert "Ranges show chance only" in page(pan_london)
    shares = {"avoided_cost_gbp": 0.81, "payments_gbp": -0.02, "profit_gbp": None}
    drawn = changed(pan_london, outer_draws=100, variance_share=shares)
    text = page(drawn)
    assert "doubt about the inputs: cost avoided 81%, payments -2%; the rest is chance." in text
    assert "more simulated contracts would not" in text and "as the drawn inputs do on average" in text
    unseen = changed(pan_london, outer_draws=200, variance_share=dict.fromkeys(shares))
    assert "Chance and doubt about the inputs cannot be told apart: add replications" in page(unseen)


@pytest.mark.parametrize(
    ("probs", "words"),
    [
        ((1.0, 1.0), "Each borough saves more than it pays in all 200 simulated contracts."),
        ((0.0, 0.0), "No borough saves more than it pays: each does in none of the 200 simulated contracts."),
        ((0.0, 0.9), "Not every borough saves more than it pays: Sutton does in none of the 200"),
        (
            (0.6, 0.9),
            "Each borough saves more than it pays in 60 in 100 simulated contracts or more (least often Sutton)",
        ),
    ],
)
def test_who_saves(pan_london: Summary, probs: tuple[float, float], words: str) -> None:
    boroughs = copy.deepcopy({slug: pan_london["boroughs"][slug] for slug in ("sutton", "newham")})
    for borough, prob in zip(boroughs.values(), probs, strict=True):
        borough["net_saving_prob"] = prob
    assert words in page(changed(pan_london, boroughs=boroughs))


def test_many_boroughs_do_not_fill_the_page(pan_london: Summary) -> None:
    one = pan_london["boroughs"]["sutton"]
    text = page(
        changed(pan_london, warnings=[], boroughs={f"b{i}": one | {"name": f"Borough {i}"} for i in range(150)})
    )
    assert "and 135 boroughs that pay less" in text and len(text.splitlines()) < 56


@pytest.mark.slow
@pytest.mark.parametrize("name", shipped())
def test_every_shipped_scenario_has_a_page(name: str) -> None:
    scenario = eoc.load(name)
    draws = 4 if scenario.effect.prior == "evidence" else 1
    assert "THE ANSWER" in page(plain(eoc.run(scenario, replications=20, outer_draws=draws).summary))
