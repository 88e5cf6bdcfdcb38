"""The reference reports: made from the scenarios and the sources that stand here, and the same when made again."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from edgeofcare.documents.papers.report import make_report
from edgeofcare.documents.read import read_case
from edgeofcare.inputs.load import load, scenario_hash
from edgeofcare.provenance import rooms_hash
from edgeofcare.questions.case import ROOMS, make_case

REPORTS = Path(__file__).resolve().parents[1] / "reports"
NAMES = ("pan_london", "essex")


@pytest.mark.parametrize("name", NAMES)
def test_a_reference_report_is_current(name: str) -> None:
    head = json.loads((REPORTS / name / "case.json").read_text("utf-8"))
    assert head["scenario_sha256"] == scenario_hash(load(name)), "the scenario has changed: make reports"
    assert head["source_hash"] == rooms_hash(*ROOMS), "the model has changed: make reports"
    for file in ("business_case.html", "business_case.pdf", "business_case.docx", "model.xlsx"):
        assert (REPORTS / name / file).stat().st_size > 10_000


@pytest.mark.slow
@pytest.mark.parametrize("name", NAMES)
def test_a_reference_report_is_the_same_when_made_again(name: str, tmp_path: Path) -> None:
    head = json.loads((REPORTS / name / "case.json").read_text("utf-8"))
    folder = make_case(load(name), tmp_path / "case", head["replications"], head["seed"])
    again = make_report(read_case(folder), ["html"])["business_case.html"]
    assert again == (REPORTS / name / "business_case.html").read_bytes()
