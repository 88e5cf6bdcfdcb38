"""One visitor's page: inputs, undoing, links, answers kept and compared, files in and out; faults leave it usable."""

from __future__ import annotations

import base64
import importlib.util
import io
import math
import time
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from types import ModuleType
from typing import Any
from urllib.parse import parse_qsl

import openpyxl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edgeofcare.documents.document import Callout, Document, Said, Table
from edgeofcare.errors import OptionError
from edgeofcare.inputs.boroughs import load_joiner
from edgeofcare.inputs.load import load, scenario_hash, with_values
from edgeofcare.inputs.schema import Scenario
from edgeofcare.inputs.write import as_toml
from edgeofcare.pages import Choice, Number, Page, Several, View, Visit
from edgeofcare.pages.questions import effect_fields
from edgeofcare.pages.serve import notebook_folder
from edgeofcare.pages.visit import LARGEST_FILE_BYTES, MOST_PINNED, MOST_STORED, OWN_FILE, Shown

RATES = {"a": 10.0, "b": 20.0, "c": 30.0}
PUBLISHED = {"scenario": "pan_london", "place": "a", "rate": "10", "share": "35", "shown": "x,y"}


class Toy:
    """A page that answers at once: rate times share. It counts what it was asked to do."""

    def __init__(self, **more: Any) -> None:
        self.worked: list[dict[str, Any]] = []
        self.fault: Exception | None = None
        self.page = Page(
            "toy", self.fields, self.work, self.show, at_once=("shown",), scenarios=("pan_london", "essex"), **more
        )

    def fields(self, scenario: Scenario, texts: Mapping[str, str]) -> tuple[Any, ...]:
        place = texts.get("place") if texts.get("place") in RATES else "a"
        usual = scenario.effect.usual
        return (
            Choice("place", "Place", "a", tuple((key, key.upper()) for key in RATES)),
            Number("rate", "Rate", RATES[str(place)], 1, 100, 1, "a year"),
            Number("share", "Share", 0.5 if usual is None else usual, 1, 99, 1, "% of all", percent=True),
            Several("shown", "Shown", ("x", "y"), (("x", "X"), ("y", "Y"))),
        )

    def work(self, scenario: Scenario, values: Mapping[str, Any], progress: Any) -> dict[str, Any]:
        progress(1, 2)
        self.worked.append(dict(values))
        if self.fault is not None:
            raise self.fault
        return {"scenario": scenario, "product": values["rate"] * values["share"]}

    def show(self, outcome: dict[str, Any], values: Mapping[str, Any]) -> View:
        said = Said(f"£{outcome['product']:.0f}", outcome["product"], "gbp")
        table = Table("Parts", ("Part", "£"), tuple((one, said) for one in values["shown"]))
        document = Document("Toy <question>", "", (Callout(f"It is {said}."), table), "")
        return View(document, (("Product", said),), outcome["scenario"])


def started(**more: Any) -> tuple[Toy, Visit]:
    """A toy page just opened."""
    toy = Toy(**more)
    visit = Visit(toy.page)
    visit.update()
    return toy, visit


def write(visit: Visit, **texts: str) -> Shown | None:
    """Type into the form."""
    visit.form.texts = {**visit.form.texts, **texts}
    return visit.update()


def press(visit: Visit, name: str) -> Shown | None:
    """Press a button, above the answer or below it."""
    form = visit.actions if name in {one["name"] for one in visit.actions.buttons} else visit.form
    form.presses = {**form.presses, name: form.presses.get(name, 0) + 1}
    return visit.update()


def bring(visit: Visit, name: str, text: str, size: int | None = None) -> Shown | None:
    """Choose a file."""
    count = visit.form.upload.get("count", 0) + 1
    visit.form.upload = {"name": name, "text": text, "size": len(text) if size is None else size, "count": count}
    return visit.update()


def off(visit: Visit) -> set[str]:
    """Buttons that do nothing now."""
    return {one["name"] for one in (*visit.form.buttons, *visit.actions.buttons) if one["off"]}


def product(visit: Visit) -> float:
    """The answer shown."""
    assert visit.shown is not None
    found = visit.shown.view.headline[0][1].number
    assert found is not None
    return found


# ---- inputs and answers --------------------------------------------------------------------------------------------


def test_a_page_opens_with_the_published_scenario_answered() -> None:
    toy, visit = started()
    assert visit.form.texts == PUBLISHED and visit.form.errors == {} and visit.form.problem == visit.form.note == ""
    assert visit.form.link == "" and product(visit) == pytest.approx(3.5) and len(toy.worked) == 1
    assert off(visit) == {"undo", "reset", "unpin"}
    assert [one["key"] for one in visit.form.fields] == list(PUBLISHED)
    assert visit.form.progress == {}, "nothing runs any more"


def test_a_page_that_waits_for_run_opens_empty() -> None:
    toy, visit = started(at_start=False)
    assert visit.shown is None and toy.worked == [] and visit.form.note == visit.form.problem == ""
    assert "No answer yet. Press Run." in visit.answer_html()
    assert {"pin", "html", "xlsx", "toml"} <= off(visit)
    for call in (visit.document, lambda: visit.download("html")):
        with pytest.raises(OptionError, match="There is no answer yet"):
            call()
    press(visit, "html")
    assert visit.actions.problem == "There is no answer yet." and visit.actions.file == {}
    press(visit, "run")
    assert product(visit) == pytest.approx(3.5) and off(visit) == {"undo", "reset", "unpin"}


def test_changed_inputs_wait_for_run_and_the_answer_says_so() -> None:
    toy, visit = started()
    before = visit.shown
    assert write(visit, rate="40") is before and len(toy.worked) == 1
    assert visit.form.note == "The answer below is for other inputs. Press Run for these."
    press(visit, "run")
    assert product(visit) == pytest.approx(14) and visit.form.note == "" and len(toy.worked) == 2
    assert visit.shown is not None and visit.shown.changed == ("Rate 40 a year",)
    row = next(row for row in visit.shown.inputs.rows if row[0] == "Rate")
    assert row == ("Rate", "40 a year", "10 a year")
    assert next(row for row in visit.shown.inputs.rows if row[0] == "Place") == ("Place", "A", "")


def test_an_answer_found_before_is_shown_without_run() -> None:
    toy, visit = started()
    write(visit, rate="40")
    press(visit, "run")
    write(visit, rate="10")
    assert product(visit) == pytest.approx(3.5) and visit.form.note == "" and len(toy.worked) == 2
    press(visit, "run")
    assert len(toy.worked) == 2, "nor is it worked out again"


def test_only_so_many_answers_are_stored() -> None:
    toy, visit = started()
    for rate in range(20, 20 + MOST_STORED):
        write(visit, rate=str(rate))
        press(visit, "run")
    assert len(toy.worked) == MOST_STORED + 1
    write(visit, rate="10")
    assert visit.form.note.startswith("The answer below is for other inputs."), "the first one is forgotten"


def test_what_changes_at_once_asks_for_no_work_and_no_run() -> None:
    toy, visit = started()
    write(visit, shown="y")
    assert len(toy.worked) == 1 and visit.form.note == "" and visit.shown is not None
    table = next(block for block in visit.shown.view.document.blocks if isinstance(block, Table))
    assert [row[0] for row in table.rows] == ["y"]
    write(visit, rate="40", shown="x")
    assert len(toy.worked) == 1 and visit.form.note.startswith("The answer below is for other inputs.")


def test_what_was_as_published_follows_what_it_depends_on() -> None:
    _, visit = started()
    write(visit, place="b")
    assert visit.form.texts["rate"] == "20", "nobody had set it"
    write(visit, rate="25")
    write(visit, place="c")
    assert visit.form.texts["rate"] == "25", "somebody had"
    assert next(one for one in visit.form.fields if one["key"] == "rate")["published"] == "30"


def test_another_scenario_brings_its_own_published_inputs() -> None:
    _, visit = started()
    write(visit, rate="40", share="50")
    write(visit, scenario="essex")
    assert visit.form.texts == PUBLISHED | {"scenario": "essex", "share": "45"}
    press(visit, "run")
    assert visit.shown is not None and visit.shown.view.scenario.name == "essex"


def test_unknown_scenarios_and_keys_from_a_browser_change_nothing() -> None:
    _, visit = started()
    write(visit, scenario="nowhere")
    assert visit.form.texts == PUBLISHED
    write(visit, sort="up")
    assert visit.form.texts == PUBLISHED and visit.form.errors == {}


@pytest.mark.parametrize(
    ("key", "text"),
    [
        ("rate", "many"),
        ("rate", ""),
        ("rate", "101"),
        ("rate", "x" * 99_999),
        ("share", "0"),
        ("place", "z"),
        ("shown", ""),
    ],
)
def test_wrong_inputs_are_told_at_their_field_and_keep_the_answer(key: str, text: str) -> None:
    toy, visit = started()
    before = visit.shown
    assert write(visit, **{key: text}) is before
    assert set(visit.form.errors) == {key} and visit.form.texts[key] == text, "what was typed stays"
    assert visit.form.note == "The answer below is for the inputs before." and visit.form.problem == ""
    assert press(visit, "run") is before and len(toy.worked) == 1
    assert visit.form.problem == "Nothing was run. Mend what is marked above."
    write(visit, **{key: PUBLISHED[key]})
    assert visit.form.errors == {} and visit.form.problem == visit.form.note == ""


# ---- undoing -------------------------------------------------------------------------------------------------------


def test_undo_takes_changes_back_one_by_one() -> None:
    _, visit = started()
    states = [dict(visit.form.texts)]
    for texts in ({"rate": "40"}, {"share": "many"}, {"place": "b"}, {"scenario": "essex"}):
        write(visit, **texts)
        states.append(dict(visit.form.texts))
    for state in states[-2::-1]:
        assert "undo" not in off(visit)
        press(visit, "undo")
        assert visit.form.texts == state
    assert "undo" in off(visit) and visit.form.errors == {}
    press(visit, "undo")
    assert visit.form.texts == PUBLISHED and product(visit) == pytest.approx(3.5)


def test_reset_goes_back_to_the_published_scenario_and_can_be_undone() -> None:
    _, visit = started()
    write(visit, scenario="essex")
    write(visit, rate="40", shown="y")
    assert "reset" not in off(visit)
    press(visit, "reset")
    assert visit.form.texts == PUBLISHED | {"scenario": "essex", "share": "45"} and "reset" in off(visit)
    press(visit, "reset")
    press(visit, "undo")
    assert (visit.form.texts["rate"], visit.form.texts["shown"]) == ("40", "y")


TYPED = st.fixed_dictionaries(
    {},
    optional={
        "scenario": st.sampled_from(("pan_london", "essex", "nowhere")),
        "place": st.sampled_from(("a", "b", "c", "z")),
        "rate": st.sampled_from(("10", "20", "30", "40", "many", "")),
        "share": st.sampled_from(("35", "45", "50", "0")),
        "shown": st.sampled_from(("x", "y", "x,y", "")),
    },
)
DONE = st.lists(st.one_of(TYPED, st.sampled_from(("run", "undo", "reset", "pin", "unpin"))), max_size=8)


@settings(max_examples=25)
@given(DONE)
def test_whatever_is_done_the_page_says_what_it_shows(done: list[Any]) -> None:
    _, visit = started()
    for one in done:
        shown = press(visit, one) if isinstance(one, str) else write(visit, **one)
        assert shown is visit.shown and shown is not None
        current = dict(visit.form.texts) == shown.texts
        assert current == (visit.form.note == "" and visit.form.errors == {})
        assert shown.texts["scenario"] == shown.view.scenario.name and len(visit.pinned) <= MOST_PINNED
        assert set(visit.form.texts) == set(PUBLISHED) and not visit.form.problem.startswith("Something went wrong")
        share = float(shown.texts["share"]) / 100
        assert shown.view.headline[0][1].number == pytest.approx(float(shown.texts["rate"]) * share)


# ---- links ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "texts",
    [
        {},
        {"rate": "40"},
        {"place": "b"},
        {"place": "b", "rate": "10"},
        {"scenario": "essex", "share": "35", "shown": "y"},
        {"rate": "many & more=+%£#"},
        {"shown": "x", "rate": "\u22125"},
    ],
)
def test_a_link_opens_the_page_with_the_same_inputs(texts: dict[str, str]) -> None:
    toy, visit = started()
    for key, text in texts.items():
        write(visit, **{key: text})
    other = Visit(toy.page, dict(parse_qsl(visit.form.link)))
    other.update()
    assert other.form.texts == visit.form.texts and other.form.link == visit.form.link
    assert other.form.errors == visit.form.errors
    assert set(dict(parse_qsl(visit.form.link))) == set(texts)


def test_a_link_with_a_wrong_input_opens_with_the_fault_told_and_no_answer() -> None:
    visit = Visit(Toy().page, {"rate": "many"})
    visit.update()
    assert set(visit.form.errors) == {"rate"} and visit.shown is None and visit.form.note == ""
    assert visit.form.problem == "Nothing was run. Mend what is marked above."
    write(visit, rate="20")
    assert product(visit) == pytest.approx(7) and visit.form.problem == ""


def test_a_link_to_a_scenario_that_is_not_here_says_what_is_shown_instead() -> None:
    names = {"nowhere": "does not have (nowhere)", OWN_FILE: "which a link cannot carry", "x" * 999: f"({'x' * 60})"}
    for named, words in names.items():
        visit = Visit(Toy().page, {"scenario": named, "rate": "40"})
        visit.update()
        assert words in visit.form.problem and "This shows pan_london." in visit.form.problem.replace("this", "This")
        assert len(visit.form.problem) < 250
        assert visit.form.texts == PUBLISHED | {"rate": "40"} and product(visit) == pytest.approx(14)
        press(visit, "run")
        assert visit.form.problem == "", "it is said once"


def test_a_link_with_anything_else_is_read_without_harm() -> None:
    query = {"rate": ["1", "2"], "colour": "red", "scenario": "../../etc/passwd", "place": "<b>"}
    visit = Visit(Toy().page, query)
    visit.update()
    assert set(visit.form.errors) == {"rate", "place"} and visit.form.texts["scenario"] == "pan_london"


# ---- when work fails -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("fault", "words"),
    [
        (OptionError("Choose fewer."), "It could not be run with these inputs: Choose fewer."),
        (ZeroDivisionError("by 0"), "Something went wrong that is a defect"),
        (MemoryError(), "Something went wrong that is a defect"),
        (AssertionError("identity"), "Something went wrong that is a defect"),
    ],
)
def test_work_that_fails_is_told_and_leaves_the_page_usable(fault: Exception, words: str, capsys: Any) -> None:
    toy, visit = started()
    before = visit.shown
    toy.fault = fault
    write(visit, rate="40")
    assert press(visit, "run") is before and visit.form.problem.startswith(words)
    assert visit.form.progress == {} and visit.form.texts["rate"] == "40"
    assert "Traceback" not in capsys.readouterr().err and "by 0" not in visit.form.problem
    toy.fault = None
    press(visit, "run")
    assert product(visit) == pytest.approx(14) and visit.form.problem == ""


def test_after_work_failed_the_answer_below_is_still_said_to_be_for_other_inputs() -> None:
    toy, visit = started()
    toy.fault = OptionError("Choose fewer.")
    write(visit, rate="40")
    press(visit, "run")
    assert visit.form.note.startswith("The answer below is for ")


def test_a_page_whose_first_answer_fails_can_still_be_used(capsys: Any) -> None:
    toy = Toy()
    toy.fault = RuntimeError("no")
    visit = Visit(toy.page)
    assert visit.update() is None and "a defect of the program" in visit.form.problem
    assert "No answer yet" in visit.answer_html()
    toy.fault = None
    press(visit, "run")
    assert product(visit) == pytest.approx(3.5)


def test_progress_is_told_while_work_runs_and_not_after() -> None:
    told: list[dict[str, Any]] = []

    def slowly(scenario: Scenario, values: Mapping[str, Any], progress: Any) -> dict[str, Any]:
        for n in range(3):
            progress(n, 3)
            time.sleep(0.12)
        return {"scenario": scenario, "product": 1.0}

    toy = Toy()
    visit = Visit(Page("toy", toy.fields, slowly, toy.show, scenarios=("pan_london",)))
    visit.form.observe(lambda change: told.append(change["new"]), names="progress")
    visit.update()
    assert told[0]["what"] == "Preparing" and told[-1] == {}
    assert any(one.get("what", "").startswith("Simulating: 2 of 3 parts done") for one in told)


# ---- answers held against each other -------------------------------------------------------------------------------


def test_pinned_answers_stand_beside_the_one_shown() -> None:
    _, visit = started()
    assert visit.comparison() is None and "Pinned answers against" not in visit.answer_html()
    press(visit, "pin")
    write(visit, rate="40")
    press(visit, "run")
    table = visit.comparison()
    assert table is not None and table.head == ("", "Pinned 1: as published", "Shown: Rate 40 a year")
    label, *cells = table.rows[0]
    assert label == "Product" and [cell.number for cell in cells if isinstance(cell, Said)] == pytest.approx([3.5, 14])
    assert "Pinned 1: as published" in visit.answer_html() and "1 pinned" in visit.actions.note
    press(visit, "unpin")
    assert visit.comparison() is None and visit.actions.note == "" and "unpin" in off(visit)


def test_the_last_few_pinned_are_kept_and_many_changes_are_counted() -> None:
    _, visit = started()
    for rate in range(20, 20 + MOST_PINNED + 2):
        write(visit, rate=str(rate))
        press(visit, "run")
        press(visit, "pin")
    assert [one.texts["rate"] for one in visit.pinned] == ["22", "23", "24", "25"]
    write(visit, place="b", rate="40", share="50", shown="y")
    press(visit, "run")
    table = visit.comparison()
    assert table is not None and table.head[-1] == "Shown: Place B; Rate 40 a year; Share 50% of all; 1 more changes"


def test_an_answer_of_other_figures_is_held_against_with_a_dash() -> None:
    toy, visit = started()
    press(visit, "pin")
    other = View(visit.shown.view.document, (("Other", Said("1", 1, "count")),), load("essex"))  # type: ignore[union-attr]
    visit.page = Page("toy", toy.fields, toy.work, lambda outcome, values: other, scenarios=toy.page.scenarios)
    press(visit, "run")
    table = visit.comparison()
    assert table is not None and table.rows == (("Product", "£4", "-"), ("Other", "-", "1"))


# ---- files to take away --------------------------------------------------------------------------------------------


def given_file(visit: Visit) -> tuple[str, str, bytes]:
    """The file that the browser was told to save."""
    file = visit.actions.file
    return file["name"], file["mime"], base64.b64decode(file["base64"])


def cells(content: bytes) -> list[Any]:
    """Every value of every sheet of a workbook."""
    book = openpyxl.load_workbook(io.BytesIO(content), data_only=False)
    return [cell.value for sheet in book for row in sheet.iter_rows() for cell in row if cell.value is not None]


def test_the_scenario_that_is_taken_away_is_the_one_that_was_run(tmp_path: Path) -> None:
    _, visit = started()
    press(visit, "toml")
    name, mime, content = given_file(visit)
    assert (name, mime) == ("toy_pan_london.toml", "application/toml")
    (tmp_path / name).write_bytes(content)
    assert scenario_hash(load(tmp_path / name)) == scenario_hash(load("pan_london"))


def test_the_workbook_holds_every_number_unrounded_with_inputs_and_pinned_answers() -> None:
    _, visit = started()
    press(visit, "pin")
    write(visit, rate="41.7")
    press(visit, "run")
    press(visit, "xlsx")
    name, mime, content = given_file(visit)
    assert name == "toy_pan_london.xlsx" and mime.endswith("spreadsheetml.sheet")
    book = openpyxl.load_workbook(io.BytesIO(content))
    assert book.sheetnames[:3] == ["Answer", "Inputs", "Parts"] and len(book.sheetnames) == 4
    found = [one for one in cells(content) if isinstance(one, float | int)]
    assert any(one == pytest.approx(41.7 * 0.35, rel=1e-12) for one in found)
    assert any(one == pytest.approx(3.5, rel=1e-12) for one in found), "the pinned one"
    assert {"Rate", "41.7 a year", "10 a year"} <= set(cells(content))


def test_the_report_holds_all_that_is_on_the_screen() -> None:
    _, visit = started()
    press(visit, "pin")
    press(visit, "html")
    name, mime, content = given_file(visit)
    text = content.decode()
    assert (name, mime) == ("toy_pan_london.html", "text/html") and text.lower().startswith("<!doctype html>")
    assert "It is £4." in text and "Toy &lt;question&gt;" in text and "<question>" not in text
    assert "Inputs of this answer" in text and "Pinned 1: as published" in text
    assert scenario_hash(load("pan_london"))[:12] in text


def test_files_are_of_the_answer_shown_not_of_inputs_typed_since() -> None:
    _, visit = started()
    write(visit, scenario="essex")
    press(visit, "toml")
    assert given_file(visit)[0] == "toy_pan_london.toml"
    write(visit, rate="many")
    press(visit, "html")
    assert "It is £4." in given_file(visit)[2].decode()


def test_the_same_file_can_be_taken_away_again() -> None:
    _, visit = started()
    counts = []
    for _ in range(3):
        press(visit, "toml")
        counts.append(visit.actions.file["count"])
    assert counts == [1, 2, 3]


def test_a_page_gives_its_own_files_besides_and_instead() -> None:
    def own(outcome: dict[str, Any]) -> tuple[str, str, bytes]:
        return "own.xlsx", "application/x", str(outcome["product"]).encode()

    def fails(outcome: dict[str, Any]) -> tuple[str, str, bytes]:
        raise OptionError("The report needs docx.")

    _, visit = started(files={"xlsx": ("Own workbook", own), "docx": ("Word", fails)})
    labels = {one["name"]: one["label"] for one in visit.actions.buttons}
    assert labels["xlsx"] == "Own workbook" and labels["docx"] == "Word" and labels["html"] == "Report (HTML)"
    press(visit, "xlsx")
    assert given_file(visit) == ("own.xlsx", "application/x", b"3.5")
    press(visit, "docx")
    assert visit.actions.problem == "The report needs docx." and visit.actions.file["name"] == "own.xlsx"
    press(visit, "pin")
    assert visit.actions.problem == ""


def test_a_file_that_fails_unexpectedly_leaves_the_page_usable() -> None:
    def fails(outcome: dict[str, Any]) -> tuple[str, str, bytes]:
        raise ZeroDivisionError("by 0")

    _, visit = started(files={"pdf": ("PDF", fails)})
    press(visit, "pdf")
    assert "Something went wrong that is a defect" in visit.actions.problem


# ---- files brought -------------------------------------------------------------------------------------------------

SMALL = 'extends = "essex"\ntitle = "Mine"\n[effect]\nusual = 0.4\n'


def brought(text: str, name: str = "mine.toml") -> Visit:
    """A toy page to which a file was brought."""
    _, visit = started()
    bring(visit, name, text)
    return visit


def test_a_scenario_file_is_taken_and_answered_at_once() -> None:
    visit = brought(SMALL)
    assert visit.form.problem == "" and visit.form.texts == PUBLISHED | {"scenario": OWN_FILE, "share": "40"}
    assert product(visit) == pytest.approx(4) and visit.scenario.title == "Mine"
    options = next(one for one in visit.form.fields if one["key"] == "scenario")["options"]
    assert [OWN_FILE, "Your file: mine.toml"] in options
    write(visit, scenario="pan_london")
    assert product(visit) == pytest.approx(3.5), "and one can go back"
    write(visit, scenario=OWN_FILE)
    assert product(visit) == pytest.approx(4)


def test_a_file_taken_away_can_be_brought_back() -> None:
    changed = with_values(load("pan_london"), {"effect.usual": 0.22, "effect.wait_days": 22})
    _, visit = started()
    bring(visit, "toy_pan_london.toml", as_toml(changed))
    assert visit.form.problem == "" and scenario_hash(visit.scenario) == scenario_hash(changed)


def test_a_whole_shipped_file_of_windows_line_ends_is_taken() -> None:
    visit = brought(as_toml(load("essex")).replace("\n", "\r\n"))
    assert visit.form.problem == "" and scenario_hash(visit.scenario) == scenario_hash(load("essex"))


def test_another_version_of_the_file_is_answered_anew() -> None:
    visit = brought(SMALL)
    bring(visit, "mine.toml", SMALL.replace("0.4", "0.2"))
    assert product(visit) == pytest.approx(2)


def test_undo_after_a_second_file_does_not_mix_the_two() -> None:
    visit = brought(SMALL)
    bring(visit, "mine.toml", SMALL.replace("0.4", "0.2"))
    press(visit, "undo")
    share = next(one for one in visit.form.fields if one["key"] == "share")
    assert visit.form.texts["share"] == share["published"], "the file and the numbers belong together"


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("title = \n", ("mine.toml:1",)),
        (SMALL + "[[\n", ("mine.toml:5",)),
        ('extends = "essex"\n\n[clock]\noutcomes_edn = 1\n', ("mine.toml:4", "clock.outcomes_edn", "outcomes_end")),
        ('extends = "essex"\n[effect]\nusual = "many"\n', ("mine.toml:3", "effect.usual")),
        ('extends = "nowhere"\n', ("mine.toml:1", "nowhere")),
        ('extends = "mine.toml"\n', ("mine.toml",)),
        ("", ("mine.toml",)),
        ("\x00\x01\x02", ("mine.toml:1",)),
        ("%PDF-1.7 not a scenario", ("mine.toml:1",)),
        ('extends = "pan_london_evidence"\n', ("mine.toml", "draws its effect from the evidence")),
    ],
)
def test_a_faulty_file_is_refused_line_by_line_and_changes_nothing(text: str, words: tuple[str, ...]) -> None:
    toy = Toy()
    fields = toy.fields
    toy.fields = lambda scenario, texts: (*fields(scenario, texts), *effect_fields(scenario, texts))  # type: ignore[method-assign]
    visit = Visit(Page("toy", toy.fields, toy.work, toy.show, scenarios=("pan_london", "essex")))
    visit.update()
    assert visit.shown is not None
    before, inputs = visit.shown.outcome, dict(visit.form.texts)
    bring(visit, "mine.toml", text)
    assert visit.form.problem.startswith("The file was not taken; the inputs are as before.\n")
    assert all(word in visit.form.problem for word in words), visit.form.problem
    assert "/tmp" not in visit.form.problem and "Traceback" not in visit.form.problem
    assert visit.form.texts == inputs and visit.shown is not None and visit.shown.outcome is before
    assert "undo" in off(visit)
    bring(visit, "mine.toml", SMALL)
    assert visit.form.problem == "" and visit.form.texts["scenario"] == OWN_FILE


def test_all_faults_of_a_file_are_told_at_once() -> None:
    visit = brought('extends = "essex"\n[clock]\nfirst = 1\n[effect]\nusual = 2\n')
    assert "mine.toml has 2 faults" in visit.form.problem
    assert "mine.toml:3" in visit.form.problem and "mine.toml:5" in visit.form.problem


def test_a_huge_file_is_refused_by_its_size() -> None:
    _, visit = started()
    bring(visit, "huge.toml", "", size=LARGEST_FILE_BYTES + 1)
    assert visit.form.problem == "huge.toml is larger than 2 MB: no scenario is. Choose another file."
    assert visit.form.texts == PUBLISHED


NAMES = (
    "../../etc/passwd.toml",
    "/etc/cron.d/x.toml",
    "..",
    ".",
    "",
    "...toml",
    "a b (1).toml",
    "C:\\x\\y.toml",
    "ä.toml",
    "x" * 500 + ".toml",
    "<b>.toml",
    "mine",
    "mine.txt",
    "\x00.toml",
    "a\nb.toml",
    "-rf.toml",
)


@pytest.mark.parametrize("name", NAMES)
def test_a_file_of_any_name_is_taken_and_written_nowhere_else(name: str, tmp_path: Path, monkeypatch: Any) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    visit = brought(SMALL, name)
    assert visit.form.problem == "" and visit.form.texts["scenario"] == OWN_FILE
    assert list(tmp_path.iterdir()) == [], "nothing is left behind"
    assert "/" not in visit.scenario.name and "\n" not in visit.scenario.name and "<" not in visit.scenario.name
    file = visit.download("toml")[0]
    assert file == f"toy_{visit.scenario.name}.toml" and len(file) < 120


def test_a_name_of_letters_that_take_four_bytes_is_taken() -> None:
    visit = brought(SMALL, "\U00020000" * 90 + ".toml")
    assert visit.form.texts["scenario"] == OWN_FILE


def test_the_same_upload_is_read_once() -> None:
    visit = brought(SMALL)
    own = visit.scenario
    write(visit, rate="40")
    assert visit.scenario is own and visit.form.texts["rate"] == "40"


# ---- visitors are apart --------------------------------------------------------------------------------------------


def test_nothing_is_shared_between_two_visits() -> None:
    toy, one = started()
    two = Visit(toy.page)
    two.update()
    bring(one, "mine.toml", SMALL)
    write(one, rate="40")
    press(one, "run")
    press(one, "pin")
    press(one, "toml")
    two.update()
    assert two.form.texts == PUBLISHED and two.pinned == [] and two.actions.file == {} and two.form.presses == {}
    assert product(two) == pytest.approx(3.5) and two.form.upload == {} and off(two) == {"undo", "reset", "unpin"}
    write(two, scenario=OWN_FILE)
    assert two.form.texts == PUBLISHED, "the file of another is not there"
    worked = len(toy.worked)
    write(two, rate="40")
    assert two.form.note and len(toy.worked) == worked, "nor is another's answer"


# ---- a real page ---------------------------------------------------------------------------------------------------


def notebook(name: str) -> ModuleType:
    """A notebook as a module."""
    spec = importlib.util.spec_from_file_location(name, notebook_folder() / f"{name}.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def borough() -> Visit:
    """The page of a borough that joins, answered with few simulated contracts."""
    module = notebook("borough_joins")
    page = Page("borough_joins", module.questions, module.live, module.show, scenarios=("pan_london", "pan_london_ten"))
    visit = Visit(page, {"replications": "100"})
    visit.update()
    assert visit.form.problem == "" and visit.form.errors == {} and visit.shown is not None
    return visit


def test_a_borough_brings_its_own_referrals_unless_they_were_set(borough: Visit) -> None:
    quiet = replace(borough.page, at_start=False)
    visit = Visit(quiet)
    names = [value for value, _ in next(one for one in visit.form.fields if one["key"] == "borough")["options"]]
    rates = {}
    for name in names:
        write(visit, borough=name)
        rates[name] = float(visit.form.texts["referrals"])
        assert visit.form.errors == {} and rates[name] == pytest.approx(
            load_joiner(name, load("pan_london")).borough.referrals_per_year, abs=0.05
        )
    assert len(set(rates.values())) > 1
    write(visit, referrals="33")
    write(visit, borough=names[0])
    assert visit.form.texts["referrals"] == "33" and visit.shown is None
    link = Visit(quiet, dict(parse_qsl(visit.form.link)))
    write(link, borough=names[1])
    assert link.form.texts["referrals"] == "33" and link.form.texts["borough"] == names[1]


def test_the_numbers_of_the_real_page_stand_in_the_workbook_unrounded(borough: Visit) -> None:
    shown = borough.shown
    assert shown is not None
    press(borough, "pin")
    numbers = [one for one in cells(borough.download("xlsx")[2]) if isinstance(one, float | int)]
    press(borough, "unpin")
    said = [cell for _, cell in shown.view.headline]
    said += [
        cell
        for block in shown.view.document.blocks
        if isinstance(block, Table)
        for row in block.rows
        for cell in row
        if isinstance(cell, Said)
    ]
    wanted = [one.number for one in said if one.number is not None and math.isfinite(one.number)]
    assert len(wanted) > 30
    missing = [one for one in wanted if not any(got == pytest.approx(one, rel=1e-12, abs=1e-9) for got in numbers)]
    assert missing == []


def test_the_report_and_the_scenario_of_the_real_page(borough: Visit, tmp_path: Path) -> None:
    assert borough.shown is not None
    name, _, content = borough.download("toml")
    (tmp_path / name).write_bytes(content)
    assert scenario_hash(load(tmp_path / name)) == scenario_hash(borough.shown.view.scenario)
    assert "haringey" in borough.shown.view.scenario.boroughs, "the joined contract is what is taken away"
    text = borough.download("html")[2].decode()
    answer = next(block for block in borough.shown.view.document.blocks if isinstance(block, Callout))
    assert answer.text.split(",")[0].split("'")[0] in text and "Inputs of this answer" in text


def test_another_effect_of_the_real_page_changes_its_answer(borough: Visit) -> None:
    before = borough.shown
    assert before is not None
    none = dict(next(one for one in borough.form.fields if one["key"] == "therapy")["shortcuts"])["none"]
    assert write(borough, therapy=none) is before and "Press Run" in borough.form.note
    after = press(borough, "run")
    assert after is not None and borough.form.problem == ""
    assert dict(after.view.headline) != dict(before.view.headline)
    assert scenario_hash(after.view.scenario) != scenario_hash(before.view.scenario)
    press(borough, "undo")
    assert borough.shown is not None and borough.form.note == "" and borough.shown.texts == before.texts


def test_a_file_of_the_evidence_is_refused_by_the_real_page(borough: Visit) -> None:
    assert borough.shown is not None
    before = borough.shown.outcome
    bring(borough, "evidence.toml", 'extends = "pan_london_evidence"\n')
    assert borough.form.problem.startswith("The file was not taken; the inputs are as before.\nevidence.toml: ")
    assert borough.shown is not None and borough.shown.outcome is before
