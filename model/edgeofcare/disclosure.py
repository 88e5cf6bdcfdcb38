"""What may be shown of counts that came from real young people: nobody should be able to tell a child from a table.

In: counts. Out: the same counts, None where one is hidden. Must not know: where counts come from, how they are printed.
Simulated counts are of no real child and need none of this. Small means 1 to 5; 0 tells of nobody and is shown.
A reader is taken to know these rules. So what else is hidden never follows from a small count itself, only from sums
that the reader may know anyway; otherwise the choice of what is hidden would give the small count away.
Tables in two dimensions, and rounding, will stand here as further functions of the same form.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

MOST_HIDDEN = 5  # counts from 1 to this are small
HIDDEN = "c"  # one mark for every hidden count, so that it does not say which rule hid it
FEWEST_VALUES = 3  # that a hidden small count of a row with a total can still have; beside related counts, all five


@dataclass(frozen=True)
class Row:
    """A row of counts and its total as they may be shown: None where one is hidden."""

    counts: tuple[int | None, ...]
    total: int | None


def is_small(count: int) -> bool:
    """Tell whether a count would point at few young people."""
    return 1 <= count <= MOST_HIDDEN


def mark(count: int | None) -> str:
    """Return a count as text: digits, or the mark of a hidden one."""
    return HIDDEN if count is None else f"{count:,}"


def alone(counts: Iterable[int]) -> tuple[int | None, ...]:
    """Return counts that stand beside no total and no related count: only small ones are hidden."""
    return tuple(None if is_small(count) else count for count in _checked(counts))


def row(counts: Sequence[int]) -> Row:
    """Return a row of counts and its total as they may be shown.

    With h small counts of sum s: the total is shown if s leaves each of them three values or more. If not, the first
    count of 6 or more (in the row's order), q, is hidden too; with it hidden, the total is shown if
    q + s >= 6 + 5 h, so that every set of small counts fits it. Otherwise the total is hidden as well.
    Whoever knows all this still finds at least FEWEST_VALUES values for each small count (tested by brute force).
    Raises ValueError for a negative count.
    """
    total = sum(_checked(counts))
    small = [i for i, count in enumerate(counts) if is_small(count)]
    large = next((i for i, count in enumerate(counts) if count > MOST_HIDDEN), None)
    s, h = sum(counts[i] for i in small), len(small)
    hidden, total_shown = set(small), not is_small(total)
    if small and not _leaves_enough(s, h):
        hidden |= {large} if large is not None else set()
        total_shown = large is not None and counts[large] + s >= MOST_HIDDEN + 1 + MOST_HIDDEN * h
    shown = tuple(None if i in hidden else count for i, count in enumerate(counts))
    return Row(shown, total if total_shown else None)


def _leaves_enough(s: int, h: int) -> bool:
    """Tell whether h small counts of sum s leave each of them enough values, by both bounds."""
    least, most = max(1, s - MOST_HIDDEN * (h - 1)), min(MOST_HIDDEN, s - (h - 1))
    return most - least + 1 >= FEWEST_VALUES


def related(counts: Sequence[int], public: Sequence[bool] = ()) -> tuple[int | None, ...]:
    """Return counts of which each may be part of another (referred, started, completed), so that differences count too.

    In the order given, a count is shown if it is not small and is equal to, or at least 6 away from, every count shown
    before it. So no count that is shown, and no difference of two, is small; and a hidden one can have any of five
    values in a row, whatever is shown, for those that are shown lie too far apart to cut the five short.
    public: counts that are published anyway; they are shown, and others are held against them first.
    Raises ValueError for a negative count.
    """
    flags = tuple(public) or (False,) * len(counts)
    order = sorted(range(len(_checked(counts))), key=lambda i: not flags[i])
    shown: dict[int, int] = {}
    for i in order:
        if flags[i] or not any(is_small(abs(counts[i] - other)) for other in (0, *shown.values())):
            shown[i] = counts[i]
    return tuple(shown.get(i) for i in range(len(counts)))


def _checked(counts: Iterable[int]) -> tuple[int, ...]:
    found = tuple(counts)
    if any(count < 0 for count in found):
        raise ValueError(f"counts must not be negative (got {min(found)})")
    return found
