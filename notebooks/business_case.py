"""The business case of a scenario: every analysis, then the report and the workbook with live formulas."""

import marimo

__generated_with = "0.25.2"
app = marimo.App(width="full", app_title="The business case of a scenario - edgeofcare")

with app.setup:
    import tempfile
    from functools import partial
    from pathlib import Path

    import marimo as mo

    from edgeofcare.documents.papers.business_case import business_case, business_headline, in_one_page
    from edgeofcare.documents.papers.report import MEDIA_TYPES, rendered
    from edgeofcare.documents.read import read_case
    from edgeofcare.documents.workbook.book import workbook
    from edgeofcare.pages import Page, View, Visit, head, link_inputs, section
    from edgeofcare.pages.questions import effect_fields, size_fields, with_effect
    from edgeofcare.questions.case import make_case


@app.function
def questions(scenario, texts):
    """What a visitor may change."""
    return (*effect_fields(scenario, texts), *size_fields(200, 2000))


@app.function
def live(scenario, values, progress):
    """Every part of the case."""
    assumed = with_effect(scenario, values)
    with tempfile.TemporaryDirectory() as folder:
        case = make_case(assumed, Path(folder) / "case", values["replications"], values["seed"], progress=progress)
        parts = read_case(case)
    return assumed, parts, business_case(parts)


@app.function
def show(outcome, values):
    """The answer of the case; the rest stands in the report."""
    assumed, parts, document = outcome
    return View(in_one_page(document), business_headline(parts), assumed)


@app.function
def file_of(kind, outcome):
    """The whole report in one format, or the workbook."""
    _, parts, document = outcome
    content = workbook(parts) if kind == "xlsx" else rendered(document, kind)
    return f"business_case_{parts['case']['scenario']}.{kind}", MEDIA_TYPES[kind], content


@app.cell
def _():
    kinds = {"html": "HTML", "docx": "Word", "pdf": "PDF"}
    files = {kind: (f"Whole report ({label})", partial(file_of, kind)) for kind, label in kinds.items()}
    files["xlsx"] = ("Workbook with live formulas", partial(file_of, "xlsx"))
    page = Page("business_case", questions, live, show, at_start=False, files=files)
    visit = Visit(page, link_inputs())
    form, actions = mo.ui.anywidget(visit.form), mo.ui.anywidget(visit.actions)
    return actions, form, visit


@app.cell
def _():
    mo.Html(head("business_case"))
    return


@app.cell
def _(form):
    form
    return


@app.cell
def _(actions):
    actions
    return


@app.cell
def _(actions, form, visit):
    shown = visit.update(form.value, actions.value)
    mo.Html(section(visit.answer_html(), "Answer", "answer", main=True))
    return (shown,)


if __name__ == "__main__":
    app.run()
