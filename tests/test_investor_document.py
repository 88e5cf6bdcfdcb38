"""Will the investor be paid: every number said is a number found, and what was not run is not told."""

from __future__ import annotations

import json
import re
import time
from copy import deepcopy
from dataclasses import replace
from typing import Any

import pytest

from edgeofcare.documents.answers.investor import (
    investor_answer,
    investor_document,
    investor_headline,
    missed_count,
)
from edgeofcare.documents.answers.stress import stress_table
from edgeofcare.documents.document import Bullets, Callout, Document, Said, Table
from edgeofcare.documents.formats.html import html
from edgeofcare.documents.pictures.investor import MOST_STRESSES, stress_profits
from edgeofcare.documents.words import how_many, pounds
from edgeofcare.errors import OptionError
from edgeofcare.inputs.contracts import contracts_over
from edgeofcare.inputs.load import load
from edgeofcare.questions.contracts import contracts as compare_contracts
from edgeofcare.questions.counterfactuals import claimed_case
from edgeofcare.questions.report_data import series
from edgeofcare.questions.stress import stress
from edgeofcare.results import plain
from edgeofcare.walk import run

FEW = 60
STRESSES = "no_effect,referrals_30,half_effect,payments_late,base_45"
QUICK_S = 0.1
Parts = dict[str, Any]


@pytest.fixture(scope="module")
def made() -> str:
    scenario = load("pan_london")
    parts = {
        "summary": plain(run(scenario, FEW, 1).summary),
        "series": plain(series(claimed_case(scenario), FEW, 1)),
        "stress": stress(scenario, STRESSES, replications=FEW).as_dict(),
    }
    return json.dumps(parts, default=str)


@pytest.fixture
def parts(made: str) -> Parts:
    """The parts as a program reads them; each test may change its own."""
    found: Parts = json.loads(made)
    return found


def answer(parts: Parts, target: float | None = None) -> str:
    return next(block.text for block in investor_answer(parts, target) if isinstance(block, Callout))


def table(document: Document, caption: str) -> Table:
    return next(b for b in document.blocks if isinstance(b, Table) and b.caption.startswith(caption))


def numbers(row: tuple[str, ...]) -> list[float | None]:
    return [cell.number for cell in row if isinstance(cell, Said)]


def assert_readable(document: Document) -> None:
    text = re.sub("<style.*?</style>|<svg.*?</svg>", "", html(document), flags=re.DOTALL)
    assert not re.search(r"\b(nan|None(?! of)|inf|dict|numpy|not_needed)\b|-0\.0", text)


# ---- the answer ----------------------------------------------------------------------------------------------------


def test_the_answer_is_made_of_the_figures_of_the_run(parts: Parts) -> None:
    investor = parts["summary"]["investor"]
    words = answer(parts)
    assert words.startswith("Yes, on these assumptions it gets its money back. If therapy moves days out of")
    assert f"loses money in {how_many(investor['loss_prob'], FEW)}" in words
    assert f"gains {pounds(investor['profit_gbp']['mean'])} on average" in words
    assert f"a return of {100 * investor['irr_of_expected_flows']:.1f}% a year" in words
    assert f"At most {pounds(investor['peak_funding_gbp']['mean'])} of its money is in at once" in words
    assert f"paid back after {investor['payback_years']['mean']:.1f} years on average" in words
    assert "stresses" not in words


@pytest.mark.parametrize(
    ("lost", "says"),
    [
        (0.0, "Yes, on these"),
        (0.3, "On these assumptions it probably gets"),
        (0.5, "Even on these assumptions it probably does not"),
        (1.0, "No, even on these"),
    ],
)
def test_yes_and_no_turn_with_the_chance_of_a_loss(parts: Parts, lost: float, says: str) -> None:
    parts["summary"]["investor"]["loss_prob"] = lost
    assert answer(parts).startswith(says)


def test_what_has_no_value_is_said_in_words(parts: Parts) -> None:
    investor = parts["summary"]["investor"]
    investor |= {"irr_of_expected_flows": None, "never_paid_back_prob": 1.0, "cost_unpaid_prob": 0.25}
    investor["profit_gbp"]["mean"] = -500_000.0
    for key in ("irr", "money_multiple", "payback_years"):
        investor[key] = dict.fromkeys(investor[key])
    words = answer(parts)
    assert "It loses £500k on average: no rate of return can be given." in words
    assert f"It is paid back in none of the {FEW} simulated contracts." in words
    assert "costs stay unpaid, in 25 in 100 simulated contracts." in words
    labels = dict(investor_headline(parts))
    assert labels["Return a year, on the average flows"] == "none"
    assert labels["Return a year, on the average flows"].number is None
    assert labels["Paid back after, where it is"] == "never"
    assert_readable(investor_document(parts, 0.08))


@pytest.mark.parametrize(
    ("prob", "words"),
    [
        (0.0, f"none of {FEW}"),
        (0.004, "fewer than 1 in 100"),
        (0.007, "fewer than 1 in 100"),
        (0.01, "1 in 100"),
        (0.993, "more than 99 in 100"),
        (0.996, "more than 99 in 100"),
        (1.0, f"all {FEW}"),
    ],
)
def test_a_chance_is_the_same_in_words_and_in_tables(parts: Parts, prob: float, words: str) -> None:
    parts["summary"]["investor"] |= {"loss_prob": prob, "never_paid_back_prob": prob, "cost_unpaid_prob": prob}
    for row in (parts["stress"]["base"], *parts["stress"]["stresses"]):
        row["investor"]["loss_prob"]["value"] = prob
    document = investor_document(parts)
    told = [
        row[1]
        for row in table(document, "What the investor puts in").rows
        if row[0].startswith(("Loses money", "Never paid back", "Money runs out"))
    ]
    told += [row[5] for row in table(document, "Each stress").rows]
    assert len(told) > 4 and set(told) == {words} == {dict(investor_headline(parts))["Loses money in"]}
    assert numbers(tuple(told)) == [prob] * len(told)
    assert f"loses money in {words.replace(f'of {FEW}', f'of the {FEW}')} simulated contracts" in answer(parts)


def test_a_return_just_below_nil_is_said_without_a_minus(parts: Parts) -> None:
    parts["summary"]["investor"]["irr_of_expected_flows"] = -0.0004
    assert "a return of 0.0% a year" in answer(parts)
    assert dict(investor_headline(parts))["Return a year, on the average flows"].number == -0.0004


def test_money_that_is_not_needed_is_not_said_to_be_paid_back(parts: Parts) -> None:
    investor = parts["summary"]["investor"]
    investor["irr_outcomes"] = dict.fromkeys(investor["irr_outcomes"], 0) | {"not_needed": FEW}
    assert answer(parts, 0.08).startswith("The investor's money is not needed")
    assert "j-curve" not in {figure.name for figure in investor_document(parts).figures}


def test_one_simulated_contract_says_neither_yes_nor_no() -> None:
    scenario = load("pan_london")
    one = {
        "summary": plain(run(scenario, 1, 1).summary),
        "series": plain(series(claimed_case(scenario), 1, 1)),
        "stress": stress(scenario, "no_effect", replications=1).as_dict(),
    }
    assert answer(one).startswith("If therapy moves")
    warnings = [b.text for b in investor_answer(one) if isinstance(b, Callout) and b.kind == "warning"]
    assert warnings[0] == "One simulated contract says nothing about chance: run more."
    assert_readable(investor_document(one, 0.08))


def test_a_payment_that_comes_partly_and_a_part_that_never_does(parts: Parts) -> None:
    parts["summary"]["investor"]["never_paid_back_prob"] = 0.2
    assert "years where it is, and never in 20 in 100 simulated contracts." in answer(parts)


# ---- a target ------------------------------------------------------------------------------------------------------


def test_a_target_is_counted_over_the_rates_found(parts: Parts) -> None:
    rates = parts["series"]["investor"]["irr"]
    target = sorted(rates)[20]
    missed = sum(rate < target for rate in rates)
    assert missed_count(parts["series"], target) == missed
    assert f"is missed in {how_many(missed / FEW, FEW)}." in answer(parts, target)
    assert dict(investor_headline(parts, target)).popitem()[1].number == missed / FEW
    row = table(investor_document(parts, target), "What the investor").rows[-1]
    assert numbers(row) == [missed / FEW]


def test_all_lost_and_no_rate_miss_a_target_and_money_not_needed_does_not(parts: Parts) -> None:
    found = parts["series"]["investor"]
    found["irr"] = [0.05, 0.08, 0.1]
    found["irr_outcomes"] = {"unique": 3, "none": 1, "several": 2, "total_loss": 4, "not_needed": 10}
    assert missed_count(parts["series"], 0.08) == 1 + 1 + 2 + 4
    words = " ".join(getattr(block, "text", "") for block in investor_answer(parts, 0.08))
    assert "A return of at least 8% a year is missed in 40 in 100 simulated contracts." in words
    assert "all money is lost (here 4) or if no single rate exists (here 3)" in words
    assert "not needed (here 10) does not miss it" in words


def test_a_target_is_held_against_every_stress(parts: Parts) -> None:
    rates = [row["investor"]["irr_of_expected_flows"]["value"] for row in parts["stress"]["stresses"]]
    short = sum(rate is None or rate < 0.1 for rate in rates)
    assert 0 < short < len(rates)
    assert f"Under {short} of {len(rates)} stresses the average flows return less than that." in answer(parts, 0.1)


@pytest.mark.parametrize("target", [float("nan"), float("inf"), -1.0, -2.0])
def test_a_target_that_is_no_rate_is_refused(parts: Parts, target: float) -> None:
    with pytest.raises(OptionError, match="a target is a rate a year above -100%"):
        investor_answer(parts, target)


def test_the_answer_follows_a_slider(parts: Parts) -> None:
    parts["series"]["investor"]["irr"] = [i / 1e5 for i in range(10_000)]
    began = time.perf_counter()
    investor_answer(parts, 0.05)
    assert time.perf_counter() - began < QUICK_S


# ---- tables and pictures -------------------------------------------------------------------------------------------


def test_every_number_of_a_stress_is_in_the_table_unrounded(parts: Parts) -> None:
    found = parts["stress"]
    rows = table(investor_document(parts), "Each stress").rows
    assert rows[0][0] == "As planned"
    assert [row[0] for row in rows[1:]] == [row["title"] for row in found["stresses"]]
    for cells, row in zip(rows[1:], found["stresses"], strict=True):
        investor = row["investor"]
        assert numbers(cells) == [
            investor["profit_gbp"]["value"],
            investor["profit_gbp"]["change"],
            investor["irr_of_expected_flows"]["value"],
            investor["missed_target_prob"]["value"],
            investor["loss_prob"]["value"],
            row["provider"]["owed_at_worst_gbp"]["value"],
            investor["cost_unpaid_gbp"]["value"],
            row["net_saving_gbp"]["change"],
        ]


def test_every_number_of_the_investor_is_in_the_table_unrounded(parts: Parts) -> None:
    investor = parts["summary"]["investor"]
    rows = {row[0]: numbers(row) for row in table(investor_document(parts), "What the investor").rows}
    for label, key, middle in (
        ("Profit, average", "profit_gbp", "mean"),
        ("Most in the contract at once, average", "peak_funding_gbp", "mean"),
        ("Return a year of single contracts, middle one", "irr", "p50"),
        ("What comes back for each £1 put in, average", "money_multiple", "mean"),
    ):
        assert rows[label] == [investor[key][k] for k in (middle, "p10", "p90")]
    assert rows["Loses money in"] == [investor["loss_prob"]]
    assert dict(investor_headline(parts))["Profit, average"].number == investor["profit_gbp"]["mean"]


def test_a_table_sorted_for_somebody_else_is_sorted_for_the_investor(parts: Parts) -> None:
    found = parts["stress"]
    found["stresses"].reverse()
    found["party"], found["party_name"] = "newham", "Newham"
    document = investor_document(parts)
    harmful = sorted(found["stresses"], key=lambda row: row["investor"]["npv_gbp"]["change"])
    assert [row[0] for row in table(document, "Each stress").rows[1:]] == [row["title"] for row in harmful]
    after = document.blocks[document.blocks.index(document.figures[0]) - 1]
    assert not isinstance(after, Bullets), "what sinks it for Newham is no answer for the investor"


def test_the_picture_draws_at_most_so_many_and_its_table_has_all(parts: Parts) -> None:
    found = stress_table(parts["stress"])
    rows = [replace(found.stresses[0], title=f"Stress {i}") for i in range(MOST_STRESSES + 5)]
    figure = stress_profits(found, rows)
    assert len(figure.table.rows) == MOST_STRESSES + 5
    profit = rows[0].investor.profit_gbp
    assert numbers(figure.table.rows[0]) == [profit.value, profit.change]
    assert f"Under {len(rows)} of {len(rows)} stresses they lose money" in figure.description


@pytest.mark.parametrize("profit", [-1.0, 0.0, 2.5e6])
def test_the_picture_can_be_drawn_whatever_happens(parts: Parts, profit: float) -> None:
    row = deepcopy(parts["stress"]["stresses"][0])
    row["investor"]["profit_gbp"]["value"] = profit
    row["title"] = "A <b>name</b> & $more$"
    parts["stress"]["base"]["investor"]["profit_gbp"]["value"] = profit
    parts["stress"]["stresses"] = [row]
    found = stress_table(parts["stress"])
    figure = stress_profits(found, found.stresses)
    assert figure.svg.startswith("<svg")
    assert figure.png.startswith(b"\x89PNG")


def test_pictures_and_pages_made_again_are_the_same_byte_by_byte(parts: Parts) -> None:
    one, two = investor_document(parts, 0.08), investor_document(deepcopy(parts), 0.08)
    assert [(f.svg, f.png) for f in one.figures] == [(f.svg, f.png) for f in two.figures]
    assert html(one) == html(two)
    assert [figure.name for figure in one.figures] == ["stress-profits", "j-curve", "irr-histogram", "exceedance"]
    assert_readable(one)


# ---- parts that are missing, and parts of the money ----------------------------------------------------------------


@pytest.mark.parametrize(
    ("part", "words", "step"),
    [("series", "The course over the years", "edgeofcare case pan_london"), ("stress", "Not tried", "Choose stresses")],
)
def test_a_part_that_was_not_run_is_said_to_be_missing(parts: Parts, part: str, words: str, step: str) -> None:
    del parts[part]
    document = investor_document(parts, 0.08)
    missing = [b.text for b in document.blocks if isinstance(b, Callout) and b.kind == "missing"]
    assert missing
    assert all(text.startswith(words) and step in text for text in missing)
    assert_readable(document)


def test_a_run_alone_is_answered(parts: Parts) -> None:
    document = investor_document({"summary": parts["summary"]}, 0.08)
    assert document.figures == ()
    assert len([b for b in document.blocks if isinstance(b, Table)]) == 1
    assert len([b for b in document.blocks if isinstance(b, Callout) and b.kind == "missing"]) == 2
    assert_readable(document)


def test_a_target_without_rates_is_not_answered(parts: Parts) -> None:
    del parts["series"]
    assert "at least 8%" not in answer(parts, 0.08)
    assert any(isinstance(b, Callout) and b.kind == "missing" for b in investor_answer(parts, 0.08))
    assert len(investor_headline(parts, 0.08)) == len(investor_headline(parts))


def test_tranches_are_told_where_there_are_several(parts: Parts) -> None:
    compared = compare_contracts(load("pan_london"), "pan_london,cuyahoga", 20).as_dict()
    parts["contracts"] = compared
    assert not any(b.caption == "Tranche by tranche" for b in investor_document(parts).blocks if isinstance(b, Table))
    compared["scenario"] = "cuyahoga"
    rows = table(investor_document(parts), "Tranche by tranche").rows
    tranches = compared["contracts"]["cuyahoga"]["investor"]["tranches"]
    assert [row[0] for row in rows] == ["Senior", "Junior"]
    for row, one in zip(rows, tranches.values(), strict=True):
        assert numbers(row)[0] == one["profit_gbp"]["mean"]
        assert numbers(row)[2] == one["irr_of_expected_flows"]


@pytest.mark.parametrize("contract", ["essex", "fee_for_service", "cuyahoga"])
def test_other_contracts_are_answered_too(contract: str) -> None:
    scenario = contracts_over(load("pan_london"), contract)[contract]
    found = {
        "summary": plain(run(scenario, 20, 1).summary),
        "series": plain(series(claimed_case(scenario), 20, 1)),
        "stress": stress(scenario, "no_effect", replications=20).as_dict(),
    }
    assert_readable(investor_document(found, 0.08))
