"""Open business cases for outcomes contracts that keep children on the edge of care at home."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from edgeofcare.documents.papers.report import write_report as write_report
    from edgeofcare.inputs.load import load as load
    from edgeofcare.inputs.load import with_values as with_values
    from edgeofcare.questions.backtest import backtest as backtest
    from edgeofcare.questions.breakeven import breakeven as breakeven
    from edgeofcare.questions.case import make_case as make_case
    from edgeofcare.questions.contracts import contracts as contracts
    from edgeofcare.questions.exposure import exposure as exposure
    from edgeofcare.questions.join import join as join
    from edgeofcare.questions.stress import stress as stress
    from edgeofcare.walk import Run as Run
    from edgeofcare.walk import run as run

_PUBLIC = {
    "Run": "edgeofcare.walk",
    "backtest": "edgeofcare.questions.backtest",
    "breakeven": "edgeofcare.questions.breakeven",
    "contracts": "edgeofcare.questions.contracts",
    "exposure": "edgeofcare.questions.exposure",
    "join": "edgeofcare.questions.join",
    "load": "edgeofcare.inputs.load",
    "make_case": "edgeofcare.questions.case",
    "run": "edgeofcare.walk",
    "stress": "edgeofcare.questions.stress",
    "with_values": "edgeofcare.inputs.load",
    "write_report": "edgeofcare.documents.papers.report",
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
