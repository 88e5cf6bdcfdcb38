"""A document as plain text: lines fit, columns line up, nothing of it is lost."""

from __future__ import annotations

import re

import pytest

from edgeofcare.documents.document import Bullets, Callout, Document, Figure, Heading, Paragraph, Table, table_of
from edgeofcare.documents.formats.text import WIDTH, text
from sample_document import HOSTILE, sample

NUMBERS = table_of(
    "Who pays",
    ("Borough", "Pays, average", "In credit in"),
    [("Sutton", "£1.20m", "34%"), ("Barking and Dagenham", "-£3", "<1%")],
    "Averages.",
)


def document(*blocks: object) -> Document:
    return Document("A title", "What it is.", blocks, "edgeofcare 0.2.0, seed 1.")  # type: ignore[arg-type]


def test_a_document_is_said_in_its_order() -> None:
    made = text(
        document(
            Callout("It pays."),
            Bullets(("First.", "Second.")),
            Heading("A chapter"),
            Heading("A part", 3),
            Paragraph("Words."),
            Callout("Not sure.", "warning"),
        ),
        80,
    )
    assert made == (
        "A title\nWhat it is.\n\nTHE ANSWER\n  It pays.\n\n  - First.\n  - Second.\n\nA CHAPTER\nA part\n  Words.\n\n"
        "TAKE CARE\n  Not sure.\n\nedgeofcare 0.2.0, seed 1.\n"
    )


def test_columns_line_up_and_headings_break() -> None:
    made = text(document(NUMBERS), 80)
    assert made.split("\n\n")[1] == "\n".join(
        (
            "Who pays",
            "                                     In",
            "                          Pays,  credit",
            "  Borough               average      in",
            "  Sutton                 £1.20m     34%",
            "  Barking and Dagenham      -£3     <1%",
            "  Averages.",
        )
    )


@pytest.mark.parametrize("width", [60, 80, WIDTH])
def test_lines_fit_but_for_tables_of_numbers_that_cannot(width: int) -> None:
    blocks = [block for block in sample().blocks if not (isinstance(block, Table) and len(block.head) >= 9)]
    made = text(document(*blocks), width)
    assert [line for line in made.splitlines() if len(line) > width] == []


def test_every_word_and_number_is_there() -> None:
    made = " ".join(re.sub(r"\s+", " ", text(sample(), 400, figures=True)).split())
    for block in sample().blocks:
        said = {
            Table: lambda b: [b.caption, b.note, *(cell for row in b.rows for cell in row)],
            Figure: lambda b: [b.description, *(cell for row in b.table.rows for cell in row)],
            Bullets: lambda b: b.items,
            Heading: lambda b: [b.text.upper() if b.level == 2 else b.text],
        }.get(type(block), lambda b: [b.text])(block)
        for words in said:
            if "\x00" not in words and words != "Borough 0":
                assert " ".join(words.split())[:40] in made, words


def test_a_heading_with_nothing_but_a_picture_below_it_goes_with_it() -> None:
    made = text(
        document(Heading("Pictures"), Heading("Part", 3), sample().figures[0], Heading("Words"), Paragraph("x"))
    )
    assert "WORDS" in made and "PICTURES" not in made and "Part" not in made


def test_pictures_are_left_out_unless_asked_for() -> None:
    figure = sample().figures[0]
    assert figure.table.caption not in text(sample()) and figure.table.caption in text(sample(), figures=True)


def test_controls_of_a_terminal_are_not_printed() -> None:
    made = text(document(Paragraph("red \x1b[31m and bell \x07"), Paragraph(HOSTILE)))
    assert "\x1b" not in made and "\x07" not in made


def test_an_empty_table_and_empty_words_do_no_harm() -> None:
    assert text(document(table_of("Nothing", ("", "A"), []), Paragraph(""), Bullets(())), 80).count("Nothing") == 1


def test_a_column_of_words_gives_way_to_numbers() -> None:
    wordy = Table("Log", ("Input", "Value", "Source"), (("a", "1", "long words " * 40),), numeric=(False, True, False))
    made = text(document(wordy), 100).splitlines()
    assert max(map(len, made)) <= 100 and len(made) > 5
