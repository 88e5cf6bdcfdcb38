"""What must be true for a claim to hold? The rates that follow from it, and whether so many children could there be."""

import marimo

__generated_with = "0.25.2"
app = marimo.App(width="full", app_title="What must be true for the claim to hold? - edgeofcare")

with app.setup:
    import marimo as mo

    from edgeofcare import run
    from edgeofcare.documents.answers.calibration import calibration_document, calibration_headline
    from edgeofcare.documents.text_pages.run import warnings_in_short
    from edgeofcare.pages import Page, View, Visit, head, link_inputs, section
    from edgeofcare.pages.questions import effect_fields, size_fields, with_effect
    from edgeofcare.questions.target_readings import readings
    from edgeofcare.results import plain


@app.function
def questions(scenario, texts):
    """What a visitor may change."""
    return (*effect_fields(scenario, texts), *size_fields(200, 2000))


@app.function
def live(scenario, values, progress):
    """The claim in three readings, and what it asks of the boroughs."""
    assumed = with_effect(scenario, values)
    n, seed = values["replications"], values["seed"]
    return assumed, readings(assumed, n, seed), plain(run(assumed, n, seed).summary)


@app.function
def show(outcome, values):
    """What must be true, in words, a picture and tables."""
    assumed, found, summary = outcome
    about = {"title": assumed.title, "scenario": assumed.name} | {key: summary[key] for key in ("replications", "seed")}
    document = calibration_document(found, about, [" ".join(warnings_in_short(summary))])
    return View(document, calibration_headline(found), assumed)


@app.cell
def _():
    visit = Visit(Page("calibrate", questions, live, show), link_inputs())
    form, actions = mo.ui.anywidget(visit.form), mo.ui.anywidget(visit.actions)
    return actions, form, visit


@app.cell
def _():
    mo.Html(head("calibrate"))
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
