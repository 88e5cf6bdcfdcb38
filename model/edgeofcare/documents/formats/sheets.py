"""Any document as a workbook of plain values: its words on one sheet, then a sheet for each table. In: a document.

Out: the bytes of an xlsx file, the same whenever they are made. Numbers stand unrounded, nothing calculates, and text
is only ever text. Must not know: scenarios, results, what is said.
"""

from __future__ import annotations

import math
import re
import textwrap
from collections.abc import Iterable, Iterator, Sequence

from edgeofcare.documents.document import (
    CALLOUT_WORDS,
    Block,
    Bullets,
    Callout,
    Document,
    Figure,
    Heading,
    Paragraph,
    Said,
    Table,
    printable,
)
from edgeofcare.documents.workbook.formula_cells import FONTS, Book, Sheet

ANSWER, INPUTS = "Answer", "Inputs"
LONGEST_NAME = 31  # of a sheet, as Excel has it
TAKEN = ("history",)  # a name that Excel keeps for itself
ILLEGAL = re.compile("[][:*?/\\\\\U00010000-\U0010ffff]")  # the last are two characters to Excel
STOP = re.compile("[:;,(]")
FORMATS = {  # by unit
    "gbp": "£#,##0",
    "share": "0.0%",
    "count": "#,##0.0",
    "whole": "#,##0",
    "days": '#,##0.0" days"',
    "years": '#,##0.0" years"',
    "times": '0.00" times"',
    "other": "#,##0.00",
    "text": "@",
}
LOOKS = FONTS | {"right": {"align": "right", "valign": "top"}, "number": {"valign": "top"}}
WORDS_WIDTH, LINE_CHARACTERS = 100, 110  # of the column of words: as wide as so many digits, holds so many letters
FIRST_WIDTH, CELL_WIDTH, LEAST_WIDTH = 48, 36, 13  # of columns of tables, at most and at least
HEAD_WIDTH = 16  # a head longer than this is broken into lines
PLAIN_POINTS, LINE_POINTS = 13.5, {"title": 22, "section": 17}  # height of a line, plain and by look


class Pages(Book):
    """A workbook in the units of documents."""

    def style(self, look: str, number: str) -> dict[str, object]:
        """Return the style of a cell: its part is a key of LOOKS, its unit one of FORMATS."""
        return {"num_format": FORMATS[number], "font_name": "Arial", "font_size": 10} | LOOKS[look]


def sheets(document: Document, inputs: Table | None = None, more: Sequence[Table] = ()) -> bytes:
    """Return a document as an xlsx file: its words, what was put in, each table and the numbers of each picture.

    inputs: what the results were made from; more: tables that the document does not show.
    """
    shown = [
        block.table if isinstance(block, Figure) else block
        for block in document.blocks
        if isinstance(block, Table | Figure)
    ]
    tables = [*shown, *more]
    names = sheet_names([table.caption for table in tables], (ANSWER, INPUTS))
    first = [ANSWER] if inputs is None else [ANSWER, INPUTS]
    book = Pages(printable(document.title), [*first, *names])
    _write_words(book.sheets[ANSWER], document, names)
    if inputs is not None:
        _write_table(book.sheets[INPUTS], inputs)
    for name, table in zip(names, tables, strict=True):
        _write_table(book.sheets[name], table)
    return book.finish()


def sheet_names(captions: Iterable[str], taken: Sequence[str] = ()) -> list[str]:
    """Return a name for each caption that a sheet may have: legal, at most 31 characters, no two alike."""
    used, names = {*TAKEN, *(name.lower() for name in taken)}, []
    for caption in captions:
        wish, tries = _cut(_legal(caption) if len(caption) <= LONGEST_NAME else _first_part(caption)) or "Table", 1
        name = wish
        while name.lower() in used:
            tries += 1
            name = f"{_cut(wish, LONGEST_NAME - len(f' {tries}'))} {tries}"
        used.add(name.lower())
        names.append(name)
    return names


def _legal(caption: str) -> str:
    return " ".join(ILLEGAL.sub(" ", printable(caption)).split()).strip("' ")


def _first_part(caption: str) -> str:
    """Return what a caption says up to its first stop, if that is anything."""
    return _legal(STOP.split(caption)[0]) or _legal(caption)


def _cut(text: str, most: int = LONGEST_NAME) -> str:
    """Return a text of at most so many characters, cut between words where that leaves half of it."""
    if len(text) <= most:
        return text
    short = text[: most + 1].rpartition(" ")[0]
    return (short if len(short) > most / 2 else text[:most]).rstrip("' ,;:-")


# ---- words ---------------------------------------------------------------------------------------------------------


def _write_words(sheet: Sheet, document: Document, names: Sequence[str]) -> None:
    sheet.columns(WORDS_WIDTH, LEAST_WIDTH)
    lines = [(document.title, "title"), (document.subtitle, "note"), ("", "note")]
    left = iter(names)
    for block in document.blocks:
        lines += _lines(block, left)
    for row, (text, look) in enumerate([*lines, ("", "note"), (document.footer, "note")]):
        sheet.text(row, 0, printable(text), look)
        _give_room(sheet, row, [(text, LINE_CHARACTERS)], look)


def _give_room(sheet: Sheet, row: int, texts: Iterable[tuple[str, int]], look: str = "note") -> None:
    """Make a row as high as the longest of its texts, each with the width it has: not every program does so itself."""
    lines = max((len(textwrap.wrap(text, width)) for text, width in texts), default=1)
    sheet.page.set_row(row, max(lines, 1) * LINE_POINTS.get(look, PLAIN_POINTS))


def _lines(block: Block, names: Iterator[str]) -> Iterator[tuple[str, str]]:
    """Yield what a block says, with its look. names: of the sheets of tables, taken one by one."""
    match block:
        case Heading(text):
            yield "", "note"
            yield text, "section"
        case Paragraph(text):
            yield text, "note"
        case Callout(text, kind):
            yield f"{CALLOUT_WORDS[kind]}. {text}", "note"
        case Bullets(items):
            yield from ((f"\N{BULLET} {item}", "note") for item in items)
        case Figure():
            yield f'{block.title}: {block.description} Numbers: sheet "{next(names)}".', "note"
        case Table():
            yield f'{block.caption}: sheet "{next(names)}".', "note"


# ---- tables --------------------------------------------------------------------------------------------------------


def _write_table(sheet: Sheet, table: Table) -> None:
    widths = [_width(table, column) for column in range(len(table.head))]
    sheet.columns(*widths, LEAST_WIDTH)
    line = max(sum(widths), WORDS_WIDTH // 2)
    row = 0
    for words in textwrap.wrap(printable(table.caption), line):
        sheet.text(row, 0, words, "section")
        row += 1
    row += 1
    right = table.to_the_right
    for column, head in enumerate(table.head):
        sheet.text(row, column, printable(head), "over" if right[column] else "head")
    _give_room(sheet, row, zip(table.head, widths, strict=True))
    sheet.freeze(row + 1, 1)
    for cells in table.rows:
        row += 1
        _give_room(sheet, row, zip(cells, widths, strict=True))
        for column, cell in enumerate(cells):
            _write_cell(sheet, row, column, cell, right[column])
    for n, words in enumerate(textwrap.wrap(printable(table.note), line)):
        sheet.text(row + 2 + n, 0, words)


def _write_cell(sheet: Sheet, row: int, column: int, cell: str, right: bool) -> None:
    """Write a number as a number, and everything else as text."""
    if isinstance(cell, Said) and cell.number is not None and math.isfinite(cell.number):
        sheet.number(row, column, cell.number, _kind(cell.unit, cell.number), "number")
    else:
        sheet.text(row, column, printable(cell), "right" if right else "note")


def _kind(unit: str, number: float) -> str:
    """Return how a number of a unit is written: counts without a fraction as whole numbers."""
    if unit == "count" and float(number).is_integer():
        return "whole"
    return unit if unit in FORMATS else "other"


def _width(table: Table, column: int) -> int:
    """Return how wide a column is, characters: its longest cell or word of its head, within limits."""
    most = CELL_WIDTH if column else FIRST_WIDTH
    words = [*table.head[column].split(), table.head[column][:HEAD_WIDTH]]
    longest = max(map(len, [*words, *(row[column] for row in table.rows)]), default=0)
    return max(LEAST_WIDTH, min(most, longest + 2))
