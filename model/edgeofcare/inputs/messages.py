"""Faults in plain English. In: pydantic's errors and what was written. Out: path, rule, value got, hint.

Must not know: files, lines. A path leads through what was written; pydantic's own markers are left out.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from datetime import date
from typing import Any, NamedTuple, get_args

from pydantic import BaseModel

from edgeofcare.inputs.schema import Scenario
from edgeofcare.inputs.sourced import choices
from edgeofcare.inputs.toml_lines import KeyPath, dotted
from edgeofcare.inputs.types import YEARS, RuleError

LONGEST_GOT = 60
NUMBER = "must be a number, without quotation marks"
RULES = {
    "float_type": NUMBER,
    "float_parsing": NUMBER,
    "int_type": "must be a whole number, without quotation marks",
    "int_from_float": "must be a whole number",
    "int_parsing_size": "is too large a number",
    "finite_number": "must be a finite number",
    "greater_than": "must be greater than {gt}",
    "greater_than_equal": "must be at least {ge}",
    "less_than": "must be less than {lt}",
    "less_than_equal": "must be at most {le}",
    "date_type": "must be a date such as 2018-02-06, without quotation marks",
    "date_from_datetime_inexact": "must be a date such as 2018-02-06, without a time",
    "bool_type": "must be true or false",
    "bool_parsing": "must be true or false",
    "string_type": "must be text in quotation marks",
    "string_too_long": "must have at most {max_length} characters",
    "tuple_type": "must be a list in square brackets",
    "model_type": "must be a table",
    "model_attributes_type": "must be a table",
    "dict_type": "must be a table",
    "literal_error": "must be one of {expected}",
    "union_tag_invalid": "must be one of {expected_tags}",
    "union_tag_not_found": "needs `pays`, which says what it pays for",
    "missing": "is missing",
    "extra_forbidden": "unknown key",
}
NAMES = "names must begin with a small letter and hold only small letters, digits and _"
FILLED = {"origins", "name", "written"}  # of a scenario: filled by the loader, not written in files
MOST_EXPLAINED = 200  # of the faults of one file


class Words(NamedTuple):
    """One fault without its file and line. others: further keys that the rule is about, besides that of `path`."""

    path: KeyPath
    rule: str
    got: str = ""
    hint: str = ""
    others: tuple[KeyPath, ...] = ()


def explain(
    errors: list[Any], written: Any, model: type[BaseModel] = Scenario, also: tuple[str, ...] = ()
) -> Iterator[Words]:
    """Give each error in plain English, once for each key; `also` are known keys that the model does not have."""
    told: set[tuple[KeyPath, str]] = set()
    for error in _one_branch(errors[:MOST_EXPLAINED]):
        path = written_path(error["loc"], written)
        for place, text, others in _rules(error, path):
            if (place, text) not in told:
                told.add((place, text))
                yield Words(place, text, _got(error), _hint(error, place, model, also), others)


def _rules(error: Any, path: KeyPath) -> Iterator[tuple[KeyPath, str, tuple[KeyPath, ...]]]:
    """Give the rules that are broken, each with the key where it is shown and the others that it is about."""
    broken = error.get("ctx", {}).get("error")
    if isinstance(broken, RuleError):
        for rule in broken.rules:
            first, *others = [(*path, *_parts(key)) for key in rule.keys]
            yield first, rule.text, tuple(others)
        return
    for text in _rule(error).split("\n"):
        yield (*_placed(text, path), ())


def _parts(key: str) -> KeyPath:
    return tuple(int(part) if part.isdigit() else part for part in key.split("."))


def written_path(loc: tuple[str | int, ...], written: Any) -> KeyPath:
    """Return pydantic's location without its own markers: only steps that exist in what was written, and the last."""
    path: KeyPath = ()
    node = written
    for n, part in enumerate(loc):
        # The word in `pays` tells pydantic which kind of term it reads; it is no key.
        marker = part == "[key]" or (isinstance(node, Mapping) and part == node.get("pays"))
        is_step = isinstance(node, Mapping) and (part in node or n == len(loc) - 1) and not marker
        if is_step or (isinstance(node, list | tuple) and isinstance(part, int)):
            path += (part,)
            node = node.get(part) if isinstance(node, Mapping) else (node[part] if _has(node, part) else None)
    return path


def _has(node: Any, part: str | int) -> bool:
    return isinstance(part, int) and part < len(node)


def _one_branch(errors: list[Any]) -> list[Any]:
    """Drop complaints that follow from others: of the other branch where a key takes a number or a list, of length."""
    unions = {e["loc"][:n] for e in errors for n, part in enumerate(e["loc"]) if str(part).startswith("tuple[")}

    def is_other(error: Any) -> bool:
        other = "float_type" if isinstance(error["input"], list | tuple) else "tuple_type"
        return error["loc"][:-1] in unions and error["type"] == other

    return [error for error in errors if not is_other(error) and not _only_seems_short(error)]


def _only_seems_short(error: Any) -> bool:
    """Return whether a list has values enough, and is called too short only because some are faulty."""
    return bool(error["type"] == "too_short" and len(error["input"]) >= error["ctx"]["min_length"])


def _rule(error: Any) -> str:
    kind, context = error["type"], dict(error.get("ctx", {}))
    if kind == "value_error":
        return str(context["error"])
    if kind == "string_pattern_mismatch":
        return YEARS if "d\\d-" in context["pattern"] else NAMES
    if kind in ("too_short", "too_long"):
        bound = f"at least {context['min_length']}" if kind == "too_short" else f"at most {context['max_length']}"
        return f"must hold {bound} values; it holds {context['actual_length']}"
    numbers = {key: f"{v:g}" if isinstance(v, float) else v for key, v in context.items()}
    rule = RULES[kind].format(**numbers) if kind in RULES else str(error["msg"])
    return rule if isinstance(error["input"], str) else rule.removesuffix(", without quotation marks")


def _placed(rule: str, path: KeyPath) -> tuple[KeyPath, str]:
    """Return where a fault is shown, and its text: at the key named in brackets ("[waterfall.2.payee] ...")."""
    if key := re.match(r"\[([\w.]+)\] ", rule):
        return (*path, *_parts(key[1])), rule[key.end() :]
    return path, rule


def _got(error: Any) -> str:
    if error["type"] in ("missing", "union_tag_not_found"):
        return ""
    value = error["input"]
    if error["type"] == "union_tag_invalid":
        value = value.get("pays")
    return "" if error["type"] == "value_error" and isinstance(value, Mapping) else show(value)


def show(value: Any) -> str:
    """Return a value as it would be written in a file, cut short."""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, str):
        return f"the text {_short(repr(value))}"
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, Mapping):
        return "a table"
    if isinstance(value, list | tuple):
        return _short("[" + ", ".join(show(v) for v in value[:LONGEST_GOT]) + "]")
    if type(value) is int and value.bit_length() > 200:
        return "a number of more than 60 digits"
    return _short(repr(value)) if value is not None else ""


def _short(text: str) -> str:
    return text if len(text) <= LONGEST_GOT else text[: LONGEST_GOT - 3] + "..."


def _hint(error: Any, path: KeyPath, model: type[BaseModel], also: tuple[str, ...]) -> str:
    kind = error["type"]
    if kind == "extra_forbidden":
        return choices(str(path[-1]), {*known_keys(error["loc"][:-1], model), *also}, "Known keys")
    if kind == "missing":
        return known_keys(error["loc"][:-1], model).get(str(path[-1]), "")
    if kind in ("literal_error", "union_tag_invalid"):
        allowed = re.findall(r"'([^']*)'", str(error["ctx"].get("expected") or error["ctx"].get("expected_tags")))
        near = choices(str(_got(error)).removeprefix("the text ").strip("'"), allowed)
        return near.split("?")[0] + "?" if "?" in near else ""
    if kind in ("model_type", "model_attributes_type") and error["input"] is False:
        return f'To take it out of the base, write remove = ["{dotted(path)}"] at the top.'
    if kind in ("float_type", "int_type") and isinstance(error["input"], Mapping):
        return "A table that stands for a number needs `value` or `reference`."
    return ""


def known_keys(loc: KeyPath, model: type[BaseModel] = Scenario) -> dict[str, str]:
    """Return the keys that the schema knows at pydantic's location of a table, and what they mean."""
    models = [model]
    for part in loc:
        inner = [m for owner in models if part in owner.model_fields for m in _field_models(owner, str(part))]
        models = inner or [m for m in models if part in _tags(m)] or models
    meanings = {key: " ".join((f.description or "").split()) for m in models for key, f in m.model_fields.items()}
    filled = FILLED if Scenario in models else ()
    return {key: meaning for key, meaning in meanings.items() if key not in filled}


def _tags(model: type[BaseModel]) -> tuple[Any, ...]:
    """Return the values of `pays` that mean this model: the markers by which pydantic tells one term from another."""
    return get_args(model.model_fields["pays"].annotation) if "pays" in model.model_fields else ()


def _field_models(owner: type[BaseModel], name: str) -> list[type[BaseModel]]:
    return list(_models_in(owner.model_fields[name].annotation))


def _models_in(annotation: Any) -> Iterator[type[BaseModel]]:
    """Give the models inside an annotation: of a table, a list, a choice."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    for inner in get_args(annotation):
        yield from _models_in(inner)
