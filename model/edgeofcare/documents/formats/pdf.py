"""A document as PDF that a screen reader can follow (PDF/UA-1): tags, outline, words for every picture.

In: a document. Out: bytes, the same when made again, with the fonts of two libraries and none of the machine's.
Must not know: scenarios, results, other formats.
"""

from __future__ import annotations

import json
from dataclasses import asdict, replace
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from edgeofcare.documents.document import CALLOUT_WORDS, Block, Callout, Document, Figure, Table, printable
from edgeofcare.errors import OptionError

TEMPLATE = Path(__file__).parent / "templates" / "report.typ"
FONTS = ("Libertinus Serif", "DejaVu Sans")
POINTS = 12


def pdf(document: Document) -> bytes:
    """Return the document as tagged PDF; raise OptionError if the library that sets it is not installed."""
    try:
        import typst
    except ImportError:
        raise OptionError('PDF needs the library typst: pip install "edgeofcare[reports]"') from None

    return typst.compile(
        TEMPLATE.read_bytes(),
        sys_inputs={"document": json.dumps(_words(document), ensure_ascii=False)},
        pdf_standards="ua-1",
        font_paths=typst.Fonts(include_system_fonts=False, font_paths=_font_paths()),
    )


def _font_paths() -> list[Path]:
    """Return where the charts' library keeps its fonts: they hold characters that typst's do not."""
    found = find_spec("matplotlib")
    return [Path(found.origin).parent / "mpl-data" / "fonts" / "ttf"] if found and found.origin else []


def _words(document: Document) -> Any:
    """Return what the template needs, all text printable."""
    language, _, region = document.language.partition("-")
    return _printable(
        {
            "title": document.title,
            "subtitle": document.subtitle,
            "footer": document.footer,
            "stamp": document.stamp,
            "keywords": document.keywords,
            "language": language,
            "region": region or None,
            "fonts": FONTS,
            "sheets": [[wide, [_block(block, label) for block, label in pairs]] for wide, pairs in document.sheets],
            "annex": [
                _numbers(block, label)
                for block, label in zip(document.blocks, document.labels, strict=True)
                if isinstance(block, Figure)
            ],
        }
    )


def _block(block: Block, label: str) -> dict[str, Any]:
    """Return one block as the template reads it."""
    what = {"what": type(block).__name__}
    if isinstance(block, Table):
        return what | _table(block, label)
    if isinstance(block, Figure):
        alt = f"{block.title}. {block.description}"
        named = {"label": label, "title": block.title, "description": block.description}
        return what | named | {"svg": block.svg, "alt": alt}
    if isinstance(block, Callout):
        return what | {"word": CALLOUT_WORDS[block.kind]} | asdict(block)
    return what | asdict(block)


def _table(table: Table, label: str) -> dict[str, Any]:
    """Return a table with what its cells need to be set."""
    return asdict(table) | {
        "label": label,
        "right": table.to_the_right,
        "unbroken": [[table.unbroken(column, text) for column, text in enumerate(row)] for row in table.rows],
        "shares": table.shares,
        "wide": table.wide,
        "points": POINTS * table.scale,
    }


def _numbers(figure: Figure, label: str) -> dict[str, Any]:
    """Return the table of the numbers that a figure shows."""
    return _table(replace(figure.table, caption=f"{figure.table.caption} ({label})"), "")


def _printable(value: Any) -> Any:
    """Return the value with every text in it printable."""
    if isinstance(value, str):
        return printable(value)
    if isinstance(value, dict):
        return {key: _printable(part) for key, part in value.items()}
    return [_printable(part) for part in value] if isinstance(value, list | tuple) else value
