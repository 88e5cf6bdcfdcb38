"""A document as plain text for a terminal. In: a `Document`. Out: text. Must not know: what it is about."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator, Sequence
from shutil import get_terminal_size

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

WIDTH = 118  # characters of a line where there is no terminal, and at most
NARROWEST = 60
INDENT, HANGING, GAP = "  ", "  ", "  "
LEAST_OF_WORDS = 16  # characters that a column of words keeps in a table that is too wide
HEADS = {**CALLOUT_WORDS, "answer": "The answer"}


def text(document: Document, width: int | None = None, figures: bool = False) -> str:
    """Return a document in lines of at most so many characters; the terminal's own width if none is given.

    figures: pictures too, as their numbers. Only a table whose numbers alone are wider than a line goes beyond it.
    """
    width = terminal_width() if width is None else width
    parts = [*_paragraph(document.title, width, ""), *_paragraph(document.subtitle, width, ""), ""]
    for block in document.blocks if figures else _without_figures(document.blocks):
        parts += _lines(block, width)
        if not isinstance(block, Heading):
            parts.append("")
    parts += _paragraph(document.footer, width, "")
    return printable_lines(parts)


def _without_figures(blocks: Sequence[Block]) -> list[Block]:
    """Return the blocks without pictures, and without headings that have nothing left below them."""
    kept: list[Block] = []
    for block in reversed(blocks):
        below = kept[-1] if kept else Heading("", 0)
        empty = isinstance(block, Heading) and isinstance(below, Heading) and below.level <= block.level
        if not (isinstance(block, Figure) or empty):
            kept.append(block)
    return kept[::-1]


def terminal_width() -> int:
    """Return how wide lines may be: as the terminal, but never wider than can be read."""
    return max(NARROWEST, min(WIDTH, get_terminal_size((WIDTH, 0)).columns))


def printable_lines(lines: Sequence[str]) -> str:
    """Return lines as one text, without control characters and without blanks at their ends."""
    return "\n".join(printable(line).rstrip() for line in lines).rstrip() + "\n"


def _lines(block: Block, width: int) -> Iterator[str]:
    match block:
        case Heading(words, level):
            yield from _paragraph(words.upper() if level == 2 else words, width, "")
        case Paragraph(words):
            yield from _paragraph(words, width)
        case Bullets(items):
            for item in items:
                yield from _paragraph(f"- {item}", width, INDENT, HANGING)
        case Callout(words, kind):
            yield HEADS[kind].upper()
            yield from _paragraph(words, width)
        case Table():
            yield from table_lines(block, width)
        case Figure(table=numbers, description=words):
            yield from table_lines(numbers, width)
            yield from _paragraph(words, width)


def _paragraph(words: str, width: int, indent: str = INDENT, hanging: str = "") -> list[str]:
    return textwrap.wrap(
        words, width, initial_indent=indent, subsequent_indent=indent + hanging, break_on_hyphens=False
    )


# ---- tables --------------------------------------------------------------------------------------------------------


def table_lines(table: Table, width: int) -> Iterator[str]:
    """Yield a table: numbers in one line, headings and words broken over several where they must be."""
    widths = _widths(table, width)
    yield from _paragraph(table.caption, width, "")
    yield from _row(table, table.head, widths, at_the_foot=True)
    for row in table.rows:
        yield from _row(table, row, widths)
    yield from _paragraph(table.note, width)


def _widths(table: Table, width: int) -> list[int]:
    """Return the width of each column: as its cells and its heading's words need; columns of words give way."""
    columns = list(zip(table.head, *table.rows, strict=True))
    widths = [max(map(len, ("-", *head.split(), *cells))) for head, *cells in columns]
    spare = width - len(INDENT) - len(GAP) * (len(widths) - 1) - sum(widths)
    wordy = [i for i, right in enumerate(table.to_the_right) if not right]
    while spare < 0 and wordy:
        widest = max(wordy, key=lambda i: widths[i])
        if widths[widest] <= LEAST_OF_WORDS:
            break
        cut = min(-spare, widths[widest] - LEAST_OF_WORDS, max(1, widths[widest] - _second(widths, wordy)))
        widths[widest] -= cut
        spare += cut
    return widths


def _second(widths: Sequence[int], wordy: Sequence[int]) -> int:
    return sorted((widths[i] for i in wordy), reverse=True)[1] if len(wordy) > 1 else LEAST_OF_WORDS


def _row(table: Table, cells: Sequence[str], widths: Sequence[int], at_the_foot: bool = False) -> Iterator[str]:
    """Yield the lines of a row. at_the_foot: short cells stand beside the last line of long ones, as headings do."""
    broken = [textwrap.wrap(cell, width) or [""] for cell, width in zip(cells, widths, strict=True)]
    tall = max(map(len, broken))
    filled = [([""] * (tall - len(c)) + c) if at_the_foot else c + [""] * (tall - len(c)) for c in broken]
    for line in zip(*filled, strict=True):
        aligned = [
            f"{cell:>{width}}" if right else f"{cell:<{width}}"
            for cell, width, right in zip(line, widths, table.to_the_right, strict=True)
        ]
        yield (INDENT + GAP.join(aligned)).rstrip()
