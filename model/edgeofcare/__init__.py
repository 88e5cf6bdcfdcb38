"""Open business cases for outcomes contracts that keep children on the edge of care at home."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from edgeofcare.inputs.load import load as load
    from edgeofcare.walk import Run as Run
    from edgeofcare.walk import run as run

_PUBLIC = {"load": "edgeofcare.inputs.load", "run": "edgeofcare.walk", "Run": "edgeofcare.walk"}
__all__ = sorted(_PUBLIC)


def __getattr__(name: str) -> Any:
    """Load a public name when it is first used, so that `import edgeofcare` costs nothing."""
    if name in _PUBLIC:
        return getattr(import_module(_PUBLIC[name]), name)
    raise AttributeError(f"module 'edgeofcare' has no attribute {name!r}; it has {', '.join(__all__)}")


def __dir__() -> list[str]:
    """List the public names."""
    return __all__
