"""Small observed counts are not shown: nobody should be able to tell a child from a table. In: counts. Out: text.

Simulated counts are of no real child and need none of this. Must not know: where counts come from.
"""

from __future__ import annotations

from collections.abc import Sequence

MOST_HIDDEN = 5  # counts from 1 to this are hidden; 0 tells of nobody
HIDDEN = "c"  # one mark for every hidden count, so that it does not tell which rule hid it


def disclosed(counts: Sequence[int], total_shown: bool = True) -> list[str]:
    """Return observed counts as they may be shown, in their order.

    Counts from 1 to 5 are hidden. total_shown: whether their sum stands beside them; then the next smallest counts are
    hidden too, until no hidden count follows from the total: at least two are hidden, and their sum leaves each of them
    more than one value (hidden counts are known to be 1 or more).
    """
    hidden = {i for i, count in enumerate(counts) if 1 <= count <= MOST_HIDDEN}
    others = sorted((i for i, count in enumerate(counts) if count > MOST_HIDDEN), key=lambda i: counts[i])
    while total_shown and hidden and others and _found_by_subtraction(counts, hidden):
        hidden.add(others.pop(0))
    if total_shown and hidden and _found_by_subtraction(counts, hidden):
        hidden = set(range(len(counts)))  # nothing is left to hide behind
    return [HIDDEN if i in hidden else f"{count:,}" for i, count in enumerate(counts)]


def _found_by_subtraction(counts: Sequence[int], hidden: set[int]) -> bool:
    """Return whether the sum of the hidden counts leaves one of them a single value."""
    return len(hidden) < 2 or sum(counts[i] for i in hidden) == len(hidden)
