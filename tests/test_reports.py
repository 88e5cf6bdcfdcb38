"""The reference reports: made from the scenarios and the sources that stand here, and the same when made again."""

from __future__ import annotations

import hashlib
import json
import re
from pathlib import Path

import pytest

from edgeofcare.documents.papers.report import make_report
from edgeofcare.documents.read import read_case
from edgeofcare.inputs.describe import assumption_log, resolved
from edgeofcare.inputs.load import load, scenario_hash
from edgeofcare.questions.case import as_written, make_case

REPORTS = Path(__file__).resolve().parents[1] / "reports"
NAMES = ("pan_london", "essex")


@pytest.mark.parametrize("name", NAMES)
def test_a_reference_report_is_current(name: str) -> None:
    head = json.loads((REPORTS / name / "case.json").read_text("utf-8"))
    assert head["scenario_sha256"] == scenario_hash(load(name)), "the scenario has changed: make reports"
    for part, content in (("inputs", resolved(load(name))), ("assumptions", assumption_log(load(name)))):
        now = hashlib.sha256(as_written(content).encode()).hexdigest()
        assert head["files"][f"{part}.json"] == now, "what the report says of its inputs has changed: make reports"
    for file in ("business_case.html", "business_case.pdf", "business_case.docx", "model.xlsx"):
        assert (REPORTS / name / file).stat().st_size > 10_000


@pytest.mark.slow
@pytest.mark.parametrize("name", NAMES)
def test_a_reference_report_is_the_same_when_made_again(name: str, tmp_path: Path) -> None:
    head = json.loads((REPORTS / name / "case.json").read_text("utf-8"))
    folder = make_case(load(name), tmp_path / "case", head["replications"], head["seed"], head["parts"]["outer_draws"])
    again = make_report(read_case(folder), ["html"])["business_case.html"]
    assert numbers_of(again) == numbers_of((REPORTS / name / "business_case.html").read_bytes())


def numbers_of(page: bytes) -> str:
    """A report without the lines that say when, where and from which commit it was made."""
    made = "|".join(("Hash of its sources", "Commit", "Made", "Libraries"))
    return re.sub(rf"<tr>\s*<th[^>]*>(?:{made})</th>.*?</tr>", "", page.decode(), flags=re.DOTALL)
