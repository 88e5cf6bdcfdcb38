"""Payment structures side by side: numbers as found, filtered and sorted without a new run."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from copy import deepcopy
from typing import Any

import pytest

from edgeofcare.documents.answers.contracts import SORTS, contract_words, payments_document, payments_headline
from edgeofcare.documents.document import Callout, Document, Said, Table
from edgeofcare.documents.formats.html import html
from edgeofcare.documents.text_pages.contracts import risk_words
from edgeofcare.documents.words import pounds
from edgeofcare.errors import OptionError
from edgeofcare.inputs.load import load
from edgeofcare.questions.contracts import contracts as compare_contracts

Found = dict[str, Any]


@pytest.fixture(scope="module")
def made() -> str:
    return json.dumps(compare_contracts(load("pan_london"), "all", 50).as_dict(), allow_nan=False)


@pytest.fixture
def found(made: str) -> Found:
    """The comparison as a program reads it; each test may change its own."""
    compared: Found = json.loads(made)
    return compared


def answer(document: Document) -> str:
    return next(block.text for block in document.blocks if isinstance(block, Callout))


def tables(document: Document) -> list[Table]:
    return [block for block in document.blocks if isinstance(block, Table)]


def numbers(row: tuple[str, ...]) -> list[float | None]:
    return [cell.number for cell in row if isinstance(cell, Said)]


def by_title(found: Found, table: Table) -> dict[str, tuple[str, ...]]:
    """Return the rows of a table by the contract's name in the comparison."""
    titles = {name: c["name"] for name, c in found["contracts"].items()}
    return {
        name: next(row for row in table.rows if title in row[0] and row[0].startswith((title, "This case")))
        for name, title in titles.items()
        if any(title in row[0] for row in table.rows)
    }


def assert_readable(document: Document) -> None:
    text = re.sub("<style.*?</style>|<svg.*?</svg>", "", html(document), flags=re.DOTALL)
    assert not re.search(r"\b(nan|None|inf|dict|numpy)\b|-0\.0", text)


# ---- numbers -------------------------------------------------------------------------------------------------------


def test_every_number_in_the_tables_is_the_number_found(found: Found) -> None:
    works, nothing, _ = tables(payments_document(found))
    one, two = by_title(found, works), by_title(found, nothing)
    assert len(one) == len(two) == len(found["contracts"])
    for name, c in found["contracts"].items():
        paid, top_up, null = c["payments_gbp"]["mean"], c["top_up_gbp"]["mean"], c["if_no_effect"]
        assert numbers(one[name]) == [
            paid,
            paid - top_up,
            c["net_saving_gbp"]["mean"],
            c["worst_year_gbp"]["p95"],
            c["investor"]["irr_of_expected_flows"],
            c["investor"]["loss_prob"],
            c["cap_binds_prob"],
        ]
        assert numbers(two[name]) == [
            null["payments_gbp"]["mean"],
            null["payments_gbp"]["mean"] / paid,
            null["net_saving_gbp"]["mean"],
            null["profit_gbp"]["mean"],
        ]


def test_the_answer_names_who_does_best_and_worst(found: Found) -> None:
    words, contracts = answer(payments_document(found)), found["contracts"]
    keeps = {name: c["net_saving_gbp"]["mean"] for name, c in contracts.items()}
    nulls = {name: c["if_no_effect"]["payments_gbp"]["mean"] for name, c in contracts.items()}

    def told(name: str, value: float) -> str:
        return f"{contract_words(name, contracts[name]['name'])}{{}}{pounds(value)}"

    best, most = max(keeps, key=lambda k: keeps[k]), max(nulls, key=lambda k: nulls[k])
    assert f"the best contract for the boroughs is {told(best, keeps[best]).format(', ')} better off" in words
    assert f"the most is still paid under {told(most, nulls[most]).format(', ')}" in words
    losers = [name for name, c in contracts.items() if c["investor"]["profit_gbp"]["mean"] < 0]
    assert losers == ["essex"]
    assert "investors lose on average under Care days saved (Essex), and would hardly agree." in words
    offered = max((name for name in keeps if name not in losers), key=lambda k: keeps[k])
    assert f"the best for the boroughs is {told(offered, keeps[offered]).format(', ')} better off." in words


def test_equal_contracts_are_named_together(found: Found) -> None:
    contracts = found["contracts"]
    contracts["dn2"] = {**deepcopy(contracts["norfolk"]), "name": "Weeks out of care"}
    words = answer(payments_document(found, ["dn2", "norfolk"]))
    together = "Weeks out of care (DN2) and Days out of care less deadweight (Norfolk)"
    assert f"the best contract for the boroughs is {together}" in words


def test_who_bears_the_risk_is_said_of_somebody(found: Found) -> None:
    _, nothing, risks = tables(payments_document(found))
    assert {row[-1] for row in nothing.rows} <= {
        "payers and investors",
        "the investors",
        "the boroughs",
        "the boroughs and the central payer",
    }
    told = by_title(found, risks)
    assert told["cuyahoga"][1].lower() == risk_words(found["contracts"]["cuyahoga"]).lower()
    assert told["fee_for_service"][2].startswith("Nothing is paid for outcomes")
    assert told["dn2"][3].startswith("The investors, beyond the limit: reached in ")
    assert not any(row[1].startswith("Both") for row in risks.rows)


@pytest.mark.parametrize(
    ("share", "words"),
    [
        (1.2, "more would fall due than with it"),
        (0.001, "less than 1% of"),
        (0.0, "The payers: 0% of"),
        (0.4, "The payers: 40% of"),
    ],
)
def test_shares_due_anyway_in_words(found: Found, share: float, words: str) -> None:
    found["contracts"]["essex"]["deadweight_share"] = share
    assert words in tables(payments_document(found, ["essex"]))[-1].rows[0][2]


@pytest.mark.parametrize(
    ("prob", "words"),
    [
        (0.0, "none of 50"),
        (0.004, "fewer than 1 in 100"),
        (0.007, "fewer than 1 in 100"),
        (0.01, "1 in 100"),
        (0.993, "more than 99 in 100"),
        (0.996, "more than 99 in 100"),
        (1.0, "all 50"),
    ],
)
def test_a_chance_is_the_same_in_words_and_in_tables(found: Found, prob: float, words: str) -> None:
    c = found["contracts"]["dn2"]
    c["investor"]["loss_prob"] = c["cap_binds_prob"] = prob
    document = payments_document(found, ["dn2"])
    works, _, risks = tables(document)
    assert works.rows[0][-2:] == (words, words) and numbers(works.rows[0])[-2:] == [prob, prob]
    assert dict(payments_headline(found, "dn2"))["Investors lose money in"] == words
    sentence = words.replace("of 50", "of the 50")
    assert f"lose money in {sentence} simulated contracts" in answer(document)
    if prob:
        assert f"beyond the limit: reached in {sentence} simulated contracts, it takes" in risks.rows[0][3]
    else:
        assert risks.rows[0][3] == "The payers: no limit on payments was reached."


def test_a_little_of_the_plan_is_not_said_as_nothing(found: Found) -> None:
    c = found["contracts"]["dn2"]
    c["if_no_effect"]["payments_gbp"]["mean"] = 0.002 * c["payments_gbp"]["mean"]
    row = tables(payments_document(found, ["dn2"]))[1].rows[0]
    assert row[2] == "less than 1%" and numbers(row)[1] == pytest.approx(0.002)


def test_a_headline_holds_the_numbers_of_one_contract(found: Found) -> None:
    c, said = found["contracts"]["norfolk"], dict(payments_headline(found, "norfolk"))
    assert [one.number for one in said.values()] == [
        c["payments_gbp"]["mean"],
        c["net_saving_gbp"]["mean"],
        c["worst_year_gbp"]["p95"],
        c["investor"]["irr_of_expected_flows"],
        c["investor"]["loss_prob"],
        c["if_no_effect"]["payments_gbp"]["mean"],
    ]
    assert said["Paid, average"] == pounds(c["payments_gbp"]["mean"])


# ---- filtered and sorted -------------------------------------------------------------------------------------------


def test_only_the_chosen_are_shown(found: Found) -> None:
    before = json.dumps(found)
    document = payments_document(found, ["newpin", "dn2", "newpin"])
    for table in (*tables(document), document.figures[0].table):
        assert len(table.rows) == 2
    assert "Essex" not in html(document)
    assert json.dumps(found) == before
    assert payments_document(found, []) == payments_document(found)


def test_one_contract_is_answered_alone(found: Found) -> None:
    words = answer(payments_document(found, ["pan_london"]))
    assert f"{pounds(found['contracts']['pan_london']['payments_gbp']['mean'])} is paid under Completion" in words
    assert "The risk that therapy does nothing lies with payers and investors." in words


@pytest.mark.parametrize("sort_by", SORTS)
def test_rows_stand_in_the_order_asked_for(found: Found, sort_by: str) -> None:
    sort = SORTS[sort_by]
    works = tables(payments_document(found, sort_by=sort_by))[0]
    place = {row: i for i, row in enumerate(works.rows)}
    order = sorted(found["contracts"], key=lambda name: place[by_title(found, works)[name]])
    values = [sort.of(found["contracts"][name]) for name in order]
    assert values == sorted(values, key=lambda v: -(v or 0) if sort.largest_first else (v or 0))
    assert f"sorted by {sort.words}" in works.note


def test_what_has_no_value_stands_last(found: Found) -> None:
    found["contracts"]["dn2"]["investor"]["irr_of_expected_flows"] = None
    last = tables(payments_document(found, sort_by="return"))[0].rows[-1]
    assert last[0] == "Weeks out of care (DN2)"
    assert "none" in last
    assert dict(payments_headline(found, "dn2"))["Investors' return a year"].number is None


@pytest.mark.parametrize(
    ("ask", "words"),
    [
        (lambda found: payments_document(found, ["nowhere"]), "there is no contract nowhere"),
        (lambda found: payments_headline(found, "nowhere"), "there is no contract nowhere"),
        (lambda found: payments_document(found, sort_by="colour"), "cannot be sorted by colour"),
    ],
)
def test_mistakes_are_sentences(found: Found, ask: Callable[[Found], object], words: str) -> None:
    with pytest.raises(OptionError, match=words):
        ask(found)


# ---- what may be missing -------------------------------------------------------------------------------------------


def test_contracts_without_the_world_of_no_effect(found: Found) -> None:
    for name in ("essex", "dn2"):
        del found["contracts"][name]["if_no_effect"]
    document = payments_document(found, sort_by="paid_if_nothing")
    works, nothing, risks = tables(document)
    assert len(works.rows) == len(risks.rows) == len(nothing.rows) + 2
    assert {row[0] for row in works.rows[-2:]} == {"Care days saved (Essex)", "Weeks out of care (DN2)"}
    assert len(tables(payments_document(found, ["essex"]))) == 2
    assert dict(payments_headline(found, "essex"))["Paid if therapy does nothing"] == "-"
    assert_readable(document)


def test_a_case_without_effect_is_said_to_be_one() -> None:
    compared = compare_contracts(load("pan_london_null"), "pan_london,fee_for_service", 20).as_dict()
    warnings = [b.text for b in payments_document(compared).blocks if isinstance(b, Callout) and b.kind == "warning"]
    assert warnings[0].startswith("In this case therapy adds no week out of care")


def test_many_contracts_under_which_investors_lose_are_counted_not_named(found: Found) -> None:
    for c in found["contracts"].values():
        c["investor"]["profit_gbp"]["mean"], c["net_saving_gbp"]["mean"] = -1.0, 0.0
    words = answer(payments_document(found))
    assert "Even then investors lose on average under 12 of these 12 contracts, and would hardly agree." in words
    assert "neither better nor worse off on average" in words
    assert "Where investors do not lose" not in words


def test_a_single_council_is_called_by_its_name() -> None:
    document = payments_document(compare_contracts(load("essex"), "essex,fee_for_service", 20).as_dict())
    assert "the best contract for Essex is " in answer(document)
    assert tables(document)[0].head[2:4] == ("of it, by Essex", "Essex keeps")


def test_one_simulated_contract_and_scaled_prices() -> None:
    document = payments_document(compare_contracts(load("pan_london"), "all", 1, same_cost=True).as_dict())
    assert any(isinstance(b, Callout) and "says nothing about chance" in b.text for b in document.blocks)
    assert "Prices are scaled once" in html(document)
    assert_readable(document)


def test_made_again_it_is_the_same_byte_by_byte(found: Found) -> None:
    one, two = payments_document(found), payments_document(deepcopy(found))
    assert [(f.svg, f.png) for f in one.figures] == [(f.svg, f.png) for f in two.figures]
    assert html(one) == html(two)
    assert_readable(one)


@pytest.mark.parametrize(
    ("name", "title", "words"),
    [
        ("dn2", "Weeks out of care", "Weeks out of care (DN2)"),
        ("fee_for_service", "Fee for service", "Fee for service"),
        ("self_finance", "Self-finance by a loan", "Self-finance by a loan"),
        ("benevolent_society", "Two layers", "Two layers (Benevolent Society)"),
    ],
)
def test_contracts_are_called_by_what_they_are_and_whose(name: str, title: str, words: str) -> None:
    assert contract_words(name, title) == words
