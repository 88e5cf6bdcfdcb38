"""Pieces of formulas: text and value always agree, and a cell's place is where a sheet has it."""

from __future__ import annotations

import io
import re
from typing import Any

import openpyxl
import pytest
from hypothesis import given
from hypothesis import strategies as st
from openpyxl.utils.cell import coordinate_from_string, get_column_letter

from edgeofcare.documents.workbook.formula_cells import (
    Book,
    Live,
    both,
    either,
    high,
    live,
    locked,
    low,
    place,
    ratio,
    same,
    serial,
    size,
    span,
    total,
    when,
)

NUMBERS = st.integers(-9, 9).map(float)
OPERATIONS = ["+", "-", "*", "/", "neg", "ratio", "low", "high", "size", "when"]


def reads(formula: str) -> Any:
    """Return what a formula comes to, by Python's own order of operations."""
    text = re.sub(r"(?<![<>=])=(?!=)", "==", formula).replace("^", "**")
    names = {"MIN": min, "MAX": max, "ABS": abs, "IF": lambda a, b, c: b() if a() else c()}
    text = re.sub(r"IF\(", "_if(", text)
    return eval(text, {"__builtins__": {}}, names | {"_if": lambda a, b, c: b if a else c})


@st.composite
def pieces(draw: Any, depth: int = 4) -> Live:
    if depth == 0 or draw(st.booleans()):
        return live(draw(NUMBERS))
    a, b = draw(pieces(depth=depth - 1)), draw(pieces(depth=depth - 1))
    match draw(st.sampled_from(OPERATIONS)):
        case "+":
            return a + b
        case "-":
            return a - b
        case "*":
            return a * b
        case "/":
            return a / (size(b) + 1)
        case "neg":
            return -a
        case "ratio":
            return a * 2 - b if b.value == 0 else a + a / b  # Python would divide in both branches of a ratio
        case "low":
            return low(a, b)
        case "high":
            return high(a, b, 0)
        case "size":
            return size(a)
    return when(a < b, a, b) if draw(st.booleans()) else when(same(a, b), 1.0, b - a)


@given(pieces())
def test_a_formula_read_by_another_order_of_operations_gives_the_value_beside_it(piece: Live) -> None:
    assert reads(piece.text) == pytest.approx(piece.value, rel=1e-12, abs=1e-12)


def test_parentheses_stand_where_they_are_needed_and_nowhere_else() -> None:
    a, b, c = (Live(name, value) for name, value in (("A1", 2.0), ("B1", 3.0), ("C1", 5.0)))
    assert (a + b * c).text == "A1+B1*C1"
    assert ((a + b) * c).text == "(A1+B1)*C1"
    assert (a - (b - c)).text == "A1-(B1-C1)"
    assert (a / (1 + b) ** c).text == "A1/(1+B1)^C1"
    assert (a / (1 + b) ** c).value == 2 / 4**5
    assert (1 - a).text == "1-A1"
    assert (-(a + b)).text == "-(A1+B1)"


def test_a_ratio_to_nil_is_nil_and_says_so() -> None:
    nil = Live("B1", 0.0)
    assert ratio(Live("A1", 2.0), nil).value == 0
    assert ratio(Live("A1", 2.0) + 1, nil + nil).text == "IF(B1+B1=0,0,(A1+1)/(B1+B1))"
    assert both(nil < 1, same(nil, 0)).value is True
    assert either(nil > 1, same(nil, 1)).value is False


@given(st.integers(0, 9999), st.integers(0, 2000))
def test_places_are_those_of_a_sheet(row: int, col: int) -> None:
    assert place(row, col) == f"{get_column_letter(col + 1)}{row + 1}"
    assert coordinate_from_string(place(row, col, "both").replace("$", "")) == (get_column_letter(col + 1), row + 1)


def test_a_day_is_the_number_by_which_a_sheet_knows_it() -> None:
    assert serial("1900-03-01") == 61  # the first day on which all sheets agree
    assert serial("2018-04-01") == 43191


def test_cells_name_their_sheet_only_from_another_and_hold_fast_what_is_locked() -> None:
    book = Book("Test", ["One", "Two"])
    one, two = book.sheets["One"], book.sheets["Two"]
    cells = [one.number(0, col, col + 1.0, "gbp") for col in range(3)]
    assert one.formula(1, 0, total(cells)).value == 6
    two.formula(0, 0, total(cells, "both") + locked(cells[0], "row"))
    assert span(cells, "col", "") == "One!$A1:C1"
    read = openpyxl.load_workbook(io.BytesIO(book.finish()))
    assert read["One"]["A2"].value == "=SUM(A1:C1)"
    assert read["Two"]["A1"].value == "=SUM(One!$A$1:$C$1)+One!A$1"
