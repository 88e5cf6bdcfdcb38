"""Reference files read whole. In: the name of a topic. Out: its tables. Must not know: engines, money."""

from __future__ import annotations

import tomllib
from functools import lru_cache
from typing import Any

from edgeofcare.inputs.files import scenario_folder


@lru_cache(maxsize=16)
def reference_file(name: str) -> dict[str, Any]:
    """Return the tables of scenarios/reference/NAME.toml."""
    return tomllib.loads((scenario_folder() / "reference" / f"{name}.toml").read_text("utf-8"))


@lru_cache(maxsize=1)
def adolescent_starts() -> dict[str, dict[str, float]]:
    """Return the published adolescent care starts a year by authority: columns low, central, high and others.

    Young people of 10 to 17, without unaccompanied asylum-seeking children; low and high differ where counts are
    hidden.
    """
    topic = reference_file("care_starts")["adolescent_excluding_uasc"]
    rows = {slug: row for table in ("by_authority", "by_area") for slug, row in topic.get(table, {}).items()}
    return {slug: dict(zip(topic["columns"], row, strict=True)) for slug, row in rows.items()}
