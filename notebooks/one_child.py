"""One child, step by step: the life that the simulation counts, without therapy and with it."""

import marimo

__generated_with = "0.25.2"
app = marimo.App(width="full", app_title="One child, step by step - edgeofcare")

with app.setup:
    import marimo as mo

    from edgeofcare.documents.answers.child import child_document, child_headline
    from edgeofcare.pages import Choice, Number, Page, View, Visit, head, link_inputs, section
    from edgeofcare.pages.questions import effect_fields, step_field, with_effect
    from edgeofcare.questions.child import one_child
    from edgeofcare.questions.counterfactuals import claimed_case

    AT_ONCE = "Changes the answer at once."
    AT_ONCE_KEYS = ("borough", "child", "contract", "seed")


@app.function
def questions(scenario, texts):
    """What a visitor may change."""
    names = {slug: borough.name for slug, borough in scenario.boroughs.items()}
    largest = max(names, key=lambda slug: scenario.boroughs[slug].referrals_per_year)
    return (
        Choice("borough", "Borough", largest, tuple(names.items()), AT_ONCE),
        step_field("child", "Child, in the order of referral", 3, 1, 999, texts, AT_ONCE),
        step_field("contract", "Simulated contract, from 0", 0, 0, 9999, texts, f"{AT_ONCE} Each has other luck."),
        Number("seed", "Seed", 1, 0, 999_999, 1, whole=True),
        *effect_fields(scenario, texts),
    )


@app.function
def live(scenario, values, progress):
    """The world in which children live."""
    return claimed_case(with_effect(scenario, values))


@app.function
def show(world, values):
    """The child in both lives, in words, a picture and tables."""
    found = one_child(world, values["seed"], values["contract"], values["borough"], values["child"])
    return View(child_document(found), child_headline(found), world.scenario)


@app.cell
def _():
    visit = Visit(Page("one_child", questions, live, show, at_once=AT_ONCE_KEYS), link_inputs())
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
