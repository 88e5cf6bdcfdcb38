"""Answers other than a run's page, in plain words: readings of the targets, backtest, update. In: results. Out: text.

It computes nothing but roundings. Must not know: scenarios, rows, files.
"""

from __future__ import annotations

import textwrap
from collections.abc import Iterator, Sequence
from typing import Any

from edgeofcare.disclosure import HIDDEN, MOST_HIDDEN, mark
from edgeofcare.documents.words import amount, percent, pounds
from edgeofcare.questions.backtest import Backtest, EarlyShare, Line
from edgeofcare.questions.reforecast import Update
from edgeofcare.questions.target_readings import Reading

MEASURE_WORDS = {
    "share_of_tracked_days_out_of_care": "share of tracked days out of care",
    "never_in_care_by_day": "never in care by day {day} of therapy",
    "out_of_care_on_day": "out of care on day {day} of therapy",
}
WIDTH = 118
LITTLE = 0.1  # a change of weight that is not worth a sentence of its own
KIND_WORDS = {
    "input": "INPUT: the model takes these as given",
    "fitted": "FITTED: an input was set by these, or in sight of them, so they prove nothing",
    "identity": "IDENTITY: these must come out by construction",
    "predicted": "PREDICTED: nothing was set by these; this is the test",
}


def measure_words(measure: str, day: int) -> str:
    """Return a measure in words."""
    return MEASURE_WORDS[measure].format(day=day)


def readings_page(readings: Sequence[Reading]) -> str:
    """Return what the targets mean under each reading."""
    return "\n".join(line for reading in readings for line in _reading(reading)) + "\n"


def _reading(reading: Reading) -> Iterator[str]:
    own = "   <- the scenario reads it so" if reading.own else ""
    yield f"{measure_words(reading.measure, reading.day).upper()}{own}"
    if reading.calibration is None:
        yield f"  {reading.problem}"
        yield ""
        return
    found, figures = reading.calibration, reading.figures
    for arm, words in (("usual", "without therapy"), ("therapy", "with therapy   ")):
        yield f"  {words}  target {percent(found.target[arm], 1)}, reached {percent(found.reached[arm], 1)}"
    yield f"  entry scale {found.entry_scale_days:,.0f} days; hazard ratio of first entry {found.hazard_ratio:.3f}"
    for measure, usual in found.measures["usual"].items():
        shares = f"{percent(usual, 1)} without, {percent(found.measures['therapy'][measure], 1)} with therapy"
        yield f"  then {measure_words(measure, reading.day)}: {shares}"
    in_run = [percent(figures[f"tracked_days_out_of_care_in_run_{arm}"], 1) for arm in ("usual", "therapy")]
    yield f"  in a run: {in_run[0]} and {in_run[1]} of tracked days out of care"
    yield (
        f"  avoided while tracked {pounds(figures['avoided_nominal_gbp'])}, to the end of the contract "
        f"{pounds(figures['avoided_contract_window_gbp'])}; paid {pounds(figures['payments_gbp'])}; investor's return "
        f"{percent(figures['irr_of_expected_flows'], 1)} a year"
    )
    yield f"  entered care within the wait before therapy: {percent(found.entered_care_waiting, 1)}"
    yield ""


def backtest_page(found: Backtest) -> str:
    """Return the backtest as a table by kind, each miss with its explanation."""
    return "\n".join([*_backtest(found.lines), *_early(found.early_shares)]) + "\n"


def _early(shares: Sequence[EarlyShare]) -> Iterator[str]:
    yield ""
    yield "EARLY SHARES OVERSTATE: share of tracked days out of care, so far on a day and in the end"
    for share in shares:
        yield (
            f"  {share.scenario} on {share.on}: without therapy {percent(share.early_usual)}, in the end "
            f"{percent(share.final_usual)}; with therapy {percent(share.early_therapy)}, in the end "
            f"{percent(share.final_therapy)}"
        )


def _backtest(lines: Sequence[Line]) -> Iterator[str]:
    predicted = [line for line in lines if line.kind == "predicted"]
    bounds = sum(line.verdict.endswith("(bound met)") for line in predicted)
    inside = sum(line.verdict.startswith("inside") for line in predicted) - bounds
    yield (
        f"Of {len(predicted)} published figures that no input was set by, {inside} lie inside the model's 90% range, "
        f"{len(predicted) - inside - bounds} outside, and {bounds} {'is a limit' if bounds == 1 else 'are limits'} "
        f"that the model keeps."
    )
    yield "Ranges show chance only, at the scenario's own inputs; some figures stand twice, under two readings."
    for kind in ("predicted", "fitted", "identity", "input"):
        found = [line for line in lines if line.kind == kind]
        if found:
            yield ""
            yield KIND_WORDS[kind]
            yield f"  {'':<72}{'published':>11}{'model':>11}  {'90% range':<22}verdict"
        for line in found:
            span = f"{amount(line.p5, line.unit)} to {amount(line.p95, line.unit)}"
            yield (
                f"  {line.figure:<72.72}{amount(line.published, line.unit):>11}{amount(line.mean, line.unit):>11}  "
                f"{span:<22}{line.verdict}"
            )
            if line.verdict == "outside":
                yield textwrap.fill(line.explanation, WIDTH, initial_indent=" " * 6, subsequent_indent=" " * 6)


def update_page(found: Update) -> str:
    """Return what early actuals tell."""
    return "\n".join(_update(found)) + "\n"


def update_json(found: Update) -> dict[str, Any]:
    """Return what early actuals tell as one JSON object."""
    return {name: value for name, value in vars(found).items() if name != "draws"}


def _in_short(found: Update) -> Iterator[str]:
    """Say how far the counts move the share of days at home, without therapy and with it."""
    for arm, words in (("usual", "Without therapy"), ("therapy", "With therapy")):
        figure = found.out_of_care[arm]
        yield (
            f"{words}, {percent(figure['before']['mean'])} of tracked days out of care were foretold before the "
            f"counts, {percent(figure['after']['mean'])} now."
        )


def _update(found: Update) -> Iterator[str]:
    if found.sound:
        yield "IN SHORT"
        yield from (f"  {line}" for line in _in_short(found))
        yield ""
    yield "WHAT WAS SEEN, beside what the model foretold before"
    for seen in found.observed:
        yield (
            f"  {seen['on']}  {seen['figure'].replace('_', ' '):<26}{mark(seen['value']):>6}   "
            f"foretold {seen['mean']:,.0f} ({seen['p5']:,.0f} to {seen['p95']:,.0f})"
        )
    if n_hidden := sum(seen["value"] is None for seen in found.observed):
        yield (
            f"  {HIDDEN}: not shown, because the count, or its difference from another, is 1 to {MOST_HIDDEN}. "
            f"{'It is' if n_hidden == 1 else 'They are'} not used in what follows either."
        )
    yield ""
    yield (
        f"Of {found.outer_draws:,} drawn sets of inputs, the actuals leave the worth of {found.effective_draws:,.0f}."
        + (
            ""
            if found.sound
            else " That is too few: no forecast is made. Use more --outer-draws, or look for an error "
            "in the actuals: the model holds them for very unlikely."
        )
    )
    yield ""
    yield "FORECAST of the whole contract, mean (middle 80%)"
    rows = [(f"tracked days out of care, {arm}", found.out_of_care[arm], "share") for arm in ("usual", "therapy")]
    rows += [
        (
            name.replace("_gbp", "").replace("_", " "),
            figure,
            "GBP" if name.endswith("_gbp") else "a year" if name == "irr" else "",
        )
        for name, figure in found.forecast.items()
    ]
    for words, figure, unit in rows:
        before, after = figure["before"], figure["after"]
        told = "-" if after is None else _spread(after, unit)
        yield f"  {words:<34}{_spread(before, unit):<36}-> {told}"


def _spread(figure: dict[str, float | None], unit: str) -> str:
    return f"{amount(figure['mean'], unit)} ({amount(figure['p10'], unit)} to {amount(figure['p90'], unit)})"
