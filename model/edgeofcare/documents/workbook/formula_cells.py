"""Cells of a workbook that calculates: each formula is built together with what it comes to. In: numbers, text.

A `Live` is a piece of a formula and its value; operators and the functions here make both at once, so that what a
workbook shows before it is recalculated cannot be another sum. Must not know: contracts, results.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from io import BytesIO
from typing import TYPE_CHECKING, Any

from edgeofcare.inputs.cells import may_be_formula

if TYPE_CHECKING:
    from xlsxwriter.format import Format

Value = float | bool
Cells = Sequence["Live"]

# How tightly a piece of a formula holds together.
COMPARED, ADDED, TIMES, POWER, WHOLE = range(5)
EPOCH = date(1899, 12, 30).toordinal()
# Nobody's clock: the same workbook has the same bytes whenever it is made.
CREATED = datetime(2000, 1, 1)
WIDTH = 14
INK, PAPER, RULE, BLUE, PALE, GREY = "#000000", "#FFFFFF", "#8A8A8A", "#0000FF", "#FFF8DC", "#595959"
NUMBERS = {
    "gbp": "#,##0.00;[Black]-#,##0.00",
    "count": "#,##0.0000",
    "number": "#,##0",
    "share": "0.00%",
    "plain": "0.0000",
    "date": "dd mmm yyyy",
    "truth": "General",
    "lowest": '[>=1000000000000]"-";[<0]-#,##0.00;#,##0.00',
    "text": "@",
}
FONTS: dict[str, dict[str, Any]] = {
    "formula": {},
    "input": {"font_color": BLUE, "bg_color": PALE, "border": 1, "border_color": RULE},
    "simulated": {"font_color": GREY, "italic": True},
    "total": {"bold": True, "top": 1},
    "head": {"bold": True, "bottom": 1, "text_wrap": True, "valign": "top"},
    "over": {"bold": True, "bottom": 1, "text_wrap": True, "valign": "top", "align": "right"},
    "aside": {"indent": 1},
    "title": {"bold": True, "font_size": 16},
    "section": {"bold": True, "font_size": 12},
    "note": {"text_wrap": True, "valign": "top"},
    "words": {},
}


@dataclass(frozen=True)
class Live:
    """A piece of a formula, and what it comes to. level: how tightly it holds together."""

    text: str
    value: Any
    level: int = WHOLE

    def __add__(self, other: Live | float) -> Live:
        return _joined("+", ADDED, operator.add, self, other)

    def __sub__(self, other: Live | float) -> Live:
        return _joined("-", ADDED, operator.sub, self, other)

    def __rsub__(self, other: float) -> Live:
        return _joined("-", ADDED, operator.sub, other, self)

    def __radd__(self, other: float) -> Live:
        return _joined("+", ADDED, operator.add, other, self)

    def __mul__(self, other: Live | float) -> Live:
        return _joined("*", TIMES, operator.mul, self, other)

    def __truediv__(self, other: Live | float) -> Live:
        return _joined("/", TIMES, operator.truediv, self, other)

    def __pow__(self, other: Live | float) -> Live:
        return _joined("^", POWER, operator.pow, self, other)

    def __neg__(self) -> Live:
        return Live(f"-{_held(self, TIMES)}", -self.value, ADDED)

    def __lt__(self, other: Live | float) -> Live:
        return _joined("<", COMPARED, operator.lt, self, other)

    def __le__(self, other: Live | float) -> Live:
        return _joined("<=", COMPARED, operator.le, self, other)

    def __gt__(self, other: Live | float) -> Live:
        return _joined(">", COMPARED, operator.gt, self, other)

    def __ge__(self, other: Live | float) -> Live:
        return _joined(">=", COMPARED, operator.ge, self, other)


@dataclass(frozen=True)
class Cell(Live):
    """A cell that has been written, by its place."""

    sheet: str = ""
    row: int = 0
    col: int = 0


def live(x: Live | float) -> Live:
    """Return a number as a piece of a formula."""
    return x if isinstance(x, Live) else Live(repr(x), x, WHOLE if x >= 0 else ADDED)


def _held(x: Live, level: int) -> str:
    return x.text if x.level >= level else f"({x.text})"


def _joined(sign: str, level: int, work: Callable[[Any, Any], Any], a: Live | float, b: Live | float) -> Live:
    a, b = live(a), live(b)
    return Live(f"{_held(a, level)}{sign}{_held(b, level + 1)}", work(a.value, b.value), level)


def same(a: Live, b: Live | float) -> Live:
    """Return whether two numbers are equal."""
    return _joined("=", COMPARED, operator.eq, a, b)


def call(name: str, value: Any, *args: Live | float | str) -> Live:
    """Return a function of the sheet, with the value that it has."""
    return Live(f"{name}({','.join(a if isinstance(a, str) else live(a).text for a in args)})", value)


def low(*args: Live | float) -> Live:
    """Return the least."""
    return call("MIN", min(live(a).value for a in args), *args)


def high(*args: Live | float) -> Live:
    """Return the largest."""
    return call("MAX", max(live(a).value for a in args), *args)


def size(x: Live) -> Live:
    """Return a number without its sign."""
    return call("ABS", abs(x.value), x)


def both(*args: Live) -> Live:
    """Return whether all hold."""
    return call("AND", all(a.value for a in args), *args)


def either(*args: Live) -> Live:
    """Return whether one holds."""
    return call("OR", any(a.value for a in args), *args)


def when(holds: Live, then: Live | float, otherwise: Live | float) -> Live:
    """Return one of two."""
    return call("IF", live(then if holds.value else otherwise).value, holds, then, otherwise)


def ratio(a: Live, b: Live) -> Live:
    """Return a / b, nil where b is nil."""
    value = a.value / b.value if b.value else 0.0
    return Live(f"IF({b.text}=0,0,{_held(a, TIMES)}/{_held(b, POWER)})", value)


def place(row: int, col: int, lock: str = "") -> str:
    """Return the name of a cell, "C5", with its row, column or both held fast: lock "", "row", "col" or "both"."""
    letters, rest = "", col + 1
    while rest:
        rest, letter = divmod(rest - 1, 26)
        letters = chr(ord("A") + letter) + letters
    return f"{'$' if lock in ('col', 'both') else ''}{letters}{'$' if lock in ('row', 'both') else ''}{row + 1}"


def locked(cell: Live, lock: str = "both") -> Live:
    """Return a cell whose place in a formula is held fast."""
    assert isinstance(cell, Cell)  # only what has been written has a place
    return Live(f"{cell.sheet}!{place(cell.row, cell.col, lock)}", cell.value)


def span(cells: Cells, lock: str = "", lock_end: str | None = None) -> str:
    """Return the range from the first to the last of some cells of one row, column or block."""
    first, last = cells[0], cells[-1]
    assert isinstance(first, Cell) and isinstance(last, Cell)  # only what has been written has a place
    end = place(last.row, last.col, lock if lock_end is None else lock_end)
    return f"{first.sheet}!{place(first.row, first.col, lock)}:{end}"


def total(cells: Cells, lock: str = "", lock_end: str | None = None) -> Live:
    """Return the sum of neighbouring cells."""
    return call("SUM", sum(cell.value for cell in cells), span(cells, lock, lock_end))


def serial(when_: str) -> int:
    """Return an ISO date as the number by which a sheet knows it."""
    return date.fromisoformat(when_).toordinal() - EPOCH


class Book:
    """A workbook in memory. Text is only ever text: what begins with =, +, - or @ calculates nothing."""

    def __init__(self, title: str, sheets: Sequence[str]) -> None:
        import xlsxwriter  # heavy: only where a workbook is made

        self._bytes = BytesIO()
        plain = {"strings_to_formulas": False, "strings_to_urls": False, "strings_to_numbers": False}
        self._book = xlsxwriter.Workbook(self._bytes, {"in_memory": True, **plain})
        self._book.set_properties({"title": title, "created": CREATED})
        self._book.set_calc_mode("auto")
        self._formats: dict[tuple[str, str, bool], Format] = {}
        self.stamped = ""
        self.sheets = {name: Sheet(self, name) for name in sheets}

    def stamp(self, word: str) -> None:
        """Put a word on every sheet and every printed page, such as ALTERED."""
        self.stamped = f"{word}: "
        for sheet in self.sheets.values():
            sheet.page.set_header(f'&C&"Arial,Bold"&14{word}')

    def format(self, look: str, number: str, is_quoted: bool = False) -> Format:
        """Return how a cell looks: its part and its kind of number (keys of `style`).

        is_quoted: whether it stays text when it is edited or copied, whatever it begins with.
        """
        if (look, number, is_quoted) not in self._formats:
            quoted = {"quote_prefix": True} if is_quoted else {}
            self._formats[look, number, is_quoted] = self._book.add_format(self.style(look, number) | quoted)
        return self._formats[look, number, is_quoted]

    def style(self, look: str, number: str) -> dict[str, object]:
        """Return the style of a cell: its part is a key of FONTS, its kind of number one of NUMBERS."""
        aligned = {"align": "left"} if number == "truth" else {}
        return {"num_format": NUMBERS[number], "font_name": "Arial", "font_size": 10} | FONTS[look] | aligned

    def add_sheet(self, name: str) -> Any:
        """Return a new sheet, set up to be printed one page wide."""
        sheet = self._book.add_worksheet(name)
        sheet.set_landscape()
        sheet.set_paper(9)  # A4
        sheet.fit_to_pages(1, 0)
        sheet.hide_gridlines(2)
        sheet.set_footer("&L&A&RPage &P of &N")
        return sheet

    def define(self, name: str, cell: Cell) -> Live:
        """Give a cell a name for formulas, and return it by that name."""
        self._book.define_name(name, f"={cell.sheet}!{place(cell.row, cell.col, 'both')}")
        return Live(name, cell.value)

    def finish(self) -> bytes:
        """Return the bytes of the file."""
        self._book.close()
        return self._bytes.getvalue()


class Sheet:
    """One sheet: what is written into it comes back as cells, to be used in formulas."""

    def __init__(self, book: Book, name: str) -> None:
        self.book, self.name, self.page = book, name, book.add_sheet(name)

    def text(self, row: int, col: int, words: str, look: str = "words") -> None:
        """Write text, whatever it begins with."""
        self.page.write_string(row, col, words, self.book.format(look, "text", may_be_formula(words)))

    def line(self, row: int, words: Sequence[str], look: str = "over") -> None:
        """Write the heads of columns, the first at the left; look: of the others ("over" stands over numbers)."""
        for col, word in enumerate(words):
            self.text(row, col, word, look if col else "head")
        if any(len(word) > WIDTH + 4 for word in words[1:]):
            self.page.set_row(row, 3 * 15)  # three lines of text

    def number(self, row: int, col: int, value: float, kind: str, look: str = "simulated") -> Cell:
        """Write a number that is not calculated here."""
        self.page.write_number(row, col, value, self.book.format(look, kind))
        return self._cell(row, col, value)

    def formula(self, row: int, col: int, what: Live, kind: str = "gbp", look: str = "formula") -> Cell:
        """Write a formula and what it comes to."""
        value = what.value
        self.page.write_formula(
            row, col, "=" + what.text.replace(f"{self.name}!", ""), self.book.format(look, kind), value
        )
        return self._cell(row, col, value)

    def put(self, row: int, col: int, what: Live | float, kind: str = "gbp") -> Cell:
        """Write a formula, or a number that comes from the simulation."""
        return self.formula(row, col, what, kind) if isinstance(what, Live) else self.number(row, col, what, kind)

    def heading(self, title: str, *notes: str) -> int:
        """Write the head of the sheet; return the first free row, one left blank."""
        self.text(0, 0, self.book.stamped + title, "title")
        for row, note in enumerate(notes, start=1):
            self.text(row, 0, note)
        return len(notes) + 2

    def columns(self, *widths: int) -> None:
        """Set the widths of the columns from the first on; the last width goes on to the right."""
        for col, width in enumerate(widths):
            self.page.set_column(col, col if col < len(widths) - 1 else 200, width)

    def wide(self) -> None:
        """Print on A3: the sheet has many columns."""
        self.page.set_paper(8)

    def freeze(self, row: int, col: int) -> None:
        """Keep rows and columns in sight, and the rows on each printed page."""
        self.page.freeze_panes(row, col)
        if row:
            self.page.repeat_rows(0, row - 1)

    def _cell(self, row: int, col: int, value: Any) -> Cell:
        return Cell(f"{self.name}!{place(row, col)}", value, sheet=self.name, row=row, col=col)


class Block:
    """A table of labels by columns with totals: rows of `labels`, columns of `heads`, the sums below and at the right.

    cells: (label, column). sums: (column,), the row below, once `close` has written it.
    """

    def __init__(
        self, sheet: Sheet, row: int, title: str, labels: Sequence[str], heads: Sequence[str], kind: str = "gbp"
    ) -> None:
        self.sheet, self.row, self.labels, self.kind = sheet, row + 2, labels, kind
        self.cells: list[list[Cell]] = [[] for _ in labels]
        self.sums: list[Cell] = []
        sheet.text(row, 0, title, "section")
        sheet.text(row + 1, 0, "", "head")
        for col, head in enumerate(heads, start=1):
            sheet.text(row + 1, col, head, "over")
        sheet.text(row + 1, len(heads) + 1, "Total", "over")
        for i, label in enumerate(labels):
            sheet.text(self.row + i, 0, label)

    @property
    def next_row(self) -> int:
        """Return the first free row after the block, one left blank."""
        return self.row + len(self.labels) + (2 if len(self.labels) > 1 or self.sums else 1)

    def put(self, i: int, what: Live | float) -> Cell:
        """Write the next column of a row."""
        cell = self.sheet.put(self.row + i, len(self.cells[i]) + 1, what, self.kind)
        self.cells[i].append(cell)
        return cell

    def close(self) -> Cell:
        """Write the sum of the next column whose rows are all there."""
        col = len(self.sums)
        column = [row[col] for row in self.cells]
        self.sums.append(self.sheet.formula(self.row + len(column), col + 1, total(column), self.kind, "total"))
        return self.sums[-1]

    def finish(self) -> Block:
        """Write the sums of all rows, at the right."""
        rows = [*self.cells, self.sums] if self.sums else self.cells
        if self.sums:
            self.sheet.text(self.row + len(self.labels), 0, "All", "total")
        self.all_of = [
            self.sheet.formula(self.row + i, len(row) + 1, total(row), self.kind, "total") for i, row in enumerate(rows)
        ]
        return self

    def fill(self, what: Callable[[int, int], Live | float], n: int, sums: bool = True) -> Block:
        """Write all columns by a function of row and column, with their sums."""
        for t in range(n):
            for i in range(len(self.labels)):
                self.put(i, what(i, t))
            if sums:
                self.close()
        return self.finish()
