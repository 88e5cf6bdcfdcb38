"""Read scenarios and the files that belong to them: the one reader.

In: the name of a shipped scenario, or a TOML file of any kind. Out: a `Scenario`, or another model with the origin and
place of every value; or every fault at once. Also the few things done with a whole scenario: replace values, write it
canonically, hash it, list what is uncertain. Must not know: engines, money, results.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any, Generic

from pydantic import ValidationError

from edgeofcare.errors import Fault, InputError, InputWarning
from edgeofcare.inputs.checked import Model, checked_model, checked_origins, faults_of
from edgeofcare.inputs.evidence import RIVALS
from edgeofcare.inputs.files import Layer, is_file, read_file
from edgeofcare.inputs.files import scenario_folder as scenario_folder
from edgeofcare.inputs.layers import Merged, merge, written_over
from edgeofcare.inputs.messages import FILLED, Words, explain, show
from edgeofcare.inputs.price_years import with_base_year_prices
from edgeofcare.inputs.prior import Evidence
from edgeofcare.inputs.ranges import correlation_faults, range_faults, replaced
from edgeofcare.inputs.schema import Correlation, Origin, Scenario
from edgeofcare.inputs.sourced import References, choices, split, within
from edgeofcare.inputs.toml_lines import KeyPath, dotted
from edgeofcare.inputs.types import Frozen
from edgeofcare.inputs.written import Written

MOST_LAYERS = 20
# Keys that change no answer: they are no part of a scenario's hash.
BESIDE: Mapping[str, Any] = {
    **dict.fromkeys(FILLED, True),
    "clock": {"closed_on"},
    "boroughs": {"__all__": {"adolescent_care_starts_per_year"}},
}


def load(name_or_path: str | Path) -> Scenario:
    """Read a shipped scenario by name, or a scenario file by path; raise InputError with every fault."""
    layers = _layers(_find(name_or_path), ())
    folders = [*dict.fromkeys(layer.path.parent / "reference" for layer in reversed(layers)), _reference_folder()]
    merged = merge(layers, References(folders).look_up)
    return _checked(merged).model_copy(update={"name": layers[-1].path.stem})


@dataclass(frozen=True)
class Part(Generic[Model]):
    """What a file says that belongs to a scenario. values: as written, without origins; written: laid over it."""

    said: Model
    values: dict[str, Any]
    origins: dict[KeyPath, Origin]
    written: Written
    layer: Layer


def read_part(
    path: str | Path,
    model: type[Model],
    over: Scenario | None = None,
    further: Callable[[dict[str, Any], Model, dict[KeyPath, Origin]], Iterable[Words]] | None = None,
    layer: Layer | None = None,
) -> Part[Model]:
    """Read a file that is no scenario: of a contract, a stress, a joiner, a record, of actuals.

    over: the scenario to which it belongs; a fault that both cause is told in this file. further: what else is wrong
    with what was read. Raises InputError with every fault, in the order of lines.
    """
    layer = layer or read_file(path)
    beside = [folder / "reference" for folder in (layer.path.parent, layer.path.parent.parent)]
    merged = merge([layer], References([layer.path.parent, *beside, _reference_folder()]).look_up, is_scenario=False)
    raw: dict[KeyPath, dict[str, Any]] = {}
    values = split(merged.tree, (), raw)
    found: list[Words] = []
    origins = checked_origins(raw, values, found)
    said = checked_model(values, model, found)
    written = written_over(over.written if over else Written(), merged.written)
    if said is not None and further is not None and not found:
        found += further(values, said, origins)
    faults = faults_of(found, merged.faults, written, merged.written)
    if faults or said is None:
        raise InputError(faults)
    return Part(said, values, origins, written, layer)


def _reference_folder() -> Path:
    return scenario_folder() / "reference"


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
            pairs = _kept_pairs(scenario, origins, tree)
            filled = {"origins": origins, "written": scenario.written}
            return Scenario.model_validate(tree | pairs | filled)
    except ValidationError as error:
        faults = [_of_given(words, values) for words in explain(error.errors(), tree)]
    raise InputError(faults)


def _of_given(words: Words, values: Mapping[str, Any]) -> Fault:
    """Return a fault of values given, at the one of its keys that was given."""
    keys = [dotted(key) for key in (words.path, *words.others)]
    return Fault("the values given", None, next((key for key in keys if key in values), keys[0]), *words[1:4])


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
    order = list(scenario.therapies)  # in which a draw chooses among them
    values = scenario.model_dump(exclude=BESIDE) | {"ranges": ranges, "order_of_therapies": order}
    return json.dumps(values, sort_keys=True, separators=(",", ":"), allow_nan=False, default=_iso).encode()


def scenario_hash(scenario: Scenario) -> str:
    """Return the SHA-256 of the canonical scenario, as hexadecimal digits."""
    return hashlib.sha256(canonical(scenario)).hexdigest()


def _find(name_or_path: str | Path) -> Path:
    """Return the file of a shipped name or of a path."""
    text = str(name_or_path)
    bare = isinstance(name_or_path, str) and re.fullmatch(r"[\w -]*", text)
    path = scenario_folder() / f"{text}.toml" if bare and text in shipped() else Path(name_or_path)
    if is_file(path):
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
    if len(here) >= MOST_LAYERS:
        rule = f"files extend one another more than {MOST_LAYERS} times over"
        raise InputError([layer.source.fault(("extends",), rule)])
    try:
        if not isinstance(base, str):
            raise ValueError("must be the name of one scenario or file, in quotation marks")
        below = _find(base if base in shipped() else path.parent / base)
        if below.resolve() in here:
            names = [*(p.name for p in here[here.index(below.resolve()) :]), below.name]
            raise ValueError(f"files must not extend one another in a circle: {' -> '.join(names)}")
    except InputError as error:
        found = error.faults[0]
        raise InputError([layer.source.fault(("extends",), found.rule, show(base), found.hint)]) from None
    except ValueError as error:
        raise InputError([layer.source.fault(("extends",), str(error))]) from None
    return [*_layers(below, here), layer]


def _checked(merged: Merged) -> Scenario:
    """Return the scenario of merged tables, or raise InputError with all faults in the order of files and lines."""
    raw: dict[KeyPath, dict[str, Any]] = {}
    found: list[Words] = []
    values = _without_filled(split(merged.tree, (), raw), found)
    origins = checked_origins(raw, values, found)
    scenario = checked_model(values, Scenario, found)
    if scenario and not found:
        moved, origins = with_base_year_prices(values, origins, scenario.prices)
        scenario = scenario if moved is values else checked_model(moved, Scenario, found)
        values = moved
    if scenario:
        ranged = [dotted(path) for path, origin in origins.items() if origin.low is not None]
        found += range_faults(values, origins) + correlation_faults(scenario.correlations, paths(scenario), ranged)
        found += _evidence_faults(scenario)
    faults = faults_of(found, merged.faults, merged.written)
    if faults or scenario is None:
        raise InputError(faults)
    notes = (*merged.written.notes, *_scaled(values, scenario, merged.written))
    filled = {
        "origins": {dotted(path): origin for path, origin in origins.items()},
        "written": Written(merged.written.files, merged.written.places, notes),
    }
    return scenario.model_copy(update=filled)


def _without_filled(values: dict[str, Any], found: list[Words]) -> dict[str, Any]:
    """Return the values without the keys that the loader fills; a fault for each that a file writes."""
    hints = {
        "origins": "Write a number as a table with `value` instead.",
        "name": "The name is that of the file; `title` is for people.",
    }
    found += [Words((key,), "unknown key", "", hints.get(key, "")) for key in sorted(FILLED & values.keys())]
    return {key: value for key, value in values.items() if key not in FILLED}


def _evidence_faults(scenario: Scenario) -> Iterable[Words]:
    """Give a fault for draws that a scenario names and that are not held; a kind of which nothing is held is one only
    where the effect is to be drawn from it."""
    asked = scenario.effect.prior == "evidence"
    if not asked and scenario.evidence == Evidence():
        return
    from edgeofcare.inputs.evidence_draws import evidence_rule, is_held

    if (asked or is_held(scenario.evidence)) and (wrong := evidence_rule(scenario.evidence)):
        key, rule, hint = wrong
        yield Words(("evidence", key), rule, show(getattr(scenario.evidence, key)), hint)


def _scaled(values: dict[str, Any], scenario: Scenario, written: Written) -> Iterable[InputWarning]:
    """Give a note for each list of weights that did not sum to 1 or 100 exactly and was scaled."""
    placement = values["care"]["placement"]
    lists = {"child.age_weights": values["child"]["age_weights"]}
    for age in ("under_16", "16_plus"):
        lists[f"care.placement.first_{age}"] = placement[f"first_{age}"]
        lists |= {f"care.placement.moves_{age}.{i}": row for i, row in enumerate(placement[f"moves_{age}"])}
    for path, weights in lists.items():
        total = sum(weights)
        whole = 100 if total > 10 else 1
        if abs(total - whole) > 1e-6 * whole:
            told = (
                f"{path} sums to {total:g}, not to {whole}: each of its shares was multiplied by {whole / total:.4f}."
            )
            yield written.warning("W0", path, told)


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
