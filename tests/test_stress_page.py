"""The words of a stress table say what its figures say."""

from __future__ import annotations

import json
import re
from copy import deepcopy
from functools import lru_cache
from typing import Any

import pytest

from edgeofcare.documents.text_pages.stress import stress_page, stress_words
from edgeofcare.documents.words import pounds
from edgeofcare.inputs.load import load
from edgeofcare.questions.stress import stress

NAMES = "no_effect,half_effect,referrals_30,lower_cap,start_world,evidence_mixture,all_bad_together"


@lru_cache(maxsize=8)
def made(party: str) -> str:
    return json.dumps(stress(load("pan_london"), NAMES, party, replications=40).as_dict(), allow_nan=False)


def found(party: str = "investor") -> Any:
    return json.loads(made(party))


def row(table: Any, name: str) -> Any:
    return next(one for one in table["stresses"] if one["name"] == name)


def test_the_answer_for_the_investor_is_generated_from_the_numbers() -> None:
    table = found()
    words = stress_words(table)
    base, worst, null = table["base"], row(table, "referrals_30"), row(table, "no_effect")
    gained = pounds(base["investor"]["profit_gbp"]["value"])
    assert words[0] == (
        f"As it stands the investor gains {gained} on average, and loses money in none of the 40 simulated contracts."
    )
    lost = pounds(-worst["investor"]["profit_gbp"]["value"])
    assert words[1].startswith(
        f"The two things that would sink the deal for the investor: referrals are 30% of plan (the investor loses "
        f"{lost} on average, and loses money in all 40 simulated contracts); therapy does nothing ("
    )
    assert pounds(-null["investor"]["profit_gbp"]["value"]) in words[1]
    assert words[2] == "So would all of the bad ones together."
    assert words[3].startswith("What hurts most without doing so: the cap is a quarter lower (the investor gains £")
    assert words[4].startswith("The investor still gains on average while the boroughs together would be better off")
    assert "the children and the effect of the English trial" in words[4]


def test_the_words_turn_with_the_figures() -> None:
    table = found()
    for one in table["sinks"]["stresses"]:
        one["sunk"] = False
    table["sinks"]["all_that_sink"] = []
    assert stress_words(table)[1] == "None of these stresses would by itself sink the deal for the investor."
    table["sinks"]["sunk_as_it_stands"] = True
    assert stress_words(table)[1].startswith("It needs no stress to sink the deal for the investor; what makes")
    for one in [table["base"], *table["stresses"]]:
        one["net_saving_gbp"]["value"] = 1.0
    assert not any("better off without" in text for text in stress_words(table))


@pytest.mark.parametrize(
    "party, told",
    [
        ("provider", r"The one thing that would take the service below half of its places: referrals are 30% of plan"),
        ("top_up", r"The three things that would sink the deal for Commissioning Better Outcomes: "),
        ("newham", r"for Newham(, the worst)?: the children and the effect of the English trial \(Newham loses £"),
    ],
)
def test_the_answer_for_other_parties(party: str, told: str) -> None:
    table = found(party)
    assert re.search(told, " ".join(stress_words(table)))
    assert f"change for {table['party_name']}:" in " ".join(stress_page(table).split())


def test_every_stress_stands_in_every_table_with_its_figures() -> None:
    table = found()
    page = stress_page(table)
    lines = page.splitlines()
    for one in table["stresses"]:
        mine = [line for line in lines if line.startswith(f"  {one['name']} ")]
        assert len(mine) == 2
        investor = one["investor"]
        shown = [
            pounds(one["avoided_cost_gbp"]["value"]),
            pounds(investor["profit_gbp"]["value"]),
            f"{investor['loss_prob']['value']:.0%}",
            pounds(investor["profit_gbp"]["change"]),
        ]
        assert all(figure in mine[0].split() for figure in shown)
        chances = [f"{borough['better_off_prob']['value']:.0%}" for borough in one["boroughs"].values()]
        assert mine[1].split()[1:] == chances
        assert one["source"].split()[0] in page
    assert "evidence_mixture: several outer draws; the error is that between draws." in page
    assert max(len(line) for line in lines) < 140 and not any(line != line.rstrip() for line in lines)


def test_what_did_not_fit_is_said() -> None:
    table = deepcopy(found())
    table["skipped"] = {"borough_leaves": "file.toml:3: key: rule."}
    row(table, "all_bad_together")["left_out"] = {"borough_leaves": "x"}
    row(table, "no_effect")["targets_met"] = False
    page = " ".join(stress_page(table).split())
    assert "Left out, for it does not fit: borough_leaves (file.toml:3: key: rule.)" in page
    assert "all_bad_together: without borough_leaves, which does not fit." in page
    assert "no_effect: the claim is out of reach under it; the nearest was taken." in page
