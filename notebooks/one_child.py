"""One child, step by step: the life that the simulation counts, without therapy and with it."""

import marimo

__generated_with = "0.25.2"
app = marimo.App(width="full", app_title="One child, step by step - edgeofcare")

with app.setup:
    import marimo as mo

    from edgeofcare.analysis.child import one_child
    from edgeofcare.analysis.worlds import claimed_world
    from edgeofcare.documents.child_document import child_document, child_headline
    from edgeofcare.pages import Choice, Number, Page, View, Visit, head, section
    from edgeofcare.pages.questions import effect_fields, with_effect


@app.function
def questions(scenario, texts):
    """What a visitor may change."""
    names = {slug: borough.name for slug, borough in scenario.boroughs.items()}
    return (
        Choice("borough", "Borough", min(names), tuple(names.items())),
        Number("child", "Child, in the order of referral", 1, 1, 2000, 1, whole=True),
        Number("contract", "Simulated contract", 0, 0, 9999, 1, hint="The luck of this contract; others differ.",
               whole=True),
        Number("seed", "Seed", 1, 0, 999_999, 1, whole=True),
        *effect_fields(scenario, texts),
    )  # fmt: skip


@app.function
def live(scenario, values, progress):
    """The child in both lives."""
    assumed = with_effect(scenario, values)
    world = claimed_world(assumed)
    return assumed, one_child(world, values["seed"], values["contract"], values["borough"], values["child"])


@app.function
def show(outcome, values):
    """The life in words, a picture and tables."""
    assumed, found = outcome
    return View(child_document(found), child_headline(found), assumed)


@app.cell
def _():
    visit = Visit(Page("one_child", questions, live, show), mo.query_params().to_dict())
    form, actions = mo.ui.anywidget(visit.form), mo.ui.anywidget(visit.actions)
    return actions, form, visit


@app.cell
def _():
    mo.Html(head("one_child"))
    return


@app.cell
def _(form):
    form
    return


@app.cell
def _(actions, form, visit):
    shown = visit.update(form.value, actions.value)
    mo.Html(section(visit.answer_html(), "Answer", "answer", main=True))
    return (shown,)


@app.cell
def _(actions):
    actions
    return


@app.cell
def _(shown, visit):
    mo.Html(section(visit.comparison_html() + visit.inputs_html(), "Pinned answers and inputs", "inputs"))
    return


if __name__ == "__main__":
    app.run()
