"""Questions about how far to trust the model. In: words typed. Out: answers. Must not know: any formula."""

from __future__ import annotations

from edgeofcare.cli.options import Answer, Asked


def backtest(asked: Asked) -> Answer:
    """Compare the model with published results."""
    from edgeofcare.documents.text_pages.answers import backtest_page
    from edgeofcare.questions.backtest import as_json
    from edgeofcare.questions.backtest import backtest as held

    found = held(**asked.options)
    return Answer(as_json(found), lambda: backtest_page(found))


def calibrate(asked: Asked) -> Answer:
    """Show what the targets mean in days and pounds."""
    from dataclasses import asdict

    from edgeofcare.documents.answers.calibration import calibration_document
    from edgeofcare.documents.text_pages.answers import readings_page
    from edgeofcare.questions.target_readings import readings

    scenario = asked.scenario
    found = readings(scenario, **asked.numbers)
    head = {"title": scenario.title, "scenario": scenario.name, **asked.numbers}
    return Answer(
        [asdict(reading) for reading in found],
        lambda: readings_page(found),
        lambda: calibration_document(found, head),
    )
