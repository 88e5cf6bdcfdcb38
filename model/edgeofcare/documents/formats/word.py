"""A document as a Word file that can be edited: headings as styles, tables that repeat their head, words for pictures.

In: a document. Out: bytes, the same when made again. Must not know: scenarios, results, other formats.
"""

from __future__ import annotations

import datetime
import io
import zipfile
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

from edgeofcare.documents.document import (
    CALLOUT_WORDS,
    Block,
    Bullets,
    Callout,
    Document,
    Figure,
    Heading,
    Paragraph,
    Table,
    printable,
)
from edgeofcare.errors import OptionError
from edgeofcare.inputs.cells import escaped

POINTS = 12
NAVY, PALE, INK = "12436D", "F1F4F8", "1B1B1B"
CALLOUT_COLOURS = {"answer": (NAVY, PALE, "single"), "warning": ("801650", "FBF2F6", "single")}
MISSING_COLOURS = ("595959", "FFFFFF", "dashed")
FONT = "Arial"
LINE_CM = {False: 17.4, True: 26.1}  # between the margins of A4, by whether the page is on its side
MARGIN_CM, SHORT_CM, LONG_CM = 1.8, 21.0, 29.7
ZIP_DATE = (1980, 1, 1, 0, 0, 0)
CORE_DATE = datetime.datetime(2000, 1, 1)
NUMBERS = "Numbers behind the figures"


def docx(document: Document) -> bytes:
    """Return the document as a Word file; raise OptionError if the library that writes it is not installed."""
    try:
        import docx as library
    except ImportError:
        raise OptionError('Word needs the library python-docx: pip install "edgeofcare[reports]"') from None

    page = library.Document()
    _styles(page, document)
    page.add_paragraph(printable(document.title), style="Title")
    page.add_paragraph(printable(document.subtitle), style="Subtitle")
    page.add_paragraph(printable(document.footer))
    headings = [block for block in document.blocks if isinstance(block, Heading)]
    _contents(page, [*headings, *([Heading(NUMBERS)] if document.figures else [])])
    marks = iter(range(len(headings) + 1))
    for wide, pairs in document.sheets:
        _sheet(page, wide, pairs, marks)
    if document.figures:
        _heading(page, Heading(NUMBERS), next(marks))
    for block, label in zip(document.blocks, document.labels, strict=True):
        if isinstance(block, Figure):
            numbers = replace(block.table, caption=f"{block.table.caption} ({label})")
            _sheet(page, numbers.wide, [(numbers, "")], marks)
    file = io.BytesIO()
    page.save(file)
    return _dated(file.getvalue())


def _dated(file: bytes) -> bytes:
    """Return the packed file with the same date on every part, whenever it was made."""
    packed = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(file)) as old, zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as new:
        for part in old.infolist():
            new.writestr(zipfile.ZipInfo(part.filename, ZIP_DATE), old.read(part), zipfile.ZIP_DEFLATED)
    return packed.getvalue()


# ---- the whole ----------------------------------------------------------------------------------------------------


def _styles(page: Any, document: Document) -> None:
    """Set language, fonts, size of the page, footer and properties."""
    from docx.oxml.ns import qn
    from docx.shared import Cm, Pt, RGBColor

    sizes = {"Normal": POINTS, "Title": 24, "Subtitle": 14, "Heading 1": 17, "Heading 2": 13.5, "Caption": POINTS}
    for name, points in sizes.items():
        style = page.styles[name]
        style.font.name, style.font.size = FONT, Pt(points)
        style.font.color.rgb = RGBColor.from_string(NAVY if name.startswith(("Title", "Heading")) else INK)
        style.font.italic, style.font.bold = False, name.startswith("Heading")
        fonts = style.element.get_or_add_rPr().get_or_add_rFonts()
        for theme in ("asciiTheme", "hAnsiTheme", "eastAsiaTheme", "cstheme"):
            fonts.attrib.pop(qn(f"w:{theme}"), None)
    page.styles["Caption"].paragraph_format.keep_with_next = True
    page.styles["Caption"].paragraph_format.space_before = Pt(12)
    for language in page.styles.element.iter(qn("w:lang")):
        language.set(qn("w:val"), document.language)
    section = page.sections[0]
    section.page_width, section.page_height = Cm(SHORT_CM), Cm(LONG_CM)
    for side in ("left_margin", "right_margin", "top_margin", "bottom_margin"):
        setattr(section, side, Cm(MARGIN_CM))
    if document.stamp:
        stamp = section.header.paragraphs[0].add_run(printable(document.stamp))
        stamp.font.bold, stamp.font.size, stamp.font.color.rgb = True, Pt(14), RGBColor.from_string("801650")
    foot = section.footer.paragraphs[0]
    foot.add_run(f"{printable(document.title)}  ·  Page ")
    _field(foot, "PAGE", "1")
    foot.add_run(" of ")
    _field(foot, "NUMPAGES", "1")
    for run in foot.runs:
        run.font.size = Pt(10)
    core = page.core_properties
    core.title, core.subject = printable(document.title)[:255], printable(document.subtitle)[:255]
    core.keywords, core.language = printable(", ".join(document.keywords))[:255], document.language
    core.author = core.last_modified_by = "edgeofcare"
    core.comments, core.revision = "", 1
    core.created = core.modified = CORE_DATE


def _contents(page: Any, headings: list[Heading]) -> None:
    """Add the contents as a field that Word can bring up to date, filled with links already."""
    page.add_paragraph("Contents", style="Subtitle")
    first = last = page.add_paragraph()
    for number, heading in enumerate(headings):
        last = first if number == 0 else page.add_paragraph()
        last.paragraph_format.left_indent = _cm(0.8 * (heading.level - 2))
        last.paragraph_format.space_after = _cm(0.1)
        if number == 0:
            _field_part(first, "begin")
            _instruction(first, 'TOC \\o "1-2" \\h \\z \\u')
            _field_part(first, "separate")
        link = _element("hyperlink", anchor=_mark(number), history="1")
        link.append(last.add_run(printable(heading.text))._r)
        last._p.append(link)
    if headings:
        _field_part(last, "end")
    page.add_page_break()


def _sheet(page: Any, wide: bool, pairs: Sequence[tuple[Block, str]], marks: Iterator[int]) -> None:
    """Add blocks on pages of one kind."""
    if wide:
        _turn(page)
    for block, label in pairs:
        _block(page, block, label, marks)
    if wide:
        _turn(page)


def _block(page: Any, block: Block, label: str, marks: Iterator[int]) -> None:
    """Add one block."""
    if isinstance(block, Heading):
        _heading(page, block, next(marks))
    elif isinstance(block, Paragraph):
        page.add_paragraph(printable(block.text))
    elif isinstance(block, Bullets):
        for item in block.items:
            page.add_paragraph(printable(item), style="List Bullet")
    elif isinstance(block, Callout):
        _callout(page, block)
    elif isinstance(block, Table):
        _table(page, block, label)
    elif isinstance(block, Figure):
        _figure(page, block, label)


def _heading(page: Any, heading: Heading, number: int) -> None:
    """Add a heading that the contents link to."""
    paragraph = page.add_paragraph(style=f"Heading {heading.level - 1}")
    paragraph._p.append(_element("bookmarkStart", id=str(number), name=_mark(number)))
    paragraph.add_run(printable(heading.text))
    paragraph._p.append(_element("bookmarkEnd", id=str(number)))


def _callout(page: Any, callout: Callout) -> None:
    """Add a boxed paragraph: a word first, so that its kind does not rest on its colour."""
    line, ground, dash = CALLOUT_COLOURS.get(callout.kind, MISSING_COLOURS)
    paragraph = page.add_paragraph()
    paragraph.add_run(f"{CALLOUT_WORDS[callout.kind]}. ").bold = True
    paragraph.add_run(printable(callout.text))
    paragraph.paragraph_format.keep_together = True
    borders = _element("pBdr")
    for side in ("top", "left", "bottom", "right"):
        width = "36" if side == "left" else "8"
        borders.append(_element(side, val=dash, sz=width, space="6", color=line))
    properties = paragraph._p.get_or_add_pPr()
    properties.insert_element_before(borders, "w:shd", "w:tabs", "w:spacing", "w:ind", "w:jc", "w:rPr")
    shade = _element("shd", val="clear", color="auto", fill=ground)
    properties.insert_element_before(shade, "w:tabs", "w:spacing", "w:ind", "w:jc", "w:rPr")


def _figure(page: Any, figure: Figure, label: str) -> None:
    """Add a picture under its caption, with words for those who cannot see it."""
    _caption(page, label, figure.title)
    run = page.add_paragraph().add_run()
    run.add_picture(io.BytesIO(figure.png), width=_cm(LINE_CM[False]))
    words = run._r.xpath(".//wp:docPr")[0]
    words.set("title", printable(figure.title))
    words.set("descr", printable(figure.description))
    page.add_paragraph(printable(figure.description))


def _caption(page: Any, label: str, text: str) -> None:
    """Add the line above a table or a figure."""
    paragraph = page.add_paragraph(style="Caption")
    if label:
        paragraph.add_run(f"{label}. ").bold = True
    paragraph.add_run(printable(text))


# ---- tables -------------------------------------------------------------------------------------------------------


def _table(page: Any, table: Table, label: str) -> None:
    """Add a table under its caption."""
    _caption(page, label, table.caption)
    grid = page.add_table(rows=0, cols=len(table.head))
    properties = grid._tbl.tblPr
    for look in properties.xpath("w:tblLook"):
        properties.remove(look)
    cells = _element("tblCellMar")
    for side in ("left", "right"):
        cells.append(_element(side, w="80", type="dxa"))
    properties.append(cells)
    properties.append(_element("tblLook", val="00A0", firstRow="1", firstColumn="1", noHBand="1", noVBand="1"))
    properties.append(_element("tblCaption", val=printable(table.caption)))
    widths = [LINE_CM[table.wide] * share for share in table.shares]
    for column, width in zip(grid._tbl.tblGrid.gridCol_lst, widths, strict=True):
        column.w = _cm(width)
    for number, texts in enumerate((table.head, *table.rows)):
        grid._tbl.append(_row(number, texts, table, widths))
    note = page.add_paragraph(printable(table.note))
    note.paragraph_format.space_before = _cm(0.15)


def _row(number: int, texts: tuple[str, ...], table: Table, widths: list[float]) -> Any:
    """Return one row; row 0 is the head, repeated on every page. Built directly, since cell by cell is slow."""
    row = _element("tr")
    kind = _element("trPr")
    kind.append(_element("cantSplit"))
    if number == 0:
        kind.append(_element("tblHeader"))
    row.append(kind)
    for column, (text, right, width) in enumerate(zip(texts, table.to_the_right, widths, strict=True)):
        cell, about, paragraph, layout = (_element(name) for name in ("tc", "tcPr", "p", "pPr"))
        about.append(_element("tcW", w=str(round(width * 567)), type="dxa"))
        lines = _element("tcBorders")
        lines.append(_element("bottom", val="single", sz="4", space="0", color="B3B8BF"))
        about.append(lines)
        ground = NAVY if number == 0 else PALE if number % 2 == 0 else "FFFFFF"
        about.append(_element("shd", val="clear", color="auto", fill=ground))
        if number and table.unbroken(column, text):
            about.append(_element("noWrap"))
        about.append(_element("vAlign", val="bottom" if number == 0 else "top"))
        if number == 0:
            layout.append(_element("keepNext"))
        layout.append(_element("spacing", before="40", after="40"))
        layout.append(_element("jc", val="right" if right else "left"))
        run, letters, words = _element("r"), _element("rPr"), _element("t")
        if number == 0:
            letters.append(_element("b"))
            letters.append(_element("color", val="FFFFFF"))
        letters.append(_element("sz", val=str(int(2 * POINTS * table.scale))))
        words.text = printable(escaped(text))
        run.extend([letters, words])
        paragraph.extend([layout, run])
        cell.extend([about, paragraph])
        row.append(cell)
    return row


def _turn(page: Any) -> None:
    """Go on with a page on its side, or upright again."""
    section = page.add_section()
    section.page_width, section.page_height = section.page_height, section.page_width
    section.orientation = int(section.page_width > section.page_height)


# ---- small parts --------------------------------------------------------------------------------------------------


def _cm(length: float) -> Any:
    from docx.shared import Cm

    return Cm(length)


def _element(name: str, /, **attributes: str) -> Any:
    """Return an element of the format with its attributes."""
    from docx.oxml import OxmlElement
    from docx.oxml.ns import qn

    element = OxmlElement(f"w:{name}")
    for key, value in attributes.items():
        element.set(qn(f"w:{key}"), value)
    return element


def _mark(number: int) -> str:
    """Return the name of the mark that a heading carries."""
    return f"_Toc{number:06d}"


def _field(paragraph: Any, instruction: str, shown: str) -> None:
    """Add a field that Word works out, and what stands there until it has."""
    _field_part(paragraph, "begin")
    _instruction(paragraph, instruction)
    _field_part(paragraph, "separate")
    paragraph.add_run(shown)
    _field_part(paragraph, "end")


def _field_part(paragraph: Any, kind: str) -> None:
    paragraph.add_run()._r.append(_element("fldChar", fldCharType=kind))


def _instruction(paragraph: Any, text: str) -> None:
    from docx.oxml.ns import qn

    words = _element("instrText")
    words.text = f" {text} "
    words.set(qn("xml:space"), "preserve")
    paragraph.add_run()._r.append(words)
