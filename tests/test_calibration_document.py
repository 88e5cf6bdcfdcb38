"""What must be true, as a document: the answer under the scenario's reading, the others beside it, faults in words."""

from __future__ import annotations

from dataclasses import replace

import pytest

from edgeofcare.documents.answers.calibration import TITLE, calibration_answer, calibration_document
from edgeofcare.documents.document import Bullets, Callout, Said, Table
from edgeofcare.documents.formats.html import html
from edgeofcare.engine.calibrate import Calibration
from edgeofcare.inputs.schema import MEASURES
from edgeofcare.questions.target_readings import Reading

HEAD = {"title": "A contract", "scenario": "a_contract", "replications": 100, "seed": 1}


def reading(measure: str, avoided_gbp: float, hazard_ratio: float = 0.25) -> Reading:
    therapy = 0.65 if hazard_ratio < 1 else 0.35
    shares = {"usual": dict.fromkeys(MEASURES, 0.35), "therapy": dict.fromkeys(MEASURES, therapy)}
    found = Calibration(
        192.4,
        hazard_ratio,
        measure,
        730,
        {"usual": 0.35, "therapy": 0.65},
        {"usual": 0.35, "therapy": therapy},
        shares,
        0.107,
        1000,
    )
    figures = {
        "avoided_nominal_gbp": avoided_gbp,
        "avoided_contract_window_gbp": 2 * avoided_gbp,
        "payments_gbp": 9.71e6,
        "irr_of_expected_flows": None,
        "tracked_days_out_of_care_in_run_usual": 0.34,
        "tracked_days_out_of_care_in_run_therapy": 0.64,
    }
    return Reading(measure, 730, measure == MEASURES[0], "", found, figures)


def three(hazard_ratio: float = 0.25) -> list[Reading]:
    worth = (18.7e6, 12.8e6, 16.7e6) if hazard_ratio < 1 else (0.0, 0.0, 0.0)
    return [reading(measure, gbp, hazard_ratio) for measure, gbp in zip(MEASURES, worth, strict=True)]


def test_the_answer_names_what_must_hold_and_what_the_other_readings_are_worth() -> None:
    words = calibration_answer(three())
    assert words.startswith("Tracked days out of care must be 35% without therapy and 65% with it.")
    assert "must be 0.25 times those without it" in words and "care worth £18.7m" in words
    assert "“children never in care by day 730”" in words and "worth £12.8m or £16.7m" in words


def test_no_effect_avoids_nothing_and_is_asked_no_question_of_effect() -> None:
    document = calibration_document(three(1.0), HEAD)
    first = document.blocks[0]
    assert isinstance(first, Callout) and "no care is avoided, and £9.71m is paid all the same" in first.text
    (questions,) = (block for block in document.blocks if isinstance(block, Bullets))
    assert not any("trial" in item or "reading" in item for item in questions.items)


def test_tables_hold_the_numbers_unrounded() -> None:
    document = calibration_document(three(), HEAD)
    assert document.title == TITLE
    rows = {row[0]: row[1:] for block in document.blocks if isinstance(block, Table) for row in block.rows}
    ratio, scale, avoided, irr = (
        rows[name][0]
        for name in (
            "First entries into care with therapy, against those without",
            "Entry scale without therapy",
            "Care avoided while tracked",
            "Investor's return, a year",
        )
    )
    assert isinstance(ratio, Said) and (ratio.number, ratio.unit) == (0.25, "times")
    assert isinstance(scale, Said) and (scale, scale.number, scale.unit) == ("192 days", 192.4, "days")
    assert isinstance(avoided, Said) and (avoided, avoided.number) == ("£18.7m", 18.7e6)
    assert isinstance(irr, Said) and (irr, irr.number) == ("-", None)
    assert all(len(block.head) == 4 for block in document.blocks if isinstance(block, Table))
    assert html(document) == html(calibration_document(three(), HEAD))


def test_a_reading_out_of_reach_and_too_many_entries_are_warnings() -> None:
    own, other, last = three()
    broken = replace(other, calibration=None, figures={}, problem="Only 0.4 can be reached.")
    document = calibration_document([own, broken, last], HEAD, ["Newham: too many."])
    told = [block.text for block in document.blocks if isinstance(block, Callout) and block.kind == "warning"]
    assert told[0] == "Newham: too many." and "cannot be met. Only 0.4 can be reached." in told[1]
    assert "£16.7m" in calibration_answer([own, broken, last])
    tables = [block for block in document.blocks if isinstance(block, Table)]
    assert all(len(table.head) == 3 for table in tables)


@pytest.mark.parametrize("n_met", [0, 2])
def test_the_scenarios_own_reading_out_of_reach_is_the_answer(n_met: int) -> None:
    own, *others = three()
    problem = "Only 0.4 can be reached."
    broken = [replace(r, calibration=None, figures={}, problem=problem) for r in [own, *others[n_met:]]]
    found = [broken[0], *others[:n_met], *broken[1:]]
    document = calibration_document(found, HEAD)
    assert calibration_answer(found) == f"The numbers cannot hold as the scenario reads them. {problem}"
    assert len(document.figures) == (1 if n_met else 0)
