"""The numbers of a document as CSV, one line for each cell. In: a `Document`. Out: text. Must not know: its subject."""

from __future__ import annotations

import csv as library
import io

from edgeofcare.documents.document import Document, Figure, Said, Table

HEAD = ("table", "row", "column", "value", "unit")


def csv(document: Document) -> str:
    """Return the cells of all tables and of the tables behind pictures: a number unrounded with its unit, or text."""
    out = io.StringIO()
    writer = library.writer(out, lineterminator="\n")
    writer.writerow(HEAD)
    for block in document.blocks:
        table = block.table if isinstance(block, Figure) else block
        if isinstance(table, Table):
            for name, *cells in table.rows:
                for column, cell in zip(table.head[1:], cells, strict=True):
                    writer.writerow((table.caption, name, column, *_value(cell)))
    return out.getvalue()


def _value(cell: str) -> tuple[str, str]:
    if isinstance(cell, Said):
        return "" if cell.number is None else repr(float(cell.number)), cell.unit
    return cell, ""
