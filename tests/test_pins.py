"""Nothing moved: every question gives the numbers it gave when they were pinned, under the keys it had."""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any
from unittest import mock

import pytest

import pins

PARAMETERS = [pytest.param(name, marks=pytest.mark.slow) if name in pins.SLOW else name for name in pins.NAMES]


@pytest.mark.parametrize("name", PARAMETERS)
def test_nothing_moved(name: str) -> None:
    difference = pins.compare(pins.read(name), pins.found(name))
    assert not difference.fault, difference.text(name)


def test_every_pin_has_its_question_and_every_question_its_pin() -> None:
    assert {path.stem for path in pins.FOLDER.glob("*.json")} == set(pins.NAMES)


# ---- the comparison itself -----------------------------------------------------------------------------------------


ANSWER: dict[str, Any] = {
    "n": 3,
    "gbp": 1234.5,
    "spread": 2e-9,
    "share": 0.25,
    "none": None,
    "yes": True,
    "words": "as it was",
    "notes": ["one", "two"],
    "few": [],
    "rows": [{"at": 1.0, "name": "a"}, {"at": None, "name": "b"}],
    "by": {},
    "table": [["a", 1], ["b", 2]],
    "dotted.key": {"low": [0.1, 0.2]},
    "some": [{"where": None}, {"where": {"x": 1}}],
}


def difference(pinned: Any, now: Any) -> pins.Difference:
    """Compare two answers as a pin that was written and read again is compared with the code."""
    return pins.compare(written_and_read(pinned), pins.flat(now))


def written_and_read(answer: Any) -> pins.Values:
    with TemporaryDirectory() as folder, mock.patch.object(pins, "FOLDER", Path(folder)):
        pins.write("answer", pins.flat(answer))
        return pins.read("answer")


@pytest.mark.parametrize(
    "change",
    [
        {"words": "said better", "notes": ["one"]},
        {"gbp": 1234.5 * (1 + 5e-13)},
        {"spread": 3e-10, "share": 0.25},
        {"more": 1, "by": {"key": 1}},
        {"rows": [{"at": 1.0, "name": "A", "more": [1]}, {"at": None, "name": "B"}]},
    ],
)
def test_better_words_new_keys_and_last_digits_are_no_fault(change: dict[str, Any]) -> None:
    assert not difference(ANSWER, ANSWER | change).fault


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"n": 4}, "n is 4, pinned 3"),
        ({"gbp": 1234.5 * (1 + 5e-11)}, "gbp is 1234.5"),
        ({"share": 0.25000005}, "share is 0.25000005, pinned 0.25 (by +2.0e-07 of it)"),
        ({"spread": 2e-7}, "spread is 2e-07, pinned 2e-09"),
        ({"none": 0}, "none is 0, pinned None"),
        ({"yes": 1}, "yes is 1, pinned True"),
        ({"few": ["a warning"]}, "few[#]"),
        ({"rows": ANSWER["rows"][:1]}, "rows[#] is 1, pinned 2"),
        ({"rows": [{"at": 1.0, "name": "a"}, {"at": 2.0, "name": "b"}]}, "rows[1].at is 2.0, pinned None"),
        ({"table": [["a", 1], [2, "b"]]}, "table[1][0] is 2, pinned words"),
        ({"some": [{"where": None}, {"where": {"x": 2}}]}, "some[1].where.x is 2, pinned 1"),
        ({"dotted.key": {"low": [0.1, 0.3]}}, "dotted.key.low[1] is 0.3, pinned 0.2 (by +5.0e-01 of it)"),
        ({"rows": [{"name": "a"}, {"name": "b"}]}, "missing: rows[*].at"),
    ],
)
def test_what_moved_is_told(change: dict[str, Any], told: str) -> None:
    found = difference(ANSWER, ANSWER | change)
    assert found.fault and told in found.text("answer")


def test_at_most_twenty_lines_are_told() -> None:
    text = difference({str(i): i for i in range(50)}, {str(i): i + 1 for i in range(50)}).text("answer")
    assert "50 values moved" in text and text.count("moved: ") == 20 and text.endswith("... and 30 more")
