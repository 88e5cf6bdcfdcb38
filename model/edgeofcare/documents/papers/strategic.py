"""The strategic case: the children, the service, and what is known of its effect. In: parts of a case. Out: blocks.

It computes nothing but roundings. Must not know: formats, engines.
"""

from __future__ import annotations

from edgeofcare.documents.document import Callout, Heading, Paragraph, Table, table_of
from edgeofcare.documents.papers.chapters import Blocks, Case, figures, has_effect, inputs_of, study, with_parts
from edgeofcare.documents.text_pages.run import warning_words
from edgeofcare.documents.words import count, day, percent, pounds, ratio, slug_words
from edgeofcare.inputs.published import reference_file

TRIALS = ("family_group_conference", "start")  # no figure that was only recalled


def strategic_case(case: Case) -> Blocks:
    """Yield the chapter on the children, the service and the evidence."""
    yield Heading("Strategic case: the need, the service and the evidence")
    if text := " ".join(case["case"].get("description", "").split()):
        yield Paragraph(text)
    yield Heading("The children", 3)
    yield from with_parts(case, "summary", _cohort)
    yield Heading("The service", 3)
    yield from with_parts(case, "inputs", _service)
    yield Heading("Evidence and effect", 3)
    yield from _evidence(case)
    yield from with_parts(case, "summary", _assumed_effect)


def _cohort(case: Case) -> Blocks:
    summary = case["summary"]
    children, care = summary["children"], summary["care_days"]
    rows = [
        ("Families referred", children["referred"]),
        ("Gave up waiting", children["left_queue"]),
        ("Entered care while waiting", children["entered_care_waiting"]),
        ("Started therapy", children["started"]),
        ("Completed therapy", children["completed"]),
        ("Tracked for outcomes", children["tracked"]),
        ("Days in care while tracked, without therapy", care["usual"]),
        ("Days in care while tracked, with therapy", care["therapy"]),
    ]
    yield table_of(
        "The children, over the whole contract",
        ("", "Average", "Middle 80% of simulated contracts"),
        [(words, count(stat["mean"]), f"{stat['p10']:,.0f} to {stat['p90']:,.0f}") for words, stat in rows],
        "Every child is lived twice by the program, without and with therapy, on the same luck.",
    )
    wait, share = summary["waiting_days"]["mean"], summary["never_in_care_share"]
    if wait is not None:
        yield Paragraph(
            f"A child who starts has waited {wait:,.0f} day{'' if round(wait) == 1 else 's'} on average. Without "
            f"therapy {percent(share['usual']['mean'])} would never be in care while tracked, with therapy "
            f"{percent(share['therapy']['mean'])}."
        )
    texts = [" ".join(text.split()) for text in warning_words(summary)][1:]
    yield from (Callout(text, "warning") for text in [" ".join(texts)] if text)
    yield from figures(case, "lives")


def _service(case: Case) -> Blocks:
    inputs = inputs_of(case)
    names = {
        path.split(".")[1]: value
        for path, value in inputs.items()
        if path.startswith("boroughs.") and path.endswith(".name")
    }
    teams = dict.fromkeys(path.split(".")[1] for path in inputs if path.startswith("teams."))
    rows = []
    for slug in teams:
        team = {path.rpartition(".")[2]: value for path, value in inputs.items() if path.startswith(f"teams.{slug}.")}
        places = team["n_therapists"] * team["caseload_per_therapist"]
        served = team["boroughs"]
        everywhere = len(served) == len(names) > 1
        rows.append(
            (
                slug_words(slug),
                inputs[f"therapies.{team['therapy']}.name"] or slug_words(team["therapy"]),
                str(team["n_therapists"]),
                str(places),
                "all" if everywhere else ", ".join(names.get(one, one) for one in served),
                pounds(team["cost_gbp_per_year"]),
            )
        )
    yield Paragraph(
        f"The service opens on {day(inputs['clock.day_0'])} and takes referrals until "
        f"{day(inputs['clock.referrals_until'])}. The last therapy ends by {day(inputs['clock.delivery_end'])}, and "
        f"outcomes count until {day(inputs['clock.outcomes_end'])}."
    )
    yield Table(
        "The teams",
        ("Team", "Therapy", "Therapists", "Families at once", "Serves", "Cost in the first year"),
        tuple(rows),
        numeric=(False, False, True, True, False, True),
    )


def _evidence(case: Case) -> Blocks:
    sources = reference_file("evidence")["source"]
    yield Paragraph(
        "What trials found, as the odds of being in care with therapy against without: below 1 is less care, 1 no "
        "effect, above 1 more care."
    )
    rows = []
    for name in TRIALS:
        found = study(name)
        interval = f"{found['ci_low']} to {found['ci_high']}" if "ci_low" in found else "-"
        rows.append((found["says"], ratio(found["odds_ratio"]), interval, sources[found["source"]]["title"]))
    yield Table(
        "What trials found",
        ("Study", "Odds ratio", "95% interval", "Source"),
        tuple(rows),
        "Family group conferences are another service; they show what a family service in England has reached.",
        numeric=(False, True, True, False),
    )


def _assumed_effect(case: Case) -> Blocks:
    found, share = case["summary"]["calibration"], case["summary"]["out_of_care_share"]
    if not has_effect(case):
        yield Paragraph("This case assumes that therapy has no effect on care.")
        return
    texts = [
        f"In this case the program lets a child enter care for the first time at {found['hazard_ratio']:.2f} times the "
        f"rate without therapy, so that the claim comes true."
    ]
    if share["usual"]["mean"] is not None:
        texts.append(
            f"In the simulated contracts {percent(share['usual']['mean'], 1)} of tracked days are then spent out of "
            f"care without therapy and {percent(share['therapy']['mean'], 1)} with it."
        )
    claim = study("pan_london_claim")
    without, treated = claim["in_care_without"], claim["in_care_with"]
    texts.append(
        f"For comparison, the claim of the Pan-London contract ({percent(1 - without)} and {percent(1 - treated)}) "
        f"amounts to an odds ratio of {ratio(treated / (1 - treated) * (1 - without) / without)}: better than every "
        f"trial above."
    )
    yield Paragraph(" ".join(texts))
