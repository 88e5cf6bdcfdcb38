"""Files laid over one another. In: layers, the base first. Out: one tree of tables, and who wrote each value.

A file may take parts of its base out (`remove`), then tables merge and everything else replaces. For every value the
file and line are kept, and what it replaced. Must not know: what most keys mean; evidence.py knows those of the effect.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from edgeofcare.errors import Fault, InputWarning
from edgeofcare.inputs.evidence import (
    effect_as_table,
    inherited_levels_fault,
    with_kept_odds,
    without_idle_pairs,
    without_rivals,
)
from edgeofcare.inputs.files import Layer
from edgeofcare.inputs.old_keys import SHARE, old_shares
from edgeofcare.inputs.sourced import ORIGIN_KEYS, Figure, Resolver, choices, overlay
from edgeofcare.inputs.toml_lines import KeyPath, Source, dotted
from edgeofcare.inputs.written import Place, Written

Tree = dict[str, Any]


@dataclass
class _Mark:
    """Places of one key, and the marks inside it."""

    places: tuple[Place, ...] = ()
    inner: dict[str | int, _Mark] = field(default_factory=dict)
    is_table: bool = False


@dataclass(frozen=True)
class Merged:
    """Layers laid over one another: tables with figures in them, who wrote each, and what was wrong on the way."""

    tree: Tree
    written: Written
    faults: list[Fault]


def merge(layers: Sequence[Layer], look_up: Callable[[Any], Figure], is_scenario: bool = True) -> Merged:
    """Lay files over one another, the base first; `look_up` finds what a pointer to a published figure means.

    is_scenario: whether `effect` may be one word and `remove` takes parts of the base out, as in scenarios alone.
    """
    tree: Tree = {}
    marks = _Mark(is_table=True)
    faults: list[Fault] = []
    notes: list[InputWarning] = []
    for number, layer in enumerate(layers):
        step = Resolver(layer.source, look_up)
        own = dict(layer.tree)
        removed = own.pop("remove", None) if is_scenario else None
        resolved = step.resolve(own)
        written = effect_as_table(resolved) if is_scenario else resolved
        faults += step.faults
        emptied: list[str] = []
        if removed is not None:
            tree, emptied, found = without_removed(tree, removed, written, layer.source)
            faults += found
        if number:
            base = layers[number - 1].path.stem
            if fault := inherited_levels_fault(tree, written, layer.source, base):
                faults.append(fault)
            written, note = with_kept_odds(tree, written, layer.source, base)
            notes += [note] if note else []
        merged = overlay(without_rivals(tree, written), written, layer.path.name)
        tree = without_idle_pairs(merged, tree, written)
        faults += [fault for name in emptied if (fault := _serves_nobody(tree, name, removed, layer.source))]
        marks = _marked(written, number, layer.source, (), None, marks)
    tree = _without_idle_shares(tree, layers) if is_scenario else tree
    names = tuple(layer.source.name for layer in layers)
    return Merged(tree, Written(names, dict(_places(marks, tree, ())), tuple(notes)), faults)


def written_over(below: Written, above: Written) -> Written:
    """Return who wrote what once one file is laid over a scenario."""
    if not below.files:
        return above
    n = len(below.files)
    places = dict(below.places)
    for path, (place, *_) in above.places.items():
        places[path] = (replace(place, layer=n), *below.places.get(path, ()))
    return Written((*below.files, *above.files), places, below.notes)


def _marked(node: Any, layer: int, source: Source, path: KeyPath, line: int | None, below: _Mark | None) -> _Mark:
    """Return the marks of what a file writes, with those of what it covers."""
    line = source.lines.get(path, line)
    covered = below.places if below else ()
    if isinstance(node, dict) and covered and below and not below.is_table and node.keys() <= ORIGIN_KEYS:
        place = Place(layer, source.name, line, covered[0].value, node.get("low"), node.get("high"))
        return _Mark((place, *covered))  # keys of an origin laid over a figure, whose value stays
    if isinstance(node, Figure):
        ends = (node.origin.get("low"), node.origin.get("high"))
        return _Mark((Place(layer, source.name, line, node.value, *ends), *covered))
    is_table = isinstance(node, dict)
    inner = dict(below.inner) if below is not None and is_table and below.is_table else {}
    if isinstance(node, dict | list):
        for key, child in node.items() if isinstance(node, dict) else enumerate(node):
            inner[key] = _marked(child, layer, source, (*path, key), line, inner.get(key))
    here = Place(layer, source.name, line, None if is_table else node, is_plain=not is_table)
    return _Mark((here, *covered), inner, is_table)


def _places(mark: _Mark, node: Any, path: KeyPath) -> Iterator[tuple[str, tuple[Place, ...]]]:
    """Give the places of all that is left in the merged tree."""
    children = node.items() if isinstance(node, dict) else enumerate(node) if isinstance(node, list) else ()
    for key, child in children:
        inner = mark.inner.get(key)
        if inner is not None:
            if inner.places:
                yield dotted((*path, key)), inner.places
            yield from _places(inner, child, (*path, key))


# ---- remove ----------------------------------------------------------------------------------------------------------


def without_removed(tree: Tree, asked: Any, above: Tree, source: Source) -> tuple[Tree, list[str], list[Fault]]:
    """Return the base without what a file removes, the teams that are left with no borough, and faults.

    A borough that is removed leaves the list of every team; correlations of anything removed go.
    """
    if not isinstance(asked, list) or not all(isinstance(path, str) for path in asked):
        return tree, [], [source.fault(("remove",), 'must be a list of keys, such as ["boroughs.sutton"]')]
    faults, gone = [], []
    for path in asked:
        found = list(_meant(tree, path))
        if not found:
            near = choices(path, [f"{table}.{name}" for table, name in _removable(tree)], "Keys")
            faults.append(source.fault(("remove",), f"there is no {path} to remove", "", near))
        gone += found
    for path in gone:
        tree = _without(tree, path)
    boroughs = {path[1] for path in gone if path[0] == "boroughs" and len(path) == 2}
    tree, emptied = _without_boroughs(tree, boroughs)
    return _without_pairs(tree, gone), emptied, faults


def _removable(tree: Tree) -> Iterator[tuple[str, str]]:
    for table, node in tree.items():
        if isinstance(node, dict):
            yield from ((table, str(name)) for name in node)


def _meant(tree: Tree, path: str) -> Iterator[tuple[str, ...]]:
    """Give the keys that a path means: itself, or with * at its end all inside a table."""
    parts = tuple(path.split("."))
    node: Any = tree
    for part in parts[:-1]:
        node = node.get(part) if isinstance(node, dict) else None
    if isinstance(node, dict) and parts[-1] == "*":
        yield from ((*parts[:-1], str(key)) for key in node)
    elif isinstance(node, dict) and parts[-1] in node:
        yield parts


def _without(node: Any, path: Sequence[str]) -> Any:
    if not isinstance(node, dict) or path[0] not in node:
        return node
    if len(path) == 1:
        return {key: child for key, child in node.items() if key != path[0]}
    return node | {path[0]: _without(node[path[0]], path[1:])}


def _without_boroughs(tree: Tree, gone: set[str]) -> tuple[Tree, list[str]]:
    """Return the tree with these boroughs out of every team's list, and the teams that serve nobody any more."""
    teams, emptied = tree.get("teams"), []
    if not gone or not isinstance(teams, dict):
        return tree, []
    left = {}
    for name, team in teams.items():
        served = team.get("boroughs") if isinstance(team, dict) else None
        if isinstance(served, list):
            kept = [slug for slug in served if slug not in gone]
            emptied += [str(name)] if served and not kept else []
            team = team | {"boroughs": kept}
        left[name] = team
    return tree | {"teams": left}, emptied


def _without_pairs(tree: Tree, gone: Sequence[tuple[str, ...]]) -> Tree:
    pairs = tree.get("correlations")
    if not isinstance(pairs, list):
        return tree
    heads = tuple(f"{dotted(path)}." for path in gone)
    kept = [
        pair
        for pair in pairs
        if not (
            isinstance(pair, dict)
            and isinstance(pair.get("between"), list)
            and any(f"{path}.".startswith(heads) for path in pair["between"])
        )
    ]
    return tree | {"correlations": kept} if heads else tree


def _without_idle_shares(tree: Tree, layers: Sequence[Layer]) -> Tree:
    """Return the tree without shares of families where only one therapy is left of several, or was written in 0.1."""
    asked = [path for layer in layers for path in _listed(layer.tree.get("remove"))]
    old = [path for layer in layers for path in old_shares(layer.source.lines)]
    if not old and not any(isinstance(path, str) and path.startswith("therapies.") for path in asked):
        return tree
    therapies, boroughs = _tables(tree.get("therapies")), _tables(tree.get("boroughs"))
    described = {name: table for name, table in therapies.items() if table.keys() != {SHARE}}
    if len(described) != 1:
        return tree
    without = {"therapies": described, "boroughs": boroughs}
    return tree | {
        room: {name: _without(table, [SHARE]) for name, table in tables.items()}
        for room, tables in without.items()
        if tables
    }


def _listed(node: Any) -> list[Any]:
    return node if isinstance(node, list) else []


def _tables(node: Any) -> dict[str, Tree]:
    """Return a table of tables as it is, and nothing for what is not one."""
    return node if isinstance(node, dict) and all(isinstance(child, dict) for child in node.values()) else {}


def _serves_nobody(tree: Tree, team: str, removed: Any, source: Source) -> Fault | None:
    """Return a fault for a team that lost all its boroughs and was given no others."""
    left = tree.get("teams", {}).get(team)
    if not isinstance(left, dict) or left.get("boroughs") != []:
        return None
    names = " and ".join(path.removeprefix("boroughs.") for path in removed if path.startswith("boroughs."))
    rule = f"team {team} serves nobody once {names} {'are' if ' and ' in names else 'is'} removed"
    hint = f"Remove it too (teams.{team}), or give it boroughs."
    return Fault(source.name, source.line(("remove",)), f"teams.{team}", rule, "", hint)
