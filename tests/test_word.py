"""The Word file has headings as styles, tables that repeat their head, and words for pictures."""

from __future__ import annotations

import io
import sys
import zipfile

import pytest
from docx import Document as open_docx
from docx.oxml.ns import qn

from edgeofcare.documents.document import Document, Heading, Paragraph, printable
from edgeofcare.documents.formats.word import docx
from edgeofcare.errors import OptionError
from sample_document import HOSTILE, sample


@pytest.fixture(scope="module")
def made() -> bytes:
    return docx(sample())


@pytest.fixture(scope="module")
def read(made: bytes):  # type: ignore[no-untyped-def]
    return open_docx(io.BytesIO(made))


def test_made_again_it_is_the_same_byte_for_byte(made: bytes) -> None:
    assert docx(sample()) == made
    with zipfile.ZipFile(io.BytesIO(made)) as file:
        assert {part.date_time for part in file.infolist()} == {(1980, 1, 1, 0, 0, 0)}


def test_headings_are_styles(read) -> None:  # type: ignore[no-untyped-def]
    found = [(p.style.name, p.text) for p in read.paragraphs if p.style.name.startswith("Heading")]
    wanted = [(f"Heading {b.level - 1}", b.text) for b in sample().blocks if isinstance(b, Heading)]
    assert found == [*wanted, ("Heading 1", "Numbers behind the figures")]


def test_the_contents_link_to_every_heading(read) -> None:  # type: ignore[no-untyped-def]
    body = read.element.body
    links = [link.get(qn("w:anchor")) for link in body.iter(qn("w:hyperlink"))]
    marks = [mark.get(qn("w:name")) for mark in body.iter(qn("w:bookmarkStart"))]
    assert links == marks and len(set(marks)) == 7
    kinds = [part.get(qn("w:fldCharType")) for part in body.iter(qn("w:fldChar"))]
    assert kinds == ["begin", "separate", "end"]


def test_tables_hold_what_they_were_given_and_repeat_their_head(read) -> None:  # type: ignore[no-untyped-def]
    given = [block for block in sample().blocks if type(block).__name__ == "Table"]
    given += [figure.table for figure in sample().figures]
    assert len(read.tables) == len(given)
    for table, wanted in zip(read.tables, given, strict=True):
        texts = [tuple(cell.text for cell in row.cells) for row in table.rows]
        assert texts == [wanted.head, *wanted.rows]
        heads = [row._tr.trPr.find(qn("w:tblHeader")) is not None for row in table.rows]
        assert heads == [True] + [False] * len(wanted.rows)
        assert table._tbl.tblPr.find(qn("w:tblCaption")).get(qn("w:val")).startswith(wanted.caption)


def test_pictures_have_words(read) -> None:  # type: ignore[no-untyped-def]
    words = [shape._inline.docPr.get("descr") for shape in read.inline_shapes]
    assert words == [figure.description for figure in sample().figures]
    assert all(shape._inline.docPr.get("title") for shape in read.inline_shapes)


def test_what_is_said_is_text_whatever_is_in_it(read) -> None:  # type: ignore[no-untyped-def]
    texts = [paragraph.text for paragraph in read.paragraphs]
    assert sum(HOSTILE in text for text in texts) >= 5
    assert "Bell , null , half  , 漢字, ŵ, 😀, ≥, ±." in texts


def test_wide_tables_lie_on_their_side(read) -> None:  # type: ignore[no-untyped-def]
    sides = [section.page_width > section.page_height for section in read.sections]
    assert sides == [False, True, False, True, False]
    for section in read.sections:
        assert (section.orientation == 1) == (section.page_width > section.page_height)


def test_language_footer_and_properties(read) -> None:  # type: ignore[no-untyped-def]
    languages = {lang.get(qn("w:val")) for lang in read.styles.element.iter(qn("w:lang"))}
    assert languages == {"en-GB"}
    footer = read.sections[0].footer._element
    assert "Pan-London & partners" in read.sections[0].footer.paragraphs[0].text
    assert [part.text.strip() for part in footer.iter(qn("w:instrText"))] == ["PAGE", "NUMPAGES"]
    assert read.core_properties.title == sample().title and read.core_properties.created.year == 2000


def test_the_smallest_document_is_one_too() -> None:
    assert docx(Document("T", "", (Paragraph("p"),), ""))[:2] == b"PK"


def test_a_missing_library_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "docx", None)
    with pytest.raises(OptionError, match=r'pip install "edgeofcare\[reports\]"'):
        docx(sample())


def test_only_what_no_page_can_hold_is_replaced() -> None:
    assert printable("a\x00b\nc\ud800d\ufffe") == "a b c d "
    kept = "£ ŵ é 漢 😀 ≥ ± ~ <&>"
    assert printable(kept) == kept
