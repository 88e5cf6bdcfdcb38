"""A document as a workbook: every number can be read back unrounded, text stays text, names of sheets are legal."""

from __future__ import annotations

import io
import re
from typing import Any

import openpyxl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgeofcare.documents.document import (
    Bullets,
    Callout,
    Document,
    Drawing,
    Figure,
    Heading,
    Paragraph,
    Said,
    Table,
    table_of,
)
from edgeofcare.documents.formats.sheets import sheet_names, sheets

RISKY = ("=1+1", "+1", "-1", "@SUM(A1)", '=HYPERLINK("http://x")', "https://example.org", "12")
NUMBERS = {
    "gbp": (Said("£534k", 534_123.4567, "gbp"), "£#,##0"),
    "share": (Said("35%", 0.351234, "share"), "0.0%"),
    "count": (Said("22.9", 22.93, "count"), "#,##0.0"),
    "whole": (Said("1,200", 1200, "count"), "#,##0"),
    "days": (Said("16 days", 16.25, "days"), '#,##0.0" days"'),
    "times": (Said("2 times", 2.15, "times"), '0.00" times"'),
    "odd": (Said("3 cats", 3.123, "cats"), "#,##0.00"),
}
VALUES = table_of("All units", ("What", "Value"), [(key, said) for key, (said, _) in NUMBERS.items()], "A note.")
TEXTS = table_of("Texts", ("=Head", "+Head"), [(text, text) for text in RISKY])
MISSING = table_of(
    "Missing",
    ("What", "Value"),
    [
        ("none", Said("-", None, "gbp")),
        ("not a number", Said("?", float("nan"), "gbp")),
        ("endless", Said("never", float("inf"), "years")),
    ],
)
FIGURE = Figure(
    "f",
    "A picture",
    "It shows 1.",
    lambda: Drawing("<svg/>", b""),
    table_of("A picture", ("Year", "£"), [("2019-20", Said("£1", 1.25, "gbp"))]),
)
DOCUMENT = Document(
    "=Title",
    "Subtitle",
    (
        Callout("=It pays."),
        Bullets(("+one", "two")),
        Heading("Chapter"),
        Paragraph("Words \x07 here."),
        FIGURE,
        VALUES,
        TEXTS,
    ),
    "Footer",
)
INPUTS = table_of("What was put in", ("Input", "Value"), [("Referrals a year", Said("24", 23.675, "count"))])


def read(document: Document, *args: Any, **options: Any) -> Any:
    return openpyxl.load_workbook(io.BytesIO(sheets(document, *args, **options)))


def cells(sheet: Any) -> list[Any]:
    return [cell for row in sheet.iter_rows() for cell in row if cell.value is not None]


def beside(sheet: Any, label: str) -> Any:
    return next(cell for cell in cells(sheet) if cell.value == label).offset(0, 1)


def test_words_come_first_then_inputs_then_each_table_in_order() -> None:
    book = read(DOCUMENT, INPUTS, [MISSING])
    assert book.sheetnames == ["Answer", "Inputs", "A picture", "All units", "Texts", "Missing"]
    assert "Inputs" not in read(DOCUMENT).sheetnames
    words = [cell.value for cell in cells(book["Answer"])]
    assert words[:2] == ["=Title", "Subtitle"] and words[-1] == "Footer"
    assert "In short. =It pays." in words and "Chapter" in words and "Words   here." in words
    assert [word for word in words if word.startswith("\N{BULLET}")] == ["\N{BULLET} +one", "\N{BULLET} two"]
    assert any('It shows 1. Numbers: sheet "A picture".' in word for word in words)
    assert all(cell.alignment.wrap_text for cell in cells(book["Answer"]) if len(str(cell.value)) > 60)


def test_numbers_stand_unrounded_with_the_format_of_their_unit() -> None:
    sheet = read(DOCUMENT)["All units"]
    for key, (said, pattern) in NUMBERS.items():
        cell = beside(sheet, key)
        assert cell.value == said.number and cell.number_format == pattern, key
    assert beside(read(DOCUMENT, INPUTS)["Inputs"], "Referrals a year").value == 23.675


def test_what_is_no_number_is_said_as_text() -> None:
    sheet = read(DOCUMENT, more=[MISSING])["Missing"]
    assert [beside(sheet, row[0]).value for row in MISSING.rows] == ["-", "?", "never"]


def test_text_is_never_a_formula_nor_a_link() -> None:
    book = read(DOCUMENT)
    assert all(cell.data_type != "f" and cell.hyperlink is None for sheet in book for cell in cells(sheet))
    assert {cell.value for cell in cells(book["Texts"])} == {"Texts", "=Head", "+Head", *RISKY}
    assert all(cell.data_type == "s" for cell in cells(book["Texts"]))


def test_a_sheet_can_be_read_and_printed() -> None:
    for sheet in read(DOCUMENT, INPUTS):
        assert sheet.page_setup.orientation == "landscape" and sheet.page_setup.fitToHeight == 0
        assert sheet.sheet_properties.pageSetUpPr.fitToPage
    sheet = read(DOCUMENT)["All units"]
    head = next(cell for cell in cells(sheet) if cell.value == "What")
    assert head.font.bold and head.row > 1 and sheet["A1"].value == "All units"
    assert sheet.freeze_panes == f"B{head.row + 1}"
    assert cells(sheet)[-1].value == "A note."


def test_a_long_caption_and_a_long_note_are_whole() -> None:
    words = " ".join(f"word{i}" for i in range(80))
    sheet = read(Document("T", "", (table_of(words, ("a", "b"), [("x", "y")], words),), ""))
    said = " ".join(str(cell.value) for cell in cells(sheet.worksheets[1]))
    assert said.count(words) == 2


def test_the_same_document_has_the_same_bytes() -> None:
    assert sheets(DOCUMENT, INPUTS, [MISSING]) == sheets(DOCUMENT, INPUTS, [MISSING])


def test_a_document_without_tables_has_its_words() -> None:
    assert read(Document("Title", "", (), "")).sheetnames == ["Answer"]


@given(st.lists(st.text(max_size=50) | st.sampled_from(["History", "answer", "INPUTS", "A" * 40, "", "'", "[x]"])))
def test_every_name_of_a_sheet_is_legal_and_unique(captions: list[str]) -> None:
    names = sheet_names(captions, ("Answer", "Inputs"))
    assert len(names) == len(captions)
    assert len({name.lower() for name in [*names, "Answer", "Inputs"]}) == len(names) + 2
    for name in names:
        assert 0 < len(name) <= 31 and not re.search(r"[\[\]:*?/\\]", name)
        assert name.strip("' ") == name and name.lower() != "history"
    tables = [table_of(caption, ("a",), [("b",)]) for caption in captions]
    assert len(read(Document("T", "", tuple(tables), "")).sheetnames) == len(tables) + 1


@pytest.mark.parametrize(
    ("caption", "first", "second"),
    [
        ("The boroughs already in: before and after", "The boroughs already in", "The boroughs already in 2"),
        ("What joining is worth to each borough", "What joining is worth to each", "What joining is worth to each 2"),
        ("Short", "Short", "Short 2"),
        ("Abcdefghijklmnopqrstuvwxyzabcdefghij", "Abcdefghijklmnopqrstuvwxyzabcde", "Abcdefghijklmnopqrstuvwxyzabc 2"),
    ],
)
def test_a_name_is_cut_between_words(caption: str, first: str, second: str) -> None:
    assert sheet_names([caption, caption]) == [first, second]


def test_tables_with_columns_of_text_keep_their_sides() -> None:
    table = Table("T", ("a", "b", "c"), (("x", "words", Said("1", 1.0, "count")),), numeric=(False, False, True))
    sheet = read(Document("T", "", (table,), "")).worksheets[1]
    head = {cell.value: cell.alignment.horizontal for cell in cells(sheet)}
    assert head["c"] == "right" and head["b"] != "right"
