"""The published rows of the evidence prior, and keys of the effect that exclude one another.

In: the reference folder, tables as written. Out: tables for the schema. Must not know: engines, money.
"""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any

from edgeofcare.inputs.schema import BaseWorld, Study

# Of each group one key is given; a file that extends another replaces the base's choice by naming another key.
RIVALS = (("usual", "entry_scale_days"), ("therapy", "hazard_ratio", "odds_ratio", "risk_ratio"))


def published_evidence(folder: Path) -> dict[str, Any]:
    """Return the rows of reference/evidence.toml that the prior needs."""
    tree = tomllib.loads((folder / "reference" / "evidence.toml").read_text("utf-8"))
    return {
        "studies": [{key: row[key] for key in Study.model_fields} for row in tree["study"]],
        "base_worlds": [{key: row[key] for key in BaseWorld.model_fields} for row in tree["base_world"]],
    }


def effect_as_table(tree: dict[str, Any]) -> dict[str, Any]:
    """Return a file's tables with `effect = "evidence"` written out as a table."""
    effect = tree.get("effect")
    return tree | {"effect": {"prior": effect}} if isinstance(effect, str) else tree


def without_rivals(below: dict[str, Any], above: dict[str, Any]) -> dict[str, Any]:
    """Return the tables below without the keys of the effect that the file above replaces by another of its group."""
    old, new = below.get("effect"), above.get("effect")
    if not isinstance(old, dict) or not isinstance(new, dict):
        return below
    replaced = {key for group in RIVALS if any(key in new for key in group) for key in group if key not in new}
    return below | {"effect": {key: value for key, value in old.items() if key not in replaced}}
