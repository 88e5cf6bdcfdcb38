"""Faults of a contract: for each check one contract that triggers it and one that does not."""

from __future__ import annotations

from typing import Any

import pytest

from edgeofcare.errors import OptionError
from edgeofcare.inputs.load import load, with_values
from edgeofcare.inputs.schema import Scenario
from edgeofcare.questions.contracts import under
from edgeofcare.questions.lint import data_not_held, gains_from_harm, lint, too_many_terms

START: dict[str, Any] = {"pays": "per_start", "price_gbp": 100.0}
FEW = 60


def with_terms(*terms: dict[str, Any], **values: Any) -> Scenario:
    """Return Pan-London under these terms alone, without cap and top-up."""
    bare = {"contract.terms": terms, "contract.cap_gbp": None, "contract.top_up": None}
    return with_values(load("pan_london"), bare | {key.replace("__", "."): value for key, value in values.items()})


# ---- terms ----------------------------------------------------------------------------------------------------------


def test_five_terms_are_too_many_and_four_are_not() -> None:
    assert too_many_terms(with_terms(*[START] * 4).contract) == []
    (finding,) = too_many_terms(with_terms(*[START] * 5).contract)
    assert (finding.check, finding.where) == ("terms", "contract.terms")
    assert finding.words.startswith("The contract has 5 terms. More than 4 are hard to manage")


# ---- data -----------------------------------------------------------------------------------------------------------


def test_what_each_kind_of_term_needs() -> None:
    def needs(**term: Any) -> tuple[str, ...]:
        return with_terms(term).contract.terms[0].records_needed()

    ladder = {
        "pays": "improvement_ladder",
        "improvement": "points",
        "base": "per_start",
        "settle_months": [24],
        "bands": [{"from_improvement": 0.0, "rate": 1.0}],
    }
    assert needs(**START) == ("service_records",)
    assert needs(pays="per_week_out_of_care", price_gbp=1.0) == ("care_records",)
    assert needs(pays="per_week_out_of_care", price_gbp=1.0, needs_data=["school_records"]) == (
        "care_records",
        "school_records",
    )
    assert needs(**ladder, control="randomised") == ("care_records", "randomised_control")
    assert needs(**ladder, control="matched") == ("care_records", "matched_control")
    assert needs(**ladder, control="fixed", control_care_share=0.5) == ("care_records",)


def test_data_that_nobody_holds_and_that_all_hold() -> None:
    scenario = with_terms(START | {"needs_data": ["wellbeing"]})
    (finding,) = data_not_held(scenario)
    assert (finding.check, finding.where) == ("data", "contract.terms.0")
    assert "which no borough holds" in finding.words and "add wellbeing to data_held" in finding.words
    held = {f"boroughs.{slug}.data_held": ["service_records", "wellbeing"] for slug in scenario.boroughs}
    assert data_not_held(with_values(scenario, held)) == []
    held.pop("boroughs.newham.data_held")
    (finding,) = data_not_held(with_values(scenario, held))
    assert "which Newham lacks." in finding.words


@pytest.mark.parametrize(
    ("contract", "where"),
    [("cuyahoga", ["contract.terms.0"]), ("manchester", ["contract.terms.2"]), ("pan_london", []), ("essex", [])],
)
def test_shipped_contracts(contract: str, where: list[str]) -> None:
    assert [finding.where for finding in data_not_held(under(load("pan_london"), contract))] == where


# ---- harm -----------------------------------------------------------------------------------------------------------


def test_a_week_dearer_than_the_care_that_it_avoids_lets_payers_gain_from_harm() -> None:
    """By hand: care costs far less than GBP 20,000 a week, so each week at home less leaves a borough better off."""
    dear = with_terms({"pays": "per_week_out_of_care", "price_gbp": 20_000.0})
    found = gains_from_harm(dear, replications=FEW)
    everyone = [*(borough.name for borough in dear.boroughs.values()), "The boroughs together"]
    assert [finding.where for finding in found] == everyone
    assert all(finding.check == "harm" and "better off if therapy did harm" in finding.words for finding in found)
    cheap = with_terms({"pays": "per_week_out_of_care", "price_gbp": 400.0})
    assert gains_from_harm(cheap, replications=FEW) == []


def ladder(*rates: float) -> Scenario:
    """Return a ladder on the share of days out of care: below 33%, up to 40%, above."""
    bands = [{"from_improvement": at, "rate": rate} for at, rate in zip((-10.0, 0.33, 0.40), rates, strict=True)]
    return with_terms(
        {
            "pays": "improvement_ladder",
            "control": "fixed",
            "control_care_share": 1.0,
            "improvement": "points",
            "base": "per_start",
            "bands": bands,
            "settle_months": [60],
        }
    )


def test_falling_rungs_let_the_payee_gain_from_harm() -> None:
    """35% of days are out of care without effect, 30% with harm: on falling rungs harm pays GBP 8,000 a start more.

    The boroughs pay it and have more care too: they lose twice.
    """
    (finding,) = gains_from_harm(ladder(20_000.0, 12_000.0, 4_000.0), replications=FEW)
    assert finding.where == "The investor" and finding.words.startswith("The investor would be £")
    assert gains_from_harm(ladder(4_000.0, 12_000.0, 20_000.0), replications=FEW) == []


def test_harm_does_not_please_a_payee_of_a_fee() -> None:
    assert gains_from_harm(under(load("pan_london"), "fee_for_service"), replications=FEW) == []


# ---- all ------------------------------------------------------------------------------------------------------------


def test_lint_says_all_three_in_order() -> None:
    week = {"pays": "per_week_out_of_care", "price_gbp": 20_000.0, "needs_data": ["wellbeing"]}
    checks = [finding.check for finding in lint(with_terms(week, *[START] * 4))]
    assert checks[:2] == ["terms", "data"] and set(checks[2:]) == {"harm"}


def test_the_scenarios_own_contracts_have_no_fault() -> None:
    assert lint(load("pan_london")) == [] == lint(load("essex"))


def test_a_scenario_without_a_claim_is_refused_in_a_sentence() -> None:
    with pytest.raises(OptionError, match="claims none of its own"):
        lint(load("pan_london_evidence"))
