"""A scenario in words: its inputs with their sources, the log of assumptions, and how two scenarios differ.

In: scenarios. Out: text, and dictionaries of plain values. Must not know: files, engines, money, results.
"""

from __future__ import annotations

import textwrap
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from itertools import groupby
from typing import Any

from edgeofcare.inputs.cells import csv_text
from edgeofcare.inputs.messages import FILLED
from edgeofcare.inputs.schema import Origin, Scenario
from edgeofcare.inputs.toml_lines import KeyPath, dotted
from edgeofcare.inputs.types import Frozen

QUALITIES = ("judgement", "research", "data")
WIDTH = 100
UNITS = {
    "gbp_per_week": "GBP a week",
    "gbp_per_year": "GBP a year",
    "gbp_per_start": "GBP for each start",
    "gbp": "GBP",
    "days": "days",
    "months": "months",
    "prob": "probability",
    "share": "share",
    "growth_per_year": "a year",
    "growth_after_per_year": "a year",
    "rate_per_year": "a year",
    "irr_per_year": "a year",
    "referrals_per_year": "families a year",
    "n_therapists": "therapists",
    "caseload_per_therapist": "families",
}


@dataclass(frozen=True)
class Entry:
    """One input: where it stands, its value, what it means, whether it is the schema's default, where it is from."""

    path: KeyPath
    value: Any
    meaning: str
    is_default: bool
    origin: Origin | None

    @property
    def id(self) -> str:
        """The dotted path."""
        return dotted(self.path)

    @property
    def unit(self) -> str:
        """The unit: that of the origin, otherwise that of the key's name."""
        return (self.origin.unit if self.origin else "") or unit_of(self.path)

    @property
    def shown_value(self) -> Any:
        """The value in the unit: shares written as percentages are percentages again."""
        return _in_percent(self.value) if self.unit.startswith("%") else self.value

    @property
    def span(self) -> tuple[float, float, str] | None:
        """Low, high and shape of the range, if there is one."""
        found = self.origin
        if found is None or found.low is None or found.high is None or found.low == found.high:
            return None
        return found.low, found.high, found.distribution


def entries(scenario: Scenario) -> list[Entry]:
    """Return every input of a scenario in the order of the schema; a list or series of numbers is one input."""
    parents = {path[:i] for path in scenario.origins for i, letter in enumerate(path) if letter == "."}
    return list(_entries_of(Entry((), scenario, "", False, None), scenario.origins, parents))


def _entries_of(table: Entry, origins: dict[str, Origin], parents: set[str]) -> Iterator[Entry]:
    for key, field in type(table.value).model_fields.items():
        if table.path or key not in FILLED:
            value = getattr(table.value, key)
            meaning = " ".join((field.description or f"{table.meaning.rstrip('.')}: {key.replace('_', ' ')}.").split())
            yield from _inside(
                Entry((*table.path, key), value, meaning, value == field.default, None), origins, parents
            )


def _inside(entry: Entry, origins: dict[str, Origin], parents: set[str]) -> Iterator[Entry]:
    """Yield an input, or those inside it if it is a table, or if parts of it have origins of their own."""
    value, here = entry.value, entry.id
    if isinstance(value, Frozen):
        yield from _entries_of(entry, origins, parents)
        return
    inner = list(value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, tuple) else ())
    if here in parents or any(isinstance(child, Frozen) for _, child in inner):
        for key, child in inner:
            yield from _inside(Entry((*entry.path, key), child, entry.meaning, False, None), origins, parents)
        return
    yield Entry(entry.path, value, entry.meaning, entry.is_default, origins.get(here))


def unit_of(path: KeyPath) -> str:
    """Return the unit that a key's name states, or that of the table it stands in; empty if none does."""
    for words in (str(part).split("_") for part in reversed(path)):
        endings = ["_".join(words[n:]) for n in range(len(words))]
        if unit := next((UNITS[name] for name in endings + words if name in UNITS), ""):
            return unit
    return ""


# ---- values as text -----------------------------------------------------------------------------------------------


def value_text(value: Any) -> str:
    """Return a value for people: 1,500,000; 0.35; 2018-02-06; a list with commas; a matrix with bars."""
    if value is None:
        return "not given"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, int | float):
        return f"{value:,.0f}" if value == int(value) else f"{value:,.6g}"
    if isinstance(value, dict):
        return ", ".join(f"{key}: {value_text(v)}" for key, v in value.items())
    if isinstance(value, tuple | list):
        bar = " | " if any(isinstance(v, tuple | list) for v in value) else ", "
        return bar.join(value_text(v) for v in value) or "none"
    return " ".join(str(value).split())


def entry_text(entry: Entry) -> str:
    """Return value, range and unit of an input: "0.65 (0.45 to 0.72)  share"."""
    unit = entry.unit if entry.value is not None else ""
    return f"{value_text(entry.shown_value)}{_span_text(entry)}  {unit}".rstrip()


def _span_text(entry: Entry) -> str:
    if not entry.span:
        return ""
    low, high, shape = entry.span
    return f" ({value_text(low)} to {value_text(high)}{'' if shape == 'triangular' else f', {shape}'})"


def _in_percent(value: Any) -> Any:
    if isinstance(value, tuple | list):
        return tuple(_in_percent(v) for v in value)
    return round(100 * value, 9) if isinstance(value, float) else value


def _wrapped(text: str, indent: str, hanging: str = "") -> str:
    return textwrap.fill(
        text,
        WIDTH,
        initial_indent=indent,
        subsequent_indent=indent + hanging,
        break_long_words=False,
        break_on_hyphens=False,
    )


def _source_text(origin: Origin) -> str:
    return (origin.source or "no source given") + (f" ({origin.date})" if origin.date else "")


# ---- the resolved scenario ----------------------------------------------------------------------------------------


def resolved_text(scenario: Scenario) -> str:
    """Return a scenario as text: each input that has a value, with unit, range, quality and source."""
    found = [entry for entry in entries(scenario) if entry.value is not None and len(entry.path) > 1]
    heading = [f"{scenario.name}: {scenario.title}", _wrapped(" ".join(scenario.description.split()), "")]
    lines = [line for line in heading if line]
    for table, inside in groupby(found, key=lambda entry: entry.path[:-1]):
        lines += ["", f"[{dotted(table)}]"]
        lines += [line for entry in inside for line in _entry_lines(entry, str(entry.path[-1]), with_quality=True)]
    return "\n".join(lines)


def _entry_lines(entry: Entry, label: str, with_quality: bool) -> Iterator[str]:
    default = "  (default)" if entry.is_default and entry.origin is None else ""
    yield _wrapped(f"{label} = {entry_text(entry)}{default}", "  ", "    ")
    if entry.origin:
        quality = f"{entry.origin.quality}: " if with_quality else ""
        yield _wrapped(quality + _source_text(entry.origin), "      ")


def resolved(scenario: Scenario) -> dict[str, Any]:
    """Return a scenario as a dictionary for JSON: name, title and each input by its path."""
    rows = [{**_row(entry), "default": entry.is_default} for entry in entries(scenario)]
    return {"name": scenario.name, "title": scenario.title, "inputs": rows}


# ---- the log of assumptions ---------------------------------------------------------------------------------------

COLUMNS = ("id", "name", "value", "low", "high", "distribution", "unit", "source", "date", "quality")


def assumptions(scenario: Scenario) -> list[dict[str, Any]]:
    """Return one row (COLUMNS) for each input with an origin, judgements first, then in the order of the schema."""
    found = [entry for entry in entries(scenario) if entry.origin]
    return [_row(entry) for entry in sorted(found, key=_weakness)]


def _weakness(entry: Entry) -> int:
    assert entry.origin is not None
    return QUALITIES.index(entry.origin.quality)


def _row(entry: Entry) -> dict[str, Any]:
    origin = entry.origin or Origin()
    low, high, shape = entry.span or (None, None, None)
    return {
        "id": entry.id,
        "name": origin.name or entry.meaning.rstrip("."),
        "value": _plain(entry.shown_value),
        "low": low,
        "high": high,
        "distribution": shape,
        "unit": entry.unit,
        "source": origin.source,
        "date": origin.date,
        "quality": origin.quality if entry.origin else None,
    }


def _plain(value: Any) -> Any:
    """Return a value that JSON can hold."""
    if isinstance(value, tuple | list):
        return [_plain(v) for v in value]
    return value.isoformat() if isinstance(value, date) else value


def without_source(scenario: Scenario) -> list[str]:
    """Return the numbers and dates that are neither defaults nor have an origin, by path."""
    return [
        entry.id
        for entry in entries(scenario)
        if not entry.origin and not entry.is_default and _holds_numbers(entry.value)
    ]


def _holds_numbers(value: Any) -> bool:
    if isinstance(value, dict | tuple):
        return any(_holds_numbers(v) for v in (value.values() if isinstance(value, dict) else value))
    return isinstance(value, int | float | date) and not isinstance(value, bool)


def quality_counts(scenario: Scenario) -> dict[str, int]:
    """Return how many inputs with an origin are data, research and judgement."""
    found: Counter[str] = Counter(origin.quality for origin in scenario.origins.values())
    return {quality: found[quality] for quality in reversed(QUALITIES)}


def assumption_log(scenario: Scenario) -> dict[str, Any]:
    """Return the log as a dictionary for JSON: counts by quality, rows, and numbers without a source."""
    rows, bare = assumptions(scenario), without_source(scenario)
    return {"scenario": scenario.name, "counts": quality_counts(scenario), "assumptions": rows, "without_source": bare}


def assumptions_text(scenario: Scenario) -> str:
    """Return the log as text, judgements first."""
    counts, bare = quality_counts(scenario), without_source(scenario)
    found = sorted((entry for entry in entries(scenario) if entry.origin), key=_weakness)
    lines = [
        f"{scenario.name}: "
        + ", ".join(f"{counts[quality]} {quality}" for quality in QUALITIES)
        + f"; {len(bare)} numbers without a source."
    ]
    for weakness, inside in groupby(found, key=_weakness):
        lines += ["", QUALITIES[weakness].upper()]
        lines += [line for entry in inside for line in _entry_lines(entry, entry.id, with_quality=False)]
    if bare:
        lines += ["", "WITHOUT A SOURCE", _wrapped(", ".join(bare), "  ")]
    return "\n".join(lines)


def assumptions_csv(scenario: Scenario) -> str:
    """Return the log as CSV with a heading; lists stand in one cell."""
    rows = assumptions(scenario)
    listed = [
        row | {"value": value_text(row["value"])} if isinstance(row["value"], list | dict) else row for row in rows
    ]
    return csv_text(COLUMNS, [[row[column] for column in COLUMNS] for row in listed])


# ---- differences --------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Difference:
    """An input that differs between two scenarios; None in the one that has no such input."""

    a: Entry | None
    b: Entry | None

    @property
    def entry(self) -> Entry:
        """The input in the scenario that has it, the first if both do."""
        found = self.a or self.b
        assert found is not None
        return found

    @property
    def unit(self) -> str:
        """The unit of the input."""
        return (self.b or self.entry).unit


def differences(a: Scenario, b: Scenario) -> list[Difference]:
    """Return the inputs whose value or range differs, in the order of the schema.

    Of a borough, team or term that only one scenario has, the inputs that are not at their defaults are listed.
    """
    in_a, in_b = ({entry.id: entry for entry in entries(scenario)} for scenario in (a, b))
    pairs = [Difference(in_a.get(path), in_b.get(path)) for path in _merged(list(in_a), list(in_b))]
    return [pair for pair in pairs if _differ(pair)]


def _merged(a: Sequence[str], b: Sequence[str]) -> list[str]:
    """Return all of a, with what only b has placed after what it follows in b."""
    found, known, at = list(a), set(a), 0
    for path in b:
        if path in known:
            at = found.index(path) + 1
        else:
            found.insert(at, path)
            at += 1
    return found


def _differ(pair: Difference) -> bool:
    if pair.a is None or pair.b is None:
        return not pair.entry.is_default
    return (pair.a.value, pair.a.span) != (pair.b.value, pair.b.span)


def differences_rows(a: Scenario, b: Scenario) -> list[dict[str, Any]]:
    """Return differing inputs as dictionaries for JSON: path, unit, value and range (low, high, shape) in a and b."""
    return [
        {"path": pair.entry.id, "unit": pair.unit, "a": _side_row(pair.a), "b": _side_row(pair.b)}
        for pair in differences(a, b)
    ]


def _side_row(entry: Entry | None) -> dict[str, Any] | None:
    return None if entry is None else {"value": _plain(entry.shown_value), "range": entry.span}


def differences_text(a: Scenario, b: Scenario) -> str:
    """Return differing inputs as text: path, value in a -> value in b, unit."""
    found = differences(a, b)
    if not found:
        return "No input differs (sources may)."
    heading = f"{a.name} -> {b.name}: {len(found)} {'input differs' if len(found) == 1 else 'inputs differ'}"
    width = min(max(len(pair.entry.id) for pair in found), 48)
    return "\n".join([heading, *(_difference_text(pair, width) for pair in found)])


def _difference_text(pair: Difference, width: int) -> str:
    was, now = _side_text(pair.a, pair.b), _side_text(pair.b, pair.a)
    line = f"  {pair.entry.id:<{width}}  {was} -> {now}  {pair.unit}".rstrip()
    if len(line) <= WIDTH:
        return line
    head = f"  {pair.entry.id}  {pair.unit}".rstrip()
    return "\n".join([head, *(_wrapped(text, "    ", "   ") for text in (was, f"-> {now}"))])


def _side_text(entry: Entry | None, other: Entry | None) -> str:
    """Return an input's value and range, with all digits if those shown would look the same."""
    if entry is None:
        return "(none)"
    text = value_text(entry.shown_value)
    if other is not None and entry.value != other.value and text == value_text(other.shown_value):
        text = str(entry.value)
    return text + _span_text(entry)
