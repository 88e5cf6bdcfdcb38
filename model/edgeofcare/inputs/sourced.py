"""Numbers with an origin. In: a file's tables. Out: values, their origins, and tables laid over one another.

A number may be a table with `value` and the keys of `Origin`, or a pointer to a published figure:
`{reference = "care_starts:adolescent_excluding_uasc.sutton.central", times = 0.5}`. A pointer to a row of figures
gives a table of them by year or column. Must not know: what the numbers mean, the schema of scenarios.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from difflib import get_close_matches
from pathlib import Path
from typing import Any

from edgeofcare.errors import Fault, InputError
from edgeofcare.inputs.files import read_file, scenario_folder
from edgeofcare.inputs.published import reference_file
from edgeofcare.inputs.schema import Origin
from edgeofcare.inputs.toml_lines import KeyPath, Source

ORIGIN_KEYS = frozenset(Origin.model_fields)
ROW_TABLES = ("by_authority", "by_area")


@dataclass(frozen=True)
class Figure:
    """A value and where it comes from, as written: not yet checked."""

    value: Any
    origin: dict[str, Any]

    def set_to(self, value: Any, source: str) -> Figure:
        """Return this figure with another value; its range goes if the value lies outside."""
        kept = ["unit", "name"]
        if within(value, self.origin.get("low"), self.origin.get("high")):
            kept += ["low", "high", "distribution"]
        origin = {key: self.origin[key] for key in kept if key in self.origin}
        return Figure(value, origin | {"source": source, "quality": "judgement"})


def is_number(value: Any) -> bool:
    """Tell whether a value is a number; true and false are none."""
    return type(value) in (int, float)


def is_figure(node: dict[str, Any]) -> bool:
    """Tell whether a table stands for a number: it has a plain `value` or a `reference`.

    It stands for a row of numbers if its `value` is a table and it has a `source`.
    """
    row = isinstance(node.get("value"), dict) and "source" in node and node.keys() <= ORIGIN_KEYS | {"value"}
    return row or any(key in node and not isinstance(node[key], dict) for key in ("value", "reference"))


def within(value: Any, low: Any, high: Any) -> bool:
    """Tell whether all three are numbers and low <= value <= high."""
    return is_number(value) and is_number(low) and is_number(high) and bool(low <= value <= high)


def overlay(base: dict[str, Any], over: dict[str, Any], file: str) -> dict[str, Any]:
    """Lay one file's tables over another's: tables merge, everything else replaces.

    A plain number over a figure keeps its unit, and its range if it lies inside; the source becomes "set in FILE".
    A table without `value` over a figure changes only the keys of its origin that it names.
    """
    return base | {key: _laid_over(base.get(key), new, file) for key, new in over.items()}


def _laid_over(old: Any, new: Any, file: str) -> Any:
    if isinstance(old, dict) and isinstance(new, dict):
        return overlay(old, new, file)
    if isinstance(old, Figure) and isinstance(new, dict):
        return Figure(old.value, old.origin | new) if new.keys() <= ORIGIN_KEYS else new
    if isinstance(old, Figure) and not isinstance(new, Figure):
        return old.set_to(new, f"set in {file}")
    return new


def split(node: Any, path: KeyPath, origins: dict[KeyPath, dict[str, Any]]) -> Any:
    """Return plain values; put the origin of each figure among the origins, under its path."""
    if isinstance(node, Figure):
        origins[path] = node.origin
        return node.value
    if isinstance(node, dict):
        return {key: split(child, (*path, key), origins) for key, child in node.items()}
    if isinstance(node, list):
        return [split(child, (*path, i), origins) for i, child in enumerate(node)]
    return node


@dataclass
class Resolver:
    """Turn the figure tables of one file into figures; keep every fault and where it was."""

    source: Source
    look_up: Callable[[str], Figure]
    faults: list[Fault] = field(default_factory=list)

    def resolve(self, node: Any, path: KeyPath = ()) -> Any:
        """Return the node with each figure table in it made a figure."""
        if isinstance(node, list):
            return [self.resolve(child, (*path, i)) for i, child in enumerate(node)]
        if not isinstance(node, dict):
            return node
        if path and is_figure(node):
            if "reference" in node:
                return self._pointed(node, path)
            return Figure(node["value"], {key: node[key] for key in node if key != "value"})
        return {key: self.resolve(child, (*path, key)) for key, child in node.items()}

    def _pointed(self, node: dict[str, Any], path: KeyPath) -> Figure:
        """Return the figure that a pointer means; one that means none has the value None and is a fault."""
        own = {key: value for key, value in node.items() if key not in ("value", "reference", "times")}
        times = node.get("times")
        try:
            figure = self.look_up(node["reference"])
            if times is not None and not is_number(times):
                raise LookupError(f"times must be a number, not {times!r}.")
            return _pointer(figure, own, times, node.get("value"))
        except LookupError as error:
            rule, _, hint = str(error.args[0]).partition(". ")
            self.faults.append(self.source.fault(path, rule.rstrip("."), repr(node["reference"]), hint))
            return Figure(None, {})


def _pointer(figure: Figure, own: dict[str, Any], times: float | None, value: Any) -> Figure:
    origin = dict(figure.origin)
    if figure.value is None:
        if value is None:
            span = f"it lies between {origin['low']} and {origin['high']}" if "low" in origin else "none is published"
            raise LookupError(f"the figure is hidden in the published tables: {span}. Add value = ... to the pointer.")
        figure = Figure(value, origin)
    elif value is not None:
        raise LookupError(f"give value or reference, not both: the reference is {figure.value}. Use times to scale it.")
    if times is not None:
        origin |= {key: times * origin[key] for key in ("low", "high") if is_number(origin.get(key))}
        origin |= {"source": f"{origin['source']}; times {times:g}", "quality": "judgement"}
    if "source" in own:
        own = own | {"source": f"{origin['source']}: {own['source']}"}
    scaled = figure.value if times is None or value is not None else _times(figure.value, times)
    return Figure(scaled, origin | own)


def _times(value: Any, factor: float) -> Any:
    return {key: factor * v for key, v in value.items()} if isinstance(value, dict) else factor * value


class References:
    """Published figures, read from the TOML files of reference folders when first pointed at."""

    def __init__(self, folders: list[Path]) -> None:
        self._folders = folders
        self._files: dict[str, dict[str, Any]] = {}

    def look_up(self, pointer: Any) -> Figure:
        """Return the figure at "FILE:topic.row.column", with no value if it is hidden; LookupError for faults."""
        if not isinstance(pointer, str) or ":" not in pointer:
            raise LookupError('reference must be text such as "care_starts:topic.row.column".')
        name, _, path = pointer.partition(":")
        file = self._file(name.removesuffix(".toml"))
        topic: dict[str, Any] = {}
        labels: list[str] = []
        node: Any = file
        try:
            for part in path.split("."):
                node, labels = _step(node, part, topic)
                topic = node if isinstance(node, dict) and "sources" in node else topic
            return _published(node, labels, path.split(".")[-1], topic, file)
        except LookupError:
            raise
        except (TypeError, AttributeError, ValueError):
            shape = "is not laid out as those in scenarios/reference"
            raise LookupError(f"the reference file {name} {shape}. Compare it with scenarios/reference.") from None

    def _file(self, name: str) -> dict[str, Any]:
        if name not in self._files:
            paths = {path.stem: path for folder in reversed(self._folders) for path in folder.glob("*.toml")}
            if name not in paths:
                raise LookupError(f"there is no reference file {name!r}. {choices(name, paths)}")
            self._files[name] = _tables(paths[name])
        return self._files[name]


def _tables(path: Path) -> dict[str, Any]:
    """Return the tables of a reference file; those that are shipped need no search for what is wrong with them."""
    if path.parent == scenario_folder() / "reference":
        return reference_file(path.stem)
    try:
        return read_file(path).tree
    except InputError as error:
        raise LookupError(f"the reference file {path.name} cannot be read: {error.faults[0].rule}.") from None


def _step(node: Any, part: str, topic: dict[str, Any]) -> tuple[Any, list[str]]:
    """Return what a part of a pointer leads to, and the labels of the row in which it stands."""
    labels = [str(label) for label in topic.get("columns") or topic.get("years", [])]
    if isinstance(node, dict):
        known = {key: child for table in ROW_TABLES for key, child in node.get(table, {}).items()} | node
    elif isinstance(node, list):
        known = dict(zip(labels, node, strict=False))
    else:
        known = {}
    if part not in known:
        raise LookupError(f"the reference has no {part!r}. {choices(part, known)}")
    return known[part], labels


def _published(node: Any, labels: list[str], label: str, topic: dict[str, Any], file: dict[str, Any]) -> Figure:
    """Return what a pointer leads to as a figure: a number, a row of numbers, or a hidden number."""
    years = [year for year in topic.get("years", []) if str(year) == label] or topic.get("years", [])
    origin = {"unit": topic.get("unit", ""), "quality": topic.get("quality", "data"), "date": _span(years)}
    origin["source"] = _cited(topic.get("sources", {}), years, file.get("source", {}))
    is_year = re.fullmatch(r"(19|20)\d\d-\d\d", label) and label in [str(year) for year in topic.get("years", [])]
    if is_year and "GBP" in str(topic.get("unit", "")):
        origin["price_year"] = label
    if isinstance(node, dict) and "value" in node:
        origin |= {key: node[key] for key in ORIGIN_KEYS & node.keys()}
        origin["date"] = str(node.get("date", node.get("year", origin["date"])))
    elif isinstance(node, dict):
        origin |= {key: node[key] for key in ("low", "high") if key in node}
        if not node.keys() & {"low", "high", "mark"}:
            raise LookupError(f"the reference leads to a table, not to a figure. {choices('', node)}")
    if not str(origin["source"]).strip():
        raise LookupError("the reference has no source; a published figure without a source is not used.")
    value = node.get("value") if isinstance(node, dict) else node
    if isinstance(value, list):
        value = dict(zip(labels, value, strict=False))
    hidden = [key for key, v in value.items() if not is_number(v)] if isinstance(value, dict) else []
    if hidden or not (value is None or is_number(value) or isinstance(value, dict)):
        raise LookupError(f"the reference leads to what is not a number{': ' + ', '.join(hidden) if hidden else ''}.")
    return Figure(value, origin)


def _span(years: list[Any]) -> str:
    return "" if not years else str(years[0]) if len(years) == 1 else f"{years[0]} to {years[-1]}"


def _cited(sources: dict[str, list[Any]], years: list[Any], known: dict[str, dict[str, str]]) -> str:
    """Return the publisher, title and release of each source that covers one of the years."""
    used = [known.get(key, {}) for key, covered in sources.items() if not years or set(covered) & set(years)]
    fields = ("publisher", "title", "release")
    return "; ".join(", ".join(source[key] for key in fields if source.get(key)) for source in used if source)


def choices(wrong: str, known: Any, title: str = "Known") -> str:
    """Return "Did you mean 'x'? Known: ..." for a name that is not among those known."""
    names = sorted(str(name) for name in known)
    near = get_close_matches(wrong, names, n=1, cutoff=0.5)
    listed = ", ".join(names[:40]) + (", ..." if len(names) > 40 else "")
    return (f"Did you mean {near[0]!r}? " if near else "") + (f"{title}: {listed}." if names else "")
