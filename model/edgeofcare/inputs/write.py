"""A whole scenario as one TOML file that needs no other. In: a scenario. Out: text that loads to the same scenario.

Must not know: what the numbers mean.
"""

from __future__ import annotations

from typing import Any

from edgeofcare.inputs.load import value_at
from edgeofcare.inputs.messages import FILLED
from edgeofcare.inputs.schema import Origin, Scenario
from edgeofcare.inputs.sourced import is_number, within
from edgeofcare.inputs.toml_lines import KeyPath, dotted

CHANGED = ", with changes"


def told_as_set(scenario: Scenario, published: Scenario, where: str) -> Scenario:
    """Return the scenario with the origins of numbers that differ from the published ones told as set, a judgement.

    where: who set them ("Set on the page"). Their ranges go: they were those of other numbers.
    """
    origins = dict(scenario.origins)
    for path, origin in scenario.origins.items():
        try:
            before, now = value_at(published, path), value_at(scenario, path)
        except LookupError:
            continue
        if before != now and is_number(before):
            told = f"{where}; {before:g} in {published.name}" + (f" ({origin.source})" if origin.source else "")
            origins[path] = Origin(unit=origin.unit, name=origin.name, source=told, quality="judgement")
    if origins == scenario.origins:
        return scenario
    changed = {"origins": origins, "title": f"{scenario.title.removesuffix(CHANGED)}{CHANGED}"}
    pairs = tuple(pair for pair in scenario.correlations if all(_ranged(origins, path) for path in pair.between))
    return scenario.model_copy(update=changed | {"correlations": pairs})


def _ranged(origins: dict[str, Origin], path: str) -> bool:
    return path in origins and origins[path].low is not None


def as_toml(scenario: Scenario) -> str:
    """Return every value with its range and source; `load` of the file gives the same values, ranges and sources."""
    import tomlkit

    page = tomlkit.document()
    tree = scenario.model_dump(exclude=FILLED)
    for key in sorted(tree, key=lambda key: isinstance(tree[key], dict | tuple)):  # plain keys stand before tables
        if tree[key] is not None:
            page[key] = _written(tree[key], (key,), scenario.origins, inline=False)
    return tomlkit.dumps(page)


def _written(node: Any, path: KeyPath, origins: dict[str, Origin], inline: bool) -> Any:
    """Return a value as TOML writes it; numbers with an origin, and all within lists, are tables in one line."""
    import tomlkit

    origin = origins.get(dotted(path))
    if origin is not None:
        told = origin.model_dump(exclude_defaults=True)
        if origin.low is not None and not within(node, origin.low, origin.high):  # a number set outside has no range
            told = {key: told[key] for key in told if key not in ("low", "high", "distribution")}
        figure = tomlkit.inline_table()
        figure["value"] = _written(node, path, {}, inline=True)
        figure.update(told)
        return figure
    if isinstance(node, dict):
        table: Any = tomlkit.inline_table() if inline else tomlkit.table()
        there = {key: child for key, child in node.items() if child is not None}
        for key in sorted(there, key=lambda key: not inline and isinstance(there[key], dict)):
            table[str(key)] = _written(there[key], (*path, key), origins, inline)
        return table
    if isinstance(node, list | tuple):
        items = tomlkit.array()
        for i, child in enumerate(node):
            items.append(_written(child, (*path, i), origins, inline=True))
        return items.multiline(any(isinstance(child, dict) for child in node))
    return node
