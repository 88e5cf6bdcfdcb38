"""Small observed counts: hidden, and not to be found by subtraction."""

from __future__ import annotations

from itertools import product

from hypothesis import example, given
from hypothesis import strategies as st

from edgeofcare.documents.disclosure import HIDDEN, disclosed


def test_by_hand() -> None:
    assert disclosed([0, 7, 30]) == ["0", "7", "30"]
    assert disclosed([3, 7, 30]) == [HIDDEN, HIDDEN, "30"], "3 is 40 - 37: the next smallest hides it"
    assert disclosed([3, 7, 30], total_shown=False) == [HIDDEN, "7", "30"]
    assert disclosed([1, 1, 9, 1200]) == [HIDDEN, HIDDEN, HIDDEN, "1,200"], "two that sum to 2 are 1 each"
    assert disclosed([]) == []


@given(st.lists(st.integers(0, 12), min_size=1, max_size=5))
@example([1, 1])
@example([4, 0, 0])
@example([5, 6])
def test_no_small_count_follows_from_the_total(counts: list[int]) -> None:
    """Every way to fill the hidden cells that agrees with what is shown is tried: a small count has more than one
    value, or nothing at all is shown (the total then must not be either)."""
    shown = disclosed(counts)
    assert all(cell == HIDDEN for cell, count in zip(shown, counts, strict=True) if 1 <= count <= 5)
    hidden = [i for i, cell in enumerate(shown) if cell == HIDDEN]
    if not hidden or len(hidden) == len(counts):
        return
    left = sum(counts) - sum(int(cell) for cell in shown if cell != HIDDEN)
    ways = [way for way in product(range(1, left + 1), repeat=len(hidden)) if sum(way) == left]
    for place, i in enumerate(hidden):
        if 1 <= counts[i] <= 5:
            assert len({way[place] for way in ways}) > 1
