"""Open business cases for outcomes contracts that help young people on the edge of care to stay at home."""

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
    from edgeofcare.questions.cost_sharing.cost_sharing import shares as cost_sharing
    from edgeofcare.questions.exposure import exposure as exposure
    from edgeofcare.questions.join import join as join
    from edgeofcare.questions.lint import lint as lint
    from edgeofcare.questions.reforecast import update as reforecast
    from edgeofcare.questions.sensitivity.design_point import reverse_stress as reverse_stress
    from edgeofcare.questions.sensitivity.grid import grid as grid
    from edgeofcare.questions.sensitivity.perfect_information import value_of_information as value_of_information
    from edgeofcare.questions.sensitivity.sobol_study import sobol as sobol
    from edgeofcare.questions.sensitivity.switching_values import switching_values as switching_values
    from edgeofcare.questions.sensitivity.tornado import tornado as tornado
    from edgeofcare.questions.stress import stress as stress
    from edgeofcare.questions.target_readings import readings as calibrate
    from edgeofcare.questions.verify import verify as verify
    from edgeofcare.walk import Run as Run
    from edgeofcare.walk import run as run

# Each public name, and where it is: questions have the names of the command line's verbs.
_PUBLIC = {
    "Run": "walk:Run",
    "backtest": "questions.backtest:backtest",
    "breakeven": "questions.breakeven:breakeven",
    "calibrate": "questions.target_readings:readings",
    "contracts": "questions.contracts:contracts",
    "cost_sharing": "questions.cost_sharing.cost_sharing:shares",
    "exposure": "questions.exposure:exposure",
    "grid": "questions.sensitivity.grid:grid",
    "join": "questions.join:join",
    "lint": "questions.lint:lint",
    "load": "inputs.load:load",
    "make_case": "questions.case:make_case",
    "reforecast": "questions.reforecast:update",
    "reverse_stress": "questions.sensitivity.design_point:reverse_stress",
    "run": "walk:run",
    "sobol": "questions.sensitivity.sobol_study:sobol",
    "stress": "questions.stress:stress",
    "switching_values": "questions.sensitivity.switching_values:switching_values",
    "tornado": "questions.sensitivity.tornado:tornado",
    "value_of_information": "questions.sensitivity.perfect_information:value_of_information",
    "verify": "questions.verify:verify",
    "with_values": "inputs.load:with_values",
    "write_report": "documents.papers.report:write_report",
}
__all__ = [
    "Run",
    "backtest",
    "breakeven",
    "calibrate",
    "contracts",
    "cost_sharing",
    "exposure",
    "grid",
    "join",
    "lint",
    "load",
    "make_case",
    "reforecast",
    "reverse_stress",
    "run",
    "sobol",
    "stress",
    "switching_values",
    "tornado",
    "value_of_information",
    "verify",
    "with_values",
    "write_report",
]


def __getattr__(name: str) -> Any:
    """Load a public name when it is first used, so that `import edgeofcare` costs nothing."""
    if name in _PUBLIC:
        module, _, attribute = _PUBLIC[name].partition(":")
        return getattr(import_module(f"edgeofcare.{module}"), attribute)
    raise AttributeError(f"module 'edgeofcare' has no attribute {name!r}; it has {', '.join(__all__)}")


def __dir__() -> list[str]:
    """List the public names."""
    return __all__
