"""What must be true for a contract's numbers to hold, as a document: three readings of the same targets. In: readings.

Out: a `Document`. It computes nothing but roundings. Must not know: scenarios, engines, formats.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from edgeofcare.documents.document import Block, Bullets, Callout, Document, Figure, Heading, Paragraph, Said, Table
from edgeofcare.documents.pictures.picture import figure
from edgeofcare.documents.text_pages.run import TRACKED_SHARE
from edgeofcare.documents.words import capital, in_hundred, lower, percent, pounds, said_percent
from edgeofcare.engine.calibrate import Calibration
from edgeofcare.provenance import version
from edgeofcare.questions.target_readings import Reading

if TYPE_CHECKING:
    from matplotlib.figure import Figure as Canvas

TITLE = "What must be true for the contract's numbers to hold?"
NEVER = "never_in_care_by_day"
MEASURE_WORDS = {
    TRACKED_SHARE: "Tracked days out of care",
    NEVER: "Children never in care by day {day}",
    "out_of_care_on_day": "Children out of care on day {day}",
}
OWN = "(as this scenario reads it)"
ARM_WORDS = {"usual": "without therapy", "therapy": "with therapy"}
NO_EFFECT = 1.0
Cell = Callable[[Calibration, Mapping[str, float | None]], Said]


def calibration_answer(readings: Sequence[Reading]) -> str:
    """Return what must be true as the scenario reads its targets, and what they are worth read otherwise."""
    own = next(reading for reading in readings if reading.own)
    others = [reading for reading in readings if not reading.own and reading.calibration]
    if own.calibration is None:
        return f"The numbers cannot hold as the scenario reads them. {own.problem}"
    told = _must_be(own, own.calibration)
    paid = pounds(own.figures["payments_gbp"])
    if own.calibration.hazard_ratio == NO_EFFECT:
        return f"{told} Then no care is avoided, and {paid} is paid all the same."
    told += f" Then care worth {_avoided(own)} is avoided while tracked, and {paid} is paid."
    if others:
        words = " or as ".join(f"“{lower(_words(reading))}”" for reading in others)
        told += f" Read as {words}, the same targets are worth {' or '.join(map(_avoided, others))}."
    return told


def calibration_headline(readings: Sequence[Reading]) -> tuple[tuple[str, Said], ...]:
    """Return the key figures of the scenario's own reading by label, for holding them against others."""
    own = next(reading for reading in readings if reading.own)
    if own.calibration is None:
        return ()
    rows = MUST_ROWS | MONEY_ROWS
    return tuple((label, cell(own.calibration, own.figures)) for label, cell in rows.items())


def calibration_document(
    readings: Sequence[Reading], head: Mapping[str, Any], warnings: Sequence[str] = ()
) -> Document:
    """Return the three readings of a scenario's targets as a document.

    readings: what `questions.target_readings.readings` returns. head: `title`, `scenario` (its name), `replications`,
    `seed`. warnings: sentences on boroughs whose referrals imply too many entries into care, those
    of `engine.rates.entries_warning`.
    """
    made = f"{head['replications']:,} simulated contracts for each reading, seed {head['seed']}"
    return Document(
        title=TITLE,
        subtitle=f"{head['title']}. The contract's two targets, read in three ways. {made}.",
        blocks=tuple(_blocks(readings, warnings)),
        footer=f"edgeofcare {version()}; scenario {head['scenario']}; {made}.",
        keywords=("calibration", "targets", head["scenario"]),
    )


def _blocks(readings: Sequence[Reading], warnings: Sequence[str]) -> Iterator[Block]:
    yield Callout(calibration_answer(readings))
    yield from (Callout(text, "warning") for text in warnings if text)
    met = [reading for reading in readings if reading.calibration]
    for reading in readings:
        if reading.calibration is None and not reading.own:
            words = lower(_words(reading))
            yield Callout(f"Read as “{words}” the targets cannot be met. {reading.problem}", "warning")
    if not met:
        return
    yield _picture(met)
    yield Heading("What must be true")
    yield Paragraph(
        "The model knows no shares of its own. It looks for the two rates of going into care, without and "
        "with therapy, that bring about the targets, and this is what they come to."
    )
    yield _table(
        "What must be true under each reading",
        met,
        MUST_ROWS,
        "Entry scale: the shorter, the sooner children go into care without therapy. First entries with "
        "therapy: 0.50 times would mean that of two children who would go into care on a day, one "
        "does.",
    )
    yield Heading("What else follows")
    yield _table(
        "The same children on all three measures",
        met,
        _measure_rows(met),
        "Days count from the start of therapy. Every reading meets its own measure and misses the other two. "
        "In the runs: as simulated, where waiting and the contract's end move it a little.",
    )
    yield Heading("What it is worth")
    yield _table(
        "Money under each reading, average of the simulated contracts",
        met,
        MONEY_ROWS,
        "Care avoided in the money of each year. Investor's return: of the expected payments.",
    )
    yield Heading("Questions to settle before anybody signs")
    yield Bullets(tuple(_questions(met)))


# ---- words -----------------------------------------------------------------------------------------------------------


def _words(reading: Reading) -> str:
    return MEASURE_WORDS[reading.measure].format(day=reading.day)


def _avoided(reading: Reading) -> str:
    return pounds(reading.figures["avoided_nominal_gbp"])


def _must_be(own: Reading, found: Calibration) -> str:
    usual, therapy = (percent(found.reached[arm]) for arm in ARM_WORDS)
    if found.hazard_ratio == NO_EFFECT:
        return f"{_words(own)} must be {usual}, with and without therapy alike, as the scenario assumes no effect."
    return (
        f"{_words(own)} must be {usual} without therapy and {therapy} with it. For that, first entries into care with "
        f"therapy must be {found.hazard_ratio:.2f} times those without it, day for day."
    )


def _questions(met: Sequence[Reading]) -> Iterator[str]:
    own = next((reading for reading in met if reading.own), met[0])
    found = own.calibration
    assert found is not None  # only readings that are met come here
    ever = 1 - found.measures["usual"][NEVER]
    yield (
        f"Would {in_hundred(ever)} of the children who start really go into care in the first {own.day:,} days if "
        "nothing were done? Hold it against your own record of families like these who were not treated."
    )
    yield (
        f"{capital(in_hundred(found.entered_care_waiting))} children would go into care while still waiting for "
        f"therapy. Is the "
        "wait that is planned short enough?"
    )
    if found.hazard_ratio != NO_EFFECT:
        yield (
            f"Has any trial shown first entries at {found.hazard_ratio:.2f} times those without therapy? If not, look "
            "at the answer with half of the effect, and with none."
        )
        worth = sorted(float(reading.figures["avoided_nominal_gbp"] or 0.0) for reading in met)
        if len(met) > 1:
            yield (
                f"Which measure do the contract's papers mean? The reading alone moves the care avoided from "
                f"{pounds(worth[0])} to {pounds(worth[-1])}."
            )


# ---- the tables ------------------------------------------------------------------------------------------------------


def _figure(key: str, say: Callable[[float | None], str], unit: str) -> Cell:
    return lambda _, figures: Said(say(figures[key]), figures[key], unit)


MONEY_ROWS: dict[str, Cell] = {
    "Care avoided while tracked": _figure("avoided_nominal_gbp", pounds, "gbp"),
    "Care avoided to the end of the contract": _figure("avoided_contract_window_gbp", pounds, "gbp"),
    "Paid for outcomes": _figure("payments_gbp", pounds, "gbp"),
    "Investor's return, a year": _figure("irr_of_expected_flows", lambda value: percent(value, 1), "share"),
}


def _table(caption: str, met: Sequence[Reading], rows: Mapping[str, Cell], note: str) -> Table:
    """Return a table with a column for each reading."""
    head = ("What", *(f"{_words(reading)} {OWN}" if reading.own else _words(reading) for reading in met))
    cells = tuple(
        (words, *(of(reading.calibration, reading.figures) for reading in met if reading.calibration))
        for words, of in rows.items()
    )
    return Table(caption, head, cells, note)


def _reached(arm: str) -> Cell:
    return lambda found, _: said_percent(found.reached[arm], 1)


def _measured(measure: str, arm: str) -> Cell:
    return lambda found, _: said_percent(found.measures[arm][measure], 1)


MUST_ROWS: dict[str, Cell] = {
    **{f"By the measure itself, {words}": _reached(arm) for arm, words in ARM_WORDS.items()},
    "First entries into care with therapy, against those without": lambda found, _: Said(
        f"{found.hazard_ratio:.2f} times", found.hazard_ratio, "times"
    ),
    "Entry scale without therapy": lambda found, _: Said(
        f"{found.entry_scale_days:,.0f} days", found.entry_scale_days, "days"
    ),
    "Go into care within the wait before therapy": lambda found, _: said_percent(found.entered_care_waiting, 1),
}
IN_RUN_ROWS: dict[str, Cell] = {
    f"In the runs: tracked days out of care, {words}": _figure(
        f"tracked_days_out_of_care_in_run_{arm}", lambda value: percent(value, 1), "share"
    )
    for arm, words in ARM_WORDS.items()
}


def _measure_rows(met: Sequence[Reading]) -> dict[str, Cell]:
    """Return the three measures without and with therapy; the day is the same under all readings."""
    rows = {
        f"{words.format(day=met[0].day)}, {ARM_WORDS[arm]}": _measured(measure, arm)
        for measure, words in MEASURE_WORDS.items()
        for arm in ARM_WORDS
    }
    return rows | IN_RUN_ROWS


# ---- the picture -----------------------------------------------------------------------------------------------------


def _picture(met: Sequence[Reading]) -> Figure:
    """Return what each reading means in tracked days out of care, and in pounds avoided and paid."""
    name, title = "readings", "The same two numbers, read in three ways"

    def draw() -> Canvas:
        from edgeofcare.documents.pictures import draw_calibration

        return draw_calibration.readings([_shown(reading) for reading in met], list(ARM_WORDS.values()))

    rows = [
        (
            _words(reading),
            *(said_percent(reading.calibration.measures[arm][TRACKED_SHARE], 1) for arm in ARM_WORDS),
            *(
                MONEY_ROWS[key](reading.calibration, reading.figures)
                for key in ("Care avoided while tracked", "Paid for outcomes")
            ),
        )
        for reading in met
        if reading.calibration
    ]
    head = (
        "Reading of the targets",
        "Tracked days out of care without therapy",
        "With therapy",
        "Care avoided while tracked",
        "Paid for outcomes",
    )
    return figure(name, title, _described(met), head, rows, draw=draw)


def _shown(reading: Reading) -> tuple[str, str, tuple[float, float], Mapping[str, float | None]]:
    """Return what is drawn of a reading that is met: words, a remark, shares out of care, amounts in GBP."""
    assert reading.calibration is not None  # only readings that are met are drawn
    usual, therapy = (reading.calibration.measures[arm][TRACKED_SHARE] for arm in ARM_WORDS)
    return _words(reading), OWN if reading.own else "", (usual, therapy), reading.figures


def _described(met: Sequence[Reading]) -> str:
    told = "; ".join(
        f"{lower(_words(reading))}: {_avoided(reading)} avoided and {pounds(reading.figures['payments_gbp'])} paid"
        for reading in met
    )
    return f"What the same targets are worth, read as {told}."
