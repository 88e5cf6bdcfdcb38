"""One child's life as a document: what it says of each way a life can go, its numbers unrounded beside the words."""

from __future__ import annotations

import copy
import re
from functools import lru_cache
from typing import Any

import pytest

from edgeofcare.documents.answers.child import FATES, UNTRACKED, child_answer, child_document, child_headline
from edgeofcare.documents.document import Bullets, Callout, Document, Paragraph, Said, Table
from edgeofcare.documents.formats.html import html
from edgeofcare.questions.child import n_referred, one_child
from edgeofcare.questions.counterfactuals import Counterfactual
from helpers import pan_london, shipped

SEED, REPLICATION = 1, 3


def world_of(scenario: Any) -> Counterfactual:
    effect = scenario.effect
    return Counterfactual(scenario, effect.entry_scale_days, effect.hazard_ratio, 0.0, 0.0, name="test")


@lru_cache(maxsize=1)
def children() -> tuple[dict[str, Any], ...]:
    world = world_of(pan_london())
    return tuple(
        one_child(world, SEED, REPLICATION, slug, number + 1)
        for slug in world.scenario.boroughs
        for number in range(n_referred(world, SEED, REPLICATION, slug))
    )


def first(fate: str, tracked: bool) -> dict[str, Any]:
    return next(child for child in children() if child["fate"] == fate and (child["tracking"] is not None) == tracked)


def tables(document: Document) -> dict[str, Table]:
    return {block.caption: block for block in document.blocks if isinstance(block, Table)}


def said(cells: Any) -> list[float | None]:
    return [cell.number for cell in cells if isinstance(cell, Said)]


def test_it_says_at_once_that_the_child_is_invented() -> None:
    found = first("completed", True)
    document = child_document(found)
    assert document.title == f"Child {found['number']} of {found['borough_name']}, simulated contract 3"
    assert document.subtitle.startswith("An invented child: no real child")
    assert isinstance(document.blocks[0], Callout) and document.blocks[0].text.startswith(child_answer(found))
    page = html(document)
    assert "no real child is described" in page and html(child_document(found)) == page


@pytest.mark.parametrize("way", sorted({(c["fate"], c["tracking"] is not None) for c in children()}))
def test_every_way_a_life_can_go_is_told(way: tuple[str, bool]) -> None:
    found = first(*way)
    document = child_document(found)
    steps = tables(document)["What happens to this child, in order of date"]
    days = [row[1].number for row in steps.rows if isinstance(row[1], Said)]
    assert days == sorted(set(days)) and len(days) == len(steps.rows)
    last = max(found["birthday_18_day"], found.get("stop_day", 0))  # therapy may go on after the birthday
    assert (days[0], days[-1]) == (found["referred_day"], last)
    assert found["birthday_18_day"] in days
    if not found["started"]:
        assert FATES[found["fate"]] in child_answer(found)
        assert all(row[2] == row[3] for row in steps.rows)
        assert any(FATES[found["fate"]] in row[2] for row in steps.rows)
    elif not way[1]:
        assert UNTRACKED[found["why_not_tracked"]] in child_answer(found)
    assert len(document.figures) == 1 and len(html(document)) > 5000


def test_its_money_adds_up_to_the_numbers_beside_the_words() -> None:
    for found in [child for child in children() if child["arms"]["usual"]["care_cost"]][:5]:
        care = tables(child_document(found))["What this child's care costs while tracked"]
        *rows, total = care.rows
        for column, (arm, key) in enumerate(
            (arm, key) for arm in ("usual", "therapy") for key in ("tracked_care_days", "tracked_care_cost_gbp")
        ):
            numbers = [row[3 + column].number for row in rows if isinstance(row[3 + column], Said)]
            assert sum(numbers) == pytest.approx(found["arms"][arm][key], abs=1e-6)
            assert said(total)[1 + column] == pytest.approx(found["arms"][arm][key], abs=1e-6)
        paid = tables(child_document(found))["What the contract pays for this child"]
        due = [row["due_gbp"] for row in found["payments"]]
        assert [row[3].number for row in paid.rows if isinstance(row[3], Said)] == [*due, sum(due)]


def test_the_key_figures_are_the_childs_own() -> None:
    for found in (first("completed", True), first("completed", False)):
        figures = dict(child_headline(found))
        age, arms = figures["Age at referral"], found["arms"]
        assert age.number == found["age_at_referral_years"] and age.startswith(f"{int(age.number)} years")
        days = [said for label, said in figures.items() if label.startswith("Tracked days")]
        if found["tracking"] is None:
            assert days == ["-", "-"]
        else:
            assert days == [f"{life['tracked_care_days']:,}" for life in arms.values()]


def test_the_headline_says_fewer_more_or_the_same() -> None:
    found = copy.deepcopy(first("completed", True))
    usual, therapy = (found["arms"][arm] for arm in ("usual", "therapy"))
    for days, cost, words in (
        (
            (300, 100),
            (90e3, 20e3),
            "100 days in care while tracked instead of 300: 200 fewer, and care costs £70k less",
        ),
        ((300, 100), (20e3, 90e3), "200 fewer, yet care costs £70k more"),
        ((100, 101), (20e3, 90e3), "101 days in care while tracked instead of 100: 1 more, and care costs £70k more"),
        ((0, 0), (0.0, 0.0), "no tracked day in care either way"),
        ((1, 1), (500.0, 500.0), "spends 1 day in care while tracked either way."),
        ((90, 90), (20e3, 90e3), "either way, yet care costs £70k more"),
    ):
        usual["tracked_care_days"], therapy["tracked_care_days"] = days
        usual["tracked_care_cost_gbp"], therapy["tracked_care_cost_gbp"] = cost
        assert words in child_answer(found)


def owed(due_gbp: float, without_gbp: float | None, pays: str = "per_week_out_of_care") -> dict[str, Any]:
    return {
        "pays": pays,
        "price_gbp": 400.0,
        "units": 1,
        "due_gbp": due_gbp,
        "units_without_therapy": None,
        "due_without_therapy_gbp": without_gbp,
    }


@pytest.mark.parametrize(
    ("payments", "words", "caused"),
    [
        (
            [owed(23e3, 15e3)],
            "£23k for it, before caps and the like; £15k of that would be due without therapy too.",
            True,
        ),
        (
            [owed(15e3, 23e3)],
            "£15k for it, before caps and the like; without therapy the same rule would pay more, £23k.",
            False,
        ),
        (
            [owed(14e3, 23e3), owed(1e3, None, "per_completion")],
            "£15k for it, before caps and the like; without therapy the same rules would pay more, £23k.",
            False,
        ),
        ([owed(15e3, 15e3)], "before caps and the like; the same would be due without therapy.", False),
        ([owed(0.3, 0.1), owed(0.0, 0.2)], "before caps and the like; the same would be due without therapy.", False),
        ([owed(15e3, 15_100.0)], "before caps and the like; almost the same would be due without therapy.", False),
        ([owed(15e3, 0.0)], "The contract owes £15k for it, before caps and the like.", True),
    ],
)
def test_what_is_due_without_therapy_too_is_part_of_the_payment_only_where_it_is_less(
    payments: list[dict[str, Any]], words: str, caused: bool
) -> None:
    document = child_document({**first("completed", True), "payments": payments})
    answer = document.blocks[0]
    assert isinstance(answer, Callout) and answer.text.endswith(words)
    note = tables(document)["What the contract pays for this child"].note
    assert ("so much of the payment is not caused by therapy" in note) == caused
    assert ("A dash there" in note) == any(row["due_without_therapy_gbp"] is None for row in payments)


def test_all_that_is_due_for_simulated_children_is_told_as_it_is() -> None:
    for found in children():
        if found["started"] and found["payments"]:
            due = sum(row["due_gbp"] for row in found["payments"])
            anyway = sum(row["due_without_therapy_gbp"] or 0.0 for row in found["payments"])
            text = child_document(found).blocks[0].text  # type: ignore[union-attr]
            assert ("of that would be due" not in text) or anyway < due
            assert ("would pay more" not in text) or anyway > due


def test_paid_weeks_that_are_fewer_than_days_at_home_are_explained_as_they_are_counted() -> None:
    fewer = 0
    for found in [child for child in children() if child["tracking"]]:
        window, (row,) = found["tracking"], [r for r in found["payments"] if r["pays"] == "per_week_out_of_care"]
        for arm, units in (("usual", row["units_without_therapy"]), ("therapy", row["units"])):
            home = [
                range(stay["from_day"], stay["until_day"])
                for stay in found["arms"][arm]["stays"]
                if stay["place"] == "home"
            ]
            weeks = range(window["first_day"], window["until_day"] - 6, 7)  # marked off from the first day
            assert units == sum(any(day in stay and day + 6 in stay for stay in home) for day in weeks)
            fewer += units < (window["tracked_days"] - found["arms"][arm]["tracked_care_days"]) // 7
        note = tables(child_document(found))["What the contract pays for this child"].note
        assert "A week counts only if all of its seven days are at home" in note
        assert "marked off every seven days from the first day of tracking" in note
    assert fewer
    nights = child_document({**first("completed", True), "payments": [owed(1.0, 0.0, "per_day_out_of_care")]})
    assert "seven days" not in tables(nights)["What the contract pays for this child"].note


def test_no_chance_is_told_of_one_child() -> None:
    for found in children()[:20]:
        text = re.sub("<style.*?</style>|<svg.*?</svg>", "", html(child_document(found)), flags=re.DOTALL)
        assert not re.search(r"\d%|in 100", text)


def test_terms_owed_for_all_children_together_are_named_not_shared_out() -> None:
    found = one_child(world_of(shipped("essex")), SEED, REPLICATION, "essex", 1)
    document = child_document(found)
    if found["started"]:
        texts = [block.text for block in document.blocks if isinstance(block, Paragraph)]
        assert any("care days saved below a baseline" in text for text in texts)
    assert "What the contract pays for this child" not in tables(document)
    assert any(isinstance(block, Bullets) for block in document.blocks)
