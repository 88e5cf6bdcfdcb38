"""Who wrote each value of a scenario: file, line, and what it replaced. In: nothing. Out: places by dotted path.

Must not know: how files are read or laid over one another, what the keys mean.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from edgeofcare.errors import InputWarning


@dataclass(frozen=True)
class Place:
    """Where a value was written. layer: number of the file, 0 for the base; low, high: the range given with it.

    is_plain: whether it was written as a bare value, without origin.
    """

    layer: int
    file: str
    line: int | None
    value: object = None
    low: float | None = None
    high: float | None = None
    is_plain: bool = False

    @property
    def name(self) -> str:
        """The name of the file without its folder: essex.toml."""
        return self.file.replace("\\", "/").rsplit("/", 1)[-1]

    def __str__(self) -> str:
        return f"{self.name}, line {self.line}" if self.line else self.name


@dataclass(frozen=True, eq=False)
class Written:
    """Who wrote what in a scenario. files: for people, the base first; places: by dotted path, the latest first.

    notes: what the reader did with what was written. Equal to any other: where a value was written is no part of what
    a scenario is.
    """

    files: tuple[str, ...] = ()
    places: dict[str, tuple[Place, ...]] = field(default_factory=dict)
    notes: tuple[InputWarning, ...] = ()

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Written)

    def __hash__(self) -> int:
        return 0

    def place(self, path: str) -> Place | None:
        """Return where a value was written last: at its key, or at the nearest table that holds it."""
        parts = path.split(".")
        for n in range(len(parts), 0, -1):
            if found := self.places.get(".".join(parts[:n])):
                return found[0]
        return None

    def replaced(self, path: str) -> Place | None:
        """Return what a value replaced: the same key of the file below, None if there is none."""
        found = self.places.get(path, ())
        return found[1] if len(found) > 1 else None

    def above(self, path: str, other: str) -> bool:
        """Tell whether a value was written in a file that is laid over the file of another value."""
        here, there = self.place(path), self.place(other)
        return here is not None and there is not None and here.layer > there.layer

    def latest(self, *paths: str) -> str:
        """Return the one of these values that was written in the topmost file, the first of equals."""
        layers = [(place.layer if (place := self.place(path)) else -1) for path in paths]
        return paths[layers.index(max(layers))]

    def inherited(self) -> dict[str, Place]:
        """Return the place of every single value that a file below the last one wrote, by dotted path."""
        last, tables = len(self.files) - 1, {path.rpartition(".")[0] for path in self.places}
        found = {path: places[0] for path, places in self.places.items() if path not in tables}
        return {path: place for path, place in found.items() if place.layer < last}

    def warning(self, number: str, key: str, sentence: str, at: str = "") -> InputWarning:
        """Return a warning about a key, shown where another one (`at`) was written, if given."""
        place = self.place(at or key)
        file = place.file if place else (self.files[-1] if self.files else "")
        return InputWarning(number, key, file, place.line if place else None, sentence)
