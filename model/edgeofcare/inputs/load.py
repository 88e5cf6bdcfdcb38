"""Read scenarios. In: the name of a shipped scenario or a TOML file. Out: a `Scenario`, or every fault at once.

Also the few things done with a whole scenario: replace values, write it canonically, hash it, list what is uncertain.
Must not know: engines, money, results.
"""

from __future__ import annotations

import hashlib
import json
import re
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError

from edgeofcare.errors import Fault, InputError
from edgeofcare.inputs.evidence import (
    RIVALS,
    effect_as_table,
    published_evidence,
    without_idle_pairs,
    without_rivals,
)
from edgeofcare.inputs.messages import Words, explain
from edgeofcare.inputs.ranges import at, correlation_faults, range_faults, replaced, shape_rule
from edgeofcare.inputs.schema import Correlation, Origin, Scenario
from edgeofcare.inputs.sourced import References, Resolver, choices, is_figure, is_number, overlay, split, within
from edgeofcare.inputs.toml_lines import KeyPath, Source, dotted, key_lines
from edgeofcare.inputs.types import Frozen

POINTER_KEYS = ("value", "reference", "times")
Model = TypeVar("Model", bound=BaseModel)
FILLED = {"origins", "name"}  # filled by the loader, not written in files


def load(name_or_path: str | Path) -> Scenario:
    """Read a shipped scenario by name, or a scenario file by path; raise InputError with every fault."""
    layers = _layers(_find(name_or_path), ())
    resolver = References(
        [*dict.fromkeys(layer.path.parent / "reference" for layer in reversed(layers)), scenario_folder() / "reference"]
    )
    tree: dict[str, Any] = {}
    owners: dict[KeyPath, Source] = {}
    faults: list[Fault] = []
    for layer in layers:
        step = Resolver(layer.source, resolver.look_up)
        written = effect_as_table(step.resolve(layer.tree))
        merged = overlay(without_rivals(tree, written), written, layer.path.name)
        tree = without_idle_pairs(merged, tree, written)
        faults += step.faults
        _own(owners, layer)
    return _checked(tree, owners, layers[-1].source, faults).model_copy(update={"name": layers[-1].path.stem})


def scenario_folder() -> Path:
    """Return the folder of the shipped scenarios: inside the installed package, or at the root of the repository."""
    package = Path(__file__).resolve().parents[1]
    inside = package / "scenarios"
    return inside if inside.is_dir() else package.parents[1] / "scenarios"


def shipped() -> list[str]:
    """Return the names of the shipped scenarios."""
    return sorted(path.stem for path in scenario_folder().glob("*.toml"))


def with_values(scenario: Scenario, values: Mapping[str, Any]) -> Scenario:
    """Return the scenario with other values at these dotted paths, checked; raise InputError for any that is unknown.

    An uncertain number set outside its range has no range any more; set inside, it keeps it. A value that is replaced
    by a rival (`effect.therapy` by `effect.hazard_ratio`), by nothing or with its whole table loses its origin.
    """
    tree, faults = scenario.model_dump(exclude={"origins"}), []
    for rivals in (group for group in RIVALS if any(f"effect.{key}" in values for key in group)):
        tree["effect"] |= dict.fromkeys(rivals)
    for path, given in values.items():
        value = given.item() if type(given).__module__ == "numpy" and hasattr(given, "item") else given
        try:
            tree = replaced(tree, path.split("."), value)
        except LookupError:
            near = choices(path, paths(scenario), "Keys")
            faults.append(Fault("the values given", None, path, "unknown key", "", near))
    try:
        if not faults:
            origins = _kept_origins(scenario, values, tree)
            evidence = _evidence_for(tree, origins)
            pairs = _kept_pairs(scenario, origins, tree)
            return Scenario.model_validate(tree | evidence | pairs | {"origins": origins})
    except ValidationError as error:
        faults = [Fault("the values given", None, dotted(w.path), *w[1:]) for w in explain(error.errors(), tree)]
    raise InputError(faults)


def _kept_origins(scenario: Scenario, values: Mapping[str, Any], tree: dict[str, Any]) -> dict[str, Origin]:
    """Return the origins of what is still there after values were replaced; without ranges where the value left it."""
    tables = tuple(f"{path}." for path in values)
    kept = {path: origin for path, origin in scenario.origins.items() if not path.startswith(tables)}
    for path in [*values, *(f"effect.{key}" for group in RIVALS for key in group)]:
        if path in kept:
            value = _value(tree, path)
            if value is None:
                del kept[path]
            elif kept[path].low is not None and not within(value, kept[path].low, kept[path].high):
                kept[path] = kept[path].model_copy(update={"low": None, "high": None})
    return kept


def _kept_pairs(scenario: Scenario, origins: Mapping[str, Origin], tree: dict[str, Any]) -> dict[str, Any]:
    """Return the correlations without those whose keys had a range and lost it; nothing if they are set anew."""

    def acts(pair: Correlation, among: Mapping[str, Origin]) -> bool:
        return all(path in among and among[path].low is not None for path in pair.between)

    if tree["correlations"] != scenario.model_dump(include={"correlations"})["correlations"]:
        return {}
    pairs = [pair for pair in scenario.correlations if not acts(pair, scenario.origins) or acts(pair, origins)]
    return {"correlations": tuple(pair.model_dump() for pair in pairs)}


def _evidence_for(tree: dict[str, Any], origins: dict[str, Origin]) -> dict[str, Any]:
    """Return the published evidence if the effect asks for it and there is none; note its origins."""
    effect = tree["effect"]
    if not (isinstance(effect, dict) and effect.get("prior") == "evidence") or tree["evidence"] is not None:
        return {}
    found: dict[KeyPath, dict[str, Any]] = {}
    rows = split(published_evidence(scenario_folder()), ("evidence",), found)
    origins |= {dotted(path): Origin.model_validate(origin) for path, origin in found.items()}
    return {"evidence": rows}


def value_at(whole: Frozen, path: str) -> Any:
    """Return the value at a dotted path of a scenario or a part of one; raise LookupError if there is none."""
    node: Any = whole
    for part in path.split("."):
        if isinstance(node, tuple):
            node = {str(i): child for i, child in enumerate(node)}
        elif isinstance(node, Frozen):
            node = vars(node)
        if not isinstance(node, dict):
            raise LookupError(part)
        node = node[part]
    return node


def paths(scenario: Scenario) -> list[str]:
    """Return the dotted path of every single value of a scenario."""
    return list(_leaves(scenario.model_dump(exclude=FILLED), ""))


def uncertain(scenario: Scenario) -> dict[str, tuple[Any, Origin]]:
    """Return value and origin of each number that has a range, by dotted path."""
    ranged = {path: origin for path, origin in scenario.origins.items() if origin.low is not None}
    return {path: (value_at(scenario, path), origin) for path, origin in ranged.items() if origin.low != origin.high}


def canonical(scenario: Scenario) -> bytes:
    """Return the values as JSON with sorted keys, with the ranges of uncertain numbers, without their prose."""
    ranges = {path: [o.low, o.high, o.distribution] for path, (_, o) in uncertain(scenario).items()}
    values = scenario.model_dump(exclude=FILLED) | {"ranges": ranges}
    return json.dumps(values, sort_keys=True, separators=(",", ":"), allow_nan=False, default=_iso).encode()


def scenario_hash(scenario: Scenario) -> str:
    """Return the SHA-256 of the canonical scenario, as hexadecimal digits."""
    return hashlib.sha256(canonical(scenario)).hexdigest()


@dataclass(frozen=True)
class Layer:
    """One file as read: its tables, and the lines of its keys."""

    path: Path
    source: Source
    tree: dict[str, Any]


def _find(name_or_path: str | Path) -> Path:
    """Return the file of a shipped name or of a path."""
    text = str(name_or_path)
    bare = isinstance(name_or_path, str) and re.fullmatch(r"[\w -]*", text)
    path = scenario_folder() / f"{text}.toml" if bare and text in shipped() else Path(name_or_path)
    if path.is_file():
        return path
    if path.is_dir() and not bare:
        raise InputError([Fault(text, None, "", "is a folder, not a scenario file")])
    known = choices(path.stem, shipped(), "Shipped scenarios")
    rule = "there is no scenario of this name" if bare else "there is no such file"
    raise InputError([Fault(text, None, "", rule, "", known)])


def _layers(path: Path, chain: tuple[Path, ...]) -> list[Layer]:
    """Return the files that make a scenario, the base first."""
    layer = read_file(path)
    base = layer.tree.pop("extends", None)
    if base is None:
        return [layer]
    here = (*chain, path.resolve())
    try:
        if not isinstance(base, str):
            raise ValueError("must be the name of one scenario or file, in quotation marks")
        below = _find(base if base in shipped() else path.parent / base)
        if below.resolve() in here:
            names = [*(p.name for p in here[here.index(below.resolve()) :]), below.name]
            raise ValueError(f"files must not extend one another in a circle: {' -> '.join(names)}")
    except InputError as error:
        found = error.faults[0]
        raise InputError([layer.source.fault(("extends",), found.rule, repr(base), found.hint)]) from None
    except ValueError as error:
        raise InputError([layer.source.fault(("extends",), str(error))]) from None
    return [*_layers(below, here), layer]


def read_file(path: Path) -> Layer:
    """Return a file's tables and the lines of its keys; raise InputError if it is no TOML."""
    name = _shown(path)
    try:
        data = path.read_bytes()
        text = data.decode("utf-8-sig")
        return Layer(path, Source(name, key_lines(text)), tomllib.loads(text))
    except OSError as error:
        fault = Fault(name, None, "", f"cannot be read: {(error.strerror or 'no reason given').lower()}")
    except UnicodeDecodeError as error:
        line = data[: error.start].count(b"\n") + 1
        fault = Fault(name, line, "", "is not a text file in UTF-8", "", "Save it as plain text, encoding UTF-8.")
    except RecursionError:
        fault = Fault(name, None, "", "lists or tables are nested too deeply")
    except ValueError as error:
        said, _, place = str(error).partition(" (at ")
        line_number = re.match(r"line (\d+)", place)
        fault = Fault(name, int(line_number[1]) if line_number else None, "", f"is not valid TOML: {said.rstrip('.')}")
    raise InputError([fault])


def _shown(path: Path) -> str:
    """Return a file's name for people: from the working folder, or from the shipped scenarios."""
    for folder in (Path.cwd(), scenario_folder().parent):
        if path.resolve().is_relative_to(folder):
            return str(path.resolve().relative_to(folder))
    return str(path)


def _own(owners: dict[KeyPath, Source], layer: Layer) -> None:
    """Note for each key of a file that it now stands there; what is replaced takes all below it along."""
    for path, node in _tables_and_keys(layer.tree, ()):
        if not isinstance(node, dict) or is_figure(node):
            for below in [old for old in owners if old[: len(path)] == path]:
                del owners[below]
        owners[path] = layer.source


def _tables_and_keys(node: Any, path: KeyPath) -> Iterator[tuple[KeyPath, Any]]:
    """Give each table and key with its path, the outer ones first."""
    children = node.items() if isinstance(node, dict) else enumerate(node) if isinstance(node, list) else ()
    for key, child in children:
        yield (*path, key), child
        yield from _tables_and_keys(child, (*path, key))


def _checked(tree: dict[str, Any], owners: dict[KeyPath, Source], last: Source, faults: list[Fault]) -> Scenario:
    """Return the scenario of merged tables, or raise InputError with all faults in the order of files and lines."""
    raw_origins: dict[KeyPath, dict[str, Any]] = {}
    values = split(tree, (), raw_origins)
    if isinstance(values.get("effect"), dict) and values["effect"].get("prior") == "evidence":
        published = published_evidence(scenario_folder())
        own = values.get("evidence", {})
        if isinstance(own, dict):
            missing = {key: rows for key, rows in published.items() if key not in own}
            values["evidence"] = own | split(missing, ("evidence",), raw_origins)
    found: list[Words] = [Words(("origins",), "unknown key", "", "Write a number as a table with `value` instead.")]
    found = found if values.pop("origins", None) is not None else []
    if values.pop("name", None) is not None:
        found.append(Words(("name",), "unknown key", "", "The name is that of the file; `title` is for people."))
    origins = checked_origins(raw_origins, values, found)
    scenario = checked_model(values, Scenario, found)
    if scenario:
        ranged = [dotted(path) for path, origin in origins.items() if origin.low is not None]
        found += range_faults(values, origins) + correlation_faults(scenario.correlations, paths(scenario), ranged)
    seen = {fault.path for fault in faults}
    for words in found:
        if not any(dotted(words.path[:n]) in seen for n in range(1, len(words.path) + 1)):
            faults.append(_owner(words.path, owners, last).fault(*words))
    if faults or scenario is None:
        order = {source: i for i, source in enumerate(dict.fromkeys(s.name for s in [*owners.values(), last]))}
        raise InputError(sorted(faults, key=lambda fault: (order.get(fault.file, 0), fault.line or 0)))
    return scenario.model_copy(update={"origins": {dotted(path): origin for path, origin in origins.items()}})


def _owner(path: KeyPath, owners: dict[KeyPath, Source], last: Source) -> Source:
    return next((owners[path[:n]] for n in range(len(path), 0, -1) if path[:n] in owners), last)


def checked_model(values: dict[str, Any], model: type[Model], found: list[Words]) -> Model | None:
    """Return the model of these values, or None with its faults; look again without unknown keys, which hide some."""
    try:
        return model.model_validate(values)
    except ValidationError as error:
        errors = error.errors()
        words = list(explain(errors, values, model))
        found += words
        if all(e["type"] == "extra_forbidden" for e in errors):
            pruned = values
            for word in words:
                pruned = _without(pruned, word.path)
            checked_model(pruned, model, found)
    return None


def checked_origins(
    raw: dict[KeyPath, dict[str, Any]], values: dict[str, Any], found: list[Words]
) -> dict[KeyPath, Origin]:
    """Return the origins of figures by path, without those that are faulty; their faults are added to those found."""
    origins = {}
    for path, written in raw.items():
        try:
            origins[path] = Origin.model_validate(written)
        except ValidationError as error:
            for words in explain(error.errors(), written, Origin, POINTER_KEYS):
                found.append(words._replace(path=(*path, *words.path)))
            continue
        if rule := _origin_rule(origins[path], at(values, path)):
            found.append(Words(path, rule, "", ""))
    return origins


def _origin_rule(origin: Origin, value: Any) -> str:
    """Return the rule about a value and its origin that is broken, or nothing."""
    if (origin.low is None) != (origin.high is None):
        return "a range needs both low and high"
    if origin.low is not None and not is_number(value):
        return "only a single number can have a range"
    if origin.low is not None and not within(value, origin.low, origin.high):
        return f"low <= value <= high must hold: low {origin.low:g}, value {value:g}, high {origin.high:g}"
    if origin.low is not None and (rule := shape_rule(value, origin)):
        return rule
    if origin.quality != "judgement" and not origin.source.strip():
        return f"a figure of quality {origin.quality!r} needs a source"
    return ""


def _value(tree: dict[str, Any], path: str) -> Any:
    """Return what stands at a dotted path of plain tables and lists, or None."""
    node: Any = tree
    for part in path.split("."):
        if isinstance(node, list | tuple):
            node = dict(enumerate(node)).get(int(part)) if part.isdigit() else None
        else:
            node = node.get(part) if isinstance(node, dict) else None
    return node


def _without(node: Any, path: KeyPath) -> Any:
    """Return a copy of nested tables and lists without one key."""
    if isinstance(node, list):
        return [_without(child, path[1:]) if i == path[0] else child for i, child in enumerate(node)]
    if len(path) == 1:
        return {key: child for key, child in node.items() if key != path[0]}
    return {key: _without(child, path[1:]) if key == path[0] else child for key, child in node.items()}


def _leaves(node: Any, path: str) -> list[str]:
    if not isinstance(node, dict | tuple):
        return [path]
    items = node.items() if isinstance(node, dict) else enumerate(node)
    return [leaf for key, child in items for leaf in _leaves(child, f"{path}.{key}" if path else str(key))]


def _iso(value: Any) -> str:
    if isinstance(value, date):
        return value.isoformat()
    raise TypeError(f"no canonical form for {type(value).__name__}")
