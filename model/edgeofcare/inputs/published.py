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
