"""One simulated child's life as a document: the answer, two timelines, every step, and the money. In: a child's life.

Out: a `Document`. It computes nothing but differences and roundings. Must not know: scenarios, engines, formats.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import pairwise
from typing import TYPE_CHECKING, Any

from edgeofcare.documents.document import (
    Block,
    Bullets,
    Callout,
    Document,
    Figure,
    Heading,
    Paragraph,
    Said,
    Table,
)
from edgeofcare.documents.pictures.figures import ARM_WORDS, HOME, PLACES
from edgeofcare.documents.pictures.picture import figure
from edgeofcare.documents.words import age, day, pounds, said_count, said_days, said_pence, slug_words, things
from edgeofcare.inputs.terms.kinds import kind_of
from edgeofcare.provenance import version

if TYPE_CHECKING:
    from matplotlib.figure import Figure as Canvas

Found = Mapping[str, Any]
FATES = {  # why a child did not start
    "not_accepted": "the referral was not accepted",
    "did_not_engage": "the family did not take up the offer",
    "left_patience": "the family gave up waiting",
    "left_18": "the child turned 18 while waiting",
    "left_care": "the child went into care while waiting",
    "left_entitlement": "the borough had used all of its places",
    "left_too_late": "therapy would have ended after the service closes",
}
UNTRACKED = {
    "not_completed": "only those who complete therapy are tracked",
    "turns_18_first": "the child turns 18 before tracking would begin",
    "outcomes_end_first": "the contract's outcomes end before tracking would begin",
}


def child_answer(found: Found) -> str:
    """Return in one sentence what therapy changed for this child."""
    if not found["started"]:
        return f"This child never starts therapy ({FATES[found['fate']]}), so both lives are the same."
    if found["tracking"] is None:
        return f"This child starts therapy, but none of its days count: {UNTRACKED[found['why_not_tracked']]}."
    usual, therapy = (found["arms"][arm] for arm in ARM_WORDS)
    days = therapy["tracked_care_days"] - usual["tracked_care_days"]
    cost = therapy["tracked_care_cost_gbp"] - usual["tracked_care_cost_gbp"]
    spent = f"{things(therapy['tracked_care_days'], 'day')} in care while tracked"
    if days == 0:
        if not usual["tracked_care_days"]:
            return "Therapy changes nothing that counts: this child spends no tracked day in care either way."
        return f"Therapy does not change the days in care: this child spends {spent} either way{_cost_words(cost)}."
    way = "fewer" if days < 0 else "more"
    return (
        f"With therapy this child spends {spent} instead of {usual['tracked_care_days']:,}: {abs(days):,} {way}"
        f"{_cost_words(cost, even_so=(cost > 0) != (days > 0))}."
    )


def child_headline(found: Found) -> tuple[tuple[str, Said], ...]:
    """Return the key figures of a child by label, for holding it against another."""
    tracked = found["tracking"] is not None
    years = found["age_at_referral_years"]
    figures: list[tuple[str, Said]] = [("Age at referral", Said(age(years), years, "years"))]
    for arm, words in ARM_WORDS.items():
        life = found["arms"][arm]
        said = f"{words[0].lower()}{words[1:]}"
        days, gbp = (life["tracked_care_days"], life["tracked_care_cost_gbp"]) if tracked else (None, None)
        figures += [
            (f"Tracked days in care {said}", said_count(days, digits=0)),
            (f"Cost of that care {said}", said_pence(gbp)),
        ]
    return (*figures, ("Paid for this child's outcomes", said_pence(_sums_due(found)[0])))


def child_document(found: Found) -> Document:
    """Return one child's life as a document. found: what `questions.child.one_child` returns."""
    contract = f"simulated contract {found['replication']}"
    return Document(
        title=f"Child {found['number']} of {found['borough_name']}, {contract}",
        subtitle="An invented child: no real child is described here. The model lives every such life twice, without "
        "and with therapy.",
        blocks=tuple(_blocks(found)),
        footer=f"edgeofcare {version()}; scenario {found['scenario']}, world “{found['world']}”; seed {found['seed']}, "
        f"{contract} (counted from 0), {found['borough_name']}, child {found['number']} of "
        f"{found['n_referred']}.",
        keywords=("simulated child", "step by step", found["scenario"]),
    )


def _blocks(found: Found) -> Iterator[Block]:
    yield Callout(f"{child_answer(found)}{_paid_words(found)}")
    yield Paragraph(_who(found))
    yield _timelines(found)
    yield Heading("Step by step")
    yield _steps(found)
    yield Heading("The money")
    yield from _money(found)
    yield Heading("How to read this")
    yield Bullets(tuple(_reading(found)))


# ---- words -----------------------------------------------------------------------------------------------------------


def _cost_words(change_gbp: float, even_so: bool = True) -> str:
    """Return what becomes of the cost of care, as the end of a sentence; even_so: it does not go with the days."""
    if pounds(abs(change_gbp)) == pounds(0):
        return ""
    way = "more" if change_gbp > 0 else "less"
    link = ", yet" if even_so else ", and"
    return f"{link} care costs {pounds(abs(change_gbp))} {way}"


def _paid_words(found: Found) -> str:
    """Return as a further sentence what the contract owes for a starter; nothing if it cannot be told for one child."""
    if not (found["started"] and found["payments"]):
        return ""
    due, anyway = _sums_due(found)
    told = f" The contract owes {pounds(due)} for it, before caps and the like"
    if not anyway:
        return f"{told}."
    if pounds(anyway) == pounds(due):
        return f"{told}; {'almost ' if _due_change(found) else ''}the same would be due without therapy."
    if anyway < due:
        return f"{told}; {pounds(anyway)} of that would be due without therapy too."
    rules = "rule" if len(found["payments"]) == 1 else "rules"
    return f"{told}; without therapy the same {rules} would pay more, {pounds(anyway)}."


def _sums_due(found: Found) -> tuple[float, float]:
    """Return what all terms together owe for this child with therapy, and without, GBP."""
    rows = found["payments"]
    return sum(row["due_gbp"] for row in rows), sum(row["due_without_therapy_gbp"] or 0.0 for row in rows)


def _due_change(found: Found) -> float:
    """Return by how much more is due for this child with therapy than without, GBP to the penny."""
    due, anyway = _sums_due(found)
    return round(due - anyway, 2)


def _waited(n_days: int) -> str:
    return f"after {things(n_days, 'day')} of waiting" if n_days else "at once"


def _place(place: str) -> str:
    return PLACES[place][0] if place in PLACES else HOME


def _title(place: str) -> str:
    words = _place(place)
    return words[0].upper() + words[1:]


def _who(found: Found) -> str:
    """Return who the child is and how far the service took it, in sentences."""
    needs = "three or more needs" if found["three_or_more_needs"] else "fewer than three needs"
    told = (
        f"{found['borough_name']} refers this child on {day(found['referred_date'], '%b')}, aged "
        f"{age(found['age_at_referral_years'])}, with {needs}, living at home. It turns 18 on "
        f"{day(found['birthday_18_date'], '%b')}. "
    )
    if not found["started"]:
        waited = f"waits {things(found['waited_days'], 'day')} and " if "waited_days" in found else ""
        return f"{told}It {waited}never starts therapy: {FATES[found['fate']]}."
    end = "completes it" if found["fate"] == "completed" else "breaks it off"
    told += (
        f"It starts {found['therapy_name']} with team {slug_words(found['team'])} "
        f"{_waited(found['waited_days'])}, on {day(found['start_date'], '%b')}, and {end} on "
        f"{day(found['stop_date'], '%b')}."
    )
    if (tracking := found["tracking"]) is None:
        return f"{told} None of its days are tracked: {UNTRACKED[found['why_not_tracked']]}."
    return (
        f"{told} It is tracked for {things(tracking['tracked_days'], 'day')}, from "
        f"{day(tracking['first_date'], '%b')} until {day(tracking['until_date'], '%b')}."
    )


def _reading(found: Found) -> Iterator[str]:
    yield (
        "Both lives have the same luck: the same child, the same dice. They differ only because therapy makes going "
        "into care less likely (or more, where the scenario says so) from its first day on."
    )
    yield (
        "So a single child can do worse with therapy: a later entry can meet another length of stay or a dearer place. "
        "What therapy does is seen in the average over all children, never in one."
    )
    yield "Only days inside tracking count for the contract; the rest of the life is shown to the 18th birthday."
    yield "A day in care is counted from the day of the move until the day before the child leaves."
    yield (
        f"{found['borough_name']} refers {found['n_referred']:,} children in this simulated contract. Adding up these "
        "pages over all children gives the model's own counts, days and care costs: a test of the program holds that."
    )
    yield "Days are numbered from day 0, the first day of the contract."


# ---- the picture -----------------------------------------------------------------------------------------------------


def _timelines(found: Found) -> Figure:
    """Return the child's two lives, one below the other, with tracking marked."""
    name, title = "child-timelines", "Where this child is, without and with therapy"
    origin = found["start_day"] if found["started"] else found["referred_day"]

    def draw() -> Canvas:
        from edgeofcare.documents.pictures import draw_child

        return draw_child.timelines(
            {arm: list(_pieces(found, arm)) for arm in ARM_WORDS},
            origin,
            found["referred_day"],
            found["birthday_18_day"],
            found["started"],
            found["tracking"],
        )

    rows = [
        (
            ARM_WORDS[arm],
            _title(stay["place"]),
            day(stay["from_date"], "%b"),
            day(stay["until_date"], "%b"),
            said_days(stay["stay_days"]),
        )
        for arm in ARM_WORDS
        for stay in found["arms"][arm]["stays"]
    ]
    return figure(
        name,
        title,
        _described(found),
        ("Life", "Place", "From", "Until", "Days"),
        rows,
        "From referral to the 18th birthday.",
        draw=draw,
    )


def _pieces(found: Found, arm: str) -> Iterator[tuple[str, int, int]]:
    """Yield (place, first day, day after the last), with time at home in therapy told apart."""
    start, stop = (found[key] for key in ("start_day", "stop_day")) if found["started"] else (0, 0)
    for stay in found["arms"][arm]["stays"]:
        place, first, until = stay["place"], stay["from_day"], stay["until_day"]
        if place != "home" or arm == "usual" or not found["started"]:
            yield place, first, until
            continue
        cuts = [first, *(day for day in (start, stop) if first < day < until), until]
        for low, high in pairwise(cuts):
            yield ("therapy" if start <= low < stop else "home"), low, high


def _described(found: Found) -> str:
    usual, therapy = (found["arms"][arm]["care_days_to_18"] for arm in ARM_WORDS)
    if not found["started"]:
        in_care = things(usual, "day")
        return f"From referral to 18 this child is in care for {in_care}. No therapy starts: both lives are one."
    told = f"To the 18th birthday: {things(usual, 'day')} in care without therapy, {things(therapy, 'day')} with it"
    if found["tracking"] is None:
        return f"{told}."
    usual, therapy = (found["arms"][arm]["tracked_care_days"] for arm in ARM_WORDS)
    return f"{told}. While tracked, between the dashed lines: {usual:,} and {therapy:,}."


# ---- the tables ------------------------------------------------------------------------------------------------------


def _steps(found: Found) -> Table:
    """Return all that happens, by day: the same words in both columns where both lives share it."""
    told: dict[tuple[int, str], dict[str, list[str]]] = {}
    for n_days, when, arm, words in _happenings(found):
        for each in ARM_WORDS if arm == "both" else (arm,):
            told.setdefault((n_days, when), {}).setdefault(each, []).append(words)
    rows = tuple(
        (day(when, "%b"), said_days(n_days), *("; ".join(by_arm.get(arm, ["-"])) for arm in ARM_WORDS))
        for (n_days, when), by_arm in sorted(told.items())
    )
    head = ("Date", "Day of the contract", *ARM_WORDS.values())
    note = "A dash: nothing changes in this life on that day."
    return Table("What happens to this child, in order of date", head, rows, note, (True, True, False, False))


def _happenings(found: Found) -> Iterator[tuple[int, str, str, str]]:
    """Yield (day, date, arm or both, words): the engine's events, the window of tracking, the 18th birthday."""
    for event in found["events"]:
        yield from ((event["event_day"], event["event_date"], arm, words) for arm, words in _event_words(found, event))
    if not found["started"] and "left_day" not in found:
        yield found["referred_day"], found["referred_date"], "both", f"never starts therapy: {FATES[found['fate']]}"
    if tracking := found["tracking"]:
        yield tracking["first_day"], tracking["first_date"], "both", "tracking begins"
        yield tracking["until_day"], tracking["until_date"], "both", "tracking ends"
    yield found["birthday_18_day"], found["birthday_18_date"], "both", "turns 18: no care is counted from here on"


def _event_words(found: Found, event: Found) -> Iterator[tuple[str, str]]:
    kind, arm = event["event"], event["arm"]
    if kind == "referred":
        yield "both", f"referred, aged {age(found['age_at_referral_years'])}; lives at home"
    elif kind == "started":
        yield "usual", "no therapy (with it, it would start now)"
        yield "therapy", f"starts {found['therapy_label']} {_waited(found['waited_days'])}"
    elif kind in ("completed", "dropped_out"):
        yield "therapy", "completes therapy" if kind == "completed" else "breaks therapy off"
    elif kind == "placed":
        stays = found["arms"]["usual" if arm == "both" else arm]["stays"]
        before = next((stay for stay in stays if stay["until_day"] == event["event_day"]), None)
        place = _place(event["place"])
        if before is None or before["place"] == "home":
            yield arm, f"goes into care: {place}"
        else:
            yield arm, f"moves within care: {place}{' (another one)' if before['place'] == event['place'] else ''}"
    elif kind == "home":
        if event["event_day"] < found["birthday_18_day"]:
            yield arm, "goes back home"
    else:
        yield "both", f"leaves the waiting list after {things(found['waited_days'], 'day')}: {FATES[kind]}"


def _money(found: Found) -> Iterator[Block]:
    if not found["started"]:
        yield Paragraph("The contract pays nothing for a child who never starts, and care costs the same either way.")
    elif found["tracking"]:
        yield _care_costs(found)
    to_18 = {arm: found["arms"][arm] for arm in ARM_WORDS}
    yield Table(
        "Care from referral to the 18th birthday, tracked or not",
        ("Life", "Days in care", "Times in care", "Moves in care", "Cost of care"),
        tuple(
            (
                ARM_WORDS[arm],
                said_days(life["care_days_to_18"]),
                said_count(life["n_times_in_care"], digits=0),
                said_count(life["n_moves"], digits=0),
                said_pence(life["care_cost_to_18_gbp"]),
            )
            for arm, life in to_18.items()
        ),
        "Cost in the money of each year.",
    )
    if found["started"]:
        yield from _paid(found)


def _care_costs(found: Found) -> Table:
    """Return tracked days and cost by place and financial year, in both lives, with the sum."""
    arms = {
        arm: {(row["place"], row["financial_year"]): row for row in found["arms"][arm]["care_cost"]}
        for arm in ARM_WORDS
    }
    keys = sorted({key for rows in arms.values() for key in rows}, key=lambda key: (list(PLACES).index(key[0]), key[1]))
    rows: list[tuple[str, ...]] = []
    for place, year in keys:
        there = [arms[arm].get((place, year)) for arm in ARM_WORDS]
        price = next(row["gbp_per_week"] for row in there if row)
        cells = [
            cell
            for row in there
            for cell in (said_days(row["care_days"] if row else 0), said_pence(row["cost_gbp"] if row else 0.0))
        ]
        rows.append((_title(place), year, said_pence(price), *cells))
    sums = [
        cell
        for arm in ARM_WORDS
        for cell in (
            said_days(found["arms"][arm]["tracked_care_days"]),
            said_pence(found["arms"][arm]["tracked_care_cost_gbp"]),
        )
    ]
    rows.append(("All tracked care", "-", said_pence(None), *sums))
    head = (
        "Place",
        "Financial year",
        "Price of a week",
        "Days without therapy",
        "Cost without therapy",
        "Days with therapy",
        "Cost with therapy",
    )
    note = "Cost = days / 7 x price of a week in that year in this borough. Only days while tracked."
    return Table("What this child's care costs while tracked", head, tuple(rows), note)


def _paid(found: Found) -> Iterator[Block]:
    """Yield what the contract owes for this child, and name the terms that cannot be told for one."""
    if found["payments"]:
        rows = [
            (
                kind_of(row["pays"]).label,
                said_pence(row["price_gbp"]),
                _units(row, "units"),
                said_pence(row["due_gbp"]),
                _units(row, "units_without_therapy"),
                said_pence(row["due_without_therapy_gbp"]),
            )
            for row in found["payments"]
        ]
        due, anyway = _sums_due(found)
        rows.append(
            (
                "All of these",
                said_pence(None),
                said_count(None, digits=0),
                said_pence(due),
                said_count(None, digits=0),
                said_pence(anyway),
            )
        )
        head = (
            "Paid for",
            "Price",
            "Counted with therapy",
            "Due",
            "Counted without therapy",
            "Would be due without therapy",
        )
        yield Table("What the contract pays for this child", head, tuple(rows), " ".join(_paid_note(found)))
    if joint := found["terms_of_all_children"]:
        labels = [kind_of(term).label for term in joint]
        named = " and ".join(f"{label[0].lower()}{label[1:]}" for label in labels)
        yield Paragraph(
            f"The contract {'also ' if found['payments'] else ''}pays by terms that are worked out for all children "
            f"together, so no part of them belongs to one child: {named}."
        )


def _paid_note(found: Found) -> Iterator[str]:
    yield "Before indexation, caps, top-ups and all else that belongs to the whole contract."
    yield from dict.fromkeys(note for row in found["payments"] if (note := kind_of(row["pays"]).note))
    without = [row["due_without_therapy_gbp"] for row in found["payments"]]
    if any(gbp is not None for gbp in without):
        so_much = "; so much of the payment is not caused by therapy" if _due_change(found) > 0 else ""
        yield f"Would be due without therapy: what the same rule pays for this child's other life{so_much}."
    if None in without:
        yield "A dash there: the rule pays for therapy itself."


def _units(row: Found, key: str) -> Said:
    n: int | None = row[key]
    unit = kind_of(row["pays"]).units
    words = "-" if n is None else f"{n:,} {unit.removesuffix('s') if n == 1 else unit}"
    return Said(words, n, "days" if unit == "days" else "count")
