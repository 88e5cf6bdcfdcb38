"""Open business cases for outcomes contracts that keep children on the edge of care at home."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from edgeofcare.analysis.backtest import backtest as backtest
    from edgeofcare.analysis.breakeven import breakeven as breakeven
    from edgeofcare.analysis.case import make_case as make_case
    from edgeofcare.analysis.contracts import compare_contracts as compare_contracts
    from edgeofcare.analysis.exposure import exposures as exposures
    from edgeofcare.analysis.join import join as join
    from edgeofcare.analysis.stress import stress as stress
    from edgeofcare.documents.report import write_report as write_report
    from edgeofcare.inputs.load import load as load
    from edgeofcare.inputs.load import with_values as with_values
    from edgeofcare.walk import Run as Run
    from edgeofcare.walk import run as run

_PUBLIC = {
    "Run": "edgeofcare.walk",
    "backtest": "edgeofcare.analysis.backtest",
    "breakeven": "edgeofcare.analysis.breakeven",
    "compare_contracts": "edgeofcare.analysis.contracts",
    "exposures": "edgeofcare.analysis.exposure",
    "join": "edgeofcare.analysis.join",
    "load": "edgeofcare.inputs.load",
    "make_case": "edgeofcare.analysis.case",
    "run": "edgeofcare.walk",
    "stress": "edgeofcare.analysis.stress",
    "with_values": "edgeofcare.inputs.load",
    "write_report": "edgeofcare.documents.report",
}
__all__ = sorted(_PUBLIC)


def __getattr__(name: str) -> Any:
    """Load a public name when it is first used, so that `import edgeofcare` costs nothing."""
    if name in _PUBLIC:
        return getattr(import_module(_PUBLIC[name]), name)
    raise AttributeError(f"module 'edgeofcare' has no attribute {name!r}; it has {', '.join(__all__)}")


def __dir__() -> list[str]:
    """List the public names."""
    return __all__
