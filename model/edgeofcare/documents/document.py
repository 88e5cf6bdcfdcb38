"""A document in memory: what is said, in order, without a word of how it looks. Renderers turn it into files.

In: words, numbers already in words, pictures. Out: `Document`. Must not know: scenarios, results, formats.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Heading:
    """A heading. level: 2 for a chapter, 3 for a part of one (1 is the title of the document)."""

    text: str
    level: int = 2


@dataclass(frozen=True)
class Paragraph:
    """A paragraph of plain text."""

    text: str


@dataclass(frozen=True)
class Bullets:
    """A list without order."""

    items: tuple[str, ...]


@dataclass(frozen=True)
class Callout:
    """A boxed statement that stands out. kind: `answer`, `warning` or `missing` (a part that was not run)."""

    text: str
    kind: str = "answer"


@dataclass(frozen=True)
class Table:
    """A table. head: headings of columns; rows: cells as text, the first column names the row; note: what to know.

    numeric: which columns hold numbers and stand to the right; if not given, all but the first.
    """

    caption: str
    head: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    note: str = ""
    numeric: tuple[bool, ...] = ()

    @property
    def to_the_right(self) -> tuple[bool, ...]:
        """Return for each column whether it stands to the right."""
        return self.numeric or (False, *(True for _ in self.head[1:]))


@dataclass(frozen=True)
class Figure:
    """A picture with all that somebody needs who cannot see it.

    name: short, for file names and references. svg: the picture, UTF-8; png: the same for formats without SVG.
    description: what it shows, in a sentence or two with its numbers. table: the numbers drawn.
    """

    name: str
    title: str
    description: str
    svg: str
    png: bytes
    table: Table


Block = Heading | Paragraph | Bullets | Callout | Table | Figure


@dataclass(frozen=True)
class Document:
    """A document. subtitle: one line; footer: where it comes from (version, hashes, seed)."""

    title: str
    subtitle: str
    blocks: tuple[Block, ...]
    footer: str
    language: str = "en-GB"
    keywords: tuple[str, ...] = field(default=())

    @property
    def figures(self) -> tuple[Figure, ...]:
        """Return the pictures in order."""
        return tuple(block for block in self.blocks if isinstance(block, Figure))

    @property
    def chapters(self) -> tuple[str, ...]:
        """Return the headings of chapters in order."""
        return tuple(block.text for block in self.blocks if isinstance(block, Heading) and block.level == 2)


def table_of(caption: str, head: Sequence[str], rows: Sequence[Sequence[str]], note: str = "") -> Table:
    """Return a table from lists; raise ValueError if a row has not as many cells as there are columns."""
    if any(len(row) != len(head) for row in rows):
        raise ValueError(f"every row of {caption!r} must have {len(head)} cells")
    return Table(caption, tuple(head), tuple(tuple(row) for row in rows), note)
