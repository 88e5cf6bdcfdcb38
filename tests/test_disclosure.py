"""What may be shown of real counts, held against a reader who knows the rules and tries every table."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator
from itertools import combinations, product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgeofcare.disclosure import FEWEST_VALUES, HIDDEN, MOST_HIDDEN, Row, alone, is_small, mark, related, row

Counts = tuple[int, ...]


def test_marks() -> None:
    assert [mark(count) for count in alone([0, 3, 6, 1200])] == ["0", HIDDEN, "6", "1,200"]


def test_rows_by_hand() -> None:
    assert row([0, 7, 30]) == Row((0, 7, 30), 37)
    assert row([3, 9, 30]) == Row((None, None, 30), 42), "3 is 42 - 39: another one hides it"
    assert row([3, 7, 30]) == Row((None, None, 30), None), "10 in two cells, of which one is 6 or more: not a 5"
    assert row([6, 5, 5]) == Row((None, None, None), 16), "two small ones of sum 10 are 5 and 5"
    assert row([1, 1, 9, 1200]) == Row((None, None, None, 1200), None), "two small ones of sum 2 are 1 and 1"
    assert row([1, 4, 9]) == Row((None, None, 9), 14), "sum 5: 1 to 4 each"
    assert row([2, 0, 0]) == Row((None, 0, 0), None)
    assert row([4, 3, 5, 2]) == Row((None,) * 4, 14)
    assert row([]) == Row((), 0)


def test_negative_counts_are_a_defect() -> None:
    for rule in (alone, row, related):
        with pytest.raises(ValueError, match="negative"):
            rule([3, -1])


def rows(n: int, most: int) -> Iterable[Counts]:
    return product(range(most + 1), repeat=n)


@pytest.mark.parametrize(("n", "most"), [(1, 60), (2, 40), (3, 20), (4, 13), (5, 8)])
def test_no_small_count_of_a_row_follows(n: int, most: int) -> None:
    """A reader who knows the rules lists every row that would be shown in the same way.

    Only rows whose own look cannot have further rows beyond the range are judged by a total; where the total is hidden,
    more rows than are listed would only leave the reader less.
    """
    looks: dict[Row, list[Counts]] = defaultdict(list)
    for counts in rows(n, most):
        looks[row(counts)].append(counts)
    for look, fitting in looks.items():
        if look.total is not None and look.total > most:
            continue  # rows with a larger count look the same but are not listed
        for i, shown in enumerate(look.counts):
            values = {counts[i] for counts in fitting}
            assert shown is None or values == {shown}
            if any(is_small(counts[i]) for counts in fitting):
                assert len(values) >= FEWEST_VALUES, (look, fitting)
        assert look.total is None or not is_small(look.total)


@given(st.lists(st.integers(0, 30), min_size=1, max_size=4))
def test_a_shown_total_leaves_three_values_by_both_bounds(counts: list[int]) -> None:
    """For rows of any size the reader's list is made from the total alone: hidden ones that fit it."""
    look = row(counts)
    hidden = [i for i, shown in enumerate(look.counts) if shown is None]
    if look.total is None or not hidden:
        return
    left = look.total - sum(shown for shown in look.counts if shown is not None)
    fitting = [way for way in ways(len(hidden), left) if row(filled(look, hidden, way)) == look]
    for place, i in enumerate(hidden):
        if is_small(counts[i]):
            assert len({way[place] for way in fitting}) >= FEWEST_VALUES


def ways(n: int, total: int) -> Iterator[Counts]:
    """Every way to write a total as n counts of 1 or more."""
    if n == 1:
        yield (total,)
        return
    for first in range(1, total - n + 2):
        yield from ((first, *rest) for rest in ways(n - 1, total - first))


def filled(look: Row, hidden: list[int], way: Counts) -> Counts:
    at = dict(zip(hidden, way, strict=True))
    return tuple(at[i] if shown is None else shown for i, shown in enumerate(look.counts))


# ---- counts of which each may be part of another ----------------------------------------------------------------


def test_related_by_hand() -> None:
    assert related([40, 38]) == (40, None), "2 did not start"
    assert related([40, 38, 3, 36, 34]) == (40, None, None, None, 34)
    assert related([40, 40, 0]) == (40, 40, 0)
    assert related([85, 52, 48]) == (85, 52, None)
    assert related([85, 52, 48], public=[True, True, True]) == (85, 52, 48)
    assert related([85, 52, 48], public=[False, False, True]) == (85, None, 48), "4 lie between"
    assert related([]) == ()


def chains(n: int, most: int) -> Iterable[Counts]:
    """Counts of which each is part of the one before."""
    return (counts for counts in product(range(most, -1, -1), repeat=n) if list(counts) == sorted(counts, reverse=True))


@pytest.mark.parametrize(("n", "most"), [(1, 60), (2, 40), (3, 24), (4, 16)])
def test_no_small_count_and_no_small_difference_follows(n: int, most: int) -> None:
    """Every chain is listed by its look: small counts and small differences keep five values in each."""
    looks: dict[tuple[int | None, ...], list[Counts]] = defaultdict(list)
    for counts in chains(n, most):
        looks[related(counts)].append(counts)
    for look, fitting in looks.items():
        for i in range(n):
            assert_open({counts[i] for counts in fitting}, look)
        for i, j in combinations(range(n), 2):
            assert_open({counts[i] - counts[j] for counts in fitting}, look)


def assert_open(values: set[int], look: object) -> None:
    if any(map(is_small, values)):
        assert len(values) >= MOST_HIDDEN, (look, values)


def test_two_days_of_two_counts(most: int = 17) -> None:
    """Referred and started on two days: started is part of referred, the first day of the second."""
    looks: dict[tuple[int | None, ...], list[Counts]] = defaultdict(list)
    for counts in product(range(most + 1), repeat=4):
        referred, started, later_referred, later_started = counts
        if started <= referred <= later_referred and started <= later_started <= later_referred:
            looks[related(counts)].append(counts)
    for look, fitting in looks.items():
        if max((count for count in look if count is not None), default=0) + MOST_HIDDEN > most:
            continue  # larger counts look the same but are not listed
        for i, j in ((0, 1), (2, 3), (2, 0), (3, 1), (2, 1)):
            assert_open({counts[i] - counts[j] for counts in fitting}, look)
        for i in range(4):
            assert_open({counts[i] for counts in fitting}, look)
