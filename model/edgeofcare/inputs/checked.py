"""What was written, checked: values by their model, origins by the rules of ranges, and each fault at its place.

In: tables with figures. Out: a model, origins, `Fault`s. Must not know: how files are found or laid over one another.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError

from edgeofcare.errors import Fault
from edgeofcare.inputs.messages import MOST_EXPLAINED, Words, explain, show
from edgeofcare.inputs.ranges import at, shape_rule
from edgeofcare.inputs.schema import Origin
from edgeofcare.inputs.sourced import is_number, within
from edgeofcare.inputs.toml_lines import KeyPath, dotted
from edgeofcare.inputs.written import Place, Written

POINTER_KEYS = ("value", "reference", "times")
Model = TypeVar("Model", bound=BaseModel)


def checked_model(values: dict[str, Any], model: type[Model], found: list[Words]) -> Model | None:
    """Return the model of these values, or None with its faults; look again without unknown keys, which hide some."""
    try:
        return model.model_validate(values)
    except ValidationError as error:
        errors = error.errors(include_url=False)
        words = list(explain(errors, values, model))
        found += words
        if len(errors) <= MOST_EXPLAINED and all(e["type"] == "extra_forbidden" for e in errors):
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
            origin = Origin.model_validate(written)
        except ValidationError as error:
            for words in explain(error.errors(include_url=False), written, Origin, POINTER_KEYS):
                found.append(words._replace(path=(*path, *words.path)))
            continue
        if rule := _origin_rule(origin, at(values, path)):
            found.append(Words(path, rule))
        else:
            origins[path] = origin
    return origins


def faults_of(
    found: Iterable[Words], before: Sequence[Fault], written: Written, own: Written | None = None
) -> list[Fault]:
    """Return the faults found and those before, each at its place, in the order of files and lines.

    Those of keys that have a fault already (a pointer that leads nowhere) are left out. own: what the one file wrote
    that is checked, if it is laid over a scenario: its keys, and those it lacks, are told there.
    """
    seen = {fault.path for fault in before}
    faults = list(before)
    for words in found:
        if not any(dotted(words.path[:n]) in seen for n in range(1, len(words.path) + 1)):
            faults.append(_placed(words, written, own))
    order = {name: i for i, name in enumerate(written.files)}
    return sorted(faults, key=lambda fault: (order.get(fault.file, 0), fault.line or 0))


def _placed(words: Words, written: Written, own: Written | None) -> Fault:
    """Return a fault at the key that the user's own file writes; what it inherits is told beside it."""
    keys = [words.path, *words.others]
    places = {key: place for key in keys if (place := written.place(dotted(key)))}
    if own is not None:
        there, top = own.place(dotted(words.path)), len(written.files) - 1
        places[words.path] = replace(there, layer=top) if there else Place(top, written.files[-1], None)
    if not places:
        return Fault(written.files[-1], None, dotted(words.path), words.rule, words.got, words.hint)
    latest = max(place.layer for place in places.values())
    chosen = next(key for key in keys if key in places and places[key].layer == latest)
    beside = [
        f"{dotted(key)} is {show(place.value)}, inherited from {place}."
        for key, place in places.items()
        if place.layer < latest and dotted(key) in written.places
    ]
    here = places[chosen]
    hint = " ".join([*([words.hint] if words.hint else []), *beside])
    return Fault(here.file, here.line, dotted(chosen), words.rule, words.got, hint)


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


def _without(node: Any, path: KeyPath) -> Any:
    """Return a copy of nested tables and lists without one key."""
    if isinstance(node, list):
        return [_without(child, path[1:]) if i == path[0] else child for i, child in enumerate(node)]
    if len(path) == 1:
        return {key: child for key, child in node.items() if key != path[0]}
    return {key: _without(child, path[1:]) if key == path[0] else child for key, child in node.items()}
