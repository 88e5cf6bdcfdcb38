"""The answer to "should this borough join?" as a document: its numbers are the numbers found, its words follow them."""

from __future__ import annotations

import copy
import io
import json
import re
from collections.abc import Mapping
from typing import Any

import openpyxl
import pytest

from edgeofcare.documents.document import Bullets, Callout, Document, Figure, Said, Table
from edgeofcare.documents.formats.html import html
from edgeofcare.documents.formats.sheets import sheets
from edgeofcare.documents.words import said_pounds
from edgeofcare.inputs.boroughs import Answers, new_borough
from edgeofcare.inputs.load import load, with_values
from edgeofcare.questions.join import join
from joined import document_of as join_document
from joined import gains_of as gains
from joined import headline_of as join_headline
from joined import words_of as join_words
from joined import years_of as joiner_years

Found = Mapping[str, Any]
LONDON = load("pan_london")
FEW = 60
PLURAL = re.compile("[Tt]ogether|[Bb]oroughs already in|those already in|Hardest")
EFFECT = "If therapy moves days out of care from 35% to 65%, as assumed"


# ---- cases ---------------------------------------------------------------------------------------------------------


def lived(*names: str, scenario: Any = LONDON, replications: int = FEW, **options: Any) -> dict[str, Any]:
    """What is found, as the command line prints it."""
    answer = join(scenario, list(names), replications=replications, **options).as_dict()
    return dict(json.loads(json.dumps(answer, allow_nan=False)))


def own(tmp_path_factory: pytest.TempPathFactory, answers: Answers) -> str:
    path = tmp_path_factory.mktemp("joiners") / "camden.toml"
    path.write_text(new_borough("camden", answers), encoding="utf-8")
    return str(path)


@pytest.fixture(scope="module")
def gain() -> dict[str, Any]:
    return lived("haringey")


@pytest.fixture(scope="module")
def nobody(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    return lived(own(tmp_path_factory, Answers(referrals_per_year=0.0)), replications=20)


@pytest.fixture(scope="module", params=["gain", "two", "one contract", "one borough in", "no cap", "nobody", "limits"])
def found(request: pytest.FixtureRequest) -> dict[str, Any]:
    match request.param:
        case "gain" | "nobody" as name:
            return dict(request.getfixturevalue(name))
        case "two":
            return lived("kingston", "haringey", in_sequence=True)
        case "one contract":
            return lived("haringey", replications=1, teams="own")
        case "one borough in":
            return lived("haringey@2014-04-01", scenario=load("essex"))
        case "no cap":
            return lived("haringey", scenario=with_values(LONDON, {"contract.cap_gbp": None}))
        case _:
            return lived("haringey", limits=True)


def answer(document: Document) -> str:
    """What the box at the top says."""
    block = document.blocks[0]
    assert isinstance(block, Callout)
    return block.text


def tables(document: Document) -> dict[str, Table]:
    return {block.caption: block for block in document.blocks if isinstance(block, Table)}


def the_table(document: Document, part: str) -> Table:
    [caption] = [caption for caption in tables(document) if part in caption]
    return tables(document)[caption]


def numbers(table: Table, row: str) -> list[float | None]:
    """The unrounded numbers of a row."""
    [cells] = [cells for cells in table.rows if cells[0] == row]
    said = [cell for cell in cells[1:] if isinstance(cell, Said)]
    assert len(said) == len(cells) - 1
    return [cell.number for cell in said]


def changed(found: Found, net_gbp: float, better_off: float, others_gbp: float = 0.0) -> dict[str, Any]:
    """The same, with another mean net saving of the only joiner, and of those already in together."""
    other = copy.deepcopy(dict(found))
    [joiner] = other["joiner"].values()
    joiner["net_saving_gbp"] |= {"mean": net_gbp, "se": 1000.0}
    joiner |= {"better_off_prob": better_off, "worse_off_prob": 1 - better_off}
    contract = other["contract"]
    contract["change_in_net_saving_of_those_in_gbp"] |= {"mean": others_gbp, "se": 1000.0}
    contract["change_in_net_saving_of_all_gbp"] |= {"mean": net_gbp + others_gbp, "se": 1000.0}
    return other


# ---- the answer ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("net_gbp", "better_off", "words"),
    [
        (
            250_000.0,
            0.91,
            "Yes, joining pays for Haringey. It would be better off in 91 of 100 simulated contracts, "
            "and saves £250k on average.",
        ),
        (
            250_000.0,
            1.0,
            f"Yes, joining pays for Haringey. It would be better off in all {FEW} simulated contracts, "
            "and saves £250k on average.",
        ),
        (
            -250_000.0,
            0.2,
            "No, joining does not pay for Haringey. It would be better off in 20 of 100 simulated "
            "contracts, and loses £250k on average.",
        ),
        (250_000.0, 0.4, "On average, but in fewer than half of the contracts, joining pays for Haringey. It "),
        (-250_000.0, 0.6, "On average joining does not pay for Haringey, though in half of the contracts or more it "),
        (
            1_500.0,
            0.5,
            "It makes no clear difference to Haringey. It would be better off in 50 of 100 simulated "
            "contracts; what it saves on average is too small to tell from chance: £1,500.",
        ),
        (
            0.0,
            0.5,
            "It makes no clear difference to Haringey. It would be better off in 50 of 100 simulated contracts; "
            "on average it neither saves nor loses.",
        ),
    ],
)
def test_the_answer_comes_first_in_plain_words(gain: Found, net_gbp: float, better_off: float, words: str) -> None:
    assert answer(join_document(changed(gain, net_gbp, better_off))).startswith(words)


@pytest.mark.parametrize(
    ("net_gbp", "others_gbp", "words"),
    [
        (250_000.0, -100_000.0, "Part of that is paid by others: the boroughs already in together save £100k less."),
        (250_000.0, -300_000.0, "More than that is paid by others: the boroughs already in together save £300k less."),
        (-250_000.0, -100_000.0, "Others lose too: the boroughs already in together save £100k less."),
        (1_500.0, -100_000.0, "Others lose: the boroughs already in together save £100k less."),
        (250_000.0, 100_000.0, "The boroughs already in together save £100k more too."),
        (-250_000.0, 100_000.0, "The boroughs already in together save £100k more."),
        (250_000.0, -1_500.0, "The boroughs already in together save about as much as before."),
    ],
)
def test_the_answer_says_who_pays_for_it(gain: Found, net_gbp: float, others_gbp: float, words: str) -> None:
    assert answer(join_document(changed(gain, net_gbp, 0.7, others_gbp))).endswith(f" {words}")


def test_what_is_assumed_is_said_before_the_answer(gain: Found) -> None:
    said = answer(join_document(changed(gain, 250_000.0, 0.91), EFFECT))
    assert said.startswith(f"{EFFECT}: yes, joining pays for Haringey. It would")
    assert answer(join_document(changed(gain, 250_000.0, 0.91), f"{EFFECT}.")) == said


def test_a_joiner_that_refers_nobody_is_told_so(nobody: Found) -> None:
    document = join_document(nobody)
    assert answer(document).startswith("It makes no difference to Camden, which refers nobody. ")
    assert answer(document).endswith("For the boroughs already in nothing changes.")
    for figure in document.figures:
        assert "neither save" in figure.description and not re.search("£[02-9]", figure.description)
    assert dict(join_headline(nobody))["Joiner: wait for therapy"].number is None


def test_the_bullets_are_the_sentences_of_the_command_line_without_its_options(found: Found) -> None:
    told = [item for block in join_document(found).blocks if isinstance(block, Bullets) for item in block.items]
    assert not any("--" in item or "WHAT WOULD" in item for item in told)
    for sentence in join_words(found):
        assert told.count(sentence) == 1
    use = next(item for item in told if item.startswith("Use of the teams"))
    assert not re.search(r"[a-z]_[a-z]", use)


def test_a_chance_of_nothing_is_told(gain: Found) -> None:
    found = changed(gain, 25_000.0, 0.35, -10_000.0)
    found["joiner"]["haringey"]["worse_off_prob"] = 0.31
    assert answer(join_document(found)).startswith(
        "On average, but in fewer than half of the contracts, joining pays for Haringey. It would be better off in 35 "
        "of 100 simulated contracts and worse off in 31 of 100, while in 34 of 100 nothing changes for it. On average "
        "it saves £25k. Part of that"
    )


@pytest.mark.parametrize(
    ("others_gbp", "words"),
    [
        (100_000.0, "The boroughs already in together lose £100k less."),
        (-100_000.0, "Others lose too: the boroughs already in together lose £100k more."),
        (1_500.0, "The boroughs already in together lose about as much as before."),
    ],
)
def test_who_saves_nothing_is_not_said_to_save_more(gain: Found, others_gbp: float, words: str) -> None:
    found = changed(gain, -250_000.0, 0.2, others_gbp)
    for borough in found["incumbents"].values():
        borough["net_saving_gbp"] = {"without": -900_000.0, "with": -800_000.0}
        borough["change_in_net_saving_gbp"]["mean"] = 2_000.0
    document = join_document(found)
    assert answer(document).endswith(words)
    assert "Newham loses £2,000 less" in document.figures[0].description


def test_title_and_subtitle_say_the_contract_and_whose_teams(found: Found) -> None:
    document, joiners = join_document(found), list(found["joiner"].values())
    names = " and ".join(joiner["name"] for joiner in joiners)
    assert document.title == f"Should {names} join? {found['title']}"
    teams = "with teams of its own, which come only if Haringey joins: what follows is the effect of both."
    own = found["contract"]["teams"] == "own"
    assert document.subtitle.endswith(f"; {teams}" if own else "; with the teams there are.")
    assert "_" not in document.title + document.subtitle


def test_other_random_draws_are_explained_where_the_reading_is(gain: Found) -> None:
    document = join_document(gain)
    assert "other random draws" not in " ".join(join_words(gain)) + answer(document)
    assert isinstance(document.blocks[-1], Bullets)
    start = "With other random draws on either side, Haringey"
    assert sum(item.startswith(start) for item in document.blocks[-1].items) == 1


def test_with_one_borough_in_there_is_no_plural(gain: Found) -> None:
    found = copy.deepcopy(dict(gain))
    found["incumbents"] = {"newham": found["incumbents"]["newham"]}
    document = join_document(found)
    told = [answer(document), *document.chapters, *tables(document), *join_words(found)]
    told += [document.figures[0].description, *(row[0] for row in the_table(document, "The contract").rows)]
    told += [label for label, _ in join_headline(found)]
    assert not [text for text in told if PLURAL.search(text)]


@pytest.mark.parametrize(("prob", "said"), [(0.0, "0%"), (0.004, "<1%"), (0.35, "35%"), (0.996, ">99%"), (1.0, "100%")])
def test_tables_claim_certainty_only_where_it_is(gain: Found, prob: float, said: str) -> None:
    found = copy.deepcopy(dict(gain))
    found["joiner"]["haringey"]["better_off_prob"] = prob
    found["incumbents"]["newham"]["worse_off_prob"] = prob
    found["investor"]["with"]["loss_prob"] = found["contract"]["cap_binds_prob"]["with"] = prob
    found["joiner"]["haringey"]["years"]["2021-22"]["in_credit_prob"] = prob
    document = join_document(found)
    shown = [
        dict(join_headline(found))["Joiner: better off in"],
        *(row[-1] for row in the_table(document, "already in").rows if row[0] == "Newham"),
        *(row[2] for row in the_table(document, "The investor").rows if row[0] == "Loses money in"),
        *(row[2] for row in the_table(document, "The contract").rows if row[0] == "Cap binds in"),
        *(row[-1] for row in the_table(document, "Haringey by year").rows if row[0] == "2021-22"),
    ]
    assert shown == [said] * 5
    assert all(isinstance(cell, Said) and cell.number == prob for cell in shown)


# ---- the tables ----------------------------------------------------------------------------------------------------


def first_year(iso: str) -> str:
    """The financial year of a date, of April to March."""
    year = int(iso[:4]) - (int(iso[5:7]) < 4)
    return f"{year}-{str(year + 1)[2:]}"


def test_the_joiners_years_are_the_years_found(found: Found) -> None:
    document = join_document(found)
    for joiner in found["joiner"].values():
        table = the_table(document, f"{joiner['name']} by year")
        since = {year: row for year, row in joiner["years"].items() if year >= first_year(joiner["join_date"])}
        assert [row[0] for row in table.rows] == list(since) and len(since) >= 3
        assert not any(row["payments_gbp"]["mean"] for year, row in joiner["years"].items() if year not in since)
        for year, row in since.items():
            assert numbers(table, year) == [
                *(row["payments_gbp"][key] for key in ("mean", "p90", "p95")),
                row["avoided_nominal_gbp"],
                row["avoided_cashable_gbp"],
                row["net_saving_gbp"],
                row["cumulative_net_saving_gbp"],
                row["in_credit_prob"],
            ]


def test_the_boroughs_already_in_are_those_found(found: Found) -> None:
    table = the_table(join_document(found), "already in")
    assert len(table.rows) == len(found["incumbents"])
    for row in found["incumbents"].values():
        saving = row["change_in_net_saving_gbp"]
        assert numbers(table, row["name"]) == [
            row["waiting_days"]["without"],
            row["waiting_days"]["with"],
            row["change_in_starts"]["mean"],
            row["change_in_payments_gbp"]["mean"],
            saving["mean"],
            saving["se"],
            row["worse_off_prob"],
        ]


def test_contract_teams_and_investor_are_those_found(found: Found) -> None:
    document, contract, investor = join_document(found), found["contract"], found["investor"]
    table, binds = the_table(document, "The contract"), contract["cap_binds_prob"]
    starts = contract["starts"]
    assert numbers(table, "Families starting, all boroughs") == [
        starts[key]["mean"] for key in ("without", "with", "change")
    ]
    assert numbers(table, "Net saving, all boroughs")[2] == contract["change_in_net_saving_of_all_gbp"]["mean"]
    capped = contract["cap_gbp"]["without"] is not None
    assert ("Cap binds in" in {row[0] for row in table.rows}) == capped
    if capped:
        assert numbers(table, "Cap binds in") == [binds["without"], binds["with"], binds["change"]["mean"]]
        assert numbers(table, "Cap on payments")[:2] == [contract["cap_gbp"]["without"], contract["cap_gbp"]["with"]]
    rows = the_table(document, "places in use").rows
    for row, team in zip(rows, found["providers"].values(), strict=True):
        use = team["slots_used_share"]
        assert [said.number for said in row[1:] if isinstance(said, Said)] == [
            use["without"],
            use["with"],
            None if use["change"] is None else use["change"]["mean"],
        ]
        assert (row[1] == "new") == team["new"]
    table = the_table(document, "The investor")
    for label, key in (("Profit", "profit_gbp"), ("Most put in at once", "peak_funding_gbp")):
        assert numbers(table, label) == [investor[side][key]["mean"] for side in ("without", "with", "change")]
    for label, key in (
        ("Rate of return a year (IRR) on expected flows", "irr_of_expected_flows"),
        ("Money back, as a multiple of what is put in", "money_multiple"),
        ("Loses money in", "loss_prob"),
    ):
        change = investor["change"][key]
        assert numbers(table, label) == [investor["without"][key], investor["with"][key], change and change["mean"]]


def test_limits_are_shown_where_they_were_looked_for(found: Found) -> None:
    document, limits = join_document(found), found.get("limits")
    assert ("What would change the answer" in document.chapters) == bool(limits)
    if limits:
        table = the_table(document, "Other choices")
        assert len(table.rows) == sum(len(limits[key]) for key in ("by_volume", "by_join_date", "by_teams"))
        row = limits["by_teams"]["plus-mst"]
        assert numbers(table, "With one more MST team") == [
            row["joiner_net_saving_gbp"],
            row["joiner_better_off_prob"],
            row["joiner_wait_days"],
            row["change_for_incumbents_gbp"]["mean"],
            row["change_in_profit_gbp"]["mean"],
        ]


def test_figures_that_are_not_there_are_a_dash(gain: Found) -> None:
    found = copy.deepcopy(dict(gain))
    for side in ("without", "with"):
        found["investor"][side] |= {"irr_of_expected_flows": None, "money_multiple": None}
        found["contract"]["concentration"][side] |= {"largest": None, "largest_share": None}
    found["investor"]["change"] |= {"irr_of_expected_flows": {"mean": None, "se": None}, "money_multiple": None}
    for borough in found["incumbents"].values():
        borough["waiting_days"] = {"without": None, "with": None, "change": {"mean": None, "se": None}}
    document = join_document(found)
    table = the_table(document, "The investor")
    assert [cells[1:] for cells in table.rows[:2]] == [("-", "-", "-")] * 2
    assert all(cells[1:3] == ("-", "-") for cells in the_table(document, "already in").rows)
    assert dict(join_headline(found))["Investor: rate of return a year on expected flows"] == "-"


def test_no_text_holds_a_slip(found: Found) -> None:
    page = re.sub(r"<svg.*?</svg>|<style>.*?</style>", "", html(join_document(found, EFFECT)), flags=re.DOTALL)
    assert not re.search(r"\bnan\b|\bNone\b(?! of the boroughs)|£-|-£0\b|-0(\.0+)?\b(?!\d)[ <%]|\{|\b1 in 1\b", page)


@pytest.mark.parametrize(
    ("value", "said"), [(1.0, "+£1"), (-15_000.0, "-£15k"), (0.2, "£0"), (-0.2, "£0"), (0.0, "£0"), (None, "-")]
)
def test_a_change_in_pounds_has_its_sign(value: float | None, said: str) -> None:
    assert said_pounds(value, change=True) == said


# ---- the pictures --------------------------------------------------------------------------------------------------


def test_gains_are_sorted_and_the_numbers_found(found: Found) -> None:
    figure = gains(found)
    shown = [tuple(cell.number for cell in row[2:] if isinstance(cell, Said)) for row in figure.table.rows]
    stats = [b["net_saving_gbp"] for b in found["joiner"].values()]
    stats += [b["change_in_net_saving_gbp"] for b in found["incumbents"].values()]
    assert shown == sorted(((s["mean"], s["p10"], s["p90"]) for s in stats), key=lambda row: -row[0])
    assert figure.table.to_the_right[0] is False
    for borough in found["joiner"].values():
        assert borough["name"] in figure.description
    if "nothing changes." not in figure.description:
        assert all(borough["name"] in figure.description for borough in found["incumbents"].values())


def test_years_begin_when_the_joiner_pays_or_saves(gain: Found, nobody: Found) -> None:
    [(slug, joiner)] = gain["joiner"].items()
    rows = joiner_years(slug, joiner).table.rows
    assert rows[0][0] == "2019-20" and rows[-1][0] == list(joiner["years"])[-1]
    for year, *cells in rows:
        found = joiner["years"][year]
        assert [cell.number for cell in cells if isinstance(cell, Said)] == [
            found["payments_gbp"]["mean"],
            found["avoided_cashable_gbp"],
            found["cumulative_net_saving_gbp"],
        ]
    [(slug, joiner)] = nobody["joiner"].items()
    assert len(joiner_years(slug, joiner).table.rows) == len(joiner["years"])


@pytest.mark.parametrize(
    ("avoided_gbp", "kept_gbp", "title", "words"),
    [
        (
            70_000.0,
            400_000.0,
            ", and what it no longer pays for care",
            "then avoids £70k of cashable care. Its net saving reaches £400k by the end of 2023-24.",
        ),
        (
            -71_000.0,
            -418_000.0,
            ", and what more it pays for care",
            "then pays £71k more for care. By the end of 2023-24 it has lost £418k.",
        ),
        (
            0.0,
            -237_000.0,
            " where no care is avoided",
            "no care is avoided then. By the end of 2023-24 it has lost £237k.",
        ),
        (
            0.1,
            0.2,
            " where no care is avoided",
            "no care is avoided then. By the end of 2023-24 it has neither saved nor lost.",
        ),
    ],
)
def test_the_picture_of_years_fits_gain_loss_and_nothing(
    gain: Found, avoided_gbp: float, kept_gbp: float, title: str, words: str
) -> None:
    joiner = copy.deepcopy(gain["joiner"]["haringey"])
    joiner["avoided_gbp"]["cashable"] = avoided_gbp
    for row in joiner["years"].values():
        row |= {"avoided_cashable_gbp": avoided_gbp, "cumulative_net_saving_gbp": kept_gbp}
    figure = joiner_years("haringey", joiner)
    assert figure.title == f"Haringey: what it pays{title}"
    assert figure.description.startswith("Haringey pays most in ") and figure.description.endswith(f"and {words}")


def test_pictures_made_again_are_the_same_and_have_names_of_their_own(found: Found) -> None:
    first, again = join_document(found).figures, join_document(found).figures
    assert [(f.svg, f.png) for f in first] == [(f.svg, f.png) for f in again]
    assert len({f.name for f in first}) == len(first) == 1 + len(found["joiner"])
    assert all(isinstance(f, Figure) and f.description for f in first)


def test_a_picture_of_every_borough_of_london_stays_on_a_page(gain: Found) -> None:
    found = copy.deepcopy(dict(gain))
    one = next(iter(found["incumbents"].values()))
    found["incumbents"] = {f"b{i}": {**one, "name": f"Borough number {i}"} for i in range(32)}
    figure = gains(found)
    height = re.search(r'viewBox="0 0 [\d.]+ ([\d.]+)"', figure.svg)
    assert height and float(height[1]) < 10 * 72 and len(figure.table.rows) == 33


# ---- elsewhere -----------------------------------------------------------------------------------------------------


def test_the_workbook_holds_the_same_numbers(found: Found) -> None:
    document = join_document(found)
    book = openpyxl.load_workbook(io.BytesIO(sheets(document)))
    shown = [
        block.table if isinstance(block, Figure) else block
        for block in document.blocks
        if isinstance(block, Table | Figure)
    ]
    for sheet, table in zip(book.worksheets[1:], shown, strict=True):
        values = [cell.value for row in sheet.iter_rows() for cell in row if isinstance(cell.value, int | float)]
        said = [cell.number for row in table.rows for cell in row if isinstance(cell, Said)]
        assert values == pytest.approx([number for number in said if number is not None], rel=1e-14, abs=0)


def test_key_figures_are_those_found(found: Found) -> None:
    figures = join_headline(found)
    assert len(dict(figures)) == len(figures)
    said, several = dict(figures), len(found["joiner"]) > 1
    for joiner in found["joiner"].values():
        who = joiner["name"] if several else "Joiner"
        assert said[f"{who}: better off in"].number == joiner["better_off_prob"]
        assert said[f"{who}: net saving, average"].number == joiner["net_saving_gbp"]["mean"]
        assert said[f"{who}: worst year costs, dearest 1 in 20"].number == joiner["worst_year_gbp"]["p95"]
        assert said[f"{who}: families starting therapy"].number == joiner["started"]["mean"]
        assert said[f"{who}: wait for therapy"].number == joiner["waiting_days"]
    changes = [b["change_in_net_saving_gbp"]["mean"] for b in found["incumbents"].values()]
    together = found["contract"]["change_in_net_saving_of_those_in_gbp"]["mean"]
    if len(changes) == 1:
        assert said["Borough already in: change in net saving"].number == together
    else:
        assert said["The one of them that fares worst: change in net saving"].number == min(changes)
        assert said["Boroughs already in together: change in net saving"].number == together
    rate = found["investor"]["with"]["irr_of_expected_flows"]
    assert said["Investor: rate of return a year on expected flows"].number == rate
    if found["contract"]["cap_gbp"]["with"] is None:
        assert "Cap on payments binds in" not in said
    else:
        assert said["Cap on payments binds in"].number == found["contract"]["cap_binds_prob"]["with"]
