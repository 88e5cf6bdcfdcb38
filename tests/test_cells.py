"""Text that a spreadsheet would take for a formula stays text in every file that is made for other programs."""

import ast
import csv
import io
from pathlib import Path

import pytest

import edgeofcare
from edgeofcare.documents.document import Document, Paragraph, Said, Table
from edgeofcare.documents.formats.csv import csv as document_csv
from edgeofcare.documents.formats.sheets import sheets
from edgeofcare.documents.workbook.formula_cells import Book
from edgeofcare.inputs.cells import MARK, csv_text, escaped, may_be_formula
from edgeofcare.inputs.describe import assumptions_csv
from edgeofcare.inputs.load import load

FORMULAS = [
    "=1+1",
    "+1+1",
    "-1+2",
    "@SUM(1)",
    "\t=1+1",
    "\r=1+1",
    " =1",
    '=HYPERLINK("http://x","y")',
    "+cmd|' /C calc'!A0",
]
FORMULAS += ["\uff1d1+1", "-A1", "\n@x"]
PLAIN = [
    "",
    "-",
    "-5.2",
    "+3%",
    "-£1,200 a year",
    "-0.5 to -0.1",
    "1 = 1",
    "a=b",
    "5",
    "\u22125",
    "'=x",
    "-1e-05",
    "Sutton",
]


@pytest.mark.parametrize("text", FORMULAS)
def test_what_may_be_a_formula_is_escaped(text: str) -> None:
    assert may_be_formula(text) and escaped(text) == f"'{text}"


@pytest.mark.parametrize("text", [text for text in PLAIN if text != "-0.5 to -0.1"])
def test_numbers_and_words_stay_as_they_are(text: str) -> None:
    assert not may_be_formula(text) and escaped(text) == text


def document() -> Document:
    rows = tuple((text, text, Said("-5", -5.0, "count")) for text in FORMULAS)
    table = Table("=1+1", ("@name", "-1+2", "n"), rows, "+1+1", (False, False, True))
    return Document("=title", "@subtitle", (Paragraph("=1+1"), table), "+footer")


def test_csv_is_marked_as_utf_8_and_holds_no_formula() -> None:
    text = document_csv(document())
    assert text.startswith(MARK) and text.encode().startswith(b"\xef\xbb\xbf")
    rows = list(csv.reader(io.StringIO(text.removeprefix(MARK), newline="")))
    assert len(rows) == 1 + 2 * len(FORMULAS)
    assert not any(may_be_formula(cell) for row in rows for cell in row)
    assert [row[3] for row in rows[2::2]] == ["-5.0"] * len(FORMULAS), "numbers stay numbers"


def test_the_log_of_assumptions_holds_no_formula(tmp_path: Path) -> None:
    sources = "".join(
        f"[boroughs.{slug}]\nname = {text!r}\n"
        f"referrals_per_year = {{value = 5.0, unit = {text!r}, source = {text!r}}}\n"
        for slug, text in zip(load("pan_london").boroughs, ["=1+1", "+1", "-1+2", "@SUM(1)", "=cmd"], strict=False)
    )
    (tmp_path / "mine.toml").write_text(f'extends = "pan_london"\n{sources}', "utf-8")
    text = assumptions_csv(load(tmp_path / "mine.toml"))
    rows = list(csv.reader(io.StringIO(text.removeprefix(MARK), newline="")))
    assert text.startswith(MARK) and sum("'=1+1" in row for row in rows) == 1
    assert not any(may_be_formula(cell) for row in rows for cell in row)


def quoted_text(file: bytes) -> dict[str, bool]:
    """Each text of a workbook, and whether it stays text when it is edited."""
    openpyxl = pytest.importorskip("openpyxl")
    found = {}
    for sheet in openpyxl.load_workbook(io.BytesIO(file)).worksheets:
        for row in sheet.iter_rows():
            for cell in row:
                assert cell.data_type != "f" or not may_be_formula(str(cell.value)[1:])
                if isinstance(cell.value, str):
                    found[cell.value] = bool(cell.quotePrefix)
    return found


def test_workbooks_keep_text_as_text_even_when_it_is_edited() -> None:
    found = quoted_text(sheets(document()))
    starting = {text: quoted for text, quoted in found.items() if may_be_formula(text)}
    assert len(starting) >= len({text.strip() for text in FORMULAS}) and all(starting.values())
    assert not any(quoted for text, quoted in found.items() if not may_be_formula(text))


def test_the_workbook_of_a_case_quotes_alike() -> None:
    book = Book("x", ["Inputs"])
    for row, text in enumerate(["=1+1", "Sutton"]):
        book.sheets["Inputs"].text(row, 0, text)
    assert quoted_text(book.finish()) == {"=1+1": True, "Sutton": False}


def test_tables_in_word_can_be_copied_into_a_sheet() -> None:
    library = pytest.importorskip("docx")
    from edgeofcare.documents.formats.word import docx

    (table,) = library.Document(io.BytesIO(docx(document()))).tables
    cells = [cell.text for row in table.rows for cell in row.cells]
    assert not any(may_be_formula(text) for text in cells) and "'@SUM(1)" in cells and "-5" in cells


def test_csv_is_written_in_one_place_only() -> None:
    package = Path(edgeofcare.__file__).parent
    wrong = []
    for path in package.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            writes = (".to_csv", "csv.writer", "csv.DictWriter")
            if isinstance(node, ast.Call) and ast.unparse(node.func).endswith(writes):
                wrong.append(path.name)
    assert set(wrong) == {"cells.py"}


def test_a_row_of_any_values_is_written() -> None:
    assert csv_text(("a", "b", "c"), [(1.5, None, "x,y")]) == f'{MARK}a,b,c\n1.5,,"x,y"'
