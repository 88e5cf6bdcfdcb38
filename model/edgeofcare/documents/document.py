"""A document in memory: what is said, in order, without a word of how it looks. Renderers turn it into files.

In: words, numbers already in words, pictures. Out: `Document`. Must not know: scenarios, results, formats.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from itertools import groupby

CALLOUT_WORDS = {"answer": "In short", "warning": "Take care", "missing": "Not run"}
LONGEST_UNBROKEN = 20  # characters of a number that stands in one line
LONGEST_LINE = 60  # characters that a column of a table is given at most
LINE_CHARACTERS = {False: 72, True: 110}  # of 12 point text in a line of A4, by whether the page is on its side
UNPRINTABLE = re.compile("[^\x20-\x7e\xa0-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


class Said(str):
    """A number as a reader says it ("£534k"), with the number itself (534123.4) for formats that calculate.

    number: the value, None where there is none. unit: `gbp`, `share` (0.35 is said as 35%), or a word such as `days`.
    """

    number: float | None
    unit: str

    def __new__(cls, text: str, number: float | None, unit: str) -> Said:
        """Return the text; equal to any text of the same characters."""
        said = super().__new__(cls, text)
        said.number, said.unit = number, unit
        return said

    def __getnewargs__(self) -> tuple[str, float | None, str]:  # type: ignore[override]
        """Return what a copy is made of."""
        return str(self), self.number, self.unit


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

    def unbroken(self, column: int, text: str) -> bool:
        """Return whether a cell of a column is a number to be kept in one line."""
        return self.to_the_right[column] and len(text) <= LONGEST_UNBROKEN

    @property
    def least_characters(self) -> tuple[int, ...]:
        """Return how many characters each column takes at least: its longest word or number, and two beside it."""
        least = []
        for column, (head, *cells) in enumerate(zip(self.head, *self.rows, strict=True)):
            parts = head.split()
            for text in cells:
                parts += [text] if self.unbroken(column, text) else text.split()
            least.append(2 + max(map(len, parts), default=0))
        return tuple(least)

    @property
    def wide(self) -> bool:
        """Return whether it needs a page on its side."""
        return sum(self.least_characters) > LINE_CHARACTERS[False]

    @property
    def scale(self) -> float:
        """Return by how much its text must shrink to stand in a line of its page: 1 for all but the widest."""
        return min(1.0, LINE_CHARACTERS[self.wide] / sum(self.least_characters))

    @property
    def shares(self) -> tuple[float, ...]:
        """Return what share of the line each column gets: what it takes at least, and more for longer text."""
        least = self.least_characters
        longest = [min(LONGEST_LINE, 2 + max(map(len, column))) for column in zip(self.head, *self.rows, strict=True)]
        wanted = [max(0, long - low) for low, long in zip(least, longest, strict=True)]
        line = max(LINE_CHARACTERS[self.wide], sum(least))
        given = min(1.0, (line - sum(least)) / max(1, sum(wanted)))
        return tuple((low + given * more) / line for low, more in zip(least, wanted, strict=True))


@dataclass(frozen=True)
class Drawing:
    """A picture as it is shown. svg: UTF-8; png: the same for formats without SVG."""

    svg: str
    png: bytes


@dataclass(frozen=True)
class Figure:
    """A picture with all that somebody needs who cannot see it; it is drawn when it is first looked at.

    name: short, for file names and references. description: what it shows, in a sentence or two with its numbers.
    draw: makes the drawing. table: the numbers drawn.
    """

    name: str
    title: str
    description: str
    draw: Callable[[], Drawing] = field(repr=False, compare=False)
    table: Table

    @cached_property
    def drawing(self) -> Drawing:
        """The picture, drawn once."""
        return self.draw()

    @property
    def svg(self) -> str:
        """The picture as SVG."""
        return self.drawing.svg

    @property
    def png(self) -> bytes:
        """The picture as PNG."""
        return self.drawing.png


Block = Heading | Paragraph | Bullets | Callout | Table | Figure


@dataclass(frozen=True)
class Document:
    """A document. subtitle: one line; footer: where it comes from (version, hashes, seed).

    stamp: a word on every page, such as ALTERED; none if empty.
    """

    title: str
    subtitle: str
    blocks: tuple[Block, ...]
    footer: str
    language: str = "en-GB"
    keywords: tuple[str, ...] = field(default=())
    stamp: str = ""

    @property
    def figures(self) -> tuple[Figure, ...]:
        """Return the pictures in order."""
        return tuple(block for block in self.blocks if isinstance(block, Figure))

    @property
    def chapters(self) -> tuple[str, ...]:
        """Return the headings of chapters in order."""
        return tuple(block.text for block in self.blocks if isinstance(block, Heading) and block.level == 2)

    @property
    def labels(self) -> tuple[str, ...]:
        """Return for each block what it is called: `Table 1`, `Figure 1`, counted apart; others have no label."""
        counts = {Table: 0, Figure: 0}
        labels = []
        for block in self.blocks:
            if isinstance(block, Table | Figure):
                counts[type(block)] += 1
                labels.append(f"{type(block).__name__} {counts[type(block)]}")
            else:
                labels.append("")
        return tuple(labels)

    @property
    def sheets(self) -> tuple[tuple[bool, tuple[tuple[Block, str], ...]], ...]:
        """Return the blocks with their labels in runs of pages of one kind: on their side, or upright.

        Headings right before a wide table go with it.
        """
        pairs = list(zip(self.blocks, self.labels, strict=True))
        sideways = [isinstance(block, Table) and block.wide for block in self.blocks]
        for i in range(len(pairs) - 2, -1, -1):
            sideways[i] = sideways[i] or (sideways[i + 1] and isinstance(self.blocks[i], Heading))
        runs = groupby(zip(sideways, pairs, strict=True), key=lambda entry: entry[0])
        return tuple((side, tuple(pair for _, pair in run)) for side, run in runs)


def table_of(caption: str, head: Sequence[str], rows: Sequence[Sequence[str]], note: str = "") -> Table:
    """Return a table from lists; raise ValueError if a row has not as many cells as there are columns."""
    if any(len(row) != len(head) for row in rows):
        raise ValueError(f"every row of {caption!r} must have {len(head)} cells")
    return Table(caption, tuple(head), tuple(tuple(row) for row in rows), note)


def printable(text: str) -> str:
    """Return the text with a space for every character that no page can hold: controls, halves of characters."""
    return UNPRINTABLE.sub(" ", text)
