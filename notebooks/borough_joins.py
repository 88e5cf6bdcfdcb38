"""Should this borough join? The contract without it and with it, on the same luck, for it and for everyone else."""

import marimo

__generated_with = "0.25.2"
app = marimo.App(width="full", app_title="Should this borough join? - edgeofcare")

with app.setup:
    from datetime import date

    import marimo as mo

    from edgeofcare import join
    from edgeofcare.documents.answers.join import join_document, join_headline
    from edgeofcare.documents.answers.join_words import team_words
    from edgeofcare.inputs.boroughs import Joining, load_joiner, names_of_joiners, team_choices, with_referrals
    from edgeofcare.pages import Choice, Number, Page, View, Visit, head, link_inputs, section
    from edgeofcare.pages.questions import effect_fields, effect_words, size_fields, with_effect
    from edgeofcare.questions.join import joining_months


@app.function
def questions(scenario, texts):
    """What a visitor may change."""
    names, months = names_of_joiners(scenario), joining_months(scenario)
    usual = "haringey" if "haringey" in names else min(names)
    borough = load_joiner(texts.get("borough") if texts.get("borough") in names else usual, scenario).borough
    planned = borough.join_date if borough.join_date in months else months[0]
    return (
        Choice(
            "borough",
            "Borough that would join",
            usual,
            tuple(names.items()),
            f"Already in: {', '.join(one.name for one in scenario.boroughs.values())}.",
        ),
        Choice(
            "when",
            "First day of its referrals",
            str(planned),
            tuple((str(day), f"{day.day} {day:%B %Y}") for day in months),
        ),
        Number(
            "referrals",
            "Families it refers",
            borough.referrals_per_year,
            1,
            300,
            1,
            "a year",
            "Nobody has published a joiner's rate: half of the founders' rate is taken.",
        ),
        Choice(
            "teams",
            "Therapy teams",
            "as-is",
            tuple((name, team_words(name, scenario.therapy_labels)) for name in team_choices(scenario)),
        ),
        *effect_fields(scenario, texts),
        *size_fields(2000, 10_000),
    )


@app.function
def live(scenario, values, progress):
    """Both worlds, without and with the borough."""
    assumed = with_effect(scenario, values)
    joiner = load_joiner(values["borough"], assumed)
    if values["referrals"] != joiner.borough.referrals_per_year:
        joiner = with_referrals(joiner, values["referrals"])
    joining = Joining(joiner, date.fromisoformat(values["when"]), values["teams"])
    return join(assumed, [joining], replications=values["replications"], seed=values["seed"], progress=progress)


@app.function
def show(joined, values):
    """The answer in words, pictures and tables."""
    return View(join_document(joined, effect_words(values)), join_headline(joined), joined.joined)


@app.cell
def _():
    london = ("pan_london", "pan_london_ten", "pan_london_stay_dfe")
    visit = Visit(Page("borough_joins", questions, live, show, scenarios=london), link_inputs())
    form, actions = mo.ui.anywidget(visit.form), mo.ui.anywidget(visit.actions)
    return actions, form, visit


@app.cell
def _():
    mo.Html(head("borough_joins"))
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
