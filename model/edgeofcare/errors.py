"""The errors a user can cause. In: where, which rule, what was found, what to do next. Out: one readable sentence.

Every error that is the user's to mend derives from `EdgeOfCareError`; the command line prints it and exits with 2.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

MOST_SHOWN = 60  # faults of one file


class EdgeOfCareError(Exception):
    """Root of all errors that a user can mend."""


@dataclass(frozen=True)
class Fault:
    """One fault in an input file: where it is, the rule it breaks, what was found and the next step."""

    file: str
    line: int | None
    path: str
    rule: str
    got: str = ""
    hint: str = ""

    def __str__(self) -> str:
        place = f"{self.file}:{self.line}" if self.line else self.file
        key = f": {self.path}" if self.path else ""
        got = f" (got {self.got})" if self.got else ""
        hint = f" {self.hint}" if self.hint else ""
        return f"{place}{key}: {self.rule}{got}.{hint}"


@dataclass(frozen=True)
class InputWarning:
    """Something in an input file that is allowed and probably not meant.

    id: of the rule (W1, W2, ...); key: dotted; file, line: where the user can mend it; sentence: what and how.
    """

    id: str
    key: str
    file: str
    line: int | None
    sentence: str

    def __str__(self) -> str:
        place = f"{self.file}:{self.line}" if self.line else self.file
        return f"{place}: {self.id}: {self.sentence}"


class InputError(EdgeOfCareError):
    """One or more faults in what the user wrote, all shown at once (the first `MOST_SHOWN` of very many)."""

    def __init__(self, faults: Sequence[Fault]) -> None:
        self.faults = list(faults)
        heading = f"{self.faults[0].file} has {len(self.faults)} faults\n  " if len(self.faults) > 1 else ""
        shown = [str(fault) for fault in self.faults[:MOST_SHOWN]]
        more = len(self.faults) - len(shown)
        super().__init__(heading + "\n  ".join([*shown, *([f"and {more:,} more faults"] if more else [])]))


class OptionError(EdgeOfCareError):
    """An option of a command or an argument of a function is out of its range."""


class CalibrationError(EdgeOfCareError):
    """A target cannot be reached by any rate of entry or hazard ratio.

    arm: whose target, `usual` or `therapy`; target, low, high: the target and what can be reached, in its own measure.
    """

    def __init__(self, told: str, arm: str = "", target: float = 0.0, low: float = 0.0, high: float = 0.0) -> None:
        super().__init__(told)
        self.arm, self.target, self.low, self.high = arm, target, low, high


class RunFolderError(EdgeOfCareError):
    """A run folder exists already, cannot be written, or cannot be read back."""


class BusyError(EdgeOfCareError):
    """Another run is writing to the same place."""


class ClusterError(EdgeOfCareError):
    """A cluster does not answer, lost its workers, or runs other sources."""


class IdentityError(AssertionError):
    """An identity of the model does not hold: a defect of the program, never the user's fault."""
