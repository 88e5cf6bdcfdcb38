"""The PDF is tagged, in outline, in words for its pictures, and says what it was given as text."""

from __future__ import annotations

import io
import sys

import pytest
from pypdf import PdfReader

from edgeofcare.documents.document import Bullets, Callout, Document, Heading, Paragraph
from edgeofcare.documents.formats.pdf import pdf
from edgeofcare.errors import OptionError
from sample_document import HOSTILE, sample


@pytest.fixture(scope="module")
def made() -> bytes:
    return pdf(sample())


@pytest.fixture(scope="module")
def read(made: bytes) -> PdfReader:
    return PdfReader(io.BytesIO(made))


def squeezed(text: str) -> str:
    return "".join(text.split())


def tags(node: object, found: list[tuple[str, str]]) -> list[tuple[str, str]]:
    """Return kind and alternative text of every element of structure."""
    node = node.get_object() if hasattr(node, "get_object") else node
    if isinstance(node, list):
        for child in node:
            tags(child, found)
    elif isinstance(node, dict):
        if "/S" in node:
            found.append((str(node["/S"]), str(node.get("/Alt", ""))))
        if "/K" in node:
            tags(node["/K"], found)
    return found


def test_made_again_it_is_the_same_byte_for_byte(made: bytes) -> None:
    assert pdf(sample()) == made


def test_it_is_tagged_titled_and_in_a_language(read: PdfReader) -> None:
    root = read.trailer["/Root"]
    assert root["/MarkInfo"]["/Marked"] is True or root["/MarkInfo"]["/Marked"] == True  # noqa: E712
    assert root["/Lang"] == "en-GB"
    assert root["/ViewerPreferences"]["/DisplayDocTitle"]
    assert read.metadata is not None and read.metadata.title == "Business case: Pan-London & partners"
    assert "pdfuaid" in read.xmp_metadata.stream.get_data().decode()  # type: ignore[union-attr]


def test_tables_headings_and_pictures_are_known_for_what_they_are(read: PdfReader) -> None:
    found = tags(read.trailer["/Root"]["/StructTreeRoot"], [])
    kinds = [kind for kind, _ in found]
    assert kinds.count("/Table") == 5 and kinds.count("/TH") == 9 + 13 + 3 + 2 * 3
    assert kinds.count("/H1") == 6 and kinds.count("/H2") == 2  # four chapters, the contents, the annex; two parts
    pictures = [squeezed(alt) for kind, alt in found if kind == "/Figure"]
    assert pictures == [squeezed(f"{figure.title}. {figure.description}") for figure in sample().figures]


def test_what_is_said_is_text_whatever_is_in_it(read: PdfReader) -> None:
    text = squeezed(" ".join(page.extract_text() for page in read.pages))
    for block in sample().blocks:
        if isinstance(block, Heading | Callout):
            assert squeezed(block.text) in text
        if isinstance(block, Bullets):
            assert all(squeezed(item) in text for item in block.items)
    assert text.count(squeezed(HOSTILE)) >= 6
    assert "ŵ, 😀, ≥, ±." in " ".join(" ".join(page.extract_text() for page in read.pages).split())


def test_the_outline_names_the_chapters(read: PdfReader) -> None:
    names = [entry.title for entry in read.outline if not isinstance(entry, list)]
    assert [name for name in names if name != "Contents"] == [*sample().chapters, "Numbers behind the figures"]


def test_pages_are_a4_upright_but_for_wide_tables(read: PdfReader) -> None:
    sizes = [tuple(round(float(side) / 72 * 25.4) for side in page.mediabox[2:]) for page in read.pages]
    assert set(sizes) == {(210, 297), (297, 210)} and sizes.count((297, 210)) == 2
    side = read.pages[[i for i, size in enumerate(sizes) if size == (297, 210)][1]].extract_text()
    assert "Financial case" in side and "£4,234,567" in side  # its heading goes with it; no row is lost


def test_the_smallest_document_is_one_too() -> None:
    assert pdf(Document("T", "", (Heading("H"), Paragraph("")), "", language="en")).startswith(b"%PDF")


def test_a_missing_library_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "typst", None)
    with pytest.raises(OptionError, match=r'pip install "edgeofcare\[reports\]"'):
        pdf(sample())
