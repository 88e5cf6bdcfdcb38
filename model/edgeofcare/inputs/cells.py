"""Text that goes into a cell of another program. In: rows. Out: CSV, and text that no spreadsheet takes for a formula.

The only writer of CSV. Must not know: what the cells say.
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterable, Sequence

MARK = "\ufeff"  # by which a spreadsheet knows UTF-8
# Signs that begin a formula, also as East Asian input methods write them; and controls that hide one behind them.
FORMULA = re.compile(r"\s*[=+\-@\uff1d\uff0b\uff0d\uff20]|[\t\r\n]")
# A number with its unit is none: -5.2, +3%, -£1,200 a year, -.
NUMBER = re.compile(r"[-+]?[£$€]?\d[\d,.]*(e[-+]?\d+)?( ?[%a-zA-Z]+)*|-")


def may_be_formula(text: str) -> bool:
    """Tell whether a spreadsheet may take a text for a formula: it begins with = + - @, a tab or a line's end."""
    return bool(FORMULA.match(text)) and not NUMBER.fullmatch(text)


def escaped(text: str) -> str:
    """Return a text with an apostrophe before it if a spreadsheet may take it for a formula."""
    return f"'{text}" if may_be_formula(text) else text


def csv_text(head: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    """Return rows as CSV with a heading and a mark of UTF-8; text that may be a formula is escaped."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    for row in (head, *rows):
        writer.writerow([escaped(_one_end(cell)) if isinstance(cell, str) else cell for cell in row])
    return MARK + out.getvalue().rstrip("\n")


def _one_end(text: str) -> str:
    """Return a text with one kind of line's end, which the writer of CSV knows to put in quotation marks."""
    return text.replace("\r\n", "\n").replace("\r", "\n")
