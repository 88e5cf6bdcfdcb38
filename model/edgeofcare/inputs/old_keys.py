"""Keys of version 0.1, read for one release: the share suited to MST, and the sex of a child, which had no effect.

In: a file's tables and the lines of its keys. Out: the same in today's keys. Must not know: the schema, what stands in
other files. This is the one place in the code that knows two programmes by name: 0.1 had no others.
"""

from __future__ import annotations

from typing import Any

from edgeofcare.inputs.toml_lines import KeyPath

FIRST = "mst"
OLD_KEY, SHARE = "suited_to_mst_prob", "share_suited"
OLD_PATH, NEW_PATH = ("child", OLD_KEY), ("therapies", FIRST, SHARE)


def in_todays_keys(tree: dict[str, Any], lines: dict[KeyPath, int]) -> dict[str, Any]:
    """Return a file's tables with old keys replaced; the new keys get the lines of the old ones.

    `child.suited_to_mst_prob = p` is `therapies.mst.share_suited = p`, and a borough's own is its `share_suited`; FFT
    takes the rest. `child.female_prob` goes. A file that has the new key too keeps both, and the old one is refused.
    """
    child, boroughs = tree.get("child"), tree.get("boroughs")
    if isinstance(child, dict):
        tree = tree | {"child": {key: value for key, value in child.items() if key != "female_prob"}}
        if OLD_KEY in child and _can_take(tree):
            tree = _with_share(tree, lines)
    if isinstance(boroughs, dict):
        tree = tree | {"boroughs": {slug: _borough(slug, table, lines) for slug, table in boroughs.items()}}
    return tree


def old_shares(lines: dict[KeyPath, int]) -> list[KeyPath]:
    """Return where a file wrote the old key; lines: of its keys."""
    return [path for path in lines if path == OLD_PATH or (len(path) == 3 and path[-1] == OLD_KEY)]


def drawn_as(path: str) -> str:
    """Return the name by which an uncertain input is drawn: as in 0.1, so that its draws stay the same."""
    return ".".join(OLD_PATH) if path == ".".join(NEW_PATH) else path


def _can_take(tree: dict[str, Any]) -> bool:
    therapies = tree.get("therapies", {})
    first = therapies.get(FIRST, {}) if isinstance(therapies, dict) else None
    return isinstance(first, dict) and SHARE not in first


def _with_share(tree: dict[str, Any], lines: dict[KeyPath, int]) -> dict[str, Any]:
    """Move the share from the child to the therapy; MST comes first, as it did."""
    child, therapies = dict(tree["child"]), tree.get("therapies", {})
    share = child.pop(OLD_KEY)
    if OLD_PATH in lines:
        lines[NEW_PATH] = lines[OLD_PATH]
    first = {FIRST: therapies.get(FIRST, {}) | {SHARE: share}}
    pairs = tree.get("correlations")
    if isinstance(pairs, list):
        tree = tree | {"correlations": [_pair(pair) for pair in pairs]}
    return tree | {"child": child, "therapies": first | {n: t for n, t in therapies.items() if n != FIRST}}


def _pair(pair: Any) -> Any:
    between = pair.get("between") if isinstance(pair, dict) else None
    if not isinstance(between, list):
        return pair
    return pair | {"between": [".".join(NEW_PATH) if path == ".".join(OLD_PATH) else path for path in between]}


def _borough(slug: str, table: Any, lines: dict[KeyPath, int]) -> Any:
    if not isinstance(table, dict) or OLD_KEY not in table or SHARE in table:
        return table
    old = ("boroughs", slug, OLD_KEY)
    if old in lines:
        lines[("boroughs", slug, SHARE)] = lines[old]
    return {key: value for key, value in table.items() if key != OLD_KEY} | {SHARE: {FIRST: table[OLD_KEY]}}
