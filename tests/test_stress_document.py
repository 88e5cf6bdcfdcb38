"""The document of a stress table says what its figures say, in its sentences and in its tables."""

from __future__ import annotations

from dataclasses import replace
from functools import lru_cache
from pathlib import Path

import pytest

from edgeofcare.documents.answers.stress import stress_document, stress_table, stress_words
from edgeofcare.documents.document import Said, Table
from edgeofcare.documents.formats.text import text
from edgeofcare.documents.words import pounds
from edgeofcare.errors import RunFolderError
from edgeofcare.inputs.load import load
from edgeofcare.outcomes import Against
from edgeofcare.questions.stress import Figures, ProviderFigures, StressRow, StressTable, stress

NAMES = "no_effect,half_effect,referrals_30,lower_cap,start_world,evidence_mixture,all_bad_together"
SMALL = Path(__file__).parent / "pins" / "small.toml"


@lru_cache(maxsize=4)
def found(party: str = "investor") -> StressTable:
    return stress(load("pan_london"), NAMES, party, replications=40)


def row(table: StressTable, name: str) -> StressRow:
    return next(one for one in table.stresses if one.name == name)


def numbers(cells: tuple[str, ...]) -> list[float | None]:
    return [cell.number for cell in cells if isinstance(cell, Said)]


def tables(table: StressTable) -> list[Table]:
    return [block for block in stress_document(table).blocks if isinstance(block, Table)]


def test_the_answer_for_the_investor_is_generated_from_the_numbers() -> None:
    table = found()
    words = stress_words(table)
    gained = pounds(table.base.investor.profit_gbp.value)
    assert words[0].startswith(f"As planned, the investor gains {gained} on average, misses its target of 8% a year ")
    # The mixture of the evidence pays the investor (most stay at home anyway), so it is not among them.
    assert words[1].startswith("The three things that would make the investor miss its target of 8% a year on average")
    mixture = row(table, "evidence_mixture").investor.missed_target_prob.value
    assert mixture is not None and mixture < 0.5
    for one in table.sinks.stresses:
        profit = row(table, one.name).investor.profit_gbp.value
        assert profit is not None and f"{'gains' if profit >= 0 else 'loses'} {pounds(abs(profit))}" in words[1]
    assert words[2].startswith("So would all of the bad ones together")
    assert words[-1].startswith("The investor still meets its target on average while the boroughs together would be")
    assert "the children and the effect of the English trial" in words[-1]


def test_the_words_turn_with_the_figures() -> None:
    table = found()
    floating = [replace(one, sunk=False) for one in table.sinks.stresses]
    nothing = replace(table.sinks, stresses=floating, all_that_sink=[])
    assert stress_words(replace(table, sinks=nothing))[1].startswith("None of these stresses alone would make the inv")
    at_once = replace(table.sinks, sunk_as_it_stands=True)
    assert stress_words(replace(table, sinks=at_once))[1].startswith("No stress is needed to make the investor miss")
    better = [replace(one, net_saving_gbp=Against(1.0, 0.0, 0.0)) for one in table.stresses]
    assert not any("better off without" in words for words in stress_words(replace(table, stresses=better)))
    assert "No stress was tried." in stress_words(replace(table, stresses=[]))


def unpaid(row: Figures, prob: float, gbp: float) -> Figures:
    provider = ProviderFigures(Against(prob, 0.0, 0.0), Against(2 * gbp, 0.0, 0.0))
    investor = replace(row.investor, cost_unpaid_gbp=Against(gbp, 0.0, 0.0))
    return replace(row, investor=investor, provider=provider)


def test_bills_that_are_never_paid_are_said_where_they_are_not_rare() -> None:
    table = found()
    assert "owed" not in stress_words(replace(table, base=unpaid(table.base, 0.01, 1e5)))[0]
    words = stress_words(replace(table, base=unpaid(table.base, 0.5, 1e5)))[0]
    assert words.endswith(
        ", with £200k owed to the provider at worst, £100k of it never paid, in 50 in 100 simulated contracts."
    )


@pytest.mark.parametrize(
    "party, told",
    [
        ("provider", "The one thing that would take the service below half of its places: referrals are 30% of plan"),
        ("top_up", "The three things that would make Commissioning Better Outcomes lose on average: "),
        ("newham", "make Newham lose on average"),
    ],
)
def test_the_answer_for_other_parties(party: str, told: str) -> None:
    table = found(party)
    assert told in " ".join(stress_words(table))
    assert tables(table)[0].head[1] == f"Change for {table.party_name}"


def test_every_stress_stands_in_every_table_with_its_figures() -> None:
    table = found()
    by_party, everybody, chances = tables(table)
    for i, one in enumerate([table.base, *table.stresses]):
        investor, measure = one.investor, one.measure("investor")
        assert numbers(by_party.rows[i]) == [
            measure.change,
            measure.se,
            investor.profit_gbp.value,
            investor.irr_of_expected_flows.value,
            investor.missed_target_prob.value,
            investor.loss_prob.value,
            one.provider.owed_at_worst_gbp.value,
            investor.cost_unpaid_gbp.value,
        ]
        assert numbers(everybody.rows[i])[:2] == [one.avoided_cost_gbp.value, one.payments_gbp.value]
        assert numbers(chances.rows[i]) == [borough.better_off_prob.value for borough in one.boroughs.values()]
    page = text(stress_document(table), 118)
    assert all(one.title in " ".join(page.split()) for one in table.stresses)
    assert all(one.source.split()[0] in page for one in table.stresses)
    assert max(map(len, page.splitlines())) <= 118


def test_what_did_not_fit_is_said() -> None:
    table = found()
    left = {"together": {"borough_leaves": "x"}}
    rows = [replace(one, left_out=left.get(one.kind, {}), targets_met=one.kind != "effect") for one in table.stresses]
    page = stress_document(replace(table, stresses=rows, skipped={"borough_leaves": "file.toml:3: key: rule."}))
    words = " ".join(text(page).split())
    assert "Left out, for it does not fit: borough_leaves (file.toml:3: key: rule.)" in words
    assert "All of the bad ones together: without borough_leaves, which does not fit." in words
    assert "Therapy does nothing: the claim is out of reach under it; the nearest was taken." in words


def test_two_columns_of_doubt_stand_in_one_document_and_survive_json() -> None:
    table = stress(load(str(SMALL)), "no_effect", replications=8, outer_draws=2)
    assert stress_table(table.as_dict()) == table
    captions = [one.caption for one in tables(table)]
    assert captions[0].startswith("By chance alone") and captions[1].startswith("With 2 sets of inputs drawn")
    assert stress_words(table)[1].startswith("With 2 sets of inputs drawn from their ranges, the investor")
    with pytest.raises(RunFolderError, match="made by another version"):
        stress_table({"party": "investor"})
