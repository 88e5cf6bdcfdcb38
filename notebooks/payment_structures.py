"""What does each payment structure cost whom? Every contract on the same children, if therapy works and if not."""

import marimo

__generated_with = "0.25.2"
app = marimo.App(width="full", app_title="What does each payment structure cost whom? - edgeofcare")

with app.setup:
    import marimo as mo

    from edgeofcare import contracts
    from edgeofcare.documents.answers.contracts import SORTS, payments_document, payments_headline
    from edgeofcare.inputs.contracts import names_for
    from edgeofcare.pages import Choice, Page, Several, View, Visit, head, link_inputs, section
    from edgeofcare.pages.questions import effect_fields, size_fields, with_effect


@app.function
def questions(scenario, texts):
    """What a visitor may change."""
    names = names_for(scenario)
    return (
        Several("contracts", "Contracts to show", tuple(names), tuple(names.items()), "Changes the answer at once."),
        Choice(
            "sort",
            "Sorted by",
            "boroughs_keep",
            tuple((key, sort.words) for key, sort in SORTS.items()),
            "Changes the answer at once.",
        ),
        Choice(
            "size",
            "Sizes of the contracts",
            "own",
            (("own", "as published"), ("same", "scaled, so that each pays the same if the claim holds")),
        ),
        *effect_fields(scenario, texts),
        *size_fields(2000, 10_000),
    )


@app.function
def live(scenario, values, progress):
    """Every contract on the same lives."""
    assumed = with_effect(scenario, values)
    found = contracts(
        assumed,
        list(names_for(scenario)),
        values["replications"],
        values["seed"],
        same_cost=values["size"] == "same",
        progress=progress,
    )
    return assumed, found.as_dict()


@app.function
def show(outcome, values):
    """The answer in words, pictures and tables; held against others, the first contract shown."""
    assumed, found = outcome
    names = values["contracts"]
    return View(payments_document(found, names, values["sort"]), payments_headline(found, names[0]), assumed)


@app.cell
def _():
    page = Page("payment_structures", questions, live, show, at_once=("contracts", "sort"))
    visit = Visit(page, link_inputs())
    form, actions = mo.ui.anywidget(visit.form), mo.ui.anywidget(visit.actions)
    return actions, form, visit


@app.cell
def _():
    mo.Html(head("payment_structures"))
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
