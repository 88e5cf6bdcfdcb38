"""The numbers of a document as CSV, one line for each cell. In: a `Document`. Out: text. Must not know: its subject."""

from __future__ import annotations

from collections.abc import Iterator

from edgeofcare.documents.document import Document, Figure, Said, Table
from edgeofcare.inputs.cells import csv_text

HEAD = ("table", "row", "column", "value", "unit")


def csv(document: Document) -> str:
    """Return the cells of all tables and of the tables behind pictures: a number unrounded with its unit, or text."""
    return csv_text(HEAD, _cells(document))


def _cells(document: Document) -> Iterator[tuple[object, ...]]:
    for block in document.blocks:
        table = block.table if isinstance(block, Figure) else block
        if isinstance(table, Table):
            for name, *cells in table.rows:
                for column, cell in zip(table.head[1:], cells, strict=True):
                    yield table.caption, name, column, *_value(cell)


def _value(cell: str) -> tuple[object, str]:
    if isinstance(cell, Said):
        return "" if cell.number is None else float(cell.number), cell.unit
    return cell, ""
