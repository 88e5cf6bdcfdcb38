"""What a person may change on a page: a number, a choice, or several of a list. In: text as typed. Out: values.

A field says its label, unit and limits; what breaks them is refused in a sentence. Must not know: browsers, results.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from edgeofcare.errors import OptionError

SIGNS = re.compile("[\u2212\u2012\u2013]")  # minus signs and dashes that text from elsewhere has for a minus
WRITTEN = re.compile(r"[-+]?(\d{1,3}(,\d{3})+|\d+)?(\.\d*)?(?<=[\d.])(?<![-+,]\.)")  # commas group thousands only
LONGEST_SAID = 40  # characters of what was typed that a sentence repeats


class RefusedError(OptionError):
    """A field's value that only the model can tell to be out of reach. key: of the field."""

    def __init__(self, key: str, told: str) -> None:
        super().__init__(told)
        self.key = key


@dataclass(frozen=True)
class Number:
    """A number with a slider and a box. low, high, step: in the unit shown; whole: only whole numbers.

    percent: shown as a percentage, given to the model as a share. shortcuts: (label, text) of buttons that set it.
    """

    key: str
    label: str
    value: float
    low: float
    high: float
    step: float
    unit: str = ""
    hint: str = ""
    whole: bool = False
    percent: bool = False
    shortcuts: tuple[tuple[str, str], ...] = ()

    @property
    def text(self) -> str:
        """The published value as it stands in the box, one digit finer than the steps of the slider."""
        digits = 1 - math.floor(math.log10(self.step))
        return plain(round(100 * self.value if self.percent else self.value, digits))

    def read(self, text: str) -> float | int:
        """Return the value of a text; raise OptionError with the rule that it breaks. The published text is exact."""
        if text == self.text:
            return int(self.value) if self.whole else self.value
        span = f"a {'whole ' if self.whole else ''}number from {grouped(self.low)} to {grouped(self.high)}"
        rule = f"{self.label}: write {span}{f' ({self.unit})' if self.unit else ''}"
        bare = _bare(text)
        number = float(bare.replace(",", "")) if WRITTEN.fullmatch(bare) else math.nan
        if not self.low <= number <= self.high or (self.whole and number != int(number)):
            raise OptionError(f"{rule}. {_got(text)}")
        return int(number) if self.whole else number / 100 if self.percent else number

    def describe(self) -> dict[str, Any]:
        """Return what the form needs to show it."""
        return {
            "kind": "number",
            "key": self.key,
            "label": self.label,
            "unit": self.unit,
            "hint": self.hint,
            "low": self.low,
            "high": self.high,
            "step": self.step,
            "published": self.text,
            "shortcuts": [list(pair) for pair in self.shortcuts],
        }

    def said(self, text: str) -> str:
        """Return a value for people, with its unit."""
        return f"{_bare(text)}{'%' if self.unit.startswith('%') else ''} {self.unit.removeprefix('%').strip()}".strip()


@dataclass(frozen=True)
class Choice:
    """One of a list. options: (value, label); value: the published one."""

    key: str
    label: str
    value: str
    options: tuple[tuple[str, str], ...]
    hint: str = ""

    @property
    def text(self) -> str:
        """The published value."""
        return self.value

    def read(self, text: str) -> str:
        """Return the value; raise OptionError if it is not on the list."""
        if text not in dict(self.options):
            raise OptionError(f"{self.label}: choose one of the list. {_got(text)}")
        return text

    def describe(self) -> dict[str, Any]:
        """Return what the form needs to show it."""
        return {
            "kind": "choice",
            "key": self.key,
            "label": self.label,
            "hint": self.hint,
            "published": self.value,
            "options": [list(pair) for pair in self.options],
        }

    def said(self, text: str) -> str:
        """Return a value for people."""
        return dict(self.options).get(text, text)


@dataclass(frozen=True)
class Several:
    """Any of a list, at least one. options: (value, label); value: the published ones. As text: joined by commas."""

    key: str
    label: str
    value: tuple[str, ...]
    options: tuple[tuple[str, str], ...]
    hint: str = ""

    @property
    def text(self) -> str:
        """The published values."""
        return ",".join(self.value)

    def read(self, text: str) -> tuple[str, ...]:
        """Return the values in the order of the list; raise OptionError for none and for one that is not on it."""
        named = [part for part in text.split(",") if part]
        known = dict(self.options)
        if not named or any(name not in known for name in named):
            got = _got(text) if named else "None is chosen."
            raise OptionError(f"{self.label}: choose at least one of the list. {got}")
        return tuple(name for name in known if name in named)

    def describe(self) -> dict[str, Any]:
        """Return what the form needs to show it."""
        return {
            "kind": "several",
            "key": self.key,
            "label": self.label,
            "hint": self.hint,
            "published": self.text,
            "options": [list(pair) for pair in self.options],
        }

    def said(self, text: str) -> str:
        """Return the values for people."""
        known = dict(self.options)
        named = [known.get(name, name) for name in text.split(",") if name]
        return "all" if len(named) == len(known) else ", ".join(named)


Field = Number | Choice | Several


def read_all(fields: Sequence[Field], texts: Mapping[str, str]) -> tuple[dict[str, Any], dict[str, str]]:
    """Return the values by key, and the sentence of each field that is refused."""
    values, errors = {}, {}
    for field in fields:
        try:
            values[field.key] = field.read(texts[field.key])
        except OptionError as error:
            errors[field.key] = str(error)
    return values, errors


def plain(number: float) -> str:
    """Return a number as a person would type it: 35, 22.1, 1500000; six digits after the point at most."""
    return f"{number:.6f}".rstrip("0").rstrip(".") if number % 1 else f"{number:.0f}"


def grouped(number: float) -> str:
    """Return a number as a person would read it: 35, 22.1, 1,500,000."""
    return f"{number:,.6f}".rstrip("0").rstrip(".") if number % 1 else f"{number:,.0f}"


def _bare(text: str) -> str:
    """Return what was typed as a number, without the signs of its unit."""
    return SIGNS.sub("-", text).replace("£", "").replace("%", "").strip()


def _got(text: str) -> str:
    said = text.strip()
    if not said:
        return "Nothing is written."
    return f"Got {said[:LONGEST_SAID]}{'...' if len(said) > LONGEST_SAID else ''}."
