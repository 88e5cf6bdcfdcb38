"""The schema for those who write scenarios: JSON Schema for editors, a page of every key, a starter file.

In: the schema, a scenario to start from. Out: text and dictionaries. Must not know: files, engines, results.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from datetime import date
from typing import Any

from edgeofcare.inputs.describe import Entry, entries, unit_of
from edgeofcare.inputs.messages import FILLED
from edgeofcare.inputs.schema import Scenario

Node = dict[str, Any]
FIGURE = {"$ref": "#/$defs/Figure"}
EXTENDS = {
    "type": "string",
    "description": "A shipped scenario or another file that this one changes; tables merge, lists and numbers replace.",
}
REMOVE = {
    "type": "array",
    "items": {"type": "string"},
    "description": "Keys of the base that this file takes out before it is laid over it, such as boroughs.sutton or "
    "boroughs.*; a borough that is removed leaves every team.",
}

# ---- JSON Schema --------------------------------------------------------------------------------------------------


def editor_schema() -> Node:
    """Return the JSON Schema of a scenario file, for completion and checks in editors.

    A number, date or list may also be a table with its origin, or a pointer to a published figure. Keys are required
    only in tables that stand in lists, for a file that extends another may leave out all others.
    """
    found, in_lists = Scenario.model_json_schema(), _parts_in_lists()
    parts = found.pop("$defs")
    found["properties"] = {"extends": EXTENDS, "remove": REMOVE} | {
        k: v for k, v in found["properties"].items() if k not in FILLED
    }
    found["properties"]["effect"] = {"anyOf": [found["properties"]["effect"], {"const": "evidence"}]}
    for name, part in [*parts.items(), ("", found)]:
        part["properties"] = {key: _editable(node) for key, node in part["properties"].items()}
        if name not in in_lists:
            part.pop("required", None)
    parts["Figure"] = _figure(parts.pop("Origin"))
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **found, "$defs": parts}


def _figure(origin: Node) -> Node:
    """Return the table that may stand for a number: value or reference, and origin."""
    own = {
        "value": {"description": "The number itself."},
        "reference": {
            "type": "string",
            "description": 'A published figure in scenarios/reference/, as "care_starts:topic.row.column".',
        },
        "times": {"type": "number", "description": "A factor on the published figure."},
    }
    described = "A number with its origin: either value, or reference to a published figure."
    return origin | {"title": "Figure", "description": described, "properties": own | origin["properties"]}


def _parts_in_lists() -> set[str]:
    """Return the names of the parts that stand in lists of tables: such lists are always written whole."""
    raw = Scenario.model_json_schema()
    nodes = [node for part in [raw, *raw["$defs"].values()] for node in part["properties"].values()]
    items = [choice["items"] for node in nodes for choice in [node, *node.get("anyOf", ())] if "items" in choice]
    return {_name(ref) for item in items for ref in [item, *item.get("oneOf", ())] if "$ref" in ref}


def _name(ref: Node) -> str:
    return str(ref["$ref"]).rsplit("/", 1)[-1]


def _editable(node: Node) -> Node:
    """Return what may be written for a key: never null; a number, date or list also as a figure."""
    prose = {key: node[key] for key in ("description", "default") if node.get(key) is not None}
    plain = _written({key: value for key, value in node.items() if key not in ("description", "default", "title")})
    if not _may_be_figure(plain):
        return plain | prose
    return {"anyOf": [plain, {"allOf": [FIGURE], "properties": {"value": plain}}]} | prose


def _written(node: Node) -> Node:
    choices = [_written(choice) for choice in node.get("anyOf", ()) if choice != {"type": "null"}]
    if len(choices) == 1:
        return choices[0]
    found = {key: value for key, value in node.items() if key != "discriminator"}
    if choices:
        found["anyOf"] = choices
    if _is_weights(node):
        found = {"type": "array", "items": {"type": "number", "minimum": 0, "maximum": 100}}
        found |= {"minItems": node["minLength"], "maxItems": node["maxLength"]}
    elif "items" in node:
        found["items"] = _written(node["items"])
    if "patternProperties" in node:
        found["patternProperties"] = {key: _editable(inner) for key, inner in node["patternProperties"].items()}
        found["additionalProperties"] = False
    return found


def _is_weights(node: Node) -> bool:
    """Tell weights, which may be shares or percentages: pydantic gives their length as that of a text."""
    return node.get("type") == "array" and "minLength" in node


def _may_be_figure(node: Node) -> bool:
    if "anyOf" in node:
        return any(_may_be_figure(choice) for choice in node["anyOf"])
    inner: Node = node.get("items") or next(iter(node.get("patternProperties", {}).values()), {})
    is_date = node.get("format") == "date"
    return node.get("type") in ("number", "integer") or is_date or (bool(inner) and _may_be_figure(inner))


# ---- the page of every key ----------------------------------------------------------------------------------------

PREFACE = """# Scenarios

<!-- Made by `edgeofcare schema --markdown` from model/edgeofcare/inputs/schema.py. Do not edit. -->

A scenario is one TOML file. `edgeofcare check FILE` names every fault in it with its line, then what is allowed and
probably not meant, then what it inherits; `edgeofcare show FILE` prints it with all sources; `edgeofcare new NAME`
writes a commented one to start from. This page lists every key.

- **A number with its origin.** A number, date or list may also be a table:
  `usual = {value = 0.35, low = 0.33, high = 0.55, source = "...", date = "2018", quality = "research"}`.
  `quality` is `data` (official statistics), `research` (a published text, or arithmetic on one) or `judgement`
  (nobody has published it). A number with `low` and `high` is uncertain and varies between outer draws.
- **A published figure.** `{reference = "care_starts:adolescent_excluding_uasc.sutton.central", times = 0.5}` points
  to a file in `scenarios/reference/` and scales the figure.
- **Changing another scenario.** `extends = "pan_london"` starts from a shipped scenario or another file. Tables merge;
  numbers and lists replace. A plain number in place of one with an origin is noted as set in your file.
  `remove = ["boroughs.sutton", "teams.mst_a", "contract.top_up"]` beside it takes parts of the base out first
  (`boroughs.*`: all); a borough that is removed leaves every team. `effect.usual` alone keeps the base's odds ratio;
  `effect.measure` and `effect.day` come with `usual` and `therapy`.
- **Another contract.** The contracts in `scenarios/contracts/` can be laid over any scenario's children; its README
  lists them. Such a file holds `title`, `[contract]` and, if it brings its own, `[capital]`, with the keys below.
- **Weights** may be written as shares that sum to 1 or as percentages that sum to 100; sums of 99 to 101% are scaled.
- **Prices of another year** carry `price_year = "2024-25"` and are converted to `prices.base_year` by their index.
- **Dates** are written 2018-02-06, without quotation marks, and lie between 1990 and 2100.
- **Large numbers** are refused above 1,000,000,000, amounts above 10,000,000,000.
- **Placement types** stand in one order everywhere: kinship, foster_in_house, foster_agency, residential, secure,
  supported (16 and over only).
"""
FIGURE_KEYS = "The keys of a table that stands for a number, besides `value`, or `reference` and `times`."
NO_LIMIT = 1e9
YEAR_PATTERN = r"\d\d-\d\d"


def markdown() -> str:
    """Return the page that lists every key of a scenario file: what it holds, its range, its default, its meaning."""
    raw = Scenario.model_json_schema()
    parts = raw["$defs"]
    top = {key: node for key, node in raw["properties"].items() if key not in FILLED}
    whole = {"properties": {"extends": EXTENDS} | top, "required": raw["required"]}
    sections = dict.fromkeys(_sections("", whole, parts))  # a table that several terms may hold is told once
    origin = [f"## A number's origin\n\n{FIGURE_KEYS}\n", _table(parts["Origin"], parts, "")]
    return "\n".join([PREFACE, *sections, *origin])


def _sections(place: str, part: Node, parts: Mapping[str, Node], said: str = "") -> Iterator[str]:
    """Yield a part's heading, words (what its key says, then its own) and table, then those of the tables inside."""
    pays = part["properties"].get("pays", {}).get("const")
    heading = place if place.endswith("]]") else f"[{place}]"
    title = f"## `{heading}`{f' that pays {pays}' if pays else ''}\n" if place else "## Top of the file\n"
    words = _words(place, said, _one_line(part.get("description", "")))
    yield "\n".join(text for text in [title, words and f"{words}\n", _table(part, parts, place)] if text)
    for key, node in part["properties"].items():
        for inner_place, inner in _inner_tables(f"{place.strip('[]')}.{key}".lstrip("."), node, parts):
            yield from _sections(inner_place, inner, parts, node.get("description", ""))


def _words(place: str, said: str, own: str) -> str:
    """Return what a table is: what its key says of it, unless that adds nothing, then its own words."""
    adds = "." in place and said.rstrip(".") not in own
    return f"{_one_line(said)} {own}".strip() if adds else own


def _inner_tables(place: str, node: Node, parts: Mapping[str, Node]) -> Iterator[tuple[str, Node]]:
    """Yield the tables that a key leads to, with their headings; those of a map or a list have NAME or [[...]]."""
    for choice in [node, *node.get("anyOf", ())]:
        if "$ref" in choice:
            yield place, parts[_name(choice)]
        for inner in [*choice.get("patternProperties", {}).values(), choice.get("additionalProperties")]:
            if isinstance(inner, dict) and "$ref" in inner:
                yield f"{place}.{'TYPE' if place == 'prices.index' else 'NAME'}", parts[_name(inner)]
        items = choice.get("items", {})
        for inner in [items, *items.get("oneOf", ())]:
            if "$ref" in inner:
                yield f"[[{place}]]", parts[_name(inner)]


def _table(part: Node, parts: Mapping[str, Node], place: str) -> str:
    """Return the rows of a part's own keys, or nothing if it holds only tables."""
    rows = [
        f"| `{key}` | {_kind(key, node, place)} | {_range(node)} | {_default(key, node, part)} | "
        f"{_one_line(node.get('description', ''))} |"
        for key, node in part["properties"].items()
        if not [*_inner_tables("x", node, parts)]
    ]
    heading = ["| key | holds | range | default | meaning |", "|---|---|---|---|---|"]
    return "\n".join([*heading, *rows, ""]) if rows else ""


def _one_line(text: str) -> str:
    return " ".join(text.split()).replace("|", "/")


def _kind(key: str, node: Node, place: str) -> str:
    """Return what a key holds, with its unit: "number, GBP a week"."""
    kind = " or ".join(dict.fromkeys(_bare_kind(choice) for choice in _choices(node)))
    unit = unit_of((*place.strip("[]").split("."), key)) if "number" in kind else ""
    return f"{kind}, {unit}" if unit else kind


def _choices(node: Node) -> list[Node]:
    return [choice for choice in node.get("anyOf", [node]) if choice != {"type": "null"}]


def _bare_kind(node: Node) -> str:
    allowed = [node["const"]] if "const" in node else node.get("enum", ())
    if allowed:
        return " or ".join(f'`"{value}"`' for value in allowed)
    if node.get("type") == "array":
        return _list_kind(node)
    if "patternProperties" in node:
        by = "financial year" if any(YEAR_PATTERN in key for key in node["patternProperties"]) else "name"
        return f"table of numbers by {by}"
    if YEAR_PATTERN in node.get("pattern", ""):
        return 'financial year such as `"2018-19"`'
    names = {"integer": "whole number", "number": "number", "boolean": "true or false", "string": "text"}
    return "date" if node.get("format") == "date" else names[node["type"]]


def _list_kind(node: Node) -> str:
    if _is_weights(node):
        return f"list of {node['minLength']} weights"
    inner = _bare_kind((node.get("prefixItems") or [node["items"]])[0]).replace("text", "name")
    least, most = node.get("minItems"), node.get("maxItems")
    size = f"{least} " if least is not None and least == most else ""
    return f"{size}{inner.replace('list', 'lists')}" if inner.startswith("list") else f"list of {size}{inner}s"


def _range(node: Node) -> str:
    """Return the range of the numbers that a key holds, "0 to 1"."""
    inner = [choice if _is_weights(choice) else choice.get("items", choice) for choice in _choices(node)]
    return "; ".join(dict.fromkeys(text for text in map(_bounds, inner) if text))


def _bounds(node: Node) -> str:
    if "items" in node:
        return ""
    inner = next(iter(node.get("patternProperties", {}).values()), node)
    low, high = inner.get("minimum"), inner.get("maximum")
    above, below = inner.get("exclusiveMinimum"), inner.get("exclusiveMaximum")
    start = f"above {above:g}" if above is not None else f"{low:,g}" if low is not None else ""
    if below is not None:
        return f"{start}, below {below:g}"
    if high is not None and high < NO_LIMIT:
        return f"{start}{',' if above is not None else ''} to {_big(high)}"
    return f"{start} or more" if low is not None else start


def _big(value: float) -> str:
    return f"{value:,.0f}" if value == int(value) else f"{value:g}"


def _default(key: str, node: Node, part: Node) -> str:
    if key in part.get("required", ()):
        return "required"
    value = node.get("default")
    if value is None or value == "":
        return "none"
    if isinstance(value, list):
        same = len(set(value)) == 1 and len(value) > 1
        return f"all {_big(value[0])}" if same else ", ".join(map(_plain, value)) or "none"
    return _plain(value)


def _plain(value: Any) -> str:
    return f"`{json.dumps(value)}`" if isinstance(value, str | bool) else _big(value)


# ---- a starter ----------------------------------------------------------------------------------------------------

STARTER_INPUTS = (
    r"clock\.(day_0|referrals_until|delivery_end|outcomes_end)",
    r"referrals\.(accept_prob|engage_prob|patience_days)",
    r"child\.(three_or_more_needs_prob|frailty_variance)",
    r"therapies\..*\.(share_suited|mean_days|completion_prob)",
    r"care\.stay\.stay_to_18.*",
    r"effect\.(usual|therapy)",
    r"tracking\.(delay_days|days)",
    r"prices\.(gbp_per_week|cashable_share)\..*",
    r"costs\.set_up_gbp",
    r"contract\.(cap_gbp|top_up\.share|top_up\.cap_gbp)",
    r"capital\.(commitment_gbp|minimum_cash_gbp|target_irr_per_year)",
    r"boroughs\..*\.(referrals_per_year|join_date)",
    r"teams\..*\.(n_therapists|caseload_per_therapist|cost_gbp_per_year)",
)


def starter(name: str, base: Scenario) -> str:
    """Return a commented scenario file that extends a shipped one and so far changes only its title.

    Each input that a contract usually sets stands in it with its present value, behind a # to be removed.
    """
    chosen = [e for e in entries(base) if any(re.fullmatch(p, e.id) for p in STARTER_INPUTS) and e.value is not None]
    lines = [_starter_head(name, base)]
    table = ""
    for entry in chosen:
        here = ".".join(map(str, entry.path[:-1]))
        if here != table:
            lines += ["", f"[{here}]"]
            table = here
        lines += [f"# {entry.meaning}", _starter_line(entry)]
    return "\n".join([*lines, "", *_starter_terms(base)])


def _starter_head(name: str, base: Scenario) -> str:
    return f"""# {name}: a scenario of your own. It starts as {base.name} and changes what you set below.
#
# A line that begins with # and no space is an input with its present value: remove the # and change it. Write where
# the number comes from as its source, and its quality: data (official statistics), research (a published text) or
# judgement (nobody has published it). low and high are the range it could have.
#
#   edgeofcare check {name}.toml
#       names every fault with its line
#   edgeofcare diff {base.name} {name}.toml
#       shows what you have changed
#   edgeofcare run {name}.toml
#       runs it
#   edgeofcare schema --out scenario.schema.json
#       lets an editor know every key, if "#:schema scenario.schema.json" is the first line of this file
#
# All keys, units and ranges: scenarios/README.md. A new borough is a new table [boroughs.NAME] with name and
# referrals_per_year, and must be named in the boroughs of a team.

extends = {json.dumps(base.name)}
title = {json.dumps(f"{name}, a copy of {base.name}")}"""


def _starter_line(entry: Entry) -> str:
    low_high = f", low = {_toml(entry.span[0])}, high = {_toml(entry.span[1])}" if entry.span else ""
    unit = f', unit = "{entry.unit}"' if entry.unit else ""
    return (
        f"#{entry.path[-1]} = {{value = {_toml(entry.value)}{low_high}{unit}, "
        f'source = "Write here where this comes from", quality = "judgement"}}'
    )


def _starter_terms(base: Scenario) -> Iterator[str]:
    """Yield the contract's terms, commented out: a list of tables is always replaced whole."""
    yield "# What is paid for. If you set one term, write all of them: this list replaces that of the scenario above."
    for term in base.contract.terms:
        yield "#[[contract.terms]]"
        for key, value in term.model_dump(exclude_none=True).items():
            if value != ():
                yield f"#{key} = {_toml(value)}"


def _toml(value: Any) -> str:
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, tuple | list):
        return f"[{', '.join(_toml(v) for v in value)}]"
    if isinstance(value, dict):
        return f"{{{', '.join(f'{key} = {_toml(v)}' for key, v in value.items())}}}"
    return json.dumps(value, ensure_ascii=False)
