"""Will the investor be paid, and what would sink the deal? Returns as planned, then under stress, on the same luck."""

import marimo

__generated_with = "0.25.2"
app = marimo.App(width="full", app_title="Will the investor be paid? - edgeofcare")

with app.setup:
    import marimo as mo

    from edgeofcare import run, stress, with_values
    from edgeofcare.documents.answers.investor import investor_document, investor_headline, investor_pictures
    from edgeofcare.inputs.contracts import at_price
    from edgeofcare.pages import Choice, Number, Page, View, Visit, head, link_inputs, section
    from edgeofcare.pages.questions import effect_fields, size_fields, with_effect
    from edgeofcare.questions.counterfactuals import claimed_case
    from edgeofcare.questions.report_data import series
    from edgeofcare.results import plain

    AT_ONCE = "Changes the answer at once."
    CAPS_STAY = "Caps stay as they are."
    STRESSES = {
        "main": ("no_effect", "half_effect", "start_effect", "referrals_30", "residential_flat", "payments_late"),
        "all": "all",
        "none": None,
    }
    STRESS_REPLICATIONS = 500  # of each stress: differences on the same luck need fewer


@app.function
def questions(scenario, texts):
    """What a visitor may change."""
    return (
        Number("target", "Return the investor asks for", 0.08, 0, 60, 0.5, "% a year", AT_ONCE, percent=True),
        *effect_fields(scenario, texts),
        Number("volume", "Families referred", 1.0, 10, 150, 5, "% of the plan", percent=True),
        Number("prices", "Prices of outcomes", 1.0, 0, 200, 5, "% of the contract's", CAPS_STAY, percent=True),
        Choice(
            "stresses",
            "Stresses to try",
            "main",
            (("main", "six of the harshest"), ("all", "all that fit the scenario"), ("none", "none")),
            "All take some seconds more.",
        ),
        *size_fields(2000, 10_000),
    )


@app.function
def live(scenario, values, progress):
    """The contract as planned, and under each stress."""
    rates = {slug: borough.referrals_per_year * values["volume"] for slug, borough in scenario.boroughs.items()}
    assumed = with_effect(scenario, values)
    if values["volume"] != 1:
        assumed = with_values(assumed, {f"boroughs.{slug}.referrals_per_year": rate for slug, rate in rates.items()})
    if values["prices"] != 1:
        assumed = at_price(assumed, values["prices"])
    n, seed, names = values["replications"], values["seed"], STRESSES[values["stresses"]]
    parts = {
        "summary": plain(run(assumed, n, seed, progress=progress).summary),
        "series": plain(series(claimed_case(assumed), n, seed)),
    }
    if names:
        few = min(n, STRESS_REPLICATIONS)
        parts["stress"] = stress(assumed, names, replications=few, seed=seed, progress=progress).as_dict()
    return assumed, parts | {"pictures": investor_pictures(parts)}


@app.function
def show(outcome, values):
    """The answer in words, pictures and tables."""
    assumed, parts = outcome
    target = values["target"]
    return View(investor_document(parts, target), investor_headline(parts, target), assumed)


@app.cell
def _():
    page = Page("investor_stress", questions, live, show, at_once=("target",))
    visit = Visit(page, link_inputs())
    form, actions = mo.ui.anywidget(visit.form), mo.ui.anywidget(visit.actions)
    return actions, form, visit


@app.cell
def _():
    mo.Html(head("investor_stress"))
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
