"""What would sink the deal: the answer of a stress table in plain words, and the tables behind it. In: its figures.

Out: sentences and pages. It computes nothing but roundings. Must not know: scenarios, rows, files.
"""

from __future__ import annotations

import textwrap
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from edgeofcare.documents.words import how_many, lower, percent, pounds

Figures = Mapping[str, Any]
WIDTH = 100
MOST_BOROUGHS = 12
NUMBERS = ("", "one thing", "two things", "three things")
COLUMNS = (  # heading in two lines, width
    ("care cost", "avoided", 10),
    ("", "paid", 8),
    ("of it", "top-up", 8),
    ("boroughs", "keep", 9),
    ("investors", "a year", 10),
    ("back", "per £1", 7),
    ("", "gain", 8),
    ("chance", "of loss", 8),
    ("peak", "funding", 9),
    ("places", "used", 7),
    ("change for", "", 11),
    ("", "± error", 10),
)


def stress_page(found: Figures) -> str:
    """Return the answer in words, then what each stress does and what it is."""
    lines = [
        f"What would break {found['title']}?",
        f"{found['replications']:,} simulated contracts under each stress, on the same luck, seed {found['seed']}; "
        f"sorted by the harm to {found['party_name']}.",
        "",
        *(line for sentence in stress_words(found) for line in _wrapped(sentence)),
        "",
        *_table(found),
        "",
        *_chances(found),
        *_what_they_are(found["stresses"]),
    ]
    return "\n".join(lines) + "\n"


# ---- the answer ----------------------------------------------------------------------------------------------------


def stress_words(found: Figures) -> list[str]:
    """Return the answer in sentences: what sinks the deal for the party, what else hurts, who loses unseen."""
    return [
        f"As it stands {_fate(found, found['base'])}.",
        *_sink_words(found),
        *_others_lose(found),
        *(f"Left out, for it does not fit: {name} ({reason})" for name, reason in found["skipped"].items()),
    ]


def _sink_words(found: Figures) -> Iterator[str]:
    chosen, rows = found["sinks"]["stresses"], {row["name"]: row for row in found["stresses"]}
    party = found["party_name"]
    deal = "take the service below half of its places" if found["party"] == "provider" else f"sink the deal for {party}"
    told = {row["name"]: f"{lower(row['title'])} ({_fate(found, rows[row['name']])})" for row in chosen}
    sunk = [told[row["name"]] for row in chosen if row["sunk"]]
    rest = [told[row["name"]] for row in chosen if not row["sunk"]]
    if found["sinks"]["sunk_as_it_stands"]:
        worse = f"what makes it worst: {'; '.join(told.values())}" if told else "none of these stresses makes it worse"
        yield f"It needs no stress to {deal}; {worse}."
        return
    more = [name for name in found["sinks"]["all_that_sink"] if name not in {row["name"] for row in chosen}]
    if sunk:
        others = sum(rows[name]["kind"] != "together" for name in more)
        these = (
            f"Of {len(sunk) + others} things that would {deal}, the worst"
            if others
            else (f"The {NUMBERS[len(sunk)]} that would {deal}")
        )
        yield f"{these}: {'; '.join(sunk)}."
    else:
        yield f"None of these stresses would by itself {deal}."
    if more:
        yield f"So would {_listed([lower(rows[name]['title']) for name in more])}."
    if rest:
        yield f"What hurts most without doing so: {'; '.join(rest)}."


def _fate(found: Figures, row: Figures) -> str:
    """Return what becomes of the party, as part of a sentence."""
    party, name, n = found["party"], found["party_name"], found["replications"]
    if party == "provider":
        return f"{percent(row['places_used_share']['value'])} of the places of the teams are used"
    if party == "top_up":
        gain = row["top_up_gain_gbp"]["value"]
        way = "more" if gain >= 0 else "less"
        return (
            f"{name} pays {pounds(row['top_up_gbp']['value'])}, and its part of the care cost avoided is worth "
            f"{pounds(abs(gain))} {way}"
        )
    if party == "investor":
        figures = row["investor"]
        profit = figures["profit_gbp"]["value"]
        way = "gains" if profit >= 0 else "loses"
        return (
            f"{name} {way} {pounds(abs(profit))} on average, and loses money in "
            f"{how_many(figures['loss_prob']['value'], n)}"
        )
    figures = row["boroughs"][party]
    saved = figures["net_saving_gbp"]["value"]
    way = "saves" if saved >= 0 else "loses"
    return (
        f"{name} {way} {pounds(abs(saved))} on average, and is better off than doing nothing in "
        f"{how_many(figures['better_off_prob']['value'], n)}"
    )


def _others_lose(found: Figures) -> Iterator[str]:
    """Tell the stresses that the investor does not feel and the boroughs together do not survive."""
    unseen = [
        row for row in found["stresses"] if row["investor"]["profit_gbp"]["value"] >= 0 > row["net_saving_gbp"]["value"]
    ]
    if unseen and found["base"]["net_saving_gbp"]["value"] >= 0:
        names = _listed([lower(row["title"]) for row in unseen])
        yield (
            f"The investor still gains on average while the boroughs together would be better off without the "
            f"contract: {names}."
        )


def _listed(names: Sequence[str]) -> str:
    return "; ".join(names)


# ---- tables --------------------------------------------------------------------------------------------------------


def _table(found: Figures) -> Iterator[str]:
    name = found["party_name"].removeprefix("the ")
    heads = [list(column[:2]) for column in COLUMNS]
    heads[-2][1] = name[:10]
    for line in (0, 1):
        yield _row("", [head[line] for head in heads])
    yield _row("as it stands", [*_cells(found["base"]), "", ""])
    for row in found["stresses"]:
        yield _row(row["name"], [*_cells(row), *_change(row, found)])
    yield from _wrapped(
        f"change for {found['party_name']}: of {_measure_words(found)}, from the scenario as it stands, on the same "
        "luck; its error is that of a paired difference. boroughs keep: cashable care cost avoided less their own "
        "payments and costs. investors a year: return of the expected flows, - where there is none. places used: of "
        "those there are as it stands."
    )
    drawn = [row["name"] for row in found["stresses"] if row["outer_draws"] > 1]
    if drawn:
        yield from _wrapped(f"{', '.join(drawn)}: several outer draws; the error is that between draws.")
    for row in found["stresses"]:
        if not row["targets_met"]:
            yield from _wrapped(f"{row['name']}: the claim is out of reach under it; the nearest was taken.")
        if row["left_out"]:
            yield from _wrapped(f"{row['name']}: without {', '.join(row['left_out'])}, which does not fit.")


def _row(name: str, cells: Sequence[str]) -> str:
    line = f"  {name[:26]:<27}" + "".join(f"{cell:>{column[2]}}" for cell, column in zip(cells, COLUMNS, strict=True))
    return line.rstrip()


def _cells(row: Figures) -> list[str]:
    investor = row["investor"]
    multiple = investor["money_multiple"]["value"]
    return [
        pounds(row["avoided_cost_gbp"]["value"]),
        pounds(row["payments_gbp"]["value"]),
        pounds(row["top_up_gbp"]["value"]),
        pounds(row["net_saving_gbp"]["value"]),
        percent(investor["irr_of_expected_flows"]["value"], 1),
        "-" if multiple is None else f"{multiple:.2f}",
        pounds(investor["profit_gbp"]["value"]),
        percent(investor["loss_prob"]["value"]),
        pounds(investor["peak_funding_gbp"]["value"]),
        percent(row["places_used_share"]["value"]),
    ]


def _measure_words(found: Figures) -> str:
    words = {
        "investor": "its gain",
        "provider": "the places used",
        "top_up": "its part of the cashable care cost avoided less what it pays",
    }
    return words.get(found["party"], "its net saving")


def _change(row: Figures, found: Figures) -> list[str]:
    figure: Any = row
    for key in found["measure"].split("."):
        figure = figure[key]
    said = (lambda value: percent(value, 1)) if found["party"] == "provider" else pounds
    return [
        "-" if figure["change"] is None else said(figure["change"]),
        "" if figure["se"] is None else f"± {said(figure['se'])}",
    ]


def _chances(found: Figures) -> Iterator[str]:
    """Yield each borough's chance to be better off under each stress."""
    slugs = [*found["base"]["boroughs"]]
    shown = slugs[:MOST_BOROUGHS]
    yield "CHANCE THAT EACH BOROUGH IS BETTER OFF THAN DOING NOTHING"
    names = [found["base"]["boroughs"][slug]["name"].partition(" ") for slug in shown]
    for part in (0, 2):
        yield (f"  {'':<27}" + "".join(f"{name[part][:8]:>9}" for name in names)).rstrip()
    for row in ({"name": "as it stands", **found["base"]}, *found["stresses"]):
        cells = (percent(row["boroughs"][slug]["better_off_prob"]["value"]) for slug in shown)
        yield f"  {row['name'][:26]:<27}" + "".join(f"{cell:>9}" for cell in cells)
    if len(shown) < len(slugs):
        yield f"  {len(slugs) - len(shown)} more are in --json."
    yield ""


def _what_they_are(rows: Sequence[Figures]) -> Iterator[str]:
    yield "WHAT EACH STRESS IS"
    for row in rows:
        text = f"{row['name']}: {' '.join(row['description'].split()) or row['title'] + '.'}"
        dated = f", {row['date']}" if row["date"] else ""
        parts = f" Made of {', '.join(row['together'])}." if row["together"] else ""
        yield from _wrapped(f"{text}{parts} [{row['quality']}: {row['source']}{dated}]")


def _wrapped(text: str) -> list[str]:
    return textwrap.wrap(text, WIDTH, initial_indent="  ", subsequent_indent="  ")
